/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The picture of series in the HTML report: one counter over time, to be chosen.
 *
 * Called by view_html.c with a table plot_near or plot_all of the report `series`, whose rows are
 * counters and their values in steps of time. Without a script the first is drawn: the one that
 * differs most around the trigger; with it (html/script.js) any can be chosen. Names and values
 * come along as JSON, in which no "<" stands. What is not known of a step is not drawn.
 */
#include <inttypes.h>

#include "view_html.h"

#define TOP 28
#define PLOT_H 150
#define BOTTOM (TOP + PLOT_H + 6)
#define HEIGHT (BOTTOM + 20)
#define STEPS_MOST 1000

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

/* "1,,2.5": of each step a number, or nothing. */
static void read_values(const char *s, size_t steps, struct curve *ret)
{
	ret->steps = min_of(steps, (size_t)STEPS_MOST);
	for (size_t i = 0; i < ret->steps && s; i++) {
		char *end;
		double v = strtod(s, &end);

		ret->known[i] = end > s;
		ret->values[i] = v;
		if (ret->known[i]) {
			ret->least = ret->any && ret->least < v ? ret->least : v;
			ret->most = ret->any && ret->most > v ? ret->most : v;
			ret->any = true;
		}
		s = strchr(end, ',');
		s = s ? s + 1 : NULL;
	}
	/* Zero belongs to the picture, unless all of it is far away. */
	if (ret->least > 0 && ret->least < ret->most * 0.8)
		ret->least = 0;
}

static void draw_curve(struct text *o, const struct curve *c)
{
	double high = c->most > c->least ? c->most - c->least : 1;
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

static void put_short(struct text *o, double d)
{
	text_printf(o, "%.4g", d);
}

static void label_curve(struct view *v, const struct curve *c)
{
	text_printf(v->out, "<text class=\"most top\" x=\"%d\" y=\"%d\">", HTML_PLOT_LEFT - 10,
		    TOP + 8);
	put_short(v->out, c->most);
	text_printf(v->out, "</text>\n<text class=\"most low\" x=\"%d\" y=\"%d\">",
		    HTML_PLOT_LEFT - 10, TOP + PLOT_H);
	put_short(v->out, c->least);
	text_str(v->out, "</text>\n");
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

static void put_data(struct view *v, const struct table *t, double zero_s)
{
	const struct table_row *first = t->rows[0];
	CLEANUP(text_free) struct text s = {0};
	struct json_writer w;
	uint64_t real;

	json_begin(&w, &s, false);
	json_object(&w);
	json_kv_u64(&w, "steps", first->cells[COLUMN_STEPS].u);
	data_real(&w, "width", seconds((double)first->cells[COLUMN_WIDTH].u));
	data_real(&w, "zero", zero_s);
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
	put_data(v, t, zero_s);
	text_str(v->out, "</figure>\n");
}
