/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of the command line: verbs and options.
 *
 * Everything that is known about an option stands in one row of option_table: the parser
 * (arguments.c), values of every origin (setting.c, setting_read.c), --help and the bash completion
 * (help.c) read it, and a test compares the man pages with it. A default is the text that a user
 * would type, and goes through the same parser.
 *
 * What a row says of a value is its shape (a size, a duration, a port), not whether it makes sense
 * on this host: that is for the checks of the recorder.
 */
#include "option.h"

#include <errno.h>

#include "record/control.h"

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
		{"report", "BUNDLE [OTHER] [REPORT]... [OPTION]...",
		 "show what a recording says: who was fenced, when, and why",
		 "BUNDLE is what a recorder left: a .tar.zst, the folder it was unpacked to, a "
		 "session folder, even while it is being recorded, or - for standard input. It is "
		 "read without unpacking it, by a process without any rights, so it may come from "
		 "a "
		 "stranger. REPORT is a name that --list-reports shows, or NAME.TABLE for one "
		 "table "
		 "of it; without one it is the verdict.\n"
		 "OTHER is a second bundle: their rates and latencies are shown side by side.\n"
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

static const char *const facility_words[] = {"kernel", "any", NULL};
/* In the order of enum report_export, without none. */
static const char *const export_words[] = {"perfetto", "pcapng", NULL};
/* In the order of enum report_format. */
static const char *const format_words[] = {"text", "csv", "json", NULL};
/* In the order of enum report_as. */
static const char *const as_words[] = {"raw", "delta", "rate", NULL};

#define LIST_INTERFACES "any $(ls /sys/class/net 2>/dev/null)"
/* As src/record/series_plan.c: a test compares the two. */
#define LIST_SERIES                                                                               \
	"scoutfs quorum fence tcpinfo blockdev vmstat meminfo stat pressure netdev snmp netstat " \
	"diskstats interrupts softirqs slabinfo processes default none"
#define LIST_TRIGGERS \
	"$(\"$1\" --list-triggers 2>/dev/null | while read -r name rest; do echo \"$name\"; done)"

const struct option_row option_table[] = {
	{ON_ARMING, GROUP_CAPTURE, OPTION_TEXT, "interface", 'i', "NAME", "any",
	 .field = FIELD(config.interface), .complete = LIST_INTERFACES,
	 .help = "capture packets of this network interface"},
	{ON_ARMING, GROUP_CAPTURE, OPTION_EVENT, "event", 'e', "SPEC",
	 .help = "record these trace events too: SYSTEM, SYSTEM:EVENT or SYSTEM:EVENT/FILTER; may "
		 "be repeated"},
	{ON_ARMING, GROUP_CAPTURE, OPTION_SAMPLE, "sample", 0, "SPEC", .complete = LIST_SERIES,
	 .help = "read counters at intervals: NAME[@SECONDS] for a built-in series, "
		 "NAME=/PATH[@SECONDS] for a file or pattern of yours, default, or none; may be "
		 "repeated (without it: default)"},
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
	 .field = FIELD(list_triggers), .act = true,
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
	 .act = true, .help = "print the reports that there are, with their tables, and end"},
	{ON_READING, GROUP_REPORT, OPTION_TEXT, "from", 0, "TIME", .field = FIELD(from),
	 .help = "only what happened at this time or later"},
	{ON_READING, GROUP_REPORT, OPTION_TEXT, "to", 0, "TIME", .field = FIELD(to),
	 .help = "only what happened at this time or earlier"},
	{ON_READING, GROUP_REPORT, OPTION_FILTER, "source", 0, "NAME", .choice = FILTER_SOURCE,
	 .complete = "trace packets log context",
	 .help = "read only this: trace, packets, log or context, or several: packets,log; may be "
		 "repeated"},
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
	 .help = "only packets, and trace events with addresses, from or to this: IP or IP:PORT; "
		 "may be repeated"},
	{ON_REPORT, GROUP_REPORT, OPTION_FILTER, "command", 0, "NAME", .choice = FILTER_COMMAND,
	 .help = "only messages of this command, by name or number, or of several: LOCK,7; of "
		 "packets and of trace events; may be repeated"},
	{ON_REPORT, GROUP_REPORT, OPTION_NUMBER, "limit", 0, "NUMBER", "20",
	 .field = FIELD(report.limit),
	 .help = "rows of a table of the slowest, the most and so on; 0: all"},
	{ON_REPORT, GROUP_REPORT, OPTION_FILTER, "counter", 0, "NAME", .choice = FILTER_COUNTER,
	 .help = "of series, only these counters: NAME or SERIES:NAME, also with *; may be "
		 "repeated"},
	{ON_REPORT, GROUP_REPORT, OPTION_FLAG, "nonzero", .field = FIELD(report.nonzero),
	 .help = "of series, leave out counters that never moved"},
	{ON_REPORT, GROUP_REPORT, OPTION_TEXT, "csv", 0, "DIR", .field = FIELD(report.csv),
	 .complete = "-d", .help = "make a CSV file of each series in this folder"},
	{ON_REPORT, GROUP_REPORT, OPTION_WORD, "as", 0, "WORD", "raw", .words = as_words,
	 .field = FIELD(as),
	 .help = "for --csv: raw, counters as they were; delta, since the sample before; rate, "
		 "that a second"},
	{ON_REPORT, GROUP_REPORT, OPTION_TEXT, "gnuplot", 0, "DIR", .field = FIELD(report.gnuplot),
	 .complete = "-d",
	 .help = "make files for gnuplot in this folder: requests by command, and what TCP says"},
	{ON_REPORT, GROUP_REPORT, OPTION_DURATION, "interval", 0, "TIME", "10ms", .least = "1ms",
	 .most = "1h", .field = FIELD(report.interval_ns),
	 .help = "for --gnuplot: from one point to the next"},
	{ON_REPORT, GROUP_REPORT, OPTION_NUMBER, "smooth", 0, "NUMBER", "1", .least = "1",
	 .most = "1000000", .field = FIELD(report.smooth),
	 .help = "for --gnuplot: make one point of so many"},
	{ON_REPORT, GROUP_REPORT, OPTION_FLAG, "names", .field = FIELD(report.names),
	 .help = "in trace events, say what scoutfs's numbers mean"},
	{ON_REPORT, GROUP_REPORT, OPTION_FLAG, "nanoseconds", 't',
	 .field = FIELD(report.nanoseconds),
	 .help = "in the text of events, times to the nanosecond, as trace-cmd report -t"},
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
	{ON_EACH & ~ON(VERB_HELP), GROUP_GENERAL, OPTION_TEXT, "config", 0, "FILE", .act = true,
	 .field = FIELD(config_path), .complete = "-f",
	 .help = "read options from this file instead of " CONFIG_DEFAULT_PATH},
	{ON_EACH & ~ON(VERB_HELP), GROUP_GENERAL, OPTION_FLAG, "no-config", .act = true,
	 .field = FIELD(no_config), .help = "read no configuration file"},
	{ON(VERB_CHECK), GROUP_GENERAL, OPTION_FLAG, "show-config", .act = true,
	 .field = FIELD(show_config),
	 .help = "print what every option is set to and who said so, as a configuration file, and "
		 "end"},
	{ON_EACH, GROUP_GENERAL, OPTION_COUNT, "quiet", 'q', .field = FIELD(quiet),
	 .help = "say only warnings and errors"},
	{ON_EACH, GROUP_GENERAL, OPTION_COUNT, "verbose", 'v', .field = FIELD(verbose),
	 .help = "say more; twice: still more"},
	{ON(VERB_RECORD), GROUP_GENERAL, OPTION_TEXT, "completion", 0, "SHELL",
	 .field = FIELD(completion), .act = true, .complete = "bash",
	 .help = "print a completion script for this shell (bash) and end"},
	{ON_EACH, GROUP_GENERAL, OPTION_FLAG, "help", 'h', .field = FIELD(help), .act = true,
	 .help = "print this and end"},
	{ON_EACH, GROUP_GENERAL, OPTION_FLAG, "version", .field = FIELD(version), .act = true,
	 .help = "print the version and end"},
};
const size_t option_count = ARRAY_SIZE(option_table);

