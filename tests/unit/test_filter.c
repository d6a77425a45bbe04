/* SPDX-License-Identifier: GPL-2.0-only */
/* Filters: what their words mean, which words are none, and what they let through. */
#include "filter.h"
#include "reportkit.h"
#include "test.h"

static struct report_filter words[8];
static struct report_config config = {.filters = words};
static struct filter filter;
static struct feed_filter feed;

static void setup(void)
{
	kit_format("scoutfs", "scoutfs_lock_message", "u64 fsid, u64 rid, u64 m_rid, u32 s_rid");
	kit_format("scoutfs", "scoutfs_server_client_up", "u64 fsid, u64 rid, s64 c_rid");
	kit_format("sched", "sched_switch", "int next_pid");
	kit_formats_done();
	kit_comm(7, "kworker/0:1");
	kit_comm(8, "kworker/u4:2");
	kit_comm(9, "fsstress");
	config.filter_count = 0;
}

static int add(enum report_filter_kind kind, const char *s)
{
	return report_filter_parse(kind, s, &words[config.filter_count++], &kit.err);
}

static int begin(void)
{
	int r = filter_open(&config, &kit.rec, &filter, &kit.err);

	feed = filter_feed(&filter);
	return r;
}

static void end(void)
{
	filter_done(&filter);
	config.filter_count = 0;
}

static bool lets(const struct trace_event *e)
{
	return (!feed.event_types || feed.event_types[e->type]) &&
	       (!feed.cpus || feed.cpus[e->cpu / 64] >> e->cpu % 64 & 1) &&
	       (!feed.event || feed.event(feed.arg, e));
}

static bool lets_pid(uint32_t pid)
{
	return lets(kit_make("sched_switch", 1, 0, pid, ""));
}

static bool lets_event(const char *name)
{
	return lets(kit_make(name, 1, 0, 1, ""));
}

static void lists_have_ranges(void)
{
	setup();
	CHECK_EQ(add(FILTER_PID, "1,4-6,99"), 0);
	CHECK_EQ(add(FILTER_PID, "200"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets_pid(1) && lets_pid(4) && lets_pid(5) && lets_pid(6) && lets_pid(99));
	CHECK(lets_pid(200));
	CHECK(!lets_pid(0) && !lets_pid(2) && !lets_pid(7) && !lets_pid(100));
	end();
	CHECK_EQ(add(FILTER_CPU, "0,63-64,65535"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets(kit_make("sched_switch", 1, 63, 1, "")));
	CHECK(lets(kit_make("sched_switch", 1, 64, 1, "")));
	CHECK(lets(kit_make("sched_switch", 1, 65535, 1, "")));
	CHECK(!lets(kit_make("sched_switch", 1, 1, 1, "")));
	CHECK(!lets(kit_make("sched_switch", 1, 65, 1, "")));
	end();
	kit_forget();
}

static void sources_have_the_names_of_others_too(void)
{
	static const struct {
		const char *word;
		enum feed_source source;
	} good[] = {{"trace", FEED_TRACE}, {"ftrace", FEED_TRACE}, {"events", FEED_TRACE},
		    {"log", FEED_LOG},	   {"kmsg", FEED_LOG},	   {"kernel-log", FEED_LOG}};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		config.filter_count = 0;
		CHECK_EQ(add(FILTER_SOURCE, good[i].word), 0);
		CHECK_EQ(words[0].number, 1U << good[i].source);
	}
	config.filter_count = 0;
	CHECK_EQ(add(FILTER_SOURCE, "packets,log"), 0);
	CHECK_EQ(words[0].number, 1U << FEED_PACKETS | 1U << FEED_LOG);
	config.filter_count = 0;
	CHECK_EQ(add(FILTER_SOURCE, "event"), -EINVAL);
	CHECK_EQ(add(FILTER_SOURCE, "packets,"), -EINVAL);
	CHECK_EQ(add(FILTER_SOURCE, ""), -EINVAL);
	config.filter_count = 0;
	kit_forget();
}

static void what_is_no_list_is_refused(void)
{
	static const char *const bad[] = {
		"",  ",",   "1,",  ",1",    "5-4",   "1-", "-1",   "1 ,2",
		"x", "1,x", "0x7", "65536", "1-2-3", "+1", "1--2", "99999999999999999999"};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		config.filter_count = 0;
		if (add(FILTER_CPU, bad[i]) != -EINVAL || !strstr(kit.err.text, "--cpu: '")) {
			printf("# '%s'\n", bad[i]);
			CHECK(false);
		}
	}
	CHECK_EQ(add(FILTER_PID, "2147483648"), -EINVAL);
	CHECK_EQ(add(FILTER_PID, "0-2000000000"), -EINVAL);
	kit_forget();
}

