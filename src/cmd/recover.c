/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace recover DIR`: the bundle of a recorder that died.
 *
 * Called by main. The work is record_recover()'s, the same function that ends every recording; here
 * only the output folder is settled: beside the session folder, which is where a bundle would have
 * been, and surely on a file system that the user meant for it.
 */
#include "cmd.h"

#include <errno.h>
#include <limits.h>

/* The folder that holds @dir, links resolved. 0 or a negative errno. */
static int parent_of(const char *dir, char ret[PATH_MAX], struct err *e)
{
	char *slash;

	if (!realpath(dir, ret))
		return err_errno(e, -errno, "there is nothing to recover at %s", dir);
	slash = strrchr(ret, '/');
	slash[slash == ret] = '\0';
	return 0;
}

int cmd_recover(struct arguments *a, struct err *e)
{
	const char *output_dir = a->config.output_dir;
	struct record_result result = {0};
	char parent[PATH_MAX];
	int status, r = 0;

	if (!output_dir) {
		r = parent_of(a->operands[0], parent, e);
		output_dir = parent;
	}
	if (r == 0)
		r = record_recover(a->operands[0], output_dir, a->config.run_dir, &result, e);
	/* What is wrong with a folder is no usage error: -EINVAL is not 2 here. */
	status = r == -EINVAL ? STATUS_NO_BUNDLE
		 : r < 0      ? cmd_failure_status(r)
			      : cmd_print_result(&result, a->json, e);
	text_free(&result.json);
	return status;
}
