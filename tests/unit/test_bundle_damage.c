/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a recording that is damaged, cut short or made by somebody with bad intentions: what is
 * sound is read, nothing that was not recorded is ever given, and the user is told.
 *
 * Where the frames of a bundle begin is found by libzstd, not by the code that is tested.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <signal.h>

#include "base/crc32c.h"
#include "bundle.h"
#include "bundlekit.h"
#include "test.h"

#define FRAMES_MAX 1000
#define TAR_BLOCK 512

/* ---- the bundle that is damaged, and all that is in it ---- */

static struct {
	struct text bytes;
	size_t frame_at[FRAMES_MAX + 1], frames;
	struct bundle *b;
	struct text members[100];
	struct text payloads[5][2]; /* by stream and CPU, joined */
} whole;

static bool is_chunk_header(const char *p, size_t n)
{
	return n >= CHUNK_HEADER_BYTES && get_le32(p) == 0x184D2A5C;
}

static void find_frames(void)
{
	size_t at = 0;

	while (at < whole.bytes.len && whole.frames < FRAMES_MAX) {
		size_t n = ZSTD_findFrameCompressedSize(whole.bytes.s + at, whole.bytes.len - at);

		if (ZSTD_isError(n))
			kit_die("a frame");
		whole.frame_at[whole.frames++] = at;
		at += n;
	}
	whole.frame_at[whole.frames] = at;
}

static void load_payloads(void)
{
	const struct bundle_stream *s;
	size_t n = bundle_streams(whole.b, &s);
	struct bundle_reader *r;

	if (bundle_reader_new(&r, NULL) < 0)
		kit_die("no memory");
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < s[i].count; k++) {
			static uint8_t buf[BUNDLE_CHUNK_MAX];

			if (bundle_chunk_read(whole.b, &s[i].chunks[k], r, buf, sizeof(buf), NULL) <
			    0)
				kit_die("a chunk");
			text_add(&whole.payloads[s[i].kind][s[i].id], buf,
				 s[i].chunks[k].raw_bytes);
		}
	bundle_reader_free(r);
}

static void load_whole(void)
{
	struct kit_folder dir = kit_bundle();
	const struct bundle_member *members;
	char path[300];
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/" KIT_BUNDLE, dir.path);
	if (file_load(path, 64 * MIB, &whole.bytes, NULL) < 0 ||
	    bundle_open(path, &whole.b, NULL) < 0)
		kit_die(path);
	n = bundle_members(whole.b, &members);
	for (size_t i = 0; i < n && i < ARRAY_SIZE(whole.members); i++)
		if (bundle_member_load(whole.b, members[i].path, 64 * MIB, &whole.members[i],
				       NULL) < 0)
			kit_die(members[i].path);
	load_payloads();
	find_frames();
	kit_folder_remove(&dir);
}

static void free_whole(void)
{
	bundle_free(whole.b);
	for (size_t i = 0; i < ARRAY_SIZE(whole.members); i++)
		text_free(&whole.members[i]);
	for (int i = 0; i < 5; i++) {
		text_free(&whole.payloads[i][0]);
		text_free(&whole.payloads[i][1]);
	}
	text_free(&whole.bytes);
}

/* A file in memory, opened by the path that it has in /proc. */
static int open_bytes(const void *bytes, size_t n, struct bundle **ret, struct err *e)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC);
	char path[64];
	int r;

	if (fd < 0 || file_write_all(fd, bytes, n) < 0)
		kit_die("memfd");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*ret = NULL;
	r = bundle_open(path, ret, e);
	(void)close(fd);
	return r;
}

static void print_notes(const struct bundle *b)
{
	const struct bundle_note *notes;
	size_t n = bundle_notes(b, &notes);

	for (size_t i = 0; i < n; i++)
		printf("# note: %s\n", notes[i].text);
}

static bool has_note(const struct bundle *b, const char *part)
{
	const struct bundle_note *notes;
	size_t n = bundle_notes(b, &notes);

	for (size_t i = 0; i < n; i++)
		if (strstr(notes[i].text, part))
			return true;
	printf("# no note with \"%s\":\n", part);
	print_notes(b);
	return false;
}

/* ---- never anything that was not recorded ---- */

struct sound {
	size_t chunks, members; /* that could be read, and are right */
	size_t listed;		/* chunks, readable or not */
	bool wrong;
};

