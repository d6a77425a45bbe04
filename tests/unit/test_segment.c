/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A spool folder that was cut or changed at any place: what lies before and behind the damage is
 * read, the damage is told where it is, and nothing that was not written is ever believed.
 */
#include "base/crc32c.h"
#include "sessionkit.h"
#include "test.h"

#define CHUNKS 12

/* A file of chunks made by hand, and what is in it. */
struct row {
	struct text file;
	struct chunk chunk[CHUNKS];
	uint64_t at[CHUNKS + 1]; /* of each header, and the end */
	struct text payload[CHUNKS];
};

static void row_add(struct row *r, int i, struct chunk c, const void *payload, size_t n)
{
	size_t room = ZSTD_compressBound(n);
	uint8_t header[CHUNK_HEADER_BYTES], *frame = malloc(room);

	c.raw_bytes = n;
	c.frame_bytes = (uint32_t)ZSTD_compress(frame, room, payload, n, 1);
	c.frame_crc = crc32c(~0u, frame, c.frame_bytes);
	chunk_header_write(&c, header);
	r->chunk[i] = c;
	r->at[i] = r->file.len;
	text_add(&r->file, header, sizeof(header));
	text_add(&r->file, frame, c.frame_bytes);
	text_add(&r->payload[i], payload, n);
	r->at[i + 1] = r->file.len;
	free(frame);
}

static void row_free(struct row *r)
{
	text_free(&r->file);
	for (int i = 0; i < CHUNKS; i++)
		text_free(&r->payload[i]);
}

static size_t letters(int i, char *buf, size_t room)
{
	uint64_t state = (uint64_t)i + 99;
	size_t n = 100 + damage(&state) % (room - 100);

	for (size_t k = 0; k < n; k++)
		buf[k] = (char)('a' + damage(&state) % 26);
	return n;
}

/* Sealed chunks 1..CHUNKS of one stream. */
static void make_segment(struct row *r)
{
	*r = (struct row){0};
	for (int i = 0; i < CHUNKS; i++) {
		struct chunk c = {.stream = CHUNK_KMSG,
				  .sequence = (uint64_t)i + 1,
				  .first_ns = 10 * (uint64_t)i,
				  .last_ns = 10 * (uint64_t)i + 9,
				  .records = 1};
		char buf[700];

		row_add(r, i, c, buf, letters(i, buf, sizeof(buf)));
	}
}

static void put_file(const struct kit_folder *dir, const char *name, const void *bytes, size_t n)
{
	int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || file_write_all(fd, bytes, n) < 0)
		kit_die(name);
	(void)close(fd);
}

static struct kit_folder spool_folder(void)
{
	struct kit_folder dir = kit_folder_make();

	if (mkdirat(dir.fd, SEGMENT_DIR, 0700) < 0)
		kit_die(SEGMENT_DIR);
	put_file(&dir, SEGMENT_TAIL, "", 0);
	return dir;
}

/* How many whole chunks lie before @n bytes. */
static size_t whole_before(const struct row *r, size_t n)
{
	size_t k = 0;

	while (k < CHUNKS && r->at[k + 1] <= n)
		k++;
	return k;
}

static bool is_chunk(const struct segment_entry *en, const struct row *r, size_t i)
{
	return en->file == 1 && en->at == r->at[i] && en->chunk.sequence == r->chunk[i].sequence &&
	       en->chunk.frame_crc == r->chunk[i].frame_crc;
}

