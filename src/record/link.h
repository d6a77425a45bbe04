/* SPDX-License-Identifier: GPL-2.0-only */
/* Network interfaces: which one leads to the server, and the state of their links. */
#ifndef RECORD_LINK_H
#define RECORD_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* IFF_... of an interface; @otherwise where nobody can tell. */
unsigned int link_flags(const char *name, unsigned int otherwise);
/* The interface by which @ip is reached, or that has this address; false: there is none now. */
bool link_towards(const char *ip, uint16_t port, char ret[IF_NAMESIZE]);

#endif
