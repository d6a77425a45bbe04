/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of events: those of a whole capture of scoutfs, and of 298 other events of another kernel,
 * beside those of trace-cmd; the kernel's own text of a buffer; hand-made print fmts beside what
 * printf() makes of the numbers; and what a stranger's file may hold.
 */
#include <errno.h>
#include <pthread.h>

#include "printkit.h"
#include "test.h"

static const struct print_options plain;

static size_t line_count(const char *s)
{
	size_t n = 0;

	for (; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

/* The first line that differs is shown. */
static bool lines_same(const struct text *got, const struct text *want)
{
	const char *g = text_c(got), *w = text_c(want);

	if (got->len == want->len && memcmp(g, w, got->len) == 0)
		return true;
	while (*g && *w && strcspn(g, "\n") == strcspn(w, "\n") &&
	       memcmp(g, w, strcspn(g, "\n")) == 0) {
		g += strcspn(g, "\n") + (strchr(g, '\n') ? 1 : 0);
		w += strcspn(w, "\n") + (strchr(w, '\n') ? 1 : 0);
	}
	printf("# got  %.*s\n# want %.*s\n", (int)strcspn(g, "\n"), g, (int)strcspn(w, "\n"), w);
	return false;
}

/* Lines, bytes, and the checksum of cksum(1), of what trace-cmd 3.1.6 prints of the capture. */
#define LEADER_LINES 57057
#define LEADER_BYTES 9436266
#define LEADER_CKSUM UINT32_C(738863229)

static uint32_t posix_cksum(const struct text *t)
{
	uint32_t crc = 0;
	size_t n = t->len;

	for (size_t i = 0; i < t->len || n; i++) {
		uint8_t byte = i < t->len ? (uint8_t)t->s[i] : (uint8_t)n;

		if (i >= t->len)
			n >>= 8;
		crc ^= (uint32_t)byte << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
	}
	return ~crc;
}

static void every_line_of_a_capture_is_the_one_that_trace_cmd_printed(void)
{
	struct printkit k;
	struct text ours;
	struct print_counts counts;

	printkit_open(&k, "real/fence-leader-v6.dat.zst", &plain);
	ours = printkit_text(&k);
	counts = print_count(k.print);

	CHECK_EQ(counts.programs, 226);
	CHECK_EQ(counts.library, 1); /* trace_printk() */
	CHECK_EQ(counts.raw, 0);
	CHECK_EQ(line_count(text_c(&ours)), LEADER_LINES);
	CHECK_EQ(ours.len, LEADER_BYTES);
	CHECK_EQ(posix_cksum(&ours), LEADER_CKSUM);
	text_free(&ours);
	printkit_free(&k);
}

static void every_line_of_a_capture_is_that_of_trace_cmd(void)
{
	struct printkit k;
	struct text ours, theirs;

	printkit_open(&k, "real/fence-leader-v6.dat.zst", &plain);
	ours = printkit_text(&k);
	theirs = printkit_trace_cmd(&k, "");

	CHECK(lines_same(&ours, &theirs));
	text_free(&ours);
	text_free(&theirs);
	printkit_free(&k);
}

static void nanoseconds_are_those_of_trace_cmd(void)
{
	struct print_options o = {.nanoseconds = true};
	struct printkit k;
	struct text ours, theirs;

	printkit_open(&k, "real/systems-v6.dat.zst", &o);
	ours = printkit_text(&k);
	theirs = printkit_trace_cmd(&k, "-N -t");

	CHECK(lines_same(&ours, &theirs));
	text_free(&ours);
	text_free(&theirs);
	printkit_free(&k);
}

/* Scheduler, memory, files, network, timers...: all that print fmts can hold. */
static void lines_of_all_kinds_of_events_are_those_of_trace_cmd(void)
{
	struct printkit k;
	struct text ours, theirs;

	printkit_open(&k, "real/systems-v6.dat.zst", &plain);
	ours = printkit_text(&k);
	theirs = printkit_trace_cmd(&k, "-N");

	CHECK_EQ(line_count(text_c(&ours)), 1497);
	CHECK(print_count(k.print).programs > 280);
	CHECK(lines_same(&ours, &theirs));
	text_free(&ours);
	text_free(&theirs);
	printkit_free(&k);
}

/* sched_switch, timers and allocations are printed by libtraceevent's plugins. */
static void lines_with_plugins_are_those_of_trace_cmd_with_plugins(void)
{
	struct print_options o = {.plugins = true};
	struct printkit k;
	struct text ours, theirs;

	printkit_open(&k, "real/systems-v6.dat.zst", &o);
	ours = printkit_text(&k);
	theirs = printkit_trace_cmd(&k, "");

	CHECK(lines_same(&ours, &theirs));
	text_free(&ours);
	text_free(&theirs);
	printkit_free(&k);
}

/* ---- hand-made formats ---- */

#define COMMON                                                                         \
	"format:\n"                                                                    \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
#define FIELDS                                                           \
	"\tfield:u64 a;\toffset:8;\tsize:8;\tsigned:0;\n"                \
	"\tfield:s32 b;\toffset:16;\tsize:4;\tsigned:1;\n"               \
	"\tfield:u16 c;\toffset:20;\tsize:2;\tsigned:0;\n"               \
	"\tfield:u8 d;\toffset:22;\tsize:1;\tsigned:0;\n"                \
	"\tfield:s8 e;\toffset:23;\tsize:1;\tsigned:1;\n"                \
	"\tfield:char s[8];\toffset:24;\tsize:8;\tsigned:1;\n"           \
	"\tfield:u32 t[2];\toffset:32;\tsize:8;\tsigned:0;\n"            \
	"\tfield:__data_loc char[] z;\toffset:40;\tsize:4;\tsigned:1;\n" \
	"\tfield:const char * p;\toffset:48;\tsize:8;\tsigned:0;\n"

#define KIT_FORMATS 64

/* Formats by hand: system, text; ids are 1000 and on. */
struct handmade {
	char *texts[KIT_FORMATS];
	struct tracedat_read_format formats[KIT_FORMATS];
	struct tracedat_read_head head;
	struct event_table table;
	struct print *print;
};

/* It must stay where it is: its printer points into it. */
static void handmade(struct handmade *h, const char *const *print_fmts, size_t n,
		     const struct print_options *o)
{
	struct tracedat_read_tail tail = {
		.cmdlines = {"12 bash\n-5 x\n7 a name \33[2J\n12 other\n", 34}};

	*h = (struct handmade){0};
	for (size_t i = 0; i < n; i++) {
		if (asprintf(&h->texts[i],
			     "name: e%zu\nID: %zu\n" COMMON FIELDS "\nprint fmt: %s\n", i, 1000 + i,
			     print_fmts[i]) < 0)
			realdata_die("format", "no memory");
		h->formats[i] = (struct tracedat_read_format){{"made", 4},
							      {h->texts[i], strlen(h->texts[i])}};
	}
	h->head =
		(struct tracedat_read_head){.formats = h->formats,
					    .format_count = n,
					    .long_bytes = 8,
					    .kallsyms = {"ffffffff81000000 T begin\n"
							 "ffffffff81000100 t middle\t[mod]\n"
							 "ffffffff81000200 T end\n",
							 78},
					    .printk_formats = {"0xffff1234 : \"hello\\n\"\n", 23}};
	if (event_table_read(&h->head, &h->table, NULL) < 0 || print_open(o, &h->print, NULL) < 0 ||
	    print_load(h->print, &h->head, &h->table, &tail, NULL) < 0)
		realdata_die("formats", "cannot be read");
}

static void handmade_free(struct handmade *h)
{
	print_free(h->print);
	event_table_done(&h->table);
	for (size_t i = 0; i < KIT_FORMATS; i++)
		free(h->texts[i]);
}

#define A UINT64_C(0x123456789abcdef0)
#define B (-77)
#define C 0xfedc
#define D 200
#define E_ (-3)

/* An event with all fields set. */
static uint32_t made_event(uint8_t *data, uint16_t type)
{
	memset(data, 0, 80);
	put_le16(data, (uint16_t)(1000 + type));
	put_le32(data + 4, 12);
	put_le64(data + 8, A);
	put_le32(data + 16, (uint32_t)B);
	put_le16(data + 20, C);
	data[22] = D;
	data[23] = (uint8_t)E_;
	memcpy(data + 24, "12345678", 8); /* no NUL */
	put_le32(data + 32, 11);
	put_le32(data + 36, 22);
	put_le32(data + 40, 56 | 8 << 16);
	put_le64(data + 48, 0xffff1234);
	memcpy(data + 56, "dynamic", 8);
	return 64;
}

static const char *made_text(const struct handmade *h, uint16_t type, char *ret, size_t size)
{
	uint8_t data[80];
	struct print_event ev = {.data = data, .bytes = made_event(data, type), .type = type};
	struct text out = {0};

	print_text(h->print, &ev, &out);
	snprintf(ret, size, "%s", text_c(&out));
	text_free(&out);
	return ret;
}

static void conversions_are_those_of_printf(void)
{
	static const char *const fmts[] = {
		"\"%llu %llx %#llx %20llu|%-20llx|%020llx\", REC->a, REC->a, REC->a, REC->a, "
		"REC->a, "
		"REC->a",
		"\"%d %5d|%-5d|%05d|%.4d|%8.4d|%u|%x|%X|%#X|%o|%#o\", REC->b, REC->b, REC->b, "
		"REC->b, REC->b, REC->b, REC->b, REC->b, REC->b, REC->b, REC->b, REC->b",
		"\"%hu %hd %hhu %hhd 100%%\", REC->c, REC->c, REC->d, REC->e",
		"\"%lu %ld %zu %lld\", REC->a, REC->a, REC->a, REC->a",
		"\"%*d|%.*s|%10s|%-10s|%.3s\", 7, REC->b, 3, REC->s, __get_str(z), __get_str(z), "
		"__get_str(z)",
	};
	struct handmade h;
	unsigned long long a = A;
	char got[512], want[512];

	handmade(&h, fmts, ARRAY_SIZE(fmts), &plain);
	CHECK_EQ(print_count(h.print).programs, ARRAY_SIZE(fmts));
	snprintf(want, sizeof(want), "%llu %llx %#llx %20llu|%-20llx|%020llx", a, a, a, a, a, a);
	CHECK_STR(made_text(&h, 0, got, sizeof(got)), want);
	snprintf(want, sizeof(want), "%d %5d|%-5d|%05d|%.4d|%8.4d|%u|%x|%X|%#X|%o|%#o", B, B, B, B,
		 B, B, (unsigned int)B, (unsigned int)B, (unsigned int)B, (unsigned int)B,
		 (unsigned int)B, (unsigned int)B);
	CHECK_STR(made_text(&h, 1, got, sizeof(got)), want);
	CHECK_STR(made_text(&h, 2, got, sizeof(got)), "65244 -292 200 -3 100%");
	snprintf(want, sizeof(want), "%llu %lld %llu %lld", a, (long long)a, a, (long long)a);
	CHECK_STR(made_text(&h, 3, got, sizeof(got)), want);
	CHECK_STR(made_text(&h, 4, got, sizeof(got)), "    -77|123|   dynamic|dynamic   |dyn");
	handmade_free(&h);
}

/* Numbers by C's rules, worked out here by the compiler; libtraceevent computes in 64 bits without
 * sign. */
static void expressions_are_those_of_c(void)
{
	static const char *const fmts[] = {
		"\"%llx %llx %x %x\", REC->a >> 20, REC->a & 0xff00, (u16)REC->a, (REC->a >> 8) & "
		"0xff",
		"\"%llx %llx %llu\", (REC->a << 4) | 3, ~REC->a, REC->a % 1000 + REC->a / 7",
		"\"%d %d %d %d\", REC->c > 5 && REC->d == 200, !REC->d, REC->d != 200 || 0, 3 - 5",
		"\"%s %s %u\", REC->d ? \"yes\" : \"no\", REC->d == 1 ? \"one\" : __get_str(z), "
		"REC->d > 100 ? 7 : 8",
		"\"%u %u\", REC->t[0], REC->t[1]",
		"\"%d\", (int)(REC->a >> (64 - (8 * 3)))",
		"\"%llx\", ((REC->a >> 4) & 0xffffff) >> 8",
		"\"%.6x %016llx %03u %.12llu\", REC->a >> (64 - 3 * 8), REC->a >> 60, REC->d, "
		"REC->a >> 32",
	};
	struct handmade h;
	unsigned long long a = A;
	char got[512], want[512];

	handmade(&h, fmts, ARRAY_SIZE(fmts), &plain);
	CHECK_EQ(print_count(h.print).programs, ARRAY_SIZE(fmts));
	snprintf(want, sizeof(want), "%llx %llx %x %x", a >> 20, a & 0xff00, (uint16_t)a,
		 (unsigned int)(a >> 8) & 0xff);
	CHECK_STR(made_text(&h, 0, got, sizeof(got)), want);
	snprintf(want, sizeof(want), "%llx %llx %llu", a << 4 | 3, ~a, a % 1000 + a / 7);
	CHECK_STR(made_text(&h, 1, got, sizeof(got)), want);
	CHECK_STR(made_text(&h, 2, got, sizeof(got)), "1 0 0 -2");
	CHECK_STR(made_text(&h, 3, got, sizeof(got)), "yes dynamic 7");
	CHECK_STR(made_text(&h, 4, got, sizeof(got)), "11 22");
	snprintf(want, sizeof(want), "%d", (int)(a >> 40));
	CHECK_STR(made_text(&h, 5, got, sizeof(got)), want);
	CHECK_STR(made_text(&h, 6, got, sizeof(got)), "abcd");
	snprintf(want, sizeof(want), "%.6x %016llx %03u %.12llu", (unsigned int)(a >> 40), a >> 60,
		 D, a >> 32);
	CHECK_STR(made_text(&h, 7, got, sizeof(got)), want);
	handmade_free(&h);
}

static void tables_arrays_and_addresses(void)
{
	static const char *const fmts[] = {
		"\"%s %s\", __print_flags(REC->d, \"|\", { 0x80, \"high\" }, { 0x40, \"mid\" }, { "
		"0, \"zero\" }, "
		"{ 1, \"low\" }), __print_symbolic(REC->d, { 1, \"one\" }, { 100 + 100, \"both\" "
		"})",
		"\"%s %s\", __print_flags(REC->c, \"\", { 0x4, \"a\" }), __print_symbolic(REC->c, "
		"{ 1, "
		"\"one\" })",
		"\"%s|%s\", __print_hex(REC->s, 4), __print_hex_str(REC->s, 3)",
		"\"%s\", __print_array(REC->t, 2, 4)",
		"\"%s %s\", REC->s, REC->p",
		"\"%p %ps %pS %p\", 0xffffffff81000105, 0xffffffff81000105, 0xffffffff81000105, 0",
		"\"a\\tb\\\\c %s\\n\", \"text\"",
	};
	struct handmade h;
	char got[512];

	handmade(&h, fmts, ARRAY_SIZE(fmts), &plain);
	CHECK_EQ(print_count(h.print).programs, ARRAY_SIZE(fmts));
	CHECK_STR(made_text(&h, 0, got, sizeof(got)), "high|mid|0x8 both");
	CHECK_STR(made_text(&h, 1, got, sizeof(got)), "a0xfed8 0xfedc");
	CHECK_STR(made_text(&h, 2, got, sizeof(got)), "31 32 33 34|313233");
	made_text(&h, 3, got, sizeof(got)); /* of libtraceevent 1.7 and of 1.8 */
	CHECK(strcmp(got, "11 22") == 0 || strcmp(got, "{0xb,0x16}") == 0);
	CHECK_STR(made_text(&h, 4, got, sizeof(got)), "12345678 hello");
	CHECK_STR(made_text(&h, 5, got, sizeof(got)), "0xffffffff81000105 middle middle+0x5 (nil)");
	CHECK_STR(made_text(&h, 6, got, sizeof(got)), "a\tb\\c text");
	handmade_free(&h);
}

static void a_line_has_command_cpu_time_and_name(void)
{
	static const char *const fmts[] = {"\"%d\", REC->b"};
	struct handmade h;
	uint8_t data[80];
	struct print_event ev = {.ns = UINT64_C(12345678999500),
				 .data = data,
				 .bytes = made_event(data, 0),
				 .cpu = 3};
	struct text out = {0};

	handmade(&h, fmts, 1, &plain);
	print_line(h.print, &ev, &out);
	put_le32(data + 4, 0);
	ev.ns = 999499;
	ev.cpu = 1234;
	print_line(h.print, &ev, &out);
	put_le32(data + 4, 99999);
	ev.ns = NSEC_PER_SEC * 123456 - 1;
	ev.cpu = 0;
	print_line(h.print, &ev, &out);
	put_le32(data + 4, 7);
	ev.type = PRINT_TYPE_UNKNOWN;
	print_line(h.print, &ev, &out);
	ev.bytes = 1;
	print_line(h.print, &ev, &out);
	print_lost(5, 0, &out);
	print_lost(5, 17, &out);
	CHECK_STR(text_c(&out),
		  "            bash-12    [003] 12345.679000: e0:                   -77\n"
		  "          <idle>-0     [1234]     0.000999: e0:                   -77\n"
		  "           <...>-99999 [000] 123456.000000: e0:                   -77\n"
		  "     a name ?[2J-7     [000] 123456.000000: [UNKNOWN EVENT 1000]\n"
		  "           <...>--1    [000] 123456.000000: [UNKNOWN EVENT 0]\n"
		  "CPU:5 [EVENTS DROPPED]\n"
		  "CPU:5 [17 EVENTS DROPPED]\n");
	text_free(&out);
	handmade_free(&h);
}

static void numbers_have_their_names_when_asked(void)
{
	struct print_options o = {.names = true};
	struct printkit k;
	struct text out;

	printkit_open(&k, "real/fence-leader-v6.dat.zst", &o);
	out = printkit_text(&k);

	CHECK(strstr(text_c(&out), " cmd 0(GREETING) flags 0x0 error 0(none)"));
	CHECK(strstr(text_c(&out), " cmd 7(LOCK) flags 0x1 error 0(none)"));
	CHECK(strstr(text_c(&out), " type 2(HEARTBEAT) nr -1"));
	CHECK(strstr(text_c(&out), " role 2(leader) "));
	CHECK(strstr(text_c(&out), "(read) invmd "));
	CHECK(strstr(text_c(&out), " server grant request rid "));
	CHECK(strstr(text_c(&out), " server invalidate response rid "));
	CHECK(strstr(text_c(&out), " old_mode 0(null) new_mode 2(write)"));
	CHECK(strstr(text_c(&out), " ret -2(ENOENT)"));
	CHECK(strstr(text_c(&out), " ret 0 ") || strstr(text_c(&out), " ret 0\n"));
	CHECK(!strstr(text_c(&out), " ret 0("));
	/* What trace-cmd calls 0x65, and "valid_greeting" for 0. */
	CHECK(strstr(text_c(&out), " flags valid_greeting|shutting_down|reconn_wait|"
				   "reconn_freeing rc_dl"));
	CHECK(strstr(text_c(&out), " flags  rc_dl"));
	CHECK_EQ(line_count(text_c(&out)), LEADER_LINES);
	text_free(&out);
	printkit_free(&k);
}

/* An event that ends early: as if zeros followed, and nothing from behind it. */
static void short_events_are_printed_as_far_as_they_go(void)
{
	static const char *const fmts[] = {
		"\"%llx %d %s|%s|%u\", REC->a, REC->b, REC->s, __get_str(z), REC->t[1]"};
	struct handmade h;

	handmade(&h, fmts, 1, &plain);
	for (uint32_t n = 0; n <= 64; n++) {
		uint8_t whole[80], *data = malloc(n ? n : 1);
		struct print_event ev = {.data = data, .bytes = n};
		struct text out = {0};

		made_event(whole, 0);
		memcpy(data, whole, n);
		print_line(h.print, &ev, &out);
		CHECK(text_ok(&out));
		if (n == 12)
			CHECK(strstr(text_c(&out), " 9abcdef0 0 ||0\n"));
		if (n == 28)
			CHECK(strstr(text_c(&out), " 123456789abcdef0 -77 1234||0\n"));
		if (n == 64)
			CHECK(strstr(text_c(&out), " 123456789abcdef0 -77 12345678|dynamic|22\n"));
		text_free(&out);
		free(data);
	}
	handmade_free(&h);
}

/* Nearly each of these makes libtraceevent 1.7.1 crash or never end: it must not see them. */
static void what_the_library_cannot_take_is_shown_by_fields(void)
{
	char deep[20100] = "\"%d\", ";
	const char *fmts[] = {
		"\"%s\", __print_flags(REC->nothing, \"|\", { 1, \"a\" })",
		"\"%d\", 1 / 0",
		"\"%d\", 5 % (3 - 3)",
		"\"%d\", 8 / 2 * 0",
		"\"%s\", __print_hex(REC->s, REC->a)",
		"\"%d\", sizeof(",
		"\"%99999999d\", REC->b",
		"\"%*d\", REC->a, REC->b",
		"\"%d\", REC->t[REC->a]",
		deep,
	};
	struct handmade h;
	char got[1024];

	memset(deep + 6, '(', 20000);
	handmade(&h, fmts, ARRAY_SIZE(fmts), &plain);
	for (uint16_t i = 0; i < ARRAY_SIZE(fmts); i++) {
		made_text(&h, i, got, sizeof(got));
		if (i == 4)
			CHECK(str_starts(got, "31 32 33 34 35 36 37 38 0b "));
		else if (i == 7 || i == 8)
			CHECK(strlen(got) <= 512);
		else
			CHECK_STR(got,
				  "[FAILED TO PARSE] a=1311768467463790320 b=-77 c=65244 d=200 "
				  "e=-3 s=12345678 t=ARRAY[0b, 00, 00, 00, 16, 00, 00, 00] "
				  "z=dynamic p=0xffff1234");
	}
	handmade_free(&h);
}

/* Its trees need some hundred bytes for each number in a print fmt: of all formats together it is
 * given what all events of a kernel have, and more, but not what a stranger likes. */
static void the_library_is_given_so_much_and_no_more(void)
{
	const char *fmts[KIT_FORMATS];
	struct text fmt = {0};
	struct print_counts counts;
	struct handmade h;

	text_str(&fmt, "\"");
	for (int i = 0; i < 6000; i++)
		text_str(&fmt, "%d");
	text_str(&fmt, "\"");
	for (int i = 0; i < 6000; i++)
		text_str(&fmt, ",REC->b");
	for (size_t i = 0; i < KIT_FORMATS; i++)
		fmts[i] = text_c(&fmt);
	handmade(&h, fmts, KIT_FORMATS, &plain);
	counts = print_count(h.print);
	CHECK(counts.raw > 0 && counts.raw < KIT_FORMATS / 2);
	CHECK_EQ(counts.programs + counts.library + counts.raw, KIT_FORMATS);
	handmade_free(&h);
	text_free(&fmt);
}

static void control_characters_do_not_come_through(void)
{
	static const char *const fmts[] = {"\"%s\", REC->s"};
	struct handmade h;
	uint8_t data[80];
	struct print_event ev = {.data = data, .bytes = made_event(data, 0)};
	struct text out = {0};

	handmade(&h, fmts, 1, &plain);
	memcpy(data + 24, "a\33[2J\r\t\n", 8);
	print_text(h.print, &ev, &out);
	CHECK_STR(text_c(&out), "a?[2J?\t");
	text_reset(&out);
	memcpy(data + 24,
	       "\xc3\xa4\xff\x7f\x9b\xc2\x9b"
	       "z",
	       8);
	print_text(h.print, &ev, &out);
	CHECK_STR(text_c(&out), "\xc3\xa4????z");
	text_free(&out);
	handmade_free(&h);
}

struct worker {
	struct printkit kit;
	struct text out;
};

static void *worker(void *arg)
{
	struct worker *w = arg;

	w->out = printkit_text(&w->kit);
	return NULL;
}

/* One struct print, the library behind its lock included (plugins). */
static void threads_print_the_same(void)
{
	struct print_options o = {.plugins = true};
	struct printkit k;
	struct text want;

	printkit_open(&k, "real/systems-v6.dat.zst", &o);
	want = printkit_text(&k);
	struct worker workers[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){.kit = k};
		CHECK_EQ(pthread_create(&threads[i], NULL, worker, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK(lines_same(&workers[i].out, &want));
		text_free(&workers[i].out);
	}
	text_free(&want);
	printkit_free(&k);
}

static const struct test_case cases[] = {
	TEST(every_line_of_a_capture_is_the_one_that_trace_cmd_printed),
	TEST(every_line_of_a_capture_is_that_of_trace_cmd),
	TEST(lines_of_all_kinds_of_events_are_those_of_trace_cmd),
	TEST(lines_with_plugins_are_those_of_trace_cmd_with_plugins),
	TEST(nanoseconds_are_those_of_trace_cmd),
	TEST(conversions_are_those_of_printf),
	TEST(expressions_are_those_of_c),
	TEST(tables_arrays_and_addresses),
	TEST(a_line_has_command_cpu_time_and_name),
	TEST(numbers_have_their_names_when_asked),
	TEST(short_events_are_printed_as_far_as_they_go),
	TEST(what_the_library_cannot_take_is_shown_by_fields),
	TEST(the_library_is_given_so_much_and_no_more),
	TEST(control_characters_do_not_come_through),
	TEST(threads_print_the_same),
};

int main(void)
{
	return test_main(cases, ARRAY_SIZE(cases));
}
