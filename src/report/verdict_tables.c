/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdict as tables: what happened, the sequence, what was recorded of it, where to look next.
 *
 * Called by analysis_verdict.c. Together they fit a screen of 80 by 40 for a fence, and three lines
 * more when something hung at the trigger, which is why the sequence has a limit and the rest is
 * left to `timeline`.
 */
#include "verdict.h"

#include <inttypes.h>

#include "feed.h"

#define STEPS_SHOWN 9

/* ---- what happened ---- */

static void fact(struct table *t, const char *name, const struct text *value, enum row_mark mark)
{
	if (!value->len)
		return;
	table_row(t);
	table_text(t, name);
	table_text(t, text_c(value));
	table_mark(t, mark);
}

static const char *or_unknown(const struct json_value *m, const char *key)
{
	const char *s = json_get_str(m, key, NULL);

	return s && *s ? s : "unknown";
}

/* @before: between what is there and the first of it. */
static void say_when(struct text *out, const char *before, const struct verdict *v, uint64_t ns)
{
	uint64_t real_ns, began = json_get_u64(v->manifest, "created_monotonic_ns", 0);
	char buf[64] = "", duration[32];

	if (clocks_real_of_mono(&v->rec->clocks, ns, &real_ns))
		text_printf(out, "%s%s", before, format_utc(real_ns, buf, sizeof(buf)));
	if (!began)
		began = v->rec->first_ns;
	if (began && ns > began)
		text_printf(out, "%s%s after start", *buf ? ", " : before,
			    format_duration(ns - began, duration, sizeof(duration)));
}

static void tell_trigger(const struct verdict *v, const struct story *s, struct table *t)
{
	CLEANUP(text_free) struct text fired = {0}, line = {0};
	const struct json_value *stop = json_get(v->manifest, "stop");
	const char *before = ", ", *reason = json_get_str(stop, "reason", ""),
		   *text = json_get_str(stop, "text", "");

	if (v->rec->triggered) {
		text_str(&fired, v->rec->trigger);
		text_str(&line, v->rec->trigger_text);
	} else {
		text_str(&fired,
			 bundle_kind(v->rec->bundle) == BUNDLE_SESSION ? "none so far" : "none");
		/* A damaged manifest may have lost what it said. */
		if (stop && *reason)
			text_printf(&fired, "; ended by %s%s%s%s", reason, *text ? " (" : "", text,
				    *text ? ")" : "");
		else
			before = "; what is here ends ";
	}
	if (v->at_known)
		say_when(&fired, before, v, v->at_ns);
	fact(t, "trigger", &fired, ROW_PLAIN);
	/* The sequence has it, when it is a line that was understood. */
	if (!s->cause)
		fact(t, "saw", &line, ROW_PLAIN);
}

static void tell_versions(const struct verdict *v, struct table *t)
{
	CLEANUP(text_free) struct text s = {0};

	if (!v->manifest)
		return;
	text_printf(&s, "kernel %s, scoutfs %s, scoutfs-trace %s",
		    or_unknown(v->manifest, "kernel"), or_unknown(v->manifest, "scoutfs_version"),
		    or_unknown(v->manifest, "tool_version"));
	fact(t, "versions", &s, ROW_PLAIN);
}

/* Was something in the way of the pass? */
static bool has_unread(const struct verdict *v)
{
	const struct feed_result *f = v->rec->feed;

	return f && (f->trace.chunks_damaged || f->trace.pages_damaged || f->trace.unknown ||
		     f->chunks_damaged || *f->packets_why.text);
}

