/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a captured packet says: from the link layer to the payload of TCP or UDP, scoutfs' quorum
 * datagram, and the messages that scoutfs sends over TCP.
 *
 * The packet source asks it for each packet, to see the leader's heartbeats; framing.c asks it
 *where a message begins; addresses of the command line go through it as well. It owns nothing and
 *keeps no state: putting TCP streams together is not done here. Every length is checked against the
 * captured bytes, since a packet can come from anybody.
 *
 * Sources: LINKTYPE_ pages of tcpdump.org for the link headers; RFC 791, 8200, 9293, 768 for the
 * rest; scoutfs kmod/src/format.h and quorum.c for the datagram:
 *
 *	u64 fsid, u64 version, u64 term, u8 type, u8 from, u8 pad[2], u32 crc
 *
 * little-endian, crc = crc32c(~0, the 28 bytes before it) without a final inversion; and for the
 * messages, whose layouts are the same from v1.2 to main, struct scoutfs_net_header and those
 *behind it in format.h, invalid_message() in net.c, and the checks of argument lengths in server.c
 *and client.c.
 */
#include <arpa/inet.h>
#include <inttypes.h>

#include "base/crc32c.h"
#include "format/wire.h"

#define QUORUM_CRC_AT 28

#define MESSAGE_RESPONSE 1 /* bit of flags */

#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW 101
#define DLT_RAW_LINUX 12 /* what libpcap calls LINKTYPE_RAW within a program on Linux */
#define LINKTYPE_LINUX_SLL 113
#define LINKTYPE_LINUX_SLL2 276

#define ETHERTYPE_V4 0x0800
#define ETHERTYPE_V6 0x86dd
#define ETHERTYPE_VLAN 0x8100	    /* 802.1Q */
#define ETHERTYPE_VLAN_OUTER 0x88a8 /* 802.1ad */
#define VLAN_TAG_BYTES 4

#define V4_HEADER_BYTES 20
#define V6_HEADER_BYTES 40
#define TCP_HEADER_BYTES 20
#define UDP_HEADER_BYTES 8

/* Bytes being taken apart: what was captured, and how many there were on the wire. */
struct slice {
	const uint8_t *at;
	size_t captured;
	size_t wire; /* never less than captured */
};

static bool slice_skip(struct slice *s, size_t n)
{
	if (s->captured < n)
		return false;
	s->at += n;
	s->captured -= n;
	s->wire -= n;
	return true;
}

/* The length in an IP header: cut what pads the frame behind it, and know what the snaplen cut. */
static void slice_limit(struct slice *s, size_t wire)
{
	s->wire = wire;
	s->captured = min_of(s->captured, wire);
}

/* Step over the link header; false when it is cut short or of a kind not known here. */
static bool link_parse(int link_type, struct slice *s, uint16_t *ret_ethertype)
{
	size_t header_bytes, type_at;

	switch (link_type) {
	case LINKTYPE_ETHERNET:
		header_bytes = 14;
		type_at = 12;
		break;
	case LINKTYPE_LINUX_SLL:
		header_bytes = 16;
		type_at = 14;
		break;
	case LINKTYPE_LINUX_SLL2:
		header_bytes = 20;
		type_at = 0;
		break;
	case LINKTYPE_RAW:
	case DLT_RAW_LINUX:
		if (s->captured == 0)
			return false;
		*ret_ethertype = s->at[0] >> 4 == 6 ? ETHERTYPE_V6 : ETHERTYPE_V4;
		return true;
	default:
		return false;
	}

	if (s->captured < header_bytes)
		return false;
	*ret_ethertype = get_be16(s->at + type_at);
	(void)slice_skip(s, header_bytes);

	/* A tag is 2 bytes of VLAN and the type of what follows. */
	while (*ret_ethertype == ETHERTYPE_VLAN || *ret_ethertype == ETHERTYPE_VLAN_OUTER) {
		if (s->captured < VLAN_TAG_BYTES)
			return false;
		*ret_ethertype = get_be16(s->at + 2);
		(void)slice_skip(s, VLAN_TAG_BYTES);
	}
	return true;
}

