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
 *
 * Recordings differ in length, so what was counted is told per second of what each covers: counts,
 * bytes, and times that are sums. Rates, shares, and times of single things stay as they are, and
 * so do least and greatest values.
 *
 * A row is known by its texts; where these do not tell rows apart, by its numbers that are names
 * (pids, ids) too. A table of single happenings has no such names and is not compared.
 */
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/json.h"

#include "analysis.h"
#include "out.h"
#include "page.h"
#include "sandbox.h"

#define COLUMNS_MAX 40
#define JSON_BYTES_MAX (512 * MIB)
#define FACTOR_MARKED 2.0 /* this much more, or less, is marked */

/* What is compared when no report is named: those that there are. */
static const char *const default_reports[] = {"rates", "rpc", "series"};

/* The figures that are shown unless a table is named: most others follow from them. */
static const char *const main_figures[] = {"avg_per_s", "count",  "p50_ns",
					   "p99_ns",	"max_ns", "avg"};

static const char *const type_names[] = {
	[COLUMN_TEXT] = "text",		[COLUMN_COUNT] = "count",   [COLUMN_NUMBER] = "number",
	[COLUMN_REAL] = "real",		[COLUMN_RATE] = "rate",	    [COLUMN_PERCENT] = "percent",
	[COLUMN_DURATION] = "duration", [COLUMN_OFFSET] = "offset", [COLUMN_TIME] = "time",
	[COLUMN_BYTES] = "bytes",	[COLUMN_HEX] = "hex",
};

enum { A, B, SIDES };

struct side {
	const char *path;
	struct json_doc *doc;
	const struct json_value *root;
	double covered_s;
};

struct compare {
	const struct report_config *config;
	int fds[SIDES];
	struct page page;

	/* in the child */
	struct side sides[SIDES];
	struct report_document document;
	struct table notes;
	bool incomplete;
};

/* A column of the tables that are compared. */
struct figure {
	const char *key, *title, *unit;
	enum column_type type;
};

/* One row of one side. */
struct named_row {
	char *name;
	const struct json_value *row;
};

struct joined {
	struct figure columns[COLUMNS_MAX];
	size_t column_count;
	bool names[COLUMNS_MAX]; /* these make the name of a row */
	struct named_row *rows[SIDES];
	size_t counts[SIDES];
};

/* The table as it came. */

/* As table.c has it: it made them, but in a process that read a stranger's bytes. */
static bool has_key(const struct figure *f)
{
	size_t n = f->key ? strspn(f->key, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
	bool ns = n > 3 && !strcmp(f->key + n - 3, "_ns");
	bool bytes = n > 6 && !strcmp(f->key + n - 6, "_bytes");

	return n && !f->key[n] && n < 64 && f->key[0] >= 'a' && f->key[0] <= 'z' &&
	       ns == (f->type == COLUMN_DURATION || f->type == COLUMN_OFFSET ||
		      f->type == COLUMN_TIME) &&
	       bytes == (f->type == COLUMN_BYTES);
}

static bool parse_column(const struct json_value *v, struct figure *ret)
{
	const char *type = json_get_str(v, "type", "");

	*ret = (struct figure){.key = json_get_str(v, "key", NULL),
			       .title = json_get_str(v, "title", ""),
			       .unit = json_get_str(v, "unit", NULL)};
	for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
		if (type_names[i] && !strcmp(type_names[i], type)) {
			ret->type = (enum column_type)i;
			return has_key(ret);
		}
	}
	return false;
}

static const struct json_value *members(const struct json_value *v, const char *key,
					enum json_type type)
{
	const struct json_value *found = json_get(v, key);

	return found && found->type == type ? found->child : NULL;
}

/* The newest column's key, by another column or by those that a comparison adds. */
static bool is_taken(const struct joined *j)
{
	static const char *const added[] = {"a",       "b",	  "a_ns",	    "b_ns",
					    "a_bytes", "b_bytes", "change_percent", "factor"};
	const char *key = j->columns[j->column_count].key;

	for (size_t i = 0; i < j->column_count; i++)
		if (!strcmp(j->columns[i].key, key))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(added); i++)
		if (!strcmp(added[i], key))
			return true;
	return false;
}

static void parse_columns(const struct json_value *table, struct joined *j)
{
	const struct json_value *v = members(table, "columns", JSON_ARRAY);

	for (; v && j->column_count < COLUMNS_MAX; v = v->next)
		if (parse_column(v, &j->columns[j->column_count]) && !is_taken(j))
			j->column_count++;
}

