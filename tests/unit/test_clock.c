/* SPDX-License-Identifier: GPL-2.0-only */
/* Anchors, against the clocks read directly around them. */
#include <time.h>

#include "base/clock.h"
#include "test.h"

static uint64_t raw(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void reads_the_clocks(void)
{
	uint64_t mono = raw(CLOCK_MONOTONIC), real = raw(CLOCK_REALTIME);

	CHECK(clock_mono_ns() >= mono);
	CHECK(clock_mono_ns() <= raw(CLOCK_MONOTONIC));
	CHECK(clock_real_ns() - real <
	      UINT64_C(3600000000000)); /* the right clock; it may be stepped meanwhile */
}

static void anchor_lies_where_it_was_taken(void)
{
	uint64_t before[4], after[4];
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
					   CLOCK_TAI};
	struct clock_anchor a;

	for (int i = 0; i < 4; i++)
		before[i] = raw(clocks[i]);
	clock_sample(&a);
	for (int i = 0; i < 4; i++)
		after[i] = raw(clocks[i]);
	CHECK(before[0] <= a.mono_ns && a.mono_ns <= after[0]);
	CHECK(before[1] <= a.real_ns && a.real_ns <= after[1]);
	CHECK(before[2] <= a.boot_ns && a.boot_ns <= after[2]);
	CHECK(before[3] <= a.tai_ns && a.tai_ns <= after[3]);
	CHECK(a.bound_ns <= (after[0] - before[0]) / 2 + 1);
}

/*
 * BOOTTIME - MONOTONIC only changes in suspend. A monotonic reading between two
 * readings of the boot clock bounds it from both sides; an anchor may be off
 * from that by its own bound, and by no more.
 */
static void bound_holds(void)
{
	for (int i = 0; i < 1000; i++) {
		uint64_t before = raw(CLOCK_BOOTTIME), mono = raw(CLOCK_MONOTONIC);
		uint64_t after = raw(CLOCK_BOOTTIME);
		struct clock_anchor a;
		int64_t offset, bound;

		clock_sample(&a);
		offset = (int64_t)(a.boot_ns - a.mono_ns);
		bound = (int64_t)a.bound_ns;
		CHECK(bound > 0);
		CHECK(offset >= (int64_t)(before - mono) - bound);
		CHECK(offset <= (int64_t)(after - mono) + bound);
	}
}

static void offset_leads_to_the_time_of_day(void)
{
	struct clock_anchor a = {.mono_ns = 5, .real_ns = 1000},
			    early = {.mono_ns = 1000, .real_ns = 5};

	CHECK_EQ(clock_real_offset(&a), 995);
	CHECK_EQ(clock_real_offset(&early), -995);
}

TEST_MAIN(TEST(reads_the_clocks), TEST(anchor_lies_where_it_was_taken), TEST(bound_holds),
	  TEST(offset_leads_to_the_time_of_day))
