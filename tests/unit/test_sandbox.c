/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The child that parses: whatever it does, the parent lives and says what it was working on. Run as
 * root or not; as root it also becomes nobody. Nothing here waits by the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "sandbox.h"
#include "test.h"

#define SANDBOXED_MEMORY (256 * MIB)

static struct err err;
static struct sandbox_end end;

/* Shared with the child, which reports here. */
static struct shared {
	int seen[8];
	uint64_t number;
} * shared;

static const struct sandbox_limits limits = {.memory_bytes = SANDBOXED_MEMORY,
					     .stall_cpu_ns = 300 * NSEC_PER_MSEC};

static void run(sandbox_fn fn)
{
	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*shared = (struct shared){0};
	err_clear(&err);
	CHECK_EQ(sandbox_run(fn, shared, &limits, "test", &end, &err), 0);
	if (!end.returned)
		(void)sandbox_death(&end, &err);
}

static int returns_five(struct sandbox *s, void *arg, struct err *e)
{
	struct shared *sh = arg;

	(void)e;
	sandbox_doing(s, 7, "source %s CPU %d", "trace.dat", 3);
	sandbox_progress(s, 50, 100);
	sandbox_shows(s);
	sh->seen[0] = 1;
	return 5;
}

static void a_result_comes_back(void)
{
	run(returns_five);
	CHECK(end.returned && end.showed);
	CHECK_EQ(end.result, 5);
	CHECK_EQ(end.source, 7);
	CHECK_STR(end.doing, "source trace.dat CPU 3");
	CHECK_EQ(shared->seen[0], 1);
}

static int fails(struct sandbox *s, void *arg, struct err *e)
{
	(void)s;
	(void)arg;
	return err_set(e, -EBADMSG, "the file is %s", "short");
}

static void an_error_comes_back_as_its_sentence(void)
{
	run(fails);
	CHECK(end.returned);
	CHECK_EQ(end.result, -EBADMSG);
	CHECK_STR(err.text, "the file is short");
	CHECK_EQ(err.code, -EBADMSG);
}

/* No rights. */

static int looks_at_itself(struct sandbox *s, void *arg, struct err *e)
{
	struct shared *sh = arg;
	struct rlimit limit;

	(void)s;
	(void)e;
	sh->seen[0] = (int)getuid();
	sh->seen[1] = (int)geteuid();
	sh->seen[2] = (int)getgid();
	(void)getrlimit(RLIMIT_CORE, &limit);
	sh->seen[3] = (int)limit.rlim_max;
	return 0;
}

static void root_becomes_nobody(void)
{
	run(looks_at_itself);
	CHECK(end.returned);
	CHECK_EQ(shared->seen[3], 0);
	if (getuid() != 0)
		return;
	CHECK_EQ(shared->seen[0], 65534);
	CHECK_EQ(shared->seen[1], 65534);
	CHECK_EQ(shared->seen[2], 65534);
}

static int opens_files(struct sandbox *s, void *arg, struct err *e)
{
	struct shared *sh = arg;

	(void)s;
	(void)e;
	sh->seen[0] = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	sh->seen[1] = errno;
	sh->seen[2] = open("/tmp/scoutfs-trace-must-not-be", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	sh->seen[3] = errno;
	sh->seen[4] = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR);
#ifdef SYS_clone3 /* so that C libraries ask clone(), which shows what it is asked */
	sh->seen[5] = (int)syscall(SYS_clone3, NULL, 0);
	sh->seen[6] = errno;
#endif
	return 0;
}

static void no_file_opens(void)
{
	run(opens_files);
	CHECK(end.returned);
	CHECK_EQ(shared->seen[0], -1);
	CHECK_EQ(shared->seen[1], EACCES);
	CHECK_EQ(shared->seen[2], -1);
	CHECK_EQ(shared->seen[3], EACCES);
	CHECK_EQ(shared->seen[4], -1);
#ifdef SYS_clone3
	CHECK_EQ(shared->seen[5], -1);
	CHECK_EQ(shared->seen[6], ENOSYS);
#endif
	CHECK(access("/tmp/scoutfs-trace-must-not-be", F_OK) < 0);
}

