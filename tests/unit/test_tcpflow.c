/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages out of captures: of real clusters, counted against what was counted there; of the same
 * with packets dropped, doubled, out of order, cut and divided, where every message given must be a
 * true one and every one not given lie in a gap; and of a few packets made by hand.
 */
#include "format/pcapfile.h"
#include "format/tcpflow.h"
#include "realdata.h"
#include "test.h"

#define STREAMS_MAX 512

/* ---- a capture, in memory ---- */

struct packet {
	uint64_t ns;
	struct wire_packet p;
};

struct capture {
	struct realdata d;
	struct packet *packets;
	size_t count;
};

static struct capture capture_load(const char *name)
{
	struct capture c = {.d = realdata_load(name)};
	struct pcapfile_reader r = {0};
	struct pcapfile_packet p;
	size_t room = 0;

	pcapfile_feed(&r, c.d.bytes, c.d.n);
	while (pcapfile_next(&r, &p, NULL) == 1) {
		if (c.count == room) {
			room = room ? 2 * room : 1024;
			c.packets = realloc(c.packets, room * sizeof(c.packets[0]));
		}
		c.packets[c.count].ns = p.real_ns;
		if (wire_packet_parse(r.link_type, p.bytes, p.captured, &c.packets[c.count].p))
			c.count++;
	}
	if (pcapfile_end(&r, NULL))
		realdata_die(name, "cannot be read");
	pcapfile_done(&r);
	return c;
}

static void capture_free(struct capture *c)
{
	free(c->packets);
	realdata_free(&c->d);
}

/* ---- what the callbacks tell ---- */

struct told {
	unsigned int begins[3], ends[5], live, gaps, reasons[6];
	uint64_t gap_bytes;
	unsigned int messages, commands[WIRE_COMMANDS][2], errors;
	unsigned int from_server[WIRE_COMMANDS][2], server_unknown, torn;
	uint64_t last_ns;
	bool backwards;
};

static void tell_begin(void *ctx, struct tcpflow_connection *c, enum tcpflow_begin how)
{
	struct told *t = ctx;

	(void)c;
	t->begins[how]++;
	t->live++;
}

static void tell_message(void *ctx, struct tcpflow_connection *c, const struct tcpflow_message *m)
{
	struct told *t = ctx;
	bool by_server = false;

	t->messages++;
	t->commands[m->header.command][m->header.response]++;
	t->errors += m->header.error != 0;
	t->torn += m->data_bytes < m->header.data_len;
	if (!tcpflow_from_server(c, m, &by_server))
		t->server_unknown++;
	t->from_server[m->header.command][m->header.response] += by_server;
	t->backwards |= m->header_ns > m->last_ns || m->last_ns < t->last_ns;
	t->last_ns = m->last_ns;
}

static void tell_gap(void *ctx, struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	struct told *t = ctx;

	(void)c;
	t->gaps++;
	t->reasons[g->reason]++;
	t->gap_bytes += g->bytes;
}

static void tell_end(void *ctx, struct tcpflow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	struct told *t = ctx;

	(void)c;
	(void)ns;
	t->ends[how]++;
	t->live--;
}

static const struct tcpflow_ops tell = {tell_begin, tell_message, tell_gap, tell_end};

/* ---- real captures ---- */

/*
 * Counted when the captures were made, by a script that shares nothing with this program (workload
 * and the two fences: requests and responses of each command, all messages, responses with an
 * error; for workload also how many of the requests that go either way came from the server) and,
 * of the two short ones, by tests/sim/walk.py. Connections, SYN, FIN and RST are what tshark
 * counts.
 */
static const struct {
	const char *name;
	unsigned int commands[WIRE_COMMANDS][2], messages, errors;
	unsigned int syn, midstream, fin, rst;
	unsigned int locks_by_server, maps_by_server;
} captures[] = {
	{"real/pcap/workload-whole-sll2.pcap.zst",
	 {{3, 3},	{6, 6}, {449, 448}, {445, 445}, {3, 3},	  {953, 952}, {6, 6},
	  {3926, 3919}, {0, 0}, {13, 13},   {4, 4},	{19, 19}, {1, 1},     {171, 171},
	  {13, 13},	{1, 1}, {1, 1},	    {1, 1},	{29, 29}, {3, 3}},
	 12085,
	 18,
	 3,
	 0,
	 3,
	 0,
	 1957,
	 114},
	{"real/pcap/fence-client-sll2.pcap.zst",
	 {{1, 1},	{8, 8}, {116, 116}, {115, 115}, {2, 2},	  {261, 261}, {0, 0},
	  {1045, 1045}, {0, 0}, {7, 7},	    {0, 0},	{16, 16}, {1, 1},     {51, 51},
	  {12, 12},	{0, 0}, {0, 0},	    {0, 0},	{11, 11}, {0, 0}},
	 3292,
	 15,
	 1,
	 3,
	 1,
	 0,
	 0,
	 0},
	{"real/pcap/fence-leader-sll2.pcap.zst",
	 {{3, 3},     {8, 8}, {68, 68}, {67, 67}, {1, 1}, {148, 148}, {0, 0},
	  {550, 550}, {4, 4}, {2, 2},	{0, 0},	  {5, 5}, {0, 0},     {30, 30},
	  {6, 6},     {0, 0}, {0, 0},	{0, 0},	  {6, 6}, {0, 0}},
	 1796,
	 5,
	 213,
	 3,
	 3,
	 210,
	 0,
	 0},
	{"real/pcap/workload-en10mb.pcap.zst",
	 {{0, 0},     {4, 4}, {38, 38}, {38, 38}, {0, 0}, {113, 113}, {0, 0},
	  {462, 465}, {0, 0}, {0, 0},	{0, 0},	  {2, 2}, {0, 0},     {18, 18},
	  {0, 0},     {0, 0}, {0, 0},	{0, 0},	  {3, 3}, {0, 0}},
	 1359,
	 2,
	 0,
	 3,
	 0,
	 0,
	 0,
	 0},
	{"real/pcap/workload-sll1.pcap.zst",
	 {{0, 0},     {4, 4}, {38, 38}, {38, 38}, {0, 0}, {113, 112}, {0, 0},
	  {458, 461}, {0, 0}, {0, 0},	{0, 0},	  {0, 0}, {0, 0},     {18, 18},
	  {0, 0},     {0, 0}, {0, 0},	{0, 0},	  {3, 3}, {0, 0}},
	 1346,
	 0,
	 0,
	 3,
	 0,
	 0,
	 0,
	 0},
};

