/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A failure as a sentence for the user, built on the way up.
 *
 * The function that knows the cause fills the sentence: what failed, on what,
 * why, and what to do. Callers add context only where it helps. Only src/cmd
 * prints it. Every function here accepts a NULL err, so that a caller who does
 * not care need not make one.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/util.h"

struct err {
	int code; /* negative errno; 0 while nothing failed */
	char text[1536];
};

int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);
int err_errno(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);
int err_context(struct err *e, const char *fmt, ...) PRINTF(2, 3);
int err_nomem(struct err *e);
void err_clear(struct err *e);

#endif
