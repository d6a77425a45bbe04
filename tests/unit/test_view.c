/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `status` and `check` show a person, from reports made up here: the functions of
 * record/check.h that a view needs are this file's.
 */
#include "base/util.h"
#include "cmd.h"
#include "test.h"

static struct err err;

/* A report is a list of results of this test's choice. */
struct check_report {
	size_t count;
	const char *names[4];
	struct check_result results[4];
};

size_t check_count(const struct check_report *r)
{
	return r->count;
}

const char *check_name(const struct check_report *r, size_t i)
{
	return r->names[i];
}

const struct check_result *check_result_at(const struct check_report *r, size_t i)
{
	return &r->results[i];
}

int check_run(struct record_config *c, bool wait_heartbeat, struct check_report **ret,
	      struct err *e)
{
	(void)c;
	(void)wait_heartbeat;
	(void)ret;
	return err_set(e, -1, "not in this test");
}

void check_report_free(struct check_report *r)
{
	(void)r;
}

bool check_first_error(const struct check_report *r, struct err *e, int *ret_exit_code)
{
	(void)r;
	(void)e;
	(void)ret_exit_code;
	return false;
}

static const struct check_report report = {
	.count = 3,
	.names = {"root", "heartbeat", "tracefs"},
	.results = {{CHECK_OK, 0, "Running as root.", "", ""},
		    {CHECK_WARNING, 0, "No heartbeat.", "The address may be wrong.",
		     "Look into the log."},
		    {CHECK_ERROR, 1, "No \"tracefs\".", "Nothing to record.", "mount it"}},
};

static const char *status_text(const char *json)
{
	static struct text out;
	struct json_doc *doc = NULL;

	text_reset(&out);
	if (json_parse(json, strlen(json), &doc, &err) < 0)
		return err.text;
	status_view_text(json_root(doc), &out);
	json_doc_free(doc);
	return text_c(&out);
}

static bool has(const char *text, const char *want)
{
	if (strstr(text, want))
		return true;
	printf("# \"%s\" is not in:\n# %s\n", want, text);
	return false;
}

#define HEALTHY                                                                                    \
	"{\"pid\":4711,\"session\":\"/d/s\",\"server\":\"10.0.0.5:5000\",\"state\":\"recording\"," \
	"\"armed_real_ns\":1700000000000000000,\"armed_mono_ns\":1000000000,\"now_mono_ns\":"      \
	"3601000000000,"                                                                           \
	"\"events\":1200000,\"events_per_s\":812,\"packets\":42,\"packets_per_s\":3,"              \
	"\"heartbeats\":36000,"                                                                    \
	"\"heartbeats_per_s\":10,\"last_heartbeat_age_ns\":40000000,\"log_records\":7,"            \
	"\"retention_ns\":600000000000,\"before_ns\":120000000000,\"lost\":[{\"source\":"          \
	"\"ftrace\","                                                                              \
	"\"count\":0,\"uncounted\":false}],\"suspects\":0,\"disk_bytes\":536870912,"               \
	"\"disk_budget_bytes\":1073741824,\"memory_bytes\":301989888,\"sources\":[{\"name\":"      \
	"\"ftrace\","                                                                              \
	"\"status\":\"ok\",\"why\":\"\"}],\"triggers\":[{\"name\":\"oops\",\"role\":\"final\","    \
	"\"armed\":true,"                                                                          \
	"\"why\":\"\",\"fired\":0}],\"proof\":\"patterns match\"}"

static void a_healthy_recorder_warns_of_nothing(void)
{
	const char *t = status_text(HEALTHY);

	CHECK(has(t, "Recording, armed since 2023-11-14T22:13:20 UTC (1 h), pid 4711"));
	CHECK(has(t, "10.0.0.5:5000"));
	CHECK(has(t, "1.2 M, 812/s now"));
	CHECK(has(t, "42, 3/s now"));
	CHECK(has(t, "36 k, 10/s now, the last 40 ms ago"));
	CHECK(has(t, "512 MiB of 1 GiB"));
	CHECK(has(t, "288 MiB"));
	CHECK(has(t, "nothing"));
	CHECK(has(t, "1 final and 0 suspect armed"));
	CHECK(!strstr(t, "WARNING"));
}

