/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows of zstd frames: the bundle as finish() assembles it, and a segment of a session's spool.
 *
 * Called by bundle_index(). It reads chunk headers and the few frames that are tar headers, and
 * goes over everything else by its length, so a bundle of gigabytes costs a read of some hundred
 * bytes for each chunk. It fills the index in struct bundle and owns nothing itself.
 *
 * Chunks are found by their own headers and not by their place in the tar: they say themselves
 * which stream they belong to. So when something is damaged the walk goes on at the next chunk
 * header, or tar header, that is whole; the tar is believed again from its next header on.
 *
 * Source of the layout: scoutfs-trace-bundle(5); RFC 8878, 3.1.1, for frames and blocks.
 */
#include <errno.h>

#include "bundle_private.h"

#define ZSTD_FRAME_MAGIC UINT32_C(0xFD2FB528)
#define SKIPPABLE_MAGIC UINT32_C(0x184D2A50) /* to ..5F */
#define SKIPPABLE_MASK UINT32_C(0xFFFFFFF0)
#define CHUNK_MAGIC UINT32_C(0x184D2A5C)
#define SKIPPABLE_HEADER_BYTES 8
#define FRAME_HEADER_MAX 18 /* RFC 8878: magic and 2 to 14 bytes */
#define FRAME_MAX_BYTES (UINT64_C(512) << 20)
#define FRAME_RAW_MAX BUNDLE_HEAD_MAX
#define BLOCK_BYTES_MAX (128 * KIB)
#define BLOCK_RAW_MIN KIB /* blocks of a frame that are shorter, on average, no encoder makes */
#define BLOCKS_FREE 64
#define TAR_BLOCK 512
#define TAR_FRAME_MAX (64 * KIB) /* of a frame that holds tar headers; ours have 512 or 1536 */
#define ROW_BUFFER (16 * KIB)
#define BEHIND_MAX MIB	    /* zeros for as long are zeros to the end */
#define ROW_AHEAD_CHUNK 128 /* behind a chunk most often comes another */
#define RESYNC_STEP (256 * KIB)
/* A file that was made to be damaged everywhere shall not take for ever. */
#define DAMAGES_MAX 1000
#define CANDIDATES_MAX 100000
#define CANDIDATE_BYTES_MAX (4 * KIB)

const uint8_t bundle_chunk_pattern[BUNDLE_CHUNK_PATTERN_BYTES] = {
	0x5c, 0x2a, 0x4d, 0x18, 96, 0, 0, 0, 's', 'c', 'o', 'u', 't', 'f', 's', 'T'};

struct row {
	struct bundle *b;
	uint16_t file;
	uint64_t size;
	uint64_t at, next; /* of this step, and of the one after it */
	uint64_t
		doubtful; /* the frame just before, if nothing has confirmed its length; else .at */
	uint8_t buf[ROW_BUFFER];
	uint64_t buf_at;
	size_t buf_n, ahead;
	bool plain; /* this step is a frame that has no header of ours */
	unsigned int damages, candidates;
	struct bundle_ahead reading_ahead;
	ZSTD_DCtx *zstd;
};

struct frame {
	uint64_t at, bytes;
	uint64_t raw;
	bool raw_known;
};

enum step {
	STEP_END,
	STEP_CHUNK,  /* a chunk whose header is right */
	STEP_ORPHAN, /* a chunk header that is not, and its frame */
	STEP_SKIP,   /* a skippable frame of somebody else's */
	STEP_FRAME,
	STEP_CUT,    /* the file ends within a frame */
	STEP_DAMAGE, /* no frame begins here */
};

static int row_init(struct row *r, struct bundle *b, uint16_t file, struct err *e)
{
	*r = (struct row){.b = b, .file = file, .size = b->files[file].size, .ahead = ROW_BUFFER};
	r->zstd = ZSTD_createDCtx();
	return r->zstd ? 0 : err_nomem(e);
}

static void row_done(struct row *r)
{
	ZSTD_freeDCtx(r->zstd);
}

/* Up to @n bytes at @at, lent until the next call; fewer at the end of the file. */
static int row_peek(struct row *r, uint64_t at, size_t n, const uint8_t **ret, size_t *ret_n)
{
	size_t want = max_of(n, r->ahead);
	ssize_t got;

	if (at < r->buf_at || at + n > r->buf_at + r->buf_n) {
		got = bundle_pread(r->b, r->file, r->buf, min_of(want, sizeof(r->buf)), at);
		if (got < 0)
			return (int)got;
		r->buf_at = at;
		r->buf_n = (size_t)got;
	}
	*ret = r->buf + (at - r->buf_at);
	*ret_n = min_of(n, (size_t)(r->buf_at + r->buf_n - at));
	return 0;
}

