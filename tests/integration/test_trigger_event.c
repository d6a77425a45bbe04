/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event triggers on the running kernel. The events are uprobes on functions of this very program,
 * in a group of its own, so they fire when the test says so and nobody else is touched. Needs root
 * and a kernel with uprobe events; exits 77 (skipped) otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "trigger.h"
#include "../unit/test.h"

#if defined(__x86_64__)
#define FIRST_ARGUMENT "%%di"
#elif defined(__aarch64__)
#define FIRST_ARGUMENT "%%x0"
#endif

#define PATIENCE_NS (30 * NSEC_PER_SEC) /* only a failing test waits that long */

static char group[64], instance_name[48]; /* the name is another one for each test */

/* ---- the events ---- */

__attribute__((noinline)) void alpha(uint64_t n);
__attribute__((noinline)) void beta(uint64_t n);

void alpha(uint64_t n)
{
	__asm__ volatile("" : : "r"(n) : "memory");
}

void beta(uint64_t n)
{
	__asm__ volatile("# not the same code as alpha" : : "r"(n) : "memory");
}

/* Where in its file the code at @address is: uprobes name it so. */
static bool file_offset(const void *address, uint64_t *ret)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to, offset, at = (unsigned long)address;
	char line[PATH_MAX + 128];
	bool found = false;

	while (maps && !found && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &offset) == 3 && at >= from &&
		    at < to)
			found = true;
	if (maps)
		fclose(maps);
	*ret = found ? at - from + offset : 0;
	return found;
}

/* O_APPEND, never O_TRUNC, which would take away everybody's uprobes. */
static bool uprobe_command(const char *command)
{
	char path[256];
	CLEANUP(closep) int fd = -1;

	snprintf(path, sizeof(path), "%s/uprobe_events", instance_tracing_dir(NULL));
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	return fd >= 0 && write(fd, command, strlen(command)) == (ssize_t)strlen(command);
}

static void remove_events(void)
{
	char command[128];

	snprintf(command, sizeof(command), "-:%s/alpha", group);
	(void)uprobe_command(command);
	snprintf(command, sizeof(command), "-:%s/beta", group);
	(void)uprobe_command(command);
}

static bool add_event(const char *name, void (*fn)(uint64_t))
{
#ifdef FIRST_ARGUMENT
	char exe[PATH_MAX] = "", command[PATH_MAX + 256];
	uint64_t offset;

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0 ||
	    !file_offset((const void *)fn, &offset))
		return false;
	snprintf(command, sizeof(command), "p:%s/%s %s:0x%llx n=" FIRST_ARGUMENT ":u64", group,
		 name, exe, (unsigned long long)offset);
	return uprobe_command(command);
#else
	(void)name;
	(void)fn;
	return false;
#endif
}

/* ---- a session's part ---- */

struct seen {
	struct loop *loop;
	struct trigger_set *set;
	struct verdict verdicts[16]; /* the first ones */
	unsigned int count, finals;
	unsigned int quit_at; /* verdicts */
	unsigned int quit_at_finals;
	bool disarm_at_once;
	bool slow; /* to answer: slower than events come */
	struct text proof;
	_Atomic uint64_t event_moves;
};

static void on_verdict(void *arg, const struct verdict *v)
{
	struct seen *s = arg;

	if (s->count < ARRAY_SIZE(s->verdicts))
		s->verdicts[s->count] = *v;
	s->count++;
	s->finals += v->role == ROLE_FINAL;
	for (uint64_t end_ns = s->slow ? clock_mono_ns() + 50000 : 0; clock_mono_ns() < end_ns;)
		;
	if (s->disarm_at_once)
		trigger_set_disarm(s->set);
	if (s->count == s->quit_at || (s->quit_at_finals && s->finals == s->quit_at_finals))
		loop_quit(s->loop);
}

