/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What --sample may say, and what it makes; the table of built-in series against the man page and
 * against what the completion offers.
 */
#include <errno.h>

#include "base/file.h"
#include "option.h"
#include "series_plan.h"
#include "test.h"

static int plan_of(struct series_plan *ret, struct err *e, const char *const *samples)
{
	struct record_config c = {.samples = samples};

	while (samples[c.sample_count])
		c.sample_count++;
	return series_plan_make(&c, ret, e);
}
#define PLAN(p, e, ...) plan_of(p, e, (const char *const[]){__VA_ARGS__, NULL})
#define PLAN_DEFAULT(p) plan_of(p, NULL, (const char *const[]){NULL})

static const struct series_spec *spec(const struct series_plan *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (!strcmp(p->specs[i].name, name))
			return &p->specs[i];
	return NULL;
}

static uint64_t interval(const struct series_plan *p, const char *name)
{
	const struct series_spec *s = spec(p, name);

	return s ? s->interval_ns : UINT64_MAX;
}

static const char *path(const struct series_plan *p, const char *name)
{
	const struct series_spec *s = spec(p, name);

	return s ? s->path : NULL;
}

static void without_a_word_it_is_the_default_set(void)
{
	CLEANUP(series_plan_done) struct series_plan p;
	size_t in_set = 0;

	for (size_t i = 0; i < series_builtin_count; i++)
		in_set += series_builtins[i].by_default;
	CHECK_EQ(PLAN_DEFAULT(&p), 0);
	CHECK(p.by_default);
	CHECK_EQ(p.count, in_set);
	CHECK_EQ(interval(&p, "vmstat"), NSEC_PER_SEC);
	CHECK_EQ(interval(&p, "interrupts"), 10 * NSEC_PER_SEC);
	CHECK(!spec(&p, "slabinfo"));
}

static void only_what_is_named(void)
{
	CLEANUP(series_plan_done) struct series_plan p;

	CHECK_EQ(
		PLAN(&p, NULL, "vmstat", "slabinfo@0.01", "own=/a@b/c*@0", "at=/x@y", "u=/z@500ms"),
		0);
	CHECK_EQ(p.count, 5);
	CHECK_EQ(interval(&p, "vmstat"), NSEC_PER_SEC);
	CHECK_EQ(interval(&p, "slabinfo"), 10 * NSEC_PER_MSEC);
	CHECK_STR(path(&p, "own"), "/a@b/c*");
	CHECK_EQ(interval(&p, "own"), 0);
	CHECK_STR(path(&p, "at"), "/x@y");
	CHECK_EQ(interval(&p, "at"), NSEC_PER_SEC);
	CHECK_EQ(interval(&p, "u"), 500 * NSEC_PER_MSEC);
}

static void names_beside_the_set_go_before_it(void)
{
	CLEANUP(series_plan_done) struct series_plan p;
	CLEANUP(series_plan_done) struct series_plan q;

	CHECK_EQ(PLAN(&p, NULL, "default@5", "stat@0.1"), 0);
	CHECK_EQ(interval(&p, "stat"), 100 * NSEC_PER_MSEC);
	CHECK_EQ(interval(&p, "interrupts"), 5 * NSEC_PER_SEC);
	CHECK_EQ(PLAN_DEFAULT(&q), 0);
	CHECK_EQ(p.count, q.count);
}

static void none_is_nothing(void)
{
	CLEANUP(series_plan_done) struct series_plan p;

	CHECK_EQ(PLAN(&p, NULL, "none"), 0);
	CHECK_EQ(p.count, 0);
}

static void what_is_wrong_has_a_sentence(void)
{
	static const struct {
		const char *samples[3], *words;
	} wrong[] = {
		{{"vmstats"}, "did you mean 'vmstat'?"},
		{{"tcp_info"}, "did you mean 'tcpinfo'?"},
		{{"xxxxxxxx"}, "there are scoutfs, quorum"},
		{{"vmstat@"}, "is not an interval"},
		{{"vmstat@x"}, "is not an interval"},
		{{"vmstat@-1"}, "is not an interval"},
		{{"vmstat@1@2"}, "is not an interval"},
		{{"vmstat@nan"}, "is not an interval"},
		{{"vmstat@1e9"}, "is not an interval"},
		{{"own=/x@-1"}, "is not an interval"},
		{{"vmstat@0.001"}, "from 0.01 to 86400"},
		{{"vmstat@86401"}, "from 0.01 to 86400"},
		{{"vmstat@99999999999999999999"}, "is not an interval"},
		{{"own="}, "must begin with /"},
		{{"own=@1"}, "must begin with /"},
		{{"own=proc/stat"}, "must begin with /"},
		{{"=/proc/stat"}, "a name has letters"},
		{{""}, "a name has letters"},
		{{"../x=/proc/stat"}, "a name has letters"},
		{{"Own=/proc/stat"}, "a name has letters"},
		{{"a23456789012345678901234567890123=/x"}, "a name has letters"},
		{{"vmstat=/proc/stat"}, "is a built-in series"},
		{{"default=/proc/stat"}, "is a set of series"},
		{{"default@x"}, "is not an interval"},
		{{"default", "default"}, "given twice"},
		{{"stat", "stat@2"}, "given twice"},
		{{"none@1"}, "none stands alone"},
		{{"none=/x"}, "give your file another name"},
		{{"none", "stat"}, "cannot be had at once"},
		{{"v=/sys/fs/scoutfs/*/volume_options/x"}, "not read"},
		{{"d=/sys/kernel/debug/scoutfs/f.1.r.2/drop_caches"}, "not read"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		CLEANUP(series_plan_done) struct series_plan p = {0};
		struct err e = {0};

		CHECK_EQ(plan_of(&p, &e, wrong[i].samples), -EINVAL);
		if (!strstr(e.text, wrong[i].words))
			printf("# %s: %s\n", wrong[i].samples[0], e.text);
		CHECK(strstr(e.text, wrong[i].words));
	}
}

static void there_is_an_end_to_them(void)
{
	CLEANUP(series_plan_done) struct series_plan p;
	char names[SERIES_MAX + 1][16];
	const char *samples[SERIES_MAX + 2] = {NULL};
	struct err e = {0};

	for (size_t i = 0; i <= SERIES_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "s%zu=/x", i);
		samples[i] = names[i];
	}
	CHECK_EQ(plan_of(&p, &e, samples), -EINVAL);
	CHECK(strstr(e.text, "at most 64"));
}

