/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filters of system calls for the recorder's threads.
 *
 * Called by each thread once it has what it needs, after privilege_keep(), which sets the
 * no_new_privs that filters need. The threads that move bytes have a short list of what they may
 * do; the loop, and the threads that collect context by running ip, ss or journalctl, may do
 * everything but what no reader of a host needs: mount, load modules or another kernel, trace other
 * processes, open files by handle, and the like. Filters are inherited by programs that are run, so
 * that list must not hinder them; the user's own command (-- COMMAND) is started before.
 *
 * What is denied fails with EPERM; the thread is not killed. A recorder that dies of a call that a
 * newer C library makes would lose what it is there to keep. Calls that are newer than this list
 * fail with ENOSYS, which C libraries take as "an older kernel" and do without.
 *
 * The kernel slows threads with filters down, as a guard against speculation between strangers
 * (before Linux 5.16 by default). There is no stranger's code here, and the pump of the rings must
 * not be late: SECCOMP_FILTER_FLAG_SPEC_ALLOW.
 *
 * x86_64 and aarch64, where the numbers are known; elsewhere threads have lost their capabilities,
 * but not these calls.
 */
#include "base/confine.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/callfilter.h"
#include "base/util.h"

#ifdef AUDIT_ARCH_HERE

#define NEWEST_CALL 450 /* set_mempolicy_home_node, Linux 5.17: what comes after is not judged */

/* The most frequent first: a filter is walked from its beginning. */
#define FILES                                                                                \
	CALL(read), CALL(write), CALL(writev), CALL(pread64), CALL(pwrite64), CALL(futex),   \
		CALL(fdatasync), CALL(ppoll), CALL(openat), CALL(close), CALL(lseek),        \
		CALL(clock_nanosleep), CALL(clock_gettime), CALL(nanosleep), CALL(fsync),    \
		CALL(readv), CALL(fstat), CALL(newfstatat), CALL(fstatfs), CALL(getdents64), \
		CALL(readlinkat), CALL(faccessat), CALL(faccessat2), CALL(openat2),          \
		CALL(ftruncate), CALL(fallocate), CALL(fadvise64), CALL(renameat2),          \
		CALL(unlinkat), CALL(mkdirat), CALL(fcntl), CALL(sendto),                    \
		CALL(recvfrom), /* with what is open */                                      \
		CALL_IF(ioctl, 1, TCGETS), CALL_IF(ioctl, 1, TIOCGWINSZ)

#define MEMORY                                                                          \
	CALL_UNLESS_BITS(mmap, 2, PROT_EXEC), CALL_UNLESS_BITS(mprotect, 2, PROT_EXEC), \
		CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk)

#define ITSELF                                                                                 \
	CALL(exit), CALL(exit_group), CALL(rt_sigprocmask), CALL(rt_sigaction),                \
		CALL(rt_sigreturn), CALL(sigaltstack), CALL(restart_syscall), CALL(getrandom), \
		CALL(gettid), CALL(getpid), CALL(getppid), CALL(getuid), CALL(geteuid),        \
		CALL(getgid), CALL(getegid), CALL(gettimeofday), CALL(clock_getres),           \
		CALL(set_robust_list), CALL(rseq), CALL(sched_yield), CALL(sched_getaffinity), \
		CALL(membarrier), CALL(getcpu), CALL(uname), CALL(sysinfo), CALL(getrusage),   \
		CALL(getrlimit), CALL_IF(prlimit64, 2, 0), CALL_IF(prctl, 0, PR_SET_NAME)

/* Calls that newer machines have in one form only, and some that not every header has. */
#ifdef __x86_64__
#define OLD                                                                                        \
	CALL(poll), CALL(open), CALL(stat), CALL(lstat), CALL(access), CALL(readlink), CALL(time), \
		CALL(rename), CALL(unlink),
#else
#define OLD
#endif
#ifdef __NR_renameat
#define RENAMEAT CALL(renameat),
#else
#define RENAMEAT
#endif
#ifdef __NR_statx
#define STATX CALL(statx),
#else
#define STATX
#endif

/* abort() of this process, and no other; the number is another one in each. */
#define ABORT(pid) CALL_IF(tgkill, 0, (pid))

#define SOCKETS                                                                      \
	CALL(socket), CALL(bind), CALL(connect), CALL(setsockopt), CALL(getsockopt), \
		CALL(getsockname), CALL(getpeername), CALL(recvmsg), CALL(sendmsg),  \
		CALL(shutdown), CALL(ioctl), CALL(eventfd2), CALL(pipe2)

#define NOTHING_ELSE \
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1), DENY(ENOSYS), DENY(EPERM)

static int install(struct sock_filter *filter, size_t count)
{
	struct sock_fprog program = {.len = (unsigned short)count, .filter = filter};

	if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		    &program) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* A kernel without that flag. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}

