/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `verdict` on recordings that are made up here, each of a folder with a manifest: what it
 * says of them was worked out by hand. The real fences are in tests/golden.
 */
#include "feed.h"
#include "folderkit.h"
#include "reportkit.h"
#include "test.h"
#include "verdict.h"

#define S NSEC_PER_SEC
#define MS NSEC_PER_MSEC
#define AT (1000 * S) /* when the trigger fires */
#define LEADER "scoutfs f.aaaaaa.r.111111"
#define CLIENT "scoutfs f.aaaaaa.r.222222"
#define LEADER_RID UINT64_C(0x1111111111111111)
#define CLIENT_RID UINT64_C(0x2222222222222222)

static struct {
	struct kit_folder folder;
	struct bundle *bundle;
	struct recording opened;
} made;

static void make_formats(void)
{
	static const char conn[] = "u64 fsid, u64 rid, u64 flags, u64 c_rid, u32 sockname_addr, "
				   "u16 sockname_port, u32 peername_addr, u16 peername_port, "
				   "u64 listening_conn";
	static const char net[] = "u64 fsid, u64 rid, u32 name_addr, u16 name_port, u32 peer_addr, "
				  "u16 peer_port, u8 nh_cmd, u8 nh_flags, u8 nh_error";
	static const char quorum[] = "u64 fsid, u64 rid, u64 term, u8 type, int nr";

	kit_format("scoutfs", "scoutfs_conn_shutdown_queued", conn);
	kit_format("scoutfs", "scoutfs_conn_destroy_start", conn);
	kit_format("scoutfs", "scoutfs_net_send_message", net);
	kit_format("scoutfs", "scoutfs_net_recv_message", net);
	kit_format("scoutfs", "scoutfs_quorum_send_message", quorum);
	kit_format("scoutfs", "scoutfs_quorum_recv_message", quorum);
	kit_format("scoutfs", "scoutfs_server_client_up", "u64 fsid, u64 rid, s64 c_rid");
	kit_format("scoutfs", "scoutfs_lock_wait", "u64 rid, u8 start_zone, u64 start_first");
	kit_format("scoutfs", "scoutfs_lock_locked", "u64 rid, u8 start_zone, u64 start_first");
	kit_formats_done();
}

/* @stop: what the manifest has there, with ' for "; @sysfs: NULL, or the copy of /sys. */
static void begin(const char *stop, const char *sysfs)
{
	CLEANUP(text_free) struct text manifest = {0};

	made.folder = kit_folder_make();
	text_printf(&manifest,
		    "{'format':'scoutfs-trace-bundle','version':1,'complete':true,'stop':{%s,"
		    "'monotonic_ns':%" PRIu64 "},'kernel':'6.1.0','tool_version':'0.1.0',"
		    "'created_monotonic_ns':%" PRIu64 ",'clocks':{'anchors':[{'when':'start',"
		    "'monotonic_ns':%" PRIu64 ",'realtime_ns':%" PRIu64 ",'bound_ns':250}],"
		    "'local_clock':[{'monotonic_minus_local_ns':1000,'bound_ns':900},"
		    "{'monotonic_minus_local_ns':1600,'bound_ns':1500}]},"
		    "'sources':[{'name':'kmsg','status':'ok','why':'','records':7,'lost':3,"
		    "'lost_is_lower_bound':true,'first_monotonic_ns':%" PRIu64
		    ",'last_monotonic_ns':%" PRIu64 ",'gaps':[{'kind':'retention'},"
		    "{'kind':'fault','reason':'ring full'},{'kind':'fault','reason':'again'}]},"
		    "{'name':'ftrace','status':'ok','why':'','records':9,'lost':0,"
		    "'first_monotonic_ns':1,'last_monotonic_ns':2,'gaps':[]},"
		    "{'name':'packets','status':'failed','why':'no such device','records':0,"
		    "'lost':0,'gaps':[]}]}",
		    stop, AT, AT - 100 * S, AT - 100 * S, 1700000000 * S, AT - 90 * S, AT + S);
	kit_folder_json(&made.folder, "manifest.json", text_c(&manifest));
	kit_folder_text(&made.folder, "kernel.log",
			"2023-11-14T22:13:30.000000Z [   10.000000] kern.info 1 hello\n");
	if (sysfs)
		kit_folder_text(&made.folder, "context/end/scoutfs-sysfs.txt", sysfs);
	make_formats();
	if (bundle_open(made.folder.path, &made.bundle, &kit.err) < 0 ||
	    recording_open(made.bundle, &made.opened, &kit.err) < 0)
		kit_die("bundle", kit.err.text);
	kit.rec.bundle = made.bundle;
	kit.rec.clocks = made.opened.clocks;
	kit.rec.any_facility = made.opened.any_facility;
	kit.rec.context = made.opened.context;
	kit.rec.triggered = made.opened.triggered;
	kit.rec.trigger = made.opened.trigger;
	kit.rec.trigger_text = made.opened.trigger_text;
	kit.rec.trigger_ns = made.opened.trigger_ns;
	kit_open(&analysis_verdict);
}

