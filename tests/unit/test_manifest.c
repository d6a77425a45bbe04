/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The manifest, of facts, journals and chunk sequences made by hand: what it says was worked out on
 * paper.
 */
#include <stdarg.h>

#include "manifest.h"
#include "sessionkit.h"
#include "test.h"

/* A folder in memory. */
struct made {
	struct folder folder;
	struct segment_set set;
	struct manifest m;
	struct segment_entry entries[32];
	struct segment_damage damage[4];
};

static void begin(struct made *d, const char *facts)
{
	*d = (struct made){0};
	d->set.entries = d->entries;
	d->set.damage = d->damage;
	if (json_parse(facts, strlen(facts), &d->folder.facts, NULL) < 0)
		kit_die(facts);
}

static void PRINTF(2, 3) line(struct made *d, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->folder.journal = realloc(d->folder.journal,
				    (d->folder.journal_count + 1) * sizeof(*d->folder.journal));
	if (json_parse(text, strlen(text), &d->folder.journal[d->folder.journal_count++], NULL) < 0)
		kit_die(text);
}

static void chunk(struct made *d, enum chunk_stream stream, uint32_t id, uint64_t sequence,
		  uint64_t first, uint64_t last, uint64_t records)
{
	d->entries[d->set.entry_count++].chunk = (struct chunk){.stream = (uint16_t)stream,
								.id = id,
								.sequence = sequence,
								.first_ns = first,
								.last_ns = last,
								.raw_bytes = records * 100,
								.records = records};
}

static void survey(struct made *d)
{
	manifest_begin(&d->folder, &d->m);
	if (manifest_survey(&d->m, &d->set, NULL) < 0)
		kit_die("manifest_survey");
	d->m.bundle_name = "stem.tar.zst";
}

static void done(struct made *d)
{
	manifest_done(&d->m);
	folder_done(&d->folder);
}

static const struct holding *of(const struct made *d, const char *name)
{
	for (size_t i = 0; i < d->m.holding_count; i++)
		if (!strcmp(d->m.holdings[i].name, name))
			return &d->m.holdings[i];
	kit_die(name);
	return NULL;
}

/* The element of manifest.json's "sources" called @name. */
static const struct json_value *source_in(const struct json_doc *doc, const char *name)
{
	const struct json_value *v = json_get(json_root(doc), "sources");

	for (v = v ? v->child : NULL; v; v = v->next)
		if (!strcmp(json_get_str(v, "name", ""), name))
			return v;
	return NULL;
}

static struct json_doc *json_of(const struct made *d)
{
	CLEANUP(text_free) struct text out = {0};
	struct json_doc *doc;

	manifest_write_json(&d->m, &out);
	if (json_parse(text_c(&out), out.len, &doc, NULL) < 0)
		kit_die("manifest.json does not parse");
	return doc;
}

#define FACTS "{\"stem\":\"stem\",\"host\":\"h\",\"created_monotonic_ns\":1000}"
#define TOTALS "{\"totals\":{\"ftrace\":60,\"packets\":0,\"kmsg\":0,\"clocks\":0}}"

