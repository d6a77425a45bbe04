/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Triggers: what decides that the moment has come.
 *
 * A final trigger ends the recording (after --after); a suspect one makes everything so far
 * durable, pins the window before it, and the recording goes on. This file holds the table of
 * built-in triggers, makes a set of it and the user's choices, and passes what happens to the
 * kinds: trigger_log, trigger_event, trigger_silence. A new kind is a file of its own and a line in
 * kinds[].
 *
 * The session calls it, from the loop thread alone. It owns the set and what arming made on the
 * host; it never stops the recording itself: that is the session's answer to a verdict.
 */
#include "trigger.h"

#include <ctype.h>
#include <errno.h>

#define F "scoutfs f.3d167d.r.d8ec8b"

/*
 * The lines and events are those of the scoutfs sources (main after v1.33; net.c, quorum.c,
 * fence.c, server.c, trans.c, ext.c), the samples were printed by a real cluster, or follow the
 * source's format string where a test cluster cannot be brought to print them. Order matters to
 * readers only: every trigger that matches fires.
 *
 * Two tempting conditions are left out on purpose: the events scoutfs_server_client_down and
 * scoutfs_net_reconn_free_work_enter, which fire at graceful unmounts too, and scoutfs_quorum_loop
 * with the candidate's role, which fires for a candidate that lost.
 */
const struct trigger_builtin trigger_builtins[] = {
	{
		.name = "reconnect-timeout",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "client .* reconnect timed out, fencing",
		.sample = F ": client 127.0.0.1:59816 reconnect timed out, fencing",
	},
	{
		.name = "recovery-timeout",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "recovery timeout expired .* fencing",
		.sample = F " error: 30000 ms recovery timeout expired for client rid "
			    "dbc3beede3772897, fencing",
	},
	{
		.name = "leader-fence",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "fencing previous leader",
		.sample = F ": fencing previous leader f.3d167d.r.3b5070 at term 1 in slot 0 with "
			    "address 127.0.0.1:19700",
	},
	{
		.name = "fence-error",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "error indicated by fence action|not serviced in .* raising error|"
			"saw error indicator|failure to reclaim",
		.sample = F " error: error indicated by fence action for rid dbc3beede3772897",
	},
	{
		/* The message ends with a full stop, so server-abort does not match it. */
		.name = "usurped",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "saw msg type .* while leader",
		.sample = F " error: saw msg type 2 from 1 for term 5 while leader in term 4, "
			    "shutting down server.",
	},
	{
		.name = "quorum-dead",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "quorum service saw error",
		.sample = F " error: quorum service saw error -5, shutting down.  This mount is no "
			    "longer participating in quorum.  It should be remounted to restore "
			    "service.",
	},
	{
		.name = "server-abort",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "shutting down server$|, shutting down$",
		.sample = F " error: client fence returned err -5, shutting down server",
	},
	{
		.name = "commit-failure",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "critical transaction commit failure",
		.sample = F " warning: critical transaction commit failure: commit log trees = "
			    "-103, retrying",
	},
	{
		.name = "corruption",
		.role = ROLE_FINAL,
		.kind = "log",
		.spec = "corruption \\(see scoutfs-corruption|inserting extent .* overlaps",
		.sample = F " error: corruption (see scoutfs-corruption(5)): "
			    "SC_DIRENT_NAME_LEN: dir_ino 1 hash 2 key 3",
	},
	{
		.name = "oops",
		.role = ROLE_FINAL,
		.kind = "log",
		.any_source = true,
		.spec = "kernel BUG at|Oops:|soft lockup|hard LOCKUP|rcu.*stall",
		.sample = "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:345]",
	},
	{
		/*
		 * A connection that the server had accepted goes down without a farewell: up to 1.1
		 * ms before `server closing` and 20 s before the fence line (measured); silent when
		 * a client unmounts. 16 is saw_farewell, 0x20 reconn_wait.
		 */
		.name = "connection-lost",
		.role = ROLE_SUSPECT,
		.kind = "event",
		.spec = EVENT_SYSTEM
		":scoutfs_conn_shutdown_queued/listening_conn != 0 && !(flags & 16)",
		.fallback = EVENT_SYSTEM ":scoutfs_conn_shutdown_complete/flags & 0x20 && "
					 "listening_conn != 0",
	},
	{
		.name = "server-closing",
		.role = ROLE_SUSPECT,
		.kind = "log",
		.spec = "server closing",
		.sample = F ": server closing 127.0.0.1:19700 -> 127.0.0.1:59816",
	},
	{
		.name = "client-disconnected",
		.role = ROLE_SUSPECT,
		.kind = "log",
		.spec = "client disconnected",
		.sample = F ": client disconnected 127.0.0.1:59816 -> 127.0.0.1:19700",
	},
	{
		.name = "heartbeat-delay",
		.role = ROLE_SUSPECT,
		.kind = "log",
		.spec = "longest quorum heartbeat .* delay",
		.sample = F ": longest quorum heartbeat send delay of 4 sec",
	},
	{
		/* Half of the 10 s after which the other slots elect a new leader. */
		.name = "heartbeat-silence",
		.role = ROLE_SUSPECT,
		.kind = "silence",
		.spec = "5",
	},
	{
		.name = "server-stopping",
		.role = ROLE_SUSPECT,
		.kind = "log",
		.spec = "server shutting down at",
		.sample = F ": server shutting down at 127.0.0.1:19700",
	},
	{
		.name = "election",
		.role = ROLE_OFF,
		.kind = "event",
		.spec = EVENT_SYSTEM ":scoutfs_quorum_send_message/type == 0",
	},
	{
		.name = "commit-budget",
		.role = ROLE_OFF,
		.kind = "log",
		.spec = "holders exceeded alloc budget",
		.sample = F " error: holders exceeded alloc budget av: bef 8192 now 8000, fr: bef "
			    "8192 now 7000",
	},
	{
		.name = "log-merge",
		.role = ROLE_OFF,
		.kind = "log",
		.spec = "error -?[0-9]+ committing log merge",
		.sample = F " error: error -5 committing log merge",
	},
	{
		/* trigger_event adds the devices of the scoutfs mounts. The event is of 5.18. */
		.name = "io-error",
		.role = ROLE_OFF,
		.kind = "event",
		.spec = "block:block_rq_error",
		.fallback = "block:block_rq_complete/error != 0",
	},
	{
		.name = "hung-task",
		.role = ROLE_OFF,
		.kind = "log",
		.any_source = true,
		.spec = "blocked for more than .* seconds",
		.sample = "INFO: task kworker/0:1:12 blocked for more than 120 seconds.",
	},
};
const size_t trigger_builtin_count = ARRAY_SIZE(trigger_builtins);

