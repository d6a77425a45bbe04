/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spool files for the targets that read them. Changed bytes nearly never have the right checksums,
 * and then nothing behind a header is reached: so, unless an input says otherwise, the checksums of
 * what looks like a row of chunks are made right again before the code under test sees it.
 */
#ifndef TESTS_FUZZ_SPOOL_BYTES_H
#define TESTS_FUZZ_SPOOL_BYTES_H

#include "base/crc32c.h"
#include "format/chunk.h"

#include "fuzz.h"

/* Where scoutfs-trace-bundle(5) puts them. */
#define HEADER_FRAME_BYTES_AT 84
#define HEADER_FRAME_CRC_AT 88
#define HEADER_CRC_AT 100

static inline void spool_mend(uint8_t *bytes, size_t n)
{
	size_t at = 0;

	while (n - at >= CHUNK_HEADER_BYTES) {
		uint8_t *header = bytes + at;
		size_t left = n - at - CHUNK_HEADER_BYTES;
		uint32_t frame = get_le32(header + HEADER_FRAME_BYTES_AT);
		struct chunk c;

		/* A length that leads out of the file is one of the things to be tried. */
		if (frame <= left)
			put_le32(header + HEADER_FRAME_CRC_AT,
				 crc32c(~0u, header + CHUNK_HEADER_BYTES, frame));
		put_le32(header + HEADER_CRC_AT, crc32c(~0u, header, HEADER_CRC_AT));
		if (chunk_header_read(header, n - at, &c) < 0 || c.frame_bytes > left)
			return;
		at += CHUNK_HEADER_BYTES + c.frame_bytes;
	}
}

#endif
