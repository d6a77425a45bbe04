/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests and their answers.
 *
 * Called by analysis_rpc.c with every message, from packets and from trace events; knows nothing of
 * either. Three things make it more than a table of numbers:
 *
 * - A conversation outlives its connections. After a reconnect both sides go on with their
 *   numbers and send again what was not acknowledged; so what is remembered belongs to a session,
 *   of client and server, and a connection finds its session by the client's rid. A client goes on
 *   with its own numbers even at another server, whose numbers start at 1: that is noticed by the
 *   first request after a greeting whose number is not above all before, and that is not waited
 *   for.
 * - Numbers (id) are given by whoever asks, so each side has its own.
 * - The same message may be seen three times. Each view has figures and sessions of its own, and
 *   nothing is added over views.
 *
 * Memory is bounded: pairs of addresses, sessions and unanswered requests have limits; what goes
 * beyond is counted. Tables are hashed with a salt, as the addresses and numbers are a stranger's.
 */
#include "calls.h"

#include "netevent.h"

#define SLOTS (2 * CALLS_PAIRS)
#define PENDING_FIRST 1024

/**
 * calls_init() - nothing seen yet
 * @server: an address that is known to be a server's, or NULL
 */
int calls_init(struct calls *c, const struct wire_addr *server, struct err *e)
{
	*c = (struct calls){.salt = (uintptr_t)c * UINT64_C(0x9e3779b97f4a7c15) | 1};
	c->pairs = calloc(CALLS_PAIRS, sizeof(*c->pairs));
	c->pair_slots = calloc(SLOTS, sizeof(*c->pair_slots));
	c->sessions = calloc(CALLS_SESSIONS, sizeof(*c->sessions));
	c->pending = calloc(PENDING_FIRST, sizeof(*c->pending));
	c->pending_size = PENDING_FIRST;
	if (!c->pairs || !c->pair_slots || !c->sessions || !c->pending)
		return err_nomem(e);
	if (server)
		calls_server_is(&c->servers, server);
	return 0;
}

void calls_free(struct calls *c)
{
	for (size_t v = 0; v < CALLS_VIEWS; v++) {
		for (size_t s = 0; s < CALLS_SIDES; s++) {
			for (size_t i = 0; c->figures[v][s] && i < WIRE_COMMANDS; i++)
				stats_done(&c->figures[v][s][i].latency);
			free(c->figures[v][s]);
		}
	}
	for (uint32_t i = 0; c->pairs && i < c->pair_count; i++)
		free(c->pairs[i].frames);
	free(c->pairs);
	free(c->pair_slots);
	free(c->sessions);
	free(c->pending);
	*c = (struct calls){0};
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 32;
}

/* ---- who talks to whom ---- */

static uint64_t addr_hash(uint64_t h, const struct wire_addr *a)
{
	h = mix(h, get_le64(a->ip.s6_addr));
	h = mix(h, get_le64(a->ip.s6_addr + 8));
	return mix(h, a->port);
}

bool calls_is_server(const struct calls_servers *k, const struct wire_addr *a)
{
	for (size_t i = 0; i < k->count; i++)
		if (wire_addr_equal(&k->addrs[i], a))
			return true;
	return false;
}

/** calls_server_is() - it was a server's; the first few are remembered */
void calls_server_is(struct calls_servers *k, const struct wire_addr *a)
{
	if (!calls_is_server(k, a) && k->count < ARRAY_SIZE(k->addrs))
		k->addrs[k->count++] = *a;
}

/**
 * calls_server_of() - which of two addresses is the server's
 * @server:   0 (@a), 1 (@b), or -1 when the caller does not know
 * @from:     which of them sent @m
 * @ret_sure: true: @server or the message tells; false: a guess
 */
int calls_server_of(const struct calls_servers *k, const struct wire_addr *a,
		    const struct wire_addr *b, int server, int from, const struct wire_message *m,
		    bool *ret_sure)
{
	enum wire_sender sender = wire_message_sender(m);

	*ret_sure = server >= 0 || sender != WIRE_FROM_EITHER;
	if (server >= 0)
		return server;
	if (sender != WIRE_FROM_EITHER)
		return sender == WIRE_FROM_SERVER ? from : !from;
	if (calls_is_server(k, a) != calls_is_server(k, b))
		return calls_is_server(k, b);
	/* Ports of servers are chosen by people, ports of clients by the kernel: 32768 and up. */
	return b->port < a->port;
}

