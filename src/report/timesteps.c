/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps of time that pictures have in common.
 *
 * Called by the reports `overview`, of which the timeline is drawn, and `series`: both have the
 * same time from left to right, in the same steps, so that one can be read below the other and
 * they zoom together. There are steps of the whole, and of the time around the end when the whole
 * is much longer.
 */
#include "timesteps.h"

#define NEAR_STEPS 300
#define NEAR_BEFORE_NS (40 * NSEC_PER_SEC) /* a reconnect window, and what led to it */
#define NEAR_AFTER_NS (20 * NSEC_PER_SEC)
#define NEAR_WORTH 3 /* a picture of its own, if all is so many times as long */

/* 1, 2 or 5 with zeros, so that steps have a width one can say. */
static uint64_t round_up(uint64_t ns)
{
	static const uint64_t heads[] = {1, 2, 5};

	for (uint64_t unit = 1; unit <= UINT64_MAX / 50; unit *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
			if (heads[i] * unit >= ns)
				return heads[i] * unit;
	return ns;
}

static struct timesteps make(uint64_t from_ns, uint64_t to_ns, size_t most, uint64_t least_ns)
{
	uint64_t span = to_ns - from_ns;
	struct timesteps t = {.from_ns = from_ns,
			      .to_ns = to_ns,
			      .width_ns = round_up(max_of(span / most + 1, least_ns))};

	t.count = (size_t)min_of(span / t.width_ns + 1, (uint64_t)TIMESTEPS_MOST);
	return t;
}

/**
 * timesteps_make() - the steps of a recording's pictures
 * @from_ns, @to_ns: what was asked for; what was not recorded is left off
 * @ret_near: around the end or the trigger; .count is 0 where @ret_all shows it well enough
 */
void timesteps_make(const struct recording *rec, uint64_t from_ns, uint64_t to_ns,
		    struct timesteps *ret_all, struct timesteps *ret_near)
{
	uint64_t at = rec->trigger_ns, span;

	from_ns = max_of(from_ns, rec->first_ns);
	to_ns = max_of(min_of(to_ns, rec->last_ns), from_ns);
	span = to_ns - from_ns;
	/* Narrow steps show when heartbeats came, and not how many there are; unless it was asked
	 * for a short time. */
	*ret_all = make(from_ns, to_ns, TIMESTEPS_MOST,
			span > 30 * NSEC_PER_SEC ? 200 * NSEC_PER_MSEC : 10 * NSEC_PER_MSEC);
	*ret_near = (struct timesteps){0};
	if (span / NEAR_WORTH <= NEAR_BEFORE_NS + NEAR_AFTER_NS || at < from_ns || at > to_ns)
		return;
	*ret_near = make(at - from_ns > NEAR_BEFORE_NS ? at - NEAR_BEFORE_NS : from_ns,
			 to_ns - at > NEAR_AFTER_NS ? at + NEAR_AFTER_NS : to_ns, NEAR_STEPS,
			 200 * NSEC_PER_MSEC);
}
