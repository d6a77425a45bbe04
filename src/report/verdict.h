/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdict's parts: what is gathered while the recording goes by (analysis_verdict.c,
 * verdict_hung.c), what follows from it (verdict_story.c).
 */
#ifndef REPORT_VERDICT_H
#define REPORT_VERDICT_H

#include "analysis.h"
#include "answers.h"
#include "coverage.h"
#include "logline.h"
#include "pairs.h"

#define VERDICT_LINES 512 /* log lines that are kept; of those before the trigger the last */
#define VERDICT_LATER 128 /* of them: room for what came after the trigger */
#define VERDICT_TEXT 240
#define VERDICT_TALKS 1024
#define VERDICT_BUCKETS 1024
#define VERDICT_NODES 256
#define VERDICT_SLOTS 15
#define VERDICT_BEATS 256
#define VERDICT_CAMPAIGNS 64
#define VERDICT_LOST 256

/* A log line that says something, or several that say the same. */
struct verdict_line {
	uint64_t ns, last_ns, count;
	struct logline l; /* .message points into .text */
	char text[VERDICT_TEXT];
};

/* The last message that one end of a connection sent before the trigger. */
struct verdict_message {
	uint64_t ns; /* 0: none */
	uint8_t command, error;
	bool response;
};

/* Two addresses that exchanged messages. By the end that sent, ends[0] is the lesser. */
struct verdict_talk {
	struct wire_addr ends[2];
	struct verdict_message packets[2], events[2];
	struct verdict_message packets_then[2], events_then[2]; /* see struct verdict.fences */
	uint64_t active_ns, fence;
	uint32_t next; /* index + 1 in the chain of its bucket */
};

/* The last heartbeats of a mount, from events. */
struct verdict_pulse {
	uint64_t sent_ns, received_ns, led_term;
	int received_from; /* slot */
};

/* A mount, by its whole rid. */
struct verdict_node {
	uint64_t rid, fsid;
	bool here;     /* it ran on the recorded host: its own events are in the trace */
	bool has_addr; /* of its latest connection as a client */
	struct wire_addr addr;
	uint64_t greeted_ns; /* when it last said hello to a server, in packets */
	uint64_t up_ns;	     /* when a server last took it in, in events */
	/* Before the trigger, from events: the last heartbeat that it sent and that it received. */
	struct verdict_pulse now, then; /* then: see struct verdict.fences */
	uint64_t fence;
	int slot; /* of the quorum; -1: not known */
};

/* Heartbeats of a sender to a receiver, from packets, before the trigger. */
struct verdict_beat {
	struct wire_addr from, to;
	unsigned int slot;
	uint64_t count, last_ns, term;
	uint64_t then_ns, then_term, fence; /* see struct verdict.fences */
};

/* Votes that one asked for. */
struct verdict_campaign {
	bool packets; /* seen in packets, by .slot; else in events, by .rid */
	unsigned int slot;
	uint64_t rid, count, first_ns, last_ns, first_term, last_term;
};

/* A connection that a server had accepted goes down without a farewell, from events. */
struct verdict_lost {
	uint64_t ns, rid, server_rid;
	struct wire_addr server, client;
	bool freed; /* given up for good: its client is fenced */
};

#define VERDICT_STALLS 64

/* What had gone on for long when the trigger fired, and ended later. */
struct verdict_stall {
	uint64_t ns, until_ns;
	uint64_t id; /* the first four are a request's, the last a wait's */
	uint32_t pair;
	uint8_t asker, command;
	uint32_t pid;
};

struct verdict_stalls {
	struct verdict_stall all[VERDICT_STALLS];
	size_t count;
};

/* What began and did not end, or not before the trigger. */
struct verdict_hung {
	uint64_t at_ns;		/* the trigger; 0: there was none */
	uint64_t packet_gap_ns; /* when packets were missing last */
	struct verdict_stalls requests, locks;
	struct calls calls;
	struct pairs waits; /* for locks: by pid; .more: a number that tells locks apart */
};

struct verdict {
	const struct recording *rec;
	const struct json_value *manifest;
	struct analysis_options options;
	uint64_t at_ns;	  /* the trigger, or the end; UINT64_MAX while that is not known */
	uint64_t seen_ns; /* the latest of all */
	bool at_known;
	bool has_log;
	/*
	 * Where nothing triggered, what came last before the last fence of the log is wanted, and
	 * which fence is the last is known at the end only. So fences are counted, and what changes
	 * behind one is kept as it was before (the names with "then"), once for each.
	 */
	uint64_t fences;
	bool fence_seen; /* of those that count, one was a fence and not just a final line */

