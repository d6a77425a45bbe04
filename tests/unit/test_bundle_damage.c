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
		}
	}
	bundle_reader_free(r);
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
		} else if (t.len > want->len || (t.len && memcmp(t.s, want->s, t.len) != 0 &&
						 !bundle_stream(b, CHUNK_RING, 0))) {
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
		size_t places[] = {i % 4, 4 + i % 8, 12 + i % 88, n / 2, n - 1};

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

	for (int round = 0; round < 400; round++) {
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

int main(void)
{
	static const struct test_case cases[] = {
		TEST(undamaged_all_is_sound),
		TEST(cut_at_any_frame_it_gives_what_precedes_the_cut),
		TEST(a_bit_changed_in_any_frame_costs_what_is_in_it),
		TEST(whatever_is_done_to_it_nothing_wrong_comes_out),
	};
	int r;

	kit_load();
	load_whole();
	r = test_main(cases, sizeof(cases) / sizeof(cases[0]));
	free_whole();
	kit_unload();
	return r;
}
