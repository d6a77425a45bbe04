/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recording, as src/cmd sees it: a configuration in, a bundle out.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/err.h"
#include "base/text.h"
#include "format/wire.h"

enum trigger_role { ROLE_OFF, ROLE_SUSPECT, ROLE_FINAL };

/* One --trigger, --suspect, --no-trigger or --preset, in the order given. */
struct trigger_choice {
	enum { CHOICE_FINAL, CHOICE_SUSPECT, CHOICE_DISABLE, CHOICE_PRESET } what;
	const char *spec; /* NAME, KIND:SPEC, or the preset's name */
};

/* An option as it counts, for the record. */
struct record_setting {
	const char *option;
	const char *value; /* NULL: not set */
	const char *from;  /* "default", "flag", "environment NAME", "FILE:LINE" */
};

/* Plain data, const from parsing on. Strings belong to the caller. */
struct record_config {
	const char *server_ip; /* NULL: discover */
	uint16_t server_port;
	struct wire_addr server; /* valid after check_resolve_server() */
	const char *interface;	 /* "any" by default */

	const char *const
		*events; /* -e SYSTEM[:EVENT[/FILTER]] beyond scoutfs:* and printk:console */
	size_t event_count;
	const char *const *samples; /* --sample NAME[=PATH][@SECONDS]; none: the default set */
	size_t sample_count;

	const struct trigger_choice *choices;
	size_t choice_count;
	bool log_facility_any;

	uint64_t before_ns, after_ns;
	uint64_t duration_ns; /* 0: none */
	char *const *command; /* NULL-terminated, or NULL */

	const char *output_dir; /* where the session folder and the bundle go */
	const char *run_dir;	/* lock, control socket */
	bool force_output;	/* accept an output folder on scoutfs */
	uint64_t disk_bytes;	/* spool budget */
	uint64_t ring_bytes;	/* all rings together */
	uint64_t packet_ring_bytes;
	unsigned int lag_ms; /* how old unsynced data may get */

	int argc;
	char *const *argv;
	const struct record_setting *settings; /* what all of the above came from */
	size_t setting_count;
};

/* Is every value one that can be? Says whose it is; -EINVAL. Looks at nothing of the host. */
int record_config_check(const struct record_config *c, struct err *e);
/* The @n-th setting of an option ("trigger": of all about triggers), or NULL. */
const struct record_setting *record_setting_of(const struct record_config *c, const char *option,
					       size_t n);
/* "FILE:LINE: " or "NAME (environment): "; empty for flags and defaults. */
const char *record_setting_place(const struct record_setting *s, char *buf, size_t size);
/* Begin a failure's sentence with it; @code. */
int record_setting_blame(const struct record_setting *s, int code, struct err *e);

struct verdict {
	enum trigger_role role;
	char name[64];	  /* of the trigger */
	char text[512];	  /* the line, event or reason seen */
	uint64_t when_ns; /* CLOCK_MONOTONIC of the line, event or decision */
};

struct record_result {
	char bundle[4096];  /* path of the bundle; empty when none was made */
	char session[4096]; /* path of the session folder when it was kept; else empty */
	bool complete;	    /* nothing failed, nothing lost to a fault */
	struct text json;   /* the --json object; freed by the caller */
};

/* Arm, record, wait, finish. @e is filled on failure. 0, or a negative errno with no bundle made.
 */
int record_run(const struct record_config *c, struct record_result *ret, struct err *e);

/* Session folder to bundle; also takes what a dead recorder's instance still holds. */
int record_recover(const char *session_dir, const char *output_dir, const char *run_dir,
		   struct record_result *ret, struct err *e);

/* All sessions in @dir whose recorder died; @made for each bundle, @ret: how many failed. */
int record_recover_all(const char *dir, const char *run_dir,
		       void (*made)(void *arg, const struct record_result *result), void *arg,
		       unsigned int *ret, struct err *e);

#endif
