/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a session folder amounts to, as manifest.json and summary.txt of its bundle tell it.
 */
#ifndef RECORD_MANIFEST_H
#define RECORD_MANIFEST_H

#include "base/text.h"
#include "format/segment.h"

#include "folder.h"
#include "series_plan.h"

struct gap {
	char kind[16]; /* fault, retention, before, outage, damage */
	uint32_t id;
	uint64_t from_ns, to_ns;
	uint64_t count;
	bool uncounted;
	char reason[192];
};

/* One source, over all its streams. */
struct holding {
	const char *name;
	enum chunk_stream stream; /* 0: none of its own */
	uint32_t id;		  /* of a series; else 0: all of the stream */
	const struct json_value *facts;
	const char *member;
	char status[16], why[600];
	uint64_t records, raw_bytes; /* in the bundle */
	uint64_t recorded;	     /* by the recorder's own count; 0 unknown */
	uint64_t first_ns, last_ns;  /* monotonic; 0, 0 when there is nothing */
	uint64_t lost;		     /* to faults, as far as counted */
	bool lost_uncounted;
	struct gap *gaps;
	size_t gap_count;
};

struct member {
	char path[112];
	uint64_t bytes;
};

struct manifest {
	const struct folder *folder;
	const struct segment_set *set;
	const char *stem;
	const char *bundle_name;
	struct holding holdings[5 + SERIES_MAX];
	size_t holding_count;
	struct member *members;
	size_t member_count;
	int64_t real_offset_ns; /* REALTIME - MONOTONIC at the newest anchor */
	bool real_known;	/* there is an anchor, or the facts have both times */
	uint64_t newest_ns;	/* monotonic: of the newest record of all */
	bool complete;
	bool died; /* the recorder did not get to its end */
};

void manifest_begin(const struct folder *f, struct manifest *ret);
int manifest_survey(struct manifest *m, const struct segment_set *set, struct err *e);
/* Is @c of this source? */
bool manifest_holds(const struct holding *h, const struct chunk *c);
const char *manifest_member(const struct holding *h);
bool manifest_takes(const struct manifest *m, const struct chunk *c);
int manifest_spoil(struct manifest *m, const char *source, const char *why, struct err *e);
int manifest_damage(struct manifest *m, const char *source, struct err *e, const char *fmt, ...)
	PRINTF(4, 5);
void manifest_degrade(struct manifest *m, const char *source, const char *why);
void manifest_done(struct manifest *m);
uint64_t manifest_real_ns(const struct manifest *m, uint64_t mono_ns);
const struct json_value **manifest_suspects(const struct manifest *m, size_t *ret_count);
int manifest_add_member(struct manifest *m, const char *path, uint64_t bytes, struct err *e);
void manifest_write_json(const struct manifest *m, struct text *out);
void manifest_write_summary(const struct manifest *m, struct text *out);
/* The object that --json prints. */
void manifest_write_result(const struct manifest *m, const char *bundle_path, struct text *out);

#endif
