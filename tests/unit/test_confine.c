/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What threads may still call, and what they may not: asked of the kernel, in threads of a child
 * that have given it up. Without root, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/privilege.h"
#include "test.h"

/* One run: in a thread of its own, which is how the recorder does it. */
struct run {
	enum confine_role role;
	void (*fn)(void);
	int set_up;
};

static void *in_thread(void *arg)
{
	struct run *r = arg;

	r->set_up = privilege_keep(0);
	if (r->set_up == 0)
		r->set_up = confine_thread(r->role);
	if (r->set_up == 0)
		r->fn();
	return NULL;
}

static void run(enum confine_role role, void (*fn)(void))
{
	struct run r = {.role = role, .fn = fn};
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, in_thread, &r), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	/* A kernel, or a machine, without such filters: nothing was called. */
	if (r.set_up == -ENOSYS || r.set_up == -EINVAL)
		printf("# no filters of system calls here\n");
	else
		CHECK_EQ(r.set_up, 0);
}

/* What the kernel says of the calling thread. */
static long status_of_thread(const char *field)
{
	CLEANUP(text_free) struct text status = {0};
	const char *at;

	if (file_load("/proc/thread-self/status", 64 * KIB, &status, NULL) < 0)
		return -1;
	at = strstr(text_c(&status), field);
	return at ? strtol(at + strlen(field), NULL, 10) : -1;
}

#define DENIED(code, ...)                           \
	do {                                        \
		errno = 0;                          \
		CHECK_EQ(syscall(__VA_ARGS__), -1); \
		CHECK_EQ(errno, code);              \
	} while (0)

/* What nobody of the recorder needs. The arguments are such that nothing would come of them. */
static void dangerous(void)
{
	CHECK_EQ(status_of_thread("\nSeccomp:"), 2);
	CHECK_EQ(status_of_thread("\nNoNewPrivs:"), 1);
	DENIED(EPERM, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
	DENIED(EPERM, SYS_process_vm_readv, getpid(), 0, 0, 0, 0, 0);
	DENIED(EPERM, SYS_mount, "", "", "", 0, NULL);
	DENIED(EPERM, SYS_umount2, "", 0);
	DENIED(EPERM, SYS_unshare, 0);
	DENIED(EPERM, SYS_setns, -1, 0);
	DENIED(EPERM, SYS_open_by_handle_at, -1, NULL, 0);
	DENIED(EPERM, SYS_finit_module, -1, "", 0);
	DENIED(EPERM, SYS_delete_module, "", 0);
	DENIED(EPERM, SYS_kexec_load, 0, 0, NULL, 0);
	DENIED(EPERM, SYS_bpf, 0, NULL, 0);
	DENIED(EPERM, SYS_perf_event_open, NULL, 0, 0, 0, 0);
	DENIED(EPERM, SYS_keyctl, 0, 0, 0, 0, 0);
	DENIED(EPERM, SYS_userfaultfd, 0);
	DENIED(EPERM, SYS_settimeofday, NULL, NULL);
	DENIED(EPERM, 425 /* io_uring_setup */, 0, NULL);
	DENIED(EPERM, 429 /* move_mount */, -1, "", -1, "", 0);
}

/* Without a filter these calls fail otherwise or do nothing: the denials are the filter's. */
static void unconfined_they_say_something_else(void)
{
	errno = 0;
	CHECK_EQ(syscall(SYS_unshare, 0), 0);
	CHECK_EQ(syscall(SYS_setns, -1, 0), -1);
	CHECK_EQ(errno, EBADF);
	CHECK(status_of_thread("\nSeccomp:") >= 0);
}

static void a_whole_file(void)
{
	static const char name[] = "test_confine.tmp";
	CLEANUP(closep) int fd = -1;
	char buf[4];
	void *p;

	(void)unlink(name);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 || errno == EOPNOTSUPP);
	CHECK_EQ(write(fd, "abcd", 4), 4);
	CHECK_EQ(fdatasync(fd), 0);
	CHECK_EQ(pread(fd, buf, 4, 0), 4);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(rename(name, "test_confine.tmp2"), 0);
	CHECK_EQ(unlink("test_confine.tmp2"), 0);
	p = malloc(64 * MIB);
	CHECK(p != NULL);
	free(p);
}

static void no_new_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(mprotect(p, 4096, PROT_READ | PROT_EXEC), -1);
	CHECK_EQ(munmap(p, 4096), 0);
	DENIED(EPERM, SYS_execve, "/bin/true", NULL, NULL);
	DENIED(EPERM, SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void who_writes_files(void)
{
	dangerous();
	a_whole_file();
	no_new_code();
	DENIED(EPERM, SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	DENIED(EPERM, SYS_kill, getpid(), 0);
	DENIED(EPERM, SYS_setuid, 0);
	/* A later C library asks for what is later still, and does without. */
	DENIED(ENOSYS, 1000);
}

static void who_captures(void)
{
	CLEANUP(closep) int fd = -1;

	dangerous();
	a_whole_file();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	no_new_code();
}

/* Programs run as before, under the same filter. */
static void who_runs_programs(void)
{
	static const char *const argv[] = {"grep", "-E",
					   "^(Seccomp|NoNewPrivs):", "/proc/self/status", NULL};
	static const struct child_limits limits = {.timeout_ns = 20 * NSEC_PER_SEC,
						   .output_bytes = 4096};
	CLEANUP(text_free) struct text said = {0};
	struct child_result result;
	struct err e = {0};

	dangerous();
	a_whole_file();
	CHECK_EQ(child_run(argv, &limits, &said, &result, &e), 0);
	CHECK(WIFEXITED(result.wait_status) && WEXITSTATUS(result.wait_status) == 0);
	CHECK_STR(text_c(&said), "NoNewPrivs:\t1\nSeccomp:\t2\n");
}

static void who_writes_files_can_do_that_and_no_more(void)
{
	run(CONFINE_FILES, who_writes_files);
}

static void who_captures_has_sockets_too(void)
{
	run(CONFINE_PACKETS, who_captures);
}

static void who_runs_programs_can_do_nothing_to_the_kernel(void)
{
	run(CONFINE_PROGRAMS, who_runs_programs);
}

/* Filters belong to threads: this one has none, though three have ended with theirs. */
static void other_threads_are_as_they_were(void)
{
	CHECK_EQ(status_of_thread("\nNoNewPrivs:"), 0);
	unconfined_they_say_something_else();
}

int main(void)
{
	static const struct test_case cases[] = {
		TEST(who_writes_files_can_do_that_and_no_more),
		TEST(who_captures_has_sockets_too),
		TEST(who_runs_programs_can_do_nothing_to_the_kernel),
		TEST(other_threads_are_as_they_were),
	};

	return test_main(cases, ARRAY_SIZE(cases));
}
