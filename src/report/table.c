/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed tables, filled by analyses and shown by views.
 *
 * A table owns all that is in it: columns, cells and notes are copied, so that an analysis may fill
 * it from buffers that move on. Memory comes in blocks, because a table is filled to its end and
 * then freed at once, and what points into it must not move. It is bounded: a stranger's bundle may
 * have a million processes. Rows beyond the limit are not kept but counted, and views say so.
 *
 * What a cell may hold follows from its column's type. An analysis that gives the wrong kind, or
 * too many, is wrong itself, and asserted on; what the cells say comes from strangers, and is not.
 */
#include "table.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>

#define BLOCK_BYTES (64 * KIB)

const char *const column_use_names[COLUMN_USES] = {[USE_LEVEL] = "level", [USE_LABEL] = "label"};

const char *const counted_in_names[COUNTED_IN_SOURCES] = {
	[COUNTED_IN_TRACE] = "trace",
	[COUNTED_IN_PACKETS] = "packets",
	[COUNTED_IN_BOTH] = "trace_and_packets",
	[COUNTED_IN_SERIES] = "series",
};

struct table_block {
	struct table_block *next;
	size_t used, size;
	max_align_t bytes[];
};

static void free_blocks(struct table_block **list)
{
	while (*list) {
		struct table_block *b = *list;

		*list = b->next;
		free(b);
	}
}

