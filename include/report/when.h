/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moments as people write them, of a recording whose clocks are not known yet when they are
 * written: first parsed, then, with the recording open, resolved to CLOCK_MONOTONIC.
 *
 *	2026-11-20T10:00:02.5   a date and a time, with Z, an offset as +02:00, or the default zone
 *	10:00:02.5              a time of day: the one that is nearest to the trigger
 *	-10s +1.5s -200ms       before or after the trigger
 *	@1234.567               seconds of CLOCK_MONOTONIC of the recorded host
 */
#ifndef REPORT_WHEN_H
#define REPORT_WHEN_H

#include "base/err.h"

enum when_kind { WHEN_NONE, WHEN_REAL, WHEN_DAY, WHEN_TRIGGER, WHEN_MONO };

struct when {
	enum when_kind kind;
	bool local; /* WHEN_DAY: of the zone of whoever reads; else UTC and .ns has the offset */
	int64_t ns; /* since 1970, since midnight, from the trigger, of CLOCK_MONOTONIC */
};

/* What a recording knows. The functions say false where its clocks were not recorded. */
struct when_clock {
	uint64_t trigger_ns; /* or the end, when there was no trigger */
	bool (*real)(const void *arg, uint64_t mono_ns, uint64_t *ret_real_ns);
	bool (*mono)(const void *arg, uint64_t real_ns, uint64_t *ret_mono_ns);
	const void *arg;
};

int when_parse(const char *s, bool local, struct when *ret, struct err *e);
int when_resolve(const struct when *w, const struct when_clock *c, uint64_t *ret_mono_ns,
		 struct err *e);

#endif
