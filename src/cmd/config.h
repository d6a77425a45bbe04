/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration file: sections, and lines KEY = VALUE. What the keys mean is setting_read.c's.
 */
#ifndef CMD_CONFIG_H
#define CMD_CONFIG_H

#include "base/text.h"

#define CONFIG_DEFAULT_PATH "/etc/scoutfs/scoutfs-trace.conf"

struct config_line {
	const char *section; /* NULL: before the first one */
	const char *key;     /* NULL: the line begins the section */
	const char *value;
	unsigned int line; /* from 1 */
};

/* All zero is an empty one. Strings point into .bytes. */
struct config {
	char *path; /* as the user named it; NULL when nothing was read */
	struct text bytes;
	struct config_line *lines;
	size_t count;
};

int config_load(const char *path, struct config *ret, struct err *e);
int config_parse(struct config *c, struct err *e);
void config_done(struct config *c);
void config_put_value(struct text *out, const char *value);

#endif
