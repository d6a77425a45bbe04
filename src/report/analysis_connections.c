/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `connections`: each TCP connection of scoutfs from its beginning to its end, and step by
 * step those that the trigger is about.
 *
 * A connection is put together from up to three places: packets, and the scoutfs_conn_* events of
 * either end's mount. What ties them is the pair of addresses. An end that has shut down has
 * forgotten the other's address (net.c: the socket is gone), so later events are found by mount and
 * client's rid. Flags of a connection (net.h: CONN_FL_*): 1 valid_greeting, 2 established, 4
 * shutting_down, 8 saw_greeting, 16 saw_farewell, 32 reconn_wait, 64 reconn_freeing. The server
 * keeps the state of a client whose connection broke, and waits 20 s for it (reconn_wait); if it
 * comes back, the new connection takes that state over (reconn_migrate) and the old one is freed;
 * if not, it is freed and the client is fenced. Both free with reconn_freeing set: what came before
 * tells them apart.
 */
#include "connections.h"

#include <inttypes.h>

#include "filter.h"
#include "netevent.h"

#define NEAR 256 /* lives that are looked through, the latest first */
#define STEPS_FIRST 16
#define STEP_TEXT 160

/* ---- lives ---- */

static uint64_t addr_hash(uint64_t h, const struct wire_addr *a)
{
	h = (h ^ get_le64(a->ip.s6_addr)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 32 ^ get_le64(a->ip.s6_addr + 8)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 32 ^ a->port) * UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 32;
}

static struct life **bucket(struct connections *c, const struct wire_addr *a,
			    const struct wire_addr *b)
{
	/* The same, whichever is first. */
	return &c->buckets[(addr_hash(c->salt, a) + addr_hash(c->salt, b)) % BUCKETS];
}

/** connections_between() - is it of these two addresses? */
bool connections_between(const struct life *l, const struct wire_addr *a, const struct wire_addr *b)
{
	return (wire_addr_equal(&l->client, a) && wire_addr_equal(&l->server, b)) ||
	       (wire_addr_equal(&l->client, b) && wire_addr_equal(&l->server, a));
}

/* The latest between two addresses, or NULL. */
static struct life *life_between(struct connections *c, const struct wire_addr *a,
				 const struct wire_addr *b)
{
	for (struct life *l = *bucket(c, a, b); l; l = l->next)
		if (connections_between(l, a, b))
			return l;
	return NULL;
}

static void life_free(struct life *l)
{
	for (size_t i = 0; l && i < l->step_count; i++)
		free(l->steps[i].text);
	if (l)
		free(l->steps);
	free(l);
}

/* Nothing points to it any more. */
static void unlink_life(struct connections *c, struct life *l)
{
	struct life **at = bucket(c, &l->client, &l->server);

	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	for (size_t i = 0; i < c->end_count; i++)
		if (c->ends[i].life == l)
			c->ends[i].life = NULL;
	if (c->migrating == l)
		c->migrating = NULL;
}

static void remove_life(struct connections *c, size_t index)
{
	struct life *l = c->lives[index];

	unlink_life(c, l);
	memmove(&c->lives[index], &c->lives[index + 1],
		(c->count - index - 1) * sizeof(c->lives[0]));
	c->count--;
	life_free(l);
}

/* The oldest eighth; half of them at a time would be as good. */
static void drop_old(struct connections *c)
{
	size_t n = LIVES / 8;

	for (size_t i = 0; i < n; i++) {
		unlink_life(c, c->lives[i]);
		life_free(c->lives[i]);
	}
	memmove(c->lives, c->lives + n, (c->count - n) * sizeof(c->lives[0]));
	c->count -= n;
	c->dropped += n;
}

static struct life *new_life(struct connections *c, const struct wire_addr *client,
			     const struct wire_addr *server, uint64_t ns)
{
	struct life *l, **at = bucket(c, client, server);

	/* The log, and an end that knows no address of its own yet, tell of others too. */
	if (!filter_has_peer(c->filters, c->filter_count, client, server))
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l) {
		c->failed = true;
		return NULL;
	}
	if (c->count == LIVES)
		drop_old(c);
	l->number = ++c->born;
	l->client = *client;
	l->server = *server;
	l->begin_ns = ns;
	l->begin_how = TCPFLOW_BEGIN_MIDSTREAM;
	l->next = *at;
	*at = l;
	c->lives[c->count++] = l;
	return l;
}

