/* SPDX-License-Identifier: GPL-2.0-only */
/* Talking to the running recorder: a stream socket in the run folder, one request line, one JSON
 * reply. */
#ifndef RECORD_CONTROL_H
#define RECORD_CONTROL_H

#include "base/text.h"
#include "base/err.h"

#define RECORD_DEFAULT_RUN_DIR "/run/scoutfs-trace"
#define RECORD_DEFAULT_OUTPUT_DIR "/var/lib/scoutfs-trace"

/* "status" answers at once; "stop" answers when the bundle is written. -ENOENT: no recorder runs.
 */
int control_request(const char *run_dir, const char *request, struct text *ret_json, struct err *e);

#endif
