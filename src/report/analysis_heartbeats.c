/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `heartbeats`: do the quorum's heartbeats come when they should, and who was elected when.
 *
 * The leader sends one to each other slot every 100 ms; a slot that hears none for the timeout (10
 * s unless the mount option quorum_heartbeat_timeout_ms says otherwise) asks for votes in the next
 * term (quorum.c of scoutfs). They are seen in packets, by address; in the events of sending, one
 * for all slots, by rid; and in those of receiving, by slot. An interval is between two of the same
 * sender and receiver in one term, so that a leader that comes back after another is no gap.
 *
 * Senders, receivers and terms have limits; what is beyond them is counted.
 */
#include "analysis.h"

#include <inttypes.h>

#include "coverage.h"
#include "logline.h"
#include "stats.h"
#include "sysfs.h"

#define PAIRS_MAX 256
#define TERMS_MAX 1024
#define GAP_NS NSEC_PER_SEC
#define DEFAULT_TIMEOUT_MS 10000
#define SLOTS 15

enum seen { SEEN_PACKETS, SEEN_SENT, SEEN_RECEIVED, SEEN_KINDS };
static const char *const seen_names[] = {"packets", "sent", "received"};

struct pair {
	enum seen seen;
	struct wire_addr from, to; /* PACKETS */
	uint64_t rid;		   /* SENT: who; RECEIVED: by whom */
	int64_t slot;		   /* of the sender; SENT: not known */
	uint64_t fsid, term, last_ns, gaps;
	uint64_t before_ns, before_term; /* of the last before the trigger */
	struct stats intervals;
};

enum gap_kind {
	GAP_WITHIN,   /* between two heartbeats */
	GAP_ELECTION, /* from anybody, until a new leader's */
	GAP_OPEN,     /* until the trigger */
	GAP_LOG,      /* a line of the kernel log */
};

struct gap {
	uint64_t span_ns; /* first: struct top sorts by it */
	uint64_t from_ns;
	enum gap_kind kind;
	enum seen seen;
	uint32_t pair; /* index, of WITHIN and OPEN */
	struct logline_mount mount;
};

struct term {
	enum seen seen;
	uint64_t fsid, term;
	uint32_t askers, leaders; /* bits of slots */
	uint64_t asker_rid, leader_rid;
	uint64_t requests, votes, heartbeats, resignations;
	uint64_t first_ns, request_ns, first_beat_ns, last_beat_ns, silence_ns;
};

struct heartbeats {
	const struct recording *rec;
	const struct analysis_options *options;
	uint64_t unsure; /* gaps up to the trigger that may be none */
	uint64_t at_ns, seen_ns, timeout_ms;
	uint64_t to_ns; /* the end of what is shown */
	bool timeout_known;
	struct pair *pairs;
	size_t pair_count;
	struct term *terms;
	size_t term_count;
	uint64_t left_out, delays;
	struct top gaps;
	struct {
		bool known;
		uint64_t fsid, last_ns; /* the last heartbeat of whoever */
	} latest[SEEN_KINDS];
	struct {
		bool known;
		struct wire_addr addr;
	} slots[SLOTS];
};

/* One message, from any source. */
struct quorum_event {
	enum seen seen;
	uint64_t ns, fsid, term, rid;
	unsigned int type;
	int64_t slot;
	struct wire_addr from, to;
};

static bool same_pair(const struct pair *p, const struct quorum_event *q)
{
	if (p->seen != q->seen || p->rid != q->rid || p->slot != q->slot || p->fsid != q->fsid)
		return false;
	return q->seen != SEEN_PACKETS ||
	       (wire_addr_equal(&p->from, &q->from) && wire_addr_equal(&p->to, &q->to));
}

static struct pair *pair_of(struct heartbeats *h, const struct quorum_event *q)
{
	struct pair *p;