/* Forbidden calls end it. */

static long forbidden;

static int calls_forbidden(struct sandbox *s, void *arg, struct err *e)
{
	struct shared *sh = arg;

	(void)e;
	sandbox_doing(s, 2, "packets.pcap");
	(void)syscall(forbidden, 0, 0, 0, 0, 0, 0);
	sh->seen[0] = 1; /* it went on */
	return 0;
}

static void what_is_not_allowed_ends_it(void)
{
	static const long calls[] = {
		SYS_socket,	  SYS_execve,  SYS_ptrace,
		SYS_kill,	  SYS_tkill,   SYS_unshare,
		SYS_mount,	  SYS_bpf,     SYS_setresuid,
		SYS_capset,	  SYS_connect, SYS_sendto,
		SYS_dup,	  SYS_pipe2,   SYS_unlinkat,
		SYS_mkdirat,	  SYS_fchmod,  SYS_renameat2,
		SYS_setns,	  SYS_shmget,  SYS_process_vm_writev,
		SYS_memfd_create, SYS_wait4,   SYS_getdents64,
		SYS_truncate,	  SYS_seccomp, SYS_setrlimit,
		SYS_io_setup,
	};
	char number[32];

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		forbidden = calls[i];
		run(calls_forbidden);
		if (end.returned || end.forbidden != calls[i])
			printf("# system call %ld\n", calls[i]);
		CHECK(!end.returned && !shared->seen[0]);
		CHECK_EQ(end.forbidden, calls[i]);
		CHECK_EQ(end.source, 2);
		(void)snprintf(number, sizeof(number), "system call %ld", calls[i]);
		CHECK(strstr(err.text, "unreadable: packets.pcap: ") && strstr(err.text, number));
	}
}

static int forks(struct sandbox *s, void *arg, struct err *e)
{
	(void)s;
	(void)e;
	((struct shared *)arg)->seen[0] = fork() >= 0;
	return 0;
}

static int makes_code(struct sandbox *s, void *arg, struct err *e)
{
	(void)s;
	(void)e;
	((struct shared *)arg)->seen[0] = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
	return 0;
}

static int hides_its_tries(struct sandbox *s, void *arg, struct err *e)
{
	(void)s;
	(void)e;
	(void)signal(SIGSYS, SIG_IGN);
	((struct shared *)arg)->seen[0] = 1;
	return 0;
}

static void processes_code_and_hiding_end_it(void)
{
	run(forks);
	CHECK(!end.returned && end.forbidden >= 0 && !shared->seen[0]);
	run(makes_code);
	CHECK(!end.returned && !shared->seen[0]);
	CHECK_EQ(end.forbidden, SYS_mmap);
	run(hides_its_tries);
	CHECK(!end.returned && !shared->seen[0]);
	CHECK_EQ(end.signal, SIGSYS);
}

/* Crashes and excess. */

static int crashes(struct sandbox *s, void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	sandbox_doing(s, 1, "trace.dat CPU 1");
	(void)signal(SIGSEGV, SIG_DFL); /* a sanitizer has taken it */
	(void)syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGSEGV);
	return 0;
}

static int aborts(struct sandbox *s, void *arg, struct err *e)
{
	(void)s;
	(void)arg;
	(void)e;
	abort();
}

static void a_crash_names_the_culprit(void)
{
	run(crashes);
	CHECK(!end.returned);
	CHECK_EQ(end.source, 1);
	CHECK(strstr(err.text, "unreadable: trace.dat CPU 1: its reader crashed (Segmentation"));
	run(aborts);
	CHECK(!end.returned);
	CHECK_EQ(end.signal, SIGABRT);
	CHECK(strstr(err.text, "unreadable: the bundle: its reader crashed"));
}

static int takes_all_memory(struct sandbox *s, void *arg, struct err *e)
{
	struct shared *sh = arg;

	(void)s;
	while (sh->number < 64 * GIB) {
		char *volatile p = malloc(MIB);

		if (!p)
			return err_nomem(e);
		p[0] = 1;
		sh->number += MIB;
	}
	return 0;
}

