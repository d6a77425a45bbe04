/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Series of a recording, read.
 *
 * Called by the report `series`, by the picture of --html and by --csv and --gnuplot. A series is
 * small beside the trace, and what one makes of it needs to know its counters before the first row:
 * so it does not come by the feed, but whoever wants it reads it, one series after another; the
 * first time (series_learn) to know the counters, and again for rows (series_again).
 *
 * Counters are told apart from gauges by the layout of their file (format/counters.c); where that
 * is not known, what only rises is a counter. A counter that falls
 *
 *	from the highest quarter of 32 or 64 bits to the lowest   has wrapped
 *	to less than half						   began again at 0
 *	by less						   is a sum over CPUs, read while it changed
 *
 * so the last is a step back like any other step. Memory is bounded: by the number of counters, and
 * one chunk.
 */
#include "series.h"

#include <errno.h>

#include "series_filter.h"

#define LABELS_MAX 4096 /* files of one series */
#define SLOTS_FIRST 1024
#define NEAR_NS (10 * NSEC_PER_SEC)

/* ---- which there are ---- */

static void name_of(const struct bundle_stream *s, char *ret, size_t room)
{
	const char *slash = s->member ? strchr(s->member, '/') : NULL;
	const char *dot = slash ? strrchr(slash, '.') : NULL;

	if (dot)
		(void)snprintf(ret, room, "%.*s", (int)(dot - slash - 1), slash + 1);
	else
		(void)snprintf(ret, room, "series-%u", s->id);
}

static void read_head(const struct recording *rec, struct series_source *s)
{
	CLEANUP(text_free) struct text head = {0};
	struct series_head h;

	if (!s->stream->member || bundle_prologue(rec->bundle, s->stream->member, &head, NULL) < 0)
		return;
	s->has_interval = series_head_parse(text_c(&head), head.len, &h) > 0;
	s->interval_ns = s->has_interval ? h.interval_ns : 0;
}

static int by_name(const void *va, const void *vb)
{
	const struct series_source *a = va, *b = vb;

	return strcmp(a->name, b->name);
}

/**
 * series_sources() - the series of a recording, by name
 * @ret: free() it; NULL when there are none
 * @e:   filled on failure
 *
 * Return: how many; 0 with @e->code set when there is no memory.
 */
size_t series_sources(const struct recording *rec, struct series_source **ret, struct err *e)
{
	const struct bundle_stream *streams;
	size_t all = bundle_streams(rec->bundle, &streams), count = 0;

	*ret = calloc(all + 1, sizeof(**ret));
	if (!*ret) {
		(void)err_nomem(e);
		return 0;
	}
	for (size_t i = 0; i < all; i++) {
		struct series_source *s = &(*ret)[count];

		if (streams[i].kind != CHUNK_SERIES)
			continue;
		s->stream = &streams[i];
		name_of(s->stream, s->name, sizeof(s->name));
		read_head(rec, s);
		count++;
	}
	if (count)
		qsort(*ret, count, sizeof(**ret), by_name);
	return count;
}

/* ---- counters of a series ---- */

void series_set_done(struct series_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->counters[i].name);
	for (size_t i = 0; i < s->label_count; i++)
		free(s->labels[i].path);
	free(s->counters);
	free(s->slots);
	free(s->labels);
	*s = (struct series_set){0};
}

static uint64_t hash_of(const struct series_set *s, uint32_t label, const char *name, size_t n)
{
	uint64_t h = s->salt ^ label;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)name[i]) * UINT64_C(0xff51afd7ed558ccd) + (h >> 29);
	return h ^ h >> 32;
}

static bool is_counter(const struct series_counter *c, uint32_t label, const char *name, size_t n)
{
	return c->label == label && c->name_bytes == n && !memcmp(c->name, name, n);
}

static uint32_t *slot_of(const struct series_set *s, uint32_t label, const char *name, size_t n)
{
	for (uint64_t h = hash_of(s, label, name, n);; h++) {
		uint32_t *slot = &s->slots[h & (s->slot_count - 1)];

		if (!*slot || is_counter(&s->counters[*slot - 1], label, name, n))
			return slot;
	}
}

static bool grow_slots(struct series_set *s)
{
	size_t room = s->slot_count ? s->slot_count * 2 : SLOTS_FIRST;
	uint32_t *fresh;

	if (s->count < s->slot_count / 2)
		return true;
	fresh = calloc(room, sizeof(*fresh));
	if (!fresh)
		return false;
	free(s->slots);
	s->slots = fresh;
	s->slot_count = room;
	for (size_t i = 0; i < s->count; i++) {
		const struct series_counter *c = &s->counters[i];

		*slot_of(s, c->label, c->name, c->name_bytes) = (uint32_t)i + 1;
	}
	return true;
}

