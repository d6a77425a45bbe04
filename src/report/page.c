/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that an HTML report or an export goes to.
 *
 * Called by report.c, in the parent: the child that parses gets the descriptor and could not open
 * anything. The file has no name until it is complete (O_TMPFILE; where the file system cannot do
 * that, a hidden one), so a reader sees all of it or the old one. It is its owner's alone, as the
 * bundle that it was made of; an existing file is replaced by a rename, and only if it is a regular
 * one: root may write anywhere, and /dev/null is better left alone.
 */
#include "page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

#define MODE 0600

static int fail(struct err *e, int r, const char *path)
{
	return err_errno(e, r, "cannot make %s", path);
}

static int open_folder(const char *path, struct page *p, struct err *e)
{
	CLEANUP(text_free) struct text dir = {0};
	const char *slash = strrchr(path, '/');

	p->name = slash ? slash + 1 : path;
	if (slash)
		text_add(&dir, path, max_of((size_t)(slash - path), (size_t)1));
	else
		text_str(&dir, ".");
	if (!text_ok(&dir))
		return err_nomem(e);
	if (!*p->name || !strcmp(p->name, ".") || !strcmp(p->name, ".."))
		return err_set(e, -EISDIR, "cannot make %s: it names a folder, not a file", path);
	p->dir_fd = open(text_c(&dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->dir_fd < 0 ? fail(e, -errno, path) : 0;
}

static int hidden_name(struct page *p)
{
	char suffix[7];
	int r = file_random_suffix(suffix);

	if (r < 0)
		return r;
	if ((size_t)snprintf(p->hidden, sizeof(p->hidden), ".%.200s.%s", p->name, suffix) >=
	    sizeof(p->hidden))
		return -ENAMETOOLONG;
	return 0;
}

static int open_file(struct page *p)
{
	int r;

	p->fd = openat(p->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
	if (p->fd >= 0)
		return 0;
	r = hidden_name(p);
	if (r < 0)
		return r;
	p->fd = openat(p->dir_fd, p->hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       MODE);
	if (p->fd < 0) {
		r = -errno;
		p->hidden[0] = '\0';
	}
	return r;
}

/**
 * page_open() - begin a file
 * @path: borrowed until page_done(); "-": standard output
 *
 * Return: 0; negative errno, for a reason that is in @e: the folder is not there or not writable,
 * or something else than a regular file has the name.
 */
int page_open(const char *path, struct page *ret, struct err *e)
{
	struct page p = {.dir_fd = -1, .fd = -1};
	struct stat st;
	int r;

	*ret = p;
	if (!strcmp(path, "-")) {
		ret->fd = STDOUT_FILENO;
		return 0;
	}
	r = open_folder(path, &p, e);
	if (r == 0 && fstatat(p.dir_fd, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISREG(st.st_mode))
		r = err_set(e, -EEXIST,
			    "cannot make %s: something else than a file has that name; give "
			    "another, or '-' for standard output",
			    path);
	if (r == 0) {
		r = open_file(&p);
		if (r < 0)
			r = fail(e, r, path);
	}
	*ret = p;
	if (r < 0)
		page_done(ret);
	return r;
}

/** page_rewind() - what was written is gone */
int page_rewind(struct page *p, struct err *e)
{
	if (p->fd == STDOUT_FILENO)
		return 0;
	if (ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0)
		return fail(e, -errno, p->name ? p->name : "a file without a name");
	return 0;
}

static int give_name(struct page *p)
{
	char self[64];
	int r;

	if (p->hidden[0])
		return 0;
	r = hidden_name(p);
	if (r < 0)
		return r;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", p->fd);
	if (linkat(AT_FDCWD, self, p->dir_fd, p->hidden, AT_SYMLINK_FOLLOW) < 0) {
		r = -errno;
		p->hidden[0] = '\0';
	}
	return r;
}

/** page_keep() - the file is complete: give it its name */
int page_keep(struct page *p, struct err *e)
{
	int r;

	if (p->dir_fd < 0)
		return 0;
	r = give_name(p);
	if (r == 0 && renameat(p->dir_fd, p->hidden, p->dir_fd, p->name) < 0)
		r = -errno;
	if (r < 0)
		return fail(e, r, p->name);
	p->hidden[0] = '\0';
	return 0;
}

/** page_done() - close; what was not kept is gone */
void page_done(struct page *p)
{
	if (p->dir_fd >= 0 && p->hidden[0])
		(void)unlinkat(p->dir_fd, p->hidden, 0);
	if (p->dir_fd >= 0 && p->fd >= 0)
		(void)close(p->fd);
	if (p->dir_fd >= 0)
		(void)close(p->dir_fd);
	*p = (struct page){.dir_fd = -1, .fd = -1};
}