static void memory_is_bounded(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return; /* the limit is left out there */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return;
#endif
#endif
	run(takes_all_memory);
	CHECK(end.returned);
	CHECK_EQ(end.result, -ENOMEM);
	CHECK_STR(err.text, "out of memory");
	CHECK(shared->number > SANDBOXED_MEMORY / 2 && shared->number < SANDBOXED_MEMORY);
}

static int loops(struct sandbox *s, void *arg, struct err *e)
{
	(void)e;
	sandbox_doing(s, 4, "kernel.log");
	for (;;)
		++*(volatile uint64_t *)&((struct shared *)arg)->number;
	return 0;
}

/* Uses twice the CPU time that would end it, but gets on. */
static int works(struct sandbox *s, void *arg, struct err *e)
{
	struct rusage used;

	(void)arg;
	(void)e;
	do {
		sandbox_progress(s, 1, 2);
		(void)getrusage(RUSAGE_SELF, &used);
	} while (used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec +
			 used.ru_stime.tv_sec * 1000000 + used.ru_stime.tv_usec <
		 600000);
	return 1;
}

static void an_endless_loop_is_ended_and_work_is_not(void)
{
	run(loops);
	CHECK(!end.returned && end.stalled);
	CHECK(strstr(err.text, "kernel.log: its reader came no further"));
	CHECK(shared->number > 0);
	run(works);
	CHECK(end.returned && !end.stalled);
	CHECK_EQ(end.result, 1);
}

/* What it needs. */

static void *thread(void *arg)
{
	void *p = malloc(100000);

	if (p)
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
	free(p);
	return NULL;
}

static int fd_to_read = -1;

static int reads_and_computes(struct sandbox *s, void *arg, struct err *e)
{
	struct shared *sh = arg;
	struct stat st;
	pthread_t t[4];
	char c;

	(void)s;
	sh->seen[0] = (int)pread(fd_to_read, &c, 1, 1);
	sh->seen[1] = c;
	sh->seen[2] = fstat(fd_to_read, &st);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (pthread_create(&t[i], NULL, thread, &sh->seen[3]) != 0)
			return err_set(e, -EAGAIN, "thread %zu does not start", i);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		(void)pthread_join(t[i], NULL);
	return 0;
}

static void what_reading_needs_is_there(void)
{
	char path[] = "/tmp/scoutfs-trace-test-XXXXXX";

	fd_to_read = mkostemp(path, O_CLOEXEC);
	CHECK(fd_to_read >= 0);
	(void)unlink(path);
	CHECK_EQ(write(fd_to_read, "abc", 3), 3);
	run(reads_and_computes);
	(void)close(fd_to_read);
	if (!end.returned || end.result)
		printf("# said: %s\n", err.text);
	CHECK(end.returned);
	CHECK_EQ(end.result, 0);
	CHECK_EQ(shared->seen[0], 1);
	CHECK_EQ(shared->seen[1], 'b');
	CHECK_EQ(shared->seen[2], 0);
	CHECK_EQ(shared->seen[3], 4);
}

static int foreign_fd;

static int writes_to_foreign(struct sandbox *s, void *arg, struct err *e)
{
	struct shared *sh = arg;

	(void)s;
	(void)e;
	sh->seen[0] = (int)write(foreign_fd, "x", 1);
	sh->seen[1] = errno;
	return 0;
}

static void what_the_shell_left_open_is_closed(void)
{
	int fds[2];

	CHECK_EQ(pipe(fds), 0); /* not close-on-exec: not ours */
	foreign_fd = fds[1];
	run(writes_to_foreign);
	(void)close(fds[0]);
	(void)close(fds[1]);
	CHECK_EQ(shared->seen[0], -1);
	CHECK_EQ(shared->seen[1], EBADF);
}

/* Signals: in a program of their own, which they end. */

static int ready[2]; /* the child says that it runs; closes when it has ended */
static int never[2]; /* nobody writes to it */

static int waits(struct sandbox *s, void *arg, struct err *e)
{
	char c = 'r';

	(void)s;
	(void)arg;
	(void)e;
	(void)close(never[1]);
	if (write(ready[1], &c, 1) == 1)
		(void)!read(never[0], &c, 1);
	return 0;
}