/* A cell as text; "" for an empty one. */
static const char *cell_text(const struct json_value *row, const char *key)
{
	const struct json_value *v = json_get(row, key);

	return v && (v->type == JSON_STRING || v->type == JSON_NUMBER) ? v->str : "";
}

static bool cell_number(const struct json_value *row, const char *key, double *ret)
{
	const struct json_value *v = json_get(row, key);

	if (!v || v->type != JSON_NUMBER)
		return false;
	*ret = strtod(v->str, NULL);
	return isfinite(*ret);
}

/* Rows and their names. */

static int by_name(const void *va, const void *vb)
{
	const struct named_row *a = va, *b = vb;

	return strcmp(a->name, b->name);
}

static char *row_name(const struct joined *j, const struct json_value *row)
{
	CLEANUP(text_free) struct text name = {0};

	for (size_t i = 0; i < j->column_count; i++) {
		if (!j->names[i])
			continue;
		text_str(&name, cell_text(row, j->columns[i].key));
		text_str(&name, "\n"); /* no cell ends in one */
	}
	return text_ok(&name) ? strdup(text_c(&name)) : NULL;
}

static void free_rows(struct joined *j, int side)
{
	for (size_t i = 0; i < j->counts[side]; i++)
		free(j->rows[side][i].name);
	free(j->rows[side]);
	j->rows[side] = NULL;
	j->counts[side] = 0;
}

static void joined_done(struct joined *j)
{
	free_rows(j, A);
	free_rows(j, B);
}

/* In the table's order. 0 or -ENOMEM. */
static int name_rows(struct joined *j, int side, const struct json_value *table, struct err *e)
{
	const struct json_value *first = members(table, "rows", JSON_ARRAY);
	size_t count = 0;

	free_rows(j, side);
	for (const struct json_value *v = first; v; v = v->next)
		count++;
	j->rows[side] = calloc(count + 1, sizeof(*j->rows[side]));
	if (!j->rows[side])
		return err_nomem(e);
	for (const struct json_value *v = first; v; v = v->next) {
		struct named_row *row = &j->rows[side][j->counts[side]];

		*row = (struct named_row){.name = row_name(j, v), .row = v};
		if (!row->name)
			return err_nomem(e);
		j->counts[side]++;
	}
	return 0;
}

/* Rows of a side by their names; owned by the caller, NULL without memory. */
static struct named_row *sorted(const struct joined *j, int side)
{
	struct named_row *list = calloc(j->counts[side] + 1, sizeof(*list));

	if (!list)
		return NULL;
	memcpy(list, j->rows[side], j->counts[side] * sizeof(*list));
	qsort(list, j->counts[side], sizeof(*list), by_name);
	return list;
}

static bool names_differ(const struct joined *j, int side)
{
	CLEANUP(freep) struct named_row *list = sorted(j, side);

	for (size_t i = 1; list && i < j->counts[side]; i++)
		if (!strcmp(list[i - 1].name, list[i].name))
			return false;
	return list;
}

/*
 * What tells the rows apart: texts, else also numbers, else also identifiers. 1: that; 0: nothing
 * does; -ENOMEM.
 */
static int find_names(struct joined *j, const struct json_value *const tables[SIDES], struct err *e)
{
	static const enum column_type kinds[] = {COLUMN_TEXT, COLUMN_NUMBER, COLUMN_HEX};

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		int r = 0;

		for (size_t i = 0; i < j->column_count; i++)
			j->names[i] |= j->columns[i].type == kinds[k];
		for (int side = A; r == 0 && side < SIDES; side++)
			r = name_rows(j, side, tables[side], e);
		if (r < 0)
			return r;
		if (names_differ(j, A) && names_differ(j, B))
			return 1;
	}
	return 0;
}

/* Figures. */

static bool is_extreme(const struct figure *f)
{
	return str_starts(f->key, "min_") || str_starts(f->key, "max_") ||
	       str_starts(f->key, "avg_");
}

/* What grows with the length of a recording. */
static bool is_sum(const struct figure *f)
{
	if (f->type == COLUMN_COUNT || f->type == COLUMN_BYTES)
		return !is_extreme(f);
	return f->type == COLUMN_DURATION && strstr(f->key, "sum_");
}

static bool is_figure(const struct figure *f)
{
	return f->type == COLUMN_COUNT || f->type == COLUMN_REAL || f->type == COLUMN_RATE ||
	       f->type == COLUMN_PERCENT || f->type == COLUMN_DURATION || f->type == COLUMN_BYTES;
}

