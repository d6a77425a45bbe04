/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Session folder to bundle.
 *
 * Called at the end of every recording and by recovery, with nothing but the folder: so what
 * recovery needs is tried at every normal end. The chunks of the spool are copied as they are, in
 * order of stream, behind a tar header each for the files they make up; only the short members are
 * compressed here.
 *
 * Nothing is left out in silence: what is missing, damaged or does not fit is a gap in the
 * manifest, and the folder is kept when it holds something that the bundle has not.
 *
 * The bundle is written under a hidden name, synced, and given its final name in one step that
 * replaces nothing: a bundle under its final name is complete.
 */
#include "finish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "format/pcapfile.h"
#include "format/tarball.h"
#include "format/tracedat.h"

#include "manifest.h"
#include "session.h"
#include "spent.h"

#define CONTEXT_FILE_MAX (64 * MIB)
#define COMMS_MAX_BYTES (16 * MIB)
#define PID_LIMIT (UINT32_C(1) << 22) /* PID_MAX_LIMIT of linux/threads.h */
#define HEAD_MAX_BYTES (256 * MIB)
#define SEGMENTS_OPEN_MAX 128
#define TAIL_LEVEL 1 /* of zstd; as the spool */
/* pcap-linktype(7), and libpcap's own number for the same within a program. */
#define LINKTYPE_RAW 101
#define DLT_RAW_LINUX 12

struct finisher {
	const struct finish_config *config;
	struct folder folder;
	struct segment_set set;
	struct manifest manifest;
	struct text trace_head, trace_tail, packets_head, clocks_head;
	uint64_t trace_head_raw;
	uint64_t *cpu_bytes;
	uint32_t cpus;
	struct finish_context {
		char path[112];
		struct text text;
	} * context;
	size_t context_count;
	struct open_segment {
		uint32_t number;
		int fd;
	} * segments;
	size_t segment_count;
	uint8_t *frame;
	size_t frame_room;
	int output_fd, bundle_fd;
	char bundle_name[300], hidden_name[320];
	bool hidden_exists;
	const char *kept; /* what the folder has and the bundle has not; NULL: nothing */
	ZSTD_CCtx *zstd;  /* for chunks that nobody has compressed yet */
};

static void finisher_done(struct finisher *f)
{
	if (f->hidden_exists)
		(void)unlinkat(f->output_fd, f->hidden_name, 0);
	for (size_t i = 0; i < f->segment_count; i++)
		(void)close(f->segments[i].fd);
	for (size_t i = 0; i < f->context_count; i++)
		text_free(&f->context[i].text);
	free(f->segments);
	free(f->context);
	free(f->cpu_bytes);
	free(f->frame);
	(void)ZSTD_freeCCtx(f->zstd);
	text_free(&f->trace_head);
	text_free(&f->trace_tail);
	text_free(&f->packets_head);
	text_free(&f->clocks_head);
	manifest_done(&f->manifest);
	segment_set_done(&f->set);
	folder_done(&f->folder);
	closep(&f->bundle_fd);
	closep(&f->output_fd);
}

/* ---- what there is ---- */

/*
 * One of the small files. One that is missing or cannot be read leaves @ret empty: who needs it
 * notes the damage. Absent is right where the recorder was killed before it was written.
 */
static int load_small(struct finisher *f, const char *name, size_t limit, struct text *ret,
		      struct err *e)
{
	struct err why = {0};
	int r = file_load_at(f->config->session_fd, name, limit, ret, &why);

	if (r == -ENOMEM)
		return err_nomem(e);
	if (r < 0 && r != -ENOENT)
		log_warning("%s", why.text);
	if (r < 0)
		text_free(ret);
	return 0;
}

static int add_context_file(struct finisher *f, int dir_fd, const char *moment, const char *name,
			    struct err *e)
{
	struct finish_context *more = realloc(f->context, (f->context_count + 1) * sizeof(*more));
	int r;