/* Memory that lasts as long as the blocks of @list. NULL marks the table as failed. */
static void *take(struct table *t, struct table_block **list, size_t bytes)
{
	struct table_block *b = *list;
	size_t rounded =
		(bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	void *p;

	if (t->failed)
		return NULL;
	if (!b || rounded > b->size - b->used) {
		size_t size = max_of(rounded, (size_t)BLOCK_BYTES);

		b = malloc(sizeof(*b) + size);
		if (!b) {
			t->failed = true;
			return NULL;
		}
		b->used = 0;
		b->size = size;
		b->next = *list;
		*list = b;
	}
	p = (char *)b->bytes + b->used;
	b->used += rounded;
	return p;
}

/* A copy with a NUL behind it; "" without memory, NULL for NULL. */
static const char *keep(struct table *t, struct table_block **list, const char *s, size_t n)
{
	char *copy = s ? take(t, list, n + 1) : NULL;

	if (!s)
		return NULL;
	if (!copy)
		return "";
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

static const char *keep_str(struct table *t, const char *s)
{
	return keep(t, &t->kept, s, s ? strlen(s) : 0);
}

/**
 * table_init() - an empty table
 * @name:    for programs: [a-z0-9_]; unique in its report
 * @title:   for people
 * @columns: @column_count of them; copied, as everything that is given to a table
 */
void table_init(struct table *t, const char *name, const char *title, const struct column *columns,
		size_t column_count)
{
	*t = (struct table){.limit_bytes = TABLE_LIMIT_BYTES};
	t->name = keep_str(t, name);
	t->title = keep_str(t, title);
	for (size_t i = 0; i < column_count; i++)
		table_add_column(t, &columns[i]);
}

/** table_done() - give its memory back; an all-zero table is fine */
void table_done(struct table *t)
{
	free_blocks(&t->kept);
	free_blocks(&t->blocks);
	free(t->columns);
	free(t->rows);
	free(t->notes);
	*t = (struct table){0};
}

/** table_ok() - whether everything that was given to it is in it or counted as left out */
bool table_ok(const struct table *t)
{
	return !t->failed;
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && !strcmp(s + n - m, end);
}

/* Programs find the unit of a column in its key. */
static bool key_is_sound(const struct column *c)
{
	bool ns = c->type == COLUMN_DURATION || c->type == COLUMN_OFFSET || c->type == COLUMN_TIME;

	for (const char *k = c->key; *k; k++)
		if (!islower((unsigned char)*k) &&
		    (k == c->key || (!isdigit((unsigned char)*k) && *k != '_')))
			return false;
	return *c->key && ns == ends_in(c->key, "_ns") &&
	       (c->type == COLUMN_BYTES) == ends_in(c->key, "_bytes");
}

/** table_add_column() - one more column; before the first row */
void table_add_column(struct table *t, const struct column *c)
{
	struct column *more;

	assert(!t->row_count && !t->total && key_is_sound(c));
	assert(table_column(t, c->key) < 0);
	more = t->failed ? NULL
			 : reallocarray(t->columns, t->column_count + 1, sizeof(*t->columns));
	if (!more) {
		t->failed = true;
		return;
	}
	t->columns = more;
	more += t->column_count++;
	*more = *c;
	more->key = keep_str(t, c->key);
	more->title = keep_str(t, c->title);
	more->unit = keep_str(t, c->unit);
}

/** table_column() - the index of the column with this key; -1: there is none */
int table_column(const struct table *t, const char *key)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (!strcmp(t->columns[i].key, key))
			return (int)i;
	return -1;
}

/* Rows. */

/* Does the limit allow @bytes more? What it does not allow is counted, once a row. */
static bool spend(struct table *t, size_t bytes)
{
	if (bytes > t->limit_bytes - t->used_bytes)
		return false;
	t->used_bytes += bytes;
	return true;
}

static struct table_row *new_row(struct table *t)
{
	size_t bytes = sizeof(struct table_row) + t->column_count * sizeof(struct cell);
	struct table_row *row;

	t->current = NULL;
	t->next = 0;
	/* With its place in the list of rows. */
	if (t->failed || !spend(t, bytes + sizeof(row)))
		return NULL;
	row = take(t, &t->blocks, bytes);
	if (row) {
		memset(row, 0, bytes);
		row->counted_in = t->counted_in;
	}
	return row;
}

static bool room_for_row(struct table *t)
{
	struct table_row **more;
	size_t room = max_of(t->row_room * 2, (size_t)64);

	if (t->row_count < t->row_room)
		return true;
	more = reallocarray(t->rows, room, sizeof(*t->rows));
	if (!more) {
		t->failed = true;
		return false;
	}
	t->rows = more;
	t->row_room = room;
	return true;
}

/**
 * table_row() - begin a row: the cells that are added next are its own, first to last
 *
 * Cells that are not given stay empty. Beyond the limit of the table the row is only counted.
 */
void table_row(struct table *t)
{
	struct table_row *row = new_row(t);

	if (!row || !room_for_row(t)) {
		t->left_out += !t->failed;
		t->overflowed |= !t->failed;
		return;
	}
	row->number = t->row_count;
	t->rows[t->row_count++] = row;
	t->current = row;
}

/**
 * table_total() - begin the one row that sums up the others; never sorted, shown below them
 */
void table_total(struct table *t)
{
	t->total = new_row(t);
	t->current = t->total;
}

/** table_mark() - how the current row is to look */
void table_mark(struct table *t, enum row_mark mark)
{
	if (t->current)
		t->current->mark = mark;
}

/** table_row_counted_in() - where the current row's counts are from, if not where the table's are
 */
void table_row_counted_in(struct table *t, enum counted_in source)
{
	if (t->current)
		t->current->counted_in = source;
}

/* The current row's next cell, which takes the member of the union that @kind stands for; NULL when
 * the row is not kept. */
enum kind { KIND_TEXT, KIND_U64, KIND_I64, KIND_REAL };

static enum kind kind_of(enum column_type type)
{
	switch (type) {
	case COLUMN_TEXT:
		return KIND_TEXT;
	case COLUMN_COUNT:
	case COLUMN_DURATION:
	case COLUMN_TIME:
	case COLUMN_BYTES:
	case COLUMN_HEX:
		return KIND_U64;
	case COLUMN_NUMBER:
	case COLUMN_OFFSET:
		return KIND_I64;
	case COLUMN_REAL:
	case COLUMN_RATE:
	case COLUMN_PERCENT:
	case COLUMN_BAR:
		return KIND_REAL;
	}
	return KIND_TEXT;
}

static struct cell *next_cell(struct table *t, enum kind kind)
{
	size_t i = t->next++;

	if (!t->current)
		return NULL;
	assert(i < t->column_count && kind_of(t->columns[i].type) == kind);
	return &t->current->cells[i];
}

void table_text_n(struct table *t, const char *s, size_t n)
{
	struct cell *c = next_cell(t, KIND_TEXT);

	if (!c || !s)
		return;
	/* The row is there: its text is cut rather than the row taken back. */
	n = min_of(n, t->limit_bytes - t->used_bytes);
	n = min_of(n, (size_t)UINT32_MAX);
	(void)spend(t, n);
	*c = (struct cell){.s = keep(t, &t->blocks, s, n), .len = (uint32_t)n, .known = !t->failed};
}

/** table_text() - the next cell, a text; NULL: empty */
void table_text(struct table *t, const char *s)
{
	table_text_n(t, s, s ? strlen(s) : 0);
}

void table_textf(struct table *t, const char *fmt, ...)
{
	CLEANUP(text_free) struct text s = {0};
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&s, fmt, ap);
	va_end(ap);
	t->failed |= !text_ok(&s);
	table_text_n(t, text_c(&s), s.len);
}