static bool is_main(const struct joined *j, size_t at)
{
	/* Where there is a rate, the other figures are about it. */
	for (size_t i = 0; i < j->column_count; i++)
		if (!strcmp(j->columns[i].key, main_figures[0]))
			return i == at;
	for (size_t i = 0; i < ARRAY_SIZE(main_figures); i++)
		if (!strcmp(j->columns[at].key, main_figures[i]))
			return true;
	return false;
}

/* How the two sides are shown: a count as a rate. */
static struct column value_column(const struct figure *f, const char *key, const char *title)
{
	struct column c = {.key = key, .title = title, .type = f->type, .unit = f->unit};

	if (f->type == COLUMN_COUNT && is_sum(f))
		c.type = COLUMN_RATE;
	c.decimals = c.type == COLUMN_RATE || c.type == COLUMN_REAL ? 2 : 1;
	return c;
}

static bool side_value(const struct compare *c, int side, const struct figure *f,
		       const struct json_value *row, double *ret)
{
	if (!row || !cell_number(row, f->key, ret))
		return false;
	if (!is_sum(f))
		return true;
	*ret /= c->sides[side].covered_s;
	return isfinite(*ret);
}

static void put_value(struct table *t, enum column_type type, bool known, double v)
{
	if (!known)
		table_none(t);
	else if (type == COLUMN_RATE || type == COLUMN_REAL || type == COLUMN_PERCENT)
		table_real(t, v);
	else
		table_u64(t, v <= 0 ? 0 : v >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)(v + 0.5));
}

/* A row of both sides, either of which may lack it. */
struct pair {
	const struct json_value *rows[SIDES];
	double values[SIDES];
	bool known[SIDES];
	double difference;
	size_t number; /* as it came */
};

struct pair_list {
	struct pair *list;
	size_t count;
};

static void pair_list_done(struct pair_list *l)
{
	free(l->list);
}

static void add_pair(const struct compare *c, const struct figure *f, struct pair_list *l,
		     const struct json_value *a, const struct json_value *b)
{
	struct pair *p = &l->list[l->count];

	*p = (struct pair){.rows = {a, b}, .number = l->count};
	for (int side = A; side < SIDES; side++)
		p->known[side] = side_value(c, side, f, p->rows[side], &p->values[side]);
	p->difference = fabs((p->known[B] ? p->values[B] : 0) - (p->known[A] ? p->values[A] : 0));
	l->count += p->known[A] || p->known[B];
}

