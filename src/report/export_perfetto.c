/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Export `perfetto`: the recording as Chrome's trace-event JSON, which ui.perfetto.dev and
 * chrome://tracing open.
 *
 * Processes of the file are not those of the host but what a person looks at: the recording itself
 * (trigger, suspects, losses, counters), the kernel log, TCP connections, waits for locks (a thread
 * each), the quorum, and for each client and server, at each place where they were seen, their
 * requests. A request is an async span from its message to its answer's (calls.c finds which is
 * which); one that is not answered ends where the recording does, and says so.
 *
 * Times are microseconds from the first thing that was recorded, whatever the window is, so that
 * exports of one recording can be laid beside each other; otherData has where that is on the host's
 * clocks. Nothing is kept but what has begun and not ended, within limits; see export_lines.c for
 * the order.
 */
#include "export.h"

#include <inttypes.h>

#include "base/json.h"

#include "calls.h"
#include "export_lines.h"
#include "netevent.h"
#include "pairs.h"

#define BUCKET_NS (100 * NSEC_PER_MSEC) /* of counters */
#define NAME_BYTES 160			/* of a kernel-log line: the whole is in its args */
#define MARKS_MAX 10000

enum { PID_RECORDING = 1, PID_LOG, PID_CONNECTIONS, PID_LOCKS, PID_QUORUM, PID_SESSIONS = 100 };

enum seen { SEEN_PACKETS, SEEN_SENT, SEEN_RECEIVED, SEEN_KINDS };
static const char *const seen_names[] = {"packets", "sent", "received"};

struct perfetto {
	const struct recording *rec;
	uint64_t from_ns, to_ns, start_ns, last_ns;
	struct export_lines lines;
	struct text text; /* of the line at hand */
	struct json_writer w;

	struct calls calls;
	uint64_t pending[CALLS_VIEWS];
	struct pairs waits;   /* by tid; .more: which lock */
	struct pairs threads; /* tids that have waited */
	uint64_t terms[SEEN_KINDS];
	bool term_known[SEEN_KINDS];

	uint64_t bucket; /* from start_ns */
	uint64_t events, packet_messages, event_messages;

	uint64_t bad_events, tcp_gaps, tcp_gap_bytes;
};

/* ---- lines ---- */

static uint64_t since_start(const struct perfetto *p, uint64_t ns)
{
	return ns > p->start_ns ? ns - p->start_ns : 0;
}

/* An event of the file, up to its args; end_line() it. */
static struct json_writer *begin_line(struct perfetto *p, const char *phase, uint64_t ns,
				      uint64_t pid, uint64_t tid, const char *category,
				      const char *name)
{
	struct json_writer *w = &p->w;

	text_reset(&p->text);
	json_begin(w, &p->text, false);
	json_object(w);
	json_kv_str(w, "ph", phase);
	json_key(w, "ts");
	json_thousandths(w, since_start(p, ns));
	json_kv_u64(w, "pid", pid);
	json_kv_u64(w, "tid", tid);
	if (category)
		json_kv_str(w, "cat", category);
	if (name)
		json_kv_str(w, "name", name);
	return w;
}

static void begin_args(struct json_writer *w)
{
	json_key(w, "args");
	json_object(w);
}

/* @depth: objects that are open within the line's own. */
static void end_line(struct perfetto *p, uint64_t ns, int depth)
{
	while (depth-- >= 0)
		json_object_end(&p->w);
	p->lines.failed |= !text_ok(&p->text);
	lines_add(&p->lines, ns, text_c(&p->text), p->text.len);
}

static struct json_writer *begin_instant(struct perfetto *p, const char *scope, uint64_t ns,
					 uint64_t pid, uint64_t tid, const char *category,
					 const char *name)
{
	struct json_writer *w = begin_line(p, "i", ns, pid, tid, category, name);

	json_kv_str(w, "s", scope);
	begin_args(w);
	return w;
}

static void kv_hex(struct json_writer *w, const char *key, uint64_t v)
{
	char buf[24];

	(void)snprintf(buf, sizeof(buf), "%016" PRIx64, v);
	json_kv_str(w, key, buf);
}

