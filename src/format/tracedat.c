/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in a trace.dat before the ring pages, version 6 of the format: the one that
 * trace-cmd 2.7 to 3.4, KernelShark and libtracecmd all read (7 came with trace-cmd 3.0 and several
 * viewers fail on it).
 *
 * The session writes the head when it arms, so that it is on disk before the first event; finish
 * writes the tail, whose offsets say where each CPU's pages will stand. Both only append to a
 * string: no file is read or written here; tracedat_read.c parses what stands here.
 *
 *	head	17 08 44 "tracing" "6" \0, byte order, size of long, u32 page size
 *		"header_page" \0, u64 size, text;  "header_event" \0, u64 size, text
 *		u32 number of ftrace's own formats, each u64 size, text
 *		u32 number of systems, each: name \0, u32 number of events, each u64 size, text
 *		u32 size, kallsyms;  u32 size, printk_formats
 *	tail	u64 size, saved_cmdlines
 *		u32 number of CPUs, "options  " \0, options of u16 kind, u32 size, bytes; u16 0
 *		"flyrecord" \0, for each CPU u64 offset and u64 size of its pages in the file
 *		u64 size, text of trace_clock (because of the option TRACECLOCK)
 *		zeros up to the first page
 *
 * All numbers are little-endian, as the host must be. Sources: trace-cmd.dat.v6(5); for the
 *options, which it leaves out, handle_options() in lib/trace-cmd/trace-input.c of trace-cmd 2.7
 *and 3.1.6: DATE and OFFSET are read with strtoll(text, NULL, 0) and both added to every stamp,
 *DATE in microseconds and OFFSET in nanoseconds; strings include their NUL, the last byte of a
 *CPUSTAT is overwritten by a newline.
 */
#include <errno.h>
#include <limits.h>

#include "format/ringpage.h"
#include "format/tracedat.h"

