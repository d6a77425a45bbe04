/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Of a source: how far it was read, and since when nothing of it is missing. For what is concluded
 * from something that was not seen.
 */
#ifndef REPORT_COVERAGE_H
#define REPORT_COVERAGE_H

#include "analysis.h"
#include "feed.h"

struct coverage {
	bool any;      /* there is something of it, and it was looked at */
	bool filtered; /* not at all of it: the user named what is wanted */
	bool damaged;  /* a part cannot be read: nothing is known behind .end_ns */
	uint64_t end_ns;
	uint64_t loss_ns; /* the last moment at which something is missing; 0: none */
};

void coverage_find(const struct recording *rec, const struct analysis_options *o,
		   enum feed_source source, struct coverage *ret);
bool coverage_whole(const struct coverage *c, uint64_t since_ns);
const char *coverage_doubt(const struct coverage *c, uint64_t since_ns);

#endif
