/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pcap put together with our headers, read back by libpcap; captures, in both byte orders and
 * both kinds of stamps, read by us and by libpcap.
 */
#include <errno.h>
#include <pcap/pcap.h>

#include "format/pcapfile.h"
#include "realdata.h"
#include "test.h"

static void libpcap_reads_what_we_write(void)
{
	static const struct {
		uint64_t real_ns;
		uint32_t captured, on_wire;
	} packets[] = {{UINT64_C(1795172458332165241), 60, 60},
		       {UINT64_C(1795172458999999999), 10, 1500},
		       {UINT64_C(4294967295000000001), 0, 9}};
	uint8_t file[512] = {0};
	char why[PCAP_ERRBUF_SIZE];
	const uint8_t *bytes;
	struct pcap_pkthdr *h;
	size_t n = PCAPFILE_HEADER_BYTES;
	pcap_t *pcap;

	pcapfile_header(276, 262144, file);
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		pcapfile_record(packets[i].real_ns, packets[i].captured, packets[i].on_wire,
				file + n);
		n += PCAPFILE_RECORD_BYTES;
		memset(file + n, (int)(i + 1), packets[i].captured);
		n += packets[i].captured;
	}

	pcap = pcap_fopen_offline_with_tstamp_precision(fmemopen(file, n, "r"),
							PCAP_TSTAMP_PRECISION_NANO, why);
	CHECK(pcap);
	CHECK_EQ(pcap_datalink(pcap), DLT_LINUX_SLL2);
	CHECK_EQ(pcap_snapshot(pcap), 262144);
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		CHECK_EQ(pcap_next_ex(pcap, &h, &bytes), 1);
		CHECK_EQ((uint32_t)h->ts.tv_sec * NSEC_PER_SEC + (uint64_t)h->ts.tv_usec,
			 packets[i].real_ns);
		CHECK_EQ(h->caplen, packets[i].captured);
		CHECK_EQ(h->len, packets[i].on_wire);
		if (h->caplen)
			CHECK_EQ(bytes[h->caplen - 1], i + 1);
	}
	CHECK_EQ(pcap_next_ex(pcap, &h, &bytes), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

/* The same capture with another byte order, and with stamps cut to microseconds. */
static void turn(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint8_t b = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = b;
	}
}

static void convert(struct realdata *d, bool swap, bool to_us)
{
	static const uint8_t header[] = {4, 2, 2, 4, 4, 4, 4}, record[] = {4, 4, 4, 4};
	size_t at = 0;

	for (size_t i = 0; i < sizeof(header); at += header[i++]) {
		if (i == 0)
			put_le32(d->bytes, to_us ? 0xa1b2c3d4 : 0xa1b23c4d);
		if (swap)
			turn(d->bytes + at, header[i]);
	}
	while (at < d->n) {
		uint32_t captured = get_le32(d->bytes + at + 8);

		if (to_us)
			put_le32(d->bytes + at + 4, get_le32(d->bytes + at + 4) / 1000);
		for (size_t i = 0; i < sizeof(record); at += record[i++])
			if (swap)
				turn(d->bytes + at, 4);
		at += captured;
	}
}

/* Blocks of @block bytes, each in memory of its own, so that a sanitizer sees a step too far. */
static void compare(struct realdata *d, size_t block)
{
	struct pcapfile_reader r = {0};
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const uint8_t *bytes;
	unsigned int count = 0;
	pcap_t *pcap = pcap_fopen_offline_with_tstamp_precision(fmemopen(d->bytes, d->n, "r"),
								PCAP_TSTAMP_PRECISION_NANO, why);

	CHECK(pcap);
	for (size_t at = 0; at < d->n; at += block) {
		size_t n = min_of(block, d->n - at);
		uint8_t *copy = malloc(n);
		struct pcapfile_packet p;
		int got;

		memcpy(copy, d->bytes + at, n);
		pcapfile_feed(&r, copy, n);
		while ((got = pcapfile_next(&r, &p, NULL)) == 1) {
			CHECK_EQ(pcap_next_ex(pcap, &h, &bytes), 1);
			CHECK_EQ(p.real_ns,
				 (uint32_t)h->ts.tv_sec * NSEC_PER_SEC + (uint64_t)h->ts.tv_usec);
			CHECK_EQ(p.captured, h->caplen);
			CHECK_EQ(p.on_wire, h->len);
			CHECK(memcmp(p.bytes, bytes, h->caplen) == 0);
			count++;
		}
		CHECK_EQ(got, 0);
		free(copy);
	}
	CHECK_EQ(pcap_next_ex(pcap, &h, &bytes), PCAP_ERROR_BREAK);
	CHECK_EQ(pcapfile_end(&r, NULL), 0);
	CHECK(count > 1400);
	CHECK_EQ(r.snaplen, pcap_snapshot(pcap));
	/* libpcap has numbers of its own for a few; not for these */
	CHECK_EQ(r.link_type, pcap_datalink(pcap));
	pcap_close(pcap);
	pcapfile_done(&r);
}

