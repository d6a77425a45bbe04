/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments of the spool: the files on disk that hold sealed chunks, under one byte budget.
 *
 * Called by spool.c's writer thread alone, except for segments_pin() and segments_stats(), which
 * any thread may call: the lock is for these, and never held over a system call. It owns the files
 * below spool/ and the space reserved there. What a chunk holds, and the tail beside the segments,
 * are none of its business.
 *
 * Space is reserved at the start (spool/reserve.N), so that a disk that others fill up later takes
 * nothing from us: a new segment takes over a reserved file, and when none is left the oldest
 * segment's, whatever it holds, so every source reaches equally far back. Only a pinned window is
 * passed over, while pins hold no more than half of the budget.
 */
#include "spool_segments.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "format/segment.h"

#define ROOM_AT_FIRST 64
#define PINS_MAX 64

struct segment {
	uint32_t number;
	uint64_t bytes;
	uint64_t first_ns, last_ns;
	uint64_t chunks;
};

struct pin {
	uint64_t from_ns, to_ns;
};

struct segments {
	struct segments_config config;
	pthread_mutex_t lock;	  /* of the list, the pins and the figures */
	struct segment *segments; /* oldest first; the last one is being written */
	size_t segment_count, segment_room;
	struct pin pins[PINS_MAX];
	size_t pin_count;
	struct spool_stats stats; /* its part of them */

	/* The writer's own. */
	unsigned int reserves;
	int dir_fd, segment_fd;
	bool names_dirty, segment_dirty;
};

/* ---- retention ---- */

static bool is_pinned(const struct segments *s, const struct segment *g)
{
	for (size_t i = 0; i < s->pin_count; i++)
		if (g->first_ns <= s->pins[i].to_ns && g->last_ns >= s->pins[i].from_ns)
			return true;
	return false;
}

/* The segment that goes next: the oldest that no pin holds; pins may hold half the budget at most.
 */
static size_t pick_oldest(struct segments *s)
{
	uint64_t pinned;

	for (;;) {
		size_t pick = SIZE_MAX;

		pinned = 0;
		for (size_t i = 0; i + 1 < s->segment_count; i++) {
			if (is_pinned(s, &s->segments[i]))
				pinned += s->segments[i].bytes;
			else if (pick == SIZE_MAX)
				pick = i;
		}
		s->stats.pinned_bytes = pinned;
		if (pick != SIZE_MAX && pinned <= s->config.limit_bytes / 2)
			return pick;
		if (!s->pin_count)
			return pick == SIZE_MAX ? 0 : pick;
		s->pin_count--;
		memmove(s->pins, s->pins + 1, s->pin_count * sizeof(*s->pins));
	}
}

static void forget_segment(struct segments *s, size_t i)
{
	s->segment_count--;
	memmove(s->segments + i, s->segments + i + 1,
		(s->segment_count - i) * sizeof(*s->segments));
}

/**
 * segments_hold() - reserve @bytes for a file without changing its length
 *
 * Not every file system can: then nothing is held.
 *
 * Return: 0; -ENOSPC or another negative errno.
 */
int segments_hold(int fd, uint64_t bytes)
{
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
}

/** segments_no_room() - say that segments_hold() gave @code, and what to do */
int segments_no_room(const struct segments *s, int code, struct err *e)
{
	return err_errno(e, code,
			 "cannot reserve the disk budget of %llu MiB; free space in the output "
			 "folder, or give a smaller --disk-budget or another --output-dir",
			 (unsigned long long)(s->config.limit_bytes / MIB));
}

/**
 * segments_reserve() - have the whole budget on disk before anything is recorded
 *
 * Return: 0; -ENOSPC, with a sentence; another negative errno.
 */
int segments_reserve(struct segments *s, struct err *e)
{
	uint64_t count = (s->config.limit_bytes - s->config.beside_bytes) / s->config.segment_bytes;

	for (unsigned int i = 0; i < count; i++) {
		CLEANUP(closep) int fd = -1;
		char name[32];
		int r;

		(void)snprintf(name, sizeof(name), SEGMENT_RESERVE, i);
		fd = file_create_at(s->config.session_fd, name, e);
		if (fd < 0)
			return fd;
		r = segments_hold(fd, s->config.segment_bytes);
		if (r < 0)
			return segments_no_room(s, r, e);
		s->reserves++;
	}
	return 0;
}

/* Turn the oldest segment's file into an empty one called @name. */
static int recycle_oldest(struct segments *s, const char *name)
{
	CLEANUP(closep) int fd = -1;
	struct segment old;
	char old_name[32];
	size_t i;

	if (s->segment_count < 2)
		return -ENOSPC;
	pthread_mutex_lock(&s->lock);
	i = pick_oldest(s);
	old = s->segments[i];
	forget_segment(s, i);
	s->stats.dropped_segments++;
	s->stats.disk_bytes -= old.bytes;
	s->stats.oldest_ns = s->segment_count ? s->segments[0].first_ns : 0;
	pthread_mutex_unlock(&s->lock);

	s->config.dropped(s->config.arg, "disk budget: the oldest segment was dropped",
			  old.first_ns, old.last_ns, old.chunks);
	(void)snprintf(old_name, sizeof(old_name), SEGMENT_NAME, old.number);
	fd = openat(s->config.session_fd, old_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || ftruncate(fd, 0) < 0)
		return -errno;
	FAILPOINT("record-recycled");
	(void)segments_hold(fd, s->config.segment_bytes);
	return renameat(s->config.session_fd, old_name, s->config.session_fd, name) < 0 ? -errno
											: 0;
}

