/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The source of series: counters of the kernel, of scoutfs and of whatever the user names, read at
 * intervals into series/NAME.txt.
 *
 * Owns one thread and what it reads with. Each series has a stream of its own in the spool and a
 * grid of times that began when recording did: a sample that is late does not move those after it,
 * and those that it was too late for are left out and noted. What is read is kept as it is; nothing
 * is computed here (format/series.h).
 *
 * A file can keep its reader for ever (a statistics file of a hung mount). Then all series stop,
 * and nothing else does: the loop never waits for this thread, and at the end it is waited for with
 * a limit and, if need be, left behind. What it needs then belongs to both, and it finds out that
 * it was abandoned before it touches the session again.
 *
 * Nothing that fails here ends a recording or makes a bundle incomplete: a gap tells when a file
 * could not be read, as the section in the sample does.
 */
#include "source.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/privilege.h"

#include "series_read.h"
#include "session.h"

#define END_WAIT_NS (3 * NSEC_PER_SEC)	 /* for the last samples */
#define BEGIN_WAIT_NS (1 * NSEC_PER_SEC) /* for the first, before the user's command */
#define COST_RUNS 4			 /* samples that tell what one costs */
#define KEPT_MAX 4096			 /* files open; ten mounts have two thousand counters */
#define KEPT_MIN 128			 /* where no more descriptors are to be had */
#define SECTION_LINES 8192		 /* what is written around a file's text at most */

static const char reason_unreadable[] = "a file could not be read (why: lines with ! in series/)";
static const char reason_nothing[] = "nothing matched its path";
static const char reason_late[] = "the sampler came too late for them";

struct series {
	const struct series_spec *spec;
	char source[SERIES_SOURCE_MAX];
	struct spool_stream *stream;
	struct series_files *files;
	struct series_processes *processes;
	uint64_t due_ns, last_ns;
	uint64_t began_ns;	  /* of the part being read */
	_Atomic uint64_t samples; /* appended */
	uint64_t interval_ns;	  /* as asked for, or longer: see spare() */
	uint64_t cost_run_ns, cost_runs;
	bool slow_said;
	bool read_once, cut_said, failed_said;
	uint64_t failing_ns, failing_count; /* since when; 0: not */
	const char *failing_why;
};

/* Shared with the thread, and freed by whichever of the two is last. */
struct sampler {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int holders;
	bool stop, abandoned, in_session, began, done;
	const struct series *reading; /* under the lock */
	struct source *source;	      /* not to be touched once abandoned */
	struct series_plan plan;
	struct series series[SERIES_MAX];
	struct series_cost costs[SERIES_MAX];
	size_t count;
	struct series_reader reader;
	struct series_sink sink;
	int tcp_fd;
	struct wire_addr server;
	pthread_t thread;
	bool started;
};

/* ---- whose it is ---- */

