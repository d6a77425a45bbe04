/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --gnuplot DIR: requests over time, one file for each command and figure, and a script that draws
 * them.
 *
 * Called by report.c, as a report of its own: its table tells what was made. The files are those of
 * the old rpcstat: a line "TIME<tab>VALUE" for each interval, TIME in seconds from the trigger, or
 * from the start where there was none, at the interval's end. COMMAND.new, .sent, .ackd and .fin
 * are how many requests began, were sent (again, too), were acknowledged by the other side's
 * recv_seq, and were answered: the count times 10 ms by the interval, so that other intervals
 * compare. cong is how many were sent and not acknowledged at the interval's end, pending how many
 * not answered. What only TCP knows comes from the series tcpinfo, at its own times: cwnd
 * (segments), backlog (bytes queued and not sent), both summed over connections, timeo
 * (retransmissions since the sample before), rtt (us, mean).
 *
 * Of N consecutive points smoothing makes one, the mean of times and of values, and of the rest one
 * too; then of each run of zeros only the first and the last are kept.
 *
 * What packets show, what mounts traced as clients and what as servers is counted apart, as in the
 * report `rpc`, and the first of these that has anything is kept. So files are written under
 * numbers and named at the end (files.h). Memory does not depend on the recording; files do, so
 * there is a limit to the number of intervals.
 */
#include "analysis.h"

#include <errno.h>
#include <inttypes.h>

#include "calls.h"
#include "files.h"
#include "netevent.h"
#include "out.h"
#include "series.h"

#define UNIT_NS (10 * NSEC_PER_MSEC) /* of a rate: rpcstat's interval */
#define INTERVALS_MAX 1000000
#define FLUSH_BYTES (64 * KIB)
#define UNACKED_MAX 131072 /* requests that wait to be acknowledged, in all */
#define TCP_SERIES "tcpinfo"

enum figure { FIGURE_NEW, FIGURE_SENT, FIGURE_ACKD, FIGURE_FIN, FIGURES };
enum level { LEVEL_CONG, LEVEL_PENDING, LEVELS };
enum tcp { TCP_CWND, TCP_BACKLOG, TCP_TIMEO, TCP_RTT, TCP_FIGURES };

static const char *const figure_names[FIGURES] = {"new", "sent", "ackd", "fin"};
static const char *const level_names[LEVELS] = {"cong", "pending"};
static const char *const tcp_names[TCP_FIGURES] = {"cwnd", "backlog", "timeo", "rtt"};

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
	const struct analysis_options *options;
	struct files *files;
	uint64_t zero_ns, from_ns, to_ns, width_ns, intervals;
	struct calls calls;
	struct intervals commands[CALLS_VIEWS][WIRE_COMMANDS][FIGURES];
	struct intervals levels[CALLS_VIEWS][LEVELS];
	struct points tcp[TCP_FIGURES];
	struct unacked (*unacked)[CALLS_SIDES]; /* [CALLS_SESSIONS] */
	size_t unacked_count;
	uint64_t untold; /* requests beyond UNACKED_MAX */
	uint64_t now_ns;
	bool failed;

	/* Of the sample of tcpinfo at hand. */
	double cwnd, backlog, timeo, rtt;
	uint64_t rtts;
	bool any;
	struct series_value *retrans; /* [counter] */
	bool *has_retrans;
	size_t retrans_count;
};

/* ---- points ---- */

static void write_row(struct gnuplot *g, struct points *p, double s, double value)
{
	if (!p->begun)
		p->file = files_add(g->files);
	p->begun = true;
	p->above |= value > 0;
	p->rows++;
	text_printf(&p->out, "%.6f\t%.10g\n", s, value);
	files_flush(g->files, p->file, &p->out, FLUSH_BYTES);
}

/* Of a run of zeros the first is written at once, the last when the run ends. */
static void end_zeros(struct gnuplot *g, struct points *p)
{
	if (p->has_zero)
		write_row(g, p, p->zero_s, 0);
	p->in_zeros = p->has_zero = false;
}

