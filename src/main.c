/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scoutfs-trace: argument vector to verb, error to sentence, outcome to exit status. Nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/log.h"

#include "cmd/cmd.h"
#include "cmd/option.h"

static int cmd_help(struct arguments *a, struct err *e)
{
	CLEANUP(text_free) struct text out = {0};
	enum verb_id verb = VERB_RECORD;

	if (a->operand_count && verb_find(a->operands[0], &verb, e) < 0)
		return STATUS_USAGE;
	help_print(verb, &out);
	return cmd_print(&out, e) < 0 ? STATUS_NO_BUNDLE : STATUS_COMPLETE;
}

static int (*const verb_run[VERB_COUNT])(struct arguments *a, struct err *e) = {
	[VERB_RECORD] = cmd_record, [VERB_CHECK] = cmd_check, [VERB_RECOVER] = cmd_recover,
	[VERB_STATUS] = cmd_status, [VERB_STOP] = cmd_stop,   [VERB_REPORT] = cmd_report,
	[VERB_EXPORT] = cmd_export, [VERB_HELP] = cmd_help,
};

/* --help, --version and --completion, which end the program whatever the verb. True when it was
 * one. */
static bool run_global(const struct arguments *a, int *ret_status, struct err *e)
{
	CLEANUP(text_free) struct text out = {0};

	*ret_status = STATUS_COMPLETE;
	if (a->help)
		help_print(a->verb, &out);
	else if (a->version)
		text_str(&out, "scoutfs-trace " PROJECT_VERSION "\n");
	else if (!a->completion)
		return false;
	else if (completion_print(a->completion, &out, e) < 0)
		*ret_status = STATUS_USAGE;
	if (cmd_print(&out, e) < 0)
		*ret_status = STATUS_NO_BUNDLE;
	return true;
}

/*
 * A program started with a standard stream closed would get that number for a file of its own, and
 * then write its messages into the recording. What stands in for standard output cannot be written
 * to: who wants a result hears that it went nowhere. Kept over exec: the command to record inherits
 * them too.
 */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}

static void print_warnings(const struct arguments *a)
{
	const char *s = a->warnings.s;

	while (s && *s) {
		size_t n = strcspn(s, "\n");

		log_warning("%.*s", (int)n, s);
		s += n + 1;
	}
}

static void print_error(const struct arguments *a, int status, const struct err *e)
{
	const char *file = a->config_path ? NULL : a->file.path; /* that nobody named */

	if (*e->text)
		log_error("%s", e->text);
	if (status == STATUS_USAGE && (a->file_wrong || (file && str_starts(e->text, file))))
		log_notice("or go without the file: --no-config");
	else if (status == STATUS_USAGE && a->verb == VERB_RECORD)
		log_notice("try: scoutfs-trace --help");
	else if (status == STATUS_USAGE)
		log_notice("try: scoutfs-trace help %s", verb_table[a->verb].name);
}

int main(int argc, char *argv[])
{
	const struct argument_sources sources = {CONFIG_DEFAULT_PATH, environ};
	struct arguments a;
	struct err e = {0};
	int status, r;

	open_standard_streams();
	/* A reader that has gone away is an error of write(), not the end of the recording. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes: the same */

	r = arguments_parse(argc, argv, &sources, &a, &e);
	log_setup(arguments_log_level(&a));
	print_warnings(&a);
	if (r < 0)
		status = r == -EINVAL ? STATUS_USAGE : STATUS_NO_BUNDLE;
	else if (!run_global(&a, &status, &e))
		status = verb_run[a.verb](&a, &e);
	if (status != STATUS_COMPLETE)
		print_error(&a, status, &e);
	arguments_done(&a);
	return status;
}
