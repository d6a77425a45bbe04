// SPDX-License-Identifier: GPL-2.0-only
/*
 * From captured TCP segments to the messages of scoutfs.
 *
 * The report feeds it the packets of a capture in the order in which they were captured; it calls
 * back for each connection's beginning and end, each message, and each gap. It puts segments in
 * order (they come twice where a host captures on all its interfaces, out of order, again,
 * overlapping, cut by the snaplen, or not at all); framing.c finds the messages in what is then in
 * order. What was asked and answered, and whether a message was sent before on another connection,
 * is for the analyses to find out.
 *
 * A connection that was there when the capture began is the ordinary case: it begins with the first
 * segment that has a payload. A segment that comes before one before it waits. The wait ends when
 * the missing one comes; or TCPFLOW_GRACE_NS after its receiver has acknowledged it, since then it
 * is not on the way any more but missing in the capture; or after TCPFLOW_PATIENCE_NS, longer than
 * scoutfs keeps a connection on which nothing moves; or when too much waits. What then never came
 * is a gap. Where nobody lies about acknowledgements that is right to the byte; where somebody
 * does, a message is missed, but none invented.
 *
 * Who the server is decides the direction of everything that is asked. The one whose port was
 * connected to, who answers a greeting, or who sends what only servers send; before any of this was
 * seen, an address that was a server's before, or that the caller knows. Sent numbers wrap around
 * at 4 GiB; offsets in streams do not.
 *
 * Memory: a table of connections, the idle longest of which gives way; per end a small buffer;
 * segments that wait, within a limit for each end and one for all. It owns copies of what waits and
 * nothing else.
 *
 * Sources: RFC 9293 for TCP; kmod/src/net.c of scoutfs for who sends what.
 */
#include <errno.h>

#include "framing.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define MEMORY_BYTES (16 * MIB)
#define DIRECTION_BYTES MIB
#define CONNECTIONS 1024
#define SERVERS_LEARNED 64
#define SEGMENTS_KEPT 4096 /* of one end: finding the place of the next one must not take long */

/* No window is larger (tcp_rmem and tcp_wmem end at a few MiB): numbers further away than this are
 * of another connection, and acknowledgements of nothing. */
#define WINDOW_MAX (64 * INT64_C(1048576))
/* Segments behind the end of a connection are its own for so long; then of one whose beginning is
 * not in the capture. */
#define LINGER_NS NSEC_PER_SEC
/* How often connections on which nothing comes are looked at, in the capture's time. */
#define SWEEP_NS (250 * NSEC_PER_MSEC)

/* A segment that waits for one before it. */
struct segment {
	struct segment *previous, *next;
	uint64_t offset, ns;
	uint32_t n, wire_n;
	uint8_t bytes[];
};

/* What one end of a connection sends. */
struct direction {
	struct flow_connection *connection;
	bool started;
	uint32_t first_seq; /* of offset 0 */
	struct framing framing;
	struct segment *first, *last; /* waiting, by offset, not overlapping front to front */
	size_t kept_bytes, kept;
	uint64_t acked;	     /* offset up to which the peer has it; at most what it said */
	uint64_t hole;	     /* where something is missing, if anything is; since when; */
	uint64_t missing_ns; /* and since when the peer has it; 0: not at all */
	uint64_t covered_ns;
	bool finished;
	uint64_t finish; /* offset of its end */
	bool spoke;	 /* has sent a message since the connection began */
};

struct flow_connection {
	struct tcpflow_connection public;
	struct tcpflow *flow;
	struct flow_connection *same_hash;
	struct flow_connection *newer, *older; /* by use */
	struct direction directions[2];
	bool server_sure, learned;
	bool ending; /* what its directions still give is of the connection that ends */
	bool ended;
	uint64_t ended_ns;
	uint64_t hash;
};

struct tcpflow {
	struct tcpflow_ops ops;
	void *ctx;
	size_t memory_bytes, direction_bytes, connection_max;
	struct tcpflow_stats stats;