static void put_row(struct gnuplot *g, struct points *p, double s, double value)
{
	if (value < 0 || value > 0) {
		end_zeros(g, p);
		write_row(g, p, s, value);
		return;
	}
	p->has_zero = p->in_zeros;
	p->zero_s = s;
	if (!p->in_zeros)
		write_row(g, p, s, 0);
	p->in_zeros = true;
}

static void end_group(struct gnuplot *g, struct points *p)
{
	double mean_ns;

	if (!p->group)
		return;
	mean_ns = (double)p->group_ns / (double)p->group;
	put_row(g, p, mean_ns / (double)NSEC_PER_SEC, p->group_sum / (double)p->group);
	p->group = 0;
	p->group_ns = 0;
	p->group_sum = 0;
}

/* From the moment that times are counted from. */
static int64_t since_zero(const struct gnuplot *g, uint64_t ns)
{
	return (int64_t)(ns - g->zero_ns);
}

static void add_point(struct gnuplot *g, struct points *p, uint64_t ns, double value)
{
	p->group++;
	p->group_ns += since_zero(g, ns);
	p->group_sum += value;
	if (p->group >= g->options->smooth)
		end_group(g, p);
}

static void end_points(struct gnuplot *g, struct points *p)
{
	end_group(g, p);
	end_zeros(g, p);
	if (p->begun)
		files_flush(g->files, p->file, &p->out, 0);
}

/* ---- intervals ---- */

static uint64_t interval_end(const struct gnuplot *g, uint64_t i)
{
	return i + 1 >= g->intervals ? g->to_ns : g->from_ns + (i + 1) * g->width_ns;
}

static double rate_of(const struct gnuplot *g, uint64_t i, uint64_t count)
{
	uint64_t width = interval_end(g, i) - (g->from_ns + i * g->width_ns);

	return (double)count * (double)UNIT_NS / (double)max_of(width, UINT64_C(1));
}

/* Intervals [@p->next, @to) have nothing in them: whole groups of them are two rows at most. */
static void add_zeros(struct gnuplot *g, struct intervals *v, uint64_t to)
{
	uint64_t n = g->options->smooth;

	while (v->next < to && (v->points.group || to - v->next < n))
		add_point(g, &v->points, interval_end(g, v->next++), 0);
	for (int last = 0; last < 2 && to - v->next >= n; last++) {
		uint64_t groups = (to - v->next) / n;

		if (last)
			v->next += (groups - 1) * n;
		for (uint64_t i = 0; i < n; i++)
			add_point(g, &v->points, interval_end(g, v->next++), 0);
	}
	while (v->next < to)
		add_point(g, &v->points, interval_end(g, v->next++), 0);
}

/* Everything before the interval @to is over. */
static void close_intervals(struct gnuplot *g, struct intervals *v, uint64_t to, bool level)
{
	if (v->next >= to)
		return;
	if (!level) {
		add_point(g, &v->points, interval_end(g, v->next), rate_of(g, v->next, v->count));
		v->next++;
		v->count = 0;
	}
	if (!v->count) {
		add_zeros(g, v, to);
		return;
	}
	for (; v->next < to; v->next++)
		add_point(g, &v->points, interval_end(g, v->next), (double)v->count);
}

static uint64_t interval_of(const struct gnuplot *g, uint64_t ns)
{
	uint64_t since = ns > g->from_ns ? ns - g->from_ns : 0;

	return min_of(since / g->width_ns, g->intervals - 1);
}

static void count(struct gnuplot *g, enum calls_view view, uint8_t command, enum figure figure,
		  uint64_t ns)
{
	struct intervals *v = &g->commands[view][command % WIRE_COMMANDS][figure];

	close_intervals(g, v, interval_of(g, ns), false);
	v->count++;
	v->total++;
}

static void change(struct gnuplot *g, enum calls_view view, enum level level, int by)
{
	struct intervals *v = &g->levels[view][level];

	close_intervals(g, v, interval_of(g, g->now_ns), true);
	if (by > 0)
		v->count++;
	else if (v->count)
		v->count--;
}

/* ---- acknowledgements ---- */

static void forget_unacked(struct gnuplot *g, enum calls_view view, struct unacked *u)
{
	for (size_t i = 0; i < u->count; i++)
		change(g, view, LEVEL_CONG, -1);
	g->unacked_count -= u->count;
	u->first = u->count = 0;
}

