/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tracing instance of our own: a folder below instances/ in tracefs, with its own ring, clock,
 * events and filters. Everything the recorder does in tracefs goes through here: the recording
 * itself (source_ftrace), the watch and probe instances of the event triggers, and what recovery
 * takes from the instance of a dead recorder.
 *
 * It never touches the top-level buffer or an instance whose name does not begin with
 * INSTANCE_PREFIX: another tracer may be at work there.
 *
 * libtracefs finds the tracing folder, makes instances and lists them. Files are read and written
 * on the instance's own descriptor: the library calls for sizes and states are newer than the 1.3.1
 * that we build with, and a write through the library loses the kernel's own explanation, which for
 * filters is the only thing that helps the user. tracefs gives it in two places: a filter file
 * holds the refused text with a "parse_error:" line below it, and error_log keeps the last few
 * refusals with the command that caused each (Documentation/trace/ftrace.rst).
 *
 * Owns: dir_fd of struct instance, and the instance folder from instance_create() to
 * instance_remove(). Does not decide what is recorded.
 */
#include "instance.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include <tracefs.h>

#include "base/file.h"

#define TRACING_DIR "/sys/kernel/tracing"
#define TRACING_DIR_OLD "/sys/kernel/debug/tracing"
#define READ_LIMIT_BYTES (4 * MIB) /* far above any control file; event formats are some KiB */
#define PARSE_ERROR "parse_error: "
#define SIZE_FLOOR_KB 64
#define REMOVE_TRIES 50 /* half a second */
#define REMOVE_PAUSE_NS (10 * NSEC_PER_MSEC)
#define SIZE_CEILING_KB (UINT64_C(1) << 40) /* beyond it the kernel's shift to bytes could wrap */

/* ---- the tracing folder ---- */

static bool is_tracefs(const char *path)
{
	struct statfs st;

	return statfs(path, &st) == 0 && (unsigned long)st.f_type == TRACEFS_MAGIC;
}

static bool locked_down(void)
{
	CLEANUP(text_free) struct text state = {0};

	return file_load("/sys/kernel/security/lockdown", 256, &state, NULL) == 0 &&
	       strstr(text_c(&state), "[confidentiality]");
}

static int denied(int code, const char *what, struct err *e)
{
	if (locked_down())
		return err_set(e, code,
			       "cannot %s: the kernel's lockdown is in confidentiality mode, which "
			       "closes tracing to everybody; boot with lockdown=integrity",
			       what);
	return err_set(e, code,
		       "cannot %s: permission denied; run scoutfs-trace as root (sudo), "
		       "and not in an unprivileged container. If it was root: the kernel's "
		       "lockdown or a security module forbids it (dmesg and the audit log tell)",
		       what);
}

/*
 * Mounted is not open. A lockdown that was there at boot leaves tracefs empty (since Linux 5.4:
 * tracefs_create_file()), a later one refuses each open, as a security module does.
 */
