/* SPDX-License-Identifier: GPL-2.0-only */
/* Strings, errors, and the numbers people write: expected values worked out by hand or by date(1).
 */
#include <errno.h>

#include "base/text.h"
#include "test.h"

static void error_is_a_sentence(void)
{
	struct err e = {0};

	CHECK_EQ(err_errno(&e, -ENOENT, "cannot open %s", "/x"), -ENOENT);
	CHECK_EQ(e.code, -ENOENT);
	CHECK_STR(e.text, "cannot open /x: No such file or directory");
	CHECK_EQ(err_context(&e, "reading %d files", 3), -ENOENT);
	CHECK_STR(e.text, "reading 3 files: cannot open /x: No such file or directory");
	CHECK_EQ(err_set(&e, -EIO, "again: %s", e.text), -EIO);
	CHECK_STR(e.text, "again: reading 3 files: cannot open /x: No such file or directory");
	err_clear(&e);
	CHECK_EQ(e.code, 0);
	CHECK_STR(e.text, "");
}

static void error_may_be_unwanted(void)
{
	CHECK_EQ(err_set(NULL, -EIO, "x"), -EIO);
	CHECK_EQ(err_errno(NULL, -EIO, "x"), -EIO);
	CHECK_EQ(err_nomem(NULL), -ENOMEM);
	CHECK(err_context(NULL, "x") < 0);
	err_clear(NULL);
}

/* Filled with a two-byte character, at both parities, so that one of the cuts falls inside. */
static void error_is_cut_between_characters(void)
{
	char s[4000];
	struct err e;

	for (int shift = 0; shift < 2; shift++) {
		for (size_t i = 0; i + 2 < sizeof(s); i += 2)
			memcpy(s + i, "\xc3\xa9", 3);
		(void)err_set(&e, -EIO, "%s%s", shift ? "x" : "", s);
		size_t n = strlen(e.text);

		CHECK(n < sizeof(e.text) && n > sizeof(e.text) - 8);
		CHECK_STR(e.text + n - 3, "...");
		CHECK_EQ((unsigned char)e.text[n - 4], 0xa9);
		for (int i = 0; i < 3; i++)
			(void)err_context(&e, "around");
		CHECK(str_starts(e.text, "around: around: around: "));
		CHECK_STR(e.text + strlen(e.text) - 3, "...");
	}
}

static void text_grows(void)
{
	struct text t = {0};

	CHECK_STR(text_c(&t), "");
	for (int i = 0; i < 1000; i++)
		text_printf(&t, "%03d,", i);
	CHECK_EQ(t.len, 4000);
	CHECK(memcmp(t.s + 4 * 517, "517,", 4) == 0);
	text_add(&t, "a\0b", 3);
	CHECK_EQ(t.len, 4003);
	CHECK_EQ(t.s[4003], 0);
	CHECK(text_ok(&t));
	text_reset(&t);
	CHECK_STR(text_c(&t), "");
	text_free(&t);
	CHECK(!t.s);
}

static void text_remembers_failure(void)
{
	struct text t = {0};

	text_str(&t, "kept");
	text_add(&t, "x", SIZE_MAX);
	CHECK(!text_ok(&t));
	text_str(&t, "not added");
	text_printf(&t, "%d", 1);
	CHECK_STR(text_c(&t), "kept");
	CHECK(!text_ok(&t));
	text_reset(&t);
	CHECK(text_ok(&t));
	text_free(&t);
}

static void whole_numbers(void)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x10", "1.0", "x"};
	uint64_t v = 7;

	CHECK_EQ(parse_u64("18446744073709551615", &v), 0);
	CHECK(v == UINT64_MAX);
	CHECK_EQ(parse_u64("18446744073709551616", &v), -ERANGE);
	CHECK_EQ(parse_u64("99999999999999999999", &v), -ERANGE);
	CHECK(v == UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_EQ(parse_u64(bad[i], &v), -EINVAL);
}

struct reading {
	const char *s;
	int r;
	uint64_t v;
};

