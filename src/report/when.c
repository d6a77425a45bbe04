/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moments as people write them (--from, --to).
 *
 * Parsed by cmd, before anything is opened, so that a slip is a usage error; resolved by report.c.
 * Times that reports show have these forms, so that they can be copied. A date or time of day
 * without a zone is taken in the zone in which times are shown: UTC, or the reader's with --local.
 */
#include "report/when.h"

#include <ctype.h>
#include <errno.h>
#include <time.h>

#include "base/text.h"

#define DAY_NS (INT64_C(86400) * (int64_t)NSEC_PER_SEC)
#define MINUTE_NS (INT64_C(60) * (int64_t)NSEC_PER_SEC)

/* Exactly @digits digits at *@s, which is left behind them. */
static bool take_digits(const char **s, int digits, int *ret)
{
	int v = 0;

	for (int i = 0; i < digits; i++, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return false;
		v = v * 10 + (**s - '0');
	}
	*ret = v;
	return true;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* ".5": nothing, or up to nine digits behind a point. */
static bool take_fraction(const char **s, int64_t *ret_ns)
{
	int64_t unit = (int64_t)NSEC_PER_SEC;

	*ret_ns = 0;
	if (!take_char(s, '.'))
		return true;
	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); (*s)++) {
		unit /= 10;
		*ret_ns += unit * (**s - '0');
		if (!unit)
			return false;
	}
	return true;
}

