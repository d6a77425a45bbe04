/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the spool, the ledger and the bundle share: a scratch folder, other programs as
 * witnesses, and a spool read back in a way that does not trust our own decompression: the bytes
 * come from the zstd tool, and only where they are cut into streams is taken from the chunk
 * headers.
 *
 * A failure to set up ends the program: a comparison with nothing must not pass.
 */
#ifndef TESTS_UNIT_SESSIONKIT_H
#define TESTS_UNIT_SESSIONKIT_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/text.h"
#include "folderkit.h"
#include "format/ringpage.h"
#include "format/segment.h"
#include "format/tracedat.h"
#include "realdata.h"

#define KIT_PAGE 4096

static const struct ringpage_layout kit_layout = {
	.page_bytes = KIT_PAGE, .commit_offset = 8, .commit_bytes = 8, .data_offset = 16};

__attribute__((noreturn)) static inline void kit_die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(99);
}

/* ---- the head of a trace ---- */

/* The head of a trace.dat, and its frame as the recorder writes it. Formats are in order of system,
 * as tracedat_write_head() wants them. */
static inline void kit_make_head(char *printk, struct text *ret, struct text *ret_zst)
{
	struct realdata tar = realdata_load("real/events.tar.zst");
	static struct tracedat_format formats[1024];
	static struct realdata_file files[1024];
	static char systems[1024][32];
	struct tracedat_head h = {.page_bytes = KIT_PAGE,
				  .formats = formats,
				  .kallsyms = "ffffffff81000000 T _text\n",
				  .printk_formats = printk};
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t at = 0, count = 0, room;
	char event[128];

	while (realdata_tar_next(&tar, &at, &files[count])) {
		struct realdata_file *f = &files[count];

		if (strcmp(f->name, "events/header_page") == 0) {
			h.header_page = f->text;
		} else if (strcmp(f->name, "events/header_event") == 0) {
			h.header_event = f->text;
		} else if (strstr(f->name, "/format") && sscanf(f->name, "events/%31[^/]/%127[^/]/",
								systems[count], event) == 2) {
			formats[count] = (struct tracedat_format){systems[count], f->text};
			count++;
			continue;
		} else {
			free(f->text);
		}
	}
	h.format_count = count;
	if (tracedat_write_head(&h, ret, NULL) < 0)
		kit_die("tracedat_write_head");
	for (size_t i = 0; i < count; i++)
		free(files[i].text);
	free((char *)h.header_page);
	free((char *)h.header_event);
	realdata_free(&tar);
	room = ZSTD_compressBound(ret->len);
	*ret_zst = (struct text){.s = malloc(room), .size = room};
	/* With a checksum, as the recorder does it. */
	(void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	ret_zst->len = ZSTD_compress2(z, ret_zst->s, room, ret->s, ret->len);
	ZSTD_freeCCtx(z);
}

/* ---- other programs ---- */

/* Run a shell command; what it prints is added to @ret, and to standard error as well with 2>&1.
 * Its exit status. */
static inline int PRINTF(2, 3) kit_run(struct text *ret, const char *fmt, ...)
{
	char command[4096], buf[65536];
	va_list ap;
	FILE *p;
	size_t n;
	int status;

	va_start(ap, fmt);
	if (vsnprintf(command, sizeof(command), fmt, ap) >= (int)sizeof(command))
		kit_die("a command is too long");
	va_end(ap);
	p = popen(command, "re");
	if (!p)
		kit_die(command);
	while ((n = fread(buf, 1, sizeof(buf), p)) > 0)
		if (ret)
			text_add(ret, buf, n);
	status = pclose(p);
	if (ret && !text_ok(ret))
		kit_die("no memory");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static inline size_t kit_lines(const char *s)
{
	size_t n = 0;

	for (; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

/* ---- a spool, read back ---- */

static inline int kit_by_place(const void *va, const void *vb)
{
	const struct segment_entry *a = va, *b = vb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/*
 * The payloads of one stream, in order of place on disk (which must be that of sequence), cut out
 * of what `zstd -dc` gives for each segment. False when the tool's length is not the headers' sum.
 */
static inline bool kit_stream(const struct kit_folder *f, const struct segment_set *set,
			      enum chunk_stream stream, uint32_t id, struct text *ret)
{
	size_t bytes = set->entry_count * sizeof(*set->entries);
	struct segment_entry *in_place = malloc(bytes ? bytes : 1);
	struct text raw = {0};
	uint64_t at = 0, sequence = 0;
	bool ok = true;

	if (bytes)
		memcpy(in_place, set->entries, bytes);
	qsort(in_place, set->entry_count, sizeof(*in_place), kit_by_place);
	for (size_t i = 0; ok && i < set->entry_count; i++) {
		const struct segment_entry *en = &in_place[i];

		if (i == 0 || en->file != en[-1].file) {
			ok = at == raw.len;
			text_reset(&raw);
			at = 0;
			if (kit_run(&raw, "zstd -dcq %s/" SEGMENT_NAME, f->path, en->file) != 0)
				ok = false;
		}
		if (at + en->chunk.raw_bytes > raw.len) {
			ok = false;
		} else if (en->chunk.stream == stream && en->chunk.id == id) {
			text_add(ret, raw.s + at, en->chunk.raw_bytes);
			ok &= en->chunk.sequence > sequence;
			sequence = en->chunk.sequence;
		}
		at += en->chunk.raw_bytes;
	}
	ok &= at == raw.len;
	text_free(&raw);
	free(in_place);
	return ok && text_ok(ret);
}

/* The same by libzstd, chunk by chunk in order of sequence: for tests that do it a thousand times.
 */
static inline bool kit_joined(const struct kit_folder *f, const struct segment_set *set,
			      enum chunk_stream stream, uint32_t id, struct text *ret)
{
	bool ok = true;

	for (size_t i = 0; ok && i < set->entry_count; i++) {
		const struct segment_entry *en = &set->entries[i];
		uint64_t raw_bytes = en->chunk.raw_bytes;
		uint8_t *frame, *raw;
		int fd;

		if (en->chunk.stream != stream || en->chunk.id != id)
			continue;
		fd = segment_open(f->fd, en->file, NULL);
		frame = malloc(en->chunk.frame_bytes);
		raw = malloc(raw_bytes);
		ok = fd >= 0 && frame && raw &&
		     file_pread_all(fd, frame, en->chunk.frame_bytes,
				    en->at + CHUNK_HEADER_BYTES) ==
			     (ssize_t)en->chunk.frame_bytes &&
		     ZSTD_decompress(raw, raw_bytes, frame, en->chunk.frame_bytes) == raw_bytes;
		if (ok)
			text_add(ret, raw, raw_bytes);
		closep(&fd);
		free(frame);
		free(raw);
	}
	return ok && text_ok(ret);
}

/* Are the sequences of every stream FIRST, FIRST+1, ... without a hole? */
static inline bool kit_no_holes(const struct segment_set *set, bool from_one)
{
	for (size_t i = 0; i < set->entry_count; i++) {
		const struct chunk *c = &set->entries[i].chunk, *b = i ? c : NULL;

		if (b)
			b = &set->entries[i - 1].chunk;
		if (!b || b->stream != c->stream || b->id != c->id) {
			if (from_one && c->sequence != 1)
				return false;
		} else if (c->sequence != b->sequence + 1) {
			return false;
		}
	}
	return true;
}

/* ---- ring pages as lists of events ---- */

struct kit_events {
	struct kit_event {
		uint64_t ns;
		uint32_t bytes, sum;
	} * v;
	size_t n, room;
};

static inline void kit_events_add(struct kit_events *l, const uint8_t *page)
{
	struct ringpage_cursor c;
	struct ringpage_event ev;

	if (ringpage_begin(&kit_layout, page, &c) < 0)
		kit_die("not a page");
	while (ringpage_next(&c, &ev) > 0) {
		uint32_t sum = 2166136261u;

		for (uint32_t i = 0; i < ev.bytes; i++)
			sum = (sum ^ ev.data[i]) * 16777619u;
		if (l->n == l->room) {
			l->room = l->room ? l->room * 2 : 1024;
			l->v = realloc(l->v, l->room * sizeof(*l->v));
			if (!l->v)
				kit_die("no memory");
		}
		l->v[l->n++] = (struct kit_event){ev.ns, ev.bytes, sum};
	}
}

static inline struct kit_events kit_events_of(const void *pages, size_t n)
{
	struct kit_events l = {0};

	for (size_t at = 0; at + KIT_PAGE <= n; at += KIT_PAGE)
		kit_events_add(&l, (const uint8_t *)pages + at);
	return l;
}

static inline bool kit_events_same(const struct kit_events *a, const struct kit_events *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].ns != b->v[i].ns || a->v[i].bytes != b->v[i].bytes ||
		    a->v[i].sum != b->v[i].sum)
			return false;
	return true;
}

#endif
