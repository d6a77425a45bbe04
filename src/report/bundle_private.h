/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the bundle reader share; nobody else includes it.
 *
 *	bundle.c          opening, what kind it is, names, notes, members
 *	bundle_streams.c  streams, their chunks, and which of them a window has
 *	bundle_row.c      rows of zstd frames: the assembled bundle, segments of a session
 *	bundle_ahead.c    the same walk by many threads, to have the pages in memory
 *	bundle_read.c     bytes of chunks and members
 *	bundle_folder.c   folders: opening all files; a session's spool
 *	bundle_session.c  a session's files in the form of a manifest
 *	bundle_tar.c      any other tar, into the temporary file
 *	bundle_virtual.c  chunks for files that have no chunk headers
 */
#ifndef REPORT_BUNDLE_PRIVATE_H
#define REPORT_BUNDLE_PRIVATE_H

#include <zstd.h>

#include "bundle.h"

/* All of these are far above what a recorder makes, and bound what a made-up file can take. */
#define BUNDLE_CHUNKS_MAX 4000000 /* times 48 bytes; 50 GiB of a host of 256 CPUs has 3 million */
#define BUNDLE_RINGS_MAX 65536	  /* as tracedat.c */
#define BUNDLE_SERIES_MAX 1024
#define BUNDLE_MEMBERS_MAX 20000
#define BUNDLE_NAME_MAX 400
#define BUNDLE_NOTES_MAX 100
#define BUNDLE_EXTENTS_MAX 100000
#define BUNDLE_BYTES_UNKNOWN UINT64_MAX /* of a member: it has as many as there are */
#define BUNDLE_SMALL_MAX (64 * MIB)	/* a frame of a short member: finish.c's CONTEXT_FILE_MAX */
#define BUNDLE_HEAD_MAX (256 * MIB) /* the first part of trace.dat, unpacked: 20 MiB are usual */
#define BUNDLE_MANIFEST_MAX (16 * MIB)
/* Payloads of all chunks, next to the size of the file: real ones are 5 to 20 times as long. */
#define BUNDLE_RATIO_MAX 500
#define BUNDLE_RATIO_FREE (256 * MIB)

enum chunk_form {
	FORM_FRAMED, /* header and frame lie at .at */
	FORM_RAW,    /* the payload itself lies at .at */
	FORM_PIECES, /* .at is an index into .pieces: see struct bundle_piece */
};

enum extent_form {
	EXTENT_RAW,    /* .bytes bytes at .at */
	EXTENT_FRAME,  /* a zstd frame of .frame_bytes at .at, which holds .bytes */
	EXTENT_MEMORY, /* .bytes of .made, from .at on */
};

struct bundle_extent {
	uint64_t at, bytes;
	uint32_t frame_bytes;
	uint16_t file;
	uint8_t form;
};

/* A file, or a part of one. Every read goes through bundle_pread(). */
struct bundle_file {
	char *name; /* in the folder or tar; NULL: the file itself */
	int fd;
	bool owned;
	uint64_t base, size;
	uint64_t written_ns; /* of a folder: when it was written to last, at the opening */
};

/* Beside each struct bundle_member. */
struct bundle_member_data {
	size_t extent, extent_count;
	enum chunk_stream stream; /* whose chunks follow the extents; 0 none */
	uint32_t stream_id;	  /* of a series; 0: not known yet */
	uint64_t prologue_bytes;  /* when the extents are more than that */
};

/* A piece of a chunk that was open at the last sync, in .tail; the pieces of a chunk lie in a row.
 */
struct bundle_piece {
	struct chunk chunk;
	size_t at; /* of the frame in .tail */
	bool last; /* of its chunk */
};

struct bundle_stream_list {
	struct bundle_stream pub;
	struct bundle_chunk *chunks;
	size_t room;
};

struct bundle {
	char *path;
	bool is_stdin;
	enum bundle_kind kind;
	struct bundle_file *files;
	size_t file_count, file_room;
	int temp_fd; /* the temporary file, or -1 with the reason in temp_code */
	int temp_code;
	char temp_dir[200];
	uint64_t temp_free, temp_used;
	bool is_folder;
	bundle_progress_fn progress;
	void *progress_arg;

	struct bundle_note *notes;
	size_t note_count, note_more;
	bool damaged;

	struct bundle_member *members;
	struct bundle_member_data *data;
	size_t member_count, member_room;
	struct bundle_extent *extents;
	size_t extent_count, extent_room;