static void addr_from_v4(const uint8_t v4[4], struct in6_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(&ret->s6_addr[12], v4, 4);
}

/*
 * Step over the IP header. *ret_protocol is -1 where no transport header follows, that is in all
 * fragments but the first. A length of 0 comes from segmentation offload: the kernel has not cut
 * this packet into real ones yet, so what was captured is what there is.
 */
static bool v4_parse(struct slice *s, struct wire_packet *packet, int *ret_protocol)
{
	size_t header_bytes, total_bytes;
	const uint8_t *header = s->at;

	if (s->captured < V4_HEADER_BYTES || header[0] >> 4 != 4)
		return false;
	header_bytes = (size_t)(header[0] & 0xf) * 4;
	total_bytes = get_be16(header + 2);
	if (header_bytes < V4_HEADER_BYTES || (total_bytes && total_bytes < header_bytes))
		return false;
	if (total_bytes)
		slice_limit(s, total_bytes);

	addr_from_v4(header + 12, &packet->source.ip);
	addr_from_v4(header + 16, &packet->destination.ip);
	*ret_protocol = get_be16(header + 6) & 0x1fff ? -1 : header[9];
	return slice_skip(s, header_bytes);
}

static bool v6_parse(struct slice *s, struct wire_packet *packet, int *ret_protocol)
{
	const uint8_t *header = s->at;
	size_t payload_bytes;
	int next;

	if (s->captured < V6_HEADER_BYTES || header[0] >> 4 != 6)
		return false;
	payload_bytes = get_be16(header + 4);
	if (payload_bytes)
		slice_limit(s, V6_HEADER_BYTES + payload_bytes);
	memcpy(&packet->source.ip, header + 8, 16);
	memcpy(&packet->destination.ip, header + 24, 16);
	next = header[6];
	(void)slice_skip(s, V6_HEADER_BYTES);

	for (;;) {
		size_t bytes = 8;

		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (s->captured < 8)
				return false;
			bytes = ((size_t)s->at[1] + 1) * 8;
			break;
		case IPPROTO_FRAGMENT:
			if (s->captured < 8)
				return false;
			if (get_be16(s->at + 2) >> 3) {
				*ret_protocol = -1;
				return true;
			}
			break;
		default:
			*ret_protocol = next;
			return true;
		}
		next = s->at[0];
		if (!slice_skip(s, bytes))
			return false;
	}
}

static bool tcp_parse(struct slice *s, struct wire_packet *packet)
{
	const uint8_t *header = s->at;
	size_t header_bytes;

	if (s->captured < TCP_HEADER_BYTES)
		return false;
	header_bytes = (size_t)(header[12] >> 4) * 4;
	if (header_bytes < TCP_HEADER_BYTES || !slice_skip(s, header_bytes))
		return false;

	packet->tcp_seq = get_be32(header + 4);
	packet->tcp_ack = get_be32(header + 8);
	packet->tcp_flags = header[13];
	return true;
}

static bool udp_parse(struct slice *s)
{
	size_t bytes;

	if (s->captured < UDP_HEADER_BYTES)
		return false;
	bytes = get_be16(s->at + 4);
	/* A first fragment holds less than the datagram; an offloaded one may say 0. */
	if (bytes)
		slice_limit(s, min_of(bytes, s->wire));
	return slice_skip(s, UDP_HEADER_BYTES);
}

/**
 * wire_packet_parse() - addresses, ports and payload of a captured packet
 * @link_type: of the capture: EN10MB (1), RAW (101 or 12), LINUX_SLL (113), LINUX_SLL2 (276)
 * @bytes:     the packet as captured, borrowed
 * @n:         captured bytes
 * @ret:       set on success; ret->payload points into @bytes
 *
 * Packets of other transports, fragments without a transport header and packets whose
 * transport header is damaged or cut short are WIRE_OTHER: their IP addresses are set, ports and
 * payload are 0.
 *
 * Return: true when it is an IPv4 or IPv6 packet whose IP headers are whole.
 */
