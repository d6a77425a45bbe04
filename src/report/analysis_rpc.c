/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `rpc`: what clients and servers asked of each other, how long the answers took, what was
 * never answered.
 *
 * From packets and from trace events; calls.c finds which answer belongs to which request. The
 * same conversation may be seen at three places, so it is told where: in packets as they passed by
 * this host, at the client's end and at the server's end, each by the trace events of the mount
 * there. For who asks, latency is the whole round trip; for who answers, the time it took to
 * answer. The two lists of single requests join the places: one line a request, with what each
 * place knows of it.
 *
 * scoutfs_net_send_message fires before a message goes to the socket, scoutfs_net_recv_message
 * after it was read and before duplicates are dropped (net.c). Both have the addresses of their own
 * end (name) and of the other (peer), in host order, and the rid of the mount that they are of.
 */
#include "analysis.h"

#include <inttypes.h>

#include "answers.h"
#include "coverage.h"
#include "netevent.h"

#define CONVERSATIONS 200 /* rows */

/* A line of the list of slow ones. */
struct slow {
	uint64_t key; /* ns: see rank() */
	struct answer call;
};

struct rpc {
	const struct recording *rec;
	size_t limit;
	bool filtered;
	const struct analysis_options *options;
	uint64_t end_ns;
	uint64_t both_from_ns, both_to_ns; /* covered by packets and by events */
	struct calls calls;
	struct top slowest;
	struct answers answers;
	uint64_t gaps, gap_bytes, bad_events;
};

/* ---- what is seen ---- */

/* The place that knows it best is still to tell: then it is told of then. */
static bool comes_later(const struct rpc *r, const struct answer *a, enum calls_view best)
{
	return !(a->views & 1U << best) &&
	       calls_find(&r->calls, a->pair, best, a->asker, a->id, a->command);
}

/* By the round trip, without one by the wire, else by the service. */
static void rank(void *arg, const struct answer *a)
{
	struct rpc *r = arg;
	bool by_client = a->asker == CALLS_BY_CLIENT;
	const enum calls_view order[] = {by_client ? CALLS_CLIENT : CALLS_SERVER, CALLS_PACKETS,
					 by_client ? CALLS_SERVER : CALLS_CLIENT};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (comes_later(r, a, order[i]))
			return;
		if (!(a->views & 1U << order[i]))
			continue;
		if (top_would(&r->slowest, a->latency_ns[order[i]]))
			(void)top_add(&r->slowest,
				      &(struct slow){.key = a->latency_ns[order[i]], .call = *a});
		return;
	}
}

static void call_done(void *arg, const struct calls_done *d)
{
	struct rpc *r = arg;

	answer_tell(&r->calls, d);
	answers_note(&r->answers, &r->calls, d);
}

static void in_both(struct rpc *r, const struct calls_seen *s, unsigned int which)
{
	if (s->begin_ns >= r->both_from_ns && s->begin_ns <= r->both_to_ns)
		calls_count_frame(&r->calls, s, which);
}

static void rpc_packet(void *self, const struct tcpflow_connection *c,
		       const struct tcpflow_message *m)
{
	struct rpc *r = self;
	struct calls_seen s;

	calls_see_packet(&r->calls, c, m, &s);
	calls_message(&r->calls, &s);
	in_both(r, &s, 0);
}

static void rpc_gap(void *self, const struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	struct rpc *r = self;

	(void)c;
	r->gaps++;
	r->gap_bytes += g->bytes;
}

static void rpc_event(struct rpc *r, const struct trace_event *e, event_fields f, bool sent)
{
	struct wire_message m;
	struct calls_seen s;

	if (!calls_see_event(&r->calls, e, f, sent, &m, &s)) {
		r->bad_events++;
		return;
	}
	if (s.pair == UINT32_MAX) {
		r->calls.untracked++;
		return;
	}
	calls_message(&r->calls, &s);
	in_both(r, &s, sent ? 1 : 2);
}

