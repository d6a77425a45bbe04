/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace report BUNDLE [REPORT]...`: what a recording says.
 *
 * Called by main; needs no root. Here is only what depends on where the output goes: a terminal has
 * colours and a width, a pipe has neither. Everything else is report_run()'s, which prints from a
 * child without rights.
 */
#include "cmd.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "report/report.h"

#define COLUMNS_LEAST 40 /* narrower is no screen to lay a table out for */

/* The words of @list, as a JSON array or with commas between. */
static void put_tables(struct json_writer *w, struct text *out, const char *list)
{
	if (w) {
		json_key(w, "tables");
		json_array(w);
	}
	for (size_t n; *list; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (w)
			json_str_n(w, list, n);
		else
			text_printf(out, "%.*s%s", (int)n, list, list[n] ? ", " : "\n");
	}
	if (w)
		json_array_end(w);
}

static int list_reports(bool json, struct err *e)
{
	CLEANUP(text_free) struct text out = {0};
	const struct report_row *rows;
	size_t count = report_list(&rows);
	struct json_writer w;

	json_begin(&w, &out, true);
	if (json) {
		json_object(&w);
		json_key(&w, "reports");
		json_array(&w);
	}
	for (size_t i = 0; i < count; i++) {
		if (!json) {
			text_printf(&out, "%-12s %s\n", rows[i].name, rows[i].summary);
			text_printf(&out, "%-12s tables: ", "");
			put_tables(NULL, &out, rows[i].tables);
			continue;
		}
		json_object(&w);
		json_kv_str(&w, "name", rows[i].name);
		json_kv_str(&w, "summary", rows[i].summary);
		put_tables(&w, &out, rows[i].tables);
		json_object_end(&w);
	}
	if (json) {
		json_array_end(&w);
		json_object_end(&w);
		text_str(&out, "\n");
	}
	return cmd_print(&out, e) < 0 ? STATUS_NO_BUNDLE : STATUS_COMPLETE;
}

/* Of the terminal; else what the user says, as for ls; else none: lines of any length. */
static unsigned int output_columns(void)
{
	const char *said = getenv("COLUMNS");
	struct winsize size;
	uint64_t columns = 0;

	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		columns = size.ws_col;
	else if (!said || parse_u64(said, &columns) < 0 || columns > 10000)
		return 0;
	return max_of((unsigned int)columns, (unsigned int)COLUMNS_LEAST);
}

int cmd_report(struct arguments *a, struct err *e)
{
	int r;

	if (a->list_reports)
		return list_reports(a->json, e);
	a->report.color = cmd_color_wanted();
	a->report.columns = output_columns();
	r = report_run(&a->report, e);
	if (r == -EINVAL)
		return STATUS_USAGE;
	if (r < 0)
		return STATUS_NO_BUNDLE;
	return r ? STATUS_INCOMPLETE : STATUS_COMPLETE;
}
