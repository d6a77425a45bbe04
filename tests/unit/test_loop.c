/* SPDX-License-Identifier: GPL-2.0-only */
/* The loop: what is delivered, and that sources may be freed whenever a callback likes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/loop.h"
#include "test.h"

struct seen {
	struct loop *loop;
	struct loop_source *source[4];
	unsigned count;
	unsigned last;
	int fd;
};

static void count_and_quit(void *arg)
{
	struct seen *s = arg;

	s->count++;
	loop_quit(s->loop);
}

static void count_only(void *arg)
{
	struct seen *s = arg;

	s->count++;
}

static void read_byte(void *arg, int fd, uint32_t epoll_events)
{
	struct seen *s = arg;
	char c = 0;

	s->last = read(fd, &c, 1) == 1 ? (unsigned char)c : 0;
	s->count += (epoll_events & EPOLLIN) != 0;
	loop_quit(s->loop);
}

static void descriptor_is_reported(void)
{
	struct seen s = {0};
	struct err e;
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(loop_open(&s.loop, &e), 0);
	CHECK_EQ(loop_add_fd(s.loop, fds[0], EPOLLIN, read_byte, &s, &s.source[0], &e), 0);
	CHECK_EQ(loop_add_fd(s.loop, fds[0], EPOLLIN, read_byte, &s, &s.source[1], &e), -EEXIST);
	CHECK_EQ(loop_run_for(s.loop, 0, &e), 0);
	CHECK_EQ(s.count, 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(loop_run(s.loop, &e), 0);
	CHECK_EQ(s.count, 1);
	CHECK_EQ(s.last, 'x');
	loop_source_free(s.source[0]);
	CHECK_EQ(write(fds[1], "y", 1), 1);
	CHECK_EQ(loop_run_for(s.loop, 0, &e), 0);
	CHECK_EQ(s.count, 1);
	loop_free(s.loop);
	CHECK(fcntl(fds[0], F_GETFD) >= 0); /* it stayed ours */
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void regular_file_is_refused(void)
{
	struct seen s = {0};
	struct err e;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(loop_open(&s.loop, &e), 0);
	CHECK_EQ(loop_add_fd(s.loop, fd, EPOLLIN, read_byte, &s, &s.source[0], &e), -EPERM);
	loop_free(s.loop);
	(void)close(fd);
}

static void timer_fires_when_armed(void)
{
	struct seen s = {0};
	struct err e;
	uint64_t start;

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	CHECK_EQ(loop_add_timer(s.loop, count_and_quit, &s, &s.source[0], &e), 0);
	CHECK_EQ(loop_run_for(s.loop, NSEC_PER_MSEC, &e), 0);
	CHECK_EQ(s.count, 0);
	start = clock_mono_ns();
	CHECK_EQ(loop_timer_set(s.source[0], 2 * NSEC_PER_MSEC, 0), 0);
	CHECK_EQ(loop_run(s.loop, &e), 0);
	CHECK_EQ(s.count, 1);
	CHECK(clock_mono_ns() - start >= 2 * NSEC_PER_MSEC); /* not before its time */
	CHECK_EQ(loop_timer_set(s.source[0], 0, NSEC_PER_USEC), 0);
	CHECK_EQ(loop_run(s.loop, &e), 0);
	CHECK_EQ(loop_run(s.loop, &e), 0);
	CHECK_EQ(s.count, 3);
	CHECK_EQ(loop_timer_set(s.source[0], 0, 0), 0);
	CHECK_EQ(loop_run_for(s.loop, NSEC_PER_MSEC, &e), 0);
	CHECK_EQ(s.count, 3);
	loop_free(s.loop);
}

static void run_for_ends_in_time(void)
{
	struct seen s = {0};
	struct err e;
	uint64_t start = clock_mono_ns();

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	/* Always ready: callbacks must not keep it from seeing the end. */
	CHECK_EQ(loop_add_timer(s.loop, count_only, &s, &s.source[0], &e), 0);
	CHECK_EQ(loop_timer_set(s.source[0], 0, 1), 0);
	CHECK_EQ(loop_run_for(s.loop, 3 * NSEC_PER_MSEC, &e), 0);
	CHECK(clock_mono_ns() - start >= 3 * NSEC_PER_MSEC);
	CHECK(s.count > 0);
	loop_free(s.loop);
}

static void early_quit_is_not_lost(void)
{
	struct seen s = {0};
	struct err e;

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	loop_quit(s.loop);
	CHECK_EQ(loop_run(s.loop, &e), 0); /* hangs if it is */
	loop_free(s.loop);
}

static void take_signal(void *arg, const struct signalfd_siginfo *info)
{
	struct seen *s = arg;

	s->count++;
	s->last = info->ssi_signo;
	if (s->source[1]) {
		sigset_t set;

		/* The number of its descriptor is taken by another that has signals too. */
		loop_source_free(take_ptr(s->source[1]));
		(void)sigemptyset(&set);
		(void)sigaddset(&set, SIGUSR1);
		(void)sigaddset(&set, SIGUSR2);
		s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	}
	loop_quit(s->loop);
}

