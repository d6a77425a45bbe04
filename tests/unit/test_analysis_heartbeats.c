/* SPDX-License-Identifier: GPL-2.0-only */
/* Report `heartbeats`: intervals, gaps and elections of messages made up here. */
#include <sys/stat.h>

#include "reportkit.h"
#include "test.h"

#define S NSEC_PER_SEC
#define MS NSEC_PER_MSEC
#define AT (1000 * S)

static struct bundle *bundle;
static char folder[64];

/* A bundle of one file; @sysfs: what context/end/scoutfs-sysfs.txt says, or NULL. */
static void begin(const char *sysfs)
{
	static const char quorum[] = "u64 fsid, u64 rid, u64 term, u8 type, int nr";
	char path[128];
	FILE *f;

	(void)snprintf(folder, sizeof(folder), "/tmp/scoutfs-trace-test.XXXXXX");
	if (!mkdtemp(folder))
		kit_die("mkdtemp", folder);
	(void)snprintf(path, sizeof(path), "%s/context", folder);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/context/end", folder);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/context/end/scoutfs-sysfs.txt", folder);
	f = fopen(path, "w");
	if (!f || fputs(sysfs ? sysfs : "", f) < 0 || fclose(f) != 0)
		kit_die("cannot write", path);
	(void)snprintf(path, sizeof(path), "%s/kernel.log", folder);
	f = fopen(path, "w");
	if (!f || fputs("2023-11-14T22:13:30.000000Z [   10.000000] kern.info 1 hello\n", f) < 0 ||
	    fclose(f) != 0)
		kit_die("cannot write", path);
	kit_format("scoutfs", "scoutfs_quorum_send_message", quorum);
	kit_format("scoutfs", "scoutfs_quorum_recv_message", quorum);
	kit_formats_done();
	if (bundle_open(folder, &bundle, &kit.err) < 0)
		kit_die("bundle", kit.err.text);
	kit.rec.bundle = bundle;
	kit.rec.trigger_ns = AT;
	kit.rec.triggered = true;
	kit_open(&analysis_heartbeats);
}

static void end(void)
{
	static const char *const files[] = {"context/end/scoutfs-sysfs.txt", "context/end",
					    "context", "kernel.log", ""};
	char path[128];

	kit_done();
	kit_forget();
	bundle_freep(&bundle);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		(void)remove(path);
	}
}

static void datagram_of(uint64_t ns, unsigned int from, unsigned int to, unsigned int type,
			uint64_t term, uint64_t fsid)
{
	struct datagram d = {
		.ns = ns,
		.quorum = {
			.fsid = fsid, .term = term, .type = (uint8_t)type, .from = (uint8_t)from}};

	(void)wire_addr_parse("10.0.0.1", (uint16_t)(19700 + from), &d.source);
	(void)wire_addr_parse("10.0.0.1", (uint16_t)(19700 + to), &d.destination);
	analysis_heartbeats.datagram(kit.self, &d);
}

static void beat(uint64_t ns, unsigned int from, unsigned int to, uint64_t term)
{
	datagram_of(ns, from, to, WIRE_HEARTBEAT, term, 1);
}

static bool near(uint64_t got, uint64_t want)
{
	return got >= want - want / 64 && got <= want + want / 64;
}

