/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Growable strings, and the two directions between numbers and what people
 * write: options ("64M", "2m") and reports ("1.5 GiB", "3 min 20 s").
 *
 * Everybody calls it; a text belongs to whoever declared it. No locale is
 * consulted: what is printed on one node must read the same on another.
 * Fractions are computed in integers, so that "1.5G" is exact.
 */
#include <ctype.h>
#include <errno.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "utf8.h"

/* Longest fraction taken: nine digits, a nanosecond of a second. */
#define FRACTION_DIGITS 9

/* Names longer than this are never suggested (option and trigger names are far shorter). */
#define NAME_MAX_BYTES 63

void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){0};
}

/**
 * text_reset() - empty a text but keep its memory; a remembered failure is forgotten
 */
void text_reset(struct text *t)
{
	t->len = 0;
	t->failed = false;
	if (t->s)
		t->s[0] = '\0';
}

/* Make room for @n more bytes and the NUL. */
static bool text_grow(struct text *t, size_t n)
{
	size_t want, size;
	char *s;

	if (t->failed)
		return false;
	if (__builtin_add_overflow(t->len, n, &want) || __builtin_add_overflow(want, 1, &want))
		goto failed;
	if (want <= t->size)
		return true;
	size = max_of(want, (size_t)64);
	if (t->size <= SIZE_MAX / 2)
		size = max_of(size, t->size * 2);
	s = realloc(t->s, size);
	if (!s)
		goto failed;
	t->s = s;
	t->size = size;
	return true;
failed:
	t->failed = true;
	return false;
}

/**
 * text_add() - append bytes, which may include NUL
 * @t:     zeroed before its first use; unchanged from the first failure on
 * @bytes: borrowed; must not lie inside @t
 */
void text_add(struct text *t, const void *bytes, size_t n)
{
	if (!text_grow(t, n))
		return;
	if (n)
		memcpy(t->s + t->len, bytes, n);
	t->len += n;
	t->s[t->len] = '\0';
}

void text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

/* How many of them are printable ASCII: nearly all there ever is, and nothing to decode. */
static size_t plain_bytes(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= ' ' && s[i] <= '~')
		i++;
	return i;
}

/* Characters that make a terminal show what follows in another order than it stands (UAX #9). */
static bool turns_around(uint32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/**
 * text_add_clean() - append bytes from anywhere so that they are safe to show
 * @s:     @n bytes; what is not UTF-8, or could move a terminal's cursor, becomes "?"
 * @lines: newlines and tabs stay
 */
void text_add_clean(struct text *t, const char *s, size_t n, bool lines)
{
	while (n) {
		size_t plain = plain_bytes(s, n);
		uint32_t c = 0;
		size_t len;
		bool ok;

		if (plain) {
			text_add(t, s, plain);
			s += plain;
			n -= plain;
			continue;
		}
		len = utf8_decode(s, n, &c);
		ok = len && c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0) && !turns_around(c);

		if (lines && (c == '\n' || c == '\t'))
			ok = true;
		len = max_of(len, (size_t)1);
		if (ok)
			text_add(t, s, len);
		else
			text_str(t, "?");
		s += len;
		n -= len;
	}
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(t, fmt, ap);
	va_end(ap);
}

/**
 * text_vprintf() - append formatted; the arguments must not lie inside @t
 */
void text_vprintf(struct text *t, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	if (!text_grow(t, 0))
		return;
	va_copy(again, ap);
	n = vsnprintf(t->s + t->len, t->size - t->len, fmt, ap);
	if (n < 0) {
		t->s[t->len] = '\0';
		t->failed = true;
	} else if ((size_t)n >= t->size - t->len) {
		t->s[t->len] = '\0';
		if (text_grow(t, (size_t)n)) {
			(void)vsnprintf(t->s + t->len, t->size - t->len, fmt, again);
			t->len += (size_t)n;
		}
	} else {
		t->len += (size_t)n;
	}
	va_end(again);
}