/* Only the user's triggers, unless @builtins. */
static int arm(struct seen *s, const struct trigger_choice *choices, size_t n,
	       const struct instance *recording, struct err *e)
{
	struct trigger_choice all[16] = {{CHOICE_PRESET, "script"},
					 {CHOICE_DISABLE, "server-closing"},
					 {CHOICE_DISABLE, "reconnect-timeout"}};
	struct record_config c = {.choices = all, .choice_count = n + 3};
	struct trigger_env env = {.instance_name = instance_name,
				  .recording = recording,
				  .event_moves = &s->event_moves,
				  .verdict = on_verdict,
				  .arg = s};
	int r;

	memcpy(all + 3, choices, n * sizeof(*choices));
	r = loop_open(&s->loop, e);
	if (r == 0)
		r = trigger_set_build(&c, &s->set, e);
	env.loop = s->loop;
	if (r == 0)
		r = trigger_set_arm(s->set, &env, &s->proof, e);
	if (r < 0)
		printf("# %s\n", e ? e->text : "failed");
	else
		printf("# %s\n", text_c(&s->proof));
	return r;
}

static void done(struct seen *s)
{
	trigger_set_free(s->set);
	loop_free(s->loop);
	text_free(&s->proof);
}

static bool run_to(struct seen *s, unsigned int count)
{
	if (s->count >= count)
		return true;
	s->quit_at = count;
	return loop_run_for(s->loop, PATIENCE_NS, NULL) == 0 && s->count >= count;
}

static int count_ours(void *arg, const char *name)
{
	unsigned int *n = arg;

	*n += str_starts(name, instance_name);
	return 0;
}

static unsigned int instances_left(void)
{
	unsigned int n = 0;

	(void)instance_each_ours(count_ours, &n, NULL);
	return n;
}

static int top_tracing_on(void)
{
	char path[256], c = '?';
	CLEANUP(closep) int fd = -1;

	snprintf(path, sizeof(path), "%s/tracing_on", instance_tracing_dir(NULL));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1 ? c : -1;
}

static const char *spec(const char *event, const char *filter)
{
	static char ring[8][256];
	static unsigned int next;
	char *s = ring[next++ % 8];

	snprintf(s, 256, "event:%s:%s%s%s", group, event, filter[0] ? "/" : "", filter);
	return s;
}

/* ---- tests ---- */

static void a_matching_event_fires_once_with_its_time(void)
{
	const struct trigger_choice c[] = {{CHOICE_FINAL, spec("alpha", "n == 7")}};
	struct seen s = {0};
	uint64_t before_ns, after_ns;
	struct event_spec event;
	struct err e = {0};

	CHECK_EQ(arm(&s, c, 1, NULL, &e), 0);
	CHECK(trigger_set_at(s.set, 0)->armed);
	CHECK(strstr(text_c(&s.proof), "1 event watched (marker seen after "));
	CHECK_EQ(instances_left(), 1);
	CHECK(trigger_event_spec(trigger_set_at(s.set, 0), &event));
	CHECK_STR(event.filter, "n == 7");
	alpha(3);
	before_ns = clock_mono_ns();
	alpha(7);
	after_ns = clock_mono_ns();
	alpha(8);
	CHECK(run_to(&s, 1));
	alpha(9);
	alpha(7);
	CHECK(run_to(&s, 2));
	CHECK_EQ(s.count, 2);
	CHECK_EQ(s.verdicts[0].role, ROLE_FINAL);
	CHECK_STR(s.verdicts[0].name, trigger_set_at(s.set, 0)->name);
	CHECK(str_starts(s.verdicts[0].text, "alpha: "));
	CHECK(strstr(s.verdicts[0].text, " n=7"));
	/* The kernel prints whole microseconds, rounded to the nearest. */
	CHECK(s.verdicts[0].when_ns + 1000 >= before_ns);
	CHECK(s.verdicts[0].when_ns <= after_ns + 1000);
	CHECK_EQ(trigger_set_at(s.set, 0)->fired, 2);
	done(&s);
	CHECK_EQ(instances_left(), 0);
}

