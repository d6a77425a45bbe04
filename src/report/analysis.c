/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of reports, in the order in which they are listed. The first is shown when none is
 * named. scoutfs-trace-report(1) has a paragraph on each: a test compares the two.
 */
#include "analysis.h"

const struct analysis_ops *const analysis_list[] = {
	&analysis_verdict, &analysis_about,	  &analysis_overview,	&analysis_rates,
	&analysis_locks,   &analysis_events,	  &analysis_timeline,	&analysis_commits,
	&analysis_rpc,	   &analysis_connections, &analysis_heartbeats, &analysis_series,
	&analysis_loss,
};
const size_t analysis_count = ARRAY_SIZE(analysis_list);

/** analysis_find() - the report of this name, or NULL */
const struct analysis_ops *analysis_find(const char *name)
{
	for (size_t i = 0; i < analysis_count; i++)
		if (!strcmp(analysis_list[i]->name, name))
			return analysis_list[i];
	return NULL;
}
