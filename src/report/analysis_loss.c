/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `loss`: what is missing, and why.
 *
 * The recorder kept a ledger of what it lost (manifest.json; scoutfs-trace-bundle(5)); where there
 * is no manifest the chunks of each stream say how many records the kernel dropped before them.
 * Beside it stands what could not be read now. To know that, everything is read: an analysis that
 * looks at nothing still asks for all sources.
 */
#include "analysis.h"

#include <inttypes.h>

#include "format/series.h"

#include "feed.h"

#define ROWS_MAX 10000 /* of chunks that lost something */

struct loss {
	const struct recording *rec;
	const struct json_value *manifest;
	uint64_t from_ns, to_ns;
};

static int open_loss(void *self, const struct recording *rec, const struct analysis_options *o,
		     struct report_out *out, struct err *e)
{
	struct loss *l = self;

	(void)out;
	(void)e;
	*l = (struct loss){.rec = rec,
			   .manifest = bundle_manifest(rec->bundle),
			   .from_ns = o->from_ns,
			   .to_ns = o->to_ns};
	return 0;
}

/* ---- the ledger ---- */

static void put_span(struct table *t, uint64_t from_ns, uint64_t to_ns)
{
	table_u64(t, from_ns);
	table_u64(t, to_ns);
	if (to_ns >= from_ns)
		table_u64(t, to_ns - from_ns);
	else
		table_none(t);
}

static bool in_window(const struct loss *l, uint64_t from_ns, uint64_t to_ns)
{
	return to_ns >= l->from_ns && from_ns <= l->to_ns;
}

/* A number of JSON that may be null. */
static bool number_of(const struct json_value *v, const char *key, uint64_t *ret)
{
	const struct json_value *n = json_get(v, key);

	if (!n || n->type != JSON_NUMBER)
		return false;
	*ret = json_get_u64(v, key, 0);
	return true;
}

static void tell_gap(const struct loss *l, struct table *t, const char *source,
		     const struct json_value *g)
{
	const char *kind = json_get_str(g, "kind", "?");
	uint64_t from = json_get_u64(g, "from_monotonic_ns", 0),
		 to = json_get_u64(g, "to_monotonic_ns", UINT64_MAX), n;

	if (!in_window(l, from, to))
		return;
	table_row(t);
	table_text(t, source);
	table_text(t, kind);
	if (number_of(g, "cpu", &n) && n <= INT64_MAX)
		table_i64(t, (int64_t)n);
	else
		table_none(t);
	put_span(t, from, to);
	if (number_of(g, "count", &n) && str_starts(source, SERIES_FOLDER)) {
		table_none(t); /* nothing that had been recorded */
		table_textf(t, "%" PRIu64 " samples not taken or not whole", n);
	} else if (number_of(g, "count", &n)) {
		table_u64(t, n);
		table_text(t, json_get_bool(g, "count_is_lower_bound", false) ? "at least" : "");
	} else {
		table_none(t);
		table_text(t, "not known");
	}
	table_text(t, json_get_str(g, "reason", NULL));
	/* What is older than the budget reaches was let go on purpose. */
	if (strcmp(kind, "retention") != 0)
		table_mark(t, ROW_WARNING);
}

static const struct {
	enum chunk_stream kind;
	const char *name;
} stream_names[] = {{CHUNK_RING, "trace"},
		    {CHUNK_PACKETS, "packets"},
		    {CHUNK_KMSG, "log"},
		    {CHUNK_CLOCKS, "clocks"}};

static const char *stream_name(enum chunk_stream kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(stream_names); i++)
		if (stream_names[i].kind == kind)
			return stream_names[i].name;
	return "?";
}

static void tell_chunk(struct table *t, const struct bundle_stream *s,
		       const struct bundle_chunk *before, const struct bundle_chunk *c)
{
	table_row(t);
	table_text(t, stream_name(s->kind));
	table_text(t, "fault");
	if (s->kind == CHUNK_RING)
		table_i64(t, s->id);
	else
		table_none(t);
	put_span(t, before ? before->last_ns : c->first_ns, c->last_ns);
	table_u64(t, c->lost);
	table_text(t, c->lost == UINT32_MAX ? "at least" : "");
	table_text(t, "before or within this piece of the recording");
	table_mark(t, ROW_WARNING);
}

