/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The source of anchors: how the clocks lie to each other, each second, as rows of clocks.csv.
 *
 * Packets carry CLOCK_REALTIME, kernel-log records local_clock(), trace events CLOCK_MONOTONIC;
 * with the anchors a reader can place all of them on one axis, and a step of the wall clock shows
 * as a row that jumps. Sampled in the loop thread (a handful of clock reads). The kernel-log
 * clock has no reading of its own: it is anchored through an instance on the trace clock `perf`,
 * where a marker is written between two readings of the monotonic clock. `perf` is local_clock(),
 * which stamps the kernel log; the trace clock `local` is sched_clock(), which has a zero point of
 * its own, some 30 ms away (kernel/trace/trace_clock.c, kernel/sched/clock.c).
 */
#include "source.h"

#include <errno.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include "journal.h"
#include "session.h"

#define ANCHOR_EVERY_NS NSEC_PER_SEC
#define LOCAL_TRIES 5
#define LOCAL_RING_KB 64		      /* a handful of markers */
#define STEPS_MAX 1000			      /* said and journalled */
#define STEP_NS (10 * (int64_t)NSEC_PER_MSEC) /* a slew moves 0.5 ms a second at most */

static const char clocks_columns[] = SESSION_CLOCKS_COLUMNS;

struct clocks {
	struct spool_stream *stream;
	struct loop_source *timer;
	struct instance instance; /* on the clock of the kernel log */
	bool have_instance;
	int64_t offset_ns; /* REALTIME - MONOTONIC at the last anchor */
	unsigned int steps;
};

/* ---- local_clock() ---- */

/* The stamp of the marker in the text of a trace file: "... 123.456789: tracing_mark_write: KEY".
 */
static int find_marker(const struct instance *i, const char *key, uint64_t *ret_local_ns,
		       struct err *e)
{
	struct text trace = {0};
	unsigned long long s, us;
	char *line, *save = NULL;
	int r;

	r = instance_read(i, "trace", &trace, e);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (line = trace.s ? strtok_r(trace.s, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, ": tracing_mark_write: ");

		if (!at || !strstr(line, key))
			continue;
		*at = '\0';
		at = strrchr(line, ' ');
		if (at && sscanf(at, " %llu.%6llu", &s, &us) == 2) {
			*ret_local_ns = s * NSEC_PER_SEC + us * NSEC_PER_USEC;
			r = 0;
		}
	}
	text_free(&trace);
	return r;
}

/*
 * MONOTONIC - local_clock(), the best of a few tries. The trace file shows microseconds, so the
 * bound is never under one.
 */
static int anchor_local(struct source *s, const char *when)
{
	struct session_stats *stats = &s->session->stats;
	struct clocks *c = s->priv;
	uint64_t best = UINT64_MAX;

	for (int n = 0; c->have_instance && n < LOCAL_TRIES; n++) {
		uint64_t before, after, local;
		char key[32];
		int r;

		(void)snprintf(key, sizeof(key), "%s-%d-%s", when, n, s->session->suffix);
		before = clock_mono_ns();
		r = instance_write(&c->instance, "trace_marker", key, NULL);
		after = clock_mono_ns();
		if (r < 0 || find_marker(&c->instance, key, &local, NULL) < 0)
			continue;
		if (after - before < best) {
			best = after - before;
			atomic_store(&stats->local_offset_ns,
				     (int64_t)(before + (after - before) / 2) - (int64_t)local);
			atomic_store(&stats->local_bound_ns, best / 2 + NSEC_PER_USEC);
		}
	}
	return best == UINT64_MAX ? -ENODATA : 0;
}

/* Kept to the end: making and removing an instance takes the kernel a tenth of a second. */
static int make_instance(struct source *s)
{
	struct clocks *c = s->priv;
	uint64_t granted_kb;
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), INSTANCE_PREFIX "%s.clock", s->session->suffix);
	r = instance_create(name, &c->instance, NULL);
	if (r < 0)
		return r;
	c->have_instance = true;
	r = instance_set_clock(&c->instance, "perf", NULL);
	return r < 0 ? r : instance_set_size(&c->instance, LOCAL_RING_KB, &granted_kb, NULL);
}

static void journal_local(struct source *s, const char *when)
{
	struct session_stats *stats = &s->session->stats;
	struct journal_line line;
	struct json_writer *w;

	w = journal_begin(&line, "local_clock");
	json_object(w);
	json_kv_str(w, "when", when);
	json_kv_u64(w, "monotonic_ns", clock_mono_ns());
	json_kv_i64(w, "monotonic_minus_local_ns", atomic_load(&stats->local_offset_ns));
	json_kv_u64(w, "bound_ns", atomic_load(&stats->local_bound_ns));
	json_object_end(w);
	journal_end(&line, s->session->spool);
}

