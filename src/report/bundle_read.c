/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bytes of chunks and members.
 *
 * Called by everybody who has an indexed bundle, from any thread: struct bundle is only read, and
 * what is needed in between belongs to the caller's bundle_reader. Reads are pread(), so the
 * descriptors have no position that could be shared. Nothing is believed that a checksum does not
 * confirm, where there is one.
 */
#include "bundle_private.h"

#include <errno.h>

#define MEMBER_STEP (256 * KIB)

struct bundle_reader {
	ZSTD_DCtx *zstd;
	uint8_t *packed;
	size_t packed_room;
};

/**
 * bundle_reader_new() - what one thread needs for reading
 * @ret: bundle_reader_free() it
 *
 * Return: 0; -ENOMEM.
 */
int bundle_reader_new(struct bundle_reader **ret, struct err *e)
{
	struct bundle_reader *r = calloc(1, sizeof(*r));

	if (r)
		r->zstd = ZSTD_createDCtx();
	if (!r || !r->zstd) {
		free(r);
		return err_nomem(e);
	}
	*ret = r;
	return 0;
}

void bundle_reader_free(struct bundle_reader *r)
{
	if (!r)
		return;
	ZSTD_freeDCtx(r->zstd);
	free(r->packed);
	free(r);
}

void bundle_reader_freep(struct bundle_reader **r)
{
	bundle_reader_free(*r);
}

static int packed_room(struct bundle_reader *r, size_t n, struct err *e)
{
	uint8_t *more;

	if (n <= r->packed_room)
		return 0;
	more = realloc(r->packed, n);
	if (!more)
		return err_nomem(e);
	r->packed = more;
	r->packed_room = n;
	return 0;
}

static int damaged(const struct bundle_chunk *c, struct err *e)
{
	return err_set(e, -EBADMSG, "a chunk of %u bytes of records (number %u) is damaged",
		       c->raw_bytes, c->sequence);
}

static bool unpack(struct bundle_reader *r, const void *frame, size_t n, void *out, size_t raw)
{
	size_t got = ZSTD_decompressDCtx(r->zstd, out, raw, frame, n);

	return !ZSTD_isError(got) && got == raw;
}

/*
 * The header is read again: in a session that is being recorded the file may have been taken for
 * newer chunks since it was indexed.
 */
static int read_framed(const struct bundle *b, const struct bundle_chunk *c,
		       struct bundle_reader *r, void *out, struct err *e)
{
	size_t n = CHUNK_HEADER_BYTES + (size_t)c->frame_bytes;
	struct chunk now;
	ssize_t got;
	int code;

	code = packed_room(r, n, e);
	if (code < 0)
		return code;
	got = bundle_pread(b, c->file, r->packed, n, c->at);
	if (got < 0)
		return err_errno(e, (int)got, "cannot read %s", b->path);
	if ((size_t)got != n || chunk_header_read(r->packed, n, &now) < 0 ||
	    now.sequence != c->sequence || now.frame_bytes != c->frame_bytes ||
	    now.first_ns != c->first_ns || !chunk_frame_ok(&now, r->packed + CHUNK_HEADER_BYTES) ||
	    !unpack(r, r->packed + CHUNK_HEADER_BYTES, c->frame_bytes, out, c->raw_bytes))
		return damaged(c, e);
	return 0;
}

static int read_raw(const struct bundle *b, const struct bundle_chunk *c, void *out, struct err *e)
{
	ssize_t got = bundle_pread(b, c->file, out, c->raw_bytes, c->at);

	if (got < 0)
		return err_errno(e, (int)got, "cannot read %s", b->path);
	return (size_t)got == c->raw_bytes ? 0 : damaged(c, e);
}

/* Lay the pieces over each other, in the order in which they were written. */
static int read_pieces(const struct bundle *b, const struct bundle_chunk *c,
		       struct bundle_reader *r, uint8_t *out, struct err *e)
{
	for (size_t i = c->at;; i++) {
		const struct bundle_piece *p = &b->pieces[i];

		if (!unpack(r, b->tail.s + p->at, p->chunk.frame_bytes, out + p->chunk.offset,
			    p->chunk.raw_bytes))
			return damaged(c, e);
		if (p->last)
			return 0;
	}
}

