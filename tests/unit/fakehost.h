/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A folder that plays a host: dev/kmsg, sys/fs/scoutfs and the rest, in a private temporary folder,
 * filled from the captures under tests/data. Include after realdata.h.
 */
#ifndef TESTS_UNIT_FAKEHOST_H
#define TESTS_UNIT_FAKEHOST_H

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

struct fakehost {
	char root[64];
};

static inline struct fakehost fakehost_make(void)
{
	struct fakehost h = {.root = "/tmp/scoutfs-trace-test.XXXXXX"};

	if (!mkdtemp(h.root))
		realdata_die(h.root, "cannot be made");
	return h;
}

static inline int fakehost_forget(const char *path, const struct stat *st, int flag,
				  struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void fakehost_remove(struct fakehost *h)
{
	(void)nftw(h->root, fakehost_forget, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void fakehost_path(const struct fakehost *h, const char *name, char *buf, size_t size)
{
	if (snprintf(buf, size, "%s/%s", h->root, name) >= (int)size)
		realdata_die(name, "is too long");
}

/* A folder, with those above it. */
static inline void fakehost_folder(const struct fakehost *h, const char *name)
{
	char path[PATH_MAX];

	fakehost_path(h, name, path, sizeof(path));
	for (char *p = path + strlen(h->root) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			realdata_die(path, "cannot be made");
		*p = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		realdata_die(path, "cannot be made");
}

/* A file, with the folders above it. */
static inline void fakehost_file(const struct fakehost *h, const char *name, const void *bytes,
				 size_t n)
{
	char path[PATH_MAX], *slash;
	FILE *f;

	fakehost_path(h, name, path, sizeof(path));
	slash = strrchr(path, '/');
	*slash = '\0';
	fakehost_folder(h, path + strlen(h->root) + 1);
	*slash = '/';
	f = fopen(path, "we");
	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
		realdata_die(path, "cannot be written");
}

static inline void fakehost_text(const struct fakehost *h, const char *name, const char *text)
{
	fakehost_file(h, name, text, strlen(text));
}

/* A capture from tests/data as the file @name. */
static inline void fakehost_capture(const struct fakehost *h, const char *name, const char *capture)
{
	struct realdata d =
		strstr(capture, ".zst") ? realdata_load(capture) : realdata_load_plain(capture);

	fakehost_file(h, name, d.bytes, d.n);
	realdata_free(&d);
}

/* All files of a tar. */
static inline void fakehost_unpack(const struct fakehost *h, const char *capture)
{
	struct realdata tar = realdata_load(capture);
	struct realdata_file f;
	size_t at = 0;

	while (realdata_tar_next(&tar, &at, &f)) {
		fakehost_file(h, f.name, f.text, f.n);
		free(f.text);
	}
	realdata_free(&tar);
}

#endif
