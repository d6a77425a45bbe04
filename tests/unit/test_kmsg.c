/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel-log records: real logs of a scoutfs node round the clock of parse and format, and odd ones
 * by hand. */
#include <errno.h>

#include "format/kmsg.h"
#include "realdata.h"
#include "test.h"

static const char *const logs[] = {"real/kmsg/fence-client.kmsg.zst",
				   "real/kmsg/fence-leader.kmsg.zst", "real/kmsg/triggers.kmsg.zst",
				   "real/kmsg/workload.kmsg.zst"};

/* Length of the record at @s: to the newline that is not followed by a dictionary line. */
static size_t record_bytes(const char *s)
{
	const char *end = s;

	do {
		end = strchr(end, '\n') + 1;
	} while (*end == ' ');
	return (size_t)(end - s);
}

/* What was parsed, put together again by this test, is the record without its dictionary. */
static void real_records_parse_without_loss(void)
{
	size_t records = 0, scoutfs = 0, escaped = 0;

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		struct realdata d = realdata_load(logs[i]);
		uint64_t next = 0;

		for (const char *at = (char *)d.bytes; *at;) {
			size_t n = record_bytes(at), head = strcspn(at, ";") + 1;
			size_t text = strcspn(at + head, "\n");
			char *buf = malloc(n + 1), *line;
			struct kmsg_record r;
			struct text out = {0};
			char want[64];

			memcpy(buf, at, n);
			buf[n] = 'X';
			CHECK_EQ(kmsg_parse(buf, n, &r), 0);
			CHECK_EQ(r.text[r.text_bytes], 0);
			CHECK_EQ(r.seq, next++);
			snprintf(want, sizeof(want), "%u,%llu,%llu,-;", r.facility << 3 | r.level,
				 (unsigned long long)r.seq,
				 (unsigned long long)(r.stamp_ns / 1000));
			CHECK_EQ(strlen(want), head);
			CHECK(memcmp(want, at, head) == 0);
			kmsg_format(&r, 0, &out);
			line = out.s + out.len - 1 - text;
			CHECK(memcmp(line, at + head, text) == 0 && line[-1] == ' ');
			CHECK_EQ(out.s[out.len - 1], '\n');
			CHECK_EQ(strlen(out.s), out.len);
			CHECK(strchr(out.s, '\n') == out.s + out.len - 1);
			scoutfs += strncmp(r.text, "scoutfs f.", 10) == 0 && r.facility == 0;
			escaped += r.text_bytes != text;
			records++;
			text_free(&out);
			free(buf);
			at += n;
		}
		realdata_free(&d);
	}
	/* grep -c on the same files: '^[0-9]', ';scoutfs f\.', and '^[0-9].*\\x' */
	CHECK_EQ(records, 1685);
	CHECK_EQ(scoutfs, 117);
	CHECK_EQ(escaped, 32);
}

/* Parse a copy that lies at the end of its allocation. */
static int parse(const char *s, struct kmsg_record *r, struct text *ret_line, uint64_t real_ns)
{
	size_t n = strlen(s);
	char *buf = malloc(n + 1);
	int result;

	memcpy(buf, s, n);
	result = kmsg_parse(buf, n, r);
	if (result == 0 && ret_line)
		kmsg_format(r, real_ns, ret_line);
	free(buf);
	r->text = NULL;
	return result;
}

static void check_line(const char *record, const char *want)
{
	struct text line = {0};
	struct kmsg_record r;

	CHECK_EQ(parse(record, &r, &line, UINT64_C(1795172402123456789)), 0);
	CHECK_STR(text_c(&line), want);
	text_free(&line);
}

static void writes_the_documented_line(void)
{
	/* date -u -d @1795172402 */
	check_line("6,400,13683690,-;scoutfs f.3d167d.r.d8ec8b: server closing A -> B\n",
		   "2026-11-20T11:00:02.123456Z [   13.683690] kern.info 400 "
		   "scoutfs f.3d167d.r.d8ec8b: server closing A -> B\n");
}

