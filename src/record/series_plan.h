/* SPDX-License-Identifier: GPL-2.0-only */
/* Which series are collected, of what and how often: the built-in ones, and what --sample asks for.
 */
#ifndef RECORD_SERIES_PLAN_H
#define RECORD_SERIES_PLAN_H

#include "format/series.h"
#include "record/record.h"

#define SERIES_MAX 64
#define SERIES_INTERVAL_MIN_NS (10 * NSEC_PER_MSEC)
#define SERIES_INTERVAL_MAX_NS (86400 * NSEC_PER_SEC)
#define SERIES_SOURCE "series/" /* and the name: what journal, ledger and manifest call it */
#define SERIES_SOURCE_MAX (sizeof(SERIES_SOURCE) + SERIES_NAME_MAX)

enum series_kind {
	SERIES_FILES,	/* files, a section each */
	SERIES_FOLDERS, /* folders of one-value files, a section each */
	SERIES_DISKS,	/* stat of the devices below scoutfs mounts */
	SERIES_TCP,	/* TCP_INFO of connections with the server */
	SERIES_PROCESSES,
};

struct series_builtin {
	const char *name;
	enum series_kind kind;
	uint64_t interval_ns; /* when none is given */
	bool by_default;      /* in the default set */
	const char *patterns[4];
	const char *what; /* for people */
};

extern const struct series_builtin series_builtins[];
extern const size_t series_builtin_count;

struct series_spec {
	char name[SERIES_NAME_MAX + 1];
	const struct series_builtin *builtin; /* NULL: the user's own */
	char *path;			      /* the user's file or glob; owned */
	uint64_t interval_ns;		      /* 0: at the start and at the end */
	bool asked;			      /* by name, not as one of a set */
};

struct series_plan {
	struct series_spec specs[SERIES_MAX];
	size_t count;
	bool by_default; /* nobody asked for anything: the default set */
};

int series_plan_make(const struct record_config *c, struct series_plan *ret, struct err *e);
/* Only how many there are. */
int series_plan_count(const struct record_config *c, unsigned int *ret, struct err *e);
void series_plan_done(struct series_plan *p);
/* The patterns of a series: how many, and the nth. */
size_t series_spec_patterns(const struct series_spec *s, const char *const **ret);
/* What a series costs: CPU time of a sample, and how often. */
struct series_cost {
	uint64_t cpu_ns; /* 0: not known yet */
	uint64_t interval_ns;
	bool asked; /* by name: as often as was asked for */
};
#define SERIES_SHARE_PPM 2500 /* of one CPU, for all that nobody asked for by name */
/* Which one is to be read less often; @count: none. */
size_t series_spare(const struct series_cost *costs, size_t count);
/* Reading or opening it acts, or may never come back. */
bool series_path_forbidden(const char *path);

#endif
