/* SPDX-License-Identifier: GPL-2.0-only */
/* Two recordings side by side. */
#ifndef REPORT_COMPARE_H
#define REPORT_COMPARE_H

#include "report/report.h"

struct sandbox;

struct compare_json {
	const char *bytes;
	size_t n;
};

/* As report_run(), for a configuration that has .other. */
int compare_run(const struct report_config *c, struct err *e);

/* Its inner part, for tests too. */
int compare_join(const struct report_config *c, const struct compare_json json[2], int fd,
		 struct sandbox *s, struct err *e);

/* report.c: reports to a descriptor, which a failed try is rewound and cut of. */
int report_run_to(const struct report_config *c, int fd, struct err *e);

#endif
