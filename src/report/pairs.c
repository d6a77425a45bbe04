/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Open addressing with steps of one; what is removed leaves no mark, the rest moves up instead, so
 * that a table in which entries come and go for weeks stays as fast as a new one. Keys of a hostile
 * recording may be made to collide: a search ends after STEPS_MAX slots, and what then has no place
 * is refused and counted.
 */
#include "pairs.h"

#define ROOM_FIRST 256
#define STEPS_MAX 64

static uint32_t slot_of(const struct pairs *p, uint64_t key)
{
	return (uint32_t)(pairs_mix(key, key >> 7) >> 20) & (p->room - 1);
}

/** pairs_find() - the pair of this key, or NULL; valid until the next change */
struct pair *pairs_find(struct pairs *p, uint64_t key)
{
	uint32_t at;

	if (!p->count)
		return NULL;
	at = slot_of(p, key);
	for (uint32_t i = 0; i < STEPS_MAX && p->slots[at].used; i++) {
		if (p->slots[at].key == key)
			return &p->slots[at];
		at = (at + 1) & (p->room - 1);
	}
	return NULL;
}

static struct pair *place(struct pairs *p, uint64_t key)
{
	uint32_t at = slot_of(p, key);

	for (uint32_t i = 0; i < STEPS_MAX; i++) {
		if (!p->slots[at].used)
			return &p->slots[at];
		at = (at + 1) & (p->room - 1);
	}
	return NULL;
}

static bool grow(struct pairs *p)
{
	struct pairs more = {.room = p->room ? p->room * 2 : ROOM_FIRST, .refused = p->refused};

	if (more.room > 2 * PAIRS_LIMIT)
		return false;
	more.slots = calloc(more.room, sizeof(*more.slots));
	if (!more.slots)
		return false;
	for (uint32_t i = 0; i < p->room; i++) {
		struct pair *to = p->slots[i].used ? place(&more, p->slots[i].key) : NULL;

		if (!p->slots[i].used)
			continue;
		if (to) {
			*to = p->slots[i];
			more.count++;
		} else {
			more.refused++;
		}
	}
	free(p->slots);
	*p = more;
	return true;
}

/** pairs_add() - begin one; its key is not there yet. NULL, and counted: there is no room */
struct pair *pairs_add(struct pairs *p, uint64_t key, uint64_t ns)
{
	struct pair *to = NULL;

	if (p->count < p->room / 2 || grow(p))
		to = place(p, key);
	if (!to) {
		p->refused++;
		return NULL;
	}
	*to = (struct pair){.key = key, .ns = ns, .used = true};
	p->count++;
	return to;
}

/** pairs_remove() - end one, as pairs_find() gave it; what stands behind it may move */
void pairs_remove(struct pairs *p, struct pair *pair)
{
	uint32_t hole = (uint32_t)(pair - p->slots), at = hole;

	for (;;) {
		uint32_t home;

		at = (at + 1) & (p->room - 1);
		if (!p->slots[at].used)
			break;
		home = slot_of(p, p->slots[at].key);
		/* Stays where it is if its home lies behind the hole. */
		if (((at - home) & (p->room - 1)) < ((at - hole) & (p->room - 1)))
			continue;
		p->slots[hole] = p->slots[at];
		hole = at;
	}
	p->slots[hole].used = false;
	p->count--;
}

void pairs_done(struct pairs *p)
{
	free(p->slots);
	*p = (struct pairs){0};
}
