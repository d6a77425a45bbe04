/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is wrong with a value is told with the line that it is from, whatever knows what it may be:
 * the parser of triggers, of events, of series.
 */
#include <errno.h>
#include <sys/stat.h>

#include "option.h"
#include "record/record.h"
#include "test.h"

static struct arguments args;
static struct err err;
static char path[] = "/tmp/scoutfs-trace-test.XXXXXX";

static int check(const char *file, const char *variable, const char *flag)
{
	static char *environment[2], *argv[4];
	struct argument_sources sources = {path, environment};
	FILE *f = fopen(path, "we");

	if (!f || fputs(file, f) < 0 || fclose(f) != 0)
		abort();
	arguments_done(&args);
	err_clear(&err);
	environment[0] = (char *)(uintptr_t)variable;
	argv[0] = (char *)(uintptr_t) "scoutfs-trace";
	argv[1] = (char *)(uintptr_t)flag;
	if (arguments_parse(flag ? 2 : 1, argv, &sources, &args, &err) < 0)
		abort();
	return record_config_check(&args.config, &err);
}

static void says_which_line(void)
{
	static const struct {
		const char *line, *words;
	} wrong[] = {
		{"sample = vmstats", "did you mean 'vmstat'?"},
		{"sample = own=/x@-1", "is not an interval"},
		{"trigger = server-closin", "server-closing"},
		{"trigger = 'log:a('", "log:a("},
		{"suspect = nix:a", "nix"},
		{"no-trigger = oopss", "oops"},
		{"preset = scrpt", "script"},
		{"event = 'a b'", "' '"},
		{"event = sched/x", "no event"},
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		(void)snprintf(text, sizeof(text),
			       "sample = stat@2\nevent = sched\ntrigger = log:a\n%s\n"
			       "sample = meminfo\nevent = irq\nsuspect = log:b\n",
			       wrong[i].line);
		if (check(text, NULL, NULL) != -EINVAL)
			printf("# accepted: %s\n", wrong[i].line);
		(void)snprintf(text, sizeof(text), "%s:4: ", path);
		if (!str_starts(err.text, text) || !strstr(err.text, wrong[i].words))
			printf("# said: %s\n", err.text);
		CHECK(str_starts(err.text, text));
		CHECK(strstr(err.text, wrong[i].words));
	}
}

static void says_which_variable(void)
{
	CHECK_EQ(check("sample = stat\n", "SCOUTFS_TRACE_SAMPLE=stat\nvmstats", NULL), -EINVAL);
	CHECK(str_starts(err.text, "SCOUTFS_TRACE_SAMPLE (environment): --sample: "));
}

/* What does not count is not judged; a flag needs no place. */
static void judges_what_counts(void)
{
	CHECK_EQ(check("sample = vmstats\n", NULL, "--sample=stat"), 0);
	CHECK_EQ(check("sample = stat\n", NULL, "--sample=vmstats"), -EINVAL);
	CHECK(str_starts(err.text, "--sample: "));
	CHECK_EQ(check("sample = stat\nsample = stat@2\n", NULL, NULL), -EINVAL);
	CHECK(strstr(err.text, ":2: --sample: 'stat' is given twice"));
}

static void what_is_right_passes(void)
{
	CHECK_EQ(check("trigger = log:a\ntrigger = event:sched:sched_switch/prev_pid==1\n"
		       "preset = script\nevent = sched:*\nsample = default@5\n",
		       NULL, NULL),
		 0);
	CHECK_EQ(check("", NULL, NULL), 0);
}

static void places_are_found_by_their_order(void)
{
	char place[200], want[200];

	CHECK_EQ(check("event = a\ninterface = nope0\nevent = b\n", NULL, NULL), 0);
	(void)snprintf(want, sizeof(want), "%s:3: ", path);
	record_setting_place(record_setting_of(&args.config, "event", 1), place, sizeof(place));
	CHECK_STR(place, want);
	(void)snprintf(want, sizeof(want), "%s:2: ", path);
	record_setting_place(record_setting_of(&args.config, "interface", 0), place, sizeof(place));
	CHECK_STR(place, want);
	CHECK(!record_setting_of(&args.config, "event", 2));
	CHECK_STR(record_setting_place(NULL, place, sizeof(place)), "");
}

static void prepare(void)
{
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	(void)close(fd);
}

static void clean_up(void)
{
	arguments_done(&args);
	(void)unlink(path);
}

TEST_MAIN(TEST(prepare), TEST(says_which_line), TEST(says_which_variable), TEST(judges_what_counts),
	  TEST(what_is_right_passes), TEST(places_are_found_by_their_order), TEST(clean_up))
