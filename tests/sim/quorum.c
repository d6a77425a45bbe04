// SPDX-License-Identifier: GPL-2.0-only
/*
 * Elections and heartbeats: UDP datagrams that really travel between the slots' ports, so that each
 * recv event has a packet and each vote is counted by who got it. When an election begins is the
 * scenario's decision (play.c); how it goes is decided here by the messages.
 */
#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define DELAY_WORTH_A_LINE_S 3 /* quorum.c of the module logs heartbeat delays from 3 s on */

static unsigned majority(const struct sim *s)
{
	return s->set.nodes > 2 ? s->set.nodes / 2 + 1 : 1;
}

static void loop_event(struct sim *s, struct node *n)
{
	uint64_t wait = n->role == ROLE_LEADER ? s->set.heartbeat_ns : s->set.heartbeat_timeout_ns;
	struct ev_loop r = {
		.fsid = s->fsid,
		.rid = n->rid,
		.term = n->term,
		.role = (int32_t)n->role,
		.vote_for = n->vote_for,
		.vote_bits = n->vote_bits,
		.vote_count = (uint64_t)__builtin_popcountll(n->vote_bits),
		.nsecs = now_ns() + wait,
	};

	FIRE(quorum_loop, &r);
}

static void send_event(struct sim *s, struct node *n, enum quorum_type type, int to)
{
	struct ev_quorum r = {
		.fsid = s->fsid, .rid = n->rid, .term = n->term, .type = (uint8_t)type, .nr = to};

	FIRE(quorum_send_message, &r);
}

/* @to: a slot, or -1 for every other one, mounted or not, as the module does. */
static void send_message(struct sim *s, struct node *n, enum quorum_type type, int to)
{
	struct frame_quorum q = {
		.fsid = s->fsid, .term = n->term, .type = (uint8_t)type, .from = (uint8_t)n->slot};
	uint8_t bytes[QUORUM_BYTES];

	send_event(s, n, type, to);
	frame_quorum_write(&q, bytes);
	for (unsigned i = 0; i < s->set.nodes; i++) {
		const struct address *a = &s->nodes[i].address;

		if (i == n->slot || (to >= 0 && i != (unsigned)to))
			continue;
		if (sendto(n->udp.fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&a->sa,
			   a->bytes) == (ssize_t)sizeof(bytes))
			s->udp_sent[type]++;
		else
			say("datagram-failed slot %u to %u: %s", n->slot, i, strerror(errno));
	}
}

static void note_delay(struct sim *s, struct node *n, const char *what, uint64_t last_ns,
		       uint64_t *longest_s)
{
	uint64_t delay_s = last_ns ? (now_ns() - last_ns) / NS_PER_S : 0;

	if (delay_s < DELAY_WORTH_A_LINE_S || delay_s <= *longest_s)
		return;
	*longest_s = delay_s;
	say_kernel(s, n, LINE_TROUBLE, LEVEL_INFO,
		   "longest quorum heartbeat %s delay of %" PRIu64 " sec", what, delay_s);
}

static void send_heartbeat(struct sim *s, void *arg)
{
	struct node *n = arg;

	timer_set(s, &n->heartbeat, n->heartbeat.due_ns + s->set.heartbeat_ns);
	loop_event(s, n);
	if (s->silent)
		return;
	note_delay(s, n, "send", n->last_sent_ns, &n->longest_sent_s);
	n->last_sent_ns = now_ns();
	send_message(s, n, QUORUM_HEARTBEAT, -1);
}

static void become_leader(struct sim *s, struct node *n)
{
	n->role = ROLE_LEADER;
	n->last_sent_ns = 0;
	s->leader = n;
	say("elected %u term %" PRIu64, n->slot, n->term);
	say("heartbeats-start %s", n->text);
	n->heartbeat.due_ns = now_ns();
	send_heartbeat(s, n);
}

static void handle_vote(struct sim *s, struct node *n, const struct frame_quorum *q)
{
	if (q->term != n->term || n->role == ROLE_FOLLOWER)
		return;
	n->vote_bits |= 1ull << q->from;
	if (n->role == ROLE_CANDIDATE &&
	    (unsigned)__builtin_popcountll(n->vote_bits) >= majority(s))
		become_leader(s, n);
}