static void a_segment_cut_anywhere_gives_what_precedes_the_cut(void)
{
	struct kit_folder dir = spool_folder();
	struct row r;

	make_segment(&r);
	for (size_t n = 0; n <= r.file.len; n++) {
		size_t whole = whole_before(&r, n);

		for (int verify = 0; verify < 2; verify++) {
			struct segment_set set;

			put_file(&dir, SEGMENT_DIR "/00000001.zst", r.file.s, n);
			CHECK_EQ(segment_set_load(dir.fd, verify, &set, NULL), 0);
			CHECK_EQ(set.entry_count, whole);
			for (size_t i = 0; i < whole; i++)
				CHECK(is_chunk(&set.entries[i], &r, i));
			CHECK_EQ(set.damage_count, n != r.at[whole]);
			if (set.damage_count) {
				CHECK_STR(set.damage[0].file, SEGMENT_DIR "/00000001.zst");
				CHECK_EQ(set.damage[0].at, r.at[whole]);
				CHECK_EQ(set.damage[0].bytes, n - r.at[whole]);
			}
			CHECK_EQ(set.newest_file, 1);
			CHECK_EQ(set.disk_bytes, n);
			segment_set_done(&set);
		}
	}
	row_free(&r);
	kit_folder_remove(&dir);
}

/* The newest was just begun; one before it had something once. */
static void an_empty_segment_is_damage_unless_it_is_the_newest(void)
{
	struct kit_folder dir = spool_folder();
	struct segment_set set;
	struct row r;

	make_segment(&r);
	put_file(&dir, SEGMENT_DIR "/00000001.zst", r.file.s, r.file.len);
	put_file(&dir, SEGMENT_DIR "/00000002.zst", "", 0);
	CHECK_EQ(segment_set_load(dir.fd, false, &set, NULL), 0);
	CHECK_EQ(set.entry_count, CHUNKS);
	CHECK_EQ(set.damage_count, 0);
	CHECK_EQ(set.newest_file, 2);
	segment_set_done(&set);
	put_file(&dir, SEGMENT_DIR "/00000001.zst", "", 0);
	put_file(&dir, SEGMENT_DIR "/00000002.zst", r.file.s, r.file.len);
	CHECK_EQ(segment_set_load(dir.fd, false, &set, NULL), 0);
	CHECK_EQ(set.entry_count, CHUNKS);
	CHECK_EQ(set.damage_count, 1);
	CHECK_STR(set.damage[0].file, SEGMENT_DIR "/00000001.zst");
	CHECK_STR(set.damage[0].why, "is empty");
	segment_set_done(&set);
	row_free(&r);
	kit_folder_remove(&dir);
}

static void a_changed_byte_costs_no_more_than_it_must(void)
{
	struct kit_folder dir = spool_folder();
	struct row r;

	make_segment(&r);
	for (size_t n = 0; n < r.file.len; n++) {
		size_t hit = whole_before(&r, n);
		struct segment_set set;

		r.file.s[n] ^= 0x10;
		put_file(&dir, SEGMENT_DIR "/00000001.zst", r.file.s, r.file.len);
		r.file.s[n] ^= 0x10;
		CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
		CHECK_EQ(set.entry_count, CHUNKS - 1);
		for (size_t i = 0; i < set.entry_count; i++)
			CHECK(is_chunk(&set.entries[i], &r, i < hit ? i : i + 1));
		CHECK_EQ(set.damage_count, 1);
		CHECK_EQ(set.damage[0].at, r.at[hit]);
		CHECK_EQ(set.damage[0].bytes, r.at[hit + 1] - r.at[hit]);
		segment_set_done(&set);
	}
	row_free(&r);
	kit_folder_remove(&dir);
}

