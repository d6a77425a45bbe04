/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording, opened: what kind it is, its members, streams and notes.
 *
 * Called by the verbs that read. struct bundle owns the descriptors, the index (48 bytes for each
 * chunk, whatever the chunk's length) and the temporary file. No payload is kept in memory. What a
 * made-up file can make it allocate is bounded by the limits in bundle_private.h.
 *
 * It never follows a name out of an archive: members are only looked up by name, nothing is
 * written but a temporary file that has no name either.
 */
#include "bundle_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/file.h"

#define FORMAT_NAME "scoutfs-trace-bundle"
#define FORMAT_VERSION 1
#define FILES_MAX UINT16_MAX

/* ---- notes ---- */

/**
 * bundle_note_add() - tell the user something about the recording
 * @damage: something is missing or unreadable
 *
 * Without memory, and beyond BUNDLE_NOTES_MAX, only their number is kept.
 */
void bundle_note_add(struct bundle *b, bool damage, const char *fmt, ...)
{
	CLEANUP(text_free) struct text raw = {0};
	struct text clean = {0};
	struct bundle_note *more;
	va_list ap;

	b->damaged |= damage;
	b->note_more++;
	if (b->note_count == BUNDLE_NOTES_MAX)
		return;
	va_start(ap, fmt);
	text_vprintf(&raw, fmt, ap);
	va_end(ap);
	text_add_clean(&clean, text_c(&raw), raw.len, false);
	more = realloc(b->notes, (b->note_count + 1) * sizeof(*more));
	if (more)
		b->notes = more;
	if (!more || !text_ok(&raw) || !text_ok(&clean)) {
		text_free(&clean);
		return;
	}
	b->notes[b->note_count++] = (struct bundle_note){damage, clean.s};
	b->note_more--;
}

struct bundle_notes_mark bundle_notes_mark(const struct bundle *b)
{
	return (struct bundle_notes_mark){b->note_count, b->note_more, b->damaged};
}

/* Take back what was noted since. */
void bundle_notes_back(struct bundle *b, struct bundle_notes_mark to)
{
	while (b->note_count > to.count)
		free((char *)(uintptr_t)b->notes[--b->note_count].text);
	b->note_more = to.more;
	b->damaged = to.damaged;
}

size_t bundle_notes(const struct bundle *b, const struct bundle_note **ret)
{
	*ret = b->notes;
	return b->note_count;
}

/* The last note says how many there are no sentences for. */
static void close_notes(struct bundle *b)
{
	size_t more = b->note_more;
	bool damaged = b->damaged;

	if (!more)
		return;
	if (b->note_count == BUNDLE_NOTES_MAX)
		free((char *)(uintptr_t)b->notes[--b->note_count].text);
	bundle_note_add(b, false, "and %zu more of this kind", more + 1);
	b->damaged = damaged;
}

bool bundle_is_damaged(const struct bundle *b)
{
	return b->damaged;
}

/* ---- files ---- */

/**
 * bundle_add_file() - take a file, or a part of one, into the bundle
 * @name:  in its folder or tar; NULL for the file itself
 * @owned: the descriptor is closed with the bundle, also when this fails
 */
int bundle_add_file(struct bundle *b, const char *name, int fd, bool owned, uint64_t base,
		    uint64_t size, struct err *e)
{
	char *copy = name ? strdup(name) : NULL;
	int r = 0;

	if (b->file_count == FILES_MAX)
		r = err_set(e, -E2BIG, "%s has more than %d files", b->path, FILES_MAX);
	else if (name && !copy)
		r = err_nomem(e);
	if (r == 0 && b->file_count == b->file_room) {
		size_t room = b->file_room ? b->file_room * 2 : 16;
		struct bundle_file *more = realloc(b->files, room * sizeof(*more));

		if (more) {
			b->files = more;
			b->file_room = room;
		} else {
			r = err_nomem(e);
		}
	}
	if (r < 0) {
		free(copy);
		if (owned)
			(void)close(fd);
		return r;
	}
	b->files[b->file_count++] = (struct bundle_file){copy, fd, owned, base, size};
	return 0;
}

/**
 * bundle_pread() - bytes of one of the bundle's files
 *
 * Return: how many, fewer than @n only at its end; negative errno.
 */
ssize_t bundle_pread(const struct bundle *b, uint16_t file, void *buf, size_t n, uint64_t at)
{
	const struct bundle_file *f = &b->files[file];

	if (at >= f->size)
		return 0;
	return file_pread_all(f->fd, buf, min_of(n, f->size - at), f->base + at);
}

const struct bundle_file *bundle_file_named(const struct bundle *b, const char *name,
					    uint16_t *ret_index)
{
	for (size_t i = 0; i < b->file_count; i++)
		if (b->files[i].name && strcmp(b->files[i].name, name) == 0) {
			*ret_index = (uint16_t)i;
			return &b->files[i];
		}
	return NULL;
}

/* ---- members ---- */

static bool is_safe_path(const char *path)
{
	if (!path[0] || path[0] == '/' || strlen(path) >= BUNDLE_NAME_MAX)
		return false;
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (str_starts(part, "..") && (part[2] == '/' || !part[2]))
			return false;
	}
	for (const char *s = path; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* Is it there already, in the folder as it is named now? */
static bool is_double(const struct bundle *b, const char *path)
{
	/* Looked for among the last ones only while there are many: a bundle has some hundred. */
	size_t from = b->member_count > 2000 ? b->member_count - 2000 : 0;

	for (size_t i = from; i < b->member_count; i++)
		if (strcmp(b->members[i].path, path) == 0)
			return true;
	return false;
}

static int grow_members(struct bundle *b, struct err *e)
{
	size_t room = b->member_room ? b->member_room * 2 : 64;
	struct bundle_member *members;
	struct bundle_member_data *data;

	if (b->member_count < b->member_room)
		return 0;
	members = realloc(b->members, room * sizeof(*members));
	if (!members)
		return err_nomem(e);
	b->members = members;
	data = realloc(b->data, room * sizeof(*data));
	if (!data)
		return err_nomem(e);
	b->data = data;
	b->member_room = room;
	return 0;
}

/**
 * bundle_add_member() - take a member into the list; its extents follow by bundle_add_extent()
 * @path:  as it stands in the tar or folder; "./" in front is dropped
 * @bytes: that it should have
 *
 * Return: 1; 0 when it is left out, which a note tells; -ENOMEM.
 */
int bundle_add_member(struct bundle *b, const char *path, uint64_t bytes, struct err *e)
{
	char *copy;
	int r;

	while (str_starts(path, "./"))
		path += 2;
	if (!is_safe_path(path)) {
		bundle_note_add(b, true, "the member \"%.200s\" is left out: its name cannot be",
				path);
		return 0;
	}
	if (is_double(b, path)) {
		bundle_note_add(b, true, "%s is there twice: the first is used", path);
		return 0;
	}
	if (b->member_count == BUNDLE_MEMBERS_MAX) {
		bundle_note_add(b, true, "%s is left out: there are more than %d members", path,
				BUNDLE_MEMBERS_MAX);
		return 0;
	}
	r = grow_members(b, e);
	if (r < 0)
		return r;
	copy = strdup(path);
	if (!copy)
		return err_nomem(e);
	b->members[b->member_count] = (struct bundle_member){.path = copy, .bytes = bytes};
	b->data[b->member_count++] = (struct bundle_member_data){.extent = b->extent_count,
								 .prologue_bytes = UINT64_MAX};
	return 1;
}

/* Of the member that was added last. */
int bundle_add_extent(struct bundle *b, struct bundle_extent x, struct err *e)
{
	struct bundle_member_data *d = &b->data[b->member_count - 1];

	if (b->extent_count == BUNDLE_EXTENTS_MAX) {
		bundle_note_add(b, true, "%s is in too many pieces",
				b->members[b->member_count - 1].path);
		b->members[b->member_count - 1].damaged = true;
		return 0;
	}
	if (b->extent_count == b->extent_room) {
		size_t room = b->extent_room ? b->extent_room * 2 : 64;
		struct bundle_extent *more = realloc(b->extents, room * sizeof(*more));

		if (!more)
			return err_nomem(e);
		b->extents = more;
		b->extent_room = room;
	}
	b->extents[b->extent_count++] = x;
	d->extent_count++;
	return 0;
}

size_t bundle_members(const struct bundle *b, const struct bundle_member **ret)
{
	*ret = b->members;
	return b->member_count;
}

const struct bundle_member *bundle_member(const struct bundle *b, const char *path)
{
	for (size_t i = 0; i < b->member_count; i++)
		if (strcmp(b->members[i].path, path) == 0)
			return &b->members[i];
	return NULL;
}

/* Bytes of @path up to its last part, if that is @name; -1. */
static ssize_t folder_of(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(slash ? slash + 1 : path, name) != 0)
		return -1;
	return slash ? slash + 1 - path : 0;
}

typedef const char *(*name_fn)(const struct bundle *b, size_t i);

static const char *member_name(const struct bundle *b, size_t i)
{
	return i < b->member_count ? b->members[i].path : NULL;
}

static const char *file_name(const struct bundle *b, size_t i)
{
	if (i >= b->file_count)
		return NULL;
	return b->files[i].name ? b->files[i].name : "";
}

/* The folder that everything lies in: that of the best known name, and of the shallowest such. */
static bool find_root(const struct bundle *b, name_fn name, char *ret, size_t room)
{
	static const char *const known[] = {"manifest.json", "session.json", "summary.txt",
					    "trace.dat",     "packets.pcap", "kernel.log",
					    "clocks.csv"};

	for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
		const char *best = NULL, *s;
		ssize_t n = -1;

		for (size_t i = 0; (s = name(b, i)); i++) {
			ssize_t m = folder_of(s, known[k]);

			if (m >= 0 && (n < 0 || m < n)) {
				best = s;
				n = m;
			}
		}
		if (best) {
			(void)snprintf(ret, room, "%.*s", (int)n, best);
			return true;
		}
	}
	return false;
}