static bool make_room(struct unacked *u)
{
	size_t room = u->room ? u->room * 2 : 64;
	struct request *more;

	if (u->first + u->count < u->room)
		return true;
	if (u->first) {
		memmove(u->list, u->list + u->first, u->count * sizeof(*u->list));
		u->first = 0;
		return true;
	}
	more = realloc(u->list, room * sizeof(*more));
	if (!more)
		return false;
	u->list = more;
	u->room = room;
	return true;
}

static void wait_for_ack(struct gnuplot *g, enum calls_view view, const struct calls_pending *p)
{
	struct unacked *u = &g->unacked[p->session][p->side];

	/* Greetings are outside acknowledging; a new count begins another conversation. */
	if (p->command == WIRE_GREETING)
		return;
	if (u->epoch != p->epoch)
		forget_unacked(g, view, u);
	u->epoch = p->epoch;
	if (g->unacked_count == UNACKED_MAX || !make_room(u)) {
		g->untold++;
		return;
	}
	u->list[u->first + u->count++] = (struct request){p->seq, p->command};
	g->unacked_count++;
	change(g, view, LEVEL_CONG, 1);
}

static void take_ack(struct gnuplot *g, const struct calls_seen *s)
{
	enum calls_side other = s->from == CALLS_BY_CLIENT ? CALLS_BY_SERVER : CALLS_BY_CLIENT;
	uint32_t session =
		s->pair < g->calls.pair_count ? g->calls.pairs[s->pair].sessions[s->view] : 0;
	struct unacked *u = session ? &g->unacked[session - 1][other] : NULL;

	while (u && u->count && u->list[u->first].seq <= s->message->recv_seq) {
		count(g, s->view, u->list[u->first].command, FIGURE_ACKD, g->now_ns);
		u->first++;
		u->count--;
		g->unacked_count--;
		change(g, s->view, LEVEL_CONG, -1);
	}
}

/* ---- requests ---- */

static void call_begun(void *arg, const struct calls_pending *p)
{
	struct gnuplot *g = arg;
	enum calls_view view = g->calls.sessions[p->session].view;

	count(g, view, p->command, FIGURE_NEW, g->now_ns);
	change(g, view, LEVEL_PENDING, 1);
	wait_for_ack(g, view, p);
}

static void call_done(void *arg, const struct calls_done *d)
{
	struct gnuplot *g = arg;

	count(g, d->session->view, d->command, FIGURE_FIN, g->now_ns);
	change(g, d->session->view, LEVEL_PENDING, -1);
}

static void call_dropped(void *arg, const struct calls_pending *p)
{
	struct gnuplot *g = arg;

	change(g, g->calls.sessions[p->session].view, LEVEL_PENDING, -1);
}

static void take_message(struct gnuplot *g, const struct calls_seen *s)
{
	g->now_ns = s->begin_ns;
	if (!s->message->response)
		count(g, s->view, s->message->command, FIGURE_SENT, g->now_ns);
	calls_message(&g->calls, s);
	take_ack(g, s);
}

static void see_packet(void *self, const struct tcpflow_connection *c,
		       const struct tcpflow_message *m)
{
	struct gnuplot *g = self;
	struct calls_seen s;

	calls_see_packet(&g->calls, c, m, &s);
	if (s.pair != UINT32_MAX)
		take_message(g, &s);
}

static void see_event(struct gnuplot *g, const struct trace_event *e, event_fields f, bool sent)
{
	struct wire_message m;
	struct calls_seen s;

	if (calls_see_event(&g->calls, e, f, sent, &m, &s) && s.pair != UINT32_MAX)
		take_message(g, &s);
}

static void see_send(void *self, const struct trace_event *e, event_fields f)
{
	see_event(self, e, f, true);
}

static void see_receive(void *self, const struct trace_event *e, event_fields f)
{
	see_event(self, e, f, false);
}

static const struct event_want wants[] = {
	{"scoutfs", "scoutfs_net_send_message", see_send, NETEVENT_FIELDS},
	{"scoutfs", "scoutfs_net_recv_message", see_receive, NETEVENT_FIELDS},
};

