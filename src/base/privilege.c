/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capabilities and no_new_privs.
 *
 * Called by each thread of the recorder once it has what it needs. Capabilities belong to threads
 * (capabilities(7)), and a program run by root regains all of them, unless no_new_privs says that
 * running a program gives nothing: so both are set. The user's own command (-- COMMAND) is started
 * before.
 */
#include "base/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int privilege_keep(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		uint32_t word = (uint32_t)(keep >> (32 * i));

		data[i].permitted &= word;
		data[i].effective &= word;
		data[i].inheritable &= word;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
