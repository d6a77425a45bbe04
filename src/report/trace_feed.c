/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of all CPUs in time order: see trace_feed.h.
 *
 * A lane is one CPU's ring: a row of chunks, and a queue of batches. A batch is one chunk,
 * decompressed, with a list of the events in it that somebody wants; the events stay where they
 * are. Threads fill the queues; the caller's thread takes the lane whose next event is the oldest,
 * from a heap, and hands over its events as long as they are older than the next lane's. When a
 * lane's queue is empty it fills it itself, so two CPUs are busy whatever the balance between
 * filling and using is, and nothing waits without need.
 *
 * Memory: a batch for each lane, and as many more as the budget allows. With 256 CPUs and chunks of
 * 768 KiB that is below 256 MiB; recorders make 512 KiB at most.
 *
 * Damage costs as little as it can: a chunk that cannot be read is left out, a page that makes no
 * sense ends there.
 */
#include "trace_feed.h"

#include <errno.h>
#include <pthread.h>

#define BUDGET_BYTES (64 * MIB)
#define QUEUE_MAX 4 /* batches ahead of one lane */
#define THREADS_MAX 8

struct entry {
	uint64_t ns;
	uint32_t at;
	uint16_t bytes, type;
};

struct span {
	uint64_t first_ns, last_ns;
};

struct batch {
	struct batch *next;
	uint8_t *raw;
	size_t raw_room;
	struct entry *entries;
	size_t entry_count, entry_room, used;
	struct trace_tally *tallies;
	size_t tally_count, tally_room;
	uint64_t events, pages_damaged, loss_ns, unknown;
	struct trace_unknown unknown_ids[TRACE_UNKNOWN_MAX];
	bool damaged, no_memory;
};

struct lane {
	const struct bundle_stream *stream;
	uint16_t cpu;
	size_t next_chunk, chunk_end; /* not taken yet */
	struct batch *first, **last;  /* filled */
	unsigned int queued;
	bool busy;	    /* a thread fills a batch of it */
	struct batch *head; /* being handed over; the merging thread's alone */
};

struct worker {
	struct trace_feed *feed;
	pthread_t thread;
	bool started;
	struct bundle_reader *reader;
	uint32_t *counts;   /* [type_count + 1] of the second being scanned */
	struct span *spans; /* [type_count + 1]: when the first and the last of .counts were */
	uint64_t tick;
};

struct trace_feed {
	struct trace_feed_config config;
	uint16_t *type_of; /* [65536], by event id */
	uint32_t type_count;
	struct lane *lanes;
	size_t lane_count;
	struct lane **heap; /* lanes with a head, oldest first */
	size_t heap_count;
	bool begun;

	pthread_mutex_t lock;
	pthread_cond_t filled, wanted;
	struct batch *free;
	size_t bytes; /* of all batches in use */
	size_t hint;  /* lane to look at first */
	bool stop;
	struct worker own, workers[THREADS_MAX];
	struct trace_feed_totals totals;
};

/* ---- one chunk ---- */

static void batch_free(struct batch *b)
{
	if (!b)
		return;
	free(b->raw);
	free(b->entries);
	free(b->tallies);
	free(b);
}

static bool grow(void *array, size_t *room, size_t element_bytes, size_t least)
{
	size_t more = max_of(*room * 2, least);
	void *p = realloc(*(void **)array, more * element_bytes);

	if (!p)
		return false;
	*(void **)array = p;
	*room = more;
	return true;
}

static void add_entry(struct batch *b, uint64_t ns, size_t at, uint64_t bytes, uint16_t type)
{
	if (b->entry_count == b->entry_room &&
	    !grow(&b->entries, &b->entry_room, sizeof(*b->entries), 4096)) {
		b->no_memory = true;
		return;
	}
	b->entries[b->entry_count++] = (struct entry){
		.ns = ns,
		.at = (uint32_t)at,
		.bytes = (uint16_t)min_of(bytes, UINT64_C(0xffff)),
		.type = type,
	};
}