static void sampler_free(struct sampler *p)
{
	for (size_t i = 0; i < p->count; i++) {
		series_files_free(p->series[i].files, &p->reader);
		series_processes_free(p->series[i].processes);
	}
	closep(&p->tcp_fd);
	series_reader_done(&p->reader);
	series_plan_done(&p->plan);
	text_free(&p->sink.body);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static void sampler_let_go(struct sampler *p)
{
	bool last;

	pthread_mutex_lock(&p->lock);
	last = --p->holders == 0;
	pthread_mutex_unlock(&p->lock);
	if (last)
		sampler_free(p);
}

/* The session is there until leave_session(); false: it is not, any more. */
static bool enter_session(struct sampler *p)
{
	pthread_mutex_lock(&p->lock);
	p->in_session = !p->abandoned;
	pthread_mutex_unlock(&p->lock);
	return p->in_session;
}

static void leave_session(struct sampler *p)
{
	pthread_mutex_lock(&p->lock);
	p->in_session = false;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* ---- one sample ---- */

/* A part of a sample, which is one itself: what it takes to be more than one is a lot of files. */
static void hand_on(struct series_sink *k, void *arg)
{
	struct series *q = arg;
	struct sampler *p = (struct sampler *)(void *)((char *)k - offsetof(struct sampler, sink));
	struct spool_span span = {.first_ns = q->began_ns, .last_ns = q->began_ns, .records = 1};
	const char *sample;
	size_t n = 0;
	uint64_t now = clock_mono_ns();

	if (k->sections && enter_session(p)) {
		struct session *s = p->source->session;

		sample = series_sink_take(k, q->began_ns, now - q->began_ns, &n);
		if (!sample || spool_append(q->stream, sample, n, &span) < 0) {
			loss_note(s->loss, LOSS_FAULT, q->source, 0, q->began_ns, now, 1,
				  "no memory for a sample");
		} else {
			atomic_fetch_add(&q->samples, 1);
			atomic_fetch_add(&p->source->records, 1);
			atomic_fetch_add(&s->stats.samples, 1);
		}
		leave_session(p);
	}
	q->began_ns = now;
	series_sink_reset(k);
}

static void read_series(struct sampler *p, struct series *q)
{
	switch (q->spec->builtin ? q->spec->builtin->kind : SERIES_FILES) {
	case SERIES_FILES:
	case SERIES_FOLDERS:
	case SERIES_DISKS:
		series_files_sample(q->files, &p->reader, q->began_ns, &p->sink);
		break;
	case SERIES_TCP:
		if (p->tcp_fd >= 0)
			series_tcp_sample(p->tcp_fd, &p->server, &p->sink);
		break;
	case SERIES_PROCESSES:
		series_processes_sample(q->processes, &p->reader, &p->sink);
		break;
	}
}

static void say(struct sampler *p, struct series *q, enum source_status status, const char *why)
{
	if (!enter_session(p))
		return;
	source_degrade_part(p->source, q->source, status, "%s", why);
	leave_session(p);
}

static void note_gap(struct sampler *p, struct series *q, uint64_t from_ns, uint64_t to_ns,
		     uint64_t count, const char *reason)
{
	if (!enter_session(p))
		return;
	loss_note(p->source->session->loss, LOSS_OUTAGE, q->source, 0, from_ns, to_ns, count,
		  reason);
	leave_session(p);
}

/* Did the user ask for just this, so that nothing is not what was wanted? */
static bool is_wanted(const struct series *q)
{
	return q->spec->path || (q->spec->asked && q->spec->builtin->kind == SERIES_FILES);
}

static void end_failing(struct sampler *p, struct series *q, uint64_t to_ns)
{
	note_gap(p, q, q->failing_ns, to_ns, q->failing_count, q->failing_why);
	q->failing_count = 0;
}

/*
 * What a kernel does not have and nobody asked for is no gap. What was there and is not, or what
 * was asked for, is one, from the first sample that lacked it to the first that has it again.
 */
static void note_failures(struct sampler *p, struct series *q, uint64_t began_ns, bool any)
{
	const struct series_sink *k = &p->sink;
	bool failing = k->failures || (!any && q->spec->path);

	if (failing && (q->read_once || is_wanted(q))) {
		const char *why = any ? reason_unreadable : reason_nothing;

		if (q->failing_count && why != q->failing_why)
			end_failing(p, q, began_ns);
		if (!q->failing_count++)
			q->failing_ns = began_ns;
		q->failing_why = why;
	} else if (!failing && q->failing_count) {
		end_failing(p, q, began_ns);
	}
	if (failing && !q->read_once && is_wanted(q) && !q->failed_said) {
		q->failed_said = true;
		say(p, q, SOURCE_DEGRADED,
		    any ? "a file of it could not be read at the start"
			: "nothing matched its path at the start");
	}
	if (k->cuts && !q->cut_said) {
		q->cut_said = true;
		say(p, q, SOURCE_DEGRADED,
		    "there is more than is read of it: what is behind the "
		    "limit is cut off");
	}
	q->read_once |= any && !failing;
}

/* What is being read, for whoever waits; false: nobody waits for this any more. */
static bool set_reading(struct sampler *p, const struct series *q)
{
	bool wanted;

	pthread_mutex_lock(&p->lock);
	p->reading = q;
	wanted = !p->abandoned;
	pthread_mutex_unlock(&p->lock);
	return wanted;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* The least of a few: the first opens files, and any may be disturbed. */
static void learn_cost(struct sampler *p, struct series *q, uint64_t cost_ns)
{
	q->cost_run_ns = q->cost_runs ? min_of(q->cost_run_ns, cost_ns) : cost_ns;
	if (++q->cost_runs < COST_RUNS)
		return;
	q->cost_runs = 0;
	p->costs[q - p->series].cpu_ns = q->cost_run_ns;
}

/* What nobody asked for by name must not be felt: see series_spare(). */
static void spare(struct sampler *p)
{
	size_t i = series_spare(p->costs, p->count);
	struct series *q = &p->series[i];

	if (i == p->count || q->interval_ns >= SERIES_INTERVAL_MAX_NS / 2)
		return;
	q->interval_ns *= 2;
	q->due_ns += q->interval_ns / 2;
	p->costs[i].interval_ns = q->interval_ns;
	if (!q->slow_said)
		say(p, q, SOURCE_DEGRADED,
		    "reading it costs much on this host: it is read less often, to spare "
		    "it (--sample NAME@SECONDS asks for it by name)");
	q->slow_said = true;
}

static void sample(struct sampler *p, struct series *q)
{
	uint64_t began_ns = clock_mono_ns(), before_ns = cpu_ns();
	bool any;

	if (!set_reading(p, q))
		return;
	q->began_ns = q->last_ns = began_ns;
	p->sink.failures = p->sink.cuts = 0;
	p->sink.read_bytes = 0;
	p->sink.arg = q;
	read_series(p, q);
	(void)set_reading(p, NULL);
	any = p->sink.sections || p->sink.read_bytes;
	hand_on(&p->sink, q);
	learn_cost(p, q, cpu_ns() - before_ns);
	note_failures(p, q, began_ns, any);
}

/* ---- when ---- */

/* @from_ns: of the first time that no sample was taken for; those from there to now are left out.
 */
static uint64_t note_late(struct sampler *p, struct series *q, uint64_t from_ns)
{
	uint64_t interval = q->interval_ns, now = clock_mono_ns(), missed;

	if (now < from_ns)
		return from_ns;
	missed = (now - from_ns) / interval + 1;
	note_gap(p, q, from_ns, from_ns + (missed - 1) * interval, missed, reason_late);
	return from_ns + missed * interval;
}

/* The next time on the grid that is still to come. */
static void set_next(struct sampler *p, struct series *q)
{
	q->due_ns = q->interval_ns ? note_late(p, q, q->due_ns + q->interval_ns) : UINT64_MAX;
}

static uint64_t next_due(const struct sampler *p)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < p->count; i++)
		next = min_of(next, p->series[i].due_ns);
	return next;
}

/* Until @due_ns, or until it is to stop: then false. */
static bool wait_until(struct sampler *p, uint64_t due_ns)
{
	struct timespec until = {(time_t)(due_ns / NSEC_PER_SEC), (long)(due_ns % NSEC_PER_SEC)};
	bool go_on;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && clock_mono_ns() < due_ns) {
		if (due_ns == UINT64_MAX)
			pthread_cond_wait(&p->changed, &p->lock);
		else
			(void)pthread_cond_timedwait(&p->changed, &p->lock, &until);
	}
	go_on = !p->stop;
	pthread_mutex_unlock(&p->lock);
	return go_on;
}

