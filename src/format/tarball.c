/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing a .tar.zst as a row of zstd frames.
 *
 * Called by record/finish.c. It lays out the tar (POSIX ustar; a pax header in front of members of
 * 8 GiB and more) and compresses what is small; what was compressed when it was recorded is passed
 * through. It does not own the file, and does not sync or name it.
 *
 * Every call keeps the promise that the decompressed bytes are a right tar: the sizes are announced
 * before the data, so tarball_end() insists that what was announced has come.
 */
#include "format/tarball.h"

#include <errno.h>
#include <zstd.h>

#include "base/failpoint.h"
#include "base/file.h"

#define TAR_BLOCK 512
#define TAR_SIZE_MAX UINT64_C(077777777777) /* eleven octal digits */
#define TARBALL_BUFFER (1 * MIB)
#define TARBALL_LEVEL 3 /* small members; the long ones were compressed when they were recorded */

struct tarball {
	int fd;
	char folder[256];
	uint64_t mtime_s;
	ZSTD_CCtx *zstd;
	uint8_t *out; /* to the file, in large writes */
	size_t out_used;
	uint8_t *frame;
	size_t frame_room;
	uint64_t announced, came; /* of the member that is open */
	bool open;
};

static int flush(struct tarball *t, struct err *e)
{
	int r = file_write_all(t->fd, t->out, t->out_used);

	FAILPOINT("bundle-flushed");
	t->out_used = 0;
	if (r < 0)
		return err_errno(e, r, "cannot write the bundle");
	return 0;
}

static int put_bytes(struct tarball *t, const void *bytes, size_t n, struct err *e)
{
	int r;

	if (!n)
		return 0; /* a chunk whose frame is empty, which only damage makes, has no buffer */
	if (t->out_used + n > TARBALL_BUFFER) {
		r = flush(t, e);
		if (r < 0)
			return r;
	}
	if (n >= TARBALL_BUFFER) {
		r = file_write_all(t->fd, bytes, n);
		return r < 0 ? err_errno(e, r, "cannot write the bundle") : 0;
	}
	memcpy(t->out + t->out_used, bytes, n);
	t->out_used += n;
	return 0;
}

static int put_frame(struct tarball *t, const void *bytes, size_t n, struct err *e)
{
	size_t bound = ZSTD_compressBound(n), got;

	if (!n)
		return 0;
	if (bound > t->frame_room) {
		uint8_t *more = realloc(t->frame, bound);

		if (!more)
			return err_nomem(e);
		t->frame = more;
		t->frame_room = bound;
	}
	got = ZSTD_compress2(t->zstd, t->frame, t->frame_room, bytes, n);
	if (ZSTD_isError(got))
		return err_set(e, -ENOMEM, "cannot compress the bundle: %s",
			       ZSTD_getErrorName(got));
	return put_bytes(t, t->frame, got, e);
}

/* Octal, zero-padded, NUL-terminated: how tar writes numbers. */
static void octal(char *field, size_t size, uint64_t v)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
}

static void tar_header(uint8_t h[TAR_BLOCK], const char *folder, const char *name, char type,
		       uint64_t size, uint64_t mtime)
{
	unsigned int sum = 0;

	memset(h, 0, TAR_BLOCK);
	memcpy(h, name, strnlen(name, 100));
	octal((char *)h + 100, 8, 0600);
	octal((char *)h + 108, 8, 0);
	octal((char *)h + 116, 8, 0);
	octal((char *)h + 124, 12, min_of(size, TAR_SIZE_MAX));
	octal((char *)h + 136, 12, mtime);
	h[156] = (uint8_t)type;
	memcpy(h + 257, "ustar\00000", 8);
	memcpy(h + 265, "root", 4);
	memcpy(h + 297, "root", 4);
	memcpy(h + 345, folder, strnlen(folder, 155));
	/* The sum counts its own field as spaces. */
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	octal((char *)h + 148, 7, sum);
}

/* One pax record says its own length in front: "27 size=12345678901234\n". */
static size_t pax_size_record(uint64_t size, char *out, size_t room)
{
	char body[48];
	size_t body_len =
		(size_t)snprintf(body, sizeof(body), " size=%llu\n", (unsigned long long)size);
	size_t len = body_len + 2; /* two digits: bodies are 20 to 30 bytes */

	(void)snprintf(out, room, "%zu%s", len, body);
	return len;
}