static bool grow_counters(struct series_set *s)
{
	size_t room = s->room ? s->room * 2 : 256;
	struct series_counter *more;

	if (s->count < s->room)
		return true;
	more = realloc(s->counters, room * sizeof(*more));
	if (!more)
		return false;
	s->counters = more;
	s->room = room;
	return true;
}

struct reading {
	struct series_look *look;
	struct series_set *set;
	uint32_t label;
	uint64_t ns;
	size_t hidden_left; /* counters that nobody asked for and that may still be added */
	bool learning, failed;
};

static struct series_counter *add_counter(struct reading *r, const struct counter *c)
{
	struct series_set *s = r->set;
	struct series_counter *fresh;
	bool hidden;

	if (!r->learning)
		return NULL;
	hidden = !series_is_wanted(s, r->look->options, c->name, c->name_bytes);
	if (!r->look->budget || (hidden && !r->hidden_left)) {
		s->left_out += !hidden;
		return NULL;
	}
	if (!grow_counters(s) || !grow_slots(s)) {
		r->failed = true;
		return NULL;
	}
	fresh = &s->counters[s->count];
	*fresh = (struct series_counter){
		.name = malloc(c->name_bytes + 1),
		.name_bytes = (uint32_t)c->name_bytes,
		.label = r->label,
		.kind = c->kind,
		.hidden = hidden,
	};
	if (!fresh->name) {
		r->failed = true;
		return NULL;
	}
	memcpy(fresh->name, c->name, c->name_bytes);
	fresh->name[c->name_bytes] = '\0';
	*slot_of(s, r->label, c->name, c->name_bytes) = (uint32_t)++s->count;
	s->expected = s->count;
	r->look->budget--;
	r->hidden_left -= hidden;
	return fresh;
}

/* Counters come in the same order each time: the one behind the last is tried first. */
static struct series_counter *find_counter(struct reading *r, const struct counter *c)
{
	struct series_set *s = r->set;
	uint32_t *slot;

	if (s->expected < s->count &&
	    is_counter(&s->counters[s->expected], r->label, c->name, c->name_bytes))
		return &s->counters[s->expected++];
	slot = s->slot_count ? slot_of(s, r->label, c->name, c->name_bytes) : NULL;
	if (!slot || !*slot)
		return add_counter(r, c);
	s->expected = *slot;
	return &s->counters[*slot - 1];
}

/* ---- from one sample to the next ---- */

static struct series_value real_value(double d)
{
	return (struct series_value){.real = true, .negative = d < 0, .d = d};
}

static struct series_value whole_value(uint64_t u, bool negative)
{
	negative &= u > 0; /* there is no -0 */
	return (struct series_value){
		.negative = negative, .u = u, .d = negative ? -(double)u : (double)u};
}

/* @a + @b, exactly while it fits 64 bits. */
static struct series_value add_values(const struct series_value *a, const struct series_value *b,
				      bool *overflowed)
{
	uint64_t u;

	if (a->real || b->real)
		return real_value(a->d + b->d);
	if (a->negative != b->negative)
		return a->u >= b->u ? whole_value(a->u - b->u, a->negative)
				    : whole_value(b->u - a->u, b->negative);
	if (!__builtin_add_overflow(a->u, b->u, &u))
		return whole_value(u, a->negative);
	*overflowed = true;
	return real_value(a->d + b->d);
}

static bool is_less(const struct series_value *a, const struct series_value *b)
{
	if (a->real || b->real)
		return a->d < b->d;
	if (a->negative != b->negative)
		return a->negative;
	return a->negative ? a->u > b->u : a->u < b->u;
}

/* From the highest quarter of what @bits hold to the lowest? */
static bool is_wrap(uint64_t from, uint64_t to, unsigned int bits)
{
	uint64_t quarter = UINT64_C(1) << (bits - 2);

	return from >= 3 * quarter && to < quarter && (bits == 64 || from < UINT64_C(1) << bits);
}

/**
 * series_step() - what a counter has counted from one sample to the next
 * @ns:   between the two
 * @kind: of a gauge no fall has a meaning
 */
