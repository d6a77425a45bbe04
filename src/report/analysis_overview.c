/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `overview`: the whole recording, and the time around its end, in a few hundred steps each:
 * what a picture of it needs.
 *
 * The timeline of --html (view_html.c) is drawn from these tables; programs get the same by CSV and
 * JSON. Memory does not depend on the recording: steps, and the lines of the log that matter, have
 * limits. Messages and heartbeats are counted from packets, where there are any, else from the
 * trace events of the mounts that ran here; latency is paired by calls.c.
 */
#include "analysis.h"

#include <ctype.h>
#include <inttypes.h>

#include "format/series.h"

#include "calls.h"
#include "logline.h"
#include "netevent.h"
#include "timesteps.h"

#define STEPS_MOST TIMESTEPS_MOST
#define LATENCY_SIZES 27
#define SECOND_STEPS 3600
#define FLAGS_MOST 1000
#define FLAG_TEXT 400
#define MARKS_MOST 1000
#define LEVEL_ERROR 3 /* of syslog: this and worse (less) */

enum seen { SEEN_PACKETS, SEEN_EVENTS, SEEN_KINDS };

struct steps {
	uint64_t from_ns, to_ns, width_ns;
	size_t count; /* 0: not made */
	uint32_t messages[SEEN_KINDS][STEPS_MOST][WIRE_COMMANDS];
	uint32_t heartbeats[SEEN_KINDS][STEPS_MOST], elections[SEEN_KINDS][STEPS_MOST];
	uint32_t lines[STEPS_MOST], flags[STEPS_MOST];
	uint64_t lost[STEPS_MOST];
	uint32_t unanswered[CALLS_VIEWS][STEPS_MOST];
	uint32_t latency[CALLS_VIEWS][STEPS_MOST][LATENCY_SIZES];
};

struct flag {
	uint64_t ns;
	unsigned int level;
	enum logline_kind kind;
	char *text;
};

/* By the names of the recorder's triggers. */
static const char *const meanings[LOGLINE_KINDS] = {
	[LOGLINE_CLIENT_FENCED] = "reconnect-timeout",
	[LOGLINE_RECOVERY_FENCED] = "recovery-timeout",
	[LOGLINE_LEADER_FENCED] = "leader-fence",
	[LOGLINE_FENCE_ERROR] = "fence-error",
	[LOGLINE_USURPED] = "usurped",
	[LOGLINE_QUORUM_DEAD] = "quorum-dead",
	[LOGLINE_SERVER_ABORT] = "server-abort",
	[LOGLINE_COMMIT_FAILURE] = "commit-failure",
	[LOGLINE_CORRUPTION] = "corruption",
	[LOGLINE_OOPS] = "oops",
	[LOGLINE_SERVER_CLOSING] = "server-closing",
	[LOGLINE_CLIENT_DISCONNECTED] = "client-disconnected",
	[LOGLINE_HEARTBEAT_DELAY] = "heartbeat-delay",
	[LOGLINE_SERVER_STOPPING] = "server-stopping",
	[LOGLINE_COMMIT_BUDGET] = "commit-budget",
	[LOGLINE_LOG_MERGE] = "log-merge",
	[LOGLINE_HUNG_TASK] = "hung-task",
};

struct overview {
	const struct recording *rec;
	const struct json_value *manifest;
	uint64_t from_ns, to_ns;
	struct steps all, near;
	struct calls calls;
	uint64_t answers[CALLS_VIEWS];
	uint64_t seen_messages[SEEN_KINDS], seen_quorum[SEEN_KINDS];
	uint64_t second0, second_width; /* events come counted by whole seconds */
	uint64_t seconds[SECOND_STEPS];
	size_t second_count;
	struct flag flags[FLAGS_MOST]; /* a ring: the latest */
	uint64_t flag_count;	       /* in all */
};

/* ---- steps ---- */

static void take_steps(struct steps *s, const struct timesteps *t)
{
	s->from_ns = t->from_ns;
	s->to_ns = t->to_ns;
	s->width_ns = t->width_ns;
	s->count = t->count;
}

