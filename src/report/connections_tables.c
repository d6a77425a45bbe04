/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `connections`: its tables, of what was gathered.
 *
 * Called by analysis_connections.c. How a connection ended is told by the best place that saw it:
 * the server's own view, the kernel log, the client's view, the packets.
 */
#include "connections.h"

#include <inttypes.h>

#define TOLD 8				  /* connections in the table of steps */
#define WAIT_LEAST_NS (15 * NSEC_PER_SEC) /* sooner is not the end of the 20 s */

static void cell_addr(struct table *t, const struct wire_addr *a)
{
	char buf[64];

	table_text(t, wire_addr_format(a, buf, sizeof(buf)));
}

static void cell_known(struct table *t, bool known, uint64_t v)
{
	if (known)
		table_u64(t, v);
	else
		table_none(t);
}

static const char *begin_words(const struct life *l)
{
	if (l->refused)
		return "came to nothing";
	if (l->takes_over)
		return "reconnected";
	if (l->begun)
		return "new";
	return l->begin_how == TCPFLOW_BEGIN_GREETING ? "new, not captured" : "was there";
}

static const char *tcp_words(const struct life *l)
{
	switch (l->end_how) {
	case TCPFLOW_END_FIN:
		return "closed";
	case TCPFLOW_END_RST:
		return "broken off (RST)";
	case TCPFLOW_END_REPLACED:
		return "its ports were used anew";
	case TCPFLOW_END_FORGOTTEN:
		return "not followed further";
	case TCPFLOW_END_CAPTURE:
		break;
	}
	return "?";
}

/* How long the server kept what it knew of the client. */
static uint64_t waited_ns(const struct life *l)
{
	uint64_t since = l->wait_ns ? l->wait_ns : l->end_ns;

	return l->freed_ns > since ? l->freed_ns - since : 0;
}

/* How it ended, by the best that is known: the server's view, the log, the packets. */
static void end_words(const struct life *l, struct text *out)
{
	char waited[32];

	if (l->refused) {
		text_printf(out, "%" PRIu64 " attempts refused or unanswered", l->attempts);
		return;
	}
	if (!l->ended) {
		text_str(out, "was there at the end");
		return;
	}
	if (l->farewell || l->flags & FL_SAW_FAREWELL) {
		text_str(out, "farewell: unmounted");
		return;
	}
	(void)format_duration(waited_ns(l), waited, sizeof(waited));
	if (l->migrated_ns)
		text_printf(out, "lost; the client was back after %s", waited);
	else if (l->timed_out)
		text_printf(out, "lost; not back within %s: fenced", l->freed_ns ? waited : "20 s");
	else if (l->wait_ns && l->freed_ns && waited_ns(l) < WAIT_LEAST_NS)
		text_printf(out, "lost; the server gave it up %s later, shutting down", waited);
	else if (l->wait_ns && l->freed_ns)
		text_printf(out, "lost; not back within %s: given up", waited);
	else if (l->wait_ns)
		text_str(out, "lost; the server waits for the client");
	else if (l->freed_ns)
		text_str(out, "the server shut it down");
	else if (l->ended & (1U << PART_CLIENT | 1U << PART_SERVER | 1U << PART_LOG))
		text_str(out, "lost");
	else
		text_str(out, tcp_words(l));
}

static enum row_mark mark_of(const struct life *l)
{
	if (!l->ended || l->farewell || l->flags & FL_SAW_FAREWELL)
		return ROW_PLAIN;
	if (l->timed_out || (l->wait_ns && !l->migrated_ns && waited_ns(l) >= WAIT_LEAST_NS))
		return ROW_BAD;
	return ROW_WARNING;
}

static void flag_words(uint64_t flags, struct text *out)
{
	static const char *const names[] = {
		"valid_greeting", "established", "shutting_down",  "saw_greeting",
		"saw_farewell",	  "reconn_wait", "reconn_freeing",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & 1U << i)
			text_printf(out, "%s%s", out->len ? "|" : "", names[i]);
	flags &= ~((UINT64_C(1) << ARRAY_SIZE(names)) - 1);
	if (flags)
		text_printf(out, "%s0x%" PRIx64, out->len ? "|" : "", flags);
}

