/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that a child makes without opening any: what the parent makes of its pieces, of sound ones
 * and of such as no child of ours would write.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

#include "files.h"

#include "test.h"

struct folder {
	char path[64];
	int fd;
	struct files files;
};

static bool open_folder(struct folder *f)
{
	*f = (struct folder){.path = "/tmp/test-files.XXXXXX", .fd = -1};
	if (!mkdtemp(f->path) || files_open(f->path, &f->files, NULL) < 0)
		return false;
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->fd >= 0;
}

static void folder_done(struct folder *f)
{
	files_done(&f->files);
	closep(&f->fd);
	(void)file_remove_tree_at(AT_FDCWD, f->path, NULL);
}

/* Names in the folder, however they begin. */
static int count_names(const struct folder *f)
{
	char command[128];
	FILE *p;
	int n = -1;

	(void)snprintf(command, sizeof(command), "ls -A %s | wc -l", f->path);
	p = popen(command, "r");
	if (!p || fscanf(p, "%d", &n) != 1)
		n = -1;
	if (p)
		(void)pclose(p);
	return n;
}

static bool holds(const struct folder *f, const char *name, const char *want)
{
	CLEANUP(text_free) struct text got = {0};

	return file_load_at(f->fd, name, MIB, &got, NULL) == 0 && !strcmp(text_c(&got), want);
}

/* As the child has them: kind, file, length, and what follows. */
static void put(struct folder *f, uint32_t kind, uint32_t id, uint64_t length, const char *bytes)
{
	uint8_t head[16];

	put_le32(head, kind);
	put_le32(head + 4, id);
	put_le64(head + 8, length);
	(void)file_write_all(f->files.fd, head, sizeof(head));
	(void)file_write_all(f->files.fd, bytes, strlen(bytes));
}

