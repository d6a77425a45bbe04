/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What counts where several have spoken: flag before environment before file before default.
 *
 * Called by arguments.c, which hands in what the command line gave; the file and the environment
 * are read here. All that is known of an option comes from its row, so a new one can be set in all
 * four ways at once.
 *
 * Lines before the first section of the file, and variables SCOUTFS_TRACE_OPTION, are for the verbs
 * about recording, each of which takes what it knows: one run-dir is that of record, status and
 * stop. A section, and a variable SCOUTFS_TRACE_VERB_OPTION, is for its verb; check goes with
 * record, since it tells whether that would work.
 *
 * An option that may be repeated is taken whole from whoever counts: flags do not add to what the
 * file has, they take its place.
 */
#include "setting.h"

#include <ctype.h>
#include <errno.h>

#define ENV_PREFIX "SCOUTFS_TRACE_"
#define VERBS_RECORDING                                                                  \
	(1U << VERB_RECORD | 1U << VERB_CHECK | 1U << VERB_RECOVER | 1U << VERB_STATUS | \
	 1U << VERB_STOP)

/* Lists. */

/** setting_add() - append a copy of @s; its strings are borrowed. 0 or -ENOMEM */
int setting_add(struct setting_list *l, const struct setting *s, struct err *e)
{
	if (l->count == l->size) {
		size_t size = l->size ? 2 * l->size : 16;
		struct setting *more = realloc(l->list, size * sizeof(*more));

		if (!more)
			return err_nomem(e);
		l->list = more;
		l->size = size;
	}
	l->list[l->count++] = *s;
	return 0;
}

/* @n bytes of @s as a string that lives as long as the list, or NULL. */
static char *own(struct setting_list *l, const char *s, size_t n)
{
	char **more = realloc(l->owned, (l->owned_count + 1) * sizeof(*more));

	if (!more)
		return NULL;
	l->owned = more;
	more[l->owned_count] = strndup(s, n);
	return more[l->owned_count] ? more[l->owned_count++] : NULL;
}

void setting_list_done(struct setting_list *l)
{
	for (size_t i = 0; i < l->owned_count; i++)
		free(l->owned[i]);
	free(l->owned);
	free(l->list);
	*l = (struct setting_list){0};
}

static bool is_repeatable(const struct option_row *row)
{
	return row->type == OPTION_EVENT || row->type == OPTION_SAMPLE ||
	       row->type == OPTION_CHOICE || row->type == OPTION_FILTER;
}

/* Values. */

static int parse_limited(const struct option_row *row, const char *value, uint64_t *ret,
			 struct err *e)
{
	int (*parse)(const char *, uint64_t *) = row->type == OPTION_SIZE     ? parse_size
						 : row->type == OPTION_NUMBER ? parse_u64
									      : parse_duration;
	uint64_t v, limit;

	if (parse(value, &v) < 0) {
		if (row->type == OPTION_NUMBER)
			return err_set(e, -EINVAL, "--%s: '%s' is not a whole number", row->name,
				       value);
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

/** setting_is_yes_or_no() - a truth, as people write it */
bool setting_is_yes_or_no(const char *s, bool *ret)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(words[i], s)) {
			*ret = i % 2;
			return true;
		}
	}
	return false;
}

/* A flag, or how often: bare as on the command line, else yes, no or, where it counts, a number. */
static int take_bare(const struct option_row *row, const char *value, void *field, struct err *e)
{
	bool yes = true;
	uint64_t times;

	if (value && row->type == OPTION_COUNT && parse_u64(value, &times) == 0) {
		*(unsigned int *)field = (unsigned int)min_of(times, (uint64_t)100);
		return 0;
	}
	if (value && !setting_is_yes_or_no(value, &yes))
		return err_set(e, -EINVAL, "--%s: '%s' is neither yes nor no%s", row->name, value,
			       row->type == OPTION_COUNT ? " nor a number" : "");
	if (row->type == OPTION_FLAG)
		*(bool *)field = yes;
	else
		*(unsigned int *)field = yes ? *(unsigned int *)field + 1 : 0;
	return 0;
}

static int take_value(const struct option_row *row, const char *value, struct arguments *a,
		      struct err *e)
{
	void *field = (char *)a + row->field;

