/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One recording, from arming to durable raw data. Owned by record_run(); sources and triggers
 * borrow it. session.c is the lifecycle, to be read from top to bottom.
 */
#ifndef RECORD_SESSION_H
#define RECORD_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/loop.h"
#include "record/record.h"

#include "loss.h"
#include "source.h"
#include "spool.h"
#include "trigger.h"

/* Files of a session folder; the spool's own are in spool.h and format/segment.h. */
#define SESSION_FACTS "session.json"	       /* written once, durable before the first event */
#define SESSION_TRACE_HEAD "trace-head.zst" /* head of trace.dat (format/tracedat.h), one zstd frame */
#define SESSION_PACKETS_HEAD "packets-head" /* pcap file header */
#define SESSION_CLOCKS_HEAD "clocks-head" /* column names of clocks.csv */
#define SESSION_CONTEXT "context"

/* Figures that sources publish and the status line and `status` show. */
struct session_stats {
	_Atomic uint64_t events;      /* trace events drained */
	_Atomic uint64_t packets;
	_Atomic uint64_t heartbeats;  /* of the server */
	_Atomic uint64_t heartbeat_ns; /* CLOCK_MONOTONIC stamp of the newest one; 0 none */
	_Atomic uint64_t log_records;
	_Atomic uint64_t newest_packet_ns; /* CLOCK_MONOTONIC */
	_Atomic int64_t real_offset_ns;	   /* REALTIME - MONOTONIC, newest anchor */
	_Atomic int64_t local_offset_ns;   /* MONOTONIC - local_clock() */
	_Atomic uint64_t local_bound_ns;
};

struct session {
	const struct record_config *config;
	char suffix[7];
	char stem[256];	     /* scoutfs-trace.<host>.<YYYY-MMDD-HHMM>.<XXXXXX> */
	char path[4096];     /* of the session folder */
	int output_fd;	     /* folder that holds it and will hold the bundle */
	int dir_fd;	     /* the session folder */
	struct loop *loop;
	struct spool *spool;
	struct loss_ledger *loss;
	struct trigger_set *triggers;
	struct source sources[8];
	size_t source_count;
	struct session_stats stats;
	pthread_mutex_t lock; /* source .why */
	const struct instance *recording; /* made by source_ftrace; NULL before */
	/* ... the lifecycle's own state follows in session.c */
	void *life;
};

struct source *session_source(struct session *s, const char *name);
/* Where a CLOCK_REALTIME stamp lies on CLOCK_MONOTONIC by the newest anchor, and back. */
uint64_t session_mono_of_real(struct session *s, uint64_t real_ns);
uint64_t session_real_of_mono(struct session *s, uint64_t mono_ns);

#endif
