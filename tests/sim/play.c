// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays a scenario: builds the cluster, then one statement after the other, then takes the cluster
 * down in order. Each statement is a small story told with life_until(); what happens by itself
 * meanwhile (heartbeats, traffic, the fence of a client that was lost) is done by timers in the
 * other modules.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Loopback answers in microseconds; a machine under a storm may take long. Only a mistake reaches
 * this. */
#define PATIENCE_NS (30 * NS_PER_S)

static int refuse(const struct statement *st, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(const struct statement *st, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "sim: scenario line %u: %s: ", st->line, verb_name(st->verb));
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

static bool wait_for(struct sim *s, bool (*done)(struct sim *s, void *arg), void *arg,
		     const char *what)
{
	if (life_until(s, now_ns() + PATIENCE_NS, done, arg))
		return true;
	if (!s->life.stopping && !s->life.failed)
		fprintf(stderr, "sim: %s did not happen within %llu s\n", what,
			PATIENCE_NS / NS_PER_S);
	return false;
}

/* Those who start us know when others are ready; we do not. */
static bool told_to_go(struct sim *s, void *arg)
{
	(void)arg;
	if (!s->life.goes)
		return false;
	s->life.goes--;
	return true;
}

/* What a failed wait means: a signal is the orderly end of a scenario, everything else an error. */
static int wait_result(struct sim *s, bool done)
{
	return done || s->life.stopping ? 0 : -ETIMEDOUT;
}

static bool has_leader(struct sim *s, void *arg)
{
	(void)arg;
	return s->leader;
}

static bool is_greeted(struct sim *s, void *arg)
{
	(void)s;
	return net_client_greeted(arg);
}

static bool all_greeted(struct sim *s, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < s->set.nodes; i++)
		if (s->nodes[i].mounted && !net_client_greeted(&s->nodes[i]))
			return false;
	return true;
}

static bool all_recovered(struct sim *s, void *arg)
{
	return all_greeted(s, arg) && s->leader && !s->leader->to_recover;
}

static bool is_unmounted(struct sim *s, void *arg)
{
	(void)s;
	return net_client_unmounted(arg);
}

static bool is_reclaimed(struct sim *s, void *arg)
{
	struct node *n = arg;

	(void)s;
	return !n->fence_pending;
}

static bool is_lost(struct sim *s, void *arg)
{
	return !is_reclaimed(s, arg);
}

static bool nobody_connected(struct sim *s, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < s->set.nodes; i++)
		if (s->nodes[i].client)
			return false;
	return true;
}

/* ---- the cluster comes and goes ---- */

static void node_address(struct sim *s, struct node *n)
{
	uint16_t port = htons((uint16_t)(s->set.port + n->slot));

	memset(&n->address, 0, sizeof(n->address));
	if (strchr(s->set.address, ':')) {
		struct sockaddr_in6 *a = (struct sockaddr_in6 *)&n->address.sa;

		a->sin6_family = AF_INET6;
		a->sin6_port = port;
		inet_pton(AF_INET6, s->set.address, &a->sin6_addr);
		n->address.bytes = sizeof(*a);
	} else {
		struct sockaddr_in *a = (struct sockaddr_in *)&n->address.sa;

		a->sin_family = AF_INET;
		a->sin_port = port;
		inet_pton(AF_INET, s->set.address, &a->sin_addr);
		n->address.bytes = sizeof(*a);
	}
	address_text(&n->address, n->text);
}

static int node_mount(struct sim *s, struct node *n)
{
	n->rid = random64();
	n->conn_known = false;
	n->mounted = true;
	say("node %u rid %016" PRIx64 " at %s", n->slot, n->rid, n->text);
	return quorum_open(s, n);
}

static void nodes_prepare(struct sim *s)
{
	s->fsid = random64();
	say("fsid %016" PRIx64, s->fsid);
	for (unsigned i = 0; i < s->set.nodes; i++) {
		struct node *n = &s->nodes[i];

		n->sim = s;
		n->slot = i;
		node_address(s, n);
	}
}

