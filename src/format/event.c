/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event formats by a small parser of our own: libtraceevent's keeps its results to one thread and
 * trusts the text. Every report asks here which event a ring record is and where its fields are;
 * what an event's text looks like (print fmt) is for src/report/print.c.
 *
 * A table owns its formats, fields and strings; the texts themselves stay in the buffer of the
 * trace.dat's head. Bundles come from strangers: names must be plain words, numbers in range, and a
 * format or field that is not understood is left out and counted.
 *
 * A module that was loaded again has new ids for the same names, and an id may come to mean another
 * event: all are kept. By id the latest counts, by name each can be had in turn.
 *
 * Format of the text, since Linux 2.6.33 (kernel/trace/trace_events.c, f_show()):
 *
 *	name: scoutfs_net_send_message
 *	ID: 345
 *	format:
 *		field:unsigned short common_type;	offset:0;	size:2;	signed:0;
 *		...
 *
 *		field:__data_loc char[] name;	offset:8;	size:4;	signed:1;
 *
 *	print fmt: "%s", __get_str(name)
 */
#include <errno.h>

#include "format/event.h"

#define NAME_BYTES_MAX 128   /* longer than any; the kernel's MAX_EVENT_NAME_LEN is 64 */
#define FIELDS_MAX 4096	     /* of one format; the kernel's own have at most some dozens */
#define OFFSET_MAX 65535     /* the words of dynamic fields have 16 bits for it */
#define DYNAMIC_WORD_BYTES 4 /* u32: offset in the lower half, length in the upper one */

/* Strings of one format, in the order in which they are needed: one allocation with the fields. */
struct pool {
	char *at;
};

