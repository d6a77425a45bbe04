/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --csv DIR: one file for each series, one row for each sample, one column for each counter.
 *
 * Called by report.c, as a report of its own: its table tells what was made. The columns are known
 * before the first row (series.c reads twice), so one that appears later is empty before, and the
 * same all the way down. Values are exact: whole numbers as whole numbers. A gauge is what it was
 * in every form; of a counter there is by --as the value, what was counted since the sample before,
 * or that a second.
 */
#include "analysis.h"

#include <errno.h>
#include <inttypes.h>

#include "files.h"
#include "out.h"
#include "series.h"
#include "series_filter.h"

#define COLUMNS_MAX 16000 /* what spreadsheets take */
#define FLUSH_BYTES (256 * KIB)

struct csv {
	const struct recording *rec;
	const struct analysis_options *options;
	struct files *files;
	uint64_t zero_ns; /* that seconds count from */

	/* Of the series at hand. */
	const struct series_counter **columns;
	struct column_state {
		bool known, now; /* .last is; .text has a value of this row */
		struct series_value last, value;
		uint64_t last_ns;
	} * states;
	size_t column_count;
	uint64_t left_out, rows;
	uint32_t file;
	struct text out;
};

static int open_csv(void *self, const struct recording *rec, const struct analysis_options *o,
		    struct report_out *out, struct err *e)
{
	struct csv *a = self;

	(void)out;
	(void)e;
	*a = (struct csv){.rec = rec,
			  .options = o,
			  .files = o->csv,
			  .zero_ns = rec->triggered ? rec->trigger_ns : rec->first_ns};
	return 0;
}

/* ---- a row ---- */

static void put_whole(struct text *out, const struct series_value *v)
{
	if (v->real)
		view_put_real(out, v->d);
	else
		text_printf(out, "%s%" PRIu64, v->negative ? "-" : "", v->u);
}

static void put_seconds(struct text *out, uint64_t ns, uint64_t zero_ns)
{
	uint64_t d = ns >= zero_ns ? ns - zero_ns : zero_ns - ns;

	text_printf(out, "%s%" PRIu64 ".%09" PRIu64, ns < zero_ns ? "-" : "", d / NSEC_PER_SEC,
		    d % NSEC_PER_SEC);
}

static void begin_row(void *arg, struct series_set *s, uint64_t ns)
{
	struct csv *a = arg;
	uint64_t real;

	(void)s;
	put_seconds(&a->out, ns, a->zero_ns);
	text_str(&a->out, ",");
	if (clocks_real_of_mono(&a->rec->clocks, ns, &real))
		view_put_utc(&a->out, real);
	for (size_t i = 0; i < a->column_count; i++)
		a->states[i].now = false;
}

static void take_value(void *arg, struct series_set *s, struct series_counter *c, uint64_t ns,
		       const struct series_value *v)
{
	struct csv *a = arg;
	struct column_state *st = c->index ? &a->states[c->index - 1] : NULL;
	struct series_step step;

	(void)s;
	if (!st || st->now)
		return;
	st->now = st->known || a->options->as == AS_RAW || !series_is_rising(c);
	st->value = *v;
	if (a->options->as != AS_RAW && series_is_rising(c) && st->known) {
		step = series_step(&st->last, v, ns - st->last_ns, c->kind);
		st->value = step.delta;
		if (a->options->as == AS_RATE)
			st->value = (struct series_value){
				.real = true,
				.d = step.delta.d /
				     ((double)max_of(step.ns, UINT64_C(1)) / (double)NSEC_PER_SEC)};
	}
	st->known = true;
	st->last = *v;
	st->last_ns = ns;
}

static void end_row(void *arg, struct series_set *s, uint64_t ns)
{
	struct csv *a = arg;

	(void)s;
	(void)ns;
	for (size_t i = 0; i < a->column_count; i++) {
		text_str(&a->out, ",");
		if (a->states[i].now)
			put_whole(&a->out, &a->states[i].value);
	}
	text_str(&a->out, "\r\n");
	a->rows++;
	files_flush(a->files, a->file, &a->out, FLUSH_BYTES);
}

/* ---- a file ---- */

static const struct series_set *sorting; /* qsort() has no argument; one thread */

static int by_name(const void *va, const void *vb)
{
	const struct series_counter *const *a = va, *const *b = vb;

	return series_order(sorting, *a, *b);
}

/* Without --counter also a series in which no counter was found, whose times are all there is. */
static bool is_shown(const struct csv *a, const struct series_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!s->counters[i].hidden)
			return true;
	return !series_are_named(a->options);
}

static int choose_columns(struct csv *a, struct series_set *s)
{
	a->column_count = a->left_out = a->rows = 0;
	a->columns = calloc(s->count + 1, sizeof(*a->columns));
	a->states = calloc(s->count + 1, sizeof(*a->states));
	if (!a->columns || !a->states)
		return -ENOMEM;
	for (size_t i = 0; i < s->count; i++) {
		struct series_counter *c = &s->counters[i];

		c->index = 0;
		if (!c->hidden && (c->moved || !a->options->nonzero))
			a->columns[a->column_count++] = c;
	}
	sorting = s;
	if (a->column_count)
		qsort(a->columns, a->column_count, sizeof(struct series_counter *), by_name);
	a->left_out = a->column_count - min_of(a->column_count, (size_t)COLUMNS_MAX);
	a->column_count -= a->left_out;
	for (size_t i = 0; i < a->column_count; i++)
		s->counters[a->columns[i] - s->counters].index = i + 1;
	return 0;
}

