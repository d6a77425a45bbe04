/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event formats: every one of the captures, field by field, beside what libtraceevent makes of it;
 * fields of real events beside the text that the kernel itself printed of them; and hand-made
 * formats for what the captures do not have.
 */
#include <errno.h>
#include <traceevent/event-parse.h>

#include "format/event.h"
#include "format/ringpage.h"
#include "realdata.h"
#include "test.h"

#define PAGE 4096
#define FORMATS_MAX 1024

static const struct ringpage_layout layout = {
	.page_bytes = PAGE, .commit_offset = 8, .commit_bytes = 8, .data_offset = 16};

static struct {
	struct realdata tar;
	struct realdata_file files[FORMATS_MAX];
	char systems[FORMATS_MAX][32];
	struct tracedat_read_format formats[FORMATS_MAX];
	struct tracedat_read_head head;
	struct event_table table;
} real;

static void real_load(void)
{
	struct realdata_file file;
	size_t at = 0, n = 0;

	real.tar = realdata_load("real/events.tar.zst");
	while (realdata_tar_next(&real.tar, &at, &file)) {
		char event[128];
		int end = 0;

		real.files[n] = file;
		if (sscanf(file.name, "events/%31[^/]/%127[^/]/format%n", real.systems[n], event,
			   &end) != 2 ||
		    !end || file.name[end]) {
			free(file.text);
			continue;
		}
		real.formats[n] = (struct tracedat_read_format){
			.system = {real.systems[n], strlen(real.systems[n])},
			.text = {file.text, file.n}};
		n++;
	}
	real.head = (struct tracedat_read_head){.formats = real.formats, .format_count = n};
	if (event_table_read(&real.head, &real.table, NULL) < 0)
		realdata_die("events", "cannot be read");
}

static void real_free(void)
{
	event_table_done(&real.table);
	for (size_t i = 0; i < real.head.format_count; i++)
		free(real.files[i].text);
	realdata_free(&real.tar);
}

static bool field_same(const struct event_field *got, const struct tep_format_field *want)
{
	if (strcmp(got->name, want->name) != 0 || got->offset != (uint32_t)want->offset ||
	    got->bytes != (uint32_t)want->size)
		return false;
	/* Bytes (u8) are strings to libtraceevent, but not here. */
	if (got->is_string != (want->flags & TEP_FIELD_IS_STRING && strstr(want->type, "char")))
		return false;
	if (got->is_signed != !!(want->flags & TEP_FIELD_IS_SIGNED) ||
	    got->is_array != !!(want->flags & TEP_FIELD_IS_ARRAY) ||
	    got->is_dynamic != !!(want->flags & TEP_FIELD_IS_DYNAMIC))
		return false;
	return got->is_array ? got->is_dynamic || got->count == want->arraylen
			     : strcmp(got->type, want->type) == 0;
}

static bool format_same(const struct event_format *got, const struct tep_event *want)
{
	const struct tep_format_field *field = want->format.common_fields;
	int fields = want->format.nr_common + want->format.nr_fields;

	if (strcmp(got->name, want->name) != 0 || strcmp(got->system, want->system) != 0 ||
	    got->id != want->id || got->common_count != want->format.nr_common ||
	    (int)got->field_count != fields)
		return false;
	for (int i = 0; i < fields; i++, field = field->next) {
		if (i == want->format.nr_common)
			field = want->format.fields;
		if (!field_same(&got->fields[i], field)) {
			printf("# %s %s\n", got->name, got->fields[i].name);
			return false;
		}
	}
	return true;
}