static const uint8_t tracedat_magic[] = {0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g'};
#define TRACEDAT_VERSION "6"
#define TRACEDAT_LITTLE_ENDIAN 0

/* Readers map CPU data page by page: it must begin on a boundary of the reader's pages as well. */
#define CPU_DATA_ALIGN_MIN 4096u
#define CPUS_MAX 65536 /* far above the kernel's NR_CPUS of 8192; keeps sizes in range */
/* Of a damaged session: the padding is as long as a page, and offsets must not overflow. */
#define PAGE_BYTES_MAX (UINT32_C(1) << 24) /* as in ringpage.c */
#define HEAD_BYTES_MAX (UINT64_C(1) << 40) /* kallsyms and formats have some 20 MiB */

static void add_u16(struct text *out, uint16_t v)
{
	uint8_t b[2];

	put_le16(b, v);
	text_add(out, b, sizeof(b));
}

static void add_u32(struct text *out, uint32_t v)
{
	uint8_t b[4];

	put_le32(b, v);
	text_add(out, b, sizeof(b));
}

static void add_u64(struct text *out, uint64_t v)
{
	uint8_t b[8];

	put_le64(b, v);
	text_add(out, b, sizeof(b));
}

static void add_zeros(struct text *out, uint64_t n)
{
	static const uint8_t zeros[4096];

	for (uint64_t step; n; n -= step) {
		step = min_of(n, (uint64_t)sizeof(zeros));
		text_add(out, zeros, step);
	}
}

/* A string with its NUL. */
static void add_name(struct text *out, const char *s)
{
	text_add(out, s, strlen(s) + 1);
}

static void add_text_u64(struct text *out, const char *s)
{
	size_t n = strlen(s);

	add_u64(out, n);
	text_add(out, s, n);
}

/* Readers keep this size in an int. */
static int add_text_u32(struct text *out, const char *what, const char *s, struct err *e)
{
	size_t n = strlen(s);

	if (n > INT_MAX)
		return err_set(
			e, -EFBIG,
			"%s has %zu bytes, more than a trace.dat can hold (2 GiB): record it "
			"without.",
			what, n);
	add_u32(out, (uint32_t)n);
	text_add(out, s, n);
	return 0;
}

static bool is_ftrace(const struct tracedat_format *f)
{
	return strcmp(f->system, "ftrace") == 0;
}

/* How many formats from @at on belong to the system of the first of them. */
static size_t system_length(const struct tracedat_head *h, size_t at)
{
	size_t n = 1;

	while (at + n < h->format_count &&
	       strcmp(h->formats[at + n].system, h->formats[at].system) == 0)
		n++;
	return n;
}

static void add_ftrace_formats(const struct tracedat_head *h, struct text *out)
{
	uint32_t count = 0;

	for (size_t i = 0; i < h->format_count; i++)
		count += is_ftrace(&h->formats[i]);

	add_u32(out, count);
	for (size_t i = 0; i < h->format_count; i++)
		if (is_ftrace(&h->formats[i]))
			add_text_u64(out, h->formats[i].text);
}

static void add_event_formats(const struct tracedat_head *h, struct text *out)
{
	uint32_t systems = 0;

	for (size_t i = 0; i < h->format_count; i += system_length(h, i))
		systems += !is_ftrace(&h->formats[i]);

	add_u32(out, systems);
	for (size_t i = 0; i < h->format_count; i += system_length(h, i)) {
		size_t count = system_length(h, i);

		if (is_ftrace(&h->formats[i]))
			continue;
		add_name(out, h->formats[i].system);
		add_u32(out, (uint32_t)count);
		for (size_t k = 0; k < count; k++)
			add_text_u64(out, h->formats[i + k].text);
	}
}

/**
 * tracedat_write_head() - append the first part of a trace.dat
 * @h:   texts from tracefs and /proc/kallsyms, borrowed
 * @out: appended to; of no use after a failure
 * @e:   filled on failure
 *
 * h->page_bytes must be what h->header_page says. A reader decodes pages by the formats given here,
 * so they must be those of the time when the pages were written: event ids change when a module is
 * loaded again.
 *
 * Return: 0; -EBADMSG when header_page is not understood or contradicts the page size; -EFBIG when
 * a text is too long for the format; -ENOMEM.
 */
int tracedat_write_head(const struct tracedat_head *h, struct text *out, struct err *e)
{
	struct ringpage_layout layout;
	int r;

	r = ringpage_layout_parse(h->header_page, &layout, e);
	if (r < 0)
		return r;
	if (layout.page_bytes != h->page_bytes)
		return err_set(
			e, -EBADMSG,
			"The ring's pages have %u bytes, but events/header_page describes "
			"pages of %u: the sub-buffer size was changed while it was read. Record "
			"again.",
			h->page_bytes, layout.page_bytes);

	text_add(out, tracedat_magic, sizeof(tracedat_magic));
	add_name(out, TRACEDAT_VERSION);
	text_add(out, (const uint8_t[]){TRACEDAT_LITTLE_ENDIAN, (uint8_t)layout.commit_bytes}, 2);
	add_u32(out, h->page_bytes);

	add_name(out, "header_page");
	add_text_u64(out, h->header_page);
	add_name(out, "header_event");
	add_text_u64(out, h->header_event);

	add_ftrace_formats(h, out);
	add_event_formats(h, out);

	r = add_text_u32(out, "/proc/kallsyms", h->kallsyms, e);
	if (r < 0)
		return r;
	r = add_text_u32(out, "printk_formats", h->printk_formats, e);
	if (r < 0)
		return r;
	return text_ok(out) ? 0 : err_nomem(e);
}

static void add_option(struct text *out, enum tracedat_option kind, const void *bytes, size_t n)
{
	add_u16(out, (uint16_t)kind);
	add_u32(out, (uint32_t)n);
	text_add(out, bytes, n);
}

static void add_option_string(struct text *out, enum tracedat_option kind, const char *s)
{
	add_option(out, kind, s, strlen(s) + 1);
}

/* DATE holds whole microseconds, rounded down, and OFFSET the 0 to 999 ns that are left. */
static void add_clock_options(int64_t real_offset_ns, struct text *out)
{
	int64_t us = real_offset_ns / 1000, rest = real_offset_ns % 1000;
	char buf[32];

	if (rest < 0) {
		us--;
		rest += 1000;
	}
	(void)snprintf(buf, sizeof(buf), "%s0x%llx", us < 0 ? "-" : "",
		       us < 0 ? -(unsigned long long)us : (unsigned long long)us);
	add_option_string(out, TRACEDAT_DATE, buf);
	(void)snprintf(buf, sizeof(buf), "%lld", (long long)rest);
	add_option_string(out, TRACEDAT_OFFSET, buf);
}

static void add_options(const struct tracedat_tail *t, struct text *out)
{
	uint8_t cpus[4];

	add_clock_options(t->real_offset_ns, out);
	for (uint32_t i = 0; i < t->cpus; i++) {
		CLEANUP(text_free) struct text stat = {0};

		if (!t->cpu_stats || !t->cpu_stats[i])
			continue;
		text_printf(&stat, "CPU: %u\n%s", i, t->cpu_stats[i]);
		out->failed |= !text_ok(&stat);
		add_option_string(out, TRACEDAT_CPUSTAT, text_c(&stat));
	}
	/*
	 * trace-cmd 3.1 takes the clock's name from here, without a look at the length: of an
	 * option without bytes it reads whatever its heap holds, and now and then finds a clock
	 * there. Older ones only note that there is an option, and read the text behind the table.
	 */
	if (t->trace_clock)
		add_option_string(out, TRACEDAT_TRACECLOCK, t->trace_clock);
	if (t->uname)
		add_option_string(out, TRACEDAT_UNAME, t->uname);
	put_le32(cpus, t->cpus);
	add_option(out, TRACEDAT_CPUCOUNT, cpus, sizeof(cpus));
	add_u16(out, TRACEDAT_END);
}

static uint64_t align_up(uint64_t n, uint64_t step)
{
	return (n + step - 1) / step * step;
}

/* What is wrong with the sizes, before anything is written. */
static int tail_check(const struct tracedat_tail *t, uint64_t head_bytes, struct err *e)
{
	uint64_t sum = 0;

	if (head_bytes > HEAD_BYTES_MAX)
		return err_set(
			e, -EINVAL,
			"The first part of trace.dat is said to have %llu bytes, which cannot be: "
			"the session's data is damaged.",
			(unsigned long long)head_bytes);
	if (t->page_bytes == 0 || t->page_bytes > PAGE_BYTES_MAX || t->cpus == 0 ||
	    t->cpus > CPUS_MAX)
		return err_set(
			e, -EINVAL,
			"A trace.dat of %u CPUs with pages of %u bytes cannot be written: the "
			"session's manifest is damaged.",
			t->cpus, t->page_bytes);
	for (uint32_t i = 0; i < t->cpus; i++)
		if (t->cpu_bytes[i] % t->page_bytes != 0 ||
		    __builtin_add_overflow(sum, t->cpu_bytes[i], &sum) || sum > INT64_MAX / 2)
			return err_set(
				e, -EINVAL,
				"CPU %u has %llu bytes of ring pages, which is not a number of "
				"whole pages of %u bytes: the session's data is damaged.",
				i, (unsigned long long)t->cpu_bytes[i], t->page_bytes);
	return 0;
}

/**
 * tracedat_write_tail() - append the second part of a trace.dat, up to the first ring page
 * @t:          the sizes of the CPU data and what was known only at the end; borrowed
 * @head_bytes: length of the head, from tracedat_write_head(), that stands before it in the file
 * @out:        appended to, whatever it holds already; of no use after a failure
 * @e:          filled on failure
 *
 * The CPU data follows right behind, CPU 0 first, without gaps. CPUs without data have size 0, and
 * readers skip them. Readers that know the clock's name from t->trace_clock print its stamps as
 * seconds for local, global, uptime, perf, mono*, tai, but not for boot or counter.
 *
 * Return: 0; -EINVAL when a size is impossible; -ENOMEM.
 */
int tracedat_write_tail(const struct tracedat_tail *t, uint64_t head_bytes, struct text *out,
			struct err *e)
{
	uint64_t clock_bytes = t->trace_clock ? 8 + strlen(t->trace_clock) : 0;
	uint64_t begin = out->len, table_end, data_begin, offset;
	int r;

	r = tail_check(t, head_bytes, e);
	if (r < 0)
		return r;

	add_text_u64(out, t->cmdlines);
	add_u32(out, t->cpus);
	add_name(out, "options  ");
	add_options(t, out);
	add_name(out, "flyrecord");
	if (!text_ok(out))
		return err_nomem(e);

	table_end = head_bytes + (out->len - begin) + UINT64_C(16) * t->cpus + clock_bytes;
	data_begin = align_up(table_end, max_of(t->page_bytes, CPU_DATA_ALIGN_MIN));
	offset = data_begin;
	for (uint32_t i = 0; i < t->cpus; i++) {
		add_u64(out, offset);
		add_u64(out, t->cpu_bytes[i]);
		offset += t->cpu_bytes[i];
	}
	if (t->trace_clock)
		add_text_u64(out, t->trace_clock);
	add_zeros(out, data_begin - table_end);
	return text_ok(out) ? 0 : err_nomem(e);
}
