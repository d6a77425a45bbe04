/* SPDX-License-Identifier: GPL-2.0-only */
/* How a capture is opened: the same for recording and for the check that it is permitted. */
#ifndef RECORD_PACKETS_H
#define RECORD_PACKETS_H

#include <pcap/pcap.h>

#include "base/err.h"

#define PACKETS_SNAPLEN 262144 /* longer than any packet, also one that the card will segment */
#define PACKETS_BLOCK_MS                                                        \
	10 /* how long the kernel may keep a packet in a block that is not full \
	    */

void packets_filter(const char *ip, uint16_t port, char *buf, size_t size);
int packets_open(const char *interface, const char *ip, uint16_t port, uint64_t ring_bytes,
		 pcap_t **ret, struct err *e);

#endif
