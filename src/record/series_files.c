/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of a series: found by their patterns, kept open where that is right, read at each sample.
 *
 * Called by source_series.c, in its thread. What is read goes into the sample as it is.
 *
 * Files of proc and sysfs stay open and are read again from their beginning, which saves most of
 * the cost of a small one; when that fails (its device or mount went, and perhaps came back) it is
 * opened anew by its name, once. Files anywhere else are opened each time: an open file keeps a
 * file system from being unmounted, and one that is replaced by another of the same name would be
 * missed.
 *
 * Only regular files are opened, and none before it is known to be one: opening a device may act, a
 * FIFO makes whoever opens it wait. A read that never returns (a hung server behind the file)
 * cannot be prevented; it holds up the series, and nothing else.
 */
#include "series_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/file.h"

#define FILES_MAX 4096	     /* of a series; also entries of a folder */
#define LISTED_MAX 100000    /* names looked at for one pattern: one like that may be anywhere */
#define SAMPLE_MAX (4 * MIB) /* of all files of a series, each time */
#define FIND_EVERY_NS (10 * NSEC_PER_SEC)
#define FIND_OWN_NS (NSEC_PER_SEC / 2) /* built-in patterns: short ways, few names */
#define VALUE_MAX 256		       /* of a one-value file */
#define SECTION_ROOM 6144	       /* the line before a section: a path, escaped */
#define PATH_ROOM 1024

struct entry {
	char *name;    /* in the folder, or NULL */
	int fd;	       /* kept open, or -1 */
	bool one_read; /* a read that does not fill a page has it all */
};

struct item {
	char *path;
	struct entry *entries; /* one for a file */
	size_t count;
	bool listed; /* a folder whose names are known */
};

struct series_files {
	const struct series_spec *spec;
	struct item *items;
	size_t count;
	uint64_t found_ns; /* 0: look again */
	bool cut;	   /* there are more files than FILES_MAX */
};

/* ---- what is kept ---- */

static void entry_close(struct entry *n, struct series_reader *r)
{
	if (n->fd >= 0) {
		(void)close(take_fd(&n->fd));
		r->kept--;
	}
}

static void entries_drop(struct item *m, struct series_reader *r)
{
	for (size_t i = 0; i < m->count; i++) {
		entry_close(&m->entries[i], r);
		free(m->entries[i].name);
	}
	free(take_ptr(m->entries));
	m->count = 0;
	m->listed = false;
}

static void item_done(struct item *m, struct series_reader *r)
{
	entries_drop(m, r);
	free(m->path);
}

int series_files_new(const struct series_spec *spec, struct series_files **ret, struct err *e)
{
	struct series_files *f = calloc(1, sizeof(*f));

	if (!f)
		return err_nomem(e);
	f->spec = spec;
	*ret = f;
	return 0;
}

void series_files_free(struct series_files *f, struct series_reader *r)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++)
		item_done(&f->items[i], r);
	free(f->items);
	free(f);
}

int series_reader_init(struct series_reader *r, const char *root, size_t limit_bytes, struct err *e)
{
	*r = (struct series_reader){.root = root, .limit_bytes = limit_bytes, .room = 64 * KIB};
	r->buf = malloc(r->room);
	return r->buf ? 0 : err_nomem(e);
}

void series_reader_done(struct series_reader *r)
{
	free(take_ptr(r->buf));
}

/* ---- a sample being read ---- */

void series_sink_reset(struct series_sink *k)
{
	static const char head[SERIES_SINK_HEAD];

	text_reset(&k->body);
	text_add(&k->body, head, sizeof(head));
	k->sections = 0;
}

const char *series_sink_take(struct series_sink *k, uint64_t mono_ns, uint64_t took_ns,
			     size_t *ret_n)
{
	CLEANUP(text_free) struct text head = {0};
	char *at;

	series_sample_write(mono_ns, took_ns, k->sections, &head);
	if (!text_ok(&head) || !text_ok(&k->body))
		return NULL;
	at = k->body.s + SERIES_SINK_HEAD - head.len;
	memcpy(at, head.s, head.len);
	*ret_n = k->body.len - SERIES_SINK_HEAD + head.len;
	return at;
}

