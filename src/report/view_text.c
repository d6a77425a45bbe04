/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables as aligned columns for a person.
 *
 * Called through view.c. A table is as wide as its cells. Where the screen is narrower, first
 * titles are broken into lines, then pictures shrink, then texts, the widest first but not below
 * their longest word, and what a text cell says goes on below; where that is not enough a row takes
 * several lines, the later ones indented. Nothing is cut. A column with nothing in it is left out.
 * Without a screen (a pipe, a file) a row stays one line, for grep. A table whose rows are shown as
 * they come is laid out by its first rows and its columns' .width.
 *
 * A moment is told twice, where there is room: as time of day, with the date when it is not the
 * trigger's, and counted from the trigger. What cells say comes from strangers: no control
 * character passes.
 */
#include "view.h"

#include <inttypes.h>

#define BETWEEN 2     /* blanks between columns */
#define INDENT 4      /* of the second and later lines of a row */
#define TEXT_LEAST 12 /* texts are not made narrower than this */
#define LAST_LEAST 30 /* nor the last column, if it is a text, and not below half of its width */
#define FLOW_LEAST 40 /* nor it in a table whose later rows are not known yet */
#define WORD_MOST 48  /* words are not broken, unless they are longer */
#define BAR_LEAST 10
#define BAR_MOST 30

#define BOLD "\033[1m"
#define FAINT "\033[2m"
#define PLAIN "\033[0m"

static const char *const mark_colors[] = {
	[ROW_PLAIN] = "",
	[ROW_GOOD] = "\033[32m",
	[ROW_WARNING] = "\033[33m",
	[ROW_BAD] = "\033[1;31m",
};

enum part { PART_CELL, PART_FROM_TRIGGER };

/* A column of the screen: a table's column, or one half of it. */
struct view_column {
	size_t column;
	enum part part;
	bool right;
	size_t width, least;
	unsigned int band; /* which line of a row it is on */
	double bar_most;   /* what a picture of full width stands for */
};

static const char *color(const struct view *v, const char *sequence)
{
	return v->settings.color ? sequence : "";
}

/* Cells. */

static void put_bar(struct text *out, double value, const struct view_column *sc)
{
	size_t n = 0;

	if (value > 0 && sc->bar_most > 0)
		n = (size_t)(value / sc->bar_most * (double)sc->width + 0.5);
	if (value > 0)
		n = max_of(n, (size_t)1);
	for (size_t i = 0; i < min_of(n, sc->width); i++)
		text_str(out, "#");
}

/* One line; tabs and newlines of a log are blanks here. */
static void put_text(struct text *out, const char *s, size_t n)
{
	while (n) {
		size_t run = 0;

		while (run < n && s[run] != '\n' && s[run] != '\t')
			run++;
		text_add_clean(out, s, run, false);
		if (run < n) {
			text_str(out, " ");
			run++;
		}
		s += run;
		n -= run;
	}
}

static void put_cell(const struct view *v, struct text *out, const struct table *t,
		     const struct view_column *sc, const struct table_row *row)
{
	const struct column *column = &t->columns[sc->column];
	const struct cell *c = &row->cells[sc->column];

	if (!c->known) {
		text_str(out, column->type == COLUMN_BAR ? "" : "-");
	} else if (sc->part == PART_FROM_TRIGGER) {
		view_put_from_trigger(v, out, c->u);
	} else if (column->type == COLUMN_TEXT) {
		put_text(out, c->s, c->len);
	} else if (column->type == COLUMN_DURATION) {
		view_put_duration(out, c->u);
	} else if (column->type == COLUMN_OFFSET) {
		text_str(out, c->i < 0 ? "-" : "+");
		view_put_duration(out, c->i < 0 ? 0 - (uint64_t)c->i : (uint64_t)c->i);
	} else if (column->type == COLUMN_TIME) {
		view_put_time(v, out, c->u);
	} else if (column->type == COLUMN_BAR) {
		put_bar(out, c->d, sc);
	} else {
		view_put_number(out, column, c);
	}
}

