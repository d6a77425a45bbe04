/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace check`: is this host ready to record, and what mends it if not?
 *
 * Called by main. What is checked, and what to do about it, stands in the table of the recorder;
 * here it is only shown: one line for each check, two more where something is to be done, and a
 * last line that answers the question. Remedies are never wrapped, so that they can be copied.
 */
#include "cmd.h"

#define NAME_COLUMNS 16

static const char *const status_words[] = {
	[CHECK_OK] = "ok",
	[CHECK_WARNING] = "warning",
	[CHECK_ERROR] = "ERROR",
	[CHECK_SKIPPED] = "skipped",
};
static const char *const status_colors[] = {
	[CHECK_OK] = "\033[32m",
	[CHECK_WARNING] = "\033[33m",
	[CHECK_ERROR] = "\033[1;31m",
	[CHECK_SKIPPED] = "",
};

static size_t count_status(const struct check_report *r, enum check_status status)
{
	size_t n = 0;

	for (size_t i = 0; i < check_count(r); i++)
		n += check_result_at(r, i)->status == status;
	return n;
}

static void view_row(const char *name, const struct check_result *c, bool color, struct text *out)
{
	const char *on = color ? status_colors[c->status] : "";

	text_printf(out, "%s%-8s%s %-*s %s\n", on, status_words[c->status], *on ? "\033[0m" : "",
		    NAME_COLUMNS, name, c->found);
	if (*c->why)
		text_printf(out, "%*s why: %s\n", 9 + NAME_COLUMNS, "", c->why);
	if (*c->remedy)
		text_printf(out, "%*s fix: %s\n", 9 + NAME_COLUMNS, "", c->remedy);
}

/**
 * check_view_text() - the report as a table for a person
 * @color: with ANSI colours
 * @quiet: only what is not as it should be
 */
void check_view_text(const struct check_report *r, bool color, bool quiet, struct text *out)
{
	size_t errors = count_status(r, CHECK_ERROR), warnings = count_status(r, CHECK_WARNING);

	for (size_t i = 0; i < check_count(r); i++) {
		const struct check_result *c = check_result_at(r, i);

		if (!quiet || c->status == CHECK_WARNING || c->status == CHECK_ERROR)
			view_row(check_name(r, i), c, color, out);
	}
	if (quiet)
		return;
	text_str(out, "\n");
	if (errors)
		text_printf(out, "Not ready to record: %zu error%s", errors,
			    errors == 1 ? "" : "s");
	else
		text_str(out, "Ready to record");
	if (warnings)
		text_printf(out, "%s%zu warning%s", errors ? ", " : ", with ", warnings,
			    warnings == 1 ? "" : "s");
	text_str(out, ".\n");
}

/** check_view_json() - the report as one JSON object: ready, errors, warnings, checks[] */
void check_view_json(const struct check_report *r, struct text *out)
{
	static const char *const words[] = {
		[CHECK_OK] = "ok",
		[CHECK_WARNING] = "warning",
		[CHECK_ERROR] = "error",
		[CHECK_SKIPPED] = "skipped",
	};
	struct json_writer w;

	json_begin(&w, out, true);
	json_object(&w);
	json_kv_bool(&w, "ready", count_status(r, CHECK_ERROR) == 0);
	json_kv_u64(&w, "errors", count_status(r, CHECK_ERROR));
	json_kv_u64(&w, "warnings", count_status(r, CHECK_WARNING));
	json_key(&w, "checks");
	json_array(&w);
	for (size_t i = 0; i < check_count(r); i++) {
		const struct check_result *c = check_result_at(r, i);

		json_object(&w);
		json_kv_str(&w, "name", check_name(r, i));
		json_kv_str(&w, "status", words[c->status]);
		json_kv_str(&w, "found", c->found);
		json_kv_str(&w, "why", c->why);
		json_kv_str(&w, "remedy", c->remedy);
		json_object_end(&w);
	}
	json_array_end(&w);
	json_object_end(&w);
	text_str(out, "\n");
}

int cmd_check(struct arguments *a, struct err *e)
{
	CLEANUP(text_free) struct text out = {0};
	struct check_report *report = NULL;
	int status = STATUS_COMPLETE, r;

	status = cmd_check_values(a, e);
	if (status != STATUS_COMPLETE)
		return status;
	if (a->show_config)
		return cmd_show_config(a, e);
	r = check_run(&a->config, !a->no_heartbeat_wait, &report, e);
	if (r < 0)
		return cmd_failure_status(r);
	if (a->json)
		check_view_json(report, &out);
	else
		check_view_text(report, cmd_color_wanted(), a->quiet, &out);
	/* The sentence of the first error is in the table; only its exit status is wanted. */
	if (!check_first_error(report, NULL, &status))
		status = STATUS_COMPLETE;
	check_report_free(report);
	r = cmd_print(&out, e);
	return r < 0 ? STATUS_NO_BUNDLE : status;
}
