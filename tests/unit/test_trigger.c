/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Triggers without a kernel: which record of a real kernel log fires what, look-alikes, the user's
 * choices, lines of trace_pipe. Listening to real events is tests/integration/test_trigger_event.c.
 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "trigger.h"
#include "realdata.h"
#include "test.h"

static const struct trigger_choice no_choices[1];

static struct trigger_set *build(const struct trigger_choice *choices, size_t n)
{
	struct record_config c = {.choices = choices, .choice_count = n};
	struct trigger_set *s = NULL;
	struct err e = {0};

	if (trigger_set_build(&c, &s, &e) < 0)
		printf("# %s\n", e.text);
	return s;
}

static const struct trigger *named(const struct trigger_set *s, const char *name)
{
	for (size_t i = 0; i < trigger_set_count(s); i++)
		if (strcmp(trigger_set_at(s, i)->name, name) == 0)
			return trigger_set_at(s, i);
	return NULL;
}

/* -1: there is none of this name. */
static int role_of(const struct trigger_set *s, const char *name)
{
	const struct trigger *t = named(s, name);

	return t ? (int)t->role : -1;
}

static long long fired_of(const struct trigger_set *s, const char *name)
{
	const struct trigger *t = named(s, name);

	return t ? (long long)t->fired : -1;
}

/* All built-ins, also those that are off. */
static struct trigger_set *build_all(void)
{
	struct trigger_choice choices[32] = {0};

	for (size_t i = 0; i < trigger_builtin_count; i++) {
		choices[i].what =
			trigger_builtins[i].role == ROLE_FINAL ? CHOICE_FINAL : CHOICE_SUSPECT;
		choices[i].spec = trigger_builtins[i].name;
	}
	return build(choices, trigger_builtin_count);
}

/* ---- golden: the real logs ---- */

struct golden {
	const char *log;
	struct {
		unsigned int seq;
		const char *trigger;
	} fires[16];
};

/* Written by hand from reading the logs with grep; every other record fires nothing. */
static const struct golden goldens[] = {
	{"real/kmsg/fence-client.kmsg.zst",
	 {{399, "client-disconnected"}, {400, "server-closing"}, {405, "reconnect-timeout"}}},
	{"real/kmsg/fence-leader.kmsg.zst",
	 {{399, "client-disconnected"},
	  {400, "server-closing"},
	  {401, "server-stopping"},
	  {402, "server-closing"},
	  {403, "server-closing"},
	  {404, "client-disconnected"},
	  {405, "client-disconnected"},
	  {414, "leader-fence"}}},
	{"real/kmsg/triggers.kmsg.zst",
	 {{397, "client-disconnected"},
	  {398, "server-closing"},
	  {403, "client-disconnected"},
	  {404, "server-closing"},
	  {408, "reconnect-timeout"},
	  {414, "client-disconnected"},
	  {415, "server-closing"},
	  {416, "server-stopping"},
	  {417, "server-closing"},
	  {418, "server-closing"},
	  {419, "client-disconnected"},
	  {420, "client-disconnected"},
	  {428, "leader-fence"}}},
	{"real/kmsg/workload.kmsg.zst",
	 {{400, "client-disconnected"},
	  {401, "server-closing"},
	  {402, "client-disconnected"},
	  {403, "client-disconnected"},
	  {404, "server-closing"},
	  {405, "server-closing"},
	  {406, "server-stopping"}}},
};

/* Calls @fn for each record of a log: they end at a newline that no dictionary line follows. */
static size_t each_record(const char *name, void (*fn)(void *arg, struct kmsg_record *r), void *arg)
{
	struct realdata d = realdata_load(name);
	size_t records = 0;

	for (char *at = (char *)d.bytes, *end; *at; at = end) {
		struct kmsg_record r;

		end = at;
		do
			end = strchr(end, '\n') + 1;
		while (*end == ' ');
		if (kmsg_parse(at, (size_t)(end - at), &r) == 0) {
			fn(arg, &r);
			records++;
		}
	}
	realdata_free(&d);
	return records;
}

