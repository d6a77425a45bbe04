/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened, from what was gathered: which line it is about, who was fenced by whom, when the
 * connection went, and the few moments that lead from there to the end.
 *
 * Called by analysis_verdict.c when all was seen. It says nothing that the data does not hold: a
 * time that was not recorded is left out, and what is only likely is told with the word "probably".
 * Facts about scoutfs (timers, who sends what) are those of its sources (net.c, quorum.c, server.c)
 * and were checked on real fences.
 */
#include "verdict.h"

#include <inttypes.h>
#include <stdarg.h>

#define HORIZON_NS (600 * NSEC_PER_SEC) /* older lines do not belong to it */
#define RECONNECT_NS (20 * NSEC_PER_SEC)
#define HEARTBEAT_TIMEOUT_NS (10 * NSEC_PER_SEC)
#define SILENT_NS (9 * NSEC_PER_SEC) /* nothing came for as long: not just an idle client */
#define NEAR_NS (2 * NSEC_PER_SEC)

/* ---- words ---- */

static const char *span(uint64_t ns, char *buf, size_t size)
{
	if (ns < NSEC_PER_MSEC)
		(void)snprintf(buf, size, "%" PRIu64 " us", ns / NSEC_PER_USEC);
	else if (ns < NSEC_PER_SEC)
		(void)snprintf(buf, size, "%.1f ms", (double)ns / 1e6);
	else if (ns < 600 * NSEC_PER_SEC)
		(void)snprintf(buf, size, "%.2f s", (double)ns / 1e9);
	else
		return format_duration(ns, buf, size);
	return buf;
}

static uint64_t between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

static const char *mount_words(const struct logline_mount *m, char *buf, size_t size)
{
	(void)snprintf(buf, size, "f.%06x.r.%06x", m->fsid, m->rid);
	return buf;
}

/* "127.0.0.1:59816 (rid 3b5070d0562fa6eb, quorum slot 1)" */
static void name_party(struct text *out, const struct verdict_party *p)
{
	const char *open = " (";
	char buf[80];

	if (p->has_addr)
		text_str(out, wire_addr_format(&p->addr, buf, sizeof(buf)));
	else if (p->mount.known)
		text_str(out, mount_words(&p->mount, buf, sizeof(buf)));
	else if (p->slot >= 0)
		text_printf(out, "in quorum slot %d", p->slot);
	else if (!p->rid)
		text_str(out, "of unknown name");
	if (p->rid) {
		bool alone = !p->has_addr && !p->mount.known && p->slot < 0;

		text_printf(out, "%srid %016" PRIx64, alone ? "" : open, p->rid);
		if (alone)
			return;
		open = ", ";
	} else if (p->has_addr && p->mount.known) {
		text_printf(out, "%s%s", open, mount_words(&p->mount, buf, sizeof(buf)));
		open = ", ";
	}
	if (p->slot >= 0 && (p->has_addr || p->mount.known)) {
		text_printf(out, "%squorum slot %d", open, p->slot);
		open = ", ";
	}
	if (p->has_term) {
		text_printf(out, "%sterm %" PRIu64, open, p->term);
		open = ", ";
	}
	text_str(out, *open == ',' ? ")" : "");
}

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

/* ---- the line it is about ---- */

static bool is_fence(enum logline_kind kind)
{
	return kind >= LOGLINE_CLIENT_FENCED && kind <= LOGLINE_LEADER_FENCED;
}