static void end(void)
{
	kit_done();
	recording_done(&made.opened);
	bundle_freep(&made.bundle);
	kit_forget();
	kit_folder_remove(&made.folder);
}

static void line_of(unsigned int facility, uint64_t ns, const char *text)
{
	analysis_verdict.log(kit.self,
			     &(struct log_line){.ns = ns,
						.level = 6,
						.facility = facility,
						.foreign = facility && !kit.rec.any_facility,
						.text = text,
						.bytes = strlen(text)});
}

static void line(uint64_t ns, const char *text)
{
	line_of(0, ns, text);
}

static struct wire_addr addr(const char *ip, uint16_t port)
{
	struct wire_addr a;

	if (!wire_addr_parse(ip, port, &a))
		kit_die("address", ip);
	return a;
}

static void datagram(uint64_t ns, const char *from, const char *to, unsigned int slot,
		     unsigned int type, uint64_t term)
{
	analysis_verdict.datagram(kit.self, &(struct datagram){.ns = ns,
							       .source = addr(from, 19700),
							       .destination = addr(to, 19700),
							       .quorum = {.term = term,
									  .type = (uint8_t)type,
									  .from = (uint8_t)slot}});
}

/* Between a client at 10.0.0.2:5000 and the server at 10.0.0.1:19700. */
static void message(uint64_t ns, bool from_client, unsigned int command, bool response,
		    uint64_t rid)
{
	struct tcpflow_connection c = {.number = 1,
				       .ends = {addr("10.0.0.2", 5000), addr("10.0.0.1", 19700)},
				       .server = 1};
	uint8_t data[WIRE_GREETING_BYTES];

	wire_greeting_write(&(struct wire_greeting){.rid = rid}, data);
	analysis_verdict.message(kit.self, &c,
				 &(struct tcpflow_message){.from = !from_client,
							   .header_ns = ns,
							   .last_ns = ns,
							   .header = {.command = (uint8_t)command,
								      .response = response},
							   .data = data,
							   .data_bytes = sizeof(data)});
}

/* A LOCK of the same client by its number, or the answer. */
static void request(uint64_t ns, uint64_t id, bool answer)
{
	struct tcpflow_connection c = {.number = 1,
				       .ends = {addr("10.0.0.2", 5000), addr("10.0.0.1", 19700)},
				       .server = 1};

	analysis_verdict.message(
		kit.self, &c,
		&(struct tcpflow_message){
			.from = answer,
			.header_ns = ns,
			.last_ns = ns,
			.header = {.command = WIRE_LOCK, .id = id, .seq = id, .response = answer}});
}

static const char *value(const char *about)
{
	const struct table *t = kit_table("verdict");

	return kit_str(t, kit_row(t, "about", about), "what");
}

static bool says(const char *about, const char *words)
{
	if (strstr(value(about), words))
		return true;
	printf("# \"%s\" says \"%s\"\n", about, value(about));
	return false;
}

/* The row of the sequence with these words; SIZE_MAX: none. */
static size_t step(const char *words)
{
	const struct table *t = kit_table("sequence");

	for (size_t i = 0; i < t->row_count; i++)
		if (strstr(kit_str(t, i, "what"), words))
			return i;
	return SIZE_MAX;
}

static int64_t step_offset(const char *words)
{
	return (int64_t)kit_u64(kit_table("sequence"), step(words), "from_trigger_ns");
}

#define FENCE ": client 10.0.0.2:5000 reconnect timed out, fencing"
#define FENCE_STOP "'reason':'trigger','trigger':'reconnect-timeout','text':'" LEADER FENCE "'"
/* 10.0.0.1 is 167772161, 10.0.0.2 is 167772162 */
#define LOST                                                                                     \
	"fsid=0xaaaaaaaaaaaaaaaa rid=0x1111111111111111 flags=0xd c_rid=0x2222222222222222 "     \
	"sockname_addr=167772161 sockname_port=19700 peername_addr=167772162 peername_port=5000" \
	" listening_conn=1"

static void fence_with_loss(void)
{
	kit_event("scoutfs_conn_shutdown_queued", AT - 20500 * MS, 0, 1, LOST);
	line(AT - 20499 * MS, LEADER ": server closing 10.0.0.1:19700 -> 10.0.0.2:5000");
	line(AT, LEADER FENCE);
}