static void every_real_message_is_given_once(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(captures); i++) {
		struct capture c = capture_load(captures[i].name);
		struct told t = {0};
		struct tcpflow *f = tcpflow_new(NULL, &tell, &t, NULL);
		const struct tcpflow_stats *s = tcpflow_stats(f);

		for (size_t n = 0; n < c.count; n++)
			tcpflow_packet(f, c.packets[n].ns, &c.packets[n].p);
		tcpflow_finish(f);
		CHECK_EQ(t.messages, captures[i].messages);
		CHECK_EQ(t.errors, captures[i].errors);
		CHECK_EQ(t.gaps, 0);
		CHECK_EQ(t.torn, 0);
		CHECK(!t.backwards);
		CHECK_EQ(t.live, 0);
		CHECK_EQ(t.begins[TCPFLOW_BEGIN_SYN], captures[i].syn);
		CHECK_EQ(t.begins[TCPFLOW_BEGIN_MIDSTREAM], captures[i].midstream);
		CHECK_EQ(t.begins[TCPFLOW_BEGIN_GREETING], 0);
		CHECK_EQ(t.ends[TCPFLOW_END_FIN], captures[i].fin);
		CHECK_EQ(t.ends[TCPFLOW_END_RST], captures[i].rst);
		CHECK_EQ(s->duplicate_bytes + s->waited + s->late + s->kept_bytes, 0);
		for (int command = 0; command < WIRE_COMMANDS; command++) {
			struct wire_message m = {.command = (uint8_t)command};
			const unsigned int *got = t.commands[command];

			CHECK_EQ(got[0], captures[i].commands[command][0]);
			CHECK_EQ(got[1], captures[i].commands[command][1]);
			/* Each request was sent by who sends such, each response by the other. */
			if (wire_message_sender(&m) == WIRE_FROM_EITHER || t.server_unknown)
				continue;
			CHECK_EQ(t.from_server[command][0],
				 wire_message_sender(&m) == WIRE_FROM_SERVER ? got[0] : 0);
			CHECK_EQ(t.from_server[command][1],
				 wire_message_sender(&m) == WIRE_FROM_SERVER ? 0 : got[1]);
		}
		if (captures[i].locks_by_server) {
			CHECK_EQ(t.from_server[WIRE_LOCK][0], captures[i].locks_by_server);
			CHECK_EQ(t.from_server[WIRE_OPEN_INO_MAP][0], captures[i].maps_by_server);
		}
		/* Nobody knows before the first message that only one side sends. */
		CHECK(t.server_unknown < 20);
		tcpflow_free(f);
		capture_free(&c);
	}
}

/* ---- adversity ---- */

/* What one end of one connection truly sent, by a walk of the whole capture. */
struct stream {
	struct wire_addr from, to;
	uint32_t first_seq;
	uint8_t *bytes;
	size_t n;
	size_t *starts; /* of messages, and the end */
	size_t count;
	unsigned int given; /* of them, by the flow under test */
	/* the flow's view of it */
	bool known;    /* an offset of the flow is known in the stream */
	uint64_t base; /* of the stream, of the flow's offset 0 */
	bool going;
	uint64_t expected; /* next offset of the flow */
	size_t next;	   /* message not given yet */
	bool joined;	   /* packets of it were given from some point on */
};

struct truth {
	struct stream streams[STREAMS_MAX];
	size_t count;
	unsigned int messages;
	/* what went wrong */
	unsigned int false_messages, uncovered, wrong_data, unordered;
	struct told told;
};

static struct stream *stream_of(struct truth *t, const struct wire_addr *from,
				const struct wire_addr *to, bool add)
{
	for (size_t i = 0; i < t->count; i++)
		if (wire_addr_equal(&t->streams[i].from, from) &&
		    wire_addr_equal(&t->streams[i].to, to))
			return &t->streams[i];
	if (!add || t->count == STREAMS_MAX)
		return NULL;
	t->streams[t->count].from = *from;
	t->streams[t->count].to = *to;
	return &t->streams[t->count++];
}

/* The real captures have every segment once and in order, as tshark finds too. */
static void truth_learn(struct truth *t, const struct capture *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct wire_packet *p = &c->packets[i].p;
		struct stream *s;

		if (p->transport != WIRE_TCP || !p->payload_bytes)
			continue;
		s = stream_of(t, &p->source, &p->destination, true);
		if (!s)
			continue; /* more than STREAMS_MAX: its messages count as false ones */
		if (!s->n)
			s->first_seq = p->tcp_seq;
		s->bytes = realloc(s->bytes, s->n + p->payload_bytes);
		memcpy(s->bytes + s->n, p->payload, p->payload_bytes);
		s->n += p->payload_bytes;
	}
	for (size_t i = 0; i < t->count; i++) {
		struct stream *s = &t->streams[i];
		size_t at = 0;

		s->starts = malloc((s->n / 32 + 2) * sizeof(size_t));
		while (at < s->n) {
			s->starts[s->count++] = at;
			at += 32 + get_le16(s->bytes + at + 24);
		}
		s->starts[s->count] = at;
		t->messages += (unsigned int)s->count;
	}
}

static void truth_free(struct truth *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->streams[i].bytes);
		free(t->streams[i].starts);
	}
}

static struct stream *stream_told(struct truth *t, const struct tcpflow_connection *c, int from)
{
	return stream_of(t, &c->ends[from], &c->ends[!from], false);
}

static void truth_begin(void *ctx, struct tcpflow_connection *c, enum tcpflow_begin how)
{
	struct truth *t = ctx;

	tell_begin(&t->told, c, how);
	for (int from = 0; from < 2; from++) {
		struct stream *s = stream_told(t, c, from);

		if (s)
			s->known = s->going = false;
	}
}

/* Each goes on where the one before it ended. */
static void truth_goes_on(struct truth *t, struct stream *s, uint64_t offset, uint64_t n)
{
	if (s->going && offset != s->expected)
		t->uncovered++;
	s->going = true;
	s->expected = offset + n;
}