/** segments_sync() - make durable what was appended, and under which name it is found */
int segments_sync(struct segments *s)
{
	if (s->names_dirty) {
		s->names_dirty = false;
		if (fsync(s->dir_fd) < 0)
			return -errno;
	}
	if (!s->segment_dirty)
		return 0;
	s->segment_dirty = false;
	return fdatasync(s->segment_fd) < 0 ? -errno : 0;
}

/**
 * segments_adopt() - the newest segment from now on, which has nothing, or what is none of ours
 *
 * Return: 0 or -ENOMEM.
 */
int segments_adopt(struct segments *s, uint32_t number)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (s->segment_count == s->segment_room) {
		size_t room = s->segment_room ? s->segment_room * 2 : ROOM_AT_FIRST;
		struct segment *more = realloc(s->segments, room * sizeof(*more));

		if (more) {
			s->segments = more;
			s->segment_room = room;
		}
		r = more ? 0 : -ENOMEM;
	}
	if (r == 0)
		s->segments[s->segment_count++] =
			(struct segment){.number = number, .first_ns = UINT64_MAX};
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* Begin the next segment, in reserved space where there is some. */
static int next_segment(struct segments *s)
{
	uint32_t number = s->segment_count ? s->segments[s->segment_count - 1].number + 1 : 1;
	char name[32], reserve[32];
	int r, fd;

	if (s->segment_fd >= 0) {
		r = segments_sync(s);
		if (r < 0)
			s->config.failed(s->config.arg, r, "cannot make the spool durable");
		(void)close(take_fd(&s->segment_fd));
	}
	(void)snprintf(name, sizeof(name), SEGMENT_NAME, number);
	if (s->reserves) {
		(void)snprintf(reserve, sizeof(reserve), SEGMENT_RESERVE, --s->reserves);
		r = renameat(s->config.session_fd, reserve, s->config.session_fd, name) < 0 ? -errno
											    : 0;
	} else if (!s->config.resume) {
		r = recycle_oldest(s, name);
	} else {
		r = 0;
	}
	if (r < 0)
		return r;
	fd = openat(s->config.session_fd, name,
		    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
			    (s->config.resume ? O_CREAT | O_EXCL : 0),
		    0600);
	if (fd < 0)
		return -errno;
	s->segment_fd = fd;
	FAILPOINT("record-rotated");
	s->names_dirty = true;
	r = segments_adopt(s, number);
	/* What nobody knows of must not be written to. */
	if (r < 0)
		(void)close(take_fd(&s->segment_fd));
	return r;
}

/* ---- writing ---- */

/**
 * segments_write_chunk() - append a chunk to a file, whole or not at all
 * @fd:    a segment, or the tail
 * @frame: c->frame_bytes of it
 *
 * Return: 0; a negative errno.
 */
int segments_write_chunk(int fd, const struct chunk *c, const uint8_t *frame)
{
	uint8_t header[CHUNK_HEADER_BYTES];
	struct iovec iov[2] = {{header, sizeof(header)},
			       {(void *)(uintptr_t)frame, c->frame_bytes}};
	size_t total = sizeof(header) + c->frame_bytes;
	off_t start = lseek(fd, 0, SEEK_END);
	ssize_t n;
	int r;

	chunk_header_write(c, header);
	FAILPOINT("record-chunk");
	do
		n = writev(fd, iov, 2);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)total)
		return 0;
	r = n < 0 ? -errno : -ENOSPC;
	/* Half a chunk would hide every later one from a reader. */
	if (start < 0 || ftruncate(fd, start) < 0)
		return -EIO;
	return r;
}

static void account_chunk(struct segments *s, const struct chunk *c)
{
	struct segment *g = &s->segments[s->segment_count - 1];
	uint64_t bytes = CHUNK_HEADER_BYTES + c->frame_bytes;

	pthread_mutex_lock(&s->lock);
	g->bytes += bytes;
	g->first_ns = min_of(g->first_ns, c->first_ns);
	g->last_ns = max_of(g->last_ns, c->last_ns);
	g->chunks++;
	s->stats.disk_bytes += bytes;
	s->stats.written_bytes += bytes;
	s->stats.raw_bytes += c->raw_bytes;
	s->stats.oldest_ns = s->segments[0].first_ns;
	pthread_mutex_unlock(&s->lock);
}

