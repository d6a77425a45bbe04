/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Report `rates`: how many events of each name a second, and how many messages of each kind.
 *
 * Trace events are not looked at one by one: the threads that scan the rings count them by second
 * (trace_feed.h), and this report adds up what they counted. CPUs are not counted side by side: one
 * may be done before another one begins. So a row of slots over the whole window is kept for each
 * name, a slot being a second, or as many seconds as make SLOTS_MAX slots do for the whole window:
 * of a recording of weeks the busiest "second" is the average of some.
 *
 * Averages are over what the source covers of the window: before its first record and behind its
 * last one nothing can be known. The least and the greatest rate are those of whole slots of that:
 * it begins and ends within one. Slots are whole seconds of UTC (recording.h).
 */
#include <inttypes.h>

#include "analysis.h"
#include "feed.h"

#define SLOTS_MAX 32768 /* nine hours of seconds */
#define MEMORY_MAX (64 * MIB)
#define MESSAGE_KINDS (2 * WIRE_COMMANDS)
#define QUORUM_KINDS 4

/* What is counted under one name. */
struct series {
	uint64_t count, first_ns, last_ns;
	uint32_t *slots; /* [slot_count]; NULL: nothing was counted, or no room */
};

struct rates {
	const struct recording *rec;
	struct report_out *out;
	uint64_t from_ns, to_ns;
	uint64_t base, width; /* ticks: the first of the first slot, in each */
	struct cover trace, packets;
	size_t slot_count;
	size_t memory;
	bool no_room;

	uint32_t *series_of;   /* [events.count + 1]: of formats with the same name the first */
	struct series *events; /* [events.count + 1] */
	struct series all_events;
	struct series messages[MESSAGE_KINDS], datagrams[QUORUM_KINDS];
	struct series all_messages, all_datagrams;
};

static int open_rates(void *self, const struct recording *rec, const struct analysis_options *o,
		      struct report_out *out, struct err *e)
{
	struct rates *a = self;
	uint64_t seconds;

	a->rec = rec;
	a->out = out;
	a->from_ns = max_of(o->from_ns, rec->first_ns);
	a->to_ns = max_of(min_of(o->to_ns, rec->last_ns), a->from_ns);
	(void)recording_cover(rec, COUNTED_IN_TRACE, a->from_ns, a->to_ns, &a->trace);
	(void)recording_cover(rec, COUNTED_IN_PACKETS, a->from_ns, a->to_ns, &a->packets);
	a->base = recording_tick(rec, a->from_ns);
	seconds = recording_tick(rec, a->to_ns) - a->base + 1;
	a->width = (seconds + SLOTS_MAX - 1) / SLOTS_MAX;
	a->slot_count = (size_t)((seconds + a->width - 1) / a->width);
	a->events = calloc((size_t)rec->events.count + 1, sizeof(*a->events));
	a->series_of = calloc((size_t)rec->events.count + 1, sizeof(*a->series_of));
	if (!a->events || !a->series_of)
		return err_nomem(e);
	for (uint32_t i = 0; i < rec->events.count; i++) {
		const struct event_format *f = &rec->events.formats[i];
		const struct event_format *first = event_by_name(&rec->events, f->system, f->name);

		a->series_of[i] = (uint32_t)((first ? first : f) - rec->events.formats);
	}
	a->series_of[rec->events.count] = rec->events.count;
	return 0;
}

static void make_slots(struct rates *a, struct series *s)
{
	size_t bytes = a->slot_count * sizeof(*s->slots);

	if (a->memory + bytes <= MEMORY_MAX)
		s->slots = calloc(a->slot_count, sizeof(*s->slots));
	if (s->slots)
		a->memory += bytes;
	else
		a->no_room = true;
}

static void count(struct rates *a, struct series *s, const struct trace_tally *t)
{
	uint64_t slot = t->tick < a->base ? 0 : (t->tick - a->base) / a->width;
	uint32_t *at;

	if (!s->count) {
		s->first_ns = t->first_ns;
		s->last_ns = t->last_ns;
		make_slots(a, s);
	}
	s->count += t->count;
	s->first_ns = min_of(s->first_ns, t->first_ns);
	s->last_ns = max_of(s->last_ns, t->last_ns);
	if (!s->slots)
		return;
	at = &s->slots[min_of(slot, (uint64_t)a->slot_count - 1)];
	if (__builtin_add_overflow(*at, t->count, at))
		*at = UINT32_MAX;
}

static void tally_rates(void *self, const struct trace_tally *t, size_t n)
{
	struct rates *a = self;

	for (size_t i = 0; i < n; i++) {
		uint32_t type = min_of(t[i].type, a->rec->events.count);

		count(a, &a->events[a->series_of[type]], &t[i]);
		count(a, &a->all_events, &t[i]);
	}
}

