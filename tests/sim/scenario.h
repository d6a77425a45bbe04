/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scenario language: text to a flat list of statements.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_NODES_MAX 15 /* quorum slots of a scoutfs volume */
#define SCENARIO_ADDRESS 64

struct settings {
	unsigned nodes, leader, port, rate;
	char address[SCENARIO_ADDRESS];
	uint64_t heartbeat_ns, heartbeat_timeout_ns, reconnect_ns, reclaim_ns;
};

enum verb {
	/* settings that shape the cluster: before its life begins */
	VERB_NODES,
	VERB_PORT,
	VERB_ADDRESS,
	VERB_LEADER,
	VERB_HEARTBEAT,
	/* settings that may change at any time */
	VERB_HEARTBEAT_TIMEOUT,
	VERB_RECONNECT,
	VERB_RECLAIM,
	VERB_RATE,
	/* its life */
	VERB_RUN,
	VERB_FOREVER,
	VERB_AWAIT,
	VERB_LOSE,
	VERB_UNMOUNT,
	VERB_MOUNT,
	VERB_FENCE,
	VERB_LEADER_LOSS,
	VERB_SILENCE,
	VERB_STORM,
	VERB_LOG,
	VERB_LOG_WARNING,
	VERB_LOG_ERROR,
	VERB_LOG_RAW,
	VERB_LOOP,
	VERB_LOOP_END,
	VERB_COUNT,
};

struct statement {
	enum verb verb;
	unsigned line;
	uint64_t number; /* a count, a rate, a slot */
	uint64_t time_ns;
	char *text;
	size_t partner; /* LOOP and LOOP_END: each other's index */
	uint64_t left;	/* LOOP: rounds still to go, while played */
};

struct scenario {
	struct statement *statements;
	size_t count;
};

#define SCENARIO_ENDLESS 0	/* number of a loop without a count */
#define SCENARIO_ANY UINT64_MAX /* number of a fence without a client */

void settings_default(struct settings *set);
bool settings_apply(struct settings *set, const struct statement *st);
const char *verb_name(enum verb v);
int scenario_parse(const char *text, struct scenario *ret);
void scenario_free(struct scenario *sc);

#endif