static void makes_what_was_named(void)
{
	CLEANUP(folder_done) struct folder f;
	uint32_t a, b, c;
	struct stat st;

	CHECK(open_folder(&f));
	a = files_add(&f.files);
	b = files_add(&f.files);
	c = files_add(&f.files);
	files_write(&f.files, a, "one ", 4);
	files_write(&f.files, b, "other", 5);
	files_write(&f.files, c, "not wanted", 10);
	files_name(&f.files, b, "b.csv");
	files_write(&f.files, a, "two", 3);
	files_name(&f.files, a, "LOCK.new");
	files_name(&f.files, files_add(&f.files), "empty");
	CHECK_EQ(files_end(&f.files, NULL), 0);
	CHECK_EQ(count_names(&f), 0);
	CHECK_EQ(files_keep(&f.files, NULL), 0);
	CHECK_EQ(count_names(&f), 3);
	CHECK(holds(&f, "LOCK.new", "one two"));
	CHECK(holds(&f, "b.csv", "other"));
	CHECK(holds(&f, "empty", ""));
	CHECK(fstatat(f.fd, "b.csv", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
}

static void begins_again(void)
{
	CLEANUP(folder_done) struct folder f;

	CHECK(open_folder(&f));
	files_name(&f.files, files_add(&f.files), "of-the-first-child");
	CHECK_EQ(files_rewind(&f.files, NULL), 0);
	files_name(&f.files, files_add(&f.files), "of-the-second");
	CHECK_EQ(files_keep(&f.files, NULL), 0);
	CHECK_EQ(count_names(&f), 1);
	CHECK(holds(&f, "of-the-second", ""));
}

static void replaces_files_and_nothing_else(void)
{
	CLEANUP(folder_done) struct folder f;
	struct err e = {0};
	struct stat st;

	CHECK(open_folder(&f));
	CHECK_EQ(file_save_at(f.fd, "old", "before", 6, NULL), 0);
	CHECK(symlinkat("old", f.fd, "link") == 0);
	put(&f, 2, 0, 3, "old");
	put(&f, 1, 0, 5, "after");
	put(&f, 2, 1, 4, "link");
	CHECK_EQ(files_keep(&f.files, &e), -EEXIST);
	CHECK(holds(&f, "old", "before"));
	CHECK(fstatat(f.fd, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
	CHECK_EQ(count_names(&f), 2);
	CHECK(unlinkat(f.fd, "link", 0) == 0);
	CHECK_EQ(files_keep(&f.files, &e), 0);
	CHECK(holds(&f, "old", "after"));
}

/* Nothing is left of it, in the folder or beside it. */
static void refuses_names_that_lead_elsewhere(void)
{
	static const char *const names[] = {"../x", "a/b", ".",	   "..",    ".hidden", "-rf",
					    "",	    "a b", "a\nb", "x\x01", "\xc3\xa4"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(folder_done) struct folder f;
		struct err e = {0};

		CHECK(open_folder(&f));
		put(&f, 2, 0, 2, "ok");
		put(&f, 2, 1, strlen(names[i]), names[i]);
		CHECK_EQ(files_keep(&f.files, &e), -EBADMSG);
		CHECK(*e.text);
		CHECK_EQ(count_names(&f), 0);
	}
}

static void refuses_pieces_that_cannot_be(void)
{
	static const struct {
		uint32_t kind, id;
		uint64_t length;
		const char *bytes;
	} bad[] = {
		{1, 0, UINT64_MAX, "x"}, /* longer than all there is */
		{1, 0, 2, "x"},		 /* cut */
		{2, 0, 2, "ok"},	 /* named twice */
		{2, 0, 5, "other"},	 /* has a name */
		{2, 7, 2, "ok"},	 /* the name of another */
		{2, 0, 101, "ok"},	 /* cut, and too long */
	};
	char longest[128];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i <= ARRAY_SIZE(bad); i++) {
		CLEANUP(folder_done) struct folder f;
		struct err e = {0};

		CHECK(open_folder(&f));
		put(&f, 2, 0, 2, "ok");
		if (i < ARRAY_SIZE(bad))
			put(&f, bad[i].kind, bad[i].id, bad[i].length, bad[i].bytes);
		else
			put(&f, 2, 1, strlen(longest), longest);
		CHECK_EQ(files_keep(&f.files, &e), -EBADMSG);
		CHECK_EQ(count_names(&f), 0);
	}
}

/* Our child writes pieces of tens of KiB: what has more than a million makes the parent work for
 * nothing. */
static void refuses_pieces_without_end(void)
{
	const size_t most = 1 << 20;

	for (size_t more = 0; more < 2; more++) {
		CLEANUP(folder_done) struct folder f;
		CLEANUP(freep) uint8_t *heads = calloc(most + more, 16);
		struct err e = {0};

		CHECK(open_folder(&f) && heads);
		for (size_t i = 0; i < most + more; i++)
			put_le32(heads + i * 16, 1);
		CHECK_EQ(file_write_all(f.files.fd, heads, (most + more) * 16), 0);
		put(&f, 2, 0, 2, "ok");
		CHECK_EQ(files_keep(&f.files, &e), more ? -EBADMSG : 0);
		CHECK_EQ(count_names(&f), !more);
	}
}

/* A folder that was there stays, and so does one with something in it. */
static void an_empty_folder_of_its_own_is_not_left(void)
{
	CLEANUP(folder_done) struct folder f;
	struct files inner;
	struct err e = {0};
	char path[80];

	CHECK(open_folder(&f));
	(void)snprintf(path, sizeof(path), "%s/new", f.path);
	for (int kept = 0; kept < 2; kept++) {
		CHECK_EQ(files_open(path, &inner, NULL), 0);
		CHECK_EQ(count_names(&f), 1);
		files_name(&inner, files_add(&inner), kept ? "good" : "../bad");
		CHECK_EQ(files_keep(&inner, &e), kept ? 0 : -EBADMSG);
		files_done(&inner);
		CHECK_EQ(count_names(&f), kept);
		CHECK_EQ(access(path, F_OK), kept ? 0 : -1);
	}
	(void)snprintf(path, sizeof(path), "%s/nothing-to-keep", f.path);
	for (int there = 0; there < 2; there++) {
		CHECK_EQ(files_open(path, &inner, NULL), 0);
		if (!there)
			CHECK_EQ(files_keep(&inner, NULL), 0);
		files_done(&inner);
		CHECK_EQ(access(path, F_OK), 0);
	}
}

static void refuses_what_is_no_folder(void)
{
	struct err e = {0};
	struct files f;

	CHECK(files_open("/dev/null", &f, &e) < 0);
	CHECK(strstr(e.text, "/dev/null"));
	CHECK(files_open("/nowhere/at/all", &f, &e) < 0);
}

TEST_MAIN(TEST(makes_what_was_named), TEST(begins_again), TEST(replaces_files_and_nothing_else),
	  TEST(refuses_names_that_lead_elsewhere), TEST(refuses_pieces_that_cannot_be),
	  TEST(refuses_pieces_without_end), TEST(an_empty_folder_of_its_own_is_not_left),
	  TEST(refuses_what_is_no_folder))
