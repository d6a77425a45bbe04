/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: argument vector in, struct arguments out.
 *
 * Called by main and by the unit tests. Everything that is known about an option stands in one row
 * of option_table: the parser, the defaults, --help and the bash completion read it, and a test
 * compares the man page with it. A default is the text that a user would type, and goes through the
 * same parser.
 *
 * GNU manners: --name=VALUE, --name VALUE, -n VALUE, -nVALUE, -qv, options anywhere before "--".
 * What follows
 * "--" is a command and never looked at. The verb is the first operand; an operand that is no verb
 * makes it `record`. Because options may stand before the verb, the vector is walked twice: once to
 * find the verb, once to take its options.
 *
 * getopt_long() is not used: it prints its own messages, cannot suggest, and takes abbreviations,
 * which break in somebody's script on the day that a second option with the same beginning is
 * added.
 *
 * This file knows the shape of a value (a size, a duration, a port), not whether it makes sense on
 * this host: that is for the checks of the recorder.
 */
#include "option.h"

#include <arpa/inet.h>
#include <errno.h>

#include "record/control.h"

#define HELP_COLUMNS 80 /* a serial console shows no more */
#define HELP_INDENT 30

#define ON(verb) (1U << (verb))
#define ON_EACH (ON(VERB_COUNT) - 1)
#define ON_ARMING (ON(VERB_RECORD) | ON(VERB_CHECK))
#define ON_ASKING (ON(VERB_STATUS) | ON(VERB_STOP))
#define ON_REPORT ON(VERB_REPORT)
#define ON_READING (ON_REPORT | ON(VERB_EXPORT))
#define FIELD(member) offsetof(struct arguments, member)

const struct verb_row verb_table[VERB_COUNT] = {
	[VERB_RECORD] =
		{"record", "[IP PORT] [OPTION]... [-- COMMAND ARG...]",
		 "record until a trigger fires or you end it; the word record may be left out",
		 "Records trace events, packets and the kernel log of this node, always keeping "
		 "the newest, and ends by itself when the kernel log or a trace event says that a "
		 "client is being fenced, or when you press Ctrl-C. It leaves one file, and prints "
		 "its path on standard output.\n"
		 "IP and PORT are the address of the scoutfs server: as in \"server starting at "
		 "IP:PORT\" or \"client connected A:B -> IP:PORT\" in the kernel log. Without them "
		 "the server is looked for on this host.\n"
		 "With a COMMAND, recording also ends when the command does.",
		 0, 2},
	[VERB_CHECK] = {"check", "[IP PORT] [OPTION]...",
			"tell whether this host is ready to record, and how to mend what is not",
			"Runs the checks that come before every recording, and records nothing. "
			"Exit status 0: ready (there may be warnings).",
			0, 2},
	[VERB_RECOVER] =
		{"recover", "[DIR] [OPTION]...",
		 "make the bundle from the folder that a killed recorder left behind",
		 "DIR is the session folder: the one that the recorder called safe, or the folder "
		 "scoutfs-trace.HOST.DATE.XXXXXX in the output folder. What the kernel still holds "
		 "of that recording is taken too. Prints the path of the bundle.\n"
		 "Without DIR: all folders of recorders that died in /var/lib/scoutfs-trace (or "
		 "--output-dir). scoutfs-trace-recover.service does that when the host has come up "
		 "again.",
		 0, 1},
	[VERB_STATUS] = {"status", "[OPTION]...", "show what the running recorder is doing",
			 "Shows since when the recorder on this host is armed, how fast data comes "
			 "in, how far back it reaches, what was lost, and what it costs.",
			 0, 0},
	[VERB_STOP] = {"stop", "[OPTION]...",
		       "end the running recorder, wait for its bundle, print the path",
		       "Ends the recorder on this host as Ctrl-C in its terminal would, waits "
		       "until its bundle is complete, and prints the path.",
		       0, 0},
	[VERB_REPORT] =
		{"report", "BUNDLE [REPORT]... [OPTION]...",
		 "show what a recording says: who was fenced, when, and why",
		 "BUNDLE is what a recorder left: a .tar.zst, the folder it was unpacked to, a "
		 "session folder, even while it is being recorded, or - for standard input. It is "
		 "read without unpacking it, by a process without any rights, so it may come from "
		 "a "
		 "stranger. REPORT is a name that --list-reports shows, or NAME.TABLE for one "
		 "table "
		 "of it; without one it is the verdict.\n"
		 "A TIME is -10s or +1.5s (from the trigger), 10:00:02.5 (that time of day nearest "
		 "to the trigger), 2026-11-20T10:00:02 (UTC, or with Z or +02:00), or @1234.567 "
		 "(the host's monotonic clock).",
		 0, OPERANDS_ANY},
	[VERB_EXPORT] =
		{"export", "BUNDLE [OPTION]...",
		 "make a file for another program from a recording: Perfetto, Wireshark",
		 "BUNDLE is what report takes, and a TIME is what it is there. A file for "
		 "Perfetto has requests and waits for locks as spans, the kernel log, the trigger "
		 "and what was lost as marks, and rates as counters; one for Wireshark has the "
		 "packets, with trigger and losses as comments.",
		 0, 1},
	[VERB_HELP] = {"help", "[VERB]", "explain a verb and its options", "", 0, 1},
};

