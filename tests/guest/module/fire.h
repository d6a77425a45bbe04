/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The values of an event that is to be fired, by name. A name stands for the field of the same
 * meaning in every event: "seq" is nh_seq of a message, next_send_seq of a connection, write_seq of
 * a lock.
 */
#ifndef SCOUTFS_GUEST_FIRE_H
#define SCOUTFS_GUEST_FIRE_H

#include <linux/types.h>

#define FIRE_VALUES(X)                                                                           \
	X(fsid)                                                                                  \
	X(rid) X(flags) X(c_rid) X(listening_conn) X(greeting_id) X(reconn_deadline)             \
		X(connect_timeout_ms) X(name_addr) X(name_port) X(peer_addr) X(peer_port) X(seq) \
			X(recv_seq) X(id) X(data_len) X(cmd) X(error) X(term) X(type) X(nr)      \
				X(role)

#define FIRE_ENUM(name) FIRE_##name,
enum { FIRE_VALUES(FIRE_ENUM) FIRE_COUNT };
#undef FIRE_ENUM

struct fire {
	u64 v[FIRE_COUNT];
};

#endif