/* The step of a moment; SIZE_MAX: none. */
static size_t step_of(const struct steps *s, uint64_t ns)
{
	if (!s->count || ns < s->from_ns || ns > s->to_ns)
		return SIZE_MAX;
	return (size_t)min_of((ns - s->from_ns) / s->width_ns, (uint64_t)s->count - 1);
}

static void increase(uint32_t *n)
{
	if (*n < UINT32_MAX)
		++*n;
}

static uint64_t minus(uint64_t ns, uint64_t less)
{
	return ns > less ? ns - less : 0;
}

#define EACH_STEPS(o, s) \
	for (struct steps *s = &(o)->all; s; s = s == &(o)->all ? &(o)->near : NULL)

/* ---- what is seen ---- */

/* 0: under 2 us, i: from 2^i us on. */
static size_t latency_size(uint64_t ns)
{
	uint64_t us = ns / NSEC_PER_USEC;
	size_t size = 0;

	while (us > 1 && size < LATENCY_SIZES - 1) {
		us >>= 1;
		size++;
	}
	return size;
}

/* By when it was asked: a server that stalls shows where it began to. */
static void call_done(void *arg, const struct calls_done *d)
{
	struct overview *o = arg;
	enum calls_view view = d->session->view;

	o->answers[view]++;
	EACH_STEPS(o, s)
	{
		size_t i = step_of(s, d->sent_ns);

		if (i != SIZE_MAX)
			increase(&s->latency[view][i][latency_size(d->latency_ns)]);
	}
}

static void count_message(struct overview *o, enum seen seen, uint64_t ns, unsigned int command)
{
	o->seen_messages[seen]++;
	EACH_STEPS(o, s)
	{
		size_t i = step_of(s, ns);

		if (i != SIZE_MAX)
			increase(&s->messages[seen][i][command % WIRE_COMMANDS]);
	}
}

static void count_quorum(struct overview *o, enum seen seen, uint64_t ns, uint64_t type)
{
	o->seen_quorum[seen]++;
	EACH_STEPS(o, s)
	{
		size_t i = step_of(s, ns);

		if (i == SIZE_MAX)
			continue;
		increase(type == WIRE_HEARTBEAT ? &s->heartbeats[seen][i] : &s->elections[seen][i]);
	}
}

static void see_packet(void *self, const struct tcpflow_connection *c,
		       const struct tcpflow_message *m)
{
	struct overview *o = self;
	struct calls_seen s = {.view = CALLS_PACKETS,
			       .begin_ns = m->header_ns,
			       .end_ns = m->last_ns,
			       .message = &m->header};

	count_message(o, SEEN_PACKETS, m->header_ns, m->header.command);
	s.pair = calls_pair(&o->calls, &c->ends[0], &c->ends[1], c->server, m->from, &m->header);
	if (s.pair != UINT32_MAX)
		s.from = wire_addr_equal(&c->ends[m->from], &o->calls.pairs[s.pair].server)
				 ? CALLS_BY_SERVER
				 : CALLS_BY_CLIENT;
	calls_message(&o->calls, &s);
}

static void see_event(struct overview *o, const struct trace_event *e, event_fields f, bool sent)
{
	struct wire_addr own = netevent_addr(e, f[NET_NAME_ADDR], f[NET_NAME_PORT]);
	struct wire_addr peer = netevent_addr(e, f[NET_PEER_ADDR], f[NET_PEER_PORT]);
	struct wire_message m = {0};
	struct calls_seen s = {.recorder = netevent_number(e, f[NET_RID]),
			       .fsid = netevent_number(e, f[NET_FSID]),
			       .begin_ns = e->ns,
			       .end_ns = e->ns,
			       .message = &m};
	bool server;

	if (!netevent_message(e, f, &m))
		return;
	/* Sent ones alone: where both ends are traced each message is counted once. */
	if (sent)
		count_message(o, SEEN_EVENTS, e->ns, m.command);
	s.pair = calls_pair(&o->calls, &own, &peer, -1, sent ? 0 : 1, &m);
	if (s.pair == UINT32_MAX)
		return;
	server = wire_addr_equal(&own, &o->calls.pairs[s.pair].server);
	s.view = server ? CALLS_SERVER : CALLS_CLIENT;
	s.from = server == sent ? CALLS_BY_SERVER : CALLS_BY_CLIENT;
	calls_message(&o->calls, &s);
}

