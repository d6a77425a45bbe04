/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The series that there are, and what --sample makes of them.
 *
 * Called by the check of preconditions and by source_series.c, which collects what is planned here.
 * Looks at no file: whether there is anything to read is found out each time it is read.
 *
 * The default set is what support asks for first and what costs little on a host of 256 CPUs
 * (tests/bench/series_bench.py): files whose text grows with CPUs times interrupts are read every
 * 10 s. slabinfo and the list of processes are for whoever asks: the first takes the locks of the
 * allocator (mm/slub.c, count_partial()), the second reads a file for each process.
 */
#include "series_plan.h"

#include <errno.h>

#define MOUNTS "/sys/fs/scoutfs/*"

const struct series_builtin series_builtins[] = {
	{"scoutfs",
	 SERIES_FOLDERS,
	 NSEC_PER_SEC,
	 true,
	 {MOUNTS "/counters"},
	 "counters of every scoutfs mount"},
	{"quorum",
	 SERIES_FILES,
	 NSEC_PER_SEC,
	 true,
	 {MOUNTS "/quorum/status", MOUNTS "/quorum/is_leader"},
	 "quorum status of every scoutfs mount"},
	{"fence",
	 SERIES_FOLDERS,
	 NSEC_PER_SEC,
	 true,
	 {MOUNTS "/fence/*"},
	 "fence requests of every scoutfs mount"},
	{"tcpinfo", SERIES_TCP, NSEC_PER_SEC, true, {NULL}, "TCP of connections with the server"},
	{"blockdev",
	 SERIES_DISKS,
	 NSEC_PER_SEC,
	 true,
	 {NULL},
	 "I/O of the devices of scoutfs mounts"},
	{"vmstat", SERIES_FILES, NSEC_PER_SEC, true, {"/proc/vmstat"}, "memory events"},
	{"meminfo", SERIES_FILES, NSEC_PER_SEC, true, {"/proc/meminfo"}, "memory in use"},
	{"stat", SERIES_FILES, NSEC_PER_SEC, true, {"/proc/stat"}, "CPU times"},
	{"pressure",
	 SERIES_FILES,
	 NSEC_PER_SEC,
	 true,
	 {"/proc/pressure/*"},
	 "stalls for CPU, memory and I/O"},
	{"netdev", SERIES_FILES, NSEC_PER_SEC, true, {"/proc/net/dev"}, "network interfaces"},
	{"snmp", SERIES_FILES, NSEC_PER_SEC, true, {"/proc/net/snmp"}, "IP, TCP and UDP"},
	{"netstat", SERIES_FILES, NSEC_PER_SEC, true, {"/proc/net/netstat"}, "TCP in detail"},
	{"diskstats",
	 SERIES_FILES,
	 10 * NSEC_PER_SEC,
	 true,
	 {"/proc/diskstats"},
	 "I/O of all block devices"},
	{"interrupts", SERIES_FILES, 10 * NSEC_PER_SEC, true, {"/proc/interrupts"}, "interrupts"},
	{"softirqs", SERIES_FILES, 10 * NSEC_PER_SEC, true, {"/proc/softirqs"}, "soft interrupts"},
	{"slabinfo", SERIES_FILES, 10 * NSEC_PER_SEC, false, {"/proc/slabinfo"}, "kernel memory"},
	{"processes",
	 SERIES_PROCESSES,
	 5 * NSEC_PER_SEC,
	 false,
	 {NULL},
	 "the busiest, and who waits for a disk"},
};
const size_t series_builtin_count = ARRAY_SIZE(series_builtins);

static const struct series_builtin *builtin_named(const char *name, size_t n)
{
	for (size_t i = 0; i < series_builtin_count; i++)
		if (strlen(series_builtins[i].name) == n &&
		    !memcmp(series_builtins[i].name, name, n))
			return &series_builtins[i];
	return NULL;
}

/* ---- paths that are not for reading ---- */

static bool component_is(const char *at, size_t n, const char *name)
{
	return n == strlen(name) && !memcmp(at, name, n);
}

/**
 * series_path_forbidden() - is it one of scoutfs's files that act, or ask a server that may be
 * gone?
 * @path: of a file, or a pattern
 *
 * A volume option is read by a request to the server (volopt.c of scoutfs); in debugfs, opening
 * what begins with drop_ and what is below trigger acts.
 */
bool series_path_forbidden(const char *path)
{
	bool debug = strstr(path, "/debug/") != NULL;

	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");

		if (component_is(at, n, "volume_options") ||
		    (debug &&
		     (component_is(at, n, "trigger") || (n > 5 && !memcmp(at, "drop_", 5)))))
			return true;
		at += n + (at[n] == '/');
	}
	return false;
}

/* ---- --sample ---- */

