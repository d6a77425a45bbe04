/* SPDX-License-Identifier: GPL-2.0-only */
typedef int trigger_silence_is_not_written_yet;