/* Cut the folder off the members' names; those that lie elsewhere are not of this recording. */
static void strip_root(struct bundle *b)
{
	char root[BUNDLE_NAME_MAX] = "";
	size_t kept = 0, n;

	if (!find_root(b, member_name, root, sizeof(root)))
		return;
	n = strlen(root);
	for (size_t i = 0; i < b->member_count; i++) {
		char *path = (char *)(uintptr_t)b->members[i].path;

		if (strncmp(path, root, n) != 0) {
			bundle_note_add(b, false, "%s is left out: it is not in the folder %s",
					path, root);
			free(path);
			continue;
		}
		memmove(path, path + n, strlen(path + n) + 1);
		b->members[kept] = b->members[i];
		b->data[kept++] = b->data[i];
	}
	b->member_count = kept;
}

/* The same for the files that were in a tar. Those that lie elsewhere have no name then. */
void bundle_strip_files(struct bundle *b)
{
	char root[BUNDLE_NAME_MAX] = "";
	size_t n;

	if (!find_root(b, file_name, root, sizeof(root)))
		return;
	n = strlen(root);
	for (size_t i = 0; i < b->file_count; i++) {
		char *name = b->files[i].name;

		if (!name)
			continue;
		if (strncmp(name, root, n) == 0) {
			memmove(name, name + n, strlen(name + n) + 1);
			continue;
		}
		bundle_note_add(b, false, "%s is left out: it is not in the folder %s", name, root);
		free(take_ptr(b->files[i].name));
	}
}