/* 100 intervals: 98 of 100 ms, then 150 ms, then 1.5 s. The sum is 11.45 s. */
static void intervals_of_a_sender(void)
{
	uint64_t ns = AT - 20 * S;
	const struct table *t;

	begin(NULL);
	beat(ns, 0, 1, 5);
	for (int i = 0; i < 98; i++)
		beat(ns += 100 * MS, 0, 1, 5);
	beat(ns += 150 * MS, 0, 1, 5);
	beat(ns += 1500 * MS, 0, 1, 5);
	/* Another receiver has intervals of its own. */
	beat(AT - S, 0, 2, 5);
	beat(AT + S, 0, 2, 5);
	t = kit_table("intervals");
	CHECK_EQ(t->row_count, 2);
	CHECK_STR(kit_str(t, 0, "sender"), "10.0.0.1:19700 slot 0");
	CHECK_STR(kit_str(t, 0, "receiver"), "10.0.0.1:19701");
	CHECK_EQ(kit_u64(t, 0, "intervals"), 100);
	CHECK_EQ(kit_u64(t, 0, "min_ns"), 100 * MS);
	CHECK_EQ(kit_u64(t, 0, "avg_ns"), 114500000);
	CHECK(near(kit_u64(t, 0, "p50_ns"), 100 * MS));
	CHECK(near(kit_u64(t, 0, "p99_ns"), 150 * MS));
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 1500 * MS);
	CHECK_EQ(kit_u64(t, 0, "gaps"), 1);
	CHECK_EQ((int64_t)kit_u64(t, 0, "last_ns"), (int64_t)(ns - AT));
	CHECK_EQ(t->rows[0]->mark, ROW_WARNING);
	CHECK_EQ(kit_u64(t, 1, "intervals"), 1);
	/* What came after the trigger is no last one before it. */
	CHECK_EQ((int64_t)kit_u64(t, 1, "last_ns"), -(int64_t)S);
	t = kit_table("gaps");
	/* 1.5 s and 2 s between two, and 8.55 s from the last one to receiver 1 to the trigger. */
	CHECK_EQ(t->row_count, 3);
	CHECK_EQ(kit_u64(t, 0, "span_ns"), 1500 * MS);
	CHECK_EQ(kit_u64(t, 0, "from_ns"), ns - 1500 * MS);
	CHECK_EQ(kit_u64(t, 1, "from_ns"), ns);
	CHECK_EQ(kit_u64(t, 1, "span_ns"), AT - ns);
	CHECK_STR(kit_str(t, 1, "until"), "the trigger");
	CHECK_EQ(kit_u64(t, 2, "span_ns"), 2 * S);
	end();
}

static void an_election(void)
{
	const struct table *t;

	begin("/sys/fs/scoutfs/f.aaaaaa.r.111111/mount_options/quorum_heartbeat_timeout_ms: "
	      "5000\n");
	beat(AT - 30 * S, 0, 1, 5);
	beat(AT - 30 * S + 100 * MS, 0, 1, 5);
	datagram_of(AT - 24 * S, 1, 0, WIRE_REQUEST_VOTE, 6, 1);
	datagram_of(AT - 24 * S, 1, 2, WIRE_REQUEST_VOTE, 6, 1);
	datagram_of(AT - 23 * S, 2, 0, WIRE_REQUEST_VOTE, 7, 1);
	datagram_of(AT - 23 * S + MS, 1, 2, WIRE_VOTE, 7, 1);
	beat(AT - 23 * S + 2 * MS, 2, 0, 7);
	beat(AT - 23 * S + 102 * MS, 2, 0, 7);
	datagram_of(AT - 22 * S, 2, 0, WIRE_RESIGNATION, 7, 1);
	/* Of another file system. */
	datagram_of(AT - 21 * S, 0, 1, WIRE_HEARTBEAT, 7, 2);
	t = kit_table("terms");
	CHECK_EQ(t->row_count, 4);
	CHECK_EQ(kit_u64(t, 0, "term"), 5);
	CHECK_STR(kit_str(t, 0, "leader"), "slot 0");
	CHECK_EQ(kit_u64(t, 0, "heartbeats"), 2);
	CHECK_EQ(kit_u64(t, 1, "term"), 6);
	CHECK_EQ(kit_u64(t, 1, "requests"), 2);
	CHECK_STR(kit_str(t, 1, "asked_by"), "slot 1");
	CHECK_EQ(kit_u64(t, 1, "request_ns"), AT - 24 * S);
	CHECK_EQ(t->rows[1]->mark, ROW_WARNING);
	CHECK_EQ(kit_u64(t, 2, "term"), 7);
	CHECK_EQ(kit_u64(t, 2, "votes"), 1);
	CHECK_EQ(kit_u64(t, 2, "resignations"), 1);
	CHECK_EQ(kit_u64(t, 2, "silence_ns"), 6902 * MS);
	CHECK(!kit_cell(t, 3, "silence_ns")->known);
	t = kit_table("gaps");
	/* Longer than the 5 s that are set. */
	CHECK_STR(kit_str(t, 0, "until"), "another leader's");
	CHECK_EQ(kit_u64(t, 0, "span_ns"), 6902 * MS);
	CHECK_EQ(t->rows[0]->mark, ROW_BAD);
	CHECK(strstr(kit_table("intervals")->notes[0], "5.000 s a slot"));
	end();
}