static int by_difference(const void *va, const void *vb)
{
	const struct pair *a = va, *b = vb;

	if (a->difference != b->difference)
		return a->difference > b->difference ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static const struct json_value *row_named(const struct named_row *list, size_t count,
					  const char *name)
{
	const struct named_row wanted = {.name = (char *)(uintptr_t)name};
	const struct named_row *found = bsearch(&wanted, list, count, sizeof(*list), by_name);

	return found ? found->row : NULL;
}

/* What differs most comes first; what is the same stays in A's order, before what B has alone. */
static int pair_rows(const struct compare *c, const struct joined *j, const struct figure *f,
		     struct pair_list *ret, struct err *e)
{
	CLEANUP(freep) struct named_row *in_a = sorted(j, A), *in_b = sorted(j, B);

	ret->list = calloc(j->counts[A] + j->counts[B] + 1, sizeof(*ret->list));
	if (!in_a || !in_b || !ret->list)
		return err_nomem(e);
	for (size_t i = 0; i < j->counts[A]; i++)
		add_pair(c, f, ret, j->rows[A][i].row,
			 row_named(in_b, j->counts[B], j->rows[A][i].name));
	for (size_t i = 0; i < j->counts[B]; i++)
		if (!row_named(in_a, j->counts[A], j->rows[B][i].name))
			add_pair(c, f, ret, NULL, j->rows[B][i].row);
	qsort(ret->list, ret->count, sizeof(*ret->list), by_difference);
	return 0;
}

static void put_change(struct table *t, const struct pair *p)
{
	double a = p->values[A], b = p->values[B];

	if (!p->known[A] || !p->known[B] || a < 0 || (a == 0 && b != 0)) {
		table_none(t);
		table_none(t);
		return;
	}
	table_real(t, a > 0 ? (b - a) / a * 100 : 0);
	table_real(t, a > 0 ? b / a : 1);
	if (a > 0 && (b >= a * FACTOR_MARKED || b <= a / FACTOR_MARKED))
		table_mark(t, ROW_WARNING);
}

static void put_row(const struct joined *j, enum column_type type, struct table *t,
		    const struct pair *p)
{
	const struct json_value *names = p->rows[A] ? p->rows[A] : p->rows[B];

	table_row(t);
	for (size_t i = 0; i < j->column_count; i++)
		if (j->names[i])
			table_text(t, cell_text(names, j->columns[i].key));
	put_value(t, type, p->known[A], p->values[A]);
	put_value(t, type, p->known[B], p->values[B]);
	put_change(t, p);
}

static int put_figure(const struct compare *c, const struct joined *j, const struct figure *f,
		      const char *name, const char *title, struct report_out *out, struct err *e)
{
	CLEANUP(text_free) struct text table_name = {0}, table_title = {0};
	CLEANUP(pair_list_done) struct pair_list pairs = {0};
	struct column columns[COLUMNS_MAX + 4];
	struct table *t;
	size_t n = 0;
	int r = pair_rows(c, j, f, &pairs, e);

	if (r < 0 || !pairs.count)
		return r;

	for (size_t i = 0; i < j->column_count; i++)
		if (j->names[i])
			columns[n++] = (struct column){.key = j->columns[i].key,
						       .title = j->columns[i].title,
						       .type = COLUMN_TEXT};
	columns[n++] = value_column(f, f->type == COLUMN_DURATION ? "a_ns" : "a", "A");
	columns[n++] = value_column(f, f->type == COLUMN_DURATION ? "b_ns" : "b", "B");
	if (f->type == COLUMN_BYTES) {
		columns[n - 2].key = "a_bytes";
		columns[n - 1].key = "b_bytes";
	}
	columns[n++] = (struct column){"change_percent", "change", COLUMN_PERCENT, 1};
	columns[n++] = (struct column){"factor", "B/A", COLUMN_REAL, 2, .unit = "x"};
	text_printf(&table_name, "%s_%s", name, f->key);
	text_printf(&table_title, "%s: %s%s", title, f->title, is_sum(f) ? ", a second" : "");
	if (!text_ok(&table_name) || !text_ok(&table_title))
		return err_nomem(e);
	t = report_table(out, text_c(&table_name), text_c(&table_title), columns, n);
	for (size_t i = 0; i < pairs.count; i++)
		put_row(j, value_column(f, "", "").type, t, &pairs.list[i]);
	table_top(t, c->config->limit ? (size_t)min_of(c->config->limit, (uint64_t)SIZE_MAX)
				      : SIZE_MAX);
	return 0;
}

/* Tables and reports. */

static int put_table(const struct compare *c, const struct json_value *const tables[SIDES],
		     bool named, struct report_out *out, struct err *e)
{
	CLEANUP(joined_done) struct joined j = {0};
	const char *title = json_get_str(tables[A], "title", "");
	int r;

	parse_columns(tables[A], &j);
	r = find_names(&j, tables, e);
	if (r == 0 && named)
		report_note(out,
			    "The table '%s' has nothing that tells its rows apart in both "
			    "recordings, and is not compared.",
			    tables[A]->key);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < j.column_count; i++) {
		if (!is_figure(&j.columns[i]) || !(named || is_main(&j, i)))
			continue;
		r = put_figure(c, &j, &j.columns[i], tables[A]->key, title, out, e);
		if (r < 0)
			return r;
	}
	return 0;
}

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
	for (v = members(v, "notes", JSON_ARRAY); v; v = v->next)
		if (v->type == JSON_STRING)
			table_note(notes, "%s: %s", side, v->str);
}

static int put_tables(struct compare *c, const struct json_value *a, const struct json_value *b,
		      struct report_out *out, struct err *e)
{
	const struct json_value *v = members(a, "tables", JSON_OBJECT);
	bool named = table_is_named(c->config, a->key);
	int r = 0;

