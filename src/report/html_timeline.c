/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timeline of the HTML report: what the tables of the report `overview` say, as a picture.
 *
 * Called by view_html.c. It is complete without a script: lanes above each other on one time axis,
 * drawn as SVG. All lanes are in one inner <svg> whose unit is a step across and a pixel down; the
 * script zooms by changing the part of it that is seen, and writes the labels of the axis anew. For
 * its tooltips the numbers come along as JSON, in which no "<" stands.
 *
 * Rates are drawn as steps: nothing is smoothed. Everything drawn has a bound: at most 600 steps.
 */
#include <inttypes.h>

#include "view_html.h"

#define WIDTH HTML_PICTURE_WIDTH
#define LEFT HTML_PLOT_LEFT
#define PLOT_WIDTH HTML_PLOT_WIDTH
#define STACK_MOST 7 /* kinds with a colour; the others share one */
#define SIZES 27     /* of latencies: powers of two of a microsecond */
#define SIZE_HEIGHT 5
#define HEATS 6
#define STEPS_MOST 600
#define COLUMNS_MOST 64

/* From the top. */
enum {
	TOP_AXIS = HTML_PLOT_TOP,
	FLAGS_Y = 28,
	FLAGS_H = 26,
	EVENTS_Y = 66,
	EVENTS_H = 52,
	MESSAGES_Y = 130,
	MESSAGES_H = 92,
	BEATS_Y = 234,
	BEATS_H = 40,
	LATENCY_Y = 284,
	ANSWERS_Y = LATENCY_Y + 16,
	ANSWERS_H = 9,
	HEAT_Y = ANSWERS_Y + ANSWERS_H + 3,
	HEAT_H = SIZES * SIZE_HEIGHT,
	BOTTOM_AXIS = HEAT_Y + HEAT_H + 6,
	HEIGHT = BOTTOM_AXIS + 20,
};

struct picture {
	struct view *v;
	struct text *o;
	const char *name, *title;
	const struct table *series, *latency, *events, *flags, *marks;
	uint64_t from_ns, width_ns;
	size_t steps;
	/* Columns of series that are messages, the most first. */
	size_t stack[COLUMNS_MOST], stack_count;
};

/* Without libm, of which nothing else is needed. */
static double greater(double a, double b)
{
	return a > b ? a : b;
}

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

static double magnitude(double d)
{
	return d < 0 ? -d : d;
}

/* The digits of a number of things, in base two. */
static unsigned int bits(uint32_t n)
{
	return n ? 32 - (unsigned int)__builtin_clz(n) : 0;
}

static uint64_t cell(const struct table *t, size_t row, int column)
{
	if (column < 0 || !t->rows[row]->cells[column].known)
		return 0;
	return t->rows[row]->cells[column].u;
}

/* In steps from the left. */
static double x_of(const struct picture *p, uint64_t ns)
{
	double d = ns >= p->from_ns ? (double)(ns - p->from_ns) : -(double)(p->from_ns - ns);

	return d / (double)p->width_ns;
}

static double seconds(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_SEC;
}

static void put(struct text *o, double d)
{
	char buf[32];
	int n = snprintf(buf, sizeof(buf), "%.2f", d);

	while (n > 1 && buf[n - 1] == '0')
		n--;
	if (n > 1 && buf[n - 1] == '.')
		n--;
	text_add(o, buf, (size_t)n);
}

/* ---- lanes ---- */

/* Steps of a height each, as one outline down to the base. */
static void put_area(struct text *o, const char *class, const double *values, size_t count,
		     double most, double y, double h)
{
	double last = -1;

	text_printf(o, "<path class=\"%s\" d=\"M0 ", class);
	put(o, y + h);
	for (size_t i = 0; i < count; i++) {
		double top = y + h - (most > 0 ? values[i] / most * h : 0);

		/* What is little is still something. */
		if (values[i] > 0 && top > y + h - 1)
			top = y + h - 1;
		if (last < 0 || magnitude(top - last) > 0.004) {
			if (i) {
				text_printf(o, "H%zu", i);
			}
			text_str(o, "V");
			put(o, top);
			last = top;
		}
	}
	text_printf(o, "H%zuV", count);
	put(o, y + h);
	text_str(o, "Z\"/>\n");
}

