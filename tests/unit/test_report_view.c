/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Views: the same tables as text, CSV and JSON, byte for byte.
 *
 *	test_report_view            the tests
 *	test_report_view csv|json   one document on standard output, for test_views.py
 */
#include <time.h>

#include "table.h"
#include "test.h"
#include "view.h"

#define TRIGGER_NS (100 * NSEC_PER_SEC)
#define BOOT_REAL_NS (UINT64_C(1795168700) * NSEC_PER_SEC) /* 2026-11-20T09:58:20Z */

static struct text out;
static struct table t;

static bool real_time(const void *arg, uint64_t mono_ns, uint64_t *ret_real_ns)
{
	(void)arg;
	*ret_real_ns = BOOT_REAL_NS + mono_ns;
	return true;
}

static struct view_settings settings(enum report_format format, unsigned int screen)
{
	return (struct view_settings){
		.format = format,
		.columns = screen,
		.clock = {.triggered = true, .trigger_ns = TRIGGER_NS, .real = real_time},
	};
}

/* One table of one report. */
static const char *show(const struct view_settings *s)
{
	struct view v;

	text_reset(&out);
	view_begin(&v, s, &out);
	view_report(&v, "test", "A report");
	view_table(&v, &t);
	view_report_end(&v, true, NULL, 0);
	view_end(&v, true, NULL, 0);
	return text_ok(&out) ? text_c(&out) : "(no memory)";
}

static const char *show_as(enum report_format format, unsigned int screen)
{
	struct view_settings s = settings(format, screen);

	return show(&s);
}

static void make_all_types(void)
{
	static const struct column columns[] = {
		{"name", "name", COLUMN_TEXT},
		{"count", "count", COLUMN_COUNT},
		{"error", "error", COLUMN_NUMBER},
		{"mean", "mean", COLUMN_REAL, 2},
		{"rate", "rate", COLUMN_RATE, 1},
		{"share", "share", COLUMN_PERCENT, 1},
		{"took_ns", "took", COLUMN_DURATION},
		{"off_ns", "off", COLUMN_OFFSET},
		{"size_bytes", "size", COLUMN_BYTES},
		{"rid", "rid", COLUMN_HEX},
		{"bar", "", COLUMN_BAR},
	};

	table_done(&t);
	table_init(&t, "all", "All types", columns, ARRAY_SIZE(columns));
	table_row(&t);
	table_text(&t, "first");
	table_u64(&t, 386372);
	table_i64(&t, -110);
	table_real(&t, 0.1);
	table_real(&t, 1234.56);
	table_real(&t, 12.34);
	table_u64(&t, 20211000000);
	table_i64(&t, -1250000);
	table_u64(&t, 1536);
	table_u64(&t, UINT64_C(0xecefeb0123456789));
	table_real(&t, 10);
	table_row(&t);
	table_text(&t, "second, \"quoted\"");
	for (int i = 0; i < 9; i++)
		table_none(&t);
	table_real(&t, 2);
	table_total(&t);
	table_text(&t, "total");
	table_u64(&t, 386372);
	table_note(&t, "A note.");
	table_top(&t, 2);
	t.left_out = 7;
}

static void text_shows_every_type(void)
{
	make_all_types();
	CHECK_STR(
		show_as(REPORT_TEXT, 0),
		"All types\n"
		"name               count  error  mean      rate  share      took       off     "
		"size               rid\n"
		"----------------  ------  -----  ----  --------  -----  --------  --------  "
		"-------  ----------------  ------------------------------\n"
		"first             386372   -110  0.10  1234.6/s  12.3%  20.211 s  -1.25 ms  1.5 "
		"KiB  ecefeb0123456789  ##############################\n"
		"second, \"quoted\"       -      -     -         -      -         -         -     "
		"   -                 -  ######\n"
		"----------------  ------  -----  ----  --------  -----  --------  --------  "
		"-------  ----------------  ------------------------------\n"
		"total             386372      -     -         -      -         -         -      "
		"  -                 -\n"
		"and 7 more\n"
		"A note.\n");
}

