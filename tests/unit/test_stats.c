/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures of many values, against arithmetic by hand and a plain sort of the same values. */
#include <math.h>

#include "stats.h"
#include "test.h"

static uint64_t next_value(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void figures_worked_out_by_hand(void)
{
	static const uint64_t values[] = {2, 4, 4, 4, 5, 5, 7, 9};
	CLEANUP(stats_done) struct stats s = {0};
	uint64_t v = 0;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		stats_add(&s, values[i] * 1000);
	CHECK_EQ(s.count, 8);
	CHECK_EQ(s.least, 2000);
	CHECK_EQ(s.greatest, 9000);
	CHECK(stats_average(&s, &v));
	CHECK_EQ(v, 5000);
	/* Squares of the differences: 9 1 1 1 0 0 4 16, 32 in all; the root of 32/7 is 2.138. */
	CHECK(stats_stdev(&s, &v));
	CHECK_EQ(v, 2138);
	CHECK(stats_percentile(&s, 0.5, &v));
	CHECK(v >= 3968 && v <= 4032);
	CHECK(stats_percentile(&s, 1, &v));
	CHECK(v >= 8929 && v <= 9000);
	CHECK(stats_percentile(&s, 0, &v));
	CHECK(v >= 2000 && v <= 2016);
}

static void nothing_is_told_of_nothing(void)
{
	CLEANUP(stats_done) struct stats s = {0};
	uint64_t v = 0;

	CHECK(!stats_average(&s, &v) && !stats_percentile(&s, 0.5, &v) && !stats_stdev(&s, &v));
	stats_add(&s, 7);
	CHECK(stats_average(&s, &v) && stats_percentile(&s, 0.5, &v));
	CHECK_EQ(v, 7);
	CHECK(!stats_stdev(&s, &v));
}

static void extremes_do_not_overflow(void)
{
	CLEANUP(stats_done) struct stats s = {0};
	uint64_t v = 0;

	for (int i = 0; i < 1000; i++)
		stats_add(&s, UINT64_MAX);
	stats_add(&s, 0);
	CHECK(stats_average(&s, &v));
	CHECK_EQ(v, UINT64_MAX - UINT64_MAX / 1001);
	CHECK(stats_percentile(&s, 0.99, &v));
	CHECK(v >= UINT64_MAX / 128 * 127);
	CHECK(stats_percentile(&s, 0.0005, &v));
	CHECK_EQ(v, 0);
	CHECK(stats_stdev(&s, &v));
	CHECK_EQ(s.decades[0], 1);
	CHECK_EQ(s.decades[STATS_DECADES - 1], 1000);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void percentiles_are_near_those_of_a_sort(void)
{
	enum { N = 20000 };
	static uint64_t values[N];
	CLEANUP(stats_done) struct stats s = {0};
	uint64_t state = 1;

	/* Sizes from nanoseconds to minutes. */
	for (int i = 0; i < N; i++) {
		values[i] = next_value(&state) << next_value(&state) % 7 >> next_value(&state) % 31;
		stats_add(&s, values[i]);
	}
	qsort(values, N, sizeof(values[0]), by_value);
	for (int percent = 1; percent <= 100; percent++) {
		double want = (double)values[N / 100 * percent - 1];
		uint64_t got = 0;

		CHECK(stats_percentile(&s, percent / 100.0, &got));
		CHECK(fabs((double)got - want) <= want / 127 + 1e-9);
	}
}

static void parts_merge_to_the_whole(void)
{
	CLEANUP(stats_done) struct stats whole = {0};
	CLEANUP(stats_done) struct stats a = {0};
	CLEANUP(stats_done) struct stats b = {0};
	uint64_t state = 2, x = 0, y = 0;

	for (int i = 0; i < 3000; i++) {
		uint64_t v = next_value(&state);

		stats_add(&whole, v);
		stats_add(i % 3 ? &a : &b, v);
	}
	stats_merge(&a, &b);
	CHECK_EQ(a.count, whole.count);
	CHECK_EQ(a.least, whole.least);
	CHECK_EQ(a.greatest, whole.greatest);
	CHECK(a.sum == whole.sum);
	CHECK(memcmp(a.bins, whole.bins, STATS_BINS * sizeof(*a.bins)) == 0);
	CHECK(memcmp(a.decades, whole.decades, sizeof(a.decades)) == 0);
	CHECK(stats_stdev(&a, &x) && stats_stdev(&whole, &y));
	CHECK(x - y + 1 <= 2);
}

static void decades_are_closed_below(void)
{
	CLEANUP(stats_done) struct stats s = {0};
	uint64_t border = 10 * NSEC_PER_USEC;

	for (size_t i = 0; i + 1 < STATS_DECADES; i++, border *= 10) {
		stats_add(&s, border - 1);
		stats_add(&s, border);
	}
	CHECK_EQ(s.decades[0], 1);
	for (size_t i = 1; i + 1 < STATS_DECADES; i++)
		CHECK_EQ(s.decades[i], 2);
	CHECK_EQ(s.decades[STATS_DECADES - 1], 1);
}

struct item {
	uint64_t key;
	char name[13]; /* no multiple of anything */
};

static void top_keeps_the_greatest(void)
{
	enum { N = 5000 };
	static uint64_t values[N];
	uint64_t state = 3;
	struct top t;

	for (size_t limit = 1; limit <= 100; limit += 33) {
		top_init(&t, limit, sizeof(struct item));
		for (int i = 0; i < N; i++) {
			struct item it = {.key = next_value(&state) % 4096};

			(void)snprintf(it.name, sizeof(it.name), "%d", (int)it.key);
			values[i] = it.key;
			(void)top_add(&t, &it);
		}
		qsort(values, N, sizeof(values[0]), by_value);
		top_sort(&t);
		CHECK_EQ(t.count, limit);
		CHECK_EQ(t.offered, N);
		for (size_t i = 0; i < t.count; i++) {
			struct item it;

			memcpy(&it, top_item(&t, i), sizeof(it));
			CHECK_EQ(it.key, values[N - 1 - i]);
			CHECK_EQ(atoi(it.name), it.key);
		}
		top_done(&t);
	}
}

TEST_MAIN(TEST(figures_worked_out_by_hand), TEST(nothing_is_told_of_nothing),
	  TEST(extremes_do_not_overflow), TEST(percentiles_are_near_those_of_a_sort),
	  TEST(parts_merge_to_the_whole), TEST(decades_are_closed_below),
	  TEST(top_keeps_the_greatest))
