/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Classic pcap files: writing their headers and records, and reading them.
 *
 * The packet source writes: the file's header goes into the bundle once, a record's header before
 * each packet's bytes in the spool. Classic rather than pcapng because every tool of the last
 * twenty years reads it, and because a capture put together from pieces needs nothing behind its
 * last packet. Written by hand rather than by pcap_dump(), because the pieces go to the spool and
 * not to a FILE.
 *
 * The report reads, block by block as the bundle is decompressed, which libpcap cannot: it wants a
 * FILE too. Our own files, and any other classic one of either byte order and either kind of
 * stamps, since a capture may have gone through somebody's editcap. A packet within a block is
 * given where it lies; one that straddles two is put together in the reader's one buffer of at most
 * a packet. A record that makes no sense ends the reading for good, since where the next one begins
 * is not known.
 *
 * Source: draft-ietf-opsawg-pcap; libpcap's savefile format, pcap-savefile(5).
 */
#include <errno.h>

#include "format/pcapfile.h"

#define PCAPFILE_MAGIC_NS UINT32_C(0xa1b23c4d)
#define PCAPFILE_MAGIC_US UINT32_C(0xa1b2c3d4)
#define PCAPFILE_MAGIC_MODIFIED                                           \
	UINT32_C(0xa1b2cd34) /* longer record headers; Linux, before 2000 \
			      */
#define PCAPNG_MAGIC UINT32_C(0x0a0d0d0a)
#define LINK_TYPE_MASK UINT32_C(0xffff) /* what is above it tells of checksums behind frames */
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

/**
 * pcapfile_unit_ns() - what a file counts parts of a second in
 * @head: its first bytes
 * @n:    too few are taken for our own file's
 *
 * Return: 1000 or 1.
 */
uint64_t pcapfile_unit_ns(const uint8_t *head, size_t n)
{
	if (n < sizeof(uint32_t))
		return 1;
	return get_le32(head) == PCAPFILE_MAGIC_US || get_be32(head) == PCAPFILE_MAGIC_US
		       ? NSEC_PER_USEC
		       : 1;
}

static uint32_t get_u32(const struct pcapfile_reader *r, const uint8_t *p)
{
	return r->swapped ? get_be32(p) : get_le32(p);
}

static uint16_t get_u16(const struct pcapfile_reader *r, const uint8_t *p)
{
	return r->swapped ? get_be16(p) : get_le16(p);
}

/*
 * The next @n bytes in one piece, without stepping over them; NULL when there are not so many yet
 * or, with r->failed set, no memory to join them.
 */
static const uint8_t *look(struct pcapfile_reader *r, size_t n)
{
	size_t lacks;

	if (r->carry_bytes == 0 && r->feed_bytes >= n)
		return r->feed;
	if (r->carry_bytes >= n)
		return r->carry;
	if (r->carry_room < n) {
		uint8_t *larger = realloc(r->carry, n);

		if (!larger) {
			r->failed = -ENOMEM;
			return NULL;
		}
		r->carry = larger;
		r->carry_room = n;
	}
	lacks = min_of(n - r->carry_bytes, r->feed_bytes);
	if (lacks) {
		memcpy(r->carry + r->carry_bytes, r->feed, lacks);
		r->feed += lacks;
		r->feed_bytes -= lacks;
		r->carry_bytes += lacks;
	}
	return r->carry_bytes >= n ? r->carry : NULL;
}

/* Step over what look() showed. What is carried is one record at most, so it goes as a whole. */
static void step(struct pcapfile_reader *r, size_t n)
{
	if (r->carry_bytes) {
		r->carry_bytes = 0;
	} else {
		r->feed += n;
		r->feed_bytes -= n;
	}
	r->offset += n;
}

static int header_read(struct pcapfile_reader *r, const uint8_t *header, struct err *e)
{
	uint32_t magic = get_le32(header), swapped = get_be32(header);
	uint16_t major, minor;

	r->swapped = swapped == PCAPFILE_MAGIC_NS || swapped == PCAPFILE_MAGIC_US;
	if (r->swapped)
		magic = swapped;
	if (magic == PCAPNG_MAGIC)
		return err_set(
			e, -EINVAL,
			"the packets are in pcapng format, which is not read here; convert them "
			"with \"editcap -F nsecpcap IN OUT\"");
	if (magic == PCAPFILE_MAGIC_MODIFIED || swapped == PCAPFILE_MAGIC_MODIFIED)
		return err_set(
			e, -EINVAL,
			"the packets are in a modified pcap format of old; convert them with "
			"\"editcap -F nsecpcap IN OUT\"");
	if (magic != PCAPFILE_MAGIC_NS && magic != PCAPFILE_MAGIC_US)
		return err_set(
			e, -EINVAL,
			"the packets are no pcap file: it begins with %08x; the file is damaged "
			"or something else",
			get_be32(header));

	major = get_u16(r, header + 4);
	minor = get_u16(r, header + 6);
	if (major != PCAPFILE_MAJOR || minor != PCAPFILE_MINOR)
		return err_set(
			e, -EINVAL,
			"the packets are in version %u.%u of the pcap format, only %u.%u is read; "
			"convert them with \"editcap -F nsecpcap IN OUT\"",
			major, minor, PCAPFILE_MAJOR, PCAPFILE_MINOR);
	r->microseconds = magic == PCAPFILE_MAGIC_US;
	r->snaplen = get_u32(r, header + 16);
	r->link_type = (int)(get_u32(r, header + 20) & LINK_TYPE_MASK);
	return 0;
}

