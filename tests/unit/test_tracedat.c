/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace.dat put together from real pages and formats, read by trace-cmd: it must show the events
 * that the kernel's own text of the same buffer shows, at the stamps that arithmetic gives. And a
 * trace.dat read back: one of trace-cmd's, by the figures that trace-cmd tells of it, and our own.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/util.h"
#include "format/ringpage.h"
#include "format/tracedat.h"
#include "realdata.h"
#include "test.h"

#define PAGE 4096
#define FORMATS_MAX 1024

static const struct ringpage_layout layout = {
	.page_bytes = PAGE, .commit_offset = 8, .commit_bytes = 8, .data_offset = 16};

static struct {
	struct realdata tar, cmdlines, printk_formats, cpu[2], stats[2], text;
	struct realdata_file files[FORMATS_MAX];
	struct tracedat_format formats[FORMATS_MAX];
	char systems[FORMATS_MAX][32];
	size_t count;
	const char *header_page, *header_event;
} real;

/* "events/scoutfs/scoutfs_net_send_message/format": its system, or NULL for another file. */
static const char *system_of(const char *name, char system[32])
{
	char event[128];
	int end = 0;

	return sscanf(name, "events/%31[^/]/%127[^/]/format%n", system, event, &end) == 2 &&
			       name[end] == 0 && end
		       ? system
		       : NULL;
}

static void real_load(void)
{
	struct realdata_file file;
	size_t at = 0, files = 0;

	real.tar = realdata_load("real/events.tar.zst");
	real.cmdlines = realdata_load_plain("real/ring/saved_cmdlines");
	real.printk_formats = realdata_load_plain("real/ring/printk_formats");
	real.cpu[0] = realdata_load("real/ring/cpu0.raw.zst");
	real.cpu[1] = realdata_load("real/ring/cpu1.raw.zst");
	real.stats[0] = realdata_load_plain("real/ring/cpu0.stats");
	real.stats[1] = realdata_load_plain("real/ring/cpu1.stats");
	real.text = realdata_load("real/ring/trace.txt.zst");
	while (realdata_tar_next(&real.tar, &at, &file)) {
		real.files[files++] = file;
		if (strcmp(file.name, "events/header_page") == 0)
			real.header_page = file.text;
		if (strcmp(file.name, "events/header_event") == 0)
			real.header_event = file.text;
		if (!system_of(file.name, real.systems[real.count]))
			continue;
		real.formats[real.count] =
			(struct tracedat_format){real.systems[real.count], file.text};
		real.count++;
	}
}

static void real_free(void)
{
	for (size_t i = 0; i < FORMATS_MAX; i++)
		free(real.files[i].text);
	realdata_free(&real.tar);
	realdata_free(&real.cmdlines);
	realdata_free(&real.printk_formats);
	realdata_free(&real.text);
	for (int i = 0; i < 2; i++) {
		realdata_free(&real.cpu[i]);
		realdata_free(&real.stats[i]);
	}
}

static struct tracedat_head real_head(void)
{
	return (struct tracedat_head){.page_bytes = PAGE,
				      .header_page = real.header_page,
				      .header_event = real.header_event,
				      .formats = real.formats,
				      .format_count = real.count,
				      .kallsyms = "ffffffff81000000 T _text\n",
				      .printk_formats = (char *)real.printk_formats.bytes};
}

/* Where the two CPUs' pages go in a table of @cpus. */
struct build {
	uint32_t cpus, first, second;
	int64_t offset_ns;
	bool stats;
};

