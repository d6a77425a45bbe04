/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes a picture of the host for whoever reads the bundle: what kernel, what mounts, what
 * routes, what scoutfs counted, what the kernel log said. Called by the session, at the start and
 * at the end, from a thread that may wait. Owns only the folder context/MOMENT while it runs.
 *
 * The table below is the list; something new is one row. No row can fail the recording: what
 * could not be had is said in the first line of its file ("# not collected: why") and in INDEX.
 *
 * What is deliberately not read:
 *
 *  - volume_options of scoutfs's sysfs: reading it sends a request to the server and waits for
 *    the answer (volopt.c of scoutfs), which at the end of a recording may never come
 *  - anything in scoutfs's debugfs but the five files named here: opening the drop and trigger
 *    files acts
 *  - anything that asks a mounted scoutfs (df, stat, the scoutfs utility), for the same reason as
 *    the first
 *  - most of /etc/scoutfs: the fence agents' files hold passwords (scoutfs-ipmi.conf does). Names
 *    and sizes only, and of the fenced daemon's own file the text without what looks like a
 *    secret
 *  - command lines of processes, which may hold passwords too: ps shows names only
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"

#include "context.h"

#define TREE_DEPTH 8
#define TREE_FILES 20000
/* One value in sysfs is at most a page; the debugfs tables are longer. */
#define VALUE_BYTES (4 * KIB)
#define ARGV_MAX 24

enum row_kind {
	ROW_FILE,     /* from[0], else from[1]: the first that can be read */
	ROW_FILES,    /* each of from[]: "==> PATH <==" and the text */
	ROW_COUNTERS, /* scoutfs's counters, "path: value" */
	ROW_SYSFS,    /* the rest of scoutfs's sysfs, "path: value" */
	ROW_DEBUGFS,  /* the safe files of scoutfs's debugfs */
	ROW_ETC,      /* /etc/scoutfs: names, and the fenced daemon's settings */
	ROW_COMMAND,  /* argv, else other */
};

struct row {
	const char *name; /* file in context/MOMENT */
	enum row_kind kind;
	const char *from[10]; /* ROW_FILE, ROW_FILES */
	/* "@PORT" stands for a filter on the server's port. */
	const char *argv[ARGV_MAX], *other[ARGV_MAX];
	size_t limit_bytes;	/* 0: 256 KiB */
	unsigned int timeout_s; /* of a command; 0: 3 */
	bool once;		/* at the start only: it does not change while a host is up */
};

