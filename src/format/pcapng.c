/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks of pcapng (draft-ietf-opsawg-pcapng): section header, interface description, enhanced
 * packet, interface statistics.
 *
 * Called by the export. Each function appends one whole block to a text, whose failure the caller
 * looks at. libpcap reads such files and cannot write them.
 */
#include "format/pcapng.h"

enum { BLOCK_INTERFACE = 1, BLOCK_COUNTS = 5, BLOCK_PACKET = 6, BLOCK_SECTION = 0x0a0d0d0a };
#define BYTE_ORDER_MAGIC 0x1a2b3c4d

/* Options of any block, and of each. */
enum { END_OF_OPTIONS = 0, COMMENT = 1 };
enum { SECTION_HARDWARE = 2, SECTION_SYSTEM = 3, SECTION_PROGRAM = 4 };
enum { INTERFACE_NAME = 2, INTERFACE_RESOLUTION = 9, INTERFACE_FILTER = 11, INTERFACE_SYSTEM = 12 };
enum { PACKET_DROPPED = 4 };
enum { COUNTS_BEGIN = 2, COUNTS_END = 3, COUNTS_RECEIVED = 4, COUNTS_DROPPED = 5 };

#define RESOLUTION_NS 9 /* stamps count 10^-9 s */
#define OPTION_MAX 65535

static void put16(struct text *out, uint16_t v)
{
	uint8_t b[2];

	put_le16(b, v);
	text_add(out, b, sizeof(b));
}

static void put32(struct text *out, uint32_t v)
{
	uint8_t b[4];

	put_le32(b, v);
	text_add(out, b, sizeof(b));
}

/* A stamp: the upper half first, whatever the byte order. */
static void put_stamp(struct text *out, uint64_t ns)
{
	put32(out, (uint32_t)(ns >> 32));
	put32(out, (uint32_t)ns);
}

static void pad(struct text *out, size_t n)
{
	static const uint8_t zeros[4];

	text_add(out, zeros, -n & 3);
}

static void put_option(struct text *out, uint16_t code, const void *bytes, size_t n)
{
	put16(out, code);
	put16(out, (uint16_t)n);
	text_add(out, bytes, n);
	pad(out, n);
}

/* What is too long is cut, between two characters. */
static size_t fitting(const char *s, size_t most)
{
	size_t n = strlen(s);

	if (n <= most)
		return n;
	for (n = most; n && (s[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

static void put_text(struct text *out, uint16_t code, const char *s)
{
	if (s && *s)
		put_option(out, code, s, fitting(s, OPTION_MAX));
}

static void put_number(struct text *out, uint16_t code, uint64_t v)
{
	uint8_t b[8];

	put_le64(b, v);
	put_option(out, code, b, sizeof(b));
}

static void put_moment(struct text *out, uint16_t code, uint64_t ns)
{
	put16(out, code);
	put16(out, 8);
	put_stamp(out, ns);
}

/* Where the block begins. */
static size_t begin_block(struct text *out, uint32_t type)
{
	size_t at = out->len;

	put32(out, type);
	put32(out, 0); /* its length */
	return at;
}

static void end_block(struct text *out, size_t at)
{
	uint32_t bytes;

	put_option(out, END_OF_OPTIONS, "", 0);
	bytes = (uint32_t)(out->len - at + 4);
	put32(out, bytes);
	if (text_ok(out))
		put_le32(out->s + at + 4, bytes);
}

/** pcapng_section() - the block that a file begins with */
void pcapng_section(struct text *out, const struct pcapng_section *s)
{
	size_t at = begin_block(out, BLOCK_SECTION);

	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1);
	put16(out, 0);
	put32(out, UINT32_MAX); /* 64 bits of length: not known */
	put32(out, UINT32_MAX);
	put_text(out, SECTION_HARDWARE, s->hardware);
	put_text(out, SECTION_SYSTEM, s->system);
	put_text(out, SECTION_PROGRAM, s->program);
	put_text(out, COMMENT, s->comment);
	end_block(out, at);
}

/** pcapng_interface() - the interface that the packets after it are of; one a file */
void pcapng_interface(struct text *out, const struct pcapng_interface *i)
{
	size_t at = begin_block(out, BLOCK_INTERFACE);
	const uint8_t resolution = RESOLUTION_NS;

	put16(out, i->link_type);
	put16(out, 0);
	put32(out, i->snaplen);
	put_text(out, INTERFACE_NAME, i->name);
	put_option(out, INTERFACE_RESOLUTION, &resolution, 1);
	if (i->filter && *i->filter) {
		/* A zero in front: in the words of libpcap. */
		size_t n = fitting(i->filter, OPTION_MAX - 1);

		put16(out, INTERFACE_FILTER);
		put16(out, (uint16_t)(n + 1));
		text_add(out, "", 1);
		text_add(out, i->filter, n);
		pad(out, n + 1);
	}
	put_text(out, INTERFACE_SYSTEM, i->system);
	put_text(out, COMMENT, i->comment);
	end_block(out, at);
}

/** pcapng_packet() - a packet of the interface */
void pcapng_packet(struct text *out, const struct pcapng_packet *p)
{
	size_t at = begin_block(out, BLOCK_PACKET);

	put32(out, 0);
	put_stamp(out, p->real_ns);
	put32(out, p->captured);
	put32(out, p->on_wire);
	text_add(out, p->bytes, p->captured);
	pad(out, p->captured);
	if (p->dropped)
		put_number(out, PACKET_DROPPED, p->dropped);
	put_text(out, COMMENT, p->comment);
	end_block(out, at);
}

/** pcapng_counts() - what was received and lost; after the packets */
void pcapng_counts(struct text *out, const struct pcapng_counts *c)
{
	size_t at = begin_block(out, BLOCK_COUNTS);

	put32(out, 0);
	put_stamp(out, c->real_ns);
	if (c->begin_real_ns)
		put_moment(out, COUNTS_BEGIN, c->begin_real_ns);
	if (c->end_real_ns)
		put_moment(out, COUNTS_END, c->end_real_ns);
	if (c->known) {
		put_number(out, COUNTS_RECEIVED, c->received);
		put_number(out, COUNTS_DROPPED, c->dropped);
	}
	put_text(out, COMMENT, c->comment);
	end_block(out, at);
}
