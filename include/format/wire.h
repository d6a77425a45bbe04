/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scoutfs on the wire: link layer to transport payload, the quorum datagram, the messages of TCP.
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

#define WIRE_MESSAGE_BYTES 32 /* of a message's header; then data_len bytes of data */
#define WIRE_DATA_MAX 1100    /* of a message's data: SCOUTFS_NET_MAX_DATA_LEN */

enum wire_command {
	WIRE_GREETING,
	WIRE_ALLOC_INODES,
	WIRE_GET_LOG_TREES,
	WIRE_COMMIT_LOG_TREES,
	WIRE_SYNC_LOG_TREES,
	WIRE_GET_ROOTS,
	WIRE_GET_LAST_SEQ,
	WIRE_LOCK,
	WIRE_LOCK_RECOVER,
	WIRE_SRCH_GET_COMPACT,
	WIRE_SRCH_COMMIT_COMPACT,
	WIRE_GET_LOG_MERGE,
	WIRE_COMMIT_LOG_MERGE,
	WIRE_OPEN_INO_MAP,
	WIRE_GET_VOLOPT,
	WIRE_SET_VOLOPT,
	WIRE_CLEAR_VOLOPT,
	WIRE_RESIZE_DEVICES,
	WIRE_STATFS,
	WIRE_FAREWELL,
	WIRE_COMMANDS
};
#define WIRE_ERRORS 7 /* 0 is none */
#define WIRE_LOCK_MODES 4

/* The header of a message. */
struct wire_message {
	uint64_t seq, recv_seq, id;
	uint16_t data_len;
	uint8_t command; /* enum wire_command */
	bool response;
	uint8_t error; /* 0: none; see wire_error_name() */
};

/* Who sends a message of this kind. */
enum wire_sender { WIRE_FROM_EITHER, WIRE_FROM_CLIENT, WIRE_FROM_SERVER };

#define WIRE_GREETING_BYTES 40
#define WIRE_GREETING_FAREWELL 1 /* bits of flags */
#define WIRE_GREETING_QUORUM 2

/* Data of GREETING, request and response. */
struct wire_greeting {
	uint64_t fsid, version, server_term, rid, flags;
};

#define WIRE_KEY_BYTES 32
#define WIRE_LOCK_BYTES 48
#define WIRE_RECOVER_HEAD_BYTES 8 /* of a LOCK_RECOVER response; its locks follow */

/* What a lock covers begins at this key; numbers as the kernel prints and traces them. */
struct wire_key {
	uint64_t first, second, third;
	uint8_t zone, type, fourth;
};

/* Data of LOCK, request and response, and each lock of a LOCK_RECOVER response. */
struct wire_lock {
	struct wire_key key;
	uint8_t key_bytes[WIRE_KEY_BYTES]; /* as sent: the same lock has the same bytes */
	uint64_t write_seq;
	uint8_t old_mode, new_mode;
};

/* @link_type: LINKTYPE_ of the pcap file: EN10MB 1, RAW 101, LINUX_SLL 113, LINUX_SLL2 276. */
bool wire_packet_parse(int link_type, const uint8_t *bytes, size_t n, struct wire_packet *ret);
/* False unless it is exactly one quorum message with a right crc. */
bool wire_quorum_parse(const uint8_t *bytes, size_t n, struct wire_quorum *ret);
void wire_quorum_write(const struct wire_quorum *q, uint8_t bytes[WIRE_QUORUM_BYTES]);
const char *wire_quorum_type_name(unsigned int type); /* "HEARTBEAT"; "?" when unknown */

/* False unless it is a header that scoutfs itself would take. @bytes: WIRE_MESSAGE_BYTES of them.
 */
bool wire_message_parse(const uint8_t *bytes, struct wire_message *ret);
void wire_message_write(const struct wire_message *m, uint8_t bytes[WIRE_MESSAGE_BYTES]);
/* May data of this length belong to such a message? */
bool wire_data_fits(unsigned int command, bool response, unsigned int error, size_t data_len);
enum wire_sender wire_message_sender(const struct wire_message *m);
bool wire_greeting_parse(const uint8_t *data, size_t n, struct wire_greeting *ret);
void wire_greeting_write(const struct wire_greeting *g, uint8_t data[WIRE_GREETING_BYTES]);
bool wire_lock_parse(const uint8_t *data, size_t n, struct wire_lock *ret);
void wire_lock_write(const struct wire_lock *l, uint8_t data[WIRE_LOCK_BYTES]);
const char *wire_key_format(const struct wire_key *k, char *buf, size_t size); /* 96 is enough */
/* Upper case, as in the kernel's sources; "?" for what is not known. */
const char *wire_command_name(unsigned int command);
const char *wire_error_name(unsigned int error);    /* "ENOENT"; "none" for 0 */
const char *wire_lock_mode_name(unsigned int mode); /* "read", "write-only"... */

bool wire_addr_parse(const char *ip, uint16_t port, struct wire_addr *ret);
const char *wire_addr_format(const struct wire_addr *a, char *buf,
			     size_t size); /* ip:port, [v6]:port */
bool wire_addr_equal(const struct wire_addr *a, const struct wire_addr *b);

#endif
