/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a recording amounts to: how long each source reaches, what was lost, why it ended; as JSON
 * for programs and as a page for people.
 *
 * Called by finish.c. It reads what folder.c and format/segment.c have loaded and writes texts; it
 * touches no file. scoutfs-trace-bundle(5) describes manifest.json for those who read it.
 */
#include "manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#define MANIFEST_VERSION 1

static const struct {
	const char *name;
	enum chunk_stream stream;
	const char *member;
} surveyed[] = {
	{"ftrace", CHUNK_RING, "trace.dat"},
	{"packets", CHUNK_PACKETS, "packets.pcap"},
	{"kmsg", CHUNK_KMSG, "kernel.log"},
	{"clocks", CHUNK_CLOCKS, "clocks.csv"},
	{"spool", 0, NULL}, /* not a source, but things get lost there */
};

/* ---- gaps ---- */

static struct gap *add_gap(struct holding *h, const char *kind)
{
	struct gap *more = realloc(h->gaps, (h->gap_count + 1) * sizeof(*more));

	if (!more)
		return NULL;
	h->gaps = more;
	more += h->gap_count++;
	*more = (struct gap){0};
	(void)snprintf(more->kind, sizeof(more->kind), "%s", kind);
	return more;
}

/* A line that tells of a gap, by the gap's number. */
struct gap_line {
	uint64_t number;
	size_t line;
};

static int by_number(const void *va, const void *vb)
{
	const struct gap_line *a = va, *b = vb;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static int by_line(const void *va, const void *vb)
{
	const struct gap_line *a = va, *b = vb;

	return a->line < b->line ? -1 : a->line > b->line;
}

/* Of the lines of one number the last, in order of line. The caller frees @ret. */
static int list_gap_lines(const struct folder *f, struct gap_line **ret, size_t *ret_count)
{
	struct gap_line *all = calloc(max_of(f->journal_count, (size_t)1), sizeof(*all));
	size_t count = 0, kept = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < f->journal_count; i++) {
		const struct json_value *v = json_get(json_root(f->journal[i]), "gap");

		if (v)
			all[count++] = (struct gap_line){json_get_u64(v, "number", 0), i};
	}
	qsort(all, count, sizeof(*all), by_number);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || all[i + 1].number != all[i].number)
			all[kept++] = all[i];
	qsort(all, kept, sizeof(*all), by_line);
	*ret = all;
	*ret_count = kept;
	return 0;
}

static struct holding *holding_named(struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->holding_count; i++)
		if (!strcmp(m->holdings[i].name, name))
			return &m->holdings[i];
	return NULL;
}

