/* SPDX-License-Identifier: GPL-2.0-only */
/* The recording in steps: figures that were worked out by hand, and times that make no sense. */
#include "folderkit.h"
#include "reportkit.h"
#include "test.h"

#define S NSEC_PER_SEC
#define MS NSEC_PER_MSEC

extern const struct analysis_ops analysis_overview;

/* Of the ledger: what triggers saw, and what is missing. */
static const char manifest[] =
	"{\"format\":\"scoutfs-trace-bundle\",\"version\":1,\"suspects\":["
	"{\"trigger\":\"election\",\"role\":\"suspect\",\"text\":\"s\",\"monotonic_ns\":"
	"120000000000},"
	"{\"trigger\":\"before\",\"role\":\"suspect\",\"text\":\"s\",\"monotonic_ns\":7},5],"
	"\"sources\":[5,{\"name\":\"ftrace\",\"gaps\":["
	"{\"kind\":\"fault\",\"from_monotonic_ns\":130000000000,\"to_monotonic_ns\":131000000000,"
	"\"count\":9,\"reason\":\"full\"},"
	"{\"kind\":\"retention\",\"from_monotonic_ns\":100000000000,\"to_monotonic_ns\":"
	"110000000000,"
	"\"count\":1000,\"reason\":\"budget\"}]},"
	/* A file that was never there takes nothing from the picture of the others. */
	"{\"name\":\"series/"
	"gone\",\"gaps\":[{\"kind\":\"outage\",\"from_monotonic_ns\":100000000000,"
	"\"to_monotonic_ns\":160000000000,\"count\":66,\"reason\":\"unreadable\"}]}]}";

static struct tcpflow_connection flow;
static struct bundle *bundle;
static struct kit_folder folder;

static void open_bundle(void)
{
	folder = kit_folder_make();
	kit_folder_text(&folder, "manifest.json", manifest);
	if (bundle_open(folder.path, &bundle, &kit.err) < 0)
		kit_die("bundle", kit.err.text);
	kit.rec.bundle = bundle;
}

static void begin(uint64_t first_ns, uint64_t last_ns, uint64_t trigger_ns)
{
	kit_formats_done();
	kit.rec.first_ns = first_ns;
	kit.rec.last_ns = last_ns;
	kit.rec.trigger_ns = trigger_ns;
	kit.rec.triggered = trigger_ns != 0;
	kit.rec.trigger = "leader-fence";
	kit.rec.trigger_text = "fencing previous leader";
	flow = kit_flow("10.0.0.1:40000", "10.0.0.2:5000");
	open_bundle();
	kit_open(&analysis_overview);
}

static void end(void)
{
	kit_done();
	kit_forget();
	bundle_freep(&bundle);
	kit_folder_remove(&folder);
}

static void message(int from, uint64_t ns, uint64_t id, bool response)
{
	kit_message(&flow, from, ns,
		    (struct wire_message){.seq = id,
					  .recv_seq = response ? id : 0,
					  .id = id,
					  .command = WIRE_LOCK,
					  .response = response},
		    "", 0);
}

static void heartbeat(uint64_t ns, unsigned int type)
{
	kit.ops->datagram(kit.self,
			  &(struct datagram){.ns = ns, .quorum = {.type = (uint8_t)type}});
}

static uint64_t sum(const struct table *t, const char *key)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->row_count; i++)
		n += kit_u64(t, i, key);
	return n;
}

/* 60 s are 600 steps at most: 200 ms each is the least for so long a time. */
static void counts_by_steps(void)
{
	const struct table *t;

	begin(100 * S, 160 * S, 150 * S);
	message(0, 100 * S, 1, false);
	message(1, 100 * S + 3 * MS, 1, true); /* 3 ms: from 2048 us on, under 4096 us */
	message(0, 110 * S + 250 * MS, 2, false);
	heartbeat(100 * S + 199 * MS, WIRE_HEARTBEAT);
	heartbeat(100 * S + 200 * MS, WIRE_HEARTBEAT);
	heartbeat(160 * S, WIRE_VOTE);
	kit_line(101 * S, "scoutfs f.aaaaaa.r.bbbbbb: server ready at 10.0.0.2:5000");
	t = kit_table("series");
	CHECK_EQ(t->row_count, 301);
	CHECK_EQ(kit_u64(t, 0, "width_ns"), 200 * MS);
	CHECK_EQ(kit_u64(t, 0, "msg_lock"), 2);
	CHECK_EQ(kit_u64(t, 0, "heartbeats"), 1);
	CHECK_EQ(kit_u64(t, 1, "heartbeats"), 1);
	CHECK_EQ(kit_u64(t, 300, "elections"), 1);
	CHECK_EQ(kit_u64(t, 5, "log_lines"), 1);
	CHECK_EQ(kit_u64(t, 5, "flags"), 1);
	CHECK_EQ(kit_u64(t, 51, "msg_lock"), 1);
	CHECK_EQ(kit_u64(t, 51, "unanswered"), 1);
	CHECK_EQ(sum(t, "messages"), 3);
	CHECK_EQ(sum(t, "unanswered"), 1);
	CHECK(!kit_find("near_series"));
	t = kit_table("latency");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(kit_u64(t, 0, "from_ns"), 100 * S);
	CHECK_EQ(kit_u64(t, 0, "at_least_ns"), 2048000);
	CHECK_EQ(kit_u64(t, 0, "under_ns"), 4096000);
	t = kit_table("flags");
	CHECK_EQ(t->row_count, 1);
	CHECK_EQ(sum(kit_table("series"), "lost"), 9);
	CHECK_EQ(kit_u64(kit_table("series"), 155, "lost"), 9);
	t = kit_table("marks");
	CHECK_EQ(t->row_count, 4);
	CHECK_STR(kit_str(t, 0, "kind"), "not kept");
	CHECK_EQ(kit_u64(t, 1, "from_ns"), 120 * S);
	CHECK_STR(kit_str(t, 1, "what"), "election");
	CHECK_STR(kit_str(t, 2, "kind"), "gap");
	CHECK_EQ(kit_u64(t, 2, "to_ns"), 131 * S);
	CHECK_EQ(kit_u64(t, 3, "from_ns"), 150 * S);
	CHECK_STR(kit_str(t, 3, "kind"), "trigger");
	end();
}

