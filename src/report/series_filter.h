/* SPDX-License-Identifier: GPL-2.0-only */
/* Which counters of a series --counter names. */
#ifndef REPORT_SERIES_FILTER_H
#define REPORT_SERIES_FILTER_H

#include "series.h"

bool series_are_named(const struct analysis_options *o);
bool series_is_wanted(const struct series_set *s, const struct analysis_options *o,
		      const char *name, size_t n);
int series_note_unmatched(const struct analysis_options *o, const struct series_set *sets,
			  size_t count, struct report_out *out, struct err *e);

#endif