/* Write the file; returns its path, to be unlinked and freed, or NULL. */
static char *build_dat(const struct build *b)
{
	static const uint64_t none[1];
	uint64_t *bytes = calloc(b->cpus, sizeof(*bytes));
	const char **stats = calloc(b->cpus, sizeof(*stats));
	struct tracedat_head head = real_head();
	struct tracedat_tail tail = {.cmdlines = (char *)real.cmdlines.bytes,
				     .page_bytes = PAGE,
				     .cpus = b->cpus,
				     .cpu_bytes = bytes ? bytes : none,
				     .cpu_stats = b->stats ? stats : NULL,
				     .real_offset_ns = b->offset_ns,
				     .trace_clock = "[local] global counter mono\n",
				     .uname = "Linux host 6.1.0 x86_64"};
	char *path = strdup("/tmp/test_tracedat.XXXXXX");
	struct text out = {0};
	struct err e = {0};
	int fd = mkostemp(path, O_CLOEXEC);
	FILE *f = fdopen(fd, "we");

	bytes[b->first] = real.cpu[0].n;
	bytes[b->second] = real.cpu[1].n;
	stats[b->first] = (char *)real.stats[0].bytes;
	stats[b->second] = (char *)real.stats[1].bytes;
	if (tracedat_write_head(&head, &out, &e) < 0 ||
	    tracedat_write_tail(&tail, out.len, &out, &e) < 0 || out.len % PAGE != 0) {
		printf("# %s\n", e.text);
		return NULL;
	}
	fwrite(out.s, 1, out.len, f);
	fwrite(real.cpu[0].bytes, 1, real.cpu[0].n, f);
	fwrite(real.cpu[1].bytes, 1, real.cpu[1].n, f);
	fclose(f);
	text_free(&out);
	free(bytes);
	free(stats);
	return path;
}

/* Run trace-cmd on the file and keep what it prints, on both outputs; it must be installed. */
static struct text trace_cmd(const char *arguments, const char *path)
{
	struct text out = {0};
	char command[512], buf[65536];
	size_t n;
	FILE *p;

	snprintf(command, sizeof(command), "LC_ALL=C trace-cmd %s -i %s 2>&1", arguments, path);
	p = popen(command, "re");
	if (!p)
		realdata_die(command, "cannot be run");
	while ((n = fread(buf, 1, sizeof(buf), p)) > 0)
		text_add(&out, buf, n);
	if (pclose(p) != 0)
		realdata_die(command, "failed (is the package trace-cmd installed?)");
	return out;
}

/* "  comm-12  [001] [flags] 48.329841[123]: name: text" */
struct line {
	unsigned int cpu, digits;
	unsigned long long sec, frac;
	char name[64];
	char *text;
};

static bool line_parse(char *line, struct line *ret)
{
	char *at = strstr(line, "] "), *colon;
	int begin = 0, end = 0;

	while (at && sscanf(at - 4, "[%3u]", &ret->cpu) != 1 &&
	       sscanf(at - 3, "%3u]", &ret->cpu) != 1)
		at = strstr(at + 1, "] ");
	if (line[0] == '#' || !at)
		return false;
	colon = strstr(at, ": ");
	if (!colon)
		return false;
	for (at = colon; at[-1] != ' '; at--)
		;
	if (sscanf(at, "%llu.%n%llu%n: %63[^:]:", &ret->sec, &begin, &ret->frac, &end, ret->name) !=
	    3)
		return false;
	ret->digits = (unsigned int)(end - begin);
	ret->text = strchr(colon + 2, ':') + 1;
	ret->text += strspn(ret->text, " ");
	return true;
}

static uint64_t page_stamp(const struct realdata *pages, size_t *page, struct ringpage_cursor *c)
{
	struct ringpage_event event;

	while (*page < pages->n) {
		if (!c->page)
			ringpage_begin(&layout, pages->bytes + *page, c);
		if (ringpage_next(c, &event) > 0)
			return event.ns;
		c->page = NULL;
		*page += PAGE;
	}
	return 0;
}

/*
 * Every event that trace-cmd shows, per CPU and in order, has the stamp of our walk over the pages,
 * moved by the offset, to the nanosecond; and the whole is sorted by time.
 */