/* The life that a place sees; a new one if there is none that it could be. */
static struct life *life_seen(struct connections *c, const struct wire_addr *client,
			      const struct wire_addr *server, enum part part, uint64_t ns)
{
	struct life *l = life_between(c, client, server);

	if (l && l->ended & 1U << part)
		l = NULL;
	if (!l)
		l = new_life(c, client, server, ns);
	if (l)
		l->parts |= (uint8_t)(1U << part);
	return l;
}

/* The same, and this place saw its very beginning. */
static struct life *life_begins(struct connections *c, const struct wire_addr *client,
				const struct wire_addr *server, enum part part, uint64_t ns)
{
	struct life *l = life_between(c, client, server);

	if (l && (l->ended & 1U << part || l->begun & 1U << part || l->parts & 1U << part))
		l = NULL;
	if (!l)
		l = new_life(c, client, server, ns);
	if (!l)
		return NULL;
	l->parts |= (uint8_t)(1U << part);
	l->begun |= (uint8_t)(1U << part);
	l->begin_ns = min_of(l->begin_ns, ns);
	calls_server_is(&c->servers, server);
	return l;
}

static void life_ends(struct life *l, enum part part, uint64_t ns)
{
	if (l->ended & 1U << part)
		return;
	if (!l->ended || ns < l->end_ns) {
		l->end_ns = ns;
		l->end_first = part;
	}
	l->ended |= (uint8_t)(1U << part);
}

/** connections_step() - something that happened to a connection; @what: not copied; NULL: no memory
 */
struct step *connections_step(struct connections *c, struct life *l, enum part part, uint64_t ns,
			      const char *what)
{
	struct step *s;

	if (l->step_count == STEPS) {
		free(l->steps[STEPS_FIRST].text);
		memmove(&l->steps[STEPS_FIRST], &l->steps[STEPS_FIRST + 1],
			(STEPS - STEPS_FIRST - 1) * sizeof(*s));
		l->step_count--;
		l->steps_dropped++;
	} else if (l->step_count % 16 == 0) {
		s = reallocarray(l->steps, l->step_count + 16, sizeof(*s));
		if (!s) {
			c->failed = true;
			return NULL;
		}
		l->steps = s;
	}
	s = &l->steps[l->step_count++];
	*s = (struct step){.ns = ns, .part = (uint8_t)part, .what = what};
	return s;
}

/* ---- packets ---- */

/* The life of a captured connection. Which end is the server's may become known late. */
static struct life *life_of_flow(struct connections *c, const struct tcpflow_connection *k,
				 uint64_t ns)
{
	struct life *l = life_between(c, &k->ends[0], &k->ends[1]);
	int server = k->server;

	if (server < 0)
		server = calls_is_server(&c->servers, &k->ends[0]) ? 0 : 1;
	if (l && k->server >= 0 && !wire_addr_equal(&l->server, &k->ends[server])) {
		l->server = k->ends[server];
		l->client = k->ends[!server];
	}
	return life_seen(c, &k->ends[!server], &k->ends[server], PART_PACKETS, ns);
}

static void flow_begins(void *self, const struct tcpflow_connection *k, enum tcpflow_begin how)
{
	struct connections *c = self;
	struct life *l = life_between(c, &k->ends[0], &k->ends[1]);
	int server = k->server;

	/* The packets of one before it were the last of that one, whether an end was seen or not.
	 */
	if (l && l->parts & 1U << PART_PACKETS)
		life_ends(l, PART_PACKETS, k->begin_ns);
	if (how == TCPFLOW_BEGIN_MIDSTREAM) {
		l = life_of_flow(c, k, k->begin_ns);
	} else {
		if (server < 0)
			server = calls_is_server(&c->servers, &k->ends[0]) ? 0 : 1;
		l = life_begins(c, &k->ends[!server], &k->ends[server], PART_PACKETS, k->begin_ns);
	}
	if (!l)
		return;
	if (how != TCPFLOW_BEGIN_MIDSTREAM)
		(void)connections_step(c, l, PART_PACKETS, k->begin_ns, "first packet (SYN)");
	l->begin_how = how;
}