static void triggers_on_one_event_have_lanes_of_their_own(void)
{
	const struct trigger_choice c[] = {{CHOICE_FINAL, spec("alpha", "n == 1")},
					   {CHOICE_FINAL, spec("alpha", "n == 2")},
					   {CHOICE_FINAL, spec("beta", "")},
					   {CHOICE_SUSPECT, spec("alpha", "n == 3")}};
	struct seen s = {0};
	struct err e = {0};

	CHECK_EQ(arm(&s, c, 4, NULL, &e), 0);
	CHECK(strstr(text_c(&s.proof), "4 events watched"));
	CHECK_EQ(instances_left(), 3); /* two of the finals, one of the suspect */
	for (unsigned int n = 0; n < 4; n++) {
		alpha(2 - n % 2);
		CHECK(run_to(&s, n + 1));
		CHECK_STR(s.verdicts[n].name, c[(n + 1) % 2].spec);
	}
	beta(5);
	CHECK(run_to(&s, 5));
	CHECK_STR(s.verdicts[4].name, c[2].spec);
	alpha(3);
	CHECK(run_to(&s, 6));
	CHECK_STR(s.verdicts[5].name, c[3].spec);
	CHECK_EQ(s.verdicts[5].role, ROLE_SUSPECT);
	done(&s);
	CHECK_EQ(instances_left(), 0);
}

static void system_call_events_are_known_by_what_they_print(void)
{
	char enter[128], leave[128];
	const struct trigger_choice c[] = {{CHOICE_FINAL, enter}, {CHOICE_FINAL, leave}};
	struct seen s = {0};
	struct err e = {0};

	if (!instance_event_exists("syscalls", "sys_enter_getppid")) {
		printf("# this kernel has no system call events\n");
		return;
	}
	snprintf(enter, sizeof(enter), "event:syscalls:sys_enter_getppid/common_pid == %d",
		 (int)gettid());
	snprintf(leave, sizeof(leave), "event:syscalls:sys_exit_getppid/common_pid == %d",
		 (int)gettid());
	CHECK_EQ(arm(&s, c, 2, NULL, &e), 0);
	(void)syscall(SYS_getppid);
	CHECK(run_to(&s, 2));
	CHECK_EQ(trigger_set_at(s.set, 0)->fired, 1);
	CHECK_EQ(trigger_set_at(s.set, 1)->fired, 1);
	CHECK(strstr(s.verdicts[0].text, "sys_getppid("));
	CHECK(strstr(s.verdicts[1].text, "sys_getppid -> "));
	done(&s);
	CHECK_EQ(instances_left(), 0);
}

struct storm {
	atomic_bool stop;
	atomic_uint hits;
};

static void *storm_thread(void *arg)
{
	struct storm *storm = arg;

	while (!atomic_load(&storm->stop) || atomic_load(&storm->hits) < 100000) {
		alpha(1);
		atomic_fetch_add(&storm->hits, 1);
	}
	return NULL;
}

struct ticker {
	struct seen *seen;
	unsigned int ticks;
};

/* While the storm blows the loop's other sources still run: this one ends it. */
static void on_tick(void *arg)
{
	struct ticker *t = arg;

	if (++t->ticks == 20)
		beta(1);
	if (t->ticks >= 20 && t->seen->finals)
		loop_quit(t->seen->loop);
}

