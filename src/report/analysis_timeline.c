/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `timeline`: everything in the order in which it happened: trace events, messages between
 * scoutfs nodes, quorum datagrams, lines of the kernel log, files about the host when they were
 * collected, and what the recorder itself noted.
 *
 * Rows are shown as they come. What the recorder noted (the trigger, what was suspicious, what was
 * lost) is in the manifest: it is sorted first and put in where the stream passes it. Heartbeats
 * come ten a second to each node and say nothing while they come: of a row of them the first is
 * shown, then every pause, and how many there were in all; unless the window is so short that each
 * matters.
 */
#include "analysis.h"

#include <inttypes.h>

#include "print.h"

#define ROWS_AT_ONCE 256
#define MARKS_MAX 4096
#define PAIRS_MAX 256 /* of nodes that send each other heartbeats */
#define PAUSE_NS NSEC_PER_SEC
#define EACH_HEARTBEAT_NS (2 * NSEC_PER_SEC) /* windows up to this show every one */

/* Of the manifest. */
struct mark {
	uint64_t ns;
	const char *what; /* "trigger" */
	const char *name, *text;
	enum row_mark color;
	uint64_t lost;
	const struct json_value *gap; /* NULL: none */
};

struct heartbeats {
	struct wire_addr source, destination;
	uint64_t term, first_ns, last_ns, count, longest_ns;
	uint8_t from;
};

struct timeline {
	const struct recording *rec;
	struct table *table;
	struct report_out *out;
	struct print *print;
	struct text text;
	bool each_heartbeat;
	uint64_t from_ns, to_ns;

	struct mark *marks; /* by time */
	size_t mark_count, next_mark;
	struct heartbeats pairs[PAIRS_MAX];
	size_t pair_count;
};

/* ---- rows ---- */

static void end_row(struct timeline *a, enum row_mark color)
{
	table_mark(a->table, color);
	if (a->table->row_count >= ROWS_AT_ONCE)
		report_rows(a->out, a->table);
}

static void put_mark(struct timeline *a, const struct mark *m)
{
	struct table *t = a->table;

	table_row(t);
	table_u64(t, m->ns);
	table_text(t, m->what);
	table_text(t, m->name);
	if (!m->gap)
		table_text(t, m->text);
	else if (m->lost)
		table_textf(t, "%s: %" PRIu64 " lost%s%s", json_get_str(m->gap, "kind", "gap"),
			    m->lost, *m->text ? ": " : "", m->text);
	else
		table_textf(t, "%s%s%s", json_get_str(m->gap, "kind", "gap"), *m->text ? ": " : "",
			    m->text);
	end_row(a, m->color);
}

/* A row, and before it what the recorder noted up to then. */
static void begin_row(struct timeline *a, uint64_t ns, const char *source)
{
	while (a->next_mark < a->mark_count && a->marks[a->next_mark].ns <= ns)
		put_mark(a, &a->marks[a->next_mark++]);
	table_row(a->table);
	table_u64(a->table, ns);
	table_text(a->table, source);
}

/* ---- trace events ---- */

static void put_task(struct timeline *a, const struct trace_event *e)
{
	const struct event_field *f =
		event_field_of(&a->rec->events.formats[e->type], "common_pid");
	const struct comm *c;
	int64_t pid = 0;

	if (!event_field_i64(f, e->data, e->bytes, &pid)) {
		table_textf(a->table, "[%03u]", e->cpu);
		return;
	}
	c = recording_comm(a->rec, (uint32_t)pid);
	if (c)
		table_textf(a->table, "%.*s-%" PRId64 " [%03u]", (int)min_of(c->bytes, 64U),
			    c->name, pid, e->cpu);
	else
		table_textf(a->table, "%s-%" PRId64 " [%03u]", pid ? "<...>" : "<idle>", pid,
			    e->cpu);
}

static void put_event(struct timeline *a, const struct trace_event *e)
{
	struct print_event ev = {
		.ns = e->ns, .data = e->data, .bytes = e->bytes, .type = e->type, .cpu = e->cpu};

	text_reset(&a->text);
	text_printf(&a->text, "%s: ", a->rec->events.formats[e->type].name);
	print_text(a->print, &ev, &a->text);
	table_text_n(a->table, text_c(&a->text), a->text.len);
}

