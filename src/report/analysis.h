/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Analyses: what `scoutfs-trace report BUNDLE NAME` can be asked for. Each is one analysis_NAME.c
 * and one line of the table in analysis.c. An analysis says what it wants to see, is shown it in
 * time order, once, and makes tables of it; it never prints.
 *
 * Everything is called in one thread. Times are CLOCK_MONOTONIC ns of the recorded host, whatever
 * clock the source had. The input is a stranger's: no number in it is to be trusted as an index, a
 * size or a time difference without a look, and what grows with the input has a limit.
 */
#ifndef REPORT_ANALYSIS_H
#define REPORT_ANALYSIS_H

#include "format/kmsg.h"
#include "format/tcpflow.h"
#include "format/wire.h"
#include "report/report.h"

#include "recording.h"
#include "table.h"
#include "trace_feed.h"

#define EVENT_WANT_FIELDS 16

struct files; /* files.h */

/* A field of the event at hand; NULL where this event has none of that name (event_field_u64()
 * takes it). In the order of event_want.fields. */
typedef const struct event_field *const *event_fields;
typedef void (*event_want_fn)(void *self, const struct trace_event *e, event_fields f);

/* An event that an analysis wants to see. Events that a module does not have are just not there. */
struct event_want {
	const char *system, *event;
	event_want_fn fn;
	const char *fields[EVENT_WANT_FIELDS];
};

/* A kernel-log line. */
struct log_line {
	uint64_t ns;
	unsigned int level, facility; /* facility 0: the kernel itself */
	bool foreign;		      /* not to be believed: a program's, in a recording that takes
					 the kernel's only */
	const char *text;	      /* NUL-terminated */
	size_t bytes;
};

/* A quorum datagram, from the packets. */
struct datagram {
	uint64_t ns;
	struct wire_addr source, destination;
	struct wire_quorum quorum;
};

/* A packet as it was captured. */
struct captured_packet {
	uint64_t ns, real_ns; /* real_ns: its own stamp */
	const uint8_t *bytes; /* @captured of them; borrowed until the callback returns */
	uint32_t captured, on_wire;
};

/* What the user asked for beyond names, the same for every analysis. */
struct analysis_options {
	size_t limit;	  /* rows of a "top" table */
	bool names;	  /* decode numbers in the text of events */
	bool nanoseconds; /* nine digits in its times */
	uint64_t from_ns, to_ns;
	bool filtered; /* not all of the window is shown: filters, or sources that are not read */
	const struct report_filter *filters;
	size_t filter_count;
	/* Of series. */
	bool nonzero;
	bool merged; /* as another recording names them: for a comparison */
	enum report_as as;
	uint64_t interval_ns, smooth;
	struct files *csv, *gnuplot; /* NULL: not wanted */
};

/* Where an analysis puts its tables. */
struct report_out;
struct table *report_table(struct report_out *out, const char *name, const char *title,
			   const struct column *columns, size_t count);
/* Show the rows so far and forget them: for tables that do not end. */
void report_rows(struct report_out *out, struct table *t);
/* Lines that are shown as they are, instead of a table: for people only, so first ask. */
bool report_takes_text(const struct report_out *out);
void report_text(struct report_out *out, const char *bytes, size_t n);
/* A page for a browser is made: tables for pictures are shown as such. */
bool report_is_page(const struct report_out *out);
/* For what is read besides the feed: how far it has come. */
void report_progress(struct report_out *out, uint64_t done_bytes, uint64_t all_bytes);
/* A sentence at the end of the report. */
void report_note(struct report_out *out, const char *fmt, ...) PRINTF(2, 3);
/* The same, and the report is known not to be all there was: the exit status says so too. */
void report_lacks(struct report_out *out, const char *fmt, ...) PRINTF(2, 3);

struct analysis_ops {
	const char *name;
	const char *title;   /* of the report, for people */
	const char *tables;  /* their names, with blanks between; not each recording has all */
	const char *summary; /* one line for the list of reports */
	size_t self_bytes;   /* zeroed memory that the functions get as @self */
	const struct event_want *wants;
	size_t want_count;
	enum counted_in counted_in; /* of its tables, unless they say something else */
	bool endless; /* a row for each thing that happened: made only when it is named */

	/* Any of these may be NULL; what is not NULL is what has to be read. */
	int (*open)(void *self, const struct recording *rec, const struct analysis_options *o,
		    struct report_out *out, struct err *e);
	void (*each_event)(void *self, const struct trace_event *e); /* all, and gaps */
	void (*tally)(void *self, const struct trace_tally *t, size_t count);
	/* From the packets; a connection is known by its number. See tcpflow.h. */
	void (*begin)(void *self, const struct tcpflow_connection *c, enum tcpflow_begin how);
	void (*message)(void *self, const struct tcpflow_connection *c,
			const struct tcpflow_message *m);
	void (*gap)(void *self, const struct tcpflow_connection *c, const struct tcpflow_gap *g);
	void (*end)(void *self, const struct tcpflow_connection *c, uint64_t ns,
		    enum tcpflow_end how);
	void (*datagram)(void *self, const struct datagram *d);
	void (*packet)(void *self, const struct captured_packet *p); /* each, read or not */
	void (*log)(void *self, const struct log_line *l);
	/* A file about the host, at the moment when it was collected. */
	void (*context)(void *self, const struct context_file *f);
	int (*result)(void *self, struct report_out *out, struct err *e);
	void (*done)(void *self);
};

extern const struct analysis_ops analysis_verdict;
extern const struct analysis_ops analysis_heartbeats;
extern const struct analysis_ops analysis_loss;
extern const struct analysis_ops analysis_about;
extern const struct analysis_ops analysis_rates, analysis_locks, analysis_events;
extern const struct analysis_ops analysis_timeline, analysis_commits;
extern const struct analysis_ops analysis_rpc, analysis_overview;
extern const struct analysis_ops analysis_connections;
extern const struct analysis_ops analysis_series;
/* --csv and --gnuplot: not in the table, they are reports of the files that they made. */
extern const struct analysis_ops export_csv, export_gnuplot;

/* The table: in the order in which it is listed; the first is shown when none is named. */
extern const struct analysis_ops *const analysis_list[];
extern const size_t analysis_count;
const struct analysis_ops *analysis_find(const char *name);

#endif
