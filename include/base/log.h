/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the running program tells the person: one sink, on standard error.
 * Standard output is kept for results (the bundle's path, tables).
 *
 * On a terminal the sink also owns one live line at the bottom, which
 * messages scroll above. A terminal that has gone away (EPIPE, EIO) turns the
 * sink quiet; it never ends the program. Any thread may call it.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* NOTICE is the default; -q lowers to WARNING, each -v raises by one. Reads NO_COLOR and isatty. */
void log_setup(enum log_level level);
enum log_level log_level_now(void);
bool log_is_terminal(void);
void log_message(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
#define log_error(...) log_message(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)
/* Replace the live line (terminal only; cut to its width); NULL takes it away. */
void log_live(const char *line);

#endif
