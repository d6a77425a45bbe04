/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clocks of the recorded host: clocks.csv has a row a second, the manifest the first and the last.
 *
 * Between two anchors the offset is interpolated (the wall clock is slewed by at most 500 ppm, half
 * a microsecond a row), unless it jumped: then the clock was set somewhere between, and the older
 * offset holds up to the newer anchor. Rows that say nothing new are not kept, so that a quiet
 * month costs a few entries.
 */
#include "clocks.h"

#include <errno.h>

#define STEP_NS (10 * NSEC_PER_MSEC) /* as the recorder notes a step */
#define SAME_NS 200		     /* an offset as far off as that is told by its neighbours */
#define ANCHORS_MAX 1000000
#define BOUND_MAX (86400 * NSEC_PER_SEC) /* of what a stranger says; sums of it stay small */

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static int add(struct clocks *c, uint64_t mono_ns, uint64_t real_ns, struct err *e)
{
	struct clocks_anchor a = {mono_ns, (int64_t)(real_ns - mono_ns)};

	/* The middle one of three that agree. */
	if (c->count >= 2 && distance(c->anchors[c->count - 1].offset_ns, a.offset_ns) <= SAME_NS &&
	    distance(c->anchors[c->count - 2].offset_ns, a.offset_ns) <= SAME_NS &&
	    a.mono_ns >= c->anchors[c->count - 1].mono_ns)
		c->count--;
	if (c->count == ANCHORS_MAX)
		return 0;
	if (c->count == c->room) {
		size_t room = max_of(c->room * 2, (size_t)64);
		struct clocks_anchor *more = realloc(c->anchors, room * sizeof(*more));

		if (!more)
			return err_nomem(e);
		c->anchors = more;
		c->room = room;
	}
	c->anchors[c->count++] = a;
	return 0;
}

/* "monotonic_ns,realtime_ns,boottime_ns,tai_ns,bound_ns"; anything else is not a row. */
static int take_row(struct clocks *c, const char *line, struct err *e)
{
	unsigned long long v[5];

	if (sscanf(line, "%llu,%llu,%llu,%llu,%llu", &v[0], &v[1], &v[2], &v[3], &v[4]) != 5 ||
	    v[0] == 0 || v[0] > INT64_MAX || v[1] > INT64_MAX)
		return 0;
	c->bound_ns = max_of(c->bound_ns, min_of((uint64_t)v[4], BOUND_MAX));
	return add(c, v[0], v[1], e);
}

static int take_rows(struct clocks *c, char *text, struct err *e)
{
	int r = 0;

	for (char *line = text, *end; r == 0 && *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		r = take_row(c, line, e);
	}
	return r;
}

static int load_stream(const struct bundle *b, const struct bundle_stream *s, struct clocks *c,
		       struct err *e)
{
	CLEANUP(bundle_reader_freep) struct bundle_reader *reader = NULL;
	CLEANUP(freep) char *text = malloc((size_t)s->raw_max + 1);
	int r = text ? bundle_reader_new(&reader, e) : err_nomem(e);

	for (size_t i = 0; r == 0 && i < s->count; i++) {
		/* A damaged one is told elsewhere, and the rows around it will do. */
		if (bundle_chunk_read(b, &s->chunks[i], reader, text, s->raw_max, NULL) < 0)
			continue;
		text[s->chunks[i].raw_bytes] = '\0';
		r = take_rows(c, text, e);
	}
	return r;
}

static int load_manifest(const struct bundle *b, struct clocks *c, struct err *e)
{
	const struct json_value *anchors =
		json_get(json_get(bundle_manifest(b), "clocks"), "anchors");
	int r = 0;

	if (!anchors || anchors->type != JSON_ARRAY)
		return 0;
	for (const struct json_value *v = anchors->child; r == 0 && v; v = v->next) {
		uint64_t mono = json_get_u64(v, "monotonic_ns", 0);
		uint64_t real = json_get_u64(v, "realtime_ns", 0);

		c->bound_ns =
			max_of(c->bound_ns, min_of(json_get_u64(v, "bound_ns", 0), BOUND_MAX));
		if (mono && mono <= INT64_MAX && real <= INT64_MAX)
			r = add(c, mono, real, e);
	}
	return r;
}

/*
 * The kernel log's clock is read at the start and at the end; the offset of one of them holds for
 * all, so what it drifted between counts too. Its stamps are whole
 * microseconds, and the recorder writes them as such.
 */
