/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has begun and not ended yet, by a number that both ends carry: a small hash table that does
 * not grow beyond a limit. For analyses that look for the second half of a pair.
 */
#ifndef REPORT_PAIRS_H
#define REPORT_PAIRS_H

#include "base/util.h"

#define PAIRS_LIMIT (UINT32_C(1) << 17)

struct pair {
	uint64_t key;
	uint64_t ns;   /* when it began */
	uint64_t more; /* the caller's own */
	bool used;
};

struct pairs {
	struct pair *slots; /* a power of two of them, at most half used */
	uint32_t room, count;
	uint64_t refused; /* there was no place for these */
};

struct pair *pairs_find(struct pairs *p, uint64_t key);
struct pair *pairs_add(struct pairs *p, uint64_t key, uint64_t ns);
void pairs_remove(struct pairs *p, struct pair *pair);
void pairs_done(struct pairs *p);

/* A number that has as many different bits as it should. */
static inline uint64_t pairs_mix(uint64_t a, uint64_t b)
{
	a = (a ^ (b << 29 | b >> 35)) * UINT64_C(0x9e3779b97f4a7c15);
	return a ^ a >> 32;
}

#endif
