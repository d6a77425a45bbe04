/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ring-buffer sub-buffers ("pages") as per_cpu/cpuN/trace_pipe_raw gives them:
 * u64 time stamp, commit word, then events. Kernel facts: include/linux/ring_buffer.h
 * and kernel/trace/ring_buffer.c. Pure: bytes in, numbers out; safe on any bytes.
 */
#ifndef FORMAT_RINGPAGE_H
#define FORMAT_RINGPAGE_H

#include "base/err.h"

struct ringpage_layout {
	uint32_t page_bytes; /* whole sub-buffer: header and data */
	uint32_t commit_offset;
	uint32_t commit_bytes; /* 4 or 8 */
	uint32_t data_offset;
};

struct ringpage_info {
	uint64_t first_ns;   /* stamp of the first event; the page's own when it has none */
	uint64_t last_ns;    /* stamp of the last event; the page's own when it has none */
	uint64_t events;     /* data events, without padding and time extensions */
	uint32_t data_bytes; /* used bytes after the header, without a stored missed count */
	bool missed;	     /* the kernel lost events just before this page */
	bool missed_counted; /* ... and stored how many */
	uint64_t missed_events;
};

struct ringpage_event {
	uint64_t ns;
	const uint8_t *data; /* begins with the common fields: u16 common_type ... */
	uint32_t bytes;
};

struct ringpage_cursor {
	const uint8_t *page;
	uint32_t at, end;
	uint64_t ns;
	bool missed; /* as of ringpage_info */
};

int ringpage_layout_parse(const char *header_page, struct ringpage_layout *ret, struct err *e);
/* Can pages of this layout be read? A layout from a file that may be damaged is asked this first.
 */
bool ringpage_layout_ok(const struct ringpage_layout *l);
int ringpage_scan(const struct ringpage_layout *l, const uint8_t *page, struct ringpage_info *ret);
int ringpage_begin(const struct ringpage_layout *l, const uint8_t *page,
		   struct ringpage_cursor *ret);
/* 1 and an event; 0 at the end; -EBADMSG where the page makes no sense. */
int ringpage_next(struct ringpage_cursor *c, struct ringpage_event *ret);
/* Zero what follows the used bytes (old kernels leave stale memory there). */
void ringpage_clear_tail(const struct ringpage_layout *l, uint8_t *page);
/*
 * Append the events of @page to those of @into (the page read just before it from the same CPU),
 * bridging the time stamps. @into_last_ns is .last_ns of @into. False, and nothing
 * changed, when they do not fit or when @page tells of missed events.
 */
bool ringpage_join(const struct ringpage_layout *l, uint8_t *into, uint64_t into_last_ns,
		   const uint8_t *page);

#endif
