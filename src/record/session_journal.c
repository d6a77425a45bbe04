/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a session writes down about itself: the facts, once, before the first event, and the
 * journal, a JSON line for each thing that happens.
 *
 * Called by session.c, in the loop thread. folder.c reads both again. The journal is kept by the
 * spool and becomes durable with it; gaps and states of sources are journalled by loss.c and
 * source.c.
 */
#include "session.h"

#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/file.h"

#include "journal.h"

static void write_verdict(struct session *s, struct json_writer *w, const struct verdict *v)
{
	json_kv_str(w, "trigger", v->name[0] ? v->name : NULL);
	json_kv_str(w, "role", v->name[0] ? trigger_role_name(v->role) : NULL);
	json_kv_str(w, "text", v->text);
	json_kv_u64(w, "monotonic_ns", v->when_ns);
	json_kv_u64(w, "realtime_ns", session_real_of_mono(s, v->when_ns));
}

void session_journal_verdict(struct session *s, const char *kind, const struct verdict *v)
{
	struct journal_line line;
	struct json_writer *w;

	w = journal_begin(&line, kind);
	json_object(w);
	if (!strcmp(kind, "stop"))
		json_kv_str(w, "reason", s->reason ? s->reason : "trigger");
	write_verdict(s, w, v);
	json_object_end(w);
	journal_end(&line, s->spool);
}

/* Where each value came from: what is not set has none. */
static void write_configuration(const struct record_config *c, struct json_writer *w)
{
	json_key(w, "configuration");
	json_array(w);
	for (size_t i = 0; i < c->setting_count; i++) {
		if (!c->settings[i].value)
			continue;
		json_object(w);
		json_kv_str(w, "option", c->settings[i].option);
		json_kv_str(w, "value", c->settings[i].value);
		json_kv_str(w, "from", c->settings[i].from);
		json_object_end(w);
	}
	json_array_end(w);
}

void session_write_facts(struct session *s, struct text *out)
{
	const struct record_config *c = s->config;
	struct text version = {0};
	struct json_writer w;
	struct utsname u;
	char boot_id[64] = "", addr[80];

	if (file_load("/proc/sys/kernel/random/boot_id", 64, &version, NULL) == 0)
		(void)snprintf(boot_id, sizeof(boot_id), "%.36s", text_c(&version));
	text_reset(&version);
	(void)uname(&u);

	json_begin(&w, out, true);
	json_object(&w);
	json_kv_str(&w, "format", "scoutfs-trace-session");
	json_kv_u64(&w, "version", 1);
	json_kv_str(&w, "stem", s->stem);
	json_kv_str(&w, "suffix", s->suffix);
	json_kv_str(&w, "tool_version", PROJECT_VERSION);
	json_kv_str(&w, "host", u.nodename);
	json_kv_str(&w, "kernel", u.release);
	json_kv_str(&w, "kernel_build", u.version);
	json_kv_str(&w, "machine", u.machine);
	if (file_load("/sys/module/scoutfs/version", 256, &version, NULL) == 0) {
		version.len = strcspn(version.s ? version.s : "", "\n");
		json_key(&w, "scoutfs_version");
		json_str_n(&w, text_c(&version), version.len);
	} else {
		json_kv_str(&w, "scoutfs_version", NULL);
	}
	text_free(&version);
	json_kv_str(&w, "boot_id", boot_id);
	json_kv_u64(&w, "pid", (uint64_t)getpid());
	json_kv_u64(&w, "created_realtime_ns", clock_real_ns());
	json_kv_u64(&w, "created_monotonic_ns", clock_mono_ns());
	json_kv_str(&w, "server", wire_addr_format(&c->server, addr, sizeof(addr)));
	json_kv_str(&w, "server_ip", c->server_ip);
	json_kv_u64(&w, "server_port", c->server_port);
	json_key(&w, "command_line");
	json_array(&w);
	for (int i = 0; i < c->argc; i++)
		json_str(&w, c->argv[i]);
	json_array_end(&w);
	write_configuration(c, &w);
	json_key(&w, "budgets");
	json_object(&w);
	json_kv_u64(&w, "disk_bytes", c->disk_bytes);
	json_kv_u64(&w, "ring_bytes", c->ring_bytes);
	json_kv_u64(&w, "packet_ring_bytes", c->packet_ring_bytes);
	json_kv_u64(&w, "spool_memory_bytes", SESSION_SPOOL_MEMORY_BYTES);
	json_kv_u64(&w, "lag_ms", c->lag_ms);
	json_kv_u64(&w, "before_ns", c->before_ns);
	json_kv_u64(&w, "after_ns", c->after_ns);
	json_kv_u64(&w, "duration_ns", c->duration_ns);
	json_object_end(&w);
	json_key(&w, "triggers");
	json_array(&w);
	for (size_t i = 0; i < trigger_set_count(s->triggers); i++) {
		const struct trigger *t = trigger_set_at(s->triggers, i);

		json_object(&w);
		json_kv_str(&w, "name", t->name);
		json_kv_str(&w, "role", trigger_role_name(t->role));
		json_kv_str(&w, "kind", t->ops->kind);
		json_kv_str(&w, "spec", t->spec);
		json_object_end(&w);
	}
	json_array_end(&w);
	json_key(&w, "sources");
	json_object(&w);
	for (size_t i = 0; i < s->source_count; i++) {
		json_key(&w, s->sources[i].ops->name);
		json_object(&w);
		if (s->sources[i].ops->facts)
			s->sources[i].ops->facts(&s->sources[i], &w);
		json_object_end(&w);
	}
	json_object_end(&w);
	json_object_end(&w);
	text_str(out, "\n");
}

