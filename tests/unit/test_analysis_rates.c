/* SPDX-License-Identifier: GPL-2.0-only */
/* Report `rates`: counts of seconds to rates, whatever the order in which they come. */
#include "reportkit.h"
#include "test.h"

#define S NSEC_PER_SEC

static void setup(void)
{
	kit_format("scoutfs", "a", "u64 rid");
	kit_format("sched", "b", "u64 rid");
	kit_format("scoutfs", "a", "u64 rid, u8 more"); /* the module was loaded again */
	kit_formats_done();
}

static void tally(uint64_t second, uint32_t type, uint32_t count)
{
	analysis_rates.tally(kit.self,
			     &(struct trace_tally){.tick = second,
						   .first_ns = second * S + S / 4,
						   .last_ns = second * S + S / 2,
						   .type = type,
						   .count = count},
			     1);
}

static uint32_t type_of(const char *system, const char *name)
{
	return (uint32_t)(event_by_name(&kit.rec.events, system, name) - kit.rec.events.formats);
}

/* Of 10.5 s to 14.5 s: the whole seconds are 11, 12 and 13. */
static void rates_are_of_the_window_and_extremes_of_whole_seconds(void)
{
	const struct table *t;
	size_t a, b;

	setup();
	kit.rec.first_ns = 10 * S + S / 2;
	kit.rec.last_ns = 14 * S + S / 2;
	kit.rec.trigger_ns = 14 * S;
	kit_open(&analysis_rates);
	/* One CPU is counted to its end before the next one. */
	tally(10, 0, 500);
	tally(11, 0, 10);
	tally(13, 2, 30);
	tally(14, 0, 900);
	tally(10, type_of("sched", "b"), 1);
	tally(11, 2, 5);
	tally(12, 77, 4);
	t = kit_table("events");
	CHECK(t);
	CHECK_EQ(t->row_count, 3);
	a = kit_row(t, "event", "scoutfs:a");
	CHECK_EQ(a, 0);
	CHECK_EQ(kit_u64(t, a, "count"), 1445);
	CHECK(kit_real(t, a, "avg_per_s") == 1445 / 4.0);
	CHECK(kit_real(t, a, "min_per_s") == 0);
	CHECK(kit_real(t, a, "max_per_s") == 30);
	CHECK_EQ(kit_u64(t, a, "max_at_ns"), 13 * S);
	CHECK_EQ((int64_t)kit_u64(t, a, "first_offset_ns"), -(int64_t)(3 * S + 3 * S / 4));
	CHECK_EQ((int64_t)kit_u64(t, a, "last_offset_ns"), (int64_t)(S / 2));
	CHECK(kit_real(t, a, "share_percent") == 1445 / 1450.0 * 100);
	b = kit_row(t, "event", "sched:b");
	CHECK(kit_real(t, b, "max_per_s") == 0);
	CHECK_EQ(kit_u64(t, kit_row(t, "event", "(of no known format)"), "count"), 4);
	CHECK(t->total);
	CHECK_EQ(t->total->cells[1].u, 1450);
	CHECK(t->total->cells[4].d == 4);
	CHECK(t->total->cells[5].d == 30);
	kit_done();
	kit_forget();
}

static void a_window_without_a_whole_second_has_no_extremes(void)
{
	const struct table *t;

	setup();
	kit.rec.first_ns = 10 * S + 1;
	kit.rec.last_ns = 11 * S + 5;
	kit_open(&analysis_rates);
	tally(10, 0, 5);
	t = kit_table("events");
	CHECK_EQ(kit_u64(t, 0, "count"), 5);
	CHECK(!kit_cell(t, 0, "min_per_s")->known);
	CHECK(!kit_cell(t, 0, "max_at_ns")->known);
	kit_done();
	kit_forget();
}

