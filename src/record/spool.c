/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spool: the one writer to disk while recording.
 *
 * Sources append to streams; each stream has one open chunk in memory. A full chunk is sealed:
 * compressed as one zstd frame, given a header, and appended to the current segment. Segments, and
 * which of them goes when the budget is used up, are spool_segments.c's.
 *
 * Two needs pull against each other. Chunks must be long to compress well and to be few; data must
 * be durable within a second, on a node that will be powered off. So what an open chunk gained
 * since the last sync is written to the *tail* as well, a file beside the segments, by which a
 * reader puts the open chunks together again. Once everything in it has been sealed the tail is
 * emptied. Idle streams thus cost the disk a few bytes a second, and still end up in chunks of
 * minutes. A ring page that was fetched half empty is even completed in memory
 * (ringpage_join()), so an idle CPU does not leave a page a second behind.
 *
 * One thread, the writer, compresses, writes and syncs. Appending is a copy under a lock. When the
 * writer is behind, sealed chunks queue up to the memory budget; then spool_append() waits, and the
 * elastic store is the kernel's ring. Nothing here is ever done with the lock held that could wait.
 *
 * A failed write or fdatasync of a sealed chunk is permanent loss (the page cache may already have
 * dropped the data): it is never repeated and trusted, but reported, and recording goes on with
 * what follows. What the tail failed to take is reported too, but still in memory: the next sync
 * writes it anew, behind what is there.
 */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/crc32c.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/privilege.h"
#include "base/text.h"
#include "format/segment.h"

#include "spool_segments.h"

#define SPOOL_LEVEL \
	1 /* zstd; level 3 gains 4 % on real scoutfs pages and takes half as long again */
#define CHUNK_MIN_BYTES (64 * KIB)
#define CHUNK_MAX_BYTES (512 * KIB)
/*
 * An open chunk is sealed by then, however short. Long, because 256 idle CPUs make a chunk each: an
 * index of a million for a month. The tail, which empties when it is half full, keeps them durable.
 */
#define CHUNK_AGE_NS (600 * NSEC_PER_SEC)
#define SEGMENTS 32		     /* how finely retention works: the budget in so many files */
#define APPEND_MAX_BYTES (768 * KIB) /* a batch of packets and one jumbo more: 512 KiB and 16 */
#define SAMPLE_MAX_BYTES (3 * MIB)   /* of an append, where a segment has room for it */
#define SEGMENT_MIN_BYTES (1 * MIB)  /* holds a chunk of one such append, not compressed at all */
#define SEGMENT_MAX_BYTES (256 * MIB)
#define TAIL_MAX_BYTES (16 * MIB)
#define TEXT_RESERVE_BYTES (512 * KIB) /* for the journal, the losses and the names, each */
#define COMMS_MAX 65536

struct spool_stream {
	struct spool *spool;
	enum chunk_stream kind;
	uint32_t id;
	const struct ringpage_layout *ring; /* for CHUNK_RING */
	uint64_t sequence;		    /* of the open chunk */
	uint8_t *bytes;
	size_t used, room;
	size_t dirty_from; /* from here on the tail has not got it */
	bool dirty;
	size_t unwritten; /* sealed chunks of this stream that have not reached a segment yet */
	uint64_t opened_ns;
	struct spool_span span;
	uint64_t page_last_ns; /* stamp of the last event of the last page */
	uint64_t left_lost;    /* what chunks of a dead recorder say was lost */
};

/* A chunk that left its stream and waits for the writer. */
struct sealed {
	struct sealed *next;
	struct spool_stream *stream;
	struct chunk chunk;
	uint8_t *bytes;
	size_t room;
};

struct waiter {
	struct waiter *next;
	uint64_t ticket;
	void (*done)(void *arg, uint64_t ticket, bool durable); /* NULL: a thread sleeps on it */
	void *arg;
	bool answered, durable; /* for the thread that sleeps */
};

struct spool {
	struct spool_config config;
	size_t chunk_bytes;
	uint64_t segment_bytes;
	uint64_t tail_limit;

	pthread_mutex_t lock;
	pthread_cond_t work; /* for the writer */
	pthread_cond_t room; /* for appenders: memory was given back */
	pthread_cond_t synced;
	struct spool_stream **streams;
	size_t stream_count;
	struct sealed *queue, **queue_end;
	uint64_t memory_bytes;
	size_t unwritten;		    /* sealed chunks, queued or in the writer's hands */
	struct text journal, losses, comms; /* .losses: u64 place and SEGMENT_LOSS_BYTES, each */
	uint64_t asked, answered;	    /* sync tickets */
	struct waiter *waiters;
	bool seal_all, stopping, started;
	struct spool_stats stats;
	pthread_t thread;

	/* The writer's own. */
	ZSTD_CCtx *zstd;
	uint8_t *frame;
	size_t frame_room;
	uint8_t *scratch;
	size_t scratch_room;
	struct segments *segments;
	int tail_fd, journal_fd, losses_fd, comms_fd;
	uint64_t loss_first;
	_Atomic uint64_t tail_bytes; /* written by the writer alone */
	bool tail_dirty, journal_dirty, losses_dirty, comms_dirty;
	bool closing;	   /* the last sync of all */
	bool tail_damaged; /* of a dead recorder: what cannot be read of it stays where it is */
	const char *missing[8]; /* files that a dead recorder had and that had to be made anew */
	size_t missing_count;
	bool untold;	      /* something failed since a ticket was answered */
	uint64_t *comms_seen; /* open addressing, COMMS_MAX * 2 */
	size_t comms_count;
};

