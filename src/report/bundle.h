/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording, opened for reading: whatever form it came in, it looks the same from here.
 *
 *	BUNDLE.tar.zst as finish() assembled it    walked by its frames, nothing is decompressed
 *	the same, packed again by somebody else    unpacked into a temporary file without a name
 *	a folder that a bundle was unpacked to     its files
 *	a session folder, also one being recorded  its spool, as of the last sync
 *	a trace.dat or a pcap file alone           that one member
 *
 * There are members, by name, and streams of chunks: ring pages of one CPU, pcap records, lines of
 * kernel.log, rows of clocks.csv, samples of a series. A chunk of ring pages is whole pages and any
 * other chunk whole records: the recorder's spool takes whole records only and never divides what
 * it took. (A damaged or hostile file may differ: look at every length.)
 *
 * Opening is in two steps, so that everything that parses can be done where no file can be opened:
 *
 *	bundle_open_files()   path to descriptors; only looks at what kind of file it is
 *	bundle_index()        everything else; pread(), fstat(), memory, and writing the temporary
 *file
 *
 * After bundle_index() nothing changes any more: any number of threads may read, each with a
 * bundle_reader of its own.
 *
 * The file is a stranger's. What makes no sense is left out and told in a note; what precedes and
 * follows it is there.
 */
#ifndef REPORT_BUNDLE_H
#define REPORT_BUNDLE_H

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "format/chunk.h"

#define BUNDLE_STDIN "-"
#define BUNDLE_CHUNK_MAX (UINT32_C(4) << 20) /* bytes of a payload; the recorder makes 768 KiB */

struct bundle;
struct bundle_reader;

enum bundle_kind {
	BUNDLE_ASSEMBLED, /* .tar.zst with chunk headers */
	BUNDLE_REPACKED,  /* any other tar */
	BUNDLE_FOLDER,	  /* a bundle that was unpacked */
	BUNDLE_SESSION,	  /* a session folder: no manifest.json, but session.json and journal */
	BUNDLE_TRACE,	  /* a trace.dat alone */
	BUNDLE_PCAP,	  /* a pcap file alone */
};

/* One chunk of a stream. The first four are for everybody, the rest is bundle_chunk_read()'s. */
struct bundle_chunk {
	uint64_t first_ns, last_ns; /* of its records; see bundle_stream.real_time */
	uint32_t sequence;  /* of the stream, from 1; what is missing was dropped or is damaged */
	uint32_t raw_bytes; /* of the payload, at most BUNDLE_CHUNK_MAX */
	uint32_t records;   /* 0 when not known: see bundle_stream.counted */
	uint32_t lost;	    /* records known lost just before or within; saturates */
	uint64_t at;
	uint32_t frame_bytes;
	uint16_t file;
	uint8_t form;
};

struct bundle_stream {
	enum chunk_stream kind;
	uint32_t id;			   /* CPU of a ring; of a series from 1; else 0 */
	const char *member;		   /* of a series: "series/NAME.txt"; NULL: not known */
	const struct bundle_chunk *chunks; /* by sequence */
	size_t count;
	uint64_t first_ns, last_ns; /* of all chunks */
	uint64_t raw_bytes, records, lost;
	uint64_t missing; /* sequence numbers before the last that are not there */
	uint32_t raw_max; /* of the longest chunk: what a buffer must hold */
	bool counted;	  /* chunks know their .records and .lost: they have chunk headers */
	bool in_order;	  /* the chunks' times never go back: windows are found by bisection */
	bool real_time;	  /* times are CLOCK_REALTIME, as no clock anchors are there; else MONOTONIC
			   */
};

struct bundle_member {
	const char *path; /* below the bundle's folder: "context/start/uname.txt" */
	uint64_t bytes;	  /* that it should have */
	bool damaged;	  /* not all of it can be read */
};

struct bundle_note {
	bool damage; /* something is missing or unreadable; else it is good to know */
	const char *text;
};

int bundle_open_files(const char *path, struct bundle **ret, struct err *e);
/* Between the two steps: @fn is told how far unpacking is; @all is 0 when that is not known. */
typedef void (*bundle_progress_fn)(void *arg, uint64_t done_bytes, uint64_t all_bytes);
void bundle_on_progress(struct bundle *b, bundle_progress_fn fn, void *arg);
int bundle_index(struct bundle *b, struct err *e);
int bundle_open(const char *path, struct bundle **ret, struct err *e);
void bundle_free(struct bundle *b);
void bundle_freep(struct bundle **b);

enum bundle_kind bundle_kind(const struct bundle *b);
const char *bundle_path(const struct bundle *b); /* for people */
bool bundle_is_stdin(const struct bundle *b);
size_t bundle_notes(const struct bundle *b, const struct bundle_note **ret);
bool bundle_is_damaged(const struct bundle *b);
const struct json_value *bundle_manifest(const struct bundle *b); /* NULL: there is none */

size_t bundle_members(const struct bundle *b, const struct bundle_member **ret);
const struct bundle_member *bundle_member(const struct bundle *b, const char *path);
int bundle_member_load(const struct bundle *b, const char *path, size_t limit_bytes,
		       struct text *ret, struct err *e);
typedef int (*bundle_bytes_fn)(void *arg, const uint8_t *bytes, size_t n);
int bundle_member_each(const struct bundle *b, const char *path, bundle_bytes_fn fn, void *arg,
		       struct err *e);
/* The bytes of a member before its first chunk: of trace.dat head and tail, of a pcap its header.
 */
int bundle_prologue(const struct bundle *b, const char *path, struct text *ret, struct err *e);

size_t bundle_streams(const struct bundle *b, const struct bundle_stream **ret);
const struct bundle_stream *bundle_stream(const struct bundle *b, enum chunk_stream kind,
					  uint32_t id);
/* Chunks that may hold records of [from_ns, to_ns]: indexes [*ret_from, *ret_to). */
void bundle_stream_window(const struct bundle_stream *s, uint64_t from_ns, uint64_t to_ns,
			  size_t *ret_from, size_t *ret_to);

int bundle_reader_new(struct bundle_reader **ret, struct err *e);
void bundle_reader_free(struct bundle_reader *r);
void bundle_reader_freep(struct bundle_reader **r);
int bundle_chunk_read(const struct bundle *b, const struct bundle_chunk *c, struct bundle_reader *r,
		      void *out, size_t room, struct err *e);

#endif
