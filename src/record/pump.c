/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The thread that sources share the shape of: wait, pass, wait.
 *
 * Used by source_ftrace.c and source_packets.c. It owns the thread and the eventfd; what a pass
 * does is the source's. In-kernel wake-ups of tracing files are not relied on (a traceoff trigger
 * does not wake a blocked reader), so there is always a time limit.
 */
#include "pump.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/privilege.h"

static void lower_nice(int nice)
{
	/* On Linux the priority belongs to the thread. Without the right to raise it: as it is. */
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice);
}

static void *pump_thread(void *arg)
{
	struct pump *p = arg;
	uint64_t wait_ns = 0;

	lower_nice(p->nice);
	(void)privilege_keep(p->keep);
	(void)confine_thread(p->role);
	while (!atomic_load(&p->stop)) {
		struct timespec ts = {(time_t)(wait_ns / NSEC_PER_SEC),
				      (long)(wait_ns % NSEC_PER_SEC)};
		struct pollfd fds[2] = {{p->event_fd, POLLIN, 0}, {p->wait_fd, POLLIN, 0}};
		uint64_t woken;

		(void)ppoll(fds, p->wait_fd >= 0 ? 2 : 1, &ts, NULL);
		if (fds[0].revents)
			(void)!read(p->event_fd, &woken, sizeof(woken));
		if (atomic_load(&p->stop))
			break;
		wait_ns = p->pass(p->arg,
				  atomic_exchange(&p->flush, false) ? PUMP_FLUSH : PUMP_REGULAR);
	}
	(void)p->pass(p->arg, PUMP_LAST);
	return NULL;
}

/**
 * pump_start() - start the thread
 * @p:    pass, arg, wait_fd, nice, keep and role are set; the rest is made here
 * @name: of the thread, at most 15 bytes
 */
int pump_start(struct pump *p, const char *name, struct err *e)
{
	int r;

	p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->event_fd < 0)
		return err_errno(e, -errno, "cannot make an eventfd");
	r = -pthread_create(&p->thread, NULL, pump_thread, p);
	if (r < 0) {
		(void)close(take_fd(&p->event_fd));
		return err_errno(e, r, "cannot start the thread %s", name);
	}
	(void)pthread_setname_np(p->thread, name);
	p->started = true;
	return 0;
}

static void wake(struct pump *p)
{
	uint64_t one = 1;

	(void)!write(p->event_fd, &one, sizeof(one));
}

/**
 * pump_flush() - ask for a pass now, told that it is for a flush. Any thread.
 */
void pump_flush(struct pump *p)
{
	if (!p->started)
		return;
	atomic_store(&p->flush, true);
	wake(p);
}

/**
 * pump_stop() - one last pass, then the end of the thread; returns after it
 */
void pump_stop(struct pump *p)
{
	if (!p->started)
		return;
	atomic_store(&p->stop, true);
	wake(p);
	(void)pthread_join(p->thread, NULL);
	(void)close(take_fd(&p->event_fd));
	p->started = false;
}
