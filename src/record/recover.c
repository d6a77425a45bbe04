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
#include <sys/stat.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "format/segment.h"

#include "control_server.h"
#include "finish.h"
#include "folder.h"
#include "leftover.h"
#include "session.h"
#include "spent.h"

/*
 * A recorder that was killed while it began to run a program has a child for a moment more, which
 * has all its descriptors, and so its locks, until it is killed too or runs the program.
 */
#define LOCK_PATIENCE_NS (500 * NSEC_PER_MSEC)

static int lock_folder(int fd, const char *path, struct err *e)
{
	int r = file_lock_patiently(fd, LOCK_PATIENCE_NS);

	if (r == 0)
		return 0;
	if (r == -EWOULDBLOCK)
		return err_set(e, -EBUSY,
			       "the recorder of %s still runs: end it with scoutfs-trace stop, "
			       "which makes the "
			       "bundle",
			       path);
	return err_errno(e, r, "cannot lock %s", path);
}

static void forget(int fd, const char *path, const char *run_dir)
{
	CLEANUP(folder_done) struct folder f = {0};

	if (folder_load(fd, path, &f, NULL) == 0)
		leftover_forget(run_dir, json_get_str(folder_facts(&f), "suffix", ""));
	control_clear(run_dir);
}

/* The folder that @path lies in, and its name there. @copy is what ret_name points into. */
static int open_parent(const char *path, char **copy, const char **ret_name, struct err *e)
{
	char *name;
	size_t n;

	*copy = strdup(path);
	if (!*copy)
		return err_nomem(e);
	for (n = strlen(*copy); n > 1 && (*copy)[n - 1] == '/'; n--)
		(*copy)[n - 1] = '\0';
	name = strrchr(*copy, '/');
	if (name)
		*name++ = '\0';
	*ret_name = name ? name : *copy;
	return file_open_dir(!name ? "." : **copy ? *copy : "/", e);
}

static int remove_session(const char *path, struct err *e)
{
	CLEANUP(freep) char *copy = NULL;
	CLEANUP(closep) int parent = -1;
	const char *name;

	parent = open_parent(path, &copy, &name, e);
	return parent < 0 ? parent : spent_remove(parent, name, e);
}

/* 1 when the folder held nothing and was removed; 0 when it is not of that kind. */
static int remove_unborn(const char *path, struct err *e)
{
	CLEANUP(freep) char *copy = NULL;
	CLEANUP(closep) int parent = -1;
	const char *name;
	int r;

	parent = open_parent(path, &copy, &name, NULL);
	if (parent < 0 || !leftover_is_unborn(parent, name))
		return 0;
	r = leftover_remove_unborn(parent, name, e);
	return r < 0 ? r : 1;
}

#define PROBE ".scoutfs-trace.probe"

/*
 * Is there a place for what the tail and the tracing instance hold? Asked before anything is read
 * from the instance, because that cannot be put back.
 */
static int can_write(int fd)
{
	CLEANUP(closep) int probe = -1;
	struct stat st = {0};
	int r = 0;

	(void)unlinkat(fd, PROBE, 0);
	(void)fstatat(fd, SEGMENT_TAIL, &st, AT_SYMLINK_NOFOLLOW);
	probe = file_create_at(fd, PROBE, NULL);
	if (probe < 0)
		return probe;
	if (fallocate(probe, 0, 0, st.st_size + (off_t)MIB) < 0 && errno != EOPNOTSUPP &&
	    errno != ENOSYS)
		r = -errno;
	(void)unlinkat(fd, PROBE, 0);
	return r;
}

static bool is_refusal(int code)
{
	return code == -EROFS || code == -EACCES || code == -EPERM || code == -ENOSPC ||
	       code == -EDQUOT;
}

/* What is left is taken into the folder, if that can be written to. 1 when it can not. */
static int drain(int fd, const char *path, struct err *e)
{
	int r = can_write(fd);

	if (r == 0)
		r = leftover_drain(fd, path, e);
	if (r > 0)
		log_notice("took %d events from the dead recorder's tracing instance", r);
	if (r >= 0)
		return 0;
	if (!is_refusal(r))
		return e->code ? r : err_errno(e, r, "cannot write to %s", path);
	log_warning("%s cannot be written to (%s): it is kept as it is, and the bundle is made of "
		    "what is in it",
		    path, strerror(-r));
	err_clear(e);
	return 1;
}

/*
 * Somebody was killed after the bundle had got its name and before the folder was gone: nothing is
 * left to do but that. 1 when it was so.
 */
static int end_spent(int fd, const char *session_dir, const char *output_dir, const char *run_dir,
		     struct record_result *ret)
{
	struct err why = {0};

	if (!spent_find(fd, output_dir, ret))
		return 0;
	log_notice("the bundle of %s had been made before; the folder is removed", session_dir);
	leftover_drop(fd, session_dir);
	forget(fd, session_dir, run_dir);
	if (remove_session(session_dir, &why) < 0)
		log_warning("%s", why.text);
	return 1;
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
 * A folder that cannot be written to (a read-only or a full file system) is read as it is, and
 * stays. One whose recorder was killed before it could record is removed; so is one whose bundle is
 * there already, and ret tells of that.
 *
 * Return: 0; 1 when nothing had been recorded and the folder is gone; -EBUSY when its recorder
 * still runs; -ENOENT or -EINVAL when it is no session folder;
 * another negative errno.
 */
int record_recover(const char *session_dir, const char *output_dir, const char *run_dir,
		   struct record_result *ret, struct err *e)
{
	CLEANUP(closep) int fd = file_open_dir(session_dir, e);
	struct err why = {0};
	bool as_it_is;
	int r;

	if (fd < 0)
		return fd;
	r = remove_unborn(session_dir, e);
	if (r > 0)
		control_clear(run_dir);
	if (r != 0)
		return r;
	r = finish_is_session(fd, session_dir, e);
	if (r == 0)
		r = lock_folder(fd, session_dir, e);
	if (r == 0 && end_spent(fd, session_dir, output_dir, run_dir, ret))
		return 0;
	if (r == 0)
		r = drain(fd, session_dir, e);
	FAILPOINT("recover-drained-folder");
	if (r < 0)
		return r;
	as_it_is = r > 0;
	r = finish(
		&(struct finish_config){
			.session_fd = fd,
			.session_path = session_dir,
			.output_dir = output_dir,
			.keep = as_it_is,
			.undrained = as_it_is && leftover_pending(fd, session_dir)
					     ? "what the dead recorder's tracing instance still "
					       "holds was not taken: the session folder cannot "
					       "be written to"
					     : NULL},
		ret, e);
	if (r == 0 && as_it_is)
		(void)snprintf(ret->session, sizeof(ret->session), "%s", session_dir);
	if (r < 0 || ret->session[0])
		return r;
	FAILPOINT("recover-bundled");
	forget(fd, session_dir, run_dir);
	FAILPOINT("recover-forgotten");
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
		if (d->d_name[0] == '.' ||
		    (faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
		     !leftover_is_unborn(dir_fd, d->d_name)))
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
	spent_sweep(fd);
	leftover_tidy(run_dir);
	control_clear(run_dir);
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
		} else if (r == -EEXIST) {
			/* Kept, because it holds what could not go into the bundle. */
			log_notice("%s was recovered before: %s", path, why.text);
		} else if (r < 0) {
			log_error("%s", why.text);
			(*ret)++;
		}
		text_free(&result.json);
		free(*n);
	}
	free(names);
	return 0;
}