static void count_one(struct rates *a, struct series *s, struct series *all, uint64_t ns)
{
	const struct trace_tally one = {
		.tick = recording_tick(a->rec, ns), .first_ns = ns, .last_ns = ns, .count = 1};

	count(a, s, &one);
	count(a, all, &one);
}

static void message_rates(void *self, const struct tcpflow_connection *c,
			  const struct tcpflow_message *m)
{
	struct rates *a = self;
	unsigned int kind = 2 * (m->header.command % WIRE_COMMANDS) + m->header.response;

	(void)c;
	count_one(a, &a->messages[kind], &a->all_messages, m->header_ns);
}

static void datagram_rates(void *self, const struct datagram *d)
{
	struct rates *a = self;

	count_one(a, &a->datagrams[d->quorum.type % QUORUM_KINDS], &a->all_datagrams, d->ns);
}

/* ---- tables ---- */

/* Is all of the slot covered? */
static bool is_whole(const struct rates *a, const struct cover *c, size_t slot)
{
	uint64_t from, to;

	return recording_tick_ns(a->rec, a->base + slot * a->width, &from) &&
	       recording_tick_ns(a->rec, a->base + (slot + 1) * a->width, &to) &&
	       from >= c->from_ns && to - 1 <= c->to_ns;
}

struct extremes {
	bool known;
	uint32_t least, greatest;
	size_t greatest_slot;
};

static struct extremes find_extremes(const struct rates *a, const struct series *s,
				     const struct cover *c)
{
	struct extremes x = {0};

	for (size_t i = 0; s->slots && i < a->slot_count; i++) {
		if (!is_whole(a, c, i))
			continue;
		if (!x.known || s->slots[i] < x.least)
			x.least = s->slots[i];
		if (!x.known || s->slots[i] > x.greatest) {
			x.greatest = s->slots[i];
			x.greatest_slot = i;
		}
		x.known = true;
	}
	return x;
}

static double seconds_of(const struct cover *c)
{
	return c->to_ns > c->from_ns ? (double)(c->to_ns - c->from_ns) / (double)NSEC_PER_SEC : 0;
}

static void put_extremes(const struct rates *a, struct table *t, const struct extremes *x)
{
	uint64_t ns;

	if (!x->known) {
		table_none(t);
		table_none(t);
		table_none(t);
		return;
	}
	table_real(t, (double)x->least / (double)a->width);
	table_real(t, (double)x->greatest / (double)a->width);
	/* There are some, but only in seconds that are not whole. */
	if (x->greatest && recording_tick_ns(a->rec, a->base + x->greatest_slot * a->width, &ns))
		table_u64(t, ns);
	else
		table_none(t);
}

/* The cells behind the name. */
static void put_series(struct rates *a, struct table *t, const struct series *s,
		       const struct series *all, const struct cover *c)
{
	struct extremes x = find_extremes(a, s, c);
	double seconds = seconds_of(c);

	table_u64(t, s->count);
	table_real(t, (double)s->count / (double)all->count * 100);
	if (seconds > 0)
		table_real(t, (double)s->count / seconds);
	else
		table_none(t);
	put_extremes(a, t, &x);
	table_i64(t, (int64_t)(s->first_ns - a->rec->trigger_ns));
	table_i64(t, (int64_t)(s->last_ns - a->rec->trigger_ns));
}

#define RATE_COLUMNS                                                                              \
	{"count", "count", COLUMN_COUNT}, {"share_percent", "share", COLUMN_PERCENT, 1},          \
		{"avg_per_s", "average", COLUMN_RATE, 1}, {"min_per_s", "least", COLUMN_RATE, 0}, \
		{"max_per_s", "most", COLUMN_RATE, 0}, {"max_at_ns", "most at", COLUMN_TIME},     \
		{"first_offset_ns", "first", COLUMN_OFFSET},                                      \
	{                                                                                         \
		"last_offset_ns", "last", COLUMN_OFFSET                                           \
	}

/* Over what time, and what a second is. */
static void note_cover(const struct rates *a, struct table *t, const struct cover *c)
{
	const char *of = a->rec->clocks.count ? "UTC" : "the host's monotonic clock";
	double covered = seconds_of(c), window = (double)(a->to_ns - a->from_ns) / 1e9;

	if (c->from_ns > a->from_ns || c->to_ns < a->to_ns)
		table_note(
			t,
			"The average is over the %.3f s from the first to the last that was "
			"recorded, of %.3f s that are looked at; the least and the most are over "
			"the whole seconds of %s in them.",
			covered, window, of);
	else
		table_note(t,
			   "The average is over all of the %.3f s, the least and the most are over "
			   "the whole seconds of %s in them.",
			   covered, of);
	table_note(t, "First and last are counted from %s.",
		   a->rec->triggered ? "the trigger" : "the end");
}

