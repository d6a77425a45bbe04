/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel-log lines of scoutfs: what each says, and that nothing else is taken for one. */
#include "logline.h"
#include "test.h"
#include "trigger.h"

#define F "scoutfs f.3d167d.r.d8ec8b"

static struct logline got;
static char addr[80];

static bool parse(const char *line)
{
	return logline_parse(line, strlen(line), true, &got);
}

static const char *addr_of(const struct wire_addr *a)
{
	return wire_addr_format(a, addr, sizeof(addr));
}

/* The table of triggers is the recorder's: its samples are real lines, its roles tell which end a
 * recording. */
static void every_line_that_ends_a_recording_is_known(void)
{
	size_t finals = 0;

	for (size_t i = 0; i < trigger_builtin_count; i++) {
		const struct trigger_builtin *b = &trigger_builtins[i];

		if (!b->sample)
			continue;
		CHECK(parse(b->sample));
		CHECK(got.kind != LOGLINE_OTHER);
		CHECK_EQ(logline_is_final(got.kind), b->role == ROLE_FINAL);
		finals += b->role == ROLE_FINAL;
	}
	CHECK_EQ(finals, 10);
}

static void a_fence_says_who(void)
{
	CHECK(parse(F ": client 127.0.0.1:59816 reconnect timed out, fencing"));
	CHECK_EQ(got.kind, LOGLINE_CLIENT_FENCED);
	CHECK_EQ(got.mount.fsid, 0x3d167d);
	CHECK_EQ(got.mount.rid, 0xd8ec8b);
	CHECK(got.has_a && !got.has_b);
	CHECK_STR(addr_of(&got.a), "127.0.0.1:59816");

	CHECK(parse(F ": client [fe80::1]:59816 reconnect timed out, fencing"));
	CHECK_STR(addr_of(&got.a), "[fe80::1]:59816");

	CHECK(parse(F " error: 30000 ms recovery timeout expired for client rid dbc3beede3772897, "
		      "fencing"));
	CHECK_EQ(got.kind, LOGLINE_RECOVERY_FENCED);
	CHECK_EQ(got.number, 30000);
	CHECK(got.has_rid && got.rid == UINT64_C(0xdbc3beede3772897));

	CHECK(parse("scoutfs f.b9a17e.r.2968f9: fencing previous leader f.b9a17e.r.5a2058 at term "
		    "1 in slot 0 with address 127.0.0.1:19700"));
	CHECK_EQ(got.kind, LOGLINE_LEADER_FENCED);
	CHECK_EQ(got.other.rid, 0x5a2058);
	CHECK_EQ(got.term, 1);
	CHECK_EQ(got.slot, 0);
	CHECK(got.has_slot);
	CHECK_STR(addr_of(&got.a), "127.0.0.1:19700");
}

static void errors_say_what_there_is_to_say(void)
{
	CHECK(parse(F " error: saw error indicator on fence request for rid dbc3beede3772897, "
		      "shutting down server"));
	CHECK_EQ(got.kind, LOGLINE_FENCE_ERROR);
	CHECK(got.rid == UINT64_C(0xdbc3beede3772897));
	CHECK(parse(F " error: saw msg type 2 from 1 for term 5 while leader in term 4, shutting "
		      "down server."));
	CHECK_EQ(got.kind, LOGLINE_USURPED);
	CHECK_EQ(got.type, 2);
	CHECK_EQ(got.slot, 1);
	CHECK_EQ(got.term, 5);
	CHECK_EQ(got.number, 4);
	CHECK(parse("scoutfs f.3d167d.r.3b5070 error: quorum service saw error -67, shutting down. "
		    " This mount is no longer participating in quorum.  It should be remounted to "
		    "restore service."));
	CHECK_EQ(got.kind, LOGLINE_QUORUM_DEAD);
	CHECK_EQ(got.number, -67);
	CHECK(parse(F " warning: critical transaction commit failure: commit log trees = -103, "
		      "retrying"));
	CHECK_EQ(got.kind, LOGLINE_COMMIT_FAILURE);
	CHECK_EQ(got.number, -103);
	CHECK(parse(F " error: client fence returned err -5, shutting down server"));
	CHECK_EQ(got.kind, LOGLINE_SERVER_ABORT);
	CHECK(parse(F ": longest quorum heartbeat send delay of 4 sec"));
	CHECK_EQ(got.kind, LOGLINE_HEARTBEAT_DELAY);
	CHECK_EQ(got.number, 4);
}

