/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the spool of a session folder, living or dead.
 *
 * Called by record/finish.c and record/recover.c, and by record/spool.c when a dead session is
 * continued. It owns the index it builds and opens files only while it reads them. It never writes.
 *
 * A recorder may have been killed in the middle of any write, and disks change what lies on them.
 * What makes no sense is reported as damage, not guessed at, and reading goes on at the next chunk
 * whose header and frame both agree with their checksums: a torn chunk at the end of the newest
 * segment is what a power cut leaves, and the tail has its contents; a stretch of zeros in the
 * middle costs that stretch. A file that is no file (somebody's pipe) costs itself alone.
 */
#include "format/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/file.h"

/* An open chunk is at most as long as the spool makes them, with room to spare. */
#define TAIL_RAW_MAX (UINT64_C(64) << 20)
/* All of them together are what the spool held in memory, 64 MiB; zstd can promise far more. */
#define TAIL_ALL_MAX (UINT64_C(256) << 20)
#define TAILS_MAX 65536
#define SCAN_BYTES (256 * KIB)
#define CANDIDATES_MAX 65536 /* a file made to be damaged everywhere shall not take for ever */

static int note_damage(struct segment_set *s, const char *file, uint64_t at, uint64_t bytes,
		       const char *why, struct err *e)
{
	struct segment_damage *more;

	more = realloc(s->damage, (s->damage_count + 1) * sizeof(*more));
	if (!more)
		return err_nomem(e);
	s->damage = more;
	more += s->damage_count++;
	(void)snprintf(more->file, sizeof(more->file), "%s", file);
	more->at = at;
	more->bytes = bytes;
	more->why = why;
	return 0;
}

static int add_entry(struct segment_set *s, const struct chunk *c, uint32_t file, uint64_t at,
		     struct err *e)
{
	if (s->entry_count == s->entry_room) {
		size_t room = s->entry_room ? s->entry_room * 2 : 1024;
		struct segment_entry *more = realloc(s->entries, room * sizeof(*more));

		if (!more)
			return err_nomem(e);
		s->entries = more;
		s->entry_room = room;
	}
	s->entries[s->entry_count++] = (struct segment_entry){*c, file, at};
	return 0;
}

/* A reader of chunks from one file; the frame buffer is kept between chunks. */
struct walker {
	int fd;
	uint64_t at;   /* of the header read last */
	uint64_t next; /* of the header after it */
	uint64_t size;
	unsigned int candidates; /* that resync has tried */
	uint8_t *frame;
	size_t frame_room;
};

static void walker_done(struct walker *w)
{
	closep(&w->fd);
	free(w->frame);
}

/* 1 and a header; 0 at the end of the file; -EBADMSG at damage; another negative errno. */
static int walker_next(struct walker *w, struct chunk *ret, struct err *e)
{
	uint8_t header[CHUNK_HEADER_BYTES];
	uint64_t left;
	ssize_t n;
	int r;

	w->at = w->next;
	if (w->at >= w->size)
		return 0;
	n = file_pread_all(w->fd, header, sizeof(header), w->at);
	if (n < 0)
		return err_errno(e, (int)n, "cannot read the spool");
	r = chunk_header_read(header, (size_t)n, ret);
	if (r < 0)
		return -EBADMSG;
	left = w->size - w->at - CHUNK_HEADER_BYTES;
	if (ret->frame_bytes > left || ret->frame_bytes > SEGMENT_FRAME_MAX)
		return -EBADMSG;
	w->next = w->at + CHUNK_HEADER_BYTES + ret->frame_bytes;
	return 1;
}

/* The frame of the chunk read last, checked against its checksum; lent until the next call. */
static int walker_frame(struct walker *w, const struct chunk *c, const uint8_t **ret, struct err *e)
{
	ssize_t n;

	if (c->frame_bytes > w->frame_room) {
		uint8_t *more = realloc(w->frame, c->frame_bytes);

		if (!more)
			return err_nomem(e);
		w->frame = more;
		w->frame_room = c->frame_bytes;
	}
	n = file_pread_all(w->fd, w->frame, c->frame_bytes, w->at + CHUNK_HEADER_BYTES);
	if (n < 0)
		return err_errno(e, (int)n, "cannot read the spool");
	if ((uint64_t)n != c->frame_bytes || !chunk_frame_ok(c, w->frame))
		return -EBADMSG;
	*ret = w->frame;
	return 0;
}

/*
 * Set @w on the next sound chunk from @from on, or on the end of the file. A header's checksum and
 * its frame's: what only looks like a chunk, within another's payload, is not taken for one.
 */
static int walker_resync(struct walker *w, uint64_t from, struct err *e)
{
	CLEANUP(freep) uint8_t *buf = malloc(SCAN_BYTES);

	if (!buf)
		return err_nomem(e);
	while (from < w->size) {
		ssize_t n = file_pread_all(w->fd, buf, SCAN_BYTES, from);
		size_t at = 0;

		if (n < 0)
			return err_errno(e, (int)n, "cannot read the spool");
		for (; at + CHUNK_HEADER_BYTES <= (size_t)n; at++) {
			const uint8_t *frame;
			struct chunk c;
			int r;

			if (chunk_header_read(buf + at, (size_t)n - at, &c) < 0)
				continue;
			if (w->candidates++ == CANDIDATES_MAX)
				goto give_up;
			w->next = from + at;
			r = walker_next(w, &c, e);
			if (r > 0)
				r = walker_frame(w, &c, &frame, e);
			if (r == 0)
				w->next = w->at;
			if (r != -EBADMSG)
				return r;
		}
		if ((size_t)n < SCAN_BYTES)
			break;
		from += at; /* the last bytes may begin a header */
	}
give_up:
	w->next = w->size;
	return 0;
}

/* Note what cannot be read from w->at on, and go on behind it. */
static int walker_skip(struct walker *w, const char *name, struct segment_set *s, struct err *e)
{
	uint64_t at = w->at;
	int r = walker_resync(w, at + 1, e);

	return r == 0 ? note_damage(s, name, at, w->next - at, NULL, e) : r;
}

/* 1; 0 when there is no such file or it is no file: noted, with @s. */
static int walker_open(int session_fd, const char *name, struct walker *ret, struct segment_set *s,
		       struct err *e)
{
	struct err why = {0};
	struct stat st;
	int fd;

	/* A pipe would keep whoever opens it waiting for its other end. */
	if (fstatat(session_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return note_damage(s, name, 0, 0,
				   errno == ENOENT ? "is missing" : "cannot be looked at", e);
	if (!S_ISREG(st.st_mode))
		return note_damage(s, name, 0, 0, "is not a file", e);
	fd = file_open_read_at(session_fd, name, &why);
	if (fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE)
		return err_errno(e, fd, "cannot open %s", name);
	if (fd < 0)
		return note_damage(s, name, 0, (uint64_t)st.st_size, "cannot be opened", e);
	if (fstat(fd, &st) < 0) {
		int code = -errno;

		(void)close(fd);
		return err_errno(e, code, "cannot look at %s", name);
	}
	*ret = (struct walker){.fd = fd, .size = (uint64_t)st.st_size};
	return 1;
}

/* The sound chunk that @w was found on, taken into the index. Another errno than -EBADMSG ends all.
 */
static int load_chunk(struct walker *w, const struct chunk *c, const char *name, uint32_t number,
		      bool verify, struct segment_set *s, struct err *e)
{
	uint64_t at = w->at, next = w->next;
	struct chunk after;
	const uint8_t *frame;
	int r;

	r = verify ? walker_frame(w, c, &frame, e) : 0;
	if (r != -EBADMSG)
		return r == 0 ? add_entry(s, c, number, at, e) : r;
	/* The header is sound: where it says that the next one is, there may be one. */
	r = walker_next(w, &after, e);
	w->at = at;
	w->next = next;
	if (r == -EBADMSG)
		return walker_skip(w, name, s, e);
	return r < 0 ? r : note_damage(s, name, at, next - at, NULL, e);
}

/*
 * A segment is begun when there is a chunk to write. The @newest one may be empty: the power went,
 * or the recorder, before that chunk had arrived; then the tail has it. Of a recording that ended
 * in order the counts of chunks tell what is missing.
 */
static int load_segment(int session_fd, uint32_t number, bool newest, bool verify,
			struct segment_set *s, struct err *e)
{
	CLEANUP(walker_done) struct walker w = {.fd = -1};
	struct chunk c;
	char name[32];
	int r;

	(void)snprintf(name, sizeof(name), SEGMENT_NAME, number);
	r = walker_open(session_fd, name, &w, s, e);
	if (r <= 0)
		return r;
	s->disk_bytes += w.size;
	if (!w.size)
		return newest ? 0 : note_damage(s, name, 0, 0, "is empty", e);
	while ((r = walker_next(&w, &c, e)) != 0) {
		if (r > 0)
			r = load_chunk(&w, &c, name, number, verify, s, e);
		else if (r == -EBADMSG)
			r = walker_skip(&w, name, s, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_chunk(const struct chunk *a, const struct chunk *b)
{
	if (a->stream != b->stream)
		return a->stream < b->stream ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->sequence != b->sequence)
		return a->sequence < b->sequence ? -1 : 1;
	return 0;
}

static int by_stream(const void *va, const void *vb)
{
	const struct segment_entry *a = va, *b = vb;
	int order = by_chunk(&a->chunk, &b->chunk);

	if (order != 0)
		return order;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int tail_by_stream(const void *a, const void *b)
{
	return by_chunk(&((const struct segment_tail *)a)->chunk,
			&((const struct segment_tail *)b)->chunk);
}

/* Two chunks with the same sequence cannot both be right; the first written wins. */
static void drop_doubles(struct segment_set *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->entry_count; i++)
		if (!kept || by_chunk(&s->entries[kept - 1].chunk, &s->entries[i].chunk) != 0)
			s->entries[kept++] = s->entries[i];
	s->entry_count = kept;
}

/*
 * Was @c sealed after all, or dropped with all that was sealed before it? Then it is not open any
 * more. A power cut may take a sealed copy and spare what was written after it: then what the tail
 * has of that chunk is all there is, and it stays.
 */
static bool is_past(const struct segment_set *s, const struct chunk *c)
{
	size_t low = 0, high = s->entry_count;
	bool older, newer;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = by_chunk(&s->entries[mid].chunk, c);

		if (order == 0)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	older = low > 0 && s->entries[low - 1].chunk.stream == c->stream &&
		s->entries[low - 1].chunk.id == c->id;
	newer = low < s->entry_count && s->entries[low].chunk.stream == c->stream &&
		s->entries[low].chunk.id == c->id;
	/* With damage in a segment it is that which may have taken the copy, and those before it.
	 */
	return newer && !older && !s->damage_count;
}

/* The open chunk that @c belongs to. A stream may have several: see is_past(). */
static struct segment_tail *find_tail(struct segment_set *s, const struct chunk *c)
{
	for (size_t i = 0; i < s->tail_count; i++)
		if (by_chunk(&s->tails[i].chunk, c) == 0)
			return &s->tails[i];
	return NULL;
}

/* Where a piece goes, and what it makes of the holes of its open chunk. */
struct place {
	uint64_t at;
	uint64_t hole_bytes, hole_start, hole_end;
};

/*
 * Place the tail chunk @c in the bytes of @t (NULL: a new one). What should precede it may have
 * been lost with a piece that cannot be read, but only then: the hole is closed.
 */
static bool tail_place(const struct segment_set *s, const struct segment_tail *t,
		       const struct chunk *c, struct place *p)
{
	uint64_t end = t ? t->chunk.raw_bytes + t->hole_bytes : 0;
	bool lost = s->damage_count && !strcmp(s->damage[s->damage_count - 1].file, SEGMENT_TAIL);

	*p = (struct place){0};
	if (t)
		*p = (struct place){0, t->hole_bytes, t->hole_start, t->hole_end};
	if (c->offset > end) {
		p->at = end - p->hole_bytes;
		p->hole_bytes += c->offset - end;
		p->hole_start = end;
		p->hole_end = c->offset;
		return lost;
	}
	if (c->offset < p->hole_start)
		return false;
	if (c->offset < p->hole_end) { /* it brings a part of the hole back */
		p->hole_bytes -= p->hole_end - c->offset;
		p->hole_end = c->offset;
	}
	p->at = c->offset - p->hole_bytes;
	return true;
}

/* May @c be laid over @t at @at? Asked before memory is taken for it. */
static bool tail_fits(const struct segment_set *s, const struct segment_tail *t,
		      const struct chunk *c, uint64_t at)
{
	uint64_t sum = 0;

	if (!t && s->tail_count == TAILS_MAX)
		return false;
	for (size_t i = 0; i < s->tail_count; i++)
		sum += &s->tails[i] == t ? 0 : s->tails[i].chunk.raw_bytes;
	return sum + at + c->raw_bytes <= TAIL_ALL_MAX;
}

static struct segment_tail *add_tail(struct segment_set *s, struct err *e)
{
	struct segment_tail *more = realloc(s->tails, (s->tail_count + 1) * sizeof(*more));

	if (!more) {
		(void)err_nomem(e);
		return NULL;
	}
	s->tails = more;
	more += s->tail_count++;
	*more = (struct segment_tail){0};
	return more;
}

/* Lay one tail chunk over the open chunk it belongs to. -EBADMSG when it does not fit there. */
static int apply_tail(struct segment_set *s, const struct chunk *c, const uint8_t *frame,
		      struct err *e)
{
	CLEANUP(freep) uint8_t *part = NULL;
	struct segment_tail *t;
	struct place p;
	uint64_t end;
	uint8_t *more;
	size_t got;

	if (!c->tail || !c->raw_bytes || c->raw_bytes > TAIL_RAW_MAX || c->offset > TAIL_RAW_MAX)
		return -EBADMSG;
	t = find_tail(s, c);
	if (!tail_place(s, t, c, &p) || !tail_fits(s, t, c, p.at) ||
	    ZSTD_getFrameContentSize(frame, c->frame_bytes) != c->raw_bytes)
		return -EBADMSG;
	part = malloc(c->raw_bytes);
	if (!part)
		return err_nomem(e);
	got = ZSTD_decompress(part, c->raw_bytes, frame, c->frame_bytes);
	if (ZSTD_isError(got) || got != c->raw_bytes)
		return -EBADMSG;
	if (!t)
		t = add_tail(s, e);
	if (!t)
		return -ENOMEM;
	end = p.at + c->raw_bytes;
	more = realloc(t->bytes, end);
	if (!more)
		return err_nomem(e);
	memcpy(more + p.at, part, c->raw_bytes);
	t->bytes = more;
	t->hole_bytes = p.hole_bytes;
	t->hole_start = p.hole_start;
	t->hole_end = p.hole_end;
	t->chunk = *c;
	t->chunk.tail = false;
	t->chunk.offset = 0;
	t->chunk.raw_bytes = end;
	return 0;
}

/* The tail chunk that @w was found on. What does not fit is noted, and its open chunk stays as it
 * is. */
static int load_piece(struct walker *w, const struct chunk *c, struct segment_set *s, struct err *e)
{
	uint64_t at = w->at, next = w->next;
	const uint8_t *frame;
	int r;

	r = walker_frame(w, c, &frame, e);
	if (r == -EBADMSG)
		return walker_skip(w, SEGMENT_TAIL, s, e);
	if (r == 0 && !is_past(s, c))
		r = apply_tail(s, c, frame, e);
	return r == -EBADMSG ? note_damage(s, SEGMENT_TAIL, at, next - at, NULL, e) : r;
}

static int load_tail(int session_fd, struct segment_set *s, struct err *e)
{
	CLEANUP(walker_done) struct walker w = {.fd = -1};
	struct chunk c;
	int r;

	r = walker_open(session_fd, SEGMENT_TAIL, &w, s, e);
	if (r <= 0)
		return r;
	s->disk_bytes += w.size;
	while ((r = walker_next(&w, &c, e)) != 0) {
		if (r > 0)
			r = load_piece(&w, &c, s, e);
		else if (r == -EBADMSG)
			r = walker_skip(&w, SEGMENT_TAIL, s, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int list_segments(int session_fd, uint32_t **ret_numbers, size_t *ret_count, struct err *e)
{
	CLEANUP(freep) uint32_t *numbers = NULL;
	size_t count = 0, room = 0;
	struct dirent *d;
	DIR *dir;
	int fd;

	fd = file_open_dir_at(session_fd, SEGMENT_DIR, e);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		int code = -errno;

		(void)close(fd);
		return err_errno(e, code, "cannot list the spool");
	}
	while ((d = readdir(dir))) {
		unsigned int number;
		int used = 0;

		if (sscanf(d->d_name, "%8u.zst%n", &number, &used) != 1 || !used ||
		    d->d_name[used] || number == 0)
			continue;
		if (count == room) {
			uint32_t *more;

			room = room ? room * 2 : 64;
			more = realloc(numbers, room * sizeof(*more));
			if (!more) {
				(void)closedir(dir);
				return err_nomem(e);
			}
			numbers = more;
		}
		numbers[count++] = number;
	}
	(void)closedir(dir);
	*ret_numbers = take_ptr(numbers);
	*ret_count = count;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/**
 * segment_set_load() - index everything a session folder's spool holds
 * @session_fd: the session folder; borrowed
 * @verify:     also read every frame and check it (as much reading as the spool is long)
 * @ret:        the index; release with segment_set_done(), also after a failure
 * @e:          filled on failure only
 *
 * Damage is a result, not a failure: it is listed in ret->damage, and what lies before and behind
 * it is indexed. So is a spool that is missing.
 *
 * Return: 0, or a negative errno when there is no memory, or the disk does not answer.
 */
int segment_set_load(int session_fd, bool verify, struct segment_set *ret, struct err *e)
{
	CLEANUP(freep) uint32_t *numbers = NULL;
	size_t count = 0;
	int r;

	*ret = (struct segment_set){0};
	r = list_segments(session_fd, &numbers, &count, e);
	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP) {
		err_clear(e);
		return note_damage(ret, SEGMENT_DIR, 0, 0,
				   r == -ENOENT ? "is missing" : "is not a folder", e);
	}
	if (r < 0)
		return r;
	if (count)
		qsort(numbers, count, sizeof(*numbers), by_number);
	for (size_t i = 0; i < count; i++) {
		r = load_segment(session_fd, numbers[i], i + 1 == count, verify, ret, e);
		if (r < 0)
			return r;
		ret->newest_file = numbers[i];
	}
	if (ret->entry_count)
		qsort(ret->entries, ret->entry_count, sizeof(*ret->entries), by_stream);
	drop_doubles(ret);
	r = load_tail(session_fd, ret, e);
	if (r < 0)
		return r;
	if (ret->tail_count)
		qsort(ret->tails, ret->tail_count, sizeof(*ret->tails), tail_by_stream);
	return 0;
}

/**
 * segment_set_adopt_tails() - enter the open chunks among the sealed ones
 *
 * For a reader that takes both: they have file 0 and no frame yet (frame_bytes and frame_crc are of
 * the last piece).
 *
 * Return: 0 or -ENOMEM.
 */
int segment_set_adopt_tails(struct segment_set *s, struct err *e)
{
	for (size_t i = 0; i < s->tail_count; i++) {
		int r = add_entry(s, &s->tails[i].chunk, 0, i, e);

		if (r < 0)
			return r;
	}
	if (s->entry_count)
		qsort(s->entries, s->entry_count, sizeof(*s->entries), by_stream);
	return 0;
}

void segment_set_done(struct segment_set *s)
{
	for (size_t i = 0; i < s->tail_count; i++)
		free(s->tails[i].bytes);
	free(s->tails);
	free(s->entries);
	free(s->damage);
	*s = (struct segment_set){0};
}

/**
 * segment_open() - open one segment file for reading
 *
 * Return: a descriptor, the caller's to close, or a negative errno.
 */
int segment_open(int session_fd, uint32_t file, struct err *e)
{
	char name[32];

	(void)snprintf(name, sizeof(name), SEGMENT_NAME, file);
	return file_open_read_at(session_fd, name, e);
}

uint64_t segment_last_sequence(const struct segment_set *s, uint16_t stream, uint32_t id)
{
	uint64_t last = 0;

	for (size_t i = 0; i < s->entry_count; i++)
		if (s->entries[i].chunk.stream == stream && s->entries[i].chunk.id == id)
			last = max_of(last, s->entries[i].chunk.sequence);
	for (size_t i = 0; i < s->tail_count; i++)
		if (s->tails[i].chunk.stream == stream && s->tails[i].chunk.id == id)
			last = max_of(last, s->tails[i].chunk.sequence);
	return last;
}