	for (; r == 0 && v; v = v->next) {
		const struct json_value *other = json_get(json_get(b, "tables"), v->key);

		if (other)
			r = put_table(c, (const struct json_value *[]){v, other}, named, out, e);
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

static int put_head(struct compare *c, struct err *e)
{
	static const struct column columns[] = {
		{"recording", "", COLUMN_TEXT},
		{"bundle", "bundle", COLUMN_TEXT},
		{"from_utc", "from", COLUMN_TEXT},
		{"to_utc", "to", COLUMN_TEXT},
		{"covered_ns", "covers", COLUMN_DURATION},
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
		table_u64(t, (uint64_t)(c->sides[side].covered_s * 1e9));
		cell_or_none(t, json_get_str(root, "trigger_utc", NULL));
	}
	table_note(t, "What was counted is told per second of what each covers. Change: from A to "
		      "B. What differs most comes first; twice as much or half of it is marked.");
	for (int side = A; side < SIDES; side++)
		if (c->sides[side].covered_s <= 0)
			report_lacks(&out,
				     "How long %c covers is not known, so what was counted in it "
				     "is left out.",
				     side == A ? 'A' : 'B');
	c->incomplete |= out.lacks;
	r = out_end(&out, e);
	out_done(&out);
	return r;
}

static int load_side(struct compare *c, int side, struct err *e)
{
	struct side *s = &c->sides[side];
	struct stat st;
	uint64_t from, to;
	void *bytes;
	int r;

	s->path = side == A ? c->config->bundle : c->config->other;
	if (fstat(c->fds[side], &st) < 0)
		return err_errno(e, -errno, "cannot read what was found in %s", s->path);
	if ((uint64_t)st.st_size > JSON_BYTES_MAX)
		return err_set(e, -EFBIG,
			       "what was found in %s is too much to be compared; name the tables "
			       "that you want",
			       s->path);
	bytes = mmap(NULL, max_of((size_t)st.st_size, (size_t)1), PROT_READ, MAP_PRIVATE,
		     c->fds[side], 0);
	if (bytes == MAP_FAILED)
		return err_errno(e, -errno, "cannot read what was found in %s", s->path);
	r = json_parse(bytes, (size_t)st.st_size, &s->doc, e);
	if (r < 0)
		return err_context(e, "what was found in %s", s->path);
	s->root = json_root(s->doc);
	from = json_get_u64(json_get(s->root, "window"), "from_monotonic_ns", 0);
	to = json_get_u64(json_get(s->root, "window"), "to_monotonic_ns", 0);
	s->covered_s = to > from ? (double)(to - from) / 1e9 : 0;
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

/* sandbox_fn. The process ends after it. */
static int compare_in_child(struct sandbox *s, void *arg, struct err *e)
{
	struct compare *c = arg;
	const struct json_value *v;
	int r = 0;

	c->document.sandbox = s;
	c->document.e = e;
	c->document.fd = c->page.fd;
	c->document.in_file = c->page.fd != STDOUT_FILENO;
	table_init(&c->notes, "notes", "", NULL, 0);
	for (int side = A; r == 0 && side < SIDES; side++)
		r = load_side(c, side, e);
	if (r < 0)
		return r == -EINVAL ? -EBADMSG : r;
	note_all(&c->notes, "A", c->sides[A].root);
	note_all(&c->notes, "B", c->sides[B].root);
	begin_document(c);
	r = put_head(c, e);
	for (v = members(c->sides[A].root, "reports", JSON_OBJECT); r == 0 && v; v = v->next)
		r = put_report(c, v, e);
	if (r < 0)
		return r;
	view_end(&c->document.view, !c->incomplete, c->notes.notes, c->notes.note_count);
	out_write(&c->document, 0);
	if (!table_ok(&c->notes))
		return err_nomem(e);
	return c->document.failed ? e->code : c->incomplete;
}

/* The parent. */

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
static int make_side(struct compare *c, int side, struct err *e)
{
	struct report_config one = *c->config;
	const char *reports[ARRAY_SIZE(default_reports)];
	int r;

	one.bundle = side == A ? c->config->bundle : c->config->other;
	one.other = NULL;
	one.format = REPORT_JSON;
	one.html = one.csv = one.gnuplot = NULL;
	if (!one.report_count) {
		one.reports = reports;
		for (size_t i = 0; i < ARRAY_SIZE(default_reports); i++)
			if (is_there(default_reports[i]))
				reports[one.report_count++] = default_reports[i];
	}
	c->fds[side] = memfd_create("compare", MFD_CLOEXEC);
	if (c->fds[side] < 0)
		return err_errno(e, -errno, "no memory to be had for what is compared");
	r = report_run_to(&one, c->fds[side], e);
	return r < 0 ? r : 0;
}

static int join_sides(struct compare *c, struct err *e)
{
	const struct sandbox_limits limits = {0};
	struct sandbox_end end;
	int r = sandbox_run(compare_in_child, c, &limits, "comparing", &end, e);

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
	struct compare compare = {.config = c, .fds = {-1, -1}, .page = {.dir_fd = -1, .fd = -1}};
	int r, kept;

	if (!strcmp(c->bundle, "-") && !strcmp(c->other, "-"))
		return err_set(e, -EINVAL, "only one of the two can be standard input");
	r = make_side(&compare, A, e);
	if (r == 0)
		r = make_side(&compare, B, e);
	if (r == 0)
		r = page_open(c->html ? c->html : "-", &compare.page, e);
	if (r == 0)
		r = join_sides(&compare, e);
	if (r >= 0) {
		kept = page_keep(&compare.page, e);
		r = kept < 0 ? kept : r;
	}
	page_done(&compare.page);
	closep(&compare.fds[A]);
	closep(&compare.fds[B]);
	return r;
}
