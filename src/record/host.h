/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc says about this host. Pure: the text of a file in, a fact out; safe on any text. */
#ifndef RECORD_HOST_H
#define RECORD_HOST_H

#include <limits.h>
#include <sys/types.h>

#include "base/util.h"

struct host_mount {
	unsigned int major, minor; /* st_dev of the files in it */
	char point[PATH_MAX];
	char type[64];
};

/* /proc/PID/status: the effective capabilities. */
bool host_capabilities(const char *status, uint64_t *ret_effective);
/* /proc/PID/uid_map: all users mapped to themselves, so that root here is root of the host. */
bool host_is_initial_user_namespace(const char *uid_map);
/* /proc/PID/mountinfo: the next mount; *@at moves on. False at the end. */
bool host_mount_next(const char **at, struct host_mount *ret);
/* /proc/meminfo: what can be had without swapping. */
bool host_memory_available(const char *meminfo, uint64_t *ret_bytes);
/* /proc/locks: who holds a flock() for writing on this file; 0: nobody that is visible. */
pid_t host_lock_holder(const char *locks, dev_t device, ino_t inode);

#endif
