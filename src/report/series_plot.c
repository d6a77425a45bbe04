/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a picture of series needs.
 *
 * Called by the report `series` when a page is made: it knows the counters by then, and the series
 * are read once more for their values. Of each counter that moved there is a value for each step of
 * the timeline's: of a counter what it rose a second, of a gauge what it was. A sample says
 * something of the time since the one before; steps are averages over what is known of them.
 *
 * Those that differ most around the trigger come first; then, and where all is around it, those
 * that changed most while it was recorded, so that the first is worth a look.
 *
 * Memory is bounded: so many counters and no more are drawn, and a table says how many there are.
 */
#include "series_plot.h"

#include <errno.h>
#include <inttypes.h>

#include "timesteps.h"

#define PLOTS_MAX 600
#define WINDOWS 2 /* around the end, all */

/* What is known of a step, and of how much of it. */
struct step {
	double sum, weight;
};

/* A counter that is drawn. */
struct plot {
	const struct series_set *set;
	const struct series_counter *counter;
	double factor, swing, moved;
	bool started;
	uint64_t last_ns;
	struct series_value last;
	struct step *steps[WINDOWS];
};

struct plots {
	struct timesteps windows[WINDOWS];
	struct plot *list;
	size_t count, all;
};

static void plots_done(struct plots *p)
{
	for (size_t i = 0; p->list && i < p->count; i++)
		for (size_t w = 0; w < WINDOWS; w++)
			free(p->list[i].steps[w]);
	free(p->list);
}

/* ---- steps ---- */

/* The value held from @from_ns to @to_ns. */
static void hold(const struct timesteps *w, struct step *steps, uint64_t from_ns, uint64_t to_ns,
		 double value)
{
	uint64_t end = w->from_ns + w->count * w->width_ns;

	from_ns = max_of(from_ns, w->from_ns);
	to_ns = min_of(to_ns, end);
	while (from_ns < to_ns) {
		size_t i = (size_t)((from_ns - w->from_ns) / w->width_ns);
		uint64_t next = min_of(w->from_ns + (i + 1) * w->width_ns, to_ns);
		double part = (double)(next - from_ns) / (double)w->width_ns;

		steps[i].sum += value * part;
		steps[i].weight += part;
		from_ns = next;
	}
}

static void take_value(void *arg, struct series_set *s, struct series_counter *c, uint64_t ns,
		       const struct series_value *v)
{
	struct plots *p = arg;
	struct plot *plot = c->index ? &p->list[c->index - 1] : NULL;
	double value;

	(void)s;
	if (!plot || (plot->started && ns <= plot->last_ns))
		return;
	if (plot->started) {
		struct series_step step = series_step(&plot->last, v, ns - plot->last_ns, c->kind);

		value = series_is_rising(c)
				? step.delta.d / ((double)step.ns / (double)NSEC_PER_SEC)
				: plot->last.d;
		for (size_t w = 0; w < WINDOWS; w++)
			if (p->windows[w].count)
				hold(&p->windows[w], plot->steps[w], plot->last_ns, ns, value);
	}
	plot->started = true;
	plot->last_ns = ns;
	plot->last = *v;
}

/* ---- which ---- */

static double magnitude(double d)
{
	return d < 0 ? -d : d;
}

/* As series_near_factor() has it: the greater by the smaller, each with 1 added. */
static double ratio(double a, double b)
{
	a = magnitude(a) + 1;
	b = magnitude(b) + 1;
	return a > b ? a / b : b / a;
}

/* What makes a counter worth a look. A curve that is level all along has a swing of 1. */
static struct plot make_plot(const struct series_set *set, const struct series_counter *c)
{
	bool rising = series_is_rising(c);
	double near, rest;

	return (struct plot){
		.set = set,
		.counter = c,
		.factor = series_near_factor(c, &near, &rest),
		.swing = rising ? ratio(c->max_per_s, c->min_per_s) : ratio(c->most.d, c->least.d),
		.moved = magnitude(rising ? c->sum.d : c->most.d - c->least.d),
	};
}

/* The greatest first. */
static int by_size(double a, double b)
{
	return a > b ? -1 : a < b;
}

static int by_worth(const void *va, const void *vb)
{
	const struct plot *a = va, *b = vb;
	int d = by_size(a->factor, b->factor);

	if (!d)
		d = by_size(a->swing, b->swing);
	if (!d)
		d = by_size(a->moved, b->moved);
	if (!d && a->set != b->set)
		d = a->set < b->set ? -1 : 1;
	return d ? d : series_order(a->set, a->counter, b->counter);
}

static bool is_drawn(const struct series_counter *c)
{
	return c->moved && !c->hidden;
}