static uint32_t *pair_slot(const struct calls *c, const struct wire_addr *a,
			   const struct wire_addr *b)
{
	/* The same, whichever is first. */
	uint64_t h = addr_hash(c->salt, a) + addr_hash(c->salt, b);

	for (h = mix(h, 0);; h++) {
		uint32_t *slot = &c->pair_slots[h % SLOTS];
		const struct calls_pair *p = *slot ? &c->pairs[*slot - 1] : NULL;

		if (!p || (wire_addr_equal(&p->client, a) && wire_addr_equal(&p->server, b)) ||
		    (wire_addr_equal(&p->client, b) && wire_addr_equal(&p->server, a)))
			return slot;
	}
}

uint32_t calls_pair(struct calls *c, const struct wire_addr *a, const struct wire_addr *b,
		    int server, int from, const struct wire_message *m)
{
	uint32_t *slot = pair_slot(c, a, b);
	struct calls_pair *p;
	bool sure;
	int end;

	if (*slot && c->pairs[*slot - 1].sure)
		return *slot - 1;
	end = calls_server_of(&c->servers, a, b, server, from, m, &sure);
	if (!*slot) {
		if (c->pair_count == CALLS_PAIRS)
			return UINT32_MAX;
		*slot = ++c->pair_count;
	} else if (!sure) {
		return *slot - 1;
	}
	p = &c->pairs[*slot - 1];
	if (sure)
		calls_server_is(&c->servers, end ? b : a);
	if (!wire_addr_equal(&p->server, end ? b : a)) {
		/* A wrong guess: what was seen so far stays where it was counted. */
		memset(p->sessions, 0, sizeof(p->sessions));
		p->client = end ? *a : *b;
		p->server = end ? *b : *a;
	}
	p->sure = sure;
	return *slot - 1;
}

/** calls_client_is() - whose mount the client of a pair is */
void calls_client_is(struct calls *c, uint32_t pair, uint64_t client_rid)
{
	struct calls_pair *p = &c->pairs[pair];

	if (pair >= c->pair_count || p->client_rid == client_rid)
		return;
	for (size_t v = 0; v < CALLS_VIEWS; v++) {
		struct calls_session *s = p->sessions[v] ? &c->sessions[p->sessions[v] - 1] : NULL;

		if (s && !s->client_rid && !p->client_rid)
			s->client_rid = client_rid;
		else if (s && s->client_rid != client_rid)
			p->sessions[v] = 0; /* the ports are another's now */
	}
	p->client_rid = client_rid;
}

/* The session of this client at this view; 0 or index + 1. */
static uint32_t session_of_client(const struct calls *c, const struct calls_seen *s, uint64_t rid)
{
	for (uint32_t i = 0; rid && i < c->session_count; i++) {
		const struct calls_session *have = &c->sessions[i];

		if (have->client_rid == rid && have->view == s->view &&
		    have->recorder == s->recorder)
			return i + 1;
	}
	return 0;
}

static struct calls_session *session_of(struct calls *c, const struct calls_seen *s)
{
	struct calls_pair *p = &c->pairs[s->pair];
	uint32_t *at = &p->sessions[s->view];
	struct calls_session *session = *at ? &c->sessions[*at - 1] : NULL;

	if (session && session->recorder == s->recorder)
		return session;
	*at = session_of_client(c, s, p->client_rid);
	if (!*at) {
		if (c->session_count == CALLS_SESSIONS)
			return NULL;
		*at = ++c->session_count;
		c->sessions[*at - 1] = (struct calls_session){.view = s->view,
							      .recorder = s->recorder,
							      .fsid = s->fsid,
							      .client_rid = p->client_rid,
							      .first_ns = s->begin_ns};
	}
	session = &c->sessions[*at - 1];
	session->pair = p;
	session->connections++;
	return session;
}

/* ---- unanswered requests ---- */

static uint64_t pending_hash(const struct calls *c, const struct calls_pending *k)
{
	return mix(mix(c->salt, k->id),
		   (uint64_t)k->session << 32 | (uint64_t)k->epoch << 1 | k->side);
}