static int unknown_name(const char *name, struct err *e)
{
	const char *names[ARRAY_SIZE(series_builtins) + 2];
	size_t count = 0;

	for (size_t i = 0; i < series_builtin_count; i++)
		names[count++] = series_builtins[i].name;
	names[count++] = "default";
	names[count++] = "none";
	(void)no_such_name(e, "series", name, names, count, "A file of your own is NAME=/PATH");
	(void)err_context(e, "--sample");
	return -EINVAL;
}

/* Where the interval begins in @s, behind its '@'; NULL: there is none. An @ may be in a path. */
static const char *interval_of(const char *s, bool has_path)
{
	const char *at = has_path ? strrchr(s, '@') : strchr(s, '@');

	if (!at)
		return NULL;
	if (has_path && (strchr(at, '/') || !(at[1] == '-' || at[1] == '.' || at[1] == '\0' ||
					      (at[1] >= '0' && at[1] <= '9'))))
		return NULL;
	return at + 1;
}

static int parse_interval(const char *sample, const char *s, uint64_t *ret_ns, struct err *e)
{
	uint64_t ns;

	if (parse_duration(s, &ns) < 0)
		return err_set(e, -EINVAL,
			       "--sample=%s: '%s' is not an interval; write seconds, as in @1 or "
			       "@0.25, or @0 for once at the start and once at the end",
			       sample, s);
	if (ns && (ns < SERIES_INTERVAL_MIN_NS || ns > SERIES_INTERVAL_MAX_NS))
		return err_set(e, -EINVAL,
			       "--sample=%s: an interval is from 0.01 to 86400 s, or 0 for once "
			       "at the start and once at the end",
			       sample);
	*ret_ns = ns;
	return 0;
}

static struct series_spec *spec_named(struct series_plan *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (!strcmp(p->specs[i].name, name))
			return &p->specs[i];
	return NULL;
}

static int add_spec(struct series_plan *p, const struct series_spec *spec, struct err *e)
{
	if (p->count == SERIES_MAX)
		return err_set(e, -EINVAL, "--sample: there are at most %d series", SERIES_MAX);
	p->specs[p->count++] = *spec;
	return 0;
}

/* Those of the default set that were not asked for by name, which may have asked otherwise. */
static int add_default(struct series_plan *p, const uint64_t *interval_ns, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < series_builtin_count; i++) {
		const struct series_builtin *b = &series_builtins[i];
		struct series_spec spec = {
			.builtin = b, .interval_ns = interval_ns ? *interval_ns : b->interval_ns};

		(void)snprintf(spec.name, sizeof(spec.name), "%s", b->name);
		if (b->by_default && !spec_named(p, b->name))
			r = add_spec(p, &spec, e);
	}
	return r;
}

static int check_path(const char *sample, const struct series_spec *spec, size_t n, struct err *e)
{
	if (n == 0 || spec->path[0] != '/')
		return err_set(e, -EINVAL,
			       "--sample=%s: the path must begin with /, since the recorder may be "
			       "started anywhere",
			       sample);
	if (builtin_named(spec->name, strlen(spec->name)))
		return err_set(e, -EINVAL,
			       "--sample=%s: '%s' is a built-in series; give your file another "
			       "name",
			       sample, spec->name);
	return 0;
}

/* "none", and nothing with it. */
static bool is_none(const char *sample)
{
	return !strcmp(sample, "none");
}

static int check_name(const char *sample, size_t n, struct err *e)
{
	if (!series_name_ok(sample, n))
		return err_set(e, -EINVAL,
			       "--sample=%s: a name has letters a to z, digits, _ and -, at most "
			       "%d of them",
			       sample, SERIES_NAME_MAX);
	if (n == strlen("none") && !memcmp(sample, "none", n))
		return err_set(e, -EINVAL,
			       "--sample=%s: none stands alone, and means that nothing is read; "
			       "give your file another name",
			       sample);
	return 0;
}

/* One --sample that is neither default nor none. @copy keeps its path. */
static int parse_sample(const char *sample, char *copy, struct series_spec *ret, struct err *e)
{
	size_t n = strcspn(sample, "=@");
	bool has_path = sample[n] == '=';
	const char *interval = interval_of(sample + n, has_path);
	size_t path_bytes;

	*ret = (struct series_spec){.asked = true};
	if (check_name(sample, n, e) < 0)
		return -EINVAL;
	memcpy(ret->name, sample, n);
	if (has_path) {
		path_bytes = interval ? (size_t)(interval - 1 - (sample + n + 1))
				      : strlen(sample + n + 1);
		memcpy(copy, sample + n + 1, path_bytes);
		copy[path_bytes] = '\0';
		ret->path = copy;
		ret->interval_ns = NSEC_PER_SEC;
		if (check_path(sample, ret, path_bytes, e) < 0)
			return -EINVAL;
		if (series_path_forbidden(copy))
			return err_set(
				e, -EINVAL,
				"--sample=%s: scoutfs's volume_options ask the server, which "
				"may not answer; drop_* and trigger act: these are not read",
				sample);
	} else {
		ret->builtin = builtin_named(sample, n);
		if (!ret->builtin)
			return unknown_name(ret->name, e);
		ret->interval_ns = ret->builtin->interval_ns;
	}
	return interval ? parse_interval(sample, interval, &ret->interval_ns, e) : 0;
}