/* What names a process or a thread; it has no time, and any place in the file will do. */
static void name_track(struct perfetto *p, const char *what, uint64_t pid, uint64_t tid,
		       const char *name, size_t n)
{
	struct json_writer *w = &p->w;

	text_reset(&p->text);
	json_begin(w, &p->text, false);
	json_object(w);
	json_kv_str(w, "ph", "M");
	json_kv_str(w, "name", what);
	json_kv_u64(w, "pid", pid);
	json_kv_u64(w, "tid", tid);
	begin_args(w);
	json_key(w, "name");
	json_str_n(w, name, n);
	end_line(p, p->last_ns, 1);
}

/* ---- counters ---- */

static void put_counter(struct perfetto *p, uint64_t ns, const char *name, const char *const *keys,
			const uint64_t *values, size_t count)
{
	struct json_writer *w = begin_line(p, "C", ns, PID_RECORDING, 0, NULL, name);

	begin_args(w);
	for (size_t i = 0; i < count; i++)
		json_kv_u64(w, keys[i], values[i]);
	end_line(p, ns, 1);
}

static void put_counters(struct perfetto *p, uint64_t bucket)
{
	static const char *const events[] = {"events"}, *const messages[] = {"packets", "trace"},
				 *const views[] = {"packets", "client", "server"};
	const uint64_t a_second = NSEC_PER_SEC / BUCKET_NS;
	const uint64_t rates[] = {p->packet_messages * a_second, p->event_messages * a_second};
	uint64_t ns = p->start_ns + bucket * BUCKET_NS;

	put_counter(p, ns, "trace events/s", events, &(uint64_t){p->events * a_second}, 1);
	put_counter(p, ns, "messages/s", messages, rates, ARRAY_SIZE(rates));
	put_counter(p, ns, "unanswered requests", views, p->pending, CALLS_VIEWS);
	p->events = p->packet_messages = p->event_messages = 0;
}

/* Something happens now. */
static void advance(struct perfetto *p, uint64_t ns)
{
	uint64_t bucket = since_start(p, ns) / BUCKET_NS;

	p->last_ns = max_of(p->last_ns, ns);
	if (bucket <= p->bucket)
		return;
	put_counters(p, p->bucket);
	if (bucket > p->bucket + 1)
		put_counters(p, p->bucket + 1); /* nothing, until now */
	p->bucket = bucket;
}

/* ---- requests ---- */

static struct json_writer *begin_request(struct perfetto *p, const char *phase, uint64_t ns,
					 const struct calls_pending *k, const char *name)
{
	struct json_writer *w = begin_line(p, phase, ns, PID_SESSIONS + k->session, 0, "rpc", name);
	char id[64];

	(void)snprintf(id, sizeof(id), "%" PRIu32 ".%u.%u.%" PRIu64, k->session,
		       (unsigned int)k->side, (unsigned int)k->epoch, k->id);
	json_kv_str(w, "id", id);
	return w;
}

static void request_name(const struct calls_pending *k, char name[64])
{
	(void)snprintf(name, 64, "%s%s", wire_command_name(k->command),
		       k->side == CALLS_BY_SERVER ? " of the server" : "");
}

static void request_begun(void *arg, const struct calls_pending *k)
{
	struct perfetto *p = arg;
	struct json_writer *w;
	char name[64];

	request_name(k, name);
	w = begin_request(p, "b", k->ns, k, name);
	begin_args(w);
	json_kv_u64(w, "id", k->id);
	json_kv_u64(w, "seq", k->seq);
	end_line(p, k->ns, 1);
	p->pending[p->calls.sessions[k->session].view]++;
}

/* @mark: shown within the span; NULL: all went well. */
static void end_request(struct perfetto *p, uint64_t ns, const struct calls_pending *k,
			const char *status, const char *mark)
{
	struct json_writer *w;
	char name[64];

	if (mark) {
		(void)begin_request(p, "n", ns, k, mark);
		end_line(p, ns, 0);
	}
	request_name(k, name);
	w = begin_request(p, "e", ns, k, name);
	begin_args(w);
	json_kv_str(w, "status", status);
	end_line(p, ns, 1);
	p->pending[p->calls.sessions[k->session].view]--;
}