void session_journal_totals(struct session *s)
{
	struct journal_line line;
	struct json_writer *w;

	w = journal_begin(&line, "totals");
	json_object(w);
	for (size_t i = 0; i < s->source_count; i++)
		json_kv_u64(w, s->sources[i].ops->name, atomic_load(&s->sources[i].records));
	json_kv_u64(w, "heartbeats", atomic_load(&s->stats.heartbeats));
	json_kv_u64(w, "suspects", s->suspects);
	json_kv_u64(w, "newest_packet_monotonic_ns", atomic_load(&s->stats.newest_packet_ns));
	json_object_end(w);
	/* Of parts that have a row of their own: an entry beside the totals. */
	json_key(w, "parts");
	json_object(w);
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].ops->totals)
			s->sources[i].ops->totals(&s->sources[i], w);
	json_object_end(w);
	journal_end(&line, s->spool);
}

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * NSEC_PER_SEC + (uint64_t)t->tv_usec * NSEC_PER_USEC;
}

/* Of the command and of those of its children that it waited for: getrusage(2). */
static void write_usage(const struct session *s, struct json_writer *w)
{
	json_kv_u64(w, "wall_ns", s->command_ended_ns - s->command_started_ns);
	json_kv_u64(w, "user_ns", timeval_ns(&s->command_usage.ru_utime));
	json_kv_u64(w, "system_ns", timeval_ns(&s->command_usage.ru_stime));
	json_kv_u64(w, "max_rss_bytes", (uint64_t)s->command_usage.ru_maxrss * KIB);
}

void session_journal_command(struct session *s)
{
	struct journal_line line;
	struct json_writer *w;

	if (!s->config->command)
		return;
	w = journal_begin(&line, "command");
	json_object(w);
	json_kv_bool(w, "ended", s->command_pid == 0);
	if (s->command_pid == 0 && WIFEXITED(s->command_status))
		json_kv_i64(w, "exit_status", WEXITSTATUS(s->command_status));
	if (s->command_pid == 0 && WIFSIGNALED(s->command_status))
		json_kv_i64(w, "signal", WTERMSIG(s->command_status));
	json_kv_u64(w, "started_monotonic_ns", s->command_started_ns);
	if (s->command_pid == 0)
		write_usage(s, w);
	json_object_end(w);
	journal_end(&line, s->spool);
}

void session_journal_timings(struct session *s)
{
	struct journal_line line;
	struct json_writer *w;

	w = journal_begin(&line, "timings");
	json_object(w);
	json_kv_u64(w, "freeze_begun_monotonic_ns", s->freeze_begun_ns);
	json_kv_u64(w, "frozen_monotonic_ns", s->frozen_ns);
	json_kv_u64(w, "durable_monotonic_ns", s->durable_ns);
	json_object_end(w);
	journal_end(&line, s->spool);
}
