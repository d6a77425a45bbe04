/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table of two recordings joined: what its rows are called, what of it are figures, and how these
 * are put beside each other.
 *
 * Called by compare.c, in the sandbox: the tables come as JSON from a process that read a
 * stranger's bytes. The types of the columns say everything; what tables there are is not known
 * here.
 *
 * Recordings differ in length, and so do the sources of one, so what was counted is told per second
 * of what its own source covers in each: counts, bytes, and times that are sums. Rates, shares, and
 * times of single things stay as they are, and so do least and greatest values.
 *
 * A row is known by its texts; where these do not tell rows apart, by its numbers that are names
 * (pids, ids) too. A table of single happenings has no such names and is not compared.
 */
#include "compare_table.h"

#include <math.h>

#include "analysis.h"

#define COLUMNS_MAX 40
#define FACTOR_MARKED 2.0 /* this much more, or less, is marked */

/* The figures that are shown unless a table is named: most others follow from them. */
static const char *const main_figures[] = {"avg_per_s", "count",  "p50_ns",
					   "p99_ns",	"max_ns", "avg"};

static const char *const type_names[] = {
	[COLUMN_TEXT] = "text",		[COLUMN_COUNT] = "count",   [COLUMN_NUMBER] = "number",
	[COLUMN_REAL] = "real",		[COLUMN_RATE] = "rate",	    [COLUMN_PERCENT] = "percent",
	[COLUMN_DURATION] = "duration", [COLUMN_OFFSET] = "offset", [COLUMN_TIME] = "time",
	[COLUMN_BYTES] = "bytes",	[COLUMN_HEX] = "hex",
};

/* A column of the tables that are compared. */
struct figure {
	const char *key, *title, *unit;
	enum column_type type;
	enum column_use use;
};

/* One row of one side. */
struct named_row {
	char *name;
	const struct json_value *row;
	bool still; /* a counter that did not move: all its figures are 0 */
};

struct joined {
	struct figure columns[COLUMNS_MAX];
	size_t column_count;
	bool names[COLUMNS_MAX]; /* these make the name of a row */
	struct named_row *rows[SIDES];
	size_t counts[SIDES];
	enum counted_in counted_in[SIDES];
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

/* A unit is a short word of ours, printed as it is; what is none did not come from us. */
static const char *plain_unit(const char *unit)
{
	for (const char *c = unit; c && *c; c++)
		if (*c < ' ' || *c > '~')
			return NULL;
	return unit;
}

static enum column_use parse_use(const struct json_value *v)
{
	const char *name = json_get_str(v, "use", "");

	for (enum column_use i = USE_TYPE + 1; i < COLUMN_USES; i++)
		if (!strcmp(column_use_names[i], name))
			return i;
	return USE_TYPE;
}

static bool parse_column(const struct json_value *v, struct figure *ret)
{
	const char *type = json_get_str(v, "type", "");

	*ret = (struct figure){.key = json_get_str(v, "key", NULL),
			       .title = json_get_str(v, "title", ""),
			       .unit = plain_unit(json_get_str(v, "unit", NULL)),
			       .use = parse_use(v)};
	for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
		if (type_names[i] && !strcmp(type_names[i], type)) {
			ret->type = (enum column_type)i;
			return has_key(ret);
		}
	}
	return false;
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
	const struct json_value *v = compare_members(table, "columns", JSON_ARRAY);

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

/** compare_members() - the first member of @v's member @key, if that is of @type, or NULL */
const struct json_value *compare_members(const struct json_value *v, const char *key,
					 enum json_type type)
{
	const struct json_value *found = json_get(v, key);

