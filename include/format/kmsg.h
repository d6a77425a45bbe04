/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel-log records: as /dev/kmsg gives them ("PRIO,SEQ,USEC,FLAGS[,...];TEXT\n KEY=VALUE...",
 * Documentation/ABI/testing/dev-kmsg), and as lines of kernel.log in a bundle:
 *
 *   2026-11-20T10:00:02.123456Z [   13.683690] kern.info 400 scoutfs f.3d167d...: server closing
 * ...
 */
#ifndef FORMAT_KMSG_H
#define FORMAT_KMSG_H

#include "base/err.h"
#include "base/text.h"

struct kmsg_record {
	unsigned int level;    /* 0 emerg .. 7 debug */
	unsigned int facility; /* 0 is the kernel */
	uint64_t seq;
	uint64_t stamp_ns; /* printk's clock: local_clock(), in whole microseconds */
	bool continuation; /* flag 'c' */
	const char *text;  /* points into the caller's buffer, which is unescaped in place;
			      NUL-terminated */
	size_t text_bytes;
};

/* Parses and unescapes (\xNN) in place; @buf has room for n + 1 bytes. -EBADMSG when it is not a
 * record. */
int kmsg_parse(char *buf, size_t n, struct kmsg_record *ret);
/* One line with its newline; the text is escaped (\xNN) as the kernel does it in /dev/kmsg. */
void kmsg_format(const struct kmsg_record *r, uint64_t real_ns, struct text *out);
/* The inverse: @line without its newline, unescaped in place. */
int kmsg_line_parse(char *line, size_t n, struct kmsg_record *ret, uint64_t *ret_real_ns);
const char *kmsg_level_name(unsigned int level);
const char *kmsg_facility_name(unsigned int facility);

#endif
