/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events/header_page of any kernel: a layout that is accepted must be one that pages can be read
 * with. Input: the text, then a page.
 */
#include "format/ringpage.h"

#include "fuzz.h"

static void read_page(const struct ringpage_layout *l, const struct piece *bytes)
{
	struct input in = {bytes->bytes, bytes->n};
	uint8_t *page = fuzz_alloc(l->page_bytes);
	struct ringpage_info info;

	input_take(&in, page, l->page_bytes);
	if (ringpage_scan(l, page, &info) == 0)
		MUST(info.data_bytes <= l->page_bytes - l->data_offset);
	ringpage_clear_tail(l, page);
	free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct piece pieces[2];
	struct ringpage_layout l;
	struct err e = {0};
	char *text;

	(void)fuzz_cut(bytes, n, pieces, ARRAY_SIZE(pieces));
	text = piece_string(&pieces[0]);
	if (ringpage_layout_parse(text, &l, &e) < 0) {
		MUST(e.text[0]);
	} else {
		MUST(l.commit_bytes == 4 || l.commit_bytes == 8);
		MUST(l.commit_offset >= 8 && l.commit_offset + l.commit_bytes <= l.data_offset);
		MUST(l.data_offset < l.page_bytes);
		read_page(&l, &pieces[1]);
	}
	free(text);
	return 0;
}
