/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A capture from a stranger. Input: how the file is cut into blocks, then the file.
 *
 * Promised: the packets are the same whatever the blocks; each lies in what was given, or in the
 * reader's own buffer of one packet, within the limits; a failure has a sentence, and is for good.
 */
#include "format/pcapfile.h"

#include "fuzz.h"

/* What a reading came to. */
struct result {
	uint64_t packets, sum;
	int code;
};

static void add(struct result *r, const struct pcapfile_packet *p)
{
	r->packets++;
	r->sum = (r->sum ^ p->real_ns) * UINT64_C(0x9e3779b97f4a7c15) + p->on_wire;
	for (uint32_t i = 0; i < p->captured; i++)
		r->sum = (r->sum ^ p->bytes[i]) * UINT64_C(0x100000001b3);
}

static struct result read_in_blocks(const uint8_t *bytes, size_t n, struct input cuts, size_t whole)
{
	struct pcapfile_reader r = {0};
	struct result result = {0};
	struct pcapfile_packet p;
	struct err e = {0};
	size_t at = 0;

	do {
		size_t block = whole ? n : 1 + (size_t)input_u8(&cuts);
		uint8_t *copy;

		if (block > n - at)
			block = n - at;
		copy = fuzz_copy(bytes + at, block);
		at += block;
		pcapfile_feed(&r, copy, block);
		while ((result.code = pcapfile_next(&r, &p, &e)) == 1) {
			MUST(p.captured <= PCAPFILE_PACKET_MAX && p.on_wire >= p.captured);
			add(&result, &p);
		}
		MUST(result.code <= 0);
		free(copy);
	} while (at < n && result.code == 0);
	if (result.code == 0)
		result.code = pcapfile_end(&r, &e);
	else
		MUST(pcapfile_next(&r, &p, NULL) == result.code);
	MUST((result.code == 0) == (e.text[0] == '\0'));
	pcapfile_done(&r);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	uint8_t cut_bytes[16];
	struct input cuts = {cut_bytes, sizeof(cut_bytes)};
	struct result whole, parts;

	input_take(&in, cut_bytes, sizeof(cut_bytes));
	whole = read_in_blocks(in.at, in.left, cuts, true);
	parts = read_in_blocks(in.at, in.left, cuts, false);
	MUST(whole.packets == parts.packets && whole.sum == parts.sum && whole.code == parts.code);
	return 0;
}
