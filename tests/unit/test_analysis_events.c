/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `events`: all of them, in order, whoever printed them; as lines and as rows. That the
 * lines are those of trace-cmd is for tests/golden.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include "reportkit.h"
#include "test.h"

static void setup(enum report_format format)
{
	kit_format("scoutfs", "scoutfs_first_event", "u64 number");
	kit_format("sched", "second", "str what");
	kit_formats_done();
	kit.rec.tail.cpus = 2;
	kit.rec.tail.cmdlines = (struct tracedat_span){"10 ten\n", 7};
	kit_comm(10, "ten");
	kit_open(&analysis_events);
	kit.document.view.settings.format = format;
}

static void show_gap(uint64_t ns, uint16_t cpu, uint32_t lost)
{
	struct trace_event gap = {
		.ns = ns, .data = kit.data, .bytes = lost, .type = TRACE_TYPE_GAP, .cpu = cpu};

	kit_show(&gap);
}

static void lines_are_in_order_with_gaps_and_unknown_events(void)
{
	struct trace_event unknown;

	setup(REPORT_TEXT);
	kit_event("scoutfs_first_event", 1000000499, 0, 10, "number=1");
	show_gap(1000000600, 1, 17);
	show_gap(1000000600, 1, 0);
	kit_event("second", 1000000600, 1, 0, "what=x");
	unknown = *kit_make("second", 123456789012345, 1, 99, "");
	unknown.type = TRACE_TYPE_UNKNOWN;
	put_le16(kit.data, 4711);
	kit_show(&unknown);
	CHECK_EQ(analysis_events.result(kit.self, &kit.out, &kit.err), 0);
	/* trace_show_data() of trace-cmd: "%16s-%-5d [%03d] %5llu.%06llu: ", name padded to 20. */
	CHECK_STR(text_c(&kit.document.text),
		  "cpus=2\n"
		  "             ten-10    [000]     1.000000: scoutfs_first_event:  \n"
		  "CPU:1 [17 EVENTS DROPPED]\n"
		  "CPU:1 [EVENTS DROPPED]\n"
		  "          <idle>-0     [001]     1.000001: second:               \n"
		  "           <...>-99    [001] 123456.789012: [UNKNOWN EVENT 4711]\n");
	kit_done();
	kit_forget();
}

/* Enough that every thread has many batches, of all sizes. */
static void many_threads_keep_the_order(void)
{
	char fields[64], *text = NULL;
	uint64_t wrong = 0, seen = 0;
	int out = memfd_create("out", MFD_CLOEXEC), r;
	struct stat st;

	CHECK(out >= 0);
	setup(REPORT_TEXT);
	kit.document.fd = out;
	for (uint32_t i = 0; i < 30000; i++) {
		(void)snprintf(fields, sizeof(fields), "number=%u", i);
		kit_event("scoutfs_first_event", UINT64_C(1000) * i, 0, i, fields);
	}
	r = analysis_events.result(kit.self, &kit.out, &kit.err);
	out_write(&kit.document, 0);
	CHECK_EQ(r, 0);
	CHECK(fstat(out, &st) == 0 && st.st_size > 0);
	text = calloc(1, (size_t)st.st_size + 1);
	CHECK(text && pread(out, text, (size_t)st.st_size, 0) == st.st_size);
	for (const char *at = strchr(text, '\n') + 1; *at; at = strchr(at, '\n') + 1, seen++) {
		const char *dash = strchr(at, '-');

		wrong += !dash || strtoull(dash + 1, NULL, 10) != seen;
	}
	CHECK_EQ(seen, 30000);
	CHECK_EQ(wrong, 0);
	free(text);
	(void)close(out);
	kit_done();
	kit_forget();
}

/* The buffer that an event came in is used for the next one. */
static void events_of_any_size_are_copied(void)
{
	static uint8_t data[65535];
	struct trace_event e;

	setup(REPORT_TEXT);
	e = *kit_make("scoutfs_first_event", 1, 0, 10, "number=1");
	memcpy(data, kit.data, e.bytes);
	e.data = data;
	for (uint32_t i = 0; i < 100; i++) {
		e.bytes = i % 3 ? 65535 : i % 7;
		kit_show(&e);
	}
	CHECK_EQ(analysis_events.result(kit.self, &kit.out, &kit.err), 0);
	CHECK(kit.document.text.len > 100 * 20);
	kit_done();
	kit_forget();
}

static void for_programs_they_are_rows(void)
{
	const struct table *t;

	setup(REPORT_TEXT);
	kit_done();
	kit.self = calloc(1, analysis_events.self_bytes);
	kit.document.view.settings.format = REPORT_JSON;
	out_begin(&kit.out, &kit.document, &analysis_events, NULL, 0);
	CHECK_EQ(analysis_events.open(kit.self, &kit.rec, &kit.options, &kit.out, &kit.err), 0);
	kit_event("scoutfs_first_event", 1000000499, 3, 10, "number=1");
	show_gap(1000000600, 1, 17);
	kit_event("second", 1000000600, 1, 77, "what=x");
	t = kit.out.tables[0];
	CHECK_EQ(t->row_count, 3);
	CHECK_EQ(kit_u64(t, 0, "time_ns"), 1000000499);
	CHECK_EQ(kit_u64(t, 0, "cpu"), 3);
	CHECK_STR(kit_str(t, 0, "comm"), "ten");
	CHECK_EQ(kit_u64(t, 0, "pid"), 10);
	CHECK_STR(kit_str(t, 0, "event"), "scoutfs:scoutfs_first_event");
	CHECK_STR(kit_str(t, 1, "event"), "(lost)");
	CHECK_STR(kit_str(t, 1, "text"), "17 events were lost here");
	CHECK_STR(kit_str(t, 2, "comm"), "(none)");
	CHECK_STR(kit_str(t, 2, "event"), "sched:second");
	kit_done();
	kit_forget();
}

static void without_any_it_says_so(void)
{
	setup(REPORT_TEXT);
	CHECK_EQ(analysis_events.result(kit.self, &kit.out, &kit.err), 0);
	CHECK_STR(text_c(&kit.document.text), "");
	CHECK_EQ(kit.out.notes.note_count, 1);
	CHECK_STR(kit.out.notes.notes[0], "There are no trace events in what was asked for.");
	kit_done();
	kit_forget();
}

TEST_MAIN(TEST(lines_are_in_order_with_gaps_and_unknown_events), TEST(many_threads_keep_the_order),
	  TEST(events_of_any_size_are_copied), TEST(for_programs_they_are_rows),
	  TEST(without_any_it_says_so))
