/* SPDX-License-Identifier: GPL-2.0-only */
/* Which system calls a thread of the recorder may still make once it is set up. */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

enum confine_role {
	CONFINE_FILES,	  /* only files, memory and time: who writes the spool, who drains rings */
	CONFINE_PACKETS,  /* sockets as well: a capture may have to be opened again */
	CONFINE_PROGRAMS, /* who runs programs: everything but what changes the host's kernel */
};

/*
 * The calling thread, and what it starts from now on. 0; -ENOSYS or -EINVAL where the kernel, or
 * this machine's kind, has no such filters: then all is as before. There is no way back.
 */
int confine_thread(enum confine_role role);

#endif
