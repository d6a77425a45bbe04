/* SPDX-License-Identifier: GPL-2.0-only */
/* A pcap put together with our headers, read back by libpcap. */
#include <pcap/pcap.h>

#include "format/pcapfile.h"
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

TEST_MAIN(TEST(libpcap_reads_what_we_write))
