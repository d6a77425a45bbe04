/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a recording amounts to, for programs: manifest.json, and the object that --json prints.
 *
 * Called by finish.c with what manifest.c found out. scoutfs-trace-bundle(5) describes the file for
 * those who read it.
 */
#include "manifest.h"

#define MANIFEST_VERSION 1

static void copy(struct json_writer *w, const char *key, const struct json_value *v)
{
	json_key(w, key);
	if (v)
		json_copy(w, v);
	else
		json_null(w);
}

static void copy_fact(struct json_writer *w, const struct manifest *m, const char *key)
{
	copy(w, key, json_get(folder_facts(m->folder), key));
}

static void write_stop(struct json_writer *w, const struct manifest *m)
{
	const struct json_value *stop = folder_last(m->folder, "stop");

	json_key(w, "stop");
	if (stop) {
		json_copy(w, stop);
		return;
	}
	json_object(w);
	json_kv_str(w, "reason", "died");
	json_kv_str(w, "trigger", NULL);
	json_kv_str(w, "role", NULL);
	json_kv_str(w, "text", "the recorder or its host ended without finishing");
	json_kv_u64(w, "monotonic_ns", m->newest_ns);
	json_kv_u64(w, "realtime_ns", manifest_real_ns(m, m->newest_ns));
	json_object_end(w);
}

static void write_suspects(struct json_writer *w, const struct manifest *m)
{
	CLEANUP(freep) const struct json_value **list = NULL;
	size_t count;

	list = manifest_suspects(m, &count);
	json_key(w, "suspects");
	json_array(w);
	for (size_t i = 0; i < count; i++)
		json_copy(w, list[i]);
	json_array_end(w);
}

static void write_all(struct json_writer *w, const struct manifest *m, const char *key,
		      const char *kind)
{
	const struct json_value *v;
	size_t line = 0;

	json_key(w, key);
	json_array(w);
	while ((v = folder_next(m->folder, kind, &line)))
		json_copy(w, v);
	json_array_end(w);
}

static void write_gaps(struct json_writer *w, const struct manifest *m, const struct holding *h)
{
	json_key(w, "gaps");
	json_array(w);
	for (size_t i = 0; i < h->gap_count; i++) {
		const struct gap *g = &h->gaps[i];

		json_object(w);
		json_kv_str(w, "kind", g->kind);
		if (h->stream == CHUNK_RING)
			json_kv_u64(w, "cpu", g->id);
		json_kv_u64(w, "from_monotonic_ns", g->from_ns);
		json_kv_u64(w, "to_monotonic_ns", g->to_ns);
		json_kv_u64(w, "from_realtime_ns", manifest_real_ns(m, g->from_ns));
		json_kv_u64(w, "to_realtime_ns", manifest_real_ns(m, g->to_ns));
		if (g->uncounted && !g->count)
			json_kv_str(w, "count", NULL);
		else
			json_kv_u64(w, "count", g->count);
		json_kv_bool(w, "count_is_lower_bound", g->uncounted);
		json_kv_str(w, "reason", g->reason);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_holding(struct json_writer *w, const struct manifest *m, const struct holding *h)
{
	json_object(w);
	json_kv_str(w, "name", h->name);
	json_kv_str(w, "status", h->status);
	json_kv_str(w, "why", h->why);
	json_kv_str(w, "member", manifest_member(h));
	json_kv_u64(w, "records", h->records);
	if (m->died || !h->stream)
		json_kv_str(w, "recorded", NULL);
	else
		json_kv_u64(w, "recorded", h->recorded);
	json_kv_u64(w, "lost", h->lost);
	json_kv_bool(w, "lost_is_lower_bound", h->lost_uncounted);
	json_kv_u64(w, "first_monotonic_ns", h->first_ns);
	json_kv_u64(w, "last_monotonic_ns", h->last_ns);
	write_gaps(w, m, h);
	if (h->facts && h->facts->child)
		copy(w, "facts", h->facts);
	json_object_end(w);
}

static void write_members(struct json_writer *w, const struct manifest *m)
{
	json_key(w, "members");
	json_array(w);
	for (size_t i = 0; i < m->member_count; i++) {
		json_object(w);
		json_kv_str(w, "path", m->members[i].path);
		json_kv_u64(w, "bytes", m->members[i].bytes);
		json_object_end(w);
	}
	json_array_end(w);
}

/**
 * manifest_write_json() - manifest.json
 * @m:   surveyed, with all members added (but manifest.json itself)
 * @out: the text is added
 */
void manifest_write_json(const struct manifest *m, struct text *out)
{
	static const char *const facts[] = {"tool_version",
					    "host",
					    "kernel",
					    "kernel_build",
					    "machine",
					    "scoutfs_version",
					    "boot_id",
					    "server",
					    "command_line",
					    "configuration",
					    "created_realtime_ns",
					    "created_monotonic_ns",
					    "budgets",
					    "triggers"};
	struct json_writer w;

	json_begin(&w, out, true);
	json_object(&w);
	json_kv_str(&w, "format", "scoutfs-trace-bundle");
	json_kv_u64(&w, "version", MANIFEST_VERSION);
	json_kv_bool(&w, "complete", m->complete);
	json_kv_bool(&w, "died", m->died);
	write_stop(&w, m);
	write_suspects(&w, m);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		copy_fact(&w, m, facts[i]);
	json_key(&w, "sources");
	json_array(&w);
	for (size_t i = 0; i < m->holding_count; i++)
		write_holding(&w, m, &m->holdings[i]);
	json_array_end(&w);
	json_key(&w, "clocks");
	json_object(&w);
	json_kv_str(&w, "reference", "CLOCK_MONOTONIC");
	write_all(&w, m, "anchors", "anchor");
	write_all(&w, m, "local_clock", "local_clock");
	json_object_end(&w);
	copy(&w, "command", folder_last(m->folder, "command"));
	copy(&w, "totals", folder_last(m->folder, "totals"));
	copy(&w, "timings", folder_last(m->folder, "timings"));
	json_kv_u64(&w, "journal_lines_unreadable", m->folder->journal_bad);
	write_members(&w, m);
	json_object_end(&w);
	text_str(out, "\n");
}

/**
 * manifest_write_result() - the object for --json: where the bundle is, why it ended, what was lost
 */
void manifest_write_result(const struct manifest *m, const char *bundle_path, struct text *out)
{
	struct json_writer w;

	json_begin(&w, out, false);
	json_object(&w);
	json_kv_str(&w, "bundle", bundle_path);
	json_kv_bool(&w, "complete", m->complete);
	write_stop(&w, m);
	copy(&w, "command", folder_last(m->folder, "command"));
	json_key(&w, "losses");
	json_array(&w);
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (!h->lost && !h->lost_uncounted)
			continue;
		json_object(&w);
		json_kv_str(&w, "source", h->name);
		json_kv_u64(&w, "count", h->lost);
		json_kv_bool(&w, "count_is_lower_bound", h->lost_uncounted);
		json_object_end(&w);
	}
	json_array_end(&w);
	json_object_end(&w);
}
