/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a recording amounts to: how long each source reaches, what was lost, why it ended.
 *
 * Called by finish.c. It reads what folder.c and format/segment.c have loaded and touches no file.
 * manifest_json.c writes it for programs, manifest_summary.c for people.
 */
#include "manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

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
	/* Modulo 2^64, here and in manifest_real_ns(): a damaged anchor gives a wrong time and no
	 * more. */
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

/* ---- what both texts need ---- */

/**
 * manifest_real_ns() - a moment of CLOCK_MONOTONIC on CLOCK_REALTIME
 *
 * 0 stays 0: a time that is not known is not known on any clock.
 */
uint64_t manifest_real_ns(const struct manifest *m, uint64_t mono_ns)
{
	return mono_ns && m->real_known ? mono_ns + (uint64_t)m->real_offset_ns : 0;
}

static int by_time(const void *va, const void *vb)
{
	uint64_t a = json_get_u64(*(const struct json_value *const *)va, "monotonic_ns", 0);
	uint64_t b = json_get_u64(*(const struct json_value *const *)vb, "monotonic_ns", 0);

	return a < b ? -1 : a > b;
}

/**
 * manifest_suspects() - the suspects by the time of what they saw
 *
 * An event and a line of the same moment reach the recorder by different ways.
 *
 * Return: a list, the caller's to free; NULL when there are none (or no memory).
 */
const struct json_value **manifest_suspects(const struct manifest *m, size_t *ret_count)
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

/** manifest_member() - the file that a source makes; of a series that has nothing none: NULL */
const char *manifest_member(const struct holding *h)
{
	return h->stream == CHUNK_SERIES && !h->records ? NULL : h->member;
}
