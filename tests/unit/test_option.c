/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: what is accepted, what is refused and how, and that help, man page and table
 * say the same. The man page is read from the source tree, line by line, by the forms that its head
 * names.
 */
#include <ctype.h>
#include <errno.h>

#include "base/util.h"
#include "option.h"
#include "record/control.h"
#include "test.h"

#define ARGV_MAX 32

static struct arguments args;
static struct err err;
static const char *words[ARGV_MAX + 1];

/* Parse the words of @line (split at blanks; "_" stands for a blank inside a word). */
static int parse(const char *line)
{
	static char copy[512];
	char *save = NULL;
	int argc = 1;

	arguments_done(&args);
	err_clear(&err);
	(void)snprintf(copy, sizeof(copy), "%s", line);
	words[0] = "scoutfs-trace";
	for (char *w = strtok_r(copy, " ", &save); w && argc < ARGV_MAX;
	     w = strtok_r(NULL, " ", &save)) {
		for (char *c = w; *c; c++)
			if (*c == '_')
				*c = ' ';
		words[argc++] = w;
	}
	words[argc] = NULL;
	return arguments_parse(argc, (char *const *)(uintptr_t)words, NULL, &args, &err);
}

#define REFUSED(line, words)                              \
	do {                                              \
		CHECK_EQ(parse(line), -EINVAL);           \
		if (!strstr(err.text, words))             \
			printf("# said: %s\n", err.text); \
		CHECK(strstr(err.text, words));           \
	} while (0)

static void nothing_is_a_recording_with_the_documented_defaults(void)
{
	const struct record_config *c = &args.config;

	CHECK_EQ(parse(""), 0);
	CHECK_EQ(args.verb, VERB_RECORD);
	CHECK(!c->server_ip);
	CHECK_STR(c->interface, "any");
	CHECK_EQ(c->before_ns, 120 * NSEC_PER_SEC);
	CHECK_EQ(c->after_ns, NSEC_PER_SEC);
	CHECK_EQ(c->duration_ns, 0);
	CHECK_STR(c->output_dir, "/var/lib/scoutfs-trace");
	CHECK_STR(c->run_dir, "/run/scoutfs-trace");
	CHECK_EQ(c->disk_bytes, GIB);
	CHECK_EQ(c->ring_bytes, 256 * MIB);
	CHECK_EQ(c->packet_ring_bytes, 32 * MIB);
	CHECK_EQ(c->lag_ms, 1000);
	CHECK(!c->log_facility_any && !c->force_output && !args.json && !c->command);
	CHECK_EQ(c->event_count, 0);
	CHECK_EQ(c->choice_count, 0);
}

static void takes_the_server(void)
{
	CHECK_EQ(parse("10.0.0.5 5000"), 0);
	CHECK_STR(args.config.server_ip, "10.0.0.5");
	CHECK_EQ(args.config.server_port, 5000);
	CHECK_EQ(parse("record fe80::1 65535"), 0);
	CHECK_STR(args.config.server_ip, "fe80::1");
	CHECK_EQ(args.config.server_port, 65535);
	CHECK_EQ(parse("check -q 127.0.0.1 -v 1"), 0);
	CHECK_EQ(args.verb, VERB_CHECK);
	CHECK_EQ(args.config.server_port, 1);
}

static void takes_options_in_each_gnu_manner(void)
{
	CHECK_EQ(parse("--interface=eth0"), 0);
	CHECK_STR(args.config.interface, "eth0");
	CHECK_EQ(parse("--interface eth0"), 0);
	CHECK_STR(args.config.interface, "eth0");
	CHECK_EQ(parse("-i eth0"), 0);
	CHECK_STR(args.config.interface, "eth0");
	CHECK_EQ(parse("-ieth0"), 0);
	CHECK_STR(args.config.interface, "eth0");
	CHECK_EQ(parse("-vvieth0 -q"), 0);
	CHECK_STR(args.config.interface, "eth0");
	CHECK_EQ(args.verbose, 2);
	CHECK_EQ(args.quiet, 1);
	/* A later one wins; a value may look like an option; an '=' in it is its own. */
	CHECK_EQ(parse("-i a -i b"), 0);
	CHECK_STR(args.config.interface, "b");
	CHECK_EQ(parse("--interface=--json"), 0);
	CHECK_STR(args.config.interface, "--json");
	CHECK_EQ(parse("--interface=a=b"), 0);
	CHECK_STR(args.config.interface, "a=b");
}