/*
 * The header of a frame. Its length, and what it says the frame holds; 0 when @n is too short;
 * -EBADMSG.
 */
static int frame_header(const uint8_t *h, size_t n, struct frame *f)
{
	static const uint8_t dictionary_bytes[] = {0, 1, 2, 4}, size_bytes[] = {0, 2, 4, 8};
	uint8_t descriptor;
	size_t at, field;
	bool single;

	if (n < 5)
		return 0;
	descriptor = h[4];
	single = descriptor & 0x20;
	if (descriptor & 0x08)
		return -EBADMSG; /* reserved */
	at = 5 + (single ? 0 : 1) + dictionary_bytes[descriptor & 3];
	field = size_bytes[descriptor >> 6];
	if (!field && single)
		field = 1;
	if (n < at + field)
		return 0;
	f->raw_known = field > 0;
	f->raw = field == 1   ? h[at]
		 : field == 2 ? get_le16(h + at) + 256u
		 : field == 4 ? get_le32(h + at)
		 : field == 8 ? get_le64(h + at)
			      : 0;
	return (int)(at + field);
}

/* How long the frame at @at is. 1 and the frame; 0 when the file ends within it; -EBADMSG, also
 * when it has more than @limit bytes. */
static int frame_measure(struct row *r, uint64_t at, uint64_t limit, struct frame *ret)
{
	const uint8_t *p = NULL;
	uint64_t next, blocks;
	bool last = false, sum;
	size_t n = 0;
	int used;

	if (row_peek(r, at, FRAME_HEADER_MAX, &p, &n) < 0)
		return -EBADMSG;
	*ret = (struct frame){.at = at};
	if (n >= 4 && get_le32(p) != ZSTD_FRAME_MAGIC)
		return -EBADMSG;
	used = frame_header(p, n, ret);
	if (used <= 0)
		return used;
	if (ret->raw > FRAME_RAW_MAX)
		return -EBADMSG;
	sum = p[4] & 0x04;
	blocks = (ret->raw_known ? ret->raw : FRAME_RAW_MAX) / BLOCK_RAW_MIN + BLOCKS_FREE;
	for (next = at + (uint64_t)used; !last;) {
		uint32_t block, type;

		if (row_peek(r, next, 3, &p, &n) < 0)
			return -EBADMSG;
		if (n < 3)
			return 0;
		block = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
		last = block & 1;
		type = block >> 1 & 3;
		block >>= 3;
		if (type == 3 || block > BLOCK_BYTES_MAX || !blocks--)
			return -EBADMSG;
		next += 3 + (type == 1 ? 1 : block);
		if (next - at > limit)
			return -EBADMSG;
	}
	next += sum ? 4 : 0;
	ret->bytes = next - at;
	return next <= r->size;
}

/* A frame, decompressed into @out. False when it does not hold what it says. */
static bool frame_unpack(struct row *r, const struct frame *f, uint8_t *out, size_t room)
{
	CLEANUP(freep) uint8_t *packed = NULL;
	size_t got;

	if (!f->raw_known || f->raw > room || f->bytes > ZSTD_compressBound(room) + KIB)
		return false;
	packed = malloc(f->bytes);
	if (!packed || bundle_pread(r->b, r->file, packed, f->bytes, f->at) != (ssize_t)f->bytes)
		return false;
	got = ZSTD_decompressDCtx(r->zstd, out, room, packed, f->bytes);
	return !ZSTD_isError(got) && got == f->raw;
}

/* A chunk header is here, but wrong; perhaps the frame behind it is right. */
static enum step orphan(struct row *r, struct frame *ret)
{
	int whole = frame_measure(r, r->at + CHUNK_HEADER_BYTES, FRAME_MAX_BYTES, ret);

	r->next = ret->at + ret->bytes;
	return whole > 0 ? STEP_ORPHAN : whole == 0 ? STEP_CUT : STEP_DAMAGE;
}

static enum step step_frame(struct row *r, struct frame *ret)
{
	int whole = frame_measure(r, r->at, FRAME_MAX_BYTES, ret);

	r->plain = true;
	r->ahead = ROW_BUFFER;
	r->next = r->at + ret->bytes;
	return whole > 0 ? STEP_FRAME : whole == 0 ? STEP_CUT : STEP_DAMAGE;
}

