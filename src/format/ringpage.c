/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ring-buffer sub-buffers ("pages"), as reading per_cpu/cpuN/trace_pipe_raw gives them: counted and
 * timed for the spool's chunk headers and the loss ledger, walked event by event, and joined when
 * the reader fetched a page in several pieces.
 *
 * Called by the ftrace source for every page it drains, so ringpage_scan() is a plain loop over the
 * entry headers and never looks at what is inside an event. Owns nothing: the caller lends the
 * bytes, and every length in them is checked before it is used, because recovery reads pages from a
 * disk that may have been damaged. It does not know event formats and does not read files.
 *
 * A page, all little-endian on the machines that we support (the kernel writes its own byte order):
 *
 *	u64 time stamp	where the deltas of this page start from
 *	long commit	bits 0-29 bytes of data that follow the header; bit 31 events were lost just
 *			before this page; bit 30 their number is stored as a long behind the data.
 *			The kernel sets bit 31 by adding a negative int, so on 64-bit kernels the
 *			upper half is all ones: only the lower half means anything.
 *	data		entries, each with a header of u32: 5 bits type, 27 bits time delta in ns
 *
 *	type 0		an event; its length, with that of the u32 that holds it, is in array[0]
 *	1..28		an event of 4 * type bytes
 *	29		padding: a discarded event of array[0] bytes, or with delta 0 the rest of
 *the page 30		time extend: array[0] holds the upper bits of the delta 31 absolute time
 *stamp: the lower 59 bits, put together as in a time extend
 *
 * Sources: kernel include/linux/ring_buffer.h (the types), kernel/trace/ring_buffer.c
 * (ring_buffer_read_page(), rb_update_event(), rb_fix_abs_ts()), 4.18 to 6.18. Where the kernel's
 * own functions disagree (the delta of a discarded event counts in check_buffer() but not in
 * rb_update_read_stamp()) we do what kbuffer of libtraceevent does and count it, so that the stamps
 * here are those that every viewer shows.
 */
#include <errno.h>

#include "format/ringpage.h"

#define ENTRY_HEADER_BYTES 4
#define ENTRY_TYPE_BITS 5
#define ENTRY_DELTA_BITS 27 /* TS_SHIFT */
#define ENTRY_DELTA_MASK ((UINT32_C(1) << ENTRY_DELTA_BITS) - 1)
#define TIME_EXTEND_BYTES 8
#define STAMP_BITS (ENTRY_DELTA_BITS + 32) /* of a time extend or an absolute stamp */

enum entry_type {
	TYPE_LONG = 0,
	TYPE_SHORT_LAST = 28,
	TYPE_PADDING = 29,
	TYPE_TIME_EXTEND = 30,
	TYPE_TIME_STAMP = 31,
};

#define COMMIT_MISSED (UINT32_C(1) << 31)
#define COMMIT_COUNTED (UINT32_C(1) << 30)
#define COMMIT_LENGTH (COMMIT_COUNTED - 1)

#define STAMP_BYTES 8
#define DATA_BYTES_MIN 64 /* less is no page of any kernel */

/* More than any sub-buffer: the kernel allows 128 system pages of at most 64 KiB. */
#define PAGE_BYTES_MAX (UINT32_C(1) << 24)

/* One entry of a page, and where the walk goes on. */
struct entry {
	uint32_t next;
	uint32_t data;	/* offset of the event's bytes */
	uint32_t bytes; /* of the event */
	bool event;	/* else padding or time */
	bool last;	/* the rest of the page is discarded */
};

/* A page's header, checked: .end never exceeds the page. */
struct header {
	uint64_t stamp;
	uint32_t flags; /* COMMIT_MISSED, COMMIT_COUNTED */
	uint32_t end;	/* offset behind the last used byte */
	bool counted;	/* a number of missed events, a long like the commit word, is at .end */
};

static int header_read(const struct ringpage_layout *l, const uint8_t *page, struct header *ret)
{
	uint32_t commit = get_le32(page + l->commit_offset);
	uint32_t room = l->page_bytes - l->data_offset;
	uint32_t used = commit & COMMIT_LENGTH;

	if (used > room)
		return -EBADMSG;

	ret->stamp = get_le64(page);
	ret->flags = commit & (COMMIT_MISSED | COMMIT_COUNTED);
	ret->end = l->data_offset + used;
	ret->counted =
		ret->flags == (COMMIT_MISSED | COMMIT_COUNTED) && room - used >= l->commit_bytes;
	return 0;
}

/* The kernel's rb_fix_abs_ts(): an absolute stamp has lost its upper bits, the stamp before it has
 * them. */