	struct flow_connection **table; /* of bucket_count, a power of 2 */
	size_t bucket_count, count;
	struct flow_connection *newest, *oldest;
	uint64_t swept_ns;

	struct wire_addr *servers; /* known from the first on, then learned */
	size_t server_count, server_known, server_next;
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* The same for both directions. */
static uint64_t addr_hash(const struct wire_addr *a)
{
	return mix(mix(a->port, get_le64(&a->ip.s6_addr[0])), get_le64(&a->ip.s6_addr[8]));
}

/* ---- who is the server ---- */

static bool is_server(const struct tcpflow *f, const struct wire_addr *a)
{
	for (size_t i = 0; i < f->server_count; i++)
		if (wire_addr_equal(&f->servers[i], a))
			return true;
	return false;
}

static void learn_server(struct tcpflow *f, const struct wire_addr *a)
{
	if (is_server(f, a))
		return;
	if (f->server_count < f->server_known + SERVERS_LEARNED) {
		f->servers[f->server_count++] = *a;
		return;
	}
	f->servers[f->server_known + f->server_next] = *a;
	f->server_next = (f->server_next + 1) % SERVERS_LEARNED;
}

static void server_is(struct flow_connection *c, int end)
{
	if (c->server_sure)
		return;
	c->server_sure = true;
	c->public.server = end;
}

static void guess_server(struct flow_connection *c)
{
	for (int end = 0; end < 2 && c->public.server < 0; end++)
		if (is_server(c->flow, &c->public.ends[end]) &&
		    !is_server(c->flow, &c->public.ends[!end]))
			c->public.server = end;
}

/* ---- a connection's life ---- */

static int end_of(const struct direction *d)
{
	return d == &d->connection->directions[1];
}

static void give_begin(struct flow_connection *c, uint64_t ns, enum tcpflow_begin how)
{
	struct tcpflow *f = c->flow;

	c->public.number = ++f->stats.connections;
	c->public.begin_ns = ns;
	if (f->ops.begin)
		f->ops.begin(f->ctx, &c->public, how);
}

static void give_end(struct flow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	if (c->flow->ops.end)
		c->flow->ops.end(c->flow->ctx, &c->public, ns, how);
}

static void give_up(struct direction *d, uint64_t until, uint64_t ns);

/* Nothing more will come: what waits is given, with the gaps between. */
static void direction_end(struct direction *d)
{
	while (d->first)
		give_up(d, d->first->offset, d->first->ns);
	framing_end(&d->framing);
}

static void on_message(void *ctx, struct tcpflow_message *m);
static void on_gap(void *ctx, struct tcpflow_gap *g);

/* @searching: a message does not necessarily begin at @seq. */
static void direction_start(struct direction *d, uint32_t seq, bool searching)
{
	framing_done(&d->framing);
	framing_init(&d->framing, searching);
	d->framing.message = on_message;
	d->framing.gap = on_gap;
	d->framing.ctx = d;
	d->started = true;
	d->first_seq = seq;
}

static void direction_reset(struct direction *d)
{
	struct flow_connection *c = d->connection;

	framing_done(&d->framing);
	*d = (struct direction){.connection = c};
}

/* The connection is over; both ends are told as far as they go. Its place stays for what comes
 * late. */
static void connection_end(struct flow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	if (c->ended)
		return;
	c->ending = true;
	direction_end(&c->directions[0]);
	direction_end(&c->directions[1]);
	c->ending = false;
	c->ended = true;
	c->ended_ns = ns;
	give_end(c, ns, how);
}

/* A new one between the same ends; @from sent the first packet of it that was seen. */
static void connection_begin(struct flow_connection *c, int from, uint64_t ns,
			     enum tcpflow_begin how)
{
	struct wire_addr ends[2] = {c->public.ends[from], c->public.ends[!from]};

