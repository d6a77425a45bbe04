/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration: what the file's form is, whose value counts, and what is refused, with the
 * line. What is true of options is tried on every row of the table, so that a new one is covered.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/util.h"
#include "setting.h"
#include "test.h"

static struct arguments args;
static struct err err;
static struct config config;
static char path[] = "/tmp/scoutfs-trace-test.XXXXXX";

/* The form. */

static int parse_text(const char *text, size_t n)
{
	config_done(&config);
	err_clear(&err);
	config.path = strdup("FILE");
	text_add(&config.bytes, text, n);
	return config_parse(&config, &err);
}

#define LINE_IS(i, want_section, want_key, want_value, want_line)                                \
	do {                                                                                     \
		CHECK((size_t)(i) < config.count);                                               \
		CHECK_STR(config.lines[i].section ? config.lines[i].section : "(none)",          \
			  want_section);                                                         \
		CHECK_STR(config.lines[i].key ? config.lines[i].key : "(none)", want_key);       \
		CHECK_STR(config.lines[i].value ? config.lines[i].value : "(none)", want_value); \
		CHECK_EQ(config.lines[i].line, want_line);                                       \
	} while (0)

static void reads_keys_values_and_sections(void)
{
	static const char text[] = "# a comment\r\n"
				   "\n"
				   "lag=250ms\n"
				   "  disk-budget\t=  4G \t # as agreed\n"
				   "; another\n"
				   "trigger = 'log:a \"b\" \\. # c'   # a pattern\n"
				   "event = \"x \\\"y\\\" \\\\ \\t\\x41\"\n"
				   "suspect = log:a#b'c\n"
				   "[ report ] # the rest\n"
				   "limit = 3";

	CHECK_EQ(parse_text(text, strlen(text)), 0);
	CHECK_EQ(config.count, 7);
	LINE_IS(0, "(none)", "lag", "250ms", 3);
	LINE_IS(1, "(none)", "disk-budget", "4G", 4);
	LINE_IS(2, "(none)", "trigger", "log:a \"b\" \\. # c", 6);
	LINE_IS(3, "(none)", "event", "x \"y\" \\ \tA", 7);
	LINE_IS(4, "(none)", "suspect", "log:a#b'c", 8);
	LINE_IS(5, "report", "(none)", "(none)", 9);
	LINE_IS(6, "report", "limit", "3", 10);
	CHECK_EQ(parse_text("\xef\xbb\xbf# from an editor\nlag = 1s\n", 29), 0);
	CHECK_EQ(config.count, 1);
	LINE_IS(0, "(none)", "lag", "1s", 2);
	CHECK_EQ(parse_text("", 0), 0);
	CHECK_EQ(config.count, 0);
}

static void refuses_what_it_would_have_to_guess(void)
{
	static const struct {
		const char *line, *words;
	} wrong[] = {
		{"lag 1s", "KEY = VALUE"},
		{"no-heartbeat-wait", "KEY = yes"},
		{"= 1s", "KEY = VALUE"},
		{"lag =", "value is missing"},
		{"lag = # none", "value is missing"},
		{"trigger = log:mount failed", "'failed' follows the value"},
		{"trigger = 'log:mount failed", "closing ' is missing"},
		{"trigger = \"log:mount failed\\\"", "closing \" is missing"},
		{"trigger = \"log:a\\.b\"", "use single quotes"},
		{"trigger = \"\\x4\"", "use single quotes"},
		{"trigger = \"\\x00\"", "use single quotes"},
		{"trigger = 'a'b", "'b' follows the closing quote"},
		{"[report", "[NAME]"},
		{"[]", "[NAME]"},
		{"[report] limit = 3", "nothing may follow"},
		{"lag = 1\001s", "control character"},
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		(void)snprintf(text, sizeof(text), "lag = 1s\n%s\nlag = 2s\n", wrong[i].line);
		CHECK_EQ(parse_text(text, strlen(text)), -EINVAL);
		if (!strstr(err.text, wrong[i].words))
			printf("# said: %s\n", err.text);
		CHECK(strstr(err.text, wrong[i].words));
		CHECK(str_starts(err.text, "FILE:2: "));
	}
	CHECK_EQ(parse_text("lag = 1s\nlag\0= 2s", 17), -EINVAL);
	CHECK(strstr(err.text, "FILE:2: there is a zero byte"));
}