static void a_whole_recording_is_complete(void)
{
	const struct holding *h;
	struct json_doc *doc;
	struct made d;

	begin(&d, FACTS);
	line(&d, "{\"anchor\":{\"monotonic_ns\":5000,\"realtime_ns\":1000005000}}");
	line(&d, "{\"stop\":{\"reason\":\"signal\",\"text\":\"SIGINT\"}}");
	line(&d, TOTALS);
	chunk(&d, CHUNK_RING, 0, 1, 2000, 3000, 10);
	chunk(&d, CHUNK_RING, 0, 2, 3000, 4000, 20);
	chunk(&d, CHUNK_RING, 3, 1, 1500, 4500, 30);
	survey(&d);
	h = of(&d, "ftrace");
	CHECK_EQ(h->records, 60);
	CHECK_EQ(h->raw_bytes, 6000);
	CHECK_EQ(h->recorded, 60);
	CHECK_EQ(h->first_ns, 1500);
	CHECK_EQ(h->last_ns, 4500);
	CHECK_EQ(h->gap_count, 0);
	CHECK_EQ(h->lost, 0);
	CHECK_STR(h->status, "ok");
	CHECK_EQ(of(&d, "packets")->records, 0);
	CHECK_EQ(d.m.real_offset_ns, 1000000000);
	CHECK(d.m.complete);
	CHECK(!d.m.died);
	doc = json_of(&d);
	CHECK(json_get_bool(json_root(doc), "complete", false));
	CHECK_EQ(json_get_u64(source_in(doc, "ftrace"), "records", 0), 60);
	CHECK_STR(json_get_str(json_get(json_root(doc), "stop"), "reason", ""), "signal");
	json_doc_free(doc);
	done(&d);
}

static void the_last_line_of_a_gap_counts(void)
{
	const struct json_value *gaps;
	const struct holding *h;
	struct json_doc *doc;
	struct made d;

	begin(&d, FACTS);
	line(&d, "{\"anchor\":{\"monotonic_ns\":0,\"realtime_ns\":7000}}");
	line(&d, TOTALS);
	for (int i = 1; i <= 5; i++) {
		line(&d,
		     "{\"gap\":{\"number\":9,\"kind\":\"fault\",\"source\":\"ftrace\",\"id\":2,"
		     "\"from_ns\":100,\"to_ns\":%d,\"count\":%d,\"uncounted\":false,\"reason\":"
		     "\"overrun\"}}",
		     100 * i, 10 * i);
		line(&d,
		     "{\"gap\":{\"number\":%d,\"kind\":\"fault\",\"source\":\"packets\",\"id\":0,"
		     "\"from_ns\":1,\"to_ns\":2,\"count\":%d,\"uncounted\":%s,\"reason\":"
		     "\"drops\"}}",
		     100 + i / 5, i, i == 5 ? "true" : "false");
	}
	survey(&d);
	h = of(&d, "ftrace");
	CHECK_EQ(h->gap_count, 1);
	CHECK_EQ(h->lost, 50);
	CHECK_EQ(h->gaps[0].to_ns, 500);
	CHECK(!h->lost_uncounted);
	/* 100 was last said to be 4, and 101 to be 5. */
	CHECK_EQ(of(&d, "packets")->gap_count, 2);
	CHECK_EQ(of(&d, "packets")->lost, 9);
	CHECK(of(&d, "packets")->lost_uncounted);
	CHECK(!d.m.complete);
	doc = json_of(&d);
	gaps = json_get(source_in(doc, "ftrace"), "gaps");
	CHECK_EQ(json_get_u64(gaps->child, "cpu", 99), 2);
	CHECK_EQ(json_get_u64(gaps->child, "from_realtime_ns", 0), 7100);
	CHECK_EQ(json_get_u64(gaps->child, "to_realtime_ns", 0), 7500);
	CHECK(!gaps->child->next);
	json_doc_free(doc);
	done(&d);
}

static void retention_leaves_it_complete(void)
{
	const struct holding *h;
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	line(&d, "{\"gap\":{\"number\":1,\"kind\":\"retention\",\"source\":\"spool\",\"from_ns\":"
		 "1000,\"to_ns\":5000,\"count\":9,\"reason\":\"budget\"}}");
	/* CPU 0 lost 1..4, CPU 1 lost 1..2; a pin kept 3 of CPU 1, then 4 and 5 are gone. */
	chunk(&d, CHUNK_RING, 0, 5, 5000, 6000, 10);
	chunk(&d, CHUNK_RING, 1, 3, 3000, 3500, 10);
	chunk(&d, CHUNK_RING, 1, 6, 5500, 6000, 10);
	chunk(&d, CHUNK_KMSG, 0, 1, 2000, 6000, 10);
	survey(&d);
	h = of(&d, "ftrace");
	CHECK(d.m.complete);
	CHECK_EQ(h->lost, 0);
	CHECK(h->gap_count > 0);
	CHECK_STR(h->gaps[0].kind, "retention");
	CHECK_EQ(h->gaps[0].from_ns, 1000);
	CHECK(h->gaps[0].uncounted);
	for (size_t i = 0; i < h->gap_count; i++)
		CHECK(h->gaps[i].to_ns == 5000 || h->gaps[i].to_ns == 5500);
	CHECK_EQ(of(&d, "kmsg")->gap_count, 0);
	done(&d);
}

