/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.dat, version 6 (trace-cmd.dat.v6(5)), in two pieces, because the first must be durable
 * before the first event and the second is known only at the end:
 *
 *   head   magic to printk_formats: everything that comes from tracefs at arming
 *   tail   saved_cmdlines, CPU count, options, the flyrecord table; padded so that
 *          the CPU data that follows begins on a page boundary of the file
 *
 * Written by tracedat.c, read back by tracedat_read.c: also what trace-cmd writes as version 6.
 */
#ifndef FORMAT_TRACEDAT_H
#define FORMAT_TRACEDAT_H

#include "base/err.h"
#include "base/text.h"

/* trace-cmd.dat.v6(5) and include/private/trace-cmd-private.h of trace-cmd: those that are used. */
enum tracedat_option {
	TRACEDAT_END = 0,
	TRACEDAT_DATE = 1,
	TRACEDAT_CPUSTAT = 2,
	TRACEDAT_TRACECLOCK = 4,
	TRACEDAT_UNAME = 5,
	TRACEDAT_OFFSET = 7,
	TRACEDAT_CPUCOUNT = 8,
};

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

/* ---- reading ---- */

/* A head or a tail that needs more than this is refused: formats and symbols have some 20 MiB. */
#define TRACEDAT_HEAD_BYTES_MAX (128 * MIB)
#define TRACEDAT_TAIL_BYTES_MAX (64 * MIB)

/* Bytes inside the buffer that was read: no NUL behind them, anything may be in them. */
struct tracedat_span {
	const char *s;
	size_t n;
};

struct tracedat_read_format {
	struct tracedat_span system; /* "ftrace" for the ones the kernel uses itself */
	struct tracedat_span text;
};

struct tracedat_read_head {
	uint64_t bytes; /* of the head: the tail follows. After -EAGAIN: needed, at least */
	uint32_t page_bytes;
	uint32_t long_bytes; /* 4 or 8 */
	struct tracedat_span header_page, header_event;
	struct tracedat_read_format *formats; /* owned; in the file's order */
	size_t format_count;
	uint64_t formats_skipped; /* beyond what is kept */
	struct tracedat_span kallsyms, printk_formats;
};

struct tracedat_read_cpu {
	uint64_t offset, bytes; /* of its pages in the file; not compared with the file's size */
};

struct tracedat_read_tail {
	uint64_t bytes; /* as in the head; padding before the CPU data is not counted */
	struct tracedat_span cmdlines;
	uint32_t cpus;
	struct tracedat_read_cpu *cpu; /* owned, [cpus] */
	uint32_t cpus_skipped;	       /* with an impossible place: they have 0 bytes */
	int64_t real_offset_ns;	       /* DATE and OFFSET; add it to a stamp, as trace-cmd does */
	bool has_real_offset;
	struct tracedat_span *cpu_stats; /* owned, [cpu_stats_count]: "CPU: 0\nentries: ..." */
	uint32_t cpu_stats_count;
	struct tracedat_span uname, trace_clock;
	uint32_t options_skipped; /* known, but not understood */
};

int tracedat_head_read(const void *bytes, size_t n, struct tracedat_read_head *ret, struct err *e);
void tracedat_head_done(struct tracedat_read_head *h);
int tracedat_tail_read(const void *bytes, size_t n, struct tracedat_read_tail *ret, struct err *e);
void tracedat_tail_done(struct tracedat_read_tail *t);

#endif
