/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `events`: every trace event, as `trace-cmd report` prints it, line for line.
 *
 * The feed hands over one event at a time; printing one costs several times what finding it did. So
 * events are gathered in batches, which threads print, each a batch of its own; this thread writes
 * the texts in order, and prints a batch itself rather than wait for one. The bytes of an event are
 * the feed's only until the next one, so they are copied: a batch is BATCH_BYTES of them, and
 * memory is that, its text, and BATCHES of both.
 *
 * For programs it is a table, whose rows are made by this thread alone.
 */
#include "analysis.h"

#include <errno.h>
#include <pthread.h>

#include "print.h"

#define BATCHES 12
#define BATCH_EVENTS 4096
#define BATCH_BYTES (512 * KIB) /* one event more may begin before it */
#define EVENT_BYTES_MAX 65536
#define THREADS_MAX 8
#define ROWS_AT_ONCE 512

enum batch_state { BATCH_FREE, BATCH_FILLED, BATCH_BUSY, BATCH_PRINTED };

struct entry {
	uint64_t ns;
	uint32_t at, bytes; /* of a gap: .bytes lost */
	uint16_t type, cpu;
};

struct batch {
	enum batch_state state;
	uint8_t *data; /* [BATCH_BYTES + EVENT_BYTES_MAX] */
	struct entry *entries;
	uint32_t count, used;
	struct text text;
};

struct events {
	const struct recording *rec;
	struct report_out *out;
	struct print *print;
	struct table *table; /* for programs; NULL: lines */
	struct text line;    /* of one row */
	int64_t offset_ns;   /* from stamps to what is shown, as the file says */
	uint64_t count;

	/* A ring: .first to .next is filled or more, .next is being filled by the feed. */
	struct batch batches[BATCHES];
	uint64_t first, next;
	pthread_mutex_t lock;
	pthread_cond_t filled, printed;
	pthread_t threads[THREADS_MAX];
	size_t thread_count;
	bool started, stop;
	bool headed;
};

/* ---- printing ---- */

static void print_batch(const struct events *a, struct batch *b)
{
	text_reset(&b->text);
	for (uint32_t i = 0; i < b->count; i++) {
		const struct entry *n = &b->entries[i];

		if (n->type == TRACE_TYPE_GAP)
			print_lost(n->cpu, n->bytes, &b->text);
		else
			print_line(a->print,
				   &(struct print_event){.ns = n->ns + (uint64_t)a->offset_ns,
							 .data = b->data + n->at,
							 .bytes = n->bytes,
							 .type = n->type,
							 .cpu = n->cpu},
				   &b->text);
	}
}

/* The oldest that nobody prints yet, with the lock held. */
static struct batch *batch_to_print(struct events *a)
{
	for (uint64_t i = a->first; i < a->next; i++)
		if (a->batches[i % BATCHES].state == BATCH_FILLED)
			return &a->batches[i % BATCHES];
	return NULL;
}

/* With the lock held, which is given up meanwhile. */
static void print_one(struct events *a, struct batch *b)
{
	b->state = BATCH_BUSY;
	pthread_mutex_unlock(&a->lock);
	print_batch(a, b);
	pthread_mutex_lock(&a->lock);
	b->state = BATCH_PRINTED;
	pthread_cond_signal(&a->printed);
}

