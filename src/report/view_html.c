/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports as one HTML file that needs nothing else: no network, no other file, and to be read no
 * script.
 *
 * Called through view.c. What cells say comes from strangers, and browsers are powerful: all text
 * goes through html_text(), data for the script through JSON without a "<", and a content security
 * policy lets nothing run or load but the one style and the one script of ours, known by their
 * hashes (html/embed.py, when it is built). There are no style attributes and no event handlers.
 *
 * Tables are complete in the markup; the script (html/script.js) adds sorting, filters, zooming.
 * For that a cell whose text does not sort by itself has its raw value in data-v.
 */
#include "view_html.h"

#include <inttypes.h>

#include "html_assets.h"

#define ROWS_MOST 5000 /* of a table: more makes browsers slow */
#define SHORT_TEXT 24  /* stays on one line */

struct view_html {
	const struct table *overview[HTML_TABLES];
	size_t overview_count;
	bool in_overview, facts, empty;
	uint64_t hidden; /* columns of the table at hand that have nothing in them */
	double bar_most;
	size_t rows, notes_shown, tables;
};

/* Characters that change the direction of what is behind them, beyond their cell. */
static bool is_direction(const char *s, size_t n)
{
	const uint8_t *u = (const uint8_t *)s;

	return n >= 3 && u[0] == 0xe2 &&
	       ((u[1] == 0x80 && u[2] >= 0xaa && u[2] <= 0xae) ||
		(u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
}

static void escape(struct text *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (s[i]) {
		case '&':
			text_str(out, "&amp;");
			break;
		case '<':
			text_str(out, "&lt;");
			break;
		case '>':
			text_str(out, "&gt;");
			break;
		case '"':
			text_str(out, "&quot;");
			break;
		case '\'':
			text_str(out, "&#39;");
			break;
		default:
			text_add(out, s + i, 1);
		}
	}
}

/** html_text() - any bytes, as text or within a quoted attribute */
void html_text(struct text *out, const char *s, size_t n)
{
	CLEANUP(text_free) struct text clean = {0};

	text_add_clean(&clean, s, n, true);
	escape(out, text_c(&clean), clean.len);
	out->failed |= !text_ok(&clean);
}

/** html_json() - JSON within a script element: nothing in it ends that, or turns its direction */
void html_json(struct text *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '<') {
			text_str(out, "\\u003c");
		} else if (s[i] == 0x7f) {
			text_str(out, "?");
		} else if (is_direction(s + i, n - i)) {
			text_str(out, "\xef\xbf\xbd");
			i += 2;
		} else {
			text_add(out, s + i, 1);
		}
	}
}

void html_str(struct text *out, const char *s)
{
	html_text(out, s, strlen(s));
}

/* ---- the document ---- */

