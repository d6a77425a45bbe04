/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What --where takes: conditions on the fields of trace events, compiled once for all formats of a
 * recording.
 *
 *	nh_cmd == LOCK && nh_flags & 1 || error != 0
 *	!(comm ~ "kworker*") && (mode >= 2 || c_rid == 0x7f3a)
 */
#ifndef REPORT_EXPRESSION_H
#define REPORT_EXPRESSION_H

#include "recording.h"
#include "trace_feed.h"

struct expression;

int expression_parse(const char *s, struct expression **ret, struct err *e);
int expression_bind(struct expression *x, const struct recording *rec, struct err *e);
bool expression_holds(const struct expression *x, const struct trace_event *ev);
void expression_free(struct expression *x);
void expression_freep(struct expression **x);

/* "*" is any bytes, "?" is one. */
bool glob_match(const char *pattern, size_t pattern_bytes, const char *s, size_t n);

#endif
