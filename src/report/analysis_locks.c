/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `locks`: who waited for cluster locks, how long, and who had them meanwhile.
 *
 * From the scoutfs_lock_* events (lock.c of scoutfs). A lock is known by the mount (rid) and the
 * key where its range starts. A process that gets one without waiting leaves lock_locked; one that
 * has to wait leaves lock_wait, again each time it was woken in vain, and then lock_locked: the
 * wait is from the first to that. It has the lock until its last lock_unlock, as a process may lock
 * the same one again within. lock_locked and lock_unlock tell how many users there are: where it is
 * the only one, or nobody is left, what the recording lost before does not matter any more, and
 * nobody who got it earlier has it still.
 *
 * The events' mode is that of the lock, which may be more than the process asked for.
 *
 * A server leaves scoutfs_lock_message for each request and response: what a client asked for and
 * when it was granted, what it was told to give up and how long that took.
 *
 * Every second event may be one of these, so each costs one look into a table of locks and one into
 * a table of pairs, and no memory. Both tables have a limit; what does not fit is counted.
 *
 * Here is what is gathered; locks_tables.c tells it.
 */
#include "locks.h"

#define LOCKS_MAX (UINT32_C(1) << 17)
#define LOCKS_FIRST 1024
#define INDEX_PER_LOCK 4 /* so that few share a place */
#define NO_LOCK UINT32_MAX

/* In the order of each want's fields. */
enum lock_field {
	F_PID,
	F_RID,
	F_ZONE,
	F_FIRST,
	F_TYPE,
	F_SECOND,
	F_THIRD,
	F_FOURTH,
	F_MODE,
	F_USERS_CW,
	F_USERS_PR,
	F_USERS_EX
};
#define LOCK_FIELDS                                                                               \
	{                                                                                         \
		"common_pid", "rid", "start_zone", "start_first", "start_type", "start_second",   \
			"start_third", "start_fourth", "mode", "users_cw", "users_pr", "users_ex" \
	}

enum message_field { M_RID = 1, M_WHAT = 8, M_DIR, M_CLIENT, M_NET_ID };
#define MESSAGE_FIELDS                                                                  \
	{                                                                               \
		"common_pid", "rid", "key_zone", "key_first", "key_type", "key_second", \
			"key_third", "key_fourth", "what", "dir", "m_rid", "net_id"     \
	}
/* enum of scoutfs's lock_server.c: its numbers are in no format. */
enum { SLT_GRANT = 2, SLT_INVALIDATE = 3, SLT_REQUEST = 4, SLT_RESPONSE = 5 };

/* ---- what an event says ---- */

static uint64_t number(const struct trace_event *e, const struct event_field *f)
{
	uint64_t v = 0;

	(void)event_field_u64(f, e->data, e->bytes, &v);
	return v;
}

/* The same, quicker for a field that is as long as it always was. */
static inline uint64_t number64(const struct trace_event *e, const struct event_field *f)
{
	if (f && f->bytes == 8 && f->offset + UINT64_C(8) <= e->bytes)
		return get_le64(e->data + f->offset);
	return number(e, f);
}

static inline uint32_t number32(const struct trace_event *e, const struct event_field *f)
{
	if (f && f->bytes == 4 && f->offset + UINT64_C(4) <= e->bytes)
		return get_le32(e->data + f->offset);
	return (uint32_t)number(e, f);
}

static inline uint8_t number8(const struct trace_event *e, const struct event_field *f)
{
	if (f && f->bytes == 1 && f->offset < e->bytes)
		return e->data[f->offset];
	return (uint8_t)number(e, f);
}

static void read_key(const struct trace_event *e, event_fields f, struct wire_key *ret)
{
	*ret = (struct wire_key){.first = number64(e, f[F_FIRST]),
				 .second = number64(e, f[F_SECOND]),
				 .third = number64(e, f[F_THIRD]),
				 .zone = number8(e, f[F_ZONE]),
				 .type = number8(e, f[F_TYPE]),
				 .fourth = number8(e, f[F_FOURTH])};
}

static uint8_t read_mode(const struct trace_event *e, event_fields f)
{
	return (uint8_t)min_of(number32(e, f[F_MODE]), (uint32_t)WIRE_LOCK_MODES);
}

static uint64_t hash_key(uint64_t rid, const struct wire_key *k)
{
	uint64_t small = (uint64_t)k->zone << 16 | (uint64_t)k->type << 8 | k->fourth;

	return pairs_mix(pairs_mix(pairs_mix(rid + small, k->first), k->second), k->third);
}