static const struct row rows[] = {
	/* scoutfs first: at the end of a node there may be no time for more. */
	{"scoutfs-sysfs.txt", ROW_SYSFS, .limit_bytes = MIB},
	{"scoutfs-counters.txt", ROW_COUNTERS, .limit_bytes = MIB},
	{"scoutfs-debugfs.txt", ROW_DEBUGFS, .limit_bytes = MIB},
	{"scoutfs-config.txt", ROW_ETC},
	{"mounts.txt", ROW_FILE, .from = {"/proc/self/mounts"}},
	{"mountinfo.txt", ROW_FILE, .from = {"/proc/self/mountinfo"}},
	{"diskstats.txt", ROW_FILE, .from = {"/proc/diskstats"}},

	/* What is running. */
	{"uname.txt", ROW_COMMAND, .argv = {"uname", "-a"}, .once = true},
	{"os-release.txt", ROW_FILE, .from = {"/etc/os-release", "/usr/lib/os-release"},
	 .once = true},
	{"cmdline.txt", ROW_FILE, .from = {"/proc/cmdline"}, .once = true},
	{"modules.txt", ROW_FILE, .from = {"/proc/modules"}},
	{"scoutfs-module.txt", ROW_FILES,
	 .from = {"/sys/module/scoutfs/version", "/sys/module/scoutfs/srcversion",
		  "/sys/module/scoutfs/taint", "/sys/module/scoutfs/refcnt"}},
	{"scoutfs-modinfo.txt", ROW_COMMAND, .argv = {"modinfo", "scoutfs"}, .once = true},
	{"packages.txt", ROW_COMMAND, .argv = {"rpm", "-qa", "*scoutfs*"},
	 .other = {"dpkg-query", "-W", "*scoutfs*"}, .once = true},
	{"cpu.txt", ROW_COMMAND, .argv = {"lscpu"}, .other = {"head", "-n", "30", "/proc/cpuinfo"},
	 .once = true},
	{"uptime.txt", ROW_FILE, .from = {"/proc/uptime"}},
	{"time.txt", ROW_COMMAND, .argv = {"chronyc", "-n", "tracking"}, .other = {"timedatectl"}},

	/* The network. */
	{"ip-addr.txt", ROW_COMMAND, .argv = {"ip", "-d", "addr", "show"}},
	{"ip-route.txt", ROW_COMMAND, .argv = {"ip", "route", "show", "table", "all"}},
	{"ip-rule.txt", ROW_COMMAND, .argv = {"ip", "rule", "show"}},
	{"ip-link.txt", ROW_COMMAND, .argv = {"ip", "-s", "-s", "link", "show"}},
	{"ip-neigh.txt", ROW_COMMAND, .argv = {"ip", "-s", "neigh", "show"}},
	{"ss-tcp.txt", ROW_COMMAND, .argv = {"ss", "-taiepnm", "@PORT"}, .limit_bytes = MIB,
	 .timeout_s = 5},
	{"ss-udp.txt", ROW_COMMAND, .argv = {"ss", "-uaepnm", "@PORT"}, .timeout_s = 5},
	{"ss-summary.txt", ROW_COMMAND, .argv = {"ss", "-s"}},
	{"net.txt", ROW_FILES,
	 .from = {"/proc/net/dev", "/proc/net/snmp", "/proc/net/netstat", "/proc/net/sockstat",
		  "/proc/net/softnet_stat"}},

	/* Load. */
	{"meminfo.txt", ROW_FILE, .from = {"/proc/meminfo"}},
	{"vmstat.txt", ROW_FILE, .from = {"/proc/vmstat"}},
	{"loadavg.txt", ROW_FILE, .from = {"/proc/loadavg"}},
	{"pressure.txt", ROW_FILES,
	 .from = {"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"}},
	{"ps.txt", ROW_COMMAND, .argv = {"ps", "-eo", "pid,ppid,stat,wchan:32,comm"},
	 .limit_bytes = MIB},

	/* The longest last: a deadline that passes costs the least. */
	{"journal.txt", ROW_COMMAND,
	 .argv = {"journalctl", "-k", "-n", "1000", "--no-pager", "-o", "short-precise"},
	 .other = {"dmesg"}, .limit_bytes = MIB, .timeout_s = 5},
};

static const char *const debugfs_files[] = {"connections", "messages", "client_locks",
					    "server_locks", "server_lock_stats"};

enum row_status { ROW_OK, ROW_CUT, ROW_PARTIAL, ROW_FAILED, ROW_SKIPPED };

static const char *const status_names[] = {
	[ROW_OK] = "ok",	 [ROW_CUT] = "cut",	    [ROW_PARTIAL] = "partial",
	[ROW_FAILED] = "failed", [ROW_SKIPPED] = "skipped",
};

/* One row being collected. */
struct collection {
	const struct row *row;
	const char *root;
	uint16_t port;
	uint64_t deadline_ns;
	size_t limit_bytes;
	struct text out;
	struct text how;
	char why[256]; /* why there is nothing, or not all */
	enum row_status status;
	unsigned int files; /* of a tree, visited so far */
};