static void a_storm_does_not_stall_the_loop(void)
{
	const struct trigger_choice c[] = {{CHOICE_SUSPECT, spec("alpha", "")},
					   {CHOICE_FINAL, spec("beta", "")}};
	static struct storm storm; /* outlives a test that fails */
	struct seen s = {.slow = true};
	struct ticker t = {.seen = &s};
	struct loop_source *timer;
	struct err e = {0};
	pthread_t thread;

	CHECK_EQ(arm(&s, c, 2, NULL, &e), 0);
	CHECK_EQ(loop_add_timer(s.loop, on_tick, &t, &timer, &e), 0);
	CHECK_EQ(loop_timer_set(timer, NSEC_PER_MSEC, NSEC_PER_MSEC), 0);
	CHECK_EQ(pthread_create(&thread, NULL, storm_thread, &storm), 0);
	CHECK_EQ(loop_run_for(s.loop, PATIENCE_NS, &e), 0);
	CHECK(t.ticks >= 20);
	CHECK_EQ(s.finals, 1);
	CHECK(s.count > 100);
	atomic_store(&storm.stop, true);
	pthread_join(thread, NULL);
	printf("# %u events, %u verdicts\n", atomic_load(&storm.hits), s.count);
	loop_source_free(timer);
	done(&s);
	CHECK_EQ(instances_left(), 0);
}

/* With the loop busy elsewhere, 100 000 suspects after the one final event are more than a ring
 * holds. */
static void a_storm_of_suspects_does_not_hide_a_final_event(void)
{
	const struct trigger_choice c[] = {{CHOICE_SUSPECT, spec("alpha", "")},
					   {CHOICE_FINAL, spec("beta", "")}};
	struct seen s = {0};
	struct err e = {0};
	cpu_set_t all, one;

	CHECK_EQ(arm(&s, c, 2, NULL, &e), 0);
	/* Rings are per CPU: all of it must happen on the same one. */
	CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	/* What is on the page that was read last is never overwritten: fill it first. */
	for (unsigned int i = 0; i < 1000; i++)
		alpha(1);
	beta(1);
	for (unsigned int i = 0; i < 100000; i++)
		alpha(1);
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	s.quit_at_finals = 1;
	CHECK_EQ(loop_run_for(s.loop, PATIENCE_NS, &e), 0);
	CHECK_EQ(s.finals, 1);
	done(&s);
	CHECK_EQ(instances_left(), 0);
}

static void disarming_within_a_verdict_is_safe(void)
{
	const struct trigger_choice c[] = {{CHOICE_FINAL, spec("alpha", "")}};
	struct seen s = {.disarm_at_once = true};
	struct err e = {0};

	CHECK_EQ(arm(&s, c, 1, NULL, &e), 0);
	for (unsigned int i = 0; i < 100; i++)
		alpha(i);
	CHECK(run_to(&s, 1));
	CHECK_EQ(loop_run_for(s.loop, 250 * NSEC_PER_MSEC, &e), 0);
	CHECK_EQ(s.count, 1);
	CHECK_EQ(instances_left(), 0);
	done(&s);
}

static bool is_on(const struct instance *i, const char *file)
{
	CLEANUP(text_free) struct text state = {0};

	return instance_read(i, file, &state, NULL) == 0 && text_c(&state)[0] == '1';
}

/* Looking would wait for the kernel's event_mutex, in the thread that must hear of everything. */
static void an_event_that_was_switched_off_is_put_back_once_that_is_told(void)
{
	const struct trigger_choice c[] = {{CHOICE_FINAL, spec("alpha", "n == 4")}};
	char name[64], file[128], filter[128];
	struct instance lane;
	struct seen s = {0};
	struct err e = {0};

	CHECK_EQ(arm(&s, c, 1, NULL, &e), 0);
	snprintf(name, sizeof(name), "%s.watch0", instance_name);
	CHECK_EQ(instance_open(name, &lane, &e), 0);
	snprintf(file, sizeof(file), "events/%s/alpha/enable", group);
	snprintf(filter, sizeof(filter), "events/%s/alpha/filter", group);
	CHECK_EQ(instance_write(&lane, file, "0", &e), 0);
	CHECK_EQ(instance_write(&lane, filter, "0", &e), 0);
	CHECK_EQ(loop_run_for(s.loop, 1500 * NSEC_PER_MSEC, &e), 0);
	CHECK(!is_on(&lane, file));
	atomic_fetch_add(&s.event_moves, 1);
	for (uint64_t end_ns = clock_mono_ns() + PATIENCE_NS;
	     !is_on(&lane, file) && clock_mono_ns() < end_ns;)
		CHECK_EQ(loop_run_for(s.loop, 50 * NSEC_PER_MSEC, &e), 0);
	CHECK(is_on(&lane, file));
	(void)close(lane.dir_fd);
	alpha(5);
	alpha(4);
	CHECK(run_to(&s, 1));
	CHECK(strstr(s.verdicts[0].text, " n=4"));
	done(&s);
	CHECK_EQ(instances_left(), 0);
}