static struct calls_pending *slot_of(const struct calls *c, const struct calls_pending *k)
{
	for (uint64_t h = pending_hash(c, k);; h++) {
		struct calls_pending *p = &c->pending[h & (c->pending_size - 1)];

		if (!p->sent || (p->id == k->id && p->session == k->session &&
				 p->epoch == k->epoch && p->side == k->side))
			return p;
	}
}

/* What probes would have gone over moves up. */
static void pending_remove(struct calls *c, struct calls_pending *p)
{
	size_t mask = c->pending_size - 1, hole = (size_t)(p - c->pending);

	for (size_t i = (hole + 1) & mask; c->pending[i].sent; i = (i + 1) & mask) {
		size_t home = pending_hash(c, &c->pending[i]) & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			c->pending[hole] = c->pending[i];
			hole = i;
		}
	}
	c->pending[hole].sent = 0;
	c->pending_count--;
}

static struct calls_figures *figures(struct calls *c, enum calls_view view, enum calls_side side,
				     uint8_t command)
{
	struct calls_figures **f = &c->figures[view][side];

	if (!*f)
		*f = calloc(WIRE_COMMANDS, sizeof(**f));
	c->failed |= !*f;
	return *f ? &(*f)[command] : NULL;
}

static bool is_acked(const struct calls *c, const struct calls_pending *p)
{
	const struct calls_session *s = &c->sessions[p->session];

	return p->epoch == s->side[p->side].epoch && p->seq <= s->side[p->side].acked;
}

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The time before which the oldest quarter was sent. */
static bool old_time(const struct calls *c, uint64_t *ret)
{
	CLEANUP(freep) uint64_t *times = calloc(c->pending_count, sizeof(*times));
	size_t n = 0;

	if (!times)
		return false;
	for (uint32_t i = 0; i < c->pending_size; i++)
		if (c->pending[i].sent)
			times[n++] = c->pending[i].ns;
	qsort(times, n, sizeof(*times), by_time);
	*ret = times[n / 4];
	return true;
}

static void forget(struct calls *c, const struct calls_pending *p)
{
	struct calls_figures *f = figures(c, c->sessions[p->session].view, p->side, p->command);

	if (c->dropped)
		c->dropped(c->arg, p);
	if (!f)
		return;
	f->forgotten++;
	f->forgotten_acked += is_acked(c, p);
}

/* Into a table of this size, but what was sent up to @old_ns. */
static bool rebuild(struct calls *c, uint32_t size, const uint64_t *old_ns)
{
	struct calls_pending *before = c->pending;
	uint32_t before_size = c->pending_size;
	struct calls_pending *fresh = calloc(size, sizeof(*fresh));

	if (!fresh)
		return false;
	c->pending = fresh;
	c->pending_size = size;
	c->pending_count = 0;
	for (uint32_t i = 0; i < before_size; i++) {
		if (!before[i].sent)
			continue;
		if (old_ns && before[i].ns <= *old_ns) {
			forget(c, &before[i]);
			continue;
		}
		*slot_of(c, &before[i]) = before[i];
		c->pending_count++;
	}
	free(before);
	return true;
}

/* False: there is no room. */
static bool make_room(struct calls *c)
{
	uint64_t old_ns;
	bool done;

	if (c->pending_count < c->pending_size / 2)
		return true;
	if (c->pending_count < CALLS_PENDING)
		done = rebuild(c, c->pending_size * 2, NULL);
	else
		done = old_time(c, &old_ns) && rebuild(c, c->pending_size, &old_ns);
	c->failed |= !done;
	return done;
}

/* ---- messages ---- */

static struct calls_pending key_of(const struct calls *c, const struct calls_seen *s,
				   const struct calls_session *session, enum calls_side asker)
{
	return (struct calls_pending){.id = s->message->id,
				      .seq = s->message->seq,
				      .ns = s->begin_ns,
				      .session = (uint32_t)(session - c->sessions),
				      .pair = s->pair,
				      .sent = 1,
				      .epoch = session->side[asker].epoch,
				      .side = (uint8_t)asker,
				      .command = s->message->command};
}

/* After a greeting: does this side go on with its numbers, or is it a new one at the same place? */
static void renew(struct calls *c, const struct calls_seen *s, struct calls_session *session)
{
	struct calls_pending key = key_of(c, s, session, s->from);

	session->side[s->from].renewed = false;
	if (s->message->seq > session->side[s->from].seq || slot_of(c, &key)->sent)
		return;
	session->side[s->from].epoch++;
	session->side[s->from].seq = 0;
}

