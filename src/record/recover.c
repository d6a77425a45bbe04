/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recovery: the folder of a recorder that died, to a bundle.
 *
 * Called by `scoutfs-trace recover DIR`. It takes what the dead recorder's tracing instance still
 * holds (leftover.c), then does what the normal end does (finish.c). A folder whose recorder lives
 * is refused: the recorder holds its lock.
 */
#include <errno.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/log.h"

#include "finish.h"
#include "folder.h"
#include "leftover.h"

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
