/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a session's journal: one JSON object each, whose first member says what it tells.
 */
#ifndef RECORD_JOURNAL_H
#define RECORD_JOURNAL_H

#include "base/json.h"
#include "base/text.h"

#include "spool.h"

struct journal_line {
	struct text text;
	struct json_writer json;
};

struct json_writer *journal_begin(struct journal_line *l, const char *kind);
void journal_end(struct journal_line *l, struct spool *s);

#endif
