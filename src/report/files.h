/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in a folder, made by the child that can open none: it writes them all into one, and its
 * parent makes files of that when it is complete.
 */
#ifndef REPORT_FILES_H
#define REPORT_FILES_H

#include "base/text.h"

#define FILES_NAME_MAX 100

struct files {
	const char *path; /* of the folder; borrowed */
	int dir_fd, fd;
	bool made; /* the folder, here, and nothing is kept in it yet */
	/* the child's */
	uint32_t count;
	int code; /* of the first write that failed */
};

/* The parent's. */
int files_open(const char *path, struct files *ret, struct err *e);
int files_rewind(struct files *f, struct err *e);
int files_keep(struct files *f, struct err *e);
void files_done(struct files *f);

/* The child's. */
uint32_t files_add(struct files *f);
void files_write(struct files *f, uint32_t id, const void *bytes, size_t n);
void files_flush(struct files *f, uint32_t id, struct text *t, size_t more_than);
void files_name(struct files *f, uint32_t id, const char *name);
int files_end(const struct files *f, struct err *e);

#endif
