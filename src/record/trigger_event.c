/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Triggers that are trace events: SYSTEM:EVENT, with a filter that the kernel applies.
 *
 * They are watched through small tracing instances of their own, so that a storm in the
 * recording cannot delay or drown them. Only trigger events are enabled there, and their text is
 * read from trace_pipe in the loop. A watch instance ("lane", NAME.watchK) holds triggers of one
 * role and at most one of each event name, because a filter belongs to the event of an instance,
 * and the text names the event alone. Usually there is one lane; a second one when final and
 * suspect events are both watched (many suspects must not push a final one out of the ring), more
 * only when triggers share an event.
 *
 * Waking: the loop polls trace_pipe, which wakes in tens of microseconds; a timer of 100 ms reads
 * too, because on some kernels poll waits for a full sub-buffer. The same timer puts events back
 * that were lost when a module was unloaded and loaded again; that they were is told by the
 * recording's thread (env.event_moves), so that the loop waits for no lock of the kernel meanwhile.
 *
 * With --after 0 the kernel itself also stops the recording, by a "traceoff" on the final events in
 * the recording instance, provided that it keeps to that instance: kernels before 302e9edd5498 stop
 * the top-level ring instead. That is tried out first on a scratch instance of our own.
 *
 * Owns the lanes and the traceoffs. The recording instance is borrowed.
 */
#include "trigger.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define LANES_MAX 16
/* For each CPU; some 250 scoutfs events. On 256 CPUs a lane takes 8 MiB. */
#define LANE_RING_KB 32
#define LINE_MAX_BYTES 4096
/* Each at most a page of text: under 1 ms together, then the loop looks at its other sources. */
#define READS_PER_CALLBACK 16
#define FALLBACK_NS (100 * NSEC_PER_MSEC)
#define RETRY_TICKS 10 /* of FALLBACK_NS */
#define PROOF_NS (2 * NSEC_PER_SEC)
#define PROBE_TRIES 100
#define PROBE_NAP_NS 100000
#define EARLY_LOOKS 20 /* for a line that the kernel was writing just then */
#define EARLY_NAP_NS 100000

struct event_trigger {
	struct trigger *trigger;
	struct event_spec wanted;
	struct event_spec fallback;
	bool has_fallback;
	struct event_spec used;	    /* the one of the two that is watched, with its final filter */
	struct lane *lane;	    /* NULL unless placed */
	bool traceoff;		    /* this event has ours in the recording instance */
	bool gone;		    /* its module was unloaded */
	struct event_trigger *next; /* of the watch */
};

struct lane {
	struct trigger_watch *watch;
	struct instance instance;
	enum trigger_role role;
	int pipe_fd;
	struct loop_source *source;
	char line[LINE_MAX_BYTES];
	size_t line_bytes;
	char marker[96];
	uint64_t marker_sent_ns, marker_seen_ns;
	uint64_t lost;
};

struct trigger_watch {
	struct trigger_env *env;
	struct lane *lanes[LANES_MAX];
	size_t lane_count;
	struct loop_source *timer;
	struct event_trigger *first;
	uint64_t moves_seen;
	unsigned int ticks; /* since some trigger could not be armed again */
	bool proving, retry;
};

/* ---- lines of trace_pipe ---- */

/* " 1234.567890: " in nanoseconds; @at is set behind it. */
static bool take_stamp(const char *s, const char **at, uint64_t *ret_ns)
{
	uint64_t sec = 0, frac = 0, unit = NSEC_PER_SEC;
	const char *c = s;

	if (!isdigit((unsigned char)*c))
		return false;
	for (; isdigit((unsigned char)*c); c++)
		if (__builtin_mul_overflow(sec, 10, &sec) ||
		    __builtin_add_overflow(sec, (uint64_t)(*c - '0'), &sec))
			return false;
	if (*c++ != '.' || !isdigit((unsigned char)*c))
		return false;
	for (; isdigit((unsigned char)*c) && unit > 1; c++) {
		unit /= 10;
		frac += (uint64_t)(*c - '0') * unit;
	}
	if (c[0] != ':' || c[1] != ' ' || __builtin_mul_overflow(sec, NSEC_PER_SEC, &sec) ||
	    __builtin_add_overflow(sec, frac, ret_ns))
		return false;
	*at = c + 2;
	return true;
}