static void tell(struct sampler *p, bool *what)
{
	pthread_mutex_lock(&p->lock);
	*what = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void last_samples(struct sampler *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct series *q = &p->series[i];

		/* The last one stands for the newest that it should have been. */
		if (q->interval_ns)
			(void)note_late(p, q, q->due_ns + q->interval_ns);
		sample(p, q);
		if (q->failing_count)
			end_failing(p, q, q->last_ns);
	}
}

static void *sampler_thread(void *arg)
{
	struct sampler *p = arg;
	uint64_t began_ns;

	/* Files that are not root's, and not for others. */
	(void)privilege_keep(PRIVILEGE(CAP_DAC_READ_SEARCH));
	(void)confine_thread(CONFINE_FILES);
	began_ns = clock_mono_ns();
	for (size_t i = 0; i < p->count; i++)
		p->series[i].due_ns = began_ns;
	while (wait_until(p, next_due(p))) {
		uint64_t now = clock_mono_ns();

		for (size_t i = 0; i < p->count; i++)
			if (p->series[i].due_ns <= now) {
				sample(p, &p->series[i]);
				set_next(p, &p->series[i]);
			}
		spare(p);
		if (!p->began)
			tell(p, &p->began);
	}
	last_samples(p);
	tell(p, &p->done);
	sampler_let_go(p);
	return NULL;
}

