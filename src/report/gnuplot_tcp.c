/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What only TCP knows, for --gnuplot: congestion windows, what is queued and not sent,
 * retransmissions, the round trip.
 *
 * Called by export_gnuplot.c. It comes from the series tcpinfo, at its own times: a point for each
 * sample, summed over connections (the round trip is a mean).
 */
#include "gnuplot.h"

#include <errno.h>

#include "series.h"

#define TCP_SERIES "tcpinfo"

struct tcp_reading {
	const struct plot_frame *frame;
	struct points *points; /* [TCP_FIGURES] */
	/* Of the sample at hand. */
	double cwnd, backlog, timeo, rtt;
	uint64_t rtts;
	/* Of each counter, where it is of retransmissions. */
	struct {
		bool known;
		struct series_value last;
	} * retrans;
	size_t count;
};

static void tcp_reading_done(struct tcp_reading *r)
{
	free(r->retrans);
}

static void begin_sample(void *arg, struct series_set *s, uint64_t ns)
{
	struct tcp_reading *r = arg;

	(void)s;
	(void)ns;
	r->cwnd = r->backlog = r->timeo = r->rtt = 0;
	r->rtts = 0;
}

static bool ends_in(const struct series_counter *c, const char *key)
{
	size_t n = strlen(key);

	return c->name_bytes > n && c->name[c->name_bytes - n - 1] == '.' &&
	       !memcmp(c->name + c->name_bytes - n, key, n);
}

/* Of each connection what came since it was seen before; of a new one nothing is known. */
static void take_retransmissions(struct tcp_reading *r, const struct series_set *s,
				 const struct series_counter *c, const struct series_value *v)
{
	size_t i = (size_t)(c - s->counters);
	struct series_step step;

	if (i >= r->count)
		return;
	if (r->retrans[i].known) {
		step = series_step(&r->retrans[i].last, v, 1, COUNTER_RISING);
		r->timeo += step.delta.d > 0 ? step.delta.d : 0;
	}
	r->retrans[i].known = true;
	r->retrans[i].last = *v;
}

static void take_value(void *arg, struct series_set *s, struct series_counter *c, uint64_t ns,
		       const struct series_value *v)
{
	struct tcp_reading *r = arg;

	(void)ns;
	if (ends_in(c, "cwnd")) {
		r->cwnd += v->d;
	} else if (ends_in(c, "notsent")) {
		r->backlog += v->d;
	} else if (ends_in(c, "total_retrans")) {
		take_retransmissions(r, s, c, v);
	} else if (ends_in(c, "rtt_us")) {
		r->rtt += v->d;
		r->rtts++;
	}
}

static void end_sample(void *arg, struct series_set *s, uint64_t ns)
{
	struct tcp_reading *r = arg;

	(void)s;
	points_add(r->frame, &r->points[TCP_CWND], ns, r->cwnd);
	points_add(r->frame, &r->points[TCP_BACKLOG], ns, r->backlog);
	points_add(r->frame, &r->points[TCP_TIMEO], ns, r->timeo);
	if (r->rtts)
		points_add(r->frame, &r->points[TCP_RTT], ns, r->rtt / (double)r->rtts);
}

static int read_series(struct tcp_reading *r, const struct recording *rec,
		       const struct series_source *source, struct report_out *out, struct err *e)
{
	CLEANUP(series_set_done) struct series_set set = {0};
	struct series_look look = {.rec = rec,
				   .from_ns = r->frame->from_ns,
				   .to_ns = r->frame->to_ns,
				   .out = out,
				   .budget = SERIES_COUNTERS_MAX};
	int code = series_learn(&look, source, &set, e);

	if (code < 0)
		return code;
	r->count = set.count;
	r->retrans = calloc(set.count + 1, sizeof(*r->retrans));
	if (!r->retrans)
		return err_nomem(e);
	look.begin = begin_sample;
	look.value = take_value;
	look.end = end_sample;
	look.arg = r;
	return series_again(&look, &set, e);
}

/**
 * gnuplot_tcp() - the points of what TCP knows
 * @points: [TCP_FIGURES]; the caller ends and frees them
 *
 * Return: 0, also when there is no such series; -ENOMEM.
 */
int gnuplot_tcp(const struct plot_frame *frame, const struct recording *rec, struct points *points,
		struct report_out *out, struct err *e)
{
	CLEANUP(freep) struct series_source *sources = NULL;
	struct err why = {0};
	size_t count = series_sources(rec, &sources, &why);
	int code = why.code ? err_nomem(e) : 0;

	for (size_t i = 0; code == 0 && i < count; i++) {
		CLEANUP(tcp_reading_done) struct tcp_reading r = {.frame = frame, .points = points};

		if (!strcmp(sources[i].name, TCP_SERIES))
			code = read_series(&r, rec, &sources[i], out, e);
	}
	return code;
}
