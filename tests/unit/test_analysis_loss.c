/* SPDX-License-Identifier: GPL-2.0-only */
/* Report `loss`: the ledger of a manifest, and what the pass could not read. */
#include "feed.h"
#include "folderkit.h"
#include "reportkit.h"
#include "test.h"

#define S NSEC_PER_SEC

static struct bundle *bundle;
static struct kit_folder folder;

/* @sources: of the manifest, with ' for ". */
static void begin(const char *sources)
{
	folder = kit_folder_make();
	kit_folder_json(&folder, "manifest.json", sources);
	kit_formats_done();
	if (bundle_open(folder.path, &bundle, &kit.err) < 0)
		kit_die("bundle", kit.err.text);
	kit.rec.bundle = bundle;
	kit.rec.trigger_ns = 100 * S;
	kit_open(&analysis_loss);
}

static void end(void)
{
	kit_done();
	kit_forget();
	bundle_freep(&bundle);
	kit_folder_remove(&folder);
}

#define LEDGER                                                                                   \
	"{'format':'scoutfs-trace-bundle','version':1,'sources':["                               \
	"{'name':'ftrace','status':'ok','why':'','records':100,'lost':42,"                       \
	"'lost_is_lower_bound':true,'gaps':["                                                    \
	"{'kind':'fault','cpu':1,'from_monotonic_ns':5000000000,'to_monotonic_ns':7000000000,"   \
	"'count':42,'count_is_lower_bound':true,'reason':'the ring was full'},"                  \
	"{'kind':'fault','cpu':0,'from_monotonic_ns':4000000000,'to_monotonic_ns':4500000000,"   \
	"'count':0,'count_is_lower_bound':true,'reason':'rings'},"                               \
	"{'kind':'retention','cpu':0,'from_monotonic_ns':1000000000,"                            \
	"'to_monotonic_ns':2000000000,'count':9,'count_is_lower_bound':false,'reason':'old'}]}," \
	"{'name':'packets','status':'failed','why':'no such device','records':0,'lost':0,"       \
	"'lost_is_lower_bound':false,'gaps':[{'kind':'outage','from_monotonic_ns':3000000000,"   \
	"'to_monotonic_ns':3000000000,'count':null,'reason':'=cmd|evil'}]}]}"

static void the_ledger(void)
{
	const struct table *t;

	begin(LEDGER);
	t = kit_table("losses");
	CHECK_EQ(t->row_count, 4);
	CHECK_STR(kit_str(t, 0, "kind"), "retention");
	CHECK_EQ(t->rows[0]->mark, ROW_PLAIN);
	CHECK_STR(kit_str(t, 1, "source"), "packets");
	CHECK(!kit_cell(t, 1, "cpu")->known);
	CHECK(!kit_cell(t, 1, "lost")->known);
	CHECK_STR(kit_str(t, 1, "counted"), "not known");
	CHECK_EQ(kit_u64(t, 1, "span_ns"), 0);
	CHECK_EQ(kit_u64(t, 3, "cpu"), 1);
	CHECK_EQ(kit_u64(t, 3, "from_ns"), 5 * S);
	CHECK_EQ(kit_u64(t, 3, "to_ns"), 7 * S);
	CHECK_EQ(kit_u64(t, 3, "span_ns"), 2 * S);
	CHECK_EQ(kit_u64(t, 3, "lost"), 42);
	CHECK_STR(kit_str(t, 3, "counted"), "at least");
	CHECK_STR(kit_str(t, 3, "reason"), "the ring was full");
	t = kit_table("totals");
	CHECK_EQ(kit_u64(t, 0, "lost"), 42);
	CHECK_STR(kit_str(t, 0, "counted"), "at least");
	CHECK_EQ(kit_u64(t, 0, "entries"), 2);
	CHECK_EQ(t->rows[1]->mark, ROW_BAD);
	end();
}

/* Nothing that was recorded is lost: in all of them it is 0. */
static void samples_that_were_not_taken(void)
{
	const struct table *t;

	begin("{'format':'scoutfs-trace-bundle','version':1,'sources':["
	      "{'name':'series/gone','status':'ok','records':3,'lost':0,'gaps':[{'kind':'outage',"
	      "'from_monotonic_ns':3000000000,'to_monotonic_ns':5000000000,'count':7,"
	      "'reason':'late'}]}]}");
	t = kit_table("losses");
	CHECK_EQ(t->row_count, 1);
	CHECK(!kit_cell(t, 0, "lost")->known);
	CHECK_STR(kit_str(t, 0, "counted"), "7 samples not taken or not whole");
	CHECK_EQ(kit_u64(kit_table("totals"), 0, "lost"), 0);
	end();
}

static void of_a_window_what_touches_it(void)
{
	kit.options.from_ns = 6 * S;
	begin(LEDGER);
	CHECK_EQ(kit_table("losses")->row_count, 1);
	CHECK_EQ(kit_u64(kit_table("losses"), 0, "lost"), 42);
	end();
}

static void what_the_pass_could_not_read(void)
{
	struct feed_result f = {.trace = {.chunks_damaged = 2,
					  .pages_damaged = 3,
					  .unknown = 12,
					  .unknown_ids = {{7, 1515}, {3, 1516}}},
				.packets_unreadable = 4,
				.log_unreadable = 5,
				.chunks_damaged = 6,
				.flow = {.gaps = 7}};
	const struct table *t;

	begin(LEDGER);
	(void)err_set(&f.packets_why, -EBADMSG, "a record of 3 GB");
	kit.rec.feed = &f;
	kit.rec.has_trace = false;
	(void)err_set(&kit.rec.trace_why, -ENOENT, "no trace.dat");
	t = kit_table("unread");
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "pieces of trace events"), "count"), 2);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "pages of trace events"), "count"), 3);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "events of number 1515"), "count"), 7);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "events of number 1516"), "count"), 3);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "events of other numbers"), "count"), 2);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "packets"), "count"), 4);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "lines of the kernel log"), "count"), 5);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "pieces of packets and log"), "count"), 6);
	CHECK_EQ(kit_u64(t, kit_row(t, "what", "gaps in TCP streams"), "count"), 7);
	CHECK(kit_row(t, "why", "a record of 3 GB") != SIZE_MAX);
	CHECK_STR(kit_str(t, kit_row(t, "what", "trace events"), "why"), "no trace.dat");
	end();
}

static void a_manifest_of_nonsense(void)
{
	begin("{'format':'scoutfs-trace-bundle','version':1,'sources':[5,'x',null,"
	      "{'name':7,'lost':-3,'records':1e400,'gaps':{'a':1}},"
	      "{'gaps':[{'cpu':-1,'count':'many','from_monotonic_ns':99999999999999999999,"
	      "'to_monotonic_ns':0}]}]}");
	CHECK(kit_table("losses")->row_count <= 2);
	CHECK(kit_table("totals")->row_count == 5);
	end();
}

TEST_MAIN(TEST(the_ledger), TEST(samples_that_were_not_taken), TEST(of_a_window_what_touches_it),
	  TEST(what_the_pass_could_not_read), TEST(a_manifest_of_nonsense))