static void rpc_send(void *self, const struct trace_event *e, event_fields f)
{
	rpc_event(self, e, f, true);
}

static void rpc_receive(void *self, const struct trace_event *e, event_fields f)
{
	rpc_event(self, e, f, false);
}

static const struct event_want rpc_wants[] = {
	{"scoutfs", "scoutfs_net_send_message", rpc_send, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_net_recv_message", rpc_receive, NETEVENT_FIELDS},
};

/* ---- tables ---- */

static const char *const view_names[CALLS_VIEWS] = {"packets", "client", "server"};
static const char *const side_names[CALLS_SIDES] = {"client", "server"};

/* What latency is at a place. */
static const char *measure(enum calls_view view, enum calls_side asker)
{
	if (view == CALLS_PACKETS)
		return "on the wire";
	return (view == CALLS_CLIENT) == (asker == CALLS_BY_CLIENT) ? "round trip" : "service";
}

#define EACH_FIGURES(r, view, side, command)                               \
	for (enum calls_view view = 0; view < CALLS_VIEWS; view++)         \
		for (enum calls_side side = 0; side < CALLS_SIDES; side++) \
			for (uint8_t command = 0;                          \
			     (r)->calls.figures[view][side] && command < WIRE_COMMANDS; command++)

static enum counted_in source_of(enum calls_view view)
{
	return view == CALLS_PACKETS ? COUNTED_IN_PACKETS : COUNTED_IN_TRACE;
}

static void row_begin(struct table *t, enum calls_view view, enum calls_side side, uint8_t command)
{
	table_row(t);
	table_row_counted_in(t, source_of(view));
	table_text(t, view_names[view]);
	table_text(t, side_names[side]);
	table_text(t, wire_command_name(command));
}

static void tell_commands(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"seen", "seen at", COLUMN_TEXT},
		{"asker", "asker", COLUMN_TEXT},
		{"command", "command", COLUMN_TEXT},
		{"new", "new", COLUMN_COUNT},
		{"sent", "sent", COLUMN_COUNT},
		{"resent", "sent again", COLUMN_COUNT},
		{"acked", "acked", COLUMN_COUNT},
		{"finished", "finished", COLUMN_COUNT},
		{"failed", "failed", COLUMN_COUNT},
		{"pending", "pending", COLUMN_COUNT, .use = USE_LEVEL},
		{"stray", "stray answers", COLUMN_COUNT},
	};
	struct table *t = report_table(out, "commands", "Requests, by command and by who asks",
				       columns, ARRAY_SIZE(columns));
	uint64_t stray = 0, again = 0, forgotten = 0;

	EACH_FIGURES(r, view, side, command)
	{
		const struct calls_figures *f = &r->calls.figures[view][side][command];

		if (!f->sent && !f->stray)
			continue;
		row_begin(t, view, side, command);
		table_u64(t, f->fresh);
		table_u64(t, f->sent);
		table_u64(t, f->again);
		table_u64(t, f->finished + f->pending_acked + f->forgotten_acked);
		table_u64(t, f->finished);
		table_u64(t, f->failed);
		table_u64(t, f->pending + f->forgotten);
		table_u64(t, f->stray);
		stray += f->stray;
		again += f->again;
		forgotten += f->forgotten;
		if (f->pending || f->forgotten)
			table_mark(t, ROW_WARNING);
	}
	table_note(t, "Seen at: the packets that passed this host, and what the mounts of this "
		      "host traced, as the client's end and as the server's end of their "
		      "connections. Each place counts for itself: do not add them.");
	if (stray)
		table_note(t, "Stray answers belong to a request that was not seen (it was sent "
			      "before the recording, or was lost), or came once more.");
	if (again)
		table_note(t, "Sent again: after a reconnect, and now and then under load on the "
			      "same connection. The receiver drops what it has had.");
	if (forgotten)
		table_note(t,
			   "More than %d requests were unanswered at once; %" PRIu64
			   " of the oldest are only counted, and if an answer came it is stray.",
			   CALLS_PENDING, forgotten);
}

