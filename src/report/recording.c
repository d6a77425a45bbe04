/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recording as a whole: event formats, names of processes, clocks, what ended it.
 *
 * Called by report.c before anything is fed to analyses. What cannot be read is left out and said:
 * a bundle without trace.dat still has packets and a kernel log.
 */
#include "recording.h"

#include <errno.h>

#include "format/pcapfile.h"

#include "table.h"

#define COMMS_MAX 1000000
#define FAR_NS (60 * NSEC_PER_SEC) /* beyond what the recorder covered: that cannot be */

/* ---- trace events ---- */

static int by_pid(const void *a, const void *b)
{
	const struct comm *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* Lines "PID COMM", as saved_cmdlines has them. */
static int read_comms(struct recording *r, struct err *e)
{
	const char *at = r->tail.cmdlines.s, *end = at + r->tail.cmdlines.n;
	size_t lines = 0;

	for (const char *c = at; c < end; c++)
		lines += *c == '\n';
	r->comms = calloc(min_of(lines + 1, (size_t)COMMS_MAX), sizeof(*r->comms));
	if (!r->comms)
		return err_nomem(e);
	while (at < end && r->comm_count < COMMS_MAX) {
		const char *line = at, *nl = memchr(at, '\n', (size_t)(end - at));
		const char *stop = nl ? nl : end;
		uint64_t pid = 0;

		at = stop + 1;
		while (line < stop && *line == ' ')
			line++;
		for (; line < stop && *line >= '0' && *line <= '9' && pid <= UINT32_MAX; line++)
			pid = pid * 10 + (uint64_t)(*line - '0');
		if (line >= stop || *line != ' ' || pid > UINT32_MAX || r->comm_count > lines)
			continue;
		r->comms[r->comm_count++] = (struct comm){.pid = (uint32_t)pid,
							  .name = line + 1,
							  .bytes = (uint32_t)(stop - line - 1)};
	}
	qsort(r->comms, r->comm_count, sizeof(*r->comms), by_pid);
	return 0;
}

const struct comm *recording_comm(const struct recording *r, uint32_t pid)
{
	struct comm key = {.pid = pid};

	return r->comm_count ? bsearch(&key, r->comms, r->comm_count, sizeof(*r->comms), by_pid)
			     : NULL;
}

static int read_layout(struct recording *r, struct err *e)
{
	CLEANUP(freep) char *page = strndup(r->head.header_page.s, r->head.header_page.n);

	if (!page)
		return err_nomem(e);
	return ringpage_layout_parse(page, &r->layout, e);
}

static int read_trace(struct recording *r, struct err *e)
{
	int code = bundle_prologue(r->bundle, "trace.dat", &r->prologue, e);

	if (code == 0)
		code = tracedat_head_read(r->prologue.s, r->prologue.len, &r->head, e);
	if (code == 0)
		code = tracedat_tail_read(r->prologue.s + r->head.bytes,
					  r->prologue.len - r->head.bytes, &r->tail, e);
	if (code == 0)
		code = event_table_read(&r->head, &r->events, e);
	if (code == 0)
		code = read_layout(r, e);
	if (code == 0)
		code = read_comms(r, e);
	/* The layout's page is that of the kernel's header; the file's is what was recorded. */
	if (code == 0 && r->head.page_bytes)
		r->layout.page_bytes = r->head.page_bytes;
	return code;
}

/* ---- what ended it ---- */

static void read_stop(struct recording *r)
{
	const struct json_value *m = bundle_manifest(r->bundle), *stop = json_get(m, "stop");
	const char *server = json_get_str(m, "server", "");
	const char *colon = strrchr(server, ':');
	char ip[64];

	r->trigger = json_get_str(stop, "trigger", "");
	r->trigger_text = json_get_str(stop, "text", "");
	r->triggered = *r->trigger;
	r->trigger_ns = json_get_u64(stop, "monotonic_ns", 0);
	if (!colon || (size_t)(colon - server) >= sizeof(ip))
		return;
	if (*server == '[' && colon[-1] == ']')
		(void)snprintf(ip, sizeof(ip), "%.*s", (int)(colon - server - 2), server + 1);
	else
		(void)snprintf(ip, sizeof(ip), "%.*s", (int)(colon - server), server);
	r->has_server = wire_addr_parse(ip, (uint16_t)strtoul(colon + 1, NULL, 10), &r->server);
}

/* Was the recorder told to take what programs write into the log for the kernel's? */
static bool takes_any_facility(const struct json_value *manifest)
{
	static const char option[] = "--log-facility";
	const struct json_value *args = json_get(manifest, "command_line");
	bool before = false;

	for (const struct json_value *a = args ? args->child : NULL; a; a = a->next) {
		const char *s = a->type == JSON_STRING ? a->str : "";

		if ((before && !strcmp(s, "any")) || !strcmp(s, "--log-facility=any"))
			return true;
		before = !strcmp(s, option);
	}
	return false;
}

/* What the recorder says that its sources cover; 0: it does not say. */
static void read_coverage(const struct recording *r, uint64_t *ret_first, uint64_t *ret_last)
{
	const struct json_value *list = json_get(bundle_manifest(r->bundle), "sources");

	*ret_first = *ret_last = 0;
	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next) {
		uint64_t first = json_get_u64(v, "first_monotonic_ns", 0);
		uint64_t last = json_get_u64(v, "last_monotonic_ns", 0);

		if (!json_get_u64(v, "records", 0) || first > last || last > INT64_MAX / 2)
			continue;
		*ret_first = *ret_last ? min_of(*ret_first, first) : first;
		*ret_last = max_of(*ret_last, last);
	}
}