/* Is it what the chunk of this number held? Damage that is told is right as well. */
static bool same_chunk(const struct bundle *b, const struct bundle_stream *s,
		       const struct bundle_chunk *c, struct bundle_reader *r, bool *ret_readable)
{
	static uint8_t got[BUNDLE_CHUNK_MAX];
	const struct bundle_stream *now = bundle_stream(whole.b, s->kind, s->id);
	const struct bundle_chunk *was;
	size_t at = 0;
	int code = bundle_chunk_read(b, c, r, got, sizeof(got), NULL);

	*ret_readable = code == 0;
	if (code < 0)
		return code == -EBADMSG;
	if (!now || !c->sequence || c->sequence > now->count)
		return false;
	was = &now->chunks[c->sequence - 1];
	for (const struct bundle_chunk *p = now->chunks; p < was; p++)
		at += p->raw_bytes;
	return c->raw_bytes == was->raw_bytes && c->first_ns == was->first_ns &&
	       c->last_ns == was->last_ns && c->records == was->records &&
	       memcmp(got, whole.payloads[s->kind][s->id].s + at, c->raw_bytes) == 0;
}

static void compare_streams(const struct bundle *b, struct sound *ret)
{
	const struct bundle_stream *streams;
	size_t n = bundle_streams(b, &streams);
	struct bundle_reader *r;

	if (bundle_reader_new(&r, NULL) < 0)
		kit_die("no memory");
	for (size_t i = 0; i < n; i++) {
		const struct bundle_stream *s = &streams[i];

		for (size_t k = 0; k < s->count; k++) {
			bool readable;

			if (!same_chunk(b, s, &s->chunks[k], r, &readable))
				ret->wrong = true;
			ret->chunks += readable;
			ret->listed++;
		}
	}
	bundle_reader_free(r);
}

/* Then trace.dat is put together from what there is of them, and tells by an error what is not. */
static bool has_rings(const struct bundle *b)
{
	for (uint32_t cpu = 0; cpu < 8; cpu++)
		if (bundle_stream(b, CHUNK_RING, cpu))
			return true;
	return false;
}

static void compare_members(const struct bundle *b, struct sound *ret)
{
	const struct bundle_member *members;
	size_t n = bundle_members(b, &members);

	for (size_t i = 0; i < n; i++) {
		const struct bundle_member *was = bundle_member(whole.b, members[i].path), *first;
		struct text t = {0};
		const struct text *want;

		(void)bundle_members(whole.b, &first);
		if (!was) {
			printf("# a member %s\n", members[i].path);
			ret->wrong = true;
			continue;
		}
		want = &whole.members[was - first];
		if (bundle_member_load(b, members[i].path, 64 * MIB, &t, NULL) == 0) {
			ret->members++;
			if (t.len != want->len || memcmp(t.s, want->s, t.len) != 0) {
				printf("# %s is not what was recorded\n", members[i].path);
				ret->wrong = true;
			}
		} else if (t.len > want->len ||
			   (t.len && memcmp(t.s, want->s, t.len) != 0 && !has_rings(b))) {
			printf("# the beginning of %s is not what was recorded\n", members[i].path);
			ret->wrong = true;
		}
		text_free(&t);
	}
}

static struct sound compare(const struct bundle *b)
{
	struct sound s = {0};

	compare_streams(b, &s);
	compare_members(b, &s);
	return s;
}

static size_t chunks_before(size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i + 1 < whole.frames && whole.frame_at[i + 2] <= n; i++)
		count += is_chunk_header(whole.bytes.s + whole.frame_at[i],
					 whole.bytes.len - whole.frame_at[i]);
	return count;
}

/* ---- cut, and changed ---- */

static void undamaged_all_is_sound(void)
{
	struct bundle *b;
	struct sound s;

	CHECK_EQ(open_bytes(whole.bytes.s, whole.bytes.len, &b, NULL), 0);
	s = compare(b);
	CHECK(!s.wrong && !bundle_is_damaged(b));
	CHECK_EQ(s.chunks, chunks_before(whole.bytes.len));
	CHECK(s.chunks > 40);
	CHECK_EQ(s.members, 9);
	bundle_free(b);
}

static void cut_at_any_frame_it_gives_what_precedes_the_cut(void)
{
	for (size_t i = 1; i <= whole.frames; i++)
		for (int off = -1; off <= 1; off++) {
			size_t n = whole.frame_at[i] + (size_t)off;
			struct err e = {0};
			struct bundle *b;
			struct sound s;
			int r;

			if (n >= whole.bytes.len)
				continue;
			r = open_bytes(whole.bytes.s, n, &b, &e);
			if (r < 0) {
				/* Less than the first tar header. */
				CHECK(n < whole.frame_at[2] && e.text[0]);
				continue;
			}
			s = compare(b);
			CHECK(!s.wrong);
			CHECK(bundle_is_damaged(b));
			CHECK_EQ(s.chunks, chunks_before(n));
			CHECK_EQ(s.listed, s.chunks);
			CHECK(has_note(b, "cut short"));
			bundle_free(b);
		}
}

