/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the program's own reading of a capture finds, as lines to compare with others':
 * flow_walk FILE.pcap. Of each message, the time of its last byte, ports from and to, seq,
 * recv_seq, id, length of data, command, flags, error; of each gap, "gap", ports, bytes.
 */
#include <inttypes.h>

#include "format/pcapfile.h"
#include "format/tcpflow.h"

static void print_message(void *ctx, struct tcpflow_connection *c, const struct tcpflow_message *m)
{
	const struct wire_message *h = &m->header;

	(void)ctx;
	printf("%" PRIu64 ".%09" PRIu64 " %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u %u %u\n",
	       m->last_ns / NSEC_PER_SEC, m->last_ns % NSEC_PER_SEC, c->ends[m->from].port,
	       c->ends[!m->from].port, h->seq, h->recv_seq, h->id, h->data_len, h->command,
	       h->response, h->error);
}

static void print_gap(void *ctx, struct tcpflow_connection *c, const struct tcpflow_gap *g)
{
	(void)ctx;
	printf("gap %u %u %" PRIu64 "\n", c->ends[g->from].port, c->ends[!g->from].port, g->bytes);
}

/* Read the whole file; what it says goes to standard output. */
static int walk(FILE *file, struct tcpflow *flow, struct err *e)
{
	static uint8_t block[65536];
	struct pcapfile_reader reader = {0};
	struct pcapfile_packet packet;
	struct wire_packet p;
	int r = 0;
	size_t n;

	while (r == 0 && (n = fread(block, 1, sizeof(block), file)) > 0) {
		pcapfile_feed(&reader, block, n);
		while ((r = pcapfile_next(&reader, &packet, e)) == 1)
			if (wire_packet_parse(reader.link_type, packet.bytes, packet.captured, &p))
				tcpflow_packet(flow, packet.real_ns, &p);
	}
	if (r == 0)
		r = pcapfile_end(&reader, e);
	tcpflow_finish(flow);
	pcapfile_done(&reader);
	return r;
}

int main(int argc, char **argv)
{
	static const struct tcpflow_ops ops = {.message = print_message, .gap = print_gap};
	CLEANUP(fclosep) FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
	CLEANUP(tcpflow_freep) struct tcpflow *flow = NULL;
	struct err e = {0};

	if (!file) {
		(void)fprintf(stderr, "usage: flow_walk FILE.pcap\n");
		return 2;
	}
	flow = tcpflow_new(NULL, &ops, NULL, &e);
	if (!flow || walk(file, flow, &e) < 0) {
		(void)fprintf(stderr, "flow_walk: %s\n", e.text);
		return 1;
	}
	return 0;
}