static void PRINTF(3, 4) give_up(struct collection *c, enum row_status status, const char *fmt, ...)
{
	va_list ap;

	c->status = status;
	va_start(ap, fmt);
	(void)vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

static size_t room_left(const struct collection *c)
{
	return c->out.len < c->limit_bytes ? c->limit_bytes - c->out.len : 0;
}

/*
 * At most @limit bytes of a file, appended. O_NONBLOCK and the test for a regular file: a FIFO or
 * a device in the place of a file must not make us wait. Files of proc and sysfs are regular and
 * have no size. Return: bytes read; negative errno. @ret_cut is set when there was more.
 */
static ssize_t read_some(const char *path, size_t limit, struct text *out, bool *ret_cut)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char buf[16384];
	size_t got = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	for (;;) {
		/* One byte beyond the limit tells "cut" from "just fits". */
		size_t want = min_of(sizeof(buf), limit - got + 1);
		ssize_t n = read(fd, buf, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return got ? (ssize_t)got : -errno;
		if (n == 0)
			return (ssize_t)got;
		if ((size_t)n > limit - got) {
			text_add(out, buf, limit - got);
			*ret_cut = true;
			return (ssize_t)limit;
		}
		text_add(out, buf, (size_t)n);
		got += (size_t)n;
	}
}

static const char *reason(ssize_t r, char *buf, size_t size)
{
	return strerror_r((int)-r, buf, size);
}

static void collect_file(struct collection *c)
{
	ssize_t r = -ENOENT;
	char buf[128];

	for (size_t i = 0; i < ARRAY_SIZE(c->row->from) && c->row->from[i] && r < 0; i++) {
		char path[PATH_MAX];
		bool cut = false;

		(void)snprintf(path, sizeof(path), "%s%s", c->root, c->row->from[i]);
		text_reset(&c->how);
		text_str(&c->how, c->row->from[i]);
		r = read_some(path, c->limit_bytes, &c->out, &cut);
		if (cut)
			c->status = ROW_CUT;
	}
	if (r < 0)
		give_up(c, ROW_FAILED, "%s: %s", text_c(&c->how), reason(r, buf, sizeof(buf)));
}

/* "==> PATH <==", the text or why there is none. Return: whether it could be read. */
static bool add_headed(struct collection *c, const char *shown, const char *path)
{
	bool cut = false;
	char buf[128];
	ssize_t r;

	text_printf(&c->out, "==> %s <==\n", shown);
	r = read_some(path, room_left(c), &c->out, &cut);
	if (r < 0)
		text_printf(&c->out, "# not collected: %s\n", reason(r, buf, sizeof(buf)));
	else if (r > 0 && c->out.s && c->out.s[c->out.len - 1] != '\n')
		text_str(&c->out, "\n");
	if (cut)
		c->status = ROW_CUT;
	return r >= 0;
}

static void collect_files(struct collection *c)
{
	unsigned int had = 0, wanted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(c->row->from) && c->row->from[i]; i++) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s%s", c->root, c->row->from[i]);
		text_printf(&c->how, "%s%s", i ? " " : "", c->row->from[i]);
		had += add_headed(c, c->row->from[i], path);
		wanted++;
	}
	if (had == 0)
		give_up(c, ROW_FAILED, "none of %s can be read", text_c(&c->how));
	else if (had < wanted && c->status == ROW_OK)
		give_up(c, ROW_PARTIAL, "%u of %u files cannot be read", wanted - had, wanted);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a folder, sorted, without those that begin with a dot; freed with free_names(). */
static size_t list_names(const char *path, char ***ret)
{
	size_t count = 0, size = 0;
	struct dirent *entry;
	char **names = NULL;
	DIR *d = opendir(path);

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' || count >= TREE_FILES)
			continue;
		if (count == size) {
			size_t more = size ? size * 2 : 64;
			char **grown = reallocarray(names, more, sizeof(*names));

			if (!grown)
				break;
			names = grown;
			size = more;
		}
		names[count] = strdup(entry->d_name);
		if (!names[count])
			break;
		count++;
	}
	if (d)
		(void)closedir(d);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	*ret = names;
	return count;
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/*
 * "path: value" for each line of the file, so that every line of the result can be searched by
 * path.
 */