static void load_log_bound(const struct bundle *b, struct clocks *c)
{
	const struct json_value *list =
		json_get(json_get(bundle_manifest(b), "clocks"), "local_clock");
	int64_t least = INT64_MAX, most = INT64_MIN;
	uint64_t bound = 0;

	if (!list || list->type != JSON_ARRAY)
		return;
	for (const struct json_value *v = list->child; v; v = v->next) {
		int64_t offset = json_get_i64(v, "monotonic_minus_local_ns", 0);

		bound = max_of(bound, min_of(json_get_u64(v, "bound_ns", 0), BOUND_MAX));
		least = min_of(least, offset);
		most = max_of(most, offset);
	}
	if (bound)
		c->log_bound_ns =
			bound + min_of(distance(most, least), BOUND_MAX) + 2 * NSEC_PER_USEC;
}

static int by_mono(const void *a, const void *b)
{
	uint64_t x = ((const struct clocks_anchor *)a)->mono_ns;
	uint64_t y = ((const struct clocks_anchor *)b)->mono_ns;

	return x < y ? -1 : x > y;
}

/**
 * clocks_load() - read the anchors of a bundle
 * @b:   indexed
 * @ret: clocks_done() it, also after a failure
 *
 * Return: 0, with whatever anchors there are; -ENOMEM.
 */
int clocks_load(const struct bundle *b, struct clocks *ret, struct err *e)
{
	const struct bundle_stream *s = bundle_stream(b, CHUNK_CLOCKS, 0);
	int r;

	*ret = (struct clocks){0};
	r = s ? load_stream(b, s, ret, e) : 0;
	if (r == 0)
		r = load_manifest(b, ret, e);
	if (r < 0)
		return r;
	load_log_bound(b, ret);
	if (ret->count)
		qsort(ret->anchors, ret->count, sizeof(*ret->anchors), by_mono);
	for (size_t i = 1; i < ret->count; i++)
		ret->steps += distance(ret->anchors[i].offset_ns, ret->anchors[i - 1].offset_ns) >
			      STEP_NS;
	return 0;
}

/**
 * clocks_bound() - how far off the conversions are
 *
 * Both clocks are slewed alike, so that their offset changes by steps only: what is off is the
 * reading of an anchor, and what another one that was left out for it may differ (SAME_NS). Not so
 * between two anchors with a step of the wall clock between them: see .steps.
 *
 * Return: false: there are no anchors, or they do not say.
 */
bool clocks_bound(const struct clocks *c, uint64_t *ret_ns)
{
	*ret_ns = c->bound_ns + SAME_NS;
	return c->count && c->bound_ns;
}

void clocks_done(struct clocks *c)
{
	free(c->anchors);
	*c = (struct clocks){0};
}

static int64_t offset_at(const struct clocks *c, uint64_t mono_ns)
{
	size_t low = 0, high = c->count;
	const struct clocks_anchor *a;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (c->anchors[middle].mono_ns <= mono_ns)
			low = middle;
		else
			high = middle;
	}
	a = &c->anchors[low];
	if (mono_ns <= a->mono_ns || high == c->count ||
	    distance(a[0].offset_ns, a[1].offset_ns) > STEP_NS || a[1].mono_ns == a[0].mono_ns)
		return a->offset_ns;
	return a->offset_ns + (int64_t)((double)(a[1].offset_ns - a[0].offset_ns) *
					((double)(mono_ns - a[0].mono_ns) /
					 (double)(a[1].mono_ns - a[0].mono_ns)));
}

bool clocks_real_of_mono(const struct clocks *c, uint64_t mono_ns, uint64_t *ret_real_ns)
{
	if (!c->count)
		return false;
	*ret_real_ns = mono_ns + (uint64_t)offset_at(c, mono_ns);
	return true;
}

bool clocks_mono_of_real(const struct clocks *c, uint64_t real_ns, uint64_t near_mono_ns,
			 uint64_t *ret_mono_ns)
{
	uint64_t first, second;

	if (!c->count)
		return false;
	first = real_ns - (uint64_t)offset_at(c, near_mono_ns);
	second = real_ns - (uint64_t)offset_at(c, first);
	/* A step lies between: the one of the two that is nearer to where it should be. */
	if (distance((int64_t)second, (int64_t)near_mono_ns) <=
	    distance((int64_t)first, (int64_t)near_mono_ns) + STEP_NS)
		first = second;
	/* Lines of the boot are from before the clock began, by as much as the anchors are off. */
	*ret_mono_ns = (int64_t)first < 0 ? 0 : first;
	return true;
}
