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

/* Pictures: a plot, and words at its left. */
#define HTML_PICTURE_WIDTH 1160
#define HTML_PLOT_LEFT 104
#define HTML_PLOT_WIDTH (HTML_PICTURE_WIDTH - HTML_PLOT_LEFT - 12)
#define HTML_PLOT_TOP 22

struct html_axis {
	uint64_t from_ns, width_ns;
	size_t steps;
	int bottom; /* of the plot; a line of text is below it */
};

void html_axis(struct view *v, const struct html_axis *a);
void html_label(struct text *o, int y, const char *class, const char *s);

/* html_series.c; a table plot_... of the report `series`. */
bool html_is_plot(const struct view *v, const struct table *t);
void html_series(struct view *v, const struct table *t);

/* html_timeline.c; the tables of the report `overview`. */
void html_timeline(struct view *v, const struct table *const *tables, size_t count);

#endif
