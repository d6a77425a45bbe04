/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Triggers: what decides that the moment has come. A set is built from the built-in table
 * and the user's choices (pure, testable without root), then armed in a session, and fed:
 * kernel-log records by source_kmsg, heartbeats through a shared stamp, events by its own watch
 * instances.
 *
 * Everything here runs in the loop thread.
 */
#ifndef RECORD_TRIGGER_H
#define RECORD_TRIGGER_H

#include <regex.h>
#include <stdatomic.h>

#include "base/loop.h"
#include "format/kmsg.h"
#include "instance.h"
#include "record/record.h"
#include "record/trigger_table.h"

struct trigger;
struct trigger_set;
struct trigger_watch;

/* What a set needs from its session while armed. Borrowed; outlives the set. */
struct trigger_env {
	struct loop *loop;
	const char *instance_name; /* watch instances are called NAME.watch0 ... */
	const struct instance
		*recording; /* for --after 0: in-kernel traceoff goes here; else NULL */
	const _Atomic uint64_t
		*heartbeat_ns; /* stamp of the newest heartbeat of the server; 0: none seen */
	const _Atomic uint64_t
		*event_moves; /* counts up when events have gone, or come, with their module */
	void (*verdict)(void *arg, const struct verdict *v); /* may call trigger_set_disarm() */
	void *arg;
	struct trigger_watch *watch; /* the set's own; leave it NULL */
};

struct trigger_ops {
	const char *kind; /* "log", "event", "silence" */
	/* Pure. Allocates t->priv; the text of @spec outlives the set. */
	int (*parse)(struct trigger *t, const char *spec, struct err *e);
	/* 0; -EOPNOTSUPP when this host cannot (said in t->why): the trigger is then left out with
	 * a warning. */
	int (*arm)(struct trigger *t, struct trigger_env *env, struct err *e);
	void (*disarm)(struct trigger *t); /* NULL: nothing to undo */
	void (*free)(struct trigger *t);
};

struct trigger {
	const struct trigger_ops *ops;
	char name[64];
	const char *spec;
	enum trigger_role role;
	const struct record_setting *from; /* of the user; NULL: not known */
	bool user;			   /* given by the user, not from the table */
	bool armed;
	char why[256]; /* why it is not armed, or how it was proved */
	uint64_t fired;
	const struct trigger_builtin *builtin; /* its row, or NULL for the user's own */
	const struct trigger_env *env;	       /* the set's, while armed */
	void *priv;
};

extern const struct trigger_ops trigger_log_ops, trigger_event_ops, trigger_silence_ops;

int trigger_set_build(const struct record_config *c, struct trigger_set **ret, struct err *e);
void trigger_set_free(struct trigger_set *s); /* disarms; removes watch instances */
size_t trigger_set_count(const struct trigger_set *s);
const struct trigger *trigger_set_at(const struct trigger_set *s, size_t i);
/*
 * Arm and prove: patterns against their samples, a marker through each watch instance.
 * Host shortcomings degrade single triggers (see .why). @ret_proof: one line for the status.
 */
int trigger_set_arm(struct trigger_set *s, struct trigger_env *env, struct text *ret_proof,
		    struct err *e);
/* A kernel-log record; @mono_ns is its time. Only kernel-facility records count unless the config
 * says any. */
void trigger_set_log(struct trigger_set *s, const struct kmsg_record *r, uint64_t mono_ns);
/* The name and role of the first trigger that @text (a line of facility @facility) would fire, or
 * NULL. */
const struct trigger *trigger_set_match_log(const struct trigger_set *s, const char *text,
					    unsigned int facility);
/* Close and remove what arming made in tracefs (before the final drain); the set stays readable. */
void trigger_set_disarm(struct trigger_set *s);

/* ---- between trigger.c and the kinds ---- */

/* Count it and tell the session; the last act of a callback, for the session may disarm the set. */
void trigger_fire(struct trigger *t, uint64_t when_ns, const char *text);

void trigger_why(struct trigger *t, const char *fmt, ...) PRINTF(2, 3);

/* Does the text of a kernel-log record fire this log trigger? Pure. */
bool trigger_log_matches(const struct trigger *t, const char *text);

/* The event that an armed event trigger listens to, as -e would name it; false for other kinds. */
bool trigger_event_spec(const struct trigger *t, struct event_spec *ret);

/* One line of trace_pipe, taken apart; the members point into it. */
struct trigger_event_line {
	uint64_t stamp_ns; /* as printed, so in whole microseconds */
	const char *event; /* "EVENT: text", to the end of the line */
	size_t name_bytes; /* of EVENT */
	const char *text;  /* what follows "EVENT: " */
};
bool trigger_event_parse_line(const char *line, struct trigger_event_line *ret);

/* The watch instances, shared by all event triggers of a set; made as they are needed. */
int trigger_watch_open(struct trigger_env *env, struct trigger_watch **ret, struct err *e);
/* Prove each instance by a marker, then let events flow. @ret_proof: appended to. */
int trigger_watch_start(struct trigger_watch *w, struct text *ret_proof, struct err *e);
void trigger_watch_stop(struct trigger_watch *w); /* NULL is fine; so is a second time */
void trigger_watch_free(struct trigger_watch *w);

/*
 * "dev == N || ..." for the devices under all scoutfs mounts, as block events number them.
 * @sys: "/sys". Returns how many devices; 0 leaves @ret empty.
 */
unsigned int trigger_blockdev_filter(const char *sys, char *ret, size_t size);

#endif