static const char *pool_add(struct pool *p, const struct tracedat_span *s)
{
	char *at = p->at;

	memcpy(at, s->s, s->n);
	at[s->n] = '\0';
	p->at += s->n + 1;
	return at;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* System and event names: words, in which user-made events also have some other characters. */
static bool is_name(const struct tracedat_span *s)
{
	if (s->n == 0 || s->n > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (!is_word_char(s->s[i]) && !strchr("-.:@", s->s[i]))
			return false;
	return true;
}

static bool is_word(const struct tracedat_span *s)
{
	if (s->n == 0 || s->n > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (!is_word_char(s->s[i]))
			return false;
	return true;
}

static bool is_printable(const struct tracedat_span *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->s[i] < ' ' || s->s[i] > '~')
			return false;
	return s->n > 0 && s->n <= NAME_BYTES_MAX;
}

static struct tracedat_span trimmed(const char *s, size_t n)
{
	while (n && (s[0] == ' ' || s[0] == '\t')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		n--;
	return (struct tracedat_span){s, n};
}

static bool span_starts(const struct tracedat_span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s->n >= n && memcmp(s->s, prefix, n) == 0;
}

/* Cut the next line off @rest; false at the end. */
static bool line_next(struct tracedat_span *rest, struct tracedat_span *ret)
{
	const char *end = rest->n ? memchr(rest->s, '\n', rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->s) : rest->n;

	if (!rest->n)
		return false;
	*ret = (struct tracedat_span){rest->s, n};
	rest->s += n + (end ? 1 : 0);
	rest->n -= n + (end ? 1 : 0);
	return true;
}

/* What stands behind "KEY" up to the next ';' of @line. */
static bool part_of(const struct tracedat_span *line, const char *key, struct tracedat_span *ret)
{
	const char *at = memmem(line->s, line->n, key, strlen(key)), *end;
	size_t left;

	if (!at)
		return false;
	at += strlen(key);
	left = (size_t)(line->s + line->n - at);
	end = memchr(at, ';', left);
	if (!end)
		return false;
	*ret = trimmed(at, (size_t)(end - at));
	return true;
}

static bool number_parse(const struct tracedat_span *s, uint32_t max, uint32_t *ret)
{
	uint32_t v = 0;

	if (s->n == 0 || s->n > 9)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->s[i] < '0' || s->s[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(s->s[i] - '0');
	}
	*ret = v;
	return v <= max;
}

/* Cut "[...]" off the end of a declaration; false when there is none. */
static bool bracket_cut(struct tracedat_span *declaration, struct tracedat_span *ret)
{
	const char *open;

	if (!declaration->n || declaration->s[declaration->n - 1] != ']')
		return false;
	open = memrchr(declaration->s, '[', declaration->n);
	if (!open)
		return false;
	*ret = trimmed(open + 1, (size_t)(declaration->s + declaration->n - 1 - (open + 1)));
	*declaration = trimmed(declaration->s, (size_t)(open - declaration->s));
	return true;
}

/* Is this, without qualifiers and brackets, a char? */
static bool type_is_char(struct tracedat_span type)
{
	struct tracedat_span inner;
	const char *last;

	while (bracket_cut(&type, &inner))
		;
	last = memrchr(type.s, ' ', type.n);
	if (last)
		type = (struct tracedat_span){last + 1, (size_t)(type.s + type.n - (last + 1))};
	return type.n == 4 && memcmp(type.s, "char", 4) == 0;
}

/* "unsigned long args[6]", "__data_loc char[] name", "const char * fmt" */
struct declaration {
	struct tracedat_span type, name;
	bool is_array;
	uint32_t count;
};

static bool declaration_parse(struct tracedat_span s, struct declaration *ret)
{
	struct tracedat_span inner;
	size_t name = 0;

	*ret = (struct declaration){0};
	while (bracket_cut(&s, &inner)) {
		ret->is_array = true;
		if (!number_parse(&inner, OFFSET_MAX, &ret->count))
			ret->count = 0; /* [], or a constant that the kernel did not resolve */
	}
	while (name < s.n && is_word_char(s.s[s.n - 1 - name]))
		name++;
	ret->name = (struct tracedat_span){s.s + s.n - name, name};
	ret->type = trimmed(s.s, s.n - name);
	return is_word(&ret->name) && is_printable(&ret->type);
}

static bool field_parse(const struct tracedat_span *line, struct pool *pool,
			struct event_field *ret)
{
	struct tracedat_span declaration, offset, bytes, sign;
	struct event_field f = {0};
	struct declaration d;
	uint32_t is_signed = 0;

	if (!part_of(line, "field:", &declaration) || !part_of(line, "offset:", &offset) ||
	    !part_of(line, "size:", &bytes))
		return false;
	if (!declaration_parse(declaration, &d) || !number_parse(&offset, OFFSET_MAX, &f.offset) ||
	    !number_parse(&bytes, OFFSET_MAX, &f.bytes))
		return false;
	if (part_of(line, "signed:", &sign))
		(void)number_parse(&sign, 1, &is_signed);

	f.is_signed = is_signed == 1;
	f.is_relative = span_starts(&d.type, "__rel_loc ");
	f.is_dynamic = f.is_relative || span_starts(&d.type, "__data_loc ");
	f.is_array = d.is_array || f.is_dynamic;
	f.count = d.count;
	f.is_string = f.is_array && type_is_char(d.type);
	if (f.is_dynamic && f.bytes != DYNAMIC_WORD_BYTES)
		return false;
	f.name = pool_add(pool, &d.name);
	f.type = pool_add(pool, &d.type);
	*ret = f;
	return true;
}

static uint32_t field_lines(struct tracedat_span text)
{
	struct tracedat_span line;
	uint32_t n = 0;

	while (line_next(&text, &line)) {
		line = trimmed(line.s, line.n);
		n += span_starts(&line, "field:");
	}
	return min_of(n, (uint32_t)FIELDS_MAX);
}

/* A line that has no field and no print fmt: those before the fields are head_parse()'s. */
static bool line_is_known(const struct tracedat_span *line)
{
	return line->n == 0 || span_starts(line, "name:") || span_starts(line, "ID:") ||
	       span_starts(line, "format:");
}

/* The fields, into a block that has room for @room of them and for their strings; the print fmt. */
static void fields_parse(struct tracedat_span text, struct event_table *t, struct event_format *f,
			 struct event_field *fields, uint32_t room, struct pool *pool)
{
	struct tracedat_span line;

	f->is_whole = true;
	while (line_next(&text, &line)) {
		line = trimmed(line.s, line.n);
		if (span_starts(&line, "print fmt:")) {
			struct tracedat_span fmt = {line.s + 10,
						    (size_t)(text.s + text.n - (line.s + 10))};

			fmt = trimmed(fmt.s, fmt.n);
			while (fmt.n && fmt.s[fmt.n - 1] == '\n')
				fmt.n--;
			f->print_fmt = pool_add(pool, &fmt);
			return;
		}
		if (!span_starts(&line, "field:")) {
			f->is_whole &= line_is_known(&line);
			continue;
		}
		if (f->field_count < room && field_parse(&line, pool, &fields[f->field_count])) {
			f->common_count += str_starts(fields[f->field_count].name, "common_");
			f->field_count++;
		} else {
			t->fields_skipped++;
			f->is_whole = false;
		}
	}
	f->print_fmt = pool_add(pool, &(struct tracedat_span){"", 0});
}

/* The lines before the fields. */
static bool head_parse(struct tracedat_span text, struct tracedat_span *ret_name, uint16_t *ret_id)
{
	struct tracedat_span line;
	bool has_id = false;
	uint32_t id = 0;

	*ret_name = (struct tracedat_span){"", 0};
	while (line_next(&text, &line)) {
		if (span_starts(&line, "name:"))
			*ret_name = trimmed(line.s + 5, line.n - 5);
		if (span_starts(&line, "format:"))
			break;
		if (span_starts(&line, "ID:")) {
			struct tracedat_span number = trimmed(line.s + 3, line.n - 3);

			has_id = number_parse(&number, UINT16_MAX, &id);
		}
	}
	*ret_id = (uint16_t)id;
	return has_id && id > 0 && is_name(ret_name);
}

/* One format into the table's next place. 1, 0 when it is none, -ENOMEM. */
static int format_parse(const struct tracedat_read_format *from, struct event_table *t)
{
	struct event_format f = {.text = from->text};
	struct tracedat_span name;
	struct event_field *fields;
	struct pool pool;
	uint32_t room;

	if (!is_name(&from->system) || memchr(from->text.s, '\0', from->text.n) ||
	    !head_parse(from->text, &name, &f.id))
		return 0;

	/*
	 * All strings are pieces of the text, each with a NUL more: name and type of a field are
	 * from a line that is longer than both with theirs.
	 */
	room = field_lines(from->text);
	fields = malloc(room * sizeof(*fields) + from->text.n + from->system.n + 4);
	if (!fields)
		return -ENOMEM;
	pool.at = (char *)(fields + room);
	f.fields = fields;
	f.system = pool_add(&pool, &from->system);
	f.name = pool_add(&pool, &name);
	fields_parse(from->text, t, &f, fields, room, &pool);
	t->formats[t->count++] = f;
	return 1;
}

/* A format and its place, for qsort(). */
struct named {
	const struct event_format *format;
	uint32_t index;
};

static int named_compare(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int r = strcmp(x->format->system, y->format->system);

	if (r == 0)
		r = strcmp(x->format->name, y->format->name);
	return r ? r : (x->index > y->index) - (x->index < y->index);
}

static int names_sort(struct event_table *t)
{
	CLEANUP(freep) struct named *named = calloc(t->count + 1, sizeof(*named));

	t->by_name = calloc(t->count + 1, sizeof(*t->by_name));
	if (!named || !t->by_name)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->count; i++)
		named[i] = (struct named){&t->formats[i], i};
	qsort(named, t->count, sizeof(*named), named_compare);
	for (uint32_t i = 0; i < t->count; i++) {
		t->by_name[i] = named[i].index;
		t->formats[named[i].index].name_rank = i;
	}
	return 0;
}

static int table_read(const struct tracedat_read_head *h, struct event_table *t)
{
	/* by_id has 16 bits for an index + 1. */
	uint32_t max = (uint32_t)min_of(h->format_count, (size_t)UINT16_MAX);

	t->formats = calloc(max + 1, sizeof(*t->formats));
	t->by_id = calloc(UINT16_MAX + 1, sizeof(*t->by_id));
	if (!t->formats || !t->by_id)
		return -ENOMEM;
	t->formats_skipped = (uint32_t)(h->format_count - max);
	for (uint32_t i = 0; i < max; i++) {
		int r = format_parse(&h->formats[i], t);
		struct event_format *f;

		if (r < 0)
			return r;
		t->formats_skipped += r == 0;
		if (r == 0)
			continue;
		f = &t->formats[t->count - 1];
		f->older_id = t->by_id[f->id];
		t->by_id[f->id] = (uint16_t)t->count;
	}
	return names_sort(t);
}

/**
 * event_table_done() - free what a table owns; one of zeros is fine
 */
void event_table_done(struct event_table *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		free((void *)(uintptr_t)t->formats[i].fields);
	free(t->formats);
	free(t->by_name);
	free(t->by_id);
	*t = (struct event_table){0};
}

/**
 * event_table_read() - read all event formats of a trace.dat's head
 * @h:   from tracedat_head_read(); its buffer must stay for as long as .text is looked at
 * @ret: set on success, to be given to event_table_done(); read-only from then on, by any thread
 * @e:   filled on failure
 *
 * Return: 0, also when formats or fields were left out (they are counted); -ENOMEM.
 */
int event_table_read(const struct tracedat_read_head *h, struct event_table *ret, struct err *e)
{
	struct event_table t = {0};

	if (table_read(h, &t) < 0) {
		event_table_done(&t);
		return err_nomem(e);
	}
	*ret = t;
	return 0;
}

static int name_compare(const struct event_format *f, const char *system, const char *name)
{
	int r = strcmp(f->system, system);

	return r ? r : strcmp(f->name, name);
}

/**
 * event_by_name() - the first format of this name, or NULL
 *
 * There are several when a module was loaded again: event_next_of_name() gives the others, in the
 * order in which they were read.
 */
const struct event_format *event_by_name(const struct event_table *t, const char *system,
					 const char *name)
{
	uint32_t low = 0, high = t->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (name_compare(&t->formats[t->by_name[middle]], system, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == t->count || name_compare(&t->formats[t->by_name[low]], system, name) != 0)
		return NULL;
	return &t->formats[t->by_name[low]];
}

/**
 * event_next_of_name() - the next format with the system and name of @f, or NULL
 */
const struct event_format *event_next_of_name(const struct event_table *t,
					      const struct event_format *f)
{
	const struct event_format *next;

	if (f->name_rank + 1 >= t->count)
		return NULL;
	next = &t->formats[t->by_name[f->name_rank + 1]];
	return name_compare(next, f->system, f->name) == 0 ? next : NULL;
}

/**
 * event_field_of() - a field by its name, common ones included; NULL when there is none
 */
const struct event_field *event_field_of(const struct event_format *f, const char *name)
{
	for (uint32_t i = 0; i < f->field_count; i++)
		if (strcmp(f->fields[i].name, name) == 0)
			return &f->fields[i];
	return NULL;
}

/* Where the bytes of a dynamic field are (include/trace/stages/stage1_struct_define.h). */
static bool dynamic_bytes(const struct event_field *f, const uint8_t *data, uint32_t bytes,
			  struct tracedat_span *ret)
{
	uint32_t word = get_le32(data + f->offset);
	uint32_t at = word & UINT16_MAX, n = word >> 16;

	if (f->is_relative)
		at += f->offset + DYNAMIC_WORD_BYTES;
	if (at > bytes || n > bytes - at)
		return false;
	*ret = (struct tracedat_span){(const char *)data + at, n};
	return true;
}

/**
 * event_field_bytes() - the bytes of an array, wherever they are in the event
 * @f:     NULL is fine
 * @data:  the event's @bytes bytes
 * @bytes: of the whole event
 * @ret:   set on success; points into @data
 *
 * An array without a size (the text of a trace_marker line) goes to the event's end.
 *
 * Return: false when it would not lie within the event.
 */
bool event_field_bytes(const struct event_field *f, const uint8_t *data, uint32_t bytes,
		       struct tracedat_span *ret)
{
	uint32_t left;

	if (!f || f->offset > bytes)
		return false;
	left = bytes - f->offset;
	if (f->bytes > left)
		return false;
	if (f->is_dynamic)
		return dynamic_bytes(f, data, bytes, ret);
	*ret = (struct tracedat_span){(const char *)data + f->offset, f->bytes ? f->bytes : left};
	return true;
}

/**
 * event_field_string() - the text of a char array, up to its NUL or its end
 *
 * As event_field_bytes(). What is in it comes from anywhere: it need not be printable.
 */
bool event_field_string(const struct event_field *f, const uint8_t *data, uint32_t bytes,
			struct tracedat_span *ret)
{
	struct tracedat_span s;

	if (!event_field_bytes(f, data, bytes, &s))
		return false;
	*ret = (struct tracedat_span){s.s, strnlen(s.s, s.n)};
	return true;
}
