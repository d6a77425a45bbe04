/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The moments that lead from the first sign to the end: log lines, lost connections, last messages
 * and heartbeats, elections. Each has a weight, so that a screen can show those that matter most.
 *
 * Called by verdict_story.c, when it knows who the two are.
 */
#include "verdict.h"

#include <inttypes.h>
#include <stdarg.h>

#define HORIZON_NS (600 * NSEC_PER_SEC) /* older lines do not belong to it */

static void step(struct story *s, uint64_t ns, unsigned int weight, enum row_mark mark,
		 const char *source, const char *fmt, ...) PRINTF(6, 7);
static void step(struct story *s, uint64_t ns, unsigned int weight, enum row_mark mark,
		 const char *source, const char *fmt, ...)
{
	struct verdict_step *k = NULL;
	va_list ap;

	if (!ns)
		return;
	if (s->step_count < VERDICT_STEPS)
		k = &s->steps[s->step_count++];
	/* The lightest goes for a heavier one. */
	for (size_t i = 0; s->step_count == VERDICT_STEPS && i < VERDICT_STEPS; i++)
		if (!k || s->steps[i].weight < k->weight)
			k = &s->steps[i];
	if (k->text[0] && k->weight >= weight)
		return;
	*k = (struct verdict_step){.ns = ns, .weight = weight, .mark = mark, .source = source};
	va_start(ap, fmt);
	(void)vsnprintf(k->text, sizeof(k->text), fmt, ap);
	va_end(ap);
}

static void tell_messages(struct story *s)
{
	static const char *const ways[] = {"from the server to it", "from it to the server"};
	int end = 0;
	const struct verdict_talk *t = story_talk(s, &end);

	/* The fenced one is not a client of itself: of a leader, what others last heard. */
	for (int i = 0; t && i < 2; i++) {
		const char *source;
		const struct verdict_message *m = story_last_message(t, i, &source);
		const char *way = ways[i == end];

		if (s->kind == LOGLINE_LEADER_FENCED)
			way = i == end ? "from the old leader" : "to the old leader";
		step(s, m->ns, 80, ROW_PLAIN, source, "last message %s: %s %s%s%s", way,
		     wire_command_name(m->command), m->response ? "response" : "request",
		     m->error ? ", error " : "", m->error ? wire_error_name(m->error) : "");
	}
}

static void tell_beats(struct story *s)
{
	const struct verdict_node *n = s->victim.rid ? verdict_node_of(s->v, s->victim.rid) : NULL;
	const char *source;
	uint64_t ns;

	if (s->kind == LOGLINE_LEADER_FENCED) {
		ns = story_last_beat(s, &s->victim, &source);
		step(s, ns, 85, ROW_WARNING, source, "last heartbeat of the old leader");
		ns = story_last_beat(s, &s->judge, &source);
		step(s, ns, 40, ROW_PLAIN, source, "heartbeats of the new leader go on");
		return;
	}
	ns = story_last_beat(s, &s->judge, &source);
	if (s->judge.slot >= 0 || s->judge.rid)
		step(s, ns, 75, ROW_PLAIN, source, "last heartbeat of the leader before %s",
		     s->v->rec->triggered ? "the trigger" : "that");
	if (n && n->here)
		step(s, n->now.received_ns, 78, ROW_PLAIN, "trace",
		     "last heartbeat that %s received",
		     logline_is_fence(s->kind) ? "the fenced node" : "this mount");
}

static void tell_campaign(struct story *s, const struct verdict_campaign *c, const char *who)
{
	const char *source = c->packets ? "packets" : "trace";

	if (c->first_term == c->last_term)
		step(s, c->first_ns, 76, ROW_WARNING, source,
		     "election: %s asks for votes in term %" PRIu64, who, c->first_term);
	else
		step(s, c->first_ns, 76, ROW_WARNING, source,
		     "elections: %s asks for votes %" PRIu64 " times, terms %" PRIu64 " to %" PRIu64
		     ", for %" PRIu64 " s",
		     who, c->count, c->first_term, c->last_term,
		     story_between(c->first_ns, c->last_ns) / NSEC_PER_SEC);
}

static void tell_votes(struct story *s)
{
	for (size_t i = 0; i < s->v->campaign_count; i++) {
		const struct verdict_campaign *c = &s->v->campaigns[i];
		char who[40];

		/* The same is seen both ways where both were recorded. */
		if (!c->packets) {
			bool told = false;

			for (size_t k = 0; k < s->v->campaign_count; k++)
				told |= s->v->campaigns[k].packets &&
					s->v->campaigns[k].first_term == c->first_term;
			if (told)
				continue;
		}
		if (c->packets)
			(void)snprintf(who, sizeof(who), "quorum slot %u", c->slot);
		else
			(void)snprintf(who, sizeof(who), "rid %016" PRIx64, c->rid);
		tell_campaign(s, c, who);
	}
}

