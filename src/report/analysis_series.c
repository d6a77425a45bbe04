/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `series`: counters that were sampled beside the trace: where each began and ended, how
 * fast it rose, and which changed most when it happened.
 *
 * A counter has rates: the least and the greatest over the interval between two samples, the
 * average over all of them. A gauge has values. series.c tells them apart, and reads both; nothing
 * of the feed is wanted here.
 */
#include "analysis.h"

#include <errno.h>
#include <inttypes.h>

#include "out.h"
#include "series.h"
#include "series_filter.h"
#include "series_merged.h"
#include "series_plot.h"

#define FACTOR_LEAST 1.2 /* below, nothing is worth a line */

struct series_report {
	const struct recording *rec;
	const struct analysis_options *options;
	uint64_t from_ns, to_ns;
};

/* A counter of any of them. */
struct line {
	const struct series_set *set;
	const struct series_counter *counter;
	double factor;
};

static int open_series(void *self, const struct recording *rec, const struct analysis_options *o,
		       struct report_out *out, struct err *e)
{
	struct series_report *a = self;

	(void)out;
	(void)e;
	*a = (struct series_report){
		.rec = rec, .options = o, .from_ns = o->from_ns, .to_ns = o->to_ns};
	return 0;
}

/* ---- cells ---- */

static void put_name(struct table *t, const struct series_set *s, const struct series_counter *c)
{
	size_t n;
	const char *label = series_label_of(s, c, &n);

	table_text(t, s->source.name);
	table_text_n(t, n ? label : NULL, n);
	table_text_n(t, c->name, c->name_bytes);
}

static void put_value(struct table *t, const struct series_value *v)
{
	if (v->real)
		table_real(t, v->d);
	else
		table_whole(t, v->u, v->negative);
}

static bool is_shown(const struct series_report *a, const struct series_counter *c)
{
	return !c->hidden && (c->moved || !a->options->nonzero);
}

static void put_counter(struct table *t, const struct line *l)
{
	const struct series_counter *c = l->counter;

	table_row(t);
	put_name(t, l->set, c);
	table_u64(t, c->samples);
	put_value(t, &c->first);
	put_value(t, &c->last);
	if (!c->covered_ns) {
		for (int i = 0; i < 5; i++)
			table_none(t);
	} else {
		put_value(t, &c->sum);
		table_real(t, c->min_per_s);
		table_real(t, c->sum.d / ((double)c->covered_ns / (double)NSEC_PER_SEC));
		table_real(t, c->max_per_s);
		table_u64(t, c->max_ns);
	}
	if (c->resets)
		table_u64(t, c->resets);
	else
		table_none(t);
	if (c->wraps)
		table_u64(t, c->wraps);
	else
		table_none(t);
}

static void put_gauge(struct table *t, const struct line *l)
{
	const struct series_counter *c = l->counter;
	struct series_value change;

	table_row(t);
	put_name(t, l->set, c);
	table_u64(t, c->samples);
	put_value(t, &c->first);
	put_value(t, &c->last);
	change = series_step(&c->first, &c->last, 1, COUNTER_GAUGE).delta;
	put_value(t, &change);
	put_value(t, &c->least);
	table_real(t, c->total / (double)c->samples);
	put_value(t, &c->most);
}

/* ---- tables ---- */

static void tell_moved(struct series_report *a, struct report_out *out, const struct line *lines,
		       size_t count)
{
	static const struct column columns[] = {
		SERIES_NAME_COLUMNS,
		{"is", "is", COLUMN_TEXT},
		{"near", "around it", COLUMN_REAL, 1},
		{"rest", "else", COLUMN_REAL, 1},
		{"factor", "factor", COLUMN_REAL, 1},
	};
	struct table *t = report_table(out, "moved",
				       a->rec->triggered ? "What differed most around the trigger"
							 : "What differed most around the end",
				       columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < count; i++) {
		double near, rest, factor;

		if (!is_shown(a, lines[i].counter) || !lines[i].counter->moved)
			continue;
		factor = series_near_factor(lines[i].counter, &near, &rest);
		if (factor < FACTOR_LEAST)
			continue;
		table_row(t);
		put_name(t, lines[i].set, lines[i].counter);
		table_text(t, series_is_rising(lines[i].counter) ? "a second" : "mean");
		table_real(t, near);
		table_real(t, rest);
		table_real(t, factor);
	}
	table_sort(t, "factor", true);
	if (a->options->limit)
		table_top(t, a->options->limit);
	if (!t->row_count)
		table_note(t, "Nothing that moved was sampled both within 10 s of it and further "
			      "away, and differed by a fifth or more.");
	table_note(t, "Around it: the samples of 10 s before and after. Of a counter what it rose "
		      "a second, of a gauge the mean. The factor is the greater of the two by the "
		      "smaller, each with 1 added.");
}

/*
 * For people the many that never moved would bury the few that did; a program gets all of them. Who
 * names counters wants to see them.
 */
static bool hides_still(const struct series_report *a, const struct report_out *out, uint64_t still)
{
	return report_takes_text(out) && a->options->limit && still > a->options->limit &&
	       !series_are_named(a->options);
}

