/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of all CPUs in order: every event of the real ring, against the kernel's own text of
 * it; windows, choices and counts against sums over that text; and one pass over all sources.
 */
#include <stdatomic.h>

#include "feed.h"
#include "trace_feed.h"

#include "bundlekit.h"
#include "test.h"

/* One line of the kernel's text. */
struct line {
	uint64_t us;
	unsigned int cpu;
	char name[64];
};

static struct {
	struct line *v;
	size_t n;
} lines;

static struct kit_folder folder;
static struct bundle *bundle;
static struct recording rec;

static void load_lines(void)
{
	struct realdata text = realdata_load("real/ring/trace.txt.zst");
	char *save, *l = strtok_r((char *)text.bytes, "\n", &save);

	lines.v = calloc(KIT_EVENTS + 1, sizeof(*lines.v));
	for (; l && lines.n <= KIT_EVENTS; l = strtok_r(NULL, "\n", &save)) {
		struct line *k = &lines.v[lines.n];
		unsigned long long sec, us;
		const char *cpu = strchr(l, '[');

		if (*l == '#' || !cpu ||
		    sscanf(cpu, "[%u] %*s %llu.%llu: %63[^:]", &k->cpu, &sec, &us, k->name) != 4)
			continue;
		/* What is written to trace_marker; the kernel's text calls it by its function. */
		if (strcmp(k->name, "tracing_mark_write") == 0)
			strcpy(k->name, "print");
		k->us = sec * 1000000 + us;
		lines.n++;
	}
	realdata_free(&text);
}

struct seen {
	size_t n, wrong;
	uint64_t from_us, to_us; /* of the lines that count */
	const char *only;	 /* events whose name has this; NULL: all */
	size_t line;
	uint64_t tallied, types_wrong;
	uint64_t *by_second;
	uint64_t first_ns, last_ns;
};

/* The next line that the window and the choice leave, against the event at hand. */
static void compare(void *arg, const struct trace_event *e)
{
	struct seen *s = arg;
	const struct line *k;

	while (s->line < lines.n &&
	       (lines.v[s->line].us < s->from_us || lines.v[s->line].us > s->to_us ||
		(s->only && !strstr(lines.v[s->line].name, s->only))))
		s->line++;
	s->n++;
	if (s->line == lines.n || e->type >= rec.events.count) {
		s->wrong++;
		return;
	}
	/* The kernel's text is in whole microseconds, rounded. */
	k = &lines.v[s->line++];
	if ((e->ns + 500) / 1000 != k->us || e->cpu != k->cpu ||
	    strcmp(rec.events.formats[e->type].name, k->name) != 0)
		s->wrong++;
}

static void add_tally(void *arg, const struct trace_tally *t, size_t count)
{
	struct seen *s = arg;

	for (size_t i = 0; i < count; i++) {
		s->tallied += t[i].count;
		s->types_wrong += t[i].type > rec.events.count;
		if (s->by_second && t[i].tick < 1000)
			s->by_second[t[i].tick] += t[i].count;
		s->first_ns = min_of(s->first_ns, t[i].first_ns);
		s->last_ns = max_of(s->last_ns, t[i].last_ns);
	}
}

static int run(struct trace_feed_config c, struct seen *s, struct trace_feed_totals *ret)
{
	CLEANUP(trace_feed_freep) struct trace_feed *f = NULL;
	struct err e = {0};
	int r;

	c.bundle = bundle;
	c.events = &rec.events;
	c.layout = rec.layout;
	r = trace_feed_open(&c, &f, &e);
	if (r == 0)
		r = trace_feed_run(f, UINT64_MAX, compare, add_tally, s, &e);
	if (r < 0)
		printf("# %s\n", e.text);
	if (f)
		trace_feed_totals(f, ret);
	return r;
}

