/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace status`: what the running recorder does, at a glance.
 *
 * Called by main. The recorder answers with one JSON object; --json passes it on, else it is laid
 * out for a person: the state first, then what is wrong if anything is, then the figures. A member
 * that is missing (another version of the recorder) costs its line and nothing else.
 */
#include "cmd.h"

#include <inttypes.h>

#include "record/control.h"

#define LABEL_COLUMNS 12

static void line(struct text *out, const char *label, const char *fmt, ...) PRINTF(3, 4);
static void line(struct text *out, const char *label, const char *fmt, ...)
{
	va_list ap;

	text_printf(out, "%-*s", LABEL_COLUMNS, label);
	va_start(ap, fmt);
	text_vprintf(out, fmt, ap);
	va_end(ap);
	text_str(out, "\n");
}

static void view_state(const struct json_value *s, struct text *out)
{
	static const struct {
		const char *state, *words;
	} states[] = {
		{"arming", "Arming: not recording yet"},
		{"recording", "Recording"},
		{"after", "Triggered: recording a little more before the end"},
		{"finishing", "Ended: writing the bundle"},
	};
	const char *state = json_get_str(s, "state", "unknown"), *words = state;
	uint64_t armed = json_get_u64(s, "armed_mono_ns", 0),
		 now = json_get_u64(s, "now_mono_ns", 0);
	uint64_t armed_real = json_get_u64(s, "armed_real_ns", 0);
	char utc[64], took[64];

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(states[i].state, state))
			words = states[i].words;
	text_str(out, words);
	if (armed_real) {
		format_utc(armed_real, utc, sizeof(utc));
		utc[strcspn(utc, ".")] = '\0'; /* to the second */
		text_printf(out, ", armed since %s UTC", utc);
	}
	if (armed && now > armed)
		text_printf(out, " (%s)", format_duration(now - armed, took, sizeof(took)));
	if (json_get(s, "pid"))
		text_printf(out, ", pid %" PRIu64, json_get_u64(s, "pid", 0));
	text_str(out, ".\n");
}

/* Zero: too little has come in yet to know a rate. */
static void view_retention_warning(const struct json_value *s, struct text *out)
{
	uint64_t have = json_get_u64(s, "retention_ns", UINT64_MAX),
		 want = json_get_u64(s, "before_ns", 0);
	char a[64], b[64];

	if (!have || have >= want)
		return;
	text_printf(out,
		    "WARNING: at the present rate the disk budget holds only the last %s, less "
		    "than the %s of --before. "
		    "Record with a greater --disk-budget.\n",
		    format_duration(have, a, sizeof(a)), format_duration(want, b, sizeof(b)));
}

static void view_source_warnings(const struct json_value *s, struct text *out)
{
	const struct json_value *sources = json_get(s, "sources");

	for (const struct json_value *v = sources ? sources->child : NULL; v; v = v->next) {
		const char *status = json_get_str(v, "status", "ok");

		if (strcmp(status, "ok") != 0)
			text_printf(out, "WARNING: %s is %s: %s\n",
				    json_get_str(v, "name", "a source"), status,
				    json_get_str(v, "why", "no reason given"));
	}
}

/* Triggers that were wanted and are not armed. */
static void view_trigger_warnings(const struct json_value *s, struct text *out)
{
	const struct json_value *triggers = json_get(s, "triggers");

	for (const struct json_value *v = triggers ? triggers->child : NULL; v; v = v->next)
		if (strcmp(json_get_str(v, "role", "off"), "off") != 0 &&
		    !json_get_bool(v, "armed", true))
			text_printf(out, "WARNING: the trigger %s is not armed: %s\n",
				    json_get_str(v, "name", "?"),
				    json_get_str(v, "why", "no reason given"));
}

static void view_lost(const struct json_value *s, struct text *out)
{
	const struct json_value *lost = json_get(s, "lost");
	bool any = false;
	char n[64];

	if (!lost)
		return;
	for (const struct json_value *v = lost->child; v; v = v->next) {
		uint64_t count = json_get_u64(v, "count", 0);
		bool uncounted = json_get_bool(v, "uncounted", false);

		if (!count && !uncounted)
			continue;
		line(out, any ? "" : "lost", "%s%s of %s", uncounted ? "more than " : "",
		     format_count(count, n, sizeof(n)), json_get_str(v, "source", "?"));
		any = true;
	}
	if (!any)
		line(out, "lost", "nothing");
}

static void view_rate(const struct json_value *s, const char *label, const char *count,
		      const char *rate, struct text *out)
{
	char a[64], b[64];

	if (!json_get(s, count))
		return;
	format_count(json_get_u64(s, count, 0), a, sizeof(a));
	if (json_get(s, rate))
		line(out, label, "%s, %s/s now", a,
		     format_count(json_get_u64(s, rate, 0), b, sizeof(b)));
	else
		line(out, label, "%s", a);
}

static void view_heartbeats(const struct json_value *s, struct text *out)
{
	uint64_t count = json_get_u64(s, "heartbeats", 0),
		 age = json_get_u64(s, "last_heartbeat_age_ns", UINT64_MAX);
	char a[64], b[64], last[64];

	if (!json_get(s, "heartbeats"))
		return;
	if (!count) {
		line(out, "heartbeats", "none seen of the server");
		return;
	}
	text_printf(out, "%-*s%s", LABEL_COLUMNS, "heartbeats", format_count(count, a, sizeof(a)));
	if (json_get(s, "heartbeats_per_s"))
		text_printf(out, ", %s/s now",
			    format_count(json_get_u64(s, "heartbeats_per_s", 0), b, sizeof(b)));
	if (age != UINT64_MAX)
		text_printf(out, ", the last %s ago", format_duration(age, last, sizeof(last)));
	text_str(out, "\n");
}

static void view_triggers(const struct json_value *s, struct text *out)
{
	const struct json_value *triggers = json_get(s, "triggers");
	uint64_t armed[2] = {0}, fired;
	bool any = false;

	if (!triggers)
		return;
	for (const struct json_value *v = triggers->child; v; v = v->next)
		if (json_get_bool(v, "armed", false))
			armed[!strcmp(json_get_str(v, "role", ""), "final")]++;
	text_printf(out, "%-*s%" PRIu64 " final and %" PRIu64 " suspect armed", LABEL_COLUMNS,
		    "triggers", armed[1], armed[0]);
	for (const struct json_value *v = triggers->child; v; v = v->next) {
		fired = json_get_u64(v, "fired", 0);
		if (!fired)
			continue;
		text_printf(out, "%s %s %" PRIu64 "x",
			    any ? "," : "; fired:", json_get_str(v, "name", "?"), fired);
		any = true;
	}
	text_str(out, "\n");
}

static void view_cost(const struct json_value *s, struct text *out)
{
	char a[64], b[64];

	if (json_get(s, "disk_bytes"))
		line(out, "disk", "%s of %s",
		     format_bytes(json_get_u64(s, "disk_bytes", 0), a, sizeof(a)),
		     format_bytes(json_get_u64(s, "disk_budget_bytes", 0), b, sizeof(b)));
	if (json_get(s, "memory_bytes"))
		line(out, "memory", "%s",
		     format_bytes(json_get_u64(s, "memory_bytes", 0), a, sizeof(a)));
}

/**
 * status_view_text() - a status object, laid out for a person
 * @s:   as the recorder sends it; members may be missing
 * @out: appended to
 */
void status_view_text(const struct json_value *s, struct text *out)
{
	char a[64];

	view_state(s, out);
	view_retention_warning(s, out);
	view_source_warnings(s, out);
	view_trigger_warnings(s, out);
	text_str(out, "\n");
	if (json_get_str(s, "server", NULL))
		line(out, "server", "%s", json_get_str(s, "server", ""));
	view_rate(s, "events", "events", "events_per_s", out);
	view_rate(s, "packets", "packets", "packets_per_s", out);
	view_heartbeats(s, out);
	view_rate(s, "kernel log", "log_records", "", out);
	if (json_get_u64(json_get(s, "series"), "count", 0))
		line(out, "series", "%" PRIu64 ", %s samples",
		     json_get_u64(json_get(s, "series"), "count", 0),
		     format_count(json_get_u64(json_get(s, "series"), "samples", 0), a, sizeof(a)));
	if (json_get_u64(s, "retention_ns", 0))
		line(out, "reaches", "%s back at the present rate",
		     format_duration(json_get_u64(s, "retention_ns", 0), a, sizeof(a)));
	view_lost(s, out);
	if (json_get(s, "suspects"))
		line(out, "suspects", "%s",
		     format_count(json_get_u64(s, "suspects", 0), a, sizeof(a)));
	view_triggers(s, out);
	if (json_get_str(s, "proof", NULL))
		line(out, "proved", "%s", json_get_str(s, "proof", ""));
	view_cost(s, out);
	if (json_get_str(s, "session", NULL))
		line(out, "data in", "%s", json_get_str(s, "session", ""));
}

int cmd_status(struct arguments *a, struct err *e)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text reply = {0}, out = {0};
	const char *error;

	if (control_request(a->config.run_dir, "status", &reply, e) < 0 ||
	    json_parse(reply.s, reply.len, &doc, e) < 0)
		return STATUS_NO_BUNDLE;
	error = json_get_str(json_root(doc), "error", NULL);
	if (a->json)
		text_printf(&out, "%s\n", reply.s);
	else if (!error)
		status_view_text(json_root(doc), &out);
	else
		err_set(e, -1, "the recorder says: %s", error);
	if (cmd_print(&out, e) < 0)
		return STATUS_NO_BUNDLE;
	return error ? STATUS_NO_BUNDLE : STATUS_COMPLETE;
}