/* A stretch of zeros, or one that is not there at all: what it touches is lost, and no more. */
static void a_stretch_in_the_middle_costs_that_stretch(void)
{
	struct kit_folder dir = spool_folder();
	struct row r;

	make_segment(&r);
	for (int gone = 0; gone < 4; gone++) {
		size_t from = r.at[3] + 50, to = r.at[5] + 200;
		struct text file = {0};
		struct segment_set set;

		text_add(&file, r.file.s, r.file.len);
		memset(file.s + from, 0, to - from);
		if (gone & 1) {
			memmove(file.s + from, file.s + to, file.len - to);
			file.len -= to - from;
		}
		put_file(&dir, SEGMENT_DIR "/00000001.zst", file.s, file.len);
		CHECK_EQ(segment_set_load(dir.fd, gone & 2, &set, NULL), 0);
		CHECK_EQ(set.entry_count, CHUNKS - 3);
		for (size_t i = 0; i < set.entry_count; i++) {
			size_t k = i < 3 ? i : i + 3;

			CHECK_EQ(set.entries[i].chunk.frame_crc, r.chunk[k].frame_crc);
			CHECK_EQ(set.entries[i].at, r.at[k] - (k > 3 && gone & 1 ? to - from : 0));
		}
		CHECK_EQ(set.damage_count, 1);
		CHECK_EQ(set.damage[0].at, r.at[3]);
		CHECK_EQ(set.damage[0].bytes, r.at[6] - r.at[3] - (gone & 1 ? to - from : 0));
		segment_set_done(&set);
		text_free(&file);
	}
	row_free(&r);
	kit_folder_remove(&dir);
}

/* What is in a payload stays there, even when the chunk around it is damaged. */
static void a_chunk_within_a_payload_is_none(void)
{
	struct kit_folder dir = spool_folder();
	struct row inner = {0}, r = {0};
	struct segment_set set;
	uint64_t state = 4711;

	row_add(&inner, 0, (struct chunk){.stream = CHUNK_KMSG, .sequence = 7}, "no", 2);
	/* Half of its frame is missing in there; with noise, zstd leaves everything as it is. */
	inner.file.len -= 4;
	for (int i = 0; i < 8192; i++) {
		char byte = (char)damage(&state);

		text_add(&inner.file, &byte, 1);
	}
	row_add(&r, 0, (struct chunk){.stream = CHUNK_KMSG, .sequence = 1, .records = 1},
		inner.file.s, inner.file.len);
	CHECK(memmem(r.file.s + CHUNK_HEADER_BYTES, r.file.len - CHUNK_HEADER_BYTES, inner.file.s,
		     CHUNK_HEADER_BYTES));
	row_add(&r, 1, (struct chunk){.stream = CHUNK_KMSG, .sequence = 2, .records = 1}, "x", 1);
	r.file.s[0] ^= 1;
	put_file(&dir, SEGMENT_DIR "/00000001.zst", r.file.s, r.file.len);
	CHECK_EQ(segment_set_load(dir.fd, false, &set, NULL), 0);
	CHECK_EQ(set.entry_count, 1);
	CHECK_EQ(set.entries[0].chunk.sequence, 2);
	segment_set_done(&set);
	row_free(&inner);
	row_free(&r);
	kit_folder_remove(&dir);
}

/* ---- the tail ---- */

/*
 * Two streams' open chunks as syncs leave them: pieces that follow on each other, one that comes
 * back to rewrite the end (a ring page that was completed), and a next chunk.
 */
static const struct piece {
	uint32_t id;
	uint64_t sequence, offset, bytes;
} pieces[CHUNKS] = {
	{0, 5, 0, 300},	  {1, 1, 0, 100},   {0, 5, 300, 50},  {1, 1, 100, 700},
	{0, 5, 250, 400}, {1, 1, 800, 1},   {0, 5, 650, 10},  {1, 1, 400, 800},
	{0, 6, 0, 90},	  {1, 1, 1200, 20}, {0, 6, 90, 1000}, {1, 1, 1000, 500},
};

static void make_tail(struct row *r)
{
	*r = (struct row){0};
	for (int i = 0; i < CHUNKS; i++) {
		const struct piece *p = &pieces[i];
		struct chunk c = {.stream = CHUNK_RING,
				  .id = p->id,
				  .sequence = p->sequence,
				  .first_ns = 1,
				  .last_ns = (uint64_t)i + 1,
				  .records = (uint64_t)i + 1,
				  .offset = p->offset,
				  .tail = true};
		char buf[2048];

		(void)letters(i, buf, sizeof(buf));
		row_add(r, i, c, buf, p->bytes);
	}
}

