/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All sources in time order.
 *
 * Called by report.c, once. Packets and kernel log are few: they are read a record at a time, here;
 * the files about the host are a list already.
 * Between two of them the trace feed hands over its millions without asking (trace_feed.c). An
 * event goes straight to the functions that asked for its type, with the fields they named already
 * looked up: a table made once, since ids and formats differ between kernels.
 *
 * Only what somebody asked for is read at all.
 */
#include "feed.h"

#include <errno.h>

#include "format/pcapfile.h"

#define TRIGGER_OFF_NS (10 * NSEC_PER_USEC) /* a cut microsecond, and readings of clocks */
#define PROGRESS_EVERY 4096		    /* events between two looks at how far we are */

struct delivery {
	event_want_fn fn;
	void *self;
	const struct event_field *fields[EVENT_WANT_FIELDS];
};

/* What wants one type of event. */
struct route {
	struct delivery *deliveries;
	size_t count;
};

struct packet_source {
	const struct bundle_stream *stream; /* NULL: nothing to read */
	struct bundle_reader *reader;
	struct pcapfile_reader pcap;
	uint8_t *chunk;
	size_t next, end;
	uint64_t near_ns; /* about when the chunk's packets were */
	bool have;
	struct pcapfile_packet packet;
	uint64_t ns;
	struct tcpflow *flow;
	uint64_t done_bytes;
};

struct log_source {
	const struct bundle_stream *stream;
	struct bundle_reader *reader;
	char *chunk, *at, *stop;
	size_t next, end;
	uint64_t near_ns;
	bool have;
	struct log_line line;
	uint64_t done_bytes;
};

struct context_source {
	bool wanted;
	size_t next; /* of the recording's files */
	bool have;
	const struct context_file *file;
};

struct feed {
	const struct feed_config *config;
	const struct recording *rec;
	struct feed_result *result;

	struct trace_feed *trace;
	struct route *routes; /* [events.count] */
	uint8_t *wanted;
	bool each_event, tally, own_tally;
	struct trace_tally *counts; /* own_tally: [events.count + 1] of .tick */
	uint64_t tick;
	unsigned int since_progress;
	int doing; /* enum feed_source, last said */

	struct packet_source packets;
	struct log_source log;
	struct context_source context;
	uint64_t all_bytes;
};

const char *feed_source_name(enum feed_source s)
{
	static const char *const names[] = {"trace events", "packets", "kernel log", "context"};

	return s < FEED_SOURCES ? names[s] : "?";
}

static void doing(struct feed *f, enum feed_source s)
{
	if (f->config->doing && f->doing != (int)s)
		f->config->doing(f->config->arg, (int)s, feed_source_name(s));
	f->doing = (int)s;
}

static void progress(struct feed *f)
{
	struct trace_feed_totals t = {0};

	f->since_progress = 0;
	if (!f->config->progress)
		return;
	if (f->trace)
		trace_feed_totals(f->trace, &t);
	f->config->progress(f->config->arg,
			    t.bytes_read + f->packets.done_bytes + f->log.done_bytes, f->all_bytes);
}

#define EACH_CLIENT(f, c)                                        \
	for (const struct feed_client *c = (f)->config->clients; \
	     c < (f)->config->clients + (f)->config->client_count; c++)

/* ---- trace events ---- */

static int add_delivery(struct feed *f, const struct event_format *format,
			const struct event_want *want, void *self, struct err *e)
{
	struct route *route = &f->routes[format - f->rec->events.formats];
	struct delivery *more =
		realloc(route->deliveries, (route->count + 1) * sizeof(*route->deliveries));

	if (!more)
		return err_nomem(e);
	route->deliveries = more;
	more += route->count++;
	*more = (struct delivery){.fn = want->fn, .self = self};
	for (size_t i = 0; i < EVENT_WANT_FIELDS && want->fields[i]; i++)
		more->fields[i] = event_field_of(format, want->fields[i]);
	f->wanted[format - f->rec->events.formats] = 1;
	return 0;
}

