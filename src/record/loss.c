/* SPDX-License-Identifier: GPL-2.0-only */
typedef int loss_is_not_written_yet;