/* A trigger that the recording does not reach is one that nobody can count from. */
static void doubt_trigger(struct recording *r, uint64_t first, uint64_t last)
{
	first = min_of(first, r->first_ns);
	last = max_of(last, r->last_ns);
	if (!r->triggered ||
	    (r->trigger_ns >= first - min_of(first, FAR_NS) && r->trigger_ns <= last + FAR_NS))
		return;
	r->triggered = false;
	r->trigger_doubted = true;
	r->trigger_ns = 0;
}

static void read_span(struct recording *r)
{
	uint64_t covered_first, covered_last;
	const struct bundle_stream *streams;
	size_t count = bundle_streams(r->bundle, &streams);
	uint64_t created = json_get_u64(bundle_manifest(r->bundle), "created_monotonic_ns", 0);

	read_coverage(r, &covered_first, &covered_last);
	for (size_t i = 0; i < count; i++) {
		const struct bundle_stream *s = &streams[i];
		uint64_t first = s->first_ns, last = s->last_ns;

		if (!s->count || s->kind == CHUNK_CLOCKS)
			continue;
		if (s->real_time &&
		    (!clocks_mono_of_real(&r->clocks, first, r->trigger_ns, &first) ||
		     !clocks_mono_of_real(&r->clocks, last, r->trigger_ns, &last)))
			continue;
		/* A stamp of nonsense is not the end. */
		if (covered_last && last > covered_last + FAR_NS)
			last = covered_last;
		/* The kernel log reaches back to the boot. */
		if (s->kind == CHUNK_KMSG)
			first = max_of(first, created);
		r->first_ns = r->first_ns ? min_of(r->first_ns, first) : first;
		r->last_ns = max_of(r->last_ns, last);
	}
	if (covered_last && r->last_ns)
		doubt_trigger(r, covered_first, covered_last);
	if (!r->trigger_ns)
		r->trigger_ns = r->last_ns;
}

/* Of all streams of this kind: a CPU that had nothing to say was listened to. */
static bool cover_of(const struct recording *r, enum chunk_stream kind, struct cover *ret)
{
	const struct bundle_stream *s;
	size_t count = r->bundle ? bundle_streams(r->bundle, &s) : 0;

	*ret = (struct cover){UINT64_MAX, 0};
	for (size_t i = 0; i < count; i++) {
		uint64_t first = s[i].first_ns, last = s[i].last_ns;

		if (s[i].kind != kind || !s[i].count ||
		    (s[i].real_time &&
		     (!clocks_mono_of_real(&r->clocks, first, r->trigger_ns, &first) ||
		      !clocks_mono_of_real(&r->clocks, last, r->trigger_ns, &last))))
			continue;
		ret->from_ns = min_of(ret->from_ns, first);
		ret->to_ns = max_of(ret->to_ns, last);
	}
	return ret->from_ns <= ret->to_ns;
}

static void cut_cover(struct cover *c, uint64_t from_ns, uint64_t to_ns)
{
	c->from_ns = max_of(c->from_ns, from_ns);
	c->to_ns = min_of(c->to_ns, to_ns);
}

/**
 * recording_cover() - from the first to the last that a source has, of what is looked at
 * @from_ns, @to_ns: that
 *
 * Before and behind it nothing can be known. The kernel log is not asked for: it has few lines, and
 * silence is no sign that nobody listened.
 *
 * Return: true; false, and *@ret is all that is looked at, when the source has nothing with a time
 * of this clock.
 */
bool recording_cover(const struct recording *r, enum counted_in source, uint64_t from_ns,
		     uint64_t to_ns, struct cover *ret)
{
	static const enum chunk_stream kinds[COUNTED_IN_SOURCES] = {
		[COUNTED_IN_TRACE] = CHUNK_RING,
		[COUNTED_IN_PACKETS] = CHUNK_PACKETS,
		[COUNTED_IN_BOTH] = CHUNK_PACKETS,
		[COUNTED_IN_SERIES] = CHUNK_SERIES,
	};
	struct cover found, ring;
	bool known = source != COUNTED_IN_ANY && cover_of(r, kinds[source], &found);

	if (known && source == COUNTED_IN_BOTH) {
		known = cover_of(r, CHUNK_RING, &ring);
		cut_cover(&found, ring.from_ns, ring.to_ns);
	}
	*ret = known ? found : (struct cover){r->first_ns, r->last_ns};
	/* A stamp of nonsense is not the end. */
	cut_cover(ret, max_of(from_ns, r->first_ns), min_of(to_ns, r->last_ns));
	return known;
}

