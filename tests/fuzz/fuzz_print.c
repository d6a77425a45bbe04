/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events printed by a stranger's formats. Input, cut at "%%%%": an event's bytes, the print fmt,
 * the lines of fields (or, empty, a set of them made here), kallsyms and printk_formats, and a
 * whole format.
 *
 * Promised: libtraceevent is only given what it can take, whatever is printed cannot move a cursor
 * and is a line, and twice the same event is twice the same text.
 */
#include "format/event.h"
#include "print.h"

#include "fuzz.h"

/* libtraceevent leaks what it could not parse; that is its own. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static const char common[] =
	"format:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";
static const char fields[] = "\tfield:u64 a;\toffset:8;\tsize:8;\tsigned:0;\n"
			     "\tfield:int b;\toffset:16;\tsize:4;\tsigned:1;\n"
			     "\tfield:u16 c;\toffset:20;\tsize:2;\tsigned:0;\n"
			     "\tfield:u8 d;\toffset:22;\tsize:1;\tsigned:0;\n"
			     "\tfield:char s[8];\toffset:24;\tsize:8;\tsigned:1;\n"
			     "\tfield:u32 t[2];\toffset:32;\tsize:8;\tsigned:0;\n"
			     "\tfield:__data_loc char[] z;\toffset:40;\tsize:4;\tsigned:1;\n"
			     "\tfield:__rel_loc u8[] r;\toffset:44;\tsize:4;\tsigned:0;\n"
			     "\tfield:const char * p;\toffset:48;\tsize:8;\tsigned:0;\n";

static void try_event(const struct print *p, uint16_t type, const uint8_t *data, uint32_t bytes)
{
	struct print_event ev = {.data = data, .bytes = bytes, .type = type, .cpu = 1, .ns = 5};
	CLEANUP(text_free) struct text one = {0}, two = {0};

	print_line(p, &ev, &one);
	print_line(p, &ev, &two);
	MUST(text_ok(&one) && one.len == two.len && memcmp(one.s, two.s, one.len) == 0);
	MUST(one.len > 20 && one.s[one.len - 1] == '\n');
	MUST(fuzz_is_plain(one.s, one.len, true));
}

static void try_print(const struct tracedat_read_head *h, bool names, const struct piece *event)
{
	struct print_options o = {.names = names};
	struct tracedat_read_tail tail = {.cmdlines = {"12 bash\n", 8}};
	uint8_t *data = fuzz_copy(event->bytes, event->n);
	struct event_table t = {0};
	struct print *p = NULL;

	MUST(event_table_read(h, &t, NULL) == 0);
	MUST(print_open(&o, &p, NULL) == 0 && print_load(p, h, &t, &tail, NULL) == 0);
	for (uint32_t i = 0; i < t.count; i++)
		try_event(p, (uint16_t)i, data, (uint32_t)event->n);
	try_event(p, PRINT_TYPE_UNKNOWN, data, (uint32_t)event->n);
	print_free(p);
	event_table_done(&t);
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(text_free) struct text format = {0};
	struct tracedat_read_format formats[2];
	struct tracedat_read_head h = {.formats = formats, .long_bytes = 8};
	struct piece pieces[6];
	size_t count = fuzz_cut(bytes, n, pieces, ARRAY_SIZE(pieces));

	text_printf(&format, "name: %s\nID: 7\n%s", pieces[2].n & 1 ? "bprint" : "e", common);
	if (pieces[2].n)
		text_add(&format, pieces[2].bytes, pieces[2].n);
	else
		text_str(&format, fields);
	text_str(&format, "\nprint fmt: ");
	text_add(&format, pieces[1].bytes, pieces[1].n);
	formats[h.format_count++] = (struct tracedat_read_format){
		{pieces[2].n & 1 ? "ftrace" : "scoutfs", pieces[2].n & 1 ? 6 : 7},
		{format.s, format.len}};
	if (count == ARRAY_SIZE(pieces))
		formats[h.format_count++] = (struct tracedat_read_format){
			{"fuzz", 4}, {(const char *)pieces[5].bytes, pieces[5].n}};
	h.kallsyms = (struct tracedat_span){(const char *)pieces[3].bytes, pieces[3].n};
	h.printk_formats = (struct tracedat_span){(const char *)pieces[4].bytes, pieces[4].n};
	try_print(&h, n & 1, &pieces[0]);
	return 0;
}
