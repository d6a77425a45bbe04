/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `locks`: its tables, of what was gathered.
 *
 * Called by analysis_locks.c. What goes on at the end comes first, as that is what a case is about.
 */
#include "locks.h"

#include <inttypes.h>

#include "coverage.h"

#define LONG_NS NSEC_PER_SEC /* what goes on at the end for as long is marked */

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

#define SPAN_COLUMNS(how_long, mode_title)                                                \
	{"duration_ns", how_long, COLUMN_DURATION}, {"from_ns", "since", COLUMN_TIME},    \
		{"comm", "process", COLUMN_TEXT}, {"pid", "pid", COLUMN_NUMBER},          \
		{"lock", "lock (start)", COLUMN_TEXT}, {"mode", mode_title, COLUMN_TEXT}, \
	{                                                                                 \
		"rid", "mount (rid)", COLUMN_HEX                                          \
	}

/* The cells of SPAN_COLUMNS. */
static void put_span(const struct locks *a, struct table *t, const struct span *s)
{
	table_row(t);
	table_u64(t, s->key_ns);
	table_u64(t, s->from_ns);
	put_comm(a, t, s->pid);
	table_i64(t, s->pid);
	put_key(t, &a->locks[s->lock]);
	table_text(t, mode_name(s->mode));
	table_u64(t, a->locks[s->lock].rid);
}

static void begin_top(const struct locks *a, struct top *top)
{
	top_init(top, a->options->limit ? a->options->limit : TOP_LIMIT, sizeof(struct span));
}

static void end_top(struct locks *a, struct top *top)
{
	a->failed |= top->failed;
	top_done(top);
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

	begin_top(a, &top);
	for (uint32_t i = 0; i < a->count; i++)
		locks_offer(&top, 0, a->locks[i].wait_sum_ns, i, 0, 0);
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
	end_top(a, &top);
}

static void tell_longest(struct locks *a, const char *name, const char *title, const char *what,
			 struct top *top)
{
	const struct column columns[] = {SPAN_COLUMNS(what, "mode")};
	struct table *t = report_table(a->out, name, title, columns, ARRAY_SIZE(columns));

	top_sort(top);
	for (size_t i = 0; i < top->count; i++)
		put_span(a, t, top_item(top, i));
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

static void mark_long(struct table *t, const struct span *s)
{
	table_mark(t, s->key_ns >= LONG_NS ? ROW_WARNING : ROW_PLAIN);
}

/* Anything may have been overlooked since the oldest of them. */
static void note_doubts(const struct locks *a, struct table *t, const struct top *oldest_first,
			const char *what)
{
	const struct span *oldest = top_item(oldest_first, 0);
	struct coverage c;
	const char *doubt;

	coverage_find(a->rec, a->options, FEED_TRACE, &c);
	doubt = coverage_doubt(&c, oldest->from_ns);
	if (doubt)
		table_note(t, "Some of these may have %s: %s.", what, doubt);
}

/* For each lock: how many wait for it, and who has had it for longest. */
static void settle_end(struct locks *a)
{
	for (uint32_t i = 0; i < a->waits.room; i++)
		if (a->waits.slots[i].used)
			a->locks[locks_number_of(&a->waits.slots[i])].waiters++;
	for (uint32_t i = 0; sees_unlocks(a) && i < a->holds.room; i++) {
		const struct pair *hold = &a->holds.slots[i];
		struct lock *l = hold->used ? &a->locks[hold->key >> 32] : NULL;

		if (!l || is_over(a, hold))
			continue;
		if (!l->holder || hold->ns < a->holds.slots[l->holder - 1].ns)
			l->holder = i + 1;
	}
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

static void tell_waiting(struct locks *a)
{
	static const struct column columns[] = {
		SPAN_COLUMNS("waits for", "its mode"),
		{"holder_comm", "held by", COLUMN_TEXT},
		{"holder_pid", "pid", COLUMN_NUMBER},
	};
	struct table *t = report_table(a->out, "waiting", "Still waiting at the end", columns,
				       ARRAY_SIZE(columns));
	struct top top;

	begin_top(a, &top);
	for (uint32_t i = 0; i < a->waits.room; i++) {
		const struct pair *w = &a->waits.slots[i];

		if (w->used)
			locks_offer(&top, w->ns, locks_since(w->ns, a->end_ns), locks_number_of(w),
				    (uint32_t)w->key, locks_mode_of(w));
	}
	top_sort(&top);
	for (size_t i = 0; i < top.count; i++) {
		const struct span *s = top_item(&top, i);

		put_span(a, t, s);
		mark_long(t, s);
		put_holder(a, t, &a->locks[s->lock]);
	}
	t->left_out = a->waits.count - top.count;
	if (a->waits.count)
		table_note(t, "A process that was interrupted, or did not want to wait, is here "
			      "too. Held by: a process of the same mount; where there is none, "
			      "another mount has the lock, or the server did not grant it yet.");
	if (top.count)
		note_doubts(a, t, &top, "got their lock");
	end_top(a, &top);
}

static void tell_held(struct locks *a)
{
	static const struct column columns[] = {
		SPAN_COLUMNS("held for", "mode"),
		{"waiters", "wait for it", COLUMN_COUNT, .use = USE_LEVEL},
	};
	struct table *t =
		report_table(a->out, "held", "Still held at the end", columns, ARRAY_SIZE(columns));
	struct top top;
	uint64_t count = 0;

	begin_top(a, &top);
	for (uint32_t i = 0; sees_unlocks(a) && i < a->holds.room; i++) {
		const struct pair *h = &a->holds.slots[i];

		if (!h->used || is_over(a, h))
			continue;
		count++;
		locks_offer(&top, h->ns, locks_since(h->ns, a->end_ns), (uint32_t)(h->key >> 32),
			    (uint32_t)h->key, locks_mode_of(h));
	}
	top_sort(&top);
	for (size_t i = 0; i < top.count; i++) {
		const struct span *s = top_item(&top, i);

		put_span(a, t, s);
		mark_long(t, s);
		table_u64(t, a->locks[s->lock].waiters);
	}
	t->left_out = count - top.count;
	if (!sees_unlocks(a))
		table_note(t, "Who holds a lock is not known: nothing in this recording tells what "
			      "events of scoutfs_lock_unlock look like.");
	else if (top.count)
		note_doubts(a, t, &top, "ended");
	if (count)
		table_note(t, "From lock_locked on, without a lock_unlock of the same process. "
			      "Whoever else unlocked it for that process is not known. Wait for "
			      "it: processes of the same mount.");
	end_top(a, &top);
}

/** locks_tell() - the tables of the report; false: there was no memory for them */
bool locks_tell(struct locks *a)
{
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
	return !a->failed && !a->longest_waits.failed && !a->longest_holds.failed;
}