/* The header of a record into @ret; the sizes and the fraction of a second must make sense. */
static int record_read(const struct pcapfile_reader *r, const uint8_t *header,
		       struct pcapfile_packet *ret, struct err *e)
{
	uint32_t fraction = get_u32(r, header + 4), captured = get_u32(r, header + 8);
	uint32_t on_wire = get_u32(r, header + 12);

	if (captured > PCAPFILE_PACKET_MAX ||
	    fraction >= (r->microseconds ? 1000000 : NSEC_PER_SEC))
		return err_set(e, -EBADMSG,
			       "the packets are damaged at byte %llu: a packet of %u bytes, %u %s "
			       "past the "
			       "second; what is before it was read",
			       (unsigned long long)r->offset, captured, fraction,
			       r->microseconds ? "us" : "ns");
	ret->real_ns = get_u32(r, header) * NSEC_PER_SEC +
		       fraction * (r->microseconds ? NSEC_PER_USEC : 1);
	ret->captured = captured;
	ret->on_wire = max_of(on_wire, captured);
	return 0;
}

/**
 * pcapfile_feed() - the next block of the file
 * @bytes: borrowed until pcapfile_next() has returned 0, and with it the packets that it gave
 * @n:     may be 0
 *
 * The block before must have been read to its end.
 */
void pcapfile_feed(struct pcapfile_reader *r, const uint8_t *bytes, size_t n)
{
	r->feed = bytes;
	r->feed_bytes = n;
}

/**
 * pcapfile_next() - the next packet
 * @ret: set when 1 is returned; its bytes are valid until the next call
 * @e:   filled on failure: what is wrong, where, and what to do
 *
 * Return: 1; 0 when the block is used up; -EINVAL when it is no pcap file that is read here,
 * -EBADMSG for a damaged record, -ENOMEM. After a failure every call fails in the same way.
 */
int pcapfile_next(struct pcapfile_reader *r, struct pcapfile_packet *ret, struct err *e)
{
	const uint8_t *bytes;
	struct pcapfile_packet packet;

	if (r->failed)
		return err_set(e, r->failed, "the packets could not be read further");
	if (!r->has_header) {
		bytes = look(r, PCAPFILE_HEADER_BYTES);
		if (!bytes)
			return r->failed ? err_nomem(e) : 0;
		r->failed = header_read(r, bytes, e);
		if (r->failed)
			return r->failed;
		step(r, PCAPFILE_HEADER_BYTES);
		r->has_header = true;
	}

	bytes = look(r, PCAPFILE_RECORD_BYTES);
	if (!bytes)
		return r->failed ? err_nomem(e) : 0;
	r->failed = record_read(r, bytes, &packet, e);
	if (r->failed)
		return r->failed;
	bytes = look(r, PCAPFILE_RECORD_BYTES + packet.captured);
	if (!bytes)
		return r->failed ? err_nomem(e) : 0;
	packet.bytes = bytes + PCAPFILE_RECORD_BYTES;
	step(r, PCAPFILE_RECORD_BYTES + packet.captured);
	*ret = packet;
	return 1;
}

/**
 * pcapfile_end() - the file has ended: was it whole?
 *
 * A recording that was cut off ends within a packet; everything before is good.
 *
 * Return: 0; -ENODATA, with a sentence, when it ends within its header or a packet; or how reading
 * failed before.
 */
int pcapfile_end(struct pcapfile_reader *r, struct err *e)
{
	size_t rest = r->carry_bytes + r->feed_bytes;

	if (r->failed)
		return err_set(e, r->failed, "the packets could not be read further");
	if (!r->has_header)
		return err_set(e, -ENODATA,
			       "the packets have no pcap header: there are only %zu bytes", rest);
	if (rest)
		return err_set(
			e, -ENODATA,
			"the packets end within a packet, at byte %llu; what is before it was read",
			(unsigned long long)r->offset);
	return 0;
}

/** pcapfile_done() - free what the reader holds; it is then a new one */
void pcapfile_done(struct pcapfile_reader *r)
{
	free(r->carry);
	*r = (struct pcapfile_reader){0};
}
