/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON: the grammar of RFC 8259 case by case, hostile bytes, and, where
 * python3 is there, its own reader's opinion of what the writer wrote.
 */
#include <errno.h>

#include "base/json.h"
#include "test.h"

static int parse(const char *s, size_t n, struct json_doc **ret)
{
	struct err e = {0};
	int r = json_parse(s, n, ret, &e);

	if (r != e.code)
		abort();
	return r;
}

/* Parse and write again, compactly; "(error)" if it does not parse. */
static const char *round_trip_n(const char *s, size_t n)
{
	static struct text t;
	CLEANUP(json_doc_freep) struct json_doc *d = NULL;
	struct json_writer w;

	text_reset(&t);
	if (parse(s, n, &d) < 0)
		return "(error)";
	json_begin(&w, &t, false);
	json_copy(&w, json_root(d));
	return text_c(&t);
}

static const char *round_trip(const char *s)
{
	return round_trip_n(s, strlen(s));
}

static void writer_nests(void)
{
	CLEANUP(text_free) struct text t = {0};
	struct json_writer w;

	json_begin(&w, &t, false);
	json_object(&w);
	json_kv_str(&w, "s", "a\"b\\c/\n\t\b\f\r\x01\x7f");
	json_kv_str(&w, "none", NULL);
	json_kv_u64(&w, "u", UINT64_MAX);
	json_kv_i64(&w, "i", INT64_MIN);
	json_kv_bool(&w, "t", true);
	json_key(&w, "list");
	json_array(&w);
	json_u64(&w, 1);
	json_array(&w);
	json_array_end(&w);
	json_object(&w);
	json_object_end(&w);
	json_bool(&w, false);
	json_array_end(&w);
	json_object_end(&w);
	CHECK_STR(text_c(&t), "{\"s\":\"a\\\"b\\\\c/\\n\\t\\b\\f\\r\\u0001\\u007f\",\"none\":null,"
			      "\"u\":18446744073709551615,\"i\":-9223372036854775808,\"t\":true,"
			      "\"list\":[1,[],{},false]}");
}

static void writer_indents(void)
{
	CLEANUP(text_free) struct text t = {0};
	struct json_writer w;

	json_begin(&w, &t, true);
	json_object(&w);
	json_kv_u64(&w, "a", 1);
	json_key(&w, "b");
	json_array(&w);
	json_u64(&w, 2);
	json_u64(&w, 3);
	json_array_end(&w);
	json_key(&w, "c");
	json_object(&w);
	json_object_end(&w);
	json_object_end(&w);
	CHECK_STR(text_c(&t), "{\n  \"a\": 1,\n  \"b\": [\n    2,\n    3\n  ],\n  \"c\": {}\n}");
}

#define BAD "\xef\xbf\xbd"

/* What stands in the string, and what must come out: each byte outside a well-formed character is
 * replaced. */
static void writer_mends_utf8(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7",
		 "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7"},
		{"\xff"
		 "a\xfe",
		 BAD "a" BAD},
		{"\x80", BAD},
		/* CSI, which begins a terminal's command, and its neighbours. */
		{"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\\u0080\\u009b\\u009f\xc2\xa0"},
		{"\xc0\xaf", BAD BAD},	       /* overlong '/' */
		{"\xe0\x80\xaf", BAD BAD BAD}, /* and again */
		{"\xf0\x80\x80\xaf", BAD BAD BAD BAD},
		{"\xed\xa0\x80", BAD BAD BAD},		  /* a surrogate */
		{"\xf4\x90\x80\x80", BAD BAD BAD BAD},	  /* above U+10FFFF */
		{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"}, /* U+10FFFF */
		{"\xe2\x82", BAD BAD},			  /* cut off */
		{"\xe2\x82"
		 "a",
		 BAD BAD "a"},
		{"\xc3", BAD},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(text_free) struct text t = {0};
		struct json_writer w;
		char want[64];

		json_begin(&w, &t, false);
		json_str(&w, cases[i].in);
		(void)snprintf(want, sizeof(want), "\"%s\"", cases[i].out);
		CHECK_STR(text_c(&t), want);
	}
}

/* Every byte value, alone and in pairs, in a key and in a value: python's reader must accept all of
 * it. */
