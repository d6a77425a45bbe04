/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unprivileged child that parses, and its supervisor.
 *
 * Called by report.c, with every file open already. A bundle comes from a stranger, and libraries
 * that read it have had holes (libtraceevent 1.7.1 crashes on a few per cent of damaged files), so
 * nothing of it is looked at outside. The child keeps the descriptors that are close-on-exec (ours)
 * and the standard streams, becomes nobody if it was root, drops all capabilities, bounds its
 * address space, and installs a filter of system calls (seccomp(2), written out by hand: it is
 * short, and one library less). What is not in the filter's list is not executed: opening files
 * fails with EACCES, because C libraries look for optional files at odd moments and go on without;
 * anything else ends the child.
 *
 * The supervisor waits on a pipe that closes when the child ends. It draws the progress line, ends
 * a child that uses CPU time without progress (time spent waiting for a pager does not count),
 * passes SIGINT and SIGTERM on, and afterwards dies of the same signal as the child did.
 *
 * No limit on the size of files: standard output may be one, and nothing else can be opened.
 * Where the kernel has no seccomp the rest still holds, and that is said with -v.
 */
#include "sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/callfilter.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privilege.h"
#include "base/text.h"

#define NOBODY 65534 /* the kernel's overflow id, which owns nothing */
#define TICK_MS 100
#define QUIET_NS NSEC_PER_SEC /* what takes less needs no progress line */
#define MALLOC_ARENAS 4

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* The child's side may be hostile: the parent copies each text and ends it itself. */
struct sandbox {
	_Atomic uint64_t done_bytes, all_bytes;
	_Atomic uint64_t ticks; /* counts anything that is progress */
	_Atomic int source;
	_Atomic bool showed, returned;
	_Atomic long forbidden;
	int result;
	char doing[sizeof(((struct sandbox_end *)0)->doing)];
	char weak[128];	 /* what could not be taken away, and why */
	char said[4096]; /* lines for the log */
	struct err err;
	/* the child's own */
	bool asks; /* the supervisor draws where output may be seen too */
	int up, down;
};

/* ---- the child ---- */

/** sandbox_doing() - say what is worked on; @source: a number of the caller's, -1: none */
void sandbox_doing(struct sandbox *s, int source, const char *fmt, ...)
{
	va_list ap;

	if (!s)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(s->doing, sizeof(s->doing), fmt, ap);
	va_end(ap);
	atomic_store(&s->source, source);
	atomic_fetch_add(&s->ticks, 1);
}

/** sandbox_progress() - how far it has come; any thread may call it */
void sandbox_progress(struct sandbox *s, uint64_t done_bytes, uint64_t all_bytes)
{
	if (!s)
		return;
	atomic_store(&s->done_bytes, done_bytes);
	atomic_store(&s->all_bytes, all_bytes);
	atomic_fetch_add(&s->ticks, 1);
}

/** sandbox_shows() - before the first byte of output: the progress line is off the screen then */
void sandbox_shows(struct sandbox *s)
{
	char c = 0;
	ssize_t n;

	if (!s)
		return;
	atomic_fetch_add(&s->ticks, 1);
	if (atomic_exchange(&s->showed, true) || !s->asks)
		return;
	do
		n = write(s->up, &c, 1);
	while (n < 0 && errno == EINTR);
	do
		n = n == 1 ? read(s->down, &c, 1) : 0;
	while (n < 0 && errno == EINTR);
}

/** sandbox_say() - a warning for the person, which the supervisor logs at the end */
void sandbox_say(struct sandbox *s, const char *fmt, ...)
{
	size_t used, room;
	va_list ap;

	if (!s)
		return;
	used = strlen(s->said);
	room = sizeof(s->said) - used;
	va_start(ap, fmt);
	if (vsnprintf(s->said + used, room, fmt, ap) + 1 < (int)room)
		(void)strcat(s->said + used, "\n");
	else
		s->said[used] = '\0'; /* it is full */
	va_end(ap);
}

