/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spool of a session folder. Input: a byte (bit 0: checksums stay as they are; bit 1: frames
 * are read too), then two segments and a tail.
 *
 * Promised: damage is a result; what is indexed lies within its file; the index is in order and
 * without doubles; a tail has as many bytes as it says and was not sealed, and there is a
 * limit to what all of them take.
 */
#include <errno.h>

#include "format/segment.h"

#include "folder.h"
#include "spool_bytes.h"

#define KEEP_CHECKSUMS 1
#define VERIFY 2
#define TAILS_MAX_BYTES (256 * MIB)

static void put_piece(const char *name, const struct piece *p, bool mend)
{
	uint8_t *copy = fuzz_copy(p->bytes, p->n);

	if (mend)
		spool_mend(copy, p->n);
	scratch_put(name, copy, p->n);
	free(copy);
}

static bool in_order(const struct chunk *a, const struct chunk *b)
{
	if (a->stream != b->stream)
		return a->stream < b->stream;
	if (a->id != b->id)
		return a->id < b->id;
	return a->sequence < b->sequence;
}

static bool same_place(const struct chunk *a, const struct chunk *b)
{
	return a->stream == b->stream && a->id == b->id && a->sequence == b->sequence;
}

static uint8_t touch(const uint8_t *bytes, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum ^= bytes[i];
	return sum;
}

static void check_set(const struct segment_set *s, const struct piece *files)
{
	volatile uint8_t sink = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < s->entry_count; i++) {
		const struct segment_entry *en = &s->entries[i];

		MUST(en->file == 1 || en->file == 2);
		MUST(en->at + CHUNK_HEADER_BYTES + en->chunk.frame_bytes <= files[en->file - 1].n);
		if (i)
			MUST(in_order(&s->entries[i - 1].chunk, &en->chunk));
	}
	for (size_t i = 0; i < s->tail_count; i++) {
		const struct chunk *c = &s->tails[i].chunk;

		for (size_t k = 0; k < s->entry_count; k++)
			MUST(!same_place(&s->entries[k].chunk, c));
		for (size_t k = 0; k < i; k++)
			MUST(!same_place(&s->tails[k].chunk, c));
		MUST(c->raw_bytes && segment_last_sequence(s, c->stream, c->id) >= c->sequence);
		sum += c->raw_bytes;
		/* The sanitizer knows whether they are there. */
		sink = sink ^ touch(s->tails[i].bytes, c->raw_bytes);
	}
	MUST(sum <= TAILS_MAX_BYTES);
	for (size_t i = 0; i < s->damage_count; i++)
		MUST((s->damage[i].bytes || s->damage[i].why) &&
		     fuzz_is_plain(s->damage[i].file, strlen(s->damage[i].file), false));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const below[] = {SEGMENT_DIR};
	struct input in = {bytes, n};
	uint8_t mode = input_u8(&in);
	int fd = scratch_open(below, ARRAY_SIZE(below)), r;
	struct segment_set set;
	struct piece files[3];
	struct err e = {0};

	(void)fuzz_cut(in.at, in.left, files, ARRAY_SIZE(files));
	put_piece(SEGMENT_DIR "/00000001.zst", &files[0], !(mode & KEEP_CHECKSUMS));
	put_piece(SEGMENT_DIR "/00000002.zst", &files[1], !(mode & KEEP_CHECKSUMS));
	put_piece(SEGMENT_TAIL, &files[2], !(mode & KEEP_CHECKSUMS));

	r = segment_set_load(fd, mode & VERIFY, &set, &e);
	MUST(r == 0);
	check_set(&set, files);
	segment_set_done(&set);
	return 0;
}