static void what_the_kernel_lacks_or_refuses_is_said(void)
{
	const struct trigger_choice missing[] = {{CHOICE_FINAL, spec("gamma", "")}};
	const struct trigger_choice refused[] = {{CHOICE_FINAL, spec("alpha", "colour == 3")}};
	const struct trigger_choice builtin[] = {{CHOICE_SUSPECT, "connection-lost"}};
	struct seen s = {0};
	struct err e = {0};

	CHECK_EQ(arm(&s, missing, 1, NULL, &e), 0);
	CHECK(!trigger_set_at(s.set, 0)->armed);
	CHECK(strstr(trigger_set_at(s.set, 0)->why, "this kernel has no event"));
	CHECK(strstr(text_c(&s.proof), "1 not armed"));
	done(&s);

	memset(&s, 0, sizeof(s));
	CHECK_EQ(arm(&s, refused, 1, NULL, &e), -EINVAL);
	CHECK(strstr(e.text, "colour == 3"));
	CHECK(strstr(e.text, "Field not found")); /* the kernel's own words */
	done(&s);
	CHECK_EQ(instances_left(), 0);

	memset(&s, 0, sizeof(s));
	CHECK_EQ(arm(&s, builtin, 1, NULL, &e), 0);
	if (trigger_set_at(s.set, 0)->armed)
		printf("# scoutfs events are here, so this one is not missing\n");
	else
		CHECK(strstr(trigger_set_at(s.set, 0)->why, "this scoutfs module has no event"));
	done(&s);
}

