/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What FAILPOINT() does in the program that is built for tests; no part of the one that is
 * installed (include/base/failpoint.h tells how it is used).
 *
 * The end is SIGKILL, so no handler, no destructor and no atexit() runs: what is on the disk and in
 * the kernel then is all there is. The time is said before, for a test that asks what had to be
 * durable by then.
 */
#include "base/failpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/util.h"

/* Made by the linker, since the section's name is one that C could have. */
extern const char *const __start_failpoints[], *const __stop_failpoints[];

static char wanted[64];
static atomic_int passes_left = 1;

__attribute__((constructor)) static void failpoint_arm(void)
{
	const char *want = getenv("FAILPOINT");
	size_t n = want ? strcspn(want, ":") : 0;

	if (!n || n >= sizeof(wanted))
		return;
	if (!strcmp(want, "list")) {
		for (const char *const *p = __start_failpoints; p < __stop_failpoints; p++)
			(void)puts(*p);
		exit(0);
	}
	memcpy(wanted, want, n);
	if (want[n])
		passes_left = atoi(want + n + 1);
}

/** failpoint_pass() - end here if this is the place, and the time */
void failpoint_pass(const char *name)
{
	if (strcmp(name, wanted) != 0 || atomic_fetch_sub(&passes_left, 1) != 1)
		return;
	(void)dprintf(STDERR_FILENO, "failpoint %s at %llu\n", name,
		      (unsigned long long)clock_mono_ns());
	(void)kill(getpid(), SIGKILL);
	_exit(128 + SIGKILL); /* should a filter of system calls keep the signal away */
}
