/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a session folder says of its recording, in the form of a bundle's manifest, so that whoever
 * asks for the manifest need not know which of them it is. finish() makes the real one of the same
 * files: session.json, the lines of the journal, the places of the loss ledger.
 */
#include "bundle_private.h"

#include <errno.h>

#include "format/segment.h"
#include "format/series.h"

#define JOURNAL_MAX (64 * MIB)
#define SESSION_FACTS_MAX (4 * MIB)
#define LEDGER_MAX (4 * MIB) /* 8192 places, twice what the recorder makes of them */
#define LINES_MAX 1000	     /* of one kind, of the journal */

/* Of what stands in session.json all but its own format; its sources are told in another way. */
static void copy_facts(struct json_writer *w, const struct json_value *facts)
{
	static const char *const own[] = {"format", "version", "sources"};

	for (const struct json_value *v = facts->child; v; v = v->next) {
		bool skip = false;

		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			skip |= strcmp(v->key, own[i]) == 0;
		if (skip)
			continue;
		json_key(w, v->key);
		json_copy(w, v);
	}
}

/* The value of a line's @key, as an element or as a member; false: it has none. */
static bool copy_line(struct json_writer *w, const char *line, const char *end, const char *key,
		      bool as_member)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	const struct json_value *v;

	/* Keys stand at the beginning of a line: the rest need not be parsed. */
	if ((size_t)(end - line) < strlen(key) + 4 || strncmp(line + 2, key, strlen(key)) != 0 ||
	    json_parse(line, (size_t)(end - line), &doc, NULL) < 0)
		return false;
	v = json_get(json_root(doc), key);
	if (!v)
		return false;
	if (as_member)
		json_key(w, key);
	json_copy(w, v);
	return true;
}

/* Of each line of the journal that has a @key. */
static void copy_each(struct json_writer *w, const struct text *journal, const char *key)
{
	const char *end = text_c(journal) + journal->len, *stop;
	size_t count = 0;

	for (const char *at = text_c(journal); at < end && count < LINES_MAX; at = stop) {
		stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop + 1 : end;
		count += copy_line(w, at, stop, key, false);
	}
}

/* Of the last one. */
static void copy_last(struct json_writer *w, const struct text *journal, const char *key)
{
	const char *begin = text_c(journal), *line;

	for (const char *stop = begin + journal->len; stop > begin; stop = line) {
		line = memrchr(begin, '\n', (size_t)(stop - begin) - 1);
		line = line ? line + 1 : begin;
		if (copy_line(w, line, stop, key, true))
			return;
	}
}

/* ---- the ledger of losses ---- */

struct ledger {
	struct json_doc **entries;
	size_t count;
};

static void ledger_done(struct ledger *l)
{
	for (size_t i = 0; i < l->count; i++)
		json_doc_free(l->entries[i]);
	free(l->entries);
}

static bool is_blank(const char *s, size_t n)
{
	return strnlen(s, n) == 0;
}

/* Each place is read once, since every source looks for its own. */
static int read_ledger(struct bundle *b, struct ledger *ret, struct err *e)
{
	CLEANUP(text_free) struct text text = {0};
	size_t bad = 0;
	int r;

	r = bundle_member_load(b, "losses", LEDGER_MAX, &text, NULL);
	if (r < 0 && r != -ENOENT)
		bundle_note_add(b, true,
				"the ledger of losses cannot be read as a whole: what it "
				"told is not counted");
	ret->entries = calloc(text.len / SEGMENT_LOSS_BYTES + 1, sizeof(struct json_doc *));
	if (!ret->entries)
		return err_nomem(e);
	for (size_t at = 0; at < text.len; at += SEGMENT_LOSS_BYTES) {
		const char *place = text.s + at;
		size_t n = min_of(text.len - at, (size_t)SEGMENT_LOSS_BYTES);

		if (is_blank(place, n))
			continue;
		if (json_parse(place, strnlen(place, n), &ret->entries[ret->count], NULL) == 0)
			ret->count++;
		else
			bad++;
	}
	if (bad)
		bundle_note_add(b, true,
				"%zu entries of the ledger of losses cannot be read: what they "
				"told is not counted",
				bad);
	return 0;
}

static void write_gap(struct json_writer *w, const struct json_value *v)
{
	json_object(w);
	json_kv_str(w, "kind", json_get_str(v, "kind", "fault"));
	json_kv_u64(w, "cpu", json_get_u64(v, "id", 0));
	json_kv_u64(w, "from_monotonic_ns", json_get_u64(v, "from_ns", 0));
	json_kv_u64(w, "to_monotonic_ns", json_get_u64(v, "to_ns", 0));
	json_kv_u64(w, "count", json_get_u64(v, "count", 0));
	json_kv_bool(w, "count_is_lower_bound", json_get_bool(v, "uncounted", false));
	json_kv_str(w, "reason", json_get_str(v, "reason", ""));
	json_object_end(w);
}

struct source_losses {
	uint64_t lost;
	bool more;
};

static struct source_losses write_gaps(struct json_writer *w, const struct ledger *ledger,
				       const char *source)
{
	struct source_losses sum = {0};

	json_key(w, "gaps");
	json_array(w);
	for (size_t i = 0; i < ledger->count; i++) {
		const struct json_value *v = json_get(json_root(ledger->entries[i]), "gap");

		if (!v || strcmp(json_get_str(v, "source", ""), source) != 0)
			continue;
		write_gap(w, v);
		if (strcmp(json_get_str(v, "kind", "fault"), "fault") != 0)
			continue;
		sum.lost += json_get_u64(v, "count", 0);
		sum.more |= json_get_bool(v, "uncounted", false);
	}
	json_array_end(w);
	return sum;
}