static void a_bit_changed_in_any_frame_costs_what_is_in_it(void)
{
	struct text copy = {0};
	size_t all = chunks_before(whole.bytes.len);

	text_add(&copy, whole.bytes.s, whole.bytes.len);
	for (size_t i = 0; i < whole.frames; i++) {
		size_t n = whole.frame_at[i + 1] - whole.frame_at[i];
		size_t places[] = {i % 4, 4 + i % 8, 12 + i % 88, i % 2 ? n / 2 : n - 1};

		for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
			size_t at = whole.frame_at[i] + places[k];
			struct err e = {0};
			struct bundle *b;
			struct sound s;

			if (places[k] >= n)
				continue;
			copy.s[at] = (char)(copy.s[at] ^ (1 << (i + k) % 8));
			CHECK_EQ(open_bytes(copy.s, copy.len, &b, &e), 0);
			copy.s[at] = whole.bytes.s[at];
			s = compare(b);
			if (s.wrong || s.chunks + 1 < all || s.members < 7) {
				printf("# frame %zu of %zu bytes, byte %zu: %zu of %zu chunks, %zu "
				       "members\n",
				       i, n, places[k], s.chunks, all, s.members);
				print_notes(b);
			}
			CHECK(!s.wrong);
			CHECK(s.chunks + 1 >= all);
			CHECK(s.members >= 7);
			bundle_free(b);
		}
	}
	text_free(&copy);
}

/* Pieces changed, taken out, doubled, moved: nothing wrong comes out, and it ends. */
static void whatever_is_done_to_it_nothing_wrong_comes_out(void)
{
	uint64_t state = 4711;

	for (int round = 0; round < 150; round++) {
		struct text t = {0};
		struct err e = {0};
		struct bundle *b;
		size_t at = 0;

		while (at < whole.bytes.len) {
			size_t n = 1 + damage(&state) % (whole.bytes.len / 4);
			size_t from = t.len;

			n = min_of(n, whole.bytes.len - at);
			switch (damage(&state) % 6) {
			case 0: /* left out */
				break;
			case 1: /* twice */
				text_add(&t, whole.bytes.s + at, n);
				text_add(&t, whole.bytes.s + at, n);
				break;
			case 2: /* some bytes changed */
				text_add(&t, whole.bytes.s + at, n);
				for (uint32_t k = damage(&state) % 8; k; k--)
					t.s[from + damage(&state) % n] ^= (char)damage(&state);
				break;
			default:
				text_add(&t, whole.bytes.s + at, n);
			}
			at += n;
		}
		if (open_bytes(t.s ? t.s : "", t.len, &b, &e) == 0) {
			struct sound s = compare(b);

			CHECK(!s.wrong);
			bundle_free(b);
		} else {
			CHECK(e.text[0]);
		}
		text_free(&t);
	}
}

/* ---- made by somebody ---- */

/* An archive under construction: tar blocks, or frames that hold them. */
struct forge {
	struct text out;
	bool frames; /* each piece is a zstd frame, as finish() makes them */
};

static void forge_put(struct forge *f, const void *bytes, size_t n)
{
	char *frame = malloc(ZSTD_compressBound(n));

	if (!frame)
		kit_die("no memory");
	if (f->frames)
		text_add(&f->out, frame, ZSTD_compress(frame, ZSTD_compressBound(n), bytes, n, 1));
	else
		text_add(&f->out, bytes, n);
	free(frame);
}

static void forge_header(struct forge *f, const char *name, char type, const char *size,
			 const char *link)
{
	char h[TAR_BLOCK] = {0};
	unsigned int sum = 0;

	memcpy(h, name, strnlen(name, 100));
	memcpy(h + 100, "0000600\0000000000\0000000000", 24);
	memcpy(h + 124, size, strnlen(size, 12));
	memcpy(h + 136, "00000000000", 12);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 157, link, strnlen(link, 100));
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)h[i];
	(void)snprintf(h + 148, 8, "%06o", sum);
	forge_put(f, h, sizeof(h));
}

static void forge_file(struct forge *f, const char *name, const void *bytes, size_t n)
{
	static const char zeros[TAR_BLOCK];
	char size[16];

	(void)snprintf(size, sizeof(size), "%011zo", n);
	forge_header(f, name, '0', size, "");
	if (n)
		forge_put(f, bytes, n);
	if (n % TAR_BLOCK)
		forge_put(f, zeros, TAR_BLOCK - n % TAR_BLOCK);
}

