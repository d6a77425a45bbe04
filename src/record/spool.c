/* SPDX-License-Identifier: GPL-2.0-only */
typedef int spool_is_not_written_yet;