static void add_values(struct collection *c, const char *shown, const char *path)
{
	CLEANUP(text_free) struct text value = {0};
	bool cut = false;
	char buf[128];
	ssize_t r = read_some(path, min_of((size_t)VALUE_BYTES, room_left(c)), &value, &cut);

	if (r < 0) {
		text_printf(&c->out, "%s: # not read: %s\n", shown, reason(r, buf, sizeof(buf)));
		return;
	}
	if (cut)
		c->status = ROW_CUT;
	if (value.len == 0)
		text_printf(&c->out, "%s:\n", shown);
	for (const char *p = text_c(&value); *p;) {
		size_t n = strcspn(p, "\n");

		text_printf(&c->out, "%s: %.*s\n", shown, (int)n, p);
		p += n + (p[n] == '\n');
	}
}

/* Is this folder or file of scoutfs's sysfs for the row? Depth 0 are the mounts' folders. */
static bool tree_wants(const struct collection *c, const char *name, unsigned int depth)
{
	bool counters = strcmp(name, "counters") == 0;

	if (depth != 1)
		return true;
	return c->row->kind == ROW_COUNTERS ? counters : !counters;
}

/* Symbolic links are not followed: in sysfs they lead out of the tree, or round in it. */
static void walk(struct collection *c, const char *path, unsigned int depth)
{
	char **names;
	size_t count = list_names(path, &names);

	for (size_t i = 0; i < count; i++) {
		char below[PATH_MAX];
		const char *shown = below + strlen(c->root);
		struct stat st;

		if (snprintf(below, sizeof(below), "%s/%s", path, names[i]) >= (int)sizeof(below) ||
		    !tree_wants(c, names[i], depth) || lstat(below, &st) < 0)
			continue;
		if (room_left(c) == 0 || ++c->files > TREE_FILES) {
			c->status = ROW_CUT;
			break;
		}
		if (clock_mono_ns() >= c->deadline_ns) {
			give_up(c, ROW_PARTIAL, "the time for context was used up at %s", shown);
			break;
		}
		if (depth == 1 && strcmp(names[i], "volume_options") == 0) {
			text_printf(&c->out,
				    "%s: # not read: the server would be asked, and may not "
				    "answer\n",
				    shown);
			continue;
		}
		if (S_ISDIR(st.st_mode) && depth < TREE_DEPTH)
			walk(c, below, depth + 1);
		else if (S_ISREG(st.st_mode))
			add_values(c, shown, below);
	}
	free_names(names, count);
}

static void collect_tree(struct collection *c)
{
	char path[PATH_MAX];

	text_str(&c->how, "/sys/fs/scoutfs");
	(void)snprintf(path, sizeof(path), "%s/sys/fs/scoutfs", c->root);
	walk(c, path, 0);
	if (c->out.len == 0 && c->status == ROW_OK)
		give_up(c, ROW_FAILED, "no scoutfs mount has a folder in /sys/fs/scoutfs");
}

static void collect_debugfs(struct collection *c)
{
	static const char folder[] = "/sys/kernel/debug/scoutfs";
	unsigned int had = 0;
	char path[PATH_MAX], **names;
	size_t count;

	text_printf(&c->how,
		    "%s/*/{connections,messages,client_locks,server_locks,server_lock_stats}",
		    folder);
	(void)snprintf(path, sizeof(path), "%s%s", c->root, folder);
	count = list_names(path, &names);
	for (size_t i = 0; i < count; i++) {
		for (size_t f = 0; f < ARRAY_SIZE(debugfs_files); f++) {
			if (snprintf(path, sizeof(path), "%s%s/%s/%s", c->root, folder, names[i],
				     debugfs_files[f]) >= (int)sizeof(path) ||
			    clock_mono_ns() >= c->deadline_ns)
				continue;
			had += add_headed(c, path + strlen(c->root), path);
		}
	}
	free_names(names, count);
	if (had == 0) {
		text_reset(&c->out);
		give_up(c, ROW_FAILED,
			"nothing to read in %s: no scoutfs mount, or debugfs is not mounted "
			"(mount -t debugfs debugfs /sys/kernel/debug)",
			folder);
	}
}

static bool is_word_of(const char *s, size_t n, const char *const *words)
{
	for (; *words; words++) {
		size_t len = strlen(*words);

		for (size_t i = 0; i + len <= n; i++)
			if (strncasecmp(s + i, *words, len) == 0)
				return true;
	}
	return false;
}

