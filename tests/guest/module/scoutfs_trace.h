/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events under the names and with the fields of the real scoutfs module, as its format files show
 * them; what they print is our own. Each takes its values from one list (struct fire), so that the
 * control file can set any of them by name.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM scoutfs

#if !defined(SCOUTFS_GUEST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SCOUTFS_GUEST_TRACE_H

#include <linux/tracepoint.h>

#include "fire.h"

DECLARE_EVENT_CLASS(scoutfs_guest_conn,
	TP_PROTO(const struct fire *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__field(__u64, fsid)
		__field(__u64, rid)
		__field(unsigned long, flags)
		__field(unsigned long, reconn_deadline)
		__field(unsigned long, connect_timeout_ms)
		__field(void *, sock)
		__field(__u64, c_rid)
		__field(__u64, greeting_id)
		__field(__u32, sockname_addr)
		__field(__u16, sockname_port)
		__field(__u32, peername_addr)
		__field(__u16, peername_port)
		__field(unsigned char, e_accepted_head)
		__field(void *, listening_conn)
		__field(unsigned char, e_accepted_list)
		__field(__u64, next_send_seq)
		__field(__u64, next_send_id)
		__field(unsigned char, e_send_queue)
		__field(unsigned char, e_resend_queue)
		__field(__u64, recv_seq)
	),
	TP_fast_assign(
		__entry->fsid = f->v[FIRE_fsid];
		__entry->rid = f->v[FIRE_rid];
		__entry->flags = f->v[FIRE_flags];
		__entry->reconn_deadline = f->v[FIRE_reconn_deadline];
		__entry->connect_timeout_ms = f->v[FIRE_connect_timeout_ms];
		__entry->sock = NULL;
		__entry->c_rid = f->v[FIRE_c_rid];
		__entry->greeting_id = f->v[FIRE_greeting_id];
		__entry->sockname_addr = f->v[FIRE_name_addr];
		__entry->sockname_port = f->v[FIRE_name_port];
		__entry->peername_addr = f->v[FIRE_peer_addr];
		__entry->peername_port = f->v[FIRE_peer_port];
		__entry->e_accepted_head = 1;
		__entry->listening_conn = (void *)(unsigned long)f->v[FIRE_listening_conn];
		__entry->e_accepted_list = 0;
		__entry->next_send_seq = f->v[FIRE_seq];
		__entry->next_send_id = f->v[FIRE_id];
		__entry->e_send_queue = 1;
		__entry->e_resend_queue = 1;
		__entry->recv_seq = f->v[FIRE_recv_seq];
	),
	TP_printk("fsid %llx rid %llx flags 0x%lx c_rid %llx %x:%u %x:%u listening %p next_seq %llu",
		  __entry->fsid, __entry->rid, __entry->flags, __entry->c_rid,
		  __entry->sockname_addr, __entry->sockname_port, __entry->peername_addr,
		  __entry->peername_port, __entry->listening_conn, __entry->next_send_seq)
);

DEFINE_EVENT(scoutfs_guest_conn, scoutfs_conn_shutdown_queued, TP_PROTO(const struct fire *f), TP_ARGS(f));
DEFINE_EVENT(scoutfs_guest_conn, scoutfs_conn_shutdown_complete, TP_PROTO(const struct fire *f), TP_ARGS(f));
DEFINE_EVENT(scoutfs_guest_conn, scoutfs_conn_destroy_start, TP_PROTO(const struct fire *f), TP_ARGS(f));

DECLARE_EVENT_CLASS(scoutfs_guest_message,
	TP_PROTO(const struct fire *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__field(__u64, fsid)
		__field(__u64, rid)
		__field(__u32, name_addr)
		__field(__u16, name_port)
		__field(__u32, peer_addr)
		__field(__u16, peer_port)
		__field(__u64, nh_seq)
		__field(__u64, nh_recv_seq)
		__field(__u64, nh_id)
		__field(__u16, nh_data_len)
		__field(__u8, nh_cmd)
		__field(__u8, nh_flags)
		__field(__u8, nh_error)
	),
	TP_fast_assign(
		__entry->fsid = f->v[FIRE_fsid];
		__entry->rid = f->v[FIRE_rid];
		__entry->name_addr = f->v[FIRE_name_addr];
		__entry->name_port = f->v[FIRE_name_port];
		__entry->peer_addr = f->v[FIRE_peer_addr];
		__entry->peer_port = f->v[FIRE_peer_port];
		__entry->nh_seq = f->v[FIRE_seq];
		__entry->nh_recv_seq = f->v[FIRE_recv_seq];
		__entry->nh_id = f->v[FIRE_id];
		__entry->nh_data_len = f->v[FIRE_data_len];
		__entry->nh_cmd = f->v[FIRE_cmd];
		__entry->nh_flags = f->v[FIRE_flags];
		__entry->nh_error = f->v[FIRE_error];
	),
	TP_printk("fsid %llx rid %llx %x:%u %x:%u seq %llu recv_seq %llu id %llu data_len %u cmd %u flags 0x%x error %u",
		  __entry->fsid, __entry->rid, __entry->name_addr, __entry->name_port,
		  __entry->peer_addr, __entry->peer_port, __entry->nh_seq, __entry->nh_recv_seq,
		  __entry->nh_id, __entry->nh_data_len, __entry->nh_cmd, __entry->nh_flags,
		  __entry->nh_error)
);

DEFINE_EVENT(scoutfs_guest_message, scoutfs_net_send_message, TP_PROTO(const struct fire *f), TP_ARGS(f));
DEFINE_EVENT(scoutfs_guest_message, scoutfs_net_recv_message, TP_PROTO(const struct fire *f), TP_ARGS(f));

