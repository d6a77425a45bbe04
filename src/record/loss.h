/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loss ledger: no gap is silent. Each entry has a source, a time range, a count if known and a
 * reason. Entries of the same source and reason that touch are joined, so a storm makes few of
 * them; they reach the disk at each sync.
 */
#ifndef RECORD_LOSS_H
#define RECORD_LOSS_H

#include "base/text.h"

#define LOSS_UNKNOWN UINT64_MAX

enum loss_kind {
	LOSS_FAULT,	/* makes the bundle incomplete (exit status 4) */
	LOSS_RETENTION, /* the budget's doing: expected in a flight recorder */
	LOSS_BEFORE,	/* lost before the recording began (older kernel-log records) */
	LOSS_OUTAGE,	/* nothing came and nothing was lost: a link was down */
};

struct loss_ledger;
struct spool;

int loss_open(struct loss_ledger **ret, struct err *e);
void loss_free(struct loss_ledger *l);
/* Any thread. @id: CPU of a ring, else 0. Times: CLOCK_MONOTONIC. */
void loss_note(struct loss_ledger *l, enum loss_kind kind, const char *source, uint32_t id,
	       uint64_t from_ns, uint64_t to_ns, uint64_t count, const char *reason);
uint64_t loss_total(struct loss_ledger *l, const char *source,
		    bool *ret_uncounted); /* faults only */
uint64_t loss_entries(struct loss_ledger *l);
/* Hand the entries that are new or changed to the spool, as JSON lines {"gap":{...}}. */
void loss_flush(struct loss_ledger *l, struct spool *s);

#endif