bool wire_packet_parse(int link_type, const uint8_t *bytes, size_t n, struct wire_packet *ret)
{
	struct slice s = {bytes, n, n};
	struct wire_packet packet = {.transport = WIRE_OTHER};
	const uint8_t *header;
	uint16_t ethertype;
	int protocol;

	if (!link_parse(link_type, &s, &ethertype))
		return false;
	if (ethertype == ETHERTYPE_V4) {
		if (!v4_parse(&s, &packet, &protocol))
			return false;
	} else if (ethertype == ETHERTYPE_V6) {
		if (!v6_parse(&s, &packet, &protocol))
			return false;
	} else {
		return false;
	}

	header = s.at;
	if (protocol == IPPROTO_TCP && tcp_parse(&s, &packet))
		packet.transport = WIRE_TCP;
	else if (protocol == IPPROTO_UDP && udp_parse(&s))
		packet.transport = WIRE_UDP;

	if (packet.transport != WIRE_OTHER) {
		packet.source.port = get_be16(header);
		packet.destination.port = get_be16(header + 2);
		packet.payload = s.at;
		packet.payload_bytes = (uint32_t)s.captured;
		packet.payload_wire_bytes = (uint32_t)s.wire;
	}
	*ret = packet;
	return true;
}

/**
 * wire_quorum_parse() - a quorum datagram
 * @bytes: payload of a UDP packet
 * @n:     its length
 * @ret:   set on success
 *
 * The type and the slot are passed on as they are: they may be ones that a later scoutfs invents.
 *
 * Return: true when it is exactly one message and its crc is right.
 */
bool wire_quorum_parse(const uint8_t *bytes, size_t n, struct wire_quorum *ret)
{
	if (n != WIRE_QUORUM_BYTES ||
	    get_le32(bytes + QUORUM_CRC_AT) != crc32c(~UINT32_C(0), bytes, QUORUM_CRC_AT))
		return false;

	*ret = (struct wire_quorum){
		.fsid = get_le64(bytes),
		.version = get_le64(bytes + 8),
		.term = get_le64(bytes + 16),
		.type = bytes[24],
		.from = bytes[25],
	};
	return true;
}

/**
 * wire_quorum_write() - make a quorum datagram
 * @q:     what it says
 * @bytes: filled
 */
void wire_quorum_write(const struct wire_quorum *q, uint8_t bytes[WIRE_QUORUM_BYTES])
{
	put_le64(bytes, q->fsid);
	put_le64(bytes + 8, q->version);
	put_le64(bytes + 16, q->term);
	bytes[24] = q->type;
	bytes[25] = q->from;
	bytes[26] = bytes[27] = 0;
	put_le32(bytes + QUORUM_CRC_AT, crc32c(~UINT32_C(0), bytes, QUORUM_CRC_AT));
}

const char *wire_quorum_type_name(unsigned int type)
{
	static const char *const names[] = {
		[WIRE_REQUEST_VOTE] = "REQUEST_VOTE",
		[WIRE_VOTE] = "VOTE",
		[WIRE_HEARTBEAT] = "HEARTBEAT",
		[WIRE_RESIGNATION] = "RESIGNATION",
	};

	return type < ARRAY_SIZE(names) ? names[type] : "?";
}

/*
 * Each command: its name, who asks, bytes of data in a request and in a response without an error.
 * Checked against every message of the captures under tests/data.
 */
