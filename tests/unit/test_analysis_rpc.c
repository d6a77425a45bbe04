/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests and answers: figures that were worked out by hand. */
#include "calls.h"
#include "reportkit.h"
#include "test.h"

#define MS NSEC_PER_MSEC
#define CLIENT_RID UINT64_C(0xaaaaaa0000000001)
#define SERVER_RID UINT64_C(0xbbbbbb0000000002)

extern const struct analysis_ops analysis_rpc;

static struct tcpflow_connection flow;

static void begin(void)
{
	static const char fields[] =
		"u64 fsid, u64 rid, u32 name_addr, u16 name_port, u32 peer_addr, u16 peer_port, "
		"u64 nh_seq, u64 nh_recv_seq, u64 nh_id, u16 nh_data_len, u8 nh_cmd, u8 nh_flags, "
		"u8 nh_error";

	kit_format("scoutfs", "scoutfs_net_send_message", fields);
	kit_format("scoutfs", "scoutfs_net_recv_message", fields);
	kit_formats_done();
	kit.rec.last_ns = 20 * NSEC_PER_SEC;
	flow = kit_flow("10.0.0.1:40000", "10.0.0.2:5000");
	kit_open(&analysis_rpc);
}

static void end(void)
{
	kit_done();
	kit_forget();
}

/* Who sends what when. Of requests seq and id are alike; those of answers do not matter. */
static void request(int from, uint64_t ns, uint64_t id, unsigned int command)
{
	kit_message(&flow, from, ns,
		    (struct wire_message){.seq = id, .id = id, .command = (uint8_t)command}, "", 0);
}

static void answer(int from, uint64_t ns, uint64_t id, unsigned int command, unsigned int error)
{
	kit_message(&flow, from, ns,
		    (struct wire_message){.seq = 1,
					  .recv_seq = id,
					  .id = id,
					  .command = (uint8_t)command,
					  .response = true,
					  .error = (uint8_t)error},
		    "", 0);
}

static void greet(uint64_t ns, uint64_t id, uint64_t term)
{
	kit_greeting(&flow, 0, ns, (struct wire_message){.seq = id, .id = id},
		     (struct wire_greeting){.rid = CLIENT_RID, .server_term = term});
	kit_greeting(&flow, 1, ns + MS,
		     (struct wire_message){
			     .seq = 1, .recv_seq = term > 1 ? 0 : id, .id = id, .response = true},
		     (struct wire_greeting){.rid = CLIENT_RID, .server_term = term ? term : 1});
}

static size_t row_of(const char *table, const char *seen, const char *asker, const char *command)
{
	const struct table *t = kit_table(table);

	for (size_t i = 0; t && i < t->row_count; i++)
		if (!strcmp(kit_str(t, i, "seen"), seen) &&
		    !strcmp(kit_str(t, i, "asker"), asker) &&
		    !strcmp(kit_str(t, i, "command"), command))
			return i;
	return SIZE_MAX;
}

static uint64_t figure(const char *table, const char *seen, const char *asker, const char *command,
		       const char *key)
{
	return kit_u64(kit_table(table), row_of(table, seen, asker, command), key);
}

static uint64_t packets(const char *asker, const char *command, const char *key)
{
	return figure("commands", "packets", asker, command, key);
}

static bool has_note(const struct table *t, const char *words)
{
	for (size_t i = 0; i < t->note_count; i++)
		if (strstr(t->notes[i], words))
			return true;
	return false;
}

