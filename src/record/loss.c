/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loss ledger.
 *
 * Sources and the spool note losses from their threads; the session flushes the ledger to disk
 * before each sync, and finish.c makes the manifest's gaps of what is found there. So a loss is as
 * durable as the data around it.
 *
 * A storm must not turn the ledger itself into a flood: an entry that touches the last one of the
 * same source, id and reason widens it, and the widened entry is written over the old one. Beyond
 * LOSS_MAX entries everything more of a source and reason goes into its last entry, however far
 * apart.
 */
#include "loss.h"

#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/json.h"

#include "spool.h"

#define LOSS_MAX 4096
#define LOSS_NEAR_NS NSEC_PER_SEC /* gaps less than this apart are one entry */

struct entry {
	enum loss_kind kind;
	char source[48]; /* "series/" and a name */
	uint32_t id;
	uint64_t from_ns, to_ns;
	uint64_t count; /* what is counted of it */
	bool uncounted; /* some of it is not */
	char reason[160];
	bool fresh; /* changed since the last flush */
};

struct loss_ledger {
	pthread_mutex_t lock;
	struct entry *entries;
	size_t count, room;
	uint64_t first_number; /* no other ledger of the same session has these numbers */
};

int loss_open(struct loss_ledger **ret, struct err *e)
{
	struct loss_ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return err_nomem(e);
	(void)pthread_mutex_init(&l->lock, NULL);
	l->first_number = clock_mono_ns();
	*ret = l;
	return 0;
}

void loss_free(struct loss_ledger *l)
{
	if (!l)
		return;
	(void)pthread_mutex_destroy(&l->lock);
	free(l->entries);
	free(l);
}

static bool touches(const struct entry *en, uint64_t from_ns, uint64_t to_ns)
{
	return from_ns <= en->to_ns + LOSS_NEAR_NS && to_ns + LOSS_NEAR_NS >= en->from_ns;
}

static struct entry *find(struct loss_ledger *l, enum loss_kind kind, const char *source,
			  uint32_t id, uint64_t from_ns, uint64_t to_ns, const char *reason)
{
	for (size_t i = l->count; i-- > 0;) {
		struct entry *en = &l->entries[i];

		if (en->kind == kind && en->id == id && !strcmp(en->source, source) &&
		    !strncmp(en->reason, reason, sizeof(en->reason) - 1))
			return l->count >= LOSS_MAX || kind == LOSS_RETENTION ||
					       touches(en, from_ns, to_ns)
				       ? en
				       : NULL;
	}
	return NULL;
}

static struct entry *add(struct loss_ledger *l)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 32;
		struct entry *more = realloc(l->entries, room * sizeof(*more));

		if (!more)
			return NULL;
		l->entries = more;
		l->room = room;
	}
	return &l->entries[l->count++];
}

/**
 * loss_note() - enter a loss
 * @kind:    whose doing it is
 * @source:  name of the source it was lost from
 * @id:      CPU of a ring, else 0
 * @from_ns: CLOCK_MONOTONIC of the last thing known before the gap
 * @to_ns:   of the first thing known after it
 * @count:   records lost, or LOSS_UNKNOWN
 * @reason:  for a person; a constant text, since entries are joined by it
 *
 * Any thread. With no memory for a new entry the last one of all takes the count.
 */
void loss_note(struct loss_ledger *l, enum loss_kind kind, const char *source, uint32_t id,
	       uint64_t from_ns, uint64_t to_ns, uint64_t count, const char *reason)
{
	struct entry *en;

	pthread_mutex_lock(&l->lock);
	en = find(l, kind, source, id, from_ns, to_ns, reason);
	if (!en) {
		en = add(l);
		if (en) {
			*en = (struct entry){
				.kind = kind, .id = id, .from_ns = from_ns, .to_ns = to_ns};
			(void)snprintf(en->source, sizeof(en->source), "%s", source);
			(void)snprintf(en->reason, sizeof(en->reason), "%s", reason);
		} else if (l->count) {
			en = &l->entries[l->count - 1];
		}
	}
	if (en) {
		en->from_ns = min_of(en->from_ns, from_ns);
		en->to_ns = max_of(en->to_ns, to_ns);
		if (count == LOSS_UNKNOWN)
			en->uncounted = true;
		else
			en->count += count;
		en->fresh = true;
	}
	pthread_mutex_unlock(&l->lock);
}

/**
 * loss_total() - what a source lost to faults
 * @source:        its name, or NULL for all
 * @ret_uncounted: set when part of it has no number; may be NULL
 */
uint64_t loss_total(struct loss_ledger *l, const char *source, bool *ret_uncounted)
{
	bool uncounted = false;
	uint64_t sum = 0;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->count; i++) {
		const struct entry *en = &l->entries[i];

		if (en->kind != LOSS_FAULT || (source && strcmp(en->source, source) != 0))
			continue;
		sum += en->count;
		uncounted |= en->uncounted;
	}
	pthread_mutex_unlock(&l->lock);
	if (ret_uncounted)
		*ret_uncounted = uncounted;
	return sum;
}

uint64_t loss_entries(struct loss_ledger *l)
{
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	n = l->count;
	pthread_mutex_unlock(&l->lock);
	return n;
}

static void write_entry(struct text *out, const struct entry *en, uint64_t number)
{
	static const char *const kinds[] = {"fault", "retention", "before", "outage"};
	struct json_writer w;

	json_begin(&w, out, false);
	json_object(&w);
	json_key(&w, "gap");
	json_object(&w);
	json_kv_u64(&w, "number", number);
	json_kv_str(&w, "kind", kinds[en->kind]);
	json_kv_str(&w, "source", en->source);
	json_kv_u64(&w, "id", en->id);
	json_kv_u64(&w, "from_ns", en->from_ns);
	json_kv_u64(&w, "to_ns", en->to_ns);
	json_kv_u64(&w, "count", en->count);
	json_kv_bool(&w, "uncounted", en->uncounted);
	json_kv_str(&w, "reason", en->reason);
	json_object_end(&w);
	json_object_end(&w);
	text_str(out, "\n");
}

/**
 * loss_flush() - write down the entries that are new or have changed; they are durable with the
 * next sync of @s
 */
void loss_flush(struct loss_ledger *l, struct spool *s)
{
	uint64_t first = spool_loss_first(s);
	struct text line = {0};

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->count; i++) {
		if (!l->entries[i].fresh)
			continue;
		text_reset(&line);
		write_entry(&line, &l->entries[i], l->first_number + i);
		if (!text_ok(&line))
			break; /* the next flush may have memory */
		spool_loss(s, first + i, line.s, line.len);
		l->entries[i].fresh = false;
	}
	pthread_mutex_unlock(&l->lock);
	text_free(&line);
}
