/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cleaning up after a recorder that was killed.
 *
 * A killed recorder leaves its tracing instance behind, still recording, with the newest second or
 * so of events in it. Whoever comes first, the next recorder (leftover_clear()) or `recover`
 * (leftover_drain()), stops it, appends what it holds to the session's spool, as the dead
 * recorder would have, and removes it. An instance is a left-over when its name has our prefix and
 * nobody holds its lock (instance_hold()).
 */
#include "leftover.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "format/segment.h"

#include "folder.h"
#include "ring.h"
#include "series_plan.h"
#include "session.h"
#include "spent.h"

#define DRAIN_MEMORY_BYTES (64 * MIB)

static void note_name(const char *suffix, char *buf, size_t size)
{
	(void)snprintf(buf, size, "session.%s", suffix);
}

/**
 * leftover_remember() - note which session folder the instances with @suffix belong to
 */
int leftover_remember(const char *run_dir, const char *suffix, const char *session_path,
		      struct err *e)
{
	CLEANUP(closep) int fd = file_open_dir(run_dir, e);
	char name[32];

	if (fd < 0)
		return fd;
	note_name(suffix, name, sizeof(name));
	return file_replace_at(fd, name, session_path, strlen(session_path), e);
}

void leftover_forget(const char *run_dir, const char *suffix)
{
	CLEANUP(closep) int fd = file_open_dir(run_dir, NULL);
	char name[32];

	note_name(suffix, name, sizeof(name));
	if (fd >= 0)
		(void)unlinkat(fd, name, 0);
}

/* False also when nobody can tell: a file system that is not mounted yet may have it. */
static bool noted_is_gone(int run_fd, const char *name)
{
	CLEANUP(text_free) struct text path = {0};
	CLEANUP(freep) char *parent = NULL;
	char *slash;

	if (file_load_at(run_fd, name, PATH_MAX, &path, NULL) < 0 ||
	    access(text_c(&path), F_OK) == 0 || errno != ENOENT)
		return false;
	parent = strdup(text_c(&path));
	slash = parent ? strrchr(parent, '/') : NULL;
	if (!slash)
		return false;
	*slash = '\0';
	return access(parent, F_OK) == 0;
}

/**
 * leftover_tidy() - forget the session folders that are not there any more
 *
 * A recorder that was killed between removing its folder and its note leaves the note.
 */
void leftover_tidy(const char *run_dir)
{
	int fd = file_open_dir(run_dir, NULL);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

	if (!list) {
		closep(&fd);
		return;
	}
	for (struct dirent *d; (d = readdir(list));)
		if (str_starts(d->d_name, "session.") && noted_is_gone(dirfd(list), d->d_name))
			(void)unlinkat(dirfd(list), d->d_name, 0);
	(void)closedir(list);
}

/* ---- draining one dead instance into its session ---- */

struct drain {
	struct folder folder;
	struct spool *spool;
	struct loss_ledger *loss;
	struct rings rings;
	_Atomic uint64_t events;
};

/* How many series there are, by the facts: numbered from 1. */
static uint32_t series_count(const struct drain *d)
{
	const struct json_value *list = json_get(folder_source(&d->folder, "series"), "list");
	uint32_t count = 0;

	for (const struct json_value *v = list ? list->child : NULL; v && count < SERIES_MAX;
	     v = v->next)
		count++;
	return count;
}

static int open_streams(struct drain *d, const struct instance *i, struct err *e)
{
	static const enum chunk_stream others[] = {CHUNK_PACKETS, CHUNK_KMSG, CHUNK_CLOCKS};
	struct spool_stream *st;
	int r = 0;

	/* Every stream that may have an open chunk in the tail must be there to take it over. */
	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(others); k++)
		r = spool_stream_add(d->spool, others[k], 0, NULL, &st, e);
	for (uint32_t id = 1; r == 0 && id <= series_count(d); id++)
		r = spool_stream_add(d->spool, CHUNK_SERIES, id, NULL, &st, e);
	if (r < 0)
		return r;
	if (i)
		return rings_open(&d->rings, i, d->spool, d->loss, &d->events, e);
	for (uint32_t cpu = 0;
	     r == 0 && cpu < json_get_u64(folder_source(&d->folder, "ftrace"), "cpus", 0); cpu++)
		r = spool_stream_add(d->spool, CHUNK_RING, cpu, &d->rings.layout, &st, e);
	return r;
}