	if (!more)
		return err_nomem(e);
	f->context = more;
	more += f->context_count;
	*more = (struct finish_context){0};
	if (snprintf(more->path, sizeof(more->path), SESSION_CONTEXT "/%s/%s", moment, name) > 100)
		return 0; /* not one of ours */
	r = file_load_at(dir_fd, name, CONTEXT_FILE_MAX, &more->text, e);
	if (r < 0) {
		log_warning("%s", e ? e->text : name);
		err_clear(e);
		text_free(&more->text);
		return manifest_damage(&f->manifest, "spool", e, "%s cannot be read", more->path);
	}
	f->context_count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct finish_context *)a)->path,
		      ((const struct finish_context *)b)->path);
}

static int load_moment(struct finisher *f, const char *moment, struct err *e)
{
	char path[64];
	struct dirent *d;
	int fd, r = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), SESSION_CONTEXT "/%s", moment);
	fd = openat(f->config->session_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return err_nomem(e);
	}
	while (r == 0 && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			r = add_context_file(f, fd, moment, d->d_name, e);
	(void)closedir(dir);
	return r;
}

static uint32_t ring_cpus(const struct finisher *f)
{
	uint64_t cpus = json_get_u64(folder_source(&f->folder, "ftrace"), "cpus", 1);

	return (uint32_t)max_of(min_of(cpus, UINT64_C(65536)), UINT64_C(1));
}

/* Is it of a source that the facts know, and of its shape? */
static bool fits(const struct finisher *f, const struct chunk *c, uint32_t cpus,
		 const struct ringpage_layout *layout)
{
	if (c->stream == CHUNK_RING)
		return c->id < cpus && c->raw_bytes % layout->page_bytes == 0;
	return manifest_takes(&f->manifest, c);
}

/* Ring pages that the facts do not know would make a trace.dat that nobody can read; other chunks
 * that they do not know would go nowhere without a word. */
static int drop_misfits(struct finisher *f, struct err *e)
{
	struct ringpage_layout layout;
	uint32_t cpus = ring_cpus(f);
	size_t kept = 0;

	folder_ring_layout(&f->folder, &layout);
	for (size_t i = 0; i < f->set.entry_count; i++) {
		const struct segment_entry *en = &f->set.entries[i];
		struct segment_damage *more;

		if (fits(f, &en->chunk, cpus, &layout)) {
			f->set.entries[kept++] = *en;
			continue;
		}
		more = realloc(f->set.damage, (f->set.damage_count + 1) * sizeof(*more));
		if (!more)
			return err_nomem(e);
		f->set.damage = more;
		more += f->set.damage_count++;
		*more = (struct segment_damage){.at = en->at, .bytes = en->chunk.frame_bytes};
		(void)snprintf(more->file, sizeof(more->file), SEGMENT_NAME, en->file);
		if (!en->file)
			(void)snprintf(more->file, sizeof(more->file), SEGMENT_TAIL);
	}
	f->set.entry_count = kept;
	return 0;
}

static int load_folder(struct finisher *f, bool verify, struct err *e)
{
	int fd = f->config->session_fd;
	int r;

	r = folder_load(fd, f->config->session_path, &f->folder, e);
	if (r == 0)
		r = segment_set_load(fd, verify, &f->set, e);
	/* What a tail still holds the disk did not take, or it cannot be written to. */
	if (r == 0)
		r = segment_set_adopt_tails(&f->set, e);
	if (r == 0) {
		manifest_begin(&f->folder, &f->manifest);
		r = drop_misfits(f, e);
	}
	for (size_t i = 0; r == 0 && i < f->set.damage_count; i++)
		if (f->set.damage[i].bytes)
			f->kept = "what cannot be read of its spool";
	if (r == 0)
		r = manifest_survey(&f->manifest, &f->set, e);
	if (r == 0)
		r = load_small(f, SESSION_TRACE_HEAD, HEAD_MAX_BYTES, &f->trace_head, e);
	if (r == 0)
		r = load_small(f, SESSION_PACKETS_HEAD, KIB, &f->packets_head, e);
	if (r == 0)
		r = load_small(f, SESSION_CLOCKS_HEAD, KIB, &f->clocks_head, e);
	if (r == 0)
		r = load_moment(f, "start", e);
	if (r == 0)
		r = load_moment(f, "end", e);
	if (r == 0 && f->context_count)
		qsort(f->context, f->context_count, sizeof(*f->context), by_name);
	return r;
}

