/* SPDX-License-Identifier: GPL-2.0-only */
/* The built-in triggers, for --list-triggers and the man page's test. See src/record/trigger.c. */
#ifndef RECORD_TRIGGER_TABLE_H
#define RECORD_TRIGGER_TABLE_H

#include "record/record.h"

/* The table of built-in triggers (facts of the scoutfs sources; see trigger.c). */
struct trigger_builtin {
	const char *name;
	enum trigger_role role;
	const char *kind;
	const char *spec;
	const char *fallback; /* spec for modules that lack the first one's event */
	bool any_source;      /* log: any text, not only "scoutfs f." lines */
	const char *sample;   /* log: a real line that must match */
};
extern const struct trigger_builtin trigger_builtins[];
extern const size_t trigger_builtin_count;

const char *trigger_role_name(enum trigger_role role); /* "off", "suspect", "final" */

#endif