static const char *const group_titles[GROUP_COUNT] = {
	[GROUP_CAPTURE] = "What is recorded", [GROUP_TRIGGERS] = "What ends the recording",
	[GROUP_LIMITS] = "How much is kept",  [GROUP_PLACES] = "Where things go",
	[GROUP_REPORT] = "What is shown",     [GROUP_GENERAL] = "General",
};

static const char *const facility_words[] = {"kernel", "any", NULL};
/* In the order of enum report_export, without none. */
static const char *const export_words[] = {"perfetto", "pcapng", NULL};
/* In the order of enum report_format. */
static const char *const format_words[] = {"text", "csv", "json", NULL};

#define LIST_INTERFACES "any $(ls /sys/class/net 2>/dev/null)"
#define LIST_TRIGGERS \
	"$(\"$1\" --list-triggers 2>/dev/null | while read -r name rest; do echo \"$name\"; done)"

const struct option_row option_table[] = {
	{ON_ARMING, GROUP_CAPTURE, OPTION_TEXT, "interface", 'i', "NAME", "any",
	 .field = FIELD(config.interface), .complete = LIST_INTERFACES,
	 .help = "capture packets of this network interface"},
	{ON_ARMING, GROUP_CAPTURE, OPTION_EVENT, "event", 'e', "SPEC",
	 .help = "record these trace events too: SYSTEM, SYSTEM:EVENT or SYSTEM:EVENT/FILTER; may "
		 "be repeated"},
	{ON_ARMING, GROUP_CAPTURE, OPTION_FLAG, "no-heartbeat-wait",
	 .field = FIELD(no_heartbeat_wait),
	 .help = "arm at once: do not wait up to 5 s for a heartbeat of the server"},

	{ON_ARMING, GROUP_TRIGGERS, OPTION_CHOICE, "trigger", 0, "SPEC", .choice = CHOICE_FINAL,
	 .complete = LIST_TRIGGERS " log: event: silence:",
	 .help = "end when this happens: log:REGEX, event:SYSTEM:EVENT[/FILTER], silence:SECONDS, "
		 "or the NAME of a built-in trigger; may be repeated"},
	{ON_ARMING, GROUP_TRIGGERS, OPTION_CHOICE, "suspect", 0, "SPEC", .choice = CHOICE_SUSPECT,
	 .complete = LIST_TRIGGERS " log: event: silence:",
	 .help = "when this happens, put all that is recorded safely on disk and go on; SPEC as "
		 "for --trigger; may be repeated"},
	{ON_ARMING, GROUP_TRIGGERS, OPTION_CHOICE, "no-trigger", 0, "NAME",
	 .choice = CHOICE_DISABLE, .complete = LIST_TRIGGERS,
	 .help = "turn a built-in trigger off; may be repeated"},
	{ON_ARMING, GROUP_TRIGGERS, OPTION_CHOICE, "preset", 0, "NAME", .choice = CHOICE_PRESET,
	 .help = "use a named set of triggers instead of the built-in roles; script: end at "
		 "\"server closing\" or \"client ... reconnect timed out, fencing\""},
	{ON(VERB_RECORD), GROUP_TRIGGERS, OPTION_FLAG, "list-triggers",
	 .field = FIELD(list_triggers),
	 .help = "print the built-in triggers with their roles and end"},
	{ON_ARMING, GROUP_TRIGGERS, OPTION_WORD, "log-facility", 0, "WORD", "kernel",
	 .words = facility_words, .field = FIELD(log_facility),
	 .help = "kernel: only what the kernel itself logs can fire a trigger; any: also what "
		 "programs write to /dev/kmsg"},
	{ON_ARMING, GROUP_TRIGGERS, OPTION_DURATION, "duration", 0, "TIME", .least = "100ms",
	 .field = FIELD(config.duration_ns), .help = "end after this long at the latest"},

	{ON_ARMING, GROUP_LIMITS, OPTION_DURATION, "before", 0, "TIME", "120s", .most = "30d",
	 .field = FIELD(config.before_ns),
	 .help = "history wanted before the trigger: kept safe around a suspect; a warning tells "
		 "when the disk budget holds less"},
	{ON_ARMING, GROUP_LIMITS, OPTION_DURATION, "after", 0, "TIME", "1s", .most = "1h",
	 .field = FIELD(config.after_ns), .help = "go on for this long after the final trigger"},
	{ON_ARMING, GROUP_LIMITS, OPTION_SIZE, "disk-budget", 0, "SIZE", "1G", .least = "16M",
	 .field = FIELD(config.disk_bytes),
	 .help = "disk space for what is kept, compressed; when full, the oldest goes first. The "
		 "bundle needs as much again"},
	{ON_ARMING, GROUP_LIMITS, OPTION_SIZE, "ring-memory", 0, "SIZE", "256M", .least = "1M",
	 .field = FIELD(config.ring_bytes),
	 .help = "memory for the kernel's trace rings, all CPUs together; at most 64M for each"},
	{ON_ARMING, GROUP_LIMITS, OPTION_SIZE, "packet-memory", 0, "SIZE", "32M", .least = "1M",
	 .most = "1G", .field = FIELD(config.packet_ring_bytes),
	 .help = "memory for the kernel's packet ring"},
	{ON_ARMING, GROUP_LIMITS, OPTION_DURATION, "lag", 0, "TIME", "1s", .least = "50ms",
	 .most = "60s", .field = FIELD(lag_ns),
	 .help = "a power cut costs at most this much of the newest data"},

	{ON_ARMING, GROUP_PLACES, OPTION_TEXT, "output-dir", 'o', "DIR", RECORD_DEFAULT_OUTPUT_DIR,
	 .field = FIELD(config.output_dir), .complete = "-d",
	 .help = "folder for the recording and its bundle"},
	{ON(VERB_RECOVER), GROUP_PLACES, OPTION_TEXT, "output-dir", 'o', "DIR",
	 .field = FIELD(config.output_dir), .complete = "-d",
	 .help = "folder for the bundle instead of the one that holds the session folder; without "
		 "DIR: folder with the session folders"},
	{ON_ARMING, GROUP_PLACES, OPTION_FLAG, "force-output", .field = FIELD(config.force_output),
	 .help = "accept an output folder on scoutfs, where recording is part of what it records"},
	{ON_ARMING | ON_ASKING | ON(VERB_RECOVER), GROUP_PLACES, OPTION_TEXT, "run-dir", 0, "DIR",
	 RECORD_DEFAULT_RUN_DIR, .field = FIELD(config.run_dir), .complete = "-d",
	 .help = "folder of the lock and the control socket, by which the verbs find the running "
		 "recorder"},

	{ON_REPORT, GROUP_REPORT, OPTION_FLAG, "list-reports", .field = FIELD(list_reports),
	 .help = "print the reports that there are and end"},
	{ON_READING, GROUP_REPORT, OPTION_TEXT, "from", 0, "TIME", .field = FIELD(from),
	 .help = "only what happened at this time or later"},
	{ON_READING, GROUP_REPORT, OPTION_TEXT, "to", 0, "TIME", .field = FIELD(to),
	 .help = "only what happened at this time or earlier"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "source", 0, "NAME", .choice = FILTER_SOURCE,
	 .complete = "trace packets log",
	 .help = "read only this: trace, packets or log; may be repeated"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "event", 'e', "NAME", .choice = FILTER_EVENT,
	 .help = "only these trace events: SYSTEM, SYSTEM:EVENT or EVENT, also with *; may be "
		 "repeated"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "pid", 0, "NUMBER", .choice = FILTER_PID,
	 .help = "only trace events of this thread, or of several: 7,9; may be repeated"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "comm", 0, "NAME", .choice = FILTER_COMM,
	 .help = "only trace events of threads of this name, also with *; may be repeated"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "cpu", 0, "NUMBER", .choice = FILTER_CPU,
	 .help = "only trace events of this CPU, or of several: 0,4-7; may be repeated"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "where", 0, "CONDITION", .choice = FILTER_WHERE,
	 .help = "only trace events with fields like this: 'nh_cmd == 6 && error != 0'; may be "
		 "repeated"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "rid", 0, "MOUNT", .choice = FILTER_RID,
	 .help = "only events and connections of this mount: its rid, the first six digits, or "
		 "f.xxxxxx.r.xxxxxx; may be repeated"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "peer", 0, "ADDRESS", .choice = FILTER_PEER,
	 .help = "only packets from or to this: IP or IP:PORT; may be repeated"},
	{ON_REPORT, GROUP_REPORT, OPTION_NUMBER, "limit", 0, "NUMBER", "20",
	 .field = FIELD(report.limit),
	 .help = "rows of a table of the slowest, the most and so on; 0: all"},
	{ON_REPORT, GROUP_REPORT, OPTION_FLAG, "names", .field = FIELD(report.names),
	 .help = "in trace events, say what scoutfs's numbers mean"},
	{ON_REPORT, GROUP_REPORT, OPTION_WORD, "format", 0, "WORD", "text", .words = format_words,
	 .field = FIELD(format),
	 .help = "text, for people; csv or json, for programs: raw numbers, times in ns"},
	{ON_REPORT, GROUP_REPORT, OPTION_TEXT, "html", 0, "FILE", .field = FIELD(report.html),
	 .complete = "-f",
	 .help = "make one file for a browser: verdict, timeline, and the reports named, or all"},
	{ON_READING, GROUP_REPORT, OPTION_FLAG, "local", .field = FIELD(report.local),
	 .help = "show and take times in the zone of this host instead of UTC"},

	{ON(VERB_EXPORT), GROUP_REPORT, OPTION_WORD, "format", 0, "WORD", "perfetto",
	 .words = export_words, .field = FIELD(export_format),
	 .help = "perfetto: Chrome's trace-event JSON, for ui.perfetto.dev and chrome://tracing; "
		 "pcapng: the packets, for Wireshark"},
	{ON(VERB_EXPORT), GROUP_PLACES, OPTION_TEXT, "output", 'o', "FILE",
	 .field = FIELD(report.output), .complete = "-f",
	 .help = "the file to make; without it, standard output"},

	{ON_EACH & ~ON(VERB_HELP) & ~ON(VERB_EXPORT), GROUP_GENERAL, OPTION_FLAG, "json",
	 .field = FIELD(json), .help = "print the result as one JSON object"},
	{ON_EACH, GROUP_GENERAL, OPTION_COUNT, "quiet", 'q', .field = FIELD(quiet),
	 .help = "say only warnings and errors"},
	{ON_EACH, GROUP_GENERAL, OPTION_COUNT, "verbose", 'v', .field = FIELD(verbose),
	 .help = "say more; twice: still more"},
	{ON(VERB_RECORD), GROUP_GENERAL, OPTION_TEXT, "completion", 0, "SHELL",
	 .field = FIELD(completion), .complete = "bash",
	 .help = "print a completion script for this shell (bash) and end"},
	{ON_EACH, GROUP_GENERAL, OPTION_FLAG, "help", 'h', .field = FIELD(help),
	 .help = "print this and end"},
	{ON_EACH, GROUP_GENERAL, OPTION_FLAG, "version", .field = FIELD(version),
	 .help = "print the version and end"},
};
const size_t option_count = ARRAY_SIZE(option_table);