/* The ledger's entries; of those that were journalled more than once the last one counts. */
static int take_gaps(struct manifest *m)
{
	CLEANUP(freep) struct gap_line *lines = NULL;
	const struct folder *f = m->folder;
	size_t count;

	if (list_gap_lines(f, &lines, &count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct json_value *v = json_get(json_root(f->journal[lines[i].line]), "gap");
		struct holding *h = v ? holding_named(m, json_get_str(v, "source", "")) : NULL;
		const char *kind = json_get_str(v, "kind", "fault");
		struct gap *g;

		if (!h)
			continue;
		g = add_gap(h, kind);
		if (!g)
			return -ENOMEM;
		g->id = (uint32_t)json_get_u64(v, "id", 0);
		g->from_ns = json_get_u64(v, "from_ns", 0);
		g->to_ns = json_get_u64(v, "to_ns", 0);
		g->count = json_get_u64(v, "count", 0);
		g->uncounted = json_get_bool(v, "uncounted", false);
		(void)snprintf(g->reason, sizeof(g->reason), "%s", json_get_str(v, "reason", ""));
		if (strcmp(kind, "fault") != 0)
			continue;
		h->lost += g->count;
		h->lost_uncounted |= g->uncounted;
	}
	return 0;
}

/* Did the budget drop anything between @from_ns and @to_ns? */
static bool budget_dropped(struct manifest *m, uint64_t from_ns, uint64_t to_ns)
{
	const struct holding *spool = holding_named(m, "spool");

	for (size_t i = 0; spool && i < spool->gap_count; i++)
		if (!strcmp(spool->gaps[i].kind, "retention") && from_ns <= spool->gaps[i].to_ns &&
		    to_ns >= spool->gaps[i].from_ns)
			return true;
	return false;
}

/* Chunks of one stream that are not there: the budget took them, or something else did. */
static int add_hole(struct manifest *m, struct holding *h, uint32_t id, uint64_t from, uint64_t to)
{
	bool budget = budget_dropped(m, from, to);
	struct gap *g;

	/* The CPUs of one machine lose the same stretch of time: one gap tells it. */
	for (size_t i = 0; budget && i < h->gap_count; i++) {
		g = &h->gaps[i];
		if (strcmp(g->kind, "retention") != 0 || from > g->to_ns || to < g->from_ns)
			continue;
		g->from_ns = min_of(g->from_ns, from);
		g->to_ns = max_of(g->to_ns, to);
		return 0;
	}
	g = add_gap(h, budget ? "retention" : "damage");
	if (!g)
		return -ENOMEM;
	g->id = id;
	g->from_ns = from;
	g->to_ns = to;
	g->uncounted = true;
	(void)snprintf(g->reason, sizeof(g->reason), "%s",
		       budget ? "older than the disk budget reaches"
			      : "chunks of the spool are missing");
	if (!budget)
		h->lost_uncounted = true;
	return 0;
}

/* Where the time of a stream begins that has nothing before @c. */
static uint64_t time_before(const struct manifest *m, const struct chunk *before)
{
	return before ? before->last_ns
		      : json_get_u64(folder_facts(m->folder), "created_monotonic_ns", 0);
}

/* A stream whose sequence jumps, or does not begin at 1, has lost chunks on disk. */
static int take_hole(struct manifest *m, struct holding *h, const struct chunk *before,
		     const struct chunk *after)
{
	uint64_t missing = after->sequence - (before ? before->sequence : 0) - 1;

	return missing ? add_hole(m, h, after->id, time_before(m, before), after->first_ns) : 0;
}

/* The newest chunk that is there of a stream, or NULL. */
static const struct chunk *newest_chunk(const struct manifest *m, uint64_t stream, uint64_t id)
{
	const struct chunk *newest = NULL;

	for (size_t i = 0; i < m->set->entry_count; i++)
		if (m->set->entries[i].chunk.stream == stream && m->set->entries[i].chunk.id == id)
			newest = &m->set->entries[i].chunk;
	return newest;
}

/* When the last spool of this folder was closed it wrote down how far each stream went. */
static int take_ends(struct manifest *m, struct holding *h)
{
	uint64_t end = json_get_u64(folder_last(m->folder, "timings"), "frozen_monotonic_ns", 0);
	const struct json_value *list;
	size_t line = 0;
	int r = 0;

	while (r == 0 && (list = folder_next(m->folder, "sealed", &line)))
		for (const struct json_value *v = list->child; r == 0 && v; v = v->next) {
			uint64_t id = json_get_u64(v, "id", 0);
			const struct chunk *c;
			uint64_t from;

			if (json_get_u64(v, "stream", 0) != (uint64_t)h->stream ||
			    (h->id && id != h->id))
				continue;
			c = newest_chunk(m, (uint64_t)h->stream, id);
			from = time_before(m, c);
			if (json_get_u64(v, "last", 0) > (c ? c->sequence : 0))
				r = add_hole(m, h, (uint32_t)id, from, max_of(from, end));
		}
	return r;
}

/* What the ledger has of the losses of one stream. */
static uint64_t ledger_has(const struct holding *h, uint32_t id)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->gap_count; i++)
		if (!strcmp(h->gaps[i].kind, "fault") && h->gaps[i].id == id)
			sum += h->gaps[i].count;
	return sum;
}

/* Losses that chunks tell of, and the ledger, or what is left of it, does not. */
static int take_untold(struct holding *h, const struct chunk *sum)
{
	uint64_t told = ledger_has(h, sum->id);
	struct gap *g;

	if (sum->lost <= told)
		return 0;
	g = add_gap(h, "damage");
	if (!g)
		return -ENOMEM;
	g->id = sum->id;
	g->from_ns = sum->first_ns;
	g->to_ns = sum->last_ns;
	g->count = sum->lost - told;
	g->uncounted = true;
	(void)snprintf(g->reason, sizeof(g->reason),
		       "the records tell of losses that the ledger does not have");
	h->lost += g->count;
	h->lost_uncounted = true;
	return 0;
}

/* ---- the survey ---- */

bool manifest_holds(const struct holding *h, const struct chunk *c)
{
	return h->stream && c->stream == h->stream && (!h->id || c->id == h->id);
}

/* The losses that @c tells of, in what chunks of the same stream have told before. */
static void add_lost(struct chunk *sum, const struct chunk *c)
{
	if (!c->lost)
		return;
	sum->first_ns = sum->lost ? min_of(sum->first_ns, c->first_ns) : c->first_ns;
	sum->last_ns = max_of(sum->last_ns, c->last_ns);
	sum->lost += c->lost;
}

static int survey_entries(struct manifest *m, struct holding *h)
{
	const struct chunk *before = NULL;
	struct chunk lost = {0}; /* of one stream: .id, .first_ns, .last_ns, .lost */
	int r = 0;

	for (size_t i = 0; i < m->set->entry_count; i++) {
		const struct chunk *c = &m->set->entries[i].chunk;

		if (!manifest_holds(h, c))
			continue;
		if (!before || before->id != c->id) {
			r = take_untold(h, &lost);
			lost = (struct chunk){.id = c->id};
			before = NULL;
		}
		if (r == 0)
			r = take_hole(m, h, before, c);
		if (r < 0)
			return r;
		add_lost(&lost, c);
		before = c;
		h->first_ns = h->records ? min_of(h->first_ns, c->first_ns) : c->first_ns;
		h->last_ns = max_of(h->last_ns, c->last_ns);
		h->records += c->records;
		h->raw_bytes += c->raw_bytes;
	}
	m->newest_ns = max_of(m->newest_ns, h->last_ns);
	r = take_untold(h, &lost);
	return r == 0 ? take_ends(m, h) : r;
}