/** html_label() - a word at the left of a picture */
void html_label(struct text *o, int y, const char *class, const char *s)
{
	text_printf(o, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, LEFT - 10, y);
	html_str(o, s);
	text_str(o, "</text>\n");
}

static void label_lane(struct picture *p, int y, const char *name, double most)
{
	char s[64];

	html_label(p->o, y + 11, "lane", name);
	if (most < 0)
		return;
	if (most >= 10)
		(void)snprintf(s, sizeof(s), "to %.0f/s", most);
	else
		(void)snprintf(s, sizeof(s), "to %.1f/s", most);
	text_printf(p->o, "<text class=\"most\" data-lane=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n",
		    name, LEFT - 10, y + 25, most > 0 ? s : "none");
}

static double lane_of(const struct picture *p, const char *key, double values[STEPS_MOST])
{
	int column = table_column(p->series, key);
	double most = 0;

	for (size_t i = 0; i < p->steps; i++) {
		values[i] = (double)cell(p->series, i, column) / seconds(p->width_ns);
		most = greater(most, values[i]);
	}
	return most;
}

/* Whole seconds, which need not begin where the picture does. */
static double draw_events(struct picture *p, struct text *inner)
{
	const struct table *t = p->events;
	double most = 0, last_x = 0;
	bool any = false;

	for (int pass = 0; t && pass < 2; pass++) {
		for (size_t i = 0; i < t->row_count; i++) {
			double from = x_of(p, cell(t, i, 0));
			double to = from + (double)cell(t, i, 1) / (double)p->width_ns;
			double rate =
				(double)cell(t, i, 2) / seconds(max_of(cell(t, i, 1), UINT64_C(1)));

			from = greater(from, 0);
			to = lesser(to, (double)p->steps);
			if (to <= from)
				continue;
			if (!pass) {
				most = greater(most, rate);
				continue;
			}
			if (!any) {
				text_str(inner, "<path class=\"events\" d=\"M");
				put(inner, from);
				text_printf(inner, " %d", EVENTS_Y + EVENTS_H);
			}
			any = true;
			text_str(inner, "V");
			put(inner, EVENTS_Y + EVENTS_H - (most > 0 ? rate / most * EVENTS_H : 0));
			text_str(inner, "H");
			put(inner, to);
			last_x = to;
		}
	}
	if (any && last_x > 0)
		text_printf(inner, "V%dZ\"/>\n", EVENTS_Y + EVENTS_H);
	return most;
}

static uint64_t column_sum(const struct table *t, size_t column)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->row_count; i++)
		sum += cell(t, i, (int)column);
	return sum;
}

static void find_stack(struct picture *p)
{
	uint64_t sums[COLUMNS_MOST];

	for (size_t i = 0; i < p->series->column_count && p->stack_count < COLUMNS_MOST; i++) {
		size_t at = p->stack_count;
		uint64_t sum;

		if (!str_starts(p->series->columns[i].key, "msg_"))
			continue;
		sum = column_sum(p->series, i);
		for (; at && sums[at - 1] < sum; at--) {
			sums[at] = sums[at - 1];
			p->stack[at] = p->stack[at - 1];
		}
		sums[at] = sum;
		p->stack[at] = i;
		p->stack_count++;
	}
}

/* From the back: the sum of all, in front of it the sum of all but the last, ... */
static double draw_messages(struct picture *p, struct text *inner)
{
	double values[STEPS_MOST], most = lane_of(p, "messages", values);
	size_t layers = min_of(p->stack_count, (size_t)STACK_MOST + 1);

	for (size_t layer = layers; layer; layer--) {
		char class[16];

		for (size_t i = 0; i < p->steps; i++) {
			values[i] = 0;
			/* The last colour has all that there are. */
			for (size_t k = 0; k < (layer > STACK_MOST ? p->stack_count : layer); k++)
				values[i] += (double)cell(p->series, i, (int)p->stack[k]);
			values[i] /= seconds(p->width_ns);
		}
		(void)snprintf(class, sizeof(class), "c%zu", layer - 1);
		put_area(inner, class, values, p->steps, most, MESSAGES_Y, MESSAGES_H);
	}
	return most;
}

