/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Figures of many values in little memory.
 *
 * Called by analyses for each latency, wait or interval. Least, greatest, sum and count are exact.
 * Percentiles come from a log-linear histogram: 64 equal parts between each power of two and the
 * next, so a value is known to 1/64 of itself, and the middle of its part is given. Standard
 * deviation is of a sample (n - 1), by Welford's method, which does not lose it to cancellation as
 * sums of squares do.
 */
#include "stats.h"

/* Small values have a part each; those above share one with their neighbours. */
static unsigned int bin_of(uint64_t v)
{
	unsigned int shift;

	if (v < 2 * STATS_PARTS)
		return (unsigned int)v;
	shift = 63 - (unsigned int)__builtin_clzll(v) - STATS_PARTS_LOG;
	return shift * STATS_PARTS + (unsigned int)(v >> shift);
}

/* The middle of a part. */
static uint64_t bin_middle(unsigned int bin)
{
	unsigned int shift;

	if (bin < 2 * STATS_PARTS)
		return bin;
	shift = bin / STATS_PARTS - 1;
	return ((uint64_t)(bin - shift * STATS_PARTS) << shift) + (UINT64_C(1) << (shift - 1));
}

static unsigned int decade_of(uint64_t v)
{
	static const uint64_t borders[] = {10 * NSEC_PER_USEC, 100 * NSEC_PER_USEC, NSEC_PER_MSEC,
					   10 * NSEC_PER_MSEC, 100 * NSEC_PER_MSEC, NSEC_PER_SEC,
					   10 * NSEC_PER_SEC};
	unsigned int d = 0;

	while (d < ARRAY_SIZE(borders) && v >= borders[d])
		d++;
	return d;
}

static bool have_bins(struct stats *s)
{
	if (!s->bins && !s->failed)
		s->bins = calloc(STATS_BINS, sizeof(*s->bins));
	s->failed |= !s->bins;
	return s->bins;
}

/** stats_add() - one value more; all-zero is a struct stats of none */
void stats_add(struct stats *s, uint64_t v)
{
	double from_mean = (double)v - s->mean;

	s->least = s->count ? min_of(s->least, v) : v;
	s->greatest = max_of(s->greatest, v);
	s->sum += v;
	s->count++;
	s->mean += from_mean / (double)s->count;
	s->squares += from_mean * ((double)v - s->mean);
	s->decades[decade_of(v)]++;
	if (s->bins || have_bins(s))
		s->bins[bin_of(v)]++;
}

/** stats_merge() - as if all values of @other had been added to @s */
void stats_merge(struct stats *s, const struct stats *other)
{
	double a = (double)s->count, b = (double)other->count, apart = other->mean - s->mean;

	if (!other->count)
		return;
	s->least = s->count ? min_of(s->least, other->least) : other->least;
	s->greatest = max_of(s->greatest, other->greatest);
	s->sum += other->sum;
	s->count += other->count;
	s->mean += apart * b / (a + b);
	s->squares += other->squares + apart * apart * a * b / (a + b);
	for (size_t i = 0; i < STATS_DECADES; i++)
		s->decades[i] += other->decades[i];
	if (!other->bins)
		s->failed = true;
	else if (have_bins(s))
		for (size_t i = 0; i < STATS_BINS; i++)
			s->bins[i] += other->bins[i];
}

void stats_done(struct stats *s)
{
	free(s->bins);
	*s = (struct stats){0};
}

/** stats_average() - rounded; false without values */
bool stats_average(const struct stats *s, uint64_t *ret)
{
	if (!s->count)
		return false;
	*ret = (uint64_t)((s->sum + s->count / 2) / s->count);
	return true;
}

/**
 * stats_percentile() - what a share of the values does not exceed
 * @share: 0.5 is the median, 0.99 what one in a hundred exceeds
 *
 * The value of the nearest rank, as well as its part of the histogram tells.
 *
 * Return: false without values, or when memory was short
 */
bool stats_percentile(const struct stats *s, double share, uint64_t *ret)
{
	uint64_t rank, seen = 0;

	if (!s->count || s->failed || !s->bins)
		return false;
	rank = (uint64_t)(share * (double)s->count);
	rank += (double)rank < share * (double)s->count;
	rank = min_of(max_of(rank, UINT64_C(1)), s->count);
	for (unsigned int i = 0; i < STATS_BINS; i++) {
		seen += s->bins[i];
		if (seen >= rank) {
			*ret = min_of(max_of(bin_middle(i), s->least), s->greatest);
			return true;
		}
	}
	return false;
}