static void csv_is_raw(void)
{
	make_all_types();
	CHECK_STR(show_as(REPORT_CSV, 80),
		  "name,count,error,mean,rate,share,took_ns,off_ns,size_bytes,rid\r\n"
		  "first,386372,-110,0.1,1234.56,12.34,20211000000,-1250000,1536,"
		  "0xecefeb0123456789\r\n"
		  "\"second, \"\"quoted\"\"\",,,,,,,,,\r\n");
}

static void json_is_raw(void)
{
	make_all_types();
	CHECK_STR(show_as(REPORT_JSON, 80),
		  "{\"reports\":{\n"
		  "\"test\":{\"title\":\"A report\",\"tables\":{\n"
		  "\"all\":{\"title\":\"All types\",\"columns\":["
		  "{\"key\":\"name\",\"title\":\"name\",\"type\":\"text\"},"
		  "{\"key\":\"count\",\"title\":\"count\",\"type\":\"count\"},"
		  "{\"key\":\"error\",\"title\":\"error\",\"type\":\"number\"},"
		  "{\"key\":\"mean\",\"title\":\"mean\",\"type\":\"real\"},"
		  "{\"key\":\"rate\",\"title\":\"rate\",\"type\":\"rate\"},"
		  "{\"key\":\"share\",\"title\":\"share\",\"type\":\"percent\"},"
		  "{\"key\":\"took_ns\",\"title\":\"took\",\"type\":\"duration\"},"
		  "{\"key\":\"off_ns\",\"title\":\"off\",\"type\":\"offset\"},"
		  "{\"key\":\"size_bytes\",\"title\":\"size\",\"type\":\"bytes\"},"
		  "{\"key\":\"rid\",\"title\":\"rid\",\"type\":\"hex\"}],\"rows\":[\n"
		  "{\"name\":\"first\",\"count\":386372,\"error\":-110,\"mean\":0.1,"
		  "\"rate\":1234.56,\"share\":12.34,\"took_ns\":20211000000,\"off_ns\":-1250000,"
		  "\"size_bytes\":1536,\"rid\":\"0xecefeb0123456789\"}\n"
		  ",{\"name\":\"second, \\\"quoted\\\"\",\"count\":null,\"error\":null,"
		  "\"mean\":null,\"rate\":null,\"share\":null,\"took_ns\":null,\"off_ns\":null,"
		  "\"size_bytes\":null,\"rid\":null}],"
		  "\"total\":{\"name\":\"total\",\"count\":386372,\"error\":null,\"mean\":null,"
		  "\"rate\":null,\"share\":null,\"took_ns\":null,\"off_ns\":null,"
		  "\"size_bytes\":null,\"rid\":null},"
		  "\"left_out\":7,\"notes\":[\"A note.\"]}},\"complete\":true,\"notes\":[]}\n"
		  "},\"trigger_monotonic_ns\":100000000000,"
		  "\"trigger_utc\":\"2026-11-20T10:00:00.000000000Z\",\"complete\":true,\"notes\":["
		  "]}\n");
}

/* What counts are divided by: a source for the table, another one for a row. */
static void json_says_where_counts_are_from(void)
{
	static const struct column columns[] = {{"count", "count", COLUMN_COUNT}};
	struct view_settings s = settings(REPORT_JSON, 0);

	table_done(&t);
	table_init(&t, "all", "All", columns, 1);
	t.counted_in = COUNTED_IN_TRACE;
	table_row(&t);
	table_u64(&t, 1);
	table_row(&t);
	table_row_counted_in(&t, COUNTED_IN_PACKETS);
	table_u64(&t, 2);
	s.from_ns = 99 * NSEC_PER_SEC;
	s.to_ns = 102 * NSEC_PER_SEC;
	s.covers[COUNTED_IN_PACKETS] = (struct cover){s.from_ns, s.from_ns + NSEC_PER_SEC};
	s.covers[COUNTED_IN_TRACE] = (struct cover){s.to_ns, s.to_ns}; /* one record: no time */
	CHECK_STR(show(&s),
		  "{\"reports\":{\n"
		  "\"test\":{\"title\":\"A report\",\"tables\":{\n"
		  "\"all\":{\"title\":\"All\",\"columns\":["
		  "{\"key\":\"count\",\"title\":\"count\",\"type\":\"count\"}],"
		  "\"counted_in\":\"trace\",\"rows\":[\n"
		  "{\"count\":1}\n"
		  ",{\"count\":2,\"counted_in\":\"packets\"}],"
		  "\"left_out\":0,\"notes\":[]}},\"complete\":true,\"notes\":[]}\n"
		  "},\"window\":{\"from_monotonic_ns\":99000000000,"
		  "\"from_utc\":\"2026-11-20T09:59:59.000000000Z\","
		  "\"to_monotonic_ns\":102000000000,"
		  "\"to_utc\":\"2026-11-20T10:00:02.000000000Z\"},"
		  "\"covers\":{\"packets\":{\"from_monotonic_ns\":99000000000,"
		  "\"from_utc\":\"2026-11-20T09:59:59.000000000Z\","
		  "\"to_monotonic_ns\":100000000000,"
		  "\"to_utc\":\"2026-11-20T10:00:00.000000000Z\"}},"
		  "\"trigger_monotonic_ns\":100000000000,"
		  "\"trigger_utc\":\"2026-11-20T10:00:00.000000000Z\",\"complete\":true,\"notes\":["
		  "]}\n");
}