/** recording_tick_ns() - when a whole second began; false: it cannot be one of a recording */
bool recording_tick_ns(const struct recording *r, uint64_t tick, uint64_t *ret_ns)
{
	uint64_t ns;

	if (__builtin_mul_overflow(tick, NSEC_PER_SEC, &ns))
		return false;
	*ret_ns = ns > r->phase_ns ? ns - r->phase_ns : 0;
	return true;
}

static void find_phase(struct recording *r)
{
	uint64_t real_ns;

	if (clocks_real_of_mono(&r->clocks, r->trigger_ns, &real_ns))
		r->phase_ns = (real_ns - r->trigger_ns) % NSEC_PER_SEC;
}

/* ---- one clock ---- */

/* With a capture of another program they may be whole microseconds. */
static uint64_t packet_unit(const struct bundle *b)
{
	CLEANUP(text_free) struct text head = {0};

	if (bundle_prologue(b, "packets.pcap", &head, NULL) < 0)
		return 1;
	return pcapfile_unit_ns((const uint8_t *)text_c(&head), head.len);
}

/** recording_source_name() - one set of names for people, whatever the manifest calls them */
const char *recording_source_name(const char *name)
{
	if (!strcmp(name, "ftrace"))
		return "trace";
	return strcmp(name, "kmsg") ? name : "log";
}

/**
 * recording_bound_ns() - how far stamps of a source may be off the clock of all times
 * @source: as recording_source_name() has it
 *
 * Trace events have stamps of that very clock. Those of packets are converted by the anchors; the
 * log's were by the recorder, and are again.
 */
bool recording_bound_ns(const struct recording *r, const char *source, uint64_t *ret_ns)
{
	bool known = clocks_bound(&r->clocks, ret_ns);

	if (!strcmp(source, "trace")) {
		const char *clock = json_get_str(json_get(bundle_manifest(r->bundle), "clocks"),
						 "reference", "");

		*ret_ns = 0;
		return !strcmp(clock, "CLOCK_MONOTONIC");
	}
	if (!strcmp(source, "packets"))
		*ret_ns += r->packet_unit_ns > 1 ? r->packet_unit_ns : 0;
	else if (!strcmp(source, "log")) {
		known &= r->clocks.log_bound_ns != 0;
		*ret_ns = *ret_ns + r->clocks.bound_ns + r->clocks.log_bound_ns;
	} else if (!strcmp(source, "clocks"))
		*ret_ns = r->clocks.bound_ns;
	else
		return false;
	return known;
}

/** recording_put_bound() - recording_bound_ns() as a cell */
void recording_put_bound(const struct recording *r, const char *source, struct table *t)
{
	uint64_t ns;

	if (recording_bound_ns(r, source, &ns))
		table_u64(t, ns);
	else
		table_none(t);
}

/* A bound is rounded up: to what format_duration() shows of it. */
static const char *bound_words(uint64_t ns, char *buf, size_t size)
{
	uint64_t unit = 1;

	while (ns / unit >= 100)
		unit *= 10;
	return format_duration((ns + unit - 1) / unit * unit, buf, size);
}

/** recording_note_bounds() - a note for tables that have several sources in one order */
void recording_note_bounds(const struct recording *r, struct table *t)
{
	char packets[32], log[32];
	uint64_t p, l;

	if (!r->bundle || !recording_bound_ns(r, "packets", &p))
		return;
	(void)bound_words(p, packets, sizeof(packets));
	if (recording_bound_ns(r, "log", &l))
		table_note(t, "Packets stand within %s of the trace's clock, the log within %s.",
			   packets, bound_words(l, log, sizeof(log)));
	else
		table_note(
			t,
			"Packets stand within %s of the trace's clock; of the log it is not known.",
			packets);
}

/**
 * recording_open() - read what is known of a recording as a whole
 * @b:   indexed; borrowed until recording_done()
 * @ret: recording_done() it, also after a failure
 * @e:   filled on failure
 *
 * Trace events that cannot be read are no failure: @ret->trace_why says why.
 *
 * Return: 0 or -ENOMEM.
 */
int recording_open(const struct bundle *b, struct recording *ret, struct err *e)
{
	int r;

	*ret = (struct recording){.bundle = b, .trigger = "", .trigger_text = ""};
	r = clocks_load(b, &ret->clocks, e);
	if (r < 0)
		return r;
	ret->packet_unit_ns = packet_unit(b);
	read_stop(ret);
	ret->any_facility = takes_any_facility(bundle_manifest(b));
	read_span(ret);
	find_phase(ret);
	r = context_index_load(b, &ret->context, e);
	if (r < 0)
		return r;
	r = read_trace(ret, &ret->trace_why);
	ret->has_trace = r == 0;
	return r == -ENOMEM ? err_nomem(e) : 0;
}

void recording_done(struct recording *r)
{
	event_table_done(&r->events);
	tracedat_tail_done(&r->tail);
	tracedat_head_done(&r->head);
	free(r->comms);
	context_index_done(&r->context);
	text_free(&r->prologue);
	clocks_done(&r->clocks);
	*r = (struct recording){0};
}