/* The counts of the second that is over go to the batch. */
static void flush_tally(struct worker *w, struct batch *b)
{
	for (uint32_t i = 0; i <= w->feed->type_count; i++) {
		if (!w->counts[i])
			continue;
		if (b->tally_count == b->tally_room &&
		    !grow(&b->tallies, &b->tally_room, sizeof(*b->tallies), 256)) {
			b->no_memory = true;
			return;
		}
		b->tallies[b->tally_count++] =
			(struct trace_tally){.tick = w->tick,
					     .first_ns = w->spans[i].first_ns,
					     .last_ns = w->spans[i].last_ns,
					     .type = i,
					     .count = w->counts[i]};
		w->counts[i] = 0;
	}
}

/* Stamps of nonsense may wrap: then they are of some other second. */
static void count_event(struct worker *w, struct batch *b, uint32_t type, uint64_t ns)
{
	uint64_t at = ns + w->feed->config.phase_ns, since = at - w->tick * NSEC_PER_SEC;
	uint32_t i = min_of(type, w->feed->type_count);

	if (since >= NSEC_PER_SEC) {
		flush_tally(w, b);
		w->tick = at / NSEC_PER_SEC;
	}
	if (!w->counts[i]++)
		w->spans[i].first_ns = ns;
	w->spans[i].last_ns = ns;
}

static void count_unknown(struct trace_unknown *ids, uint16_t id, uint64_t count)
{
	for (size_t i = 0; i < TRACE_UNKNOWN_MAX; i++) {
		if (ids[i].count && ids[i].id != id)
			continue;
		ids[i].id = id;
		ids[i].count += count;
		return;
	}
}

static void see_unknown(struct batch *b, const struct ringpage_event *ev)
{
	b->unknown++;
	b->loss_ns = max_of(b->loss_ns, ev->ns);
	if (ev->bytes >= EVENT_TYPE_BYTES)
		count_unknown(b->unknown_ids, get_le16(ev->data), 1);
}

static void scan_page(struct worker *w, struct batch *b, size_t at)
{
	const struct trace_feed_config *c = &w->feed->config;
	const uint8_t *page = b->raw + at, *wanted = c->wanted;
	const uint64_t from = c->from_ns, to = c->to_ns;
	struct ringpage_cursor cursor;
	struct ringpage_event ev;
	int r;

	if (!wanted) {
		struct ringpage_info info;

		if (ringpage_scan(&c->layout, page, &info) == 0 && info.missed &&
		    info.first_ns >= from && info.first_ns <= to)
			add_entry(b, info.first_ns, at,
				  info.missed_counted ? info.missed_events : 0, TRACE_TYPE_GAP);
	}
	r = ringpage_begin(&c->layout, page, &cursor);
	if (r == 0 && cursor.missed && cursor.ns >= from && cursor.ns <= to)
		b->loss_ns = max_of(b->loss_ns, cursor.ns);
	while (r == 0 && (r = ringpage_next(&cursor, &ev)) == 1) {
		uint16_t type;

		r = 0;
		if (ev.ns < from || ev.ns > to)
			continue;
		type = ev.bytes >= EVENT_TYPE_BYTES ? w->feed->type_of[get_le16(ev.data)]
						    : TRACE_TYPE_UNKNOWN;
		b->events++;
		if (type == TRACE_TYPE_UNKNOWN)
			see_unknown(b, &ev);
		if (c->tally)
			count_event(w, b, type, ev.ns);
		if (!wanted || (type < w->feed->type_count && wanted[type]))
			add_entry(b, ev.ns, (size_t)(ev.data - b->raw), ev.bytes, type);
	}
	if (r < 0)
		b->pages_damaged++;
}

static void fill(struct worker *w, struct batch *b, const struct bundle_chunk *c)
{
	const struct trace_feed_config *config = &w->feed->config;
	uint32_t page_bytes = config->layout.page_bytes;

	b->entry_count = b->used = b->tally_count = 0;
	b->events = b->pages_damaged = b->loss_ns = b->unknown = 0;
	memset(b->unknown_ids, 0, sizeof(b->unknown_ids));
	b->damaged = b->no_memory = false;
	if (c->raw_bytes > b->raw_room) {
		free(b->raw);
		b->raw = malloc(c->raw_bytes);
		b->raw_room = b->raw ? c->raw_bytes : 0;
		b->no_memory = !b->raw;
	}
	if (b->no_memory)
		return;
	b->damaged = bundle_chunk_read(config->bundle, c, w->reader, b->raw, b->raw_room, NULL) < 0;
	if (b->damaged)
		b->loss_ns = c->last_ns;
	if (b->damaged)
		return;
	w->tick = (c->first_ns + config->phase_ns) / NSEC_PER_SEC;
	for (size_t at = 0; c->raw_bytes - at >= page_bytes; at += page_bytes)
		scan_page(w, b, at);
	if (b->pages_damaged)
		b->loss_ns = c->last_ns;
	if (config->tally)
		flush_tally(w, b);
}