/*
 * What the first @count pieces but @lost amount to for one open chunk: bytes laid over each other,
 * and where there are none, closed up.
 */
static size_t laid(const struct row *r, size_t count, size_t lost, uint32_t id, uint64_t sequence,
		   char *buf, uint64_t *ret_last)
{
	char bytes[4096];
	bool have[4096] = {false};
	size_t end = 0, used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct piece *p = &pieces[i];

		if (p->id != id || p->sequence != sequence || i == lost)
			continue;
		end = p->offset + p->bytes;
		memcpy(bytes + p->offset, r->payload[i].s, p->bytes);
		memset(have + p->offset, true, p->bytes);
		*ret_last = i + 1;
	}
	for (size_t k = 0; k < end; k++)
		if (have[k])
			buf[used++] = bytes[k];
	return used;
}

static void check_tails(const struct segment_set *set, const struct row *r, size_t whole,
			size_t lost)
{
	static const struct {
		uint32_t id;
		uint64_t sequence;
	} open[] = {{0, 5}, {0, 6}, {1, 1}};
	size_t seen = 0;

	for (size_t k = 0; k < 3; k++) {
		char want[4096];
		uint64_t last = 0;
		size_t n = laid(r, whole, lost, open[k].id, open[k].sequence, want, &last);
		const struct segment_tail *t = &set->tails[seen];

		if (!n)
			continue;
		CHECK(seen++ < set->tail_count);
		CHECK_EQ(t->chunk.id, open[k].id);
		CHECK_EQ(t->chunk.sequence, open[k].sequence);
		CHECK_EQ(t->chunk.raw_bytes, n);
		CHECK(memcmp(t->bytes, want, n) == 0);
		CHECK_EQ(t->chunk.records, last); /* the newest piece speaks for the whole */
		CHECK_EQ(t->chunk.last_ns, last);
		CHECK(!t->chunk.tail);
	}
	CHECK_EQ(set->tail_count, seen);
}

static void a_tail_cut_anywhere_gives_what_precedes_the_cut(void)
{
	struct kit_folder dir = spool_folder();
	struct row r;

	make_tail(&r);
	for (size_t n = 0; n <= r.file.len; n++) {
		size_t whole = whole_before(&r, n);
		struct segment_set set;

		put_file(&dir, SEGMENT_TAIL, r.file.s, n);
		CHECK_EQ(segment_set_load(dir.fd, false, &set, NULL), 0);
		check_tails(&set, &r, whole, SIZE_MAX);
		if (test_failed)
			return;
		CHECK_EQ(set.damage_count, n != r.at[whole]);
		if (set.damage_count) {
			CHECK_STR(set.damage[0].file, SEGMENT_TAIL);
			CHECK_EQ(set.damage[0].at, r.at[whole]);
		}
		segment_set_done(&set);
	}
	row_free(&r);
	kit_folder_remove(&dir);
}

static void a_changed_byte_in_the_tail_costs_one_piece(void)
{
	struct kit_folder dir = spool_folder();
	struct row r;

	make_tail(&r);
	for (size_t n = 0; n < r.file.len; n++) {
		size_t hit = whole_before(&r, n);
		struct segment_set set;

		r.file.s[n] ^= 0x01;
		put_file(&dir, SEGMENT_TAIL, r.file.s, r.file.len);
		r.file.s[n] ^= 0x01;
		CHECK_EQ(segment_set_load(dir.fd, false, &set, NULL), 0);
		check_tails(&set, &r, CHUNKS, hit);
		if (test_failed)
			return;
		CHECK_EQ(set.damage_count, 1);
		CHECK_EQ(set.damage[0].at, r.at[hit]);
		CHECK_EQ(set.damage[0].bytes, r.at[hit + 1] - r.at[hit]);
		segment_set_done(&set);
	}
	row_free(&r);
	kit_folder_remove(&dir);
}

