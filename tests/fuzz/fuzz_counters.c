/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text of a statistics file. Input: its path, "%%%%", what it held.
 *
 * Promised: a name has at least one byte, fits its bound and has no newline; the number that is
 * returned is how often the callback ran; what is a whole number is the same in both forms; and the
 * same bytes say the same again.
 */
#include "format/counters.h"

#include "fuzz.h"

struct seen {
	size_t count;
	uint64_t sum;
};

static void take(void *arg, const struct counter *c)
{
	struct seen *s = arg;

	MUST(c->name_bytes && c->name_bytes <= COUNTER_NAME_MAX);
	MUST(!memchr(c->name, '\n', c->name_bytes));
	MUST(c->real || c->negative == (c->d < 0));
	MUST(c->real || c->u >> 53 || c->d == (double)c->u * (c->negative ? -1 : 1));
	s->count++;
	for (size_t i = 0; i < c->name_bytes; i++)
		s->sum = s->sum * 31 + (uint8_t)c->name[i];
	s->sum = s->sum * 31 + c->u;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct seen first = {0}, again = {0};
	struct piece pieces[2];
	char *path, *text;

	(void)fuzz_cut(bytes, n, pieces, 2);
	path = (char *)fuzz_copy(pieces[0].bytes, pieces[0].n);
	text = (char *)fuzz_copy(pieces[1].bytes, pieces[1].n);
	MUST(counters_parse(path, pieces[0].n, text, pieces[1].n, take, &first) == first.count);
	MUST(counters_parse(path, pieces[0].n, text, pieces[1].n, take, &again) == first.count);
	MUST(again.sum == first.sum);
	free(path);
	free(text);
	return 0;
}