static enum step row_next(struct row *r, struct chunk *ret_chunk, struct frame *ret_frame)
{
	const uint8_t *p = NULL;
	uint32_t magic;
	size_t n = 0;

	r->doubtful = r->plain ? r->at : r->next;
	r->plain = false;
	r->at = r->next;
	if (r->at >= r->size)
		return STEP_END;
	if (row_peek(r, r->at, CHUNK_HEADER_BYTES, &p, &n) < 0)
		return STEP_DAMAGE;
	if (n < SKIPPABLE_HEADER_BYTES)
		return STEP_CUT;
	magic = get_le32(p);
	if (magic == ZSTD_FRAME_MAGIC)
		return step_frame(r, ret_frame);
	if ((magic & SKIPPABLE_MASK) != SKIPPABLE_MAGIC)
		return STEP_DAMAGE;
	r->next = r->at + SKIPPABLE_HEADER_BYTES + get_le32(p + 4);
	if (chunk_header_read(p, n, ret_chunk) == 0) {
		r->ahead = ROW_AHEAD_CHUNK;
		bundle_ahead(&r->reading_ahead, r->b, r->file, r->at);
		r->next += ret_chunk->frame_bytes;
		return r->next <= r->size ? STEP_CHUNK : STEP_CUT;
	}
	/* Ours by its length and tag, whatever became of the rest. */
	if (n == CHUNK_HEADER_BYTES &&
	    memcmp(p + 4, bundle_chunk_pattern + 4, BUNDLE_CHUNK_PATTERN_BYTES - 4) == 0)
		return orphan(r, ret_frame);
	/* Of a torn or bent header nothing can be trusted, its length least of all. */
	if (magic == CHUNK_MAGIC)
		return n < CHUNK_HEADER_BYTES ? STEP_CUT : STEP_DAMAGE;
	return r->next <= r->size ? STEP_SKIP : STEP_CUT;
}

/* ---- tar headers ---- */

