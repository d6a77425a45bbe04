/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON (RFC 8259), both ways: the manifest, chunk indexes and --json answers
 * are written with it; finish, recover and report read them back.
 *
 * The writer appends to the caller's text and asserts that it is called in a
 * sensible order; whatever strings it is given, its output parses, and moves no
 * terminal's cursor: control characters are escaped, U+007F to U+009F as well,
 * which RFC 8259 would let through. The reader
 * takes bytes from strangers: nothing about them is asserted, depth and number
 * of values are limited, anything outside the grammar is refused with its
 * line. A document owns two kinds of memory, one buffer for all strings (no
 * string is longer than its source) and blocks of values, so that freeing it
 * is not a walk.
 *
 * Numbers stay text: 64-bit counters do not survive a double.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "base/json.h"
#include "utf8.h"

/* Ours go six deep and hold a few thousand values; the limits bound the stack and the memory. */
#define DEPTH_MAX 64
#define VALUES_MAX 1000000

#define BLOCK_VALUES 256

/* ---- writer ---- */

/**
 * json_begin() - begin a document
 * @w:      any state; holds no memory
 * @out:    appended to; borrowed until the document is complete; text_ok() tells whether all went
 * well
 * @pretty: for people: a line for each member
 */
void json_begin(struct json_writer *w, struct text *out, bool pretty)
{
	*w = (struct json_writer){.out = out, .pretty = pretty};
}

static void indent(const struct json_writer *w)
{
	if (!w->pretty)
		return;
	text_str(w->out, "\n");
	for (int i = 0; i < w->depth; i++)
		text_str(w->out, "  ");
}

/* What stands between the previous thing and this one. */
static void separate(struct json_writer *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->need_comma[w->depth])
		text_str(w->out, ",");
	w->need_comma[w->depth] = true;
	if (w->depth)
		indent(w);
}

static void enter(struct json_writer *w, const char *bracket)
{
	separate(w);
	text_str(w->out, bracket);
	w->depth++;
	assert((size_t)w->depth < ARRAY_SIZE(w->need_comma));
	w->need_comma[w->depth] = false;
}

static void leave(struct json_writer *w, const char *bracket)
{
	bool empty = !w->need_comma[w->depth];

	assert(w->depth > 0 && !w->after_key);
	w->depth--;
	if (!empty)
		indent(w);
	text_str(w->out, bracket);
}

void json_object(struct json_writer *w)
{
	enter(w, "{");
}

void json_object_end(struct json_writer *w)
{
	leave(w, "}");
}

void json_array(struct json_writer *w)
{
	enter(w, "[");
}

void json_array_end(struct json_writer *w)
{
	leave(w, "]");
}

static void put_escaped(struct text *out, uint32_t c)
{
	static const char letters[] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	if (c < sizeof(letters) && letters[c])
		text_printf(out, "\\%c", letters[c]);
	else
		text_printf(out, "\\u%04x", (unsigned)c);
}

static void put_string(struct text *out, const char *s, size_t n)
{
	text_str(out, "\"");
	while (n) {
		uint32_t c = 0;
		size_t len = utf8_decode(s, n, &c);

		if (len == 0)
			text_str(out, UTF8_REPLACEMENT);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			put_escaped(out, c);
		else if (c == '"' || c == '\\')
			text_printf(out, "\\%c", (char)c);
		else
			text_add(out, s, len);
		len = max_of(len, (size_t)1);
		s += len;
		n -= len;
	}
	text_str(out, "\"");
}

/**
 * json_key() - name the value that is written next; inside an object
 */
void json_key(struct json_writer *w, const char *key)
{
	assert(!w->after_key && w->depth > 0);
	separate(w);
	put_string(w->out, key, strlen(key));
	text_str(w->out, w->pretty ? ": " : ":");
	w->after_key = true;
}