static void every_format_is_what_libtraceevent_reads(void)
{
	size_t fields = 0;

	CHECK_EQ(real.table.count, 227); /* 208 scoutfs, 18 ftrace, printk:console */
	CHECK_EQ(real.table.formats_skipped + real.table.fields_skipped, 0);
	for (uint32_t i = 0; i < real.table.count; i++) {
		struct event_format *f = &real.table.formats[i];
		struct tep_handle *tep = tep_alloc();
		struct tep_event *want = NULL;

		tep_set_long_size(tep, 8);
		tep_set_test_filters(tep, 0);
		(void)tep_parse_format(tep, &want, real.formats[i].text.s, real.formats[i].text.n,
				       f->system);
		CHECK(want);
		CHECK(format_same(f, want));
		CHECK(event_by_id(&real.table, f->id) == f);
		CHECK(event_by_name(&real.table, f->system, f->name) == f);
		CHECK(!event_next_of_name(&real.table, f));
		fields += f->field_count;
		tep_free(tep);
	}
	CHECK(fields > 2000);
}

/* "... 48.329841: scoutfs_x: text" of the kernel's own trace: the text of the next line of @name */
static const char *line_of(const char *at, const char *name, char *ret, size_t size)
{
	char want[80];
	const char *line;

	snprintf(want, sizeof(want), ": %s: ", name);
	line = strstr(at, want);
	if (!line)
		return NULL;
	line += strlen(want);
	snprintf(ret, size, "%.*s", (int)strcspn(line, "\n"), line);
	return line;
}

/* Of one CPU's pages: all events of a name, and what the kernel printed of them, in order. */
static void quorum_sends(const struct realdata *pages, const char *text, uint32_t *count)
{
	const struct event_format *f =
		event_by_name(&real.table, "scoutfs", "scoutfs_quorum_send_message");
	const struct event_field *fields[] = {event_field_of(f, "term"), event_field_of(f, "type"),
					      event_field_of(f, "nr"), event_field_of(f, "fsid"),
					      event_field_of(f, "rid")};

	for (size_t at = 0; at < pages->n; at += PAGE) {
		struct ringpage_cursor c;
		struct ringpage_event event;

		CHECK_EQ(ringpage_begin(&layout, pages->bytes + at, &c), 0);
		while (ringpage_next(&c, &event) == 1) {
			char got[256], want[256];
			uint64_t term, type, fsid, rid;
			int64_t nr;

			if (event_of(&real.table, event.data, event.bytes) != f)
				continue;
			CHECK(event_field_u64(fields[0], event.data, event.bytes, &term));
			CHECK(event_field_u64(fields[1], event.data, event.bytes, &type));
			CHECK(event_field_i64(fields[2], event.data, event.bytes, &nr));
			CHECK(event_field_u64(fields[3], event.data, event.bytes, &fsid));
			CHECK(event_field_u64(fields[4], event.data, event.bytes, &rid));
			snprintf(got, sizeof(got), "f.%06llx.r.%06llx term %llu type %llu nr %lld",
				 (unsigned long long)fsid >> 40, (unsigned long long)rid >> 40,
				 (unsigned long long)term, (unsigned long long)type, (long long)nr);
			text = line_of(text, f->name, want, sizeof(want));
			CHECK(text);
			CHECK_STR(got, want);
			++*count;
		}
	}
}

/* Lines of one CPU: those with "[CPU]". */
static char *text_of_cpu(const char *text, const char *cpu)
{
	char *copy = strdup(text), *out = calloc(1, strlen(text) + 1), *rest, *end = out;

	for (char *s = strtok_r(copy, "\n", &rest); s; s = strtok_r(NULL, "\n", &rest))
		if (strstr(s, cpu))
			end += sprintf(end, "%s\n", s);
	free(copy);
	return out;
}

static void fields_are_what_the_kernel_printed(void)
{
	struct realdata text = realdata_load("real/ring/trace.txt.zst");
	static const char *const cpus[] = {"[000]", "[001]"};
	uint32_t count = 0;

	for (int cpu = 0; cpu < 2; cpu++) {
		struct realdata pages =
			realdata_load(cpu ? "real/ring/cpu1.raw.zst" : "real/ring/cpu0.raw.zst");
		char *lines = text_of_cpu((char *)text.bytes, cpus[cpu]);

		quorum_sends(&pages, lines, &count);
		free(lines);
		realdata_free(&pages);
		if (test_failed)
			return;
	}
	CHECK(count > 10);
	realdata_free(&text);
}