static uint64_t stream_bytes(const struct finisher *f, enum chunk_stream stream)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->manifest.holding_count; i++)
		if (f->manifest.holdings[i].stream == stream)
			sum = f->manifest.holdings[i].raw_bytes;
	return sum;
}

/* Recorded, but not to be read: see manifest_spoil(). */
static bool is_spoilt(const struct finisher *f, enum chunk_stream stream)
{
	for (size_t i = 0; i < f->manifest.holding_count; i++)
		if (f->manifest.holdings[i].stream == stream)
			return !f->manifest.holdings[i].member;
	return false;
}

/* ---- the heads of files ---- */

/* A pcap header, of any byte order and resolution. */
static bool is_pcap_head(const struct text *t)
{
	static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xd4c3b2a1, 0x4d3cb2a1};

	for (size_t i = 0; t->len == PCAPFILE_HEADER_BYTES && i < ARRAY_SIZE(magics); i++)
		if (get_le32(t->s) == magics[i])
			return true;
	return false;
}

/* The header that the recorder wrote, as its facts give it. */
static bool packets_head_of_facts(const struct finisher *f, uint8_t out[PCAPFILE_HEADER_BYTES])
{
	const struct json_value *facts = folder_source(&f->folder, "packets");
	uint64_t type = json_get_u64(facts, "link_type", UINT64_MAX);

	if (type > UINT16_MAX || !json_get_u64(facts, "snaplen", 0))
		return false;
	/* As source_packets.c: in files raw IP has another number than libpcap's. */
	pcapfile_header(type == DLT_RAW_LINUX ? LINKTYPE_RAW : (int)type,
			(uint32_t)json_get_u64(facts, "snaplen", 0), out);
	return true;
}

static int replace_head(struct text *head, const void *bytes, size_t n, struct err *e)
{
	text_reset(head);
	text_add(head, bytes, n);
	return text_ok(head) ? 0 : err_nomem(e);
}

static int mend_packets_head(struct finisher *f, struct err *e)
{
	struct text *head = &f->packets_head;
	uint8_t made[PCAPFILE_HEADER_BYTES];

	if (!stream_bytes(f, CHUNK_PACKETS) && !head->len)
		return 0;
	if (packets_head_of_facts(f, made)) {
		if (head->len == sizeof(made) && !memcmp(head->s, made, sizeof(made)))
			return 0;
		manifest_degrade(&f->manifest, "packets",
				 SESSION_PACKETS_HEAD
				 " was missing or damaged; it was made anew from " SESSION_FACTS);
		return replace_head(head, made, sizeof(made), e);
	}
	if (is_pcap_head(head))
		return 0;
	head->len = 0;
	f->kept = "the packets, which the bundle has not";
	return manifest_spoil(&f->manifest, "packets",
			      SESSION_PACKETS_HEAD
			      " is missing or damaged, and " SESSION_FACTS
			      " does not tell the kind of the link: the packets cannot be read",
			      e);
}

static bool is_row_of_names(const struct text *t)
{
	size_t n = 0;

	while (n < t->len && ((t->s[n] >= 'a' && t->s[n] <= 'z') || strchr("_,", t->s[n])) &&
	       t->s[n])
		n++;
	return n > 0 && n + 1 == t->len && t->s[n] == '\n';
}

static int mend_clocks_head(struct finisher *f, struct err *e)
{
	struct text *head = &f->clocks_head;

	if ((!stream_bytes(f, CHUNK_CLOCKS) && !head->len) || is_row_of_names(head))
		return 0;
	manifest_degrade(&f->manifest, "clocks",
			 SESSION_CLOCKS_HEAD " was missing or damaged; it was made anew");
	return replace_head(head, SESSION_CLOCKS_COLUMNS, strlen(SESSION_CLOCKS_COLUMNS), e);
}

/* ---- trace.dat ---- */