/* Of packets alone nothing but their own time is known, and that is what the feed gives. */
static void find_window(struct gnuplot *g)
{
	const struct recording *rec = g->rec;
	const struct bundle_stream *packets = bundle_stream(rec->bundle, CHUNK_PACKETS, 0);
	uint64_t first = rec->first_ns, last = rec->last_ns;

	if (!last && packets) {
		first = packets->first_ns;
		last = packets->last_ns;
	}
	g->zero_ns = rec->triggered ? rec->trigger_ns : first;
	g->from_ns = max_of(g->options->from_ns, first);
	g->to_ns = max_of(min_of(g->options->to_ns, last), g->from_ns + 1);
	g->width_ns = g->options->interval_ns;
}

static int open_gnuplot(void *self, const struct recording *rec, const struct analysis_options *o,
			struct report_out *out, struct err *e)
{
	struct gnuplot *g = self;
	char least[32];
	int r;

	(void)out;
	g->rec = rec;
	g->options = o;
	g->files = o->gnuplot;
	find_window(g);
	g->intervals = (g->to_ns - g->from_ns + g->width_ns - 1) / g->width_ns;
	if (g->intervals > INTERVALS_MAX)
		return err_set(
			e, -EINVAL,
			"so long a recording has %" PRIu64
			" such intervals, and at most %d are drawn: choose --interval=%s or "
			"more, or less time with --from and --to",
			g->intervals, INTERVALS_MAX,
			format_duration(g->intervals / INTERVALS_MAX * g->width_ns + g->width_ns,
					least, sizeof(least)));
	g->unacked = calloc(CALLS_SESSIONS, sizeof(*g->unacked));
	if (!g->unacked)
		return err_nomem(e);
	r = calls_init(&g->calls, rec->has_server ? &rec->server : NULL, e);
	g->calls.begun = call_begun;
	g->calls.done = call_done;
	g->calls.dropped = call_dropped;
	g->calls.arg = g;
	return r;
}

/* ---- what TCP knows ---- */

static void begin_sample(void *arg, struct series_set *s, uint64_t ns)
{
	struct gnuplot *g = arg;

	(void)s;
	(void)ns;
	g->cwnd = g->backlog = g->timeo = g->rtt = 0;
	g->rtts = 0;
	g->any = false;
}

static bool ends_in(const struct series_counter *c, const char *key)
{
	size_t n = strlen(key);

	return c->name_bytes > n && c->name[c->name_bytes - n - 1] == '.' &&
	       !memcmp(c->name + c->name_bytes - n, key, n);
}

/* Of each connection what came since it was seen before; of a new one nothing is known. */
static void take_retransmissions(struct gnuplot *g, const struct series_set *s,
				 const struct series_counter *c, const struct series_value *v)
{
	size_t i = (size_t)(c - s->counters);
	struct series_step step;

	if (i >= g->retrans_count)
		return;
	if (g->has_retrans[i]) {
		step = series_step(&g->retrans[i], v, 1, COUNTER_RISING);
		g->timeo += step.delta.d > 0 ? step.delta.d : 0;
	}
	g->has_retrans[i] = true;
	g->retrans[i] = *v;
}

static void take_value(void *arg, struct series_set *s, struct series_counter *c, uint64_t ns,
		       const struct series_value *v)
{
	struct gnuplot *g = arg;

	(void)ns;
	if (ends_in(c, "cwnd")) {
		g->cwnd += v->d;
		g->any = true;
	} else if (ends_in(c, "notsent")) {
		g->backlog += v->d;
	} else if (ends_in(c, "total_retrans")) {
		take_retransmissions(g, s, c, v);
	} else if (ends_in(c, "rtt_us")) {
		g->rtt += v->d;
		g->rtts++;
	}
}

static void end_sample(void *arg, struct series_set *s, uint64_t ns)
{
	struct gnuplot *g = arg;

	(void)s;
	add_point(g, &g->tcp[TCP_CWND], ns, g->cwnd);
	add_point(g, &g->tcp[TCP_BACKLOG], ns, g->backlog);
	add_point(g, &g->tcp[TCP_TIMEO], ns, g->timeo);
	if (g->rtts)
		add_point(g, &g->tcp[TCP_RTT], ns, g->rtt / (double)g->rtts);
}