static void put_head(struct csv *a, const struct series_set *s)
{
	text_printf(&a->out, "from_%s_s,utc", a->rec->triggered ? "trigger" : "start");
	for (size_t i = 0; i < a->column_count; i++) {
		const struct series_counter *c = a->columns[i];
		CLEANUP(text_free) struct text name = {0};
		size_t n;
		const char *label = series_label_of(s, c, &n);

		text_add(&name, label, n);
		text_str(&name, n ? ":" : "");
		text_add(&name, c->name, c->name_bytes);
		text_str(&a->out, ",");
		view_put_csv(&a->out, text_c(&name), name.len);
		a->out.failed |= !text_ok(&name);
	}
	text_str(&a->out, "\r\n");
}

static void tell_file(struct csv *a, const struct series_set *s, const char *name, struct table *t)
{
	table_row(t);
	table_text(t, name);
	table_u64(t, a->rows);
	table_u64(t, a->column_count);
	table_u64(t, a->left_out);
	if (a->left_out || s->left_out || s->damaged || s->skipped)
		table_mark(t, ROW_WARNING);
}

static int write_series(struct csv *a, struct series_look *look, const struct series_source *source,
			struct table *t, struct err *e)
{
	CLEANUP(series_set_done) struct series_set set = {0};
	char name[SERIES_NAME_MAX + 8];
	int r;

	look->begin = NULL;
	look->value = NULL;
	look->end = NULL;
	r = series_learn(look, source, &set, e);
	if (r < 0 || !set.samples)
		return r;
	if (choose_columns(a, &set) < 0)
		return err_nomem(e);
	/* With --counter only the series that have such a one. */
	if (!is_shown(a, &set))
		return 0;
	a->file = files_add(a->files);
	put_head(a, &set);
	look->begin = begin_row;
	look->value = take_value;
	look->end = end_row;
	look->arg = a;
	r = series_again(look, &set, e);
	files_flush(a->files, a->file, &a->out, 0);
	(void)snprintf(name, sizeof(name), "%s.csv", source->name);
	files_name(a->files, a->file, name);
	tell_file(a, &set, name, t);
	return r == 0 ? files_end(a->files, e) : r;
}

static void free_columns(struct csv *a)
{
	free(take_ptr(a->columns));
	free(take_ptr(a->states));
}

/* Each --counter may be misspelt; what names there are is known when all series are. */
static int note_unmatched(const struct csv *a, struct series_look *look,
			  const struct series_source *sources, size_t count, struct report_out *out,
			  struct err *e)
{
	CLEANUP(freep) struct series_set *sets = calloc(count + 1, sizeof(*sets));
	int r;

	if (!sets)
		return err_nomem(e);
	look->begin = NULL;
	look->value = NULL;
	look->end = NULL;
	look->budget = SERIES_COUNTERS_MAX;
	r = series_learn_all(look, sources, count, sets, e);
	if (r == 0)
		r = series_note_unmatched(a->options, sets, count, out, e);
	for (size_t i = 0; i < count; i++)
		series_set_done(&sets[i]);
	return r;
}

static int result_csv(void *self, struct report_out *out, struct err *e)
{
	static const struct column columns[] = {
		{"file", "file", COLUMN_TEXT},
		{"rows", "samples", COLUMN_COUNT},
		{"columns", "counters", COLUMN_COUNT},
		{"left_out", "left out", COLUMN_COUNT},
	};
	static const char *const forms[] = {"as they were", "since the sample before",
					    "a second since the sample before"};
	struct csv *a = self;
	CLEANUP(freep) struct series_source *sources = NULL;
	struct series_look look = {.rec = a->rec,
				   .from_ns = a->options->from_ns,
				   .to_ns = a->options->to_ns,
				   .options = a->options,
				   .out = out};
	struct table *t = report_table(out, "files", a->files->path, columns, ARRAY_SIZE(columns));
	struct err why = {0};
	size_t count = series_sources(a->rec, &sources, &why);
	int r = why.code ? err_nomem(e) : 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		look.budget = SERIES_COUNTERS_MAX;
		r = write_series(a, &look, &sources[i], t, e);
		free_columns(a);
	}
	if (!count)
		table_note(t, "No counters were sampled: there is nothing to write.");
	else
		table_note(t, "Counters are given %s; gauges as they were.", forms[a->options->as]);
	if (r == 0 && count && series_are_named(a->options))
		r = note_unmatched(a, &look, sources, count, out, e);
	return r;
}

static void done_csv(void *self)
{
	struct csv *a = self;

	free_columns(a);
	text_free(&a->out);
}

const struct analysis_ops export_csv = {
	.name = "csv",
	.title = "Files of series",
	.summary = "one CSV file for each series",
	.tables = "files",
	.self_bytes = sizeof(struct csv),
	.open = open_csv,
	.result = result_csv,
	.done = done_csv,
};
