/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sources: where bytes come from. Each is a table of functions; source.c is the list.
 *
 *   prepare   make what is needed, recording nothing yet (a failure that leaves the rest useful
 *             is not an error: set .status and .why and return 0)
 *   start     bytes begin to flow
 *   flush     hand over what has come so far, then spool_sync(). Loop thread, no waiting.
 *   freeze    the one act after a verdict: no newer data comes in. Loop thread, no waiting.
 *   drain     everything up to the freeze is handed to the spool; stops the pump. May wait.
 *   epilogue  what can wait until the data is safe (readings for the end of the recording)
 *   free      undo prepare; nothing of ours stays on the host
 */
#ifndef RECORD_SOURCE_H
#define RECORD_SOURCE_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/json.h"

struct session;
struct source;

enum source_status { SOURCE_OK, SOURCE_DEGRADED, SOURCE_FAILED };

struct source_ops {
	const char *name;
	int (*prepare)(struct source *s, struct err *e);
	int (*start)(struct source *s, struct err *e);
	void (*flush)(struct source *s);  /* may be NULL */
	void (*freeze)(struct source *s); /* may be NULL */
	int (*drain)(struct source *s, struct err *e);
	void (*epilogue)(struct source *s); /* may be NULL */
	void (*facts)(struct source *s,
		      struct json_writer *w); /* members for session.json; may be NULL */
	void (*totals)(struct source *s, struct json_writer *w); /* of its parts; may
								    be NULL */
	void (*free)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	struct session *session;
	_Atomic int status; /* enum source_status */
	char why[512]; /* guarded by the session's lock once threads run: see source_degrade() */
	_Atomic uint64_t records;
	void *priv;
};

extern const struct source_ops source_ftrace_ops, source_packets_ops, source_kmsg_ops,
	source_clocks_ops, source_series_ops;
extern const struct source_ops *const source_list[];
extern const size_t source_list_count;

/* Lower the status (it never rises again) and say why, once; also a journal line. Any thread. */
void source_degrade(struct source *s, enum source_status status, const char *fmt, ...) PRINTF(3, 4);
/* The same of a part that has a row of its own in the manifest ("series/vmstat"). */
void source_degrade_part(struct source *s, const char *part, enum source_status status,
			 const char *fmt, ...) PRINTF(4, 5);
const char *source_status_name(enum source_status s);

#endif
