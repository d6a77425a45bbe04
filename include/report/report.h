/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports, as src/cmd sees them: a bundle and a wish in, tables on standard output.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/err.h"
#include "base/text.h"
#include "format/wire.h"
#include "report/when.h"

enum report_format { REPORT_TEXT, REPORT_CSV, REPORT_JSON, REPORT_HTML };

/* A file for another program instead of reports. */
enum report_export { EXPORT_NONE, EXPORT_PERFETTO, EXPORT_PCAPNG };

/* What is not let through is not seen by any report. Of one kind, any may match; all kinds must. */
enum report_filter_kind {
	FILTER_SOURCE, /* trace, packets, log or context; several: packets,log */
	FILTER_EVENT,  /* SYSTEM, SYSTEM:EVENT or EVENT; with * and ? */
	FILTER_PID,    /* numbers: 1,4-7 */
	FILTER_COMM,   /* name of a process, as the kernel has it: 15 bytes; with * and ? */
	FILTER_CPU,
	FILTER_RID,	/* a mount: all of its rid, six digits, or f.xxxxxx.r.xxxxxx */
	FILTER_PEER,	/* a side of a connection: IP:PORT or IP */
	FILTER_COMMAND, /* of messages: names or numbers: LOCK,7 */
	FILTER_WHERE,	/* a condition on the fields of trace events; of these, all must hold */
	FILTER_COUNTER, /* of series: NAME or SERIES:NAME; with * and ? */
};

struct report_filter {
	enum report_filter_kind kind;
	const char *text; /* as written */
	uint64_t number;  /* PID, CPU: the first; RID: the bits that count; SOURCE, COMMAND: which,
			     as bits */
	uint64_t mask, fsid, fsid_mask; /* RID; mask 0 of the fsid: any */
	struct wire_addr peer;		/* PEER; port 0: any */
};

/* What of counters is written: as they were read, from sample to sample, or that a second. */
enum report_as { AS_RAW, AS_DELTA, AS_RATE };

/* Plain data, const from parsing on. Strings belong to argv. */
struct report_config {
	const char *bundle;
	const char *other;	    /* a second one to be compared with it, or NULL */
	const char *const *reports; /* NAME or NAME.TABLE; none: those that are the default */
	size_t report_count;
	enum report_export export; /* then nothing of the reports' form counts */
	const char *output;	   /* of an export: as .html; NULL: standard output */
	enum report_format format;
	const char *html; /* HTML: the file to make, or to put in place of the one that is there */
	struct when from, to;
	const struct report_filter *filters;
	size_t filter_count;
	uint64_t limit;	  /* rows of tables that rank; 0: all */
	bool names;	  /* say what numbers in events mean */
	bool nanoseconds; /* in the text of events */
	bool local;	  /* times in the reader's zone instead of UTC */
	/* Of series. */
	const char *csv, *gnuplot; /* folders to make files in; NULL: none */
	bool nonzero;		   /* leave out counters that never move */
	bool merged;		   /* under names that another recording has too */
	enum report_as as;
	uint64_t interval_ns, smooth; /* of --gnuplot */
	bool color;
	unsigned int columns; /* of the terminal; 0: none */
};

/* One line of the list of reports. */
struct report_row {
	const char *name, *summary;
	const char *tables; /* names, with blanks between */
};

size_t report_list(const struct report_row **ret);
/* A filter as a person wrote it; .text is borrowed. */
int report_filter_parse(enum report_filter_kind kind, const char *s, struct report_filter *ret,
			struct err *e);
/*
 * 0: all is shown; 1: what could be read is shown. -EINVAL: no such report or table; -ENOMEM;
 * another negative errno: nothing is shown.
 */
int report_run(const struct report_config *c, struct err *e);

#endif
