/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel-log records, from /dev/kmsg to the lines of a bundle's kernel.log.
 *
 * The kernel-log source parses each record it reads, hands it to the triggers and appends the line
 * to the spool. Parsing works in the caller's buffer and allocates nothing, since a log storm is
 * when it matters most. It does not open /dev/kmsg, keep sequence numbers or convert clocks: the
 * source does.
 *
 * A record is one read() of /dev/kmsg:
 * "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,NAME=VALUE...];TEXT\n", then lines " KEY=VALUE\n" about
 * the device, which are not kept. Bytes outside printable ASCII and backslashes are written as \xNN
 * in all of them. Anybody who may write /dev/kmsg may make a record with any text, but not one of
 * facility 0 (kern).
 *
 * Source: Documentation/ABI/testing/dev-kmsg, kernel/printk/printk.c (msg_print_ext_header(),
 * msg_print_ext_body(), devkmsg_write()).
 */
#include <errno.h>

#include "format/kmsg.h"

#define LEVEL_BITS 3 /* of the priority; the rest is the facility */

/* Digits up to @end_mark, stepping over both; false when there is something else or too much. */
static bool take_number(const char **at, const char *end, char end_mark, uint64_t *ret)
{
	const char *s = *at;
	uint64_t v;

	if (!parse_u64_at(&s, end, &v) || s == end || *s != end_mark)
		return false;
	*at = s + 1;
	*ret = v;
	return true;
}

/* Turn \xNN into bytes, in place; what only looks like it stays. Returns the new length. */
static size_t unescape(char *s, size_t n)
{
	size_t to = 0;

	for (size_t from = 0; from < n; to++) {
		int high = -1, low = -1;

		if (n - from >= 4 && s[from] == '\\' && s[from + 1] == 'x') {
			high = hex_digit(s[from + 2]);
			low = hex_digit(s[from + 3]);
		}
		if (high < 0 || low < 0) {
			s[to] = s[from++];
			continue;
		}
		s[to] = (char)(high << 4 | low);
		from += 4;
	}
	return to;
}

/**
 * kmsg_parse() - one record of /dev/kmsg
 * @buf: @n bytes as read() gave them, and room for one more; changed in place
 * @n:   bytes of the record
 * @ret: set on success; ret->text points into @buf
 *
 * The text may hold any bytes after unescaping, NUL among them: ret->text_bytes counts them all.
 * Fields that later kernels add before the semicolon are skipped.
 *
 * Return: 0; -EBADMSG when it is not a record, and @buf is as it was.
 */
int kmsg_parse(char *buf, size_t n, struct kmsg_record *ret)
{
	const char *at = buf, *end = buf + n, *flags, *newline;
	uint64_t priority, seq, stamp_us, stamp_ns;
	char *text;

	if (!take_number(&at, end, ',', &priority) || !take_number(&at, end, ',', &seq) ||
	    !take_number(&at, end, ',', &stamp_us))
		return -EBADMSG;
	if (priority >> LEVEL_BITS > UINT8_MAX ||
	    __builtin_mul_overflow(stamp_us, NSEC_PER_USEC, &stamp_ns))
		return -EBADMSG;

	flags = at;
	at = memchr(flags, ';', (size_t)(end - flags));
	newline = memchr(flags, '\n', (size_t)(end - flags));
	if (!at || at == flags || (newline && newline < at))
		return -EBADMSG;

	text = buf + (at + 1 - buf);
	*ret = (struct kmsg_record){
		.level = priority & ((1 << LEVEL_BITS) - 1),
		.facility = (unsigned int)(priority >> LEVEL_BITS),
		.seq = seq,
		.stamp_ns = stamp_ns,
		/* '+' is what old kernels said for the later pieces of a line. */
		.continuation = *flags == 'c' || *flags == '+',
		.text = text,
		.text_bytes = unescape(text, (size_t)((newline ? newline : end) - text)),
	};
	text[ret->text_bytes] = '\0';
	return 0;
}

/**
 * kmsg_format() - append a record as a line of kernel.log
 * @r:       the record
 * @real_ns: CLOCK_REALTIME of the record, as the caller's clock anchors place it
 * @out:     one line with its newline is appended
 *
 * "2026-11-20T10:00:02.123456Z [   13.683690] kern.info 400 TEXT". The stamp in brackets is
 * printk's own, as dmesg shows it. The text is escaped as the kernel does it in /dev/kmsg, so that
 * a line is always one record, a terminal is safe, and nothing is lost.
 */
void kmsg_format(const struct kmsg_record *r, uint64_t real_ns, struct text *out)
{
	uint64_t us = r->stamp_ns / NSEC_PER_USEC;
	size_t plain = 0;
	char utc[40];

	text_printf(out, "%s [%5llu.%06u] %s.%s %llu ", format_utc(real_ns, utc, sizeof(utc)),
		    (unsigned long long)(us / 1000000), (unsigned int)(us % 1000000),
		    kmsg_facility_name(r->facility), kmsg_level_name(r->level),
		    (unsigned long long)r->seq);

	for (size_t i = 0; i < r->text_bytes; i++) {
		unsigned char c = (unsigned char)r->text[i];

		if (c >= ' ' && c < 0x7f && c != '\\')
			continue;
		text_add(out, r->text + plain, i - plain);
		text_printf(out, "\\x%02x", c);
		plain = i + 1;
	}
	text_add(out, r->text + plain, r->text_bytes - plain);
	text_add(out, "\n", 1);
}

/* ---- lines of kernel.log ---- */

