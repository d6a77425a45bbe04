/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers, sizes, durations as people write them, and back. Input: a number, then the text.
 *
 * Promised: a whole number reads back as written; what is not a number is refused; upper and lower
 * case of a size are the same; everything printed fits and is plain.
 */
#include <ctype.h>

#include "base/text.h"

#include "fuzz.h"

static void check_parse(const char *s)
{
	uint64_t v = 0, size = 0, duration = 0, upper = 0;
	char *up = fuzz_string(s, strlen(s)), buf[32];

	for (char *c = up; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (parse_u64(s, &v) == 0) {
		const char *digits = s;

		while (digits[0] == '0' && digits[1])
			digits++;
		(void)snprintf(buf, sizeof(buf), "%llu", (unsigned long long)v);
		MUST(strcmp(buf, digits) == 0);
		MUST(parse_size(s, &size) == 0 && size == v);
	}
	size = 0;
	MUST(parse_size(s, &size) == parse_size(up, &upper) && size == upper);
	if (parse_duration(s, &duration) == 0)
		MUST(isdigit((unsigned char)s[0]));
	free(up);
}

static void check_format(uint64_t v)
{
	char buf[32];

	MUST(strlen(format_utc(v, buf, sizeof(buf))) == 27);
	MUST(fuzz_is_plain(buf, strlen(buf), false));
	MUST(isdigit((unsigned char)format_bytes(v, buf, sizeof(buf))[0]));
	MUST(isdigit((unsigned char)format_count(v, buf, sizeof(buf))[0]));
	MUST(isdigit((unsigned char)format_duration(v, buf, sizeof(buf))[0]));
	MUST(strlen(buf) < sizeof(buf) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const names[] = {"before", "after", "duration", "disk-budget", "", "b"};
	struct input in = {bytes, n};
	uint64_t v = input_u64(&in);
	char *s = fuzz_string(in.at, in.left);
	const char *near;

	check_format(v);
	check_parse(s);
	near = nearest_name(s, names, ARRAY_SIZE(names));
	if (near && strlen(s) > 8)
		MUST(strlen(near) > 2);
	free(s);
	return 0;
}
