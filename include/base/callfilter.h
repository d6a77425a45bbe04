/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words in which filters of system calls are written (seccomp(2)): by hand, since the lists are
 * short and it is one library less. Used by base/confine.c and by the sandbox of reports.
 *
 * A filter is an array of struct sock_filter. It begins with CALLFILTER_BEGIN(...), which leaves
 * the call's number in the accumulator; each rule ends the filter or leaves it there. Jumps count
 * forward only, so each rule is self-contained.
 */
#ifndef BASE_CALLFILTER_H
#define BASE_CALLFILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#endif

/* Calls that a C library newer than our headers may make. From 424 on all machines count alike. */
#ifndef __NR_clone3
#define __NR_clone3 435
#endif
#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_faccessat2
#define __NR_faccessat2 439
#endif
#if !defined(__NR_rseq) && defined(__x86_64__)
#define __NR_rseq 334
#elif !defined(__NR_rseq) && defined(__aarch64__)
#define __NR_rseq 293
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U /* Linux 4.14; RHEL 8's kernel headers have it */
#endif
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2) /* Linux 4.17 */
#endif

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define ALLOW RETURN(SECCOMP_RET_ALLOW)
#define DENY(error) RETURN(SECCOMP_RET_ERRNO | (error))

/* What comes by the call table of another machine (32-bit programs, x32) ends as @action says. */
#ifdef __x86_64__
#define CALLFILTER_NO_X32(action) \
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1), RETURN(action)
#else
#define CALLFILTER_NO_X32(action) LOAD(nr)
#endif
#define CALLFILTER_BEGIN(action)                                                          \
	LOAD(arch), SKIP_UNLESS(AUDIT_ARCH_HERE, 1), BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), \
		RETURN(action), LOAD(nr), CALLFILTER_NO_X32(action)

/* Little-endian: the low half of an argument comes first. All that are looked at are ints. */
#define ARGUMENT(i) LOAD(args[i])

#define CALL(name) SKIP_UNLESS(__NR_##name, 1), ALLOW
#define CALL_DENIED(name, error) SKIP_UNLESS(__NR_##name, 1), DENY(error)
#define CALL_NUMBER_DENIED(number, error) SKIP_UNLESS(number, 1), DENY(error)
#define CALL_IF(name, i, value) \
	SKIP_UNLESS(__NR_##name, 4), ARGUMENT(i), SKIP_UNLESS((value), 1), ALLOW, LOAD(nr)
#define CALL_UNLESS_BITS(name, i, bits)           \
	SKIP_UNLESS(__NR_##name, 4), ARGUMENT(i), \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), ALLOW, LOAD(nr)
#define CALL_WITH_BITS(name, i, bits)             \
	SKIP_UNLESS(__NR_##name, 4), ARGUMENT(i), \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), ALLOW, LOAD(nr)

#endif