static int measure_rings(struct finisher *f, struct err *e)
{
	f->cpus = ring_cpus(f);
	f->cpu_bytes = calloc(f->cpus, sizeof(*f->cpu_bytes));
	if (!f->cpu_bytes)
		return err_nomem(e);
	for (size_t i = 0; i < f->set.entry_count; i++) {
		const struct chunk *c = &f->set.entries[i].chunk;

		if (c->stream == CHUNK_RING)
			f->cpu_bytes[c->id] += c->raw_bytes;
	}
	return 0;
}

/* Its own checksum is in it; what it holds is counted, since its header may say anything. */
static bool head_is_sound(const struct text *head, uint64_t *ret_raw)
{
	unsigned long long raw = ZSTD_getFrameContentSize(head->s, head->len);
	ZSTD_inBuffer in = {head->s, head->len, 0};
	CLEANUP(freep) uint8_t *bytes = malloc(ZSTD_DStreamOutSize());
	ZSTD_DStream *z = ZSTD_createDStream();
	uint64_t got = 0;
	size_t left = 1;

	while (bytes && z && left && !ZSTD_isError(left)) {
		ZSTD_outBuffer out = {bytes, ZSTD_DStreamOutSize(), 0};
		size_t before = in.pos;

		left = ZSTD_decompressStream(z, &out, &in);
		got += out.pos;
		if (out.pos == 0 && in.pos == before)
			break;
	}
	(void)ZSTD_freeDStream(z);
	*ret_raw = got;
	return left == 0 && got == raw && in.pos == in.size;
}

static const char **load_cpu_stats(struct finisher *f)
{
	const struct json_value *list = folder_last(&f->folder, "cpu_stats");
	const char **stats = calloc(f->cpus, sizeof(*stats));
	const struct json_value *v = list ? list->child : NULL;

	for (uint32_t cpu = 0; stats && v && cpu < f->cpus; cpu++, v = v->next)
		stats[cpu] = v->type == JSON_STRING ? v->str : NULL;
	return stats;
}

/*
 * Of the names a pid has had the newest one: pids are used again, and viewers take any of several.
 * What is not "PID COMM" is left out.
 */
static int newest_comms(const struct text *comms, struct text *out, struct err *e)
{
	CLEANUP(freep) uint8_t *seen = calloc(PID_LIMIT / 8, 1);
	const char *start = text_c(comms), *end = start + comms->len;

	if (!seen)
		return err_nomem(e);
	while (end > start) {
		const char *line = memrchr(start, '\n', (size_t)(end - start) - 1);
		unsigned long pid;
		char *after;

		line = line ? line + 1 : start;
		pid = strtoul(line, &after, 10);
		if (after > line && *after == ' ' && pid < PID_LIMIT &&
		    !(seen[pid / 8] & 1 << pid % 8)) {
			seen[pid / 8] |= (uint8_t)(1 << pid % 8);
			text_add(out, line, (size_t)(end - line));
		}
		end = line;
	}
	return text_ok(out) ? 0 : err_nomem(e);
}

