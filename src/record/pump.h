/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pump: a thread that moves bytes from one place of the kernel to the spool, in passes. It wakes
 * on a timer (or its descriptor), at once when flushed, and makes one last pass when it is stopped.
 */
#ifndef RECORD_PUMP_H
#define RECORD_PUMP_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/confine.h"
#include "base/err.h"

enum pump_pass { PUMP_REGULAR, PUMP_FLUSH, PUMP_LAST };

struct pump {
	/* One pass; returns how long to wait for the next, ns. */
	uint64_t (*pass)(void *arg, enum pump_pass why);
	void *arg;
	int wait_fd;		/* also wakes when readable; -1 none */
	int nice;		/* of the thread */
	uint64_t keep;		/* capabilities it needs (base/privilege.h) */
	enum confine_role role; /* and system calls */

	pthread_t thread;
	int event_fd;
	_Atomic bool flush, stop;
	bool started;
};

int pump_start(struct pump *p, const char *name, struct err *e);
void pump_flush(struct pump *p);
void pump_stop(struct pump *p); /* after one last pass; waits; fine when it never started */

#endif
