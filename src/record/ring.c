/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Draining ring buffers.
 *
 * per_cpu/cpuN/trace_pipe_raw gives whole sub-buffers, and of the one that the CPU is writing a
 * copy of the events so far. A reader that reads on until there is nothing left chases the writer
 * and gets a page for every few events. So a pass ends, for each CPU, at the first event that is
 * younger than the pass (the rings run on the monotonic clock, so that can be told). What it took
 * from a page half written is completed by the next pass: ringpage_join() in the spool puts the two
 * parts into one page again.
 *
 * Plain read(), not splice(): it costs one copy, which a pipe would cost as well, and before
 * Linux 6.0 splice() stalls behind a page that was read in part.
 *
 * Losses: a page says in its header that events were lost before it, rarely how many. The kernel's
 * own counter (overrun in per_cpu/cpuN/stats) has the number. The page gives the place in time, the
 * counter the count, and rings_settle() makes the sums equal.
 */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"

#include "journal.h"

#define OTHER_FDS 256 /* the spool, the watch, packets, clients, commands: some 60 at most */

/* Lists such as "0-3,8-11" (Documentation/admin-guide/cputopology.rst): the last number tells. */
static uint32_t last_cpu_of(const char *path)
{
	struct text list = {0};
	uint32_t last = 0;
	char *at, *end;

	if (file_load(path, 64 * KIB, &list, NULL) == 0) {
		for (at = list.s; at && *at; at = *end ? end + 1 : end) {
			unsigned long v = strtoul(at, &end, 10);

			if (end == at)
				break;
			last = (uint32_t)min_of(v, 65535ul);
		}
	}
	text_free(&list);
	return last;
}

uint32_t cpus_possible(void)
{
	return last_cpu_of("/sys/devices/system/cpu/possible") + 1;
}

uint32_t cpus_online(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (uint32_t)n : 1;
}

uint64_t ring_bytes_each(uint64_t budget_bytes)
{
	uint64_t each = min_of(budget_bytes / cpus_online(), RING_MAX_BYTES);

	return max_of(each, RING_MIN_BYTES);
}

/* Text of cpuN/stats. */
static int stats_text(struct rings *r, uint32_t cpu, struct text *ret)
{
	char buf[1024];
	ssize_t n = file_pread_all(r->cpus[cpu].stats_fd, buf, sizeof(buf), 0);

	if (n < 0)
		return (int)n;
	text_add(ret, buf, (size_t)n);
	return text_ok(ret) ? 0 : -ENOMEM;
}

/* "overrun: 12\ncommit overrun: 0\n...dropped events: 0\n": everything the kernel did not keep. */
static uint64_t lost_by_kernel(struct rings *r, uint32_t cpu)
{
	static const char *const fields[] = {
		"\noverrun: ", "\ncommit overrun: ", "\ndropped events: "};
	struct text stats = {0};
	uint64_t sum = 0;

	if (stats_text(r, cpu, &stats) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
			const char *at = strstr(text_c(&stats), fields[i]);

			if (at)
				sum += strtoull(at + strlen(fields[i]), NULL, 10);
		}
	text_free(&stats);
	return sum;
}

static int open_cpu(struct rings *r, const struct instance *i, uint32_t cpu, struct err *e)
{
	struct ring_cpu *c = &r->cpus[cpu];
	char file[64];

	(void)snprintf(file, sizeof(file), "per_cpu/cpu%u/trace_pipe_raw", cpu);
	c->raw_fd = instance_open_file(i, file, O_RDONLY | O_NONBLOCK, e);
	if (c->raw_fd < 0)
		return c->raw_fd;
	(void)snprintf(file, sizeof(file), "per_cpu/cpu%u/stats", cpu);
	c->stats_fd = instance_open_file(i, file, O_RDONLY, e);
	if (c->stats_fd < 0)
		return c->stats_fd;
	return spool_stream_add(r->spool, CHUNK_RING, cpu, &r->layout, &c->stream, e);
}

