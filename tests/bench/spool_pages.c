// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much disk the spool takes for given ring pages, for the bench.
 *
 * Started by bench.py with files of pages as trace_pipe_raw gives them, one a CPU. It feeds them
 * page by page to a spool in a folder of its own making, as the recorder's pump does, and prints
 * how many events and bytes went in. What came out is left to be measured by bench.py on the files
 * themselves, so the spool's own counters are not believed. It measures no time.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "base/util.h"
#include "format/ringpage.h"

#include "spool.h"

#define FILE_MAX_BYTES (1024 * MIB)
#define CPUS_MAX 64

struct pages {
	struct text raw;
	size_t at;
	struct spool_stream *stream;
};

struct totals {
	uint64_t events, pages, data_bytes;
};

static int feed_page(const struct ringpage_layout *l, struct pages *p, struct totals *t,
		     struct err *e)
{
	uint8_t *page = (uint8_t *)p->raw.s + p->at;
	struct ringpage_info info;
	int r;

	r = ringpage_scan(l, page, &info);
	if (r < 0)
		return err_errno(e, r, "page %zu is no ring page", p->at / l->page_bytes);
	ringpage_clear_tail(l, page);
	p->at += l->page_bytes;
	t->events += info.events;
	t->data_bytes += info.data_bytes;
	t->pages++;
	return spool_append(p->stream, page, l->page_bytes,
			    &(struct spool_span){info.first_ns, info.last_ns, info.events, 0});
}

/* CPU after CPU, a page at a time, as one pass of the pump meets them. */
static int feed(const struct ringpage_layout *l, struct pages *pages, size_t count,
		struct totals *t, struct err *e)
{
	bool some = true;
	int r = 0;

	while (r == 0 && some) {
		some = false;
		for (size_t i = 0; r == 0 && i < count; i++) {
			if (pages[i].at + l->page_bytes > pages[i].raw.len)
				continue;
			some = true;
			r = feed_page(l, &pages[i], t, e);
		}
	}
	return r;
}

static int load(const char *header_page, char **files, size_t count, struct ringpage_layout *l,
		struct pages *pages, struct err *e)
{
	struct text header = {0};
	int r;

	r = file_load(header_page, MIB, &header, e);
	if (r == 0)
		r = ringpage_layout_parse(text_c(&header), l, e);
	text_free(&header);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = file_load(files[i], FILE_MAX_BYTES, &pages[i].raw, e);
	return r;
}

static int run(const char *dir, const char *header_page, char **files, size_t count, struct err *e)
{
	struct pages pages[CPUS_MAX] = {0};
	struct ringpage_layout layout;
	struct totals totals = {0};
	struct spool *spool = NULL;
	int dir_fd, r;

	dir_fd = file_open_dir(dir, e);
	if (dir_fd < 0)
		return dir_fd;
	r = load(header_page, files, count, &layout, pages, e);
	if (r == 0)
		r = spool_open(&(struct spool_config){.session_fd = dir_fd,
						      .limit_bytes = 256 * MIB,
						      .lag_ns = 1000000000,
						      .memory_bytes = 64 * MIB,
						      .streams = (unsigned int)count},
			       &spool, e);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = spool_stream_add(spool, CHUNK_RING, (uint32_t)i, &layout, &pages[i].stream, e);
	if (r == 0)
		r = spool_start(spool, e);
	if (r == 0)
		r = feed(&layout, pages, count, &totals, e);
	if (r == 0)
		r = spool_close(spool, e);
	spool_free(spool);
	for (size_t i = 0; i < count; i++)
		text_free(&pages[i].raw);
	(void)close(dir_fd);
	if (r == 0)
		(void)printf("{\"events\": %" PRIu64 ", \"pages\": %" PRIu64
			     ", \"page_bytes\": %u, \"data_bytes\": %" PRIu64 "}\n",
			     totals.events, totals.pages, layout.page_bytes, totals.data_bytes);
	return r;
}

int main(int argc, char **argv)
{
	struct err e = {0};

	if (argc < 4 || argc - 3 > CPUS_MAX) {
		(void)fprintf(stderr,
			      "usage: spool_pages EMPTY_FOLDER HEADER_PAGE PAGES_OF_CPU0...\n");
		return 2;
	}
	if (run(argv[1], argv[2], argv + 3, (size_t)argc - 3, &e) < 0) {
		(void)fprintf(stderr, "spool_pages: %s\n", e.text);
		return 1;
	}
	return 0;
}