static int make_trace_tail(struct finisher *f, struct err *e)
{
	const struct json_value *facts = folder_source(&f->folder, "ftrace");
	CLEANUP(text_free) struct text all_comms = {0}, comms = {0};
	CLEANUP(freep) const char **stats = NULL;
	int r;

	if (!head_is_sound(&f->trace_head, &f->trace_head_raw)) {
		f->trace_head_raw = 0;
		f->kept = "the trace pages, which the bundle has not";
		return manifest_spoil(
			&f->manifest, "ftrace",
			f->trace_head.len
				? "the event formats saved in " SESSION_TRACE_HEAD
				  " are damaged: the recorded pages cannot be read without them"
				: "the event formats saved in " SESSION_TRACE_HEAD
				  " are missing: the recorded pages cannot be read without them",
			e);
	}
	if (faccessat(f->config->session_fd, SPOOL_COMMS, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		manifest_degrade(&f->manifest, "ftrace",
				 "the names of processes, saved in " SPOOL_COMMS ", are missing");
	r = load_small(f, SPOOL_COMMS, COMMS_MAX_BYTES, &all_comms, e);
	if (r == 0)
		r = newest_comms(&all_comms, &comms, e);
	if (r == 0)
		r = measure_rings(f, e);
	if (r < 0)
		return r;
	stats = load_cpu_stats(f);
	if (!stats)
		return err_nomem(e);
	return tracedat_write_tail(
		&(struct tracedat_tail){
			.cmdlines = text_c(&comms),
			.page_bytes = (uint32_t)json_get_u64(facts, "page_bytes", 4096),
			.cpus = f->cpus,
			.cpu_bytes = f->cpu_bytes,
			.cpu_stats = stats,
			.real_offset_ns = f->manifest.real_offset_ns,
			.trace_clock = json_get_str(facts, "trace_clock", "[mono]"),
			.uname = json_get_str(facts, "uname", NULL),
		},
		f->trace_head_raw, &f->trace_tail, e);
}

/* ---- series ---- */

/* The head, from the facts: the name is checked by the manifest. */
static void series_head(const struct holding *h, struct text *out)
{
	series_head_write(h->name + sizeof(SERIES_SOURCE) - 1,
			  json_get_u64(h->facts, "interval_ns", 0), out);
}

static int list_series(struct finisher *f, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->manifest.holding_count; i++) {
		const struct holding *h = &f->manifest.holdings[i];
		CLEANUP(text_free) struct text head = {0};

		if (h->stream != CHUNK_SERIES || !manifest_member(h))
			continue;
		series_head(h, &head);
		r = manifest_add_member(&f->manifest, h->member, head.len + h->raw_bytes, e);
	}
	return r;
}

/* ---- members ---- */

static uint64_t trace_bytes(const struct finisher *f)
{
	return f->trace_head_raw + f->trace_tail.len + stream_bytes(f, CHUNK_RING);
}

static int list_members(struct finisher *f, const struct text *summary, struct err *e)
{
	struct manifest *m = &f->manifest;
	int r;

	m->member_count = 0;
	r = manifest_add_member(m, "summary.txt", summary->len, e);
	if (r == 0)
		r = manifest_add_member(m, "kernel.log", stream_bytes(f, CHUNK_KMSG), e);
	if (r == 0 && !is_spoilt(f, CHUNK_PACKETS))
		r = manifest_add_member(m, "packets.pcap",
					f->packets_head.len + stream_bytes(f, CHUNK_PACKETS), e);
	if (r == 0)
		r = manifest_add_member(m, "clocks.csv",
					f->clocks_head.len + stream_bytes(f, CHUNK_CLOCKS), e);
	if (r == 0)
		r = list_series(f, e);
	for (size_t i = 0; r == 0 && i < f->context_count; i++)
		r = manifest_add_member(m, f->context[i].path, f->context[i].text.len, e);
	if (r == 0 && f->trace_head_raw)
		r = manifest_add_member(m, "trace.dat", trace_bytes(f), e);
	return r;
}

/* A descriptor of a segment. A large budget has more of them than a process may have open. */
static int segment_fd(struct finisher *f, uint32_t number, struct err *e)
{
	struct open_segment *more;
	int fd;

	for (size_t i = f->segment_count; i-- > 0;)
		if (f->segments[i].number == number)
			return f->segments[i].fd;
	if (f->segment_count == SEGMENTS_OPEN_MAX) {
		(void)close(f->segments[0].fd);
		f->segment_count--;
		memmove(f->segments, f->segments + 1, f->segment_count * sizeof(*f->segments));
	}
	more = realloc(f->segments, (f->segment_count + 1) * sizeof(*more));
	if (!more)
		return err_nomem(e);
	f->segments = more;
	fd = segment_open(f->config->session_fd, number, e);
	if (fd >= 0)
		f->segments[f->segment_count++] = (struct open_segment){number, fd};
	return fd;
}

static int make_frame_room(struct finisher *f, size_t n, struct err *e)
{
	uint8_t *more = n > f->frame_room ? realloc(f->frame, n) : f->frame;

	if (n > f->frame_room && !more)
		return err_nomem(e);
	f->frame = more;
	f->frame_room = max_of(f->frame_room, n);
	return 0;
}

/* A chunk that was still open: as the spool would have sealed it. */
static int copy_tail(struct finisher *f, struct tarball *t, const struct segment_entry *en,
		     struct err *e)
{
	const struct segment_tail *tail = &f->set.tails[en->at];
	struct chunk c = en->chunk;
	size_t room = ZSTD_compressBound(c.raw_bytes), n;
	int r = make_frame_room(f, room, e);

	if (r < 0)
		return r;
	if (!f->zstd)
		f->zstd = ZSTD_createCCtx();
	if (!f->zstd)
		return err_nomem(e);
	n = ZSTD_compressCCtx(f->zstd, f->frame, room, tail->bytes, c.raw_bytes, TAIL_LEVEL);
	if (ZSTD_isError(n))
		return err_nomem(e);
	c.frame_bytes = (uint32_t)n;
	c.frame_crc = crc32c(~0u, f->frame, n);
	return tarball_chunk(t, &c, f->frame, e);
}

static int copy_chunk(struct finisher *f, struct tarball *t, const struct segment_entry *en,
		      struct err *e)
{
	const struct chunk *c = &en->chunk;
	ssize_t n;
	int fd, r;

	if (f->config->cancelled && f->config->cancelled(f->config->arg))
		return err_set(e, -ECANCELED, "making the bundle was given up");
	if (!en->file)
		return copy_tail(f, t, en, e);
	r = make_frame_room(f, c->frame_bytes, e);
	if (r < 0)
		return r;
	fd = segment_fd(f, en->file, e);
	if (fd < 0)
		return fd;
	FAILPOINT("bundle-chunk");
	n = file_pread_all(fd, f->frame, c->frame_bytes, en->at + CHUNK_HEADER_BYTES);
	if (n < 0)
		return err_errno(e, (int)n, "cannot read the spool in %s", f->config->session_path);
	if ((uint64_t)n != c->frame_bytes || !chunk_frame_ok(c, f->frame))
		return err_set(e, -EILSEQ, "a chunk of the spool in %s is damaged",
			       f->config->session_path);
	return tarball_chunk(t, c, f->frame, e);
}

/* @id: of a series; 0: all of the stream. */
static int copy_stream(struct finisher *f, struct tarball *t, enum chunk_stream stream, uint32_t id,
		       struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->set.entry_count; i++)
		if (f->set.entries[i].chunk.stream == stream &&
		    (!id || f->set.entries[i].chunk.id == id))
			r = copy_chunk(f, t, &f->set.entries[i], e);
	return r;
}