static void keeps_repeated_options_in_order(void)
{
	const struct record_config *c = &args.config;

	CHECK_EQ(parse("-e sched --event=block:x/error_!=_0 --trigger log:a.*b "
		       "--preset script "
		       "--no-trigger=oops --suspect silence:9"),
		 0);
	CHECK_EQ(c->event_count, 2);
	CHECK_STR(c->events[0], "sched");
	CHECK_STR(c->events[1], "block:x/error != 0");
	CHECK_EQ(c->choice_count, 4);
	CHECK_EQ(c->choices[0].what, CHOICE_FINAL);
	CHECK_STR(c->choices[0].spec, "log:a.*b");
	CHECK_EQ(c->choices[1].what, CHOICE_PRESET);
	CHECK_STR(c->choices[1].spec, "script");
	CHECK_EQ(c->choices[2].what, CHOICE_DISABLE);
	CHECK_STR(c->choices[2].spec, "oops");
	CHECK_EQ(c->choices[3].what, CHOICE_SUSPECT);
	CHECK_STR(c->choices[3].spec, "silence:9");
}

static void takes_typed_values(void)
{
	const struct record_config *c = &args.config;

	CHECK_EQ(parse("--before 5m --after=0 --duration 1.5s --lag=250ms --disk-budget=4G "
		       "--ring-memory 64M "
		       "--log-facility any --force-output --no-heartbeat-wait --json"),
		 0);
	CHECK_EQ(c->before_ns, 300 * NSEC_PER_SEC);
	CHECK_EQ(c->after_ns, 0);
	CHECK_EQ(c->duration_ns, 1500 * NSEC_PER_MSEC);
	CHECK_EQ(c->lag_ms, 250);
	CHECK_EQ(c->disk_bytes, 4 * GIB);
	CHECK_EQ(c->ring_bytes, 64 * MIB);
	CHECK(c->log_facility_any && c->force_output && args.no_heartbeat_wait && args.json);
}

static void leaves_the_command_alone(void)
{
	CHECK_EQ(parse("10.0.0.5 5000 -v -- ls --json -x status"), 0);
	CHECK_EQ(args.verb, VERB_RECORD);
	CHECK(args.config.command && !args.json);
	CHECK_STR(args.config.command[0], "ls");
	CHECK_STR(args.config.command[1], "--json");
	CHECK_STR(args.config.command[3], "status");
	CHECK(!args.config.command[4]);
	/* A verb after -- is a command's name. */
	CHECK_EQ(parse("-- status"), 0);
	CHECK_EQ(args.verb, VERB_RECORD);
}

static void finds_the_verb_behind_options(void)
{
	CHECK_EQ(parse("--json --run-dir /x status"), 0);
	CHECK_EQ(args.verb, VERB_STATUS);
	CHECK_STR(args.config.run_dir, "/x");
	CHECK(args.json);
	/* The value of an option is no verb. */
	CHECK_EQ(parse("-i check"), 0);
	CHECK_EQ(args.verb, VERB_RECORD);
	CHECK_EQ(parse("recover DIR"), 0);
	CHECK_EQ(args.verb, VERB_RECOVER);
	CHECK_STR(args.operands[0], "DIR");
	CHECK(!args.config.output_dir);
	CHECK_EQ(parse("recover -o out DIR"), 0);
	CHECK_STR(args.config.output_dir, "out");
	CHECK_EQ(parse("help stop"), 0);
	CHECK_EQ(args.verb, VERB_HELP);
	CHECK_STR(args.operands[0], "stop");
}

static void help_wins_over_what_follows_it(void)
{
	CHECK_EQ(parse("--help --nonsense"), 0);
	CHECK(args.help);
	CHECK_EQ(parse("recover -h"), 0);
	CHECK(args.help);
	CHECK_EQ(args.verb, VERB_RECOVER);
	CHECK_EQ(parse("--version"), 0);
	CHECK(args.version);
}