static bool same_lock(const struct lock *l, uint64_t rid, const struct wire_key *k)
{
	return l->rid == rid && l->key.first == k->first && l->key.second == k->second &&
	       l->key.third == k->third && l->key.zone == k->zone && l->key.type == k->type &&
	       l->key.fourth == k->fourth;
}

static bool grow_locks(struct locks *a)
{
	uint32_t room = a->room ? a->room * 2 : LOCKS_FIRST;
	struct lock *locks;
	uint32_t *index;

	if (room > LOCKS_MAX)
		return false;
	locks = reallocarray(a->locks, room, sizeof(*locks));
	if (!locks)
		return false;
	a->locks = locks;
	index = calloc((size_t)room * INDEX_PER_LOCK, sizeof(*index));
	if (!index)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		uint64_t hash = hash_key(locks[i].rid, &locks[i].key);
		uint32_t *at = &index[hash & (room * INDEX_PER_LOCK - 1)];

		locks[i].next = *at;
		*at = i + 1;
	}
	free(a->index);
	a->index = index;
	a->room = room;
	return true;
}

/* The lock's number; NO_LOCK, and counted, when there is no room for another one. */
static uint32_t lock_of(struct locks *a, const struct trace_event *e, event_fields f)
{
	uint64_t rid = number64(e, f[F_RID]), hash;
	struct wire_key key;
	uint32_t *at, steps = 0;

	read_key(e, f, &key);
	hash = hash_key(rid, &key);
	for (uint32_t i = a->room ? a->index[hash & (a->room * INDEX_PER_LOCK - 1)] : 0;
	     i && steps < 64; i = a->locks[i - 1].next, steps++)
		if (same_lock(&a->locks[i - 1], rid, &key))
			return i - 1;
	if (steps == 64 || (a->count == a->room && !grow_locks(a))) {
		a->without_place++;
		return NO_LOCK;
	}
	at = &a->index[hash & (a->room * INDEX_PER_LOCK - 1)];
	a->locks[a->count] = (struct lock){.rid = rid, .key = key, .next = *at};
	*at = ++a->count;
	return a->count - 1;
}

/* NULL when there are too many. */
static struct mount *mount_of(struct locks *a, uint64_t rid)
{
	if (a->last_mount < a->mount_count && a->mounts[a->last_mount].rid == rid)
		return &a->mounts[a->last_mount];
	for (size_t i = 0; i < a->mount_count; i++) {
		if (a->mounts[i].rid != rid)
			continue;
		a->last_mount = i;
		return &a->mounts[i];
	}
	if (a->mount_count == MOUNTS_MAX)
		return NULL;
	a->last_mount = a->mount_count;
	a->mounts[a->mount_count] = (struct mount){.rid = rid};
	return &a->mounts[a->mount_count++];
}

static uint64_t hold_key(uint32_t lock, uint32_t pid)
{
	return (uint64_t)lock << 32 | pid;
}

/* What a pair has .more: a number, and the mode that the lock had. */
static uint64_t with_mode(uint32_t number, uint8_t mode)
{
	return (uint64_t)mode << 32 | number;
}

static uint64_t users(const struct trace_event *e, event_fields f)
{
	return (uint64_t)number32(e, f[F_USERS_CW]) + number32(e, f[F_USERS_PR]) +
	       number32(e, f[F_USERS_EX]);
}

/* ---- events ---- */

static void on_wait(void *self, const struct trace_event *e, event_fields f)
{
	struct locks *a = self;
	uint32_t lock = lock_of(a, e, f), pid = number32(e, f[F_PID]);
	struct pair *wait;

	a->end_ns = max_of(a->end_ns, e->ns);
	if (lock == NO_LOCK)
		return;
	wait = pairs_find(&a->waits, pid);
	if (wait && locks_number_of(wait) == lock) {
		wait->more = with_mode(lock, read_mode(e, f));
		return; /* woken, but it was not its turn */
	}
	if (wait) {
		a->given_up++;
		wait->ns = e->ns;
	} else {
		wait = pairs_add(&a->waits, pid, e->ns);
	}
	if (wait)
		wait->more = with_mode(lock, read_mode(e, f));
}

static void end_wait(struct locks *a, struct pair *wait, const struct trace_event *e,
		     uint32_t number_of_lock, uint8_t mode)
{
	struct lock *l = &a->locks[number_of_lock];
	uint64_t ns = locks_since(wait->ns, e->ns);
	struct mount *m = mount_of(a, l->rid);

	l->waited++;
	l->wait_sum_ns += ns;
	l->wait_max_ns = max_of(l->wait_max_ns, ns);
	a->mode_waited[mode]++;
	stats_add(&a->mode_waits[mode], ns);
	if (m)
		m->waited++;
	locks_offer(&a->longest_waits, wait->ns, ns, number_of_lock, (uint32_t)wait->key, mode);
}