struct fired {
	const struct trigger_set *set;
	const struct golden *golden;
	size_t count;
	unsigned int wrong;
};

static void compare_record(void *arg, struct kmsg_record *r)
{
	struct fired *f = arg;

	for (size_t i = 0; i < trigger_set_count(f->set); i++) {
		const struct trigger *t = trigger_set_at(f->set, i);
		const char *want;

		if (r->facility != 0 || !trigger_log_matches(t, r->text))
			continue;
		want = f->golden->fires[f->count].trigger;
		if (!want || strcmp(want, t->name) != 0 ||
		    f->golden->fires[f->count].seq != r->seq ||
		    trigger_set_match_log(f->set, r->text, r->facility) != t) {
			printf("# %s: record %llu fires %s, the list says %u %s\n", f->golden->log,
			       (unsigned long long)r->seq, t->name, f->golden->fires[f->count].seq,
			       want ? want : "nothing");
			f->wrong++;
		}
		f->count++;
	}
}

static void real_logs_fire_what_a_reader_found(void)
{
	struct trigger_set *s = build_all();

	CHECK(s);
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		struct fired f = {.set = s, .golden = &goldens[i]};
		size_t want = 0;

		while (goldens[i].fires[want].trigger)
			want++;
		CHECK(each_record(goldens[i].log, compare_record, &f) > 300);
		CHECK_EQ(f.wrong, 0);
		CHECK_EQ(f.count, want);
	}
	trigger_set_free(s);
}

/* ---- the table ---- */

static void table_has_the_documented_roles(void)
{
	static const struct {
		const char *name;
		enum trigger_role role;
	} want[] = {
		{"reconnect-timeout", ROLE_FINAL},
		{"recovery-timeout", ROLE_FINAL},
		{"leader-fence", ROLE_FINAL},
		{"fence-error", ROLE_FINAL},
		{"usurped", ROLE_FINAL},
		{"quorum-dead", ROLE_FINAL},
		{"server-abort", ROLE_FINAL},
		{"commit-failure", ROLE_FINAL},
		{"corruption", ROLE_FINAL},
		{"oops", ROLE_FINAL},
		{"connection-lost", ROLE_SUSPECT},
		{"server-closing", ROLE_SUSPECT},
		{"client-disconnected", ROLE_SUSPECT},
		{"heartbeat-delay", ROLE_SUSPECT},
		{"heartbeat-silence", ROLE_SUSPECT},
		{"server-stopping", ROLE_SUSPECT},
		{"election", ROLE_OFF},
		{"commit-budget", ROLE_OFF},
		{"log-merge", ROLE_OFF},
		{"io-error", ROLE_OFF},
		{"hung-task", ROLE_OFF},
	};
	struct trigger_set *s = build(no_choices, 0);
	size_t on = 0;

	CHECK(s);
	CHECK_EQ(trigger_builtin_count, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct trigger *t = named(s, want[i].name);

		CHECK_STR(trigger_builtins[i].name, want[i].name);
		CHECK_EQ(trigger_builtins[i].role, want[i].role);
		CHECK_EQ(t != NULL, want[i].role != ROLE_OFF);
		on += t != NULL;
		if (t)
			CHECK_EQ(t->role, want[i].role);
	}
	CHECK_EQ(trigger_set_count(s), on);
	trigger_set_free(s);
}

static void samples_fire_their_own_trigger_only(void)
{
	struct trigger_set *s = build_all();
	unsigned int samples = 0;

	CHECK(s);
	for (size_t b = 0; b < trigger_builtin_count; b++) {
		if (strcmp(trigger_builtins[b].kind, "log") != 0)
			continue;
		samples++;
		for (size_t i = 0; i < trigger_set_count(s); i++) {
			const struct trigger *t = trigger_set_at(s, i);
			bool want = strcmp(t->name, trigger_builtins[b].name) == 0;

			if (trigger_log_matches(t, trigger_builtins[b].sample) != want)
				printf("# the sample of %s and the pattern of %s\n",
				       trigger_builtins[b].name, t->name);
			CHECK_EQ(trigger_log_matches(t, trigger_builtins[b].sample), want);
		}
	}
	CHECK_EQ(samples, 17);
	trigger_set_free(s);
}