/**
 * context_redact() - a configuration file without what looks like a secret
 * @bytes: the file
 * @n:     its size
 * @out:   appended to; ends in a newline unless empty
 *
 * A line that names a password, secret, token, key, user or credential anywhere, or hands one
 * over by a -p, -P or -u option, keeps its text up to the first '=' (or nothing, if there is
 * none). It errs on the side of taking too much: the reader of a bundle wants to know which fence
 * agent is set up, not its log-in.
 */
void context_redact(const char *bytes, size_t n, struct text *out)
{
	static const char *const secrets[] = {"pass", "secret", "token", "key", "user",
					      "cred", "login",	" -u",	 " -p", "=-p",
					      "\"-p", "'-p",	NULL};

	for (size_t at = 0; at < n;) {
		const char *line = bytes + at, *newline = memchr(line, '\n', n - at);
		size_t len = newline ? (size_t)(newline - line) : n - at;

		if (is_word_of(line, len, secrets)) {
			const char *equals = memchr(line, '=', len);

			if (equals)
				text_add(out, line, (size_t)(equals - line) + 1);
			text_str(out, "# (left out: may hold a secret)");
		} else {
			text_add(out, line, len);
		}
		text_str(out, "\n");
		at += len + 1;
	}
}

/* Names and sizes of all, and the text of the one file that says which fence agent runs. */
static void collect_etc(struct collection *c)
{
	static const char folder[] = "/etc/scoutfs", settings[] = "scoutfs-fenced.conf";
	CLEANUP(text_free) struct text text = {0};
	char path[PATH_MAX], **names;
	bool cut = false;
	size_t count;

	text_printf(&c->how, "names in %s; %s/%s without secrets", folder, folder, settings);
	(void)snprintf(path, sizeof(path), "%s%s", c->root, folder);
	count = list_names(path, &names);
	for (size_t i = 0; i < count; i++) {
		struct stat st;

		if (snprintf(path, sizeof(path), "%s%s/%s", c->root, folder, names[i]) <
			    (int)sizeof(path) &&
		    lstat(path, &st) == 0)
			text_printf(&c->out, "%s/%s: mode %04o, %llu bytes%s\n", folder, names[i],
				    (unsigned int)st.st_mode & 07777,
				    (unsigned long long)st.st_size,
				    S_ISREG(st.st_mode) ? "" : ", not a regular file");
	}
	free_names(names, count);
	if (count == 0) {
		give_up(c, ROW_FAILED, "%s is empty or not there", folder);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s%s/%s", c->root, folder, settings);
	if (read_some(path, VALUE_BYTES, &text, &cut) >= 0) {
		text_printf(&c->out, "==> %s/%s <==\n", folder, settings);
		context_redact(text_c(&text), text.len, &c->out);
	}
}

/* The table's words, with "@PORT" replaced by what ss understands (or left out). */
static void fill_argv(const struct collection *c, const char *const *words, const char **argv,
		      char *filter, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < ARGV_MAX && words[i]; i++) {
		if (strcmp(words[i], "@PORT") == 0) {
			if (c->port == 0)
				continue;
			(void)snprintf(filter, size, "( sport = :%u or dport = :%u )", c->port,
				       c->port);
			argv[n++] = filter;
			continue;
		}
		argv[n++] = words[i];
	}
	argv[n] = NULL;
}

static void show_command(struct text *how, const char *const argv[])
{
	text_reset(how);
	for (size_t i = 0; argv[i]; i++)
		text_printf(how, "%s%s", i ? " " : "", argv[i]);
}