static void begin_hold(struct locks *a, const struct trace_event *e, event_fields f, uint32_t lock,
		       uint32_t pid)
{
	struct pair *hold = pairs_find(&a->holds, hold_key(lock, pid));
	uint8_t mode = read_mode(e, f);

	if (users(e, f) == 1)
		a->locks[lock].free_ns = max_of(a->locks[lock].free_ns, e->ns);
	if (hold && users(e, f) == 1) {
		a->lost_unlocks++;
		hold->ns = e->ns;
		hold->more = with_mode(1, mode);
		return;
	}
	if (!hold)
		hold = pairs_add(&a->holds, hold_key(lock, pid), e->ns);
	if (hold)
		hold->more = with_mode(locks_number_of(hold) + 1, mode);
}

/* It got the lock, or does something else by now. */
static void end_wait_for(struct locks *a, uint32_t pid, const struct trace_event *e, uint32_t lock,
			 uint8_t mode, bool got)
{
	struct pair *wait = pairs_find(&a->waits, pid);

	if (!wait)
		return;
	if (got && locks_number_of(wait) == lock)
		end_wait(a, wait, e, lock, mode);
	else
		a->given_up++;
	pairs_remove(&a->waits, wait);
}

static void on_locked(void *self, const struct trace_event *e, event_fields f)
{
	struct locks *a = self;
	uint32_t lock = lock_of(a, e, f), pid = number32(e, f[F_PID]);
	uint8_t mode = read_mode(e, f);
	struct mount *m;

	a->end_ns = max_of(a->end_ns, e->ns);
	if (lock == NO_LOCK)
		return;
	a->locks[lock].acquired++;
	a->locks[lock].mode = mode;
	a->mode_acquired[mode]++;
	m = mount_of(a, a->locks[lock].rid);
	if (m)
		m->acquired++;
	end_wait_for(a, pid, e, lock, mode, true);
	begin_hold(a, e, f, lock, pid);
}

static void on_unlock(void *self, const struct trace_event *e, event_fields f)
{
	struct locks *a = self;
	uint32_t lock = lock_of(a, e, f), pid = number32(e, f[F_PID]);
	struct pair *hold;
	uint8_t mode = read_mode(e, f);
	uint64_t ns;

	a->end_ns = max_of(a->end_ns, e->ns);
	if (lock == NO_LOCK)
		return;
	a->locks[lock].mode = mode;
	end_wait_for(a, pid, e, lock, mode, false);
	if (f[F_USERS_PR] && !users(e, f))
		a->locks[lock].free_ns = max_of(a->locks[lock].free_ns, e->ns);
	hold = pairs_find(&a->holds, hold_key(lock, pid));
	if (!hold) {
		a->unlocked_only++;
		return;
	}
	if (locks_number_of(hold) > 1 && (!f[F_USERS_PR] || users(e, f))) {
		hold->more--;
		return;
	}
	ns = locks_since(hold->ns, e->ns);
	a->locks[lock].held++;
	a->locks[lock].hold_sum_ns += ns;
	a->locks[lock].hold_max_ns = max_of(a->locks[lock].hold_max_ns, ns);
	stats_add(&a->mode_holds[mode], ns);
	locks_offer(&a->longest_holds, hold->ns, ns, lock, pid, mode);
	pairs_remove(&a->holds, hold);
}

static void on_granted(void *self, const struct trace_event *e, event_fields f)
{
	struct locks *a = self;
	uint32_t lock = lock_of(a, e, f);
	struct mount *m;

	a->end_ns = max_of(a->end_ns, e->ns);
	if (lock == NO_LOCK)
		return;
	a->locks[lock].granted++;
	a->locks[lock].mode = read_mode(e, f);
	m = mount_of(a, a->locks[lock].rid);
	if (m)
		m->granted++;
}

static void on_invalidate_request(void *self, const struct trace_event *e, event_fields f)
{
	struct locks *a = self;
	uint32_t lock = lock_of(a, e, f);

	a->end_ns = max_of(a->end_ns, e->ns);
	if (lock != NO_LOCK)
		a->locks[lock].invalidating_ns = max_of(e->ns, UINT64_C(1));
}

