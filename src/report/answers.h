/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One request seen at several places: what was answered, and how long that took at each of them;
 * what was never answered, one line a request. Beside calls.h, which keeps each place to itself.
 */
#ifndef REPORT_ANSWERS_H
#define REPORT_ANSWERS_H

#include "calls.h"

#define ANSWERS_KEPT 4096

/* A request that was answered: where, and how long it took there. */
struct answer {
	uint64_t id, sent_ns, client_rid, noted;
	uint32_t pair;
	uint8_t asker, command, error, views; /* bits 1 << enum calls_view; 0: an empty slot */
	uint64_t latency_ns[CALLS_VIEWS];
};

typedef void (*answer_fn)(void *arg, const struct answer *a);

/* What was answered lately. Each is handed over once, when no place is expected to tell more. */
struct answers {
	struct answer *kept; /* [ANSWERS_KEPT] */
	uint64_t count;
	answer_fn fn;
	void *arg;
};

/* A request without an answer, wherever that is so. */
struct unanswered {
	const struct calls_pending *at[CALLS_VIEWS]; /* NULL: not there, or answered there */
	const struct calls_pending *any;	     /* of them */
	uint64_t ns;				     /* when it was first seen */
	uint32_t sent;				     /* how often; the most of all places */
	uint8_t told; /* places that saw its answer: bits 1 << enum calls_view */
};

void answer_tell(const struct calls *c, const struct calls_done *d);
int answers_init(struct answers *a, answer_fn fn, void *arg, struct err *e);
void answers_done(struct answers *a);
void answers_note(struct answers *a, const struct calls *c, const struct calls_done *d);
void answers_flush(struct answers *a);
bool unanswered_list(const struct calls *c, struct unanswered **ret, size_t *ret_count);
const char *unanswered_words(const struct unanswered *u, const struct calls *c);

#endif
