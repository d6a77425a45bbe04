/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests and their answers among scoutfs messages, wherever these were seen: which answer belongs
 * to which request, what was sent again, what is still unanswered; over reconnects, in bounded
 * memory.
 */
#ifndef REPORT_CALLS_H
#define REPORT_CALLS_H

#include "format/wire.h"

#include "analysis.h"
#include "stats.h"

/* Where a message was seen. One conversation may be seen at all three. */
enum calls_view {
	CALLS_PACKETS, /* in captured packets */
	CALLS_CLIENT,  /* by trace events of the client's end */
	CALLS_SERVER,  /* by those of the server's end */
	CALLS_VIEWS
};

/* Who sent a message, or asks. */
enum calls_side { CALLS_BY_CLIENT, CALLS_BY_SERVER, CALLS_SIDES };

#define CALLS_PAIRS 8192
#define CALLS_SESSIONS 8192
#define CALLS_PENDING 131072

/* Of one kind of request at one view. */
struct calls_figures {
	uint64_t fresh;	   /* requests, each counted once however often it was sent */
	uint64_t sent;	   /* frames of requests */
	uint64_t again;	   /* of these, sent before */
	uint64_t finished; /* requests that were answered */
	uint64_t failed;   /* of these, with an error */
	uint64_t errors[WIRE_ERRORS];
	uint64_t stray;	    /* answers to nothing that was seen, or once more */
	uint64_t backwards; /* answers that came before their request: no latency */
	/* Of those unanswered, when there were too many to keep: the oldest were let go. */
	uint64_t forgotten, forgotten_acked;
	uint64_t pending, pending_acked; /* calls_finish() */
	struct stats latency;
};

/* Addresses that were a server's. */
struct calls_servers {
	struct wire_addr addrs[16];
	size_t count;
};

struct calls_pair;

/* One client and one server, over all their connections, as seen at one view. */
struct calls_session {
	enum calls_view view;
	uint64_t recorder;	       /* rid of the mount that saw it; 0: packets */
	uint64_t fsid;		       /* of that mount */
	uint64_t client_rid;	       /* 0: unknown */
	const struct calls_pair *pair; /* the latest */
	uint64_t first_ns, last_ns;
	uint64_t connections;
	uint64_t messages[CALLS_SIDES];	 /* by who sent them */
	uint64_t last_from[CALLS_SIDES]; /* ns */
	uint64_t fresh[CALLS_SIDES], finished[CALLS_SIDES], pending[CALLS_SIDES];
	struct {
		uint64_t seq;	/* the highest sent, but of greetings */
		uint64_t acked; /* the other side has all up to this */
		uint16_t epoch; /* how often numbering started over */
		bool renewed;	/* a greeting was seen and no request since */
	} side[CALLS_SIDES];
};

/* Two addresses that talk. */
struct calls_pair {
	struct wire_addr client, server;
	bool sure;			/* which is which */
	uint64_t client_rid;		/* 0: unknown */
	uint32_t sessions[CALLS_VIEWS]; /* index + 1; 0: none */
	/* Frames of the time that packets and events both cover, by who sent, command, answer:
	 * packets, send events, receive events. Made when needed. */
	uint32_t (*frames)[3][CALLS_SIDES][WIRE_COMMANDS][2];
};

/* A request without its answer. */
struct calls_pending {
	uint64_t id, seq, ns;
	uint32_t session, pair; /* indexes */
	uint32_t sent;		/* frames; 0: an empty slot */
	uint16_t epoch;
	uint8_t side, command;
	/* Other places that saw it answered, by whoever looks for that (answers.c): bits 1 << enum
	 * calls_view, and how long it took there. */
	uint8_t told;
	uint64_t told_ns[CALLS_VIEWS];
};

/* A request that was answered. */
struct calls_done {
	const struct calls_session *session;
	const struct calls_pair *pair;
	enum calls_side asker;
	uint8_t command, error;
	uint64_t id, sent_ns, latency_ns;
	uint8_t told; /* as of calls_pending */
	uint64_t told_ns[CALLS_VIEWS];
};

/* A message at one view. */
struct calls_seen {
	enum calls_view view;
	uint64_t recorder, fsid;
	uint32_t pair;
	enum calls_side from;
	uint64_t begin_ns, end_ns; /* of its arrival; the same for an event */
	const struct wire_message *message;
};

struct calls {
	struct calls_figures *figures[CALLS_VIEWS][CALLS_SIDES]; /* [WIRE_COMMANDS] or NULL */
	struct calls_pair *pairs;
	uint32_t pair_count, *pair_slots;
	struct calls_session *sessions;
	uint32_t session_count;
	struct calls_pending *pending;
	uint32_t pending_count, pending_size;
	struct calls_servers servers;
	uint64_t salt;
	uint64_t untracked; /* messages of more connections than are kept */
	uint64_t replaced;  /* requests whose number was given to another */
	uint64_t messages[CALLS_VIEWS];
	bool failed; /* no memory */

	/* Each may be NULL. A request that began is done or dropped at one time, or is pending at
	 * the end. Dropped: there were too many, its number was given to another, or the answer
	 * bears an earlier time. */
	void (*begun)(void *arg, const struct calls_pending *p);
	void (*done)(void *arg, const struct calls_done *d);
	void (*dropped)(void *arg, const struct calls_pending *p);
	void *arg;
};

void calls_server_is(struct calls_servers *k, const struct wire_addr *a);
bool calls_is_server(const struct calls_servers *k, const struct wire_addr *a);
int calls_server_of(const struct calls_servers *k, const struct wire_addr *a,
		    const struct wire_addr *b, int server, int from, const struct wire_message *m,
		    bool *ret_sure);

int calls_init(struct calls *c, const struct wire_addr *server, struct err *e);
void calls_free(struct calls *c);
/* Index of the pair of two addresses, in any order; UINT32_MAX: there are too many. @server: which
 * of them the server is, -1: the message tells, or a guess. */
uint32_t calls_pair(struct calls *c, const struct wire_addr *a, const struct wire_addr *b,
		    int server, int from, const struct wire_message *m);
void calls_client_is(struct calls *c, uint32_t pair, uint64_t client_rid);
void calls_see_packet(struct calls *c, const struct tcpflow_connection *k,
		      const struct tcpflow_message *m, struct calls_seen *ret);
bool calls_see_event(struct calls *c, const struct trace_event *e, event_fields f, bool sent,
		     struct wire_message *ret_message, struct calls_seen *ret);
void calls_message(struct calls *c, const struct calls_seen *s);
void calls_count_frame(struct calls *c, const struct calls_seen *s, unsigned int which);
struct calls_pending *calls_find(const struct calls *c, uint32_t pair, enum calls_view view,
				 enum calls_side asker, uint64_t id, uint8_t command);
void calls_finish(struct calls *c);

#endif
