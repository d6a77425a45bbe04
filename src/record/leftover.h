/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a recorder that died leaves on the host: its tracing instances. While it lives a recorder
 * keeps a note in the run folder that says which session folder an instance belongs to.
 */
#ifndef RECORD_LEFTOVER_H
#define RECORD_LEFTOVER_H

#include "base/err.h"
#include "base/text.h"

int leftover_remember(const char *run_dir, const char *suffix, const char *session_path,
		      struct err *e);
void leftover_forget(const char *run_dir, const char *suffix);
/* Forget the folders that are gone. */
void leftover_tidy(const char *run_dir);
/*
 * For every instance of ours that no living recorder holds: save what its rings still hold into its
 * session folder, if that can be found, and remove it. Says what it did. With the run folder's lock
 * held.
 */
int leftover_clear(const char *run_dir, struct err *e);
/* The same for the one session in @session_fd: 1 when something was saved, 0 when there was
 * nothing. */
int leftover_drain(int session_fd, const char *session_path, struct err *e);
/* Remove the tracing instances of the session in @session_fd; what they hold is in its bundle. */
void leftover_drop(int session_fd, const char *session_path);
/* Is the tracing instance of the session in @session_fd still there? */
bool leftover_pending(int session_fd, const char *session_path);
/* Is @name in @dir_fd the folder of a recorder that died before anything could be recorded? */
bool leftover_is_unborn(int dir_fd, const char *name);
/* Remove it, with its tracing instance, and say so. 0; -EBUSY: its recorder lives. */
int leftover_remove_unborn(int dir_fd, const char *name, struct err *e);
/* All of them in a folder of recordings. */
void leftover_sweep(const char *dir);

#endif
