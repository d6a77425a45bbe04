/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scoutfs on the wire: link layer to transport payload, and the quorum datagram.
 * Pure: bytes to structs; every length is checked; safe on any bytes.
 */
#ifndef FORMAT_WIRE_H
#define FORMAT_WIRE_H

#include <netinet/in.h>

#include "base/util.h"

/* An address and port as scoutfs uses them; v4 is kept as a v4-mapped v6 address. */
struct wire_addr {
	struct in6_addr ip;
	uint16_t port; /* host order */
};

enum wire_transport { WIRE_OTHER, WIRE_TCP, WIRE_UDP };

struct wire_packet {
	enum wire_transport transport;
	struct wire_addr source, destination;
	const uint8_t *payload;	     /* of TCP or UDP */
	uint32_t payload_bytes;	     /* captured bytes of it */
	uint32_t payload_wire_bytes; /* what the IP header says there was */
	uint32_t tcp_seq, tcp_ack;
	uint8_t tcp_flags;
};

#define WIRE_QUORUM_BYTES 32
enum wire_quorum_type { WIRE_REQUEST_VOTE, WIRE_VOTE, WIRE_HEARTBEAT, WIRE_RESIGNATION };

struct wire_quorum {
	uint64_t fsid, version, term;
	uint8_t type, from;
};

/* @link_type: LINKTYPE_ of the pcap file: EN10MB 1, RAW 101, LINUX_SLL 113, LINUX_SLL2 276. */
bool wire_packet_parse(int link_type, const uint8_t *bytes, size_t n, struct wire_packet *ret);
/* False unless it is exactly one quorum message with a right crc. */
bool wire_quorum_parse(const uint8_t *bytes, size_t n, struct wire_quorum *ret);
void wire_quorum_write(const struct wire_quorum *q, uint8_t bytes[WIRE_QUORUM_BYTES]);
bool wire_addr_parse(const char *ip, uint16_t port, struct wire_addr *ret);
const char *wire_addr_format(const struct wire_addr *a, char *buf,
			     size_t size); /* ip:port, [v6]:port */
bool wire_addr_equal(const struct wire_addr *a, const struct wire_addr *b);

#endif
