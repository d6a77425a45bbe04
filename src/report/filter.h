/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user wants to see, made into what the feed asks. */
#ifndef REPORT_FILTER_H
#define REPORT_FILTER_H

#include "report/report.h"

#include "expression.h"
#include "feed.h"

#define FILTER_RIDS 4

/* What events of one format name mounts by. */
struct filter_rids {
	const struct event_field *fsid, *fields[FILTER_RIDS];
	size_t count;
};

/* Where events of one format have addresses: of one end and of the other. NULL: they have none. */
struct filter_ends {
	const struct event_field *ip[2], *port[2];
};

struct filter_pid {
	uint32_t pid;
	bool seen;
	size_t word; /* of config.filters: who asked for it */
};

struct filter_where {
	struct expression *expression;
	size_t word;
};

struct filter {
	const struct report_config *config;
	const struct recording *rec;
	uint8_t *event_types;		       /* [events.count]; NULL: all */
	uint8_t *types_seen;		       /* of these */
	const struct event_field **pid_fields; /* [events.count]; NULL: pids do not matter */
	uint64_t *cpus;			       /* bitmap of all numbers; NULL: all */
	struct filter_pid *pids;	       /* sorted */
	size_t pid_count, word;		       /* word: whose numbers are taken */
	struct filter_where *where;	       /* all must hold */
	size_t where_count;
	struct filter_rids *rids;	     /* [events.count]; NULL: rids do not matter */
	struct filter_ends *ends;	     /* [events.count]; NULL: addresses do not matter */
	const struct event_field **commands; /* [events.count]; NULL: commands do not matter */
	uint64_t command_bits;		     /* bits 1 << enum wire_command, of all words */
	unsigned int left_out;		     /* bits 1 << enum feed_source */
	bool peers;
	/* [config.filter_count]: something matched it; and at least one event matched all. */
	bool *matched, *passed; /* matched is the one that is freed */
};

int filter_open(const struct report_config *c, const struct recording *rec, struct filter *ret,
		struct err *e);
void filter_done(struct filter *f);
/* Is one of the two what a --peer of these asks for? Without any --peer all are. */
bool filter_has_peer(const struct report_filter *filters, size_t count, const struct wire_addr *a,
		     const struct wire_addr *b);
struct feed_filter filter_feed(const struct filter *f);
void filter_tell(const struct filter *f, unsigned int read, const char *where, struct table *notes);

#endif