static int try_to_open(const char *dir, struct err *e)
{
	CLEANUP(closep) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int fd = -1;

	if (dir_fd >= 0)
		fd = openat(dir_fd, "trace_clock", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	if (dir_fd < 0 || errno != ENOENT)
		return denied(-errno, "open the files of tracefs", e);
	if (locked_down())
		return denied(-EPERM, "use tracefs, which is empty", e);
	return err_set(e, -EPERM,
		       "%s is empty: the kernel was booted with lockdown=confidentiality, which "
		       "closes tracing to everybody, or with tracing disabled; boot without "
		       "(lockdown=integrity is all right)",
		       dir);
}

static int mount_tracefs(struct err *e)
{
	static const char what[] = "mount tracefs at " TRACING_DIR;

	if (mount("nodev", TRACING_DIR, "tracefs", 0, NULL) == 0 || errno == EBUSY)
		return 0;
	switch (errno) {
	case EPERM:
	case EACCES:
		return denied(-errno, what, e);
	case ENODEV:
	case ENOENT:
		return err_errno(e, -errno,
				 "cannot %s; this kernel seems built without tracing "
				 "(CONFIG_FTRACE), or sysfs is not mounted: use a kernel of the "
				 "distribution, or run: mount -t sysfs sysfs /sys",
				 what);
	default:
		return err_errno(e, -errno, "cannot %s; try: mount -t tracefs nodev " TRACING_DIR,
				 what);
	}
}

/**
 * instance_tracing_dir() - where tracefs is, mounting it if need be
 * @e: filled on failure
 *
 * Call it first from one thread; what it found is kept. A mount that it made stays: that is
 * how the host would be after any tracing tool.
 *
 * Return: the path, which lives as long as the program; NULL on failure.
 */
const char *instance_tracing_dir(struct err *e)
{
	static const char *dir;
	const char *found;

	if (dir)
		return dir;
	if (!is_tracefs(TRACING_DIR) && !is_tracefs(TRACING_DIR_OLD) && mount_tracefs(e) < 0)
		return NULL;

	found = tracefs_tracing_dir();
	if (!found) {
		(void)err_set(e, -ENOENT,
			      "cannot find tracefs in /proc/mounts; try: mount -t "
			      "tracefs nodev " TRACING_DIR);
		return NULL;
	}
	if (try_to_open(found, e) < 0)
		return NULL;
	dir = found;
	return dir;
}

/* ---- files ---- */

/* Read to the end; tracefs files say size 0, so the size cannot be asked for. */
static int read_all(int fd, struct text *ret)
{
	char buf[4096];

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return text_ok(ret) ? 0 : -ENOMEM;
		if (ret->len + (size_t)n > READ_LIMIT_BYTES)
			return -EFBIG;
		text_add(ret, buf, (size_t)n);
	}
}

static int load_at(int dir_fd, const char *file, struct text *ret)
{
	CLEANUP(closep) int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : read_all(fd, ret);
}