static int tells_its_number(struct sandbox *s, void *arg, struct err *e)
{
	pid_t pid = getpid();
	char c;

	(void)s;
	(void)arg;
	(void)e;
	(void)close(never[1]);
	if (write(ready[1], &pid, sizeof(pid)) == sizeof(pid))
		(void)!read(never[0], &c, 1);
	return 0;
}

static int writes_to_nobody(struct sandbox *s, void *arg, struct err *e)
{
	(void)s;
	(void)arg;
	(void)e;
	(void)close(never[0]);
	(void)!write(never[1], "x", 1);
	return 0;
}

/* A program that runs @fn in a sandbox. */
static pid_t start_program(sandbox_fn fn)
{
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(never, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)close(ready[0]);
		if (fn == writes_to_nobody)
			(void)close(never[0]);
		(void)signal(SIGPIPE, SIG_IGN); /* as main does */
		(void)sandbox_run(fn, NULL, &limits, "test", &end, &err);
		_exit(99);
	}
	(void)close(ready[1]);
	return pid;
}

static int program_ends(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return -status;
	return WTERMSIG(status);
}

static bool child_is_gone(void)
{
	char c;
	bool gone = read(ready[0], &c, 1) == 0;

	(void)close(ready[0]);
	(void)close(never[0]);
	(void)close(never[1]);
	return gone;
}

static void signals_end_both(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGKILL};
	char c;

	/* Whoever started the test (nohup, a shell's background) may have them ignored. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		pid_t pid = start_program(waits);

		CHECK(pid > 0);
		CHECK_EQ(read(ready[0], &c, 1), 1);
		CHECK_EQ(kill(pid, signals[i]), 0);
		CHECK_EQ(program_ends(pid), signals[i]);
		CHECK(child_is_gone());
	}
}

/* As the kernel tells it of the child while it waits. */
static void the_kernel_knows_it_without_rights(void)
{
	char path[64], status[4096] = "";
	pid_t program = start_program(tells_its_number), child = 0;
	FILE *f;

	CHECK(program > 0);
	CHECK_EQ(read(ready[0], &child, sizeof(child)), sizeof(child));
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	f = fopen(path, "re");
	if (f) {
		status[fread(status, 1, sizeof(status) - 1, f)] = '\0';
		(void)fclose(f);
	}
	CHECK_EQ(kill(program, SIGKILL), 0);
	CHECK_EQ(program_ends(program), SIGKILL);
	CHECK(child_is_gone());
	CHECK(strstr(status, "\nCapInh:\t0000000000000000\n"));
	CHECK(strstr(status, "\nCapPrm:\t0000000000000000\n"));
	CHECK(strstr(status, "\nCapEff:\t0000000000000000\n"));
	CHECK(strstr(status, "\nNoNewPrivs:\t1\n"));
	CHECK(strstr(status, "\nSeccomp:\t2\n"));
	if (getuid() == 0)
		CHECK(strstr(status, "\nUid:\t65534\t65534\t65534\t65534\n") &&
		      strstr(status, "\nGid:\t65534\t65534\t65534\t65534\n") &&
		      strstr(status, "\nGroups:\t \n"));
}

static void a_reader_that_left_ends_both_quietly(void)
{
	pid_t pid;

	pid = start_program(writes_to_nobody);
	CHECK(pid > 0);
	(void)close(never[0]);
	CHECK_EQ(program_ends(pid), SIGPIPE);
	never[0] = -1;
	CHECK(child_is_gone());
}

TEST_MAIN(TEST(a_result_comes_back), TEST(an_error_comes_back_as_its_sentence),
	  TEST(root_becomes_nobody), TEST(no_file_opens), TEST(what_is_not_allowed_ends_it),
	  TEST(processes_code_and_hiding_end_it), TEST(a_crash_names_the_culprit),
	  TEST(memory_is_bounded), TEST(an_endless_loop_is_ended_and_work_is_not),
	  TEST(what_reading_needs_is_there), TEST(what_the_shell_left_open_is_closed),
	  TEST(signals_end_both), TEST(the_kernel_knows_it_without_rights),
	  TEST(a_reader_that_left_ends_both_quietly))