static void take_status(struct manifest *m, struct holding *h)
{
	const struct json_value *v;
	size_t line = 0;

	(void)snprintf(h->status, sizeof(h->status), "ok");
	while ((v = folder_next(m->folder, "source", &line))) {
		const char *status = json_get_str(v, "status", "");
		size_t used = strlen(h->why);

		if (strcmp(json_get_str(v, "name", ""), h->name) != 0)
			continue;
		if (strcmp(h->status, "failed") != 0)
			(void)snprintf(h->status, sizeof(h->status), "%s", status);
		(void)snprintf(h->why + used, sizeof(h->why) - used, "%s%s", used ? "; " : "",
			       json_get_str(v, "why", ""));
	}
}

/**
 * manifest_damage() - note that something of a source is there no more, or cannot be read
 * @source: "ftrace", ..., or "spool" when it is not known whose it was
 * @fmt:    what, for people
 *
 * A gap without a time, and the source is not "ok". What was noted already is not noted twice.
 *
 * Return: 0 or -ENOMEM.
 */
int manifest_damage(struct manifest *m, const char *source, struct err *e, const char *fmt, ...)
{
	struct holding *h = holding_named(m, source);
	char reason[sizeof(h->gaps->reason)];
	struct gap *g;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	for (size_t i = 0; h && i < h->gap_count; i++)
		if (!strcmp(h->gaps[i].reason, reason))
			return 0;
	g = h ? add_gap(h, "damage") : NULL;
	if (!g)
		return err_nomem(e);
	g->uncounted = true;
	(void)snprintf(g->reason, sizeof(g->reason), "%s", reason);
	h->lost_uncounted = true;
	m->complete = false;
	manifest_degrade(m, source, reason);
	return 0;
}

/**
 * manifest_degrade() - say that a source is not what it should be, although nothing of it is lost
 */
void manifest_degrade(struct manifest *m, const char *source, const char *why)
{
	struct holding *h = holding_named(m, source);
	size_t used = h ? strlen(h->why) : 0;

	if (!h)
		return;
	if (!strcmp(h->status, "ok"))
		(void)snprintf(h->status, sizeof(h->status), "degraded");
	if (!strstr(h->why, why))
		(void)snprintf(h->why + used, sizeof(h->why) - used, "%s%s", used ? "; " : "", why);
}

static int take_file_damage(struct manifest *m, const char *file, const char *why, uint64_t at,
			    uint64_t bytes, struct err *e)
{
	if (why)
		return manifest_damage(m, "spool", e, "%s %s", file, why);
	return manifest_damage(m, "spool", e,
			       "%s: %" PRIu64 " bytes from offset %" PRIu64 " on cannot be read",
			       file, bytes, at);
}

/* What cannot be read of the folder: now, or when a recovery took it over. */
static int take_damage(struct manifest *m, struct err *e)
{
	const struct folder *f = m->folder;
	const struct json_value *v;
	size_t line = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->set->damage_count; i++) {
		const struct segment_damage *d = &m->set->damage[i];

		r = take_file_damage(m, d->file, d->why, d->at, d->bytes, e);
	}
	for (size_t i = 0; r == 0 && i < f->damage_count; i++)
		r = take_file_damage(m, f->damage[i].file, f->damage[i].why, 0, 0, e);
	while (r == 0 && (v = folder_next(f, "damage", &line)))
		r = take_file_damage(m, json_get_str(v, "file", "a file"),
				     json_get_str(v, "why", "cannot be read"), 0, 0, e);
	if (r == 0 && f->journal_bad)
		r = manifest_damage(m, "spool", e,
				    "%" PRIu64
				    " lines of the journal cannot be read: what they told "
				    "is not in this manifest",
				    f->journal_bad);
	if (r == 0 && f->losses_bad)
		r = manifest_damage(m, "spool", e,
				    "%" PRIu64 " entries of the ledger of losses cannot be read: "
				    "what they told is not counted",
				    f->losses_bad);
	return r;
}

/* A source that lost something is not "ok", whatever it thought itself. */
static void judge(struct manifest *m, struct holding *h)
{
	for (size_t i = 0; i < h->gap_count; i++) {
		const struct gap *g = &h->gaps[i];
		bool damage = !strcmp(g->kind, "damage");

		if (!damage && (strcmp(g->kind, "fault") != 0 || !(g->count || g->uncounted)))
			continue;
		m->complete = false;
		if (!strcmp(h->status, "ok"))
			manifest_degrade(m, h->name, g->reason);
	}
	if (!strcmp(h->status, "failed") || h->lost || h->lost_uncounted)
		m->complete = false;
}