static int draw_tcp(struct gnuplot *g, const struct series_source *source, struct report_out *out,
		    struct err *e)
{
	CLEANUP(series_set_done) struct series_set set = {0};
	struct series_look look = {.rec = g->rec,
				   .from_ns = g->from_ns,
				   .to_ns = g->to_ns,
				   .out = out,
				   .budget = SERIES_COUNTERS_MAX};
	int r = series_learn(&look, source, &set, e);

	if (r < 0)
		return r;
	g->retrans_count = set.count;
	g->retrans = calloc(set.count + 1, sizeof(*g->retrans));
	g->has_retrans = calloc(set.count + 1, sizeof(*g->has_retrans));
	if (!g->retrans || !g->has_retrans)
		return err_nomem(e);
	look.begin = begin_sample;
	look.value = take_value;
	look.end = end_sample;
	look.arg = g;
	return series_again(&look, &set, e);
}

static int find_tcp(struct gnuplot *g, struct report_out *out, struct err *e)
{
	CLEANUP(freep) struct series_source *sources = NULL;
	struct err why = {0};
	size_t count = series_sources(g->rec, &sources, &why);
	int r = why.code ? err_nomem(e) : 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		if (!strcmp(sources[i].name, TCP_SERIES))
			r = draw_tcp(g, &sources[i], out, e);
	return r;
}

/* ---- the end ---- */

static enum calls_view best_view(const struct gnuplot *g)
{
	for (enum calls_view v = 0; v < CALLS_VIEWS; v++)
		if (g->calls.messages[v])
			return v;
	return CALLS_PACKETS;
}

static void keep_file(struct gnuplot *g, struct points *p, const char *name, const char *what,
		      struct table *t)
{
	end_points(g, p);
	if (!p->begun)
		return;
	files_name(g->files, p->file, name);
	table_row(t);
	table_text(t, name);
	table_u64(t, p->rows);
	table_text(t, what);
}

static bool is_used(const struct gnuplot *g, enum calls_view view, unsigned int command)
{
	for (size_t i = 0; i < FIGURES; i++) {
		const struct intervals *v = &g->commands[view][command][i];

		if (v->points.begun || v->points.group || v->count)
			return true;
	}
	return false;
}

static void keep_commands(struct gnuplot *g, enum calls_view view, struct table *t)
{
	static const char *const whats[FIGURES] = {"requests that began",
						   "requests sent, also again",
						   "requests acknowledged", "requests answered"};
	char name[64];

	for (unsigned int c = 0; c < WIRE_COMMANDS; c++) {
		if (!is_used(g, view, c))
			continue;
		for (size_t i = 0; i < FIGURES; i++) {
			struct intervals *v = &g->commands[view][c][i];

			/* Greetings are outside acknowledging. */
			if (c == WIRE_GREETING && i == FIGURE_ACKD)
				continue;
			close_intervals(g, v, g->intervals, false);
			(void)snprintf(name, sizeof(name), "%s.%s", wire_command_name(c),
				       figure_names[i]);
			keep_file(g, &v->points, name, whats[i], t);
		}
	}
	for (size_t i = 0; g->calls.messages[view] && i < LEVELS; i++) {
		struct intervals *v = &g->levels[view][i];

		close_intervals(g, v, g->intervals, true);
		keep_file(g, &v->points, level_names[i],
			  i == LEVEL_CONG ? "requests sent and not acknowledged"
					  : "requests not answered",
			  t);
	}
}

static void keep_tcp(struct gnuplot *g, struct table *t)
{
	static const char *const whats[TCP_FIGURES] = {
		"congestion windows, segments", "queued and not sent, bytes",
		"retransmissions since the sample before", "round trip, us"};

	for (size_t i = 0; i < TCP_FIGURES; i++)
		keep_file(g, &g->tcp[i], tcp_names[i], whats[i], t);
}

/* ---- the script ---- */

/* Colours that the colour-blind tell apart (Okabe and Ito), without the yellow. */
static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
				     "#e69f00", "#56b4e9", "#000000"};
#define OTHERS_COLOR "#aaaaaa"

