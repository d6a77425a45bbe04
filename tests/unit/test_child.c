/* SPDX-License-Identifier: GPL-2.0-only */
/* Children: what they are given, what is taken from them, and that none stays. sh, sleep and yes
 * are the subjects. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/clock.h"
#include "test.h"

static const struct child_limits plenty = {.timeout_ns = 60 * NSEC_PER_SEC,
					   .output_bytes = 1 << 20};

#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})

static void output_is_collected(void)
{
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	struct err e;

	CHECK_EQ(child_run(SH("echo out; echo err >&2; exit 3"), &plenty, &out, &result, &e), 0);
	CHECK_STR(text_c(&out), "out\nerr\n");
	CHECK(WIFEXITED(result.wait_status));
	CHECK_EQ(WEXITSTATUS(result.wait_status), 3);
	CHECK(!result.timed_out && !result.truncated);
	CHECK_EQ(child_run(SH("kill -TERM $$"), &plenty, &out, &result, &e), 0);
	CHECK(WIFSIGNALED(result.wait_status));
	CHECK_EQ(WTERMSIG(result.wait_status), SIGTERM);
	CHECK_STR(text_c(&out), "");
}

static void input_is_empty(void)
{
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	struct err e;

	CHECK_EQ(child_run(SH("cat; echo end"), &plenty, &out, &result, &e), 0);
	CHECK_STR(text_c(&out), "end\n");
}

static void missing_program_is_an_error(void)
{
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	char missing[] = "no-such-program", no_program[] = "/dev/null";
	struct child_waiting waiting;
	struct err e;
	pid_t pid;

	CHECK_EQ(child_run((const char *const[]){"no-such-program", NULL}, &plenty, &out, &result,
			   &e),
		 -ENOENT);
	CHECK_STR(
		e.text,
		"cannot run no-such-program: No such file or directory; install it or ignore this");
	CHECK_EQ(child_run((const char *const[]){"/dev/null", NULL}, &plenty, &out, &result, &e),
		 -EACCES);
	CHECK_STR(e.text, "cannot run /dev/null: Permission denied");
	CHECK_EQ(child_prepare((char *[]){missing, NULL}, &waiting, &e), 0);
	CHECK_EQ(child_start(&waiting, &pid, &e), -ENOENT);
	CHECK(waiting.fd == -1 && !waiting.pid);
	CHECK(str_starts(e.text, "cannot run no-such-program: No such file or directory"));
	CHECK_EQ(child_prepare((char *[]){no_program, NULL}, &waiting, &e), 0);
	CHECK_EQ(child_start(&waiting, &pid, &e), -EACCES);
	CHECK(strstr(e.text, "Permission denied; make it a program with chmod +x"));
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/* The script's own child keeps the pipe open: the whole group must go. */
static void late_child_is_killed_with_its_group(void)
{
	const struct child_limits soon = {.timeout_ns = 300 * NSEC_PER_MSEC, .output_bytes = 100};
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	uint64_t start = clock_mono_ns(), grandchild;
	struct err e;

	CHECK_EQ(child_run(SH("sleep 1000 & echo $!; wait"), &soon, &out, &result, &e), 0);
	CHECK(result.timed_out);
	CHECK(clock_mono_ns() - start >= soon.timeout_ns);
	CHECK(WIFSIGNALED(result.wait_status));
	CHECK_EQ(WTERMSIG(result.wait_status), SIGKILL);
	CHECK(out.len > 1);
	out.s[out.len - 1] = '\0';
	CHECK_EQ(parse_u64(out.s, &grandchild), 0);
	/* We are its reaper (see main): this ends, because it was killed. */
	int status = 0;

	CHECK_EQ(waitpid((pid_t)grandchild, &status, 0), (pid_t)grandchild);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
}

/* It has gone, but what it left holds the pipe: the answer does not wait for that. */
static void left_over_is_not_waited_for(void)
{
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	struct err e;
	int status;

	CHECK_EQ(child_run(SH("sleep 1000 & exit 0"), &plenty, &out, &result, &e), 0);
	CHECK(!result.timed_out);
	CHECK_EQ(result.wait_status, 0);
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
}

