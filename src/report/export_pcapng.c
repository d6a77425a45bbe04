/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Export `pcapng`: the packets as they were captured, with what a pcap file has no place for.
 *
 * Stamps and link type are those of the capture. Comments are on the packet nearest to the trigger
 * and to each suspect, and on the first after each loss, which has the number of lost ones too
 * (Wireshark's "drop count"). The section tells what ended the recording, the interface what was
 * captured, and the statistics at the end how much was received and lost: in the whole recording,
 * also when a window of it is exported.
 *
 * One packet is kept back, as the next may be nearer.
 */
#include "export.h"

#include <errno.h>
#include <inttypes.h>

#include "format/pcapfile.h"
#include "format/pcapng.h"

#define MARKS_MAX 10000
#define WORDS_BYTES 400 /* of the recording's own texts in a comment */

struct mark {
	uint64_t ns;
	const char *what, *name, *text; /* what NULL: packets were lost until then */
	uint64_t lost;
	bool least;
};

struct held {
	bool full;
	uint64_t ns, real_ns, dropped;
	uint32_t on_wire;
	struct text bytes, comment;
};

struct pcapng {
	const struct recording *rec;
	struct report_out *out;
	const struct json_value *source; /* the manifest's entry of the packets; NULL: none */
	uint64_t from_ns, to_ns, last_real_ns;
	struct mark *marks; /* by time */
	size_t mark_count, next;
	struct held held, fresh;
	struct text text;
	bool failed;
};

static void flush(struct pcapng *p)
{
	p->failed |= !text_ok(&p->text);
	report_text(p->out, text_c(&p->text), p->text.len);
	text_reset(&p->text);
}

static void add_words(struct text *out, const char *s)
{
	text_add_clean(out, s, min_of(strlen(s), (size_t)WORDS_BYTES), false);
}

/* ---- marks ---- */

static void add_mark(struct pcapng *p, const struct mark *m)
{
	if (m->ns >= p->from_ns && m->ns <= p->to_ns && p->mark_count < MARKS_MAX)
		p->marks[p->mark_count++] = *m;
}

static int by_time(const void *va, const void *vb)
{
	const struct mark *a = va, *b = vb;

	return (a->ns > b->ns) - (a->ns < b->ns);
}

static int collect_marks(struct pcapng *p, struct err *e)
{
	const struct json_value *suspects = json_get(bundle_manifest(p->rec->bundle), "suspects"),
				*gaps = json_get(p->source, "gaps");

	p->marks = calloc(MARKS_MAX, sizeof(*p->marks));
	if (!p->marks)
		return err_nomem(e);
	if (p->rec->triggered)
		add_mark(p, &(struct mark){.ns = p->rec->trigger_ns,
					   .what = "trigger",
					   .name = p->rec->trigger,
					   .text = p->rec->trigger_text});
	for (const struct json_value *v = suspects ? suspects->child : NULL; v; v = v->next)
		add_mark(p, &(struct mark){.ns = json_get_u64(v, "monotonic_ns", 0),
					   .what = "suspect",
					   .name = json_get_str(v, "trigger", ""),
					   .text = json_get_str(v, "text", "")});
	for (const struct json_value *g = gaps ? gaps->child : NULL; g; g = g->next)
		add_mark(p,
			 &(struct mark){.ns = json_get_u64(g, "to_monotonic_ns",
							   json_get_u64(g, "from_monotonic_ns", 0)),
					.text = json_get_str(g, "reason", ""),
					.lost = json_get_u64(g, "count", 0),
					.least = json_get_bool(g, "count_is_lower_bound", false)});
	qsort(p->marks, p->mark_count, sizeof(*p->marks), by_time);
	return 0;
}

static void tell_distance(struct text *out, uint64_t packet_ns, uint64_t mark_ns)
{
	char buf[32];

	if (packet_ns > mark_ns)
		text_printf(out, " (%s before this packet)",
			    format_duration(packet_ns - mark_ns, buf, sizeof(buf)));
	else if (packet_ns < mark_ns)
		text_printf(out, " (%s after this packet)",
			    format_duration(mark_ns - packet_ns, buf, sizeof(buf)));
}

static void attach(const struct mark *m, struct held *h)
{
	struct text *c = &h->comment;

	if (c->len)
		text_str(c, "\n");
	if (m->what) {
		text_printf(c, "%s ", m->what);
		add_words(c, m->name);
		text_str(c, ": ");
		add_words(c, m->text);
		tell_distance(c, h->ns, m->ns);
		return;
	}
	if (m->lost)
		text_printf(c, "%s%" PRIu64 " packets lost before this one",
			    m->least ? "at least " : "", m->lost);
	else
		text_str(c, "packets were lost before this one, nobody knows how many");
	if (*m->text) {
		text_str(c, ": ");
		add_words(c, m->text);
	}
	h->dropped += min_of(m->lost, UINT64_MAX - h->dropped);
}

/* ---- packets ---- */

static void write_held(struct pcapng *p)
{
	struct held *h = &p->held;

	if (!h->full)
		return;
	p->failed |= !text_ok(&h->bytes) || !text_ok(&h->comment);
	if (!p->failed)
		pcapng_packet(&p->text,
			      &(struct pcapng_packet){.real_ns = h->real_ns,
						      .bytes = (const uint8_t *)text_c(&h->bytes),
						      .captured = (uint32_t)h->bytes.len,
						      .on_wire = h->on_wire,
						      .dropped = h->dropped,
						      .comment = text_c(&h->comment)});
	h->full = false;
	flush(p);
}

/* The marks up to the fresh packet: to it, or to the one before. */
static void attach_marks(struct pcapng *p)
{
	for (; p->next < p->mark_count && p->marks[p->next].ns <= p->fresh.ns; p->next++) {
		const struct mark *m = &p->marks[p->next];
		bool before = m->what && p->held.full && m->ns >= p->held.ns &&
			      m->ns - p->held.ns < p->fresh.ns - m->ns;

		attach(m, before ? &p->held : &p->fresh);
	}
}

static void see_packet(void *self, const struct captured_packet *c)
{
	struct pcapng *p = self;
	struct held keep;

	p->fresh.full = true;
	p->fresh.ns = c->ns;
	p->fresh.real_ns = c->real_ns;
	p->fresh.on_wire = c->on_wire;
	p->fresh.dropped = 0;
	text_reset(&p->fresh.bytes);
	text_reset(&p->fresh.comment);
	text_add(&p->fresh.bytes, c->bytes, c->captured);
	p->last_real_ns = max_of(p->last_real_ns, c->real_ns);
	attach_marks(p);
	write_held(p);
	keep = p->held;
	p->held = p->fresh;
	p->fresh = keep;
}

/* ---- the file ---- */

static const struct json_value *packets_of(const struct json_value *manifest)
{
	const struct json_value *list = json_get(manifest, "sources");

	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next)
		if (!strcmp(json_get_str(v, "name", ""), "packets"))
			return v;
	return NULL;
}

