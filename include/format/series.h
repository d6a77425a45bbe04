/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Series: what was read of counters at intervals, as text. The members series/NAME.txt of a bundle,
 * and the payloads of chunks of kind CHUNK_SERIES.
 *
 *	# scoutfs-trace series 1 vmstat every 1 s	the head, once (not in chunks)
 *	@ 123456789012345 45678 2			a sample: CLOCK_MONOTONIC ns when reading
 *							began, ns that it took, number of sections
 *	= 1234 /proc/vmstat				a section: that many bytes follow, and a
 *	...						newline of their own
 *	! ENOENT 0 /proc/nosuch				a section that could not be read, and why
 *
 * What a section holds is as the kernel (or whoever) wrote it. `! EFBIG` behind a section of the
 *same path says that the file was longer, and cut. A chunk begins with a sample and holds whole
 *ones.
 */
#ifndef FORMAT_SERIES_H
#define FORMAT_SERIES_H

#include "base/text.h"

#define SERIES_FOLDER "series/" /* of a bundle; .txt */
#define SERIES_VERSION 1
#define SERIES_NAME_MAX 32
#define SERIES_SECTIONS_MAX 65536
#define SERIES_ERROR_MAX 20 /* of the name of an error, with its NUL */

struct series_head {
	char name[SERIES_NAME_MAX + 1];
	uint64_t interval_ns; /* 0: at the start and at the end */
};

struct series_sample {
	uint64_t mono_ns; /* CLOCK_MONOTONIC when reading began */
	uint64_t took_ns;
	uint32_t sections;
};

/* Strings lie in the walked bytes and are not terminated. */
struct series_section {
	const char *path; /* escaped: no controls in it */
	size_t path_bytes;
	const char *bytes; /* of the section; NULL when it could not be read */
	size_t byte_count;
	char error[SERIES_ERROR_MAX]; /* "ENOENT"; empty when it was read */
};

struct series_walk {
	const char *at, *end;
	uint32_t left;	  /* sections of the sample that are still to come */
	uint64_t skipped; /* bytes that made no sense */
};

bool series_name_ok(const char *name, size_t n);
void series_head_write(const char *name, uint64_t interval_ns, struct text *out);
/* How many bytes it has; 0 when it is none. */
size_t series_head_parse(const void *bytes, size_t n, struct series_head *ret);

void series_sample_write(uint64_t mono_ns, uint64_t took_ns, uint32_t sections, struct text *out);
void series_section_write(const char *path, const void *bytes, size_t n, struct text *out);
void series_failure_write(const char *path, int code, struct text *out);

/* @bytes: a chunk, or the whole member; lent for as long as the walk goes. */
void series_walk_begin(struct series_walk *w, const void *bytes, size_t n);
/* The next sample: 1; 0 at the end. What makes no sense is skipped, and counted in ->skipped. */
int series_next_sample(struct series_walk *w, struct series_sample *ret);
/* The next section of this sample: 1; 0 when there is no more; -EBADMSG: the rest is damaged. */
int series_next_section(struct series_walk *w, struct series_section *ret);
/* The path of a section as it is on the host. */
void series_path(const struct series_section *s, struct text *out);

#endif
