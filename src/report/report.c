/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `report`: from a bundle's path to tables on standard output, or to an HTML file.
 *
 * Called by cmd. What touches the file system comes first: the bundle's files are opened. All the
 * rest happens in the sandbox's child (sandbox.c): index, clocks, what is known of the recording as
 * a whole (recording.c), one pass over the sources that somebody wants (feed.c), analyses, views.
 *
 * When the child dies, it was working on something: that source or report is left out and all is
 * done again, if nothing was shown yet. So one crafted event format costs the trace events and not
 * the packets.
 */
#include "report/report.h"

#include <errno.h>
#include <inttypes.h>

#include "base/log.h"

#include "analysis.h"
#include "compare.h"
#include "export.h"
#include "feed.h"
#include "files.h"
#include "filter.h"
#include "out.h"
#include "page.h"
#include "sandbox.h"

#define THREADS_MAX 8
#define REPORTS_MAX 64
/* What the child says that it works on: a source of the feed, or this and the index of a wish. */
#define DOING_REPORT 16

struct wish {
	const struct analysis_ops *ops;
	const char *tables[OUT_TABLES_MAX]; /* those that are wanted */
	size_t table_count;		    /* 0: all */
	bool left_out;			    /* its analysis killed a child before */
};

struct run {
	const struct report_config *config;
	struct bundle *bundle;
	struct wish wishes[REPORTS_MAX];
	size_t wish_count;
	unsigned int sources_left_out; /* bits 1 << enum feed_source: they killed a child before */
	unsigned int threads;
	struct page page; /* where to */
	struct files csv, gnuplot;

	/* in the child */
	struct sandbox *sandbox;
	struct recording recording;
	struct feed_result feed;
	struct filter filter;
	struct analysis_options options;
	struct report_document document;
	struct table notes; /* of the document, as notes of a table without columns */
	const char *names[REPORTS_MAX];
	bool incomplete;
};

/* Which reports. */

/* Is @name one of the words of @list? */
static bool is_word_of(const char *name, const char *list)
{
	size_t n = strlen(name);

	for (const char *at = list; at && *at; at += strspn(at, " ")) {
		size_t word = strcspn(at, " ");

		if (word == n && !strncmp(at, name, n))
			return true;
		at += word;
	}
	return false;
}

static int no_such_table(const struct analysis_ops *ops, const char *name, struct err *e)
{
	CLEANUP(text_free) struct text names = {0};

	for (const char *at = ops->tables; *at; at += strspn(at, " ")) {
		size_t word = strcspn(at, " ");

		text_printf(&names, "%s%.*s", names.len ? ", " : "", (int)word, at);
		at += word;
	}
	return err_set(e, -EINVAL, "the report '%s' has no table '%s'; it has: %s", ops->name, name,
		       text_c(&names));
}

/* Of a report that is wished for one more table. */
static int add_table(struct wish *w, const char *table, struct err *e)
{
	bool twice = !table || !w->table_count;

	for (size_t i = 0; !twice && i < w->table_count; i++)
		twice = !strcmp(w->tables[i], table);
	if (twice)
		return err_set(e, -EINVAL, "the report '%s' is named twice", w->ops->name);
	if (w->table_count == OUT_TABLES_MAX)
		return err_set(e, -EINVAL, "more than %d tables of one report", OUT_TABLES_MAX);
	w->tables[w->table_count++] = table;
	return 0;
}

/* @table NULL: all of them. */
static int add_wish(struct run *run, const struct analysis_ops *ops, const char *table,
		    struct err *e)
{
	if (table && ops->tables && !is_word_of(table, ops->tables))
		return no_such_table(ops, table, e);
	for (size_t i = 0; i < run->wish_count; i++)
		if (run->wishes[i].ops == ops)
			return add_table(&run->wishes[i], table, e);
	if (run->wish_count == REPORTS_MAX)
		return err_set(e, -EINVAL, "more than %d reports at once", REPORTS_MAX);
	run->wishes[run->wish_count++] =
		(struct wish){.ops = ops, .tables = {table}, .table_count = table != NULL};
	return 0;
}

static int no_such_report(const char *name, struct err *e)
{
	const char *names[REPORTS_MAX];
	size_t count = min_of(analysis_count, (size_t)REPORTS_MAX);

	for (size_t i = 0; i < count; i++)
		names[i] = analysis_list[i]->name;
	return no_such_name(e, "report", name, names, count,
			    "To see what is in each: scoutfs-trace report --list-reports");
}

