/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks for files that have no chunk headers: those of an unpacked or repacked bundle, and a
 * trace.dat or pcap file alone.
 *
 * Called by the indexing of folders. A file is cut where records begin, and each piece becomes a
 * chunk that is read straight from the file. Of ring pages only the stamp in front of one page a
 * chunk is read, so a trace.dat of gigabytes is indexed at once; the text files and the packets are
 * read through. How many records a piece holds, and what was lost before it, is not known here.
 *
 * Packets and kernel.log have CLOCK_REALTIME. It is turned into CLOCK_MONOTONIC by the anchors of
 * the manifest; where the wall clock was stepped, a chunk's times reach from the earliest to the
 * latest that they can mean.
 */
#include "bundle_private.h"

#include <errno.h>

#include "format/pcapfile.h"
#include "format/ringpage.h"
#include "format/series.h"
#include "format/tracedat.h"

#define PIECE_BYTES (512 * KIB)
#define READ_BYTES (256 * KIB)
#define PROLOGUE_FIRST_BYTES MIB
#define PROLOGUE_MAX_BYTES (TRACEDAT_HEAD_BYTES_MAX + TRACEDAT_TAIL_BYTES_MAX)

/* ---- times ---- */

/* What lies between CLOCK_REALTIME and CLOCK_MONOTONIC, at the least and at the most. */
struct offsets {
	bool known;
	uint64_t least, most;
};

static struct offsets find_offsets(const struct bundle *b)
{
	const struct json_value *list = json_get(json_get(bundle_manifest(b), "clocks"), "anchors");
	struct offsets o = {.least = UINT64_MAX};

	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next) {
		uint64_t mono = json_get_u64(v, "monotonic_ns", 0);
		uint64_t real = json_get_u64(v, "realtime_ns", 0);

		if (real < mono || !real)
			continue;
		o.known = true;
		o.least = min_of(o.least, real - mono);
		o.most = max_of(o.most, real - mono);
	}
	return o;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ---- cutting a file of records ---- */

struct cutter {
	struct bundle *b;
	enum chunk_stream kind;
	uint32_t id;
	uint16_t file;
	uint64_t from;	   /* of the open piece in the file */
	uint64_t sequence; /* of the last piece */
	uint64_t first_ns, last_ns;
	uint64_t records;
	uint64_t prologue; /* bytes before the first record */
	bool real_time;
	struct offsets offsets;
};

static int cut(struct cutter *c, uint64_t to, struct err *e)
{
	struct chunk chunk = {.stream = (uint16_t)c->kind,
			      .id = c->id,
			      .sequence = c->sequence + 1,
			      .first_ns = c->first_ns,
			      .last_ns = c->last_ns,
			      .records = c->records,
			      .raw_bytes = to - c->from};
	uint64_t from = c->from;

	c->from = to;
	if (chunk.raw_bytes == 0)
		return 0;
	c->sequence++;
	if (c->real_time && c->offsets.known) {
		chunk.first_ns = less(chunk.first_ns, c->offsets.most);
		chunk.last_ns = less(chunk.last_ns, c->offsets.least);
	}
	c->first_ns = c->last_ns = c->records = 0;
	return bundle_add_chunk(c->b, &chunk, FORM_RAW, c->file, from, e);
}

/* A record of [at, end) with this stamp; 0 is a record without one. */
static int cut_record(struct cutter *c, uint64_t at, uint64_t end, uint64_t ns, struct err *e)
{
	int r = 0;

	if (end - c->from > PIECE_BYTES && at > c->from)
		r = cut(c, at, e);
	if (ns) {
		c->first_ns = c->first_ns ? min_of(c->first_ns, ns) : ns;
		c->last_ns = max_of(c->last_ns, ns);
	}
	c->records++;
	return r;
}

/* Mark the stream as one of CLOCK_REALTIME. */
static void close_cutter(struct cutter *c)
{
	struct bundle_stream_list *s;

	if (!c->sequence || !c->real_time || c->offsets.known)
		return;
	s = bundle_list_find(c->b, c->kind, c->id);
	if (s)
		s->pub.real_time = true;
}

/* ---- lines ---- */