struct series_step series_step(const struct series_value *from, const struct series_value *to,
			       uint64_t ns, enum counter_kind kind)
{
	struct series_step s = {.ns = ns};
	struct series_value minus = *from;
	bool overflowed = false;

	minus.negative = !from->negative && (from->u || from->d > 0);
	minus.d = -from->d;
	s.delta = add_values(to, &minus, &overflowed);
	if (kind == COUNTER_GAUGE || !is_less(to, from) || from->real || to->real ||
	    from->negative || to->negative)
		return s;
	if (is_wrap(from->u, to->u, 32)) {
		s.wrapped = true;
		s.delta = whole_value(to->u + (UINT64_C(1) << 32) - from->u, false);
	} else if (is_wrap(from->u, to->u, 64)) {
		s.wrapped = true;
		s.delta = whole_value(to->u - from->u, false);
	} else if (to->u < from->u / 2) {
		s.reset = true;
		s.delta = *to;
	}
	return s;
}

/** series_is_rising() - is it a counter? Else what it is now matters, and not how it came there */
bool series_is_rising(const struct series_counter *c)
{
	if (c->kind == COUNTER_UNKNOWN)
		return c->moved && !c->fell;
	return c->kind == COUNTER_RISING;
}

static bool is_near(const struct series_look *l, uint64_t ns)
{
	uint64_t at = l->rec->trigger_ns;

	return ns >= (at > NEAR_NS ? at - NEAR_NS : 0) && (ns <= at || ns - at <= NEAR_NS);
}

static void take_step(const struct series_look *l, struct series_counter *c, uint64_t ns,
		      const struct series_value *v)
{
	struct series_step s = series_step(&c->last, v, ns - c->last_ns, c->kind);
	double per_s = s.delta.d / ((double)s.ns / (double)NSEC_PER_SEC);

	/* One that fell to 0 has counted nothing since, but it was not always the same. */
	c->moved |= s.delta.d < 0 || s.delta.d > 0 || s.reset;
	/* Of what is not known to be a counter only a wrap is taken for one. */
	c->fell |= c->kind == COUNTER_UNKNOWN && !s.wrapped && is_less(v, &c->last);
	c->resets += s.reset;
	c->wraps += s.wrapped;
	c->sum = add_values(&c->sum, &s.delta, &c->overflowed);
	if (!c->covered_ns || per_s < c->min_per_s)
		c->min_per_s = per_s;
	if (!c->covered_ns || per_s > c->max_per_s) {
		c->max_per_s = per_s;
		c->max_ns = ns;
	}
	c->covered_ns += s.ns;
	if (is_near(l, ns)) {
		c->near_ns += s.ns;
		c->near_sum += s.delta.d;
	}
}

static void learn(const struct series_look *l, struct series_counter *c, uint64_t ns,
		  const struct series_value *v)
{
	if (c->samples && ns > c->last_ns)
		take_step(l, c, ns, v);
	if (!c->samples)
		c->first = c->least = c->most = *v;
	if (is_less(v, &c->least))
		c->least = *v;
	if (is_less(&c->most, v))
		c->most = *v;
	c->last = *v;
	c->last_ns = ns;
	c->samples++;
	c->total += v->d;
	if (is_near(l, ns)) {
		c->near_samples++;
		c->near_total += v->d;
	}
}

/**
 * series_near_factor() - how much a counter differs around the trigger from what it was else
 * @ret_near, @ret_rest: a second, of a counter; the mean, of a gauge
 *
 * 1 more is added to both, so that small numbers do not look like great changes.
 *
 * Return: 1 or more: the greater by the smaller; 0 when one of them is not known.
 */
double series_near_factor(const struct series_counter *c, double *ret_near, double *ret_rest)
{
	bool rising = series_is_rising(c);
	uint64_t near = rising ? c->near_ns : c->near_samples;
	uint64_t all = rising ? c->covered_ns : c->samples;
	double a, b;

	if (!near || near >= all)
		return 0;
	if (rising) {
		*ret_near = c->near_sum / ((double)near / (double)NSEC_PER_SEC);
		*ret_rest =
			(c->sum.d - c->near_sum) / ((double)(all - near) / (double)NSEC_PER_SEC);
	} else {
		*ret_near = c->near_total / (double)near;
		*ret_rest = (c->total - c->near_total) / (double)(all - near);
	}
	a = (*ret_near < 0 ? -*ret_near : *ret_near) + 1;
	b = (*ret_rest < 0 ? -*ret_rest : *ret_rest) + 1;
	return a > b ? a / b : b / a;
}

/* ---- names ---- */

