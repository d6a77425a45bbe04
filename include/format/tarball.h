/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A .tar.zst assembled from zstd frames: small members are compressed here, the long ones are a
 * frame of our own (tar header and the file's prologue) followed by chunks copied as they are.
 */
#ifndef FORMAT_TARBALL_H
#define FORMAT_TARBALL_H

#include "base/err.h"
#include "format/chunk.h"

struct tarball;

/* @fd: empty file, borrowed. @folder: the one folder that every member lies in. */
int tarball_open(int fd, const char *folder, uint64_t mtime_s, struct tarball **ret, struct err *e);
void tarball_free(struct tarball *t);
/* A whole member. @path is below the folder; "/" in it is fine. */
int tarball_add(struct tarball *t, const char *path, const void *bytes, size_t n, struct err *e);
/* A member of @bytes bytes that follow by tarball_raw() and tarball_chunk(), in order; then
 * tarball_end(). */
int tarball_begin(struct tarball *t, const char *path, uint64_t bytes, struct err *e);
int tarball_raw(struct tarball *t, const void *bytes, size_t n, struct err *e);
int tarball_chunk(struct tarball *t, const struct chunk *c, const void *frame, struct err *e);
/* A frame compressed earlier that holds @raw_bytes. */
int tarball_frame(struct tarball *t, const void *frame, size_t n, uint64_t raw_bytes,
		  struct err *e);
int tarball_end(struct tarball *t, struct err *e);
/* End of archive; everything is handed to the kernel. Syncing and naming the file is the caller's.
 */
int tarball_close(struct tarball *t, struct err *e);

#endif
