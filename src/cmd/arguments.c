/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: argument vector in, struct arguments out.
 *
 * Called by main and by the unit tests.
 *
 * GNU manners: --name=VALUE, --name VALUE, -n VALUE, -nVALUE, -qv, options anywhere before "--".
 * What follows "--" is a command and never looked at. The verb is the first operand; an operand
 * that is no verb makes it `record`. Because options may stand before the verb, the vector is
 * walked twice: once to find the verb, once to take its options.
 *
 * getopt_long() is not used: it prints its own messages, cannot suggest, and takes abbreviations,
 * which break in somebody's script on the day that a second option with the same beginning is
 * added.
 */
#include "option.h"

#include <arpa/inet.h>
#include <errno.h>

/* Taking values. */

static int parse_limited(const struct option_row *row, const char *value, uint64_t *ret,
			 struct err *e)
{
	int (*parse)(const char *, uint64_t *) =
		row->type == OPTION_SIZE ? parse_size : parse_duration;
	uint64_t v, limit;

	if (parse(value, &v) < 0) {
		if (row->type == OPTION_SIZE)
			return err_set(
				e, -EINVAL,
				"--%s: '%s' is not a size, or too large; write a number and a "
				"unit, as in 512M or 4G",
				row->name, value);
		return err_set(e, -EINVAL,
			       "--%s: '%s' is not a time, or too long; write a number and a unit, "
			       "as in 500ms, 90s or 5m",
			       row->name, value);
	}
	if (row->least && parse(row->least, &limit) == 0 && v < limit)
		return err_set(e, -EINVAL, "--%s: %s is too little; the least is %s", row->name,
			       value, row->least);
	if (row->most && parse(row->most, &limit) == 0 && v > limit)
		return err_set(e, -EINVAL, "--%s: %s is too much; the most is %s", row->name, value,
			       row->most);
	*ret = v;
	return 0;
}

static int parse_word(const struct option_row *row, const char *value, unsigned int *ret,
		      struct err *e)
{
	for (unsigned int i = 0; row->words[i]; i++) {
		if (!strcmp(row->words[i], value)) {
			*ret = i;
			return 0;
		}
	}
	err_set(e, -EINVAL, "--%s: '%s' is none of:", row->name, value);
	if (e) {
		for (unsigned int i = 0; row->words[i]; i++) {
			size_t at = strlen(e->text);

			(void)snprintf(e->text + at, sizeof(e->text) - at, "%s %s", i ? "," : "",
				       row->words[i]);
		}
	}
	return -EINVAL;
}

static int take_value(const struct option_row *row, const char *value, struct arguments *a,
		      struct err *e)
{
	void *field = (char *)a + row->field;

	if (row->argument && !*value)
		return err_set(e, -EINVAL, "--%s: the %s is empty", row->name, row->argument);
	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_COUNT:
		++*(unsigned int *)field;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_SIZE:
	case OPTION_DURATION:
		return parse_limited(row, value, field, e);
	case OPTION_WORD:
		return parse_word(row, value, field, e);
	case OPTION_EVENT:
		a->events[a->config.event_count++] = value;
		return 0;
	case OPTION_NUMBER:
		if (parse_u64(value, field) < 0)
			return err_set(e, -EINVAL, "--%s: '%s' is not a whole number", row->name,
				       value);
		return 0;
	case OPTION_FILTER:
		return report_filter_parse((enum report_filter_kind)row->choice, value,
					   &a->filters[a->report.filter_count++], e);
	case OPTION_CHOICE:
		a->choices[a->config.choice_count++] =
			(struct trigger_choice){.what = row->choice, .spec = value};
		return 0;
	}
	return 0;
}

