/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events as text, line for line what `trace-cmd report` prints of them, at some ten times its
 * speed: each event's print fmt is compiled once into a small program that runs without a lock and
 * without allocating.
 */
#ifndef REPORT_PRINT_H
#define REPORT_PRINT_H

#include "base/text.h"
#include "format/event.h"

struct print;

struct print_options {
	bool names;	  /* scoutfs's numbers with their names: "cmd 14(GET_VOLOPT)" */
	bool nanoseconds; /* stamps with nine digits, as trace-cmd report -t */
	bool plugins;	  /* libtraceevent's, as trace-cmd loads them: code from its folders */
};

#define PRINT_TYPE_UNKNOWN 0xffff

struct print_event {
	uint64_t ns; /* as it is to be shown: with the offset of the clock, if that is wanted */
	const uint8_t *data; /* common fields first */
	uint32_t bytes;
	uint16_t type; /* index into the table's formats, or PRINT_TYPE_UNKNOWN */
	uint16_t cpu;
};

/* How the events of the table are printed. */
struct print_counts {
	uint32_t programs; /* by our own program */
	uint32_t library;  /* by libtraceevent, one thread at a time */
	uint32_t raw;	   /* fields only: their print fmt is not understood or not safe */
};

int print_open(const struct print_options *o, struct print **ret, struct err *e);
int print_load(struct print *p, const struct tracedat_read_head *h, const struct event_table *t,
	       const struct tracedat_read_tail *tail, struct err *e);
void print_free(struct print *p);
void print_freep(struct print **p);
struct print_counts print_count(const struct print *p);

void print_line(const struct print *p, const struct print_event *ev, struct text *out);
void print_text(const struct print *p, const struct print_event *ev, struct text *out);
void print_lost(uint16_t cpu, uint64_t events, struct text *out);

#endif