static void put_title(const struct view *v, struct text *out, const struct table *t,
		      const struct view_column *sc)
{
	const struct column *column = &t->columns[sc->column];

	if (sc->part == PART_FROM_TRIGGER) {
		text_str(out, "from trigger");
		return;
	}
	put_text(out, column->title, strlen(column->title));
	if (column->unit)
		text_printf(out, " (%s)", column->unit);
	else if (column->type == COLUMN_TIME && v->settings.clock.real && !v->settings.clock.local)
		text_str(out, " (UTC)");
}

/* Layout. */

/* Bytes of @s up to where a line may end: before a blank, or behind one of several flags. */
static size_t piece_of(const char *s)
{
	size_t n = strcspn(s, " |");

	return n + (s[n] == '|');
}

static size_t longest_word(const char *s)
{
	size_t longest = 0;

	while (*s) {
		size_t n = piece_of(s);

		longest = max_of(longest, text_width(s, n));
		s += n + (s[n] == ' ');
	}
	return longest;
}

static void add_shown(struct view *v, const struct table *t, size_t column, enum part part)
{
	const struct column *c = &t->columns[column];
	struct view_column *more = reallocarray(v->shown, v->shown_count + 1, sizeof(*v->shown));
	bool left = c->type == COLUMN_TEXT || c->type == COLUMN_BAR || c->type == COLUMN_TIME;

	if (!more) {
		v->out->failed = true;
		return;
	}
	v->shown = more;
	more[v->shown_count++] = (struct view_column){
		.column = column,
		.part = part,
		.right = part != PART_CELL ||
			 (c->align == ALIGN_TYPE ? !left : c->align == ALIGN_RIGHT),
		.width = c->type == COLUMN_BAR ? BAR_MOST : c->width,
	};
}

static size_t word_most(const struct view *v)
{
	return v->settings.columns ? min_of((size_t)WORD_MOST, v->settings.columns - INDENT)
				   : SIZE_MAX;
}

/* As wide as the cells that are there and the longest word of the title. */
static void measure(const struct view *v, const struct table *t, struct view_column *sc)
{
	CLEANUP(text_free) struct text s = {0};
	size_t some;

	put_title(v, &s, t, sc);
	sc->width = max_of(sc->width, longest_word(text_c(&s)));
	sc->least = v->whole ? longest_word(text_c(&s)) : sc->width;
	if (t->columns[sc->column].type == COLUMN_BAR) {
		for (size_t i = 0; i < t->row_count; i++)
			sc->bar_most = max_of(sc->bar_most, t->rows[i]->cells[sc->column].d);
		return;
	}
	for (size_t i = 0; i <= t->row_count; i++) {
		const struct table_row *row = i < t->row_count ? t->rows[i] : t->total;

		if (!row)
			continue;
		text_reset(&s);
		put_cell(v, &s, t, sc, row);
		sc->width = max_of(sc->width, text_width(text_c(&s), s.len));
		sc->least = max_of(sc->least, longest_word(text_c(&s)));
	}
	some = min_of(sc->width, (size_t)TEXT_LEAST);
	sc->least = min_of(sc->least, word_most(v));
	sc->least = max_of(sc->least, some);
	v->out->failed |= !text_ok(&s);
}

/* Of one line of the rows. */
static size_t band_width(const struct view *v, unsigned int band)
{
	size_t total = band ? INDENT : 0, count = 0;

	for (size_t i = 0; i < v->shown_count; i++)
		if (v->shown[i].band == band)
			total += v->shown[i].width + (count++ ? BETWEEN : 0);
	return total;
}

/* Titles in one line where there is room for that. */
static void widen_titles(struct view *v, const struct table *t)
{
	CLEANUP(text_free) struct text s = {0};

	for (size_t i = 0; i < v->shown_count; i++) {
		struct view_column *sc = &v->shown[i];
		size_t width, total = band_width(v, sc->band);

		text_reset(&s);
		put_title(v, &s, t, sc);
		width = text_width(text_c(&s), s.len);
		if (width > sc->width &&
		    (!v->settings.columns || total + width - sc->width <= v->settings.columns))
			sc->width = width;
	}
}