	return found && found->type == type ? found->child : NULL;
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
	const struct json_value *first = compare_members(table, "rows", JSON_ARRAY);
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

static const struct named_row *row_named(const struct named_row *list, size_t count,
					 const char *name)
{
	const struct named_row wanted = {.name = (char *)(uintptr_t)name};

	return bsearch(&wanted, list, count, sizeof(*list), by_name);
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

/* What does not move. */

static bool is_still(const struct json_value *row)
{
	double min, max;

	return cell_number(row, "min", &min) && cell_number(row, "max", &max) && min >= max;
}

static int add_still(struct joined *j, int side, const struct named_row *row, struct err *e)
{
	struct named_row *more = realloc(j->rows[side], (j->counts[side] + 1) * sizeof(*more));

	if (!more)
		return err_nomem(e);
	j->rows[side] = more;
	more += j->counts[side];
	*more = (struct named_row){.name = strdup(row->name), .row = row->row, .still = true};
	if (!more->name)
		return err_nomem(e);
	j->counts[side]++;
	return 0;
}

/* Values of @side that stand still become counters where the other side has such a counter. */
static int take_still(struct joined *j, const struct joined *partners, int side, struct err *e)
{
	int other = side == A ? B : A, r = 0;
	CLEANUP(freep) struct named_row *counters = sorted(j, other);
	CLEANUP(freep) struct named_row *theirs = sorted(partners, other);
	size_t kept = 0;

	if (!counters || !theirs)
		return err_nomem(e);
	for (size_t i = 0; r == 0 && i < partners->counts[side]; i++) {
		const struct named_row *row = &partners->rows[side][i];

		if (is_still(row->row) && row_named(counters, j->counts[other], row->name))
			r = add_still(j, side, row, e);
	}
	for (size_t i = 0; i < j->counts[side]; i++) {
		struct named_row *row = &j->rows[side][i];

		if (!row->still && is_still(row->row) &&
		    row_named(theirs, partners->counts[other], row->name))
			free(row->name);
		else
			j->rows[side][kept++] = *row;
	}
	j->counts[side] = kept;
	return r;
}

static int take_partners(struct joined *j, const struct json_value *const partners[SIDES],
			 struct err *e)
{
	CLEANUP(joined_done) struct joined p = *j;
	int r = 0;

	memset(p.rows, 0, sizeof(p.rows));
	memset(p.counts, 0, sizeof(p.counts));
	for (int side = A; r == 0 && side < SIDES; side++)
		r = name_rows(&p, side, partners[side], e);
	for (int side = A; r == 0 && side < SIDES; side++)
		r = take_still(j, &p, side, e);
	return r;
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
	if (f->use == USE_LEVEL)
		return false;
	if (f->type == COLUMN_COUNT || f->type == COLUMN_BYTES)
		return !is_extreme(f);
	return f->type == COLUMN_DURATION && strstr(f->key, "sum_");
}

static bool is_figure(const struct figure *f)
{
	if (f->use == USE_LABEL)
		return false;
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

/* What a row's counts are from, or else the table's. */
static enum counted_in counted_in(const struct json_value *row, enum counted_in table)
{
	const char *name = json_get_str(row, "counted_in", NULL);

	for (enum counted_in i = COUNTED_IN_ANY + 1; name && i < COUNTED_IN_SOURCES; i++)
		if (!strcmp(counted_in_names[i], name))
			return i;
	return table;
}

/* A source that the recording does not say it covers is taken to cover all of it. */
static double covered_s(const struct compare_scale *c, int side, enum counted_in source)
{
	double s = c->covered_s[side][source];

	return s > 0 ? s : c->covered_s[side][COUNTED_IN_ANY];
}

static bool side_value(const struct compare_scale *c, const struct joined *j, int side,
		       const struct figure *f, const struct json_value *row, double *ret)
{
	if (!row || !cell_number(row, f->key, ret))
		return false;
	if (!is_sum(f))
		return true;
	*ret /= covered_s(c, side, counted_in(row, j->counted_in[side]));
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

/* How much @a and @b differ; by factor as series_near_factor() has it. */
static double difference_of(const struct compare_scale *c, double a, double b)
{
	double x = fabs(a) + 1, y = fabs(b) + 1;

	if (!c->by_factor)
		return fabs(b - a);
	if ((a < 0) != (b < 0))
		return x * y;
	return x > y ? x / y : y / x;
}

static void add_pair(const struct compare_scale *c, const struct joined *j, const struct figure *f,
		     struct pair_list *l, const struct named_row *a, const struct named_row *b)
{
	struct pair *p = &l->list[l->count];
	const struct named_row *rows[SIDES] = {a, b};

	*p = (struct pair){.number = l->count};
	for (int side = A; side < SIDES; side++) {
		if (!rows[side])
			continue;
		p->rows[side] = rows[side]->row;
		p->known[side] = rows[side]->still ||
				 side_value(c, j, side, f, p->rows[side], &p->values[side]);
	}
	p->difference =
		difference_of(c, p->known[A] ? p->values[A] : 0, p->known[B] ? p->values[B] : 0);
	l->count += p->known[A] || p->known[B];
}

static int by_difference(const void *va, const void *vb)
{
	const struct pair *a = va, *b = vb;
	bool a_both = a->known[A] && a->known[B], b_both = b->known[A] && b->known[B];

	if (a_both != b_both)
		return a_both ? -1 : 1;
	if (a->difference != b->difference)
		return a->difference > b->difference ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* What differs most comes first, what is the same stays in A's order; then what one side has. */
static int pair_rows(const struct compare_scale *c, const struct joined *j, const struct figure *f,
		     struct pair_list *ret, struct err *e)
{
	CLEANUP(freep) struct named_row *in_a = sorted(j, A), *in_b = sorted(j, B);

	ret->list = calloc(j->counts[A] + j->counts[B] + 1, sizeof(*ret->list));
	if (!in_a || !in_b || !ret->list)
		return err_nomem(e);
	for (size_t i = 0; i < j->counts[A]; i++)
		add_pair(c, j, f, ret, &j->rows[A][i],
			 row_named(in_b, j->counts[B], j->rows[A][i].name));
	for (size_t i = 0; i < j->counts[B]; i++)
		if (!row_named(in_a, j->counts[A], j->rows[B][i].name))
			add_pair(c, j, f, ret, NULL, &j->rows[B][i]);
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

static int put_figure(const struct compare_scale *c, const struct joined *j, const struct figure *f,
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
	table_top(t, c->limit ? (size_t)min_of(c->limit, (uint64_t)SIZE_MAX) : SIZE_MAX);
	return 0;
}

/* The whole. */

/**
 * compare_tables() - a table of two recordings as tables of their figures
 * @c:      what sums are divided by, and how many rows are shown
 * @tables: of A and B, as view_json.c writes them; a stranger's
 * @partners: of each side the table of counters that belongs to one of values, and the other way
 *          round; or NULL. What does not move in one recording is a value there, and a counter that
 *          stands still beside one that rises in the other
 * @named:  the user asked for this table: all its figures, and a note when there are none
 * @out:    the tables are added to it
 *
 * Return: 0 or -ENOMEM.
 */
int compare_tables(const struct compare_scale *c, const struct json_value *const tables[SIDES],
		   const struct json_value *const partners[SIDES], bool named,
		   struct report_out *out, struct err *e)
{
	CLEANUP(joined_done) struct joined j = {0};
	const char *title = json_get_str(tables[A], "title", "");
	int r;

	parse_columns(tables[A], &j);
	for (int side = A; side < SIDES; side++)
		j.counted_in[side] = counted_in(tables[side], COUNTED_IN_ANY);
	r = find_names(&j, tables, e);
	if (r == 0 && named)
		report_note(out,
			    "The table '%s' has nothing that tells its rows apart in both "
			    "recordings, and is not compared.",
			    tables[A]->key);
	if (r <= 0)
		return r;
	if (partners[A] && partners[B])
		r = take_partners(&j, partners, e);
	if (r < 0)
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