static int add_stream_member(struct finisher *f, struct tarball *t, const char *path,
			     const struct text *head, enum chunk_stream stream, struct err *e)
{
	int r = tarball_begin(t, path, head->len + stream_bytes(f, stream), e);

	if (r == 0)
		r = tarball_raw(t, head->s, head->len, e);
	if (r == 0)
		r = copy_stream(f, t, stream, 0, e);
	return r == 0 ? tarball_end(t, e) : r;
}

static int add_one_series(struct finisher *f, struct tarball *t, const struct holding *h,
			  struct err *e)
{
	CLEANUP(text_free) struct text head = {0};
	int r;

	series_head(h, &head);
	if (!text_ok(&head))
		return err_nomem(e);
	r = tarball_begin(t, h->member, head.len + h->raw_bytes, e);
	if (r == 0)
		r = tarball_raw(t, head.s, head.len, e);
	if (r == 0)
		r = copy_stream(f, t, CHUNK_SERIES, h->id, e);
	return r == 0 ? tarball_end(t, e) : r;
}

static int add_series(struct finisher *f, struct tarball *t, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->manifest.holding_count; i++) {
		const struct holding *h = &f->manifest.holdings[i];

		if (h->stream == CHUNK_SERIES && manifest_member(h))
			r = add_one_series(f, t, h, e);
	}
	return r;
}

static int add_trace(struct finisher *f, struct tarball *t, struct err *e)
{
	int r;

	if (!f->trace_head_raw)
		return 0;
	r = tarball_begin(t, "trace.dat", trace_bytes(f), e);
	if (r == 0)
		r = tarball_frame(t, f->trace_head.s, f->trace_head.len, f->trace_head_raw, e);
	if (r == 0)
		r = tarball_raw(t, f->trace_tail.s, f->trace_tail.len, e);
	if (r == 0)
		r = copy_stream(f, t, CHUNK_RING, 0, e);
	return r == 0 ? tarball_end(t, e) : r;
}

