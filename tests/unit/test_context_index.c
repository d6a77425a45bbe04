/* SPDX-License-Identifier: GPL-2.0-only */
/* context/MOMENT/INDEX: what a line says, where files without a time lie, why there is nothing. */
#include "feed.h"
#include "folderkit.h"
#include "test.h"

#define S NSEC_PER_SEC

static struct {
	struct kit_folder folder;
	struct bundle *bundle;
	struct recording rec;
} made;

/* A folder of a recording that was armed at 100 s and ended at 200 s. */
static void begin(const char *start, const char *end)
{
	made.folder = kit_folder_make();
	kit_folder_text(&made.folder, "manifest.json",
			"{\"format\":\"scoutfs-trace-bundle\",\"version\":1,"
			"\"created_monotonic_ns\":100000000000,"
			"\"stop\":{\"monotonic_ns\":200000000000}}");
	if (start)
		kit_folder_text(&made.folder, "context/start/INDEX", start);
	if (end)
		kit_folder_text(&made.folder, "context/end/INDEX", end);
	kit_folder_text(&made.folder, "context/start/modules.txt",
			"# not collected: /proc/modules: Permission denied\n");
	kit_folder_text(&made.folder, "context/end/ps.txt",
			"# incomplete: ps was ended by signal 9\nPID\n1\n");
}

static void open_it(void)
{
	if (bundle_open(made.folder.path, &made.bundle, NULL) < 0 ||
	    recording_open(made.bundle, &made.rec, NULL) < 0)
		kit_folder_die("bundle");
}

static void end(void)
{
	recording_done(&made.rec);
	bundle_freep(&made.bundle);
	kit_folder_remove(&made.folder);
}

static bool parses(const char *text, struct context_file *ret, bool *ret_timed)
{
	static char line[256];

	(void)snprintf(line, sizeof(line), "%s", text);
	return context_index_line(line, ret, ret_timed);
}

static void a_line_says_what_came_from_where_and_when(void)
{
	struct context_file f;
	bool timed;

	CHECK(parses(
		"uname.txt              ok             68 bytes     12 ms  @817.003412  uname -a",
		&f, &timed));
	CHECK(timed);
	CHECK_STR(f.name, "uname.txt");
	CHECK_STR(f.status, "ok");
	CHECK_EQ(f.bytes, 68);
	CHECK_EQ(f.took_ms, 12);
	CHECK_EQ(f.ns, UINT64_C(817003412000));
	CHECK_STR(f.how, "uname -a");
	CHECK(parses("a ok 1 bytes 2 ms", &f, &timed));
	CHECK(!timed);
	CHECK_STR(f.how, "");
	CHECK(parses("a failed 1 bytes 2 ms   ss -t @PORT", &f, &timed));
	CHECK(!timed && context_file_is_missing(&f));
	CHECK_STR(f.how, "ss -t @PORT");
	CHECK(!parses("", &f, &timed));
	CHECK(!parses("a", &f, &timed));
	CHECK(!parses("a ok", &f, &timed));
	CHECK(!parses("a ok 1 byte 2 ms x", &f, &timed));
	CHECK(!parses("a ok x bytes 2 ms x", &f, &timed));
	CHECK(!parses("a ok 1 bytes", &f, &timed));
	CHECK(!parses("a ok 1 bytes 2 ms @ x", &f, &timed));
	CHECK(!parses("a ok 1 bytes 2 ms @1.5 x", &f, &timed));
	CHECK(!parses("a ok 1 bytes 2 ms @99999999999.000000 x", &f, &timed));
	CHECK(!parses("a ok 1 bytes 2 ms @1111111111111111111111111111111.000000 x", &f, &timed));
}

static void both_moments_in_order_of_time(void)
{
	const struct context_index *c = &made.rec.context;

	begin("uname.txt ok 68 bytes 12 ms @150.000001 uname -a\n"
	      "modules.txt failed 50 bytes 0 ms @100.250000 /proc/modules\n",
	      "ps.txt partial 7 bytes 3000 ms @201.000000 ps -e\n"
	      "gone.txt skipped 7 bytes 0 ms @204.000000 dmesg\n");
	open_it();
	CHECK_EQ(c->count, 4);
	CHECK_EQ(c->missing, 2);
	CHECK(!c->guessed && !c->left_out);
	CHECK_STR(c->files[0].name, "modules.txt");
	CHECK_STR(c->files[0].moment, "start");
	CHECK_STR(c->files[0].why, "/proc/modules: Permission denied");
	CHECK_EQ(c->files[0].ns, 100 * S + S / 4);
	CHECK_STR(c->files[1].name, "uname.txt");
	CHECK_STR(c->files[1].why, "");
	CHECK_STR(c->files[2].moment, "end");
	CHECK_STR(c->files[2].why, "ps was ended by signal 9");
	/* Its file is not in the recording. */
	CHECK_STR(c->files[3].why, "");
	end();
}

static void without_times_they_lie_where_it_began_one_behind_the_other(void)
{
	const struct context_index *c = &made.rec.context;

	begin("b ok 1 bytes 10 ms x\na ok 1 bytes 5 ms y\nnonsense\n", "c ok 1 bytes 0 ms z\n");
	open_it();
	CHECK_EQ(c->count, 3);
	CHECK(c->guessed && c->left_out);
	CHECK_STR(c->files[0].name, "b");
	CHECK_EQ(c->files[0].ns, 100 * S);
	CHECK_EQ(c->files[1].ns, 100 * S + 10 * NSEC_PER_MSEC);
	CHECK_EQ(c->files[2].ns, 200 * S);
	end();
	begin(NULL, NULL);
	open_it();
	CHECK_EQ(c->count, 0);
	end();
}

/* ---- in the stream ---- */

static struct {
	size_t count;
	uint64_t last_ns;
} seen;

static void see_context(void *self, const struct context_file *f)
{
	(void)self;
	CHECK(f->ns >= seen.last_ns);
	seen.last_ns = f->ns;
	seen.count++;
}

static uint64_t feed(uint64_t from_ns, uint64_t to_ns, unsigned int left_out)
{
	static const struct analysis_ops ops = {.name = "see", .context = see_context};
	struct feed_client client = {&ops, NULL};
	struct feed_result result;

	seen.count = seen.last_ns = 0;
	if (feed_run(&(struct feed_config){.recording = &made.rec,
					   .clients = &client,
					   .client_count = 1,
					   .from_ns = from_ns,
					   .to_ns = to_ns,
					   .left_out = left_out},
		     &result, NULL) < 0)
		kit_folder_die("feed");
	return result.context_files == seen.count ? seen.count : UINT64_MAX;
}

static void they_are_a_source_of_the_stream(void)
{
	begin("a ok 1 bytes 10 ms @100.000000 x\nb ok 1 bytes 5 ms @100.500000 y\n",
	      "c ok 1 bytes 0 ms @200.000000 z\n");
	open_it();
	CHECK_EQ(feed(0, UINT64_MAX, 0), 3);
	CHECK_EQ(feed(100 * S + 1, 200 * S, 0), 2);
	CHECK_EQ(feed(100 * S, 200 * S - 1, 0), 2);
	CHECK_EQ(feed(0, UINT64_MAX, 1U << FEED_CONTEXT), 0);
	end();
}

TEST_MAIN(TEST(a_line_says_what_came_from_where_and_when), TEST(both_moments_in_order_of_time),
	  TEST(without_times_they_lie_where_it_began_one_behind_the_other),
	  TEST(they_are_a_source_of_the_stream))