/* ---- the source ---- */

/* Descriptors for what stays open, where the usual 1024 are too few; as ring.c does. */
static unsigned int allow_descriptors(void)
{
	struct rlimit limit;
	rlim_t before;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return KEPT_MIN;
	before = limit.rlim_cur;
	if (before >= 4 * KEPT_MAX)
		return KEPT_MAX;
	limit.rlim_cur = min_of(before + KEPT_MAX, limit.rlim_max);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < before + KEPT_MIN)
		return KEPT_MIN;
	return (unsigned int)(limit.rlim_cur - before);
}

static int add_series(struct source *s, struct sampler *p, const struct series_spec *spec,
		      struct err *e)
{
	struct series *q = &p->series[p->count++];
	enum series_kind kind = spec->builtin ? spec->builtin->kind : SERIES_FILES;
	int r;

	q->spec = spec;
	q->interval_ns = spec->interval_ns;
	p->costs[q - p->series] =
		(struct series_cost){.interval_ns = spec->interval_ns, .asked = spec->asked};
	(void)snprintf(q->source, sizeof(q->source), SERIES_SOURCE "%s", spec->name);
	r = spool_stream_add(s->session->spool, CHUNK_SERIES, (uint32_t)p->count, NULL, &q->stream,
			     e);
	if (r == 0 && kind == SERIES_PROCESSES)
		return series_processes_new(&q->processes, e);
	if (r == 0 && kind == SERIES_TCP && p->tcp_fd < 0) {
		struct err why = {0};

		p->tcp_fd = series_tcp_open(&why);
		if (p->tcp_fd < 0)
			source_degrade_part(s, q->source, SOURCE_FAILED, "%s", why.text);
		return 0;
	}
	return r == 0 && kind != SERIES_TCP ? series_files_new(spec, &q->files, e) : r;
}

static struct sampler *sampler_new(struct source *s)
{
	struct sampler *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (!p)
		return NULL;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	p->holders = 1;
	p->tcp_fd = -1;
	p->source = s;
	p->server = s->session->config->server;
	p->sink.full = hand_on;
	return p;
}

static int series_prepare(struct source *s, struct err *e)
{
	size_t append_max = spool_append_max(s->session->spool);
	struct sampler *p = sampler_new(s);
	int r;

	if (!p)
		return err_nomem(e);
	s->priv = p;
	p->sink.limit_bytes = append_max - 256;
	series_sink_reset(&p->sink);
	r = series_plan_make(s->session->config, &p->plan, e);
	if (r == 0)
		r = series_reader_init(&p->reader, "", append_max - SECTION_LINES, e);
	for (size_t i = 0; r == 0 && i < p->plan.count; i++)
		r = add_series(s, p, &p->plan.specs[i], e);
	atomic_store(&s->session->stats.series, p->count);
	if (r == 0 && p->count)
		p->reader.kept_max = allow_descriptors();
	return r;
}

