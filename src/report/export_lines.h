/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a file that is sorted by time, made almost in order: a line may come later than others
 * of later times, as long as there are not too many of these.
 */
#ifndef REPORT_EXPORT_LINES_H
#define REPORT_EXPORT_LINES_H

#include "base/text.h"

#include "analysis.h"

#define LINES_WAITING 32768

struct export_line;

struct export_lines {
	struct report_out *out;
	const char *separator;	     /* between two lines; borrowed */
	struct export_line *waiting; /* a heap, the earliest first */
	size_t count, room;
	uint64_t added, written, last_ns;
	uint64_t late; /* came after a later one was written */
	struct text text;
	bool failed; /* no memory */
};

void lines_begin(struct export_lines *l, struct report_out *out, const char *separator);
void lines_add(struct export_lines *l, uint64_t ns, const char *bytes, size_t n);
void lines_flush(struct export_lines *l);
void lines_done(struct export_lines *l);

#endif