/* Finding rows. */

static bool row_on(const struct option_row *row, enum verb_id verb)
{
	return row->verbs & ON(verb);
}

/* By long name, or by @letter when @name is NULL; the row for @verb before any other's. */
static const struct option_row *row_find(enum verb_id verb, const char *name, size_t name_len,
					 char letter)
{
	const struct option_row *other = NULL;

	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		bool same =
			name ? strlen(row->name) == name_len && !memcmp(row->name, name, name_len)
			     : row->letter == letter;

		if (same && row_on(row, verb))
			return row;
		if (same)
			other = row;
	}
	return other;
}

/* The name of @verb's that the user may have meant: what begins so, else what is spelt nearly so.
 */
static const char *option_near(enum verb_id verb, const char *name)
{
	const char *names[ARRAY_SIZE(option_table)];
	size_t count = 0;

	for (size_t i = 0; i < option_count; i++)
		if (row_on(&option_table[i], verb))
			names[count++] = option_table[i].name;
	for (size_t i = 0; i < count; i++)
		if (*name && str_starts(names[i], name))
			return names[i];
	return nearest_name(name, names, count);
}

static bool verb_named(const char *name, enum verb_id *ret)
{
	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		if (!strcmp(verb_table[v].name, name)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/**
 * verb_find() - the verb of this name
 * @name: as the user wrote it
 * @ret:  set on success
 * @e:    says which verb is spelt nearly so
 *
 * Return: 0, or -EINVAL.
 */
int verb_find(const char *name, enum verb_id *ret, struct err *e)
{
	const char *names[VERB_COUNT], *near;

	if (verb_named(name, ret))
		return 0;
	for (unsigned int v = 0; v < VERB_COUNT; v++)
		names[v] = verb_table[v].name;
	near = nearest_name(name, names, VERB_COUNT);
	if (near)
		return err_set(e, -EINVAL, "there is no verb '%s'; did you mean '%s'?", name, near);
	return err_set(
		e, -EINVAL,
		"there is no verb '%s'; there are record, check, recover, status, stop, report, "
		"export and help",
		name);
}

/* Taking values. */

static int parse_limited(const struct option_row *row, const char *value, uint64_t *ret,
			 struct err *e)
{
	int (*parse)(const char *, uint64_t *) =
		row->type == OPTION_SIZE ? parse_size : parse_duration;
	uint64_t v, limit;

	if (parse(value, &v) < 0) {
		if (row->type == OPTION_SIZE)
			return err_set(
				e, -EINVAL,
				"--%s: '%s' is not a size, or too large; write a number and a "
				"unit, as in 512M or 4G",
				row->name, value);
		return err_set(e, -EINVAL,
			       "--%s: '%s' is not a time, or too long; write a number and a unit, "
			       "as in 500ms, 90s or 5m",
			       row->name, value);
	}
	if (row->least && parse(row->least, &limit) == 0 && v < limit)
		return err_set(e, -EINVAL, "--%s: %s is too little; the least is %s", row->name,
			       value, row->least);
	if (row->most && parse(row->most, &limit) == 0 && v > limit)
		return err_set(e, -EINVAL, "--%s: %s is too much; the most is %s", row->name, value,
			       row->most);
	*ret = v;
	return 0;
}

static int parse_word(const struct option_row *row, const char *value, unsigned int *ret,
		      struct err *e)
{
	for (unsigned int i = 0; row->words[i]; i++) {
		if (!strcmp(row->words[i], value)) {
			*ret = i;
			return 0;
		}
	}
	err_set(e, -EINVAL, "--%s: '%s' is none of:", row->name, value);
	if (e) {
		for (unsigned int i = 0; row->words[i]; i++) {
			size_t at = strlen(e->text);

			(void)snprintf(e->text + at, sizeof(e->text) - at, "%s %s", i ? "," : "",
				       row->words[i]);
		}
	}
	return -EINVAL;
}

static int take_value(const struct option_row *row, const char *value, struct arguments *a,
		      struct err *e)
{
	void *field = (char *)a + row->field;

	if (row->argument && !*value)
		return err_set(e, -EINVAL, "--%s: the %s is empty", row->name, row->argument);
	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_COUNT:
		++*(unsigned int *)field;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_SIZE:
	case OPTION_DURATION:
		return parse_limited(row, value, field, e);
	case OPTION_WORD:
		return parse_word(row, value, field, e);
	case OPTION_EVENT:
		a->events[a->config.event_count++] = value;
		return 0;
	case OPTION_NUMBER:
		if (parse_u64(value, field) < 0)
			return err_set(e, -EINVAL, "--%s: '%s' is not a whole number", row->name,
				       value);
		return 0;
	case OPTION_FILTER:
		return report_filter_parse((enum report_filter_kind)row->choice, value,
					   &a->filters[a->report.filter_count++], e);
	case OPTION_CHOICE:
		a->choices[a->config.choice_count++] =
			(struct trigger_choice){.what = row->choice, .spec = value};
		return 0;
	}
	return 0;
}

static int take_defaults(struct arguments *a, struct err *e)
{
	int r;

	for (size_t i = 0; i < option_count; i++) {
		if (!option_table[i].fallback || !row_on(&option_table[i], a->verb))
			continue;
		r = take_value(&option_table[i], option_table[i].fallback, a, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Walking the vector. */

struct walk {
	int argc;
	char *const *argv;
	int i;		     /* the next argument */
	const char *bundled; /* the next letter of "-abc", or NULL */
	enum verb_id verb;   /* whose options are meant */
};

enum word_kind { WORD_END, WORD_OPERAND, WORD_OPTION, WORD_COMMAND };

struct word {
	enum word_kind kind;
	const struct option_row *row;
	const char *value; /* of the option, or the operand; NULL where an option takes none */
};

static int unknown_option(const struct walk *w, const char *name, size_t name_len, struct err *e)
{
	CLEANUP(text_free) struct text copy = {0};
	const char *near;

	text_add(&copy, name, name_len);
	near = option_near(w->verb, text_c(&copy));
	if (near)
		return err_set(e, -EINVAL, "there is no option --%s; did you mean --%s?",
			       text_c(&copy), near);
	return err_set(e, -EINVAL, "there is no option --%s", text_c(&copy));
}

/* The value of @row: @glued when it was written with it, else the next argument. */
static int walk_value(struct walk *w, const struct option_row *row, const char *glued,
		      struct word *ret, struct err *e)
{
	*ret = (struct word){.kind = WORD_OPTION, .row = row, .value = glued};
	if (!row->argument && glued)
		return err_set(e, -EINVAL, "--%s takes no value, but '%s' was given", row->name,
			       glued);
	if (!row->argument || glued)
		return 0;
	if (w->i >= w->argc || !strcmp(w->argv[w->i], "--"))
		return err_set(e, -EINVAL, "--%s needs a value: --%s=%s", row->name, row->name,
			       row->argument);
	ret->value = w->argv[w->i++];
	return 0;
}

static int walk_long(struct walk *w, const char *name, struct word *ret, struct err *e)
{
	size_t name_len = strcspn(name, "=");
	const struct option_row *row = row_find(w->verb, name, name_len, 0);

	if (!row)
		return unknown_option(w, name, name_len, e);
	return walk_value(w, row, name[name_len] ? name + name_len + 1 : NULL, ret, e);
}

static int walk_letter(struct walk *w, struct word *ret, struct err *e)
{
	char letter = *w->bundled++;
	const char *rest = *w->bundled ? w->bundled : NULL;
	const struct option_row *row = row_find(w->verb, NULL, 0, letter);

	if (!row) {
		/* "-before" is a slip for "--before" more often than a bundle of letters. */
		const char *near = rest ? option_near(w->verb, rest - 1) : NULL;

		w->bundled = rest; /* whoever looks for the verb goes on behind it */
		if (near)
			return err_set(e, -EINVAL, "there is no option -%c; did you mean --%s?",
				       letter, near);
		return err_set(e, -EINVAL, "there is no option -%c", letter);
	}
	if (!row->argument) {
		w->bundled = rest;
		return walk_value(w, row, NULL, ret, e);
	}
	w->bundled = NULL;
	return walk_value(w, row, rest, ret, e);
}

/* The next word of the vector. 0 or -EINVAL. */
static int walk_next(struct walk *w, struct word *ret, struct err *e)
{
	const char *s;

	if (w->bundled)
		return walk_letter(w, ret, e);
	if (w->i >= w->argc) {
		*ret = (struct word){.kind = WORD_END};
		return 0;
	}
	s = w->argv[w->i++];
	if (!strcmp(s, "--")) {
		*ret = (struct word){.kind = WORD_COMMAND};
		return 0;
	}
	if (str_starts(s, "--"))
		return walk_long(w, s + 2, ret, e);
	if (s[0] == '-' && s[1]) {
		w->bundled = s + 1;
		return walk_letter(w, ret, e);
	}
	*ret = (struct word){.kind = WORD_OPERAND, .value = s};
	return 0;
}

/* The first operand, if it is the name of a verb. What is wrong with options is left for the second
 * walk. */
static bool find_verb(int argc, char *const argv[], enum verb_id *ret)
{
	struct walk w = {.argc = argc, .argv = argv, .i = 1, .verb = VERB_RECORD};
	struct word word;

	do {
		if (walk_next(&w, &word, NULL) < 0)
			word.kind = WORD_OPTION;
		if (word.kind == WORD_OPERAND)
			return verb_named(word.value, ret);
	} while (word.kind == WORD_OPTION);
	return false;
}

static int take_option(const struct word *word, struct arguments *a, struct err *e)
{
	if (!row_on(word->row, a->verb))
		return err_set(e, -EINVAL, "--%s is not an option of '%s'", word->row->name,
			       verb_table[a->verb].name);
	return take_value(word->row, word->value, a, e);
}

static int take_operand(const char *value, struct arguments *a, struct err *e)
{
	const struct verb_row *verb = &verb_table[a->verb];

	if (a->operand_count < verb->operands_max) {
		a->operands[a->operand_count++] = value;
		return 0;
	}
	if (a->verb == VERB_RECORD)
		return err_set(e, -EINVAL,
			       "'%s' is one argument too many; a command to run goes after --",
			       value);
	return err_set(e, -EINVAL, "'%s' is one argument too many: scoutfs-trace %s %s", value,
		       verb->name, verb->operands);
}

static int take_command(const struct walk *w, struct arguments *a, struct err *e)
{
	if (a->verb != VERB_RECORD)
		return err_set(e, -EINVAL, "'%s' takes no command after --",
			       verb_table[a->verb].name);
	if (w->i >= w->argc)
		return err_set(e, -EINVAL, "the command after -- is missing");
	a->config.command = w->argv + w->i;
	return 0;
}

static int take_words(struct walk *w, bool named, struct arguments *a, struct err *e)
{
	struct word word;
	int r;

	do {
		r = walk_next(w, &word, e);
		if (r == 0 && word.kind == WORD_OPTION)
			r = take_option(&word, a, e);
		else if (r == 0 && word.kind == WORD_COMMAND)
			r = take_command(w, a, e);
		else if (r == 0 && word.kind == WORD_OPERAND && named)
			named = false; /* the verb itself */
		else if (r == 0 && word.kind == WORD_OPERAND)
			r = take_operand(word.value, a, e);
		if (r < 0)
			return r;
		/* A person who asks for help shall have it, whatever else is on the line. */
		if (a->help || a->version)
			return 0;
	} while (word.kind == WORD_OPTION || word.kind == WORD_OPERAND);
	return 0;
}

/* Operands. */

static bool is_address(const char *s)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, s, &addr) == 1 || inet_pton(AF_INET6, s, &addr) == 1;
}

/* "10.0.0.5:5000" or "[fe80::1]:5000", as the kernel log and many tools print it. */
static bool is_address_port(const char *s, char ip[64], const char **ret_port)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	uint64_t port;

	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	if (n == 0 || n >= 64 || parse_u64(colon + 1, &port) < 0)
		return false;
	memcpy(ip, s, n);
	ip[n] = '\0';
	*ret_port = colon + 1;
	return is_address(ip);
}

/* Two words are meant as an address and a port; a lone one may be a verb that is spelt wrongly. */
static int address_wrong(const char *s, bool alone, struct err *e)
{
	enum verb_id verb;
	const char *port;
	char ip[64];

	if (is_address_port(s, ip, &port))
		return err_set(e, -EINVAL, "write the address and the port as two words: %s %s", ip,
			       port);
	if (alone && s[strcspn(s, ".:0123456789")] == '\0')
		return verb_find(s, &verb, e);
	return err_set(e, -EINVAL,
		       "'%s' is not an IP address; the server is named by its numeric IPv4 or IPv6 "
		       "address",
		       s);
}

static int take_server(struct arguments *a, struct err *e)
{
	uint64_t port;

	if (a->operand_count == 0)
		return 0;
	if (!is_address(a->operands[0]))
		return address_wrong(a->operands[0], a->operand_count == 1, e);
	if (a->operand_count == 1)
		return err_set(e, -EINVAL, "the port of the server is missing after %s",
			       a->operands[0]);
	if (parse_u64(a->operands[1], &port) < 0 || port < 1 || port > UINT16_MAX)
		return err_set(e, -EINVAL, "'%s' is not a port: a number from 1 to 65535",
			       a->operands[1]);
	a->config.server_ip = a->operands[0];
	a->config.server_port = (uint16_t)port;
	return 0;
}

static int take_bundle(struct arguments *a, struct err *e)
{
	int r = 0;

	if (a->list_reports)
		return 0;
	if (!a->operand_count)
		return err_set(e, -EINVAL, "'%s' needs more: scoutfs-trace %s %s",
			       verb_table[a->verb].name, verb_table[a->verb].name,
			       verb_table[a->verb].operands);
	a->report.bundle = a->operands[0];
	a->report.reports = a->operands + 1;
	a->report.report_count = a->operand_count - 1;
	a->report.filters = a->filters;
	if (a->verb == VERB_EXPORT)
		a->report.export = (enum report_export)(a->export_format + 1);
	a->report.format = a->json ? REPORT_JSON : (enum report_format)a->format;
	if (a->report.html && a->report.format != REPORT_TEXT)
		return err_set(e, -EINVAL, "--html and another format cannot be made at once");
	if (a->report.html)
		a->report.format = REPORT_HTML;
	if (a->from)
		r = when_parse(a->from, a->report.local, &a->report.from, e);
	if (r == 0 && a->to)
		r = when_parse(a->to, a->report.local, &a->report.to, e);
	return r;
}

static int check_operands(struct arguments *a, struct err *e)
{
	const struct verb_row *verb = &verb_table[a->verb];

	if (a->operand_count < verb->operands_min)
		return err_set(e, -EINVAL, "'%s' needs more: scoutfs-trace %s %s", verb->name,
			       verb->name, verb->operands);
	if (a->verb == VERB_RECORD || a->verb == VERB_CHECK)
		return take_server(a, e);
	if (a->verb == VERB_REPORT || a->verb == VERB_EXPORT)
		return take_bundle(a, e);
	return 0;
}

/**
 * arguments_parse() - the argument vector as a struct
 * @argc: of main
 * @argv: of main; borrowed for as long as @ret is used
 * @ret:  set on failure too (.verb, for a hint): always for arguments_done()
 * @e:    the sentence for the user, which names the nearest option or verb where there is one
 *
 * With .help or .version set, the rest was not looked at.
 *
 * Return: 0; -EINVAL: a usage error; -ENOMEM.
 */
int arguments_parse(int argc, char *const argv[], struct arguments *ret, struct err *e)
{
	struct walk w = {.argc = argc, .argv = argv, .i = 1};
	struct arguments *a = ret;
	bool named;
	int r;

	*a = (struct arguments){.verb = VERB_RECORD};
	named = find_verb(argc, argv, &a->verb);
	w.verb = a->verb;

	/* Each argument holds at most one option that takes a value. */
	a->events = calloc((size_t)argc + 1, sizeof(*a->events));
	a->choices = calloc((size_t)argc + 1, sizeof(*a->choices));
	a->filters = calloc((size_t)argc + 1, sizeof(*a->filters));
	a->operands = calloc((size_t)argc + 1, sizeof(*a->operands));
	if (!a->events || !a->choices || !a->filters || !a->operands)
		return err_nomem(e);

	r = take_defaults(a, e);
	if (r == 0)
		r = take_words(&w, named, a, e);
	if (r < 0 || a->help || a->version)
		return r;
	r = check_operands(a, e);
	if (r < 0)
		return r;

	a->config.events = a->events;
	a->config.choices = a->choices;
	a->config.lag_ms = (unsigned int)(a->lag_ns / NSEC_PER_MSEC);
	a->config.log_facility_any = a->log_facility == 1;
	a->config.argc = argc;
	a->config.argv = argv;
	return 0;
}

void arguments_done(struct arguments *a)
{
	free(a->events);
	free(a->choices);
	free(a->filters);
	free(a->operands);
	*a = (struct arguments){0};
}

/** arguments_log_level() - how much to say: NOTICE, lowered by -q, raised by each -v */
enum log_level arguments_log_level(const struct arguments *a)
{
	if (a->quiet)
		return LOG_WARNING;
	return min_of(LOG_NOTICE + a->verbose, (unsigned int)LOG_DEBUG);
}

/* Help. */

/* Words of @s between columns @indent and HELP_COLUMNS; the cursor stands at @column. Ends the
 * line. */
static void wrap(struct text *out, const char *s, size_t indent, size_t column)
{
	while (*s) {
		size_t n = strcspn(s, " \n");

		if (column > indent && column + 1 + n > HELP_COLUMNS) {
			text_str(out, "\n");
			column = 0;
		} else if (column > indent) {
			text_str(out, " ");
			column++;
		}
		if (column < indent)
			text_printf(out, "%*s", (int)(indent - column), "");
		column = max_of(column, indent) + n;
		text_add(out, s, n);
		s += n;
		if (*s == '\n') {
			text_str(out, "\n");
			column = 0;
		}
		if (*s)
			s++;
	}
	text_str(out, "\n");
}

static void help_row(struct text *out, const struct option_row *row)
{
	CLEANUP(text_free) struct text help = {0};
	size_t start = out->len, column;

	if (row->letter)
		text_printf(out, "  -%c, --%s", row->letter, row->name);
	else
		text_printf(out, "      --%s", row->name);
	if (row->argument)
		text_printf(out, "=%s", row->argument);
	column = out->len - start;
	if (column + 2 > HELP_INDENT) {
		text_str(out, "\n");
		column = 0;
	}
	text_str(&help, row->help);
	if (row->fallback)
		text_printf(&help, " (default: %s)", row->fallback);
	text_printf(out, "%*s", (int)(HELP_INDENT - column), "");
	wrap(out, text_c(&help), HELP_INDENT, HELP_INDENT);
}

static void help_options(struct text *out, enum verb_id verb)
{
	for (unsigned int group = 0; group < GROUP_COUNT; group++) {
		bool titled = false;

		for (size_t i = 0; i < option_count; i++) {
			if (option_table[i].group != group || !row_on(&option_table[i], verb))
				continue;
			if (!titled)
				text_printf(out, "\n%s:\n", group_titles[group]);
			titled = true;
			help_row(out, &option_table[i]);
		}
	}
}

static void help_verbs(struct text *out)
{
	text_str(out, "\nVerbs:\n");
	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		text_printf(out, "  %-10s", verb_table[v].name);
		wrap(out, verb_table[v].summary, 12, 12);
	}
}

