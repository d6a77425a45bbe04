/* SPDX-License-Identifier: GPL-2.0-only */
/* --where: what it means, what it says when it means nothing, and that nothing makes it stumble. */
#include "expression.h"
#include "reportkit.h"
#include "test.h"

static void setup(void)
{
	kit_format("scoutfs", "scoutfs_net_send_message",
		   "u64 fsid, u64 rid, u64 nh_id, u8 nh_cmd, u8 nh_flags, u8 nh_error");
	kit_format("sched", "sched_wakeup", "char16 comm, int pid, int prio, str note");
	kit_format("scoutfs", "scoutfs_work_exit", "u64 rid, s64 ret, int small");
	kit_formats_done();
	kit_comm(7, "kworker/0:1");
	kit_comm(9, "fsstress");
}

/* 1: true, 0: false, -1: not understood. */
static int ask(const char *s, const struct trace_event *ev)
{
	CLEANUP(expression_freep) struct expression *x = NULL;
	int r;

	err_clear(&kit.err);
	r = expression_parse(s, &x, &kit.err);
	if (r == 0)
		r = expression_bind(x, &kit.rec, &kit.err);
	return r < 0 ? -1 : expression_holds(x, ev);
}

static int ask_message(const char *s)
{
	return ask(s, kit_make("scoutfs_net_send_message", 1, 3, 7,
			       "fsid=1 rid=0xff0000000000000f nh_id=5 nh_cmd=7 nh_flags=1"));
}

static int ask_wakeup(const char *s)
{
	return ask(s, kit_make("sched_wakeup", 1, 0, 9, "comm=target pid=77 prio=-5 note=a*b"));
}

static void fields_are_compared_as_numbers(void)
{
	setup();
	CHECK_EQ(ask_message("nh_cmd == 7"), 1);
	CHECK_EQ(ask_message("nh_cmd = 7"), 1);
	CHECK_EQ(ask_message("nh_cmd != 7"), 0);
	CHECK_EQ(ask_message("nh_cmd<8"), 1);
	CHECK_EQ(ask_message("nh_cmd<7"), 0);
	CHECK_EQ(ask_message("nh_cmd<=7"), 1);
	CHECK_EQ(ask_message("nh_cmd>6"), 1);
	CHECK_EQ(ask_message("nh_cmd>7"), 0);
	CHECK_EQ(ask_message("nh_cmd>=0x7"), 1);
	CHECK_EQ(ask_message("rid == 0xff0000000000000f"), 1);
	CHECK_EQ(ask_message("rid > 0x7fffffffffffffff"), 1);
	CHECK_EQ(ask_message("rid > -1"), 1);
	CHECK_EQ(ask_message("nh_cmd > -1"), 1);
	CHECK_EQ(ask_message("nh_error"), 0);
	CHECK_EQ(ask_message("nh_id"), 1);
	kit_forget();
}

static void negative_numbers_keep_their_order(void)
{
	setup();
	CHECK_EQ(ask_wakeup("prio == -5"), 1);
	CHECK_EQ(ask_wakeup("prio < -4"), 1);
	CHECK_EQ(ask_wakeup("prio < -5"), 0);
	CHECK_EQ(ask_wakeup("prio < 0"), 1);
	CHECK_EQ(ask_wakeup("prio == 0xfffffffffffffffb"), 0);
	CHECK_EQ(ask("ret == -9223372036854775808",
		     kit_make("scoutfs_work_exit", 1, 0, 1, "ret=0x8000000000000000")),
		 1);
	CHECK_EQ(ask("ret < 0 && small >= -1 && small < 0",
		     kit_make("scoutfs_work_exit", 1, 0, 1, "ret=-1 small=-1")),
		 1);
	kit_forget();
}

static void bits_bind_tighter_than_comparisons_and_tighter_than_or(void)
{
	setup();
	CHECK_EQ(ask_message("nh_flags & 1"), 1);
	CHECK_EQ(ask_message("nh_flags & 2"), 0);
	CHECK_EQ(ask_message("nh_cmd & 6 == 6"), 1);
	CHECK_EQ(ask_message("nh_cmd & 6 == 7"), 0);
	CHECK_EQ(ask_message("cmd == 7 && flags & 1 || error != 0"), 1);
	CHECK_EQ(ask_message("error != 0 || cmd == 7 && flags & 2"), 0);
	CHECK_EQ(ask_message("(error == 0 || cmd == 7) && flags & 2"), 0);
	CHECK_EQ(ask_message("error == 0 || cmd == 7 && flags & 2"), 1);
	CHECK_EQ(ask_message("!(cmd == 7) || !flags & 2"), 1);
	CHECK_EQ(ask_message("!!(cmd == 7 && !(flags & 2))"), 1);
	CHECK_EQ(ask_message("!(cmd == 7 && !(flags & 2))"), 0);
	kit_forget();
}

