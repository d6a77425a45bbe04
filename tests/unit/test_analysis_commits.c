/* SPDX-License-Identifier: GPL-2.0-only */
/* Report `commits`: on made-up events, with figures by hand. */
#include "reportkit.h"
#include "test.h"

#define MS NSEC_PER_MSEC
#define COMMIT                                                                               \
	"u64 rid, int holding, int applying, int nr_holders, u32 budget, u32 avail_before, " \
	"u32 freed_before, int committing, int exceeded"

static void setup(void)
{
	kit_format("scoutfs", "scoutfs_trans_write_func",
		   "u64 rid, u64 dirty_block_bytes, u64 dirty_item_pages");
	kit_format("scoutfs", "scoutfs_net_send_message", "u64 rid, u8 nh_cmd, u8 nh_flags");
	kit_format("scoutfs", "scoutfs_net_recv_message", "u64 rid, u8 nh_cmd, u8 nh_flags");
	kit_format("scoutfs", "scoutfs_hold_trans", "u64 rid, u64 journal_info, int ret");
	kit_format("scoutfs", "scoutfs_release_trans", "u64 rid, u64 journal_info, int ret");
	kit_format("scoutfs", "scoutfs_server_commit_hold", COMMIT);
	kit_format("scoutfs", "scoutfs_server_commit_apply", COMMIT);
	kit_format("scoutfs", "scoutfs_server_commit_start", COMMIT);
	kit_format("scoutfs", "scoutfs_server_commit_end", COMMIT);
	kit_format("scoutfs", "scoutfs_net_send_work_enter", "u64 data, int ret");
	kit_format("scoutfs", "scoutfs_net_send_work_exit", "u64 data, int ret");
	kit_format("scoutfs", "scoutfs_server_work_enter", "u64 data, int ret");
	kit_format("scoutfs", "scoutfs_server_commit_work_exit", "u64 data, int ret");
	kit_formats_done();
	kit_comm(7, "seven");
	kit_open(&analysis_commits);
}

static void finish(void)
{
	kit_done();
	kit_forget();
}

static void a_transaction_has_three_steps(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_trans_write_func", 100 * MS, 0, 1, "rid=5 dirty_block_bytes=4096");
	kit_event("scoutfs_net_send_message", 110 * MS, 0, 1, "rid=5 nh_cmd=3");
	/* The server's: its mount is another one, or it sends what only a server sends. */
	kit_event("scoutfs_net_recv_message", 111 * MS, 0, 2, "rid=6 nh_cmd=3");
	kit_event("scoutfs_net_send_message", 112 * MS, 0, 2, "rid=5 nh_cmd=3 nh_flags=1");
	kit_event("scoutfs_net_recv_message", 140 * MS, 0, 1, "rid=5 nh_cmd=3 nh_flags=1");
	kit_event("scoutfs_net_send_message", 141 * MS, 0, 1, "rid=5 nh_cmd=2");
	kit_event("scoutfs_net_recv_message", 145 * MS, 0, 1, "rid=5 nh_cmd=2 nh_flags=1");
	/* Not of a commit. */
	kit_event("scoutfs_net_recv_message", 999 * MS, 0, 1, "rid=5 nh_cmd=2 nh_flags=1");
	t = kit_table("transactions");
	CHECK_EQ(t->row_count, 4);
	CHECK_EQ(kit_u64(t, 0, "rid"), 5);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 45 * MS);
	CHECK_EQ(kit_u64(t, 1, "max_ns"), 10 * MS);
	CHECK_EQ(kit_u64(t, 2, "max_ns"), 30 * MS);
	CHECK_EQ(kit_u64(t, 3, "max_ns"), 5 * MS);
	t = kit_table("slowest");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "from_ns"), 100 * MS);
	CHECK_EQ(kit_u64(t, 0, "dirty_bytes"), 4096);
	CHECK_EQ(kit_table("pending")->row_count, 0);
	finish();
}

static void what_is_not_finished_is_told(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_trans_write_func", 100 * MS, 0, 1, "rid=5");
	kit_event("scoutfs_trans_write_func", 200 * MS, 0, 1, "rid=5");
	kit_event("scoutfs_net_send_message", 210 * MS, 0, 1, "rid=5 nh_cmd=3");
	kit_event("scoutfs_hold_trans", 300 * MS, 0, 7, "rid=5 journal_info=1");
	kit_event("scoutfs_server_commit_start", 400 * MS, 0, 2, "rid=6");
	t = kit_table("pending");
	CHECK_EQ(t->row_count, 3);
	CHECK_EQ(kit_u64(t, 0, "duration_ns"), 200 * MS);
	CHECK(strstr(kit_str(t, 0, "what"), "COMMIT_LOG_TREES"));
	CHECK_STR(kit_str(t, 1, "comm"), "seven");
	CHECK_EQ(kit_u64(t, 1, "pid"), 7);
	CHECK_STR(kit_str(t, 2, "what"), "server's commit");
	CHECK_EQ(kit_u64(t, 2, "rid"), 6);
	t = kit_table("transactions");
	CHECK_EQ(t->row_count, 1);
	CHECK(strstr(t->notes[0], "1 commits have no end"));
	finish();
}

