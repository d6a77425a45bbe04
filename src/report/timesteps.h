/* SPDX-License-Identifier: GPL-2.0-only */
/* The steps of time that pictures have in common. */
#ifndef REPORT_TIMESTEPS_H
#define REPORT_TIMESTEPS_H

#include "recording.h"

#define TIMESTEPS_MOST 600 /* of a picture */

struct timesteps {
	uint64_t from_ns, to_ns; /* the last step may end behind it */
	uint64_t width_ns;
	size_t count; /* 0: there is no such picture */
};

void timesteps_make(const struct recording *rec, uint64_t from_ns, uint64_t to_ns,
		    struct timesteps *ret_all, struct timesteps *ret_near);

#endif
