/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace export BUNDLE`: a recording as a file for another program.
 *
 * Called by main; needs no root. All is report_run()'s, but that a terminal is no such program.
 */
#include "cmd.h"

#include <errno.h>

#include "report/report.h"

static bool chooses_mount(const struct arguments *a)
{
	for (size_t i = 0; i < a->report.filter_count; i++)
		if (a->report.filters[i].kind == FILTER_RID)
			return true;
	return false;
}

/* Files about the host are in no program's form: all that would come of it is an empty export. */
static bool wants_context(const struct arguments *a)
{
	for (size_t i = 0; i < a->report.filter_count; i++)
		if (a->report.filters[i].kind == FILTER_SOURCE &&
		    strstr(a->report.filters[i].text, "context"))
			return true;
	return false;
}

int cmd_export(struct arguments *a, struct err *e)
{
	int r;

	if (!a->report.output && isatty(STDOUT_FILENO)) {
		(void)err_set(
			e, -EINVAL,
			"this is for a program, not for a terminal: name a file with --output");
		return STATUS_USAGE;
	}
	if (a->report.export == EXPORT_PCAPNG && chooses_mount(a)) {
		(void)err_set(e, -EINVAL,
			      "packets do not tell whose they are: choose them with --peer instead "
			      "of --rid");
		return STATUS_USAGE;
	}
	if (wants_context(a)) {
		(void)err_set(
			e, -EINVAL,
			"--source context: files about the host are not exported; they are in "
			"the bundle's folder context, and 'report' shows what they say");
		return STATUS_USAGE;
	}
	r = report_run(&a->report, e);
	if (r == -EINVAL)
		return STATUS_USAGE;
	if (r < 0)
		return STATUS_NO_BUNDLE;
	return r ? STATUS_INCOMPLETE : STATUS_COMPLETE;
}
