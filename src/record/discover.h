/* SPDX-License-Identifier: GPL-2.0-only */
/* Which scoutfs servers this host knows of: from sysfs, debugfs and the kernel log. */
#ifndef RECORD_DISCOVER_H
#define RECORD_DISCOVER_H

#include "format/wire.h"
#include "base/err.h"

struct discovered {
	struct wire_addr addr;
	char from[160];	 /* where this was learnt, for the user */
	unsigned int rank; /* greater is surer: a live connection before an old log line */
	bool local;	 /* this host is the server */
};

/* Fills at most @max, surest first, without duplicates; returns how many. Reads files only. */
size_t discover_servers(struct discovered *ret, size_t max);
/* Pure part, for tests: one kernel-log text line, one debugfs connections file. */
bool discover_from_log(const char *text, struct discovered *ret);

#endif