/**
 * bundle_chunk_read() - the payload of a chunk
 * @c:    of one of the bundle's streams
 * @r:    this thread's own
 * @out:  c->raw_bytes bytes, all of which are filled on success
 * @room: of @out
 *
 * Whole ring pages of one CPU; whole pcap records; whole lines.
 *
 * Return: 0; -EBADMSG when the chunk is damaged: what it held, from c->first_ns to c->last_ns, is
 * lost, and the others are not touched by it; -ENOBUFS when @room is too small; another negative
 * errno when the file cannot be read.
 */
int bundle_chunk_read(const struct bundle *b, const struct bundle_chunk *c, struct bundle_reader *r,
		      void *out, size_t room, struct err *e)
{
	if (room < c->raw_bytes)
		return err_set(e, -ENOBUFS, "a chunk of %u bytes does not fit", c->raw_bytes);
	switch ((enum chunk_form)c->form) {
	case FORM_FRAMED:
		return read_framed(b, c, r, out, e);
	case FORM_RAW:
		return read_raw(b, c, out, e);
	case FORM_PIECES:
		return read_pieces(b, c, r, out, e);
	}
	return damaged(c, e);
}

/* ---- members ---- */

/* A walk over a member's bytes; fn stops it with anything but 0. */
struct member_walk {
	const struct bundle *b;
	const char *path;
	struct bundle_reader *reader;
	bundle_bytes_fn fn;
	void *arg;
	uint64_t left; /* bytes that are wanted at most */
};

static int give(struct member_walk *w, const uint8_t *bytes, size_t n)
{
	n = min_of((uint64_t)n, w->left);
	w->left -= n;
	return n ? w->fn(w->arg, bytes, n) : 0;
}

static int bad_member(const struct member_walk *w, struct err *e)
{
	return err_set(e, -EBADMSG, "%s in %s is damaged", w->path, w->b->path);
}

static int give_raw(struct member_walk *w, const struct bundle_extent *x, struct err *e)
{
	CLEANUP(freep) uint8_t *buf = malloc(MEMBER_STEP);
	int r = 0;

	if (!buf)
		return err_nomem(e);
	for (uint64_t at = 0; r == 0 && at < x->bytes && w->left;) {
		size_t n = min_of(x->bytes - at, MEMBER_STEP);
		ssize_t got = bundle_pread(w->b, x->file, buf, n, x->at + at);

		if (got < 0)
			return err_errno(e, (int)got, "cannot read %s", w->b->path);
		r = give(w, buf, (size_t)got);
		if (r == 0 && (size_t)got < n)
			return bad_member(w, e);
		at += n;
	}
	return r;
}

/*
 * One frame, decompressed as it goes, so that what it claims to hold costs no memory. The window
 * is bounded: a frame of ours was compressed at level 3 and needs 2 MiB at most.
 */
static int give_frame(struct member_walk *w, const struct bundle_extent *x, struct err *e)
{
	CLEANUP(freep) uint8_t *raw = malloc(MEMBER_STEP);
	size_t want = 1;
	uint64_t came = 0;
	ZSTD_inBuffer in;
	ssize_t got;
	int r;

	r = raw ? packed_room(w->reader, x->frame_bytes, e) : err_nomem(e);
	if (r < 0)
		return r;
	got = bundle_pread(w->b, x->file, w->reader->packed, x->frame_bytes, x->at);
	if (got < 0)
		return err_errno(e, (int)got, "cannot read %s", w->b->path);
	in = (ZSTD_inBuffer){w->reader->packed, (size_t)got, 0};
	(void)ZSTD_DCtx_reset(w->reader->zstd, ZSTD_reset_session_only);
	(void)ZSTD_DCtx_setParameter(w->reader->zstd, ZSTD_d_windowLogMax, 23);
	while (r == 0 && want && w->left) {
		ZSTD_outBuffer out = {raw, MEMBER_STEP, 0};

		want = ZSTD_decompressStream(w->reader->zstd, &out, &in);
		if (ZSTD_isError(want) || came + out.pos > x->bytes ||
		    (!out.pos && in.pos == in.size && want))
			return bad_member(w, e);
		came += out.pos;
		r = give(w, raw, out.pos);
	}
	if (r == 0 && !want && came != x->bytes)
		return bad_member(w, e);
	return r;
}

static int give_extent(struct member_walk *w, const struct bundle_extent *x, struct err *e)
{
	switch ((enum extent_form)x->form) {
	case EXTENT_RAW:
		return give_raw(w, x, e);
	case EXTENT_FRAME:
		return give_frame(w, x, e);
	case EXTENT_MEMORY:
		return give(w, (const uint8_t *)w->b->made.s + x->at, (size_t)x->bytes);
	}
	return bad_member(w, e);
}