static uint64_t octal(const uint8_t *s, size_t n)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < n && s[i] == ' ')
		i++;
	for (; i < n && s[i] >= '0' && s[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(s[i] - '0');
	return v;
}

static bool is_tar_header(const uint8_t h[TAR_BLOCK])
{
	unsigned int sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : h[i];
	return memcmp(h + 257, "ustar", 5) == 0 && octal(h + 148, 8) == sum;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* A frame that holds nothing but one tar header, perhaps behind a pax header: what ours look like.
 */
static bool is_header_frame(struct row *r, const struct frame *f)
{
	uint8_t raw[3 * TAR_BLOCK];

	return f->raw_known && (f->raw == TAR_BLOCK || f->raw == sizeof(raw)) &&
	       frame_unpack(r, f, raw, sizeof(raw)) && is_tar_header(raw);
}

/**
 * bundle_row_is_assembled() - does it begin as finish() begins a bundle, with a tar header alone?
 */
bool bundle_row_is_assembled(struct bundle *b, uint16_t file)
{
	CLEANUP(row_done) struct row r;
	struct frame f;

	return row_init(&r, b, file, NULL) == 0 &&
	       frame_measure(&r, 0, CANDIDATE_BYTES_MAX, &f) > 0 && is_header_frame(&r, &f);
}

/* ---- finding the way again ---- */

static bool chunk_at(struct row *r, uint64_t at)
{
	struct chunk c;
	const uint8_t *p = NULL;
	size_t n = 0;

	r->ahead = ROW_AHEAD_CHUNK;
	return row_peek(r, at, CHUNK_HEADER_BYTES, &p, &n) == 0 && chunk_header_read(p, n, &c) == 0;
}

static bool header_frame_at(struct row *r, uint64_t at)
{
	struct frame f;

	return r->candidates++ < CANDIDATES_MAX &&
	       frame_measure(r, at, CANDIDATE_BYTES_MAX, &f) > 0 && is_header_frame(r, &f);
}

/* The first place in @bytes, which lie at @at, where the walk can go on; UINT64_MAX none. */
static uint64_t resync_in(struct row *r, const uint8_t *bytes, size_t n, uint64_t at)
{
	static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
	const uint8_t *end = bytes + n, *chunk = bytes, *frame = bytes;

	while ((chunk = memmem(chunk, (size_t)(end - chunk), bundle_chunk_pattern,
			       BUNDLE_CHUNK_PATTERN_BYTES)) &&
	       !chunk_at(r, at + (uint64_t)(chunk - bytes)))
		chunk++;
	if (chunk)
		end = chunk;
	while ((frame = memmem(frame, (size_t)(end - frame), magic, sizeof(magic))) &&
	       !header_frame_at(r, at + (uint64_t)(frame - bytes)))
		frame++;
	if (frame)
		return at + (uint64_t)(frame - bytes);
	return chunk ? at + (uint64_t)(chunk - bytes) : UINT64_MAX;
}

/* Where the walk can go on at or behind @from, up to @limit; UINT64_MAX when nowhere. */
static uint64_t resync(struct row *r, uint64_t from, uint64_t limit)
{
	CLEANUP(freep) uint8_t *bytes = malloc(RESYNC_STEP);
	uint64_t found = UINT64_MAX;

	while (bytes && found == UINT64_MAX && from < limit) {
		ssize_t n = bundle_pread(r->b, r->file, bytes, RESYNC_STEP, from);

		if (n <= 0)
			break;
		found = resync_in(r, bytes, (size_t)n, from);
		if (n < (ssize_t)RESYNC_STEP)
			break;
		/* A pattern may lie across two steps. */
		from += (uint64_t)n - (BUNDLE_CHUNK_PATTERN_BYTES - 1);
	}
	return found;
}

/**
 * bundle_row_has_chunks() - are there chunks near the beginning, whatever else may be wrong?
 */
bool bundle_row_has_chunks(struct bundle *b, uint16_t file)
{
	CLEANUP(row_done) struct row r;

	return row_init(&r, b, file, NULL) == 0 && resync(&r, 0, 8 * MIB) != UINT64_MAX;
}

/* ---- the assembled bundle ---- */

struct assembly {
	struct bundle *b;
	struct row row;
	uint64_t remaining, pad; /* of the member that is open */
	bool lost;		 /* where the walk is in the tar is not known */
	bool ended;
	bool kept;   /* the open member is in the list, as the last one */
	bool chunks; /* of the open member have come */
	char name[BUNDLE_NAME_MAX];
};

static void assembly_done(struct assembly *a)
{
	row_done(&a->row);
}

static void lose(struct assembly *a)
{
	if (!a->lost && (a->remaining || a->pad) && a->kept)
		a->b->members[a->b->member_count - 1].damaged = true;
	a->lost = true;
	a->remaining = a->pad = 0;
}

static const char *where(const struct assembly *a)
{
	return a->remaining && a->name[0] ? a->name : "between its members";
}

/* @n bytes of the open member's data have passed. */
static void consume(struct assembly *a, uint64_t n)
{
	if (a->lost)
		return;
	if (n > a->remaining) {
		lose(a);
		return;
	}
	a->remaining -= n;
}

static int open_member(struct assembly *a, const uint8_t *h, uint64_t pax_size, struct err *e)
{
	char prefix[156] = "", name[101] = "";
	uint64_t size = pax_size != UINT64_MAX ? pax_size : octal(h + 124, 12);
	int r;

	memcpy(prefix, h + 345, 155);
	memcpy(name, h, 100);
	(void)snprintf(a->name, sizeof(a->name), "%s%s%s", prefix, prefix[0] ? "/" : "", name);
	a->kept = a->chunks = false;
	if (size > INT64_MAX) {
		bundle_note_add(a->b, true, "%s says that it has %llu bytes, which cannot be",
				a->name, (unsigned long long)size);
		lose(a);
		return 0;
	}
	a->remaining = size;
	a->pad = -size % TAR_BLOCK;
	if (h[156] != '0' && h[156] != '\0') {
		bundle_note_add(a->b, false, "%s is left out: it is not an ordinary file", a->name);
		return 0;
	}
	r = bundle_add_member(a->b, a->name, size, e);
	a->kept = r > 0;
	return min_of(r, 0);
}

/* "27 size=12345678901234\n" among the records of a pax header; UINT64_MAX when there is none. */
static uint64_t pax_size(const uint8_t *p, size_t n)
{
	static const char key[] = " size=";
	const uint8_t *at = memmem(p, n, key, sizeof(key) - 1);
	uint64_t v = 0;

	if (!at)
		return UINT64_MAX;
	for (at += sizeof(key) - 1; at < p + n && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*at - '0'), &v))
			return UINT64_MAX - 1;
	return v;
}

