/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `about`: where and when the recording was made, what ended it, how far each source
 * reaches, and what is missing.
 *
 * From manifest.json, which the recorder wrote (scoutfs-trace-bundle(5)); where there is none (a
 * recording that goes on, a trace.dat alone) from the streams themselves. Reads no events.
 */
#include "analysis.h"

#include <inttypes.h>

struct about {
	const struct recording *rec;
	const struct json_value *manifest;
	uint64_t from_ns, to_ns;
};

static int open_about(void *self, const struct recording *rec, const struct analysis_options *o,
		      struct report_out *out, struct err *e)
{
	struct about *a = self;

	(void)out;
	(void)e;
	*a = (struct about){.rec = rec,
			    .manifest = bundle_manifest(rec->bundle),
			    .from_ns = o->from_ns,
			    .to_ns = o->to_ns};
	return 0;
}

/* Facts: a name and what it is. */

static void fact(struct table *t, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	table_row(t);
	table_text(t, name);
	table_text(t, value);
}

static const char *kind_words(enum bundle_kind kind)
{
	switch (kind) {
	case BUNDLE_ASSEMBLED:
		return "bundle";
	case BUNDLE_REPACKED:
		return "bundle, packed again by another program";
	case BUNDLE_FOLDER:
		return "folder that a bundle was unpacked to";
	case BUNDLE_SESSION:
		return "session folder: the recording goes on, or was not made a bundle yet";
	case BUNDLE_TRACE:
		return "trace.dat alone";
	case BUNDLE_PCAP:
		return "packet capture alone";
	}
	return NULL;
}

static void fact_time(const struct about *a, struct table *t, const char *name, uint64_t mono_ns)
{
	uint64_t real_ns;
	char utc[64];

	if (mono_ns && clocks_real_of_mono(&a->rec->clocks, mono_ns, &real_ns))
		fact(t, name, format_utc(real_ns, utc, sizeof(utc)));
}

static void fact_end(const struct about *a, struct table *t)
{
	const struct json_value *stop = json_get(a->manifest, "stop");
	const char *reason = json_get_str(stop, "reason", NULL),
		   *trigger = json_get_str(stop, "trigger", NULL);

	if (!stop)
		return;
	table_row(t);
	table_text(t, "ended by");
	table_textf(t, "%s%s%s", reason ? reason : "?", trigger ? " " : "", trigger ? trigger : "");
	fact(t, "which saw", json_get_str(stop, "text", NULL));
}

static void tell_facts(const struct about *a, struct report_out *out)
{
	static const struct column columns[] = {
		{"name", "", COLUMN_TEXT},
		{"value", "", COLUMN_TEXT},
	};
	static const struct {
		const char *name, *key;
	} members[] = {
		{"host", "host"},
		{"server", "server"},
		{"kernel", "kernel"},
		{"machine", "machine"},
		{"scoutfs", "scoutfs_version"},
		{"recorder", "tool_version"},
	};
	struct table *t =
		report_table(out, "recording", "The recording", columns, ARRAY_SIZE(columns));

	fact(t, "file", bundle_path(a->rec->bundle));
	fact(t, "which is a", kind_words(bundle_kind(a->rec->bundle)));
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		fact(t, members[i].name, json_get_str(a->manifest, members[i].key, NULL));
	fact_time(a, t, "armed at", json_get_u64(a->manifest, "created_monotonic_ns", 0));
	fact_time(a, t, a->rec->triggered ? "triggered at" : "ended at",
		  json_get_u64(json_get(a->manifest, "stop"), "monotonic_ns", 0));
	fact_end(a, t);
	if (!a->manifest)
		return;
	table_row(t);
	table_text(t, "complete");
	if (json_get_bool(a->manifest, "complete", false)) {
		table_text(t, "yes");
		table_mark(t, ROW_GOOD);
	} else {
		table_text(t, json_get_bool(a->manifest, "died", false)
				      ? "no: the recorder or its host ended without finishing"
				      : "no: see what was lost");
		table_mark(t, ROW_WARNING);
	}
}

/* Suspects. */

