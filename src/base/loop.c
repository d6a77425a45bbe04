/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loop thread's heart: epoll, and timers, signals and wake-ups made into
 * descriptors for it. The session, its triggers and the control socket call
 * it; it owns the descriptors it makes, never those it is given.
 *
 * A callback may free any source, its own included. Events of a freed source
 * may already have been fetched from the kernel, so a source that dies while
 * callbacks run is only taken out of epoll and marked; its memory goes when
 * the outermost dispatch is over.
 *
 * Not thread-safe but for loop_wakeup(). It does not order sources: a
 * callback that must come first frees nothing and decides nothing here.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/loop.h"

/* Events fetched by one epoll_wait(); the rest come with the next. */
#define BATCH 16

#define FOREVER UINT64_MAX

struct loop_source {
	struct loop *loop;
	struct loop_source *prev, *next;
	int fd;
	bool owns_fd;
	bool dead;
	void (*dispatch)(struct loop_source *s, uint32_t epoll_events);
	union {
		loop_fd_fn on_fd;
		loop_fn on_event;
		loop_signal_fn on_signal;
	};
	void *arg;
};

struct loop {
	int epoll_fd;
	unsigned depth; /* of dispatches within dispatches: a callback may call loop_run_for() */
	bool quit;
	struct loop_source *sources;
	struct loop_source *graveyard; /* linked by .next */
};

/**
 * loop_open() - make a loop without sources
 * @ret: the caller's, for loop_free()
 */
int loop_open(struct loop **ret, struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return err_nomem(e);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		int r = -errno;

		free(l);
		return err_errno(e, r, "cannot create an epoll descriptor");
	}
	*ret = l;
	return 0;
}

static void bury(struct loop *l)
{
	while (l->graveyard) {
		struct loop_source *s = l->graveyard;

		l->graveyard = s->next;
		free(s);
	}
}

/**
 * loop_free() - free a loop and the sources it still has; not from a callback
 * @l: NULL is fine
 */
void loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(l->depth == 0);
	while (l->sources)
		loop_source_free(l->sources);
	bury(l);
	(void)close(l->epoll_fd);
	free(l);
}

/**
 * loop_source_free() - stop and forget a source; no callback of it runs from here on
 * @s: NULL is fine; any source of the loop, from any callback of it
 *
 * Signals stay blocked in the thread: one that is pending would otherwise end the program.
 */
void loop_source_free(struct loop_source *s)
{
	struct loop *l;

	if (!s)
		return;
	assert(!s->dead);
	l = s->loop;
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->owns_fd)
		(void)close(s->fd);
	s->dead = true;
	if (s->prev)
		s->prev->next = s->next;
	else
		l->sources = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->next = l->graveyard;
	l->graveyard = s;
	if (l->depth == 0)
		bury(l);
}

/*
 * Register a copy of @draft. A descriptor that the source is to own is closed
 * here on failure, so that the makers below have nothing to undo.
 */
static int add(struct loop *l, const struct loop_source *draft, uint32_t epoll_events,
	       struct loop_source **ret, struct err *e)
{
	struct epoll_event event = {.events = epoll_events};
	struct loop_source *s = malloc(sizeof(*s));
	int r = -ENOMEM;

	if (s) {
		*s = *draft;
		s->loop = l;
		event.data.ptr = s;
		r = epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &event) < 0 ? -errno : 0;
	}
	if (r < 0) {
		if (draft->owns_fd)
			(void)close(draft->fd);
		free(s);
		return err_errno(e, r, "cannot watch descriptor %d", draft->fd);
	}
	s->next = l->sources;
	if (s->next)
		s->next->prev = s;
	l->sources = s;
	*ret = s;
	return 0;
}

static void dispatch_fd(struct loop_source *s, uint32_t epoll_events)
{
	s->on_fd(s->arg, s->fd, epoll_events);
}

/* Also for wake-ups: both are read as one count. Nothing to read means that it was taken back in
 * this same batch. */
