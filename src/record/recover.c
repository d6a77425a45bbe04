/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recovery: the folder of a recorder that died, to a bundle.
 *
 * Called by `scoutfs-trace recover`, for one folder or for all that are left over. It takes what
 * the dead recorder's tracing instance still holds (leftover.c), then does what the normal end does
 * (finish.c). A folder whose recorder lives is refused: the recorder holds its lock.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/log.h"

#include "finish.h"
#include "folder.h"
#include "leftover.h"
#include "session.h"

static int lock_folder(int fd, const char *path, struct err *e)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(e, -EBUSY,
			       "the recorder of %s still runs: end it with scoutfs-trace stop, "
			       "which makes the "
			       "bundle",
			       path);
	return err_errno(e, -errno, "cannot lock %s", path);
}

static void forget(int fd, const char *path, const char *run_dir)
{
	CLEANUP(folder_done) struct folder f = {0};

	if (folder_load(fd, path, &f, NULL) == 0)
		leftover_forget(run_dir, json_get_str(folder_facts(&f), "suffix", ""));
}

static int remove_session(const char *path, struct err *e)
{
	CLEANUP(freep) char *copy = strdup(path);
	CLEANUP(closep) int parent = -1;
	char *name;
	size_t n;

	if (!copy)
		return err_nomem(e);
	for (n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	name = strrchr(copy, '/');
	if (name)
		*name++ = '\0';
	parent = file_open_dir(!name ? "." : *copy ? copy : "/", e);
	return parent < 0 ? parent : file_remove_tree_at(parent, name ? name : copy, e);
}

/**
 * record_recover() - make the bundle of a session folder whose recorder died
 * @session_dir: the folder
 * @output_dir:  where the bundle goes
 * @run_dir:     of the recorder, where it noted the folder
 * @ret:         as with record_run()
 * @e:           filled on failure
 *
 * On success the folder is removed, unless something in it could not go into the bundle: then
 * ret->session says where it is. On failure it stays, with everything that was recorded.
 *
 * Return: 0; -EBUSY when its recorder still runs; -ENOENT or -EINVAL when it is no session folder;
 * another negative errno.
 */
int record_recover(const char *session_dir, const char *output_dir, const char *run_dir,
		   struct record_result *ret, struct err *e)
{
	CLEANUP(closep) int fd = file_open_dir(session_dir, e);
	struct err why = {0};
	int r;

	if (fd < 0)
		return fd;
	r = finish_is_session(fd, session_dir, e);
	if (r == 0)
		r = lock_folder(fd, session_dir, e);
	if (r == 0)
		r = leftover_drain(fd, session_dir, e);
	if (r > 0)
		log_notice("took %d events from the dead recorder's tracing instance", r);
	if (r >= 0)
		r = finish(&(struct finish_config){.session_fd = fd,
						   .session_path = session_dir,
						   .output_dir = output_dir},
			   ret, e);
	if (r < 0 || ret->session[0])
		return r;
	forget(fd, session_dir, run_dir);
	if (remove_session(session_dir, &why) < 0)
		log_warning("%s", why.text);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folders in @dir_fd that may be sessions, oldest name first. NULL-terminated, to be freed. */
static char **list_sessions(int dir_fd)
{
	CLEANUP(freep) char **names = calloc(1, sizeof(char *));
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t count = 0;

	if (!dir) {
		closep(&fd);
		return take_ptr(names);
	}
	for (struct dirent *d; names && (d = readdir(dir));) {
		char path[sizeof(d->d_name) + sizeof(SESSION_FACTS) + 1], **more;

		(void)snprintf(path, sizeof(path), "%s/%s", d->d_name, SESSION_FACTS);
		if (d->d_name[0] == '.' || faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		more = realloc(names, (count + 2) * sizeof(*more));
		if (!more)
			break;
		names = more;
		names[count] = strdup(d->d_name);
		if (names[count])
			names[++count] = NULL;
		else
			names[count] = NULL;
	}
	(void)closedir(dir);
	if (names)
		qsort(names, count, sizeof(*names), by_name);
	return take_ptr(names);
}

/**
 * record_recover_all() - make the bundles of all sessions in a folder whose recorder died
 * @dir:     where recordings are kept; the bundles go there too
 * @run_dir: of the recorder
 * @made:    called for each bundle; the result is the caller's to look at, not to keep
 * @arg:     for @made
 * @ret:     how many could not be made; each was logged
 * @e:       filled on failure
 *
 * A session that is being recorded is left alone.
 *
 * Return: 0, also when there was nothing to do; a negative errno when @dir cannot be read.
 */
int record_recover_all(const char *dir, const char *run_dir,
		       void (*made)(void *arg, const struct record_result *result), void *arg,
		       unsigned int *ret, struct err *e)
{
	CLEANUP(closep) int fd = file_open_dir(dir, e);
	char **names;

	*ret = 0;
	if (fd < 0)
		return fd;
	names = list_sessions(fd);
	if (!names)
		return err_nomem(e);
	for (char **n = names; *n; n++) {
		struct record_result result = {0};
		struct err why = {0};
		char path[PATH_MAX];
		int r = -ENAMETOOLONG;

		if (snprintf(path, sizeof(path), "%s/%s", dir, *n) < (int)sizeof(path))
			r = record_recover(path, dir, run_dir, &result, &why);
		if (r == 0) {
			made(arg, &result);
		} else if (r == -EBUSY) {
			log_notice("%s is being recorded", path);
		} else {
			log_error("%s", why.text);
			(*ret)++;
		}
		text_free(&result.json);
		free(*n);
	}
	free(names);
	return 0;
}
