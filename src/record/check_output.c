/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Preconditions about the place where the recording goes: a folder that is private, writable, not
 * on scoutfs and has room, and what a dead recorder left in it. Rows of the table in check.c, which
 * calls them, owns what they fill, and closes the folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/privilege.h"
#include "record/control.h"

#include "check_rows.h"
#include "host.h"
#include "instance.h"
#include "leftover.h"
#include "session.h"

#define DISK_MARGIN_BYTES (64 * MIB) /* manifest, kallsyms, context, tar padding */
#define DISK_LEAST_BYTES (16 * MIB)  /* least that --disk-budget takes */
#define SCOUTFS_MAGIC 0x554f4353     /* SCOUTFS_SUPER_MAGIC in format.h of scoutfs: statfs f_type */

/* ---- the folder ---- */

/* How much of @path is there: the length of its longest part that exists. */
static size_t existing_part(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	struct stat st;

	memcpy(part, path, n + 1);
	while (n > 1 && lstat(part, &st) < 0) {
		while (n > 1 && part[n - 1] != '/')
			n--;
		while (n > 1 && part[n - 1] == '/')
			n--;
		if (part[n] == '\0')
			break;
		part[n] = '\0';
	}
	return n;
}

/* Folders that we made, innermost first; a folder that something is in by now stays. */
void check_unmake_output(struct checking *x)
{
	char path[PATH_MAX];
	size_t n = strlen(x->output);

	if (x->made_from == 0)
		return;
	memcpy(path, x->output, n + 1);
	while (n > x->made_from && rmdir(path) == 0) {
		while (n > 1 && path[n - 1] != '/')
			n--;
		while (n > 1 && path[n - 1] == '/')
			n--;
		path[n] = '\0';
	}
}

/* Absolute or relative as given, without slashes at the end: the kernel follows "link/". */
static bool name_output(struct checking *x, struct check_result *r)
{
	const char *dir = x->config->output_dir ? x->config->output_dir : RECORD_DEFAULT_OUTPUT_DIR;
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n == 0 || n >= sizeof(x->output) - NAME_MAX) {
		check_bad(r, EXIT_USAGE,
			  n ? "The name of the output folder is too long."
			    : "The name of the output folder is empty.");
		check_because(r, "The recording has no place to go.");
		check_remedy(r, "Leave -o out, or name a folder: -o " RECORD_DEFAULT_OUTPUT_DIR);
		return false;
	}
	memcpy(x->output, dir, n);
	x->output[n] = '\0';
	return true;
}

static bool make_output(struct checking *x, struct check_result *r)
{
	struct stat st;
	struct err e = {0};
	size_t there;

	if (lstat(x->output, &st) == 0)
		return true;
	there = existing_part(x->output);
	if (file_make_dirs(x->output, 0700, &e) < 0) {
		x->made_from = there;
		check_bad(r, EXIT_ERROR,
			  "The output folder is not there and cannot be made: %.300s.", e.text);
		check_because(r, "The recording has no place to go.");
		check_remedy(r, "Choose another place: -o DIR, on a local disk with room.");
		return false;
	}
	x->made_from = there;
	return true;
}

