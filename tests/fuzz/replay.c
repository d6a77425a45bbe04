/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In place of libFuzzer: runs a target once over every file named, and over every file in the
 * folders named. So the corpus is a test under any compiler, and a reproducer can be looked at with
 * any debugger. A promise that is broken ends the program by abort(); libFuzzer's own options are
 * not understood.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "base/file.h"

#include "fuzz.h"

#define INPUT_MAX_BYTES (64 * MIB)

static unsigned long replayed;

static int replay_file(const char *path)
{
	CLEANUP(text_free) struct text t = {0};
	uint8_t *bytes;
	struct err e = {0};

	if (file_load(path, INPUT_MAX_BYTES, &t, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	/* If this is the one that crashes, its name is the last thing said. */
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	bytes = fuzz_copy(t.s, t.len);
	(void)LLVMFuzzerTestOneInput(bytes, t.len);
	free(bytes);
	replayed++;
	return 0;
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int replay_folder(const char *path)
{
	struct dirent **names;
	int r = 0, n = scandir(path, &names, not_hidden, alphasort);

	if (n < 0) {
		perror(path);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		CLEANUP(text_free) struct text file = {0};

		text_printf(&file, "%s/%s", path, names[i]->d_name);
		r |= replay_file(text_c(&file));
		free(names[i]);
	}
	free(names);
	return r;
}

int main(int argc, char **argv)
{
	struct stat st;
	int r = 0;

	for (int i = 1; i < argc; i++)
		r |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_folder(argv[i])
								    : replay_file(argv[i]);
	(void)printf("%lu inputs replayed\n", replayed);
	/* An empty corpus proves nothing. */
	return r || !replayed;
}
