/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ring pages, against three witnesses: libtraceevent's kbuffer, the kernel's own rendering of the
 * same buffer (trace.txt) and its statistics, and numbered trace_marker lines read in small pieces.
 */
#include <traceevent/kbuffer.h>

#include "format/ringpage.h"
#include "realdata.h"
#include "test.h"

#define PAGE 4096
#define HEADER 16

static const char header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				  "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
				  "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
				  "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";
static const struct ringpage_layout layout = {
	.page_bytes = PAGE, .commit_offset = 8, .commit_bytes = 8, .data_offset = HEADER};

/* What libtraceevent sees, in order. Stamps and the bytes' checksum suffice to compare. */
struct seen {
	uint64_t ns;
	uint32_t bytes, sum;
};
struct seen_list {
	struct seen *v;
	size_t n;
};

static uint32_t sum_of(const uint8_t *p, size_t n)
{
	uint32_t sum = 2166136261u;

	while (n--)
		sum = (sum ^ *p++) * 16777619u;
	return sum;
}

static void kbuffer_collect(uint8_t *page, struct seen_list *list)
{
	struct kbuffer *k = kbuffer_alloc(KBUFFER_LSIZE_8, KBUFFER_ENDIAN_LITTLE);
	unsigned long long ts;
	void *data;

	kbuffer_load_subbuffer(k, page);
	for (data = kbuffer_read_event(k, &ts); data; data = kbuffer_next_event(k, &ts)) {
		uint32_t n = (uint32_t)kbuffer_event_size(k);

		list->v = realloc(list->v, (list->n + 1) * sizeof(*list->v));
		list->v[list->n++] = (struct seen){ts, n, sum_of(data, n)};
	}
	kbuffer_free(k);
}

static bool same_seen(const struct seen_list *a, const struct seen_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].ns != b->v[i].ns || a->v[i].bytes != b->v[i].bytes ||
		    a->v[i].sum != b->v[i].sum)
			return false;
	return true;
}

static void own_collect(const uint8_t *page, struct seen_list *list)
{
	struct ringpage_cursor c;
	struct ringpage_event event;

	if (ringpage_begin(&layout, page, &c) < 0)
		return;
	while (ringpage_next(&c, &event) > 0) {
		list->v = realloc(list->v, (list->n + 1) * sizeof(*list->v));
		list->v[list->n++] =
			(struct seen){event.ns, event.bytes, sum_of(event.data, event.bytes)};
	}
}

static void parses_the_kernel_s_header_page(void)
{
	static const char *const broken[] = {
		"",
		"field: u64 timestamp;",
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\n\tfield: local_t "
		"commit;\toffset:8;\n",
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\n\tfield: local_t "
		"commit;\toffset:8;\tsize:8;\n"
		"\tfield: char data;\toffset:12;\tsize:4080;\n",
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\n\tfield: local_t "
		"commit;\toffset:8;\tsize:8;\n"
		"\tfield: char data;\toffset:16;\tsize:99999999999999999999;\n",
	};
	struct ringpage_layout l;
	struct err e = {0};

	CHECK_EQ(ringpage_layout_parse(header_page, &l, &e), 0);
	CHECK(memcmp(&l, &layout, sizeof(l)) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct err why = {0};

		CHECK(ringpage_layout_parse(broken[i], &l, &why) < 0);
		CHECK(why.code < 0 && strstr(why.text, "header_page"));
	}
}

