/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Views: tables as text for people, CSV and JSON for programs. They append to a text, which whoever
 * called them writes out and empties when it likes: nothing is kept of what was shown, so a table
 * of a billion rows may be shown as its rows come.
 *
 *	view_begin(&v, &settings, &out);
 *	view_report(&v, "rpc", "requests and responses");
 *	view_table(&v, t);                      a table that is complete
 *	view_rows(&v, t); table_forget_rows(t); ...   one that is shown as it comes; at its end:
 *	view_table_end(&v, t);
 *	view_report_end(&v, complete, notes, note_count);
 *	view_end(&v, complete, notes, note_count);
 *
 * scoutfs-trace-report(1) describes what each writes.
 */
#ifndef REPORT_VIEW_H
#define REPORT_VIEW_H

#include "base/json.h"
#include "report/report.h"

#include "table.h"

/* How times are told. */
struct view_clock {
	bool triggered; /* there is a trigger to count from */
	uint64_t trigger_ns;
	/* CLOCK_REALTIME of the recorded host at @mono_ns; false: not known. NULL: never known. */
	bool (*real)(const void *arg, uint64_t mono_ns, uint64_t *ret_real_ns);
	const void *arg;
	bool local; /* for people: in the zone of whoever reads, instead of UTC */
};

struct view_settings {
	enum report_format format;
	bool color;
	unsigned int columns; /* of the terminal; 0: lines may be of any length */
	struct view_clock clock;
	uint64_t from_ns, to_ns;		 /* JSON: what is covered; both 0: not known */
	struct cover covers[COUNTED_IN_SOURCES]; /* JSON: by which source; none of ANY */
	/* HTML: for the list of contents, and what is known to be true of the whole document when
	 * its first report ends: @notes's notes. Borrowed until view_end(). */
	const char *title; /* of the window; NULL: none */
	const char *const *reports;
	size_t report_count;
	const struct table *notes;
};

struct view {
	struct view_settings settings;
	struct text *out;
	const struct view_ops *ops;

	/* the views' own */
	bool in_table, whole;	/* whole: all its rows are there at its head */
	size_t reports, tables; /* shown before: in the document; in the report */
	struct view_column *shown;
	size_t shown_count;
	const char *report;
	bool wrote_row;
	struct json_writer json;
	struct view_html *html; /* owned; view_html.c */
};

/* One for each format. */
struct view_ops {
	void (*begin)(struct view *v);
	void (*report)(struct view *v, const char *name, const char *title);
	void (*head)(struct view *v, const struct table *t); /* with its first rows, if any */
	void (*row)(struct view *v, const struct table *t, const struct table_row *row);
	void (*tail)(struct view *v, const struct table *t); /* total, rows left out, notes */
	void (*report_end)(struct view *v, bool complete, const char *const *notes, size_t count);
	/* The document's own: what is true of every report in it. */
	void (*end)(struct view *v, bool complete, const char *const *notes, size_t count);
};
extern const struct view_ops view_text, view_csv, view_json, view_html;

void view_begin(struct view *v, const struct view_settings *settings, struct text *out);
void view_report(struct view *v, const char *name, const char *title);
void view_table(struct view *v, const struct table *t);
void view_rows(struct view *v, const struct table *t);
void view_table_end(struct view *v, const struct table *t);
void view_report_end(struct view *v, bool complete, const char *const *notes, size_t count);
void view_end(struct view *v, bool complete, const char *const *notes, size_t count);

/* Shared by the views. */
bool view_real(const struct view *v, uint64_t mono_ns, uint64_t *ret_real_ns);
void view_put_real(struct text *out, double d);
void view_put_real_cell(struct text *out, const struct cell *c);
void view_put_utc(struct text *out, uint64_t real_ns);
void view_put_csv(struct text *out, const char *s, size_t n);
/* For people; view_text.c. */
void view_put_duration(struct text *out, uint64_t ns);
void view_put_time(const struct view *v, struct text *out, uint64_t mono_ns);
void view_put_from_trigger(const struct view *v, struct text *out, uint64_t mono_ns);
void view_put_number(struct text *out, const struct column *column, const struct cell *c);

#endif