static void see_send(void *self, const struct trace_event *e, event_fields f)
{
	see_event(self, e, f, true);
}

static void see_receive(void *self, const struct trace_event *e, event_fields f)
{
	see_event(self, e, f, false);
}

static void see_datagram(void *self, const struct datagram *d)
{
	count_quorum(self, SEEN_PACKETS, d->ns, d->quorum.type);
}

static void see_quorum(void *self, const struct trace_event *e, event_fields f)
{
	uint64_t type = WIRE_RESIGNATION + 1;

	(void)event_field_u64(f[0], e->data, e->bytes, &type);
	if (type <= WIRE_RESIGNATION)
		count_quorum(self, SEEN_EVENTS, e->ns, type);
}

static const struct event_want wants[] = {
	{"scoutfs", "scoutfs_net_send_message", see_send, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_net_recv_message", see_receive, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_quorum_send_message", see_quorum, {"type"}},
	{"scoutfs", "scoutfs_quorum_recv_message", see_quorum, {"type"}},
};

static void see_tally(void *self, const struct trace_tally *t, size_t count)
{
	struct overview *o = self;

	for (size_t i = 0; i < count; i++) {
		uint64_t at = minus(t[i].tick, o->second0) / o->second_width;

		o->seconds[min_of(at, (uint64_t)o->second_count - 1)] += t[i].count;
	}
}

static void keep_flag(struct overview *o, const struct log_line *l, enum logline_kind kind)
{
	struct flag *f = &o->flags[o->flag_count++ % FLAGS_MOST];

	free(f->text);
	*f = (struct flag){.ns = l->ns,
			   .level = l->level,
			   .kind = kind,
			   .text = strndup(l->text, min_of(l->bytes, (size_t)FLAG_TEXT))};
}

static bool is_of_scoutfs(const struct log_line *l)
{
	return !l->foreign && str_starts(l->text, "scoutfs");
}

static void see_log(void *self, const struct log_line *l)
{
	struct overview *o = self;
	struct logline parsed = {0};
	bool known, flag;

	known = logline_parse(l->text, l->bytes, !l->foreign, &parsed);
	flag = known || is_of_scoutfs(l) || l->level <= LEVEL_ERROR;
	if (l->ns < o->from_ns || l->ns > o->to_ns)
		return;
	EACH_STEPS(o, s)
	{
		size_t i = step_of(s, l->ns);

		if (i == SIZE_MAX)
			continue;
		increase(&s->lines[i]);
		if (flag)
			increase(&s->flags[i]);
	}
	if (flag)
		keep_flag(o, l, known ? parsed.kind : LOGLINE_OTHER);
}

/* ---- tables ---- */

/* Of packets, where there are any. */
static enum seen best_seen(const uint64_t counts[SEEN_KINDS])
{
	return counts[SEEN_PACKETS] || !counts[SEEN_EVENTS] ? SEEN_PACKETS : SEEN_EVENTS;
}

static enum calls_view best_view(const struct overview *o)
{
	for (enum calls_view v = 0; v < CALLS_VIEWS; v++)
		if (o->answers[v])
			return v;
	return CALLS_PACKETS;
}

static void add_command(struct table *t, unsigned int command)
{
	char key[64] = "msg_";
	const char *name = wire_command_name(command);
	size_t n = strlen(key);

	for (; *name && n < sizeof(key) - 1; name++)
		key[n++] =
			isalnum((unsigned char)*name) ? (char)tolower((unsigned char)*name) : '_';
	key[n] = '\0';
	if (table_column(t, key) >= 0)
		(void)snprintf(key, sizeof(key), "msg_%u", command);
	table_add_column(t, &(struct column){key, wire_command_name(command), COLUMN_COUNT});
}

