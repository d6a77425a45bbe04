// SPDX-License-Identifier: GPL-2.0-only
/*
 * A storm of system calls from every CPU, for the bench: as many raw_syscalls events as the machine
 * gives, and in their midst one call of mark(), which the bench makes a trigger of.
 *
 * Started by bench.py. One thread a CPU, pinned, calls getppid() without a pause until the time is
 * over or a signal comes. It prints what happened with CLOCK_MONOTONIC nanoseconds; it defines no
 * trace event and knows nothing of tracing.
 */
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define CALLS_PER_LOOK 1024 /* a fraction of a millisecond between two looks at the flags */

/*
 * What a uprobe hooks. In assembly so that no compiler puts anything before the no-op; on x86 it is
 * the five-byte one, which newer kernels turn into a call.
 */
#if defined(__x86_64__)
#define NO_OP ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"
#else
#define NO_OP "nop"
#endif
__asm__(".pushsection .text\n\t.p2align 4\n\t.globl storm_mark\n\t.hidden storm_mark\n\t"
	".type storm_mark, %function\nstorm_mark:\n\t" NO_OP
	"\n\tret\n\t.size storm_mark, . - storm_mark\n\t.popsection\n");
void storm_mark(void);

struct worker {
	pthread_t thread;
	unsigned int cpu;
	uint64_t calls;
};

static _Atomic bool stop_now, mark_now;
static _Atomic uint64_t marked_ns;

static uint64_t mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* ---- where mark() lies in this file ---- */

static int find_offset(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t address = (uintptr_t)storm_mark - info->dlpi_addr;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || address < p->p_vaddr ||
		    address - p->p_vaddr >= p->p_filesz)
			continue;
		*(uint64_t *)arg = address - p->p_vaddr + p->p_offset;
		return 1;
	}
	return 0;
}

static int print_offset(void)
{
	uint64_t offset = 0;

	/* The first object is the program itself. */
	if (dl_iterate_phdr(find_offset, &offset) != 1 || !offset) {
		(void)fprintf(stderr, "storm: cannot find mark() in the program's file\n");
		return 1;
	}
	(void)printf("0x%" PRIx64 "\n", offset);
	return 0;
}

/* ---- the storm ---- */

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		(void)fprintf(stderr, "storm: not on CPU %u: %s\n", w->cpu, strerror(errno));
	while (!atomic_load_explicit(&stop_now, memory_order_relaxed)) {
		if (atomic_load_explicit(&mark_now, memory_order_relaxed) &&
		    atomic_exchange(&mark_now, false)) {
			uint64_t before = mono_ns();

			storm_mark();
			atomic_store(&marked_ns, before);
		}
		for (int i = 0; i < CALLS_PER_LOOK; i++)
			(void)syscall(SYS_getppid);
		w->calls += CALLS_PER_LOOK;
	}
	return NULL;
}

/* False when a signal to end came before @until_ns. */
static bool wait_until(const sigset_t *ends, uint64_t until_ns)
{
	for (;;) {
		uint64_t now = mono_ns(), left = until_ns > now ? until_ns - now : 0;
		struct timespec ts = {(time_t)(left / NSEC_PER_SEC), (long)(left % NSEC_PER_SEC)};

		if (sigtimedwait(ends, NULL, &ts) > 0)
			return false;
		if (errno == EAGAIN)
			return true;
	}
}

static int storm(uint64_t mark_after_ns, uint64_t run_ns)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	struct worker *workers = calloc(cpus, sizeof(*workers));
	uint64_t begun_ns, calls = 0;
	sigset_t ends;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	if (!workers)
		return 1;
	begun_ns = mono_ns();
	for (unsigned int i = 0; i < cpus; i++) {
		workers[i].cpu = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
			(void)fprintf(stderr, "storm: cannot start a thread\n");
			exit(1);
		}
	}
	(void)printf("begin %" PRIu64 "\n", begun_ns);
	if (mark_after_ns && wait_until(&ends, begun_ns + mark_after_ns)) {
		atomic_store(&mark_now, true);
		(void)printf("mark-asked %" PRIu64 "\n", mono_ns());
	}
	(void)wait_until(&ends, begun_ns + run_ns);
	atomic_store(&stop_now, true);
	for (unsigned int i = 0; i < cpus; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		calls += workers[i].calls;
	}
	(void)printf("mark %" PRIu64 "\nend %" PRIu64 "\ncalls %" PRIu64 "\n",
		     atomic_load(&marked_ns), mono_ns(), calls);
	free(workers);
	return 0;
}

int main(int argc, char **argv)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "--mark-offset"))
		return print_offset();
	if (argc != 3) {
		(void)fprintf(stderr, "usage: storm MARK_AFTER_MS RUN_MS    (0: no mark)\n"
				      "       storm --mark-offset\n");
		return 2;
	}
	return storm(strtoull(argv[1], NULL, 10) * NSEC_PER_MSEC,
		     strtoull(argv[2], NULL, 10) * NSEC_PER_MSEC);
}
