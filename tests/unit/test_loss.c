/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loss ledger: nothing that was noted is missing from the sums, and a storm does not make it
 * grow, neither in memory nor on disk.
 */
#include <pthread.h>

#include "folder.h"
#include "loss.h"
#include "sessionkit.h"
#include "session.h"
#include "spool.h"
#include "test.h"

#define S NSEC_PER_SEC

static struct loss_ledger *open_ledger(void)
{
	struct loss_ledger *l;

	if (loss_open(&l, NULL) < 0)
		kit_die("loss_open");
	return l;
}

static void what_touches_is_joined(void)
{
	struct loss_ledger *l = open_ledger();
	bool uncounted;

	loss_note(l, LOSS_FAULT, "ftrace", 0, 10 * S, 11 * S, 5, "overrun");
	loss_note(l, LOSS_FAULT, "ftrace", 0, 11 * S, 12 * S, 7, "overrun");
	CHECK_EQ(loss_entries(l), 1);
	/* Up to a second apart, also before it. */
	loss_note(l, LOSS_FAULT, "ftrace", 0, 13 * S, 13 * S, 1, "overrun");
	loss_note(l, LOSS_FAULT, "ftrace", 0, 9 * S - 1, 9 * S, 1, "overrun");
	CHECK_EQ(loss_entries(l), 1);
	loss_note(l, LOSS_FAULT, "ftrace", 0, 14 * S + 1, 15 * S, 1, "overrun");
	CHECK_EQ(loss_entries(l), 2);
	CHECK_EQ(loss_total(l, NULL, &uncounted), 15);
	CHECK(!uncounted);
	loss_free(l);
}

static void what_differs_is_apart(void)
{
	struct loss_ledger *l = open_ledger();

	loss_note(l, LOSS_FAULT, "ftrace", 0, S, 2 * S, 1, "overrun");
	loss_note(l, LOSS_FAULT, "ftrace", 1, S, 2 * S, 2, "overrun");
	loss_note(l, LOSS_FAULT, "packets", 0, S, 2 * S, 4, "overrun");
	loss_note(l, LOSS_FAULT, "ftrace", 0, S, 2 * S, 8, "no memory");
	loss_note(l, LOSS_RETENTION, "ftrace", 0, S, 2 * S, 16, "overrun");
	loss_note(l, LOSS_BEFORE, "ftrace", 0, S, 2 * S, 32, "overrun");
	CHECK_EQ(loss_entries(l), 6);
	/* Only faults are losses. */
	CHECK_EQ(loss_total(l, NULL, NULL), 15);
	CHECK_EQ(loss_total(l, "ftrace", NULL), 11);
	CHECK_EQ(loss_total(l, "packets", NULL), 4);
	CHECK_EQ(loss_total(l, "kmsg", NULL), 0);
	loss_free(l);
}

static void unknown_counts_are_remembered_as_unknown(void)
{
	struct loss_ledger *l = open_ledger();
	bool uncounted;

	loss_note(l, LOSS_RETENTION, "spool", 0, S, 2 * S, LOSS_UNKNOWN, "budget");
	loss_note(l, LOSS_FAULT, "ftrace", 0, S, 2 * S, 3, "overrun");
	CHECK_EQ(loss_total(l, NULL, &uncounted), 3);
	CHECK(!uncounted);
	loss_note(l, LOSS_FAULT, "ftrace", 0, S, 2 * S, LOSS_UNKNOWN, "overrun");
	CHECK_EQ(loss_entries(l), 2);
	CHECK_EQ(loss_total(l, NULL, &uncounted), 3);
	CHECK(uncounted);
	CHECK_EQ(loss_total(l, "kmsg", &uncounted), 0);
	CHECK(!uncounted);
	loss_free(l);
}

