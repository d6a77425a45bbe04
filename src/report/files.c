/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in a folder, made by a child that cannot open any.
 *
 * Called by report.c (the parent: files_open before the child is there, files_keep when it has
 * ended well) and by export_csv.c and export_gnuplot.c (the child). The child has one descriptor,
 * of a file without a name in that folder, and appends pieces to it: of which file, and how long;
 * several files may grow at once, and one gets its name when it is known that it is wanted. The
 * child may be another's by then, so the parent believes nothing: a name is of few letters and
 * leads nowhere, lengths stay within the file.
 *
 * All files appear when all are complete, each by a rename. They are their owner's alone, as the
 * bundle that they were made of. What is in the way and no regular file stays.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

#define HEAD_BYTES 16 /* kind, file, length of what follows */
#define PIECE_DATA 1
#define PIECE_NAME 2
#define NAMES_MAX 4096
#define PIECES_MAX (1 << 20) /* a file comes in pieces of 64 KiB and more, but for its last */
#define COPY_BYTES (256 * KIB)
#define MODE 0600

/* ---- the child ---- */

static void put_piece(struct files *f, uint32_t kind, uint32_t id, const void *bytes, size_t n)
{
	uint8_t head[HEAD_BYTES];
	int r;

	if (f->code)
		return;
	put_le32(head, kind);
	put_le32(head + 4, id);
	put_le64(head + 8, n);
	r = file_write_all(f->fd, head, sizeof(head));
	if (r == 0)
		r = file_write_all(f->fd, bytes, n);
	f->code = r;
}

/** files_add() - one more file; it is forgotten unless files_name() names it */
uint32_t files_add(struct files *f)
{
	return f->count++;
}

/** files_write() - append to a file; files_end() tells of a failure */
void files_write(struct files *f, uint32_t id, const void *bytes, size_t n)
{
	if (n)
		put_piece(f, PIECE_DATA, id, bytes, n);
}

/** files_flush() - append @t and empty it, if it has more than @more_than bytes */
void files_flush(struct files *f, uint32_t id, struct text *t, size_t more_than)
{
	if (!text_ok(t) && !f->code)
		f->code = -ENOMEM;
	if (t->len <= more_than)
		return;
	files_write(f, id, t->s, t->len);
	text_reset(t);
}

/** files_name() - the file is wanted, under this name */
void files_name(struct files *f, uint32_t id, const char *name)
{
	put_piece(f, PIECE_NAME, id, name, strlen(name));
}

int files_end(const struct files *f, struct err *e)
{
	if (f->code == -ENOMEM)
		return err_nomem(e);
	return f->code ? err_errno(e, f->code, "cannot write files for %s", f->path) : 0;
}

/* ---- the parent ---- */

static int open_hidden(struct files *f, struct err *e)
{
	char name[32], suffix[7];
	int r;

	f->fd = openat(f->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
	if (f->fd >= 0)
		return 0;
	r = file_random_suffix(suffix);
	if (r == 0) {
		(void)snprintf(name, sizeof(name), ".scoutfs-trace.%s", suffix);
		f->fd = openat(f->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       MODE);
		if (f->fd >= 0)
			(void)unlinkat(f->dir_fd, name, 0);
		else
			r = -errno;
	}
	return r < 0 ? err_errno(e, r, "cannot make files in %s", f->path) : 0;
}

/**
 * files_open() - before the child is there
 * @path: of the folder, which is made if its own folder is there; borrowed until files_done()
 *
 * Return: 0; negative errno: it is no folder, or cannot be written to.
 */
int files_open(const char *path, struct files *ret, struct err *e)
{
	struct files f = {.path = path, .dir_fd = -1, .fd = -1};
	int r;

	*ret = f;
	f.made = mkdir(path, 0700) == 0;
	if (!f.made && errno != EEXIST)
		return err_errno(e, -errno, "cannot make the folder %s", path);
	f.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f.dir_fd < 0)
		r = err_errno(e, -errno, "cannot open the folder %s", path);
	else
		r = open_hidden(&f, e);
	*ret = f;
	if (r < 0)
		files_done(ret);
	return r;
}

