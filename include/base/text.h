/* SPDX-License-Identifier: GPL-2.0-only */
/* Growable byte strings, and the numbers, sizes, durations and times people write and read. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>

#include "base/err.h"

/*
 * A growable string, always NUL-terminated once something was added. An
 * allocation failure is remembered in .failed instead of being returned by
 * each call: the caller checks once, at the end, with text_ok().
 */
struct text {
	char *s;
	size_t len;
	size_t size;
	bool failed;
};

void text_free(struct text *t);
void text_reset(struct text *t);
void text_add(struct text *t, const void *bytes, size_t n);
void text_str(struct text *t, const char *s);
void text_add_clean(struct text *t, const char *s, size_t n, bool lines);
void text_printf(struct text *t, const char *fmt, ...) PRINTF(2, 3);
void text_vprintf(struct text *t, const char *fmt, va_list ap) PRINTF(2, 0);
bool text_ok(const struct text *t);
const char *text_c(const struct text *t); /* "" when nothing was added */

int parse_u64(const char *s, uint64_t *ret);
bool parse_u64_at(const char **at, const char *end, uint64_t *ret);
int hex_digit(char c);
int parse_size(const char *s, uint64_t *ret_bytes);
int parse_duration(const char *s, uint64_t *ret_ns);

const char *format_utc(uint64_t real_ns, char *buf, size_t size);
const char *format_bytes(uint64_t bytes, char *buf, size_t size);
const char *format_duration(uint64_t ns, char *buf, size_t size);
const char *format_count(uint64_t n, char *buf, size_t size);

/* Columns on a terminal; text_add_clean() made the text. */
size_t text_width(const char *s, size_t n);
size_t text_fitting(const char *s, size_t n, size_t columns);

/* One token of a list such as "did you mean": NULL when nothing is near. */
const char *nearest_name(const char *wanted, const char *const *names, size_t count);
int no_such_name(struct err *e, const char *what, const char *name, const char *const *names,
		 size_t count, const char *tail);

bool str_starts(const char *s, const char *prefix);

#endif