static void greeting(struct connections *c, struct life *l, const struct tcpflow_message *m)
{
	struct wire_greeting g;
	struct step *s = connections_step(c, l, PART_PACKETS, m->header_ns,
					  m->header.response ? "greeting answered" : "greeting");

	if (!wire_greeting_parse(m->data, m->data_bytes, &g))
		return;
	l->greeted = true;
	if (g.rid)
		l->client_rid = g.rid;
	if (m->header.response)
		l->term = g.server_term;
	else
		l->greeting_flags = g.flags;
	if (!s || m->header.response)
		return;
	if (g.server_term)
		s->what = g.flags & WIRE_GREETING_FAREWELL ? "greeting: only to say farewell"
							   : "greeting: was connected before";
	else
		s->what = "greeting: a new mount";
}

static void flow_message(void *self, const struct tcpflow_connection *k,
			 const struct tcpflow_message *m)
{
	struct connections *c = self;
	struct life *l = life_of_flow(c, k, m->header_ns);
	enum calls_side from;

	if (!l)
		return;
	from = wire_addr_equal(&k->ends[m->from], &l->server) ? CALLS_BY_SERVER : CALLS_BY_CLIENT;
	l->messages[PART_PACKETS][from]++;
	l->last_ns[from] = max_of(l->last_ns[from], m->last_ns);
	if (m->header.command == WIRE_GREETING)
		greeting(c, l, m);
	if (m->header.command != WIRE_FAREWELL)
		return;
	l->farewell = true;
	(void)connections_step(c, l, PART_PACKETS, m->header_ns,
			       m->header.response ? "farewell answered" : "farewell");
}

static void flow_gap(void *self, const struct tcpflow_connection *k, const struct tcpflow_gap *g)
{
	struct connections *c = self;
	struct life *l = life_of_flow(c, k, g->first_ns);

	if (!l)
		return;
	l->gaps++;
	if (__builtin_add_overflow(l->gap_bytes, g->bytes, &l->gap_bytes))
		l->gap_bytes = UINT64_MAX;
}

/* Attempts that nothing came of are one row, if nothing is known of them but packets. */
static bool merge_refused(struct connections *c, struct life *l)
{
	size_t least = c->count > NEAR ? c->count - NEAR : 0;

	if (l->messages[PART_PACKETS][0] || l->messages[PART_PACKETS][1] ||
	    l->parts != 1U << PART_PACKETS || !(l->begun & 1U << PART_PACKETS) ||
	    c->lives[c->count - 1] != l)
		return false;
	l->refused = true;
	l->attempts = 1;
	for (size_t i = c->count - 1; i > least; i--) {
		struct life *before = c->lives[i - 1];

		if (!before->refused || !wire_addr_equal(&before->server, &l->server) ||
		    memcmp(&before->client.ip, &l->client.ip, sizeof(l->client.ip)) != 0)
			continue;
		before->attempts++;
		before->end_ns = max_of(before->end_ns, l->end_ns);
		remove_life(c, c->count - 1);
		c->born--;
		return true;
	}
	return true;
}

static void flow_ends(void *self, const struct tcpflow_connection *k, uint64_t ns,
		      enum tcpflow_end how)
{
	struct connections *c = self;
	struct life *l = life_between(c, &k->ends[0], &k->ends[1]);
	static const char *const words[] = {
		[TCPFLOW_END_FIN] = "closed (FIN of both ends)",
		[TCPFLOW_END_RST] = "broken off (RST)",
		[TCPFLOW_END_REPLACED] = "its addresses and ports were used anew",
		[TCPFLOW_END_FORGOTTEN] = "too many connections: not followed further",
	};

	if (!l || !(l->parts & 1U << PART_PACKETS) || l->ended & 1U << PART_PACKETS)
		return;
	if (how == TCPFLOW_END_CAPTURE)
		return;
	l->end_how = how;
	life_ends(l, PART_PACKETS, ns);
	if (!merge_refused(c, l))
		(void)connections_step(c, l, PART_PACKETS, ns, words[how]);
}

/* ---- trace events: messages ---- */