static void each_event(void *self, const struct trace_event *e)
{
	struct timeline *a = self;

	begin_row(a, e->ns, e->type == TRACE_TYPE_GAP ? "lost" : "trace");
	if (e->type < a->rec->events.count) {
		put_task(a, e);
		put_event(a, e);
		end_row(a, ROW_PLAIN);
		return;
	}
	table_textf(a->table, "[%03u]", e->cpu);
	if (e->type != TRACE_TYPE_GAP)
		table_text(a->table, "an event of no known format");
	else if (e->bytes)
		table_textf(a->table, "%u trace events of this CPU", e->bytes);
	else
		table_text(a->table, "trace events of this CPU");
	end_row(a, e->type == TRACE_TYPE_GAP ? ROW_WARNING : ROW_PLAIN);
}

/* ---- packets ---- */

static void put_way(struct timeline *a, const struct wire_addr *from, const struct wire_addr *to)
{
	char x[64], y[64];

	table_textf(a->table, "%s > %s", wire_addr_format(from, x, sizeof(x)),
		    wire_addr_format(to, y, sizeof(y)));
}

static void add_data(struct text *t, const struct tcpflow_message *m)
{
	struct wire_greeting g;
	struct wire_lock l;
	char key[96];

	if (m->header.command == WIRE_GREETING && wire_greeting_parse(m->data, m->data_bytes, &g))
		text_printf(t, " rid %016" PRIx64 " server term %" PRIu64 "%s%s", g.rid,
			    g.server_term, g.flags & WIRE_GREETING_FAREWELL ? " farewell" : "",
			    g.flags & WIRE_GREETING_QUORUM ? " quorum member" : "");
	else if (m->header.command == WIRE_LOCK && wire_lock_parse(m->data, m->data_bytes, &l))
		text_printf(t, " %s %s to %s", wire_key_format(&l.key, key, sizeof(key)),
			    wire_lock_mode_name(l.old_mode), wire_lock_mode_name(l.new_mode));
	else if (m->header.data_len)
		text_printf(t, " %u bytes", m->header.data_len);
}

static void message(void *self, const struct tcpflow_connection *c, const struct tcpflow_message *m)
{
	struct timeline *a = self;
	const struct wire_message *h = &m->header;

	begin_row(a, m->last_ns, "packets");
	put_way(a, &c->ends[m->from], &c->ends[!m->from]);
	text_reset(&a->text);
	text_printf(&a->text, "%s %s id %" PRIu64, wire_command_name(h->command),
		    h->response ? "response" : "request", h->id);
	if (h->error)
		text_printf(&a->text, " error %s", wire_error_name(h->error));
	add_data(&a->text, m);
	table_text_n(a->table, text_c(&a->text), a->text.len);
	end_row(a, ROW_PLAIN);
}

static void begin(void *self, const struct tcpflow_connection *c, enum tcpflow_begin how)
{
	struct timeline *a = self;

	begin_row(a, c->begin_ns, "packets");
	put_way(a, &c->ends[0], &c->ends[1]);
	table_textf(a->table, "connection: %s", tcpflow_begin_name(how));
	end_row(a, ROW_PLAIN);
}

static void end(void *self, const struct tcpflow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	struct timeline *a = self;

	begin_row(a, ns, "packets");
	put_way(a, &c->ends[0], &c->ends[1]);
	if (how == TCPFLOW_END_CAPTURE && a->to_ns < a->rec->last_ns)
		table_text(a->table, "connection: goes on where the window ends");
	else
		table_textf(a->table, "end of connection: %s", tcpflow_end_name(how));
	end_row(a, how == TCPFLOW_END_RST ? ROW_WARNING : ROW_PLAIN);
}

static void gap(void *self, const struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	struct timeline *a = self;

	begin_row(a, g->last_ns, "lost");
	put_way(a, &c->ends[g->from], &c->ends[!g->from]);
	table_textf(a->table, "%" PRIu64 " bytes of the stream: %s", g->bytes,
		    tcpflow_reason_name(g->reason));
	end_row(a, ROW_WARNING);
}

/* ---- quorum ---- */

static struct heartbeats *pair_of(struct timeline *a, const struct datagram *d)
{
	for (size_t i = 0; i < a->pair_count; i++)
		if (wire_addr_equal(&a->pairs[i].source, &d->source) &&
		    wire_addr_equal(&a->pairs[i].destination, &d->destination))
			return &a->pairs[i];
	if (a->pair_count == PAIRS_MAX)
		return NULL;
	a->pairs[a->pair_count] =
		(struct heartbeats){.source = d->source, .destination = d->destination};
	return &a->pairs[a->pair_count++];
}

static void put_quorum(struct timeline *a, const struct datagram *d, const char *more,
		       enum row_mark color)
{
	begin_row(a, d->ns, "packets");
	put_way(a, &d->source, &d->destination);
	table_textf(a->table, "%s of slot %u in term %" PRIu64 "%s",
		    wire_quorum_type_name(d->quorum.type), d->quorum.from, d->quorum.term, more);
	end_row(a, color);
}