/* They come ten times a second: steps not much wider show how the two beat against each other. */
static double smooth_beats(const struct picture *p, double beats[STEPS_MOST])
{
	size_t group = p->width_ns < NSEC_PER_SEC ? (size_t)(NSEC_PER_SEC / p->width_ns + 1) : 1;
	double most = 0;

	(void)lane_of(p, "heartbeats", beats);
	for (size_t i = 0, n; i < p->steps; i += n) {
		double sum = 0;

		/* The rest at the end is not long enough for itself. */
		n = p->steps - i < 2 * group ? p->steps - i : group;
		for (size_t k = 0; k < n; k++)
			sum += beats[i + k];
		for (size_t k = 0; k < n; k++)
			beats[i + k] = sum / (double)n;
		most = greater(most, sum / (double)n);
	}
	return most;
}

static double draw_beats(struct picture *p, struct text *inner)
{
	double beats[STEPS_MOST], votes[STEPS_MOST];
	double most = smooth_beats(p, beats);

	put_area(inner, "beats", beats, p->steps, most, BEATS_Y, BEATS_H);
	if (lane_of(p, "elections", votes) > 0) {
		text_str(inner, "<path class=\"votes\" d=\"");
		for (size_t i = 0; i < p->steps; i++)
			if (votes[i] > 0)
				text_printf(inner, "M%zu.5 %dv%d", i, BEATS_Y, BEATS_H);
		text_str(inner, "\"/>\n");
	}
	return most;
}

/* A stroke for each line of the log, by what it means. */
static void draw_flags(struct picture *p, struct text *inner)
{
	static const struct {
		enum row_mark mark;
		const char *class;
		int height;
	} kinds[] = {{ROW_PLAIN, "flag", 10},
		     {ROW_WARNING, "flag warn", 18},
		     {ROW_BAD, "flag bad", FLAGS_H}};

	for (size_t k = 0; p->flags && k < ARRAY_SIZE(kinds); k++) {
		bool any = false;

		for (size_t i = 0; i < p->flags->row_count; i++) {
			double x = x_of(p, cell(p->flags, i, 0));

			if (p->flags->rows[i]->mark != kinds[k].mark || x < 0 ||
			    x > (double)p->steps)
				continue;
			if (!any)
				text_printf(inner, "<path class=\"%s\" d=\"", kinds[k].class);
			any = true;
			text_str(inner, "M");
			put(inner, x);
			text_printf(inner, " %dv-%d", FLAGS_Y + FLAGS_H, kinds[k].height);
		}
		if (any)
			text_str(inner, "\"/>\n");
	}
}

/* What is missing lies behind everything, suspects and the trigger before. */
static void draw_marks(struct picture *p, struct text *inner, bool behind)
{
	int kind = p->marks ? table_column(p->marks, "kind") : -1;

	for (size_t i = 0; kind >= 0 && i < p->marks->row_count; i++) {
		const struct table_row *row = p->marks->rows[i];
		const char *s = row->cells[kind].known ? row->cells[kind].s : "";
		double from = x_of(p, row->cells[0].u);
		double to = row->cells[1].known ? x_of(p, row->cells[1].u) : from;
		bool missing = !strcmp(s, "gap") || !strcmp(s, "not kept");

		if (missing != behind || to < 0 || from > (double)p->steps)
			continue;
		from = lesser(greater(from, 0), (double)p->steps);
		to = lesser(greater(to, from), (double)p->steps);
		if (missing) {
			text_printf(inner, "<path class=\"%s\" d=\"M",
				    !strcmp(s, "gap") ? "gap" : "unkept");
			put(inner, from);
			text_printf(inner, " %dH", TOP_AXIS);
			put(inner, to);
			text_printf(inner, "V%dH", BOTTOM_AXIS);
			put(inner, from);
			text_str(inner, "Z\"/>\n");
			continue;
		}
		text_printf(inner, "<path class=\"%s\" d=\"M",
			    !strcmp(s, "trigger") ? "trigger" : "suspect");
		put(inner, from);
		text_printf(inner, " %dV%d\"/>\n", TOP_AXIS, BOTTOM_AXIS);
	}
}