static void truth_message(void *ctx, struct tcpflow_connection *c, const struct tcpflow_message *m)
{
	struct truth *t = ctx;
	struct stream *s = stream_told(t, c, m->from);
	uint8_t header[32];
	size_t i;

	tell_message(&t->told, c, m);
	if (!s) {
		t->false_messages++;
		return;
	}
	truth_goes_on(t, s, m->offset, 32 + m->header.data_len);
	wire_message_write(&m->header, header);
	for (i = s->next; i < s->count; i++)
		if (memcmp(s->bytes + s->starts[i], header, 32) == 0 &&
		    (!s->known || s->base + m->offset == s->starts[i]))
			break;
	if (i == s->count) {
		t->false_messages++;
		return;
	}
	s->next = i + 1;
	s->known = true;
	s->base = s->starts[i] - m->offset;
	s->given++;
	if (memcmp(s->bytes + s->starts[i] + 32, m->data, m->data_bytes) != 0)
		t->wrong_data++;
}

static void truth_gap(void *ctx, struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	struct truth *t = ctx;
	struct stream *s = stream_told(t, c, g->from);

	tell_gap(&t->told, c, g);
	if (s)
		truth_goes_on(t, s, g->offset, g->bytes);
	if (!g->bytes || g->first_ns > g->last_ns)
		t->unordered++;
}

static void truth_end(void *ctx, struct tcpflow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	struct truth *t = ctx;

	tell_end(&t->told, c, ns, how);
}

static const struct tcpflow_ops truth_ops = {truth_begin, truth_message, truth_gap, truth_end};

/* In how many of a thousand packets something happens. */
struct adversity {
	const char *name;
	unsigned int drop, twice, divide, cut, late;
	unsigned int by;  /* packets that a late one is late by, at most */
	uint32_t snaplen; /* of payload, for all; 0: none */
};

/* Packets as an adverse capture has them, in order. */
struct stage {
	struct packet *packets;
	size_t count;
	unsigned int hit; /* messages of which bytes were dropped */
};

static void stage_put(struct stage *s, const struct packet *p)
{
	s->packets[s->count++] = *p;
}

static struct packet part_of(const struct packet *p, uint32_t from, uint32_t n)
{
	struct packet part = *p;

	part.p.payload += from;
	part.p.payload_bytes = part.p.payload_wire_bytes = n;
	part.p.tcp_seq += from;
	if (from + n < p->p.payload_bytes)
		part.p.tcp_flags &= (uint8_t)~1;
	return part;
}

static struct stage stage_make(const struct capture *c, const struct adversity *a, uint64_t *seed)
{
	struct stage s = {.packets = malloc(4 * c->count * sizeof(struct packet))};

	for (size_t i = 0; i < c->count; i++) {
		struct packet p = c->packets[i];

		if (a->snaplen)
			p.p.payload_bytes = min_of(p.p.payload_bytes, a->snaplen);
		if (damage(seed) % 1000 < a->drop) {
			/* a few messages in a segment at most */
			s.hit += (p.p.payload_bytes + 79) / 80;
			continue;
		}
		if (damage(seed) % 1000 < a->cut && p.p.payload_bytes)
			p.p.payload_bytes = damage(seed) % p.p.payload_bytes;
		if (damage(seed) % 1000 < a->divide && p.p.payload_bytes > 1 &&
		    p.p.payload_bytes == p.p.payload_wire_bytes) {
			uint32_t first = 1 + damage(seed) % (p.p.payload_bytes - 1);
			struct packet one = part_of(&p, 0, first);
			struct packet two = part_of(&p, first, p.p.payload_bytes - first);

			stage_put(&s, &one);
			stage_put(&s, &two);
		} else {
			stage_put(&s, &p);
		}
		if (damage(seed) % 1000 < a->twice)
			stage_put(&s, &p);
	}
	/* Late ones: each goes some places further back, its stamp with its place. */
	for (size_t i = s.count; i-- > 0 && a->late;) {
		size_t to = i + 1 + damage(seed) % a->by;
		struct packet late = s.packets[i];

		if (damage(seed) % 1000 >= a->late || to >= s.count || !late.p.payload_bytes ||
		    s.packets[to].ns - late.ns > TCPFLOW_GRACE_NS / 2)
			continue;
		for (size_t k = i; k < to; k++)
			s.packets[k] = s.packets[k + 1];
		s.packets[to] = late;
	}
	for (size_t i = 1; i < s.count; i++)
		s.packets[i].ns = max_of(s.packets[i].ns, s.packets[i - 1].ns);
	return s;
}

static void endure(const struct capture *c, struct truth *t, const struct adversity *a,
		   uint64_t *seed, struct stage *ret_stage, struct tcpflow_stats *ret_stats)
{
	struct tcpflow *f = tcpflow_new(NULL, &truth_ops, t, NULL);
	struct stage s = stage_make(c, a, seed);

	for (size_t i = 0; i < t->count; i++) {
		struct stream *stream = &t->streams[i];

		stream->known = stream->going = false;
		stream->next = stream->given = 0;
	}
	t->told = (struct told){0};
	for (size_t i = 0; i < s.count; i++) {
		/* In memory of its own: a step too far is seen under a sanitizer. */
		uint8_t *own = malloc(s.packets[i].p.payload_bytes + 1);
		struct wire_packet p = s.packets[i].p;

		if (p.payload_bytes)
			memcpy(own, p.payload, p.payload_bytes);
		p.payload = own;
		tcpflow_packet(f, s.packets[i].ns, &p);
		free(own);
	}
	tcpflow_finish(f);
	*ret_stats = *tcpflow_stats(f);
	tcpflow_free(f);
	*ret_stage = s;
}

