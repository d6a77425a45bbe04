/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tracing instance of our own. Errors carry the kernel's words (tracefs error_log) where it has
 * any.
 */
#ifndef RECORD_INSTANCE_H
#define RECORD_INSTANCE_H

#include "base/err.h"
#include "base/text.h"

#define INSTANCE_PREFIX "scoutfs-trace."
/* EVENT_SYSTEM is "scoutfs": below events/ what the module brings. A build for a test that goes on
 * for hours beside others has a system of its own (meson_options.txt). */

struct instance {
	char name[64]; /* INSTANCE_PREFIX, the session's suffix, and perhaps ".watchN" */
	int dir_fd;    /* instances/NAME */
};

/* The tracing folder (mounting tracefs if need be); the string lives as long as the program. */
const char *instance_tracing_dir(struct err *e);
int instance_create(const char *name, struct instance *ret, struct err *e);
int instance_open(const char *name, struct instance *ret, struct err *e);
/* Lock it for this process (instance_create() does); -EBUSY: a living recorder has it. */
int instance_hold(const struct instance *i, struct err *e);
/* Turns tracing off, disables events, closes dir_fd and removes it. Every other fd in it must be
 * closed. */
int instance_remove(struct instance *i, struct err *e);
int instance_write(const struct instance *i, const char *file, const char *text, struct err *e);
int instance_read(const struct instance *i, const char *file, struct text *ret, struct err *e);
int instance_open_file(const struct instance *i, const char *file, int flags, struct err *e);
bool instance_has(const struct instance *i, const char *file);
/* Does SYSTEM (event NULL) or SYSTEM/EVENT exist in the tracing folder? */
bool instance_event_exists(const char *system, const char *event);
/* events/SYSTEM/EVENT/filter := filter, with the kernel's own explanation on refusal. */
int instance_set_filter(const struct instance *i, const char *system, const char *event,
			const char *filter, struct err *e);
int instance_set_clock(const struct instance *i, const char *clock, struct err *e);
/*
 * Ask for @wanted_kb per CPU; halve until the kernel grants it (down to 64 KiB).
 * Gives what was had. -ENOMEM when not even that.
 */
int instance_set_size(const struct instance *i, uint64_t wanted_kb, uint64_t *ret_kb,
		      struct err *e);

/* "SYSTEM", "SYSTEM:EVENT" or "SYSTEM:EVENT/FILTER", as -e and event triggers take it. */
struct event_spec {
	char system[64];
	char event[128];   /* "" for all of the system */
	char filter[1024]; /* "" for none */
};
int event_spec_parse(const char *s, struct event_spec *ret, struct err *e);

/* Names of instances that begin with INSTANCE_PREFIX; @fn returns 0 to go on. */
int instance_each_ours(int (*fn)(void *arg, const char *name), void *arg, struct err *e);

#endif
