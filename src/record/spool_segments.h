/* SPDX-License-Identifier: GPL-2.0-only */
/* The spool's files of sealed chunks, under one budget: see spool_segments.c. For spool.c alone. */
#ifndef RECORD_SPOOL_SEGMENTS_H
#define RECORD_SPOOL_SEGMENTS_H

#include "format/chunk.h"

#include "spool.h"

struct segments;

struct segments_config {
	int session_fd; /* borrowed */
	uint64_t limit_bytes;
	uint64_t beside_bytes; /* of these, what is not for segments */
	uint64_t segment_bytes;
	uint64_t pin_ns;
	bool resume; /* nothing is reserved, nothing dropped */
	/* Without the lock, in the thread that appends. */
	void (*dropped)(void *arg, const char *why, uint64_t from_ns, uint64_t to_ns,
			uint64_t chunks);
	void (*failed)(void *arg, int code, const char *what);
	void *arg;
};

int segments_open(const struct segments_config *c, struct segments **ret);
int segments_open_folder(struct segments *s, bool make, struct err *e);
int segments_reserve(struct segments *s, struct err *e);
void segments_free(struct segments *s);

/* The writer. */
int segments_adopt(struct segments *s, uint32_t number);
int segments_append(struct segments *s, const struct chunk *c, const uint8_t *frame);
int segments_sync(struct segments *s);

/* Any thread. */
void segments_pin(struct segments *s, uint64_t when_ns);
void segments_stats(struct segments *s, struct spool_stats *ret);

/* For the files beside them. */
int segments_hold(int fd, uint64_t bytes);
int segments_no_room(const struct segments *s, int code, struct err *e);
int segments_write_chunk(int fd, const struct chunk *c, const uint8_t *frame);

#endif