static void python_reads_what_is_written(void)
{
	CLEANUP(text_free) struct text t = {0};
	struct json_writer w;
	FILE *p;

	if (system("python3 -c pass 2>/dev/null") != 0) {
		printf("# python3 is not there: not compared\n");
		return;
	}
	json_begin(&w, &t, true);
	json_array(&w);
	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b += 5) {
			char s[3] = {(char)a, (char)b, 'x'},
			     key[3] = {(char)(a ? a : 1), (char)b, '\0'};

			json_object(&w);
			json_key(&w, key);
			json_str_n(&w, s, sizeof(s));
			json_object_end(&w);
		}
	json_array_end(&w);
	CHECK(text_ok(&t));
	p = popen("python3 -c 'import json, sys; d = "
		  "json.loads(sys.stdin.buffer.read().decode(\"utf-8\"));"
		  "sys.exit(0 if len(d) == 256 * 52 and all(list(m.values())[0][-1] == \"x\" for m "
		  "in d) else 1)'",
		  "we");
	CHECK(p);
	CHECK_EQ(fwrite(t.s, 1, t.len, p), t.len);
	CHECK_EQ(pclose(p), 0);
	CHECK(round_trip_n(t.s, t.len)[0] == '[');
}

static void reader_accepts_the_grammar(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"null", "null"},
		{" \t\r\n true \n", "true"},
		{"false", "false"},
		{"0", "0"},
		{"-0", "-0"},
		{"-12.50e+03", "-12.50e+03"},
		{"1E9", "1E9"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"\"\"", "\"\""},
		{"[ ]", "[]"},
		{"{ }", "{}"},
		{"[1 , 2,[3],{\"a\" : 4}]", "[1,2,[3],{\"a\":4}]"},
		{"{\"a\":1,\"a\":2,\"\":3}", "{\"a\":1,\"a\":2,\"\":3}"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
		{"\"\\u0041\\u00e9\\u20AC\\uD83d\\uDC27\"",
		 "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7\""},
		{"\"\\u0000x\"", "\"" BAD "x\""}, /* must not hide the x */
		{"\"\xc3\xa9\x7f\"", "\"\xc3\xa9\\u007f\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR(round_trip(cases[i].in), cases[i].out);
}

static void reader_refuses_the_rest(void)
{
	static const char *const cases[] = {
		"",
		" ",
		"nul",
		"nulL",
		"True",
		"truex",
		"tru",
		"01",
		"-",
		"-a",
		"+1",
		"1.",
		".5",
		"1e",
		"1e+",
		"1.e3",
		"0x1",
		"NaN",
		"Infinity",
		"1 2",
		"[1,]",
		"[,1]",
		"[1 2]",
		"[",
		"[1",
		"]",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,}",
		"{,}",
		"{a:1}",
		"{1:1}",
		"{\"a\" 1}",
		"{\"a\":1 \"b\":2}",
		"[1}",
		"{\"a\":1]",
		"\"",
		"\"a",
		"\"\\",
		"\"\\\"",
		"\"\\x41\"",
		"\"\\u12\"",
		"\"\\u123g\"",
		"\"\\u123",
		"\"\\U0041\"",
		"\"\\ud83d\"",
		"\"\\ud83dx\"",
		"\"\\ud83d\\n\"",
		"\"\\ud83d\\u0041\"",
		"\"\\udc27\"",
		"\"\\udc27\\ud83d\"",
		"\"\\udc27\\udc27\"",
		"\"\t\"",
		"\"\n\"",
		"\"\x1f\"",
		"\"\x80\"",
		"\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xe2\x82\"",
		"\"\xff\"",
		("\xef\xbb\xbf"
		 "1"),
		"'a'",
		"// x\n1",
		"1 // x",
		"/**/1",
		"\v1",
		"[1]x",
		"\xff",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_doc *d = NULL;

		if (parse(cases[i], strlen(cases[i]), &d) != -EBADMSG)
			printf("# case %zu: %s\n", i, cases[i]);
		CHECK_EQ(parse(cases[i], strlen(cases[i]), &d), -EBADMSG);
		CHECK(!d);
	}
	CHECK_STR(round_trip_n("1\0", 2), "(error)");
	CHECK_STR(round_trip_n("\"a\0b\"", 5), "(error)");
	CHECK_STR(round_trip_n("\"\\\0\"", 4), "(error)");
}

static void errors_name_the_place(void)
{
	struct json_doc *d = NULL;
	struct err e = {0};

	CHECK_EQ(json_parse("{\n \"a\": tru\n}", 13, &d, &e), -EBADMSG);
	CHECK_STR(e.text, "not usable as JSON: an unexpected character at byte 8, line 2");
}

static int parse_levels(size_t levels)
{
	CLEANUP(json_doc_freep) struct json_doc *d = NULL;
	CLEANUP(freep) char *s = malloc(levels * 2 + 1);

	if (!s)
		abort();
	memset(s, '[', levels);
	memset(s + levels, ']', levels);
	return parse(s, levels * 2, &d);
}

static int parse_elements(size_t count)
{
	CLEANUP(json_doc_freep) struct json_doc *d = NULL;
	CLEANUP(freep) char *s = malloc(count * 2 + 1);

	if (!s)
		abort();
	for (size_t i = 0; i < count; i++)
		memcpy(s + i * 2, ",1", 2);
	s[0] = '[';
	s[count * 2] = ']';
	return parse(s, count * 2 + 1, &d);
}