static void on_invalidated(void *self, const struct trace_event *e, event_fields f)
{
	struct locks *a = self;
	uint32_t lock = lock_of(a, e, f);
	struct mount *m;

	a->end_ns = max_of(a->end_ns, e->ns);
	if (lock == NO_LOCK)
		return;
	a->locks[lock].invalidated++;
	m = mount_of(a, a->locks[lock].rid);
	if (m && a->locks[lock].invalidating_ns)
		stats_add(&m->invalidations, locks_since(a->locks[lock].invalidating_ns, e->ns));
	a->locks[lock].invalidating_ns = 0;
}

static struct client *client_of(struct locks *a, uint64_t server_rid, uint64_t rid)
{
	for (size_t i = 0; i < a->client_count; i++)
		if (a->clients[i].rid == rid && a->clients[i].server_rid == server_rid)
			return &a->clients[i];
	if (a->client_count == CLIENTS_MAX)
		return NULL;
	a->clients[a->client_count] = (struct client){.server_rid = server_rid, .rid = rid};
	return &a->clients[a->client_count++];
}

static void on_message(void *self, const struct trace_event *e, event_fields f)
{
	struct locks *a = self;
	uint64_t what = number(e, f[M_WHAT]), dir = number(e, f[M_DIR]), key;
	struct client *c = client_of(a, number(e, f[M_RID]), number(e, f[M_CLIENT]));
	bool grant = what == SLT_GRANT;
	struct wire_key lock;
	struct pair *asked;

	a->end_ns = max_of(a->end_ns, e->ns);
	if (!c || (!grant && what != SLT_INVALIDATE) || (dir != SLT_REQUEST && dir != SLT_RESPONSE))
		return;
	read_key(e, f, &lock);
	key = hash_key(c->rid + what, &lock) ^ pairs_mix(c->server_rid, number(e, f[M_NET_ID]));
	asked = pairs_find(&a->asked, key);
	if (dir == SLT_REQUEST) {
		*(grant ? &c->grants_asked : &c->invalidations_asked) += 1;
		if (!asked)
			(void)pairs_add(&a->asked, key, e->ns);
	} else if (asked) {
		stats_add(grant ? &c->grants : &c->invalidations, locks_since(asked->ns, e->ns));
		pairs_remove(&a->asked, asked);
	}
}

static const struct event_want wants[] = {
	{"scoutfs", "scoutfs_lock_wait", on_wait, LOCK_FIELDS},
	{"scoutfs", "scoutfs_lock_locked", on_locked, LOCK_FIELDS},
	{"scoutfs", "scoutfs_lock_unlock", on_unlock, LOCK_FIELDS},
	{"scoutfs", "scoutfs_lock_granted", on_granted, LOCK_FIELDS},
	{"scoutfs", "scoutfs_lock_invalidate_request", on_invalidate_request, LOCK_FIELDS},
	{"scoutfs", "scoutfs_lock_invalidated", on_invalidated, LOCK_FIELDS},
	{"scoutfs", "scoutfs_lock_message", on_message, MESSAGE_FIELDS},
};

static int open_locks(void *self, const struct recording *rec, const struct analysis_options *o,
		      struct report_out *out, struct err *e)
{
	struct locks *a = self;
	size_t limit = o->limit ? o->limit : TOP_LIMIT;

	(void)e;
	a->rec = rec;
	a->out = out;
	a->options = o;
	top_init(&a->longest_waits, limit, sizeof(struct span));
	top_init(&a->longest_holds, limit, sizeof(struct span));
	return 0;
}

static int result_locks(void *self, struct report_out *out, struct err *e)
{
	(void)out;
	return locks_tell(self) ? 0 : err_nomem(e);
}

static void done_locks(void *self)
{
	struct locks *a = self;

	for (size_t i = 0; i < MODES; i++) {
		stats_done(&a->mode_waits[i]);
		stats_done(&a->mode_holds[i]);
	}
	for (size_t i = 0; i < a->mount_count; i++)
		stats_done(&a->mounts[i].invalidations);
	for (size_t i = 0; i < a->client_count; i++) {
		stats_done(&a->clients[i].grants);
		stats_done(&a->clients[i].invalidations);
	}
	pairs_done(&a->waits);
	pairs_done(&a->holds);
	pairs_done(&a->asked);
	top_done(&a->longest_waits);
	top_done(&a->longest_holds);
	free(a->locks);
	free(a->index);
}

const struct analysis_ops analysis_locks = {
	.name = "locks",
	.title = "Locks",
	.tables = "waiting held waits holds longest_waits locks longest_holds mounts server",
	.summary = "waits for cluster locks, holders, grants and invalidations",
	.counted_in = COUNTED_IN_TRACE,
	.self_bytes = sizeof(struct locks),
	.wants = wants,
	.want_count = ARRAY_SIZE(wants),
	.open = open_locks,
	.result = result_locks,
	.done = done_locks,
};
