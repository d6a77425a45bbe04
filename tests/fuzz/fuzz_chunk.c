/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One chunk header and its frame. Input: a byte (bit 0: the checksums stay as they are), then the
 * header, then the frame.
 *
 * Promised: what was read and is written again reads the same.
 */
#include <errno.h>

#include "format/chunk.h"

#include "spool_bytes.h"

static void check_again(const struct chunk *c)
{
	uint8_t header[CHUNK_HEADER_BYTES], again[CHUNK_HEADER_BYTES];
	struct chunk d;

	chunk_header_write(c, header);
	MUST(chunk_header_read(header, sizeof(header), &d) == 0);
	chunk_header_write(&d, again);
	MUST(memcmp(header, again, sizeof(header)) == 0);
	MUST(c->stream == d.stream && c->id == d.id && c->sequence == d.sequence &&
	     c->raw_bytes == d.raw_bytes && c->offset == d.offset && c->tail == d.tail &&
	     c->frame_bytes == d.frame_bytes && c->frame_crc == d.frame_crc);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	bool mend = !(input_u8(&in) & 1);
	uint8_t *copy = fuzz_copy(in.at, in.left);
	struct chunk c;
	int r;

	if (mend)
		spool_mend(copy, in.left);
	r = chunk_header_read(copy, in.left, &c);
	MUST(r == 0 || r == -EAGAIN || r == -EBADMSG);
	MUST((r == -EAGAIN) == (in.left < CHUNK_HEADER_BYTES));
	if (r == 0) {
		check_again(&c);
		if (c.frame_bytes <= in.left - CHUNK_HEADER_BYTES)
			MUST(chunk_frame_ok(&c, copy + CHUNK_HEADER_BYTES) || !mend);
	}
	free(copy);
	return 0;
}
