/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From one sample of a counter to the next: what rises, wraps, begins again, steps back; and what
 * is no counter at all. Sums are done by hand.
 */
#include "series.h"

#include "test.h"

static struct series_value whole(uint64_t u)
{
	return (struct series_value){.u = u, .d = (double)u};
}

static struct series_value below(uint64_t u)
{
	return (struct series_value){.u = u, .negative = true, .d = -(double)u};
}

static struct series_step step(struct series_value from, struct series_value to,
			       enum counter_kind kind)
{
	return series_step(&from, &to, NSEC_PER_SEC, kind);
}

/* The step is exactly @u, and was taken for this. */
#define IS(s, want, is_negative, is_wrap, is_reset)       \
	do {                                              \
		struct series_step _s = (s);              \
		CHECK(!_s.delta.real);                    \
		CHECK(_s.delta.u == (want));              \
		CHECK_EQ(_s.delta.negative, is_negative); \
		CHECK_EQ(_s.wrapped, is_wrap);            \
		CHECK_EQ(_s.reset, is_reset);             \
	} while (0)

static void rises(void)
{
	IS(step(whole(5), whole(12), COUNTER_RISING), 7, false, false, false);
	IS(step(whole(5), whole(5), COUNTER_RISING), 0, false, false, false);
	IS(step(whole(0), whole(UINT64_MAX), COUNTER_RISING), UINT64_MAX, false, false, false);
	IS(step(below(3), whole(4), COUNTER_RISING), 7, false, false, false);
	IS(step(below(7), below(3), COUNTER_RISING), 4, false, false, false);
}

static void wraps_at_32_bits(void)
{
	IS(step(whole(4294967295), whole(0), COUNTER_RISING), 1, false, true, false);
	IS(step(whole(4294967290), whole(10), COUNTER_RISING), 16, false, true, false);
	/* At the edges of the quarters: 3 * 2^30 and 2^30. */
	IS(step(whole(3221225472), whole(1073741823), COUNTER_RISING), 2147483647, false, true,
	   false);
	IS(step(whole(3221225471), whole(1073741823), COUNTER_RISING), 1073741823, false, false,
	   true);
	IS(step(whole(3221225472), whole(1073741824), COUNTER_RISING), 1073741824, false, false,
	   true);
	/* Beyond 32 bits it is none of theirs. */
	IS(step(whole(4294967296), whole(5), COUNTER_RISING), 5, false, false, true);
}

static void wraps_at_64_bits(void)
{
	IS(step(whole(UINT64_MAX), whole(2), COUNTER_RISING), 3, false, true, false);
	IS(step(whole(UINT64_MAX - 99), whole(900), COUNTER_RISING), 1000, false, true, false);
	IS(step(whole(UINT64_C(3) << 62), whole(0), COUNTER_RISING), UINT64_C(1) << 62, false, true,
	   false);
}

static void begins_again(void)
{
	IS(step(whole(1000), whole(3), COUNTER_RISING), 3, false, false, true);
	IS(step(whole(1000), whole(0), COUNTER_RISING), 0, false, false, true);
	IS(step(whole(1000), whole(499), COUNTER_RISING), 499, false, false, true);
}

static void steps_back(void)
{
	IS(step(whole(1000), whole(500), COUNTER_RISING), 500, true, false, false);
	IS(step(whole(1000), whole(999), COUNTER_RISING), 1, true, false, false);
	IS(step(whole(2), below(3), COUNTER_RISING), 5, true, false, false);
}

static void gauges_only_change(void)
{
	IS(step(whole(4294967295), whole(0), COUNTER_GAUGE), 4294967295, true, false, false);
	IS(step(whole(1000), whole(3), COUNTER_GAUGE), 997, true, false, false);
}

static void decimals(void)
{
	struct series_value a = {.real = true, .d = 1.5}, b = {.real = true, .d = 0.25};
	struct series_step s = series_step(&a, &b, NSEC_PER_SEC, COUNTER_RISING);

	CHECK(s.delta.real && s.delta.negative && s.delta.d == -1.25);
	CHECK(!s.reset && !s.wrapped);
}

static void tells_counters_from_gauges(void)
{
	struct series_counter c = {.kind = COUNTER_UNKNOWN};

	CHECK(!series_is_rising(&c));
	c.moved = true;
	CHECK(series_is_rising(&c));
	c.fell = true;
	CHECK(!series_is_rising(&c));
	c.kind = COUNTER_RISING;
	CHECK(series_is_rising(&c));
	c.kind = COUNTER_GAUGE;
	CHECK(!series_is_rising(&c));
}

TEST_MAIN(TEST(rises), TEST(wraps_at_32_bits), TEST(wraps_at_64_bits), TEST(begins_again),
	  TEST(steps_back), TEST(gauges_only_change), TEST(decimals),
	  TEST(tells_counters_from_gauges))