/* So that the baseline of a benchmark is from before it; for no longer than a moment. */
static void wait_for_first(struct sampler *p)
{
	uint64_t due_ns = clock_mono_ns() + BEGIN_WAIT_NS;
	struct timespec until = {(time_t)(due_ns / NSEC_PER_SEC), (long)(due_ns % NSEC_PER_SEC)};

	pthread_mutex_lock(&p->lock);
	while (!p->began && clock_mono_ns() < due_ns)
		(void)pthread_cond_timedwait(&p->changed, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
}

static int series_start(struct source *s, struct err *e)
{
	struct sampler *p = s->priv;
	int r;

	if (!p->count)
		return 0;
	p->holders++;
	r = -pthread_create(&p->thread, NULL, sampler_thread, p);
	if (r < 0) {
		p->holders--;
		return err_errno(e, r, "cannot start the thread series");
	}
	(void)pthread_setname_np(p->thread, "series");
	p->started = true;
	if (s->session->config->command)
		wait_for_first(p);
	return 0;
}

/* It is within a read that does not return. Nothing of the session's is its own any more. */
static void abandon(struct source *s, struct sampler *p)
{
	const struct series *q;

	pthread_mutex_lock(&p->lock);
	while (p->in_session)
		pthread_cond_wait(&p->changed, &p->lock);
	p->abandoned = true;
	q = p->reading;
	pthread_mutex_unlock(&p->lock);
	(void)pthread_detach(p->thread);
	for (size_t i = 0; i < p->count; i++) {
		if (&p->series[i] == q)
			source_degrade_part(s, q->source, SOURCE_DEGRADED,
					    "the kernel keeps one of its files from being read");
		loss_note(
			s->session->loss, LOSS_OUTAGE, p->series[i].source, 0, p->series[i].last_ns,
			clock_mono_ns(), LOSS_UNKNOWN,
			"a file of a series could not be read to its end, and held up all series");
	}
}

/*
 * Asks for the last samples and does not wait for them: one of these files may never let its reader
 * go, and the rest is to be safe on disk before anybody finds out.
 */
static int series_drain(struct source *s, struct err *e)
{
	struct sampler *p = s->priv;

	(void)e;
	if (p && p->started)
		tell(p, &p->stop);
	return 0;
}

static void series_epilogue(struct source *s)
{
	struct sampler *p = s->priv;
	uint64_t due_ns = clock_mono_ns() + END_WAIT_NS;
	struct timespec until = {(time_t)(due_ns / NSEC_PER_SEC), (long)(due_ns % NSEC_PER_SEC)};
	bool done;

	if (!p || !p->started)
		return;
	p->started = false;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->changed);
	while (!p->done && clock_mono_ns() < due_ns)
		(void)pthread_cond_timedwait(&p->changed, &p->lock, &until);
	done = p->done;
	pthread_mutex_unlock(&p->lock);
	if (done)
		(void)pthread_join(p->thread, NULL);
	else
		abandon(s, p);
}

static void write_patterns(const struct series_spec *spec, struct json_writer *w)
{
	const char *const *patterns;
	size_t count = series_spec_patterns(spec, &patterns);

	json_key(w, "paths");
	json_array(w);
	for (size_t i = 0; i < count; i++)
		json_str(w, patterns[i]);
	json_array_end(w);
}

static void series_facts(struct source *s, struct json_writer *w)
{
	const struct sampler *p = s->priv;

	json_key(w, "list");
	json_array(w);
	for (size_t i = 0; i < p->count; i++) {
		const struct series_spec *spec = p->series[i].spec;
		char member[SERIES_SOURCE_MAX + 8];

		(void)snprintf(member, sizeof(member), SERIES_FOLDER "%s.txt", spec->name);
		json_object(w);
		json_kv_str(w, "name", p->series[i].source);
		json_kv_str(w, "member", member);
		json_kv_u64(w, "id", i + 1);
		json_kv_u64(w, "interval_ns", spec->interval_ns);
		write_patterns(spec, w);
		json_object_end(w);
	}
	json_array_end(w);
}

static void series_totals(struct source *s, struct json_writer *w)
{
	const struct sampler *p = s->priv;

	for (size_t i = 0; i < p->count; i++)
		json_kv_u64(w, p->series[i].source, atomic_load(&p->series[i].samples));
}

static void series_free(struct source *s)
{
	struct sampler *p = s->priv;

	if (!p)
		return;
	series_epilogue(s); /* where recording did not begin */
	s->priv = NULL;
	sampler_let_go(p);
}

const struct source_ops source_series_ops = {
	.name = "series",
	.prepare = series_prepare,
	.start = series_start,
	.drain = series_drain,
	.epilogue = series_epilogue,
	.facts = series_facts,
	.totals = series_totals,
	.free = series_free,
};