static void the_kernel_stops_the_given_instance_alone(void)
{
	const struct trigger_choice c[] = {{CHOICE_FINAL, spec("alpha", "n == 5")},
					   {CHOICE_FINAL, spec("alpha", "n == 6")},
					   {CHOICE_FINAL, spec("beta", "")},
					   {CHOICE_SUSPECT, spec("alpha", "n == 4")}};
	struct instance recording;
	struct text trigger = {0}, state = {0}, trace = {0};
	char name[64], file[128];
	struct seen s = {0};
	struct err e = {0};
	int top = top_tracing_on();
	char *last;

	snprintf(name, sizeof(name), "%s.rec", instance_name);
	CHECK_EQ(instance_create(name, &recording, &e), 0);
	snprintf(file, sizeof(file), "events/%s/enable", group);
	CHECK_EQ(instance_write(&recording, file, "1", &e), 0);
	CHECK_EQ(arm(&s, c, 4, &recording, &e), 0);
	CHECK_EQ(top_tracing_on(), top);
	if (strstr(text_c(&s.proof), "no stop in the kernel")) {
		printf("# not on this kernel\n");
		done(&s);
		CHECK_EQ(instance_remove(&recording, &e), 0);
		return;
	}
	CHECK(strstr(text_c(&s.proof), "the kernel stops the ring at 2 of them"));

	snprintf(file, sizeof(file), "events/%s/alpha/trigger", group);
	CHECK_EQ(instance_read(&recording, file, &trigger, &e), 0);
	CHECK(strstr(text_c(&trigger), "traceoff:unlimited if (n == "));
	CHECK(strstr(text_c(&trigger), "n == 5"));
	CHECK(strstr(text_c(&trigger), "n == 6"));
	CHECK(!strstr(text_c(&trigger), "n == 4"));

	alpha(4);
	CHECK(run_to(&s, 1));
	CHECK_EQ(instance_read(&recording, "tracing_on", &state, &e), 0);
	CHECK_EQ(text_c(&state)[0], '1');
	alpha(6); /* off before the next line runs; the watch goes on */
	text_reset(&state);
	CHECK_EQ(instance_read(&recording, "tracing_on", &state, &e), 0);
	CHECK_EQ(text_c(&state)[0], '0');
	alpha(7);
	CHECK_EQ(top_tracing_on(), top);
	CHECK(run_to(&s, 2));
	CHECK_STR(s.verdicts[1].name, c[1].spec);
	/* The event that stopped the ring is in it, and is the last one. */
	CHECK_EQ(instance_read(&recording, "trace", &trace, &e), 0);
	last = strstr(text_c(&trace), " n=6");
	CHECK(last);
	CHECK_STR(strchr(last, '\n'), "\n");

	/* An event without a filter stops it too, and it too is recorded. */
	CHECK_EQ(instance_write(&recording, "tracing_on", "1", &e), 0);
	beta(8);
	text_reset(&state);
	CHECK_EQ(instance_read(&recording, "tracing_on", &state, &e), 0);
	CHECK_EQ(text_c(&state)[0], '0');
	text_reset(&trace);
	CHECK_EQ(instance_read(&recording, "trace", &trace, &e), 0);
	CHECK(strstr(text_c(&trace), " n=8"));

	trigger_set_disarm(s.set);
	text_reset(&trigger);
	CHECK_EQ(instance_read(&recording, file, &trigger, &e), 0);
	CHECK(!strstr(text_c(&trigger), "traceoff:unlimited"));
	CHECK_EQ(top_tracing_on(), top);
	done(&s);
	CHECK_EQ(instance_remove(&recording, &e), 0);
	CHECK_EQ(instances_left(), 0);
	text_free(&trigger);
	text_free(&state);
	text_free(&trace);
}

static void an_instance_explains_itself(void)
{
	struct instance i, twin;
	struct event_spec none = {0};
	struct err e = {0};
	uint64_t kb = 0;
	int fd;

	CHECK_EQ(instance_create(instance_name, &i, &e), 0);
	CHECK_EQ(instance_create(instance_name, &twin, &e), -EEXIST);
	CHECK_EQ(instance_create("someone-else", &twin, &e), -EINVAL);
	CHECK_EQ(instance_open("scoutfs-trace.none", &twin, &e), -ENOENT);
	CHECK_EQ(instance_set_clock(&i, "mono", &e), 0);
	CHECK_EQ(instance_set_clock(&i, "sundial", &e), -EINVAL);
	CHECK(strstr(e.text, "sundial") && strstr(e.text, "[mono]"));
	CHECK_EQ(instance_set_size(&i, 128, &kb, &e), 0);
	CHECK(kb >= 64 && kb < 1024);
	CHECK_EQ(instance_set_size(&i, 64, &kb, &e), 0);
	CHECK_EQ(instance_set_filter(&i, group, "alpha", "n ==", &e), -EINVAL);
	CHECK(strstr(e.text, "Invalid value") || strstr(e.text, "value"));
	CHECK_EQ(instance_set_filter(&i, group, NULL, "colour == 3", &e), -EINVAL);
	CHECK_EQ(instance_set_filter(&i, group, "gamma", "n == 1", &e), -ENOENT);
	CHECK_EQ(instance_set_filter(&i, group, "alpha", "n == 1", &e), 0);
	CHECK_EQ(event_spec_parse("a:b:c", &none, &e), -EINVAL);
	fd = instance_open_file(&i, "trace_pipe", O_RDONLY, &e);
	CHECK(fd >= 0);
	twin = i;
	CHECK_EQ(instance_remove(&i, &e), -EBUSY);
	CHECK(strstr(e.text, "fuser"));
	CHECK_EQ(i.dir_fd, -1);
	(void)close(fd);
	CHECK_EQ(instance_open(instance_name, &twin, &e), 0);
	CHECK_EQ(instance_remove(&twin, &e), 0);
	CHECK_EQ(instances_left(), 0);
}