static void events_tell_the_same_by_rid_and_slot(void)
{
	const struct table *t;

	begin(NULL);
	kit_event("scoutfs_quorum_send_message", AT - 2 * S, 0, 1, "fsid=1 rid=0x11 term=3 type=0");
	kit_event("scoutfs_quorum_send_message", AT - S, 0, 1,
		  "fsid=1 rid=0x11 term=3 type=2 nr=-1");
	kit_event("scoutfs_quorum_send_message", AT - S + 100 * MS, 0, 1,
		  "fsid=1 rid=0x11 term=3 type=2 nr=-1");
	kit_event("scoutfs_quorum_recv_message", AT - S + MS, 0, 1,
		  "fsid=1 rid=0x22 term=3 type=2 nr=4");
	kit_event("scoutfs_quorum_recv_message", AT - S + 121 * MS, 0, 1,
		  "fsid=1 rid=0x22 term=3 type=2 nr=4");
	kit_event("scoutfs_quorum_recv_message", AT - S + 122 * MS, 0, 1,
		  "fsid=1 rid=0x33 term=3 type=2 nr=4");
	t = kit_table("intervals");
	CHECK_EQ(t->row_count, 3);
	CHECK_STR(kit_str(t, 0, "source"), "sent");
	CHECK_STR(kit_str(t, 0, "sender"), "rid 0000000000000011");
	CHECK_EQ(kit_u64(t, 0, "max_ns"), 100 * MS);
	CHECK_STR(kit_str(t, 1, "sender"), "slot 4");
	CHECK_STR(kit_str(t, 1, "receiver"), "rid 0000000000000022");
	CHECK_EQ(kit_u64(t, 1, "max_ns"), 120 * MS);
	t = kit_table("terms");
	CHECK_EQ(t->row_count, 2);
	CHECK_STR(kit_str(t, 0, "asked_by"), "rid 0000000000000011");
	end();
}

static void a_leader_that_comes_back_later_is_no_gap(void)
{
	begin(NULL);
	beat(AT - 900 * S, 0, 1, 5);
	beat(AT - 500 * S, 1, 0, 6);
	beat(AT - 500 * S + 100 * MS, 1, 0, 6);
	beat(AT - 499 * S, 0, 1, 7);
	/* And neither is a clock that goes back. */
	beat(AT - 600 * S, 0, 1, 7);
	CHECK_EQ(kit_u64(kit_table("intervals"), 0, "intervals"), 0);
	CHECK(!kit_cell(kit_table("intervals"), 0, "max_ns")->known);
	end();
}

static void what_the_log_says_of_delays(void)
{
	static const char text[] =
		"scoutfs f.aaaaaa.r.111111: longest quorum heartbeat recv delay of 4 sec";
	const struct table *t;

	begin(NULL);
	analysis_heartbeats.log(
		kit.self,
		&(struct log_line){.ns = AT - 3 * S, .text = text, .bytes = sizeof(text) - 1});
	/* Not of the kernel. */
	analysis_heartbeats.log(kit.self, &(struct log_line){.ns = AT,
							     .foreign = true,
							     .text = text,
							     .bytes = sizeof(text) - 1});
	t = kit_table("gaps");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "from_ns"), AT - 7 * S);
	CHECK_EQ(kit_u64(t, 0, "span_ns"), 4 * S);
	CHECK_STR(kit_str(t, 0, "sender"), "f.aaaaaa.r.111111");
	end();
}

static void none_at_all_is_no_error(void)
{
	begin(NULL);
	CHECK_EQ(kit_table("intervals")->row_count, 0);
	CHECK(strstr(kit_table("intervals")->notes[0], "No heartbeats were seen"));
	end();
}

static void hostile_numbers_and_a_clock_that_goes_back(void)
{
	begin(NULL);
	beat(UINT64_MAX, 255, 255, UINT64_MAX);
	beat(0, 255, 255, UINT64_MAX);
	beat(5, 255, 255, UINT64_MAX);
	for (unsigned int i = 0; i < 3000; i++) {
		beat(i, i % 300, i, i);
		datagram_of(i, i, i, 200, UINT64_MAX - i, i);
	}
	kit_event("scoutfs_quorum_recv_message", 7, 0, 1,
		  "rid=0xffffffffffffffff type=2 nr=-2147483648");
	CHECK(kit_table("intervals")->row_count <= 256);
	CHECK(kit_table("terms")->row_count <= 1024);
	CHECK_EQ(kit_table("terms")->note_count, 2);
	end();
}

TEST_MAIN(TEST(intervals_of_a_sender), TEST(an_election),
	  TEST(events_tell_the_same_by_rid_and_slot),
	  TEST(a_leader_that_comes_back_later_is_no_gap), TEST(what_the_log_says_of_delays),
	  TEST(none_at_all_is_no_error), TEST(hostile_numbers_and_a_clock_that_goes_back))
