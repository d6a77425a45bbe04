/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Session folder to bundle. Reads only the folder, so the normal end and recovery are the same.
 */
#ifndef RECORD_FINISH_H
#define RECORD_FINISH_H

#include "record/record.h"

struct finish_config {
	int session_fd; /* borrowed */
	const char *session_path;
	const char *output_dir; /* where the bundle goes */
	/* Why what the dead recorder's tracing instance still holds is not in the folder; or NULL.
	 */
	const char *undrained;
	/* The folder is kept whatever the bundle has: it may hold more. */
	bool keep;
	/* Polled now and then; true: stop and leave the folder as it is. May be NULL. */
	bool (*cancelled)(void *arg);
	void *arg;
};

/*
 * 0: ret->bundle, ret->complete and ret->json are set. -ECANCELED: given up. Another negative
 * errno: no bundle, nothing half-made; the folder is untouched.
 */
int finish(const struct finish_config *c, struct record_result *ret, struct err *e);

/* Read enough of a folder to know that it is a session of ours. */
int finish_is_session(int session_fd, const char *path, struct err *e);

#endif