/* ---- latency ---- */

static size_t size_of(uint64_t ns)
{
	uint64_t us = ns / NSEC_PER_USEC;
	size_t size = 0;

	for (; us > 1 && size < SIZES - 1; size++)
		us >>= 1;
	return size;
}

static unsigned int heat_of(uint32_t n, uint32_t most)
{
	if (bits(n) < 2 || bits(most) < 2)
		return n ? (bits(most) < 2 ? HEATS / 2 : 1) : 0;
	return 1 + (HEATS - 1) * (bits(n) - 1) / (bits(most) - 1);
}

/* Runs of the same heat are one rectangle, all of one heat one path. */
static void draw_heat(const uint8_t *heats, size_t steps, struct text *inner)
{
	for (unsigned int heat = 1; heat <= HEATS; heat++) {
		bool any = false;

		for (size_t size = 0; size < SIZES; size++) {
			for (size_t i = 0; i < steps;) {
				size_t n = 0;

				while (i + n < steps && heats[(i + n) * SIZES + size] == heat)
					n++;
				if (n && !any)
					text_printf(inner, "<path class=\"h%u\" d=\"", heat);
				any |= n > 0;
				if (n)
					text_printf(inner, "M%zu %dh%zuv%dh-%zuZ", i,
						    HEAT_Y + (int)(SIZES - 1 - size) * SIZE_HEIGHT,
						    n, SIZE_HEIGHT, n);
				i += max_of(n, (size_t)1);
			}
		}
		if (any)
			text_str(inner, "\"/>\n");
	}
}

static void draw_latency(struct picture *p, struct text *inner)
{
	CLEANUP(freep) uint32_t *counts = calloc(STEPS_MOST * SIZES, sizeof(*counts));
	CLEANUP(freep) uint8_t *heats = calloc(STEPS_MOST, SIZES);
	uint32_t most = 0;

	if (!counts || !heats) {
		p->o->failed = true;
		return;
	}
	for (size_t i = 0; p->latency && i < p->latency->row_count; i++) {
		uint64_t from = cell(p->latency, i, 0), n = cell(p->latency, i, 4);
		uint64_t step = from >= p->from_ns ? (from - p->from_ns) / p->width_ns : STEPS_MOST;
		uint32_t *c;

		if (step >= p->steps)
			continue;
		c = &counts[step * SIZES + size_of(cell(p->latency, i, 2))];
		*c = (uint32_t)min_of(n, (uint64_t)UINT32_MAX);
		most = max_of(most, *c);
	}
	for (size_t i = 0; i < p->steps * SIZES; i++)
		heats[i] = (uint8_t)heat_of(counts[i], most);
	draw_heat(heats, p->steps, inner);
}

static void draw_unanswered(struct picture *p, struct text *inner)
{
	int column = table_column(p->series, "unanswered");
	bool any = false;

	for (size_t i = 0; i < p->steps; i++) {
		if (!cell(p->series, i, column))
			continue;
		text_printf(inner, "%sM%zu %dh1v%dh-1Z",
			    any ? "" : "<path class=\"unanswered\" d=\"", i, ANSWERS_Y, ANSWERS_H);
		any = true;
	}
	if (any)
		text_str(inner, "\"/>\n");
}

static void label_latency(struct picture *p)
{
	static const struct {
		double bits; /* of us */
		const char *name;
	} sizes[] = {{3.32, "10 us"}, {9.97, "1 ms"}, {16.61, "100 ms"}, {23.25, "10 s"}};

	html_label(p->o, LATENCY_Y + 11, "lane", "latency");
	html_label(p->o, ANSWERS_Y + 9, "most", "no answer");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int y = HEAT_Y + (int)((SIZES - sizes[i].bits) * SIZE_HEIGHT);

		text_printf(p->o, "<path class=\"tick\" d=\"M%d %dH%d\"/>\n", LEFT - 5, y, LEFT);
		html_label(p->o, y + 4, "most", sizes[i].name);
	}
}

