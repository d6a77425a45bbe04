/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a bundle that is made to a folder that is gone, in steps that a crash cannot take apart.
 *
 * Between giving the bundle its name and removing the session folder a recorder, or a recovery, can
 * be killed like at any other moment. Then the folder must not be kept for ever (it holds the whole
 * disk budget), nor be taken for a recording of its own; and it must not be removed because
 * something merely looks like its bundle. So before the bundle gets its name, finish() leaves a
 * note in the folder: name, length and inode of the file that has all that the folder has. Who
 * finds the note and that very file needs the folder no more. A folder that holds more than its
 * bundle has no note.
 *
 * Removing takes a while, and a folder that is half removed is no session any more. It is therefore
 * first renamed to what spent_sweep() knows, and any later recorder or recovery removes the rest.
 *
 * Called by finish.c, session.c, recover.c and leftover.c. It owns nothing.
 */
#include "spent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#define SPENT_NOTE "bundled"
#define NOTE_MAX_BYTES (64 * KIB)
#define SESSION_STEM "scoutfs-trace."
#define GONE ".gone"
#define HALF ".tar.zst.part"
#define HALF_AGE_S 60 /* between making a file and locking it no recovery takes as long */

/**
 * spent_note() - say in the folder that a bundle has all of it
 * @session_fd: the folder
 * @bundle_fd:  the bundle, durable, under its hidden name
 * @name:       that it will have
 * @result:     what the caller will be told of it
 *
 * Return: 0; a negative errno: then the folder is kept should we die before it is removed.
 */
int spent_note(int session_fd, int bundle_fd, const char *name, const struct record_result *result)
{
	CLEANUP(text_free) struct text note = {0};
	struct json_writer w;
	struct stat st;
	int r;

	if (fstat(bundle_fd, &st) < 0)
		return -errno;
	json_begin(&w, &note, false);
	json_object(&w);
	json_kv_str(&w, "bundle", name);
	json_kv_u64(&w, "bytes", (uint64_t)st.st_size);
	json_kv_u64(&w, "inode", (uint64_t)st.st_ino);
	json_kv_bool(&w, "complete", result->complete);
	json_kv_str(&w, "path", result->bundle);
	json_kv_str(&w, "result", text_c(&result->json));
	json_object_end(&w);
	text_str(&note, "\n");
	if (!text_ok(&note))
		return -ENOMEM;
	r = file_replace_at(session_fd, SPENT_NOTE, note.s, note.len, NULL);
	return r == 0 ? file_sync_dir(session_fd, NULL) : r;
}

/** spent_forget() - there is no such bundle, or it has not all of the folder */
void spent_forget(int session_fd)
{
	(void)unlinkat(session_fd, SPENT_NOTE, 0);
}

/*
 * Is it the very file, and ours? In a folder that others may write to a name proves nothing. And is
 * that name on the disk: who gave it may have been killed before he saw to it.
 */
static bool is_that_file(const struct json_value *note, const char *output_dir)
{
	CLEANUP(closep) int dir_fd = file_open_dir(output_dir, NULL);
	const char *name = json_get_str(note, "bundle", "");
	struct stat st;

	return dir_fd >= 0 && *name && !strchr(name, '/') &&
	       fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() &&
	       (uint64_t)st.st_size == json_get_u64(note, "bytes", UINT64_MAX) &&
	       (uint64_t)st.st_ino == json_get_u64(note, "inode", UINT64_MAX) &&
	       file_sync_dir(dir_fd, NULL) == 0;
}

/**
 * spent_find() - has the folder become a bundle already?
 * @session_fd: the folder, locked by the caller
 * @output_dir: where its bundle would be
 * @ret:        bundle, complete and json are set when 1 is returned; json is the caller's to free
 *
 * Return: 1 when that bundle is there; 0 when it is not, or when nobody can tell.
 */
int spent_find(int session_fd, const char *output_dir, struct record_result *ret)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text note = {0};
	const struct json_value *root;

	if (file_load_at(session_fd, SPENT_NOTE, NOTE_MAX_BYTES, &note, NULL) < 0 ||
	    json_parse(text_c(&note), note.len, &doc, NULL) < 0)
		return 0;
	root = json_root(doc);
	if (!is_that_file(root, output_dir))
		return 0;
	(void)snprintf(ret->bundle, sizeof(ret->bundle), "%s", json_get_str(root, "path", ""));
	ret->complete = json_get_bool(root, "complete", false);
	text_str(&ret->json, json_get_str(root, "result", "{}"));
	return 1;
}

/**
 * spent_remove() - remove a session folder that is no longer needed
 * @dir_fd: the folder it lies in
 * @name:   of it
 *
 * Return: 0, also when it was gone; a negative errno, then what is left of it is swept up later.
 */
int spent_remove(int dir_fd, const char *name, struct err *e)
{
	char gone[NAME_MAX + 1];

	FAILPOINT("remove-begun");
	if (snprintf(gone, sizeof(gone), ".%s" GONE, name) >= (int)sizeof(gone) ||
	    renameat(dir_fd, name, dir_fd, gone) < 0)
		return file_remove_tree_at(dir_fd, name, e);
	FAILPOINT("remove-renamed");
	return file_remove_tree_at(dir_fd, gone, e);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && !strcmp(s + n - k, end);
}

/* Ours, and nobody is at work on it: that holds a lock on it. */
static bool is_left(int dir_fd, const char *name, mode_t type)
{
	CLEANUP(closep) int fd = -1;
	struct stat st;

	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type &&
	       st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	       (type == S_IFDIR || st.st_mtime + HALF_AGE_S < time(NULL));
}

/**
 * spent_sweep() - remove what was being removed, or bundled, when somebody was killed
 * @dir_fd: a folder of recordings
 */
void spent_sweep(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct err e = {0};

	if (!list) {
		closep(&fd);
		return;
	}
	for (struct dirent *d; (d = readdir(list));) {
		bool folder = ends_with(d->d_name, GONE);

		if (!str_starts(d->d_name, "." SESSION_STEM) ||
		    (!folder && !ends_with(d->d_name, HALF)) ||
		    !is_left(dir_fd, d->d_name, folder ? S_IFDIR : S_IFREG))
			continue;
		if (file_remove_tree_at(dir_fd, d->d_name, &e) < 0)
			log_warning("%s", e.text);
		else
			log_info("removed %s, which was left over", d->d_name);
	}
	(void)closedir(list);
}
