/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spool of a session folder, read: segments, and the tail of chunks that were not sealed yet.
 *
 *   spool/NNNNNNNN.zst   rows of sealed chunks, oldest file first
 *   spool/tail           what each open chunk held at the last sync; emptied whenever all are
 * sealed spool/reserve.*      space that is held for later; not data
 */
#ifndef FORMAT_SEGMENT_H
#define FORMAT_SEGMENT_H

#include "base/err.h"
#include "format/chunk.h"

#define SEGMENT_DIR "spool"
#define SEGMENT_TAIL SEGMENT_DIR "/tail"
#define SEGMENT_NAME SEGMENT_DIR "/%08u.zst"
#define SEGMENT_RESERVE SEGMENT_DIR "/reserve.%u"
#define SEGMENT_LOSS_BYTES 512 /* a place of the loss ledger: a sector, whole or not at all */
#define SEGMENT_FRAME_MAX (UINT32_C(64) << 20) /* a longer frame is damage */

/* One sealed chunk and where it lies. */
struct segment_entry {
	struct chunk chunk;
	uint32_t file; /* number in the segment's name; 0: it is ->tails[at] */
	uint64_t at;   /* offset of its header in that file */
};

/* A chunk that was still open at the last sync, put together from the tail. */
struct segment_tail {
	struct chunk chunk; /* raw_bytes, first, last, records, lost of the whole of it */
	uint8_t *bytes;
	/* Pieces that cannot be read leave holes, which are closed: what follows is moved up. */
	uint64_t hole_bytes;	       /* of all holes so far */
	uint64_t hole_start, hole_end; /* of the last one, as the recorder counted */
};

/* A stretch of a file that cannot be read. What lies behind it can. */
struct segment_damage {
	char file[32];
	uint64_t at;	 /* offset of the first byte that makes no sense */
	uint64_t bytes;	 /* as many until something does, or the end of the file */
	const char *why; /* constant; NULL: the bytes make no sense */
};

struct segment_set {
	struct segment_entry *entries; /* by stream, id, sequence */
	size_t entry_count, entry_room;
	struct segment_tail *tails; /* by stream, id, sequence */
	size_t tail_count;
	struct segment_damage *damage;
	size_t damage_count;
	uint32_t newest_file; /* greatest number in use; 0 none */
	uint64_t disk_bytes;
};

/* @verify: read every frame and check its checksum, not only the headers. */
int segment_set_load(int session_fd, bool verify, struct segment_set *ret, struct err *e);
/* Enter the open chunks among the sealed ones, in their places. */
int segment_set_adopt_tails(struct segment_set *s, struct err *e);
void segment_set_done(struct segment_set *s);
int segment_open(int session_fd, uint32_t file, struct err *e);
/* Greatest sequence of a stream, sealed or in the tail; 0 none. */
uint64_t segment_last_sequence(const struct segment_set *s, uint16_t stream, uint32_t id);

#endif
