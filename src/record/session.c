/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lifecycle of a recording: folder, sources (off), prologue durable, trace on, triggers armed
 * and proved, the other sources on; wait; freeze, drain, durable, bundle.
 *
 * record_run() is to be read from top to bottom. It is crash-only: from the moment the facts are
 * durable the folder alone is enough to make the bundle, and the normal end uses nothing else
 * (finish.c). Undoing is the mirror image of doing, in session_done().
 *
 * Everything here runs in the loop thread, which decides and never waits, but for the end: once
 * the rings are frozen there is nothing left to decide, and it drains and writes in line.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "base/child.h"
#include "base/confine.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/privilege.h"

#include "context.h"
#include "control_server.h"
#include "finish.h"
#include "leftover.h"
#include "ring.h"
#include "series_plan.h"
#include "spent.h"

#define CONTEXT_START_NS (20 * NSEC_PER_SEC)
#define CONTEXT_END_NS (5 * NSEC_PER_SEC)
#define COMMAND_GRACE_NS (1 * NSEC_PER_SEC) /* to die of a Ctrl-C, the raw data being safe */
#define CONTEXT_GRACE_NS (3 * NSEC_PER_SEC) /* a command is killed, its last output written */
#define CONTEXT_LOOK_NS (5 * NSEC_PER_MSEC)
#define TICK_NS NSEC_PER_SEC
#define LOOP_NICE (-10)
#define SUSPECTS_MAX                                                                \
	1000 /* of them all are journalled one by one; beyond that they are counted \
	      */
#define SUSPECT_SAY_NS NSEC_PER_SEC
#define SPOOL_SAY_NS (60 * NSEC_PER_SEC) /* a disk that is full stays so, twice a second */

/* ---- small services for the sources ---- */

struct source *session_source(struct session *s, const char *name)
{
	for (size_t i = 0; i < s->source_count; i++)
		if (!strcmp(s->sources[i].ops->name, name))
			return &s->sources[i];
	return NULL;
}

uint64_t session_real_of_mono(struct session *s, uint64_t mono_ns)
{
	return (uint64_t)((int64_t)mono_ns + atomic_load(&s->stats.real_offset_ns));
}

static void on_spool_dropped(void *arg, const char *why, uint64_t from_ns, uint64_t to_ns,
			     uint64_t chunks)
{
	struct session *s = arg;
	bool budget = str_starts(why, "disk budget");

	loss_note(s->loss, budget ? LOSS_RETENTION : LOSS_FAULT, "spool", 0, from_ns, to_ns,
		  budget ? chunks : LOSS_UNKNOWN, why);
}

static void on_spool_failed(void *arg, const struct err *why)
{
	struct session *s = arg;
	uint64_t now = clock_mono_ns();

	if (!s->spool_said_ns || now - s->spool_said_ns >= SPOOL_SAY_NS) {
		log_error("%s; recording goes on, but data may be missing from the bundle",
			  why->text);
		s->spool_said_ns = now;
	}
	loss_note(s->loss, LOSS_FAULT, "spool", 0, now, now, LOSS_UNKNOWN,
		  "the disk failed a write or a sync");
}

/* ---- the folder ---- */

/* Host names go into file names: what is not plain becomes '-'. */
static void plain_host(char *buf, size_t size)
{
	struct utsname u;
	size_t n = 0;

	if (uname(&u) < 0 || !u.nodename[0])
		(void)snprintf(u.nodename, sizeof(u.nodename), "host");
	for (const char *p = u.nodename; *p && *p != '.' && n + 1 < min_of(size, (size_t)65); p++)
		buf[n++] = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
					   (*p >= '0' && *p <= '9') || *p == '-' || *p == '_'
				   ? *p
				   : '-';
	buf[n] = '\0';
}