static void tell_suspects(const struct about *a, struct report_out *out)
{
	static const struct column columns[] = {
		{"time_ns", "time", COLUMN_TIME},
		{"trigger", "trigger", COLUMN_TEXT},
		{"text", "saw", COLUMN_TEXT},
	};
	const struct json_value *list = json_get(a->manifest, "suspects");
	struct table *t;

	if (!list || !list->child)
		return;
	t = report_table(out, "suspects", "What looked suspicious on the way", columns,
			 ARRAY_SIZE(columns));
	for (const struct json_value *v = list->child; v; v = v->next) {
		uint64_t ns = json_get_u64(v, "monotonic_ns", 0);

		if (ns < a->from_ns || ns > a->to_ns)
			continue;
		table_row(t);
		table_u64(t, ns);
		table_text(t, json_get_str(v, "trigger", NULL));
		table_text(t, json_get_str(v, "text", NULL));
	}
}

/* Sources. */

static void put_count(struct table *t, const struct json_value *v, const char *key)
{
	uint64_t n = json_get_u64(v, key, UINT64_MAX);

	if (n == UINT64_MAX)
		table_none(t);
	else
		table_u64(t, n);
}

static void put_span(struct table *t, uint64_t first_ns, uint64_t last_ns)
{
	if (!last_ns || first_ns > last_ns) {
		for (int i = 0; i < 3; i++)
			table_none(t);
		return;
	}
	table_u64(t, first_ns);
	table_u64(t, last_ns);
	table_u64(t, last_ns - first_ns);
}

static void tell_source(const struct about *a, struct table *t, const struct json_value *v)
{
	const char *status = json_get_str(v, "status", "?"),
		   *name = recording_source_name(json_get_str(v, "name", "?"));
	bool at_least = json_get_bool(v, "lost_is_lower_bound", false);
	uint64_t records = json_get_u64(v, "records", 0);

	/* The spool is no source: what it lost is told by those that lost it. */
	if (!json_get_str(v, "member", NULL))
		return;
	table_row(t);
	table_text(t, name);
	table_text(t, status);
	put_count(t, v, "records");
	put_count(t, v, "lost");
	put_span(t, records ? json_get_u64(v, "first_monotonic_ns", 0) : 0,
		 records ? json_get_u64(v, "last_monotonic_ns", 0) : 0);
	recording_put_bound(a->rec, name, t);
	table_text(t, json_get_str(v, "why", ""));
	if (strcmp(status, "ok") != 0)
		table_mark(t, ROW_BAD);
	else if (json_get_u64(v, "lost", 0) || at_least)
		table_mark(t, ROW_WARNING);
	if (at_least)
		table_note(t, "%s lost more than was counted.", name);
}

/* Without a manifest: what is in the streams. A source may have several: a ring for each CPU. */
static void tell_streams(const struct about *a, struct table *t, enum chunk_stream kind,
			 const char *name)
{
	uint64_t first = UINT64_MAX, last = 0, records = 0, lost = 0;
	const struct bundle_stream *s;
	bool counted = true, found = false;

	for (size_t i = 0, count = bundle_streams(a->rec->bundle, &s); i < count; i++) {
		if (s[i].kind != kind || !s[i].count || s[i].real_time)
			continue;
		found = true;
		counted &= s[i].counted;
		first = min_of(first, s[i].first_ns);
		last = max_of(last, s[i].last_ns);
		records += s[i].records;
		lost += s[i].lost;
	}
	if (!found)
		return;
	table_row(t);
	table_text(t, name);
	table_none(t);
	if (counted) {
		table_u64(t, records);
		table_u64(t, lost);
	} else {
		table_none(t);
		table_none(t);
	}
	put_span(t, first, last);
	recording_put_bound(a->rec, name, t);
}

/* Files about the host are not in the manifest's list: they are not recorded but collected. */
static void tell_context(const struct about *a, struct table *t)
{
	const struct context_index *c = &a->rec->context;

	if (!c->count)
		return;
	table_row(t);
	table_text(t, "context");
	table_none(t);
	table_u64(t, c->count - c->missing);
	table_none(t);
	put_span(t, c->files[0].ns, c->files[c->count - 1].ns);
	table_none(t);
	if (c->missing)
		table_textf(t, "%zu files could not be had: context/*/INDEX says which",
			    c->missing);
}

