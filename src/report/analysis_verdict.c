/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `verdict`: who was fenced, and why, on one screen.
 *
 * This file gathers while the recording goes by, before it is known what will matter: the log lines
 * that say something, the last message of each end of each connection, heartbeats by sender and
 * receiver, elections, connections that were lost, and which rid goes with which address. When all
 * was seen verdict_story.c draws the conclusions and this file puts them into tables.
 *
 * All of it is bounded. Of log lines the last before the trigger are kept, of connections those
 * that were active last; what had to go is told.
 */
#include "verdict.h"

#include "netevent.h"
#include "sysfs.h"

#define CONN_SAW_FAREWELL 16 /* flags of a connection, net.c of scoutfs */
#define CONN_RECONN_FREEING 64

/* ---- log lines ---- */

size_t verdict_line_total(const struct verdict *v)
{
	return v->line_count + v->later_count;
}

/** verdict_line_at() - the @i-th of the kept lines, in the order of their first times */
const struct verdict_line *verdict_line_at(const struct verdict *v, size_t i)
{
	if (i >= v->line_count)
		return &v->lines[VERDICT_LINES + i - v->line_count];
	return &v->lines[(v->line_next + VERDICT_LINES - v->line_count + i) % VERDICT_LINES];
}

static bool same_words(const struct logline *a, const struct logline *b)
{
	return a->kind == b->kind &&
	       (!a->mount.known || logline_same_mount(&a->mount, &b->mount)) &&
	       a->message_bytes == b->message_bytes &&
	       memcmp(a->message, b->message, a->message_bytes) == 0;
}

/* A line like one of the last few is counted with it: some are repeated for hours. */
static bool repeats(struct verdict *v, const struct log_line *line, const struct logline *l)
{
	size_t total = verdict_line_total(v);
	struct logline cut = *l;

	cut.message_bytes = min_of(cut.message_bytes, (size_t)VERDICT_TEXT - 1);
	for (size_t i = total > 4 ? total - 4 : 0; i < total; i++) {
		struct verdict_line *k = (struct verdict_line *)verdict_line_at(v, i);

		/* What comes after the trigger is told apart. */
		if ((k->ns <= v->at_ns) != (line->ns <= v->at_ns) || !same_words(&k->l, &cut))
			continue;
		k->count++;
		k->last_ns = line->ns;
		return true;
	}
	return false;
}

/* As last_line() of verdict_who.c chooses: fences, and before the first of them what else ends. */
static void count_fence(struct verdict *v, enum logline_kind kind)
{
	bool fence = logline_is_fence(kind);

	if (v->rec->triggered || !(fence || (logline_is_final(kind) && !v->fence_seen)))
		return;
	v->fence_seen |= fence;
	v->fences++;
}

static void keep_line(struct verdict *v, const struct log_line *line, const struct logline *l)
{
	struct verdict_line *k;

	if (repeats(v, line, l))
		return;
	count_fence(v, l->kind);
	if (line->ns > v->at_ns) {
		if (v->later_count == VERDICT_LATER) {
			v->lines_left_out++;
			return;
		}
		k = &v->lines[VERDICT_LINES + v->later_count++];
	} else {
		k = &v->lines[v->line_next];
		v->line_next = (v->line_next + 1) % VERDICT_LINES;
		if (v->line_count == VERDICT_LINES)
			v->lines_left_out++;
		else
			v->line_count++;
	}
	*k = (struct verdict_line){.ns = line->ns, .last_ns = line->ns, .count = 1, .l = *l};
	k->l.message_bytes = min_of(l->message_bytes, sizeof(k->text) - 1);
	memcpy(k->text, l->message, k->l.message_bytes);
	k->l.message = k->text;
}

static void see_time(struct verdict *v, uint64_t ns)
{
	v->seen_ns = max_of(v->seen_ns, ns);
}

static void see_log(void *self, const struct log_line *line)
{
	struct verdict *v = self;
	struct logline l;

	see_time(v, line->ns);
	if (logline_parse(line->text, line->bytes, !line->foreign, &l) && l.kind != LOGLINE_OTHER)
		keep_line(v, line, &l);
}

/* ---- who is who ---- */

const struct verdict_node *verdict_node_of(const struct verdict *v, uint64_t rid)
{
	for (size_t i = 0; i < v->node_count; i++)
		if (v->nodes[i].rid == rid)
			return &v->nodes[i];
	return NULL;
}