/* "default", "default@5": 1, and the interval if there is one; 0: another name. */
static int is_default(const char *sample, uint64_t *interval_ns, bool *ret_given, struct err *e)
{
	size_t n = strcspn(sample, "=@");

	if (n != strlen("default") || memcmp(sample, "default", n) != 0)
		return 0;
	if (sample[n] == '=')
		return err_set(e, -EINVAL,
			       "--sample=%s: default is a set of series; give your "
			       "file another name",
			       sample);
	*ret_given = sample[n] == '@';
	if (*ret_given && parse_interval(sample, sample + n + 1, interval_ns, e) < 0)
		return -EINVAL;
	return 1;
}

static int take_sample(struct series_plan *p, const char *sample, struct err *e)
{
	struct series_spec spec;
	char *copy = strdup(sample);
	int r;

	if (!copy)
		return err_nomem(e);
	r = parse_sample(sample, copy, &spec, e);
	if (r == 0 && spec_named(p, spec.name))
		r = err_set(e, -EINVAL, "--sample: '%s' is given twice", spec.name);
	if (r == 0)
		r = add_spec(p, &spec, e);
	if (r < 0 || !spec.path)
		free(copy);
	return r;
}

/**
 * series_plan_make() - what is to be collected
 * @c:   .samples: none: the default set
 * @ret: series_plan_done() it, also after a failure
 *
 * Return: 0; -EINVAL with a sentence: wrong usage; -ENOMEM.
 */
int series_plan_make(const struct record_config *c, struct series_plan *ret, struct err *e)
{
	bool with_default = c->sample_count == 0, given = false;
	uint64_t default_ns = 0;
	int r;

	*ret = (struct series_plan){.by_default = c->sample_count == 0};
	if (c->sample_count == 1 && is_none(c->samples[0]))
		return 0;
	for (size_t i = 0; i < c->sample_count; i++) {
		if (is_none(c->samples[i]))
			return err_set(e, -EINVAL,
				       "--sample=none and other series cannot be had at once");
		r = is_default(c->samples[i], &default_ns, &given, e);
		if (r > 0 && with_default)
			r = err_set(e, -EINVAL, "--sample: 'default' is given twice");
		with_default |= r > 0;
		if (r == 0)
			r = take_sample(ret, c->samples[i], e);
		if (r < 0)
			return r;
	}
	return with_default ? add_default(ret, given ? &default_ns : NULL, e) : 0;
}

void series_plan_done(struct series_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->specs[i].path);
	p->count = 0;
}

int series_plan_count(const struct record_config *c, unsigned int *ret, struct err *e)
{
	CLEANUP(series_plan_done) struct series_plan plan;
	int r = series_plan_make(c, &plan, e);

	*ret = (unsigned int)plan.count;
	return r;
}

/**
 * series_spec_patterns() - files, or patterns of them, that a series reads
 *
 * Return: how many; 0 where it reads no files.
 */
size_t series_spec_patterns(const struct series_spec *s, const char *const **ret)
{
	size_t count = 0;

	if (!s->builtin) {
		*ret = (const char *const *)&s->path;
		return 1;
	}
	*ret = s->builtin->patterns;
	while (count < ARRAY_SIZE(s->builtin->patterns) && s->builtin->patterns[count])
		count++;
	return count;
}

/**
 * series_spare() - which series is read too often for what it takes
 *
 * The default set must not be felt on any host, and how long a kernel takes to make its text
 * differs by a factor of a thousand: with CPUs, interrupts, mounts. So the costliest gives way
 * until all together take at most SERIES_SHARE_PPM; compressing and writing take about as much
 * again.
 */
size_t series_spare(const struct series_cost *costs, size_t count)
{
	uint64_t all = 0, most = 0;
	size_t worst = count;

	for (size_t i = 0; i < count; i++) {
		uint64_t ppm;

		if (costs[i].asked || !costs[i].cpu_ns || !costs[i].interval_ns)
			continue;
		ppm = costs[i].cpu_ns / (costs[i].interval_ns / 1000000 + 1);
		all += ppm;
		if (ppm > most) {
			most = ppm;
			worst = i;
		}
	}
	return all > SERIES_SHARE_PPM ? worst : count;
}