static void refuses_and_suggests(void)
{
	REFUSED("--befor 3", "--before");
	REFUSED("--outputdir=/x", "--output-dir");
	REFUSED("--disk", "--disk-budget");
	REFUSED("--nothing-like-any-of-them", "no option --nothing-like-any-of-them");
	REFUSED("-x", "no option -x");
	REFUSED("-vqx", "no option -x");
	REFUSED("-json", "--json");
	REFUSED("statsu", "'status'");
}

static void refuses_options_of_another_verb(void)
{
	REFUSED("status --before 3", "--before is not an option of 'status'");
	REFUSED("--before 3 status", "--before is not an option of 'status'");
	REFUSED("stop -e x", "--event is not an option of 'stop'");
	REFUSED("check -- ls", "takes no command");
}

static void refuses_bad_values(void)
{
	REFUSED("--before=12x", "'12x' is not a time");
	REFUSED("--before=-5", "'-5' is not a time");
	REFUSED("--disk-budget 4Q", "'4Q' is not a size");
	REFUSED("--disk-budget 15M", "least is 16M");
	REFUSED("--lag 49ms", "least is 50ms");
	REFUSED("--lag 61s", "most is 60s");
	REFUSED("--before 99999999999999999999d", "is not a time");
	REFUSED("--log-facility=user", "kernel, any");
	REFUSED("--json=2", "neither yes nor no");
	REFUSED("--help=yes", "takes no value");
	REFUSED("--interface", "needs a value");
	REFUSED("--interface -- ls", "needs a value");
	REFUSED("--interface=", "NAME is empty");
	REFUSED("-e", "--event=SPEC");
}

static void refuses_bad_servers(void)
{
	REFUSED("10.0.0.5", "port");
	REFUSED("10.0.0.5:5000", "10.0.0.5 5000");
	REFUSED("[fe80::1]:5000", "fe80::1 5000");
	REFUSED("10.0.0.5 0", "from 1 to 65535");
	REFUSED("10.0.0.5 65536", "from 1 to 65535");
	REFUSED("10.0.0.5 http", "from 1 to 65535");
	REFUSED("10.0.0.256 5000", "not an IP address");
	REFUSED("node1.example 5000", "not an IP address");
	REFUSED("10.0.0.5 5000 make", "after --");
	REFUSED("10.0.0.5 5000 --", "missing");
	CHECK_EQ(parse("recover"), 0);
	CHECK_EQ(args.operand_count, 0);
	REFUSED("recover a b", "'b'");
	REFUSED("status now", "'now'");
}

static void takes_a_bundle_and_reports(void)
{
	const struct report_config *c = &args.report;

	CHECK_EQ(parse("report B.tar.zst about rpc.slowest --limit 0 --names"), 0);
	CHECK_EQ(args.verb, VERB_REPORT);
	CHECK_STR(c->bundle, "B.tar.zst");
	CHECK_EQ(c->report_count, 2);
	CHECK_STR(c->reports[0], "about");
	CHECK_STR(c->reports[1], "rpc.slowest");
	CHECK_EQ(c->limit, 0);
	CHECK(c->names && !c->local);
	CHECK_EQ(c->format, REPORT_TEXT);
	CHECK_EQ(c->from.kind, WHEN_NONE);
	CHECK_EQ(c->filter_count, 0);
	CHECK_EQ(parse("report -"), 0);
	CHECK_STR(c->bundle, "-");
	CHECK_EQ(c->limit, 20);
	CHECK_EQ(c->report_count, 0);
	CHECK_EQ(parse("report B --format=csv"), 0);
	CHECK_EQ(c->format, REPORT_CSV);
	CHECK_EQ(parse("--json report B"), 0);
	CHECK_EQ(c->format, REPORT_JSON);
	CHECK_EQ(parse("report --list-reports"), 0);
	CHECK(args.list_reports);
}