static void put_heartbeat(struct timeline *a, const struct datagram *d, struct heartbeats *p)
{
	char more[128] = "", seconds[32];
	uint64_t pause = p && p->count && d->ns > p->last_ns ? d->ns - p->last_ns : 0;
	enum row_mark color = ROW_PLAIN;

	if (pause >= PAUSE_NS) {
		(void)snprintf(more, sizeof(more), ", after a pause of %s",
			       format_duration(pause, seconds, sizeof(seconds)));
		color = ROW_WARNING;
	} else if (p && !a->each_heartbeat) {
		(void)snprintf(more, sizeof(more), "; those that follow at once are not shown");
	}
	put_quorum(a, d, more, color);
}

static void datagram(void *self, const struct datagram *d)
{
	struct timeline *a = self;
	struct heartbeats *p;
	bool more;

	if (d->quorum.type != WIRE_HEARTBEAT) {
		put_quorum(a, d, "", ROW_PLAIN);
		return;
	}
	p = pair_of(a, d);
	more = p && p->count && p->term == d->quorum.term && p->from == d->quorum.from;
	if (!more || a->each_heartbeat || (d->ns > p->last_ns && d->ns - p->last_ns >= PAUSE_NS))
		put_heartbeat(a, d, p);
	if (!p)
		return;
	if (!more) {
		p->first_ns = p->last_ns = d->ns;
		p->count = p->longest_ns = 0;
		p->term = d->quorum.term;
		p->from = d->quorum.from;
	}
	p->count++;
	if (d->ns > p->last_ns) {
		p->longest_ns = max_of(p->longest_ns, d->ns - p->last_ns);
		p->last_ns = d->ns;
	}
}

/* ---- the kernel log ---- */

static void log_row(void *self, const struct log_line *l)
{
	struct timeline *a = self;

	begin_row(a, l->ns, "log");
	table_text(a->table, l->facility ? "" : "kernel");
	table_text_n(a->table, l->text, l->bytes);
	end_row(a, l->level <= 3 ? ROW_BAD : l->level == 4 ? ROW_WARNING : ROW_PLAIN);
}

/* ---- files about the host ---- */

static void context_row(void *self, const struct context_file *f)
{
	struct timeline *a = self;
	const char *words = "";
	char size[32];

	if (!strcmp(f->status, "cut"))
		words = ", cut there";
	else if (!strcmp(f->status, "partial"))
		words = ", not all of it";
	begin_row(a, f->ns, "context");
	table_textf(a->table, "%s/%s", f->moment, f->name);
	if (context_file_is_missing(f))
		table_textf(a->table, "%s: not collected%s%s", f->how, *f->why ? ": " : "", f->why);
	else
		table_textf(a->table, "%s: %s%s%s%s", f->how,
			    format_bytes(f->bytes, size, sizeof(size)), words, *f->why ? ": " : "",
			    f->why);
	end_row(a, ROW_PLAIN);
}

/* ---- what the recorder noted ---- */

static void add_mark(struct timeline *a, const struct mark *m)
{
	if (m->ns >= a->from_ns && m->ns <= a->to_ns && a->mark_count < MARKS_MAX)
		a->marks[a->mark_count++] = *m;
}

static int by_time(const void *x, const void *y)
{
	const struct mark *a = x, *b = y;

	return a->ns < b->ns ? -1 : a->ns > b->ns;
}

static void collect_gaps(struct timeline *a, const struct json_value *source)
{
	const struct json_value *gaps = json_get(source, "gaps");

	for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next) {
		/* What is older than the budget reaches was let go on purpose. */
		bool meant = !strcmp(json_get_str(g, "kind", ""), "retention");

		/* Nobody knows when: it has no place here; `loss` has it. */
		if (!json_get_u64(g, "to_monotonic_ns", 0))
			continue;
		add_mark(a, &(struct mark){
				    .ns = json_get_u64(g, "from_monotonic_ns", 0),
				    .what = "lost",
				    .name = recording_source_name(json_get_str(source, "name", "")),
				    .text = json_get_str(g, "reason", ""),
				    .color = meant ? ROW_PLAIN : ROW_WARNING,
				    .lost = json_get_u64(g, "count", 0),
				    .gap = g});
	}
}