static void begin(struct view *v)
{
	const struct view_settings *s = &v->settings;
	struct text *o = v->out;

	v->html = calloc(1, sizeof(*v->html));
	o->failed |= !v->html;
	text_str(o,
		 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		 "style-src 'sha256-" HTML_STYLE_SHA256 "'; script-src 'sha256-" HTML_SCRIPT_SHA256
		 "'; base-uri 'none'; form-action 'none'\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		 "<meta name=\"referrer\" content=\"no-referrer\">\n"
		 "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	html_str(o, s->title ? s->title : "report");
	text_str(o, " - scoutfs-trace</title>\n<style>");
	text_add(o, html_style, HTML_STYLE_BYTES);
	text_str(o, "</style>\n</head>\n<body>\n<header>\n<p class=\"file\">");
	html_str(o, s->title ? s->title : "");
	text_str(o, "</p>\n<nav aria-label=\"Reports\"><ul>\n");
	for (size_t i = 0; i < s->report_count; i++) {
		text_str(o, "<li><a href=\"#r-");
		html_str(o, s->reports[i]);
		text_str(o, "\">");
		html_str(o, s->reports[i]);
		text_str(o, "</a></li>\n");
	}
	text_str(o, "</ul></nav>\n</header>\n<main>\n");
}

static void report(struct view *v, const char *name, const char *title)
{
	if (!v->html)
		return;
	v->html->in_overview = !strcmp(name, "overview");
	v->html->overview_count = 0;
	text_str(v->out, "<section id=\"r-");
	html_str(v->out, name);
	text_str(v->out, "\">\n<h2>");
	html_str(v->out, v->html->in_overview ? "Timeline" : title);
	text_str(v->out, "</h2>\n");
}

static void put_notes(struct text *o, const char *const *notes, size_t count)
{
	if (!count)
		return;
	text_str(o, "<ul class=\"notes\">\n");
	for (size_t i = 0; i < count; i++) {
		text_str(o, "<li>");
		html_str(o, notes[i]);
		text_str(o, "</li>\n");
	}
	text_str(o, "</ul>\n");
}

/* ---- cells ---- */

/* A value that sorts; false: its text does. */
static bool put_value(const struct view *v, struct text *o, enum column_type type,
		      const struct cell *c)
{
	switch (type) {
	case COLUMN_DURATION:
	case COLUMN_BYTES:
	case COLUMN_HEX:
		text_printf(o, "%" PRIu64, c->u);
		return true;
	case COLUMN_OFFSET:
		text_printf(o, "%" PRId64, c->i);
		return true;
	case COLUMN_TIME:
		text_printf(o, "%" PRId64, (int64_t)(c->u - v->settings.clock.trigger_ns));
		return true;
	case COLUMN_REAL:
	case COLUMN_RATE:
	case COLUMN_PERCENT:
	case COLUMN_BAR:
		view_put_real_cell(o, c);
		return true;
	default:
		return false;
	}
}

static void put_bar(struct view *v, const struct cell *c)
{
	double share = v->html->bar_most > 0 ? c->d / v->html->bar_most * 100 : 0;

	text_printf(v->out,
		    "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
		    "aria-hidden=\"true\"><rect width=\"%.1f\" height=\"10\"/></svg>",
		    share > 0 ? share : 0);
}

static void put_time(struct view *v, uint64_t ns)
{
	CLEANUP(text_free) struct text s = {0};

	view_put_time(v, &s, ns);
	html_str(v->out, text_c(&s));
	if (!v->settings.clock.triggered)
		return;
	text_str(v->out, " <small>");
	text_reset(&s);
	view_put_from_trigger(v, &s, ns);
	html_str(v->out, text_c(&s));
	text_str(v->out, "</small>");
}

static void put_content(struct view *v, const struct column *column, const struct cell *c)
{
	CLEANUP(text_free) struct text s = {0};

	switch (column->type) {
	case COLUMN_TEXT:
		html_text(v->out, c->s, c->len);
		return;
	case COLUMN_BAR:
		put_bar(v, c);
		return;
	case COLUMN_TIME:
		put_time(v, c->u);
		return;
	case COLUMN_DURATION:
		view_put_duration(&s, c->u);
		break;
	case COLUMN_OFFSET:
		text_str(&s, c->i < 0 ? "-" : "+");
		view_put_duration(&s, c->i < 0 ? 0 - (uint64_t)c->i : (uint64_t)c->i);
		break;
	default:
		view_put_number(&s, column, c);
	}
	html_str(v->out, text_c(&s));
	v->out->failed |= !text_ok(&s);
}

static const char *cell_class(const struct column *c)
{
	bool left = c->type == COLUMN_TEXT || c->type == COLUMN_BAR;

	if (c->type == COLUMN_BAR)
		return "b";
	if (c->type == COLUMN_HEX)
		return "n h";
	if (c->align != ALIGN_TYPE)
		left = c->align == ALIGN_LEFT;
	return left ? "t" : "n";
}

static bool is_hidden(const struct view *v, size_t column)
{
	return column < 64 && v->html->hidden >> column & 1;
}

static void put_cell(struct view *v, const struct column *column, const struct cell *c)
{
	struct text *o = v->out;
	CLEANUP(text_free) struct text value = {0};

	text_printf(o, "<td class=\"%s%s\"", cell_class(column),
		    column->type == COLUMN_TEXT && c->known && c->len > SHORT_TEXT ? " l" : "");
	if (c->known && put_value(v, &value, column->type, c))
		text_printf(o, " data-v=\"%s\"", text_c(&value));
	text_str(o, ">");
	if (c->known)
		put_content(v, column, c);
	text_str(o, "</td>");
}

static const char *const mark_classes[] = {
	[ROW_PLAIN] = "",
	[ROW_GOOD] = " class=\"good\"",
	[ROW_WARNING] = " class=\"warn\"",
	[ROW_BAD] = " class=\"bad\"",
};

static void put_row(struct view *v, const struct table *t, const struct table_row *row)
{
	text_printf(v->out, "<tr%s>", mark_classes[row->mark]);
	for (size_t i = 0; i < t->column_count; i++)
		if (!is_hidden(v, i))
			put_cell(v, &t->columns[i], &row->cells[i]);
	text_str(v->out, "</tr>\n");
}

/* ---- tables ---- */

/* A name and what it is, without a head. */
static bool is_facts(const struct table *t)
{
	return t->column_count == 2 && !*t->columns[0].title && !*t->columns[1].title &&
	       t->columns[0].type == COLUMN_TEXT && t->columns[1].type == COLUMN_TEXT;
}

/* A single column of lines to copy: commands. */
static bool is_lines(const struct table *t)
{
	return t->column_count == 1 && t->columns[0].type == COLUMN_TEXT && !*t->columns[0].title;
}

static void find_hidden(struct view *v, const struct table *t)
{
	v->html->hidden = 0;
	v->html->bar_most = 0;
	for (size_t i = 0; v->whole && t->row_count && i < t->column_count; i++) {
		bool any = t->total && t->total->cells[i].known;

		for (size_t k = 0; k < t->row_count; k++) {
			const struct cell *c = &t->rows[k]->cells[i];

			any |= c->known && (t->columns[i].type != COLUMN_TEXT || c->len);
			if (c->known && t->columns[i].type == COLUMN_BAR &&
			    c->d > v->html->bar_most)
				v->html->bar_most = c->d;
		}
		if (!any && i < 64)
			v->html->hidden |= UINT64_C(1) << i;
	}
}

static void put_head_cell(struct view *v, const struct column *c)
{
	struct text *o = v->out;

	text_printf(o, "<th scope=\"col\" class=\"%s\">", cell_class(c));
	html_str(o, c->title);
	if (c->unit) {
		text_str(o, " (");
		html_str(o, c->unit);
		text_str(o, ")");
	} else if (c->type == COLUMN_TIME && v->settings.clock.real && !v->settings.clock.local) {
		text_str(o, " (UTC)");
	}
	text_str(o, "</th>");
}

static void head(struct view *v, const struct table *t)
{
	struct text *o = v->out;
	struct view_html *h = v->html;

	if (!h || h->in_overview || html_is_plot(v, t))
		return;
	h->rows = 0;
	h->facts = is_facts(t);
	find_hidden(v, t);
	text_str(o, "<div class=\"tbl\" id=\"t-");
	html_str(o, v->report);
	text_str(o, "-");
	html_str(o, t->name);
	text_printf(o, "\">\n<h3 id=\"h%zu\">", ++h->tables);
	html_str(o, t->title);
	text_str(o, "</h3>\n");
	h->empty = v->whole && !t->row_count && !t->total;
	if (h->empty)
		return;
	text_printf(o,
		    "<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
		    "aria-labelledby=\"h%zu\">\n<table%s>\n",
		    h->tables,
		    h->facts	  ? " class=\"facts\""
		    : is_lines(t) ? " class=\"lines\""
				  : "");
	if (!h->facts && !is_lines(t)) {
		text_str(o, "<thead><tr>");
		for (size_t i = 0; i < t->column_count; i++)
			if (!is_hidden(v, i))
				put_head_cell(v, &t->columns[i]);
		text_str(o, "</tr></thead>\n");
	}
	text_str(o, "<tbody>\n");
}

static void put_fact(struct view *v, const struct table_row *row)
{
	struct text *o = v->out;

	text_printf(o, "<tr%s><th scope=\"row\">", mark_classes[row->mark]);
	if (row->cells[0].known)
		html_text(o, row->cells[0].s, row->cells[0].len);
	text_str(o, "</th><td class=\"t l\">");
	if (row->cells[1].known)
		html_text(o, row->cells[1].s, row->cells[1].len);
	text_str(o, "</td></tr>\n");
}

static void row(struct view *v, const struct table *t, const struct table_row *row)
{
	if (!v->html || v->html->in_overview || html_is_plot(v, t) || v->html->rows++ >= ROWS_MOST)
		return;
	if (v->html->facts)
		put_fact(v, row);
	else
		put_row(v, t, row);
}

static void end_table(struct view *v, const struct table *t)
{
	text_str(v->out, "</tbody>\n");
	if (t->total) {
		text_str(v->out, "<tfoot>\n");
		put_row(v, t, t->total);
		text_str(v->out, "</tfoot>\n");
	}
	text_str(v->out, "</table>\n</div>\n");
}

static void tail(struct view *v, const struct table *t)
{
	struct text *o = v->out;
	struct view_html *h = v->html;

	if (!h)
		return;
	if (h->in_overview) {
		if (h->overview_count < HTML_TABLES)
			h->overview[h->overview_count++] = t;
		return;
	}
	if (html_is_plot(v, t)) {
		html_series(v, t);
		put_notes(o, t->notes, t->note_count);
		return;
	}
	if (h->empty)
		text_str(o, "<p class=\"none\">Nothing.</p>\n");
	else
		end_table(v, t);
	if (h->rows > ROWS_MOST)
		text_printf(
			o,
			"<p class=\"more\">%zu more rows are not in this file: choose less time "
			"with --from and --to, or ask for --format csv.</p>\n",
			h->rows - ROWS_MOST);
	if (t->left_out)
		text_printf(o, "<p class=\"more\">%" PRIu64 " more rows are left out.</p>\n",
			    t->left_out);
	put_notes(o, t->notes, t->note_count);
	text_str(o, "</div>\n");
}

/* Tables of the overview that people read; the others are the picture. */
static void put_overview(struct view *v)
{
	struct view_html *h = v->html;

	html_timeline(v, h->overview, h->overview_count);
	h->in_overview = false;
	for (size_t i = 0; i < h->overview_count; i++) {
		const struct table *t = h->overview[i];

		if (strcmp(t->name, "flags") != 0 && strcmp(t->name, "marks") != 0)
			continue;
		v->whole = true;
		head(v, t);
		for (size_t k = 0; k < t->row_count; k++)
			row(v, t, t->rows[k]);
		tail(v, t);
		v->whole = false;
	}
}

static void report_end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	const struct table *known = v->settings.notes;

	if (!v->html)
		return;
	if (v->html->in_overview)
		put_overview(v);
	if (!complete)
		text_str(v->out, "<p class=\"lacks\">This report is not complete.</p>\n");
	put_notes(v->out, notes, count);
	/* What is wrong with the whole is told with the verdict, not at the end. */
	if (!v->reports && known) {
		put_notes(v->out, known->notes, known->note_count);
		v->html->notes_shown = known->note_count;
	}
	text_str(v->out, "</section>\n");
}

static void end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	struct text *o = v->out;
	size_t shown = v->html ? min_of(v->html->notes_shown, count) : count;

	text_str(o, "</main>\n<footer>\n");
	if (!complete)
		text_str(o, "<p class=\"lacks\">Not all could be read or shown; the notes say "
			    "what is missing.</p>\n");
	put_notes(o, notes + shown, count - shown);
	text_str(o, "<p>Made by scoutfs-trace " PROJECT_VERSION
		    ". Times are of the recorded host.</p>\n</footer>\n<script>");
	text_add(o, html_script, HTML_SCRIPT_BYTES);
	text_str(o, "</script>\n</body>\n</html>\n");
}

const struct view_ops view_html = {
	.begin = begin,
	.report = report,
	.head = head,
	.row = row,
	.tail = tail,
	.report_end = report_end,
	.end = end,
};
