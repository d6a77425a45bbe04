/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace events of the simulated module: one record type per family of events, with the field
 * names of the real module, and one hook per event.
 */
#ifndef SIM_HOOK_H
#define SIM_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ev_message {
	uint64_t fsid, rid;
	uint32_t name_addr;
	uint16_t name_port;
	uint32_t peer_addr;
	uint16_t peer_port;
	uint64_t nh_seq, nh_recv_seq, nh_id;
	uint16_t nh_data_len;
	uint8_t nh_cmd, nh_flags, nh_error;
};

struct ev_conn {
	uint64_t fsid, rid;
	uint64_t flags, reconn_deadline, connect_timeout_ms, sock;
	uint64_t c_rid, greeting_id;
	uint32_t sockname_addr;
	uint16_t sockname_port;
	uint32_t peername_addr;
	uint16_t peername_port;
	uint8_t e_accepted_head;
	uint64_t listening_conn;
	uint8_t e_accepted_list;
	uint64_t next_send_seq, next_send_id;
	uint8_t e_send_queue, e_resend_queue;
	uint64_t recv_seq;
};

struct ev_quorum {
	uint64_t fsid, rid;
	uint64_t term;
	uint8_t type;
	int32_t nr;
};

struct ev_loop {
	uint64_t fsid, rid;
	uint64_t term;
	int32_t role, vote_for;
	uint64_t vote_bits, vote_count, nsecs;
};

struct ev_client {
	uint64_t fsid, rid;
	int64_t c_rid;
	uint64_t nr_clients;
};

struct ev_work {
	uint64_t fsid, rid;
	uint64_t data;
	int32_t ret;
};

struct ev_lock {
	uint64_t fsid, rid;
	uint8_t start_zone;
	uint64_t start_first;
	uint8_t start_type;
	uint64_t start_second, start_third;
	uint8_t start_fourth, end_zone;
	uint64_t end_first;
	uint8_t end_type;
	uint64_t end_second, end_third;
	uint8_t end_fourth;
	uint64_t refresh_gen, write_seq, dirty_trans_seq;
	uint8_t request_pending, invalidate_pending;
	int32_t mode, invalidating_mode;
	uint32_t waiters_cw, waiters_pr, waiters_ex, users_cw, users_pr, users_ex;
};

struct ev_trans {
	uint64_t fsid, rid;
	uint64_t dirty_block_bytes, dirty_item_pages;
};

/* name without its "scoutfs_", and the record that it carries */
#define SIM_EVENTS(X)                       \
	X(net_send_message, message)        \
	X(net_recv_message, message)        \
	X(conn_alloc, conn)                 \
	X(conn_connect_start, conn)         \
	X(conn_connect_result, conn)        \
	X(conn_connect_complete, conn)      \
	X(conn_accept, conn)                \
	X(conn_shutdown_queued, conn)       \
	X(conn_shutdown_start, conn)        \
	X(conn_shutdown_complete, conn)     \
	X(conn_destroy_start, conn)         \
	X(conn_destroy_free, conn)          \
	X(quorum_send_message, quorum)      \
	X(quorum_recv_message, quorum)      \
	X(quorum_loop, loop)                \
	X(server_client_up, client)         \
	X(server_client_down, client)       \
	X(server_work_enter, work)          \
	X(server_work_exit, work)           \
	X(net_listen_work_enter, work)      \
	X(net_listen_work_exit, work)       \
	X(net_connect_work_enter, work)     \
	X(net_connect_work_exit, work)      \
	X(net_recv_work_enter, work)        \
	X(net_recv_work_exit, work)         \
	X(net_shutdown_work_enter, work)    \
	X(net_shutdown_work_exit, work)     \
	X(net_reconn_free_work_enter, work) \
	X(net_reconn_free_work_exit, work)  \
	X(net_destroy_work_enter, work)     \
	X(net_destroy_work_exit, work)      \
	X(lock_wait, lock)                  \
	X(lock_locked, lock)                \
	X(lock_unlock, lock)                \
	X(trans_write_func, trans)

/* clang-format off */
enum hook_event {
#define X(name, record) EV_##name,
	SIM_EVENTS(X)
#undef X
	EV_COUNT,
};
/* clang-format on */

#define X(name, record) void hook_##name(const struct ev_##record *r);
SIM_EVENTS(X)
#undef X

extern uint64_t hook_fired[EV_COUNT];

/* Fires an event and counts it; from the main thread only (a storm thread counts for itself). */
#define FIRE(name, record)               \
	do {                             \
		hook_##name(record);     \
		hook_fired[EV_##name]++; \
	} while (0)

const char *hook_name(enum hook_event e);
int hook_install(void);
int hook_remove(void);
int hook_list(FILE *out);

#endif
