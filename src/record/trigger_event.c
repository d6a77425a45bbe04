/* SPDX-License-Identifier: GPL-2.0-only */
typedef int trigger_event_is_not_written_yet;