static void closed_output_is_not_the_end(void)
{
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	struct err e;

	CHECK_EQ(child_run(SH("echo x; exec >&- 2>&-; sleep 0.1; exit 7"), &plenty, &out, &result,
			   &e),
		 0);
	CHECK_STR(text_c(&out), "x\n");
	CHECK_EQ(WEXITSTATUS(result.wait_status), 7);
}

/* More than any pipe holds: it can only end if the rest is read too. */
static void surplus_output_is_thrown_away(void)
{
	const struct child_limits small = {.timeout_ns = 60 * NSEC_PER_SEC, .output_bytes = 10};
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	struct err e;

	CHECK_EQ(child_run(SH("yes | head -c 3000000; exit 5"), &small, &out, &result, &e), 0);
	CHECK_STR(text_c(&out), "y\ny\ny\ny\ny\n");
	CHECK(result.truncated && !result.timed_out);
	CHECK_EQ(WEXITSTATUS(result.wait_status), 5);
	CHECK_EQ(child_run(SH("printf 0123456789"), &small, &out, &result, &e), 0);
	CHECK_STR(text_c(&out), "0123456789");
	CHECK(!result.truncated);
	CHECK_EQ(child_run(SH("yes | head -c 900000"), &plenty, &out, &result, &e), 0);
	CHECK_EQ(out.len, 900000);
}

static void endless_output_ends_in_time(void)
{
	const struct child_limits soon = {.timeout_ns = 200 * NSEC_PER_MSEC, .output_bytes = 10};
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	struct err e;

	CHECK_EQ(child_run((const char *const[]){"yes", NULL}, &soon, &out, &result, &e), 0);
	CHECK(result.timed_out && result.truncated);
}

/* From its own /proc: masks and dispositions of a program started by nobody in particular. */
static const char *const show_self[] = {
	"sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l", NULL};

static void nothing_leaks_in(void)
{
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	sigset_t all, before;
	struct err e;
	int leaky = open("/dev/null", O_RDONLY),
	    r; /* not close-on-exec, as some libraries have them */

	(void)sigfillset(&all);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
	r = child_run(show_self, &plenty, &out, &result, &e);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	CHECK_EQ(r, 0);
	CHECK_STR(text_c(&out), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n4\n");
	(void)close(leaky);
}

static void caller_keeps_its_signals(void)
{
	CLEANUP(text_free) struct text out = {0};
	struct child_result result;
	sigset_t set, before, after;
	struct err e;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, &before), 0);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	CHECK_EQ(child_run(SH(":"), &plenty, &out, &result, &e), 0);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, &after), 0);
	for (int number = 1; number < SIGRTMIN; number++)
		CHECK_EQ(sigismember(&after, number), number == SIGUSR1);
	CHECK(signal(SIGPIPE, SIG_IGN) == SIG_IGN);
}

static void *run_many(void *arg)
{
	unsigned *good = arg;

	for (int i = 0; i < 20; i++) {
		CLEANUP(text_free) struct text out = {0};
		struct child_result result;

		*good += child_run(SH("echo $((6 * 7))"), &plenty, &out, &result, NULL) == 0 &&
			 strcmp(text_c(&out), "42\n") == 0 && result.wait_status == 0;
	}
	return NULL;
}

static void threads_may_run_children(void)
{
	unsigned good[4] = {0};
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run_many, &good[i]), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK_EQ(good[i], 20);
	}
}

/* A child of child_run() dies with its caller: here a process that kills itself while it waits. */
static void child_dies_with_us(void)
{
	int fds[2], status;
	char c;
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct text out = {0};
		struct child_result result;
		char script[64];

		/* The grandchild holds the pipe's end by a name of its own, and ends its parent. */
		(void)snprintf(script, sizeof(script),
			       "exec 9>/proc/%d/fd/%d; kill -9 $PPID; exec sleep 1000", getpid(),
			       fds[1]);
		(void)child_run(SH(script), &plenty, &out, &result, NULL);
		_exit(1);
	}
	(void)close(fds[1]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
	CHECK_EQ(read(fds[0], &c, 1), 0); /* hangs if the sleep lives on */
	(void)close(fds[0]);
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
}

