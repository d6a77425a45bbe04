/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a bundle says of the recording as a whole: what every analysis may want to know, read once.
 */
#ifndef REPORT_RECORDING_H
#define REPORT_RECORDING_H

#include "format/event.h"
#include "format/ringpage.h"
#include "format/tracedat.h"
#include "format/wire.h"

#include "bundle.h"
#include "clocks.h"
#include "context_index.h"
#include "table.h"

struct comm {
	uint32_t pid;
	const char *name;
	uint32_t bytes;
};

struct feed_result; /* feed.h */

struct recording {
	const struct bundle *bundle;
	/* What the pass read, and what it could not; NULL until it is done. */
	const struct feed_result *feed;
	struct clocks clocks;
	uint64_t packet_unit_ns; /* of the stamps of packets: 1 or 1000 */

	/* Trace events; has_trace is false when there are none, or when they cannot be read: why.
	 */
	bool has_trace;
	struct err trace_why;
	struct text prologue; /* of trace.dat; the next three point into it */
	struct tracedat_read_head head;
	struct tracedat_read_tail tail;
	struct event_table events;
	struct ringpage_layout layout;
	struct comm *comms; /* by pid */
	size_t comm_count;

	/* What ended it. Without a trigger trigger_ns is the end. */
	bool triggered;
	uint64_t trigger_ns;
	bool trigger_doubted; /* the manifest places it outside of what was recorded: not .triggered
			       */
	const char *trigger, *trigger_text; /* "" when there is none */
	uint64_t first_ns, last_ns;	    /* of everything but the kernel log's backlog */
	/*
	 * Seconds are counted as whole ones of UTC, as far as the clocks say what these are: they
	 * begin so long before those of CLOCK_MONOTONIC. What lies behind a step of the wall clock
	 * is counted as if there had been none.
	 */
	uint64_t phase_ns;
	/* The recorder took what programs write into the log for the kernel's, as in rehearsals:
	 * --log-facility any. */
	bool any_facility;
	struct context_index context;
	bool has_server;
	struct wire_addr server;
};

/* What a source has of a window; false: nothing, or it has no times of this clock. */
bool recording_cover(const struct recording *r, enum counted_in source, uint64_t from_ns,
		     uint64_t to_ns, struct cover *ret);
int recording_open(const struct bundle *b, struct recording *ret, struct err *e);
/* The whole second that a moment is in, and when it began; the first one began before 0. */
static inline uint64_t recording_tick(const struct recording *r, uint64_t ns)
{
	return (ns + r->phase_ns) / NSEC_PER_SEC;
}
bool recording_tick_ns(const struct recording *r, uint64_t tick, uint64_t *ret_ns);
/* Sources as people know them: trace, packets, log, clocks... of the manifest's names. */
const char *recording_source_name(const char *name);
/* How far stamps of a source may be off this clock; false: not known. */
bool recording_bound_ns(const struct recording *r, const char *source, uint64_t *ret_ns);
/* A sentence of that. */
void recording_put_bound(const struct recording *r, const char *source, struct table *t);
void recording_note_bounds(const struct recording *r, struct table *t);
void recording_done(struct recording *r);
/* Name of a process, or NULL; not NUL-terminated. */
const struct comm *recording_comm(const struct recording *r, uint32_t pid);

#endif