static void takes_windows_and_filters(void)
{
	const struct report_config *c = &args.report;

	CHECK_EQ(parse("report B --from -10s --to=2026-11-20T10:00:02Z"), 0);
	CHECK_EQ(c->from.kind, WHEN_TRIGGER);
	CHECK_EQ(c->from.ns, -(int64_t)(10 * NSEC_PER_SEC));
	CHECK_EQ(c->to.kind, WHEN_REAL);
	CHECK_EQ(parse("report B -e sched:switch --event scoutfs --pid 7 --comm kworker/0 "
		       "--cpu 255 --source log --peer 10.0.0.5:5000 --peer [fe80::1]:7 --peer ::1"),
		 0);
	CHECK_EQ(c->filter_count, 9);
	CHECK_EQ(c->filters[0].kind, FILTER_EVENT);
	CHECK_STR(c->filters[0].text, "sched:switch");
	CHECK_EQ(c->filters[2].number, 7);
	CHECK_EQ(c->filters[3].kind, FILTER_COMM);
	CHECK_EQ(c->filters[4].number, 255);
	CHECK_EQ(c->filters[5].kind, FILTER_SOURCE);
	CHECK_EQ(c->filters[6].peer.port, 5000);
	CHECK_EQ(c->filters[7].peer.port, 7);
	CHECK_EQ(c->filters[8].peer.port, 0);
	/* Of record's own, nothing has changed by that. */
	CHECK_EQ(parse("-e sched"), 0);
	CHECK_EQ(args.config.event_count, 1);
	REFUSED("report", "BUNDLE");
	REFUSED("report B --from yesterday", "'yesterday' is not a time");
	REFUSED("report B --to 10:60", "is not a time");
	REFUSED("report B --pid x", "--pid: 'x' is not a number");
	REFUSED("report B --cpu 65536", "from 0 to 65535");
	CHECK_EQ(parse("report B --where error_!=_0"), 0);
	CHECK_EQ(c->filters[0].kind, FILTER_WHERE);
	REFUSED("report B --where error_!=", "--where: ");
	REFUSED("report B --peer 10.0.0.5:0", "is not an address");
	REFUSED("report B --peer node1", "is not an address");
	REFUSED("report B --source strace", "trace, packets, log");
	REFUSED("report B --format xml", "text, csv, json");
	REFUSED("report B --limit -1", "not a whole number");
	REFUSED("report B --before 3", "not an option of 'report'");
	REFUSED("report B -- ls", "takes no command");
	REFUSED("--from -1s", "not an option of 'record'");
}

/* The tables themselves. */

static unsigned int verb_bits(const char *name)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < option_count; i++)
		if (!strcmp(option_table[i].name, name))
			bits |= option_table[i].verbs;
	return bits;
}

static void names_and_letters_are_unambiguous(void)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *a = &option_table[i];

		CHECK(a->verbs && a->help && *a->help);
		CHECK((a->type == OPTION_FLAG || a->type == OPTION_COUNT) == !a->argument);
		for (size_t j = 0; j < i; j++) {
			const struct option_row *b = &option_table[j];
			bool same_name = !strcmp(a->name, b->name);

			/* Rows of one name serve different verbs, and are read alike before the
			 * verb is known. */
			CHECK(!same_name || !(a->verbs & b->verbs));
			CHECK(!same_name ||
			      (a->letter == b->letter && !a->argument == !b->argument));
			/* The same of letters. */
			CHECK(same_name || !a->letter || a->letter != b->letter ||
			      (!(a->verbs & b->verbs) && !a->argument == !b->argument));
		}
	}
}

/* Each default of each verb goes through the parser that users' values go through. */
static void every_default_parses(void)
{
	CHECK_EQ(parse("record"), 0);
	CHECK_EQ(parse("check"), 0);
	CHECK_EQ(parse("recover x"), 0);
	CHECK_EQ(parse("status"), 0);
	CHECK_EQ(parse("stop"), 0);
	CHECK_EQ(parse("report x"), 0);
	CHECK_EQ(parse("help"), 0);
	CHECK_STR(RECORD_DEFAULT_RUN_DIR, "/run/scoutfs-trace");
}

static void help_fits_a_console_and_names_every_option(void)
{
	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		struct text out = {0};
		char *save = NULL, want[64];

		help_print(v, &out);
		CHECK(text_ok(&out));
		for (size_t i = 0; i < option_count; i++) {
			const struct option_row *row = &option_table[i];

			(void)snprintf(want, sizeof(want), "--%s%s%s", row->name,
				       row->argument ? "=" : "",
				       row->argument ? row->argument : "");
			CHECK(!(row->verbs & 1U << v) || strstr(out.s, want));
		}
		for (char *l = strtok_r(out.s, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			if (strlen(l) > 80)
				printf("# too long: %s\n", l);
			CHECK(strlen(l) <= 80);
		}
		text_free(&out);
	}
}

