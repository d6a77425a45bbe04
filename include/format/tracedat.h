/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.dat, version 6 (trace-cmd.dat.v6(5)), in two pieces, because the first must be durable
 * before the first event and the second is known only at the end:
 *
 *   head   magic to printk_formats: everything that comes from tracefs at arming
 *   tail   saved_cmdlines, CPU count, options, the flyrecord table; padded so that
 *          the CPU data that follows begins on a page boundary of the file
 */
#ifndef FORMAT_TRACEDAT_H
#define FORMAT_TRACEDAT_H

#include "base/err.h"
#include "base/text.h"

struct tracedat_format {
	const char *system; /* "ftrace" for the ones the kernel uses itself */
	const char *text;   /* the event's format file */
};

struct tracedat_head {
	uint32_t page_bytes; /* of the ring's sub-buffers */
	const char *header_page;
	const char *header_event;
	const struct tracedat_format *formats; /* grouped: all of one system together */
	size_t format_count;
	const char *kallsyms;	    /* may be empty */
	const char *printk_formats; /* may be empty */
};

struct tracedat_tail {
	const char *cmdlines; /* lines "PID COMM" */
	uint32_t page_bytes;  /* as in the head */
	uint32_t cpus;
	const uint64_t *cpu_bytes; /* [cpus]: bytes of CPU data, each a multiple of the page size */
	const char *const *cpu_stats; /* [cpus]: text of per_cpu/cpuN/stats, or NULL */
	int64_t real_offset_ns;	      /* added to each stamp to give CLOCK_REALTIME */
	const char *trace_clock;      /* text of the trace_clock file, e.g. "local global [mono]" */
	const char *uname;	      /* "Linux host 5.14.0 x86_64", may be NULL */
};

int tracedat_write_head(const struct tracedat_head *h, struct text *out, struct err *e);
/* @head_bytes: length of the head this tail will follow. */
int tracedat_write_tail(const struct tracedat_tail *t, uint64_t head_bytes, struct text *out,
			struct err *e);

#endif
