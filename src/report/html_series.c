/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The picture of series in the HTML report: one counter over time, to be chosen.
 *
 * Called by view_html.c with a table plot_near or plot_all of the report `series`, whose rows are
 * counters and their values in the steps of time that the timeline has: what is above each other on
 * the page is the same moment. Without a script the first is drawn: the one that changed most; with
 * it (html/script.js) any can be chosen, and it zooms with the timeline. Names and values come
 * along as JSON, in which no "<" stands. What is not known of a step is not drawn.
 */
#include <inttypes.h>

#include "timesteps.h"
#include "view_html.h"

#define TOP 28
#define PLOT_H 150
#define BOTTOM (TOP + PLOT_H + 6)
#define HEIGHT (BOTTOM + 20)
#define STEPS_MOST TIMESTEPS_MOST
#define DIGITS_LEAST 4
#define DIGITS_MOST 12

enum {
	COLUMN_SERIES,
	COLUMN_FILE,
	COLUMN_NAME,
	COLUMN_IS,
	COLUMN_FROM,
	COLUMN_WIDTH,
	COLUMN_STEPS,
	COLUMN_VALUES
};

/** html_is_plot() - is this table a picture's? */
bool html_is_plot(const struct view *v, const struct table *t)
{
	return v->report && !strcmp(v->report, "series") && str_starts(t->name, "plot_");
}

static double seconds(double ns)
{
	return ns / (double)NSEC_PER_SEC;
}

static const char *text_of(const struct table_row *row, int column)
{
	return row->cells[column].known ? row->cells[column].s : "";
}

/* ---- the first, drawn ---- */

struct curve {
	double values[STEPS_MOST];
	bool known[STEPS_MOST];
	size_t steps;
	double least, most;
	bool any;
};

static void take_step(struct curve *c, size_t i, bool known, double v)
{
	c->known[i] = known;
	c->values[i] = v;
	if (!known)
		return;
	c->least = c->any && c->least < v ? c->least : v;
	c->most = c->any && c->most > v ? c->most : v;
	c->any = true;
}

/* What series_plot.c has put: "1,,2.5*3". */
static void read_values(const char *s, size_t steps, struct curve *ret)
{
	ret->steps = min_of(steps, (size_t)STEPS_MOST);
	for (size_t i = 0; i < ret->steps && s;) {
		char *end;
		double v = strtod(s, &end);
		bool known = end > s;
		unsigned long n = *end == '*' ? strtoul(end + 1, &end, 10) : 1;

		for (; n && i < ret->steps; n--)
			take_step(ret, i++, known, v);
		s = strchr(end, ',');
		s = s ? s + 1 : NULL;
	}
}

/*
 * From where to where the picture goes. Zero belongs to it, unless it is a gauge that is far away
 * from it all along; what is level lies in the middle, or on zero.
 */
static void find_scale(struct curve *c, bool gauge)
{
	if (c->least < c->most) {
		if (c->least > 0 && (!gauge || c->least < c->most * 0.8))
			c->least = 0;
	} else if (c->most < 0) {
		c->least = 2 * c->most;
		c->most = 0;
	} else {
		c->most = c->most > 0 ? 2 * c->most : 1;
		c->least = 0;
	}
}

static void draw_curve(struct text *o, const struct curve *c)
{
	double high = c->most - c->least;
	bool pen = false;

	text_str(o, "<path class=\"curve\" d=\"");
	for (size_t i = 0; i < c->steps; i++) {
		double y = TOP + PLOT_H - (c->values[i] - c->least) / high * PLOT_H;

		if (c->known[i])
			text_printf(o, "%s%zu %.1fH%zu", pen ? "L" : "M", i, y, i + 1);
		pen = c->known[i];
	}
	text_str(o, "\"/>\n");
}

static int whole_digits(double d)
{
	int n = 1;

	for (d = d < 0 ? -d : d; d >= 10 && n <= DIGITS_MOST; d /= 10)
		n++;
	return n;
}

/* All digits before the point, if there are not too many. */
static void put_number(char buf[32], double d, int digits)
{
	int whole = whole_digits(d);

	(void)snprintf(buf, 32, "%.*g", whole > digits && whole <= DIGITS_MOST ? whole : digits, d);
}

/* With as many digits as tell the two from each other. */
static void label_curve(struct view *v, const struct curve *c)
{
	char most[32] = "", least[32] = "";
	int digits = DIGITS_LEAST;

	/* Empty they are there too: the script has other counters. */
	while (c->any && digits <= DIGITS_MOST && !strcmp(most, least)) {
		put_number(most, c->most, digits);
		put_number(least, c->least, digits++);
	}
	text_printf(v->out,
		    "<text class=\"most top\" x=\"%d\" y=\"%d\">%s</text>\n"
		    "<text class=\"most low\" x=\"%d\" y=\"%d\">%s</text>\n",
		    HTML_PLOT_LEFT - 10, TOP + 8, most, HTML_PLOT_LEFT - 10, TOP + PLOT_H, least);
}