static int name_session(struct session *s, struct err *e)
{
	time_t now = time(NULL);
	char host[80], date[32];
	struct tm tm;
	int r;

	r = file_random_suffix(s->suffix);
	if (r < 0)
		return err_errno(e, r, "no random bytes to be had for a name");
	plain_host(host, sizeof(host));
	(void)localtime_r(&now, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m%d-%H%M", &tm);
	(void)snprintf(s->stem, sizeof(s->stem), "scoutfs-trace.%s.%s.%s", host, date, s->suffix);
	return 0;
}

/* Session folders are private, and locked for as long as their recorder lives. */
static int make_folder(struct session *s, struct err *e)
{
	char dir[PATH_MAX];
	int r;

	r = file_make_dirs(s->config->output_dir, 0700, e);
	if (r < 0)
		return r;
	s->output_fd = file_open_dir(s->config->output_dir, e);
	if (s->output_fd < 0)
		return s->output_fd;
	if (!realpath(s->config->output_dir, dir))
		return err_errno(e, -errno, "cannot find the way to %s", s->config->output_dir);
	r = file_make_dir_at(s->output_fd, s->stem, e);
	if (r < 0)
		return r;
	s->dir_fd = file_open_dir_at(s->output_fd, s->stem, e);
	if (s->dir_fd < 0)
		return s->dir_fd;
	if (snprintf(s->path, sizeof(s->path), "%s/%s", dir, s->stem) >= (int)sizeof(s->path))
		return err_set(e, -ENAMETOOLONG, "the path of the output folder is too long");
	if (flock(s->dir_fd, LOCK_EX | LOCK_NB) < 0)
		return err_errno(e, -errno, "cannot lock %s", s->path);
	return 0;
}

/* ---- signals and other ends ---- */

static void end_with(struct session *s, const char *reason)
{
	s->reason = reason;
	s->state = SESSION_FINISHING;
	loop_quit(s->loop);
}

static void end_by_hand(struct session *s, const char *reason, const char *text)
{
	if (s->state == SESSION_FINISHING)
		return;
	/* A trigger that has already decided stays the reason; only its window is cut short. */
	if (s->state == SESSION_AFTER) {
		log_notice("%s: not waiting for the rest of the window after the trigger", text);
		end_with(s, "trigger");
		return;
	}
	s->final = (struct verdict){.role = ROLE_FINAL, .when_ns = clock_mono_ns()};
	(void)snprintf(s->final.text, sizeof(s->final.text), "%s", text);
	end_with(s, reason);
}

static void on_stop_request(void *arg)
{
	struct session *s = arg;

	s->stop_asked = true;
	end_by_hand(s, "stop", "scoutfs-trace stop");
}

static void reap_command(struct session *s)
{
	char text[64];
	int status;

	if (s->command_pid <= 0 ||
	    wait4(s->command_pid, &status, WNOHANG, &s->command_usage) != s->command_pid)
		return;
	s->command_ended_ns = clock_mono_ns();
	s->command_pid = 0;
	s->command_status = status;
	(void)snprintf(text, sizeof(text), "the command ended %s %d",
		       WIFSIGNALED(status) ? "by signal" : "with exit status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	end_by_hand(s, "command", text);
}

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
	struct session *s = arg;
	const char *name = info->ssi_signo == SIGINT	? "SIGINT"
			   : info->ssi_signo == SIGTERM ? "SIGTERM"
							: "SIGHUP";

	if (info->ssi_signo == SIGCHLD) {
		reap_command(s);
		return;
	}
	/* A terminal that is lost tells so more than once: the kernel does, and the shell. */
	if (s->stop_asked && info->ssi_signo == SIGHUP)
		return;
	if (s->stop_asked) {
		if (!s->keep_raw)
			log_notice("%s again: the raw data is kept as it is", name);
		s->keep_raw = true;
		return;
	}
	s->stop_asked = true;
	s->command_told = info->ssi_code == SI_KERNEL; /* to the group: termios(3), ISIG */
	log_notice("%s: finishing%s (a second one keeps the raw data and makes no bundle)", name,
		   s->state == SESSION_FINISHING ? " already" : "");
	end_by_hand(s, "signal", name);
}

static void on_duration(void *arg)
{
	end_by_hand(arg, "duration", "the time given by --duration is over");
}

static void on_tick(void *arg)
{
	struct session *s = arg;

	loss_flush(s->loss, s->spool);
	session_tick(s);
}

static void context_end(struct session *s);

/* ---- verdicts ---- */

static void on_suspect_durable(void *arg, uint64_t ticket, bool durable)
{
	struct session *s = arg;

	(void)ticket;
	if (!durable)
		log_error("what was recorded before the suspect could not be made durable; "
			  "see dmesg for errors of the disk");
	loop_wakeup(s->finished);
}

static void flush_sources(struct session *s)
{
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].ops->flush)
			s->sources[i].ops->flush(&s->sources[i]);
}