DECLARE_EVENT_CLASS(scoutfs_guest_quorum_message,
	TP_PROTO(const struct fire *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__field(__u64, fsid)
		__field(__u64, rid)
		__field(__u64, term)
		__field(__u8, type)
		__field(int, nr)
	),
	TP_fast_assign(
		__entry->fsid = f->v[FIRE_fsid];
		__entry->rid = f->v[FIRE_rid];
		__entry->term = f->v[FIRE_term];
		__entry->type = f->v[FIRE_type];
		__entry->nr = f->v[FIRE_nr];
	),
	TP_printk("fsid %llx rid %llx term %llu type %u nr %d", __entry->fsid, __entry->rid,
		  __entry->term, __entry->type, __entry->nr)
);

DEFINE_EVENT(scoutfs_guest_quorum_message, scoutfs_quorum_send_message, TP_PROTO(const struct fire *f), TP_ARGS(f));
DEFINE_EVENT(scoutfs_guest_quorum_message, scoutfs_quorum_recv_message, TP_PROTO(const struct fire *f), TP_ARGS(f));

TRACE_EVENT(scoutfs_quorum_loop,
	TP_PROTO(const struct fire *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__field(__u64, fsid)
		__field(__u64, rid)
		__field(__u64, term)
		__field(int, role)
		__field(int, vote_for)
		__field(unsigned long, vote_bits)
		__field(unsigned long, vote_count)
		__field(unsigned long long, nsecs)
	),
	TP_fast_assign(
		__entry->fsid = f->v[FIRE_fsid];
		__entry->rid = f->v[FIRE_rid];
		__entry->term = f->v[FIRE_term];
		__entry->role = f->v[FIRE_role];
		__entry->vote_for = -1;
		__entry->vote_bits = 0;
		__entry->vote_count = 0;
		__entry->nsecs = 0;
	),
	TP_printk("fsid %llx rid %llx term %llu role %d vote_for %d", __entry->fsid, __entry->rid,
		  __entry->term, __entry->role, __entry->vote_for)
);

DECLARE_EVENT_CLASS(scoutfs_guest_client,
	TP_PROTO(const struct fire *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__field(__u64, fsid)
		__field(__u64, rid)
		__field(__s64, c_rid)
		__field(unsigned long, nr_clients)
	),
	TP_fast_assign(
		__entry->fsid = f->v[FIRE_fsid];
		__entry->rid = f->v[FIRE_rid];
		__entry->c_rid = f->v[FIRE_c_rid];
		__entry->nr_clients = f->v[FIRE_nr];
	),
	TP_printk("fsid %llx rid %llx c_rid %016llx nr_clients %lu", __entry->fsid, __entry->rid,
		  __entry->c_rid, __entry->nr_clients)
);

DEFINE_EVENT(scoutfs_guest_client, scoutfs_server_client_up, TP_PROTO(const struct fire *f), TP_ARGS(f));
DEFINE_EVENT(scoutfs_guest_client, scoutfs_server_client_down, TP_PROTO(const struct fire *f), TP_ARGS(f));

TRACE_EVENT(scoutfs_lock_locked,
	TP_PROTO(const struct fire *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__field(__u64, fsid)
		__field(__u64, rid)
		__field(__u8, start_zone)
		__field(__u64, start_first)
		__field(__u8, start_type)
		__field(__u64, start_second)
		__field(__u64, start_third)
		__field(__u8, start_fourth)
		__field(__u8, end_zone)
		__field(__u64, end_first)
		__field(__u8, end_type)
		__field(__u64, end_second)
		__field(__u64, end_third)
		__field(__u8, end_fourth)
		__field(u64, refresh_gen)
		__field(u64, write_seq)
		__field(u64, dirty_trans_seq)
		__field(unsigned char, request_pending)
		__field(unsigned char, invalidate_pending)
		__field(int, mode)
		__field(int, invalidating_mode)
		__field(unsigned int, waiters_cw)
		__field(unsigned int, waiters_pr)
		__field(unsigned int, waiters_ex)
		__field(unsigned int, users_cw)
		__field(unsigned int, users_pr)
		__field(unsigned int, users_ex)
	),
	TP_fast_assign(
		__entry->fsid = f->v[FIRE_fsid];
		__entry->rid = f->v[FIRE_rid];
		__entry->start_zone = __entry->end_zone = 4;
		__entry->start_first = __entry->end_first = f->v[FIRE_id];
		__entry->start_type = __entry->end_type = 0;
		__entry->start_second = 0;
		__entry->end_second = U64_MAX;
		__entry->start_third = __entry->end_third = 0;
		__entry->start_fourth = __entry->end_fourth = 0;
		__entry->refresh_gen = 0;
		__entry->write_seq = f->v[FIRE_seq];
		__entry->dirty_trans_seq = 0;
		__entry->request_pending = __entry->invalidate_pending = 0;
		__entry->mode = f->v[FIRE_type];
		__entry->invalidating_mode = 0;
		__entry->waiters_cw = __entry->waiters_pr = __entry->waiters_ex = 0;
		__entry->users_cw = __entry->users_pr = 0;
		__entry->users_ex = 1;
	),
	TP_printk("fsid %llx rid %llx start %u.%llu write_seq %llu mode %d", __entry->fsid,
		  __entry->rid, __entry->start_zone, __entry->start_first, __entry->write_seq,
		  __entry->mode)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE scoutfs_trace
#include <trace/define_trace.h>
