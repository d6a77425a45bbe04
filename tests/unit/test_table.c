/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables: what was put in is in it, in the order that was asked for, and no more than the limit.
 */
#include <math.h>

#include "table.h"
#include "test.h"

static const struct column columns[] = {
	{"name", "name", COLUMN_TEXT},
	{"count", "count", COLUMN_COUNT},
	{"error", "error", COLUMN_NUMBER},
	{"rate", "rate", COLUMN_RATE},
};

static struct table t;

static void begin(void)
{
	table_done(&t);
	table_init(&t, "things", "Things", columns, ARRAY_SIZE(columns));
}

static void add(const char *name, uint64_t count, int64_t error, double rate)
{
	table_row(&t);
	table_text(&t, name);
	table_u64(&t, count);
	table_i64(&t, error);
	table_real(&t, rate);
}

/* The first column of all rows, joined. */
static const char *names(void)
{
	static char all[256];

	all[0] = '\0';
	for (size_t i = 0; i < t.row_count; i++)
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ",
			       t.rows[i]->cells[0].known ? t.rows[i]->cells[0].s : "-");
	return all;
}

static void keeps_what_it_was_given(void)
{
	char gone[] = "gone";

	begin();
	add(gone, UINT64_MAX, INT64_MIN, 0.1);
	memset(gone, 'x', 4);
	CHECK(table_ok(&t));
	CHECK_EQ(t.row_count, 1);
	CHECK_STR(t.rows[0]->cells[0].s, "gone");
	CHECK(t.rows[0]->cells[1].u == UINT64_MAX);
	CHECK(t.rows[0]->cells[2].i == INT64_MIN);
	CHECK(t.rows[0]->cells[3].d == 0.1);
	CHECK_EQ(table_column(&t, "error"), 2);
	CHECK_EQ(table_column(&t, "erro"), -1);
}

static void cells_that_are_not_given_are_not_known(void)
{
	begin();
	table_row(&t);
	table_none(&t);
	table_u64(&t, 0);
	table_row(&t);
	table_text(&t, NULL);
	table_u64(&t, 1);
	table_i64(&t, 2);
	table_real(&t, NAN);
	CHECK(!t.rows[0]->cells[0].known && t.rows[0]->cells[1].known);
	CHECK(!t.rows[0]->cells[2].known && !t.rows[0]->cells[3].known);
	CHECK(!t.rows[1]->cells[0].known && !t.rows[1]->cells[3].known);
	CHECK(t.rows[1]->cells[2].known);
}

static void sorts_by_each_kind_with_the_unknown_last(void)
{
	begin();
	add("b", 2, -1, 0.5);
	add("a", 10, 5, -0.5);
	add(NULL, 3, -7, 7);
	add("ab", 2, 0, NAN);
	table_sort(&t, "name", false);
	CHECK_STR(names(), "a ab b - ");
	table_sort(&t, "name", true);
	CHECK_STR(names(), "b ab a - ");
	table_sort(&t, "count", false);
	CHECK_STR(names(), "b ab - a "); /* b was added before ab */
	table_sort(&t, "count", true);
	CHECK_STR(names(), "a - b ab ");
	table_sort(&t, "error", false);
	CHECK_STR(names(), "- b ab a ");
	table_sort(&t, "rate", true);
	CHECK_STR(names(), "- b a ab ");
}

static void top_counts_what_it_leaves_out(void)
{
	begin();
	for (int i = 0; i < 1000; i++)
		add("x", (uint64_t)(i * 7 % 1000), 0, 0);
	table_sort(&t, "count", true);
	table_top(&t, 3);
	CHECK_EQ(t.row_count, 3);
	CHECK_EQ(t.left_out, 997);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(t.rows[i]->cells[1].u, 999 - i);
	table_top(&t, 0);
	CHECK_EQ(t.row_count, 3);
}

static void beyond_its_limit_rows_are_counted_not_kept(void)
{
	char long_text[1000];
	size_t kept;

	memset(long_text, 'y', sizeof(long_text));
	begin();
	t.limit_bytes = 100000;
	for (int i = 0; i < 10000; i++) {
		table_row(&t);
		table_text_n(&t, long_text, sizeof(long_text));
		table_u64(&t, 1);
	}
	CHECK(table_ok(&t));
	kept = t.row_count;
	CHECK(kept >= 80 && kept <= 100);
	CHECK_EQ(t.left_out, 10000 - kept);
	CHECK(t.used_bytes <= t.limit_bytes);
	/* Rows that were shown make room again. */
	table_forget_rows(&t);
	CHECK_EQ(t.row_count, 0);
	CHECK_EQ(t.rows_shown, kept);
	add("z", 1, 1, 1);
	CHECK_STR(names(), "z ");
}

static void has_one_total_and_notes(void)
{
	begin();
	add("a", 1, 0, 0);
	table_total(&t);
	table_text(&t, "total");
	table_u64(&t, 1);
	table_mark(&t, ROW_BAD);
	table_note(&t, "%d of %s", 3, "them");
	table_sort(&t, "name", true);
	CHECK_STR(names(), "a ");
	CHECK_STR(t.total->cells[0].s, "total");
	CHECK_EQ(t.total->mark, ROW_BAD);
	CHECK_EQ(t.note_count, 1);
	CHECK_STR(t.notes[0], "3 of them");
}

/* By hand: [0, 10] in 3 parts: 0 to 3.33, to 6.67, to 10; of whole numbers 0-3, 4-6, 7-10. */
static void bins_are_equal_and_the_last_is_closed(void)
{
	static const uint64_t values[] = {0, 3, 4, 6, 7, 10, 10};
	static const uint64_t from[] = {0, 4, 7}, to[] = {4, 7, 10}, counts[] = {2, 2, 3};

	table_done(&t);
	table_bins(&t, "bins", "Bins", COLUMN_DURATION, values, ARRAY_SIZE(values), 3);
	CHECK_EQ(t.row_count, 3);
	CHECK_STR(t.columns[0].key, "from_ns");
	for (size_t i = 0; i < 3; i++) {
		CHECK_EQ(t.rows[i]->cells[0].u, from[i]);
		CHECK_EQ(t.rows[i]->cells[1].u, to[i]);
		CHECK_EQ(t.rows[i]->cells[2].u, counts[i]);
	}
	table_done(&t);
	table_bins(&t, "bins", "Bins", COLUMN_COUNT, values, 0, 3);
	CHECK_EQ(t.row_count, 0);
	table_done(&t);
	table_bins(&t, "bins", "Bins", COLUMN_COUNT, values + 5, 2, 3); /* all the same */
	CHECK_EQ(t.row_count, 1);
	CHECK_EQ(t.rows[0]->cells[2].u, 2);
	/* The whole range of 64 bits does not overflow. */
	table_done(&t);
	table_bins(&t, "bins", "Bins", COLUMN_BYTES, (const uint64_t[]){0, UINT64_MAX}, 2, 4);
	CHECK_EQ(t.row_count, 4);
	CHECK_EQ(t.rows[0]->cells[2].u, 1);
	CHECK_EQ(t.rows[3]->cells[2].u, 1);
	CHECK(t.rows[3]->cells[1].u == UINT64_MAX);
	table_done(&t);
}

TEST_MAIN(TEST(keeps_what_it_was_given), TEST(cells_that_are_not_given_are_not_known),
	  TEST(sorts_by_each_kind_with_the_unknown_last), TEST(top_counts_what_it_leaves_out),
	  TEST(beyond_its_limit_rows_are_counted_not_kept), TEST(has_one_total_and_notes),
	  TEST(bins_are_equal_and_the_last_is_closed))
