/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace events of a bundle, of all CPUs, in time order. Chunks are decompressed and scanned by
 * several threads, each CPU's in its own order; the caller's thread merges them and helps when it
 * would have to wait. What nobody wants is counted, and goes no further.
 */
#ifndef REPORT_TRACE_FEED_H
#define REPORT_TRACE_FEED_H

#include "format/event.h"
#include "format/ringpage.h"

#include "bundle.h"

#define TRACE_TYPE_UNKNOWN 0xffff /* no format has this id */
#define TRACE_TYPE_GAP                                                            \
	0xfffe /* no event: the kernel lost some here; .bytes of them, 0: unknown \
		*/
#define TRACE_TYPES_MAX 0xfff0

struct trace_event {
	uint64_t ns;	     /* as recorded */
	const uint8_t *data; /* common fields first; valid until the next call of the feed */
	uint32_t bytes;	     /* at most 65535: a longer event is cut */
	uint16_t type;	     /* index into event_table.formats, or TRACE_TYPE_... */
	uint16_t cpu;
};

/* How many events of a type were in one second of one chunk, and when the first and the last. */
struct trace_tally {
	uint64_t tick; /* (ns + phase_ns) / NSEC_PER_SEC: see trace_feed_config */
	uint64_t first_ns, last_ns;
	uint32_t type, count;
};

struct trace_feed_config {
	const struct bundle *bundle; /* borrowed, as all of these */
	const struct event_table *events;
	struct ringpage_layout layout;
	uint64_t from_ns, to_ns; /* the window, both in it */
	/* [events->count]: hand these events over. NULL: all, with the unknown ones and gaps. */
	const uint8_t *wanted;
	bool tally;	      /* count all events of the window */
	uint64_t phase_ns;    /* by seconds that begin so long before those of the stamps */
	unsigned int threads; /* beside the caller's */
	const uint64_t *cpus; /* bitmap of the CPUs that count, NULL: all; cpu / 64, cpu % 64 */
};

#define TRACE_UNKNOWN_MAX 8

/* Events whose number no format has. */
struct trace_unknown {
	uint64_t count; /* 0: no more of these */
	uint16_t id;
};

struct trace_feed_totals {
	uint64_t events; /* in the window, wanted or not */
	uint64_t chunks_damaged, pages_damaged;
	/* When something was missing last: events that the kernel lost, damage, what has no format.
	 * 0: never. */
	uint64_t loss_ns;
	uint64_t unknown;				     /* events */
	struct trace_unknown unknown_ids[TRACE_UNKNOWN_MAX]; /* the first few numbers */
	uint64_t bytes_read, bytes_all;			     /* of decompressed pages; progress */
};

struct trace_feed;

typedef void (*trace_event_fn)(void *arg, const struct trace_event *e);
/* Before any event at or after the seconds they count. */
typedef void (*trace_tally_fn)(void *arg, const struct trace_tally *t, size_t count);

int trace_feed_open(const struct trace_feed_config *c, struct trace_feed **ret, struct err *e);
void trace_feed_free(struct trace_feed *f);
void trace_feed_freep(struct trace_feed **f);
/* All events up to and with @until_ns. 0; 1 when that was all there is; negative errno. */
int trace_feed_run(struct trace_feed *f, uint64_t until_ns, trace_event_fn event,
		   trace_tally_fn tally, void *arg, struct err *e);
void trace_feed_totals(const struct trace_feed *f, struct trace_feed_totals *ret);

#endif
