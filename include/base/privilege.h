/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving up what root can do and a recorder need not, thread by thread. */
#ifndef BASE_PRIVILEGE_H
#define BASE_PRIVILEGE_H

#include "base/util.h"

#define PRIVILEGE(cap) (UINT64_C(1) << (cap)) /* cap: CAP_* of linux/capability.h */

/*
 * The calling thread, and what it starts from now on, keep only the capabilities in @keep (those of
 * them that it has) and can gain none by running another program. 0 or a negative errno; there is
 * no way back.
 */
int privilege_keep(uint64_t keep);

/*
 * The calling thread does without the capabilities in @aside until they are taken up again. Returns
 * those of them that were in effect, for privilege_take_up(). Never fails: who cannot lay a
 * capability aside has none.
 */
uint64_t privilege_set_aside(uint64_t aside);
void privilege_take_up(uint64_t again);

#endif