static void whatever_happens_to_packets_no_message_is_invented(void)
{
	static const struct adversity adversities[] = {
		{"dropped", .drop = 10},
		{"many dropped", .drop = 300},
		{"doubled", .twice = 500},
		{"divided", .divide = 500},
		{"late", .late = 50, .by = 8},
		{"late, doubled and divided", .twice = 100, .divide = 300, .late = 50, .by = 8},
		{"cut", .cut = 20},
		{"all cut", .snaplen = 40},
		{"everything", .drop = 20, .twice = 50, .divide = 200, .cut = 20, .late = 30,
		 .by = 20},
	};
	static const char *const names[] = {"real/pcap/fence-leader-sll2.pcap.zst",
					    "real/pcap/workload-whole-sll2.pcap.zst"};

	for (size_t n = 0; n < 2 * ARRAY_SIZE(adversities); n++) {
		const struct adversity *a = &adversities[n / 2];
		struct capture c = capture_load(names[n % 2]);
		struct truth *t = calloc(1, sizeof(*t));
		uint64_t seed = 1000 + n;

		truth_learn(t, &c);
		CHECK_EQ(t->messages, n % 2 ? 12085 : 1796);
		for (int round = 0; round < 3; round++) {
			struct tcpflow_stats stats;
			struct stage s;
			unsigned int lost;

			endure(&c, t, a, &seed, &s, &stats);
			lost = t->messages - t->told.messages;
			if (round == 0)
				printf("# %s: %u of %u messages, %u torn, %u gaps, %u hit\n",
				       a->name, t->told.messages, t->messages, t->told.torn,
				       t->told.gaps, s.hit);
			free(s.packets);
			CHECK_EQ(t->false_messages, 0);
			CHECK_EQ(t->wrong_data, 0);
			CHECK_EQ(t->uncovered, 0);
			CHECK_EQ(t->unordered, 0);
			CHECK_EQ(t->told.live, 0);
			CHECK_EQ(stats.kept_bytes, 0);
			CHECK(stats.kept_bytes_max < MIB);
			/* Nothing is lost but what the capture lacks, and little behind it. */
			if (!a->drop && !a->cut && !a->snaplen) {
				/* but for the very first of a live connection, if it is late */
				CHECK(lost <=
				      (a->late ? t->told.begins[TCPFLOW_BEGIN_MIDSTREAM] : 0));
				CHECK_EQ(t->told.gaps, t->told.reasons[TCPFLOW_GAP_START]);
				CHECK(t->told.gaps <= lost);
			} else if (a->drop && !a->cut) {
				CHECK(lost <= s.hit + s.hit / 4 + 2);
			}
			/* Headers are 32 bytes: of each segment, all of which begin with a message,
			 * the first message remains, but perhaps before any other. */
			if (a->snaplen)
				CHECK(t->told.messages <= stats.segments &&
				      t->told.messages + t->told.begins[TCPFLOW_BEGIN_MIDSTREAM] >=
					      stats.segments);
		}
		truth_free(t);
		free(t);
		capture_free(&c);
	}
}

/* A capture that begins anywhere: in the middle of segments too, and all messages but the torn one.
 */
static void joins_a_live_connection_anywhere(void)
{
	struct capture c = capture_load("real/pcap/workload-en10mb.pcap.zst");
	uint64_t seed = 5;

	for (int round = 0; round < 60; round++) {
		struct truth *t = calloc(1, sizeof(*t));
		size_t first = damage(&seed) % (c.count - 100);
		struct tcpflow *f = tcpflow_new(NULL, &truth_ops, t, NULL);
		unsigned int possible = 0, streams = 0;

		truth_learn(t, &c);
		for (size_t i = first; i < c.count; i++) {
			struct packet p = c.packets[i];
			struct stream *s = stream_of(t, &p.p.source, &p.p.destination, false);

			if (s && p.p.payload_bytes && !s->joined) {
				size_t skip = round % 3 ? damage(&seed) % p.p.payload_bytes : 0;
				uint64_t offset = p.p.tcp_seq - s->first_seq + (uint32_t)skip;

				p = part_of(&p, (uint32_t)skip, p.p.payload_bytes - (uint32_t)skip);
				for (size_t k = 0; k < s->count; k++)
					possible += s->starts[k] >= offset;
				s->joined = true;
				streams++;
			}
			tcpflow_packet(f, p.ns, &p.p);
		}
		tcpflow_finish(f);
		CHECK_EQ(t->false_messages + t->wrong_data + t->uncovered, 0);
		/* At the very end one may be unconfirmed. */
		CHECK(t->told.messages <= possible);
		CHECK(t->told.messages + streams >= possible);
		tcpflow_free(f);
		truth_free(t);
		free(t);
	}
	capture_free(&c);
}

/* ---- packets by hand ---- */

#define SYN 0x02
#define ACK 0x10
#define FIN 0x11
#define RST 0x04

struct hand {
	struct tcpflow *f;
	struct told told;
	struct tcpflow_message last;
	struct tcpflow_gap gap;
	int server;
	uint64_t ns;
	uint32_t seq[2]; /* next of client, server */
	uint16_t port;	 /* of the client */
};

static void hand_message(void *ctx, struct tcpflow_connection *c, const struct tcpflow_message *m)
{
	struct hand *h = ctx;

	tell_message(&h->told, c, m);
	h->last = *m;
	h->server = c->server < 0 ? -1 : c->ends[c->server].port;
}

static void hand_begin(void *ctx, struct tcpflow_connection *c, enum tcpflow_begin how)
{
	tell_begin(&((struct hand *)ctx)->told, c, how);
}

static void hand_gap(void *ctx, struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	struct hand *h = ctx;

	tell_gap(&h->told, c, g);
	h->gap = *g;
}

static void hand_end(void *ctx, struct tcpflow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	tell_end(&((struct hand *)ctx)->told, c, ns, how);
}

static void hand_new(struct hand *h, const struct tcpflow_config *config)
{
	static const struct tcpflow_ops ops = {hand_begin, hand_message, hand_gap, hand_end};

	*h = (struct hand){.ns = 1000 * NSEC_PER_SEC, .seq = {1000, 5000}, .port = 40000};
	h->f = tcpflow_new(config, &ops, h, NULL);
}

/* 10.0.0.1:PORT is the client of 10.0.0.5:5000. */
static void hand_packet(struct hand *h, bool server, uint8_t flags, uint32_t seq,
			const uint8_t *bytes, uint32_t n, uint32_t wire_n)
{
	struct wire_packet p = {.transport = WIRE_TCP,
				.payload = bytes,
				.payload_bytes = n,
				.payload_wire_bytes = wire_n,
				.tcp_seq = seq,
				.tcp_ack = h->seq[!server],
				.tcp_flags = flags};

	wire_addr_parse("10.0.0.1", h->port, server ? &p.destination : &p.source);
	wire_addr_parse("10.0.0.5", 5000, server ? &p.source : &p.destination);
	tcpflow_packet(h->f, h->ns, &p);
	h->ns += NSEC_PER_MSEC;
}