/* Are the payloads of this stream part of that member? */
bool bundle_member_has(const struct bundle_member_data *d, const struct bundle_stream *s)
{
	return d->stream && s->kind == d->stream &&
	       (s->kind != CHUNK_SERIES || s->id == d->stream_id);
}

/* Which members are followed by chunks; and are all bytes there? */
static void close_members(struct bundle *b)
{
	for (size_t i = 0; i < b->member_count; i++) {
		struct bundle_member_data *d = &b->data[i];
		uint64_t sum = 0;

		if (d->prologue_bytes == UINT64_MAX)
			d->stream = bundle_stream_of(b->members[i].path);
		for (size_t k = 0; k < d->extent_count; k++)
			sum += b->extents[d->extent + k].bytes;
		for (size_t k = 0; d->stream && k < b->stream_count; k++)
			if (bundle_member_has(d, &b->streams[k]))
				sum += b->streams[k].raw_bytes;
		/* Also of a folder or a tar of another's, where no chunks follow. */
		if (d->stream_id && bundle_stream_of(b->members[i].path) == CHUNK_SERIES)
			bundle_name_series(b, d->stream_id, b->members[i].path);
		if (b->members[i].bytes == BUNDLE_BYTES_UNKNOWN)
			b->members[i].bytes = sum;
		if (sum != b->members[i].bytes)
			b->members[i].damaged = true;
		if (b->members[i].damaged)
			bundle_note_add(b, true, "%s: %llu of its %llu bytes are there",
					b->members[i].path, (unsigned long long)sum,
					(unsigned long long)b->members[i].bytes);
	}
}

/* ---- the manifest ---- */

static void check_members(struct bundle *b, const struct json_value *manifest)
{
	const struct json_value *list = json_get(manifest, "members");
	size_t left = BUNDLE_MEMBERS_MAX;

	for (const struct json_value *v = list ? list->child : NULL; v && left; v = v->next) {
		const char *path = json_get_str(v, "path", "");
		const struct bundle_member *m = bundle_member(b, path);
		uint64_t bytes = json_get_u64(v, "bytes", 0);

		left--;
		if (!m)
			bundle_note_add(b, true, "%s is missing", path);
		else if (m->bytes != bytes)
			bundle_note_add(b, true, "%s has %llu bytes where %llu were recorded", path,
					(unsigned long long)m->bytes, (unsigned long long)bytes);
	}
}

