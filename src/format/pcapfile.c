/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The headers of a classic pcap file with nanosecond stamps, for the packet source: the file's
 * header goes into the bundle once, a record's header before each packet's bytes in the spool.
 *
 * Classic rather than pcapng because every tool of the last twenty years reads it, and because a
 * capture put together from pieces needs nothing behind its last packet. Written by hand rather
 * than by pcap_dump(), because the pieces go to the spool and not to a FILE. It reads nothing and
 * allocates nothing.
 *
 * Source: draft-ietf-opsawg-pcap; libpcap's savefile format, pcap-savefile(5).
 */
#include "format/pcapfile.h"

#define PCAPFILE_MAGIC_NS UINT32_C(0xa1b23c4d)
#define PCAPFILE_MAJOR 2
#define PCAPFILE_MINOR 4

/**
 * pcapfile_header() - the file's header
 * @link_type: LINKTYPE_ value (not libpcap's DLT_, which differs for a few; LINUX_SLL2 is 276)
 * @snaplen:   bytes kept of each packet at most
 * @out:       filled
 */
void pcapfile_header(int link_type, uint32_t snaplen, uint8_t out[PCAPFILE_HEADER_BYTES])
{
	put_le32(out, PCAPFILE_MAGIC_NS);
	put_le16(out + 4, PCAPFILE_MAJOR);
	put_le16(out + 6, PCAPFILE_MINOR);
	put_le32(out + 8, 0);  /* time zone: always UTC */
	put_le32(out + 12, 0); /* accuracy of stamps: by custom 0 */
	put_le32(out + 16, snaplen);
	put_le32(out + 20, (uint32_t)link_type);
}

/**
 * pcapfile_record() - the header of one packet
 * @real_ns:  CLOCK_REALTIME of the packet; the format's seconds end in 2106
 * @captured: bytes that follow
 * @on_wire:  bytes that the packet had
 * @out:      filled
 */
void pcapfile_record(uint64_t real_ns, uint32_t captured, uint32_t on_wire,
		     uint8_t out[PCAPFILE_RECORD_BYTES])
{
	put_le32(out, (uint32_t)(real_ns / NSEC_PER_SEC));
	put_le32(out + 4, (uint32_t)(real_ns % NSEC_PER_SEC));
	put_le32(out + 8, captured);
	put_le32(out + 12, on_wire);
}