	for (size_t i = 0; i < h->pair_count; i++)
		if (same_pair(&h->pairs[i], q))
			return &h->pairs[i];
	if (h->pair_count == PAIRS_MAX) {
		h->left_out++;
		return NULL;
	}
	p = &h->pairs[h->pair_count++];
	*p = (struct pair){.seen = q->seen,
			   .from = q->from,
			   .to = q->to,
			   .rid = q->rid,
			   .slot = q->slot,
			   .fsid = q->fsid};
	return p;
}

static void see_interval(struct heartbeats *h, const struct quorum_event *q)
{
	struct pair *p = pair_of(h, q);

	if (!p)
		return;
	if (p->last_ns && p->term == q->term && q->ns >= p->last_ns) {
		uint64_t span = q->ns - p->last_ns;

		stats_add(&p->intervals, span);
		if (span > GAP_NS) {
			p->gaps++;
			(void)top_add(&h->gaps, &(struct gap){.span_ns = span,
							      .from_ns = p->last_ns,
							      .pair = (uint32_t)(p - h->pairs)});
		}
	}
	p->term = q->term;
	p->last_ns = q->ns;
	if (q->ns <= h->at_ns) {
		p->before_ns = q->ns;
		p->before_term = q->term;
	}
}

/* The latest terms are the last ones made. */
static struct term *term_of(struct heartbeats *h, const struct quorum_event *q)
{
	struct term *t;

	for (size_t i = h->term_count; i-- > 0;) {
		t = &h->terms[i];
		if (t->term == q->term && t->seen == q->seen && t->fsid == q->fsid)
			return t;
	}
	if (h->term_count == TERMS_MAX) {
		h->left_out++;
		return NULL;
	}
	t = &h->terms[h->term_count++];
	*t = (struct term){.seen = q->seen, .fsid = q->fsid, .term = q->term, .first_ns = q->ns};
	return t;
}

static void count_beat(struct heartbeats *h, struct term *t, const struct quorum_event *q,
		       uint32_t slot)
{
	if (!t->heartbeats++) {
		t->first_beat_ns = q->ns;
		if (h->latest[q->seen].known && h->latest[q->seen].fsid == q->fsid &&
		    h->latest[q->seen].last_ns <= q->ns)
			t->silence_ns = q->ns - h->latest[q->seen].last_ns;
		if (t->silence_ns > GAP_NS)
			(void)top_add(&h->gaps, &(struct gap){.span_ns = t->silence_ns,
							      .from_ns = h->latest[q->seen].last_ns,
							      .kind = GAP_ELECTION,
							      .seen = q->seen});
	}
	t->last_beat_ns = q->ns;
	t->leaders |= slot;
	t->leader_rid = q->seen == SEEN_SENT ? q->rid : 0;
	h->latest[q->seen].known = true;
	h->latest[q->seen].fsid = q->fsid;
	h->latest[q->seen].last_ns = q->ns;
}

static void see_quorum(struct heartbeats *h, const struct quorum_event *q)
{
	struct term *t = term_of(h, q);
	uint32_t slot = q->slot >= 0 && q->slot < SLOTS ? 1U << q->slot : 0;

	h->seen_ns = max_of(h->seen_ns, q->ns);
	if (t) {
		switch (q->type) {
		case WIRE_REQUEST_VOTE:
			t->request_ns = t->requests++ ? t->request_ns : q->ns;
			t->askers |= slot;
			t->asker_rid = q->seen == SEEN_SENT ? q->rid : 0;
			break;
		case WIRE_VOTE:
			t->votes++;
			break;
		case WIRE_HEARTBEAT:
			count_beat(h, t, q, slot);
			break;
		case WIRE_RESIGNATION:
			t->resignations++;
			break;
		default:
			break;
		}
	}
	if (q->type == WIRE_HEARTBEAT)
		see_interval(h, q);
}

static void see_datagram(void *self, const struct datagram *d)
{
	struct heartbeats *h = self;

	if (d->quorum.from < SLOTS) {
		h->slots[d->quorum.from].known = true;
		h->slots[d->quorum.from].addr = d->source;
	}
	see_quorum(h, &(struct quorum_event){.seen = SEEN_PACKETS,
					     .ns = d->ns,
					     .fsid = d->quorum.fsid,
					     .term = d->quorum.term,
					     .type = d->quorum.type,
					     .slot = d->quorum.from,
					     .from = d->source,
					     .to = d->destination});
}

