/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One pass over a recording: every source in time order, on one clock, to all analyses that want
 * to see it.
 */
#ifndef REPORT_FEED_H
#define REPORT_FEED_H

#include "analysis.h"

enum feed_source { FEED_TRACE, FEED_PACKETS, FEED_LOG, FEED_CONTEXT, FEED_SOURCES };

struct feed_client {
	const struct analysis_ops *ops;
	void *self;
};

/* What the user wants to see of it. NULL functions keep everything. */
struct feed_filter {
	bool (*event)(const void *arg, const struct trace_event *e);
	const uint8_t *event_types; /* [events.count]; NULL: all */
	const uint64_t *cpus;	    /* as trace_feed_config.cpus */
	bool (*connection)(const void *arg, const struct wire_addr *a, const struct wire_addr *b);
	/* Connections are shown from the greeting on that this is true of; NULL: all. */
	bool (*greeting)(const void *arg, const struct wire_greeting *g);
	/* Is this message shown? With it, of packets only TCP is; NULL: all. */
	bool (*message)(const void *arg, const struct wire_message *m);
	const void *arg;
};

struct feed_config {
	const struct recording *recording;
	const struct feed_client *clients;
	size_t client_count;
	uint64_t from_ns, to_ns;
	struct feed_filter filter;
	unsigned int left_out; /* bits 1 << enum feed_source: do not touch these */
	unsigned int threads;  /* beside the caller's */
	void (*doing)(void *arg, int source,
		      const char *what); /* before work that may fail badly */
	void (*progress)(void *arg, uint64_t done_bytes, uint64_t all_bytes);
	void *arg;
};

struct feed_result {
	unsigned int left_out; /* as asked for */
	unsigned int read; /* bits 1 << enum feed_source: what somebody asked for, and was there */
	struct trace_feed_totals trace;
	uint64_t packets, packets_unreadable; /* of another link layer, or cut too short */
	uint64_t log_lines, log_unreadable;
	uint64_t context_files;
	uint64_t chunks_damaged; /* of packets and the kernel log */
	struct err packets_why;	 /* why packets ended early, if they did */
	struct tcpflow_stats flow;
};

const char *feed_source_name(enum feed_source s);
int feed_run(const struct feed_config *c, struct feed_result *ret, struct err *e);

#endif