/* ---- axis ---- */

/* 1, 2, 5, 10, 15, 30 of a unit that people count in. */
static double tick_step(double span_s)
{
	static const double steps[] = {1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2,  .1,	   .2,	 .5,
				       1,    2,	   5,	 10,   15,   30,    60,	   120,	 300,
				       600,  900,  1800, 3600, 7200, 21600, 43200, 86400};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (span_s / steps[i] <= 11)
			return steps[i];
	return span_s / 10;
}

static void put_offset(struct text *o, double s)
{
	double a = magnitude(s);

	if (a < 5e-7) {
		text_str(o, "0");
		return;
	}
	text_str(o, s < 0 ? "\xe2\x88\x92" : "+");
	if (a >= 120 && a < 1e15) {
		uint64_t n = (uint64_t)(a + 0.5);

		if (n >= 3600)
			text_printf(o, "%" PRIu64 ":%02u:%02u", n / 3600,
				    (unsigned int)(n / 60 % 60), (unsigned int)(n % 60));
		else
			text_printf(o, "%u:%02u", (unsigned int)(n / 60), (unsigned int)(n % 60));
	} else {
		put(o, a);
		text_str(o, " s");
	}
}

/**
 * html_axis() - grid and labels of a time axis, and what they are
 * @a: where it is, and of which time; seconds are counted from the trigger, or the end
 */
void html_axis(struct view *v, const struct html_axis *a)
{
	const struct view_clock *clock = &v->settings.clock;
	struct text *o = v->out;
	uint64_t real;
	double span = seconds(a->width_ns) * (double)a->steps, step = tick_step(span);
	double from = a->from_ns >= clock->trigger_ns ? seconds(a->from_ns - clock->trigger_ns)
						      : -seconds(clock->trigger_ns - a->from_ns);

	text_str(o, "<g class=\"axis\">\n");
	for (int i = 0; i < 13; i++) {
		/* The first tick at or after the left edge, and those behind it. */
		double first = (double)(int64_t)(from / step) + (from < 0 ? 0 : 1);
		double s = (first + i) * step;
		double x = HTML_PLOT_LEFT + (s - from) / span * HTML_PLOT_WIDTH;

		if (s > from + span)
			break;
		text_printf(o, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>", x, HTML_PLOT_TOP,
			    a->bottom);
		/* Where there is room beside the names of the axes. */
		if (x < HTML_PLOT_LEFT + 34 || x > HTML_PLOT_LEFT + HTML_PLOT_WIDTH - 24)
			continue;
		text_printf(o, "<text x=\"%.1f\" y=\"15\">", x);
		put_offset(o, s);
		text_str(o, "</text>");
		if (view_real(v, a->from_ns + (uint64_t)lesser(greater((s - from) * 1e9, 0), 9e18),
			      &real)) {
			uint64_t t = real / NSEC_PER_SEC % 86400;

			text_printf(o, "<text x=\"%.1f\" y=\"%d\">%02u:%02u:%02u</text>", x,
				    a->bottom + 14, (unsigned int)(t / 3600),
				    (unsigned int)(t / 60 % 60), (unsigned int)(t % 60));
		}
		text_str(o, "\n");
	}
	text_str(o, "</g>\n");
	html_label(o, 15, "most", clock->triggered ? "from trigger" : "from end");
	html_label(o, a->bottom + 14, "most", clock->real ? "UTC" : "");
}

/* ---- data for the script ---- */

static void data_lane(struct json_writer *w, const struct picture *p, const char *title, int column)
{
	json_object(w);
	json_kv_str(w, "name", title);
	json_key(w, "n");
	json_array(w);
	for (size_t i = 0; i < p->steps; i++)
		json_u64(w, cell(p->series, i, column));
	json_array_end(w);
	json_object_end(w);
}

/* Numbers that a script's doubles hold, and that JSON has no other way to write. */
static void data_real(struct json_writer *w, double d)
{
	CLEANUP(text_free) struct text s = {0};
	struct json_value value = {.type = JSON_NUMBER};

	text_printf(&s, "%.6f", d);
	value.str = text_c(&s);
	json_copy(w, &value);
	w->out->failed |= !text_ok(&s);
}