static void make_place(struct series_sink *k, size_t n)
{
	if (k->sections && (k->body.len + n + SECTION_ROOM > k->limit_bytes ||
			    k->sections >= SERIES_SECTIONS_MAX - 1))
		k->full(k, k->arg);
}

void series_sink_section(struct series_sink *k, const char *path, const void *bytes, size_t n)
{
	make_place(k, n);
	series_section_write(path, bytes, n, &k->body);
	k->sections++;
	k->read_bytes += n;
}

void series_sink_failure(struct series_sink *k, const char *path, int code)
{
	make_place(k, 0);
	series_failure_write(path, code, &k->body);
	k->sections++;
	if (code == -EFBIG)
		k->cuts++;
	else
		k->failures++;
}

/* ---- reading ---- */

/* Regular, and looked at before it is opened. Kept where keeping harms nobody. */
static int open_entry(struct series_reader *r, struct entry *n, const char *path, int *ret)
{
	struct statfs fs;
	struct stat st;
	int fd;

	if (series_path_forbidden(path))
		return -EPERM;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fstatfs(fd, &fs) < 0) {
		(void)close(fd);
		return -EINVAL;
	}
	n->one_read = fs.f_type == SYSFS_MAGIC;
	if ((fs.f_type == SYSFS_MAGIC || fs.f_type == PROC_SUPER_MAGIC) && r->kept < r->kept_max) {
		n->fd = fd;
		r->kept++;
	}
	*ret = fd;
	return 0;
}

static bool grow(struct series_reader *r)
{
	char *more = realloc(r->buf, r->room * 2);

	if (more) {
		r->buf = more;
		r->room *= 2;
	}
	return more != NULL;
}

