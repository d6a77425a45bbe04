/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --counter=NAME or SERIES:NAME, with wildcards: which counters of a series are wanted, and what is
 * said of a word that names none.
 *
 * Called by series.c for each counter that it learns, and by those who show series when all are
 * known. It owns nothing. That a word names nothing is no error, since it may be right for another
 * recording, but it may be misspelt: so it is told, with what was probably meant.
 */
#include "series_filter.h"

#include <errno.h>

#include "expression.h"
#include "out.h"

#define BOTH_BYTES (SERIES_NAME_MAX + 1 + COUNTER_NAME_MAX + 1) /* SERIES:NAME */

static bool is_named(const struct series_set *s, const char *glob, const char *name, size_t n)
{
	char both[BOTH_BYTES];
	int all = snprintf(both, sizeof(both), "%s:%.*s", s->source.name, (int)n, name);

	return glob_match(glob, strlen(glob), name, n) ||
	       glob_match(glob, strlen(glob), both, min_of((size_t)all, sizeof(both) - 1));
}

/** series_are_named() - was --counter given? */
bool series_are_named(const struct analysis_options *o)
{
	for (size_t i = 0; o && i < o->filter_count; i++)
		if (o->filters[i].kind == FILTER_COUNTER)
			return true;
	return false;
}

/**
 * series_is_wanted() - is the counter @name of @s, @n bytes, to be shown?
 * @o: NULL: everything is
 */
bool series_is_wanted(const struct series_set *s, const struct analysis_options *o,
		      const char *name, size_t n)
{
	for (size_t i = 0; o && i < o->filter_count; i++)
		if (o->filters[i].kind == FILTER_COUNTER &&
		    is_named(s, o->filters[i].text, name, n))
			return true;
	return !series_are_named(o);
}

static bool names_any(const char *glob, const struct series_set *sets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sets[i].count; k++)
			if (is_named(&sets[i], glob, sets[i].counters[k].name,
				     sets[i].counters[k].name_bytes))
				return true;
	return false;
}

/* Of "SERIES:NAME" the series that was probably meant; NULL: there is this one, or none like it. */
static const char *near_series(const char *words, const struct series_set *sets, size_t count)
{
	const char *colon = strchr(words, ':'), *names[64];
	char series[SERIES_NAME_MAX + 1];
	size_t n = min_of(count, ARRAY_SIZE(names));

	if (!colon || (size_t)(colon - words) > SERIES_NAME_MAX)
		return NULL;
	memcpy(series, words, (size_t)(colon - words));
	series[colon - words] = '\0';
	for (size_t i = 0; i < n; i++) {
		names[i] = sets[i].source.name;
		if (!strcmp(series, names[i]))
			return NULL;
	}
	return nearest_name(series, names, n);
}

/*
 * The counter that was probably meant, as "SERIES:NAME" in @ret, or "". Of @words with a series
 * only this one is looked at: it is there, or near_series() has told.
 */
static int near_counter(const char *words, const struct series_set *sets, size_t count,
			char ret[BOTH_BYTES], struct err *e)
{
	CLEANUP(freep) const char **names = NULL;
	const char *colon = strchr(words, ':'), *name = colon ? colon + 1 : words, *near;
	size_t all = 0, n = 0;

	*ret = '\0';
	for (size_t i = 0; i < count; i++)
		all += sets[i].count;
	names = calloc(all + 1, sizeof(*names));
	if (!names)
		return err_nomem(e);
	for (size_t i = 0; i < count; i++) {
		const char *series = sets[i].source.name;

		if (colon && (strlen(series) != (size_t)(colon - words) ||
			      memcmp(series, words, strlen(series)) != 0))
			continue;
		for (size_t k = 0; k < sets[i].count; k++)
			names[n++] = sets[i].counters[k].name;
	}
	near = nearest_name(name, names, n);
	for (size_t i = 0; near && i < count; i++)
		for (size_t k = 0; k < sets[i].count; k++)
			if (sets[i].counters[k].name == near)
				(void)snprintf(ret, BOTH_BYTES, "%s:%s", sets[i].source.name, near);
	return 0;
}

static int note(const char *words, const struct series_set *sets, size_t count,
		struct report_out *out, struct err *e)
{
	const char *series = near_series(words, sets, count);
	char counter[BOTH_BYTES];
	int r;

	if (series) {
		report_note(out,
			    "No counter that was sampled matches --counter %s; did you mean the "
			    "series %s?",
			    words, series);
		return 0;
	}
	r = near_counter(words, sets, count, counter, e);
	if (r < 0)
		return r;
	if (*counter)
		report_note(out,
			    "No counter that was sampled matches --counter %s; did you mean %s?",
			    words, counter);
	else
		report_note(out, "No counter that was sampled matches --counter %s.", words);
	return 0;
}

/**
 * series_note_unmatched() - tell of each --counter that names nothing
 * @sets: all series, learnt
 *
 * Return: 0 or -ENOMEM.
 */
int series_note_unmatched(const struct analysis_options *o, const struct series_set *sets,
			  size_t count, struct report_out *out, struct err *e)
{
	for (size_t i = 0; i < o->filter_count; i++) {
		const char *words = o->filters[i].text;

		if (o->filters[i].kind == FILTER_COUNTER && !names_any(words, sets, count) &&
		    note(words, sets, count, out, e) < 0)
			return -ENOMEM;
	}
	return 0;
}