bool text_ok(const struct text *t)
{
	return !t->failed;
}

const char *text_c(const struct text *t)
{
	return t->s ? t->s : "";
}

/* Decimal digits at *@s, which is left after them. */
static int scan_u64(const char **s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)**s))
		return -EINVAL;
	for (; isdigit((unsigned char)**s); (*s)++)
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
			return -ERANGE;
	*ret = v;
	return 0;
}

/**
 * parse_u64() - a whole decimal number, nothing before or after it
 * @ret: set on success only
 *
 * Return: 0; -EINVAL if it is not one; -ERANGE if it does not fit.
 */
int parse_u64(const char *s, uint64_t *ret)
{
	uint64_t v;
	int r = scan_u64(&s, &v);

	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	*ret = v;
	return 0;
}

/**
 * parse_u64_at() - decimal digits at *@at, in bytes that no NUL ends
 * @at:  left behind them on success
 * @end: of the bytes
 *
 * Return: false when there are none, or more than fit.
 */
bool parse_u64_at(const char **at, const char *end, uint64_t *ret)
{
	const char *s = *at;
	uint64_t v = 0;

	if (s == end || !isdigit((unsigned char)*s))
		return false;
	for (; s < end && isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	*at = s;
	*ret = v;
	return true;
}

/** hex_digit() - the value of a hexadecimal digit, or -1 */
int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit *unit_find(const struct unit *units, size_t count, const char *name,
				    int (*compare)(const char *, const char *))
{
	for (size_t i = 0; i < count; i++)
		if (compare(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* "12.5" and a unit; a fraction of the smallest unit (factor 1) has no meaning and is refused. */
static int parse_scaled(const char *s, const struct unit *units, size_t count,
			int (*compare)(const char *, const char *), uint64_t *ret)
{
	uint64_t whole, fraction = 0, scale = 1, value;
	const struct unit *u;
	const char *digits;
	int r;

	r = scan_u64(&s, &whole);
	if (r < 0)
		return r;
	if (*s == '.') {
		digits = ++s;
		r = scan_u64(&s, &fraction);
		if (r < 0 || s - digits > FRACTION_DIGITS)
			return -EINVAL;
		for (; digits < s; digits++)
			scale *= 10;
	}
	u = unit_find(units, count, s, compare);
	if (!u || (fraction && u->factor == 1))
		return -EINVAL;
	if (__builtin_mul_overflow(whole, u->factor, &value))
		return -ERANGE;
	fraction = (uint64_t)((unsigned __int128)fraction * u->factor / scale);
	if (__builtin_add_overflow(value, fraction, &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

/**
 * parse_size() - "4096", "64M", "1.5G", "10KiB": bytes, in binary units whichever way they are
 * written
 * @ret_bytes: set on success only; a fraction of a byte is dropped
 *
 * Upper and lower case are the same. Return: 0; -EINVAL for anything else (signs and blanks
 * included); -ERANGE if it does not fit.
 */
int parse_size(const char *s, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{"", 1},	   {"B", 1},	       {"K", KIB},
		{"KB", KIB},	   {"KiB", KIB},       {"M", MIB},
		{"MB", MIB},	   {"MiB", MIB},       {"G", GIB},
		{"GB", GIB},	   {"GiB", GIB},       {"T", KIB * GIB},
		{"TB", KIB * GIB}, {"TiB", KIB * GIB}, {"P", MIB * GIB},
		{"PB", MIB * GIB}, {"PiB", MIB * GIB},
	};

	return parse_scaled(s, units, ARRAY_SIZE(units), strcasecmp, ret_bytes);
}

/**
 * parse_duration() - "90" (seconds), "1.5s", "250ms", "10us", "40ns", "2m", "1h", "3d"
 * @ret_ns: set on success only; a fraction of a nanosecond is dropped
 *
 * Return: 0; -EINVAL for anything else; -ERANGE if it does not fit.
 */
int parse_duration(const char *s, uint64_t *ret_ns)
{
	static const struct unit units[] = {
		{"", NSEC_PER_SEC},	     {"ns", 1},
		{"us", NSEC_PER_USEC},	     {"ms", NSEC_PER_MSEC},
		{"s", NSEC_PER_SEC},	     {"m", 60 * NSEC_PER_SEC},
		{"min", 60 * NSEC_PER_SEC},  {"h", 3600 * NSEC_PER_SEC},
		{"d", 86400 * NSEC_PER_SEC},
	};

	return parse_scaled(s, units, ARRAY_SIZE(units), strcmp, ret_ns);
}

/**
 * format_utc() - a CLOCK_REALTIME reading as ISO 8601, "2026-11-20T10:00:02.123456Z"
 * @buf: of @size bytes, 28 for all of it; also the return value
 */
const char *format_utc(uint64_t real_ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(real_ns / NSEC_PER_SEC);
	struct tm tm;

	(void)gmtime_r(&seconds, &tm); /* cannot fail: 2^64 ns end in the year 2554 */
	(void)snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		       (unsigned)(real_ns % NSEC_PER_SEC / NSEC_PER_USEC));
	return buf;
}

/*
 * One decimal, rounded, in the largest unit that leaves at least 1; ".0" is
 * left out. Rounding may carry into the next unit: 1023.97 KiB is 1 MiB.
 */
static const char *format_scaled(uint64_t v, uint64_t base, const char *const *units, size_t count,
				 char *buf, size_t size)
{
	unsigned __int128 factor = 1, tenths;
	size_t i = 0;

	for (;; i++, factor *= base) {
		tenths = ((unsigned __int128)v * 10 + factor / 2) / factor;
		if (tenths < 10 * (unsigned __int128)base || i + 1 == count)
			break;
	}
	uint64_t t = (uint64_t)tenths;

	if (t % 10)
		(void)snprintf(buf, size, "%llu.%llu%s", (unsigned long long)(t / 10),
			       (unsigned long long)(t % 10), units[i]);
	else
		(void)snprintf(buf, size, "%llu%s", (unsigned long long)(t / 10), units[i]);
	return buf;
}

/**
 * format_bytes() - "512 B", "1.5 GiB"
 * @buf: of @size bytes, 32 is enough; also the return value
 */
const char *format_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};

	return format_scaled(bytes, 1024, units, ARRAY_SIZE(units), buf, size);
}

/**
 * format_count() - "999", "1.2 k", "1.2 M"
 * @buf: of @size bytes, 32 is enough; also the return value
 */
const char *format_count(uint64_t n, char *buf, size_t size)
{
	static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};

	return format_scaled(n, 1000, units, ARRAY_SIZE(units), buf, size);
}

/* "4 d 2 h": @v counts the smaller unit, of which @per make one of the larger. */
static const char *format_pair(uint64_t v, uint64_t per, const char *large, const char *small,
			       char *buf, size_t size)
{
	unsigned long long a = v / per, b = v % per;

	if (b)
		(void)snprintf(buf, size, "%llu %s %llu %s", a, large, b, small);
	else
		(void)snprintf(buf, size, "%llu %s", a, large);
	return buf;
}

/* @v in units of @unit, rounded. */
static uint64_t rounded(uint64_t v, uint64_t unit)
{
	return v / unit + (v % unit >= unit / 2 + unit % 2);
}

/**
 * format_duration() - two figures' worth: "850 ns", "2.5 ms", "12.4 s", "3 min 20 s", "4 d 2 h"
 * @buf: of @size bytes, 32 is enough; also the return value
 */
const char *format_duration(uint64_t ns, char *buf, size_t size)
{
	static const char *const units[] = {" ns", " us", " ms", " s"};
	const uint64_t minute = 60 * NSEC_PER_SEC, hour = 60 * minute;

	if (rounded(ns, NSEC_PER_SEC / 10) < 600)
		return format_scaled(ns, 1000, units, ARRAY_SIZE(units), buf, size);
	if (rounded(ns, NSEC_PER_SEC) < 3600)
		return format_pair(rounded(ns, NSEC_PER_SEC), 60, "min", "s", buf, size);
	if (rounded(ns, minute) < 24 * 60)
		return format_pair(rounded(ns, minute), 60, "h", "min", buf, size);
	return format_pair(rounded(ns, hour), 24, "d", "h", buf, size);
}

/* Columns a character takes: a rough table, enough to keep lines and columns in their places. */
static size_t columns_of(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} wide[] = {
		{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},	{0xf900, 0xfaff},
		{0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
	};

	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		if (c >= wide[i].first && c <= wide[i].last)
			return 2;
	return 1;
}

/**
 * text_fitting() - how many of the @n bytes at @s fit in @columns columns of a terminal
 *
 * What text_add_clean() made is taken; at anything else it stops. Never ends inside a character.
 */
size_t text_fitting(const char *s, size_t n, size_t columns)
{
	size_t used = 0;
	uint32_t c;

	while (used < n) {
		size_t len = utf8_decode(s + used, n - used, &c);

		if (len == 0 || columns_of(c) > columns)
			break;
		columns -= columns_of(c);
		used += len;
	}
	return used;
}

/** text_width() - the columns that the @n bytes at @s take; as for text_fitting() */
size_t text_width(const char *s, size_t n)
{
	size_t width = 0, used = 0;
	uint32_t c;

	while (used < n) {
		size_t len, plain = plain_bytes(s + used, n - used);

		width += plain;
		used += plain;
		if (used == n)
			break;
		len = utf8_decode(s + used, n - used, &c);
		width += len ? columns_of(c) : 1;
		used += max_of(len, (size_t)1);
	}
	return width;
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = min_of(a, b);

	return min_of(ab, c);
}

/*
 * Edits from one name to the other: insert, delete, replace, or swap two
 * neighbours (Damerau's distance, no part edited twice), case ignored.
 */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_BYTES + 1], *before = rows[0], *above = rows[1], *row = rows[2];
	size_t na = strlen(a), nb = strlen(b);

	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *spare = before;

		before = above;
		above = row;
		row = spare;
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);

			row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
	}
	return row[nb];
}

