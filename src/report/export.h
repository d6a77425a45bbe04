/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exports: a recording in the form of another program. Each is an analysis (analysis.h) whose text
 * is the file, byte for byte: no table, no title. Its notes are for standard error.
 */
#ifndef REPORT_EXPORT_H
#define REPORT_EXPORT_H

#include "report/report.h"

#include "analysis.h"

extern const struct analysis_ops export_perfetto, export_pcapng;

const struct analysis_ops *export_find(enum report_export what);

#endif