/* ---- filling queues ---- */

static size_t batch_bytes(const struct batch *b)
{
	return b->raw_room + b->entry_room * sizeof(*b->entries) +
	       b->tally_room * sizeof(*b->tallies);
}

static bool can_fill(const struct trace_feed *f, const struct lane *l)
{
	if (l->busy || l->next_chunk == l->chunk_end || l->queued >= QUEUE_MAX)
		return false;
	return l->queued == 0 || f->bytes < BUDGET_BYTES;
}

/* The lane that will run dry first: the fewest batches, then the oldest chunk. */
static struct lane *lane_to_fill(struct trace_feed *f)
{
	struct lane *best = NULL;

	for (size_t i = 0; i < f->lane_count; i++) {
		struct lane *l = &f->lanes[i];

		if (!can_fill(f, l))
			continue;
		if (!best || l->queued < best->queued ||
		    (l->queued == best->queued &&
		     l->stream->chunks[l->next_chunk].first_ns <
			     best->stream->chunks[best->next_chunk].first_ns))
			best = l;
	}
	return best;
}

/* With the lock held, which is given up for the work itself. False: no memory. */
static bool fill_lane(struct worker *w, struct lane *l)
{
	struct trace_feed *f = w->feed;
	const struct bundle_chunk *c = &l->stream->chunks[l->next_chunk++];
	struct batch *b = f->free;

	l->busy = true;
	if (b)
		f->free = b->next;
	pthread_mutex_unlock(&f->lock);
	if (!b)
		b = calloc(1, sizeof(*b));
	if (b)
		fill(w, b, c);
	pthread_mutex_lock(&f->lock);
	l->busy = false;
	if (!b)
		return false;
	b->next = NULL;
	f->bytes += batch_bytes(b);
	f->totals.bytes_read += c->raw_bytes;
	f->totals.events += b->events;
	f->totals.chunks_damaged += b->damaged;
	f->totals.pages_damaged += b->pages_damaged;
	f->totals.loss_ns = max_of(f->totals.loss_ns, b->loss_ns);
	f->totals.unknown += b->unknown;
	for (size_t i = 0; i < TRACE_UNKNOWN_MAX && b->unknown_ids[i].count; i++)
		count_unknown(f->totals.unknown_ids, b->unknown_ids[i].id, b->unknown_ids[i].count);
	*l->last = b;
	l->last = &b->next;
	l->queued++;
	pthread_cond_broadcast(&f->filled);
	return !b->no_memory;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct trace_feed *f = w->feed;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		struct lane *l = lane_to_fill(f);

		if (!l)
			pthread_cond_wait(&f->wanted, &f->lock);
		else if (!fill_lane(w, l))
			break; /* the merging thread meets the same and says so */
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* ---- merging ---- */

static uint64_t lane_ns(const struct lane *l)
{
	return l->head->entries[l->head->used].ns;
}

/* Of the same time, the lower CPU first, as trace-cmd has it. */
static bool older(const struct lane *a, const struct lane *b)
{
	uint64_t x = lane_ns(a), y = lane_ns(b);

	return x != y ? x < y : a->cpu < b->cpu;
}

static void sift_down(struct trace_feed *f)
{
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;
		struct lane *l = f->heap[i];

		if (child >= f->heap_count)
			return;
		if (child + 1 < f->heap_count && older(f->heap[child + 1], f->heap[child]))
			child++;
		if (!older(f->heap[child], l))
			return;
		f->heap[i] = f->heap[child];
		f->heap[child] = l;
		i = child;
	}
}

static void push_lane(struct trace_feed *f, struct lane *l)
{
	size_t i = f->heap_count++;

	f->heap[i] = l;
	while (i && older(f->heap[i], f->heap[(i - 1) / 2])) {
		f->heap[i] = f->heap[(i - 1) / 2];
		f->heap[(i - 1) / 2] = l;
		i = (i - 1) / 2;
	}
}