/* Without a manifest; a recording that goes on has its ledger still in the journal. */
static void tell_chunks(const struct loss *l, struct table *t)
{
	const struct bundle_stream *s;
	size_t count = bundle_streams(l->rec->bundle, &s), rows = 0;
	uint64_t more = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; s[i].counted && k < s[i].count; k++) {
			const struct bundle_chunk *c = &s[i].chunks[k];

			if (!c->lost || (!s[i].real_time && !in_window(l, c->first_ns, c->last_ns)))
				continue;
			if (rows++ < ROWS_MAX)
				tell_chunk(t, &s[i], k ? c - 1 : NULL, c);
			else
				more++;
		}
	}
	if (more)
		table_note(t, "%" PRIu64 " more are not listed.", more);
	table_note(t, "There is no manifest: this is what the pieces of the recording say of the "
		      "losses before them.");
}

static void tell_losses(const struct loss *l, struct report_out *out)
{
	static const struct column columns[] = {
		{"source", "source", COLUMN_TEXT}, {"kind", "kind", COLUMN_TEXT},
		{"cpu", "cpu", COLUMN_NUMBER},	   {"from_ns", "from", COLUMN_TIME},
		{"to_ns", "to", COLUMN_TIME},	   {"span_ns", "span", COLUMN_DURATION},
		{"lost", "lost", COLUMN_COUNT},	   {"counted", "", COLUMN_TEXT},
		{"reason", "reason", COLUMN_TEXT},
	};
	const struct json_value *sources = json_get(l->manifest, "sources");
	struct table *t =
		report_table(out, "losses", "What was lost", columns, ARRAY_SIZE(columns));

	for (const struct json_value *v = sources ? sources->child : NULL; v; v = v->next) {
		const struct json_value *gaps = json_get(v, "gaps");

		for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next)
			tell_gap(l, t, recording_source_name(json_get_str(v, "name", "?")), g);
	}
	if (!l->manifest)
		tell_chunks(l, t);
	else if (json_get_bool(l->manifest, "died", false))
		table_note(t, "The recorder or its host ended without finishing: up to a second "
			      "before the end had not reached the disk.");
	table_sort(t, "from_ns", false);
}

/* ---- what cannot be read ---- */

static void unread(struct table *t, const char *what, uint64_t count, const char *why)
{
	if (!count)
		return;
	table_row(t);
	table_text(t, what);
	table_u64(t, count);
	table_text(t, why);
	table_mark(t, ROW_WARNING);
}

static void tell_notes(const struct loss *l, struct table *t)
{
	const struct bundle_note *notes;
	size_t count = bundle_notes(l->rec->bundle, &notes);

	for (size_t i = 0; i < count; i++) {
		if (!notes[i].damage)
			continue;
		table_row(t);
		table_text(t, "bundle");
		table_none(t);
		table_text(t, notes[i].text);
		table_mark(t, ROW_WARNING);
	}
}

static void tell_missing(const struct loss *l, struct table *t)
{
	const struct bundle_stream *s;
	size_t count = bundle_streams(l->rec->bundle, &s);

	for (size_t i = 0; i < count; i++) {
		char what[48];

		if (s[i].kind == CHUNK_RING)
			(void)snprintf(what, sizeof(what), "pieces of trace, cpu %" PRIu32,
				       s[i].id);
		else
			(void)snprintf(what, sizeof(what), "pieces of %s", stream_name(s[i].kind));
		unread(t, what, s[i].missing,
		       "they are not in the file: dropped, or damaged beyond recognition");
	}
}

static void tell_unknown(const struct trace_feed_totals *f, struct table *t)
{
	uint64_t named = 0;

	for (size_t i = 0; i < TRACE_UNKNOWN_MAX && f->unknown_ids[i].count; i++) {
		char what[48];

		(void)snprintf(what, sizeof(what), "events of number %" PRIu16,
			       f->unknown_ids[i].id);
		unread(t, what, f->unknown_ids[i].count, "the recording has no format for them");
		named += f->unknown_ids[i].count;
	}
	unread(t, "events of other numbers", f->unknown - min_of(named, f->unknown),
	       "the recording has no format for them");
}

static void tell_feed(const struct loss *l, struct table *t)
{
	const struct feed_result *f = l->rec->feed;

	if (!f)
		return;
	unread(t, "pieces of trace events", f->trace.chunks_damaged, "damaged");
	unread(t, "pages of trace events", f->trace.pages_damaged, "damaged");
	tell_unknown(&f->trace, t);
	unread(t, "pieces of packets and log", f->chunks_damaged, "damaged");
	unread(t, "packets", f->packets_unreadable,
	       "of another kind than scoutfs sends, or cut too short");
	unread(t, "lines of the kernel log", f->log_unreadable, "not in the log's form");
	unread(t, "gaps in TCP streams", f->flow.gaps,
	       "packets that the capture lacks, or data that are no messages of scoutfs");
	if (f->packets_why.text[0]) {
		table_row(t);
		table_text(t, "packets");
		table_none(t);
		table_text(t, f->packets_why.text);
		table_mark(t, ROW_BAD);
	}
}