/* One CPU's losses as the dead recorder's ledger has them, since @since_ns. */
static uint64_t ledger_has(const struct drain *d, uint32_t cpu, uint64_t since_ns,
			   uint64_t *ret_to_ns)
{
	const struct json_value *v;
	uint64_t sum = 0;

	for (size_t line = 0; (v = folder_next(&d->folder, "gap", &line));) {
		if (strcmp(json_get_str(v, "source", ""), "ftrace") != 0 ||
		    json_get_u64(v, "id", UINT64_MAX) != cpu ||
		    strcmp(json_get_str(v, "reason", ""), RING_OVERRUN) != 0 ||
		    json_get_u64(v, "from_ns", 0) < since_ns)
			continue;
		sum += json_get_u64(v, "count", 0);
		*ret_to_ns = max_of(*ret_to_ns, json_get_u64(v, "to_ns", 0));
	}
	return sum;
}

/* When the kernel's counters began anew, as in rings_were_reset(); 0: never. */
static uint64_t last_reset(const struct drain *d)
{
	const struct json_value *v;
	uint64_t at_ns = 0;

	for (size_t line = 0; (v = folder_next(&d->folder, "gap", &line));)
		if (str_starts(json_get_str(v, "reason", ""), "a module was unloaded"))
			at_ns = max_of(at_ns, json_get_u64(v, "to_ns", 0));
	return at_ns;
}

/*
 * The kernel's counters of losses go back to the beginning of the dead recorder, whose ledger has
 * most of them: only what is more is news. What it noted in its last moments is in the chunks
 * alone, since they may reach the disk before the ledger does.
 */
static void know_losses(struct drain *d)
{
	uint64_t reset_ns = last_reset(d);

	for (uint32_t cpu = 0; cpu < d->rings.cpu_count; cpu++) {
		struct ring_cpu *c = &d->rings.cpus[cpu];
		uint64_t to_ns = 0, in_chunks;

		if (!c->stream)
			continue;
		c->last_ns = spool_stream_newest(c->stream);
		c->overrun_noted = ledger_has(d, cpu, reset_ns, &to_ns);
		in_chunks = reset_ns ? 0 : spool_stream_lost(c->stream);
		if (in_chunks <= c->overrun_noted)
			continue;
		loss_note(d->loss, LOSS_FAULT, "ftrace", cpu, to_ns ? to_ns : c->last_ns,
			  c->last_ns, in_chunks - c->overrun_noted, RING_OVERRUN);
		c->overrun_noted = in_chunks;
	}
}

static int drain_into(struct drain *d, int session_fd, const struct instance *i, struct err *e)
{
	bool failed = false;
	int r;

	folder_ring_layout(&d->folder, &d->rings.layout);
	r = loss_open(&d->loss, e);
	if (r == 0)
		r = spool_open(
			&(struct spool_config){
				.session_fd = session_fd,
				.limit_bytes = UINT64_C(1) << 40,
				.lag_ns = NSEC_PER_SEC,
				.memory_bytes = DRAIN_MEMORY_BYTES,
				.streams = max_of(cpus_possible(),
						  (uint32_t)json_get_u64(
							  folder_source(&d->folder, "ftrace"),
							  "cpus", 0)) +
					   8 + series_count(d),
				.resume = true,
			},
			&d->spool, e);
	if (r == 0)
		r = open_streams(d, i, e);
	if (r == 0)
		r = spool_start(d->spool, e);
	if (r < 0)
		return r;
	if (i) {
		know_losses(d);
		(void)rings_pass(&d->rings, 0, &failed);
		FAILPOINT("recover-drained");
		rings_settle(&d->rings, clock_mono_ns());
		rings_journal_stats(&d->rings);
		loss_flush(d->loss, d->spool);
	}
	return spool_close(d->spool, e);
}