static void tell_facts(const struct verdict *v, const struct story *s, struct report_out *out)
{
	CLEANUP(text_free) struct text unread = {0};
	static const struct column columns[] = {
		{"about", "", COLUMN_TEXT},
		{"what", "", COLUMN_TEXT},
	};
	struct table *t = report_table(out, "verdict", "Verdict", columns, ARRAY_SIZE(columns));

	if (bundle_is_damaged(v->rec->bundle) || s->trace.damaged || has_unread(v)) {
		text_str(&unread, "A part of this recording could not be read: what is said here "
				  "is of the rest.");
		fact(t, "unread", &unread, ROW_BAD);
	}
	fact(t, "verdict", &s->what, s->cause && logline_is_final(s->kind) ? ROW_BAD : ROW_PLAIN);
	fact(t, "cause", &s->probably, ROW_WARNING);
	fact(t, "took", &s->durations, ROW_PLAIN);
	fact(t, "at trigger", &s->stalled, ROW_WARNING);
	fact(t, "at the end", &s->hung,
	     s->hung_requests || s->hung_waits ? ROW_WARNING : ROW_PLAIN);
	tell_trigger(v, s, t);
	fact(t, "seen from", &s->seen_from, ROW_PLAIN);
	tell_versions(v, t);
}

/* ---- the sequence ---- */

static unsigned int least_weight(const struct story *s)
{
	unsigned int weights[VERDICT_STEPS];

	/* An insertion sort of a few, the heaviest first. */
	for (size_t i = 0; i < s->step_count; i++) {
		size_t at = i;

		for (; at && weights[at - 1] < s->steps[i].weight; at--)
			weights[at] = weights[at - 1];
		weights[at] = s->steps[i].weight;
	}
	return s->step_count > STEPS_SHOWN ? weights[STEPS_SHOWN - 1] : 0;
}

static void tell_step(const struct verdict *v, struct table *t, const struct verdict_step *k)
{
	table_row(t);
	table_i64(t, (int64_t)(k->ns - v->at_ns));
	table_text(t, k->source);
	table_text(t, k->text);
	table_mark(t, k->mark);
}

static void tell_steps(const struct verdict *v, const struct story *s, struct report_out *out)
{
	static const struct column columns[] = {
		{"from_trigger_ns", "when", COLUMN_OFFSET},
		{"source", "source", COLUMN_TEXT},
		{"what", "what", COLUMN_TEXT},
	};
	unsigned int least = least_weight(s);
	size_t room = STEPS_SHOWN, heavier = 0;
	struct table *t;

	if (!s->step_count)
		return;
	for (size_t i = 0; i < s->step_count; i++)
		heavier += s->steps[i].weight > least;
	t = report_table(out, "sequence",
			 v->rec->triggered ? "The sequence, from the trigger"
					   : "The sequence, from the end",
			 columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < s->step_count; i++) {
		bool heavy = s->steps[i].weight > least;

		/* Of equally heavy ones the first. */
		if (s->steps[i].weight < least || (!heavy && room <= heavier))
			continue;
		heavier -= heavy;
		room--;
		tell_step(v, t, &s->steps[i]);
	}
}

/* ---- completeness ---- */

static void put_offset(const struct verdict *v, struct table *t, uint64_t ns, bool known)
{
	if (known)
		table_i64(t, (int64_t)(ns - v->at_ns));
	else
		table_none(t);
}

static void put_count(struct table *t, const struct json_value *v, const char *key)
{
	uint64_t n = json_get_u64(v, key, UINT64_MAX);

	if (n == UINT64_MAX)
		table_none(t);
	else
		table_u64(t, n);
}

/* Why, or the first loss and how many more; what was let go on purpose is none. */
static void put_remark(struct table *t, const struct json_value *source)
{
	const struct json_value *gaps = json_get(source, "gaps"), *first = NULL;
	const char *why = json_get_str(source, "why", "");
	bool at_least = json_get_bool(source, "lost_is_lower_bound", false);
	unsigned int more = 0;

	for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next) {
		if (!strcmp(json_get_str(g, "kind", ""), "retention"))
			continue;
		more += first != NULL;
		first = first ? first : g;
	}
	if (*why)
		table_text(t, why);
	else if (first && more)
		table_textf(t, "%s%s, and %u more", at_least ? "lost at least that: " : "",
			    json_get_str(first, "reason", "?"), more);
	else if (first)
		table_textf(t, "%s%s", at_least ? "lost at least that: " : "",
			    json_get_str(first, "reason", "?"));
	else
		table_text(t, at_least ? "lost at least that" : "");
	if (strcmp(json_get_str(source, "status", "?"), "ok") != 0)
		table_mark(t, ROW_BAD);
	else if (first || at_least || json_get_u64(source, "lost", 0))
		table_mark(t, ROW_WARNING);
}

