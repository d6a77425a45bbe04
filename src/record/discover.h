/* SPDX-License-Identifier: GPL-2.0-only */
/* Which scoutfs servers this host knows of: from debugfs, sysfs, kernel log, super block. */
#ifndef RECORD_DISCOVER_H
#define RECORD_DISCOVER_H

#include "format/wire.h"
#include "base/err.h"

/* How sure a candidate is. From DISCOVER_LIVE up, the kernel holds the connection now. */
enum discover_rank {
	DISCOVER_CONFIGURED = 10, /* the super block's last elected leader */
	DISCOVER_LOG_OLD = 20,	  /* a log line of a mount that is gone */
	DISCOVER_LOG = 30,	  /* a log line that nothing later in the log takes back */
	DISCOVER_TRYING = 40,	  /* a client that is connecting to it */
	DISCOVER_LOG_LEADER = 50, /* a log line, and sysfs says that this mount leads */
	DISCOVER_LIVE = 60,	  /* a connected client */
	DISCOVER_LISTENING = 70,  /* the server itself */
};

struct discovered {
	struct wire_addr addr;
	char from[160];	   /* where this was learnt, for the user */
	char mount[32];	   /* f.XXXXXX.r.XXXXXX, as the kernel log and sysfs name a mount */
	unsigned int rank; /* enum discover_rank; greater is surer */
	bool local;	   /* this host is the server */
};

/* Fills at most @max, surest first, without duplicates; returns how many. Reads files only. */
size_t discover_servers(struct discovered *ret, size_t max);
/* The same below another root folder (holding dev/kmsg, sys/...), for tests. */
size_t discover_servers_at(const char *root, struct discovered *ret, size_t max);
/* Which of @found may be taken without asking; NULL when there is none, or more than one. */
const struct discovered *discover_choose(const struct discovered *found, size_t count);
/* "A:P (where from); A:P (where from)", fitted to @size. */
const char *discover_list(const struct discovered *found, size_t count, char *buf, size_t size);

/*
 * Pure parts, for tests: a kernel-log line, a debugfs connections file, a metadata device's head.
 */
bool discover_from_log(const char *text, struct discovered *ret);
size_t discover_from_connections(const char *mount, const char *text, struct discovered *ret,
				 size_t max);
/* @bytes: DISCOVER_SUPER_BYTES read at byte DISCOVER_SUPER_OFFSET of the device. */
#define DISCOVER_SUPER_OFFSET 65536
#define DISCOVER_SUPER_BYTES 65536
bool discover_from_super(const char *mount, const uint8_t *bytes, size_t n, struct discovered *ret);

#endif