/* A batch with events for this lane, or none when it has come to its end. */
static int next_head(struct trace_feed *f, struct lane *l, trace_tally_fn tally, void *arg,
		     struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&f->lock);
	while (r == 0) {
		struct batch *b = l->head;

		if (b && b->used < b->entry_count)
			break;
		if (b) {
			f->bytes -= min_of(f->bytes, batch_bytes(b));
			b->next = f->free;
			f->free = b;
			l->head = NULL;
			pthread_cond_signal(&f->wanted);
		}
		if (l->first) {
			b = l->first;
			l->first = b->next;
			if (!l->first)
				l->last = &l->first;
			l->queued--;
			l->head = b;
			if (b->no_memory)
				r = err_nomem(e);
			else if (tally && b->tally_count)
				tally(arg, b->tallies, b->tally_count);
		} else if (l->busy) {
			pthread_cond_wait(&f->filled, &f->lock);
		} else if (l->next_chunk < l->chunk_end) {
			if (!fill_lane(&f->own, l))
				r = err_nomem(e);
		} else {
			break;
		}
	}
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int begin(struct trace_feed *f, trace_tally_fn tally, void *arg, struct err *e)
{
	for (size_t i = 0; i < f->lane_count; i++) {
		int r = next_head(f, &f->lanes[i], tally, arg, e);

		if (r < 0)
			return r;
		if (f->lanes[i].head)
			push_lane(f, &f->lanes[i]);
	}
	f->begun = true;
	return 0;
}

/* Up to which time the oldest lane may go on without looking at the others. */
static uint64_t run_limit(const struct trace_feed *f, uint64_t until_ns)
{
	const struct lane *second = NULL;
	uint64_t ns;

	if (f->heap_count > 1)
		second = f->heap[1];
	if (f->heap_count > 2 && older(f->heap[2], second))
		second = f->heap[2];
	if (!second)
		return until_ns;
	ns = lane_ns(second);
	if (second->cpu < f->heap[0]->cpu && ns)
		ns--;
	return min_of(ns, until_ns);
}

/**
 * trace_feed_run() - hand over the next events
 * @f:        the feed
 * @until_ns: the last time to hand over; UINT64_MAX: all
 * @event:    called for each, in time order
 * @tally:    called with counts, before the events of that time; NULL: not wanted
 * @arg:      for both
 * @e:        filled on failure
 *
 * Tallies of a CPU come a chunk at a time: a second is complete when an event of a later one has
 * been handed over, or at the end.
 *
 * Return: 0; 1 when there is no more; -ENOMEM.
 */
int trace_feed_run(struct trace_feed *f, uint64_t until_ns, trace_event_fn event,
		   trace_tally_fn tally, void *arg, struct err *e)
{
	int r = f->begun ? 0 : begin(f, tally, arg, e);

	while (r == 0 && f->heap_count) {
		struct lane *l = f->heap[0];
		struct batch *b = l->head;
		uint64_t limit;

		if (lane_ns(l) > until_ns)
			return 0;
		/* At least one: of equal times the heap knows best. */
		limit = max_of(run_limit(f, until_ns), lane_ns(l));
		do {
			const struct entry *n = &b->entries[b->used++];
			struct trace_event ev = {.ns = n->ns,
						 .data = b->raw + n->at,
						 .bytes = n->bytes,
						 .type = n->type,
						 .cpu = l->cpu};

			event(arg, &ev);
		} while (b->used < b->entry_count && b->entries[b->used].ns <= limit);
		if (b->used == b->entry_count)
			r = next_head(f, l, tally, arg, e);
		if (r == 0 && !l->head)
			f->heap[0] = f->heap[--f->heap_count];
		if (f->heap_count)
			sift_down(f);
	}
	return r < 0 ? r : 1;
}

/* ---- opening ---- */

static void worker_done(struct worker *w)
{
	bundle_reader_free(w->reader);
	free(w->counts);
	free(w->spans);
}

static int worker_init(struct worker *w, struct trace_feed *f, struct err *e)
{
	w->feed = f;
	w->counts = calloc((size_t)f->type_count + 1, sizeof(*w->counts));
	w->spans = calloc((size_t)f->type_count + 1, sizeof(*w->spans));
	return w->counts && w->spans ? bundle_reader_new(&w->reader, e) : err_nomem(e);
}