static void tell_series(const struct overview *o, const struct steps *s, struct table *t)
{
	enum seen messages = best_seen(o->seen_messages), quorum = best_seen(o->seen_quorum);
	bool used[WIRE_COMMANDS] = {0};

	for (size_t i = 0; i < s->count; i++)
		for (unsigned int c = 0; c < WIRE_COMMANDS; c++)
			used[c] |= s->messages[messages][i][c] != 0;
	for (unsigned int c = 0; c < WIRE_COMMANDS; c++)
		if (used[c])
			add_command(t, c);
	for (size_t i = 0; i < s->count; i++) {
		uint64_t all = 0;

		for (unsigned int c = 0; c < WIRE_COMMANDS; c++)
			all += s->messages[messages][i][c];
		table_row(t);
		table_u64(t, s->from_ns + i * s->width_ns);
		table_u64(t, s->width_ns);
		table_u64(t, s->heartbeats[quorum][i]);
		table_u64(t, s->elections[quorum][i]);
		table_u64(t, s->lines[i]);
		table_u64(t, s->flags[i]);
		table_u64(t, s->lost[i]);
		table_u64(t, s->unanswered[best_view(o)][i]);
		table_u64(t, all);
		for (unsigned int c = 0; c < WIRE_COMMANDS; c++)
			if (used[c])
				table_u64(t, s->messages[messages][i][c]);
	}
	table_note(t, "Messages are from %s, heartbeats and elections from %s.",
		   messages == SEEN_PACKETS ? "packets" : "trace events: those that were sent",
		   quorum == SEEN_PACKETS ? "packets" : "trace events: sent and received");
}

static const struct column series_columns[] = {
	{"from_ns", "from", COLUMN_TIME},
	{"width_ns", "for", COLUMN_DURATION},
	{"heartbeats", "heartbeats", COLUMN_COUNT},
	{"elections", "other quorum messages", COLUMN_COUNT},
	{"log_lines", "log lines", COLUMN_COUNT},
	{"flags", "flags", COLUMN_COUNT},
	{"lost", "lost", COLUMN_COUNT},
	{"unanswered", "never answered", COLUMN_COUNT},
	{"messages", "messages", COLUMN_COUNT},
};

static const struct column latency_columns[] = {
	{"from_ns", "asked from", COLUMN_TIME},
	{"width_ns", "for", COLUMN_DURATION},
	{"at_least_ns", "took at least", COLUMN_DURATION},
	{"under_ns", "and less than", COLUMN_DURATION},
	{"count", "answers", COLUMN_COUNT},
};

static void tell_latency(const struct overview *o, const struct steps *s, struct table *t)
{
	static const char *const views[] = {"packets, as they passed this host",
					    "trace events at the client's end",
					    "trace events at the server's end"};
	enum calls_view view = best_view(o);

	for (size_t i = 0; i < s->count; i++) {
		for (size_t k = 0; k < LATENCY_SIZES; k++) {
			if (!s->latency[view][i][k])
				continue;
			table_row(t);
			table_u64(t, s->from_ns + i * s->width_ns);
			table_u64(t, s->width_ns);
			table_u64(t, k ? NSEC_PER_USEC << k : 0);
			if (k < LATENCY_SIZES - 1)
				table_u64(t, NSEC_PER_USEC << (k + 1));
			else
				table_none(t);
			table_u64(t, s->latency[view][i][k]);
		}
	}
	table_note(t, "By %s; at the moment of the request.", views[view]);
}

static void tell_steps(const struct overview *o, const struct steps *s, struct report_out *out,
		       const char *const names[2], const char *const titles[2])
{
	if (!s->count)
		return;
	tell_series(
		o, s,
		report_table(out, names[0], titles[0], series_columns, ARRAY_SIZE(series_columns)));
	tell_latency(o, s,
		     report_table(out, names[1], titles[1], latency_columns,
				  ARRAY_SIZE(latency_columns)));
}

static void tell_events(const struct overview *o, struct report_out *out)
{
	static const struct column columns[] = {
		{"from_ns", "from", COLUMN_TIME},
		{"width_ns", "for", COLUMN_DURATION},
		{"events", "trace events", COLUMN_COUNT},
	};
	struct table *t = report_table(out, "events", "Trace events, by whole seconds", columns,
				       ARRAY_SIZE(columns));

	for (size_t i = 0; i < o->second_count; i++) {
		uint64_t from = 0;

		(void)recording_tick_ns(o->rec, o->second0 + i * o->second_width, &from);

		table_row(t);
		table_u64(t, from);
		table_u64(t, o->second_width * NSEC_PER_SEC);
		table_u64(t, o->seconds[i]);
	}
}