/* The blocks of a frame where a tar header is due. False: they are none. */
static bool headers(struct assembly *a, const uint8_t *p, size_t n, int *ret, struct err *e)
{
	uint64_t size = UINT64_MAX;

	*ret = 0;
	if (n % TAR_BLOCK || !n)
		return false;
	if (is_zero(p, n)) {
		a->ended = n >= 2 * (size_t)TAR_BLOCK;
		return true;
	}
	for (size_t at = 0; at < n;) {
		const uint8_t *h = p + at;

		if (!is_tar_header(h))
			return false;
		at += TAR_BLOCK;
		if (h[156] == 'x') {
			uint64_t bytes = octal(h + 124, 12);

			if (bytes > n - at)
				return false;
			size = pax_size(p + at, (size_t)bytes);
			at += (size_t)bytes + (size_t)(-bytes % TAR_BLOCK);
			continue;
		}
		if (at != n)
			return false; /* data behind it in the same frame: not as we write it */
		*ret = open_member(a, h, size, e);
	}
	return true;
}

static int header_frame(struct assembly *a, const struct frame *f, struct err *e)
{
	CLEANUP(freep) uint8_t *raw = NULL;
	bool was_lost = a->lost;
	int r;

	if (f->raw > TAR_FRAME_MAX || !f->raw) {
		lose(a);
		return 0;
	}
	raw = malloc(f->raw);
	if (!raw)
		return err_nomem(e);
	a->lost = false;
	if (!frame_unpack(&a->row, f, raw, f->raw) || !headers(a, raw, f->raw, &r, e)) {
		lose(a);
		if (!was_lost)
			bundle_note_add(a->b, true,
					"the header of a member, %llu bytes into the file, is "
					"damaged: that member is left out",
					(unsigned long long)f->at);
		return 0;
	}
	/* Zeros mean nothing to one who has lost the way: they may be padding. */
	if (was_lost && is_zero(raw, f->raw))
		a->lost = a->ended ? false : true;
	return r;
}

static int data_frame(struct assembly *a, const struct frame *f, struct err *e)
{
	uint64_t limit = a->b->kind == BUNDLE_ASSEMBLED ? BUNDLE_HEAD_MAX : BUNDLE_SMALL_MAX;

	if (f->raw > a->remaining || f->raw > limit) {
		bundle_note_add(a->b, true, "a part of %s has another length than it should",
				a->name);
		lose(a);
		return 0;
	}
	a->remaining -= f->raw;
	if (!a->kept)
		return 0;
	if (a->chunks) {
		bundle_note_add(a->b, true,
				"%llu bytes of %s, %llu bytes into the file, have no chunk header "
				"and are left out",
				(unsigned long long)f->raw, a->name, (unsigned long long)f->at);
		a->b->members[a->b->member_count - 1].damaged = true;
		return 0;
	}
	return bundle_add_extent(a->b,
				 (struct bundle_extent){.at = f->at,
							.bytes = f->raw,
							.frame_bytes = (uint32_t)f->bytes,
							.file = a->row.file,
							.form = EXTENT_FRAME},
				 e);
}

static int plain_frame(struct assembly *a, const struct frame *f, struct err *e)
{
	if (!f->raw_known) {
		bundle_note_add(a->b, true,
				"the part at %llu bytes into the file does not say how long it "
				"is, and is left out",
				(unsigned long long)f->at);
		lose(a);
		return 0;
	}
	if (a->lost)
		return header_frame(a, f, e);
	if (a->remaining)
		return data_frame(a, f, e);
	if (a->pad && f->raw == a->pad) {
		a->pad = 0;
		return 0;
	}
	if (a->pad)
		lose(a); /* the padding is missing: a header is the next best */
	return header_frame(a, f, e);
}

/*
 * Damage at the place of the walk: to where something can be recognised, or to the end. When the
 * frame before says a wrong length the walk is astray since then, so it is looked through as well.
 */
static uint64_t skip_damage(struct row *r)
{
	uint64_t next = UINT64_MAX;

	r->at = r->doubtful;
	r->plain = false;
	if (r->damages++ < DAMAGES_MAX)
		next = resync(r, r->at + 1, r->size);
	r->next = min_of(next, r->size);
	r->buf_n = 0;
	return r->next - r->at;
}

static void find_way(struct assembly *a)
{
	uint64_t bytes = skip_damage(&a->row);

	/* A wrong length looks like a cut until something is found behind it. */
	if (a->row.next < a->row.size)
		bundle_note_add(a->b, true,
				"%llu bytes, %llu bytes into the file (%s), are damaged",
				(unsigned long long)bytes, (unsigned long long)a->row.at, where(a));
	lose(a);
}

