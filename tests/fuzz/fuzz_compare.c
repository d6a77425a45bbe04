/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two recordings side by side: the reports of each as JSON, one behind the other. What made them
 * had read a stranger's bytes.
 *
 * Promised: a sentence, or a document, in each format; nothing in it moves a terminal's cursor.
 */
#include <errno.h>
#include <sys/mman.h>

#include "compare.h"

#include "fuzz.h"

static void check_text(int fd)
{
	char buf[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(fd, buf, sizeof(buf), at)) > 0; at += n)
		MUST(fuzz_is_plain(buf, (size_t)n, true));
}

static void check_format(enum report_format format, const struct compare_json json[2])
{
	static const char *const reports[] = {"named.table"};
	const struct report_config c = {.bundle = "a",
					.other = "b",
					.format = format,
					.limit = 5,
					.reports = reports,
					.report_count = ARRAY_SIZE(reports)};
	CLEANUP(closep) int fd = memfd_create("out", MFD_CLOEXEC);
	struct err e = {0};
	int r;

	MUST(fd >= 0);
	r = compare_join(&c, json, fd, NULL, &e);
	MUST(r >= 0 ? lseek(fd, 0, SEEK_END) > 0 : r == -ENOMEM || e.text[0]);
	if (r >= 0 && format == REPORT_TEXT)
		check_text(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct piece pieces[2];
	struct compare_json json[2];
	char *copies[2];

	fuzz_cut(bytes, n, pieces, ARRAY_SIZE(pieces));
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		copies[i] = (char *)fuzz_copy(pieces[i].bytes, pieces[i].n);
		json[i] = (struct compare_json){copies[i], pieces[i].n};
	}
	check_format(REPORT_TEXT, json);
	check_format(REPORT_JSON, json);
	free(copies[0]);
	free(copies[1]);
	return 0;
}
