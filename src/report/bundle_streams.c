/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The streams of a recording and their chunks.
 *
 * Called by those who index a recording, for each chunk that they come across, and by bundle.c when
 * that is done; then by readers, who find a stream, and of it the chunks of a window. What a chunk
 * says of itself is doubted before anything is kept for it.
 */
#include "bundle_private.h"

#include "format/series.h"

static const struct {
	enum chunk_stream kind;
	const char *file;
} stream_files[] = {
	{CHUNK_RING, "trace.dat"},
	{CHUNK_PACKETS, "packets.pcap"},
	{CHUNK_KMSG, "kernel.log"},
	{CHUNK_CLOCKS, "clocks.csv"},
};

/* "series/NAME.txt" */
static bool is_series_path(const char *path)
{
	static const char end[] = ".txt";
	size_t front = strlen(SERIES_FOLDER), n = strlen(path);

	return str_starts(path, SERIES_FOLDER) && n > front + strlen(end) &&
	       !strcmp(path + n - strlen(end), end) &&
	       series_name_ok(path + front, n - front - strlen(end));
}

/* The stream whose payloads a member holds, by its name; 0 none. */
enum chunk_stream bundle_stream_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(stream_files); i++)
		if (strcmp(path, stream_files[i].file) == 0)
			return stream_files[i].kind;
	return is_series_path(path) ? CHUNK_SERIES : 0;
}

const char *bundle_stream_file(enum chunk_stream kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(stream_files); i++)
		if (stream_files[i].kind == kind)
			return stream_files[i].file;
	return kind == CHUNK_SERIES ? "a series" : "an unknown source";
}

static uint32_t *list_slot(struct bundle *b, enum chunk_stream kind, uint32_t id)
{
	if (kind == CHUNK_RING)
		return id < BUNDLE_RINGS_MAX ? &b->ring_list[id] : NULL;
	if (kind == CHUNK_SERIES)
		return id && id <= BUNDLE_SERIES_MAX ? &b->series_list[id] : NULL;
	return kind > CHUNK_RING && kind <= CHUNK_CLOCKS && id == 0 ? &b->other_list[kind] : NULL;
}

/**
 * bundle_list() - the stream, made if it is not there yet
 *
 * Return: valid until the next call; NULL when there can be no such stream, or no memory.
 */
struct bundle_stream_list *bundle_list(struct bundle *b, enum chunk_stream kind, uint32_t id)
{
	uint32_t *slot = list_slot(b, kind, id);

	if (!slot)
		return NULL;
	if (!*slot) {
		if (b->stream_count == b->stream_room) {
			size_t room = b->stream_room ? b->stream_room * 2 : 16;
			struct bundle_stream_list *more = realloc(b->lists, room * sizeof(*more));

			if (!more)
				return NULL;
			b->lists = more;
			b->stream_room = room;
		}
		b->lists[b->stream_count++] =
			(struct bundle_stream_list){.pub = {.kind = kind, .id = id}};
		*slot = (uint32_t)b->stream_count;
	}
	return &b->lists[*slot - 1];
}

/* The stream, if there is one. */
struct bundle_stream_list *bundle_list_find(struct bundle *b, enum chunk_stream kind, uint32_t id)
{
	uint32_t *slot = list_slot(b, kind, id);

	return slot && *slot ? &b->lists[*slot - 1] : NULL;
}

static int push_chunk(struct bundle *b, struct bundle_stream_list *s, struct bundle_chunk c,
		      struct err *e)
{
	if (s->pub.count == s->room) {
		size_t room = s->room ? s->room * 2 : 4;
		struct bundle_chunk *more = realloc(s->chunks, room * sizeof(*more));

		if (!more)
			return err_nomem(e);
		s->chunks = more;
		s->room = room;
	}
	s->chunks[s->pub.count++] = c;
	b->chunk_count++;
	return 0;
}

/* Could the recorder have made it? Asked before anything is allocated or read for it. */
static bool is_plausible(const struct bundle *b, const struct chunk *c, enum chunk_form form)
{
	uint64_t limit = 0;

	if (!c->raw_bytes || c->raw_bytes > BUNDLE_CHUNK_MAX || !c->sequence ||
	    c->sequence > UINT32_MAX || c->last_ns < c->first_ns)
		return false;
	if (form == FORM_FRAMED && c->frame_bytes > ZSTD_compressBound(c->raw_bytes) + KIB)
		return false;
	if (__builtin_mul_overflow(b->source_bytes, BUNDLE_RATIO_MAX, &limit))
		return true;
	return b->chunk_raw_bytes + c->raw_bytes <= limit + BUNDLE_RATIO_FREE;
}