static void check_version(struct bundle *b, const struct json_value *manifest)
{
	uint64_t version = json_get_u64(manifest, "version", 0);

	if (strcmp(json_get_str(manifest, "format", ""), FORMAT_NAME) != 0)
		bundle_note_add(b, true, "manifest.json is not one of scoutfs-trace's");
	else if (version != FORMAT_VERSION)
		bundle_note_add(b, true,
				"the bundle has format version %llu (made by scoutfs-trace %s); "
				"this program knows version %d and shows what it understands: use "
				"a newer one",
				(unsigned long long)version,
				json_get_str(manifest, "tool_version", "of an unknown version"),
				FORMAT_VERSION);
}

/**
 * bundle_load_manifest() - parse manifest.json, if that was not done yet
 *
 * What is wrong with it is told in notes.
 */
void bundle_load_manifest(struct bundle *b)
{
	CLEANUP(text_free) struct text text = {0};
	struct err e = {0};

	if (b->manifest || !bundle_member(b, "manifest.json"))
		return;
	if (bundle_member_load(b, "manifest.json", BUNDLE_MANIFEST_MAX, &text, &e) < 0 ||
	    json_parse(text_c(&text), text.len, &b->manifest, &e) < 0) {
		bundle_note_add(b, true, "manifest.json cannot be read: %s", e.text);
	}
}

static void check_manifest(struct bundle *b)
{
	if (b->kind == BUNDLE_TRACE || b->kind == BUNDLE_PCAP || b->kind == BUNDLE_SESSION)
		return;
	if (!bundle_member(b, "manifest.json"))
		bundle_note_add(b, true, "manifest.json is missing");
	if (!b->manifest)
		return;
	check_version(b, json_root(b->manifest));
	check_members(b, json_root(b->manifest));
}

const struct json_value *bundle_manifest(const struct bundle *b)
{
	return b->manifest ? json_root(b->manifest) : NULL;
}

/* ---- opening ---- */

enum bundle_kind bundle_kind(const struct bundle *b)
{
	return b->kind;
}

const char *bundle_path(const struct bundle *b)
{
	return b->path;
}

bool bundle_is_stdin(const struct bundle *b)
{
	return b->is_stdin;
}

static struct bundle *bundle_new(const char *path)
{
	struct bundle *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->temp_fd = -1;
	b->is_stdin = strcmp(path, BUNDLE_STDIN) == 0;
	b->path = strdup(b->is_stdin ? "standard input" : path);
	b->ring_list = calloc(BUNDLE_RINGS_MAX, sizeof(*b->ring_list));
	if (!b->path || !b->ring_list) {
		bundle_free(b);
		return NULL;
	}
	return b;
}

void bundle_free(struct bundle *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->file_count; i++) {
		free(b->files[i].name);
		if (b->files[i].owned)
			(void)close(b->files[i].fd);
	}
	for (size_t i = 0; i < b->note_count; i++)
		free((char *)(uintptr_t)b->notes[i].text);
	for (size_t i = 0; i < b->member_count; i++)
		free((char *)(uintptr_t)b->members[i].path);
	for (size_t i = 0; i < b->stream_count; i++)
		free(b->lists[i].chunks);
	closep(&b->temp_fd);
	free(b->files);
	free(b->notes);
	free(b->members);
	free(b->data);
	free(b->extents);
	free(b->lists);
	free(b->streams);
	free(b->ring_list);
	free(b->pieces);
	json_doc_free(b->manifest);
	text_free(&b->tail);
	text_free(&b->made);
	free(b->path);
	free(b);
}

void bundle_freep(struct bundle **b)
{
	bundle_free(*b);
}

/* What it is, where it is no file that can be read. */
static int wrong_kind(const struct bundle *b, mode_t mode, struct err *e)
{
	const char *what = S_ISFIFO(mode)   ? "a pipe"
			   : S_ISSOCK(mode) ? "a socket"
			   : S_ISBLK(mode)  ? "a block device"
			   : S_ISCHR(mode)  ? "a character device"
					    : "no file";

	return err_set(e, -EINVAL,
		       "%s is %s; give a bundle (.tar.zst), the folder it was unpacked to, or a "
		       "session folder%s",
		       b->path, what, S_ISFIFO(mode) ? "; a stream is read as -" : "");
}