/* @above: anything is; gnuplot has no range for what is zero all along. */
static void panel_begin(struct text *s, const char *title, const char *unit, bool above)
{
	text_printf(s, "\nset title \"%s\"\nset ylabel \"%s\"\nset yrange [0:%s]\nplot \\\n", title,
		    unit, above ? "*" : "1");
}

/*
 * @title: NULL: it has none of its own.
 *
 * A point stands at the end of its interval; a smoothed one amid those that it is the mean of.
 */
static void panel_line(const struct gnuplot *g, struct text *s, const char *file, const char *title,
		       const char *color, bool *any)
{
	const char *style = g->options->smooth > 1 ? "histeps" : "fsteps";

	text_printf(s, "%s\t\"%s\" with %s linecolor rgb \"%s\" ", *any ? ", \\\n" : "", file,
		    style, color);
	if (title)
		text_printf(s, "title \"%s\"", title);
	else
		text_str(s, "notitle");
	*any = true;
}

/* Commands by how many requests there were; those in front have a colour each. */
static void rank_commands(const struct gnuplot *g, enum calls_view view,
			  unsigned int ret[WIRE_COMMANDS])
{
	for (unsigned int c = 0; c < WIRE_COMMANDS; c++) {
		uint64_t total = g->commands[view][c][FIGURE_SENT].total;
		unsigned int at = c;

		for (; at && g->commands[view][ret[at - 1]][FIGURE_SENT].total < total; at--)
			ret[at] = ret[at - 1];
		ret[at] = c;
	}
}

static size_t panel_figure(const struct gnuplot *g, enum calls_view view, size_t figure,
			   struct text *s)
{
	static const char *const titles[FIGURES] = {"began", "sent", "acknowledged", "answered"};
	unsigned int ranked[WIRE_COMMANDS];
	bool any = false, others = false, above = false;
	char name[64];

	rank_commands(g, view, ranked);
	for (size_t i = 0; i < WIRE_COMMANDS; i++)
		above |= g->commands[view][i][figure].points.above;
	for (size_t i = 0; i < WIRE_COMMANDS; i++) {
		bool colored = i < ARRAY_SIZE(colors);
		const char *title = wire_command_name(ranked[i]);

		if (!g->commands[view][ranked[i]][figure].points.begun)
			continue;
		if (!any)
			panel_begin(s, titles[figure], "requests / 10 ms", above);
		(void)snprintf(name, sizeof(name), "%s.%s", title, figure_names[figure]);
		panel_line(g, s, name,
			   colored  ? title
			   : others ? NULL
				    : "others",
			   colored ? colors[i] : OTHERS_COLOR, &any);
		others |= !colored;
	}
	text_str(s, any ? "\n" : "");
	return any;
}

static size_t panel_levels(const struct gnuplot *g, enum calls_view view, struct text *s)
{
	bool any = false, above = false;

	for (size_t i = 0; i < LEVELS; i++)
		above |= g->levels[view][i].points.above;
	for (size_t i = 0; i < LEVELS; i++) {
		if (!g->levels[view][i].points.begun)
			continue;
		if (!any)
			panel_begin(s, "at each moment", "requests", above);
		panel_line(g, s, level_names[i], level_names[i], colors[i], &any);
	}
	text_str(s, any ? "\n" : "");
	return any;
}

static size_t panel_tcp(const struct gnuplot *g, size_t i, struct text *s)
{
	static const char *const units[TCP_FIGURES] = {"segments", "bytes", "retransmissions",
						       "us"};
	bool any = false;

	if (!g->tcp[i].begun)
		return 0;
	panel_begin(s, tcp_names[i], units[i], g->tcp[i].above);
	panel_line(g, s, tcp_names[i], tcp_names[i], colors[0], &any);
	text_str(s, "\n");
	return 1;
}

