/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of /dev/kmsg: parsed, written as lines of kernel.log; and the same bytes as such a line
 * of a stranger's. Input: a time, then the record or line.
 *
 * Promised: the text lies in the buffer; its line is one line of printable ASCII; and the line's
 * escaped text, read as a record, is the same text. A line that is read is, written again, read as
 * the same.
 */
#include "format/kmsg.h"

#include "fuzz.h"

/* 2262-01-01: the reader takes the years whose nanoseconds fit 63 bits, and 2261 is the last. */
#define READ_BEFORE_NS (UINT64_C(9214646400) * NSEC_PER_SEC)

/* The reader of such lines has it all back, but for names that are none and what years can hold. */
static void check_back(struct text *line, const struct kmsg_record *k, uint64_t real_ns)
{
	struct kmsg_record back;
	uint64_t real;
	int r = kmsg_line_parse(line->s, line->len - 1, &back, &real);

	if (real_ns >= READ_BEFORE_NS)
		return;
	MUST(r == 0 && real == real_ns / NSEC_PER_USEC * NSEC_PER_USEC);
	MUST(back.level == k->level && back.seq == k->seq && back.stamp_ns == k->stamp_ns);
	MUST(back.facility == k->facility || back.facility == UINT8_MAX);
	MUST(back.text_bytes == k->text_bytes && memcmp(back.text, k->text, k->text_bytes) == 0);
}

static void check_line(const struct kmsg_record *k, uint64_t real_ns)
{
	CLEANUP(text_free) struct text line = {0}, again = {0};
	struct kmsg_record back;
	const char *text;

	kmsg_format(k, real_ns, &line);
	MUST(text_ok(&line) && line.len && line.s[line.len - 1] == '\n');
	for (size_t i = 0; i + 1 < line.len; i++)
		MUST(line.s[i] >= ' ' && line.s[i] < 0x7f);

	/* TIME [ STAMP] FACILITY.LEVEL SEQ TEXT */
	text = strchr(line.s, ']');
	for (int blanks = 0; text && blanks < 3; blanks++)
		text = strchr(text + 1, ' ');
	MUST(text);
	text_printf(&again, "%u,%llu,%llu,-;%s", k->facility << 3 | k->level,
		    (unsigned long long)k->seq, (unsigned long long)(k->stamp_ns / NSEC_PER_USEC),
		    text + 1);
	MUST(text_ok(&again));
	MUST(kmsg_parse(again.s, again.len, &back) == 0);
	MUST(back.level == k->level && back.facility == k->facility && back.seq == k->seq &&
	     back.stamp_ns == k->stamp_ns && back.text_bytes == k->text_bytes);
	MUST(memcmp(back.text, k->text, k->text_bytes) == 0);

	check_back(&line, k, real_ns);
}

/* A line that somebody else may have written. */
static void check_stranger(char *bytes, size_t n)
{
	CLEANUP(text_free) struct text line = {0};
	struct kmsg_record k;
	uint64_t real_ns;

	if (kmsg_line_parse(bytes, n, &k, &real_ns) < 0)
		return;
	MUST(k.text >= bytes && k.text + k.text_bytes <= bytes + n && !k.text[k.text_bytes]);
	MUST(k.level < 8 || k.level == UINT8_MAX); /* a word that is no level */
	kmsg_format(&k, real_ns, &line);
	MUST(text_ok(&line));
	check_back(&line, &k, real_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	uint64_t real_ns = input_u64(&in);
	char *buf = fuzz_alloc(in.left + 1);
	struct kmsg_record k;

	if (in.left)
		memcpy(buf, in.at, in.left);
	if (kmsg_parse(buf, in.left, &k) == 0) {
		MUST(k.text >= buf && k.text + k.text_bytes <= buf + in.left);
		MUST(k.text[k.text_bytes] == '\0');
		MUST(k.level < 8 && k.facility < 256);
		check_line(&k, real_ns);
	} else {
		MUST(memcmp(buf, in.at, in.left) == 0);
	}
	if (in.left)
		memcpy(buf, in.at, in.left);
	check_stranger(buf, in.left);
	free(buf);
	return 0;
}
