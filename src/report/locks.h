/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the report `locks` gathers (analysis_locks.c) and tells (locks_tables.c).
 */
#ifndef REPORT_LOCKS_H
#define REPORT_LOCKS_H

#include "analysis.h"
#include "pairs.h"
#include "stats.h"

#define MOUNTS_MAX 64
#define CLIENTS_MAX 256
#define MODES (WIRE_LOCK_MODES + 1) /* the last: a number that is none */

struct lock {
	uint64_t rid;
	struct wire_key key;
	uint64_t acquired, waited, wait_sum_ns, wait_max_ns;
	uint64_t held, hold_sum_ns, hold_max_ns;
	uint64_t granted, invalidated, invalidating_ns; /* 0: it is not being invalidated */
	uint64_t free_ns;				/* nobody has it since before */
	uint32_t waiters, holder; /* at the end; holder: + 1, of pairs.slots, and of the oldest */
	uint8_t mode;
	uint32_t next; /* + 1, of the same hash */
};

struct mount {
	uint64_t rid;
	uint64_t acquired, waited, granted;
	struct stats invalidations;
};

/* What a client asked of a server, or the server of it. */
struct client {
	uint64_t server_rid, rid;
	uint64_t grants_asked, invalidations_asked;
	struct stats grants, invalidations;
};

/* For a table of the longest; the key is how long. */
struct span {
	uint64_t key_ns, from_ns;
	uint32_t lock, pid;
	uint8_t mode;
};

struct locks {
	const struct recording *rec;
	struct report_out *out;
	const struct analysis_options *options;
	uint64_t end_ns; /* of the last event seen */

	struct lock *locks;
	uint32_t *index; /* by hash: + 1 */
	uint32_t count, room;
	uint64_t without_place; /* events of locks beyond the limit */
	struct mount mounts[MOUNTS_MAX];
	size_t mount_count, last_mount;
	struct client clients[CLIENTS_MAX];
	size_t client_count;

	struct pairs waits; /* by pid; .more: the lock, and its mode */
	struct pairs holds; /* by lock and pid; .more: how many times, and the mode */
	struct pairs asked; /* by what was asked of whom */
	struct stats mode_waits[MODES], mode_holds[MODES];
	uint64_t mode_acquired[MODES], mode_waited[MODES];
	struct top longest_waits, longest_holds;
	uint64_t given_up, unlocked_only, lost_unlocks;
	bool failed; /* no memory */
};

bool locks_tell(struct locks *a);

static inline uint64_t locks_since(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* What a pair has .more: a number, and the mode that the lock had. */
static inline uint32_t locks_number_of(const struct pair *p)
{
	return (uint32_t)p->more;
}

static inline uint8_t locks_mode_of(const struct pair *p)
{
	return (uint8_t)(p->more >> 32);
}

static inline void locks_offer(struct top *t, uint64_t from_ns, uint64_t ns, uint32_t lock,
			       uint32_t pid, uint8_t mode)
{
	if (top_would(t, ns))
		(void)top_add(t, &(struct span){.key_ns = ns,
						.from_ns = from_ns,
						.lock = lock,
						.pid = pid,
						.mode = mode});
}

#endif