static void forge_manifest(struct forge *f, const char *name)
{
	static const char manifest[] =
		"{\"format\":\"scoutfs-trace-bundle\",\"version\":1,\"members\":[]}";

	forge_file(f, name, manifest, sizeof(manifest) - 1);
}

static void forge_end(struct forge *f)
{
	static const char zeros[2 * TAR_BLOCK];

	forge_put(f, zeros, sizeof(zeros));
}

static struct bundle *forge_open(struct forge *f)
{
	struct bundle *b = NULL;
	struct err e = {0};

	if (open_bytes(f->out.s, f->out.len, &b, &e) < 0)
		printf("# %s\n", e.text);
	text_free(&f->out);
	return b;
}

static void names_that_lead_elsewhere_are_left_out(void)
{
	static const char *const bad[] = {"S/../../etc/passwd", "/etc/shadow/context/x",
					  "../trace.dat", "S/context/a\nb", "S/context/\033[2J"};
	static const struct {
		char type;
		const char *name, *link;
	} other[] = {{'2', "S/context/link", "/etc/passwd"},
		     {'1', "S/trace.dat", "/etc/passwd"},
		     {'3', "S/context/char", ""},
		     {'4', "S/context/block", ""},
		     {'6', "S/context/fifo", ""},
		     {'5', "S/context/", ""},
		     {'7', "S/context/contiguous", ""}};

	for (int frames = 0; frames < 2; frames++) {
		struct forge f = {.frames = frames};
		const struct bundle_member *members;
		struct bundle *b;

		forge_manifest(&f, "S/manifest.json");
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			forge_file(&f, bad[i], "bad", 3);
		for (size_t i = 0; i < ARRAY_SIZE(other); i++)
			forge_header(&f, other[i].name, other[i].type, "00000000000",
				     other[i].link);
		forge_file(&f, "S/context/start/good", "good", 4);
		forge_file(&f, "S/context/start/good", "other", 5);
		forge_end(&f);
		b = forge_open(&f);
		CHECK(b);
		for (size_t i = 0, n = bundle_members(b, &members); i < n; i++)
			CHECK(!strcmp(members[i].path, "manifest.json") ||
			      !strcmp(members[i].path, "context/start/good") ||
			      !strcmp(members[i].path, "context/contiguous"));
		CHECK(bundle_member(b, "manifest.json") && bundle_member(b, "context/start/good"));
		CHECK_EQ(bundle_member(b, "context/start/good")->bytes, 4);
		CHECK(has_note(b, "S/../../etc/passwd"));
		CHECK(has_note(b, "twice"));
		CHECK(has_note(b, "S/context/link is left out: it is not an ordinary file"));
		CHECK(has_note(b, "S/trace.dat is left out"));
		CHECK(access("/tmp/trace.dat", F_OK) < 0);
		bundle_free(b);
	}
}

static void sizes_that_cannot_be_are_refused(void)
{
	static const char *const sizes[] = {
		"77777777777", "\377\377\377\377\377\377\377\377\377\377\377\377",
		"\200\0\0\0\177\377\377\377\377\377\377\377", "-0000000001", "hello"};

	for (int frames = 0; frames < 2; frames++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct forge f = {.frames = frames};
			struct err e = {0};
			struct bundle *b;
			int r;

			forge_manifest(&f, "S/manifest.json");
			forge_header(&f, "S/trace.dat", '0', sizes[i], "");
			forge_put(&f, "x", 1);
			r = open_bytes(f.out.s, f.out.len, &b, &e);
			CHECK(r == 0 || (r < 0 && e.text[0]));
			CHECK(r < 0 || bundle_is_damaged(b));
			if (r == 0)
				CHECK(bundle_member(b, "manifest.json"));
			bundle_free(b);
			text_free(&f.out);
		}
}

/* A chunk with any header, and a right checksum. */
static void forge_chunk(struct forge *f, struct chunk c, const void *frame, size_t n)
{
	uint8_t header[CHUNK_HEADER_BYTES];

	if (!c.frame_bytes)
		c.frame_bytes = (uint32_t)n;
	c.frame_crc = crc32c(~0u, frame, n);
	chunk_header_write(&c, header);
	text_add(&f->out, header, sizeof(header));
	text_add(&f->out, frame, n);
}

