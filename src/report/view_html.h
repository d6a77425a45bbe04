/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts of the HTML view: text made harmless, and the timeline, which is drawn from the tables of
 * the report `overview`.
 */
#ifndef REPORT_VIEW_HTML_H
#define REPORT_VIEW_HTML_H

#include "view.h"

#define HTML_TABLES 16

/* view_html.c */
void html_text(struct text *out, const char *s, size_t n);
void html_str(struct text *out, const char *s);
void html_json(struct text *out, const char *s, size_t n);

/* html_timeline.c; the tables of the report `overview`. */
void html_timeline(struct view *v, const struct table *const *tables, size_t count);

#endif