static void sizes(void)
{
	static const struct reading cases[] = {
		{"4096", 0, 4096},	  {"0", 0, 0},
		{"12B", 0, 12},		  {"64M", 0, 67108864},
		{"1.5G", 0, 1610612736},  {"10KiB", 0, 10240},
		{"10kb", 0, 10240},	  {"0.1K", 0, 102},
		{"2t", 0, 2199023255552}, {"16383.999999999P", 0, UINT64_C(18446744073708425716)},
		{"16384P", -ERANGE, 0},	  {"18446744073709551616", -ERANGE, 0},
		{"1.5", -EINVAL, 0},	  {"1.G", -EINVAL, 0},
		{".5G", -EINVAL, 0},	  {"1.0000000001G", -EINVAL, 0},
		{"-1", -EINVAL, 0},	  {"1 G", -EINVAL, 0},
		{"1GG", -EINVAL, 0},	  {"1s", -EINVAL, 0},
		{"", -EINVAL, 0},	  {"G", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 0;

		CHECK_EQ(parse_size(cases[i].s, &v), cases[i].r);
		CHECK_EQ(v, cases[i].v);
	}
}

static void durations(void)
{
	static const struct reading cases[] = {
		{"90", 0, 90000000000},
		{"1.5s", 0, 1500000000},
		{"0.000000001s", 0, 1},
		{"250ms", 0, 250000000},
		{"10us", 0, 10000},
		{"40ns", 0, 40},
		{"2m", 0, 120000000000},
		{"2min", 0, 120000000000},
		{"1h", 0, 3600000000000},
		{"3d", 0, 259200000000000},
		{"0", 0, 0},
		{"213504d", -ERANGE, 0},
		{"18446744074", -ERANGE, 0},
		{"1.5ns", -EINVAL, 0},
		{"1M", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"1s ", -EINVAL, 0},
		{"s", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 0;

		CHECK_EQ(parse_duration(cases[i].s, &v), cases[i].r);
		CHECK_EQ(v, cases[i].v);
	}
}

/* date -u -d '2026-11-20 10:00:02' +%s is 1795168802; 2024 was a leap year; 2^64 ns end in 2554. */
static void times_of_day(void)
{
	char b[32], small[11];

	CHECK_STR(format_utc(UINT64_C(1795168802123456789), b, sizeof(b)),
		  "2026-11-20T10:00:02.123456Z");
	CHECK_STR(format_utc(UINT64_C(1709164800000000000), b, sizeof(b)),
		  "2024-02-29T00:00:00.000000Z");
	CHECK_STR(format_utc(0, b, sizeof(b)), "1970-01-01T00:00:00.000000Z");
	CHECK_STR(format_utc(UINT64_MAX, b, sizeof(b)), "2554-07-21T23:34:33.709551Z");
	CHECK_STR(format_utc(0, small, sizeof(small)), "1970-01-01");
}

static void amounts_for_people(void)
{
	char b[32];

	CHECK_STR(format_bytes(0, b, sizeof(b)), "0 B");
	CHECK_STR(format_bytes(1023, b, sizeof(b)), "1023 B");
	CHECK_STR(format_bytes(1024, b, sizeof(b)), "1 KiB");
	CHECK_STR(format_bytes(1610612736, b, sizeof(b)), "1.5 GiB");
	CHECK_STR(format_bytes(1048575, b, sizeof(b)), "1 MiB");
	CHECK_STR(format_bytes(UINT64_MAX, b, sizeof(b)), "16 EiB");
	CHECK_STR(format_count(999, b, sizeof(b)), "999");
	CHECK_STR(format_count(1249, b, sizeof(b)), "1.2 k");
	CHECK_STR(format_count(1200000, b, sizeof(b)), "1.2 M");
	CHECK_STR(format_count(999999, b, sizeof(b)), "1 M");
	CHECK_STR(format_count(UINT64_MAX, b, sizeof(b)), "18.4 E");
}

static void durations_for_people(void)
{
	static const struct {
		uint64_t ns;
		const char *want;
	} cases[] = {
		{0, "0 ns"},
		{850, "850 ns"},
		{1500, "1.5 us"},
		{2500000, "2.5 ms"},
		{999960000, "1 s"},
		{12400000000, "12.4 s"},
		{59940000000, "59.9 s"},
		{59960000000, "1 min"},
		{200000000000, "3 min 20 s"},
		{180000000000, "3 min"},
		{3599600000000, "1 h"},
		{5400000000000, "1 h 30 min"},
		{352800000000000, "4 d 2 h"},
		{86399999999999, "1 d"},
	};
	char b[32];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR(format_duration(cases[i].ns, b, sizeof(b)), cases[i].want);
}

static void suggests_what_was_meant(void)
{
	static const char *const names[] = {"record", "report", "recover",
					    "status", "stop",	"client-reconnect-timeout"};
	const size_t n = ARRAY_SIZE(names);

	CHECK_STR(nearest_name("recrod", names, n), "record");
	CHECK_STR(nearest_name("STATSU", names, n), "status");
	CHECK_STR(nearest_name("recovr", names, n), "recover");
	CHECK_STR(nearest_name("stpo", names, n), "stop");
	CHECK_STR(nearest_name("client_reconect_timeot", names, n), "client-reconnect-timeout");
	/* A swap is one edit, two replacements are two. */
	CHECK_STR(nearest_name("foramt", (const char *const[]){"foraxx", "format"}, 2), "format");
	CHECK(!nearest_name("bundle", names, n));
	CHECK(!nearest_name("r", names, n));
	CHECK(!nearest_name("", names, n));
	CHECK(!nearest_name("record", names, 0));
}

static void says_what_there_is_instead(void)
{
	static const char *const names[] = {"stat", "vmstat"};
	struct err e;

	CHECK_EQ(no_such_name(&e, "series", "vmstats", names, 2, NULL), -EINVAL);
	CHECK_STR(e.text, "there is no series 'vmstats'; did you mean 'vmstat'?");
	CHECK_EQ(no_such_name(&e, "series", "vmstats", names, 2, "See there"), -EINVAL);
	CHECK_STR(e.text, "there is no series 'vmstats'; did you mean 'vmstat'? See there");
	CHECK_EQ(no_such_name(&e, "series", "ext4", names, 2, NULL), -EINVAL);
	CHECK_STR(e.text, "there is no series 'ext4'; there are stat, vmstat");
	CHECK_EQ(no_such_name(&e, "series", "ext4", names, 2, "See there"), -EINVAL);
	CHECK_STR(e.text, "there is no series 'ext4'; there are stat, vmstat. See there");
	CHECK_EQ(no_such_name(NULL, "series", "ext4", names, 2, NULL), -EINVAL);
}

/* Wide characters take two columns, combining ones none; a character is not divided. */
static void text_knows_its_columns(void)
{
	static const char wide[] = "\xe4\xb8\xad\xe4\xb8\xad"; /* two of U+4E2D */
	static const char combined[] = "e\xcc\x81x";	       /* e, U+0301, x */

	CHECK_EQ(text_width("abc", 3), 3);
	CHECK_EQ(text_width(wide, 6), 4);
	CHECK_EQ(text_width(combined, 4), 2);
	CHECK_EQ(text_fitting("abc", 3, 2), 2);
	CHECK_EQ(text_fitting(wide, 6, 4), 6);
	CHECK_EQ(text_fitting(wide, 6, 3), 3);
	CHECK_EQ(text_fitting(wide, 6, 1), 0);
	CHECK_EQ(text_fitting(combined, 4, 1), 3);
	CHECK_EQ(text_fitting("", 0, 5), 0);
}

static void numbers_are_taken_from_bytes_without_an_end(void)
{
	static const char bytes[] = {'1', '2', ',', '3', '4', '5'};
	const char *at = bytes, *big = "18446744073709551616";
	uint64_t v = 7;

	CHECK(parse_u64_at(&at, bytes + sizeof(bytes), &v));
	CHECK(v == 12 && at == bytes + 2);
	CHECK(!parse_u64_at(&at, bytes + sizeof(bytes), &v));
	CHECK(v == 12 && at == bytes + 2);
	at++;
	CHECK(parse_u64_at(&at, bytes + 5, &v)); /* not the last one, which is not ours */
	CHECK(v == 34 && at == bytes + 5);
	CHECK(!parse_u64_at(&at, bytes + 5, &v));
	CHECK(!parse_u64_at(&big, big + 20, &v));
	CHECK(parse_u64_at(&big, big + 19, &v) && v == UINT64_C(1844674407370955161));
	CHECK(hex_digit('0') == 0 && hex_digit('9') == 9 && hex_digit('a') == 10);
	CHECK(hex_digit('F') == 15 && hex_digit('g') == -1 && hex_digit('/') == -1);
}

/* From anywhere, and safe to show: no control characters, nothing that turns the text around. */
static void what_could_fool_a_terminal_is_replaced(void)
{
	static const char from[] = "a\x1b[2Jb\xc2\x9b"
				   "c\xe2\x80\xae"
				   "d\xe2\x81\xa6"
				   "e\xd8\x9c"
				   "f\xff"
				   "g\xc3\xbc"
				   "h\n";
	CLEANUP(text_free) struct text one = {0}, lines = {0};

	text_add_clean(&one, from, sizeof(from) - 1, false);
	CHECK_STR(text_c(&one), "a?[2Jb?c?d?e?f?g\xc3\xbch?");
	text_add_clean(&lines, from, sizeof(from) - 1, true);
	CHECK_STR(text_c(&lines), "a?[2Jb?c?d?e?f?g\xc3\xbch\n");
}

TEST_MAIN(TEST(numbers_are_taken_from_bytes_without_an_end),
	  TEST(what_could_fool_a_terminal_is_replaced), TEST(text_knows_its_columns),
	  TEST(error_is_a_sentence), TEST(error_may_be_unwanted),
	  TEST(error_is_cut_between_characters), TEST(text_grows), TEST(text_remembers_failure),
	  TEST(whole_numbers), TEST(sizes), TEST(durations), TEST(times_of_day),
	  TEST(amounts_for_people), TEST(durations_for_people), TEST(suggests_what_was_meant),
	  TEST(says_what_there_is_instead))