void table_u64(struct table *t, uint64_t v)
{
	struct cell *c = next_cell(t, KIND_U64);

	if (c)
		*c = (struct cell){.u = v, .known = true};
}

void table_i64(struct table *t, int64_t v)
{
	struct cell *c = next_cell(t, KIND_I64);

	if (c)
		*c = (struct cell){.i = v, .known = true};
}

/** table_real() - the next cell, a real number; one that is none (0/0) is an empty cell */
void table_real(struct table *t, double v)
{
	struct cell *c = next_cell(t, KIND_REAL);

	if (c && isfinite(v))
		*c = (struct cell){.d = v, .known = true};
}

/** table_whole() - the next cell, a whole number of a column of real ones, exactly */
void table_whole(struct table *t, uint64_t magnitude, bool negative)
{
	struct cell *c = next_cell(t, KIND_REAL);
	double d = (double)magnitude;
	int32_t lacks = (int32_t)((__int128)magnitude - (__int128)d); /* 1024 at most */

	if (c)
		*c = (struct cell){
			.d = negative ? -d : d, .lacks = negative ? -lacks : lacks, .known = true};
}

/** table_none() - the next cell is empty: not known, or of no meaning here */
void table_none(struct table *t)
{
	t->next++;
	assert(!t->current || t->next <= t->column_count);
}

/** table_note() - a sentence under the table */
void table_note(struct table *t, const char *fmt, ...)
{
	CLEANUP(text_free) struct text s = {0};
	const char **more;
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&s, fmt, ap);
	va_end(ap);
	more = text_ok(&s) ? reallocarray(t->notes, t->note_count + 1, sizeof(*t->notes)) : NULL;
	if (!more) {
		t->failed = true;
		return;
	}
	t->notes = more;
	more[t->note_count++] = keep(t, &t->kept, text_c(&s), s.len);
}

/* Order. */

struct order {
	size_t column;
	enum kind kind;
	bool descending;
};

static int compare_text(const struct cell *a, const struct cell *b)
{
	int r = memcmp(a->s, b->s, min_of(a->len, b->len));

	return r ? r : (a->len > b->len) - (a->len < b->len);
}

static int compare_cells(const struct cell *a, const struct cell *b, enum kind kind)
{
	switch (kind) {
	case KIND_TEXT:
		return compare_text(a, b);
	case KIND_U64:
		return (a->u > b->u) - (a->u < b->u);
	case KIND_I64:
		return (a->i > b->i) - (a->i < b->i);
	case KIND_REAL:
		return (a->d > b->d) - (a->d < b->d);
	}
	return 0;
}

