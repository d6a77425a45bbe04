/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scoutfs on the wire, written out a second time for the tests' sake: what the tool's own parser
 * reads here is not made by the tool's own writer.
 */
#ifndef SIM_FRAME_H
#define SIM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 32
#define FRAME_DATA_MAX 1100

enum frame_cmd {
	CMD_GREETING,
	CMD_ALLOC_INODES,
	CMD_GET_LOG_TREES,
	CMD_COMMIT_LOG_TREES,
	CMD_SYNC_LOG_TREES,
	CMD_GET_ROOTS,
	CMD_GET_LAST_SEQ,
	CMD_LOCK,
	CMD_LOCK_RECOVER,
	CMD_SRCH_GET_COMPACT,
	CMD_SRCH_COMMIT_COMPACT,
	CMD_GET_LOG_MERGE,
	CMD_COMMIT_LOG_MERGE,
	CMD_OPEN_INO_MAP,
	CMD_GET_VOLOPT,
	CMD_SET_VOLOPT,
	CMD_CLEAR_VOLOPT,
	CMD_RESIZE_DEVICES,
	CMD_STATFS,
	CMD_FAREWELL,
	CMD_COUNT,
};

#define FRAME_RESPONSE 1 /* bit of flags */
#define FRAME_ENOENT 1	 /* error */

struct frame_header {
	uint64_t seq, recv_seq, id;
	uint16_t data_len;
	uint8_t cmd, flags, error;
};

struct frame_greeting {
	uint64_t fsid, format_version, server_term, rid, flags;
};
#define GREETING_FAREWELL 1
#define GREETING_QUORUM 2
#define GREETING_BYTES 40

#define LOCK_BYTES 48
#define LOCK_KEY_BYTES 32

enum quorum_type {
	QUORUM_REQUEST_VOTE,
	QUORUM_VOTE,
	QUORUM_HEARTBEAT,
	QUORUM_RESIGNATION,
	QUORUM_TYPES
};
#define QUORUM_BYTES 32

struct frame_quorum {
	uint64_t fsid, term;
	uint8_t type, from;
};

const char *frame_cmd_name(unsigned cmd);
uint16_t frame_request_bytes(unsigned cmd);
uint16_t frame_response_bytes(unsigned cmd);
void frame_header_write(const struct frame_header *h, uint8_t *p);
bool frame_header_read(const uint8_t *p, struct frame_header *ret);
void frame_greeting_write(const struct frame_greeting *g, uint8_t *p);
void frame_greeting_read(const uint8_t *p, struct frame_greeting *ret);
void frame_lock_write(uint64_t first, uint64_t write_seq, uint8_t old_mode, uint8_t new_mode,
		      uint8_t *p);
void frame_put64(uint8_t *p, uint64_t v);
uint64_t frame_get64(const uint8_t *p);
uint32_t frame_crc32c(uint32_t crc, const uint8_t *p, size_t n);
void frame_quorum_write(const struct frame_quorum *q, uint8_t *p);
bool frame_quorum_read(const uint8_t *p, size_t n, struct frame_quorum *ret);

#endif