static void reads_back_what_it_writes(void)
{
	static const char *const values[] = {
		"any",	    "a b",	     "a'b c",  "#x",   "a#b",	 "\"",	"'",   "\\",
		"a\\.b c'", "\t\n\r",	     "\x7f",   "",     "=",	 "[x]", " a ", "a \\",
		"\"'\\",    "\xc3\xa4 \xff", "x\\x41", "a\tb", "a'\\n b"};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		CLEANUP(text_free) struct text out = {0};

		text_str(&out, "key = ");
		config_put_value(&out, values[i]);
		text_str(&out, "  # a comment\n");
		CHECK_EQ(parse_text(out.s, out.len), 0);
		CHECK_EQ(config.count, 1);
		CHECK_STR(config.lines[0].value, values[i]);
	}
}

/* Whose value counts. */

static void write_file(const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
	(void)chmod(path, 0644);
}

/* @file: NULL: the one that is there; @variable: one, or NULL; @line: words, split at blanks. */
static int parse(const char *file, const char *variable, const char *line)
{
	static char copy[512], *argv[32], *environment[2];
	struct argument_sources sources = {path, environment};
	char *save = NULL;
	int argc = 0;

	if (file)
		write_file(file);
	arguments_done(&args);
	err_clear(&err);
	environment[0] = (char *)(uintptr_t)variable;
	(void)snprintf(copy, sizeof(copy), "scoutfs-trace %s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return arguments_parse(argc, argv, &sources, &args, &err);
}

/* The @n-th of @option in what counts. */
static const struct record_setting *effective(const char *option, size_t n)
{
	for (size_t i = 0; i < args.config.setting_count; i++)
		if (!strcmp(args.config.settings[i].option, option) && n-- == 0)
			return &args.config.settings[i];
	return NULL;
}

/* Three values that @row takes, of which none is its default. */
static bool example_values(const struct option_row *row, const char *ret[3])
{
	static const char *const values[][3] = {
		[OPTION_FLAG] = {"yes", "true", NULL},
		[OPTION_COUNT] = {"1", "2", NULL},
		[OPTION_TEXT] = {"a", "b", "c"},
		[OPTION_SIZE] = {"64M", "65M", "66M"},
		[OPTION_DURATION] = {"3s", "4s", "5s"},
		[OPTION_WORD] = {"any", "any", "any"},
		[OPTION_EVENT] = {"a", "b", "c"},
		[OPTION_SAMPLE] = {"stat", "vmstat@5", "own=/a"},
		[OPTION_CHOICE] = {"oops", "usurped", "io-error"},
		[OPTION_NUMBER] = {"7", "8", "9"},
	};

	if (row->type >= ARRAY_SIZE(values) || !values[row->type][0])
		return false;
	memcpy(ret, values[row->type], 3 * sizeof(*ret));
	return true;
}

static void variable_of(const struct option_row *row, const char *value, char buf[128])
{
	int n = snprintf(buf, 128, "SCOUTFS_TRACE_%s", row->name);

	for (int i = 0; i < n; i++)
		buf[i] = buf[i] == '-'			  ? '_'
			 : buf[i] >= 'a' && buf[i] <= 'z' ? (char)(buf[i] - 32)
							  : buf[i];
	(void)snprintf(buf + n, (size_t)(128 - n), "=%s", value);
}

#define COUNTS(option, want_value, want_from)                            \
	do {                                                             \
		const struct record_setting *_s = effective(option, 0);  \
		CHECK(_s);                                               \
		CHECK_STR(_s->value ? _s->value : "(none)", want_value); \
		CHECK_STR(_s->from, want_from);                          \
		CHECK(!effective(option, 1));                            \
	} while (0)

static void every_option_of_a_recording_can_be_set_in_each_way(void)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		char file[128], variable[128], flag[128], from_file[128], from_env[128];
		const char *v[3], *unset = row->fallback ? row->fallback : "(none)";

		if (!option_on(row, VERB_RECORD) || row->act)
			continue;
		CHECK(example_values(row, v));
		(void)snprintf(file, sizeof(file), "\n%s = %s\n", row->name, v[0]);
		(void)snprintf(flag, sizeof(flag), "--%s%s%s", row->name, v[2] ? "=" : "",
			       v[2] ? v[2] : "");
		(void)snprintf(from_file, sizeof(from_file), "%s:2", path);
		variable_of(row, v[1], variable);
		(void)snprintf(from_env, sizeof(from_env), "environment %.*s",
			       (int)strcspn(variable, "="), variable);
		if (row->type == OPTION_FLAG || row->type == OPTION_COUNT)
			unset = "no";

		CHECK_EQ(parse("", NULL, "record"), 0);
		COUNTS(row->name, unset, "default");
		CHECK_EQ(parse(file, NULL, "record"), 0);
		COUNTS(row->name, v[0], from_file);
		CHECK_EQ(parse(file, variable, "record"), 0);
		COUNTS(row->name, v[1], from_env);
		CHECK_EQ(parse(file, variable, flag), 0);
		COUNTS(row->name, v[2] ? v[2] : row->type == OPTION_COUNT ? "1" : "yes", "flag");
		CHECK_EQ(parse(file, variable, "--no-config"), 0);
		COUNTS(row->name, v[1], from_env);
	}
}