static const struct verdict_line *last_line(const struct verdict *v, bool fences)
{
	const struct verdict_line *found = NULL;

	for (size_t i = 0; i < verdict_line_total(v); i++) {
		const struct verdict_line *k = verdict_line_at(v, i);

		if (fences ? is_fence(k->l.kind) : logline_is_final(k->l.kind))
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

static void find_cause(struct story *s)
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
	if (n && n->sent_ns) {
		p->term = n->led_term;
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

static void know_parties(struct story *s)
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

/* ---- when ---- */

static bool of_victim(const struct story *s, const struct wire_addr *a, bool has)
{
	return has && s->victim.has_addr && wire_addr_equal(a, &s->victim.addr);
}

/* The end of the victim's connection: the event where there is one, else the log's line. */
static void find_loss(struct story *s)
{
	const struct verdict *v = s->v;

	if (s->kind == LOGLINE_LEADER_FENCED)
		return;
	for (size_t i = 0; i < v->lost_count; i++) {
		const struct verdict_lost *l = &v->lost[i];
		bool its = s->victim.rid ? l->rid == s->victim.rid
					 : of_victim(s, &l->client, l->client.port);

		if (its && !l->freed && l->ns <= s->ns && l->ns > s->lost_ns)
			s->lost_ns = l->ns;
	}
	for (size_t i = 0; !s->lost_ns && i < verdict_line_total(v); i++) {
		const struct verdict_line *k = verdict_line_at(v, i);

		if (k->ns <= s->ns && k->l.kind == LOGLINE_SERVER_CLOSING &&
		    of_victim(s, &k->l.b, k->l.has_b))
			s->lost_ns = k->ns;
	}
}

static void find_return(struct story *s)
{
	const struct verdict_node *n = s->victim.rid ? verdict_node_of(s->v, s->victim.rid) : NULL;

	if (!n || !s->lost_ns)
		return;
	s->returned_ns = n->up_ns > s->lost_ns ? n->up_ns : 0;
	if (n->greeted_ns > s->lost_ns)
		s->returned_ns =
			s->returned_ns ? min_of(s->returned_ns, n->greeted_ns) : n->greeted_ns;
}

/* The last heartbeat that a party sent, as far as anybody saw it here. */
static uint64_t last_beat(const struct story *s, const struct verdict_party *p,
			  const char **ret_source)
{
	const struct verdict *v = s->v;
	const struct verdict_node *n = p->rid ? verdict_node_of(v, p->rid) : NULL;
	uint64_t ns = 0;

	for (size_t i = 0; i < v->beat_count; i++) {
		const struct verdict_beat *b = &v->beats[i];
		bool its = (p->slot >= 0 && b->slot == (unsigned int)p->slot) ||
			   (p->has_addr && wire_addr_equal(&b->from, &p->addr));

		if (its && b->last_ns > ns) {
			ns = b->last_ns;
			*ret_source = "packets";
		}
	}
	if (ns)
		return ns;
	*ret_source = "events";
	if (n && n->here)
		return n->sent_ns;
	for (size_t i = 0; p->slot >= 0 && i < v->node_count; i++)
		if (v->nodes[i].received_from == p->slot)
			ns = max_of(ns, v->nodes[i].received_ns);
	return ns;
}

static const struct verdict_talk *talk_of_victim(const struct story *s, int *ret_end)
{
	const struct verdict_talk *t =
		s->victim.has_addr ? verdict_talk_of(s->v, &s->victim.addr) : NULL;

	if (t)
		*ret_end = wire_addr_equal(&t->ends[1], &s->victim.addr);
	return t;
}

static const struct verdict_message *last_message(const struct verdict_talk *t, int end,
						  const char **ret_source)
{
	*ret_source = t->packets[end].ns ? "packets" : "events";
	return t->packets[end].ns ? &t->packets[end] : &t->events[end];
}

static uint64_t victim_spoke(const struct story *s)
{
	const char *source;
	int end;
	const struct verdict_talk *t = talk_of_victim(s, &end);

	return t ? last_message(t, end, &source)->ns : 0;
}

static const struct verdict_line *line_by(const struct story *s, enum logline_kind kind,
					  const struct logline_mount *m, uint64_t until_ns)
{
	const struct verdict_line *found = NULL;

	for (size_t i = 0; i < verdict_line_total(s->v); i++) {
		const struct verdict_line *k = verdict_line_at(s->v, i);

		if (k->l.kind == kind && logline_same_mount(&k->l.mount, m) && k->ns <= until_ns)
			found = k;
	}
	return found;
}

static const struct verdict_campaign *campaign_of(const struct story *s,
						  const struct verdict_party *p)
{
	const struct verdict_campaign *found = NULL;

	for (size_t i = 0; i < s->v->campaign_count; i++) {
		const struct verdict_campaign *c = &s->v->campaigns[i];
		bool its = c->packets ? p->slot >= 0 && c->slot == (unsigned int)p->slot
				      : p->rid && c->rid == p->rid;

		if (its && (!found || c->packets))
			found = c;
	}
	return found;
}

/* ---- what happened ---- */

static void tell_leader_beats(struct story *s)
{
	const char *source;
	uint64_t beat = last_beat(s, &s->judge, &source);
	char buf[40];

	if (!beat || beat > s->ns)
		return;
	if (s->ns - beat < NSEC_PER_SEC)
		text_str(&s->what, " The leader's heartbeats went on all the time.");
	else
		text_printf(&s->what, " The leader's last heartbeat was %s before.",
			    span(s->ns - beat, buf, sizeof(buf)));
}

static void tell_client_fenced(struct story *s)
{
	char buf[40];

	text_str(&s->what, "Node ");
	name_party(&s->what, &s->victim);
	text_str(&s->what, " was fenced by the server ");
	name_party(&s->what, &s->judge);
	if (!s->lost_ns) {
		text_str(&s->what, "; when its connection was lost is not in what is shown here.");
		return;
	}
	text_printf(&s->what, " %s after its connection was lost",
		    span(between(s->lost_ns, s->ns), buf, sizeof(buf)));
	if (s->returned_ns)
		text_printf(&s->what, "; it came back %s after the loss.",
			    span(s->returned_ns - s->lost_ns, buf, sizeof(buf)));
	else if (s->v->node_count && s->victim.rid)
		text_str(&s->what, "; it never came back.");
	else
		text_str(&s->what, ".");
	tell_leader_beats(s);
}

static void tell_leader_fenced(struct story *s)
{
	const char *source;
	uint64_t beat = last_beat(s, &s->victim, &source);
	char buf[40];

	text_str(&s->what, "The previous leader ");
	name_party(&s->what, &s->victim);
	text_str(&s->what, " was fenced by the new leader ");
	name_party(&s->what, &s->judge);
	if (beat && beat < s->ns)
		text_printf(&s->what, " %s after its last heartbeat",
			    span(s->ns - beat, buf, sizeof(buf)));
	text_str(&s->what, ".");
}

static void tell_recovery_fenced(struct story *s)
{
	const struct verdict_line *start =
		line_by(s, LOGLINE_SERVER_STARTING, &s->judge.mount, s->ns);
	char buf[40];

	text_str(&s->what, "Node ");
	name_party(&s->what, &s->victim);
	text_str(&s->what, " was fenced by the new server ");
	name_party(&s->what, &s->judge);
	text_str(&s->what, ": it did not come back for recovery");
	if (s->cause->l.has_number && s->cause->l.number >= 0)
		text_printf(&s->what, " within %s",
			    span(min_of((uint64_t)s->cause->l.number, UINT64_MAX / NSEC_PER_SEC) *
					 NSEC_PER_MSEC,
				 buf, sizeof(buf)));
	if (start)
		text_printf(&s->what, "; the server had started %s before",
			    span(between(start->ns, s->ns), buf, sizeof(buf)));
	text_str(&s->what, ".");
}

/* What other lines mean; the mount's name goes before. */
static const char *meaning(enum logline_kind kind)
{
	switch (kind) {
	case LOGLINE_FENCE_ERROR:
		return "could not get a node fenced: the fence agent failed, or did not answer";
	case LOGLINE_USURPED:
		return "stopped being the leader: it saw a message of a later election";
	case LOGLINE_QUORUM_DEAD:
		return "left the quorum because of an error; it must be mounted again to take part";
	case LOGLINE_SERVER_ABORT:
		return "shut its server down because of an error";
	case LOGLINE_COMMIT_FAILURE:
		return "could not commit a transaction, and tries again";
	case LOGLINE_CORRUPTION:
		return "found the file system's metadata inconsistent";
	case LOGLINE_SERVER_CLOSING:
		return "lost the connection of a client; no fence is in this recording";
	case LOGLINE_CLIENT_DISCONNECTED:
		return "lost its connection to the server";
	case LOGLINE_HEARTBEAT_DELAY:
		return "was late with heartbeats";
	case LOGLINE_SERVER_STOPPING:
		return "stopped its server";
	case LOGLINE_COMMIT_BUDGET:
		return "used more of its allocator than a server commit allows";
	case LOGLINE_LOG_MERGE:
		return "could not commit a log merge";
	default:
		return "logged what the trigger waited for";
	}
}

static void tell_line(struct story *s)
{
	const struct verdict_party *p = s->judge.mount.known ? &s->judge : &s->victim;

	if (s->kind == LOGLINE_OOPS) {
		text_str(&s->what, "The kernel of this host is in trouble: ");
		text_add(&s->what, s->cause->l.message,
			 min_of(s->cause->l.message_bytes, (size_t)VERDICT_TEXT));
		return;
	}
	if (s->kind == LOGLINE_HUNG_TASK) {
		text_str(&s->what, "A task of this host hangs.");
		return;
	}
	text_str(&s->what, "The mount ");
	name_party(&s->what, p);
	text_printf(&s->what, " %s.", meaning(s->kind));
	if (p == &s->judge && (s->victim.rid || s->victim.has_addr)) {
		text_str(&s->what, " It concerns ");
		name_party(&s->what, &s->victim);
		text_str(&s->what, ".");
	}
}

static void tell_nothing(struct story *s)
{
	const struct recording *rec = s->v->rec;
	const struct json_value *stop = json_get(s->v->manifest, "stop");

	if (rec->triggered) {
		text_printf(&s->what,
			    "The trigger %s fired. No fence is in the kernel log before it.",
			    rec->trigger);
		return;
	}
	if (stop && !strcmp(json_get_str(stop, "reason", ""), "died"))
		text_str(&s->what, "The recorder or its host ended without finishing. ");
	text_str(&s->what, "Nothing that looks like a fence is in what is shown here");
	text_str(&s->what, s->v->rec->trigger_ns ? "." : ", and when it ended is not known.");
}

static void tell_what(struct story *s)
{
	if (!s->v->rec->triggered && s->cause)
		text_str(&s->what, "No trigger fired, but: ");
	switch (s->kind) {
	case LOGLINE_CLIENT_FENCED:
		tell_client_fenced(s);
		break;
	case LOGLINE_LEADER_FENCED:
		tell_leader_fenced(s);
		break;
	case LOGLINE_RECOVERY_FENCED:
		tell_recovery_fenced(s);
		break;
	default:
		if (s->kind != LOGLINE_OTHER)
			tell_line(s);
		else
			tell_nothing(s);
	}
}

/* ---- why, probably ---- */

static void guess_of_leader(struct story *s)
{
	const struct verdict_line *forced =
		line_by(s, LOGLINE_FORCED_UNMOUNT, &s->victim.mount, s->ns);
	const struct verdict_line *stopping =
		line_by(s, LOGLINE_SERVER_STOPPING, &s->victim.mount, s->ns);
	const char *source;
	uint64_t beat = last_beat(s, &s->victim, &source);
	char buf[40];

	if (stopping && forced && between(forced->ns, stopping->ns) < NEAR_NS) {
		text_printf(&s->probably,
			    "Probably because it was unmounted by force (umount -f) %s before: its "
			    "server shut down, and its heartbeats ended.",
			    span(between(forced->ns, s->ns), buf, sizeof(buf)));
	} else if (stopping) {
		text_printf(&s->probably, "Probably because its server shut down %s before.",
			    span(between(stopping->ns, s->ns), buf, sizeof(buf)));
	} else if (!s->victim.here && between(beat, s->ns) >= SILENT_NS && beat) {
		text_printf(&s->probably,
			    "Probably its host died or lost its network: its heartbeats ended %s "
			    "before, and after 10 s without them the others elect.",
			    span(s->ns - beat, buf, sizeof(buf)));
	}
}

static void guess_of_client(struct story *s)
{
	const struct verdict_line *forced =
		line_by(s, LOGLINE_FORCED_UNMOUNT, &s->victim.mount, s->lost_ns + NEAR_NS);
	const struct verdict_campaign *votes = campaign_of(s, &s->victim);
	uint64_t spoke = victim_spoke(s);
	char buf[40];

	if (!s->lost_ns)
		return;
	if (forced && between(forced->ns, s->lost_ns) < NEAR_NS) {
		text_printf(&s->probably,
			    "Probably because it was unmounted by force (umount -f) %s before its "
			    "connection was lost.",
			    span(between(forced->ns, s->lost_ns), buf, sizeof(buf)));
	} else if (votes && votes->last_ns > s->lost_ns - min_of(s->lost_ns, RECONNECT_NS)) {
		text_printf(&s->probably,
			    "Probably it was alive and cut off from the leader: it asked %" PRIu64
			    " times for votes, up to term %" PRIu64 ".",
			    votes->count, votes->last_term);
	} else if (spoke && between(spoke, s->lost_ns) >= SILENT_NS) {
		text_printf(&s->probably,
			    "Probably its host was down or its network cut: nothing had come from "
			    "it for %s when the connection was given up.",
			    span(s->lost_ns - spoke, buf, sizeof(buf)));
	}
}

static void guess_of_mount(struct story *s)
{
	const struct verdict_line *forced =
		line_by(s, LOGLINE_FORCED_UNMOUNT, &s->victim.mount, s->ns);
	const struct verdict_campaign *votes = campaign_of(s, &s->victim);

	if (forced && between(forced->ns, s->ns) < NEAR_NS)
		text_str(&s->probably,
			 "Probably because it was being unmounted by force (umount -f).");
	else if (s->kind == LOGLINE_CLIENT_DISCONNECTED && votes && votes->count >= 4)
		text_printf(&s->probably,
			    "Probably this node was cut off: it asked %" PRIu64
			    " times for votes, up to term %" PRIu64 ".",
			    votes->count, votes->last_term);
}

static void guess(struct story *s)
{
	if (s->kind == LOGLINE_LEADER_FENCED)
		guess_of_leader(s);
	else if (s->kind == LOGLINE_CLIENT_FENCED || s->kind == LOGLINE_SERVER_CLOSING)
		guess_of_client(s);
	else if (s->kind == LOGLINE_CLIENT_DISCONNECTED || s->kind == LOGLINE_QUORUM_DEAD ||
		 s->kind == LOGLINE_COMMIT_FAILURE)
		guess_of_mount(s);
}

/* ---- durations ---- */

static void lasted(struct story *s, const char *what, uint64_t from_ns, uint64_t to_ns,
		   const char *remark)
{
	char buf[40];

	if (!from_ns || !to_ns || to_ns < from_ns)
		return;
	text_printf(&s->durations, "%s%s %s%s", s->durations.len ? "; " : "", what,
		    span(to_ns - from_ns, buf, sizeof(buf)), remark);
}

static void tell_durations(struct story *s)
{
	const struct verdict_line *start =
		line_by(s, LOGLINE_SERVER_STARTING, &s->judge.mount, s->ns);
	const char *source;

	if (s->kind == LOGLINE_LEADER_FENCED) {
		uint64_t beat = last_beat(s, &s->victim, &source);

		lasted(s, "last heartbeat to new server", beat, start ? start->ns : 0,
		       " (timeout 10 s unless set otherwise)");
		lasted(s, "new server to fence", start ? start->ns : 0, s->ns, "");
	} else {
		uint64_t spoke = victim_spoke(s);
		bool over = s->lost_ns && s->ns - s->lost_ns >= RECONNECT_NS;

		lasted(s, "last message from it to loss", spoke, s->lost_ns, "");
		if (s->kind == LOGLINE_CLIENT_FENCED)
			lasted(s, "loss to fence", s->lost_ns, s->ns,
			       over ? " (reconnect window 20 s: passed)"
				    : " (less than the reconnect window of 20 s)");
		else
			lasted(s, "loss to trigger", s->lost_ns, s->ns, "");
	}
	lasted(s, "fence to reclaimed", s->ns, s->reclaimed_ns, "");
	if (is_fence(s->kind) && !s->reclaimed_ns)
		text_printf(&s->durations, "%snot reclaimed in this recording",
			    s->durations.len ? "; " : "");
}

/* ---- seen from ---- */

static void tell_seen_from(struct story *s)
{
	char judge[32], victim[32];

	(void)mount_words(&s->judge.mount, judge, sizeof(judge));
	(void)mount_words(&s->victim.mount, victim, sizeof(victim));
	if (s->judge.here && s->victim.here && s->judge.mount.known && s->victim.mount.known)
		text_printf(&s->seen_from, "both sides: %s and %s ran on this host", judge, victim);
	else if (s->judge.here && s->judge.mount.known)
		text_printf(&s->seen_from, "the leader's side: %s logged it on this host", judge);
	else if (s->kind == LOGLINE_CLIENT_DISCONNECTED)
		text_printf(&s->seen_from, "the client's side: %s logged it on this host", victim);
	else if (s->victim.here && s->victim.mount.known)
		text_printf(&s->seen_from, "the node itself: %s is a mount of this host", victim);
}

/* ---- the sequence ---- */

static void tell_messages(struct story *s)
{
	static const char *const ways[] = {"from the server to it", "from it to the server"};
	int end = 0;
	const struct verdict_talk *t = talk_of_victim(s, &end);

	/* The fenced one is not a client of itself: of a leader, what others last heard. */
	for (int i = 0; t && i < 2; i++) {
		const char *source;
		const struct verdict_message *m = last_message(t, i, &source);
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
		ns = last_beat(s, &s->victim, &source);
		step(s, ns, 85, ROW_WARNING, source, "last heartbeat of the old leader");
		ns = last_beat(s, &s->judge, &source);
		step(s, ns, 40, ROW_PLAIN, source, "heartbeats of the new leader go on");
		return;
	}
	ns = last_beat(s, &s->judge, &source);
	if (s->judge.slot >= 0 || s->judge.rid)
		step(s, ns, 75, ROW_PLAIN, source, "last heartbeat of the leader before %s",
		     s->v->rec->triggered ? "the trigger" : "that");
	if (n && n->here)
		step(s, n->received_ns, 78, ROW_PLAIN, "events", "last heartbeat that %s received",
		     is_fence(s->kind) ? "the fenced node" : "this mount");
}

static void tell_campaign(struct story *s, const struct verdict_campaign *c, const char *who)
{
	const char *source = c->packets ? "packets" : "events";

	if (c->first_term == c->last_term)
		step(s, c->first_ns, 76, ROW_WARNING, source,
		     "election: %s asks for votes in term %" PRIu64, who, c->first_term);
	else
		step(s, c->first_ns, 76, ROW_WARNING, source,
		     "elections: %s asks for votes %" PRIu64 " times, terms %" PRIu64 " to %" PRIu64
		     ", for %" PRIu64 " s",
		     who, c->count, c->first_term, c->last_term,
		     between(c->first_ns, c->last_ns) / NSEC_PER_SEC);
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
			step(s, l->ns, 35, ROW_PLAIN, "events",
			     "the server gives its connection up for good");
		else if (l->ns == s->lost_ns)
			step(s, l->ns, 90, ROW_WARNING, "events",
			     "its connection is lost, without a farewell");
	}
}

static unsigned int line_weight(const struct story *s, const struct verdict_line *k)
{
	const struct logline *l = &k->l;
	bool victim = logline_same_mount(&l->mount, &s->victim.mount) ||
		      of_victim(s, &l->a, l->has_a) || of_victim(s, &l->b, l->has_b) ||
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
			mark = is_fence(k->l.kind) || k == s->cause ? ROW_BAD : ROW_WARNING;
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

/**
 * story_make() - conclusions
 * @v:   borrowed; all was seen
 * @ret: story_done() it
 */
void story_make(const struct verdict *v, struct story *ret)
{
	struct story *s = ret;

	*s = (struct story){.v = v};
	find_cause(s);
	know_parties(s);
	find_loss(s);
	find_return(s);
	tell_what(s);
	guess(s);
	tell_durations(s);
	tell_seen_from(s);
	tell_lines(s);
	tell_losses(s);
	tell_messages(s);
	tell_beats(s);
	tell_votes(s);
	qsort(s->steps, s->step_count, sizeof(*s->steps), by_time);
}

void story_done(struct story *s)
{
	text_free(&s->what);
	text_free(&s->probably);
	text_free(&s->durations);
	text_free(&s->seen_from);
}
