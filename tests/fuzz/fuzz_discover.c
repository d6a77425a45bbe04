/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a server's address comes from: a kernel-log line, the connections file, the super block.
 * Input: which of them (bit 7: the blocks of a super block get the magic numbers that they need),
 * then the bytes.
 *
 * Promised: no more answers than asked for, each a whole address of a known mount, said in words
 * that are one line.
 */
#include "discover.h"

#include "fuzz.h"

#define MOUNT "f.3d167d.r.d8ec8b"
#define ANSWERS 3

#define BLOCK 4096
#define MAGIC_SUPER 0x103c428bU
#define MAGIC_QUORUM 0xbc310868U
#define HEAD_BYTES 640 /* of a block, holds all that is looked at */

static void check_found(const struct discovered *d)
{
	char buf[64];

	MUST(strnlen(d->from, sizeof(d->from)) < sizeof(d->from));
	MUST(d->from[0] && fuzz_is_plain(d->from, strlen(d->from), false));
	MUST(strlen(d->mount) == strlen(MOUNT) && strncmp(d->mount, "f.", 2) == 0);
	MUST(d->rank && d->addr.port);
	MUST(*wire_addr_format(&d->addr, buf, sizeof(buf)));
}

static void try_log(const char *line)
{
	struct discovered d;

	if (discover_from_log(line, &d))
		check_found(&d);
}

static void try_connections(const char *text)
{
	/* Exactly as many as asked for. */
	struct discovered *found = fuzz_alloc(ANSWERS * sizeof(*found));
	size_t count = discover_from_connections(MOUNT, text, found, ANSWERS);
	const struct discovered *chosen;
	char list[80];

	MUST(count <= ANSWERS);
	for (size_t i = 0; i < count; i++)
		check_found(&found[i]);
	chosen = discover_choose(found, count);
	MUST(!chosen || (chosen >= found && chosen < found + count));
	MUST(strlen(discover_list(found, count, list, sizeof(list))) < sizeof(list));
	free(found);
}

/* The heads of the blocks, one behind the other; the rest of each block is zeros. */
static void try_super(struct input *in, bool magic)
{
	uint8_t *blocks = calloc(1, DISCOVER_SUPER_BYTES);
	struct discovered d;

	MUST(blocks);
	for (size_t at = 0; at < DISCOVER_SUPER_BYTES; at += BLOCK) {
		input_take(in, blocks + at, HEAD_BYTES);
		if (!magic)
			continue;
		put_le32(blocks + at + 4, at ? MAGIC_QUORUM : MAGIC_SUPER);
		put_le64(blocks + at + 8, UINT64_C(0x3d167d) << 40);
	}
	if (discover_from_super(MOUNT, blocks, DISCOVER_SUPER_BYTES, &d))
		check_found(&d);
	MUST(!discover_from_super(MOUNT, blocks, DISCOVER_SUPER_BYTES - 1, &d));
	free(blocks);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	uint8_t mode = input_u8(&in);
	char *text = fuzz_string(in.at, in.left);

	if ((mode & 3) == 0)
		try_log(text);
	else if ((mode & 3) == 1)
		try_connections(text);
	else
		try_super(&in, mode & 0x80);
	free(text);
	return 0;
}
