/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of a recording under names that another one has too. */
#ifndef REPORT_SERIES_MERGED_H
#define REPORT_SERIES_MERGED_H

#include "series.h"

int series_merged(const struct recording *rec, const struct series_set *sets, size_t count,
		  struct report_out *out, struct err *e);

#endif
