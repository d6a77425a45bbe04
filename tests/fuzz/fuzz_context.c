/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of context/MOMENT/INDEX.
 *
 * Promised: what a line is said to mean lies within it, and its words hold no blank.
 */
#include "context_index.h"

#include "fuzz.h"

static void must_be_word(const char *line, size_t n, const char *word)
{
	MUST(word >= line && word + strlen(word) <= line + n);
	MUST(*word && !strchr(word, ' '));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *line = fuzz_alloc(n + 1);
	struct context_file f;
	bool timed;

	if (n)
		memcpy(line, bytes, n);
	line[n] = '\0';
	if (context_index_line(line, &f, &timed)) {
		must_be_word(line, n, f.name);
		must_be_word(line, n, f.status);
		MUST(f.how >= line && f.how <= line + n);
		MUST(timed || f.ns == 0);
	}
	free(line);
	return 0;
}