static const struct trigger_ops *const kinds[] = {
	&trigger_log_ops,
	&trigger_event_ops,
	&trigger_silence_ops,
};

/* A preset sets the role of every row of the table: those it names are final, all others off. */
static const struct preset {
	const char *name;
	const char *final[4];
} presets[] = {
	/* What the shell script waited for that scoutfs-trace replaces. */
	{"script", {"server-closing", "reconnect-timeout"}},
};

struct trigger_set {
	struct trigger *triggers;
	size_t count;
	bool facility_any;
	bool armed;
	struct trigger_env env;
};

/* ---- building ---- */

static const struct trigger_ops *kind_ops(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i]->kind) == n && memcmp(kinds[i]->kind, name, n) == 0)
			return kinds[i];
	return NULL;
}

static struct trigger *find(const struct trigger_set *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->triggers[i].spec, name) == 0 && s->triggers[i].user)
			return &s->triggers[i];
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->triggers[i].name, name) == 0)
			return &s->triggers[i];
	return NULL;
}

static int unknown(const char *name, const char *what, const char *const *names, size_t count,
		   const char *tail, struct err *e)
{
	CLEANUP(text_free) struct text list = {0};
	const char *near = nearest_name(name, names, count);

	for (size_t i = 0; i < count; i++)
		text_printf(&list, "%s%s", i ? ", " : "", names[i]);
	return err_set(e, -EINVAL, "there is no %s \"%.100s\"%s%s%s; there are: %s%s", what, name,
		       near ? "; did you mean " : "", near ? near : "", near ? "?" : "",
		       text_c(&list), tail);
}