static void escapes_what_could_be_taken_for_another_line(void)
{
	check_line("12,7,1,-;a\\x0ab\\x1b[2J\\x09c\\xc3\\xa9\\x5cx41 \\x7f\n",
		   "2026-11-20T11:00:02.123456Z [    0.000001] user.warn 7 "
		   "a\\x0ab\\x1b[2J\\x09c\\xc3\\xa9\\x5cx41 \\x7f\n");
	check_line("191,18446744073709551615,18446744073709551,-;\n",
		   "2026-11-20T11:00:02.123456Z [18446744073.709551] local7.debug "
		   "18446744073709551615 \n");
	check_line("96,1,2000000,-;x",
		   "2026-11-20T11:00:02.123456Z [    2.000000] unknown.emerg 1 x\n");
}

static void unescapes_for_the_triggers(void)
{
	char buf[] = "4,1,2,-;a\\x5c\\x41\\xZZ\\x4\n SUBSYSTEM=pci\n";
	char nul[] = "4,1,2,-;a\\x00b\n";
	struct kmsg_record r;

	CHECK_EQ(kmsg_parse(buf, sizeof(buf) - 1, &r), 0);
	CHECK_STR(r.text, "a\\A\\xZZ\\x4");
	CHECK_EQ(parse("4,1,2,-;\\x", &r, NULL, 0), 0);
	CHECK_EQ(r.text_bytes, 2);
	CHECK_EQ(kmsg_parse(nul, sizeof(nul) - 1, &r), 0);
	CHECK_EQ(r.text_bytes, 3);
	CHECK(memcmp(r.text, "a\0b", 4) == 0);
}

static void knows_flags_and_skips_new_fields(void)
{
	struct kmsg_record r;

	CHECK_EQ(parse("6,1,5,-;x\n", &r, NULL, 0), 0);
	CHECK(!r.continuation);
	CHECK_EQ(r.stamp_ns, 5000);
	CHECK_EQ(parse("6,1,5,c;x\n", &r, NULL, 0), 0);
	CHECK(r.continuation);
	CHECK_EQ(parse("6,1,5,+;x\n", &r, NULL, 0), 0);
	CHECK(r.continuation);
	CHECK_EQ(parse("30,1,5,-,caller=T123,more=1;scoutfs; y\n", &r, NULL, 0), 0);
	CHECK_EQ(r.text_bytes, strlen("scoutfs; y"));
	CHECK_EQ(r.level, 6);
	CHECK_EQ(r.facility, 3);
	CHECK_STR(kmsg_level_name(8), "unknown");
	CHECK_STR(kmsg_facility_name(0), "kern");
	CHECK_STR(kmsg_facility_name(1000), "unknown");
}

static void refuses_what_is_no_record(void)
{
	static const char *const bad[] = {"",
					  "\n",
					  ";",
					  "6",
					  "6,",
					  "6,1,2,-",
					  "6,1,2;x\n",
					  "6,1,2,;x\n",
					  "a,1,2,-;x\n",
					  "-6,1,2,-;x\n",
					  " 6,1,2,-;x\n",
					  "6, 1,2,-;x\n",
					  "6,1,2,-\n;x\n",
					  "2048,1,2,-;x\n",
					  "6,18446744073709551616,2,-;x\n",
					  "6,99999999999999999999,2,-;x\n",
					  "6,1,18446744073709552,-;x\n",
					  "6,1,2.5,-;x\n",
					  " SUBSYSTEM=pci\n",
					  "scoutfs f.1.r.2: server closing\n"};
	struct kmsg_record r;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(bad[i], &r, NULL, 0) != -EBADMSG)
			printf("# taken: %s\n", bad[i]);
		CHECK_EQ(parse(bad[i], &r, NULL, 0), -EBADMSG);
	}
}