#define F "scoutfs f.3d167d.r.d8ec8b"

/* Lines of the sources that are not samples, and lines that must stay quiet. */
static void other_lines(void)
{
	static const struct {
		const char *text, *first;
	} lines[] = {
		{F " error: fence request for rid 3b5070d0562fa6eb was not serviced in 30000ms, "
		   "raising error",
		 "fence-error"},
		{F " error: saw error indicator on fence request for rid dbc3beede3772897, "
		   "shutting down server",
		 "fence-error"},
		{F " error: failure to reclaim fenced rid dbc3beede3772897: err -5, shutting down "
		   "server",
		 "fence-error"},
		{F " error: server error -5 attempting to fence previous leaders", NULL},
		{F " error: 30000 ms recovery timeout expired, shutting down", "server-abort"},
		{F " error: inserting extent 1.2 overlaps existing 1.3", "corruption"},
		{F ": longest quorum heartbeat recv delay of 3 sec", "heartbeat-delay"},
		{F " error: server error -5 committing client logs for rid 0000000000000000, nr 1: "
		   "received rid is not connection rid",
		 NULL},
		{F ": server stopped at 127.0.0.1:19700", NULL},
		{F ": successfully reclaimed resources for fenced rid 3b5070d0562fa6eb", NULL},
		{"Oops: 0002 [#1] SMP NOPTI", "oops"},
		{"kernel BUG at fs/scoutfs/net.c:1!", "oops"},
		{"NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", "oops"},
		{"rcu: INFO: rcu_sched self-detected stall on CPU", "oops"},
		{"nfs: server closing connection", NULL},
		{"my daemon: scoutfs f.3d167d.r.d8ec8b: server closing", NULL},
	};
	struct trigger_set *s = build_all();

	CHECK(s);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct trigger *t = trigger_set_match_log(s, lines[i].text, 0);

		if (lines[i].first)
			CHECK_STR(t ? t->name : lines[i].text, lines[i].first);
		else
			CHECK_STR(t ? t->name : "", "");
	}
	trigger_set_free(s);
}

static void enolink_never_fires_a_builtin(void)
{
	struct trigger_set *s = build_all();

	CHECK(s);
	CHECK(!trigger_set_match_log(
		s,
		F " error: quorum service saw error -67, shutting down.  This mount is no longer "
		  "participating in quorum.  It should be remounted to restore service.",
		0));
	CHECK(!trigger_set_match_log(s, F " error: error -67 committing log merge", 0));
	CHECK(!trigger_set_match_log(
		s, F " error: client fence returned err -67, shutting down server", 0));
	CHECK(!trigger_set_match_log(
		s, F " warning: critical transaction commit failure: log trees = -67, retrying",
		0));
	CHECK(trigger_set_match_log(s, F " error: quorum service saw error -671, shutting down.",
				    0));
	CHECK(trigger_set_match_log(s, F " error: error -6 committing log merge", 0));
	/* An address is not an error number. */
	CHECK(trigger_set_match_log(s, F ": server closing 10.0.0.1:67 -> 10.0.0.2:6700", 0));
	trigger_set_free(s);
}

static void user_facility_does_not_fire(void)
{
	struct record_config any = {.log_facility_any = true};
	struct trigger_set *s = build_all(), *a = NULL;

	CHECK(s);
	CHECK_EQ(trigger_set_build(&any, &a, NULL), 0);
	for (size_t b = 0; b < trigger_builtin_count; b++) {
		const struct trigger_builtin *t = &trigger_builtins[b];

		if (!t->sample)
			continue;
		CHECK(trigger_set_match_log(s, t->sample, 0));
		CHECK(!trigger_set_match_log(s, t->sample, 1));
		CHECK(!trigger_set_match_log(s, t->sample, 3));
		if (t->role != ROLE_OFF)
			CHECK(trigger_set_match_log(a, t->sample, 1));
	}
	trigger_set_free(s);
	trigger_set_free(a);
}