static const struct analysis_ops *find_report(const char *name)
{
	for (size_t i = 0; i < analysis_count; i++)
		if (!strcmp(analysis_list[i]->name, name))
			return analysis_list[i];
	return NULL;
}

/* "NAME" or "NAME.TABLE". */
static int take_wish(struct run *run, const char *words, struct err *e)
{
	const char *dot = strchr(words, '.');
	const struct analysis_ops *ops;
	char name[64];

	(void)snprintf(name, sizeof(name), "%.*s", (int)min_of(strcspn(words, "."), sizeof(name)),
		       words);
	ops = find_report(name);
	if (ops)
		return add_wish(run, ops, dot ? dot + 1 : NULL, e);
	return no_such_report(name, e);
}

static bool is_wished(const struct run *run, const struct analysis_ops *ops)
{
	for (size_t i = 0; i < run->wish_count; i++)
		if (run->wishes[i].ops == ops)
			return true;
	return false;
}

/* Does "NAME" or "NAME.TABLE" name this report, or a table of it that there is? */
static bool names(const char *words, const struct analysis_ops *ops)
{
	size_t n = strcspn(words, ".");

	return strlen(ops->name) == n && !strncmp(ops->name, words, n) &&
	       (!words[n] || !ops->tables || is_word_of(words + n + 1, ops->tables));
}

/* Reports of the files that they make. */
static int take_file_wishes(struct run *run, struct err *e)
{
	int r = 0;

	if (run->config->csv)
		r = add_wish(run, &export_csv, NULL, e);
	if (r == 0 && run->config->gnuplot)
		r = add_wish(run, &export_gnuplot, NULL, e);
	return r;
}

/* A page begins with the verdict and the timeline, and has everything else unless some are named.
 */
static int take_page_wishes(struct run *run, struct err *e)
{
	const struct analysis_ops *overview = find_report("overview");
	int r = add_wish(run, analysis_list[0], NULL, e);

	if (r == 0 && overview)
		r = add_wish(run, overview, NULL, e);
	for (size_t i = 0; r == 0 && i < run->config->report_count; i++) {
		const char *name = run->config->reports[i];

		/* They are there, with all their tables. */
		if (!names(name, analysis_list[0]) && !(overview && names(name, overview)))
			r = take_wish(run, run->config->reports[i], e);
	}
	for (size_t i = 0; r == 0 && !run->config->report_count && i < analysis_count; i++)
		if (!analysis_list[i]->endless && !is_wished(run, analysis_list[i]))
			r = add_wish(run, analysis_list[i], NULL, e);
	return r == 0 ? take_file_wishes(run, e) : r;
}

static int take_wishes(struct run *run, struct err *e)
{
	int r = 0;

	if (run->config->export)
		return add_wish(run, export_find(run->config->export), NULL, e);
	if (run->config->format == REPORT_HTML)
		return take_page_wishes(run, e);
	for (size_t i = 0; r == 0 && i < run->config->report_count; i++)
		r = take_wish(run, run->config->reports[i], e);
	if (r == 0)
		r = take_file_wishes(run, e);
	if (r == 0 && !run->wish_count) /* the first of the table is the overview */
		r = add_wish(run, analysis_list[0], NULL, e);
	return r;
}

/** report_list() - the reports that there are; the first is shown when none is named */
size_t report_list(const struct report_row **ret)
{
	static struct report_row rows[REPORTS_MAX];

	for (size_t i = 0; i < min_of(analysis_count, (size_t)REPORTS_MAX); i++)
		rows[i] = (struct report_row){analysis_list[i]->name, analysis_list[i]->summary,
					      analysis_list[i]->tables};
	*ret = rows;
	return min_of(analysis_count, (size_t)REPORTS_MAX);
}

/* In the child. */

static void lacks(struct run *run, const char *fmt, ...) PRINTF(2, 3);
static void lacks(struct run *run, const char *fmt, ...)
{
	CLEANUP(text_free) struct text s = {0};
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&s, fmt, ap);
	va_end(ap);
	/* Sentences of others may have their full stop. */
	while (s.len > 1 && s.s[s.len - 1] == '.' && s.s[s.len - 2] == '.')
		s.s[--s.len] = '\0';
	table_note(&run->notes, "%s", text_c(&s));
	run->incomplete = true;
}

