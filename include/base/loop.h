/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loop thread: epoll over descriptors, timers, signals and wake-ups from
 * other threads. Callbacks run one at a time, in the thread that called
 * loop_run(), and never wait for a disk, a compressor or another process.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/err.h"

struct loop;
struct loop_source;

typedef void (*loop_fd_fn)(void *arg, int fd, uint32_t epoll_events);
typedef void (*loop_fn)(void *arg);
typedef void (*loop_signal_fn)(void *arg, const struct signalfd_siginfo *info);

int loop_open(struct loop **ret, struct err *e);
void loop_free(
	struct loop *l); /* frees sources that are still there; does not close callers' fds */

/* The fd stays the caller's; free the source before closing it. */
int loop_add_fd(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn fn, void *arg,
		struct loop_source **ret, struct err *e);
/* A CLOCK_MONOTONIC timer, disarmed until loop_timer_set(). */
int loop_add_timer(struct loop *l, loop_fn fn, void *arg, struct loop_source **ret, struct err *e);
int loop_timer_set(struct loop_source *s, uint64_t delay_ns,
		   uint64_t interval_ns); /* 0, 0 disarms */
/* Blocks the signals in the calling thread (call before making threads) and delivers them here. */
int loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *arg,
		     struct loop_source **ret, struct err *e);
/* A wake-up that any thread (and a signal handler) may raise; raises coalesce. */
int loop_add_wakeup(struct loop *l, loop_fn fn, void *arg, struct loop_source **ret, struct err *e);
void loop_wakeup(struct loop_source *s);
void loop_source_free(struct loop_source *s); /* NULL is fine; safe inside its own callback */

int loop_run(struct loop *l, struct err *e); /* until loop_quit(); 0, or negative errno of epoll */
/* Run callbacks for at most timeout_ns, or until loop_quit(); used to wait for a self-test. */
int loop_run_for(struct loop *l, uint64_t timeout_ns, struct err *e);
void loop_quit(struct loop *l);

#endif