static int put_header(struct tarball *t, const char *path, uint64_t size, struct err *e)
{
	uint8_t blocks[3 * TAR_BLOCK] = {0};
	size_t n = 0;

	if (strlen(path) > 100)
		return err_set(e, -ENAMETOOLONG, "the member name %s is too long for a tar", path);
	if (size > TAR_SIZE_MAX) {
		char record[64];
		size_t len = pax_size_record(size, record, sizeof(record));

		tar_header(blocks, t->folder, "pax", 'x', len, t->mtime_s);
		memcpy(blocks + TAR_BLOCK, record, len);
		n = 2 * TAR_BLOCK;
	}
	tar_header(blocks + n, t->folder, path, '0', size, t->mtime_s);
	return put_frame(t, blocks, n + TAR_BLOCK, e);
}

/**
 * tarball_open() - begin a bundle
 * @fd:      an empty file; borrowed until tarball_free()
 * @folder:  name of the folder that every member lies in, at most 155 bytes
 * @mtime_s: modification time of every member, seconds since 1970
 * @ret:     the tarball; tarball_free() it
 *
 * Return: 0; -ENAMETOOLONG; -ENOMEM.
 */
int tarball_open(int fd, const char *folder, uint64_t mtime_s, struct tarball **ret, struct err *e)
{
	struct tarball *t;

	if (strlen(folder) > 155)
		return err_set(e, -ENAMETOOLONG, "the folder name %s is too long for a tar",
			       folder);
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_nomem(e);
	t->fd = fd;
	t->mtime_s = mtime_s;
	(void)snprintf(t->folder, sizeof(t->folder), "%s", folder);
	t->out = malloc(TARBALL_BUFFER);
	t->zstd = ZSTD_createCCtx();
	if (!t->out || !t->zstd) {
		tarball_free(t);
		return err_nomem(e);
	}
	(void)ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_compressionLevel, TARBALL_LEVEL);
	(void)ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_checksumFlag, 1);
	*ret = t;
	return 0;
}

void tarball_free(struct tarball *t)
{
	if (!t)
		return;
	ZSTD_freeCCtx(t->zstd);
	free(t->out);
	free(t->frame);
	free(t);
}

/**
 * tarball_begin() - begin a member whose bytes come in pieces
 * @path:  below the folder, at most 100 bytes
 * @bytes: how many bytes will come
 */
int tarball_begin(struct tarball *t, const char *path, uint64_t bytes, struct err *e)
{
	int r = put_header(t, path, bytes, e);

	if (r < 0)
		return r;
	t->announced = bytes;
	t->came = 0;
	t->open = true;
	return 0;
}

/**
 * tarball_raw() - bytes of the open member that are not compressed yet
 */
int tarball_raw(struct tarball *t, const void *bytes, size_t n, struct err *e)
{
	t->came += n;
	return put_frame(t, bytes, n, e);
}

/**
 * tarball_frame() - bytes of the open member that are a zstd frame already
 * @frame:     @n bytes: one or more complete frames
 * @raw_bytes: what they decompress to
 */
int tarball_frame(struct tarball *t, const void *frame, size_t n, uint64_t raw_bytes, struct err *e)
{
	t->came += raw_bytes;
	return put_bytes(t, frame, n, e);
}

/**
 * tarball_chunk() - a chunk of the open member, header and all
 * @c:     its header; written again, so the copy in the bundle is the one that was checked
 * @frame: its c->frame_bytes bytes
 */
int tarball_chunk(struct tarball *t, const struct chunk *c, const void *frame, struct err *e)
{
	uint8_t header[CHUNK_HEADER_BYTES];
	int r;

	chunk_header_write(c, header);
	r = put_bytes(t, header, sizeof(header), e);
	if (r < 0)
		return r;
	return tarball_frame(t, frame, c->frame_bytes, c->raw_bytes, e);
}

/**
 * tarball_end() - end the open member, with the padding that tar wants
 *
 * Return: 0; -EBADMSG when more or fewer bytes came than were announced: the bundle is then no tar.
 */
int tarball_end(struct tarball *t, struct err *e)
{
	static const uint8_t zeros[TAR_BLOCK];

	t->open = false;
	if (t->came != t->announced)
		return err_set(e, -EBADMSG,
			       "a bundle member has %llu bytes where %llu were announced",
			       (unsigned long long)t->came, (unsigned long long)t->announced);
	return put_frame(t, zeros, (size_t)(-t->came % TAR_BLOCK), e);
}

/**
 * tarball_add() - a whole member from memory
 */
int tarball_add(struct tarball *t, const char *path, const void *bytes, size_t n, struct err *e)
{
	int r = tarball_begin(t, path, n, e);

	if (r == 0)
		r = tarball_raw(t, bytes, n, e);
	if (r == 0)
		r = tarball_end(t, e);
	return r;
}

/**
 * tarball_close() - write the end of the archive
 */
int tarball_close(struct tarball *t, struct err *e)
{
	static const uint8_t zeros[2 * TAR_BLOCK];
	int r = put_frame(t, zeros, sizeof(zeros), e);

	return r < 0 ? r : flush(t, e);
}