#define RECOVERED_LOCKS 0xffff /* the length depends on how many locks there are */
static const struct {
	const char *name;
	enum wire_sender asks;
	uint16_t request_bytes, response_bytes;
} commands[WIRE_COMMANDS] = {
	[WIRE_GREETING] = {"GREETING", WIRE_FROM_CLIENT, 40, 40},
	[WIRE_ALLOC_INODES] = {"ALLOC_INODES", WIRE_FROM_CLIENT, 8, 16},
	[WIRE_GET_LOG_TREES] = {"GET_LOG_TREES", WIRE_FROM_CLIENT, 0, 472},
	[WIRE_COMMIT_LOG_TREES] = {"COMMIT_LOG_TREES", WIRE_FROM_CLIENT, 472, 0},
	[WIRE_SYNC_LOG_TREES] = {"SYNC_LOG_TREES", WIRE_FROM_SERVER, 0, 0},
	[WIRE_GET_ROOTS] = {"GET_ROOTS", WIRE_FROM_CLIENT, 0, 72},
	[WIRE_GET_LAST_SEQ] = {"GET_LAST_SEQ", WIRE_FROM_CLIENT, 0, 8},
	[WIRE_LOCK] = {"LOCK", WIRE_FROM_EITHER, WIRE_LOCK_BYTES, WIRE_LOCK_BYTES},
	[WIRE_LOCK_RECOVER] = {"LOCK_RECOVER", WIRE_FROM_SERVER, WIRE_KEY_BYTES, RECOVERED_LOCKS},
	[WIRE_SRCH_GET_COMPACT] = {"SRCH_GET_COMPACT", WIRE_FROM_CLIENT, 0, 584},
	[WIRE_SRCH_COMMIT_COMPACT] = {"SRCH_COMMIT_COMPACT", WIRE_FROM_CLIENT, 584, 0},
	[WIRE_GET_LOG_MERGE] = {"GET_LOG_MERGE", WIRE_FROM_CLIENT, 0, 208},
	[WIRE_COMMIT_LOG_MERGE] = {"COMMIT_LOG_MERGE", WIRE_FROM_CLIENT, 208, 0},
	[WIRE_OPEN_INO_MAP] = {"OPEN_INO_MAP", WIRE_FROM_EITHER, 16, 144},
	[WIRE_GET_VOLOPT] = {"GET_VOLOPT", WIRE_FROM_CLIENT, 0, 520},
	[WIRE_SET_VOLOPT] = {"SET_VOLOPT", WIRE_FROM_CLIENT, 520, 0},
	[WIRE_CLEAR_VOLOPT] = {"CLEAR_VOLOPT", WIRE_FROM_CLIENT, 520, 0},
	[WIRE_RESIZE_DEVICES] = {"RESIZE_DEVICES", WIRE_FROM_CLIENT, 16, 0},
	[WIRE_STATFS] = {"STATFS", WIRE_FROM_CLIENT, 0, 56},
	[WIRE_FAREWELL] = {"FAREWELL", WIRE_FROM_CLIENT, 0, 0},
};

const char *wire_command_name(unsigned int command)
{
	return command < WIRE_COMMANDS ? commands[command].name : "?";
}

/* Numbers of EXPAND_EACH_NET_ERRNO in format.h; ENOLINK since v1.26. */
const char *wire_error_name(unsigned int error)
{
	static const char *const names[WIRE_ERRORS] = {"none",	 "ENOENT", "ENOMEM", "EIO",
						       "ENOSPC", "EINVAL", "ENOLINK"};

	return error < WIRE_ERRORS ? names[error] : "?";
}

const char *wire_lock_mode_name(unsigned int mode)
{
	static const char *const names[WIRE_LOCK_MODES] = {"null", "read", "write", "write-only"};

	return mode < WIRE_LOCK_MODES ? names[mode] : "?";
}

/**
 * wire_data_fits() - may a message of this kind have so many bytes of data?
 *
 * A response with an error never has any (scoutfs_net_response() in net.c). @error is not looked at
 * in a request.
 */
