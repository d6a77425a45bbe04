/* SPDX-License-Identifier: GPL-2.0-only */
/* Report `locks`: waits, holds and who answered whom, on made-up events with figures by hand. */
#include "pairs.h"
#include "reportkit.h"
#include "test.h"

#define US NSEC_PER_USEC

static void setup(void)
{
	static const char *const events[] = {"scoutfs_lock_wait",
					     "scoutfs_lock_locked",
					     "scoutfs_lock_unlock",
					     "scoutfs_lock_granted",
					     "scoutfs_lock_invalidate_request",
					     "scoutfs_lock_invalidated"};

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		kit_format(
			"scoutfs", events[i],
			"u64 rid, u8 start_zone, u64 start_first, u8 start_type, u64 start_second, "
			"u64 start_third, u8 start_fourth, int mode, u32 users_cw, u32 users_pr, "
			"u32 users_ex");
	kit_format("scoutfs", "scoutfs_lock_message",
		   "u64 rid, int who, int what, int dir, u64 m_rid, u64 net_id, u8 key_zone, "
		   "u64 key_first, u8 key_type, u64 key_second, u64 key_third, u8 key_fourth");
	kit_formats_done();
	kit_comm(10, "ten");
	kit_comm(11, "eleven");
	kit_open(&analysis_locks);
}

/* Of one format less. */
static void setup_without(const char *event)
{
	setup();
	kit_done();
	for (uint32_t i = 0; i < kit.rec.events.count; i++)
		if (!strcmp(kit.rec.events.formats[i].name, event))
			((char *)(uintptr_t)kit.rec.events.formats[i].name)[0] = 'x';
	kit_open(&analysis_locks);
}

static void finish(void)
{
	kit_done();
	kit_forget();
}

static void waits_are_from_the_first_wait_to_locked(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_lock_wait", 1000 * US, 0, 10, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", 1500 * US, 0, 11, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", 2000 * US, 1, 10, "rid=1 start_first=7");
	kit_event("scoutfs_lock_locked", 4000 * US, 1, 10, "rid=1 start_first=7 mode=2 users_ex=1");
	kit_event("scoutfs_lock_locked", 2500 * US, 1, 11, "rid=1 start_first=7 mode=1 users_pr=1");
	kit_event("scoutfs_lock_locked", 5000 * US, 1, 12, "rid=2 start_first=7 mode=1 users_pr=1");
	t = kit_table("waits");
	CHECK_EQ(t->row_count, 2);
	CHECK_STR(kit_str(t, 0, "mode"), "read");
	CHECK_EQ(kit_u64(t, 0, "acquired"), 2);
	CHECK_EQ(kit_u64(t, 0, "waited"), 1);
	CHECK(kit_real(t, 0, "waited_percent") == 50);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 1000 * US);
	CHECK_STR(kit_str(t, 1, "mode"), "write");
	CHECK_EQ(kit_u64(t, 1, "min_ns"), 3000 * US);
	t = kit_table("longest_waits");
	CHECK_EQ(t->row_count, 2);
	CHECK_EQ(kit_u64(t, 0, "duration_ns"), 3000 * US);
	CHECK_EQ(kit_u64(t, 0, "from_ns"), 1000 * US);
	CHECK_STR(kit_str(t, 0, "comm"), "ten");
	CHECK_EQ(kit_u64(t, 0, "pid"), 10);
	CHECK_STR(kit_str(t, 0, "lock"), "0.7.0.0.0.0");
	CHECK_EQ(kit_u64(t, 0, "rid"), 1);
	t = kit_table("locks");
	CHECK_EQ(t->row_count, 2);
	CHECK_EQ(kit_u64(t, 0, "wait_sum_ns"), 4000 * US);
	CHECK_EQ(kit_u64(t, 0, "wait_max_ns"), 3000 * US);
	CHECK_EQ(kit_u64(t, 0, "acquired"), 2);
	CHECK_EQ(kit_u64(t, 1, "rid"), 2);
	CHECK_EQ(kit_table("waiting")->row_count, 0);
	finish();
}

/* Each part of the key, and the mount, makes another lock. */
static void locks_differ_by_every_part_of_the_key(void)
{
	static const char *const keys[] = {"rid=1",	    "rid=2",	      "start_zone=1",
					   "start_first=1", "start_type=1",   "start_second=1",
					   "start_third=1", "start_fourth=1", "start_fourth=2"};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		kit_event("scoutfs_lock_wait", 100 * US, 0, 100 + (uint32_t)i, keys[i]);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		kit_event("scoutfs_lock_locked", (200 + i) * US, 0, 100 + (uint32_t)i, keys[i]);
	CHECK_EQ(kit_table("locks")->row_count, ARRAY_SIZE(keys));
	CHECK_EQ(kit_table("longest_waits")->row_count, ARRAY_SIZE(keys));
	CHECK_STR(kit_str(kit_table("longest_waits"), 0, "lock"), "0.0.0.0.0.2");
	finish();
}