/** files_rewind() - what a child that died has written is gone */
int files_rewind(struct files *f, struct err *e)
{
	if (f->fd >= 0 && (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0))
		return err_errno(e, -errno, "cannot make files in %s", f->path);
	return 0;
}

/** files_done() - without files_keep() the folder goes that files_open() made */
void files_done(struct files *f)
{
	closep(&f->fd);
	closep(&f->dir_fd);
	/* Only when it is empty. */
	if (f->made)
		(void)rmdir(f->path);
	*f = (struct files){.dir_fd = -1, .fd = -1};
}

struct named {
	uint32_t id;
	char name[FILES_NAME_MAX + 1];
	char hidden[FILES_NAME_MAX + 16]; /* "": not made, or has its name */
};

struct piece {
	uint32_t kind, id;
	uint64_t at, bytes; /* of what follows its head */
};

struct keeping {
	struct files *f;
	uint64_t size;
	struct named *names;
	size_t count;
	struct piece *pieces; /* of data: by file, and as they came */
	size_t piece_count, piece_room;
};

static void keeping_done(struct keeping *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->names[i].hidden[0])
			(void)unlinkat(k->f->dir_fd, k->names[i].hidden, 0);
	free(k->names);
	free(k->pieces);
}

static int nonsense(const struct keeping *k, struct err *e)
{
	return err_set(e, -EBADMSG, "what was made for %s makes no sense: nothing is kept of it",
		       k->f->path);
}

/* The piece at *@at, which then is behind it. 1; 0 at the end; negative errno. */
static int next_piece(const struct keeping *k, uint64_t *at, struct piece *ret, struct err *e)
{
	uint8_t head[HEAD_BYTES];

	if (*at == k->size)
		return 0;
	if (k->size - *at < HEAD_BYTES ||
	    file_pread_all(k->f->fd, head, sizeof(head), *at) != HEAD_BYTES)
		return nonsense(k, e);
	*ret = (struct piece){.kind = get_le32(head),
			      .id = get_le32(head + 4),
			      .at = *at + HEAD_BYTES,
			      .bytes = get_le64(head + 8)};
	if (ret->bytes > k->size - ret->at)
		return nonsense(k, e);
	*at = ret->at + ret->bytes;
	return 1;
}

