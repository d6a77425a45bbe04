/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened, from what was gathered, in sentences: when the connection went, how long each step
 * took, what was probably the cause. Who the two are is found by verdict_who.c, the moments on the
 * way by verdict_steps.c.
 *
 * Called by analysis_verdict.c when all was seen. It says nothing that the data does not hold: a
 * time that was not recorded is left out, and what is only likely is told with the word "probably".
 * Facts about scoutfs (timers, who sends what) are those of its sources (net.c, quorum.c, server.c)
 * and were checked on real fences.
 */
#include "verdict.h"

#include <inttypes.h>

#define RECONNECT_NS (20 * NSEC_PER_SEC)
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

/* ---- when ---- */

/* The end of the victim's connection: the event where there is one, else the log's line. */
static void find_loss(struct story *s)
{
	const struct verdict *v = s->v;

	if (s->kind == LOGLINE_LEADER_FENCED)
		return;
	for (size_t i = 0; i < v->lost_count; i++) {
		const struct verdict_lost *l = &v->lost[i];
		bool its = s->victim.rid ? l->rid == s->victim.rid
					 : story_is_victim(s, &l->client, l->client.port);

		if (its && !l->freed && l->ns <= s->ns && l->ns > s->lost_ns)
			s->lost_ns = l->ns;
	}
	for (size_t i = 0; !s->lost_ns && i < verdict_line_total(v); i++) {
		const struct verdict_line *k = verdict_line_at(v, i);

		if (k->ns <= s->ns && k->l.kind == LOGLINE_SERVER_CLOSING &&
		    story_is_victim(s, &k->l.b, k->l.has_b))
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

/** story_last_beat() - the last heartbeat that a party sent, as far as anybody saw it here; or 0 */
uint64_t story_last_beat(const struct story *s, const struct verdict_party *p,
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
	*ret_source = "trace";
	/* What was received rather than what was sent: a forced unmount sends what never leaves. */
	for (size_t i = 0; p->slot >= 0 && i < v->node_count; i++)
		if (v->nodes[i].now.received_from == p->slot)
			ns = max_of(ns, v->nodes[i].now.received_ns);
	if (!ns && n && n->here)
		ns = n->now.sent_ns;
	return ns;
}

/** story_talk() - the victim's latest connection and which end it is; NULL: none was seen */
const struct verdict_talk *story_talk(const struct story *s, int *ret_end)
{
	const struct verdict_talk *t =
		s->victim.has_addr ? verdict_talk_of(s->v, &s->victim.addr) : NULL;

	if (t)
		*ret_end = wire_addr_equal(&t->ends[1], &s->victim.addr);
	return t;
}

/** story_last_message() - what this end said last; .ns is 0 when nothing was seen */
const struct verdict_message *story_last_message(const struct verdict_talk *t, int end,
						 const char **ret_source)
{
	*ret_source = t->packets[end].ns ? "packets" : "trace";
	return t->packets[end].ns ? &t->packets[end] : &t->events[end];
}

static uint64_t victim_spoke(const struct story *s)
{
	const char *source;
	int end;
	const struct verdict_talk *t = story_talk(s, &end);

	return t ? story_last_message(t, end, &source)->ns : 0;
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
	uint64_t beat = story_last_beat(s, &s->judge, &source);
	char buf[40];

	if (!beat || beat > s->ns)
		return;
	if (s->ns - beat < NSEC_PER_SEC)
		text_str(&s->what, " The leader's heartbeats went on all the time.");
	else
		text_printf(&s->what, " The leader's last heartbeat was %s before.",
			    span(s->ns - beat, buf, sizeof(buf)));
}

/* It would have said hello, in packets and in events of a server. Either is enough. */
static bool may_have_returned(const struct story *s)
{
	return (!s->packets.any || !coverage_whole(&s->packets, s->lost_ns)) &&
	       (!s->trace.any || !coverage_whole(&s->trace, s->lost_ns)) &&
	       (s->packets.any || s->trace.any || s->packets.damaged || s->trace.damaged);
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
		    span(story_between(s->lost_ns, s->ns), buf, sizeof(buf)));
	if (s->returned_ns)
		text_printf(&s->what, "; it came back %s after the loss.",
			    span(s->returned_ns - s->lost_ns, buf, sizeof(buf)));
	else if (s->v->node_count && s->victim.rid)
		text_str(&s->what, may_have_returned(s) ? "; whether it came back cannot be told."
							: "; it never came back.");
	else
		text_str(&s->what, ".");
	tell_leader_beats(s);
}

static void tell_leader_fenced(struct story *s)
{
	const char *source;
	uint64_t beat = story_last_beat(s, &s->victim, &source);
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
			    span(story_between(start->ns, s->ns), buf, sizeof(buf)));
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
		return "ended the connection of a client (at a clean unmount the log says the "
		       "same)";
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

/* What became of a client whose connection is gone. */
static void tell_outcome(struct story *s)
{
	for (size_t i = 0; i < verdict_line_total(s->v); i++) {
		const struct verdict_line *k = verdict_line_at(s->v, i);
		char buf[40];

		if (k->l.kind != LOGLINE_CLIENT_FENCED || k->ns < s->ns ||
		    !story_is_victim(s, &k->l.a, k->l.has_a))
			continue;
		text_printf(&s->what, " It was fenced %s later.",
			    span(k->ns - s->ns, buf, sizeof(buf)));
		return;
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
	if (s->kind == LOGLINE_SERVER_CLOSING || s->kind == LOGLINE_CLIENT_DISCONNECTED)
		tell_outcome(s);
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
	text_str(&s->what,
		 s->trace.any || s->v->has_log
			 ? "Nothing that looks like a fence is in what is shown here."
			 : "Whether there was a fence cannot be known from this: the kernel "
			   "log and the trace tell, and neither can be read here.");
}

static void tell_untriggered(struct story *s)
{
	uint64_t fences = 0;

	for (size_t i = 0; i < verdict_line_total(s->v); i++)
		if (logline_is_fence(verdict_line_at(s->v, i)->l.kind))
			fences += verdict_line_at(s->v, i)->count;
	if (fences > 1)
		text_printf(&s->what,
			    "No trigger fired, but the log tells of %" PRIu64
			    " fences; the last one: ",
			    fences);
	else
		text_str(&s->what, "No trigger fired, but: ");
}

static void tell_what(struct story *s)
{
	if (!s->v->rec->triggered && s->cause)
		tell_untriggered(s);
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
	uint64_t beat = story_last_beat(s, &s->victim, &source);
	char buf[40];

	if (stopping && forced && story_between(forced->ns, stopping->ns) < NEAR_NS) {
		text_printf(&s->probably,
			    "Probably because it was unmounted by force (umount -f) %s before: its "
			    "server shut down, and its heartbeats ended.",
			    span(story_between(forced->ns, s->ns), buf, sizeof(buf)));
	} else if (stopping) {
		text_printf(&s->probably, "Probably because its server shut down %s before.",
			    span(story_between(stopping->ns, s->ns), buf, sizeof(buf)));
	} else if (!s->victim.here && story_between(beat, s->ns) >= SILENT_NS && beat) {
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
	if (forced && story_between(forced->ns, s->lost_ns) < NEAR_NS) {
		text_printf(&s->probably,
			    "Probably because it was unmounted by force (umount -f) %s before its "
			    "connection was lost.",
			    span(story_between(forced->ns, s->lost_ns), buf, sizeof(buf)));
	} else if (votes && votes->last_ns > s->lost_ns - min_of(s->lost_ns, RECONNECT_NS)) {
		text_printf(&s->probably,
			    "Probably it was alive and cut off from the leader: it asked %" PRIu64
			    " times for votes, up to term %" PRIu64 ".",
			    votes->count, votes->last_term);
	} else if (spoke && story_between(spoke, s->lost_ns) >= SILENT_NS) {
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

	if (forced && story_between(forced->ns, s->ns) < NEAR_NS)
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

/* A recording ends soon after its trigger; what is not shown may have it. */
static void tell_no_reclaim(struct story *s)
{
	const struct analysis_options *o = &s->v->options;
	const char *semicolon = s->durations.len ? "; " : "";
	char buf[32];

	if (o->to_ns != UINT64_MAX || o->from_ns || o->filtered)
		text_printf(&s->durations, "%sa reclaim is not in what is shown", semicolon);
	else if (s->v->rec->last_ns > s->ns)
		text_printf(&s->durations, "%snot reclaimed in the %s recorded after it", semicolon,
			    span(s->v->rec->last_ns - s->ns, buf, sizeof(buf)));
	else
		text_printf(&s->durations, "%snot reclaimed in this recording", semicolon);
}

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
		uint64_t beat = story_last_beat(s, &s->victim, &source);

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
		else if (s->kind != LOGLINE_SERVER_CLOSING)
			lasted(s, "loss to trigger", s->lost_ns, s->ns, "");
	}
	lasted(s, "fence to reclaimed", s->ns, s->reclaimed_ns, "");
	if (logline_is_fence(s->kind) && !s->reclaimed_ns)
		tell_no_reclaim(s);
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

/**
 * story_make() - conclusions
 * @v:   borrowed; all was seen
 * @ret: story_done() it
 */
void story_make(const struct verdict *v, struct story *ret)
{
	struct story *s = ret;

	*s = (struct story){.v = v};
	coverage_find(v->rec, &v->options, FEED_TRACE, &s->trace);
	coverage_find(v->rec, &v->options, FEED_PACKETS, &s->packets);
	s->packets.loss_ns = max_of(s->packets.loss_ns, v->hung.packet_gap_ns);
	story_find_cause(s);
	story_know_parties(s);
	find_loss(s);
	find_return(s);
	tell_what(s);
	guess(s);
	tell_durations(s);
	story_find_hung(s);
	tell_seen_from(s);
	story_find_steps(s);
}

/** story_ok() - false: something may not be told, since there was no memory */
bool story_ok(const struct story *s)
{
	return text_ok(&s->what) && text_ok(&s->probably) && text_ok(&s->durations) &&
	       text_ok(&s->stalled) && text_ok(&s->hung) && text_ok(&s->seen_from) &&
	       !s->v->hung.calls.failed;
}

void story_done(struct story *s)
{
	text_free(&s->what);
	text_free(&s->probably);
	text_free(&s->durations);
	text_free(&s->stalled);
	text_free(&s->hung);
	text_free(&s->seen_from);
}