const struct verdict_node *verdict_node_of_mount(const struct verdict *v,
						 const struct logline_mount *m)
{
	for (size_t i = 0; m->known && i < v->node_count; i++) {
		const struct verdict_node *n = &v->nodes[i];

		if (n->rid >> 40 == m->rid && (!n->fsid || n->fsid >> 40 == m->fsid))
			return n;
	}
	return NULL;
}

/* NULL when there are too many. The last one used is mostly the next. */
static struct verdict_node *node(struct verdict *v, uint64_t rid, uint64_t fsid)
{
	struct verdict_node *n = (struct verdict_node *)verdict_node_of(v, rid);

	if (!n && rid && v->node_count < VERDICT_NODES) {
		n = &v->nodes[v->node_count++];
		*n = (struct verdict_node){
			.rid = rid, .slot = -1, .now.received_from = -1, .then.received_from = -1};
	}
	if (n && fsid)
		n->fsid = fsid;
	return n;
}

static void set_addr(struct verdict_node *n, const struct wire_addr *a)
{
	if (!n || !a->port)
		return;
	n->addr = *a;
	n->has_addr = true;
}

static void see_slot(struct verdict *v, unsigned int slot, const struct wire_addr *a)
{
	if (slot >= VERDICT_SLOTS)
		return;
	v->slots[slot] = *a;
	v->slot_known[slot] = true;
}

static bool is_slot(const struct verdict *v, const struct wire_addr *a)
{
	for (int i = 0; i < VERDICT_SLOTS; i++)
		if (v->slot_known[i] && wire_addr_equal(&v->slots[i], a))
			return true;
	return v->rec->has_server && wire_addr_equal(&v->rec->server, a);
}

/* How many quorum addresses are known of a host. One host with several is a test's. */
static unsigned int quorum_addresses(const struct verdict *v, const struct in6_addr *ip)
{
	unsigned int count = 0;

	for (size_t i = 0; i < v->quorum_count; i++)
		count += memcmp(&v->quorum[i].ip, ip, sizeof(*ip)) == 0;
	return count;
}

static void see_quorum_addr(struct verdict *v, const struct wire_addr *a)
{
	for (size_t i = 0; i < v->quorum_count; i++)
		if (wire_addr_equal(&v->quorum[i], a))
			return;
	if (v->quorum_count < ARRAY_SIZE(v->quorum))
		v->quorum[v->quorum_count++] = *a;
}

/** verdict_slot_of() - the quorum slot of this address, or the only one of its host; -1: unknown */
int verdict_slot_of(const struct verdict *v, const struct wire_addr *a)
{
	int of_host = -1;

	for (int i = 0; i < VERDICT_SLOTS; i++) {
		if (!v->slot_known[i])
			continue;
		if (wire_addr_equal(&v->slots[i], a))
			return i;
		if (memcmp(&v->slots[i].ip, &a->ip, sizeof(a->ip)) == 0)
			of_host = i;
	}
	return of_host >= 0 && quorum_addresses(v, &a->ip) == 1 ? of_host : -1;
}

/* ---- messages ---- */

static int addr_order(const struct wire_addr *a, const struct wire_addr *b)
{
	int c = memcmp(&a->ip, &b->ip, sizeof(a->ip));

	return c ? c : (int)a->port - (int)b->port;
}

static uint32_t bucket_of(const struct wire_addr *a, const struct wire_addr *b)
{
	uint64_t h = (uint64_t)a->port << 16 | b->port;

	for (size_t i = 0; i < sizeof(a->ip); i += 8)
		h = (h ^ get_le64(&a->ip.s6_addr[i])) * UINT64_C(0x9e3779b97f4a7c15) ^
		    get_le64(&b->ip.s6_addr[i]);
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32) % VERDICT_BUCKETS;
}

/* The connection that was idle for longest leaves its chain. */
static struct verdict_talk *evict(struct verdict *v)
{
	struct verdict_talk *old = v->talks;
	uint32_t *at;

	for (size_t i = 1; i < v->talk_count; i++)
		if (v->talks[i].active_ns < old->active_ns)
			old = &v->talks[i];
	at = &v->buckets[bucket_of(&old->ends[0], &old->ends[1])];
	while (*at != (uint32_t)(old - v->talks) + 1)
		at = &v->talks[*at - 1].next;
	*at = old->next;
	v->talks_dropped++;
	return old;
}