static void hand_flags(struct hand *h, bool server, uint8_t flags)
{
	hand_packet(h, server, flags, h->seq[server], NULL, 0, 0);
	h->seq[server] += (flags & (SYN | 1)) != 0;
}

struct bytes {
	uint8_t b[2048];
	uint32_t n;
};

static void put_message(struct bytes *b, unsigned int command, bool response, uint64_t seq,
			uint16_t data_len)
{
	struct wire_message m = {.seq = seq,
				 .recv_seq = 1,
				 .id = seq,
				 .command = (uint8_t)command,
				 .response = response,
				 .data_len = data_len};

	wire_message_write(&m, b->b + b->n);
	memset(b->b + b->n + 32, (int)seq, data_len);
	b->n += 32u + data_len;
}

/* Sent and captured. */
static void hand_send(struct hand *h, bool server, const struct bytes *b)
{
	hand_packet(h, server, ACK, h->seq[server], b->b, b->n, b->n);
	h->seq[server] += b->n;
}

static struct bytes one(unsigned int command, bool response, uint64_t seq, uint16_t data_len)
{
	struct bytes b = {.n = 0};

	put_message(&b, command, response, seq, data_len);
	return b;
}

static void hand_connect(struct hand *h)
{
	hand_flags(h, false, SYN);
	hand_flags(h, true, SYN | ACK);
	hand_flags(h, false, ACK);
}

static void a_connection_from_its_beginning_to_its_end(void)
{
	struct bytes greeting = one(WIRE_GREETING, false, 2, 40),
		     lock = one(WIRE_LOCK, false, 3, 48);
	struct hand h;

	hand_new(&h, NULL);
	hand_connect(&h);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_SYN], 1);
	hand_send(&h, false, &greeting);
	CHECK_EQ(h.told.messages, 1);
	CHECK_EQ(h.server, 5000);
	CHECK_EQ(h.last.offset, 0);
	CHECK_EQ(h.last.from, 0);
	hand_send(&h, true, &lock);
	CHECK_EQ(h.told.messages, 2);
	CHECK_EQ(h.last.from, 1);
	CHECK_EQ(h.told.from_server[WIRE_LOCK][0], 1);
	hand_flags(&h, false, FIN);
	CHECK_EQ(h.told.live, 1);
	hand_flags(&h, true, FIN);
	CHECK_EQ(h.told.ends[TCPFLOW_END_FIN], 1);
	/* What comes behind it begins nothing. */
	hand_flags(&h, false, ACK);
	hand_flags(&h, false, RST);
	hand_packet(&h, true, ACK, h.seq[1] - 81, lock.b, lock.n, lock.n);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_MIDSTREAM], 0);
	/* The same ports again. */
	h.seq[0] += 100000;
	h.seq[1] += 100000;
	hand_connect(&h);
	hand_send(&h, false, &greeting);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_SYN], 2);
	CHECK_EQ(h.told.messages, 3);
	hand_flags(&h, true, RST);
	CHECK_EQ(h.told.ends[TCPFLOW_END_RST], 1);
	CHECK_EQ(h.told.live, 0);
	/* Much later it must be one whose beginning is not in the capture. */
	hand_send(&h, false, &greeting);
	CHECK_EQ(h.told.messages, 3);
	CHECK_EQ(tcpflow_stats(h.f)->late, 2);
	h.ns += 2 * NSEC_PER_SEC;
	hand_send(&h, false, &greeting);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_MIDSTREAM], 1);
	CHECK_EQ(h.told.messages, 4);
	CHECK_EQ(h.told.gaps, 0);
	tcpflow_free(h.f);
}

static void connections_that_replace_each_other(void)
{
	struct bytes greeting = one(WIRE_GREETING, false, 2, 40),
		     roots = one(WIRE_GET_ROOTS, false, 3, 0);
	struct bytes answer = one(WIRE_GET_ROOTS, true, 3, 72);
	struct hand h;

	/* A SYN while the old one lives; the same SYN captured twice is nothing new. */
	hand_new(&h, NULL);
	hand_connect(&h);
	hand_send(&h, false, &greeting);
	h.seq[0] += 9999;
	hand_flags(&h, false, SYN);
	h.seq[0]--;
	hand_flags(&h, false, SYN);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_SYN], 2);
	CHECK_EQ(h.told.ends[TCPFLOW_END_REPLACED], 1);
	/* Only the answer to a SYN is in the capture. */
	h.seq[0] += 5000;
	h.seq[1] += 5000;
	hand_flags(&h, true, SYN | ACK);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_SYN], 3);
	hand_send(&h, false, &greeting);
	hand_send(&h, false, &roots);
	hand_send(&h, true, &answer);
	CHECK_EQ(h.server, 5000);
	CHECK_EQ(h.told.messages, 4);
	/* Neither: a second greeting tells. What the server sends from then on is of the new one.
	 */
	hand_send(&h, false, &greeting);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_GREETING], 1);
	h.seq[1] += 12345678;
	hand_send(&h, true, &answer);
	CHECK_EQ(h.told.messages, 6);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_MIDSTREAM], 0);
	CHECK_EQ(h.told.gaps, 0);
	/* Numbers that no window has. */
	h.seq[0] += UINT32_C(1) << 30;
	hand_send(&h, false, &roots);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_MIDSTREAM], 1);
	CHECK_EQ(h.told.messages, 7);
	tcpflow_finish(h.f);
	CHECK_EQ(h.told.live, 0);
	CHECK_EQ(h.told.ends[TCPFLOW_END_CAPTURE], 1);
	tcpflow_free(h.f);
}