static void net_event(struct connections *c, const struct trace_event *e, event_fields f, bool sent)
{
	struct wire_addr own = netevent_addr(e, f[NET_NAME_ADDR], f[NET_NAME_PORT]);
	struct wire_addr peer = netevent_addr(e, f[NET_PEER_ADDR], f[NET_PEER_PORT]);
	uint64_t rid = netevent_number(e, f[NET_RID]);
	struct life *l = life_between(c, &own, &peer);
	struct wire_message m = {0};
	enum calls_side from;
	bool server, sure;

	if (!netevent_message(e, f, &m)) {
		c->bad_events++;
		return;
	}
	server = l ? wire_addr_equal(&l->server, &own)
		   : !calls_server_of(&c->servers, &own, &peer, -1, !sent, &m, &sure);
	l = server ? life_seen(c, &peer, &own, PART_SERVER, e->ns)
		   : life_seen(c, &own, &peer, PART_CLIENT, e->ns);
	if (!l)
		return;
	if (server)
		l->server_rid = rid;
	else
		l->client_rid = rid;
	from = server == sent ? CALLS_BY_SERVER : CALLS_BY_CLIENT;
	l->messages[server ? PART_SERVER : PART_CLIENT][from]++;
	l->last_ns[from] = max_of(l->last_ns[from], e->ns);
	l->farewell |= m.command == WIRE_FAREWELL;
}

static void net_sent(void *self, const struct trace_event *e, event_fields f)
{
	net_event(self, e, f, true);
}

static void net_received(void *self, const struct trace_event *e, event_fields f)
{
	net_event(self, e, f, false);
}

/* ---- trace events: connections ---- */

enum {
	RID,
	C_RID,
	CONN_FLAGS,
	LISTENING,
	TIMEOUT,
	SOCK_ADDR,
	SOCK_PORT,
	PEER_ADDR,
	PEER_PORT,
	SEND_EMPTY,
	RESEND_EMPTY,
	NEXT_SEQ
};
#define CONN_FIELDS                                                               \
	{                                                                         \
		[RID] = "rid", [C_RID] = "c_rid", [CONN_FLAGS] = "flags",         \
		[LISTENING] = "listening_conn", [TIMEOUT] = "connect_timeout_ms", \
		[SOCK_ADDR] = "sockname_addr", [SOCK_PORT] = "sockname_port",     \
		[PEER_ADDR] = "peername_addr", [PEER_PORT] = "peername_port",     \
		[SEND_EMPTY] = "e_send_queue", [RESEND_EMPTY] = "e_resend_queue", \
		[NEXT_SEQ] = "next_send_seq"                                      \
	}

/* One scoutfs_conn_* event, read. */
struct conn {
	uint64_t ns, rid, c_rid, flags, next_seq;
	uint32_t pid;
	struct wire_addr own, peer;
	bool has_peer, is_server, is_listener, to_send, to_resend;
};

static struct conn conn_of(const struct trace_event *e, event_fields f)
{
	struct conn k = {.ns = e->ns,
			 .rid = netevent_number(e, f[RID]),
			 .c_rid = netevent_number(e, f[C_RID]),
			 .flags = netevent_number(e, f[CONN_FLAGS]),
			 .next_seq = netevent_number(e, f[NEXT_SEQ]),
			 .own = netevent_addr(e, f[SOCK_ADDR], f[SOCK_PORT]),
			 .peer = netevent_addr(e, f[PEER_ADDR], f[PEER_PORT]),
			 .has_peer = netevent_number(e, f[PEER_PORT]) != 0,
			 .is_server = netevent_number(e, f[LISTENING]) != 0};

	if (e->bytes >= EVENT_COMMON_BYTES)
		k.pid = get_le32(e->data + 4);
	/* e_ is for empty. */
	k.to_send = f[SEND_EMPTY] && !netevent_number(e, f[SEND_EMPTY]);
	k.to_resend = f[RESEND_EMPTY] && !netevent_number(e, f[RESEND_EMPTY]);
	/* Only a client connects, with a timeout; what neither was accepted nor connects listens.
	 */
	k.is_listener = !k.is_server && !k.has_peer && !netevent_number(e, f[TIMEOUT]);
	return k;
}

static struct client_end *client_end(struct connections *c, uint64_t rid)
{
	struct client_end *more;

	for (size_t i = c->end_count; i-- > 0;)
		if (c->ends[i].rid == rid)
			return &c->ends[i];
	if (c->end_count == NEAR) /* mounts of one host */
		return NULL;
	more = reallocarray(c->ends, c->end_count + 1, sizeof(*more));
	if (!more) {
		c->failed = true;
		return NULL;
	}
	c->ends = more;
	more += c->end_count++;
	*more = (struct client_end){.rid = rid};
	return more;
}

