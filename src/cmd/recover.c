/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace recover [DIR]`: the bundle of a recorder that died, or of all that did.
 *
 * Called by main. The work is record_recover()'s, the same function that ends every recording; here
 * only the output folder is settled: beside the session folder, which is where a bundle would have
 * been, and surely on a file system that the user meant for it.
 */
#include "cmd.h"

#include <errno.h>
#include <limits.h>

#include "record/control.h"

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

struct made {
	bool json, incomplete;
	unsigned int count;
};

static void print_made(void *arg, const struct record_result *result)
{
	struct made *m = arg;
	struct err e = {0};

	m->count++;
	m->incomplete |= cmd_print_result(result, m->json, &e) != STATUS_COMPLETE;
}

/* Without a folder: whatever recorders left behind, as after a power cut. */
static int recover_all(const struct arguments *a, struct err *e)
{
	const char *dir = a->config.output_dir ? a->config.output_dir : RECORD_DEFAULT_OUTPUT_DIR;
	struct made made = {.json = a->json};
	unsigned int failed = 0;
	int r = record_recover_all(dir, a->config.run_dir, print_made, &made, &failed, e);

	if (r == -ENOENT && !a->config.output_dir) {
		err_clear(e); /* nothing was ever recorded here */
		r = 0;
	}
	if (r < 0)
		return cmd_failure_status(r);
	if (made.count == 0 && failed == 0)
		log_notice("there is nothing to recover in %s", dir);
	return failed ? STATUS_NO_BUNDLE : made.incomplete ? STATUS_INCOMPLETE : STATUS_COMPLETE;
}

int cmd_recover(struct arguments *a, struct err *e)
{
	const char *output_dir = a->config.output_dir;
	struct record_result result = {0};
	char parent[PATH_MAX];
	int status, r = 0;

	if (!a->operand_count)
		return recover_all(a, e);
	if (!output_dir) {
		r = parent_of(a->operands[0], parent, e);
		output_dir = parent;
	}
	if (r == 0)
		r = record_recover(a->operands[0], output_dir, a->config.run_dir, &result, e);
	/* What is wrong with a folder is no usage error: -EINVAL is not 2 here. */
	status = r == -EINVAL ? STATUS_NO_BUNDLE
		 : r > 0      ? STATUS_COMPLETE /* nothing had been recorded */
		 : r < 0      ? cmd_failure_status(r)
			      : cmd_print_result(&result, a->json, e);
	text_free(&result.json);
	return status;
}
