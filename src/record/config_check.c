/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values of a configuration that can be judged without looking at the host, and whose they are.
 *
 * Called by the verbs record and check, before anything else, so that a slip in a file or in the
 * environment is told with its place; the checks of the host ask whose a value is. What a value may
 * be is known to the code that uses it, and asked there: here is only which one it was.
 */
#include <errno.h>

#include "record/record.h"

#include "instance.h"
#include "series_plan.h"
#include "trigger.h"

static bool is_choice(const char *option)
{
	return !strcmp(option, "trigger") || !strcmp(option, "suspect") ||
	       !strcmp(option, "no-trigger") || !strcmp(option, "preset");
}

/**
 * record_setting_of() - the setting that a value came from
 * @option: its name; "trigger": any of those about triggers, which have one order
 * @n:      of several, which
 *
 * Return: NULL: not known.
 */
const struct record_setting *record_setting_of(const struct record_config *c, const char *option,
					       size_t n)
{
	bool choice = is_choice(option);

	for (size_t i = 0; i < c->setting_count; i++) {
		const struct record_setting *s = &c->settings[i];

		if (s->value && (choice ? is_choice(s->option) : !strcmp(s->option, option)) &&
		    n-- == 0)
			return s;
	}
	return NULL;
}

/**
 * record_setting_place() - "FILE:LINE: " or "NAME (environment): ", to begin a sentence with
 * @s: NULL is fine
 *
 * Return: @buf; empty where the value stands in the command line, or is the default.
 */
const char *record_setting_place(const struct record_setting *s, char *buf, size_t size)
{
	static const char variable[] = "environment ";

	buf[0] = '\0';
	if (!s || !strcmp(s->from, "flag") || !strcmp(s->from, "default"))
		return buf;
	if (!strncmp(s->from, variable, strlen(variable)))
		(void)snprintf(buf, size, "%s (environment): ", s->from + strlen(variable));
	else
		(void)snprintf(buf, size, "%s: ", s->from);
	return buf;
}

/**
 * record_setting_blame() - put whose value it is before a failure already stated
 * @s:    NULL is fine
 * @code: of the failure
 *
 * Return: @code.
 */
int record_setting_blame(const struct record_setting *s, int code, struct err *e)
{
	char place[4096 + 16]; /* a path and a line */

	record_setting_place(s, place, sizeof(place));
	if (!e || !*place)
		return code;
	place[strlen(place) - 2] = '\0'; /* err_context() has its own colon */
	(void)err_context(e, "%s", place);
	return code;
}

typedef int (*check_fn)(const struct record_config *c, struct err *e);

static int check_events(const struct record_config *c, struct err *e)
{
	struct event_spec spec;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->event_count; i++)
		r = event_spec_parse(c->events[i], &spec, e);
	return r < 0 ? err_context(e, "--event") : 0;
}

static int check_samples(const struct record_config *c, struct err *e)
{
	unsigned int count;

	return series_plan_count(c, &count, e);
}

static int check_choices(const struct record_config *c, struct err *e)
{
	struct trigger_set *set = NULL;
	int r = trigger_set_build(c, &set, e);

	if (r == 0)
		trigger_set_free(set);
	return r;
}

/*
 * The first @n of the values that are wrong at all, found by halves: what is wrong stays so,
 * whatever follows it.
 */
static int blame(const struct record_config *c, size_t *count, const struct record_config *part,
		 check_fn check, const char *option, struct err *e)
{
	size_t right = 0, wrong = *count;

	while (wrong - right > 1) {
		*count = right + (wrong - right) / 2;
		if (check(part, NULL) == 0)
			right = *count;
		else
			wrong = *count;
	}
	*count = wrong;
	err_clear(e);
	if (check(part, e) == 0) /* a later one made it right, and something else is wrong */
		return err_set(e, -EINVAL, "--%s: these values cannot be had together", option);
	return record_setting_blame(record_setting_of(c, option, wrong - 1), -EINVAL, e);
}

/**
 * record_config_check() - is every value one that can be?
 * @c: as parsed; what needs the host to be judged is not looked at
 * @e: what is wrong, and in which line of which file, or in which variable
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int record_config_check(const struct record_config *c, struct err *e)
{
	struct record_config part = *c;
	int r = check_events(c, e);

	if (r == -EINVAL)
		return blame(c, &part.event_count, &part, check_events, "event", e);
	r = r == 0 ? check_samples(c, e) : r;
	if (r == -EINVAL)
		return blame(c, &part.sample_count, &part, check_samples, "sample", e);
	r = r == 0 ? check_choices(c, e) : r;
	if (r == -EINVAL)
		return blame(c, &part.choice_count, &part, check_choices, "trigger", e);
	return r;
}