	struct verdict_line
		*lines; /* [VERDICT_LINES + VERDICT_LATER]: a ring, and what came after */
	size_t line_next, line_count, later_count;
	uint64_t lines_left_out;

	struct verdict_talk *talks;
	uint32_t *buckets;
	size_t talk_count;
	uint64_t talks_dropped;

	struct verdict_node *nodes;
	size_t node_count;
	struct wire_addr slots[VERDICT_SLOTS];
	bool slot_known[VERDICT_SLOTS];
	struct wire_addr quorum[64]; /* every address that sent or got a quorum datagram */
	size_t quorum_count;
	struct verdict_beat *beats;
	size_t beat_count;
	struct verdict_campaign campaigns[VERDICT_CAMPAIGNS];
	size_t campaign_count;
	struct verdict_lost *lost;
	size_t lost_next, lost_count;

	struct verdict_hung hung;
};

/* What the verdict says of the sequence. */
struct verdict_step {
	uint64_t ns;
	unsigned int weight; /* the greater the more it must be shown */
	const char *source;  /* log, packets, trace */
	enum row_mark mark;
	char text[VERDICT_TEXT];
};
#define VERDICT_STEPS 64

/* A mount as the story knows it; not all of it need be known. */
struct verdict_party {
	struct logline_mount mount;
	uint64_t rid;
	bool has_addr, here;
	struct wire_addr addr;
	int slot; /* -1: not known */
	bool has_term;
	uint64_t term;
};

struct story {
	const struct verdict *v;
	const struct verdict_line *cause; /* the line it is about; NULL: there is none */
	struct verdict_line own;	  /* that line, where the log itself lacks it */
	uint64_t ns;			  /* of it, or of the trigger */
	bool triggered_by_it;
	enum logline_kind kind;
	struct verdict_party victim, judge;
	uint64_t lost_ns; /* the connection's end; 0: not seen */
	uint64_t reclaimed_ns, returned_ns;
	struct coverage trace, packets;
	struct text what, probably, durations, stalled, hung, seen_from;
	bool hung_requests, hung_waits; /* .hung tells of them */
	struct verdict_step steps[VERDICT_STEPS];
	size_t step_count;
};

const struct verdict_line *verdict_line_at(const struct verdict *v, size_t i);
size_t verdict_line_total(const struct verdict *v);
const struct verdict_talk *verdict_talk_of(const struct verdict *v, const struct wire_addr *a);
const struct verdict_node *verdict_node_of(const struct verdict *v, uint64_t rid);
/* By the top bits of the rid, as the log has them. */
const struct verdict_node *verdict_node_of_mount(const struct verdict *v,
						 const struct logline_mount *m);
int verdict_slot_of(const struct verdict *v, const struct wire_addr *a);

/* verdict_who.c */
void story_find_cause(struct story *s);
void story_know_parties(struct story *s);
bool story_is_victim(const struct story *s, const struct wire_addr *a, bool has);
/* verdict_steps.c */
void story_find_steps(struct story *s);
/* verdict_hung.c */
#define VERDICT_WAIT_FIELDS                                                                     \
	{                                                                                       \
		"common_pid", "rid", "start_zone", "start_first", "start_type", "start_second", \
			"start_third", "start_fourth"                                           \
	}
#define VERDICT_WAIT_FIELD_COUNT 8
int verdict_hung_open(struct verdict_hung *h, const struct recording *rec, struct err *e);
void verdict_hung_done(struct verdict_hung *h);
void verdict_hung_packet(struct verdict_hung *h, const struct tcpflow_connection *c,
			 const struct tcpflow_message *m);
void verdict_hung_gap(struct verdict_hung *h, const struct tcpflow_gap *g);
void verdict_hung_event(struct verdict_hung *h, const struct trace_event *e, event_fields f,
			bool sent);
void verdict_hung_wait(struct verdict_hung *h, const struct trace_event *e, event_fields f);
void verdict_hung_locked(struct verdict_hung *h, const struct trace_event *e, event_fields f);
void story_find_hung(struct story *s);
/* verdict_story.c */
uint64_t story_last_beat(const struct story *s, const struct verdict_party *p,
			 const char **ret_source);
const struct verdict_talk *story_talk(const struct story *s, int *ret_end);
const struct verdict_message *story_last_message(const struct verdict_talk *t, int end,
						 const char **ret_source);
void story_make(const struct verdict *v, struct story *ret);
bool story_ok(const struct story *s);
void story_done(struct story *s);

/* 0 when @to_ns is not the later. */
static inline uint64_t story_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* verdict_tables.c */
bool verdict_tell(const struct verdict *v, struct report_out *out);

#endif
