/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Context: what the host looked like, from a table of files and commands, once at the start and
 * once at the end, into context/start and context/end of the session folder. Each row has a time
 * and a size limit, fails softly, and its failure is written where its output would be.
 */
#ifndef RECORD_CONTEXT_H
#define RECORD_CONTEXT_H

#include "base/err.h"
#include "base/text.h"

struct context_result {
	unsigned int collected;
	unsigned int failed;
};

/*
 * @session_fd: the session folder; @moment: "start" or "end". @port: of the server, host order;
 *              0: unknown. @deadline_ns (CLOCK_MONOTONIC): rows not begun by then are skipped,
 *              and say so. Blocks; not for the loop thread.
 */
int context_collect(int session_fd, const char *moment, uint16_t port, uint64_t deadline_ns,
		    struct context_result *ret, struct err *e);
/* The same, reading the files (not the commands) below another root folder, for tests. */
int context_collect_at(const char *root, int session_fd, const char *moment, uint16_t port,
		       uint64_t deadline_ns, struct context_result *ret, struct err *e);
/* A copy of a configuration file with the values of its secrets taken out. Pure, for tests. */
void context_redact(const char *bytes, size_t n, struct text *out);

#endif