/* Control files take a command as one write; the number of bytes taken tells nothing more. */
static int write_at(int dir_fd, const char *file, const char *text)
{
	CLEANUP(closep) int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (write(fd, text, strlen(text)) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void trim(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
}

/*
 * The newest entry of an error_log whose command is part of what we wrote:
 *
 *   [ 1562.699679] event filter parse error: error: Field not found
 *     Command: nosuch == 3
 *                     ^
 * Entries of other users of the same log stand between; ours is known by its command.
 */
static bool words_from_log(const char *log, const char *written, char *ret, size_t size)
{
	bool found = false;
	char line[512], last[512] = "";

	while (*log) {
		size_t n = strcspn(log, "\n");
		const char *said, *command;

		snprintf(line, sizeof(line), "%.*s", (int)min_of(n, sizeof(line) - 1), log);
		log += n + (log[n] == '\n');
		trim(line);
		command = strstr(line, "Command: ");
		if (line[0] == '[') {
			snprintf(last, sizeof(last), "%s", line);
		} else if (command && command[9] && strstr(written, command + 9)) {
			said = strstr(last, "error: error: ");
			said = said ? said + 14 : strstr(last, ": error: ");
			if (!said)
				continue;
			snprintf(ret, size, "%s", said[0] == ':' ? said + 9 : said);
			found = true;
		}
	}
	return found;
}

/* What the kernel said about @written, from the instance's error_log or the top folder's. */
static bool kernel_words(const struct instance *i, const char *written, char *ret, size_t size)
{
	CLEANUP(text_free) struct text log = {0};
	char path[256];

	if (load_at(i->dir_fd, "error_log", &log) == 0)
		return words_from_log(text_c(&log), written, ret, size);
	/* Before 5.2 there is no log at all; between, only the top folder has one. */
	snprintf(path, sizeof(path), "%s/error_log", instance_tracing_dir(NULL));
	return file_load(path, READ_LIMIT_BYTES, &log, NULL) == 0 &&
	       words_from_log(text_c(&log), written, ret, size);
}

/**
 * instance_write() - write one command to a control file of the instance
 * @i:    the instance
 * @file: path below its folder, such as "tracing_on" or "events/sched/enable"
 * @text: what to write; the file is not truncated first, so "set_event" and "trigger" files add
 * @e:    filled on failure, with the kernel's own words where error_log has any
 *
 * Return: 0 or a negative errno of open or write.
 */
int instance_write(const struct instance *i, const char *file, const char *text, struct err *e)
{
	int r = write_at(i->dir_fd, file, text);
	char words[256];

	if (r == 0)
		return 0;
	if (kernel_words(i, text, words, sizeof(words)))
		return err_set(e, r,
			       "the kernel refuses \"%.300s\" in %s of tracing instance %s: %s",
			       text, file, i->name, words);
	return err_errno(e, r, "cannot write \"%.300s\" to %s of tracing instance %s", text, file,
			 i->name);
}

/**
 * instance_read() - append the whole of a control file to a text
 * @i:    the instance
 * @file: path below its folder; not a trace_pipe of any kind, which have no end
 * @ret:  appended to; the caller frees it, after a failure too
 * @e:    filled on failure
 *
 * Return: 0; -EFBIG above 4 MiB; another negative errno of open or read.
 */
int instance_read(const struct instance *i, const char *file, struct text *ret, struct err *e)
{
	int r = load_at(i->dir_fd, file, ret);

	if (r < 0)
		return err_errno(e, r, "cannot read %s of tracing instance %s", file, i->name);
	return 0;
}

/**
 * instance_open_file() - open a file of the instance
 * @i:     the instance
 * @file:  path below its folder
 * @flags: of open(2); O_CLOEXEC is added
 * @e:     filled on failure
 *
 * While it is open the instance cannot be removed (EBUSY).
 *
 * Return: a descriptor that is the caller's, or a negative errno.
 */
int instance_open_file(const struct instance *i, const char *file, int flags, struct err *e)
{
	int fd = openat(i->dir_fd, file, flags | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, -errno, "cannot open %s of tracing instance %s", file, i->name);
	return fd;
}

/** instance_has() - does this kernel give the instance a file of that name? */
bool instance_has(const struct instance *i, const char *file)
{
	return faccessat(i->dir_fd, file, F_OK, 0) == 0;
}

/**
 * instance_event_exists() - does the running kernel, modules included, have this event?
 * @system: such as "scoutfs"
 * @event:  such as "scoutfs_net_send_message"; NULL or "" asks for the system
 *
 * Return: false also when tracefs cannot be had.
 */
bool instance_event_exists(const char *system, const char *event)
{
	const char *dir = instance_tracing_dir(NULL);
	char path[512];
	int n;

	if (!dir)
		return false;
	n = snprintf(path, sizeof(path), "%s/events/%s/%s", dir, system,
		     event && event[0] ? event : "enable");
	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

/* ---- life ---- */

static bool name_is_ours(const char *name)
{
	return str_starts(name, INSTANCE_PREFIX) && !strchr(name, '/') &&
	       strlen(name) < sizeof(((struct instance *)0)->name);
}

/* Names reach us from session folders too, which may be damaged or a stranger's. */
static int not_ours(const char *name, struct err *e)
{
	return err_set(e, -EINVAL,
		       "\"%.100s\" is not the name of a tracing instance of scoutfs-trace", name);
}

static int open_dir(const char *name, struct instance *ret, struct err *e)
{
	const char *dir = instance_tracing_dir(e);
	struct instance i;
	char path[512];

	if (!name_is_ours(name))
		return not_ours(name, e);
	if (!dir)
		return e && e->code ? e->code : -ENOENT;
	snprintf(path, sizeof(path), "%s/instances/%s", dir, name);
	i.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (i.dir_fd < 0 && (errno == EACCES || errno == EPERM))
		return denied(-errno, "open the tracing instance", e);
	if (i.dir_fd < 0)
		return err_errno(e, -errno, "cannot open tracing instance %s", path);
	snprintf(i.name, sizeof(i.name), "%s", name);
	*ret = i;
	return 0;
}

/**
 * instance_create() - make a tracing instance
 * @name: begins with INSTANCE_PREFIX, shorter than the name member, without '/'
 * @ret:  set on success; the caller ends it with instance_remove()
 * @e:    filled on failure
 *
 * A new instance has tracing_on set, no event enabled, and the trace options that the top level
 * had at this moment.
 *
 * Return: 0; -EEXIST when the name is taken; -EINVAL when it is not one of ours; another negative
 * errno.
 */
int instance_create(const char *name, struct instance *ret, struct err *e)
{
	struct tracefs_instance *made;
	bool is_new;
	int r;

	if (!name_is_ours(name))
		return not_ours(name, e);
	if (!instance_tracing_dir(e))
		return e && e->code ? e->code : -ENOENT;

	errno = 0;
	made = tracefs_instance_create(name);
	if (!made) {
		r = errno ? -errno : -EIO;
		if (r == -EACCES || r == -EPERM)
			return denied(r, "make a tracing instance", e);
		(void)err_errno(e, r,
				"cannot make tracing instance %s/instances/%s; the kernel needs "
				"ring buffer memory for it: see free -m, and rmdir instances that "
				"nobody uses",
				instance_tracing_dir(NULL), name);
		return r == -EINVAL ? -EIO : r; /* the kernel's, not a name that is not ours */
	}
	is_new = tracefs_instance_is_new(made);
	tracefs_instance_free(made);
	if (!is_new)
		return err_set(
			e, -EEXIST,
			"tracing instance %s/instances/%s exists already; another recorder "
			"runs, or one was killed: see scoutfs-trace status, and scoutfs-trace "
			"recover for what it recorded",
			instance_tracing_dir(NULL), name);

	r = open_dir(name, ret, e);
	if (r == 0) {
		r = instance_hold(ret, e);
		if (r < 0)
			(void)close(take_fd(&ret->dir_fd));
	}
	if (r < 0) {
		char path[512];

		snprintf(path, sizeof(path), "%s/instances/%s", instance_tracing_dir(NULL), name);
		(void)rmdir(path);
	}
	return r;
}

/**
 * instance_hold() - say that a living process uses the instance
 *
 * An flock() on the instance's folder, which ends with dir_fd, however the process ends. What bears
 * our prefix and is held by nobody was left behind by a recorder that died. instance_create() holds
 * what it makes.
 *
 * Return: 0; -EBUSY when somebody else holds it; another negative errno.
 */
int instance_hold(const struct instance *i, struct err *e)
{
	if (flock(i->dir_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(e, -EBUSY, "tracing instance %s is in use by a recorder that runs",
			       i->name);
	return err_errno(e, -errno, "cannot lock tracing instance %s", i->name);
}

/**
 * instance_open() - take hold of an instance that is there
 * @name: begins with INSTANCE_PREFIX
 * @ret:  set on success; end it with instance_remove(), or close dir_fd to leave it be
 * @e:    filled on failure
 *
 * Return: 0; -ENOENT when there is none; another negative errno.
 */
int instance_open(const char *name, struct instance *ret, struct err *e)
{
	return open_dir(name, ret, e);
}

/**
 * instance_remove() - stop, close and remove an instance of ours
 * @i: the instance; its dir_fd is closed and set to -1 whatever happens; a dir_fd of -1 is fine
 * @e: filled on failure
 *
 * Every other descriptor in it must be closed before. The kernel itself takes away the triggers
 * of an instance that is removed (event_trace_del_tracer), so they need no visit to each event.
 *
 * Return: 0, also when it was gone already; -EBUSY when somebody has a file of it open.
 */
int instance_remove(struct instance *i, struct err *e)
{
	char path[512];

	if (i->dir_fd < 0)
		return 0;
	assert(name_is_ours(i->name));
	/* Stop what costs the host first: it is off even if the folder cannot be removed. */
	(void)write_at(i->dir_fd, "tracing_on", "0");
	(void)write_at(i->dir_fd, "events/enable", "0");
	(void)close(take_fd(&i->dir_fd));

	snprintf(path, sizeof(path), "%s/instances/%s", instance_tracing_dir(NULL), i->name);
	/* A child that another thread has forked holds copies of our descriptors until it execs. */
	for (int tries = 0;; tries++) {
		if (rmdir(path) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || tries == REMOVE_TRIES)
			break;
		(void)nanosleep(&(struct timespec){.tv_nsec = REMOVE_PAUSE_NS}, NULL);
	}
	if (errno == EBUSY)
		return err_set(e, -EBUSY,
			       "cannot remove tracing instance %s: somebody has a file of it open; "
			       "it is switched off. See who: fuser -v %s/*, then: rmdir %s",
			       i->name, path, path);
	return err_errno(e, -errno, "cannot remove tracing instance %s; try: rmdir %s", i->name,
			 path);
}

struct name_list {
	char (*names)[sizeof(((struct instance *)0)->name)];
	size_t count;
	bool failed;
};

static int collect_name(const char *name, void *arg)
{
	struct name_list *l = arg;
	void *more;

	if (!name_is_ours(name))
		return 0;
	more = realloc(l->names, (l->count + 1) * sizeof(*l->names));
	if (!more) {
		l->failed = true;
		return 1;
	}
	l->names = more;
	snprintf(l->names[l->count++], sizeof(*l->names), "%s", name);
	return 0;
}

/**
 * instance_each_ours() - visit the instances that bear our prefix
 * @fn:  called with each name; may remove that instance; a value other than 0 ends the walk
 * @arg: handed to @fn
 * @e:   filled on failure
 *
 * The names are read before the first call, so that removing does not disturb the reading.
 *
 * Return: 0, what @fn returned, or a negative errno.
 */
int instance_each_ours(int (*fn)(void *arg, const char *name), void *arg, struct err *e)
{
	struct name_list l = {0};
	int r = 0;

	if (!instance_tracing_dir(e))
		return e && e->code ? e->code : -ENOENT;
	if (tracefs_instances_walk(collect_name, &l) < 0)
		r = err_set(e, -EIO, "cannot list %s/instances; is tracefs still mounted?",
			    instance_tracing_dir(NULL));
	if (l.failed)
		r = err_nomem(e);
	for (size_t n = 0; r == 0 && n < l.count; n++)
		r = fn(arg, l.names[n]);
	free(l.names);
	return r;
}

/* ---- settings ---- */

/* The line below the refused text in a filter file: "parse_error: Field not found". */
static bool words_from_filter(const char *content, char *ret, size_t size)
{
	const char *at = strstr(content, PARSE_ERROR);

	if (!at)
		return false;
	snprintf(ret, size, "%s", at + strlen(PARSE_ERROR));
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

/*
 * The filter file of a system takes anything (seen on 6.18); each event that cannot use it
 * is left without a filter and says so in its own file. A filter that none can use is a mistake.
 */
static bool an_event_took_filter(const struct instance *i, const char *system)
{
	char path[256];
	bool taken = false;
	struct dirent *d;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "events/%s", system);
	fd = openat(i->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return true; /* the kernel took it and we cannot look: believe it */
	}
	while (!taken && (d = readdir(dir))) {
		CLEANUP(text_free) struct text content = {0};

		snprintf(path, sizeof(path), "events/%s/%.128s/filter", system, d->d_name);
		taken = d->d_name[0] != '.' && load_at(i->dir_fd, path, &content) == 0 &&
			!strstr(text_c(&content), PARSE_ERROR);
	}
	(void)closedir(dir);
	return taken;
}

/**
 * instance_set_filter() - which of an event's occurrences are recorded
 * @i:      the instance
 * @system: such as "scoutfs"
 * @event:  such as "scoutfs_quorum_send_message"; NULL or "" sets it on every event of the system
 *          that has the fields
 * @filter: kernel filter (Documentation/trace/events.rst); NULL or "" takes the filter away
 * @e:      filled on failure, with the kernel's own explanation
 *
 * A refused filter is taken away again: until then the event shows its error and records all.
 *
 * Return: 0; -EINVAL when the kernel does not accept it; -ENOENT when there is no such event;
 * another negative errno.
 */
int instance_set_filter(const struct instance *i, const char *system, const char *event,
			const char *filter, struct err *e)
{
	CLEANUP(text_free) struct text content = {0};
	bool all = !event || !event[0];
	char file[256], words[256] = "";
	int r;

	if (all)
		event = "";
	if (!filter || !filter[0])
		filter = "0";
	snprintf(file, sizeof(file), "events/%s%s%s/filter", system, all ? "" : "/", event);
	r = write_at(i->dir_fd, file, filter);
	if (r == 0 && (!all || an_event_took_filter(i, system)))
		return 0;
	if (r == 0) {
		(void)write_at(i->dir_fd, file, "0");
		return err_set(
			e, -EINVAL,
			"no event of %s accepts the filter \"%.300s\": a field is unknown, or "
			"the filter is malformed; the fields are in %s/events/%s/EVENT/format",
			system, filter, instance_tracing_dir(NULL), system);
	}
	if (r == -ENOENT && faccessat(i->dir_fd, file, F_OK, 0) != 0)
		return err_set(e, r,
			       "there is no event %s%s%s on this kernel; see %s/available_events",
			       system, all ? "" : ":", event, instance_tracing_dir(NULL));

	if (load_at(i->dir_fd, file, &content) < 0 ||
	    !words_from_filter(text_c(&content), words, sizeof(words)))
		(void)kernel_words(i, filter, words, sizeof(words));
	(void)write_at(i->dir_fd, file, "0");
	/*
	 * The event is there, so it is the filter: for unbalanced parentheses and quotes the kernel
	 * returns the place of the mistake as an error number (seen on 6.18: "(" 2, ")" 1).
	 */
	if (r != -ENOMEM && r != -EROFS && r != -EACCES)
		return err_set(e, -EINVAL,
			       "the kernel refuses the filter \"%.300s\" for event %s%s%s: %s; the "
			       "fields are in %s/events/%s/%s/format",
			       filter, system, all ? "" : ":", event,
			       words[0] ? words
					: "it is malformed; look at its parentheses and quotes",
			       instance_tracing_dir(NULL), system, all ? "EVENT" : event);
	return err_errno(e, r, "cannot set the filter \"%.300s\" for event %s%s%s", filter, system,
			 all ? "" : ":", event);
}

/**
 * instance_set_clock() - the clock of the instance's stamps
 * @i:     the instance
 * @clock: such as "mono"; see trace_clock
 * @e:     filled on failure
 *
 * Empties the ring: set it before events are enabled.
 *
 * Return: 0, or a negative errno (-EINVAL: this kernel has no such clock).
 */
int instance_set_clock(const struct instance *i, const char *clock, struct err *e)
{
	CLEANUP(text_free) struct text known = {0};
	int r = write_at(i->dir_fd, "trace_clock", clock);

	if (r == 0)
		return 0;
	if (r == -EINVAL && load_at(i->dir_fd, "trace_clock", &known) == 0 && known.s) {
		trim(known.s);
		return err_set(e, r, "this kernel has no trace clock \"%s\"; it has: %s", clock,
			       text_c(&known));
	}
	return err_errno(e, r, "cannot set the trace clock of instance %s to %s", i->name, clock);
}

/**
 * instance_set_size() - the size of the ring
 * @i:         the instance
 * @wanted_kb: KiB for each CPU
 * @ret_kb:    what the kernel gave, KiB for each CPU; may be NULL
 * @e:         filled on failure
 *
 * A size that cannot be had gives ENOMEM and leaves the old one in place, so half is asked for
 * next. The kernel rounds up to whole sub-buffers.
 *
 * Return: 0; -ENOMEM when not even 64 KiB (or @wanted_kb, if that is less) can be had; another
 * negative errno.
 */
int instance_set_size(const struct instance *i, uint64_t wanted_kb, uint64_t *ret_kb, struct err *e)
{
	uint64_t floor_kb = min_of(wanted_kb, (uint64_t)SIZE_FLOOR_KB);
	uint64_t kb = min_of(wanted_kb, SIZE_CEILING_KB);
	CLEANUP(text_free) struct text got = {0};
	char number[32];
	int r;

	for (;;) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)kb);
		r = write_at(i->dir_fd, "buffer_size_kb", number);
		if (r != -ENOMEM || kb <= floor_kb)
			break;
		kb = max_of(kb / 2, floor_kb);
	}
	if (r == -ENOMEM)
		return err_set(e, r,
			       "the kernel has no memory for a ring of %llu KiB per CPU in tracing "
			       "instance %s; see free -m",
			       (unsigned long long)kb, i->name);
	if (r < 0)
		return err_errno(e, r,
				 "cannot set the ring of tracing instance %s to %s KiB per CPU",
				 i->name, number);
	if (!ret_kb)
		return 0;

	/* "1408", or "7 (expanded: 1408)" before first use; CPUs that differ give "X". */
	if (load_at(i->dir_fd, "buffer_size_kb", &got) == 0 &&
	    isdigit((unsigned char)*text_c(&got)))
		kb = strtoull(text_c(&got), NULL, 10);
	*ret_kb = kb;
	return 0;
}

/* ---- SYSTEM:EVENT/FILTER ---- */

/* Names become parts of paths, so only what event names are made of is let through. */
static int take_name(const char *from, size_t n, const char *what, const char *all, char *ret,
		     size_t size, struct err *e)
{
	if (n == 0 || n >= size)
		return err_set(e, -EINVAL,
			       "\"%.200s\" has %s %s name; give SYSTEM[:EVENT[/FILTER]]", all,
			       n ? "too long a" : "no", what);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)from[i]) && from[i] != '_' && from[i] != '-')
			return err_set(e, -EINVAL,
				       "\"%.200s\" has the character '%c' in its %s name; give "
				       "SYSTEM[:EVENT[/FILTER]] with names as in available_events",
				       all, from[i], what);
	memcpy(ret, from, n);
	ret[n] = '\0';
	return 0;
}