	struct bundle_stream *streams;
	struct bundle_stream_list *lists;
	size_t stream_count, stream_room;
	uint32_t *ring_list; /* [BUNDLE_RINGS_MAX]: 1 + index in lists, 0 none */
	uint32_t other_list[CHUNK_CLOCKS + 1];
	uint32_t series_list[BUNDLE_SERIES_MAX + 1];
	size_t chunk_count;
	uint64_t chunk_raw_bytes; /* of all */
	uint64_t source_bytes;	  /* of the file that is read, for BUNDLE_RATIO_MAX */
	size_t implausible;	  /* chunks that were left out */
	size_t surplus;		  /* ... because there are too many */

	struct json_doc *manifest;

	struct text tail; /* spool/tail, as it was when the folder was opened */
	struct bundle_piece *pieces;
	size_t piece_count, piece_room;
	struct text made; /* of a session: heads of series, the second part of trace.dat */
};

/* How far the notes had come. */
struct bundle_notes_mark {
	size_t count, more;
	bool damaged;
};

/* What a walk over chunk headers keeps of its own speed. */
struct bundle_ahead {
	unsigned int steps;
	uint64_t begun_ns;
};

/* The first bytes of every chunk header: magic, length, tag. */
#define BUNDLE_CHUNK_PATTERN_BYTES 16
extern const uint8_t bundle_chunk_pattern[BUNDLE_CHUNK_PATTERN_BYTES];

void bundle_ahead(struct bundle_ahead *a, const struct bundle *b, uint16_t file, uint64_t at);

void bundle_note_add(struct bundle *b, bool damage, const char *fmt, ...) PRINTF(3, 4);
struct bundle_notes_mark bundle_notes_mark(const struct bundle *b);
void bundle_notes_back(struct bundle *b, struct bundle_notes_mark to);
int bundle_add_file(struct bundle *b, const char *name, int fd, bool owned, uint64_t base,
		    uint64_t size, struct err *e);
ssize_t bundle_pread(const struct bundle *b, uint16_t file, void *buf, size_t n, uint64_t at);
const struct bundle_file *bundle_file_named(const struct bundle *b, const char *name,
					    uint16_t *ret_index);

/* 1 added; 0 left out, and told; negative errno. */
int bundle_add_member(struct bundle *b, const char *path, uint64_t bytes, struct err *e);
int bundle_add_extent(struct bundle *b, struct bundle_extent x, struct err *e);
int bundle_add_chunk(struct bundle *b, const struct chunk *c, enum chunk_form form, uint16_t file,
		     uint64_t at, struct err *e);
struct bundle_stream_list *bundle_list(struct bundle *b, enum chunk_stream kind, uint32_t id);
struct bundle_stream_list *bundle_list_find(struct bundle *b, enum chunk_stream kind, uint32_t id);
enum chunk_stream bundle_stream_of(const char *path);
const char *bundle_stream_file(enum chunk_stream kind);
int bundle_close_streams(struct bundle *b, struct err *e);
void bundle_name_series(struct bundle *b, uint32_t id, const char *path);
bool bundle_member_has(const struct bundle_member_data *d, const struct bundle_stream *s);

bool bundle_row_is_assembled(struct bundle *b, uint16_t file);
bool bundle_row_has_chunks(struct bundle *b, uint16_t file);
int bundle_row_index(struct bundle *b, uint16_t file, struct err *e);
int bundle_row_segment(struct bundle *b, uint16_t file, bool newest, struct err *e);

int bundle_folder_open(struct bundle *b, int dir_fd, struct err *e);
int bundle_folder_index(struct bundle *b, struct err *e);
bool bundle_is_top_file(const char *name);
int bundle_session_manifest(struct bundle *b, const struct json_value *facts, struct err *e);
int bundle_session_close(struct bundle *b, struct err *e);
int bundle_session_series(struct bundle *b, struct err *e);
void bundle_temp_open(struct bundle *b);
int bundle_tar_index(struct bundle *b, struct err *e);

int bundle_index_alone(struct bundle *b, const char *name, struct err *e);
void bundle_load_manifest(struct bundle *b);
void bundle_sort_lists(struct bundle *b);
void bundle_drop_chunks(struct bundle *b, uint16_t file);
void bundle_strip_files(struct bundle *b);
int bundle_virtual(struct bundle *b, size_t member, uint16_t file, struct err *e);

#endif
