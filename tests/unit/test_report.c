/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a bundle to standard output, with reports of this test's own: what filters let through,
 * against the kernel's own text of the same events; rows that are shown as they come; and that a
 * report or a source that kills its reader costs nothing but itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "analysis.h"
#include "base/log.h"
#include "report/report.h"

#include "bundlekit.h"
#include "test.h"

/* ---- reports ---- */

/* Everything that is shown, counted. */
struct count {
	uint64_t events, cpu0, packets, lines;
};

static void count_event(void *self, const struct trace_event *e)
{
	struct count *c = self;

	if (e->type >= TRACE_TYPES_MAX)
		return;
	c->events++;
	c->cpu0 += e->cpu == 0;
}

static void count_message(void *self, const struct tcpflow_connection *k,
			  const struct tcpflow_message *m)
{
	(void)k;
	(void)m;
	((struct count *)self)->packets++;
}

static void count_line(void *self, const struct log_line *l)
{
	(void)l;
	((struct count *)self)->lines++;
}

static int show_count(void *self, struct report_out *out, struct err *e)
{
	static const struct column columns[] = {{"events", "events", COLUMN_COUNT},
						{"cpu0", "cpu0", COLUMN_COUNT},
						{"messages", "messages", COLUMN_COUNT},
						{"lines", "lines", COLUMN_COUNT}};
	const struct count *c = self;
	struct table *t = report_table(out, "n", "N", columns, ARRAY_SIZE(columns));

	(void)e;
	table_row(t);
	table_u64(t, c->events);
	table_u64(t, c->cpu0);
	table_u64(t, c->packets);
	table_u64(t, c->lines);
	return 0;
}

static const struct analysis_ops report_count = {
	.name = "count",
	.tables = "n",
	.title = "Count",
	.summary = "counts",
	.self_bytes = sizeof(struct count),
	.each_event = count_event,
	.message = count_message,
	.log = count_line,
	.result = show_count,
};

/* A row for each event, as it comes. */
struct flow {
	struct report_out *out;
	struct table *table;
};

static int open_flow(void *self, const struct recording *rec, const struct analysis_options *o,
		     struct report_out *out, struct err *e)
{
	static const struct column columns[] = {{"time_ns", "time", COLUMN_TIME},
						{"cpu", "cpu", COLUMN_NUMBER}};
	struct flow *f = self;

	(void)rec;
	(void)o;
	(void)e;
	f->out = out;
	f->table = report_table(out, "rows", "Rows", columns, ARRAY_SIZE(columns));
	return 0;
}

static void flow_event(void *self, const struct trace_event *e)
{
	struct flow *f = self;

	if (e->type >= TRACE_TYPES_MAX)
		return;
	table_row(f->table);
	table_u64(f->table, e->ns);
	table_i64(f->table, e->cpu);
	if (f->table->row_count == 100)
		report_rows(f->out, f->table);
}

static const struct analysis_ops report_flow = {
	.name = "flow",
	.tables = "rows",
	.title = "Flow",
	.summary = "rows",
	.self_bytes = sizeof(struct flow),
	.open = open_flow,
	.each_event = flow_event,
};

static void crash(void)
{
	(void)signal(SIGSEGV, SIG_DFL); /* a sanitizer has taken it */
	(void)raise(SIGSEGV);
}

static void crash_at_line(void *self, const struct log_line *l)
{
	(void)self;
	(void)l;
	crash();
}

static const struct analysis_ops report_crash = {
	.name = "crash", .title = "Crash", .summary = "crashes at the log", .log = crash_at_line};

static int crash_at_end(void *self, struct report_out *out, struct err *e)
{
	(void)self;
	(void)out;
	(void)e;
	crash();
	return 0;
}

static const struct analysis_ops report_late = {
	.name = "late", .title = "Late", .summary = "crashes at its end", .result = crash_at_end};

static int go_out(void *self, struct report_out *out, struct err *e)
{
	(void)self;
	(void)out;
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : err_set(e, -errno, "it failed");
}

static const struct analysis_ops report_spy = {
	.name = "spy", .title = "Spy", .summary = "wants to the network", .result = go_out};

