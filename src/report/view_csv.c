/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables as CSV (RFC 4180: CRLF, quotes doubled) for programs and spreadsheets.
 *
 * Called through view.c. The first line of a table is its columns' keys; numbers are whole and raw;
 * an empty cell is an empty field. A moment makes two fields, KEY_ns (CLOCK_MONOTONIC) and KEY_utc.
 * The first table stands alone, so that a report of one table is a plain CSV file; before each
 * other one come an empty line and a line "# REPORT.TABLE". Totals, notes and pictures are left
 * out: they are for people.
 *
 * Spreadsheets take a text that begins with = + - @ (or a tab or newline before one) for a
 * formula, and a stranger's bundle is full of texts: such a text gets a ' in front, which is what
 * OWASP's "CSV Injection" page advises. Numbers are never touched.
 */
#include "view.h"

#include <inttypes.h>

static void begin(struct view *v)
{
	(void)v;
}

static void report(struct view *v, const char *name, const char *title)
{
	(void)v;
	(void)name;
	(void)title;
}

/* Before each field but a line's first. */
static void separate(struct view *v, size_t *fields)
{
	if ((*fields)++)
		text_str(v->out, ",");
}

static void head(struct view *v, const struct table *t)
{
	size_t fields = 0;

	if (v->reports || v->tables)
		text_printf(v->out, "\r\n# %s.%s\r\n", v->report, t->name);
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = &t->columns[i];

		if (c->type == COLUMN_BAR)
			continue;
		separate(v, &fields);
		text_str(v->out, c->key);
		if (c->type == COLUMN_TIME) /* its key ends in _ns: table.c */
			text_printf(v->out, ",%.*s_utc", (int)strlen(c->key) - 3, c->key);
	}
	text_str(v->out, "\r\n");
}

static bool is_formula(const char *s)
{
	return *s && strchr("=+-@\t\n", *s);
}

/** view_put_csv() - any bytes as a field */
void view_put_csv(struct text *out, const char *s, size_t n)
{
	CLEANUP(text_free) struct text clean = {0};
	bool formula;

	text_add_clean(&clean, s, n, true);
	out->failed |= !text_ok(&clean);
	formula = is_formula(text_c(&clean));
	/* An empty text differs from an empty cell. */
	if (n && !formula && !strpbrk(text_c(&clean), ",\"\n\t ")) {
		text_add(out, text_c(&clean), clean.len);
		return;
	}
	text_str(out, formula ? "\"'" : "\"");
	for (const char *p = text_c(&clean); *p;) {
		size_t run = strcspn(p, "\"");

		text_add(out, p, run);
		if (p[run])
			text_str(out, "\"\"");
		p += run + (p[run] != '\0');
	}
	text_str(out, "\"");
}

static void put_time(struct view *v, const struct cell *c)
{
	uint64_t real_ns;

	if (c->known)
		text_printf(v->out, "%" PRIu64, c->u);
	text_str(v->out, ",");
	if (c->known && view_real(v, c->u, &real_ns))
		view_put_utc(v->out, real_ns);
}

static void put_cell(struct view *v, enum column_type type, const struct cell *c)
{
	if (type == COLUMN_TIME)
		put_time(v, c);
	if (!c->known)
		return;
	switch (type) {
	case COLUMN_TEXT:
		view_put_csv(v->out, c->s, c->len);
		break;
	case COLUMN_COUNT:
	case COLUMN_DURATION:
	case COLUMN_BYTES:
		text_printf(v->out, "%" PRIu64, c->u);
		break;
	case COLUMN_HEX:
		text_printf(v->out, "0x%" PRIx64, c->u);
		break;
	case COLUMN_NUMBER:
	case COLUMN_OFFSET:
		text_printf(v->out, "%" PRId64, c->i);
		break;
	case COLUMN_REAL:
	case COLUMN_RATE:
	case COLUMN_PERCENT:
		view_put_real_cell(v->out, c);
		break;
	case COLUMN_TIME:
	case COLUMN_BAR:
		break;
	}
}

static void row(struct view *v, const struct table *t, const struct table_row *row)
{
	size_t fields = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i].type == COLUMN_BAR)
			continue;
		separate(v, &fields);
		put_cell(v, t->columns[i].type, &row->cells[i]);
	}
	text_str(v->out, "\r\n");
}

static void tail(struct view *v, const struct table *t)
{
	(void)v;
	(void)t;
}

static void report_end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	(void)v;
	(void)complete;
	(void)notes;
	(void)count;
}

const struct view_ops view_csv = {
	.begin = begin,
	.report = report,
	.head = head,
	.row = row,
	.tail = tail,
	.report_end = report_end,
	.end = report_end,
};
