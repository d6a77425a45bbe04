/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace.dat from a stranger: head, formats and tail. Input: one byte (how much of it is head),
 * then the file.
 *
 * Promised: what is read lies within the bytes; -EAGAIN asks for more than there is; with fewer
 * bytes than a head or a tail has, it never reads as one; and what fails has a sentence.
 */
#include <errno.h>

#include "format/event.h"

#include "fuzz.h"

struct bytes {
	const uint8_t *at;
	size_t n;
};

static void within(const struct bytes *b, const struct tracedat_span *s)
{
	const uint8_t *at = (const uint8_t *)s->s;

	MUST(s->n == 0 || (at >= b->at && s->n <= b->n && at - b->at <= (ptrdiff_t)(b->n - s->n)));
}

static void check_head(const struct bytes *b, struct tracedat_read_head *h)
{
	struct event_table t = {0};
	struct tracedat_read_head less;

	MUST(h->bytes > 0 && h->bytes <= b->n);
	MUST(h->long_bytes == 4 || h->long_bytes == 8);
	within(b, &h->header_page);
	within(b, &h->header_event);
	within(b, &h->kallsyms);
	within(b, &h->printk_formats);
	for (size_t i = 0; i < h->format_count; i++)
		within(b, &h->formats[i].text);
	MUST(event_table_read(h, &t, NULL) == 0);
	MUST(t.count + t.formats_skipped == h->format_count);
	event_table_done(&t);
	MUST(tracedat_head_read(b->at, h->bytes - 1, &less, NULL) == -EAGAIN);
	MUST(less.bytes <= h->bytes);
}

static void check_tail(const struct bytes *b, struct tracedat_read_tail *t)
{
	struct tracedat_read_tail less;

	MUST(t->bytes > 0 && t->bytes <= b->n);
	within(b, &t->cmdlines);
	within(b, &t->uname);
	within(b, &t->trace_clock);
	for (uint32_t i = 0; i < t->cpu_stats_count; i++)
		within(b, &t->cpu_stats[i]);
	for (uint32_t i = 0; i < t->cpus; i++)
		MUST(t->cpu[i].offset <= (uint64_t)INT64_MAX - t->cpu[i].bytes);
	MUST(tracedat_tail_read(b->at, t->bytes - 1, &less, NULL) == -EAGAIN);
	MUST(less.bytes <= t->bytes);
}

static void try_head(const struct bytes *b)
{
	struct tracedat_read_head h = {0};
	struct err e = {0};
	int r = tracedat_head_read(b->at, b->n, &h, &e);

	MUST(r == 0 || e.text[0]);
	MUST(r != -EAGAIN || h.bytes > b->n);
	if (r == 0)
		check_head(b, &h);
	if (r == 0)
		tracedat_head_done(&h);
}

static void try_tail(const struct bytes *b)
{
	struct tracedat_read_tail t = {0};
	struct err e = {0};
	int r = tracedat_tail_read(b->at, b->n, &t, &e);

	MUST(r == 0 || e.text[0]);
	MUST(r != -EAGAIN || t.bytes > b->n);
	if (r == 0)
		check_tail(b, &t);
	if (r == 0)
		tracedat_tail_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *copy;
	struct bytes b;

	if (n < 1)
		return 0;
	copy = fuzz_copy(bytes + 1, n - 1);
	b = (struct bytes){copy, n - 1};
	if (bytes[0] & 1)
		try_tail(&b);
	else
		try_head(&b);
	free(copy);
	return 0;
}
