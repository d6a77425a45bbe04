/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets: captures of a scoutfs cluster in three link types, summed up here and by tshark; then
 * packets made by hand for what those captures lack.
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
	  TEST(refuses_what_is_no_ip_packet), TEST(addresses_are_numbers_only),
	  TEST(any_bytes_are_safe))