/* The tail's copy of a chunk whose sealed one cannot be read, with all that were sealed before it.
 */
static void the_tail_makes_up_for_a_damaged_copy(void)
{
	struct kit_folder dir = spool_folder();
	struct row seg = {0}, tail = {0};
	struct segment_set set;

	for (int i = 0; i < 3; i++)
		row_add(&seg, i, (struct chunk){.stream = CHUNK_KMSG, .sequence = (uint64_t)i + 1},
			"abc", 3);
	row_add(&tail, 0, (struct chunk){.stream = CHUNK_KMSG, .sequence = 1, .tail = true}, "abc",
		3);
	put_file(&dir, SEGMENT_TAIL, tail.file.s, tail.file.len);
	seg.file.s[seg.at[0]] = 0;
	put_file(&dir, SEGMENT_DIR "/00000001.zst", seg.file.s, seg.file.len);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.entry_count, 2);
	CHECK_EQ(set.tail_count, 1);
	CHECK_EQ(set.damage_count, 1);
	segment_set_done(&set);
	row_free(&seg);
	row_free(&tail);
	kit_folder_remove(&dir);
}

static void pieces_that_do_not_fit_are_damage(void)
{
	static const struct chunk wrong[] = {
		{.stream = 1, .sequence = 1, .offset = 1, .tail = true}, /* begins behind nothing */
		{.stream = 1, .sequence = 1, .offset = 0, .tail = false}, /* not a piece */
		{.stream = 1, .sequence = 1, .offset = 1 << 30, .tail = true},
	};
	struct kit_folder dir = spool_folder();

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct segment_set set;
		struct row r = {0};

		row_add(&r, 0, wrong[i], "hello", 5);
		put_file(&dir, SEGMENT_TAIL, r.file.s, r.file.len);
		CHECK_EQ(segment_set_load(dir.fd, false, &set, NULL), 0);
		CHECK_EQ(set.tail_count, 0);
		CHECK_EQ(set.damage_count, 1);
		segment_set_done(&set);
		row_free(&r);
	}
	kit_folder_remove(&dir);
}

/* A frame whose checksum is right but which does not give what its header says. */
static void a_frame_that_lies_changes_nothing(void)
{
	struct kit_folder dir = spool_folder();
	struct segment_set set;
	struct row r = {0}, lie = {0};
	struct chunk c = {.stream = 1, .sequence = 1, .tail = true};
	uint8_t header[CHUNK_HEADER_BYTES];
	char buf[1000];

	memset(buf, 'x', sizeof(buf));
	row_add(&r, 0, c, buf, sizeof(buf));
	row_add(&lie, 0, c, "short", 5);
	for (uint64_t raw = 1; raw < 10; raw++) {
		struct text both = {0};

		if (raw == 5)
			continue;
		lie.chunk[0].raw_bytes = raw;
		chunk_header_write(&lie.chunk[0], header);
		text_add(&both, r.file.s, r.file.len);
		text_add(&both, header, sizeof(header));
		text_add(&both, lie.file.s + CHUNK_HEADER_BYTES, lie.chunk[0].frame_bytes);
		put_file(&dir, SEGMENT_TAIL, both.s, both.len);
		CHECK_EQ(segment_set_load(dir.fd, false, &set, NULL), 0);
		CHECK_EQ(set.tail_count, 1);
		CHECK_EQ(set.damage_count, 1);
		CHECK_EQ(set.tails[0].chunk.raw_bytes, 1000);
		CHECK(memcmp(set.tails[0].bytes, buf, 1000) == 0);
		segment_set_done(&set);
		text_free(&both);
	}
	row_free(&r);
	row_free(&lie);
	kit_folder_remove(&dir);
}

/* ---- both together ---- */

static void write_sequences(const struct kit_folder *dir, const char *name, const uint64_t *seq,
			    size_t count, bool tail)
{
	struct row r = {0};

	for (size_t i = 0; i < count; i++)
		row_add(&r, (int)i,
			(struct chunk){.stream = CHUNK_KMSG, .sequence = seq[i], .tail = tail},
			name, strlen(name));
	put_file(dir, name, r.file.s, r.file.len);
	row_free(&r);
}