static uint64_t absolute_stamp(uint64_t stamp, uint64_t before)
{
	uint64_t upper = before >> STAMP_BITS << STAMP_BITS;

	if (!upper)
		return stamp;
	stamp |= upper;
	return stamp < before ? stamp + (UINT64_C(1) << STAMP_BITS) : stamp;
}

/*
 * The entries that are not short events. @left is what the page holds from the entry's header on,
 * and at least that header. False where it makes no sense.
 */
static bool entry_read_rare(const uint8_t *page, uint32_t at, uint32_t left, uint32_t type,
			    uint32_t delta, uint64_t *ns, struct entry *ret)
{
	uint32_t array0, whole;

	if (type == TYPE_PADDING && delta == 0) {
		ret->last = true;
		ret->next = at;
		return true;
	}

	if (left < ENTRY_HEADER_BYTES + 4)
		return false;
	array0 = get_le32(page + at + ENTRY_HEADER_BYTES);

	if (type == TYPE_TIME_EXTEND || type == TYPE_TIME_STAMP) {
		uint64_t stamp = ((uint64_t)array0 << ENTRY_DELTA_BITS) + delta;

		*ns = type == TYPE_TIME_EXTEND ? *ns + stamp : absolute_stamp(stamp, *ns);
		ret->next = at + TIME_EXTEND_BYTES;
		return true;
	}

	/* A long event or a discarded one: array[0] counts itself. */
	if (array0 < 4 || array0 > left - ENTRY_HEADER_BYTES)
		return false;
	whole = ENTRY_HEADER_BYTES + ((array0 + 3) & ~UINT32_C(3));
	if (whole > left)
		return false;

	*ns += delta;
	ret->next = at + whole;
	ret->event = type == TYPE_LONG;
	ret->data = at + ENTRY_HEADER_BYTES + 4;
	ret->bytes = array0 - 4;
	return true;
}

/* Read the entry at @at < @end and advance @ns by it. */
static inline bool entry_read(const uint8_t *page, uint32_t at, uint32_t end, uint64_t *ns,
			      struct entry *ret)
{
	uint32_t left = end - at;
	uint32_t head, type, delta;

	if (left < ENTRY_HEADER_BYTES)
		return false;
	head = get_le32(page + at);
	type = head & ((1 << ENTRY_TYPE_BITS) - 1);
	delta = head >> ENTRY_TYPE_BITS;

	ret->event = false;
	ret->last = false;
	if (type == TYPE_LONG || type > TYPE_SHORT_LAST)
		return entry_read_rare(page, at, left, type, delta, ns, ret);

	if (left < ENTRY_HEADER_BYTES + 4 * type)
		return false;
	*ns += delta;
	ret->event = true;
	ret->data = at + ENTRY_HEADER_BYTES;
	ret->bytes = 4 * type;
	ret->next = ret->data + ret->bytes;
	return true;
}

/* The part of a page that matters: from the first entry to the last event. */
struct extent {
	uint32_t end; /* offset behind the last event; of the first entry when there is none */
	uint64_t ns;  /* of the last event; the page's stamp when there is none */
	uint64_t first_ns;
	uint64_t events;
};

/* Walk a whole page. False where it makes no sense. */
static inline bool walk(const uint8_t *page, uint32_t begin, const struct header *header,
			struct extent *ret)
{
	struct extent extent = {.end = begin, .ns = header->stamp, .first_ns = header->stamp};
	uint64_t ns = header->stamp;
	struct entry entry;

	for (uint32_t at = begin; at < header->end; at = entry.next) {
		if (!entry_read(page, at, header->end, &ns, &entry))
			return false;
		if (entry.last)
			break;
		if (!entry.event)
			continue;
		if (extent.events++ == 0)
			extent.first_ns = ns;
		extent.ns = ns;
		extent.end = entry.next;
	}
	*ret = extent;
	return true;
}