/* Durable at once, the window before it pinned, and on. */
static void suspect(struct session *s, const struct verdict *v)
{
	uint64_t now = clock_mono_ns();
	bool again = !strcmp(s->last_suspect, v->name) && now - s->suspect_said_ns < SUSPECT_SAY_NS;

	spool_pin(s->spool, v->when_ns);
	FAILPOINT("record-pinned");
	if (s->suspects++ < SUSPECTS_MAX)
		session_journal_verdict(s, "suspect", v);
	if (again)
		return;
	flush_sources(s);
	(void)spool_sync(s->spool, on_suspect_durable, s);
	s->suspect_said_ns = now;
	(void)snprintf(s->last_suspect, sizeof(s->last_suspect), "%s", v->name);
	log_notice("suspect %s: %s", v->name, v->text);
}

static void freeze(struct session *s)
{
	s->freeze_begun_ns = clock_mono_ns();
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].ops->freeze)
			s->sources[i].ops->freeze(&s->sources[i]);
	s->frozen_ns = clock_mono_ns();
	FAILPOINT("end-frozen");
}

static void on_after(void *arg)
{
	struct session *s = arg;

	freeze(s);
	end_with(s, "trigger");
}

static void final(struct session *s, const struct verdict *v)
{
	uint64_t now, since;

	/* Before anything else: everything else takes time, and the ring goes round. */
	if (s->config->after_ns == 0 && !s->frozen_ns)
		freeze(s);
	s->state = SESSION_AFTER;
	s->final = *v;
	session_journal_verdict(s, "stop", v);
	spool_pin(s->spool, v->when_ns);
	log_notice("trigger %s: %s", v->name, v->text);
	context_end(s);
	if (s->config->after_ns == 0) {
		end_with(s, "trigger");
		return;
	}
	flush_sources(s);
	(void)spool_sync(s->spool, NULL, NULL);
	now = clock_mono_ns();
	since = now > v->when_ns ? now - v->when_ns : 0;
	(void)loop_timer_set(s->after,
			     s->config->after_ns > since ? s->config->after_ns - since : 1, 0);
}

static void on_verdict(void *arg, const struct verdict *v)
{
	struct session *s = arg;

	if (s->state == SESSION_FINISHING)
		return;
	/* The watch sees events a moment before all sources run: record() goes on with it. */
	if (s->state == SESSION_ARMING) {
		if (v->role == ROLE_FINAL && s->config->after_ns == 0 && !s->frozen_ns)
			freeze(s);
		if (s->early.role != ROLE_FINAL)
			s->early = *v;
		return;
	}
	if (v->role == ROLE_FINAL && s->state == SESSION_RECORDING)
		final(s, v);
	else
		suspect(s, v);
}

/* ---- steps of arming ---- */