void json_str(struct json_writer *w, const char *s)
{
	if (s)
		json_str_n(w, s, strlen(s));
	else
		json_null(w);
}

/**
 * json_str_n() - write @n bytes as a string; NUL is escaped, a byte that is not UTF-8 becomes
 * U+FFFD
 */
void json_str_n(struct json_writer *w, const char *s, size_t n)
{
	separate(w);
	put_string(w->out, s, n);
}

void json_u64(struct json_writer *w, uint64_t v)
{
	separate(w);
	text_printf(w->out, "%llu", (unsigned long long)v);
}

void json_i64(struct json_writer *w, int64_t v)
{
	separate(w);
	text_printf(w->out, "%lld", (long long)v);
}

void json_thousandths(struct json_writer *w, uint64_t v)
{
	separate(w);
	text_printf(w->out, "%" PRIu64 ".%03u", v / 1000, (unsigned)(v % 1000));
}

void json_bool(struct json_writer *w, bool v)
{
	separate(w);
	text_str(w->out, v ? "true" : "false");
}

void json_null(struct json_writer *w)
{
	separate(w);
	text_str(w->out, "null");
}

void json_kv_str(struct json_writer *w, const char *key, const char *s)
{
	json_key(w, key);
	json_str(w, s);
}

void json_kv_u64(struct json_writer *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_u64(w, v);
}

void json_kv_i64(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_i64(w, v);
}

void json_kv_bool(struct json_writer *w, const char *key, bool v)
{
	json_key(w, key);
	json_bool(w, v);
}

/* ---- reader ---- */

struct block {
	struct block *next;
	size_t used, room;
	struct json_value values[];
};

struct json_doc {
	struct block *blocks;
	char *strings;
	struct json_value *root;
};

struct parser {
	struct json_doc *doc;
	const char *start, *p, *end;
	char *strings; /* the next free byte of doc->strings */
	size_t values;
	unsigned depth;
	struct err *e;
};

static int fail(const struct parser *ps, int code, const char *what)
{
	size_t line = 1;

	for (const char *p = ps->start; p < ps->p; p++)
		line += *p == '\n';
	return err_set(ps->e, code, "not usable as JSON: %s at byte %zu, line %zu", what,
		       (size_t)(ps->p - ps->start), line);
}

static int bad(const struct parser *ps, const char *what)
{
	return fail(ps, -EBADMSG, what);
}

/* NULL with the reason in @ret_code. */
static struct json_value *new_value(struct parser *ps, enum json_type type, int *ret_code)
{
	struct block *b = ps->doc->blocks;
	struct json_value *v;

	if (ps->values == VALUES_MAX) {
		*ret_code = fail(ps, -E2BIG, "more than a million values");
		return NULL;
	}
	if (!b || b->used == b->room) {
		/* A value takes two bytes at least: a short text (a journal has a lot) needs few.
		 */
		size_t room = min_of((size_t)(ps->end - ps->p) / 2 + 1, (size_t)BLOCK_VALUES);

		b = malloc(sizeof(*b) + room * sizeof(*b->values));
		if (!b) {
			*ret_code = err_nomem(ps->e);
			return NULL;
		}
		b->used = 0;
		b->room = room;
		b->next = ps->doc->blocks;
		ps->doc->blocks = b;
	}
	ps->values++;
	v = &b->values[b->used++];
	*v = (struct json_value){.type = type};
	return v;
}