/* Return: whether this command is the one to keep, well or ill; false: try the other one. */
static bool run_command(struct collection *c, const char *const *words)
{
	uint64_t now = clock_mono_ns(), left;
	unsigned int timeout_s = c->row->timeout_s ? c->row->timeout_s : 3;
	struct child_limits limits = {.output_bytes = c->limit_bytes};
	const char *argv[ARGV_MAX + 1];
	struct child_result result = {0};
	struct err e = {0};
	char filter[64];

	left = c->deadline_ns > now ? c->deadline_ns - now : 0;
	limits.timeout_ns = min_of(timeout_s * NSEC_PER_SEC, left);
	fill_argv(c, words, argv, filter, sizeof(filter));
	show_command(&c->how, argv);
	if (limits.timeout_ns == 0) {
		give_up(c, ROW_SKIPPED, "the time for context was used up before");
		return true;
	}

	text_reset(&c->out);
	c->status = ROW_OK;
	if (child_run(argv, &limits, &c->out, &result, &e) < 0) {
		give_up(c, ROW_FAILED, "%s", e.text);
		return false;
	}
	if (result.timed_out)
		give_up(c, c->out.len ? ROW_PARTIAL : ROW_FAILED,
			"%s took longer than %llu ms and was ended", argv[0],
			(unsigned long long)(limits.timeout_ns / NSEC_PER_MSEC));
	else if (WIFSIGNALED(result.wait_status))
		give_up(c, c->out.len ? ROW_PARTIAL : ROW_FAILED, "%s was ended by signal %d",
			argv[0], WTERMSIG(result.wait_status));
	else if (WIFEXITED(result.wait_status) && WEXITSTATUS(result.wait_status) == 127)
		give_up(c, ROW_FAILED, "%s is not installed", argv[0]);
	else if (WEXITSTATUS(result.wait_status) != 0)
		give_up(c, ROW_FAILED, "%s ended with status %d", argv[0],
			WEXITSTATUS(result.wait_status));
	else if (result.truncated)
		c->status = ROW_CUT;
	return c->status != ROW_FAILED;
}

static void collect_command(struct collection *c)
{
	char first[sizeof(c->why)], second[sizeof(c->why)];

	if (run_command(c, c->row->argv) || !c->row->other[0])
		return;
	memcpy(first, c->why, sizeof(first));
	if (run_command(c, c->row->other))
		return;
	memcpy(second, c->why, sizeof(second));
	give_up(c, c->status, "%.120s; %.120s", first, second);
}

static void collect_row(struct collection *c)
{
	switch (c->row->kind) {
	case ROW_FILE:
		collect_file(c);
		break;
	case ROW_FILES:
		collect_files(c);
		break;
	case ROW_COUNTERS:
	case ROW_SYSFS:
		collect_tree(c);
		break;
	case ROW_DEBUGFS:
		collect_debugfs(c);
		break;
	case ROW_ETC:
		collect_etc(c);
		break;
	case ROW_COMMAND:
		collect_command(c);
		break;
	}
	if (!text_ok(&c->out)) {
		text_reset(&c->out);
		c->out.failed = false;
		give_up(c, ROW_FAILED, "out of memory");
	}
}

static void skip_row(struct collection *c)
{
	give_up(c, ROW_SKIPPED, "the time for context was used up before");
	if (c->row->kind == ROW_COMMAND)
		show_command(&c->how, c->row->argv);
	else
		text_str(&c->how, c->row->from[0] ? c->row->from[0] : "scoutfs");
}

/*
 * Not synced one by one: thirty syncs would take their time on a busy disk, just when the end is
 * waited for, and the bundle is made from these files at once or, after a crash, without them.
 */
static int write_file(int dir_fd, const char *name, const struct text *t, struct err *e)
{
	CLEANUP(closep) int fd = file_create_at(dir_fd, name, e);
	int r;

	if (fd < 0)
		return fd;
	r = file_write_all(fd, text_c(t), t->len);
	return r < 0 ? err_errno(e, r, "cannot write context file %s", name) : 0;
}

/* The file: why not, if not; what there is; that it was cut, if it was. */
static int save_row(struct collection *c, int dir_fd, uint64_t *ret_bytes, struct err *e)
{
	CLEANUP(text_free) struct text file = {0};

	if (c->status == ROW_FAILED || c->status == ROW_SKIPPED)
		text_printf(&file, "# not collected: %s\n", c->why);
	else if (c->status == ROW_PARTIAL)
		text_printf(&file, "# incomplete: %s\n", c->why);
	text_add(&file, text_c(&c->out), c->out.len);
	if (c->status == ROW_CUT)
		text_printf(&file, "\n# cut: the limit is %zu bytes\n", c->limit_bytes);
	if (!text_ok(&file))
		return err_nomem(e);
	*ret_bytes = file.len;
	return write_file(dir_fd, c->row->name, &file, e);
}

