/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of scoutfs' network, as several analyses read them: names of fields, addresses,
 * message headers. Addresses are IPv4 in host order (net.c: si4_trace_define).
 */
#ifndef REPORT_NETEVENT_H
#define REPORT_NETEVENT_H

#include "analysis.h"

/* Fields of scoutfs_net_send_message and scoutfs_net_recv_message. */
enum netevent_field {
	NET_RID,
	NET_FSID,
	NET_NAME_ADDR, /* of the end that traced it */
	NET_NAME_PORT,
	NET_PEER_ADDR,
	NET_PEER_PORT,
	NET_SEQ,
	NET_RECV_SEQ,
	NET_ID,
	NET_DATA_LEN,
	NET_COMMAND,
	NET_FLAGS,
	NET_ERROR
};
#define NETEVENT_FIELDS                                                                \
	{                                                                              \
		[NET_RID] = "rid", [NET_FSID] = "fsid", [NET_NAME_ADDR] = "name_addr", \
		[NET_NAME_PORT] = "name_port", [NET_PEER_ADDR] = "peer_addr",          \
		[NET_PEER_PORT] = "peer_port", [NET_SEQ] = "nh_seq",                   \
		[NET_RECV_SEQ] = "nh_recv_seq", [NET_ID] = "nh_id",                    \
		[NET_DATA_LEN] = "nh_data_len", [NET_COMMAND] = "nh_cmd",              \
		[NET_FLAGS] = "nh_flags", [NET_ERROR] = "nh_error"                     \
	}

/* 0 where the event has no such field. */
static inline uint64_t netevent_number(const struct trace_event *e, const struct event_field *f)
{
	uint64_t v = 0;

	(void)event_field_u64(f, e->data, e->bytes, &v);
	return v;
}

static inline struct wire_addr netevent_addr(const struct trace_event *e,
					     const struct event_field *ip,
					     const struct event_field *port)
{
	struct wire_addr a = {.port = (uint16_t)netevent_number(e, port)};
	uint64_t v4 = netevent_number(e, ip);

	a.ip.s6_addr[10] = a.ip.s6_addr[11] = 0xff;
	for (int i = 0; i < 4; i++)
		a.ip.s6_addr[12 + i] = (uint8_t)(v4 >> (24 - 8 * i));
	return a;
}

/* The header of a message event; false when it is none that scoutfs would send. */
static inline bool netevent_message(const struct trace_event *e, event_fields f,
				    struct wire_message *ret)
{
	uint64_t command, error;

	if (!event_field_u64(f[NET_COMMAND], e->data, e->bytes, &command) ||
	    command >= WIRE_COMMANDS || !event_field_u64(f[NET_ID], e->data, e->bytes, &ret->id))
		return false;
	error = netevent_number(e, f[NET_ERROR]);
	ret->seq = netevent_number(e, f[NET_SEQ]);
	ret->recv_seq = netevent_number(e, f[NET_RECV_SEQ]);
	ret->data_len = (uint16_t)netevent_number(e, f[NET_DATA_LEN]);
	ret->command = (uint8_t)command;
	ret->response = netevent_number(e, f[NET_FLAGS]) & 1;
	ret->error = (uint8_t)min_of(error, (uint64_t)(WIRE_ERRORS - 1));
	return true;
}

#endif