/* An hour has steps of 10 s; the minute around the trigger has its own. */
static void near_the_end(void)
{
	const struct table *t;

	begin(1000 * S, 4600 * S, 4500 * S);
	heartbeat(4500 * S, WIRE_HEARTBEAT);
	heartbeat(1000 * S, WIRE_HEARTBEAT);
	t = kit_table("series");
	CHECK_EQ(kit_u64(t, 0, "width_ns"), 10 * S);
	CHECK_EQ(t->row_count, 361);
	CHECK_EQ(sum(t, "heartbeats"), 2);
	t = kit_table("near_series");
	CHECK_EQ(kit_u64(t, 0, "from_ns"), 4460 * S);
	CHECK_EQ(kit_u64(t, 0, "width_ns"), 500 * MS);
	CHECK_EQ(sum(t, "heartbeats"), 1);
	CHECK_EQ(kit_u64(t, 80, "heartbeats"), 1);
	end();
}

/* Seconds of events outside the window go to its first and last. */
static void events_by_seconds(void)
{
	const struct table *t;
	static const struct trace_tally tallies[] = {{.tick = 10, .count = 5},
						     {.tick = 12, .count = 7},
						     {.tick = 1, .count = 1},
						     {.tick = UINT64_MAX, .count = 2}};

	begin(10 * S, 13 * S, 0);
	kit.ops->tally(kit.self, tallies, ARRAY_SIZE(tallies));
	t = kit_table("events");
	CHECK_EQ(t->row_count, 4);
	CHECK_EQ(kit_u64(t, 0, "events"), 6);
	CHECK_EQ(kit_u64(t, 2, "events"), 7);
	CHECK_EQ(kit_u64(t, 3, "events"), 2);
	end();
}

/* The latest lines are kept, and that there were more is said. */
static void many_lines(void)
{
	const struct table *t;

	begin(1 * S, 100 * S, 0);
	for (uint64_t i = 0; i < 1500; i++)
		kit_line(2 * S + i * MS, "scoutfs f.aaaaaa.r.bbbbbb: forcing unmount");
	t = kit_table("flags");
	CHECK_EQ(t->row_count, 1000);
	CHECK_EQ(kit_u64(t, 0, "time_ns"), 2 * S + 500 * MS);
	CHECK_EQ(t->note_count, 1);
	CHECK_EQ(sum(kit_table("series"), "flags"), 1500);
	end();
}

/* Nothing is divided by nothing, nothing is beyond an end. */
static void senseless_times(void)
{
	static const uint64_t spans[][3] = {{0, 0, 0},
					    {0, UINT64_MAX, UINT64_MAX},
					    {UINT64_MAX, UINT64_MAX, 1},
					    {5, 1, UINT64_MAX},
					    {UINT64_MAX - 1, UINT64_MAX, UINT64_MAX}};
	static const uint64_t times[] = {0, 1, S, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		begin(spans[i][0], spans[i][1], spans[i][2]);
		for (size_t k = 0; k < ARRAY_SIZE(times); k++) {
			const struct trace_tally tally = {.tick = times[k], .count = 1};

			message(0, times[k], k + 1, false);
			message(1, times[ARRAY_SIZE(times) - 1 - k], k + 1, true);
			heartbeat(times[k], WIRE_HEARTBEAT);
			kit_line(times[k], "scoutfs f.aaaaaa.r.bbbbbb: forcing unmount");
			kit.ops->tally(kit.self, &tally, 1);
		}
		CHECK(kit_table("series")->row_count >= 1);
		CHECK(kit_table("series")->row_count <= 600);
		CHECK(kit_table("events")->row_count <= 3600);
		end();
	}
}

TEST_MAIN(TEST(counts_by_steps), TEST(near_the_end), TEST(events_by_seconds), TEST(many_lines),
	  TEST(senseless_times))