/* Names of files and titles are all ours: nothing of the recording is in the script. */
static void write_script(struct gnuplot *g, enum calls_view view, struct table *t)
{
	CLEANUP(text_free) struct text panels = {0}, s = {0};
	uint32_t file = files_add(g->files);
	size_t count = 0;

	for (size_t i = 0; i < FIGURES; i++)
		count += panel_figure(g, view, i, &panels);
	count += panel_levels(g, view, &panels);
	for (size_t i = 0; i < TCP_FIGURES; i++)
		count += panel_tcp(g, i, &panels);
	if (!count)
		return;
	text_printf(&s,
		    "# Draws the files beside it: gnuplot rpc.gp makes rpc.svg; for a PNG\n"
		    "# gnuplot -e 'form=\"png\"' rpc.gp\n"
		    "if (!exists(\"form\")) form = \"svg\"\n"
		    "set terminal @form size 1200,%zu\n"
		    "set output \"rpc.\".form\n"
		    "set multiplot layout %zu,1\n"
		    "set datafile separator tab\n"
		    /* One column of names, as wide as the longest. */
		    "set key outside right top vertical maxcols 1 noenhanced font \",9\"\n"
		    "set grid\n"
		    "set lmargin 12\nset rmargin 30\n"
		    "set xrange [%.6f:%.6f]\nset xlabel \"s from the %s\"\n",
		    count * 240, count, (double)since_zero(g, g->from_ns) / (double)NSEC_PER_SEC,
		    (double)since_zero(g, g->to_ns) / (double)NSEC_PER_SEC,
		    g->rec->triggered ? "trigger" : "start");
	if (g->rec->triggered)
		text_str(&s,
			 "set arrow from 0, graph 0 to 0, graph 1 nohead linecolor rgb \"red\"\n");
	text_add(&s, text_c(&panels), panels.len);
	text_str(&s, "\nunset multiplot\n");
	s.failed |= !text_ok(&panels);
	files_flush(g->files, file, &s, 0);
	files_name(g->files, file, "rpc.gp");
	table_row(t);
	table_text(t, "rpc.gp");
	table_none(t);
	table_text(t, "draws them: gnuplot rpc.gp");
}

static int result_gnuplot(void *self, struct report_out *out, struct err *e)
{
	static const struct column columns[] = {
		{"file", "file", COLUMN_TEXT},
		{"rows", "points", COLUMN_COUNT},
		{"what", "what", COLUMN_TEXT},
	};
	static const char *const views[CALLS_VIEWS] = {"packets", "what clients here traced",
						       "what servers here traced"};
	struct gnuplot *g = self;
	enum calls_view view = best_view(g);
	struct table *t = report_table(out, "files", g->files->path, columns, ARRAY_SIZE(columns));
	int r = g->calls.failed ? err_nomem(e) : find_tcp(g, out, e);

	if (r < 0)
		return r;
	keep_commands(g, view, t);
	keep_tcp(g, t);
	write_script(g, view, t);
	if (g->calls.messages[view])
		table_note(t, "Requests are from %s.", views[view]);
	else
		table_note(t, "There are no messages of scoutfs in this recording.");
	if (g->untold)
		table_note(t,
			   "More than %d requests waited to be acknowledged at once: %" PRIu64
			   " are not in .ackd and cong.",
			   UNACKED_MAX, g->untold);
	return files_end(g->files, e);
}

static void done_gnuplot(void *self)
{
	struct gnuplot *g = self;

	for (size_t v = 0; v < CALLS_VIEWS; v++) {
		for (size_t c = 0; c < WIRE_COMMANDS; c++)
			for (size_t i = 0; i < FIGURES; i++)
				text_free(&g->commands[v][c][i].points.out);
		for (size_t i = 0; i < LEVELS; i++)
			text_free(&g->levels[v][i].points.out);
	}
	for (size_t i = 0; i < TCP_FIGURES; i++)
		text_free(&g->tcp[i].out);
	for (size_t i = 0; g->unacked && i < CALLS_SESSIONS; i++)
		for (size_t k = 0; k < CALLS_SIDES; k++)
			free(g->unacked[i][k].list);
	free(g->unacked);
	free(g->retrans);
	free(g->has_retrans);
	calls_free(&g->calls);
}

const struct analysis_ops export_gnuplot = {
	.name = "gnuplot",
	.title = "Files for gnuplot",
	.summary = "requests by command and figure, and what TCP says",
	.tables = "files",
	.self_bytes = sizeof(struct gnuplot),
	.wants = wants,
	.want_count = ARRAY_SIZE(wants),
	.open = open_gnuplot,
	.message = see_packet,
	.result = result_gnuplot,
	.done = done_gnuplot,
};