static void completion_names_every_option(void)
{
	struct text out = {0};
	char want[64];

	CHECK_EQ(completion_print("bash", &out, &err), 0);
	for (size_t i = 0; i < option_count; i++) {
		(void)snprintf(want, sizeof(want), " --%s", option_table[i].name);
		CHECK(strstr(text_c(&out), want));
	}
	text_free(&out);
	CHECK_EQ(completion_print("zsh", &out, &err), -EINVAL);
}

/* The man pages: scoutfs-trace(8), and pages of their own for the verbs report and export. */

#define REPORT_BIT (1U << VERB_REPORT)
#define EXPORT_BIT (1U << VERB_EXPORT)
#define OWN_PAGE (REPORT_BIT | EXPORT_BIT)

static FILE *man_open(const char *page)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/../../man/scoutfs-trace%s", getenv("TEST_DATA"),
		       page);
	return fopen(path, "re");
}

static bool man_line(FILE *f, char line[512])
{
	if (!fgets(line, 512, f))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

struct man_option {
	char letter, name[64], argument[32], fallback[128];
};

/* ".It Fl i , Fl -interface Ns = Ns Ar NAME" */
static bool man_item(const char *line, struct man_option *ret)
{
	*ret = (struct man_option){0};
	if (sscanf(line, ".It Fl %c , Fl -%63s Ns = Ns Ar %31s", &ret->letter, ret->name,
		   ret->argument) >= 2)
		return true;
	ret->letter = 0;
	return sscanf(line, ".It Fl -%63s Ns = Ns Ar %31s", ret->name, ret->argument) >= 1;
}

static bool same_text(const char *man, const char *table)
{
	return !strcmp(man, table ? table : "");
}

/* The first row of its name that is of one of @verbs: record's where there are several. */
static const struct option_row *row_of(const char *name, unsigned int verbs)
{
	for (size_t i = 0; i < option_count; i++)
		if (!strcmp(option_table[i].name, name) && option_table[i].verbs & verbs)
			return &option_table[i];
	return NULL;
}

static void man_option_check(const struct man_option *m, unsigned int verbs)
{
	const struct option_row *row = row_of(m->name, verbs);
	bool same = row && row->letter == m->letter && same_text(m->argument, row->argument) &&
		    same_text(m->fallback, row->fallback);

	if (!same)
		printf("# --%s: the man page says letter '%c', argument '%s', default '%s'\n",
		       m->name, m->letter ? m->letter : '-', m->argument, m->fallback);
	CHECK(same);
}

/* A page, and the verbs whose options it describes. */
static void man_page_check(const char *page, unsigned int verbs)
{
	struct man_option m = {0};
	bool seen[128] = {0}, in_item = false;
	char line[512];
	FILE *f = man_open(page);

	CHECK(f);
	CHECK(option_count <= ARRAY_SIZE(seen));
	while (man_line(f, line)) {
		struct man_option next;

		if (in_item && sscanf(line, "Default: %127s", m.fallback) == 1)
			m.fallback[strlen(m.fallback) - 1] = '\0'; /* the full stop */
		if (!man_item(line, &next) && strcmp(line, ".El") != 0)
			continue;
		if (in_item)
			man_option_check(&m, verbs);
		in_item = man_item(line, &next);
		m = next;
		for (size_t i = 0; in_item && i < option_count; i++)
			seen[i] |= !strcmp(option_table[i].name, m.name);
		if (test_failed)
			break;
	}
	fclose(f);
	for (size_t i = 0; i < option_count; i++) {
		if (!(option_table[i].verbs & verbs))
			continue;
		if (!seen[i])
			printf("# --%s is not in the man page\n", option_table[i].name);
		CHECK(seen[i]);
	}
}

static void man_page_options_are_those_of_the_table(void)
{
	man_page_check(".8", ((1U << VERB_COUNT) - 1) & ~OWN_PAGE);
}

static void man_page_of_report_too(void)
{
	man_page_check("-report.1", REPORT_BIT);
}

static void man_page_of_export_too(void)
{
	man_page_check("-export.1", EXPORT_BIT);
}

/* ".It Cm about" under "Sh REPORT NAMES" */
static void man_page_has_the_reports_in_order(void)
{
	const struct report_row *rows;
	size_t count = report_list(&rows), next = 0;
	char line[512], name[64];
	bool in_list = false;
	FILE *f = man_open("-report.1");

	CHECK(f);
	while (man_line(f, line)) {
		if (str_starts(line, ".Sh "))
			in_list = !strcmp(line, ".Sh REPORT NAMES");
		if (!in_list || sscanf(line, ".It Cm %63s", name) != 1)
			continue;
		CHECK(next < count);
		CHECK_STR(name, rows[next].name);
		next++;
	}
	fclose(f);
	CHECK_EQ(next, count);
}

/* Does @verb's list, as the man page gives it, agree with the table? Options of every verb are not
 * listed. */
static void man_list_check(enum verb_id verb, bool all_but, const bool listed[128])
{
	unsigned int every = (1U << VERB_COUNT) - 1;

	for (size_t i = 0; i < option_count; i++) {
		unsigned int bits = verb_bits(option_table[i].name);
		bool has = bits & 1U << verb;

		if (bits == every || !(bits & ~OWN_PAGE))
			continue;
		if (has != (listed[i] != all_but))
			printf("# --%s and the verb %s: the man page is wrong\n",
			       option_table[i].name, verb_table[verb].name);
		CHECK_EQ(listed[i] != all_but, has);
	}
}

static void man_page_gives_each_verb_its_options(void)
{
	char line[512], name[64], path[64];
	bool in_list = false, all_but = false, listed[128] = {0};
	unsigned int verbs_seen = 0;
	enum verb_id verb = VERB_COUNT;
	FILE *f = man_open(".8");

	CHECK(f);
	while (man_line(f, line) && strcmp(line, ".Sh OPTIONS") != 0) {
		bool item = sscanf(line, ".It Cm %63s", name) == 1;

		if (in_list && (item || !strcmp(line, ".El"))) {
			man_list_check(verb, all_but, listed);
			in_list = false;
		}
		if (item) {
			CHECK_EQ(verb_find(name, &verb, &err), 0);
		} else if (str_starts(line, "Options:")) {
			CHECK(verb < VERB_COUNT);
			verbs_seen |= 1U << verb;
			in_list = !(OWN_PAGE & 1U << verb);
			memset(listed, 0, sizeof(listed));
			all_but = str_starts(line, "Options: all");
		} else if (in_list && sscanf(line, ".Fl -%63s", path) == 1) {
			CHECK(row_of(path, UINT_MAX));
			for (size_t i = 0; i < option_count; i++)
				listed[i] |= !strcmp(option_table[i].name, path);
		}
		if (test_failed)
			break;
	}
	fclose(f);
	CHECK_EQ(verbs_seen, (1U << VERB_COUNT) - 1);
}

TEST_MAIN(TEST(nothing_is_a_recording_with_the_documented_defaults), TEST(takes_the_server),
	  TEST(takes_options_in_each_gnu_manner), TEST(keeps_repeated_options_in_order),
	  TEST(takes_typed_values), TEST(leaves_the_command_alone),
	  TEST(finds_the_verb_behind_options), TEST(help_wins_over_what_follows_it),
	  TEST(refuses_and_suggests), TEST(refuses_options_of_another_verb),
	  TEST(refuses_bad_values), TEST(refuses_bad_servers),
	  TEST(names_and_letters_are_unambiguous), TEST(every_default_parses),
	  TEST(takes_a_bundle_and_reports), TEST(takes_windows_and_filters),
	  TEST(help_fits_a_console_and_names_every_option), TEST(completion_names_every_option),
	  TEST(man_page_options_are_those_of_the_table), TEST(man_page_of_report_too),
	  TEST(man_page_of_export_too), TEST(man_page_has_the_reports_in_order),
	  TEST(man_page_gives_each_verb_its_options))