static bool real_of_mono(const void *arg, uint64_t mono_ns, uint64_t *ret)
{
	const struct recording *rec = arg;

	return clocks_real_of_mono(&rec->clocks, mono_ns, ret);
}

static bool mono_of_real(const void *arg, uint64_t real_ns, uint64_t *ret)
{
	const struct recording *rec = arg;

	return clocks_mono_of_real(&rec->clocks, real_ns, rec->trigger_ns, ret);
}

/* Which counters are shown takes nothing away from other reports. */
static bool has_filters(const struct report_config *c)
{
	for (size_t i = 0; i < c->filter_count; i++)
		if (c->filters[i].kind != FILTER_COUNTER)
			return true;
	return false;
}

static int resolve_window(struct run *run, struct err *e)
{
	const struct report_config *c = run->config;
	const struct when_clock clock = {.trigger_ns = run->recording.trigger_ns,
					 .real = real_of_mono,
					 .mono = mono_of_real,
					 .arg = &run->recording};
	int r = 0;

	run->options = (struct analysis_options){
		.limit = (size_t)min_of(c->limit, (uint64_t)SIZE_MAX),
		.names = c->names,
		.nanoseconds = c->nanoseconds,
		.to_ns = UINT64_MAX,
		.filtered = has_filters(c),
		.filters = c->filters,
		.filter_count = c->filter_count,
		.nonzero = c->nonzero,
		.merged = c->merged,
		.as = c->as,
		.interval_ns = c->interval_ns,
		.smooth = c->smooth,
		.csv = c->csv ? &run->csv : NULL,
		.gnuplot = c->gnuplot ? &run->gnuplot : NULL,
	};
	if (c->from.kind != WHEN_NONE)
		r = when_resolve(&c->from, &clock, &run->options.from_ns, e);
	if (r == 0 && c->to.kind != WHEN_NONE)
		r = when_resolve(&c->to, &clock, &run->options.to_ns, e);
	if (r == 0 && run->options.from_ns > run->options.to_ns)
		return err_set(e, -EINVAL, "--from lies behind --to");
	return r;
}

static void find_covers(const struct run *run, struct cover covers[COUNTED_IN_SOURCES])
{
	for (enum counted_in i = COUNTED_IN_ANY + 1; i < COUNTED_IN_SOURCES; i++)
		if (!recording_cover(&run->recording, i, run->options.from_ns, run->options.to_ns,
				     &covers[i]))
			covers[i] = (struct cover){0};
}

static void begin_document(struct run *run)
{
	const struct report_config *c = run->config;
	const char *slash = strrchr(c->bundle, '/');
	struct view_settings settings = {
		.format = c->format,
		.title = slash && slash[1] ? slash + 1 : c->bundle,
		.reports = run->names,
		.notes = &run->notes,
		.color = c->color,
		.columns = c->columns,
		.from_ns = max_of(run->options.from_ns, run->recording.first_ns),
		.to_ns = min_of(run->options.to_ns, run->recording.last_ns),
		.clock = {.triggered = run->recording.triggered,
			  .trigger_ns = run->recording.trigger_ns,
			  .real = run->recording.clocks.count ? real_of_mono : NULL,
			  .arg = &run->recording,
			  .local = c->local},
	};

	for (size_t i = 0; i < run->wish_count; i++)
		if (!run->wishes[i].left_out)
			run->names[settings.report_count++] = run->wishes[i].ops->name;
	find_covers(run, settings.covers);
	view_begin(&run->document.view, &settings, &run->document.text);
}