static int take_defaults(struct arguments *a, struct err *e)
{
	int r;

	for (size_t i = 0; i < option_count; i++) {
		if (!option_table[i].fallback || !option_on(&option_table[i], a->verb))
			continue;
		r = take_value(&option_table[i], option_table[i].fallback, a, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Walking the vector. */

struct walk {
	int argc;
	char *const *argv;
	int i;		     /* the next argument */
	const char *bundled; /* the next letter of "-abc", or NULL */
	enum verb_id verb;   /* whose options are meant */
};

enum word_kind { WORD_END, WORD_OPERAND, WORD_OPTION, WORD_COMMAND };

struct word {
	enum word_kind kind;
	const struct option_row *row;
	const char *value; /* of the option, or the operand; NULL where an option takes none */
};

static int unknown_option(const struct walk *w, const char *name, size_t name_len, struct err *e)
{
	CLEANUP(text_free) struct text copy = {0};
	const char *near;

	text_add(&copy, name, name_len);
	near = option_near(w->verb, text_c(&copy));
	if (near)
		return err_set(e, -EINVAL, "there is no option --%s; did you mean --%s?",
			       text_c(&copy), near);
	return err_set(e, -EINVAL, "there is no option --%s", text_c(&copy));
}

/* The value of @row: @glued when it was written with it, else the next argument. */
static int walk_value(struct walk *w, const struct option_row *row, const char *glued,
		      struct word *ret, struct err *e)
{
	*ret = (struct word){.kind = WORD_OPTION, .row = row, .value = glued};
	if (!row->argument && glued)
		return err_set(e, -EINVAL, "--%s takes no value, but '%s' was given", row->name,
			       glued);
	if (!row->argument || glued)
		return 0;
	if (w->i >= w->argc || !strcmp(w->argv[w->i], "--"))
		return err_set(e, -EINVAL, "--%s needs a value: --%s=%s", row->name, row->name,
			       row->argument);
	ret->value = w->argv[w->i++];
	return 0;
}

static int walk_long(struct walk *w, const char *name, struct word *ret, struct err *e)
{
	size_t name_len = strcspn(name, "=");
	const struct option_row *row = option_find(w->verb, name, name_len, 0);

	if (!row)
		return unknown_option(w, name, name_len, e);
	return walk_value(w, row, name[name_len] ? name + name_len + 1 : NULL, ret, e);
}

static int walk_letter(struct walk *w, struct word *ret, struct err *e)
{
	char letter = *w->bundled++;
	const char *rest = *w->bundled ? w->bundled : NULL;
	const struct option_row *row = option_find(w->verb, NULL, 0, letter);

	if (!row) {
		/* "-before" is a slip for "--before" more often than a bundle of letters. */
		const char *near = rest ? option_near(w->verb, rest - 1) : NULL;

		w->bundled = rest; /* whoever looks for the verb goes on behind it */
		if (near)
			return err_set(e, -EINVAL, "there is no option -%c; did you mean --%s?",
				       letter, near);
		return err_set(e, -EINVAL, "there is no option -%c", letter);
	}
	if (!row->argument) {
		w->bundled = rest;
		return walk_value(w, row, NULL, ret, e);
	}
	w->bundled = NULL;
	return walk_value(w, row, rest, ret, e);
}

/* The next word of the vector. 0 or -EINVAL. */
static int walk_next(struct walk *w, struct word *ret, struct err *e)
{
	const char *s;

	if (w->bundled)
		return walk_letter(w, ret, e);
	if (w->i >= w->argc) {
		*ret = (struct word){.kind = WORD_END};
		return 0;
	}
	s = w->argv[w->i++];
	if (!strcmp(s, "--")) {
		*ret = (struct word){.kind = WORD_COMMAND};
		return 0;
	}
	if (str_starts(s, "--"))
		return walk_long(w, s + 2, ret, e);
	if (s[0] == '-' && s[1]) {
		w->bundled = s + 1;
		return walk_letter(w, ret, e);
	}
	*ret = (struct word){.kind = WORD_OPERAND, .value = s};
	return 0;
}

/* The first operand, if it is the name of a verb. What is wrong with options is left for the second
 * walk. */
static bool find_verb(int argc, char *const argv[], enum verb_id *ret)
{
	struct walk w = {.argc = argc, .argv = argv, .i = 1, .verb = VERB_RECORD};
	struct word word;

	do {
		if (walk_next(&w, &word, NULL) < 0)
			word.kind = WORD_OPTION;
		if (word.kind == WORD_OPERAND)
			return verb_named(word.value, ret);
	} while (word.kind == WORD_OPTION);
	return false;
}

static int take_option(const struct word *word, struct arguments *a, struct err *e)
{
	if (!option_on(word->row, a->verb))
		return err_set(e, -EINVAL, "--%s is not an option of '%s'", word->row->name,
			       verb_table[a->verb].name);
	return take_value(word->row, word->value, a, e);
}

static int take_operand(const char *value, struct arguments *a, struct err *e)
{
	const struct verb_row *verb = &verb_table[a->verb];

	if (a->operand_count < verb->operands_max) {
		a->operands[a->operand_count++] = value;
		return 0;
	}
	if (a->verb == VERB_RECORD)
		return err_set(e, -EINVAL,
			       "'%s' is one argument too many; a command to run goes after --",
			       value);
	return err_set(e, -EINVAL, "'%s' is one argument too many: scoutfs-trace %s %s", value,
		       verb->name, verb->operands);
}

static int take_command(const struct walk *w, struct arguments *a, struct err *e)
{
	if (a->verb != VERB_RECORD)
		return err_set(e, -EINVAL, "'%s' takes no command after --",
			       verb_table[a->verb].name);
	if (w->i >= w->argc)
		return err_set(e, -EINVAL, "the command after -- is missing");
	a->config.command = w->argv + w->i;
	return 0;
}

static int take_words(struct walk *w, bool named, struct arguments *a, struct err *e)
{
	struct word word;
	int r;

	do {
		r = walk_next(w, &word, e);
		if (r == 0 && word.kind == WORD_OPTION)
			r = take_option(&word, a, e);
		else if (r == 0 && word.kind == WORD_COMMAND)
			r = take_command(w, a, e);
		else if (r == 0 && word.kind == WORD_OPERAND && named)
			named = false; /* the verb itself */
		else if (r == 0 && word.kind == WORD_OPERAND)
			r = take_operand(word.value, a, e);
		if (r < 0)
			return r;
		/* A person who asks for help shall have it, whatever else is on the line. */
		if (a->help || a->version)
			return 0;
	} while (word.kind == WORD_OPTION || word.kind == WORD_OPERAND);
	return 0;
}

/* Operands. */

static bool is_address(const char *s)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, s, &addr) == 1 || inet_pton(AF_INET6, s, &addr) == 1;
}

/* "10.0.0.5:5000" or "[fe80::1]:5000", as the kernel log and many tools print it. */
static bool is_address_port(const char *s, char ip[64], const char **ret_port)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	uint64_t port;

	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	if (n == 0 || n >= 64 || parse_u64(colon + 1, &port) < 0)
		return false;
	memcpy(ip, s, n);
	ip[n] = '\0';
	*ret_port = colon + 1;
	return is_address(ip);
}