static void tell_losses(struct story *s)
{
	for (size_t i = 0; i < s->v->lost_count; i++) {
		const struct verdict_lost *l = &s->v->lost[i];

		if (!s->victim.rid || l->rid != s->victim.rid)
			continue;
		if (l->freed)
			step(s, l->ns, 35, ROW_PLAIN, "trace",
			     "the server gives its connection up for good");
		else if (l->ns == s->lost_ns)
			step(s, l->ns, 90, ROW_WARNING, "trace",
			     "its connection is lost, without a farewell");
	}
}

static unsigned int line_weight(const struct story *s, const struct verdict_line *k)
{
	const struct logline *l = &k->l;
	bool victim = logline_same_mount(&l->mount, &s->victim.mount) ||
		      story_is_victim(s, &l->a, l->has_a) || story_is_victim(s, &l->b, l->has_b) ||
		      (l->has_rid && l->rid == s->victim.rid);
	bool judge = logline_same_mount(&l->mount, &s->judge.mount);

	if (k == s->cause)
		return 100;
	if (k->last_ns + HORIZON_NS < s->ns)
		return 0;
	if (logline_is_final(l->kind))
		return victim || judge ? 66 : 50;
	switch (l->kind) {
	case LOGLINE_FORCED_UNMOUNT:
		return victim ? 88 : 30;
	case LOGLINE_RECLAIMED:
		return victim ? 86 : 30;
	case LOGLINE_SERVER_CLOSING:
		return victim ? (s->kind == LOGLINE_LEADER_FENCED ? 25 : 70) : 15;
	case LOGLINE_CLIENT_DISCONNECTED:
		return victim ? (s->kind == LOGLINE_LEADER_FENCED ? 24 : 60) : 15;
	case LOGLINE_SERVER_STARTING:
		return judge && s->kind != LOGLINE_CLIENT_FENCED ? 84 : 22;
	case LOGLINE_SERVER_STOPPING:
		return victim || judge ? 74 : 40;
	case LOGLINE_HEARTBEAT_DELAY:
		return 65;
	case LOGLINE_SERVER_STOPPED:
	case LOGLINE_RECOVERED:
		return victim || judge ? 55 : 20;
	case LOGLINE_SERVER_READY:
	case LOGLINE_RECOVERING:
		return judge && k->ns >= s->ns ? 45 : 20;
	case LOGLINE_CLIENT_CONNECTED:
	case LOGLINE_SERVER_ACCEPTED:
		return victim ? 20 : 0;
	default:
		return 50;
	}
}

/* Without what follows a first sentence, or is the same each time: some lines are a paragraph. */
static int first_words(const struct logline *l)
{
	static const char *const ends[] = {".  ", ", can return errors"};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const char *end = memmem(l->message, l->message_bytes, ends[i], strlen(ends[i]));

		if (end)
			return (int)(end - l->message);
	}
	return (int)l->message_bytes;
}

static void tell_lines(struct story *s)
{
	for (size_t i = 0; i < verdict_line_total(s->v); i++) {
		const struct verdict_line *k = verdict_line_at(s->v, i);
		unsigned int weight = line_weight(s, k);
		enum row_mark mark = ROW_PLAIN;
		char who[24] = "", more[48] = "";

		if (!weight)
			continue;
		if (logline_is_final(k->l.kind))
			mark = logline_is_fence(k->l.kind) || k == s->cause ? ROW_BAD : ROW_WARNING;
		if (k->l.kind == LOGLINE_RECLAIMED || k->l.kind == LOGLINE_RECOVERED)
			mark = ROW_GOOD;
		if (k->l.mount.known)
			(void)snprintf(who, sizeof(who), "r.%06x: ", k->l.mount.rid);
		if (k->count > 1)
			(void)snprintf(more, sizeof(more), " (%" PRIu64 " times)", k->count);
		step(s, k == s->cause && s->triggered_by_it ? s->ns : k->ns, weight, mark, "log",
		     "%s%.*s%s", who, first_words(&k->l), k->l.message, more);
	}
	if (s->v->rec->triggered && (!s->cause || s->cause == &s->own))
		step(s, s->ns, 100, ROW_BAD, "trigger", "%.*s", VERDICT_TEXT - 1,
		     *s->v->rec->trigger_text ? s->v->rec->trigger_text : s->v->rec->trigger);
}

static int by_time(const void *va, const void *vb)
{
	const struct verdict_step *a = va, *b = vb;

	if (a->ns != b->ns)
		return a->ns < b->ns ? -1 : 1;
	return (int)b->weight - (int)a->weight;
}

/** story_find_steps() - the moments on the way, in order of time */
void story_find_steps(struct story *s)
{
	tell_lines(s);
	tell_losses(s);
	tell_messages(s);
	tell_beats(s);
	tell_votes(s);
	qsort(s->steps, s->step_count, sizeof(*s->steps), by_time);
}