static void a_wait_that_ends_otherwise_is_no_figure(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_lock_wait", 1000 * US, 0, 10, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", 2000 * US, 0, 10, "rid=1 start_first=8");
	kit_event("scoutfs_lock_locked", 3000 * US, 0, 10, "rid=1 start_first=9 mode=1 users_pr=1");
	kit_event("scoutfs_lock_locked", 9000 * US, 0, 10, "rid=1 start_first=8 mode=1 users_pr=1");
	t = kit_table("waits");
	CHECK_EQ(kit_u64(t, 0, "acquired"), 2);
	CHECK_EQ(kit_u64(t, 0, "waited"), 0);
	CHECK(t->note_count == 2 && strstr(t->notes[0], "2 waits have no end"));
	finish();
}

static void without_unlocks_nobody_is_known_to_hold(void)
{
	const struct table *t;

	setup_without("scoutfs_lock_unlock");
	kit_event("scoutfs_lock_locked", 500 * US, 0, 11, "rid=1 start_first=7 mode=2 users_ex=1");
	kit_event("scoutfs_lock_wait", 1000 * US, 0, 10, "rid=1 start_first=7");
	t = kit_table("held");
	CHECK_EQ(t->row_count, 0);
	CHECK(t->note_count && strstr(t->notes[0], "scoutfs_lock_unlock"));
	CHECK_STR(kit_str(kit_table("waiting"), 0, "holder_comm"), "(none)");
	finish();
}

static void who_still_waits_is_told_with_who_has_it(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_lock_locked", 500 * US, 0, 11, "rid=1 start_first=7 mode=2 users_ex=1");
	kit_event("scoutfs_lock_wait", 1000 * US, 0, 10, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", 3000 * US, 0, 12, "rid=1 start_first=8");
	t = kit_table("waiting");
	CHECK_EQ(t->row_count, 2);
	CHECK_EQ(kit_u64(t, 0, "duration_ns"), 2000 * US);
	CHECK_STR(kit_str(t, 0, "comm"), "ten");
	CHECK_STR(kit_str(t, 0, "holder_comm"), "eleven");
	CHECK_EQ(kit_u64(t, 0, "holder_pid"), 11);
	CHECK_EQ(kit_u64(t, 1, "duration_ns"), 0);
	CHECK_STR(kit_str(t, 1, "comm"), "(none)");
	CHECK(!kit_cell(t, 1, "holder_pid")->known);
	finish();
}

static void what_still_waits_or_is_held_is_listed_longest_first(void)
{
	const struct table *t;
	char fields[64];

	setup();
	kit.rec.last_ns = 50 * NSEC_PER_MSEC;
	kit.options.limit = 2;
	kit_event("scoutfs_lock_locked", 500 * US, 0, 11, "rid=1 start_first=7 mode=2 users_ex=1");
	kit_event("scoutfs_lock_locked", 600 * US, 0, 13, "rid=1 start_first=9 mode=1 users_pr=1");
	kit_event("scoutfs_lock_locked", 700 * US, 0, 14, "rid=1 start_first=9 mode=1 users_pr=2");
	for (unsigned int i = 0; i < 3; i++) {
		(void)snprintf(fields, sizeof(fields), "rid=1 start_first=%u mode=1", i ? 7 : 6);
		kit_event("scoutfs_lock_wait", (3000 - i * 1000) * US, 0, 20 + i, fields);
	}
	/* To the end of all, as lock events end when everything hangs. */
	t = kit_table("waiting");
	CHECK_EQ(t->row_count, 2);
	CHECK_EQ(t->left_out, 1);
	CHECK_EQ(kit_u64(t, 0, "pid"), 22);
	CHECK_EQ(kit_u64(t, 0, "duration_ns"), 49 * NSEC_PER_MSEC);
	CHECK_EQ(kit_u64(t, 1, "pid"), 21);
	CHECK_STR(kit_str(t, 1, "holder_comm"), "eleven");
	CHECK_STR(kit_str(t, 1, "mode"), "read");
	t = kit_table("held");
	CHECK_EQ(t->row_count, 2);
	CHECK_EQ(t->left_out, 1);
	CHECK_EQ(kit_u64(t, 0, "pid"), 11);
	CHECK_EQ(kit_u64(t, 0, "from_ns"), 500 * US);
	CHECK_STR(kit_str(t, 0, "mode"), "write");
	CHECK_EQ(kit_u64(t, 0, "waiters"), 2);
	CHECK_EQ(kit_u64(t, 1, "pid"), 13);
	CHECK_EQ(kit_u64(t, 1, "waiters"), 0);
	finish();
}

/* Unlocks that were lost, or were another process's, leave no holder when nobody has the lock. */
static void a_lock_that_nobody_has_is_held_by_none(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_lock_locked", 1000 * US, 0, 10, "rid=1 mode=1 users_pr=1");
	kit_event("scoutfs_lock_locked", 1100 * US, 0, 11, "rid=1 mode=1 users_pr=2");
	kit_event("scoutfs_lock_unlock", 1200 * US, 0, 12, "rid=1 mode=1");
	kit_event("scoutfs_lock_locked", 2000 * US, 0, 10, "rid=2 mode=1 users_pr=1");
	kit_event("scoutfs_lock_locked", 2100 * US, 0, 11, "rid=2 mode=1 users_pr=1");
	/* It unlocks: it cannot be waiting, whatever came before. */
	kit_event("scoutfs_lock_wait", 2200 * US, 0, 12, "rid=3");
	kit_event("scoutfs_lock_unlock", 2300 * US, 0, 12, "rid=4 users_pr=1");
	t = kit_table("held");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "pid"), 11);
	CHECK_EQ(kit_u64(t, 0, "rid"), 2);
	CHECK_EQ(kit_table("waiting")->row_count, 0);
	finish();
}