static void retention_is_one_entry_however_long(void)
{
	struct loss_ledger *l = open_ledger();

	for (uint64_t i = 0; i < 1000; i++)
		loss_note(l, LOSS_RETENTION, "spool", 0, i * 60 * S, i * 60 * S + 1, 3, "budget");
	CHECK_EQ(loss_entries(l), 1);
	loss_free(l);
}

static void a_storm_does_not_make_it_grow(void)
{
	struct loss_ledger *l = open_ledger();

	for (uint64_t i = 0; i < 100000; i++)
		loss_note(l, LOSS_FAULT, "ftrace", (uint32_t)(i % 8), i * 10 * S, i * 10 * S, 1,
			  "overrun");
	CHECK(loss_entries(l) <= 4096 + 8);
	CHECK(loss_entries(l) >= 4096);
	CHECK_EQ(loss_total(l, NULL, NULL), 100000);
	/* Who comes later still gets an entry of its own. */
	loss_note(l, LOSS_FAULT, "packets", 0, S, S, 5, "drops");
	CHECK_EQ(loss_total(l, "packets", NULL), 5);
	loss_free(l);
}

static void *note_many(void *arg)
{
	for (uint64_t i = 0; i < 20000; i++)
		loss_note(arg, LOSS_FAULT, "ftrace", (uint32_t)(i % 3), i, i, 1, "overrun");
	return NULL;
}

static void any_thread_may_note(void)
{
	struct loss_ledger *l = open_ledger();
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, note_many, l);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(loss_total(l, NULL, NULL), 60000);
	CHECK_EQ(loss_entries(l), 3);
	loss_free(l);
}

/* ---- on disk ---- */

static struct spool *open_spool(const struct kit_folder *dir, bool resume)
{
	struct spool *s;

	if (spool_open(&(struct spool_config){.session_fd = dir->fd,
					      .limit_bytes = 8 * MIB,
					      .lag_ns = S,
					      .memory_bytes = MIB,
					      .streams = 1,
					      .resume = resume},
		       &s, NULL) < 0 ||
	    spool_start(s, NULL) < 0)
		kit_die("spool_open");
	return s;
}

static void save_facts(const struct kit_folder *dir)
{
	static const char facts[] = "{\"format\":\"scoutfs-trace-session\",\"version\":1}";

	if (file_save_at(dir->fd, SESSION_FACTS, facts, sizeof(facts) - 1, NULL) < 0)
		kit_die(SESSION_FACTS);
}

static off_t size_of(const struct kit_folder *dir, const char *name)
{
	struct stat st;

	return fstatat(dir->fd, name, &st, 0) == 0 ? st.st_size : -1;
}

