/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets: captures of a scoutfs cluster in three link types, summed up here and by tshark; then
 * packets made by hand for what those captures lack; then the messages of TCP, one at a time.
 */
#include <pcap/pcap.h>

#include "format/wire.h"
#include "realdata.h"
#include "test.h"

/*
 * What tshark -T fields says of the same files: frames with tcp, frames with udp, sums of
 * tcp.len, udp.length - 8, port + 2 * the other port, and seq_raw + 3 * ack_raw + 5 * flags.
 */
struct sums {
	uint64_t tcp, udp, tcp_bytes, udp_bytes, ports, tcp_fields;
};
static const struct {
	const char *name;
	int link_type;
	struct sums sums;
} captures[] = {
	{"real/pcap/fence-client-sll2.pcap.zst",
	 276,
	 {3732, 632, 353280, 20224, 472667564, UINT64_C(48828518015355)}},
	{"real/pcap/fence-leader-sll2.pcap.zst",
	 276,
	 {2493, 197, 195432, 6304, 248841677, UINT64_C(12978421578184)}},
	{"real/pcap/workload-sll1.pcap.zst",
	 113,
	 {1405, 54, 134264, 1728, 120913086, UINT64_C(16946972130487)}},
	{"real/pcap/workload-en10mb.pcap.zst",
	 1,
	 {1423, 56, 135136, 1792, 122521882, UINT64_C(17181409207603)}},
};

struct capture {
	struct realdata d;
	pcap_t *pcap;
};

static struct capture capture_open(const char *name)
{
	struct capture c = {.d = realdata_load(name)};
	char why[PCAP_ERRBUF_SIZE];
	FILE *f = fmemopen(c.d.bytes, c.d.n, "r");

	c.pcap = f ? pcap_fopen_offline(f, why) : NULL;
	if (!c.pcap)
		realdata_die(name, "is not a pcap");
	return c;
}

static const uint8_t *capture_next(struct capture *c, size_t *ret_bytes)
{
	struct pcap_pkthdr *h;
	const uint8_t *bytes;

	if (pcap_next_ex(c->pcap, &h, &bytes) != 1)
		return NULL;
	*ret_bytes = h->caplen;
	return bytes;
}

static void capture_close(struct capture *c)
{
	pcap_close(c->pcap);
	realdata_free(&c->d);
}

static void sums_are_those_of_tshark(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(captures); i++) {
		struct capture c = capture_open(captures[i].name);
		struct sums got = {0};
		const uint8_t *bytes;
		size_t n;

		CHECK_EQ(pcap_datalink(c.pcap), captures[i].link_type);
		while ((bytes = capture_next(&c, &n))) {
			struct wire_packet p;
			char source[64], destination[64];

			CHECK(wire_packet_parse(captures[i].link_type, bytes, n, &p));
			CHECK(p.transport != WIRE_OTHER);
			CHECK_EQ(p.payload_bytes, p.payload_wire_bytes);
			wire_addr_format(&p.source, source, sizeof(source));
			wire_addr_format(&p.destination, destination, sizeof(destination));
			CHECK(strncmp(source, "127.0.0.1:", 10) == 0);
			CHECK(strncmp(destination, "127.0.0.1:", 10) == 0);
			got.ports += p.source.port + 2 * p.destination.port;
			if (p.transport == WIRE_TCP) {
				got.tcp++;
				got.tcp_bytes += p.payload_bytes;
				got.tcp_fields += p.tcp_seq + UINT64_C(3) * p.tcp_ack +
						  UINT64_C(5) * p.tcp_flags;
			} else {
				got.udp++;
				got.udp_bytes += p.payload_bytes;
			}
		}
		CHECK_EQ(got.tcp, captures[i].sums.tcp);
		CHECK_EQ(got.udp, captures[i].sums.udp);
		CHECK_EQ(got.tcp_bytes, captures[i].sums.tcp_bytes);
		CHECK_EQ(got.udp_bytes, captures[i].sums.udp_bytes);
		CHECK_EQ(got.ports, captures[i].sums.ports);
		CHECK_EQ(got.tcp_fields, captures[i].sums.tcp_fields);
		capture_close(&c);
	}
}