enum { Q_FSID, Q_RID, Q_TERM, Q_TYPE, Q_NR };

static void see_event(struct heartbeats *h, const struct trace_event *e, event_fields f,
		      enum seen seen)
{
	struct quorum_event q = {.seen = seen, .ns = e->ns, .slot = -1};
	uint64_t type = WIRE_RESIGNATION + 1;

	(void)event_field_u64(f[Q_FSID], e->data, e->bytes, &q.fsid);
	(void)event_field_u64(f[Q_RID], e->data, e->bytes, &q.rid);
	(void)event_field_u64(f[Q_TERM], e->data, e->bytes, &q.term);
	(void)event_field_u64(f[Q_TYPE], e->data, e->bytes, &type);
	/* Of a message that is sent it is whom a vote is for. */
	if (seen == SEEN_RECEIVED)
		(void)event_field_i64(f[Q_NR], e->data, e->bytes, &q.slot);
	q.type = (unsigned int)min_of(type, (uint64_t)WIRE_RESIGNATION + 1);
	see_quorum(h, &q);
}

static void see_sent(void *self, const struct trace_event *e, event_fields f)
{
	see_event(self, e, f, SEEN_SENT);
}

static void see_received(void *self, const struct trace_event *e, event_fields f)
{
	see_event(self, e, f, SEEN_RECEIVED);
}

/* "longest quorum heartbeat send delay of 4 sec": the kernel's own word for it. */
static void see_log(void *self, const struct log_line *line)
{
	struct heartbeats *h = self;
	struct logline l;
	uint64_t span;

	if (!logline_parse(line->text, line->bytes, !line->foreign, &l) ||
	    l.kind != LOGLINE_HEARTBEAT_DELAY || !l.has_number || l.number < 0)
		return;
	span = min_of((uint64_t)l.number, UINT64_C(1000000)) * NSEC_PER_SEC;
	h->delays++;
	(void)top_add(&h->gaps, &(struct gap){.span_ns = span,
					      .from_ns = line->ns - min_of(line->ns, span),
					      .kind = GAP_LOG,
					      .mount = l.mount});
}

static void see_sysfs(void *arg, const struct logline_mount *mount, const char *name,
		      const char *value)
{
	struct heartbeats *h = arg;
	uint64_t ms;

	(void)mount;
	if (strcmp(name, "mount_options/quorum_heartbeat_timeout_ms") != 0 ||
	    parse_u64(value, &ms) < 0)
		return;
	/* Of several mounts the one that is least patient. */
	h->timeout_ms = h->timeout_known ? min_of(h->timeout_ms, ms) : ms;
	h->timeout_known = true;
}

static int open_heartbeats(void *self, const struct recording *rec,
			   const struct analysis_options *o, struct report_out *out, struct err *e)
{
	struct heartbeats *h = self;

	(void)out;
	*h = (struct heartbeats){
		.rec = rec,
		.options = o,
		/* A capture whose clock is not tied to anything: see tell_heartbeats(). */
		.at_ns = rec->trigger_ns ? rec->trigger_ns : UINT64_MAX,
		.to_ns = o->to_ns,
		.timeout_ms = DEFAULT_TIMEOUT_MS};
	h->pairs = calloc(PAIRS_MAX, sizeof(*h->pairs));
	h->terms = calloc(TERMS_MAX, sizeof(*h->terms));
	if (!h->pairs || !h->terms)
		return err_nomem(e);
	top_init(&h->gaps, o->limit, sizeof(struct gap));
	sysfs_each(rec, see_sysfs, h);
	return 0;
}

static void heartbeats_done(void *self)
{
	struct heartbeats *h = self;

	for (size_t i = 0; i < h->pair_count; i++)
		stats_done(&h->pairs[i].intervals);
	free(h->pairs);
	free(h->terms);
	top_done(&h->gaps);
}

