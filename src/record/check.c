/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this host ready to record? A table of preconditions, run from top to bottom; each finds what
 * is so and, where it is not as it should be, says why that matters and what mends it.
 * `scoutfs-trace check` prints all of it; a recording runs it too and stops at the first error.
 *
 * The order is that of a person's questions, and of cost: what everything needs comes first, and
 * the one row that waits (heartbeat, up to 5 s) comes last and only when nothing else stands in
 * the way. A row whose ground an earlier one took away is skipped and says so.
 *
 * What it changes: tracefs is mounted if it is not; an output folder that is missing is made (and
 * taken away again when there is an error); in the configuration, the server's address, port and
 * a ring size that this host can bear. Everything else is looked at only: a capture is opened and
 * closed, a lock tried and released, a file of no bytes made and removed. No event is enabled and
 * nothing is sent.
 *
 * It does not judge triggers and event filters: only the kernel can, when they are armed.
 */
#include <errno.h>
#include <stdarg.h>

#include "base/file.h"

#include "check_rows.h"

#define PROC_BYTES (4 * MIB)

enum row_id {
	ROW_PRIVILEGES,
	ROW_RECORDER,
	ROW_TRACING,
	ROW_EVENTS,
	ROW_EXTRA_EVENTS,
	ROW_TRIGGERS,
	ROW_SERIES,
	ROW_MOUNT,
	ROW_ADDRESS,
	ROW_NETWORK,
	ROW_INTERFACE,
	ROW_OUTPUT,
	ROW_DISK,
	ROW_MEMORY,
	ROW_LEFTOVERS,
	ROW_HEARTBEAT,
	ROW_COUNT
};
#define NEEDS(row) (1U << (row))

struct check_report {
	struct check_result results[ROW_COUNT];
};

/* ---- saying it ---- */

void check_good(struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	r->status = CHECK_OK;
	va_start(ap, fmt);
	(void)vsnprintf(r->found, sizeof(r->found), fmt, ap);
	va_end(ap);
}

void check_warning(struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	r->status = CHECK_WARNING;
	va_start(ap, fmt);
	(void)vsnprintf(r->found, sizeof(r->found), fmt, ap);
	va_end(ap);
}

void check_bad(struct check_result *r, int exit_code, const char *fmt, ...)
{
	va_list ap;

	r->status = CHECK_ERROR;
	r->exit_code = exit_code;
	va_start(ap, fmt);
	(void)vsnprintf(r->found, sizeof(r->found), fmt, ap);
	va_end(ap);
}

void check_blame(struct check_result *r, const struct record_config *c, const char *option,
		 size_t n)
{
	char found[sizeof(r->found)], place[256];

	record_setting_place(record_setting_of(c, option, n), place, sizeof(place));
	memcpy(found, r->found, sizeof(found));
	(void)snprintf(r->found, sizeof(r->found), "%s%.*s", place,
		       (int)(sizeof(r->found) - strlen(place) - 1), found);
}

void check_because(struct check_result *r, const char *why)
{
	(void)snprintf(r->why, sizeof(r->why), "%s", why);
}

void check_remedy(struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->remedy, sizeof(r->remedy), fmt, ap);
	va_end(ap);
}

const char *check_load(const char *path, struct text *t)
{
	if (file_load(path, PROC_BYTES, t, NULL) < 0)
		text_reset(t);
	return text_c(t);
}

/* ---- the table ---- */

static const struct {
	const char *name;
	void (*run)(struct checking *x, struct check_result *r);
	unsigned int needs; /* rows that must not have failed or been skipped */
	bool needs_all;	    /* no error at all before it */
} rows[ROW_COUNT] = {
	[ROW_PRIVILEGES] = {"privileges", check_privileges, 0},
	[ROW_RECORDER] = {"recorder", check_recorder, NEEDS(ROW_PRIVILEGES)},
	[ROW_TRACING] = {"tracing", check_tracing, NEEDS(ROW_PRIVILEGES)},
	[ROW_EVENTS] = {"scoutfs-events", check_events, NEEDS(ROW_TRACING)},
	[ROW_EXTRA_EVENTS] = {"extra-events", check_extra_events, NEEDS(ROW_TRACING)},
	[ROW_TRIGGERS] = {"triggers", check_triggers, 0},
	[ROW_SERIES] = {"series", check_series, 0},
	[ROW_MOUNT] = {"mount", check_mount, 0},
	[ROW_ADDRESS] = {"address", check_address, 0},
	[ROW_NETWORK] = {"network", check_network, NEEDS(ROW_PRIVILEGES)},
	[ROW_INTERFACE] = {"interface", check_interface,
			   NEEDS(ROW_PRIVILEGES) | NEEDS(ROW_ADDRESS)},
	[ROW_OUTPUT] = {"output", check_output, NEEDS(ROW_PRIVILEGES)},
	[ROW_DISK] = {"disk", check_disk, NEEDS(ROW_OUTPUT)},
	[ROW_MEMORY] = {"memory", check_memory, 0},
	[ROW_LEFTOVERS] = {"leftovers", check_leftovers, NEEDS(ROW_RECORDER) | NEEDS(ROW_TRACING)},
	[ROW_HEARTBEAT] = {"heartbeat", check_heartbeat, NEEDS(ROW_INTERFACE), .needs_all = true},
};

