/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `commits`: how long transactions take to commit, on the mounts and on the server.
 *
 * A mount's commit begins at scoutfs_trans_write_func, which tells how much is dirty. It writes the
 * blocks, asks the server to commit its log trees, gets new ones, and is done; there is no event
 * for the end, but the answer to GET_LOG_TREES is the last that it waits for (trans.c). Requests
 * and answers are those of the same mount: a client sends the first and receives the second, so the
 * server's own mount is told from the server.
 *
 * A server's commit is from scoutfs_server_commit_start to _end. Whoever changes something on the
 * server holds a commit, applies it and waits until it has ended: from _hold to _apply of a
 * process, and from there to the _end (server.c).
 *
 * What else the mounts do in work queues is told by enter and exit of the same process.
 */
#include "analysis.h"

#include <inttypes.h>

#include "pairs.h"
#include "stats.h"

#define MOUNTS_MAX 64
#define APPLIED_MAX 4096 /* that wait for one commit */
#define SHOWN_MAX 1000

enum step { STEP_ALL, STEP_WRITE, STEP_SERVER, STEP_NEXT, STEPS };
static const char *const step_names[STEPS] = {
	[STEP_ALL] = "all of the commit",
	[STEP_WRITE] = "write blocks, until the server is asked",
	[STEP_SERVER] = "the server commits (COMMIT_LOG_TREES)",
	[STEP_NEXT] = "new log trees, to the end (GET_LOG_TREES)",
};

/* Of one mount, as one that commits, and as a server. */
struct mount {
	uint64_t rid;
	struct stats steps[STEPS];
	uint64_t began_ns, step_ns; /* of the commit that is under way; 0: none */
	enum step step;
	uint64_t dirty_bytes, dirty_pages, most_dirty_bytes;
	uint64_t unfinished; /* another one began */

	struct stats commits, holds, waits;
	uint64_t commit_ns; /* of the server's commit that is under way; 0: none */
	uint64_t *applied;  /* [APPLIED_MAX] when, that wait for an end */
	size_t applied_count;
	uint64_t applied_left_out;
	bool is_server, has_budget;
	uint64_t most_holders, most_budget, exceeded, least_avail, least_freed;
};

enum work_kind {
	WORK_CONNECT,
	WORK_DESTROY,
	WORK_LISTEN,
	WORK_PROC,
	WORK_RECONN_FREE,
	WORK_RECV,
	WORK_SEND,
	WORK_SHUTDOWN,
	WORK_COMMIT,
	WORK_SERVER,
	WORKS
};

static const char *const work_names[WORKS] = {
	"net_connect", "net_destroy", "net_listen",   "net_proc",      "net_reconn_free",
	"net_recv",    "net_send",    "net_shutdown", "server_commit", "server",
};

struct work {
	struct stats spans;
	uint64_t failed;
};

/* For the table of the longest; the key is how long. */
struct span {
	uint64_t key_ns, from_ns, rid, dirty_bytes;
	bool of_server;
};

struct commits {
	const struct recording *rec;
	struct report_out *out;
	const struct analysis_options *options;
	uint64_t end_ns;
	struct mount *mounts[MOUNTS_MAX];
	size_t mount_count;
	uint64_t without_place;
	struct top longest;
	struct work works[WORKS];
	struct pairs running; /* by work and process */
	struct pairs held;    /* server holds, by mount and process */
	struct pairs tasks;   /* holds of transactions, by mount and process; .more: the mount */
	struct stats task_holds;
	uint8_t *work_of; /* [events.count] enum work_kind */
};

static uint64_t number(const struct trace_event *e, const struct event_field *f)
{
	uint64_t v = 0;

	(void)event_field_u64(f, e->data, e->bytes, &v);
	return v;
}