static void reads_every_kind_as_libpcap_does(void)
{
	static const char *const names[] = {"real/pcap/workload-en10mb.pcap.zst",
					    "real/pcap/fence-leader-sll2.pcap.zst",
					    "real/pcap/workload-sll1.pcap.zst"};
	static const size_t blocks[] = {1, 7, 24, 4096, SIZE_MAX / 2};

	for (size_t i = 0; i < 4 * ARRAY_SIZE(names); i++) {
		struct realdata d = realdata_load(names[i / 4]);

		/* tcpdump wrote microseconds: let there be something in the finer digits */
		for (size_t at = 24; at < d.n; at += 16 + get_le32(d.bytes + at + 8))
			put_le32(d.bytes + at + 4,
				 get_le32(d.bytes + at + 4) * 1000 + (uint32_t)at % 1000);
		convert(&d, i & 1, i & 2);
		CHECK_EQ(pcapfile_unit_ns(d.bytes, d.n), i & 2 ? 1000 : 1);
		CHECK_EQ(pcapfile_unit_ns(d.bytes, 3), 1);
		for (size_t b = 0; b < ARRAY_SIZE(blocks) && !test_failed; b++)
			compare(&d, blocks[b]);
		realdata_free(&d);
	}
}

/* Feed the file whole and read it to the end. */
static int read_all(const uint8_t *bytes, size_t n, unsigned int *ret_packets, struct err *e)
{
	struct pcapfile_reader r = {0};
	struct pcapfile_packet p;
	int got;

	*ret_packets = 0;
	pcapfile_feed(&r, bytes, n);
	while ((got = pcapfile_next(&r, &p, e)) == 1)
		(*ret_packets)++;
	if (got == 0)
		got = pcapfile_end(&r, e);
	else if (pcapfile_next(&r, &p, NULL) != got || pcapfile_end(&r, NULL) != got)
		got = -EIO; /* a failure is for good */
	pcapfile_done(&r);
	return got;
}

static void refuses_what_makes_no_sense_with_a_sentence(void)
{
	static const struct {
		size_t at;
		uint32_t value;
		int code;
		unsigned int packets;
		const char *says;
	} bad[] = {
		{0, UINT32_C(0x0a0d0d0a), -EINVAL, 0, "editcap -F nsecpcap"},
		{0, UINT32_C(0xa1b2cd34), -EINVAL, 0, "editcap -F nsecpcap"},
		{0, UINT32_C(0x04034b50), -EINVAL, 0, "begins with 504b0304"},
		{4, UINT32_C(0x00040003), -EINVAL, 0, "version 3.4"},
		{4, UINT32_C(0x00030002), -EINVAL, 0, "version 2.3"},
		{24 + 4, UINT32_C(1000000000), -EBADMSG, 0, "at byte 24: "},
		{24 + 8, UINT32_C(262145), -EBADMSG, 0, "a packet of 262145 bytes"},
		{24 + 8, UINT32_C(262144), -ENODATA, 0, "within a packet, at byte 24"},
		{24 + 8, UINT32_C(0xffffffff), -EBADMSG, 0, "a packet of 4294967295 bytes"},
		{24 + 16 + 10 + 8, UINT32_C(300000), -EBADMSG, 1, "at byte 50: "},
		{24 + 16 + 10 + 8, UINT32_C(5), -ENODATA, 1, "at byte 50;"},
		{24 + 16 + 10 + 8, UINT32_C(4), 0, 2, ""},
	};
	unsigned int packets;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t file[24 + 16 + 10 + 16 + 4] = {0};
		struct err e = {0};

		pcapfile_header(1, 262144, file);
		pcapfile_record(UINT64_C(1795172458332165241), 10, 60, file + 24);
		pcapfile_record(UINT64_C(1795172458332165249), 4, 4, file + 50);
		put_le32(file + bad[i].at, bad[i].value);
		CHECK_EQ(read_all(file, sizeof(file), &packets, &e), bad[i].code);
		CHECK_EQ(packets, bad[i].packets);
		CHECK(strstr(e.text, bad[i].says));
	}
}

static void a_file_cut_anywhere_gives_what_is_before(void)
{
	uint8_t file[24 + 2 * (16 + 10)] = {0};

	pcapfile_header(276, 262144, file);
	pcapfile_record(1, 10, 60, file + 24);
	pcapfile_record(2, 10, 10, file + 50);
	for (size_t n = 0; n <= sizeof(file); n++) {
		bool whole = n == 24 || n == 50 || n == 76;
		unsigned int packets;
		struct err e = {0};

		CHECK_EQ(read_all(file, n, &packets, &e), whole ? 0 : -ENODATA);
		CHECK_EQ(packets, n < 50 ? 0 : n < 76 ? 1 : 2);
		CHECK(whole || strstr(e.text, n < 24 ? "no pcap header" : "end within a packet"));
	}
}

/* Bits above the link type tell of a checksum; a length on the wire of 0 is somebody's
 * carelessness. */
static void what_other_programs_write_is_taken(void)
{
	uint8_t file[24 + 16 + 10] = {0};
	struct pcapfile_reader r = {0};
	struct pcapfile_packet p;
	unsigned int packets;

	pcapfile_header((int)UINT32_C(0x14000001), 65535, file);
	pcapfile_record(1, 10, 0, file + 24);
	pcapfile_feed(&r, file, sizeof(file));
	CHECK_EQ(pcapfile_next(&r, &p, NULL), 1);
	CHECK_EQ(r.link_type, 1);
	CHECK_EQ(p.on_wire, 10);
	pcapfile_done(&r);

	put_le32(file, 0xa1b2c3d4);
	put_le32(file + 28, 999999);
	CHECK_EQ(read_all(file, sizeof(file), &packets, NULL), 0);
	put_le32(file + 28, 1000000);
	CHECK_EQ(read_all(file, sizeof(file), &packets, NULL), -EBADMSG);
}

TEST_MAIN(TEST(libpcap_reads_what_we_write), TEST(reads_every_kind_as_libpcap_does),
	  TEST(refuses_what_makes_no_sense_with_a_sentence),
	  TEST(what_other_programs_write_is_taken), TEST(a_file_cut_anywhere_gives_what_is_before))
