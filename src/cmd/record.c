/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace [IP PORT]`: check the host, record, print the path of the bundle.
 *
 * Called by main. Standard output is kept for the result, so that `BUNDLE=$(scoutfs-trace ...)`
 * works; everything that is said on the way goes to standard error, through the log. The recording
 * itself is record_run()'s.
 */
#include "cmd.h"

#include "record/trigger_table.h"

static int list_triggers(bool json, struct err *e)
{
	CLEANUP(text_free) struct text out = {0};
	struct json_writer w;

	json_begin(&w, &out, true);
	if (json) {
		json_object(&w);
		json_key(&w, "triggers");
		json_array(&w);
	}
	for (size_t i = 0; i < trigger_builtin_count; i++) {
		const struct trigger_builtin *t = &trigger_builtins[i];

		if (!json) {
			text_printf(&out, "%-20s %-8s %s:%s\n", t->name, trigger_role_name(t->role),
				    t->kind, t->spec);
			continue;
		}
		json_object(&w);
		json_kv_str(&w, "name", t->name);
		json_kv_str(&w, "role", trigger_role_name(t->role));
		json_kv_str(&w, "kind", t->kind);
		json_kv_str(&w, "spec", t->spec);
		json_object_end(&w);
	}
	if (json) {
		json_array_end(&w);
		json_object_end(&w);
		text_str(&out, "\n");
	}
	return cmd_print(&out, e) < 0 ? STATUS_NO_BUNDLE : STATUS_COMPLETE;
}

static void log_check(enum log_level level, const char *name, const struct check_result *c)
{
	log_message(level, "%s: %s%s%s%s%s", name, c->found, *c->why ? " " : "", c->why,
		    *c->remedy ? " " : "", c->remedy);
}

/* Say what is not as it should be; the first error is left for the caller, who ends with it. */
static void log_report(const struct check_report *report)
{
	bool first = true;

	for (size_t i = 0; i < check_count(report); i++) {
		const struct check_result *c = check_result_at(report, i);

		if (c->status == CHECK_ERROR && first)
			first = false;
		else if (c->status == CHECK_ERROR)
			log_check(LOG_ERROR, check_name(report, i), c);
		else
			log_check(c->status == CHECK_WARNING ? LOG_WARNING : LOG_INFO,
				  check_name(report, i), c);
	}
}

/* 0 when the host is ready, else the exit status. */
static int check_host(struct arguments *a, struct err *e)
{
	struct check_report *report = NULL;
	int status = STATUS_NO_BUNDLE, r;

	r = check_run(&a->config, !a->no_heartbeat_wait, &report, e);
	if (r < 0)
		return cmd_failure_status(r);
	log_report(report);
	if (!check_first_error(report, e, &status))
		status = STATUS_COMPLETE;
	check_report_free(report);
	return status;
}

int cmd_record(struct arguments *a, struct err *e)
{
	struct record_result result = {0};
	int status, r;

	if (a->list_triggers)
		return list_triggers(a->json, e);
	status = cmd_check_values(a, e);
	if (status == STATUS_COMPLETE)
		status = check_host(a, e);
	if (status != STATUS_COMPLETE)
		return status;
	r = record_run(&a->config, &result, e);
	/* What the command printed may lack its last newline; a blank line harms no reader of JSON.
	 */
	if (a->json && a->config.command)
		(void)fputc('\n', stdout);
	status = r < 0 ? cmd_failure_status(r) : cmd_print_result(&result, a->json, e);
	text_free(&result.json);
	return status;
}