/* REALTIME less MONOTONIC: by the newest anchor, or as it was when the session began. */
static void take_offset(struct manifest *m)
{
	const struct json_value *anchor = folder_last(m->folder, "anchor");
	const struct json_value *facts = folder_facts(m->folder);
	uint64_t real = json_get_u64(anchor, "realtime_ns", 0);
	uint64_t mono = json_get_u64(anchor, "monotonic_ns", 0);

	if (!anchor) {
		real = json_get_u64(facts, "created_realtime_ns", 0);
		mono = json_get_u64(facts, "created_monotonic_ns", 0);
	}
	m->real_known = anchor || (real && mono);
	/* Modulo 2^64, here and in real_of(): a damaged anchor gives a wrong time and no more. */
	if (m->real_known)
		m->real_offset_ns = (int64_t)(real - mono);
}

static bool is_series_name(const char *name, const char *member)
{
	size_t n = strlen(name), prefix = sizeof(SERIES_SOURCE) - 1;

	return str_starts(name, SERIES_SOURCE) && series_name_ok(name + prefix, n - prefix) &&
	       strlen(member) == n + 4 && str_starts(member, name) && !strcmp(member + n, ".txt");
}

/* A row for each series, as the facts have them. */
static void list_series(struct manifest *m)
{
	const struct json_value *recorded = folder_last(m->folder, "parts");
	const struct json_value *list = json_get(folder_source(m->folder, "series"), "list");

	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next) {
		const char *name = json_get_str(v, "name", ""),
			   *member = json_get_str(v, "member", "");
		uint64_t id = json_get_u64(v, "id", 0);

		if (m->holding_count == ARRAY_SIZE(m->holdings))
			return;
		if (id < 1 || id > SERIES_MAX || !is_series_name(name, member) ||
		    holding_named(m, name))
			continue;
		m->holdings[m->holding_count++] = (struct holding){
			.name = name,
			.stream = CHUNK_SERIES,
			.id = (uint32_t)id,
			.member = member,
			.recorded = json_get_u64(recorded, name, 0),
			.facts = v,
		};
	}
}

/**
 * manifest_begin() - list the sources of a session folder
 * @f:   its facts and journal; borrowed by @ret
 * @ret: manifest_done() it
 */
void manifest_begin(const struct folder *f, struct manifest *ret)
{
	const struct json_value *totals = folder_last(f, "totals");

	*ret = (struct manifest){.folder = f, .complete = true, .died = totals == NULL};
	ret->stem = json_get_str(folder_facts(f), "stem", "scoutfs-trace");
	take_offset(ret);
	for (size_t i = 0; i < ARRAY_SIZE(surveyed); i++)
		ret->holdings[ret->holding_count++] = (struct holding){
			.name = surveyed[i].name,
			.stream = surveyed[i].stream,
			.member = surveyed[i].member,
			.recorded = json_get_u64(totals, surveyed[i].name, 0),
			.facts = folder_source(f, surveyed[i].name),
		};
	list_series(ret);
}

/** manifest_takes() - is @c of one of the sources? Of others no member has anything. */
bool manifest_takes(const struct manifest *m, const struct chunk *c)
{
	for (size_t i = 0; i < m->holding_count; i++)
		if (manifest_holds(&m->holdings[i], c))
			return true;
	return false;
}

/**
 * manifest_survey() - find out what a session folder amounts to
 * @m:   of manifest_begin()
 * @set: the folder's spool; borrowed by @m
 *
 * Return: 0 or -ENOMEM.
 */
int manifest_survey(struct manifest *m, const struct segment_set *set, struct err *e)
{
	int r;

	m->set = set;
	r = take_gaps(m);
	for (size_t i = 0; r == 0 && i < m->holding_count; i++) {
		struct holding *h = &m->holdings[i];

		take_status(m, h);
		if (h->stream)
			r = survey_entries(m, h);
	}
	if (r == 0)
		r = take_damage(m, e);
	if (r < 0)
		return err_nomem(e);
	for (size_t i = 0; i < m->holding_count; i++)
		judge(m, &m->holdings[i]);
	/* What was recorded in its last moment never reached the disk. */
	if (m->died)
		m->complete = false;
	return 0;
}

/**
 * manifest_spoil() - note that what a source recorded is there, but cannot be read
 * @source: "ftrace", ...
 * @why:    for people
 *
 * Return: 0 or -ENOMEM.
 */
