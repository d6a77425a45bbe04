/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `report A B`: the figures of two recordings side by side, before and after a change, or of two
 * nodes.
 *
 * Called by report_run(). Nothing is computed anew: each recording has its reports made in a
 * sandbox of its own, as the JSON that programs get, and what came out is joined here, in a third
 * one, since it comes from strangers too. So any report can be compared, also one made later: a
 * table's texts name its rows, its numbers are the figures, and the types of its columns say how to
 * put them beside each other.
 */
#include "compare.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/json.h"

#include "analysis.h"
#include "compare_table.h"
#include "out.h"
#include "page.h"
#include "sandbox.h"

#define JSON_BYTES_MAX (512 * MIB)

/* What is compared when no report is named: those that there are. */
static const char *const default_reports[] = {"rates", "rpc", "series"};

struct side {
	const char *path;
	struct json_doc *doc;
	const struct json_value *root;
	double covered_s[COUNTED_IN_SOURCES];
};

struct compare {
	const struct report_config *config;
	struct side sides[SIDES];
	struct report_document document;
	struct table notes;
	bool incomplete;
};

/* Tables and reports. */

/* Is a table of this report named by itself? */
static bool table_is_named(const struct report_config *c, const char *report)
{
	size_t n = strlen(report);

	for (size_t i = 0; i < c->report_count; i++)
		if (!strncmp(c->reports[i], report, n) && c->reports[i][n] == '.')
			return true;
	return false;
}

static const struct json_value *report_of(const struct compare *c, int side, const char *name)
{
	return json_get(json_get(c->sides[side].root, "reports"), name);
}

static void note_all(struct table *notes, const char *side, const struct json_value *v)
{
	for (v = compare_members(v, "notes", JSON_ARRAY); v; v = v->next)
		if (v->type == JSON_STRING)
			table_note(notes, "%s: %s", side, v->str);
}

/* What does not move is in the one of them, though it may be a counter. */
static const struct json_value *partner_of(const struct json_value *report, const char *table)
{
	bool counters = !strcmp(table, "counters");

	if (!report->key || strcmp(report->key, "series") != 0 ||
	    (!counters && strcmp(table, "gauges") != 0))
		return NULL;
	return json_get(json_get(report, "tables"), counters ? "gauges" : "counters");
}

static int put_tables(struct compare *c, const struct json_value *a, const struct json_value *b,
		      struct report_out *out, struct err *e)
{
	const struct json_value *v = compare_members(a, "tables", JSON_OBJECT);
	bool named = table_is_named(c->config, a->key);
	struct compare_scale scale = {.limit = c->config->limit,
				      .by_factor = !strcmp(a->key, "series")};
	int r = 0;

	for (int side = A; side < SIDES; side++)
		memcpy(scale.covered_s[side], c->sides[side].covered_s,
		       sizeof(scale.covered_s[side]));
	for (; r == 0 && v; v = v->next) {
		const struct json_value *other = json_get(json_get(b, "tables"), v->key);

		if (other)
			r = compare_tables(&scale, (const struct json_value *[]){v, other},
					   (const struct json_value *[]){partner_of(a, v->key),
									 partner_of(b, v->key)},
					   named, out, e);
		else if (named)
			report_note(out, "The table '%s' is in A alone.", v->key);
	}
	return r;
}

static int put_report(struct compare *c, const struct json_value *a, struct err *e)
{
	const struct json_value *b = report_of(c, B, a->key);
	struct analysis_ops ops = {.name = a->key, .title = json_get_str(a, "title", "")};
	struct report_out out;
	int r = 0;

	out_begin(&out, &c->document, &ops, NULL, 0);
	if (b)
		r = put_tables(c, a, b, &out, e);
	else
		report_lacks(&out, "This report could be made of A alone.");
	if (!strcmp(a->key, "series"))
		report_note(&out, "Connections are told by their end, mounts without their rid, "
				  "processes without their pid: of counters this is the sum of "
				  "all, of what there was at each moment the mean. What differs "
				  "by the greatest factor comes first, 1 being added to both, "
				  "since these are bytes, times and numbers of all kinds.");
	if (r == 0 && b && !out.count)
		report_note(&out, "The report '%s' has no figures to be put side by side.", a->key);
	if (!json_get_bool(a, "complete", false) || (b && !json_get_bool(b, "complete", false)))
		report_lacks(&out, "It is not complete in both recordings: ask for it of each.");
	if (r == 0)
		r = out_end(&out, e);
	c->incomplete |= out.lacks;
	out_done(&out);
	return r;
}

/* What is compared. */

static void cell_or_none(struct table *t, const char *s)
{
	if (s)
		table_text(t, s);
	else
		table_none(t);
}

static void cell_covered(struct table *t, const struct side *s, enum counted_in source)
{
	double ns = s->covered_s[source] * 1e9 + 0.5;

	if (s->covered_s[source] > 0)
		table_u64(t, ns >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)ns);
	else
		table_none(t);
}