static void data_lanes(struct json_writer *w, const struct picture *p)
{
	static const char *const keys[] = {"heartbeats", "elections", "unanswered", "lost"};

	json_key(w, "lanes");
	json_array(w);
	for (size_t i = 0; i < p->stack_count; i++)
		data_lane(w, p, p->series->columns[p->stack[i]].title, (int)p->stack[i]);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		int column = table_column(p->series, keys[i]);

		if (column >= 0)
			data_lane(w, p, p->series->columns[column].title, column);
	}
	json_array_end(w);
	json_key(w, "events"); /* from, to, how many a second */
	json_array(w);
	for (size_t i = 0; p->events && i < p->events->row_count; i++) {
		uint64_t width = max_of(cell(p->events, i, 1), UINT64_C(1));

		json_array(w);
		data_real(w, x_of(p, cell(p->events, i, 0)));
		data_real(w, x_of(p, cell(p->events, i, 0)) + (double)width / (double)p->width_ns);
		data_real(w, (double)cell(p->events, i, 2) / seconds(width));
		json_array_end(w);
	}
	json_array_end(w);
}

static void data_texts(struct json_writer *w, const struct picture *p, const char *key,
		       const struct table *t, size_t kind)
{
	json_key(w, key);
	json_array(w);
	for (size_t i = 0; t && i < t->row_count; i++) {
		const struct table_row *row = t->rows[i];
		const struct cell *k = &row->cells[kind], *s = &row->cells[t->column_count - 1];
		double x = x_of(p, row->cells[0].u);

		if (x < 0 || x > (double)p->steps)
			continue;
		json_array(w);
		data_real(w, x);
		json_str_n(w, k->known ? k->s : "", k->known ? k->len : 0);
		json_str_n(w, s->known ? s->s : "", s->known ? min_of(s->len, 160U) : 0);
		json_array_end(w);
	}
	json_array_end(w);
}

static void put_data(struct picture *p)
{
	static const unsigned int boxes[] = {EVENTS_Y, EVENTS_H, MESSAGES_Y, MESSAGES_H};
	const struct view_clock *clock = &p->v->settings.clock;
	CLEANUP(text_free) struct text s = {0};
	uint64_t real;
	struct json_writer w;

	json_begin(&w, &s, false);
	json_object(&w);
	json_kv_u64(&w, "steps", p->steps);
	json_key(&w, "width");
	data_real(&w, seconds(p->width_ns));
	json_key(&w, "zero"); /* s from the left to the trigger, or the end */
	data_real(&w, x_of(p, clock->trigger_ns) * seconds(p->width_ns));
	json_kv_bool(&w, "triggered", clock->triggered);
	json_key(&w, "utc"); /* of the left, s since 1970 */
	if (view_real(p->v, p->from_ns, &real))
		data_real(&w, seconds(real));
	else
		json_null(&w);
	json_kv_u64(&w, "stack",
		    p->stack_count); /* lanes that are drawn on each other: the first */
	json_kv_u64(&w, "colours", STACK_MOST + 1);
	json_key(&w, "boxes");
	json_array(&w);
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		json_u64(&w, boxes[i]);
	json_array_end(&w);
	data_lanes(&w, p);
	data_texts(&w, p, "flags", p->flags, 1);
	data_texts(&w, p, "marks", p->marks, 3);
	json_object_end(&w);
	text_str(p->o, "<script type=\"application/json\">");
	html_json(p->o, text_c(&s), s.len);
	text_str(p->o, "</script>\n");
	p->o->failed |= !text_ok(&s);
}

/* ---- the whole ---- */

static void put_legend(struct picture *p)
{
	size_t shown = min_of(p->stack_count, (size_t)STACK_MOST);

	text_str(p->o, "<ul class=\"legend\">\n");
	for (size_t i = 0; i < shown; i++) {
		text_printf(p->o,
			    "<li><svg class=\"sw\" aria-hidden=\"true\"><rect class=\"c%zu\" "
			    "width=\"10\" height=\"10\"/></svg>",
			    i);
		html_str(p->o, p->series->columns[p->stack[i]].title);
		text_str(p->o, "</li>\n");
	}
	if (p->stack_count > shown)
		text_printf(p->o,
			    "<li><svg class=\"sw\" aria-hidden=\"true\"><rect class=\"c%d\" "
			    "width=\"10\" height=\"10\"/></svg>%zu others</li>\n",
			    STACK_MOST, p->stack_count - shown);
	text_str(p->o, "</ul>\n");
}