static int connect_all(struct sim *s)
{
	for (unsigned i = 0; i < s->set.nodes; i++) {
		int r = s->nodes[i].mounted ? net_client_connect(s, &s->nodes[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int cluster_start(struct sim *s)
{
	int r = 0;

	nodes_prepare(s);
	for (unsigned i = 0; i < s->set.nodes && r == 0; i++)
		r = node_mount(s, &s->nodes[i]);
	if (r < 0)
		return r;
	quorum_campaign(s, &s->nodes[s->set.leader]);
	if (!wait_for(s, has_leader, NULL, "the first election"))
		return wait_result(s, false);
	r = net_server_start(s, s->leader);
	if (r < 0)
		return r;
	net_server_listening(s, s->leader);
	r = connect_all(s);
	if (r < 0)
		return r;
	if (!wait_for(s, all_greeted, NULL, "the greeting of all clients"))
		return wait_result(s, false);
	net_traffic_rate(s, s->set.rate);
	say("ready %s %u", s->set.address, s->set.port + s->set.leader);
	return 0;
}

static int unmount(struct sim *s, struct node *n)
{
	bool done = true;

	if (n->client) {
		net_client_farewell(s, n);
		done = wait_for(s, is_unmounted, n, "the answer to a farewell");
	}
	net_client_close(s, n);
	return wait_result(s, done);
}

static int unmount_follower(struct sim *s, struct node *n)
{
	int r = unmount(s, n);

	quorum_close(s, n);
	n->mounted = false;
	say("client-unmounted %u", n->slot);
	return r;
}

static bool server_idle(struct sim *s, void *arg)
{
	(void)arg;
	for (struct conn *c = s->leader ? s->leader->accepted : NULL; c; c = c->next)
		if (c->watch.fd >= 0)
			return false;
	return true;
}

/* The followers first, the leader last, as a person would; a second signal makes each wait short.
 */
static void cluster_stop(struct sim *s)
{
	struct node *leader = s->leader;

	s->life.stopping = false;
	net_traffic_rate(s, 0);
	quorum_silence(s, false);
	for (unsigned i = 0; i < s->set.nodes; i++)
		if (s->nodes[i].mounted && &s->nodes[i] != leader)
			(void)unmount_follower(s, &s->nodes[i]);
	if (!leader)
		return;
	(void)unmount(s, leader);
	(void)wait_for(s, server_idle, NULL, "the end of all connections");
	net_server_stop(s, leader);
	quorum_resign(s, leader, true);
	quorum_close(s, leader);
	leader->mounted = false;
}

/* ---- statements ---- */

static int client_of(struct sim *s, const struct statement *st, struct node **ret)
{
	struct node *n = NULL;

	if (st->number != SCENARIO_ANY) {
		n = &s->nodes[st->number];
		if (n == s->leader)
			return refuse(st, "slot %u is the leader; use leader-loss to lose it",
				      n->slot);
		if (!n->mounted)
			return refuse(st, "client %u is not mounted", n->slot);
		*ret = n;
		return 0;
	}
	for (unsigned i = 0; i < s->set.nodes; i++)
		if (s->nodes[i].mounted && &s->nodes[i] != s->leader)
			n = &s->nodes[i];
	if (!n)
		return refuse(st, "only the leader is mounted; mount a client first");
	*ret = n;
	return 0;
}

/* What a forced unmount leaves in the log of its own host; these lines alone must trigger nothing.
 */
static void forced_unmount_lines(struct sim *s, struct node *n)
{
	say_kernel(s, n, LINE_ROUTINE, LEVEL_ERROR, "quorum block read error -67");
	say_kernel(s, n, LINE_ROUTINE, LEVEL_ERROR,
		   "error -67 reading quorum block %u to update event 5 term %" PRIu64,
		   17 + n->slot, n->term);
	say_kernel(s, n, LINE_ROUTINE, LEVEL_ERROR,
		   "quorum service saw error -67, shutting down.  This mount is no longer "
		   "participating in quorum.  "
		   "It should be remounted to restore service.");
}

/* A forced unmount: its socket ends without a farewell and its slot falls silent. */
static void force_unmount(struct sim *s, struct node *n)
{
	say_kernel(s, n, LINE_ROUTINE, LEVEL_WARNING,
		   "forcing unmount, can return errors and lose unsynced data");
	net_client_close(s, n);
}

static int play_lose(struct sim *s, struct node *n)
{
	say("client-lost %u rid %016" PRIx64, n->slot, n->rid);
	force_unmount(s, n);
	forced_unmount_lines(s, n);
	quorum_close(s, n);
	n->mounted = false;
	return wait_result(s, wait_for(s, is_lost, n, "the end of the connection at the server"));
}

static int play_fence(struct sim *s, struct node *n)
{
	int r = play_lose(s, n);

	if (r < 0 || s->life.stopping)
		return r;
	return wait_result(
		s, life_until(s, now_ns() + s->set.reconnect_ns + s->set.reclaim_ns + PATIENCE_NS,
			      is_reclaimed, n));
}

static int play_mount(struct sim *s, const struct statement *st)
{
	struct node *n = &s->nodes[st->number];
	int r;

	if (n->mounted)
		return refuse(st, "client %u is mounted already", n->slot);
	if (!s->leader)
		return refuse(st, "there is no leader to connect to");
	r = node_mount(s, n);
	if (r < 0)
		return r;
	n->term = s->leader->term;
	r = net_client_connect(s, n);
	if (r < 0)
		return r;
	if (!wait_for(s, is_greeted, n, "the greeting"))
		return wait_result(s, false);
	say("client-mounted %u", n->slot);
	return 0;
}

static struct node *successor(struct sim *s, const struct node *old)
{
	for (unsigned i = 1; i < s->set.nodes; i++) {
		struct node *n = &s->nodes[(old->slot + i) % s->set.nodes];

		if (n->mounted)
			return n;
	}
	return NULL;
}

static void leader_dies(struct sim *s, struct node *old)
{
	say("leader-lost %u rid %016" PRIx64, old->slot, old->rid);
	force_unmount(s, old);
	net_server_stop(s, old);
	quorum_resign(s, old, false);
	forced_unmount_lines(s, old);
	quorum_close(s, old);
	old->mounted = false;
}

/* The new leader fences the old one before it serves; when that is done the others connect and give
 * their locks. */
static int leader_follows(struct sim *s, struct node *old, uint64_t old_term, unsigned clients)
{
	struct node *n = s->leader;
	int r = net_server_start(s, n);

	if (r < 0)
		return r;
	s->fences++;
	say("fence %u rid %016" PRIx64, old->slot, old->rid);
	say_kernel(s, n, LINE_FINAL, LEVEL_INFO,
		   "fencing previous leader f.%06" PRIx64 ".r.%06" PRIx64 " at term %" PRIu64
		   " in slot %u with address %s",
		   s->fsid >> 40, old->rid >> 40, old_term, old->slot, old->text);
	if (!life_until(s, now_ns() + s->set.reclaim_ns, NULL, NULL))
		return wait_result(s, false);
	say_kernel(s, n, LINE_ROUTINE, LEVEL_INFO, "waiting for %u clients to recover", clients);
	net_server_recover(s, n);
	net_server_listening(s, n);
	say_kernel(s, n, LINE_ROUTINE, LEVEL_INFO,
		   "successfully reclaimed resources for fenced rid %016" PRIx64, old->rid);
	say("reclaimed %u rid %016" PRIx64, old->slot, old->rid);
	r = connect_all(s);
	if (r < 0)
		return r;
	if (!wait_for(s, all_recovered, NULL, "the recovery of all clients"))
		return wait_result(s, false);
	say("leader %u term %" PRIu64 " at %s", n->slot, n->term, n->text);
	return 0;
}

static unsigned count_mounted(const struct sim *s)
{
	unsigned mounted = 0;

	for (unsigned i = 0; i < s->set.nodes; i++)
		mounted += s->nodes[i].mounted;
	return mounted;
}

static int play_leader_loss(struct sim *s, const struct statement *st)
{
	struct node *old = s->leader, *next = old ? successor(s, old) : NULL;
	unsigned clients = count_mounted(s), needed = s->set.nodes > 2 ? s->set.nodes / 2 + 1 : 1;
	uint64_t election_ns;

	if (!next || clients - 1 < needed)
		return refuse(
			st,
			"%u of %u nodes would be left, an election needs %u; mount clients first",
			clients - 1, s->set.nodes, needed);
	election_ns = old->last_sent_ns + s->set.heartbeat_timeout_ns;
	leader_dies(s, old);
	if (!wait_for(s, nobody_connected, NULL, "the end of the old leader's connections"))
		return wait_result(s, false);
	if (!life_until(s, election_ns, NULL, NULL))
		return wait_result(s, false);
	quorum_campaign(s, next);
	if (!wait_for(s, has_leader, NULL, "the election"))
		return wait_result(s, false);
	return leader_follows(s, old, s->leader->term - 1, clients);
}

static int play_silence(struct sim *s, uint64_t until_ns)
{
	bool done;

	quorum_silence(s, true);
	done = life_until(s, until_ns, NULL, NULL);
	quorum_silence(s, false);
	return wait_result(s, done);
}

static int play_storm(struct sim *s, const struct statement *st, uint64_t until_ns)
{
	struct storm *storm;
	uint64_t fired, due;
	bool done;
	int r = storm_start(s, st->number, until_ns - st->time_ns, until_ns, &storm);

	if (r < 0)
		return r;
	say("storm-start %" PRIu64 " per second", st->number);
	done = life_until(s, until_ns, NULL, NULL);
	fired = storm_join(storm, !done);
	due = (uint64_t)((double)st->number * (double)st->time_ns / (double)NS_PER_S + 0.5);
	if (fired < due)
		say("storm-end %" PRIu64 " events of %" PRIu64, fired, due);
	else
		say("storm-end %" PRIu64 " events", fired);
	return wait_result(s, done);
}

static void play_log(struct sim *s, const struct statement *st)
{
	static const enum line_level levels[VERB_COUNT] = {
		[VERB_LOG_WARNING] = LEVEL_WARNING, [VERB_LOG_ERROR] = LEVEL_ERROR};
	const struct node *n = s->leader ? s->leader : &s->nodes[0];

	if (st->verb == VERB_LOG_RAW)
		say_kernel_raw(s, LINE_FINAL, LEVEL_INFO, st->text);
	else
		say_kernel(s, n, LINE_FINAL, levels[st->verb], "%s", st->text);
}

static int play_statement(struct sim *s, const struct statement *st, uint64_t until_ns)
{
	struct node *n = NULL;
	int r;

	switch (st->verb) {
	case VERB_RATE:
		net_traffic_rate(s, (unsigned)st->number);
		return 0;
	case VERB_RUN:
		return wait_result(s, life_until(s, until_ns, NULL, NULL));
	case VERB_FOREVER:
		return wait_result(s, life_until(s, UINT64_MAX, NULL, NULL));
	case VERB_AWAIT:
		return wait_result(s, life_until(s, UINT64_MAX, told_to_go, NULL));
	case VERB_LOSE:
	case VERB_UNMOUNT:
	case VERB_FENCE:
		r = client_of(s, st, &n);
		if (r < 0)
			return r;
		if (st->verb == VERB_UNMOUNT)
			return unmount_follower(s, n);
		return st->verb == VERB_LOSE ? play_lose(s, n) : play_fence(s, n);
	case VERB_MOUNT:
		return play_mount(s, st);
	case VERB_LEADER_LOSS:
		return play_leader_loss(s, st);
	case VERB_SILENCE:
		return play_silence(s, until_ns);
	case VERB_STORM:
		return play_storm(s, st, until_ns);
	case VERB_LOG:
	case VERB_LOG_WARNING:
	case VERB_LOG_ERROR:
	case VERB_LOG_RAW:
		play_log(s, st);
		return 0;
	default:
		settings_apply(&s->set, st);
		return 0;
	}
}

/* Which statement comes after the loop's end at @i. */
static size_t after_loop_end(const struct scenario *sc, size_t i)
{
	struct statement *loop = &sc->statements[sc->statements[i].partner];

	if (loop->number == SCENARIO_ENDLESS || --loop->left)
		return sc->statements[i].partner + 1;
	return i + 1;
}

/**
 * play() - a whole scenario, from the first election to the last resignation
 *
 * Statements with a time follow each other without drift: each begins when the one before it should
 * have ended.
 *
 * Return: 0, also when a signal ended it early; a negative errno, said on stderr.
 */
int play(struct sim *s, const struct scenario *sc)
{
	uint64_t clock_ns = 0;
	size_t i = 0;
	int r;

	for (; i < sc->count && settings_apply(&s->set, &sc->statements[i]); i++)
		;
	r = cluster_start(s);
	while (r == 0 && i < sc->count && !s->life.stopping && !s->life.failed) {
		struct statement *st = &sc->statements[i];

		if (st->verb == VERB_LOOP) {
			st->left = st->number;
			i++;
			continue;
		}
		if (st->verb == VERB_LOOP_END) {
			i = after_loop_end(sc, i);
			continue;
		}
		if (!clock_ns)
			clock_ns = now_ns();
		clock_ns += st->time_ns;
		r = play_statement(s, st, clock_ns);
		if (st->verb != VERB_RUN && st->verb != VERB_SILENCE && st->verb != VERB_STORM)
			clock_ns = 0;
		i++;
	}
	if (!s->life.failed)
		cluster_stop(s);
	say("end");
	return s->life.failed ? -EIO : r;
}
