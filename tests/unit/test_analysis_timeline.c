/* SPDX-License-Identifier: GPL-2.0-only */
/* Report `timeline`: everything in one order, in words. */
#include "reportkit.h"
#include "test.h"

#define S NSEC_PER_SEC

static const struct table *rows(void)
{
	return kit.out.tables[0];
}

static void setup(void)
{
	kit_format("scoutfs", "scoutfs_some", "u64 rid");
	kit_formats_done();
	kit_comm(10, "ten");
	kit.rec.triggered = true;
	kit.rec.trigger_ns = 100 * S;
	kit.rec.trigger = "reconnect-timeout";
	kit.rec.trigger_text = "client gone";
}

static void finish(void)
{
	kit_done();
	kit_forget();
}

static struct wire_addr addr(uint16_t port)
{
	struct wire_addr a;

	(void)wire_addr_parse("10.0.0.1", port, &a);
	return a;
}

static void the_trigger_stands_where_it_was(void)
{
	setup();
	kit_open(&analysis_timeline);
	kit_event("scoutfs_some", 99 * S, 3, 10, "");
	kit_event("scoutfs_some", 100 * S, 0, 0, "");
	analysis_timeline.log(kit.self,
			      &(struct log_line){.ns = 101 * S, .text = "line", .bytes = 4});
	CHECK_EQ(rows()->row_count, 4);
	CHECK_STR(kit_str(rows(), 0, "where"), "ten-10 [003]");
	CHECK_STR(kit_str(rows(), 0, "source"), "trace");
	CHECK_STR(kit_str(rows(), 1, "source"), "trigger");
	CHECK_STR(kit_str(rows(), 1, "where"), "reconnect-timeout");
	CHECK_STR(kit_str(rows(), 1, "what"), "client gone");
	CHECK_EQ(rows()->rows[1]->mark, ROW_BAD);
	CHECK_STR(kit_str(rows(), 2, "where"), "<idle>-0 [000]");
	CHECK_STR(kit_str(rows(), 3, "source"), "log");
	CHECK_STR(kit_str(rows(), 3, "where"), "kernel");
	CHECK_STR(kit_str(rows(), 3, "what"), "line");
	finish();
}

static void a_trigger_behind_everything_is_shown_too_but_not_outside_the_window(void)
{
	setup();
	kit_open(&analysis_timeline);
	kit_event("scoutfs_some", 99 * S, 3, 10, "");
	CHECK_EQ(analysis_timeline.result(kit.self, &kit.out, &kit.err), 0);
	CHECK_EQ(rows()->row_count, 2);
	CHECK_STR(kit_str(rows(), 1, "source"), "trigger");
	finish();
	setup();
	kit.options.to_ns = 99 * S;
	kit_open(&analysis_timeline);
	CHECK_EQ(analysis_timeline.result(kit.self, &kit.out, &kit.err), 0);
	CHECK_EQ(rows()->row_count, 0);
	finish();
}

static void messages_say_what_they_are(void)
{
	struct tcpflow_connection c = {.ends = {addr(1), addr(2)}, .server = 1, .begin_ns = S};
	struct wire_lock lock = {.old_mode = 1, .new_mode = 2};
	struct wire_greeting greeting = {.rid = 0xabc, .server_term = 3, .flags = 3};
	uint8_t lock_data[WIRE_LOCK_BYTES], greeting_data[WIRE_GREETING_BYTES];
	struct tcpflow_message m = {.from = 0,
				    .last_ns = 2 * S,
				    .header = {.command = WIRE_LOCK, .id = 7, .data_len = 48},
				    .data = lock_data,
				    .data_bytes = sizeof(lock_data)};

	lock.key_bytes[0] = 16;
	wire_lock_write(&lock, lock_data);
	wire_greeting_write(&greeting, greeting_data);
	setup();
	kit_open(&analysis_timeline);
	analysis_timeline.begin(kit.self, &c, TCPFLOW_BEGIN_SYN);
	analysis_timeline.message(kit.self, &c, &m);
	m.from = 1;
	m.header = (struct wire_message){
		.command = WIRE_GET_LOG_MERGE, .id = 8, .response = true, .error = 1};
	analysis_timeline.message(kit.self, &c, &m);
	m.header = (struct wire_message){.command = WIRE_GREETING, .id = 1, .data_len = 40};
	m.data = greeting_data;
	m.data_bytes = sizeof(greeting_data);
	analysis_timeline.message(kit.self, &c, &m);
	/* Cut off by the capture. */
	m.data_bytes = 10;
	analysis_timeline.message(kit.self, &c, &m);
	analysis_timeline.gap(kit.self, &c,
			      &(struct tcpflow_gap){.from = 1, .bytes = 99, .last_ns = 3 * S});
	analysis_timeline.end(kit.self, &c, 4 * S, TCPFLOW_END_RST);
	CHECK_EQ(rows()->row_count, 7);
	CHECK_STR(kit_str(rows(), 0, "where"), "10.0.0.1:1 > 10.0.0.1:2");
	CHECK(strstr(kit_str(rows(), 1, "what"), "LOCK request id 7 "));
	CHECK(strstr(kit_str(rows(), 1, "what"), " read to write"));
	CHECK_STR(kit_str(rows(), 2, "where"), "10.0.0.1:2 > 10.0.0.1:1");
	CHECK_STR(kit_str(rows(), 2, "what"), "GET_LOG_MERGE response id 8 error ENOENT");
	CHECK_STR(
		kit_str(rows(), 3, "what"),
		"GREETING request id 1 rid 0000000000000abc server term 3 farewell quorum member");
	CHECK_STR(kit_str(rows(), 4, "what"), "GREETING request id 1 40 bytes");
	CHECK_STR(kit_str(rows(), 5, "source"), "lost");
	CHECK(strstr(kit_str(rows(), 5, "what"), "99 bytes of the stream"));
	CHECK_STR(kit_str(rows(), 6, "source"), "packets");
	finish();
}

