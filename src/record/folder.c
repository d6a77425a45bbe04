/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a session folder's small files: the facts, written once before the first event, and the
 * journal, appended to until the end came, however it came.
 *
 * Used by finish.c, recover.c and leftover.c; the spool is read by format/segment.c. The last line
 * of a journal may be torn; what else does not parse is left out and counted, and a journal or a
 * ledger that is missing or cannot be read is noted: the manifest tells of both.
 */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "format/segment.h"

#include "session.h"

#define FACTS_MAX_BYTES (4 * MIB)
#define JOURNAL_MAX_BYTES (64 * MIB)
#define SESSION_FORMAT "scoutfs-trace-session"
#define SESSION_VERSION 1
/* No real journal has as many lines in its 64 MiB; made-up ones shall not take all memory. */
#define JOURNAL_MAX_LINES 1000000
#define STEM_MAX_BYTES 155 /* what a tar can hold as the name of a folder */
#define SUFFIX_BYTES 6
#define CPUS_MAX 65536

/* Only what a session gives such a name itself: they become parts of paths. */
static bool is_plain_name(const char *s, size_t max)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n > 0 && n <= max && s[n] == '\0' && s[0] != '.';
}

/* What the readers of the facts rely on without looking again. NULL, or the member that is wrong.
 */
static const char *wrong_fact(const struct folder *f)
{
	static const char *const sizes[] = {"page_bytes", "commit_offset", "commit_bytes",
					    "data_offset"};
	const struct json_value *ring = folder_source(f, "ftrace");
	const char *suffix = json_get_str(folder_facts(f), "suffix", NULL);
	struct ringpage_layout layout;

	if (!is_plain_name(json_get_str(folder_facts(f), "stem", "unnamed"), STEM_MAX_BYTES))
		return "stem";
	if (suffix && (!is_plain_name(suffix, SUFFIX_BYTES) || strchr(suffix, '.')))
		return "suffix";
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (json_get_u64(ring, sizes[i], 0) > UINT32_MAX)
			return sizes[i];
	folder_ring_layout(f, &layout);
	if (!ringpage_layout_ok(&layout))
		return "page_bytes";
	return json_get_u64(ring, "cpus", 1) > CPUS_MAX ? "cpus" : NULL;
}