static int first_error(int a, int b)
{
	return a < 0 ? a : b;
}

/* ---- reporting ---- */

static void report_failure(void *arg, int code, const char *what)
{
	struct spool *s = arg;
	struct err e = {0};

	(void)err_errno(&e, code, "%s", what);
	s->untold = true;
	pthread_mutex_lock(&s->lock);
	s->stats.failed = true;
	pthread_mutex_unlock(&s->lock);
	if (s->config.failed)
		s->config.failed(s->config.arg, &e);
}

static void report_dropped(void *arg, const char *why, uint64_t from, uint64_t to, uint64_t chunks)
{
	struct spool *s = arg;

	if (s->config.dropped && chunks)
		s->config.dropped(s->config.arg, why, from, to, chunks);
}

/* ---- writing ---- */

static int compress(struct spool *s, struct chunk *c, const uint8_t *bytes)
{
	size_t bound = ZSTD_compressBound(c->raw_bytes), n;

	if (bound > s->frame_room) {
		uint8_t *more = realloc(s->frame, bound);

		if (!more)
			return -ENOMEM;
		s->frame = more;
		s->frame_room = bound;
	}
	n = ZSTD_compress2(s->zstd, s->frame, s->frame_room, bytes, c->raw_bytes);
	if (ZSTD_isError(n))
		return -ENOMEM;
	c->frame_bytes = (uint32_t)n;
	c->frame_crc = crc32c(~0u, s->frame, n);
	return 0;
}

static void write_sealed(struct spool *s, struct sealed *q)
{
	int r = compress(s, &q->chunk, q->bytes);

	if (r == 0)
		r = segments_append(s->segments, &q->chunk, s->frame);
	if (r < 0) {
		report_failure(s, r, "cannot write to the spool");
		report_dropped(s, "the disk refused a chunk", q->chunk.first_ns, q->chunk.last_ns,
			       1);
	}
	pthread_mutex_lock(&s->lock);
	s->memory_bytes -= q->room;
	s->unwritten--;
	q->stream->unwritten--;
	pthread_cond_broadcast(&s->room);
	pthread_mutex_unlock(&s->lock);
	free(q->bytes);
	free(q);
}

/* ---- open chunks (with the lock held) ---- */

static int seal(struct spool_stream *st)
{
	struct spool *s = st->spool;
	struct sealed *q;

	if (!st->used)
		return 0;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->chunk = (struct chunk){
		.stream = (uint16_t)st->kind,
		.id = st->id,
		.sequence = st->sequence++,
		.first_ns = st->span.first_ns,
		.last_ns = st->span.last_ns,
		.raw_bytes = st->used,
		.records = st->span.records,
		.lost = st->span.lost,
	};
	q->stream = st;
	q->bytes = take_ptr(st->bytes);
	q->room = st->room;
	*s->queue_end = q;
	s->queue_end = &q->next;
	s->unwritten++;
	st->unwritten++;
	st->used = st->room = st->dirty_from = 0;
	st->dirty = false;
	st->span = (struct spool_span){0};
	pthread_cond_signal(&s->work);
	return 0;
}

/* What a buffer of @room bytes grows to when it must hold @used. */
static size_t grown(size_t room, size_t used)
{
	if (!room)
		room = 8 * KIB;
	while (room < used)
		room *= 2;
	return room;
}

static int make_room(struct spool_stream *st, size_t n)
{
	struct spool *s = st->spool;
	size_t room = grown(st->room, st->used + n);
	uint8_t *more;

	if (room > st->room) {
		more = realloc(st->bytes, room);
		if (!more)
			return -ENOMEM;
		st->bytes = more;
		s->memory_bytes += room - st->room;
		st->room = room;
	}
	return 0;
}

/* Does it fit into memory now? With nothing to wait for, waiting would not help. */
static bool has_room(const struct spool *s, const struct spool_stream *st, size_t n)
{
	/* As put() will do it: what does not fit into the open chunk begins a new one. */
	size_t need = st->used + n > s->chunk_bytes ? grown(0, n)
						    : grown(st->room, st->used + n) - st->room;

	return s->memory_bytes + need <= s->config.memory_bytes || !s->unwritten;
}

/* From @from on the tail has not got the open chunk. */
static void mark_dirty(struct spool_stream *st, size_t from)
{
	st->dirty_from = st->dirty ? min_of(st->dirty_from, from) : from;
	st->dirty = true;
}

static bool join_page(struct spool_stream *st, const void *page)
{
	uint32_t size;
	uint8_t *last;

	if (st->kind != CHUNK_RING || st->used == 0)
		return false;
	size = st->ring->page_bytes;
	last = st->bytes + st->used - size;
	if (!ringpage_join(st->ring, last, st->page_last_ns, page))
		return false;
	mark_dirty(st, st->used - size);
	return true;
}

static int put(struct spool_stream *st, const void *bytes, size_t n, const struct spool_span *span)
{
	struct spool *s = st->spool;
	int r;

	if (!join_page(st, bytes)) {
		if (st->used + n > s->chunk_bytes) {
			r = seal(st);
			if (r < 0)
				return r;
		}
		r = make_room(st, n);
		if (r < 0)
			return r;
		if (!st->used)
			st->opened_ns = clock_mono_ns();
		mark_dirty(st, st->used);
		memcpy(st->bytes + st->used, bytes, n);
		st->used += n;
	}
	st->page_last_ns = span->last_ns;
	st->span.first_ns =
		st->span.records ? min_of(st->span.first_ns, span->first_ns) : span->first_ns;
	st->span.last_ns = max_of(st->span.last_ns, span->last_ns);
	st->span.records += span->records;
	st->span.lost += span->lost;
	return 0;
}