static void an_answer_belongs_to_the_request_of_its_number_and_direction(void)
{
	begin();
	request(0, 1000 * MS, 7, WIRE_LOCK);
	request(1, 1001 * MS, 7, WIRE_LOCK); /* of the server: another one */
	request(0, 1002 * MS, 8, WIRE_STATFS);
	answer(1, 1010 * MS, 7, WIRE_LOCK, 0);
	answer(0, 1041 * MS, 7, WIRE_LOCK, 0);
	answer(1, 1502 * MS, 8, WIRE_STATFS, 2);
	answer(1, 1600 * MS, 8, WIRE_STATFS, 2);  /* once more */
	answer(1, 1700 * MS, 99, WIRE_STATFS, 0); /* asked before the recording */
	request(0, 1800 * MS, 9, WIRE_STATFS);
	answer(1, 1801 * MS, 9, WIRE_GET_ROOTS, 0); /* none to this */

	CHECK_EQ(packets("client", "LOCK", "new"), 1);
	CHECK_EQ(packets("client", "LOCK", "finished"), 1);
	CHECK_EQ(packets("client", "LOCK", "failed"), 0);
	CHECK_EQ(packets("server", "LOCK", "finished"), 1);
	CHECK_EQ(packets("client", "STATFS", "new"), 2);
	CHECK_EQ(packets("client", "STATFS", "finished"), 1);
	CHECK_EQ(packets("client", "STATFS", "failed"), 1);
	CHECK_EQ(packets("client", "STATFS", "pending"), 1);
	CHECK_EQ(packets("client", "STATFS", "stray"), 2);
	CHECK_EQ(packets("client", "GET_ROOTS", "stray"), 1);
	CHECK_EQ(figure("latency", "packets", "client", "LOCK", "max_ns"), 10 * MS);
	CHECK_EQ(figure("latency", "packets", "server", "LOCK", "max_ns"), 40 * MS);
	CHECK_EQ(figure("latency", "packets", "client", "STATFS", "avg_ns"), 500 * MS);
	CHECK_EQ(figure("latency", "packets", "client", "STATFS", "count"), 1);
	CHECK_STR(kit_str(kit_table("errors"), 0, "error"), "ENOMEM");
	CHECK_EQ(kit_u64(kit_table("errors"), 0, "count"), 1);
	end();
}

static void numbers_go_on_after_a_reconnect(void)
{
	begin();
	greet(1000 * MS, 2, 0);
	request(0, 1100 * MS, 3, WIRE_GET_ROOTS);
	request(0, 1200 * MS, 4, WIRE_LOCK);
	answer(1, 1300 * MS, 4, WIRE_LOCK, 0);
	request(0, 1400 * MS, 5, WIRE_STATFS);
	kit_message(&flow, 1, 1500 * MS,
		    (struct wire_message){
			    .seq = 2, .recv_seq = 5, .id = 1, .command = WIRE_SYNC_LOG_TREES},
		    "", 0);
	kit_flow_end(&flow, 2000 * MS, TCPFLOW_END_RST);

	flow = kit_flow("10.0.0.1:40001", "10.0.0.2:5000");
	greet(5000 * MS, 6, 2);
	request(0, 5100 * MS, 3, WIRE_GET_ROOTS);
	answer(1, 8100 * MS, 3, WIRE_GET_ROOTS, 0);
	answer(1, 8200 * MS, 4, WIRE_LOCK, 0); /* sent again, as it was not acknowledged */
	request(0, 8300 * MS, 7, WIRE_LOCK);

	CHECK_EQ(packets("client", "GET_ROOTS", "new"), 1);
	CHECK_EQ(packets("client", "GET_ROOTS", "sent"), 2);
	CHECK_EQ(packets("client", "GET_ROOTS", "resent"), 1);
	CHECK_EQ(packets("client", "GET_ROOTS", "finished"), 1);
	CHECK_EQ(figure("latency", "packets", "client", "GET_ROOTS", "min_ns"), 7000 * MS);
	CHECK_EQ(packets("client", "LOCK", "new"), 2);
	CHECK_EQ(packets("client", "LOCK", "stray"), 1);
	CHECK_EQ(packets("client", "GREETING", "finished"), 2);
	/* It was acknowledged, but on this connection nothing of it was heard. */
	CHECK_EQ(packets("client", "STATFS", "pending"), 1);
	CHECK_EQ(packets("client", "STATFS", "acked"), 0);
	CHECK_EQ(kit_table("conversations")->row_count, 1);
	CHECK_EQ(kit_u64(kit_table("conversations"), 0, "connections"), 2);
	CHECK_EQ(kit_u64(kit_table("conversations"), 0, "client_rid"), CLIENT_RID);
	end();
}