/* Return: the earlier row for whose sake this one is skipped, or -1. */
static int ground_lost(const struct check_report *report, size_t row)
{
	for (size_t i = 0; i < row; i++) {
		const struct check_result *r = &report->results[i];

		if (rows[row].needs & NEEDS(i) &&
		    (r->status == CHECK_ERROR || r->status == CHECK_SKIPPED))
			return (int)i;
		if (rows[row].needs_all && r->status == CHECK_ERROR)
			return (int)i;
	}
	return -1;
}

static void run_row(struct checking *x, size_t row)
{
	struct check_result *r = &x->report->results[row];
	int lost = ground_lost(x->report, row);

	if (lost < 0) {
		rows[row].run(x, r);
		return;
	}
	r->status = CHECK_SKIPPED;
	(void)snprintf(r->found, sizeof(r->found), "Not looked at, because of the error in \"%s\".",
		       rows[lost].name);
}

/**
 * check_run() - run the table
 * @c:              ip and port may be missing: then they are looked for; .server and .server_port
 *                  are set when the address is good, .ring_bytes is lowered when this host cannot
 *                  bear it
 * @wait_heartbeat: listen for a heartbeat of the server, until the first or for 5 s
 * @ret:            all rows; the caller's, check_report_free()
 * @e:              filled on failure only
 *
 * Call it before making threads: it waits, and may mount tracefs.
 *
 * Return: 0 whatever was found; -ENOMEM.
 */
int check_run(struct record_config *c, bool wait_heartbeat, struct check_report **ret,
	      struct err *e)
{
	struct checking *x = calloc(1, sizeof(*x));
	struct check_report *report = calloc(1, sizeof(*report));
	int exit_code;

	if (!x || !report) {
		free(x);
		free(report);
		return err_nomem(e);
	}
	x->config = c;
	x->report = report;
	x->wait_heartbeat = wait_heartbeat;
	x->output_fd = -1;

	for (size_t i = 0; i < ROW_COUNT; i++)
		run_row(x, i);
	if (x->output_fd >= 0)
		(void)close(x->output_fd);
	if (check_first_error(report, NULL, &exit_code))
		check_unmake_output(x);
	free(x);
	*ret = report;
	return 0;
}

void check_report_free(struct check_report *r)
{
	free(r);
}

size_t check_count(const struct check_report *r)
{
	return ARRAY_SIZE(r->results);
}

const char *check_name(const struct check_report *r, size_t i)
{
	(void)r;
	return i < ROW_COUNT ? rows[i].name : NULL;
}

const struct check_result *check_result_at(const struct check_report *r, size_t i)
{
	return i < ROW_COUNT ? &r->results[i] : NULL;
}

/**
 * check_first_error() - what keeps the recording from starting
 * @r:             a report
 * @e:             gets what is wrong, why it matters and what mends it, as sentences; NULL is
 *                 fine
 * @ret_exit_code: set when true is returned
 *
 * Return: false when there is no error.
 */
bool check_first_error(const struct check_report *r, struct err *e, int *ret_exit_code)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct check_result *row = &r->results[i];
		int code = row->exit_code == EXIT_USAGE	     ? -EINVAL
			   : row->exit_code == EXIT_TEMPFAIL ? -EBUSY
			   : row->exit_code == EXIT_NOPERM   ? -EPERM
							     : -EIO;

		if (row->status != CHECK_ERROR)
			continue;
		(void)err_set(e, code, "%s %s %s", row->found, row->why, row->remedy);
		*ret_exit_code = row->exit_code;
		return true;
	}
	return false;
}
