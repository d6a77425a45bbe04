/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files the careful way. The recorder runs as root and may be told to write
 * into a folder that others can write to, so: everything is relative to the
 * descriptor of a folder, no symbolic link below it is followed, new files
 * never replace old ones by accident and are private from the moment they
 * exist, and an error of write, fsync or close is never lost.
 *
 * Everybody calls it; the descriptors it returns are the caller's. It knows
 * nothing of what is in the files. The entry of a new file in its folder is
 * durable only after file_sync_dir(): callers make several files, then sync
 * the folder once.
 *
 * A name given with a folder's descriptor may have several parts
 * ("context/uname"), but no "..". A name given with AT_FDCWD, and a path, is
 * the user's or the system's own: links on the way are followed there, and
 * only the last part may not be one (so the callers name /usr/lib/os-release
 * and /proc/self/mounts, not the links to them).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/random.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/failpoint.h"
#include "base/file.h"

#define FILE_MODE 0600
#define LOCK_MOMENT_NS (20 * NSEC_PER_MSEC)
#define DIR_MODE 0700

/* Deeper trees are not ours; each level holds one descriptor while it is removed. */
#define REMOVE_DEPTH_MAX 128

#define LOAD_STEP_BYTES (64 * KIB)

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0) /* linux/fs.h, since Linux 3.15 */
#endif