static bool is_worth_a_row(const struct json_value *source)
{
	const char *name = json_get_str(source, "name", "?");
	bool ok = !strcmp(json_get_str(source, "status", "?"), "ok");

	/* Clocks and spool serve the others: they are told when something is wrong with them. */
	if (!strcmp(name, "clocks"))
		return !ok || json_get_u64(source, "lost", 0);
	if (!strcmp(name, "spool"))
		return !ok;
	return true;
}

static const struct {
	enum chunk_stream kind;
	const char *name;
} stream_names[] = {{CHUNK_RING, "trace"}, {CHUNK_PACKETS, "packets"}, {CHUNK_KMSG, "log"}};

/* The manifest tells of it; is it in this file as well? */
static bool is_there(const struct verdict *v, const char *name)
{
	const struct bundle_stream *s;
	size_t count = bundle_streams(v->rec->bundle, &s);

	for (size_t k = 0; k < ARRAY_SIZE(stream_names); k++) {
		bool found = false;

		if (strcmp(stream_names[k].name, name) != 0)
			continue;
		for (size_t i = 0; i < count; i++)
			found |= s[i].kind == stream_names[k].kind && s[i].count;
		return found;
	}
	return true;
}

/* A source that could not be read as a whole, of those that are told of. */
static bool is_damaged(const struct verdict *v, const char *name, struct coverage *ret)
{
	static const struct {
		const char *name;
		enum feed_source source;
	} of[] = {{"ftrace", FEED_TRACE}, {"packets", FEED_PACKETS}, {"kmsg", FEED_LOG}};

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		if (strcmp(of[i].name, name) != 0)
			continue;
		coverage_find(v->rec, &v->options, of[i].source, ret);
		return ret->damaged;
	}
	return false;
}

static void put_damage(const struct verdict *v, struct table *t, const struct coverage *c)
{
	if (c->any)
		table_textf(t, "damaged: read up to %+.1f s",
			    (double)(int64_t)(c->end_ns - v->at_ns) / 1e9);
	else
		table_text(t, "damaged: none of it can be read");
	table_mark(t, ROW_BAD);
}

static void tell_source(const struct verdict *v, struct table *t, const struct json_value *source)
{
	uint64_t first = json_get_u64(source, "first_monotonic_ns", 0),
		 last = json_get_u64(source, "last_monotonic_ns", 0);
	const char *name = recording_source_name(json_get_str(source, "name", "?"));
	bool any = json_get_u64(source, "records", 0) && first <= last;

	struct coverage c;

	if (!is_worth_a_row(source))
		return;
	table_row(t);
	table_text(t, name);
	put_offset(v, t, first, any);
	put_offset(v, t, last, any);
	put_count(t, source, "records");
	put_count(t, source, "lost");
	recording_put_bound(v->rec, name, t);
	if (any && is_damaged(v, json_get_str(source, "name", "?"), &c)) {
		put_damage(v, t, &c);
		return;
	}
	if (!any || is_there(v, name)) {
		put_remark(t, source);
		return;
	}
	table_text(t, "not in this file");
	table_mark(t, ROW_BAD);
}

