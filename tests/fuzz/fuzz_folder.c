/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * session.json, the journal and the losses of a session folder, and what they amount to. Input: the
 * facts, the journal and the losses, cut.
 *
 * Promised: a layout that the facts give can be used on a page; manifest.json and the answer of
 * --json parse; summary.txt cannot move a terminal's cursor.
 */
#include "format/ringpage.h"
#include "manifest.h"
#include "session.h"

#include "folder.h"

static void check_json(const struct text *t)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct err e = {0};

	MUST(text_ok(t) && json_parse(t->s, t->len, &doc, &e) == 0);
	MUST(json_root(doc)->type == JSON_OBJECT);
}

static void check_manifest(const struct folder *f)
{
	CLEANUP(text_free) struct text json = {0}, summary = {0}, result = {0};
	static const struct segment_set none;
	struct manifest m;
	struct err e = {0};

	manifest_begin(f, &m);
	MUST(manifest_survey(&m, &none, &e) == 0);
	m.bundle_name = "x.tar.zst";
	MUST(manifest_add_member(&m, "kernel.log", 1, &e) == 0);
	manifest_write_json(&m, &json);
	check_json(&json);
	manifest_write_result(&m, "/tmp/x.tar.zst", &result);
	check_json(&result);
	manifest_write_summary(&m, &summary);
	MUST(text_ok(&summary) && fuzz_is_plain(summary.s, summary.len, true));
	manifest_done(&m);
}

static void check_layout(const struct folder *f)
{
	struct ringpage_layout l;
	struct ringpage_info info;
	uint8_t *page;

	folder_ring_layout(f, &l);
	MUST(l.page_bytes && l.page_bytes <= 16 * MIB);
	page = fuzz_alloc(l.page_bytes);
	memset(page, 0x5a, l.page_bytes);
	(void)ringpage_scan(&l, page, &info);
	ringpage_clear_tail(&l, page);
	free(page);
}

static void check_names(const struct folder *f)
{
	/* These become parts of paths. */
	MUST(!strchr(json_get_str(folder_facts(f), "suffix", ""), '/'));
	MUST(!strchr(json_get_str(folder_facts(f), "stem", "x"), '/'));
	MUST(json_get_str(folder_facts(f), "stem", "x")[0] != '.');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int fd = scratch_open(NULL, 0);
	struct piece pieces[3];
	struct err e = {0};
	struct folder f;
	int r;

	(void)fuzz_cut(bytes, n, pieces, ARRAY_SIZE(pieces));
	scratch_put(SESSION_FACTS, pieces[0].bytes, pieces[0].n);
	scratch_put(SPOOL_JOURNAL, pieces[1].bytes, pieces[1].n);
	scratch_put(SPOOL_LOSSES, pieces[2].bytes, pieces[2].n);
	r = folder_load(fd, "SESSION", &f, &e);
	MUST(r == 0 || e.text[0]);
	if (r == 0) {
		check_names(&f);
		check_layout(&f);
		check_manifest(&f);
		(void)folder_is_of_this_boot(&f);
	}
	folder_done(&f);
	return 0;
}