/* Every datagram of a cluster, by type, term and slot; written again it has the same bytes. */
static void every_real_quorum_datagram_checks(void)
{
	unsigned int total = 0, leader[4] = {0}, leader_from[4] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(captures); i++) {
		struct capture c = capture_open(captures[i].name);
		const uint8_t *bytes;
		size_t n;

		while ((bytes = capture_next(&c, &n))) {
			uint8_t again[WIRE_QUORUM_BYTES];
			struct wire_packet p;
			struct wire_quorum q;

			CHECK(wire_packet_parse(captures[i].link_type, bytes, n, &p));
			if (p.transport != WIRE_UDP)
				continue;
			CHECK(wire_quorum_parse(p.payload, p.payload_bytes, &q));
			CHECK(q.type <= WIRE_RESIGNATION && q.version == 0 && q.from < 3);
			CHECK_EQ(p.source.port, 19700 + q.from);
			wire_quorum_write(&q, again);
			CHECK(memcmp(again, p.payload, sizeof(again)) == 0);
			total++;
			if (i == 1) {
				leader[q.type]++;
				leader_from[q.from] +=
					q.type == WIRE_HEARTBEAT && q.term == q.from / 2u + 1;
			}
		}
		capture_close(&c);
	}
	CHECK_EQ(total, 632 + 197 + 54 + 56);
	/* The failover: 92 heartbeats of slot 0 in term 1, an election, 102 of slot 2 in term 2. */
	CHECK_EQ(leader[WIRE_REQUEST_VOTE], 2);
	CHECK_EQ(leader[WIRE_VOTE], 1);
	CHECK_EQ(leader[WIRE_HEARTBEAT], 92 + 102);
	CHECK_EQ(leader_from[0], 92);
	CHECK_EQ(leader_from[2], 102);
}