static void holds_are_to_the_last_unlock(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_lock_locked", 1000 * US, 0, 10, "rid=1 mode=2 users_ex=1");
	kit_event("scoutfs_lock_locked", 2000 * US, 0, 10, "rid=1 mode=2 users_ex=2");
	kit_event("scoutfs_lock_unlock", 3000 * US, 0, 10, "rid=1 mode=2 users_ex=1");
	kit_event("scoutfs_lock_unlock", 5000 * US, 0, 10, "rid=1 mode=2 users_ex=0");
	/* Another one's. */
	kit_event("scoutfs_lock_unlock", 6000 * US, 0, 11, "rid=1 mode=2 users_ex=0");
	t = kit_table("holds");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "held"), 1);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 4000 * US);
	CHECK(t->note_count == 1 && strstr(t->notes[0], "1 unlocked whose begin, and 0 locked"));
	t = kit_table("longest_holds");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "from_ns"), 1000 * US);
	finish();
}

/* The unlock of 1000 us was lost: the lock's users tell. */
static void lost_unlocks_do_not_make_long_holds(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_lock_locked", 1000 * US, 0, 10, "rid=1 mode=1 users_pr=1");
	kit_event("scoutfs_lock_locked", 7000 * US, 0, 10, "rid=1 mode=1 users_pr=1");
	kit_event("scoutfs_lock_unlock", 7500 * US, 0, 10, "rid=1 mode=1");
	/* And here one of two: nobody is left. */
	kit_event("scoutfs_lock_locked", 8000 * US, 0, 10, "rid=2 mode=1 users_pr=1");
	kit_event("scoutfs_lock_locked", 8100 * US, 0, 10, "rid=2 mode=1 users_pr=2");
	kit_event("scoutfs_lock_unlock", 8200 * US, 0, 10, "rid=2 mode=1");
	t = kit_table("holds");
	CHECK_EQ(kit_u64(t, 0, "held"), 2);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 500 * US);
	CHECK_EQ(kit_u64(t, 0, "min_ns"), 200 * US);
	CHECK(strstr(t->notes[0], "0 unlocked whose begin, and 1 locked"));
	finish();
}

static void mounts_and_servers_have_their_view(void)
{
	const struct table *t;
	size_t row;

	setup();
	kit_event("scoutfs_lock_invalidate_request", 1000 * US, 0, 1, "rid=5 start_first=3 mode=1");
	kit_event("scoutfs_lock_invalidated", 1700 * US, 0, 1, "rid=5 start_first=3");
	kit_event("scoutfs_lock_granted", 1800 * US, 0, 1, "rid=5 start_first=3 mode=2");
	kit_event("scoutfs_lock_message", 900 * US, 0, 2,
		  "rid=9 who=1 what=3 dir=4 m_rid=5 key_first=3");
	kit_event("scoutfs_lock_message", 1900 * US, 0, 2,
		  "rid=9 who=1 what=3 dir=5 m_rid=5 key_first=3");
	kit_event("scoutfs_lock_message", 2000 * US, 0, 2,
		  "rid=9 who=1 what=2 dir=4 m_rid=6 net_id=4 key_first=3");
	kit_event("scoutfs_lock_message", 2000 * US, 0, 2,
		  "rid=9 who=1 what=2 dir=4 m_rid=6 net_id=5 key_first=4");
	kit_event("scoutfs_lock_message", 2300 * US, 0, 2,
		  "rid=9 who=1 what=2 dir=5 m_rid=6 net_id=4 key_first=3");
	t = kit_table("mounts");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "granted"), 1);
	CHECK_EQ(kit_u64(t, 0, "invalidated"), 1);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 700 * US);
	t = kit_table("server");
	CHECK_EQ(t->row_count, 2);
	row = kit_row(t, "what", "client has to give up a lock");
	CHECK_EQ(kit_u64(t, row, "client_rid"), 5);
	CHECK_EQ(kit_u64(t, row, "max_ns"), 1000 * US);
	row = kit_row(t, "what", "client wants a lock");
	CHECK_EQ(kit_u64(t, row, "client_rid"), 6);
	CHECK_EQ(kit_u64(t, row, "asked"), 2);
	CHECK_EQ(kit_u64(t, row, "answered"), 1);
	CHECK_EQ(kit_u64(t, row, "min_ns"), 300 * US);
	finish();
}

