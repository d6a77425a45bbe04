/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same request at several places.
 *
 * Called by analysis_rpc.c and verdict_hung.c, which both want one line a request. calls.c keeps
 * packets, client's and server's end apart, as each may have losses of its own; a request that is
 * unanswered at one of them may have been answered at another. Answers are remembered in a table of
 * fixed size, the later in place of the earlier, since places tell of one answer within
 * milliseconds.
 */
#include "answers.h"

static size_t slot_of(uint32_t pair, uint8_t asker, uint64_t id)
{
	uint64_t h = (id * 2 + asker) * UINT64_C(0x9e3779b97f4a7c15) + pair * UINT64_C(0x85ebca6b);

	return (h >> 40) % ANSWERS_RECENT;
}

/** answer_same() - are these the same request? */
bool answer_same(const struct answer *a, const struct answer *b)
{
	return a->pair == b->pair && a->asker == b->asker && a->id == b->id &&
	       a->command == b->command;
}

/**
 * answer_note() - a request was answered at one place
 * @recent: [ANSWERS_RECENT], zeroes at first
 * @d:      calls.done's
 *
 * Return: what all places told of it so far, until the next call.
 */
struct answer *answer_note(struct answer *recent, const struct calls *c, const struct calls_done *d)
{
	struct answer call = {.id = d->id,
			      .pair = (uint32_t)(d->pair - c->pairs),
			      .asker = (uint8_t)d->asker,
			      .command = d->command};
	struct answer *slot = &recent[slot_of(call.pair, call.asker, call.id)];

	if (!answer_same(slot, &call) || slot->views & 1U << d->session->view)
		*slot = call;
	slot->views |= (uint8_t)(1U << d->session->view);
	slot->latency_ns[d->session->view] = d->latency_ns;
	return slot;
}

static int by_call(const void *va, const void *vb)
{
	const struct calls_pending *a = *(const struct calls_pending *const *)va,
				   *b = *(const struct calls_pending *const *)vb;

#define ORDER(x)                                     \
	do {                                         \
		if (a->x != b->x)                    \
			return a->x < b->x ? -1 : 1; \
	} while (0)
	ORDER(pair);
	ORDER(side);
	ORDER(id);
	ORDER(command);
	ORDER(ns);
#undef ORDER
	return (a > b) - (a < b);
}

static int by_age(const void *va, const void *vb)
{
	const struct unanswered *a = va, *b = vb;

	return (a->ns > b->ns) - (a->ns < b->ns);
}

/* Requests of all views, joined: the same one at another place follows it. */
static size_t join(const struct calls *c, const struct calls_pending **all, size_t n,
		   struct unanswered *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		const struct calls_pending *p = all[i], *before = i ? all[i - 1] : NULL;
		enum calls_view view = c->sessions[p->session].view;
		struct unanswered *u = count ? &ret[count - 1] : NULL;

		if (!before || before->pair != p->pair || before->side != p->side ||
		    before->id != p->id || before->command != p->command || u->at[view]) {
			u = &ret[count++];
			*u = (struct unanswered){.ns = p->ns};
		}
		u->at[view] = p;
		u->sent = max_of(u->sent, p->sent);
	}
	return count;
}

static const struct calls_pending *first_of(const struct unanswered *u)
{
	for (size_t v = 0; v < CALLS_VIEWS; v++)
		if (u->at[v])
			return u->at[v];
	return NULL;
}

/**
 * unanswered_list() - every request that is unanswered at some place, the oldest first
 * @ret: the caller frees it; points into @c
 *
 * Return: false: there was no memory.
 */
bool unanswered_list(const struct calls *c, struct unanswered **ret, size_t *ret_count)
{
	CLEANUP(freep) const struct calls_pending **all = NULL;
	struct unanswered *joined;
	size_t n = 0;

	all = calloc((size_t)c->pending_count + 1, sizeof(*all));
	joined = calloc((size_t)c->pending_count + 1, sizeof(*joined));
	if (!all || !joined) {
		free(joined);
		return false;
	}
	for (uint32_t i = 0; i < c->pending_size; i++)
		if (c->pending[i].sent)
			all[n++] = &c->pending[i];
	qsort(all, n, sizeof(*all), by_call);
	*ret_count = join(c, all, n, joined);
	for (size_t i = 0; i < *ret_count; i++)
		joined[i].any = first_of(&joined[i]);
	qsort(joined, *ret_count, sizeof(*joined), by_age);
	*ret = joined;
	return true;
}

/** unanswered_elsewhere() - the answer to it that another place saw; NULL: none */
const struct answer *unanswered_elsewhere(const struct unanswered *u, const struct answer *recent)
{
	const struct calls_pending *p = u->any;
	const struct answer *a = &recent[slot_of(p->pair, p->side, p->id)];

	return a->views && a->pair == p->pair && a->asker == p->side && a->id == p->id &&
			       a->command == p->command
		       ? a
		       : NULL;
}

/** unanswered_words() - how far it came */
const char *unanswered_words(const struct unanswered *u, const struct calls *c,
			     const struct answer *recent)
{
	const struct answer *elsewhere = unanswered_elsewhere(u, recent);
	bool by_client = u->any->side == CALLS_BY_CLIENT, acked = false;
	enum calls_view asker = by_client ? CALLS_CLIENT : CALLS_SERVER;
	enum calls_view answerer = by_client ? CALLS_SERVER : CALLS_CLIENT;

	for (size_t v = 0; v < CALLS_VIEWS; v++) {
		const struct calls_pending *p = u->at[v];
		const struct calls_session *s = p ? &c->sessions[p->session] : NULL;

		acked |=
			s && p->epoch == s->side[p->side].epoch && p->seq <= s->side[p->side].acked;
	}
	if (elsewhere)
		return elsewhere->views & 1U << answerer ? "answer was sent"
							 : "answer seen elsewhere";
	if (u->at[answerer])
		return "arrived";
	if (acked)
		return "acknowledged";
	if (u->at[CALLS_PACKETS])
		return "seen on the wire";
	return u->at[asker] ? "was to be sent" : "?";
}