static void handle_request(struct sim *s, struct node *n, const struct frame_quorum *q)
{
	if (q->term <= n->term || n->role == ROLE_LEADER)
		return;
	n->term = q->term;
	n->role = ROLE_FOLLOWER;
	n->vote_for = q->from;
	n->vote_bits = 0;
	send_message(s, n, QUORUM_VOTE, q->from);
}

static void handle_heartbeat(struct sim *s, struct node *n, const struct frame_quorum *q)
{
	if (q->term < n->term || n->role == ROLE_LEADER)
		return;
	n->term = q->term;
	n->role = ROLE_FOLLOWER;
	n->vote_for = q->from;
	note_delay(s, n, "recv", n->last_heard_ns, &n->longest_heard_s);
	n->last_heard_ns = now_ns();
}

static void receive(struct sim *s, void *arg, uint32_t events)
{
	struct node *n = arg;
	uint8_t bytes[QUORUM_BYTES + 1];
	struct frame_quorum q;
	ssize_t got;

	(void)events;
	while ((got = recv(n->udp.fd, bytes, sizeof(bytes), 0)) >= 0) {
		if (!frame_quorum_read(bytes, (size_t)got, &q) || q.fsid != s->fsid ||
		    q.from >= s->set.nodes) {
			s->protocol_errors++;
			continue;
		}
		struct ev_quorum r = {.fsid = s->fsid,
				      .rid = n->rid,
				      .term = q.term,
				      .type = q.type,
				      .nr = q.from};

		FIRE(quorum_recv_message, &r);
		loop_event(s, n);
		if (q.type == QUORUM_REQUEST_VOTE)
			handle_request(s, n, &q);
		else if (q.type == QUORUM_VOTE)
			handle_vote(s, n, &q);
		else if (q.type == QUORUM_HEARTBEAT)
			handle_heartbeat(s, n, &q);
	}
}

/**
 * quorum_open() - a slot takes part: its socket, its place as a follower
 *
 * Return: 0 or a negative errno, said on stderr.
 */
int quorum_open(struct sim *s, struct node *n)
{
	int r;

	n->role = ROLE_FOLLOWER;
	n->vote_for = -1;
	n->vote_bits = 0;
	n->last_heard_ns = n->longest_heard_s = n->longest_sent_s = 0;
	n->heartbeat = (struct timer){.fire = send_heartbeat, .arg = n};
	n->udp = (struct watch){.ready = receive, .arg = n};
	n->udp.fd = socket(n->address.sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->udp.fd < 0 ||
	    bind(n->udp.fd, (const struct sockaddr *)&n->address.sa, n->address.bytes) < 0) {
		fprintf(stderr,
			"sim: cannot use UDP %s: %s; another simulator may run: choose other ports "
			"with `port`.\n",
			n->text, strerror(errno));
		return -errno;
	}
	r = life_watch(s, &n->udp, EPOLLIN);
	if (r < 0)
		fprintf(stderr, "sim: cannot watch UDP %s: %s\n", n->text, strerror(-r));
	return r;
}

void quorum_close(struct sim *s, struct node *n)
{
	timer_cancel(s, &n->heartbeat);
	life_unwatch(s, &n->udp);
	n->role = ROLE_FOLLOWER;
	if (s->leader == n)
		s->leader = NULL;
}

/* Its timeout is over: a new term, its own vote, and everybody is asked. */
void quorum_campaign(struct sim *s, struct node *n)
{
	say("election %u term %" PRIu64, n->slot, n->term + 1);
	loop_event(s, n);
	n->term++;
	n->role = ROLE_CANDIDATE;
	n->vote_for = -1;
	n->vote_bits = 1ull << n->slot;
	send_message(s, n, QUORUM_REQUEST_VOTE, -1);
	if (majority(s) == 1)
		become_leader(s, n);
}

/* A forced unmount traces its resignation too, but nothing of it gets to the wire. */
void quorum_resign(struct sim *s, struct node *n, bool on_the_wire)
{
	if (n->heartbeat.armed && !s->silent)
		say("heartbeats-stop %s", n->text);
	timer_cancel(s, &n->heartbeat);
	if (on_the_wire)
		send_message(s, n, QUORUM_RESIGNATION, -1);
	else
		send_event(s, n, QUORUM_RESIGNATION, -1);
}

void quorum_silence(struct sim *s, bool silent)
{
	if (s->silent == silent || !s->leader)
		return;
	s->silent = silent;
	say("heartbeats-%s %s", silent ? "stop" : "start", s->leader->text);
}
