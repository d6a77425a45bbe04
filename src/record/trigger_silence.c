/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trigger for a server that went quiet: no quorum heartbeat for so many seconds, after some
 * were seen. The leader sends one each 100 ms to every other slot; a host that sees none at all
 * (a client outside the quorum, a quorum of one) has nothing to miss, so the trigger sleeps there.
 *
 * source_packets publishes the stamp of the newest heartbeat; a timer in the loop compares it with
 * the clock. Each silence fires once, and its stamp is the moment at which it became one.
 */
#include "trigger.h"

#include <errno.h>

#include "base/clock.h"

#define SILENCE_MIN_NS NSEC_PER_SEC
#define SILENCE_MAX_NS (24 * 3600 * NSEC_PER_SEC)
#define LOOK_EVERY_NS (200 * NSEC_PER_MSEC) /* how late a silence may be noticed */

struct silence {
	struct trigger *trigger;
	uint64_t limit_ns;
	uint64_t fired_for_ns; /* the heartbeat after which the last silence fired */
	struct loop_source *timer;
};

static void look(void *arg)
{
	struct silence *s = arg;
	uint64_t last_ns = atomic_load(s->trigger->env->heartbeat_ns);
	uint64_t now_ns = clock_mono_ns();
	char text[256], limit[32], quiet[32];

	/* Both are 0 while no heartbeat was seen. */
	if (last_ns == s->fired_for_ns || now_ns < last_ns || now_ns - last_ns < s->limit_ns)
		return;
	s->fired_for_ns = last_ns;
	snprintf(text, sizeof(text),
		 "no heartbeat from the server for %s: the last one came at %llu.%06llu s "
		 "(CLOCK_MONOTONIC), %s before this was noticed",
		 format_duration(s->limit_ns, limit, sizeof(limit)),
		 (unsigned long long)(last_ns / NSEC_PER_SEC),
		 (unsigned long long)(last_ns % NSEC_PER_SEC / NSEC_PER_USEC),
		 format_duration(now_ns - last_ns, quiet, sizeof(quiet)));
	trigger_fire(s->trigger, last_ns + s->limit_ns, text);
}

static int silence_parse(struct trigger *t, const char *spec, struct err *e)
{
	struct silence *s;
	uint64_t limit_ns;

	if (parse_duration(spec, &limit_ns) < 0 || limit_ns < SILENCE_MIN_NS ||
	    limit_ns > SILENCE_MAX_NS)
		return err_set(
			e, -EINVAL,
			"trigger silence:%.100s is not a time between 1 second and a day; give "
			"silence:SECONDS, such as silence:5",
			spec);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(e);
	s->trigger = t;
	s->limit_ns = limit_ns;
	t->priv = s;
	return 0;
}

static int silence_arm(struct trigger *t, struct trigger_env *env, struct err *e)
{
	struct silence *s = t->priv;
	char limit[32];
	int r;

	if (!env->heartbeat_ns) {
		snprintf(t->why, sizeof(t->why),
			 "no packets are captured, so no heartbeat is seen");
		return -EOPNOTSUPP;
	}
	r = loop_add_timer(env->loop, look, s, &s->timer, e);
	if (r < 0)
		return r;
	r = loop_timer_set(s->timer, LOOK_EVERY_NS, LOOK_EVERY_NS);
	if (r < 0)
		return err_errno(e, r, "cannot start the timer of trigger %s", t->name);
	trigger_why(t, "after the first heartbeat, %s without one",
		    format_duration(s->limit_ns, limit, sizeof(limit)));
	return 0;
}

static void silence_disarm(struct trigger *t)
{
	struct silence *s = t->priv;

	if (!s)
		return;
	loop_source_free(s->timer);
	s->timer = NULL;
}

static void silence_free(struct trigger *t)
{
	silence_disarm(t);
	free(t->priv);
	t->priv = NULL;
}

const struct trigger_ops trigger_silence_ops = {
	.kind = "silence",
	.parse = silence_parse,
	.arm = silence_arm,
	.disarm = silence_disarm,
	.free = silence_free,
};