/* Two words are meant as an address and a port; a lone one may be a verb that is spelt wrongly. */
static int address_wrong(const char *s, bool alone, struct err *e)
{
	enum verb_id verb;
	const char *port;
	char ip[64];

	if (is_address_port(s, ip, &port))
		return err_set(e, -EINVAL, "write the address and the port as two words: %s %s", ip,
			       port);
	if (alone && s[strcspn(s, ".:0123456789")] == '\0')
		return verb_find(s, &verb, e);
	return err_set(e, -EINVAL,
		       "'%s' is not an IP address; the server is named by its numeric IPv4 or IPv6 "
		       "address",
		       s);
}

static int take_server(struct arguments *a, struct err *e)
{
	uint64_t port;

	if (a->operand_count == 0)
		return 0;
	if (!is_address(a->operands[0]))
		return address_wrong(a->operands[0], a->operand_count == 1, e);
	if (a->operand_count == 1)
		return err_set(e, -EINVAL, "the port of the server is missing after %s",
			       a->operands[0]);
	if (parse_u64(a->operands[1], &port) < 0 || port < 1 || port > UINT16_MAX)
		return err_set(e, -EINVAL, "'%s' is not a port: a number from 1 to 65535",
			       a->operands[1]);
	a->config.server_ip = a->operands[0];
	a->config.server_port = (uint16_t)port;
	return 0;
}

