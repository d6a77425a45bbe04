/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs other programs: short ones for the context (uname, ip, ss), whose
 * output is collected under limits, and the user's own command, beside which
 * the recorder runs.
 *
 * The process has many threads and large buffers, so a child for us is made
 * with vfork(): nothing is copied, only the calling thread waits until exec,
 * and between the two only system calls are made. Whether exec worked comes
 * back through a close-on-exec pipe. The user's command is made with fork()
 * before we have threads and buffers, for the reason that child_prepare() has.
 *
 * pidfds would make waiting simpler, but Linux 4.18 (RHEL 8) has none: the
 * exit of a collected child is looked for at short intervals while its output
 * is awaited. A child stuck in the kernel (a hung mount: the very thing that
 * may be recorded) does not die of SIGKILL; it is left behind, not waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/clock.h"

#define READ_BYTES (64 * KIB)

/* How often a child's exit is looked for, and how long a killed one may take to be gone. */
#define TICK_MS 10
#define KILL_GRACE_NS NSEC_PER_SEC

/* Without close_range(): descriptors that libraries may have left open lie below this. */
#define STRAY_FDS 1024

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2) /* linux/close_range.h, since Linux 5.11 */
#endif

/* What the child needs to know; prepared before vfork(), only read after it. */
struct plan {
	char *const *argv;
	int stdin_fd;  /* -1: keep ours, and standard output and error too */
	int output_fd; /* standard output and error */
	int status_fd; /* takes the errno of a failed exec */
	pid_t parent;
};

static int pipe_above_stdio(int fds[2])
{
	int raw[2], r = 0;

	if (pipe2(raw, O_CLOEXEC) < 0)
		return -errno;
	/* Where standard streams are closed, a pipe could take their place and be lost to dup2().
	 */
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
		if (fds[i] < 0 && r == 0)
			r = -errno;
		(void)close(raw[i]);
	}
	if (r < 0) {
		closep(&fds[0]);
		closep(&fds[1]);
		fds[0] = fds[1] = -1;
	}
	return r;
}