static struct verdict_talk *talk(struct verdict *v, const struct wire_addr *a,
				 const struct wire_addr *b)
{
	uint32_t *bucket = &v->buckets[bucket_of(a, b)];
	struct verdict_talk *t;

	for (uint32_t i = *bucket; i; i = v->talks[i - 1].next) {
		t = &v->talks[i - 1];
		if (wire_addr_equal(&t->ends[0], a) && wire_addr_equal(&t->ends[1], b))
			return t;
	}
	t = v->talk_count < VERDICT_TALKS ? &v->talks[v->talk_count++] : evict(v);
	*t = (struct verdict_talk){.ends = {*a, *b}, .next = *bucket};
	*bucket = (uint32_t)(t - v->talks) + 1;
	return t;
}

static void see_message(struct verdict *v, const struct wire_addr *from, const struct wire_addr *to,
			bool packets, const struct verdict_message *m)
{
	bool swapped = addr_order(from, to) > 0;
	struct verdict_talk *t;

	see_time(v, m->ns);
	if (m->ns > v->at_ns)
		return;
	t = swapped ? talk(v, to, from) : talk(v, from, to);
	t->active_ns = max_of(t->active_ns, m->ns);
	if (t->fence != v->fences) {
		memcpy(t->packets_then, t->packets, sizeof(t->packets));
		memcpy(t->events_then, t->events, sizeof(t->events));
		t->fence = v->fences;
	}
	if (packets)
		t->packets[swapped] = *m;
	else
		t->events[swapped] = *m;
}

/** verdict_talk_of() - of the connections that @a is an end of, the one active last; or NULL */
const struct verdict_talk *verdict_talk_of(const struct verdict *v, const struct wire_addr *a)
{
	const struct verdict_talk *found = NULL;

	for (size_t i = 0; i < v->talk_count; i++) {
		const struct verdict_talk *t = &v->talks[i];

		if ((wire_addr_equal(&t->ends[0], a) || wire_addr_equal(&t->ends[1], a)) &&
		    (!found || t->active_ns > found->active_ns))
			found = t;
	}
	return found;
}

static void see_greeting(struct verdict *v, const struct tcpflow_connection *c,
			 const struct tcpflow_message *m)
{
	struct wire_greeting g;
	struct verdict_node *n;

	if (m->header.response || !wire_greeting_parse(m->data, m->data_bytes, &g))
		return;
	n = node(v, g.rid, g.fsid);
	if (!n)
		return;
	set_addr(n, &c->ends[m->from]);
	n->greeted_ns = m->header_ns;
}

static void see_packet_message(void *self, const struct tcpflow_connection *c,
			       const struct tcpflow_message *m)
{
	struct verdict *v = self;

	see_message(v, &c->ends[m->from], &c->ends[!m->from], true,
		    &(struct verdict_message){.ns = m->header_ns,
					      .command = m->header.command,
					      .error = m->header.error,
					      .response = m->header.response});
	if (m->header.command == WIRE_GREETING)
		see_greeting(v, c, m);
	verdict_hung_packet(&v->hung, c, m);
}

static void see_packet_gap(void *self, const struct tcpflow_connection *c,
			   const struct tcpflow_gap *g)
{
	(void)c;
	verdict_hung_gap(&((struct verdict *)self)->hung, g);
}

/* ---- quorum datagrams ---- */

static void see_vote_request(struct verdict *v, bool packets, unsigned int slot, uint64_t rid,
			     uint64_t term, uint64_t ns)
{
	struct verdict_campaign *k = NULL;

	for (size_t i = 0; !k && i < v->campaign_count; i++)
		if (v->campaigns[i].packets == packets && v->campaigns[i].slot == slot &&
		    v->campaigns[i].rid == rid)
			k = &v->campaigns[i];
	if (!k) {
		if (v->campaign_count == VERDICT_CAMPAIGNS)
			return;
		k = &v->campaigns[v->campaign_count++];
		*k = (struct verdict_campaign){.packets = packets,
					       .slot = slot,
					       .rid = rid,
					       .first_ns = ns,
					       .first_term = term};
	}
	k->count++;
	k->last_ns = ns;
	k->last_term = term;
}

static void see_heartbeat(struct verdict *v, const struct datagram *d)
{
	struct verdict_beat *b = NULL;

	if (d->ns > v->at_ns)
		return;
	for (size_t i = 0; !b && i < v->beat_count; i++)
		if (wire_addr_equal(&v->beats[i].from, &d->source) &&
		    wire_addr_equal(&v->beats[i].to, &d->destination))
			b = &v->beats[i];
	if (!b) {
		if (v->beat_count == VERDICT_BEATS)
			return;
		b = &v->beats[v->beat_count++];
		*b = (struct verdict_beat){.from = d->source, .to = d->destination};
	}
	if (b->fence != v->fences) {
		b->then_ns = b->last_ns;
		b->then_term = b->term;
		b->fence = v->fences;
	}
	b->slot = d->quorum.from;
	b->term = d->quorum.term;
	b->last_ns = d->ns;
	b->count++;
}

