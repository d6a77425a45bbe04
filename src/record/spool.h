/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spool: one time-ordered log on disk for every source, under one byte budget.
 * See spool.c for how it keeps its promises.
 */
#ifndef RECORD_SPOOL_H
#define RECORD_SPOOL_H

#include "base/err.h"
#include "format/chunk.h"
#include "format/ringpage.h"

struct spool;
struct spool_stream;

struct spool_config {
	int session_fd;	       /* the session folder; borrowed */
	uint64_t limit_bytes;  /* segments and tail together, reserved at the start */
	uint64_t lag_ns;       /* what is older is durable */
	uint64_t pin_ns;       /* window before a suspect that is kept whatever comes */
	uint64_t memory_bytes; /* all buffers together */
	unsigned int streams;  /* how many will be added */
	bool resume; /* go on where a dead recorder stopped: nothing is reserved, nothing dropped */
	/* Called by the writer thread, without locks, for what retention or the disk took; may be
	 * NULL. */
	void (*dropped)(void *arg, const char *why, uint64_t from_ns, uint64_t to_ns,
			uint64_t chunks);
	void (*failed)(void *arg, const struct err *e);
	void *arg;
};

struct spool_span {
	uint64_t first_ns, last_ns;
	uint64_t records;
	uint64_t lost;
};

struct spool_stats {
	uint64_t disk_bytes;	/* in use on disk */
	uint64_t written_bytes; /* since the start */
	uint64_t raw_bytes;	/* since the start */
	uint64_t memory_bytes;
	uint64_t oldest_ns; /* first stamp still kept */
	uint64_t dropped_segments;
	uint64_t syncs;
	uint64_t worst_sync_ns;
	uint64_t pinned_bytes;
	bool failed; /* a write or a sync failed: what was lost is in the ledger */
};

#define SPOOL_JOURNAL "journal" /* JSON lines */
#define SPOOL_LOSSES "losses"	/* the same, each in a place of SEGMENT_LOSS_BYTES */
#define SPOOL_COMMS "comms"	/* lines "PID COMM" */
#define SPOOL_LIMIT_MIN (UINT64_C(8) << 20)

int spool_open(const struct spool_config *c, struct spool **ret, struct err *e);
int spool_stream_add(struct spool *s, enum chunk_stream kind, uint32_t id,
		     const struct ringpage_layout *ring, struct spool_stream **ret, struct err *e);
int spool_start(struct spool *s, struct err *e);

/* What a dead recorder left of a stream, after spool_start(): the stamp of its newest record (0:
 * none), and how many its chunks say were lost. */
uint64_t spool_stream_newest(const struct spool_stream *st);
uint64_t spool_stream_lost(const struct spool_stream *st);

/* Pump threads. Copies; waits for the writer when memory is full. */
int spool_append(struct spool_stream *st, const void *bytes, size_t n,
		 const struct spool_span *span);
/* How many bytes one append may have, at most. */
size_t spool_append_max(const struct spool *s);
/* The loop thread: never waits; -EAGAIN (nothing taken) when memory is full. */
int spool_try_append(struct spool_stream *st, const void *bytes, size_t n,
		     const struct spool_span *span);

/* A line for the journal (durable with the next sync). Any thread; copies. */
void spool_journal(struct spool *s, const char *line, size_t n);
/* The loss ledger's line number @place, in place of what was there (durable with the next sync). */
void spool_loss(struct spool *s, uint64_t place, const char *line, size_t n);
/* The first place that no earlier recorder of this session has used. */
uint64_t spool_loss_first(const struct spool *s);
/* Lines "PID COMM" for the table of command names; the writer drops what it already has. */
void spool_comms(struct spool *s, const char *lines, size_t n);

/* Make everything appended so far durable. Returns a ticket at once; @done (any thread) is called
 * when it is. */
uint64_t spool_sync(struct spool *s, void (*done)(void *arg, uint64_t ticket, bool durable),
		    void *arg);
/* The same, and wait (not for the loop thread). */
int spool_sync_wait(struct spool *s, struct err *e);
/* Never drop what lies within pin_ns before @when_ns (bounded: at most half the budget is pinned).
 */
void spool_pin(struct spool *s, uint64_t when_ns);
void spool_stats(struct spool *s, struct spool_stats *ret);

/* Seal, sync, stop the writer. 0 when all is durable. */
int spool_close(struct spool *s, struct err *e);
void spool_free(struct spool *s);

#endif