static void the_tail_adds_what_was_not_sealed(void)
{
	struct kit_folder dir = spool_folder();
	struct segment_set set;

	/* 5 was sealed; 7 was, but its copy is lost; 9 is open. 2 went with the segment before. */
	write_sequences(&dir, SEGMENT_DIR "/00000004.zst", (const uint64_t[]){4, 5, 6, 8}, 4,
			false);
	write_sequences(&dir, SEGMENT_TAIL, (const uint64_t[]){2, 5, 7, 9}, 4, true);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.entry_count, 4);
	CHECK_EQ(set.tail_count, 2);
	CHECK_EQ(set.tails[0].chunk.sequence, 7);
	CHECK_EQ(set.tails[1].chunk.sequence, 9);
	CHECK_EQ(segment_last_sequence(&set, CHUNK_KMSG, 0), 9);
	CHECK_EQ(segment_last_sequence(&set, CHUNK_KMSG, 1), 0);
	CHECK_EQ(set.newest_file, 4);
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

static void of_two_chunks_with_one_number_the_first_counts(void)
{
	struct kit_folder dir = spool_folder();
	struct segment_set set;

	write_sequences(&dir, SEGMENT_DIR "/00000010.zst", (const uint64_t[]){3, 4}, 2, false);
	write_sequences(&dir, SEGMENT_DIR "/00000009.zst", (const uint64_t[]){1, 2, 3, 3}, 4,
			false);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.entry_count, 4);
	CHECK(kit_no_holes(&set, true));
	CHECK_EQ(set.entries[2].file, 9);
	/* Right behind the second; the other one is further behind. */
	CHECK_EQ(set.entries[2].at,
		 set.entries[1].at + CHUNK_HEADER_BYTES + set.entries[1].chunk.frame_bytes);
	CHECK_EQ(set.entries[3].file, 10);
	CHECK_EQ(set.newest_file, 10);
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

static void only_segments_are_read(void)
{
	struct kit_folder dir = spool_folder();
	struct segment_set set;

	write_sequences(&dir, SEGMENT_DIR "/00000001.zst", (const uint64_t[]){1}, 1, false);
	write_sequences(&dir, SEGMENT_DIR "/reserve.3", (const uint64_t[]){2}, 1, false);
	write_sequences(&dir, SEGMENT_DIR "/00000002.zst.old", (const uint64_t[]){3}, 1, false);
	write_sequences(&dir, SEGMENT_DIR "/x00000002.zst", (const uint64_t[]){4}, 1, false);
	write_sequences(&dir, SEGMENT_DIR "/00000000.zst", (const uint64_t[]){5}, 1, false);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.entry_count, 1);
	CHECK_EQ(set.damage_count, 0);
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

static bool names(const struct segment_set *set, const char *file, const char *why)
{
	for (size_t i = 0; i < set->damage_count; i++)
		if (!strcmp(set->damage[i].file, file) && set->damage[i].why &&
		    !strcmp(set->damage[i].why, why))
			return true;
	return false;
}

/* Pipes would keep their reader waiting for ever; links lead out of the folder. */
static void what_is_no_file_costs_itself(void)
{
	struct kit_folder dir = spool_folder();
	struct segment_set set;

	write_sequences(&dir, SEGMENT_DIR "/00000002.zst", (const uint64_t[]){1, 2}, 2, false);
	if (mkfifoat(dir.fd, SEGMENT_DIR "/00000001.zst", 0600) < 0 ||
	    mkdirat(dir.fd, SEGMENT_DIR "/00000003.zst", 0700) < 0 ||
	    symlinkat("00000002.zst", dir.fd, SEGMENT_DIR "/00000004.zst") < 0 ||
	    unlinkat(dir.fd, SEGMENT_TAIL, 0) < 0 || mkfifoat(dir.fd, SEGMENT_TAIL, 0600) < 0)
		kit_die("mkfifoat");
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.entry_count, 2);
	CHECK_EQ(set.damage_count, 4);
	CHECK(names(&set, SEGMENT_DIR "/00000001.zst", "is not a file"));
	CHECK(names(&set, SEGMENT_DIR "/00000003.zst", "is not a file"));
	CHECK(names(&set, SEGMENT_DIR "/00000004.zst", "is not a file"));
	CHECK(names(&set, SEGMENT_TAIL, "is not a file"));
	CHECK_EQ(set.newest_file, 4);
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