static int unknown_trigger(const char *name, struct err *e)
{
	const char *names[ARRAY_SIZE(trigger_builtins)];

	if (kind_ops(name, strlen(name)))
		return err_set(e, -EINVAL,
			       "\"%s\" alone is no trigger; give log:REGEX, "
			       "event:SYSTEM:EVENT[/FILTER] or silence:SECONDS",
			       name);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		names[i] = trigger_builtins[i].name;
	return unknown(name, "trigger", names, ARRAY_SIZE(names),
		       ", and log:REGEX, event:SYSTEM:EVENT[/FILTER], silence:SECONDS", e);
}

static int unknown_kind(const char *spec, struct err *e)
{
	const char *names[ARRAY_SIZE(kinds)];
	char kind[64];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		names[i] = kinds[i]->kind;
	snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(spec, ":"), spec);
	return unknown(kind, "kind of trigger", names, ARRAY_SIZE(names),
		       " (log:REGEX, event:SYSTEM:EVENT[/FILTER], silence:SECONDS)", e);
}

/* The name of a user's trigger is what the user wrote, cut; control characters are not kept. */
static void name_user_trigger(struct trigger *t, const char *spec)
{
	snprintf(t->name, sizeof(t->name), "%s", spec);
	for (char *c = t->name; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
}

static int add_user_trigger(struct trigger_set *s, const char *spec, enum trigger_role role,
			    struct err *e)
{
	const struct trigger_ops *ops = kind_ops(spec, strcspn(spec, ":"));
	struct trigger *t = find(s, spec);

	if (!ops)
		return unknown_kind(spec, e);
	if (t && t->user) { /* said twice: the last role counts */
		t->role = role;
		return 0;
	}
	t = &s->triggers[s->count++];
	t->ops = ops;
	t->user = true;
	t->spec = spec;
	t->role = role;
	name_user_trigger(t, spec);
	return 0;
}

static int set_role(struct trigger_set *s, const char *spec, enum trigger_role role, struct err *e)
{
	struct trigger *t;

	if (role != ROLE_OFF && strchr(spec, ':'))
		return add_user_trigger(s, spec, role, e);
	t = find(s, spec);
	if (!t)
		return unknown_trigger(spec, e);
	t->role = role;
	return 0;
}

static int apply_preset(struct trigger_set *s, const char *name, struct err *e)
{
	const char *names[ARRAY_SIZE(presets)];

	for (size_t i = 0; i < ARRAY_SIZE(presets); i++) {
		const struct preset *p = &presets[i];

		names[i] = p->name;
		if (strcmp(p->name, name) != 0)
			continue;
		for (size_t n = 0; n < s->count; n++)
			if (!s->triggers[n].user)
				s->triggers[n].role = ROLE_OFF;
		for (size_t n = 0; n < ARRAY_SIZE(p->final) && p->final[n]; n++) {
			struct trigger *t = find(s, p->final[n]);

			if (t)
				t->role = ROLE_FINAL;
		}
		return 0;
	}
	return unknown(name, "preset", names, ARRAY_SIZE(names), "", e);
}

static int apply_choice(struct trigger_set *s, const struct trigger_choice *c, struct err *e)
{
	switch (c->what) {
	case CHOICE_FINAL:
		return set_role(s, c->spec, ROLE_FINAL, e);
	case CHOICE_SUSPECT:
		return set_role(s, c->spec, ROLE_SUSPECT, e);
	case CHOICE_DISABLE:
		return set_role(s, c->spec, ROLE_OFF, e);
	case CHOICE_PRESET:
		return apply_preset(s, c->spec, e);
	}
	return err_set(e, -EINVAL, "a trigger option of an unknown kind");
}

static void add_builtins(struct trigger_set *s)
{
	for (size_t i = 0; i < trigger_builtin_count; i++) {
		const struct trigger_builtin *b = &trigger_builtins[i];
		struct trigger *t = &s->triggers[s->count++];

		t->ops = kind_ops(b->kind, strlen(b->kind));
		t->builtin = b;
		t->spec = b->spec;
		t->role = b->role;
		snprintf(t->name, sizeof(t->name), "%s", b->name);
	}
}

/* Those that are off take no further part; priv is not made before this, so moving is safe. */
static void drop_off(struct trigger_set *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->triggers[i].role != ROLE_OFF)
			s->triggers[kept++] = s->triggers[i];
	s->count = kept;
}