static void end_table(struct rates *a, struct table *t, const struct series *all, size_t texts,
		      const struct cover *c)
{
	bool trace = c == &a->trace;
	unsigned int source = trace ? FEED_TRACE : FEED_PACKETS;
	bool left_out = a->rec->feed && a->rec->feed->left_out & 1U << source;

	t->counted_in = trace ? COUNTED_IN_TRACE : COUNTED_IN_PACKETS;
	table_sort(t, "count", true);
	if (!all->count) {
		table_note(t, "%s",
			   left_out ? "This source was not looked at: --source leaves it out."
				    : "There are none.");
		return;
	}
	table_total(t);
	table_text(t, "all");
	for (size_t i = 1; i < texts; i++)
		table_none(t);
	put_series(a, t, all, all, c);
	note_cover(a, t, c);
	if (a->width > 1)
		table_note(t,
			   "So long a recording is counted by %" PRIu64
			   " seconds: the least and the most are averages of those.",
			   a->width);
	if (a->no_room)
		table_note(t, "For some there was no room to count by seconds: they have no least "
			      "and most.");
}

static void tell_events(struct rates *a)
{
	static const struct column columns[] = {
		{"event", "event", COLUMN_TEXT},
		RATE_COLUMNS,
	};
	struct table *t = report_table(a->out, "events", "Trace events a second, by name", columns,
				       ARRAY_SIZE(columns));

	for (uint32_t i = 0; i <= a->rec->events.count; i++) {
		const struct event_format *f = &a->rec->events.formats[i];

		if (!a->events[i].count)
			continue;
		table_row(t);
		if (i < a->rec->events.count)
			table_textf(t, "%s:%s", f->system, f->name);
		else
			table_text(t, "(of no known format)");
		put_series(a, t, &a->events[i], &a->all_events, &a->trace);
	}
	end_table(a, t, &a->all_events, 1, &a->trace);
}

static void tell_packets(struct rates *a)
{
	static const struct column columns[] = {
		{"message", "message", COLUMN_TEXT},
		{"kind", "kind", COLUMN_TEXT},
		RATE_COLUMNS,
	};
	struct table *t = report_table(a->out, "messages", "Messages a second, from the packets",
				       columns, ARRAY_SIZE(columns));

	for (unsigned int i = 0; i < MESSAGE_KINDS; i++) {
		if (!a->messages[i].count)
			continue;
		table_row(t);
		table_text(t, wire_command_name(i / 2));
		table_text(t, i % 2 ? "response" : "request");
		put_series(a, t, &a->messages[i], &a->all_messages, &a->packets);
	}
	end_table(a, t, &a->all_messages, 2, &a->packets);
}

static void tell_quorum(struct rates *a)
{
	static const struct column columns[] = {
		{"message", "message", COLUMN_TEXT},
		RATE_COLUMNS,
	};
	struct table *t = report_table(a->out, "quorum", "Quorum datagrams a second", columns,
				       ARRAY_SIZE(columns));

	for (unsigned int i = 0; i < QUORUM_KINDS; i++) {
		if (!a->datagrams[i].count)
			continue;
		table_row(t);
		table_text(t, wire_quorum_type_name(i));
		put_series(a, t, &a->datagrams[i], &a->all_datagrams, &a->packets);
	}
	end_table(a, t, &a->all_datagrams, 1, &a->packets);
}

static int result_rates(void *self, struct report_out *out, struct err *e)
{
	struct rates *a = self;

	(void)out;
	(void)e;
	tell_events(a);
	tell_packets(a);
	tell_quorum(a);
	return 0;
}

static void done_rates(void *self)
{
	struct rates *a = self;

	for (uint32_t i = 0; a->events && i <= a->rec->events.count; i++)
		free(a->events[i].slots);
	for (unsigned int i = 0; i < MESSAGE_KINDS; i++)
		free(a->messages[i].slots);
	for (unsigned int i = 0; i < QUORUM_KINDS; i++)
		free(a->datagrams[i].slots);
	free(a->all_events.slots);
	free(a->all_messages.slots);
	free(a->all_datagrams.slots);
	free(a->events);
	free(a->series_of);
}

const struct analysis_ops analysis_rates = {
	.name = "rates",
	.title = "Rates",
	.tables = "events messages quorum",
	.summary = "events a second by name, messages a second by command",
	.self_bytes = sizeof(struct rates),
	.open = open_rates,
	.tally = tally_rates,
	.message = message_rates,
	.datagram = datagram_rates,
	.result = result_rates,
	.done = done_rates,
};