static int add_routes(struct feed *f, struct err *e)
{
	const struct event_table *t = &f->rec->events;
	int r = 0;

	EACH_CLIENT(f, c)
	{
		for (size_t i = 0; i < c->ops->want_count; i++) {
			const struct event_want *want = &c->ops->wants[i];
			const struct event_format *format =
				event_by_name(t, want->system, want->event);

			for (; r == 0 && format; format = event_next_of_name(t, format))
				r = add_delivery(f, format, want, c->self, e);
		}
		f->each_event |= c->ops->each_event != NULL;
		f->tally |= c->ops->tally != NULL;
	}
	return r;
}

static bool has_event_filter(const struct feed *f)
{
	return f->config->filter.event || f->config->filter.event_types;
}

static int open_trace(struct feed *f, struct err *e)
{
	const struct feed_config *c = f->config;
	const struct event_table *t = &f->rec->events;
	bool any = false;
	int r;

	if (!f->rec->has_trace || c->left_out & 1U << FEED_TRACE)
		return 0;
	f->routes = calloc((size_t)t->count + 1, sizeof(*f->routes));
	f->wanted = calloc((size_t)t->count + 1, 1);
	f->counts = calloc((size_t)t->count + 1, sizeof(*f->counts));
	if (!f->routes || !f->wanted || !f->counts)
		return err_nomem(e);
	r = add_routes(f, e);
	if (r < 0)
		return r;
	/* What the threads count has not been through the filter. */
	f->own_tally = f->tally && has_event_filter(f);
	for (uint32_t i = 0; i < t->count; i++) {
		if (c->filter.event_types)
			f->wanted[i] = (f->wanted[i] || f->each_event || f->own_tally) &&
				       c->filter.event_types[i];
		else
			f->wanted[i] |= f->own_tally;
		any |= f->wanted[i];
	}
	if (!any && !f->each_event && !f->tally)
		return 0;
	return trace_feed_open(
		&(struct trace_feed_config){
			.bundle = f->rec->bundle,
			.events = t,
			.layout = f->rec->layout,
			.from_ns = c->from_ns,
			.to_ns = c->to_ns,
			.wanted = f->each_event && !c->filter.event_types ? NULL : f->wanted,
			.tally = f->tally && !f->own_tally,
			.phase_ns = f->rec->phase_ns,
			.threads = c->threads,
			.cpus = c->filter.cpus,
		},
		&f->trace, e);
}

static void hand_tally(void *arg, const struct trace_tally *t, size_t count)
{
	struct feed *f = arg;

	EACH_CLIENT(f, c)
	if (c->ops->tally)
		c->ops->tally(c->self, t, count);
}

static void flush_own_tally(struct feed *f)
{
	for (uint32_t i = 0; f->counts && i <= f->rec->events.count; i++) {
		if (f->counts[i].count)
			hand_tally(f, &f->counts[i], 1);
		f->counts[i].count = 0;
	}
}

static void count_own(struct feed *f, const struct trace_event *e)
{
	uint64_t tick = recording_tick(f->rec, e->ns);
	uint32_t type = min_of((uint32_t)e->type, f->rec->events.count);
	struct trace_tally *t = &f->counts[type];

	if (e->type == TRACE_TYPE_GAP)
		return;
	if (tick != f->tick) {
		flush_own_tally(f);
		f->tick = tick;
	}
	if (!t->count)
		*t = (struct trace_tally){.tick = tick, .first_ns = e->ns, .type = type};
	t->last_ns = e->ns;
	t->count++;
}

static void hand_event(void *arg, const struct trace_event *e)
{
	struct feed *f = arg;

	if (++f->since_progress == PROGRESS_EVERY)
		progress(f);
	if (f->config->filter.event && e->type != TRACE_TYPE_GAP &&
	    !f->config->filter.event(f->config->filter.arg, e))
		return;
	if (f->own_tally)
		count_own(f, e);
	if (e->type < f->rec->events.count) {
		const struct route *route = &f->routes[e->type];

		for (size_t i = 0; i < route->count; i++) {
			const struct delivery *d = &route->deliveries[i];

			d->fn(d->self, e, d->fields);
		}
	}
	if (f->each_event)
		EACH_CLIENT(f, c)
	if (c->ops->each_event)
		c->ops->each_event(c->self, e);
}