/**
 * help_print() - what --help says of a verb
 * @verb: VERB_RECORD gives the page of the whole program
 * @out:  appended to; no line is longer than HELP_COLUMNS
 */
void help_print(enum verb_id verb, struct text *out)
{
	const struct verb_row *row = &verb_table[verb];

	if (verb == VERB_RECORD) {
		text_printf(out, "Usage: scoutfs-trace %s\n       scoutfs-trace VERB ...\n\n",
			    row->operands);
		text_str(out, "The flight recorder of a scoutfs cluster node.\n");
		wrap(out, row->story, 0, 0);
		help_verbs(out);
		help_options(out, verb);
		text_str(
			out,
			"\nExamples:\n"
			"  sudo scoutfs-trace check           is this host ready? which server?\n"
			"  sudo scoutfs-trace 10.0.0.5 5000   record until a fence, or Ctrl-C\n"
			"  sudo scoutfs-trace stop            end the recorder on this host\n"
			"  scoutfs-trace report BUNDLE        what happened, from what it left\n"
			"\nExit status: 0 complete bundle, 4 bundle lacks something, 1 no bundle,\n"
			"2 wrong usage, 75 another recorder runs, 77 not root.\n"
			"\nMore: scoutfs-trace help VERB, man scoutfs-trace.\n");
		return;
	}
	text_printf(out, "Usage: scoutfs-trace %s %s\n\n", row->name, row->operands);
	wrap(out, *row->story ? row->story : row->summary, 0, 0);
	if (verb == VERB_HELP)
		help_verbs(out);
	help_options(out, verb);
}

