/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON from anybody. Input: a byte (bit 0: for people; bit 1: the bytes are a string to be
 * written), then the text.
 *
 * Promised: what the writer writes the reader reads; writing a document that was read from our
 * own writing changes nothing.
 */
#include "base/json.h"

#include "fuzz.h"

static void write_value(const struct json_value *v, bool pretty, struct text *out)
{
	struct json_writer w;

	json_begin(&w, out, pretty);
	json_copy(&w, v);
	MUST(text_ok(out) && w.depth == 0);
}

/* Every look-up at every value: of whatever type, it answers. */
static size_t look(const struct json_value *v)
{
	size_t names = 0;

	for (; v; v = v->next) {
		names += v->key && json_get(v, v->key);
		(void)json_get_str(v, "a", NULL);
		(void)json_get_u64(v, "a", 0);
		(void)json_get_i64(v, "a", 0);
		(void)json_get_bool(v, "a", false);
		MUST((v->type == JSON_STRING || v->type == JSON_NUMBER) == (v->str != NULL));
		names += look(v->child);
	}
	return names;
}

static void check_document(const char *s, size_t n, bool pretty)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL, *again = NULL;
	CLEANUP(text_free) struct text first = {0}, second = {0};
	struct err e = {0};

	if (json_parse(s, n, &doc, &e) < 0) {
		MUST(e.text[0] && !doc);
		return;
	}
	(void)look(json_root(doc));
	write_value(json_root(doc), pretty, &first);
	MUST(json_parse(first.s, first.len, &again, &e) == 0);
	write_value(json_root(again), pretty, &second);
	MUST(first.len == second.len && memcmp(first.s, second.s, first.len) == 0);
}

static void check_string(const char *s, size_t n, bool pretty)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text out = {0};
	struct json_writer w;
	struct err e = {0};

	json_begin(&w, &out, pretty);
	json_object(&w);
	json_key(&w, "s");
	json_str_n(&w, s, n);
	json_kv_u64(&w, "n", n);
	json_object_end(&w);
	MUST(text_ok(&out));
	MUST(json_parse(out.s, out.len, &doc, &e) == 0);
	MUST(json_get_u64(json_root(doc), "n", UINT64_MAX) == n);
	MUST(json_get_str(json_root(doc), "s", NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	uint8_t mode = input_u8(&in);
	uint8_t *copy = fuzz_copy(in.at, in.left);

	if (mode & 2)
		check_string((const char *)copy, in.left, mode & 1);
	else
		check_document((const char *)copy, in.left, mode & 1);
	free(copy);
	return 0;
}
