/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading ahead of the walk over chunk headers.
 *
 * The walk needs some hundred bytes of each chunk, and where the next one is stands in the one
 * before: on a disk that nothing has been read from yet it waits for one page after another, which
 * for the 90 000 chunks of a bundle of 2 GiB took 9 s where the disk could have answered many at
 * once. So, when the first few hundred steps were slow, threads walk parts of the file at the same
 * time, each beginning at the first chunk header that it finds in its part. They only bring pages
 * into the page cache; what they see is not used, and the walk itself stays simple, and the same.
 *
 * Not on a disk that needs milliseconds for a step: that one has to seek, and is best left to read
 * in order.
 */
#include "bundle_private.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"

#define STEPS 256 /* that are timed */
#define SLOW_NS (20 * NSEC_PER_USEC)
#define SEEKING_NS (700 * NSEC_PER_USEC)
#define THREADS 32
#define PARTS_PER_THREAD 4
#define PART_MIN_BYTES (4 * MIB)
#define SCAN_BYTES (32 * KIB)
#define STACK_BYTES (256 * KIB)

struct ahead {
	const struct bundle *b;
	uint16_t file;
	uint64_t from, size, part_bytes;
	_Atomic uint64_t next; /* part */
};

static bool header_at(const struct ahead *a, uint64_t at, struct chunk *ret)
{
	uint8_t header[CHUNK_HEADER_BYTES];

	return bundle_pread(a->b, a->file, header, sizeof(header), at) == sizeof(header) &&
	       chunk_header_read(header, sizeof(header), ret) == 0;
}

/* The first chunk header in [at, end); UINT64_MAX none. */
static uint64_t first_header(const struct ahead *a, uint64_t at, uint64_t end)
{
	uint8_t buf[SCAN_BYTES];

	while (at < end) {
		ssize_t n = bundle_pread(a->b, a->file, buf, sizeof(buf), at);
		const uint8_t *p = buf;
		struct chunk c;

		if (n < (ssize_t)BUNDLE_CHUNK_PATTERN_BYTES)
			break;
		while ((p = memmem(p, (size_t)(buf + n - p), bundle_chunk_pattern,
				   BUNDLE_CHUNK_PATTERN_BYTES))) {
			uint64_t found = at + (uint64_t)(p - buf);

			if (header_at(a, found, &c))
				return found;
			p++;
		}
		at += (uint64_t)n - (BUNDLE_CHUNK_PATTERN_BYTES - 1);
	}
	return UINT64_MAX;
}

static void *walk_parts(void *arg)
{
	struct ahead *a = arg;
	uint64_t part;

	while ((part = atomic_fetch_add(&a->next, 1)) <= (a->size - a->from) / a->part_bytes) {
		uint64_t from = a->from + part * a->part_bytes, end = from + a->part_bytes;
		uint64_t at = first_header(a, from, end);
		struct chunk c;

		while (at < end && header_at(a, at, &c))
			at += CHUNK_HEADER_BYTES + (uint64_t)c.frame_bytes;
	}
	return NULL;
}

/* From @from to the end of the file, with as many threads as there can be. */
static void read_ahead(const struct bundle *b, uint16_t file, uint64_t from)
{
	struct ahead a = {.b = b, .file = file, .from = from, .size = b->files[file].size};
	pthread_t threads[THREADS];
	pthread_attr_t attr;
	size_t count = 0;

	if (from >= a.size || pthread_attr_init(&attr) != 0)
		return;
	a.part_bytes = max_of((a.size - from) / (THREADS * PARTS_PER_THREAD), PART_MIN_BYTES);
	/* No thread may allocate: each would have an arena of its own. */
	if (pthread_attr_setstacksize(&attr, STACK_BYTES) == 0)
		while (count < THREADS && (a.size - from) / a.part_bytes >= count &&
		       pthread_create(&threads[count], &attr, walk_parts, &a) == 0)
			count++;
	(void)pthread_attr_destroy(&attr);
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(threads[i], NULL);
}

/**
 * bundle_ahead() - called at each step of a walk; reads ahead once, if it turns out to be slow
 * @a:    of this walk; {0} at first
 * @at:   where the walk is
 */
void bundle_ahead(struct bundle_ahead *a, const struct bundle *b, uint16_t file, uint64_t at)
{
	uint64_t ns;

	if (a->steps > STEPS)
		return;
	if (a->steps++ == 0)
		a->begun_ns = clock_mono_ns();
	if (a->steps <= STEPS)
		return;
	ns = (clock_mono_ns() - a->begun_ns) / STEPS;
	if (ns >= SLOW_NS && ns <= SEEKING_NS)
		read_ahead(b, file, at);
}
