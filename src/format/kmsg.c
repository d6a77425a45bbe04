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
	uint64_t v = 0;

	if (s == end || *s < '0' || *s > '9')
		return false;
	for (; s < end && *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	if (s == end || *s != end_mark)
		return false;
	*at = s + 1;
	*ret = v;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
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