static void tell_unread(const struct loss *l, struct report_out *out)
{
	static const struct column columns[] = {
		{"what", "what", COLUMN_TEXT},
		{"count", "count", COLUMN_COUNT},
		{"why", "why", COLUMN_TEXT},
	};
	struct table *t = report_table(out, "unread", "What could not be read now", columns,
				       ARRAY_SIZE(columns));

	tell_notes(l, t);
	if (!l->rec->has_trace && l->rec->trace_why.text[0]) {
		table_row(t);
		table_text(t, "trace events");
		table_none(t);
		table_text(t, l->rec->trace_why.text);
		table_mark(t, ROW_BAD);
	}
	tell_missing(l, t);
	tell_feed(l, t);
}

/* ---- totals ---- */

/* Chunks of a kind, all its streams together. */
static void total_of_streams(const struct loss *l, struct table *t, enum chunk_stream kind)
{
	const struct bundle_stream *s;
	size_t count = bundle_streams(l->rec->bundle, &s);
	uint64_t records = 0, lost = 0, missing = 0;
	bool any = false, counted = true;

	for (size_t i = 0; i < count; i++) {
		if (s[i].kind != kind)
			continue;
		any = true;
		counted &= s[i].counted;
		records += s[i].records;
		lost += s[i].lost;
		missing += s[i].missing;
	}
	if (!any)
		return;
	table_row(t);
	table_text(t, stream_name(kind));
	if (counted) {
		table_u64(t, records);
		table_u64(t, lost);
	} else {
		table_none(t);
		table_none(t);
	}
	table_text(t, missing ? "at least" : "");
}

static void total_of_source(struct table *t, const struct json_value *v)
{
	uint64_t n, entries = 0;
	const struct json_value *gaps = json_get(v, "gaps");
	bool at_least = json_get_bool(v, "lost_is_lower_bound", false);

	for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next)
		entries += strcmp(json_get_str(g, "kind", ""), "retention") != 0;
	table_row(t);
	table_text(t, recording_source_name(json_get_str(v, "name", "?")));
	for (int i = 0; i < 2; i++) {
		if (number_of(v, i ? "lost" : "records", &n))
			table_u64(t, n);
		else
			table_none(t);
	}
	table_text(t, at_least ? "at least" : "");
	table_u64(t, entries);
	table_text(t, json_get_str(v, "status", NULL));
	table_text(t, json_get_str(v, "why", NULL));
	if (strcmp(json_get_str(v, "status", "?"), "ok") != 0)
		table_mark(t, ROW_BAD);
	else if (at_least || json_get_u64(v, "lost", 0))
		table_mark(t, ROW_WARNING);
}

static void tell_totals(const struct loss *l, struct report_out *out)
{
	static const struct column columns[] = {
		{"source", "source", COLUMN_TEXT},   {"records", "records", COLUMN_COUNT},
		{"lost", "lost", COLUMN_COUNT},	     {"counted", "", COLUMN_TEXT},
		{"entries", "losses", COLUMN_COUNT}, {"status", "status", COLUMN_TEXT},
		{"why", "why", COLUMN_TEXT},
	};
	const struct json_value *sources = json_get(l->manifest, "sources");
	struct table *t = report_table(out, "totals", "In all, of the whole recording", columns,
				       ARRAY_SIZE(columns));

	for (const struct json_value *v = sources ? sources->child : NULL; v; v = v->next)
		total_of_source(t, v);
	for (size_t i = 0; !sources && i < ARRAY_SIZE(stream_names); i++)
		total_of_streams(l, t, stream_names[i].kind);
	table_note(t, "What was dropped to stay within the recording's budget is no loss here.");
}

static int tell_loss(void *self, struct report_out *out, struct err *e)
{
	const struct loss *l = self;

	(void)e;
	tell_losses(l, out);
	tell_unread(l, out);
	tell_totals(l, out);
	return 0;
}

/* Asking for a source is what gets it read. */

static void pass_tally(void *self, const struct trace_tally *t, size_t count)
{
	(void)self;
	(void)t;
	(void)count;
}

static void pass_datagram(void *self, const struct datagram *d)
{
	(void)self;
	(void)d;
}

static void pass_log(void *self, const struct log_line *line)
{
	(void)self;
	(void)line;
}

const struct analysis_ops analysis_loss = {
	.name = "loss",
	.title = "What is missing",
	.tables = "losses unread totals",
	.summary = "the ledger: what each source lost, when and why; what cannot be read now",
	.self_bytes = sizeof(struct loss),
	.open = open_loss,
	.tally = pass_tally,
	.datagram = pass_datagram,
	.log = pass_log,
	.result = tell_loss,
};
