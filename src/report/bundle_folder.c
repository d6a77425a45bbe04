/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Folders: an unpacked bundle, and a session folder, living or dead.
 *
 * bundle_folder_open() opens every file that will be read, and looks into none. Then
 * bundle_folder_index() finds out what they hold; it is also called when a tar has been unpacked,
 * which is the same: files with names.
 *
 * Of a session that is being recorded the spool's tail is kept as it is at this moment, and only
 * then the segments are listed: what was in the tail and is sealed afterwards is in a segment as
 * well, so it is never in neither. Nothing is locked and nothing is written there. A segment whose
 * file the recorder takes for new chunks meanwhile is left out; when that happens later it shows as
 * it is read (bundle_read.c).
 *
 * record/finish.c does the same for the recorder, by format/segment.c; not here, because that opens
 * files as it goes and trusts what root wrote.
 */
#include "bundle_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "format/segment.h"
#include "format/tracedat.h"

#define CONTEXT "context"
#define SERIES "series"
#define CONTEXT_DEPTH_MAX 3
#define OPEN_MAX_FILES 20000
#define TAIL_FILE_MAX (32 * MIB) /* the recorder's has 16 MiB at most */
#define FACTS_MAX (4 * MIB)
#define TAIL_LOOK_MAX (4 * TAIL_FILE_MAX) /* bytes of what looks like a piece and is none */
#define JOURNAL_MAX (64 * MIB)
#define COMMS_MAX (16 * MIB)
#define PID_LIMIT (UINT32_C(1) << 22) /* PID_MAX_LIMIT of linux/threads.h */
#define PIECES_MAX 1000000

static const char *const top_files[] = {
	"manifest.json", "summary.txt",	 "kernel.log", "packets.pcap", "clocks.csv",
	"trace.dat",	 "session.json", "journal",    "losses",       "trace-head.zst",
	"packets-head",	 "clocks-head",	 "comms",
};

/* Does a bundle, or a session folder, have a file of this name? */
bool bundle_is_top_file(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(top_files); i++)
		if (strcmp(name, top_files[i]) == 0)
			return true;
	return false;
}

/* ---- opening ---- */

static uint64_t written_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;
}

static int open_one(struct bundle *b, int dir_fd, const char *name, const char *path, struct err *e)
{
	struct stat st;
	int fd, code;

	if (b->file_count == OPEN_MAX_FILES)
		return err_set(e, -E2BIG, "%s has more than %d files", b->path, OPEN_MAX_FILES);
	fd = file_open_read_at(dir_fd, name, e);
	if (fd == -ENOENT || fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM) {
		/* A segment that was dropped while we looked; too many files is not this one's. */
		if (fd == -ENOENT)
			err_clear(e);
		return fd == -ENOENT ? 0 : fd;
	}
	if (fd < 0) {
		bundle_note_add(b, true, "%s", e ? e->text : path);
		err_clear(e);
		return 0;
	}
	if (fstat(fd, &st) < 0) {
		code = -errno;
		(void)close(fd);
		return err_errno(e, code, "cannot look at %s", path);
	}
	code = bundle_add_file(b, path, fd, true, 0, (uint64_t)st.st_size, e);
	if (code == 0)
		b->files[b->file_count - 1].written_ns = written_ns(&st);
	return code;
}

/* Names of a folder, in order. */
struct names {
	char **v;
	size_t n, room;
};