static void dirp_close(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* The whole path of @name in @dir_fd, for messages only. */
struct place {
	char s[PATH_MAX + NAME_MAX + 2];
};

static const char *place(int dir_fd, const char *name, struct place *p)
{
	char link[64], dir[PATH_MAX];
	ssize_t n;

	if (dir_fd == AT_FDCWD || name[0] == '/') {
		(void)snprintf(p->s, sizeof(p->s), "%s", name);
		return p->s;
	}
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
	n = readlink(link, dir, sizeof(dir) - 1);
	if (n < 0)
		n = 0;
	dir[n] = '\0';
	(void)snprintf(p->s, sizeof(p->s), "%s%s%s", dir,
		       n && dir[n - 1] != '/' && name[0] ? "/" : "", name);
	return p->s;
}

/* State why @verb ("create") did not work on a name; what O_NOFOLLOW answers needs other words than
 * strerror's. */
static int fail(struct err *e, int code, const char *verb, int dir_fd, const char *name)
{
	struct place p;
	struct stat st;

	if ((code == -ELOOP || code == -ENOTDIR) &&
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return err_set(e, code,
			       "cannot %s %s: it is a symbolic link, which is not followed; name "
			       "what it points to",
			       verb, place(dir_fd, name, &p));
	return err_errno(e, code, "cannot %s %s", verb, place(dir_fd, name, &p));
}

/*
 * The folder that holds the last part of a name, reached without following a
 * link, and that part. The folder is ours to close unless it is @dir_fd itself.
 */
struct leaf {
	int dir_fd;
	int owned_fd;
	const char *name;
};

static void leaf_done(struct leaf *l)
{
	closep(&l->owned_fd);
}

static int leaf_step(struct leaf *l, const char *part, size_t n)
{
	char buf[NAME_MAX + 1];
	int fd;

	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(buf, part, n);
	buf[n] = '\0';
	if (strcmp(buf, "..") == 0)
		return -EINVAL;
	fd = openat(l->dir_fd, buf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	closep(&l->owned_fd);
	l->dir_fd = l->owned_fd = fd;
	return 0;
}

static int leaf_find(int dir_fd, const char *name, struct leaf *ret)
{
	const char *slash;

	*ret = (struct leaf){.dir_fd = dir_fd, .owned_fd = -1, .name = name};
	if (dir_fd == AT_FDCWD)
		return 0;
	if (name[0] == '/')
		return -EINVAL;
	while ((slash = strchr(ret->name, '/'))) {
		int r = leaf_step(ret, ret->name, (size_t)(slash - ret->name));

		if (r < 0)
			return r;
		ret->name = slash + 1;
	}
	return ret->name[0] == '\0' || strcmp(ret->name, "..") == 0 ? -EINVAL : 0;
}

/**
 * file_write_all() - write until nothing is left
 *
 * Return: 0; negative errno, after which an unknown part has been written.
 */
int file_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EIO;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/**
 * file_pread_all() - read @n bytes at @offset, or what there is up to the end
 *
 * Return: bytes read, fewer than @n only at the end of the file; negative errno.
 */
ssize_t file_pread_all(int fd, void *buf, size_t n, uint64_t offset)
{
	size_t got = 0;

	if (n > SSIZE_MAX || offset > INT64_MAX - (uint64_t)n)
		return -EINVAL;
	while (got < n) {
		ssize_t r = pread(fd, (char *)buf + got, n - got, (off_t)(offset + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

/**
 * file_open_dir() - open a folder named by the user
 * @path: links on the way are followed, but the last part must not be one, not even as "link/"
 *
 * Return: a descriptor, the caller's to close; negative errno.
 */
int file_open_dir(const char *path, struct err *e)
{
	char buf[PATH_MAX];
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof(buf))
		return fail(e, -ENAMETOOLONG, "open folder", AT_FDCWD, path);
	memcpy(buf, path, n + 1);
	while (n > 1 && buf[n - 1] == '/')
		buf[--n] = '\0'; /* the kernel follows a link with a slash behind it */
	fd = open(buf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : fail(e, -errno, "open folder", AT_FDCWD, buf);
}

/**
 * file_open_dir_at() - open a folder inside @dir_fd; no part of @name may be a link
 *
 * Return: a descriptor, the caller's to close; negative errno.
 */
int file_open_dir_at(int dir_fd, const char *name, struct err *e)
{
	CLEANUP(leaf_done) struct leaf l = {.owned_fd = -1};
	int fd, r;

	r = leaf_find(dir_fd, name, &l);
	if (r < 0)
		return fail(e, r, "open folder", dir_fd, name);
	fd = openat(l.dir_fd, l.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : fail(e, -errno, "open folder", dir_fd, name);
}

/**
 * file_make_dir_at() - make a new folder, mode 0700
 *
 * Return: 0; -EEXIST if something has that name already; another negative errno.
 */
int file_make_dir_at(int dir_fd, const char *name, struct err *e)
{
	CLEANUP(leaf_done) struct leaf l = {.owned_fd = -1};
	int r;

	r = leaf_find(dir_fd, name, &l);
	if (r == 0 && mkdirat(l.dir_fd, l.name, DIR_MODE) < 0)
		r = -errno;
	return r < 0 ? fail(e, r, "make folder", dir_fd, name) : 0;
}

/* One folder of a path; one that is there already is as good, whatever kept mkdir() from saying so.
 */
static int make_dir_unless_there(const char *path, mode_t mode)
{
	struct stat st;
	int code;

	if (mkdir(path, mode) == 0)
		return 0;
	code = -errno;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? 0 : code;
}

/**
 * file_make_dirs() - make a folder and those above it that are missing, as mkdir -p does
 * @mode: of each folder made here; less the umask
 *
 * Folders that are there keep their mode. Return: 0; negative errno, then those made before it
 * remain.
 */
int file_make_dirs(const char *path, mode_t mode, struct err *e)
{
	char buf[PATH_MAX];
	size_t n = strlen(path);
	int r;

	if (n == 0 || n >= sizeof(buf))
		return fail(e, n ? -ENAMETOOLONG : -ENOENT, "make folder", AT_FDCWD, path);
	memcpy(buf, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if ((buf[i] != '/' && buf[i] != '\0') || buf[i - 1] == '/')
			continue;
		buf[i] = '\0';
		r = make_dir_unless_there(buf, mode);
		if (r < 0)
			return fail(e, r, "make folder", AT_FDCWD, buf);
		buf[i] = i < n ? '/' : '\0';
	}
	return 0;
}

/**
 * file_create_at() - create a file that must not exist yet, mode 0600, for reading and writing
 *
 * Return: a descriptor, the caller's to close; -EEXIST; another negative errno.
 */
int file_create_at(int dir_fd, const char *name, struct err *e)
{
	CLEANUP(leaf_done) struct leaf l = {.owned_fd = -1};
	int fd, r;

	r = leaf_find(dir_fd, name, &l);
	if (r < 0)
		return fail(e, r, "create", dir_fd, name);
	fd = openat(l.dir_fd, l.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    FILE_MODE);
	return fd >= 0 ? fd : fail(e, -errno, "create", dir_fd, name);
}

/* Only a regular file (those of proc, sysfs and tracefs are); then reads may block as usual. */
static int insist_on_regular(int fd)
{
	struct stat st;
	int flags;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/**
 * file_open_read_at() - open a regular file for reading
 *
 * A FIFO or device put in its place is refused, and cannot make the open wait.
 * Return: a descriptor, the caller's to close; -EINVAL if it is not a regular file; another
 * negative errno.
 */
int file_open_read_at(int dir_fd, const char *name, struct err *e)
{
	CLEANUP(leaf_done) struct leaf l = {.owned_fd = -1};
	CLEANUP(closep) int fd = -1;
	int r;

	r = leaf_find(dir_fd, name, &l);
	if (r < 0)
		return fail(e, r, "open", dir_fd, name);
	fd = openat(l.dir_fd, l.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, -errno, "open", dir_fd, name);
	r = insist_on_regular(fd);
	if (r == -EINVAL) {
		struct place p;

		return err_set(e, r, "cannot open %s: it is not a regular file",
			       place(dir_fd, name, &p));
	}
	return r < 0 ? fail(e, r, "open", dir_fd, name) : take_fd(&fd);
}

/* The end of writing a file: whatever went wrong on the way to the disk is said here at the latest.
 */
static int sync_and_close(int *fd)
{
	if (fsync(*fd) < 0)
		return -errno;
	if (close(take_fd(fd)) < 0)
		return -errno;
	return 0;
}

/* A new file in a folder that is already found; nothing is left of it on failure. */
static int save(int dir_fd, const char *name, const void *bytes, size_t n)
{
	CLEANUP(closep) int fd = -1;
	int r;

	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, bytes, n);
	if (r == 0)
		r = sync_and_close(&fd);
	if (r < 0)
		(void)unlinkat(dir_fd, name, 0);
	return r;
}

/**
 * file_save_at() - make a new file of these bytes, on the disk when this returns
 * @name:  must not exist yet
 * @bytes: @n of them; borrowed
 *
 * Its entry in the folder is durable after file_sync_dir(). Return: 0; negative errno, then there
 * is no such file (or, with -EEXIST, the one that was there).
 */
int file_save_at(int dir_fd, const char *name, const void *bytes, size_t n, struct err *e)
{
	CLEANUP(leaf_done) struct leaf l = {.owned_fd = -1};
	int r;

	r = leaf_find(dir_fd, name, &l);
	if (r == 0)
		r = save(l.dir_fd, l.name, bytes, n);
	return r < 0 ? fail(e, r, "write", dir_fd, name) : 0;
}

static int replace(int dir_fd, const char *name, const void *bytes, size_t n)
{
	char hidden[NAME_MAX + 1], suffix[7];
	int r;

	r = file_random_suffix(suffix);
	if (r < 0)
		return r;
	if ((size_t)snprintf(hidden, sizeof(hidden), ".%s.%s", name, suffix) >= sizeof(hidden))
		return -ENAMETOOLONG;
	r = save(dir_fd, hidden, bytes, n);
	if (r < 0)
		return r;
	if (renameat(dir_fd, hidden, dir_fd, name) < 0) {
		r = -errno;
		(void)unlinkat(dir_fd, hidden, 0);
	}
	return r;
}

/**
 * file_replace_at() - make a file of these bytes, in place of one that may be there
 * @bytes: @n of them; borrowed
 *
 * A reader sees the old bytes or the new ones, and so does a reader after a power cut; which of
 * them is certain after file_sync_dir(). A link of that name is replaced, not followed. Return: 0;
 * negative errno, then the old file remains.
 */
int file_replace_at(int dir_fd, const char *name, const void *bytes, size_t n, struct err *e)
{
	CLEANUP(leaf_done) struct leaf l = {.owned_fd = -1};
	int r;

	r = leaf_find(dir_fd, name, &l);
	if (r == 0)
		r = replace(l.dir_fd, l.name, bytes, n);
	return r < 0 ? fail(e, r, "write", dir_fd, name) : 0;
}

/* Read to the end: the files of proc, sysfs and tracefs do not tell their size. */
static int load(int fd, size_t limit_bytes, struct text *t)
{
	CLEANUP(freep) char *buf = malloc(LOAD_STEP_BYTES);

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf, LOAD_STEP_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return text_ok(t) ? 0 : -ENOMEM;
		if ((size_t)n > limit_bytes - t->len)
			return -EFBIG;
		text_add(t, buf, (size_t)n);
		if (!text_ok(t))
			return -ENOMEM;
	}
}

/**
 * file_load_at() - read a whole regular file, or one of proc, sysfs or tracefs
 * @limit_bytes: the most that is accepted
 * @ret:         an initialised text; replaced on success, untouched on failure; the caller's to
 * free
 *
 * Return: 0; -EFBIG if there is more than the limit; -EINVAL if it is not a regular file; another
 * negative errno.
 */
int file_load_at(int dir_fd, const char *name, size_t limit_bytes, struct text *ret, struct err *e)
{
	CLEANUP(text_free) struct text t = {0};
	CLEANUP(closep) int fd = -1;
	struct place p;
	int r;

	fd = file_open_read_at(dir_fd, name, e);
	if (fd < 0)
		return fd;
	text_add(&t, "", 0);
	r = load(fd, limit_bytes, &t);
	if (r == -EFBIG)
		return err_set(e, r,
			       "cannot read %s: it is larger than %zu bytes, the most expected",
			       place(dir_fd, name, &p), limit_bytes);
	if (r < 0)
		return fail(e, r, "read", dir_fd, name);
	text_free(ret);
	*ret = t;
	t = (struct text){0};
	return 0;
}

/**
 * file_load() - the same for a path; its last part must not be a symbolic link
 */
int file_load(const char *path, size_t limit_bytes, struct text *ret, struct err *e)
{
	return file_load_at(AT_FDCWD, path, limit_bytes, ret, e);
}

/**
 * file_sync_dir() - make the entries of a folder durable
 */
int file_sync_dir(int dir_fd, struct err *e)
{
	return fsync(dir_fd) < 0 ? fail(e, -errno, "sync folder", dir_fd, "") : 0;
}

/* Where the file system cannot rename so: a second name, which fails if it is taken, then the first
 * one goes. */
static int link_then_unlink(const struct leaf *from, const struct leaf *to)
{
	int r;

	if (linkat(from->dir_fd, from->name, to->dir_fd, to->name, 0) < 0)
		return -errno;
	if (unlinkat(from->dir_fd, from->name, 0) == 0)
		return 0;
	r = -errno;
	(void)unlinkat(to->dir_fd, to->name, 0);
	return r;
}

/**
 * file_rename_noreplace() - give a file its final name, unless that is taken
 *
 * Folders too, but only where the file system supports renameat2() with RENAME_NOREPLACE.
 * Return: 0; -EEXIST if @to is there; another negative errno.
 */
int file_rename_noreplace(int dir_fd, const char *from, const char *to, struct err *e)
{
	CLEANUP(leaf_done) struct leaf f = {.owned_fd = -1}, t = {.owned_fd = -1};
	struct place pf, pt;
	int r;

	r = leaf_find(dir_fd, from, &f);
	if (r == 0)
		r = leaf_find(dir_fd, to, &t);
	if (r == 0 &&
	    syscall(SYS_renameat2, f.dir_fd, f.name, t.dir_fd, t.name, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r == -EINVAL || r == -ENOSYS)
		r = link_then_unlink(&f, &t);
	if (r < 0)
		return err_errno(e, r, "cannot rename %s to %s", place(dir_fd, from, &pf),
				 place(dir_fd, to, &pt));
	return 0;
}

static int remove_at(int dir_fd, const char *name, dev_t dev, unsigned depth);

static int remove_entries(DIR *d, dev_t dev, unsigned depth)
{
	struct dirent *entry;
	int first = 0, r;

	while ((errno = 0, entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		FAILPOINT("remove-entry");
		r = remove_at(dirfd(d), entry->d_name, dev, depth);
		if (r < 0 && first == 0)
			first = r; /* go on: what can go, goes */
	}
	return first < 0 ? first : -errno;
}

static int remove_dir_at(int dir_fd, const char *name, dev_t dev, unsigned depth)
{
	CLEANUP(dirp_close) DIR *d = NULL;
	CLEANUP(closep) int fd = -1;
	struct stat st;
	int r;

	if (depth > REMOVE_DEPTH_MAX)
		return -ELOOP;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != dev)
		return -EXDEV;
	d = fdopendir(fd);
	if (!d)
		return -errno;
	(void)take_fd(&fd); /* closedir() closes it */
	r = remove_entries(d, dev, depth + 1);
	if (r < 0)
		return r;
	return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* unlink() first: only a real folder answers EISDIR (POSIX: EPERM), so a link is never entered. */
static int remove_at(int dir_fd, const char *name, dev_t dev, unsigned depth)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return remove_dir_at(dir_fd, name, dev, depth);
}

/**
 * file_remove_tree_at() - remove a file, or a folder with all that is in it
 * @name: links in it are removed, not followed; other file systems mounted in it are left alone
 *
 * What can be removed is, even after a failure. Return: 0, also if there was nothing; -EXDEV if
 * something is mounted there; another negative errno, the first one met.
 */
int file_remove_tree_at(int dir_fd, const char *name, struct err *e)
{
	CLEANUP(leaf_done) struct leaf l = {.owned_fd = -1};
	struct stat st;
	int r;

	r = leaf_find(dir_fd, name, &l);
	/* The device of the folder above, so that @name itself being a mount is noticed too. */
	if (r == 0 && (dir_fd == AT_FDCWD ? lstat(l.name, &st) : fstat(l.dir_fd, &st)) < 0)
		r = -errno;
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = remove_at(l.dir_fd, l.name, st.st_dev, 0);
	return r < 0 ? fail(e, r, "remove", dir_fd, name) : 0;
}

/**
 * file_lock_patiently() - flock() a file or folder for ourselves alone
 * @fd:          of it; the lock ends with the last copy of this descriptor
 * @patience_ns: for somebody who has it for a moment
 *
 * Return: 0; -EWOULDBLOCK: somebody still has it; another negative errno.
 */
int file_lock_patiently(int fd, uint64_t patience_ns)
{
	const struct timespec moment = {.tv_nsec = LOCK_MOMENT_NS};

	for (uint64_t waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_MOMENT_NS) {
		if (errno != EWOULDBLOCK || waited >= patience_ns)
			return -errno;
		(void)nanosleep(&moment, NULL);
	}
	return 0;
}

/**
 * file_random_suffix() - a name nobody can guess
 * @suffix: six of [A-Za-z0-9], each equally likely, and NUL
 *
 * Return: 0; negative errno if the kernel gives no random bytes.
 */
int file_random_suffix(char suffix[7])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const unsigned count = sizeof(letters) - 1;
	size_t i = 0;

	while (i < 6) {
		uint8_t byte;
		ssize_t n = getrandom(&byte, 1, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 1 &&
		    byte < 256 / count * count) /* the rest would favour the first letters */
			suffix[i++] = letters[byte % count];
	}
	suffix[6] = '\0';
	return 0;
}
