/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One clock: everything is placed on CLOCK_MONOTONIC, in nanoseconds.
 *
 * The other clocks are tied to it by anchors: readings of all of them taken
 * between two readings of CLOCK_MONOTONIC. The width of that bracket is the
 * error bound of the anchor and travels with it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/util.h"

struct clock_anchor {
	uint64_t mono_ns; /* the middle of the bracket */
	uint64_t real_ns;
	uint64_t boot_ns;
	uint64_t tai_ns;
	uint64_t bound_ns; /* half the width of the bracket: no reading is further off than this */
};

uint64_t clock_mono_ns(void);
uint64_t clock_real_ns(void);
void clock_sample(struct clock_anchor *ret);
int64_t clock_real_offset(const struct clock_anchor *a); /* REALTIME - MONOTONIC, ns */

#endif
