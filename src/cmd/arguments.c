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
#include "setting.h"

#include <arpa/inet.h>
#include <errno.h>

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
	if (!row->argument && glued && row->act)
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
	struct setting s = {.row = word->row, .value = word->value, .from = SETTING_FLAG};

	if (!option_on(word->row, a->verb))
		return err_set(e, -EINVAL, "--%s is not an option of '%s'", word->row->name,
			       verb_table[a->verb].name);
	return word->row->act ? setting_take(&s, a, e) : setting_add(&a->settings, &s, e);
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

static bool is_report(const char *words)
{
	const struct report_row *rows;
	size_t count = report_list(&rows), n = strcspn(words, ".");

	for (size_t i = 0; i < count; i++)
		if (strlen(rows[i].name) == n && !strncmp(rows[i].name, words, n))
			return true;
	return false;
}

/* A word behind the bundle that is no report's name, but a file's, or looks like one. */
static bool is_bundle(const char *s)
{
	const char *end = strstr(s, ".tar.zst");

	if (!strcmp(s, "-") || strchr(s, '/') || (end && !end[strlen(".tar.zst")]))
		return true;
	return !is_report(s) && access(s, F_OK) == 0;
}

static bool is_flag(const struct arguments *a, const char *name)
{
	for (size_t i = 0; i < a->settings.count; i++)
		if (a->settings.list[i].from == SETTING_FLAG &&
		    !strcmp(a->settings.list[i].row->name, name))
			return true;
	return false;
}

/*
 * What says how files are made, and none are: a slip. In a file or the environment it stays for
 * the day when some are.
 */
static int check_folders(const struct arguments *a, struct err *e)
{
	static const struct {
		const char *name, *folder;
	} needs[] = {{"as", "csv"}, {"interval", "gnuplot"}, {"smooth", "gnuplot"}};

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		bool csv = !strcmp(needs[i].folder, "csv");

		if (!(csv ? a->report.csv : a->report.gnuplot) && is_flag(a, needs[i].name))
			return err_set(e, -EINVAL,
				       "--%s is about the files of --%s, and none are made: add "
				       "--%s=DIR, or leave it out",
				       needs[i].name, needs[i].folder, needs[i].folder);
	}
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
	if (a->verb == VERB_REPORT && a->operand_count > 1 && is_bundle(a->operands[1])) {
		a->report.other = a->operands[1];
		a->report.reports++;
		a->report.report_count--;
	}
	if (a->report.other && (a->report.csv || a->report.gnuplot))
		return err_set(e, -EINVAL,
			       "--csv and --gnuplot are made of one recording; there are two: %s "
			       "and %s",
			       a->report.bundle, a->report.other);
	a->report.filters = a->filters;
	if (a->verb == VERB_EXPORT)
		a->report.export = (enum report_export)(a->export_format + 1);
	a->report.as = (enum report_as)a->as;
	if (a->verb == VERB_REPORT && a->json && a->format != REPORT_TEXT &&
	    a->format != REPORT_JSON) {
		(void)err_set(e, -EINVAL, "--json and --format csv are two formats; choose one");
		return setting_blame(a, "format", e);
	}
	a->report.format = a->json ? REPORT_JSON : (enum report_format)a->format;
	if (a->report.html && a->report.format != REPORT_TEXT) {
		(void)err_set(e, -EINVAL, "--html and another format cannot be made at once");
		return setting_blame(a, "html", e);
	}
	if (a->report.html)
		a->report.format = REPORT_HTML;
	if (a->verb == VERB_REPORT)
		r = check_folders(a, e);
	if (r == 0 && a->from && when_parse(a->from, a->report.local, &a->report.from, e) < 0)
		return setting_blame(a, "from", e);
	if (r == 0 && a->to && when_parse(a->to, a->report.local, &a->report.to, e) < 0)
		return setting_blame(a, "to", e);
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

/* Room for what may be given several times. */
static int make_room(struct arguments *a, struct err *e)
{
	size_t most = a->settings.count + option_count;

	a->events = calloc(most, sizeof(*a->events));
	a->samples = calloc(most, sizeof(*a->samples));
	a->choices = calloc(most, sizeof(*a->choices));
	a->filters = calloc(most, sizeof(*a->filters));
	return a->events && a->samples && a->choices && a->filters ? 0 : err_nomem(e);
}

static int settle(struct arguments *a, struct err *e)
{
	struct record_config *c = &a->config;
	int r;

	c->events = a->events;
	c->samples = a->samples;
	c->choices = a->choices;
	c->lag_ms = (unsigned int)(a->lag_ns / NSEC_PER_MSEC);
	c->log_facility_any = a->log_facility == 1;
	if (a->verb != VERB_RECORD && a->verb != VERB_CHECK)
		return 0;
	r = setting_effective(a->verb, &a->settings, &a->effective, &c->setting_count, e);
	c->settings = a->effective;
	return r;
}

/**
 * arguments_parse() - the argument vector, and what else was set, as a struct
 * @argc:    of main
 * @argv:    of main; borrowed for as long as @ret is used
 * @sources: file and environment; strings are borrowed. NULL: the command line alone
 * @ret:     set on failure too (.verb, for a hint): always for arguments_done()
 * @e:       the sentence for the user, which names the nearest option or verb where there is one
 *
 * With .help or .version set, the rest was not looked at.
 *
 * Return: 0; -EINVAL: a usage error; -ENOMEM.
 */
int arguments_parse(int argc, char *const argv[], const struct argument_sources *sources,
		    struct arguments *ret, struct err *e)
{
	struct walk w = {.argc = argc, .argv = argv, .i = 1};
	struct arguments *a = ret;
	bool named;
	int r;

	*a = (struct arguments){.verb = VERB_RECORD};
	if (sources)
		a->sources = *sources;
	named = find_verb(argc, argv, &a->verb);
	w.verb = a->verb;
	a->config.argc = argc;
	a->config.argv = argv;
	a->operands = calloc((size_t)argc + 1, sizeof(*a->operands));
	if (!a->operands)
		return err_nomem(e);

	r = take_words(&w, named, a, e);
	if (r < 0 || a->help || a->version)
		return r;
	/* A script for the shell is made where the program is built, and is the same everywhere. */
	/* Help is wanted above all when something is wrong, be it the file. */
	r = a->completion || a->verb == VERB_HELP ? 0 : setting_gather(a, e);
	if (r == 0)
		r = make_room(a, e);
	if (r == 0)
		r = setting_apply(a, e);
	if (r == 0)
		r = check_operands(a, e);
	return r == 0 ? settle(a, e) : r;
}

void arguments_done(struct arguments *a)
{
	free(a->events);
	free(a->samples);
	free(a->choices);
	free(a->filters);
	free(a->operands);
	free(a->effective);
	setting_list_done(&a->settings);
	config_done(&a->file);
	text_free(&a->warnings);
	*a = (struct arguments){0};
}

/** arguments_log_level() - how much to say: NOTICE, lowered by -q, raised by each -v */
enum log_level arguments_log_level(const struct arguments *a)
{
	if (a->quiet)
		return LOG_WARNING;
	return min_of(LOG_NOTICE + a->verbose, (unsigned int)LOG_DEBUG);
}