static void every_event_is_there_in_order(void)
{
	for (unsigned int threads = 0; threads < 4; threads++) {
		struct seen s = {.to_us = UINT64_MAX};
		struct trace_feed_totals t;

		CHECK_EQ(run((struct trace_feed_config){.to_ns = UINT64_MAX, .threads = threads},
			     &s, &t),
			 1);
		CHECK_EQ(s.n, KIT_EVENTS);
		CHECK_EQ(s.wrong, 0);
		CHECK_EQ(t.events, KIT_EVENTS);
		CHECK_EQ(t.chunks_damaged + t.pages_damaged, 0);
		CHECK_EQ(t.loss_ns + t.unknown, 0);
		CHECK_EQ(t.bytes_read, t.bytes_all);
	}
}

/* Take the format of one event away: each of its events is counted, and the last one's moment. */
static void events_without_a_format_are_counted(void)
{
	static const char name[] = "scoutfs_lock_unlock";
	struct seen s = {.to_us = UINT64_MAX};
	struct trace_feed_totals t;
	uint32_t id = 0, index;
	uint64_t last_us = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < rec.events.count; i++)
		if (!strcmp(rec.events.formats[i].name, name))
			id = rec.events.formats[i].id;
	for (size_t i = 0; i < lines.n; i++) {
		if (strcmp(lines.v[i].name, name) != 0)
			continue;
		n++;
		last_us = lines.v[i].us;
	}
	index = rec.events.by_id[id];
	rec.events.by_id[id] = 0;
	CHECK_EQ(run((struct trace_feed_config){.to_ns = UINT64_MAX, .threads = 1}, &s, &t), 1);
	rec.events.by_id[id] = (__typeof__(rec.events.by_id[0]))index;
	CHECK(n > 0);
	CHECK_EQ(t.unknown, n);
	CHECK_EQ(t.unknown_ids[0].id, id);
	CHECK_EQ(t.unknown_ids[0].count, n);
	CHECK_EQ(t.unknown_ids[1].count, 0);
	CHECK_EQ((t.loss_ns + 500) / 1000, last_us);
}

static void a_choice_of_events_leaves_the_order(void)
{
	uint8_t *wanted = calloc(rec.events.count, 1);
	struct seen s = {.to_us = UINT64_MAX, .only = "lock_"};
	struct trace_feed_totals t;
	size_t chosen = 0;

	for (uint32_t i = 0; i < rec.events.count; i++)
		wanted[i] = strstr(rec.events.formats[i].name, "lock_") != NULL;
	for (size_t i = 0; i < lines.n; i++)
		chosen += strstr(lines.v[i].name, "lock_") != NULL;
	CHECK_EQ(run((struct trace_feed_config){.to_ns = UINT64_MAX,
						.wanted = wanted,
						.tally = true,
						.threads = 1},
		     &s, &t),
		 1);
	CHECK(chosen > 1000 && chosen < KIT_EVENTS);
	CHECK_EQ(s.n, chosen);
	CHECK_EQ(s.wrong, 0);
	/* What was not handed over was counted. */
	CHECK_EQ(s.tallied, KIT_EVENTS);
	CHECK_EQ(s.types_wrong, 0);
	free(wanted);
}

static void a_window_has_what_happened_in_it(void)
{
	/* Half a second from the middle; the ends lie between two stamps. */
	uint64_t from_us = lines.v[lines.n / 3].us + 1, to_us = from_us + 500000, inside = 0;
	struct seen s = {.from_us = from_us, .to_us = to_us, .first_ns = UINT64_MAX};
	struct trace_feed_totals t;
	uint64_t by_second[1000] = {0}, wanted[1000] = {0}, first_us = 0, last_us = 0;

	for (size_t i = 0; i < lines.n; i++) {
		bool in = lines.v[i].us >= from_us && lines.v[i].us <= to_us;

		inside += in;
		/* By seconds that begin 0.3 s before those of the stamps. */
		wanted[(lines.v[i].us + 300000) / 1000000] += in;
		if (in && !first_us)
			first_us = lines.v[i].us;
		if (in)
			last_us = lines.v[i].us;
	}
	s.by_second = by_second;
	CHECK_EQ(run((struct trace_feed_config){.from_ns = from_us * 1000 - 500,
						.to_ns = to_us * 1000 + 499,
						.tally = true,
						.phase_ns = 300 * NSEC_PER_MSEC,
						.threads = 1},
		     &s, &t),
		 1);
	CHECK(inside > 100);
	CHECK_EQ(s.n, inside);
	CHECK_EQ(s.wrong, 0);
	CHECK_EQ(s.tallied, inside);
	CHECK_EQ(t.events, inside);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		CHECK_EQ(by_second[i], wanted[i]);
	CHECK_EQ((s.first_ns + 500) / 1000, first_us);
	CHECK_EQ((s.last_ns + 500) / 1000, last_us);
}

