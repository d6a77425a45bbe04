/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording from a stranger, in every form. Input: a byte that says which, then its bytes.
 *
 * Byte 1: pieces, cut, of which an assembled bundle is made. One that begins with a chunk's tag is
 * a chunk header and the piece behind it its payload; any other is a frame. Checksums of tar and
 * chunk headers are made right, so that what lies behind them is reached. Byte 2: the files of a
 * folder, cut, in the order of the table below. Any other byte: the file as it is.
 *
 * Promised: a sentence, or an index within its limits whose chunks and members can be read or are
 * told to be damaged; names that lead nowhere else; notes that cannot move a cursor.
 */
#include <sys/mman.h>

#include "bundle.h"

#include "folder.h"
#include "spool_bytes.h"

#include <zstd.h>

#define READ_MAX 200 /* chunks, and members, of an input */
#define MEMBER_MAX MIB
#define TAR_BLOCK 512

static const char *const files[] = {
	"session.json",
	"journal",
	"spool/00000001.zst",
	"spool/00000002.zst",
	"spool/tail",
	"trace-head.zst",
	"comms",
	"packets-head",
	"clocks-head",
	"manifest.json",
	"trace.dat",
	"kernel.log",
	"packets.pcap",
	"clocks.csv",
	"context/start/x",
};

/* ---- making it ---- */

static int memory_file(const void *bytes, size_t n)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	MUST(fd >= 0);
	MUST(file_write_all(fd, bytes, n) == 0);
	return fd;
}

static void mend_tar(uint8_t *bytes, size_t n)
{
	for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK) {
		uint8_t *h = bytes + at;
		unsigned int sum = 0;

		if (memcmp(h + 257, "ustar", 5) != 0)
			continue;
		memset(h + 148, ' ', 8);
		for (size_t i = 0; i < TAR_BLOCK; i++)
			sum += h[i];
		for (int i = 5; i >= 0; i--, sum >>= 3)
			h[148 + i] = (uint8_t)('0' + (sum & 7));
	}
}

static size_t pack(const struct piece *p, uint8_t *out, size_t room)
{
	uint8_t *copy = fuzz_copy(p->bytes, p->n);
	size_t n;

	mend_tar(copy, p->n);
	n = ZSTD_compress(out, room, copy, p->n, 1);
	free(copy);
	MUST(!ZSTD_isError(n));
	return n;
}

/* A chunk header of the input's, but for what must be right to be read. */
static void chunk_header(const struct piece *p, const uint8_t *frame, size_t n, uint8_t *out)
{
	static const uint8_t front[] = {0x5c, 0x2a, 0x4d, 0x18, 96, 0, 0, 0};

	memset(out, 0, CHUNK_HEADER_BYTES);
	memcpy(out, front, sizeof(front));
	memcpy(out + sizeof(front), p->bytes, min_of(p->n, CHUNK_HEADER_BYTES - sizeof(front)));
	/* Zero: the length that is right. */
	if (!get_le32(out + HEADER_FRAME_BYTES_AT))
		put_le32(out + HEADER_FRAME_BYTES_AT, (uint32_t)n);
	put_le32(out + HEADER_FRAME_CRC_AT, crc32c(~0u, frame, n));
	put_le32(out + HEADER_CRC_AT, crc32c(~0u, out, HEADER_CRC_AT));
}

static int assemble(const uint8_t *bytes, size_t n)
{
	size_t room = 2 * n + 64 * KIB, used = 0, count;
	struct piece p[200];
	uint8_t *out = fuzz_alloc(room);
	int fd;

	count = fuzz_cut(bytes, n, p, ARRAY_SIZE(p));
	for (size_t i = 0; i < count && used + CHUNK_HEADER_BYTES < room; i++) {
		bool chunk = p[i].n >= 8 && memcmp(p[i].bytes, "scoutfsT", 8) == 0;
		const struct piece *payload = chunk && i + 1 < count ? &p[i + 1] : &p[i];
		uint8_t *frame = out + used + (chunk ? CHUNK_HEADER_BYTES : 0);
		size_t frame_n;

		if (ZSTD_compressBound(payload->n) > room - used - CHUNK_HEADER_BYTES)
			break;
		frame_n = pack(payload, frame, room - used - CHUNK_HEADER_BYTES);
		if (chunk)
			chunk_header(&p[i], frame, frame_n, out + used);
		used += frame_n + (chunk ? CHUNK_HEADER_BYTES : 0);
		i += payload != &p[i];
	}
	fd = memory_file(out, used);
	free(out);
	return fd;
}