bool wire_data_fits(unsigned int command, bool response, unsigned int error, size_t data_len)
{
	if (command >= WIRE_COMMANDS)
		return false;
	if (!response)
		return data_len == commands[command].request_bytes;
	if (error)
		return data_len == 0;
	if (commands[command].response_bytes != RECOVERED_LOCKS)
		return data_len == commands[command].response_bytes;
	return data_len >= WIRE_RECOVER_HEAD_BYTES && data_len <= WIRE_DATA_MAX &&
	       (data_len - WIRE_RECOVER_HEAD_BYTES) % WIRE_LOCK_BYTES == 0;
}

/**
 * wire_message_parse() - the header of a message
 * @bytes: WIRE_MESSAGE_BYTES of them
 * @ret:   set on success
 *
 * Takes what scoutfs takes, and no more: for a nonzero seq and id, a known command, flags and
 * error, and an error only in a response it looks before it takes the data, for the right length of
 * the data afterwards. That the padding is 0 is what it always sends. So bytes that are no header
 * rarely pass; data full of zeros and small numbers can, which is why framing.c never trusts a
 * single header that it came upon.
 *
 * Return: whether it is one.
 */
bool wire_message_parse(const uint8_t *bytes, struct wire_message *ret)
{
	/* data_len, command, flags, error and padding, in one */
	uint64_t rest = get_le64(bytes + 24);
	unsigned int data_len = rest & 0xffff, command = rest >> 16 & 0xff;
	unsigned int flags = rest >> 24 & 0xff, error = rest >> 32 & 0xff;
	uint64_t seq = get_le64(bytes), id = get_le64(bytes + 16);

	if (rest >> 40 || flags & ~MESSAGE_RESPONSE || error >= WIRE_ERRORS || seq == 0 || id == 0)
		return false;
	if ((error && !flags) || !wire_data_fits(command, flags, error, data_len))
		return false;

	*ret = (struct wire_message){
		.seq = seq,
		.recv_seq = get_le64(bytes + 8),
		.id = id,
		.data_len = (uint16_t)data_len,
		.command = (uint8_t)command,
		.response = flags,
		.error = (uint8_t)error,
	};
	return true;
}

/** wire_message_write() - make a header, whatever it says; for tests */
void wire_message_write(const struct wire_message *m, uint8_t bytes[WIRE_MESSAGE_BYTES])
{
	put_le64(bytes, m->seq);
	put_le64(bytes + 8, m->recv_seq);
	put_le64(bytes + 16, m->id);
	put_le16(bytes + 24, m->data_len);
	bytes[26] = m->command;
	bytes[27] = m->response ? MESSAGE_RESPONSE : 0;
	bytes[28] = m->error;
	memset(bytes + 29, 0, 3);
}

/**
 * wire_message_sender() - which side sends messages of this kind
 *
 * LOCK and OPEN_INO_MAP go either way: a client asks for a lock, the server asks it back.
 */
enum wire_sender wire_message_sender(const struct wire_message *m)
{
	enum wire_sender asks =
		m->command < WIRE_COMMANDS ? commands[m->command].asks : WIRE_FROM_EITHER;

	if (asks == WIRE_FROM_EITHER || !m->response)
		return asks;
	return asks == WIRE_FROM_CLIENT ? WIRE_FROM_SERVER : WIRE_FROM_CLIENT;
}

/**
 * wire_greeting_parse() - who greets
 * @data: of a GREETING, request or response
 * @n:    captured bytes of it
 * @ret:  set on success: the client's rid in both directions; server_term is 0 in a client's first
 *
 * Return: false when the data is cut short (or there is none, as in a refusal).
 */
bool wire_greeting_parse(const uint8_t *data, size_t n, struct wire_greeting *ret)
{
	if (n < WIRE_GREETING_BYTES)
		return false;
	*ret = (struct wire_greeting){
		.fsid = get_le64(data),
		.version = get_le64(data + 8),
		.server_term = get_le64(data + 16),
		.rid = get_le64(data + 24),
		.flags = get_le64(data + 32),
	};
	return true;
}

