/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A whole session folder to a bundle, as `recover` does it with a stranger's folder. Input: a byte
 * (bit 0: checksums stay as they are), then, cut: facts, journal, a segment, another, the head of
 * trace.dat, the other heads, command names, a context file.
 *
 * Promised: either one bundle with the name that is told, or an error with a sentence and nothing;
 * never a file anywhere else.
 */
#include <dirent.h>

#include "base/log.h"
#include "finish.h"
#include "session.h"

#include "folder.h"
#include "spool_bytes.h"

#define KEEP_CHECKSUMS 1

enum { FACTS, JOURNAL, SEGMENT_1, SEGMENT_2, TRACE_HEAD, HEADS, COMMS, CONTEXT, PIECES };

static void put_segment(const char *name, const struct piece *p, bool mend)
{
	uint8_t *copy = fuzz_copy(p->bytes, p->n);

	if (mend)
		spool_mend(copy, p->n);
	scratch_put(name, copy, p->n);
	free(copy);
}

/* Counts the files of the output folder and empties it. */
static size_t clear_output(const char *path)
{
	size_t count = 0;
	struct dirent *d;
	DIR *dir = opendir(path);

	MUST(dir);
	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		count++;
		MUST(unlinkat(dirfd(dir), d->d_name, 0) == 0);
	}
	(void)closedir(dir);
	return count;
}

static void check_finish(int fd)
{
	struct record_result *result = fuzz_alloc(sizeof(*result));
	CLEANUP(text_free) struct text output = {0};
	struct err e = {0};
	int r;

	memset(result, 0, sizeof(*result));
	text_printf(&output, "%s/out", scratch_path);
	r = finish(&(struct finish_config){.session_fd = fd,
					   .session_path = "SESSION",
					   .output_dir = output.s},
		   result, &e);
	if (r < 0) {
		MUST(e.text[0]);
		MUST(clear_output(output.s) == 0);
	} else {
		MUST(result->bundle[0] && access(result->bundle, R_OK) == 0);
		MUST(clear_output(output.s) == 1);
		MUST(access(result->bundle, R_OK) < 0);
	}
	text_free(&result->json);
	free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const below[] = {"spool", "context", "context/start", "out"};
	struct input in = {bytes, n};
	uint8_t mode = input_u8(&in);
	int fd = scratch_open(below, ARRAY_SIZE(below));
	struct piece p[PIECES];

	log_setup(LOG_ERROR);
	(void)fuzz_cut(in.at, in.left, p, ARRAY_SIZE(p));
	scratch_put(SESSION_FACTS, p[FACTS].bytes, p[FACTS].n);
	scratch_put("journal", p[JOURNAL].bytes, p[JOURNAL].n);
	put_segment("spool/00000001.zst", &p[SEGMENT_1], !(mode & KEEP_CHECKSUMS));
	put_segment("spool/00000002.zst", &p[SEGMENT_2], !(mode & KEEP_CHECKSUMS));
	scratch_put(SESSION_TRACE_HEAD, p[TRACE_HEAD].bytes, p[TRACE_HEAD].n);
	scratch_put(SESSION_PACKETS_HEAD, p[HEADS].bytes, p[HEADS].n);
	scratch_put(SESSION_CLOCKS_HEAD, p[HEADS].bytes, p[HEADS].n);
	scratch_put("comms", p[COMMS].bytes, p[COMMS].n);
	scratch_put("context/start/uname", p[CONTEXT].bytes, p[CONTEXT].n);
	check_finish(fd);
	return 0;
}
