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
 */
#include "analysis.h"

#include <inttypes.h>

#include "coverage.h"
#include "pairs.h"
#include "stats.h"

#define LOCKS_MAX (UINT32_C(1) << 17)
#define LOCKS_FIRST 1024
#define MOUNTS_MAX 64
#define CLIENTS_MAX 256
#define MODES (WIRE_LOCK_MODES + 1) /* the last: a number that is none */
#define INDEX_PER_LOCK 4	    /* so that few share a place */
#define NO_LOCK UINT32_MAX
#define LONG_NS NSEC_PER_SEC /* what goes on at the end for as long is marked */

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

	struct pairs waits; /* by pid; .more: the lock, with_mode() */
	struct pairs holds; /* by lock and pid; .more: how many times, with_mode() */
	struct pairs asked; /* by what was asked of whom */
	struct stats mode_waits[MODES], mode_holds[MODES];
	uint64_t mode_acquired[MODES], mode_waited[MODES];
	struct top longest_waits, longest_holds;
	uint64_t given_up, unlocked_only, lost_unlocks;
};

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

static uint64_t since(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
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

static uint32_t number_of(const struct pair *p)
{
	return (uint32_t)p->more;
}

static uint8_t mode_of(const struct pair *p)
{
	return (uint8_t)(p->more >> 32);
}

static uint64_t users(const struct trace_event *e, event_fields f)
{
	return (uint64_t)number32(e, f[F_USERS_CW]) + number32(e, f[F_USERS_PR]) +
	       number32(e, f[F_USERS_EX]);
}

static void offer(struct top *t, uint64_t from_ns, uint64_t ns, uint32_t lock, uint32_t pid,
		  uint8_t mode)
{
	if (top_would(t, ns))
		(void)top_add(t, &(struct span){.key_ns = ns,
						.from_ns = from_ns,
						.lock = lock,
						.pid = pid,
						.mode = mode});
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
	if (wait && number_of(wait) == lock) {
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
	uint64_t ns = since(wait->ns, e->ns);
	struct mount *m = mount_of(a, l->rid);

	l->waited++;
	l->wait_sum_ns += ns;
	l->wait_max_ns = max_of(l->wait_max_ns, ns);
	a->mode_waited[mode]++;
	stats_add(&a->mode_waits[mode], ns);
	if (m)
		m->waited++;
	offer(&a->longest_waits, wait->ns, ns, number_of_lock, (uint32_t)wait->key, mode);
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
		hold->more = with_mode(number_of(hold) + 1, mode);
}

/* It got the lock, or does something else by now. */
static void end_wait_for(struct locks *a, uint32_t pid, const struct trace_event *e, uint32_t lock,
			 uint8_t mode, bool got)
{
	struct pair *wait = pairs_find(&a->waits, pid);

	if (!wait)
		return;
	if (got && number_of(wait) == lock)
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
	if (number_of(hold) > 1 && (!f[F_USERS_PR] || users(e, f))) {
		hold->more--;
		return;
	}
	ns = since(hold->ns, e->ns);
	a->locks[lock].held++;
	a->locks[lock].hold_sum_ns += ns;
	a->locks[lock].hold_max_ns = max_of(a->locks[lock].hold_max_ns, ns);
	stats_add(&a->mode_holds[mode], ns);
	offer(&a->longest_holds, hold->ns, ns, lock, pid, mode);
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
		stats_add(&m->invalidations, since(a->locks[lock].invalidating_ns, e->ns));
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
		stats_add(grant ? &c->grants : &c->invalidations, since(asked->ns, e->ns));
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

/* ---- tables ---- */

static const char *mode_name(size_t mode)
{
	return mode < WIRE_LOCK_MODES ? wire_lock_mode_name((unsigned int)mode) : "(none known)";
}

static void put_key(struct table *t, const struct lock *l)
{
	char buf[96];

	table_text(t, wire_key_format(&l->key, buf, sizeof(buf)));
}

static void put_comm(const struct locks *a, struct table *t, uint32_t pid)
{
	const struct comm *c = recording_comm(a->rec, pid);

	if (c)
		table_text_n(t, c->name, c->bytes);
	else
		table_none(t);
}

static void tell_modes(struct locks *a)
{
	static const struct column columns[] = {
		{"mode", "mode", COLUMN_TEXT},
		{"acquired", "acquired", COLUMN_COUNT},
		{"waited", "waited", COLUMN_COUNT},
		{"waited_percent", "of them", COLUMN_PERCENT, 1},
		STATS_COLUMNS,
	};
	struct table *t = report_table(a->out, "waits", "Waits for locks, by mode of the lock",
				       columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < MODES; i++) {
		if (!a->mode_acquired[i])
			continue;
		table_row(t);
		table_text(t, mode_name(i));
		table_u64(t, a->mode_acquired[i]);
		table_u64(t, a->mode_waited[i]);
		table_real(t, (double)a->mode_waited[i] / (double)a->mode_acquired[i] * 100);
		table_stats(t, &a->mode_waits[i]);
	}
	if (a->given_up)
		table_note(t,
			   "%" PRIu64 " waits have no end: given up, or the event was lost. They "
			   "are not in the figures.",
			   a->given_up);
	if (a->without_place)
		table_note(t,
			   "%" PRIu64 " events of locks beyond the first %" PRIu32
			   " are in no figure.",
			   a->without_place, a->count);
	table_note(t, "A wait is from lock_wait to lock_locked of the same process and "
		      "lock. " STATS_NOTE);
}

static void tell_holds(struct locks *a)
{
	static const struct column columns[] = {
		{"mode", "mode", COLUMN_TEXT},
		{"held", "held", COLUMN_COUNT},
		STATS_COLUMNS,
	};
	struct table *t = report_table(a->out, "holds", "How long locks were held by a process",
				       columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < MODES; i++) {
		if (!a->mode_holds[i].count)
			continue;
		table_row(t);
		table_text(t, mode_name(i));
		table_u64(t, a->mode_holds[i].count);
		table_stats(t, &a->mode_holds[i]);
	}
	if (a->unlocked_only || a->lost_unlocks)
		table_note(t,
			   "Not in the figures: %" PRIu64 " unlocked whose begin, and %" PRIu64
			   " locked whose end is not in the recording.",
			   a->unlocked_only, a->lost_unlocks);
}

static void tell_mounts(struct locks *a)
{
	static const struct column columns[] = {
		{"rid", "mount (rid)", COLUMN_HEX},	     {"acquired", "acquired", COLUMN_COUNT},
		{"waited", "waited", COLUMN_COUNT},	     {"granted", "granted", COLUMN_COUNT},
		{"invalidated", "taken back", COLUMN_COUNT}, STATS_COLUMNS,
	};
	struct table *t = report_table(
		a->out, "mounts", "Locks of each mount, and how long it took to give them back",
		columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < a->mount_count; i++) {
		const struct mount *m = &a->mounts[i];

		table_row(t);
		table_u64(t, m->rid);
		table_u64(t, m->acquired);
		table_u64(t, m->waited);
		table_u64(t, m->granted);
		table_u64(t, m->invalidations.count);
		table_stats(t, &m->invalidations);
	}
	table_note(t, "Granted by, and taken back for, the server; the durations are from "
		      "lock_invalidate_request to lock_invalidated.");
}

static void put_client(struct table *t, const struct client *c, const char *what, uint64_t asked,
		       const struct stats *s)
{
	if (!asked && !s->count)
		return;
	table_row(t);
	table_u64(t, c->server_rid);
	table_u64(t, c->rid);
	table_text(t, what);
	table_u64(t, asked);
	table_u64(t, s->count);
	table_stats(t, s);
}

static void tell_server(struct locks *a)
{
	static const struct column columns[] = {
		{"server_rid", "server (rid)", COLUMN_HEX},
		{"client_rid", "client (rid)", COLUMN_HEX},
		{"what", "what", COLUMN_TEXT},
		{"asked", "asked", COLUMN_COUNT},
		{"answered", "answered", COLUMN_COUNT},
		STATS_COLUMNS,
	};
	struct table *t;

	if (!a->client_count)
		return;
	t = report_table(a->out, "server", "Locks as the server sees them, by client", columns,
			 ARRAY_SIZE(columns));
	for (size_t i = 0; i < a->client_count; i++) {
		const struct client *c = &a->clients[i];

		put_client(t, c, "client wants a lock", c->grants_asked, &c->grants);
		put_client(t, c, "client has to give up a lock", c->invalidations_asked,
			   &c->invalidations);
	}
	table_note(t, "The server's own mount is a client of it as well.");
	if (a->client_count == CLIENTS_MAX)
		table_note(t, "Clients beyond the first %d are left out.", CLIENTS_MAX);
}

static void tell_locks(struct locks *a)
{
	static const struct column columns[] = {
		{"lock", "lock (start)", COLUMN_TEXT},
		{"rid", "mount (rid)", COLUMN_HEX},
		{"mode", "last mode", COLUMN_TEXT},
		{"acquired", "acquired", COLUMN_COUNT},
		{"waited", "waited", COLUMN_COUNT},
		{"wait_sum_ns", "waits, sum", COLUMN_DURATION},
		{"wait_max_ns", "longest", COLUMN_DURATION},
		{"hold_sum_ns", "held, sum", COLUMN_DURATION},
		{"hold_max_ns", "longest", COLUMN_DURATION},
		{"granted", "granted", COLUMN_COUNT},
		{"invalidated", "taken back", COLUMN_COUNT},
	};
	struct table *t = report_table(a->out, "locks", "Locks that were waited for most", columns,
				       ARRAY_SIZE(columns));
	struct top top;

	top_init(&top, a->options->limit ? a->options->limit : TOP_LIMIT, sizeof(struct span));
	for (uint32_t i = 0; i < a->count; i++)
		offer(&top, 0, a->locks[i].wait_sum_ns, i, 0, 0);
	top_sort(&top);
	for (size_t i = 0; i < top.count; i++) {
		const struct span *s = top_item(&top, i);
		const struct lock *l = &a->locks[s->lock];

		table_row(t);
		put_key(t, l);
		table_u64(t, l->rid);
		table_text(t, mode_name(l->mode));
		table_u64(t, l->acquired);
		table_u64(t, l->waited);
		table_u64(t, l->wait_sum_ns);
		table_u64(t, l->wait_max_ns);
		table_u64(t, l->hold_sum_ns);
		table_u64(t, l->hold_max_ns);
		table_u64(t, l->granted);
		table_u64(t, l->invalidated);
	}
	table_note(t,
		   "Of %" PRIu32 " locks; a lock that several mounts use is in the list for each. "
		   "It is named by the key where its range starts, zone first.",
		   a->count);
	top_done(&top);
}

static void tell_longest(struct locks *a, const char *name, const char *title, const char *what,
			 struct top *top)
{
	const struct column columns[] = {
		{"duration_ns", what, COLUMN_DURATION}, {"from_ns", "since", COLUMN_TIME},
		{"comm", "process", COLUMN_TEXT},	{"pid", "pid", COLUMN_NUMBER},
		{"lock", "lock (start)", COLUMN_TEXT},	{"mode", "mode", COLUMN_TEXT},
		{"rid", "mount (rid)", COLUMN_HEX},
	};
	struct table *t = report_table(a->out, name, title, columns, ARRAY_SIZE(columns));

	top_sort(top);
	for (size_t i = 0; i < top->count; i++) {
		const struct span *s = top_item(top, i);

		table_row(t);
		table_u64(t, s->key_ns);
		table_u64(t, s->from_ns);
		put_comm(a, t, s->pid);
		table_i64(t, s->pid);
		put_key(t, &a->locks[s->lock]);
		table_text(t, mode_name(s->mode));
		table_u64(t, a->locks[s->lock].rid);
	}
}

/* ---- what goes on at the end ---- */

static bool is_over(const struct locks *a, const struct pair *hold)
{
	return hold->ns < a->locks[hold->key >> 32].free_ns;
}

/* Who unlocked is known only where the events of that can be read. */
static bool sees_unlocks(const struct locks *a)
{
	return event_by_name(&a->rec->events, "scoutfs", "scoutfs_lock_unlock") != NULL;
}

/* Anything may have been overlooked since the oldest of them. */
static void note_doubts(const struct locks *a, struct table *t, const struct pairs *these,
			const char *what)
{
	uint64_t since_ns = UINT64_MAX;
	struct coverage c;
	const char *doubt;

	coverage_find(a->rec, a->options, FEED_TRACE, &c);
	for (uint32_t i = 0; i < these->room; i++)
		if (these->slots[i].used)
			since_ns = min_of(since_ns, these->slots[i].ns);
	doubt = coverage_doubt(&c, since_ns);
	if (doubt)
		table_note(t, "Some of these may have %s: %s.", what, doubt);
}

/* For each lock: how many wait for it, and who has had it for longest. */
static void settle_end(struct locks *a)
{
	for (uint32_t i = 0; i < a->waits.room; i++)
		if (a->waits.slots[i].used)
			a->locks[number_of(&a->waits.slots[i])].waiters++;
	for (uint32_t i = 0; sees_unlocks(a) && i < a->holds.room; i++) {
		const struct pair *hold = &a->holds.slots[i];
		struct lock *l = hold->used ? &a->locks[hold->key >> 32] : NULL;

		if (!l || is_over(a, hold))
			continue;
		if (!l->holder || hold->ns < a->holds.slots[l->holder - 1].ns)
			l->holder = i + 1;
	}
}

static void begin_end(const struct locks *a, struct top *top)
{
	top_init(top, a->options->limit ? a->options->limit : TOP_LIMIT, sizeof(struct span));
}

static void put_holder(const struct locks *a, struct table *t, const struct lock *l)
{
	const struct pair *holder = l->holder ? &a->holds.slots[l->holder - 1] : NULL;

	if (!holder) {
		table_none(t);
		table_none(t);
		return;
	}
	put_comm(a, t, (uint32_t)holder->key);
	table_i64(t, (uint32_t)holder->key);
}

static void put_span(const struct locks *a, struct table *t, const struct span *s)
{
	table_row(t);
	table_mark(t, s->key_ns >= LONG_NS ? ROW_WARNING : ROW_PLAIN);
	table_u64(t, s->key_ns);
	table_u64(t, s->from_ns);
	put_comm(a, t, s->pid);
	table_i64(t, s->pid);
	put_key(t, &a->locks[s->lock]);
	table_text(t, mode_name(s->mode));
	table_u64(t, a->locks[s->lock].rid);
}

static void tell_waiting(struct locks *a)
{
	static const struct column columns[] = {
		{"duration_ns", "waits for", COLUMN_DURATION},
		{"from_ns", "since", COLUMN_TIME},
		{"comm", "process", COLUMN_TEXT},
		{"pid", "pid", COLUMN_NUMBER},
		{"lock", "lock (start)", COLUMN_TEXT},
		{"mode", "its mode", COLUMN_TEXT},
		{"rid", "mount (rid)", COLUMN_HEX},
		{"holder_comm", "held by", COLUMN_TEXT},
		{"holder_pid", "pid", COLUMN_NUMBER},
	};
	struct table *t = report_table(a->out, "waiting", "Still waiting at the end", columns,
				       ARRAY_SIZE(columns));
	struct top top;

	begin_end(a, &top);
	for (uint32_t i = 0; i < a->waits.room; i++) {
		const struct pair *w = &a->waits.slots[i];

		if (w->used)
			offer(&top, w->ns, since(w->ns, a->end_ns), number_of(w), (uint32_t)w->key,
			      mode_of(w));
	}
	top_sort(&top);
	for (size_t i = 0; i < top.count; i++) {
		const struct span *s = top_item(&top, i);

		put_span(a, t, s);
		put_holder(a, t, &a->locks[s->lock]);
	}
	t->left_out = a->waits.count - top.count;
	if (a->waits.count)
		table_note(t, "A process that was interrupted, or did not want to wait, is here "
			      "too. Held by: a process of the same mount; where there is none, "
			      "another mount has the lock, or the server did not grant it yet.");
	if (a->waits.count)
		note_doubts(a, t, &a->waits, "got their lock");
	top_done(&top);
}

static void tell_held(struct locks *a)
{
	static const struct column columns[] = {
		{"duration_ns", "held for", COLUMN_DURATION},
		{"from_ns", "since", COLUMN_TIME},
		{"comm", "process", COLUMN_TEXT},
		{"pid", "pid", COLUMN_NUMBER},
		{"lock", "lock (start)", COLUMN_TEXT},
		{"mode", "mode", COLUMN_TEXT},
		{"rid", "mount (rid)", COLUMN_HEX},
		{"waiters", "wait for it", COLUMN_COUNT, .use = USE_LEVEL},
	};
	struct table *t =
		report_table(a->out, "held", "Still held at the end", columns, ARRAY_SIZE(columns));
	struct top top;
	uint64_t count = 0;

	begin_end(a, &top);
	for (uint32_t i = 0; sees_unlocks(a) && i < a->holds.room; i++) {
		const struct pair *h = &a->holds.slots[i];

		if (!h->used || is_over(a, h))
			continue;
		count++;
		offer(&top, h->ns, since(h->ns, a->end_ns), (uint32_t)(h->key >> 32),
		      (uint32_t)h->key, mode_of(h));
	}
	top_sort(&top);
	for (size_t i = 0; i < top.count; i++) {
		const struct span *s = top_item(&top, i);

		put_span(a, t, s);
		table_u64(t, a->locks[s->lock].waiters);
	}
	t->left_out = count - top.count;
	if (!sees_unlocks(a))
		table_note(t, "Who holds a lock is not known: nothing in this recording tells what "
			      "events of scoutfs_lock_unlock look like.");
	else if (count)
		note_doubts(a, t, &a->holds, "ended");
	if (count)
		table_note(t, "From lock_locked on, without a lock_unlock of the same process. "
			      "Whoever else unlocked it for that process is not known. Wait for "
			      "it: processes of the same mount.");
	top_done(&top);
}

static int result_locks(void *self, struct report_out *out, struct err *e)
{
	struct locks *a = self;

	(void)out;
	(void)e;
	/* When all hangs, lock events end before the rest. */
	a->end_ns = max_of(a->end_ns, min_of(a->rec->last_ns, a->options->to_ns));
	settle_end(a);
	tell_waiting(a);
	tell_held(a);
	tell_modes(a);
	tell_holds(a);
	tell_longest(a, "longest_waits", "The longest waits", "waited", &a->longest_waits);
	tell_locks(a);
	tell_longest(a, "longest_holds", "The longest holds", "held", &a->longest_holds);
	tell_mounts(a);
	tell_server(a);
	if (a->waits.refused || a->holds.refused || a->asked.refused)
		report_note(a->out,
			    "So much was going on at the same time that %" PRIu64
			    " waits, holds and requests are in no figure.",
			    a->waits.refused + a->holds.refused + a->asked.refused);
	return 0;
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