/* Where everything of a kind lies in the same folders, these tell nothing. */
static void cut_label(struct series_label *l)
{
	static const char *const fronts[] = {"/sys/fs/scoutfs/", "/sys/class/block/", "/sys/block/",
					     "/proc/"};
	static const char *const ends[] = {"/counters/", "/stat", "/"};
	size_t n = strlen(l->path);

	l->text = l->path;
	for (size_t i = 0; i < ARRAY_SIZE(fronts); i++) {
		if (!str_starts(l->text, fronts[i]))
			continue;
		l->text += strlen(fronts[i]);
		n -= strlen(fronts[i]);
		break;
	}
	for (size_t i = 0; l->text != l->path && i < ARRAY_SIZE(ends); i++) {
		size_t m = strlen(ends[i]);

		if (n > m && !memcmp(l->text + n - m, ends[i], m)) {
			n -= m;
			break;
		}
	}
	l->text_bytes = (uint32_t)n;
}

/* Of a user's files the folders that all of them lie in tell nothing either. */
static void cut_common(struct series_set *s)
{
	const char *first = s->label_count > 1 ? s->labels[0].path : "";
	size_t common = strlen(first);

	for (size_t i = 1; i < s->label_count; i++) {
		size_t n = 0;

		while (n < common && s->labels[i].path[n] == first[n])
			n++;
		common = n;
	}
	while (common && first[common - 1] != '/')
		common--;
	for (size_t i = 0; common > 1 && i < s->label_count; i++) {
		struct series_label *l = &s->labels[i];

		if (l->text == l->path && l->text_bytes > common) {
			l->text += common;
			l->text_bytes -= (uint32_t)common;
		}
	}
}

/** series_label_of() - what tells the file of a counter from the others; "" where there is one */
const char *series_label_of(const struct series_set *s, const struct series_counter *c,
			    size_t *ret_bytes)
{
	const struct series_label *l = &s->labels[c->label];

	*ret_bytes = s->label_count > 1 ? l->text_bytes : 0;
	return s->label_count > 1 ? l->text : "";
}

int series_order(const struct series_set *s, const struct series_counter *a,
		 const struct series_counter *b)
{
	int order = a->label == b->label
			    ? 0
			    : strverscmp(s->labels[a->label].path, s->labels[b->label].path);

	return order ? order : strverscmp(a->name, b->name);
}

/* UINT32_MAX: there are too many, or no memory. */
static uint32_t label_index(struct reading *r, const struct series_section *section)
{
	CLEANUP(text_free) struct text path = {0};
	struct series_set *s = r->set;
	struct series_label *more;

	series_path(section, &path);
	/* Most often they come in the same order, and are few. */
	for (size_t i = 0; i < s->label_count; i++)
		if (!strcmp(s->labels[i].path, text_c(&path)))
			return (uint32_t)i;
	if (!r->learning || s->label_count == LABELS_MAX)
		return UINT32_MAX;
	more = realloc(s->labels, (s->label_count + 1) * sizeof(*more));
	if (!more || !text_ok(&path)) {
		s->labels = more ? more : s->labels;
		r->failed = true;
		return UINT32_MAX;
	}
	s->labels = more;
	more += s->label_count;
	*more = (struct series_label){.path = strdup(text_c(&path))};
	if (!more->path) {
		r->failed = true;
		return UINT32_MAX;
	}
	cut_label(more);
	return (uint32_t)s->label_count++;
}

/* ---- reading ---- */

static void take_counter(void *arg, const struct counter *c)
{
	struct reading *r = arg;
	struct series_value v = {.real = c->real, .negative = c->negative, .u = c->u, .d = c->d};
	struct series_counter *found = r->failed ? NULL : find_counter(r, c);

	/* The same name twice in a sample: the first is it. */
	if (!found || (found->samples && found->last_ns >= r->ns && r->learning))
		return;
	if (r->learning)
		learn(r->look, found, r->ns, &v);
	if (r->look->value && !found->hidden)
		r->look->value(r->look->arg, r->set, found, r->ns, &v);
}

static void take_section(struct reading *r, const struct series_section *section)
{
	struct series_label *l;

	r->label = label_index(r, section);
	if (r->label == UINT32_MAX) {
		r->set->left_out += r->learning;
		return;
	}
	l = &r->set->labels[r->label];
	if (!section->bytes) {
		if (!r->learning)
			return;
		if (!strcmp(section->error, "EFBIG")) {
			l->cut++;
			r->set->cut++;
			return;
		}
		l->unreadable++;
		r->set->unreadable++;
		memcpy(l->error, section->error, sizeof(l->error));
		return;
	}
	(void)counters_parse(l->path, strlen(l->path), section->bytes, section->byte_count,
			     take_counter, r);
}

static void note_sample(struct series_set *s, const struct series_sample *sample)
{
	uint64_t since = s->samples ? sample->mono_ns - min_of(s->last_ns, sample->mono_ns) : 0;
	uint64_t every = s->source.interval_ns;

	s->longest_ns = max_of(s->longest_ns, since);
	if (every && since > every + every / 2)
		s->missed += (since - every / 2) / every;
	s->first_ns = s->samples ? s->first_ns : sample->mono_ns;
	s->last_ns = sample->mono_ns;
	s->took_ns += sample->took_ns;
	s->took_max_ns = max_of(s->took_max_ns, sample->took_ns);
	s->samples++;
}