/* Without a manifest: what the streams themselves hold. */
static void tell_streams(const struct verdict *v, struct table *t)
{
	const struct bundle_stream *s;
	size_t count = bundle_streams(v->rec->bundle, &s);

	for (size_t k = 0; k < ARRAY_SIZE(stream_names); k++) {
		uint64_t first = UINT64_MAX, last = 0, records = 0, lost = 0;
		bool counted = true;

		for (size_t i = 0; i < count; i++) {
			/* On the wall clock, all is. */
			if (s[i].kind != stream_names[k].kind || !s[i].count ||
			    s[i].real_time == v->at_known)
				continue;
			first = min_of(first, s[i].first_ns);
			last = max_of(last, s[i].last_ns);
			records += s[i].records;
			lost += s[i].lost;
			counted &= s[i].counted;
		}
		if (first > last)
			continue;
		table_row(t);
		table_text(t, stream_names[k].name);
		put_offset(v, t, first, true);
		put_offset(v, t, last, true);
		if (counted) {
			table_u64(t, records);
			table_u64(t, lost);
		} else {
			table_none(t);
			table_none(t);
		}
		recording_put_bound(v->rec, stream_names[k].name, t);
	}
}

/* Files about the host: how many, and how many that could not be had, which loses nothing. */
static void tell_context(const struct verdict *v, struct table *t)
{
	const struct context_index *c = &v->rec->context;

	if (!c->count)
		return;
	table_row(t);
	table_text(t, "context");
	put_offset(v, t, c->files[0].ns, v->at_known);
	put_offset(v, t, c->files[c->count - 1].ns, v->at_known);
	table_u64(t, c->count - c->missing);
	table_none(t);
	table_none(t);
	if (c->missing)
		table_textf(t, "%zu not to be had", c->missing);
}

static void note_losses(const struct verdict *v, struct table *t)
{
	const struct feed_result *f = v->rec->feed;

	if (v->manifest && json_get_bool(v->manifest, "died", false))
		table_note(t, "The recorder or its host ended without finishing: the last second "
			      "may be missing.");
	if (v->options.from_ns || v->options.to_ns != UINT64_MAX)
		table_note(t, "Only the window that was asked for was looked at.");
	if (v->options.filtered)
		table_note(t, "Only what the filters let through was looked at.");
	if (v->lines_left_out)
		table_note(t, "%" PRIu64 " log lines were more than could be kept here.",
			   v->lines_left_out);
	if (v->talks_dropped)
		table_note(t,
			   "There were too many connections: %" PRIu64
			   ", idle for longest, were left out.",
			   v->talks_dropped);
	if (f && f->flow.gaps)
		table_note(t, "%" PRIu64 " gaps in the TCP streams: messages may be missing.",
			   f->flow.gaps);
}

static void tell_completeness(const struct verdict *v, struct report_out *out)
{
	static const struct column columns[] = {
		{"source", "source", COLUMN_TEXT},
		{"first_ns", "from", COLUMN_OFFSET},
		{"last_ns", "to", COLUMN_OFFSET},
		{"records", "records", COLUMN_COUNT},
		{"lost", "lost", COLUMN_COUNT},
		{"stamps_within_ns", "stamps within", COLUMN_DURATION},
		{"remark", "remark", COLUMN_TEXT},
	};
	const struct json_value *list = json_get(v->manifest, "sources");
	struct table *t = report_table(out, "completeness",
				       v->rec->triggered ? "What was recorded, from the trigger"
							 : "What was recorded, from its end",
				       columns, ARRAY_SIZE(columns));

	for (const struct json_value *s = list ? list->child : NULL; s; s = s->next)
		tell_source(v, t, s);
	if (!list)
		tell_streams(v, t);
	tell_context(v, t);
	note_losses(v, t);
}

/* ---- where to look next ---- */

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("/._-+:=@,%", c);
}