static void names_done(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static int names_add(struct names *l, const char *name)
{
	char *copy = strdup(name);

	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		char **more = realloc(l->v, room * sizeof(char *));

		if (!more) {
			free(copy);
			return -ENOMEM;
		}
		l->v = more;
		l->room = room;
	}
	if (!copy)
		return -ENOMEM;
	l->v[l->n++] = copy;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_dir(int dir_fd, struct names *ret, struct err *e)
{
	int fd = dup(dir_fd), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	if (!dir) {
		r = -errno;
		closep(&fd);
		return err_errno(e, r, "cannot list a folder");
	}
	rewinddir(dir);
	while (r == 0 && (d = readdir(dir)))
		if (d->d_name[0] != '.' && ret->n < OPEN_MAX_FILES)
			r = names_add(ret, d->d_name);
	(void)closedir(dir);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return r < 0 ? err_nomem(e) : 0;
}

static int open_below(struct bundle *b, int dir_fd, const char *path, unsigned int depth,
		      struct err *e)
{
	CLEANUP(names_done) struct names list = {0};
	int r = list_dir(dir_fd, &list, e);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		char below[BUNDLE_NAME_MAX + 256];
		struct stat st;

		(void)snprintf(below, sizeof(below), "%s/%s", path, list.v[i]);
		if (strlen(below) >= BUNDLE_NAME_MAX ||
		    fstatat(dir_fd, list.v[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode)) {
			r = open_one(b, dir_fd, list.v[i], below, e);
		} else if (S_ISDIR(st.st_mode) && depth < CONTEXT_DEPTH_MAX) {
			CLEANUP(closep)
			int fd = openat(dir_fd, list.v[i],
					O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd >= 0)
				r = open_below(b, fd, below, depth + 1, e);
		} else {
			bundle_note_add(b, false, "%s is left out: it is not an ordinary file",
					below);
		}
	}
	return r;
}

static int open_folder_below(struct bundle *b, int dir_fd, const char *name, struct err *e)
{
	CLEANUP(closep)
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? 0 : open_below(b, fd, name, 1, e);
}

/* A large budget makes more segments than a process may have open unasked. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int load_tail(struct bundle *b, int dir_fd, struct err *e)
{
	int r = file_load_at(dir_fd, SEGMENT_TAIL, TAIL_FILE_MAX, &b->tail, e);

	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		bundle_note_add(b, true, "%s", e ? e->text : SEGMENT_TAIL);
	err_clear(e);
	return 0;
}

/**
 * bundle_folder_open() - open the files of a folder
 * @dir_fd: the folder; borrowed
 *
 * Return: 0; -EINVAL when there is nothing in it that a recording has; another negative errno.
 */
int bundle_folder_open(struct bundle *b, int dir_fd, struct err *e)
{
	int r = load_tail(b, dir_fd, e);

	raise_file_limit();
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(top_files); i++)
		r = open_one(b, dir_fd, top_files[i], top_files[i], e);
	if (r == 0 && !b->file_count)
		return err_set(e, -EINVAL,
			       "%s holds no recording: give the folder in which manifest.json or "
			       "session.json lies",
			       b->path);
	if (r == 0)
		r = open_folder_below(b, dir_fd, SEGMENT_DIR, e);
	if (r == 0)
		r = open_folder_below(b, dir_fd, CONTEXT, e);
	if (r == 0)
		r = open_folder_below(b, dir_fd, SERIES, e);
	if (r == -EMFILE || r == -ENFILE)
		return err_set(e, r,
			       "%s has more files than may be open at once (%zu); raise the limit "
			       "with ulimit -n",
			       b->path, b->file_count);
	return r;
}

/* ---- an unpacked bundle ---- */

static int add_whole(struct bundle *b, const char *name, uint16_t file, struct err *e)
{
	int r = bundle_add_member(b, name, b->files[file].size, e);

	if (r <= 0 || !b->files[file].size)
		return r;
	r = bundle_add_extent(b,
			      (struct bundle_extent){.bytes = b->files[file].size,
						     .file = file,
						     .form = EXTENT_RAW},
			      e);
	return r < 0 ? r : 1;
}

static int index_unpacked(struct bundle *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < b->file_count; i++) {
		const char *name = b->files[i].name;

		if (!name || str_starts(name, SEGMENT_DIR "/"))
			continue;
		r = add_whole(b, name, (uint16_t)i, e);
		if (r > 0 && bundle_stream_of(name))
			b->data[b->member_count - 1].prologue_bytes = 0; /* until it was cut */
	}
	if (r < 0)
		return r;
	bundle_load_manifest(b);
	for (size_t i = 0; r >= 0 && i < b->member_count; i++)
		if (bundle_stream_of(b->members[i].path) && b->data[i].extent_count)
			r = bundle_virtual(b, i, b->extents[b->data[i].extent].file, e);
	return min_of(r, 0);
}

/**
 * bundle_index_alone() - a file that would be one member of a bundle
 * @name: of that member
 */
int bundle_index_alone(struct bundle *b, const char *name, struct err *e)
{
	int r = add_whole(b, name, 0, e);

	return r > 0 ? bundle_virtual(b, 0, 0, e) : r;
}

/* ---- a session: the tail ---- */

static int piece_order(const struct bundle_piece *a, const struct bundle_piece *b)
{
	const struct chunk *x = &a->chunk, *y = &b->chunk;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return 0;
}