int manifest_spoil(struct manifest *m, const char *source, const char *why, struct err *e)
{
	struct holding *h = holding_named(m, source);
	struct gap *g = h ? add_gap(h, "damage") : NULL;

	if (!g)
		return err_nomem(e);
	g->from_ns = h->first_ns;
	g->to_ns = h->last_ns;
	g->count = h->records;
	(void)snprintf(g->reason, sizeof(g->reason), "%s", why);
	(void)snprintf(h->status, sizeof(h->status), "failed");
	(void)snprintf(h->why, sizeof(h->why), "%s", why);
	h->member = NULL;
	h->records = h->raw_bytes = 0;
	h->first_ns = h->last_ns = 0;
	m->complete = false;
	return 0;
}

void manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->holding_count; i++)
		free(m->holdings[i].gaps);
	free(m->members);
	*m = (struct manifest){0};
}

int manifest_add_member(struct manifest *m, const char *path, uint64_t bytes, struct err *e)
{
	struct member *more = realloc(m->members, (m->member_count + 1) * sizeof(*more));

	if (!more)
		return err_nomem(e);
	m->members = more;
	more += m->member_count++;
	*more = (struct member){.bytes = bytes};
	(void)snprintf(more->path, sizeof(more->path), "%s", path);
	return 0;
}

/* ---- manifest.json ---- */

/* 0 stays 0: a time that is not known is not known on any clock. */
static uint64_t real_of(const struct manifest *m, uint64_t mono_ns)
{
	return mono_ns && m->real_known ? mono_ns + (uint64_t)m->real_offset_ns : 0;
}

static void copy(struct json_writer *w, const char *key, const struct json_value *v)
{
	json_key(w, key);
	if (v)
		json_copy(w, v);
	else
		json_null(w);
}

static void copy_fact(struct json_writer *w, const struct manifest *m, const char *key)
{
	copy(w, key, json_get(folder_facts(m->folder), key));
}

static void write_stop(struct json_writer *w, const struct manifest *m)
{
	const struct json_value *stop = folder_last(m->folder, "stop");

	json_key(w, "stop");
	if (stop) {
		json_copy(w, stop);
		return;
	}
	json_object(w);
	json_kv_str(w, "reason", "died");
	json_kv_str(w, "trigger", NULL);
	json_kv_str(w, "role", NULL);
	json_kv_str(w, "text", "the recorder or its host ended without finishing");
	json_kv_u64(w, "monotonic_ns", m->newest_ns);
	json_kv_u64(w, "realtime_ns", real_of(m, m->newest_ns));
	json_object_end(w);
}

static int by_time(const void *va, const void *vb)
{
	uint64_t a = json_get_u64(*(const struct json_value *const *)va, "monotonic_ns", 0);
	uint64_t b = json_get_u64(*(const struct json_value *const *)vb, "monotonic_ns", 0);

	return a < b ? -1 : a > b;
}

/*
 * The suspects by the time of what they saw: an event and a line of the same moment reach the
 * recorder by different ways. Owned by the caller; NULL when there are none (or no memory).
 */
static const struct json_value **suspects_of(const struct manifest *m, size_t *ret_count)
{
	const struct json_value *v, **list;
	size_t line = 0, count = 0;

	while (folder_next(m->folder, "suspect", &line))
		count++;
	list = count ? calloc(count, sizeof(*list)) : NULL;
	*ret_count = 0;
	line = 0;
	while (list && *ret_count < count && (v = folder_next(m->folder, "suspect", &line)))
		list[(*ret_count)++] = v;
	if (list)
		qsort(list, *ret_count, sizeof(*list), by_time);
	return list;
}

static void write_suspects(struct json_writer *w, const struct manifest *m)
{
	CLEANUP(freep) const struct json_value **list = NULL;
	size_t count;

	list = suspects_of(m, &count);
	json_key(w, "suspects");
	json_array(w);
	for (size_t i = 0; i < count; i++)
		json_copy(w, list[i]);
	json_array_end(w);
}

static void write_all(struct json_writer *w, const struct manifest *m, const char *key,
		      const char *kind)
{
	const struct json_value *v;
	size_t line = 0;

	json_key(w, key);
	json_array(w);
	while ((v = folder_next(m->folder, kind, &line)))
		json_copy(w, v);
	json_array_end(w);
}

static void write_gaps(struct json_writer *w, const struct manifest *m, const struct holding *h)
{
	json_key(w, "gaps");
	json_array(w);
	for (size_t i = 0; i < h->gap_count; i++) {
		const struct gap *g = &h->gaps[i];

		json_object(w);
		json_kv_str(w, "kind", g->kind);
		if (h->stream == CHUNK_RING)
			json_kv_u64(w, "cpu", g->id);
		json_kv_u64(w, "from_monotonic_ns", g->from_ns);
		json_kv_u64(w, "to_monotonic_ns", g->to_ns);
		json_kv_u64(w, "from_realtime_ns", real_of(m, g->from_ns));
		json_kv_u64(w, "to_realtime_ns", real_of(m, g->to_ns));
		if (g->uncounted && !g->count)
			json_kv_str(w, "count", NULL);
		else
			json_kv_u64(w, "count", g->count);
		json_kv_bool(w, "count_is_lower_bound", g->uncounted);
		json_kv_str(w, "reason", g->reason);
		json_object_end(w);
	}
	json_array_end(w);
}

