/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an analysis puts what it found, and the way from there to standard output.
 */
#ifndef REPORT_OUT_H
#define REPORT_OUT_H

#include "analysis.h"
#include "sandbox.h"
#include "view.h"

#define OUT_TABLES_MAX 16 /* of one report, by name */

/* Of the whole document. */
struct report_document {
	struct view view;
	struct text text; /* not written yet */
	struct sandbox *sandbox;
	int fd;	       /* where it goes */
	bool in_file;  /* which nobody sees before it is complete: not standard output */
	size_t count;  /* of reports */
	struct err *e; /* a failed write, from then on nothing is written */
	bool failed;
	bool incomplete; /* something could not be read: no report is complete */
};

/* Of one report. */
struct report_out {
	struct report_document *document;
	const struct analysis_ops *ops;
	const char *const *only; /* the tables that are wanted; borrowed */
	size_t only_count;	 /* 0: all */
	struct table **tables;	 /* owned; in the order in which they were made */
	size_t count;
	struct table notes; /* of the report, as notes of a table without columns */
	bool first;	    /* of the document: its rows may be shown as they come */
	bool begun, lacks, failed;
	struct table *flowing;	    /* the table whose rows are shown as they come */
	bool found[OUT_TABLES_MAX]; /* of .only, those that there are */
	bool plain;		    /* shown as lines: without a title of its own */
};

void out_begin(struct report_out *out, struct report_document *document,
	       const struct analysis_ops *ops, const char *const *only, size_t only_count);
int out_end(struct report_out *out, struct err *e);
void out_done(struct report_out *out);
void out_write(struct report_document *d, size_t more_than);

#endif