static bool open_output(struct checking *x, struct check_result *r, struct stat *st)
{
	if (lstat(x->output, st) == 0 && S_ISLNK(st->st_mode)) {
		char to[PATH_MAX];
		ssize_t n = readlink(x->output, to, sizeof(to) - 1);

		to[max_of(n, (ssize_t)0)] = '\0';
		check_bad(r, EXIT_ERROR, "The output folder %.150s is a symbolic link (to %.150s).",
			  x->output, to);
		check_because(
			r,
			"Whoever can change the link decides where root's recording is written.");
		check_remedy(r, "Name the folder itself: -o %.300s", to[0] == '/' ? to : "DIR");
		return false;
	}
	x->output_fd = open(x->output, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (x->output_fd < 0 || fstat(x->output_fd, st) < 0) {
		check_bad(r, EXIT_ERROR, "The output folder %.300s cannot be opened: %s.",
			  x->output, errno == ENOTDIR ? "it is not a folder" : strerror(errno));
		check_because(r, "The recording has no place to go.");
		check_remedy(r, "Choose another place: -o DIR, on a local disk with room.");
		return false;
	}
	return true;
}

static bool output_is_private(struct checking *x, const struct stat *st, struct check_result *r)
{
	bool shared = st->st_mode & (S_IWGRP | S_IWOTH) && !(st->st_mode & S_ISVTX);

	if (st->st_uid == geteuid() && !shared)
		return true;
	if (st->st_uid != geteuid())
		check_bad(
			r, EXIT_ERROR,
			"The output folder %.300s belongs to user %u, not to user %u who records.",
			x->output, st->st_uid, geteuid());
	else
		check_bad(r, EXIT_ERROR,
			  "Others may write in the output folder %.300s (mode %04o, without the "
			  "sticky bit).",
			  x->output, (unsigned int)st->st_mode & 07777);
	check_because(r, "They could take the recording away or put another in its place; it holds "
			 "packets and kernel data.");
	check_remedy(r, "Use a folder of its own: leave -o out (" RECORD_DEFAULT_OUTPUT_DIR
			"), or: install -d -m 0700 DIR, then -o DIR");
	return false;
}

/*
 * By the file system's magic number, and by st_dev against the mounts, should a release of
 * scoutfs ever change the number. A bind mount of scoutfs is found both ways.
 */
static bool is_on_scoutfs(int fd, const struct stat *st)
{
	CLEANUP(text_free) struct text mountinfo = {0};
	const char *at = check_load("/proc/self/mountinfo", &mountinfo);
	struct host_mount m;
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == SCOUTFS_MAGIC)
		return true;
	while (host_mount_next(&at, &m))
		if (strcmp(m.type, "scoutfs") == 0 && m.major == major(st->st_dev) &&
		    m.minor == minor(st->st_dev))
			return true;
	return false;
}

static bool output_is_off_scoutfs(struct checking *x, const struct stat *st, struct check_result *r)
{
	if (!is_on_scoutfs(x->output_fd, st))
		return true;
	if (x->config->force_output)
		check_warning(r, "The output folder %.300s is on scoutfs (--force-output).",
			      x->output);
	else
		check_bad(r, EXIT_ERROR, "The output folder %.300s is on scoutfs.", x->output);
	check_because(r, "Writing the recording makes scoutfs events, which are recorded; and when "
			 "scoutfs stalls, so does the recording of why.");
	check_remedy(r, "Choose a local disk: leave -o out (" RECORD_DEFAULT_OUTPUT_DIR
			"), or -o DIR");
	return x->config->force_output;
}

/* Writing is tried: a mode says nothing of a read-only mount or a full quota of inodes. */
static bool output_is_writable(struct checking *x, struct check_result *r)
{
	char name[64] = ".scoutfs-trace.check.", suffix[7];
	struct err e = {0};
	int fd, n;

	n = file_random_suffix(suffix);
	if (n == 0) {
		(void)snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s", suffix);
		fd = file_create_at(x->output_fd, name, &e);
		if (fd >= 0) {
			(void)close(fd);
			if (unlinkat(x->output_fd, name, 0) == 0)
				return true;
			n = err_errno(&e, -errno, "cannot remove %s", name);
		} else {
			n = fd;
		}
	}
	check_bad(r, EXIT_ERROR, "The output folder %.200s cannot be written to: %.250s.",
		  x->output, e.text[0] ? e.text : strerror(-n));
	check_because(r, "The recording has no place to go.");
	if (n == -EROFS)
		check_remedy(r, "Mount it for writing (mount -o remount,rw), or choose another "
				"place: -o DIR");
	else if (n == -ENOSPC || n == -EDQUOT)
		check_remedy(r, "Make room on that file system, or choose another place: -o DIR");
	else
		check_remedy(r, "Choose another place: -o DIR, on a local disk with room.");
	return false;
}