/* An accepted connection whose peer is forgotten. */
static struct life *life_of_client(const struct connections *c, uint64_t server_rid,
				   uint64_t client_rid, bool alive)
{
	for (size_t i = c->count; i > (c->count > NEAR ? c->count - NEAR : 0); i--) {
		struct life *l = c->lives[i - 1];

		if (l->client_rid == client_rid && l->server_rid == server_rid &&
		    (!alive || !l->freed_ns))
			return l;
	}
	return NULL;
}

static struct life *life_of_conn(struct connections *c, const struct conn *k)
{
	enum part part = k->is_server ? PART_SERVER : PART_CLIENT;
	struct life *l = NULL;
	struct client_end *end;

	if (k->is_listener)
		return NULL;
	if (k->has_peer) {
		/* Also after it ended: these are the steps of its end. */
		l = life_between(c, &k->own, &k->peer);
		if (!l)
			l = k->is_server ? life_seen(c, &k->peer, &k->own, part, k->ns)
					 : life_seen(c, &k->own, &k->peer, part, k->ns);
	} else if (k->is_server) {
		/* Freed ones come later than those that took their place. */
		for (size_t i = c->count > NEAR ? c->count - NEAR : 0;
		     k->c_rid && i < c->count && !l; i++) {
			struct life *old = c->lives[i];

			if (old->client_rid == k->c_rid && old->server_rid == k->rid &&
			    !old->freed_ns && old->ended & 1U << PART_SERVER)
				l = old;
		}
	} else {
		end = client_end(c, k->rid);
		l = end ? end->life : NULL;
	}
	if (!l)
		return NULL;
	l->parts |= (uint8_t)(1U << part);
	if (k->is_server)
		l->server_rid = k->rid;
	else
		l->client_rid = k->rid;
	if (k->is_server && k->c_rid)
		l->client_rid = k->c_rid;
	if (!k->is_server && k->has_peer) {
		end = client_end(c, k->rid);
		if (end)
			end->life = l;
	}
	if (k->is_server || !(l->parts & 1U << PART_SERVER))
		l->flags = k->flags;
	return l;
}

static struct step *conn_step(struct connections *c, struct life *l, const struct conn *k,
			      const char *what)
{
	struct step *s =
		connections_step(c, l, k->is_server ? PART_SERVER : PART_CLIENT, k->ns, what);

	if (!s)
		return NULL;
	s->flags = k->flags;
	s->next_seq = k->next_seq;
	s->to_send = k->to_send;
	s->to_resend = k->to_resend;
	s->has_state = true;
	s->pid = k->pid;
	return s;
}

static void connect_starts(void *self, const struct trace_event *e, event_fields f)
{
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	struct client_end *end = client_end(c, k.rid);

	if (end)
		end->attempts++;
}

static void connect_completes(void *self, const struct trace_event *e, event_fields f)
{
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	struct client_end *end;
	struct life *l;

	if (!k.has_peer)
		return;
	l = life_begins(c, &k.own, &k.peer, PART_CLIENT, k.ns);
	end = client_end(c, k.rid);
	if (!l || !end)
		return;
	l->attempts = end->attempts > 1 ? end->attempts - 1 : 0;
	end->attempts = 0;
	(void)life_of_conn(c, &k);
	(void)conn_step(c, l, &k, "connected");
}

static void accepts(void *self, const struct trace_event *e, event_fields f)
{
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	struct life *l;

	if (!k.has_peer)
		return;
	k.is_server = true;
	l = life_begins(c, &k.peer, &k.own, PART_SERVER, k.ns);
	if (!l)
		return;
	(void)life_of_conn(c, &k);
	(void)conn_step(c, l, &k, "accepted");
}

static void migrates(void *self, const struct trace_event *e, event_fields f)
{
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	struct life *l = life_of_conn(c, &k);

	if (!l)
		return;
	l->takes_over = true;
	c->migrating = l;
	(void)conn_step(c, l, &k, "takes over from the connection before");
}

static void shutdown_is_queued(void *self, const struct trace_event *e, event_fields f)
{
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	enum part part = k.is_server ? PART_SERVER : PART_CLIENT;
	struct life *l = life_of_conn(c, &k);

	if (!l || l->ended & 1U << part)
		return; /* again, by a client that tries to connect */
	life_ends(l, part, k.ns);
	(void)conn_step(c, l, &k, "to be shut down");
}

