// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread, one epoll, one timerfd. Timers are absolute on CLOCK_MONOTONIC and re-armed from
 * their own due time, so that a late wake-up never shifts the ones after it. SIGINT and SIGTERM
 * become a flag that ends every wait; SIGUSR1 ends one `await`.
 *
 * One event is fetched at a time: a handler may free any watch without leaving a stale one behind
 * in a batch.
 */
#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int epoll_add_own(struct sim *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};

	return epoll_ctl(s->life.epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

int life_init(struct sim *s)
{
	struct life *l = &s->life;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL); /* before any thread is made, so that all inherit it */
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->signal_fd < 0 || l->timer_fd < 0 || l->epoll_fd < 0 ||
	    epoll_add_own(s, l->signal_fd) < 0 || epoll_add_own(s, l->timer_fd) < 0) {
		fprintf(stderr, "sim: cannot make the event loop: %s\n", strerror(errno));
		return -errno;
	}
	return 0;
}

void life_done(struct sim *s)
{
	int *fds[] = {&s->life.signal_fd, &s->life.timer_fd, &s->life.epoll_fd};

	for (size_t i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

int life_watch(struct sim *s, struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	return epoll_ctl(s->life.epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) < 0 ? -errno : 0;
}

void life_rewatch(struct sim *s, struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	(void)epoll_ctl(s->life.epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
}

/* Closes the descriptor too; may be called twice. */
void life_unwatch(struct sim *s, struct watch *w)
{
	(void)s;
	if (w->fd >= 0)
		close(w->fd); /* which takes it out of the epoll */
	w->fd = -1;
}

static void timer_arm(struct sim *s, uint64_t due_ns)
{
	struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(due_ns / NS_PER_S),
					       .tv_nsec = (long)(due_ns % NS_PER_S)}};

	(void)timerfd_settime(s->life.timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void timer_cancel(struct sim *s, struct timer *t)
{
	for (struct timer **p = &s->life.timers; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	t->armed = false;
}

void timer_set(struct sim *s, struct timer *t, uint64_t due_ns)
{
	struct timer **p = &s->life.timers;

	timer_cancel(s, t);
	t->due_ns = due_ns;
	t->armed = true;
	while (*p && (*p)->due_ns <= due_ns)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
}

static void fire_due(struct sim *s)
{
	uint64_t now = now_ns();
	struct timer *t;

	while ((t = s->life.timers) && t->due_ns <= now) {
		s->life.timers = t->next;
		t->armed = false;
		t->fire(s, t->arg);
	}
}

static void take_signal(struct sim *s)
{
	struct signalfd_siginfo info;

	while (read(s->life.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			s->life.goes++;
		else
			s->life.stopping = true;
	}
}

/**
 * life_until() - let the cluster live until a time, or until something has happened
 * @deadline_ns: absolute, CLOCK_MONOTONIC; UINT64_MAX for no end
 * @done:        asked after each event; NULL to wait for the deadline alone
 *
 * Ends early when a signal came or a part failed.
 *
 * Return: true if @done said so, or, without one, if the deadline was reached.
 */
bool life_until(struct sim *s, uint64_t deadline_ns, bool (*done)(struct sim *s, void *arg),
		void *arg)
{
	while (!s->life.failed) {
		uint64_t wake = deadline_ns;
		struct epoll_event ev;
		uint64_t expired;
		int n;

		fire_due(s);
		if (done && done(s, arg))
			return true;
		take_signal(s);
		if (s->life.stopping)
			return false;
		if (now_ns() >= deadline_ns)
			return !done;
		if (s->life.timers && s->life.timers->due_ns < wake)
			wake = s->life.timers->due_ns;
		timer_arm(s, wake == UINT64_MAX ? 0 : wake);
		n = epoll_wait(s->life.epoll_fd, &ev, 1, -1);
		if (n == 1 && ev.data.ptr) {
			struct watch *w = ev.data.ptr;

			w->ready(s, w->arg, ev.events);
		} else if (n == 1) {
			(void)!read(s->life.timer_fd, &expired, sizeof(expired));
		}
	}
	return false;
}