/* The number behind @key ("offset:") in the line at @line; false when there is none. */
static bool field_number(const char *line, const char *key, uint32_t *ret)
{
	size_t line_bytes = strcspn(line, "\n");
	const char *at = memmem(line, line_bytes, key, strlen(key));
	unsigned long value;
	char *rest;

	if (!at)
		return false;
	at += strlen(key);
	if (*at < '0' || *at > '9')
		return false;
	value = strtoul(at, &rest, 10);
	if (*rest != ';' || value > PAGE_BYTES_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* "	field: local_t commit;	offset:8;	size:8;	signed:1;" */
static int field_parse(const char *header_page, const char *name, uint32_t *ret_offset,
		       uint32_t *ret_size, struct err *e)
{
	char wanted[32];
	const char *line;

	(void)snprintf(wanted, sizeof(wanted), " %s;", name);
	line = strstr(header_page, wanted);
	if (line && field_number(line, "offset:", ret_offset) &&
	    field_number(line, "size:", ret_size))
		return 0;
	return err_set(
		e, -EBADMSG,
		"The kernel's description of its ring buffer (events/header_page) gives no "
		"usable field \"%s\": this kernel's ring-buffer format is not known here, so "
		"its events cannot be recorded. Please report it with the text of that file.",
		name);
}

/**
 * ringpage_layout_ok() - is this a layout that the functions here can be given?
 * @l: any numbers; all other functions rely on what is checked here
 */
bool ringpage_layout_ok(const struct ringpage_layout *l)
{
	if (l->page_bytes > PAGE_BYTES_MAX || l->commit_offset > PAGE_BYTES_MAX)
		return false;
	return l->commit_offset >= STAMP_BYTES && (l->commit_bytes == 4 || l->commit_bytes == 8) &&
	       l->commit_offset + l->commit_bytes <= l->data_offset &&
	       l->data_offset <= l->page_bytes && l->page_bytes - l->data_offset >= DATA_BYTES_MIN;
}

/**
 * ringpage_layout_parse() - where things are in a page
 * @header_page: text of events/header_page, of the instance whose pages are read
 * @ret:         set on success
 * @e:           filled on failure
 *
 * Pages may be of any size (buffer_subbuf_size_kb, Linux 6.8 and later); the size comes from here.
 *
 * Return: 0; -EBADMSG when the text does not describe a page that the functions here can read.
 */
int ringpage_layout_parse(const char *header_page, struct ringpage_layout *ret, struct err *e)
{
	struct ringpage_layout l = {0};
	uint32_t stamp_offset, stamp_bytes, data_bytes;
	int r;

	r = field_parse(header_page, "timestamp", &stamp_offset, &stamp_bytes, e);
	if (r < 0)
		return r;
	r = field_parse(header_page, "commit", &l.commit_offset, &l.commit_bytes, e);
	if (r < 0)
		return r;
	r = field_parse(header_page, "data", &l.data_offset, &data_bytes, e);
	if (r < 0)
		return r;

	l.page_bytes = l.data_offset + data_bytes;
	if (stamp_offset != 0 || stamp_bytes != 8 || !ringpage_layout_ok(&l))
		return err_set(e, -EBADMSG,
			       "The kernel describes ring-buffer pages (events/header_page) of a "
			       "shape not known here: time stamp of %u bytes at %u, commit of %u "
			       "bytes at %u, data of %u bytes at %u. Please report it.",
			       stamp_bytes, stamp_offset, l.commit_bytes, l.commit_offset,
			       data_bytes, l.data_offset);
	*ret = l;
	return 0;
}

/**
 * ringpage_scan() - count and time one page
 * @l:    layout of the page
 * @page: l->page_bytes bytes, of any content
 * @ret:  set on success; see the header for its fields
 *
 * One pass over the entry headers: a few nanoseconds per event.
 *
 * Return: 0; -EBADMSG when the page cannot have come from the kernel.
 */
int ringpage_scan(const struct ringpage_layout *l, const uint8_t *page, struct ringpage_info *ret)
{
	struct ringpage_info info = {0};
	struct extent extent;
	struct header header;
	int r;

	r = header_read(l, page, &header);
	if (r < 0)
		return r;
	if (!walk(page, l->data_offset, &header, &extent))
		return -EBADMSG;

	info.first_ns = extent.first_ns;
	info.last_ns = extent.ns;
	info.events = extent.events;
	info.data_bytes = header.end - l->data_offset;
	info.missed = header.flags & COMMIT_MISSED;
	if (header.counted) {
		const uint8_t *count = page + header.end;
		int64_t missed =
			l->commit_bytes == 8 ? (int64_t)get_le64(count) : (int32_t)get_le32(count);

		/* A kernel that does not know how many were lost says -1. */
		info.missed_counted = missed > 0;
		info.missed_events = missed > 0 ? (uint64_t)missed : 0;
	}
	*ret = info;
	return 0;
}

/**
 * ringpage_begin() - start walking a page's events
 * @l:    layout of the page
 * @page: l->page_bytes bytes, of any content; borrowed for as long as the cursor is used
 * @ret:  set on success; hand it to ringpage_next()
 *
 * Return: 0; -EBADMSG when the page claims more data than a page holds.
 */
int ringpage_begin(const struct ringpage_layout *l, const uint8_t *page,
		   struct ringpage_cursor *ret)
{
	struct header header;
	int r;

	r = header_read(l, page, &header);
	if (r < 0)
		return r;

	*ret = (struct ringpage_cursor){.page = page,
					.at = l->data_offset,
					.end = header.end,
					.ns = header.stamp,
					.missed = header.flags & COMMIT_MISSED};
	return 0;
}

/**
 * ringpage_next() - the next data event of a page
 * @c:   made by ringpage_begin()
 * @ret: set when the return value is 1; ret->data points into the page
 *
 * Padding and time entries are stepped over. The event's bytes may include up to three bytes of
 * the kernel's own padding at the end.
 *
 * Return: 1 and an event; 0 at the end; -EBADMSG where the page makes no sense, also when called
 * again.
 */
int ringpage_next(struct ringpage_cursor *c, struct ringpage_event *ret)
{
	struct entry entry;

	while (c->at < c->end) {
		uint64_t ns = c->ns;

		if (!entry_read(c->page, c->at, c->end, &ns, &entry))
			return -EBADMSG;
		c->ns = ns;
		c->at = entry.last ? c->end : entry.next;
		if (entry.event) {
			*ret = (struct ringpage_event){
				.ns = ns, .data = c->page + entry.data, .bytes = entry.bytes};
			return 1;
		}
	}
	return 0;
}

/**
 * ringpage_clear_tail() - zero what follows the used bytes
 * @l:    layout of the page
 * @page: changed in place; left alone when its header makes no sense
 *
 * Not every kernel clears it, and stale memory compresses badly and may hold what nobody meant to
 * hand out. A stored number of missed events stays.
 */
void ringpage_clear_tail(const struct ringpage_layout *l, uint8_t *page)
{
	struct header header;
	uint32_t used;

	if (header_read(l, page, &header) < 0)
		return;
	used = header.end + (header.counted ? l->commit_bytes : 0);
	memset(page + used, 0, l->page_bytes - used);
}

/**
 * ringpage_join() - append one page's events to another page
 * @l:            layout of both pages
 * @into:         the page read before @page from the same CPU; grows
 * @into_last_ns: its ringpage_info.last_ns, at least. After a join it is that of @page
 * @page:         the page read next; borrowed
 *
 * When a reader asks for events before their page is full, the kernel hands out a copy of the page
 * so far and later a page with the rest. Joined they take the place of one page instead of two. The
 * new page's deltas start from its own stamp, so where that differs from the last event of @into, a
 * time extend is put between. Discarded events at the end of either page are left out: the kernel
 * does not count their deltas in the next page's stamp. A number of missed events stored in @into
 * moves along behind the data.
 *
 * Return: true when @page's events are now in @into; false, with nothing changed, when they do not
 * fit, when events were lost between the two, when time would run backwards, or when either page or
 * @into_last_ns is not what it should be. The caller then keeps @page as a page of its own.
 */
bool ringpage_join(const struct ringpage_layout *l, uint8_t *into, uint64_t into_last_ns,
		   const uint8_t *page)
{
	struct header front_header, back_header;
	struct extent front, back;
	uint32_t bytes, bridge, count;
	uint64_t gap;

	if (header_read(l, into, &front_header) < 0 || header_read(l, page, &back_header) < 0)
		return false;
	if (back_header.flags || back_header.stamp < into_last_ns)
		return false;
	if ((front_header.flags & COMMIT_COUNTED) && !front_header.counted)
		return false;
	/* By the headers alone, and discarded events counted: in a storm every pair ends here. */
	if (back_header.end - l->data_offset > l->page_bytes - front_header.end)
		return false;
	if (!walk(into, l->data_offset, &front_header, &front) || front.ns > into_last_ns ||
	    !walk(page, l->data_offset, &back_header, &back))
		return false;

	if (back.events == 0)
		return true;

	gap = back_header.stamp - front.ns;
	bytes = back.end - l->data_offset;
	bridge = gap ? TIME_EXTEND_BYTES : 0;
	count = front_header.counted ? l->commit_bytes : 0;
	if (gap >> STAMP_BITS || bridge + bytes + count > l->page_bytes - front.end)
		return false;

	memmove(into + front.end + bridge + bytes, into + front_header.end, count);
	if (bridge) {
		put_le32(into + front.end, TYPE_TIME_EXTEND | (uint32_t)(gap & ENTRY_DELTA_MASK)
								      << ENTRY_TYPE_BITS);
		put_le32(into + front.end + ENTRY_HEADER_BYTES,
			 (uint32_t)(gap >> ENTRY_DELTA_BITS));
	}
	memcpy(into + front.end + bridge, page + l->data_offset, bytes);

	put_le32(into + l->commit_offset,
		 front_header.flags | (front.end - l->data_offset + bridge + bytes));
	return true;
}