/* ---- tables ---- */

static void put_addr(struct heartbeats *h, struct table *t, const struct wire_addr *a, int64_t slot)
{
	char buf[80];

	for (int i = 0; slot < 0 && i < SLOTS; i++)
		if (h->slots[i].known && wire_addr_equal(&h->slots[i].addr, a))
			slot = i;
	(void)wire_addr_format(a, buf, sizeof(buf));
	if (slot >= 0)
		table_textf(t, "%s slot %" PRId64, buf, slot);
	else
		table_text(t, buf);
}

static void put_sender(struct heartbeats *h, struct table *t, const struct pair *p)
{
	if (p->seen == SEEN_PACKETS)
		put_addr(h, t, &p->from, p->slot);
	else if (p->seen == SEEN_SENT)
		table_textf(t, "rid %016" PRIx64, p->rid);
	else
		table_textf(t, "slot %" PRId64, p->slot);
}

static void put_receiver(struct heartbeats *h, struct table *t, const struct pair *p)
{
	if (p->seen == SEEN_PACKETS)
		put_addr(h, t, &p->to, -1);
	else if (p->seen == SEEN_SENT)
		table_text(t, "all slots");
	else
		table_textf(t, "rid %016" PRIx64, p->rid);
}

static void put_figures(struct table *t, const struct stats *s)
{
	uint64_t v;

	for (int i = 0; i < 5; i++) {
		bool known = s->count > 0;

		if (i == 0)
			v = s->least;
		else if (i == 1)
			known = stats_average(s, &v);
		else if (i < 4)
			known = stats_percentile(s, i == 2 ? 0.5 : 0.99, &v);
		else
			v = s->greatest;
		if (known)
			table_u64(t, v);
		else
			table_none(t);
	}
}

static enum counted_in source_of(enum seen seen)
{
	return seen == SEEN_PACKETS ? COUNTED_IN_PACKETS : COUNTED_IN_TRACE;
}

static void tell_pair(struct heartbeats *h, struct table *t, const struct pair *p)
{
	table_row(t);
	table_row_counted_in(t, source_of(p->seen));
	table_text(t, seen_names[p->seen]);
	put_sender(h, t, p);
	put_receiver(h, t, p);
	table_u64(t, p->intervals.count);
	put_figures(t, &p->intervals);
	table_u64(t, p->gaps);
	if (p->before_ns && h->to_ns >= h->at_ns)
		table_i64(t, (int64_t)(p->before_ns - h->at_ns));
	else
		table_none(t);
	if (p->intervals.count && p->intervals.greatest / NSEC_PER_MSEC >= h->timeout_ms)
		table_mark(t, ROW_BAD);
	else if (p->gaps)
		table_mark(t, ROW_WARNING);
}

static void tell_intervals(struct heartbeats *h, struct report_out *out)
{
	const struct column columns[] = {
		{"source", "seen", COLUMN_TEXT},
		{"sender", "sender", COLUMN_TEXT},
		{"receiver", "receiver", COLUMN_TEXT},
		{"intervals", "intervals", COLUMN_COUNT},
		{"min_ns", "min", COLUMN_DURATION},
		{"avg_ns", "average", COLUMN_DURATION},
		{"p50_ns", "median", COLUMN_DURATION},
		{"p99_ns", "99 %", COLUMN_DURATION},
		{"max_ns", "max", COLUMN_DURATION},
		{"gaps", "over 1 s", COLUMN_COUNT},
		{"last_ns", h->rec->triggered ? "last before trigger" : "last, from the end",
		 COLUMN_OFFSET},
	};
	struct table *t =
		report_table(out, "intervals", "Time between heartbeats; one is sent every 100 ms",
			     columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < h->pair_count; i++)
		tell_pair(h, t, &h->pairs[i]);
	if (!h->pair_count) {
		table_note(t, "No heartbeats were seen. A quorum of one slot sends none, and a "
			      "client that is not in the quorum gets none.");
		return;
	}
	table_note(t,
		   h->timeout_known ? "Without one for %" PRIu64 ".%03u s a slot asks for votes."
				    : "Without one for %" PRIu64
				      ".%03u s (the default; the bundle does not say what is set) "
				      "a slot asks for votes.",
		   h->timeout_ms / 1000, (unsigned int)(h->timeout_ms % 1000));
	table_note(t, "%s", STATS_NOTE);
}