/* Completion. */

/* Bash words that print what may follow @row. */
static void completion_values(struct text *out, const struct option_row *row)
{
	text_printf(out, "\t--%s", row->name);
	if (row->letter)
		text_printf(out, "|-%c", row->letter);
	if (!row->complete && !row->words) {
		text_str(out, ") return ;;\n"); /* a value that only the user knows */
		return;
	}
	if (row->complete && row->complete[0] == '-') {
		text_printf(out, ") COMPREPLY=($(compgen %s -- \"$cur\")); return ;;\n",
			    row->complete);
		return;
	}
	text_str(out, ") COMPREPLY=($(compgen -W \"");
	if (row->complete)
		text_str(out, row->complete);
	for (size_t i = 0; row->words && row->words[i]; i++)
		text_printf(out, "%s%s", i ? " " : "", row->words[i]);
	text_str(out, "\" -- \"$cur\")); return ;;\n");
}

static bool row_repeats_name(size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(option_table[i].name, option_table[at].name))
			return true;
	return false;
}

static void completion_verbs(struct text *out)
{
	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		text_printf(out, "\t%s) options=\"", verb_table[v].name);
		for (size_t i = 0; i < option_count; i++)
			if (row_on(&option_table[i], v))
				text_printf(out, " --%s", option_table[i].name);
		text_str(out, "\" ;;\n");
	}
}