/* Which series a member is, its chunks say. */
static void note_series(struct assembly *a, const struct chunk *c)
{
	if (c->stream == CHUNK_SERIES && a->kept && !a->lost)
		a->b->data[a->b->member_count - 1].stream_id = c->id;
}

static int assembly_step(struct assembly *a, bool *ret_more, struct err *e)
{
	struct chunk c;
	struct frame f;
	int r = 0;

	switch (row_next(&a->row, &c, &f)) {
	case STEP_CHUNK:
		r = bundle_add_chunk(a->b, &c, FORM_FRAMED, a->row.file, a->row.at, e);
		note_series(a, &c);
		consume(a, c.raw_bytes);
		a->chunks = true;
		break;
	case STEP_ORPHAN:
		bundle_note_add(a->b, true,
				"a chunk of %s, %llu bytes into the file, has a damaged header, or "
				"one of a newer version, and is left out",
				where(a), (unsigned long long)a->row.at);
		if (a->kept && !a->lost)
			a->b->members[a->b->member_count - 1].damaged = true;
		if (f.raw_known)
			consume(a, f.raw);
		else
			lose(a);
		break;
	case STEP_FRAME:
		r = plain_frame(a, &f, e);
		break;
	case STEP_SKIP:
		break;
	case STEP_CUT:
	case STEP_DAMAGE:
		find_way(a);
		break;
	case STEP_END:
		*ret_more = false;
		break;
	}
	return r;
}

/*
 * Nothing comes behind the end but zeros, as a tape or a block device leaves them. What else there
 * is belongs to no bundle, or to a second one: it is not read, and that must be known.
 */
static void look_behind(struct row *r)
{
	uint64_t end = min_of(r->size, r->next + BEHIND_MAX);

	for (uint64_t at = r->next; at < end;) {
		const uint8_t *p = NULL;
		size_t n = 0;

		if (row_peek(r, at, (size_t)min_of(end - at, (uint64_t)ROW_BUFFER), &p, &n) < 0 ||
		    n == 0)
			return;
		if (!is_zero(p, n)) {
			bundle_note_add(
				r->b, true,
				"%llu bytes behind the end of the bundle, %llu bytes into "
				"the file, are not its own and were not read: something, or "
				"a second bundle, was appended to it",
				(unsigned long long)(r->size - r->next),
				(unsigned long long)r->next);
			return;
		}
		at += n;
	}
}

/**
 * bundle_row_index() - index an assembled bundle
 * @file: of b->files
 *
 * Return: 0, with notes on what is damaged; -ENOMEM.
 */
int bundle_row_index(struct bundle *b, uint16_t file, struct err *e)
{
	CLEANUP(assembly_done) struct assembly a = {.b = b};
	bool more = true;
	int r;

	r = row_init(&a.row, b, file, e);
	while (r == 0 && more && !a.ended)
		r = assembly_step(&a, &more, e);
	if (r < 0)
		return r;
	if (a.ended)
		look_behind(&a.row);
	if (!a.ended) {
		lose(&a);
		bundle_note_add(b, true,
				"the file is cut short: it has %llu bytes and no end of archive",
				(unsigned long long)a.row.size);
	}
	return 0;
}

/**
 * bundle_row_segment() - index a segment of a session's spool
 * @file:   of b->files
 * @newest: it is the last one, so that a torn chunk at its end is what to expect
 *
 * Return: 0, with notes on what is damaged; -ENOMEM.
 */
int bundle_row_segment(struct bundle *b, uint16_t file, bool newest, struct err *e)
{
	CLEANUP(row_done) struct row r;
	struct chunk c;
	struct frame f;
	enum step step;
	int code;

	code = row_init(&r, b, file, e);
	while (code == 0 && (step = row_next(&r, &c, &f)) != STEP_END) {
		if (step == STEP_CHUNK && !c.tail) {
			code = bundle_add_chunk(b, &c, FORM_FRAMED, file, r.at, e);
		} else if (step == STEP_CUT || step == STEP_DAMAGE) {
			uint64_t bytes = skip_damage(&r);

			if (!newest || r.next < r.size)
				bundle_note_add(b, true,
						"%s: %llu bytes, %llu bytes into it, are damaged",
						b->files[file].name, (unsigned long long)bytes,
						(unsigned long long)r.at);
		}
	}
	return code;
}