static int put_head(struct compare *c, struct err *e)
{
	static const struct column columns[] = {
		{"recording", "", COLUMN_TEXT},
		{"bundle", "bundle", COLUMN_TEXT},
		{"from_utc", "from", COLUMN_TEXT},
		{"to_utc", "to", COLUMN_TEXT},
		{"covered_ns", "covers", COLUMN_DURATION},
		{"trace_ns", "trace", COLUMN_DURATION},
		{"packets_ns", "packets", COLUMN_DURATION},
		{"trigger_utc", "trigger", COLUMN_TEXT},
	};
	static const struct analysis_ops ops = {.name = "compare",
						.title = "Two recordings side by side"};
	struct report_out out;
	struct table *t;
	int r;

	out_begin(&out, &c->document, &ops, NULL, 0);
	t = report_table(&out, "recordings", "What is compared", columns, ARRAY_SIZE(columns));
	for (int side = A; side < SIDES; side++) {
		const struct json_value *root = c->sides[side].root,
					*window = json_get(root, "window");

		table_row(t);
		table_text(t, side == A ? "A" : "B");
		table_text(t, c->sides[side].path);
		cell_or_none(t, json_get_str(window, "from_utc", NULL));
		cell_or_none(t, json_get_str(window, "to_utc", NULL));
		cell_covered(t, &c->sides[side], COUNTED_IN_ANY);
		cell_covered(t, &c->sides[side], COUNTED_IN_TRACE);
		cell_covered(t, &c->sides[side], COUNTED_IN_PACKETS);
		cell_or_none(t, json_get_str(root, "trigger_utc", NULL));
	}
	table_note(t, "What was counted is told per second of what its source covers: the trace, "
		      "the packets, the series, or all there is. Change: from A to B. What differs "
		      "most comes "
		      "first, what one of them lacks last; twice as "
		      "much or half of it is marked.");
	for (int side = A; side < SIDES; side++)
		if (c->sides[side].covered_s[COUNTED_IN_ANY] <= 0)
			report_lacks(&out,
				     "How long %c covers is not known, so what was counted in it "
				     "is left out.",
				     side == A ? 'A' : 'B');
	c->incomplete |= out.lacks;
	r = out_end(&out, e);
	out_done(&out);
	return r;
}

/* Of a stretch of time as view_json.c writes it; 0: there is none. */
static double seconds_of(const struct json_value *v)
{
	uint64_t from = json_get_u64(v, "from_monotonic_ns", 0);
	uint64_t to = json_get_u64(v, "to_monotonic_ns", 0);

	return to > from ? (double)(to - from) / 1e9 : 0;
}

static int load_side(struct compare *c, int side, const struct compare_json *json, struct err *e)
{
	struct side *s = &c->sides[side];
	const struct json_value *covers;
	int r;

	s->path = side == A ? c->config->bundle : c->config->other;
	r = json_parse(json->bytes, json->n, &s->doc, e);
	if (r < 0)
		return err_context(e, "what was found in %s", s->path);
	s->root = json_root(s->doc);
	covers = json_get(s->root, "covers");
	s->covered_s[COUNTED_IN_ANY] = seconds_of(json_get(s->root, "window"));
	for (size_t i = COUNTED_IN_ANY + 1; i < COUNTED_IN_SOURCES; i++)
		s->covered_s[i] = seconds_of(json_get(covers, counted_in_names[i]));
	c->incomplete |= !json_get_bool(s->root, "complete", false);
	return 0;
}

static void begin_document(struct compare *c)
{
	const struct view_settings settings = {
		.format = c->config->format,
		.title = "A and B",
		.notes = &c->notes,
		.color = c->config->color,
		.columns = c->config->columns,
	};

	view_begin(&c->document.view, &settings, &c->document.text);
}

static int join(struct compare *c, const struct compare_json json[SIDES], struct err *e)
{
	const struct json_value *v;
	int r = 0;

	for (int side = A; r == 0 && side < SIDES; side++)
		r = load_side(c, side, &json[side], e);
	if (r < 0)
		return r == -EINVAL ? -EBADMSG : r;
	note_all(&c->notes, "A", c->sides[A].root);
	note_all(&c->notes, "B", c->sides[B].root);
	begin_document(c);
	r = put_head(c, e);
	for (v = compare_members(c->sides[A].root, "reports", JSON_OBJECT); r == 0 && v;
	     v = v->next)
		r = put_report(c, v, e);
	view_end(&c->document.view, !c->incomplete, c->notes.notes, c->notes.note_count);
	if (r < 0)
		return r;
	out_write(&c->document, 0);
	if (!table_ok(&c->notes))
		return err_nomem(e);
	return c->document.failed ? e->code : c->incomplete;
}

