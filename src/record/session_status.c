/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a running recorder says about itself: the reply to `scoutfs-trace status` and the live line.
 *
 * Called by session.c each second and for each request, in the loop thread. It reads counters and
 * never changes anything but the rates it keeps.
 */
#include "session.h"

#include <errno.h>

#include "base/json.h"
#include "base/log.h"

#define RETENTION_SETTLED_NS (10 * NSEC_PER_SEC)
#define RATE_MIN_NS (NSEC_PER_SEC / 2) /* a shorter interval makes a rate of noise */

const char *session_state_name(enum session_state state)
{
	static const char *const names[] = {"arming", "recording", "after", "finishing"};

	return names[state];
}

static double per_second(uint64_t now, uint64_t before, uint64_t ns)
{
	return (double)(now - before) * (double)NSEC_PER_SEC / (double)ns;
}

static void update_rates(struct session *s)
{
	struct session_rates *r = &s->rates;
	uint64_t now = clock_mono_ns(), ns = now - r->at_ns;
	struct spool_stats spool;
	uint64_t events, packets, heartbeats;

	if (ns < RATE_MIN_NS)
		return;
	spool_stats(s->spool, &spool);
	events = atomic_load(&s->stats.events);
	packets = atomic_load(&s->stats.packets);
	heartbeats = atomic_load(&s->stats.heartbeats);
	if (r->at_ns) {
		r->events_per_s = per_second(events, r->events, ns);
		r->packets_per_s = per_second(packets, r->packets, ns);
		r->heartbeats_per_s = per_second(heartbeats, r->heartbeats, ns);
	}
	/* Chunks are written in lumps up to a minute apart: only a mean over all of it tells. */
	ns = s->armed_mono_ns && now > s->armed_mono_ns ? now - s->armed_mono_ns : ns;
	r->written_per_s = per_second(spool.written_bytes, 0, ns);
	r->at_ns = now;
	r->events = events;
	r->packets = packets;
	r->heartbeats = heartbeats;
}

/* How far back the spool reaches once it is full, at the mean rate so far; 0 unknown. */
static uint64_t retention_ns(const struct session *s)
{
	double seconds;

	if (s->rates.written_per_s < 1)
		return 0;
	seconds = (double)s->config->disk_bytes / s->rates.written_per_s;
	return seconds > 1e9 ? 1000000000u * NSEC_PER_SEC : (uint64_t)(seconds * 1e9);
}