static void tell_connections(struct connections *c, struct report_out *out)
{
	static const struct column columns[] = {
		{"number", "#", COLUMN_COUNT, .use = USE_LABEL},
		{"client", "client", COLUMN_TEXT},
		{"client_rid", "its rid", COLUMN_HEX},
		{"server", "server", COLUMN_TEXT},
		{"term", "term", COLUMN_COUNT, .use = USE_LABEL},
		{"begin_ns", "begin", COLUMN_TIME},
		{"begin", "", COLUMN_TEXT},
		{"attempts", "attempts before", COLUMN_COUNT, .use = USE_LEVEL},
		{"end_ns", "end", COLUMN_TIME},
		{"end", "how it ended", COLUMN_TEXT},
		{"tcp", "TCP", COLUMN_TEXT},
		{"flags", "last flags", COLUMN_TEXT},
	};
	struct table *t =
		report_table(out, "connections", "Connections", columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < c->count; i++) {
		const struct life *l = c->lives[i];
		CLEANUP(text_free) struct text how = {0};
		CLEANUP(text_free) struct text flags = {0};

		table_row(t);
		table_mark(t, mark_of(l));
		table_u64(t, l->number);
		cell_addr(t, &l->client);
		cell_known(t, l->client_rid, l->client_rid);
		cell_addr(t, &l->server);
		cell_known(t, l->term, l->term);
		table_u64(t, l->begin_ns);
		table_text(t, begin_words(l));
		cell_known(t, !l->refused, l->attempts);
		cell_known(t, l->ended, l->end_ns);
		end_words(l, &how);
		table_text(t, text_c(&how));
		table_text(t, l->ended & 1U << PART_PACKETS ? tcp_words(l) : NULL);
		flag_words(l->flags, &flags);
		table_text(t, l->flags ? text_c(&flags) : NULL);
	}
	if (c->dropped)
		table_note(t, "%" PRIu64 " older connections are not listed.", c->dropped);
	table_note(t, "An end is when the first sign of it was seen, at either end, in packets or "
		      "in the log.");
}

/* What a place saw of it most of: each sees all that it sees. */
static uint64_t messages_of(const struct life *l, enum calls_side from)
{
	uint64_t most = 0;

	for (size_t part = 0; part < PARTS; part++)
		most = max_of(most, l->messages[part][from]);
	return most;
}

static void tell_traffic(struct connections *c, struct report_out *out)
{
	static const struct column columns[] = {
		{"number", "#", COLUMN_COUNT, .use = USE_LABEL},
		{"client", "client", COLUMN_TEXT},
		{"server", "server", COLUMN_TEXT},
		{"from_client", "from client", COLUMN_COUNT},
		{"last_client_ns", "last from client", COLUMN_TIME},
		{"from_server", "from server", COLUMN_COUNT},
		{"last_server_ns", "last from server", COLUMN_TIME},
		{"quiet_ns", "quiet before the end", COLUMN_DURATION},
		{"gaps", "gaps", COLUMN_COUNT},
		{"gap_bytes", "in gaps", COLUMN_BYTES},
	};
	struct table *t =
		report_table(out, "traffic", "What went over them", columns, ARRAY_SIZE(columns));
	bool gaps = false;

	for (size_t i = 0; i < c->count; i++) {
		const struct life *l = c->lives[i];
		uint64_t last = max_of(l->last_ns[0], l->last_ns[1]);

		if (l->refused)
			continue;
		table_row(t);
		table_u64(t, l->number);
		cell_addr(t, &l->client);
		cell_addr(t, &l->server);
		for (enum calls_side side = 0; side < CALLS_SIDES; side++) {
			table_u64(t, messages_of(l, side));
			cell_known(t, l->last_ns[side], l->last_ns[side]);
		}
		cell_known(t, l->ended && last && l->end_ns > last, l->end_ns - last);
		cell_known(t, l->parts & 1U << PART_PACKETS, l->gaps);
		cell_known(t, l->parts & 1U << PART_PACKETS, l->gap_bytes);
		gaps |= l->gaps;
	}
	table_note(t, "Messages as seen at the place that saw most of them: packets, or the trace "
		      "events of one end.");
	if (gaps)
		table_note(t, "Gaps are parts of what was sent that the packets lack or that could "
			      "not be read: the messages are the least that there were.");
}

/* ---- the steps of what the trigger is about ---- */

static bool concerns(const struct connections *c, const struct life *l)
{
	const struct logline *k = &c->trigger;

	if (!c->has_trigger || l->refused)
		return false;
	if (k->has_rid && l->client_rid == k->rid)
		return true;
	if (k->has_a && k->has_b)
		return connections_between(l, &k->a, &k->b);
	return k->has_a &&
	       (wire_addr_equal(&l->client, &k->a) ||
		(k->kind != LOGLINE_CLIENT_FENCED && wire_addr_equal(&l->server, &k->a)));
}

/* The latest that was lost, if the trigger names none. */
static struct life *last_lost(const struct connections *c)
{
	struct life *found = NULL;

	for (size_t i = 0; i < c->count; i++) {
		struct life *l = c->lives[i];

		if (!l->refused && mark_of(l) != ROW_PLAIN &&
		    (!found || l->end_ns >= found->end_ns))
			found = l;
	}
	return found;
}

