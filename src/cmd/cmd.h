/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verbs. Each takes the parsed arguments and gives the exit status of the program; a non-zero
 * one with a sentence in @e where something failed, which main prints.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "base/json.h"
#include "record/check.h"
#include "record/record.h"

#include "option.h"

/* As the man page promises. 75 and 77: EX_TEMPFAIL and EX_NOPERM of sysexits.h(3head). */
enum exit_status {
	STATUS_COMPLETE = 0,
	STATUS_NO_BUNDLE = 1,
	STATUS_USAGE = 2,
	STATUS_INCOMPLETE = 4,
	STATUS_OTHER_RUNS = 75,
	STATUS_NOT_ROOT = 77,
};

int cmd_record(struct arguments *a, struct err *e);
int cmd_check(struct arguments *a, struct err *e);
int cmd_recover(struct arguments *a, struct err *e);
int cmd_status(struct arguments *a, struct err *e);
int cmd_stop(struct arguments *a, struct err *e);
int cmd_report(struct arguments *a, struct err *e);
int cmd_export(struct arguments *a, struct err *e);

/* Standard output, whole or not at all as far as we can tell. A text that failed to grow is
 * -ENOMEM. */
int cmd_print(const struct text *t, struct err *e);
bool cmd_color_wanted(void); /* on standard output */
/* A recording's outcome, on standard output; gives the exit status. */
/* Values that no host could do: the exit status. */
int cmd_check_values(struct arguments *a, struct err *e);
int cmd_print_result(const struct record_result *result, bool json, struct err *e);
int cmd_failure_status(
	int r); /* the exit status of a negative errno of record_run() and the like */

int cmd_show_config(struct arguments *a, struct err *e); /* of `check` */

/* Views, without a terminal or a recorder, for the tests. */
void check_view_text(const struct check_report *r, bool color, bool quiet, struct text *out);
void check_view_json(const struct check_report *r, struct text *out);
void status_view_text(const struct json_value *status, struct text *out);

#endif