/* ---- the tail ---- */

/*
 * Copy what the tail lacks of @st into the scratch buffer. 1; 0 when there is nothing; -ENOMEM.
 *
 * While an earlier chunk of the stream waits to be written the open one stays out of the tail, so
 * that a reader never finds a chunk there whose predecessor is nowhere. It was sealed after this
 * sync had begun, so what has been appended since is for the next one.
 */
static int collect_dirty(struct spool *s, struct spool_stream *st, struct chunk *ret)
{
	size_t n = st->used - st->dirty_from;

	if (!st->dirty || !n || st->unwritten)
		return 0;
	if (n > s->scratch_room) {
		uint8_t *more = realloc(s->scratch, n);

		if (!more)
			return -ENOMEM;
		s->scratch = more;
		s->scratch_room = n;
	}
	memcpy(s->scratch, st->bytes + st->dirty_from, n);
	*ret = (struct chunk){
		.stream = (uint16_t)st->kind,
		.id = st->id,
		.sequence = st->sequence,
		.first_ns = st->span.first_ns,
		.last_ns = st->span.last_ns,
		.raw_bytes = n,
		.records = st->span.records,
		.lost = st->span.lost,
		.offset = st->dirty_from,
		.tail = true,
	};
	st->dirty = false;
	st->dirty_from = st->used;
	return 1;
}

/* The tail did not get the piece @c: it is for the next sync, unless a segment gets all of it. */
static void give_back(struct spool_stream *st, const struct chunk *c)
{
	struct spool *s = st->spool;

	pthread_mutex_lock(&s->lock);
	if (st->sequence == c->sequence)
		mark_dirty(st, c->offset);
	pthread_mutex_unlock(&s->lock);
}

static int write_tail(struct spool *s)
{
	for (size_t i = 0; i < s->stream_count; i++) {
		struct chunk c;
		int r;

		pthread_mutex_lock(&s->lock);
		r = collect_dirty(s, s->streams[i], &c);
		pthread_mutex_unlock(&s->lock);
		if (r == 0)
			continue;
		if (r < 0)
			return r;
		r = compress(s, &c, s->scratch);
		if (r == 0 && s->tail_bytes + CHUNK_HEADER_BYTES + c.frame_bytes > s->tail_limit)
			r = -ENOSPC;
		if (r == 0)
			r = segments_write_chunk(s->tail_fd, &c, s->frame);
		if (r == -ENOSPC) {
			/* No room, here or on the disk: to a segment with it, before this sync
			 * ends. */
			pthread_mutex_lock(&s->lock);
			r = seal(s->streams[i]);
			pthread_mutex_unlock(&s->lock);
			if (r == 0)
				continue;
		}
		if (r < 0) {
			give_back(s->streams[i], &c);
			return r;
		}
		s->tail_bytes += CHUNK_HEADER_BYTES + c.frame_bytes;
		s->tail_dirty = true;
	}
	return 0;
}

/* ---- journal, losses and command names ---- */

static int write_losses(struct spool *s, const struct text *lines)
{
	const size_t step = 8 + SEGMENT_LOSS_BYTES;

	for (size_t at = 0; at + step <= lines->len; at += step) {
		off_t place = (off_t)(get_le64(lines->s + at) * SEGMENT_LOSS_BYTES);
		ssize_t n;

		do
			n = pwrite(s->losses_fd, lines->s + at + 8, SEGMENT_LOSS_BYTES, place);
		while (n < 0 && errno == EINTR);
		if (n != SEGMENT_LOSS_BYTES)
			return n < 0 ? -errno : -ENOSPC;
		s->losses_dirty = true;
	}
	return 0;
}

static bool comms_is_new(struct spool *s, const char *line, size_t n)
{
	uint64_t key = (uint64_t)crc32c(~0u, line, n) << 32 | crc32c(0x5bd1e995u, line, n);
	size_t i, slots = COMMS_MAX * 2;

	key |= 1;
	for (i = key % slots; s->comms_seen[i]; i = (i + 1) % slots)
		if (s->comms_seen[i] == key)
			return false;
	if (s->comms_count >= COMMS_MAX)
		return false;
	s->comms_count++;
	s->comms_seen[i] = key;
	return true;
}

static int write_comms(struct spool *s, const struct text *lines)
{
	struct text fresh = {0};
	const char *at = lines->s, *end = lines->s + lines->len;
	int r = 0;

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = nl ? (size_t)(nl - at) + 1 : (size_t)(end - at);

		if (comms_is_new(s, at, n))
			text_add(&fresh, at, n);
		at += n;
	}
	if (fresh.len) {
		r = file_write_all(s->comms_fd, fresh.s, fresh.len);
		s->comms_dirty = true;
	}
	text_free(&fresh);
	return r;
}

static int write_texts(struct spool *s)
{
	struct text journal, losses, comms;
	int r = 0, r2 = 0;

	pthread_mutex_lock(&s->lock);
	journal = s->journal;
	losses = s->losses;
	comms = s->comms;
	s->journal = s->losses = s->comms = (struct text){0};
	pthread_mutex_unlock(&s->lock);
	if (journal.len) {
		r = file_write_all(s->journal_fd, journal.s, journal.len);
		s->journal_dirty = true;
	}
	r = first_error(r, write_losses(s, &losses));
	if (comms.len)
		r2 = write_comms(s, &comms);
	text_free(&journal);
	text_free(&losses);
	text_free(&comms);
	return first_error(r, r2);
}

