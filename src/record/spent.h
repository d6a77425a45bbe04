/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Session folders whose bundle is made: known as such after a crash, and removed without leaving
 * halves.
 */
#ifndef RECORD_SPENT_H
#define RECORD_SPENT_H

#include "record/record.h"

/* Note in the folder that the bundle open as @bundle_fd, soon to be @name, has all of it. */
int spent_note(int session_fd, int bundle_fd, const char *name, const struct record_result *result);
void spent_forget(int session_fd);
/* 1: that bundle is in @output_dir under its name, and @ret is set as finish() set it; else 0. */
int spent_find(int session_fd, const char *output_dir, struct record_result *ret);
/* Remove a session folder: after a crash in the middle it is seen as rubbish, not as a session. */
int spent_remove(int dir_fd, const char *name, struct err *e);
/* What such crashes left in a folder of recordings: halves of folders, and of bundles. */
void spent_sweep(int dir_fd);

#endif