static void drain_done(struct drain *d)
{
	rings_close(&d->rings);
	spool_free(d->spool);
	loss_free(d->loss);
	folder_done(&d->folder);
}

/* The instance of this session, stopped and locked; -ENOENT when there is none. */
static int take_instance(const char *suffix, struct instance *ret, struct err *e)
{
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), INSTANCE_PREFIX "%s", suffix);
	r = instance_open(name, ret, e);
	if (r < 0)
		return -ENOENT;
	r = instance_hold(ret, e);
	if (r < 0) {
		(void)close(take_fd(&ret->dir_fd));
		return r;
	}
	r = instance_write(ret, "tracing_on", "0", e);
	FAILPOINT("recover-taken");
	if (r < 0)
		(void)close(take_fd(&ret->dir_fd));
	return r;
}

/* The small instances beside it, for triggers and the clock, which hold nothing of worth. */
static int remove_beside(void *arg, const char *name)
{
	const char *suffix = arg, *rest = name + strlen(INSTANCE_PREFIX);
	struct instance i = {.dir_fd = -1};
	struct err e = {0};

	if (!*suffix || !str_starts(rest, suffix) || rest[strlen(suffix)] != '.' ||
	    instance_open(name, &i, NULL) < 0)
		return 0;
	if (instance_hold(&i, NULL) < 0)
		(void)close(i.dir_fd);
	else if (instance_remove(&i, &e) < 0)
		log_warning("%s", e.text);
	return 0;
}

/**
 * leftover_drain() - take what is left of a dead recorder into its session folder
 * @session_fd:   the folder; nobody else uses it (the caller has its lock)
 * @session_path: for messages
 *
 * The open chunks of the tail are sealed, and if the dead recorder's tracing instance is still
 * there, what its rings hold is appended and the instance removed, with those beside it.
 *
 * Return: how many events the instance still had, at most INT_MAX; a negative errno.
 */
int leftover_drain(int session_fd, const char *session_path, struct err *e)
{
	CLEANUP(drain_done) struct drain d = {0};
	struct instance instance = {.dir_fd = -1};
	struct err why = {0};
	bool have;
	int r;

	r = folder_load(session_fd, session_path, &d.folder, e);
	if (r < 0)
		return r;
	have = folder_is_of_this_boot(&d.folder);
	if (have) {
		r = take_instance(json_get_str(folder_facts(&d.folder), "suffix", ""), &instance,
				  &why);
		if (r == -EBUSY)
			return err_set(
				e, r,
				"the recorder of %s still runs: stop it with scoutfs-trace stop",
				session_path);
		have = r == 0;
	}
	r = drain_into(&d, session_fd, have ? &instance : NULL, e);
	FAILPOINT("recover-sealed");
	rings_close(&d.rings);
	/* What could not be saved stays in the rings, stopped, for the next try. */
	if (have && r < 0)
		(void)close(take_fd(&instance.dir_fd));
	else if (have && instance_remove(&instance, &why) < 0)
		log_warning("%s", why.text);
	FAILPOINT("recover-removed-instance");
	if (folder_is_of_this_boot(&d.folder))
		(void)instance_each_ours(
			remove_beside,
			(void *)(uintptr_t)json_get_str(folder_facts(&d.folder), "suffix", ""),
			NULL);
	return r < 0 ? r : (int)min_of(atomic_load(&d.events), (uint64_t)INT_MAX);
}

bool leftover_pending(int session_fd, const char *session_path)
{
	CLEANUP(folder_done) struct folder f = {0};
	struct instance i = {.dir_fd = -1};
	char name[64];

	if (folder_load(session_fd, session_path, &f, NULL) < 0 || !folder_is_of_this_boot(&f))
		return false;
	(void)snprintf(name, sizeof(name), INSTANCE_PREFIX "%s",
		       json_get_str(folder_facts(&f), "suffix", ""));
	if (instance_open(name, &i, NULL) < 0)
		return false;
	(void)close(i.dir_fd);
	return true;
}