/* Two descriptors a CPU, and those of everything else: where the usual 1024 are too few, more. */
static void allow_descriptors(uint32_t cpus)
{
	struct rlimit limit;
	rlim_t want = 2 * (rlim_t)cpus + OTHER_FDS;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = min_of(want, limit.rlim_max);
	/* If it is still too few, the open that fails says so. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/**
 * rings_open() - open every CPU's ring of an instance
 * @r:      r->layout is set; the rest is filled here; rings_close() it, also after a failure
 * @i:      borrowed during the call
 * @spool:  borrowed; gets one stream a CPU
 * @loss:   borrowed
 * @events: counter of events drained; borrowed
 */
int rings_open(struct rings *r, const struct instance *i, struct spool *spool,
	       struct loss_ledger *loss, _Atomic uint64_t *events, struct err *e)
{
	uint32_t count = cpus_possible();
	int code;

	allow_descriptors(count);
	r->spool = spool;
	r->loss = loss;
	r->events = events;
	r->page = malloc(r->layout.page_bytes);
	r->cpus = calloc(count, sizeof(*r->cpus));
	if (!r->page || !r->cpus)
		return err_nomem(e);
	for (uint32_t cpu = 0; cpu < count; cpu++)
		r->cpus[cpu].raw_fd = r->cpus[cpu].stats_fd = -1;
	for (uint32_t cpu = 0; cpu < count; cpu++) {
		char dir[32];

		/* Some kernels make a folder only for CPUs that can really come. */
		(void)snprintf(dir, sizeof(dir), "per_cpu/cpu%u", cpu);
		if (!instance_has(i, dir))
			continue;
		r->cpu_count = cpu + 1;
		code = open_cpu(r, i, cpu, e);
		if (code < 0)
			return code;
	}
	return 0;
}

void rings_close(struct rings *r)
{
	for (uint32_t cpu = 0; r->cpus && cpu < r->cpu_count; cpu++) {
		closep(&r->cpus[cpu].raw_fd);
		closep(&r->cpus[cpu].stats_fd);
	}
	free(take_ptr(r->cpus));
	free(take_ptr(r->page));
	r->cpu_count = 0;
}

/* What was lost before @page, by the kernel's counter; the page knows the place in time. */
static uint64_t note_missed(struct rings *r, uint32_t cpu, const struct ringpage_info *info)
{
	struct ring_cpu *c = &r->cpus[cpu];
	uint64_t total = lost_by_kernel(r, cpu);
	uint64_t count = total > c->overrun_noted ? total - c->overrun_noted : 0;

	c->overrun_noted += count;
	/* The counter may be ahead of the page: then an earlier entry already has these. */
	if (count || !c->overrun_noted)
		loss_note(r->loss, LOSS_FAULT, "ftrace", cpu,
			  c->last_ns ? c->last_ns : info->first_ns, info->first_ns,
			  count ? count : LOSS_UNKNOWN, RING_OVERRUN);
	return count;
}

static int take_page(struct rings *r, uint32_t cpu, uint64_t *ret_last_ns)
{
	struct ring_cpu *c = &r->cpus[cpu];
	struct spool_span span = {0};
	struct ringpage_info info;
	int code;

	if (ringpage_scan(&r->layout, r->page, &info) < 0) {
		/* Kept all the same: a reader with better eyes may make something of it. */
		if (!r->broken_pages++)
			loss_note(r->loss, LOSS_FAULT, "ftrace", cpu, c->last_ns, c->last_ns,
				  LOSS_UNKNOWN, "a ring page from the kernel makes no sense");
		info = (struct ringpage_info){.first_ns = c->last_ns, .last_ns = c->last_ns};
	}
	if (info.missed)
		span.lost = note_missed(r, cpu, &info);
	ringpage_clear_tail(&r->layout, r->page);
	span.first_ns = info.first_ns;
	span.last_ns = info.last_ns;
	span.records = info.events;
	code = spool_append(c->stream, r->page, r->layout.page_bytes, &span);
	if (code < 0) {
		loss_note(r->loss, LOSS_FAULT, "ftrace", cpu, info.first_ns, info.last_ns,
			  info.events, "no memory to hand events to the spool");
		return code;
	}
	c->last_ns = max_of(c->last_ns, info.last_ns);
	c->events += info.events;
	atomic_fetch_add_explicit(r->events, info.events, memory_order_relaxed);
	*ret_last_ns = info.last_ns;
	return 0;
}

/* Bytes taken, or a negative errno. */
static int64_t drain_cpu(struct rings *r, uint32_t cpu, uint64_t begun_ns)
{
	uint64_t last_ns = 0;
	int64_t taken = 0;

	while (last_ns < begun_ns) {
		ssize_t n = read(r->cpus[cpu].raw_fd, r->page, r->layout.page_bytes);
		int code;

		if (n < 0 && errno == EINTR)
			continue;
		/* ENODEV: a CPU that has not been online yet; its ring is made when it comes. */
		if (n < 0 && errno != EAGAIN && errno != ENODEV)
			return -errno;
		if (n <= 0)
			break;
		FAILPOINT("record-drained");
		if ((size_t)n < r->layout.page_bytes)
			memset(r->page + n, 0, r->layout.page_bytes - (size_t)n);
		code = take_page(r, cpu, &last_ns);
		if (code < 0)
			return code;
		taken += n;
	}
	return taken;
}

/**
 * rings_pass() - drain every CPU of what was recorded before now
 * @busy_bytes: a CPU that gives more makes the pass a busy one
 * @ret_failed: set to true when a ring could not be read; else left alone
 *
 * Return: whether any ring was busy, so that the next pass should come soon.
 */
bool rings_pass(struct rings *r, uint64_t busy_bytes, bool *ret_failed)
{
	uint64_t begun_ns = clock_mono_ns();

	r->most_bytes = 0;
	for (uint32_t cpu = 0; cpu < r->cpu_count; cpu++) {
		int64_t taken;

		if (r->cpus[cpu].raw_fd < 0)
			continue;
		taken = drain_cpu(r, cpu, begun_ns);
		if (taken < 0)
			*ret_failed = true;
		else
			r->most_bytes = max_of(r->most_bytes, (uint64_t)taken);
	}
	return r->most_bytes > busy_bytes;
}

/**
 * rings_were_reset() - the kernel emptied the rings, and its counters of losses began again
 *
 * What they had counted and nobody had noted is lost with them; the caller notes the gap.
 */
void rings_were_reset(struct rings *r)
{
	for (uint32_t cpu = 0; cpu < r->cpu_count; cpu++)
		r->cpus[cpu].overrun_noted = 0;
}

/**
 * rings_settle() - make the ledger's sum equal the kernel's, CPU by CPU
 * @now_ns: CLOCK_MONOTONIC; the end of a range that no page bounds
 */
void rings_settle(struct rings *r, uint64_t now_ns)
{
	for (uint32_t cpu = 0; cpu < r->cpu_count; cpu++) {
		struct ring_cpu *c = &r->cpus[cpu];
		uint64_t total;

		if (c->stats_fd < 0)
			continue;
		total = lost_by_kernel(r, cpu);
		if (total > c->overrun_noted)
			loss_note(r->loss, LOSS_FAULT, "ftrace", cpu, c->last_ns, now_ns,
				  total - c->overrun_noted, RING_OVERRUN);
		c->overrun_noted = max_of(total, c->overrun_noted);
	}
}

/**
 * rings_journal_stats() - cpuN/stats of each CPU, as the kernel tells it, into the journal
 *
 * Nothing, where no ring was opened.
 */
void rings_journal_stats(struct rings *r)
{
	CLEANUP(text_free) struct text stats = {0};
	struct journal_line line;
	struct json_writer *w;

	if (!r->cpu_count)
		return;
	w = journal_begin(&line, "cpu_stats");
	json_array(w);
	for (uint32_t cpu = 0; cpu < r->cpu_count; cpu++) {
		text_reset(&stats);
		if (r->cpus[cpu].stats_fd < 0 || stats_text(r, cpu, &stats) < 0)
			json_null(w);
		else
			json_str(w, text_c(&stats));
	}
	json_array_end(w);
	journal_end(&line, r->spool);
}
