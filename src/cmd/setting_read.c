/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings that the configuration file and the environment have.
 *
 * Called by arguments.c and show_config.c; config.c knows the form of the file, here is which
 * options each place may set. Nothing is decided here: setting.c knows whose word counts.
 *
 * Lines before the first section of the file, and variables SCOUTFS_TRACE_OPTION, are for the verbs
 * about recording, each of which takes what it knows: one run-dir is that of record, status and
 * stop. A section, and a variable SCOUTFS_TRACE_VERB_OPTION, is for its verb; check goes with
 * record, since it tells whether that would work.
 */
#include "setting.h"

#include <ctype.h>
#include <errno.h>

#define ENV_PREFIX "SCOUTFS_TRACE_"
#define VERBS_RECORDING                                                                  \
	(1U << VERB_RECORD | 1U << VERB_CHECK | 1U << VERB_RECOVER | 1U << VERB_STATUS | \
	 1U << VERB_STOP)

/* The file. */

/* The verbs that a section is for; 0: there is none of this name. */
static unsigned int section_verbs(const char *section)
{
	enum verb_id verb;

	if (!section)
		return VERBS_RECORDING;
	if (!verb_named(section, &verb) || verb == VERB_CHECK || verb == VERB_HELP)
		return 0;
	return verb == VERB_RECORD ? 1U << VERB_RECORD | 1U << VERB_CHECK : 1U << verb;
}

static int check_section(const char *section, struct err *e)
{
	const char *names[VERB_COUNT];
	size_t count = 0;

	if (section_verbs(section))
		return 0;
	for (unsigned int v = 0; v < VERB_COUNT; v++)
		if (section_verbs(verb_table[v].name))
			names[count++] = verb_table[v].name;
	return no_such_name(e, "section", section, names, count, NULL);
}

/* The row of an option that one of @verbs takes and that may be set, or NULL. */
static const struct option_row *settable(unsigned int verbs, const char *name)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].verbs & verbs && !option_table[i].act &&
		    !strcmp(option_table[i].name, name))
			return &option_table[i];
	return NULL;
}

static const char *settable_near(unsigned int verbs, const char *name)
{
	const char **names = calloc(option_count, sizeof(*names)), *near = NULL;
	size_t count = 0;

	for (size_t i = 0; names && i < option_count; i++)
		if (option_table[i].verbs & verbs && !option_table[i].act)
			names[count++] = option_table[i].name;
	if (names)
		near = nearest_name(name, names, count);
	free(names);
	return near;
}

static int no_such_key(const struct config_line *line, unsigned int verbs, struct err *e)
{
	const char *near = settable_near(verbs, line->key);

	if (settable((1U << VERB_COUNT) - 1, line->key))
		return err_set(e, -EINVAL, "'%s' does not belong here, but into another section%s",
			       line->key,
			       line->section ? " or before the first" : " ([report], [export])");
	if (near)
		return err_set(e, -EINVAL, "there is no option '%s'; did you mean '%s'?", line->key,
			       near);
	if (option_find(VERB_RECORD, line->key, strlen(line->key), 0))
		return err_set(
			e, -EINVAL,
			"'%s' is for the command line only: it is no setting that could stay",
			line->key);
	return err_set(e, -EINVAL, "there is no option '%s'; %s", line->key,
		       str_starts(line->key, "-") ? "write it without the dashes"
						  : "to see them all: scoutfs-trace --help");
}

static bool same_section(const struct config_line *a, const struct config_line *b)
{
	return a->section == b->section ||
	       (a->section && b->section && !strcmp(a->section, b->section));
}

/* An option that counts once, given twice in one section, is a slip. */
static int check_twice(const struct config *c, size_t at, struct err *e)
{
	const struct config_line *line = &c->lines[at];

	for (size_t i = 0; i < at; i++)
		if (c->lines[i].key && !strcmp(c->lines[i].key, line->key) &&
		    same_section(&c->lines[i], line))
			return err_set(e, -EINVAL, "'%s' is given twice, first in line %u",
				       line->key, c->lines[i].line);
	return 0;
}

