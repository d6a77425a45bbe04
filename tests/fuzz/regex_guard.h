/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trigger's pattern is root's own and compiled by the C library. glibc's regcomp() is known to
 * take memory and stack without bound for nested repeats, groups and back-references
 * (https://sourceware.org/glibc/wiki/Security%20Exceptions calls that no bug), and that is all a
 * campaign would find: such patterns are left out here.
 */
#ifndef TESTS_FUZZ_REGEX_GUARD_H
#define TESTS_FUZZ_REGEX_GUARD_H

#include <ctype.h>
#include <string.h>

static inline bool regex_is_tame(const char *s)
{
	int groups = 0;

	if (strlen(s) > 80)
		return false;
	for (; *s; s++) {
		if (*s == '{' || (*s == '\\' && isdigit((unsigned char)s[1])))
			return false;
		/* Each + copies what it repeats: forty in a row ask for terabytes. */
		if (strchr("*+?", *s) && s[1] && strchr("*+?", s[1]))
			return false;
		groups += *s == '(';
	}
	return groups <= 5;
}

#endif