static void tell_latency(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"seen", "seen at", COLUMN_TEXT},    {"asker", "asker", COLUMN_TEXT},
		{"command", "command", COLUMN_TEXT}, {"measure", "is", COLUMN_TEXT},
		{"count", "count", COLUMN_COUNT},    STATS_COLUMNS,
	};
	struct table *t = report_table(out, "latency", "From request to answer", columns,
				       ARRAY_SIZE(columns));
	uint64_t backwards = 0;

	EACH_FIGURES(r, view, side, command)
	{
		const struct calls_figures *f = &r->calls.figures[view][side][command];

		backwards += f->backwards;
		if (!f->latency.count)
			continue;
		row_begin(t, view, side, command);
		table_text(t, measure(view, side));
		table_u64(t, f->latency.count);
		table_stats(t, &f->latency);
	}
	table_note(t, "Round trip: seen where it was asked, all that the asker waited for. "
		      "Service: seen where it was answered, from reading the request to sending "
		      "the answer. The rest of a round trip is network and waiting to be read.");
	table_note(t, "%s", STATS_NOTE);
	if (backwards)
		table_note(t,
			   "%" PRIu64 " answers bear an earlier time than their request and "
			   "have no latency.",
			   backwards);
}

static void tell_histogram(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"seen", "seen at", COLUMN_TEXT},
		{"asker", "asker", COLUMN_TEXT},
		{"command", "command", COLUMN_TEXT},
		STATS_DECADE_COLUMNS,
	};
	struct table *t = report_table(out, "histogram", "How many answers took how long", columns,
				       ARRAY_SIZE(columns));

	EACH_FIGURES(r, view, side, command)
	{
		const struct calls_figures *f = &r->calls.figures[view][side][command];

		if (!f->latency.count)
			continue;
		row_begin(t, view, side, command);
		table_stats_decades(t, &f->latency);
	}
}

static void tell_errors(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"seen", "seen at", COLUMN_TEXT},    {"asker", "asker", COLUMN_TEXT},
		{"command", "command", COLUMN_TEXT}, {"error", "error", COLUMN_TEXT},
		{"count", "answers", COLUMN_COUNT},
	};
	struct table *t = report_table(out, "errors", "Answers that say that a request failed",
				       columns, ARRAY_SIZE(columns));
	bool normal = false;

	EACH_FIGURES(r, view, side, command)
	{
		const struct calls_figures *f = &r->calls.figures[view][side][command];

		for (unsigned int error = 1; error < WIRE_ERRORS; error++) {
			if (!f->errors[error])
				continue;
			row_begin(t, view, side, command);
			table_text(t, wire_error_name(error));
			table_u64(t, f->errors[error]);
			if (command == WIRE_GET_LOG_MERGE && error == 1)
				normal = true;
			else
				table_mark(t, ROW_BAD);
		}
	}
	if (normal)
		table_note(t, "GET_LOG_MERGE is answered ENOENT when there is nothing to merge: "
			      "that is normal.");
}

/* 0 is no rid: it is not known. */
static void cell_rid(struct table *t, uint64_t rid)
{
	if (rid)
		table_u64(t, rid);
	else
		table_none(t);
}

static void cell_addr(struct table *t, const struct wire_addr *a)
{
	char buf[64];

	table_text(t, wire_addr_format(a, buf, sizeof(buf)));
}

static void cell_latency(struct table *t, const struct answer *call, enum calls_view view)
{
	if (call->views & 1U << view)
		table_u64(t, call->latency_ns[view]);
	else
		table_none(t);
}