/* Finding rows. */

bool option_on(const struct option_row *row, enum verb_id verb)
{
	return row->verbs & ON(verb);
}

/* By long name, or by @letter when @name is NULL; the row for @verb before any other's. */
const struct option_row *option_find(enum verb_id verb, const char *name, size_t name_len,
				     char letter)
{
	const struct option_row *other = NULL;

	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		bool same =
			name ? strlen(row->name) == name_len && !memcmp(row->name, name, name_len)
			     : row->letter == letter;

		if (same && option_on(row, verb))
			return row;
		if (same)
			other = row;
	}
	return other;
}

/* The name of @verb's that the user may have meant: what begins so, else what is spelt nearly so.
 */
const char *option_near(enum verb_id verb, const char *name)
{
	const char *names[ARRAY_SIZE(option_table)];
	size_t count = 0;

	for (size_t i = 0; i < option_count; i++)
		if (option_on(&option_table[i], verb))
			names[count++] = option_table[i].name;
	for (size_t i = 0; i < count; i++)
		if (*name && str_starts(names[i], name))
			return names[i];
	return nearest_name(name, names, count);
}

bool verb_named(const char *name, enum verb_id *ret)
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
	const char *names[VERB_COUNT];

	if (verb_named(name, ret))
		return 0;
	for (unsigned int v = 0; v < VERB_COUNT; v++)
		names[v] = verb_table[v].name;
	return no_such_name(e, "verb", name, names, VERB_COUNT, NULL);
}