static void agrees_with_kbuffer(const char *name, uint64_t want_events)
{
	struct realdata d = realdata_load(name);
	struct seen_list theirs = {0}, ours = {0};
	uint64_t events = 0;

	CHECK(d.n && d.n % PAGE == 0);
	for (size_t at = 0; at < d.n; at += PAGE) {
		struct ringpage_info info;
		size_t before = theirs.n;

		kbuffer_collect(d.bytes + at, &theirs);
		own_collect(d.bytes + at, &ours);
		CHECK_EQ(ringpage_scan(&layout, d.bytes + at, &info), 0);
		CHECK_EQ(info.events, theirs.n - before);
		if (info.events) {
			CHECK_EQ(info.first_ns, theirs.v[before].ns);
			CHECK_EQ(info.last_ns, theirs.v[theirs.n - 1].ns);
		}
		events += info.events;
	}
	CHECK(same_seen(&theirs, &ours));
	CHECK_EQ(events, want_events);
	free(theirs.v);
	free(ours.v);
	realdata_free(&d);
}

/* The counts are "entries" of cpu0.stats and cpu1.stats. */
static void sees_what_kbuffer_sees(void)
{
	agrees_with_kbuffer("real/ring/cpu0.raw.zst", 11643);
	if (!test_failed)
		agrees_with_kbuffer("real/ring/cpu1.raw.zst", 9360);
	if (!test_failed)
		agrees_with_kbuffer("real/ring/marker-cpu1.raw.zst", 559);
}

/* CPU and microseconds of a line such as "  comm-12  [001] d..1.    48.329841: name: text". */
static bool trace_line(const char *line, unsigned int *cpu, uint64_t *us)
{
	unsigned int sec, frac;
	const char *at = strstr(line, " [0");

	if (line[0] == '#' || !at)
		return false;
	if (sscanf(at, " [%u] %*s %u.%6u:", cpu, &sec, &frac) != 3)
		return false;
	*us = (uint64_t)sec * 1000000 + frac;
	return true;
}