static void drop_instances(const char *suffix)
{
	struct instance i = {.dir_fd = -1};
	struct err why = {0};

	if (take_instance(suffix, &i, &why) == 0 && instance_remove(&i, &why) < 0)
		log_warning("%s", why.text);
	(void)instance_each_ours(remove_beside, (void *)(uintptr_t)suffix, NULL);
}

void leftover_drop(int session_fd, const char *session_path)
{
	CLEANUP(folder_done) struct folder f = {0};

	if (folder_load(session_fd, session_path, &f, NULL) == 0 && folder_is_of_this_boot(&f))
		drop_instances(json_get_str(folder_facts(&f), "suffix", ""));
}

/* ---- folders in which nothing was recorded ---- */

/* "scoutfs-trace.HOST.DATE.XXXXXX": the suffix, or NULL. */
static const char *suffix_of_stem(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (!str_starts(name, "scoutfs-trace.") || !dot || strlen(dot) != 7)
		return NULL;
	for (const char *p = dot + 1; *p; p++)
		if (!isalnum((unsigned char)*p))
			return NULL;
	return dot + 1;
}

/* Only what a recorder makes before its session.json, and nothing recorded. */
static bool is_prologue(int fd, const char *name)
{
	static const char *const ours[] = {
		SPOOL_JOURNAL,	      SPOOL_LOSSES,	   SPOOL_COMMS, SESSION_TRACE_HEAD,
		SESSION_PACKETS_HEAD, SESSION_CLOCKS_HEAD, SEGMENT_DIR};
	unsigned int number;
	struct stat st;
	int used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (!strcmp(name, ours[i]))
			return true;
	/* As file_replace_at() names it until it is whole. */
	if (str_starts(name, "." SESSION_FACTS "."))
		return true;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || st.st_size)
		return false;
	return !strcmp(name, "tail") ||
	       (sscanf(name, "reserve.%u%n", &number, &used) == 1 && used && !name[used]);
}