/* A segment that recovery began and could not write to: empty it would look like damage. */
static void drop_empty(struct segments *s)
{
	char name[32];

	if (!s->config.resume || s->segment_fd < 0 || s->segments[s->segment_count - 1].bytes)
		return;
	(void)snprintf(name, sizeof(name), SEGMENT_NAME, s->segments[s->segment_count - 1].number);
	(void)unlinkat(s->config.session_fd, name, 0);
	(void)close(take_fd(&s->segment_fd));
	pthread_mutex_lock(&s->lock);
	s->segment_count--;
	pthread_mutex_unlock(&s->lock);
}

/**
 * segments_append() - write a chunk, beginning a new segment when this one is full
 * @frame: c->frame_bytes of it
 *
 * Durable with segments_sync(). A new segment takes the place of the oldest one when the budget is
 * used up, and when somebody else has filled the disk.
 *
 * Return: 0; a negative errno: then nothing of it is there.
 */
int segments_append(struct segments *s, const struct chunk *c, const uint8_t *frame)
{
	int r;

	if (s->segment_fd < 0 ||
	    s->segments[s->segment_count - 1].bytes + CHUNK_HEADER_BYTES + c->frame_bytes >
		    s->config.segment_bytes) {
		r = next_segment(s);
		if (r < 0)
			return r;
	}
	r = segments_write_chunk(s->segment_fd, c, frame);
	if (r == -ENOSPC && !s->config.resume) {
		/* Somebody else took the space that could not be reserved: give up our oldest. */
		r = next_segment(s);
		if (r == 0)
			r = segments_write_chunk(s->segment_fd, c, frame);
	}
	if (r < 0) {
		drop_empty(s);
		return r;
	}
	s->segment_dirty = true;
	account_chunk(s, c);
	return 0;
}

/**
 * segments_pin() - keep the window before a moment
 * @when_ns: CLOCK_MONOTONIC; config.pin_ns before it is kept
 *
 * Pins may hold half of the budget. Beyond that, and beyond 64 of them, the oldest pin gives way:
 * what is nearest to the end is what support needs.
 */
void segments_pin(struct segments *s, uint64_t when_ns)
{
	uint64_t from = when_ns > s->config.pin_ns ? when_ns - s->config.pin_ns : 0;

	pthread_mutex_lock(&s->lock);
	if (s->pin_count && s->pins[s->pin_count - 1].to_ns >= from) {
		struct pin *last = &s->pins[s->pin_count - 1];

		/* Suspects in a row are one window, as long as it stays a window. */
		if (when_ns - last->from_ns <= 4 * s->config.pin_ns) {
			last->to_ns = max_of(last->to_ns, when_ns);
			pthread_mutex_unlock(&s->lock);
			return;
		}
	}
	if (s->pin_count == PINS_MAX) {
		s->pin_count--;
		memmove(s->pins, s->pins + 1, s->pin_count * sizeof(*s->pins));
	}
	s->pins[s->pin_count++] = (struct pin){from, when_ns};
	pthread_mutex_unlock(&s->lock);
}

/**
 * segments_stats() - how much there is, and how far it reaches back
 * @ret: .disk_bytes, .written_bytes, .raw_bytes, .oldest_ns, .dropped_segments and .pinned_bytes
 *       are set
 */
void segments_stats(struct segments *s, struct spool_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	ret->disk_bytes = s->stats.disk_bytes;
	ret->written_bytes = s->stats.written_bytes;
	ret->raw_bytes = s->stats.raw_bytes;
	ret->oldest_ns = s->stats.oldest_ns;
	ret->dropped_segments = s->stats.dropped_segments;
	ret->pinned_bytes = s->stats.pinned_bytes;
	pthread_mutex_unlock(&s->lock);
}

/* ---- making and unmaking ---- */

/**
 * segments_open() - ready to write; makes nothing on the disk yet
 * @c:   copied
 * @ret: segments_free() it
 *
 * Return: 0 or -ENOMEM.
 */
int segments_open(const struct segments_config *c, struct segments **ret)
{
	struct segments *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	if (pthread_mutex_init(&s->lock, NULL)) {
		free(s);
		return -ENOMEM;
	}
	s->config = *c;
	s->dir_fd = s->segment_fd = -1;
	*ret = s;
	return 0;
}

/**
 * segments_open_folder() - the folder of the segments
 * @make: it is not there yet
 *
 * What is made beside it, before the first segments_sync(), is durable with that.
 */
int segments_open_folder(struct segments *s, bool make, struct err *e)
{
	int r = make ? file_make_dir_at(s->config.session_fd, SEGMENT_DIR, e) : 0;

	if (r < 0)
		return r;
	s->dir_fd = file_open_dir_at(s->config.session_fd, SEGMENT_DIR, e);
	s->names_dirty = true;
	return s->dir_fd < 0 ? s->dir_fd : 0;
}

/** segments_free() - give back what was reserved and not used; the data stays. NULL is fine */
void segments_free(struct segments *s)
{
	char name[32];

	if (!s)
		return;
	while (s->reserves) {
		(void)snprintf(name, sizeof(name), SEGMENT_RESERVE, --s->reserves);
		(void)unlinkat(s->config.session_fd, name, 0);
	}
	closep(&s->dir_fd);
	closep(&s->segment_fd);
	free(s->segments);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