static struct sandbox *own; /* for the handler of SIGSYS */

/* The filter has stopped a system call: leave its number for the supervisor. */
static void on_forbidden(int signal, siginfo_t *info, void *context)
{
	(void)context;
	atomic_store(&own->forbidden, (long)info->si_syscall);
	_exit(128 + signal);
}

/* What the shell left open is none of the child's business; ours are close-on-exec, all of them. */
static void close_strangers(void)
{
	long most = sysconf(_SC_OPEN_MAX);

	for (int fd = STDERR_FILENO + 1; fd < (int)min_of(most, 65536L); fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0 && !(flags & FD_CLOEXEC))
			(void)close(fd);
	}
}

static void set_limit(int what, uint64_t value)
{
	struct rlimit limit;

	if (getrlimit(what, &limit) < 0)
		return;
	limit.rlim_max = min_of(limit.rlim_max, (rlim_t)value);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(what, &limit);
}

static void note_weak(struct sandbox *s, const char *what, int error)
{
	size_t used = strlen(s->weak);

	(void)snprintf(s->weak + used, sizeof(s->weak) - used, "%s%s: %s", used ? "; " : "", what,
		       strerror(error));
}

static void drop_privileges(struct sandbox *s)
{
	int r;

	/* Fails where nobody has no number (a small user namespace): capabilities go all the same.
	 */
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		note_weak(s, "cannot become nobody", errno);
	r = privilege_keep(0);
	if (r < 0)
		note_weak(s, "cannot drop capabilities", -r);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int install_filter(void)
{
#ifdef AUDIT_ARCH_HERE
	const uint32_t pid = (uint32_t)getpid();
	struct sock_filter filter[] = {
		CALLFILTER_BEGIN(SECCOMP_RET_KILL_PROCESS),
		/* Bytes of what is open. */
		CALL(read),
		CALL(write),
		CALL(pread64),
		CALL(pwrite64),
		CALL(readv),
		CALL(writev),
		CALL(preadv),
		CALL(lseek),
		CALL(fstat),
		CALL(fstatfs),
		CALL(fadvise64),
		CALL(readahead),
		CALL(ftruncate),
		CALL(fallocate),
		CALL(close),
		CALL(ppoll),
		/* glibc 2.33 makes fstat() of it; it can also tell whether a path exists. */
		CALL_IF(newfstatat, 3, 0x1000 /* AT_EMPTY_PATH */),
		CALL_IF(ioctl, 1, TCGETS),
		CALL_IF(ioctl, 1, TIOCGWINSZ),
		CALL_IF(fcntl, 1, F_GETFD),
		CALL_IF(fcntl, 1, F_GETFL),
		/* Memory, never executable. */
		CALL_UNLESS_BITS(mmap, 2, PROT_EXEC),
		CALL_UNLESS_BITS(mprotect, 2, PROT_EXEC),
		CALL(munmap),
		CALL(mremap),
		CALL(madvise),
		CALL(brk),
		/* Threads, no processes. What clone3() is asked cannot be seen: glibc then asks
		 * clone(). */
		CALL_WITH_BITS(clone, 0, CLONE_THREAD),
		CALL_DENIED(clone3, ENOSYS),
		CALL(futex),
		CALL(set_robust_list),
		CALL(set_tid_address),
		CALL(sched_yield),
		CALL(sched_getaffinity),
		CALL(membarrier),
		CALL_IF(prctl, 0, PR_SET_NAME),
		CALL_DENIED(prctl, EPERM),
		CALL(rseq),
		/* Time and chance. */
		CALL(clock_gettime),
		CALL(clock_getres),
		CALL(clock_nanosleep),
		CALL(nanosleep),
		CALL(gettimeofday),
		CALL(getrandom),
		CALL(restart_syscall),
		/* About itself. */
		CALL(getpid),
		CALL(gettid),
		CALL(getuid),
		CALL(geteuid),
		CALL(getgid),
		CALL(getegid),
		CALL(getppid),
		CALL(uname),
		CALL(sysinfo),
		CALL(getrusage),
		CALL(getcpu),
		CALL_IF(prlimit64, 2, 0),
		CALL(getrlimit),
		/* Its own signals; but whoever takes SIGSYS could hide what it tried. */
		SKIP_UNLESS(__NR_rt_sigaction, 4),
		ARGUMENT(0),
		SKIP_UNLESS(SIGSYS, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		ALLOW,
		CALL(rt_sigprocmask),
		CALL(rt_sigreturn),
		CALL(sigaltstack),
		CALL_IF(tgkill, 0, pid), /* abort() */
		/* Its end. */
		CALL(exit),
		CALL(exit_group),
		/* Files that are not there. */
		CALL_DENIED(openat, EACCES),
		CALL_DENIED(openat2, EACCES),
		CALL_DENIED(faccessat, EACCES),
		CALL_DENIED(faccessat2, EACCES),
		CALL_DENIED(readlinkat, EACCES),
#ifdef __NR_statx
		CALL_DENIED(statx, EACCES),
#endif
#ifdef __x86_64__ /* calls that newer architectures have in one form only */
		CALL(poll),
		CALL(time),
		CALL_DENIED(open, EACCES),
		CALL_DENIED(access, EACCES),
		CALL_DENIED(stat, EACCES),
		CALL_DENIED(readlink, EACCES),
#endif
		RETURN(SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
#else
	return -ENOSYS;
#endif
}

/* What the C library finds out from files, when it first needs it. */
static void learn_beforehand(void)
{
	tzset();
	/* Else a second thread's malloc() counts the CPUs in /sys; it also bounds address space. */
	(void)mallopt(M_ARENA_MAX, MALLOC_ARENAS);
}

/* The kernel forgets it when ids or capabilities change, so it comes after those. */
static void die_with(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(0); /* it is gone already */
}

static void lock_down(struct sandbox *s, const struct sandbox_limits *limits, pid_t parent)
{
	const struct sigaction action = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO};
	uint64_t memory_bytes = limits->memory_bytes ? limits->memory_bytes : SANDBOX_MEMORY_BYTES;
	int r;

	learn_beforehand();
	close_strangers();
	drop_privileges(s);
	die_with(parent);
	set_limit(RLIMIT_CORE, 0);
	if (!SANITIZED) /* whose shadow is terabytes */
		set_limit(RLIMIT_AS, memory_bytes);
	own = s;
	(void)sigaction(SIGSYS, &action, NULL);
	r = install_filter();
	if (r < 0)
		note_weak(s, "cannot limit system calls", -r);
}

static void run_child(struct sandbox *s, sandbox_fn fn, void *arg,
		      const struct sandbox_limits *limits, pid_t parent)
{
	struct err e = {0};

	lock_down(s, limits, parent);
	s->result = fn(s, arg, &e);
	s->err = e;
	atomic_store(&s->returned, true);
	_exit(0);
}

/* ---- the supervisor ---- */

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
	caught = signal;
}

struct watch {
	struct sandbox *s;
	const char *label;
	pid_t pid;
	int up, down; /* -1: closed */
	uint64_t begun_ns, stall_cpu_ns;
	uint64_t ticks, cpu_ns; /* at the last progress */
	bool stalled, live;
	struct sigaction before[ARRAY_SIZE(passed_on)];
};

/* What the shell had ignored (a background job, nohup) stays ignored. */
static void take_signals(struct watch *w)
{
	const struct sigaction action = {.sa_handler = on_signal};

	caught = 0;
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		(void)sigaction(passed_on[i], NULL, &w->before[i]);
		if (w->before[i].sa_handler != SIG_IGN)
			(void)sigaction(passed_on[i], &action, NULL);
	}
}

static void give_signals_back(const struct watch *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		(void)sigaction(passed_on[i], &w->before[i], NULL);
}

static void draw(struct watch *w)
{
	uint64_t done = atomic_load(&w->s->done_bytes), all = atomic_load(&w->s->all_bytes);
	char a[32], b[32], line[256];

	if (!log_is_terminal() || !all || clock_mono_ns() - w->begun_ns < QUIET_NS)
		return;
	if (atomic_load(&w->s->showed) && w->s->asks)
		return;
	done = min_of(done, all);
	(void)snprintf(line, sizeof(line), "%s: %s of %s, %u%%", w->label,
		       format_bytes(done, a, sizeof(a)), format_bytes(all, b, sizeof(b)),
		       (unsigned int)((unsigned __int128)done * 100 / all));
	log_live(line);
	w->live = true;
}

static void undraw(struct watch *w)
{
	if (w->live)
		log_live(NULL);
	w->live = false;
}

static uint64_t cpu_used(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static void check_stall(struct watch *w)
{
	uint64_t ticks = atomic_load(&w->s->ticks), cpu_ns = cpu_used(w->pid);

	if (ticks != w->ticks) {
		w->ticks = ticks;
		w->cpu_ns = cpu_ns;
	} else if (cpu_ns > w->cpu_ns && cpu_ns - w->cpu_ns > w->stall_cpu_ns) {
		w->stalled = true;
		(void)kill(w->pid, SIGKILL);
	}
}

/* The child asks for the screen: the line goes, then it may write. */
static bool answer(struct watch *w)
{
	ssize_t n;
	char c;

	n = read(w->up, &c, 1);
	if (n < 0 && errno == EINTR)
		return true;
	if (n != 1)
		return false; /* it has ended */
	undraw(w);
	(void)!write(w->down, &c, 1);
	return true;
}

static void supervise(struct watch *w)
{
	struct pollfd p = {.fd = w->up, .events = POLLIN};
	sig_atomic_t sent = 0;

	for (;;) {
		int r = poll(&p, 1, TICK_MS);

		if (caught != sent) {
			sent = caught;
			(void)kill(w->pid, (int)sent);
		}
		if (r > 0 && !answer(w))
			break;
		draw(w);
		check_stall(w);
	}
	undraw(w);
}

/* Those that end a program by somebody's wish, which is not the bundle's fault. */
static bool is_wish(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGPIPE ||
	       signal == SIGQUIT;
}

static void die_of(int signal_number)
{
	sigset_t set;

	(void)signal(signal_number, SIG_DFL);
	(void)raise(signal_number);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, signal_number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Texts of the child's, ended by us. */
static void copy_text(char *to, size_t size, const char *from)
{
	memcpy(to, from, size);
	to[size - 1] = '\0';
}

static void take_end(struct watch *w, struct sandbox_end *ret, struct err *e)
{
	struct sandbox *s = w->s;
	char weak[sizeof(s->weak)], said[sizeof(s->said)], *save = NULL;
	int status = 0;

	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret = (struct sandbox_end){
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.forbidden = atomic_load(&s->forbidden),
		.stalled = w->stalled,
		.showed = atomic_load(&s->showed),
		.source = atomic_load(&s->source),
		.result = s->result,
	};
	ret->returned = WIFEXITED(status) && WEXITSTATUS(status) == 0 && atomic_load(&s->returned);
	copy_text(ret->doing, sizeof(ret->doing), s->doing);
	copy_text(weak, sizeof(weak), s->weak);
	if (*weak)
		log_info("the reader of the bundle has more rights than it needs: %s", weak);
	copy_text(said, sizeof(said), s->said);
	for (char *l = strtok_r(said, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		log_warning("%s", l);
	if (ret->returned && ret->result < 0 && e) {
		*e = s->err;
		e->text[sizeof(e->text) - 1] = '\0';
	}
}

/* A file, or /dev/null. Anything else may be the screen, or a pager that has it. */
static bool output_is_file(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 &&
	       (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(STDOUT_FILENO)));
}

static int start_child(struct watch *w, sandbox_fn fn, void *arg,
		       const struct sandbox_limits *limits)
{
	CLEANUP(closep) int up_read = -1, up_write = -1, down_read = -1, down_write = -1;
	pid_t parent = getpid();
	int up[2], down[2];

	if (pipe2(up, O_CLOEXEC) < 0)
		return -errno;
	up_read = up[0];
	up_write = up[1];
	if (pipe2(down, O_CLOEXEC) < 0)
		return -errno;
	down_read = down[0];
	down_write = down[1];
	w->pid = fork();
	if (w->pid < 0)
		return -errno;
	if (w->pid == 0) {
		(void)close(up_read);
		(void)close(down_write);
		for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
			if (w->before[i].sa_handler != SIG_IGN)
				(void)signal(passed_on[i], SIG_DFL);
		(void)signal(SIGPIPE, SIG_DFL);
		w->s->up = up_write;
		w->s->down = down_read;
		run_child(w->s, fn, arg, limits, parent);
	}
	w->up = take_fd(&up_read);
	w->down = take_fd(&down_write);
	return 0;
}

/**
 * sandbox_run() - run a function in a child that can only compute, read what is open, and write
 * @fn:     runs in the child; what it writes to memory is lost, but for its result and its err
 * @limits: borrowed; zeros: the defaults
 * @label:  what the progress line begins with, as in "reading node1.tar.zst"
 * @ret:    how it ended
 * @e:      that of @fn when it returned less than 0
 *
 * The caller has one thread, and nothing unwritten in its standard streams. When somebody ended the
 * child by a signal such as SIGINT, or the reader of standard output has gone, this does not
 * return: the program ends by that signal too.
 *
 * Return: 0 when the child ran, however it ended; else a negative errno and the reason in @e.
 */
int sandbox_run(sandbox_fn fn, void *arg, const struct sandbox_limits *limits, const char *label,
		struct sandbox_end *ret, struct err *e)
{
	struct watch w = {.label = label,
			  .up = -1,
			  .down = -1,
			  .begun_ns = clock_mono_ns(),
			  .stall_cpu_ns =
				  limits->stall_cpu_ns ? limits->stall_cpu_ns : SANDBOX_STALL_NS};
	int r;

	w.s = mmap(NULL, sizeof(*w.s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.s == MAP_FAILED)
		return err_nomem(e);
	atomic_store(&w.s->forbidden, -1);
	atomic_store(&w.s->source, -1);
	w.s->asks = log_is_terminal() && !output_is_file();
	take_signals(&w);
	r = start_child(&w, fn, arg, limits);
	if (r == 0) {
		supervise(&w);
		take_end(&w, ret, e);
	}
	give_signals_back(&w);
	closep(&w.up);
	closep(&w.down);
	(void)munmap(w.s, sizeof(*w.s));
	if (r < 0)
		return err_errno(e, r, "cannot start the process that reads the bundle");
	if (caught)
		die_of((int)caught);
	else if (!ret->returned && is_wish(ret->signal))
		die_of(ret->signal);
	return 0;
}

/**
 * sandbox_death() - the sentence about a child that did not return
 *
 * Return: -EBADMSG, as the bundle is to blame until the opposite is known.
 */
int sandbox_death(const struct sandbox_end *end, struct err *e)
{
	const char *doing = *end->doing ? end->doing : "the bundle";

	assert(!end->returned);
	if (end->forbidden >= 0)
		return err_set(e, -EBADMSG,
			       "unreadable: %s: its reader tried what it must not (system call "
			       "%ld) and was stopped",
			       doing, end->forbidden);
	if (end->stalled)
		return err_set(e, -EBADMSG,
			       "unreadable: %s: its reader came no further and was ended", doing);
	if (end->signal == SIGKILL)
		return err_set(e, -EBADMSG,
			       "unreadable: %s: its reader was killed; perhaps this host is short "
			       "of memory",
			       doing);
	if (end->signal)
		return err_set(e, -EBADMSG, "unreadable: %s: its reader crashed (%s)", doing,
			       strsignal(end->signal));
	return err_set(e, -EBADMSG, "unreadable: %s: its reader ended early", doing);
}