static void a_changed_datagram_is_refused(void)
{
	struct wire_quorum q = {
		.fsid = UINT64_C(0x3d167d0123456789), .term = 7, .type = 2, .from = 14};
	uint8_t bytes[WIRE_QUORUM_BYTES + 1] = {0};

	wire_quorum_write(&q, bytes);
	CHECK(wire_quorum_parse(bytes, WIRE_QUORUM_BYTES, &q));
	CHECK(!wire_quorum_parse(bytes, WIRE_QUORUM_BYTES - 1, &q));
	CHECK(!wire_quorum_parse(bytes, WIRE_QUORUM_BYTES + 1, &q));
	CHECK(!wire_quorum_parse(bytes, 0, &q));
	for (int bit = 0; bit < 8 * WIRE_QUORUM_BYTES; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(!wire_quorum_parse(bytes, WIRE_QUORUM_BYTES, &q));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* A packet being written by hand. */
struct build {
	uint8_t b[256];
	size_t n;
};

static void put(struct build *b, const char *hex)
{
	unsigned int byte;
	int step;

	while (sscanf(hex, " %2x%n", &byte, &step) == 1) {
		b->b[b->n++] = (uint8_t)byte;
		hex += step;
	}
}

/* Parse a copy that lies at the end of its allocation. */
static bool parse(int link_type, const struct build *b, struct wire_packet *ret)
{
	uint8_t *copy = malloc(b->n ? b->n : 1);
	bool ok;

	memcpy(copy, b->b, b->n);
	ok = wire_packet_parse(link_type, copy, b->n, ret);
	free(copy);
	return ok;
}

#define ETHERNET "020000000001 020000000002 "
#define V4_UDP "4500 0024 0001 0000 40 11 0000 0a000001 0a000005 1388 1389 0010 0000 "
#define PAYLOAD8 "0102030405060708 "

static void check_udp(int link_type, const char *hex, uint32_t payload_bytes, const char *source)
{
	struct build b = {0};
	struct wire_packet p;
	char text[64];

	put(&b, hex);
	CHECK(parse(link_type, &b, &p));
	CHECK_EQ(p.transport, WIRE_UDP);
	CHECK_EQ(p.payload_bytes, payload_bytes);
	CHECK_EQ(p.payload_wire_bytes, payload_bytes);
	CHECK_STR(wire_addr_format(&p.source, text, sizeof(text)), source);
	CHECK_EQ(p.destination.port, 5001);
}

static void finds_the_payload_behind_every_header(void)
{
	check_udp(1, ETHERNET "0800" V4_UDP PAYLOAD8 "0000 0000 0000", 8, "10.0.0.1:5000");
	check_udp(1, ETHERNET "8100 0005 0800" V4_UDP PAYLOAD8, 8, "10.0.0.1:5000");
	check_udp(1, ETHERNET "88a8 0001 8100 0005 0800" V4_UDP PAYLOAD8, 8, "10.0.0.1:5000");
	check_udp(113, "0000 0001 0006 0200000000010000 8100 0005 0800" V4_UDP PAYLOAD8, 8,
		  "10.0.0.1:5000");
	check_udp(276, "8100 0000 00000002 0001 00 06 0200000000010000 0005 0800" V4_UDP PAYLOAD8,
		  8, "10.0.0.1:5000");
	check_udp(101, V4_UDP PAYLOAD8, 8, "10.0.0.1:5000");
	check_udp(12, V4_UDP PAYLOAD8, 8, "10.0.0.1:5000");
	/* IPv4 with 8 bytes of options */
	check_udp(101,
		  "4700 002c 0001 0000 40 11 0000 0a000001 0a000005 0101010101010100 1388 1389 "
		  "0010 0000" PAYLOAD8,
		  8, "10.0.0.1:5000");
	/* IPv6, plain; then hop-by-hop, routing, first fragment, destination options (16 bytes) */
	check_udp(101,
		  "60000000 0010 11 40 fd000000000000000000000000000001 "
		  "fd000000000000000000000000000005 1388 1389 0010 0000" PAYLOAD8,
		  8, "[fd00::1]:5000");
	check_udp(
		101,
		"60000000 0038 00 40 fd000000000000000000000000000001 "
		"fd000000000000000000000000000005 2b00000000000000 2c00000000000000 "
		"3c00000100000001 1101 000000000000 0000000000000000 1388 1389 0010 0000" PAYLOAD8,
		8, "[fd00::1]:5000");
	/* The first fragment of a longer datagram: what is here */
	check_udp(101,
		  "4500 0024 0001 2000 40 11 0000 0a000001 0a000005 1388 1389 0800 0000" PAYLOAD8,
		  8, "10.0.0.1:5000");
	/* A datagram shorter than its IP packet */
	check_udp(101,
		  "4500 0024 0001 0000 40 11 0000 0a000001 0a000005 1388 1389 000c 0000" PAYLOAD8,
		  4, "10.0.0.1:5000");
}

static void later_fragments_and_other_transports_have_no_ports(void)
{
	static const char *const other[] = {
		/* IPv4 fragment at 8; ICMP; UDP with a length of 7; TCP with a header of 16 */
		"4500 0024 0001 2001 40 11 0000 0a000001 0a000005 1388 1389 0010 0000" PAYLOAD8,
		"4500 0024 0001 0000 40 01 0000 0a000001 0a000005 1388 1389 0010 0000" PAYLOAD8,
		"4500 0024 0001 0000 40 11 0000 0a000001 0a000005 1388 1389 0007 0000" PAYLOAD8,
		"4500 0028 0001 0000 40 06 0000 0a000001 0a000005 1388 1389 00000001 00000002 40 "
		"18 "
		"0000 0000 0000",
		/* TCP cut in its header by the snaplen */
		"4500 0128 0001 0000 40 06 0000 0a000001 0a000005 1388 1389 00000001 0000",
		/* IPv6 fragment at 8 */
		"60000000 0018 2c 40 fd000000000000000000000000000001 "
		"fd000000000000000000000000000005 1100 0008 00000001 1388 1389 0010 0000" PAYLOAD8,
	};

	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		struct build b = {0};
		struct wire_packet p;

		put(&b, other[i]);
		CHECK(parse(101, &b, &p));
		CHECK_EQ(p.transport, WIRE_OTHER);
		CHECK_EQ(p.source.port, 0);
		CHECK_EQ(p.payload_bytes, 0);
		CHECK_EQ(p.destination.ip.s6_addr[15], 5);
	}
}

static void offloaded_and_cut_packets_give_what_was_captured(void)
{
	struct build gso = {0}, cut = {0}, big = {0};
	struct wire_packet p;

	put(&gso,
	    "4500 0000 0001 0000 40 06 0000 0a000001 0a000005 1388 1389 00000001 00000002 50 18 "
	    "0000 0000 0000" PAYLOAD8 PAYLOAD8);
	CHECK(parse(101, &gso, &p));
	CHECK_EQ(p.transport, WIRE_TCP);
	CHECK_EQ(p.payload_bytes, 16);
	CHECK_EQ(p.payload_wire_bytes, 16);
	CHECK_EQ(p.tcp_seq, 1);
	CHECK_EQ(p.tcp_ack, 2);
	CHECK_EQ(p.tcp_flags, 0x18);

	put(&big,
	    "60000000 0000 06 40 fd000000000000000000000000000001 "
	    "fd000000000000000000000000000005 1388 1389 00000001 00000002 60 10 0000 0000 0000 "
	    "01010101" PAYLOAD8);
	CHECK(parse(101, &big, &p));
	CHECK_EQ(p.transport, WIRE_TCP);
	CHECK_EQ(p.payload_bytes, 8);

	put(&cut,
	    "4500 03fc 0001 0000 40 06 0000 0a000001 0a000005 1388 1389 00000001 00000002 50 18 "
	    "0000 0000 0000" PAYLOAD8);
	CHECK(parse(101, &cut, &p));
	CHECK_EQ(p.payload_bytes, 8);
	CHECK_EQ(p.payload_wire_bytes, 1020 - 40);
}

static void refuses_what_is_no_ip_packet(void)
{
	static const struct {
		int link_type;
		const char *hex;
	} bad[] = {
		{1, ""},
		{1, ETHERNET "08"},
		{1, ETHERNET "0806 0001 0800 0604"},
		{1, ETHERNET "8100 0005"},
		{1, ETHERNET "86dd" V4_UDP},
		{113, "0000"},
		{276, "0800 0000 00000002 0001 00 06 02000000000100"},
		{101, ""},
		{101, "4500 0024 0001 0000 40 11 0000 0a000001 0a0000"},
		{101, "4400 0024 0001 0000 40 11 0000 0a000001 0a000005 1388 1389"},
		{101, "4f00 0024 0001 0000 40 11 0000 0a000001 0a000005 1388 1389"},
		{101, "4500 0013 0001 0000 40 11 0000 0a000001 0a000005 1388 1389"},
		{101, "60000000 0010 00 40 fd000000000000000000000000000001 "
		      "fd000000000000000000000000000005 11ff000000000000"},
		{101, "60000000 0010 3c 40 fd000000000000000000000000000001 "
		      "fd000000000000000000000000000005 1100"},
		{105, V4_UDP PAYLOAD8},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct build b = {0};
		struct wire_packet p;

		put(&b, bad[i].hex);
		if (parse(bad[i].link_type, &b, &p))
			printf("# taken: %s\n", bad[i].hex);
		CHECK(!parse(bad[i].link_type, &b, &p));
	}
}

/*
 * Messages as tcpdump saw them: a client's first greeting and the answer; a LOCK_RECOVER answer of
 * eight locks. What they say was read off the hex by hand.
 */
#define GREETING_REQUEST                                                          \
	"0200000000000000 0000000000000000 0200000000000000 2800 00 00 00 000000" \
	"2d97cc473074ff52 0200000000000000 0000000000000000 1c8dbb3480077f72 0200000000000000"
#define GREETING_RESPONSE                                                         \
	"0100000000000000 0000000000000000 0200000000000000 2800 00 01 00 000000" \
	"2d97cc473074ff52 0200000000000000 0100000000000000 1c8dbb3480077f72 0000000000000000"
#define RECOVER_RESPONSE                                                          \
	"a100000000000000 0200000000000000 0100000000000000 8801 08 01 00 000000" \
	"0800000000000000"                                                        \
	"0000000000000000 0000000000000000 0000000000000000 00 04 04 0000000000"  \
	"0b00000000000000 03 03 000000000000"                                     \
	"0004000000000000 0000000000000000 0000000000000000 00 10 00 0000000000"  \
	"2c00000000000000 01 02 000000000000"

static void messages_say_what_their_bytes_say(void)
{
	struct build b = {0};
	struct wire_message m;
	struct wire_greeting g;
	struct wire_lock l;
	char key[96];

	put(&b, GREETING_REQUEST);
	CHECK_EQ(b.n, WIRE_MESSAGE_BYTES + WIRE_GREETING_BYTES);
	CHECK(wire_message_parse(b.b, &m));
	CHECK(m.seq == 2 && m.recv_seq == 0 && m.id == 2 && m.data_len == 40);
	CHECK(m.command == 0 && !m.response && m.error == 0);
	CHECK_EQ(wire_message_sender(&m), WIRE_FROM_CLIENT);
	CHECK(wire_greeting_parse(b.b + 32, 40, &g));
	CHECK(!wire_greeting_parse(b.b + 32, 39, &g));
	CHECK(g.fsid == UINT64_C(0x52ff743047cc972d) && g.version == 2 && g.server_term == 0);
	CHECK(g.rid == UINT64_C(0x727f078034bb8d1c) && g.flags == WIRE_GREETING_QUORUM);

	b.n = 0;
	put(&b, GREETING_RESPONSE);
	CHECK(wire_message_parse(b.b, &m));
	CHECK(m.response && m.seq == 1 && m.id == 2);
	CHECK_EQ(wire_message_sender(&m), WIRE_FROM_SERVER);
	CHECK(wire_greeting_parse(b.b + 32, 40, &g));
	CHECK(g.server_term == 1 && g.flags == 0);

	b.n = 0;
	put(&b, RECOVER_RESPONSE);
	CHECK(wire_message_parse(b.b, &m));
	CHECK(m.command == WIRE_LOCK_RECOVER && m.response && m.data_len == 8 + 8 * 48);
	CHECK_EQ(wire_message_sender(&m), WIRE_FROM_CLIENT);
	CHECK(wire_lock_parse(b.b + 40, 48, &l));
	CHECK(!wire_lock_parse(b.b + 40, 47, &l));
	CHECK_STR(wire_key_format(&l.key, key, sizeof(key)), "4.0.4.0.0.0");
	CHECK(l.write_seq == 11 && l.old_mode == 3 && l.new_mode == 3);
	CHECK(wire_lock_parse(b.b + 88, 48, &l));
	CHECK_STR(wire_key_format(&l.key, key, sizeof(key)), "16.1024.0.0.0.0");
	CHECK(memcmp(l.key_bytes, b.b + 88, sizeof(l.key_bytes)) == 0);
	CHECK(l.write_seq == 44 && l.old_mode == 1 && l.new_mode == 2);
}

static void what_is_written_reads_the_same(void)
{
	struct wire_message m = {.seq = UINT64_C(0x0102030405060708),
				 .recv_seq = UINT64_MAX,
				 .id = UINT64_C(1) << 63,
				 .command = WIRE_GET_LOG_MERGE,
				 .response = true,
				 .error = 1},
			    again;
	struct wire_lock l = {.key = {UINT64_C(1) << 40, 2, UINT64_MAX, 16, 28, 255},
			      .write_seq = 77,
			      .old_mode = 2,
			      .new_mode = 3},
			 l_again;
	struct wire_greeting g = {1, 2, 3, 4, 5}, g_again;
	uint8_t bytes[WIRE_MESSAGE_BYTES], lock[WIRE_LOCK_BYTES], greeting[WIRE_GREETING_BYTES];
	char key[96];

	wire_message_write(&m, bytes);
	CHECK(wire_message_parse(bytes, &again));
	CHECK(again.seq == m.seq && again.recv_seq == m.recv_seq && again.id == m.id);
	CHECK(again.command == m.command && again.response && again.error == 1);
	wire_lock_write(&l, lock);
	CHECK(wire_lock_parse(lock, sizeof(lock), &l_again));
	CHECK_STR(wire_key_format(&l_again.key, key, sizeof(key)),
		  "16.1099511627776.28.2.18446744073709551615.255");
	CHECK(l_again.write_seq == 77 && l_again.old_mode == 2 && l_again.new_mode == 3);
	wire_greeting_write(&g, greeting);
	CHECK(wire_greeting_parse(greeting, sizeof(greeting), &g_again));
	CHECK(memcmp(&g, &g_again, sizeof(g)) == 0);
}

/* One byte of a good header at a time. */
static void what_scoutfs_would_refuse_is_no_header(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		{0, 0},					  /* seq 0 */
		{16, 0},				  /* id 0 */
		{24, 41},				  /* a length that a greeting has not */
		{25, 1},				  /* a longer one */
		{26, 1},				  /* of another command */
		{26, 20},				  /* a command that there is not */
		{26, 255},				  /* */
		{27, 2},				  /* an unknown flag */
		{27, 0x81}, {28, 1},			  /* a request with an error */
		{28, 7},    {29, 1}, {30, 1}, {31, 0x80}, /* padding */
	};
	struct build b = {0};
	struct wire_message m;

	put(&b, GREETING_REQUEST);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t was = b.b[bad[i].at];

		CHECK(wire_message_parse(b.b, &m));
		b.b[bad[i].at] = bad[i].value;
		if (wire_message_parse(b.b, &m))
			printf("# taken: byte %zu = %u\n", bad[i].at, bad[i].value);
		CHECK(!wire_message_parse(b.b, &m));
		b.b[bad[i].at] = was;
	}

	/* A response may carry an error, but then no data. */
	b.n = 0;
	put(&b, GREETING_RESPONSE);
	for (unsigned int error = 0; error < 256; error++) {
		b.b[28] = (uint8_t)error;
		CHECK_EQ(wire_message_parse(b.b, &m), error == 0);
		b.b[24] = 0;
		CHECK_EQ(wire_message_parse(b.b, &m), error >= 1 && error <= 6);
		b.b[24] = 40;
	}
}