static void texts_are_compared_whole_or_by_a_pattern(void)
{
	setup();
	CHECK_EQ(ask_wakeup("comm == target"), 1);
	CHECK_EQ(ask_wakeup("comm == \"target\""), 1);
	CHECK_EQ(ask_wakeup("comm == 'targe'"), 0);
	CHECK_EQ(ask_wakeup("comm != targe"), 1);
	CHECK_EQ(ask_wakeup("comm ~ t*g?t"), 1);
	CHECK_EQ(ask_wakeup("comm ~ \"*x*\""), 0);
	CHECK_EQ(ask_wakeup("note == \"a*b\""), 1);
	CHECK_EQ(ask_wakeup("note"), 1);
	CHECK_EQ(ask_wakeup("event == sched_wakeup && system == sched && event ~ sched_*"), 1);
	kit_forget();
}

static void an_event_s_own_fields_come_before_what_all_have(void)
{
	setup();
	CHECK_EQ(ask_wakeup("pid == 77"), 1);
	CHECK_EQ(ask_wakeup("common_pid == 9"), 1);
	CHECK_EQ(ask_wakeup("PID == 9 && COMM == fsstress"), 1);
	CHECK_EQ(ask_message("pid == 7 && comm ~ \"kworker/*\" && cpu == 3"), 1);
	CHECK_EQ(ask_message("comm == fsstress"), 0);
	CHECK_EQ(ask_message("cpu & 2 && CPU < 4"), 1);
	kit_forget();
}

static void what_an_event_does_not_have_is_not_true_of_it(void)
{
	struct trace_event cut;

	setup();
	CHECK_EQ(ask_wakeup("nh_cmd == 0"), 0);
	CHECK_EQ(ask_wakeup("nh_cmd != 0"), 0);
	CHECK_EQ(ask_wakeup("!(nh_cmd != 0)"), 1);
	cut = *kit_make("scoutfs_net_send_message", 1, 0, 1, "nh_cmd=7");
	cut.bytes = 20;
	CHECK_EQ(ask("nh_cmd == 7", &cut), 0);
	cut.type = TRACE_TYPE_UNKNOWN;
	CHECK_EQ(ask("cpu == 0", &cut), 0);
	kit_forget();
}

static void commands_have_names(void)
{
	setup();
	CHECK_EQ(ask_message("nh_cmd == LOCK"), 1);
	CHECK_EQ(ask_message("cmd == lock && cmd != GREETING"), 1);
	CHECK_EQ(ask_message("cmd == FAREWELL"), 0);
	CHECK_EQ(ask_message("cmd == LOKC"), -1);
	kit_forget();
}

static bool says(const char *expression, const char *sentence, int column)
{
	const char *last;

	setup();
	if (ask_message(expression) != -1 || !strstr(kit.err.text, sentence)) {
		printf("# %s: %s\n", expression, kit.err.text);
		return false;
	}
	kit_forget();
	last = strrchr(kit.err.text, '\n');
	if (last && (int)strlen(last) - 4 == column)
		return true;
	printf("# %s: column %d\n", expression, last ? (int)strlen(last) - 4 : -1);
	return false;
}

static void a_mistake_is_shown_where_it_is(void)
{
	CHECK(says("", "the name of a field is expected", 0));
	CHECK(says("nh_cmd ==", "a value is expected", 9));
	CHECK(says("nh_cmd == 7 nh_flags", "'&&' or '||' is expected", 12));
	CHECK(says("(nh_cmd == 7", "not closed", 0));
	CHECK(says("nh_cmd == 7)", "'&&' or '||' is expected", 11));
	CHECK(says("nh_cmd == \"7", "this quote is not closed", 10));
	CHECK(says("nh_cmd == 0x", "a number is expected", 10));
	CHECK(says("nh_cmd == 99999999999999999999", "beyond 64 bits", 10));
	CHECK(says("nh_cmd == -9223372036854775809", "beyond 64 bits", 10));
	CHECK(says("nh_cmd < LOCK", "by ==, != and ~ only", 9));
	CHECK(says("nh_flags & x", "a number is expected after '&'", 11));
	CHECK(says("nh_flags & 0", "never true", 11));
	CHECK(says("nh_cmd % 2", "means nothing here", 7));
	CHECK(says("rid == 1 && nh_cdm == 7", "did you mean 'nh_cmd'?", 12));
	CHECK(says("rid == hello", "is compared with a word, but is a number", 7));
	CHECK(says("nh_id ~ \"1*\"", "is a number, not a text", 0));
	CHECK(says("note == 4", "'note' is not a number", 0));
	CHECK(says("event == 4", "'event' is not a number", 0));
}