const struct analysis_ops *const analysis_list[] = {&report_count, &report_flow, &report_crash,
						    &report_late, &report_spy};
const size_t analysis_count = ARRAY_SIZE(analysis_list);

/* ---- the kernel's text ---- */

static struct {
	uint64_t all, cpu0, quorum, pid, comm, both;
	uint64_t last_us, last_second;
} lines;

#define PID_WANTED 286
#define COMM_WANTED "kworker/u5:0"

static void read_lines(void)
{
	struct realdata text = realdata_load("real/ring/trace.txt.zst"), again = text;
	char *save;

	for (int pass = 0; pass < 2; pass++) {
		again = realdata_load("real/ring/trace.txt.zst");
		for (char *l = strtok_r((char *)again.bytes, "\n", &save); l;
		     l = strtok_r(NULL, "\n", &save)) {
			const char *bracket = strchr(l, '['), *dash = bracket;
			unsigned long long sec, us;
			char name[64];
			unsigned int cpu;
			bool quorum, pid, comm;

			if (*l == '#' || !bracket ||
			    sscanf(bracket, "[%u] %*s %llu.%llu: %63[^:]", &cpu, &sec, &us, name) !=
				    4)
				continue;
			us += sec * 1000000;
			if (pass == 0) {
				lines.last_us = max_of(lines.last_us, (uint64_t)us);
				continue;
			}
			while (dash > l && *dash != '-')
				dash--;
			quorum = !strcmp(name, "scoutfs_quorum_loop");
			pid = atoi(dash + 1) == PID_WANTED;
			comm = dash - l >= (long)strlen(COMM_WANTED) &&
			       !strncmp(dash - strlen(COMM_WANTED), COMM_WANTED,
					strlen(COMM_WANTED));
			lines.all++;
			lines.cpu0 += cpu == 0;
			lines.quorum += quorum;
			lines.pid += pid;
			lines.comm += comm;
			lines.both += quorum && pid;
			lines.last_second += us + 1000000 >= lines.last_us;
		}
		realdata_free(&again);
	}
	realdata_free(&text);
}

/* ---- running ---- */

static struct kit_folder folder;
static char bundle_file[4200];
static struct text out;
static struct err err;
static struct report_config config;
static struct report_filter filters[4];

/* report_run() with what it prints in .out. */
static int run(const char *const *reports, size_t count)
{
	int fd = memfd_create("out", MFD_CLOEXEC), stdout_fd, r;
	char buf[65536];
	ssize_t n;

	(void)fflush(stdout);
	stdout_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	(void)dup2(fd, STDOUT_FILENO);
	config.bundle = bundle_file;
	config.reports = reports;
	config.report_count = count;
	err_clear(&err);
	r = report_run(&config, &err);
	(void)dup2(stdout_fd, STDOUT_FILENO);
	(void)close(stdout_fd);
	text_reset(&out);
	for (off_t at = 0; (n = pread(fd, buf, sizeof(buf), at)) > 0; at += n)
		text_add(&out, buf, (size_t)n);
	(void)close(fd);
	return r;
}

static int run_one(const char *report)
{
	return run(&report, 1);
}

/* The figures of the report count. */
static struct count counted(size_t filter_count)
{
	unsigned long long v[4] = {~0ULL, ~0ULL, ~0ULL, ~0ULL};
	const char *line;

	config.format = REPORT_CSV;
	config.filters = filters;
	config.filter_count = filter_count;
	if (run_one("count") == 0 && (line = strchr(text_c(&out), '\n')))
		(void)sscanf(line + 1, "%llu,%llu,%llu,%llu", &v[0], &v[1], &v[2], &v[3]);
	else
		printf("# said: %s\n", err.text);
	config.filter_count = 0;
	return (struct count){v[0], v[1], v[2], v[3]};
}

static struct count all;

static void begin(void)
{
	config = (struct report_config){.format = REPORT_CSV, .limit = 20};
}

static void everything_is_shown_without_filters(void)
{
	folder = kit_bundle();
	(void)snprintf(bundle_file, sizeof(bundle_file), "%s/%s", folder.path, KIT_BUNDLE);
	read_lines();
	begin();
	all = counted(0);
	CHECK_EQ(lines.all, KIT_EVENTS);
	CHECK_EQ(all.events, KIT_EVENTS);
	CHECK_EQ(all.cpu0, lines.cpu0);
	CHECK(all.packets > 100 && all.lines > 100);
}