static void a_hole_that_nobody_told_of_is_damage(void)
{
	const struct holding *h;
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	chunk(&d, CHUNK_PACKETS, 0, 1, 2000, 2500, 10);
	chunk(&d, CHUNK_PACKETS, 0, 2, 2500, 3000, 10);
	chunk(&d, CHUNK_PACKETS, 0, 5, 4000, 5000, 10);
	chunk(&d, CHUNK_KMSG, 0, 2, 4200, 5000, 10);
	survey(&d);
	h = of(&d, "packets");
	CHECK_EQ(h->gap_count, 1);
	CHECK_STR(h->gaps[0].kind, "damage");
	CHECK_EQ(h->gaps[0].from_ns, 3000);
	CHECK_EQ(h->gaps[0].to_ns, 4000);
	CHECK(h->lost_uncounted);
	/* One that begins late was cut from the start of the session on. */
	h = of(&d, "kmsg");
	CHECK_EQ(h->gap_count, 1);
	CHECK_EQ(h->gaps[0].from_ns, 1000);
	CHECK_EQ(h->gaps[0].to_ns, 4200);
	CHECK(!d.m.complete);
	done(&d);
}

/* A fault of the spool explains no hole: only the budget does. */
static void a_fault_of_the_spool_is_not_retention(void)
{
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	line(&d, "{\"gap\":{\"number\":1,\"kind\":\"fault\",\"source\":\"spool\",\"from_ns\":3000,"
		 "\"to_ns\":4000,\"count\":0,\"uncounted\":true,\"reason\":\"refused\"}}");
	chunk(&d, CHUNK_KMSG, 0, 1, 2000, 3000, 10);
	chunk(&d, CHUNK_KMSG, 0, 3, 4000, 5000, 10);
	survey(&d);
	CHECK_EQ(of(&d, "kmsg")->gap_count, 1);
	CHECK_STR(of(&d, "kmsg")->gaps[0].kind, "damage");
	CHECK(!d.m.complete);
	done(&d);
}

/* Nor does the budget explain a hole behind what it took. */
static void damage_behind_what_the_budget_took_is_damage(void)
{
	const struct holding *h;
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	line(&d, "{\"gap\":{\"number\":1,\"kind\":\"retention\",\"source\":\"spool\",\"from_ns\":"
		 "1000,\"to_ns\":2000,\"count\":9,\"reason\":\"budget\"}}");
	chunk(&d, CHUNK_KMSG, 0, 4, 2000, 3000, 10);
	chunk(&d, CHUNK_KMSG, 0, 6, 4000, 5000, 10);
	survey(&d);
	h = of(&d, "kmsg");
	CHECK_EQ(h->gap_count, 2);
	CHECK_STR(h->gaps[0].kind, "retention");
	CHECK_EQ(h->gaps[0].to_ns, 2000);
	CHECK_STR(h->gaps[1].kind, "damage");
	CHECK_EQ(h->gaps[1].from_ns, 3000);
	CHECK_EQ(h->gaps[1].to_ns, 4000);
	CHECK(h->lost_uncounted);
	CHECK(!d.m.complete);
	done(&d);
}