static int choose(struct plots *p, struct series_set *sets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sets[i].count; k++)
			p->all += is_drawn(&sets[i].counters[k]);
	p->list = calloc(p->all + 1, sizeof(*p->list));
	if (!p->list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < sets[i].count; k++) {
			struct series_counter *c = &sets[i].counters[k];

			c->index = 0;
			if (is_drawn(c))
				p->list[p->count++] = make_plot(&sets[i], c);
		}
	}
	if (p->count)
		qsort(p->list, p->count, sizeof(*p->list), by_worth);
	p->count = min_of(p->count, (size_t)PLOTS_MAX);
	for (size_t i = 0; i < p->count; i++) {
		((struct series_counter *)(uintptr_t)p->list[i].counter)->index = i + 1;
		for (size_t w = 0; w < WINDOWS; w++) {
			p->list[i].steps[w] = calloc(p->windows[w].count + 1, sizeof(struct step));
			if (!p->list[i].steps[w])
				return -ENOMEM;
		}
	}
	return 0;
}

/* ---- tables ---- */

/*
 * "1,,2.5*3": a value for each step; nothing where none is known, "*N" for N of the same. Rates
 * rest on times, which are never so exact as a gauge's value.
 */
static void put_steps(struct table *t, const struct timesteps *w, const struct step *steps,
		      bool rising)
{
	CLEANUP(text_free) struct text s = {0};
	char value[32] = "", last[32] = "";
	size_t same = 0;

	for (size_t i = 0; i <= w->count; i++) {
		*value = '\0';
		if (i < w->count && steps[i].weight > 0)
			(void)snprintf(value, sizeof(value), "%.*g", rising ? 5 : 12,
				       steps[i].sum / steps[i].weight);
		if (i && i < w->count && !strcmp(value, last)) {
			same++;
			continue;
		}
		if (same > 1)
			text_printf(&s, "*%zu", same);
		if (i < w->count)
			text_printf(&s, "%s%s", i ? "," : "", value);
		memcpy(last, value, sizeof(last));
		same = 1;
	}
	if (text_ok(&s))
		table_text_n(t, text_c(&s), s.len);
	else
		table_none(t);
}

static void tell_window(const struct plots *p, size_t which, struct report_out *out)
{
	static const struct column columns[] = {
		{"series", "series", COLUMN_TEXT},   {"file", "file", COLUMN_TEXT},
		{"counter", "counter", COLUMN_TEXT}, {"is", "is", COLUMN_TEXT},
		{"from_ns", "from", COLUMN_TIME},    {"width_ns", "step", COLUMN_DURATION},
		{"steps", "steps", COLUMN_COUNT},    {"values", "values", COLUMN_TEXT},
	};
	const struct timesteps *w = &p->windows[which];
	struct table *t = report_table(out, which ? "plot_all" : "plot_near",
				       which ? "Counters over the whole recording"
					     : "Counters around the end",
				       columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < p->count; i++) {
		const struct plot *plot = &p->list[i];
		size_t n;
		const char *label = series_label_of(plot->set, plot->counter, &n);

		table_row(t);
		table_text(t, plot->set->source.name);
		table_text_n(t, label, n);
		table_text_n(t, plot->counter->name, plot->counter->name_bytes);
		table_text(t, series_is_rising(plot->counter) ? "a second" : "value");
		table_u64(t, w->from_ns);
		table_u64(t, w->width_ns);
		table_u64(t, w->count);
		put_steps(t, w, plot->steps[which], series_is_rising(plot->counter));
	}
	if (p->all > p->count)
		table_note(
			t,
			"%zu counters moved; the %zu that changed most can be drawn here. Others "
			"are drawn when --counter chooses them.",
			p->all, p->count);
}

/**
 * series_plot() - tables for the picture of a page, plot_near and plot_all
 * @look: as it was for series_learn()
 * @sets: learnt; their counters' .index is used
 *
 * Return: 0 or -ENOMEM.
 */
int series_plot(const struct series_look *look, struct series_set *sets, size_t count,
		struct report_out *out, struct err *e)
{
	CLEANUP(plots_done) struct plots p = {0};
	struct series_look again = *look;
	int r;

	timesteps_make(look->rec, look->from_ns, look->to_ns, &p.windows[1], &p.windows[0]);
	if (choose(&p, sets, count) < 0)
		return err_nomem(e);
	again.value = take_value;
	again.arg = &p;
	for (size_t i = 0; i < count; i++) {
		r = series_again(&again, &sets[i], e);
		if (r < 0)
			return r;
	}
	for (size_t w = 0; p.count && w < WINDOWS; w++)
		if (p.windows[w].count)
			tell_window(&p, w, out);
	return 0;
}