static unsigned int next_name;
static pid_t parent;

/* What a test that failed half-way left must not fail the next one. */
#define NAMED(fn)                                                                           \
	static void named_##fn(void)                                                        \
	{                                                                                   \
		snprintf(instance_name, sizeof(instance_name), INSTANCE_PREFIX "test%d-%u", \
			 (int)parent, next_name++);                                         \
		fn();                                                                       \
	}
NAMED(an_instance_explains_itself)
NAMED(a_matching_event_fires_once_with_its_time)
NAMED(triggers_on_one_event_have_lanes_of_their_own)
NAMED(system_call_events_are_known_by_what_they_print)
NAMED(a_storm_does_not_stall_the_loop)
NAMED(a_storm_of_suspects_does_not_hide_a_final_event)
NAMED(disarming_within_a_verdict_is_safe)
NAMED(an_event_that_was_switched_off_is_put_back_once_that_is_told)
NAMED(what_the_kernel_lacks_or_refuses_is_said)
NAMED(the_kernel_stops_the_given_instance_alone)

#define NAMED_TEST(fn)          \
	{                       \
#fn, named_##fn \
	}

static const struct test_case cases[] = {
	NAMED_TEST(an_instance_explains_itself),
	NAMED_TEST(a_matching_event_fires_once_with_its_time),
	NAMED_TEST(triggers_on_one_event_have_lanes_of_their_own),
	NAMED_TEST(system_call_events_are_known_by_what_they_print),
	NAMED_TEST(a_storm_does_not_stall_the_loop),
	NAMED_TEST(a_storm_of_suspects_does_not_hide_a_final_event),
	NAMED_TEST(disarming_within_a_verdict_is_safe),
	NAMED_TEST(an_event_that_was_switched_off_is_put_back_once_that_is_told),
	NAMED_TEST(what_the_kernel_lacks_or_refuses_is_said),
	NAMED_TEST(the_kernel_stops_the_given_instance_alone),
};

static int remove_left(void *prefix, const char *name)
{
	struct instance i;

	if (str_starts(name, prefix) && instance_open(name, &i, NULL) == 0)
		(void)instance_remove(&i, NULL);
	return 0;
}

int main(void)
{
	struct err e = {0};
	pid_t child;
	int r;

	if (geteuid() != 0 || !instance_tracing_dir(&e)) {
		printf("1..0 # SKIP %s\n", geteuid() ? "needs root" : e.text);
		return 77;
	}
	parent = getpid();
	snprintf(group, sizeof(group), "scoutfs_trace_test_%d", (int)parent);
	if (!add_event("alpha", alpha) || !add_event("beta", beta)) {
		remove_events();
		printf("1..0 # SKIP this kernel takes no uprobe events\n");
		return 77;
	}
	/* In a child, so that what a failing test holds open is closed before we clean up. */
	child = fork();
	if (child == 0)
		(void)alarm(240); /* a loop that is never left fails too */
	if (child == 0)
		exit(test_main(cases, ARRAY_SIZE(cases)));
	r = child > 0 && waitpid(child, &r, 0) == child && WIFEXITED(r) ? WEXITSTATUS(r) : 1;
	snprintf(instance_name, sizeof(instance_name), INSTANCE_PREFIX "test%d-", (int)parent);
	(void)instance_each_ours(remove_left, instance_name, NULL);
	remove_events();
	return r;
}
