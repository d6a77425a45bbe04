// SPDX-License-Identifier: GPL-2.0-only
/*
 * A storm of events: one thread per CPU that fires lock events, which are most of what the real
 * module emits under load. The threads share nothing with the cluster, which goes on living; they
 * count for themselves, and storm_join() adds their counts to the truth.
 */
#include "sim.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_NS NS_PER_MS	   /* a paced thread wakes this often */
#define FLAT_OUT_BATCH 256	   /* events between two looks at the clock */
#define GRACE_NS (100 * NS_PER_MS) /* for the last events of a paced thread */

struct thunder {
	pthread_t thread;
	int cpu;
	uint64_t fsid, rid, per_s, from_ns, until_ns;
	bool *stop;
	uint64_t locked, unlocked;
};

struct storm {
	bool stop;
	unsigned threads;
	struct thunder thunders[];
};

static void fire_one(struct thunder *t, struct ev_lock *r)
{
	if (t->locked == t->unlocked) {
		r->start_first = (t->locked & 0xfffff) * 1024;
		r->end_first = r->start_first + 1023;
		r->users_ex = 1;
		hook_lock_locked(r);
		t->locked++;
	} else {
		r->users_ex = 0;
		hook_lock_unlock(r);
		t->unlocked++;
	}
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* How many events are due @ns after the start; split so that years of them do not overflow. */
static uint64_t due_after(uint64_t ns, uint64_t per_s)
{
	return ns / NS_PER_S * per_s + (uint64_t)((double)(ns % NS_PER_S) * (double)per_s / 1e9);
}

/*
 * How many events a paced thread fires now. The last look at the clock comes after the end; what
 * was due until then is still fired, so that the sum is exactly rate x time, unless the thread was
 * kept from its CPU for longer than that.
 */
static uint64_t due_now(const struct thunder *t, uint64_t now)
{
	uint64_t due = due_after((now < t->until_ns ? now : t->until_ns) - t->from_ns, t->per_s);
	uint64_t fired = t->locked + t->unlocked;

	return due > fired ? due - fired : 0;
}

static void *thunder_run(void *arg)
{
	struct thunder *t = arg;
	struct ev_lock r = {
		.fsid = t->fsid,
		.rid = t->rid,
		.start_zone = 16,
		.end_zone = 16,
		.end_type = 255,
		.end_second = UINT64_MAX,
		.end_third = UINT64_MAX,
		.end_fourth = 255,
		.mode = 2,
		.refresh_gen = (uint64_t)t->cpu + 1,
	};
	uint64_t wake = t->from_ns, now;

	do {
		now = now_ns();
		for (uint64_t burst = t->per_s ? due_now(t, now) : FLAT_OUT_BATCH; burst; burst--) {
			fire_one(t, &r);
			if (burst % FLAT_OUT_BATCH == 0 &&
			    (now_ns() >= t->until_ns + GRACE_NS ||
			     __atomic_load_n(t->stop, __ATOMIC_RELAXED)))
				return NULL;
		}
		if (t->per_s) {
			wake += BATCH_NS;
			sleep_until(wake < t->until_ns ? wake : t->until_ns);
		}
	} while (now < t->until_ns && !__atomic_load_n(t->stop, __ATOMIC_RELAXED));
	return NULL;
}

static int thunder_start(struct thunder *t)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int r;

	CPU_ZERO(&cpus);
	CPU_SET((unsigned)t->cpu, &cpus);
	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	r = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	if (!r)
		r = pthread_create(&t->thread, &attr, thunder_run, t);
	pthread_attr_destroy(&attr);
	return -r;
}

/**
 * storm_start() - fire events from every CPU that this process may use
 * @per_s:    of all CPUs together; 0 for as many as there can be
 * @from_ns:  absolute, CLOCK_MONOTONIC, not in the future
 * @until_ns: likewise
 * @ret:      to be given to storm_join()
 *
 * Return: 0 or a negative errno, said on stderr.
 */
int storm_start(struct sim *s, uint64_t per_s, uint64_t from_ns, uint64_t until_ns,
		struct storm **ret)
{
	struct storm *storm;
	cpu_set_t allowed;
	unsigned cpus;
	int r = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	cpus = (unsigned)CPU_COUNT(&allowed);
	storm = calloc(1, sizeof(*storm) + cpus * sizeof(storm->thunders[0]));
	if (!storm)
		return -ENOMEM;
	for (int cpu = 0; cpu < CPU_SETSIZE && storm->threads < cpus; cpu++) {
		struct thunder *t = &storm->thunders[storm->threads];

		if (!CPU_ISSET((unsigned)cpu, &allowed))
			continue;
		*t = (struct thunder){.cpu = cpu,
				      .fsid = s->fsid,
				      .rid = s->leader ? s->leader->rid : s->nodes[0].rid,
				      .per_s = per_s,
				      .from_ns = from_ns,
				      .until_ns = until_ns,
				      .stop = &storm->stop};
		if (per_s) {
			/* the remainder goes to the first CPUs; one with nothing to do needs no
			 * thread */
			t->per_s = per_s / cpus + (storm->threads < per_s % cpus);
			if (!t->per_s)
				break;
		}
		r = thunder_start(t);
		if (r < 0) {
			fprintf(stderr, "sim: cannot start a storm thread on CPU %d: %s\n", cpu,
				strerror(-r));
			break;
		}
		storm->threads++;
	}
	if (r < 0) {
		storm_join(storm, true);
		return r;
	}
	*ret = storm;
	return 0;
}

/* Waits for the end of the storm, or ends it @early; frees it and returns how many events it fired.
 */
uint64_t storm_join(struct storm *storm, bool early)
{
	uint64_t sum = 0;

	__atomic_store_n(&storm->stop, early, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < storm->threads; i++) {
		struct thunder *t = &storm->thunders[i];

		pthread_join(t->thread, NULL);
		hook_fired[EV_lock_locked] += t->locked;
		hook_fired[EV_lock_unlock] += t->unlocked;
		sum += t->locked + t->unlocked;
	}
	free(storm);
	return sum;
}
