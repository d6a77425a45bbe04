/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which line of the log the verdict is about, and who the two are: the victim (who was fenced, or
 * lost something) and the judge (the server that decided it).
 *
 * Called by verdict_story.c. A line names a mount by the top bits of its rid, or a client by its
 * address; the rest comes from events, packets and other lines. What does not follow from the data
 * stays unknown.
 */
#include "verdict.h"

#define NEAR_NS (2 * NSEC_PER_SEC)

/* ---- the line it is about ---- */

static const struct verdict_line *last_line(const struct verdict *v, bool fences)
{
	const struct verdict_line *found = NULL;

	for (size_t i = 0; i < verdict_line_total(v); i++) {
		const struct verdict_line *k = verdict_line_at(v, i);

		if (fences ? logline_is_fence(k->l.kind) : logline_is_final(k->l.kind))
			found = k;
	}
	return found;
}

/* The kept line of these words that is nearest to the trigger. */
static const struct verdict_line *line_of_trigger(const struct verdict *v, const struct logline *l)
{
	const struct verdict_line *found = NULL;
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < verdict_line_total(v); i++) {
		const struct verdict_line *k = verdict_line_at(v, i);
		uint64_t off = k->ns > v->at_ns ? k->ns - v->at_ns : v->at_ns - k->ns;

		if (k->l.kind == l->kind && logline_same_mount(&k->l.mount, &l->mount) &&
		    off < best) {
			found = k;
			best = off;
		}
	}
	return best <= NEAR_NS ? found : NULL;
}

/** story_find_cause() - the line that fired, or the last fence in the log when nothing did */
void story_find_cause(struct story *s)
{
	const struct recording *rec = s->v->rec;
	struct logline l = {0};

	s->ns = s->v->at_ns;
	s->triggered_by_it = rec->triggered;
	if (!rec->triggered) {
		s->cause = last_line(s->v, true);
		if (!s->cause)
			s->cause = last_line(s->v, false);
	} else if (logline_parse(rec->trigger_text, strlen(rec->trigger_text), true, &l)) {
		s->cause = line_of_trigger(s->v, &l);
		if (!s->cause) {
			/* The log lacks it; the recorder's own note of it is enough. */
			s->own = (struct verdict_line){.ns = s->ns, .count = 1, .l = l};
			s->cause = &s->own;
		}
	}
	if (!s->cause)
		return;
	s->kind = s->cause->l.kind;
	if (!rec->triggered)
		s->ns = s->cause->ns;
}

/* ---- who ---- */

static void know_node(const struct verdict *v, struct verdict_party *p)
{
	const struct verdict_node *n = p->rid ? verdict_node_of(v, p->rid) : NULL;

	if (!n && !p->rid)
		n = verdict_node_of_mount(v, &p->mount);
	if (!n)
		return;
	p->rid = n->rid;
	p->here = n->here;
	if (!p->mount.known && n->fsid)
		p->mount = (struct logline_mount){.known = true,
						  .fsid = (uint32_t)(n->fsid >> 40),
						  .rid = (uint32_t)(n->rid >> 40)};
	if (!p->has_addr && n->has_addr) {
		p->addr = n->addr;
		p->has_addr = true;
	}
	if (p->slot < 0)
		p->slot = n->slot;
}

/* A mount that logs, logs here. */
static void know_log(const struct verdict *v, struct verdict_party *p)
{
	for (size_t i = 0; !p->here && i < verdict_line_total(v); i++)
		p->here = logline_same_mount(&verdict_line_at(v, i)->l.mount, &p->mount);
}

/* The rid that goes with a client's address. */
static void know_client(const struct story *s, struct verdict_party *p)
{
	const struct verdict *v = s->v;

	for (size_t i = 0; !p->rid && i < v->lost_count; i++)
		if (wire_addr_equal(&v->lost[i].client, &p->addr))
			p->rid = v->lost[i].rid;
	for (size_t i = 0; !p->rid && i < v->node_count; i++)
		if (v->nodes[i].has_addr && wire_addr_equal(&v->nodes[i].addr, &p->addr))
			p->rid = v->nodes[i].rid;
	/* Its own line, when it ran here. */
	for (size_t i = 0; !p->mount.known && i < verdict_line_total(v); i++) {
		const struct logline *l = &verdict_line_at(v, i)->l;

		if ((l->kind == LOGLINE_CLIENT_CONNECTED ||
		     l->kind == LOGLINE_CLIENT_DISCONNECTED) &&
		    l->has_a && wire_addr_equal(&l->a, &p->addr))
			p->mount = l->mount;
	}
	if (p->slot < 0)
		p->slot = verdict_slot_of(v, &p->addr);
}

