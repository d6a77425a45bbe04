/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A typed table: what an analysis makes and a view shows. Analyses never print, views never
 * compute; this is all that stands between them.
 *
 *	static const struct column columns[] = {
 *		{"command", "command", COLUMN_TEXT},
 *		{"latency_ns", "latency", COLUMN_DURATION},
 *		{"time_ns", "sent", COLUMN_TIME},
 *	};
 *	struct table *t = report_table(out, "slowest", "The slowest requests", columns,
 *				       ARRAY_SIZE(columns));
 *	for (...) {
 *		table_row(t);
 *		table_text(t, name);
 *		table_u64(t, latency_ns);
 *		table_u64(t, mono_ns);
 *	}
 *	table_sort(t, "latency_ns", true);
 *	table_top(t, 20);
 *	table_note(t, "%" PRIu64 " requests were never answered.", unanswered);
 *
 * Like struct text, a table remembers that an allocation failed instead of returning it from each
 * call: whoever shows it asks table_ok() once.
 */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include "base/text.h"

enum column_type {
	COLUMN_TEXT,	 /* table_text(): any bytes; views clean them */
	COLUMN_COUNT,	 /* table_u64(): a number of things */
	COLUMN_NUMBER,	 /* table_i64(): a pid, a CPU, an error */
	COLUMN_REAL,	 /* table_real() */
	COLUMN_RATE,	 /* table_real(): things a second */
	COLUMN_PERCENT,	 /* table_real(): 100 is all */
	COLUMN_DURATION, /* table_u64(): ns; its key ends in _ns */
	COLUMN_OFFSET,	 /* table_i64(): ns, before or after something; its key ends in _ns */
	COLUMN_TIME,	 /* table_u64(): CLOCK_MONOTONIC ns of the recorded host; key in _ns */
	COLUMN_BYTES,	 /* table_u64(); its key ends in _bytes */
	COLUMN_HEX,	 /* table_u64(): an identifier, not a quantity */
	COLUMN_BAR,	 /* table_real(): a picture for people, not for programs */
};

enum column_align { ALIGN_TYPE, ALIGN_LEFT, ALIGN_RIGHT }; /* ALIGN_TYPE: text left, else right */

/* What a comparison makes of the numbers of a column. */
enum column_use {
	USE_TYPE,  /* counts and bytes add up over the recording, and are told a second */
	USE_LEVEL, /* what there is at a moment, or of one thing: it does not add up */
	USE_LABEL, /* tells which one it is, like a term: nothing to be compared */
	COLUMN_USES
};

struct column {
	const char *key;   /* for programs, and stable: [a-z0-9_], begins with a letter */
	const char *title; /* for people; short */
	enum column_type type;
	unsigned int decimals; /* REAL, RATE, PERCENT: how many people see; programs see all */
	enum column_align align;
	const char *unit;   /* for people, behind the title: "pages"; NULL: none or the type's */
	unsigned int width; /* columns on the screen when rows are shown as they come; 0: the
			       type's own */
	enum column_use use;
};

/* What the time is of that counts are divided by when recordings are compared. */
enum counted_in {
	COUNTED_IN_ANY, /* several sources, or it is no count of what happened: all of the window */
	COUNTED_IN_TRACE,
	COUNTED_IN_PACKETS,
	COUNTED_IN_BOTH, /* only where there are both of them */
	COUNTED_IN_SERIES,
	COUNTED_IN_SOURCES
};
extern const char *const column_use_names[COLUMN_USES];	       /* for programs; USE_TYPE has none */
extern const char *const counted_in_names[COUNTED_IN_SOURCES]; /* for programs; ANY has none */

/* A time that is covered; .to_ns not behind .from_ns: nothing is. */
struct cover {
	uint64_t from_ns, to_ns;
};

enum row_mark { ROW_PLAIN, ROW_GOOD, ROW_WARNING, ROW_BAD }; /* colours, where there are any */

struct cell {
	union {
		uint64_t u;
		int64_t i;
		double d;
		const char *s; /* @len bytes and a NUL */
	};
	union {
		uint32_t len;
		int32_t lacks; /* of REAL: what .d is less than the whole number that is meant */
	};
	bool known; /* false: an empty cell */
};

struct table_row {
	size_t number; /* as it was added */
	enum row_mark mark;
	enum counted_in counted_in;
	struct cell cells[]; /* one for each column */
};

struct table_block;

struct table {
	const char *name, *title;
	struct column *columns;
	size_t column_count;
	struct table_row **rows;
	size_t row_count;
	struct table_row *total; /* the line below; NULL: none */
	const char **notes;	 /* sentences under the table */
	size_t note_count;
	enum counted_in counted_in; /* of its rows, unless they say something else */
	uint64_t left_out;	    /* rows that table_top() or the limit took away */
	uint64_t rows_shown;	    /* in all, of a table whose rows are shown as they come */
	bool overflowed;	    /* rows were left out because of the limit */
	bool failed;

	/* the module's own */
	size_t limit_bytes, used_bytes, row_room;
	struct table_row *current; /* the row that cells are added to; NULL: it is not kept */
	size_t next;		   /* its next cell */
	struct table_block *kept, *blocks;
};

#define TABLE_LIMIT_BYTES (64 * MIB)

void table_init(struct table *t, const char *name, const char *title, const struct column *columns,
		size_t column_count);
void table_done(struct table *t);
void table_add_column(struct table *t, const struct column *c);
bool table_ok(const struct table *t);

void table_row(struct table *t);
void table_total(struct table *t);
void table_mark(struct table *t, enum row_mark mark);
void table_row_counted_in(struct table *t, enum counted_in source);
void table_text(struct table *t, const char *s);
void table_text_n(struct table *t, const char *s, size_t n);
void table_textf(struct table *t, const char *fmt, ...) PRINTF(2, 3);
void table_u64(struct table *t, uint64_t v);
void table_i64(struct table *t, int64_t v);
void table_real(struct table *t, double v);
void table_whole(struct table *t, uint64_t magnitude, bool negative); /* REAL, to the last digit */
void table_none(struct table *t);
void table_note(struct table *t, const char *fmt, ...) PRINTF(2, 3);

int table_column(const struct table *t, const char *key);
void table_sort(struct table *t, const char *key, bool descending);
void table_top(struct table *t, size_t count);
void table_forget_rows(struct table *t);

void table_bins(struct table *t, const char *name, const char *title, enum column_type type,
		const uint64_t *values, size_t count, size_t bins);

#endif