static void request_done(void *arg, const struct calls_done *d)
{
	struct perfetto *p = arg;
	const struct calls_pending k = {.id = d->id,
					.ns = d->sent_ns,
					.session = (uint32_t)(d->session - p->calls.sessions),
					.epoch = d->session->side[d->asker].epoch,
					.side = (uint8_t)d->asker,
					.command = d->command};
	char mark[64];

	(void)snprintf(mark, sizeof(mark), "failed: %s", wire_error_name(d->error));
	end_request(p, d->sent_ns + d->latency_ns, &k, d->error ? "failed" : "finished",
		    d->error ? mark : NULL);
}

static void request_dropped(void *arg, const struct calls_pending *k)
{
	struct perfetto *p = arg;

	end_request(p, max_of(p->last_ns, k->ns), k, "not known", "its answer cannot be told");
}

static void end_pending(struct perfetto *p)
{
	for (uint32_t i = 0; i < p->calls.pending_size; i++)
		if (p->calls.pending[i].sent)
			end_request(p, max_of(p->last_ns, p->calls.pending[i].ns),
				    &p->calls.pending[i], "pending", "not answered");
}

static void see_message(void *self, const struct tcpflow_connection *c,
			const struct tcpflow_message *m)
{
	struct perfetto *p = self;
	struct calls_seen s;

	advance(p, m->last_ns);
	p->packet_messages++;
	calls_see_packet(&p->calls, c, m, &s);
	calls_message(&p->calls, &s);
}

static void see_message_event(struct perfetto *p, const struct trace_event *e, event_fields f,
			      bool sent)
{
	struct wire_message m;
	struct calls_seen s;

	advance(p, e->ns);
	p->event_messages++;
	if (!calls_see_event(&p->calls, e, f, sent, &m, &s))
		p->bad_events++;
	else if (s.pair == UINT32_MAX)
		p->calls.untracked++;
	else
		calls_message(&p->calls, &s);
}

static void see_send(void *self, const struct trace_event *e, event_fields f)
{
	see_message_event(self, e, f, true);
}

static void see_receive(void *self, const struct trace_event *e, event_fields f)
{
	see_message_event(self, e, f, false);
}

static void name_sessions(struct perfetto *p)
{
	static const char *const views[] = {"in packets", "by the client", "by the server"};
	char client[64], server[64], name[256], rid[48] = "";

	for (uint32_t i = 0; i < p->calls.session_count; i++) {
		const struct calls_session *s = &p->calls.sessions[i];

		if (s->client_rid)
			(void)snprintf(rid, sizeof(rid), " (rid %016" PRIx64 ")", s->client_rid);
		else
			*rid = '\0';
		(void)snprintf(name, sizeof(name), "requests: client %s%s, server %s, seen %s",
			       wire_addr_format(&s->pair->client, client, sizeof(client)), rid,
			       wire_addr_format(&s->pair->server, server, sizeof(server)),
			       views[s->view]);
		name_track(p, "process_name", PID_SESSIONS + i, 0, name, strlen(name));
	}
}

/* ---- connections ---- */

static struct json_writer *begin_connection(struct perfetto *p, const char *phase, uint64_t ns,
					    const struct tcpflow_connection *c)
{
	char a[64], b[64], name[160], id[32];
	struct json_writer *w;

	(void)snprintf(name, sizeof(name), "%s > %s", wire_addr_format(&c->ends[0], a, sizeof(a)),
		       wire_addr_format(&c->ends[1], b, sizeof(b)));
	(void)snprintf(id, sizeof(id), "tcp.%" PRIu64, c->number);
	w = begin_line(p, phase, ns, PID_CONNECTIONS, 0, "connection", name);
	json_kv_str(w, "id", id);
	begin_args(w);
	return w;
}

static void see_begin(void *self, const struct tcpflow_connection *c, enum tcpflow_begin how)
{
	struct perfetto *p = self;

	advance(p, c->begin_ns);
	json_kv_str(begin_connection(p, "b", c->begin_ns, c), "began", tcpflow_begin_name(how));
	end_line(p, c->begin_ns, 1);
}