static void beat(uint64_t ns, uint16_t port, uint64_t term)
{
	analysis_timeline.datagram(
		kit.self, &(struct datagram){.ns = ns,
					     .source = addr(port),
					     .destination = addr(9),
					     .quorum = {.type = WIRE_HEARTBEAT, .term = term}});
}

static void of_heartbeats_only_pauses_and_changes_are_shown(void)
{
	const struct table *t;

	setup();
	kit_open(&analysis_timeline);
	for (unsigned int i = 0; i < 50; i++) {
		beat(S + i * S / 10, 1, 1);
		beat(S + i * S / 10, 2, 1);
	}
	beat(9 * S, 1, 1); /* 3.1 s after the last */
	beat(9 * S + S / 10, 1, 1);
	beat(9 * S + S / 5, 1, 2);
	analysis_timeline.datagram(
		kit.self,
		&(struct datagram){.ns = 10 * S,
				   .source = addr(1),
				   .destination = addr(9),
				   .quorum = {.type = WIRE_REQUEST_VOTE, .term = 3, .from = 4}});
	t = rows();
	CHECK_EQ(t->row_count, 5);
	CHECK(strstr(kit_str(t, 0, "what"), "not shown"));
	CHECK_STR(kit_str(t, 1, "where"), "10.0.0.1:2 > 10.0.0.1:9");
	CHECK_STR(kit_str(t, 2, "what"), "HEARTBEAT of slot 0 in term 1, after a pause of 3.1 s");
	CHECK_EQ(t->rows[2]->mark, ROW_WARNING);
	CHECK(strstr(kit_str(t, 3, "what"), "in term 2;"));
	CHECK_STR(kit_str(t, 4, "what"), "REQUEST_VOTE of slot 4 in term 3");
	CHECK_EQ(analysis_timeline.result(kit.self, &kit.out, &kit.err), 0);
	CHECK_EQ(t->note_count, 2);
	CHECK(strstr(t->notes[0], "10.0.0.1:2 > 10.0.0.1:9: 50, at most 100 ms apart"));
	finish();
}

static void a_short_window_shows_every_heartbeat(void)
{
	setup();
	kit.options.from_ns = 10 * S;
	kit.options.to_ns = 12 * S;
	kit_open(&analysis_timeline);
	for (unsigned int i = 0; i < 20; i++)
		beat(10 * S + i * S / 10, 1, 1);
	CHECK_EQ(rows()->row_count, 20);
	CHECK_STR(kit_str(rows(), 3, "what"), "HEARTBEAT of slot 0 in term 1");
	finish();
}

static void losses_are_told_in_their_place(void)
{
	struct trace_event gap = {
		.ns = S, .data = kit.data, .bytes = 5, .type = TRACE_TYPE_GAP, .cpu = 1};

	setup();
	kit_open(&analysis_timeline);
	kit_show(&gap);
	gap.bytes = 0;
	kit_show(&gap);
	gap.type = TRACE_TYPE_UNKNOWN;
	kit_show(&gap);
	CHECK_STR(kit_str(rows(), 0, "source"), "lost");
	CHECK_STR(kit_str(rows(), 0, "what"), "5 trace events of this CPU");
	CHECK_STR(kit_str(rows(), 1, "what"), "trace events of this CPU");
	CHECK_STR(kit_str(rows(), 2, "source"), "trace");
	finish();
}

static void files_about_the_host_say_what_they_hold(void)
{
	struct context_file f = {.ns = S,
				 .bytes = 68,
				 .moment = "start",
				 .name = "uname.txt",
				 .status = "ok",
				 .how = "uname -a",
				 .why = ""};

	setup();
	kit_open(&analysis_timeline);
	analysis_timeline.context(kit.self, &f);
	f.status = "cut";
	analysis_timeline.context(kit.self, &f);
	f.status = "failed";
	f.why = "uname is not installed";
	analysis_timeline.context(kit.self, &f);
	CHECK_EQ(kit_u64(rows(), 0, "time_ns"), S);
	CHECK_STR(kit_str(rows(), 0, "source"), "context");
	CHECK_STR(kit_str(rows(), 0, "where"), "start/uname.txt");
	CHECK_STR(kit_str(rows(), 0, "what"), "uname -a: 68 B");
	CHECK_STR(kit_str(rows(), 1, "what"), "uname -a: 68 B, cut there");
	CHECK_STR(kit_str(rows(), 2, "what"), "uname -a: not collected: uname is not installed");
	finish();
}

TEST_MAIN(TEST(the_trigger_stands_where_it_was),
	  TEST(a_trigger_behind_everything_is_shown_too_but_not_outside_the_window),
	  TEST(messages_say_what_they_are), TEST(of_heartbeats_only_pauses_and_changes_are_shown),
	  TEST(a_short_window_shows_every_heartbeat), TEST(losses_are_told_in_their_place),
	  TEST(files_about_the_host_say_what_they_hold))