static void servers_commit_for_those_that_wait(void)
{
	const struct table *t;

	setup();
	/* One has an error and does not wait. */
	kit_event("scoutfs_server_commit_hold", 10 * MS, 0, 1, "rid=6 avail_before=50");
	kit_event("scoutfs_server_commit_apply", 11 * MS, 0, 1, "rid=6 holding=1");
	kit_event("scoutfs_server_commit_hold", 900 * MS, 0, 1, "rid=6 avail_before=60");
	kit_event("scoutfs_server_commit_hold", 910 * MS, 0, 2, "rid=6 holding=1 nr_holders=1");
	kit_event("scoutfs_server_commit_apply", 920 * MS, 0, 1,
		  "rid=6 holding=1 nr_holders=2 budget=2000 avail_before=40 freed_before=9");
	kit_event("scoutfs_server_commit_apply", 930 * MS, 0, 2,
		  "rid=6 holding=1 applying=1 exceeded=1");
	kit_event("scoutfs_server_commit_start", 931 * MS, 0, 3, "rid=6 applying=1");
	kit_event("scoutfs_server_commit_end", 940 * MS, 0, 3, "rid=6 applying=1");
	/* Its start is not in the recording. */
	kit_event("scoutfs_server_commit_end", 950 * MS, 0, 3, "rid=6 applying=1");
	t = kit_table("server");
	CHECK_EQ(t->row_count, 3);
	CHECK_EQ(kit_u64(t, 0, "count"), 1);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 9 * MS);
	CHECK_EQ(kit_u64(t, 1, "count"), 3);
	CHECK_EQ(kit_u64(t, 1, "min_ns"), 1 * MS);
	CHECK_EQ(kit_u64(t, 1, "max_ns"), 20 * MS);
	CHECK_EQ(kit_u64(t, 2, "count"), 2);
	CHECK_EQ(kit_u64(t, 2, "min_ns"), 10 * MS);
	CHECK_EQ(kit_u64(t, 2, "max_ns"), 20 * MS);
	t = kit_table("budget");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "max_holders"), 2);
	CHECK_EQ(kit_u64(t, 0, "max_budget"), 2000);
	CHECK_EQ(kit_u64(t, 0, "exceeded"), 1);
	CHECK_EQ(kit_u64(t, 0, "min_avail"), 0);
	finish();
}

static void work_is_by_process_and_kind(void)
{
	const struct table *t;

	setup();
	kit_event("scoutfs_net_send_work_enter", 10 * MS, 0, 1, "");
	kit_event("scoutfs_net_send_work_enter", 11 * MS, 1, 2, "");
	kit_event("scoutfs_server_work_enter", 12 * MS, 0, 1, "");
	kit_event("scoutfs_net_send_work_exit", 13 * MS, 0, 2, "ret=-103");
	kit_event("scoutfs_net_send_work_exit", 15 * MS, 0, 1, "");
	kit_event("scoutfs_net_send_work_exit", 16 * MS, 0, 1, "");
	kit_event("scoutfs_server_commit_work_exit", 17 * MS, 0, 1, "");
	t = kit_table("work");
	CHECK_EQ(t->row_count, 1);
	CHECK_STR(kit_str(t, 0, "work"), "net_send");
	CHECK_EQ(kit_u64(t, 0, "count"), 2);
	CHECK_EQ(kit_u64(t, 0, "failed"), 1);
	CHECK_EQ(kit_u64(t, 0, "min_ns"), 2 * MS);
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 5 * MS);
	finish();
}

static void impossible_numbers_and_too_many_do_no_harm(void)
{
	char fields[64];

	setup();
	for (int i = 0; i < 200; i++) {
		(void)snprintf(fields, sizeof(fields), "rid=%d applying=-1 nr_holders=-1", i);
		kit_event("scoutfs_server_commit_end", UINT64_MAX, 0, 0xffffffff, fields);
		kit_event("scoutfs_server_commit_start", UINT64_MAX, 0, 0, fields);
		kit_event("scoutfs_server_commit_end", 0, 0, 0, fields);
	}
	for (int i = 0; i < 5000; i++)
		kit_event("scoutfs_server_commit_apply", 5, 0, 0, "rid=1 applying=1");
	kit_event("scoutfs_server_commit_end", UINT64_MAX, 0, 0, "rid=1 applying=1");
	CHECK_EQ(kit_u64(kit_table("server"), 0, "max_ns"), 0);
	CHECK_EQ(kit_table("budget")->row_count, 64);
	CHECK_STR(kit_table("server")->notes[0], "904 that waited are in no figure.");
	CHECK(strstr(kit.out.notes.notes[0], "408 events are in no figure"));
	finish();
}

TEST_MAIN(TEST(a_transaction_has_three_steps), TEST(what_is_not_finished_is_told),
	  TEST(servers_commit_for_those_that_wait), TEST(work_is_by_process_and_kind),
	  TEST(impossible_numbers_and_too_many_do_no_harm))
