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

struct sets {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int sets_get(struct sets *s)
{
	*s = (struct sets){.head.version = _LINUX_CAPABILITY_VERSION_3};
	return syscall(SYS_capget, &s->head, s->data) < 0 ? -errno : 0;
}

static int sets_put(struct sets *s)
{
	return syscall(SYS_capset, &s->head, s->data) < 0 ? -errno : 0;
}

int privilege_keep(uint64_t keep)
{
	struct sets s;
	int r = sets_get(&s);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(s.data); i++) {
		uint32_t word = (uint32_t)(keep >> (32 * i));

		s.data[i].permitted &= word;
		s.data[i].effective &= word;
		s.data[i].inheritable &= word;
	}
	r = sets_put(&s);
	if (r < 0)
		return r;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

uint64_t privilege_set_aside(uint64_t aside)
{
	uint64_t had = 0;
	struct sets s;

	if (sets_get(&s) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(s.data); i++) {
		uint32_t word = (uint32_t)(aside >> (32 * i));

		had |= (uint64_t)(s.data[i].effective & word) << (32 * i);
		s.data[i].effective &= ~word;
	}
	return sets_put(&s) < 0 ? 0 : had;
}

void privilege_take_up(uint64_t again)
{
	struct sets s;

	if (!again || sets_get(&s) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(s.data); i++)
		s.data[i].effective |= (uint32_t)(again >> (32 * i));
	(void)sets_put(&s); /* they are permitted still, so this is allowed */
}