/* Names, lengths and senders of requests, as listed from the captures of the real module. */
static void every_command_has_its_name_length_and_sender(void)
{
	static const struct {
		const char *name, *asks; /* c, s or b: both */
		int request, response;
	} want[] = {
		{"GREETING", "c", 40, 40},
		{"ALLOC_INODES", "c", 8, 16},
		{"GET_LOG_TREES", "c", 0, 472},
		{"COMMIT_LOG_TREES", "c", 472, 0},
		{"SYNC_LOG_TREES", "s", 0, 0},
		{"GET_ROOTS", "c", 0, 72},
		{"GET_LAST_SEQ", "c", 0, 8},
		{"LOCK", "b", 48, 48},
		{"LOCK_RECOVER", "s", 32, -1},
		{"SRCH_GET_COMPACT", "c", 0, 584},
		{"SRCH_COMMIT_COMPACT", "c", 584, 0},
		{"GET_LOG_MERGE", "c", 0, 208},
		{"COMMIT_LOG_MERGE", "c", 208, 0},
		{"OPEN_INO_MAP", "b", 16, 144},
		{"GET_VOLOPT", "c", 0, 520},
		{"SET_VOLOPT", "c", 520, 0},
		{"CLEAR_VOLOPT", "c", 520, 0},
		{"RESIZE_DEVICES", "c", 16, 0},
		{"STATFS", "c", 0, 56},
		{"FAREWELL", "c", 0, 0},
	};

	CHECK_EQ(ARRAY_SIZE(want), WIRE_COMMANDS);
	for (unsigned int c = 0; c < ARRAY_SIZE(want); c++) {
		struct wire_message request = {.command = (uint8_t)c};
		struct wire_message response = {.command = (uint8_t)c, .response = true};
		char asks = want[c].asks[0];

		CHECK_STR(wire_command_name(c), want[c].name);
		CHECK_EQ(wire_message_sender(&request), asks == 'c'   ? WIRE_FROM_CLIENT
							: asks == 's' ? WIRE_FROM_SERVER
								      : WIRE_FROM_EITHER);
		CHECK_EQ(wire_message_sender(&response), asks == 'c'   ? WIRE_FROM_SERVER
							 : asks == 's' ? WIRE_FROM_CLIENT
								       : WIRE_FROM_EITHER);
		for (int n = 0; n <= 2000; n++) {
			bool recovered = n >= 8 && n <= 8 + 22 * 48 && (n - 8) % 48 == 0;

			CHECK_EQ(wire_data_fits(c, false, 0, (size_t)n), n == want[c].request);
			CHECK_EQ(wire_data_fits(c, true, 0, (size_t)n),
				 want[c].response < 0 ? recovered : n == want[c].response);
			CHECK_EQ(wire_data_fits(c, true, 3, (size_t)n), n == 0);
		}
	}
	CHECK(!wire_data_fits(20, false, 0, 0));
	CHECK_STR(wire_command_name(20), "?");
	CHECK_STR(wire_error_name(0), "none");
	CHECK_STR(wire_error_name(1), "ENOENT");
	CHECK_STR(wire_error_name(6), "ENOLINK");
	CHECK_STR(wire_error_name(7), "?");
	CHECK_STR(wire_lock_mode_name(0), "null");
	CHECK_STR(wire_lock_mode_name(3), "write-only");
	CHECK_STR(wire_lock_mode_name(4), "?");
	CHECK_STR(wire_quorum_type_name(0), "REQUEST_VOTE");
	CHECK_STR(wire_quorum_type_name(3), "RESIGNATION");
	CHECK_STR(wire_quorum_type_name(4), "?");
}