/* Durations. */

static const char *one_duration(uint64_t ns)
{
	static const struct column columns[] = {{"d_ns", "d", COLUMN_DURATION}};
	static char line[64];
	const char *s;

	table_done(&t);
	table_init(&t, "d", "D", columns, 1);
	table_row(&t);
	table_u64(&t, ns);
	s = show_as(REPORT_TEXT, 0);
	for (int i = 0; i < 3; i++)
		s = strchr(s, '\n') + 1;
	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(s, "\n"), s);
	return line;
}

static void durations_are_in_the_unit_of_their_size(void)
{
	CHECK_STR(one_duration(0), "0 ns");
	CHECK_STR(one_duration(999), "999 ns");
	CHECK_STR(one_duration(1000), "1 us");
	CHECK_STR(one_duration(1250000), "1.25 ms");
	CHECK_STR(one_duration(999999), "999.999 us");
	CHECK_STR(one_duration(999999400), "999.999 ms");
	CHECK_STR(one_duration(999999500), "1 s"); /* carried into the next unit */
	CHECK_STR(one_duration(20211400000), "20.211 s");
	CHECK_STR(one_duration(599 * NSEC_PER_SEC), "599 s");
	CHECK_STR(one_duration(725 * NSEC_PER_SEC), "12 min 5 s");
	CHECK(strlen(one_duration(UINT64_MAX)) > 0);
}

/* Times. */

static void make_times(void)
{
	static const struct column columns[] = {{"at_ns", "at", COLUMN_TIME},
						{"what", "what", COLUMN_TEXT}};

	table_done(&t);
	table_init(&t, "times", "Times", columns, 2);
	table_row(&t);
	table_u64(&t, TRIGGER_NS - 20211387500);
	table_text(&t, "before");
	table_row(&t);
	table_u64(&t, TRIGGER_NS);
	table_text(&t, "then");
	table_row(&t);
	table_u64(&t, TRIGGER_NS + 86400 * NSEC_PER_SEC);
	table_text(&t, "next day");
	table_row(&t);
	table_none(&t);
	table_text(&t, "some time");
}

static void times_are_of_the_day_and_from_the_trigger(void)
{
	struct view_settings s = settings(REPORT_TEXT, 80);

	make_times();
	CHECK_STR(show(&s), "Times\n"
			    "at (UTC)                      from trigger  what\n"
			    "--------------------------  --------------  ---------\n"
			    "09:59:39.788612                -20.211388s  before\n"
			    "10:00:00.000000                 +0.000000s  then\n"
			    "2026-11-21T10:00:00.000000  +86400.000000s  next day\n"
			    "-                                        -  some time\n");
}

/* Not "-0.000000s", nor as if it were the trigger. */
static void what_is_just_before_the_trigger_is_told_before_it(void)
{
	static const struct column columns[] = {{"at_ns", "at", COLUMN_TIME}};

	table_done(&t);
	table_init(&t, "times", "Times", columns, 1);
	table_row(&t);
	table_u64(&t, TRIGGER_NS - 1);
	table_row(&t);
	table_u64(&t, TRIGGER_NS + 1);
	CHECK(strstr(show_as(REPORT_TEXT, 80), "\n09:59:59.999999    -0.000001s\n"
					       "10:00:00.000000    +0.000000s\n"));
}

