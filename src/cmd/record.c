/* SPDX-License-Identifier: GPL-2.0-only */
typedef int record_is_not_written_yet;
