/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scratch folder for the targets that read files by name: made once for a process, in TMPDIR (a
 * tmpfs, if speed matters), refilled for each input, removed when the process ends.
 */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

#include "fuzz.h"

static char scratch_path[512];
static int scratch_fd = -1;

static void scratch_remove(void)
{
	(void)file_remove_tree_at(AT_FDCWD, scratch_path, NULL);
}

/* The folder, opened; with the folders @below made in it, each before what lies in it. */
static inline int scratch_open(const char *const *below, size_t count)
{
	const char *tmp = getenv("TMPDIR");

	if (scratch_fd >= 0)
		return scratch_fd;
	(void)snprintf(scratch_path, sizeof(scratch_path), "%s/scoutfs-trace-fuzz.XXXXXX",
		       tmp && *tmp ? tmp : "/tmp");
	MUST(mkdtemp(scratch_path));
	MUST(atexit(scratch_remove) == 0);
	scratch_fd = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(scratch_fd >= 0);
	for (size_t i = 0; i < count; i++)
		MUST(mkdirat(scratch_fd, below[i], 0700) == 0);
	return scratch_fd;
}

/* A file with these bytes; with none, no file. */
static inline void scratch_put(const char *name, const void *bytes, size_t n)
{
	int fd;

	if (!n) {
		(void)unlinkat(scratch_fd, name, 0);
		return;
	}
	fd = openat(scratch_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0);
	MUST(file_write_all(fd, bytes, n) == 0);
	MUST(close(fd) == 0);
}

#endif
