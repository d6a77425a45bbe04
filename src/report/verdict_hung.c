/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hangs: requests that nobody answered, processes that wait for a cluster lock; at the end,
 * and when the trigger fired.
 *
 * Called by analysis_verdict.c for each message and lock event, and by verdict_story.c at the end.
 * Here is one sentence of each; the lists are those of `rpc` and `locks`, which find the same in
 * the same way (calls.c, answers.c, pairs.c). An answer takes milliseconds, a wait for a lock
 * seconds when it goes badly: what goes on for longer than HUNG_NS is worth a sentence.
 *
 * That something hangs at the end is concluded from what was not seen, so it is said only where
 * nothing can have been overlooked: of a place that saw the request and of which everything since
 * is here, with no filter, loss or damage (coverage.c), and when no other place saw the answer.
 * Otherwise it cannot be told, and that is said instead. What ended after the trigger was seen to
 * end, by the same request or, for a lock, the same process and lock.
 *
 * A process that gave up waiting leaves no event for that; the next lock that it gets tells. (So
 * does an unlock, but every second event may be one, and this report is to be quick.)
 */
#include "verdict.h"

#include <inttypes.h>

#include "netevent.h"

#define HUNG_NS (5 * NSEC_PER_SEC)

/* At the trigger it had gone on for long, and it ended behind it? */
static bool is_stall(const struct verdict_hung *h, uint64_t ns, uint64_t until_ns)
{
	return h->at_ns && until_ns > h->at_ns && story_between(ns, h->at_ns) >= HUNG_NS;
}

/* One a request, wherever it was seen: that of the longest. */
static void add_stall(struct verdict_stalls *list, const struct verdict_stall *k)
{
	for (size_t i = 0; i < list->count; i++) {
		struct verdict_stall *have = &list->all[i];

		if (have->id != k->id || have->pair != k->pair || have->asker != k->asker ||
		    have->command != k->command || have->pid != k->pid)
			continue;
		have->ns = min_of(have->ns, k->ns);
		have->until_ns = max_of(have->until_ns, k->until_ns);
		return;
	}
	if (list->count < VERDICT_STALLS)
		list->all[list->count++] = *k;
}

static void call_done(void *arg, const struct calls_done *d)
{
	struct verdict_hung *h = arg;
	uint64_t until = d->sent_ns + d->latency_ns;

	answer_tell(&h->calls, d);
	if (is_stall(h, d->sent_ns, until))
		add_stall(&h->requests,
			  &(struct verdict_stall){.ns = d->sent_ns,
						  .until_ns = until,
						  .id = d->id,
						  .pair = (uint32_t)(d->pair - h->calls.pairs),
						  .asker = (uint8_t)d->asker,
						  .command = d->command});
}