/* Letters, digits, and between them . _ - */
static bool is_name(const char *s, size_t n)
{
	if (!n || s[0] == '.' || s[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') &&
		    !(s[i] >= '0' && s[i] <= '9') && !strchr("._-", s[i]))
			return false;
	return strlen(s) == n;
}

static int add_name(struct keeping *k, const struct piece *p, struct err *e)
{
	struct named n = {.id = p->id};

	if (p->bytes > FILES_NAME_MAX || k->count == NAMES_MAX ||
	    file_pread_all(k->f->fd, n.name, (size_t)p->bytes, p->at) != (ssize_t)p->bytes ||
	    !is_name(n.name, (size_t)p->bytes))
		return nonsense(k, e);
	for (size_t i = 0; i < k->count; i++)
		if (k->names[i].id == n.id || !strcmp(k->names[i].name, n.name))
			return nonsense(k, e);
	k->names[k->count++] = n;
	return 0;
}

static int add_data(struct keeping *k, const struct piece *p, struct err *e)
{
	if (k->piece_count == PIECES_MAX)
		return nonsense(k, e);
	if (k->piece_count == k->piece_room) {
		size_t room = max_of(k->piece_room * 2, (size_t)256);
		struct piece *more = realloc(k->pieces, room * sizeof(*more));

		if (!more)
			return err_nomem(e);
		k->pieces = more;
		k->piece_room = room;
	}
	k->pieces[k->piece_count++] = *p;
	return 0;
}

static int by_file(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* What there is: names, and pieces of data sorted by the file that they are of. */
static int find_pieces(struct keeping *k, struct err *e)
{
	struct piece p = {0};
	uint64_t at = 0;
	int r;

	while ((r = next_piece(k, &at, &p, e)) > 0) {
		if (p.kind == PIECE_NAME)
			r = add_name(k, &p, e);
		else if (p.kind == PIECE_DATA)
			r = add_data(k, &p, e);
		if (r < 0)
			return r;
	}
	if (k->piece_count)
		qsort(k->pieces, k->piece_count, sizeof(*k->pieces), by_file);
	return r;
}

/* The first piece of a file, or of one behind it. */
static size_t first_piece(const struct keeping *k, uint32_t id)
{
	size_t low = 0, high = k->piece_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (k->pieces[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int copy_piece(const struct keeping *k, const struct piece *p, int fd, uint8_t *buf)
{
	for (uint64_t done = 0; done < p->bytes;) {
		size_t n = (size_t)min_of(p->bytes - done, COPY_BYTES);
		ssize_t got = file_pread_all(k->f->fd, buf, n, p->at + done);
		int r;

		if (got <= 0)
			return got < 0 ? (int)got : -EIO;
		r = file_write_all(fd, buf, (size_t)got);
		if (r < 0)
			return r;
		done += (uint64_t)got;
	}
	return 0;
}

static int make_hidden(const struct keeping *k, struct named *n, struct err *e)
{
	struct stat st;
	char suffix[7];
	int r = file_random_suffix(suffix), fd;

	if (fstatat(k->f->dir_fd, n->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, -EEXIST,
			       "cannot make %s in %s: something else than a file has that name",
			       n->name, k->f->path);
	if (r < 0)
		return err_errno(e, r, "cannot make %s in %s", n->name, k->f->path);
	(void)snprintf(n->hidden, sizeof(n->hidden), ".%s.%s", n->name, suffix);
	fd = openat(k->f->dir_fd, n->hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    MODE);
	if (fd < 0) {
		r = -errno;
		n->hidden[0] = '\0';
		return err_errno(e, r, "cannot make %s in %s", n->name, k->f->path);
	}
	return fd;
}

/* All pieces of one file, under a hidden name. */
static int make_file(const struct keeping *k, struct named *n, uint8_t *buf, struct err *e)
{
	int fd = make_hidden(k, n, e), r = 0;

	if (fd < 0)
		return fd;
	for (size_t i = first_piece(k, n->id);
	     r == 0 && i < k->piece_count && k->pieces[i].id == n->id; i++)
		r = copy_piece(k, &k->pieces[i], fd, buf);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r < 0 ? err_errno(e, r, "cannot write %s in %s", n->name, k->f->path) : 0;
}

static int give_names(struct keeping *k, struct err *e)
{
	for (size_t i = 0; i < k->count; i++) {
		struct named *n = &k->names[i];

		if (renameat(k->f->dir_fd, n->hidden, k->f->dir_fd, n->name) < 0)
			return err_errno(e, -errno, "cannot make %s in %s", n->name, k->f->path);
		n->hidden[0] = '\0';
	}
	return 0;
}

/**
 * files_keep() - make the files that the child has named
 *
 * Return: 0; negative errno: those that are complete may be there, of others nothing.
 */
int files_keep(struct files *f, struct err *e)
{
	CLEANUP(keeping_done) struct keeping k = {.f = f};
	CLEANUP(freep) uint8_t *buf = malloc(COPY_BYTES);
	struct stat st;
	int r;

	if (f->fd < 0)
		return 0;
	k.names = calloc(NAMES_MAX, sizeof(*k.names));
	if (!buf || !k.names)
		return err_nomem(e);
	if (fstat(f->fd, &st) < 0)
		return err_errno(e, -errno, "cannot make files in %s", f->path);
	k.size = (uint64_t)st.st_size;
	r = find_pieces(&k, e);
	for (size_t i = 0; r == 0 && i < k.count; i++)
		r = make_file(&k, &k.names[i], buf, e);
	if (r == 0)
		r = give_names(&k, e);
	if (r == 0)
		f->made = false;
	return r;
}