/* Is everything in the folder @fd of that kind? It is closed. What is not there holds nothing. */
static bool all_prologue(int fd)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool all = dir || fd == -ENOENT;

	if (!dir) {
		closep(&fd);
		return all;
	}
	for (struct dirent *d; all && (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			all = is_prologue(dirfd(dir), d->d_name);
	(void)closedir(dir);
	return all;
}

static bool is_own(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid();
}

/**
 * leftover_is_unborn() - was the recorder of a folder killed before it could record?
 * @dir_fd: folder of recordings
 * @name:   in it
 *
 * The facts are durable before the first event: without them there is none. A folder that is not
 * ours, an unpacked bundle for one, has other files. An empty one may be a recorder's that is just
 * about to lock it: that one then ends with an error, having recorded nothing.
 */
bool leftover_is_unborn(int dir_fd, const char *name)
{
	CLEANUP(closep) int fd = -1;

	if (!suffix_of_stem(name))
		return false;
	fd = file_open_dir_at(dir_fd, name, NULL);
	return fd >= 0 && is_own(fd) &&
	       faccessat(fd, SESSION_FACTS, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	       all_prologue(file_open_dir_at(fd, SEGMENT_DIR, NULL)) &&
	       all_prologue(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int leftover_remove_unborn(int dir_fd, const char *name, struct err *e)
{
	CLEANUP(closep) int fd = file_open_dir_at(dir_fd, name, e);
	const char *suffix = suffix_of_stem(name);
	int r;

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, -EBUSY, "the recorder of %s still runs", name);
	if (!suffix || !leftover_is_unborn(dir_fd, name))
		return err_set(e, -EINVAL, "%s is not a session folder of scoutfs-trace", name);
	drop_instances(suffix);
	r = spent_remove(dir_fd, name, e);
	if (r == 0)
		log_notice("nothing had been recorded in %s yet; removed it", name);
	return r;
}

/**
 * leftover_sweep() - remove what recorders left that died before they could record
 * @dir: folder of recordings; need not be there
 *
 * They hold the whole disk budget, reserved.
 */
void leftover_sweep(const char *dir)
{
	int fd = file_open_dir(dir, NULL);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct err e = {0};

	if (!list) {
		closep(&fd);
		return;
	}
	spent_sweep(dirfd(list));
	for (struct dirent *d; (d = readdir(list));)
		if (leftover_is_unborn(dirfd(list), d->d_name) &&
		    leftover_remove_unborn(dirfd(list), d->d_name, &e) < 0 && e.code != -EBUSY)
			log_warning("%s", e.text);
	(void)closedir(list);
}

/* ---- at the start of a recording ---- */

/* "scoutfs-trace.AbCdEf.watch0": whose it is. */
static bool suffix_of(const char *name, char suffix[7])
{
	name += strlen(INSTANCE_PREFIX);
	if (strcspn(name, ".") != 6)
		return false;
	memcpy(suffix, name, 6);
	suffix[6] = '\0';
	return true;
}

static int open_noted(const char *run_dir, const char *suffix, struct text *ret_path)
{
	CLEANUP(closep) int fd = file_open_dir(run_dir, NULL);
	char name[32];

	if (fd < 0)
		return fd;
	note_name(suffix, name, sizeof(name));
	if (file_load_at(fd, name, PATH_MAX, ret_path, NULL) < 0)
		return -ENOENT;
	return file_open_dir(text_c(ret_path), NULL);
}

/* False: try again another day; the disk may have room then, and the instance still has the events.
 */
static bool save_and_say(const char *run_dir, const char *suffix)
{
	CLEANUP(text_free) struct text path = {0};
	CLEANUP(closep) int fd = open_noted(run_dir, suffix, &path);
	struct err e = {0};
	int r;

	if (fd < 0) {
		log_warning("the tracing instance " INSTANCE_PREFIX "%s of a recorder that died is "
			    "removed; which folder it recorded to is not known, so its last second "
			    "is lost",
			    suffix);
		return true;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return true;
	r = leftover_drain(fd, text_c(&path), &e);
	if (r < 0) {
		log_warning("an earlier recorder died; %s", e.text);
		return r != -ENOSPC && r != -EDQUOT && r != -EIO;
	}
	log_warning("an earlier recorder died and left %s; make a bundle of it with: scoutfs-trace "
		    "recover %s",
		    text_c(&path), text_c(&path));
	leftover_forget(run_dir, suffix);
	return true;
}

static int clear_one(void *arg, const char *name)
{
	const char *run_dir = arg;
	struct instance i = {.dir_fd = -1};
	struct err e = {0};
	char suffix[7];

	if (instance_open(name, &i, NULL) < 0)
		return 0;
	if (instance_hold(&i, NULL) < 0) {
		(void)close(i.dir_fd);
		return 0;
	}
	if (suffix_of(name, suffix) && name[strlen(INSTANCE_PREFIX) + 6] == '\0') {
		(void)close(take_fd(&i.dir_fd));
		if (!save_and_say(run_dir, suffix))
			return 0;
		if (instance_open(name, &i, NULL) < 0 || instance_hold(&i, NULL) < 0) {
			closep(&i.dir_fd);
			return 0;
		}
	}
	log_info("removing the tracing instance %s of a recorder that died", name);
	if (instance_remove(&i, &e) < 0)
		log_warning("%s", e.text);
	return 0;
}

/**
 * leftover_clear() - remove every tracing instance that a dead recorder left
 * @run_dir: the run folder, whose lock the caller has
 *
 * Return: 0, also when something could not be removed (it is logged); a negative errno when the
 * instances cannot be listed.
 */
int leftover_clear(const char *run_dir, struct err *e)
{
	return instance_each_ours(clear_one, (void *)(uintptr_t)run_dir, e);
}