static void names_may_be_patterns(void)
{
	setup();
	CHECK_EQ(add(FILTER_EVENT, "scoutfs:*_up"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets_event("scoutfs_server_client_up") && !lets_event("scoutfs_lock_message"));
	end();
	CHECK_EQ(add(FILTER_EVENT, "*lock_m?ssage"), 0);
	CHECK_EQ(add(FILTER_EVENT, "s?hed"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets_event("scoutfs_lock_message") && lets_event("sched_switch"));
	CHECK(!lets_event("scoutfs_server_client_up"));
	end();
	CHECK_EQ(add(FILTER_EVENT, "s*:sched_swit"), 0);
	CHECK_EQ(begin(), -EINVAL);
	CHECK(strstr(kit.err.text, "did you mean 'sched_switch'?"));
	end();
	CHECK_EQ(add(FILTER_COMM, "kworker/*"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets_pid(7) && lets_pid(8) && !lets_pid(9));
	end();
	CHECK_EQ(add(FILTER_COMM, "kworker"), 0);
	CHECK_EQ(begin(), -EINVAL);
	end();
	/* As trace-cmd names pid 0, which is in no list of names. */
	CHECK_EQ(add(FILTER_COMM, "<idle>"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets_pid(0) && !lets_pid(7));
	end();
	kit_forget();
}

#define FSID "fsid=0x3d167d0000000001 "
#define OTHER_FSID "fsid=0x4d167d0000000001 "

static bool lets_message(const char *fields)
{
	return lets(kit_make("scoutfs_lock_message", 1, 0, 1, fields));
}

static void a_mount_is_found_in_every_field_that_names_one(void)
{
	static const char *const forms[] = {"3b5070d0562fa6eb", "0x3B5070D0562FA6EB", "3b5070",
					    "f.3d167d.r.3b5070"};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		CHECK_EQ(add(FILTER_RID, forms[i]), 0);
		CHECK_EQ(begin(), 0);
		CHECK(lets_message(FSID "rid=0x3b5070d0562fa6eb"));
		CHECK(lets_message(FSID "m_rid=0x3b5070d0562fa6eb"));
		CHECK(lets(kit_make("scoutfs_server_client_up", 1, 0, 1,
				    FSID "rid=1 c_rid=0x3b5070d0562fa6eb")));
		/* Another one with the same beginning. */
		CHECK(lets_message(FSID "rid=0x3b5070ffffffffff") == (i > 1));
		CHECK(lets_message(OTHER_FSID "rid=0x3b5070d0562fa6eb") == (i < 3));
		CHECK(!lets_message(FSID "rid=0x3b5071d0562fa6eb s_rid=0x3b5070d0"));
		CHECK(!lets_event("sched_switch"));
		CHECK(feed.greeting(feed.arg,
				    &(struct wire_greeting){.fsid = UINT64_C(0x3d167d) << 40,
							    .rid = UINT64_C(0x3b5070d0562fa6eb)}));
		CHECK(!feed.greeting(feed.arg, &(struct wire_greeting){.rid = 1}));
		end();
	}
	CHECK_EQ(begin(), 0);
	CHECK(!feed.greeting && !feed.event);
	end();
	kit_forget();
}

static void what_is_no_rid_is_refused(void)
{
	static const char *const bad[] = {"",
					  "3b507",
					  "3b507x",
					  "3b5070d",
					  "3b5070d0562fa6e",
					  "f.3d167d",
					  "f.3d167d.r.",
					  "f.3d167d.r.3b50700",
					  "f.3d167d.r.3b50",
					  "3b5070d0562fa6eb1",
					  "0x",
					  "r.3b5070",
					  "3b5070 "};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		config.filter_count = 0;
		if (add(FILTER_RID, bad[i]) != -EINVAL) {
			printf("# '%s'\n", bad[i]);
			CHECK(false);
		}
	}
	kit_forget();
}

static void conditions_must_hold_all_and_with_the_rest(void)
{
	setup();
	CHECK_EQ(add(FILTER_WHERE, "rid == 5"), 0);
	CHECK_EQ(add(FILTER_WHERE, "fsid > 1"), 0);
	CHECK_EQ(add(FILTER_PID, "1"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets_message("rid=5 fsid=2"));
	CHECK(!lets_message("rid=5 fsid=1"));
	CHECK(!lets_message("rid=6 fsid=2"));
	CHECK(!lets(kit_make("scoutfs_lock_message", 1, 0, 2, "rid=5 fsid=2")));
	end();
	CHECK_EQ(add(FILTER_WHERE, "rid =="), -EINVAL);
	kit_forget();
}

static struct table notes;

static bool told(size_t i, const char *sentence)
{
	return i < notes.note_count && !strcmp(notes.notes[i], sentence);
}

static void tell(unsigned int read, const char *where)
{
	table_done(&notes);
	table_init(&notes, "notes", "", NULL, 0);
	filter_tell(&filter, read, where, &notes);
}

static void a_peer_is_found_in_events_that_have_addresses(void)
{
	static const char ours[] =
		"name_addr=0x0a000001 name_port=7 peer_addr=0x0a000002 peer_port=8";
	static const char theirs[] =
		"name_addr=0x0a000003 name_port=7 peer_addr=0x0a000004 peer_port=8";
	static const char forgotten[] = "sockname_addr=0 peername_addr=0x0a000004 peername_port=8";

	kit_format("scoutfs", "scoutfs_net_send_message",
		   "u32 name_addr, u16 name_port, u32 peer_addr, u16 peer_port");
	kit_format("scoutfs", "scoutfs_conn_destroy_start",
		   "u32 sockname_addr, u16 sockname_port, u32 peername_addr, u16 peername_port");
	setup();
	CHECK_EQ(add(FILTER_PEER, "10.0.0.2:8"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(lets(kit_make("scoutfs_net_send_message", 1, 0, 1, ours)));
	CHECK(!lets(kit_make("scoutfs_net_send_message", 1, 0, 1, theirs)));
	CHECK(lets(kit_make("scoutfs_conn_destroy_start", 1, 0, 1, forgotten)));
	CHECK(lets_event("sched_switch"));
	end();
	CHECK_EQ(add(FILTER_PEER, "10.0.0.1:8"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(!lets(kit_make("scoutfs_net_send_message", 1, 0, 1, ours)));
	end();
	kit_forget();
}

static void commands_are_names_or_numbers(void)
{
	struct wire_message lock = {.command = WIRE_LOCK}, greeting = {.command = WIRE_GREETING};
	char number[16];

	kit_format("scoutfs", "scoutfs_net_send_message", "u8 nh_cmd");
	setup();
	CHECK_EQ(add(FILTER_COMMAND, "lock,STATFS"), 0);
	CHECK_EQ(words[0].number, UINT64_C(1) << WIRE_LOCK | UINT64_C(1) << WIRE_STATFS);
	CHECK_EQ(begin(), 0);
	CHECK(feed.message(feed.arg, &lock) && !feed.message(feed.arg, &greeting));
	(void)snprintf(number, sizeof(number), "nh_cmd=%d", WIRE_LOCK);
	CHECK(lets(kit_make("scoutfs_net_send_message", 1, 0, 1, number)));
	CHECK(!lets(kit_make("scoutfs_net_send_message", 1, 0, 1, "nh_cmd=255")));
	CHECK(!lets(kit_make("scoutfs_net_send_message", 1, 0, 1, "nh_cmd=0")));
	CHECK(!lets_event("sched_switch"));
	end();
	CHECK_EQ(add(FILTER_COMMAND, "0"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(feed.message(feed.arg, &greeting) && !feed.message(feed.arg, &lock));
	end();
	CHECK_EQ(add(FILTER_COMMAND, "LOC"), -EINVAL);
	config.filter_count = 0;
	CHECK_EQ(add(FILTER_COMMAND, "LOCK,"), -EINVAL);
	config.filter_count = 0;
	CHECK_EQ(add(FILTER_COMMAND, "20"), -EINVAL);
	config.filter_count = 0;
	kit_forget();
}

static void what_nothing_matches_is_named(void)
{
	static const enum report_filter_kind kinds[] = {FILTER_PID, FILTER_PID, FILTER_RID,
							FILTER_WHERE, FILTER_EVENT};
	static const char *const texts[] = {"7", "7,8", "3b5070", "fsid == 9", "scoutfs:*"};
	struct wire_addr a = kit_addr("10.0.0.1:5000"), b = kit_addr("10.0.0.2:5001");

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		CHECK_EQ(add(kinds[i], texts[i]), 0);
	CHECK_EQ(begin(), 0);
	tell(1U << FEED_TRACE, "");
	CHECK_EQ(notes.note_count, 5);
	CHECK(told(1, "No trace event that was looked at matches --pid 7,8."));
	CHECK(told(2, "No trace event nor connection that was looked at matches --rid 3b5070."));
	/* What was not read is not said to lack something. */
	tell(1U << FEED_PACKETS, "");
	CHECK_EQ(notes.note_count, 1);
	CHECK(told(0, "No connection that was looked at matches --rid 3b5070."));
	/* One pid for both who asked for it; then each of the rest. */
	CHECK(!lets(kit_make("scoutfs_lock_message", 1, 0, 7, "rid=5")));
	tell(1U << FEED_TRACE, " in this window");
	CHECK_EQ(notes.note_count, 2);
	CHECK(told(1, "No trace event that was looked at in this window matches --where "
		      "fsid == 9."));
	CHECK(!lets(kit_make("scoutfs_lock_message", 1, 0, 7, "rid=0x3b50700000000000")));
	tell(1U << FEED_TRACE, "");
	CHECK_EQ(notes.note_count, 1);
	CHECK(lets(kit_make("scoutfs_lock_message", 1, 0, 7, "fsid=9 rid=0x3b50700000000000")));
	tell(1U << FEED_TRACE, "");
	CHECK_EQ(notes.note_count, 0);
	end();

	/* Each of them somewhere, never together. */
	CHECK_EQ(add(FILTER_PID, "7"), 0);
	CHECK_EQ(add(FILTER_EVENT, "sched_switch"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(!lets(kit_make("sched_switch", 1, 0, 8, "")));
	CHECK(lets(kit_make("sched_switch", 1, 0, 7, "")));
	tell(1U << FEED_TRACE, "");
	CHECK_EQ(notes.note_count, 0);
	end();
	CHECK_EQ(add(FILTER_WHERE, "next_pid == 1"), 0);
	CHECK_EQ(add(FILTER_WHERE, "next_pid > 1"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(!lets(kit_make("sched_switch", 1, 0, 8, "next_pid=1")));
	tell(1U << FEED_TRACE, "");
	CHECK(told(0, "No trace event that was looked at matches --where next_pid > 1."));
	end();

	CHECK_EQ(add(FILTER_PEER, "10.0.0.1"), 0);
	CHECK_EQ(add(FILTER_PEER, "10.0.0.2:1"), 0);
	CHECK_EQ(add(FILTER_PEER, "10.0.0.3"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(feed.connection(feed.arg, &a, &b));
	tell(1U << FEED_TRACE | 1U << FEED_PACKETS, "");
	CHECK_EQ(notes.note_count, 2);
	CHECK(told(0, "No packet that was looked at matches --peer 10.0.0.2:1."));
	end();

	/* A capture alone has messages and connections, too. */
	CHECK_EQ(add(FILTER_COMMAND, "FAREWELL"), 0);
	CHECK_EQ(add(FILTER_RID, "3b5070"), 0);
	CHECK_EQ(begin(), 0);
	CHECK(!feed.message(feed.arg, &(struct wire_message){.command = WIRE_LOCK}));
	tell(1U << FEED_PACKETS, "");
	CHECK_EQ(notes.note_count, 2);
	CHECK(told(0, "No message that was looked at matches --command FAREWELL."));
	CHECK(told(1, "No connection that was looked at matches --rid 3b5070."));
	end();
	table_done(&notes);
	kit_forget();
}

TEST_MAIN(TEST(lists_have_ranges), TEST(sources_have_the_names_of_others_too),
	  TEST(what_is_no_list_is_refused), TEST(names_may_be_patterns),
	  TEST(a_mount_is_found_in_every_field_that_names_one), TEST(what_is_no_rid_is_refused),
	  TEST(conditions_must_hold_all_and_with_the_rest), TEST(what_nothing_matches_is_named),
	  TEST(commands_are_names_or_numbers), TEST(a_peer_is_found_in_events_that_have_addresses))
