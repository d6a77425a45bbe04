/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of exports. Called by report.c.
 */
#include "export.h"

/** export_find() - how an export is made; NULL for none */
const struct analysis_ops *export_find(enum report_export what)
{
	static const struct analysis_ops *const exports[] = {
		[EXPORT_PERFETTO] = &export_perfetto,
		[EXPORT_PCAPNG] = &export_pcapng,
	};

	return (size_t)what < ARRAY_SIZE(exports) ? exports[what] : NULL;
}
