/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Triggers that read the kernel log: an extended regular expression over the text of a record.
 *
 * A pattern from the table looks only at lines that scoutfs itself wrote ("scoutfs f.FSID.r.RID",
 * from the prefix of its message macros), unless its row says any source. The user's own pattern
 * looks at any text. Which facilities count is decided before, in trigger.c: everybody may write to
 * /dev/kmsg, but the kernel marks such records with another facility than its own.
 *
 * Owns the compiled expression. Does not read the log: source_kmsg feeds the set.
 */
#include "trigger.h"

#include <ctype.h>
#include <errno.h>

struct log_pattern {
	regex_t regex;
};

/*
 * ENOLINK, -67, is what everything below a forced unmount returns, by design (scoutfs
 * super.c): such a line is the echo of an administrator's act, in the quorum service, in
 * the server and in log merging alike. The trouble it may cause has lines of its own.
 */
static bool says_enolink(const char *text)
{
	static const char *const before[] = {"error", "err", "=", ":"};

	for (const char *at = strstr(text, " -67"); at; at = strstr(at + 1, " -67")) {
		if (isdigit((unsigned char)at[4]))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
			size_t n = strlen(before[i]);

			if ((size_t)(at - text) >= n && memcmp(at - n, before[i], n) == 0)
				return true;
		}
	}
	return false;
}

/**
 * trigger_log_matches() - would this text fire the trigger?
 * @t:    any trigger that was parsed; of another kind: false
 * @text: of a kernel-log record, without its prefix of numbers
 */
bool trigger_log_matches(const struct trigger *t, const char *text)
{
	const struct log_pattern *p = t->priv;

	if (t->ops != &trigger_log_ops || !p)
		return false;
	if (t->builtin && !t->builtin->any_source && !str_starts(text, "scoutfs f."))
		return false;
	if (t->builtin && says_enolink(text))
		return false;
	return regexec(&p->regex, text, 0, NULL, 0) == 0;
}

static int log_parse(struct trigger *t, const char *spec, struct err *e)
{
	struct log_pattern *p;
	char words[256];
	int r;

	if (!spec[0])
		return err_set(e, -EINVAL,
			       "trigger log: has no regular expression; give log:REGEX");
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_nomem(e);
	r = regcomp(&p->regex, spec, REG_EXTENDED | REG_NOSUB);
	if (r) {
		(void)regerror(r, &p->regex, words, sizeof(words));
		free(p);
		return err_set(
			e, -EINVAL,
			"trigger log:%.300s is not an extended regular expression: %s; see "
			"regex(7), and put a backslash before ( ) [ ] . * + ? { } | ^ $ that are "
			"meant as they are",
			spec, words);
	}
	t->priv = p;
	return 0;
}

/* The table's patterns are proved on a line as scoutfs prints it; the user's have none. */
static int log_arm(struct trigger *t, struct trigger_env *env, struct err *e)
{
	(void)env;
	(void)e;
	if (t->builtin && !trigger_log_matches(t, t->builtin->sample)) {
		trigger_why(t, "its pattern misses its own sample line");
		return -EOPNOTSUPP;
	}
	trigger_why(t, "%s", t->builtin ? "pattern matches its sample line" : "pattern compiled");
	return 0;
}

static void log_free(struct trigger *t)
{
	struct log_pattern *p = t->priv;

	if (!p)
		return;
	regfree(&p->regex);
	free(p);
	t->priv = NULL;
}

const struct trigger_ops trigger_log_ops = {
	.kind = "log",
	.parse = log_parse,
	.arm = log_arm,
	.free = log_free,
};
