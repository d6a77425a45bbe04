/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a session's journal.
 *
 * Called by whoever has something to tell that outlives the recorder: session_journal.c, source.c
 * and the sources. The spool keeps the journal and makes it durable; folder.c reads it again.
 */
#include "journal.h"

/**
 * journal_begin() - begin a line
 * @l:    journal_end() it
 * @kind: what it tells: the name of its first member
 *
 * Return: where the value of that member goes, and further members.
 */
struct json_writer *journal_begin(struct journal_line *l, const char *kind)
{
	*l = (struct journal_line){0};
	json_begin(&l->json, &l->text, false);
	json_object(&l->json);
	json_key(&l->json, kind);
	return &l->json;
}

/**
 * journal_end() - end a line and give it to the spool
 *
 * For want of memory there is none: what it tells is lost with the rest of such a host.
 */
void journal_end(struct journal_line *l, struct spool *s)
{
	json_object_end(&l->json);
	text_str(&l->text, "\n");
	if (text_ok(&l->text))
		spool_journal(s, l->text.s, l->text.len);
	text_free(&l->text);
}