static void know_server(const struct story *s, struct verdict_party *p)
{
	const struct verdict *v = s->v;
	const struct verdict_node *n;

	/* As a server it has the address that it listens at. */
	p->has_addr = false;
	for (size_t i = 0; i < verdict_line_total(v); i++) {
		const struct verdict_line *k = verdict_line_at(v, i);
		bool says =
			k->l.kind == LOGLINE_SERVER_STARTING || k->l.kind == LOGLINE_SERVER_READY ||
			k->l.kind == LOGLINE_SERVER_ACCEPTED || k->l.kind == LOGLINE_SERVER_CLOSING;

		if (says && k->l.has_a && k->ns <= s->ns &&
		    logline_same_mount(&k->l.mount, &p->mount)) {
			p->addr = k->l.a;
			p->has_addr = true;
		}
	}
	for (size_t i = 0; !p->has_addr && i < v->lost_count; i++)
		if (p->rid && v->lost[i].server_rid == p->rid) {
			p->addr = v->lost[i].server;
			p->has_addr = true;
		}
	if (p->has_addr && p->slot < 0)
		p->slot = verdict_slot_of(v, &p->addr);
	n = p->rid ? verdict_node_of(v, p->rid) : NULL;
	if (n && n->now.sent_ns) {
		p->term = n->now.led_term;
		p->has_term = true;
	}
	for (size_t i = 0; !p->has_term && p->has_addr && i < v->beat_count; i++)
		if (wire_addr_equal(&v->beats[i].from, &p->addr)) {
			p->term = v->beats[i].term;
			p->has_term = true;
		}
}

/* The rid that was reclaimed after the fence: of all, the one whose top bits are known to fit. */
static void know_reclaimed(struct story *s)
{
	for (size_t i = 0; i < verdict_line_total(s->v); i++) {
		const struct verdict_line *k = verdict_line_at(s->v, i);
		bool fits = s->victim.rid ? k->l.rid == s->victim.rid
					  : !s->victim.mount.known ||
						    k->l.rid >> 40 == s->victim.mount.rid;

		if (k->l.kind != LOGLINE_RECLAIMED || !k->l.has_rid || k->last_ns < s->ns ||
		    !fits || !logline_same_mount(&k->l.mount, &s->judge.mount))
			continue;
		s->victim.rid = k->l.rid;
		s->reclaimed_ns = k->ns;
		return;
	}
}

static void set_victim_addr(struct story *s, const struct wire_addr *a, bool has)
{
	s->victim.addr = *a;
	s->victim.has_addr = has;
}

/* What the line itself says of the two. */
static void read_parties(struct story *s, const struct logline *l)
{
	switch (l->kind) {
	case LOGLINE_CLIENT_FENCED:
		set_victim_addr(s, &l->a, l->has_a);
		s->judge.mount = l->mount;
		break;
	case LOGLINE_SERVER_CLOSING:
		set_victim_addr(s, &l->b, l->has_b);
		s->judge.mount = l->mount;
		break;
	case LOGLINE_CLIENT_DISCONNECTED:
		set_victim_addr(s, &l->a, l->has_a);
		s->victim.mount = l->mount;
		s->judge.addr = l->b;
		s->judge.has_addr = l->has_b;
		break;
	case LOGLINE_LEADER_FENCED:
		set_victim_addr(s, &l->a, l->has_a);
		s->victim.mount = l->other;
		s->victim.slot = l->has_slot && l->slot < VERDICT_SLOTS ? (int)l->slot : -1;
		s->victim.term = l->term;
		s->victim.has_term = l->has_term;
		s->judge.mount = l->mount;
		break;
	case LOGLINE_RECOVERY_FENCED:
	case LOGLINE_FENCE_ERROR:
		s->victim.rid = l->has_rid ? l->rid : 0;
		s->judge.mount = l->mount;
		break;
	default:
		s->victim.mount = l->mount;
		break;
	}
}

/* A trigger that is an event: the connection that was lost just then. */
static void read_lost(struct story *s)
{
	const struct verdict_lost *found = NULL;

	for (size_t i = 0; i < s->v->lost_count; i++) {
		const struct verdict_lost *l = &s->v->lost[i];

		if (l->ns <= s->ns + NSEC_PER_MSEC && l->ns + NSEC_PER_SEC >= s->ns &&
		    (!found || l->ns >= found->ns))
			found = l;
	}
	if (!found)
		return;
	s->kind = LOGLINE_SERVER_CLOSING;
	s->victim.rid = found->rid;
	set_victim_addr(s, &found->client, found->client.port);
	s->judge.rid = found->server_rid;
}

/** story_know_parties() - who was fenced, and by whom; after story_find_cause() */
void story_know_parties(struct story *s)
{
	bool by_event = s->triggered_by_it && s->kind == LOGLINE_OTHER &&
			strstr(s->v->rec->trigger, "conn");

	s->victim.slot = s->judge.slot = -1;
	if (s->cause)
		read_parties(s, &s->cause->l);
	else if (by_event)
		read_lost(s);
	know_node(s->v, &s->judge);
	if (s->judge.mount.known)
		know_server(s, &s->judge);
	know_log(s->v, &s->judge);
	if (s->victim.has_addr && s->kind != LOGLINE_LEADER_FENCED)
		know_client(s, &s->victim);
	know_reclaimed(s);
	know_node(s->v, &s->victim);
	know_log(s->v, &s->victim);
}

/** story_is_victim() - is this the address of the victim? @has: it is one */
bool story_is_victim(const struct story *s, const struct wire_addr *a, bool has)
{
	return has && s->victim.has_addr && wire_addr_equal(a, &s->victim.addr);
}