static void values_reach_the_recorder(void)
{
	static const char file[] = "disk-budget = 4G\nlag = 250ms\nlog-facility = any\n"
				   "force-output = yes\nevent = sched\nevent = block\n"
				   "trigger = io-error\nverbose = 2\n";
	const struct record_config *c = &args.config;

	CHECK_EQ(parse(file, NULL, "10.0.0.5 5000"), 0);
	CHECK_EQ(c->disk_bytes, 4 * GIB);
	CHECK_EQ(c->lag_ms, 250);
	CHECK(c->log_facility_any && c->force_output);
	CHECK_EQ(c->event_count, 2);
	CHECK_STR(c->events[1], "block");
	CHECK_EQ(c->choice_count, 1);
	CHECK_EQ(args.verbose, 2);
	CHECK_EQ(c->server_port, 5000);
	/* What the file turned on can be turned off; -v after all counts from nothing. */
	CHECK_EQ(parse(NULL, NULL, "--force-output=no -v"), 0);
	CHECK(!c->force_output);
	CHECK_EQ(args.verbose, 1);
	/* Those of the command line take the place of the file's. */
	CHECK_EQ(parse(NULL, NULL, "-e irq"), 0);
	CHECK_EQ(c->event_count, 1);
	CHECK_STR(c->events[0], "irq");
	CHECK_EQ(parse(NULL, "SCOUTFS_TRACE_EVENT=x\ny y\n", "record"), 0);
	CHECK_EQ(c->event_count, 2);
	CHECK_STR(c->events[1], "y y");
}

static void triggers_keep_their_order(void)
{
	const struct record_config *c = &args.config;

	CHECK_EQ(parse("preset = script\ntrigger = 'log:a b'\nno-trigger = oops\ntrigger = "
		       "usurped\n",
		       "SCOUTFS_TRACE_SUSPECT=silence:9", "record"),
		 0);
	CHECK_EQ(c->choice_count, 5);
	CHECK_EQ(c->choices[0].what, CHOICE_PRESET);
	CHECK_STR(c->choices[1].spec, "log:a b");
	CHECK_EQ(c->choices[2].what, CHOICE_DISABLE);
	CHECK_STR(c->choices[3].spec, "usurped");
	CHECK_EQ(c->choices[4].what, CHOICE_SUSPECT);
	/* And are told in it, so that what is told can be a file again. */
	CHECK(effective("preset", 0));
	CHECK(effective("preset", 0) < effective("trigger", 0));
	CHECK(effective("trigger", 0) < effective("no-trigger", 0));
	CHECK(effective("no-trigger", 0) < effective("trigger", 1));
}

static void each_verb_takes_what_is_for_it(void)
{
	static const char file[] = "run-dir = /r\noutput-dir = /o\njson = yes\n"
				   "[status]\nquiet = yes\n"
				   "[report]\nlimit = 5\nevent = 'net*'\n"
				   "[export]\nformat = pcapng\n"
				   "[record]\nlag = 2s\n";

	CHECK_EQ(parse(file, NULL, "status"), 0);
	CHECK_STR(args.config.run_dir, "/r");
	CHECK(args.json && args.quiet);
	CHECK_EQ(parse(NULL, NULL, "recover"), 0);
	CHECK_STR(args.config.output_dir, "/o");
	CHECK(!args.quiet);
	CHECK_EQ(parse(NULL, NULL, "check"), 0);
	CHECK_EQ(args.config.lag_ms, 2000);
	CHECK_EQ(parse(NULL, NULL, "report B"), 0);
	CHECK_EQ(args.report.limit, 5);
	CHECK_EQ(args.report.filter_count, 1);
	CHECK_EQ(args.report.format, REPORT_TEXT);
	CHECK_EQ(parse(NULL, "SCOUTFS_TRACE_REPORT_LIMIT=6", "report B"), 0);
	CHECK_EQ(args.report.limit, 6);
	CHECK_EQ(parse(NULL, "SCOUTFS_TRACE_JSON=1", "report B"), 0);
	CHECK_EQ(args.report.format, REPORT_TEXT);
	CHECK_EQ(parse(NULL, NULL, "export B"), 0);
	CHECK_EQ(args.report.export, EXPORT_PCAPNG);
	/* A value that is not for this verb does not keep it from working. */
	CHECK_EQ(parse("disk-budget = 4Q\n", NULL, "stop"), 0);
}

