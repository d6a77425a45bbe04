/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzz targets share: bytes taken from an input, the input cut into pieces, and MUST(),
 * which ends the program where a promise of the code under test does not hold. Each target is one
 * file fuzz_NAME.c with one LLVMFuzzerTestOneInput().
 *
 * Every piece that is handed on is a copy of exactly its length on the heap, so that a read
 * beyond it is seen.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define MUST(cond)                                                                               \
	do {                                                                                     \
		if (!(cond)) {                                                                   \
			(void)fprintf(stderr, "%s:%d: this must hold: %s\n", __FILE__, __LINE__, \
				      #cond);                                                    \
			abort();                                                                 \
		}                                                                                \
	} while (0)

/* ---- numbers in front, the rest behind; zeros once there is nothing left ---- */

struct input {
	const uint8_t *at;
	size_t left;
};

static inline void input_take(struct input *in, void *ret, size_t n)
{
	size_t have = min_of(n, in->left);

	memset(ret, 0, n);
	if (!have)
		return;
	memcpy(ret, in->at, have);
	in->at += have;
	in->left -= have;
}

static inline uint8_t input_u8(struct input *in)
{
	uint8_t v;

	input_take(in, &v, sizeof(v));
	return v;
}

static inline uint32_t input_u32(struct input *in)
{
	uint8_t b[4];

	input_take(in, b, sizeof(b));
	return get_le32(b);
}

static inline uint64_t input_u64(struct input *in)
{
	uint8_t b[8];

	input_take(in, b, sizeof(b));
	return get_le64(b);
}

/* ---- copies ---- */

static inline void *fuzz_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	MUST(p);
	return p;
}

/* Exactly @n bytes. */
static inline uint8_t *fuzz_copy(const void *bytes, size_t n)
{
	uint8_t *p = fuzz_alloc(n);

	if (n)
		memcpy(p, bytes, n);
	return p;
}

/* A C string: up to the first NUL in @bytes, if there is one. */
static inline char *fuzz_string(const void *bytes, size_t n)
{
	size_t len = n ? strnlen(bytes, n) : 0;
	char *s = fuzz_alloc(len + 1);

	if (len)
		memcpy(s, bytes, len);
	s[len] = '\0';
	return s;
}

/* ---- pieces: an input cut at each "%%%%", which a mutation finds and moves easily ---- */

#define FUZZ_CUT "%%%%"

struct piece {
	const uint8_t *bytes;
	size_t n;
};

/* Fills all of @ret; pieces that the input does not have are empty. Returns how many it has. */
static inline size_t fuzz_cut(const uint8_t *bytes, size_t n, struct piece *ret, size_t max)
{
	size_t count = 0;

	memset(ret, 0, max * sizeof(*ret));
	while (count < max) {
		const uint8_t *cut =
			n && count + 1 < max ? memmem(bytes, n, FUZZ_CUT, strlen(FUZZ_CUT)) : NULL;

		ret[count].bytes = bytes;
		ret[count++].n = cut ? (size_t)(cut - bytes) : n;
		if (!cut)
			break;
		n -= (size_t)(cut - bytes) + strlen(FUZZ_CUT);
		bytes = cut + strlen(FUZZ_CUT);
	}
	return count;
}

static inline char *piece_string(const struct piece *p)
{
	return fuzz_string(p->bytes, p->n);
}

/* Nothing that moves a terminal's cursor; newlines and tabs only where @lines are meant. */
static inline bool fuzz_is_plain(const char *s, size_t n, bool lines)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < ' ' && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f)
			return false;
	}
	return true;
}

#endif