static void times_are_counted_from_boot_when_nothing_else_is_known(void)
{
	struct view_settings s = settings(REPORT_TEXT, 80);

	s.clock.real = NULL;
	s.clock.triggered = false;
	make_times();
	CHECK_STR(show(&s), "Times\n"
			    "at             what\n"
			    "-------------  ---------\n"
			    "@79.788612     before\n"
			    "@100.000000    then\n"
			    "@86500.000000  next day\n"
			    "-              some time\n");
	s.format = REPORT_CSV;
	CHECK_STR(show(&s), "at_ns,at_utc,what\r\n"
			    "79788612500,,before\r\n"
			    "100000000000,,then\r\n"
			    "86500000000000,,\"next day\"\r\n"
			    ",,\"some time\"\r\n");
}

static void times_for_programs_are_monotonic_and_utc(void)
{
	struct view_settings s = settings(REPORT_CSV, 0);

	s.clock.local = true; /* is for people */
	make_times();
	table_top(&t, 1);
	CHECK_STR(show(&s), "at_ns,at_utc,what\r\n"
			    "79788612500,2026-11-20T09:59:39.788612500Z,before\r\n");
	s.format = REPORT_JSON;
	CHECK(strstr(show(&s), "{\"at_ns\":79788612500,"
			       "\"at_utc\":\"2026-11-20T09:59:39.788612500Z\","
			       "\"what\":\"before\"}"));
}

static void local_times_are_of_the_reader_s_zone(void)
{
	struct view_settings s = settings(REPORT_TEXT, 80);

	setenv("TZ", "XYZ-3", 1); /* three hours ahead */
	tzset();
	s.clock.local = true;
	make_times();
	table_top(&t, 1);
	CHECK(strstr(show(&s), "\n12:59:39.788612   -20.211388s"));
	CHECK(!strstr(text_c(&out), "UTC"));
}

/* Widths. */

static void make_wide(void)
{
	static const struct column columns[] = {
		{"source", "source", COLUMN_TEXT},
		{"n", "records kept", COLUMN_COUNT},
		{"why", "why", COLUMN_TEXT},
	};

	table_done(&t);
	table_init(&t, "wide", "Wide", columns, 3);
	table_row(&t);
	table_text(&t, "trace.dat CPU 3");
	table_u64(&t, 7);
	table_text(&t, "more was said here than fits into the width of a small screen");
	table_row(&t);
	table_text(&t, "x");
	table_u64(&t, 12345678);
	table_text(&t, "unbrokenwordthatislongerthanitscolumncouldbe");
}

static void texts_go_on_below_on_a_narrow_screen(void)
{
	make_wide();
	CHECK_STR(show_as(REPORT_TEXT, 71),
		  "Wide\n"
		  "source            records  why\n"
		  "                     kept\n"
		  "---------------  --------  --------------------------------------------\n"
		  "trace.dat CPU 3         7  more was said here than fits into the width\n"
		  "                           of a small screen\n"
		  "x                12345678  unbrokenwordthatislongerthanitscolumncouldbe\n");
}

/* And where a word would have to be broken, a row has several lines. */
static void rows_fold_on_a_screen_too_narrow_for_their_words(void)
{
	make_wide();
	CHECK_STR(show_as(REPORT_TEXT, 60),
		  "Wide\n"
		  "source           records kept\n"
		  "    why\n"
		  "---------------  ------------\n"
		  "trace.dat CPU 3             7\n"
		  "    more was said here than fits into the width of a small\n"
		  "    screen\n"
		  "x                    12345678\n"
		  "    unbrokenwordthatislongerthanitscolumncouldbe\n");
	/* Only a word that is longer than the screen is broken. */
	CHECK(strstr(show_as(REPORT_TEXT, 44), "x                    12345678\n"
					       "    unbrokenwordthatislongerthanitscolumncou\n"
					       "    ldbe\n"));
	/* A line that would say nothing is left out; the first one is there. */
	table_row(&t);
	table_text(&t, "y");
	table_none(&t);
	table_none(&t);
	table_row(&t);
	table_text(&t, "");
	table_u64(&t, 3);
	table_text(&t, "z");
	CHECK(strstr(show_as(REPORT_TEXT, 60), "\ny                           -\n"
					       "                            3\n    z\n"));
}