static void note_still(struct table *t, uint64_t still, bool hidden)
{
	if (hidden)
		table_note(t,
			   "%" PRIu64 " more never moved and are not shown: --limit=0 shows all, "
			   "--counter those that it names.",
			   still);
	else if (still)
		table_note(t,
			   "%" PRIu64 " of these %zu never moved: of each series they come last, "
			   "and --nonzero leaves them out.",
			   still, t->row_count);
}

/* The rows of those that are @rising, or of the others. */
static void put_lines(const struct series_report *a, const struct report_out *out, struct table *t,
		      const struct line *lines, size_t count, bool rising)
{
	uint64_t still = 0;
	bool hidden;

	for (size_t i = 0; i < count; i++)
		still += is_shown(a, lines[i].counter) && !lines[i].counter->moved &&
			 series_is_rising(lines[i].counter) == rising;
	hidden = hides_still(a, out, still);
	for (size_t i = 0; i < count; i++) {
		const struct series_counter *c = lines[i].counter;

		if (!is_shown(a, c) || series_is_rising(c) != rising || (hidden && !c->moved))
			continue;
		if (rising)
			put_counter(t, &lines[i]);
		else
			put_gauge(t, &lines[i]);
	}
	note_still(t, still, hidden);
}

#define VALUE_COLUMNS                                              \
	SERIES_NAME_COLUMNS, {"samples", "samples", COLUMN_COUNT}, \
		{"first", "first", COLUMN_REAL, 0},                \
	{                                                          \
		"last", "last", COLUMN_REAL, 0                     \
	}

static void tell_counters(struct series_report *a, struct report_out *out, const struct line *lines,
			  size_t count)
{
	static const struct column columns[] = {
		VALUE_COLUMNS,
		{"delta", "rose by", COLUMN_REAL, 0},
		{"min_per_s", "least", COLUMN_RATE, 1},
		{"avg_per_s", "average", COLUMN_RATE, 1},
		{"max_per_s", "most", COLUMN_RATE, 1},
		{"max_at_ns", "most until", COLUMN_TIME},
		{"resets", "began again", COLUMN_COUNT},
		{"wraps", "wrapped", COLUMN_COUNT},
	};
	struct table *t = report_table(out, "counters", "Counters", columns, ARRAY_SIZE(columns));
	uint64_t resets = 0;

	for (size_t i = 0; i < count; i++)
		if (is_shown(a, lines[i].counter) && series_is_rising(lines[i].counter))
			resets += lines[i].counter->resets;
	table_note(t,
		   "The least and the most are over the time between two samples, the average is "
		   "over all of them.");
	put_lines(a, out, t, lines, count, true);
	if (resets)
		table_note(t, "What fell to less than half began again at 0: then all that it says "
			      "was counted since.");
}

static void tell_gauges(struct series_report *a, struct report_out *out, const struct line *lines,
			size_t count)
{
	static const struct column columns[] = {
		VALUE_COLUMNS,
		{"delta", "changed by", COLUMN_REAL, 0},
		{"min", "least", COLUMN_REAL, 0},
		{"avg", "average", COLUMN_REAL, 1},
		{"max", "most", COLUMN_REAL, 0},
	};
	struct table *t = report_table(out, "gauges", "What there was at each moment", columns,
				       ARRAY_SIZE(columns));

	put_lines(a, out, t, lines, count, false);
}

/* The path that could not be read most often, and why; else one that is too long. */
static void put_unreadable(struct table *t, const struct series_set *s)
{
	const struct series_label *worst = NULL, *longest = NULL;

	for (size_t i = 0; i < s->label_count; i++)
		if (s->labels[i].unreadable &&
		    (!worst || s->labels[i].unreadable > worst->unreadable))
			worst = &s->labels[i];
	for (size_t i = 0; i < s->label_count; i++)
		if (s->labels[i].cut && (!longest || s->labels[i].cut > longest->cut))
			longest = &s->labels[i];
	if (worst)
		table_textf(t, "%s: %s", worst->path, worst->error);
	else if (longest)
		table_textf(t, "%s: longer than what is read of it", longest->path);
	else
		table_none(t);
}

static uint64_t shown_counters(const struct series_set *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += !s->counters[i].hidden;
	return n;
}

static void put_source(struct table *t, const struct series_set *s)
{
	table_row(t);
	table_text(t, s->source.name);
	if (s->source.interval_ns)
		table_u64(t, s->source.interval_ns);
	else
		table_none(t);
	table_u64(t, s->samples);
	table_u64(t, s->missed);
	if (s->samples) {
		table_u64(t, s->first_ns);
		table_u64(t, s->last_ns);
		table_u64(t, s->longest_ns);
		table_u64(t, s->took_ns / s->samples);
		table_u64(t, s->took_max_ns);
	} else {
		for (int i = 0; i < 5; i++)
			table_none(t);
	}
	table_u64(t, s->label_count);
	table_u64(t, shown_counters(s));
	table_u64(t, s->unreadable);
	table_u64(t, s->cut);
	put_unreadable(t, s);
	if (s->missed || s->unreadable || s->cut || s->damaged || s->skipped)
		table_mark(t, ROW_WARNING);
}