#define REFUSED(file, variable, line, words)                    \
	do {                                                    \
		CHECK_EQ(parse(file, variable, line), -EINVAL); \
		if (!strstr(err.text, words))                   \
			printf("# said: %s\n", err.text);       \
		CHECK(strstr(err.text, words));                 \
	} while (0)

static void mistakes_name_their_line_whatever_the_verb(void)
{
	REFUSED("\n\ndisk-bugdet = 1G\n", NULL, "stop",
		":3: there is no option 'disk-bugdet'; did you mean 'disk-budget'?");
	REFUSED("[recrod]\n", NULL, "stop",
		":1: there is no section 'recrod'; did you mean 'record'?");
	REFUSED("[check]\n", NULL, "stop", "there is no section 'check'");
	REFUSED("limit = 3\n", NULL, "stop", "'limit' does not belong here");
	REFUSED("[report]\nlag = 3s\n", NULL, "stop", ":2: 'lag' does not belong here");
	REFUSED("help = yes\n", NULL, "stop", "for the command line only");
	REFUSED("--lag = 1s\n", NULL, "stop", "did you mean 'lag'?");
	REFUSED("lag = 1s\nafter = 0\nlag = 2s\n", NULL, "stop",
		":3: 'lag' is given twice, first in line 1");
	CHECK(args.file_wrong);
	REFUSED("lag = 1s\n[record]\ndisk-budget = 4Q\n", NULL, "record",
		":3: --disk-budget: '4Q' is not a size");
	CHECK(args.file_wrong);
	REFUSED("force-output = maybe\n", NULL, "record",
		":1: --force-output: 'maybe' is neither yes nor no");
	REFUSED("", "SCOUTFS_TRACE_LAG=soon", "record",
		"SCOUTFS_TRACE_LAG: --lag: 'soon' is not a time");
	CHECK(!args.file_wrong);
	REFUSED("", "SCOUTFS_TRACE_NO_CONFIG=perhaps", "record", "neither yes nor no");
	REFUSED("", NULL, "record --config x --no-config", "contradict");
	REFUSED("", NULL, "record --config /nonexistent/x",
		"cannot read the configuration file /nonexistent/x");
	REFUSED("", NULL, "record --config /dev/null", "not a regular file");
	/* What cannot be a setting is said, and not used. */
	CHECK_EQ(parse("", "SCOUTFS_TRACE_DISK_BUGDET=1G", "record"), 0);
	CHECK(strstr(text_c(&args.warnings), "did you mean SCOUTFS_TRACE_DISK_BUDGET?"));
	CHECK_EQ(parse("", "SCOUTFS_TRACE_DISK_BUGDET=1G", "report B"), 0);
	CHECK_EQ(args.warnings.len, 0);
	/* Help is for those who have a mistake in their file. */
	CHECK_EQ(parse("nonsense\n", NULL, "--help"), 0);
	CHECK_EQ(parse(NULL, NULL, "help record"), 0);
	CHECK_EQ(parse(NULL, NULL, "stop --no-config"), 0);
	CHECK_EQ(parse(NULL, "SCOUTFS_TRACE_NO_CONFIG=1", "stop"), 0);
}

static void a_file_that_others_can_write_is_refused(void)
{
	char variable[128];

	write_file("lag = 3s\n");
	CHECK_EQ(chmod(path, 0664), 0);
	REFUSED(NULL, NULL, "record", "chmod go-w /tmp/");
	CHECK_EQ(chmod(path, 0602), 0);
	REFUSED(NULL, NULL, "stop", "chmod go-w /tmp/");
	CHECK_EQ(chmod(path, 0600), 0);
	CHECK_EQ(parse(NULL, NULL, "record"), 0);
	if (geteuid() == 0) {
		CHECK_EQ(chown(path, 65534, 0), 0);
		REFUSED(NULL, NULL, "record", "chown root /tmp/");
		CHECK_EQ(chown(path, 0, 0), 0);
	}
	/* By the environment; and the usual one need not be there. */
	(void)snprintf(variable, sizeof(variable), "SCOUTFS_TRACE_CONFIG=%s.not", path);
	REFUSED(NULL, variable, "record", "cannot read the configuration file");
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(parse(NULL, NULL, "record"), 0);
	CHECK_EQ(args.config.lag_ms, 1000);
}

