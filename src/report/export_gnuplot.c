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
 * How points are smoothed and zeros left out is in gnuplot_points.c, what TCP knows in
 * gnuplot_tcp.c, the script in gnuplot_script.c.
 *
 * What packets show, what mounts traced as clients and what as servers is counted apart, as in the
 * report `rpc`, and the first of these that has anything is kept. So files are written under
 * numbers and named at the end (files.h). Memory does not depend on the recording; files do, so
 * there is a limit to the number of intervals.
 */
#include "gnuplot.h"

#include <errno.h>
#include <inttypes.h>

#include "netevent.h"
#include "out.h"

#define INTERVALS_MAX 1000000
#define UNACKED_MAX 131072 /* requests that wait to be acknowledged, in all */

const char *const gnuplot_figure_names[FIGURES] = {"new", "sent", "ackd", "fin"};
const char *const gnuplot_level_names[LEVELS] = {"cong", "pending"};
const char *const gnuplot_tcp_names[TCP_FIGURES] = {"cwnd", "backlog", "timeo", "rtt"};

static void count(struct gnuplot *g, enum calls_view view, uint8_t command, enum figure figure,
		  uint64_t ns)
{
	struct intervals *v = &g->commands[view][command % WIRE_COMMANDS][figure];

	intervals_close(&g->frame, v, plot_interval(&g->frame, ns), false);
	v->count++;
	v->total++;
}

static void change(struct gnuplot *g, enum calls_view view, enum level level, int by)
{
	struct intervals *v = &g->levels[view][level];

	intervals_close(&g->frame, v, plot_interval(&g->frame, g->now_ns), true);
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
static void find_frame(struct gnuplot *g, const struct analysis_options *o)
{
	const struct recording *rec = g->rec;
	const struct bundle_stream *packets = bundle_stream(rec->bundle, CHUNK_PACKETS, 0);
	uint64_t first = rec->first_ns, last = rec->last_ns;

	if (!last && packets) {
		first = packets->first_ns;
		last = packets->last_ns;
	}
	g->frame = (struct plot_frame){
		.files = o->gnuplot,
		.zero_ns = rec->triggered ? rec->trigger_ns : first,
		.from_ns = max_of(o->from_ns, first),
		.width_ns = o->interval_ns,
		.smooth = o->smooth,
	};
	g->frame.to_ns = max_of(min_of(o->to_ns, last), g->frame.from_ns + 1);
	plot_frame_divide(&g->frame);
}

static int open_gnuplot(void *self, const struct recording *rec, const struct analysis_options *o,
			struct report_out *out, struct err *e)
{
	struct gnuplot *g = self;
	char least[32];
	int r;

	(void)out;
	g->rec = rec;
	find_frame(g, o);
	if (g->frame.intervals > INTERVALS_MAX)
		return err_set(
			e, -EINVAL,
			"so long a recording has %" PRIu64
			" such intervals, and at most %d are drawn: choose --interval=%s or "
			"more, or less time with --from and --to",
			g->frame.intervals, INTERVALS_MAX,
			format_duration(g->frame.intervals / INTERVALS_MAX * g->frame.width_ns +
						g->frame.width_ns,
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
	points_end(&g->frame, p);
	if (!p->begun)
		return;
	files_name(g->frame.files, p->file, name);
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
			intervals_close(&g->frame, v, g->frame.intervals, false);
			(void)snprintf(name, sizeof(name), "%s.%s", wire_command_name(c),
				       gnuplot_figure_names[i]);
			keep_file(g, &v->points, name, whats[i], t);
		}
	}
	for (size_t i = 0; g->calls.messages[view] && i < LEVELS; i++) {
		struct intervals *v = &g->levels[view][i];

		intervals_close(&g->frame, v, g->frame.intervals, true);
		keep_file(g, &v->points, gnuplot_level_names[i],
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
		keep_file(g, &g->tcp[i], gnuplot_tcp_names[i], whats[i], t);
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
	struct table *t =
		report_table(out, "files", g->frame.files->path, columns, ARRAY_SIZE(columns));
	int r = g->calls.failed ? err_nomem(e) : gnuplot_tcp(&g->frame, g->rec, g->tcp, out, e);

	if (r < 0)
		return r;
	keep_commands(g, view, t);
	keep_tcp(g, t);
	gnuplot_script(g, view, t);
	if (g->calls.messages[view])
		table_note(t, "Requests are from %s.", views[view]);
	else
		table_note(t, "There are no messages of scoutfs in this recording.");
	if (g->untold)
		table_note(t,
			   "More than %d requests waited to be acknowledged at once: %" PRIu64
			   " are not in .ackd and cong.",
			   UNACKED_MAX, g->untold);
	return files_end(g->frame.files, e);
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