static void what_is_missing_is_said(void)
{
	struct kit_folder dir = kit_folder_make();
	struct segment_set set;

	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.damage_count, 1);
	CHECK(names(&set, SEGMENT_DIR, "is missing"));
	segment_set_done(&set);
	put_file(&dir, SEGMENT_DIR, "", 0);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK(names(&set, SEGMENT_DIR, "is not a folder"));
	segment_set_done(&set);
	kit_folder_remove(&dir);
	dir = spool_folder();
	if (unlinkat(dir.fd, SEGMENT_TAIL, 0) < 0)
		kit_die(SEGMENT_TAIL);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.damage_count, 1);
	CHECK(names(&set, SEGMENT_TAIL, "is missing"));
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

/* Frames of a few KiB may promise any length: what is believed of all of them is 256 MiB. */
static void all_open_chunks_together_have_a_limit(void)
{
	const size_t each = 64 << 20, room = ZSTD_compressBound(each);
	struct chunk c = {.stream = CHUNK_RING, .sequence = 1, .raw_bytes = each, .tail = true};
	struct kit_folder dir = spool_folder();
	uint8_t header[CHUNK_HEADER_BYTES], *zeros = calloc(1, each), *frame = malloc(room);
	struct segment_set set = {0};
	struct text file = {0};
	struct err e = {0};
	int r;

	c.frame_bytes = (uint32_t)ZSTD_compress(frame, room, zeros, each, 1);
	c.frame_crc = crc32c(~0u, frame, c.frame_bytes);
	for (c.id = 0; c.id < 5; c.id++) {
		chunk_header_write(&c, header);
		text_add(&file, header, sizeof(header));
		text_add(&file, frame, c.frame_bytes);
	}
	put_file(&dir, SEGMENT_TAIL, file.s, file.len);
	free(zeros);
	free(frame);
	r = segment_set_load(dir.fd, false, &set, &e);
	kit_folder_remove(&dir);
	CHECK_EQ(r, 0);
	CHECK_EQ(set.tail_count, 4);
	CHECK_EQ(set.damage_count, 1);
	CHECK_EQ(set.damage[0].at, file.len / 5 * 4);
	segment_set_done(&set);
	text_free(&file);
}

TEST_MAIN(TEST(a_segment_cut_anywhere_gives_what_precedes_the_cut),
	  TEST(an_empty_segment_is_damage_unless_it_is_the_newest),
	  TEST(a_changed_byte_costs_no_more_than_it_must),
	  TEST(a_tail_cut_anywhere_gives_what_precedes_the_cut),
	  TEST(a_changed_byte_in_the_tail_costs_one_piece),
	  TEST(the_tail_makes_up_for_a_damaged_copy),
	  TEST(a_stretch_in_the_middle_costs_that_stretch), TEST(a_chunk_within_a_payload_is_none),
	  TEST(what_is_no_file_costs_itself), TEST(what_is_missing_is_said),
	  TEST(pieces_that_do_not_fit_are_damage), TEST(a_frame_that_lies_changes_nothing),
	  TEST(the_tail_adds_what_was_not_sealed),
	  TEST(of_two_chunks_with_one_number_the_first_counts), TEST(only_segments_are_read),
	  TEST(all_open_chunks_together_have_a_limit))
