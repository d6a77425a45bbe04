/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a recording: the same members, byte for byte, as GNU tar and bsdtar unpack, and the same
 * records, whatever form it came in.
 */
#include "bundle.h"
#include "bundlekit.h"
#include "test.h"

/* The bundle that the tests read, and what GNU tar unpacks it to. */
static struct kit_folder made;
static char made_path[256], unpacked[300];

static struct bundle *open_or_die(const char *path)
{
	struct bundle *b = NULL;
	struct err e = {0};

	if (bundle_open(path, &b, &e) < 0) {
		printf("# %s\n", e.text);
		kit_die(path);
	}
	return b;
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
	print_notes(b);
	return false;
}

static bool same_as_file(const struct bundle *b, const char *member, const char *folder)
{
	struct text got = {0}, want = {0};
	char path[600];
	struct err e = {0};
	bool same;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, member);
	if (file_load(path, 64 * MIB, &want, NULL) < 0)
		kit_die(path);
	same = bundle_member_load(b, member, 64 * MIB, &got, &e) == 0 && got.len == want.len &&
	       memcmp(text_c(&got), text_c(&want), got.len) == 0;
	if (!same)
		printf("# %s: %zu bytes, %zu in the file; %s\n", member, got.len, want.len, e.text);
	text_free(&got);
	text_free(&want);
	return same;
}

/* Every member is as a file of @folder, and there is none more or less. */
static bool same_as_folder(const struct bundle *b, const char *folder)
{
	const struct bundle_member *members;
	size_t n = bundle_members(b, &members);
	struct text list = {0};
	bool same = true;

	(void)kit_run(&list, "find %s -type f", folder);
	if (kit_lines(text_c(&list)) != n) {
		printf("# %zu members, %zu files\n", n, kit_lines(text_c(&list)));
		same = false;
	}
	text_free(&list);
	for (size_t i = 0; i < n; i++)
		same &= same_as_file(b, members[i].path, folder);
	return same;
}

/* The payloads of a stream, joined. */
static bool stream_bytes(const struct bundle *b, enum chunk_stream kind, uint32_t id,
			 struct text *ret)
{
	const struct bundle_stream *s = bundle_stream(b, kind, id);
	struct bundle_reader *reader;
	uint8_t *buf;
	bool ok = true;

	text_reset(ret);
	if (!s || bundle_reader_new(&reader, NULL) < 0)
		return false;
	buf = malloc(s->raw_max);
	for (size_t i = 0; ok && i < s->count; i++) {
		ok = bundle_chunk_read(b, &s->chunks[i], reader, buf, s->raw_max, NULL) == 0;
		text_add(ret, buf, s->chunks[i].raw_bytes);
	}
	free(buf);
	bundle_reader_free(reader);
	return ok && text_ok(ret);
}

static bool is_bytes(const struct text *t, const void *bytes, size_t n)
{
	return t->len == n && memcmp(t->s, bytes, n) == 0;
}

/* All that was recorded is in the streams. */
static bool has_all_records(const struct bundle *b)
{
	struct text t = {0};
	struct kit_events got, want;
	bool ok = true;

	for (uint32_t cpu = 0; ok && cpu < 2; cpu++) {
		ok = stream_bytes(b, CHUNK_RING, cpu, &t);
		/* The spool joins pages: the events are the same. */
		got = kit_events_of(t.s, t.len);
		want = kit_events_of(kit.cpu[cpu].bytes, kit.cpu[cpu].n);
		ok &= got.n > 1000 && kit_events_same(&got, &want);
		free(got.v);
		free(want.v);
	}
	ok = ok && stream_bytes(b, CHUNK_KMSG, 0, &t) && is_bytes(&t, kit.log.s, kit.log.len);
	ok = ok && stream_bytes(b, CHUNK_PACKETS, 0, &t) &&
	     is_bytes(&t, kit.pcap.bytes + 24, kit.pcap.n - 24);
	ok = ok && stream_bytes(b, CHUNK_CLOCKS, 0, &t) &&
	     is_bytes(&t, kit.clocks.s, kit.clocks.len);
	text_free(&t);
	return ok;
}

static void an_assembled_bundle_is_what_tar_unpacks(void)
{
	struct bundle *b = open_or_die(made_path);
	const struct bundle_note *notes;

	print_notes(b);
	CHECK_EQ(bundle_kind(b), BUNDLE_ASSEMBLED);
	CHECK_EQ(bundle_notes(b, &notes), 0);
	CHECK(!bundle_is_damaged(b));
	CHECK(same_as_folder(b, unpacked));
	CHECK(has_all_records(b));
	CHECK(bundle_manifest(b));
	bundle_free(b);
}