static void put_hint(struct picture *p)
{
	CLEANUP(text_free) struct text step = {0};

	view_put_duration(&step, p->width_ns);
	text_printf(p->o,
		    "<p class=\"hint\">A step is %s. Latency is shown at the moment of the "
		    "request; a stronger colour means more answers.",
		    text_c(&step));
	if (p->marks && p->marks->row_count)
		text_str(p->o, " Solid line: the trigger; dashed lines: what else triggers saw; "
			       "shaded: not recorded.");
	text_str(p->o, "</p>\n");
	p->o->failed |= !text_ok(&step);
}

static void draw(struct picture *p)
{
	CLEANUP(text_free) struct text inner = {0};
	double events, messages, beats;

	find_stack(p);
	draw_marks(p, &inner, true);
	draw_flags(p, &inner);
	events = draw_events(p, &inner);
	messages = draw_messages(p, &inner);
	beats = draw_beats(p, &inner);
	draw_unanswered(p, &inner);
	draw_latency(p, &inner);
	draw_marks(p, &inner, false);
	text_str(p->o, "<figure class=\"timeline\">\n<figcaption>");
	html_str(p->o, p->title);
	text_printf(
		p->o,
		"</figcaption>\n<div class=\"wide\">\n<svg class=\"picture\" viewBox=\"0 0 %d %d\" "
		"role=\"img\" aria-label=\"",
		WIDTH, HEIGHT);
	html_str(p->o, p->title);
	text_str(p->o,
		 ": trace events, messages, heartbeats, log lines and latency over time\">\n");
	html_axis(p->v, &(struct html_axis){p->from_ns, p->width_ns, p->steps, BOTTOM_AXIS});
	html_label(p->o, FLAGS_Y + 15, "lane", "kernel log");
	label_lane(p, EVENTS_Y, "events", events);
	label_lane(p, MESSAGES_Y, "messages", messages);
	label_lane(p, BEATS_Y, "heartbeats", beats);
	label_latency(p);
	text_printf(p->o,
		    "<svg class=\"plot\" x=\"%d\" y=\"0\" width=\"%d\" height=\"%d\" viewBox=\"0 0 "
		    "%zu %d\" "
		    "preserveAspectRatio=\"none\">\n",
		    LEFT, PLOT_WIDTH, HEIGHT, p->steps, HEIGHT);
	text_add(p->o, text_c(&inner), inner.len);
	text_str(p->o, "</svg>\n</svg>\n</div>\n");
	put_legend(p);
	put_hint(p);
	put_data(p);
	text_str(p->o, "</figure>\n");
	p->o->failed |= !text_ok(&inner);
}

static const struct table *find(const struct table *const *tables, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(tables[i]->name, name))
			return tables[i];
	return NULL;
}

/** html_timeline() - draw what the tables of the report `overview` hold */
void html_timeline(struct view *v, const struct table *const *tables, size_t count)
{
	static const char *const names[][3] = {
		{"near_series", "near_latency", "Around the end"},
		{"series", "latency", "The whole recording"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct table *series = find(tables, count, names[i][0]);
		struct picture p = {.v = v,
				    .o = v->out,
				    .name = names[i][0],
				    .title = names[i][2],
				    .series = series,
				    .latency = find(tables, count, names[i][1]),
				    .events = find(tables, count, "events"),
				    .flags = find(tables, count, "flags"),
				    .marks = find(tables, count, "marks")};

		if (!series || !series->row_count)
			continue;
		p.from_ns = cell(series, 0, 0);
		p.width_ns = max_of(cell(series, 0, 1), UINT64_C(1));
		p.steps = min_of(series->row_count, (size_t)STEPS_MOST);
		draw(&p);
	}
}
