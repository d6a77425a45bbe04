/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace stop`: end the recorder that runs, wait for its bundle, print the path.
 *
 * Called by main. The recorder does the work and goes on when this program is interrupted; its
 * answer is passed on, with the exit status that the recorder itself ends with.
 */
#include "cmd.h"

#include <errno.h>

#include "record/control.h"

/* The recorder's answer as a result; false when it made no bundle and says why. */
static bool result_from_reply(const struct json_value *reply, struct record_result *ret,
			      struct err *e)
{
	const char *error = json_get_str(reply, "error", "");

	*ret = (struct record_result){.complete = json_get_bool(reply, "complete", false)};
	(void)snprintf(ret->bundle, sizeof(ret->bundle), "%s", json_get_str(reply, "bundle", ""));
	(void)snprintf(ret->session, sizeof(ret->session), "%s",
		       json_get_str(reply, "session", ""));
	if (*ret->bundle || !*error)
		return true;
	err_set(e, -ECANCELED, "the recorder made no bundle: %s", error);
	return false;
}

int cmd_stop(struct arguments *a, struct err *e)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text reply = {0};
	struct record_result result;
	int status;

	log_info("asking the recorder of %s to stop, and waiting for its bundle; Ctrl-C here does "
		 "not disturb it.",
		 a->config.run_dir);
	if (control_request(a->config.run_dir, "stop", &reply, e) < 0 ||
	    json_parse(reply.s, reply.len, &doc, e) < 0)
		return STATUS_NO_BUNDLE;
	if (!result_from_reply(json_root(doc), &result, e) && !a->json)
		return STATUS_NO_BUNDLE;
	result.json = reply;
	status = cmd_print_result(&result, a->json, *e->text ? NULL : e);
	return status;
}