#define COMMON                                                                         \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static struct event_table table_of(const char *const *texts, size_t n)
{
	struct tracedat_read_format formats[8];
	struct tracedat_read_head head = {.formats = formats, .format_count = n};
	struct event_table t = {0};

	for (size_t i = 0; i < n; i++)
		formats[i] = (struct tracedat_read_format){{"s", 1}, {texts[i], strlen(texts[i])}};
	if (event_table_read(&head, &t, NULL) < 0)
		realdata_die("table", "cannot be read");
	return t;
}

static void a_module_loaded_again_has_both_ids(void)
{
	static const char *const texts[] = {
		"name: b\nID: 7\nformat:\n" COMMON
		"\tfield:u32 x;\toffset:8;\tsize:4;\tsigned:0;\n",
		"name: a\nID: 8\nformat:\n" COMMON,
		"name: b\nID: 9\nformat:\n" COMMON
		"\tfield:u64 x;\toffset:8;\tsize:8;\tsigned:0;\n",
		"name: c\nID: 7\nformat:\n" COMMON,
	};
	struct event_table t = table_of(texts, ARRAY_SIZE(texts));
	const struct event_format *f = event_by_name(&t, "s", "b");

	CHECK(f && f->id == 7 && event_field_of(f, "x")->bytes == 4);
	f = event_next_of_name(&t, f);
	CHECK(f && f->id == 9 && event_field_of(f, "x")->bytes == 8);
	CHECK(!event_next_of_name(&t, f));
	CHECK(!event_by_name(&t, "s", "d") && !event_by_name(&t, "r", "a"));
	f = event_by_id(&t, 7);
	CHECK(f && strcmp(f->name, "c") == 0 && f->older_id == 1);
	f = event_by_id(&t, 8);
	CHECK(f && f->older_id == 0);
	CHECK(!event_by_id(&t, 10));
	event_table_done(&t);
}

static const char every_kind[] =
	"name: kinds\nID: 20\nformat:\n" COMMON "\tfield:s8 a;\toffset:8;\tsize:1;\tsigned:1;\n"
	"\tfield:s16 b;\toffset:10;\tsize:2;\tsigned:1;\n"
	"\tfield:u16 c;\toffset:12;\tsize:2;\tsigned:0;\n"
	"\tfield:char comm[4];\toffset:14;\tsize:4;\tsigned:1;\n"
	"\tfield:__data_loc char[] d;\toffset:20;\tsize:4;\tsigned:1;\n"
	"\tfield:__rel_loc char[] e;\toffset:24;\tsize:4;\tsigned:1;\n"
	"\tfield:s64 f;\toffset:28;\tsize:8;\tsigned:1;\n"
	"\tfield:u24 g;\toffset:36;\tsize:3;\tsigned:0;\n"
	"\tfield:char rest[];\toffset:40;\tsize:0;\tsigned:1;\n"
	"\nprint fmt: \"%d\", REC->a\n";

static bool string_is(const struct event_format *f, const char *name, const uint8_t *data,
		      uint32_t bytes, const char *want)
{
	struct tracedat_span s;

	return event_field_string(event_field_of(f, name), data, bytes, &s) &&
	       s.n == strlen(want) && memcmp(s.s, want, s.n) == 0;
}