static void see_end(void *self, const struct tcpflow_connection *c, uint64_t ns,
		    enum tcpflow_end how)
{
	struct perfetto *p = self;

	ns = max_of(ns, c->begin_ns);
	advance(p, ns);
	json_kv_str(begin_connection(p, "e", ns, c), "ended", tcpflow_end_name(how));
	end_line(p, ns, 1);
}

static void see_gap(void *self, const struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	struct perfetto *p = self;
	struct json_writer *w;
	char a[64];

	advance(p, g->last_ns);
	p->tcp_gaps++;
	p->tcp_gap_bytes += g->bytes;
	w = begin_instant(p, "p", g->first_ns, PID_CONNECTIONS, 0, "gap", "unread TCP data");
	json_kv_str(w, "sender", wire_addr_format(&c->ends[g->from], a, sizeof(a)));
	json_kv_str(w, "reason", tcpflow_reason_name(g->reason));
	json_kv_u64(w, "bytes", g->bytes);
	end_line(p, g->first_ns, 1);
}

/* ---- waits for locks ---- */

enum lock_field { F_PID, F_RID, F_ZONE, F_FIRST, F_TYPE, F_SECOND, F_THIRD, F_FOURTH, F_MODE };
#define LOCK_FIELDS                                                                             \
	{                                                                                       \
		"common_pid", "rid", "start_zone", "start_first", "start_type", "start_second", \
			"start_third", "start_fourth", "mode"                                   \
	}

static uint64_t lock_of(const struct trace_event *e, event_fields f, struct wire_key *ret)
{
	uint64_t hash = netevent_number(e, f[F_RID]);

	*ret = (struct wire_key){.first = netevent_number(e, f[F_FIRST]),
				 .second = netevent_number(e, f[F_SECOND]),
				 .third = netevent_number(e, f[F_THIRD]),
				 .zone = (uint8_t)netevent_number(e, f[F_ZONE]),
				 .type = (uint8_t)netevent_number(e, f[F_TYPE]),
				 .fourth = (uint8_t)netevent_number(e, f[F_FOURTH])};
	hash += (uint64_t)ret->zone << 16 | (uint64_t)ret->type << 8 | ret->fourth;
	return pairs_mix(pairs_mix(pairs_mix(hash, ret->first), ret->second), ret->third);
}

static void end_wait(struct perfetto *p, uint64_t ns, uint64_t tid, const char *status)
{
	struct json_writer *w = begin_line(p, "E", ns, PID_LOCKS, tid, "lock", NULL);

	begin_args(w);
	json_kv_str(w, "status", status);
	end_line(p, ns, 1);
}

static void begin_wait(struct perfetto *p, const struct trace_event *e, event_fields f,
		       uint64_t tid, const struct wire_key *key)
{
	struct json_writer *w;
	char name[96];

	w = begin_line(p, "B", e->ns, PID_LOCKS, tid, "lock",
		       wire_key_format(key, name, sizeof(name)));
	begin_args(w);
	kv_hex(w, "rid", netevent_number(e, f[F_RID]));
	end_line(p, e->ns, 1);
	if (!pairs_find(&p->threads, tid))
		(void)pairs_add(&p->threads, tid, e->ns);
}

static void see_wait(void *self, const struct trace_event *e, event_fields f)
{
	struct perfetto *p = self;
	uint64_t tid = netevent_number(e, f[F_PID]), lock;
	struct wire_key key;
	struct pair *wait = pairs_find(&p->waits, tid);

	advance(p, e->ns);
	lock = lock_of(e, f, &key);
	if (wait && wait->more == lock)
		return; /* woken, but it was not its turn */
	if (wait)
		end_wait(p, e->ns, tid, "not known: given up, or the event was lost");
	else
		wait = pairs_add(&p->waits, tid, e->ns);
	if (!wait)
		return;
	wait->more = lock;
	begin_wait(p, e, f, tid, &key);
}

static void see_locked(void *self, const struct trace_event *e, event_fields f)
{
	struct perfetto *p = self;
	uint64_t tid = netevent_number(e, f[F_PID]);
	struct wire_key key;
	struct pair *wait = pairs_find(&p->waits, tid);

	advance(p, e->ns);
	if (!wait)
		return;
	end_wait(p, e->ns, tid,
		 wait->more == lock_of(e, f, &key) ? "locked"
						   : "not known: given up, or the event was lost");
	pairs_remove(&p->waits, wait);
}

