/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments from anybody. Input: limits, then packets: how each differs from the next one that would
 * be in order, its payload's length, its payload.
 *
 * Promised: every message has a valid header, and its data lies in what was given or kept; messages
 * and gaps of an end cover what it sent without overlap, in order; each connection begins once and
 * ends once; nothing more is kept than the limits allow.
 */
#include "format/tcpflow.h"

#include "fuzz.h"

#define LIVE_MAX 4

struct live {
	const struct tcpflow_connection *c; /* NULL: none */
	uint64_t number, offset[2];
	bool going[2];
};

struct seen {
	struct live live[LIVE_MAX];
	uint64_t messages, gaps, gap_bytes, begins, last_number;
	volatile uint64_t sum; /* so that data is read */
};

static struct live *find(struct seen *s, const struct tcpflow_connection *c)
{
	for (size_t i = 0; i < LIVE_MAX; i++)
		if (s->live[i].c == c)
			return &s->live[i];
	return NULL;
}

static void on_begin(void *ctx, struct tcpflow_connection *c, enum tcpflow_begin how)
{
	struct seen *s = ctx;
	struct live *l = find(s, NULL);

	MUST(!find(s, c) && l);
	MUST(c->number == s->last_number + 1 && c->server >= -1 && c->server <= 1);
	MUST(*tcpflow_begin_name(how) && !c->user);
	*l = (struct live){.c = c, .number = c->number};
	s->last_number = c->number;
	s->begins++;
	c->user = l;
}

static void on_end(void *ctx, struct tcpflow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	struct live *l = find(ctx, c);

	(void)ns;
	MUST(l && l->number == c->number && c->user == l && *tcpflow_end_name(how));
	l->c = NULL;
}

static void covers(struct live *l, int from, uint64_t offset, uint64_t n)
{
	MUST(!l->going[from] || l->offset[from] == offset);
	l->going[from] = true;
	l->offset[from] = offset + n;
}

static void on_message(void *ctx, struct tcpflow_connection *c, const struct tcpflow_message *m)
{
	struct seen *s = ctx;
	struct live *l = find(s, c);
	uint8_t header[WIRE_MESSAGE_BYTES];
	struct wire_message again;

	MUST(l && m->from >= 0 && m->from <= 1 && c->server >= -1 && c->server <= 1);
	wire_message_write(&m->header, header);
	MUST(wire_message_parse(header, &again));
	MUST(m->data_bytes <= m->header.data_len);
	for (uint32_t i = 0; i < m->data_bytes; i++)
		s->sum += m->data[i];
	covers(l, m->from, m->offset, WIRE_MESSAGE_BYTES + (uint64_t)m->header.data_len);
	s->messages++;
}

static void on_gap(void *ctx, struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	struct seen *s = ctx;
	struct live *l = find(s, c);

	MUST(l && g->from >= 0 && g->from <= 1 && g->bytes && *tcpflow_reason_name(g->reason));
	covers(l, g->from, g->offset, g->bytes);
	s->gaps++;
	s->gap_bytes += g->bytes;
}

/* One of a few connections between two hosts; @next: the sequence numbers of their ends. */
static bool packet(struct input *in, struct tcpflow *f, uint64_t *ns, uint32_t next[4][2])
{
	static const uint64_t steps[] = {0,
					 1000,
					 NSEC_PER_MSEC,
					 90 * NSEC_PER_MSEC,
					 NSEC_PER_SEC,
					 61 * NSEC_PER_SEC,
					 -NSEC_PER_SEC,
					 0};
	uint8_t what = input_u8(in), when = input_u8(in), extra = input_u8(in);
	int16_t ahead = (int16_t)input_u32(in), acked;
	int which = what >> 1 & 3, from = what & 1;
	struct wire_packet p = {.transport = WIRE_TCP, .tcp_flags = what >> 3};
	uint32_t n;
	uint8_t *own;

	if (!in->left)
		return false;
	n = input_u8(in) * (when & 8 ? 16u : 1u);
	acked = when & 16 ? (int16_t)(input_u8(in) * 64) : 0;
	n = (uint32_t)min_of((size_t)n, in->left);
	own = fuzz_copy(in->at, n);
	in->at += n;
	in->left -= n;
	*ns += steps[when & 7];

	p.source.port = (uint16_t)(from ? 5000 : 40000 + which);
	p.destination.port = (uint16_t)(from ? 40000 + which : 5000);
	p.tcp_seq = next[which][from] + (uint32_t)(int32_t)ahead * (when & 32 ? 65536u : 1u);
	p.tcp_ack = next[which][!from] + (uint32_t)(int32_t)acked;
	p.payload = own;
	p.payload_bytes = n;
	p.payload_wire_bytes = n + extra;
	tcpflow_packet(f, *ns, &p);
	if (!(when & 64))
		next[which][from] = p.tcp_seq + p.payload_wire_bytes + (p.tcp_flags & 2 ? 1 : 0);
	free(own);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct tcpflow_ops ops = {on_begin, on_message, on_gap, on_end};
	struct input in = {bytes, n};
	uint8_t limits = input_u8(&in);
	struct tcpflow_config config = {
		.memory_bytes = limits & 1 ? 2000 : 0,
		.direction_bytes = limits & 2 ? 1000 : 0,
		.connections = 1 + (limits >> 2 & 3),
	};
	uint32_t next[4][2] = {{UINT32_MAX - 500, 1000}, {7, 9}, {UINT32_MAX, 0}, {1u << 31, 5}};
	struct seen seen = {0};
	struct tcpflow *f = tcpflow_new(&config, &ops, &seen, NULL);
	const struct tcpflow_stats *s = tcpflow_stats(f);
	uint64_t ns = 1000 * NSEC_PER_SEC;

	while (packet(&in, f, &ns, next)) {
		MUST(s->kept_bytes <= (limits & 1 ? 2000 : 16 * MIB));
		MUST(s->kept_bytes <= (config.connections * 2) * (limits & 2 ? 1000 : MIB));
	}
	tcpflow_finish(f);
	MUST(s->kept_bytes == 0);
	MUST(s->messages == seen.messages && s->gaps == seen.gaps &&
	     s->gap_bytes == seen.gap_bytes);
	MUST(s->connections == seen.begins);
	for (size_t i = 0; i < LIVE_MAX; i++)
		MUST(!seen.live[i].c);
	tcpflow_free(f);
	return 0;
}