static void flags_are_broken_between_two(void)
{
	static const struct column columns[] = {{"a", "a", COLUMN_COUNT}, {"f", "f", COLUMN_TEXT}};

	table_done(&t);
	table_init(&t, "flags", "Flags", columns, 2);
	table_row(&t);
	table_u64(&t, 1);
	table_text(&t, "valid_greeting|shutting_down|saw_greeting|saw_farewell");
	CHECK_STR(show_as(REPORT_TEXT, 44), "Flags\n"
					    "a  f\n"
					    "-  -----------------------------------------\n"
					    "1  valid_greeting|shutting_down|\n"
					    "   saw_greeting|saw_farewell\n");
}

static void without_a_screen_a_row_is_a_line(void)
{
	make_wide();
	CHECK_STR(show_as(REPORT_TEXT, 0),
		  "Wide\n"
		  "source           records kept  why\n"
		  "---------------  ------------  "
		  "-------------------------------------------------------------\n"
		  "trace.dat CPU 3             7  "
		  "more was said here than fits into the width of a small screen\n"
		  "x                    12345678  unbrokenwordthatislongerthanitscolumncouldbe\n");
}

static void no_line_is_wider_than_a_sane_screen(void)
{
	for (unsigned int screen = 40; screen < 160; screen++) {
		make_wide();
		table_note(&t, "A note of some words, which is itself too long for the screen "
			       "that some of these have.");
		for (const char *s = show_as(REPORT_TEXT, screen); *s; s += strcspn(s, "\n") + 1)
			CHECK(strcspn(s, "\n") <= screen);
	}
}

static void bars_shrink_and_the_least_still_shows(void)
{
	static const uint64_t values[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1, 1,
					  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 15, 15, 20, 20, 20};

	table_done(&t);
	table_bins(&t, "bins", "Bins", COLUMN_DURATION, values, ARRAY_SIZE(values), 2);
	CHECK_STR(show_as(REPORT_TEXT, 36), "Bins\n"
					    " from     to  count\n"
					    "-----  -----  -----  ---------------\n"
					    " 1 ns  11 ns     28  ###############\n"
					    "11 ns  20 ns      5  ###\n");
	table_sort(&t, "count", false);
	t.rows[0]->cells[3].d = 0.0001;
	CHECK(strstr(show_as(REPORT_TEXT, 36), "  #\n"));
}

static void empty_tables_say_so(void)
{
	make_wide();
	table_top(&t, 1);
	table_forget_rows(&t);
	t.left_out = 0;
	CHECK_STR(show_as(REPORT_TEXT, 80), "Wide\nnothing\n");
	CHECK_STR(show_as(REPORT_CSV, 80), "source,n,why\r\n");
	CHECK(strstr(show_as(REPORT_JSON, 80), "\"rows\":[],\"left_out\":0"));
}

static void the_time_of_day_stays_where_not_both_fit(void)
{
	static const struct column columns[] = {{"from_ns", "from", COLUMN_TIME},
						{"to_ns", "to", COLUMN_TIME},
						{"why", "why", COLUMN_TEXT}};

	table_done(&t);
	table_init(&t, "gap", "Gap", columns, 3);
	table_row(&t);
	table_u64(&t, TRIGGER_NS);
	table_u64(&t, TRIGGER_NS + NSEC_PER_SEC);
	table_text(&t, "some twenty letters.");
	CHECK_STR(show_as(REPORT_TEXT, 70),
		  "Gap\n"
		  "from (UTC)       from trigger  to (UTC)         why\n"
		  "---------------  ------------  ---------------  --------------------\n"
		  "10:00:00.000000    +0.000000s  10:00:01.000000  some twenty letters.\n");
	CHECK_STR(show_as(REPORT_TEXT, 46), "Gap\n"
					    "from (UTC)       to (UTC)         why\n"
					    "---------------  ---------------  ------------\n"
					    "10:00:00.000000  10:00:01.000000  some twenty\n"
					    "                                  letters.\n");
}