static void put_folder(const uint8_t *bytes, size_t n)
{
	struct piece p[ARRAY_SIZE(files)];

	(void)fuzz_cut(bytes, n, p, ARRAY_SIZE(p));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		uint8_t *copy = fuzz_copy(p[i].bytes, p[i].n);

		if (str_starts(files[i], "spool/"))
			spool_mend(copy, p[i].n);
		scratch_put(files[i], copy, p[i].n);
		free(copy);
	}
}

/* ---- what is promised ---- */

static void check_stream(const struct bundle *b, const struct bundle_stream *s,
			 struct bundle_reader *r, size_t *left)
{
	uint8_t *buf = fuzz_alloc(s->raw_max);
	size_t from, to;

	MUST(s->count && s->raw_max <= BUNDLE_CHUNK_MAX && s->first_ns <= s->last_ns);
	MUST(bundle_stream(b, s->kind, s->id) == s);
	for (size_t i = 0; i < s->count; i++) {
		const struct bundle_chunk *c = &s->chunks[i];
		struct err e = {0};

		MUST(c->sequence && (!i || c->sequence > c[-1].sequence));
		MUST(c->raw_bytes && c->raw_bytes <= s->raw_max && c->first_ns <= c->last_ns);
		bundle_stream_window(s, c->first_ns, c->last_ns, &from, &to);
		MUST(from <= i && i < to && to <= s->count);
		if (!*left)
			continue;
		--*left;
		MUST(bundle_chunk_read(b, c, r, buf, s->raw_max, &e) == 0 || e.text[0]);
	}
	free(buf);
}

static int look_at(void *arg, const uint8_t *bytes, size_t n)
{
	uint64_t *sum = arg;

	*sum += n;
	(void)crc32c(~0u, bytes, n);
	return *sum > MEMBER_MAX;
}

static void check_member(const struct bundle *b, const struct bundle_member *m)
{
	CLEANUP(text_free) struct text t = {0};
	struct err e = {0};
	uint64_t sum = 0;
	int r;

	MUST(m->path[0] && m->path[0] != '/' && fuzz_is_plain(m->path, strlen(m->path), false));
	MUST(!strstr(m->path, "/../") && !str_starts(m->path, "../"));
	MUST(bundle_member(b, m->path) == m);
	r = bundle_member_each(b, m->path, look_at, &sum, &e);
	MUST(r >= 0 || e.text[0]);
	MUST(r != 0 || sum == m->bytes);
	r = bundle_prologue(b, m->path, &t, &e);
	MUST(r != 0 || t.len <= m->bytes);
}

static void check_bundle(const char *path)
{
	const struct bundle_member *members;
	const struct bundle_stream *streams;
	const struct bundle_note *notes;
	struct bundle_reader *r;
	size_t n, left = READ_MAX;
	struct bundle *b = NULL;
	struct err e = {0};

	if (bundle_open(path, &b, &e) < 0) {
		MUST(e.text[0] && !b);
		return;
	}
	MUST(bundle_reader_new(&r, NULL) == 0);
	n = bundle_streams(b, &streams);
	for (size_t i = 0; i < n; i++)
		check_stream(b, &streams[i], r, &left);
	n = bundle_members(b, &members);
	for (size_t i = 0; i < n && i < READ_MAX; i++)
		check_member(b, &members[i]);
	n = bundle_notes(b, &notes);
	for (size_t i = 0; i < n; i++)
		MUST(fuzz_is_plain(notes[i].text, strlen(notes[i].text), false));
	bundle_reader_free(r);
	bundle_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const below[] = {"spool", "context", "context/start"};
	char path[64];
	int fd;

	if (!n)
		return 0;
	if (bytes[0] == 2) {
		(void)scratch_open(below, ARRAY_SIZE(below));
		put_folder(bytes + 1, n - 1);
		check_bundle(scratch_path);
		return 0;
	}
	fd = bytes[0] == 1 ? assemble(bytes + 1, n - 1) : memory_file(bytes + 1, n - 1);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check_bundle(path);
	(void)close(fd);
	return 0;
}