static void damage_is_named(void)
{
	struct text summary = {0};
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	chunk(&d, CHUNK_KMSG, 0, 1, 2000, 3000, 10);
	d.damage[0] = (struct segment_damage){"spool/00000003.zst", 4711, 815};
	d.set.damage_count = 1;
	survey(&d);
	CHECK(!d.m.complete);
	CHECK_EQ(of(&d, "spool")->gap_count, 1);
	CHECK_STR(of(&d, "spool")->status, "degraded");
	manifest_write_summary(&d.m, &summary);
	CHECK(strstr(summary.s, "spool/00000003.zst: 815 bytes from offset 4711"));
	CHECK(strstr(summary.s, "Complete   no"));
	text_free(&summary);
	done(&d);
}

/* What chunks tell of losses counts when the ledger has less. */
static void losses_are_told_by_the_records_too(void)
{
	for (int told = 0; told < 3; told++) {
		const struct holding *h;
		struct made d;

		begin(&d, FACTS);
		line(&d, TOTALS);
		if (told)
			line(&d,
			     "{\"gap\":{\"number\":1,\"kind\":\"fault\",\"source\":\"ftrace\","
			     "\"id\":1,\"from_ns\":100,\"to_ns\":200,\"count\":%d,"
			     "\"uncounted\":false,\"reason\":\"overrun\"}}",
			     told == 1 ? 4 : 12);
		chunk(&d, CHUNK_RING, 0, 1, 2000, 3000, 10);
		chunk(&d, CHUNK_RING, 1, 1, 2000, 3000, 10);
		chunk(&d, CHUNK_RING, 1, 2, 3000, 4000, 10);
		d.entries[1].chunk.lost = 5;
		d.entries[2].chunk.lost = 6;
		survey(&d);
		h = of(&d, "ftrace");
		CHECK_EQ(h->lost, told < 2 ? 11 : 12);
		CHECK_EQ(h->lost_uncounted, told < 2);
		CHECK_EQ(h->gap_count, (told > 0) + (told < 2));
		CHECK_EQ(h->gaps[h->gap_count - 1].id, 1);
		CHECK_STR(h->status, "degraded");
		CHECK(!d.m.complete);
		done(&d);
	}
}

/* The spool, when it was closed, told how far each stream had gone. */
static void an_end_that_is_not_there_is_damage(void)
{
	struct text summary = {0};
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	line(&d, "{\"sealed\":[{\"stream\":1,\"id\":0,\"last\":2},{\"stream\":1,\"id\":1,"
		 "\"last\":3},{\"stream\":4,\"id\":0,\"last\":1}]}");
	chunk(&d, CHUNK_RING, 0, 1, 2000, 3000, 10);
	chunk(&d, CHUNK_RING, 0, 2, 3000, 4000, 10);
	chunk(&d, CHUNK_RING, 1, 1, 2000, 2500, 10);
	survey(&d);
	CHECK_EQ(of(&d, "ftrace")->gap_count, 1);
	CHECK_EQ(of(&d, "ftrace")->gaps[0].id, 1);
	CHECK_EQ(of(&d, "ftrace")->gaps[0].from_ns, 2500);
	CHECK_EQ(of(&d, "clocks")->gap_count, 1);
	CHECK_EQ(of(&d, "clocks")->gaps[0].from_ns, 1000);
	CHECK_STR(of(&d, "clocks")->status, "degraded");
	CHECK(!d.m.complete);
	manifest_write_summary(&d.m, &summary);
	CHECK(strstr(summary.s, "at an unknown time: chunks of the spool are missing"));
	CHECK(!strstr(summary.s, "1970-"));
	text_free(&summary);
	done(&d);
}