static void *work(void *arg)
{
	struct events *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->stop) {
		struct batch *b = batch_to_print(a);

		if (b)
			print_one(a, b);
		else
			pthread_cond_wait(&a->filled, &a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static void show(struct events *a, struct batch *b)
{
	char head[32];

	/* trace-cmd begins with this. */
	if (!a->headed) {
		(void)snprintf(head, sizeof(head), "cpus=%u\n", a->rec->tail.cpus);
		report_text(a->out, head, strlen(head));
		a->headed = true;
	}
	if (text_ok(&b->text))
		report_text(a->out, text_c(&b->text), b->text.len);
	else
		report_lacks(a->out, "There was no memory for the text of %u events.",
			     (unsigned int)b->count);
	b->count = b->used = 0;
}

/*
 * Write what is printed, in order, until at most @keep batches are not written; prints some itself
 * when the others are not fast enough.
 */
static void write_batches(struct events *a, uint64_t keep)
{
	pthread_mutex_lock(&a->lock);
	while (a->first < a->next) {
		struct batch *b = &a->batches[a->first % BATCHES], *other;

		if (b->state == BATCH_PRINTED) {
			pthread_mutex_unlock(&a->lock);
			show(a, b);
			pthread_mutex_lock(&a->lock);
			b->state = BATCH_FREE;
			a->first++;
			continue;
		}
		if (a->next - a->first <= keep)
			break;
		other = batch_to_print(a);
		if (other)
			print_one(a, other);
		else
			pthread_cond_wait(&a->printed, &a->lock);
	}
	pthread_mutex_unlock(&a->lock);
}

static void hand_on(struct events *a)
{
	struct batch *b = &a->batches[a->next % BATCHES];

	if (!b->count)
		return;
	pthread_mutex_lock(&a->lock);
	b->state = BATCH_FILLED;
	a->next++;
	pthread_cond_signal(&a->filled);
	pthread_mutex_unlock(&a->lock);
	write_batches(a, BATCHES - 1);
}

static void add_line(struct events *a, const struct trace_event *e)
{
	struct batch *b = &a->batches[a->next % BATCHES];
	bool gap = e->type == TRACE_TYPE_GAP;
	uint32_t copied = gap ? 0 : e->bytes;

	b->entries[b->count++] = (struct entry){
		.ns = e->ns, .at = b->used, .bytes = e->bytes, .type = e->type, .cpu = e->cpu};
	memcpy(b->data + b->used, e->data, copied);
	b->used += (copied + 7) & ~UINT32_C(7);
	if (b->count == BATCH_EVENTS || b->used >= BATCH_BYTES)
		hand_on(a);
}

/* ---- a table, for programs ---- */

static void put_comm(const struct events *a, const struct trace_event *e)
{
	const struct event_field *f = NULL;
	const struct comm *c = NULL;
	int64_t pid;

	if (e->type < a->rec->events.count)
		f = event_field_of(&a->rec->events.formats[e->type], "common_pid");
	if (!event_field_i64(f, e->data, e->bytes, &pid)) {
		table_none(a->table);
		table_none(a->table);
		return;
	}
	c = recording_comm(a->rec, (uint32_t)pid);
	if (c)
		table_text_n(a->table, c->name, c->bytes);
	else
		table_none(a->table);
	table_i64(a->table, pid);
}

static void put_text(struct events *a, const struct trace_event *e)
{
	const struct event_format *f = &a->rec->events.formats[e->type];
	struct print_event ev = {
		.ns = e->ns, .data = e->data, .bytes = e->bytes, .type = e->type, .cpu = e->cpu};

	table_textf(a->table, "%s:%s", f->system, f->name);
	text_reset(&a->line);
	print_text(a->print, &ev, &a->line);
	table_text_n(a->table, text_c(&a->line), a->line.len);
}

static void add_row(struct events *a, const struct trace_event *e)
{
	struct table *t = a->table;

	table_row(t);
	table_u64(t, e->ns);
	table_i64(t, e->cpu);
	if (e->type == TRACE_TYPE_GAP) {
		table_none(t);
		table_none(t);
		table_text(t, "(lost)");
		if (e->bytes)
			table_textf(t, "%u events were lost here", e->bytes);
		else
			table_text(t, "events were lost here");
	} else {
		put_comm(a, e);
		if (e->type < a->rec->events.count)
			put_text(a, e);
		else
			table_textf(t, "(unknown: %u)",
				    e->bytes >= EVENT_TYPE_BYTES ? get_le16(e->data) : 0);
	}
	if (t->row_count == ROWS_AT_ONCE)
		report_rows(a->out, t);
}

static void each_event(void *self, const struct trace_event *e)
{
	struct events *a = self;

	a->count++;
	if (a->table)
		add_row(a, e);
	else
		add_line(a, e);
}

/* ---- begin and end ---- */

static int open_batches(struct events *a, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t wanted = (size_t)min_of(max_of(cpus, 2L) - 1, (long)THREADS_MAX);

	for (size_t i = 0; i < BATCHES; i++) {
		struct batch *b = &a->batches[i];

		b->data = malloc(BATCH_BYTES + EVENT_BYTES_MAX);
		b->entries = calloc(BATCH_EVENTS, sizeof(*b->entries));
		if (!b->data || !b->entries)
			return err_nomem(e);
	}
	(void)pthread_mutex_init(&a->lock, NULL);
	(void)pthread_cond_init(&a->filled, NULL);
	(void)pthread_cond_init(&a->printed, NULL);
	a->started = true;
	/* Without threads it takes longer, and that is all. */
	while (a->thread_count < wanted &&
	       pthread_create(&a->threads[a->thread_count], NULL, work, a) == 0)
		a->thread_count++;
	return 0;
}

static int open_events(void *self, const struct recording *rec, const struct analysis_options *o,
		       struct report_out *out, struct err *e)
{
	static const struct column columns[] = {
		{"time_ns", "time", COLUMN_TIME}, {"cpu", "CPU", COLUMN_NUMBER},
		{"comm", "process", COLUMN_TEXT}, {"pid", "pid", COLUMN_NUMBER},
		{"event", "event", COLUMN_TEXT},  {"text", "text", COLUMN_TEXT},
	};
	struct events *a = self;
	int r;

	a->rec = rec;
	a->out = out;
	if (!rec->has_trace)
		return 0;
	if (rec->tail.has_real_offset)
		a->offset_ns = rec->tail.real_offset_ns;
	r = print_open(&(struct print_options){.names = o->names, .nanoseconds = o->nanoseconds},
		       &a->print, e);
	if (r == 0)
		r = print_load(a->print, &rec->head, &rec->events, &rec->tail, e);
	if (r < 0)
		return r;
	if (!report_takes_text(out)) {
		a->table =
			report_table(out, "events", "Trace events", columns, ARRAY_SIZE(columns));
		return 0;
	}
	return open_batches(a, e);
}

static int result_events(void *self, struct report_out *out, struct err *e)
{
	struct events *a = self;

	(void)e;
	if (a->table) {
		report_rows(out, a->table);
		return text_ok(&a->line) ? 0 : err_nomem(e);
	}
	if (!a->count)
		report_note(out, "There are no trace events%s.",
			    a->rec->has_trace ? " in what was asked for" : "");
	if (!a->started)
		return 0;
	hand_on(a);
	write_batches(a, 0);
	return 0;
}

static void done_events(void *self)
{
	struct events *a = self;

	if (a->started) {
		pthread_mutex_lock(&a->lock);
		a->stop = true;
		pthread_cond_broadcast(&a->filled);
		pthread_mutex_unlock(&a->lock);
	}
	for (size_t i = 0; i < a->thread_count; i++)
		(void)pthread_join(a->threads[i], NULL);
	if (a->started) {
		(void)pthread_cond_destroy(&a->printed);
		(void)pthread_cond_destroy(&a->filled);
		(void)pthread_mutex_destroy(&a->lock);
	}
	for (size_t i = 0; i < BATCHES; i++) {
		free(a->batches[i].data);
		free(a->batches[i].entries);
		text_free(&a->batches[i].text);
	}
	text_free(&a->line);
	print_free(a->print);
}

const struct analysis_ops analysis_events = {
	.name = "events",
	.title = "Trace events",
	.tables = "events",
	.summary = "every trace event, line for line as trace-cmd report prints it",
	.endless = true,
	.counted_in = COUNTED_IN_TRACE,
	.self_bytes = sizeof(struct events),
	.open = open_events,
	.each_event = each_event,
	.result = result_events,
	.done = done_events,
};