static void hostile_ones_are_refused_in_little_time(void)
{
	static char s[8192];
	struct trace_event ev;

	setup();
	ev = *kit_make("scoutfs_net_send_message", 1, 3, 7, "nh_cmd=7");
	memset(s, '(', 4000);
	CHECK_EQ(ask(s, &ev), -1);
	CHECK(strstr(kit.err.text, "more than 64 levels"));
	memset(s, '!', 4000);
	CHECK_EQ(ask(s, &ev), -1);
	memset(s, 'a', 5000);
	CHECK_EQ(ask(s, &ev), -1);
	CHECK(strstr(kit.err.text, "longer than"));
	s[0] = '\0';
	for (int i = 0; i < 700; i++)
		(void)strcat(s, i ? "||cpu" : "cpu");
	CHECK_EQ(ask(s, &ev), -1);
	CHECK(strstr(kit.err.text, "more than 512 conditions"));
	s[0] = '\0';
	for (int i = 0; i < 250; i++)
		(void)strcat(s, "nh_id||");
	(void)strcat(s, "nh_cmd==7");
	CHECK_EQ(ask(s, &ev), 1);
	CHECK_EQ(ask("cpu == 3 \033[2J", &ev), -1);
	CHECK(!strchr(kit.err.text, '\033'));
	kit_forget();
}

static void a_pattern_takes_no_more_steps_than_it_must(void)
{
	static char text[65536], pattern[512];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < 500; i += 2)
		memcpy(pattern + i, "*a", 2);
	memcpy(pattern + 500, "*b", 3);
	CHECK(!glob_match(pattern, 502, text, sizeof(text)));
	CHECK(glob_match(pattern, 500, text, sizeof(text)));
	CHECK(glob_match("", 0, "", 0));
	CHECK(glob_match("**", 2, "", 0));
	CHECK(!glob_match("?", 1, "", 0));
	CHECK(glob_match("a*c?", 4, "abbcacd", 7));
}

static void without_trace_events_nothing_is_wrong(void)
{
	CLEANUP(expression_freep) struct expression *x = NULL;
	struct recording none = {0};

	CHECK_EQ(expression_parse("whatever == 5", &x, NULL), 0);
	CHECK_EQ(expression_bind(x, &none, NULL), 0);
	CHECK(!expression_holds(x, &(struct trace_event){0}));
}

static void an_address_is_no_text(void)
{
	kit_format("scoutfs", "scoutfs_net_recv_message", "u32 name_addr, u16 name_port");
	kit_format("module", "module_load", "str name");
	setup();
	CHECK_EQ(ask_message("name == \"10.0.0.1:5000\""), -1);
	CHECK(strstr(kit.err.text, "--peer 10.0.0.1:5000, or name_addr == 0x0a000001"));
	CHECK_EQ(ask_message("name == \"10.0.0.1\""), -1);
	CHECK_EQ(ask_message("name == \"scoutfs\""), 0);
	kit_forget();
}

TEST_MAIN(TEST(an_address_is_no_text), TEST(fields_are_compared_as_numbers),
	  TEST(negative_numbers_keep_their_order),
	  TEST(bits_bind_tighter_than_comparisons_and_tighter_than_or),
	  TEST(texts_are_compared_whole_or_by_a_pattern),
	  TEST(an_event_s_own_fields_come_before_what_all_have),
	  TEST(what_an_event_does_not_have_is_not_true_of_it), TEST(commands_have_names),
	  TEST(a_mistake_is_shown_where_it_is), TEST(hostile_ones_are_refused_in_little_time),
	  TEST(a_pattern_takes_no_more_steps_than_it_must),
	  TEST(without_trace_events_nothing_is_wrong))
