/* SPDX-License-Identifier: GPL-2.0-only */
/* Points of a file that gnuplot draws. */
#ifndef REPORT_GNUPLOT_POINTS_H
#define REPORT_GNUPLOT_POINTS_H

#include "base/text.h"

#include "files.h"

/* The time that is drawn, the same for all files. */
struct plot_frame {
	struct files *files;
	uint64_t zero_ns; /* that times are counted from */
	uint64_t from_ns, to_ns, width_ns;
	uint64_t intervals; /* plot_frame_divide() */
	uint64_t smooth;    /* so many points become one */
};

/* One file while it is made. */
struct points {
	bool begun; /* has a number */
	uint32_t file;
	bool above; /* 0, somewhere */
	uint64_t rows;
	struct text out;
	/* smoothing: the open group */
	uint64_t group;
	__int128 group_ns;
	double group_sum;
	/* zeros that were kept back */
	bool in_zeros, has_zero;
	double zero_s;
};

/* One that has a value for each interval. */
struct intervals {
	struct points points;
	uint64_t next;	/* the interval that is open */
	uint64_t count; /* in it; or what a level is */
	uint64_t total;
};

void plot_frame_divide(struct plot_frame *f);
uint64_t plot_interval(const struct plot_frame *f, uint64_t ns);
int64_t plot_since_zero(const struct plot_frame *f, uint64_t ns);
void points_add(const struct plot_frame *f, struct points *p, uint64_t ns, double value);
void points_end(const struct plot_frame *f, struct points *p);
void intervals_close(const struct plot_frame *f, struct intervals *v, uint64_t to, bool level);

#endif
