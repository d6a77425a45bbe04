/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `status` makes of any JSON that answers on the control socket. Input: the JSON.
 *
 * Promised: whatever members are there or not, there is a page, and it ends with a newline.
 */
#include "cmd.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text out = {0};
	uint8_t *copy = fuzz_copy(bytes, n);

	if (json_parse((const char *)copy, n, &doc, NULL) == 0) {
		status_view_text(json_root(doc), &out);
		MUST(text_ok(&out) && out.len && out.s[out.len - 1] == '\n');
	}
	free(copy);
	return 0;
}
