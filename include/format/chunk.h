/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spool's unit: a zstd skippable frame holding our header, then one ordinary zstd frame
 * holding the payload. A row of chunks is a valid zstd stream. The payloads of one stream,
 * joined in order of sequence, are the file that the user gets.
 */
#ifndef FORMAT_CHUNK_H
#define FORMAT_CHUNK_H

#include "base/err.h"

#define CHUNK_HEADER_BYTES 104 /* with the 8 bytes of the skippable frame's own header */

enum chunk_stream {
	CHUNK_RING = 1,	   /* ring pages of CPU .id */
	CHUNK_PACKETS = 2, /* pcap records */
	CHUNK_KMSG = 3,	   /* lines of kernel.log */
	CHUNK_CLOCKS = 4,  /* rows of clocks.csv */
	CHUNK_SERIES = 5,  /* samples of series .id (format/series.h) */
};

struct chunk {
	uint16_t stream;   /* enum chunk_stream */
	uint32_t id;	   /* CPU of a ring; number of a series, from 1; else 0 */
	uint64_t sequence; /* of this stream, from 1; a hole is a dropped segment */
	uint64_t first_ns; /* CLOCK_MONOTONIC of the first and last record */
	uint64_t last_ns;
	uint64_t raw_bytes; /* of the payload */
	uint64_t records;
	uint64_t lost;	      /* records known lost just before or within this chunk */
	uint64_t offset;      /* tail chunks: where in the unfinished chunk the payload goes */
	bool tail;	      /* part of a chunk that was not sealed yet (spool/tail) */
	uint32_t frame_bytes; /* of the zstd frame that follows the header */
	uint32_t frame_crc;   /* crc32c(~0, frame) */
};

void chunk_header_write(const struct chunk *c, uint8_t out[CHUNK_HEADER_BYTES]);
/* 0; -EAGAIN when @n is too short to tell; -EBADMSG when it is not a chunk or its checksum is
 * wrong. */
int chunk_header_read(const uint8_t *bytes, size_t n, struct chunk *ret);
bool chunk_frame_ok(const struct chunk *c, const void *frame);

#endif
