/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files the careful way: relative to a folder's descriptor, never through a
 * symbolic link, private from the moment they exist, durable when we say so.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/err.h"
#include "base/text.h"

int file_write_all(int fd, const void *bytes, size_t n);
ssize_t file_pread_all(int fd, void *buf, size_t n, uint64_t offset);
int file_open_dir(const char *path, struct err *e);
int file_open_dir_at(int dir_fd, const char *name, struct err *e);
int file_make_dir_at(int dir_fd, const char *name, struct err *e);
int file_make_dirs(const char *path, mode_t mode, struct err *e);
int file_create_at(int dir_fd, const char *name, struct err *e);
int file_open_read_at(int dir_fd, const char *name, struct err *e);
int file_save_at(int dir_fd, const char *name, const void *bytes, size_t n, struct err *e);
int file_replace_at(int dir_fd, const char *name, const void *bytes, size_t n, struct err *e);
int file_load_at(int dir_fd, const char *name, size_t limit_bytes, struct text *ret, struct err *e);
int file_load(const char *path, size_t limit_bytes, struct text *ret, struct err *e);
int file_sync_dir(int dir_fd, struct err *e);
int file_rename_noreplace(int dir_fd, const char *from, const char *to, struct err *e);
int file_remove_tree_at(int dir_fd, const char *name, struct err *e);
int file_lock_patiently(int fd, uint64_t patience_ns);
int file_random_suffix(char suffix[7]); /* six of [A-Za-z0-9], NUL */

#endif