static void columns_without_content_and_titles_that_say_nothing_are_left_out(void)
{
	static const struct column columns[] = {
		{"a", "", COLUMN_TEXT}, {"b", "", COLUMN_COUNT}, {"c", "", COLUMN_TEXT}};

	table_done(&t);
	table_init(&t, "list", "List", columns, 3);
	table_row(&t);
	table_text(&t, "x");
	table_none(&t);
	table_text(&t, "y");
	CHECK_STR(show_as(REPORT_TEXT, 80), "List\nx  y\n");
	CHECK_STR(show_as(REPORT_CSV, 80), "a,b,c\r\nx,,y\r\n");
}

/* Strangers. */

static void make_hostile(void)
{
	static const char *const texts[] = {"\033[31mred\r\n\tx", "=1+1",    "+1", "-1",
					    "@SUM(A1)",		  "\t=1",    "\"", "caf\xc3\xa9",
					    "\xff\xfe",		  "<b>&\"'", "",   "a\nb"};
	static const struct column columns[] = {{"s", "s", COLUMN_TEXT}, {"n", "n", COLUMN_NUMBER}};

	table_done(&t);
	table_init(&t, "hostile", "Hostile", columns, 2);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		table_row(&t);
		table_text(&t, texts[i]);
		table_i64(&t, -1);
	}
	table_row(&t);
	table_text_n(&t, "a\0b", 3);
}

static void no_text_moves_the_cursor_or_a_column(void)
{
	make_hostile();
	CHECK_STR(show_as(REPORT_TEXT, 80), "Hostile\n"
					    "s              n\n"
					    "------------  --\n"
					    "?[31mred?  x  -1\n"
					    "=1+1          -1\n"
					    "+1            -1\n"
					    "-1            -1\n"
					    "@SUM(A1)      -1\n"
					    " =1           -1\n"
					    "\"             -1\n"
					    "caf\xc3\xa9          -1\n"
					    "??            -1\n"
					    "<b>&\"'        -1\n"
					    "              -1\n"
					    "a b           -1\n"
					    "a?b            -\n");
}

static void no_text_is_a_formula(void)
{
	make_hostile();
	CHECK_STR(show_as(REPORT_CSV, 80), "s,n\r\n"
					   "\"?[31mred?\n\tx\",-1\r\n"
					   "\"'=1+1\",-1\r\n"
					   "\"'+1\",-1\r\n"
					   "\"'-1\",-1\r\n"
					   "\"'@SUM(A1)\",-1\r\n"
					   "\"'\t=1\",-1\r\n"
					   "\"\"\"\",-1\r\n"
					   "caf\xc3\xa9,-1\r\n"
					   "??,-1\r\n"
					   "\"<b>&\"\"'\",-1\r\n"
					   "\"\",-1\r\n"
					   "\"a\nb\",-1\r\n"
					   "a?b,\r\n");
}

/* Documents of several tables, rows shown as they come. */

static void show_document(enum report_format format)
{
	static const struct column columns[] = {{"a", "a", COLUMN_TEXT}, {"b", "b", COLUMN_COUNT}};
	static const char *const notes[] = {"One source could not be read."};
	struct view_settings s = settings(format, 80);
	struct view v;

	text_reset(&out);
	view_begin(&v, &s, &out);
	for (int report = 0; report < 2; report++) {
		view_report(&v, report ? "two" : "one", "Title");
		for (int table = 0; table < 2; table++) {
			table_done(&t);
			table_init(&t, table ? "y" : "x", "Rows", columns, 2);
			for (unsigned int i = 0; i < 4; i++) {
				table_row(&t);
				table_text(&t, i ? "text" : "a wider text");
				table_u64(&t, i * 100);
				if (table)
					continue;
				view_rows(&v, &t);
				table_forget_rows(&t);
			}
			view_table_end(&v, &t);
		}
		view_report_end(&v, !report, notes, (size_t)report);
	}
	view_end(&v, false, notes, 1);
}

