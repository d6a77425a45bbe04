/* SPDX-License-Identifier: GPL-2.0-only */
/* Classic pcap with nanosecond stamps (magic a1b23c4d), little-endian: header and records. */
#ifndef FORMAT_PCAPFILE_H
#define FORMAT_PCAPFILE_H

#include "base/util.h"

#define PCAPFILE_HEADER_BYTES 24
#define PCAPFILE_RECORD_BYTES 16

void pcapfile_header(int link_type, uint32_t snaplen, uint8_t out[PCAPFILE_HEADER_BYTES]);
void pcapfile_record(uint64_t real_ns, uint32_t captured, uint32_t on_wire,
		     uint8_t out[PCAPFILE_RECORD_BYTES]);

#endif
