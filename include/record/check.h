/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The preconditions of a recording: a table, each row with what is wrong, why it
 * matters and the command that mends it. Used by `scoutfs-trace check` and, always, before
 * recording.
 */
#ifndef RECORD_CHECK_H
#define RECORD_CHECK_H

#include "record/record.h"

enum check_status { CHECK_OK, CHECK_WARNING, CHECK_ERROR, CHECK_SKIPPED };

struct check_result {
	enum check_status status;
	int exit_code;	  /* for errors: 1, or 2 usage, 75 another recorder, 77 not root */
	char found[512];  /* what is so, or what is wrong */
	char why[256];	  /* why it matters; empty when ok */
	char remedy[512]; /* a command or an act; empty when ok */
};

struct check_report;

/*
 * Run the table. @wait_heartbeat: listen up to 5 s for a heartbeat of the server.
 * Errors in the host are results, not failures: 0 even when a row says CHECK_ERROR.
 */
int check_run(struct record_config *c, bool wait_heartbeat, struct check_report **ret,
	      struct err *e);
void check_report_free(struct check_report *r);
size_t check_count(const struct check_report *r);
const char *check_name(const struct check_report *r, size_t i);
const struct check_result *check_result_at(const struct check_report *r, size_t i);
/* The first error, as a sentence with its remedy, and its exit code; false when there is none. */
bool check_first_error(const struct check_report *r, struct err *e, int *ret_exit_code);

#endif
