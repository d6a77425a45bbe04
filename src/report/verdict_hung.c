/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hangs at the end: requests that nobody answered, processes that wait for a cluster lock.
 *
 * Called by analysis_verdict.c for each message and lock event, and by verdict_story.c at the end.
 * Here is one sentence; the lists are those of `rpc` and `locks`, which find the same in the same
 * way (calls.c, answers.c, pairs.c). An answer takes milliseconds, a wait for a lock seconds when
 * it goes badly: what goes on for longer than HUNG_NS is worth a sentence. A request that was
 * answered where another place could see it is not counted: then an event was lost.
 *
 * A process that gave up waiting leaves no event for that; the next lock that it gets tells. (So
 * does an unlock, but every second event may be one, and this report is to be quick.)
 */
#include "verdict.h"

#include <inttypes.h>

#include "netevent.h"

#define HUNG_NS (5 * NSEC_PER_SEC)

static void call_done(void *arg, const struct calls_done *d)
{
	struct verdict_hung *h = arg;

	answer_tell(&h->calls, d);
}

/** verdict_hung_open() - nothing seen yet */
int verdict_hung_open(struct verdict_hung *h, const struct recording *rec, struct err *e)
{
	int r = calls_init(&h->calls, rec->has_server ? &rec->server : NULL, e);

	h->calls.done = call_done;
	h->calls.arg = h;
	return r;
}

void verdict_hung_done(struct verdict_hung *h)
{
	calls_free(&h->calls);
	pairs_done(&h->waits);
}

/** verdict_hung_packet() - a message of the packets */
void verdict_hung_packet(struct verdict_hung *h, const struct tcpflow_connection *c,
			 const struct tcpflow_message *m)
{
	struct calls_seen s;

	calls_see_packet(&h->calls, c, m, &s);
	calls_message(&h->calls, &s);
}

/** verdict_hung_event() - one of a trace event; @f: NETEVENT_FIELDS */
void verdict_hung_event(struct verdict_hung *h, const struct trace_event *e, event_fields f,
			bool sent)
{
	struct wire_message m;
	struct calls_seen s;

	if (calls_see_event(&h->calls, e, f, sent, &m, &s))
		calls_message(&h->calls, &s);
}

/* ---- waits for locks ---- */

static uint64_t number(const struct trace_event *e, const struct event_field *f)
{
	uint64_t n = 0;

	(void)event_field_u64(f, e->data, e->bytes, &n);
	return n;
}

/**
 * verdict_hung_wait() - a process waits for a lock, or goes on waiting
 * @f: VERDICT_WAIT_FIELDS
 */
void verdict_hung_wait(struct verdict_hung *h, const struct trace_event *e, event_fields f)
{
	uint32_t pid = (uint32_t)number(e, f[0]);
	struct pair *wait = pairs_find(&h->waits, pid);
	uint64_t lock = 0;

	for (size_t i = 1; f[i] && i < VERDICT_WAIT_FIELD_COUNT; i++)
		lock = pairs_mix(lock, number(e, f[i]));
	if (wait && wait->more == lock)
		return;
	if (wait)
		wait->ns = e->ns;
	else
		wait = pairs_add(&h->waits, pid, e->ns);
	if (wait)
		wait->more = lock;
}

/** verdict_hung_locked() - a process got a lock: it waits no more; @f: its pid */
void verdict_hung_locked(struct verdict_hung *h, const struct trace_event *e, event_fields f)
{
	struct pair *wait =
		h->waits.count ? pairs_find(&h->waits, (uint32_t)number(e, f[0])) : NULL;

	if (wait)
		pairs_remove(&h->waits, wait);
}

/* ---- the sentence ---- */

static void say_span(struct text *out, uint64_t ns)
{
	char buf[40];

	if (ns < 600 * NSEC_PER_SEC)
		text_printf(out, "%.1f s", (double)ns / 1e9);
	else
		text_str(out, format_duration(ns, buf, sizeof(buf)));
}

static bool is_hung(const struct unanswered *u, uint64_t end_ns)
{
	return story_between(u->ns, end_ns) >= HUNG_NS && !u->told;
}

static void say_request(struct text *out, const struct calls *c, const struct unanswered *u)
{
	const struct calls_pair *pair = &c->pairs[u->any->pair];
	uint64_t rid = c->sessions[u->any->session].client_rid;
	bool by_client = u->any->side == CALLS_BY_CLIENT;
	char client[64];

	text_printf(out, "%s %s client %s", wire_command_name(u->any->command),
		    by_client ? "from" : "to",
		    wire_addr_format(&pair->client, client, sizeof(client)));
	if (rid)
		text_printf(out, " (rid %016" PRIx64 ")", rid);
}

static void say_requests(struct story *s, uint64_t end_ns)
{
	const struct verdict_hung *h = &s->v->hung;
	CLEANUP(freep) struct unanswered *list = NULL;
	const struct unanswered *oldest = NULL;
	size_t count = 0, hung = 0;

	if (!h->calls.pending_count)
		return;
	if (!unanswered_list(&h->calls, &list, &count)) {
		s->hung.failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!is_hung(&list[i], end_ns))
			continue;
		oldest = oldest ? oldest : &list[i];
		hung++;
	}
	if (!oldest)
		return;
	s->hung_requests = true;
	if (hung == 1)
		text_str(&s->hung, "A request had no answer");
	else
		text_printf(&s->hung, "%zu requests had no answer for %d s or longer; the oldest",
			    hung, (int)(HUNG_NS / NSEC_PER_SEC));
	text_str(&s->hung, hung == 1 ? ": " : ", ");
	say_request(&s->hung, &h->calls, oldest);
	text_str(&s->hung, ", for ");
	say_span(&s->hung, story_between(oldest->ns, end_ns));
	text_str(&s->hung, ".");
}

static void say_waits(struct story *s, uint64_t end_ns)
{
	const struct pairs *waits = &s->v->hung.waits;
	const struct pair *oldest = NULL;
	const struct comm *comm;
	size_t hung = 0;

	for (uint32_t i = 0; i < waits->room; i++) {
		const struct pair *w = &waits->slots[i];

		if (!w->used || story_between(w->ns, end_ns) < HUNG_NS)
			continue;
		hung++;
		if (!oldest || w->ns < oldest->ns)
			oldest = w;
	}
	if (!oldest)
		return;
	s->hung_waits = true;
	text_str(&s->hung, s->hung.len ? " " : "");
	if (hung == 1)
		text_str(&s->hung, "A process waited for a cluster lock: ");
	else
		text_printf(&s->hung, "%zu processes waited for cluster locks; the longest, ",
			    hung);
	comm = recording_comm(s->v->rec, (uint32_t)oldest->key);
	if (comm)
		text_add_clean(&s->hung, comm->name, comm->bytes, false);
	text_printf(&s->hung, "%spid %" PRIu32 "%s, for ", comm ? " (" : "", (uint32_t)oldest->key,
		    comm ? ")" : "");
	say_span(&s->hung, story_between(oldest->ns, end_ns));
	text_str(&s->hung, ".");
}

/** story_find_hung() - what goes on for too long at the end of what is looked at */
void story_find_hung(struct story *s)
{
	uint64_t end_ns = min_of(s->v->rec->last_ns, s->v->options.to_ns);

	say_requests(s, end_ns);
	say_waits(s, end_ns);
}