/**
 * trigger_event_parse_line() - take apart one line of a trace_pipe
 * @line: without its newline, such as
 *        "     my task 1-1234    [001] d.h1.  1234.567890: sched_waking: comm=x pid=1"
 * @ret:  set on success; points into @line
 *
 * The task's name may hold anything, but the kernel pads it to 16 columns and cuts it at 15 bytes
 * (trace_output.c), so what follows can be found by its column. Everything between the pid and the
 * stamp depends on trace options and is skipped.
 *
 * Return: false for lines that are not events (headers, lost events, stack frames).
 */
bool trigger_event_parse_line(const char *line, struct trigger_event_line *ret)
{
	const char *c = line, *at;

	if (strnlen(line, 18) == 18 && line[16] == '-' && isdigit((unsigned char)line[17]))
		c = line + 17;
	for (; *c; c++) {
		struct trigger_event_line l;

		if ((c > line && c[-1] != ' ') || !take_stamp(c, &at, &l.stamp_ns))
			continue;
		l.event = at + strspn(at, " ");
		l.name_bytes =
			strspn(l.event, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789_-");
		if (l.name_bytes == 0)
			return false;
		l.text = l.event + l.name_bytes;
		if (l.text[0] == ':')
			l.text += 1 + (l.text[1] == ' ');
		*ret = l;
		return true;
	}
	return false;
}

/* System call events print "sys_NAME(" and "sys_NAME -> " instead of their own name. */
static bool printed_as(const struct event_spec *s, const struct trigger_event_line *l)
{
	const char *name = s->event;
	char behind = ':';
	bool syscall = false;

	if (strcmp(s->system, "syscalls") == 0 && str_starts(name, "sys_enter_")) {
		behind = '(';
		syscall = true;
		name += strlen("sys_enter_");
	} else if (strcmp(s->system, "syscalls") == 0 && str_starts(name, "sys_exit_")) {
		behind = ' ';
		syscall = true;
		name += strlen("sys_exit_");
	}
	if (!syscall)
		return strlen(name) == l->name_bytes && memcmp(l->event, name, l->name_bytes) == 0;
	return l->name_bytes == strlen(name) + 4 && memcmp(l->event, "sys_", 4) == 0 &&
	       memcmp(l->event + 4, name, l->name_bytes - 4) == 0 &&
	       l->event[l->name_bytes] == behind;
}

/* A full ring is no loss of a verdict: what pushed the events out were triggers of the same role.
 */
static bool lost_line(struct lane *l, const char *line)
{
	unsigned long long n;

	if (sscanf(line, "CPU:%*d [LOST %llu EVENTS]", &n) != 1)
		return false;
	l->lost += n;
	return true;
}

static void lane_line(struct lane *l, const char *line)
{
	struct trigger_event_line event;

	if (lost_line(l, line) || !trigger_event_parse_line(line, &event))
		return;
	if (l->marker[0] && l->marker_seen_ns == 0 && strstr(event.event, l->marker)) {
		l->marker_seen_ns = clock_mono_ns();
		if (l->watch->proving)
			loop_quit(l->watch->env->loop);
		return;
	}
	for (struct event_trigger *t = l->watch->first; t; t = t->next) {
		if (t->lane == l && printed_as(&t->used, &event)) {
			trigger_fire(t->trigger, event.stamp_ns, event.event);
			return; /* the session may have disarmed us */
		}
	}
}

static void lane_bytes(struct lane *l, const char *bytes, size_t n)
{
	/* pipe_fd: a verdict may have closed the lane between two lines. */
	for (size_t i = 0; i < n && l->pipe_fd >= 0; i++) {
		if (bytes[i] == '\n') {
			l->line[l->line_bytes] = '\0';
			if (l->line_bytes)
				lane_line(l, l->line);
			l->line_bytes = 0;
		} else if (l->line_bytes + 1 < sizeof(l->line)) {
			l->line[l->line_bytes++] = bytes[i];
		} /* a longer line is used as far as it fits */
	}
}

static void lane_read(struct lane *l)
{
	char buf[4096];

	for (int i = 0; i < READS_PER_CALLBACK && l->pipe_fd >= 0; i++) {
		ssize_t n = read(l->pipe_fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* EAGAIN; 0 when the instance's ring was stopped by somebody */
			return;
		lane_bytes(l, buf, (size_t)n);
	}
}

static void lane_ready(void *arg, int fd, uint32_t epoll_events)
{
	(void)fd;
	(void)epoll_events;
	lane_read(arg);
}

/* ---- lanes ---- */

/* A new instance has the trace options of the top level; these make lines that we can read. */
static void set_options(const struct instance *i)
{
	static const char *const options[] = {
		"context-info", "markers",	 "record-cmd",
		"overwrite",	"noraw",	 "nohex",
		"nobin",	"noverbose",	 "nolatency-format",
		"nofields",	"nostacktrace",	 "nouserstacktrace",
		"noblock",	"norecord-tgid",
	};

	for (size_t n = 0; n < ARRAY_SIZE(options); n++)
		(void)instance_write(i, "trace_options", options[n],
				     NULL); /* not all kernels have all */
}

static int lane_prepare(struct lane *l, struct err *e)
{
	int r;

	r = instance_set_clock(&l->instance, "mono", e);
	if (r < 0)
		return r;
	r = instance_set_size(&l->instance, LANE_RING_KB, NULL, e);
	if (r < 0)
		return r;
	if (instance_has(&l->instance, "buffer_percent")) /* 5.0 */
		(void)instance_write(&l->instance, "buffer_percent", "0", NULL);
	set_options(&l->instance);
	r = instance_write(&l->instance, "tracing_on", "1", e);
	if (r < 0)
		return r;

	l->pipe_fd = instance_open_file(&l->instance, "trace_pipe", O_RDONLY | O_NONBLOCK, e);
	if (l->pipe_fd < 0)
		return l->pipe_fd;
	return loop_add_fd(l->watch->env->loop, l->pipe_fd, EPOLLIN, lane_ready, l, &l->source, e);
}

static void lane_close(struct lane *l)
{
	struct err e = {0};

	loop_source_free(l->source);
	l->source = NULL;
	if (l->pipe_fd >= 0)
		(void)close(take_fd(&l->pipe_fd));
	if (instance_remove(&l->instance, &e) < 0)
		log_warning("%s", e.text);
	if (l->lost)
		log_debug("%llu events of a storm were not read from %s",
			  (unsigned long long)l->lost, l->instance.name);
	l->lost = 0;
}

static int lane_open(struct trigger_watch *w, enum trigger_role role, struct lane **ret,
		     struct err *e)
{
	struct lane *l;
	char name[sizeof(l->instance.name)];
	int r;

	if (w->lane_count == LANES_MAX)
		return err_set(e, -E2BIG, "more than %d triggers on one event", LANES_MAX);
	r = snprintf(name, sizeof(name), "%s.watch%zu", w->env->instance_name, w->lane_count);
	if (r < 0 || (size_t)r >= sizeof(name))
		return err_set(e, -ENAMETOOLONG, "the instance name %s is too long",
			       w->env->instance_name);

	l = calloc(1, sizeof(*l));
	if (!l)
		return err_nomem(e);
	l->watch = w;
	l->role = role;
	l->pipe_fd = -1;
	l->instance.dir_fd = -1;
	r = instance_create(name, &l->instance, e);
	if (r == 0)
		r = lane_prepare(l, e);
	if (r < 0) {
		lane_close(l);
		free(l);
		return r;
	}
	w->lanes[w->lane_count++] = l;
	*ret = l;
	return 0;
}

/* System call events of enter and exit differ in what they print, so the event's name decides. */
static bool lane_has(const struct lane *l, const char *event)
{
	for (const struct event_trigger *t = l->watch->first; t; t = t->next)
		if (t->lane == l && strcmp(t->used.event, event) == 0)
			return true;
	return false;
}

static int lane_for(struct trigger_watch *w, enum trigger_role role, const char *event,
		    struct lane **ret, struct err *e)
{
	for (size_t i = 0; i < w->lane_count; i++) {
		if (w->lanes[i]->role == role && !lane_has(w->lanes[i], event)) {
			*ret = w->lanes[i];
			return 0;
		}
	}
	return lane_open(w, role, ret, e);
}

/* ---- one trigger ---- */

static int enable(const struct event_trigger *t, struct err *e)
{
	char file[256];

	snprintf(file, sizeof(file), "events/%s/%s/enable", t->used.system, t->used.event);
	return instance_write(&t->lane->instance, file, "1", e);
}

/* What may not be read any more (a lockdown that came later) is as it was. */
static bool enabled(const struct event_trigger *t)
{
	CLEANUP(text_free) struct text state = {0};
	char file[256];
	int r;

	snprintf(file, sizeof(file), "events/%s/%s/enable", t->used.system, t->used.event);
	r = instance_read(&t->lane->instance, file, &state, NULL);
	return r == 0 ? text_c(&state)[0] == '1' : r != -ENOENT && r != -ENODEV;
}

static void not_armed(struct trigger *t, const char *why)
{
	t->armed = false;
	trigger_why(t, "%s", why);
}

/* Errors on devices that no scoutfs mount uses are not ours to stop for. */
static void add_devices(const struct trigger *t, struct event_spec *s)
{
	char devices[sizeof(s->filter) - 256], own[201];

	if (t->user || strcmp(s->system, "block") != 0 ||
	    trigger_blockdev_filter("/sys", devices, sizeof(devices)) == 0)
		return;
	snprintf(own, sizeof(own), "%.200s", s->filter);
	if (own[0])
		snprintf(s->filter, sizeof(s->filter), "(%s) && (%s)", own, devices);
	else
		snprintf(s->filter, sizeof(s->filter), "%s", devices);
}

/* Give the event a lane and its filter there; it is enabled later, when the lane is proved. */
static int place(struct trigger_watch *w, struct event_trigger *t, const struct event_spec *spec,
		 struct err *e)
{
	struct lane *l = NULL;
	int r;

	if (!instance_event_exists(spec->system, spec->event))
		return err_set(e, -ENOENT, "this %s has no event %s:%s",
			       strcmp(spec->system, EVENT_SYSTEM) == 0 ? "scoutfs module"
								       : "kernel",
			       spec->system, spec->event);
	r = lane_for(w, t->trigger->role, spec->event, &l, e);
	if (r < 0)
		return r;
	t->used = *spec;
	add_devices(t->trigger, &t->used);
	r = instance_set_filter(&l->instance, t->used.system, t->used.event, t->used.filter, e);
	if (r < 0)
		return r;
	t->lane = l;
	return 0;
}

static int event_parse(struct trigger *t, const char *spec, struct err *e)
{
	struct event_trigger *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_nomem(e);
	p->trigger = t;
	r = event_spec_parse(spec, &p->wanted, e);
	if (r == 0 && !p->wanted.event[0])
		r = err_set(e, -EINVAL,
			    "trigger event:%.200s names no event; give event:SYSTEM:EVENT[/FILTER]",
			    spec);
	if (r == 0 && t->builtin && t->builtin->fallback) {
		r = event_spec_parse(t->builtin->fallback, &p->fallback, e);
		p->has_fallback = r == 0;
	}
	if (r < 0) {
		free(p);
		return r;
	}
	t->priv = p;
	return 0;
}

/*
 * Every release of scoutfs has its own events and fields, so a row of the table that does not fit
 * this one is tried by its fallback and then left out. A filter that the user wrote is a mistake
 * that the user must hear of now, not after weeks of waiting.
 */
static int event_arm(struct trigger *t, struct trigger_env *env, struct err *e)
{
	struct event_trigger *p = t->priv;
	struct err why = {0}, second = {0};
	int r;

	p->next = env->watch->first;
	env->watch->first = p;

	r = place(env->watch, p, &p->wanted, &why);
	if (r == -EINVAL && t->user)
		return err_set(e, r, "trigger %s: %s", t->name, why.text);
	if ((r == -ENOENT || r == -EINVAL) && p->has_fallback &&
	    place(env->watch, p, &p->fallback, &second) == 0) {
		trigger_why(t, "watching %s:%s instead, because %s", p->used.system, p->used.event,
			    why.text);
		return 0;
	}
	if (r < 0) {
		not_armed(t, why.text);
		return -EOPNOTSUPP;
	}
	trigger_why(t, "watching %s:%s%s%s", p->used.system, p->used.event,
		    p->used.filter[0] ? " if " : "", p->used.filter);
	return 0;
}

static void event_free(struct trigger *t)
{
	free(t->priv);
	t->priv = NULL;
}

const struct trigger_ops trigger_event_ops = {
	.kind = "event",
	.parse = event_parse,
	.arm = event_arm,
	.free = event_free,
};

/**
 * trigger_event_spec() - what an event trigger listens to
 * @t:   any trigger
 * @ret: the event and the filter that are watched; before arming, the ones wanted
 *
 * The recording enables these too, so that the event that ends it is in the trace.
 *
 * Return: false for triggers of other kinds, and for those that this host cannot arm.
 */
bool trigger_event_spec(const struct trigger *t, struct event_spec *ret)
{
	const struct event_trigger *p = t->priv;

	if (t->ops != &trigger_event_ops || !p || (t->env && !t->armed))
		return false;
	*ret = p->used.event[0] ? p->used : p->wanted;
	return true;
}

/* ---- proof ---- */

static int send_marker(struct lane *l, struct err *e)
{
	snprintf(l->marker, sizeof(l->marker), "scoutfs-trace self-test of %s", l->instance.name);
	l->marker_sent_ns = clock_mono_ns();
	return instance_write(&l->instance, "trace_marker", l->marker, e);
}

static bool all_seen(const struct trigger_watch *w)
{
	for (size_t i = 0; i < w->lane_count; i++)
		if (w->lanes[i]->marker_sent_ns && !w->lanes[i]->marker_seen_ns)
			return false;
	return true;
}

/*
 * The loop ends early when a marker was seen, by our own quit, or when a callback of the
 * session wants to end (a signal): that quit is handed on to the loop the session runs next.
 */
static int wait_for_markers(struct trigger_watch *w, struct err *e)
{
	uint64_t deadline_ns = clock_mono_ns() + PROOF_NS;
	int r = 0;

	w->proving = true;
	while (r == 0 && !all_seen(w)) {
		uint64_t now_ns = clock_mono_ns(), seen = 0, seen_before = 0;

		if (now_ns >= deadline_ns)
			break;
		for (size_t i = 0; i < w->lane_count; i++)
			seen_before += w->lanes[i]->marker_seen_ns != 0;
		r = loop_run_for(w->env->loop, deadline_ns - now_ns, e);
		for (size_t i = 0; i < w->lane_count; i++)
			seen += w->lanes[i]->marker_seen_ns != 0;
		if (r == 0 && seen == seen_before && clock_mono_ns() < deadline_ns) {
			loop_quit(w->env->loop);
			break;
		}
	}
	w->proving = false;
	return r;
}

static void blame_lane(struct trigger_watch *w, const struct lane *l, const char *why)
{
	for (struct event_trigger *t = w->first; t; t = t->next)
		if (t->lane == l)
			not_armed(t->trigger, why);
}

/* The events are not enabled yet: what is read now are the markers alone. */
static int prove(struct trigger_watch *w, uint64_t *ret_slowest_ns, struct err *e)
{
	struct err why = {0};
	int r;

	*ret_slowest_ns = 0;
	for (size_t i = 0; i < w->lane_count; i++) {
		if (send_marker(w->lanes[i], &why) < 0) {
			w->lanes[i]->marker_sent_ns = 0;
			blame_lane(w, w->lanes[i], why.text);
		}
	}
	r = wait_for_markers(w, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->lane_count; i++) {
		const struct lane *l = w->lanes[i];

		if (l->marker_seen_ns)
			*ret_slowest_ns =
				max_of(*ret_slowest_ns, l->marker_seen_ns - l->marker_sent_ns);
		else if (l->marker_sent_ns)
			blame_lane(w, l,
				   "a marker written to its watch instance was not seen within "
				   "2 s; it is watched, but not proved");
	}
	return 0;
}

/* ---- the kernel's own stop ---- */

static bool is_on(const struct instance *i)
{
	CLEANUP(text_free) struct text state = {0};

	return instance_read(i, "tracing_on", &state, NULL) == 0 && text_c(&state)[0] == '1';
}

/* The top level's tracing_on: -1 when it cannot be read. The one file of it that we may have to
 * mend. */
static int top_tracing(int write_value)
{
	char path[256], c = '0';
	CLEANUP(closep) int fd = -1;

	snprintf(path, sizeof(path), "%s/tracing_on", instance_tracing_dir(NULL));
	fd = open(path, (write_value < 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (write_value >= 0)
		return write(fd, write_value ? "1" : "0", 1) == 1 ? write_value : -1;
	return read(fd, &c, 1) == 1 ? c == '1' : -1;
}

/*
 * Fire a traceoff in a scratch instance, by an event of our own thread, and look which ring
 * stopped. ":1" lets it act once, the filter only for us.
 */
static bool probe_with(const struct instance *scratch, const char *system, const char *event,
		       bool *ret_scoped)
{
	static const struct timespec nap = {.tv_nsec = PROBE_NAP_NS};
	int top_before, top_after = -1;
	char file[256], text[128];
	bool off = false;

	if (!instance_event_exists(system, event))
		return false;
	snprintf(file, sizeof(file), "events/%s/%s/trigger", system, event);
	snprintf(text, sizeof(text), "traceoff:1 if common_pid == %d", (int)syscall(SYS_gettid));
	top_before = top_tracing(-1);
	if (instance_write(scratch, file, text, NULL) < 0)
		return false;
	for (int i = 0; i < PROBE_TRIES && !off; i++) {
		(void)nanosleep(&nap, NULL); /* a system call, and a switch away from this thread */
		off = !is_on(scratch);
		top_after = top_tracing(-1);
		if (top_before == 1 && top_after == 0 && !off) {
			(void)top_tracing(1); /* an old kernel: it stopped somebody else's ring */
			break;
		}
	}
	(void)instance_write(scratch, file, "!traceoff", NULL);
	*ret_scoped = off;
	return off || (top_before == 1 && top_after == 0);
}

/* Sets a reason when the kernel cannot be trusted to stop our ring alone. */
static bool traceoff_is_scoped(struct trigger_watch *w, struct err *e)
{
	static const char *const events[][2] = {{"sched", "sched_switch"},
						{"raw_syscalls", "sys_enter"}};
	struct instance scratch;
	struct err left = {0};
	char name[sizeof(scratch.name)];
	bool known = false, scoped = false;

	snprintf(name, sizeof(name), "%.50s.probe", w->env->instance_name);
	if (instance_create(name, &scratch, e) < 0)
		return false;
	(void)instance_write(&scratch, "tracing_on", "1", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(events) && !known; i++)
		known = probe_with(&scratch, events[i][0], events[i][1], &scoped);
	if (instance_remove(&scratch, &left) < 0)
		log_warning("%s", left.text);
	if (!known)
		(void)err_set(e, -EOPNOTSUPP,
			      "a test did not show which ring this kernel's traceoff stops");
	else if (!scoped)
		(void)err_set(e, -EOPNOTSUPP, "this kernel's traceoff stops the top-level ring");
	return scoped;
}

static bool same_event(const struct event_trigger *a, const struct event_trigger *b)
{
	return strcmp(a->used.system, b->used.system) == 0 &&
	       strcmp(a->used.event, b->used.event) == 0;
}

static bool stops_in_kernel(const struct event_trigger *t)
{
	return t->lane && t->trigger->role == ROLE_FINAL;
}

/*
 * An event takes one traceoff, so all final filters on it are joined. It always has a filter:
 * without one the trigger of 6.1 acts before the event is in the ring, and the event that
 * matters most would be missing. No process has a negative pid.
 */
static int set_traceoff(struct trigger_watch *w, struct event_trigger *t, struct err *e)
{
	CLEANUP(text_free) struct text filter = {0};
	char file[256];
	int r;

	for (const struct event_trigger *o = w->first; o; o = o->next)
		if (stops_in_kernel(o) && same_event(o, t))
			text_printf(&filter, "%s(%s)", filter.len ? " || " : "traceoff if ",
				    o->used.filter[0] ? o->used.filter : "common_pid >= 0");
	if (!text_ok(&filter))
		return err_nomem(e);
	snprintf(file, sizeof(file), "events/%s/%s/trigger", t->used.system, t->used.event);
	r = instance_write(w->env->recording, file, text_c(&filter), e);
	t->traceoff = r == 0;
	return r;
}

static bool has_traceoff(const struct trigger_watch *w, const struct event_trigger *t)
{
	for (const struct event_trigger *o = w->first; o; o = o->next)
		if (o->traceoff && same_event(o, t))
			return true;
	return false;
}

/* Never an error: without it user space stops the ring, a fraction of a millisecond later. */
static void arm_traceoff(struct trigger_watch *w, struct text *ret_proof)
{
	unsigned int wanted = 0, set = 0;
	struct err e = {0};

	for (struct event_trigger *t = w->first; t; t = t->next)
		wanted += stops_in_kernel(t);
	if (!w->env->recording || wanted == 0)
		return;
	if (!traceoff_is_scoped(w, &e)) {
		text_printf(ret_proof, ", no stop in the kernel (%s)", e.text);
		return;
	}
	for (struct event_trigger *t = w->first; t; t = t->next) {
		if (!stops_in_kernel(t) || has_traceoff(w, t))
			continue;
		if (set_traceoff(w, t, &e) == 0)
			set++;
	}
	if (set)
		text_printf(ret_proof, ", the kernel stops the ring at %u of them", set);
	else
		text_printf(ret_proof, ", no stop in the kernel (%s)", e.text);
}

static void remove_traceoff(struct trigger_watch *w)
{
	char file[256];

	for (struct event_trigger *t = w->first; t; t = t->next) {
		if (!t->traceoff)
			continue;
		snprintf(file, sizeof(file), "events/%s/%s/trigger", t->used.system, t->used.event);
		(void)instance_write(w->env->recording, file, "!traceoff",
				     NULL); /* the module may be gone */
		t->traceoff = false;
	}
}

/* ---- the watch ---- */

/*
 * Unloading a module takes its events away, and with them filter and enable; when it is loaded
 * again the events are new and off. Without this the trigger would be deaf and nobody would know.
 */
static void keep_armed(struct event_trigger *t)
{
	const struct event_spec *s = &t->used;
	struct err e = {0};

	if (!t->lane || enabled(t))
		return;
	if (!instance_event_exists(s->system, s->event)) {
		if (!t->gone)
			log_warning(
				"trigger %s is deaf: event %s:%s has gone, its module was unloaded",
				t->trigger->name, s->system, s->event);
		t->gone = true;
		not_armed(t->trigger, "its event has gone: the module was unloaded");
		return;
	}
	/* In the order of the start: the kernel's own stop first. */
	if (t->traceoff) {
		t->traceoff = false;
		(void)set_traceoff(t->lane->watch, t, NULL);
	}
	if (instance_set_filter(&t->lane->instance, s->system, s->event, s->filter, &e) < 0 ||
	    enable(t, &e) < 0) {
		if (!t->gone)
			log_warning("trigger %s is deaf: %s", t->trigger->name, e.text);
		t->gone = true;
		t->lane->watch->retry = true;
		not_armed(t->trigger, e.text);
		return;
	}
	log_notice("trigger %s is armed again: event %s:%s is back", t->trigger->name, s->system,
		   s->event);
	t->gone = false;
	t->trigger->armed = true;
	trigger_why(t->trigger, "watching %s:%s, which was gone for a while", s->system, s->event);
}

/* Have events moved, or is there one that could not be armed when they had? */
static bool must_look(struct trigger_watch *w)
{
	uint64_t moves = atomic_load(w->env->event_moves);

	if (w->proving || (moves == w->moves_seen && (!w->retry || ++w->ticks < RETRY_TICKS)))
		return false;
	w->moves_seen = moves;
	w->retry = false;
	w->ticks = 0;
	return true;
}

static void tick(void *arg)
{
	struct trigger_watch *w = arg;

	for (size_t i = 0; i < w->lane_count; i++)
		lane_read(w->lanes[i]);
	if (!must_look(w))
		return;
	for (struct event_trigger *t = w->first; t; t = t->next)
		if (w->timer) /* NULL once a verdict stopped us */
			keep_armed(t);
}

/**
 * trigger_watch_open() - ready to watch; makes nothing on the host yet
 * @env: borrowed until trigger_watch_free()
 * @ret: set on success
 * @e:   filled on failure
 *
 * Return: 0 or -ENOMEM.
 */
int trigger_watch_open(struct trigger_env *env, struct trigger_watch **ret, struct err *e)
{
	struct trigger_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_nomem(e);
	w->env = env;
	*ret = w;
	return 0;
}

static unsigned int enable_all(struct trigger_watch *w)
{
	struct err e = {0};
	unsigned int n = 0;

	for (struct event_trigger *t = w->first; t; t = t->next) {
		if (!t->lane)
			continue;
		if (enable(t, &e) < 0) {
			not_armed(t->trigger, e.text);
			t->lane = NULL;
			continue;
		}
		n++;
	}
	return n;
}

static bool final_fired(const struct trigger_watch *w)
{
	for (const struct event_trigger *t = w->first; t; t = t->next)
		if (stops_in_kernel(t) && t->trigger->fired)
			return true;
	return false;
}

/*
 * Between the setting of a traceoff and the enabling of its watch the kernel may have stopped the
 * ring without a verdict; then it goes on. The watch's own line can be a moment behind the stop.
 */
static void undo_early_stop(struct trigger_watch *w)
{
	static const struct timespec nap = {.tv_nsec = EARLY_NAP_NS};

	if (!w->env->recording || is_on(w->env->recording))
		return;
	for (int i = 0; i < EARLY_LOOKS && !final_fired(w); i++) {
		(void)nanosleep(&nap, NULL);
		for (size_t l = 0; l < w->lane_count; l++)
			lane_read(w->lanes[l]);
	}
	if (!final_fired(w))
		(void)instance_write(w->env->recording, "tracing_on", "1", NULL);
}

/**
 * trigger_watch_start() - prove the lanes and let the events flow
 * @w:         after every event trigger was armed
 * @ret_proof: appended to: "2 events watched (marker seen after 0.2 ms)"; nothing without events
 * @e:         filled on failure
 *
 * Runs the loop for up to 2 s. Events are enabled last, when the kernel's own stop is in place:
 * a verdict may come from then on, before this returns.
 *
 * Return: 0; a negative errno of the loop.
 */
int trigger_watch_start(struct trigger_watch *w, struct text *ret_proof, struct err *e)
{
	CLEANUP(text_free) struct text stop = {0};
	uint64_t slowest_ns;
	unsigned int n;
	int r;

	if (w->lane_count == 0)
		return 0;
	r = loop_add_timer(w->env->loop, tick, w, &w->timer, e);
	if (r < 0)
		return r;
	r = loop_timer_set(w->timer, FALLBACK_NS, FALLBACK_NS);
	if (r < 0)
		return err_errno(e, r, "cannot start the timer of the event triggers");
	r = prove(w, &slowest_ns, e);
	if (r < 0)
		return r;
	arm_traceoff(w, &stop);
	n = enable_all(w);
	undo_early_stop(w);
	if (n == 0)
		return 0;
	text_printf(ret_proof, "%u event%s watched (", n, n == 1 ? "" : "s");
	if (all_seen(w))
		text_printf(ret_proof, "marker seen after %.1f ms)",
			    (double)slowest_ns / (double)NSEC_PER_MSEC);
	else
		text_str(ret_proof, "marker not seen)");
	text_str(ret_proof, text_c(&stop));
	return 0;
}

/**
 * trigger_watch_stop() - take away traceoffs and watch instances
 *
 * NULL is fine, so is a second call, and so is a call from within a verdict.
 */
void trigger_watch_stop(struct trigger_watch *w)
{
	if (!w)
		return;
	loop_source_free(w->timer);
	w->timer = NULL;
	remove_traceoff(w);
	for (size_t i = 0; i < w->lane_count; i++)
		lane_close(w->lanes[i]);
}

/** trigger_watch_free() - stop and free; not from within a verdict */
void trigger_watch_free(struct trigger_watch *w)
{
	if (!w)
		return;
	trigger_watch_stop(w);
	for (size_t i = 0; i < w->lane_count; i++)
		free(w->lanes[i]);
	free(w);
}
