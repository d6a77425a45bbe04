/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ring pages of any content: scanned, walked, cleared behind their end, and joined. Input: which
 * layout, how far beyond its last event a page is said to reach, then one page or two.
 *
 * Promised: scan and walk agree; events lie within the page; clearing the tail changes no event;
 * a join holds the events of both pages, same stamps and bytes, or changes nothing.
 */
#include "format/ringpage.h"

#include "fuzz.h"

static const struct ringpage_layout layouts[] = {
	{.page_bytes = 4096, .commit_offset = 8, .commit_bytes = 8, .data_offset = 16},
	{.page_bytes = 4096, .commit_offset = 8, .commit_bytes = 4, .data_offset = 12},
	{.page_bytes = 256, .commit_offset = 8, .commit_bytes = 8, .data_offset = 16},
	{.page_bytes = 128, .commit_offset = 8, .commit_bytes = 4, .data_offset = 12},
	{.page_bytes = 65536, .commit_offset = 8, .commit_bytes = 8, .data_offset = 16},
};

static uint8_t *take_page(struct input *in, const struct ringpage_layout *l)
{
	uint8_t *page = fuzz_alloc(l->page_bytes);

	input_take(in, page, l->page_bytes);
	return page;
}

static void check_walk(const struct ringpage_layout *l, const uint8_t *page)
{
	struct ringpage_info info;
	struct ringpage_cursor c;
	struct ringpage_event ev;
	uint64_t events = 0, first = 0, last = 0;
	int scanned = ringpage_scan(l, page, &info), r;

	r = ringpage_begin(l, page, &c);
	if (r < 0) {
		MUST(scanned < 0);
		return;
	}
	while ((r = ringpage_next(&c, &ev)) == 1) {
		MUST(ev.data >= page + l->data_offset);
		MUST(ev.bytes <= l->page_bytes && ev.data + ev.bytes <= page + l->page_bytes);
		first = events++ ? first : ev.ns;
		last = ev.ns;
	}
	MUST((r == 0) == (scanned == 0));
	MUST(ringpage_next(&c, &ev) == r);
	if (scanned < 0)
		return;
	MUST(info.events == events);
	MUST(info.data_bytes <= l->page_bytes - l->data_offset);
	MUST(info.missed || !info.missed_counted);
	if (events)
		MUST(info.first_ns == first && info.last_ns == last);
	else
		MUST(info.first_ns == get_le64(page) && info.last_ns == info.first_ns);
}

static bool same_info(const struct ringpage_info *a, const struct ringpage_info *b)
{
	return a->first_ns == b->first_ns && a->last_ns == b->last_ns && a->events == b->events &&
	       a->data_bytes == b->data_bytes && a->missed == b->missed &&
	       a->missed_counted == b->missed_counted && a->missed_events == b->missed_events;
}

static void check_clear(const struct ringpage_layout *l, const uint8_t *page)
{
	uint8_t *copy = fuzz_copy(page, l->page_bytes);
	struct ringpage_info before, after;
	int r = ringpage_scan(l, page, &before);

	ringpage_clear_tail(l, copy);
	MUST(ringpage_scan(l, copy, &after) == r);
	if (r == 0) {
		uint32_t used = l->data_offset + before.data_bytes;

		MUST(same_info(&before, &after));
		MUST(memcmp(copy, page, used) == 0);
	}
	free(copy);
}

/* The events of @part are the next ones of @c. */
static void check_part(const struct ringpage_layout *l, const uint8_t *part,
		       struct ringpage_cursor *c)
{
	struct ringpage_event a, b;
	struct ringpage_cursor p;

	MUST(ringpage_begin(l, part, &p) == 0);
	while (ringpage_next(&p, &a) == 1) {
		MUST(ringpage_next(c, &b) == 1);
		MUST(a.ns == b.ns && a.bytes == b.bytes);
		MUST(memcmp(a.data, b.data, a.bytes) == 0);
	}
}

static void check_join(const struct ringpage_layout *l, const uint8_t *front, const uint8_t *back,
		       uint64_t beyond_ns)
{
	uint8_t *into = fuzz_copy(front, l->page_bytes);
	struct ringpage_info f, b, joined;
	struct ringpage_cursor c;
	struct ringpage_event ev;
	uint64_t last_ns = beyond_ns;

	if (ringpage_scan(l, front, &f) == 0)
		last_ns += f.last_ns;
	if (!ringpage_join(l, into, last_ns, back)) {
		MUST(memcmp(into, front, l->page_bytes) == 0);
		free(into);
		return;
	}
	MUST(ringpage_scan(l, front, &f) == 0 && ringpage_scan(l, back, &b) == 0);
	MUST(ringpage_scan(l, into, &joined) == 0);
	MUST(!b.missed);
	MUST(joined.events == f.events + b.events);
	MUST(joined.missed == f.missed && joined.missed_counted == f.missed_counted &&
	     joined.missed_events == f.missed_events);
	MUST(joined.last_ns == (b.events ? b.last_ns : f.last_ns));
	MUST(ringpage_begin(l, into, &c) == 0);
	check_part(l, front, &c);
	check_part(l, back, &c);
	MUST(ringpage_next(&c, &ev) == 0);
	free(into);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	const struct ringpage_layout *l = &layouts[input_u8(&in) % ARRAY_SIZE(layouts)];
	uint64_t beyond_ns = input_u8(&in);
	uint8_t *front = take_page(&in, l), *back = take_page(&in, l);

	check_walk(l, front);
	check_walk(l, back);
	check_clear(l, front);
	check_join(l, front, back, beyond_ns);
	free(front);
	free(back);
	return 0;
}