	if (row->argument && !*value)
		return err_set(e, -EINVAL, "--%s: the %s is empty", row->name, row->argument);
	switch (row->type) {
	case OPTION_FLAG:
	case OPTION_COUNT:
		return take_bare(row, value, field, e);
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_NUMBER:
		return parse_limited(row, value, field, e);
	case OPTION_WORD:
		return parse_word(row, value, field, e);
	case OPTION_EVENT:
		a->events[a->config.event_count++] = value;
		return 0;
	case OPTION_SAMPLE:
		a->samples[a->config.sample_count++] = value;
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

/* A failure that is about @s, with the place that it is from. */
static int blame_setting(const struct setting *s, struct err *e)
{
	if (s->from == SETTING_FILE)
		return err_context(e, "%s:%u", s->where, s->line);
	if (s->from == SETTING_ENVIRONMENT)
		return err_context(e, "the environment's %s", s->where);
	return -EINVAL;
}

/**
 * setting_take() - put a value into the arguments
 * @s: its value is borrowed for as long as @a is used
 * @e: names the option, and the place in the file or the variable
 *
 * Return: 0; -EINVAL for a value that the row does not allow.
 */
int setting_take(const struct setting *s, struct arguments *a, struct err *e)
{
	int r = take_value(s->row, s->value, a, e);

	return r == -EINVAL ? blame_setting(s, e) : r;
}

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
	const char *names[VERB_COUNT], *near;
	size_t count = 0;

	if (section_verbs(section))
		return 0;
	for (unsigned int v = 0; v < VERB_COUNT; v++)
		if (section_verbs(verb_table[v].name))
			names[count++] = verb_table[v].name;
	near = nearest_name(section, names, count);
	if (near)
		return err_set(e, -EINVAL, "there is no section [%s]; did you mean [%s]?", section,
			       near);
	return err_set(e, -EINVAL,
		       "there is no section [%s]; there are [record], [recover], [status], [stop], "
		       "[report] and [export]",
		       section);
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
	if (!is_repeatable(row)) {
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
		size_t n = is_repeatable(row) ? strcspn(value, "\n") : strlen(value);
		struct setting s = {.row = row, .from = SETTING_ENVIRONMENT, .where = where};
		int r;

		s.value = own(l, value, n);
		if (!s.value)
			return err_nomem(e);
		r = n || !is_repeatable(row) ? setting_add(l, &s, e) : 0;
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
	where = own(ret, variable, n);
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

/* Who counts for this row; -1: nobody gave it. */
static int strongest(const struct setting_list *l, const struct option_row *row)
{
	int from = -1;

	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].row == row)
			from = max_of(from, (int)l->list[i].from);
	return from;
}

/**
 * setting_blame() - begin a failure with the place of the value that counts for an option
 * @a: gathered
 * @e: holds what is wrong with it
 *
 * For values that setting_take() cannot judge by themselves.
 *
 * Return: -EINVAL.
 */
int setting_blame(const struct arguments *a, const char *option, struct err *e)
{
	const struct setting *last = NULL;

	for (size_t i = 0; i < a->settings.count; i++) {
		const struct setting *s = &a->settings.list[i];

		if (!strcmp(s->row->name, option) &&
		    (int)s->from == strongest(&a->settings, s->row))
			last = s;
	}
	return last ? blame_setting(last, e) : -EINVAL;
}

static int take_defaults(struct arguments *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < option_count; i++) {
		const struct option_row *row = &option_table[i];

		if (row->fallback && option_on(row, a->verb) && strongest(&a->settings, row) < 0)
			r = take_value(row, row->fallback, a, e);
	}
	return r;
}

/**
 * setting_apply() - put what counts into the arguments
 * @a: gathered; its arrays have room for every setting and default
 *
 * In the order file, environment, command line; of several that count the order is kept.
 *
 * Return: 0; -EINVAL for a value that cannot be; -ENOMEM.
 */
int setting_apply(struct arguments *a, struct err *e)
{
	int r = take_defaults(a, e);

	for (int from = SETTING_FILE; r == 0 && from <= SETTING_FLAG; from++) {
		for (size_t i = 0; r == 0 && i < a->settings.count; i++) {
			const struct setting *s = &a->settings.list[i];

			if ((int)s->from == from && strongest(&a->settings, s->row) == from)
				r = setting_take(s, a, e);
			if (r < 0)
				a->file_wrong = from == SETTING_FILE && !a->config_path;
		}
	}
	return r;
}