/* A library's descriptors may lack close-on-exec; ours have it. */
static void keep_strays_out(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return;
#endif
	for (int fd = 3; fd < STRAY_FDS; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		(void)sigaction(number, &action, NULL); /* KILL, STOP and libc's own refuse: fine */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The user's command has its signals as the one who started us left them: what nohup has us ignore,
 * it ignores too. But for what we ignore for ourselves (main.c).
 */
static void reset_own_signals(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
}

static int settle_collected(const struct plan *plan)
{
	if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return errno;
	if (getppid() != plan->parent)
		return ESRCH; /* we died before prctl() */
	if (dup2(plan->stdin_fd, STDIN_FILENO) < 0 || dup2(plan->output_fd, STDOUT_FILENO) < 0 ||
	    dup2(plan->output_fd, STDERR_FILENO) < 0)
		return errno;
	keep_strays_out();
	return 0;
}

/* The child, from vfork() on: async-signal-safe calls alone, and nothing of the parent's memory is
 * changed but errno. */
__attribute__((noreturn, noinline)) static void become(const struct plan *plan)
{
	bool collected = plan->stdin_fd >= 0;
	int code = collected ? settle_collected(plan) : 0;

	if (code == 0) {
		if (collected)
			reset_signals();
		else
			reset_own_signals();
		(void)execvp(plan->argv[0], plan->argv);
		code = errno;
	}
	while (write(plan->status_fd, &code, sizeof(code)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* All signals wait meanwhile: a handler must not run in a child that shares our memory. */
static pid_t spawn_blocked(const struct plan *plan)
{
	sigset_t all, before;
	pid_t pid;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = vfork();
	if (pid == 0)
		become(plan);
	if (pid < 0)
		pid = -errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/* The errno of a failed exec, as a negative number; 0 once the program runs: then the pipe just
 * closes. */
static int exec_status(int fd)
{
	int code = 0;
	ssize_t n;

	do {
		n = read(fd, &code, sizeof(code));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(code) ? -code : 0;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Make the child and wait until it is the program. Return: 0; negative errno, then there is no
 * child. */
static int spawn(struct plan *plan, pid_t *ret)
{
	CLEANUP(closep) int status_read = -1;
	int fds[2], r;
	pid_t pid;

	r = pipe_above_stdio(fds);
	if (r < 0)
		return r;
	status_read = fds[0];
	plan->status_fd = fds[1];
	plan->parent = getpid();
	pid = spawn_blocked(plan);
	(void)close(fds[1]);
	if (pid < 0)
		return pid;
	r = exec_status(status_read);
	if (r < 0) {
		reap(pid);
		return r;
	}
	*ret = pid;
	return 0;
}

/* One child_run(): the child, its output, and what is left of its time. */
struct run {
	pid_t pid;
	int fd; /* read end of its output, -1 at its end */
	uint64_t deadline_ns;
	size_t limit_bytes;
	struct text *output;
	struct child_result *result;
	char *buf;
};

static void take_output(struct run *run, const char *bytes, size_t n)
{
	size_t room = run->limit_bytes - run->output->len, part = min_of(n, room);

	text_add(run->output, bytes, part);
	if (part < n)
		run->result->truncated = true;
}

/* Read what is there; more than the limit is thrown away, so that the child can go on. Return:
 * whether there may be more. */
static bool read_output(struct run *run)
{
	ssize_t n;

	if (run->fd < 0)
		return false;
	n = read(run->fd, run->buf, READ_BYTES);
	if (n > 0) {
		take_output(run, run->buf, (size_t)n);
		return true;
	}
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	(void)close(take_fd(&run->fd));
	return false;
}

/* Sleep until there is output or it is time to look for the child's exit. */
static void await_output(const struct run *run, uint64_t now_ns)
{
	struct pollfd p = {.fd = run->fd, .events = POLLIN};
	uint64_t left_ms = (run->deadline_ns - now_ns) / NSEC_PER_MSEC + 1;

	(void)poll(&p, 1, (int)min_of(left_ms, (uint64_t)TICK_MS));
}

/* Not reaped yet, so that the number of its group cannot belong to anybody else. */
static bool has_exited(pid_t pid)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return errno != EINTR;
	return info.si_pid == pid;
}

/* Until the child has exited or its time is over; what it wrote before its end is all read. */
static void collect(struct run *run)
{
	for (;;) {
		bool exited = has_exited(run->pid);
		uint64_t now_ns = clock_mono_ns();

		if (!exited && now_ns >= run->deadline_ns) {
			run->result->timed_out = true;
			return;
		}
		if (read_output(run) && now_ns < run->deadline_ns)
			continue;
		if (exited)
			return;
		await_output(run, now_ns);
	}
}

/* End what is left of the group: all of it after a time-out, else only what the child left running
 * behind it. */
static void finish(struct run *run)
{
	uint64_t give_up_ns = clock_mono_ns() + KILL_GRACE_NS;

	(void)kill(-run->pid, SIGKILL);
	while (!has_exited(run->pid) && clock_mono_ns() < give_up_ns)
		(void)poll(NULL, 0, 1);
	run->result->wait_status = SIGKILL; /* as if, should it be stuck in the kernel */
	(void)waitpid(run->pid, &run->result->wait_status, WNOHANG);
}

static int prepare(struct run *run, const char *const argv[])
{
	CLEANUP(closep) int null_fd = -1, out_fd = -1, raw_fd = -1;
	struct plan plan = {.argv = (char *const *)(uintptr_t)argv};
	int fds[2], r;

	run->buf = malloc(READ_BYTES);
	if (!run->buf)
		return -ENOMEM;
	raw_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (raw_fd < 0)
		return -errno;
	null_fd = fcntl(raw_fd, F_DUPFD_CLOEXEC, 3);
	if (null_fd < 0)
		return -errno;
	r = pipe_above_stdio(fds);
	if (r < 0)
		return r;
	run->fd = fds[0];
	out_fd = fds[1];
	if (fcntl(run->fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	plan.stdin_fd = null_fd;
	plan.output_fd = out_fd;
	return spawn(&plan, &run->pid);
}

/**
 * child_run() - run a program to its end and collect what it says
 * @argv:       the program, found along PATH, and its arguments; NULL at the end
 * @limits:     its time (then its whole process group is killed) and how much of its output is kept
 * @ret_output: an initialised text; replaced by standard output and error as they came; the
 * caller's to free
 * @ret:        how it ended
 * @e:          filled on failure only
 *
 * Its standard input is empty, its process group its own, its signals as at the start of a program.
 * It dies when the calling thread does. Processes it leaves running in its group are killed. A
 * child that even SIGKILL does not end within a second is reported as timed out and left behind.
 * Blocks: not for the loop thread.
 *
 * Return: 0 if it ran, however it ended; -ENOENT and so on if it could not be started; -ENOMEM.
 */
int child_run(const char *const argv[], const struct child_limits *limits, struct text *ret_output,
	      struct child_result *ret, struct err *e)
{
	struct run run = {
		.fd = -1, .limit_bytes = limits->output_bytes, .output = ret_output, .result = ret};
	int r;

	text_reset(ret_output);
	*ret = (struct child_result){0};
	if (__builtin_add_overflow(clock_mono_ns(), limits->timeout_ns, &run.deadline_ns))
		run.deadline_ns = UINT64_MAX;
	r = prepare(&run, argv);
	if (r == 0) {
		collect(&run);
		finish(&run);
	}
	closep(&run.fd);
	free(run.buf);
	if (r == -ENOENT)
		return err_set(
			e, r, "cannot run %s: No such file or directory; install it or ignore this",
			argv[0]);
	if (r < 0)
		return err_errno(e, r, "cannot run %s", argv[0]);
	return text_ok(ret_output) ? 0 : err_nomem(e);
}

/* The child, from fork() on: async-signal-safe calls alone. Without a word it was not wanted. */
__attribute__((noreturn)) static void wait_to_become(char *const argv[], int fd)
{
	struct plan plan = {.argv = argv, .stdin_fd = -1, .output_fd = -1, .status_fd = fd};
	ssize_t n;
	char word;

	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		become(&plan);
	_exit(0);
}

/**
 * child_prepare() - make the process that will be the user's command
 * @argv: the program, found along PATH, and its arguments; NULL at the end
 * @ret:  for child_start() or child_forget(); unchanged on failure
 * @e:    filled on failure only
 *
 * To be called before we have grown: Linux counts the memory of what a process was before exec into
 * the ru_maxrss that wait4(2) gives for it (setmax_mm_hiwater_rss() in exec_mmap(), fs/exec.c), be
 * it made by fork() or vfork(), so a command started by a recorder with full buffers would seem to
 * have used as much. What is opened from here on is not seen by it in any case. It ends when we do.
 *
 * Return: 0 or a negative errno.
 */
int child_prepare(char *const argv[], struct child_waiting *ret, struct err *e)
{
	int fds[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(e, -errno, "cannot run %s", argv[0]);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		wait_to_become(argv, fds[1]);
	}
	r = pid < 0 ? -errno : 0;
	(void)close(fds[1]);
	if (r < 0) {
		(void)close(fds[0]);
		return err_errno(e, r, "cannot run %s", argv[0]);
	}
	*ret = (struct child_waiting){.pid = pid, .fd = fds[0], .program = argv[0]};
	return 0;
}

/**
 * child_start() - start the user's command beside us
 * @w:   of child_prepare(); empty afterwards
 * @ret: its process id; waiting for it, by this id and never for any child, is the caller's
 *       (SIGCHLD tells when)
 * @e:   filled on failure only
 *
 * Our standard streams and our process group are its own too, so that the terminal treats it as if
 * we were not there, and so are its signals, but for those of reset_own_signals(). It is the
 * user's, not ours: it is not killed when we die.
 *
 * Return: 0 once the program runs, or if somebody killed it before (waiting tells); negative errno
 * if it could not be started.
 */
int child_start(struct child_waiting *w, pid_t *ret, struct err *e)
{
	int r = 0;

	if (send(w->fd, "!", 1, MSG_NOSIGNAL) == 1)
		r = exec_status(w->fd);
	(void)close(take_fd(&w->fd));
	if (r == 0) {
		*ret = w->pid;
		w->pid = 0;
		return 0;
	}
	child_forget(w);
	if (r == -ENOENT)
		return err_set(e, r,
			       "cannot run %s: No such file or directory; check how it is written, "
			       "and in a script what its first line names",
			       w->program);
	if (r == -EACCES)
		return err_set(e, r,
			       "cannot run %s: Permission denied; make it a program with chmod +x, "
			       "or name what is to run it: sh %s",
			       w->program, w->program);
	return err_errno(e, r, "cannot run %s", w->program);
}

/** child_forget() - the command is not wanted after all; an empty @w is fine */
void child_forget(struct child_waiting *w)
{
	closep(&w->fd);
	w->fd = -1;
	if (w->pid > 0)
		reap(w->pid);
	w->pid = 0;
}
