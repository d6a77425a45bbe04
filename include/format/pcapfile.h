/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Classic pcap: headers and records of the files that we write (nanosecond stamps, magic a1b23c4d,
 * little-endian), and a reader of any, from blocks of bytes.
 */
#ifndef FORMAT_PCAPFILE_H
#define FORMAT_PCAPFILE_H

#include "base/err.h"
#include "base/util.h"

#define PCAPFILE_HEADER_BYTES 24
#define PCAPFILE_RECORD_BYTES 16
#define PCAPFILE_PACKET_MAX (256 * KIB) /* of a packet's captured bytes: libpcap's own limit */

void pcapfile_header(int link_type, uint32_t snaplen, uint8_t out[PCAPFILE_HEADER_BYTES]);
void pcapfile_record(uint64_t real_ns, uint32_t captured, uint32_t on_wire,
		     uint8_t out[PCAPFILE_RECORD_BYTES]);

uint64_t pcapfile_unit_ns(const uint8_t *head, size_t n);

struct pcapfile_packet {
	uint64_t real_ns; /* CLOCK_REALTIME of the machine that captured it */
	const uint8_t *bytes;
	uint32_t captured;
	uint32_t on_wire; /* never less than captured */
};

/* A reader; {0} is a new one. The first three are known from the first packet on. */
struct pcapfile_reader {
	int link_type;
	uint32_t snaplen;
	bool microseconds; /* the stamps were no finer */

	/* private */
	bool has_header, swapped;
	int failed;	     /* a negative errno: for good */
	uint64_t offset;     /* in the file, of what next() looks at */
	const uint8_t *feed; /* what was given and not yet read; borrowed */
	size_t feed_bytes;
	uint8_t *carry; /* the beginning of what straddles blocks */
	size_t carry_bytes, carry_room;
};

void pcapfile_feed(struct pcapfile_reader *r, const uint8_t *bytes, size_t n);
int pcapfile_next(struct pcapfile_reader *r, struct pcapfile_packet *ret, struct err *e);
int pcapfile_end(struct pcapfile_reader *r, struct err *e);
void pcapfile_done(struct pcapfile_reader *r);

#endif