static int by_piece(const void *va, const void *vb)
{
	const struct bundle_piece *a = va, *b = vb;
	int order = piece_order(a, b);

	if (order != 0)
		return order;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int push_piece(struct bundle *b, const struct chunk *c, size_t at, struct err *e)
{
	if (b->piece_count == PIECES_MAX)
		return 0;
	if (b->piece_count == b->piece_room) {
		size_t room = b->piece_room ? b->piece_room * 2 : 64;
		struct bundle_piece *more = realloc(b->pieces, room * sizeof(*more));

		if (!more)
			return err_nomem(e);
		b->pieces = more;
		b->piece_room = room;
	}
	b->pieces[b->piece_count++] = (struct bundle_piece){.chunk = *c, .at = at};
	return 0;
}

/*
 * Was this open chunk sealed after all, or dropped with all that was sealed before it? As in
 * format/segment.c: it is past when it is in a segment, or when its stream's segments have only
 * newer ones.
 */
static bool is_past(struct bundle *b, const struct chunk *c)
{
	struct bundle_stream_list *s = bundle_list_find(b, c->stream, c->id);
	size_t low = 0, high = s ? s->pub.count : 0, count = high;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->chunks[mid].sequence == c->sequence)
			return true;
		if (s->chunks[mid].sequence < c->sequence)
			low = mid + 1;
		else
			high = mid;
	}
	return count && low == 0;
}

/* Does a piece begin at @at? Its own checksum is right, that of its frame may be not. */
static bool header_at(const struct bundle *b, size_t at, struct chunk *ret)
{
	const uint8_t *p = (const uint8_t *)b->tail.s + at;
	size_t left = b->tail.len - at;

	return chunk_header_read(p, left, ret) == 0 &&
	       ret->frame_bytes <= left - CHUNK_HEADER_BYTES;
}

/*
 * The first sound piece at or behind @at; the tail's length when there is none. *@looked: bytes so
 * far of frames whose checksum was wrong. A file may be made of headers alone, each of a frame that
 * reaches to its end: it is not to take for ever.
 */
static size_t next_piece(struct bundle *b, size_t at, uint64_t *looked, struct chunk *ret)
{
	uint8_t magic[CHUNK_HEADER_BYTES];
	const char *found;

	chunk_header_write(&(struct chunk){0}, magic);
	for (; (found = memmem(b->tail.s + at, b->tail.len - at, magic, 4)); at++) {
		at = (size_t)(found - b->tail.s);
		if (!header_at(b, at, ret))
			continue;
		if (chunk_frame_ok(ret, found + CHUNK_HEADER_BYTES))
			return at;
		*looked += ret->frame_bytes;
		if (*looked > TAIL_LOOK_MAX) {
			bundle_note_add(b, true, "%s: too much of it is damaged", SEGMENT_TAIL);
			break;
		}
	}
	return b->tail.len;
}

/* Every piece whose checksums are right. What is torn at the end was being written. */
static int collect_pieces(struct bundle *b, struct err *e)
{
	uint64_t looked = 0;
	size_t at = 0, next;
	struct chunk c = {0};
	int r = 0;

	for (; r == 0 && at < b->tail.len; at = next + CHUNK_HEADER_BYTES + c.frame_bytes) {
		next = next_piece(b, at, &looked, &c);
		if (next == b->tail.len)
			break;
		if (next > at)
			bundle_note_add(b, true, "%s: %zu bytes from offset %zu on cannot be read",
					SEGMENT_TAIL, next - at, at);
		if (c.tail && c.raw_bytes && c.raw_bytes <= BUNDLE_CHUNK_MAX &&
		    c.offset <= BUNDLE_CHUNK_MAX &&
		    ZSTD_getFrameContentSize(b->tail.s + next + CHUNK_HEADER_BYTES,
					     c.frame_bytes) == c.raw_bytes)
			r = push_piece(b, &c, next + CHUNK_HEADER_BYTES, e);
	}
	return r;
}