/* ---- the other clocks ---- */

static void journal_anchor(struct source *s, const char *when, const struct clock_anchor *a)
{
	struct journal_line line;
	struct json_writer *w;

	w = journal_begin(&line, "anchor");
	json_object(w);
	json_kv_str(w, "when", when);
	json_kv_u64(w, "monotonic_ns", a->mono_ns);
	json_kv_u64(w, "realtime_ns", a->real_ns);
	json_kv_u64(w, "boottime_ns", a->boot_ns);
	json_kv_u64(w, "tai_ns", a->tai_ns);
	json_kv_u64(w, "bound_ns", a->bound_ns);
	json_object_end(w);
	journal_end(&line, s->session->spool);
}

static void note_step(struct source *s, int64_t step_ns, const struct clock_anchor *a)
{
	struct clocks *c = s->priv;
	char by[32];

	/* Two time services at war step for ever; clocks.csv has every one. */
	if (c->steps++ >= STEPS_MAX)
		return;
	log_notice("the wall clock was set %s by %s", step_ns > 0 ? "forward" : "back",
		   format_duration((uint64_t)llabs(step_ns), by, sizeof(by)));
	journal_anchor(s, "step", a);
}

static void sample(struct source *s, const char *when)
{
	struct clocks *c = s->priv;
	struct spool_span span = {.records = 1};
	struct clock_anchor a;
	struct text row = {0};
	int64_t offset;

	clock_sample(&a);
	offset = clock_real_offset(&a);
	atomic_store(&s->session->stats.real_offset_ns, offset);
	if (when)
		journal_anchor(s, when, &a);
	else if (llabs(offset - c->offset_ns) > STEP_NS)
		note_step(s, offset - c->offset_ns, &a);
	c->offset_ns = offset;

	text_printf(&row, "%llu,%llu,%llu,%llu,%llu\n", (unsigned long long)a.mono_ns,
		    (unsigned long long)a.real_ns, (unsigned long long)a.boot_ns,
		    (unsigned long long)a.tai_ns, (unsigned long long)a.bound_ns);
	span.first_ns = span.last_ns = a.mono_ns;
	/* A row that finds no room is made up for by the next one. */
	if (text_ok(&row) && spool_try_append(c->stream, row.s, row.len, &span) == 0)
		atomic_fetch_add(&s->records, 1);
	text_free(&row);
}

static void on_timer(void *arg)
{
	sample(arg, NULL);
}

static int clocks_prepare(struct source *s, struct err *e)
{
	struct clocks *c = calloc(1, sizeof(*c));
	struct clock_anchor a;
	int r;

	if (!c)
		return err_nomem(e);
	s->priv = c;
	clock_sample(&a);
	c->offset_ns = clock_real_offset(&a);
	atomic_store(&s->session->stats.real_offset_ns, c->offset_ns);
	journal_anchor(s, "prepare", &a);
	if (make_instance(s) < 0 || anchor_local(s, "start") < 0)
		source_degrade(
			s, SOURCE_DEGRADED,
			"the kernel log's clock could not be anchored; its times may be off by "
			"some 50 ms");
	else
		journal_local(s, "start");
	r = file_save_at(s->session->dir_fd, SESSION_CLOCKS_HEAD, clocks_columns,
			 sizeof(clocks_columns) - 1, e);
	if (r == 0)
		r = spool_stream_add(s->session->spool, CHUNK_CLOCKS, 0, NULL, &c->stream, e);
	if (r == 0)
		r = loop_add_timer(s->session->loop, on_timer, s, &c->timer, e);
	return r;
}

static int clocks_start(struct source *s, struct err *e)
{
	struct clocks *c = s->priv;
	int r;

	sample(s, "start");
	r = loop_timer_set(c->timer, ANCHOR_EVERY_NS, ANCHOR_EVERY_NS);
	return r < 0 ? err_errno(e, r, "cannot set a timer") : 0;
}

static int clocks_drain(struct source *s, struct err *e)
{
	(void)e;
	sample(s, "end");
	return 0;
}

static void clocks_epilogue(struct source *s)
{
	if (anchor_local(s, "end") == 0)
		journal_local(s, "end");
}

static void clocks_free(struct source *s)
{
	struct clocks *c = s->priv;
	struct err e = {0};

	if (!c)
		return;
	loop_source_free(c->timer);
	if (c->have_instance && instance_remove(&c->instance, &e) < 0)
		log_warning("%s", e.text);
	free(c);
	s->priv = NULL;
}

const struct source_ops source_clocks_ops = {
	.name = "clocks",
	.prepare = clocks_prepare,
	.start = clocks_start,
	.drain = clocks_drain,
	.epilogue = clocks_epilogue,
	.free = clocks_free,
};
