/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pcapng, written: the blocks that a capture of one interface has, with their comments and counts.
 * Little-endian; stamps in nanoseconds.
 */
#ifndef FORMAT_PCAPNG_H
#define FORMAT_PCAPNG_H

#include "base/text.h"

/* Texts are UTF-8; NULL or "": there is none. */
struct pcapng_section {
	const char *hardware, *system, *program, *comment;
};

struct pcapng_interface {
	uint16_t link_type; /* LINKTYPE_, as in pcap */
	uint32_t snaplen;
	const char *name, *filter, *system, *comment;
};

struct pcapng_packet {
	uint64_t real_ns;
	const uint8_t *bytes;
	uint32_t captured, on_wire;
	uint64_t dropped; /* between the one before and this; 0: none, or not known */
	const char *comment;
};

struct pcapng_counts {
	uint64_t real_ns, begin_real_ns, end_real_ns; /* begin and end 0: not known */
	bool known;
	uint64_t received, dropped;
	const char *comment;
};

void pcapng_section(struct text *out, const struct pcapng_section *s);
void pcapng_interface(struct text *out, const struct pcapng_interface *i);
void pcapng_packet(struct text *out, const struct pcapng_packet *p);
void pcapng_counts(struct text *out, const struct pcapng_counts *c);

#endif
