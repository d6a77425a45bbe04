/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The values of /sys/fs/scoutfs that a recorder copied into its bundle.
 */
#ifndef REPORT_SYSFS_H
#define REPORT_SYSFS_H

#include "logline.h"
#include "recording.h"

/* Of a mount's folder the file @name ("mount_options/quorum_slot_nr") has this line. */
typedef void (*sysfs_fn)(void *arg, const struct logline_mount *mount, const char *name,
			 const char *value);

/* The copy made at the end comes last. */
void sysfs_each(const struct recording *rec, sysfs_fn fn, void *arg);

#endif