static int run_trace(struct feed *f, uint64_t until_ns, struct err *e)
{
	int r;

	if (!f->trace)
		return 0;
	doing(f, FEED_TRACE);
	r = trace_feed_run(f->trace, until_ns, hand_event, hand_tally, f, e);
	return r < 0 ? r : 0;
}

/* ---- packets ---- */

/*
 * With a filter for greetings a connection is kept back until one that it lets through was seen:
 * its .user says how it began meanwhile. NULL: it is shown.
 */
static enum tcpflow_begin begins[] = {TCPFLOW_BEGIN_SYN, TCPFLOW_BEGIN_MIDSTREAM,
				      TCPFLOW_BEGIN_GREETING};

static void show_connection(struct feed *f, struct tcpflow_connection *k, enum tcpflow_begin how)
{
	k->user = NULL;
	EACH_CLIENT(f, c)
	if (c->ops->begin)
		c->ops->begin(c->self, k, how);
}

static void flow_begin(void *arg, struct tcpflow_connection *k, enum tcpflow_begin how)
{
	struct feed *f = arg;

	if (f->config->filter.greeting)
		k->user = &begins[how];
	else
		show_connection(f, k, how);
}

/* Is it shown, now or since before? */
static bool greets(struct feed *f, struct tcpflow_connection *k, const struct tcpflow_message *m)
{
	struct wire_greeting g;

	if (!k->user)
		return true;
	if (m->header.command != WIRE_GREETING ||
	    !wire_greeting_parse(m->data, m->data_bytes, &g) ||
	    !f->config->filter.greeting(f->config->filter.arg, &g))
		return false;
	show_connection(f, k, *(enum tcpflow_begin *)k->user);
	return true;
}

static void flow_message(void *arg, struct tcpflow_connection *k, const struct tcpflow_message *m)
{
	struct feed *f = arg;

	if (!greets(f, k, m))
		return;
	if (f->config->filter.message &&
	    !f->config->filter.message(f->config->filter.arg, &m->header))
		return;
	EACH_CLIENT(f, c)
	if (c->ops->message)
		c->ops->message(c->self, k, m);
}

static void flow_gap(void *arg, struct tcpflow_connection *k, const struct tcpflow_gap *g)
{
	struct feed *f = arg;

	if (k->user)
		return;
	EACH_CLIENT(f, c)
	if (c->ops->gap)
		c->ops->gap(c->self, k, g);
}

static void flow_end(void *arg, struct tcpflow_connection *k, uint64_t ns, enum tcpflow_end how)
{
	struct feed *f = arg;

	if (k->user)
		return;
	EACH_CLIENT(f, c)
	if (c->ops->end)
		c->ops->end(c->self, k, ns, how);
}

static const struct tcpflow_ops flow_ops = {
	.begin = flow_begin, .message = flow_message, .gap = flow_gap, .end = flow_end};

static bool wants_packets(const struct feed *f)
{
	EACH_CLIENT(f, c)
	if (c->ops->begin || c->ops->message || c->ops->gap || c->ops->end || c->ops->datagram ||
	    c->ops->packet)
		return true;
	return false;
}

static int open_packets(struct feed *f, struct err *e)
{
	const struct bundle_stream *s = bundle_stream(f->rec->bundle, CHUNK_PACKETS, 0);
	CLEANUP(text_free) struct text head = {0};
	struct packet_source *p = &f->packets;
	uint64_t from = f->config->from_ns, to = f->config->to_ns;
	int r;

	if (!s || !wants_packets(f) || f->config->left_out & 1U << FEED_PACKETS)
		return 0;
	r = bundle_prologue(f->rec->bundle, "packets.pcap", &head, &f->result->packets_why);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(e) : 0;
	p->chunk = malloc((size_t)s->raw_max + 1);
	if (!p->chunk)
		return err_nomem(e);
	r = bundle_reader_new(&p->reader, e);
	if (r < 0)
		return r;
	p->flow = tcpflow_new(&(struct tcpflow_config){.servers = &f->rec->server,
						       .server_count = f->rec->has_server},
			      &flow_ops, f, e);
	if (!p->flow)
		return -ENOMEM;
	pcapfile_feed(&p->pcap, (const uint8_t *)head.s, head.len);
	/* Only the header: takes it, and has no packet to give. */
	r = pcapfile_next(&p->pcap, &p->packet, &f->result->packets_why);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(e) : 0;
	p->stream = s;
	p->end = s->count;
	if (!s->real_time)
		bundle_stream_window(s, from, to, &p->next, &p->end);
	for (size_t i = p->next; i < p->end; i++)
		f->all_bytes += s->chunks[i].raw_bytes;
	return 0;
}

