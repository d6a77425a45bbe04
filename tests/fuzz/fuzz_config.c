/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration file.
 *
 * Promised: a refusal names a line; keys and sections are plain words; what is accepted, written
 * again, reads the same.
 */
#include "config.h"

#include "fuzz.h"

static int parse(struct config *c, const void *bytes, size_t n, struct err *e)
{
	c->path = strdup("FILE");
	MUST(c->path);
	text_add(&c->bytes, bytes, n);
	return config_parse(c, e);
}

static void write_again(const struct config *c, struct text *out)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct config_line *line = &c->lines[i];

		if (!line->key) {
			text_printf(out, "[%s]\n", line->section);
			continue;
		}
		text_printf(out, "%s = ", line->key);
		config_put_value(out, line->value);
		text_str(out, " # it\n");
	}
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void check_same(const struct config *a, const struct config *b)
{
	MUST(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		MUST(same(a->lines[i].section, b->lines[i].section));
		MUST(same(a->lines[i].key, b->lines[i].key));
		MUST(same(a->lines[i].value, b->lines[i].value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(config_done) struct config first = {0}, second = {0};
	CLEANUP(text_free) struct text out = {0};
	unsigned int line;
	struct err e = {0};

	if (parse(&first, bytes, n, &e) < 0) {
		MUST(sscanf(e.text, "FILE:%u: ", &line) == 1 && line > 0);
		return 0;
	}
	for (size_t i = 0; i < first.count; i++) {
		const char *word = first.lines[i].key ? first.lines[i].key : first.lines[i].section;

		MUST(*word && fuzz_is_plain(word, strlen(word), false) && !strpbrk(word, " =[]#"));
		MUST(!first.lines[i].key == !first.lines[i].value);
	}
	write_again(&first, &out);
	MUST(parse(&second, text_c(&out), out.len, &e) == 0);
	check_same(&first, &second);
	return 0;
}