static void time_that_goes_back_and_impossible_numbers_do_no_harm(void)
{
	const struct table *t;
	char fields[128];

	setup();
	kit_event("scoutfs_lock_wait", UINT64_MAX, 0, 10, "rid=1");
	kit_event("scoutfs_lock_locked", 5, 0, 10, "rid=1 mode=-1 users_ex=-1 users_pr=-1");
	kit_event("scoutfs_lock_unlock", 1, 0, 10, "rid=1 mode=77");
	kit_event("scoutfs_lock_wait", 0, 0, 0xffffffff, "rid=-1 start_first=-1");
	kit_event("scoutfs_lock_locked", UINT64_MAX, 0, 0xffffffff, "rid=-1 start_first=-1 mode=3");
	kit_event("scoutfs_lock_message", 1, 0, 1, "what=-1 dir=99");
	t = kit_table("waits");
	CHECK_EQ(t->row_count, 2);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), UINT64_MAX);
	CHECK_EQ(kit_u64(t, 1, "max_ns"), 0);
	finish();

	setup();
	for (int i = 0; i < 140000; i++) {
		(void)snprintf(fields, sizeof(fields), "rid=%d start_first=%d", i % 70, i);
		kit_event("scoutfs_lock_wait", 1000, 0, (uint32_t)i, fields);
	}
	t = kit_table("waits");
	CHECK(strstr(t->notes[0], "8928 events of locks beyond the first 131072"));
	CHECK_EQ(kit_table("waiting")->row_count, 20);
	CHECK_EQ(kit_table("locks")->row_count, 20);
	finish();
}

static void pairs_find_what_is_there_and_nothing_else(void)
{
	struct pairs p = {0};
	static uint64_t live[4096];
	uint64_t seed = 1, count = 0;

	for (int i = 0; i < 400000; i++) {
		size_t k = (size_t)((seed = seed * UINT64_C(6364136223846793005) + 1) >> 52);
		struct pair *found = pairs_find(&p, k * k);

		CHECK(!!found == (live[k] != 0) && (!found || found->ns == live[k]));
		if (found) {
			pairs_remove(&p, found);
			live[k] = 0;
			count--;
		} else {
			live[k] = (uint64_t)i + 1;
			CHECK(pairs_add(&p, k * k, live[k]));
			count++;
		}
		CHECK_EQ(p.count, count);
	}
	CHECK_EQ(p.refused, 0);
	pairs_done(&p);
}

static void pairs_have_a_limit(void)
{
	struct pairs p = {0};

	for (uint64_t i = 0; i < 2 * PAIRS_LIMIT; i++)
		(void)pairs_add(&p, i, 1);
	CHECK(p.count <= PAIRS_LIMIT && p.count > PAIRS_LIMIT / 2);
	CHECK_EQ(p.count + p.refused, 2 * PAIRS_LIMIT);
	pairs_done(&p);
}

TEST_MAIN(TEST(waits_are_from_the_first_wait_to_locked),
	  TEST(locks_differ_by_every_part_of_the_key),
	  TEST(a_wait_that_ends_otherwise_is_no_figure),
	  TEST(without_unlocks_nobody_is_known_to_hold),
	  TEST(who_still_waits_is_told_with_who_has_it),
	  TEST(what_still_waits_or_is_held_is_listed_longest_first),
	  TEST(a_lock_that_nobody_has_is_held_by_none), TEST(holds_are_to_the_last_unlock),
	  TEST(lost_unlocks_do_not_make_long_holds), TEST(mounts_and_servers_have_their_view),
	  TEST(time_that_goes_back_and_impossible_numbers_do_no_harm),
	  TEST(pairs_find_what_is_there_and_nothing_else), TEST(pairs_have_a_limit))