static void chunks_that_cannot_be_are_left_out(void)
{
	char payload[4096] = {0}, frame[8192];
	size_t n = ZSTD_compress(frame, sizeof(frame), payload, sizeof(payload), 1);
	const struct chunk good = {.stream = CHUNK_KMSG,
				   .sequence = 1,
				   .first_ns = 5,
				   .last_ns = 6,
				   .raw_bytes = 4096};
	struct chunk bad[9];
	const struct bundle_stream *s;
	struct bundle_reader *r;
	struct forge f = {.frames = true};
	struct err e = {0};
	struct bundle *b;
	size_t k = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bad[i] = good;
		bad[i].sequence = 10 + i;
	}
	bad[k++].raw_bytes = UINT64_MAX;
	bad[k++].raw_bytes = BUNDLE_CHUNK_MAX + 1;
	bad[k++].raw_bytes = 0;
	bad[k++].stream = 77;
	bad[k].stream = CHUNK_RING;
	bad[k++].id = UINT32_MAX;
	bad[k++].id = 1; /* there is one kernel log */
	bad[k++].sequence = UINT64_C(1) << 40;
	bad[k++].sequence = 0;
	bad[k++].first_ns = 7; /* ends before it begins */
	CHECK_EQ(k, ARRAY_SIZE(bad));
	forge_manifest(&f, "S/manifest.json");
	forge_chunk(&f, good, frame, n);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		forge_chunk(&f, bad[i], frame, n);
	/* Says less, or more, than its frame holds: only reading it shows that. */
	bad[0] = good;
	bad[0].sequence = 2;
	bad[0].raw_bytes = 4095;
	forge_chunk(&f, bad[0], frame, n);
	bad[0].sequence = 3;
	bad[0].raw_bytes = 4097;
	forge_chunk(&f, bad[0], frame, n);
	b = forge_open(&f);
	CHECK(b);
	CHECK_EQ(bundle_streams(b, &s), 1);
	CHECK_EQ(s->count, 3);
	CHECK(has_note(b, "9 chunks are left out"));
	CHECK_EQ(bundle_reader_new(&r, NULL), 0);
	CHECK_EQ(bundle_chunk_read(b, &s->chunks[0], r, frame, 4096, &e), 0);
	CHECK_EQ(bundle_chunk_read(b, &s->chunks[1], r, frame, 4096, &e), -EBADMSG);
	CHECK_EQ(bundle_chunk_read(b, &s->chunks[2], r, frame, 4096, &e), -ENOBUFS);
	CHECK_EQ(bundle_chunk_read(b, &s->chunks[2], r, frame, 4097, &e), -EBADMSG);
	bundle_reader_free(r);
	bundle_free(b);
}

static void one_chunk_is_told_as_one(void)
{
	char payload[64] = "line\n", frame[256];
	size_t n = ZSTD_compress(frame, sizeof(frame), payload, sizeof(payload), 1);
	struct chunk c = {.stream = CHUNK_KMSG, .sequence = 1, .raw_bytes = sizeof(payload)};
	struct forge f = {.frames = true};
	struct bundle *b;

	forge_manifest(&f, "S/manifest.json");
	forge_chunk(&f, c, frame, n);
	c.stream = 77;
	forge_chunk(&f, c, frame, n);
	b = forge_open(&f);
	CHECK(b);
	CHECK(has_note(b, "1 chunk is left out: "));
	bundle_free(b);
}

/* A frame among the chunks of a member has no place in it: nobody knows what it would be. */
static void a_frame_behind_chunks_is_left_out(void)
{
	char payload[TAR_BLOCK] = "line\n", frame[1024];
	size_t n = ZSTD_compress(frame, sizeof(frame), payload, sizeof(payload), 1);
	struct chunk c = {.stream = CHUNK_KMSG, .sequence = 1, .raw_bytes = sizeof(payload)};
	struct forge f = {.frames = true};
	struct bundle *b;

	forge_manifest(&f, "S/manifest.json");
	forge_header(&f, "S/kernel.log", '0', "00000003000", ""); /* three blocks */
	forge_chunk(&f, c, frame, n);
	forge_put(&f, payload, sizeof(payload));
	c.sequence = 2;
	forge_chunk(&f, c, frame, n);
	forge_file(&f, "S/context/start/x", "x", 1);
	forge_end(&f);
	b = forge_open(&f);
	CHECK(b);
	CHECK(bundle_member(b, "kernel.log")->damaged);
	CHECK(has_note(b, "have no chunk header"));
	CHECK_EQ(bundle_stream(b, CHUNK_KMSG, 0)->count, 2);
	CHECK(bundle_member(b, "context/start/x") && !bundle_member(b, "context/start/x")->damaged);
	bundle_free(b);
}