static bool take_digits(const char **at, const char *end, unsigned int count, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < count; i++, (*at)++) {
		if (*at >= end || **at < '0' || **at > '9')
			return false;
		v = v * 10 + (uint64_t)(**at - '0');
	}
	*ret = v;
	return true;
}

static bool take_char(const char **at, const char *end, char c)
{
	if (*at >= end || **at != c)
		return false;
	(*at)++;
	return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar; years from March on. */
static int64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = year - (month <= 2), m = (month + 9) % 12;

	return (int64_t)(365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1) -
	       719468;
}

/* "2026-11-20T10:00:02.123456Z" from 1970 on, and what follows. */
static bool take_utc(const char **at, const char *end, uint64_t *ret_real_ns)
{
	uint64_t year, month, day, hour, minute, second, fraction = 0, unit = 100 * NSEC_PER_MSEC;

	if (!take_digits(at, end, 4, &year) || !take_char(at, end, '-') ||
	    !take_digits(at, end, 2, &month) || !take_char(at, end, '-') ||
	    !take_digits(at, end, 2, &day) || !take_char(at, end, 'T') ||
	    !take_digits(at, end, 2, &hour) || !take_char(at, end, ':') ||
	    !take_digits(at, end, 2, &minute) || !take_char(at, end, ':') ||
	    !take_digits(at, end, 2, &second))
		return false;
	if (take_char(at, end, '.'))
		for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
			fraction += (uint64_t)(**at - '0') * unit;
	/* 2261 is the last year whose nanoseconds fit 63 bits. */
	if (!take_char(at, end, 'Z') || year < 1970 || year > 2261 || month < 1 || month > 12 ||
	    day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_real_ns = (((uint64_t)days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 *
			       NSEC_PER_SEC +
		       second * NSEC_PER_SEC + fraction;
	return true;
}

/* "kern.info": numbers by their names; what has none is UINT8_MAX. */
static bool take_origin(const char **at, const char *end, struct kmsg_record *r)
{
	const char *dot = memchr(*at, '.', (size_t)(end - *at));
	const char *blank = memchr(*at, ' ', (size_t)(end - *at));

	if (!dot || !blank || dot > blank)
		return false;
	r->facility = r->level = UINT8_MAX;
	for (unsigned int i = 0; i < 24; i++)
		if (strcmp(kmsg_facility_name(i), "unknown") != 0 &&
		    strlen(kmsg_facility_name(i)) == (size_t)(dot - *at) &&
		    memcmp(kmsg_facility_name(i), *at, (size_t)(dot - *at)) == 0)
			r->facility = i;
	for (unsigned int i = 0; i < 8; i++)
		if (strlen(kmsg_level_name(i)) == (size_t)(blank - dot - 1) &&
		    memcmp(kmsg_level_name(i), dot + 1, (size_t)(blank - dot - 1)) == 0)
			r->level = i;
	*at = blank + 1;
	return true;
}

/**
 * kmsg_line_parse() - take apart a line of kernel.log, as kmsg_format() writes it
 * @line:        @n bytes without the newline; unescaped in place, and there is room for a NUL
 * @ret:         set on success; .text points into @line
 * @ret_real_ns: CLOCK_REALTIME, whole microseconds
 *
 * Return: 0; -EBADMSG when it is not such a line.
 */
int kmsg_line_parse(char *line, size_t n, struct kmsg_record *ret, uint64_t *ret_real_ns)
{
	const char *at = line, *end = line + n;
	struct kmsg_record r = {0};
	uint64_t real_ns, us = 0, second = 0;
	char *text;

	if (!take_utc(&at, end, &real_ns) || !take_char(&at, end, ' ') || !take_char(&at, end, '['))
		return -EBADMSG;
	while (at < end && *at == ' ')
		at++;
	if (!take_number(&at, end, '.', &second) || !take_digits(&at, end, 6, &us) ||
	    !take_char(&at, end, ']') || !take_char(&at, end, ' ') || !take_origin(&at, end, &r) ||
	    !take_number(&at, end, ' ', &r.seq) ||
	    __builtin_mul_overflow(second, NSEC_PER_SEC, &r.stamp_ns) ||
	    __builtin_add_overflow(r.stamp_ns, us * NSEC_PER_USEC, &r.stamp_ns))
		return -EBADMSG;
	text = line + (at - line);
	r.text = text;
	r.text_bytes = unescape(text, (size_t)(end - at));
	text[r.text_bytes] = '\0';
	*ret = r;
	*ret_real_ns = real_ns;
	return 0;
}

/**
 * kmsg_level_name() - "emerg" to "debug", as dmesg writes them; "unknown" beyond
 */
const char *kmsg_level_name(unsigned int level)
{
	static const char *const names[] = {"emerg", "alert",  "crit", "err",
					    "warn",  "notice", "info", "debug"};

	return level < ARRAY_SIZE(names) ? names[level] : "unknown";
}

/**
 * kmsg_facility_name() - "kern", "user", ...; "unknown" for a number that syslog(3) has no name for
 */
const char *kmsg_facility_name(unsigned int facility)
{
	static const char *const names[] = {
		[0] = "kern",	 [1] = "user",	  [2] = "mail",	     [3] = "daemon",
		[4] = "auth",	 [5] = "syslog",  [6] = "lpr",	     [7] = "news",
		[8] = "uucp",	 [9] = "cron",	  [10] = "authpriv", [11] = "ftp",
		[16] = "local0", [17] = "local1", [18] = "local2",   [19] = "local3",
		[20] = "local4", [21] = "local5", [22] = "local6",   [23] = "local7",
	};

	return facility < ARRAY_SIZE(names) && names[facility] ? names[facility] : "unknown";
}
