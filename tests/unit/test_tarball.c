/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bundle's container, as tar, bsdtar and zstd see it.
 */
#include "base/crc32c.h"
#include "format/tarball.h"
#include "sessionkit.h"
#include "test.h"

#define FOLDER "scoutfs-trace.host.2026-1120-1000.AbCdEf"
#define MTIME UINT64_C(1763632800) /* date -u -d @1763632800: 2025-11-20 10:00:00 */

static struct tarball *begin(const struct kit_folder *dir, int *ret_fd)
{
	struct tarball *t;

	*ret_fd = file_create_at(dir->fd, "b.tar.zst", NULL);
	if (*ret_fd < 0 || tarball_open(*ret_fd, FOLDER, MTIME, &t, NULL) < 0)
		kit_die("tarball_open");
	return t;
}

static size_t content(size_t n, char *buf)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)(i * 31 + i / 251 + n);
	return n;
}

static void add_chunk(struct tarball *t, const void *raw, size_t n, int *ret)
{
	size_t room = ZSTD_compressBound(n);
	uint8_t *frame = malloc(room);
	struct chunk c = {.stream = CHUNK_KMSG, .sequence = 1, .raw_bytes = n};

	c.frame_bytes = (uint32_t)ZSTD_compress(frame, room, raw, n, 1);
	c.frame_crc = crc32c(~0u, frame, c.frame_bytes);
	*ret = *ret < 0 ? *ret : tarball_chunk(t, &c, frame, NULL);
	free(frame);
}

static const size_t sizes[] = {0, 1, 511, 512, 513, 1024, 70000, 1 << 20, (2 << 20) + 5};

static void members_come_out_as_they_went_in(void)
{
	struct kit_folder dir = kit_folder_make();
	struct text list = {0}, out = {0};
	char *buf = malloc(3 << 20), name[64];
	struct tarball *t;
	size_t n;
	int fd, r;

	t = begin(&dir, &fd);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		(void)snprintf(name, sizeof(name), "dir/whole-%zu", sizes[i]);
		n = content(sizes[i], buf);
		CHECK_EQ(tarball_add(t, name, buf, n, NULL), 0);
		/* The same in pieces: raw, then chunks. */
		(void)snprintf(name, sizeof(name), "dir/pieces-%zu", sizes[i]);
		r = tarball_begin(t, name, n, NULL);
		CHECK_EQ(r, 0);
		CHECK_EQ(tarball_raw(t, buf, n / 3, NULL), 0);
		add_chunk(t, buf + n / 3, n / 3, &r);
		add_chunk(t, buf + n / 3 * 2, n - n / 3 * 2, &r);
		CHECK_EQ(r, 0);
		CHECK_EQ(tarball_end(t, NULL), 0);
	}
	CHECK_EQ(tarball_close(t, NULL), 0);
	tarball_free(t);
	(void)close(fd);

	CHECK_EQ(kit_run(NULL, "zstd -tq %s/b.tar.zst 2>&1", dir.path), 0);
	CHECK_EQ(kit_run(&list, "TZ=UTC tar --zstd -tvf %s/b.tar.zst 2>&1", dir.path), 0);
	CHECK_EQ(kit_lines(text_c(&list)), 2 * ARRAY_SIZE(sizes));
	for (const char *at = list.s; *at; at = strchr(at, '\n') + 1) {
		CHECK(str_starts(at, "-rw------- root/root "));
		CHECK(strstr(at, " 2025-11-20 10:00 " FOLDER "/dir/"));
	}
	text_reset(&list);
	CHECK_EQ(kit_run(&list, "bsdtar -tf %s/b.tar.zst 2>&1", dir.path), 0);
	CHECK_EQ(kit_lines(text_c(&list)), 2 * ARRAY_SIZE(sizes));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		n = content(sizes[i], buf);
		for (int k = 0; k < 4; k++) {
			text_reset(&out);
			CHECK_EQ(kit_run(&out, "%s -xOf %s/b.tar.zst " FOLDER "/dir/%s-%zu",
					 k % 2 ? "tar --zstd" : "bsdtar", dir.path,
					 k / 2 ? "whole" : "pieces", sizes[i]),
				 0);
			CHECK_EQ(out.len, n);
			CHECK(n == 0 || memcmp(out.s, buf, n) == 0);
		}
	}
	free(buf);
	text_free(&list);
	text_free(&out);
	kit_folder_remove(&dir);
}

static void what_was_announced_must_come(void)
{
	struct kit_folder dir = kit_folder_make();
	struct err e = {0};
	struct tarball *t;
	int fd;

	t = begin(&dir, &fd);
	CHECK_EQ(tarball_begin(t, "short", 10, NULL), 0);
	CHECK_EQ(tarball_raw(t, "123456789", 9, NULL), 0);
	CHECK_EQ(tarball_end(t, &e), -EBADMSG);
	CHECK(strstr(e.text, "9 bytes where 10"));
	CHECK_EQ(tarball_begin(t, "long", 8, NULL), 0);
	CHECK_EQ(tarball_raw(t, "123456789", 9, NULL), 0);
	CHECK_EQ(tarball_end(t, NULL), -EBADMSG);
	tarball_free(t);
	(void)close(fd);
	kit_folder_remove(&dir);
}