static void limits_hold(void)
{
	CLEANUP(freep) char *s = malloc(1000000);
	struct json_doc *d = NULL;

	CHECK(s);
	CHECK_EQ(parse_levels(64), 0);
	CHECK_EQ(parse_levels(65), -E2BIG);
	memset(s, '[', 1000000);
	CHECK_EQ(parse(s, 1000000, &d), -E2BIG);
	CHECK_EQ(parse_elements(999999), 0);
	CHECK_EQ(parse_elements(1000000), -E2BIG);
}

static void values_are_found(void)
{
	static const char s[] =
		"{\"s\":\"x\",\"u\":18446744073709551615,\"i\":-9223372036854775808,\"b\":true,"
		"\"big\":18446744073709551616,\"f\":1.5,\"e\":1e3,\"n\":-1,\"z\":-0,\"o\":{\"k\":"
		"\"v\"},"
		"\"low\":-9223372036854775809,\"s\":\"second\",\"null\":null,\"a\":[1]}";
	CLEANUP(json_doc_freep) struct json_doc *d = NULL;
	const struct json_value *o;

	CHECK_EQ(parse(s, sizeof(s) - 1, &d), 0);
	o = json_root(d);
	CHECK_STR(json_get_str(o, "s", "no"), "x");
	CHECK_STR(json_get_str(o, "u", "no"), "no");
	CHECK_STR(json_get_str(json_get(o, "o"), "k", "no"), "v");
	CHECK_STR(json_get_str(json_get(o, "missing"), "k", "no"), "no");
	CHECK_STR(json_get_str(json_get(o, "a"), "k", "no"), "no");
	CHECK(json_get_u64(o, "u", 5) == UINT64_MAX);
	CHECK_EQ(json_get_u64(o, "big", 5), 5);
	CHECK_EQ(json_get_u64(o, "f", 5), 5);
	CHECK_EQ(json_get_u64(o, "e", 5), 5);
	CHECK_EQ(json_get_u64(o, "n", 5), 5);
	CHECK_EQ(json_get_u64(o, "s", 5), 5);
	CHECK_EQ(json_get_i64(o, "i", 5), INT64_MIN);
	CHECK_EQ(json_get_i64(o, "n", 5), -1);
	CHECK_EQ(json_get_i64(o, "z", 5), 0);
	CHECK_EQ(json_get_i64(o, "low", 5), 5);
	CHECK_EQ(json_get_i64(o, "u", 5), 5);
	CHECK(json_get_bool(o, "b", false));
	CHECK(json_get_bool(o, "null", true));
	CHECK(!json_get(NULL, "x"));
}

/* The writer goes 31 deep, the reader 64: what does not fit is replaced, not overrun. */
static void deep_copy_is_cut(void)
{
	char s[129], want[129];

	memset(s, '[', 40);
	memset(s + 40, ']', 40);
	s[80] = '\0';
	memset(want, '[', 31);
	memcpy(want + 31, "null", 4);
	memset(want + 35, ']', 31);
	want[66] = '\0';
	CHECK_STR(round_trip(s), want);
}

/* Cut and altered documents, from a heap block of exactly their size: for the sanitizers to watch.
 */
static void damaged_documents_are_survived(void)
{
	static const char s[] = "{\"a\":[1,-2.5e3,\"x\\u20ac\\ud83d\\udc27\\n\xc3\xa9\",{\"b\":"
				"null}],\"c\":true,\"d\":\"\"}";
	const size_t n = sizeof(s) - 1;
	uint32_t random = 1;
	unsigned parsed = 0;

	for (int i = 0; i < 20000; i++) {
		size_t len = i < (int)n ? (size_t)i : n;
		CLEANUP(freep) char *copy = malloc(len ? len : 1);
		CLEANUP(json_doc_freep) struct json_doc *d = NULL;

		CHECK(copy);
		memcpy(copy, s, len);
		for (int j = 0; len && i >= (int)n && j < 2; j++) {
			random = random * 1664525u + 1013904223u;
			copy[(random >> 8) % len] = (char)(random >> 24);
		}
		parsed += parse(copy, len, &d) == 0;
	}
	CHECK(parsed > 0 && parsed < 20000);
	CHECK(round_trip(s)[0] == '{');
}

TEST_MAIN(TEST(writer_nests), TEST(writer_indents), TEST(writer_mends_utf8),
	  TEST(python_reads_what_is_written), TEST(reader_accepts_the_grammar),
	  TEST(reader_refuses_the_rest), TEST(errors_name_the_place), TEST(limits_hold),
	  TEST(values_are_found), TEST(deep_copy_is_cut), TEST(damaged_documents_are_survived))