/* The widest column of @type that may be narrower; NULL: none. */
static struct view_column *widest(struct view *v, const struct table *t, enum column_type type)
{
	struct view_column *found = NULL;

	for (size_t i = 0; i < v->shown_count; i++) {
		struct view_column *sc = &v->shown[i];
		size_t least = type == COLUMN_BAR ? BAR_LEAST : sc->least;

		if (t->columns[sc->column].type == type && sc->width > least &&
		    (!found || sc->width > found->width))
			found = sc;
	}
	return found;
}

/* The last column that counts from the trigger goes, if there are more than @keep. */
static bool drop_from_trigger(struct view *v, size_t keep)
{
	size_t count = 0, last = 0;

	for (size_t i = 0; i < v->shown_count; i++) {
		if (v->shown[i].part != PART_FROM_TRIGGER)
			continue;
		count++;
		last = i;
	}
	if (count <= keep)
		return false;
	v->shown_count--;
	memmove(&v->shown[last], &v->shown[last + 1], (v->shown_count - last) * sizeof(*v->shown));
	return true;
}

static bool narrow(struct view *v, const struct table *t, enum column_type type)
{
	struct view_column *sc = widest(v, t, type);

	if (sc)
		sc->width--;
	return sc != NULL;
}

/* What can be spared most easily goes first. False: that is not enough. */
static bool shrink(struct view *v, const struct table *t)
{
	bool less = true;

	while (less && band_width(v, 0) > v->settings.columns)
		less = narrow(v, t, COLUMN_BAR) || drop_from_trigger(v, 1) ||
		       narrow(v, t, COLUMN_TEXT) || drop_from_trigger(v, 0);
	return less;
}

/* Each column where it finds room: what does not go on the line begins the next one. */
static void fold(struct view *v, const struct table *t)
{
	const size_t columns = v->settings.columns;
	unsigned int band = 0;
	size_t at = 0;

	for (size_t i = 0; i < v->shown_count; i++) {
		struct view_column *sc = &v->shown[i];
		enum column_type type = t->columns[sc->column].type;
		size_t least = type == COLUMN_TEXT  ? sc->least
			       : type == COLUMN_BAR ? BAR_LEAST
						    : sc->width;

		if (at > INDENT && at + least > columns) {
			band++;
			at = INDENT;
		}
		if (least < sc->width) {
			size_t room = columns - min_of(at, columns);

			sc->width = min_of(sc->width, max_of(room, least));
		}
		sc->band = band;
		at += sc->width + BETWEEN;
	}
}

/* A text at the end has need of room; that of rows which are not known yet takes all there is. */
static void widen_last(struct view *v, const struct table *t)
{
	struct view_column *last = v->shown_count ? &v->shown[v->shown_count - 1] : NULL;
	size_t width;

	if (!last || t->columns[last->column].type != COLUMN_TEXT)
		return;
	if (v->whole) {
		width = min_of(last->width / 2, (size_t)LAST_LEAST);
		last->least = max_of(last->least, width);
		return;
	}
	last->least = max_of(last->least, (size_t)FLOW_LEAST);
	last->width = max_of(last->width, last->least);
	width = band_width(v, last->band);
	if (width < v->settings.columns)
		last->width += v->settings.columns - width;
}

/* Nothing is in it, and nothing will be. */
static bool is_empty(const struct view *v, const struct table *t, size_t column)
{
	enum column_type type = t->columns[column].type;

	if (!v->whole || !t->row_count)
		return false;
	for (size_t i = 0; i <= t->row_count; i++) {
		const struct table_row *row = i < t->row_count ? t->rows[i] : t->total;

		if (row && row->cells[column].known &&
		    (type != COLUMN_TEXT || row->cells[column].len))
			return false;
	}
	return true;
}