/** manifest_member() - the file that a source makes; of a series that has nothing none: NULL */
const char *manifest_member(const struct holding *h)
{
	return h->stream == CHUNK_SERIES && !h->records ? NULL : h->member;
}

static void write_holding(struct json_writer *w, const struct manifest *m, const struct holding *h)
{
	json_object(w);
	json_kv_str(w, "name", h->name);
	json_kv_str(w, "status", h->status);
	json_kv_str(w, "why", h->why);
	json_kv_str(w, "member", manifest_member(h));
	json_kv_u64(w, "records", h->records);
	if (m->died || !h->stream)
		json_kv_str(w, "recorded", NULL);
	else
		json_kv_u64(w, "recorded", h->recorded);
	json_kv_u64(w, "lost", h->lost);
	json_kv_bool(w, "lost_is_lower_bound", h->lost_uncounted);
	json_kv_u64(w, "first_monotonic_ns", h->first_ns);
	json_kv_u64(w, "last_monotonic_ns", h->last_ns);
	write_gaps(w, m, h);
	if (h->facts && h->facts->child)
		copy(w, "facts", h->facts);
	json_object_end(w);
}

static void write_members(struct json_writer *w, const struct manifest *m)
{
	json_key(w, "members");
	json_array(w);
	for (size_t i = 0; i < m->member_count; i++) {
		json_object(w);
		json_kv_str(w, "path", m->members[i].path);
		json_kv_u64(w, "bytes", m->members[i].bytes);
		json_object_end(w);
	}
	json_array_end(w);
}

/**
 * manifest_write_json() - manifest.json
 * @m:   surveyed, with all members added (but manifest.json itself)
 * @out: the text is added
 */
void manifest_write_json(const struct manifest *m, struct text *out)
{
	static const char *const facts[] = {"tool_version",
					    "host",
					    "kernel",
					    "kernel_build",
					    "machine",
					    "scoutfs_version",
					    "boot_id",
					    "server",
					    "command_line",
					    "configuration",
					    "created_realtime_ns",
					    "created_monotonic_ns",
					    "budgets",
					    "triggers"};
	struct json_writer w;

	json_begin(&w, out, true);
	json_object(&w);
	json_kv_str(&w, "format", "scoutfs-trace-bundle");
	json_kv_u64(&w, "version", MANIFEST_VERSION);
	json_kv_bool(&w, "complete", m->complete);
	json_kv_bool(&w, "died", m->died);
	write_stop(&w, m);
	write_suspects(&w, m);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		copy_fact(&w, m, facts[i]);
	json_key(&w, "sources");
	json_array(&w);
	for (size_t i = 0; i < m->holding_count; i++)
		write_holding(&w, m, &m->holdings[i]);
	json_array_end(&w);
	json_key(&w, "clocks");
	json_object(&w);
	json_kv_str(&w, "reference", "CLOCK_MONOTONIC");
	write_all(&w, m, "anchors", "anchor");
	write_all(&w, m, "local_clock", "local_clock");
	json_object_end(&w);
	copy(&w, "command", folder_last(m->folder, "command"));
	copy(&w, "totals", folder_last(m->folder, "totals"));
	copy(&w, "timings", folder_last(m->folder, "timings"));
	json_kv_u64(&w, "journal_lines_unreadable", m->folder->journal_bad);
	write_members(&w, m);
	json_object_end(&w);
	text_str(out, "\n");
}

/* ---- summary.txt ---- */

static void summarise_end(const struct manifest *m, struct text *out)
{
	const struct json_value *stop = folder_last(m->folder, "stop");
	const char *trigger = json_get_str(stop, "trigger", NULL);
	char when[40];

	if (!stop) {
		text_printf(
			out,
			"The recorder ended without finishing (killed, or its host went down).\n"
			"This bundle was recovered from what it had made durable.\n\n");
		return;
	}
	text_printf(out, "Ended by   %s%s%s\n", json_get_str(stop, "reason", "?"),
		    trigger ? " " : "", trigger ? trigger : "");
	text_printf(out, "At         %s (UTC)\n",
		    format_utc(json_get_u64(stop, "realtime_ns", 0), when, sizeof(when)));
	text_printf(out, "Saw        %s\n\n", json_get_str(stop, "text", ""));
}