static void dispatch_count(struct loop_source *s, uint32_t epoll_events)
{
	uint64_t count;

	(void)epoll_events;
	if (read(s->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		s->on_event(s->arg);
}

static void dispatch_signals(struct loop_source *s, uint32_t epoll_events)
{
	struct signalfd_siginfo info;

	(void)epoll_events;
	while (!s->dead && read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->on_signal(s->arg, &info);
}

/**
 * loop_add_fd() - watch a descriptor that can be polled
 * @fd:           stays the caller's, who frees the source before closing it
 * @epoll_events: EPOLLIN and so on, level-triggered unless EPOLLET is given
 * @ret:          the source, for loop_source_free(); loop_free() frees it too
 *
 * Return: 0; -EPERM if it cannot be polled (a regular file); -EEXIST if it is watched already;
 * another negative errno.
 */
int loop_add_fd(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn fn, void *arg,
		struct loop_source **ret, struct err *e)
{
	const struct loop_source draft = {
		.fd = fd, .dispatch = dispatch_fd, .on_fd = fn, .arg = arg};

	return add(l, &draft, epoll_events, ret, e);
}

/**
 * loop_add_timer() - make a timer, disarmed
 */
int loop_add_timer(struct loop *l, loop_fn fn, void *arg, struct loop_source **ret, struct err *e)
{
	const struct loop_source draft = {
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
		.owns_fd = true,
		.dispatch = dispatch_count,
		.on_event = fn,
		.arg = arg};

	if (draft.fd < 0)
		return err_errno(e, -errno, "cannot create a timer");
	return add(l, &draft, EPOLLIN, ret, e);
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NSEC_PER_SEC),
				 .tv_nsec = (long)(ns % NSEC_PER_SEC)};
}

/**
 * loop_timer_set() - arm, re-arm or disarm a timer
 * @delay_ns:    until the first call; 0 with an interval means at once
 * @interval_ns: between later calls; 0: no later calls. Calls that were missed are made up by one.
 *
 * 0, 0 disarms; a call that was due but not yet made is not made then. Return: 0; negative errno.
 */
int loop_timer_set(struct loop_source *s, uint64_t delay_ns, uint64_t interval_ns)
{
	struct itimerspec spec = {.it_value = to_timespec(delay_ns),
				  .it_interval = to_timespec(interval_ns)};

	assert(s->dispatch == dispatch_count);
	if (delay_ns == 0 && interval_ns)
		spec.it_value.tv_nsec = 1; /* zero would disarm */
	return timerfd_settime(s->fd, 0, &spec, NULL) < 0 ? -errno : 0;
}

/**
 * loop_add_signals() - take these signals as events
 *
 * Blocks them in the calling thread, so that threads made later inherit that and none of them is
 * killed instead. Signals of one number that are pending at the same time come as one.
 */
int loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *arg,
		     struct loop_source **ret, struct err *e)
{
	struct loop_source draft = {
		.owns_fd = true, .dispatch = dispatch_signals, .on_signal = fn, .arg = arg};
	int r;

	r = -pthread_sigmask(SIG_BLOCK, set, NULL);
	if (r < 0)
		return err_errno(e, r, "cannot block signals");
	draft.fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (draft.fd < 0)
		return err_errno(e, -errno, "cannot create a signal descriptor");
	return add(l, &draft, EPOLLIN, ret, e);
}

/**
 * loop_add_wakeup() - make something another thread can raise
 */
int loop_add_wakeup(struct loop *l, loop_fn fn, void *arg, struct loop_source **ret, struct err *e)
{
	const struct loop_source draft = {.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
					  .owns_fd = true,
					  .dispatch = dispatch_count,
					  .on_event = fn,
					  .arg = arg};

	if (draft.fd < 0)
		return err_errno(e, -errno, "cannot create an event descriptor");
	return add(l, &draft, EPOLLIN, ret, e);
}

/**
 * loop_wakeup() - have the wake-up's callback run soon, once for all raises until then
 * @s: must outlive the call: free it after the threads that raise it have ended
 *
 * From any thread and from signal handlers; errno is kept.
 */
void loop_wakeup(struct loop_source *s)
{
	const uint64_t one = 1;
	int saved = errno;

	/* Full (EAGAIN) means raised already. */
	if (write(s->fd, &one, sizeof(one)) < 0)
		errno = saved;
}

/* Wait for one batch and run its callbacks. Return: 0; negative errno of epoll. */
static int turn(struct loop *l, int timeout_ms)
{
	struct epoll_event events[BATCH];
	int n;

	n = epoll_wait(l->epoll_fd, events, BATCH, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->depth++;
	for (int i = 0; i < n; i++) {
		struct loop_source *s = events[i].data.ptr;

		if (!s->dead)
			s->dispatch(s, events[i].events);
	}
	l->depth--;
	if (l->depth == 0)
		bury(l);
	return 0;
}

/* Rounded up: better a millisecond late than a busy wait for the last one. */
static int timeout_ms(uint64_t now_ns, uint64_t deadline_ns)
{
	uint64_t ms;

	if (deadline_ns == FOREVER)
		return -1;
	if (now_ns >= deadline_ns)
		return 0;
	ms = (deadline_ns - now_ns - 1) / NSEC_PER_MSEC + 1;
	return (int)min_of(ms, (uint64_t)INT_MAX);
}

static int run_until(struct loop *l, uint64_t deadline_ns, struct err *e)
{
	for (;;) {
		uint64_t now_ns;
		int r;

		if (l->quit) {
			l->quit = false;
			return 0;
		}
		now_ns = clock_mono_ns();
		r = turn(l, timeout_ms(now_ns, deadline_ns));
		if (r < 0)
			return err_errno(e, r, "cannot wait for events");
		if (now_ns >= deadline_ns && !l->quit)
			return 0;
	}
}

/**
 * loop_run() - run callbacks until one calls loop_quit()
 *
 * A quit asked for before this call counts, and ends it before the first callback.
 * Return: 0; negative errno if epoll failed.
 */
int loop_run(struct loop *l, struct err *e)
{
	return run_until(l, FOREVER, e);
}

/**
 * loop_run_for() - run callbacks for a while; may be called from a callback
 * @timeout_ns: 0 runs what is due and returns
 *
 * Return: 0 when the time is over or loop_quit() was called (the callers' own state tells which);
 * negative errno if epoll failed.
 */
int loop_run_for(struct loop *l, uint64_t timeout_ns, struct err *e)
{
	uint64_t deadline_ns;

	if (__builtin_add_overflow(clock_mono_ns(), timeout_ns, &deadline_ns))
		deadline_ns = FOREVER;
	return run_until(l, deadline_ns, e);
}

/**
 * loop_quit() - end the innermost loop_run() or loop_run_for() after the callbacks already due
 */
void loop_quit(struct loop *l)
{
	l->quit = true;
}