/* ---- choices ---- */

static void preset_script_is_the_shell_script(void)
{
	static const struct trigger_choice c[] = {{CHOICE_PRESET, "script"}};
	struct trigger_set *s = build(c, 1);

	CHECK(s);
	CHECK_EQ(trigger_set_count(s), 2);
	CHECK_EQ(role_of(s, "server-closing"), ROLE_FINAL);
	CHECK_EQ(role_of(s, "reconnect-timeout"), ROLE_FINAL);
	trigger_set_free(s);
}

static void choices_apply_in_order(void)
{
	static const struct trigger_choice c[] = {
		{CHOICE_FINAL, "log:my (word|other)"},
		{CHOICE_PRESET, "script"},
		{CHOICE_SUSPECT, "server-closing"},
		{CHOICE_FINAL, "election"},
		{CHOICE_DISABLE, "reconnect-timeout"},
		{CHOICE_SUSPECT, "silence:10"},
		{CHOICE_SUSPECT, "event:sched:sched_switch/prev_pid == 1"},
		{CHOICE_FINAL, "silence:20"},
		{CHOICE_DISABLE, "silence:20"},
		{CHOICE_FINAL, "log:my (word|other)"},
	};
	struct trigger_set *s = build(c, ARRAY_SIZE(c));
	const struct trigger *t;

	CHECK(s);
	CHECK_EQ(trigger_set_count(s), 5);
	CHECK_EQ(role_of(s, "server-closing"), ROLE_SUSPECT);
	CHECK_EQ(role_of(s, "election"), ROLE_FINAL);
	CHECK_EQ(role_of(s, "silence:10"), ROLE_SUSPECT);
	CHECK_EQ(role_of(s, "event:sched:sched_switch/prev_pid == 1"), ROLE_SUSPECT);
	/* The user's pattern looks at any kernel text, but not at what processes wrote. */
	t = trigger_set_match_log(s, "usb 1-1: my other", 0);
	CHECK(t);
	CHECK(t->user);
	CHECK_EQ(t->role, ROLE_FINAL);
	CHECK(!trigger_set_match_log(s, "usb 1-1: my other", 1));
	CHECK(trigger_set_match_log(s, "my word: error -67", 0));
	trigger_set_free(s);
}