/* "2026-11-20T12:33:46.868317Z ..." to nanoseconds since 1970; 0 when it is not one. */
static uint64_t utc_stamp(const char *s, size_t n)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
	unsigned int year, month, day, hour, minute, second, micro;
	char copy[sizeof(shape)];
	int64_t days, era;

	if (n < sizeof(shape) - 1)
		return 0;
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
			return 0;
	memcpy(copy, s, sizeof(shape) - 1);
	copy[sizeof(shape) - 1] = '\0';
	if (sscanf(copy, "%4u-%2u-%2uT%2u:%2u:%2u.%6u", &year, &month, &day, &hour, &minute,
		   &second, &micro) != 7 ||
	    year < 1970 || year > 2500 || month < 1 || month > 12)
		return 0;
	/* Days of the civil calendar: years begin in March, so the leap day is the last. */
	year -= month <= 2;
	era = year / 400;
	days = (int64_t)(153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
	days += (int64_t)(year % 400) * 365 + year % 400 / 4 - year % 400 / 100;
	days += era * 146097 - 719468;
	return ((uint64_t)days * 86400 + hour * 3600u + minute * 60u + second) * NSEC_PER_SEC +
	       micro * NSEC_PER_USEC;
}

static uint64_t number_stamp(const char *s, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && i < 19 && s[i] >= '0' && s[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(s[i] - '0');
	return v;
}

static int cut_line(struct cutter *c, const char *line, size_t n, uint64_t at, struct err *e)
{
	uint64_t ns = c->kind == CHUNK_KMSG ? utc_stamp(line, n) : number_stamp(line, n);

	/* The first row of clocks.csv is the columns' names: part of the prologue. */
	if (c->kind == CHUNK_CLOCKS && at == 0) {
		c->from = c->prologue = n;
		return 0;
	}
	return cut_record(c, at, at + n, ns, e);
}

/* Lines longer than the buffer are cut in it: nobody's record has 256 KiB. */
static int cut_lines(struct cutter *c, uint64_t size, struct err *e)
{
	CLEANUP(freep) char *buf = malloc(READ_BYTES);
	uint64_t at = 0;
	int r = buf ? 0 : err_nomem(e);

	while (r == 0 && at < size) {
		ssize_t n = bundle_pread(c->b, c->file, buf, READ_BYTES, at);
		size_t used = 0;

		if (n <= 0)
			return n < 0 ? err_errno(e, (int)n, "cannot read %s", c->b->path) : 0;
		while (r == 0 && used < (size_t)n) {
			const char *nl = memchr(buf + used, '\n', (size_t)n - used);
			size_t len = nl ? (size_t)(nl + 1 - buf) - used : (size_t)n - used;

			/* The rest of it comes with the next read. */
			if (!nl && used && at + (uint64_t)n < size)
				break;
			r = cut_line(c, buf + used, len, at + used, e);
			used += len;
		}
		at += used;
	}
	return r == 0 ? cut(c, max_of(at, c->from), e) : r;
}

/* ---- packets ---- */

static int cut_packets(struct cutter *c, uint64_t size, struct err *e)
{
	CLEANUP(pcapfile_done) struct pcapfile_reader reader = {0};
	CLEANUP(freep) uint8_t *buf = malloc(READ_BYTES);
	uint64_t at = PCAPFILE_HEADER_BYTES;
	struct err why = {0};
	int r = buf ? 0 : err_nomem(e);

	c->from = at;
	for (uint64_t read_at = 0; r == 0 && read_at < size;) {
		ssize_t n = bundle_pread(c->b, c->file, buf, READ_BYTES, read_at);
		struct pcapfile_packet p;

		if (n <= 0)
			return n < 0 ? err_errno(e, (int)n, "cannot read %s", c->b->path) : 0;
		read_at += (uint64_t)n;
		pcapfile_feed(&reader, buf, (size_t)n);
		while (r == 0 && (r = pcapfile_next(&reader, &p, &why)) > 0) {
			uint64_t end = at + PCAPFILE_RECORD_BYTES + p.captured;

			r = cut_record(c, at, end, p.real_ns, e);
			at = end;
		}
	}
	if (r == -ENOMEM)
		return err_nomem(e);
	if (r == 0)
		r = pcapfile_end(&reader, &why);
	if (r < 0)
		bundle_note_add(c->b, true, "packets.pcap: %s", why.text);
	return cut(c, max_of(min_of(at, size), c->from), e);
}

/* ---- series ---- */

/*
 * The samples of the @n bytes at @at, of which the last may be cut. How many bytes they have; 0
 * when not one is whole.
 */
static size_t cut_samples(struct cutter *c, const char *buf, size_t n, uint64_t at, int *ret,
			  struct err *e)
{
	struct series_sample sample;
	struct series_section section;
	struct series_walk w;
	size_t used = 0;
	int r;

	series_walk_begin(&w, buf, n);
	if (at == 0)
		c->from = c->prologue = (uint64_t)(w.at - buf);
	while (*ret == 0 && series_next_sample(&w, &sample)) {
		do
			r = series_next_section(&w, &section);
		while (r > 0);
		/* It is cut here, or damaged: then there is another one behind it. */
		if (r < 0)
			continue;
		*ret = cut_record(c, at + used, at + (uint64_t)(w.at - buf), sample.mono_ns, e);
		used = (size_t)(w.at - buf);
	}
	return used;
}

/* A sample that does not fit the buffer is longer than any chunk can be, or damaged. */
static int cut_series(struct cutter *c, uint64_t size, struct err *e)
{
	CLEANUP(freep) char *buf = malloc(BUNDLE_CHUNK_MAX);
	uint64_t at = 0;
	int r = buf ? 0 : err_nomem(e);

	while (r == 0 && at < size) {
		ssize_t n = bundle_pread(c->b, c->file, buf, BUNDLE_CHUNK_MAX, at);
		size_t used;

		if (n <= 0)
			return n < 0 ? err_errno(e, (int)n, "cannot read %s", c->b->path) : 0;
		used = cut_samples(c, buf, (size_t)n, at, &r, e);
		if (r == 0 && !used) {
			bundle_note_add(c->b, true, "%s: %llu bytes, %llu into it, are no samples",
					c->b->files[c->file].name ? c->b->files[c->file].name : "",
					(unsigned long long)n, (unsigned long long)at);
			r = cut(c, at, e);
			c->from = at + (uint64_t)n;
			used = (size_t)n;
		}
		at += used;
	}
	return r == 0 && c->from < at ? cut(c, at, e) : r;
}

/* Its number in the recording is not known any more: they are counted as they come. */
static uint32_t next_series(const struct bundle *b)
{
	uint32_t id = 1;

	for (size_t i = 0; i < b->member_count; i++)
		id = max_of(id, b->data[i].stream_id + 1);
	return id;
}

/* ---- ring pages ---- */

struct trace {
	struct bundle *b;
	uint16_t file;
	uint64_t size;
	struct text bytes; /* its beginning */
	struct tracedat_read_head head;
	struct tracedat_read_tail tail;
	struct ringpage_layout layout;
};

static void trace_done(struct trace *t)
{
	tracedat_head_done(&t->head);
	tracedat_tail_done(&t->tail);
	text_free(&t->bytes);
}

/* @n bytes from the beginning of the file, or what there is. */
static int load_to(struct trace *t, uint64_t n, struct err *e)
{
	CLEANUP(freep) uint8_t *buf = malloc(READ_BYTES);

	if (!buf)
		return err_nomem(e);
	while (t->bytes.len < n) {
		ssize_t got = bundle_pread(t->b, t->file, buf, min_of(n - t->bytes.len, READ_BYTES),
					   t->bytes.len);

		if (got < 0)
			return err_errno(e, (int)got, "cannot read %s", t->b->path);
		if (got == 0)
			return 0;
		text_add(&t->bytes, buf, (size_t)got);
		if (!text_ok(&t->bytes))
			return err_nomem(e);
	}
	return 0;
}

/* The whole of head and tail: longer and longer beginnings, until they are understood. */
static int load_prologue(struct trace *t, struct err *e)
{
	uint64_t need = PROLOGUE_FIRST_BYTES;
	size_t had = 0;
	int r;

	for (;;) {
		r = load_to(t, need, e);
		if (r < 0)
			return r;
		tracedat_head_done(&t->head);
		t->head = (struct tracedat_read_head){0};
		r = tracedat_head_read(t->bytes.s, t->bytes.len, &t->head, e);
		if (r == 0) {
			r = tracedat_tail_read(t->bytes.s + t->head.bytes,
					       t->bytes.len - t->head.bytes, &t->tail, e);
			need = t->head.bytes + t->tail.bytes;
		} else {
			need = t->head.bytes;
			t->head.formats = NULL;
		}
		if (r != -EAGAIN || t->bytes.len == had || need > PROLOGUE_MAX_BYTES)
			return r;
		t->tail = (struct tracedat_read_tail){0};
		err_clear(e);
		had = t->bytes.len;
		need = max_of(need, 2 * (uint64_t)had);
	}
}

/* The stamp in front of the page at @at; 0 when it cannot be read. */
static uint64_t page_stamp(const struct trace *t, uint64_t at)
{
	uint8_t stamp[8];

	return bundle_pread(t->b, t->file, stamp, sizeof(stamp), at) == sizeof(stamp)
		       ? get_le64(stamp)
		       : 0;
}

static uint64_t last_of_page(const struct trace *t, uint64_t at)
{
	CLEANUP(freep) uint8_t *page = malloc(t->layout.page_bytes);
	struct ringpage_info info;

	if (!page || bundle_pread(t->b, t->file, page, t->layout.page_bytes, at) !=
			     (ssize_t)t->layout.page_bytes)
		return 0;
	return ringpage_scan(&t->layout, page, &info) == 0 ? info.last_ns : get_le64(page);
}

static int cut_ring(struct trace *t, uint32_t cpu, uint64_t from, uint64_t bytes, struct err *e)
{
	uint64_t page = t->layout.page_bytes, step = max_of(PIECE_BYTES / page, 1u) * page;
	struct cutter c = {.b = t->b, .kind = CHUNK_RING, .id = cpu, .file = t->file, .from = from};
	uint64_t first = page_stamp(t, from);
	int r = 0;

	for (uint64_t at = from; r == 0 && at < from + bytes; at += step) {
		uint64_t end = min_of(at + step, from + bytes);
		/* Whatever is in these pages came before the next page began. */
		uint64_t next =
			end < from + bytes ? page_stamp(t, end) : last_of_page(t, end - page);

		c.first_ns = first;
		c.last_ns = max_of(first, next);
		r = cut(&c, end, e);
		first = next;
	}
	return r;
}

static int cut_rings(struct trace *t, uint64_t *ret_prologue, struct err *e)
{
	uint64_t page = t->layout.page_bytes, lost = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < t->tail.cpus && i < BUNDLE_RINGS_MAX; i++) {
		const struct tracedat_read_cpu *cpu = &t->tail.cpu[i];
		uint64_t there = cpu->offset < t->size ? t->size - cpu->offset : 0;

		if (!cpu->bytes)
			continue;
		*ret_prologue = min_of(*ret_prologue, cpu->offset);
		there = min_of(there, cpu->bytes) / page * page;
		lost += cpu->bytes - there;
		if (there)
			r = cut_ring(t, i, cpu->offset, there, e);
	}
	if (lost)
		bundle_note_add(t->b, true,
				"trace.dat is cut short: %llu bytes of trace events are missing",
				(unsigned long long)lost);
	return r;
}