static int open_loop(struct session *s, struct err *e)
{
	struct sigaction hup = {0};
	sigset_t set;
	int r;

	r = loop_open(&s->loop, e);
	if (r < 0)
		return r;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	/* Started with nohup: a signal that is blocked to be read would no longer be ignored. */
	if (sigaction(SIGHUP, NULL, &hup) < 0 || hup.sa_handler != SIG_IGN)
		(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	r = loop_add_signals(s->loop, &set, on_signal, s, &s->signals, e);
	if (r == 0)
		r = loop_add_timer(s->loop, on_tick, s, &s->tick, e);
	if (r == 0)
		r = loop_add_timer(s->loop, on_after, s, &s->after, e);
	if (r == 0)
		r = loop_add_timer(s->loop, on_duration, s, &s->duration, e);
	if (r == 0)
		r = loop_add_wakeup(s->loop, on_tick, s, &s->finished, e);
	return r;
}

/*
 * Root may exceed quotas (CAP_SYS_RESOURCE), but the threads that write have given that up: what
 * is reserved must be theirs to use again, so the quota is asked now and not in the middle.
 */
static int open_spool(struct session *s, struct err *e)
{
	const struct record_config *c = s->config;
	unsigned int series;
	uint64_t aside;
	int r = series_plan_count(c, &series, e);

	if (r < 0)
		return r;
	aside = privilege_set_aside(PRIVILEGE(CAP_SYS_RESOURCE));
	r = spool_open(
		&(struct spool_config){
			.session_fd = s->dir_fd,
			.limit_bytes = c->disk_bytes,
			.lag_ns = c->lag_ms * NSEC_PER_MSEC,
			.pin_ns = c->before_ns,
			.memory_bytes = SESSION_SPOOL_MEMORY_BYTES,
			.streams = cpus_possible() + (unsigned int)source_list_count + series,
			.dropped = on_spool_dropped,
			.failed = on_spool_failed,
			.arg = s,
		},
		&s->spool, e);
	privilege_take_up(aside);
	return r;
}

static int prepare_sources(struct session *s, struct err *e)
{
	for (size_t i = 0; i < source_list_count; i++) {
		struct source *src = &s->sources[s->source_count++];
		int r;

		*src = (struct source){.ops = source_list[i], .session = s};
		r = src->ops->prepare(src, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* From here on the folder alone is enough to make a bundle of whatever gets recorded. */
static int make_prologue_durable(struct session *s, struct err *e)
{
	struct text facts = {0};
	int r;

	session_write_facts(s, &facts);
	if (!text_ok(&facts)) {
		text_free(&facts);
		return err_nomem(e);
	}
	/* All of it or nothing: half of it would be a folder that is neither unborn nor a session.
	 */
	r = file_replace_at(s->dir_fd, SESSION_FACTS, facts.s, facts.len, e);
	text_free(&facts);
	FAILPOINT("arm-facts");
	if (r == 0)
		r = leftover_remember(s->config->run_dir, s->suffix, s->path, e);
	if (r == 0)
		r = spool_sync_wait(s->spool, e);
	if (r == 0)
		r = file_sync_dir(s->dir_fd, e);
	return r == 0 ? file_sync_dir(s->output_fd, e) : r;
}

static int arm_triggers(struct session *s, struct err *e)
{
	int r;

	s->trigger_env = (struct trigger_env){
		.loop = s->loop,
		.instance_name = s->recording->name,
		.recording = s->config->after_ns == 0 ? s->recording : NULL,
		.heartbeat_ns = &s->stats.heartbeat_ns,
		.event_moves = &s->stats.event_moves,
		.verdict = on_verdict,
		.arg = s,
	};
	r = trigger_set_arm(s->triggers, &s->trigger_env, &s->proof, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < trigger_set_count(s->triggers); i++) {
		const struct trigger *t = trigger_set_at(s->triggers, i);

		if (!t->armed && t->role != ROLE_OFF)
			log_warning("trigger %s is not armed: %s", t->name, t->why);
	}
	return 0;
}

/*
 * The trace first, before the triggers are armed: the kernel calls probes in the order in which
 * they were enabled, so an event is in the recording before the watch can tell of it, and a freeze
 * that follows at once finds it there. The others after, so that the kernel log meets armed
 * triggers.
 */
static int start_sources(struct session *s, bool trace, struct err *e)
{
	for (size_t i = 0; i < s->source_count; i++) {
		struct source *src = &s->sources[i];
		int r = trace == (src->ops == &source_ftrace_ops) ? src->ops->start(src, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int start_timers(struct session *s, struct err *e)
{
	int r = loop_timer_set(s->tick, TICK_NS, TICK_NS);

	if (r == 0 && s->config->duration_ns)
		r = loop_timer_set(s->duration, s->config->duration_ns, 0);
	return r < 0 ? err_errno(e, r, "cannot set a timer") : 0;
}

static int start_command(struct session *s, struct err *e)
{
	int r;

	if (!s->config->command)
		return 0;
	s->command_started_ns = clock_mono_ns();
	r = child_start(&s->command_waiting, &s->command_pid, e);
	/* Somebody may have killed it while it waited: its SIGCHLD came before it was known. */
	if (r < 0)
		return r;
	reap_command(s);
	/* Should the recorder die, the bundle knows that there was one. */
	session_journal_command(s);
	return 0;
}

/* The recorder's memory is small and bounded: killing it would gain little and lose the evidence.
 */
static void spare_from_oom(void)
{
	CLEANUP(closep) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* Without the right to lower it: as it is. */
	if (fd >= 0)
		(void)!write(fd, "-500", 4);
}

/*
 * From here on this thread, and the commands that collect context, only read what belongs to
 * others, look at sockets, and write into the output folder, whoever owns that.
 */
static void drop_privileges(void)
{
	int r = privilege_keep(PRIVILEGE(CAP_DAC_OVERRIDE) | PRIVILEGE(CAP_DAC_READ_SEARCH) |
			       PRIVILEGE(CAP_SYS_PTRACE) | PRIVILEGE(CAP_SYSLOG) |
			       PRIVILEGE(CAP_NET_ADMIN));

	if (r < 0)
		log_warning("privileges could not be dropped: %s", strerror(-r));
	r = confine_thread(CONFINE_PROGRAMS);
	if (r < 0)
		log_info("system calls are not limited: %s", strerror(-r));
}

/* ---- context, beside the recording ---- */

/* It may outlive the session (context_wait()): what it needs of it, it has by itself. */
struct context_job {
	int session_fd;
	const char *moment; /* a constant */
	uint16_t port;
	uint64_t deadline_ns;
};

static void *context_thread(void *arg)
{
	CLEANUP(freep) struct context_job *job = arg;
	struct context_result result = {0};
	struct err e = {0};

	/*
	 * On Linux the priority belongs to the thread, and commands inherit it: the loop's is not
	 * for the start. At the end the bundle waits, on a host that may have little time left.
	 */
	if (strcmp(job->moment, "end") != 0)
		(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 0);
	if (context_collect(job->session_fd, job->moment, job->port, job->deadline_ns, &result,
			    &e) < 0)
		log_warning("context/%s: %s", job->moment, e.text);
	(void)close(job->session_fd);
	return NULL;
}

/*
 * A file of /proc or /sys can keep its reader for ever (a hung mount: what may be recorded). Then
 * its thread is left behind; and a second signal need not wait for any of them.
 */
static void context_wait(struct session *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->contexts); i++) {
		struct session_context *c = &s->contexts[i];

		while (c->running && pthread_tryjoin_np(c->thread, NULL) != 0) {
			bool late = clock_mono_ns() > c->deadline_ns + CONTEXT_GRACE_NS;

			if (late)
				log_warning("context/%s is not complete: the kernel keeps one of "
					    "its files from being read",
					    c->moment);
			if (late || s->keep_raw)
				break;
			(void)loop_run_for(s->loop, CONTEXT_LOOK_NS, NULL);
		}
		c->running = false;
	}
}

/* Beside everything else: commands may take seconds, and neither arming nor the end waits for them.
 */
static void context_begin(struct session *s, struct session_context *c, const char *moment,
			  uint64_t limit_ns)
{
	struct context_job *job = malloc(sizeof(*job));

	c->moment = moment;
	c->deadline_ns = clock_mono_ns() + limit_ns;
	if (job)
		*job = (struct context_job){
			/* Not a duplicate, which would keep the folder's lock. */
			.session_fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			.moment = moment,
			.port = s->config->server_port,
			.deadline_ns = c->deadline_ns,
		};
	c->running = job && job->session_fd >= 0 &&
		     pthread_create(&c->thread, NULL, context_thread, job) == 0;
	if (c->running)
		return;
	log_warning("context/%s could not be collected: no thread to be had", moment);
	if (job)
		closep(&job->session_fd);
	free(job);
}

/* Once: at the verdict, so that it is done when the bundle wants it, or at another end. */
static void context_end(struct session *s)
{
	if (!s->contexts[1].moment)
		context_begin(s, &s->contexts[1], "end", CONTEXT_END_NS);
}

/* ---- the end ---- */

static int drain_sources(struct session *s, struct err *e)
{
	int r = 0;

	for (size_t i = s->source_count; i-- > 0;) {
		int one = s->sources[i].ops->drain(&s->sources[i], r == 0 ? e : NULL);

		FAILPOINT("end-drained-one");
		r = r < 0 ? r : one;
	}
	return r;
}

/* Freeze, drain, durable: after this the raw data is safe whatever happens to us. */
static int make_safe(struct session *s, struct err *e)
{
	int r, code;

	if (!s->frozen_ns)
		freeze(s);
	r = drain_sources(s, e);
	if (strcmp(s->reason, "trigger") != 0)
		session_journal_verdict(s, "stop", &s->final);
	session_journal_totals(s);
	session_journal_command(s);
	loss_flush(s->loss, s->spool);
	FAILPOINT("end-journalled");
	code = spool_sync_wait(s->spool, r == 0 ? e : NULL);
	r = r < 0 ? r : code;
	s->durable_ns = clock_mono_ns();
	session_journal_timings(s);
	if (r == 0)
		log_notice("raw data safe in %s", s->path);
	FAILPOINT("end-safe");
	return r;
}

/* A command that the same Ctrl-C ends is about to: how it did, and what it took, is asked for. */
static void await_command(struct session *s)
{
	uint64_t due_ns = clock_mono_ns() + COMMAND_GRACE_NS;

	if (s->command_pid <= 0)
		return;
	while (s->command_told && s->command_pid > 0 && !s->keep_raw && clock_mono_ns() < due_ns)
		(void)loop_run_for(s->loop, CONTEXT_LOOK_NS, NULL);
	reap_command(s);
	if (!s->command_pid)
		session_journal_command(s);
}

static void epilogues(struct session *s)
{
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].ops->epilogue)
			s->sources[i].ops->epilogue(&s->sources[i]);
	await_command(s);
	session_journal_totals(s); /* again: an epilogue may have recorded more */
	loss_flush(s->loss, s->spool);
}

static void free_sources(struct session *s)
{
	while (s->source_count) {
		struct source *src = &s->sources[--s->source_count];

		src->ops->free(src);
	}
}

static bool bundle_cancelled(void *arg)
{
	struct session *s = arg;

	(void)loop_run_for(s->loop, 0, NULL);
	return s->keep_raw;
}

static int make_bundle(struct session *s, bool sealed, struct record_result *ret, struct err *e)
{
	context_wait(s);
	return finish(
		&(struct finish_config){
			.session_fd = s->dir_fd,
			.session_path = s->path,
			.output_dir = s->config->output_dir,
			.keep = !sealed,
			.cancelled = bundle_cancelled,
			.arg = s,
		},
		ret, e);
}

static void say_kept(struct session *s, struct record_result *ret)
{
	(void)snprintf(ret->session, sizeof(ret->session), "%s", s->path);
	log_notice("the raw data is kept in %s", s->path);
	log_notice("make the bundle with: scoutfs-trace recover %s", s->path);
}

/* Whoever asked by `scoutfs-trace stop` waits for this. */
static void answer_stop(struct session *s, const struct record_result *ret, const struct err *e)
{
	CLEANUP(text_free) struct text reply = {0};
	struct json_writer w;

	if (!s->control)
		return;
	json_begin(&w, &reply, false);
	json_object(&w);
	json_kv_str(&w, "bundle", ret->bundle[0] ? ret->bundle : NULL);
	json_kv_bool(&w, "complete", ret->complete);
	json_kv_str(&w, "session", ret->session[0] ? ret->session : NULL);
	json_kv_str(&w, "error", e && e->code ? e->text : NULL);
	json_object_end(&w);
	text_str(&reply, "\n");
	control_finish(s->control, text_c(&reply));
}

/* ---- the whole ---- */

static void session_init(struct session *s, const struct record_config *c)
{
	*s = (struct session){.config = c,
			      .output_fd = -1,
			      .dir_fd = -1,
			      .lock_fd = -1,
			      .command_waiting.fd = -1};
	(void)pthread_mutex_init(&s->lock, NULL);
}

/* The mirror image of arming. What was recorded stays where it is; an unarmed folder goes. */
static void session_done(struct session *s)
{
	log_live(NULL);
	child_forget(&s->command_waiting);
	context_wait(s);
	trigger_set_free(s->triggers);
	free_sources(s);
	spool_free(s->spool);
	loss_free(s->loss);
	control_free(s->control);
	loop_free(s->loop);
	if (s->suffix[0])
		leftover_forget(s->config->run_dir, s->suffix);
	closep(&s->dir_fd);
	closep(&s->output_fd);
	closep(&s->lock_fd);
	text_free(&s->proof);
	(void)pthread_mutex_destroy(&s->lock);
}

static int control_status(void *arg, struct text *json)
{
	return session_status_json(arg, json);
}

/* Everything up to the moment from which a trigger counts. */
static int arm(struct session *s, struct err *e)
{
	int r = open_loop(s, e);

	if (r == 0)
		r = s->lock_fd = recorder_lock(s->config->run_dir, e);
	FAILPOINT("arm-lock");
	if (r >= 0)
		r = leftover_clear(s->config->run_dir, e);
	if (r == 0)
		leftover_sweep(s->config->output_dir);
	if (r == 0)
		leftover_tidy(s->config->run_dir);
	if (r == 0)
		r = trigger_set_build(s->config, &s->triggers, e);
	if (r == 0)
		r = name_session(s, e);
	if (r == 0)
		r = make_folder(s, e);
	FAILPOINT("arm-folder");
	if (r == 0)
		r = loss_open(&s->loss, e);
	if (r == 0)
		r = open_spool(s, e);
	FAILPOINT("arm-spool");
	if (r == 0)
		r = control_open(s->config->run_dir, s->loop, control_status, on_stop_request, s,
				 &s->control, e);
	FAILPOINT("arm-control");
	if (r == 0)
		r = prepare_sources(s, e);
	FAILPOINT("arm-sources");
	if (r == 0)
		r = spool_start(s->spool, e);
	FAILPOINT("arm-writer");
	if (r == 0)
		r = make_prologue_durable(s, e);
	FAILPOINT("arm-prologue");
	if (r == 0)
		r = start_sources(s, true, e);
	FAILPOINT("arm-events");
	if (r == 0)
		r = arm_triggers(s, e);
	FAILPOINT("arm-triggers");
	if (r == 0)
		r = loop_run_for(s->loop, 0, e);
	if (r >= 0 && s->stop_asked)
		r = err_set(e, -EINTR, "stopped before recording began; nothing was kept");
	return r < 0 ? r : 0;
}

static int record(struct session *s, struct err *e)
{
	int r;

	s->state = SESSION_RECORDING;
	s->armed_mono_ns = clock_mono_ns();
	s->armed_real_ns = clock_real_ns();
	r = start_sources(s, false, e);
	FAILPOINT("arm-others");
	if (r == 0)
		r = start_timers(s, e);
	if (r == 0)
		r = start_command(s, e);
	if (r < 0)
		return r;
	spare_from_oom();
	/* It sleeps nearly always; a verdict is worth being in time for. */
	(void)setpriority(PRIO_PROCESS, 0, LOOP_NICE);
	drop_privileges();
	log_notice("recording in %s", s->path);
	log_notice("armed: %s", text_c(&s->proof));
	log_notice("waiting for a trigger; Ctrl-C or scoutfs-trace stop ends the recording");
	context_begin(s, &s->contexts[0], "start", CONTEXT_START_NS);
	if (s->early.role != ROLE_OFF)
		on_verdict(s, &s->early);
	/* What was recorded until then is worth a bundle. */
	if (loop_run(s->loop, e) < 0) {
		log_error("the recording ends early: %s", e->text);
		end_by_hand(s, "stop", "the recorder could not wait for events any more");
		err_clear(e);
	}
	return 0;
}

/* A folder in which nothing was recorded helps nobody. */
static void remove_folder(struct session *s)
{
	struct err e = {0};

	spool_free(take_ptr(s->spool));
	if (s->dir_fd < 0)
		return;
	if (spent_remove(s->output_fd, s->stem, &e) < 0)
		log_warning("%s", e.text);
	(void)close(take_fd(&s->dir_fd));
}

/**
 * record_run() - record until a trigger, a signal or another end, and make the bundle
 * @c:   checked (check_run()) and with c->server resolved; borrowed
 * @ret: set when 0 is returned; ret->json is the caller's to free
 * @e:   filled on failure
 *
 * Blocks the signals that end a recording in the calling thread while it runs. When making the
 * bundle fails or is given up, the raw data stays and ret->session says where.
 *
 * Return: 0; a negative errno when nothing was recorded, or when no bundle could be made of it.
 */
int record_run(const struct record_config *c, struct record_result *ret, struct err *e)
{
	CLEANUP(session_done) struct session s;
	bool sealed;
	int r;

	session_init(&s, c);
	r = c->command ? child_prepare(c->command, &s.command_waiting, e) : 0;
	if (r == 0)
		r = arm(&s, e);
	if (r == 0)
		r = record(&s, e);
	if (r < 0) {
		trigger_set_disarm(s.triggers);
		free_sources(&s);
		remove_folder(&s);
		return r;
	}

	log_live(NULL);
	context_end(&s);
	r = make_safe(&s, e);
	if (r < 0)
		log_error("%s", e->text);
	epilogues(&s);
	sealed = spool_close(s.spool, NULL) == 0;
	FAILPOINT("end-sealed");

	r = s.keep_raw ? -ECANCELED : make_bundle(&s, sealed, ret, e);
	FAILPOINT("end-bundled");
	/* What the disk refused to seal is in the folder alone. */
	if (r < 0 || !sealed)
		say_kept(&s, ret);
	/* After the bundle, because the kernel takes its time over removing instances. */
	trigger_set_disarm(s.triggers);
	free_sources(&s);
	FAILPOINT("end-instances");
	if (r == 0 && sealed && !ret->session[0])
		remove_folder(&s);
	FAILPOINT("end-removed");
	if (r == -ECANCELED)
		r = 0;
	answer_stop(&s, ret, r < 0 ? e : NULL);
	return r;
}
