/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the clocks, and ties them together in anchors.
 *
 * The recorder samples anchors throughout; the session folder and the report
 * own them from there. Nothing here converts a time: only a reader that has
 * the anchors on both sides of it can say how good a conversion is.
 */
#include <time.h>

#include "base/clock.h"

/*
 * A bracket is as narrow as five vDSO calls unless an interrupt or another
 * vCPU gets in between; the best of several tries is almost surely clean.
 */
#define SAMPLE_TRIES 16

static uint64_t read_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts); /* cannot fail: the four clocks are as old as Linux 3.10 */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_real_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

/**
 * clock_sample() - read all clocks at one moment, as nearly as that can be done
 * @ret: the other clocks' readings belong to a moment at most bound_ns away from mono_ns, either
 * way
 *
 * CLOCK_TAI equals CLOCK_REALTIME where nobody (ntpd, chronyd, adjtimex) has told the kernel the
 * offset.
 */
void clock_sample(struct clock_anchor *ret)
{
	uint64_t narrowest = UINT64_MAX;

	for (int i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = read_ns(CLOCK_MONOTONIC);
		uint64_t real = read_ns(CLOCK_REALTIME);
		uint64_t boot = read_ns(CLOCK_BOOTTIME);
		uint64_t tai = read_ns(CLOCK_TAI);
		uint64_t width = read_ns(CLOCK_MONOTONIC) - before;

		if (width >= narrowest)
			continue;
		narrowest = width;
		*ret = (struct clock_anchor){
			.mono_ns = before + width / 2,
			.real_ns = real,
			.boot_ns = boot,
			.tai_ns = tai,
			.bound_ns = width / 2 + width % 2,
		};
	}
}

/**
 * clock_real_offset() - what to add to a monotonic time near the anchor to get the time of day
 */
int64_t clock_real_offset(const struct clock_anchor *a)
{
	return (int64_t)(a->real_ns - a->mono_ns);
}