static void tell_sources(const struct about *a, struct report_out *out)
{
	static const struct column columns[] = {
		{"source", "source", COLUMN_TEXT},
		{"status", "status", COLUMN_TEXT},
		{"records", "records", COLUMN_COUNT},
		{"lost", "lost", COLUMN_COUNT},
		{"first_ns", "first", COLUMN_TIME},
		{"last_ns", "last", COLUMN_TIME},
		{"span_ns", "span", COLUMN_DURATION},
		{"stamps_within_ns", "stamps within", COLUMN_DURATION},
		{"why", "why", COLUMN_TEXT},
	};
	const struct json_value *list = json_get(a->manifest, "sources");
	struct table *t = report_table(out, "sources", "What each source covers", columns,
				       ARRAY_SIZE(columns));

	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next)
		tell_source(a, t, v);
	if (!list) {
		tell_streams(a, t, CHUNK_RING, "trace");
		tell_streams(a, t, CHUNK_PACKETS, "packets");
		tell_streams(a, t, CHUNK_KMSG, "log");
		tell_streams(a, t, CHUNK_CLOCKS, "clocks");
	}
	tell_context(a, t);
	if (a->rec->clocks.steps)
		table_note(
			t,
			"The wall clock was set %" PRIu64
			" times: in the seconds of that, packets and log may stand as far off as "
			"it was set.",
			a->rec->clocks.steps);
}

/* Gaps. */

static void tell_gap(struct table *t, const char *source, const struct json_value *v)
{
	uint64_t from = json_get_u64(v, "from_monotonic_ns", 0),
		 to = json_get_u64(v, "to_monotonic_ns", 0), cpu;

	table_row(t);
	table_text(t, source);
	cpu = json_get_u64(v, "cpu", UINT64_MAX);
	if (cpu <= INT64_MAX)
		table_i64(t, (int64_t)cpu);
	else
		table_none(t);
	table_text(t, json_get_str(v, "kind", NULL));
	put_span(t, from, to);
	put_count(t, v, "count");
	table_text(t, json_get_str(v, "reason", NULL));
	/* What is older than the budget reaches was let go on purpose. */
	if (strcmp(json_get_str(v, "kind", ""), "retention") != 0)
		table_mark(t, ROW_WARNING);
}

static void tell_gaps(const struct about *a, struct report_out *out)
{
	static const struct column columns[] = {
		{"source", "source", COLUMN_TEXT}, {"cpu", "cpu", COLUMN_NUMBER},
		{"kind", "kind", COLUMN_TEXT},	   {"from_ns", "from", COLUMN_TIME},
		{"to_ns", "to", COLUMN_TIME},	   {"span_ns", "span", COLUMN_DURATION},
		{"lost", "lost", COLUMN_COUNT},	   {"reason", "reason", COLUMN_TEXT},
	};
	const struct json_value *sources = json_get(a->manifest, "sources");
	struct table *t;

	if (!sources)
		return;
	t = report_table(out, "gaps", "What was lost", columns, ARRAY_SIZE(columns));
	for (const struct json_value *v = sources->child; v; v = v->next) {
		const struct json_value *gaps = json_get(v, "gaps");

		for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next)
			if (json_get_u64(g, "to_monotonic_ns", UINT64_MAX) >= a->from_ns &&
			    json_get_u64(g, "from_monotonic_ns", 0) <= a->to_ns)
				tell_gap(t, recording_source_name(json_get_str(v, "name", "?")), g);
	}
	table_sort(t, "from_ns", false);
}

static int tell_all(void *self, struct report_out *out, struct err *e)
{
	const struct about *a = self;

	(void)e;
	tell_facts(a, out);
	tell_suspects(a, out);
	tell_sources(a, out);
	tell_gaps(a, out);
	return 0;
}

const struct analysis_ops analysis_about = {
	.name = "about",
	.title = "About the recording",
	.tables = "recording suspects sources gaps",
	.summary = "where and when it was made, what ended it, what each source covers, what is "
		   "lost",
	.self_bytes = sizeof(struct about),
	.open = open_about,
	.result = tell_all,
};
