/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slow way: a bundle that somebody unpacked and packed again, with whatever compression and in
 * whatever order, or a session folder packed by hand.
 *
 * Called by bundle_index(), when the file is not as finish() made it. Ordinary members with names
 * that a recording has are written to one temporary file, one behind the other; that file has no
 * name, so nothing is left of it, and no name from the archive ever reaches the file system. Then
 * it is the same as a folder (bundle_folder.c).
 *
 * libarchive reads the tar: only format_tar, and only those filters that it has built in (for the
 * others it would start programs). What is unpacked is bounded by the room there is, and by the
 * length of what it came from.
 */
#include "bundle_private.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/file.h"

#define READ_BYTES (256 * KIB)
#define TEMP_MARGIN (64 * MIB)	     /* that others shall still have in $TMPDIR */
#define RATIO_FREE BUNDLE_RATIO_FREE /* unpacked bytes that are not held against it */
#define DEPTH_MAX 32		     /* parts of a name */

struct unpacker {
	struct bundle *b;
	struct archive *a;
	struct archive_entry *entry; /* owned by a */
	uint8_t *buf;
	uint64_t at; /* of the next read */
	int read_code;
	bool any;
};

static void unpacker_done(struct unpacker *u)
{
	if (u->a)
		(void)archive_read_free(u->a);
	free(u->buf);
}

/**
 * bundle_temp_open() - make the temporary file, in $TMPDIR or /tmp
 *
 * Most bundles do not need it, so that it cannot be had is told only when it is needed.
 */
void bundle_temp_open(struct bundle *b)
{
	const char *dir = secure_getenv("TMPDIR");
	char name[sizeof(b->temp_dir) + 32];
	struct statvfs vfs;

	if (!dir || !*dir || strlen(dir) >= sizeof(b->temp_dir))
		dir = "/tmp";
	(void)snprintf(b->temp_dir, sizeof(b->temp_dir), "%s", dir);
	b->temp_fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (b->temp_fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		(void)snprintf(name, sizeof(name), "%s/scoutfs-trace.XXXXXX", b->temp_dir);
		b->temp_fd = mkostemp(name, O_CLOEXEC);
		if (b->temp_fd >= 0)
			(void)unlink(name);
	}
	if (b->temp_fd < 0) {
		b->temp_code = -errno;
		return;
	}
	if (fstatvfs(b->temp_fd, &vfs) == 0)
		b->temp_free = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	b->temp_free = b->temp_free > TEMP_MARGIN ? b->temp_free - TEMP_MARGIN : 0;
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret)
{
	struct unpacker *u = arg;
	const struct bundle_file *f = &u->b->files[0];
	ssize_t n;

	(void)a;
	if (f->size) {
		n = bundle_pread(u->b, 0, u->buf, READ_BYTES, u->at);
	} else {
		do
			n = read(f->fd, u->buf, READ_BYTES);
		while (n < 0 && errno == EINTR);
		n = n < 0 ? -errno : n;
	}
	if (n < 0) {
		u->read_code = (int)n;
		archive_set_error(u->a, (int)-n, "cannot read");
		return -1;
	}
	u->at += (uint64_t)n;
	if (u->b->progress)
		u->b->progress(u->b->progress_arg, u->at, f->size);
	*ret = u->buf;
	return n;
}

/* A filter that libarchive has not got built in would be a program that it starts. */
static int open_archive(struct unpacker *u, struct err *e)
{
	u->buf = malloc(READ_BYTES);
	u->a = archive_read_new();
	if (!u->buf || !u->a || archive_read_support_format_tar(u->a) != ARCHIVE_OK)
		return err_nomem(e);
	if (archive_zlib_version())
		(void)archive_read_support_filter_gzip(u->a);
	if (archive_bzlib_version())
		(void)archive_read_support_filter_bzip2(u->a);
	if (archive_liblzma_version())
		(void)archive_read_support_filter_xz(u->a);
	if (archive_libzstd_version())
		(void)archive_read_support_filter_zstd(u->a);
	if (archive_read_open(u->a, u, NULL, on_read, NULL) < ARCHIVE_WARN)
		return -EINVAL;
	return 0;
}