static int give_stream(struct member_walk *w, const struct bundle_stream *s, struct err *e)
{
	CLEANUP(freep) uint8_t *raw = malloc(s->raw_max + 1u);
	int r = raw ? 0 : err_nomem(e);

	for (size_t i = 0; r == 0 && i < s->count && w->left; i++) {
		r = bundle_chunk_read(w->b, &s->chunks[i], w->reader, raw, s->raw_max, e);
		if (r == -EBADMSG)
			return bad_member(w, e);
		if (r == 0)
			r = give(w, raw, s->chunks[i].raw_bytes);
	}
	return r;
}

static int walk_member(struct member_walk *w, bool prologue_only, struct err *e)
{
	CLEANUP(bundle_reader_freep) struct bundle_reader *reader = NULL;
	const struct bundle_member *m = bundle_member(w->b, w->path);
	const struct bundle_member_data *d;
	int r;

	if (!m)
		return err_set(e, -ENOENT, "there is no %s in %s", w->path, w->b->path);
	r = bundle_reader_new(&reader, e);
	if (r < 0)
		return r;
	w->reader = reader;
	d = &w->b->data[m - w->b->members];
	if (prologue_only)
		w->left = min_of(w->left, d->prologue_bytes);
	for (size_t i = 0; r == 0 && i < d->extent_count; i++)
		r = give_extent(w, &w->b->extents[d->extent + i], e);
	for (size_t i = 0; r == 0 && d->stream && !prologue_only && i < w->b->stream_count; i++)
		if (bundle_member_has(d, &w->b->streams[i]))
			r = give_stream(w, &w->b->streams[i], e);
	if (r == 0 && m->damaged && !prologue_only && w->left)
		return bad_member(w, e);
	return r;
}

/**
 * bundle_member_each() - the bytes of a member, in order, as a file would have them
 * @path: as in bundle_member.path
 * @fn:   called with one piece after another; anything but 0 ends the walk
 *
 * Return: 0; what @fn returned; -ENOENT; -EBADMSG at the first byte that cannot be read, when what
 * precedes it has been given.
 */
int bundle_member_each(const struct bundle *b, const char *path, bundle_bytes_fn fn, void *arg,
		       struct err *e)
{
	struct member_walk w = {.b = b, .path = path, .fn = fn, .arg = arg, .left = UINT64_MAX};

	return walk_member(&w, false, e);
}

struct load {
	struct text *out;
	size_t limit;
};

static int load_bytes(void *arg, const uint8_t *bytes, size_t n)
{
	struct load *l = arg;

	if (n > l->limit - l->out->len)
		return -EFBIG;
	text_add(l->out, bytes, n);
	return text_ok(l->out) ? 0 : -ENOMEM;
}

static int load(struct member_walk *w, bool prologue_only, size_t limit, struct text *ret,
		struct err *e)
{
	struct load l = {ret, limit};
	int r;

	w->fn = load_bytes;
	w->arg = &l;
	text_reset(ret);
	text_add(ret, "", 0);
	r = walk_member(w, prologue_only, e);
	if (r == -EFBIG)
		return err_set(e, r, "%s in %s has more than %zu bytes", w->path, w->b->path,
			       limit);
	return r == -ENOMEM ? err_nomem(e) : r;
}

/**
 * bundle_member_load() - a whole member
 * @limit_bytes: a longer one is refused
 * @ret:         emptied, then filled, NUL-terminated; after -EBADMSG it holds what precedes the
 *               damage. text_free() it in any case
 *
 * Return: 0; -ENOENT; -EFBIG; -EBADMSG when it is damaged; another negative errno.
 */
int bundle_member_load(const struct bundle *b, const char *path, size_t limit_bytes,
		       struct text *ret, struct err *e)
{
	struct member_walk w = {.b = b, .path = path, .left = UINT64_MAX};

	return load(&w, false, limit_bytes, ret, e);
}

/**
 * bundle_prologue() - what stands in a member before its first chunk
 * @path: "trace.dat": head and tail, up to the first ring page; "packets.pcap": the file's header;
 *        "clocks.csv": the line with the columns' names; of a series the line with its name
 *
 * As bundle_member_load().
 */
int bundle_prologue(const struct bundle *b, const char *path, struct text *ret, struct err *e)
{
	struct member_walk w = {.b = b, .path = path, .left = UINT64_MAX};

	return load(&w, true, BUNDLE_HEAD_MAX, ret, e);
}