static void addresses_are_numbers_only(void)
{
	static const char *const bad[] = {
		"",	 "localhost",	 "10.0.0", "10.0.0.256", "10.0.0.5:80",
		"[::1]", "fe80::1%eth0", "0x7f.1", " 10.0.0.5"};
	struct wire_addr v4, v6, mapped;
	char text[64], small[8];

	CHECK(wire_addr_parse("10.0.0.5", 5000, &v4));
	CHECK(wire_addr_parse("fd00:0:0::0005", 65535, &v6));
	CHECK(wire_addr_parse("::ffff:10.0.0.5", 5000, &mapped));
	CHECK_STR(wire_addr_format(&v4, text, sizeof(text)), "10.0.0.5:5000");
	CHECK_STR(wire_addr_format(&v6, text, sizeof(text)), "[fd00::5]:65535");
	CHECK_STR(wire_addr_format(&v4, small, sizeof(small)), "10.0.0.");
	CHECK(wire_addr_equal(&v4, &mapped));
	CHECK(!wire_addr_equal(&v4, &v6));
	mapped.port++;
	CHECK(!wire_addr_equal(&v4, &mapped));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!wire_addr_parse(bad[i], 1, &v4));
}

static void any_bytes_are_safe(void)
{
	static const int link_types[] = {1, 12, 101, 113, 276};
	struct capture c = capture_open(captures[0].name);
	uint64_t state = 7;
	unsigned int parsed = 0;
	const uint8_t *bytes;
	size_t n;

	while ((bytes = capture_next(&c, &n))) {
		for (int round = 0; round < 20; round++) {
			int link_type = round < 10 ? 276 : link_types[round % 5];
			size_t cut = round % 2 ? n : damage(&state) % (n + 1);
			uint8_t *copy = malloc(cut ? cut : 1);
			struct wire_packet p;

			memcpy(copy, bytes, cut);
			for (int i = round % 4; i-- && cut;)
				copy[damage(&state) % min_of(cut, (size_t)80)] =
					(uint8_t)damage(&state);
			if (wire_packet_parse(link_type, copy, cut, &p)) {
				CHECK(p.payload_bytes <= cut);
				CHECK(p.payload_bytes <= p.payload_wire_bytes);
				if (p.payload_bytes)
					CHECK(p.payload > copy &&
					      p.payload + p.payload_bytes <= copy + cut);
				parsed++;
			}
			free(copy);
		}
	}
	CHECK(parsed > 10000);
	capture_close(&c);
}

TEST_MAIN(TEST(sums_are_those_of_tshark), TEST(every_real_quorum_datagram_checks),
	  TEST(a_changed_datagram_is_refused), TEST(finds_the_payload_behind_every_header),
	  TEST(later_fragments_and_other_transports_have_no_ports),
	  TEST(offloaded_and_cut_packets_give_what_was_captured),
	  TEST(refuses_what_is_no_ip_packet), TEST(messages_say_what_their_bytes_say),
	  TEST(what_is_written_reads_the_same), TEST(what_scoutfs_would_refuse_is_no_header),
	  TEST(every_command_has_its_name_length_and_sender), TEST(addresses_are_numbers_only),
	  TEST(any_bytes_are_safe))