static int add_members(struct finisher *f, struct tarball *t, const struct text *manifest,
		       const struct text *summary, struct err *e)
{
	static const struct text nothing;
	int r;

	r = tarball_add(t, "manifest.json", manifest->s, manifest->len, e);
	FAILPOINT("bundle-manifest");
	if (r == 0)
		r = tarball_add(t, "summary.txt", summary->s, summary->len, e);
	if (r == 0)
		r = add_stream_member(f, t, "kernel.log", &nothing, CHUNK_KMSG, e);
	if (r == 0 && !is_spoilt(f, CHUNK_PACKETS))
		r = add_stream_member(f, t, "packets.pcap", &f->packets_head, CHUNK_PACKETS, e);
	if (r == 0)
		r = add_stream_member(f, t, "clocks.csv", &f->clocks_head, CHUNK_CLOCKS, e);
	if (r == 0)
		r = add_series(f, t, e);
	for (size_t i = 0; r == 0 && i < f->context_count; i++)
		r = tarball_add(t, f->context[i].path, f->context[i].text.s, f->context[i].text.len,
				e);
	if (r == 0)
		r = add_trace(f, t, e);
	return r == 0 ? tarball_close(t, e) : r;
}

/* ---- the file ---- */

static int open_bundle(struct finisher *f, struct err *e)
{
	(void)snprintf(f->bundle_name, sizeof(f->bundle_name), "%s.tar.zst", f->manifest.stem);
	(void)snprintf(f->hidden_name, sizeof(f->hidden_name), ".%s.part", f->bundle_name);
	if (strchr(f->bundle_name, '/'))
		return err_set(e, -EINVAL, "%s/%s names a bundle that is a path",
			       f->config->session_path, SESSION_FACTS);
	f->manifest.bundle_name = f->bundle_name;
	f->output_fd = file_open_dir(f->config->output_dir, e);
	if (f->output_fd < 0)
		return f->output_fd;
	/* A recovery that was itself interrupted leaves one; nobody else makes such names. */
	(void)unlinkat(f->output_fd, f->hidden_name, 0);
	f->bundle_fd = file_create_at(f->output_fd, f->hidden_name, e);
	f->hidden_exists = f->bundle_fd >= 0;
	/* So that nobody sweeps it up. */
	if (f->hidden_exists)
		(void)flock(f->bundle_fd, LOCK_EX | LOCK_NB);
	FAILPOINT("bundle-begun");
	return f->hidden_exists ? 0 : f->bundle_fd;
}

static int write_bundle(struct finisher *f, struct err *e)
{
	uint64_t created = json_get_u64(folder_facts(&f->folder), "created_realtime_ns", 0);
	struct text manifest = {0}, summary = {0};
	struct tarball *t = NULL;
	int r;

	/* Twice: the first time the summary does not know its own length. */
	r = list_members(f, &summary, e);
	if (r == 0) {
		manifest_write_summary(&f->manifest, &summary);
		r = list_members(f, &summary, e);
	}
	if (r == 0) {
		manifest_write_json(&f->manifest, &manifest);
		r = text_ok(&manifest) && text_ok(&summary) ? 0 : err_nomem(e);
	}
	if (r == 0)
		r = tarball_open(f->bundle_fd, f->manifest.stem, created / NSEC_PER_SEC, &t, e);
	if (r == 0)
		r = add_members(f, t, &manifest, &summary, e);
	tarball_free(t);
	text_free(&manifest);
	text_free(&summary);
	return r;
}