/* A user's spec is "KIND:SPEC"; a row of the table has the two apart. */
static int parse(struct trigger *t, struct err *e)
{
	return t->ops->parse(t, t->user ? strchr(t->spec, ':') + 1 : t->spec, e);
}

/**
 * trigger_set_build() - the set that a configuration asks for
 * @c:   choices are applied in the order given to the roles of the table; their strings must
 * outlive the set
 * @ret: set on success; free it with trigger_set_free()
 * @e:   filled on failure: the choice, what is wrong with it, and what there is
 *
 * --trigger makes final, --suspect makes suspect, --no-trigger turns off (a name of the table, or a
 * KIND:SPEC given before). A preset sets every row of the table and leaves the user's own alone.
 * Triggers that are off are not in the set. Pure: nothing on the host is looked at.
 *
 * Return: 0; -EINVAL for an unknown name, kind or preset, or a spec that does not parse; -ENOMEM.
 */
int trigger_set_build(const struct record_config *c, struct trigger_set **ret, struct err *e)
{
	struct trigger_set *s = calloc(1, sizeof(*s));
	int r = 0;

	if (s)
		s->triggers = calloc(trigger_builtin_count + c->choice_count, sizeof(*s->triggers));
	if (!s || !s->triggers) {
		free(s);
		return err_nomem(e);
	}
	s->facility_any = c->log_facility_any;

	add_builtins(s);
	for (size_t i = 0; r == 0 && i < c->choice_count; i++) {
		size_t before = s->count;

		r = apply_choice(s, &c->choices[i], e);
		if (s->count > before)
			s->triggers[before].from = record_setting_of(c, "trigger", i);
	}
	drop_off(s);
	for (size_t i = 0; r == 0 && i < s->count; i++)
		r = parse(&s->triggers[i], e);
	if (r < 0) {
		trigger_set_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/** trigger_set_free() - disarm and free; NULL is fine */
void trigger_set_free(struct trigger_set *s)
{
	if (!s)
		return;
	trigger_set_disarm(s);
	trigger_watch_free(s->env.watch); /* before the triggers, which it has a list of */
	for (size_t i = 0; i < s->count; i++)
		s->triggers[i].ops->free(&s->triggers[i]);
	free(s->triggers);
	free(s);
}

size_t trigger_set_count(const struct trigger_set *s)
{
	return s->count;
}

const struct trigger *trigger_set_at(const struct trigger_set *s, size_t i)
{
	return &s->triggers[i];
}

const char *trigger_role_name(enum trigger_role role)
{
	switch (role) {
	case ROLE_OFF:
		return "off";
	case ROLE_SUSPECT:
		return "suspect";
	case ROLE_FINAL:
		return "final";
	}
	return "unknown";
}

/* ---- arming ---- */

static unsigned int count_armed(const struct trigger_set *s, const struct trigger_ops *ops)
{
	unsigned int n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += s->triggers[i].ops == ops && s->triggers[i].armed;
	return n;
}

static void say_armed(const struct trigger_set *s, const struct text *events, struct text *ret)
{
	unsigned int logs = count_armed(s, &trigger_log_ops);
	unsigned int silences = count_armed(s, &trigger_silence_ops);
	unsigned int off = 0;
	size_t from = ret->len;

	if (logs)
		text_printf(ret, "%u log pattern%s checked", logs, logs == 1 ? "" : "s");
	if (events->len)
		text_printf(ret, "%s%s", ret->len > from ? ", " : "", text_c(events));
	if (silences)
		text_printf(ret, "%s%u silence timer%s", ret->len > from ? ", " : "", silences,
			    silences == 1 ? "" : "s");
	for (size_t i = 0; i < s->count; i++)
		off += !s->triggers[i].armed;
	if (off)
		text_printf(ret, "%s%u not armed", ret->len > from ? ", " : "", off);
	if (s->count == 0)
		text_str(ret, "no triggers");
}

/**
 * trigger_set_arm() - listen
 * @s:         a set that was built and not armed yet
 * @env:       copied; what it points at is borrowed until trigger_set_disarm()
 * @ret_proof: a line for the status is appended, such as "13 log patterns checked, 1 event watched
 *             (marker seen after 0.2 ms), 1 silence timer"
 * @e:         filled on failure
 *
 * Runs the loop for up to 2 s to see its own markers arrive. What this host or this scoutfs module
 * cannot do leaves a trigger with armed false and the reason in why, which the caller shows as a
 * warning. After a failure call trigger_set_disarm() or trigger_set_free().
 *
 * Return: 0; -EINVAL when the kernel refuses the filter of a user's own event; a negative errno of
 * the loop or of memory.
 */
int trigger_set_arm(struct trigger_set *s, struct trigger_env *env, struct text *ret_proof,
		    struct err *e)
{
	CLEANUP(text_free) struct text events = {0};
	int r;

	s->env = *env;
	s->env.watch = NULL;
	r = trigger_watch_open(&s->env, &s->env.watch, e);
	if (r < 0)
		return r;
	s->armed = true;

	for (size_t i = 0; i < s->count; i++) {
		struct trigger *t = &s->triggers[i];

		t->env = &s->env;
		r = t->ops->arm(t, &s->env, e);
		if (r < 0 && r != -EOPNOTSUPP)
			return record_setting_blame(t->from, r, e);
		t->armed = r == 0;
	}
	r = trigger_watch_start(s->env.watch, &events, e);
	if (r < 0)
		return r;
	say_armed(s, &events, ret_proof);
	return 0;
}

/**
 * trigger_set_disarm() - stop listening, and remove what arming made on the host
 *
 * May be called from the verdict callback, and more than once; NULL is fine. Each trigger keeps its
 * figures.
 */
void trigger_set_disarm(struct trigger_set *s)
{
	if (!s || !s->armed)
		return;
	s->armed = false;
	for (size_t i = 0; i < s->count; i++)
		if (s->triggers[i].ops->disarm)
			s->triggers[i].ops->disarm(&s->triggers[i]);
	trigger_watch_stop(s->env.watch);
}

/** trigger_why() - say why a trigger is not armed, or how it was proved; cut to what fits */
void trigger_why(struct trigger *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
}

/* ---- firing ---- */

/**
 * trigger_fire() - tell the session that a trigger's condition was met
 * @t:       an armed trigger
 * @when_ns: CLOCK_MONOTONIC time of what was seen
 * @text:    what was seen; cut to what a verdict holds
 *
 * Every time, however often: what a storm of suspects costs is for the session to limit.
 */
void trigger_fire(struct trigger *t, uint64_t when_ns, const char *text)
{
	struct verdict v = {.role = t->role, .when_ns = when_ns};

	t->fired++;
	snprintf(v.name, sizeof(v.name), "%s", t->name);
	snprintf(v.text, sizeof(v.text), "%s", text);
	t->env->verdict(t->env->arg, &v);
}

/* Facility 0 is the kernel's own; what a process writes to /dev/kmsg is given another (1, user). */
static bool facility_counts(const struct trigger_set *s, unsigned int facility)
{
	return facility == 0 || s->facility_any;
}

/**
 * trigger_set_log() - a kernel-log record was read
 * @s:       the set; nothing happens unless it is armed
 * @r:       the record
 * @mono_ns: its time, CLOCK_MONOTONIC
 *
 * Every trigger that matches fires, in the order of the set.
 */
void trigger_set_log(struct trigger_set *s, const struct kmsg_record *r, uint64_t mono_ns)
{
	if (!facility_counts(s, r->facility))
		return;
	for (size_t i = 0; s->armed && i < s->count; i++)
		if (s->triggers[i].armed && trigger_log_matches(&s->triggers[i], r->text))
			trigger_fire(&s->triggers[i], mono_ns, r->text);
}

/**
 * trigger_set_match_log() - which trigger would this record fire first?
 * @text:     of the record
 * @facility: of the record; 0 is the kernel
 *
 * Pure; the set need not be armed.
 *
 * Return: the trigger, which belongs to the set; NULL for none.
 */
const struct trigger *trigger_set_match_log(const struct trigger_set *s, const char *text,
					    unsigned int facility)
{
	if (!facility_counts(s, facility))
		return NULL;
	for (size_t i = 0; i < s->count; i++)
		if (trigger_log_matches(&s->triggers[i], text))
			return &s->triggers[i];
	return NULL;
}