/* Forty days: by many seconds at a time; and times that cannot be. */
static void long_and_impossible_times_cost_no_more(void)
{
	const uint64_t days = UINT64_C(40) * 86400;
	const struct table *t;

	setup();
	kit.rec.first_ns = S;
	kit.rec.last_ns = days * S;
	kit.rec.trigger_ns = days * S;
	kit_open(&analysis_rates);
	/* 40 * 86400 seconds in 32768 slots: 106 seconds each. */
	for (uint64_t s = 1; s < 1000; s++)
		tally(s, 0, 2);
	tally(0, 0, 1);
	tally(UINT64_MAX, 0, UINT32_MAX);
	tally(UINT64_MAX / 2, 0, UINT32_MAX);
	t = kit_table("events");
	CHECK_EQ(kit_u64(t, 0, "count"), 999 * 2 + 1 + 2 * (uint64_t)UINT32_MAX);
	CHECK_EQ((int64_t)kit_u64(t, 0, "first_offset_ns"), -(int64_t)(days * S - S / 4));
	CHECK(kit_real(t, 0, "max_per_s") == 213 / 106.0);
	kit_done();
	kit_forget();
}

/* Seconds of UTC that begin 0.25 s after those of the stamps: 10.25 s to 11.25 s and so on. */
static void seconds_are_those_of_the_clock_on_the_wall(void)
{
	struct tcpflow_message m = {.header = {.command = WIRE_LOCK}};
	const struct table *t;

	setup();
	kit.rec.phase_ns = 3 * S / 4;
	kit.rec.first_ns = 10 * S;
	kit.rec.last_ns = 13 * S;
	kit.rec.trigger_ns = 13 * S;
	kit_open(&analysis_rates);
	for (int i = 0; i < 12; i++) {
		/* 10, 10.25, 10.5 ... 12.75; and of the second from 11.25 on twice as many. */
		m.header_ns = 10 * S + (uint64_t)i * S / 4;
		analysis_rates.message(kit.self, NULL, &m);
		if (i >= 5 && i < 9)
			analysis_rates.message(kit.self, NULL, &m);
	}
	t = kit_table("messages");
	CHECK_EQ(kit_u64(t, 0, "count"), 16);
	CHECK(kit_real(t, 0, "min_per_s") == 4);
	CHECK(kit_real(t, 0, "max_per_s") == 8);
	CHECK_EQ(kit_u64(t, 0, "max_at_ns"), 11 * S + S / 4);
	CHECK_EQ((int64_t)kit_u64(t, 0, "first_offset_ns"), -3 * (int64_t)S);
	CHECK_EQ((int64_t)kit_u64(t, 0, "last_offset_ns"), -(int64_t)S / 4);
	kit_done();
	kit_forget();
}

static void messages_are_counted_by_command(void)
{
	struct tcpflow_message m = {.header = {.command = WIRE_LOCK}};
	const struct table *t;

	setup();
	kit.rec.first_ns = 10 * S;
	kit.rec.last_ns = 14 * S;
	kit_open(&analysis_rates);
	for (int i = 0; i < 6; i++) {
		m.header_ns = 11 * S + (uint64_t)i * S / 4;
		m.header.response = i % 3 == 0;
		analysis_rates.message(kit.self, NULL, &m);
	}
	analysis_rates.datagram(kit.self,
				&(struct datagram){.ns = 12 * S, .quorum.type = WIRE_HEARTBEAT});
	t = kit_table("messages");
	CHECK_EQ(t->row_count, 2);
	CHECK_STR(kit_str(t, 0, "message"), "LOCK");
	CHECK_STR(kit_str(t, 0, "kind"), "request");
	CHECK_EQ(kit_u64(t, 0, "count"), 4);
	CHECK(kit_real(t, 0, "avg_per_s") == 1);
	CHECK(kit_real(t, 0, "max_per_s") == 2);
	CHECK_STR(kit_str(kit_table("quorum"), 0, "message"), "HEARTBEAT");
	CHECK_EQ(kit_table("events")->row_count, 0);
	kit_done();
	kit_forget();
}

TEST_MAIN(TEST(rates_are_of_the_window_and_extremes_of_whole_seconds),
	  TEST(a_window_without_a_whole_second_has_no_extremes),
	  TEST(seconds_are_those_of_the_clock_on_the_wall),
	  TEST(long_and_impossible_times_cost_no_more), TEST(messages_are_counted_by_command))
