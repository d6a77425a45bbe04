/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of connections, as recordings made up here tell it. */
#include "reportkit.h"
#include "test.h"

#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC
#define RID_A UINT64_C(0xaaaaaa0000000001)
#define RID_S UINT64_C(0xbbbbbb0000000002)
#define A "10.0.0.1:40000"
#define S "10.0.0.2:5000"

extern const struct analysis_ops analysis_connections;

static void begin(const char *trigger)
{
	static const char message[] =
		"u64 fsid, u64 rid, u32 name_addr, u16 name_port, u32 peer_addr, u16 peer_port, "
		"u64 nh_seq, u64 nh_recv_seq, u64 nh_id, u16 nh_data_len, u8 nh_cmd, u8 nh_flags, "
		"u8 nh_error";
	static const char connection[] =
		"u64 fsid, u64 rid, u64 flags, u64 connect_timeout_ms, u64 c_rid, u32 "
		"sockname_addr, "
		"u16 sockname_port, u32 peername_addr, u16 peername_port, u64 listening_conn, "
		"u64 next_send_seq, u8 e_send_queue, u8 e_resend_queue";
	static const char *const names[] = {
		"scoutfs_conn_connect_start",
		"scoutfs_conn_connect_complete",
		"scoutfs_conn_accept",
		"scoutfs_conn_reconn_migrate",
		"scoutfs_conn_shutdown_queued",
		"scoutfs_conn_shutdown_start",
		"scoutfs_conn_shutdown_complete",
		"scoutfs_conn_destroy_start",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		kit_format("scoutfs", names[i], connection);
	kit_format("scoutfs", "scoutfs_net_send_message", message);
	kit_format("scoutfs", "scoutfs_net_recv_message", message);
	kit_format("scoutfs", "scoutfs_server_client_down", "u64 rid, u64 c_rid");
	kit_formats_done();
	kit.rec.trigger_text = trigger ? trigger : "";
	kit.rec.triggered = trigger;
	kit.rec.first_ns = SEC;
	kit.rec.last_ns = 100 * SEC;
	kit_open(&analysis_connections);
}

static void end(void)
{
	kit_done();
	kit_forget();
}

/* The server's end of the connection from 10.0.0.1:@port; @port 0: it has forgotten. */
static void server_event(const char *name, uint64_t ns, unsigned int port, unsigned int flags,
			 bool client_known)
{
	char event[64], fields[300];

	(void)snprintf(event, sizeof(event), "scoutfs_conn_%s", name);
	(void)snprintf(fields, sizeof(fields),
		       "rid=%#llx flags=%u listening_conn=1 sockname_addr=0x0a000002 "
		       "sockname_port=5000 peername_addr=%#x peername_port=%u c_rid=%#llx "
		       "e_send_queue=1 e_resend_queue=0 next_send_seq=77",
		       (unsigned long long)RID_S, flags, port ? 0x0a000001 : 0, port,
		       (unsigned long long)(client_known ? RID_A : 0));
	kit_event(event, ns, 0, 7, fields);
}

static void client_event(const char *name, uint64_t ns, unsigned int own, unsigned int peer,
			 unsigned int flags)
{
	char event[64], fields[300];

	(void)snprintf(event, sizeof(event), "scoutfs_conn_%s", name);
	(void)snprintf(fields, sizeof(fields),
		       "rid=%#llx flags=%u connect_timeout_ms=1000 sockname_addr=%#x "
		       "sockname_port=%u peername_addr=%#x peername_port=%u e_send_queue=0 "
		       "e_resend_queue=1",
		       (unsigned long long)RID_A, flags, own ? 0x0a000001 : 0, own,
		       peer ? 0x0a000002 : 0, peer);
	kit_event(event, ns, 0, 8, fields);
}

static const struct table *connections(void)
{
	return kit_table("connections");
}

static const char *how(size_t row)
{
	return kit_str(connections(), row, "end");
}

static void is_lost(uint64_t ns, unsigned int port)
{
	server_event("shutdown_queued", ns, port, 13, true);
	server_event("shutdown_start", ns + MS, port, 13, true);
	server_event("shutdown_complete", ns + 2 * MS, 0, 37, true);
}

static bool has_step(const char *what)
{
	return kit_row(kit_table("steps"), "what", what) != SIZE_MAX;
}

static void a_client_that_does_not_come_back_is_fenced(void)
{
	static const struct comm comm = {.pid = 7, .name = "kworker/7", .bytes = 9};
	size_t row;

	begin("scoutfs f.111111.r.bbbbbb: client " A " reconnect timed out, fencing");
	kit_comm(comm.pid, comm.name);
	server_event("accept", 10 * SEC, 40000, 2, false);
	server_event("accept", 11 * SEC, 40005, 2, false); /* of another */
	is_lost(20 * SEC, 40000);
	kit_line(20 * SEC + MS, "scoutfs f.111111.r.bbbbbb: server closing " S " -> " A);
	kit_line(40 * SEC, "scoutfs f.111111.r.bbbbbb: client " A " reconnect timed out, fencing");
	server_event("destroy_start", 40 * SEC + 2 * MS, 0, 101, true);
	kit_event("scoutfs_server_client_down", 40 * SEC + 3 * MS, 0, 7,
		  "rid=0xbbbbbb0000000002 c_rid=0xaaaaaa0000000001");
	kit_line(42 * SEC, "scoutfs f.111111.r.bbbbbb: successfully reclaimed resources for fenced "
			   "rid aaaaaa0000000001");

	CHECK_EQ(connections()->row_count, 2);
	CHECK_STR(kit_str(connections(), 0, "client"), A);
	CHECK_STR(kit_str(connections(), 0, "server"), S);
	CHECK_EQ(kit_u64(connections(), 0, "client_rid"), RID_A);
	CHECK_EQ(kit_u64(connections(), 0, "begin_ns"), 10 * SEC);
	CHECK_EQ(kit_u64(connections(), 0, "end_ns"), 20 * SEC);
	CHECK_STR(how(0), "lost; not back within 20 s: fenced");
	CHECK_EQ(connections()->rows[0]->mark, ROW_BAD);
	CHECK_STR(kit_str(connections(), 0, "flags"),
		  "valid_greeting|shutting_down|reconn_wait|reconn_freeing");
	CHECK_STR(how(1), "was there at the end");
	CHECK_EQ(connections()->rows[1]->mark, ROW_PLAIN);
	/* Only of the one that the trigger names. */
	CHECK_EQ(kit_table("steps")->row_count, 9);
	row = kit_row(kit_table("steps"), "what", "down, waits for it to reconnect");
	CHECK_EQ(kit_u64(kit_table("steps"), row, "time_ns"), 20 * SEC + 2 * MS);
	CHECK_STR(kit_str(kit_table("steps"), row, "place"), "server");
	CHECK_STR(kit_str(kit_table("steps"), row, "process"), "kworker/7");
	/* e_send_queue 1 is for empty. */
	CHECK_STR(kit_str(kit_table("steps"), row, "queues"), "unacknowledged");
	CHECK_EQ(kit_u64(kit_table("steps"), row, "next_seq"), 77);
	CHECK(has_step("destroyed: given up"));
	CHECK(has_step("the server forgets the client"));
	CHECK(has_step("successfully reclaimed resources for fenced rid aaaaaa0000000001"));
	end();
}

static void a_client_that_comes_back_takes_over(void)
{
	begin(NULL);
	server_event("accept", 10 * SEC, 40000, 2, false);
	is_lost(20 * SEC, 40000);
	server_event("accept", 25 * SEC, 40001, 2, false);
	server_event("reconn_migrate", 25 * SEC + MS, 40001, 2, false);
	server_event("destroy_start", 25 * SEC + 2 * MS, 0, 101, true);

	CHECK_EQ(connections()->row_count, 2);
	CHECK_STR(how(0), "lost; the client was back after 5 s");
	CHECK_EQ(connections()->rows[0]->mark, ROW_WARNING);
	CHECK_STR(kit_str(connections(), 1, "begin"), "reconnected");
	CHECK_EQ(kit_u64(connections(), 1, "client_rid"), RID_A);
	CHECK_STR(how(1), "was there at the end");
	CHECK(has_step("destroyed: the new one has taken over"));
	CHECK(has_step("takes over from the connection before"));
	end();
}

static void a_server_that_shuts_down_does_not_wait(void)
{
	begin(NULL);
	server_event("accept", 10 * SEC, 40000, 2, false);
	is_lost(20 * SEC, 40000);
	server_event("destroy_start", 20 * SEC + 500 * MS, 0, 101, true);
	server_event("accept", 30 * SEC, 40001, 2, false);
	server_event("shutdown_queued", 31 * SEC, 40001, 13, true);
	server_event("destroy_start", 32 * SEC, 0, 5, true);
	CHECK_STR(how(0), "lost; the server gave it up 498 ms later, shutting down");
	CHECK_STR(how(1), "the server shut it down");
	end();
}

static void a_farewell_is_no_loss(void)
{
	begin(NULL);
	server_event("accept", 10 * SEC, 40000, 2, false);
	server_event("shutdown_queued", 20 * SEC, 40000, 21, true);
	CHECK_STR(how(0), "farewell: unmounted");
	CHECK_EQ(connections()->rows[0]->mark, ROW_PLAIN);
	CHECK_EQ(kit_table("steps")->row_count, 0);
	end();
}

static void what_a_client_tries_is_counted(void)
{
	begin(NULL);
	client_event("connect_start", 10 * SEC, 0, 0, 1);
	client_event("connect_complete", 10 * SEC + MS, 40000, 5000, 2);
	client_event("shutdown_queued", 20 * SEC, 40000, 5000, 13);
	client_event("shutdown_complete", 20 * SEC + MS, 40000, 0, 1);
	for (unsigned int i = 1; i <= 3; i++) {
		client_event("connect_start", (20 + i) * SEC, 40000, 0, 1);
		client_event("shutdown_queued", (20 + i) * SEC, 40000, 0, 5);
		client_event("shutdown_start", (20 + i) * SEC, 40000, 0, 5);
		client_event("shutdown_complete", (20 + i) * SEC, 40000, 0, 1);
	}
	client_event("connect_start", 25 * SEC, 40000, 0, 1);
	client_event("connect_complete", 26 * SEC, 40001, 5000, 2);
	client_event("shutdown_queued", 30 * SEC, 40001, 5000, 13);
	client_event("connect_start", 31 * SEC, 40001, 0, 1);
	client_event("connect_start", 32 * SEC, 40001, 0, 1);

	CHECK_EQ(connections()->row_count, 2);
	CHECK_EQ(kit_u64(connections(), 0, "attempts"), 0);
	CHECK_EQ(kit_u64(connections(), 0, "end_ns"), 20 * SEC);
	CHECK_EQ(kit_u64(connections(), 1, "attempts"), 3);
	CHECK_STR(how(1), "lost");
	/* Its own steps, not those of the attempts: connected, to be shut down, down; twice. */
	CHECK_EQ(kit_table("steps")->row_count, 5);
	CHECK(strstr(kit.out.notes.notes[0], "tried to connect 2 times"));
	end();
}

static void packets_and_events_are_one_connection(void)
{
	struct tcpflow_connection flow;

	begin(NULL);
	flow = kit_flow(A, S);
	kit_flow_begin(&flow, 10 * SEC, TCPFLOW_BEGIN_SYN);
	server_event("accept", 10 * SEC + MS, 40000, 2, false);
	client_event("connect_complete", 10 * SEC + 2 * MS, 40000, 5000, 2);
	kit_greeting(&flow, 0, 11 * SEC, (struct wire_message){.seq = 1, .id = 1},
		     (struct wire_greeting){.rid = RID_A, .flags = WIRE_GREETING_QUORUM});
	kit_greeting(&flow, 1, 11 * SEC + MS, (struct wire_message){.seq = 1, .response = true},
		     (struct wire_greeting){.rid = RID_A, .server_term = 3});
	kit_message(&flow, 0, 12 * SEC, (struct wire_message){.seq = 2, .command = WIRE_STATFS}, "",
		    0);
	kit_event("scoutfs_net_recv_message", 12 * SEC + MS, 0, 7,
		  "rid=0xbbbbbb0000000002 name_addr=0x0a000002 name_port=5000 "
		  "peer_addr=0x0a000001 peer_port=40000 nh_seq=2 nh_id=2 nh_cmd=18");
	kit_flow_end(&flow, 20 * SEC, TCPFLOW_END_RST);

	CHECK_EQ(connections()->row_count, 1);
	CHECK_EQ(kit_u64(connections(), 0, "begin_ns"), 10 * SEC);
	CHECK_STR(kit_str(connections(), 0, "begin"), "new");
	CHECK_EQ(kit_u64(connections(), 0, "term"), 3);
	CHECK_EQ(kit_u64(connections(), 0, "client_rid"), RID_A);
	CHECK_STR(kit_str(connections(), 0, "tcp"), "broken off (RST)");
	CHECK_EQ(kit_table("traffic")->row_count, 1);
	CHECK_EQ(kit_u64(kit_table("traffic"), 0, "from_client"), 2);
	CHECK_EQ(kit_u64(kit_table("traffic"), 0, "from_server"), 1);
	CHECK_EQ(kit_u64(kit_table("traffic"), 0, "last_client_ns"), 12 * SEC + MS);
	CHECK_EQ(kit_u64(kit_table("traffic"), 0, "last_server_ns"), 11 * SEC + MS);
	CHECK_EQ(kit_u64(kit_table("traffic"), 0, "quiet_ns"), 8 * SEC - MS);
	CHECK(has_step("greeting: a new mount"));
	end();
}

static void ports_that_are_used_anew_are_another_connection(void)
{
	struct tcpflow_connection flow;

	begin(NULL);
	for (unsigned int i = 1; i <= 2; i++) {
		flow = kit_flow(A, S);
		kit_flow_begin(&flow, i * 10 * SEC, TCPFLOW_BEGIN_SYN);
		server_event("accept", i * 10 * SEC + MS, 40000, 2, false);
		kit_message(&flow, 0, i * 10 * SEC + MS,
			    (struct wire_message){.seq = 2, .command = WIRE_STATFS}, "", 0);
		server_event("shutdown_queued", i * 10 * SEC + SEC, 40000, 21, true);
		kit_flow_end(&flow, i * 10 * SEC + SEC, TCPFLOW_END_FIN);
	}
	CHECK_EQ(connections()->row_count, 2);
	CHECK_EQ(kit_u64(connections(), 1, "begin_ns"), 20 * SEC);
	CHECK_EQ(kit_u64(kit_table("traffic"), 1, "from_client"), 1);
	CHECK_STR(how(1), "farewell: unmounted");
	end();
}

static void attempts_that_come_to_nothing_are_one_row(void)
{
	begin(NULL);
	for (unsigned int i = 0; i < 6000; i++) {
		char client[32];
		struct tcpflow_connection flow;

		(void)snprintf(client, sizeof(client), "10.0.0.%u:%u", 1 + i % 2, 1024 + i);
		flow = kit_flow(client, S);
		kit_flow_begin(&flow, SEC + i * MS, TCPFLOW_BEGIN_SYN);
		kit_flow_end(&flow, SEC + i * MS + 1, TCPFLOW_END_RST);
	}
	CHECK_EQ(connections()->row_count, 2);
	CHECK_STR(how(0), "3000 attempts refused or unanswered");
	CHECK_STR(kit_str(connections(), 0, "begin"), "came to nothing");
	CHECK_EQ(kit_u64(connections(), 1, "end_ns"), SEC + 5999 * MS + 1);
	CHECK_EQ(kit_table("traffic")->row_count, 0);
	end();
}

static void the_log_alone_tells_of_a_connection(void)
{
	begin("scoutfs f.111111.r.bbbbbb: server closing " S " -> " A);
	kit_line(20 * SEC, "scoutfs f.111111.r.bbbbbb: server closing " S " -> " A);
	kit_line(30 * SEC, "scoutfs f.111111.r.bbbbbb: client " A " reconnect timed out, fencing");
	CHECK_EQ(connections()->row_count, 1);
	CHECK_STR(kit_str(connections(), 0, "client"), A);
	CHECK_STR(how(0), "lost; not back within 20 s: fenced");
	CHECK_EQ(kit_table("steps")->row_count, 2);
	end();
}

static void a_peer_narrows_what_the_log_tells_too(void)
{
	static struct report_filter peer = {.kind = FILTER_PEER};

	if (!wire_addr_parse("10.0.0.1", 0, &peer.peer))
		kit_die("address", "10.0.0.1");
	kit.options.filters = &peer;
	kit.options.filter_count = 1;
	begin(NULL);
	kit_line(5 * SEC, "scoutfs f.aaaaaa.r.bbbbbb: server closing 10.0.0.2:5000 -> 10.0.0.9:1");
	kit_line(6 * SEC, "scoutfs f.aaaaaa.r.bbbbbb: server closing 10.0.0.2:5000 -> 10.0.0.1:2");
	CHECK_EQ(kit_table("connections")->row_count, 1);
	CHECK_STR(kit_str(kit_table("connections"), 0, "client"), "10.0.0.1:2");
	end();
	kit.options.filters = NULL;
	kit.options.filter_count = 0;
}

static void more_connections_than_are_kept_are_counted(void)
{
	begin(NULL);
	for (unsigned int i = 0; i < 10000; i++) {
		server_event("accept", SEC + i * MS, 1024 + i, 2, false);
		is_lost(SEC + i * MS, 1024 + i);
	}
	CHECK(connections()->row_count >= 3000 && connections()->row_count <= 4096);
	CHECK_EQ(kit_u64(connections(), connections()->row_count - 1, "number"), 10000);
	CHECK(strstr(connections()->notes[0], "older connections are not listed"));
	end();
}

static void what_a_stranger_makes_up_does_no_harm(void)
{
	static const char *const names[] = {"connect_start",  "connect_complete", "accept",
					    "reconn_migrate", "shutdown_queued",  "shutdown_start",
					    "destroy_start",  "shutdown_complete"};
	uint64_t state = 1;

	begin("scoutfs f.111111.r.bbbbbb: client 10.0.0.1:1 reconnect timed out, fencing");
	for (int i = 0; i < 100000; i++) {
		char event[64], fields[400];

		state = state * UINT64_C(6364136223846793005) + 1;
		(void)snprintf(event, sizeof(event), "scoutfs_conn_%s", names[state >> 61]);
		(void)snprintf(
			fields, sizeof(fields),
			"rid=%d flags=%d listening_conn=%d connect_timeout_ms=%d "
			"sockname_addr=%d sockname_port=%d peername_addr=%d "
			"peername_port=%d c_rid=%d",
			(int)(state >> 40) & 7, (int)(state >> 43) & 255, (int)(state >> 51) & 1,
			(int)(state >> 50) & 1, (int)(state >> 52) & 3, (int)(state >> 54) & 3,
			(int)(state >> 56) & 1, (int)(state >> 57) & 3, (int)(state >> 38) & 3);
		kit_event(event, state << (i & 31), 0, 1, fields);
	}
	CHECK(connections()->row_count > 0);
	CHECK(kit_table("steps")->row_count <= 8 * 66);
	end();
}

TEST_MAIN(TEST(a_client_that_does_not_come_back_is_fenced),
	  TEST(a_client_that_comes_back_takes_over), TEST(a_server_that_shuts_down_does_not_wait),
	  TEST(a_farewell_is_no_loss), TEST(what_a_client_tries_is_counted),
	  TEST(packets_and_events_are_one_connection),
	  TEST(ports_that_are_used_anew_are_another_connection),
	  TEST(attempts_that_come_to_nothing_are_one_row),
	  TEST(the_log_alone_tells_of_a_connection), TEST(a_peer_narrows_what_the_log_tells_too),
	  TEST(more_connections_than_are_kept_are_counted),
	  TEST(what_a_stranger_makes_up_does_no_harm))