static void what_comes_again_after_its_answer_is_no_new_request(void)
{
	begin();
	request(0, 1000 * MS, 1, WIRE_LOCK);
	request(0, 1000 * MS, 2, WIRE_LOCK);
	answer(1, 1001 * MS, 1, WIRE_LOCK, 0);
	request(0, 1002 * MS, 1, WIRE_LOCK);
	CHECK_EQ(packets("client", "LOCK", "new"), 2);
	CHECK_EQ(packets("client", "LOCK", "sent"), 3);
	CHECK_EQ(packets("client", "LOCK", "resent"), 1);
	CHECK_EQ(packets("client", "LOCK", "pending"), 1);
	end();
}

static void answers_in_any_order_find_their_requests(void)
{
	enum { N = 10007, STEP = 4999 }; /* primes: a walk over all numbers */

	begin();
	for (uint64_t id = 1; id <= N; id++) {
		request(0, id, id, WIRE_LOCK);
		request(1, id, id, WIRE_LOCK);
	}
	for (uint64_t i = 0; i < N; i++)
		answer(1, N + i, i * STEP % N + 1, WIRE_LOCK, 0);
	CHECK_EQ(packets("client", "LOCK", "finished"), N);
	CHECK_EQ(packets("client", "LOCK", "stray"), 0);
	CHECK_EQ(packets("server", "LOCK", "pending"), N);
	end();
}

static void another_server_begins_with_its_own_numbers(void)
{
	begin();
	greet(1000 * MS, 1, 0);
	for (uint64_t id = 2; id <= 5; id++) {
		request(1, 1000 * MS + id * MS, id, WIRE_LOCK);
		if (id < 5)
			answer(0, 2000 * MS + id * MS, id, WIRE_LOCK, 0);
	}
	request(0, 3000 * MS, 2000, WIRE_LOCK);
	/* The server is gone; the client goes on with its numbers at the next one. */
	flow = kit_flow("10.0.0.1:40001", "10.0.0.3:5000");
	greet(15000 * MS, 2001, 1);
	request(0, 15100 * MS, 2000, WIRE_LOCK);
	answer(1, 15200 * MS, 2000, WIRE_LOCK, 0);
	request(1, 16000 * MS, 2, WIRE_LOCK);
	request(1, 16001 * MS, 5, WIRE_LOCK);
	answer(0, 16100 * MS, 2, WIRE_LOCK, 0);

	CHECK_EQ(packets("client", "LOCK", "new"), 1);
	CHECK_EQ(packets("client", "LOCK", "resent"), 1);
	CHECK_EQ(packets("client", "LOCK", "finished"), 1);
	CHECK_EQ(packets("server", "LOCK", "new"), 6);
	CHECK_EQ(packets("server", "LOCK", "resent"), 0);
	CHECK_EQ(packets("server", "LOCK", "finished"), 4);
	CHECK_EQ(packets("server", "LOCK", "pending"), 2);
	end();
}

static void what_was_acknowledged_is_not_yet_answered(void)
{
	begin();
	request(0, 1000 * MS, 10, WIRE_LOCK);
	request(0, 2000 * MS, 11, WIRE_LOCK);
	kit_message(&flow, 1, 3000 * MS,
		    (struct wire_message){.seq = 5, .recv_seq = 10, .id = 5, .command = WIRE_LOCK},
		    "", 0);
	CHECK_EQ(packets("client", "LOCK", "pending"), 2);
	CHECK_EQ(packets("client", "LOCK", "acked"), 1);
	CHECK_EQ(kit_table("unanswered")->row_count, 3);
	CHECK_EQ(kit_u64(kit_table("unanswered"), 0, "id"), 10);
	CHECK_EQ(kit_u64(kit_table("unanswered"), 0, "age_ns"), 19 * NSEC_PER_SEC);
	CHECK_STR(kit_str(kit_table("unanswered"), 0, "got_to"), "acknowledged");
	CHECK_STR(kit_str(kit_table("unanswered"), 1, "got_to"), "seen on the wire");
	CHECK_STR(kit_str(kit_table("unanswered"), 2, "asker"), "server");
	end();
}

static int client_port = 40000;

