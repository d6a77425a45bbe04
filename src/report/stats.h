/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Figures of many values in little memory: count, least, average, percentiles, greatest, standard
 * deviation, how many of each size; and the greatest few of many.
 */
#ifndef REPORT_STATS_H
#define REPORT_STATS_H

#include "table.h"

/* Values are told apart to one part in 64: a percentile is at most 0.8 % off. */
#define STATS_PARTS_LOG 6
#define STATS_PARTS (1U << STATS_PARTS_LOG)
#define STATS_BINS ((64 - STATS_PARTS_LOG + 1) * STATS_PARTS)

/* Of the picture of sizes, for durations: under 10 us, 100 us, ... 10 s, and above. */
#define STATS_DECADES 8
#define STATS_NOTE "Median and 99 percentile are within one part in 128; the rest is exact."

struct stats {
	uint64_t count, least, greatest;
	unsigned __int128 sum;
	double mean, squares; /* of Welford's method: squares of differences from the mean */
	uint64_t decades[STATS_DECADES];
	uint64_t *bins; /* [STATS_BINS]; made by the first value */
	bool failed;	/* there was no memory for them: percentiles are not known */
};

void stats_add(struct stats *s, uint64_t v);
void stats_merge(struct stats *s, const struct stats *other);
void stats_done(struct stats *s);
bool stats_average(const struct stats *s, uint64_t *ret);
bool stats_percentile(const struct stats *s, double share, uint64_t *ret);
bool stats_stdev(const struct stats *s, uint64_t *ret);

/* Columns of durations; the cells for them are table_stats()'s. With them comes STATS_NOTE. */
#define STATS_COLUMNS                                                                       \
	{"min_ns", "min", COLUMN_DURATION}, {"avg_ns", "average", COLUMN_DURATION},         \
		{"p50_ns", "median", COLUMN_DURATION}, {"p99_ns", "99 %", COLUMN_DURATION}, \
		{"max_ns", "max", COLUMN_DURATION},                                         \
	{                                                                                   \
		"stdev_ns", "std. deviation", COLUMN_DURATION                               \
	}
void table_stats(struct table *t, const struct stats *s);
/* And of how many were how long: STATS_DECADES columns. */
#define STATS_DECADE_COLUMNS                                                                  \
	{"under_10us", "<10 us", COLUMN_COUNT}, {"under_100us", "<100 us", COLUMN_COUNT},     \
		{"under_1ms", "<1 ms", COLUMN_COUNT}, {"under_10ms", "<10 ms", COLUMN_COUNT}, \
		{"under_100ms", "<100 ms", COLUMN_COUNT}, {"under_1s", "<1 s", COLUMN_COUNT}, \
		{"under_10s", "<10 s", COLUMN_COUNT},                                         \
	{                                                                                     \
		"over_10s", "10 s and more", COLUMN_COUNT                                     \
	}
void table_stats_decades(struct table *t, const struct stats *s);

/* The items with the greatest keys. Each item begins with its key, a uint64_t. */
struct top {
	size_t limit, item_bytes;
	size_t count;
	uint64_t offered; /* in all */
	uint8_t *items;	  /* a heap, the least first, until top_sort() */
	size_t room;
	bool failed;
};

#define TOP_LIMIT 10000 /* what "all" means */

void top_init(struct top *t, size_t limit, size_t item_bytes);
void top_done(struct top *t);
void *top_add(struct top *t, const void *item);
void top_sort(struct top *t);

/** top_would() - is it worth making an item of this key? */
static inline bool top_would(const struct top *t, uint64_t key)
{
	uint64_t least;

	if (t->count < t->limit)
		return true;
	if (!t->count)
		return false;
	memcpy(&least, t->items, sizeof(least));
	return key > least;
}

/* While they are a heap: in no order, and their keys are not to change. */
static inline void *top_at(struct top *t, size_t i)
{
	return t->items + i * t->item_bytes;
}

static inline const void *top_item(const struct top *t, size_t i)
{
	return t->items + i * t->item_bytes;
}

#endif