static void times_are_those_of_the_bytes(void)
{
	struct bytes b = one(WIRE_GET_VOLOPT, true, 7, 520), lock = one(WIRE_LOCK, true, 8, 48);
	uint64_t t0;
	struct hand h;

	hand_new(&h, NULL);
	hand_connect(&h);
	/* In four pieces: 20 bytes, the header's rest, more, the last. */
	t0 = h.ns;
	hand_packet(&h, true, ACK, h.seq[1], b.b, 20, 20);
	hand_packet(&h, true, ACK, h.seq[1] + 20, b.b + 20, 20, 20);
	hand_packet(&h, true, ACK, h.seq[1] + 40, b.b + 40, 500, 500);
	CHECK_EQ(h.told.messages, 0);
	hand_packet(&h, true, ACK, h.seq[1] + 540, b.b + 540, 12, 12);
	h.seq[1] += 552;
	CHECK_EQ(h.told.messages, 1);
	CHECK_EQ(h.last.header_ns, t0 + 1 * NSEC_PER_MSEC);
	CHECK_EQ(h.last.last_ns, t0 + 3 * NSEC_PER_MSEC);
	CHECK_EQ(h.last.data_bytes, 520);

	/* What waits could be read when what was missing came. */
	t0 = h.ns;
	hand_packet(&h, true, ACK, h.seq[1] + 80, lock.b, 80, 80);
	hand_packet(&h, true, ACK, h.seq[1] + 160, lock.b, 80, 80);
	CHECK_EQ(tcpflow_stats(h.f)->waited, 2);
	hand_packet(&h, true, ACK, h.seq[1] + 160, lock.b, 80, 80);
	CHECK_EQ(tcpflow_stats(h.f)->waited, 2);
	CHECK_EQ(h.told.messages, 1);
	h.ns += NSEC_PER_SEC - NSEC_PER_MSEC;
	hand_packet(&h, true, ACK, h.seq[1], lock.b, 80, 80);
	CHECK_EQ(h.told.messages, 4);
	CHECK_EQ(h.last.header_ns, t0 + NSEC_PER_SEC + 2 * NSEC_PER_MSEC);
	CHECK_EQ(h.told.gaps, 0);
	tcpflow_free(h.f);
}

static void what_was_acknowledged_is_not_waited_for(void)
{
	struct bytes lock = one(WIRE_LOCK, true, 8, 48);
	uint64_t t0;
	struct hand h;

	hand_new(&h, NULL);
	hand_connect(&h);
	hand_send(&h, true, &lock);
	/* The second of three is not in the capture; the peer has it. */
	t0 = h.ns;
	hand_packet(&h, true, ACK, h.seq[1] + 80, lock.b, 80, 80);
	h.seq[1] += 160;
	hand_flags(&h, false, ACK);
	CHECK_EQ(h.told.messages, 1);
	h.ns += TCPFLOW_GRACE_NS - 2 * NSEC_PER_MSEC;
	hand_flags(&h, false, ACK);
	CHECK_EQ(h.told.gaps, 0);
	h.ns += 2 * NSEC_PER_MSEC;
	hand_flags(&h, false, ACK);
	/* Then it is a gap, and the third has its own time. */
	CHECK_EQ(h.told.gaps, 1);
	CHECK_EQ(h.gap.reason, TCPFLOW_GAP_LOST);
	CHECK_EQ(h.gap.offset, 80);
	CHECK_EQ(h.gap.bytes, 80);
	CHECK_EQ(h.gap.first_ns, t0 - NSEC_PER_MSEC);
	CHECK_EQ(h.gap.last_ns, t0);
	CHECK_EQ(h.told.messages, 2);
	CHECK_EQ(h.last.header_ns, t0);
	/* When it comes after all, it is not given. */
	hand_packet(&h, true, ACK, h.seq[1] - 160, lock.b, 80, 80);
	CHECK_EQ(h.told.messages, 2);

	/* One at the end, with nothing behind it; late, and the clock is set back meanwhile. */
	h.seq[1] += 80;
	hand_flags(&h, false, ACK);
	h.ns -= 10 * NSEC_PER_SEC;
	hand_flags(&h, false, ACK);
	hand_packet(&h, true, ACK, h.seq[1] - 80, lock.b, 80, 80);
	CHECK_EQ(h.told.messages, 3);
	/* And one that never comes. */
	h.seq[1] += 80;
	hand_flags(&h, false, ACK);
	h.ns += TCPFLOW_GRACE_NS;
	hand_flags(&h, false, ACK);
	hand_send(&h, true, &lock);
	CHECK_EQ(h.told.gaps, 2);
	CHECK_EQ(h.gap.offset, 320);
	CHECK_EQ(h.gap.bytes, 80);
	CHECK_EQ(h.told.messages, 4);

	/* One that nobody acknowledged: the sender will send it again, for a minute. */
	hand_packet(&h, true, ACK, h.seq[1] + 80, lock.b, 80, 80);
	h.ns += 50 * NSEC_PER_SEC;
	hand_flags(&h, false, ACK);
	CHECK_EQ(h.told.messages, 4);
	h.ns += 20 * NSEC_PER_SEC;
	h.port++; /* another connection moves the time on */
	hand_flags(&h, false, SYN);
	CHECK_EQ(h.told.messages, 5);
	CHECK_EQ(h.told.gaps, 3);
	tcpflow_free(h.f);
}

static void a_cut_packet_costs_no_more_than_its_bytes(void)
{
	struct bytes b = one(WIRE_COMMIT_LOG_TREES, false, 9, 472), two = b;
	struct hand h;

	hand_new(&h, NULL);
	/* Mid-stream, header and 8 bytes: the segment's length confirms it. */
	hand_packet(&h, false, ACK, h.seq[0], b.b, 40, b.n);
	CHECK_EQ(h.told.messages, 1);
	CHECK_EQ(h.last.data_bytes, 8);
	CHECK_EQ(h.last.header.data_len, 472);
	CHECK_EQ(h.last.data[7], 9);
	CHECK_EQ(h.server, 5000);
	/* The next header is not in the packet; its message is lost, and no other. */
	h.seq[0] += b.n;
	put_message(&two, WIRE_GET_ROOTS, false, 10, 0);
	hand_packet(&h, false, ACK, h.seq[0], two.b, 40, two.n);
	h.seq[0] += two.n;
	hand_send(&h, false, &b);
	CHECK_EQ(h.told.messages, 3);
	CHECK_EQ(h.told.gaps, 1);
	CHECK_EQ(h.gap.reason, TCPFLOW_GAP_CUT);
	CHECK_EQ(h.gap.bytes, 32);
	tcpflow_free(h.f);
}

