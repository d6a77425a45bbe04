/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UTF-8, one character at a time, for the modules here that cut or escape
 * text from outside. Strict as RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/util.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Length in bytes of the well-formed character at @bytes (@n readable), its code point in @ret; 0
 * if malformed. */
static inline size_t utf8_decode(const void *bytes, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *b = bytes;
	uint32_t c;
	size_t len;

	if (n == 0)
		return 0;
	if (b[0] < 0x80) {
		*ret = b[0];
		return 1;
	}
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	len = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	c = b[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

/* The longest prefix of @s, at most @n bytes, that does not end inside a character. */
static inline size_t utf8_floor(const char *s, size_t n)
{
	size_t back = 0;

	if (n == 0)
		return 0;
	while (back < 3 && back + 1 < n && ((uint8_t)s[n - 1 - back] & 0xc0) == 0x80)
		back++;
	uint8_t lead = (uint8_t)s[n - 1 - back];
	size_t len = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	return len > back + 1 ? n - 1 - back : n;
}

#endif
