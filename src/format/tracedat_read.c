/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in a trace.dat before the ring pages, read back: our own and what trace-cmd 2.7 to
 * 3.4 write as version 6. tracedat.c has the layout and its sources.
 *
 * The caller holds the bytes, all of them or as many as it has so far: -EAGAIN asks for more, and
 * the walk begins anew, so a caller who streams should double what it has each time. Everything in
 * the results but the tables points into the caller's buffer. Pure and safe on any bytes: each
 * length is checked before it is used, and tables grow only with bytes that are there.
 *
 * It does not look into format texts (event.c does), nor at the ring pages (ringpage.c).
 */
#include <errno.h>
#include <limits.h>

#include "format/tracedat.h"

static const uint8_t tracedat_magic[] = {0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g'};

/* Of version numbers, system names and section names: the longest is some dozens. */
#define NAME_BYTES_MAX 256
#define CPUS_MAX 65536	   /* as in tracedat.c */
#define FORMATS_MAX 65535  /* the kernel has as many event ids */
#define OPTION_TEXT_MAX 64 /* of a number as text */
#define SECTION_BYTES 10   /* "options  ", "flyrecord", "latency  ", each with its NUL */
#define PAGE_BYTES_MAX (UINT32_C(1) << 24) /* as in ringpage.c */

/* A walk over the buffer; .needed is how long it must be, at least, for the walk to go on. */
struct reader {
	const uint8_t *bytes;
	size_t n, at;
	uint64_t needed, limit;
};

/* The next @n bytes, or NULL: then .needed tells how many would do. */
static const uint8_t *reader_take(struct reader *r, uint64_t n)
{
	const uint8_t *at = r->bytes + r->at;

	if (n > r->n - r->at) {
		r->needed = n > UINT64_MAX - r->at ? UINT64_MAX : r->at + n;
		return NULL;
	}
	r->at += n;
	return at;
}

/* Why reader_take() gave nothing: more bytes may come, or the file asks for too many. */
static int reader_short(const struct reader *r, struct err *e)
{
	if (r->needed <= r->limit) {
		(void)err_set(e, -EAGAIN, "The trace.dat ends too early, after %zu bytes.", r->n);
		return -EAGAIN;
	}
	(void)err_set(
		e, -EFBIG,
		"The trace.dat says that its part before the events goes on for %llu bytes, more "
		"than the %llu that are read: it is damaged or was not made by trace-cmd.",
		(unsigned long long)r->needed, (unsigned long long)r->limit);
	return -EFBIG;
}

static int read_u32(struct reader *r, uint32_t *ret, struct err *e)
{
	const uint8_t *at = reader_take(r, 4);

	if (!at)
		return reader_short(r, e);
	*ret = get_le32(at);
	return 0;
}

static int read_u64(struct reader *r, uint64_t *ret, struct err *e)
{
	const uint8_t *at = reader_take(r, 8);

	if (!at)
		return reader_short(r, e);
	*ret = get_le64(at);
	return 0;
}

static int read_span(struct reader *r, uint64_t n, struct tracedat_span *ret, struct err *e)
{
	const uint8_t *at = reader_take(r, n);

	if (!at)
		return reader_short(r, e);
	*ret = (struct tracedat_span){(const char *)at, (size_t)n};
	return 0;
}

static int read_text_u64(struct reader *r, struct tracedat_span *ret, struct err *e)
{
	uint64_t n;
	int res = read_u64(r, &n, e);

	return res < 0 ? res : read_span(r, n, ret, e);
}

static int read_text_u32(struct reader *r, struct tracedat_span *ret, struct err *e)
{
	uint32_t n;
	int res = read_u32(r, &n, e);

	return res < 0 ? res : read_span(r, n, ret, e);
}

static int bad(struct err *e, const char *what)
{
	(void)err_set(e, -EBADMSG,
		      "This is no trace.dat of version 6, or it is damaged: %s. Was the file cut, "
		      "or copied as text?",
		      what);
	return -EBADMSG;
}

/* A string with its NUL, which is not part of @ret. */
static int read_name(struct reader *r, struct tracedat_span *ret, struct err *e)
{
	const uint8_t *begin = r->bytes + r->at;
	size_t n = min_of(r->n - r->at, (size_t)NAME_BYTES_MAX);
	const uint8_t *nul = n ? memchr(begin, '\0', n) : NULL;

	if (!nul && n == NAME_BYTES_MAX)
		return bad(e, "a name in it does not end");
	if (!nul) {
		r->needed = r->n + 1;
		return reader_short(r, e);
	}
	*ret = (struct tracedat_span){(const char *)begin, (size_t)(nul - begin)};
	r->at += ret->n + 1;
	return 0;
}

static bool span_is(const struct tracedat_span *s, const char *want)
{
	return s->n == strlen(want) && memcmp(s->s, want, s->n) == 0;
}

/* The bytes before the version are compared as far as they are there: no need to ask for more of
 * another kind of file. */
static int read_magic(struct reader *r, struct err *e)
{
	size_t n = min_of(r->n, sizeof(tracedat_magic));
	const uint8_t *at;

	if (n && memcmp(r->bytes, tracedat_magic, n) != 0)
		return err_set(e, -EBADMSG,
			       "This is no trace.dat: it does not begin as one. A trace.dat comes "
			       "from trace-cmd or from a bundle.");
	at = reader_take(r, sizeof(tracedat_magic));
	return at ? 0 : reader_short(r, e);
}

static int read_version(struct reader *r, struct err *e)
{
	struct tracedat_span version;
	int res = read_name(r, &version, e);

	if (res < 0)
		return res;
	if (span_is(&version, "7"))
		return err_set(e, -ENOTSUP,
			       "This trace.dat is of version 7, which is not read here: convert it "
			       "with \"trace-cmd convert --file-version 6 --compression none -i IN "
			       "-o OUT\".");
	return span_is(&version, "6") ? 0 : bad(e, "its version is another one");
}

static int read_shape(struct reader *r, struct tracedat_read_head *h, struct err *e)
{
	const uint8_t *at = reader_take(r, 6);

	if (!at)
		return reader_short(r, e);
	if (at[0] != 0)
		return err_set(e, -ENOTSUP,
			       "This trace.dat comes from a big-endian machine, which is not read "
			       "here. trace-cmd report can show it.");
	h->long_bytes = at[1];
	h->page_bytes = get_le32(at + 2);
	if (h->long_bytes != 4 && h->long_bytes != 8)
		return bad(e, "the size of its longs is neither 4 nor 8");
	if (h->page_bytes == 0 || h->page_bytes > PAGE_BYTES_MAX)
		return bad(e, "the size of its pages is impossible");
	return 0;
}

static int read_section(struct reader *r, const char *name, struct tracedat_span *ret,
			struct err *e)
{
	struct tracedat_span got;
	int res = read_name(r, &got, e);

	if (res < 0)
		return res;
	if (!span_is(&got, name))
		return bad(e, "a part of its head is not where it should be");
	return read_text_u64(r, ret, e);
}

static int format_add(struct tracedat_read_head *h, size_t *size,
		      const struct tracedat_read_format *f, struct err *e)
{
	if (h->format_count == FORMATS_MAX) {
		h->formats_skipped++;
		return 0;
	}
	if (h->format_count == *size) {
		size_t want = max_of(*size * 2, (size_t)64);
		void *grown = realloc(h->formats, want * sizeof(*h->formats));

		if (!grown)
			return err_nomem(e);
		h->formats = grown;
		*size = want;
	}
	h->formats[h->format_count++] = *f;
	return 0;
}

/* @count texts of one system. A count that is a lie ends where the bytes do: each has 8 at least.
 */
static int read_formats(struct reader *r, struct tracedat_span system, uint32_t count,
			struct tracedat_read_head *h, size_t *size, struct err *e)
{
	for (uint32_t i = 0; i < count; i++) {
		struct tracedat_read_format f = {.system = system};
		int res = read_text_u64(r, &f.text, e);

		if (res == 0)
			res = format_add(h, size, &f, e);
		if (res < 0)
			return res;
	}
	return 0;
}

static int read_events(struct reader *r, struct tracedat_read_head *h, struct err *e)
{
	uint32_t systems, count;
	size_t size = 0;
	int res;

	res = read_u32(r, &count, e);
	if (res == 0)
		res = read_formats(r, (struct tracedat_span){"ftrace", 6}, count, h, &size, e);
	if (res == 0)
		res = read_u32(r, &systems, e);
	if (res < 0)
		return res;

	for (uint32_t i = 0; i < systems; i++) {
		struct tracedat_span system;

		res = read_name(r, &system, e);
		if (res == 0)
			res = read_u32(r, &count, e);
		if (res == 0)
			res = read_formats(r, system, count, h, &size, e);
		if (res < 0)
			return res;
	}
	return 0;
}

static int read_head(struct reader *r, struct tracedat_read_head *h, struct err *e)
{
	int res;

	res = read_magic(r, e);
	if (res == 0)
		res = read_version(r, e);
	if (res == 0)
		res = read_shape(r, h, e);
	if (res == 0)
		res = read_section(r, "header_page", &h->header_page, e);
	if (res == 0)
		res = read_section(r, "header_event", &h->header_event, e);
	if (res == 0)
		res = read_events(r, h, e);
	if (res == 0)
		res = read_text_u32(r, &h->kallsyms, e);
	if (res == 0)
		res = read_text_u32(r, &h->printk_formats, e);
	return res;
}

/**
 * tracedat_head_done() - free what a head owns; one of zeros is fine
 */
void tracedat_head_done(struct tracedat_read_head *h)
{
	free(h->formats);
	*h = (struct tracedat_read_head){0};
}

/**
 * tracedat_head_read() - the part of a trace.dat from its first byte to printk_formats
 * @bytes: from the beginning of the file; borrowed for as long as @ret is used
 * @n:     how many there are; may be more than the head, or less
 * @ret:   set on success, to be given to tracedat_head_done(); after -EAGAIN only .bytes is set
 * @e:     filled on failure, with -EAGAIN too: the sentence for a file that ends there
 *
 * After -EAGAIN call again with ret->bytes bytes at least, better with twice as many as before.
 *
 * Return: 0; -EAGAIN when more bytes are needed; -EBADMSG when this is no trace.dat of version 6;
 * -ENOTSUP for version 7 and big-endian files; -EFBIG beyond TRACEDAT_HEAD_BYTES_MAX; -ENOMEM.
 */
int tracedat_head_read(const void *bytes, size_t n, struct tracedat_read_head *ret, struct err *e)
{
	struct reader r = {.bytes = bytes, .n = n, .limit = TRACEDAT_HEAD_BYTES_MAX};
	struct tracedat_read_head h = {0};
	int res = read_head(&r, &h, e);

	if (res == 0 && r.at > r.limit) {
		r.needed = r.at;
		res = reader_short(&r, e);
	}
	if (res < 0) {
		tracedat_head_done(&h);
		if (res == -EAGAIN)
			*ret = (struct tracedat_read_head){.bytes = r.needed};
		return res;
	}
	h.bytes = r.at;
	*ret = h;
	return 0;
}

/* A number as trace-cmd reads it: strtoll(text, NULL, 0). False when it is none, or too large. */
static bool option_number(const struct tracedat_span *s, int64_t *ret)
{
	char text[OPTION_TEXT_MAX + 1], *end;
	size_t n = strnlen(s->s, s->n);
	long long v;

	if (n == 0 || n > OPTION_TEXT_MAX)
		return false;
	memcpy(text, s->s, n);
	text[n] = '\0';
	errno = 0;
	v = strtoll(text, &end, 0);
	if (errno || end == text)
		return false;
	*ret = v;
	return true;
}

/* DATE is in microseconds and OFFSET in nanoseconds; the two are added. */
static bool option_offset(const struct tracedat_span *s, int64_t unit, struct tracedat_read_tail *t)
{
	int64_t v;

	if (!option_number(s, &v) || __builtin_mul_overflow(v, unit, &v) ||
	    __builtin_add_overflow(t->real_offset_ns, v, &v))
		return false;
	t->real_offset_ns = v;
	t->has_real_offset = true;
	return true;
}

/* The text of an option, without the NUL that trace-cmd counts. */
static struct tracedat_span option_text(const struct tracedat_span *s)
{
	return (struct tracedat_span){s->s, strnlen(s->s, s->n)};
}

static int cpu_stat_add(struct tracedat_read_tail *t, const struct tracedat_span *s, struct err *e)
{
	struct tracedat_span *grown;

	if (t->cpu_stats_count == CPUS_MAX) {
		t->options_skipped++;
		return 0;
	}
	/* A power of two is full. */
	if ((t->cpu_stats_count & (t->cpu_stats_count - 1)) == 0) {
		size_t want = max_of((size_t)t->cpu_stats_count * 2, (size_t)1);

		grown = realloc(t->cpu_stats, want * sizeof(*grown));
		if (!grown)
			return err_nomem(e);
		t->cpu_stats = grown;
	}
	t->cpu_stats[t->cpu_stats_count++] = option_text(s);
	return 0;
}

static int option_use(uint16_t kind, const struct tracedat_span *s, struct tracedat_read_tail *t,
		      bool *has_clock, struct err *e)
{
	switch (kind) {
	case TRACEDAT_DATE:
		t->options_skipped += !option_offset(s, 1000, t);
		break;
	case TRACEDAT_OFFSET:
		t->options_skipped += !option_offset(s, 1, t);
		break;
	case TRACEDAT_CPUSTAT:
		return cpu_stat_add(t, s, e);
	case TRACEDAT_UNAME:
		t->uname = option_text(s);
		break;
	case TRACEDAT_TRACECLOCK:
		*has_clock = true;
		break;
	default: /* hooks, buffers of other instances, newer ones: nothing that is needed here */
		break;
	}
	return 0;
}

static int read_options(struct reader *r, struct tracedat_read_tail *t, bool *has_clock,
			struct err *e)
{
	for (;;) {
		struct tracedat_span s = {0};
		const uint8_t *kind = reader_take(r, 2);
		int res;

		if (!kind)
			return reader_short(r, e);
		if (get_le16(kind) == TRACEDAT_END)
			return 0;
		res = read_text_u32(r, &s, e);
		if (res == 0)
			res = option_use(get_le16(kind), &s, t, has_clock, e);
		if (res < 0)
			return res;
	}
}

static int read_table(struct reader *r, struct tracedat_read_tail *t, struct err *e)
{
	const uint8_t *table = reader_take(r, UINT64_C(16) * t->cpus);

	if (!table)
		return reader_short(r, e);
	t->cpu = calloc(t->cpus ? t->cpus : 1, sizeof(*t->cpu));
	if (!t->cpu)
		return err_nomem(e);
	for (uint32_t i = 0; i < t->cpus; i++, table += 16) {
		uint64_t offset = get_le64(table), bytes = get_le64(table + 8);

		if (bytes > INT64_MAX || offset > INT64_MAX - bytes)
			t->cpus_skipped++;
		else
			t->cpu[i] = (struct tracedat_read_cpu){offset, bytes};
	}
	return 0;
}

static int read_tail(struct reader *r, struct tracedat_read_tail *t, struct err *e)
{
	struct tracedat_span section = {0};
	bool has_clock = false;
	int res;

	res = read_text_u64(r, &t->cmdlines, e);
	if (res == 0)
		res = read_u32(r, &t->cpus, e);
	if (res == 0 && t->cpus > CPUS_MAX)
		res = bad(e, "the number of its CPUs is impossible");
	if (res == 0)
		res = read_span(r, SECTION_BYTES, &section, e);
	if (res == 0 && memcmp(section.s, "options  ", SECTION_BYTES) == 0) {
		res = read_options(r, t, &has_clock, e);
		if (res == 0)
			res = read_span(r, SECTION_BYTES, &section, e);
	}
	if (res < 0)
		return res;
	if (memcmp(section.s, "latency  ", SECTION_BYTES) == 0)
		return err_set(e, -ENOTSUP,
			       "This trace.dat holds the text of a latency tracer, no events.");
	if (memcmp(section.s, "flyrecord", SECTION_BYTES) != 0)
		return bad(e, "the table of its CPUs is not where it should be");
	res = read_table(r, t, e);
	if (res == 0 && has_clock)
		res = read_text_u64(r, &t->trace_clock, e);
	return res;
}

/**
 * tracedat_tail_done() - free what a tail owns; one of zeros is fine
 */
void tracedat_tail_done(struct tracedat_read_tail *t)
{
	free(t->cpu);
	free(t->cpu_stats);
	*t = (struct tracedat_read_tail){0};
}

/**
 * tracedat_tail_read() - the part of a trace.dat from saved_cmdlines to the table of the CPUs
 * @bytes: what follows the head; borrowed for as long as @ret is used
 * @n:     how many there are; may be more than the tail, or less
 * @ret:   set on success, to be given to tracedat_tail_done(); after -EAGAIN only .bytes is set
 * @e:     filled on failure, as by tracedat_head_read()
 *
 * An option that is not understood is counted and left out, a CPU whose place in the file is
 * impossible has no data. Offsets in @ret count from the beginning of the file.
 *
 * Return: 0; -EAGAIN when more bytes are needed; -EBADMSG; -ENOTSUP for a latency trace; -EFBIG
 * beyond TRACEDAT_TAIL_BYTES_MAX; -ENOMEM.
 */
int tracedat_tail_read(const void *bytes, size_t n, struct tracedat_read_tail *ret, struct err *e)
{
	struct reader r = {.bytes = bytes, .n = n, .limit = TRACEDAT_TAIL_BYTES_MAX};
	struct tracedat_read_tail t = {0};
	int res = read_tail(&r, &t, e);

	if (res == 0 && r.at > r.limit) {
		r.needed = r.at;
		res = reader_short(&r, e);
	}
	if (res < 0) {
		tracedat_tail_done(&t);
		if (res == -EAGAIN)
			*ret = (struct tracedat_read_tail){.bytes = r.needed};
		return res;
	}
	t.bytes = r.at;
	*ret = t;
	return 0;
}