/* The client at 10.0.0.1, the server at 10.0.0.2:5000, both on this host. */
static void traced(bool sent, bool at_server, uint64_t ns, unsigned int id, unsigned int command,
		   bool response)
{
	char fields[400];

	(void)snprintf(
		fields, sizeof(fields),
		"fsid=0x1111110000000000 rid=%#llx name_addr=%u name_port=%d peer_addr=%u "
		"peer_port=%d nh_seq=%u nh_id=%u nh_cmd=%u nh_flags=%d",
		(unsigned long long)(at_server ? SERVER_RID
					       : CLIENT_RID + (unsigned int)client_port - 40000),
		0x0a000001 + at_server, at_server ? 5000 : client_port, 0x0a000002 - at_server,
		at_server ? client_port : 5000, response ? 1 : id, id, command, response);
	kit_event(sent ? "scoutfs_net_send_message" : "scoutfs_net_recv_message", ns, 0, 1, fields);
}

static void each_place_counts_for_itself_and_a_request_is_one_line(void)
{
	const struct table *t;

	begin();
	/* On its way 1 ms, 2 ms to the server, 30 ms there, and back as fast. */
	traced(true, false, 1000 * MS, 7, WIRE_LOCK, false);
	request(0, 1001 * MS, 7, WIRE_LOCK);
	traced(false, true, 1003 * MS, 7, WIRE_LOCK, false);
	traced(true, true, 1033 * MS, 7, WIRE_LOCK, true);
	answer(1, 1035 * MS, 7, WIRE_LOCK, 0);
	traced(false, false, 1036 * MS, 7, WIRE_LOCK, true);
	/* And one that the server never answers. */
	traced(true, false, 2000 * MS, 8, WIRE_STATFS, false);
	request(0, 2001 * MS, 8, WIRE_STATFS);
	traced(false, true, 2003 * MS, 8, WIRE_STATFS, false);
	/* One that never left. */
	traced(true, false, 3000 * MS, 9, WIRE_STATFS, false);
	/* The server asks, the client answers at once, and the answer is lost. */
	traced(true, true, 4000 * MS, 3, WIRE_LOCK, false);
	traced(false, false, 4001 * MS, 3, WIRE_LOCK, false);
	traced(true, false, 4002 * MS, 3, WIRE_LOCK, true);

	CHECK_EQ(figure("latency", "client", "client", "LOCK", "max_ns"), 36 * MS);
	CHECK_EQ(figure("latency", "packets", "client", "LOCK", "max_ns"), 34 * MS);
	CHECK_EQ(figure("latency", "server", "client", "LOCK", "max_ns"), 30 * MS);
	t = kit_table("latency");
	CHECK_STR(kit_str(t, row_of("latency", "client", "client", "LOCK"), "measure"),
		  "round trip");
	CHECK_STR(kit_str(t, row_of("latency", "server", "client", "LOCK"), "measure"), "service");
	CHECK_STR(kit_str(t, row_of("latency", "client", "server", "LOCK"), "measure"), "service");
	t = kit_table("slowest");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "round_trip_ns"), 36 * MS);
	CHECK_EQ(kit_u64(t, 0, "wire_ns"), 34 * MS);
	CHECK_EQ(kit_u64(t, 0, "service_ns"), 30 * MS);
	CHECK_EQ(kit_u64(t, 0, "client_rid"), CLIENT_RID);
	CHECK_STR(kit_str(t, 0, "client"), "10.0.0.1:40000");
	t = kit_table("unanswered");
	CHECK_EQ(t->row_count, 3);
	CHECK_STR(kit_str(t, 0, "got_to"), "arrived");
	CHECK_EQ(kit_u64(t, 0, "sent_ns"), 2000 * MS);
	CHECK_STR(kit_str(t, 1, "got_to"), "was to be sent");
	CHECK_STR(kit_str(t, 2, "got_to"), "answer was sent");
	t = kit_table("conversations");
	CHECK_EQ(t->row_count, 3);
	CHECK_STR(kit_str(t, kit_row(t, "seen", "server"), "mount"), "f.111111.r.bbbbbb");
	CHECK_STR(kit_str(t, kit_row(t, "seen", "client"), "mount"), "f.111111.r.aaaaaa");
	end();
}