static void take_request(struct calls *c, const struct calls_seen *s, struct calls_session *session)
{
	const struct wire_message *m = s->message;
	struct calls_figures *f = figures(c, s->view, s->from, m->command);
	bool greeting = m->command == WIRE_GREETING;
	struct calls_pending key, *p;

	if (!greeting && session->side[s->from].renewed)
		renew(c, s, session);
	if (!f || !make_room(c))
		return;
	key = key_of(c, s, session, s->from);
	p = slot_of(c, &key);
	f->sent++;
	if (p->sent && p->command == m->command && p->seq == m->seq) {
		p->sent += p->sent < UINT32_MAX;
		p->pair = s->pair;
		f->again++;
		return;
	}
	if (!p->sent && !greeting && m->seq <= session->side[s->from].seq) {
		f->again++; /* and it was answered before */
		return;
	}
	if (p->sent) {
		forget(c, p);
		c->replaced++;
	}
	c->pending_count += !p->sent;
	*p = key;
	f->fresh++;
	session->fresh[s->from]++;
	if (c->begun)
		c->begun(c->arg, p);
}

static void take_answer(struct calls *c, const struct calls_seen *s, struct calls_session *session)
{
	const struct wire_message *m = s->message;
	enum calls_side asker = s->from == CALLS_BY_CLIENT ? CALLS_BY_SERVER : CALLS_BY_CLIENT;
	struct calls_figures *f = figures(c, s->view, asker, m->command);
	struct calls_pending key = key_of(c, s, session, asker), *p = slot_of(c, &key);
	struct calls_done done;

	if (!f)
		return;
	if (!p->sent || p->command != m->command) {
		f->stray++;
		return;
	}
	f->finished++;
	f->failed += m->error != 0;
	f->errors[min_of(m->error, WIRE_ERRORS - 1)]++;
	session->finished[asker]++;
	done = (struct calls_done){.session = session,
				   .pair = &c->pairs[s->pair],
				   .asker = asker,
				   .command = m->command,
				   .error = m->error,
				   .id = m->id,
				   .sent_ns = p->ns,
				   .latency_ns = s->end_ns - p->ns,
				   .told = p->told};
	memcpy(done.told_ns, p->told_ns, sizeof(done.told_ns));
	if (s->end_ns < done.sent_ns) {
		f->backwards++;
		if (c->dropped)
			c->dropped(c->arg, p);
	}
	pending_remove(c, p);
	if (s->end_ns < done.sent_ns)
		return;
	stats_add(&f->latency, done.latency_ns);
	if (c->done)
		c->done(c->arg, &done);
}

/**
 * calls_see_packet() - who sent a message of the packets to whom
 * @ret: for calls_message(); points to the header of @m
 */
void calls_see_packet(struct calls *c, const struct tcpflow_connection *k,
		      const struct tcpflow_message *m, struct calls_seen *ret)
{
	struct wire_greeting g;

	*ret = (struct calls_seen){.view = CALLS_PACKETS,
				   .begin_ns = m->header_ns,
				   .end_ns = m->last_ns,
				   .message = &m->header};
	ret->pair = calls_pair(c, &k->ends[0], &k->ends[1], k->server, m->from, &m->header);
	if (ret->pair == UINT32_MAX)
		return;
	if (m->header.command == WIRE_GREETING && wire_greeting_parse(m->data, m->data_bytes, &g) &&
	    g.rid)
		calls_client_is(c, ret->pair, g.rid);
	ret->from = wire_addr_equal(&k->ends[m->from], &c->pairs[ret->pair].server)
			    ? CALLS_BY_SERVER
			    : CALLS_BY_CLIENT;
}

/**
 * calls_see_event() - the same of a trace event
 * @f:    NETEVENT_FIELDS
 * @sent: it is scoutfs_net_send_message, else scoutfs_net_recv_message
 * @ret:  for calls_message(); points to @ret_message
 *
 * Return: false when the event makes no sense.
 */
bool calls_see_event(struct calls *c, const struct trace_event *e, event_fields f, bool sent,
		     struct wire_message *ret_message, struct calls_seen *ret)
{
	struct wire_addr own = netevent_addr(e, f[NET_NAME_ADDR], f[NET_NAME_PORT]);
	struct wire_addr peer = netevent_addr(e, f[NET_PEER_ADDR], f[NET_PEER_PORT]);
	bool server;

