/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same request at several places.
 *
 * Called by analysis_rpc.c and verdict_hung.c, which both want one line a request. calls.c keeps
 * packets, client's and server's end apart, as each may have losses of its own; a request that is
 * unanswered at one of them may have been answered at another. So an answer is written down at once
 * with the request at each place that still waits for it, and stays there however long that takes.
 *
 * What no place waits for any more is held back for a while, since places tell of one answer within
 * milliseconds, and then handed over, with what all places told of it.
 */
#include "answers.h"

#define WAYS 8 /* places that an answer may be kept at */
#define SETS (ANSWERS_KEPT / WAYS)

/* Each bit of each of them matters: ids are small, and pairs are few. */
static uint64_t scramble(uint64_t h)
{
	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 31;
}

static struct answer *set_of(const struct answers *a, const struct answer *call)
{
	uint64_t h = scramble(call->id + UINT64_C(0x9e3779b97f4a7c15));

	h = scramble(h ^ (uint64_t)call->pair << 16 ^ (uint64_t)call->command << 8 ^ call->asker);
	return &a->kept[h % SETS * WAYS];
}

static bool is_same(const struct answer *a, const struct answer *b)
{
	return a->pair == b->pair && a->asker == b->asker && a->id == b->id &&
	       a->command == b->command;
}

/** answers_init() - nothing seen yet; answers_done() it, also after a failure */
int answers_init(struct answers *a, answer_fn fn, void *arg, struct err *e)
{
	*a = (struct answers){.fn = fn, .arg = arg};
	a->kept = calloc(ANSWERS_KEPT, sizeof(*a->kept));
	return a->kept ? 0 : err_nomem(e);
}

void answers_done(struct answers *a)
{
	free(a->kept);
	*a = (struct answers){0};
}

/**
 * answer_tell() - a request was answered at one place: the others that wait for it are to know
 * @d: calls.done's
 */
void answer_tell(const struct calls *c, const struct calls_done *d)
{
	enum calls_view here = d->session->view;
	uint32_t pair = (uint32_t)(d->pair - c->pairs);

	for (enum calls_view v = 0; v < CALLS_VIEWS; v++) {
		struct calls_pending *p =
			v == here ? NULL : calls_find(c, pair, v, d->asker, d->id, d->command);

		if (!p)
			continue;
		p->told |= (uint8_t)(1U << here);
		p->told_ns[here] = d->latency_ns;
	}
}

static struct answer answer_of(const struct calls *c, const struct calls_done *d)
{
	enum calls_view here = d->session->view;
	struct answer call = {.id = d->id,
			      .pair = (uint32_t)(d->pair - c->pairs),
			      .asker = (uint8_t)d->asker,
			      .command = d->command,
			      .error = d->error,
			      .views = (uint8_t)(d->told | 1U << here),
			      .client_rid = d->pair->client_rid,
			      .sent_ns = d->sent_ns};

	memcpy(call.latency_ns, d->told_ns, sizeof(call.latency_ns));
	call.latency_ns[here] = d->latency_ns;
	return call;
}

/* What @from knows and @to does not. The asker knows best when it was sent. */
static void merge(struct answer *to, const struct answer *from)
{
	for (size_t v = 0; v < CALLS_VIEWS; v++)
		if (!(to->views & 1U << v))
			to->latency_ns[v] = from->latency_ns[v];
	to->views |= from->views;
	to->sent_ns = min_of(to->sent_ns, from->sent_ns);
	to->client_rid = to->client_rid ? to->client_rid : from->client_rid;
	to->error = to->error ? to->error : from->error;
}

/**
 * answers_note() - a request was answered at one place
 *
 * After answer_tell(). Hands over what gave way to it, by answers.fn.
 */
void answers_note(struct answers *a, const struct calls *c, const struct calls_done *d)
{
	struct answer call = answer_of(c, d), *set = set_of(a, &call), *slot = set;
	uint8_t here = (uint8_t)(1U << d->session->view);

	for (size_t i = 0; i < WAYS; i++) {
		struct answer *k = &set[i];

		/* Told by the same place before: then a number was used again. */
		if (k->views && is_same(k, &call) && !(k->views & here)) {
			merge(k, &call);
			return;
		}
		if (k->noted < slot->noted)
			slot = k;
	}
	if (slot->views)
		a->fn(a->arg, slot);
	call.noted = ++a->count;
	*slot = call;
}

/** answers_flush() - hand over all that is held back */
void answers_flush(struct answers *a)
{
	for (size_t i = 0; i < ANSWERS_KEPT; i++) {
		if (a->kept[i].views)
			a->fn(a->arg, &a->kept[i]);
		a->kept[i] = (struct answer){0};
	}
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
		u->told |= p->told;
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

/** unanswered_words() - how far it came */
const char *unanswered_words(const struct unanswered *u, const struct calls *c)
{
	bool by_client = u->any->side == CALLS_BY_CLIENT, acked = false;
	enum calls_view asker = by_client ? CALLS_CLIENT : CALLS_SERVER;
	enum calls_view answerer = by_client ? CALLS_SERVER : CALLS_CLIENT;

	for (size_t v = 0; v < CALLS_VIEWS; v++) {
		const struct calls_pending *p = u->at[v];
		const struct calls_session *s = p ? &c->sessions[p->session] : NULL;

		acked |=
			s && p->epoch == s->side[p->side].epoch && p->seq <= s->side[p->side].acked;
	}
	if (u->told)
		return u->told & 1U << answerer ? "answer was sent" : "answer seen elsewhere";
	if (u->at[answerer])
		return "arrived";
	if (acked)
		return "acknowledged";
	if (u->at[CALLS_PACKETS])
		return "seen on the wire";
	return u->at[asker] ? "was to be sent" : "?";
}