static void see_datagram(void *self, const struct datagram *d)
{
	struct verdict *v = self;

	see_time(v, d->ns);
	see_slot(v, d->quorum.from, &d->source);
	see_quorum_addr(v, &d->source);
	see_quorum_addr(v, &d->destination);
	if (d->quorum.type == WIRE_REQUEST_VOTE)
		see_vote_request(v, true, d->quorum.from, 0, d->quorum.term, d->ns);
	else if (d->quorum.type == WIRE_HEARTBEAT)
		see_heartbeat(v, d);
}

/* ---- trace events ---- */

static uint64_t number(const struct trace_event *e, event_fields f, size_t i)
{
	uint64_t n = 0;

	(void)event_field_u64(f[i], e->data, e->bytes, &n);
	return n;
}

/* IPv4 in host order, as these events have it. */
static struct wire_addr address(const struct trace_event *e, event_fields f, size_t i)
{
	struct wire_addr a = {.port = (uint16_t)number(e, f, i + 1)};
	uint64_t ip = number(e, f, i);

	a.ip.s6_addr[10] = a.ip.s6_addr[11] = 0xff;
	for (size_t k = 0; k < 4; k++)
		a.ip.s6_addr[12 + k] = (uint8_t)(ip >> (24 - 8 * k));
	return a;
}

enum { M_FSID, M_RID, M_NAME, M_PEER = M_NAME + 2, M_CMD = M_PEER + 2, M_FLAGS, M_ERROR };

static void see_net(struct verdict *v, const struct trace_event *e, event_fields f, bool sent)
{
	struct wire_addr name = address(e, f, M_NAME), peer = address(e, f, M_PEER);
	struct verdict_message m = {
		.ns = e->ns,
		.command = (uint8_t)number(e, f, M_CMD),
		.error = (uint8_t)number(e, f, M_ERROR),
		.response = number(e, f, M_FLAGS) & 1,
	};
	struct verdict_node *n = node(v, number(e, f, M_RID), number(e, f, M_FSID));

	if (n) {
		n->here = true;
		/* The address of a slot is its server's end, not its client's. */
		if (!(n->has_addr && wire_addr_equal(&n->addr, &name)) && !is_slot(v, &name))
			set_addr(n, &name);
	}
	see_message(v, sent ? &name : &peer, sent ? &peer : &name, false, &m);
}

static void see_sent(void *self, const struct trace_event *e, event_fields f)
{
	see_net(self, e, f, true);
}

static void see_received(void *self, const struct trace_event *e, event_fields f)
{
	see_net(self, e, f, false);
}

enum { C_FSID, C_RID, C_CLIENT, C_FLAGS, C_LISTENING, C_SOCK, C_PEER = C_SOCK + 2 };

static void keep_lost(struct verdict *v, const struct trace_event *e, event_fields f, bool freed)
{
	struct verdict_lost *l = &v->lost[v->lost_next];

	*l = (struct verdict_lost){.ns = e->ns,
				   .rid = number(e, f, C_CLIENT),
				   .server_rid = number(e, f, C_RID),
				   .server = address(e, f, C_SOCK),
				   .client = address(e, f, C_PEER),
				   .freed = freed};
	v->lost_next = (v->lost_next + 1) % VERDICT_LOST;
	v->lost_count = min_of(v->lost_count + 1, (size_t)VERDICT_LOST);
	set_addr(node(v, l->rid, number(e, f, C_FSID)), &l->client);
}

static void see_shutdown(void *self, const struct trace_event *e, event_fields f)
{
	struct verdict *v = self;
	struct verdict_node *n = node(v, number(e, f, C_RID), number(e, f, C_FSID));

	if (n)
		n->here = true;
	if (number(e, f, C_LISTENING) && !(number(e, f, C_FLAGS) & CONN_SAW_FAREWELL))
		keep_lost(v, e, f, false);
}

static void see_destroy(void *self, const struct trace_event *e, event_fields f)
{
	if (number(e, f, C_FLAGS) & CONN_RECONN_FREEING)
		keep_lost(self, e, f, true);
}

enum { Q_FSID, Q_RID, Q_TERM, Q_TYPE, Q_NR };