static void tell_flags(const struct overview *o, struct report_out *out)
{
	static const struct column columns[] = {
		{"time_ns", "when", COLUMN_TIME},
		{"level", "level", COLUMN_TEXT},
		{"trigger", "means", COLUMN_TEXT},
		{"text", "line", COLUMN_TEXT},
	};
	static const char *const levels[] = {"emerg",	"alert",  "crit", "err",
					     "warning", "notice", "info", "debug"};
	struct table *t = report_table(out, "flags", "Kernel log: scoutfs, and errors of anybody",
				       columns, ARRAY_SIZE(columns));
	uint64_t kept = min_of(o->flag_count, (uint64_t)FLAGS_MOST);

	for (uint64_t i = 0; i < kept; i++) {
		const struct flag *f = &o->flags[(o->flag_count - kept + i) % FLAGS_MOST];
		const char *means = meanings[f->kind];

		table_row(t);
		table_u64(t, f->ns);
		table_text(t, f->level < ARRAY_SIZE(levels) ? levels[f->level] : NULL);
		table_text(t, means);
		table_text(t, f->text ? f->text : "");
		if (logline_is_final(f->kind))
			table_mark(t, ROW_BAD);
		else if (means || f->level <= LEVEL_ERROR)
			table_mark(t, ROW_WARNING);
	}
	if (kept < o->flag_count)
		table_note(t, "%" PRIu64 " earlier ones are not listed: more than could be kept.",
			   o->flag_count - kept);
}

static bool is_shown(const struct overview *o, uint64_t from_ns, uint64_t to_ns)
{
	return to_ns >= o->from_ns && from_ns <= o->to_ns && from_ns <= to_ns;
}

static void mark(struct table *t, uint64_t from_ns, uint64_t to_ns, const char *kind,
		 const char *what, const char *text, enum row_mark color)
{
	table_row(t);
	table_u64(t, from_ns);
	if (to_ns != from_ns)
		table_u64(t, to_ns);
	else
		table_none(t);
	table_text(t, kind);
	table_text(t, what);
	table_text(t, text);
	table_mark(t, color);
}

/* A sample of a series that was not taken says nothing of what was recorded else: `series` has it.
 */
static bool is_of_series(const struct json_value *source)
{
	return str_starts(json_get_str(source, "name", ""), SERIES_FOLDER);
}

static void mark_gaps(const struct overview *o, struct table *t)
{
	const struct json_value *sources = json_get(o->manifest, "sources");

	for (const struct json_value *s = sources ? sources->child : NULL; s; s = s->next) {
		const struct json_value *gaps = is_of_series(s) ? NULL : json_get(s, "gaps");

		for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next) {
			uint64_t from = json_get_u64(g, "from_monotonic_ns", 0),
				 to = json_get_u64(g, "to_monotonic_ns", 0);
			bool meant = !strcmp(json_get_str(g, "kind", ""), "retention");

			if (is_shown(o, from, to) && t->row_count < MARKS_MOST)
				mark(t, from, to, meant ? "not kept" : "gap",
				     json_get_str(s, "name", "?"), json_get_str(g, "reason", ""),
				     meant ? ROW_PLAIN : ROW_WARNING);
		}
	}
}

static void tell_marks(const struct overview *o, struct report_out *out)
{
	static const struct column columns[] = {
		{"from_ns", "from", COLUMN_TIME}, {"to_ns", "to", COLUMN_TIME},
		{"kind", "kind", COLUMN_TEXT},	  {"what", "what", COLUMN_TEXT},
		{"text", "text", COLUMN_TEXT},
	};
	struct table *t =
		report_table(out, "marks", "Trigger, suspects, gaps", columns, ARRAY_SIZE(columns));
	const struct json_value *list = json_get(o->manifest, "suspects");

	if (o->rec->triggered)
		mark(t, o->rec->trigger_ns, o->rec->trigger_ns, "trigger", o->rec->trigger,
		     o->rec->trigger_text, ROW_BAD);
	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next) {
		uint64_t ns = json_get_u64(v, "monotonic_ns", 0);

		if (is_shown(o, ns, ns) && t->row_count < MARKS_MOST)
			mark(t, ns, ns, json_get_str(v, "role", "suspect"),
			     json_get_str(v, "trigger", "?"), json_get_str(v, "text", ""),
			     ROW_WARNING);
	}
	mark_gaps(o, t);
	table_sort(t, "from_ns", false);
}