/* ---- data for the script ---- */

static void data_real(struct json_writer *w, const char *key, double d)
{
	CLEANUP(text_free) struct text s = {0};
	struct json_value value = {.type = JSON_NUMBER};

	text_printf(&s, "%.6f", d);
	value.str = text_c(&s);
	json_key(w, key);
	json_copy(w, &value);
	w->out->failed |= !text_ok(&s);
}

static void put_data(struct view *v, const struct table *t, size_t steps, double zero_s)
{
	const struct table_row *first = t->rows[0];
	CLEANUP(text_free) struct text s = {0};
	struct json_writer w;
	uint64_t real;

	json_begin(&w, &s, false);
	json_object(&w);
	json_kv_u64(&w, "steps", steps);
	data_real(&w, "width", seconds((double)first->cells[COLUMN_WIDTH].u));
	data_real(&w, "zero", zero_s);
	json_kv_bool(&w, "triggered", v->settings.clock.triggered);
	if (view_real(v, first->cells[COLUMN_FROM].u, &real))
		data_real(&w, "utc", seconds((double)real));
	json_kv_u64(&w, "top", TOP);
	json_kv_u64(&w, "height", PLOT_H);
	json_key(&w, "list");
	json_array(&w);
	for (size_t i = 0; i < t->row_count; i++) {
		json_array(&w);
		for (int c = COLUMN_SERIES; c <= COLUMN_IS; c++)
			json_str(&w, text_of(t->rows[i], c));
		json_str(&w, text_of(t->rows[i], COLUMN_VALUES));
		json_array_end(&w);
	}
	json_array_end(&w);
	json_object_end(&w);
	text_str(v->out, "<script type=\"application/json\">");
	html_json(v->out, text_c(&s), s.len);
	text_str(v->out, "</script>\n");
	v->out->failed |= !text_ok(&s);
}

/* ---- the whole ---- */

static void put_caption(struct view *v, const struct table *t)
{
	const struct table_row *first = t->rows[0];

	text_str(v->out, "<figure class=\"series\">\n<figcaption>");
	html_str(v->out, t->title);
	text_str(v->out, ": <span class=\"which\">");
	html_str(v->out, text_of(first, COLUMN_SERIES));
	text_str(v->out, " ");
	html_str(v->out, text_of(first, COLUMN_FILE));
	text_str(v->out, *text_of(first, COLUMN_FILE) ? " " : "");
	html_str(v->out, text_of(first, COLUMN_NAME));
	text_str(v->out, ", ");
	html_str(v->out, text_of(first, COLUMN_IS));
	text_str(v->out, "</span></figcaption>\n");
}

static void put_plot(struct view *v, const struct curve *c, double zero_steps)
{
	struct text *o = v->out;

	text_printf(o,
		    "<svg class=\"plot\" x=\"%d\" y=\"0\" width=\"%d\" height=\"%d\" viewBox=\"0 0 "
		    "%zu %d\" preserveAspectRatio=\"none\">\n",
		    HTML_PLOT_LEFT, HTML_PLOT_WIDTH, HEIGHT, c->steps, HEIGHT);
	draw_curve(o, c);
	if (v->settings.clock.triggered && zero_steps >= 0 && zero_steps <= (double)c->steps)
		text_printf(o, "<path class=\"trigger\" d=\"M%.3f %dV%d\"/>\n", zero_steps,
			    HTML_PLOT_TOP, BOTTOM);
	text_str(o, "</svg>\n");
}

/** html_series() - draw the first counter of a table, and bring the others along */
void html_series(struct view *v, const struct table *t)
{
	const struct table_row *first = t->row_count ? t->rows[0] : NULL;
	struct curve c = {0};
	uint64_t from, width, zero = v->settings.clock.trigger_ns;
	double zero_s;

	if (!first || !first->cells[COLUMN_VALUES].known)
		return;
	from = first->cells[COLUMN_FROM].u;
	width = max_of(first->cells[COLUMN_WIDTH].u, UINT64_C(1));
	zero_s = zero >= from ? seconds((double)(zero - from)) : -seconds((double)(from - zero));
	read_values(first->cells[COLUMN_VALUES].s, (size_t)first->cells[COLUMN_STEPS].u, &c);
	find_scale(&c, strcmp(text_of(first, COLUMN_IS), "value") == 0);
	put_caption(v, t);
	text_printf(v->out,
		    "<div class=\"wide\">\n<svg class=\"picture\" viewBox=\"0 0 %d %d\" "
		    "role=\"img\" aria-label=\"",
		    HTML_PICTURE_WIDTH, HEIGHT);
	html_str(v->out, t->title);
	text_str(v->out, "\">\n");
	html_axis(v, &(struct html_axis){from, width, c.steps, BOTTOM});
	label_curve(v, &c);
	put_plot(v, &c, zero_s / seconds((double)width));
	text_str(v->out, "</svg>\n</div>\n");
	put_data(v, t, c.steps, zero_s);
	text_str(v->out, "</figure>\n");
}