static void measure_all(struct view *v, const struct table *t)
{
	v->shown_count = 0;
	for (size_t i = 0; i < t->column_count; i++) {
		if (is_empty(v, t, i))
			continue;
		add_shown(v, t, i, PART_CELL);
		if (t->columns[i].type == COLUMN_TIME && v->settings.clock.triggered)
			add_shown(v, t, i, PART_FROM_TRIGGER);
	}
	for (size_t i = 0; i < v->shown_count; i++)
		measure(v, t, &v->shown[i]);
	if (v->settings.columns)
		widen_last(v, t);
}

static void lay_out(struct view *v, const struct table *t)
{
	free(take_ptr(v->shown));
	measure_all(v, t);
	if (v->settings.columns && !shrink(v, t)) {
		measure_all(v, t);
		while (drop_from_trigger(v, 0))
			;
		fold(v, t);
		widen_last(v, t);
	}
	widen_titles(v, t);
}

/* Lines. */

/* How much of @s, @n bytes of one line, goes into @width columns: to a blank where there is one. */
static size_t line_of(const char *s, size_t n, size_t width)
{
	size_t fits = text_fitting(s, n, width), end;

	if (fits == n)
		return n;
	for (end = fits; end && s[end] != ' ' && s[end - 1] != '|'; end--)
		;
	return end ? end : fits;
}

struct lines {
	struct text s; /* of one cell */
	size_t at;     /* what was printed of it */
	bool wraps;
};

static void skip_blanks(struct lines *l)
{
	while (l->at && l->at < l->s.len && l->s.s[l->at] == ' ')
		l->at++;
}

/* The next line of each cell; true: there is more. */
static bool put_line(struct view *v, struct lines *cells, unsigned int band)
{
	CLEANUP(text_free) struct text line = {0};
	bool more = false;
	size_t at = band ? INDENT : 0, pos = 0; /* columns asked for, columns used */

	for (size_t i = 0; i < v->shown_count; i++) {
		const struct view_column *sc = &v->shown[i];
		struct lines *l = &cells[i];
		const char *s = text_c(&l->s) + l->at;
		size_t left = l->s.len - l->at;
		size_t n = l->wraps ? line_of(s, left, max_of(sc->width, (size_t)1)) : left;
		size_t width = text_width(s, n), indent = at;

		if (sc->band != band)
			continue;
		if (left && n == 0)
			n = left; /* a character wider than the column */
		if (sc->right && width < sc->width)
			indent += sc->width - width;
		if (n) {
			/* A cell wider than its column moves the others only as far as it must. */
			size_t blanks = indent > pos ? indent - pos : (pos ? BETWEEN : 0);

			text_printf(&line, "%*s", (int)blanks, "");
			text_add(&line, s, n);
			pos += blanks + width;
		}
		l->at += n;
		skip_blanks(l);
		more |= l->at < l->s.len;
		at += sc->width + BETWEEN;
	}
	text_add(v->out, text_c(&line), line.len);
	v->out->failed |= !text_ok(&line);
	return more && !v->out->failed;
}

/* @fill makes the text of one column. */
typedef void (*fill_fn)(const struct view *v, struct text *out, const struct table *t,
			const struct view_column *sc, const struct table_row *row);

static unsigned int bands(const struct view *v)
{
	return v->shown_count ? v->shown[v->shown_count - 1].band + 1 : 1;
}

/* Nothing, or "not known" in each cell: of a line that is not the first that can be left out. */
static bool says_nothing(const struct view *v, const struct lines *cells, unsigned int band)
{
	for (size_t i = 0; i < v->shown_count; i++)
		if (v->shown[i].band == band && cells[i].s.len && strcmp(cells[i].s.s, "-") != 0)
			return false;
	return true;
}

