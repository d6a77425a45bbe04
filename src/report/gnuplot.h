/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of --gnuplot: what export_gnuplot.c makes, and its parts share. */
#ifndef REPORT_GNUPLOT_H
#define REPORT_GNUPLOT_H

#include "analysis.h"
#include "calls.h"
#include "gnuplot_points.h"

enum figure { FIGURE_NEW, FIGURE_SENT, FIGURE_ACKD, FIGURE_FIN, FIGURES };
enum level { LEVEL_CONG, LEVEL_PENDING, LEVELS };
enum tcp { TCP_CWND, TCP_BACKLOG, TCP_TIMEO, TCP_RTT, TCP_FIGURES };

/* What files are called. */
extern const char *const gnuplot_figure_names[FIGURES]; /* behind the command and a dot */
extern const char *const gnuplot_level_names[LEVELS];
extern const char *const gnuplot_tcp_names[TCP_FIGURES];

/* Requests of one side of a session that are not acknowledged, by their numbers. */
struct unacked {
	struct request {
		uint64_t seq;
		uint8_t command;
	} * list;
	size_t first, count, room;
	uint16_t epoch;
};

struct gnuplot {
	const struct recording *rec;
	struct plot_frame frame;
	struct calls calls;
	struct intervals commands[CALLS_VIEWS][WIRE_COMMANDS][FIGURES];
	struct intervals levels[CALLS_VIEWS][LEVELS];
	struct points tcp[TCP_FIGURES];
	struct unacked (*unacked)[CALLS_SIDES]; /* [CALLS_SESSIONS] */
	size_t unacked_count;
	uint64_t untold; /* requests beyond UNACKED_MAX */
	uint64_t now_ns;
};

int gnuplot_tcp(const struct plot_frame *frame, const struct recording *rec, struct points *points,
		struct report_out *out, struct err *e);
void gnuplot_script(const struct gnuplot *g, enum calls_view view, struct table *t);

#endif