static void check_stamps(const struct build *b)
{
	char *path = build_dat(b), *rest;
	struct ringpage_cursor cursors[2] = {0};
	size_t pages[2] = {0}, lines = 0;
	unsigned long long before = 0;
	struct text shown;

	CHECK(path);
	shown = trace_cmd("report -N -t", path);
	for (char *s = strtok_r(shown.s, "\n", &rest); s; s = strtok_r(NULL, "\n", &rest)) {
		unsigned long long ns, want;
		struct line line;
		int which;

		if (!line_parse(s, &line))
			continue;
		CHECK(line.cpu == b->first || line.cpu == b->second);
		which = line.cpu == b->second;
		CHECK_EQ(line.digits, 9);
		ns = line.sec * NSEC_PER_SEC + line.frac;
		want = page_stamp(&real.cpu[which], &pages[which], &cursors[which]);
		CHECK_EQ(ns, want + (unsigned long long)b->offset_ns);
		CHECK(ns >= before);
		before = ns;
		lines++;
	}
	CHECK_EQ(lines, 21003);
	unlink(path);
	free(path);
	text_free(&shown);
}

/* realtime_ns - mono_ns of the capture's own clocksync line. */
#define REAL_OFFSET_NS (INT64_C(1795172458332165241) - INT64_C(48310582731))

static void trace_cmd_shows_wall_clock_to_the_nanosecond(void)
{
	check_stamps(&(struct build){2, 0, 1, REAL_OFFSET_NS, true});
}

static void an_offset_may_be_negative_or_small(void)
{
	check_stamps(&(struct build){2, 0, 1, -1234567, false});
	if (!test_failed)
		check_stamps(&(struct build){2, 0, 1, -1, false});
	if (!test_failed)
		check_stamps(&(struct build){2, 0, 1, 999, false});
}

static void a_table_of_256_cpus_with_two_in_use(void)
{
	check_stamps(&(struct build){256, 3, 255, REAL_OFFSET_NS, true});
}

/*
 * Beside the kernel's own text of the buffer: the same events by name on each CPU in the same
 * order; and for plain numbers the same words. (trace-cmd calls a trace_marker line "print".)
 */
static void trace_cmd_names_the_events_as_the_kernel_does(void)
{
	char *path = build_dat(&(struct build){2, 0, 1, 0, true}), *theirs_rest[2], *ours_rest[2];
	struct text shown[2] = {trace_cmd("report -N --cpu 0", path),
				trace_cmd("report -N --cpu 1", path)};
	char *kernel[2] = {strdup((char *)real.text.bytes), strdup((char *)real.text.bytes)};
	size_t lines = 0, words = 0;

	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		char *s = strtok_r(shown[cpu].s, "\n", &ours_rest[cpu]);

		for (char *k = strtok_r(kernel[cpu], "\n", &theirs_rest[cpu]); k;
		     k = strtok_r(NULL, "\n", &theirs_rest[cpu])) {
			struct line want, got = {0};

			if (!line_parse(k, &want) || want.cpu != cpu)
				continue;
			while (s && !line_parse(s, &got))
				s = strtok_r(NULL, "\n", &ours_rest[cpu]);
			CHECK(s);
			if (strcmp(want.name, "tracing_mark_write") == 0)
				strcpy(want.name, "print");
			CHECK_STR(got.name, want.name);
			CHECK_EQ(got.sec, want.sec);
			CHECK_EQ(got.frac, want.frac);
			if (strcmp(got.name, "scoutfs_quorum_send_message") == 0) {
				CHECK_STR(got.text, want.text);
				words++;
			}
			s = strtok_r(NULL, "\n", &ours_rest[cpu]);
			lines++;
		}
		free(kernel[cpu]);
		text_free(&shown[cpu]);
	}
	CHECK_EQ(lines, 21003);
	CHECK(words > 10);
	unlink(path);
	free(path);
}

