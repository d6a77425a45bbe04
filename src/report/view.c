/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the views have in common: the order in which a document is told, and forms of numbers.
 *
 * Called by report.c. Each format is a table of functions in view_FORMAT.c; here a table that is
 * complete and one whose rows are shown as they come are made the same for them.
 */
#include "view.h"

#include <inttypes.h>
#include <time.h>

static const struct view_ops *const formats[] = {
	[REPORT_TEXT] = &view_text,
	[REPORT_CSV] = &view_csv,
	[REPORT_JSON] = &view_json,
	[REPORT_HTML] = &view_html,
};

/**
 * view_begin() - begin a document
 * @settings: copied
 * @out:      appended to; borrowed until view_end(); may be emptied between two calls
 */
void view_begin(struct view *v, const struct view_settings *settings, struct text *out)
{
	*v = (struct view){.settings = *settings, .out = out, .ops = formats[settings->format]};
	v->ops->begin(v);
}

/** view_report() - begin the report @name; both strings are borrowed until view_report_end() */
void view_report(struct view *v, const char *name, const char *title)
{
	v->report = name;
	v->tables = 0;
	v->ops->report(v, name, title);
}

/**
 * view_rows() - show the rows that a table has now; the caller has it forget them
 * @t: the same from its first rows to view_table_end(); its total and notes are shown there
 */
void view_rows(struct view *v, const struct table *t)
{
	if (!v->in_table) {
		v->in_table = true;
		v->wrote_row = false;
		v->ops->head(v, t);
	}
	for (size_t i = 0; i < t->row_count; i++) {
		v->ops->row(v, t, t->rows[i]);
		v->wrote_row = true;
	}
	v->out->failed |= !table_ok(t);
}

/** view_table_end() - the end of a table whose rows were shown as they came, or had none */
void view_table_end(struct view *v, const struct table *t)
{
	view_rows(v, t);
	v->ops->tail(v, t);
	v->in_table = false;
	v->tables++;
	free(take_ptr(v->shown));
}

/** view_table() - show a complete table; one that lacks memory fails the text that it goes to */
void view_table(struct view *v, const struct table *t)
{
	v->whole = true;
	view_table_end(v, t);
	v->whole = false;
}

/**
 * view_report_end() - the end of a report
 * @complete: false: what was shown is not all, for a reason that is among @notes
 * @notes:    @count sentences
 */
void view_report_end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	v->ops->report_end(v, complete, notes, count);
	v->reports++;
}

/** view_end() - the end of the document, with what is true of all its reports */
void view_end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	v->ops->end(v, complete, notes, count);
	free(take_ptr(v->shown));
	free(take_ptr(v->html));
}

/** view_real() - CLOCK_REALTIME at a moment of the recorded host; false: not known */
bool view_real(const struct view *v, uint64_t mono_ns, uint64_t *ret_real_ns)
{
	const struct view_clock *c = &v->settings.clock;

	return c->real && c->real(c->arg, mono_ns, ret_real_ns);
}

/** view_put_real() - the shortest number that reads back as @d; it is finite */
void view_put_real(struct text *out, double d)
{
	char buf[32];

	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(buf, sizeof(buf), "%.*g", digits, d);
		if (strtod(buf, NULL) == d)
			break;
	}
	text_str(out, buf);
}

/** view_put_real_cell() - the same of a cell, which may be a whole number beyond what doubles hold
 */
void view_put_real_cell(struct text *out, const struct cell *c)
{
	__int128 whole;

	if (!c->lacks) {
		view_put_real(out, c->d);
		return;
	}
	whole = (__int128)c->d + c->lacks;
	text_printf(out, "%s%" PRIu64, whole < 0 ? "-" : "",
		    (uint64_t)(whole < 0 ? -whole : whole));
}

/** view_put_utc() - a moment for programs: "2026-11-20T10:00:02.123456789Z" */
void view_put_utc(struct text *out, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / NSEC_PER_SEC);
	struct tm tm;

	(void)gmtime_r(&seconds, &tm); /* cannot fail: 2^64 ns end in the year 2554 */
	text_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09" PRIu64 "Z", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		    real_ns % NSEC_PER_SEC);
}
