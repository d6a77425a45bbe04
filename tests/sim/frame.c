// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes of scoutfs messages and quorum datagrams, to and from structs; all little-endian. Pure
 * functions for net.c and quorum.c. The layouts and lengths are those of the module's format.h as
 * seen on real captures; this file shares no code with the tool on purpose.
 */
#include "frame.h"

#include <string.h>

/* Lengths of data in bytes as the module sends them; 104 is a LOCK_RECOVER answer with two locks (8
 * + 48 each). */
static const struct {
	const char *name;
	uint16_t request, response;
} cmds[CMD_COUNT] = {
	[CMD_GREETING] = {"GREETING", 40, 40},
	[CMD_ALLOC_INODES] = {"ALLOC_INODES", 8, 16},
	[CMD_GET_LOG_TREES] = {"GET_LOG_TREES", 0, 472},
	[CMD_COMMIT_LOG_TREES] = {"COMMIT_LOG_TREES", 472, 0},
	[CMD_SYNC_LOG_TREES] = {"SYNC_LOG_TREES", 0, 0},
	[CMD_GET_ROOTS] = {"GET_ROOTS", 0, 72},
	[CMD_GET_LAST_SEQ] = {"GET_LAST_SEQ", 0, 8},
	[CMD_LOCK] = {"LOCK", LOCK_BYTES, LOCK_BYTES},
	[CMD_LOCK_RECOVER] = {"LOCK_RECOVER", LOCK_KEY_BYTES, 8 + 2 * LOCK_BYTES},
	[CMD_SRCH_GET_COMPACT] = {"SRCH_GET_COMPACT", 0, 584},
	[CMD_SRCH_COMMIT_COMPACT] = {"SRCH_COMMIT_COMPACT", 584, 0},
	[CMD_GET_LOG_MERGE] = {"GET_LOG_MERGE", 0, 0},
	[CMD_COMMIT_LOG_MERGE] = {"COMMIT_LOG_MERGE", 208, 0},
	[CMD_OPEN_INO_MAP] = {"OPEN_INO_MAP", 16, 144},
	[CMD_GET_VOLOPT] = {"GET_VOLOPT", 0, 520},
	[CMD_SET_VOLOPT] = {"SET_VOLOPT", 520, 0},
	[CMD_CLEAR_VOLOPT] = {"CLEAR_VOLOPT", 520, 0},
	[CMD_RESIZE_DEVICES] = {"RESIZE_DEVICES", 16, 0},
	[CMD_STATFS] = {"STATFS", 0, 56},
	[CMD_FAREWELL] = {"FAREWELL", 0, 0},
};

const char *frame_cmd_name(unsigned cmd)
{
	return cmd < CMD_COUNT ? cmds[cmd].name : "?";
}

uint16_t frame_request_bytes(unsigned cmd)
{
	return cmds[cmd].request;
}

uint16_t frame_response_bytes(unsigned cmd)
{
	return cmds[cmd].response;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

void frame_put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

uint64_t frame_get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void frame_header_write(const struct frame_header *h, uint8_t *p)
{
	memset(p, 0, FRAME_HEADER_BYTES);
	frame_put64(p, h->seq);
	frame_put64(p + 8, h->recv_seq);
	frame_put64(p + 16, h->id);
	put16(p + 24, h->data_len);
	p[26] = h->cmd;
	p[27] = h->flags;
	p[28] = h->error;
}

/* False for what the real module would close the connection for. */
bool frame_header_read(const uint8_t *p, struct frame_header *ret)
{
	struct frame_header h = {
		.seq = frame_get64(p),
		.recv_seq = frame_get64(p + 8),
		.id = frame_get64(p + 16),
		.data_len = get16(p + 24),
		.cmd = p[26],
		.flags = p[27],
		.error = p[28],
	};

	if (!h.seq || !h.id || h.cmd >= CMD_COUNT || h.flags > FRAME_RESPONSE || h.error > 6 ||
	    p[29] || p[30] || p[31])
		return false;
	if (h.data_len != (h.flags & FRAME_RESPONSE ? cmds[h.cmd].response : cmds[h.cmd].request))
		return false;
	*ret = h;
	return true;
}

void frame_greeting_write(const struct frame_greeting *g, uint8_t *p)
{
	frame_put64(p, g->fsid);
	frame_put64(p + 8, g->format_version);
	frame_put64(p + 16, g->server_term);
	frame_put64(p + 24, g->rid);
	frame_put64(p + 32, g->flags);
}

void frame_greeting_read(const uint8_t *p, struct frame_greeting *ret)
{
	ret->fsid = frame_get64(p);
	ret->format_version = frame_get64(p + 8);
	ret->server_term = frame_get64(p + 16);
	ret->rid = frame_get64(p + 24);
	ret->flags = frame_get64(p + 32);
}

/* The key of an inode group lock: zone 16 (file system), first = the first inode number of the
 * group. */
void frame_lock_write(uint64_t first, uint64_t write_seq, uint8_t old_mode, uint8_t new_mode,
		      uint8_t *p)
{
	memset(p, 0, LOCK_BYTES);
	frame_put64(p, first);
	p[26] = 16;
	frame_put64(p + LOCK_KEY_BYTES, write_seq);
	p[40] = old_mode;
	p[41] = new_mode;
}

/* Bit by bit, reflected polynomial 0x82f63b78 (RFC 3720 appendix B.4), no inversion before or
 * after. */
uint32_t frame_crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

void frame_quorum_write(const struct frame_quorum *q, uint8_t *p)
{
	memset(p, 0, QUORUM_BYTES);
	frame_put64(p, q->fsid);
	frame_put64(p + 16, q->term);
	p[24] = q->type;
	p[25] = q->from;
	put32(p + 28, frame_crc32c(~0u, p, 28));
}

bool frame_quorum_read(const uint8_t *p, size_t n, struct frame_quorum *ret)
{
	if (n != QUORUM_BYTES || get32(p + 28) != frame_crc32c(~0u, p, 28) || p[24] >= QUORUM_TYPES)
		return false;
	*ret = (struct frame_quorum){
		.fsid = frame_get64(p), .term = frame_get64(p + 16), .type = p[24], .from = p[25]};
	return true;
}