static void tell_slowest(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"sent_ns", "sent", COLUMN_TIME},
		{"asker", "asker", COLUMN_TEXT},
		{"command", "command", COLUMN_TEXT},
		{"id", "id", COLUMN_COUNT, .use = USE_LABEL},
		{"client", "client", COLUMN_TEXT},
		{"client_rid", "its rid", COLUMN_HEX},
		{"round_trip_ns", "round trip", COLUMN_DURATION},
		{"wire_ns", "on the wire", COLUMN_DURATION},
		{"service_ns", "service", COLUMN_DURATION},
		{"error", "error", COLUMN_TEXT},
	};
	struct table *t =
		report_table(out, "slowest", "The slowest answers", columns, ARRAY_SIZE(columns));

	top_sort(&r->slowest);
	for (size_t i = 0; i < r->slowest.count; i++) {
		const struct slow *s = top_item(&r->slowest, i);
		bool by_client = s->call.asker == CALLS_BY_CLIENT;

		table_row(t);
		table_u64(t, s->call.sent_ns);
		table_text(t, side_names[s->call.asker]);
		table_text(t, wire_command_name(s->call.command));
		table_u64(t, s->call.id);
		cell_addr(t, &r->calls.pairs[s->call.pair].client);
		cell_rid(t, s->call.client_rid);
		cell_latency(t, &s->call, by_client ? CALLS_CLIENT : CALLS_SERVER);
		cell_latency(t, &s->call, CALLS_PACKETS);
		cell_latency(t, &s->call, by_client ? CALLS_SERVER : CALLS_CLIENT);
		table_text(t, s->call.error ? wire_error_name(s->call.error) : NULL);
	}
	if (r->slowest.count)
		table_note(t, "A request is one row, wherever it was seen; where it was not seen "
			      "the cell is empty. By the round trip, without one by the wire, else "
			      "by the service.");
}

/* ---- what was never answered ---- */

static void unanswered_row(struct rpc *r, struct table *t, const struct unanswered *u)
{
	const struct calls_pending *p = u->any;

	table_row(t);
	table_u64(t, u->ns);
	table_u64(t, r->end_ns > u->ns ? r->end_ns - u->ns : 0);
	table_text(t, side_names[p->side]);
	table_text(t, wire_command_name(p->command));
	table_u64(t, p->id);
	cell_addr(t, &r->calls.pairs[p->pair].client);
	cell_rid(t, r->calls.sessions[p->session].client_rid);
	cell_addr(t, &r->calls.pairs[p->pair].server);
	table_u64(t, u->sent);
	table_text(t, unanswered_words(u, &r->calls));
}

/* Of the oldest, since anything may have been overlooked since then. */
static void note_doubts(const struct rpc *r, struct table *t, uint64_t since_ns)
{
	static const enum feed_source from[] = {FEED_TRACE, FEED_PACKETS};

	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		struct coverage c;
		const char *doubt;

		coverage_find(r->rec, r->options, from[i], &c);
		doubt = c.any || c.damaged ? coverage_doubt(&c, since_ns) : NULL;
		if (doubt)
			table_note(t, "Some of these may have been answered. Of the %s, %s.",
				   feed_source_name(from[i]), doubt);
	}
}

static void tell_unanswered(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"sent_ns", "sent", COLUMN_TIME},
		{"age_ns", "age at the end", COLUMN_DURATION},
		{"asker", "asker", COLUMN_TEXT},
		{"command", "command", COLUMN_TEXT},
		{"id", "id", COLUMN_COUNT, .use = USE_LABEL},
		{"client", "client", COLUMN_TEXT},
		{"client_rid", "its rid", COLUMN_HEX},
		{"server", "server", COLUMN_TEXT},
		{"sent", "times sent", COLUMN_COUNT, .use = USE_LEVEL},
		{"got_to", "got to", COLUMN_TEXT},
	};
	struct table *t = report_table(out, "unanswered", "The oldest requests without an answer",
				       columns, ARRAY_SIZE(columns));
	CLEANUP(freep) struct unanswered *list = NULL;
	size_t count = 0;

	if (!unanswered_list(&r->calls, &list, &count))
		r->calls.failed = true;
	for (size_t i = 0; i < count; i++)
		unanswered_row(r, t, &list[i]);
	table_top(t, r->limit);
	if (count)
		note_doubts(r, t, list[0].ns);
	if (count && r->end_ns < r->rec->last_ns)
		table_note(t, "An answer later than what was looked at is not seen.");
}