static void a_pax_size_that_cannot_be_is_refused(void)
{
	static const char *const records[] = {"30 size=99999999999999999999\n",
					      "29 size=9300000000000000000\n"};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		struct forge f = {.frames = true}, inner = {0};
		char block[TAR_BLOCK] = {0};
		struct bundle *b;

		memcpy(block, records[i], strlen(records[i]));
		forge_manifest(&f, "S/manifest.json");
		forge_header(&inner, "S/pax", 'x', "00000000036", "");
		forge_put(&inner, block, sizeof(block));
		forge_header(&inner, "S/trace.dat", '0', "77777777777", "");
		CHECK_EQ(inner.out.len, 3 * TAR_BLOCK);
		forge_put(&f, inner.out.s, inner.out.len);
		text_free(&inner.out);
		forge_end(&f);
		b = forge_open(&f);
		CHECK(b);
		CHECK(has_note(b, "which cannot be"));
		CHECK(!bundle_member(b, "trace.dat"));
		bundle_free(b);
	}
}

/* The tail: pieces laid over each other; and those that are out of date, by either rule. */
static void pieces_of_open_chunks_are_put_together(void)
{
	static const struct {
		uint64_t sequence, offset;
		const char *bytes;
	} pieces[] = {{6, 0, "abcdef\n"}, {2, 0, "older than all\n"}, {6, 4, "EFGH\n"},
		      {5, 0, "sealed\n"}, {6, 8, "I\nJ\n"},	      {7, 0, "next\n"},
		      {7, 9, "nowhere\n"}};
	const struct chunk sealed = {
		.stream = CHUNK_KMSG, .sequence = 5, .first_ns = 1, .last_ns = 1, .raw_bytes = 7};
	struct kit_folder dir = kit_folder_make();
	struct forge segment = {0}, tail = {0};
	const struct bundle_stream *s;
	struct text log = {0};
	struct err e = {0};
	struct bundle *b = NULL;
	char frame[100];
	size_t n;

	kit_save(&dir, SESSION_FACTS, "{\"format\":\"scoutfs-trace-session\",\"version\":1}", 46);
	CHECK_EQ(mkdirat(dir.fd, SEGMENT_DIR, 0700), 0);
	n = ZSTD_compress(frame, sizeof(frame), "SEALED\n", 7, 1);
	forge_chunk(&segment, sealed, frame, n);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct chunk c = {.stream = CHUNK_KMSG,
				  .sequence = pieces[i].sequence,
				  .first_ns = 10,
				  .last_ns = 10 + i,
				  .raw_bytes = strlen(pieces[i].bytes),
				  .records = i,
				  .offset = pieces[i].offset,
				  .tail = true};

		n = ZSTD_compress(frame, sizeof(frame), pieces[i].bytes, c.raw_bytes, 1);
		forge_chunk(&tail, c, frame, n);
	}
	kit_save(&dir, "spool/00000003.zst", segment.out.s, segment.out.len);
	kit_save(&dir, SEGMENT_TAIL, tail.out.s, tail.out.len);
	CHECK_EQ(bundle_open(dir.path, &b, &e), 0);
	s = bundle_stream(b, CHUNK_KMSG, 0);
	CHECK(s);
	CHECK_EQ(s->count, 3);
	CHECK_EQ(s->chunks[0].sequence, 5);
	CHECK_EQ(s->chunks[1].sequence, 6);
	CHECK_EQ(s->chunks[1].last_ns, 14); /* as its last piece says */
	CHECK_EQ(s->chunks[1].records, 4);
	CHECK_EQ(s->chunks[2].sequence, 7);
	CHECK(has_note(b, "fits nowhere"));
	CHECK_EQ(bundle_member_load(b, "kernel.log", KIB, &log, &e), 0);
	CHECK_STR(text_c(&log), "SEALED\nabcdEFGHI\nJ\nnext\n");
	bundle_free(b);
	text_free(&log);
	text_free(&segment.out);
	text_free(&tail.out);
	kit_folder_remove(&dir);
}

