/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What counts where several have spoken: flag before environment before file before default.
 *
 * Called by arguments.c, which hands in what the command line gave; setting_read.c adds what file
 * and environment say, setting_told.c tells what came of it. All that is known of an option comes
 * from its row, so a new one can be set in all four ways at once.
 *
 * An option that may be repeated is taken whole from whoever counts: flags do not add to what the
 * file has, they take its place.
 */
#include "setting.h"

#include <errno.h>

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

/** setting_own() - @n bytes of @s as a string that lives as long as the list, or NULL */
char *setting_own(struct setting_list *l, const char *s, size_t n)
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

/** setting_is_repeatable() - may an option be given several times, each counting? */
bool setting_is_repeatable(const struct option_row *row)
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

/**
 * setting_take_bare() - a flag, or how often: bare as on the command line, else yes, no or, where
 * it counts, a number
 * @value: NULL: bare
 * @field: bool, or unsigned int, which is counted up
 *
 * Return: 0 or -EINVAL.
 */
int setting_take_bare(const struct option_row *row, const char *value, void *field, struct err *e)
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
		return setting_take_bare(row, value, field, e);
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
		(void)err_context(e, "%s:%u", s->where, s->line);
	else if (s->from == SETTING_ENVIRONMENT)
		(void)err_context(e, "the environment's %s", s->where);
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

/* Together. */

/** setting_strongest() - who counts for this row: enum setting_from; -1: nobody gave it */
int setting_strongest(const struct setting_list *l, const struct option_row *row)
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
		    (int)s->from == setting_strongest(&a->settings, s->row))
			last = s;
	}
	return last ? blame_setting(last, e) : -EINVAL;
}

static int take_defaults(struct arguments *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < option_count; i++) {
		const struct option_row *row = &option_table[i];

		if (row->fallback && option_on(row, a->verb) &&
		    setting_strongest(&a->settings, row) < 0)
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

			if ((int)s->from == from && setting_strongest(&a->settings, s->row) == from)
				r = setting_take(s, a, e);
			if (r < 0)
				a->file_wrong = from == SETTING_FILE && !a->config_path;
		}
	}
	return r;
}
