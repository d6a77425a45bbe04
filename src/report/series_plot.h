/* SPDX-License-Identifier: GPL-2.0-only */
/* What a picture of series needs: values of each counter that moved, in steps of time. */
#ifndef REPORT_SERIES_PLOT_H
#define REPORT_SERIES_PLOT_H

#include "series.h"

int series_plot(const struct series_look *look, struct series_set *sets, size_t count,
		struct report_out *out, struct err *e);

#endif