static void skip_blanks(struct parser *ps)
{
	while (ps->p < ps->end &&
	       (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\n' || *ps->p == '\r'))
		ps->p++;
}

static bool at(const struct parser *ps, char c)
{
	return ps->p < ps->end && *ps->p == c;
}

static bool accept(struct parser *ps, char c)
{
	if (!at(ps, c))
		return false;
	ps->p++;
	return true;
}

static bool at_digit(const struct parser *ps)
{
	return ps->p < ps->end && *ps->p >= '0' && *ps->p <= '9';
}

/* Four hexadecimal digits of an escape. */
static int parse_hex4(struct parser *ps, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++, ps->p++) {
		char c = ps->p < ps->end ? *ps->p : '\0';

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return bad(ps, "an escape that is not \\u and four hexadecimal digits");
	}
	*ret = v;
	return 0;
}

static int parse_code_point(struct parser *ps, uint32_t *ret)
{
	uint32_t high = 0, low = 0;
	int r;

	r = parse_hex4(ps, &high);
	if (r < 0)
		return r;
	*ret = high;
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	if (high > 0xdbff || !accept(ps, '\\') || !accept(ps, 'u'))
		return bad(ps, "half a surrogate pair");
	r = parse_hex4(ps, &low);
	if (r < 0)
		return r;
	if (low < 0xdc00 || low > 0xdfff)
		return bad(ps, "half a surrogate pair");
	*ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

static void put_code_point(struct parser *ps, uint32_t c)
{
	uint8_t *out = (uint8_t *)ps->strings;

	if (c < 0x80) {
		*out++ = (uint8_t)c;
	} else if (c < 0x800) {
		*out++ = (uint8_t)(0xc0 | c >> 6);
		*out++ = (uint8_t)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (uint8_t)(0xe0 | c >> 12);
		*out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		*out++ = (uint8_t)(0x80 | (c & 0x3f));
	} else {
		*out++ = (uint8_t)(0xf0 | c >> 18);
		*out++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		*out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		*out++ = (uint8_t)(0x80 | (c & 0x3f));
	}
	ps->strings = (char *)out;
}

/* After the backslash. */
static int parse_escape(struct parser *ps)
{
	static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint32_t c;
	int r;

	if (accept(ps, 'u')) {
		r = parse_code_point(ps, &c);
		if (r < 0)
			return r;
		/* Strings end at NUL here; one inside must not hide what follows it. */
		put_code_point(ps, c ? c : 0xfffd);
		return 0;
	}
	found = ps->p < ps->end && *ps->p ? strchr(names, *ps->p) : NULL;
	if (!found)
		return bad(ps, "an unknown escape");
	ps->p++;
	*ps->strings++ = meant[found - names];
	return 0;
}

/* At the opening quote. What it means is never longer than how it is written, quotes taken for the
 * NUL. */
static int parse_string(struct parser *ps, const char **ret)
{
	char *begin = ps->strings;
	uint32_t c;
	size_t len;
	int r;

	ps->p++;
	while (!at(ps, '"')) {
		if (accept(ps, '\\')) {
			r = parse_escape(ps);
			if (r < 0)
				return r;
			continue;
		}
		if (ps->p == ps->end)
			return bad(ps, "a string without an end");
		len = utf8_decode(ps->p, (size_t)(ps->end - ps->p), &c);
		if (len == 0)
			return bad(ps, "malformed UTF-8");
		if (c < 0x20)
			return bad(ps, "a control character in a string");
		memcpy(ps->strings, ps->p, len);
		ps->strings += len;
		ps->p += len;
	}
	ps->p++;
	*ps->strings++ = '\0';
	*ret = begin;
	return 0;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static int parse_number(struct parser *ps, struct json_value *v)
{
	const char *begin = ps->p;
	size_t n;

	(void)accept(ps, '-');
	if (!at_digit(ps))
		return bad(ps, "an unexpected character");
	if (!accept(ps, '0'))
		while (at_digit(ps))
			ps->p++;
	if (accept(ps, '.')) {
		if (!at_digit(ps))
			return bad(ps, "a number without digits after its point");
		while (at_digit(ps))
			ps->p++;
	}
	if (accept(ps, 'e') || accept(ps, 'E')) {
		if (!accept(ps, '+'))
			(void)accept(ps, '-');
		if (!at_digit(ps))
			return bad(ps, "a number without digits in its exponent");
		while (at_digit(ps))
			ps->p++;
	}
	n = (size_t)(ps->p - begin);
	memcpy(ps->strings, begin, n);
	ps->strings[n] = '\0';
	v->str = ps->strings;
	ps->strings += n + 1;
	return 0;
}

static int parse_word(struct parser *ps, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, word, n) != 0)
		return bad(ps, "an unexpected character");
	ps->p += n;
	return 0;
}

static int parse_value(struct parser *ps, struct json_value **ret);

/* One member of an object, at its key; one element of an array. */
static int parse_item(struct parser *ps, bool in_object, struct json_value **ret)
{
	const char *key = NULL;
	int r;

	if (in_object) {
		if (!at(ps, '"'))
			return bad(ps, "no key");
		r = parse_string(ps, &key);
		if (r < 0)
			return r;
		skip_blanks(ps);
		if (!accept(ps, ':'))
			return bad(ps, "no colon after a key");
		skip_blanks(ps);
	}
	r = parse_value(ps, ret);
	if (r < 0)
		return r;
	(*ret)->key = key;
	return 0;
}

/* At the opening bracket. */
static int parse_container(struct parser *ps, struct json_value *v)
{
	bool in_object = v->type == JSON_OBJECT;
	char end = in_object ? '}' : ']';
	struct json_value **tail = &v->child;
	int r;

	if (++ps->depth > DEPTH_MAX)
		return fail(ps, -E2BIG, "more than 64 levels");
	ps->p++;
	skip_blanks(ps);
	if (!accept(ps, end)) {
		do {
			skip_blanks(ps);
			r = parse_item(ps, in_object, tail);
			if (r < 0)
				return r;
			tail = &(*tail)->next;
			skip_blanks(ps);
		} while (accept(ps, ','));
		if (!accept(ps, end))
			return bad(ps, in_object ? "an object without an end"
						 : "an array without an end");
	}
	ps->depth--;
	return 0;
}

static enum json_type type_at(const struct parser *ps)
{
	switch (ps->p < ps->end ? *ps->p : '\0') {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER; /* or nothing that a value can begin with */
	}
}

static int parse_value(struct parser *ps, struct json_value **ret)
{
	int r = 0;
	struct json_value *v = new_value(ps, type_at(ps), &r);

	if (!v)
		return r;
	*ret = v;
	switch (v->type) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return parse_container(ps, v);
	case JSON_STRING:
		return parse_string(ps, &v->str);
	case JSON_BOOL:
		v->boolean = at(ps, 't');
		return parse_word(ps, v->boolean ? "true" : "false");
	case JSON_NULL:
		return parse_word(ps, "null");
	case JSON_NUMBER:
		return parse_number(ps, v);
	}
	return bad(ps, "an unexpected character");
}