static int open_path(struct bundle *b, const char *path, struct stat *st, struct err *e)
{
	bool is_stdin = strcmp(path, BUNDLE_STDIN) == 0;
	int fd;

	/* Not blocking: a FIFO that nobody writes to is refused, not waited for. */
	fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		      : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(e, -errno, "cannot open %s", b->path);
	if (fstat(fd, st) < 0) {
		int code = -errno;

		(void)close(fd);
		return err_errno(e, code, "cannot look at %s", b->path);
	}
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) &&
	    !(is_stdin && (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode)))) {
		(void)close(fd);
		return wrong_kind(b, st->st_mode, e);
	}
	return fd;
}

/**
 * bundle_open_files() - the first step: open everything that will be read
 * @path: of a file or folder; "-" is standard input
 * @ret:  bundle_index() it, then bundle_free() it
 * @e:    filled on failure: a sentence that names @path
 *
 * No byte of the files is looked at but spool/tail of a session, which is kept as it is now,
 * because the recorder empties it.
 *
 * Return: 0; negative errno.
 */
int bundle_open_files(const char *path, struct bundle **ret, struct err *e)
{
	CLEANUP(bundle_freep) struct bundle *b = bundle_new(path);
	struct stat st;
	int fd, r;

	if (!b)
		return err_nomem(e);
	fd = open_path(b, path, &st, e);
	if (fd < 0)
		return fd;
	if (S_ISDIR(st.st_mode)) {
		b->is_folder = true;
		r = bundle_folder_open(b, fd, e);
		(void)close(fd);
	} else {
		r = bundle_add_file(b, NULL, fd, true, 0,
				    S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0, e);
		if (r == 0)
			bundle_temp_open(b);
	}
	if (r < 0)
		return r;
	*ret = take_ptr(b);
	return 0;
}

void bundle_on_progress(struct bundle *b, bundle_progress_fn fn, void *arg)
{
	b->progress = fn;
	b->progress_arg = arg;
}

static int index_file(struct bundle *b, struct err *e)
{
	static const uint8_t trace_magic[] = {0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g'};
	static const uint32_t pcap_magics[] = {0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1};
	uint8_t head[sizeof(trace_magic)] = {0};
	ssize_t n = bundle_pread(b, 0, head, sizeof(head), 0);

	if (n < 0)
		return err_errno(e, (int)n, "cannot read %s", b->path);
	if (bundle_row_is_assembled(b, 0)) {
		b->kind = BUNDLE_ASSEMBLED;
		return bundle_row_index(b, 0, e);
	}
	if (memcmp(head, trace_magic, sizeof(trace_magic)) == 0) {
		b->kind = BUNDLE_TRACE;
		return bundle_index_alone(b, "trace.dat", e);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pcap_magics); i++)
		if (get_le32(head) == pcap_magics[i]) {
			b->kind = BUNDLE_PCAP;
			return bundle_index_alone(b, "packets.pcap", e);
		}
	return bundle_tar_index(b, e);
}

/**
 * bundle_index() - the second step: find out what there is
 * @e: filled on failure: it is not a bundle at all, or there is no room to unpack it
 *
 * Opens nothing. Damage is not a failure: it is told in the notes.
 *
 * Return: 0; -EINVAL when it is not a bundle; -ENOSPC; another negative errno.
 */
int bundle_index(struct bundle *b, struct err *e)
{
	int r;

	for (size_t i = 0; i < b->file_count; i++)
		b->source_bytes += b->files[i].size;
	r = b->is_folder ? bundle_folder_index(b, e) : index_file(b, e);
	if (r < 0)
		return r;
	strip_root(b);
	r = bundle_close_streams(b, e);
	if (r < 0)
		return r;
	if (b->kind == BUNDLE_SESSION)
		r = bundle_session_close(b, e);
	if (r < 0)
		return r;
	close_members(b);
	bundle_load_manifest(b);
	check_manifest(b);
	close_notes(b);
	if (!b->member_count && !b->chunk_count)
		return err_set(e, -EINVAL, "%s holds nothing that can be read", b->path);
	return 0;
}

/**
 * bundle_open() - both steps in one
 */
int bundle_open(const char *path, struct bundle **ret, struct err *e)
{
	CLEANUP(bundle_freep) struct bundle *b = NULL;
	int r = bundle_open_files(path, &b, e);

	if (r == 0)
		r = bundle_index(b, e);
	if (r < 0)
		return r;
	*ret = take_ptr(b);
	return 0;
}