/* ---- syncing ---- */

static int sync_if(int fd, bool *dirty)
{
	if (!*dirty)
		return 0;
	*dirty = false;
	return fdatasync(fd) < 0 ? -errno : 0;
}

/*
 * Which pieces a failed sync took with it nobody knows, and the page cache holds them for clean:
 * what is in memory of the open chunks goes out once more, as a whole.
 */
static int sync_tail(struct spool *s)
{
	int r = sync_if(s->tail_fd, &s->tail_dirty);

	if (r == 0)
		return 0;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->stream_count; i++)
		if (s->streams[i]->used)
			mark_dirty(s->streams[i], 0);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static struct sealed *take_queue(struct spool *s)
{
	struct sealed *q;

	pthread_mutex_lock(&s->lock);
	q = s->queue;
	s->queue = NULL;
	s->queue_end = &s->queue;
	pthread_mutex_unlock(&s->lock);
	return q;
}

static void write_queue(struct spool *s, struct sealed *q)
{
	while (q) {
		struct sealed *next = q->next;

		write_sealed(s, q);
		q = next;
	}
}

/* With the lock held: seal what is asked to be sealed or has been open for long. */
static void seal_due(struct spool *s, bool all)
{
	uint64_t now = clock_mono_ns();

	for (size_t i = 0; i < s->stream_count; i++)
		if (s->streams[i]->used && (all || now - s->streams[i]->opened_ns >= CHUNK_AGE_NS))
			(void)seal(s->streams[i]);
}

/* All that the tail holds has been sealed: once that is durable the tail begins anew. */
static int empty_tail(struct spool *s)
{
	int r;

	/* At the end, and in a recovery, that could not write all of it the tail is the only copy.
	 * One that is damaged is all there is of what cannot be read, and tells that it is so. */
	if (!s->tail_bytes || s->tail_damaged ||
	    ((s->config.resume || s->closing) && s->stats.failed))
		return 0;
	r = segments_sync(s->segments);
	if (r < 0)
		return r;
	if (ftruncate(s->tail_fd, 0) < 0)
		return -errno;
	s->tail_bytes = 0;
	s->tail_dirty = true;
	/* Space that is not to be had again is missed when it is needed, if then. */
	if (!s->config.resume)
		(void)segments_hold(s->tail_fd, s->tail_limit);
	return 0;
}

/* Everything appended before the call is on disk after it. */
static int sync_all(struct spool *s)
{
	bool all = s->tail_bytes > s->tail_limit / 2;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	all = all || s->seal_all;
	s->seal_all = false;
	seal_due(s, all);
	pthread_mutex_unlock(&s->lock);

	write_queue(s, take_queue(s));
	FAILPOINT("record-sealed");
	if (all)
		r = empty_tail(s);
	FAILPOINT("record-tail-emptied");
	r = first_error(r, write_tail(s));
	FAILPOINT("record-tail");
	/* What was sealed since the sync began, by an appender or for want of room in the tail. */
	write_queue(s, take_queue(s));
	r = first_error(r, segments_sync(s->segments));
	r = first_error(r, sync_tail(s));
	FAILPOINT("record-tail-synced");
	r = first_error(r, write_texts(s));
	r = first_error(r, sync_if(s->journal_fd, &s->journal_dirty));
	r = first_error(r, sync_if(s->losses_fd, &s->losses_dirty));
	r = first_error(r, sync_if(s->comms_fd, &s->comms_dirty));
	FAILPOINT("record-synced");
	return r;
}

static struct waiter *take_waiters(struct spool *s, uint64_t up_to)
{
	struct waiter **at = &s->waiters, *taken = NULL;

	while (*at) {
		struct waiter *w = *at;

		if (w->ticket <= up_to) {
			*at = w->next;
			w->next = taken;
			taken = w;
		} else {
			at = &w->next;
		}
	}
	return taken;
}

/* With the lock held: threads that sleep on their ticket see their answer; the others remain. */
static struct waiter *answer_sleepers(struct waiter *all, bool durable)
{
	struct waiter **at = &all;

	while (*at) {
		struct waiter *w = *at;

		if (w->done) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->durable = durable;
		w->answered = true;
	}
	return all;
}

static void sync_and_tell(struct spool *s)
{
	uint64_t ticket, begun = clock_mono_ns();
	struct waiter *w;
	bool durable;
	int r;

	pthread_mutex_lock(&s->lock);
	ticket = s->asked;
	pthread_mutex_unlock(&s->lock);
	r = sync_all(s);
	if (r < 0)
		report_failure(s, r, "cannot make the spool durable");
	/* Lost is lost: a sync that went well does not bring back what an earlier one did not. */
	durable = !s->untold;
	pthread_mutex_lock(&s->lock);
	if (ticket > s->answered)
		s->untold = false;
	s->answered = ticket;
	s->stats.syncs++;
	s->stats.worst_sync_ns = max_of(s->stats.worst_sync_ns, clock_mono_ns() - begun);
	w = answer_sleepers(take_waiters(s, ticket), durable);
	pthread_cond_broadcast(&s->synced);
	pthread_mutex_unlock(&s->lock);
	while (w) {
		struct waiter *next = w->next;

		w->done(w->arg, w->ticket, durable);
		free(w);
		w = next;
	}
}