/* Kibibytes that this process has in memory. */
static long resident_kib(void)
{
	struct text t = {0};
	long pages = -1;

	if (file_load("/proc/self/statm", 4096, &t, NULL) < 0 ||
	    sscanf(text_c(&t), "%*d %ld", &pages) != 1)
		kit_die("/proc/self/statm");
	text_free(&t);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void a_row_of_a_million_chunks_takes_no_more_than_its_index(void)
{
	char frame[64], payload[1] = {'x'};
	size_t n = ZSTD_compress(frame, sizeof(frame), payload, sizeof(payload), 1);
	struct forge f = {.frames = true};
	const struct bundle_stream *s;
	long before;
	struct bundle *b;

	forge_manifest(&f, "S/manifest.json");
	for (uint64_t i = 1; i <= 1000000; i++)
		forge_chunk(&f,
			    (struct chunk){.stream = CHUNK_KMSG,
					   .sequence = i,
					   .first_ns = i,
					   .last_ns = i,
					   .raw_bytes = 1},
			    frame, n);
	/* What is forged is given back before the index has its full size. */
	before = resident_kib() - (long)(f.out.len / 1024);
	b = forge_open(&f);
	CHECK(b);
	CHECK_EQ(bundle_streams(b, &s), 1);
	CHECK_EQ(s->count, 1000000);
	printf("# %ld KiB\n", resident_kib() - before);
	CHECK(resident_kib() - before < 60 * 1024);
	bundle_free(b);
}

/* What unpacks to far more than it is: told, and no more of it than the bound. */
static void bombs_are_told(void)
{
	struct kit_folder dir = kit_folder_make();
	struct bundle *b = NULL;
	struct err e = {0};
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/bomb", dir.path);
	CHECK_EQ(kit_run(NULL,
			 "cd %s && truncate -s 600M trace.dat && tar -S -cf - trace.dat >sparse && "
			 "tar -cf - trace.dat | zstd -1cq >bomb",
			 dir.path),
		 0);
	CHECK_EQ(bundle_open(path, &b, &e), 0);
	CHECK(has_note(b, "times its length"));
	CHECK(bundle_is_damaged(b));
	bundle_free(b);
	(void)snprintf(path, sizeof(path), "%s/sparse", dir.path);
	b = NULL;
	CHECK(bundle_open(path, &b, &e) < 0 || has_note(b, "it has holes"));
	bundle_free(b);
	kit_folder_remove(&dir);
}

/* A checksum over all that is behind, for each of them, would take the square of its size. */
static void a_tail_of_wrong_headers_alone_is_given_up(void)
{
	struct kit_folder dir = kit_folder_make();
	CLEANUP(text_free) struct text tail = {0};
	struct bundle *b = NULL;
	struct err e = {0};
	clock_t began;

	kit_save(&dir, SESSION_FACTS, "{\"format\":\"scoutfs-trace-session\",\"version\":1}", 46);
	CHECK_EQ(mkdirat(dir.fd, SEGMENT_DIR, 0700), 0);
	for (size_t left = 80000 * CHUNK_HEADER_BYTES; left; left -= CHUNK_HEADER_BYTES) {
		const struct chunk c = {.stream = CHUNK_KMSG,
					.tail = true,
					.frame_bytes = (uint32_t)(left - CHUNK_HEADER_BYTES),
					.frame_crc = 1};
		uint8_t header[CHUNK_HEADER_BYTES];

		chunk_header_write(&c, header);
		text_add(&tail, header, sizeof(header));
	}
	kit_save(&dir, SEGMENT_TAIL, tail.s, tail.len);
	began = clock();
	(void)bundle_open(dir.path, &b, &e);
	printf("# %.2f s\n", (double)(clock() - began) / CLOCKS_PER_SEC);
	CHECK(b && has_note(b, "too much of it is damaged"));
	bundle_free(b);
	kit_folder_remove(&dir);
}

static void what_is_no_bundle_is_told_with_a_remedy(void)
{
	static const struct {
		const char *make, *part;
	} cases[] = {
		{": >x", "x is not a bundle"},
		{"echo hello >x", "x is not a bundle"},
		{"head -c 100000 /dev/urandom >x", "x is not a bundle"},
		{"echo hello | gzip >x", "x is not a bundle"},
		{"echo hello | zstd -q >x", "x is not a bundle"},
		{"mkfifo x", "x is a pipe"},
		{"mkdir x", "holds no recording"},
		{"mkdir x && ln -s /etc/passwd x/manifest.json", "holds no recording"},
		{"ln -s /dev/zero x", "x is a character device"},
		{"ln -s nowhere x", "No such file"},
		{"tar -cf x --files-from /dev/null", "x is not a bundle"},
		{"echo hi >y; tar -cf x y", "nothing that can be read"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kit_folder dir = kit_folder_make();
		struct bundle *b = NULL;
		struct err e = {0};
		char path[300];

		(void)snprintf(path, sizeof(path), "%s/x", dir.path);
		CHECK_EQ(kit_run(NULL, "cd %s && { %s; }", dir.path, cases[i].make), 0);
		CHECK(bundle_open(path, &b, &e) < 0);
		if (!strstr(e.text, cases[i].part))
			printf("# %s: %s\n", cases[i].make, e.text);
		CHECK(strstr(e.text, cases[i].part));
		CHECK(!b);
		kit_folder_remove(&dir);
	}
}

static void a_newer_version_is_read_and_told(void)
{
	static const char manifest[] = "{\"format\":\"scoutfs-trace-bundle\",\"version\":2,"
				       "\"tool_version\":\"9.9\",\"members\":[{\"path\":"
				       "\"kernel.log\",\"bytes\":7}]}";
	struct forge f = {.frames = true};
	struct bundle *b;

	forge_file(&f, "S/manifest.json", manifest, sizeof(manifest) - 1);
	forge_end(&f);
	b = forge_open(&f);
	CHECK(b);
	CHECK(has_note(b, "format version 2"));
	CHECK(has_note(b, "9.9"));
	CHECK(has_note(b, "kernel.log is missing"));
	bundle_free(b);
}

static void without_room_for_unpacking_the_user_is_told_what_to_do(void)
{
	struct forge f = {0};
	struct rlimit limit, was;
	struct err e = {0};
	struct bundle *b;
	char *big = calloc(1, MIB);

	CHECK(big);
	forge_manifest(&f, "S/manifest.json");
	forge_file(&f, "S/kernel.log", big, MIB);
	forge_end(&f);
	CHECK_EQ(setenv("TMPDIR", "/nonexistent", 1), 0);
	CHECK(open_bytes(f.out.s, f.out.len, &b, &e) < 0);
	CHECK(strstr(e.text, "TMPDIR"));
	CHECK_EQ(unsetenv("TMPDIR"), 0);
	/* A file that may not grow is a full disk to the one who writes it. */
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &was), 0);
	{
		int fd = memfd_create("bundle", MFD_CLOEXEC);
		char path[64];

		CHECK(fd >= 0 && file_write_all(fd, f.out.s, f.out.len) == 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		limit = was;
		limit.rlim_cur = MIB / 2;
		CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
		err_clear(&e);
		b = NULL;
		CHECK_EQ(bundle_open(path, &b, &e), -ENOSPC);
		CHECK_EQ(setrlimit(RLIMIT_FSIZE, &was), 0);
		CHECK(strstr(e.text, "set TMPDIR to a folder with more room"));
		(void)close(fd);
	}
	text_free(&f.out);
	free(big);
}

/* From a pipe: standard input, which cannot be read twice. */
static void a_pipe_on_standard_input_is_read(void)
{
	int ends[2], saved = dup(STDIN_FILENO);
	struct bundle *b = NULL;
	struct err e = {0};
	struct sound s;
	pid_t pid;
	int r;

	CHECK(saved >= 0 && pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0)
		_exit(file_write_all(ends[1], whole.bytes.s, whole.bytes.len) < 0);
	(void)close(ends[1]);
	CHECK(pid > 0 && dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
	(void)close(ends[0]);
	r = bundle_open("-", &b, &e);
	(void)dup2(saved, STDIN_FILENO);
	(void)close(saved);
	(void)waitpid(pid, NULL, 0);
	CHECK_EQ(r, 0);
	CHECK_EQ(bundle_kind(b), BUNDLE_REPACKED);
	CHECK(!bundle_is_damaged(b));
	s = (struct sound){0};
	compare_members(b, &s);
	CHECK(!s.wrong);
	CHECK_EQ(s.members, 9);
	bundle_free(b);
}

int main(void)
{
	static const struct test_case cases[] = {
		TEST(undamaged_all_is_sound),
		TEST(cut_at_any_frame_it_gives_what_precedes_the_cut),
		TEST(a_bit_changed_in_any_frame_costs_what_is_in_it),
		TEST(whatever_is_done_to_it_nothing_wrong_comes_out),
		TEST(names_that_lead_elsewhere_are_left_out),
		TEST(sizes_that_cannot_be_are_refused),
		TEST(chunks_that_cannot_be_are_left_out),
		TEST(one_chunk_is_told_as_one),
		TEST(a_frame_behind_chunks_is_left_out),
		TEST(a_pax_size_that_cannot_be_is_refused),
		TEST(pieces_of_open_chunks_are_put_together),
		TEST(a_tail_of_wrong_headers_alone_is_given_up),
		TEST(a_row_of_a_million_chunks_takes_no_more_than_its_index),
		TEST(bombs_are_told),
		TEST(what_is_no_bundle_is_told_with_a_remedy),
		TEST(a_newer_version_is_read_and_told),
		TEST(without_room_for_unpacking_the_user_is_told_what_to_do),
		TEST(a_pipe_on_standard_input_is_read),
	};
	int r;

	kit_load();
	load_whole();
	r = test_main(cases, sizeof(cases) / sizeof(cases[0]));
	free_whole();
	kit_unload();
	return r;
}