static bool next_packet_chunk(struct feed *f)
{
	struct packet_source *p = &f->packets;

	while (p->next < p->end) {
		const struct bundle_chunk *c = &p->stream->chunks[p->next++];

		p->done_bytes += c->raw_bytes;
		p->near_ns = c->first_ns;
		if (p->stream->real_time)
			p->near_ns = f->rec->trigger_ns;
		if (bundle_chunk_read(f->rec->bundle, c, p->reader, p->chunk, p->stream->raw_max,
				      NULL) == 0) {
			pcapfile_feed(&p->pcap, p->chunk, c->raw_bytes);
			return true;
		}
		f->result->chunks_damaged++;
	}
	return false;
}

/* The next packet of the window into .packet and .ns, or .have is false. */
static void next_packet(struct feed *f)
{
	struct packet_source *p = &f->packets;
	int r = 0;

	p->have = false;
	while (p->stream && !p->have) {
		r = pcapfile_next(&p->pcap, &p->packet, &f->result->packets_why);
		if (r < 0 || (r == 0 && !next_packet_chunk(f))) {
			p->stream = NULL;
			return;
		}
		if (r == 0)
			continue;
		/* Without anchors a packet's own time is the best there is. */
		if (!clocks_mono_of_real(&f->rec->clocks, p->packet.real_ns, p->near_ns, &p->ns))
			p->ns = p->packet.real_ns;
		p->have = p->ns >= f->config->from_ns && p->ns <= f->config->to_ns;
	}
}

static void take_datagram(struct feed *f, const struct wire_packet *w)
{
	struct datagram d = {
		.ns = f->packets.ns, .source = w->source, .destination = w->destination};

	if (!wire_quorum_parse(w->payload, w->payload_bytes, &d.quorum))
		return;
	EACH_CLIENT(f, c)
	if (c->ops->datagram)
		c->ops->datagram(c->self, &d);
}

static void show_packet(struct feed *f)
{
	const struct pcapfile_packet *k = &f->packets.packet;
	const struct captured_packet p = {.ns = f->packets.ns,
					  .real_ns = k->real_ns,
					  .bytes = k->bytes,
					  .captured = k->captured,
					  .on_wire = k->on_wire};

	EACH_CLIENT(f, c)
	if (c->ops->packet)
		c->ops->packet(c->self, &p);
}

static void take_packet(struct feed *f)
{
	struct packet_source *p = &f->packets;
	struct wire_packet w;
	bool readable =
		wire_packet_parse(p->pcap.link_type, p->packet.bytes, p->packet.captured, &w);

	f->result->packets++;
	f->result->packets_unreadable += !readable;
	if (f->config->filter.connection &&
	    (!readable ||
	     !f->config->filter.connection(f->config->filter.arg, &w.source, &w.destination)))
		return;
	show_packet(f);
	if (!readable)
		return;
	/* Who asks for commands of messages does not mean the quorum's. */
	if (w.transport == WIRE_UDP && !f->config->filter.message)
		take_datagram(f, &w);
	else if (w.transport == WIRE_TCP)
		tcpflow_packet(p->flow, p->ns, &w);
}

/* ---- kernel log ---- */

static bool wants_log(const struct feed *f)
{
	EACH_CLIENT(f, c)
	if (c->ops->log)
		return true;
	return false;
}