static void *writer(void *arg)
{
	struct spool *s = arg;
	uint64_t next_sync = clock_mono_ns() + s->config.lag_ns / 2;

	/* Segments are made in the session folder, which is ours. */
	(void)privilege_keep(0);
	(void)confine_thread(CONFINE_FILES);
	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct timespec until = {(time_t)(next_sync / NSEC_PER_SEC),
					 (long)(next_sync % NSEC_PER_SEC)};
		bool stopping;

		while (!s->queue && s->asked == s->answered && !s->stopping &&
		       clock_mono_ns() < next_sync)
			(void)pthread_cond_timedwait(&s->work, &s->lock, &until);
		stopping = s->stopping;
		if (s->asked != s->answered || stopping || clock_mono_ns() >= next_sync) {
			s->seal_all = s->seal_all || stopping;
			s->closing = stopping;
			pthread_mutex_unlock(&s->lock);
			sync_and_tell(s);
			/* Half the lag: data waits for the next sync and then for it to end. */
			next_sync = clock_mono_ns() + s->config.lag_ns / 2;
			if (stopping)
				return NULL;
		} else {
			pthread_mutex_unlock(&s->lock);
			write_queue(s, take_queue(s));
		}
		pthread_mutex_lock(&s->lock);
	}
}

/* ---- what others call ---- */

/**
 * spool_append_max() - how many bytes one append may have
 *
 * A chunk of it, not compressed at all, fits into a segment. The largest is /proc/interrupts of a
 * host of 256 CPUs.
 */
size_t spool_append_max(const struct spool *s)
{
	uint64_t fits = s->segment_bytes - min_of(s->segment_bytes / 16, (uint64_t)(64 * KIB));

	return (size_t)max_of(min_of(fits, (uint64_t)SAMPLE_MAX_BYTES), (uint64_t)APPEND_MAX_BYTES);
}

/**
 * spool_append() - add records to a stream, waiting for memory if the writer is behind
 * @st:    the stream
 * @bytes: whole records (ring streams: exactly one page); copied
 * @n:     how many bytes; at most spool_append_max()
 * @span:  their times (CLOCK_MONOTONIC), number, and what was lost before them
 *
 * Durable with the next sync. Pump threads only: it may wait as long as the disk is slow.
 *
 * Return: 0; -ENOMEM; -E2BIG when @n is more than that.
 */