static void connections_say_both_ends(void)
{
	CHECK(parse(F ": server closing 127.0.0.1:19700 -> 127.0.0.1:59816"));
	CHECK_EQ(got.kind, LOGLINE_SERVER_CLOSING);
	CHECK_STR(addr_of(&got.a), "127.0.0.1:19700");
	CHECK_STR(addr_of(&got.b), "127.0.0.1:59816");
	CHECK(parse(F ": successfully reclaimed resources for fenced rid 07153c2fdf509aa7"));
	CHECK_EQ(got.kind, LOGLINE_RECLAIMED);
	CHECK(got.rid == UINT64_C(0x07153c2fdf509aa7));
	CHECK(parse(F ": waiting for 3 clients to recover"));
	CHECK_EQ(got.number, 3);
}

/* An older or newer module may word the rest in another way. */
static void a_line_that_goes_on_otherwise_keeps_its_kind(void)
{
	CHECK(parse(F ": client number seven reconnect timed out, fencing"));
	CHECK_EQ(got.kind, LOGLINE_CLIENT_FENCED);
	CHECK(!got.has_a);
	CHECK(parse(F ": server closing somebody"));
	CHECK_EQ(got.kind, LOGLINE_SERVER_CLOSING);
	CHECK(!got.has_a && !got.has_b);
	CHECK(parse(F ": client 127.0.0.1:99999 reconnect timed out, fencing"));
	CHECK_EQ(got.kind, LOGLINE_CLIENT_FENCED);
	CHECK(!got.has_a);
}

static void what_others_say_is_not_scoutfs(void)
{
	static const char fake[] = F ": client 127.0.0.1:59816 reconnect timed out, fencing";

	CHECK(!logline_parse(fake, strlen(fake), false, &got));
	CHECK(!parse("sshd: " F ": server closing 127.0.0.1:19700 -> 127.0.0.1:59816"));
	CHECK(!parse("scoutfs: loading out-of-tree module taints kernel."));
	CHECK(!parse("xscoutfs f.3d167d.r.d8ec8b: server closing"));
	CHECK(!parse(""));
	CHECK(parse(F ": something new"));
	CHECK_EQ(got.kind, LOGLINE_OTHER);
	CHECK_EQ(got.mount.rid, 0xd8ec8b);
	/* Except what concerns the whole kernel. */
	CHECK(logline_parse("watchdog: BUG: soft lockup - CPU#1 stuck", 40, false, &got));
	CHECK_EQ(got.kind, LOGLINE_OOPS);
	CHECK(!got.mount.known);
	CHECK(parse("INFO: task kworker/0:1:12 blocked for more than 120 seconds."));
	CHECK_EQ(got.kind, LOGLINE_HUNG_TASK);
	CHECK_EQ(got.number, 120);
}

/* Each line cut at each byte, in memory of just that size: an address sanitizer sees a byte too
 * many. */
static void nothing_is_read_beyond_the_end(void)
{
	for (size_t i = 0; i < trigger_builtin_count; i++) {
		const char *line = trigger_builtins[i].sample;

		for (size_t n = 0; line && n <= strlen(line); n++) {
			char *cut = malloc(n ? n : 1);

			memcpy(cut, line, n);
			(void)logline_parse(cut, n, true, &got);
			CHECK(got.message_bytes <= n);
			free(cut);
		}
	}
}

static void numbers_that_are_too_great_are_none(void)
{
	CHECK(parse(F " error: 99999999999999999999999 ms recovery timeout expired for client rid "
		      "dbc3beede3772897, fencing"));
	CHECK_EQ(got.kind, LOGLINE_RECOVERY_FENCED);
	CHECK(!got.has_number && !got.has_rid);
	CHECK(parse(F ": longest quorum heartbeat recv delay of -9223372036854775807 sec"));
	CHECK(got.number == -INT64_MAX);
}

TEST_MAIN(TEST(every_line_that_ends_a_recording_is_known), TEST(a_fence_says_who),
	  TEST(errors_say_what_there_is_to_say), TEST(connections_say_both_ends),
	  TEST(a_line_that_goes_on_otherwise_keeps_its_kind), TEST(what_others_say_is_not_scoutfs),
	  TEST(nothing_is_read_beyond_the_end), TEST(numbers_that_are_too_great_are_none))