/* All of it from the beginning into r->buf, at most @limit and a byte. Bytes, or negative errno. */
static ssize_t read_whole(struct series_reader *r, int fd, bool one_read, size_t limit)
{
	size_t got = 0;

	while (got <= limit) {
		ssize_t n;

		if (got == r->room && !grow(r))
			return -ENOMEM;
		n = pread(fd, r->buf + got, min_of(r->room - got, limit + 1 - got), (off_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		got += (size_t)n;
		if (n == 0 || (one_read && n < 4096))
			break;
	}
	return (ssize_t)got;
}

/* What is still open from the last time: nothing to be looked up. */
static ssize_t read_open(struct series_reader *r, struct entry *n, size_t limit)
{
	ssize_t got = n->fd >= 0 ? read_whole(r, n->fd, n->one_read, limit) : -EBADF;

	if (got < 0)
		entry_close(n, r);
	return got;
}

static ssize_t read_anew(struct series_reader *r, struct entry *n, const char *path, size_t limit)
{
	ssize_t got;
	int fd = -1, code;

	code = open_entry(r, n, path, &fd);
	if (code < 0)
		return code;
	got = read_whole(r, fd, n->one_read, limit);
	if (n->fd < 0)
		(void)close(fd);
	else if (got < 0)
		entry_close(n, r);
	return got;
}

static const char *real_path(const struct series_reader *r, const char *path, char *buf,
			     size_t size)
{
	return snprintf(buf, size, "%s%s", r->root, path) < (int)size ? buf : NULL;
}

static bool sample_file(struct item *m, struct series_reader *r, struct series_sink *k)
{
	ssize_t n = read_open(r, &m->entries[0], r->limit_bytes);
	char path[PATH_ROOM];
	const char *end;

	if (n < 0)
		n = real_path(r, m->path, path, sizeof(path))
			    ? read_anew(r, &m->entries[0], path, r->limit_bytes)
			    : -ENAMETOOLONG;
	if (n < 0) {
		series_sink_failure(k, m->path, (int)n);
		return false;
	}
	if ((size_t)n <= r->limit_bytes) {
		series_sink_section(k, m->path, r->buf, (size_t)n);
		return true;
	}
	/* Whole lines, so that the last number is not a part of one. */
	end = memrchr(r->buf, '\n', r->limit_bytes);
	series_sink_section(k, m->path, r->buf, end ? (size_t)(end + 1 - r->buf) : r->limit_bytes);
	series_sink_failure(k, m->path, -EFBIG);
	return true;
}

/* ---- folders of one-value files ---- */

static int by_entry(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int add_entry(struct item *m, const char *name)
{
	struct entry *more;

	if (m->count && (m->count & (m->count - 1)) == 0) { /* a power of two: full */
		more = realloc(m->entries, 2 * m->count * sizeof(*more));
		if (!more)
			return -ENOMEM;
		m->entries = more;
	}
	if (!m->entries)
		m->entries = calloc(1, sizeof(*m->entries));
	if (!m->entries)
		return -ENOMEM;
	more = &m->entries[m->count];
	*more = (struct entry){.name = strdup(name), .fd = -1};
	if (!more->name)
		return -ENOMEM;
	m->count++;
	return 0;
}

/* The names as they are now: which counters there are differs from release to release. */
static int list_folder(struct item *m, struct series_reader *r, const char *path)
{
	struct dirent *d;
	DIR *dir;
	int code = 0;

	entries_drop(m, r);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (code == 0 && m->count < FILES_MAX && (d = readdir(dir)))
		if (d->d_name[0] != '.' && (d->d_type == DT_REG || d->d_type == DT_UNKNOWN))
			code = add_entry(m, d->d_name);
	(void)closedir(dir);
	if (m->count)
		qsort(m->entries, m->count, sizeof(*m->entries), by_entry);
	m->listed = code == 0;
	return code;
}

/* "NAME VALUE" for each file; false when one could not be read. */
static bool add_values(struct item *m, struct series_reader *r, const char *folder,
		       struct text *lines)
{
	char path[PATH_ROOM];
	bool all = true;

	for (size_t i = 0; i < m->count; i++) {
		struct entry *n = &m->entries[i];
		ssize_t got = read_open(r, n, VALUE_MAX);

		if (got < 0)
			got = snprintf(path, sizeof(path), "%s/%s", folder, n->name) <
					      (int)sizeof(path)
				      ? read_anew(r, n, path, VALUE_MAX)
				      : -ENAMETOOLONG;
		if (got < 0) {
			all = false;
			continue;
		}
		got = (ssize_t)min_of((size_t)got, (size_t)VALUE_MAX);
		while (got > 0 && r->buf[got - 1] == '\n')
			got--;
		text_str(lines, n->name);
		text_str(lines, " ");
		/* One value, one line. */
		for (ssize_t c = 0; c < got; c++)
			if (r->buf[c] == '\n')
				r->buf[c] = ' ';
		text_add(lines, r->buf, (size_t)got);
		text_str(lines, "\n");
	}
	return all;
}

static bool sample_folder(struct item *m, struct series_reader *r, struct series_sink *k)
{
	CLEANUP(text_free) struct text lines = {0};
	char path[PATH_ROOM], shown[PATH_ROOM];
	int code = -ENAMETOOLONG;
	bool all;

	(void)snprintf(shown, sizeof(shown), "%s/", m->path);
	if (real_path(r, m->path, path, sizeof(path)))
		code = m->listed ? 0 : list_folder(m, r, path);
	if (code < 0) {
		series_sink_failure(k, shown, code);
		return false;
	}
	all = add_values(m, r, path, &lines);
	if (lines.failed || (!all && !lines.len)) {
		series_sink_failure(k, shown, lines.failed ? -ENOMEM : -ENOENT);
		return false;
	}
	series_sink_section(k, shown, text_c(&lines), lines.len);
	return all;
}

/* ---- finding ---- */

struct found {
	char **paths;
	size_t count, room;
	bool cut;
};

static void found_done(struct found *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->paths[i]);
	free(f->paths);
}

/* Takes @path over. */
static void found_add(struct found *f, char *path)
{
	if (!path || f->count >= FILES_MAX) {
		f->cut |= path != NULL;
		free(path);
		return;
	}
	if (f->count == f->room) {
		size_t room = f->room ? f->room * 2 : 16;
		char **more = realloc(f->paths, room * sizeof(*more));

		if (!more) {
			free(path);
			return;
		}
		f->paths = more;
		f->room = room;
	}
	f->paths[f->count++] = path;
}

/* A pattern like that may be anywhere, and the recorder's memory is not for its result. */
static __thread size_t names_left;

static struct dirent *read_name(void *dir)
{
	struct dirent *d;

	do
		d = names_left ? readdir(dir) : NULL;
	while (d && --names_left && !strcmp(d->d_name, "volume_options"));
	return d;
}

static void *open_names(const char *path)
{
	return opendir(path);
}

static void close_names(void *dir)
{
	(void)closedir(dir);
}

static void find_pattern(const char *pattern, const struct series_reader *r, struct found *f)
{
	glob_t g = {.gl_readdir = read_name,
		    .gl_opendir = open_names,
		    .gl_closedir = close_names,
		    .gl_lstat = lstat,
		    .gl_stat = stat};
	char path[PATH_ROOM];

	if (!strpbrk(pattern, "*?[")) {
		found_add(f, strdup(pattern));
		return;
	}
	if (!real_path(r, pattern, path, sizeof(path)))
		return;
	names_left = LISTED_MAX;
	if (glob(path, GLOB_ALTDIRFUNC | GLOB_NOSORT, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			found_add(f, strdup(g.gl_pathv[i] + strlen(r->root)));
	f->cut |= !names_left;
	globfree(&g);
}

/* "259:3" in a file, and the path of that device's figures. */
static void add_device(const char *dev, const struct series_reader *r, struct found *f)
{
	char link[PATH_ROOM], target[PATH_ROOM], path[PATH_ROOM];
	unsigned int major_number, minor_number;
	const char *name;
	ssize_t n;

	if (sscanf(dev, "%u:%u", &major_number, &minor_number) != 2)
		return;
	(void)snprintf(link, sizeof(link), "%s/sys/dev/block/%u:%u", r->root, major_number,
		       minor_number);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	name = strrchr(target, '/');
	(void)snprintf(path, sizeof(path), "/sys/class/block/%.255s/stat",
		       name ? name + 1 : target);
	found_add(f, strdup(path));
}

/* The data device by its number, the metadata device by its path; as trigger_blockdev.c. */
static void add_disks_of(const char *mount, const struct series_reader *r, struct found *f)
{
	CLEANUP(text_free) struct text value = {0};
	char path[PATH_ROOM + 64], dev[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/data_device_maj_min", mount);
	if (file_load(path, 256, &value, NULL) == 0)
		add_device(text_c(&value), r, f);
	text_reset(&value);
	(void)snprintf(path, sizeof(path), "%s/mount_options/metadev_path", mount);
	if (file_load(path, 4096, &value, NULL) < 0 || !str_starts(text_c(&value), "/dev/"))
		return;
	value.s[strcspn(value.s, "\n")] = '\0';
	if (stat(value.s, &st) < 0 || !S_ISBLK(st.st_mode))
		return;
	(void)snprintf(dev, sizeof(dev), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	add_device(dev, r, f);
}

static void find_disks(const struct series_reader *r, struct found *f)
{
	CLEANUP(found_done) struct found mounts = {0};
	char path[PATH_ROOM];

	find_pattern("/sys/fs/scoutfs/f.*", r, &mounts);
	for (size_t i = 0; i < mounts.count; i++)
		if (real_path(r, mounts.paths[i], path, sizeof(path)))
			add_disks_of(path, r, f);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void find_paths(const struct series_spec *spec, const struct series_reader *r,
		       struct found *ret)
{
	const char *const *patterns;
	size_t count, kept = 0;

	if (spec->builtin && spec->builtin->kind == SERIES_DISKS) {
		find_disks(r, ret);
	} else {
		count = series_spec_patterns(spec, &patterns);
		for (size_t i = 0; i < count; i++)
			find_pattern(patterns[i], r, ret);
	}
	if (ret->count)
		qsort(ret->paths, ret->count, sizeof(*ret->paths), by_path);
	for (size_t i = 0; i < ret->count; i++) {
		if (kept && !strcmp(ret->paths[kept - 1], ret->paths[i]))
			free(ret->paths[i]);
		else
			ret->paths[kept++] = ret->paths[i];
	}
	ret->count = kept;
}

/**
 * series_files_there() - is there anything to read now?
 *
 * Return: 0; -ENOENT: nothing; -EISDIR, -EINVAL: a folder, or a device and the like, and nothing
 * else.
 */
int series_files_there(const struct series_spec *spec, const char *root)
{
	const struct series_reader r = {.root = root};
	CLEANUP(found_done) struct found found = {0};
	char path[PATH_ROOM];
	int code = -ENOENT;
	struct stat st;

	find_paths(spec, &r, &found);
	for (size_t i = 0; i < found.count; i++) {
		if (!real_path(&r, found.paths[i], path, sizeof(path)) || stat(path, &st) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			return 0;
		code = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	return code;
}

static int make_item(struct item *ret, char *path, bool folder)
{
	*ret = (struct item){.path = path};
	if (folder)
		return 0;
	ret->entries = calloc(1, sizeof(*ret->entries));
	if (!ret->entries)
		return -ENOMEM;
	ret->entries[0].fd = -1;
	ret->count = 1;
	return 0;
}

/*
 * The items as they should be now; those that were there already keep their open files. Both lists
 * are in order.
 */
static void find(struct series_files *f, struct series_reader *r, uint64_t now_ns)
{
	bool folder = f->spec->builtin && f->spec->builtin->kind == SERIES_FOLDERS;
	CLEANUP(found_done) struct found found = {0};
	size_t count = 0, old = 0;
	struct item *items;

	f->found_ns = now_ns;
	find_paths(f->spec, r, &found);
	items = calloc(max_of(found.count, (size_t)1), sizeof(*items));
	if (!items)
		return;
	for (size_t i = 0; i < found.count; i++) {
		while (old < f->count && strcmp(f->items[old].path, found.paths[i]) < 0)
			item_done(&f->items[old++], r);
		if (old < f->count && !strcmp(f->items[old].path, found.paths[i]))
			items[count++] = f->items[old++];
		else if (make_item(&items[count], found.paths[i], folder) == 0) {
			found.paths[i] = NULL;
			count++;
		}
	}
	while (old < f->count)
		item_done(&f->items[old++], r);
	free(f->items);
	f->items = items;
	f->count = count;
	f->cut = found.cut;
}

/**
 * series_files_sample() - read them all
 * @now_ns: CLOCK_MONOTONIC
 * @k:      gets a section for each file or folder, or why there is none
 */
void series_files_sample(struct series_files *f, struct series_reader *r, uint64_t now_ns,
			 struct series_sink *k)
{
	bool own = f->spec->builtin && f->spec->builtin->kind != SERIES_DISKS;
	bool folder = f->spec->builtin && f->spec->builtin->kind == SERIES_FOLDERS;
	bool all = true, anew;

	/* What has nothing yet is waited for: then it is looked for each time. */
	anew = !f->found_ns || !f->count ||
	       now_ns - f->found_ns >= (own ? FIND_OWN_NS : FIND_EVERY_NS);
	if (anew)
		find(f, r, now_ns);
	for (size_t i = 0; i < f->count && k->read_bytes < SAMPLE_MAX; i++) {
		bool ok = folder ? sample_folder(&f->items[i], r, k)
				 : sample_file(&f->items[i], r, k);

		/* What is in the folder may be what has changed. */
		if (!ok && folder)
			f->items[i].listed = false;
		all = all && ok;
	}
	if (!all)
		f->found_ns = 0;
	if (f->cut || k->read_bytes >= SAMPLE_MAX)
		series_sink_failure(k, "(more files)", -EFBIG);
}