static void filter(size_t i, enum report_filter_kind kind, const char *words)
{
	CHECK_EQ(report_filter_parse(kind, words, &filters[i], &err), 0);
}

static void filters_let_through_what_the_kernel_s_text_says(void)
{
	struct count c;

	begin();
	filter(0, FILTER_CPU, "0");
	c = counted(1);
	CHECK_EQ(c.events, lines.cpu0);
	CHECK_EQ(c.cpu0, lines.cpu0);
	CHECK_EQ(c.packets, all.packets); /* the others stay */
	CHECK_EQ(c.lines, all.lines);
	filter(1, FILTER_CPU, "1");
	CHECK_EQ(counted(2).events, KIT_EVENTS);
	filter(0, FILTER_EVENT, "scoutfs:scoutfs_quorum_loop");
	CHECK(lines.quorum > 0);
	CHECK_EQ(counted(1).events, lines.quorum);
	filter(0, FILTER_EVENT, "scoutfs_quorum_loop");
	CHECK_EQ(counted(1).events, lines.quorum);
	filter(0, FILTER_PID, "286");
	CHECK(lines.pid > 0);
	CHECK_EQ(counted(1).events, lines.pid);
	filter(1, FILTER_EVENT, "scoutfs_quorum_loop");
	CHECK(lines.both > 0 && lines.both < lines.pid);
	CHECK_EQ(counted(2).events, lines.both);
	filter(0, FILTER_WHERE, "common_pid == 286");
	CHECK_EQ(counted(1).events, lines.pid);
	CHECK_EQ(counted(2).events, lines.both);
	filter(0, FILTER_COMM, COMM_WANTED);
	CHECK(lines.comm > 0);
	CHECK_EQ(counted(1).events, lines.comm);
}

static void sources_and_peers(void)
{
	uint64_t with_addresses;
	struct count c;

	begin();
	filter(0, FILTER_SOURCE, "log");
	c = counted(1);
	CHECK_EQ(c.events, 0);
	CHECK_EQ(c.packets, 0);
	CHECK_EQ(c.lines, all.lines);
	filter(1, FILTER_SOURCE, "packets");
	c = counted(2);
	CHECK_EQ(c.events, 0);
	CHECK_EQ(c.packets, all.packets);
	CHECK_EQ(c.lines, all.lines);
	filter(0, FILTER_PEER, "192.0.2.1");
	c = counted(1);
	CHECK_EQ(c.packets, 0);
	/* Nor what the trace has of others' connections. */
	filter(0, FILTER_WHERE, "name_addr && peer_addr || sockname_addr && peername_addr");
	with_addresses = counted(1).events;
	CHECK(with_addresses > 1000);
	CHECK_EQ(c.events, KIT_EVENTS - with_addresses);
	filter(0, FILTER_PEER, "127.0.0.1"); /* both ends of all that was captured */
	CHECK_EQ(counted(1).packets, all.packets);
	/* The server, whichever side of a packet it is on. */
	filter(0, FILTER_PEER, "127.0.0.1:19700");
	CHECK_EQ(counted(1).packets, all.packets);
	filter(0, FILTER_PEER, "127.0.0.1:1");
	CHECK_EQ(counted(1).packets, 0);
}

static void a_window_is_as_wide_as_it_says(void)
{
	char from[64];

	begin();
	(void)snprintf(from, sizeof(from), "@%llu.%06llu",
		       (unsigned long long)(lines.last_us - 1000000) / 1000000,
		       (unsigned long long)(lines.last_us - 1000000) % 1000000);
	CHECK_EQ(when_parse(from, false, &config.from, &err), 0);
	CHECK(lines.last_second > 0 && lines.last_second < KIT_EVENTS);
	/* The text is in rounded microseconds: the one at the border may be on either side. */
	CHECK(counted(0).events + 3 >= lines.last_second &&
	      counted(0).events <= lines.last_second + 3);
	CHECK_EQ(when_parse("@0.1", false, &config.to, &err), 0);
	config.from.kind = WHEN_NONE;
	CHECK_EQ(counted(0).events, 0);
}