static void garbage_is_a_gap_and_the_next_true_message_is_found(void)
{
	struct bytes b = {.n = 0};
	struct hand h;

	hand_new(&h, NULL);
	hand_connect(&h);
	/* What another protocol would say; then one that reads as a header with nothing to confirm
	 * it. */
	memset(b.b, 'x', 700);
	b.n = 700;
	hand_send(&h, false, &b);
	CHECK_EQ(h.told.messages, 0);
	b.n = 0;
	put_message(&b, WIRE_GET_ROOTS, false, 10, 0);
	memset(b.b + b.n, 1, 200);
	b.n += 200;
	put_message(&b, WIRE_LOCK, false, 11, 48);
	put_message(&b, WIRE_LOCK, false, 11, 48); /* the module says things twice */
	put_message(&b, WIRE_STATFS, false, 12, 0);
	hand_send(&h, false, &b);
	CHECK_EQ(h.told.messages, 3);
	CHECK_EQ(h.told.commands[WIRE_GET_ROOTS][0], 0);
	CHECK_EQ(h.told.gaps, 1);
	CHECK_EQ(h.gap.reason, TCPFLOW_GAP_INVALID);
	CHECK_EQ(h.gap.bytes, 700 + 32 + 200);

	/* Headers in a row that do not follow upon each other are data. */
	b.n = 200;
	memset(b.b, 1, 200);
	put_message(&b, WIRE_STATFS, false, 500, 0);
	put_message(&b, WIRE_STATFS, false, 499, 0);
	memset(b.b + b.n, 1, 100);
	b.n += 100;
	put_message(&b, WIRE_STATFS, false, 13, 0);
	put_message(&b, WIRE_STATFS, false, UINT64_C(1) << 40, 0);
	memset(b.b + b.n, 1, 100);
	b.n += 100;
	hand_send(&h, false, &b);
	CHECK_EQ(h.told.messages, 3);
	tcpflow_finish(h.f);
	CHECK_EQ(h.told.messages, 3);
	CHECK_EQ(h.gap.bytes, 200 + 64 + 100 + 64 + 100);
	tcpflow_free(h.f);
}

/* What reads as a message, but has nothing to confirm it but chance. */
static void what_only_looks_like_a_message_is_none(void)
{
	struct bytes b = one(WIRE_GET_ROOTS, false, UINT64_C(1) << 50, 0);
	struct bytes roots = one(WIRE_GET_ROOTS, false, 10, 0);
	uint8_t large[4096 + 32];
	struct hand h;

	/* Numbers that no cluster reaches, although it is all of its segment. */
	hand_new(&h, NULL);
	hand_send(&h, false, &b);
	CHECK_EQ(h.told.messages, 0);
	/* At the end of a segment whose beginning was seen before. */
	b.n = 10;
	put_message(&b, WIRE_GET_ROOTS, false, 10, 0);
	hand_packet(&h, false, ACK, h.seq[0] - 10, b.b, b.n, b.n);
	h.seq[0] += 32;
	CHECK_EQ(h.told.messages, 0);
	/* At the end of a long one, which is not searched at once; of a fresh connection. */
	tcpflow_free(h.f);
	hand_new(&h, NULL);
	memset(large, 1, 4096);
	memcpy(large + 4096, roots.b, 32);
	hand_packet(&h, false, ACK, h.seq[0], large, sizeof(large), sizeof(large));
	h.seq[0] += sizeof(large);
	CHECK_EQ(h.told.messages, 0);
	/* Anything but a header behind it settles that. Alone in a segment it is one. */
	hand_packet(&h, false, ACK, h.seq[0], large, 40, 40);
	h.seq[0] += 40;
	hand_send(&h, false, &roots);
	CHECK_EQ(h.told.messages, 1);
	CHECK_EQ(h.told.gaps, 1);
	CHECK_EQ(h.gap.reason, TCPFLOW_GAP_START);
	tcpflow_free(h.f);
}

/* One that waits for its end must not hide those within what it says to be its data. */
static void an_end_settles_what_was_doubtful(void)
{
	struct bytes b = {.n = 50};
	struct hand h;

	for (int cut = 0; cut < 2; cut++) {
		hand_new(&h, NULL);
		b.n = 50;
		memset(b.b, 1, 50);
		put_message(&b, WIRE_SRCH_COMMIT_COMPACT, false, 9, 584);
		b.n -= 584;
		put_message(&b, WIRE_LOCK, false, 20, 48);
		put_message(&b, WIRE_LOCK, false, 21, 48);
		hand_packet(&h, false, ACK, h.seq[0], b.b, b.n, b.n + (cut ? 1000 : 0));
		h.seq[0] += b.n + (cut ? 1000 : 0);
		if (cut == 0) {
			CHECK_EQ(h.told.messages, 0);
			hand_flags(&h, true, RST);
		}
		CHECK_EQ(h.told.messages, 2);
		CHECK_EQ(h.told.commands[WIRE_LOCK][0], 2);
		CHECK_EQ(h.gap.bytes, 82);
		tcpflow_finish(h.f);
		CHECK_EQ(h.told.gap_bytes, cut ? 82 + 1000 : 82);
		tcpflow_free(h.f);
	}
}

static void an_end_is_no_byte(void)
{
	struct bytes roots = one(WIRE_GET_ROOTS, false, 4, 0);
	struct hand h;

	/* Its FIN is acknowledged, then that of another is that is not in the capture. */
	for (int captured = 0; captured < 2; captured++) {
		hand_new(&h, NULL);
		hand_connect(&h);
		hand_send(&h, false, &roots);
		if (captured)
			hand_flags(&h, false, FIN);
		else
			h.seq[0]++;
		hand_flags(&h, true, ACK);
		h.ns += 2 * TCPFLOW_GRACE_NS;
		hand_flags(&h, true, ACK);
		hand_flags(&h, true, FIN);
		tcpflow_finish(h.f);
		CHECK_EQ(h.told.gaps, 0);
		CHECK_EQ(h.told.ends[captured ? TCPFLOW_END_FIN : TCPFLOW_END_CAPTURE], 1);
		tcpflow_free(h.f);
	}
}