static void every_kind_of_field_stays_within_the_event(void)
{
	static const char *const texts[] = {every_kind};
	struct event_table t = table_of(texts, 1);
	const struct event_format *f = event_by_id(&t, 20);
	uint8_t data[50] = {20};
	struct tracedat_span s;
	uint64_t u;
	int64_t i;

	CHECK(f && f->field_count == 13 && f->common_count == 4);
	CHECK_STR(f->print_fmt, "\"%d\", REC->a");
	data[8] = 0xff;
	put_le16(data + 10, 0x8000);
	put_le16(data + 12, 0x8000);
	memcpy(data + 14, "abcd", 4);
	put_le32(data + 20, 44 | 6 << 16);
	put_le32(data + 24, 18 | 4 << 16); /* 28 + 18 = 46 */
	put_le64(data + 28, (uint64_t)INT64_MIN);
	memcpy(data + 40, "rest", 4);
	memcpy(data + 44, "hello", 6);
	CHECK(event_field_i64(event_field_of(f, "a"), data, 50, &i) && i == -1);
	CHECK(event_field_i64(event_field_of(f, "b"), data, 50, &i) && i == -32768);
	CHECK(event_field_i64(event_field_of(f, "c"), data, 50, &i) && i == 32768);
	CHECK(event_field_u64(event_field_of(f, "a"), data, 50, &u) && u == 255);
	CHECK(event_field_i64(event_field_of(f, "f"), data, 50, &i) && i == INT64_MIN);
	CHECK(!event_field_u64(event_field_of(f, "g"), data, 50, &u));
	CHECK(!event_field_u64(event_field_of(f, "f"), data, 35, &u));
	CHECK(event_field_u64(event_field_of(f, "f"), data, 36, &u));
	CHECK(!event_field_u64(NULL, data, 50, &u));
	CHECK(string_is(f, "comm", data, 50, "abcd"));
	CHECK(string_is(f, "d", data, 50, "hello"));
	CHECK(string_is(f, "e", data, 50, "llo"));
	CHECK(string_is(f, "rest", data, 50, "resthello"));
	CHECK(string_is(f, "rest", data, 42, "re"));
	CHECK(!event_field_string(event_field_of(f, "d"), data, 49, &s));
	CHECK(!event_field_string(event_field_of(f, "e"), data, 49, &s));
	CHECK(!event_field_bytes(event_field_of(f, "rest"), data, 39, &s));
	CHECK(!event_of(&t, data, 1) && event_of(&t, data, 2) == f);
	event_table_done(&t);
}

static void what_is_no_format_is_left_out(void)
{
	static const char *const texts[] = {
		"",
		"name: a\nformat:\n" COMMON,
		"name: a\nID: 65536\nformat:\n",
		"name: a\nID: 0\nformat:\n",
		"name: a\33[2J\nID: 5\nformat:\n",
		"name: ../a\nID: 5\nformat:\n",
		"name: good\nID: 5\nformat:\n"
		"\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n"
		"\tfield:int x;\toffset:70000;\tsize:4;\tsigned:1;\n"
		"\tfield:int ;\toffset:8;\tsize:4;\tsigned:1;\n"
		"\tfield:int y;\toffset:8\n"
		"\tfield:__data_loc char[] z;\toffset:8;\tsize:8;\tsigned:1;\n",
	};
	struct event_table t = table_of(texts, ARRAY_SIZE(texts));
	const struct event_format *f;

	CHECK_EQ(t.count, 1);
	CHECK_EQ(t.formats_skipped, 6);
	CHECK_EQ(t.fields_skipped, 4);
	f = event_by_id(&t, 5);
	CHECK(f && f->field_count == 1);
	CHECK_STR(f->print_fmt, "");
	event_table_done(&t);
}

static const struct test_case cases[] = {
	TEST(every_format_is_what_libtraceevent_reads),
	TEST(fields_are_what_the_kernel_printed),
	TEST(a_module_loaded_again_has_both_ids),
	TEST(every_kind_of_field_stays_within_the_event),
	TEST(what_is_no_format_is_left_out),
};

int main(void)
{
	int r;

	real_load();
	r = test_main(cases, ARRAY_SIZE(cases));
	real_free();
	return r;
}