/* ".It Cm NAME Ta yes|no Ta N s Ta WHAT" */
static void the_man_page_has_the_table(void)
{
	CLEANUP(text_free) struct text page = {0};
	char file[4096];
	const char *at;

	(void)snprintf(file, sizeof(file), "%s/../../man/scoutfs-trace.8", getenv("TEST_DATA"));
	CHECK_EQ(file_load(file, MIB, &page, NULL), 0);
	at = strstr(page.s, ".Sh SERIES");
	CHECK(at);
	at = strstr(at, ".It Em name");
	CHECK(at);
	for (size_t i = 0; i < series_builtin_count; i++) {
		const struct series_builtin *b = &series_builtins[i];
		char line[256];
		size_t n;

		CHECK(strlen(b->what) <= 38); /* what a terminal of 80 columns leaves for it */
		n = (size_t)snprintf(line, sizeof(line), ".It Cm %s Ta %s Ta %llu s Ta %s\n",
				     b->name, b->by_default ? "yes" : "no",
				     (unsigned long long)(b->interval_ns / NSEC_PER_SEC), b->what);
		at = strchr(at, '\n') + 1;
		if (strncmp(at, line, n) != 0)
			printf("# wanted: %s", line);
		CHECK(!strncmp(at, line, n));
	}
	at = strchr(at, '\n') + 1;
	CHECK(!strncmp(at, ".El", 3));
}

static void completion_offers_them_all(void)
{
	CLEANUP(text_free) struct text names = {0};

	for (size_t i = 0; i < series_builtin_count; i++)
		text_printf(&names, "%s ", series_builtins[i].name);
	text_str(&names, "default none");
	for (size_t i = 0; i < option_count; i++)
		if (!strcmp(option_table[i].name, "sample"))
			CHECK_STR(option_table[i].complete, names.s);
}

/* By hand: 2 ms a second and 20 ms in ten are 0.4 %; the second gives way to the first. */
static void what_costs_too_much_gives_way(void)
{
	struct series_cost c[] = {
		{.cpu_ns = 1990 * NSEC_PER_USEC, .interval_ns = NSEC_PER_SEC},
		{.cpu_ns = 20 * NSEC_PER_MSEC, .interval_ns = 10 * NSEC_PER_SEC},
		{.cpu_ns = NSEC_PER_SEC, .interval_ns = NSEC_PER_SEC, .asked = true},
		{.cpu_ns = 0, .interval_ns = NSEC_PER_SEC},
		{.cpu_ns = NSEC_PER_SEC, .interval_ns = 0},
	};

	CHECK_EQ(series_spare(c, 5), 1);
	c[1].interval_ns *= 2;
	CHECK_EQ(series_spare(c, 5), 0);
	c[0].interval_ns *= 2;
	CHECK_EQ(series_spare(c, 5), 5); /* 0.1 % each */
	CHECK_EQ(series_spare(c, 0), 0);
}

static void names_are_file_names(void)
{
	for (size_t i = 0; i < series_builtin_count; i++)
		CHECK(series_name_ok(series_builtins[i].name, strlen(series_builtins[i].name)));
}

TEST_MAIN(TEST(without_a_word_it_is_the_default_set), TEST(only_what_is_named),
	  TEST(names_beside_the_set_go_before_it), TEST(none_is_nothing),
	  TEST(what_is_wrong_has_a_sentence), TEST(there_is_an_end_to_them),
	  TEST(the_man_page_has_the_table), TEST(completion_offers_them_all),
	  TEST(what_costs_too_much_gives_way), TEST(names_are_file_names))