/* Of the leader of the latest term before the trigger. */
static bool is_open(const struct heartbeats *h, const struct pair *p)
{
	/* What came behind the window's end is not known. */
	if (h->to_ns < h->at_ns || !p->before_ns || p->last_ns != p->before_ns ||
	    h->at_ns < p->before_ns + GAP_NS)
		return false;
	for (size_t i = 0; i < h->pair_count; i++)
		if (h->pairs[i].before_ns && h->pairs[i].fsid == p->fsid &&
		    h->pairs[i].before_term > p->before_term)
			return false;
	return true;
}

/* Was all read that would have the next one, up to the trigger? */
static bool is_silence(const struct heartbeats *h, const struct pair *p)
{
	struct coverage c;

	coverage_find(h->rec, h->options, p->seen == SEEN_PACKETS ? FEED_PACKETS : FEED_TRACE, &c);
	return !c.filtered && (!c.damaged || c.end_ns >= h->at_ns);
}

static void add_open_gaps(struct heartbeats *h)
{
	for (size_t i = 0; i < h->pair_count; i++) {
		const struct pair *p = &h->pairs[i];

		if (!is_open(h, p))
			continue;
		if (!is_silence(h, p))
			h->unsure++;
		else
			(void)top_add(&h->gaps, &(struct gap){.span_ns = h->at_ns - p->before_ns,
							      .from_ns = p->before_ns,
							      .kind = GAP_OPEN,
							      .pair = (uint32_t)i});
	}
}

static void tell_gap(struct heartbeats *h, struct table *t, const struct gap *g)
{
	const char *const until[] = {"the next", "another leader's",
				     h->rec->triggered ? "the trigger" : "the end", "the next"};

	table_row(t);
	if (g->kind == GAP_LOG) {
		table_text(t, "log");
		table_textf(t, "f.%06x.r.%06x", g->mount.fsid, g->mount.rid);
		table_none(t);
	} else if (g->kind == GAP_ELECTION) {
		table_text(t, seen_names[g->seen]);
		table_text(t, "any");
		table_text(t, "any");
	} else {
		table_text(t, seen_names[h->pairs[g->pair].seen]);
		put_sender(h, t, &h->pairs[g->pair]);
		put_receiver(h, t, &h->pairs[g->pair]);
	}
	table_u64(t, g->from_ns);
	table_u64(t, g->span_ns);
	table_text(t, until[g->kind]);
	table_mark(t, g->span_ns / NSEC_PER_MSEC >= h->timeout_ms ? ROW_BAD : ROW_WARNING);
}

static void tell_gaps(struct heartbeats *h, struct report_out *out)
{
	static const struct column columns[] = {
		{"source", "seen", COLUMN_TEXT},	  {"sender", "sender", COLUMN_TEXT},
		{"receiver", "receiver", COLUMN_TEXT},	  {"from_ns", "after", COLUMN_TIME},
		{"span_ns", "none for", COLUMN_DURATION}, {"until", "until", COLUMN_TEXT},
	};
	struct table *t = report_table(out, "gaps", "Gaps of more than a second", columns,
				       ARRAY_SIZE(columns));

	add_open_gaps(h);
	top_sort(&h->gaps);
	for (size_t i = 0; i < h->gaps.count; i++)
		tell_gap(h, t, top_item(&h->gaps, i));
	table_sort(t, "from_ns", false);
	if (h->gaps.offered > h->gaps.count)
		table_note(t, "The longest of %" PRIu64 ".", h->gaps.offered);
	if (h->unsure)
		table_note(t,
			   "Of %" PRIu64 " more there is nothing up to %s, which may be because "
			   "not all of the recording was read.",
			   h->unsure, h->rec->triggered ? "the trigger" : "the end");
	if (h->delays)
		table_note(t, "What the log says is in whole seconds, and was logged when it "
			      "ended.");
}

