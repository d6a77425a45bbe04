/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Series of a recording, read: counters that were sampled at intervals, with what is known of each
 * over the time that is looked at. scoutfs-trace-report(1), SERIES, tells the rules.
 */
#ifndef REPORT_SERIES_H
#define REPORT_SERIES_H

#include "format/counters.h"
#include "format/series.h"

#include "analysis.h"

#define SERIES_COUNTERS_MAX 50000 /* of a recording; what is beyond is counted */

/* Of a table: whose row it is. */
#define SERIES_NAME_COLUMNS                                               \
	{"series", "series", COLUMN_TEXT}, {"file", "file", COLUMN_TEXT}, \
	{                                                                 \
		"counter", "counter", COLUMN_TEXT                         \
	}

/* One stream of samples. */
struct series_source {
	const struct bundle_stream *stream;
	char name[SERIES_NAME_MAX + 1];
	bool has_interval;
	uint64_t interval_ns; /* 0: at the start and at the end */
};

struct series_value {
	bool real;     /* only .d has it */
	bool negative; /* .u is how far below 0 it is */
	uint64_t u;
	double d;
};

/* From one sample of a counter to the next. */
struct series_step {
	uint64_t ns; /* between them */
	bool wrapped, reset;
	struct series_value delta; /* of a reset all that was counted since */
};

struct series_counter {
	char *name; /* NUL-terminated; may hold anything else */
	uint32_t name_bytes, label;
	enum counter_kind kind; /* as the layout says; series_is_rising() knows better */
	bool hidden;		/* by --counter */
	bool fell;		/* in a way that no counter does */
	bool moved, overflowed; /* .sum is not exact any more */
	uint64_t samples, resets, wraps;
	struct series_value first, last, least, most;
	struct series_value sum; /* of all deltas */
	double total;		 /* of all values */
	uint64_t covered_ns;	 /* that the deltas are over */
	double min_per_s, max_per_s;
	uint64_t max_ns; /* when the interval of .max_per_s ended */
	/* The same around the trigger. */
	uint64_t near_samples, near_ns;
	double near_sum, near_total;
	uint64_t last_ns;
	size_t index; /* the caller's own */
};

/* Where a section was read from. */
struct series_label {
	char *path;
	const char *text; /* what of it tells it from the others; within .path */
	uint32_t text_bytes;
	uint64_t unreadable;
	uint64_t cut;		      /* of what was read: there was more */
	char error[SERIES_ERROR_MAX]; /* the last */
};

/* All counters of one series. */
struct series_set {
	struct series_source source;
	struct series_counter *counters;
	size_t count, room;
	uint32_t *slots; /* 1 + index; 0 none */
	size_t slot_count;
	struct series_label *labels;
	size_t label_count;
	uint64_t left_out; /* values of counters beyond the limit */
	uint64_t salt;
	size_t expected; /* the counter that most likely comes next */

	/* Of the samples in the window. */
	uint64_t samples, first_ns, last_ns, took_ns, took_max_ns, longest_ns;
	uint64_t missed;     /* beats of the interval without a sample */
	uint64_t damaged;    /* chunks */
	uint64_t skipped;    /* bytes that are no samples */
	uint64_t unreadable; /* sections */
	uint64_t cut;	     /* sections that are the beginning of a longer file */
};

/* What is looked at, and who is told. Functions may be NULL. */
struct series_look {
	const struct recording *rec;
	uint64_t from_ns, to_ns;
	const struct analysis_options *options;
	struct report_out *out; /* is told how far it has come */
	size_t budget;		/* counters that may still be added */
	void (*begin)(void *arg, struct series_set *s, uint64_t ns);
	void (*value)(void *arg, struct series_set *s, struct series_counter *c, uint64_t ns,
		      const struct series_value *v);
	void (*end)(void *arg, struct series_set *s, uint64_t ns);
	void *arg;
};

size_t series_sources(const struct recording *rec, struct series_source **ret, struct err *e);
int series_learn(struct series_look *l, const struct series_source *source, struct series_set *ret,
		 struct err *e);
int series_learn_all(struct series_look *l, const struct series_source *sources, size_t count,
		     struct series_set *sets, struct err *e);
int series_again(const struct series_look *l, struct series_set *s, struct err *e);
void series_set_done(struct series_set *s);

struct series_step series_step(const struct series_value *from, const struct series_value *to,
			       uint64_t ns, enum counter_kind kind);
bool series_is_rising(const struct series_counter *c);
double series_near_factor(const struct series_counter *c, double *ret_near, double *ret_rest);
const char *series_label_of(const struct series_set *s, const struct series_counter *c,
			    size_t *ret_bytes);
/* By file, then by name, numbers in names by their value. */
int series_order(const struct series_set *s, const struct series_counter *a,
		 const struct series_counter *b);

#endif