static int take_line(const struct config *c, size_t at, enum verb_id verb, struct setting_list *ret,
		     struct err *e)
{
	const struct config_line *line = &c->lines[at];
	unsigned int verbs = section_verbs(line->section);
	const struct option_row *row;
	int r = check_section(line->section ? line->section : "record", e);

	if (r < 0 || !line->key)
		return r;
	row = settable(verbs, line->key);
	if (!row)
		return no_such_key(line, verbs, e);
	if (!setting_is_repeatable(row)) {
		r = check_twice(c, at, e);
		if (r < 0)
			return r;
	}
	row = verbs & 1U << verb ? settable(1U << verb, line->key) : NULL;
	if (!row)
		return 0;
	return setting_add(ret,
			   &(struct setting){.row = row,
					     .value = line->value,
					     .from = SETTING_FILE,
					     .where = c->path,
					     .line = line->line},
			   e);
}

/* All lines are looked at, whatever the verb: a file with a slip in it is wrong for everybody. */
static int take_file(const struct config *c, enum verb_id verb, struct setting_list *ret,
		     struct err *e)
{
	for (size_t i = 0; i < c->count; i++) {
		int r = take_line(c, i, verb, ret, e);

		if (r == -EINVAL)
			return err_context(e, "%s:%u", c->path, c->lines[i].line);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The environment. */

/* "DISK_BUDGET" to "disk-budget", as far as @size goes. */
static void option_name_of(const char *variable, size_t n, char *buf, size_t size)
{
	n = min_of(n, size - 1);
	for (size_t i = 0; i < n; i++)
		buf[i] = variable[i] == '_' ? '-' : (char)tolower((unsigned char)variable[i]);
	buf[n] = '\0';
}

/* "report-limit": the verb, and where its option begins; false: no verb's. */
static bool verb_of_variable(const char *name, unsigned int *ret_verbs, const char **ret_option)
{
	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		size_t n = strlen(verb_table[v].name);

		if (str_starts(name, verb_table[v].name) && name[n] == '-' &&
		    section_verbs(verb_table[v].name)) {
			*ret_verbs = section_verbs(verb_table[v].name);
			*ret_option = name + n + 1;
			return true;
		}
	}
	return false;
}

static void warn_of_variable(struct arguments *a, const char *variable, size_t n, const char *name)
{
	const char *near = settable_near(VERBS_RECORDING, name);

	text_printf(&a->warnings, "the environment's %.*s is no option, and not used", (int)n,
		    variable);
	if (near) {
		text_str(&a->warnings, "; did you mean " ENV_PREFIX);
		for (const char *s = near; *s; s++) {
			char c = *s == '-' ? '_' : (char)toupper((unsigned char)*s);

			text_add(&a->warnings, &c, 1);
		}
		text_str(&a->warnings, "?");
	}
	text_str(&a->warnings, "\n");
}

/* The values of a variable: an option that may be repeated takes a line for each. */
static int add_variable(struct setting_list *l, const struct option_row *row, const char *where,
			const char *value, struct err *e)
{
	do {
		size_t n = setting_is_repeatable(row) ? strcspn(value, "\n") : strlen(value);
		struct setting s = {.row = row, .from = SETTING_ENVIRONMENT, .where = where};
		int r;

		s.value = setting_own(l, value, n);
		if (!s.value)
			return err_nomem(e);
		r = n || !setting_is_repeatable(row) ? setting_add(l, &s, e) : 0;
		if (r < 0)
			return r;
		value += n + (value[n] == '\n');
	} while (*value);
	return 0;
}

/* One variable, "SCOUTFS_TRACE_NAME=value". */
static int take_variable(struct arguments *a, enum verb_id verb, const char *variable,
			 struct setting_list *ret, struct err *e)
{
	size_t n = strcspn(variable, "=");
	unsigned int verbs = VERBS_RECORDING;
	const struct option_row *row;
	const char *option, *where;
	char name[128];