static void one_cpu_alone(void)
{
	const uint64_t cpus[1024] = {2};
	struct seen s = {.to_us = UINT64_MAX};
	struct trace_feed_totals t;

	(void)run((struct trace_feed_config){.to_ns = UINT64_MAX, .cpus = cpus}, &s, &t);
	CHECK_EQ(s.n, 9360); /* cpu1.stats */
}

/* In pieces, as the merge with other sources asks for them. */
static void pieces_make_the_whole(void)
{
	CLEANUP(trace_feed_freep) struct trace_feed *f = NULL;
	struct seen s = {.to_us = UINT64_MAX};
	struct err e = {0};
	int r = 0;

	CHECK_EQ(trace_feed_open(&(struct trace_feed_config){.bundle = bundle,
							     .events = &rec.events,
							     .layout = rec.layout,
							     .to_ns = UINT64_MAX,
							     .threads = 1},
				 &f, &e),
		 0);
	for (uint64_t us = lines.v[0].us; r == 0; us += 12345) {
		size_t older = 0;

		r = trace_feed_run(f, us * 1000 + 499, compare, NULL, &s, &e);
		while (older < lines.n && lines.v[older].us <= us)
			older++;
		CHECK_EQ(s.n, older);
	}
	CHECK_EQ(r, 1);
	CHECK_EQ(s.n, KIT_EVENTS);
	CHECK_EQ(s.wrong, 0);
}

/* ---- all sources ---- */

struct pass {
	uint64_t last_ns, backwards;
	uint64_t events, loops, logs, messages, datagrams, begins, tallied;
	uint64_t field_sum;
};

static void at(struct pass *p, uint64_t ns)
{
	p->backwards += ns < p->last_ns;
	p->last_ns = max_of(p->last_ns, ns);
}

static void on_loop(void *self, const struct trace_event *e, event_fields f)
{
	struct pass *p = self;
	uint64_t role = 0;

	at(p, e->ns);
	p->loops++;
	if (event_field_u64(f[0], e->data, e->bytes, &role))
		p->field_sum += role;
	/* A field that no format has. */
	CHECK(!event_field_u64(f[1], e->data, e->bytes, &role));
}

static void on_event(void *self, const struct trace_event *e)
{
	struct pass *p = self;

	at(p, e->ns);
	p->events++;
}

static void on_tally(void *self, const struct trace_tally *t, size_t count)
{
	struct pass *p = self;

	for (size_t i = 0; i < count; i++)
		p->tallied += t[i].count;
}

static void on_log(void *self, const struct log_line *l)
{
	struct pass *p = self;

	at(p, l->ns);
	/* As bundlekit placed them: line i a second and a millisecond after line i - 1. */
	CHECK(l->ns >= kit_kmsg_ns(p->logs) - 1000 && l->ns <= kit_kmsg_ns(p->logs));
	p->logs++;
}

static void on_message(void *self, const struct tcpflow_connection *c,
		       const struct tcpflow_message *m)
{
	struct pass *p = self;

	(void)c;
	(void)m;
	p->messages++;
}

static void on_begin(void *self, const struct tcpflow_connection *c, enum tcpflow_begin how)
{
	struct pass *p = self;

	(void)c;
	(void)how;
	p->begins++;
}

static void on_datagram(void *self, const struct datagram *d)
{
	struct pass *p = self;

	at(p, d->ns);
	p->datagrams++;
}

static const struct event_want pass_wants[] = {
	{"scoutfs", "scoutfs_quorum_loop", on_loop, {"role", "no_such_field"}},
	{"scoutfs", "no_such_event", on_loop, {"role"}},
};
static const struct analysis_ops pass_ops = {
	.name = "pass",
	.self_bytes = sizeof(struct pass),
	.wants = pass_wants,
	.want_count = ARRAY_SIZE(pass_wants),
	.each_event = on_event,
	.tally = on_tally,
	.log = on_log,
	.message = on_message,
	.begin = on_begin,
	.datagram = on_datagram,
};