static void trouble_is_shown_first(void)
{
	const char *t = status_text(
		"{\"state\":\"recording\",\"retention_ns\":60000000000,\"before_ns\":120000000000,"
		"\"sources\":[{\"name\":\"packets\",\"status\":\"failed\",\"why\":\"eth0 is "
		"gone\"}],"
		"\"triggers\":[{\"name\":\"connection-lost\",\"role\":\"suspect\",\"armed\":false,"
		"\"why\":\"no such event\",\"fired\":0},{\"name\":\"election\",\"role\":\"off\","
		"\"armed\":false},{\"name\":\"server-closing\",\"role\":\"suspect\",\"armed\":true,"
		"\"fired\":2}],\"lost\":[{\"source\":\"ftrace\",\"count\":1500,\"uncounted\":true},"
		"{\"source\":\"kmsg\",\"count\":3}],\"heartbeats\":0,\"events\":1}");

	CHECK(has(t, "WARNING: at the present rate"));
	CHECK(has(t, "--disk-budget"));
	CHECK(has(t, "WARNING: packets is failed: eth0 is gone"));
	CHECK(has(t, "WARNING: the trigger connection-lost is not armed: no such event"));
	CHECK(!strstr(t, "election")); /* nobody wanted it */
	CHECK(has(t, "more than 1.5 k of ftrace"));
	CHECK(has(t, "3 of kmsg"));
	CHECK(!strstr(t, "nothing"));
	CHECK(has(t, "none seen of the server"));
	CHECK(has(t, "0 final and 1 suspect armed; fired: server-closing 2x"));
	CHECK(strstr(t, "WARNING") < strstr(t, "heartbeats"));
}

/* Another version of the recorder: what is missing is left out, what is new is passed over. */
static void missing_and_odd_members_are_borne(void)
{
	CHECK(has(status_text("{}"), "unknown"));
	CHECK(has(status_text("{\"state\":\"sleeping\",\"new\":[1]}"), "sleeping"));
	CHECK(has(status_text("{\"state\":3,\"lost\":7,\"sources\":\"x\",\"triggers\":{},"
			      "\"events\":\"many\"}"),
		  "events"));
	CHECK(!strstr(status_text("{}"), "WARNING"));
	CHECK(!strstr(status_text("{}"), "(null)"));
	CHECK(!strstr(status_text("{\"retention_ns\":0,\"before_ns\":9}"),
		      "WARNING")); /* not known yet */
}

static void check_tells_state_reason_and_remedy(void)
{
	struct text out = {0};

	check_view_text(&report, false, false, &out);
	CHECK(has(out.s, "ok       root"));
	CHECK(has(out.s, "warning  heartbeat"));
	CHECK(has(out.s, "ERROR    tracefs"));
	CHECK(has(out.s, "why: The address may be wrong."));
	CHECK(has(out.s, "fix: mount it"));
	CHECK(has(out.s, "Not ready to record: 1 error, 1 warning."));
	CHECK(!strchr(out.s, '\033'));
	text_reset(&out);
	check_view_text(&report, true, false, &out);
	CHECK(has(out.s, "\033[1;31mERROR"));
	text_free(&out);
}

static void check_is_ready_with_warnings(void)
{
	struct check_report two = report;
	struct text out = {0};

	two.count = 2;
	check_view_text(&two, false, false, &out);
	CHECK(has(out.s, "Ready to record, with 1 warning."));
	text_reset(&out);
	two.count = 1;
	check_view_text(&two, false, false, &out);
	CHECK(has(out.s, "Ready to record.\n"));
	text_free(&out);
}

static void check_speaks_json(void)
{
	const struct json_value *root, *row;
	struct text out = {0};
	struct json_doc *doc = NULL;

	check_view_json(&report, &out);
	CHECK_EQ(json_parse(out.s, out.len, &doc, &err), 0);
	root = json_root(doc);
	CHECK(!json_get_bool(root, "ready", true));
	CHECK_EQ(json_get_u64(root, "errors", 9), 1);
	CHECK_EQ(json_get_u64(root, "warnings", 9), 1);
	row = json_get(root, "checks")->child->next->next;
	CHECK_STR(json_get_str(row, "name", ""), "tracefs");
	CHECK_STR(json_get_str(row, "status", ""), "error");
	CHECK_STR(json_get_str(row, "found", ""), "No \"tracefs\".");
	CHECK(!row->next);
	json_doc_free(doc);
	text_free(&out);
}

TEST_MAIN(TEST(a_healthy_recorder_warns_of_nothing), TEST(trouble_is_shown_first),
	  TEST(missing_and_odd_members_are_borne), TEST(check_tells_state_reason_and_remedy),
	  TEST(check_is_ready_with_warnings), TEST(check_speaks_json))