static void end_waits(struct perfetto *p)
{
	char number[24];

	for (uint32_t i = 0; i < p->waits.room; i++)
		if (p->waits.slots[i].used)
			end_wait(p, max_of(p->last_ns, p->waits.slots[i].ns), p->waits.slots[i].key,
				 "still waiting");
	for (uint32_t i = 0; i < p->threads.room; i++) {
		uint64_t tid = p->threads.slots[i].key;
		const struct comm *c = recording_comm(p->rec, (uint32_t)tid);

		if (!p->threads.slots[i].used)
			continue;
		(void)snprintf(number, sizeof(number), "%" PRIu64, tid);
		name_track(p, "thread_name", PID_LOCKS, tid, c ? c->name : number,
			   c ? c->bytes : strlen(number));
	}
}

/* ---- quorum ---- */

static void see_quorum(struct perfetto *p, enum seen seen, uint64_t ns, unsigned int type,
		       uint64_t term, int64_t slot)
{
	bool heartbeat = type == WIRE_HEARTBEAT;
	struct json_writer *w;
	char name[96];

	advance(p, ns);
	if (heartbeat && p->term_known[seen] && p->terms[seen] == term)
		return;
	if (heartbeat) {
		p->terms[seen] = term;
		p->term_known[seen] = true;
	}
	(void)snprintf(name, sizeof(name), "%s%s, term %" PRIu64, heartbeat ? "first " : "",
		       wire_quorum_type_name(type), term);
	w = begin_instant(p, "t", ns, PID_QUORUM, seen, "quorum", name);
	json_kv_u64(w, "term", term);
	if (slot >= 0)
		json_kv_i64(w, "slot", slot);
	end_line(p, ns, 1);
}

static void see_datagram(void *self, const struct datagram *d)
{
	see_quorum(self, SEEN_PACKETS, d->ns, d->quorum.type, d->quorum.term, d->quorum.from);
}

enum { Q_TERM, Q_TYPE, Q_NR };

static void see_quorum_event(struct perfetto *p, const struct trace_event *e, event_fields f,
			     enum seen seen)
{
	int64_t slot = -1;

	/* Of a message that is sent it is whom a vote is for. */
	if (seen == SEEN_RECEIVED)
		(void)event_field_i64(f[Q_NR], e->data, e->bytes, &slot);
	see_quorum(p, seen, e->ns,
		   (unsigned int)min_of(netevent_number(e, f[Q_TYPE]), (uint64_t)UINT8_MAX),
		   netevent_number(e, f[Q_TERM]), slot);
}

static void see_quorum_sent(void *self, const struct trace_event *e, event_fields f)
{
	see_quorum_event(self, e, f, SEEN_SENT);
}

static void see_quorum_received(void *self, const struct trace_event *e, event_fields f)
{
	see_quorum_event(self, e, f, SEEN_RECEIVED);
}

/* ---- the rest ---- */

static void see_event(void *self, const struct trace_event *e)
{
	struct perfetto *p = self;
	struct json_writer *w;

	advance(p, e->ns);
	if (e->type != TRACE_TYPE_GAP) {
		p->events++;
		return;
	}
	w = begin_instant(p, "p", e->ns, PID_RECORDING, 0, "gap", "trace events lost");
	json_kv_u64(w, "cpu", e->cpu);
	if (e->bytes)
		json_kv_u64(w, "events", e->bytes);
	end_line(p, e->ns, 1);
}

static void see_log(void *self, const struct log_line *l)
{
	struct perfetto *p = self;
	struct json_writer *w;
	char name[NAME_BYTES];

	if (l->ns < p->start_ns)
		return; /* its backlog */
	advance(p, l->ns);
	(void)snprintf(name, sizeof(name), "%.*s", (int)min_of(l->bytes, (size_t)NAME_BYTES - 1),
		       l->text);
	w = begin_instant(p, "t", l->ns, PID_LOG, min_of(l->level, 7U), "log", name);
	json_kv_str(w, "level", kmsg_level_name(min_of(l->level, 7U)));
	json_kv_bool(w, "from_kernel", l->facility == 0);
	json_key(w, "text");
	json_str_n(w, l->text, l->bytes);
	end_line(p, l->ns, 1);
}