static int parse_document(struct parser *ps)
{
	int r;

	skip_blanks(ps);
	r = parse_value(ps, &ps->doc->root);
	if (r < 0)
		return r;
	skip_blanks(ps);
	return ps->p < ps->end ? bad(ps, "something after the end") : 0;
}

/**
 * json_parse() - read a document
 * @s:   @n bytes from anywhere; borrowed, copied
 * @ret: the caller's, for json_doc_free()
 *
 * Return: 0; -EBADMSG if it is not JSON in UTF-8; -E2BIG if it is nested deeper than 64 or has over
 * a million values; -ENOMEM. How many bytes are too many is for the caller to say before.
 */
int json_parse(const char *s, size_t n, struct json_doc **ret, struct err *e)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = calloc(1, sizeof(*doc));
	struct parser ps = {.doc = doc, .start = s, .p = s, .end = s + n, .e = e};
	int r;

	if (!doc || n == SIZE_MAX)
		return err_nomem(e);
	/* Every string leaves a quote for its NUL, every number a delimiter, but the last. */
	doc->strings = malloc(n + 1);
	if (!doc->strings)
		return err_nomem(e);
	ps.strings = doc->strings;
	r = parse_document(&ps);
	if (r < 0)
		return r;
	*ret = take_ptr(doc);
	return 0;
}