/**
 * nearest_name() - the name that was probably meant
 * @wanted: as the user wrote it
 * @names:  the @count names there are; the first of several that are equally near is taken
 *
 * Return: one of @names, or NULL if none is within two edits (a third of the length of a long
 * name).
 */
const char *nearest_name(const char *wanted, const char *const *names, size_t count)
{
	size_t limit = max_of(strlen(wanted) / 3, (size_t)2), best = limit + 1;
	const char *ret = NULL;

	if (strlen(wanted) > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t distance;

		if (strlen(names[i]) > NAME_MAX_BYTES)
			continue;
		distance = edit_distance(wanted, names[i]);
		if (distance < best) {
			best = distance;
			ret = names[i];
		}
	}
	return ret;
}

/**
 * no_such_name() - a name that is none, and the one that was probably meant, or all there are
 * @what:  a noun, as in "series"
 * @names: the @count that there are
 * @tail:  a sentence to follow, without its full stop; NULL: none
 *
 * Return: -EINVAL.
 */
int no_such_name(struct err *e, const char *what, const char *name, const char *const *names,
		 size_t count, const char *tail)
{
	const char *near = nearest_name(name, names, count);
	CLEANUP(text_free) struct text all = {0};

	if (near)
		return err_set(e, -EINVAL, "there is no %s '%.100s'; did you mean '%s'?%s%s", what,
			       name, near, tail ? " " : "", tail ? tail : "");
	for (size_t i = 0; i < count; i++)
		text_printf(&all, "%s%s", i ? ", " : "", names[i]);
	return err_set(e, -EINVAL, "there is no %s '%.100s'; there are %s%s%s", what, name,
		       text_c(&all), tail ? ". " : "", tail ? tail : "");
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}