static bool odd_events(const void *arg, const struct trace_event *e)
{
	(void)arg;
	return e->cpu == 1;
}

static void all_sources_in_one_pass(void)
{
	size_t loops = 0, kmsg = kit_lines(kit.log.s);

	for (size_t i = 0; i < lines.n; i++)
		loops += strcmp(lines.v[i].name, "scoutfs_quorum_loop") == 0;
	for (int filtered = 0; filtered < 2; filtered++) {
		struct pass p = {0};
		struct feed_client client = {&pass_ops, &p};
		struct feed_result result;
		struct err e = {0};

		CHECK_EQ(
			feed_run(&(struct feed_config){.recording = &rec,
						       .clients = &client,
						       .client_count = 1,
						       .to_ns = UINT64_MAX,
						       .filter.event = filtered ? odd_events : NULL,
						       .threads = 1},
				 &result, &e),
			0);
		CHECK_EQ(p.backwards, 0);
		CHECK_EQ(p.events, filtered ? 9360 : KIT_EVENTS);
		CHECK_EQ(p.tallied, filtered ? 9360 : KIT_EVENTS);
		CHECK(filtered ? p.loops < loops : p.loops == loops);
		CHECK(p.loops > 10 && p.field_sum > 0);
		CHECK_EQ(p.logs, kmsg);
		CHECK_EQ(result.log_lines, kmsg);
		/* pcap-summary of the session: 4364 packets, 3292 messages, 632 datagrams. */
		CHECK_EQ(result.packets, 4364);
		CHECK_EQ(p.messages, 3292);
		CHECK_EQ(p.datagrams, 632);
		CHECK(p.begins > 0);
		CHECK_EQ(result.packets_unreadable + result.log_unreadable + result.chunks_damaged,
			 0);
	}
}

static void sources_can_be_left_out(void)
{
	struct pass p = {0};
	struct feed_client client = {&pass_ops, &p};
	struct feed_result result;

	CHECK_EQ(feed_run(&(struct feed_config){.recording = &rec,
						.clients = &client,
						.client_count = 1,
						.to_ns = UINT64_MAX,
						.left_out = 1U << FEED_TRACE | 1U << FEED_PACKETS},
			  &result, NULL),
		 0);
	CHECK_EQ(p.events + p.messages + p.tallied + p.datagrams, 0);
	CHECK(p.logs > 0);
}

static void open_all(void)
{
	struct err e = {0};
	char path[512];

	kit_load();
	load_lines();
	folder = kit_bundle();
	(void)snprintf(path, sizeof(path), "%s/%s", folder.path, KIT_BUNDLE);
	if (bundle_open(path, &bundle, &e) < 0 || recording_open(bundle, &rec, &e) < 0)
		kit_die(e.text);
}

static void the_kit_is_what_it_should_be(void)
{
	CHECK_EQ(lines.n, KIT_EVENTS);
	CHECK(rec.has_trace);
	CHECK_EQ(rec.layout.page_bytes, KIT_PAGE);
	CHECK(recording_comm(&rec, 286) && recording_comm(&rec, 286)->bytes > 0);
	CHECK(!recording_comm(&rec, 4000000000));
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(the_kit_is_what_it_should_be),
		TEST(every_event_is_there_in_order),
		TEST(events_without_a_format_are_counted),
		TEST(a_choice_of_events_leaves_the_order),
		TEST(a_window_has_what_happened_in_it),
		TEST(one_cpu_alone),
		TEST(pieces_make_the_whole),
		TEST(all_sources_in_one_pass),
		TEST(sources_can_be_left_out),
	};
	int r;

	open_all();
	r = test_main(tests, ARRAY_SIZE(tests));
	recording_done(&rec);
	bundle_free(bundle);
	kit_folder_remove(&folder);
	kit_unload();
	free(lines.v);
	return r;
}
