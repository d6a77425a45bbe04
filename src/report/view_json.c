/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables as one JSON object for programs, a row on each line:
 *
 *	{"reports": {NAME: REPORT}, "covers": {SOURCE: ...}, "trigger_monotonic_ns": ...}
 *
 *	REPORT: {"title", "tables": {NAME: TABLE}, "complete", "notes": [...]}
 *
 *	TABLE: {"title", "columns": [COLUMN], "counted_in": SOURCE, "rows": [{KEY: VALUE}],
 *		"total": {KEY: VALUE}, "left_out", "notes": [...]}
 *
 *	COLUMN: {"key", "title", "type", "unit", "use"}
 *
 * Called through view.c. Numbers are raw, an empty cell is null, an identifier that people write in
 * hexadecimal is a string (a double would not hold it), a moment is two members, KEY_ns
 * (CLOCK_MONOTONIC) and KEY_utc.
 */
#include "view.h"

#include <inttypes.h>

static const char *const type_names[] = {
	[COLUMN_TEXT] = "text",		[COLUMN_COUNT] = "count",   [COLUMN_NUMBER] = "number",
	[COLUMN_REAL] = "real",		[COLUMN_RATE] = "rate",	    [COLUMN_PERCENT] = "percent",
	[COLUMN_DURATION] = "duration", [COLUMN_OFFSET] = "offset", [COLUMN_TIME] = "time",
	[COLUMN_BYTES] = "bytes",	[COLUMN_HEX] = "hex",	    [COLUMN_BAR] = "bar",
};

static void begin(struct view *v)
{
	json_begin(&v->json, v->out, false);
	json_object(&v->json);
	json_key(&v->json, "reports");
	json_object(&v->json);
}

static void report(struct view *v, const char *name, const char *title)
{
	text_str(v->out, "\n");
	json_key(&v->json, name);
	json_object(&v->json);
	json_kv_str(&v->json, "title", title);
	json_key(&v->json, "tables");
	json_object(&v->json);
}

static void head(struct view *v, const struct table *t)
{
	struct json_writer *w = &v->json;

	text_str(v->out, "\n");
	json_key(w, t->name);
	json_object(w);
	json_kv_str(w, "title", t->title);
	json_key(w, "columns");
	json_array(w);
	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i].type == COLUMN_BAR)
			continue;
		json_object(w);
		json_kv_str(w, "key", t->columns[i].key);
		json_kv_str(w, "title", t->columns[i].title);
		json_kv_str(w, "type", type_names[t->columns[i].type]);
		if (t->columns[i].unit)
			json_kv_str(w, "unit", t->columns[i].unit);
		if (t->columns[i].use)
			json_kv_str(w, "use", column_use_names[t->columns[i].use]);
		json_object_end(w);
	}
	json_array_end(w);
	if (t->counted_in)
		json_kv_str(w, "counted_in", counted_in_names[t->counted_in]);
	json_key(w, "rows");
	json_array(w);
}

/* A number as it is written, or a string that needs no escapes. */
static void put_number(struct json_writer *w, const struct text *number)
{
	struct json_value value = {.type = JSON_NUMBER, .str = text_c(number)};

	json_copy(w, &value);
}

static void put_time(struct view *v, const struct column *column, const struct cell *c)
{
	CLEANUP(text_free) struct text key = {0}, utc = {0};
	uint64_t real_ns;

	text_printf(&key, "%.*s_utc", (int)strlen(column->key) - 3, column->key);
	if (c->known && view_real(v, c->u, &real_ns))
		view_put_utc(&utc, real_ns);
	json_kv_str(&v->json, text_c(&key), utc.len ? text_c(&utc) : NULL);
	v->out->failed |= !text_ok(&key) || !text_ok(&utc);
}

static void put_cell(struct json_writer *w, enum column_type type, const struct cell *c)
{
	CLEANUP(text_free) struct text s = {0};

	switch (type) {
	case COLUMN_TEXT:
		json_str_n(w, c->s, c->len);
		return;
	case COLUMN_COUNT:
	case COLUMN_DURATION:
	case COLUMN_BYTES:
	case COLUMN_TIME:
		json_u64(w, c->u);
		return;
	case COLUMN_HEX:
		text_printf(&s, "0x%" PRIx64, c->u);
		json_str(w, text_c(&s));
		break;
	case COLUMN_NUMBER:
	case COLUMN_OFFSET:
		json_i64(w, c->i);
		return;
	case COLUMN_REAL:
	case COLUMN_RATE:
	case COLUMN_PERCENT:
		view_put_real_cell(&s, c);
		put_number(w, &s);
		break;
	case COLUMN_BAR:
		break;
	}
	w->out->failed |= !text_ok(&s);
}