static void the_server_is_known_from_elsewhere(void)
{
	struct bytes lock = one(WIRE_LOCK, false, 3, 48), roots = one(WIRE_GET_ROOTS, false, 4, 0);
	struct tcpflow_config config = {.server_count = 1};
	struct wire_addr server, servers[2];
	struct hand h;

	/* A LOCK request alone tells nothing. */
	hand_new(&h, NULL);
	hand_send(&h, true, &lock);
	CHECK_EQ(h.server, -1);
	hand_send(&h, false, &roots);
	CHECK_EQ(h.server, 5000);
	/* The next connection of the same server is known at once. */
	h.port++;
	hand_send(&h, true, &lock);
	CHECK_EQ(h.server, 5000);
	CHECK_EQ(h.told.server_unknown, 1);
	tcpflow_free(h.f);

	wire_addr_parse("10.0.0.5", 5000, &server);
	config.servers = &server;
	hand_new(&h, &config);
	hand_send(&h, true, &lock);
	CHECK_EQ(h.server, 5000);
	tcpflow_free(h.f);

	/* Twice known is not known. */
	wire_addr_parse("10.0.0.5", 5000, &servers[0]);
	wire_addr_parse("10.0.0.1", 40000, &servers[1]);
	hand_new(&h, &(struct tcpflow_config){.servers = servers, .server_count = 2});
	hand_send(&h, true, &lock);
	CHECK_EQ(h.server, -1);
	/* Who it is does not change within a connection, whatever is said. */
	hand_send(&h, false, &roots);
	CHECK_EQ(h.server, 5000);
	hand_send(&h, true, &roots);
	CHECK_EQ(h.server, 5000);
	tcpflow_free(h.f);

	/* What messages say counts for more than what the caller believes. */
	wire_addr_parse("10.0.0.1", 40000, &server);
	hand_new(&h, &config);
	hand_send(&h, true, &lock);
	CHECK_EQ(h.server, 40000);
	hand_send(&h, false, &roots);
	CHECK_EQ(h.server, 5000);
	tcpflow_free(h.f);
}

static void sequence_numbers_wrap_around(void)
{
	struct bytes lock = one(WIRE_LOCK, false, 3, 48);
	struct hand h;

	hand_new(&h, NULL);
	h.seq[0] = UINT32_MAX - 200;
	hand_connect(&h);
	for (int i = 0; i < 5; i++)
		hand_send(&h, false, &lock);
	hand_packet(&h, false, ACK, h.seq[0] - 400, lock.b, lock.n, lock.n);
	CHECK_EQ(h.told.messages, 5);
	CHECK_EQ(h.last.offset, 320);
	CHECK_EQ(tcpflow_stats(h.f)->duplicate_bytes, 80);
	CHECK_EQ(h.told.gaps, 0);
	tcpflow_free(h.f);
}

static void memory_is_bounded_and_what_it_costs_is_told(void)
{
	struct tcpflow_config config = {
		.memory_bytes = 50000, .direction_bytes = 20000, .connections = 8};
	struct bytes lock = one(WIRE_LOCK, false, 3, 48);
	const struct tcpflow_stats *s;
	struct hand h;

	hand_new(&h, &config);
	s = tcpflow_stats(h.f);
	/* One missing, then a thousand. */
	for (h.port = 1; h.port <= 8; h.port++) {
		hand_connect(&h);
		h.seq[0] += 80;
		for (int i = 0; i < 1000; i++)
			hand_send(&h, false, &lock);
		CHECK(s->kept_bytes_max > 19000 && s->kept_bytes_max <= 20000);
	}
	CHECK_EQ(h.told.messages, 8000);
	CHECK_EQ(h.told.reasons[TCPFLOW_GAP_MEMORY], 8);
	CHECK_EQ(h.told.gap_bytes, 8 * 80);
	/* All of them with something missing at a time. */
	for (h.port = 1; h.port <= 8; h.port++) {
		h.seq[0] += 80000 + 80;
		for (int i = 0; i < 100; i++)
			hand_send(&h, false, &lock);
	}
	CHECK(s->kept_bytes_max > 45000 && s->kept_bytes_max <= 50000);
	/* More connections than there is room for: the idle longest goes. */
	h.port = 100;
	hand_connect(&h);
	CHECK_EQ(h.told.live, 8);
	CHECK_EQ(h.told.ends[TCPFLOW_END_FORGOTTEN], 1);
	h.port = 2;
	hand_send(&h, false, &lock);
	h.port = 101;
	hand_connect(&h);
	h.port = 2;
	hand_send(&h, false, &lock);
	CHECK_EQ(h.told.begins[TCPFLOW_BEGIN_MIDSTREAM], 0);
	/* Tiny segments are counted too. */
	h.port = 2;
	h.seq[0] += 1;
	for (int i = 0; i < 10000; i++) {
		hand_packet(&h, false, ACK, h.seq[0] + 20000 - 2 * (uint32_t)i, lock.b, 1, 1);
		CHECK(s->kept_bytes <= 50000);
	}
	tcpflow_finish(h.f);
	CHECK_EQ(s->kept_bytes, 0);
	CHECK_EQ(h.told.live, 0);
	tcpflow_free(h.f);

	/* Their number is bounded as well, so that each finds its place soon. */
	hand_new(&h, NULL);
	s = tcpflow_stats(h.f);
	hand_connect(&h);
	for (uint32_t i = 1; i < 10000; i++)
		hand_packet(&h, false, ACK, h.seq[0] + 2 * i, lock.b, 1, 1);
	CHECK(s->waited > 4000);
	CHECK(s->kept_bytes_max < 4097 * 64);
	tcpflow_free(h.f);
}

TEST_MAIN(TEST(every_real_message_is_given_once),
	  TEST(whatever_happens_to_packets_no_message_is_invented),
	  TEST(joins_a_live_connection_anywhere), TEST(a_connection_from_its_beginning_to_its_end),
	  TEST(connections_that_replace_each_other), TEST(times_are_those_of_the_bytes),
	  TEST(what_was_acknowledged_is_not_waited_for),
	  TEST(a_cut_packet_costs_no_more_than_its_bytes),
	  TEST(garbage_is_a_gap_and_the_next_true_message_is_found),
	  TEST(what_only_looks_like_a_message_is_none), TEST(an_end_settles_what_was_doubtful),
	  TEST(an_end_is_no_byte), TEST(the_server_is_known_from_elsewhere),
	  TEST(sequence_numbers_wrap_around), TEST(memory_is_bounded_and_what_it_costs_is_told))