static void signals_arrive_as_events(void)
{
	struct seen s = {0};
	sigset_t set, before;
	struct err e;

	CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	CHECK_EQ(loop_open(&s.loop, &e), 0);
	CHECK_EQ(loop_add_signals(s.loop, &set, take_signal, &s, &s.source[0], &e), 0);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	CHECK_EQ(loop_run(s.loop, &e), 0);
	CHECK_EQ(s.count, 1);
	CHECK_EQ(s.last, SIGUSR2);
	/* Two at once, and the source goes at the first: the second stays pending. */
	s.source[1] = take_ptr(s.source[0]);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	CHECK_EQ(loop_run(s.loop, &e), 0);
	CHECK_EQ(s.count, 2);
	(void)close(s.fd);
	loop_free(s.loop);
	CHECK(sigtimedwait(&set, NULL, &(struct timespec){0}) > 0);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void *raise_often(void *arg)
{
	for (int i = 0; i < 1000; i++)
		loop_wakeup(arg);
	return NULL;
}

static void wakeup_crosses_threads(void)
{
	struct seen s = {0};
	pthread_t thread;
	struct err e;

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	CHECK_EQ(loop_add_wakeup(s.loop, count_and_quit, &s, &s.source[0], &e), 0);
	CHECK_EQ(pthread_create(&thread, NULL, raise_often, s.source[0]), 0);
	CHECK_EQ(loop_run(s.loop, &e), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(s.count >= 1);
	loop_wakeup(s.source[0]);
	s.count = 0;
	CHECK_EQ(loop_run_for(s.loop, 0, &e), 0);
	CHECK_EQ(s.count, 1); /* however many raises */
	CHECK_EQ(loop_run_for(s.loop, 0, &e), 0);
	CHECK_EQ(s.count, 1);
	loop_free(s.loop);
}

/* Whichever comes first frees all four, itself included; the others' events are fetched already. */
static void free_all(void *arg)
{
	struct seen *s = arg;

	s->count++;
	for (size_t i = 0; i < ARRAY_SIZE(s->source); i++)
		loop_source_free(take_ptr(s->source[i]));
}

static void sources_may_be_freed_in_callbacks(void)
{
	struct seen s = {0};
	struct err e;

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(s.source); i++) {
		CHECK_EQ(loop_add_wakeup(s.loop, free_all, &s, &s.source[i], &e), 0);
		loop_wakeup(s.source[i]);
	}
	CHECK_EQ(loop_run_for(s.loop, 0, &e), 0);
	CHECK_EQ(s.count, 1);
	loop_source_free(NULL);
	loop_free(s.loop);
}

static void free_all_fds(void *arg, int fd, uint32_t epoll_events)
{
	(void)fd;
	(void)epoll_events;
	free_all(arg);
}

static void descriptors_may_be_freed_in_callbacks(void)
{
	struct seen s = {0};
	int fds[2][2];
	struct err e;

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(pipe2(fds[i], O_CLOEXEC), 0);
		CHECK_EQ(write(fds[i][1], "x", 1), 1);
		CHECK_EQ(
			loop_add_fd(s.loop, fds[i][0], EPOLLIN, free_all_fds, &s, &s.source[i], &e),
			0);
	}
	CHECK_EQ(loop_run_for(s.loop, 0, &e), 0);
	CHECK_EQ(s.count, 1);
	loop_free(s.loop);
	for (int i = 0; i < 4; i++)
		(void)close(fds[i / 2][i % 2]);
}

static void free_within(void *arg)
{
	struct seen *s = arg;
	struct err e;

	s->count++;
	loop_source_free(take_ptr(s->source[1]));
	(void)loop_run_for(s->loop, 0, &e);
	loop_source_free(take_ptr(s->source[0]));
}

static void sources_may_be_freed_in_a_nested_run(void)
{
	struct seen s = {0};
	struct err e;

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	CHECK_EQ(loop_add_wakeup(s.loop, free_within, &s, &s.source[0], &e), 0);
	CHECK_EQ(loop_add_wakeup(s.loop, count_only, &s, &s.source[1], &e), 0);
	loop_wakeup(s.source[0]);
	loop_wakeup(s.source[1]);
	CHECK_EQ(loop_run_for(s.loop, 0, &e), 0);
	CHECK_EQ(s.count, 1);
	loop_free(s.loop);
}

/* An event fetched with another's, whose callback takes it back: it must not be delivered. */
static void disarm_other(void *arg)
{
	struct seen *s = arg;

	s->count++;
	for (int i = 0; i < 2; i++)
		(void)loop_timer_set(s->source[i], 0, 0);
}

static void disarmed_timer_stays_silent(void)
{
	struct seen s = {0};
	struct err e;

	CHECK_EQ(loop_open(&s.loop, &e), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(loop_add_timer(s.loop, disarm_other, &s, &s.source[i], &e), 0);
		CHECK_EQ(loop_timer_set(s.source[i], 1, 0), 0);
	}
	CHECK_EQ(loop_run_for(s.loop, NSEC_PER_MSEC, &e), 0);
	CHECK_EQ(loop_run_for(s.loop, NSEC_PER_MSEC, &e), 0);
	CHECK_EQ(s.count, 1);
	loop_free(s.loop);
}

TEST_MAIN(TEST(descriptor_is_reported), TEST(regular_file_is_refused), TEST(timer_fires_when_armed),
	  TEST(run_for_ends_in_time), TEST(early_quit_is_not_lost), TEST(signals_arrive_as_events),
	  TEST(wakeup_crosses_threads), TEST(sources_may_be_freed_in_callbacks),
	  TEST(descriptors_may_be_freed_in_callbacks), TEST(sources_may_be_freed_in_a_nested_run),
	  TEST(disarmed_timer_stays_silent))
