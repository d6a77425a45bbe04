/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.dat from hostile texts and numbers. Input: numbers, then header_page, header_event,
 * system and format of a few events, kallsyms, printk_formats, command names, stats, clock.
 *
 * Promised: head and tail can be read back by their own lengths to the last byte, and the pages of
 * every CPU begin where the table says, on a page's boundary, without gaps.
 */
#include "format/ringpage.h"
#include "format/tracedat.h"

#include "fuzz.h"

#define EVENTS 3
#define CPUS_MAX 8

struct reader {
	const uint8_t *at, *end;
};

static const uint8_t *take(struct reader *r, uint64_t n)
{
	const uint8_t *at = r->at;

	MUST(n <= (uint64_t)(r->end - r->at));
	r->at += n;
	return at;
}

static const char *take_name(struct reader *r)
{
	const uint8_t *nul = memchr(r->at, '\0', (size_t)(r->end - r->at));

	MUST(nul);
	return (const char *)take(r, (uint64_t)(nul - r->at) + 1);
}

static void take_text(struct reader *r, uint64_t n, const char *want)
{
	const uint8_t *got = take(r, n);

	MUST(n == strlen(want) && memcmp(got, want, n) == 0);
}

static uint64_t take_u64(struct reader *r)
{
	return get_le64(take(r, 8));
}

static uint32_t take_u32(struct reader *r)
{
	return get_le32(take(r, 4));
}

static void read_events(struct reader *r, const struct tracedat_head *h)
{
	uint32_t ftrace = take_u32(r), systems, seen = 0;

	for (uint32_t i = 0; i < ftrace; i++, seen++)
		(void)take(r, take_u64(r));
	systems = take_u32(r);
	for (uint32_t i = 0; i < systems; i++) {
		const char *system = take_name(r);
		uint32_t events = take_u32(r);

		MUST(strcmp(system, "ftrace") != 0 && events > 0);
		for (uint32_t k = 0; k < events; k++, seen++)
			(void)take(r, take_u64(r));
	}
	MUST(seen == h->format_count);
}

static void read_head(const struct tracedat_head *h, const struct text *out)
{
	struct reader r = {(const uint8_t *)out->s, (const uint8_t *)out->s + out->len};

	MUST(memcmp(take(&r, 10), "\x17\x08\x44tracing", 10) == 0);
	MUST(strcmp(take_name(&r), "6") == 0);
	(void)take(&r, 2);
	MUST(take_u32(&r) == h->page_bytes);
	MUST(strcmp(take_name(&r), "header_page") == 0);
	take_text(&r, take_u64(&r), h->header_page);
	MUST(strcmp(take_name(&r), "header_event") == 0);
	take_text(&r, take_u64(&r), h->header_event);
	read_events(&r, h);
	take_text(&r, take_u32(&r), h->kallsyms);
	take_text(&r, take_u32(&r), h->printk_formats);
	MUST(r.at == r.end);
}

static void read_tail(const struct tracedat_tail *t, uint64_t head_bytes, const struct text *out)
{
	struct reader r = {(const uint8_t *)out->s, (const uint8_t *)out->s + out->len};
	uint64_t expected = head_bytes + out->len;
	uint16_t kind;

	take_text(&r, take_u64(&r), t->cmdlines);
	MUST(take_u32(&r) == t->cpus);
	MUST(strcmp(take_name(&r), "options  ") == 0);
	while ((kind = get_le16(take(&r, 2))) != 0)
		(void)take(&r, take_u32(&r));
	MUST(strcmp(take_name(&r), "flyrecord") == 0);
	MUST(expected % max_of(t->page_bytes, 4096u) == 0);
	for (uint32_t i = 0; i < t->cpus; i++) {
		MUST(take_u64(&r) == expected);
		MUST(take_u64(&r) == t->cpu_bytes[i]);
		expected += t->cpu_bytes[i];
	}
	if (t->trace_clock)
		take_text(&r, take_u64(&r), t->trace_clock);
	while (r.at < r.end)
		MUST(*take(&r, 1) == 0);
}

static void try_head(char *const *texts, uint32_t page_bytes, const uint8_t *mode)
{
	static const char *const systems[] = {"ftrace", "scoutfs", "block"};
	struct tracedat_format formats[EVENTS];
	struct tracedat_head h = {
		.page_bytes = page_bytes,
		.header_page = texts[0],
		.header_event = texts[1],
		.formats = formats,
		.kallsyms = texts[2],
		.printk_formats = texts[3],
	};
	CLEANUP(text_free) struct text out = {0};
	struct ringpage_layout l;
	struct err e = {0};

	for (size_t i = 0; i < EVENTS; i++)
		formats[i] = (struct tracedat_format){systems[mode[i] % ARRAY_SIZE(systems)],
						      texts[(mode[i] >> 4) % 8]};
	h.format_count = mode[0] >> 2 & 3;
	if (ringpage_layout_parse(h.header_page, &l, NULL) == 0 && (mode[1] & 0xc) == 0)
		h.page_bytes = l.page_bytes;
	if (tracedat_write_head(&h, &out, &e) == 0)
		read_head(&h, &out);
	else
		MUST(e.text[0]);
}

static void try_tail(struct input *in, char *const *texts, uint32_t page_bytes)
{
	uint64_t head_bytes = input_u64(in), cpu_bytes[CPUS_MAX];
	const char *stats[CPUS_MAX];
	struct tracedat_tail t = {
		.cmdlines = texts[4],
		.page_bytes = page_bytes,
		.cpus = input_u8(in) % (CPUS_MAX + 1),
		.cpu_bytes = cpu_bytes,
		.cpu_stats = stats,
		.real_offset_ns = (int64_t)input_u64(in),
		.trace_clock = texts[6][0] ? texts[6] : NULL,
		.uname = texts[7][0] ? texts[7] : NULL,
	};
	CLEANUP(text_free) struct text out = {0};
	struct err e = {0};

	for (uint32_t i = 0; i < CPUS_MAX; i++) {
		uint8_t pages = input_u8(in);

		cpu_bytes[i] = pages == 0xff ? input_u64(in) : (uint64_t)pages * page_bytes;
		stats[i] = pages & 1 ? texts[5] : NULL;
	}
	if (tracedat_write_tail(&t, head_bytes, &out, &e) == 0)
		read_tail(&t, head_bytes, &out);
	else
		MUST(e.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	struct piece pieces[9];
	uint32_t page_bytes;
	uint8_t mode[EVENTS];
	char *texts[8];

	(void)fuzz_cut(bytes, n, pieces, ARRAY_SIZE(pieces));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		texts[i] = piece_string(&pieces[i + 1]);
	in = (struct input){pieces[0].bytes, pieces[0].n};
	input_take(&in, mode, sizeof(mode));
	page_bytes = mode[2] & 8 ? input_u32(&in) : 4096;
	/* Up to 16 MiB is accepted, but padding as long as that takes time and shows nothing new.
	 */
	if (page_bytes > 65536 && page_bytes <= 16 * MIB)
		page_bytes >>= 8;

	try_head(texts, page_bytes, mode);
	try_tail(&in, texts, page_bytes);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	return 0;
}
