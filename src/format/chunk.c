/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The chunk header: how it lies in the bytes of a zstd skippable frame.
 *
 * Written by record/spool.c, read by format/segment.c and, in bundles, by the report's reader. Only
 * the header is made here; compressing and writing belong to those who own the buffers and files.
 *
 * Skippable frames (RFC 8878, 3.1.2) are ignored by every zstd decoder, which is what lets a
 * segment, and a bundle made of segments, pass for an ordinary .zst file. Every field is
 * little-endian. The header has a checksum of its own, apart from the frame's, so that a walk over
 * the headers alone can be trusted.
 */
#include "format/chunk.h"

#include <errno.h>

#include "base/crc32c.h"

/* One of the sixteen skippable magics 0x184D2A50..5F; C for chunk. */
#define CHUNK_SKIPPABLE_MAGIC 0x184D2A5Cu
#define CHUNK_VERSION 1
#define CHUNK_FLAG_TAIL 1u

static const char chunk_tag[8] = {'s', 'c', 'o', 'u', 't', 'f', 's', 'T'};

enum {
	AT_MAGIC = 0,
	AT_SIZE = 4,
	AT_TAG = 8,
	AT_VERSION = 16,
	AT_STREAM = 18,
	AT_ID = 20,
	AT_SEQUENCE = 24,
	AT_FIRST = 32,
	AT_LAST = 40,
	AT_RAW = 48,
	AT_RECORDS = 56,
	AT_LOST = 64,
	AT_OFFSET = 72,
	AT_FLAGS = 80,
	AT_FRAME_BYTES = 84,
	AT_FRAME_CRC = 88,
	AT_RESERVED = 92, /* eight bytes of zero */
	AT_HEADER_CRC = 100,
};

/**
 * chunk_header_write() - lay a chunk header out in bytes
 * @c:   the header; frame_bytes and frame_crc are already those of the frame that will follow
 * @out: CHUNK_HEADER_BYTES bytes: a complete zstd skippable frame
 */
void chunk_header_write(const struct chunk *c, uint8_t out[CHUNK_HEADER_BYTES])
{
	memset(out, 0, CHUNK_HEADER_BYTES);
	put_le32(out + AT_MAGIC, CHUNK_SKIPPABLE_MAGIC);
	put_le32(out + AT_SIZE, CHUNK_HEADER_BYTES - AT_TAG);
	memcpy(out + AT_TAG, chunk_tag, sizeof(chunk_tag));
	put_le16(out + AT_VERSION, CHUNK_VERSION);
	put_le16(out + AT_STREAM, c->stream);
	put_le32(out + AT_ID, c->id);
	put_le64(out + AT_SEQUENCE, c->sequence);
	put_le64(out + AT_FIRST, c->first_ns);
	put_le64(out + AT_LAST, c->last_ns);
	put_le64(out + AT_RAW, c->raw_bytes);
	put_le64(out + AT_RECORDS, c->records);
	put_le64(out + AT_LOST, c->lost);
	put_le64(out + AT_OFFSET, c->offset);
	put_le32(out + AT_FLAGS, c->tail ? CHUNK_FLAG_TAIL : 0);
	put_le32(out + AT_FRAME_BYTES, c->frame_bytes);
	put_le32(out + AT_FRAME_CRC, c->frame_crc);
	put_le32(out + AT_HEADER_CRC, crc32c(~0u, out, AT_HEADER_CRC));
}

/**
 * chunk_header_read() - read a chunk header from foreign bytes
 * @bytes: where a header is expected
 * @n:     how many bytes there are
 * @ret:   set on success only
 *
 * A header of a newer version than ours is -EBADMSG too: its fields cannot be trusted.
 *
 * Return: 0; -EAGAIN if @n is too short to tell; -EBADMSG if this is not a chunk header or it is
 * damaged.
 */
int chunk_header_read(const uint8_t *bytes, size_t n, struct chunk *ret)
{
	struct chunk c = {0};

	if (n < CHUNK_HEADER_BYTES)
		return -EAGAIN;
	if (get_le32(bytes + AT_MAGIC) != CHUNK_SKIPPABLE_MAGIC ||
	    get_le32(bytes + AT_SIZE) != CHUNK_HEADER_BYTES - AT_TAG ||
	    memcmp(bytes + AT_TAG, chunk_tag, sizeof(chunk_tag)) != 0 ||
	    get_le16(bytes + AT_VERSION) != CHUNK_VERSION)
		return -EBADMSG;
	if (get_le32(bytes + AT_HEADER_CRC) != crc32c(~0u, bytes, AT_HEADER_CRC))
		return -EBADMSG;

	c.stream = get_le16(bytes + AT_STREAM);
	c.id = get_le32(bytes + AT_ID);
	c.sequence = get_le64(bytes + AT_SEQUENCE);
	c.first_ns = get_le64(bytes + AT_FIRST);
	c.last_ns = get_le64(bytes + AT_LAST);
	c.raw_bytes = get_le64(bytes + AT_RAW);
	c.records = get_le64(bytes + AT_RECORDS);
	c.lost = get_le64(bytes + AT_LOST);
	c.offset = get_le64(bytes + AT_OFFSET);
	c.tail = get_le32(bytes + AT_FLAGS) & CHUNK_FLAG_TAIL;
	c.frame_bytes = get_le32(bytes + AT_FRAME_BYTES);
	c.frame_crc = get_le32(bytes + AT_FRAME_CRC);
	*ret = c;
	return 0;
}

/**
 * chunk_frame_ok() - are these the bytes that the header was written for?
 * @c:     a header that was read
 * @frame: c->frame_bytes bytes
 */
bool chunk_frame_ok(const struct chunk *c, const void *frame)
{
	return crc32c(~0u, frame, c->frame_bytes) == c->frame_crc;
}