static void shutdown_starts(void *self, const struct trace_event *e, event_fields f)
{
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	enum part part = k.is_server ? PART_SERVER : PART_CLIENT;
	struct life *l = k.has_peer ? life_of_conn(c, &k) : NULL;

	if (!l)
		return;
	life_ends(l, part, k.ns);
	(void)conn_step(c, l, &k, "shutting down");
}

/* Has this place told that it is down? */
static bool is_down(const struct life *l, enum part part, const char *what)
{
	for (size_t i = 0; i < l->step_count; i++)
		if (l->steps[i].part == part && l->steps[i].what == what)
			return true;
	return false;
}

static void shutdown_completes(void *self, const struct trace_event *e, event_fields f)
{
	static const char waits[] = "down, waits for it to reconnect", down[] = "down";
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	enum part part = k.is_server ? PART_SERVER : PART_CLIENT;
	bool wait = k.flags & FL_RECONN_WAIT;
	struct life *l = life_of_conn(c, &k);

	if (!l || is_down(l, part, wait ? waits : down))
		return;
	life_ends(l, part, k.ns);
	if (wait && !l->wait_ns)
		l->wait_ns = k.ns;
	(void)conn_step(c, l, &k, wait ? waits : down);
}

static void destroy_starts(void *self, const struct trace_event *e, event_fields f)
{
	struct connections *c = self;
	struct conn k = conn_of(e, f);
	struct life *l = life_of_conn(c, &k);

	if (!l)
		return;
	if (!k.is_server) {
		(void)conn_step(c, l, &k, "destroyed");
		return;
	}
	l->freed_ns = k.ns;
	if (k.flags & FL_RECONN_FREEING && c->migrating && c->migrating != l &&
	    c->migrating->server_rid == k.rid) {
		l->migrated_ns = k.ns;
		if (!c->migrating->client_rid)
			c->migrating->client_rid = l->client_rid;
		c->migrating = NULL;
		(void)conn_step(c, l, &k, "destroyed: the new one has taken over");
	} else {
		(void)conn_step(c, l, &k, l->wait_ns ? "destroyed: given up" : "destroyed");
	}
}

static void client_event(struct connections *c, const struct trace_event *e, event_fields f,
			 const char *what, bool down)
{
	uint64_t rid = netevent_number(e, f[0]), client = netevent_number(e, f[1]);
	struct life *l = life_of_client(c, rid, client, false);

	if (!l)
		return;
	if (down)
		l->down_ns = e->ns;
	(void)connections_step(c, l, PART_SERVER, e->ns, what);
}

static void client_is_up(void *self, const struct trace_event *e, event_fields f)
{
	client_event(self, e, f, "the server knows the client", false);
}

static void client_is_down(void *self, const struct trace_event *e, event_fields f)
{
	client_event(self, e, f, "the server forgets the client", true);
}

/* ---- kernel log ---- */

static struct life *life_of_address(const struct connections *c, const struct wire_addr *client)
{
	for (size_t i = c->count; i > (c->count > NEAR ? c->count - NEAR : 0); i--)
		if (wire_addr_equal(&c->lives[i - 1]->client, client))
			return c->lives[i - 1];
	return NULL;
}

static struct life *life_of_line(struct connections *c, const struct logline *line, uint64_t ns)
{
	if (line->has_a && line->has_b) {
		struct life *l = life_between(c, &line->a, &line->b);
		bool server_first = line->kind == LOGLINE_SERVER_CLOSING ||
				    line->kind == LOGLINE_SERVER_ACCEPTED;

		return l	      ? l
		       : server_first ? new_life(c, &line->b, &line->a, ns)
				      : new_life(c, &line->a, &line->b, ns);
	}
	if (line->has_rid)
		for (size_t i = c->count; i > (c->count > NEAR ? c->count - NEAR : 0); i--)
			if (c->lives[i - 1]->client_rid == line->rid)
				return c->lives[i - 1];
	return line->has_a && line->kind == LOGLINE_CLIENT_FENCED ? life_of_address(c, &line->a)
								  : NULL;
}