/**
 * bundle_add_chunk() - take a chunk into the index
 *
 * What cannot be, by its own header, is counted and left out.
 *
 * Return: 0; -ENOMEM.
 */
int bundle_add_chunk(struct bundle *b, const struct chunk *c, enum chunk_form form, uint16_t file,
		     uint64_t at, struct err *e)
{
	struct bundle_stream_list *s;

	if (!list_slot(b, c->stream, c->id) || !is_plausible(b, c, form)) {
		b->implausible++;
		return 0;
	}
	if (b->chunk_count == BUNDLE_CHUNKS_MAX) {
		b->surplus++;
		return 0;
	}
	s = bundle_list(b, c->stream, c->id);
	if (!s)
		return err_nomem(e);
	b->chunk_raw_bytes += c->raw_bytes;
	return push_chunk(b, s,
			  (struct bundle_chunk){
				  .first_ns = c->first_ns,
				  .last_ns = c->last_ns,
				  .sequence = (uint32_t)c->sequence,
				  .raw_bytes = (uint32_t)c->raw_bytes,
				  .records = (uint32_t)min_of(c->records, (uint64_t)UINT32_MAX),
				  .lost = (uint32_t)min_of(c->lost, (uint64_t)UINT32_MAX),
				  .at = at,
				  .frame_bytes = c->frame_bytes,
				  .file = file,
				  .form = (uint8_t)form,
			  },
			  e);
}

/**
 * bundle_drop_chunks() - take back the chunks of a file that was indexed last
 */
void bundle_drop_chunks(struct bundle *b, uint16_t file)
{
	for (size_t i = 0; i < b->stream_count; i++) {
		struct bundle_stream_list *s = &b->lists[i];

		for (; s->pub.count && s->chunks[s->pub.count - 1].file == file; s->pub.count--) {
			b->chunk_raw_bytes -= s->chunks[s->pub.count - 1].raw_bytes;
			b->chunk_count--;
		}
	}
}