static void trace_cmd_decodes_with_the_formats_and_finds_the_stats(void)
{
	char *path = build_dat(&(struct build){2, 0, 1, REAL_OFFSET_NS, true});
	struct text raw, stat, uname, dump;

	CHECK(path);
	raw = trace_cmd("report -N -R", path);
	CHECK(strstr(text_c(&raw), "scoutfs_quorum_loop:"));
	CHECK(strstr(text_c(&raw), "vote_bits="));
	CHECK(!strstr(text_c(&raw), "UNKNOWN"));
	stat = trace_cmd("report -N --stat", path);
	CHECK(strstr(text_c(&stat), "CPU: 0\nentries: 11643\n"));
	CHECK(strstr(text_c(&stat), "CPU: 1\nentries: 9360\n"));
	uname = trace_cmd("report -N --uname", path);
	CHECK(strstr(text_c(&uname), "Linux host 6.1.0 x86_64"));
	dump = trace_cmd("dump --all", path);
	CHECK(strstr(text_c(&dump), "[Ftrace format, 18 events]"));
	CHECK(strstr(text_c(&dump), "name: kernel_stack\n"));
	CHECK(strstr(text_c(&dump), "name: scoutfs_conn_shutdown_queued\n"));
	CHECK(strstr(text_c(&dump), "[Option DATE, "));
	CHECK(strstr(text_c(&dump), "[Option OFFSET, "));
	CHECK(strstr(text_c(&dump), "[Option CPUCOUNT, 4 bytes]"));
	CHECK(strstr(text_c(&dump),
		     "[Option TRACECLOCK, 29 bytes]\n[local] global counter mono\n"));
	CHECK(strstr(text_c(&dump), "[local] global counter mono"));
	unlink(path);
	free(path);
	text_free(&raw);
	text_free(&stat);
	text_free(&uname);
	text_free(&dump);
}

/* The head alone, byte by byte, where the man page says so. */
static void the_head_is_laid_out_as_documented(void)
{
	static const struct tracedat_format formats[] = {
		{"ftrace", "f1"}, {"a", "aa"}, {"a", "a2"}, {"b", "bbb"}};
	struct tracedat_head head = real_head();
	static const char rest[] = "\1\0\0\0"
				   "\2\0\0\0\0\0\0\0f1"
				   "\2\0\0\0"
				   "a\0\2\0\0\0"
				   "\2\0\0\0\0\0\0\0aa"
				   "\2\0\0\0\0\0\0\0a2"
				   "b\0\1\0\0\0"
				   "\3\0\0\0\0\0\0\0bbb"
				   "\0\0\0\0"
				   "\1\0\0\0p";
	size_t page_bytes = strlen(real.header_page), event_bytes = strlen(real.header_event);
	struct text out = {0};
	struct err e = {0};
	const char *at;

	head.formats = formats;
	head.format_count = ARRAY_SIZE(formats);
	head.kallsyms = "";
	head.printk_formats = "p";
	CHECK_EQ(tracedat_write_head(&head, &out, &e), 0);
	CHECK(memcmp(out.s, "\x17\x08\x44tracing6\0\0\x08\0\x10\0\0header_page\0", 30) == 0);
	at = out.s + 30;
	CHECK_EQ(get_le64(at), page_bytes);
	at += 8 + page_bytes;
	CHECK(memcmp(at, "header_event\0", 13) == 0);
	at += 13;
	CHECK_EQ(get_le64(at), event_bytes);
	at += 8 + event_bytes;
	CHECK_EQ(out.s + out.len - at, sizeof(rest) - 1);
	CHECK(memcmp(at, rest, sizeof(rest) - 1) == 0);
	text_free(&out);

	head.page_bytes = 8192;
	CHECK(tracedat_write_head(&head, &out, &e) < 0 && strstr(e.text, "8192"));
	text_free(&out);
}