static void tell_sources(const struct series_report *a, struct report_out *out,
			 const struct series_set *sets, size_t count)
{
	static const struct column columns[] = {
		{"series", "series", COLUMN_TEXT},
		{"every_ns", "every", COLUMN_DURATION},
		{"samples", "samples", COLUMN_COUNT},
		{"missed", "missed", COLUMN_COUNT},
		{"first_ns", "first", COLUMN_TIME},
		{"last_ns", "last", COLUMN_TIME},
		{"longest_ns", "longest between", COLUMN_DURATION},
		{"took_avg_ns", "reading took", COLUMN_DURATION},
		{"took_max_ns", "at most", COLUMN_DURATION},
		{"files", "files", COLUMN_COUNT, .use = USE_LEVEL},
		{"counters", "counters", COLUMN_COUNT, .use = USE_LEVEL},
		{"unreadable", "unreadable", COLUMN_COUNT},
		{"cut", "cut short", COLUMN_COUNT},
		{"why", "why", COLUMN_TEXT},
	};
	struct table *t =
		report_table(out, "sources", "What was sampled", columns, ARRAY_SIZE(columns));

	t->counted_in = COUNTED_IN_SERIES;
	for (size_t i = 0; i < count; i++)
		if (!series_are_named(a->options) || shown_counters(&sets[i]))
			put_source(t, &sets[i]);
	if (!count)
		table_note(t, "No counters were sampled: see --sample of scoutfs-trace.");
}

/* ---- the whole ---- */

/* Of each series what moved comes first: of thousands of counters few do. */
static int by_name(const void *va, const void *vb)
{
	const struct line *a = va, *b = vb;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->counter->moved != b->counter->moved)
		return a->counter->moved ? -1 : 1;
	return series_order(a->set, a->counter, b->counter);
}

/* All counters of all series, by their names. */
static struct line *list_lines(const struct series_set *sets, size_t count, size_t *ret)
{
	struct line *lines;
	size_t all = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		all += sets[i].count;
	lines = calloc(all + 1, sizeof(*lines));
	for (size_t i = 0; lines && i < count; i++)
		for (size_t k = 0; k < sets[i].count; k++)
			lines[n++] = (struct line){&sets[i], &sets[i].counters[k], 0};
	if (lines && n)
		qsort(lines, n, sizeof(*lines), by_name);
	*ret = n;
	return lines;
}

static void note_faults(struct report_out *out, const struct series_set *s)
{
	if (s->damaged)
		report_lacks(out, "%" PRIu64 " chunks of the series %s are damaged and left out.",
			     s->damaged, s->source.name);
	if (s->skipped)
		report_lacks(out, "%" PRIu64 " bytes of the series %s make no sense.", s->skipped,
			     s->source.name);
	if (s->left_out)
		report_lacks(out,
			     "%s has more counters than are kept in mind (%d in all): %" PRIu64
			     " values are left out.",
			     s->source.name, SERIES_COUNTERS_MAX, s->left_out);
}

static int tell(struct series_report *a, struct report_out *out, struct series_set *sets,
		size_t count, struct err *e)
{
	CLEANUP(freep) struct line *lines = NULL;
	size_t line_count;

	lines = list_lines(sets, count, &line_count);
	if (!lines)
		return err_nomem(e);
	if (a->options->merged) {
		if (series_merged(a->rec, sets, count, out, e) < 0)
			return -ENOMEM;
	} else if (count) {
		tell_moved(a, out, lines, line_count);
		tell_counters(a, out, lines, line_count);
		tell_gauges(a, out, lines, line_count);
	}
	tell_sources(a, out, sets, count);
	if (series_note_unmatched(a->options, sets, count, out, e) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		note_faults(out, &sets[i]);
	return 0;
}

static int result_series(void *self, struct report_out *out, struct err *e)
{
	struct series_report *a = self;
	CLEANUP(freep) struct series_source *sources = NULL;
	CLEANUP(freep) struct series_set *sets = NULL;
	struct series_look look = {.rec = a->rec,
				   .from_ns = a->from_ns,
				   .to_ns = a->to_ns,
				   .options = a->options,
				   .out = out,
				   .budget = SERIES_COUNTERS_MAX};
	struct err why = {0};
	size_t count = series_sources(a->rec, &sources, &why);
	int r = why.code;

	sets = calloc(count + 1, sizeof(*sets));
	if (r < 0 || !sets)
		return err_nomem(e);
	r = series_learn_all(&look, sources, count, sets, e);
	if (r == 0 && report_is_page(out))
		r = series_plot(&look, sets, count, out, e);
	if (r == 0)
		r = tell(a, out, sets, count, e);
	for (size_t i = 0; i < count; i++)
		series_set_done(&sets[i]);
	return r;
}

const struct analysis_ops analysis_series = {
	.name = "series",
	.title = "Series",
	.summary = "counters sampled beside the trace: rates, and what changed most",
	.tables = "moved counters gauges sources",
	.self_bytes = sizeof(struct series_report),
	.open = open_series,
	.result = result_series,
};
