/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From analyses to standard output, or to a file.
 *
 * Called by analyses (analysis.h) and by report.c. Tables are kept until the analysis is done, then
 * shown in the order in which they were made; a table whose rows are handed over as they come is
 * shown at once. Standard output is written in pieces of some size and never waited for by anything
 * but itself: the child has nothing else to do.
 */
#include "out.h"

#include <errno.h>

#include "base/file.h"

#define WRITE_BYTES (256 * KIB)

static void write_out(struct report_document *d, const char *bytes, size_t n)
{
	int r;

	if (d->failed)
		return;
	if (!d->in_file)
		sandbox_shows(d->sandbox);
	r = file_write_all(d->fd, bytes, n);
	if (r < 0) {
		err_errno(d->e, r, "cannot write to %s",
			  d->in_file ? "the file" : "standard output");
		d->failed = true;
	}
}

/** out_write() - write what is there, if it is more than @more_than bytes */
void out_write(struct report_document *d, size_t more_than)
{
	if (!text_ok(&d->text) && !d->failed) {
		(void)err_nomem(d->e);
		d->failed = true;
	}
	if (d->failed || d->text.len <= more_than)
		return;
	write_out(d, d->text.s, d->text.len);
	text_reset(&d->text);
}

/** out_begin() - begin a report of which the @only_count tables @only are wanted; 0: all */
void out_begin(struct report_out *out, struct report_document *document,
	       const struct analysis_ops *ops, const char *const *only, size_t only_count)
{
	*out = (struct report_out){.document = document,
				   .ops = ops,
				   .only = only,
				   .only_count = only_count,
				   .first = !document->count++};
	table_init(&out->notes, "notes", "", NULL, 0);
}

void out_done(struct report_out *out)
{
	for (size_t i = 0; i < out->count; i++) {
		table_done(out->tables[i]);
		free(out->tables[i]);
	}
	free(out->tables);
	table_done(&out->notes);
	*out = (struct report_out){0};
}

/**
 * report_table() - a table of this report
 *
 * Owned by @out. Without memory it is one that keeps nothing; the report then fails.
 */
struct table *report_table(struct report_out *out, const char *name, const char *title,
			   const struct column *columns, size_t count)
{
	static struct table nothing;
	struct table **more = reallocarray(out->tables, out->count + 1, sizeof(*out->tables));
	struct table *t = calloc(1, sizeof(*t));

	if (more)
		out->tables = more;
	if (!more || !t) {
		free(t);
		out->failed = true;
		/* Its columns are needed for what is put in; no row of it is kept. */
		table_done(&nothing);
		table_init(&nothing, name, title, columns, count);
		nothing.limit_bytes = 0;
		nothing.failed = true;
		return &nothing;
	}
	table_init(t, name, title, columns, count);
	t->counted_in = out->ops->counted_in;
	out->tables[out->count++] = t;
	return t;
}

static bool is_wanted(struct report_out *out, const struct table *t)
{
	for (size_t i = 0; i < out->only_count; i++) {
		if (strcmp(out->only[i], t->name) != 0)
			continue;
		out->found[i] = true;
		return true;
	}
	return !out->only_count;
}

static void begin_report(struct report_out *out)
{
	if (!out->begun)
		view_report(&out->document->view, out->ops->name, out->ops->title);
	out->begun = true;
}

/**
 * report_rows() - show the rows that a table has by now, and forget them
 *
 * Until the report ends no other table may be handed over so. Only the first of several reports can
 * be shown while the others are made: later ones keep their rows, up to the table's limit.
 */
void report_rows(struct report_out *out, struct table *t)
{
	if (!out->first)
		return;
	if (is_wanted(out, t)) {
		begin_report(out);
		view_rows(&out->document->view, t);
		out->flowing = t;
	}
	table_forget_rows(t);
	out_write(out->document, WRITE_BYTES);
}

/** report_takes_text() - true: report_text() is the way; false: programs read it, make a table */
bool report_takes_text(const struct report_out *out)
{
	return out->document->view.settings.format == REPORT_TEXT;
}

/** report_is_page() - true: what is shown goes into a page for a browser */
bool report_is_page(const struct report_out *out)
{
	return out->document->view.settings.format == REPORT_HTML;
}

/** report_progress() - of an analysis that reads something itself */
void report_progress(struct report_out *out, uint64_t done_bytes, uint64_t all_bytes)
{
	sandbox_progress(out->document->sandbox, done_bytes, all_bytes);
}

/**
 * report_text() - show lines as they are
 * @bytes: @n of them, nothing in them that moves a terminal's cursor
 *
 * Written at once when there is much of it, and then not copied before.
 */
void report_text(struct report_out *out, const char *bytes, size_t n)
{
	struct report_document *d = out->document;

	if (!out->plain && d->view.reports)
		begin_report(out);
	out->plain = true;
	/* Lines are what such a report has instead of its table. */
	memset(out->found, true, sizeof(out->found));
	if (n < WRITE_BYTES) {
		text_add(&d->text, bytes, n);
		out_write(d, WRITE_BYTES);
		return;
	}
	out_write(d, 0);
	write_out(d, bytes, n);
}

void report_note(struct report_out *out, const char *fmt, ...)
{
	CLEANUP(text_free) struct text s = {0};
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&s, fmt, ap);
	va_end(ap);
	table_note(&out->notes, "%s", text_c(&s));
	out->failed |= !text_ok(&s);
}

void report_lacks(struct report_out *out, const char *fmt, ...)
{
	CLEANUP(text_free) struct text s = {0};
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&s, fmt, ap);
	va_end(ap);
	report_note(out, "%s", text_c(&s));
	out->lacks = true;
}

/* Not each recording has what each table is about. */
static void note_missing(struct report_out *out)
{
	for (size_t i = 0; i < out->only_count && !out->failed; i++)
		if (!out->found[i])
			report_note(out, "There is nothing for the table '%s' in this recording.",
				    out->only[i]);
}

/* Did its limit cut a table that would have been shown as its rows came? */
static bool is_cut(const struct report_out *out)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->tables[i]->overflowed)
			return true;
	return false;
}

/**
 * out_end() - show what is left to show of a report
 *
 * Return: 0; -ENOMEM.
 */
int out_end(struct report_out *out, struct err *e)
{
	struct view *view = &out->document->view;

	if (!out->plain)
		begin_report(out);
	if (out->flowing)
		view_table_end(view, out->flowing);
	if (!out->flowing && !out->first && is_cut(out))
		report_lacks(out, "There is more than could be kept: ask for '%s' alone.",
			     out->ops->name);
	for (size_t i = 0; i < out->count; i++) {
		if (out->tables[i] == out->flowing || !is_wanted(out, out->tables[i]))
			continue;
		out->failed |= !table_ok(out->tables[i]);
		view_table(view, out->tables[i]);
		out_write(out->document, WRITE_BYTES);
	}
	note_missing(out);
	out->failed |= !table_ok(&out->notes);
	view_report_end(view, !out->lacks && !out->document->incomplete, out->notes.notes,
			out->notes.note_count);
	return out->failed ? err_nomem(e) : 0;
}