/* Collect one row into its file and one line of INDEX. Only a failure to write is a failure. */
static int do_row(struct collection *c, int dir_fd, struct text *index, struct err *e)
{
	uint64_t begun = clock_mono_ns(), bytes = 0;
	int r;

	c->limit_bytes = c->row->limit_bytes ? c->row->limit_bytes : 256 * KIB;
	if (begun >= c->deadline_ns)
		skip_row(c);
	else
		collect_row(c);

	r = save_row(c, dir_fd, &bytes, e);
	if (r < 0)
		return r;
	text_printf(index, "%-22s %-8s %8llu bytes %6llu ms  @%llu.%06llu  %s\n", c->row->name,
		    status_names[c->status], (unsigned long long)bytes,
		    (unsigned long long)((clock_mono_ns() - begun) / NSEC_PER_MSEC),
		    (unsigned long long)(begun / NSEC_PER_SEC),
		    (unsigned long long)(begun % NSEC_PER_SEC / NSEC_PER_USEC), text_c(&c->how));
	return 0;
}

/* context/MOMENT below the session folder; "context" itself may be there from the other moment. */
static int make_folder(int session_fd, const char *moment, struct err *e)
{
	CLEANUP(closep) int context_fd = -1;
	int r;

	r = file_make_dir_at(session_fd, "context", e);
	if (r < 0 && r != -EEXIST)
		return r;
	context_fd = file_open_dir_at(session_fd, "context", e);
	if (context_fd < 0)
		return context_fd;
	r = file_make_dir_at(context_fd, moment, e);
	if (r < 0)
		return r;
	return file_open_dir_at(context_fd, moment, e);
}

/**
 * context_collect_at() - collect the table, reading files below @root
 * @root:        "" for this host; commands are always this host's
 * @session_fd:  the session folder; context/@moment must not be there yet
 * @moment:      "start" or "end"
 * @port:        of the server, host order, for ss; 0 shows all sockets
 * @deadline_ns: CLOCK_MONOTONIC; a row not begun by then is skipped, a command running then is
 *               ended
 * @ret:         how many rows gave something, and how many nothing
 * @e:           filled on failure only
 *
 * The one wait that this cannot bound is the kernel's own, inside a read or the disk's inside a
 * sync.
 *
 * Return: 0, however many rows failed; negative errno when the folder or a file could not be
 * written.
 */
int context_collect_at(const char *root, int session_fd, const char *moment, uint16_t port,
		       uint64_t deadline_ns, struct context_result *ret, struct err *e)
{
	CLEANUP(text_free) struct text index = {0};
	CLEANUP(closep) int dir_fd = -1;
	struct context_result result = {0};
	int r;

	dir_fd = make_folder(session_fd, moment, e);
	if (dir_fd < 0)
		return dir_fd;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct collection c = {
			.row = &rows[i], .root = root, .port = port, .deadline_ns = deadline_ns};

		if (rows[i].once && strcmp(moment, "start") != 0)
			continue;
		r = do_row(&c, dir_fd, &index, e);
		text_free(&c.out);
		text_free(&c.how);
		if (r < 0)
			return r;
		if (c.status == ROW_FAILED || c.status == ROW_SKIPPED)
			result.failed++;
		else
			result.collected++;
	}
	if (!text_ok(&index))
		return err_nomem(e);
	r = write_file(dir_fd, "INDEX", &index, e);
	if (r < 0)
		return r;
	r = file_sync_dir(dir_fd, e);
	if (r < 0)
		return r;
	*ret = result;
	return 0;
}

int context_collect(int session_fd, const char *moment, uint16_t port, uint64_t deadline_ns,
		    struct context_result *ret, struct err *e)
{
	return context_collect_at("", session_fd, moment, port, deadline_ns, ret, e);
}