/* Is this a name that a recording has, in whatever folder? */
static bool is_wanted(const char *path)
{
	const char *base = strrchr(path, '/');
	unsigned int depth = 0;

	for (const char *s = path; *s; s++)
		depth += *s == '/';
	if (depth > DEPTH_MAX || strlen(path) >= BUNDLE_NAME_MAX)
		return false;
	if (bundle_is_top_file(base ? base + 1 : path))
		return true;
	return str_starts(path, "context/") || strstr(path, "/context/") ||
	       str_starts(path, "series/") || strstr(path, "/series/") ||
	       str_starts(path, "spool/") || strstr(path, "/spool/");
}

static const char *archive_why(struct unpacker *u)
{
	const char *why = archive_error_string(u->a);

	return why ? why : "no reason given";
}

/* Has it become implausibly long for what it came from? */
static bool is_bomb(struct unpacker *u)
{
	la_int64_t from = archive_filter_bytes(u->a, -1), to = archive_filter_bytes(u->a, 0);
	uint64_t in = from > 0 ? (uint64_t)from : 1, out = to > 0 ? (uint64_t)to : 0;

	if (out < RATIO_FREE || out / BUNDLE_RATIO_MAX < in)
		return false;
	bundle_note_add(u->b, true,
			"what is behind %llu bytes is left out: it unpacks to more than %d times "
			"its length",
			(unsigned long long)in, BUNDLE_RATIO_MAX);
	return true;
}

static int no_room(const struct unpacker *u, uint64_t bytes, struct err *e)
{
	char need[32], room[32];

	return err_set(e, -ENOSPC,
		       "%s was packed again and has to be unpacked to be read: %s of it do not fit "
		       "into the %s free in %s; set TMPDIR to a folder with more room, unpack it "
		       "with tar and give the folder, or ask for the bundle as it was recorded",
		       u->b->path, format_bytes(bytes, need, sizeof(need)),
		       format_bytes(u->b->temp_free, room, sizeof(room)), u->b->temp_dir);
}

static int write_temp(struct unpacker *u, const uint8_t *bytes, size_t n, struct err *e)
{
	struct bundle *b = u->b;

	if (n > b->temp_free - min_of(b->temp_used, b->temp_free))
		return no_room(u, b->temp_used + n, e);
	while (n) {
		ssize_t done = pwrite(b->temp_fd, bytes, n, (off_t)b->temp_used);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
			return no_room(u, b->temp_used + n, e);
		if (done <= 0)
			return err_errno(e, done < 0 ? -errno : -EIO,
					 "cannot write the temporary file in %s", b->temp_dir);
		bytes += done;
		n -= (size_t)done;
		b->temp_used += (uint64_t)done;
	}
	return 0;
}

/*
 * The open member's bytes, to the temporary file if @keep. 1 when all came; 0 when they ended too
 * early or the rest is refused, which was told; negative errno.
 */
static int pass_data(struct unpacker *u, const char *name, bool keep, struct err *e)
{
	uint64_t came = 0;

	for (;;) {
		const void *bytes;
		la_int64_t at;
		size_t n;
		int r = archive_read_data_block(u->a, &bytes, &n, &at);

		if (r == ARCHIVE_EOF)
			return 1;
		if (r < ARCHIVE_WARN) {
			if (u->read_code < 0)
				return err_errno(e, u->read_code, "cannot read %s", u->b->path);
			bundle_note_add(u->b, true, "%s ends early: %s", name, archive_why(u));
			return 0;
		}
		if ((uint64_t)at != came) {
			bundle_note_add(u->b, true, "%s has holes: what is behind them is left out",
					name);
			return 0;
		}
		came += n;
		if (is_bomb(u))
			return 0;
		r = keep ? write_temp(u, bytes, n, e) : 0;
		if (r < 0)
			return r;
	}
}

/* NULL: it is taken; else why not. */
static const char *why_not(struct archive_entry *entry, const char *name)
{
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
	    archive_entry_filetype(entry) != AE_IFREG)
		return "it is not an ordinary file";
	if (archive_entry_sparse_count(entry) > 0)
		return "it has holes";
	if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0)
		return "it does not say how long it is";
	return is_wanted(name) ? NULL : "a recording has no such file";
}

