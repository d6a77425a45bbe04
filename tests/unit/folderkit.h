/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A folder of a test's own, and files in it. A failure to set up ends the program: a comparison
 * with nothing must not pass.
 */
#ifndef TESTS_UNIT_FOLDERKIT_H
#define TESTS_UNIT_FOLDERKIT_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct kit_folder {
	char path[128];
	int fd;
};

__attribute__((noreturn)) static inline void kit_folder_die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(99);
}

static inline struct kit_folder kit_folder_make(void)
{
	struct kit_folder f = {.fd = -1};
	const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	/* In memory where that can be had: what is tested is not the disk. */
	(void)snprintf(f.path, sizeof(f.path), "%s/scoutfs-trace-test.XXXXXX", memory);
	if (!mkdtemp(f.path))
		kit_folder_die("mkdtemp");
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f.fd < 0)
		kit_folder_die(f.path);
	return f;
}

static inline void kit_folder_remove(struct kit_folder *f)
{
	struct err e = {0};

	if (f->fd < 0)
		return;
	(void)close(f->fd);
	f->fd = -1;
	if (file_remove_tree_at(AT_FDCWD, f->path, &e) < 0)
		printf("# %s\n", e.text);
}

/* A file, with the folders that its name has. */
static inline void kit_folder_text(const struct kit_folder *f, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s", name);
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(f->fd, path, 0700) < 0 && errno != EEXIST)
			kit_folder_die(path);
		*slash = '/';
	}
	if (file_save_at(f->fd, name, text, strlen(text), NULL) < 0)
		kit_folder_die(name);
}

/* The same of JSON, with ' for ". */
static inline void kit_folder_json(const struct kit_folder *f, const char *name, const char *text)
{
	char *json = strdup(text);

	if (!json)
		kit_folder_die("no memory");
	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	kit_folder_text(f, name, json);
	free(json);
}

#endif