	*ret = (struct calls_seen){.recorder = netevent_number(e, f[NET_RID]),
				   .fsid = netevent_number(e, f[NET_FSID]),
				   .begin_ns = e->ns,
				   .end_ns = e->ns,
				   .message = ret_message};
	*ret_message = (struct wire_message){0};
	if (!netevent_message(e, f, ret_message))
		return false;
	ret->pair = calls_pair(c, &own, &peer, -1, sent ? 0 : 1, ret_message);
	if (ret->pair == UINT32_MAX)
		return true;
	server = wire_addr_equal(&own, &c->pairs[ret->pair].server);
	ret->view = server ? CALLS_SERVER : CALLS_CLIENT;
	ret->from = server == sent ? CALLS_BY_SERVER : CALLS_BY_CLIENT;
	if (!server)
		calls_client_is(c, ret->pair, ret->recorder);
	return true;
}

/**
 * calls_message() - a message, seen at one view
 *
 * Messages of one view and connection are to come in the order in which they were sent. Its command
 * and error are valid (wire_message_parse()'s promise).
 */
void calls_message(struct calls *c, const struct calls_seen *s)
{
	const struct wire_message *m = s->message;
	enum calls_side other = s->from == CALLS_BY_CLIENT ? CALLS_BY_SERVER : CALLS_BY_CLIENT;
	struct calls_session *session;

	c->messages[s->view]++;
	session = s->pair < c->pair_count ? session_of(c, s) : NULL;
	if (!session) {
		c->untracked++;
		return;
	}
	session->last_ns = max_of(session->last_ns, s->end_ns);
	session->messages[s->from]++;
	session->last_from[s->from] = max_of(session->last_from[s->from], s->end_ns);
	if (m->command == WIRE_GREETING && !m->response) {
		for (size_t i = 0; i < CALLS_SIDES; i++) {
			session->side[i].renewed = true;
			session->side[i].acked = 0;
		}
	}
	if (m->response)
		take_answer(c, s, session);
	else
		take_request(c, s, session);
	if (m->command != WIRE_GREETING)
		session->side[s->from].seq = max_of(session->side[s->from].seq, m->seq);
	session->side[other].acked = max_of(session->side[other].acked, m->recv_seq);
}

/**
 * calls_count_frame() - a message of the time that packets and events both cover
 * @which: 0: in packets, 1: a send event, 2: a receive event
 */
void calls_count_frame(struct calls *c, const struct calls_seen *s, unsigned int which)
{
	const struct wire_message *m = s->message;
	struct calls_pair *p = &c->pairs[s->pair];
	uint32_t *n;

	if (s->pair >= c->pair_count)
		return;
	if (!p->frames)
		p->frames = calloc(1, sizeof(*p->frames));
	if (!p->frames) {
		c->failed = true;
		return;
	}
	n = &(*p->frames)[which][s->from][m->command][m->response];
	*n += *n < UINT32_MAX;
}

/** calls_find() - a request of a pair of addresses that is unanswered at a view; NULL: none */
struct calls_pending *calls_find(const struct calls *c, uint32_t pair, enum calls_view view,
				 enum calls_side asker, uint64_t id, uint8_t command)
{
	uint32_t index = pair < c->pair_count ? c->pairs[pair].sessions[view] : 0;
	struct calls_pending *p;

	if (!index)
		return NULL;
	p = slot_of(c, &(struct calls_pending){
			       .id = id,
			       .session = index - 1,
			       .epoch = c->sessions[index - 1].side[asker].epoch,
			       .side = (uint8_t)asker,
		       });
	return p->sent && p->command == command ? p : NULL;
}

/** calls_finish() - all was seen: counts what is unanswered */
void calls_finish(struct calls *c)
{
	for (uint32_t i = 0; i < c->pending_size; i++) {
		const struct calls_pending *p = &c->pending[i];
		struct calls_session *s = &c->sessions[p->session];
		struct calls_figures *f;

		if (!p->sent)
			continue;
		f = figures(c, s->view, p->side, p->command);
		if (!f)
			continue;
		s->pending[p->side]++;
		f->pending++;
		f->pending_acked += is_acked(c, p);
	}
}