/* ---- the whole ---- */

static int open_overview(void *self, const struct recording *rec, const struct analysis_options *o,
			 struct report_out *out, struct err *e)
{
	struct overview *v = self;
	struct timesteps all, near;
	uint64_t seconds;
	int r;

	(void)out;
	v->rec = rec;
	v->manifest = bundle_manifest(rec->bundle);
	timesteps_make(rec, o->from_ns, o->to_ns, &all, &near);
	take_steps(&v->all, &all);
	take_steps(&v->near, &near);
	v->from_ns = all.from_ns;
	v->to_ns = all.to_ns;
	v->second0 = recording_tick(rec, v->from_ns);
	seconds = recording_tick(rec, v->to_ns) - v->second0 + 1;
	v->second_width = (seconds + SECOND_STEPS - 1) / SECOND_STEPS;
	v->second_count = (size_t)((seconds + v->second_width - 1) / v->second_width);
	r = calls_init(&v->calls, rec->has_server ? &rec->server : NULL, e);
	v->calls.done = call_done;
	v->calls.arg = v;
	return r;
}

static void count_unanswered(struct overview *o)
{
	for (uint32_t i = 0; i < o->calls.pending_size; i++) {
		const struct calls_pending *p = &o->calls.pending[i];

		if (!p->sent)
			continue;
		EACH_STEPS(o, s)
		{
			size_t at = step_of(s, p->ns);

			if (at != SIZE_MAX)
				increase(&s->unanswered[o->calls.sessions[p->session].view][at]);
		}
	}
}

static void count_lost(struct overview *o)
{
	const struct json_value *sources = json_get(o->manifest, "sources");

	for (const struct json_value *v = sources ? sources->child : NULL; v; v = v->next) {
		const struct json_value *gaps = is_of_series(v) ? NULL : json_get(v, "gaps");

		for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next) {
			uint64_t lost = json_get_u64(g, "count", 0);

			if (!strcmp(json_get_str(g, "kind", ""), "retention"))
				continue;
			EACH_STEPS(o, s)
			{
				size_t at = step_of(s, json_get_u64(g, "to_monotonic_ns", 0));

				if (at != SIZE_MAX &&
				    __builtin_add_overflow(s->lost[at], lost, &s->lost[at]))
					s->lost[at] = UINT64_MAX;
			}
		}
	}
}

static int tell_overview(void *self, struct report_out *out, struct err *e)
{
	struct overview *o = self;

	if (o->calls.failed)
		return err_nomem(e);
	count_unanswered(o);
	count_lost(o);
	tell_marks(o, out);
	tell_flags(o, out);
	tell_steps(o, &o->near, out, (const char *const[]){"near_series", "near_latency"},
		   (const char *const[]){"Around the end, in steps", "Around the end, latency"});
	tell_steps(o, &o->all, out, (const char *const[]){"series", "latency"},
		   (const char *const[]){"The recording, in steps",
					 "The recording, latency of requests"});
	tell_events(o, out);
	return 0;
}

static void overview_done(void *self)
{
	struct overview *o = self;

	for (size_t i = 0; i < FLAGS_MOST; i++)
		free(o->flags[i].text);
	calls_free(&o->calls);
}

const struct analysis_ops analysis_overview = {
	.name = "overview",
	.title = "Overview",
	.tables = "marks flags near_series near_latency series latency events",
	.summary = "the recording in a few hundred steps: what the timeline of --html shows",
	.self_bytes = sizeof(struct overview),
	.wants = wants,
	.want_count = ARRAY_SIZE(wants),
	.open = open_overview,
	.tally = see_tally,
	.message = see_packet,
	.datagram = see_datagram,
	.log = see_log,
	.result = tell_overview,
	.done = overview_done,
};