static void impossible_sizes_are_refused(void)
{
	uint64_t bytes[2] = {PAGE, PAGE + 1};
	struct tracedat_tail tail = {
		.cmdlines = "", .page_bytes = PAGE, .cpus = 2, .cpu_bytes = bytes};
	struct text out = {0};
	struct err e = {0};

	CHECK(tracedat_write_tail(&tail, 100, &out, &e) < 0 && strstr(e.text, "CPU 1"));
	bytes[0] = bytes[1] = UINT64_C(0x7ffffffffffff000);
	CHECK(tracedat_write_tail(&tail, 100, &out, &e) < 0);
	tail.cpus = 0;
	CHECK(tracedat_write_tail(&tail, 100, &out, &e) < 0);
	bytes[0] = bytes[1] = 0;
	tail.cpus = 2;
	CHECK_EQ(tracedat_write_tail(&tail, 100, &out, &e), 0);
	CHECK_EQ((100 + out.len) % PAGE, 0);
	text_free(&out);
}

static bool span_is(const struct tracedat_span *s, const char *want)
{
	return s->n == strlen(want) && memcmp(s->s, want, s->n) == 0;
}

static bool span_has(const struct tracedat_span *s, const char *want)
{
	return memmem(s->s, s->n, want, strlen(want));
}

/* The figures are those of `trace-cmd dump --all` (3.1.6) of the same file. */
static void what_trace_cmd_wrote_is_read(void)
{
	struct realdata dat = realdata_load("real/fence-leader-v6.dat.zst");
	struct tracedat_read_head head;
	struct tracedat_read_tail tail;
	size_t counts[3] = {0};
	struct err e = {0};

	CHECK_EQ(tracedat_head_read(dat.bytes, dat.n, &head, &e), 0);
	CHECK_EQ(head.page_bytes, 4096);
	CHECK_EQ(head.long_bytes, 8);
	CHECK_EQ(head.header_page.n, 205);
	CHECK_EQ(head.header_event.n, 205);
	CHECK_EQ(head.kallsyms.n, 3943406);
	CHECK_EQ(head.printk_formats.n, 5729);
	for (size_t i = 0; i < head.format_count; i++)
		counts[span_is(&head.formats[i].system, "ftrace")    ? 0
		       : span_is(&head.formats[i].system, "scoutfs") ? 1
								     : 2]++;
	CHECK_EQ(counts[0], 18);
	CHECK_EQ(counts[1], 208);
	CHECK_EQ(counts[2], 1);
	CHECK_EQ(head.formats_skipped, 0);
	CHECK(memcmp(head.formats[head.format_count - 1].text.s, "name: ", 6) == 0);

	CHECK_EQ(tracedat_tail_read(dat.bytes + head.bytes, dat.n - head.bytes, &tail, &e), 0);
	CHECK_EQ(tail.cmdlines.n, 3779);
	CHECK_EQ(tail.cpus, 2);
	CHECK_EQ(tail.cpu[0].offset, 4198400);
	CHECK_EQ(tail.cpu[0].bytes, 2330624);
	CHECK_EQ(tail.cpu[1].offset, 6529024);
	CHECK_EQ(tail.cpu[1].bytes, 2596864);
	CHECK_EQ(tail.cpu[1].offset + tail.cpu[1].bytes, dat.n);
	CHECK_EQ(tail.cpu_stats_count, 2);
	CHECK(span_has(&tail.cpu_stats[0], "CPU: 0\n"));
	CHECK(span_has(&tail.cpu_stats[1], "CPU: 1\n"));
	CHECK(span_has(&tail.uname, "Linux "));
	CHECK(span_has(&tail.trace_clock, "[local]"));
	CHECK(!tail.has_real_offset);
	CHECK_EQ(tail.cpus_skipped + tail.options_skipped, 0);
	CHECK(head.bytes + tail.bytes <= tail.cpu[0].offset);
	tracedat_head_done(&head);
	tracedat_tail_done(&tail);
	realdata_free(&dat);
}

static const uint64_t two_cpus[] = {3 * PAGE, 0};

/* Our own file, with the offset given. */
static struct text own_file(int64_t offset_ns, size_t *ret_head_bytes)
{
	struct tracedat_head head = real_head();
	struct tracedat_tail tail = {.cmdlines = "1 init\n",
				     .page_bytes = PAGE,
				     .cpus = 2,
				     .cpu_bytes = two_cpus,
				     .real_offset_ns = offset_ns,
				     .trace_clock = "[mono] local",
				     .uname = "Linux host 6.1.0 x86_64"};
	struct text out = {0};
	struct err e = {0};