static int cut_trace(struct bundle *b, size_t member, uint16_t file, struct err *e)
{
	CLEANUP(trace_done)
	struct trace t = {.b = b, .file = file, .size = b->files[file].size};
	uint64_t prologue = t.size;
	struct err why = {0};
	CLEANUP(freep) char *page = NULL;
	int r;

	if (!t.size)
		return 0;
	r = load_prologue(&t, &why);
	if (r == 0) {
		page = strndup(t.head.header_page.s, t.head.header_page.n);
		r = page ? ringpage_layout_parse(page, &t.layout, &why) : err_nomem(&why);
	}
	if (r == 0 && t.layout.page_bytes > BUNDLE_CHUNK_MAX)
		r = err_set(&why, -EBADMSG, "its pages of %u bytes cannot be", t.layout.page_bytes);
	if (r < 0) {
		bundle_note_add(b, true, "trace.dat: %s", why.text);
		return r == -ENOMEM ? err_nomem(e) : 0;
	}
	r = cut_rings(&t, &prologue, e);
	b->data[member].prologue_bytes = prologue;
	return r;
}

/**
 * bundle_virtual() - cut a member that is a file of its own into chunks
 * @member: index of the member, which has the whole file as its extent
 * @file:   of b->files
 *
 * Return: 0, with notes on what is damaged; -ENOMEM; a negative errno when the file cannot be read.
 */
int bundle_virtual(struct bundle *b, size_t member, uint16_t file, struct err *e)
{
	uint64_t size = b->files[file].size;
	struct cutter c = {.b = b,
			   .kind = bundle_stream_of(b->members[member].path),
			   .file = file,
			   .offsets = find_offsets(b)};
	int r = 0;

	b->data[member].prologue_bytes = 0;
	switch (c.kind) {
	case CHUNK_RING:
		return cut_trace(b, member, file, e);
	case CHUNK_PACKETS:
		c.real_time = true;
		b->data[member].prologue_bytes = min_of(size, (uint64_t)PCAPFILE_HEADER_BYTES);
		r = size ? cut_packets(&c, size, e) : 0;
		break;
	case CHUNK_KMSG:
		c.real_time = true;
		r = cut_lines(&c, size, e);
		break;
	case CHUNK_CLOCKS:
		r = cut_lines(&c, size, e);
		b->data[member].prologue_bytes = c.prologue;
		break;
	case CHUNK_SERIES:
		c.id = b->data[member].stream_id = next_series(b);
		r = cut_series(&c, size, e);
		b->data[member].prologue_bytes = c.prologue;
		break;
	}
	close_cutter(&c);
	return r;
}