static void put_mark(struct perfetto *p, uint64_t ns, const char *what, const char *trigger,
		     const char *text)
{
	struct json_writer *w;
	char name[NAME_BYTES];

	if (ns < p->from_ns || ns > p->to_ns)
		return;
	(void)snprintf(name, sizeof(name), "%s: %s", what, trigger);
	w = begin_instant(p, "g", ns, PID_RECORDING, 0, what, name);
	json_kv_str(w, "text", text);
	end_line(p, ns, 1);
}

static void put_losses(struct perfetto *p, const struct json_value *source)
{
	const struct json_value *gaps = json_get(source, "gaps");
	size_t count = 0;

	for (const struct json_value *g = gaps ? gaps->child : NULL; g && count++ < MARKS_MAX;
	     g = g->next) {
		uint64_t ns = json_get_u64(g, "from_monotonic_ns", 0);
		struct json_writer *w;

		if (ns < max_of(p->from_ns, p->start_ns) || ns > p->to_ns)
			continue;
		w = begin_instant(p, "p", ns, PID_RECORDING, 0, "gap",
				  json_get_str(g, "reason", "lost"));
		json_kv_str(w, "source", json_get_str(source, "name", ""));
		json_kv_str(w, "kind", json_get_str(g, "kind", ""));
		json_kv_u64(w, "count", json_get_u64(g, "count", 0));
		json_kv_u64(w, "to_monotonic_ns", json_get_u64(g, "to_monotonic_ns", ns));
		end_line(p, ns, 1);
	}
}

static void put_marks(struct perfetto *p)
{
	const struct json_value *m = bundle_manifest(p->rec->bundle),
				*suspects = json_get(m, "suspects"),
				*sources = json_get(m, "sources");
	size_t count = 0;

	if (p->rec->triggered)
		put_mark(p, p->rec->trigger_ns, "trigger", p->rec->trigger, p->rec->trigger_text);
	for (const struct json_value *v = suspects ? suspects->child : NULL;
	     v && count++ < MARKS_MAX; v = v->next)
		put_mark(p, json_get_u64(v, "monotonic_ns", 0), "suspect",
			 json_get_str(v, "trigger", ""), json_get_str(v, "text", ""));
	for (const struct json_value *v = sources ? sources->child : NULL; v; v = v->next)
		put_losses(p, v);
}

/* ---- the file ---- */

static void write_about(struct perfetto *p, struct json_writer *w)
{
	static const char *const keys[] = {"host", "kernel", "scoutfs_version", "tool_version",
					   "server"};
	const struct json_value *m = bundle_manifest(p->rec->bundle);
	uint64_t real;
	char buf[64];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_kv_str(w, keys[i], json_get_str(m, keys[i], NULL));
	(void)snprintf(buf, sizeof(buf), "%" PRIu64, p->start_ns);
	json_kv_str(w, "start_monotonic_ns", buf);
	if (clocks_real_of_mono(&p->rec->clocks, p->start_ns, &real))
		json_kv_str(w, "start", format_utc(real, buf, sizeof(buf)));
	if (!p->rec->triggered)
		return;
	json_kv_str(w, "trigger", p->rec->trigger);
	json_kv_str(w, "trigger_text", p->rec->trigger_text);
	json_key(w, "trigger_us");
	json_thousandths(w, since_start(p, p->rec->trigger_ns));
}

static void write_head(struct perfetto *p, struct report_out *out)
{
	struct json_writer *w = &p->w;

	text_reset(&p->text);
	json_begin(w, &p->text, false);
	json_object(w);
	json_kv_str(w, "displayTimeUnit", "ns");
	json_key(w, "otherData");
	json_object(w);
	write_about(p, w);
	json_object_end(w);
	json_key(w, "traceEvents");
	json_array(w);
	text_str(&p->text, "\n");
	p->lines.failed |= !text_ok(&p->text);
	report_text(out, text_c(&p->text), p->text.len);
}

