/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of scoutfs in the kernel log: what each says, as numbers and addresses.
 */
#ifndef REPORT_LOGLINE_H
#define REPORT_LOGLINE_H

#include "format/wire.h"

enum logline_kind {
	LOGLINE_OTHER,
	/* What ends a recording, in the order of the recorder's table of triggers. */
	LOGLINE_CLIENT_FENCED,	 /* .a, the client */
	LOGLINE_RECOVERY_FENCED, /* .rid; .number: ms of the timeout */
	LOGLINE_LEADER_FENCED,	 /* .other, .term, .slot, .a */
	LOGLINE_FENCE_ERROR,	 /* .rid */
	LOGLINE_USURPED,	 /* .type, .slot, .term of who sent it; .number: the own term */
	LOGLINE_QUORUM_DEAD,	 /* .number: errno */
	LOGLINE_SERVER_ABORT,
	LOGLINE_COMMIT_FAILURE, /* .number: errno */
	LOGLINE_CORRUPTION,
	LOGLINE_OOPS, /* of anybody */
	/* What leads to it or follows. */
	LOGLINE_SERVER_CLOSING,	     /* .a the server, .b the client */
	LOGLINE_CLIENT_DISCONNECTED, /* .a the client, .b the server */
	LOGLINE_HEARTBEAT_DELAY,     /* .number: seconds */
	LOGLINE_SERVER_STOPPING,     /* .a */
	LOGLINE_SERVER_STOPPED,	     /* .a */
	LOGLINE_SERVER_STARTING,     /* .a */
	LOGLINE_SERVER_READY,	     /* .a */
	LOGLINE_FORCED_UNMOUNT,
	LOGLINE_RECOVERING, /* .number: clients that are waited for */
	LOGLINE_RECOVERED,
	LOGLINE_RECLAIMED,	  /* .rid */
	LOGLINE_CLIENT_CONNECTED, /* .a the client, .b the server */
	LOGLINE_SERVER_ACCEPTED,  /* .a the server, .b the client */
	LOGLINE_COMMIT_BUDGET,
	LOGLINE_LOG_MERGE, /* .number: errno */
	LOGLINE_HUNG_TASK, /* .number: seconds; of anybody */
	LOGLINE_KINDS
};

/* A mount, as the log names it: the top 24 bits of its fsid and rid. */
struct logline_mount {
	bool known;
	uint32_t fsid, rid;
};

struct logline {
	enum logline_kind kind;
	struct logline_mount mount; /* which said it */
	const char *message;	    /* behind the prefix; in the text that was parsed */
	size_t message_bytes;
	struct logline_mount other;
	struct wire_addr a, b;
	uint64_t rid, term;
	int64_t number;
	unsigned int slot, type;
	bool has_a, has_b, has_rid, has_term, has_slot, has_number;
};

bool logline_parse(const char *text, size_t bytes, bool of_kernel, struct logline *ret);
bool logline_is_final(enum logline_kind kind);
bool logline_is_fence(enum logline_kind kind);
bool logline_same_mount(const struct logline_mount *a, const struct logline_mount *b);

#endif