static void rows_may_be_shown_as_they_come(void)
{
	show_document(REPORT_TEXT);
	CHECK_STR(text_c(&out), "Rows\n"
				"a             b\n"
				"------------  -\n"
				"a wider text  0\n"
				"text          100\n"
				"text          200\n"
				"text          300\n"
				"\n"
				"Rows\n"
				"a               b\n"
				"------------  ---\n"
				"a wider text    0\n"
				"text          100\n"
				"text          200\n"
				"text          300\n"
				"\n"
				"Rows\n"
				"a             b\n"
				"------------  -\n"
				"a wider text  0\n"
				"text          100\n"
				"text          200\n"
				"text          300\n"
				"\n"
				"Rows\n"
				"a               b\n"
				"------------  ---\n"
				"a wider text    0\n"
				"text          100\n"
				"text          200\n"
				"text          300\n"
				"\n"
				"One source could not be read.\n"
				"\n"
				"One source could not be read.\n");
	show_document(REPORT_CSV);
	CHECK_STR(text_c(&out),
		  "a,b\r\n\"a wider text\",0\r\ntext,100\r\ntext,200\r\ntext,300\r\n"
		  "\r\n# one.y\r\n"
		  "a,b\r\n\"a wider text\",0\r\ntext,100\r\ntext,200\r\ntext,300\r\n"
		  "\r\n# two.x\r\n"
		  "a,b\r\n\"a wider text\",0\r\ntext,100\r\ntext,200\r\ntext,300\r\n"
		  "\r\n# two.y\r\n"
		  "a,b\r\n\"a wider text\",0\r\ntext,100\r\ntext,200\r\ntext,300\r\n");
}

static void colors_only_where_they_were_asked_for(void)
{
	struct view_settings s = settings(REPORT_TEXT, 80);

	make_times();
	table_mark(&t, ROW_BAD);
	CHECK(!strchr(show(&s), '\033'));
	s.color = true;
	CHECK(strstr(show(&s), "\033[1;31m-  "));
	CHECK(strstr(text_c(&out), "\033[1mTimes\033[0m\n"));
}

static int print(const char *format)
{
	if (!strcmp(format, "hostile-csv") || !strcmp(format, "hostile-json")) {
		make_hostile();
		(void)show_as(strcmp(format, "hostile-csv") ? REPORT_JSON : REPORT_CSV, 0);
	} else if (!strcmp(format, "all-csv") || !strcmp(format, "all-json")) {
		make_all_types();
		(void)show_as(strcmp(format, "all-csv") ? REPORT_JSON : REPORT_CSV, 0);
	} else {
		show_document(strcmp(format, "csv") ? REPORT_JSON : REPORT_CSV);
	}
	return fwrite(text_c(&out), 1, out.len, stdout) != out.len;
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST(text_shows_every_type),
		TEST(csv_is_raw),
		TEST(json_is_raw),
		TEST(json_says_where_counts_are_from),
		TEST(durations_are_in_the_unit_of_their_size),
		TEST(times_are_of_the_day_and_from_the_trigger),
		TEST(what_is_just_before_the_trigger_is_told_before_it),
		TEST(times_are_counted_from_boot_when_nothing_else_is_known),
		TEST(times_for_programs_are_monotonic_and_utc),
		TEST(local_times_are_of_the_reader_s_zone),
		TEST(texts_go_on_below_on_a_narrow_screen),
		TEST(rows_fold_on_a_screen_too_narrow_for_their_words),
		TEST(flags_are_broken_between_two),
		TEST(without_a_screen_a_row_is_a_line),
		TEST(no_line_is_wider_than_a_sane_screen),
		TEST(bars_shrink_and_the_least_still_shows),
		TEST(empty_tables_say_so),
		TEST(the_time_of_day_stays_where_not_both_fit),
		TEST(columns_without_content_and_titles_that_say_nothing_are_left_out),
		TEST(no_text_moves_the_cursor_or_a_column),
		TEST(no_text_is_a_formula),
		TEST(rows_may_be_shown_as_they_come),
		TEST(colors_only_where_they_were_asked_for),
	};

	return argc > 1 ? print(argv[1]) : test_main(cases, ARRAY_SIZE(cases));
}