static void summarise_command(const struct manifest *m, struct text *out)
{
	const struct json_value *c = folder_last(m->folder, "command");
	char wall[40], user[40], kernel[40], memory[40];
	uint64_t number;

	if (!c)
		return;
	if (!json_get_bool(c, "ended", false)) {
		text_str(out, "Command    had not ended when the recording did\n\n");
		return;
	}
	number = json_get_u64(c, "signal", 0);
	text_printf(out,
		    "Command    %s %" PRIu64
		    " after %s; CPU time %s user, %s system; memory at most %s\n\n",
		    number ? "ended by signal" : "exit status",
		    number ? number : json_get_u64(c, "exit_status", 0),
		    format_duration(json_get_u64(c, "wall_ns", 0), wall, sizeof(wall)),
		    format_duration(json_get_u64(c, "user_ns", 0), user, sizeof(user)),
		    format_duration(json_get_u64(c, "system_ns", 0), kernel, sizeof(kernel)),
		    format_bytes(json_get_u64(c, "max_rss_bytes", 0), memory, sizeof(memory)));
}

static void summarise_suspects(const struct manifest *m, struct text *out)
{
	CLEANUP(freep) const struct json_value **list = NULL;
	size_t count;
	char when[40];

	list = suspects_of(m, &count);
	if (count)
		text_str(out, "Suspects on the way there (UTC):\n");
	for (size_t i = 0; i < min_of(count, (size_t)50); i++)
		text_printf(out, "  %s  %-20s %.160s\n",
			    format_utc(json_get_u64(list[i], "realtime_ns", 0), when, sizeof(when)),
			    json_get_str(list[i], "trigger", "?"),
			    json_get_str(list[i], "text", ""));
	if (count > 50)
		text_printf(out, "  and %zu more, in manifest.json\n", count - 50);
	if (count)
		text_str(out, "\n");
}

static const char *format_when(const struct manifest *m, uint64_t mono_ns, char *buf, size_t size)
{
	if (!real_of(m, mono_ns))
		return "an unknown time";
	return format_utc(real_of(m, mono_ns), buf, size);
}

/* All series in a line, and those that are not as they should be. */
static void summarise_series(const struct manifest *m, struct text *out)
{
	uint64_t count = 0, samples = 0, first = UINT64_MAX, last = 0;
	char from[40], to[40], length[40];

	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (h->stream != CHUNK_SERIES || !h->records)
			continue;
		count++;
		samples += h->records;
		first = min_of(first, h->first_ns);
		last = max_of(last, h->last_ns);
	}
	if (count)
		text_printf(out,
			    "  %-13s %s to %s  %s, %" PRIu64 " samples of %" PRIu64 " series\n",
			    SERIES_FOLDER, format_when(m, first, from, sizeof(from)),
			    format_when(m, last, to, sizeof(to)),
			    format_duration(last - first, length, sizeof(length)), samples, count);
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (h->stream == CHUNK_SERIES && strcmp(h->status, "ok") != 0)
			text_printf(out, "  %-13s %s: %s: %s\n", "", h->name, h->status, h->why);
	}
}

static void summarise_holdings(const struct manifest *m, struct text *out)
{
	char from[40], to[40], length[40];

	text_str(out, "What each source covers (UTC):\n");
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (!h->stream || h->stream == CHUNK_SERIES)
			continue;
		if (!h->records) {
			text_printf(out, "  %-13s %s\n", h->member ? h->member : h->name,
				    h->member ? "nothing recorded" : "cannot be read");
		} else {
			text_printf(
				out, "  %-13s %s to %s  %s, %" PRIu64 " records\n", h->member,
				format_when(m, h->first_ns, from, sizeof(from)),
				format_when(m, h->last_ns, to, sizeof(to)),
				format_duration(h->last_ns - h->first_ns, length, sizeof(length)),
				h->records);
		}
		if (strcmp(h->status, "ok") != 0)
			text_printf(out, "  %-13s %s: %s\n", "", h->status, h->why);
	}
	summarise_series(m, out);
	text_str(out, "\n");
}

static void summarise_gap(const struct manifest *m, const struct holding *h, const struct gap *g,
			  struct text *out)
{
	char from[40], to[40], cpu[24] = "", count[40] = "an unknown number of";

	if (h->stream == CHUNK_RING && !strcmp(g->kind, "fault"))
		(void)snprintf(cpu, sizeof(cpu), " cpu %u", g->id);
	if (g->count)
		(void)snprintf(count, sizeof(count), "%s%" PRIu64, g->uncounted ? "at least " : "",
			       g->count);
	if (!strcmp(g->kind, "outage") && !g->count)
		(void)snprintf(count, sizeof(count), "no");
	text_printf(out, "  %s%s: %s %s, ", h->name, cpu, count,
		    h->stream == CHUNK_SERIES ? "samples not taken or not whole" : "records");
	if (!real_of(m, g->to_ns))
		text_str(out, "at an unknown time");
	else if (!real_of(m, g->from_ns))
		text_printf(out, "until %s", format_utc(real_of(m, g->to_ns), to, sizeof(to)));
	else
		text_printf(out, "%s to %s", format_utc(real_of(m, g->from_ns), from, sizeof(from)),
			    format_utc(real_of(m, g->to_ns), to, sizeof(to)));
	text_printf(out, ": %s\n", g->reason);
}

