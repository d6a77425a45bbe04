/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child that does all the parsing of what strangers made, and can do nothing else: no files, no
 * network, no programs, no privileges, bounded memory. It tells its parent what it is working on,
 * so that its death names the culprit.
 */
#ifndef REPORT_SANDBOX_H
#define REPORT_SANDBOX_H

#include "base/err.h"

struct sandbox; /* memory that parent and child share */

struct sandbox_limits {
	uint64_t memory_bytes; /* of address space; 0: SANDBOX_MEMORY_BYTES */
	uint64_t
		stall_cpu_ns; /* CPU time without progress, then it is ended; 0: SANDBOX_STALL_NS */
};

#define SANDBOX_MEMORY_BYTES (UINT64_C(2) * GIB)
#define SANDBOX_STALL_NS (60 * NSEC_PER_SEC)

/* What runs in the child; @s is for the functions below. Its result is the child's. */
typedef int (*sandbox_fn)(struct sandbox *s, void *arg, struct err *e);

struct sandbox_end {
	bool returned; /* sandbox_fn came back with .result, and the caller's err is its */
	int result;
	/* Else it died: */
	int signal;
	long forbidden;	 /* the system call that it was stopped at; -1: none */
	bool stalled;	 /* it went on and on */
	bool showed;	 /* sandbox_shows() was called: part of the result may be out */
	int source;	 /* as it said last; -1: nothing particular */
	char doing[192]; /* in words */
};

int sandbox_run(sandbox_fn fn, void *arg, const struct sandbox_limits *limits, const char *label,
		struct sandbox_end *ret, struct err *e);
int sandbox_death(const struct sandbox_end *end, struct err *e);

/* In the child; a NULL sandbox does nothing. */
void sandbox_doing(struct sandbox *s, int source, const char *fmt, ...) PRINTF(3, 4);
void sandbox_progress(struct sandbox *s, uint64_t done_bytes, uint64_t all_bytes);
void sandbox_shows(struct sandbox *s);
void sandbox_say(struct sandbox *s, const char *fmt, ...) PRINTF(2, 3);

#endif
