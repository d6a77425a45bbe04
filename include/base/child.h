/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other programs, by argument vector and never through a shell, each with a
 * time and an output limit. Nothing of ours leaks in: every descriptor is
 * close-on-exec, signals are unblocked and reset. A child that is run for us
 * dies with us; the user's own command, which is started, does not.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/text.h"

struct child_limits {
	uint64_t timeout_ns; /* then SIGKILL to its process group */
	size_t output_bytes; /* more is read and thrown away */
};

struct child_result {
	int wait_status; /* as waitpid() gives it */
	bool timed_out;
	bool truncated; /* there was more than the output limit */
};

/* Run to the end and collect standard output and error together. Blocks: not for the loop thread.
 */
int child_run(const char *const argv[], const struct child_limits *limits, struct text *ret_output,
	      struct child_result *ret, struct err *e);

/*
 * The user's command, with our standard streams untouched, in our process group (the terminal's
 * Ctrl-C reaches it as it would without us). The process is made early, while we are small, and
 * becomes the program when it is told to.
 */
struct child_waiting {
	pid_t pid; /* 0: none */
	int fd;	   /* -1: none */
	const char *program;
};

int child_prepare(char *const argv[], struct child_waiting *ret, struct err *e);
int child_start(struct child_waiting *w, pid_t *ret, struct err *e);
void child_forget(struct child_waiting *w);

#endif
