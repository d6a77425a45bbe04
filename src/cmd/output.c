/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the verbs have in common at their end: standard output, and the exit status.
 *
 * Standard output holds results only, whole, so that `BUNDLE=$(scoutfs-trace ...)` works; whatever
 * else there is to say goes through the log.
 */
#include "cmd.h"

#include <errno.h>

/**
 * cmd_print() - write to standard output, now
 * @t: a text that failed to grow is -ENOMEM here, so that its makers need not look
 * @e: filled on failure
 *
 * Return: 0, or a negative errno.
 */
int cmd_print(const struct text *t, struct err *e)
{
	if (!text_ok(t))
		return err_nomem(e);
	if (fwrite(text_c(t), 1, t->len, stdout) != t->len || fflush(stdout) == EOF)
		return err_errno(e, -errno, "cannot write to standard output");
	return 0;
}

/** cmd_color_wanted() - whether what goes to standard output may be coloured */
bool cmd_color_wanted(void)
{
	const char *no_color = getenv("NO_COLOR"); /* https://no-color.org: set and not empty */

	return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

/**
 * cmd_failure_status() - the exit status of a recording that failed
 * @r: negative errno of record_run() and the like
 *
 * Three have a status of their own: a configuration that cannot be (a bad regular expression, an
 * unknown trigger), another recorder, and rights that only root has.
 */
int cmd_failure_status(int r)
{
	if (r == -EINVAL)
		return STATUS_USAGE;
	if (r == -EBUSY)
		return STATUS_OTHER_RUNS;
	if ((r == -EPERM || r == -EACCES) && geteuid() != 0)
		return STATUS_NOT_ROOT;
	return STATUS_NO_BUNDLE;
}

/**
 * cmd_check_values() - refuse what no host could do, naming the file and line that it is from
 *
 * Return: STATUS_COMPLETE: it is all right.
 */
int cmd_check_values(struct arguments *a, struct err *e)
{
	int r = record_config_check(&a->config, e);

	return r == 0 ? STATUS_COMPLETE : cmd_failure_status(r);
}

/**
 * cmd_print_result() - print what a recording or a recovery made
 * @result: borrowed
 * @json:   the JSON object instead of the path
 * @e:      filled when nothing could be printed, or when there is no bundle
 *
 * A path that cannot be printed (a closed pipe) does not make the bundle worse: it is logged and
 * the status stays that of the bundle.
 *
 * Return: the exit status.
 */
int cmd_print_result(const struct record_result *result, bool json, struct err *e)
{
	CLEANUP(text_free) struct text out = {0};
	struct err unprinted = {0};

	if (json)
		text_printf(&out, "%s\n", text_c(&result->json));
	else if (*result->bundle)
		text_printf(&out, "%s\n", result->bundle);
	if (cmd_print(&out, &unprinted) < 0)
		log_error("%s; the bundle is %s", unprinted.text,
			  *result->bundle ? result->bundle : "not made");
	if (*result->bundle)
		return result->complete ? STATUS_COMPLETE : STATUS_INCOMPLETE;
	if (*result->session)
		err_set(e, -ECANCELED,
			"no bundle was made; the raw data is kept: make the bundle with: "
			"scoutfs-trace recover %s",
			result->session);
	else
		err_set(e, -ECANCELED, "no bundle was made");
	return STATUS_NO_BUNDLE;
}