static void bad_choices_are_explained(void)
{
	static const struct {
		struct trigger_choice choice;
		const char *says[3];
	} bad[] = {
		{{CHOICE_FINAL, "sever-closing"},
		 {"\"sever-closing\"", "did you mean server-closing?", "reconnect-timeout, "}},
		{{CHOICE_DISABLE, "nonsense"},
		 {"no trigger \"nonsense\"", "hung-task", "log:REGEX"}},
		{{CHOICE_FINAL, "log:a(b"}, {"log:", "a(b", "nmatched ("}},
		{{CHOICE_FINAL, "log:"}, {"log:REGEX", "no regular expression", ""}},
		{{CHOICE_SUSPECT, "lgo:x"}, {"kind of trigger \"lgo\"", "did you mean log?", ""}},
		{{CHOICE_FINAL, "log"}, {"\"log\" alone", "log:REGEX", ""}},
		{{CHOICE_FINAL, "silence:0"}, {"silence:0", "between 1 second and a day", ""}},
		{{CHOICE_FINAL, "silence:soon"}, {"silence:soon", "silence:SECONDS", ""}},
		{{CHOICE_FINAL, "event:sched"}, {"event:sched", "names no event", "SYSTEM:EVENT"}},
		{{CHOICE_FINAL, "event:../x:y"}, {"../x:y", "'.'", "SYSTEM"}},
		{{CHOICE_FINAL, "event:sched:sched_switch/"}, {"no filter", "", ""}},
		{{CHOICE_PRESET, "scirpt"}, {"preset \"scirpt\"", "did you mean script?", ""}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct record_config c = {.choices = &bad[i].choice, .choice_count = 1};
		struct trigger_set *s = NULL;
		struct err e = {0};

		CHECK_EQ(trigger_set_build(&c, &s, &e), -EINVAL);
		CHECK(!s);
		for (size_t n = 0; n < 3; n++) {
			const char *want = bad[i].says[n] ? bad[i].says[n] : "";

			if (!strstr(e.text, want))
				printf("# \"%s\" does not say \"%s\"\n", e.text, want);
			CHECK(strstr(e.text, want));
		}
	}
}

/* ---- firing ---- */

struct seen {
	unsigned int count;
	struct verdict last;
};

static void on_verdict(void *arg, const struct verdict *v)
{
	struct seen *s = arg;

	s->count++;
	s->last = *v;
}

static void log_records_reach_the_session(void)
{
	static const struct trigger_choice c[] = {{CHOICE_PRESET, "script"},
						  {CHOICE_SUSPECT, "log:server"}};
	struct trigger_set *s = build(c, ARRAY_SIZE(c));
	struct kmsg_record r = {.text = F ": server closing 127.0.0.1:19700 -> 127.0.0.1:59816"};
	struct seen seen = {0};
	struct trigger_env env = {.instance_name = "unused", .verdict = on_verdict, .arg = &seen};
	struct text proof = {0};

	CHECK(s);
	trigger_set_log(s, &r, 1); /* not armed */
	CHECK_EQ(seen.count, 0);
	CHECK_EQ(trigger_set_arm(s, &env, &proof, NULL), 0);
	CHECK_STR(text_c(&proof), "3 log patterns checked");
	text_free(&proof);

	trigger_set_log(s, &r, 12345);
	CHECK_EQ(seen.count, 2); /* the table's and the user's */
	CHECK_STR(seen.last.name, "log:server");
	CHECK_EQ(seen.last.role, ROLE_SUSPECT);
	CHECK_EQ(seen.last.when_ns, 12345);
	CHECK_STR(seen.last.text, r.text);
	CHECK_EQ(fired_of(s, "server-closing"), 1);
	r.facility = 1;
	trigger_set_log(s, &r, 2);
	CHECK_EQ(seen.count, 2);
	r.facility = 0;
	trigger_set_disarm(NULL); /* a recording that failed before it had triggers */
	trigger_set_disarm(s);
	trigger_set_log(s, &r, 3);
	CHECK_EQ(seen.count, 2);
	CHECK_EQ(fired_of(s, "server-closing"), 1);
	trigger_set_free(s);
}

struct silence_watch {
	struct seen seen;
	struct loop *loop;
};

static void on_silence(void *arg, const struct verdict *v)
{
	struct silence_watch *w = arg;

	on_verdict(&w->seen, v);
	loop_quit(w->loop);
}

static void silence_fires_once_for_each_silence(void)
{
	static const struct trigger_choice c[] = {{CHOICE_PRESET, "script"},
						  {CHOICE_DISABLE, "server-closing"},
						  {CHOICE_DISABLE, "reconnect-timeout"},
						  {CHOICE_FINAL, "silence:20"}};
	struct trigger_set *s = build(c, ARRAY_SIZE(c));
	_Atomic uint64_t heartbeat_ns = 0;
	struct silence_watch w = {0};
	struct trigger_env env = {.instance_name = "unused",
				  .heartbeat_ns = &heartbeat_ns,
				  .verdict = on_silence,
				  .arg = &w};
	uint64_t now_ns = clock_mono_ns(), long_ago_ns;
	struct text proof = {0};

	CHECK(s);
	CHECK_EQ(loop_open(&w.loop, NULL), 0);
	env.loop = w.loop;
	CHECK_EQ(trigger_set_arm(s, &env, &proof, NULL), 0);
	CHECK_STR(text_c(&proof), "1 silence timer");
	text_free(&proof);

	/* None seen yet, then a fresh one: the timer looks several times and says nothing. */
	CHECK_EQ(loop_run_for(w.loop, 500 * NSEC_PER_MSEC, NULL), 0);
	heartbeat_ns = now_ns;
	CHECK_EQ(loop_run_for(w.loop, 500 * NSEC_PER_MSEC, NULL), 0);
	CHECK_EQ(w.seen.count, 0);

	/* A machine that is up for less than 25 s has no such past; then the test cannot be. */
	CHECK(now_ns > 25 * NSEC_PER_SEC);
	long_ago_ns = now_ns - 21 * NSEC_PER_SEC;
	heartbeat_ns = long_ago_ns;
	CHECK_EQ(loop_run_for(w.loop, 20 * NSEC_PER_SEC, NULL), 0);
	CHECK_EQ(w.seen.count, 1);
	CHECK_EQ(w.seen.last.when_ns, long_ago_ns + 20 * NSEC_PER_SEC);
	CHECK(strstr(w.seen.last.text, "no heartbeat from the server"));
	CHECK(strstr(w.seen.last.text, "CLOCK_MONOTONIC"));
	CHECK_EQ(loop_run_for(w.loop, 500 * NSEC_PER_MSEC, NULL), 0);
	CHECK_EQ(w.seen.count, 1);

	heartbeat_ns = long_ago_ns + 1; /* another one, and then silence again */
	CHECK_EQ(loop_run_for(w.loop, 20 * NSEC_PER_SEC, NULL), 0);
	CHECK_EQ(w.seen.count, 2);
	trigger_set_free(s);
	loop_free(w.loop);
}

/* ---- lines of trace_pipe ---- */

static void trace_pipe_lines(void)
{
	static const struct {
		const char *line;
		uint64_t ns;
		const char *name, *text; /* NULL: no event */
	} lines[] = {
		{"          <idle>-0       [001] d.h2.  1234.567890: sched_waking: comm=a b pid=3",
		 1234567890000, "sched_waking", "comm=a b pid=3"},
		{"     my task (1)-4321    [000] .....    12.000001: hit: (0x401136) arg1=7",
		 12000001000, "hit", "(0x401136) arg1=7"},
		/* A task that is named to deceive. */
		{" 1.000000: evil:-77      [000] .....    12.000001: hit: x", 12000001000, "hit",
		 "x"},
		/* 4.18: shorter flags; record-tgid; nothing between. */
		{"     kworker/0:1-77    [000] d..2  9.500000: hit: x", 9500000000, "hit", "x"},
		{"            bash-77      (     77) [000] d..2. 9.500000: hit: y", 9500000000,
		 "hit", "y"},
		{"9.500000: hit: z", 9500000000, "hit", "z"},
		{"            bash-77      [000] .....     1.000000: sys_openat(dfd: 1)",
		 1000000000, "sys_openat", "(dfd: 1)"},
		{"CPU:1 [LOST 12 EVENTS]", 0, NULL, NULL},
		{"# tracer: nop", 0, NULL, NULL},
		{" => __schedule", 0, NULL, NULL},
		{"            bash-77      [000] .....     1.000000: ", 0, NULL, NULL},
		{"            bash-77      [000] .....     99999999999999999999.1: x: y", 0, NULL,
		 NULL},
		{"", 0, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct trigger_event_line l;

		if (trigger_event_parse_line(lines[i].line, &l) != (lines[i].name != NULL))
			printf("# %s\n", lines[i].line);
		CHECK_EQ(trigger_event_parse_line(lines[i].line, &l), lines[i].name != NULL);
		if (!lines[i].name)
			continue;
		CHECK_EQ(l.stamp_ns, lines[i].ns);
		CHECK_EQ(l.name_bytes, strlen(lines[i].name));
		CHECK(strncmp(l.event, lines[i].name, l.name_bytes) == 0);
		CHECK_STR(l.text, lines[i].text);
	}
}

/* Real scoutfs events as the kernel printed them: every line that is not a header is one. */
static void real_trace_text(void)
{
	struct realdata d = realdata_load("real/ring/trace.txt.zst");
	size_t events = 0, scoutfs = 0, others = 0;
	uint64_t last_ns = 0;

	for (char *line = (char *)d.bytes, *end; *line; line = end + 1) {
		struct trigger_event_line l;

		end = strchr(line, '\n');
		CHECK(end);
		*end = '\0';
		if (line[0] == '#' || !trigger_event_parse_line(line, &l)) {
			others++;
			continue;
		}
		events++;
		scoutfs += str_starts(l.event, "scoutfs_");
		CHECK(l.stamp_ns >= last_ns);
		last_ns = l.stamp_ns;
	}
	printf("# %zu events, %zu of scoutfs, %zu other lines\n", events, scoutfs, others);
	CHECK_EQ(events, 21003); /* what the capture's notes say */
	CHECK(scoutfs > 20000);
	realdata_free(&d);
}

/* ---- devices ---- */

static void put_file(const char *dir, const char *file, const char *content)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	for (char *c = path + strlen(dir) + 1; (c = strchr(c, '/')); c++) {
		*c = '\0';
		(void)mkdir(path, 0700);
		*c = '/';
	}
	f = fopen(path, "we");
	if (!f || fputs(content, f) < 0)
		printf("Bail out! %s\n", path);
	if (f)
		fclose(f);
}

static void devices_under_a_mount_are_followed(void)
{
	char dir[] = "/tmp/test_trigger.XXXXXX", filter[512], command[128];

	CHECK(mkdtemp(dir));
	CHECK_EQ(trigger_blockdev_filter(dir, filter, sizeof(filter)), 0);
	CHECK_STR(filter, "");
	/* 253:1 is made of 8:16 and of the partition 259:3, which lies on the disk 259:0. */
	put_file(dir, "fs/scoutfs/f.3d167d.r.d8ec8b/data_device_maj_min", "253:1\n");
	put_file(dir, "fs/scoutfs/f.3d167d.r.aaaaaa/data_device_maj_min", "253:1\n");
	put_file(dir, "fs/scoutfs/other/data_device_maj_min", "1:1\n");
	put_file(dir, "dev/block/253:1/slaves/sda/dev", "8:16\n");
	put_file(dir, "dev/block/253:1/slaves/nvme0n1p3/dev", "259:3\n");
	put_file(dir, "dev/block/259:3/partition", "3\n");
	put_file(dir, "dev/block/dev", "259:0\n"); /* what 259:3/.. is in this flat copy */
	CHECK_EQ(trigger_blockdev_filter(dir, filter, sizeof(filter)), 3);
	/* 253 << 20 | 1, 259 << 20, 8 << 20 | 16 */
	CHECK_STR(filter, "dev == 265289729 || dev == 271581184 || dev == 8388624");
	CHECK_EQ(trigger_blockdev_filter(dir, filter, 20), 0);
	CHECK_STR(filter, "");
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK_EQ(system(command), 0);
}

TEST_MAIN(TEST(real_logs_fire_what_a_reader_found), TEST(table_has_the_documented_roles),
	  TEST(samples_fire_their_own_trigger_only), TEST(other_lines),
	  TEST(enolink_never_fires_a_builtin), TEST(user_facility_does_not_fire),
	  TEST(preset_script_is_the_shell_script), TEST(choices_apply_in_order),
	  TEST(bad_choices_are_explained), TEST(log_records_reach_the_session),
	  TEST(silence_fires_once_for_each_silence), TEST(trace_pipe_lines), TEST(real_trace_text),
	  TEST(devices_under_a_mount_are_followed))