/* By Newton's method, from above; libm is not linked for this one function. */
static double square_root(double v)
{
	double root = v > 1 ? v : 1, next = (root + v / root) / 2;

	while (next < root) {
		root = next;
		next = (root + v / root) / 2;
	}
	return root;
}

/** stats_stdev() - of a sample; false under two values */
bool stats_stdev(const struct stats *s, uint64_t *ret)
{
	double v;

	if (s->count < 2)
		return false;
	v = square_root(max_of(s->squares, 0.0) / (double)(s->count - 1));
	*ret = v < 0x1p64 ? (uint64_t)(v + 0.5) : UINT64_MAX;
	return true;
}

static void cell(struct table *t, bool known, uint64_t v)
{
	if (known)
		table_u64(t, v);
	else
		table_none(t);
}

/** table_stats() - the cells of STATS_COLUMNS; empty where there is nothing to tell */
void table_stats(struct table *t, const struct stats *s)
{
	uint64_t v = 0;
	bool known;

	cell(t, s->count, s->least);
	known = stats_average(s, &v);
	cell(t, known, v);
	known = stats_percentile(s, 0.5, &v);
	cell(t, known, v);
	known = stats_percentile(s, 0.99, &v);
	cell(t, known, v);
	cell(t, s->count, s->greatest);
	known = stats_stdev(s, &v);
	cell(t, known, v);
}

/** table_stats_decades() - the cells of STATS_DECADE_COLUMNS */
void table_stats_decades(struct table *t, const struct stats *s)
{
	for (size_t i = 0; i < STATS_DECADES; i++)
		table_u64(t, s->decades[i]);
}

/* ---- the greatest few ---- */

static uint64_t key_at(const struct top *t, size_t i)
{
	uint64_t key;

	memcpy(&key, top_item(t, i), sizeof(key));
	return key;
}

static void swap_items(struct top *t, size_t a, size_t b)
{
	uint8_t *x = t->items + a * t->item_bytes, *y = t->items + b * t->item_bytes;

	for (size_t i = 0; i < t->item_bytes; i++) {
		uint8_t byte = x[i];

		x[i] = y[i];
		y[i] = byte;
	}
}

static size_t sift_up(struct top *t, size_t i)
{
	while (i && key_at(t, i) < key_at(t, (i - 1) / 2)) {
		swap_items(t, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	return i;
}

static size_t sift_down(struct top *t, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < t->count; child++)
			if (key_at(t, child) < key_at(t, least))
				least = child;
		if (least == i)
			return i;
		swap_items(t, i, least);
		i = least;
	}
}

/**
 * top_init() - keep the greatest of what comes
 * @limit:      how many; 0 or more than TOP_LIMIT: TOP_LIMIT
 * @item_bytes: of an item
 */
void top_init(struct top *t, size_t limit, size_t item_bytes)
{
	*t = (struct top){.limit = limit && limit < TOP_LIMIT ? limit : TOP_LIMIT,
			  .item_bytes = item_bytes};
}

void top_done(struct top *t)
{
	free(t->items);
	*t = (struct top){0};
}

static bool room_for_item(struct top *t)
{
	size_t room = min_of(max_of(t->room * 2, (size_t)16), t->limit);
	uint8_t *more;

	if (t->count < t->room)
		return true;
	more = reallocarray(t->items, room, t->item_bytes);
	if (!more) {
		t->failed = true;
		return false;
	}
	t->items = more;
	t->room = room;
	return true;
}

/**
 * top_add() - an item; of equal keys those that came first are kept
 * @item: copied
 *
 * Return: the copy, until the next call; NULL: it is not among the greatest, or there was no memory
 */
void *top_add(struct top *t, const void *item)
{
	uint64_t key;
	size_t i;

	t->offered++;
	memcpy(&key, item, sizeof(key));
	if (!top_would(t, key))
		return NULL;
	if (t->count < t->limit) {
		if (!room_for_item(t))
			return NULL;
		i = t->count++;
		memcpy(t->items + i * t->item_bytes, item, t->item_bytes);
		i = sift_up(t, i);
	} else {
		memcpy(t->items, item, t->item_bytes);
		i = sift_down(t, 0);
	}
	return t->items + i * t->item_bytes;
}

/** top_sort() - the greatest first; nothing is added after */
void top_sort(struct top *t)
{
	size_t count = t->count;

	/* The least goes to the end, again and again. */
	while (t->count > 1) {
		swap_items(t, 0, --t->count);
		(void)sift_down(t, 0);
	}
	t->count = count;
}