static void a_folder_is_the_same(void)
{
	struct bundle *b = open_or_die(unpacked);

	print_notes(b);
	CHECK_EQ(bundle_kind(b), BUNDLE_FOLDER);
	CHECK(!bundle_is_damaged(b));
	CHECK(same_as_folder(b, unpacked));
	CHECK(has_all_records(b));
	bundle_free(b);
}

/* Packed again by others: what there is in the streams and members is the same. */
static void packed_again_it_is_the_same(void)
{
	static const char *const ways[] = {
		"tar --zstd -C %1$s -cf %2$s " KIT_STEM,
		"tar -z -C %1$s -cf %2$s " KIT_STEM,
		"tar -J -C %1$s -cf %2$s " KIT_STEM,
		"tar -j -C %1$s -cf %2$s " KIT_STEM,
		"tar -C %1$s -cf %2$s " KIT_STEM,
		"tar --format=v7 -C %1$s -cf %2$s " KIT_STEM,
		"tar --format=pax -C %1$s -cf %2$s " KIT_STEM,
		"bsdtar --zstd -C %1$s -cf %2$s " KIT_STEM,
		/* Only the files, in another order, with "./", without the folder. */
		"cd %1$s/" KIT_STEM " && find . -type f | sort -r | tar -z -cf %2$s -T -",
		/* Two folders more around it. */
		"tar -z -C / --transform=s,^,support/case-17/, -cf %2$s .%1$s/" KIT_STEM,
		"zstd -dcq %3$s | zstd -3 -cq >%2$s",
		"zstd -dcq %3$s | gzip -1 >%2$s",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		char command[1500], path[300];
		struct bundle *b;

		(void)snprintf(path, sizeof(path), "%s/again", made.path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(command, sizeof(command), ways[i], made.path, path, made_path);
#pragma GCC diagnostic pop
		CHECK_EQ(kit_run(NULL, "rm -f %s; %s", path, command), 0);
		b = open_or_die(path);
		if (bundle_is_damaged(b))
			print_notes(b);
		printf("# %s\n", ways[i]);
		CHECK_EQ(bundle_kind(b), BUNDLE_REPACKED);
		CHECK(!bundle_is_damaged(b));
		CHECK(same_as_folder(b, unpacked));
		CHECK(has_all_records(b));
		bundle_free(b);
		CHECK_EQ(unlink(path), 0);
	}
}

static void a_trace_file_alone_is_read(void)
{
	char path[400];
	struct text t = {0};
	struct bundle *b;

	(void)snprintf(path, sizeof(path), "%s/trace.dat", unpacked);
	b = open_or_die(path);
	CHECK_EQ(bundle_kind(b), BUNDLE_TRACE);
	CHECK(!bundle_is_damaged(b));
	CHECK(stream_bytes(b, CHUNK_RING, 0, &t) && t.len > 0 && t.len % KIT_PAGE == 0);
	CHECK(same_as_file(b, "trace.dat", unpacked));
	bundle_free(b);
	(void)snprintf(path, sizeof(path), "%s/packets.pcap", unpacked);
	b = open_or_die(path);
	CHECK_EQ(bundle_kind(b), BUNDLE_PCAP);
	CHECK(!bundle_is_damaged(b));
	CHECK(bundle_stream(b, CHUNK_PACKETS, 0)->real_time);
	CHECK(stream_bytes(b, CHUNK_PACKETS, 0, &t) &&
	      is_bytes(&t, kit.pcap.bytes + 24, kit.pcap.n - 24));
	bundle_free(b);
	text_free(&t);
}

static void a_missing_manifest_is_told(void)
{
	struct bundle *b;

	CHECK_EQ(kit_run(NULL, "mv %s/manifest.json %s/kept", unpacked, made.path), 0);
	b = open_or_die(unpacked);
	CHECK(has_note(b, "manifest.json is missing"));
	CHECK(bundle_is_damaged(b));
	CHECK(has_all_records(b));
	bundle_free(b);
	CHECK_EQ(kit_run(NULL, "mv %s/kept %s/manifest.json", made.path, unpacked), 0);
}

int main(void)
{
	static const struct test_case cases[] = {
		TEST(an_assembled_bundle_is_what_tar_unpacks),
		TEST(a_folder_is_the_same),
		TEST(packed_again_it_is_the_same),
		TEST(a_trace_file_alone_is_read),
		TEST(a_missing_manifest_is_told),
	};
	int r;

	kit_load();
	made = kit_bundle();
	(void)snprintf(made_path, sizeof(made_path), "%s/" KIT_BUNDLE, made.path);
	(void)snprintf(unpacked, sizeof(unpacked), "%s/" KIT_STEM, made.path);
	if (kit_run(NULL, "tar --zstd -C %s -xf %s", made.path, made_path) != 0)
		kit_die("tar");
	r = test_main(cases, sizeof(cases) / sizeof(cases[0]));
	kit_folder_remove(&made);
	kit_unload();
	return r;
}