/* ---- conversations ---- */

static void tell_conversations(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"seen", "seen at", COLUMN_TEXT},
		{"mount", "by mount", COLUMN_TEXT},
		{"client", "client", COLUMN_TEXT},
		{"client_rid", "its rid", COLUMN_HEX},
		{"server", "server", COLUMN_TEXT},
		{"connections", "connections", COLUMN_COUNT},
		{"from_client", "from client", COLUMN_COUNT},
		{"from_server", "from server", COLUMN_COUNT},
		{"requests", "requests", COLUMN_COUNT},
		{"pending", "pending", COLUMN_COUNT, .use = USE_LEVEL},
		{"first_ns", "first", COLUMN_TIME},
		{"last_client_ns", "last from client", COLUMN_TIME},
		{"last_server_ns", "last from server", COLUMN_TIME},
	};
	struct table *t = report_table(out, "conversations",
				       "Who talked with whom; over reconnects, the last address",
				       columns, ARRAY_SIZE(columns));

	for (uint32_t i = 0; i < r->calls.session_count; i++) {
		const struct calls_session *s = &r->calls.sessions[i];

		table_row(t);
		table_row_counted_in(t, source_of(s->view));
		table_text(t, view_names[s->view]);
		if (s->recorder)
			table_textf(t, "f.%06" PRIx64 ".r.%06" PRIx64, s->fsid >> 40,
				    s->recorder >> 40);
		else
			table_none(t);
		cell_addr(t, &s->pair->client);
		cell_rid(t, s->client_rid);
		cell_addr(t, &s->pair->server);
		table_u64(t, s->connections);
		table_u64(t, s->messages[CALLS_BY_CLIENT]);
		table_u64(t, s->messages[CALLS_BY_SERVER]);
		table_u64(t, s->fresh[CALLS_BY_CLIENT] + s->fresh[CALLS_BY_SERVER]);
		table_u64(t, s->pending[CALLS_BY_CLIENT] + s->pending[CALLS_BY_SERVER]);
		table_u64(t, s->first_ns);
		for (size_t side = 0; side < CALLS_SIDES; side++) {
			if (s->messages[side])
				table_u64(t, s->last_from[side]);
			else
				table_none(t);
		}
	}
	table_top(t, r->limit ? max_of(r->limit, (size_t)CONVERSATIONS) : 0);
}

/* ---- packets and events ---- */

struct difference {
	uint64_t packets, sends, receives, no_event, no_packet;
};

static uint64_t lacking(uint64_t of, uint64_t in)
{
	return of > in ? of - in : 0;
}

/* An end that traced anything of this pair is on this host, and traces all. */
static bool traced(const struct calls_pair *p, enum calls_side end)
{
	for (size_t command = 0; command < WIRE_COMMANDS; command++)
		for (size_t answer = 0; answer < 2; answer++)
			if ((*p->frames)[1][end][command][answer] ||
			    (*p->frames)[2][!end][command][answer])
				return true;
	return false;
}

static void add_difference(const struct calls_pair *p, enum calls_side from, size_t command,
			   size_t answer, struct difference *d)
{
	uint64_t packets = (*p->frames)[0][from][command][answer],
		 sends = (*p->frames)[1][from][command][answer],
		 receives = (*p->frames)[2][from][command][answer];

	d->packets += packets;
	d->sends += sends;
	d->receives += receives;
	if (traced(p, from))
		d->no_event += lacking(packets, sends);
	if (traced(p, !from))
		d->no_event += lacking(packets, receives);
	d->no_packet += lacking(max_of(sends, receives), packets);
}

static uint64_t lost_events(const struct recording *rec)
{
	const struct bundle_stream *streams;
	size_t count = rec->bundle ? bundle_streams(rec->bundle, &streams) : 0;
	uint64_t lost = 0;

	for (size_t i = 0; i < count; i++)
		if (streams[i].kind == CHUNK_RING)
			lost += streams[i].lost + streams[i].missing;
	return lost;
}

