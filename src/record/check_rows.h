/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between check.c, which has the table, and the files that have its rows: what a row is given, how
 * it says what it found. Sentences are for a person in a hurry: what is so, why it matters, what
 * mends it.
 */
#ifndef RECORD_CHECK_ROWS_H
#define RECORD_CHECK_ROWS_H

#include <limits.h>

#include "record/check.h"

#include "discover.h"

#define EXIT_ERROR 1
#define EXIT_USAGE 2
#define EXIT_TEMPFAIL 75 /* sysexits.h EX_TEMPFAIL: another recorder */
#define EXIT_NOPERM 77	 /* sysexits.h EX_NOPERM */

/* What rows learn from each other. */
struct checking {
	struct record_config *config;
	struct check_report *report;
	bool wait_heartbeat;
	struct discovered found[16];
	size_t found_count;
	bool searched;	  /* found[] is filled */
	int output_fd;	  /* -1 until the row opened it */
	size_t made_from; /* length of the part of output that was there before; 0: all was */
	char output[PATH_MAX];
};

/* The finding, a sentence. */
void check_good(struct check_result *r, const char *fmt, ...) PRINTF(2, 3);
void check_warning(struct check_result *r, const char *fmt, ...) PRINTF(2, 3);
void check_bad(struct check_result *r, int exit_code, const char *fmt, ...) PRINTF(3, 4);
/* Why it matters, and what mends it: sentences, or a command. */
void check_because(struct check_result *r, const char *why);
void check_remedy(struct check_result *r, const char *fmt, ...) PRINTF(2, 3);
/* Begin the finding with the line of the file, or the variable, that the @n-th value is from. */
void check_blame(struct check_result *r, const struct record_config *c, const char *option,
		 size_t n);
/* A whole file of /proc or /sys; "" when it cannot be read. */
const char *check_load(const char *path, struct text *t);

/* check_host.c */
void check_privileges(struct checking *x, struct check_result *r);
void check_recorder(struct checking *x, struct check_result *r);
void check_tracing(struct checking *x, struct check_result *r);
void check_events(struct checking *x, struct check_result *r);
void check_extra_events(struct checking *x, struct check_result *r);
void check_series(struct checking *x, struct check_result *r);
void check_mount(struct checking *x, struct check_result *r);
void check_triggers(struct checking *x, struct check_result *r);
void check_memory(struct checking *x, struct check_result *r);
/* check_server.c */
void check_address(struct checking *x, struct check_result *r);
void check_network(struct checking *x, struct check_result *r);
void check_interface(struct checking *x, struct check_result *r);
void check_heartbeat(struct checking *x, struct check_result *r);
/* check_output.c */
void check_output(struct checking *x, struct check_result *r);
void check_disk(struct checking *x, struct check_result *r);
void check_leftovers(struct checking *x, struct check_result *r);
/* Take away again the folders that check_output() made. */
void check_unmake_output(struct checking *x);

#endif