static void tell_loss(const struct pcapng *p, struct text *out)
{
	uint64_t lost = json_get_u64(p->source, "lost", 0);

	if (!p->source)
		text_str(out, "How many packets the recording lost is not known.");
	else
		text_printf(out, "The recording has %" PRIu64 " packets and lost %s%" PRIu64 ".",
			    json_get_u64(p->source, "records", 0),
			    json_get_bool(p->source, "lost_is_lower_bound", false) ? "at least "
										   : "",
			    lost);
}

static void tell_story(const struct pcapng *p, struct text *out)
{
	const struct json_value *m = bundle_manifest(p->rec->bundle);
	uint64_t real;
	char utc[64];

	text_str(out, "Recorded by scoutfs-trace on ");
	add_words(out, json_get_str(m, "host", "an unknown host"));
	if (p->rec->triggered) {
		text_str(out, ". Ended by ");
		add_words(out, p->rec->trigger);
		if (clocks_real_of_mono(&p->rec->clocks, p->rec->trigger_ns, &real))
			text_printf(out, " at %s", format_utc(real, utc, sizeof(utc)));
		text_str(out, ": ");
		add_words(out, p->rec->trigger_text);
	}
	text_str(out, ".\n");
	tell_loss(p, out);
}

static int write_head(struct pcapng *p, const struct pcapfile_reader *pcap, struct err *e)
{
	const struct json_value *m = bundle_manifest(p->rec->bundle),
				*facts = json_get(p->source, "facts");
	CLEANUP(text_free)
	struct text story = {0}, system = {0}, name = {0}, filter = {0}, hardware = {0};

	text_str(&system, "Linux ");
	add_words(&system, json_get_str(m, "kernel", ""));
	add_words(&hardware, json_get_str(m, "machine", ""));
	add_words(&name, json_get_str(facts, "interface", ""));
	add_words(&filter, json_get_str(facts, "filter", ""));
	tell_story(p, &story);
	if (!text_ok(&story) || !text_ok(&system) || !text_ok(&name) || !text_ok(&filter) ||
	    !text_ok(&hardware))
		return err_nomem(e);
	pcapng_section(&p->text,
		       &(struct pcapng_section){.hardware = text_c(&hardware),
						.system = text_c(&system),
						.program = "scoutfs-trace " PROJECT_VERSION,
						.comment = text_c(&story)});
	pcapng_interface(&p->text,
			 &(struct pcapng_interface){.link_type = (uint16_t)pcap->link_type,
						    .snaplen = pcap->snaplen,
						    .name = text_c(&name),
						    .filter = text_c(&filter),
						    .system = text_c(&system)});
	flush(p);
	return 0;
}