static uint64_t lost_packets(const struct recording *rec)
{
	const struct bundle_stream *s =
		rec->bundle ? bundle_stream(rec->bundle, CHUNK_PACKETS, 0) : NULL;

	return s ? s->lost + s->missing : 0;
}

static void explain(const struct rpc *r, struct table *t, const struct difference *all)
{
	uint64_t events = lost_events(r->rec), packets = lost_packets(r->rec) + r->gaps;

	table_note(t, "Only of the time that both cover. A mount of this host traces each "
		      "message once, at its own end; with both ends on this host there are a "
		      "send and a receive event for it.");
	if (events && !packets)
		table_note(t, "Trace events were lost, no packets: the packets are right.");
	else if (!events && packets)
		table_note(t,
			   "Packets were lost (%" PRIu64 " gaps of %" PRIu64
			   " bytes in what was sent), no trace events: the events are right.",
			   r->gaps, r->gap_bytes);
	else if (events && packets)
		table_note(t, "Both lost some: each figure is the least that there was.");
	else if (all->no_event || all->no_packet)
		table_note(t, "Neither has losses that are known. A message that was traced as "
			      "sent and is in no packet did not leave (the connection was cut), or "
			      "is of the first or last moment, where the two do not end together. "
			      "A packet without its event is one that a filter kept back.");
}

static bool sum_differences(const struct rpc *r, enum calls_side from, size_t command,
			    size_t answer, struct difference *d)
{
	*d = (struct difference){0};
	for (uint32_t i = 0; i < r->calls.pair_count; i++)
		if (r->calls.pairs[i].frames)
			add_difference(&r->calls.pairs[i], from, command, answer, d);
	return d->packets || d->sends || d->receives;
}

static void difference_cells(struct table *t, const struct difference *d)
{
	table_u64(t, d->packets);
	table_u64(t, d->sends);
	table_u64(t, d->receives);
	table_u64(t, d->no_event);
	table_u64(t, d->no_packet);
	if (d->no_event || d->no_packet)
		table_mark(t, ROW_WARNING);
}

static void tell_differences(struct rpc *r, struct report_out *out)
{
	static const struct column columns[] = {
		{"sender", "sender", COLUMN_TEXT},
		{"command", "command", COLUMN_TEXT},
		{"kind", "kind", COLUMN_TEXT},
		{"packets", "in packets", COLUMN_COUNT},
		{"send_events", "send events", COLUMN_COUNT},
		{"receive_events", "receive events", COLUMN_COUNT},
		{"no_event", "without event", COLUMN_COUNT},
		{"no_packet", "without packet", COLUMN_COUNT},
	};
	struct difference d, all = {0};
	struct table *t;
	uint64_t same = 0;

	/* A filter may touch one side alone: what it took away would look like losses. */
	if (r->filtered || !r->calls.messages[CALLS_PACKETS] ||
	    !(r->calls.messages[CALLS_CLIENT] + r->calls.messages[CALLS_SERVER]))
		return;
	t = report_table(out, "differences", "Messages in packets and in trace events", columns,
			 ARRAY_SIZE(columns));
	t->counted_in = COUNTED_IN_BOTH;
	for (enum calls_side from = 0; from < CALLS_SIDES; from++) {
		for (uint8_t command = 0; command < WIRE_COMMANDS; command++) {
			for (size_t answer = 0; answer < 2; answer++) {
				if (!sum_differences(r, from, command, answer, &d))
					continue;
				all.packets += d.packets;
				all.sends += d.sends;
				all.receives += d.receives;
				all.no_event += d.no_event;
				all.no_packet += d.no_packet;
				if (!d.no_event && !d.no_packet) {
					same++;
					continue;
				}
				table_row(t);
				table_text(t, side_names[from]);
				table_text(t, wire_command_name(command));
				table_text(t, answer ? "answer" : "request");
				difference_cells(t, &d);
			}
		}
	}
	table_total(t);
	table_text(t, "all");
	table_none(t);
	table_none(t);
	difference_cells(t, &all);
	if (same)
		table_note(t, "%" PRIu64 " kinds of message that both count alike are not shown.",
			   same);
	explain(r, t, &all);
}