	connection_end(c, ns, TCPFLOW_END_REPLACED);
	direction_reset(&c->directions[0]);
	direction_reset(&c->directions[1]);
	c->public = (struct tcpflow_connection){.ends = {ends[0], ends[1]}, .server = -1};
	c->server_sure = c->learned = c->ended = false;
	guess_server(c);
	give_begin(c, ns, how);
}

/* ---- what framing finds ---- */

/*
 * A greeting where messages went before: a new connection whose SYN, and its end before, are not in
 * the capture. What the other end sends belongs to the new one from here on. Called by what @d's
 * framing has found, so that must stay as it is.
 */
static void begin_by_greeting(struct direction *d, uint64_t ns)
{
	struct flow_connection *c = d->connection;
	struct direction *other = &c->directions[!end_of(d)];
	struct tcpflow_connection fresh = {.ends = {c->public.ends[0], c->public.ends[1]},
					   .server = c->public.server};

	c->ending = true;
	direction_end(other);
	direction_reset(other);
	c->ending = false;
	give_end(c, ns, TCPFLOW_END_REPLACED);
	c->public = fresh;
	c->server_sure = false;
	d->finished = false;
	give_begin(c, ns, TCPFLOW_BEGIN_GREETING);
}

static void on_message(void *ctx, struct tcpflow_message *m)
{
	struct direction *d = ctx;
	struct flow_connection *c = d->connection;
	struct tcpflow *f = c->flow;
	enum wire_sender sender = wire_message_sender(&m->header);

	m->from = end_of(d);
	if (m->header.command == WIRE_GREETING && d->spoke && !c->ending)
		begin_by_greeting(d, m->header_ns);
	d->spoke = true;
	if (sender != WIRE_FROM_EITHER)
		server_is(c, sender == WIRE_FROM_SERVER ? m->from : !m->from);
	if (!c->learned && c->server_sure) {
		learn_server(f, &c->public.ends[c->public.server]);
		c->learned = true;
	}
	c->public.messages[m->from]++;
	f->stats.messages++;
	if (f->ops.message)
		f->ops.message(f->ctx, &c->public, m);
}

static void on_gap(void *ctx, struct tcpflow_gap *g)
{
	struct direction *d = ctx;
	struct flow_connection *c = d->connection;
	struct tcpflow *f = c->flow;

	g->from = end_of(d);
	c->public.gaps[g->from]++;
	c->public.gap_bytes[g->from] += g->bytes;
	f->stats.gaps++;
	f->stats.gap_bytes += g->bytes;
	if (f->ops.gap)
		f->ops.gap(f->ctx, &c->public, g);
}

/* ---- putting segments in order ---- */

/* Where @seq lies from the next byte expected on; wraps around. */
static int64_t distance(const struct direction *d, uint32_t seq)
{
	return (int32_t)(seq - (d->first_seq + (uint32_t)d->framing.at));
}

/* The next bytes: @offset is not behind d->framing.at; what was seen before is skipped. */
static void take(struct direction *d, uint64_t offset, uint64_t ns, const uint8_t *bytes,
		 uint32_t n, uint32_t wire_n)
{
	uint64_t seen = d->framing.at - offset;
	struct framing_piece p;

	d->connection->flow->stats.duplicate_bytes += min_of(seen, (uint64_t)wire_n);
	if (seen >= wire_n)
		return;
	p = (struct framing_piece){
		.ns = ns,
		.bytes = bytes + min_of(seen, (uint64_t)n),
		.n = seen < n ? n - (uint32_t)seen : 0,
		.wire_n = wire_n - (uint32_t)seen,
		.trimmed = seen > 0,
	};
	framing_bytes(&d->framing, &p);
	if (p.wire_n > p.n)
		framing_hole(&d->framing, ns, p.wire_n - p.n, TCPFLOW_GAP_CUT);
}

static void segment_free(struct direction *d, struct segment *s)
{
	size_t bytes = sizeof(*s) + s->n;

	*(s->previous ? &s->previous->next : &d->first) = s->next;
	*(s->next ? &s->next->previous : &d->last) = s->previous;
	d->kept_bytes -= bytes;
	d->kept--;
	d->connection->flow->stats.kept_bytes -= bytes;
	free(s);
}

/* What waits and is due now. It could be read when all before it had come. */
static void drain(struct direction *d)
{
	while (d->first && d->first->offset <= d->framing.at) {
		struct segment *s = d->first;

		take(d, s->offset, max_of(d->framing.ns, s->ns), s->bytes, s->n, s->wire_n);
		segment_free(d, s);
	}
}

static void give_up_as(struct direction *d, uint64_t until, uint64_t ns, enum tcpflow_reason reason)
{
	if (until > d->framing.at)
		framing_hole(&d->framing, max_of(ns, d->framing.ns), until - d->framing.at, reason);
	drain(d);
}

/* What is missing up to @until never comes; it had been sent by @ns. */
static void give_up(struct direction *d, uint64_t until, uint64_t ns)
{
	give_up_as(d, until, ns, TCPFLOW_GAP_LOST);
}

/* Keep a segment until what is before it has come, if there is room. */
static bool keep(struct direction *d, uint64_t offset, uint64_t ns, const struct wire_packet *p)
{
	struct tcpflow *f = d->connection->flow;
	size_t bytes = sizeof(struct segment) + p->payload_bytes;
	struct segment *s, *before = d->last;

	if (d->kept >= SEGMENTS_KEPT || d->kept_bytes + bytes > f->direction_bytes ||
	    f->stats.kept_bytes + bytes > f->memory_bytes)
		return false;
	if (d->first && d->first->offset > offset)
		before = NULL; /* quickly, for what comes backwards */
	while (before && before->offset > offset)
		before = before->previous;
	/* Captured twice, as a rule; with less of it, never mind. */
	if (before && before->offset + before->wire_n >= offset + p->payload_wire_bytes) {
		f->stats.duplicate_bytes += p->payload_wire_bytes;
		return true;
	}
	s = malloc(bytes);
	if (!s)
		return false;
	*s = (struct segment){.previous = before,
			      .next = before ? before->next : d->first,
			      .offset = offset,
			      .ns = ns,
			      .n = p->payload_bytes,
			      .wire_n = p->payload_wire_bytes};
	if (p->payload_bytes)
		memcpy(s->bytes, p->payload, p->payload_bytes);
	*(before ? &before->next : &d->first) = s;
	*(s->next ? &s->next->previous : &d->last) = s;
	d->kept_bytes += bytes;
	d->kept++;
	f->stats.kept_bytes += bytes;
	f->stats.kept_bytes_max = max_of(f->stats.kept_bytes_max, f->stats.kept_bytes);
	f->stats.waited++;
	return true;
}

static void on_payload(struct direction *d, uint64_t ns, const struct wire_packet *p)
{
	int64_t ahead = distance(d, p->tcp_seq);
	uint64_t offset = d->framing.at + (uint64_t)ahead;

	if (ahead > 0 && keep(d, offset, ns, p))
		return;
	/* No room, so no more waiting, for anything before this segment. */
	while (d->first && ahead > 0 && d->first->offset < offset)
		give_up_as(d, d->first->offset, d->first->ns, TCPFLOW_GAP_MEMORY);
	if (offset > d->framing.at && ahead > 0)
		give_up_as(d, offset, ns, TCPFLOW_GAP_MEMORY);

	take(d, offset, ns, p->payload, p->payload_bytes, p->payload_wire_bytes);
	drain(d);
}

/* ---- waiting ---- */

/* The peer has everything before @ack. */
static void on_ack(struct direction *d, uint32_t ack)
{
	int64_t ahead;
	uint64_t acked;

	if (!d->started)
		return;
	ahead = distance(d, ack);
	if (ahead <= 0 || ahead > WINDOW_MAX)
		return;
	acked = d->framing.at + (uint64_t)ahead;
	if (d->finished)
		acked = min_of(acked, d->finish); /* its end counts as a byte to TCP */
	else if (ahead == 1 && !d->first)
		return; /* an end that is not in the capture, rather than a byte */
	d->acked = max_of(d->acked, acked);
}

/* Elapsed, also when the clock was set back. */
static bool waited(uint64_t *since, uint64_t now, uint64_t limit)
{
	if (!*since || now < *since)
		*since = now;
	return now - *since >= limit;
}

static void check_waiting(struct direction *d, uint64_t now)
{
	bool covered = d->acked > d->framing.at;

	if (!d->started || (!d->first && !covered))
		return;
	if (d->hole != d->framing.at) {
		d->hole = d->framing.at;
		d->covered_ns = d->missing_ns = 0;
	}
	if (covered && waited(&d->covered_ns, now, TCPFLOW_GRACE_NS))
		/* It was sent before what waits for it. */
		give_up(d, d->first ? min_of(d->acked, d->first->offset) : d->acked,
			d->first ? min_of(d->first->ns, d->covered_ns) : d->covered_ns);
	else if (waited(&d->missing_ns, now, TCPFLOW_PATIENCE_NS))
		give_up(d, d->first ? d->first->offset : d->acked, d->first ? d->first->ns : now);
}

static bool all_given(const struct direction *d)
{
	return d->finished && !d->first && d->framing.at >= d->finish;
}

/* Both: anything missing that is not coming? Has it ended? */
static void connection_check(struct flow_connection *c, uint64_t now)
{
	if (c->ended)
		return;
	check_waiting(&c->directions[0], now);
	check_waiting(&c->directions[1], now);
	if (all_given(&c->directions[0]) && all_given(&c->directions[1]))
		connection_end(c, now, TCPFLOW_END_FIN);
}

static void sweep(struct tcpflow *f, uint64_t now)
{
	if (now - f->swept_ns < SWEEP_NS)
		return;
	f->swept_ns = now;
	for (struct flow_connection *c = f->newest; c; c = c->older)
		connection_check(c, now);
}

/* ---- the table of connections ---- */

static void unlink_use(struct tcpflow *f, struct flow_connection *c)
{
	*(c->newer ? &c->newer->older : &f->newest) = c->older;
	*(c->older ? &c->older->newer : &f->oldest) = c->newer;
	c->newer = c->older = NULL;
}

static void link_use(struct tcpflow *f, struct flow_connection *c)
{
	c->older = f->newest;
	*(f->newest ? &f->newest->newer : &f->oldest) = c;
	f->newest = c;
}

static struct flow_connection *find(struct tcpflow *f, uint64_t hash, const struct wire_packet *p,
				    int *ret_from)
{
	struct flow_connection *c = f->table[hash & (f->bucket_count - 1)];

	for (; c; c = c->same_hash) {
		if (c->hash != hash)
			continue;
		for (int from = 0; from < 2; from++) {
			if (wire_addr_equal(&c->public.ends[from], &p->source) &&
			    wire_addr_equal(&c->public.ends[!from], &p->destination)) {
				*ret_from = from;
				return c;
			}
		}
	}
	return NULL;
}

static void forget(struct tcpflow *f, struct flow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	struct flow_connection **at = &f->table[c->hash & (f->bucket_count - 1)];

	connection_end(c, ns, how);
	while (*at != c)
		at = &(*at)->same_hash;
	*at = c->same_hash;
	unlink_use(f, c);
	framing_done(&c->directions[0].framing);
	framing_done(&c->directions[1].framing);
	free(c);
	f->count--;
}

static struct flow_connection *add(struct tcpflow *f, uint64_t hash, const struct wire_packet *p,
				   uint64_t ns)
{
	struct flow_connection *c, **at = &f->table[hash & (f->bucket_count - 1)];

	if (f->count >= f->connection_max)
		forget(f, f->oldest, ns, TCPFLOW_END_FORGOTTEN);
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->flow = f;
	c->hash = hash;
	c->directions[0].connection = c->directions[1].connection = c;
	c->public.ends[0] = p->source;
	c->public.ends[1] = p->destination;
	c->ended = true; /* until something begins it */
	c->same_hash = *at;
	*at = c;
	link_use(f, c);
	f->count++;
	return c;
}

/* ---- packets ---- */

static void on_syn(struct flow_connection *c, int *from, uint64_t ns, const struct wire_packet *p)
{
	struct direction *d = &c->directions[*from];
	bool answer = p->tcp_flags & TCP_ACK;
	uint32_t first = p->tcp_seq + 1;

	/* Seen already, in this incarnation. */
	if (d->started && d->first_seq == first)
		return;
	/* The answer to the SYN that began it; anything else begins a new one. */
	if (c->ended || d->started || !answer || c->directions[!*from].first_seq != p->tcp_ack) {
		connection_begin(c, *from, ns, TCPFLOW_BEGIN_SYN);
		*from = 0;
		d = &c->directions[0];
	}
	direction_start(d, first, false);
	if (answer && !c->directions[!*from].started)
		direction_start(&c->directions[!*from], p->tcp_ack, false);
	server_is(c, answer ? *from : !*from);
}

/* A payload, or an end, that cannot be of the connection as we know it. */
static bool is_of_another(const struct flow_connection *c, const struct direction *d, uint64_t ns,
			  const struct wire_packet *p)
{
	int64_t ahead = d->started ? distance(d, p->tcp_seq) : 0;

	if (ahead > WINDOW_MAX || ahead < -WINDOW_MAX)
		return true;
	return c->ended && ahead >= 0 && (ns < c->ended_ns || ns - c->ended_ns > LINGER_NS);
}

static void on_fin(struct direction *d, const struct wire_packet *p)
{
	uint32_t end = p->tcp_seq + p->payload_wire_bytes;
	int64_t ahead;

	if (!d->started)
		direction_start(d, end, true);
	ahead = distance(d, end);
	if (d->finished || ahead < 0)
		return;
	d->finished = true;
	d->finish = d->framing.at + (uint64_t)ahead;
	d->acked = min_of(d->acked, d->finish);
}

static void on_segment(struct flow_connection *c, int from, uint64_t ns,
		       const struct wire_packet *p)
{
	struct direction *d;

	if (p->tcp_flags & TCP_SYN) {
		on_syn(c, &from, ns, p);
		return;
	}
	d = &c->directions[from];
	if (p->tcp_flags & TCP_RST) {
		connection_end(c, ns, TCPFLOW_END_RST);
		return;
	}
	if (p->payload_wire_bytes && is_of_another(c, d, ns, p)) {
		connection_begin(c, from, ns, TCPFLOW_BEGIN_MIDSTREAM);
		from = 0;
		d = &c->directions[0];
	}
	if (c->ended) {
		c->flow->stats.late += p->payload_wire_bytes > 0;
		return;
	}
	if (p->payload_wire_bytes) {
		if (!d->started)
			direction_start(d, p->tcp_seq, true);
		on_payload(d, ns, p);
	}
	if (p->tcp_flags & TCP_ACK)
		on_ack(&c->directions[!from], p->tcp_ack);
	if (p->tcp_flags & TCP_FIN)
		on_fin(d, p);
	connection_check(c, ns);
}

/**
 * tcpflow_packet() - the next packet of the capture
 * @ns:     when it was captured, on whatever clock the caller wants times of; it may step back
 * @packet: from wire_packet_parse(); anything but TCP is ignored; borrowed
 *
 * Without memory for a new connection the packet is ignored; it is the only loss that is not told.
 */
void tcpflow_packet(struct tcpflow *f, uint64_t ns, const struct wire_packet *packet)
{
	struct flow_connection *c;
	uint64_t hash;
	int from = 0;

	if (packet->transport != WIRE_TCP)
		return;
	sweep(f, ns);
	if (packet->payload_wire_bytes) {
		f->stats.segments++;
		f->stats.payload_bytes += packet->payload_wire_bytes;
	}

	hash = addr_hash(&packet->source) + addr_hash(&packet->destination);
	c = find(f, hash, packet, &from);
	if (!c) {
		/* What has neither a beginning nor a payload tells nothing. */
		if (!(packet->tcp_flags & TCP_SYN) && !packet->payload_wire_bytes)
			return;
		if (packet->tcp_flags & TCP_RST)
			return;
		c = add(f, hash, packet, ns);
		if (!c)
			return;
		if (!(packet->tcp_flags & TCP_SYN))
			connection_begin(c, 0, ns, TCPFLOW_BEGIN_MIDSTREAM);
	} else if (c != f->newest) {
		unlink_use(f, c);
		link_use(f, c);
	}
	on_segment(c, from, ns, packet);
}

/**
 * tcpflow_finish() - the capture has ended
 *
 * What waits is given, with the gaps between, and every connection ends, the idle longest first.
 */
void tcpflow_finish(struct tcpflow *f)
{
	while (f->oldest)
		forget(f, f->oldest,
		       max_of(f->oldest->directions[0].framing.ns,
			      f->oldest->directions[1].framing.ns),
		       TCPFLOW_END_CAPTURE);
}

const struct tcpflow_stats *tcpflow_stats(const struct tcpflow *f)
{
	return &f->stats;
}

/**
 * tcpflow_new() - nothing seen yet
 * @config: limits and known servers; may be NULL
 * @ops:    who is told; copied
 * @ctx:    passed to each
 * @e:      filled on failure
 *
 * Return: the caller's, for tcpflow_free(); NULL without memory.
 */
struct tcpflow *tcpflow_new(const struct tcpflow_config *config, const struct tcpflow_ops *ops,
			    void *ctx, struct err *e)
{
	static const struct tcpflow_config defaults;
	CLEANUP(tcpflow_freep) struct tcpflow *f = calloc(1, sizeof(*f));

	if (!config)
		config = &defaults;
	if (!f) {
		(void)err_nomem(e);
		return NULL;
	}
	f->ops = *ops;
	f->ctx = ctx;
	f->memory_bytes = config->memory_bytes ? config->memory_bytes : MEMORY_BYTES;
	f->direction_bytes = config->direction_bytes ? config->direction_bytes : DIRECTION_BYTES;
	f->connection_max = config->connections ? config->connections : CONNECTIONS;
	for (f->bucket_count = 16; f->bucket_count < f->connection_max;)
		f->bucket_count *= 2;
	f->table = calloc(f->bucket_count, sizeof(f->table[0]));
	f->servers = calloc(config->server_count + SERVERS_LEARNED, sizeof(f->servers[0]));
	if (!f->table || !f->servers) {
		(void)err_nomem(e);
		return NULL;
	}
	for (size_t i = 0; i < config->server_count; i++)
		f->servers[i] = config->servers[i];
	f->server_count = f->server_known = config->server_count;
	return take_ptr(f);
}

/** tcpflow_free() - without telling anybody; NULL is fine */
void tcpflow_free(struct tcpflow *f)
{
	if (!f)
		return;
	f->ops = (struct tcpflow_ops){0};
	if (f->table)
		tcpflow_finish(f);
	free(f->table);
	free(f->servers);
	free(f);
}

void tcpflow_freep(struct tcpflow **f)
{
	tcpflow_free(*f);
}

const char *tcpflow_begin_name(enum tcpflow_begin how)
{
	static const char *const names[] = {
		[TCPFLOW_BEGIN_SYN] = "connect",
		[TCPFLOW_BEGIN_MIDSTREAM] = "seen first",
		[TCPFLOW_BEGIN_GREETING] = "greeting",
	};

	return names[how];
}

const char *tcpflow_end_name(enum tcpflow_end how)
{
	static const char *const names[] = {
		[TCPFLOW_END_FIN] = "closed",		[TCPFLOW_END_RST] = "reset",
		[TCPFLOW_END_REPLACED] = "replaced",	[TCPFLOW_END_FORGOTTEN] = "forgotten",
		[TCPFLOW_END_CAPTURE] = "capture ends",
	};

	return names[how];
}

const char *tcpflow_reason_name(enum tcpflow_reason reason)
{
	static const char *const names[] = {
		[TCPFLOW_GAP_START] = "joined within a message",
		[TCPFLOW_GAP_LOST] = "packets missing in the capture",
		[TCPFLOW_GAP_CUT] = "packets cut by the snaplen",
		[TCPFLOW_GAP_MEMORY] = "too much to keep",
		[TCPFLOW_GAP_INVALID] = "no scoutfs messages",
		[TCPFLOW_GAP_UNFINISHED] = "ends within a message",
	};

	return names[reason];
}