static void stamps_are_those_of_the_kernel_s_own_text(void)
{
	struct realdata text = realdata_load("real/ring/trace.txt.zst");
	struct seen_list lists[2] = {0};
	size_t at[2] = {0}, lines = 0;

	for (int cpu = 0; cpu < 2; cpu++) {
		struct realdata d =
			realdata_load(cpu ? "real/ring/cpu1.raw.zst" : "real/ring/cpu0.raw.zst");

		for (size_t p = 0; p < d.n; p += PAGE)
			own_collect(d.bytes + p, &lists[cpu]);
		realdata_free(&d);
	}
	for (char *line = strtok((char *)text.bytes, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned int cpu;
		uint64_t us;

		if (!trace_line(line, &cpu, &us))
			continue;
		CHECK(cpu < 2 && at[cpu] < lists[cpu].n);
		CHECK_EQ((lists[cpu].v[at[cpu]].ns + 500) / 1000, us);
		at[cpu]++;
		lines++;
	}
	CHECK_EQ(lines, 21003);
	CHECK_EQ(at[0], lists[0].n);
	CHECK_EQ(at[1], lists[1].n);
	free(lists[0].v);
	free(lists[1].v);
	realdata_free(&text);
}

/* The number in "event 000123" of a trace_marker record (struct print_entry: 8 bytes common, 8 of
 * ip). */
static int marker_number(const struct ringpage_event *event)
{
	return event->bytes > 28 && memcmp(event->data + 16, "event ", 6) == 0
		       ? atoi((const char *)event->data + 22)
		       : -1;
}

static void missed_counts_fill_every_hole(void)
{
	struct realdata d = realdata_load("real/ring/marker-cpu1.raw.zst");
	uint64_t missed = 0;
	int expected = 0;

	for (size_t at = 0; at < d.n; at += PAGE) {
		struct ringpage_info info;
		struct ringpage_cursor c;
		struct ringpage_event event;

		CHECK_EQ(ringpage_scan(&layout, d.bytes + at, &info), 0);
		CHECK_EQ(info.missed, info.missed_counted);
		missed += info.missed_events;
		expected += (int)info.missed_events;
		CHECK_EQ(ringpage_begin(&layout, d.bytes + at, &c), 0);
		while (ringpage_next(&c, &event) > 0)
			CHECK_EQ(marker_number(&event), expected++);
	}
	CHECK_EQ(missed, 1306);	  /* "overrun" of marker-cpu1.stats */
	CHECK_EQ(expected, 1865); /* lines written */
	realdata_free(&d);
}

/*
 * Hand out the page's entries from *at on as the kernel does for a partial read: up to @most
 * events; a time extend stays with its event; the new page's stamp is that of the entry before.
 */
static bool split_next(const uint8_t *page, uint32_t *at, uint64_t *ns, unsigned int most,
		       uint8_t *ret)
{
	uint32_t end = HEADER + (get_le32(page + 8) & 0x3fffffff), from = *at;

	if (from >= end)
		return false;
	memset(ret, 0, PAGE);
	put_le64(ret, *ns);
	for (unsigned int events = 0; *at < end && events < most;) {
		uint32_t head = get_le32(page + *at), type = head & 31, delta = head >> 5;
		uint32_t array0 = type == 0 || type >= 29 ? get_le32(page + *at + 4) : 0;

		*ns += type == 30 ? ((uint64_t)array0 << 27) + delta : delta;
		*at += type == 30 ? 8 : type == 0 || type == 29 ? 4 + array0 : 4 + 4 * type;
		events += type < 29;
	}
	put_le64(ret + 8, *at - from);
	memcpy(ret + HEADER, page + from, *at - from);
	return true;
}

static uint64_t last_ns_of(const uint8_t *page)
{
	struct ringpage_info info;

	return ringpage_scan(&layout, page, &info) == 0 ? info.last_ns : 0;
}

static void pieces_of_a_page_join_to_the_page(void)
{
	struct realdata d = realdata_load("real/ring/cpu0.raw.zst");
	unsigned int pieces = 0;

	for (size_t p = 0; p < d.n; p += PAGE) {
		const uint8_t *page = d.bytes + p;
		uint8_t into[PAGE], piece[PAGE];
		uint32_t at = HEADER;
		uint64_t ns = get_le64(page);

		CHECK(split_next(page, &at, &ns, 1 + p / PAGE % 9, into));
		while (split_next(page, &at, &ns, 1 + pieces % 7, piece)) {
			CHECK(ringpage_join(&layout, into, last_ns_of(into), piece));
			pieces++;
		}
		ringpage_clear_tail(&layout, into);
		CHECK(memcmp(into, page, HEADER + get_le32(page + 8)) == 0);
	}
	CHECK(pieces > 1000);
	realdata_free(&d);
}

/* A recorder that flushes often: every few events a new page, which may begin in the next kernel
 * page. */
static void pieces_of_many_pages_keep_every_event_and_stamp(void)
{
	struct realdata d = realdata_load("real/ring/cpu1.raw.zst");
	struct seen_list theirs = {0}, joined = {0};
	uint8_t into[PAGE] = {0}, piece[PAGE];
	unsigned int pages = 0, bridged = 0;
	bool open = false;

	for (size_t p = 0; p < d.n; p += PAGE) {
		uint8_t short_page[PAGE];
		uint32_t at = HEADER;
		uint64_t ns = get_le64(d.bytes + p);

		/* Short pages, so that the next page's events follow them into the same one. */
		CHECK(split_next(d.bytes + p, &at, &ns, 20, short_page));
		kbuffer_collect(short_page, &theirs);
		at = HEADER;
		ns = get_le64(short_page);
		while (split_next(short_page, &at, &ns, 1 + (unsigned int)(p / PAGE) % 5, piece)) {
			uint64_t last_ns = last_ns_of(into);
			bool moved = open && ringpage_join(&layout, into, last_ns, piece);

			bridged += moved && get_le64(piece) != last_ns;
			if (moved)
				continue;
			if (open)
				kbuffer_collect(into, &joined);
			memcpy(into, piece, PAGE);
			open = true;
			pages++;
		}
	}
	kbuffer_collect(into, &joined);
	CHECK_EQ(theirs.n, 20 * d.n / PAGE);
	CHECK(same_seen(&theirs, &joined));
	printf("# %u pages, %u bridged\n", pages, bridged);
	CHECK(bridged > 100);
	CHECK(pages < d.n / PAGE * 2 / 3);
	free(theirs.v);
	free(joined.v);
	realdata_free(&d);
}

/* Pages that the kernel itself gave in pieces, with losses between. */
static void real_partial_reads_join(void)
{
	struct realdata d = realdata_load("real/ring/marker-cpu1.raw.zst");
	struct seen_list apart = {0}, joined = {0};
	uint8_t into[PAGE];
	uint64_t missed = 0;
	size_t pages = 1;

	memcpy(into, d.bytes, PAGE);
	kbuffer_collect(d.bytes, &apart);
	for (size_t at = PAGE; at <= d.n; at += PAGE) {
		struct ringpage_info info;

		if (at < d.n) {
			kbuffer_collect(d.bytes + at, &apart);
			if (ringpage_join(&layout, into, last_ns_of(into), d.bytes + at))
				continue;
			pages++;
		}
		CHECK_EQ(ringpage_scan(&layout, into, &info), 0);
		missed += info.missed_events;
		kbuffer_collect(into, &joined);
		if (at < d.n)
			memcpy(into, d.bytes + at, PAGE);
	}
	CHECK(same_seen(&apart, &joined));
	CHECK_EQ(missed, 1306); /* the count moves along behind the joined events */
	printf("# %zu of %zu pages left\n", pages, d.n / PAGE);
	CHECK(pages < d.n / PAGE / 2);
	free(apart.v);
	free(joined.v);
	realdata_free(&d);
}

/* A page of short events of 8 bytes each. */
static void make_page(uint8_t *page, uint64_t stamp, unsigned int events, uint32_t delta)
{
	memset(page, 0, PAGE);
	put_le64(page, stamp);
	put_le64(page + 8, 8 * events);
	for (unsigned int i = 0; i < events; i++)
		put_le32(page + HEADER + 8 * i, 1 | delta << 5);
}

static void join_refuses_what_would_lie(void)
{
	uint8_t into[PAGE], page[PAGE], before[PAGE];

	make_page(into, 1000, 10, 5);
	memcpy(before, into, PAGE);

	make_page(page, 2000, 500, 1);
	CHECK(!ringpage_join(&layout, into, 1050, page)); /* does not fit: 80 + 8 + 4000 > 4080 */
	make_page(page, 1049, 1, 0);
	CHECK(!ringpage_join(&layout, into, 1050, page)); /* time runs backwards */
	make_page(page, 1060, 1, 0);
	put_le32(page + 8, 8 | UINT32_C(1) << 31);
	CHECK(!ringpage_join(&layout, into, 1050, page)); /* events lost between */
	make_page(page, 1060, 1, 0);
	CHECK(!ringpage_join(&layout, into, 1070, page)); /* older than what the caller has seen */
	CHECK(!ringpage_join(&layout, into, 1049, page)); /* not the page the caller thinks it is */
	make_page(page, UINT64_C(1) << 60, 1, 0);
	CHECK(!ringpage_join(&layout, into, 1050, page)); /* too far apart for a time extend */
	make_page(page, 1060, 1, 0);
	put_le32(page + HEADER, 28);
	CHECK(!ringpage_join(&layout, into, 1050, page)); /* an event longer than its page */
	CHECK(memcmp(into, before, PAGE) == 0);

	make_page(page, 1060, 1, 0);
	CHECK(ringpage_join(&layout, into, 1050, page));
	CHECK_EQ(last_ns_of(into), 1060);
	CHECK_EQ(get_le32(into + 8), 80 + 8 + 8);
}

static void join_drops_what_was_discarded_at_the_end(void)
{
	uint8_t into[PAGE], page[PAGE];
	struct seen_list list = {0};

	make_page(into, 1000, 10, 5);
	put_le32(into + HEADER + 64, 29 | 1 << 5); /* a discarded event, ... */
	put_le32(into + HEADER + 68, 4);
	put_le32(into + HEADER + 72, 29); /* ... then the rest of the page */
	make_page(page, 1040, 2, 3);
	CHECK(ringpage_join(&layout, into, 1040, page));
	CHECK_EQ(get_le32(into + 8), 64 + 16);
	kbuffer_collect(into, &list);
	CHECK_EQ(list.n, 10);
	CHECK_EQ(list.v[8].ns, 1043);
	CHECK_EQ(list.v[9].ns, 1046);
	free(list.v);
}

static void joins_to_the_last_byte(void)
{
	uint8_t into[PAGE], page[PAGE];
	struct ringpage_info info;

	make_page(into, 1000, 10, 5);
	make_page(page, 1050, 500, 1);
	CHECK(ringpage_join(&layout, into, 1050, page));
	CHECK_EQ(ringpage_scan(&layout, into, &info), 0);
	CHECK_EQ(info.data_bytes, 4080);
	CHECK_EQ(info.events, 510);

	make_page(into, 1000, 10, 5); /* the same with a stored count: 8 bytes too many */
	put_le64(into + 8, 80 | UINT64_C(0xffffffffc0000000));
	put_le64(into + HEADER + 80, 77);
	CHECK(!ringpage_join(&layout, into, 1050, page));
	make_page(page, 1050, 499, 1);
	CHECK(ringpage_join(&layout, into, 1050, page));
	CHECK_EQ(ringpage_scan(&layout, into, &info), 0);
	CHECK(info.missed && info.missed_counted);
	CHECK_EQ(info.missed_events, 77);
	CHECK_EQ(info.events, 509);
}

static void reads_every_kind_of_entry(void)
{
	uint8_t page[PAGE] = {0};
	struct ringpage_cursor c;
	struct ringpage_event event;
	struct ringpage_info info;
	uint64_t top = UINT64_C(3) << 59;
	uint32_t at = HEADER;

	put_le64(page, top + 100);
	put_le32(page + at, 2 | 7 << 5); /* short, 8 bytes, at 107 */
	at += 12;
	put_le32(page + at, 30 | 1 << 5); /* extend by 2 * 2^27 + 1 */
	put_le32(page + at + 4, 2);
	at += 8;
	put_le32(page + at, 0); /* long, 13 bytes */
	put_le32(page + at + 4, 17);
	at += 4 + 20;
	put_le32(page + at, 29 | 50 << 5); /* discarded, 12 bytes with array[0]; its delta counts */
	put_le32(page + at + 4, 12);
	at += 16;
	put_le32(page + at, 31 | 9 << 5); /* absolute 5 * 2^27 + 9, without the upper bits */
	put_le32(page + at + 4, 5);
	at += 8;
	put_le32(page + at, 1 | 1 << 5);
	at += 8;
	put_le32(page + at, 31); /* absolute 0: the 59 bits have wrapped */
	at += 8;
	put_le32(page + at, 1);
	at += 8;
	put_le32(page + at, 29); /* the rest is discarded */
	at += 4;
	memset(page + at, 0xff, 40);
	at += 40;
	put_le64(page + 8, at - HEADER);

	CHECK_EQ(ringpage_begin(&layout, page, &c), 0);
	CHECK_EQ(ringpage_next(&c, &event), 1);
	CHECK_EQ(event.ns, top + 107);
	CHECK_EQ(event.bytes, 8);
	CHECK_EQ(ringpage_next(&c, &event), 1);
	CHECK_EQ(event.ns, top + 108 + (UINT64_C(2) << 27));
	CHECK_EQ(event.bytes, 13);
	CHECK(event.data == page + HEADER + 12 + 8 + 8);
	CHECK_EQ(ringpage_next(&c, &event), 1);
	CHECK_EQ(event.ns, top + (UINT64_C(5) << 27) + 10);
	CHECK_EQ(ringpage_next(&c, &event), 1);
	CHECK_EQ(event.ns, UINT64_C(4) << 59);
	CHECK_EQ(ringpage_next(&c, &event), 0);
	CHECK_EQ(ringpage_next(&c, &event), 0);
	CHECK_EQ(ringpage_scan(&layout, page, &info), 0);
	CHECK_EQ(info.events, 4);
	CHECK_EQ(info.first_ns, top + 107);
	CHECK_EQ(info.last_ns, UINT64_C(4) << 59);
}

static void an_empty_page_has_its_own_stamp(void)
{
	uint8_t page[PAGE] = {0};
	struct ringpage_info info;

	put_le64(page, 12345);
	CHECK_EQ(ringpage_scan(&layout, page, &info), 0);
	CHECK_EQ(info.events, 0);
	CHECK_EQ(info.first_ns, 12345);
	CHECK_EQ(info.last_ns, 12345);
}

static void clears_only_what_is_unused(void)
{
	uint8_t page[PAGE];

	make_page(page, 1, 2, 0);
	memset(page + HEADER + 16, 0xee, PAGE - HEADER - 16);
	put_le64(page + 8, 16 | UINT64_C(3) << 30);
	put_le64(page + HEADER + 16, 5);
	ringpage_clear_tail(&layout, page);
	CHECK_EQ(get_le64(page + HEADER + 16), 5);
	for (size_t i = HEADER + 24; i < PAGE; i++)
		CHECK_EQ(page[i], 0);

	memset(page + 8, 0xff, 8); /* a length that no page has */
	page[PAGE - 1] = 1;
	ringpage_clear_tail(&layout, page);
	CHECK_EQ(page[PAGE - 1], 1);
}

/* Each page lies at the end of its own allocation, so that the address sanitizer sees one byte too
 * many. */
static void any_bytes_are_safe(void)
{
	struct realdata d = realdata_load("real/ring/cpu1.raw.zst");
	uint8_t *page = malloc(PAGE), *into = malloc(PAGE);
	uint64_t state = 88172645463325252u, walked = 0;
	unsigned int refused = 0;

	for (int round = 0; round < 20000; round++) {
		struct seen_list list = {0};
		struct ringpage_info info;

		memcpy(page, d.bytes + damage(&state) % (d.n / PAGE) * PAGE, PAGE);
		memcpy(into, page, PAGE);
		if (round % 4 == 0)
			put_le32(page + 8, damage(&state) % 8192);
		for (unsigned int i = 1 + damage(&state) % 8; i--;)
			page[HEADER * (round & 1) + damage(&state) % (PAGE - HEADER)] ^=
				(uint8_t)(1 << damage(&state) % 8);
		refused += ringpage_scan(&layout, page, &info) < 0;
		own_collect(page, &list);
		walked += list.n;
		put_le32(into + 8, damage(&state) % 2048);
		ringpage_join(&layout, into, last_ns_of(into), page);
		ringpage_join(&layout, page, last_ns_of(page), into);
		ringpage_clear_tail(&layout, page);
		free(list.v);
	}
	CHECK(refused > 1000);
	CHECK(walked > 100000);
	free(page);
	free(into);
	realdata_free(&d);
}

TEST_MAIN(TEST(parses_the_kernel_s_header_page), TEST(sees_what_kbuffer_sees),
	  TEST(stamps_are_those_of_the_kernel_s_own_text), TEST(missed_counts_fill_every_hole),
	  TEST(pieces_of_a_page_join_to_the_page),
	  TEST(pieces_of_many_pages_keep_every_event_and_stamp), TEST(real_partial_reads_join),
	  TEST(join_refuses_what_would_lie), TEST(join_drops_what_was_discarded_at_the_end),
	  TEST(joins_to_the_last_byte), TEST(reads_every_kind_of_entry),
	  TEST(an_empty_page_has_its_own_stamp), TEST(clears_only_what_is_unused),
	  TEST(any_bytes_are_safe))