	if (!variable[n])
		return 0;
	option_name_of(variable + strlen(ENV_PREFIX), n - strlen(ENV_PREFIX), name, sizeof(name));
	if (!strcmp(name, "config") || !strcmp(name, "no-config"))
		return 0; /* setting_gather() has seen them */
	option = name;
	if (!settable(verbs, name))
		(void)verb_of_variable(name, &verbs, &option);
	if (!settable(verbs, option)) {
		if (a->verb == verb && VERBS_RECORDING & 1U << verb)
			warn_of_variable(a, variable, n, name);
		return 0;
	}
	row = verbs & 1U << verb ? settable(1U << verb, option) : NULL;
	if (!row)
		return 0;
	where = setting_own(ret, variable, n);
	return where ? add_variable(ret, row, where, variable + n + 1, e) : err_nomem(e);
}

static int take_environment(struct arguments *a, enum verb_id verb, struct setting_list *ret,
			    struct err *e)
{
	char *const *v = a->sources.environment;
	int r = 0;

	for (; r == 0 && v && *v; v++)
		if (str_starts(*v, ENV_PREFIX))
			r = take_variable(a, verb, *v, ret, e);
	return r;
}

static const char *variable_value(const struct arguments *a, const char *name)
{
	size_t n = strlen(name);

	for (char *const *v = a->sources.environment; v && *v; v++)
		if (!strncmp(*v, name, n) && (*v)[n] == '=')
			return *v + n + 1;
	return NULL;
}

/* Together. */

/* Which file: as named by a flag, else by the environment, else the usual one if it is there. */
static int load_file(struct arguments *a, struct err *e)
{
	const char *no = variable_value(a, ENV_PREFIX "NO_CONFIG");
	const char *path = a->config_path;
	bool named = true;
	int r;

	if (a->no_config && path)
		return err_set(e, -EINVAL, "--config and --no-config contradict each other");
	if (!path && no && *no && !setting_is_yes_or_no(no, &a->no_config))
		return err_set(e, -EINVAL,
			       "the environment's " ENV_PREFIX "NO_CONFIG: '%s' is neither yes nor "
			       "no",
			       no);
	if (a->no_config)
		return 0;
	if (!path)
		path = variable_value(a, ENV_PREFIX "CONFIG");
	if (!path || !*path) {
		named = false;
		path = a->sources.config_path;
	}
	if (!path)
		return 0;
	r = config_load(path, &a->file, e);
	/* Who may not read root's file has no use for it: recording needs root anyway. */
	if (!named && (r == -ENOENT || r == -ENOTDIR || (r == -EACCES && geteuid() != 0))) {
		config_done(&a->file);
		err_clear(e);
		return 0;
	}
	return r < 0 && r != -ENOMEM ? -EINVAL : r;
}

/**
 * setting_of_verb() - what file and environment say to a verb
 * @a:   setting_gather() has read the file; warnings are added only for the verb that runs
 * @ret: appended to
 *
 * Return: 0; -EINVAL for what is wrong with the file; -ENOMEM.
 */
int setting_of_verb(struct arguments *a, enum verb_id verb, struct setting_list *ret, struct err *e)
{
	int r = take_file(&a->file, verb, ret, e);

	return r < 0 ? r : take_environment(a, verb, ret, e);
}

/**
 * setting_gather() - read the file, and add what it and the environment say to a->settings
 * @a: the command line's are in it already
 *
 * Return: 0; -EINVAL, with a->file_wrong set where the file is to blame; -ENOMEM.
 */
int setting_gather(struct arguments *a, struct err *e)
{
	int r = load_file(a, e);

	if (r == 0)
		r = setting_of_verb(a, a->verb, &a->settings, e);
	a->file_wrong = r == -EINVAL && a->file.path && !a->config_path;
	return r;
}
