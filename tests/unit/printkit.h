/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace.dat in memory, opened for printing: its events one by one in time order, and the text
 * that trace-cmd makes of the same file. For tests and benches of src/report/print.
 */
#ifndef TESTS_UNIT_PRINTKIT_H
#define TESTS_UNIT_PRINTKIT_H

#include <fcntl.h>

#include "format/event.h"
#include "format/ringpage.h"
#include "print.h"
#include "realdata.h"

#define PRINTKIT_CPUS 8

struct printkit_cpu {
	const uint8_t *page, *end;
	struct ringpage_cursor cursor;
	struct ringpage_event event;
	bool have;
};

struct printkit {
	struct realdata dat;
	struct tracedat_read_head head;
	struct tracedat_read_tail tail;
	struct event_table table;
	struct ringpage_layout layout;
	struct printkit_cpu cpu[PRINTKIT_CPUS];
	struct print *print;
};

static inline void printkit_next_of(struct printkit *k, struct printkit_cpu *c)
{
	c->have = false;
	while (!c->have) {
		if (c->cursor.page && ringpage_next(&c->cursor, &c->event) == 1) {
			c->have = true;
			return;
		}
		if (c->cursor.page)
			c->page += k->layout.page_bytes;
		if (c->page >= c->end || ringpage_begin(&k->layout, c->page, &c->cursor) < 0)
			return;
	}
}

static inline void printkit_rewind(struct printkit *k)
{
	for (uint32_t i = 0; i < k->tail.cpus; i++) {
		const uint8_t *begin = k->dat.bytes + k->tail.cpu[i].offset;

		k->cpu[i] =
			(struct printkit_cpu){.page = begin, .end = begin + k->tail.cpu[i].bytes};
		printkit_next_of(k, &k->cpu[i]);
	}
}

/* The next event in time; false at the end. */
static inline bool printkit_next(struct printkit *k, struct print_event *ret)
{
	struct printkit_cpu *best = NULL;
	const struct event_format *f;

	for (uint32_t i = 0; i < k->tail.cpus; i++)
		if (k->cpu[i].have && (!best || k->cpu[i].event.ns < best->event.ns))
			best = &k->cpu[i];
	if (!best)
		return false;
	f = event_of(&k->table, best->event.data, best->event.bytes);
	*ret = (struct print_event){
		.ns = best->event.ns + (uint64_t)k->tail.real_offset_ns,
		.data = best->event.data,
		.bytes = best->event.bytes,
		.type = f ? (uint16_t)(f - k->table.formats) : PRINT_TYPE_UNKNOWN,
		.cpu = (uint16_t)(best - k->cpu),
	};
	printkit_next_of(k, best);
	return true;
}

/* Of bytes that the kit takes over. The kit must stay where it is: its printer points into it. */
static inline void printkit_of(struct printkit *k, struct realdata dat,
			       const struct print_options *o)
{
	struct err e = {0};
	char *page;

	*k = (struct printkit){.dat = dat};
	if (tracedat_head_read(dat.bytes, dat.n, &k->head, &e) < 0 ||
	    tracedat_tail_read(dat.bytes + k->head.bytes, dat.n - k->head.bytes, &k->tail, &e) <
		    0 ||
	    event_table_read(&k->head, &k->table, &e) < 0 || print_open(o, &k->print, &e) < 0 ||
	    print_load(k->print, &k->head, &k->table, &k->tail, &e) < 0)
		realdata_die("trace.dat", e.text);
	page = strndup(k->head.header_page.s, k->head.header_page.n);
	if (ringpage_layout_parse(page, &k->layout, &e) < 0 || k->tail.cpus > PRINTKIT_CPUS)
		realdata_die("trace.dat", e.text);
	free(page);
	printkit_rewind(k);
}

static inline void printkit_open(struct printkit *k, const char *name,
				 const struct print_options *o)
{
	printkit_of(k, realdata_load(name), o);
}

static inline void printkit_free(struct printkit *k)
{
	print_free(k->print);
	event_table_done(&k->table);
	tracedat_head_done(&k->head);
	tracedat_tail_done(&k->tail);
	realdata_free(&k->dat);
}

/* All lines. */
static inline struct text printkit_text(struct printkit *k)
{
	struct print_event ev;
	struct text out = {0};

	printkit_rewind(k);
	while (printkit_next(k, &ev))
		print_line(k->print, &ev, &out);
	return out;
}

/* What trace-cmd prints of the same bytes, without its line "cpus=N". */
static inline struct text printkit_trace_cmd(const struct printkit *k, const char *options)
{
	char path[] = "/tmp/test_print.XXXXXX", command[256], buf[65536];
	int fd = mkostemp(path, O_CLOEXEC);
	struct text out = {0};
	size_t n;
	FILE *f;

	f = fd < 0 ? NULL : fdopen(fd, "we");
	if (!f || fwrite(k->dat.bytes, 1, k->dat.n, f) != k->dat.n || fclose(f) != 0)
		realdata_die(path, "cannot be written");
	snprintf(command, sizeof(command), "LC_ALL=C trace-cmd report %s -i %s 2>/dev/null",
		 options, path);
	f = popen(command, "re");
	if (!f)
		realdata_die(command, "cannot be run");
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		text_add(&out, buf, n);
	if (pclose(f) != 0)
		realdata_die(command, "failed (is the package trace-cmd installed?)");
	unlink(path);
	n = strcspn(text_c(&out), "\n") + 1;
	if (n <= out.len) {
		memmove(out.s, out.s + n, out.len - n + 1);
		out.len -= n;
	}
	return out;
}

#endif
