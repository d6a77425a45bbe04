/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters of a recording as `report A B` compares them: under names that another recording has
 * too.
 *
 * Called by the report `series` when it is made for a comparison. A connection has a port that the
 * next one has not, a mount an id that is new after each mount, a process its pid: what differs in
 * nothing else is one row. Connections are told by their end: the server's, or a client's. Of
 * counters it has the sum over the time that was sampled, of what there is at each moment the mean.
 */
#include "series_merged.h"

#include <errno.h>

#include "out.h"

/* A counter under its name for comparisons. */
struct named {
	const struct series_set *set;
	const struct series_counter *counter;
	char *file, *name;
	bool merges; /* others may have the name too */
};

struct names {
	struct named *list;
	size_t count;
};

static void names_done(struct names *n)
{
	for (size_t i = 0; n->list && i < n->count; i++) {
		free(n->list[i].file);
		free(n->list[i].name);
	}
	free(n->list);
}

/* "f.FSID.r.RID" anywhere in @path loses its RID. */
static void put_path(struct text *out, const char *path, bool *merges)
{
	static const char hex[] = "0123456789abcdef";
	const char *f = strstr(path, "/f.");
	size_t fsid = f ? strspn(f + 3, hex) : 0, rid = 0;

	if (fsid && !strncmp(f + 3 + fsid, ".r.", 3))
		rid = strspn(f + 6 + fsid, hex);
	if (!rid) {
		text_str(out, path);
		return;
	}
	text_add(out, path, (size_t)(f - path) + 6 + fsid);
	text_str(out, "*");
	text_str(out, f + 6 + fsid + rid);
	*merges = true;
}

/* "LOCAL REMOTE.key": which end of the conversation with @server it is. */
static const char *end_of(const char *name, const struct recording *rec)
{
	char server[80];
	size_t n;

	if (!rec->has_server)
		return NULL;
	n = strlen(wire_addr_format(&rec->server, server, sizeof(server)));
	if (!strncmp(name, server, n) && name[n] == ' ')
		return "all, at the server's end";
	name = strchr(name, ' ');
	if (name && !strncmp(name + 1, server, n) && name[n + 1] == '.')
		return "all, at the clients' ends";
	return NULL;
}

static bool name_counter(struct named *n, const struct recording *rec)
{
	const struct series_set *s = n->set;
	const char *path = s->labels[n->counter->label].path, *name = n->counter->name, *end = NULL;
	CLEANUP(text_free) struct text file = {0};

	/* What the kernel has but one of needs no path. */
	if (*path == '/' && (s->label_count > 1 || !str_starts(path, "/proc/")))
		put_path(&file, path, &n->merges);
	if (!strcmp(s->source.name, "tcpinfo"))
		end = end_of(name, rec);
	if (end) {
		text_str(&file, end);
		name = strrchr(name, '.') + 1;
		n->merges = true;
	} else if (!strcmp(s->source.name, "processes") && strchr(name, ' ')) {
		name = strchr(name, ' ') + 1;
		n->merges = true;
	}
	n->file = text_ok(&file) ? strdup(file.len ? text_c(&file) : "") : NULL;
	n->name = strdup(name);
	return n->file && n->name;
}

static int by_name(const void *va, const void *vb)
{
	const struct named *a = va, *b = vb;
	int order;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	order = strverscmp(a->file, b->file);
	return order ? order : strverscmp(a->name, b->name);
}

static int list_names(const struct recording *rec, const struct series_set *sets, size_t count,
		      struct names *ret)
{
	size_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += sets[i].count;
	ret->list = calloc(all + 1, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < sets[i].count; k++) {
			struct named *n = &ret->list[ret->count];

			if (sets[i].counters[k].hidden)
				continue;
			*n = (struct named){.set = &sets[i], .counter = &sets[i].counters[k]};
			ret->count++;
			if (!name_counter(n, rec))
				return -ENOMEM;
		}
	}
	if (ret->count)
		qsort(ret->list, ret->count, sizeof(*ret->list), by_name);
	return 0;
}

/* What fell is no counter; of the others those that do not move go with those that do. */
static bool is_rising(const struct named *n, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		const struct series_counter *c = n[i].counter;

		if (c->kind == COUNTER_GAUGE || c->fell)
			return false;
		any |= series_is_rising(c);
	}
	return any;
}

static void put_names(struct table *t, const struct named *n)
{
	table_row(t);
	table_text(t, n->set->source.name);
	table_text(t, *n->file ? n->file : NULL);
	table_text(t, n->name);
}

static void put_rate(struct table *t, bool known, double per_s)
{
	if (known)
		table_real(t, per_s);
	else
		table_none(t);
}

static void put_counters(struct table *t, const struct named *n, size_t count)
{
	uint64_t covered_ns = n->merges ? n->set->last_ns - n->set->first_ns : 0;
	double sum = 0, span_s;

	for (size_t i = 0; i < count; i++) {
		sum += n[i].counter->sum.d;
		covered_ns = max_of(covered_ns, n[i].counter->covered_ns);
	}
	put_names(t, n);
	span_s = (double)covered_ns / (double)NSEC_PER_SEC;
	put_rate(t, covered_ns && count == 1, n->counter->min_per_s);
	put_rate(t, covered_ns, sum / span_s);
	put_rate(t, covered_ns && count == 1, n->counter->max_per_s);
}

static void put_gauges(struct table *t, const struct named *n, size_t count)
{
	double total = 0, min = n->counter->least.d, max = n->counter->most.d;
	uint64_t samples = 0;

	for (size_t i = 0; i < count; i++) {
		const struct series_counter *c = n[i].counter;

		total += c->total;
		samples += c->samples;
		min = c->least.d < min ? c->least.d : min;
		max = c->most.d > max ? c->most.d : max;
	}
	put_names(t, n);
	table_real(t, min);
	table_real(t, total / (double)max_of(samples, UINT64_C(1)));
	table_real(t, max);
}

/**
 * series_merged() - the tables `counters` and `gauges`, for a comparison
 *
 * Return: 0 or -ENOMEM.
 */
int series_merged(const struct recording *rec, const struct series_set *sets, size_t count,
		  struct report_out *out, struct err *e)
{
	static const struct column counters[] = {SERIES_NAME_COLUMNS,
						 {"min_per_s", "least", COLUMN_RATE, 1},
						 {"avg_per_s", "average", COLUMN_RATE, 1},
						 {"max_per_s", "most", COLUMN_RATE, 1}};
	static const struct column gauges[] = {SERIES_NAME_COLUMNS,
					       {"min", "least", COLUMN_REAL, 1},
					       {"avg", "average", COLUMN_REAL, 1},
					       {"max", "most", COLUMN_REAL, 1}};
	CLEANUP(names_done) struct names names = {0};
	struct table *rates, *values;

	if (list_names(rec, sets, count, &names) < 0)
		return err_nomem(e);
	rates = report_table(out, "counters", "Counters", counters, ARRAY_SIZE(counters));
	values = report_table(out, "gauges", "What there was at each moment", gauges,
			      ARRAY_SIZE(gauges));
	for (size_t i = 0, n; i < names.count; i += n) {
		const struct named *first = &names.list[i];

		for (n = 1; i + n < names.count && !by_name(first, first + n);)
			n++;
		if (is_rising(first, n))
			put_counters(rates, first, n);
		else
			put_gauges(values, first, n);
	}
	return 0;
}