/**
 * completion_print() - a completion script made from the tables
 * @shell: only "bash" is known
 * @out:   appended to
 *
 * Bash splits words at '=' and ':' before a completion sees them, so "--name=va" comes as three
 * words.
 *
 * Return: 0, or -EINVAL.
 */
int completion_print(const char *shell, struct text *out, struct err *e)
{
	if (strcmp(shell, "bash") != 0)
		return err_set(e, -EINVAL, "--completion: '%s' is not a known shell; there is bash",
			       shell);

	text_str(out, "# SPDX-License-Identifier: GPL-2.0-only\n"
		      "# Made by: scoutfs-trace --completion=bash\n"
		      "_scoutfs_trace()\n"
		      "{\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
		      "verb=record word options\n"
		      "\t[ \"$cur\" = = ] && cur=\n"
		      "\t[ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
		      "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		      "\t\tcase $word in\n"
		      "\t\t");
	for (unsigned int v = 0; v < VERB_COUNT; v++)
		text_printf(out, "%s%s", v ? "|" : "", verb_table[v].name);
	text_str(out, ") verb=$word; break ;;\n"
		      "\t\t--) compopt -o default; return ;;\n"
		      "\t\tesac\n"
		      "\tdone\n"
		      "\tcase $prev in\n");
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].argument && !row_repeats_name(i))
			completion_values(out, &option_table[i]);
	text_str(out, "\tesac\n\tcase $verb in\n");
	completion_verbs(out);
	text_str(out, "\tesac\n"
		      "\tcase $verb:$cur in\n"
		      "\t*:-*) COMPREPLY=($(compgen -W \"$options\" -- \"$cur\")) ;;\n"
		      "\trecover:*) COMPREPLY=($(compgen -d -- \"$cur\")) ;;\n"
		      "\texport:*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
		      "\treport:*) COMPREPLY=($(compgen -f -W \"$(\"$1\" report --list-reports "
		      "2>/dev/null | while read -r name rest; do echo \"$name\"; done)\" -- "
		      "\"$cur\")) ;;\n"
		      "\trecord:*|help:*) COMPREPLY=($(compgen -W \"");
	for (unsigned int v = 0; v < VERB_COUNT; v++)
		text_printf(out, "%s%s", v ? " " : "", verb_table[v].name);
	text_str(out, "\" -- \"$cur\")) ;;\n"
		      "\tesac\n"
		      "}\n"
		      "complete -F _scoutfs_trace scoutfs-trace\n");
	return 0;
}
