/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports, as src/cmd sees them: a bundle and a wish in, tables on a descriptor.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/err.h"
#include "base/text.h"

enum report_format { REPORT_TEXT, REPORT_CSV, REPORT_JSON };

#endif