	if (tracedat_write_head(&head, &out, &e) < 0)
		realdata_die("head", e.text);
	*ret_head_bytes = out.len;
	if (tracedat_write_tail(&tail, out.len, &out, &e) < 0)
		realdata_die("tail", e.text);
	return out;
}

static void what_we_write_is_read_back(void)
{
	static const int64_t offsets[] = {REAL_OFFSET_NS, 0, -1, 999, -1234567};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct tracedat_read_head head;
		struct tracedat_read_tail tail;
		struct err e = {0};
		size_t head_bytes;
		struct text file = own_file(offsets[i], &head_bytes);

		CHECK_EQ(tracedat_head_read(file.s, file.len, &head, &e), 0);
		CHECK_EQ(head.bytes, head_bytes);
		CHECK_EQ(head.format_count, real.count);
		for (size_t k = 0; k < real.count && i == 0; k++) {
			bool found = false;

			/* ftrace's own come first in a file: compare as sets. */
			for (size_t m = 0; m < real.count && !found; m++)
				found = span_is(&head.formats[k].system, real.formats[m].system) &&
					span_is(&head.formats[k].text, real.formats[m].text);
			CHECK(found);
		}
		CHECK(span_is(&head.header_page, real.header_page));
		CHECK(span_is(&head.kallsyms, "ffffffff81000000 T _text\n"));
		CHECK_EQ(tracedat_tail_read(file.s + head.bytes, file.len - head.bytes, &tail, &e),
			 0);
		CHECK(span_is(&tail.cmdlines, "1 init\n"));
		CHECK(tail.has_real_offset);
		CHECK_EQ(tail.real_offset_ns, offsets[i]);
		CHECK_EQ(tail.cpus, 2);
		CHECK_EQ(tail.cpu[0].offset, file.len);
		CHECK_EQ(tail.cpu[0].bytes, 3 * PAGE);
		CHECK_EQ(tail.cpu[1].bytes, 0);
		CHECK(span_is(&tail.uname, "Linux host 6.1.0 x86_64"));
		CHECK(span_is(&tail.trace_clock, "[mono] local"));
		tracedat_head_done(&head);
		tracedat_tail_done(&tail);
		text_free(&file);
	}
}

/* Any beginning of a file asks for more, and says how much: never less than what is missing. */
static void a_beginning_asks_for_more(void)
{
	size_t head_bytes, tail_bytes;
	struct text file = own_file(5, &head_bytes);
	struct tracedat_read_head head;
	struct tracedat_read_tail tail;

	CHECK_EQ(tracedat_head_read(file.s, file.len, &head, NULL), 0);
	tracedat_head_done(&head);
	CHECK_EQ(tracedat_tail_read(file.s + head_bytes, file.len - head_bytes, &tail, NULL), 0);
	tail_bytes = tail.bytes;
	tracedat_tail_done(&tail);
	for (size_t n = 0; n < head_bytes; n += n < 1000 ? 1 : 97) {
		CHECK_EQ(tracedat_head_read(file.s, n, &head, NULL), -EAGAIN);
		CHECK(head.bytes > n && head.bytes <= head_bytes);
	}
	for (size_t n = 0; n < tail_bytes; n++) {
		CHECK_EQ(tracedat_tail_read(file.s + head_bytes, n, &tail, NULL), -EAGAIN);
		CHECK(tail.bytes > n && tail.bytes <= tail_bytes);
	}
	text_free(&file);
}