/**
 * event_spec_parse() - "SYSTEM", "SYSTEM:EVENT" or "SYSTEM:EVENT/FILTER"
 * @s:   the text; "*" as EVENT stands for the whole system
 * @ret: set on success
 * @e:   filled on failure
 *
 * Pure: whether the event exists and the filter makes sense is for the kernel to say.
 *
 * Return: 0 or -EINVAL.
 */
int event_spec_parse(const char *s, struct event_spec *ret, struct err *e)
{
	size_t system_bytes = strcspn(s, ":/"), event_bytes;
	struct event_spec spec = {0};
	const char *event;
	int r;

	r = take_name(s, system_bytes, "system", s, spec.system, sizeof(spec.system), e);
	if (r < 0)
		return r;
	if (!s[system_bytes]) {
		*ret = spec;
		return 0;
	}
	if (s[system_bytes] == '/')
		return err_set(e, -EINVAL,
			       "\"%.200s\" has a filter but no event; give SYSTEM:EVENT/FILTER", s);

	event = s + system_bytes + 1;
	event_bytes = strcspn(event, "/");
	if (event_bytes != 1 || event[0] != '*') {
		r = take_name(event, event_bytes, "event", s, spec.event, sizeof(spec.event), e);
		if (r < 0)
			return r;
	}
	if (event[event_bytes] == '/') {
		const char *filter = event + event_bytes + 1;

		if (!filter[0] || strlen(filter) >= sizeof(spec.filter))
			return err_set(e, -EINVAL, "\"%.200s\" has %s filter after '/'", s,
				       filter[0] ? "too long a" : "no");
		memcpy(spec.filter, filter, strlen(filter) + 1);
	}
	*ret = spec;
	return 0;
}