/* What counts, told. */

static const char *describe_from(struct setting_list *l, const struct setting *s)
{
	CLEANUP(text_free) struct text t = {0};

	if (s->from == SETTING_FLAG)
		return "flag";
	if (s->from == SETTING_FILE)
		text_printf(&t, "%s:%u", s->where, s->line);
	else
		text_printf(&t, "environment %s", s->where);
	return text_ok(&t) ? own(l, text_c(&t), t.len) : NULL;
}

struct effective {
	struct record_setting *list;
	size_t count;
	struct setting_list *from;
	bool failed;
};

static void add_effective(struct effective *ef, const struct option_row *row,
			  const struct setting *s)
{
	bool bare = row->type == OPTION_FLAG || row->type == OPTION_COUNT;
	struct record_setting *to = &ef->list[ef->count++];

	*to = (struct record_setting){
		.option = row->name, .value = row->fallback, .from = "default"};
	if (bare)
		to->value = "no";
	if (!s)
		return;
	to->value = s->value ? s->value : "yes";
	to->from = describe_from(ef->from, s);
	ef->failed |= !to->from;
}

/* "-vv" is one setting: 2. */
static void add_count(struct effective *ef, const struct option_row *row, int from)
{
	const struct setting *last = NULL;
	unsigned int times = 0;
	char number[16];

	for (size_t i = 0; i < ef->from->count; i++) {
		const struct setting *s = &ef->from->list[i];

		if (s->row != row || (int)s->from != from)
			continue;
		(void)take_bare(row, s->value, &times, NULL);
		last = s;
	}
	add_effective(ef, row, last);
	if (!times) {
		ef->list[ef->count - 1].value = "no";
		return;
	}
	(void)snprintf(number, sizeof(number), "%u", times);
	ef->list[ef->count - 1].value = own(ef->from, number, strlen(number));
	ef->failed |= !ef->list[ef->count - 1].value;
}

/* Those of @row that count, in their order; of triggers those of all rows, whose order matters. */
static void add_counting(struct effective *ef, const struct option_row *row)
{
	int from = strongest(ef->from, row);
	const struct setting *last = NULL;

	if (from >= 0 && row->type == OPTION_COUNT) {
		add_count(ef, row, from);
		return;
	}
	for (int f = SETTING_FILE; f <= SETTING_FLAG; f++) {
		for (size_t i = 0; i < ef->from->count; i++) {
			const struct setting *s = &ef->from->list[i];
			bool meant = s->row == row ||
				     (row->type == OPTION_CHOICE && s->row->type == OPTION_CHOICE);

			if (!meant || (int)s->from != f || strongest(ef->from, s->row) != f)
				continue;
			if (is_repeatable(row))
				add_effective(ef, s->row, s);
			last = s;
		}
	}
	if (!is_repeatable(row))
		add_effective(ef, row, last);
}

/**
 * setting_effective() - every option of a verb that can be set, with what counts and whose it is
 * @l:   what was given for @verb; strings of the result belong to it
 * @ret: rows in the order of the table, for free(); options that may be repeated as often as they
 *       are, those about triggers in the order that counts; .value NULL: not set
 *
 * Return: 0 or -ENOMEM.
 */
int setting_effective(enum verb_id verb, struct setting_list *l, struct record_setting **ret,
		      size_t *ret_count, struct err *e)
{
	struct effective ef = {.from = l};
	bool choices = false;

	ef.list = calloc(option_count + l->count, sizeof(*ef.list));
	if (!ef.list)
		return err_nomem(e);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];

		if (!option_on(row, verb) || row->act)
			continue;
		if (is_repeatable(row) && strongest(l, row) < 0)
			add_effective(&ef, row, NULL);
		else if (row->type != OPTION_CHOICE || !choices)
			add_counting(&ef, row);
		choices |= row->type == OPTION_CHOICE && strongest(l, row) >= 0;
	}
	if (ef.failed) {
		free(ef.list);
		return err_nomem(e);
	}
	*ret = ef.list;
	*ret_count = ef.count;
	return 0;
}
