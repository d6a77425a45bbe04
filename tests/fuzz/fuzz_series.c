/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Series: a member, or a chunk of one, of any bytes.
 *
 * Promised: the walk ends; what it gives lies in the bytes, in order and apart; paths hold no
 * controls; and what was read, written again, reads the same.
 */
#include <errno.h>

#include "format/series.h"

#include "fuzz.h"

static void check_head(const uint8_t *bytes, size_t n)
{
	CLEANUP(text_free) struct text line = {0};
	struct series_head head, again;
	size_t used = series_head_parse(bytes, n, &head);

	MUST(used <= n);
	if (!used)
		return;
	MUST(series_name_ok(head.name, strlen(head.name)));
	series_head_write(head.name, head.interval_ns, &line);
	MUST(series_head_parse(line.s, line.len, &again) == line.len);
	MUST(!strcmp(again.name, head.name) && again.interval_ns == head.interval_ns);
}

static void check_section(const struct series_section *s, const char *after, const char *end)
{
	CLEANUP(text_free) struct text path = {0}, made = {0};
	struct series_section again;
	struct series_sample sample;
	struct series_walk w;

	MUST(s->path >= after && s->path + s->path_bytes <= end);
	MUST(fuzz_is_plain(s->path, s->path_bytes, false));
	MUST(!s->bytes == (s->error[0] != '\0'));
	if (s->error[0])
		return;
	MUST(s->bytes > s->path && s->byte_count < (size_t)(end - s->bytes));
	series_path(s, &path);
	if (memchr(text_c(&path), '\0', path.len))
		return;
	series_sample_write(1, 2, 1, &made);
	series_section_write(text_c(&path), s->bytes, s->byte_count, &made);
	series_walk_begin(&w, made.s, made.len);
	MUST(series_next_sample(&w, &sample) == 1 && series_next_section(&w, &again) == 1);
	MUST(again.byte_count == s->byte_count &&
	     memcmp(again.bytes, s->bytes, s->byte_count) == 0);
	MUST(series_next_sample(&w, &sample) == 0 && !w.skipped);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n);
	const char *at = (const char *)copy, *end = at + n;
	struct series_sample sample;
	struct series_section s;
	struct series_walk w;
	uint32_t seen;
	int r;

	check_head(copy, n);
	series_walk_begin(&w, copy, n);
	while (series_next_sample(&w, &sample)) {
		MUST(w.at > at && w.at <= end);
		at = w.at;
		for (seen = 0; (r = series_next_section(&w, &s)) > 0; seen++) {
			check_section(&s, at, end);
			MUST(w.at > at && w.at <= end);
			at = w.at;
		}
		MUST(r == -EBADMSG || (r == 0 && seen == sample.sections));
	}
	MUST(w.at == end && w.skipped <= n);
	free(copy);
	return 0;
}