static void a_place_may_tell_after_the_last_one(void)
{
	const struct table *t;

	begin();
	/* Clocks of packets and events are not quite the same. */
	traced(true, false, 1000 * MS, 7, WIRE_LOCK, false);
	request(0, 1001 * MS, 7, WIRE_LOCK);
	traced(false, false, 1010 * MS, 7, WIRE_LOCK, true);
	answer(1, 1012 * MS, 7, WIRE_LOCK, 0);
	t = kit_table("slowest");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "round_trip_ns"), 10 * MS);
	CHECK_EQ(kit_u64(t, 0, "wire_ns"), 11 * MS);
	end();
}

/* A request of 5 ms. The packets' clock is late. */
static void seen_by_events(uint64_t ns, unsigned int id)
{
	traced(true, false, ns, id, WIRE_LOCK, false);
	request(0, ns + MS, id, WIRE_LOCK);
	traced(false, true, ns + 2 * MS, id, WIRE_LOCK, false);
	traced(true, true, ns + 3 * MS, id, WIRE_LOCK, true);
	traced(false, false, ns + 5 * MS, id, WIRE_LOCK, true);
}

static void seen_on_the_wire(uint64_t ns, unsigned int id)
{
	answer(1, ns + 6 * MS, id, WIRE_LOCK, 0);
}

static void many_requests_of_mounts_with_the_same_numbers_are_a_line_each(void)
{
	struct tcpflow_connection flows[2];
	const struct table *t;
	size_t whole = 0;

	kit.options.limit = 0;
	begin();
	flows[0] = flow;
	flows[1] = kit_flow("10.0.0.1:40001", "10.0.0.2:5000");
	for (unsigned int i = 0; i < 400; i++) {
		for (int k = 0; k < 2; k++) {
			flow = flows[k];
			client_port = 40000 + k;
			seen_by_events(1000 * MS + i * 10 * MS, i + 1);
		}
		for (int k = 0; k < 2; k++) {
			flow = flows[k];
			seen_on_the_wire(1000 * MS + i * 10 * MS, i + 1);
		}
	}
	client_port = 40000;
	t = kit_table("slowest");
	CHECK_EQ(t->row_count, 800);
	for (size_t i = 0; i < t->row_count; i++)
		whole += kit_u64(t, i, "round_trip_ns") == 5 * MS &&
			 kit_u64(t, i, "wire_ns") == 5 * MS && kit_u64(t, i, "service_ns") == MS;
	CHECK_EQ(whole, 800);
	end();
}

static void an_answer_that_another_place_saw_is_not_forgotten(void)
{
	const struct table *t;

	begin();
	traced(true, false, 1000 * MS, 7, WIRE_STATFS, false);
	traced(false, true, 1001 * MS, 7, WIRE_STATFS, false);
	traced(true, true, 1002 * MS, 7, WIRE_STATFS, true);
	for (unsigned int i = 0; i < 10000; i++) {
		seen_by_events(2000 * MS + i * 6 * MS, 8 + i);
		seen_on_the_wire(2000 * MS + i * 6 * MS, 8 + i);
	}
	t = kit_table("unanswered");
	CHECK_EQ(t->row_count, 1);
	CHECK_STR(kit_str(t, 0, "got_to"), "answer was sent");
	end();
}

static void who_the_server_is_need_not_be_known(void)
{
	begin();
	/* Locks go either way: by the port, until a message tells. */
	flow.server = -1;
	request(0, 1000 * MS, 1, WIRE_LOCK);
	CHECK_EQ(packets("client", "LOCK", "new"), 1);
	end();
	begin();
	flow = kit_flow("10.0.0.1:5000", "10.0.0.2:6000");
	flow.server = -1;
	request(0, 1000 * MS, 1, WIRE_STATFS);
	request(0, 1000 * MS, 2, WIRE_LOCK);
	request(1, 1000 * MS, 3, WIRE_LOCK);
	CHECK_EQ(packets("client", "STATFS", "new"), 1);
	CHECK_EQ(packets("client", "LOCK", "new"), 1);
	CHECK_EQ(packets("server", "LOCK", "new"), 1);
	end();
}