static void write_source(struct json_writer *w, const struct bundle *b, const char *name,
			 enum chunk_stream kind, uint32_t id, const struct ledger *ledger)
{
	uint64_t records = 0, first = 0, last = 0;
	struct source_losses losses;

	json_object(w);
	json_kv_str(w, "name", name);
	json_kv_str(w, "status", "ok");
	losses = write_gaps(w, ledger, name);
	for (size_t i = 0; i < b->stream_count; i++) {
		const struct bundle_stream *s = &b->streams[i];

		if (s->kind != kind || !s->count || (kind == CHUNK_SERIES && s->id != id))
			continue;
		first = records ? min_of(first, s->first_ns) : s->first_ns;
		last = max_of(last, s->last_ns);
		records += s->records;
	}
	json_kv_u64(w, "records", records);
	json_kv_u64(w, "lost", losses.lost);
	json_kv_bool(w, "lost_is_lower_bound", losses.more);
	json_kv_u64(w, "first_monotonic_ns", first);
	json_kv_u64(w, "last_monotonic_ns", last);
	json_object_end(w);
}

/* The first of the series that the recorder was to sample; NULL: none. */
static const struct json_value *series_list(const struct json_value *facts)
{
	const struct json_value *list =
		json_get(json_get(json_get(facts, "sources"), "series"), "list");

	return list ? list->child : NULL;
}

static int add_series(struct bundle *b, const struct json_value *v, struct err *e)
{
	const char *member = json_get_str(v, "member", "");
	uint64_t id = json_get_u64(v, "id", 0);
	const struct bundle_stream_list *s =
		id <= BUNDLE_SERIES_MAX ? bundle_list_find(b, CHUNK_SERIES, (uint32_t)id) : NULL;
	struct bundle_extent head = {.form = EXTENT_MEMORY, .at = b->made.len};
	char name[SERIES_NAME_MAX + 1];
	int r;

	if (!s || !s->pub.count || bundle_stream_of(member) != CHUNK_SERIES)
		return 0;
	(void)snprintf(name, sizeof(name), "%.*s",
		       (int)(strlen(member) - strlen(SERIES_FOLDER) - strlen(".txt")),
		       member + strlen(SERIES_FOLDER));
	r = bundle_add_member(b, member, BUNDLE_BYTES_UNKNOWN, e);
	if (r <= 0)
		return r;
	b->data[b->member_count - 1].stream_id = (uint32_t)id;
	series_head_write(name, json_get_u64(v, "interval_ns", 0), &b->made);
	if (!text_ok(&b->made))
		return err_nomem(e);
	head.bytes = b->made.len - head.at;
	return bundle_add_extent(b, head, e);
}

/**
 * bundle_session_series() - the series of a session as members
 *
 * Called when the chunks are known; the heads of the members are made.
 *
 * Return: 0; -ENOMEM.
 */
int bundle_session_series(struct bundle *b, struct err *e)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text text = {0};
	int r = 0;

	/* What is wrong with it is told when the rest of it is needed. */
	if (bundle_member_load(b, "session.json", SESSION_FACTS_MAX, &text, NULL) < 0 ||
	    json_parse(text_c(&text), text.len, &doc, NULL) < 0)
		return 0;
	for (const struct json_value *v = series_list(json_root(doc)); v && r >= 0; v = v->next)
		r = add_series(b, v, e);
	return min_of(r, 0);
}

static void write_sources(struct json_writer *w, const struct bundle *b,
			  const struct json_value *facts, const struct ledger *ledger)
{
	size_t series = 0;

	json_key(w, "sources");
	json_array(w);
	write_source(w, b, "ftrace", CHUNK_RING, 0, ledger);
	write_source(w, b, "packets", CHUNK_PACKETS, 0, ledger);
	write_source(w, b, "kmsg", CHUNK_KMSG, 0, ledger);
	write_source(w, b, "clocks", CHUNK_CLOCKS, 0, ledger);
	for (const struct json_value *v = series_list(facts); v && series < BUNDLE_SERIES_MAX;
	     v = v->next, series++)
		write_source(w, b, json_get_str(v, "name", "?"), CHUNK_SERIES,
			     (uint32_t)json_get_u64(v, "id", 0), ledger);
	write_source(w, b, "spool", 0, 0, ledger);
	json_array_end(w);
}

/**
 * bundle_session_manifest() - what manifest.json would say, from the files of a session
 * @b:     its streams are complete
 * @facts: session.json, parsed
 *
 * Return: 0; -ENOMEM.
 */
int bundle_session_manifest(struct bundle *b, const struct json_value *facts, struct err *e)
{
	CLEANUP(text_free) struct text journal = {0}, out = {0};
	CLEANUP(ledger_done) struct ledger ledger = {0};
	struct json_writer w;
	int r;

	if (!facts || facts->type != JSON_OBJECT)
		return 0;
	(void)bundle_member_load(b, "journal", JOURNAL_MAX, &journal, NULL);
	r = read_ledger(b, &ledger, e);
	if (r < 0)
		return r;
	json_begin(&w, &out, false);
	json_object(&w);
	copy_facts(&w, facts);
	copy_last(&w, &journal, "stop");
	json_key(&w, "suspects");
	json_array(&w);
	copy_each(&w, &journal, "suspect");
	json_array_end(&w);
	json_key(&w, "clocks");
	json_object(&w);
	json_key(&w, "anchors");
	json_array(&w);
	copy_each(&w, &journal, "anchor");
	json_array_end(&w);
	json_object_end(&w);
	write_sources(&w, b, facts, &ledger);
	json_object_end(&w);
	if (!text_ok(&out))
		return err_nomem(e);
	if (json_parse(out.s, out.len, &b->manifest, NULL) < 0)
		b->manifest = NULL; /* as without it: the sources are there */
	return 0;
}