/* At the usual place, where nobody named it: an end with a remedy, and no waiting. */
static void what_is_no_file_is_refused(void)
{
	(void)unlink(path);
	CHECK_EQ(mkdir(path, 0755), 0);
	REFUSED(NULL, NULL, "stop", "not a regular file; put a text file");
	CHECK(args.file_wrong);
	CHECK_EQ(rmdir(path), 0);
	CHECK_EQ(mkfifo(path, 0644), 0);
	REFUSED(NULL, NULL, "stop", "not a regular file; put a text file");
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(symlink("/nonexistent/x", path), 0);
	REFUSED(NULL, NULL, "stop", "a symbolic link to a file that is not there; make it");
	CHECK(args.file_wrong);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(symlink(path, path), 0);
	REFUSED(NULL, NULL, "stop", "Too many levels of symbolic links");
	CHECK_EQ(unlink(path), 0);
	write_file("lag = 3s\n");
	CHECK_EQ(truncate(path, GIB), 0);
	REFUSED(NULL, NULL, "stop", "too large for a configuration file");
	CHECK_EQ(truncate(path, 64 * KIB), 0);
	REFUSED(NULL, NULL, "stop", ":2: there is a zero byte");
	CHECK_EQ(unlink(path), 0);
}

/* Values of report that more than their row is needed to judge. */
static void values_of_report_name_their_line(void)
{
	REFUSED("[report]\nfrom = whenever\n", NULL, "report B", ":2: 'whenever'");
	REFUSED("[report]\nlimit = 1\nto = whenever\n", NULL, "report B", ":3: 'whenever'");
	REFUSED("[report]\nsmooth = 0\n", NULL, "report B", ":2: --smooth: 0 is too little");
	REFUSED("[report]\nsmooth = 1000001\n", NULL, "report B", ":2: --smooth: 1000001 is too");
	REFUSED("[report]\nformat = csv\n", NULL, "report B --json", ":2: --json and --format");
	REFUSED("[export]\nfrom = whenever\n", NULL, "export B", ":2: 'whenever'");
	REFUSED("", "SCOUTFS_TRACE_REPORT_FROM=whenever", "report B",
		"SCOUTFS_TRACE_REPORT_FROM: 'whenever'");
	CHECK_EQ(parse("[report]\nfrom = whenever\n", NULL, "report B --from +1s"), 0);
}

/* "#NAME = VALUE" for each option of a recording, and nothing set. */
static void the_example_has_every_option_and_sets_none(void)
{
	CLEANUP(text_free) struct text t = {0};
	char file[4096], line[256], chunk[4096];
	FILE *f;
	size_t n;

	(void)snprintf(file, sizeof(file), "%s/../../man/scoutfs-trace.conf.example",
		       getenv("TEST_DATA"));
	f = fopen(file, "re");
	CHECK(f);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		text_add(&t, chunk, n);
	fclose(f);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];

		if (!option_on(row, VERB_RECORD) || row->act)
			continue;
		(void)snprintf(line, sizeof(line), "\n#%s = %s%s", row->name,
			       row->fallback ? row->fallback : "", row->fallback ? "\n" : "");
		if (!strstr(text_c(&t), line))
			printf("# not in the example: %s\n", line + 1);
		CHECK(strstr(text_c(&t), line));
	}
	CHECK_EQ(parse(text_c(&t), NULL, "record"), 0);
	for (size_t i = 0; i < args.config.setting_count; i++)
		CHECK_STR(args.config.settings[i].from, "default");
	/* And with every line of it taken in use. */
	for (char *s = t.s; (s = strstr(s, "\n#")); s++)
		if (s[2] != ' ' && s[2] != '\n')
			s[1] = ' ';
	CHECK_EQ(parse(text_c(&t), NULL, "record"), 0);
	CHECK_EQ(parse(NULL, NULL, "report B"), 0);
	arguments_done(&args);
	config_done(&config);
	(void)unlink(path);
}

static void makes_its_file(void)
{
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
}

TEST_MAIN(TEST(makes_its_file), TEST(reads_keys_values_and_sections),
	  TEST(refuses_what_it_would_have_to_guess), TEST(reads_back_what_it_writes),
	  TEST(every_option_of_a_recording_can_be_set_in_each_way), TEST(values_reach_the_recorder),
	  TEST(triggers_keep_their_order), TEST(each_verb_takes_what_is_for_it),
	  TEST(mistakes_name_their_line_whatever_the_verb),
	  TEST(a_file_that_others_can_write_is_refused), TEST(what_is_no_file_is_refused),
	  TEST(values_of_report_name_their_line), TEST(the_example_has_every_option_and_sets_none))
