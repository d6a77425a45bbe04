/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of a source, so that "it did not happen" can be told from "it was not seen".
 *
 * Called at the end of a pass by analyses that conclude something from silence. Looks at all who
 * may know: the recorder's ledger in the manifest, the headers of chunks and the numbers they lack,
 * the pass itself (what it could not read, gaps that the kernel marked in its pages), members that
 * are not whole, and the filters. When in doubt it says less.
 */
#include "coverage.h"

static const struct {
	enum chunk_stream kind;
	const char *member, *name; /* name: in the manifest */
} sources[FEED_SOURCES] = {
	[FEED_TRACE] = {CHUNK_RING, "trace.dat", "ftrace"},
	[FEED_PACKETS] = {CHUNK_PACKETS, "packets.pcap", "packets"},
	[FEED_LOG] = {CHUNK_KMSG, "kernel.log", "kmsg"},
};

/* Does a filter of this kind hide something of the source? One that is not known here may. */
static bool hides(enum report_filter_kind kind, enum feed_source source)
{
	switch (kind) {
	case FILTER_SOURCE:
	case FILTER_COUNTER:
		return false;
	case FILTER_EVENT:
	case FILTER_PID:
	case FILTER_COMM:
	case FILTER_CPU:
	case FILTER_WHERE:
		return source == FEED_TRACE;
	default:
		return source != FEED_LOG;
	}
}

static void take_loss(struct coverage *c, uint64_t ns)
{
	c->loss_ns = max_of(c->loss_ns, ns);
}

/* On the recording's clock; what cannot be placed counts as the end. */
static uint64_t placed(const struct recording *rec, const struct bundle_stream *s, uint64_t ns)
{
	uint64_t mono = ns;

	if (s->real_time && !clocks_mono_of_real(&rec->clocks, ns, rec->trigger_ns, &mono))
		mono = rec->last_ns;
	return mono;
}

static void see_stream(const struct recording *rec, const struct bundle_stream *s,
		       struct coverage *c)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct bundle_chunk *k = &s->chunks[i];

		if (k->lost)
			take_loss(c, placed(rec, s, k->last_ns));
		if (i && s->missing && k->sequence > k[-1].sequence + 1)
			take_loss(c, placed(rec, s, k->first_ns));
	}
}

static void see_streams(const struct recording *rec, enum feed_source source, struct coverage *c)
{
	const struct bundle_stream *s;
	size_t count = bundle_streams(rec->bundle, &s);
	const struct bundle_member *m = bundle_member(rec->bundle, sources[source].member);
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < count; i++) {
		if (s[i].kind != sources[source].kind || !s[i].count)
			continue;
		c->any = true;
		least = min_of(least, placed(rec, &s[i], s[i].last_ns));
		see_stream(rec, &s[i], c);
	}
	c->damaged = m && m->damaged;
	/* Of which CPU the rest was nobody knows. */
	if (c->damaged)
		c->end_ns = c->any ? min_of(least, c->end_ns) : 0;
	/* Its pages are there, and nothing tells what they mean. */
	if (source == FEED_TRACE && c->any && !rec->has_trace) {
		c->damaged = true;
		c->any = false;
	}
}

/* What the recorder's disk lost may be any source's; a gap without a time may be at the end. */
static void see_manifest(const struct recording *rec, enum feed_source source, struct coverage *c)
{
	const struct json_value *list = json_get(bundle_manifest(rec->bundle), "sources");

	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next) {
		const struct json_value *gaps = json_get(v, "gaps");
		const char *name = json_get_str(v, "name", "");

		if (strcmp(name, sources[source].name) != 0 && strcmp(name, "spool") != 0)
			continue;
		for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next) {
			uint64_t to_ns = json_get_u64(g, "to_monotonic_ns", 0);

			if (strcmp(json_get_str(g, "kind", ""), "retention") != 0)
				take_loss(c, to_ns ? to_ns : rec->last_ns);
		}
	}
}

static void see_feed(const struct recording *rec, enum feed_source source, struct coverage *c)
{
	const struct feed_result *f = rec->feed;

	if (!f)
		return;
	c->any &= (f->read & 1U << source) != 0;
	if (source == FEED_TRACE)
		take_loss(c, f->trace.loss_ns);
	else if (f->chunks_damaged)
		take_loss(c, rec->last_ns);
	if (source == FEED_PACKETS && *f->packets_why.text)
		take_loss(c, rec->last_ns);
}

/**
 * coverage_find() - what is known of a source
 * @source: trace, packets or log
 */
void coverage_find(const struct recording *rec, const struct analysis_options *o,
		   enum feed_source source, struct coverage *ret)
{
	*ret = (struct coverage){.end_ns = min_of(rec->last_ns, o->to_ns)};
	for (size_t i = 0; i < o->filter_count; i++)
		ret->filtered |= hides(o->filters[i].kind, source);
	if (rec->bundle) {
		see_streams(rec, source, ret);
		see_manifest(rec, source, ret);
	}
	see_feed(rec, source, ret);
}

/** coverage_doubt() - why what happened from a moment on may not all be there; NULL: it is */
const char *coverage_doubt(const struct coverage *c, uint64_t since_ns)
{
	if (c->filtered)
		return "a filter leaves out what would show it";
	if (c->damaged)
		return "a part of the recording could not be read";
	return c->loss_ns >= since_ns && c->loss_ns ? "some of what was recorded later is lost"
						    : NULL;
}

/** coverage_whole() - is all there that happened from a moment on, up to the end? */
bool coverage_whole(const struct coverage *c, uint64_t since_ns)
{
	return !coverage_doubt(c, since_ns);
}