static void numbers_of_a_stranger_do_no_harm(void)
{
	uint64_t state = 1;

	begin();
	request(0, 0, 1, WIRE_LOCK);
	answer(1, UINT64_MAX, 1, WIRE_LOCK, 6);
	request(0, UINT64_MAX, UINT64_MAX, WIRE_LOCK);
	answer(1, 0, UINT64_MAX, WIRE_LOCK, 0); /* before it was asked */
	CHECK_EQ(packets("client", "LOCK", "finished"), 2);
	CHECK_EQ(figure("latency", "packets", "client", "LOCK", "count"), 1);
	CHECK_EQ(figure("latency", "packets", "client", "LOCK", "max_ns"), UINT64_MAX);
	end();
	begin();
	for (int i = 0; i < 200000; i++) {
		char fields[300];

		state = state * UINT64_C(6364136223846793005) + 1;
		(void)snprintf(
			fields, sizeof(fields),
			"rid=%d name_addr=%d name_port=%d peer_addr=9 peer_port=%d nh_seq=%d "
			"nh_id=%d nh_cmd=%d nh_flags=%d nh_error=%d",
			(int)(state >> 60), (int)(state >> 50) & 127, (int)(state >> 40) & 127,
			(int)(state >> 35) & 3, (int)(state >> 30) & 255, (int)(state >> 20) & 15,
			(int)(state >> 55) & 31, (int)(state >> 62) & 1, (int)(state >> 58) & 255);
		kit_event(i & 1 ? "scoutfs_net_send_message" : "scoutfs_net_recv_message",
			  state >> (i & 32), 0, 1, fields);
	}
	CHECK(kit_table("commands")->row_count > 10);
	end();
}

static void more_unanswered_requests_than_are_kept_are_counted(void)
{
	enum { N = CALLS_PENDING + 10000 };

	begin();
	for (uint64_t id = 1; id <= N; id++)
		request(0, id * 1000, id, WIRE_LOCK);
	for (uint64_t id = N; id > N - 100; id--)
		answer(1, 10 * NSEC_PER_SEC, id, WIRE_LOCK, 0);
	CHECK_EQ(packets("client", "LOCK", "new"), N);
	CHECK_EQ(packets("client", "LOCK", "finished"), 100);
	CHECK_EQ(packets("client", "LOCK", "pending"), N - 100);
	CHECK(has_note(kit_table("commands"), "unanswered at once"));
	CHECK_EQ(kit_table("unanswered")->row_count, 20);
	end();
}

static void more_connections_than_are_kept_are_counted(void)
{
	begin();
	for (int i = 0; i < CALLS_PAIRS + 5; i++) {
		char client[32];

		(void)snprintf(client, sizeof(client), "10.0.%d.%d:9", i / 256, i % 256);
		flow = kit_flow(client, "10.1.0.1:5000");
		request(0, 1000 * MS, 1, WIRE_LOCK);
	}
	CHECK_EQ(packets("client", "LOCK", "new"), CALLS_PAIRS);
	CHECK_EQ(kit.out.notes.note_count, 1);
	CHECK(has_note(&kit.out.notes, "5 messages are not in these figures"));
	end();
}

static void nothing_is_a_report_too(void)
{
	begin();
	CHECK_EQ(kit_table("commands")->row_count, 0);
	CHECK(has_note(&kit.out.notes, "No messages of scoutfs were seen"));
	end();
}

TEST_MAIN(TEST(an_answer_belongs_to_the_request_of_its_number_and_direction),
	  TEST(numbers_go_on_after_a_reconnect),
	  TEST(what_comes_again_after_its_answer_is_no_new_request),
	  TEST(answers_in_any_order_find_their_requests),
	  TEST(another_server_begins_with_its_own_numbers),
	  TEST(what_was_acknowledged_is_not_yet_answered),
	  TEST(each_place_counts_for_itself_and_a_request_is_one_line),
	  TEST(a_place_may_tell_after_the_last_one),
	  TEST(many_requests_of_mounts_with_the_same_numbers_are_a_line_each),
	  TEST(an_answer_that_another_place_saw_is_not_forgotten),
	  TEST(who_the_server_is_need_not_be_known), TEST(numbers_of_a_stranger_do_no_harm),
	  TEST(more_unanswered_requests_than_are_kept_are_counted),
	  TEST(more_connections_than_are_kept_are_counted), TEST(nothing_is_a_report_too))