static uint64_t since(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* NULL, and counted, when there are too many or there is no memory. */
static struct mount *mount_of(struct commits *a, const struct trace_event *e,
			      const struct event_field *f)
{
	uint64_t rid = number(e, f);
	struct mount *m;

	a->end_ns = max_of(a->end_ns, e->ns);
	for (size_t i = 0; i < a->mount_count; i++)
		if (a->mounts[i]->rid == rid)
			return a->mounts[i];
	m = a->mount_count < MOUNTS_MAX ? calloc(1, sizeof(*m)) : NULL;
	if (!m) {
		a->without_place++;
		return NULL;
	}
	m->rid = rid;
	a->mounts[a->mount_count++] = m;
	return m;
}

/* ---- commits of mounts ---- */

static void on_write(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct mount *m = mount_of(a, e, f[0]);

	if (!m)
		return;
	m->unfinished += m->began_ns != 0;
	m->began_ns = m->step_ns = max_of(e->ns, UINT64_C(1));
	m->step = STEP_WRITE;
	m->dirty_bytes = number(e, f[1]);
	m->dirty_pages = number(e, f[2]);
	m->most_dirty_bytes = max_of(m->most_dirty_bytes, m->dirty_bytes);
}

static void end_step(struct mount *m, enum step step, uint64_t ns)
{
	stats_add(&m->steps[m->step], since(m->step_ns, ns));
	m->step_ns = ns;
	m->step = step;
}

/* A message of the mount as a client. */
static void on_message(struct commits *a, const struct trace_event *e, event_fields f, bool sent)
{
	uint64_t command = number(e, f[1]);
	bool response = number(e, f[2]) & 1;
	struct mount *m;

	if (response == sent || (command != WIRE_COMMIT_LOG_TREES && command != WIRE_GET_LOG_TREES))
		return;
	m = mount_of(a, e, f[0]);
	if (!m || !m->began_ns)
		return;
	if (command == WIRE_COMMIT_LOG_TREES && sent && m->step == STEP_WRITE) {
		end_step(m, STEP_SERVER, e->ns);
	} else if (command == WIRE_COMMIT_LOG_TREES && !sent && m->step == STEP_SERVER) {
		end_step(m, STEP_NEXT, e->ns);
	} else if (command == WIRE_GET_LOG_TREES && !sent && m->step == STEP_NEXT) {
		uint64_t ns = since(m->began_ns, e->ns);

		end_step(m, STEP_ALL, e->ns);
		stats_add(&m->steps[STEP_ALL], ns);
		(void)top_add(&a->longest, &(struct span){.key_ns = ns,
							  .from_ns = m->began_ns,
							  .rid = m->rid,
							  .dirty_bytes = m->dirty_bytes});
		m->began_ns = 0;
	}
}

static void on_send(void *self, const struct trace_event *e, event_fields f)
{
	on_message(self, e, f, true);
}

static void on_recv(void *self, const struct trace_event *e, event_fields f)
{
	on_message(self, e, f, false);
}

static uint64_t task_key(const struct mount *m, const struct trace_event *e,
			 const struct event_field *pid)
{
	return pairs_mix(m->rid, number(e, pid));
}

static void on_hold_trans(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct mount *m = mount_of(a, e, f[0]);
	struct pair *p;
	int64_t ret = 0;

	(void)event_field_i64(f[2], e->data, e->bytes, &ret);
	if (!m || ret < 0 || pairs_find(&a->tasks, task_key(m, e, f[1])))
		return;
	p = pairs_add(&a->tasks, task_key(m, e, f[1]), e->ns);
	if (p)
		p->more = number(e, f[1]) << 32 | m->rid >> 40;
}

static void on_release_trans(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct mount *m = mount_of(a, e, f[0]);
	struct pair *p = m ? pairs_find(&a->tasks, task_key(m, e, f[1])) : NULL;

	/* Within another hold of the same process it is not over: journal_info is not empty. */
	if (!p || number(e, f[2]))
		return;
	stats_add(&a->task_holds, since(p->ns, e->ns));
	pairs_remove(&a->tasks, p);
}

/* ---- commits of servers ---- */

static void note_budget(struct mount *m, const struct trace_event *e, event_fields f)
{
	uint64_t avail = number(e, f[4]), freed = number(e, f[5]);

	m->is_server = true;
	m->most_holders = max_of(m->most_holders, number(e, f[2]));
	m->most_budget = max_of(m->most_budget, number(e, f[3]));
	m->exceeded += number(e, f[6]) != 0;
	m->least_avail = m->has_budget ? min_of(m->least_avail, avail) : avail;
	m->least_freed = m->has_budget ? min_of(m->least_freed, freed) : freed;
	m->has_budget = true;
}

static void on_commit_hold(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct mount *m = mount_of(a, e, f[0]);

	if (!m)
		return;
	note_budget(m, e, f);
	/* Nobody waits: who applied before had nothing to commit, as after an error. */
	if (f[7] && !number(e, f[7]))
		m->applied_count = 0;
	if (!pairs_find(&a->held, task_key(m, e, f[1])))
		(void)pairs_add(&a->held, task_key(m, e, f[1]), e->ns);
}

static void on_commit_apply(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct mount *m = mount_of(a, e, f[0]);
	struct pair *hold;

	if (!m)
		return;
	note_budget(m, e, f);
	hold = pairs_find(&a->held, task_key(m, e, f[1]));
	if (hold) {
		stats_add(&m->holds, since(hold->ns, e->ns));
		pairs_remove(&a->held, hold);
	}
	if (!m->applied)
		m->applied = calloc(APPLIED_MAX, sizeof(*m->applied));
	if (m->applied && m->applied_count < APPLIED_MAX)
		m->applied[m->applied_count++] = e->ns;
	else
		m->applied_left_out++;
}

static void on_commit_start(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct mount *m = mount_of(a, e, f[0]);

	if (!m)
		return;
	note_budget(m, e, f);
	m->commit_ns = max_of(e->ns, UINT64_C(1));
}

static void on_commit_end(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct mount *m = mount_of(a, e, f[0]);
	uint64_t ns;

	if (!m)
		return;
	note_budget(m, e, f);
	for (size_t i = 0; i < m->applied_count; i++)
		stats_add(&m->waits, since(m->applied[i], e->ns));
	m->applied_count = 0;
	if (!m->commit_ns)
		return;
	ns = since(m->commit_ns, e->ns);
	stats_add(&m->commits, ns);
	(void)top_add(&a->longest, &(struct span){.key_ns = ns,
						  .from_ns = m->commit_ns,
						  .rid = m->rid,
						  .of_server = true});
	m->commit_ns = 0;
}

/* ---- work ---- */

static uint64_t work_key(enum work_kind kind, uint64_t pid)
{
	return pid << 8 | kind;
}

static void on_work_enter(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	uint64_t key = work_key(a->work_of[e->type], (uint32_t)number(e, f[0]));
	struct pair *p = pairs_find(&a->running, key);

	a->end_ns = max_of(a->end_ns, e->ns);
	if (p)
		p->ns = e->ns;
	else
		(void)pairs_add(&a->running, key, e->ns);
}

static void on_work_exit(void *self, const struct trace_event *e, event_fields f)
{
	struct commits *a = self;
	struct work *w = &a->works[a->work_of[e->type]];
	struct pair *p =
		pairs_find(&a->running, work_key(a->work_of[e->type], (uint32_t)number(e, f[0])));
	int64_t ret = 0;

	a->end_ns = max_of(a->end_ns, e->ns);
	w->failed += event_field_i64(f[1], e->data, e->bytes, &ret) && ret < 0;
	if (!p)
		return;
	stats_add(&w->spans, since(p->ns, e->ns));
	pairs_remove(&a->running, p);
}

#define COMMIT_FIELDS                                                                        \
	{                                                                                    \
		"rid", "common_pid", "nr_holders", "budget", "avail_before", "freed_before", \
			"exceeded", "applying"                                               \
	}
#define WORK(name)                                                                 \
	{"scoutfs", "scoutfs_" name "_work_enter", on_work_enter, {"common_pid"}}, \
	{                                                                          \
		"scoutfs", "scoutfs_" name "_work_exit", on_work_exit,             \
		{                                                                  \
			"common_pid", "ret"                                        \
		}                                                                  \
	}

static const struct event_want wants[] = {
	{"scoutfs",
	 "scoutfs_trans_write_func",
	 on_write,
	 {"rid", "dirty_block_bytes", "dirty_item_pages"}},
	{"scoutfs", "scoutfs_net_send_message", on_send, {"rid", "nh_cmd", "nh_flags"}},
	{"scoutfs", "scoutfs_net_recv_message", on_recv, {"rid", "nh_cmd", "nh_flags"}},
	{"scoutfs", "scoutfs_hold_trans", on_hold_trans, {"rid", "common_pid", "ret"}},
	{"scoutfs",
	 "scoutfs_release_trans",
	 on_release_trans,
	 {"rid", "common_pid", "journal_info"}},
	{"scoutfs", "scoutfs_server_commit_hold", on_commit_hold, COMMIT_FIELDS},
	{"scoutfs", "scoutfs_server_commit_apply", on_commit_apply, COMMIT_FIELDS},
	{"scoutfs", "scoutfs_server_commit_start", on_commit_start, COMMIT_FIELDS},
	{"scoutfs", "scoutfs_server_commit_end", on_commit_end, COMMIT_FIELDS},
	WORK("net_connect"),
	WORK("net_destroy"),
	WORK("net_listen"),
	WORK("net_proc"),
	WORK("net_reconn_free"),
	WORK("net_recv"),
	WORK("net_send"),
	WORK("net_shutdown"),
	WORK("server_commit"),
	WORK("server"),
};

static int open_commits(void *self, const struct recording *rec, const struct analysis_options *o,
			struct report_out *out, struct err *e)
{
	struct commits *a = self;
	char name[64];

	a->rec = rec;
	a->out = out;
	a->options = o;
	a->work_of = calloc((size_t)rec->events.count + 1, 1);
	if (!a->work_of)
		return err_nomem(e);
	for (uint32_t i = 0; i < rec->events.count; i++) {
		for (uint8_t k = 0; k < WORKS; k++) {
			(void)snprintf(name, sizeof(name), "scoutfs_%s_work_e", work_names[k]);
			if (str_starts(rec->events.formats[i].name, name))
				a->work_of[i] = k;
		}
	}
	top_init(&a->longest, o->limit ? o->limit : TOP_LIMIT, sizeof(struct span));
	return 0;
}

/* ---- tables ---- */

static void put_stats(struct table *t, uint64_t rid, const char *what, const struct stats *s)
{
	if (!s->count)
		return;
	table_row(t);
	table_u64(t, rid);
	table_text(t, what);
	table_u64(t, s->count);
	table_stats(t, s);
}

static void tell_transactions(struct commits *a)
{
	static const struct column columns[] = {
		{"rid", "mount (rid)", COLUMN_HEX},
		{"step", "step", COLUMN_TEXT},
		{"count", "count", COLUMN_COUNT},
		STATS_COLUMNS,
	};
	struct table *t = report_table(a->out, "transactions", "Commits of transactions, by mount",
				       columns, ARRAY_SIZE(columns));
	uint64_t unfinished = 0;

	for (size_t i = 0; i < a->mount_count; i++) {
		const struct mount *m = a->mounts[i];

		unfinished += m->unfinished;
		for (size_t k = 0; k < STEPS; k++)
			put_stats(t, m->rid, step_names[k], &m->steps[k]);
	}
	if (unfinished)
		table_note(t,
			   "%" PRIu64
			   " commits have no end in the recording, and another one of the "
			   "same mount began.",
			   unfinished);
	if (a->task_holds.count) {
		uint64_t average = 0;
		char x[32], y[32];

		(void)stats_average(&a->task_holds, &average);
		table_note(t,
			   "Processes had a transaction open %" PRIu64
			   " times, %s on average and at most %s.",
			   a->task_holds.count, format_duration(average, x, sizeof(x)),
			   format_duration(a->task_holds.greatest, y, sizeof(y)));
	}
	table_note(t, "From scoutfs_trans_write_func to the answer to GET_LOG_TREES, from the "
		      "mount's view. " STATS_NOTE);
}

static void tell_server(struct commits *a)
{
	static const struct column columns[] = {
		{"rid", "server (rid)", COLUMN_HEX},
		{"step", "step", COLUMN_TEXT},
		{"count", "count", COLUMN_COUNT},
		STATS_COLUMNS,
	};
	struct table *t = report_table(a->out, "server", "Commits of the server", columns,
				       ARRAY_SIZE(columns));

	for (size_t i = 0; i < a->mount_count; i++) {
		const struct mount *m = a->mounts[i];

		put_stats(t, m->rid, "commit, start to end", &m->commits);
		put_stats(t, m->rid, "a request changes something, hold to apply", &m->holds);
		put_stats(t, m->rid, "it waits for the commit, apply to end", &m->waits);
		if (m->applied_left_out)
			table_note(t, "%" PRIu64 " that waited are in no figure.",
				   m->applied_left_out);
	}
}

static void tell_budget(struct commits *a)
{
	static const struct column columns[] = {
		{"rid", "server (rid)", COLUMN_HEX},
		{"max_holders", "most holders", COLUMN_COUNT},
		{"max_budget", "most budget", COLUMN_COUNT, .unit = "blocks"},
		{"exceeded", "exceeded", COLUMN_COUNT},
		{"min_avail", "least available", COLUMN_COUNT, .unit = "blocks"},
		{"min_freed", "least room for freed", COLUMN_COUNT, .unit = "blocks"},
	};
	struct table *t = report_table(a->out, "budget", "What a server's commit may allocate",
				       columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < a->mount_count; i++) {
		const struct mount *m = a->mounts[i];

		if (!m->is_server)
			continue;
		table_row(t);
		if (m->exceeded)
			table_mark(t, ROW_WARNING);
		table_u64(t, m->rid);
		table_u64(t, m->most_holders);
		table_u64(t, m->most_budget);
		table_u64(t, m->exceeded);
		table_u64(t, m->least_avail);
		table_u64(t, m->least_freed);
	}
	table_note(t, "As the scoutfs_server_commit events tell it: nr_holders, budget, exceeded, "
		      "avail_before, freed_before.");
}

static void tell_longest(struct commits *a)
{
	static const struct column columns[] = {
		{"duration_ns", "took", COLUMN_DURATION},
		{"from_ns", "began", COLUMN_TIME},
		{"what", "what", COLUMN_TEXT},
		{"rid", "mount (rid)", COLUMN_HEX},
		{"dirty_bytes", "dirty", COLUMN_BYTES, .use = USE_LEVEL},
	};
	struct table *t = report_table(a->out, "slowest", "The slowest commits", columns,
				       ARRAY_SIZE(columns));

	top_sort(&a->longest);
	for (size_t i = 0; i < a->longest.count; i++) {
		const struct span *s = top_item(&a->longest, i);

		table_row(t);
		table_u64(t, s->key_ns);
		table_u64(t, s->from_ns);
		table_text(t, s->of_server ? "server's commit" : "transaction of a mount");
		table_u64(t, s->rid);
		if (s->of_server)
			table_none(t);
		else
			table_u64(t, s->dirty_bytes);
	}
}

static void put_pending(struct commits *a, struct table *t, uint64_t from_ns, const char *what,
			uint64_t rid, uint64_t pid)
{
	const struct comm *c = pid ? recording_comm(a->rec, (uint32_t)pid) : NULL;

	if (t->row_count == SHOWN_MAX)
		return;
	table_row(t);
	table_mark(t, ROW_WARNING);
	table_u64(t, since(from_ns, a->end_ns));
	table_u64(t, from_ns);
	table_text(t, what);
	if (rid)
		table_u64(t, rid);
	else
		table_none(t);
	if (c)
		table_text_n(t, c->name, c->bytes);
	else
		table_none(t);
	if (pid)
		table_i64(t, (int64_t)pid);
}

/* The pair knows the first digits of its mount only. */
static uint64_t whole_rid(const struct commits *a, uint64_t top)
{
	for (size_t i = 0; i < a->mount_count; i++)
		if (a->mounts[i]->rid >> 40 == top)
			return a->mounts[i]->rid;
	return 0;
}

static void tell_pending(struct commits *a)
{
	static const struct column columns[] = {
		{"duration_ns", "for", COLUMN_DURATION}, {"from_ns", "since", COLUMN_TIME},
		{"what", "what", COLUMN_TEXT},		 {"rid", "mount (rid)", COLUMN_HEX},
		{"comm", "process", COLUMN_TEXT},	 {"pid", "pid", COLUMN_NUMBER},
	};
	struct table *t = report_table(a->out, "pending", "Begun and not ended", columns,
				       ARRAY_SIZE(columns));

	for (size_t i = 0; i < a->mount_count; i++) {
		const struct mount *m = a->mounts[i];

		if (m->began_ns)
			put_pending(a, t, m->began_ns, step_names[m->step], m->rid, 0);
		if (m->commit_ns)
			put_pending(a, t, m->commit_ns, "server's commit", m->rid, 0);
	}
	for (uint32_t i = 0; i < a->tasks.room; i++) {
		const struct pair *p = &a->tasks.slots[i];

		if (p->used)
			put_pending(a, t, p->ns, "a process has a transaction open",
				    whole_rid(a, p->more & 0xffffff), p->more >> 32);
	}
	table_sort(t, "duration_ns", true);
	if (a->options->limit)
		table_top(t, a->options->limit);
}

static void tell_work(struct commits *a)
{
	static const struct column columns[] = {
		{"work", "work", COLUMN_TEXT},
		{"count", "count", COLUMN_COUNT},
		{"failed", "failed", COLUMN_COUNT},
		STATS_COLUMNS,
	};
	struct table *t = report_table(a->out, "work", "Work in queues, from enter to exit",
				       columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < WORKS; i++) {
		if (!a->works[i].spans.count)
			continue;
		table_row(t);
		table_text(t, work_names[i]);
		table_u64(t, a->works[i].spans.count);
		table_u64(t, a->works[i].failed);
		table_stats(t, &a->works[i].spans);
	}
	table_note(t, "Failed: the exit says a negative number. net_listen and server last as long "
		      "as the node leads.");
}

static int result_commits(void *self, struct report_out *out, struct err *e)
{
	struct commits *a = self;
	uint64_t refused = a->running.refused + a->held.refused + a->tasks.refused;

	(void)e;
	tell_transactions(a);
	tell_server(a);
	tell_longest(a);
	tell_pending(a);
	tell_budget(a);
	tell_work(a);
	if (refused || a->without_place)
		report_note(out,
			    "%" PRIu64 " events are in no figure: there were too many mounts or "
			    "processes at the same time.",
			    refused + a->without_place);
	return 0;
}

static void done_commits(void *self)
{
	struct commits *a = self;

	for (size_t i = 0; i < a->mount_count; i++) {
		struct mount *m = a->mounts[i];

		for (size_t k = 0; k < STEPS; k++)
			stats_done(&m->steps[k]);
		stats_done(&m->commits);
		stats_done(&m->holds);
		stats_done(&m->waits);
		free(m->applied);
		free(m);
	}
	for (size_t i = 0; i < WORKS; i++)
		stats_done(&a->works[i].spans);
	stats_done(&a->task_holds);
	top_done(&a->longest);
	pairs_done(&a->running);
	pairs_done(&a->held);
	pairs_done(&a->tasks);
	free(a->work_of);
}

const struct analysis_ops analysis_commits = {
	.name = "commits",
	.title = "Commits",
	.tables = "transactions server slowest pending budget work",
	.summary = "how long transactions and the server's commits take",
	.counted_in = COUNTED_IN_TRACE,
	.self_bytes = sizeof(struct commits),
	.wants = wants,
	.want_count = ARRAY_SIZE(wants),
	.open = open_commits,
	.result = result_commits,
	.done = done_commits,
};