static size_t choose(const struct connections *c, struct life **ret, bool *ret_by_trigger)
{
	size_t count = 0;
	uint64_t rid = 0;

	for (size_t i = c->count; i-- > 0 && count < TOLD;) {
		if (concerns(c, c->lives[i])) {
			ret[count++] = c->lives[i];
			if (c->trigger.kind == LOGLINE_CLIENT_FENCED)
				rid = c->lives[i]->client_rid;
		}
	}
	*ret_by_trigger = count;
	if (!count && (ret[0] = last_lost(c))) {
		rid = ret[0]->client_rid;
		count = 1;
	}
	/* And the same client's others: it may have come back. */
	for (size_t i = c->count; rid && i-- > 0 && count < TOLD;) {
		bool have = false;

		for (size_t k = 0; k < count; k++)
			have |= ret[k] == c->lives[i];
		if (!have && !c->lives[i]->refused && c->lives[i]->client_rid == rid)
			ret[count++] = c->lives[i];
	}
	return count;
}

static void last_messages(struct connections *c, struct life *l)
{
	static const char *const words[] = {"the client's last message",
					    "the server's last message"};

	for (size_t side = 0; side < CALLS_SIDES; side++)
		if (l->last_ns[side])
			(void)connections_step(c, l, PARTS, l->last_ns[side], words[side]);
}

struct told {
	const struct life *life;
	const struct step *step;
	size_t order;
};

static int by_time(const void *va, const void *vb)
{
	const struct told *a = va, *b = vb;

	if (a->step->ns != b->step->ns)
		return a->step->ns < b->step->ns ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static void cell_place(struct table *t, const struct told *k)
{
	switch ((enum part)k->step->part) {
	case PART_PACKETS:
		table_text(t, "packets");
		break;
	case PART_CLIENT:
		table_text(t, "client");
		break;
	case PART_SERVER:
		table_text(t, "server");
		break;
	case PART_LOG:
		table_text(t, "kernel log");
		break;
	case PARTS:
		table_none(t);
		break;
	}
}

static void step_row(const struct connections *c, struct table *t, const struct told *k)
{
	const struct step *s = k->step;
	const struct comm *comm = s->has_state ? recording_comm(c->rec, s->pid) : NULL;
	CLEANUP(text_free) struct text flags = {0};

	table_row(t);
	table_u64(t, s->ns);
	table_u64(t, k->life->number);
	cell_place(t, k);
	table_text(t, s->what);
	if (comm)
		table_text_n(t, comm->name, comm->bytes);
	else
		table_none(t);
	flag_words(s->flags, &flags);
	table_text(t, s->has_state ? text_c(&flags) : NULL);
	if (!s->has_state)
		return;
	table_text(t, s->to_send && s->to_resend ? "to send, unacknowledged"
		      : s->to_send		 ? "to send"
		      : s->to_resend		 ? "unacknowledged"
						 : "nothing");
	cell_known(t, s->next_seq, s->next_seq);
}

static void tell_steps(struct connections *c, struct report_out *out)
{
	static const struct column columns[] = {
		{"time_ns", "time", COLUMN_TIME},
		{"number", "#", COLUMN_COUNT, .use = USE_LABEL},
		{"place", "seen at", COLUMN_TEXT},
		{"what", "what", COLUMN_TEXT},
		{"process", "process", COLUMN_TEXT},
		{"flags", "flags", COLUMN_TEXT},
		{"queues", "queued", COLUMN_TEXT},
		{"next_seq", "next seq", COLUMN_COUNT, .use = USE_LABEL},
	};
	struct life *chosen[TOLD];
	bool by_trigger;
	size_t lives = choose(c, chosen, &by_trigger), count = 0;
	CLEANUP(freep) struct told *told = calloc(TOLD * (STEPS + 2), sizeof(*told));
	struct table *t = report_table(out, "steps", "Step by step", columns, ARRAY_SIZE(columns));
	uint64_t dropped = 0;

	if (!told) {
		c->failed = true;
		return;
	}
	for (size_t i = 0; i < lives; i++) {
		last_messages(c, chosen[i]);
		dropped += chosen[i]->steps_dropped;
		for (size_t k = 0; k < chosen[i]->step_count; k++, count++)
			told[count] = (struct told){chosen[i], &chosen[i]->steps[k], count};
	}
	qsort(told, count, sizeof(*told), by_time);
	for (size_t i = 0; i < count; i++)
		step_row(c, t, &told[i]);
	if (!lives)
		table_note(t, "No connection was lost%s.",
			   c->rec->triggered ? ", and the trigger names none" : "");
	else if (by_trigger)
		table_note(t, "Of the connections that the trigger names, and others of the same "
			      "client.");
	else
		table_note(t, "%s: these are of the connection that was lost last.",
			   c->rec->triggered ? "The trigger names no connection"
					     : "Nothing triggered");
	if (dropped)
		table_note(t, "%" PRIu64 " steps are not shown.", dropped);
}

/** connections_tell() - all tables, of what was gathered */
void connections_tell(struct connections *c, struct report_out *out)
{
	tell_connections(c, out);
	tell_traffic(c, out);
	tell_steps(c, out);
}
