/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recorded host's clocks, one to the other, from the anchors of a bundle: packets carry
 * CLOCK_REALTIME, everything else is placed on CLOCK_MONOTONIC.
 */
#ifndef REPORT_CLOCKS_H
#define REPORT_CLOCKS_H

#include "bundle.h"

struct clocks_anchor {
	uint64_t mono_ns;
	int64_t offset_ns; /* REALTIME - MONOTONIC */
};

struct clocks {
	struct clocks_anchor *anchors; /* by mono_ns */
	size_t count, room;
	uint64_t bound_ns; /* no reading of an anchor was further off; 0: they do not say */
	/* How far off lines of the kernel log may be, against anchors; 0: that is not known. */
	uint64_t log_bound_ns;
	uint64_t steps; /* how often the wall clock was set */
};

/* Without anchors every conversion says false. */
int clocks_load(const struct bundle *b, struct clocks *ret, struct err *e);
/* How far a moment that clocks_mono_of_real() gives may be off; false: not known. */
bool clocks_bound(const struct clocks *c, uint64_t *ret_ns);
void clocks_done(struct clocks *c);
bool clocks_real_of_mono(const struct clocks *c, uint64_t mono_ns, uint64_t *ret_real_ns);
/* @near_mono_ns: about when it was, which tells the times apart that a clock set back has twice. */
bool clocks_mono_of_real(const struct clocks *c, uint64_t real_ns, uint64_t near_mono_ns,
			 uint64_t *ret_mono_ns);

#endif
