/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event formats from a stranger, and events read by them. Input: an event's bytes, then up to three
 * formats, cut at "%%%%".
 *
 * Promised: names are plain words; fields, numbers and strings lie within the event; each format is
 * found by its name and its id.
 */
#include "format/event.h"

#include "fuzz.h"

#define FORMATS 3

static void check_field(const struct event_field *f, const uint8_t *data, uint32_t bytes)
{
	struct tracedat_span s;
	uint64_t u;
	int64_t i;

	MUST(f->name[0] && f->type[0] && f->offset <= UINT16_MAX && f->bytes <= UINT16_MAX);
	MUST(fuzz_is_plain(f->name, strlen(f->name), false));
	MUST(fuzz_is_plain(f->type, strlen(f->type), false));
	if (event_field_u64(f, data, bytes, &u)) {
		MUST(f->offset + f->bytes <= bytes);
		MUST(event_field_i64(f, data, bytes, &i) &&
		     ((u ^ (uint64_t)i) << (64 - 8 * f->bytes)) == 0);
	}
	if (event_field_string(f, data, bytes, &s))
		MUST(!memchr(s.s, '\0', s.n) && (const uint8_t *)s.s >= data &&
		     (const uint8_t *)s.s + s.n <= data + bytes);
	if (event_field_bytes(f, data, bytes, &s) && s.n) /* ASan reads it */
		free(fuzz_copy(s.s, s.n));
}

static void check_format(const struct event_table *t, const struct event_format *f,
			 const uint8_t *data, uint32_t bytes)
{
	const struct event_format *same = event_by_name(t, f->system, f->name);

	MUST(f->id != 0 && event_by_id(t, f->id));
	MUST(fuzz_is_plain(f->name, strlen(f->name), false));
	while (same && same != f)
		same = event_next_of_name(t, same);
	MUST(same == f);
	for (uint32_t i = 0; i < f->field_count; i++) {
		MUST(event_field_of(f, f->fields[i].name));
		check_field(&f->fields[i], data, bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct tracedat_read_format formats[FORMATS];
	struct tracedat_read_head h = {.formats = formats};
	struct piece pieces[FORMATS + 1];
	size_t count = fuzz_cut(bytes, n, pieces, FORMATS + 1);
	uint8_t *data = fuzz_copy(pieces[0].bytes, pieces[0].n);
	struct event_table t;
	uint8_t *texts[FORMATS];

	for (size_t i = 0; i < FORMATS; i++)
		texts[i] = fuzz_copy(pieces[i + 1].bytes, pieces[i + 1].n);
	for (h.format_count = 0; h.format_count + 1 < count; h.format_count++)
		formats[h.format_count] =
			(struct tracedat_read_format){.system = {"fuzz", 4},
						      .text = {(const char *)texts[h.format_count],
							       pieces[h.format_count + 1].n}};
	MUST(event_table_read(&h, &t, NULL) == 0);
	for (uint32_t i = 0; i < t.count; i++)
		check_format(&t, &t.formats[i], data, (uint32_t)pieces[0].n);
	event_table_done(&t);
	for (size_t i = 0; i < FORMATS; i++)
		free(texts[i]);
	free(data);
	return 0;
}