static void a_client_that_fell_silent(void)
{
	begin(FENCE_STOP, NULL);
	line(AT - 90 * S, LEADER ": server starting at 10.0.0.1:19700");
	message(AT - 45 * S, true, WIRE_LOCK, false, 0);
	message(AT - 44 * S, false, WIRE_LOCK, true, 0);
	datagram(AT - 50 * MS, "10.0.0.1", "10.0.0.2", 0, WIRE_HEARTBEAT, 7);
	fence_with_loss();
	/* Too late, and another's. */
	message(AT + MS, true, WIRE_FAREWELL, false, 0);
	line(AT + 500 * MS,
	     LEADER ": successfully reclaimed resources for fenced rid 3333333333333333");
	line(AT + 1500 * MS,
	     LEADER ": successfully reclaimed resources for fenced rid 2222222222222222");
	CHECK_STR(value("verdict"),
		  "Node 10.0.0.2:5000 (rid 2222222222222222) was fenced by the server "
		  "10.0.0.1:19700 (rid 1111111111111111, quorum slot 0, term 7) 20.50 s after its "
		  "connection was lost; it never came back. The leader's heartbeats went on all "
		  "the time.");
	CHECK(says("cause", "Probably its host was down or its network cut: nothing had come from "
			    "it for 24.50 s"));
	CHECK_STR(value("took"), "last message from it to loss 24.50 s; loss to fence 20.50 s "
				 "(reconnect window 20 s: passed); fence to reclaimed 1.50 s");
	CHECK(says("seen from", "the leader's side"));
	CHECK_EQ(step_offset("from it to the server: LOCK request"), -45 * (int64_t)S);
	CHECK_EQ(step_offset("from the server to it: LOCK response"), -44 * (int64_t)S);
	CHECK_EQ(step_offset("connection is lost"), -20500 * (int64_t)MS);
	CHECK_EQ(step_offset("reconnect timed out"), 0);
	CHECK_EQ(step_offset("rid 2222222222222222"), 1500 * (int64_t)MS);
	CHECK(step("reclaimed") > step("reconnect timed out"));
	/* 1700000000 s are 2023-11-14T22:13:20Z, a hundred seconds before it. */
	CHECK(says("trigger", "reconnect-timeout, 2023-11-14T22:15:00"));
	CHECK(says("trigger", "1 min 40 s after start"));
	end();
}

static void a_client_that_was_cut_off(void)
{
	begin(FENCE_STOP, NULL);
	fence_with_loss();
	for (unsigned int i = 0; i < 118; i++)
		datagram(AT - 18 * S + i * 100 * MS, "10.0.0.2", "10.0.0.1", 2, WIRE_REQUEST_VOTE,
			 2 + i);
	CHECK(says("verdict", "Node 10.0.0.2:5000 (rid 2222222222222222, quorum slot 2)"));
	CHECK(says("cause", "Probably it was alive and cut off from the leader: it asked 118 times "
			    "for votes, up to term 119."));
	CHECK(step("quorum slot 2 asks for votes 118 times, terms 2 to 119") != SIZE_MAX);
	end();
}

/* A host with two quorum addresses of which one never sent: which one the client is of is open. */
static void two_slots_of_one_host_are_not_told_apart(void)
{
	begin(FENCE_STOP, NULL);
	fence_with_loss();
	datagram(AT - 18 * S, "10.0.0.2", "10.0.0.1", 2, WIRE_REQUEST_VOTE, 2);
	analysis_verdict.datagram(kit.self,
				  &(struct datagram){.ns = AT - 10 * S,
						     .source = addr("10.0.0.1", 19700),
						     .destination = addr("10.0.0.2", 19701),
						     .quorum = {.type = WIRE_HEARTBEAT}});
	CHECK(says("verdict", "Node 10.0.0.2:5000 (rid 2222222222222222) was"));
	end();
}

/* More than fits on a screen: what weighs least goes, wherever it is in time. */
static void the_sequence_keeps_what_matters(void)
{
	begin(FENCE_STOP, NULL);
	line(AT - 80 * S, LEADER ": server accepted 10.0.0.1:19700 -> 10.0.0.2:5000");
	line(AT - 79 * S, LEADER ": server ready at 10.0.0.1:19700");
	message(AT - 45 * S, true, WIRE_LOCK, false, 0);
	message(AT - 44 * S, false, WIRE_LOCK, true, 0);
	datagram(AT - 50 * MS, "10.0.0.1", "10.0.0.2", 0, WIRE_HEARTBEAT, 7);
	line(AT - 21 * S, CLIENT " warning: forcing unmount, can return errors");
	fence_with_loss();
	line(AT - 19 * S, LEADER ": longest quorum heartbeat send delay of 4 sec");
	line(AT - 18 * S, LEADER " error: quorum service saw error -5, shutting down.");
	line(AT + S, LEADER ": successfully reclaimed resources for fenced rid 2222222222222222");
	CHECK_EQ(kit_table("sequence")->row_count, 9);
	CHECK(step("server accepted") == SIZE_MAX);
	CHECK(step("server ready") == SIZE_MAX);
	CHECK_EQ(step("LOCK request"), 0);
	CHECK_EQ(step("reclaimed"), 8);
	end();
}

