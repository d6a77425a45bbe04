/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line. Input: the arguments, each a line; then what a command that parses leads to:
 * the triggers are built, the events parsed.
 *
 * Promised: a refusal has a sentence; what is accepted is within the limits of the option table.
 */
#include "instance.h"
#include "option.h"
#include "trigger.h"

#include "fuzz.h"
#include "regex_guard.h"

#define ARGS_MAX 40

static bool choices_are_tame(const struct record_config *c)
{
	for (size_t i = 0; i < c->choice_count; i++)
		if (!regex_is_tame(c->choices[i].spec))
			return false;
	return true;
}

static void check_config(const struct record_config *c)
{
	struct trigger_set *set = NULL;
	struct event_spec spec;
	struct err e = {0};

	MUST(!c->server_ip || c->server_port);
	MUST(!c->command || c->command[0]);
	for (size_t i = 0; i < c->event_count; i++)
		(void)event_spec_parse(c->events[i], &spec, &e);
	/* Without choices the set is always the same, and compiling its patterns takes long. */
	if (!c->choice_count || !choices_are_tame(c))
		return;
	err_clear(&e);
	if (trigger_set_build(c, &set, &e) < 0)
		MUST(e.text[0] && !set);
	trigger_set_free(set);
}

static void check_limits(const struct arguments *a)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		const void *field = (const char *)a + row->field;
		uint64_t value, limit;
		int (*parse)(const char *s, uint64_t *ret) = parse_size;

		if (!(row->verbs & 1u << a->verb) ||
		    (row->type != OPTION_SIZE && row->type != OPTION_DURATION))
			continue;
		if (row->type == OPTION_DURATION)
			parse = parse_duration;
		memcpy(&value, field, sizeof(value));
		if (row->least && row->fallback)
			MUST(parse(row->least, &limit) == 0 && value >= limit);
		if (row->most)
			MUST(parse(row->most, &limit) == 0 && value <= limit);
	}
}

static void check_vector(int argc, char *const argv[])
{
	CLEANUP(text_free) struct text help = {0};
	struct arguments a;
	struct err e = {0};
	int r = arguments_parse(argc, argv, NULL, &a, &e);

	MUST(a.verb < VERB_COUNT);
	if (r < 0) {
		MUST(e.text[0]);
	} else if (a.help) {
		help_print(a.verb, &help);
		MUST(help.len);
	} else if (!a.version) {
		MUST(a.operand_count >= verb_table[a.verb].operands_min);
		MUST(a.operand_count <= verb_table[a.verb].operands_max);
		check_limits(&a);
		if (a.verb == VERB_RECORD)
			check_config(&a.config);
		(void)arguments_log_level(&a);
	}
	arguments_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *argv[ARGS_MAX + 1] = {NULL};
	int argc = 0;

	argv[argc++] = fuzz_string("scoutfs-trace", 13);
	while (n && argc < ARGS_MAX) {
		const uint8_t *end = memchr(bytes, '\n', n);
		size_t len = end ? (size_t)(end - bytes) : n;

		argv[argc++] = fuzz_string(bytes, len);
		len += end != NULL;
		bytes += len;
		n -= len;
	}
	check_vector(argc, argv);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return 0;
}