static int take_bundle(struct arguments *a, struct err *e)
{
	int r = 0;

	if (a->list_reports)
		return 0;
	if (!a->operand_count)
		return err_set(e, -EINVAL, "'%s' needs more: scoutfs-trace %s %s",
			       verb_table[a->verb].name, verb_table[a->verb].name,
			       verb_table[a->verb].operands);
	a->report.bundle = a->operands[0];
	a->report.reports = a->operands + 1;
	a->report.report_count = a->operand_count - 1;
	a->report.filters = a->filters;
	if (a->verb == VERB_EXPORT)
		a->report.export = (enum report_export)(a->export_format + 1);
	a->report.format = a->json ? REPORT_JSON : (enum report_format)a->format;
	if (a->report.html && a->report.format != REPORT_TEXT)
		return err_set(e, -EINVAL, "--html and another format cannot be made at once");
	if (a->report.html)
		a->report.format = REPORT_HTML;
	if (a->from)
		r = when_parse(a->from, a->report.local, &a->report.from, e);
	if (r == 0 && a->to)
		r = when_parse(a->to, a->report.local, &a->report.to, e);
	return r;
}

static int check_operands(struct arguments *a, struct err *e)
{
	const struct verb_row *verb = &verb_table[a->verb];

	if (a->operand_count < verb->operands_min)
		return err_set(e, -EINVAL, "'%s' needs more: scoutfs-trace %s %s", verb->name,
			       verb->name, verb->operands);
	if (a->verb == VERB_RECORD || a->verb == VERB_CHECK)
		return take_server(a, e);
	if (a->verb == VERB_REPORT || a->verb == VERB_EXPORT)
		return take_bundle(a, e);
	return 0;
}

/**
 * arguments_parse() - the argument vector as a struct
 * @argc: of main
 * @argv: of main; borrowed for as long as @ret is used
 * @ret:  set on failure too (.verb, for a hint): always for arguments_done()
 * @e:    the sentence for the user, which names the nearest option or verb where there is one
 *
 * With .help or .version set, the rest was not looked at.
 *
 * Return: 0; -EINVAL: a usage error; -ENOMEM.
 */
int arguments_parse(int argc, char *const argv[], struct arguments *ret, struct err *e)
{
	struct walk w = {.argc = argc, .argv = argv, .i = 1};
	struct arguments *a = ret;
	bool named;
	int r;

	*a = (struct arguments){.verb = VERB_RECORD};
	named = find_verb(argc, argv, &a->verb);
	w.verb = a->verb;

	/* Each argument holds at most one option that takes a value. */
	a->events = calloc((size_t)argc + 1, sizeof(*a->events));
	a->choices = calloc((size_t)argc + 1, sizeof(*a->choices));
	a->filters = calloc((size_t)argc + 1, sizeof(*a->filters));
	a->operands = calloc((size_t)argc + 1, sizeof(*a->operands));
	if (!a->events || !a->choices || !a->filters || !a->operands)
		return err_nomem(e);

	r = take_defaults(a, e);
	if (r == 0)
		r = take_words(&w, named, a, e);
	if (r < 0 || a->help || a->version)
		return r;
	r = check_operands(a, e);
	if (r < 0)
		return r;

	a->config.events = a->events;
	a->config.choices = a->choices;
	a->config.lag_ms = (unsigned int)(a->lag_ns / NSEC_PER_MSEC);
	a->config.log_facility_any = a->log_facility == 1;
	a->config.argc = argc;
	a->config.argv = argv;
	return 0;
}

void arguments_done(struct arguments *a)
{
	free(a->events);
	free(a->choices);
	free(a->filters);
	free(a->operands);
	*a = (struct arguments){0};
}

/** arguments_log_level() - how much to say: NOTICE, lowered by -q, raised by each -v */
enum log_level arguments_log_level(const struct arguments *a)
{
	if (a->quiet)
		return LOG_WARNING;
	return min_of(LOG_NOTICE + a->verbose, (unsigned int)LOG_DEBUG);
}