/**
 * json_doc_free() - free a document and all its values
 * @d: NULL is fine
 */
void json_doc_free(struct json_doc *d)
{
	if (!d)
		return;
	while (d->blocks) {
		struct block *b = d->blocks;

		d->blocks = b->next;
		free(b);
	}
	free(d->strings);
	free(d);
}

void json_doc_freep(struct json_doc **d)
{
	json_doc_free(*d);
}

const struct json_value *json_root(const struct json_doc *d)
{
	return d->root;
}

/**
 * json_get() - the first member of that name
 *
 * Return: owned by the document; NULL if @object is no object or has no such member.
 */
const struct json_value *json_get(const struct json_value *object, const char *key)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json_value *v = object->child; v; v = v->next)
		if (strcmp(v->key, key) == 0)
			return v;
	return NULL;
}

static const struct json_value *get_typed(const struct json_value *object, const char *key,
					  enum json_type type)
{
	const struct json_value *v = json_get(object, key);

	return v && v->type == type ? v : NULL;
}

const char *json_get_str(const struct json_value *object, const char *key, const char *fallback)
{
	const struct json_value *v = get_typed(object, key, JSON_STRING);

	return v ? v->str : fallback;
}

/**
 * json_get_u64() - a member that is a whole number from 0 to 2^64-1, written without point or
 * exponent
 */
uint64_t json_get_u64(const struct json_value *object, const char *key, uint64_t fallback)
{
	const struct json_value *v = get_typed(object, key, JSON_NUMBER);
	uint64_t ret;

	return v && parse_u64(v->str, &ret) == 0 ? ret : fallback;
}

/**
 * json_get_i64() - a member that is a whole number from -2^63 to 2^63-1, written without point or
 * exponent
 */
int64_t json_get_i64(const struct json_value *object, const char *key, int64_t fallback)
{
	const struct json_value *v = get_typed(object, key, JSON_NUMBER);
	uint64_t size;
	bool negative;

	if (!v)
		return fallback;
	negative = v->str[0] == '-';
	if (parse_u64(v->str + negative, &size) < 0 || size > (uint64_t)INT64_MAX + negative)
		return fallback;
	return negative ? (int64_t)(0 - size) : (int64_t)size;
}

bool json_get_bool(const struct json_value *object, const char *key, bool fallback)
{
	const struct json_value *v = get_typed(object, key, JSON_BOOL);

	return v ? v->boolean : fallback;
}

static void copy_children(struct json_writer *w, const struct json_value *v)
{
	for (const struct json_value *c = v->child; c; c = c->next) {
		if (c->key)
			json_key(w, c->key);
		json_copy(w, c);
	}
}

/**
 * json_copy() - write a value as it was read, with what is in it but without its key
 * @v: NULL writes null; not deeper than what is left of the writer's 31 levels, else null stands
 * for what is too deep
 */
void json_copy(struct json_writer *w, const struct json_value *v)
{
	bool container = v && (v->type == JSON_OBJECT || v->type == JSON_ARRAY);

	if (!v || (container && (size_t)w->depth + 1 >= ARRAY_SIZE(w->need_comma))) {
		json_null(w);
		return;
	}
	switch (v->type) {
	case JSON_NULL:
		json_null(w);
		break;
	case JSON_BOOL:
		json_bool(w, v->boolean);
		break;
	case JSON_NUMBER:
		separate(w);
		text_str(w->out, v->str);
		break;
	case JSON_STRING:
		json_str(w, v->str);
		break;
	case JSON_ARRAY:
		json_array(w);
		copy_children(w, v);
		json_array_end(w);
		break;
	case JSON_OBJECT:
		json_object(w);
		copy_children(w, v);
		json_object_end(w);
		break;
	}
}