static void note_bundle(struct run *run)
{
	const struct bundle_note *notes;
	size_t count = bundle_notes(run->bundle, &notes);

	for (size_t i = 0; i < count; i++) {
		if (notes[i].damage)
			lacks(run, "%s", notes[i].text);
		else
			table_note(&run->notes, "%s", notes[i].text);
	}
	run->incomplete |= bundle_is_damaged(run->bundle);
	if (run->recording.trigger_doubted)
		lacks(run,
		      "The manifest places the trigger outside of what was recorded: times are "
		      "counted from the end.");
	/* A capture alone is all that it should be. */
	if (!run->recording.has_trace && *run->recording.trace_why.text &&
	    bundle_kind(run->bundle) != BUNDLE_PCAP)
		lacks(run, "There are no trace events: %s.", run->recording.trace_why.text);
	for (unsigned int i = 0; i < FEED_SOURCES; i++)
		if (run->sources_left_out & 1U << i)
			lacks(run, "Unreadable, and left out: %s.", feed_source_name(i));
	for (size_t i = 0; i < run->wish_count; i++)
		if (run->wishes[i].left_out)
			lacks(run, "The report '%s' is left out: this recording makes it crash.",
			      run->wishes[i].ops->name);
}

/* What an event without a format was cannot be known: maybe what a report is about. */
static void note_unknown(struct run *run, const struct trace_feed_totals *t)
{
	CLEANUP(text_free) struct text numbers = {0};

	if (!t->unknown)
		return;
	for (size_t i = 0; i < TRACE_UNKNOWN_MAX && t->unknown_ids[i].count; i++)
		text_printf(&numbers, "%s%" PRIu16, i ? ", " : "", t->unknown_ids[i].id);
	lacks(run,
	      "%" PRIu64
	      " trace events have no format in the recording and were left out (by number: "
	      "%s).",
	      t->unknown, text_c(&numbers));
}

static void lacks_pieces(struct run *run, uint64_t count, const char *piece, const char *of)
{
	if (count == 1)
		lacks(run, "1 %s of %s is damaged and left out.", piece, of);
	else if (count)
		lacks(run, "%" PRIu64 " %ss of %s are damaged and left out.", count, piece, of);
}

static void note_feed(struct run *run, const struct feed_result *f)
{
	lacks_pieces(run, f->trace.chunks_damaged, "chunk", "trace events");
	lacks_pieces(run, f->trace.pages_damaged, "page", "trace events");
	note_unknown(run, &f->trace);
	lacks_pieces(run, f->chunks_damaged, "chunk", "packets or kernel log");
	if (*f->packets_why.text)
		lacks(run, "Packets end early: %s.", f->packets_why.text);
	if (f->log_unreadable)
		table_note(&run->notes, "%" PRIu64 " lines of the kernel log are not in its form.",
			   f->log_unreadable);
}

static void note_empty_window(struct run *run)
{
	const struct recording *rec = &run->recording;
	const double from = (double)(int64_t)(rec->first_ns - rec->trigger_ns) / 1e9;
	const double to = (double)(int64_t)(rec->last_ns - rec->trigger_ns) / 1e9;

	table_note(&run->notes,
		   "The recording has nothing in this window: it reaches from %+.3fs to %+.3fs%s.",
		   from, to, rec->triggered ? ", from the trigger" : ", from its end");
}

static void note_filters(struct run *run)
{
	const struct feed_result *f = &run->feed;
	bool window = run->options.from_ns || run->options.to_ns != UINT64_MAX;

	filter_tell(&run->filter, f->read, window ? " in this window" : "", &run->notes);
	if (window && !f->trace.events && !f->packets && !f->log_lines && !f->context_files)
		note_empty_window(run);
}

static void say_doing(void *arg, int source, const char *what)
{
	struct run *run = arg;

	sandbox_doing(run->sandbox, source, "%s", what);
}

static void say_progress(void *arg, uint64_t done_bytes, uint64_t all_bytes)
{
	struct run *run = arg;

	sandbox_progress(run->sandbox, done_bytes, all_bytes);
}

/* One report while it is made. */
struct maker {
	const struct wish *wish;
	void *self;
	struct report_out out;
};

static void say_making(struct run *run, const struct wish *w)
{
	sandbox_doing(run->sandbox, DOING_REPORT + (int)(w - run->wishes), "the report '%s'",
		      w->ops->name);
}

static int open_maker(struct run *run, struct wish *w, struct maker *ret, struct err *e)
{
	*ret = (struct maker){.wish = w};
	out_begin(&ret->out, &run->document, w->ops, w->tables, w->table_count);
	ret->self = calloc(1, max_of(w->ops->self_bytes, (size_t)1));
	if (!ret->self)
		return err_nomem(e);
	say_making(run, w);
	return w->ops->open ? w->ops->open(ret->self, &run->recording, &run->options, &ret->out, e)
			    : 0;
}

