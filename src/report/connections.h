/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report `connections` in its parts: what is gathered while the recording goes by
 * (analysis_connections.c), what is told of it (connections_tables.c).
 */
#ifndef REPORT_CONNECTIONS_H
#define REPORT_CONNECTIONS_H

#include "analysis.h"
#include "calls.h"
#include "logline.h"

#define LIVES 4096
#define BUCKETS 4096
#define STEPS 64 /* of a life; what is dropped is from the middle */

enum part { PART_PACKETS, PART_CLIENT, PART_SERVER, PART_LOG, PARTS };

enum {
	FL_VALID_GREETING = 1,
	FL_ESTABLISHED = 2,
	FL_SHUTTING_DOWN = 4,
	FL_SAW_GREETING = 8,
	FL_SAW_FAREWELL = 16,
	FL_RECONN_WAIT = 32,
	FL_RECONN_FREEING = 64
};

struct step {
	uint64_t ns, flags, next_seq;
	uint32_t pid;
	uint8_t part;
	bool has_state; /* .flags, .next_seq and what follows are known */
	bool to_send, to_resend;
	const char *what; /* lives long, or is .text */
	char *text;	  /* owned */
};

/* A connection. */
struct life {
	struct life *next; /* in its bucket */
	uint64_t number;
	struct wire_addr client, server;
	uint64_t client_rid, server_rid; /* mounts; 0: unknown */
	uint64_t term, greeting_flags;
	bool greeted, farewell;
	uint8_t parts, begun, ended; /* bits of enum part */
	uint64_t begin_ns, end_ns;   /* the first sign of either; 0: none */
	enum tcpflow_begin begin_how;
	enum tcpflow_end end_how; /* of PART_PACKETS in .ended */
	enum part end_first;	  /* who showed the end first */
	uint64_t flags;		  /* the last that were seen; the server's if it is there */
	uint64_t wait_ns, migrated_ns, freed_ns, down_ns;
	bool takes_over;   /* of an earlier connection of the same client */
	bool timed_out;	   /* the kernel log says so */
	uint64_t attempts; /* connections that came to nothing, before this one; or all, see
			      .refused */
	bool refused;	   /* nothing was ever sent: this row stands for .attempts */
	uint64_t messages[PARTS][CALLS_SIDES];
	uint64_t last_ns[CALLS_SIDES];
	uint64_t gaps, gap_bytes;
	struct step *steps;
	size_t step_count;
	uint64_t steps_dropped;
};

/* A mount's own end as a client: it has one connection at a time. */
struct client_end {
	uint64_t rid;
	struct life *life;
	uint64_t attempts;
};

struct connections {
	const struct recording *rec;
	size_t limit;
	uint64_t from_ns, to_ns, salt;
	const struct report_filter *filters; /* --peer narrows what the log tells of, too */
	size_t filter_count;
	struct calls_servers servers;
	struct life **lives; /* by their beginnings */
	size_t count;
	struct life *buckets[BUCKETS];
	struct client_end *ends;
	size_t end_count;
	struct life *migrating; /* the connection that took over last, until the old one is freed */
	uint64_t born, dropped, bad_events;
	bool failed;
	struct logline trigger;
	bool has_trigger;
};

bool connections_between(const struct life *l, const struct wire_addr *a,
			 const struct wire_addr *b);
struct step *connections_step(struct connections *c, struct life *l, enum part part, uint64_t ns,
			      const char *what);
void connections_tell(struct connections *c, struct report_out *out);

#endif
