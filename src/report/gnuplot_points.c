/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file of --gnuplot while it is made: lines "TIME<tab>VALUE".
 *
 * Called by export_gnuplot.c and gnuplot_tcp.c, for each value as it becomes known. Of N
 * consecutive points smoothing makes one, the mean of times and of values, and of the rest one too;
 * then of each run of zeros only the first and the last are kept. Here the time is divided into
 * intervals as well, and what was counted in one becomes a rate. Memory does not depend on how many
 * points there are: of intervals without anything whole groups are two rows at most.
 */
#include "gnuplot_points.h"

#define UNIT_NS (10 * NSEC_PER_MSEC) /* of a rate: rpcstat's interval */
#define FLUSH_BYTES (64 * KIB)

/**
 * plot_frame_divide() - divide the time from .from_ns to .to_ns into intervals of .width_ns
 *
 * The last is what is left, and the rest of less than half an interval belongs to the one before:
 * recordings end with a message, and the rate of one in a microsecond would dwarf everything.
 */
void plot_frame_divide(struct plot_frame *f)
{
	uint64_t all = f->to_ns - f->from_ns, whole = all / f->width_ns;

	f->intervals = whole + (!whole || all % f->width_ns >= (f->width_ns + 1) / 2);
}

static void write_row(const struct plot_frame *f, struct points *p, double s, double value)
{
	if (!p->begun)
		p->file = files_add(f->files);
	p->begun = true;
	p->above |= value > 0;
	p->rows++;
	text_printf(&p->out, "%.6f\t%.10g\n", s, value);
	files_flush(f->files, p->file, &p->out, FLUSH_BYTES);
}

/* Of a run of zeros the first is written at once, the last when the run ends. */
static void end_zeros(const struct plot_frame *f, struct points *p)
{
	if (p->has_zero)
		write_row(f, p, p->zero_s, 0);
	p->in_zeros = p->has_zero = false;
}

static void put_row(const struct plot_frame *f, struct points *p, double s, double value)
{
	if (value < 0 || value > 0) {
		end_zeros(f, p);
		write_row(f, p, s, value);
		return;
	}
	p->has_zero = p->in_zeros;
	p->zero_s = s;
	if (!p->in_zeros)
		write_row(f, p, s, 0);
	p->in_zeros = true;
}

static void end_group(const struct plot_frame *f, struct points *p)
{
	double mean_ns;

	if (!p->group)
		return;
	mean_ns = (double)p->group_ns / (double)p->group;
	put_row(f, p, mean_ns / (double)NSEC_PER_SEC, p->group_sum / (double)p->group);
	p->group = 0;
	p->group_ns = 0;
	p->group_sum = 0;
}

/** plot_since_zero() - ns from the moment that times are counted from */
int64_t plot_since_zero(const struct plot_frame *f, uint64_t ns)
{
	return (int64_t)(ns - f->zero_ns);
}

/** points_add() - a value at @ns; times never fall */
void points_add(const struct plot_frame *f, struct points *p, uint64_t ns, double value)
{
	p->group++;
	p->group_ns += plot_since_zero(f, ns);
	p->group_sum += value;
	if (p->group >= f->smooth)
		end_group(f, p);
}

/** points_end() - what was kept back, and what is not flushed yet */
void points_end(const struct plot_frame *f, struct points *p)
{
	end_group(f, p);
	end_zeros(f, p);
	if (p->begun)
		files_flush(f->files, p->file, &p->out, 0);
}

static uint64_t interval_end(const struct plot_frame *f, uint64_t i)
{
	return i + 1 >= f->intervals ? f->to_ns : f->from_ns + (i + 1) * f->width_ns;
}

static double rate_of(const struct plot_frame *f, uint64_t i, uint64_t count)
{
	uint64_t width = interval_end(f, i) - (f->from_ns + i * f->width_ns);

	return (double)count * (double)UNIT_NS / (double)max_of(width, UINT64_C(1));
}

/* Intervals [@p->next, @to) have nothing in them: whole groups of them are two rows at most. */
static void add_zeros(const struct plot_frame *f, struct intervals *v, uint64_t to)
{
	uint64_t n = f->smooth;

	while (v->next < to && (v->points.group || to - v->next < n))
		points_add(f, &v->points, interval_end(f, v->next++), 0);
	for (int last = 0; last < 2 && to - v->next >= n; last++) {
		uint64_t groups = (to - v->next) / n;

		if (last)
			v->next += (groups - 1) * n;
		for (uint64_t i = 0; i < n; i++)
			points_add(f, &v->points, interval_end(f, v->next++), 0);
	}
	while (v->next < to)
		points_add(f, &v->points, interval_end(f, v->next++), 0);
}

/**
 * intervals_close() - everything before the interval @to is over
 * @level: what there is stays; else it was counted in the interval, and begins again at 0
 */
void intervals_close(const struct plot_frame *f, struct intervals *v, uint64_t to, bool level)
{
	if (v->next >= to)
		return;
	if (!level) {
		points_add(f, &v->points, interval_end(f, v->next), rate_of(f, v->next, v->count));
		v->next++;
		v->count = 0;
	}
	if (!v->count) {
		add_zeros(f, v, to);
		return;
	}
	for (; v->next < to; v->next++)
		points_add(f, &v->points, interval_end(f, v->next), (double)v->count);
}

/** plot_interval() - which interval has @ns: the last also what is behind it */
uint64_t plot_interval(const struct plot_frame *f, uint64_t ns)
{
	uint64_t since = ns > f->from_ns ? ns - f->from_ns : 0;

	return min_of(since / f->width_ns, f->intervals - 1);
}