static int open_log(struct feed *f, struct err *e)
{
	const struct bundle_stream *s = bundle_stream(f->rec->bundle, CHUNK_KMSG, 0);
	struct log_source *l = &f->log;
	int r;

	if (!s || !wants_log(f) || f->config->left_out & 1U << FEED_LOG)
		return 0;
	l->chunk = malloc((size_t)s->raw_max + 1);
	if (!l->chunk)
		return err_nomem(e);
	r = bundle_reader_new(&l->reader, e);
	if (r < 0)
		return r;
	l->stream = s;
	l->end = s->count;
	if (!s->real_time)
		bundle_stream_window(s, f->config->from_ns, f->config->to_ns, &l->next, &l->end);
	for (size_t i = l->next; i < l->end; i++)
		f->all_bytes += s->chunks[i].raw_bytes;
	return 0;
}

static bool next_log_chunk(struct feed *f)
{
	struct log_source *l = &f->log;

	while (l->next < l->end) {
		const struct bundle_chunk *c = &l->stream->chunks[l->next++];

		l->done_bytes += c->raw_bytes;
		l->near_ns = l->stream->real_time ? f->rec->trigger_ns : c->first_ns;
		if (bundle_chunk_read(f->rec->bundle, c, l->reader, l->chunk, l->stream->raw_max,
				      NULL) == 0) {
			l->at = l->chunk;
			l->stop = l->chunk + c->raw_bytes;
			return true;
		}
		f->result->chunks_damaged++;
	}
	return false;
}

/*
 * The recorder noted the stamp of the record that fired to the nanosecond; the log has it cut to
 * the microsecond. It is one moment, and so it is shown everywhere.
 */
static bool is_trigger(const struct recording *r, const struct log_line *l)
{
	uint64_t off = l->ns > r->trigger_ns ? l->ns - r->trigger_ns : r->trigger_ns - l->ns;
	size_t n = r->triggered ? strlen(r->trigger_text) : 0;

	return n && off <= TRIGGER_OFF_NS && l->bytes >= n &&
	       memcmp(l->text, r->trigger_text, n) == 0;
}

static bool take_line(struct feed *f, char *line, size_t n)
{
	struct log_source *l = &f->log;
	struct kmsg_record k;
	uint64_t real;

	if (kmsg_line_parse(line, n, &k, &real) < 0) {
		f->result->log_unreadable++;
		return false;
	}
	l->line = (struct log_line){
		.level = k.level,
		.facility = k.facility,
		.foreign = k.facility != 0 && !f->rec->any_facility,
		.text = k.text,
		.bytes = k.text_bytes,
	};
	if (!clocks_mono_of_real(&f->rec->clocks, real, l->near_ns, &l->line.ns))
		l->line.ns = real;
	if (is_trigger(f->rec, &l->line))
		l->line.ns = f->rec->trigger_ns;
	return l->line.ns >= f->config->from_ns && l->line.ns <= f->config->to_ns;
}

static void next_line(struct feed *f)
{
	struct log_source *l = &f->log;

	l->have = false;
	while (l->stream && !l->have) {
		char *line = l->at, *end;

		if (!line || line >= l->stop) {
			if (!next_log_chunk(f))
				l->stream = NULL;
			continue;
		}
		end = memchr(line, '\n', (size_t)(l->stop - line));
		end = end ? end : l->stop;
		l->at = end + 1;
		l->have = take_line(f, line, (size_t)(end - line));
	}
}

static void take_log(struct feed *f)
{
	f->result->log_lines++;
	EACH_CLIENT(f, c)
	if (c->ops->log)
		c->ops->log(c->self, &f->log.line);
}

/* ---- context ---- */

static bool wants_context(const struct feed *f)
{
	EACH_CLIENT(f, c)
	if (c->ops->context)
		return true;
	return false;
}

/* The next file of the window into .file, or .have is false. */
static void next_context(struct feed *f)
{
	const struct context_index *index = &f->rec->context;
	struct context_source *s = &f->context;

	s->have = false;
	while (s->wanted && !s->have && s->next < index->count) {
		s->file = &index->files[s->next++];
		s->have = s->file->ns >= f->config->from_ns && s->file->ns <= f->config->to_ns;
	}
}

static void take_context(struct feed *f)
{
	f->result->context_files++;
	EACH_CLIENT(f, c)
	if (c->ops->context)
		c->ops->context(c->self, f->context.file);
}

/* ---- the pass ---- */

