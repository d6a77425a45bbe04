/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sink, in a child whose standard error is a pipe, a terminal (pty) or
 * gone; what arrived at the other end is compared byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/log.h"
#include "base/text.h"
#include "test.h"

/* Run @say with standard error at @fd. Return: its process id. */
static pid_t run_with_stderr(void (*say)(void), int fd, int other_fd)
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		(void)close(other_fd);
		(void)signal(SIGPIPE, SIG_IGN);
		(void)dup2(fd, STDERR_FILENO);
		(void)close(fd);
		say();
		exit(0);
	}
	(void)close(fd);
	return pid;
}

/* All that comes until the other side closes (a pty then answers EIO). */
static void read_all(int fd, struct text *t)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			text_add(t, buf, (size_t)n);
	(void)close(fd);
}

static int wait_for(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int through_pipe(void (*say)(void), struct text *t)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		abort();
	pid = run_with_stderr(say, fds[1], fds[0]);
	read_all(fds[0], t);
	return wait_for(pid);
}

static int through_terminal(void (*say)(void), unsigned short columns, struct text *t)
{
	struct winsize size = {.ws_row = 24, .ws_col = columns};
	int primary = posix_openpt(O_RDWR | O_NOCTTY), secondary;
	struct termios mode;
	char name[64];
	pid_t pid;

	if (primary < 0 || grantpt(primary) < 0 || unlockpt(primary) < 0 ||
	    ptsname_r(primary, name, sizeof(name)) != 0)
		abort();
	secondary = open(name, O_RDWR | O_NOCTTY);
	if (secondary < 0 || ioctl(secondary, TIOCSWINSZ, &size) < 0 ||
	    tcgetattr(secondary, &mode) < 0)
		abort();
	cfmakeraw(&mode); /* bytes as they were written */
	if (tcsetattr(secondary, TCSANOW, &mode) < 0)
		abort();
	pid = run_with_stderr(say, secondary, primary);
	read_all(primary, t);
	return wait_for(pid);
}

static void say_each_level(void)
{
	log_setup(LOG_DEBUG);
	log_error("cannot %s", "x");
	log_warning("careful");
	log_notice("armed");
	log_info("more");
	log_debug("most\n");
	log_live("never on a pipe");
	log_setup(LOG_WARNING);
	log_notice("not wanted");
	log_warning("two\nlines");
}

static void pipe_gets_whole_prefixed_lines(void)
{
	CLEANUP(text_free) struct text t = {0};

	CHECK_EQ(through_pipe(say_each_level, &t), 0);
	CHECK_STR(text_c(&t),
		  "scoutfs-trace: error: cannot x\nscoutfs-trace: warning: careful\n"
		  "scoutfs-trace: armed\nscoutfs-trace: more\nscoutfs-trace: debug: most\n"
		  "scoutfs-trace: warning: two\nlines\n");
}

static void say_hostile(void)
{
	log_setup(LOG_NOTICE);
	log_notice("a\033[2Jb\x07 \xc2\x9bk \x9b \r tab\there gr\xc3\xbc\xc3\x9f");
}

static void quoted_bytes_cannot_steer_a_terminal(void)
{
	CLEANUP(text_free) struct text t = {0};

	CHECK_EQ(through_pipe(say_hostile, &t), 0);
	CHECK_STR(text_c(&t), "scoutfs-trace: a?[2Jb? ?k ? ? tab\there gr\xc3\xbc\xc3\x9f\n");
}

static void say_live(void)
{
	log_setup(LOG_NOTICE);
	log_live("0123456789");
	log_warning("w");
	log_live("gr\xc3\xbc\xc3\x9f"
		 "e 6789");
	log_live("\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad"); /* two columns
										     each */
	log_live(NULL);
	log_live(NULL);
	log_error("e");
}

static void say_live_quietly(void)
{
	log_setup(LOG_WARNING);
	log_live("0123456789");
	log_warning("w");
}

static void say_live_and_end(void)
{
	log_setup(LOG_NOTICE);
	log_live("01");
}

static void terminal_gets_colours_and_one_live_line(void)
{
	CLEANUP(text_free) struct text t = {0}, plain = {0}, quiet = {0}, dumb = {0}, end = {0};

	(void)setenv("TERM", "xterm", 1);
	(void)unsetenv("NO_COLOR");
	CHECK_EQ(through_terminal(say_live, 9, &t), 0);
	CHECK_STR(text_c(&t), "\r01234567\033[K"
			      "\r\033[K\033[33mwarning: \033[0mw\n"
			      "\r01234567\033[K"
			      "\rgr\xc3\xbc\xc3\x9f"
			      "e 67\033[K"
			      "\r\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\033[K"
			      "\r\033[K"
			      "\033[1;31merror: \033[0me\n");
	(void)setenv("NO_COLOR", "1", 1);
	CHECK_EQ(through_terminal(say_live_and_end, 9, &end), 0);
	CHECK_STR(text_c(&end), "\r01\033[K\r\033[K");
	CHECK_EQ(through_terminal(say_live_quietly, 9, &quiet), 0);
	CHECK_STR(text_c(&quiet), "warning: w\n");
	CHECK_EQ(through_terminal(say_each_level, 80, &plain), 0);
	CHECK(str_starts(text_c(&plain),
			 "error: cannot x\nwarning: careful\narmed\nmore\ndebug: most\n"));
	(void)setenv("TERM", "dumb", 1);
	CHECK_EQ(through_terminal(say_live_quietly, 9, &dumb), 0);
	CHECK_STR(text_c(&dumb), "scoutfs-trace: warning: w\n");
}