static void write_lost(struct session *s, struct json_writer *w)
{
	json_key(w, "lost");
	json_array(w);
	for (size_t i = 0; i <= s->source_count; i++) {
		const char *name = i < s->source_count ? s->sources[i].ops->name : "spool";
		bool uncounted;
		uint64_t count = loss_total(s->loss, name, &uncounted);

		if (!count && !uncounted)
			continue;
		json_object(w);
		json_kv_str(w, "source", name);
		json_kv_u64(w, "count", count);
		json_kv_bool(w, "uncounted", uncounted);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_sources(struct session *s, struct json_writer *w)
{
	json_key(w, "sources");
	json_array(w);
	for (size_t i = 0; i < s->source_count; i++) {
		struct source *src = &s->sources[i];

		json_object(w);
		json_kv_str(w, "name", src->ops->name);
		json_kv_str(w, "status", source_status_name(atomic_load(&src->status)));
		pthread_mutex_lock(&s->lock);
		json_kv_str(w, "why", src->why);
		pthread_mutex_unlock(&s->lock);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_triggers(struct session *s, struct json_writer *w)
{
	json_key(w, "triggers");
	json_array(w);
	for (size_t i = 0; i < trigger_set_count(s->triggers); i++) {
		const struct trigger *t = trigger_set_at(s->triggers, i);

		json_object(w);
		json_kv_str(w, "name", t->name);
		json_kv_str(w, "role", trigger_role_name(t->role));
		json_kv_bool(w, "armed", t->armed);
		json_kv_str(w, "why", t->why);
		json_kv_u64(w, "fired", t->fired);
		json_object_end(w);
	}
	json_array_end(w);
}

/**
 * session_status_json() - the reply to a status request
 * @out: one JSON object is added
 *
 * Return: 0, or -ENOMEM through @out.
 */
int session_status_json(struct session *s, struct text *out)
{
	uint64_t now = clock_mono_ns(), beat = atomic_load(&s->stats.heartbeat_ns);
	struct spool_stats spool;
	struct json_writer w;
	char addr[80];

	update_rates(s);
	spool_stats(s->spool, &spool);
	json_begin(&w, out, false);
	json_object(&w);
	json_kv_u64(&w, "pid", (uint64_t)getpid());
	json_kv_str(&w, "session", s->path);
	json_kv_str(&w, "server", wire_addr_format(&s->config->server, addr, sizeof(addr)));
	json_kv_str(&w, "state", session_state_name(s->state));
	json_kv_u64(&w, "armed_real_ns", s->armed_real_ns);
	json_kv_u64(&w, "armed_mono_ns", s->armed_mono_ns);
	json_kv_u64(&w, "now_mono_ns", now);
	json_kv_u64(&w, "events", atomic_load(&s->stats.events));
	json_kv_u64(&w, "events_per_s", (uint64_t)(s->rates.events_per_s + 0.5));
	json_kv_u64(&w, "packets", atomic_load(&s->stats.packets));
	json_kv_u64(&w, "packets_per_s", (uint64_t)(s->rates.packets_per_s + 0.5));
	json_kv_u64(&w, "heartbeats", atomic_load(&s->stats.heartbeats));
	json_kv_u64(&w, "heartbeats_per_s", (uint64_t)(s->rates.heartbeats_per_s + 0.5));
	if (beat)
		json_kv_u64(&w, "last_heartbeat_age_ns", now > beat ? now - beat : 0);
	json_kv_u64(&w, "log_records", atomic_load(&s->stats.log_records));
	json_key(&w, "series");
	json_object(&w);
	json_kv_u64(&w, "count", atomic_load(&s->stats.series));
	json_kv_u64(&w, "samples", atomic_load(&s->stats.samples));
	json_object_end(&w);
	json_kv_u64(&w, "retention_ns", retention_ns(s));
	json_kv_u64(&w, "before_ns", s->config->before_ns);
	write_lost(s, &w);
	json_kv_u64(&w, "suspects", s->suspects);
	json_kv_u64(&w, "disk_bytes", spool.disk_bytes);
	json_kv_u64(&w, "disk_budget_bytes", s->config->disk_bytes);
	json_kv_u64(&w, "memory_bytes", spool.memory_bytes);
	json_kv_u64(&w, "worst_sync_ns", spool.worst_sync_ns);
	write_sources(s, &w);
	write_triggers(s, &w);
	json_kv_str(&w, "proof", text_c(&s->proof));
	json_object_end(&w);
	return text_ok(out) ? 0 : -ENOMEM;
}

/* Once, when it turns out that the budget does not hold the window that was asked for. */
static void warn_of_short_retention(struct session *s)
{
	uint64_t keeps = retention_ns(s);
	char have[32], want[32];

	if (s->retention_said || !keeps || keeps >= s->config->before_ns ||
	    clock_mono_ns() - s->armed_mono_ns < RETENTION_SETTLED_NS)
		return;
	s->retention_said = true;
	log_warning(
		"at the present rate the disk budget holds the last %s, less than --before %s; a "
		"larger --disk-budget holds more",
		format_duration(keeps, have, sizeof(have)),
		format_duration(s->config->before_ns, want, sizeof(want)));
}

/**
 * session_tick() - renew the rates and the live line
 */
void session_tick(struct session *s)
{
	char events[32], packets[32], armed[32], disk[32], memory[32], keeps[32], line[256];
	uint64_t retention, lost;
	struct spool_stats spool;
	bool uncounted;

	update_rates(s);
	warn_of_short_retention(s);
	if (!log_is_terminal() || s->state > SESSION_AFTER)
		return;
	spool_stats(s->spool, &spool);
	retention = retention_ns(s);
	lost = loss_total(s->loss, NULL, &uncounted);
	/* What matters most first: a terminal of 80 columns shows the beginning. */
	(void)snprintf(
		line, sizeof(line),
		"armed %s · %s ev/s · %s pkt/s · %.0f hb/s · keeps %s%s · lost %llu%s · disk "
		"%s · mem %s",
		format_duration(clock_mono_ns() - s->armed_mono_ns, armed, sizeof(armed)),
		format_count((uint64_t)s->rates.events_per_s, events, sizeof(events)),
		format_count((uint64_t)s->rates.packets_per_s, packets, sizeof(packets)),
		s->rates.heartbeats_per_s,
		retention ? format_duration(retention, keeps, sizeof(keeps)) : "?",
		retention && retention < s->config->before_ns ? " (short!)" : "",
		(unsigned long long)lost, uncounted ? "+" : "",
		format_bytes(spool.disk_bytes, disk, sizeof(disk)),
		format_bytes(spool.memory_bytes, memory, sizeof(memory)));
	log_live(line);
}
