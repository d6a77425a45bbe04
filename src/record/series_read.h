/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the sources of one series into a sample. source_series.c says when, and what becomes of
 * it. One thread at a time.
 */
#ifndef RECORD_SERIES_READ_H
#define RECORD_SERIES_READ_H

#include "format/wire.h"

#include "series_plan.h"

/* A sample while it is being read. When it is full it is handed on, and a further one begun. */
struct series_sink {
	struct text body; /* room for the line of the sample, then its sections */
	uint32_t sections;
	uint32_t failures;  /* of the sections: what could not be read */
	uint32_t cuts;	    /* of the sections: there was more */
	size_t limit_bytes; /* of .body */
	size_t read_bytes;  /* of all parts of this sample */
	void (*full)(struct series_sink *sink, void *arg); /* takes .body and .sections away */
	void *arg;
};

#define SERIES_SINK_HEAD 80 /* that room: the longest such line has 55 bytes */
/* Empty, for a sample or the next part of one. */
void series_sink_reset(struct series_sink *k);
/* The sample as it is to be written; in .body, until the next reset. NULL: no memory. */
const char *series_sink_take(struct series_sink *k, uint64_t mono_ns, uint64_t took_ns,
			     size_t *ret_n);
void series_sink_section(struct series_sink *k, const char *path, const void *bytes, size_t n);
void series_sink_failure(struct series_sink *k, const char *path, int code);

/* What all series share: a buffer, and how many files may be kept open. */
struct series_reader {
	const char *root; /* "" but in tests: before every path */
	char *buf;
	size_t room;
	size_t limit_bytes; /* of one file; the rest is cut off */
	unsigned int kept, kept_max;
};

int series_reader_init(struct series_reader *r, const char *root, size_t limit_bytes,
		       struct err *e);
void series_reader_done(struct series_reader *r);

/* series_files.c: files, folders of one-value files, disks. */
struct series_files;
/* Is there anything now that its patterns match? Else -ENOENT; what is not read: -EISDIR, -EINVAL
 */
int series_files_there(const struct series_spec *spec, const char *root);
int series_files_new(const struct series_spec *spec, struct series_files **ret, struct err *e);
void series_files_free(struct series_files *f, struct series_reader *r);
void series_files_sample(struct series_files *f, struct series_reader *r, uint64_t now_ns,
			 struct series_sink *k);

/* series_tcp.c */
int series_tcp_open(struct err *e); /* a descriptor */
void series_tcp_sample(int fd, const struct wire_addr *server, struct series_sink *k);
/* Pure: one answer of sock_diag as a line; false when it is not a connection with @server. */
bool series_tcp_line(const void *message, size_t n, const struct wire_addr *server,
		     struct text *out);

/* series_processes.c */
struct series_processes;
int series_processes_new(struct series_processes **ret, struct err *e);
void series_processes_free(struct series_processes *p);
void series_processes_sample(struct series_processes *p, struct series_reader *r,
			     struct series_sink *k);
/* Pure: what of /proc/PID/stat is told. */
struct series_process {
	unsigned int pid;
	char comm[64]; /* as the kernel has it */
	char state;
	uint64_t utime_ticks, stime_ticks, rss_pages, threads;
};
bool series_process_parse(const char *stat, struct series_process *ret);

#endif