/**
 * compare_join() - the reports of two recordings, as JSON, side by side
 * @c:    .bundle and .other are their names, the rest as for report_run()
 * @json: of A and of B; a stranger's
 * @fd:   where to
 * @s:    the sandbox that it runs in, or NULL
 *
 * Return: 0; 1: something is missing; -EBADMSG: this is not what reports are; another negative
 * errno.
 */
int compare_join(const struct report_config *c, const struct compare_json json[2], int fd,
		 struct sandbox *s, struct err *e)
{
	struct compare compare = {
		.config = c,
		.document = {.sandbox = s, .e = e, .fd = fd, .in_file = fd != STDOUT_FILENO},
	};
	int r;

	table_init(&compare.notes, "notes", "", NULL, 0);
	r = join(&compare, json, e);
	table_done(&compare.notes);
	text_free(&compare.document.text);
	for (int side = A; side < SIDES; side++)
		json_doc_free(compare.sides[side].doc);
	return r;
}

/* The child and its parent. */

struct both {
	const struct report_config *config;
	int fds[SIDES];
	struct page page;
};

static int map_side(const struct both *b, int side, struct compare_json *ret, struct err *e)
{
	const char *path = side == A ? b->config->bundle : b->config->other;
	struct stat st;
	void *bytes;

	if (fstat(b->fds[side], &st) < 0)
		return err_errno(e, -errno, "cannot read what was found in %s", path);
	if ((uint64_t)st.st_size > JSON_BYTES_MAX)
		return err_set(e, -EFBIG,
			       "what was found in %s is too much to be compared; name the tables "
			       "that you want",
			       path);
	bytes = mmap(NULL, max_of((size_t)st.st_size, (size_t)1), PROT_READ, MAP_PRIVATE,
		     b->fds[side], 0);
	if (bytes == MAP_FAILED)
		return err_errno(e, -errno, "cannot read what was found in %s", path);
	*ret = (struct compare_json){bytes, (size_t)st.st_size};
	return 0;
}

/* sandbox_fn. The process ends after it. */
static int compare_in_child(struct sandbox *s, void *arg, struct err *e)
{
	const struct both *b = arg;
	struct compare_json json[SIDES];
	int r = map_side(b, A, &json[A], e);

	if (r == 0)
		r = map_side(b, B, &json[B], e);
	return r < 0 ? r : compare_join(b->config, json, b->page.fd, s, e);
}

static bool is_there(const char *report)
{
	const struct report_row *rows;
	size_t count = report_list(&rows);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(rows[i].name, report))
			return true;
	return false;
}

/* The reports of one side, as JSON, into a file without a name. */
static int make_side(struct both *b, int side, struct err *e)
{
	struct report_config one = *b->config;
	const char *reports[ARRAY_SIZE(default_reports)];
	int r;

	one.bundle = side == A ? b->config->bundle : b->config->other;
	one.other = NULL;
	one.merged = true;
	one.format = REPORT_JSON;
	one.html = one.csv = one.gnuplot = NULL;
	if (!one.report_count) {
		one.reports = reports;
		for (size_t i = 0; i < ARRAY_SIZE(default_reports); i++)
			if (is_there(default_reports[i]))
				reports[one.report_count++] = default_reports[i];
	}
	b->fds[side] = memfd_create("compare", MFD_CLOEXEC);
	if (b->fds[side] < 0)
		return err_errno(e, -errno, "no memory to be had for what is compared");
	r = report_run_to(&one, b->fds[side], e);
	return r < 0 ? r : 0;
}

static int join_sides(struct both *b, struct err *e)
{
	const struct sandbox_limits limits = {0};
	struct sandbox_end end;
	int r = sandbox_run(compare_in_child, b, &limits, "comparing", &end, e);

	if (r < 0)
		return r;
	return end.returned ? end.result : sandbox_death(&end, e);
}

/**
 * compare_run() - make the reports of two recordings and print them side by side
 * @c: .other is set; options and filters are for both
 * @e: filled on failure
 *
 * Return: as report_run(); 1 also when one of the two is not complete.
 */
int compare_run(const struct report_config *c, struct err *e)
{
	struct both both = {.config = c, .fds = {-1, -1}, .page = {.dir_fd = -1, .fd = -1}};
	int r, kept;

	if (!strcmp(c->bundle, "-") && !strcmp(c->other, "-"))
		return err_set(e, -EINVAL, "only one of the two can be standard input");
	r = make_side(&both, A, e);
	if (r == 0)
		r = make_side(&both, B, e);
	if (r == 0)
		r = page_open(c->html ? c->html : "-", &both.page, e);
	if (r == 0)
		r = join_sides(&both, e);
	if (r >= 0) {
		kept = page_keep(&both.page, e);
		r = kept < 0 ? kept : r;
	}
	page_done(&both.page);
	closep(&both.fds[A]);
	closep(&both.fds[B]);
	return r;
}