static void started_command_is_the_users(void)
{
	char sh[] = "sh", c[] = "-c",
	     script[] = "test $(ps -o pgid= -p $$) = $(ps -o pgid= -p $PPID) && exit 9";
	char *const argv[] = {sh, c, script, NULL};
	struct child_waiting waiting;
	struct err e;
	int status;
	pid_t pid;

	CHECK_EQ(child_prepare(argv, &waiting, &e), 0);
	CHECK_EQ(child_start(&waiting, &pid, &e), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 9);
}

/* As nohup(1) leaves it to programs; SIGPIPE is ignored by us alone. */
static void started_command_ignores_what_we_were_told_to(void)
{
	char sh[] = "sh", c[] = "-c",
	     script[] = "test $((0x$(sed -n 's/^SigIgn:.//p' /proc/$$/status) & 0x1001)) = 1";
	char *const argv[] = {sh, c, script, NULL};
	struct child_waiting waiting;
	struct err e;
	int status;
	pid_t pid;

	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(child_prepare(argv, &waiting, &e), 0);
	CHECK_EQ(child_start(&waiting, &pid, &e), 0);
	(void)signal(SIGHUP, SIG_DFL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* Linux counts what a process was before exec. */
static void our_memory_is_not_the_commands(void)
{
	char sh[] = "sh", c[] = "-c", script[] = ":";
	char *const argv[] = {sh, c, script, NULL};
	struct child_waiting waiting;
	struct rusage usage;
	struct err e;
	char *ours;
	int status;
	pid_t pid;

	CHECK_EQ(child_prepare(argv, &waiting, &e), 0);
	ours = malloc(256 * MIB);
	CHECK(ours);
	memset(ours, 1, 256 * MIB);
	CHECK_EQ(ours[GIB / 8], 1);
	CHECK_EQ(child_start(&waiting, &pid, &e), 0);
	CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
	CHECK_EQ(status, 0);
	free(ours);
	CHECK((uint64_t)usage.ru_maxrss * KIB < 128 * MIB);
}

static void forgotten_command_never_runs(void)
{
	char sh[] = "sh", c[] = "-c", script[64], path[] = "/tmp/scoutfs-trace-test.XXXXXX";
	char *const argv[] = {sh, c, script, NULL};
	struct child_waiting waiting, none = {.fd = -1};
	int fd = mkstemp(path), status;
	struct err e;
	pid_t pid;

	CHECK(fd >= 0);
	(void)close(fd);
	(void)snprintf(script, sizeof(script), "rm %s", path);
	CHECK_EQ(child_prepare(argv, &waiting, &e), 0);
	child_forget(&waiting);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	CHECK_EQ(unlink(path), 0);
	child_forget(&waiting);
	child_forget(&none);
	/* One that somebody killed while it waited is started and has ended. */
	CHECK_EQ(child_prepare(argv, &waiting, &e), 0);
	CHECK_EQ(kill(waiting.pid, SIGKILL), 0);
	CHECK_EQ(child_start(&waiting, &pid, &e), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void closed_standard_streams_do_no_harm(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct text out = {0};
		struct child_result result;

		for (int fd = 0; fd < 3; fd++)
			(void)close(fd);
		if (child_run(SH("cat; echo out; echo err >&2"), &plenty, &out, &result, NULL) < 0)
			_exit(1);
		_exit(strcmp(text_c(&out), "out\nerr\n") == 0 ? 0 : 2);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static const struct test_case cases[] = {
	TEST(output_is_collected),
	TEST(input_is_empty),
	TEST(missing_program_is_an_error),
	TEST(late_child_is_killed_with_its_group),
	TEST(left_over_is_not_waited_for),
	TEST(closed_output_is_not_the_end),
	TEST(surplus_output_is_thrown_away),
	TEST(endless_output_ends_in_time),
	TEST(nothing_leaks_in),
	TEST(caller_keeps_its_signals),
	TEST(threads_may_run_children),
	TEST(child_dies_with_us),
	TEST(started_command_is_the_users),
	TEST(started_command_ignores_what_we_were_told_to),
	TEST(our_memory_is_not_the_commands),
	TEST(forgotten_command_never_runs),
	TEST(closed_standard_streams_do_no_harm),
};

/* Orphans come to us, so that their ends can be waited for instead of guessed. */
int main(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 1;
	return test_main(cases, ARRAY_SIZE(cases));
}
