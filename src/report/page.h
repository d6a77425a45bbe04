/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that an HTML report goes to: nobody sees it before it is complete.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/err.h"

struct page {
	int dir_fd, fd;
	const char *name; /* borrowed: the last part of the path */
	char hidden[256]; /* "": it has no name yet */
};

/* "-" is standard output. */
int page_open(const char *path, struct page *ret, struct err *e);
/* Empty again, for another try. */
int page_rewind(struct page *p, struct err *e);
/* In place of what has its name. */
int page_keep(struct page *p, struct err *e);
void page_done(struct page *p);

#endif
