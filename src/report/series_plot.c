/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a picture of series needs.
 *
 * Called by the report `series` when a page is made: it knows the counters by then, and the series
 * are read once more for their values. Of each counter that moved, those that differ most around
 * the trigger first, there is a value for each of some hundred steps of the recording, and of the
 * time around the trigger: of a counter what it rose a second, of a gauge what it was. A sample
 * says something of the time since the one before; steps are averages over what is known of them.
 *
 * Memory is bounded: so many counters and no more are drawn, and a table says how many there are.
 */
#include "series_plot.h"

#include <errno.h>
#include <inttypes.h>

#define PLOTS_MAX 600
#define WINDOWS 2
#define STEPS_MOST 400
#define NEAR_STEPS 240
#define NEAR_BEFORE_NS (40 * NSEC_PER_SEC) /* as the timeline has it */
#define NEAR_AFTER_NS (20 * NSEC_PER_SEC)
#define NEAR_WORTH 3

struct window {
	uint64_t from_ns, width_ns;
	size_t steps; /* 0: there is none */
};

/* What is known of a step, and of how much of it. */
struct step {
	float sum, weight;
};

/* A counter that is drawn. */
struct plot {
	const struct series_set *set;
	const struct series_counter *counter;
	double factor;
	bool started;
	uint64_t last_ns;
	struct series_value last;
	struct step *steps[WINDOWS];
};

struct plots {
	struct window windows[WINDOWS];
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

static struct window make_window(uint64_t from_ns, uint64_t to_ns, size_t most)
{
	static const uint64_t heads[] = {1, 2, 5};
	uint64_t least = max_of((to_ns - from_ns) / most + 1, 10 * NSEC_PER_MSEC);
	struct window w = {.from_ns = from_ns, .width_ns = least};

	for (uint64_t unit = NSEC_PER_MSEC; unit <= UINT64_MAX / 50; unit *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
			if (heads[i] * unit >= least) {
				w.width_ns = heads[i] * unit;
				w.steps = (size_t)((to_ns - from_ns) / w.width_ns) + 1;
				return w;
			}
	w.steps = 1;
	return w;
}

static void make_windows(const struct series_look *l, struct window ret[WINDOWS])
{
	const struct recording *rec = l->rec;
	uint64_t from = max_of(l->from_ns, rec->first_ns),
		 to = max_of(min_of(l->to_ns, rec->last_ns), from), at = rec->trigger_ns;

	ret[0] = ret[1] = (struct window){0};
	if ((to - from) / NEAR_WORTH > NEAR_BEFORE_NS + NEAR_AFTER_NS && at >= from && at <= to)
		ret[0] = make_window(max_of(from, at > NEAR_BEFORE_NS ? at - NEAR_BEFORE_NS : 0),
				     to - at > NEAR_AFTER_NS ? at + NEAR_AFTER_NS : to, NEAR_STEPS);
	ret[1] = make_window(from, to, STEPS_MOST);
}

/* The value held from @from_ns to @to_ns. */
static void hold(const struct window *w, struct step *steps, uint64_t from_ns, uint64_t to_ns,
		 double value)
{
	uint64_t end = w->from_ns + w->steps * w->width_ns;

	from_ns = max_of(from_ns, w->from_ns);
	to_ns = min_of(to_ns, end);
	while (from_ns < to_ns) {
		size_t i = (size_t)((from_ns - w->from_ns) / w->width_ns);
		uint64_t next = min_of(w->from_ns + (i + 1) * w->width_ns, to_ns);
		double part = (double)(next - from_ns) / (double)w->width_ns;

		steps[i].sum += (float)(value * part);
		steps[i].weight += (float)part;
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
			if (p->windows[w].steps)
				hold(&p->windows[w], plot->steps[w], plot->last_ns, ns, value);
	}
	plot->started = true;
	plot->last_ns = ns;
	plot->last = *v;
}

/* ---- which ---- */

static int by_factor(const void *va, const void *vb)
{
	const struct plot *a = va, *b = vb;

	if (a->factor < b->factor || a->factor > b->factor)
		return a->factor > b->factor ? -1 : 1;
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	return series_order(a->set, a->counter, b->counter);
}

static bool is_drawn(const struct series_counter *c)
{
	return c->moved && !c->hidden;
}

static int choose(struct plots *p, struct series_set *sets, size_t count)
{
	double near, rest;

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
				p->list[p->count++] = (struct plot){
					.set = &sets[i],
					.counter = c,
					.factor = series_near_factor(c, &near, &rest)};
		}
	}
	if (p->count)
		qsort(p->list, p->count, sizeof(*p->list), by_factor);
	p->count = min_of(p->count, (size_t)PLOTS_MAX);
	for (size_t i = 0; i < p->count; i++) {
		((struct series_counter *)(uintptr_t)p->list[i].counter)->index = i + 1;
		for (size_t w = 0; w < WINDOWS; w++) {
			p->list[i].steps[w] = calloc(p->windows[w].steps + 1, sizeof(struct step));
			if (!p->list[i].steps[w])
				return -ENOMEM;
		}
	}
	return 0;
}

/* ---- tables ---- */

static void put_steps(struct table *t, const struct window *w, const struct step *steps)
{
	CLEANUP(text_free) struct text s = {0};

	for (size_t i = 0; i < w->steps; i++) {
		text_str(&s, i ? "," : "");
		if (steps[i].weight > 0)
			text_printf(&s, "%.5g", (double)(steps[i].sum / steps[i].weight));
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
	const struct window *w = &p->windows[which];
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
		table_u64(t, w->steps);
		put_steps(t, w, plot->steps[which]);
	}
	if (p->all > p->count)
		table_note(t,
			   "%zu counters moved; the %zu that differ most around the trigger are "
			   "drawn. Choose others with --counter.",
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

	make_windows(look, p.windows);
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
		if (p.windows[w].steps)
			tell_window(&p, w, out);
	return 0;
}
