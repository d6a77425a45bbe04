/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON, both ways. The writer appends to a text and keeps track of commas and
 * nesting; every string is escaped and made valid UTF-8 (a byte that is not
 * becomes U+FFFD), so what it writes always parses. The reader builds a tree,
 * with limits on depth and size, and is safe on any bytes.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/err.h"
#include "base/text.h"

/* Writer. Begin with json_writer(); a key precedes each value inside an object. */
struct json_writer {
	struct text *out;
	int depth;
	bool pretty; /* two-space indentation, one member a line */
	bool need_comma[32];
	bool after_key;
};

void json_begin(struct json_writer *w, struct text *out, bool pretty);
void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_str(struct json_writer *w, const char *s); /* NULL writes null */
void json_str_n(struct json_writer *w, const char *s, size_t n);
void json_u64(struct json_writer *w, uint64_t v);
void json_i64(struct json_writer *w, int64_t v);
void json_thousandths(struct json_writer *w, uint64_t v); /* 1234567: 1234.567 */
void json_bool(struct json_writer *w, bool v);
void json_null(struct json_writer *w);
/* Key and value in one. */
void json_kv_str(struct json_writer *w, const char *key, const char *s);
void json_kv_u64(struct json_writer *w, const char *key, uint64_t v);
void json_kv_i64(struct json_writer *w, const char *key, int64_t v);
void json_kv_bool(struct json_writer *w, const char *key, bool v);

/* Reader. */
enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
	enum json_type type;
	const char *key; /* inside an object */
	const char *str; /* JSON_STRING: NUL-terminated UTF-8; JSON_NUMBER: as written */
	bool boolean;
	struct json_value *child; /* first member or element */
	struct json_value *next;  /* sibling */
};

struct json_doc;

int json_parse(const char *s, size_t n, struct json_doc **ret, struct err *e);
void json_doc_free(struct json_doc *d);
void json_doc_freep(struct json_doc **d);
const struct json_value *json_root(const struct json_doc *d);

/* Look-ups accept NULL and a value of another type: they then give NULL or the fallback. */
const struct json_value *json_get(const struct json_value *object, const char *key);
const char *json_get_str(const struct json_value *object, const char *key, const char *fallback);
uint64_t json_get_u64(const struct json_value *object, const char *key, uint64_t fallback);
int64_t json_get_i64(const struct json_value *object, const char *key, int64_t fallback);
bool json_get_bool(const struct json_value *object, const char *key, bool fallback);
/* Write a parsed value again, through the writer (to carry a sub-tree from one file to another). */
void json_copy(struct json_writer *w, const struct json_value *v);

#endif