static void who_died_is_not_complete(void)
{
	struct text summary = {0};
	struct json_doc *doc;
	struct made d;

	begin(&d, FACTS);
	line(&d, "{\"anchor\":{\"monotonic_ns\":0,\"realtime_ns\":7000}}");
	chunk(&d, CHUNK_RING, 0, 1, 2000, 3000, 10);
	survey(&d);
	CHECK(d.m.died);
	CHECK(!d.m.complete);
	manifest_write_summary(&d.m, &summary);
	CHECK(strstr(summary.s, "ended without finishing"));
	text_free(&summary);
	doc = json_of(&d);
	CHECK(json_get_bool(json_root(doc), "died", false));
	CHECK_STR(json_get_str(json_get(json_root(doc), "stop"), "reason", ""), "died");
	CHECK_EQ(json_get_u64(json_get(json_root(doc), "stop"), "realtime_ns", 0), 10000);
	json_doc_free(doc);
	done(&d);
	/* A trigger had fired, but the end was not reached: what it saw is still told. */
	begin(&d, FACTS);
	line(&d, "{\"stop\":{\"reason\":\"trigger\",\"trigger\":\"fencing\",\"text\":\"seen\"}}");
	survey(&d);
	CHECK(d.m.died);
	CHECK(!d.m.complete);
	doc = json_of(&d);
	CHECK_STR(json_get_str(json_get(json_root(doc), "stop"), "trigger", ""), "fencing");
	json_doc_free(doc);
	done(&d);
}

static void a_failed_source_is_not_complete(void)
{
	struct json_doc *doc;
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	line(&d, "{\"source\":{\"name\":\"packets\",\"status\":\"degraded\",\"why\":\"one\"}}");
	survey(&d);
	CHECK(d.m.complete);
	CHECK_STR(of(&d, "packets")->status, "degraded");
	manifest_done(&d.m);
	line(&d, "{\"source\":{\"name\":\"packets\",\"status\":\"failed\",\"why\":\"two\"}}");
	line(&d, "{\"source\":{\"name\":\"packets\",\"status\":\"degraded\",\"why\":\"three\"}}");
	survey(&d);
	CHECK(!d.m.complete);
	CHECK_STR(of(&d, "packets")->status, "failed");
	CHECK_STR(of(&d, "packets")->why, "one; two; three");
	doc = json_of(&d);
	CHECK_STR(json_get_str(source_in(doc, "packets"), "status", ""), "failed");
	json_doc_free(doc);
	done(&d);
}

static void many_suspects_are_counted_in_the_summary(void)
{
	struct text summary = {0};
	struct json_doc *doc;
	const struct json_value *v;
	size_t n = 0, shown = 0;
	struct made d;

	begin(&d, FACTS);
	line(&d, TOTALS);
	for (int i = 0; i < 73; i++)
		line(&d, "{\"suspect\":{\"trigger\":\"lost\",\"text\":\"suspect no %d.\"}}", i);
	survey(&d);
	manifest_write_summary(&d.m, &summary);
	for (const char *at = summary.s; (at = strstr(at, "suspect no ")); at++)
		shown++;
	CHECK_EQ(shown, 50);
	CHECK(strstr(summary.s, "suspect no 0."));
	CHECK(strstr(summary.s, "and 23 more, in manifest.json"));
	doc = json_of(&d);
	for (v = json_get(json_root(doc), "suspects")->child; v; v = v->next)
		n++;
	CHECK_EQ(n, 73);
	json_doc_free(doc);
	text_free(&summary);
	done(&d);
}

TEST_MAIN(TEST(a_whole_recording_is_complete), TEST(the_last_line_of_a_gap_counts),
	  TEST(retention_leaves_it_complete), TEST(a_hole_that_nobody_told_of_is_damage),
	  TEST(a_fault_of_the_spool_is_not_retention),
	  TEST(damage_behind_what_the_budget_took_is_damage), TEST(damage_is_named),
	  TEST(losses_are_told_by_the_records_too), TEST(an_end_that_is_not_there_is_damage),
	  TEST(who_died_is_not_complete), TEST(a_failed_source_is_not_complete),
	  TEST(many_suspects_are_counted_in_the_summary))