/* "10:00", "10:00:02", "10:00:02.5". */
static bool take_time(const char **s, struct tm *tm, int64_t *ret_fraction_ns)
{
	*ret_fraction_ns = 0;
	tm->tm_sec = 0;
	if (!take_digits(s, 2, &tm->tm_hour) || !take_char(s, ':') ||
	    !take_digits(s, 2, &tm->tm_min))
		return false;
	if (take_char(s, ':') &&
	    (!take_digits(s, 2, &tm->tm_sec) || !take_fraction(s, ret_fraction_ns)))
		return false;
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* "2026-11-20", and a day that there is. */
static bool take_date(const char **s, struct tm *tm)
{
	struct tm same;

	if (!take_digits(s, 4, &tm->tm_year) || !take_char(s, '-') ||
	    !take_digits(s, 2, &tm->tm_mon) || !take_char(s, '-') ||
	    !take_digits(s, 2, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	same = (struct tm){.tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday};
	(void)timegm(&same);
	/* CLOCK_REALTIME in 64 bits of ns reaches to 2554; signed, to 2262. */
	return tm->tm_year >= 70 && tm->tm_year < 360 && same.tm_mon == tm->tm_mon;
}

/* "Z", "+02:00", "-0500", "+02", or nothing. @ret_given: there was one. */
static bool take_zone(const char **s, bool *ret_given, int64_t *ret_east_ns)
{
	int hours, minutes = 0;
	bool west = **s == '-', colon;

	*ret_east_ns = 0;
	*ret_given = take_char(s, 'Z');
	if (*ret_given || (**s != '+' && **s != '-'))
		return true;
	(*s)++;
	*ret_given = true;
	if (!take_digits(s, 2, &hours))
		return false;
	colon = take_char(s, ':');
	if ((colon || **s) && !take_digits(s, 2, &minutes))
		return false;
	*ret_east_ns = (hours * 60 + minutes) * MINUTE_NS * (west ? -1 : 1);
	return hours < 24 && minutes < 60;
}

static bool parse_date(const char *s, bool local, struct when *ret)
{
	int64_t fraction = 0, east;
	struct tm tm = {.tm_isdst = -1};
	bool given;
	time_t seconds;

	if (!take_date(&s, &tm))
		return false;
	if ((take_char(&s, 'T') || take_char(&s, ' ')) && !take_time(&s, &tm, &fraction))
		return false;
	if (!take_zone(&s, &given, &east) || *s)
		return false;
	seconds = local && !given ? mktime(&tm) : timegm(&tm);
	*ret = (struct when){.kind = WHEN_REAL,
			     .ns = (int64_t)seconds * (int64_t)NSEC_PER_SEC + fraction - east};
	return seconds >= 0 && ret->ns >= 0;
}

static bool parse_day(const char *s, bool local, struct when *ret)
{
	int64_t fraction, east;
	struct tm tm = {0};
	bool given;

	if (!take_time(&s, &tm, &fraction) || !take_zone(&s, &given, &east) || *s)
		return false;
	*ret = (struct when){
		.kind = WHEN_DAY,
		.local = local && !given,
		.ns = (tm.tm_hour * 60 + tm.tm_min) * MINUTE_NS +
		      tm.tm_sec * (int64_t)NSEC_PER_SEC + fraction - east,
	};
	return true;
}

static bool parse_relative(const char *s, struct when *ret)
{
	uint64_t ns;

	if (parse_duration(s + 1, &ns) < 0 || ns > INT64_MAX)
		return false;
	*ret = (struct when){.kind = WHEN_TRIGGER, .ns = *s == '-' ? -(int64_t)ns : (int64_t)ns};
	return true;
}

/* "0", "0s": the trigger, for which there is no other sign. */
static bool parse_zero(const char *s, struct when *ret)
{
	uint64_t ns;

	*ret = (struct when){.kind = WHEN_TRIGGER};
	return parse_duration(s, &ns) == 0 && ns == 0;
}

static bool parse_mono(const char *s, struct when *ret)
{
	uint64_t ns;

	/* Seconds, without a unit. */
	if (s[1 + strspn(s + 1, "0123456789.")] || parse_duration(s + 1, &ns) < 0 || ns > INT64_MAX)
		return false;
	*ret = (struct when){.kind = WHEN_MONO, .ns = (int64_t)ns};
	return true;
}

/**
 * when_parse() - a moment as a person wrote it
 * @local: what has no zone is in the zone of this process, else in UTC
 * @ret:   set on success
 *
 * Return: 0, or -EINVAL and a sentence that shows the forms.
 */
int when_parse(const char *s, bool local, struct when *ret, struct err *e)
{
	struct when w;
	bool ok;

	if (*s == '-' || *s == '+')
		ok = parse_relative(s, &w);
	else if (*s == '@')
		ok = parse_mono(s, &w);
	else if (s[strspn(s, "0123456789")] == ':')
		ok = parse_day(s, local, &w);
	else if (parse_zero(s, &w))
		ok = true;
	else
		ok = parse_date(s, local, &w);
	if (!ok)
		return err_set(e, -EINVAL,
			       "'%s' is not a time; write -10s or +1.5s (from the trigger), "
			       "10:00:02.5, 2026-11-20T10:00:02, or @1234.567 (seconds of the "
			       "host's monotonic clock)",
			       s);
	*ret = w;
	return 0;
}

/* Midnight of the day of @real_ns, @days later. */
static int64_t midnight(uint64_t real_ns, int days, bool local)
{
	time_t seconds = (time_t)(real_ns / NSEC_PER_SEC);
	struct tm tm;

	if (local)
		(void)localtime_r(&seconds, &tm);
	else
		(void)gmtime_r(&seconds, &tm);
	tm = (struct tm){.tm_year = tm.tm_year,
			 .tm_mon = tm.tm_mon,
			 .tm_mday = tm.tm_mday + days,
			 .tm_isdst = -1};
	seconds = local ? mktime(&tm) : timegm(&tm);
	return (int64_t)seconds * (int64_t)NSEC_PER_SEC;
}

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/*
 * Of yesterday's, today's and tomorrow's the nearest to the trigger. Two days around it, because an
 * offset in .ns may reach into the next.
 */
static int64_t nearest_day(const struct when *w, uint64_t trigger_real_ns)
{
	int64_t trigger = (int64_t)trigger_real_ns, best = 0;

	for (int days = -2; days <= 2; days++) {
		int64_t t = midnight(trigger_real_ns, days, w->local) + w->ns;

		if (days == -2 || distance(t, trigger) < distance(best, trigger))
			best = t;
	}
	return best;
}

/* Of a date or a time of day; false: not known, or before 1970. */
static bool real_time_of(const struct when *w, const struct when_clock *c, int64_t *ret_ns)
{
	uint64_t trigger_real;

	*ret_ns = w->ns;
	if (w->kind == WHEN_DAY) {
		if (!c->real || !c->real(c->arg, c->trigger_ns, &trigger_real) ||
		    trigger_real > INT64_MAX / 2)
			return false;
		*ret_ns = nearest_day(w, trigger_real);
	}
	return *ret_ns >= 0;
}

/**
 * when_resolve() - the moment on the recorded host's CLOCK_MONOTONIC
 * @w:           not WHEN_NONE
 * @ret_mono_ns: set on success; 0 for what was before the clock began
 *
 * Return: 0; -ENODATA when the recording does not say how its clocks lay to each other.
 */
int when_resolve(const struct when *w, const struct when_clock *c, uint64_t *ret_mono_ns,
		 struct err *e)
{
	int64_t real;

	switch (w->kind) {
	case WHEN_TRIGGER:
		if (w->ns < 0 && (uint64_t)-w->ns > c->trigger_ns)
			*ret_mono_ns = 0;
		else if (__builtin_add_overflow(c->trigger_ns, w->ns, ret_mono_ns))
			*ret_mono_ns = UINT64_MAX;
		return 0;
	case WHEN_NONE:
	case WHEN_MONO:
		*ret_mono_ns = (uint64_t)w->ns;
		return 0;
	case WHEN_DAY:
	case WHEN_REAL:
		if (!real_time_of(w, c, &real) || !c->mono ||
		    !c->mono(c->arg, (uint64_t)real, ret_mono_ns))
			break;
		return 0;
	}
	return err_set(e, -ENODATA,
		       "the recording does not say what time it was; write times as -10s (from the "
		       "trigger) or @1234.567 (the host's monotonic clock)");
}
