/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One recording, from arming to durable raw data. Owned by record_run(); sources and triggers
 * borrow it. session.c is the lifecycle, to be read from top to bottom.
 */
#ifndef RECORD_SESSION_H
#define RECORD_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/loop.h"
#include "record/record.h"

#include "loss.h"
#include "source.h"
#include "spool.h"
#include "trigger.h"

/* Files of a session folder; the spool's own are in spool.h and format/segment.h. */
#define SESSION_FACTS "session.json" /* written once, durable before the first event */
#define SESSION_TRACE_HEAD \
	"trace-head.zst" /* head of trace.dat (format/tracedat.h), one zstd frame */
#define SESSION_PACKETS_HEAD "packets-head" /* pcap file header */
#define SESSION_CLOCKS_HEAD "clocks-head"   /* column names of clocks.csv */
#define SESSION_CLOCKS_COLUMNS "monotonic_ns,realtime_ns,boottime_ns,tai_ns,bound_ns\n"
#define SESSION_CONTEXT "context"

#define SESSION_SPOOL_MEMORY_BYTES (64 * MIB)

/* Figures that sources publish and the status line and `status` show. */
struct session_stats {
	_Atomic uint64_t events; /* trace events drained */
	_Atomic uint64_t packets;
	_Atomic uint64_t heartbeats;   /* of the server */
	_Atomic uint64_t heartbeat_ns; /* CLOCK_MONOTONIC stamp of the newest one; 0 none */
	_Atomic uint64_t log_records;
	_Atomic uint64_t event_moves;	   /* how often events went or came with their module */
	_Atomic uint64_t series, samples;  /* how many are collected; what they have */
	_Atomic uint64_t newest_packet_ns; /* CLOCK_MONOTONIC */
	_Atomic int64_t real_offset_ns;	   /* REALTIME - MONOTONIC, newest anchor */
	_Atomic int64_t local_offset_ns;   /* MONOTONIC - local_clock() */
	_Atomic uint64_t local_bound_ns;
};

enum session_state { SESSION_ARMING, SESSION_RECORDING, SESSION_AFTER, SESSION_FINISHING };

struct session {
	const struct record_config *config;
	char suffix[7];
	char stem[256];	 /* scoutfs-trace.<host>.<YYYY-MMDD-HHMM>.<XXXXXX> */
	char path[4096]; /* of the session folder */
	int output_fd;	 /* folder that holds it and will hold the bundle */
	int dir_fd;	 /* the session folder */
	struct loop *loop;
	struct spool *spool;
	struct loss_ledger *loss;
	struct trigger_set *triggers;
	struct source sources[8];
	size_t source_count;
	struct session_stats stats;
	pthread_mutex_t lock;		  /* source .why */
	const struct instance *recording; /* made by source_ftrace; NULL before */

	/* The lifecycle's own; others only read it. */
	int lock_fd; /* the run folder's lock */
	enum session_state state;
	bool stop_asked;    /* before arming: give up; while recording: finalise */
	bool keep_raw;	    /* a second signal: no bundle */
	const char *reason; /* trigger, signal, duration, command, stop; NULL while it goes on */
	char signal_name[16];
	struct verdict final; /* valid when reason is set */
	struct verdict early; /* seen while arming; role off: none */
	uint64_t armed_mono_ns, armed_real_ns;
	uint64_t freeze_begun_ns, frozen_ns, durable_ns;
	uint64_t suspects;
	uint64_t suspect_said_ns;
	bool retention_said;
	uint64_t spool_said_ns; /* the spool's writer's own */
	char last_suspect[64];
	struct text proof;
	struct trigger_env trigger_env;
	struct control_server *control;
	struct loop_source *signals, *tick, *after, *duration, *finished;
	struct child_waiting command_waiting; /* until it is started */
	pid_t command_pid;		      /* 0: none, or it has ended */
	int command_status;		      /* as waitpid() gives it */
	struct rusage command_usage;	      /* its own and its children's, once it has ended */
	uint64_t command_started_ns, command_ended_ns;
	bool command_told; /* what ended the recording, the terminal told the command as well */
	struct session_context {
		pthread_t thread;
		bool running;
		const char *moment;
		uint64_t deadline_ns;
	} contexts[2]; /* start, end */
	struct session_rates {
		uint64_t at_ns, events, packets, heartbeats, written;
		double events_per_s, packets_per_s, heartbeats_per_s, written_per_s;
	} rates;
};

struct source *session_source(struct session *s, const char *name);
/* session_journal.c: what it writes down. */
void session_write_facts(struct session *s, struct text *out);
void session_journal_verdict(struct session *s, const char *kind, const struct verdict *v);
void session_journal_totals(struct session *s);
void session_journal_command(struct session *s);
void session_journal_timings(struct session *s);
/* session_status.c: what the recorder says about itself while it runs. */
void session_tick(struct session *s);
int session_status_json(struct session *s, struct text *out);
const char *session_state_name(enum session_state state);
/* The time of day of a moment on CLOCK_MONOTONIC, by the newest anchor. */
uint64_t session_real_of_mono(struct session *s, uint64_t mono_ns);

#endif