/* One member. 1; 0 when nothing behind it can be read; negative errno. */
static int take_member(struct unpacker *u, struct err *e)
{
	const char *path = archive_entry_pathname(u->entry);
	char name[BUNDLE_NAME_MAX + 16];
	uint64_t base = u->b->temp_used;
	uint64_t bytes = (uint64_t)max_of(archive_entry_size(u->entry), (la_int64_t)0);
	const char *why;
	int r, added;

	if (!path)
		path = archive_entry_pathname_utf8(u->entry);
	(void)snprintf(name, sizeof(name), "%s", path ? path : "(a name that cannot be shown)");
	while (str_starts(name, "./"))
		memmove(name, name + 2, strlen(name + 2) + 1);
	if (archive_entry_filetype(u->entry) == AE_IFDIR)
		return 1;
	why = why_not(u->entry, name);
	if (why) {
		bundle_note_add(u->b, false, "%s is left out: %s", name, why);
		return pass_data(u, name, false, e);
	}
	if (bytes > u->b->temp_free - min_of(base, u->b->temp_free))
		return no_room(u, base + min_of(bytes, (uint64_t)INT64_MAX), e);
	r = pass_data(u, name, true, e);
	if (r < 0)
		return r;
	added = bundle_add_file(u->b, name, u->b->temp_fd, false, base, u->b->temp_used - base, e);
	return added < 0 ? added : r;
}

static int not_a_bundle(struct unpacker *u, struct err *e)
{
	if (u->read_code < 0)
		return err_errno(e, u->read_code, "cannot read %s", u->b->path);
	return err_set(e, -EINVAL,
		       "%s is not a bundle of scoutfs-trace: neither a tar archive (plain, zstd, "
		       "gzip, xz or bzip2), nor a trace.dat or pcap file; was all of it copied?",
		       u->b->path);
}

static int unpack(struct unpacker *u, struct err *e)
{
	int r = open_archive(u, e);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return not_a_bundle(u, e);
	for (;;) {
		r = archive_read_next_header(u->a, &u->entry);
		if (r == ARCHIVE_RETRY)
			continue;
		if (r == ARCHIVE_EOF)
			return u->any ? 0 : not_a_bundle(u, e);
		if (r < ARCHIVE_WARN) {
			if (!u->any || u->read_code < 0)
				return not_a_bundle(u, e);
			bundle_note_add(u->b, true, "the archive is damaged or cut short: %s",
					archive_why(u));
			return 0;
		}
		u->any = true;
		r = take_member(u, e);
		if (r <= 0)
			return r;
	}
}

static int need_temp(const struct bundle *b, struct err *e)
{
	if (b->temp_fd >= 0)
		return 0;
	return err_errno(e, b->temp_code ? b->temp_code : -EIO,
			 "%s was packed again and has to be unpacked to be read, but there can be "
			 "no temporary file in %s (set TMPDIR to another folder)",
			 b->path, b->temp_dir);
}

/**
 * bundle_tar_index() - unpack a tar, then index what was in it
 *
 * An assembled bundle whose beginning is damaged comes here too, and is walked when libarchive
 * cannot make anything of it.
 *
 * Return: 0; -EINVAL when it is no tar; -ENOSPC; another negative errno.
 */
int bundle_tar_index(struct bundle *b, struct err *e)
{
	CLEANUP(unpacker_done) struct unpacker u = {.b = b};
	int r = need_temp(b, e);

	if (r == 0)
		r = unpack(&u, e);
	if (!u.any && r < 0 && bundle_row_has_chunks(b, 0)) {
		err_clear(e);
		b->kind = BUNDLE_ASSEMBLED;
		return bundle_row_index(b, 0, e);
	}
	if (r < 0)
		return r;
	b->kind = BUNDLE_REPACKED;
	b->source_bytes += b->temp_used;
	bundle_strip_files(b);
	return bundle_folder_index(b, e);
}
