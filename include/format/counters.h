/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters in the text of statistics files: /proc/vmstat, /proc/stat, diskstats, /proc/net/snmp,
 * scoutfs' own, Lustre's and NFS' and whatever else a person has sampled, as names and values.
 * Pure; safe on any bytes.
 */
#ifndef FORMAT_COUNTERS_H
#define FORMAT_COUNTERS_H

#include "base/util.h"

#define COUNTER_NAME_MAX 160 /* a counter with a longer name is left out */

enum counter_kind {
	COUNTER_UNKNOWN, /* nothing is known of the file */
	COUNTER_RISING,	 /* only ever rises, but that it may wrap or begin again at 0 */
	COUNTER_GAUGE,	 /* rises and falls: what there is, not what has happened */
};

struct counter {
	const char *name; /* @name_bytes of them, no NUL; borrowed until the callback returns */
	size_t name_bytes;
	enum counter_kind kind;
	bool real;     /* it was written with decimals: only .d has it */
	bool negative; /* .u is how far below 0 it is */
	uint64_t u;
	double d; /* the value in any case, to 53 bits */
};

typedef void (*counter_fn)(void *arg, const struct counter *c);

/* Calls @fn for each counter in the @n bytes that @path (or a name like "tcp_info") held; how many
 * there were. */
size_t counters_parse(const char *path, size_t path_bytes, const char *bytes, size_t n,
		      counter_fn fn, void *arg);
const char *counter_kind_name(enum counter_kind kind);

#endif