static size_t rows_of(const char *s)
{
	size_t n = 0;

	for (; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

static void rows_are_shown_as_they_come_and_kept_where_they_cannot(void)
{
	static const char *const flow_last[] = {"count", "flow"}, *const flow_first[] = {"flow",
											 "count"};

	begin();
	CHECK_EQ(run_one("flow"), 0);
	CHECK_EQ(rows_of(text_c(&out)), 1 + KIT_EVENTS);
	CHECK_EQ(run(flow_first, 2), 0);
	CHECK_EQ(rows_of(text_c(&out)), 1 + KIT_EVENTS + 4);
	CHECK(str_starts(text_c(&out), "time_ns,time_utc,cpu\r\n"));
	CHECK_EQ(run(flow_last, 2), 0);
	CHECK_EQ(rows_of(text_c(&out)), 2 + 3 + KIT_EVENTS);
	CHECK(strstr(text_c(&out), "\r\n# flow.rows\r\ntime_ns,time_utc,cpu\r\n"));
}

static void one_table_is_shown_alone(void)
{
	begin();
	CHECK_EQ(run_one("count.n"), 0);
	CHECK(str_starts(text_c(&out), "events,cpu0,messages,lines\r\n"));
	CHECK_EQ(run_one("count.m"), -EINVAL);
	CHECK(strstr(err.text, "it has: n"));
	CHECK_EQ(run_one("flow.rows"), 0);
	CHECK_EQ(rows_of(text_c(&out)), 1 + KIT_EVENTS);
	CHECK_EQ(run_one("flow.row"), -EINVAL);
}

static void what_kills_its_reader_is_left_out(void)
{
	static const char *const with_source[] = {"count", "crash"},
				 *const with_report[] = {"late", "count"},
				 *const with_spy[] = {"count", "spy"};

	begin();
	config.format = REPORT_JSON;
	CHECK_EQ(run(with_source, 2), 1);
	CHECK(strstr(text_c(&out), "\"lines\":0}"));
	CHECK(strstr(text_c(&out), "{\"events\":21003,"));
	CHECK(strstr(text_c(&out),
		     "\"complete\":false,\"notes\":[\"Unreadable, and left out: kernel log.\"]}"));
	CHECK_EQ(run(with_report, 2), 1);
	CHECK(strstr(text_c(&out), "{\"events\":21003,"));
	CHECK(!strstr(text_c(&out), "\"late\""));
	CHECK(strstr(text_c(&out), "The report 'late' is left out"));
	CHECK_EQ(run(with_spy, 2), 1);
	CHECK(strstr(text_c(&out), "The report 'spy' is left out"));
	/* Alone there is nothing left. */
	CHECK_EQ(run_one("late"), -EBADMSG);
	CHECK(strstr(err.text, "unreadable: the report 'late': its reader crashed"));
	CHECK_EQ(out.len, 0);
	CHECK_EQ(run_one("spy"), -EBADMSG);
	CHECK(strstr(err.text, "what it must not"));
}

static void what_was_shown_is_not_shown_twice(void)
{
	static const char *const reports[] = {"flow", "late"};

	begin();
	CHECK_EQ(run(reports, 2), -EBADMSG);
	CHECK(rows_of(text_c(&out)) > 1 && rows_of(text_c(&out)) <= 1 + KIT_EVENTS);
	CHECK(strstr(err.text, "the report 'late'"));
	kit_folder_remove(&folder);
}

int main(void)
{
	static const struct test_case cases[] = {
		TEST(everything_is_shown_without_filters),
		TEST(filters_let_through_what_the_kernel_s_text_says),
		TEST(sources_and_peers),
		TEST(a_window_is_as_wide_as_it_says),
		TEST(rows_are_shown_as_they_come_and_kept_where_they_cannot),
		TEST(one_table_is_shown_alone),
		TEST(what_kills_its_reader_is_left_out),
		TEST(what_was_shown_is_not_shown_twice),
	};
	int r;

	log_setup(LOG_ERROR);
	kit_load();
	r = test_main(cases, ARRAY_SIZE(cases));
	kit_unload();
	text_free(&out);
	return r;
}