static void maker_done(struct maker *m)
{
	if (m->self && m->wish->ops->done)
		m->wish->ops->done(m->self);
	free(m->self);
	out_done(&m->out);
}

static int feed(struct run *run, struct maker *makers, size_t count, struct err *e)
{
	struct feed_client clients[REPORTS_MAX];
	struct feed_config c = {
		.recording = &run->recording,
		.clients = clients,
		.client_count = count,
		.from_ns = run->options.from_ns,
		.to_ns = run->options.to_ns,
		.filter = filter_feed(&run->filter),
		.left_out = run->sources_left_out | run->filter.left_out,
		.threads = run->threads,
		.doing = say_doing,
		.progress = say_progress,
		.arg = run,
	};
	int r;

	for (size_t i = 0; i < count; i++)
		clients[i] = (struct feed_client){makers[i].wish->ops, makers[i].self};
	r = feed_run(&c, &run->feed, e);
	if (r < 0)
		return r;
	note_feed(run, &run->feed);
	note_filters(run);
	run->recording.feed = &run->feed;
	run->document.incomplete = run->incomplete;
	return 0;
}

/* Where the output has no place for them. */
static int say_notes(struct run *run, const struct table *notes, struct err *e)
{
	for (size_t i = 0; i < notes->note_count; i++)
		sandbox_say(run->sandbox, "%s", notes->notes[i]);
	return table_ok(notes) ? 0 : err_nomem(e);
}

static int finish_maker(struct run *run, struct maker *m, struct err *e)
{
	int r = 0;

	say_making(run, m->wish);
	if (m->wish->ops->result)
		r = m->wish->ops->result(m->self, &m->out, e);
	if (r == 0 && run->config->export)
		r = say_notes(run, &m->out.notes, e);
	else if (r == 0)
		r = out_end(&m->out, e);
	run->incomplete |= m->out.lacks;
	return r;
}

/* All reports, in one pass over the recording. */
static int make_reports(struct run *run, struct err *e)
{
	struct maker makers[REPORTS_MAX];
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->wish_count; i++)
		if (!run->wishes[i].left_out)
			r = open_maker(run, &run->wishes[i], &makers[count++], e);
	if (r == 0)
		r = feed(run, makers, count, e);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = finish_maker(run, &makers[i], e);
	for (size_t i = 0; i < count; i++)
		maker_done(&makers[i]);
	return r;
}

/* What is wrong with a file is no usage error. */
static int not_usage(int r)
{
	return r == -EINVAL ? -EBADMSG : r;
}

static int read_bundle(struct run *run, struct err *e)
{
	int r;

	sandbox_doing(run->sandbox, -1, "the bundle");
	bundle_on_progress(run->bundle, say_progress, run);
	r = bundle_index(run->bundle, e);
	if (r < 0)
		return not_usage(r);
	sandbox_doing(run->sandbox, -1, "the head of the recording");
	r = recording_open(run->bundle, &run->recording, e);
	if (r < 0)
		return not_usage(r);
	if (r == 0)
		r = resolve_window(run, e);
	if (r == 0)
		r = filter_open(run->config, &run->recording, &run->filter, e);
	return r;
}

static int end_document(struct run *run, struct err *e)
{
	if (!run->config->export)
		view_end(&run->document.view, !run->incomplete, run->notes.notes,
			 run->notes.note_count);
	out_write(&run->document, 0);
	if (!table_ok(&run->notes))
		return err_nomem(e);
	return run->document.failed ? run->document.e->code : run->incomplete;
}

/* sandbox_fn. The process ends after it: what the libraries hold is not freed. */
static int run_in_child(struct sandbox *s, void *arg, struct err *e)
{
	struct run *run = arg;
	int r;

	run->sandbox = s;
	run->document.sandbox = s;
	run->document.e = e;
	run->document.fd = run->page.fd;
	run->document.in_file = run->page.fd != STDOUT_FILENO;
	table_init(&run->notes, "notes", "", NULL, 0);
	r = read_bundle(run, e);
	if (r < 0)
		return r;
	note_bundle(run);
	if (!run->config->export)
		begin_document(run);
	r = make_reports(run, e);
	if (r < 0)
		return r;
	if (run->config->export || run->config->format == REPORT_CSV)
		r = say_notes(run, &run->notes, e);
	return r < 0 ? r : end_document(run, e);
}