/* The pieces [from, to) are one chunk: as many of them as fit on each other. */
static int add_open_chunk(struct bundle *b, size_t from, size_t to, struct err *e)
{
	struct chunk whole = b->pieces[from].chunk;
	uint64_t end = 0;
	size_t i;

	if (is_past(b, &whole))
		return 0;
	for (i = from; i < to; i++) {
		const struct chunk *c = &b->pieces[i].chunk;

		if (c->offset > end || c->offset + c->raw_bytes < end ||
		    c->offset + c->raw_bytes > BUNDLE_CHUNK_MAX)
			break;
		whole = *c;
		end = c->offset + c->raw_bytes;
	}
	if (i < to)
		bundle_note_add(b, true, "%s: a piece of %s fits nowhere", SEGMENT_TAIL,
				bundle_stream_file(whole.stream));
	if (i == from)
		return 0;
	b->pieces[i - 1].last = true;
	whole.raw_bytes = end;
	return bundle_add_chunk(b, &whole, FORM_PIECES, 0, from, e);
}

static int index_tail(struct bundle *b, struct err *e)
{
	size_t from = 0;
	int r = collect_pieces(b, e);

	if (b->piece_count)
		qsort(b->pieces, b->piece_count, sizeof(*b->pieces), by_piece);
	for (size_t i = 1; r == 0 && i <= b->piece_count; i++)
		if (i == b->piece_count || piece_order(&b->pieces[from], &b->pieces[i]) != 0) {
			r = add_open_chunk(b, from, i, e);
			from = i;
		}
	return r;
}

/* ---- a session: everything else ---- */

static unsigned int segment_number(const char *name)
{
	unsigned int number;
	int used = 0;

	if (!name || sscanf(name, SEGMENT_DIR "/%8u.zst%n", &number, &used) != 1 || !used ||
	    name[used])
		return 0;
	return number;
}

/*
 * Was the segment dropped since it was opened, and its file taken for newer chunks? All but the
 * newest were complete by then, and had been for long: nothing but that writes to them.
 */
static bool was_dropped(const struct bundle_file *f)
{
	struct stat now;

	return fstat(f->fd, &now) < 0 || written_ns(&now) != f->written_ns;
}

/*
 * One that is dropped while it is indexed is none: half of it, or what another segment should have,
 * would look like a hole in the recording.
 */
static int index_segment(struct bundle *b, uint16_t file, bool newest, struct err *e)
{
	struct bundle_notes_mark mark = bundle_notes_mark(b);
	int r = bundle_row_segment(b, file, newest, e);

	if (r == 0 && b->is_folder && !newest && was_dropped(&b->files[file])) {
		bundle_drop_chunks(b, file);
		bundle_notes_back(b, mark);
	}
	return r;
}

/* Files are in the order of their names, and so are segments, but not in a tar. */
static int index_segments(struct bundle *b, struct err *e)
{
	unsigned int newest = 0;
	int r = 0;

	for (size_t i = 0; i < b->file_count; i++)
		newest = max_of(newest, segment_number(b->files[i].name));
	for (size_t i = 0; r == 0 && i < b->file_count; i++) {
		unsigned int number = segment_number(b->files[i].name);

		if (number)
			r = index_segment(b, (uint16_t)i, number == newest, e);
	}
	return r;
}

/* A member that begins with the bytes of @head, a file of the folder, and goes on with chunks. */
static int add_stream_member(struct bundle *b, const char *path, const char *head, struct err *e)
{
	uint16_t file = 0;
	const struct bundle_file *f = head ? bundle_file_named(b, head, &file) : NULL;
	int r = bundle_add_member(b, path, BUNDLE_BYTES_UNKNOWN, e);

	if (r > 0 && f && f->size)
		r = bundle_add_extent(
			b,
			(struct bundle_extent){.bytes = f->size, .file = file, .form = EXTENT_RAW},
			e);
	return min_of(r, 0);
}

/* trace-head.zst is one frame of the whole file; what it holds stands in its header. */
static int add_trace_member(struct bundle *b, struct err *e)
{
	struct bundle_extent x = {.form = EXTENT_FRAME};
	unsigned long long raw;
	uint8_t header[18];
	ssize_t n;
	int r;

	if (!bundle_file_named(b, "trace-head.zst", &x.file))
		return 0;
	n = bundle_pread(b, x.file, header, sizeof(header), 0);
	raw = n > 0 ? ZSTD_getFrameContentSize(header, (size_t)n) : ZSTD_CONTENTSIZE_ERROR;
	if (raw == ZSTD_CONTENTSIZE_ERROR || raw == ZSTD_CONTENTSIZE_UNKNOWN ||
	    raw > BUNDLE_HEAD_MAX || b->files[x.file].size > BUNDLE_HEAD_MAX) {
		bundle_note_add(b, true, "trace-head.zst is damaged: trace events have no formats");
		return 0;
	}
	x.bytes = raw;
	x.frame_bytes = (uint32_t)b->files[x.file].size;
	r = bundle_add_member(b, "trace.dat", BUNDLE_BYTES_UNKNOWN, e);
	if (r > 0)
		r = bundle_add_extent(b, x, e);
	/* Its second part: the bytes are made when the rings' lengths are known. */
	if (r == 0)
		r = bundle_add_extent(b, (struct bundle_extent){.form = EXTENT_MEMORY}, e);
	return min_of(r, 0);
}

