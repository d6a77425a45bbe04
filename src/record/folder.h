/* SPDX-License-Identifier: GPL-2.0-only */
/* A session folder, read: its facts and its journal. */
#ifndef RECORD_FOLDER_H
#define RECORD_FOLDER_H

#include "base/json.h"
#include "format/ringpage.h"

struct folder {
	struct json_doc *facts;
	/* One a line, in order, then the loss ledger's; torn or foreign lines are left out. */
	struct json_doc **journal;
	size_t journal_count, journal_room;
	uint64_t journal_bad; /* lines left out, but for one that was being written at the end */
	uint64_t losses_bad;  /* the same of the ledger's */
	struct folder_damage {
		const char *file, *why; /* constants */
	} damage[4];			/* files that should be there and cannot be read */
	size_t damage_count;
};

/* -ENOENT or -EINVAL with a sentence when it is not a session folder of ours. */
int folder_load(int session_fd, const char *path, struct folder *ret, struct err *e);
void folder_done(struct folder *f);
const struct json_value *folder_facts(const struct folder *f);
/* The next entry called @kind from line *@line on, which begins at 0 and moves on; or NULL. */
const struct json_value *folder_next(const struct folder *f, const char *kind, size_t *line);
/* The @nth journal entry called @kind ("gap", "suspect", ...), or NULL. */
const struct json_value *folder_entry(const struct folder *f, const char *kind, size_t nth);
const struct json_value *folder_last(const struct folder *f, const char *kind);
/* Facts of one source. */
const struct json_value *folder_source(const struct folder *f, const char *name);
void folder_ring_layout(const struct folder *f, struct ringpage_layout *ret);
/* Was it made since this host booted, so that its tracing instance may still be there? */
bool folder_is_of_this_boot(const struct folder *f);

#endif