/* The log reaches back to the boot; connections of then are of no interest. */
static void log_seen(void *self, const struct log_line *line)
{
	struct connections *c = self;
	struct logline k;
	struct life *l;
	struct step *s;

	if (line->ns < c->from_ns || !logline_parse(line->text, line->bytes, !line->foreign, &k))
		return;
	l = life_of_line(c, &k, line->ns);
	if (!l)
		return;
	l->parts |= (uint8_t)(1U << PART_LOG);
	l->timed_out |= k.kind == LOGLINE_CLIENT_FENCED;
	if (k.kind == LOGLINE_SERVER_CLOSING || k.kind == LOGLINE_CLIENT_DISCONNECTED)
		life_ends(l, PART_LOG, line->ns);
	s = connections_step(c, l, PART_LOG, line->ns, "");
	if (!s)
		return;
	s->text = strndup(k.message, min_of(k.message_bytes, (size_t)STEP_TEXT));
	s->what = s->text;
	c->failed |= !s->text;
}

/* ---- the report ---- */

static int open_connections(void *self, const struct recording *rec,
			    const struct analysis_options *o, struct report_out *out, struct err *e)
{
	struct connections *c = self;

	(void)out;
	*c = (struct connections){.rec = rec,
				  .limit = o->limit,
				  .from_ns = max_of(o->from_ns, rec->first_ns),
				  .to_ns = o->to_ns,
				  .filters = o->filters,
				  .filter_count = o->filter_count,
				  .salt = (uintptr_t)c * UINT64_C(0x9e3779b97f4a7c15) | 1};
	c->lives = calloc(LIVES, sizeof(c->lives[0]));
	if (!c->lives)
		return err_nomem(e);
	if (rec->has_server)
		calls_server_is(&c->servers, &rec->server);
	c->has_trigger =
		rec->triggered &&
		logline_parse(rec->trigger_text, strlen(rec->trigger_text), true, &c->trigger);
	return 0;
}

static int result_connections(void *self, struct report_out *out, struct err *e)
{
	struct connections *c = self;

	const struct wire_addr none = {0};
	/* With --peer an attempt may have come to a connection that is left out. */
	bool all = filter_has_peer(c->filters, c->filter_count, &none, &none);

	connections_tell(c, out);
	for (size_t i = 0; all && i < c->end_count; i++)
		if (c->ends[i].attempts)
			report_note(out,
				    "The mount with rid %016" PRIx64 " tried to connect %" PRIu64
				    " times at last, and had not connected at the end.",
				    c->ends[i].rid, c->ends[i].attempts);
	if (c->bad_events)
		report_note(out,
			    "%" PRIu64 " trace events of messages make no sense and were left "
			    "out.",
			    c->bad_events);
	return c->failed ? err_nomem(e) : 0;
}

static void done_connections(void *self)
{
	struct connections *c = self;

	for (size_t i = 0; c->lives && i < c->count; i++)
		life_free(c->lives[i]);
	free(c->lives);
	free(c->ends);
}

#define CONN(event, fn)                                           \
	{                                                         \
		"scoutfs", "scoutfs_conn_" event, fn, CONN_FIELDS \
	}

static const struct event_want connections_wants[] = {
	{"scoutfs", "scoutfs_net_send_message", net_sent, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_net_recv_message", net_received, NETEVENT_FIELDS},
	CONN("connect_start", connect_starts),
	CONN("connect_complete", connect_completes),
	CONN("accept", accepts),
	CONN("reconn_migrate", migrates),
	CONN("shutdown_queued", shutdown_is_queued),
	CONN("shutdown_start", shutdown_starts),
	CONN("shutdown_complete", shutdown_completes),
	CONN("destroy_start", destroy_starts),
	{"scoutfs", "scoutfs_server_client_up", client_is_up, {"rid", "c_rid"}},
	{"scoutfs", "scoutfs_server_client_down", client_is_down, {"rid", "c_rid"}},
};

const struct analysis_ops analysis_connections = {
	.name = "connections",
	.title = "Connections",
	.tables = "connections traffic steps",
	.summary = "the life of each connection, and the steps of those that the trigger names",
	.self_bytes = sizeof(struct connections),
	.wants = connections_wants,
	.want_count = ARRAY_SIZE(connections_wants),
	.open = open_connections,
	.begin = flow_begins,
	.message = flow_message,
	.gap = flow_gap,
	.end = flow_ends,
	.log = log_seen,
	.result = result_connections,
	.done = done_connections,
};