/* Empty cells last, whichever way; equals as they were added. */
static int compare_rows(const void *va, const void *vb, void *varg)
{
	const struct table_row *a = *(struct table_row *const *)va,
			       *b = *(struct table_row *const *)vb;
	const struct order *o = varg;
	const struct cell *x = &a->cells[o->column], *y = &b->cells[o->column];
	int r;

	if (x->known != y->known)
		return x->known ? -1 : 1;
	r = x->known ? compare_cells(x, y, o->kind) : 0;
	if (r)
		return o->descending ? -r : r;
	return (a->number > b->number) - (a->number < b->number);
}

/**
 * table_sort() - order the rows by one column
 * @key: of that column
 *
 * Rows that are equal in it stay in the order in which they were added; empty cells come last.
 */
void table_sort(struct table *t, const char *key, bool descending)
{
	int column = table_column(t, key);
	struct order o = {.descending = descending};

	if (t->failed)
		return;
	assert(column >= 0);
	o.column = (size_t)column;
	o.kind = kind_of(t->columns[column].type);
	if (t->row_count)
		qsort_r(t->rows, t->row_count, sizeof(*t->rows), compare_rows, &o);
}

/** table_top() - only the first @count rows; the rest is counted as left out; 0: all stay */
void table_top(struct table *t, size_t count)
{
	if (!count || t->row_count <= count)
		return;
	t->left_out += t->row_count - count;
	t->row_count = count;
	t->current = NULL;
}

/** table_forget_rows() - the rows have been shown: room for the next ones */
void table_forget_rows(struct table *t)
{
	t->rows_shown += t->row_count;
	t->row_count = 0;
	t->used_bytes = 0;
	t->current = NULL;
	t->total = NULL;
	free_blocks(&t->blocks);
}

/* Which of @bins equal parts of [@least, @least + @span] @v lies in; the last one is closed. */
static size_t bin_of(uint64_t v, uint64_t least, uint64_t span, size_t bins)
{
	size_t bin = span ? (size_t)((unsigned __int128)(v - least) * bins / span) : 0;

	return min_of(bin, bins - 1);
}

/* The least value of part @i. */
static uint64_t bin_border(uint64_t least, uint64_t span, size_t bins, size_t i)
{
	return least + (uint64_t)(((unsigned __int128)span * i + bins - 1) / bins);
}

static void fill_bins(struct table *t, const uint64_t *counts, uint64_t least, uint64_t span,
		      size_t bins)
{
	for (size_t i = 0; i < bins; i++) {
		table_row(t);
		table_u64(t, bin_border(least, span, bins, i));
		table_u64(t, bin_border(least, span, bins, i + 1));
		table_u64(t, counts[i]);
		table_real(t, (double)counts[i]);
	}
}

/**
 * table_bins() - a table that shows how often values of each size occur
 * @t:      initialised here; table_done() it
 * @type:   of the values: COLUMN_COUNT, COLUMN_DURATION or COLUMN_BYTES
 * @values: @count of them, in any order
 * @bins:   equal parts of the range from the least to the greatest, at least 1; a value on a border
 *          belongs to the part above it, the greatest to the last part
 */
void table_bins(struct table *t, const char *name, const char *title, enum column_type type,
		const uint64_t *values, size_t count, size_t bins)
{
	const char *suffix = type == COLUMN_DURATION ? "_ns" : type == COLUMN_BYTES ? "_bytes" : "";
	uint64_t least = count ? UINT64_MAX : 0, most = 0, *counts;
	char from[16], to[16];
	struct column columns[] = {
		{from, "from", type},
		{to, "to", type},
		{"count", "count", COLUMN_COUNT},
		{"bar", "", COLUMN_BAR},
	};

	(void)snprintf(from, sizeof(from), "from%s", suffix);
	(void)snprintf(to, sizeof(to), "to%s", suffix);
	table_init(t, name, title, columns, ARRAY_SIZE(columns));
	counts = calloc(bins, sizeof(*counts));
	if (!counts) {
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		least = min_of(least, values[i]);
		most = max_of(most, values[i]);
	}
	for (size_t i = 0; i < count; i++)
		counts[bin_of(values[i], least, most - least, bins)]++;
	if (count)
		fill_bins(t, counts, least, most - least, least == most ? 1 : bins);
	free(counts);
}