static void put_slots(struct table *t, uint32_t bits, uint64_t rid)
{
	CLEANUP(text_free) struct text s = {0};

	for (int i = 0; i < SLOTS; i++)
		if (bits & 1U << i)
			text_printf(&s, "%s%d", s.len ? ", " : "slot ", i);
	if (rid)
		text_printf(&s, "%srid %016" PRIx64, s.len ? ", " : "", rid);
	table_text(t, text_c(&s));
}

static void put_time(struct table *t, uint64_t ns)
{
	if (ns)
		table_u64(t, ns);
	else
		table_none(t);
}

static void tell_term(struct table *t, const struct term *k)
{
	table_row(t);
	table_row_counted_in(t, source_of(k->seen));
	table_u64(t, k->term);
	table_text(t, seen_names[k->seen]);
	put_time(t, k->request_ns);
	put_slots(t, k->askers, k->asker_rid);
	table_u64(t, k->requests);
	table_u64(t, k->votes);
	put_slots(t, k->leaders, k->leader_rid);
	put_time(t, k->first_beat_ns);
	put_time(t, k->last_beat_ns);
	table_u64(t, k->heartbeats);
	table_u64(t, k->resignations);
	put_time(t, k->silence_ns);
	if (k->requests && !k->heartbeats)
		table_mark(t, ROW_WARNING);
}

static void tell_terms(struct heartbeats *h, struct report_out *out)
{
	static const struct column columns[] = {
		{"term", "term", COLUMN_COUNT, .use = USE_LABEL},
		{"source", "seen", COLUMN_TEXT},
		{"request_ns", "vote asked", COLUMN_TIME},
		{"asked_by", "by", COLUMN_TEXT},
		{"requests", "requests", COLUMN_COUNT},
		{"votes", "votes", COLUMN_COUNT},
		{"leader", "leader", COLUMN_TEXT},
		{"first_ns", "first heartbeat", COLUMN_TIME},
		{"last_ns", "last heartbeat", COLUMN_TIME},
		{"heartbeats", "heartbeats", COLUMN_COUNT},
		{"resignations", "resignations", COLUMN_COUNT},
		{"silence_ns", "silence before", COLUMN_DURATION},
	};
	struct table *t = report_table(out, "terms", "Elections", columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < h->term_count; i++)
		tell_term(t, &h->terms[i]);
	table_sort(t, "term", false);
	table_note(t, "Packets are counted one by one, so a request to two slots is two; events of "
		      "sending are one for all.");
	if (h->left_out)
		table_note(t,
			   "There were too many senders or terms to keep: %" PRIu64
			   " messages are not counted.",
			   h->left_out);
}

static int tell_heartbeats(void *self, struct report_out *out, struct err *e)
{
	struct heartbeats *h = self;

	(void)e;
	if (h->at_ns == UINT64_MAX)
		h->at_ns = h->seen_ns;
	tell_intervals(self, out);
	tell_gaps(self, out);
	tell_terms(self, out);
	return 0;
}

static const struct event_want wants[] = {
	{"scoutfs", "scoutfs_quorum_send_message", see_sent, {"fsid", "rid", "term", "type", "nr"}},
	{"scoutfs",
	 "scoutfs_quorum_recv_message",
	 see_received,
	 {"fsid", "rid", "term", "type", "nr"}},
};

const struct analysis_ops analysis_heartbeats = {
	.name = "heartbeats",
	.title = "Heartbeats of the quorum",
	.tables = "intervals gaps terms",
	.summary = "time between heartbeats by sender and receiver, gaps, elections and terms",
	.self_bytes = sizeof(struct heartbeats),
	.wants = wants,
	.want_count = ARRAY_SIZE(wants),
	.open = open_heartbeats,
	.datagram = see_datagram,
	.log = see_log,
	.result = tell_heartbeats,
	.done = heartbeats_done,
};