/* As a shell takes it. */
static void put_path(struct text *out, const char *path)
{
	bool safe = *path != '\0' && *path != '-';

	if (!strcmp(path, BUNDLE_STDIN)) {
		text_str(out, "BUNDLE");
		return;
	}
	for (const char *c = path; *c; c++)
		safe &= is_safe(*c);
	if (safe) {
		text_str(out, path);
		return;
	}
	text_str(out, *path == '-' ? "./'" : "'");
	for (const char *c = path; *c; c++) {
		if (*c == '\'')
			text_str(out, "'\\''");
		else
			text_add(out, c, 1);
	}
	text_str(out, "'");
}

static void command(const struct verdict *v, struct table *t, const char *fmt, ...) PRINTF(3, 4);
static void command(const struct verdict *v, struct table *t, const char *fmt, ...)
{
	CLEANUP(text_free) struct text s = {0};
	va_list ap;

	text_str(&s, "scoutfs-trace report ");
	put_path(&s, bundle_is_stdin(v->rec->bundle) ? BUNDLE_STDIN : bundle_path(v->rec->bundle));
	text_str(&s, " ");
	va_start(ap, fmt);
	text_vprintf(&s, fmt, ap);
	va_end(ap);
	table_row(t);
	table_text(t, text_c(&s));
}

/* Whole seconds from the trigger, as --from and --to take them. */
static void put_when(char *buf, size_t size, const struct verdict *v, uint64_t ns, int64_t add)
{
	int64_t s = (int64_t)(ns - v->at_ns) / (int64_t)NSEC_PER_SEC + add;

	(void)snprintf(buf, size, "%+" PRId64 "s", s);
}

static bool is_lossy(const struct verdict *v)
{
	return bundle_is_damaged(v->rec->bundle) ||
	       (v->manifest && !json_get_bool(v->manifest, "complete", true));
}

static void next_of_hung(const struct verdict *v, const struct story *s, struct table *t)
{
	CLEANUP(text_free) struct text tables = {0};

	text_str(&tables, s->hung_requests ? " rpc.unanswered" : "");
	text_str(&tables, s->hung_waits ? " locks.waiting" : "");
	if (tables.len)
		command(v, t, "%s", text_c(&tables) + 1);
}

static void tell_next(const struct verdict *v, const struct story *s, struct report_out *out)
{
	static const struct column columns[] = {{"command", "", COLUMN_TEXT}};
	struct table *t =
		report_table(out, "next", "Where to look next", columns, ARRAY_SIZE(columns));
	uint64_t turn = s->lost_ns ? s->lost_ns : s->ns;
	char from[32], to[32], addr[80];

	/* Without a clock no time can be asked for. */
	if (!turn || !v->at_known) {
		command(v, t, "timeline");
		command(v, t, "connections rpc heartbeats");
		return;
	}
	if (!s->lost_ns && s->kind == LOGLINE_LEADER_FENCED)
		turn -= min_of(turn, 10 * NSEC_PER_SEC);
	put_when(from, sizeof(from), v, turn, -3);
	put_when(to, sizeof(to), v, turn, 2);
	/* What nodes said to each other and the kernel of it is a screen or two; events are many.
	 */
	command(v, t, "timeline --source packets,log --from %s --to %s", from, to);
	if (!s->cause)
		command(v, t, "rates rpc connections");
	else if (s->kind == LOGLINE_LEADER_FENCED || !s->victim.has_addr)
		command(v, t, "heartbeats connections --from -60s");
	else
		command(v, t, "connections --peer %s",
			wire_addr_format(&s->victim.addr, addr, sizeof(addr)));
	next_of_hung(v, s, t);
	if (is_lossy(v))
		command(v, t, "loss");
}

/** verdict_tell() - the tables of the report; false: there was no memory for all that they say */
bool verdict_tell(const struct verdict *v, struct report_out *out)
{
	CLEANUP(story_done) struct story s;

	story_make(v, &s);
	tell_facts(v, &s, out);
	tell_steps(v, &s, out);
	tell_completeness(v, out);
	tell_next(v, &s, out);
	return story_ok(&s);
}
