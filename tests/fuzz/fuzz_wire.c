/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets from anybody. Input: which link layer (bit 7: the quorum checksum is made right), then
 * the packet; the same bytes are tried as a quorum datagram and as an address.
 *
 * Promised: the payload lies in the packet; an address that is written parses to the same one; a
 * quorum message, and a TCP message's header, that was read and is written again is the same.
 */
#include <arpa/inet.h>

#include "base/crc32c.h"
#include "format/wire.h"

#include "fuzz.h"

#define QUORUM_CRC_AT 28

static void check_addr(const struct wire_addr *a)
{
	char buf[64], *colon, *ip = buf;
	struct wire_addr back;

	MUST(wire_addr_format(a, buf, sizeof(buf)) == buf);
	colon = strrchr(buf, ':');
	MUST(colon && strtoul(colon + 1, NULL, 10) == a->port);
	*colon = '\0';
	if (*ip == '[') {
		MUST(colon[-1] == ']');
		colon[-1] = '\0';
		ip++;
	}
	MUST(wire_addr_parse(ip, a->port, &back));
	MUST(wire_addr_equal(a, &back));
}

static void check_packet(int link_type, const uint8_t *bytes, size_t n)
{
	struct wire_packet p;

	if (!wire_packet_parse(link_type, bytes, n, &p))
		return;
	check_addr(&p.source);
	check_addr(&p.destination);
	if (p.transport == WIRE_OTHER) {
		MUST(p.payload_bytes == 0 && p.source.port == 0 && p.destination.port == 0);
		return;
	}
	MUST(p.payload > bytes && p.payload <= bytes + n);
	MUST(p.payload_bytes <= (size_t)(bytes + n - p.payload));
	MUST(p.payload_bytes <= p.payload_wire_bytes);
}

static void check_message(const uint8_t *bytes, size_t n)
{
	uint8_t out[WIRE_MESSAGE_BYTES], *copy;
	struct wire_greeting g;
	struct wire_message m;
	struct wire_lock l;
	char key[96];

	if (n < WIRE_MESSAGE_BYTES)
		return;
	copy = fuzz_copy(bytes, WIRE_MESSAGE_BYTES);
	if (wire_message_parse(copy, &m)) {
		MUST(wire_data_fits(m.command, m.response, m.error, m.data_len));
		MUST(m.data_len <= WIRE_DATA_MAX && *wire_command_name(m.command) != '?');
		wire_message_write(&m, out);
		MUST(memcmp(out, copy, sizeof(out)) == 0);
	}
	free(copy);
	copy = fuzz_copy(bytes, n);
	MUST(wire_greeting_parse(copy, n, &g) == (n >= WIRE_GREETING_BYTES));
	MUST(wire_lock_parse(copy, n, &l) == (n >= WIRE_LOCK_BYTES));
	if (n >= WIRE_LOCK_BYTES)
		MUST(strlen(wire_key_format(&l.key, key, sizeof(key))) < sizeof(key) - 1);
	free(copy);
}

static void check_quorum(uint8_t *bytes, size_t n, bool mend)
{
	struct wire_quorum q, again;
	uint8_t out[WIRE_QUORUM_BYTES];

	if (mend && n == WIRE_QUORUM_BYTES)
		put_le32(bytes + QUORUM_CRC_AT, crc32c(~0u, bytes, QUORUM_CRC_AT));
	if (!wire_quorum_parse(bytes, n, &q)) {
		MUST(!mend || n != WIRE_QUORUM_BYTES);
		return;
	}
	wire_quorum_write(&q, out);
	MUST(wire_quorum_parse(out, sizeof(out), &again));
	MUST(q.fsid == again.fsid && q.version == again.version && q.term == again.term &&
	     q.type == again.type && q.from == again.from);
}

static void check_text(const uint8_t *bytes, size_t n)
{
	char *ip = fuzz_string(bytes, n);
	struct wire_addr a;

	if (wire_addr_parse(ip, 5000, &a))
		check_addr(&a);
	free(ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const int link_types[] = {1, 12, 101, 113, 276, 0};
	struct input in = {bytes, n};
	uint8_t mode = input_u8(&in);
	uint8_t *copy = fuzz_copy(in.at, in.left);

	check_packet(link_types[(mode & 0x7f) % ARRAY_SIZE(link_types)], copy, in.left);
	check_text(copy, in.left);
	check_message(copy, in.left);
	check_quorum(copy, in.left, mode & 0x80);
	free(copy);
	return 0;
}