/* From a tar: of a folder it was loaded before anything else. */
static int unpacked_tail(struct bundle *b, struct err *e)
{
	uint16_t file;
	const struct bundle_file *f = bundle_file_named(b, SEGMENT_TAIL, &file);
	CLEANUP(freep) char *buf = NULL;
	ssize_t n;

	if (b->is_folder || !f || !f->size)
		return 0;
	buf = f->size <= TAIL_FILE_MAX ? malloc(f->size) : NULL;
	if (!buf)
		return err_nomem(e);
	n = bundle_pread(b, file, buf, f->size, 0);
	if (n > 0)
		text_add(&b->tail, buf, (size_t)n);
	return text_ok(&b->tail) ? 0 : err_nomem(e);
}

static int index_session(struct bundle *b, struct err *e)
{
	static const char *const own[] = {"session.json", "journal", "losses", "comms"};
	int r = unpacked_tail(b, e);

	for (size_t i = 0; r >= 0 && i < b->file_count; i++) {
		const char *name = b->files[i].name;
		bool listed = name && str_starts(name, CONTEXT "/");

		for (size_t k = 0; name && k < ARRAY_SIZE(own); k++)
			listed |= strcmp(name, own[k]) == 0;
		if (listed)
			r = add_whole(b, name, (uint16_t)i, e);
	}
	if (r >= 0)
		r = index_segments(b, e);
	bundle_sort_lists(b);
	if (r == 0)
		r = index_tail(b, e);
	if (r == 0)
		r = add_stream_member(b, "kernel.log", NULL, e);
	if (r == 0)
		r = add_stream_member(b, "packets.pcap", "packets-head", e);
	if (r == 0)
		r = add_stream_member(b, "clocks.csv", "clocks-head", e);
	if (r == 0)
		r = bundle_session_series(b, e);
	return r == 0 ? add_trace_member(b, e) : r;
}

/**
 * bundle_folder_index() - index the files that were opened, or unpacked
 */
int bundle_folder_index(struct bundle *b, struct err *e)
{
	uint16_t file;

	if (!bundle_file_named(b, "manifest.json", &file) &&
	    bundle_file_named(b, "session.json", &file)) {
		b->kind = BUNDLE_SESSION;
		return index_session(b, e);
	}
	if (b->is_folder)
		b->kind = BUNDLE_FOLDER;
	return index_unpacked(b, e);
}

/* ---- a session: the second part of trace.dat, as finish() will write it ---- */

/* Of the names a pid has had the newest one: viewers take any of several. */
static int newest_comms(const struct text *comms, struct text *out)
{
	CLEANUP(freep) uint8_t *seen = calloc(PID_LIMIT / 8, 1);
	const char *start = text_c(comms), *end = start + comms->len;

	while (seen && end > start) {
		const char *line = memrchr(start, '\n', (size_t)(end - start) - 1);
		unsigned long pid;
		char *after;

		line = line ? line + 1 : start;
		pid = strtoul(line, &after, 10);
		if (after > line && *after == ' ' && pid < PID_LIMIT &&
		    !memchr(line, 0, (size_t)(end - line)) && !(seen[pid / 8] & 1 << pid % 8)) {
			seen[pid / 8] |= (uint8_t)(1 << pid % 8);
			text_add(out, line, (size_t)(end - line));
		}
		end = line;
	}
	return seen && text_ok(out) ? 0 : -ENOMEM;
}