static int by_sequence(const void *va, const void *vb)
{
	const struct bundle_chunk *a = va, *b = vb;

	if (a->sequence != b->sequence)
		return a->sequence < b->sequence ? -1 : 1;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static bool is_sorted(const struct bundle_stream_list *s)
{
	for (size_t i = 1; i < s->pub.count; i++)
		if (s->chunks[i - 1].sequence >= s->chunks[i].sequence)
			return false;
	return true;
}

/* By sequence, each once: of two with the same number, which cannot both be right, the first. */
static void sort_list(struct bundle *b, struct bundle_stream_list *s)
{
	size_t kept = 0;

	if (is_sorted(s))
		return;
	qsort(s->chunks, s->pub.count, sizeof(*s->chunks), by_sequence);
	for (size_t i = 0; i < s->pub.count; i++)
		if (!kept || s->chunks[kept - 1].sequence != s->chunks[i].sequence)
			s->chunks[kept++] = s->chunks[i];
	if (kept < s->pub.count && b->kind != BUNDLE_SESSION)
		bundle_note_add(b, true, "%zu chunks of %s are there twice: the first are used",
				s->pub.count - kept, bundle_stream_file(s->pub.kind));
	b->chunk_count -= s->pub.count - kept;
	s->pub.count = kept;
}

/**
 * bundle_sort_lists() - bring the chunks of every stream in order
 */
void bundle_sort_lists(struct bundle *b)
{
	for (size_t i = 0; i < b->stream_count; i++)
		sort_list(b, &b->lists[i]);
}

static void sum_up(struct bundle_stream_list *s)
{
	struct bundle_stream *p = &s->pub;

	p->chunks = s->chunks;
	p->counted = p->in_order = true;
	p->first_ns = UINT64_MAX;
	for (size_t i = 0; i < p->count; i++) {
		const struct bundle_chunk *c = &s->chunks[i];

		p->first_ns = min_of(p->first_ns, c->first_ns);
		p->last_ns = max_of(p->last_ns, c->last_ns);
		p->raw_bytes += c->raw_bytes;
		p->records += c->records;
		p->lost += c->lost;
		p->raw_max = max_of(p->raw_max, c->raw_bytes);
		p->counted &= c->form != FORM_RAW;
		if (i && (c->first_ns < c[-1].first_ns || c->last_ns < c[-1].last_ns))
			p->in_order = false;
	}
	if (p->count)
		p->missing = s->chunks[p->count - 1].sequence - p->count;
	else
		p->first_ns = 0;
}

static int by_stream(const void *va, const void *vb)
{
	const struct bundle_stream_list *a = va, *b = vb;

	if (a->pub.kind != b->pub.kind)
		return a->pub.kind < b->pub.kind ? -1 : 1;
	return a->pub.id < b->pub.id ? -1 : a->pub.id > b->pub.id;
}

static void note_left_out(struct bundle *b, size_t count, const char *why)
{
	if (count == 1)
		bundle_note_add(b, true, "1 chunk is left out: %s", why);
	else if (count)
		bundle_note_add(b, true, "%zu chunks are left out: %s", count, why);
}

/**
 * bundle_close_streams() - all chunks are known: the streams as readers see them
 *
 * Return: 0; -ENOMEM.
 */
int bundle_close_streams(struct bundle *b, struct err *e)
{
	char surplus[128];

	b->streams = calloc(b->stream_count + 1, sizeof(*b->streams));
	if (!b->streams)
		return err_nomem(e);
	bundle_sort_lists(b);
	if (b->stream_count)
		qsort(b->lists, b->stream_count, sizeof(*b->lists), by_stream);
	for (size_t i = 0; i < b->stream_count; i++) {
		struct bundle_stream_list *s = &b->lists[i];
		uint32_t *slot = list_slot(b, s->pub.kind, s->pub.id);

		if (slot)
			*slot = (uint32_t)i + 1;
		sum_up(s);
		b->streams[i] = s->pub;
	}
	(void)snprintf(surplus, sizeof(surplus),
		       "more than %d cannot be kept in mind; unpack the bundle and give the folder",
		       BUNDLE_CHUNKS_MAX);
	note_left_out(b, b->implausible, "no recorder can have written such a header");
	note_left_out(b, b->surplus, surplus);
	return 0;
}

size_t bundle_streams(const struct bundle *b, const struct bundle_stream **ret)
{
	*ret = b->streams;
	return b->stream_count;
}

/* NULL when there is no such stream. */
const struct bundle_stream *bundle_stream(const struct bundle *b, enum chunk_stream kind,
					  uint32_t id)
{
	uint32_t *slot = list_slot((struct bundle *)(uintptr_t)b, kind, id);

	return slot && *slot ? &b->streams[*slot - 1] : NULL;
}

/**
 * bundle_stream_window() - the chunks that may hold records of a window of time
 * @from_ns: first moment, on the stream's clock
 * @to_ns:   last moment
 * @ret_from, @ret_to: indexes of the first such chunk, and behind the last one; equal when none
 *
 * When the chunks' times go back, as packets of several CPUs do, the range may hold chunks that
 * are not of the window: look at their times.
 */
void bundle_stream_window(const struct bundle_stream *s, uint64_t from_ns, uint64_t to_ns,
			  size_t *ret_from, size_t *ret_to)
{
	size_t from = 0, to = s->count;

	if (!s->in_order) {
		while (from < to && s->chunks[from].last_ns < from_ns)
			from++;
		while (to > from && s->chunks[to - 1].first_ns > to_ns)
			to--;
	} else {
		for (size_t high = s->count; from < high;) {
			size_t mid = from + (high - from) / 2;

			if (s->chunks[mid].last_ns < from_ns)
				from = mid + 1;
			else
				high = mid;
		}
		for (size_t low = from; low < to;) {
			size_t mid = low + (to - low) / 2;

			if (s->chunks[mid].first_ns <= to_ns)
				low = mid + 1;
			else
				to = mid;
		}
	}
	*ret_from = from;
	*ret_to = max_of(from, to);
}

/** bundle_name_series() - a series has its name from its member; @path: borrowed */
void bundle_name_series(struct bundle *b, uint32_t id, const char *path)
{
	uint32_t *slot = list_slot(b, CHUNK_SERIES, id);

	if (slot && *slot)
		b->streams[*slot - 1].member = path;
}
