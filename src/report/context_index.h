/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was collected of the host at the start and at the end, as context/start/INDEX and
 * context/end/INDEX tell it.
 */
#ifndef REPORT_CONTEXT_INDEX_H
#define REPORT_CONTEXT_INDEX_H

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

#include "bundle.h"

/* One file of context/MOMENT. Texts are a stranger's. */
struct context_file {
	uint64_t ns; /* when its collection began, CLOCK_MONOTONIC */
	uint64_t bytes, took_ms;
	const char *moment, *name; /* it is context/MOMENT/NAME */
	const char *status; /* ok, cut, partial, failed or skipped: scoutfs-trace-bundle(5) */
	const char *how;    /* the command, or the file it is a copy of */
	const char *why;    /* why there is nothing, or not all; "" when not known */
};

struct context_index {
	struct context_file *files; /* by time */
	size_t count;
	size_t missing; /* of them: there is nothing in them */
	bool guessed;	/* an INDEX without times: its files lie where its collection began */
	bool left_out;	/* there are more, or lines that are none */
	/* the module's own */
	struct text texts[2];
	struct text whys; /* one behind the other, each with its NUL */
};

int context_index_load(const struct bundle *b, struct context_index *ret, struct err *e);
void context_index_done(struct context_index *c);
bool context_index_line(char *line, struct context_file *ret, bool *ret_timed);
bool context_file_is_missing(const struct context_file *f);

#endif