static void keep_pulse(const struct verdict *v, struct verdict_node *n)
{
	if (n->fence != v->fences)
		n->then = n->now;
	n->fence = v->fences;
}

static void see_quorum_sent(void *self, const struct trace_event *e, event_fields f)
{
	struct verdict *v = self;
	uint64_t type = number(e, f, Q_TYPE), rid = number(e, f, Q_RID);
	struct verdict_node *n = node(v, rid, number(e, f, Q_FSID));

	if (n)
		n->here = true;
	if (type == WIRE_REQUEST_VOTE)
		see_vote_request(v, false, 0, rid, number(e, f, Q_TERM), e->ns);
	if (type != WIRE_HEARTBEAT || e->ns > v->at_ns || !n)
		return;
	keep_pulse(v, n);
	n->now.sent_ns = e->ns;
	n->now.led_term = number(e, f, Q_TERM);
}

static void see_quorum_received(void *self, const struct trace_event *e, event_fields f)
{
	struct verdict *v = self;
	struct verdict_node *n = node(v, number(e, f, Q_RID), number(e, f, Q_FSID));
	int64_t nr = -1;

	if (!n)
		return;
	n->here = true;
	if (number(e, f, Q_TYPE) != WIRE_HEARTBEAT || e->ns > v->at_ns)
		return;
	(void)event_field_i64(f[Q_NR], e->data, e->bytes, &nr);
	keep_pulse(v, n);
	n->now.received_ns = e->ns;
	n->now.received_from = nr >= 0 && nr < VERDICT_SLOTS ? (int)nr : -1;
}

static void see_client_up(void *self, const struct trace_event *e, event_fields f)
{
	struct verdict_node *n = node(self, number(e, f, 2), number(e, f, 0));

	if (n)
		n->up_ns = e->ns;
}

/* Requests and their answers, in whole. */
static void see_call_sent(void *self, const struct trace_event *e, event_fields f)
{
	verdict_hung_event(&((struct verdict *)self)->hung, e, f, true);
}

static void see_call_received(void *self, const struct trace_event *e, event_fields f)
{
	verdict_hung_event(&((struct verdict *)self)->hung, e, f, false);
}

static void see_lock_wait(void *self, const struct trace_event *e, event_fields f)
{
	verdict_hung_wait(&((struct verdict *)self)->hung, e, f);
}

static void see_locked(void *self, const struct trace_event *e, event_fields f)
{
	verdict_hung_locked(&((struct verdict *)self)->hung, e, f);
}

/* The kernel's lines as the trace has them, where there is no log: a trace.dat alone. */
static void see_console(void *self, const struct trace_event *e, event_fields f)
{
	struct verdict *v = self;
	struct tracedat_span text;

	if (v->has_log || !f[0] || !event_field_string(f[0], e->data, e->bytes, &text))
		return;
	see_log(v, &(struct log_line){.ns = e->ns, .text = text.s, .bytes = text.n});
}

/* ---- what the bundle has beside ---- */

static void see_rid(void *arg, const struct logline_mount *mount, const char *name,
		    const char *value)
{
	uint64_t rid = strcmp(name, "rid") == 0 ? strtoull(value, NULL, 16) : 0;
	struct verdict_node *n = rid >> 40 == mount->rid ? node(arg, rid, 0) : NULL;

	if (n)
		n->here = true;
}

static void see_slot_option(void *arg, const struct logline_mount *mount, const char *name,
			    const char *value)
{
	struct verdict_node *n = (struct verdict_node *)verdict_node_of_mount(arg, mount);
	unsigned long slot = strtoul(value, NULL, 10);

	if (n && strcmp(name, "mount_options/quorum_slot_nr") == 0 && *value != '-' &&
	    slot < VERDICT_SLOTS)
		n->slot = (int)slot;
}

static int open_verdict(void *self, const struct recording *rec, const struct analysis_options *o,
			struct report_out *out, struct err *e)
{
	struct verdict *v = self;