static bool cpu_wanted(const struct trace_feed_config *c, uint32_t cpu)
{
	return !c->cpus || (c->cpus[cpu / 64] & UINT64_C(1) << cpu % 64);
}

static int open_lanes(struct trace_feed *f, struct err *e)
{
	const struct bundle_stream *streams;
	size_t count = bundle_streams(f->config.bundle, &streams);

	f->lanes = calloc(count + 1, sizeof(*f->lanes));
	f->heap = calloc(count + 1, sizeof(struct lane *));
	if (!f->lanes || !f->heap)
		return err_nomem(e);
	for (size_t i = 0; i < count; i++) {
		struct lane *l = &f->lanes[f->lane_count];

		if (streams[i].kind != CHUNK_RING || streams[i].id > UINT16_MAX ||
		    !cpu_wanted(&f->config, streams[i].id))
			continue;
		*l = (struct lane){.stream = &streams[i], .cpu = (uint16_t)streams[i].id};
		l->last = &l->first;
		bundle_stream_window(&streams[i], f->config.from_ns, f->config.to_ns,
				     &l->next_chunk, &l->chunk_end);
		for (size_t c = l->next_chunk; c < l->chunk_end; c++)
			f->totals.bytes_all += streams[i].chunks[c].raw_bytes;
		f->lane_count++;
	}
	return 0;
}

/**
 * trace_feed_open() - ready to hand over the trace events of a window
 * @c:   copied; what it points to is borrowed until trace_feed_free()
 * @ret: set on success; the caller's
 * @e:   filled on failure
 *
 * Starts threads; where none can be had the caller's does all the work.
 *
 * Return: 0; -EINVAL when pages of this layout cannot be read; -ENOMEM.
 */
int trace_feed_open(const struct trace_feed_config *c, struct trace_feed **ret, struct err *e)
{
	CLEANUP(trace_feed_freep) struct trace_feed *f = NULL;
	int r;

	if (!ringpage_layout_ok(&c->layout))
		return err_set(e, -EINVAL,
			       "the bundle's ring pages have a layout that is not known");
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_nomem(e);
	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_cond_init(&f->filled, NULL);
	(void)pthread_cond_init(&f->wanted, NULL);
	f->config = *c;
	f->type_count = min_of(c->events->count, (uint32_t)TRACE_TYPES_MAX);
	f->type_of = malloc(65536 * sizeof(*f->type_of));
	if (!f->type_of)
		return err_nomem(e);
	for (uint32_t id = 0; id < 65536; id++) {
		uint32_t index = c->events->by_id[id];

		f->type_of[id] = index && index <= f->type_count ? (uint16_t)(index - 1)
								 : TRACE_TYPE_UNKNOWN;
	}
	r = open_lanes(f, e);
	if (r == 0)
		r = worker_init(&f->own, f, e);
	for (unsigned int i = 0; r == 0 && i < min_of(c->threads, (unsigned int)THREADS_MAX); i++) {
		struct worker *w = &f->workers[i];

		r = worker_init(w, f, e);
		w->started = r == 0 && pthread_create(&w->thread, NULL, work, w) == 0;
	}
	if (r == 0)
		*ret = take_ptr(f);
	return r;
}

void trace_feed_free(struct trace_feed *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->wanted);
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < THREADS_MAX; i++) {
		if (f->workers[i].started)
			(void)pthread_join(f->workers[i].thread, NULL);
		worker_done(&f->workers[i]);
	}
	worker_done(&f->own);
	for (size_t i = 0; i < f->lane_count; i++) {
		batch_free(f->lanes[i].head);
		for (struct batch *b; (b = f->lanes[i].first);) {
			f->lanes[i].first = b->next;
			batch_free(b);
		}
	}
	for (struct batch *b; (b = f->free);) {
		f->free = b->next;
		batch_free(b);
	}
	free(f->lanes);
	free(f->heap);
	free(f->type_of);
	(void)pthread_cond_destroy(&f->filled);
	(void)pthread_cond_destroy(&f->wanted);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

void trace_feed_freep(struct trace_feed **f)
{
	trace_feed_free(*f);
}

/* What was done so far; of threads that are at work, without what they are at. */
void trace_feed_totals(const struct trace_feed *f, struct trace_feed_totals *ret)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&f->lock;

	pthread_mutex_lock(lock);
	*ret = f->totals;
	pthread_mutex_unlock(lock);
}