/* The parent. */

/* What killed a child is left out from now on; false: it cannot be, or was already. */
static bool leave_out(struct run *run, const struct sandbox_end *end)
{
	int report = end->source - DOING_REPORT;

	if (end->showed || end->source < 0)
		return false;
	if (end->source < FEED_SOURCES && !(run->sources_left_out & 1U << end->source)) {
		run->sources_left_out |= 1U << end->source;
		return true;
	}
	if (report >= 0 && (size_t)report < run->wish_count && run->wish_count > 1 &&
	    !run->wishes[report].left_out) {
		run->wishes[report].left_out = true;
		return true;
	}
	return false;
}

static int supervise(struct run *run, struct err *e)
{
	const struct sandbox_limits limits = {0};
	struct sandbox_end end;
	char label[256];
	int r;

	(void)snprintf(label, sizeof(label), "reading %s", run->config->bundle);
	for (;;) {
		r = sandbox_run(run_in_child, run, &limits, label, &end, e);
		if (r < 0)
			return r;
		if (end.returned)
			return end.result;
		r = sandbox_death(&end, e);
		/* Standard input was read by the child that died. */
		if (!strcmp(run->config->bundle, BUNDLE_STDIN) || !leave_out(run, &end))
			return r;
		log_warning("%s; trying again without it", e ? e->text : "the reader died");
		err_clear(e);
		r = page_rewind(&run->page, e);
		if (r == 0)
			r = files_rewind(&run->csv, e);
		if (r == 0)
			r = files_rewind(&run->gnuplot, e);
		if (r < 0)
			return r;
	}
}

static int open_folders(struct run *run, struct err *e)
{
	int r = 0;

	if (run->config->csv)
		r = files_open(run->config->csv, &run->csv, e);
	if (r == 0 && run->config->gnuplot)
		r = files_open(run->config->gnuplot, &run->gnuplot, e);
	return not_usage(r);
}

static int keep(struct run *run, struct err *e)
{
	int r = page_keep(&run->page, e);

	if (r == 0)
		r = files_keep(&run->csv, e);
	return r == 0 ? files_keep(&run->gnuplot, e) : r;
}

static const char *file_of(const struct report_config *c)
{
	const char *file = c->export ? c->output : c->html;

	return file ? file : "-";
}

static int run_to(struct run *run, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	run->threads = (unsigned int)min_of(max_of(cpus, 1L) - 1, (long)THREADS_MAX);
	r = take_wishes(run, e);
	if (r == 0)
		r = not_usage(bundle_open_files(run->config->bundle, &run->bundle, e));
	if (r == 0 && run->page.fd < 0)
		r = not_usage(page_open(file_of(run->config), &run->page, e));
	if (r == 0)
		r = open_folders(run, e);
	if (r == 0)
		r = supervise(run, e);
	bundle_free(run->bundle);
	return r;
}

/**
 * report_run_to() - report_run() into a file that is open
 * @fd: a regular one, at its beginning; the caller's
 */
int report_run_to(const struct report_config *c, int fd, struct err *e)
{
	struct run run = {.config = c,
			  .page = {.dir_fd = -1, .fd = fd},
			  .csv = {.dir_fd = -1, .fd = -1},
			  .gnuplot = {.dir_fd = -1, .fd = -1}};

	return run_to(&run, e);
}

/**
 * report_run() - make reports and print them
 * @c: borrowed
 * @e: filled on failure
 *
 * The caller has one thread, and nothing unwritten in its standard streams.
 *
 * Return: 0: all is shown; 1: what could be read is shown; -EINVAL: there is no such report, table,
 * event or process; another negative errno: the bundle cannot be read, or nothing be written.
 */
int report_run(const struct report_config *c, struct err *e)
{
	struct run run = {.config = c,
			  .page = {.dir_fd = -1, .fd = -1},
			  .csv = {.dir_fd = -1, .fd = -1},
			  .gnuplot = {.dir_fd = -1, .fd = -1}};
	int r;

	if (c->other)
		return compare_run(c, e);
	r = run_to(&run, e);
	if (r >= 0) {
		int kept = not_usage(keep(&run, e));

		r = kept < 0 ? kept : r;
	}
	page_done(&run.page);
	files_done(&run.csv);
	files_done(&run.gnuplot);
	return r;
}