static void put_row(struct view *v, const struct table *t, const struct table_row *row)
{
	struct json_writer *w = &v->json;

	json_object(w);
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *column = &t->columns[i];
		const struct cell *c = &row->cells[i];

		if (column->type == COLUMN_BAR)
			continue;
		json_key(w, column->key);
		if (c->known)
			put_cell(w, column->type, c);
		else
			json_null(w);
		if (column->type == COLUMN_TIME)
			put_time(v, column, c);
	}
	if (row->counted_in != t->counted_in)
		json_kv_str(w, "counted_in", counted_in_names[row->counted_in]);
	json_object_end(w);
}

static void row(struct view *v, const struct table *t, const struct table_row *row)
{
	text_str(v->out, "\n");
	put_row(v, t, row);
}

static void put_notes(struct json_writer *w, const char *const *notes, size_t count)
{
	json_key(w, "notes");
	json_array(w);
	for (size_t i = 0; i < count; i++)
		json_str(w, notes[i]);
	json_array_end(w);
}

static void tail(struct view *v, const struct table *t)
{
	struct json_writer *w = &v->json;

	json_array_end(w);
	if (t->total) {
		json_key(w, "total");
		put_row(v, t, t->total);
	}
	json_kv_u64(w, "left_out", t->left_out);
	put_notes(w, t->notes, t->note_count);
	json_object_end(w);
}

static void report_end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	struct json_writer *w = &v->json;

	json_object_end(w);
	json_kv_bool(w, "complete", complete);
	put_notes(w, notes, count);
	json_object_end(w);
}

static void put_moment(struct view *v, const char *name, uint64_t mono_ns)
{
	CLEANUP(text_free) struct text key = {0}, utc = {0};
	uint64_t real_ns;

	text_printf(&key, "%s_monotonic_ns", name);
	json_kv_u64(&v->json, text_c(&key), mono_ns);
	text_reset(&key);
	text_printf(&key, "%s_utc", name);
	if (view_real(v, mono_ns, &real_ns))
		view_put_utc(&utc, real_ns);
	json_kv_str(&v->json, text_c(&key), utc.len ? text_c(&utc) : NULL);
	v->out->failed |= !text_ok(&key) || !text_ok(&utc);
}

static void put_stretch(struct view *v, const char *key, uint64_t from_ns, uint64_t to_ns)
{
	if (to_ns <= from_ns)
		return;
	json_key(&v->json, key);
	json_object(&v->json);
	put_moment(v, "from", from_ns);
	put_moment(v, "to", to_ns);
	json_object_end(&v->json);
}

static bool covers_any(const struct view_settings *s)
{
	for (size_t i = COUNTED_IN_ANY + 1; i < COUNTED_IN_SOURCES; i++)
		if (s->covers[i].to_ns > s->covers[i].from_ns)
			return true;
	return false;
}

/* What the reports cover, and what of it each source does, with rates and counts in mind. */
static void put_window(struct view *v)
{
	const struct view_settings *s = &v->settings;

	put_stretch(v, "window", s->from_ns, s->to_ns);
	if (!covers_any(s))
		return;
	json_key(&v->json, "covers");
	json_object(&v->json);
	for (size_t i = COUNTED_IN_ANY + 1; i < COUNTED_IN_SOURCES; i++)
		put_stretch(v, counted_in_names[i], s->covers[i].from_ns, s->covers[i].to_ns);
	json_object_end(&v->json);
}

static void end(struct view *v, bool complete, const char *const *notes, size_t count)
{
	const struct view_clock *c = &v->settings.clock;

	text_str(v->out, "\n");
	json_object_end(&v->json);
	put_window(v);
	if (c->triggered) {
		put_moment(v, "trigger", c->trigger_ns);
	} else {
		json_key(&v->json, "trigger_monotonic_ns");
		json_null(&v->json);
	}
	json_kv_bool(&v->json, "complete", complete);
	put_notes(&v->json, notes, count);
	json_object_end(&v->json);
	text_str(v->out, "\n");
}

const struct view_ops view_json = {
	.begin = begin,
	.report = report,
	.head = head,
	.row = row,
	.tail = tail,
	.report_end = report_end,
	.end = end,
};