int spool_append(struct spool_stream *st, const void *bytes, size_t n,
		 const struct spool_span *span)
{
	struct spool *s = st->spool;
	int r;

	if (n > spool_append_max(s))
		return -E2BIG;
	pthread_mutex_lock(&s->lock);
	while (!has_room(s, st, n))
		pthread_cond_wait(&s->room, &s->lock);
	r = put(st, bytes, n, span);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/**
 * spool_try_append() - add records to a stream, or refuse at once
 *
 * As spool_append(), for the loop thread: never waits.
 *
 * Return: 0; -EAGAIN when memory is full and nothing was taken; -ENOMEM; -E2BIG.
 */
int spool_try_append(struct spool_stream *st, const void *bytes, size_t n,
		     const struct spool_span *span)
{
	struct spool *s = st->spool;
	int r;

	if (n > spool_append_max(s))
		return -E2BIG;
	pthread_mutex_lock(&s->lock);
	r = has_room(s, st, n) ? put(st, bytes, n, span) : -EAGAIN;
	pthread_mutex_unlock(&s->lock);
	return r;
}

/**
 * spool_journal() - add lines to the journal
 * @lines: JSON, each line with its newline; copied
 *
 * The journal is outside retention: it is short, and it tells what happened.
 */
void spool_journal(struct spool *s, const char *lines, size_t n)
{
	pthread_mutex_lock(&s->lock);
	text_add(&s->journal, lines, n);
	pthread_mutex_unlock(&s->lock);
}

/**
 * spool_loss() - write a line of the loss ledger
 * @place: of the line, from spool_loss_first() on; what was there is replaced
 * @line:  JSON with its newline; copied
 * @n:     at most SEGMENT_LOSS_BYTES; a longer line is left out
 *
 * Apart from the journal, because the ledger's entries grow for as long as a capture runs: in place
 * it is as short after a month as after a day.
 */
void spool_loss(struct spool *s, uint64_t place, const char *line, size_t n)
{
	char bytes[8 + SEGMENT_LOSS_BYTES];

	if (n == 0 || n > SEGMENT_LOSS_BYTES)
		return;
	put_le64(bytes, place);
	memset(bytes + 8, ' ', SEGMENT_LOSS_BYTES);
	memcpy(bytes + 8, line, n - 1);
	bytes[sizeof(bytes) - 1] = '\n';
	pthread_mutex_lock(&s->lock);
	text_add(&s->losses, bytes, sizeof(bytes));
	pthread_mutex_unlock(&s->lock);
}

uint64_t spool_loss_first(const struct spool *s)
{
	return s->loss_first;
}

/**
 * spool_comms() - add command names
 * @lines: "PID COMM\n" each; copied; what is known already is dropped later, by the writer
 */
void spool_comms(struct spool *s, const char *lines, size_t n)
{
	pthread_mutex_lock(&s->lock);
	text_add(&s->comms, lines, n);
	pthread_mutex_unlock(&s->lock);
}

/**
 * spool_sync() - ask for everything appended so far to be made durable
 * @done: called once by the writer thread when it is (or when that failed); may be NULL
 * @arg:  for @done
 *
 * Returns at once: any thread may call it.
 *
 * Return: the ticket that @done will be given.
 */
uint64_t spool_sync(struct spool *s, void (*done)(void *arg, uint64_t ticket, bool durable),
		    void *arg)
{
	struct waiter *w = done ? calloc(1, sizeof(*w)) : NULL;
	uint64_t ticket;

	pthread_mutex_lock(&s->lock);
	ticket = ++s->asked;
	if (w) {
		*w = (struct waiter){
			.next = s->waiters, .ticket = ticket, .done = done, .arg = arg};
		s->waiters = w;
	}
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	return ticket;
}

/**
 * spool_sync_wait() - make everything appended so far durable
 *
 * Return: 0; -EIO when something appended since the last ticket could not be made durable
 * (details went to config.failed).
 */
int spool_sync_wait(struct spool *s, struct err *e)
{
	struct waiter w = {0};

	pthread_mutex_lock(&s->lock);
	w.ticket = ++s->asked;
	w.next = s->waiters;
	s->waiters = &w;
	pthread_cond_signal(&s->work);
	while (!w.answered)
		pthread_cond_wait(&s->synced, &s->lock);
	pthread_mutex_unlock(&s->lock);
	if (!w.durable)
		return err_set(e, -EIO,
			       "the recorded data could not be made durable on disk; see dmesg for "
			       "errors of the disk");
	return 0;
}

/**
 * spool_pin() - keep the window before a moment
 * @when_ns: CLOCK_MONOTONIC; config.pin_ns before it is kept, as segments_pin() tells
 */
void spool_pin(struct spool *s, uint64_t when_ns)
{
	segments_pin(s->segments, when_ns);
}

void spool_stats(struct spool *s, struct spool_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	segments_stats(s->segments, ret);
	ret->memory_bytes = s->memory_bytes;
	ret->disk_bytes += s->tail_bytes;
	/* What is in the tail will be written as a chunk, and not much shorter. */
	ret->written_bytes += s->tail_bytes;
	for (size_t i = 0; i < s->stream_count; i++) {
		const struct spool_stream *st = s->streams[i];

		if (st->used && (!ret->oldest_ns || st->span.first_ns < ret->oldest_ns))
			ret->oldest_ns = st->span.first_ns;
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- making and unmaking ---- */

static void size_up(struct spool *s)
{
	unsigned int streams = max_of(s->config.streams, 1u);
	uint64_t chunk = s->config.memory_bytes / 2 / streams;

	/* A power of two is what a growing buffer fills without waste. */
	s->chunk_bytes = CHUNK_MIN_BYTES;
	while (s->chunk_bytes * 2 <= chunk && s->chunk_bytes < CHUNK_MAX_BYTES)
		s->chunk_bytes *= 2;
	s->tail_limit = min_of(s->config.limit_bytes / 8, TAIL_MAX_BYTES);
	s->segment_bytes = (s->config.limit_bytes - s->tail_limit) / SEGMENTS;
	s->segment_bytes = min_of(s->segment_bytes, SEGMENT_MAX_BYTES);
	s->segment_bytes = max_of(s->segment_bytes, SEGMENT_MIN_BYTES);
	/* A segment must hold a chunk that does not compress at all. */
	while (s->chunk_bytes > CHUNK_MIN_BYTES && s->chunk_bytes * 2 > s->segment_bytes)
		s->chunk_bytes /= 2;
}

/* Recovery makes what is missing, and says so first: see note_missing(). */
static void look_for(struct spool *s, const char *name)
{
	if (s->config.resume && s->missing_count < ARRAY_SIZE(s->missing) &&
	    faccessat(s->config.session_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		s->missing[s->missing_count++] = name;
}

static int open_append(struct spool *s, const char *name, struct err *e)
{
	int dir_fd = s->config.session_fd;
	bool resume = s->config.resume;
	int fd;

	look_for(s, name);
	if (!resume)
		fd = file_create_at(dir_fd, name, e);
	else
		fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return resume ? err_errno(e, -errno, "cannot open %s", name) : fd;
	if (lseek(fd, 0, SEEK_END) < 0 || fcntl(fd, F_SETFL, O_APPEND) < 0) {
		int code = -errno;

		(void)close(fd);
		return err_errno(e, code, "cannot prepare %s", name);
	}
	return fd;
}

static int open_losses(struct spool *s, struct err *e)
{
	int dir = s->config.session_fd;
	struct stat st;

	look_for(s, SPOOL_LOSSES);
	if (s->config.resume)
		s->losses_fd =
			openat(dir, SPOOL_LOSSES, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	else
		s->losses_fd = file_create_at(dir, SPOOL_LOSSES, e);
	if (s->losses_fd < 0)
		return s->config.resume ? err_errno(e, -errno, "cannot open %s", SPOOL_LOSSES)
					: s->losses_fd;
	if (fstat(s->losses_fd, &st) < 0)
		return err_errno(e, -errno, "cannot look at %s", SPOOL_LOSSES);
	s->loss_first = ((uint64_t)st.st_size + SEGMENT_LOSS_BYTES - 1) / SEGMENT_LOSS_BYTES;
	return 0;
}

static int open_files(struct spool *s, struct err *e)
{
	int r;

	look_for(s, SEGMENT_DIR);
	r = segments_open_folder(s->segments, !s->config.resume || s->missing_count, e);
	if (r < 0)
		return r;
	s->tail_fd = open_append(s, SEGMENT_TAIL, e);
	if (s->tail_fd < 0)
		return s->tail_fd;
	s->journal_fd = open_append(s, SPOOL_JOURNAL, e);
	if (s->journal_fd < 0)
		return s->journal_fd;
	r = open_losses(s, e);
	if (r < 0)
		return r;
	s->comms_fd = open_append(s, SPOOL_COMMS, e);
	if (s->comms_fd < 0)
		return s->comms_fd;
	if (s->config.resume)
		return 0;
	r = segments_hold(s->tail_fd, s->tail_limit);
	if (r == 0)
		r = segments_hold(s->journal_fd, TEXT_RESERVE_BYTES);
	if (r == 0)
		r = segments_hold(s->losses_fd, TEXT_RESERVE_BYTES);
	if (r == 0)
		r = segments_hold(s->comms_fd, TEXT_RESERVE_BYTES);
	if (r < 0)
		return segments_no_room(s->segments, r, e);
	return segments_reserve(s->segments, e);
}

static int init_segments(struct spool *s, struct err *e)
{
	const struct spool_config *c = &s->config;

	if (segments_open(&(struct segments_config){.session_fd = c->session_fd,
						    .limit_bytes = c->limit_bytes,
						    .beside_bytes = s->tail_limit,
						    .segment_bytes = s->segment_bytes,
						    .pin_ns = c->pin_ns,
						    .resume = c->resume,
						    .dropped = report_dropped,
						    .failed = report_failure,
						    .arg = s},
			  &s->segments) < 0)
		return err_nomem(e);
	return 0;
}

static int init_threads_state(struct spool *s, struct err *e)
{
	pthread_condattr_t attr;

	if (pthread_condattr_init(&attr) || pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) ||
	    pthread_cond_init(&s->work, &attr) || pthread_cond_init(&s->room, &attr) ||
	    pthread_cond_init(&s->synced, &attr) || pthread_mutex_init(&s->lock, NULL))
		return err_set(e, -EAGAIN, "cannot set the spool up: no locks to be had");
	(void)pthread_condattr_destroy(&attr);
	return 0;
}

static int init_zstd(struct spool *s, struct err *e)
{
	s->zstd = ZSTD_createCCtx();
	if (!s->zstd)
		return err_nomem(e);
	(void)ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, SPOOL_LEVEL);
	/* The chunk header has a checksum of the whole frame. */
	(void)ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 0);
	return 0;
}

/**
 * spool_open() - make the spool of a new session, or go on with a dead one's
 * @c:   copied; c->session_fd and c->arg outlive the spool
 * @ret: the spool; spool_free() it
 * @e:   filled on failure
 *
 * A new spool reserves its whole budget on disk here. Add the streams, then spool_start().
 *
 * Return: 0; -ENOSPC when the budget is not to be had; -EINVAL when it is below SPOOL_LIMIT_MIN;
 * another negative errno.
 */
int spool_open(const struct spool_config *c, struct spool **ret, struct err *e)
{
	struct spool *s;
	int r;

	if (!c->resume && c->limit_bytes < SPOOL_LIMIT_MIN)
		return err_set(e, -EINVAL,
			       "a disk budget of %llu bytes is too small: at least %llu MiB",
			       (unsigned long long)c->limit_bytes,
			       (unsigned long long)(SPOOL_LIMIT_MIN / MIB));
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(e);
	s->config = *c;
	s->queue_end = &s->queue;
	s->tail_fd = s->journal_fd = s->losses_fd = s->comms_fd = -1;
	r = init_threads_state(s, e);
	if (r < 0) {
		free(s);
		return r;
	}
	size_up(s);
	s->comms_seen = calloc((size_t)COMMS_MAX * 2, sizeof(*s->comms_seen));
	s->streams = calloc(max_of(c->streams, 1u), sizeof(struct spool_stream *));
	r = s->comms_seen && s->streams ? init_zstd(s, e) : err_nomem(e);
	if (r == 0)
		r = init_segments(s, e);
	if (r == 0)
		r = open_files(s, e);
	if (r < 0) {
		spool_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/**
 * spool_stream_add() - add a stream before the writer starts
 * @kind: what its payloads are
 * @id:   CPU of a ring, else 0
 * @ring: layout of the pages, for CHUNK_RING; borrowed, outlives the spool
 * @ret:  the stream, owned by the spool
 *
 * Return: 0; -ENOSPC beyond config.streams; -ENOMEM.
 */
int spool_stream_add(struct spool *s, enum chunk_stream kind, uint32_t id,
		     const struct ringpage_layout *ring, struct spool_stream **ret, struct err *e)
{
	struct spool_stream *st;

	if (s->stream_count >= max_of(s->config.streams, 1u))
		return err_set(e, -ENOSPC, "the spool was made for %u streams", s->config.streams);
	st = calloc(1, sizeof(*st));
	if (!st)
		return err_nomem(e);
	*st = (struct spool_stream){
		.spool = s, .kind = kind, .id = id, .ring = ring, .sequence = 1};
	s->streams[s->stream_count++] = st;
	*ret = st;
	return 0;
}

/* Seal an open chunk of @st that a dead recorder left; its bytes are taken out of @t. Its last page
 * is complete as it is: what follows comes from another read. */
static int seal_tail(struct spool_stream *st, struct segment_tail *t)
{
	if (t->chunk.stream != st->kind || t->chunk.id != st->id)
		return 0;
	st->sequence = t->chunk.sequence;
	st->span = (struct spool_span){t->chunk.first_ns, t->chunk.last_ns, t->chunk.records,
				       t->chunk.lost};
	st->bytes = take_ptr(t->bytes);
	st->used = st->room = t->chunk.raw_bytes;
	st->spool->memory_bytes += st->room;
	return seal(st);
}

/* The journal's last line is cut off: somebody died while writing it. */
static bool is_torn(int journal_fd)
{
	struct stat st;
	char last;

	return fstat(journal_fd, &st) == 0 && st.st_size > 0 &&
	       pread(journal_fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
}

/*
 * What was not as a dead recorder leaves it, into the journal, before anything is changed: a file
 * that had to be made anew would otherwise look as if it had been empty.
 */
static int note_missing(struct spool *s, struct err *e)
{
	CLEANUP(text_free) struct text lines = {0};
	int r;

	if (is_torn(s->journal_fd))
		text_str(&lines, "\n{\"torn\":true}\n");
	for (size_t i = 0; i < s->missing_count; i++)
		text_printf(&lines, "{\"damage\":{\"file\":\"%s\",\"why\":\"is missing\"}}\n",
			    s->missing[i]);
	if (!text_ok(&lines))
		return err_nomem(e);
	if (!lines.len)
		return 0;
	r = file_write_all(s->journal_fd, lines.s, lines.len);
	if (r == 0 && fdatasync(s->journal_fd) < 0)
		r = -errno;
	return r < 0 ? err_errno(e, r, "cannot write to the journal") : 0;
}

/* What there is of @st from before. */
static void take_over_one(struct spool_stream *st, const struct chunk *c)
{
	if (c->stream != st->kind || c->id != st->id)
		return;
	st->page_last_ns = max_of(st->page_last_ns, c->last_ns);
	st->left_lost += c->lost;
}

/* Take up the numbering, and the open chunks, that a dead recorder left. */
static int take_over(struct spool *s, struct err *e)
{
	CLEANUP(segment_set_done) struct segment_set set = {0};
	int r;

	r = note_missing(s, e);
	if (r == 0)
		r = segment_set_load(s->config.session_fd, true, &set, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < set.damage_count; i++)
		s->tail_damaged |= !strcmp(set.damage[i].file, SEGMENT_TAIL);
	if (set.newest_file && segments_adopt(s->segments, set.newest_file) < 0)
		return err_nomem(e);
	for (size_t i = 0; i < s->stream_count; i++) {
		struct spool_stream *st = s->streams[i];

		for (size_t k = 0; k < set.tail_count; k++) {
			r = seal_tail(st, &set.tails[k]);
			if (r < 0)
				return err_nomem(e);
		}
		st->sequence = segment_last_sequence(&set, (uint16_t)st->kind, st->id) + 1;
		for (size_t k = 0; k < set.entry_count; k++)
			take_over_one(st, &set.entries[k].chunk);
		for (size_t k = 0; k < set.tail_count; k++)
			take_over_one(st, &set.tails[k].chunk);
	}
	/* Sealed copies of all of it go out with the next sync, which then empties the tail. */
	s->seal_all = true;
	s->tail_bytes = 1;
	return 0;
}

/**
 * spool_start() - start the writer
 */
int spool_start(struct spool *s, struct err *e)
{
	int r;

	if (s->config.resume) {
		r = take_over(s, e);
		if (r < 0)
			return r;
	}
	r = -pthread_create(&s->thread, NULL, writer, s);
	if (r < 0)
		return err_errno(e, r, "cannot start the thread that writes the spool");
	s->started = true;
	(void)pthread_setname_np(s->thread, "spool");
	return 0;
}

uint64_t spool_stream_newest(const struct spool_stream *st)
{
	return st->page_last_ns;
}

uint64_t spool_stream_lost(const struct spool_stream *st)
{
	return st->left_lost;
}

/* How far each stream went: its newest chunks cannot vanish without a word. With the lock held. */
static void journal_sealed(struct spool *s)
{
	const char *comma = "";

	text_str(&s->journal, "{\"sealed\":[");
	for (size_t i = 0; i < s->stream_count; i++) {
		const struct spool_stream *st = s->streams[i];
		uint64_t last = st->sequence - (st->used ? 0 : 1);

		if (!last)
			continue;
		text_printf(&s->journal, "%s{\"stream\":%d,\"id\":%u,\"last\":%llu}", comma,
			    (int)st->kind, st->id, (unsigned long long)last);
		comma = ",";
	}
	text_str(&s->journal, "]}\n");
}

/**
 * spool_close() - seal and sync everything and stop the writer
 *
 * Nothing may be appended any more. Safe to call twice.
 *
 * Return: 0 when all that was appended is durable; -EIO when not.
 */
int spool_close(struct spool *s, struct err *e)
{
	if (!s->started)
		return 0;
	pthread_mutex_lock(&s->lock);
	journal_sealed(s);
	s->stopping = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	s->started = false;
	if (s->stats.failed)
		return err_set(e, -EIO,
			       "the recorded data could not be made durable on disk; see dmesg for "
			       "errors of the disk");
	return file_sync_dir(s->config.session_fd, e);
}

/**
 * spool_free() - stop the writer if it runs and release everything; NULL is fine
 *
 * Space that was reserved and not used is given back. The data stays.
 */
void spool_free(struct spool *s)
{
	if (!s)
		return;
	(void)spool_close(s, NULL);
	for (size_t i = 0; i < s->stream_count; i++) {
		free(s->streams[i]->bytes);
		free(s->streams[i]);
	}
	free(s->streams);
	segments_free(s->segments);
	closep(&s->tail_fd);
	closep(&s->journal_fd);
	closep(&s->losses_fd);
	closep(&s->comms_fd);
	text_free(&s->journal);
	text_free(&s->losses);
	text_free(&s->comms);
	ZSTD_freeCCtx(s->zstd);
	free(s->frame);
	free(s->scratch);
	free(s->comms_seen);
	(void)pthread_cond_destroy(&s->work);
	(void)pthread_cond_destroy(&s->room);
	(void)pthread_cond_destroy(&s->synced);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
