/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values as people read them: durations, moments, numbers. Called by the views for people.
 */
#include "view.h"

#include <inttypes.h>
#include <time.h>

static void put_scaled(struct text *out, uint64_t thousandths, const char *unit)
{
	char fraction[8];
	size_t n = 3;

	(void)snprintf(fraction, sizeof(fraction), "%03u", (unsigned int)(thousandths % 1000));
	while (n && fraction[n - 1] == '0')
		n--;
	text_printf(out, "%" PRIu64 "%s%.*s %s", thousandths / 1000, n ? "." : "", (int)n, fraction,
		    unit);
}

/* view_put_duration(): "850 ns", "1.25 ms", "20.211 s", "12 min 5 s": up to three decimals, as
 * latencies are compared.
 */
void view_put_duration(struct text *out, uint64_t ns)
{
	static const struct {
		const char *unit;
		uint64_t thousandth_ns;
	} units[] = {{"us", 1}, {"ms", NSEC_PER_USEC}, {"s", NSEC_PER_MSEC}};
	char buf[32];

	if (ns < NSEC_PER_USEC) {
		text_printf(out, "%" PRIu64 " ns", ns);
		return;
	}
	if (ns >= 600 * NSEC_PER_SEC) {
		text_str(out, format_duration(ns, buf, sizeof(buf)));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t per = units[i].thousandth_ns, v = (ns + per / 2) / per;

		if (v < 1000000 || i + 1 == ARRAY_SIZE(units)) {
			put_scaled(out, v, units[i].unit);
			return;
		}
	}
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static void break_down(const struct view *v, uint64_t real_ns, struct tm *ret)
{
	time_t seconds = (time_t)(real_ns / NSEC_PER_SEC);

	*ret = (struct tm){0};
	if (v->settings.clock.local)
		(void)localtime_r(&seconds, ret);
	else
		(void)gmtime_r(&seconds, ret);
}

static bool is_trigger_day(const struct view *v, const struct tm *tm)
{
	uint64_t real_ns;
	struct tm day;

	if (!v->settings.clock.triggered || !view_real(v, v->settings.clock.trigger_ns, &real_ns))
		return false;
	break_down(v, real_ns, &day);
	return day.tm_year == tm->tm_year && day.tm_yday == tm->tm_yday;
}

/* view_put_time(): the forms that --from and --to take, so that a time can be copied there. */
void view_put_time(const struct view *v, struct text *out, uint64_t mono_ns)
{
	uint64_t real_ns;
	struct tm tm;

	if (!view_real(v, mono_ns, &real_ns)) {
		text_printf(out, "@%" PRIu64 ".%06" PRIu64, mono_ns / NSEC_PER_SEC,
			    mono_ns % NSEC_PER_SEC / NSEC_PER_USEC);
		return;
	}
	break_down(v, real_ns, &tm);
	if (!is_trigger_day(v, &tm))
		text_printf(out, "%04d-%02d-%02dT", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	text_printf(out, "%02d:%02d:%02d.%06" PRIu64, tm.tm_hour, tm.tm_min, tm.tm_sec,
		    real_ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

/* view_put_from_trigger(): "-20.211388s", again as --from takes it; microseconds, rounded down like
 * the time beside it: so what is copied there is in the window, and what lies before the trigger is
 * told before it. */
void view_put_from_trigger(const struct view *v, struct text *out, uint64_t mono_ns)
{
	int64_t ns = (int64_t)(mono_ns - v->settings.clock.trigger_ns);
	uint64_t us = (magnitude(ns) + (ns < 0 ? NSEC_PER_USEC - 1 : 0)) / NSEC_PER_USEC;

	text_printf(out, "%c%" PRIu64 ".%06" PRIu64 "s", ns < 0 ? '-' : '+', us / 1000000,
		    us % 1000000);
}

static double magnitude_of(double d)
{
	return d < 0 ? -d : d;
}

/* Where no decimals are wanted, what is not whole has two: it would lie outside of what is. */
static void put_real(struct text *out, const struct column *column, const struct cell *c)
{
	double unit = 1, d = c->d;
	int decimals = (int)column->decimals;

	if (c->lacks) {
		view_put_real_cell(out, c);
		return;
	}
	if (!decimals && column->type == COLUMN_REAL && magnitude_of(d) < 0x1p53 &&
	    d != (double)(int64_t)d)
		decimals = 2;
	for (int i = 0; i < decimals; i++)
		unit /= 10;
	/* No "-0.0". */
	if (magnitude_of(d) < unit / 2)
		d = 0;
	text_printf(out, "%.*f", decimals, d);
}

void view_put_number(struct text *out, const struct column *column, const struct cell *c)
{
	char buf[32];

	switch (column->type) {
	case COLUMN_COUNT:
		text_printf(out, "%" PRIu64, c->u);
		break;
	case COLUMN_NUMBER:
		text_printf(out, "%" PRId64, c->i);
		break;
	case COLUMN_REAL:
		put_real(out, column, c);
		break;
	case COLUMN_RATE:
		put_real(out, column, c);
		text_str(out, "/s");
		break;
	case COLUMN_PERCENT:
		put_real(out, column, c);
		text_str(out, "%");
		break;
	case COLUMN_BYTES:
		text_str(out, format_bytes(c->u, buf, sizeof(buf)));
		break;
	case COLUMN_HEX:
		text_printf(out, "%" PRIx64, c->u);
		break;
	default:
		break;
	}
}
