/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moments as people write them. What they mean is compared with what `date -d` (GNU) makes of the
 * same words, written down here.
 */
#include <errno.h>
#include <time.h>

#include "base/text.h"
#include "report/when.h"
#include "test.h"

#define SEC ((int64_t)NSEC_PER_SEC)
#define BOOT INT64_C(1795168700) /* 2026-11-20T09:58:20Z: date -u -d @1795168700 */

static struct when w;
static struct err err;

static bool real(const void *arg, uint64_t mono_ns, uint64_t *ret)
{
	(void)arg;
	*ret = (uint64_t)(BOOT * SEC) + mono_ns;
	return true;
}

static bool mono(const void *arg, uint64_t real_ns, uint64_t *ret)
{
	(void)arg;
	*ret = real_ns < (uint64_t)(BOOT * SEC) ? 0 : real_ns - (uint64_t)(BOOT * SEC);
	return true;
}

static uint64_t trigger_ns = 100 * NSEC_PER_SEC; /* 10:00:00 */

/* Seconds of the monotonic clock; -1: refused; -2: cannot be known. */
static double resolved(const char *s, bool local, bool clocks)
{
	struct when_clock c = {.trigger_ns = trigger_ns,
			       .real = clocks ? real : NULL,
			       .mono = clocks ? mono : NULL};
	uint64_t ns;

	if (when_parse(s, local, &w, &err) < 0)
		return -1;
	return when_resolve(&w, &c, &ns, &err) < 0 ? -2 : (double)ns / 1e9;
}

#define CHECK_AT(s, seconds)                                         \
	do {                                                         \
		double at = resolved(s, false, true);                \
		if (at != (seconds))                                 \
			printf("# %s is %f: %s\n", s, at, err.text); \
		CHECK(at == (seconds));                              \
	} while (0)

static void from_the_trigger(void)
{
	CHECK_AT("-10s", 90.0);
	CHECK_AT("+1.5s", 101.5);
	CHECK_AT("-200ms", 99.8);
	CHECK_AT("-5", 95.0);
	CHECK_AT("+5", 105.0);
	CHECK_AT("0", 100.0);
	CHECK_AT("0s", 100.0);
	CHECK_AT("-0s", 100.0);
	CHECK_AT("5", -1.0);
	CHECK_AT("+0", 100.0);
	CHECK_AT("-2m", 0.0); /* before boot */
	CHECK_AT("-20.211387s", 79.788613);
	CHECK_EQ(when_parse("+9223372036s", false, &w, &err), 0);
	CHECK_EQ(when_parse("-9223372036s", false, &w, &err), 0);
}

static void by_the_monotonic_clock(void)
{
	CHECK_AT("@0", 0.0);
	CHECK_AT("@1234.567", 1234.567);
	CHECK(resolved("@5", false, false) == 5.0);
	CHECK(resolved("-5s", false, false) == 95.0);
}

/* date -u -d 2026-11-20T10:00:02Z +%s: 1795168802 */
static void by_date(void)
{
	CHECK_AT("2026-11-20T10:00:02Z", 102.0);
	CHECK_AT("2026-11-20T10:00:02", 102.0);
	CHECK_AT("2026-11-20 10:00:02.25", 102.25);
	CHECK_AT("2026-11-20T10:00", 100.0);
	CHECK_AT("2026-11-20T12:00:02+02:00", 102.0);
	CHECK_AT("2026-11-20T05:00:02-0500", 102.0);
	CHECK_AT("2026-11-20T11:00:02.000000001+01", 102.000000001);
	CHECK_AT("2026-11-21", 50500.0);
	CHECK_AT("2028-02-29T00:00:00Z", 40226500.0); /* date: 1835395200 */
	CHECK(resolved("2026-11-20T10:00:02Z", false, false) == -2);
	CHECK(strstr(err.text, "-10s"));
}

static void by_time_of_day_nearest_to_the_trigger(void)
{
	CHECK_AT("10:00:02.5", 102.5);
	CHECK_AT("10:01", 160.0);
	CHECK_AT("12:00:02+02:00", 102.0);
	CHECK(resolved("10:00", false, false) == -2);
	/* Five seconds past midnight: 23:59:50 was a moment ago. */
	trigger_ns = (uint64_t)(50500 + 5) * NSEC_PER_SEC;
	CHECK_AT("23:59:50", 50490.0);
	CHECK_AT("00:00:10", 50510.0);
	CHECK_AT("01:59:50+02:00", 50490.0);
	trigger_ns = 100 * NSEC_PER_SEC;
}

/* TZ=America/New_York date -d '2026-11-20 05:00:02' +%s: 1795168802, by a rule without files. */
static void in_the_reader_s_zone(void)
{
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	tzset();
	CHECK(resolved("2026-11-20T05:00:02", true, true) == 102.0);
	CHECK(resolved("05:00:02", true, true) == 102.0);
	CHECK(resolved("2026-11-20T10:00:02Z", true, true) == 102.0);
	CHECK(resolved("10:00:02Z", true, true) == 102.0);
	/* A summer's day: four hours. date -d '2027-07-01 00:00 EDT' +%s: 1814414400 */
	CHECK(resolved("2027-07-01", true, true) == 1814414400.0 - BOOT);
	CHECK(resolved("2026-11-20T10:00:02", false, true) == 102.0);
}

static void refuses_what_is_no_time(void)
{
	static const char *const words[] = {
		"",
		"now",
		"10",
		"10:",
		"10:0",
		"10:60",
		"24:00",
		"10:00:60",
		"10:00:02.",
		"10:00:02.5x",
		"2026-13-01",
		"2026-02-29",
		"2026-11-31",
		"2026-11-20T",
		"2026-11-20T10",
		"2026-1-2",
		"1969-12-31",
		"9999-01-01",
		"-",
		"+x",
		"--5s",
		"@",
		"@-5",
		"@5s",
		"@1e3",
		"10:00:02+25:00",
		"10:00:02+1",
		"10:00:02+02:",
		"10:00:02Z2",
		"-99999999999999d",
		"2026-11-20T10:00:02+",
		"10:00:02.1234567890",
		"1970-01-01T00:00+01:00",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (when_parse(words[i], false, &w, &err) != -EINVAL)
			printf("# '%s' is taken for a time\n", words[i]);
		CHECK_EQ(when_parse(words[i], false, &w, &err), -EINVAL);
		CHECK(strstr(err.text, "is not a time"));
	}
}

TEST_MAIN(TEST(from_the_trigger), TEST(by_the_monotonic_clock), TEST(by_date),
	  TEST(by_time_of_day_nearest_to_the_trigger), TEST(in_the_reader_s_zone),
	  TEST(refuses_what_is_no_time))