/* What the caller will be told of the bundle. */
static int describe_bundle(struct finisher *f, struct record_result *ret, struct err *e)
{
	char dir[PATH_MAX];

	/* Whoever reads the path may be in another folder by then. */
	if (!realpath(f->config->output_dir, dir))
		return err_errno(e, -errno, "cannot find the way to %s", f->config->output_dir);
	if (snprintf(ret->bundle, sizeof(ret->bundle), "%s/%s", dir, f->bundle_name) >=
	    (int)sizeof(ret->bundle))
		log_warning("the bundle's path is too long to be printed; it is in %s", dir);
	ret->complete = f->manifest.complete;
	text_reset(&ret->json);
	manifest_write_result(&f->manifest, ret->bundle, &ret->json);
	return 0;
}

/* The name is given last, and means that the bundle is complete. */
static int name_bundle(struct finisher *f, struct record_result *ret, struct err *e)
{
	bool spent = !f->kept && !f->config->keep;
	int r;

	FAILPOINT("bundle-written");
	if (fsync(f->bundle_fd) < 0)
		return err_errno(e, -errno, "the bundle could not be made durable in %s",
				 f->config->output_dir);
	FAILPOINT("bundle-synced");
	if (!spent || spent_note(f->config->session_fd, f->bundle_fd, f->bundle_name, ret) < 0)
		spent_forget(f->config->session_fd);
	FAILPOINT("bundle-noted");
	r = file_rename_noreplace(f->output_fd, f->hidden_name, f->bundle_name, e);
	if (r < 0) {
		spent_forget(f->config->session_fd);
		return r;
	}
	f->hidden_exists = false;
	FAILPOINT("bundle-named");
	r = file_sync_dir(f->output_fd, e);
	if (r < 0)
		return r;
	if (f->kept) {
		(void)snprintf(ret->session, sizeof(ret->session), "%s", f->config->session_path);
		log_error(
			"not all of %s could be read (summary.txt says what); the folder is kept, "
			"with %s in it",
			f->config->session_path, f->kept);
	}
	return 0;
}

static int finish_once(const struct finish_config *c, bool verify, struct record_result *ret,
		       struct err *e)
{
	CLEANUP(finisher_done) struct finisher f = {.config = c, .output_fd = -1, .bundle_fd = -1};
	int r;

	r = load_folder(&f, verify, e);
	if (r == 0 && c->undrained)
		r = manifest_damage(&f.manifest, "ftrace", e, "%s", c->undrained);
	if (r == 0)
		r = mend_packets_head(&f, e);
	if (r == 0)
		r = mend_clocks_head(&f, e);
	if (r == 0 && (f.trace_head.len || stream_bytes(&f, CHUNK_RING)))
		r = make_trace_tail(&f, e);
	if (r == 0)
		r = open_bundle(&f, e);
	if (r == 0)
		r = write_bundle(&f, e);
	if (r == 0)
		r = describe_bundle(&f, ret, e);
	if (r == 0)
		r = name_bundle(&f, ret, e);
	/* Nobody is told of a bundle that is not there. */
	if (r < 0) {
		ret->bundle[0] = '\0';
		text_free(&ret->json);
	}
	return r;
}

/**
 * finish() - make the bundle of a session folder
 * @c:   the folder, sealed (spool_close() or leftover_drain()), and where the bundle goes
 * @ret: bundle, complete and json are set on success
 * @e:   filled on failure
 *
 * Checksums are verified while copying. Sizes have been announced by then, so when one is wrong
 * the bundle is begun again without what is damaged.
 *
 * Return: 0; -ECANCELED when c->cancelled() said so; another negative errno. On failure nothing
 * half-made is left and the folder is as it was.
 */
int finish(const struct finish_config *c, struct record_result *ret, struct err *e)
{
	int r = finish_once(c, false, ret, e);

	if (r == -EILSEQ) {
		log_warning("%s: making the bundle of what is sound", e->text);
		err_clear(e);
		r = finish_once(c, true, ret, e);
	}
	if (r == -ENOSPC || r == -EDQUOT)
		return err_set(e, r,
			       "there is no room for the bundle in %s; free some, or put it "
			       "elsewhere: scoutfs-trace recover %s --output-dir=DIR",
			       c->output_dir, c->session_path);
	return r;
}

int finish_is_session(int session_fd, const char *path, struct err *e)
{
	CLEANUP(folder_done) struct folder f = {0};

	return folder_load(session_fd, path, &f, e);
}