void check_output(struct checking *x, struct check_result *r)
{
	struct statfs fs;
	struct stat st;

	if (!name_output(x, r) || !make_output(x, r) || !open_output(x, r, &st) ||
	    !output_is_private(x, &st, r) || !output_is_off_scoutfs(x, &st, r) ||
	    !output_is_writable(x, r)) {
		check_blame(r, x->config, "output-dir", 0);
		return;
	}
	if (r->status == CHECK_WARNING) /* on scoutfs, by force */
		return;
	if (fstatfs(x->output_fd, &fs) == 0 &&
	    ((uint32_t)fs.f_type == TMPFS_MAGIC || (uint32_t)fs.f_type == RAMFS_MAGIC)) {
		check_warning(r, "The output folder %.300s is in memory (tmpfs).", x->output);
		check_because(
			r,
			"Fencing powers this host off, and then nothing of the recording is left.");
		check_remedy(r, "Choose a disk: leave -o out (" RECORD_DEFAULT_OUTPUT_DIR
				"), or -o DIR");
		return;
	}
	check_good(r, "The recording goes to %.300s.", x->output);
}

/* ---- room ---- */

/*
 * Quotas of users, groups and projects have each their own way to be asked, and rules for whom they
 * bind; a file without a name that is given the room and gone the next moment asks them all.
 * Without CAP_SYS_RESOURCE, as the recorder writes. -EOPNOTSUPP where this cannot be tried.
 */
static int try_room(int output_fd, uint64_t bytes)
{
	CLEANUP(closep) int fd = openat(output_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	uint64_t aside;
	int r = 0;

	if (fd < 0 || bytes > INT64_MAX)
		return -EOPNOTSUPP;
	aside = privilege_set_aside(PRIVILEGE(CAP_SYS_RESOURCE));
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) < 0)
		r = errno == EDQUOT || errno == ENOSPC ? -errno : -EOPNOTSUPP;
	privilege_take_up(aside);
	return r;
}

/* There is that much free; is it to be had? */
static void check_quota(struct checking *x, const char *free_text, uint64_t needed,
			const char *needed_text, struct check_result *r)
{
	int refused = try_room(x->output_fd, needed);

	if (refused != -EDQUOT && refused != -ENOSPC) {
		check_good(r, "%s are free for the recording and its bundle (%s needed%s).",
			   free_text, needed_text, refused ? "; quotas could not be tried" : "");
		return;
	}
	check_bad(r, EXIT_ERROR, "%.300s has %s free, but %s are not given: %s.", x->output,
		  free_text, needed_text, strerror(-refused));
	check_because(r, "A quota binds the recorder as well, and its bundle would not be made.");
	check_remedy(r, "Raise the quota (quota -v; xfs_quota -xc report), give a smaller "
			"--disk-budget, or choose a place without one: -o DIR");
}

/*
 * The spool's budget, the bundle made from it while it is still there, and a margin. f_bavail
 * leaves out what is reserved for root, which we would be given: rather too little than too much.
 */
void check_disk(struct checking *x, struct check_result *r)
{
	uint64_t budget = x->config->disk_bytes, free_bytes, fits, needed;
	char free_text[32], needed_text[32], budget_text[32];
	struct statvfs fs;

	if (fstatvfs(x->output_fd, &fs) < 0) {
		check_bad(r, EXIT_ERROR, "The free space of %.300s cannot be asked for: %s.",
			  x->output, strerror(errno));
		check_because(r, "The recording has no place to go.");
		check_remedy(r, "Choose another place: -o DIR, on a local disk with room.");
		return;
	}
	if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &free_bytes))
		free_bytes = UINT64_MAX;
	if (__builtin_mul_overflow(budget, (uint64_t)2, &needed) ||
	    __builtin_add_overflow(needed, DISK_MARGIN_BYTES, &needed))
		needed = UINT64_MAX;
	(void)format_bytes(free_bytes, free_text, sizeof(free_text));
	(void)format_bytes(needed, needed_text, sizeof(needed_text));
	(void)format_bytes(budget, budget_text, sizeof(budget_text));
	if (free_bytes >= needed) {
		check_quota(x, free_text, needed, needed_text, r);
		return;
	}

	check_bad(r, EXIT_ERROR, "%.300s has %s free; a budget of %s needs %s.", x->output,
		  free_text, budget_text, needed_text);
	check_blame(r, x->config, "disk-budget", 0);
	check_because(r, "The bundle is made while the recording is still there, so both must fit: "
			 "twice the budget, and a little more.");
	fits = free_bytes > DISK_MARGIN_BYTES ? (free_bytes - DISK_MARGIN_BYTES) / 2 / MIB : 0;
	if (fits * MIB >= DISK_LEAST_BYTES)
		check_remedy(r,
			     "This would fit: --disk-budget %lluM. Or choose a place with more "
			     "room: -o DIR",
			     (unsigned long long)fits);
	else
		check_remedy(
			r,
			"Make room there, or choose a place with more: -o DIR (df -h shows them)");
}