static int open_pcapng(void *self, const struct recording *rec, const struct analysis_options *o,
		       struct report_out *out, struct err *e)
{
	CLEANUP(text_free) struct text head = {0};
	struct pcapfile_reader pcap = {0};
	struct pcapfile_packet packet;
	struct pcapng *p = self;
	int r;

	p->rec = rec;
	p->out = out;
	p->from_ns = o->from_ns;
	p->to_ns = o->to_ns;
	p->source = packets_of(bundle_manifest(rec->bundle));
	r = bundle_prologue(rec->bundle, "packets.pcap", &head, e);
	if (r < 0)
		return r;
	pcapfile_feed(&pcap, (const uint8_t *)head.s, head.len);
	r = pcapfile_next(&pcap, &packet, e); /* takes the header */
	if (r == -EINVAL)
		r = -EBADMSG; /* it is the recording that is wrong, not who asks */
	if (r >= 0)
		r = collect_marks(p, e);
	if (r == 0)
		r = write_head(p, &pcap, e);
	pcapfile_done(&pcap);
	return r;
}

static int result_pcapng(void *self, struct report_out *out, struct err *e)
{
	CLEANUP(text_free) struct text loss = {0};
	struct pcapng *p = self;
	uint64_t first = json_get_u64(p->source, "first_monotonic_ns", 0),
		 last = json_get_u64(p->source, "last_monotonic_ns", 0),
		 records = json_get_u64(p->source, "records", 0),
		 lost = json_get_u64(p->source, "lost", 0);
	struct pcapng_counts counts = {.real_ns = p->last_real_ns, .known = p->source != NULL};

	(void)out;
	for (; p->next < p->mark_count; p->next++)
		if (p->marks[p->next].what && p->held.full)
			attach(&p->marks[p->next], &p->held);
	write_held(p);
	tell_loss(p, &loss);
	if (first)
		(void)clocks_real_of_mono(&p->rec->clocks, first, &counts.begin_real_ns);
	if (last)
		(void)clocks_real_of_mono(&p->rec->clocks, last, &counts.end_real_ns);
	counts.real_ns = max_of(counts.real_ns, counts.end_real_ns);
	counts.received = records + min_of(lost, UINT64_MAX - records);
	counts.dropped = lost;
	counts.comment = text_c(&loss);
	p->failed |= !text_ok(&loss);
	pcapng_counts(&p->text, &counts);
	flush(p);
	return p->failed ? err_nomem(e) : 0;
}

static void done_pcapng(void *self)
{
	struct pcapng *p = self;

	free(p->marks);
	text_free(&p->held.bytes);
	text_free(&p->held.comment);
	text_free(&p->fresh.bytes);
	text_free(&p->fresh.comment);
	text_free(&p->text);
}

const struct analysis_ops export_pcapng = {
	.name = "pcapng",
	.title = "",
	.summary = "the packets, with trigger, suspects and losses as comments, for Wireshark",
	.self_bytes = sizeof(struct pcapng),
	.open = open_pcapng,
	.packet = see_packet,
	.result = result_pcapng,
	.done = done_pcapng,
};
