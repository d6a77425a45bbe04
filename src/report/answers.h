/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One request seen at several places: what was answered lately and where, and what was never
 * answered, one line a request. Beside calls.h, which keeps each place to itself.
 */
#ifndef REPORT_ANSWERS_H
#define REPORT_ANSWERS_H

#include "calls.h"

#define ANSWERS_RECENT 4096

/* What was answered lately: where, and how long it took there. */
struct answer {
	uint64_t id;
	uint32_t pair;
	uint8_t asker, command, views; /* bits 1 << enum calls_view; 0: an empty slot */
	uint64_t latency_ns[CALLS_VIEWS];
};

/* A request without an answer, wherever that is so. */
struct unanswered {
	const struct calls_pending *at[CALLS_VIEWS]; /* NULL: not there, or answered there */
	const struct calls_pending *any;	     /* of them */
	uint64_t ns;				     /* when it was first seen */
	uint32_t sent;				     /* how often; the most of all places */
};

bool answer_same(const struct answer *a, const struct answer *b);
struct answer *answer_note(struct answer *recent, const struct calls *c,
			   const struct calls_done *d);
bool unanswered_list(const struct calls *c, struct unanswered **ret, size_t *ret_count);
const struct answer *unanswered_elsewhere(const struct unanswered *u, const struct answer *recent);
const char *unanswered_words(const struct unanswered *u, const struct calls *c,
			     const struct answer *recent);

#endif