/* ---- what a dead recorder left ---- */

struct leftovers {
	char folder[NAME_MAX + 1]; /* a session folder in the output folder; the newest */
	char unborn[NAME_MAX + 1]; /* the first one in which nothing was recorded */
	char instance[64];	   /* the first one */
	size_t folders, unborns, instances;
};

/* Only a session folder has session.json; an unpacked bundle, which has the same name, has not. One
 * whose recorder was killed early has not either, but what a recorder makes before it. */
static void find_folders(int output_fd, struct leftovers *l)
{
	int fd = openat(output_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!d && fd >= 0)
		(void)close(fd);
	while (d && (entry = readdir(d))) {
		char mark[NAME_MAX + sizeof("/" SESSION_FACTS)];

		if (!str_starts(entry->d_name, INSTANCE_PREFIX))
			continue;
		(void)snprintf(mark, sizeof(mark), "%s/" SESSION_FACTS, entry->d_name);
		if (faccessat(output_fd, mark, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
			if (leftover_is_unborn(output_fd, entry->d_name) && l->unborns++ == 0)
				(void)snprintf(l->unborn, sizeof(l->unborn), "%s", entry->d_name);
			continue;
		}
		l->folders++;
		/* HOST is the same, so the names sort by their dates. */
		if (strcmp(entry->d_name, l->folder) > 0)
			(void)snprintf(l->folder, sizeof(l->folder), "%s", entry->d_name);
	}
	if (d)
		(void)closedir(d);
}

/* A living recorder, perhaps one with another run folder, holds its instances (instance_hold()). */
static int find_instance(void *arg, const char *name)
{
	struct leftovers *l = arg;
	struct instance i;

	if (instance_open(name, &i, NULL) < 0)
		return 0;
	if (flock(i.dir_fd, LOCK_SH | LOCK_NB) == 0 && l->instances++ == 0)
		(void)snprintf(l->instance, sizeof(l->instance), "%.63s", name);
	(void)close(i.dir_fd);
	return 0;
}

void check_leftovers(struct checking *x, struct check_result *r)
{
	struct leftovers l = {0};

	if (x->output_fd >= 0)
		find_folders(x->output_fd, &l);
	(void)instance_each_ours(find_instance, &l, NULL);

	if (l.folders == 0 && l.unborns) {
		check_warning(r, "A recorder was killed before it could record: %.200s/%.150s%s.",
			      x->output, l.unborn, l.unborns > 1 ? ", and others" : "");
		check_because(r, "There is nothing in it, but the disk space that was reserved.");
		check_remedy(r,
			     "Remove it: scoutfs-trace recover %.200s/%.150s (the next "
			     "recording does so, too)",
			     x->output, l.unborn);
		return;
	}
	if (l.folders == 0 && l.instances == 0) {
		check_good(r, "No earlier recording was left unfinished.");
		return;
	}
	if (l.folders) {
		check_warning(r, "An earlier recording was left unfinished: %.200s/%.150s%s.",
			      x->output, l.folder, l.folders > 1 ? ", and others" : "");
		check_because(r, "Its recorder was killed, or the host went down; what it had is "
				 "still there and takes up room.");
		check_remedy(r, "Make its bundle: scoutfs-trace recover %.200s/%.150s", x->output,
			     l.folder);
		return;
	}
	check_warning(r, "A killed recorder left the tracing instance %s%s.", l.instance,
		      l.instances > 1 ? ", and others" : "");
	check_because(r, "It still holds events, memory, and goes on tracing; its recording is not "
			 "in this output folder.");
	check_remedy(r,
		     "Recover it with the folder of its recording: scoutfs-trace recover DIR. If "
		     "that is gone: rmdir %s/instances/%s",
		     instance_tracing_dir(NULL), l.instance);
}