static void put_lines(struct view *v, const struct table *t, const struct table_row *row,
		      fill_fn fill, const char *on)
{
	struct lines *cells = calloc(v->shown_count + 1, sizeof(*cells));
	bool more;

	if (!cells) {
		v->out->failed = true;
		return;
	}
	for (size_t i = 0; i < v->shown_count; i++) {
		bool words = !row || t->columns[v->shown[i].column].type == COLUMN_TEXT;

		cells[i].wraps = words && v->settings.columns;
		fill(v, &cells[i].s, t, &v->shown[i], row);
		v->out->failed |= !text_ok(&cells[i].s);
	}
	for (unsigned int band = 0; band < bands(v); band++) {
		if (band && says_nothing(v, cells, band))
			continue;
		do {
			text_str(v->out, on);
			more = put_line(v, cells, band);
			text_str(v->out, *on ? PLAIN "\n" : "\n");
		} while (more);
	}
	for (size_t i = 0; i < v->shown_count; i++)
		text_free(&cells[i].s);
	free(cells);
}

static void fill_title(const struct view *v, struct text *out, const struct table *t,
		       const struct view_column *sc, const struct table_row *row)
{
	(void)row;
	put_title(v, out, t, sc);
}

static void fill_rule(const struct view *v, struct text *out, const struct table *t,
		      const struct view_column *sc, const struct table_row *row)
{
	(void)v;
	(void)t;
	(void)row;
	for (size_t i = 0; i < sc->width && !sc->band; i++)
		text_str(out, "-");
}

/* The document. */

static void begin(struct view *v)
{
	(void)v;
}

static void report(struct view *v, const char *name, const char *title)
{
	(void)name;
	(void)title;
	if (v->reports)
		text_str(v->out, "\n");
}

/* A list of names and what they are needs none. */
static bool has_titles(const struct table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (*t->columns[i].title)
			return true;
	return false;
}

static void head(struct view *v, const struct table *t)
{
	if (v->tables)
		text_str(v->out, "\n");
	text_str(v->out, color(v, BOLD));
	put_text(v->out, t->title, strlen(t->title));
	text_printf(v->out, "%s\n", color(v, PLAIN));
	lay_out(v, t);
	if (!t->row_count && !t->total)
		return;
	if (!has_titles(t))
		return;
	put_lines(v, t, NULL, fill_title, color(v, BOLD));
	put_lines(v, t, NULL, fill_rule, color(v, FAINT));
}

static void row(struct view *v, const struct table *t, const struct table_row *row)
{
	put_lines(v, t, row, put_cell, color(v, mark_colors[row->mark]));
}

/* Words of @s up to the width of the screen. */
static void put_sentence(struct view *v, const char *s)
{
	CLEANUP(text_free) struct text clean = {0};
	struct lines l = {0};
	size_t width = v->settings.columns ? v->settings.columns : SIZE_MAX;

	put_text(&clean, s, strlen(s));
	v->out->failed |= !text_ok(&clean);
	l.s = clean;
	do {
		size_t n = line_of(text_c(&clean) + l.at, clean.len - l.at, width);

		if (!n)
			n = clean.len - l.at;
		text_add(v->out, text_c(&clean) + l.at, n);
		text_str(v->out, "\n");
		l.at += n;
		skip_blanks(&l);
	} while (l.at < clean.len);
}

static void tail(struct view *v, const struct table *t)
{
	if (t->total) {
		put_lines(v, t, NULL, fill_rule, color(v, FAINT));
		row(v, t, t->total);
	}
	if (t->left_out)
		text_printf(v->out, "and %" PRIu64 " more\n", t->left_out);
	else if (!v->wrote_row && !t->total && !t->note_count)
		text_str(v->out, "nothing\n");
	for (size_t i = 0; i < t->note_count; i++)
		put_sentence(v, t->notes[i]);
}

/* The notes say what is not complete. */
static void report_end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	(void)complete;
	if (count && v->tables)
		text_str(v->out, "\n");
	for (size_t i = 0; i < count; i++)
		put_sentence(v, notes[i]);
}

static void end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	(void)complete;
	if (count && v->reports)
		text_str(v->out, "\n");
	for (size_t i = 0; i < count; i++)
		put_sentence(v, notes[i]);
}

const struct view_ops view_text = {
	.begin = begin,
	.report = report,
	.head = head,
	.row = row,
	.tail = tail,
	.report_end = report_end,
	.end = end,
};