static void say_much(void)
{
	log_setup(LOG_NOTICE);
	for (int i = 0; i < 3000; i++)
		log_notice("message %04d, some more of it to fill the line up", i);
	_exit(0); /* the reader has not read yet: it is only now told that nothing blocked */
}

/* 200 kB into a pipe that nobody reads until the writer has ended: a write that waits would hang
 * here. */
static void slow_reader_holds_nobody_up(void)
{
	CLEANUP(text_free) struct text t = {0};
	int fds[2];
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	pid = run_with_stderr(say_much, fds[1], fds[0]);
	CHECK_EQ(wait_for(pid), 0);
	read_all(fds[0], &t);
	CHECK(str_starts(text_c(&t), "scoutfs-trace: message 0000,"));
}

static int go_fds[2];

static void say_much_then_more(void)
{
	char c;

	log_setup(LOG_NOTICE);
	for (int i = 0; i < 3000; i++)
		log_notice("message %04d, some more of it to fill the line up", i);
	(void)!write(go_fds[1], "x", 1); /* the reader may begin */
	(void)!read(go_fds[0], &c, 1);	 /* it has read what there was */
	log_notice("goes out with what was kept");
	(void)!write(go_fds[1], "x", 1);
	(void)!read(go_fds[0], &c, 1);
	log_notice("last");
}

/* Kept lines follow, whole and in order, and what was not kept is counted: sum is what was said. */
static void kept_and_dropped_messages_add_up(void)
{
	CLEANUP(text_free) struct text t = {0};
	unsigned long long dropped = 0;
	unsigned lines = 0, at = 0, number;
	char buf[1 << 16], c;
	int fds[2], go[2];
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(pipe(go), 0);
	CHECK_EQ(pipe(go_fds), 0);
	int child_read = go[0], parent_read = go_fds[0];

	go_fds[0] = child_read; /* the child writes go_fds[1] and reads go[0] */
	pid = run_with_stderr(say_much_then_more, fds[1], fds[0]);
	for (int i = 0; i < 2; i++) {
		ssize_t n;

		CHECK_EQ(read(parent_read, &c, 1), 1);
		CHECK_EQ(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
		while ((n = read(fds[0], buf, sizeof(buf))) > 0)
			text_add(&t, buf, (size_t)n);
		CHECK_EQ(write(go[1], "x", 1), 1);
	}
	CHECK_EQ(fcntl(fds[0], F_SETFL, 0), 0);
	read_all(fds[0], &t);
	CHECK_EQ(wait_for(pid), 0);
	for (const char *s = text_c(&t); *s; s = strchr(s, '\n') + 1) {
		if (sscanf(s, "scoutfs-trace: message %u, some more of it to fill the line up\n",
			   &number) == 1) {
			CHECK_EQ(number, at);
			at++;
		}
		(void)sscanf(s, "scoutfs-trace: %llu messages were not written", &dropped);
		CHECK(strchr(s, '\n'));
		lines++;
	}
	CHECK(at < 3000);
	CHECK_EQ(at + dropped, 3000);
	CHECK_EQ(lines, at + 3); /* "goes out", the count, "last" */
	CHECK(strstr(text_c(&t), "goes out with what was kept\n"));
	CHECK(str_starts(t.s + t.len - strlen("scoutfs-trace: last\n"), "scoutfs-trace: last\n"));
	for (int i = 0; i < 2; i++) {
		(void)close(i ? child_read : parent_read);
		(void)close(i ? go[1] : go_fds[1]);
	}
}

static void say_to_nobody(void)
{
	log_setup(LOG_NOTICE);
	for (int i = 0; i < 10; i++)
		log_error("nobody hears this");
}

static void lost_reader_does_not_end_the_program(void)
{
	int fds[2];
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	(void)close(fds[0]);
	pid = run_with_stderr(say_to_nobody, fds[1], -1);
	CHECK_EQ(wait_for(pid), 0);
}

static void *say_lines(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_notice("thread %c says %s", *(char *)arg,
			   "the same long line, again and again, to the end.");
	return NULL;
}

static void say_from_threads(void)
{
	pthread_t threads[4];
	char names[4] = "abcd";

	log_setup(LOG_NOTICE);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, say_lines, &names[i]) != 0)
			exit(1);
	for (int i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
}

static void lines_of_threads_do_not_mix(void)
{
	CLEANUP(text_free) struct text t = {0};
	unsigned lines = 0;

	CHECK_EQ(through_pipe(say_from_threads, &t), 0);
	for (char *s = t.s, *end; s && *s; s = end + 1, lines++) {
		end = strchr(s, '\n');
		CHECK(end);
		*end = '\0';
		CHECK(str_starts(s, "scoutfs-trace: thread "));
		CHECK_STR(s + strlen("scoutfs-trace: thread x"),
			  " says the same long line, again and again, to the end.");
	}
	CHECK_EQ(lines, 400);
}

TEST_MAIN(TEST(pipe_gets_whole_prefixed_lines), TEST(quoted_bytes_cannot_steer_a_terminal),
	  TEST(terminal_gets_colours_and_one_live_line), TEST(slow_reader_holds_nobody_up),
	  TEST(kept_and_dropped_messages_add_up), TEST(lost_reader_does_not_end_the_program),
	  TEST(lines_of_threads_do_not_mix))