static void a_client_that_was_unmounted_by_force(void)
{
	begin(FENCE_STOP, "/sys/fs/scoutfs/f.aaaaaa.r.222222/mount_options/quorum_slot_nr: 4\n"
			  "/sys/fs/scoutfs/f.aaaaaa.r.222222/rid: 2222222222222222\n");
	line(AT - 20501 * MS, CLIENT " warning: forcing unmount, can return errors and lose "
				     "unsynced data");
	fence_with_loss();
	CHECK(says("verdict", "quorum slot 4)"));
	CHECK(says("cause", "unmounted by force (umount -f) 1.0 ms before"));
	CHECK(says("seen from", "both sides"));
	end();
}

static void a_client_that_came_back(void)
{
	begin(FENCE_STOP, NULL);
	fence_with_loss();
	message(AT - 20 * S, true, WIRE_GREETING, false, CLIENT_RID);
	CHECK(says("verdict", "it came back 500.0 ms after the loss"));
	end();
}

static void what_hangs_at_the_end_is_told_with_where_to_look(void)
{
	const struct table *t;

	begin(FENCE_STOP, NULL);
	kit.rec.last_ns = AT + 2 * S;
	kit_comm(77, "touch");
	fence_with_loss();
	/* Answered; not answered; not answered, but only just asked. */
	request(AT - 60 * S, 1, false);
	request(AT - 59 * S, 1, true);
	request(AT - 40 * S, 2, false);
	request(AT - 39 * S, 3, false);
	request(AT + S, 4, false);
	/* One that got its lock, one that was woken in vain, one that has just begun. */
	kit_event("scoutfs_lock_wait", AT - 30 * S, 0, 70, "rid=1 start_first=7");
	kit_event("scoutfs_lock_locked", AT - 29 * S, 0, 70, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", AT - 20 * S, 0, 77, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", AT, 0, 77, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", AT + S, 0, 78, "rid=1 start_first=7");
	CHECK_STR(value("at the end"),
		  "2 requests had no answer for 5 s or longer; the oldest, LOCK from client "
		  "10.0.0.2:5000, for 42.0 s. A process waited for a cluster lock: touch (pid 77), "
		  "for 22.0 s.");
	t = kit_table("next");
	CHECK(strstr(kit_str(t, 2, "command"), " rpc.unanswered locks.waiting"));
	end();

	/* A wait for another lock is another wait. */
	begin(FENCE_STOP, NULL);
	kit.rec.last_ns = AT;
	kit_event("scoutfs_lock_wait", AT - 20 * S, 0, 77, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", AT - 9 * S, 0, 77, "rid=1 start_first=8");
	CHECK_STR(value("at the end"), "A process waited for a cluster lock: pid 77, for 9.0 s.");
	end();

	begin(FENCE_STOP, NULL);
	kit.rec.last_ns = AT;
	request(AT - 4 * S, 1, false);
	CHECK_EQ(kit_row(kit_table("verdict"), "about", "at the end"), SIZE_MAX);
	end();
}

/* What was not seen need not have been absent. */
static void what_may_have_been_overlooked_does_not_hang(void)
{
	const struct report_filter cpu = {.kind = FILTER_CPU, .text = "0"};
	struct feed_result feed = {.read = 1U << FEED_TRACE | 1U << FEED_PACKETS};

	begin(FENCE_STOP, NULL);
	kit.rec.last_ns = AT;
	kit.options.filters = &cpu;
	kit.options.filter_count = 1;
	kit_done();
	kit_open(&analysis_verdict);
	kit_event("scoutfs_lock_wait", AT - 20 * S, 0, 77, "rid=1 start_first=7");
	request(AT - 40 * S, 2, false); /* in packets, which have no CPU */
	CHECK_STR(
		value("at the end"),
		"A request had no answer: LOCK from client 10.0.0.2:5000, for 40.0 s. Whether a "
		"process got the lock that it waited for cannot be told: a filter leaves out what "
		"would show it.");
	end();

	begin(FENCE_STOP, NULL);
	kit.rec.last_ns = AT;
	feed.trace.loss_ns = AT - 10 * S;
	kit.rec.feed = &feed;
	kit_event("scoutfs_lock_wait", AT - 20 * S, 0, 77, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", AT - 9 * S, 0, 78, "rid=1 start_first=7");
	CHECK_STR(value("at the end"),
		  "A process waited for a cluster lock: pid 78, for 9.0 s. Whether a process got "
		  "the lock that it waited for cannot be told: some of what was recorded later is "
		  "lost.");
	end();

	begin(FENCE_STOP, NULL);
	kit.rec.last_ns = AT;
	(void)snprintf(feed.packets_why.text, sizeof(feed.packets_why.text), "nonsense");
	kit.rec.feed = &feed;
	request(AT - 40 * S, 2, false);
	request(AT - 40 * S, 3, false);
	CHECK_STR(value("at the end"), "Whether 2 requests were answered cannot be told: some of "
				       "what was recorded later is lost.");
	end();

	/* What is damaged on disk has no time, and nobody knows whose it was. */
	begin(FENCE_STOP "},'sources':[{'name':'spool','status':'degraded','gaps':[{'kind':"
			 "'damage','from_monotonic_ns':0,'to_monotonic_ns':0,'reason':'torn'}]}],"
			 "'x':{'a':1",
	      NULL);
	kit.rec.last_ns = AT;
	request(AT - 40 * S, 2, false);
	CHECK_STR(value("at the end"), "Whether a request was answered cannot be told: some of "
				       "what was recorded later is lost.");
	end();
}

static void what_hung_at_the_trigger_is_told_though_it_ended(void)
{
	begin(FENCE_STOP, NULL);
	kit.rec.last_ns = AT + 9 * S;
	fence_with_loss();
	request(AT - 17 * S, 1, false);
	request(AT - 8 * S, 2, false); /* before the trigger */
	request(AT - S, 2, true);
	request(AT - 4 * S, 3, false); /* not for long */
	request(AT + S, 3, true);
	request(AT + 1500 * MS, 1, true);
	kit_event("scoutfs_lock_wait", AT - 11 * S, 0, 70, "rid=1 start_first=7");
	kit_event("scoutfs_lock_wait", AT - 11 * S, 0, 71, "rid=1 start_first=7");
	kit_event("scoutfs_lock_locked", AT + S, 0, 70, "rid=1 start_first=7");
	/* It gave up, and got another lock. */
	kit_event("scoutfs_lock_locked", AT + S, 0, 71, "rid=1 start_first=8");
	CHECK_STR(value("at trigger"),
		  "A request was unanswered: LOCK from client 10.0.0.2:5000, for 17.0 s; it was "
		  "answered 1.5 s later. A process waited for a cluster lock: pid 70, for 11.0 s; "
		  "it was granted 1.0 s later.");
	CHECK_EQ(kit_row(kit_table("verdict"), "about", "at the end"), SIZE_MAX);
	end();
}

/* Without events the log's own line tells of the loss. */
static void a_fence_in_the_log_alone(void)
{
	begin(FENCE_STOP, NULL);
	line(AT - 21 * S, LEADER ": server closing 10.0.0.1:19700 -> 10.0.0.2:5000");
	line(AT - 20 * S, LEADER ": server closing 10.0.0.1:19700 -> 10.0.0.3:5000");
	line(AT, LEADER FENCE);
	CHECK(says("verdict", "21.00 s after its connection was lost."));
	CHECK_STR(value("cause"), "(none)");
	CHECK(says("took", "not reclaimed in this recording"));
	end();
	/* And the manifest alone. */
	begin(FENCE_STOP, NULL);
	CHECK(says("verdict", "Node 10.0.0.2:5000 was fenced by the server f.aaaaaa.r.111111; when "
			      "its connection was lost is not in what is shown here."));
	CHECK_EQ(step_offset("reconnect timed out"), 0);
	end();
}

static void a_leader_that_died(void)
{
	begin("'reason':'trigger','trigger':'leader-fence','text':'" LEADER
	      ": fencing previous leader f.aaaaaa.r.222222 at term 3 in slot 2 with address "
	      "10.0.0.2:19700'",
	      NULL);
	datagram(AT - 11 * S, "10.0.0.2", "10.0.0.1", 2, WIRE_HEARTBEAT, 3);
	datagram(AT - 300 * MS, "10.0.0.1", "10.0.0.2", 0, WIRE_REQUEST_VOTE, 4);
	datagram(AT - 20 * MS, "10.0.0.1", "10.0.0.2", 0, WIRE_HEARTBEAT, 4);
	line(AT - 10 * MS, LEADER ": server starting at 10.0.0.1:19700");
	line(AT, LEADER ": fencing previous leader f.aaaaaa.r.222222 at term 3 in slot 2 with "
			"address 10.0.0.2:19700");
	CHECK_STR(value("verdict"),
		  "The previous leader 10.0.0.2:19700 (f.aaaaaa.r.222222, quorum slot 2, term 3) "
		  "was fenced by the new leader 10.0.0.1:19700 (f.aaaaaa.r.111111, quorum slot 0, "
		  "term 4) 11.00 s after its last heartbeat.");
	CHECK(says("cause",
		   "Probably its host died or lost its network: its heartbeats ended 11.00 "
		   "s before"));
	CHECK(says("took", "last heartbeat to new server 10.99 s"));
	CHECK(says("took", "new server to fence 10.0 ms"));
	CHECK_EQ(step_offset("last heartbeat of the old leader"), -11 * (int64_t)S);
	CHECK_EQ(step_offset("asks for votes in term 4"), -300 * (int64_t)MS);
	end();
}

static void a_node_that_did_not_come_for_recovery(void)
{
	begin("'reason':'trigger','trigger':'recovery-timeout','text':'" LEADER
	      " error: 30000 ms recovery timeout expired for client rid 2222222222222222, fencing'",
	      NULL);
	line(AT - 31 * S, LEADER ": server starting at 10.0.0.1:19700");
	line(AT, LEADER " error: 30000 ms recovery timeout expired for client rid "
			"2222222222222222, fencing");
	CHECK(says("verdict", "Node rid 2222222222222222 was fenced by the new server "
			      "10.0.0.1:19700 (f.aaaaaa.r.111111): it did not come back for "
			      "recovery within 30.00 s; the server had started 31.00 s before."));
	end();
}

static void other_triggers_say_what_they_mean(void)
{
	begin("'reason':'trigger','trigger':'quorum-dead','text':'" CLIENT
	      " error: quorum service saw error -5, shutting down.'",
	      NULL);
	line(AT, CLIENT " error: quorum service saw error -5, shutting down.");
	CHECK(says("verdict", "The mount f.aaaaaa.r.222222 left the quorum because of an error"));
	CHECK(says("seen from", "the node itself"));
	end();

	begin("'reason':'trigger','trigger':'client-disconnected','text':'" CLIENT
	      ": client disconnected 10.0.0.2:5000 -> 10.0.0.1:19700'",
	      NULL);
	message(AT - 30 * S, false, WIRE_GET_ROOTS, true, 0);
	for (unsigned int i = 0; i < 30; i++)
		kit_event("scoutfs_quorum_send_message", AT - 14 * S + i * 320 * MS, 0, 1,
			  i % 2 ? "rid=0x2222222222222222 term=9 type=0 nr=-1"
				: "rid=0x2222222222222222 term=8 type=0 nr=-1");
	line(AT, CLIENT ": client disconnected 10.0.0.2:5000 -> 10.0.0.1:19700");
	CHECK(says("verdict", "The mount 10.0.0.2:5000 (rid 2222222222222222) lost its connection "
			      "to the server."));
	CHECK(says("cause", "Probably this node was cut off: it asked 30 times for votes, up to "
			    "term 9."));
	CHECK(says("seen from", "the client's side"));
	CHECK_EQ(step_offset("from the server to it: GET_ROOTS response"), -30 * (int64_t)S);
	end();

	begin("'reason':'trigger','trigger':'server-closing','text':'" LEADER
	      ": server closing 10.0.0.1:19700 -> 10.0.0.2:5000'",
	      NULL);
	line(AT, LEADER ": server closing 10.0.0.1:19700 -> 10.0.0.2:5000");
	line(AT + 20 * S, LEADER ": client 10.0.0.3:5000 reconnect timed out, fencing");
	line(AT + 21 * S, LEADER FENCE);
	CHECK_STR(
		value("verdict"),
		"The mount 10.0.0.1:19700 (f.aaaaaa.r.111111) ended the connection of a client (at "
		"a clean unmount the log says the same). It concerns 10.0.0.2:5000. It was fenced "
		"21.00 s later.");
	end();

	begin("'reason':'trigger','trigger':'oops','text':'watchdog: BUG: soft lockup - CPU#1'",
	      NULL);
	line_of(3, AT, "watchdog: BUG: soft lockup - CPU#1");
	CHECK(says("verdict", "The kernel of this host is in trouble: watchdog: BUG: soft lockup"));
	end();

	begin("'reason':'trigger','trigger':'event:scoutfs:scoutfs_conn_shutdown_queued','text':"
	      "'f.aaaaaa.r.111111 flags 0xd'",
	      NULL);
	kit_event("scoutfs_conn_shutdown_queued", AT - MS, 0, 1, LOST);
	CHECK(says("verdict", "It concerns 10.0.0.2:5000 (rid 2222222222222222)") ||
	      says("verdict", "10.0.0.2:5000"));
	end();

	begin("'reason':'trigger','trigger':'log:something of mine','text':'mine'", NULL);
	CHECK(says("verdict", "The trigger log:something of mine fired."));
	CHECK_STR(value("saw"), "mine");
	end();
}

static void without_a_trigger(void)
{
	begin("'reason':'signal','trigger':null,'text':'SIGINT'", NULL);
	line(AT - 50 * S, LEADER ": server ready at 10.0.0.1:19700");
	CHECK(says("verdict", "Nothing that looks like a fence"));
	CHECK(says("trigger", "none; ended by signal (SIGINT)"));
	end();

	begin("'reason':'signal','trigger':null,'text':'SIGINT'", NULL);
	line(AT - 90 * S, LEADER ": client 10.0.0.9:5000 reconnect timed out, fencing");
	line(AT - 60 * S, LEADER ": server closing 10.0.0.1:19700 -> 10.0.0.2:5000");
	line(AT - 39 * S, LEADER FENCE);
	line(AT - 5 * S, CLIENT " error: quorum service saw error -67, shutting down.");
	CHECK(says("verdict", "No trigger fired, but the log tells of 2 fences; the last one: Node "
			      "10.0.0.2:5000 was fenced"));
	CHECK(says("verdict", "21.00 s after its connection was lost"));
	CHECK_EQ(step_offset("client 10.0.0.2:5000 reconnect"), -39 * (int64_t)S);
	end();
}

/* Of what goes on after the fence nothing is the last before it, whichever source tells. */
static void without_a_trigger_the_last_is_that_before_the_fence(void)
{
	static const char beat[] = "fsid=0xaaaaaaaaaaaaaaaa rid=0x2222222222222222 term=3 type=2 "
				   "nr=0";

	begin("'reason':'signal','trigger':null,'text':'SIGINT'", NULL);
	line(AT - 70 * S, LEADER ": server ready at 10.0.0.1:19700");
	datagram(AT - 61 * S, "10.0.0.1", "10.0.0.2", 0, WIRE_HEARTBEAT, 3);
	kit_event("scoutfs_quorum_recv_message", AT - 60 * S, 0, 1, beat);
	message(AT - 59 * S, true, WIRE_GREETING, false, CLIENT_RID);
	message(AT - 58 * S, false, WIRE_GREETING, true, CLIENT_RID);
	line(AT - 50 * S, LEADER ": kernel BUG at here");
	datagram(AT - 41 * S, "10.0.0.1", "10.0.0.2", 0, WIRE_HEARTBEAT, 3);
	kit_event("scoutfs_quorum_recv_message", AT - 40 * S, 0, 1, beat);
	message(AT - 39 * S, true, WIRE_LOCK, false, CLIENT_RID);
	line(AT - 20 * S, LEADER FENCE);
	datagram(AT - 10 * S, "10.0.0.1", "10.0.0.2", 0, WIRE_HEARTBEAT, 4);
	kit_event("scoutfs_quorum_recv_message", AT - 9 * S, 0, 1, beat);
	message(AT - 8 * S, true, WIRE_LOCK, true, CLIENT_RID);
	/* Not a fence, and so not what it is about. */
	line(AT - 5 * S, LEADER ": kernel BUG at there");
	line(AT - 4 * S, LEADER FENCE);
	datagram(AT - 3 * S, "10.0.0.1", "10.0.0.2", 0, WIRE_HEARTBEAT, 4);
	CHECK(says("verdict", "No trigger fired"));
	CHECK_EQ(step_offset("reconnect timed out"), -20 * (int64_t)S);
	CHECK_EQ(step_offset("last message from it to the server: LOCK request"), -39 * (int64_t)S);
	CHECK_EQ(step_offset("last message from the server to it: GREETING"), -58 * (int64_t)S);
	CHECK_EQ(step_offset("last heartbeat that the fenced node received"), -40 * (int64_t)S);
	CHECK_EQ(step_offset("last heartbeat of the leader before that"), -41 * (int64_t)S);
	end();
}

static void what_was_recorded(void)
{
	const struct table *t;

	begin(FENCE_STOP, NULL);
	t = kit_table("completeness");
	CHECK_EQ(t->row_count, 3);
	CHECK_EQ((int64_t)kit_u64(t, 0, "first_ns"), -90 * (int64_t)S);
	CHECK_EQ((int64_t)kit_u64(t, 0, "last_ns"), (int64_t)S);
	CHECK_EQ(kit_u64(t, 0, "lost"), 3);
	CHECK_STR(kit_str(t, 0, "remark"), "lost at least that: ring full, and 1 more");
	CHECK_STR(kit_str(t, 1, "remark"), "not in this file");
	CHECK_STR(kit_str(t, 2, "remark"), "no such device");
	CHECK_EQ(t->rows[1]->mark, ROW_BAD);
	CHECK_EQ(t->rows[2]->mark, ROW_BAD);
	CHECK(!kit_cell(t, 2, "first_ns")->known);
	CHECK_STR(kit_str(t, 0, "source"), "log");
	CHECK_STR(kit_str(t, 1, "source"), "trace");
	/*
	 * Anchors are read to 250 ns, and one that was left out may differ by 200 from the others;
	 * the log is converted twice, its own clock was read to 1500 ns, drifted by 600, and two
	 * times a part of a microsecond was cut off.
	 */
	CHECK_EQ(kit_u64(t, 0, "stamps_within_ns"), 250 + 200 + 250 + 1500 + 600 + 2000);
	CHECK_EQ(kit_u64(t, 2, "stamps_within_ns"), 250 + 200);
	CHECK(!kit_cell(t, 1, "stamps_within_ns")->known);
	end();
}

static void commands_to_go_on_with(void)
{
	char want[256];
	const struct table *t;

	begin(FENCE_STOP, NULL);
	fence_with_loss();
	t = kit_table("next");
	/* Without the events: they are many. */
	(void)snprintf(
		want, sizeof(want),
		"scoutfs-trace report %s timeline --source packets,log --from -23s --to -18s",
		made.folder.path);
	CHECK_STR(kit_str(t, 0, "command"), want);
	(void)snprintf(want, sizeof(want),
		       "scoutfs-trace report %s connections --peer 10.0.0.2:5000",
		       made.folder.path);
	CHECK_STR(kit_str(t, 1, "command"), want);
	end();
}

/* Anybody may write to /dev/kmsg; only the kernel's own words count. */
static void a_forged_line_changes_nothing(void)
{
	begin("'reason':'signal','trigger':null,'text':'SIGINT'", NULL);
	line_of(1, AT - S, LEADER FENCE);
	CHECK(says("verdict", "Nothing that looks like a fence"));
	end();
	/* Unless the recorder was told to take them for the kernel's: a rehearsal. */
	begin("'reason':'signal','trigger':null,'text':'SIGINT'},"
	      "'command_line':['x','--log-facility=any'],'x':{'a':1",
	      NULL);
	line_of(1, AT - S, LEADER FENCE);
	CHECK(says("verdict", "was fenced"));
	end();
	begin("'reason':'signal','trigger':null,'text':'SIGINT'},"
	      "'command_line':['any','--log-facility','any',7],'x':{'a':1",
	      NULL);
	line_of(1, AT - S, LEADER FENCE);
	CHECK(says("verdict", "was fenced"));
	end();
}

static void a_flood_is_bounded_and_told(void)
{
	const struct table *t;

	begin(FENCE_STOP, NULL);
	message(AT - 46 * S, true, WIRE_STATFS, false, 0);
	for (unsigned int i = 0; i < 1500; i++) {
		struct tcpflow_connection c = {
			.ends = {addr("10.0.9.9", (uint16_t)(i + 1)), addr("10.0.0.1", 19700)}};
		char text[128];

		analysis_verdict.message(kit.self, &c,
					 &(struct tcpflow_message){.header_ns = AT - 45 * S + i});
		if (i == 1000)
			message(AT - 45 * S + i, true, WIRE_LOCK, false, 0);
		(void)snprintf(text, sizeof(text),
			       LEADER ": server closing 10.0.0.1:19700 -> 10.0.9.9:%u", i + 1);
		line(AT - 40 * S + i, text);
		line(AT - 30 * S, LEADER " error: error -5 committing log merge");
	}
	fence_with_loss();
	CHECK(says("verdict", "20.50 s after"));
	CHECK(step("LOCK request") != SIZE_MAX);
	CHECK(kit_table("sequence")->row_count <= 9);
	t = kit_table("completeness");
	CHECK(t->note_count >= 2);
	end();
}

/* A request that could not be kept is one that is not told of as unanswered. */
static void without_memory_it_says_nothing(void)
{
	begin(FENCE_STOP, NULL);
	((struct verdict *)kit.self)->hung.calls.failed = true;
	CHECK_EQ(analysis_verdict.result(kit.self, &kit.out, &kit.err), -ENOMEM);
	err_clear(&kit.err);
	end();
}

static void times_and_numbers_of_any_size(void)
{
	begin(FENCE_STOP, NULL);
	line(UINT64_MAX, LEADER FENCE);
	line(0, LEADER FENCE);
	line(0, LEADER ": longest quorum heartbeat recv delay of 9223372036854775807 sec");
	message(UINT64_MAX, true, WIRE_COMMANDS - 1, true, UINT64_MAX);
	message(0, true, WIRE_COMMANDS - 1, true, 0);
	datagram(UINT64_MAX, "10.0.0.1", "10.0.0.2", 255, 255, UINT64_MAX);
	datagram(0, "10.0.0.1", "10.0.0.2", 255, WIRE_REQUEST_VOTE, UINT64_MAX);
	kit_event("scoutfs_conn_shutdown_queued", UINT64_MAX, 0, 1, LOST);
	kit_event("scoutfs_conn_shutdown_queued", 0, 0, 1, LOST);
	kit_event("scoutfs_quorum_recv_message", 5, 0, 1, "rid=1 type=2 nr=-2147483648");
	CHECK(says("verdict", "Node 10.0.0.2:5000"));
	end();
}

TEST_MAIN(TEST(a_client_that_fell_silent), TEST(a_client_that_was_cut_off),
	  TEST(two_slots_of_one_host_are_not_told_apart), TEST(the_sequence_keeps_what_matters),
	  TEST(a_client_that_was_unmounted_by_force),
	  TEST(what_hangs_at_the_end_is_told_with_where_to_look),
	  TEST(what_may_have_been_overlooked_does_not_hang),
	  TEST(what_hung_at_the_trigger_is_told_though_it_ended), TEST(a_client_that_came_back),
	  TEST(a_fence_in_the_log_alone), TEST(a_leader_that_died),
	  TEST(a_node_that_did_not_come_for_recovery), TEST(other_triggers_say_what_they_mean),
	  TEST(without_a_trigger), TEST(without_a_trigger_the_last_is_that_before_the_fence),
	  TEST(what_was_recorded), TEST(commands_to_go_on_with),
	  TEST(a_forged_line_changes_nothing), TEST(a_flood_is_bounded_and_told),
	  TEST(without_memory_it_says_nothing), TEST(times_and_numbers_of_any_size))