static void any_bytes_are_safe(void)
{
	struct realdata d = realdata_load(logs[0]);
	uint64_t state = 42;
	unsigned int taken = 0, refused = 0;

	for (int round = 0; round < 50000; round++) {
		size_t at = damage(&state) % (d.n - 300), n = damage(&state) % 300;
		char *buf = malloc(n + 1);
		struct kmsg_record r;
		struct text out = {0};

		if (round & 1) { /* else anywhere */
			while (at && d.bytes[at - 1] != '\n')
				at--;
		}
		memcpy(buf, d.bytes + at, n);
		if (n && round % 3 == 0)
			buf[damage(&state) % n] = (char)damage(&state);
		if (kmsg_parse(buf, n, &r) == 0) {
			CHECK(r.text_bytes <= n);
			kmsg_format(&r, damage(&state), &out);
			CHECK(strlen(out.s) == out.len &&
			      strchr(out.s, '\n') == out.s + out.len - 1);
			taken++;
		} else {
			refused++;
		}
		text_free(&out);
		free(buf);
	}
	CHECK(taken > 5000 && refused > 5000);
	realdata_free(&d);
}

/* Lines of kernel.log give back the records they were made of, and when they were. */
static void lines_are_read_back(void)
{
	/* Both sides of a leap day, of a century, and of the end of a year. */
	static const uint64_t days[] = {0, 11016, 11017, 19782, 19783, 20453, 20454};
	size_t records = 0;

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		struct realdata log = realdata_load(logs[i]);

		for (const char *at = (char *)log.bytes; *at; records++) {
			CLEANUP(text_free) struct text line = {0};
			size_t n = record_bytes(at);
			char *copy = strndup(at, n);
			struct kmsg_record k, back;
			uint64_t real =
				(days[records % 7] * 86400 + records % 86400) * NSEC_PER_SEC +
				records % 1000000 * NSEC_PER_USEC;
			uint64_t real_back = 0;

			CHECK_EQ(kmsg_parse(copy, n, &k), 0);
			kmsg_format(&k, real, &line);
			CHECK_EQ(kmsg_line_parse(line.s, line.len - 1, &back, &real_back), 0);
			CHECK_EQ(real_back, real);
			CHECK_EQ(back.level, k.level);
			CHECK_EQ(back.facility, k.facility);
			CHECK_EQ(back.seq, k.seq);
			CHECK_EQ(back.stamp_ns, k.stamp_ns);
			CHECK_STR(back.text, k.text);
			free(copy);
			at += n;
		}
		realdata_free(&log);
	}
	CHECK(records > 1000);
}

static void what_is_no_line_is_refused(void)
{
	static const char *const wrong[] = {
		"",
		"x",
		"2026-11-20T10:00:02.123456Z",
		"2026-13-20T10:00:02Z [ 1.000000] kern.info 1 x",
		"2026-11-20T10:00:02.123456Z [ 1.00000] kern.info 1 x",
		"2026-11-20T10:00:02.123456Z [ 1.000000] kern 1 x",
		"2026-11-20T10:00:02.123456Z [ 1.000000] kern.info x",
		"9999-11-20T10:00:02.123456Z [ 1.000000] kern.info 1 x",
		"2026-11-20T10:00:02.123456Z [18446744074.000000] kern.info 1 x",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char *copy = strdup(wrong[i]);
		struct kmsg_record k;
		uint64_t real;

		CHECK_EQ(kmsg_line_parse(copy, strlen(copy), &k, &real), -EBADMSG);
		CHECK_STR(copy, wrong[i]);
		free(copy);
	}
}

TEST_MAIN(TEST(real_records_parse_without_loss), TEST(writes_the_documented_line),
	  TEST(escapes_what_could_be_taken_for_another_line), TEST(unescapes_for_the_triggers),
	  TEST(knows_flags_and_skips_new_fields), TEST(refuses_what_is_no_record),
	  TEST(any_bytes_are_safe), TEST(lines_are_read_back), TEST(what_is_no_line_is_refused))