static void names_that_do_not_fit_are_refused(void)
{
	struct kit_folder dir = kit_folder_make();
	struct text list = {0};
	char name[160];
	struct tarball *t, *t2;
	int fd;

	memset(name, 'n', sizeof(name));
	t = begin(&dir, &fd);
	name[101] = 0;
	CHECK_EQ(tarball_add(t, name, "x", 1, NULL), -ENAMETOOLONG);
	name[100] = 0;
	CHECK_EQ(tarball_add(t, name, "x", 1, NULL), 0);
	CHECK_EQ(tarball_close(t, NULL), 0);
	tarball_free(t);
	memset(name, 'f', sizeof(name));
	name[156] = 0;
	CHECK_EQ(tarball_open(fd, name, 0, &t2, NULL), -ENAMETOOLONG);
	(void)close(fd);
	memset(name, 'n', 100);
	name[100] = 0;
	CHECK_EQ(kit_run(&list, "tar --zstd -tf %s/b.tar.zst", dir.path), 0);
	CHECK(str_starts(text_c(&list), FOLDER "/"));
	CHECK(str_starts(list.s + strlen(FOLDER "/"), name));
	text_free(&list);
	kit_folder_remove(&dir);
}

/* The first frame of the file, decompressed. */
static size_t first_frame(const struct kit_folder *dir, char *buf, size_t room)
{
	CLEANUP(text_free) struct text file = {0};
	size_t n;

	if (file_load_at(dir->fd, "b.tar.zst", MIB, &file, NULL) < 0)
		kit_die("b.tar.zst");
	n = ZSTD_decompress(buf, room, file.s, ZSTD_findFrameCompressedSize(file.s, file.len));
	if (ZSTD_isError(n))
		kit_die("a frame");
	return n;
}

/* Eleven octal digits end at 8 GiB; from there on a pax record tells (POSIX.1-2001, pax). */
static void eight_gib_is_where_pax_begins(void)
{
	for (int over = 0; over < 2; over++) {
		struct kit_folder dir = kit_folder_make();
		char head[4096];
		struct tarball *t;
		int fd;

		t = begin(&dir, &fd);
		CHECK_EQ(tarball_begin(t, "big", 8 * GIB - 1 + (uint64_t)over, NULL), 0);
		CHECK_EQ(tarball_close(t, NULL), 0);
		tarball_free(t);
		(void)close(fd);
		CHECK_EQ(first_frame(&dir, head, sizeof(head)), over ? 1536 : 512);
		CHECK_EQ(head[156], over ? 'x' : '0');
		if (over)
			CHECK(strcmp(head + 512, "19 size=8589934592\n") == 0);
		else
			CHECK_STR(head + 124, "77777777777");
		kit_folder_remove(&dir);
	}
}

static void tools_list_a_member_beyond_eight_gib(void)
{
	enum { COUNT = 130, RAW = 64 << 20 };
	const uint64_t bytes = (uint64_t)COUNT * RAW + 3;
	struct kit_folder dir = kit_folder_make();
	void *zeros = calloc(1, RAW), *frame = malloc(MIB);
	struct text list = {0};
	char want[32];
	struct tarball *t;
	size_t n;
	int fd;

	n = ZSTD_compress(frame, MIB, zeros, RAW, 1);
	CHECK(!ZSTD_isError(n));
	t = begin(&dir, &fd);
	CHECK_EQ(tarball_add(t, "before", "b", 1, NULL), 0);
	CHECK_EQ(tarball_begin(t, "big", bytes, NULL), 0);
	for (int i = 0; i < COUNT; i++)
		CHECK_EQ(tarball_frame(t, frame, n, RAW, NULL), 0);
	CHECK_EQ(tarball_raw(t, "end", 3, NULL), 0);
	CHECK_EQ(tarball_end(t, NULL), 0);
	CHECK_EQ(tarball_add(t, "after", "a", 1, NULL), 0);
	CHECK_EQ(tarball_close(t, NULL), 0);
	tarball_free(t);
	(void)close(fd);
	free(zeros);
	free(frame);
	/* Unpacked once for both. */
	CHECK_EQ(kit_run(&list,
			 "mkfifo %s/fifo && (bsdtar -tvf %s/fifo >%s/b 2>&1 & zstd -dcq "
			 "%s/b.tar.zst | tee %s/fifo | tar -tvf - 2>&1; wait; cat %s/b)",
			 dir.path, dir.path, dir.path, dir.path, dir.path, dir.path),
		 0);
	(void)snprintf(want, sizeof(want), " %llu ", (unsigned long long)bytes);
	CHECK_EQ(kit_lines(text_c(&list)), 6);
	n = 0;
	for (const char *at = list.s; (at = strstr(at, want)); at++)
		n++;
	CHECK_EQ(n, 2);
	n = 0;
	for (const char *at = list.s; (at = strstr(at, "/after\n")); at++)
		n++;
	CHECK_EQ(n, 2);
	text_free(&list);
	kit_folder_remove(&dir);
}

TEST_MAIN(TEST(members_come_out_as_they_went_in), TEST(what_was_announced_must_come),
	  TEST(names_that_do_not_fit_are_refused), TEST(eight_gib_is_where_pax_begins),
	  TEST(tools_list_a_member_beyond_eight_gib))