static void name_all(struct perfetto *p)
{
	static const struct {
		unsigned int pid;
		const char *name;
	} names[] = {{PID_RECORDING, "the recording"},
		     {PID_LOG, "kernel log"},
		     {PID_CONNECTIONS, "TCP connections"},
		     {PID_LOCKS, "waits for locks"},
		     {PID_QUORUM, "quorum"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		name_track(p, "process_name", names[i].pid, 0, names[i].name,
			   strlen(names[i].name));
	for (unsigned int i = 0; i < 8; i++)
		name_track(p, "thread_name", PID_LOG, i, kmsg_level_name(i),
			   strlen(kmsg_level_name(i)));
	for (unsigned int i = 0; i < SEEN_KINDS; i++)
		name_track(p, "thread_name", PID_QUORUM, i, seen_names[i], strlen(seen_names[i]));
	name_sessions(p);
}

static int open_perfetto(void *self, const struct recording *rec, const struct analysis_options *o,
			 struct report_out *out, struct err *e)
{
	struct perfetto *p = self;
	int r;

	p->rec = rec;
	p->from_ns = o->from_ns;
	p->to_ns = o->to_ns;
	p->start_ns = p->last_ns = rec->first_ns;
	p->bucket = since_start(p, o->from_ns) / BUCKET_NS;
	lines_begin(&p->lines, out, ",\n");
	r = calls_init(&p->calls, rec->has_server ? &rec->server : NULL, e);
	if (r < 0)
		return r;
	p->calls.begun = request_begun;
	p->calls.done = request_done;
	p->calls.dropped = request_dropped;
	p->calls.arg = p;
	write_head(p, out);
	put_marks(p);
	return 0;
}

static void tell_notes(struct perfetto *p, struct report_out *out)
{
	uint64_t left_out = p->waits.refused + p->calls.untracked;

	if (p->bad_events)
		report_note(out, "%" PRIu64 " trace events of messages make no sense.",
			    p->bad_events);
	if (p->tcp_gaps)
		report_note(out, "%" PRIu64 " gaps in TCP streams hide %" PRIu64 " bytes.",
			    p->tcp_gaps, p->tcp_gap_bytes);
	if (left_out)
		report_lacks(out, "%" PRIu64 " messages and waits were too many to follow.",
			     left_out);
}

static int result_perfetto(void *self, struct report_out *out, struct err *e)
{
	struct perfetto *p = self;

	calls_finish(&p->calls);
	end_pending(p);
	end_waits(p);
	put_counters(p, p->bucket);
	name_all(p);
	lines_flush(&p->lines);
	report_text(out, "\n]}\n", 4);
	tell_notes(p, out);
	return p->lines.failed || p->calls.failed ? err_nomem(e) : 0;
}

static void done_perfetto(void *self)
{
	struct perfetto *p = self;

	calls_free(&p->calls);
	pairs_done(&p->waits);
	pairs_done(&p->threads);
	lines_done(&p->lines);
	text_free(&p->text);
}

static const struct event_want wants[] = {
	{"scoutfs", "scoutfs_net_send_message", see_send, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_net_recv_message", see_receive, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_lock_wait", see_wait, LOCK_FIELDS},
	{"scoutfs", "scoutfs_lock_locked", see_locked, LOCK_FIELDS},
	{"scoutfs", "scoutfs_quorum_send_message", see_quorum_sent, {"term", "type"}},
	{"scoutfs", "scoutfs_quorum_recv_message", see_quorum_received, {"term", "type", "nr"}},
};

const struct analysis_ops export_perfetto = {
	.name = "perfetto",
	.title = "",
	.summary = "Chrome's trace-event JSON, for ui.perfetto.dev and chrome://tracing",
	.self_bytes = sizeof(struct perfetto),
	.wants = wants,
	.want_count = ARRAY_SIZE(wants),
	.open = open_perfetto,
	.each_event = see_event,
	.begin = see_begin,
	.message = see_message,
	.gap = see_gap,
	.end = see_end,
	.datagram = see_datagram,
	.log = see_log,
	.result = result_perfetto,
	.done = done_perfetto,
};