static void take_sample(struct reading *r, struct series_walk *w,
			const struct series_sample *sample)
{
	struct series_section section;

	/* Not backwards: a stranger's. */
	if (sample->mono_ns < r->look->from_ns || sample->mono_ns > r->look->to_ns ||
	    sample->mono_ns < r->ns)
		return;
	r->ns = sample->mono_ns;
	r->set->expected = 0;
	if (r->learning)
		note_sample(r->set, sample);
	if (r->look->begin)
		r->look->begin(r->look->arg, r->set, r->ns);
	while (series_next_section(w, &section) > 0)
		take_section(r, &section);
	if (r->look->end)
		r->look->end(r->look->arg, r->set, r->ns);
}

static int read_chunks(struct reading *r, struct err *e)
{
	CLEANUP(bundle_reader_freep) struct bundle_reader *reader = NULL;
	const struct bundle_stream *s = r->set->source.stream;
	const struct bundle *b = r->look->rec->bundle;
	CLEANUP(freep) uint8_t *raw = malloc((size_t)s->raw_max + 1);
	size_t from, to;
	int code = raw ? bundle_reader_new(&reader, e) : err_nomem(e);

	if (code < 0)
		return code;
	bundle_stream_window(s, r->look->from_ns, r->look->to_ns, &from, &to);
	for (size_t i = from; i < to && !r->failed; i++) {
		struct series_sample sample;
		struct series_walk w;

		if (r->look->out)
			report_progress(r->look->out, i - from, to - from);
		if (bundle_chunk_read(b, &s->chunks[i], reader, raw, s->raw_max, NULL) < 0) {
			r->set->damaged += r->learning;
			continue;
		}
		series_walk_begin(&w, raw, s->chunks[i].raw_bytes);
		while (!r->failed && series_next_sample(&w, &sample) > 0)
			take_sample(r, &w, &sample);
		r->set->skipped += r->learning ? w.skipped : 0;
	}
	return r->failed ? err_nomem(e) : 0;
}

/**
 * series_learn() - read a series, and know its counters then
 * @l:   .budget becomes less by as many counters as are added
 * @ret: series_set_done() it, also after a failure
 *
 * Damage is no failure: it is counted in @ret. Counters that --counter does not name are there to
 * find what was meant by a word that names none, and take at most half of the budget.
 *
 * Return: 0; -ENOMEM.
 */
int series_learn(struct series_look *l, const struct series_source *source, struct series_set *ret,
		 struct err *e)
{
	struct reading r = {.look = l, .set = ret, .hidden_left = l->budget / 2, .learning = true};
	int code;

	*ret = (struct series_set){.source = *source,
				   .salt = (uintptr_t)ret * UINT64_C(0x9e3779b97f4a7c15) | 1};
	code = read_chunks(&r, e);
	cut_common(ret);
	return code;
}

/* What others have left over is for those that have more counters than their share. */
static int learn_more(struct series_look *l, const struct series_source *sources, size_t count,
		      struct series_set *sets, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && l->budget && i < count; i++) {
		if (!sets[i].left_out)
			continue;
		l->budget += sets[i].count;
		series_set_done(&sets[i]);
		r = series_learn(l, &sources[i], &sets[i], e);
	}
	return r;
}

/**
 * series_learn_all() - read all series, and know their counters then
 * @l:    .budget is for all of them together
 * @sets: @count of them, zeroed; series_set_done() each, also after a failure
 *
 * A series of very many counters, which may be any file that somebody named, must not leave the
 * others without: each has its share first.
 *
 * Return: 0; -ENOMEM.
 */
int series_learn_all(struct series_look *l, const struct series_source *sources, size_t count,
		     struct series_set *sets, struct err *e)
{
	size_t left = l->budget;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		size_t share = left / (count - i);

		l->budget = share;
		r = series_learn(l, &sources[i], &sets[i], e);
		left -= share - l->budget;
	}
	l->budget = left;
	return r == 0 ? learn_more(l, sources, count, sets, e) : r;
}

/**
 * series_again() - read it once more, for its values
 *
 * Counters that came when there was no budget are left out as before; the others do not change.
 */
int series_again(const struct series_look *l, struct series_set *s, struct err *e)
{
	struct series_look look = *l;
	struct reading r = {.look = &look, .set = s};

	return read_chunks(&r, e);
}