static int confine_files(void)
{
	struct sock_filter filter[] = {
		CALLFILTER_BEGIN(SECCOMP_RET_ERRNO | ENOSYS), FILES,	   MEMORY, ITSELF,
		OLD RENAMEAT STATX ABORT((uint32_t)getpid()), NOTHING_ELSE};

	return install(filter, ARRAY_SIZE(filter));
}

static int confine_packets(void)
{
	struct sock_filter filter[] = {
		CALLFILTER_BEGIN(SECCOMP_RET_ERRNO | ENOSYS), FILES,	   MEMORY, ITSELF, SOCKETS,
		OLD RENAMEAT STATX ABORT((uint32_t)getpid()), NOTHING_ELSE};

	return install(filter, ARRAY_SIZE(filter));
}

/* Most of it is root's alone, and its capabilities are gone; by this a hole elsewhere does not
 * bring it back. */
static int confine_programs(void)
{
	struct sock_filter filter[] = {
		CALLFILTER_BEGIN(SECCOMP_RET_ERRNO | ENOSYS),
		/* Other processes. */
		CALL_DENIED(ptrace, EPERM),
		CALL_DENIED(process_vm_readv, EPERM),
		CALL_DENIED(process_vm_writev, EPERM),
		CALL_DENIED(kcmp, EPERM),
		CALL_NUMBER_DENIED(438 /* pidfd_getfd */, EPERM),
		/* File systems and namespaces. */
		CALL_DENIED(mount, EPERM),
		CALL_DENIED(umount2, EPERM),
		CALL_DENIED(pivot_root, EPERM),
		CALL_DENIED(chroot, EPERM),
		CALL_DENIED(swapon, EPERM),
		CALL_DENIED(swapoff, EPERM),
		CALL_DENIED(open_by_handle_at, EPERM),
		CALL_DENIED(unshare, EPERM),
		CALL_DENIED(setns, EPERM),
		CALL_DENIED(fanotify_init, EPERM),
		CALL_DENIED(quotactl, EPERM),
		CALL_NUMBER_DENIED(428 /* open_tree */, EPERM),
		CALL_NUMBER_DENIED(429 /* move_mount */, EPERM),
		CALL_NUMBER_DENIED(430 /* fsopen */, EPERM),
		CALL_NUMBER_DENIED(431 /* fsconfig */, EPERM),
		CALL_NUMBER_DENIED(432 /* fsmount */, EPERM),
		CALL_NUMBER_DENIED(433 /* fspick */, EPERM),
		CALL_NUMBER_DENIED(442 /* mount_setattr */, EPERM),
		/* The kernel. */
		CALL_DENIED(init_module, EPERM),
		CALL_DENIED(finit_module, EPERM),
		CALL_DENIED(delete_module, EPERM),
		CALL_DENIED(kexec_load, EPERM),
#ifdef __NR_kexec_file_load
		CALL_DENIED(kexec_file_load, EPERM),
#endif
		CALL_DENIED(reboot, EPERM),
		CALL_DENIED(bpf, EPERM),
		CALL_DENIED(perf_event_open, EPERM),
		CALL_DENIED(userfaultfd, EPERM),
		CALL_DENIED(add_key, EPERM),
		CALL_DENIED(request_key, EPERM),
		CALL_DENIED(keyctl, EPERM),
		CALL_DENIED(acct, EPERM),
		CALL_NUMBER_DENIED(425 /* io_uring_setup */, EPERM),
		CALL_NUMBER_DENIED(426 /* io_uring_enter */, EPERM),
		CALL_NUMBER_DENIED(427 /* io_uring_register */, EPERM),
		/* The host's settings. */
		CALL_DENIED(settimeofday, EPERM),
		CALL_DENIED(clock_settime, EPERM),
		CALL_DENIED(sethostname, EPERM),
		CALL_DENIED(setdomainname, EPERM),
#ifdef __x86_64__
		CALL_DENIED(iopl, EPERM),
		CALL_DENIED(ioperm, EPERM),
#endif
		ALLOW,
	};

	return install(filter, ARRAY_SIZE(filter));
}

#endif

/**
 * confine_thread() - limit the system calls of the calling thread
 * @role: what it does from now on
 *
 * After privilege_keep(). Other threads are as they were.
 *
 * Return: 0; -ENOSYS or -EINVAL where there are no such filters; another negative errno.
 */
int confine_thread(enum confine_role role)
{
#ifdef AUDIT_ARCH_HERE
	switch (role) {
	case CONFINE_FILES:
		return confine_files();
	case CONFINE_PACKETS:
		return confine_packets();
	case CONFINE_PROGRAMS:
		return confine_programs();
	}
	return -EINVAL;
#else
	(void)role;
	return -ENOSYS;
#endif
}