void wire_greeting_write(const struct wire_greeting *g, uint8_t data[WIRE_GREETING_BYTES])
{
	put_le64(data, g->fsid);
	put_le64(data + 8, g->version);
	put_le64(data + 16, g->server_term);
	put_le64(data + 24, g->rid);
	put_le64(data + 32, g->flags);
}

/**
 * wire_lock_parse() - a lock's key and modes
 * @data: of a LOCK, request or response, or at a lock of a LOCK_RECOVER response
 * @n:    captured bytes of it
 * @ret:  set on success
 *
 * Return: false when the data is cut short.
 */
bool wire_lock_parse(const uint8_t *data, size_t n, struct wire_lock *ret)
{
	if (n < WIRE_LOCK_BYTES)
		return false;
	*ret = (struct wire_lock){
		.key = {.first = get_le64(data),
			.second = get_le64(data + 8),
			.third = get_le64(data + 16),
			.fourth = data[24],
			.zone = data[25],
			.type = data[26]},
		.write_seq = get_le64(data + 32),
		.old_mode = data[40],
		.new_mode = data[41],
	};
	memcpy(ret->key_bytes, data, WIRE_KEY_BYTES);
	return true;
}

/** wire_lock_write() - make a lock's data from its numbers; @l->key_bytes is not looked at */
void wire_lock_write(const struct wire_lock *l, uint8_t data[WIRE_LOCK_BYTES])
{
	memset(data, 0, WIRE_LOCK_BYTES);
	put_le64(data, l->key.first);
	put_le64(data + 8, l->key.second);
	put_le64(data + 16, l->key.third);
	data[24] = l->key.fourth;
	data[25] = l->key.zone;
	data[26] = l->key.type;
	put_le64(data + 32, l->write_seq);
	data[40] = l->old_mode;
	data[41] = l->new_mode;
}

/**
 * wire_key_format() - a key as scoutfs prints it: zone.first.type.second.third.fourth (SK_FMT,
 * key.h)
 * @buf:  of @size bytes, of which 96 are always enough; also the return value
 * @size: at least 1
 */
const char *wire_key_format(const struct wire_key *k, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%u.%" PRIu64 ".%u.%" PRIu64 ".%" PRIu64 ".%u", k->zone, k->first,
		       k->type, k->second, k->third, k->fourth);
	return buf;
}

/**
 * wire_addr_parse() - a numeric address
 * @ip:   "10.0.0.5" or "fd00::5"; no names, no brackets, no zone: scoutfs takes none either
 * @port: kept as it is
 * @ret:  set on success
 *
 * Return: false when @ip is not a numeric address.
 */
bool wire_addr_parse(const char *ip, uint16_t port, struct wire_addr *ret)
{
	struct wire_addr addr = {.port = port};
	uint8_t v4[4];

	if (inet_pton(AF_INET, ip, v4) == 1)
		addr_from_v4(v4, &addr.ip);
	else if (inet_pton(AF_INET6, ip, &addr.ip) != 1)
		return false;
	*ret = addr;
	return true;
}

/**
 * wire_addr_format() - "10.0.0.5:5000" or "[fd00::5]:5000"
 * @a:    the address
 * @buf:  of @size bytes, of which 64 are always enough; also the return value
 * @size: at least 1
 */
const char *wire_addr_format(const struct wire_addr *a, char *buf, size_t size)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&a->ip);
	char ip[INET6_ADDRSTRLEN];

	/* Neither call can fail: the families are known and the buffer is large enough. */
	if (v4)
		(void)inet_ntop(AF_INET, &a->ip.s6_addr[12], ip, sizeof(ip));
	else
		(void)inet_ntop(AF_INET6, &a->ip, ip, sizeof(ip));
	(void)snprintf(buf, size, v4 ? "%s:%u" : "[%s]:%u", ip, a->port);
	return buf;
}

bool wire_addr_equal(const struct wire_addr *a, const struct wire_addr *b)
{
	return a->port == b->port && memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
}