static int open_sources(struct feed *f, struct err *e)
{
	int r;

	doing(f, FEED_TRACE);
	r = open_trace(f, e);
	if (r == 0) {
		doing(f, FEED_PACKETS);
		r = open_packets(f, e);
	}
	if (r == 0) {
		doing(f, FEED_LOG);
		r = open_log(f, e);
	}
	f->context.wanted = wants_context(f) && !(f->config->left_out & 1U << FEED_CONTEXT);
	if (r == 0 && f->trace) {
		struct trace_feed_totals t;

		trace_feed_totals(f->trace, &t);
		f->all_bytes += t.bytes_all;
	}
	f->result->read = (f->trace ? 1U << FEED_TRACE : 0) |
			  (f->packets.stream ? 1U << FEED_PACKETS : 0) |
			  (f->log.stream ? 1U << FEED_LOG : 0);
	return r;
}

/* Which of the few comes next, and when; FEED_TRACE: none is left. */
static enum feed_source earliest(const struct feed *f, uint64_t *ret_ns)
{
	enum feed_source found = FEED_TRACE;

	*ret_ns = UINT64_MAX;
	if (f->packets.have) {
		found = FEED_PACKETS;
		*ret_ns = f->packets.ns;
	}
	if (f->log.have && (!found || f->log.line.ns < *ret_ns)) {
		found = FEED_LOG;
		*ret_ns = f->log.line.ns;
	}
	if (f->context.have && (!found || f->context.file->ns < *ret_ns)) {
		found = FEED_CONTEXT;
		*ret_ns = f->context.file->ns;
	}
	return found;
}

/* Show the record of @s that is next, and look for the one behind it. */
static void take_next(struct feed *f, enum feed_source s)
{
	doing(f, s);
	if (s == FEED_PACKETS) {
		take_packet(f);
		next_packet(f);
	} else if (s == FEED_LOG) {
		take_log(f);
		next_line(f);
	} else {
		take_context(f);
		next_context(f);
	}
	if (++f->since_progress >= PROGRESS_EVERY)
		progress(f);
}

static int merge(struct feed *f, struct err *e)
{
	enum feed_source s;
	uint64_t ns;
	int r = 0;

	next_packet(f);
	next_line(f);
	next_context(f);
	while (r == 0 && (s = earliest(f, &ns)) != FEED_TRACE) {
		r = run_trace(f, ns, e);
		if (r == 0)
			take_next(f, s);
	}
	if (r == 0)
		r = run_trace(f, UINT64_MAX, e);
	if (r == 0 && f->own_tally)
		flush_own_tally(f);
	if (r == 0 && f->packets.flow) {
		doing(f, FEED_PACKETS);
		tcpflow_finish(f->packets.flow);
	}
	return r;
}

static void feed_done(struct feed *f)
{
	for (uint32_t i = 0; f->routes && i < f->rec->events.count; i++)
		free(f->routes[i].deliveries);
	free(f->routes);
	free(f->wanted);
	free(f->counts);
	trace_feed_free(f->trace);
	tcpflow_free(f->packets.flow);
	pcapfile_done(&f->packets.pcap);
	bundle_reader_free(f->packets.reader);
	bundle_reader_free(f->log.reader);
	free(f->packets.chunk);
	free(f->log.chunk);
}

/**
 * feed_run() - show a recording to analyses
 * @c:   borrowed
 * @ret: what was read, and what could not be
 * @e:   filled on failure
 *
 * Damage is no failure: what can be read is fed.
 *
 * Return: 0 or -ENOMEM.
 */
int feed_run(const struct feed_config *c, struct feed_result *ret, struct err *e)
{
	CLEANUP(feed_done)
	struct feed f = {.config = c, .rec = c->recording, .result = ret, .doing = -1};
	int r;

	*ret = (struct feed_result){.left_out = c->left_out};
	r = open_sources(&f, e);
	if (r == 0)
		r = merge(&f, e);
	progress(&f);
	if (f.trace)
		trace_feed_totals(f.trace, &ret->trace);
	if (f.packets.flow)
		ret->flow = *tcpflow_stats(f.packets.flow);
	return r;
}
