/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes: those that used most CPU time since the last sample, and those that wait for a disk or
 * a lock of the kernel (state D), which is how a hung file system shows.
 *
 * Called by source_series.c. Each sample reads /proc/PID/stat of every process: some microseconds
 * each, so the interval should be seconds. Names of processes, not their command lines, which may
 * hold passwords. A section of lines
 *
 *	PID COMM state=R utime_ticks=12 stime_ticks=3 rss_kib=4096 threads=1
 *
 * Ticks are sysconf(_SC_CLK_TCK), 100 a second. Source of the places: proc(5), /proc/PID/stat.
 */
#include "series_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#define TOP 20
#define WAITING_MAX 50 /* of state D that are not among the top */
#define PROCESSES_MAX 65536
#define SECTION "processes"

struct used {
	unsigned int pid;
	uint64_t ticks;
};

struct series_processes {
	struct used *before; /* of the last sample, by pid */
	size_t before_count;
	struct candidate {
		struct series_process p;
		uint64_t ticks; /* since the last sample */
	} * all;
	size_t count, room;
};

int series_processes_new(struct series_processes **ret, struct err *e)
{
	struct series_processes *p = calloc(1, sizeof(*p));

	if (!p)
		return err_nomem(e);
	*ret = p;
	return 0;
}

void series_processes_free(struct series_processes *p)
{
	if (!p)
		return;
	free(p->before);
	free(p->all);
	free(p);
}

/**
 * series_process_parse() - a line of /proc/PID/stat
 *
 * The name stands in brackets and may hold brackets and blanks: it ends at the last one.
 *
 * Return: whether @ret was set.
 */
bool series_process_parse(const char *stat, struct series_process *ret)
{
	const char *open = strchr(stat, '('), *close = strrchr(stat, ')');
	unsigned long long utime, stime, threads;
	struct series_process p = {0};
	long long rss;
	size_t n;

	if (!open || !close || close < open || sscanf(stat, "%u", &p.pid) != 1)
		return false;
	n = min_of((size_t)(close - open - 1), sizeof(p.comm) - 1);
	memcpy(p.comm, open + 1, n);
	/* 3 state, 14 utime, 15 stime, 20 num_threads, 24 rss */
	if (sscanf(close + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %llu %*d "
		   "%*u %*u %lld",
		   &p.state, &utime, &stime, &threads, &rss) != 5)
		return false;
	p.utime_ticks = utime;
	p.stime_ticks = stime;
	p.threads = threads;
	p.rss_pages = rss > 0 ? (uint64_t)rss : 0;
	*ret = p;
	return true;
}

static int by_pid(const void *va, const void *vb)
{
	unsigned int a = ((const struct used *)va)->pid, b = ((const struct used *)vb)->pid;

	return a < b ? -1 : a > b;
}

/* More first; of two that used the same the older. */
static int by_ticks(const void *va, const void *vb)
{
	const struct candidate *a = va, *b = vb;

	if (a->ticks != b->ticks)
		return a->ticks > b->ticks ? -1 : 1;
	return a->p.pid < b->p.pid ? -1 : a->p.pid > b->p.pid;
}

static uint64_t used_since(const struct series_processes *p, const struct series_process *one)
{
	uint64_t now = one->utime_ticks + one->stime_ticks;
	struct used key = {.pid = one->pid};
	const struct used *before =
		p->before_count ? bsearch(&key, p->before, p->before_count, sizeof(key), by_pid)
				: NULL;

	/* A pid that is used again. */
	return before && before->ticks <= now ? now - before->ticks : now;
}

static bool make_place(struct series_processes *p)
{
	struct candidate *more;
	size_t room = p->room ? p->room * 2 : 256;

	if (p->count < p->room)
		return true;
	if (p->count >= PROCESSES_MAX)
		return false;
	more = realloc(p->all, room * sizeof(*more));
	if (!more)
		return false;
	p->all = more;
	p->room = room;
	return true;
}

static void take_process(struct series_processes *p, int proc_fd, const char *pid)
{
	CLEANUP(closep) int fd = -1;
	struct series_process one;
	char path[64], line[1024];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%.20s/stat", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;
	if (n <= 0)
		return; /* it has ended */
	line[n] = '\0';
	if (!series_process_parse(line, &one) || !make_place(p))
		return;
	p->all[p->count++] = (struct candidate){.p = one, .ticks = used_since(p, &one)};
}

static void remember(struct series_processes *p)
{
	struct used *more = realloc(p->before, max_of(p->count, (size_t)1) * sizeof(*more));

	if (!more)
		return;
	p->before = more;
	p->before_count = p->count;
	for (size_t i = 0; i < p->count; i++)
		more[i] = (struct used){p->all[i].p.pid,
					p->all[i].p.utime_ticks + p->all[i].p.stime_ticks};
	qsort(more, p->count, sizeof(*more), by_pid);
}

static void add_line(const struct series_process *p, struct text *out)
{
	text_printf(out, "%u ", p->pid);
	for (const char *c = p->comm; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == '\\' || *c == '=' ||
		    (unsigned char)*c == 0x7f)
			text_printf(out, "\\x%02x", (unsigned char)*c);
		else
			text_add(out, c, 1);
	text_printf(out,
		    "%s state=%c utime_ticks=%llu stime_ticks=%llu rss_kib=%llu threads=%llu\n",
		    p->comm[0] ? "" : "?", p->state, (unsigned long long)p->utime_ticks,
		    (unsigned long long)p->stime_ticks,
		    (unsigned long long)(p->rss_pages * ((uint64_t)sysconf(_SC_PAGESIZE) / KIB)),
		    (unsigned long long)p->threads);
}

/**
 * series_processes_sample() - read all, tell of some
 * @k: gets one section
 */
void series_processes_sample(struct series_processes *p, struct series_reader *r,
			     struct series_sink *k)
{
	CLEANUP(text_free) struct text lines = {0};
	char path[1024];
	struct dirent *d;
	size_t waiting = 0;
	DIR *proc;

	(void)snprintf(path, sizeof(path), "%s/proc", r->root);
	proc = opendir(path);
	if (!proc) {
		series_sink_failure(k, SECTION, -errno);
		return;
	}
	p->count = 0;
	while ((d = readdir(proc)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
			take_process(p, dirfd(proc), d->d_name);
	(void)closedir(proc);
	remember(p);
	if (p->count)
		qsort(p->all, p->count, sizeof(*p->all), by_ticks);
	for (size_t i = 0; i < p->count; i++)
		if (i < TOP || (p->all[i].p.state == 'D' && waiting++ < WAITING_MAX))
			add_line(&p->all[i].p, &lines);
	if (lines.failed)
		series_sink_failure(k, SECTION, -ENOMEM);
	else
		series_sink_section(k, SECTION, text_c(&lines), lines.len);
}