static void summarise_losses(const struct manifest *m, struct text *out)
{
	size_t said = 0;

	text_str(out, "What was lost:\n");
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		for (size_t k = 0; k < h->gap_count; k++) {
			if (!h->stream && !strcmp(h->gaps[k].kind, "retention"))
				continue; /* told by the sources it was dropped from */
			if (said++ < 50)
				summarise_gap(m, h, &h->gaps[k], out);
		}
	}
	if (m->died)
		text_str(out, "  up to a second before the end: it had not reached the disk yet\n");
	if (!said && !m->died)
		text_str(out, "  nothing\n");
	if (said > 50)
		text_printf(out, "  and %zu more, in manifest.json\n", said - 50);
	text_str(out, "\n");
}

static void summarise_members(const struct manifest *m, struct text *out)
{
	uint64_t context_bytes = 0, series_bytes = 0;
	char bytes[40];

	text_str(out, "How to open it:\n");
	text_printf(out, "  unpack         tar --zstd -xf %s\n", m->bundle_name);
	text_str(out,
		 "  trace.dat      trace-cmd report -i trace.dat | less     (or kernelshark "
		 "trace.dat)\n"
		 "  packets.pcap   tcpdump -r packets.pcap | less           (or wireshark "
		 "packets.pcap)\n"
		 "  kernel.log     less kernel.log\n"
		 "  clocks.csv     how the clocks lay to each other, each second\n"
		 "  series/        counters at intervals, as the kernel wrote them\n"
		 "  manifest.json  all of the above for programs; see scoutfs-trace-bundle(5)\n\n");
	text_str(out, "Members:\n");
	for (size_t i = 0; i < m->member_count; i++) {
		if (str_starts(m->members[i].path, "context/"))
			context_bytes += m->members[i].bytes;
		else if (str_starts(m->members[i].path, SERIES_FOLDER))
			series_bytes += m->members[i].bytes;
		else if (strcmp(m->members[i].path, "summary.txt") != 0)
			text_printf(out, "  %-14s %s\n", m->members[i].path,
				    format_bytes(m->members[i].bytes, bytes, sizeof(bytes)));
	}
	if (series_bytes)
		text_printf(out, "  %-14s %s\n", SERIES_FOLDER,
			    format_bytes(series_bytes, bytes, sizeof(bytes)));
	text_printf(out, "  %-14s %s: the host at the start and at the end; see context/*/INDEX\n",
		    "context/", format_bytes(context_bytes, bytes, sizeof(bytes)));
}

static void summarise_host(const struct manifest *m, struct text *out)
{
	const struct json_value *facts = folder_facts(m->folder);

	text_printf(out, "scoutfs-trace %s on %s\n\n", json_get_str(facts, "tool_version", "?"),
		    json_get_str(facts, "host", "?"));
	text_printf(out, "Server     %s\n", json_get_str(facts, "server", "?"));
	text_printf(out, "Kernel     %s %s\n", json_get_str(facts, "kernel", "?"),
		    json_get_str(facts, "machine", "?"));
	text_printf(out, "scoutfs    %s\n",
		    json_get_str(facts, "scoutfs_version", "version unknown"));
	text_printf(out, "Complete   %s\n", m->complete ? "yes" : "no: see what was lost, below");
}

/**
 * manifest_write_summary() - summary.txt: the same for a person
 *
 * Log lines that fired a trigger are in it, and anybody may have written those: nothing in it can
 * move a terminal's cursor.
 */
void manifest_write_summary(const struct manifest *m, struct text *out)
{
	CLEANUP(text_free) struct text page = {0};

	summarise_host(m, &page);
	summarise_end(m, &page);
	summarise_command(m, &page);
	summarise_suspects(m, &page);
	summarise_holdings(m, &page);
	summarise_losses(m, &page);
	summarise_members(m, &page);
	text_add_clean(out, text_c(&page), page.len, true);
	out->failed |= !text_ok(&page);
}

/**
 * manifest_write_result() - the object for --json: where the bundle is, why it ended, what was lost
 */
void manifest_write_result(const struct manifest *m, const char *bundle_path, struct text *out)
{
	struct json_writer w;

	json_begin(&w, out, false);
	json_object(&w);
	json_kv_str(&w, "bundle", bundle_path);
	json_kv_bool(&w, "complete", m->complete);
	write_stop(&w, m);
	copy(&w, "command", folder_last(m->folder, "command"));
	json_key(&w, "losses");
	json_array(&w);
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (!h->lost && !h->lost_uncounted)
			continue;
		json_object(&w);
		json_kv_str(&w, "source", h->name);
		json_kv_u64(&w, "count", h->lost);
		json_kv_bool(&w, "count_is_lower_bound", h->lost_uncounted);
		json_object_end(&w);
	}
	json_array_end(&w);
	json_object_end(&w);
}
