/* SPDX-License-Identifier: GPL-2.0-only */
typedef int crc32c_is_not_written_yet;