/* By the last line of the journal that has an anchor. */
static int64_t last_offset(const struct bundle *b)
{
	CLEANUP(text_free) struct text text = {0};
	const char *start, *end;

	if (bundle_member_load(b, "journal", JOURNAL_MAX, &text, NULL) < 0)
		return 0;
	start = text_c(&text);
	end = start + text.len;
	while (end > start) {
		const char *line = memrchr(start, '\n', (size_t)(end - start) - 1);
		CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
		const struct json_value *anchor;

		line = line ? line + 1 : start;
		if (memmem(line, (size_t)(end - line), "\"anchor\"", 8) &&
		    json_parse(line, (size_t)(end - line), &doc, NULL) == 0) {
			anchor = json_get(json_root(doc), "anchor");
			if (anchor)
				return json_get_i64(anchor, "realtime_ns", 0) -
				       json_get_i64(anchor, "monotonic_ns", 0);
		}
		end = line;
	}
	return 0;
}

static int measure_rings(const struct bundle *b, uint32_t page_bytes, uint32_t *cpus,
			 uint64_t **ret, struct err *e)
{
	uint64_t *bytes;

	for (size_t i = 0; i < b->stream_count; i++)
		if (b->streams[i].kind == CHUNK_RING)
			*cpus = max_of(*cpus, b->streams[i].id + 1);
	bytes = calloc(*cpus, sizeof(*bytes));
	if (!bytes)
		return err_nomem(e);
	for (size_t i = 0; i < b->stream_count; i++)
		if (b->streams[i].kind == CHUNK_RING)
			bytes[b->streams[i].id] = b->streams[i].raw_bytes / page_bytes * page_bytes;
	*ret = bytes;
	return 0;
}

static int make_tail(struct bundle *b, const struct json_value *facts, uint64_t head_bytes,
		     struct err *e)
{
	CLEANUP(text_free) struct text all = {0}, comms = {0};
	CLEANUP(freep) uint64_t *cpu_bytes = NULL;
	uint64_t page = json_get_u64(facts, "page_bytes", 4096);
	uint32_t cpus =
		(uint32_t)min_of(json_get_u64(facts, "cpus", 1), (uint64_t)BUNDLE_RINGS_MAX);
	struct err why = {0};
	int r;

	cpus = max_of(cpus, 1u);
	page = page && page <= BUNDLE_CHUNK_MAX ? page : 4096;
	if (bundle_member(b, "comms"))
		(void)bundle_member_load(b, "comms", COMMS_MAX, &all, NULL);
	r = newest_comms(&all, &comms);
	if (r == 0)
		r = measure_rings(b, (uint32_t)page, &cpus, &cpu_bytes, e);
	if (r < 0)
		return err_nomem(e);
	r = tracedat_write_tail(
		&(struct tracedat_tail){
			.cmdlines = text_c(&comms),
			.page_bytes = (uint32_t)page,
			.cpus = cpus,
			.cpu_bytes = cpu_bytes,
			.real_offset_ns = last_offset(b),
			.trace_clock = json_get_str(facts, "trace_clock", "[mono]"),
			.uname = json_get_str(facts, "uname", NULL),
		},
		head_bytes, &b->made, &why);
	if (r == -ENOMEM)
		return err_nomem(e);
	if (r < 0)
		bundle_note_add(b, true, "session.json: %s", why.text);
	return 0;
}

/**
 * bundle_session_close() - make the second part of a session's trace.dat
 *
 * Called when the streams are complete.
 *
 * Return: 0; -ENOMEM.
 */
int bundle_session_close(struct bundle *b, struct err *e)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text text = {0};
	const struct bundle_member *m = bundle_member(b, "trace.dat");
	struct bundle_extent *x;
	struct err why = {0};
	int r;

	if (bundle_member_load(b, "session.json", FACTS_MAX, &text, &why) < 0 ||
	    json_parse(text_c(&text), text.len, &doc, &why) < 0)
		bundle_note_add(b, true, "session.json cannot be read: %s", why.text);
	else if (json_get_u64(json_root(doc), "version", 0) != 1)
		bundle_note_add(b, true,
				"the session folder is of another version of scoutfs-trace (%s); "
				"what is understood is shown",
				json_get_str(json_root(doc), "tool_version", "unknown"));
	r = bundle_session_manifest(b, doc ? json_root(doc) : NULL, e);
	if (r < 0 || !m || b->data[m - b->members].extent_count != 2)
		return r;
	x = &b->extents[b->data[m - b->members].extent];
	x[1].at = b->made.len;
	r = make_tail(b, doc ? json_get(json_get(json_root(doc), "sources"), "ftrace") : NULL,
		      x[0].bytes, e);
	x[1].bytes = b->made.len - x[1].at;
	return r;
}
