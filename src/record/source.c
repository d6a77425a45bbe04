/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of sources, and how one of them says that it is not what it should be.
 *
 * A new source is a file source_x.c and a line here.
 */
#include "source.h"

#include <stdarg.h>

#include "base/log.h"

#include "journal.h"
#include "session.h"

const struct source_ops *const source_list[] = {
	&source_clocks_ops, /* first: the others place their stamps by its anchors */
	&source_series_ops, /* before the rest: its last samples are taken once those are drained */
	&source_ftrace_ops, &source_kmsg_ops, &source_packets_ops,
};
const size_t source_list_count = ARRAY_SIZE(source_list);

const char *source_status_name(enum source_status s)
{
	static const char *const names[] = {"ok", "degraded", "failed"};

	return names[s];
}

static void journal_status(struct source *s, const char *name, enum source_status status,
			   const char *why)
{
	struct journal_line line;
	struct json_writer *w;

	w = journal_begin(&line, "source");
	json_object(w);
	json_kv_str(w, "name", name);
	json_kv_str(w, "status", source_status_name(status));
	json_kv_str(w, "why", why);
	json_object_end(w);
	journal_end(&line, s->session->spool);
}

/**
 * source_degrade() - say that a source is degraded or has failed
 * @s:      the source
 * @status: never raises what was said before
 * @fmt:    why, without a full stop; the reasons of several calls are joined
 *
 * Logged, kept for the manifest, and written to the journal the first time. Any thread.
 */
void source_degrade(struct source *s, enum source_status status, const char *fmt, ...)
{
	char why[sizeof(s->why)];
	bool news = false;
	size_t used;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);

	pthread_mutex_lock(&s->session->lock);
	if ((int)status > atomic_load(&s->status)) {
		atomic_store(&s->status, (int)status);
		news = true;
	}
	used = strlen(s->why);
	/* A device that comes and goes for weeks has one reason, and the journal is not endless. */
	if (used + 1 < sizeof(s->why) && !strstr(s->why, why))
		news |= snprintf(s->why + used, sizeof(s->why) - used, "%s%s", used ? "; " : "",
				 why) > 0; /* what does not fit is in the log */
	pthread_mutex_unlock(&s->session->lock);

	log_warning("%s %s: %s", s->ops->name, source_status_name(status), why);
	if (s->session->spool && news)
		journal_status(s, s->ops->name, status, why);
}

/**
 * source_degrade_part() - say that a part of a source is degraded or has failed
 * @part: its name in the manifest
 * @fmt:  why, without a full stop
 *
 * The source itself is as it was. Each call is journalled: a caller says a thing once.
 */
void source_degrade_part(struct source *s, const char *part, enum source_status status,
			 const char *fmt, ...)
{
	char why[sizeof(s->why)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_warning("%s %s: %s", part, source_status_name(status), why);
	if (s->session->spool)
		journal_status(s, part, status, why);
}
