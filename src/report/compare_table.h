/* SPDX-License-Identifier: GPL-2.0-only */
/* One table of two recordings, joined. */
#ifndef REPORT_COMPARE_TABLE_H
#define REPORT_COMPARE_TABLE_H

#include "base/json.h"

#include "table.h"

enum { A, B, SIDES };

struct report_out;

struct compare_scale {
	/* Seconds; of ANY all that is looked at. 0: not known. */
	double covered_s[SIDES][COUNTED_IN_SOURCES];
	uint64_t limit; /* rows; 0: all */
	bool by_factor; /* a table's rows are not of one unit: rank them by how many times more */
};

int compare_tables(const struct compare_scale *c, const struct json_value *const tables[SIDES],
		   const struct json_value *const partners[SIDES], bool named,
		   struct report_out *out, struct err *e);
const struct json_value *compare_members(const struct json_value *v, const char *key,
					 enum json_type type);

#endif