static void other_files_are_refused_with_a_sentence(void)
{
	size_t head_bytes;
	struct text file = own_file(5, &head_bytes);
	struct tracedat_read_head head;
	struct err e = {0};

	CHECK_EQ(tracedat_head_read("PK", 2, &head, &e), -EBADMSG);
	CHECK(strstr(e.text, "no trace.dat"));
	file.s[10] = '7';
	CHECK_EQ(tracedat_head_read(file.s, file.len, &head, &e), -ENOTSUP);
	CHECK(strstr(e.text, "trace-cmd convert"));
	file.s[10] = '6';
	file.s[12] = 1;
	CHECK_EQ(tracedat_head_read(file.s, file.len, &head, &e), -ENOTSUP);
	CHECK(strstr(e.text, "big-endian"));
	file.s[12] = 0;
	file.s[13] = 5;
	CHECK_EQ(tracedat_head_read(file.s, file.len, &head, &e), -EBADMSG);
	file.s[13] = 8;
	file.s[18] = 'X';
	CHECK_EQ(tracedat_head_read(file.s, file.len, &head, &e), -EBADMSG);
	file.s[18] = 'h';
	put_le64(file.s + 30, UINT64_MAX - 5);
	CHECK_EQ(tracedat_head_read(file.s, file.len, &head, &e), -EFBIG);
	CHECK(strstr(e.text, "damaged"));
	text_free(&file);
}

/* Options as anybody may write them; the numbers as strtoll() takes them. */
static void options_not_understood_are_counted(void)
{
	static const char bytes[] = "\0\0\0\0\0\0\0\0"
				    "\2\0\0\0"
				    "options  \0"
				    "\1\0\4\0\0\0what"
				    "\1\0\3\0\0\0"
				    "0x2"
				    "\7\0\2\0\0\0-7"
				    "\7\0\0\0\0\0"
				    "\x63\0\1\0\0\0?"
				    "\0\0"
				    "flyrecord\0"
				    "\0\x10\0\0\0\0\0\0\0\x20\0\0\0\0\0\0"
				    "\0\x10\0\0\0\0\0\x7f\0\x20\0\0\0\0\0\x7f";
	struct tracedat_read_tail tail;
	struct err e = {0};

	CHECK_EQ(tracedat_tail_read(bytes, sizeof(bytes) - 1, &tail, &e), 0);
	CHECK_EQ(tail.bytes, sizeof(bytes) - 1);
	CHECK_EQ(tail.options_skipped, 2);
	CHECK_EQ(tail.real_offset_ns, 1993);
	CHECK_EQ(tail.cpus_skipped, 1);
	CHECK_EQ(tail.cpu[0].bytes, 0x2000);
	CHECK_EQ(tail.cpu[1].bytes, 0);
	tracedat_tail_done(&tail);
	CHECK_EQ(tracedat_tail_read("\0\0\0\0\0\0\0\0\2\0\0\0latency  ", 22, &tail, &e), -ENOTSUP);
	CHECK_EQ(tracedat_tail_read("\0\0\0\0\0\0\0\0\2\0\0\0whatever  ", 22, &tail, &e), -EBADMSG);
	CHECK_EQ(tracedat_tail_read("\0\0\0\0\0\0\0\0\2\0\0\xff", 12, &tail, &e), -EBADMSG);
}

static const struct test_case cases[] = {
	TEST(trace_cmd_shows_wall_clock_to_the_nanosecond),
	TEST(an_offset_may_be_negative_or_small),
	TEST(a_table_of_256_cpus_with_two_in_use),
	TEST(trace_cmd_names_the_events_as_the_kernel_does),
	TEST(trace_cmd_decodes_with_the_formats_and_finds_the_stats),
	TEST(the_head_is_laid_out_as_documented),
	TEST(impossible_sizes_are_refused),
	TEST(what_trace_cmd_wrote_is_read),
	TEST(what_we_write_is_read_back),
	TEST(a_beginning_asks_for_more),
	TEST(other_files_are_refused_with_a_sentence),
	TEST(options_not_understood_are_counted),
};

int main(void)
{
	int r;

	real_load();
	r = test_main(cases, ARRAY_SIZE(cases));
	real_free();
	return r;
}