/** verdict_hung_open() - nothing seen yet */
int verdict_hung_open(struct verdict_hung *h, const struct recording *rec, struct err *e)
{
	int r = calls_init(&h->calls, rec->has_server ? &rec->server : NULL, e);

	h->at_ns = rec->triggered ? rec->trigger_ns : 0;
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

/** verdict_hung_gap() - packets are missing */
void verdict_hung_gap(struct verdict_hung *h, const struct tcpflow_gap *g)
{
	h->packet_gap_ns = max_of(h->packet_gap_ns, g->last_ns);
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

/* A number that tells locks apart, of VERDICT_WAIT_FIELDS. */
static uint64_t lock_of(const struct trace_event *e, event_fields f)
{
	uint64_t lock = 0;

	for (size_t i = 1; f[i] && i < VERDICT_WAIT_FIELD_COUNT; i++)
		lock = pairs_mix(lock, number(e, f[i]));
	return lock;
}

/**
 * verdict_hung_wait() - a process waits for a lock, or goes on waiting
 * @f: VERDICT_WAIT_FIELDS
 */
void verdict_hung_wait(struct verdict_hung *h, const struct trace_event *e, event_fields f)
{
	uint32_t pid = (uint32_t)number(e, f[0]);
	struct pair *wait = pairs_find(&h->waits, pid);
	uint64_t lock = lock_of(e, f);

	if (wait && wait->more == lock)
		return;
	if (wait)
		wait->ns = e->ns;
	else
		wait = pairs_add(&h->waits, pid, e->ns);
	if (wait)
		wait->more = lock;
}

/** verdict_hung_locked() - a process got a lock: it waits no more; @f: VERDICT_WAIT_FIELDS */
void verdict_hung_locked(struct verdict_hung *h, const struct trace_event *e, event_fields f)
{
	struct pair *wait =
		h->waits.count ? pairs_find(&h->waits, (uint32_t)number(e, f[0])) : NULL;

	if (!wait)
		return;
	if (is_stall(h, wait->ns, e->ns) && wait->more == lock_of(e, f))
		add_stall(&h->locks, &(struct verdict_stall){.ns = wait->ns,
							     .until_ns = e->ns,
							     .pid = (uint32_t)wait->key});
	pairs_remove(&h->waits, wait);
}

/* ---- the sentences ---- */

static void say_span(struct text *out, uint64_t ns)
{
	char buf[40];

	if (ns < 600 * NSEC_PER_SEC)
		text_printf(out, "%.1f s", (double)ns / 1e9);
	else
		text_str(out, format_duration(ns, buf, sizeof(buf)));
}

static void say_client(struct text *out, const struct calls_pair *pair, uint64_t rid,
		       uint8_t command, bool by_client)
{
	char client[64];

	text_printf(out, "%s %s client %s", wire_command_name(command), by_client ? "from" : "to",
		    wire_addr_format(&pair->client, client, sizeof(client)));
	if (rid)
		text_printf(out, " (rid %016" PRIx64 ")", rid);
}

static void say_process(struct text *out, const struct recording *rec, uint32_t pid)
{
	const struct comm *comm = recording_comm(rec, pid);

	if (comm)
		text_add_clean(out, comm->name, comm->bytes, false);
	text_printf(out, "%spid %" PRIu32 "%s", comm ? " (" : "", pid, comm ? ")" : "");
}

/* Why it is not sure that a request has no answer; NULL: it is sure. */
static const char *doubt_request(const struct story *s, const struct unanswered *u)
{
	const char *packets = coverage_doubt(&s->packets, u->ns);
	const char *trace = coverage_doubt(&s->trace, u->ns);
	bool events = u->at[CALLS_CLIENT] || u->at[CALLS_SERVER];

	if ((u->at[CALLS_PACKETS] && !packets) || (events && !trace))
		return NULL;
	return events ? trace : packets;
}

struct findings {
	size_t sure, doubtful;
	const char *doubt;
};

/* One more; is it the first that is sure? */
static bool find_one(struct findings *f, const char *doubt)
{
	if (doubt) {
		f->doubtful++;
		f->doubt = f->doubt ? f->doubt : doubt;
		return false;
	}
	return f->sure++ == 0;
}

static void say_doubt(struct story *s, const struct findings *f, const char *one, const char *many)
{
	if (!f->doubtful)
		return;
	text_str(&s->hung, s->hung.len ? " " : "");
	if (f->doubtful == 1)
		text_printf(&s->hung, "Whether %s cannot be told: %s.", one, f->doubt);
	else
		text_printf(&s->hung, "Whether %zu %s cannot be told: %s.", f->doubtful, many,
			    f->doubt);
}

static void say_requests(struct story *s, uint64_t end_ns)
{
	const struct verdict_hung *h = &s->v->hung;
	CLEANUP(freep) struct unanswered *list = NULL;
	const struct unanswered *oldest = NULL;
	struct findings f = {0};
	size_t count = 0;

	if (!h->calls.pending_count)
		return;
	if (!unanswered_list(&h->calls, &list, &count)) {
		s->hung.failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (story_between(list[i].ns, end_ns) >= HUNG_NS && !list[i].told &&
		    find_one(&f, doubt_request(s, &list[i])))
			oldest = &list[i];
	if (oldest) {
		s->hung_requests = true;
		if (f.sure == 1)
			text_str(&s->hung, "A request had no answer: ");
		else
			text_printf(&s->hung,
				    "%zu requests had no answer for %d s or longer; the oldest, ",
				    f.sure, (int)(HUNG_NS / NSEC_PER_SEC));
		say_client(&s->hung, &h->calls.pairs[oldest->any->pair],
			   h->calls.sessions[oldest->any->session].client_rid, oldest->any->command,
			   oldest->any->side == CALLS_BY_CLIENT);
		text_str(&s->hung, ", for ");
		say_span(&s->hung, story_between(oldest->ns, end_ns));
		text_str(&s->hung, ".");
	}
	say_doubt(s, &f, "a request was answered", "requests were answered");
}

static void say_waits(struct story *s, uint64_t end_ns)
{
	const struct pairs *waits = &s->v->hung.waits;
	const struct pair *oldest = NULL;
	struct findings f = {0};

	for (uint32_t i = 0; i < waits->room; i++) {
		const struct pair *w = &waits->slots[i];
		const char *doubt = coverage_doubt(&s->trace, w->ns);

		if (!w->used || story_between(w->ns, end_ns) < HUNG_NS)
			continue;
		(void)find_one(&f, doubt);
		if (!doubt && (!oldest || w->ns < oldest->ns))
			oldest = w;
	}
	if (oldest) {
		s->hung_waits = true;
		text_str(&s->hung, s->hung.len ? " " : "");
		if (f.sure == 1)
			text_str(&s->hung, "A process waited for a cluster lock: ");
		else
			text_printf(&s->hung,
				    "%zu processes waited for cluster locks; the longest, ",
				    f.sure);
		say_process(&s->hung, s->v->rec, (uint32_t)oldest->key);
		text_str(&s->hung, ", for ");
		say_span(&s->hung, story_between(oldest->ns, end_ns));
		text_str(&s->hung, ".");
	}
	say_doubt(s, &f, "a process got the lock that it waited for",
		  "processes got the locks that they waited for");
}

/* ---- at the trigger ---- */

static const struct verdict_stall *oldest_of(const struct verdict_stalls *list)
{
	const struct verdict_stall *oldest = NULL;

	for (size_t i = 0; i < list->count; i++)
		if (!oldest || list->all[i].ns < oldest->ns)
			oldest = &list->all[i];
	return oldest;
}

static const char *or_more(const struct verdict_stalls *list)
{
	return list->count == VERDICT_STALLS ? " or more" : "";
}

static void say_how_long(struct text *out, const struct verdict_stall *k, uint64_t at_ns,
			 const char *ended)
{
	text_str(out, ", for ");
	say_span(out, at_ns - k->ns);
	text_printf(out, "; it was %s ", ended);
	say_span(out, k->until_ns - at_ns);
	text_str(out, " later.");
}

static void say_stalled_requests(struct story *s)
{
	const struct verdict_hung *h = &s->v->hung;
	const struct verdict_stall *k = oldest_of(&h->requests);

	if (!k)
		return;
	if (h->requests.count == 1)
		text_str(&s->stalled, "A request was unanswered: ");
	else
		text_printf(&s->stalled, "%zu%s requests were unanswered; the oldest, ",
			    h->requests.count, or_more(&h->requests));
	say_client(&s->stalled, &h->calls.pairs[k->pair], h->calls.pairs[k->pair].client_rid,
		   k->command, k->asker == CALLS_BY_CLIENT);
	say_how_long(&s->stalled, k, h->at_ns, "answered");
}

/* The same process may have waited for the same lock twice, if events between are missing. */
static void say_stalled_waits(struct story *s)
{
	const struct verdict_hung *h = &s->v->hung;
	const struct verdict_stall *k = oldest_of(&h->locks);

	if (!k || !coverage_whole(&s->trace, k->ns))
		return;
	text_str(&s->stalled, s->stalled.len ? " " : "");
	if (h->locks.count == 1)
		text_str(&s->stalled, "A process waited for a cluster lock: ");
	else
		text_printf(&s->stalled, "%zu%s processes waited for cluster locks; the longest, ",
			    h->locks.count, or_more(&h->locks));
	say_process(&s->stalled, s->v->rec, k->pid);
	say_how_long(&s->stalled, k, h->at_ns, "granted");
}

/** story_find_hung() - what goes on for too long: at the end of what is looked at, at the trigger
 */
void story_find_hung(struct story *s)
{
	uint64_t end_ns = min_of(s->v->rec->last_ns, s->v->options.to_ns);

	say_requests(s, end_ns);
	say_waits(s, end_ns);
	say_stalled_requests(s);
	say_stalled_waits(s);
}