/* ---- the report ---- */

/* The time that packets and trace events both cover. */
static void find_both(struct rpc *r, const struct analysis_options *o)
{
	struct cover both;

	r->both_from_ns = 1;
	if (!recording_cover(r->rec, COUNTED_IN_BOTH, o->from_ns, o->to_ns, &both))
		return;
	r->both_from_ns = both.from_ns;
	r->both_to_ns = both.to_ns;
}

static int open_rpc(void *self, const struct recording *rec, const struct analysis_options *o,
		    struct report_out *out, struct err *e)
{
	struct rpc *r = self;
	int code;

	(void)out;
	*r = (struct rpc){.rec = rec,
			  .limit = o->limit,
			  .filtered = o->filtered,
			  .options = o,
			  .end_ns = min_of(rec->last_ns, o->to_ns)};
	find_both(r, o);
	code = calls_init(&r->calls, rec->has_server ? &rec->server : NULL, e);
	r->calls.done = call_done;
	r->calls.arg = r;
	top_init(&r->slowest, o->limit, sizeof(struct slow));
	return code == 0 ? answers_init(&r->answers, rank, r, e) : code;
}

static void tell_lacks(const struct rpc *r, struct report_out *out)
{
	const struct calls *c = &r->calls;

	if (!c->messages[CALLS_PACKETS] && !c->messages[CALLS_CLIENT] && !c->messages[CALLS_SERVER])
		report_note(out, "No messages of scoutfs were seen, neither in packets nor by "
				 "trace events.");
	if (c->untracked)
		report_note(out,
			    "%" PRIu64 " messages are not in these figures: there were more than "
			    "%d connections.",
			    c->untracked, CALLS_PAIRS);
	if (c->replaced)
		report_note(out,
			    "%" PRIu64 " unanswered requests had their number given to another: "
			    "they are counted as pending.",
			    c->replaced);
	if (r->bad_events)
		report_note(out,
			    "%" PRIu64 " trace events of messages make no sense and were left "
			    "out.",
			    r->bad_events);
	if (r->gaps)
		report_note(out,
			    "In what was sent over TCP %" PRIu64 " gaps (%" PRIu64
			    " bytes) could not be read: the figures seen at packets are the least "
			    "that there was.",
			    r->gaps, r->gap_bytes);
	if (lost_events(r->rec))
		report_note(out,
			    "%" PRIu64 " trace events or more were lost: the figures seen at "
			    "client and server are the least that there was.",
			    lost_events(r->rec));
}

static int result_rpc(void *self, struct report_out *out, struct err *e)
{
	struct rpc *r = self;

	calls_finish(&r->calls);
	answers_flush(&r->answers);
	/* What a case is about first, what is long last. */
	tell_slowest(r, out);
	tell_unanswered(r, out);
	tell_errors(r, out);
	tell_commands(r, out);
	tell_latency(r, out);
	tell_histogram(r, out);
	tell_differences(r, out);
	tell_conversations(r, out);
	tell_lacks(r, out);
	return r->calls.failed || r->slowest.failed ? err_nomem(e) : 0;
}

static void done_rpc(void *self)
{
	struct rpc *r = self;

	calls_free(&r->calls);
	top_done(&r->slowest);
	answers_done(&r->answers);
}

const struct analysis_ops analysis_rpc = {
	.name = "rpc",
	.title = "Requests and answers",
	.tables = "slowest unanswered errors commands latency histogram "
		  "differences conversations",
	.summary = "requests by command: counts, latencies, the slowest, those never answered",
	.self_bytes = sizeof(struct rpc),
	.wants = rpc_wants,
	.want_count = ARRAY_SIZE(rpc_wants),
	.open = open_rpc,
	.message = rpc_packet,
	.gap = rpc_gap,
	.result = result_rpc,
	.done = done_rpc,
};
