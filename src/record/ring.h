/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rings of one tracing instance, drained into the spool: by source_ftrace.c while recording,
 * and by recover.c from an instance that a dead recorder left behind.
 */
#ifndef RECORD_RING_H
#define RECORD_RING_H

#include <stdatomic.h>

#include "base/text.h"
#include "format/ringpage.h"
#include "instance.h"
#include "loss.h"
#include "spool.h"

/* The reason of such an entry in the ledger of losses. */
#define RING_OVERRUN "ring overrun: events came faster than they could be drained"

struct ring_cpu {
	int raw_fd;   /* trace_pipe_raw, non-blocking */
	int stats_fd; /* stats */
	struct spool_stream *stream;
	uint64_t last_ns;	/* newest event seen */
	uint64_t overrun_noted; /* of the kernel's count of lost events, what the ledger has */
	uint64_t events;
};

struct rings {
	struct ringpage_layout layout;
	struct ring_cpu *cpus;
	uint32_t cpu_count;
	uint8_t *page;
	struct loss_ledger *loss;
	struct spool *spool;
	_Atomic uint64_t *events; /* counted here; borrowed */
	uint64_t broken_pages;
	uint64_t most_bytes; /* that one CPU gave in the last pass */
};

/* Open per_cpu/cpuN of @i for every CPU the kernel has and add a stream for each. */
int rings_open(struct rings *r, const struct instance *i, struct spool *spool,
	       struct loss_ledger *loss, _Atomic uint64_t *events, struct err *e);
void rings_close(struct rings *r);
/*
 * One pass: of every CPU, what was recorded before the pass began. True when any ring was found
 * fuller than @busy_bytes. @ret_failed: set when a ring could not be read.
 */
bool rings_pass(struct rings *r, uint64_t busy_bytes, bool *ret_failed);
/* After tracing is off and the last pass is done: settle the ledger with the kernel's counters. */
void rings_settle(struct rings *r, uint64_t now_ns);
/* The kernel emptied the rings (a module was unloaded): its counters begin again. */
void rings_were_reset(struct rings *r);
/* cpuN/stats of each CPU, as the kernel tells it, into the journal. */
void rings_journal_stats(struct rings *r);
/* How many CPUs the kernel may ever have (greatest possible number and one). */
uint32_t cpus_possible(void);
uint32_t cpus_online(void);
/* What each CPU's ring gets of a budget for all of them: bytes, within bounds. */
uint64_t ring_bytes_each(uint64_t budget_bytes);
#define RING_MIN_BYTES (64 * KIB)
#define RING_MAX_BYTES (64 * MIB) /* more does not help a reader that is this far behind */

#endif