static void what_is_flushed_is_found_in_the_folder(void)
{
	struct kit_folder dir = kit_folder_make();
	struct loss_ledger *l = open_ledger();
	const struct json_value *v;
	struct folder f;
	struct spool *s;

	save_facts(&dir);
	s = open_spool(&dir, false);
	loss_note(l, LOSS_FAULT, "ftrace", 7, 10 * S, 11 * S, 5, "came \"too\" fast");
	loss_note(l, LOSS_RETENTION, "spool", 0, 0, S, 2, "budget");
	loss_flush(l, s);
	CHECK_EQ(spool_sync_wait(s, NULL), 0);
	CHECK_EQ(folder_load(dir.fd, dir.path, &f, NULL), 0);
	CHECK_EQ(f.journal_bad, 0);
	v = folder_entry(&f, "gap", 0);
	CHECK_STR(json_get_str(v, "kind", ""), "fault");
	CHECK_STR(json_get_str(v, "source", ""), "ftrace");
	CHECK_EQ(json_get_u64(v, "id", 0), 7);
	CHECK_EQ(json_get_u64(v, "from_ns", 0), 10 * S);
	CHECK_EQ(json_get_u64(v, "to_ns", 0), 11 * S);
	CHECK_EQ(json_get_u64(v, "count", 0), 5);
	CHECK(!json_get_bool(v, "uncounted", true));
	CHECK_STR(json_get_str(v, "reason", ""), "came \"too\" fast");
	CHECK_STR(json_get_str(folder_entry(&f, "gap", 1), "kind", ""), "retention");
	CHECK(!folder_entry(&f, "gap", 2));
	folder_done(&f);

	/* A month of it: the entries grow, the files do not. */
	for (uint64_t i = 0; i < 500; i++) {
		loss_note(l, LOSS_FAULT, "ftrace", 7, 11 * S, 11 * S, LOSS_UNKNOWN,
			  "came \"too\" fast");
		loss_note(l, LOSS_RETENTION, "spool", 0, i * 60 * S, i * 60 * S, 1, "budget");
		loss_flush(l, s);
	}
	loss_flush(l, s);
	CHECK_EQ(spool_sync_wait(s, NULL), 0);
	CHECK_EQ(size_of(&dir, SPOOL_LOSSES), 2 * SEGMENT_LOSS_BYTES);
	CHECK_EQ(size_of(&dir, SPOOL_JOURNAL), 0);
	CHECK_EQ(folder_load(dir.fd, dir.path, &f, NULL), 0);
	CHECK(json_get_bool(folder_entry(&f, "gap", 0), "uncounted", false));
	CHECK_EQ(json_get_u64(folder_entry(&f, "gap", 1), "count", 0), 502);
	CHECK_EQ(json_get_u64(folder_entry(&f, "gap", 1), "to_ns", 0), 499 * 60 * S);
	CHECK(!folder_entry(&f, "gap", 2));
	folder_done(&f);
	CHECK_EQ(spool_close(s, NULL), 0);
	spool_free(s);
	loss_free(l);
	kit_folder_remove(&dir);
}

/* Who goes on where a recorder died adds to its losses; a torn last line spoils no other. */
static void the_next_recorder_takes_nothing_back(void)
{
	struct kit_folder dir = kit_folder_make();
	const struct json_value *a, *b;
	struct loss_ledger *l;
	struct folder f;
	struct spool *s;

	save_facts(&dir);
	for (int round = 0; round < 3; round++) {
		l = open_ledger();
		s = open_spool(&dir, round > 0);
		loss_note(l, LOSS_FAULT, "ftrace", 0, S, S, (uint64_t)round + 1, "overrun");
		loss_note(l, LOSS_FAULT, "packets", 0, S, S, 10, "drops");
		loss_flush(l, s);
		CHECK_EQ(spool_close(s, NULL), 0);
		spool_free(s);
		loss_free(l);
		if (round == 1) {
			char path[300];

			(void)snprintf(path, sizeof(path), "%s/" SPOOL_LOSSES, dir.path);
			CHECK_EQ(truncate(path, 4 * SEGMENT_LOSS_BYTES - 450), 0);
		}
	}
	CHECK_EQ(folder_load(dir.fd, dir.path, &f, NULL), 0);
	CHECK_EQ(f.losses_bad, 1);
	for (size_t i = 0; i < 5; i++) {
		static const uint64_t counts[] = {1, 10, 2, 3, 10};

		a = folder_entry(&f, "gap", i);
		CHECK_EQ(json_get_u64(a, "count", 0), counts[i]);
		/* No number twice: that would make one of them an earlier version of the other. */
		for (size_t k = 0; k < i; k++) {
			b = folder_entry(&f, "gap", k);
			CHECK(json_get_u64(a, "number", 0) != json_get_u64(b, "number", 0));
		}
	}
	CHECK(!folder_entry(&f, "gap", 5));
	folder_done(&f);
	kit_folder_remove(&dir);
}

TEST_MAIN(TEST(what_touches_is_joined), TEST(what_differs_is_apart),
	  TEST(unknown_counts_are_remembered_as_unknown), TEST(retention_is_one_entry_however_long),
	  TEST(a_storm_does_not_make_it_grow), TEST(any_thread_may_note),
	  TEST(what_is_flushed_is_found_in_the_folder), TEST(the_next_recorder_takes_nothing_back))
