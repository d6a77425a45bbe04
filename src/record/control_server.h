/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recorder's end of the control socket, and the lock that makes it the only one on its run
 * folder. Everything here runs in the loop thread. See control.c for the protocol.
 */
#ifndef RECORD_CONTROL_SERVER_H
#define RECORD_CONTROL_SERVER_H

#include "base/loop.h"
#include "base/text.h"

struct control_server;

/*
 * Make the run folder and take its lock; the descriptor holds it until closed. -EBUSY: another
 * recorder runs. Take it before control_open().
 */
int recorder_lock(const char *run_dir, struct err *e);

/*
 * Listen. @status appends the JSON object for a `status` request (0, or negative: the client is
 * told that there is none now); @stop asks the session to end, and returns at once.
 */
int control_open(const char *run_dir, struct loop *l, int (*status)(void *arg, struct text *json),
		 void (*stop)(void *arg), void *arg, struct control_server **ret, struct err *e);
/* Answer everybody who asked to stop, and who asks until now; blocks at most 1 s. Listening ends.
 */
void control_finish(struct control_server *s, const char *json);
void control_free(struct control_server *s); /* NULL is fine */
/* Remove the socket that a dead recorder left; one that lives keeps its own. */
void control_clear(const char *run_dir);

#endif