/* Without its facts a folder gives no bundle, but what was recorded is all there. */
static int no_facts(int session_fd, const char *path, int code, const char *what, struct err *e)
{
	if (faccessat(session_fd, SEGMENT_TAIL, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, code,
			       "%s is not a session folder of scoutfs-trace: its %s %s. Give the "
			       "folder that the recorder named when it began",
			       path, SESSION_FACTS, what);
	return err_set(e, code,
		       "%s/%s %s, and without it no bundle can be made; what was recorded is "
		       "intact in %s/%s. Keep the folder, and send it: tar -czf session.tar.gz %s",
		       path, SESSION_FACTS, what, path, SEGMENT_DIR, path);
}

static int load_facts(int session_fd, const char *path, struct folder *f, struct err *e)
{
	CLEANUP(text_free) struct text text = {0};
	const char *format, *wrong;
	int r;

	r = file_load_at(session_fd, SESSION_FACTS, FACTS_MAX_BYTES, &text, NULL);
	if (r == -ENOENT)
		return no_facts(session_fd, path, r, "is missing", e);
	if (r < 0)
		return err_errno(e, r, "cannot read %s/%s", path, SESSION_FACTS);
	r = json_parse(text_c(&text), text.len, &f->facts, NULL);
	if (r < 0)
		return no_facts(session_fd, path, r, "is damaged", e);
	format = json_get_str(folder_facts(f), "format", "");
	if (strcmp(format, SESSION_FORMAT) != 0)
		return err_set(e, -EINVAL, "%s is not a session folder of scoutfs-trace", path);
	if (json_get_u64(folder_facts(f), "version", 0) != SESSION_VERSION)
		return err_set(
			e, -EINVAL,
			"%s was made by a newer scoutfs-trace (%s); recover it with that version",
			path, json_get_str(folder_facts(f), "tool_version", "unknown"));
	wrong = wrong_fact(f);
	if (wrong)
		return err_set(e, -EINVAL, "%s/%s is damaged: its \"%s\" cannot be", path,
			       SESSION_FACTS, wrong);
	return 0;
}

static void add_damage(struct folder *f, const char *file, const char *why)
{
	if (f->damage_count < ARRAY_SIZE(f->damage))
		f->damage[f->damage_count++] = (struct folder_damage){file, why};
}

/* 1; 0 when it is not a line of ours; -ENOMEM. */
static int add_line(struct folder *f, const char *line, size_t n, struct err *e)
{
	struct json_doc *doc;

	if (f->journal_count == JOURNAL_MAX_LINES || json_parse(line, n, &doc, NULL) < 0)
		return 0;
	if (f->journal_count == f->journal_room) {
		size_t more_room = f->journal_room ? f->journal_room * 2 : 256;
		struct json_doc **more = realloc(f->journal, more_room * sizeof(struct json_doc *));

		if (!more) {
			json_doc_free(doc);
			return err_nomem(e);
		}
		f->journal = more;
		f->journal_room = more_room;
	}
	f->journal[f->journal_count++] = doc;
	return 1;
}

/* Of a journal that is longer than any real one, the end: why the recording stopped is there. */
static int load_journal_end(int session_fd, struct text *ret, struct err *e)
{
	CLEANUP(closep) int fd = file_open_read_at(session_fd, SPOOL_JOURNAL, e);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_errno(e, -errno, "cannot read %s", SPOOL_JOURNAL);
	ret->s = malloc(JOURNAL_MAX_BYTES + 1);
	if (!ret->s)
		return err_nomem(e);
	ret->size = JOURNAL_MAX_BYTES + 1;
	n = file_pread_all(fd, ret->s, JOURNAL_MAX_BYTES,
			   (uint64_t)st.st_size > JOURNAL_MAX_BYTES
				   ? (uint64_t)st.st_size - JOURNAL_MAX_BYTES
				   : 0);
	if (n < 0)
		return err_errno(e, (int)n, "cannot read %s", SPOOL_JOURNAL);
	ret->len = (size_t)n;
	ret->s[n] = '\0';
	return 0;
}

/* A small file of the recorder's; what cannot be read of it is noted. 1; 0; -ENOMEM. */
static int load_text(int session_fd, const char *name, struct text *ret, struct folder *f,
		     struct err *e)
{
	struct err why = {0};
	int r = file_load_at(session_fd, name, JOURNAL_MAX_BYTES, ret, &why);

	if (r == -EFBIG && !strcmp(name, SPOOL_JOURNAL)) {
		f->journal_bad++; /* at least */
		r = load_journal_end(session_fd, ret, &why);
	}
	if (r == -ENOMEM)
		return err_nomem(e);
	if (r < 0)
		add_damage(f, name, r == -ENOENT ? "is missing" : "cannot be read");
	return r == 0;
}

/* Whoever took the folder over says that the line before was cut off when the recorder died. */
static bool tells_of_torn(const struct folder *f)
{
	return json_get_bool(json_root(f->journal[f->journal_count - 1]), "torn", false);
}

static int load_journal(int session_fd, struct folder *f, struct err *e)
{
	CLEANUP(text_free) struct text text = {0};
	const char *at, *end;
	bool bad = false; /* the line before */
	int r;

	r = load_text(session_fd, SPOOL_JOURNAL, &text, f, e);
	if (r <= 0)
		return r;
	for (at = text_c(&text), end = at + text.len; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = nl ? (size_t)(nl - at) : (size_t)(end - at);

		r = n ? add_line(f, at, n, e) : 1;
		if (r < 0)
			return r;
		if (r == 0)
			f->journal_bad += nl != NULL;
		else if (n && bad && tells_of_torn(f))
			f->journal_bad--;
		bad = n ? r == 0 : bad;
		at += n + 1;
	}
	return 0;
}

static bool is_blank(const char *s, size_t n)
{
	while (n && s[n - 1] == '\0')
		n--;
	return n == 0;
}

/* The ledger's lines lie at fixed places: one that is torn does not spoil the next. */
static int load_losses(int session_fd, struct folder *f, struct err *e)
{
	CLEANUP(text_free) struct text text = {0};
	int r;

	r = load_text(session_fd, SPOOL_LOSSES, &text, f, e);
	if (r <= 0)
		return r;
	for (size_t at = 0; at < text.len; at += SEGMENT_LOSS_BYTES) {
		size_t n = min_of(text.len - at, (size_t)SEGMENT_LOSS_BYTES);

		r = is_blank(text.s + at, n) ? 1 : add_line(f, text.s + at, n, e);
		if (r < 0)
			return r;
		f->losses_bad += r == 0;
	}
	return 0;
}

/**
 * folder_load() - read the facts, the journal and the losses
 * @session_fd: the folder; borrowed
 * @path:       of it, for messages
 * @ret:        folder_done() it, also after a failure
 *
 * Return: 0; -ENOENT or -EINVAL when it is not a session folder of ours; another negative errno.
 */
int folder_load(int session_fd, const char *path, struct folder *ret, struct err *e)
{
	int r;

	*ret = (struct folder){0};
	r = load_facts(session_fd, path, ret, e);
	if (r == 0)
		r = load_journal(session_fd, ret, e);
	return r == 0 ? load_losses(session_fd, ret, e) : r;
}

void folder_done(struct folder *f)
{
	json_doc_free(f->facts);
	for (size_t i = 0; i < f->journal_count; i++)
		json_doc_free(f->journal[i]);
	free(f->journal);
	*f = (struct folder){0};
}

const struct json_value *folder_facts(const struct folder *f)
{
	return f->facts ? json_root(f->facts) : NULL;
}

const struct json_value *folder_next(const struct folder *f, const char *kind, size_t *line)
{
	while (*line < f->journal_count) {
		const struct json_value *v = json_get(json_root(f->journal[(*line)++]), kind);

		if (v)
			return v;
	}
	return NULL;
}

const struct json_value *folder_entry(const struct folder *f, const char *kind, size_t nth)
{
	const struct json_value *v;
	size_t line = 0;

	while ((v = folder_next(f, kind, &line)) && nth)
		nth--;
	return v;
}

const struct json_value *folder_last(const struct folder *f, const char *kind)
{
	for (size_t i = f->journal_count; i-- > 0;) {
		const struct json_value *v = json_get(json_root(f->journal[i]), kind);

		if (v)
			return v;
	}
	return NULL;
}

const struct json_value *folder_source(const struct folder *f, const char *name)
{
	return json_get(json_get(folder_facts(f), "sources"), name);
}

void folder_ring_layout(const struct folder *f, struct ringpage_layout *ret)
{
	const struct json_value *v = folder_source(f, "ftrace");

	*ret = (struct ringpage_layout){
		.page_bytes = (uint32_t)json_get_u64(v, "page_bytes", 4096),
		.commit_offset = (uint32_t)json_get_u64(v, "commit_offset", 8),
		.commit_bytes = (uint32_t)json_get_u64(v, "commit_bytes", 8),
		.data_offset = (uint32_t)json_get_u64(v, "data_offset", 16),
	};
}

bool folder_is_of_this_boot(const struct folder *f)
{
	CLEANUP(text_free) struct text id = {0};

	return file_load("/proc/sys/kernel/random/boot_id", 64, &id, NULL) == 0 &&
	       str_starts(text_c(&id), json_get_str(folder_facts(f), "boot_id", "none")) &&
	       id.len >= 36;
}