static int collect_marks(struct timeline *a, struct err *e)
{
	const struct json_value *m = a->rec->bundle ? bundle_manifest(a->rec->bundle) : NULL,
				*suspects = json_get(m, "suspects"),
				*sources = json_get(m, "sources");

	a->marks = calloc(MARKS_MAX, sizeof(*a->marks));
	if (!a->marks)
		return err_nomem(e);
	if (a->rec->triggered)
		add_mark(a, &(struct mark){.ns = a->rec->trigger_ns,
					   .what = "trigger",
					   .name = a->rec->trigger,
					   .text = a->rec->trigger_text,
					   .color = ROW_BAD});
	for (const struct json_value *v = suspects ? suspects->child : NULL; v; v = v->next)
		add_mark(a, &(struct mark){.ns = json_get_u64(v, "monotonic_ns", 0),
					   .what = "suspect",
					   .name = json_get_str(v, "trigger", ""),
					   .text = json_get_str(v, "text", ""),
					   .color = ROW_WARNING});
	for (const struct json_value *v = sources ? sources->child : NULL; v; v = v->next)
		collect_gaps(a, v);
	qsort(a->marks, a->mark_count, sizeof(*a->marks), by_time);
	return 0;
}

/* ---- begin and end ---- */

static int open_timeline(void *self, const struct recording *rec, const struct analysis_options *o,
			 struct report_out *out, struct err *e)
{
	static const struct column columns[] = {
		{"time_ns", "time", COLUMN_TIME},
		{"source", "source", COLUMN_TEXT, .width = 7},
		{"where", "where", COLUMN_TEXT, .width = 24},
		{"what", "what", COLUMN_TEXT},
	};
	struct timeline *a = self;
	int r = 0;

	a->rec = rec;
	a->out = out;
	a->from_ns = o->from_ns;
	a->to_ns = o->to_ns;
	a->each_heartbeat = o->to_ns - o->from_ns <= EACH_HEARTBEAT_NS;
	if (rec->has_trace) {
		r = print_open(&(struct print_options){.names = o->names}, &a->print, e);
		if (r == 0)
			r = print_load(a->print, &rec->head, &rec->events, &rec->tail, e);
	}
	if (r == 0)
		r = collect_marks(a, e);
	a->table = report_table(out, "timeline", "Timeline", columns, ARRAY_SIZE(columns));
	return r;
}

static int by_first(const void *x, const void *y)
{
	const struct heartbeats *a = x, *b = y;

	return a->first_ns < b->first_ns ? -1 : a->first_ns > b->first_ns;
}

static int result_timeline(void *self, struct report_out *out, struct err *e)
{
	struct timeline *a = self;
	char x[64], y[64], longest[32];

	while (a->next_mark < a->mark_count)
		put_mark(a, &a->marks[a->next_mark++]);
	qsort(a->pairs, a->pair_count, sizeof(*a->pairs), by_first);
	for (size_t i = 0; i < a->pair_count && !a->each_heartbeat; i++) {
		const struct heartbeats *p = &a->pairs[i];

		table_note(a->table,
			   "Heartbeats of slot %u in term %" PRIu64 ", %s > %s: %" PRIu64
			   ", at most %s apart.",
			   p->from, p->term, wire_addr_format(&p->source, x, sizeof(x)),
			   wire_addr_format(&p->destination, y, sizeof(y)), p->count,
			   format_duration(p->longest_ns, longest, sizeof(longest)));
	}
	if (a->pair_count == PAIRS_MAX)
		table_note(a->table,
			   "Heartbeats between more than %d pairs of nodes are shown all.",
			   PAIRS_MAX);
	recording_note_bounds(a->rec, a->table);
	if (a->rec->context.guessed)
		table_note(a->table, "When the files of context/ were collected is not in this "
				     "recording: they stand where that began.");
	if (a->mark_count == MARKS_MAX)
		report_lacks(out, "Of what the recorder noted only the first %d are shown.",
			     MARKS_MAX);
	return text_ok(&a->text) ? 0 : err_nomem(e);
}

static void done_timeline(void *self)
{
	struct timeline *a = self;

	free(a->marks);
	text_free(&a->text);
	print_free(a->print);
}

const struct analysis_ops analysis_timeline = {
	.name = "timeline",
	.title = "Timeline",
	.tables = "timeline",
	.summary = "events, messages, heartbeats and log lines in the order in which they happened",
	.endless = true,
	.self_bytes = sizeof(struct timeline),
	.open = open_timeline,
	.each_event = each_event,
	.begin = begin,
	.message = message,
	.gap = gap,
	.end = end,
	.datagram = datagram,
	.log = log_row,
	.context = context_row,
	.result = result_timeline,
	.done = done_timeline,
};