	(void)out;
	*v = (struct verdict){.rec = rec,
			      .manifest = bundle_manifest(rec->bundle),
			      .options = *o,
			      .at_known = rec->trigger_ns != 0,
			      .at_ns = rec->trigger_ns ? rec->trigger_ns : UINT64_MAX,
			      .has_log = bundle_stream(rec->bundle, CHUNK_KMSG, 0) != NULL};
	v->lines = calloc(VERDICT_LINES + VERDICT_LATER, sizeof(*v->lines));
	v->talks = calloc(VERDICT_TALKS, sizeof(*v->talks));
	v->buckets = calloc(VERDICT_BUCKETS, sizeof(*v->buckets));
	v->nodes = calloc(VERDICT_NODES, sizeof(*v->nodes));
	v->beats = calloc(VERDICT_BEATS, sizeof(*v->beats));
	v->lost = calloc(VERDICT_LOST, sizeof(*v->lost));
	if (!v->lines || !v->talks || !v->buckets || !v->nodes || !v->beats || !v->lost)
		return err_nomem(e);
	sysfs_each(rec, see_rid, v);
	sysfs_each(rec, see_slot_option, v);
	return verdict_hung_open(&v->hung, rec, e);
}

static void verdict_done(void *self)
{
	struct verdict *v = self;

	free(v->lines);
	free(v->talks);
	free(v->buckets);
	free(v->nodes);
	free(v->beats);
	free(v->lost);
	verdict_hung_done(&v->hung);
}

/* All was seen: what came last is what came last before the last fence. */
static void look_back(struct verdict *v)
{
	for (size_t i = 0; v->fences && i < v->node_count; i++)
		if (v->nodes[i].fence == v->fences)
			v->nodes[i].now = v->nodes[i].then;
	for (size_t i = 0; v->fences && i < v->beat_count; i++) {
		struct verdict_beat *b = &v->beats[i];

		if (b->fence != v->fences)
			continue;
		b->last_ns = b->then_ns;
		b->term = b->then_term;
	}
	for (size_t i = 0; v->fences && i < v->talk_count; i++) {
		struct verdict_talk *t = &v->talks[i];

		if (t->fence != v->fences)
			continue;
		memcpy(t->packets, t->packets_then, sizeof(t->packets));
		memcpy(t->events, t->events_then, sizeof(t->events));
	}
}

static int tell_verdict(void *self, struct report_out *out, struct err *e)
{
	struct verdict *v = self;

	/* A capture whose clock is not tied to anything: from its own last moment. */
	if (!v->at_known)
		v->at_ns = v->seen_ns;
	look_back(v);
	return verdict_tell(v, out) ? 0 : err_nomem(e);
}

static const struct event_want wants[] = {
	{"scoutfs",
	 "scoutfs_net_send_message",
	 see_sent,
	 {"fsid", "rid", "name_addr", "name_port", "peer_addr", "peer_port", "nh_cmd", "nh_flags",
	  "nh_error"}},
	{"scoutfs",
	 "scoutfs_net_recv_message",
	 see_received,
	 {"fsid", "rid", "name_addr", "name_port", "peer_addr", "peer_port", "nh_cmd", "nh_flags",
	  "nh_error"}},
	{"scoutfs",
	 "scoutfs_conn_shutdown_queued",
	 see_shutdown,
	 {"fsid", "rid", "c_rid", "flags", "listening_conn", "sockname_addr", "sockname_port",
	  "peername_addr", "peername_port"}},
	{"scoutfs",
	 "scoutfs_conn_destroy_start",
	 see_destroy,
	 {"fsid", "rid", "c_rid", "flags", "listening_conn", "sockname_addr", "sockname_port",
	  "peername_addr", "peername_port"}},
	{"scoutfs",
	 "scoutfs_quorum_send_message",
	 see_quorum_sent,
	 {"fsid", "rid", "term", "type", "nr"}},
	{"scoutfs",
	 "scoutfs_quorum_recv_message",
	 see_quorum_received,
	 {"fsid", "rid", "term", "type", "nr"}},
	{"scoutfs", "scoutfs_net_send_message", see_call_sent, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_net_recv_message", see_call_received, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_lock_wait", see_lock_wait, VERDICT_WAIT_FIELDS},
	{"scoutfs", "scoutfs_lock_locked", see_locked, VERDICT_WAIT_FIELDS},
	{"printk", "console", see_console, {"msg"}},
	{"scoutfs", "scoutfs_server_client_up", see_client_up, {"fsid", "rid", "c_rid"}},
};

const struct analysis_ops analysis_verdict = {
	.name = "verdict",
	.title = "Verdict",
	.tables = "verdict sequence completeness next",
	.summary = "who was fenced and why, what led to it, what is missing, where to look next",
	.self_bytes = sizeof(struct verdict),
	.wants = wants,
	.want_count = ARRAY_SIZE(wants),
	.open = open_verdict,
	.message = see_packet_message,
	.gap = see_packet_gap,
	.datagram = see_datagram,
	.log = see_log,
	.result = tell_verdict,
	.done = verdict_done,
};
