/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sorting what is almost sorted, in memory that does not grow.
 *
 * Called by exports. Some things are known only a little after their time: how many events a tenth
 * of a second had, when a message began whose last packet has just come. So lines wait until
 * LINES_WAITING others came, and the earliest goes first; those of one moment in the order in which
 * they were added. A line that is later than that is written where it is, and counted: every reader
 * of such files sorts them anyway.
 */
#include "export_lines.h"

struct export_line {
	uint64_t ns, number;
	char *bytes; /* owned */
	size_t n;
};

void lines_begin(struct export_lines *l, struct report_out *out, const char *separator)
{
	*l = (struct export_lines){.out = out, .separator = separator};
}

static bool is_before(const struct export_line *a, const struct export_line *b)
{
	return a->ns != b->ns ? a->ns < b->ns : a->number < b->number;
}

static void swap(struct export_line *a, struct export_line *b)
{
	struct export_line keep = *a;

	*a = *b;
	*b = keep;
}

static void sift_down(struct export_lines *l)
{
	for (size_t at = 0, child = 1; child < l->count; at = child, child = 2 * at + 1) {
		if (child + 1 < l->count && is_before(&l->waiting[child + 1], &l->waiting[child]))
			child++;
		if (is_before(&l->waiting[at], &l->waiting[child]))
			return;
		swap(&l->waiting[at], &l->waiting[child]);
	}
}

static void write_earliest(struct export_lines *l)
{
	struct export_line line = l->waiting[0];

	l->waiting[0] = l->waiting[--l->count];
	sift_down(l);
	l->late += line.ns < l->last_ns;
	l->last_ns = max_of(l->last_ns, line.ns);
	text_reset(&l->text);
	if (l->written++)
		text_str(&l->text, l->separator);
	text_add(&l->text, line.bytes, line.n);
	free(line.bytes);
	l->failed |= !text_ok(&l->text);
	report_text(l->out, text_c(&l->text), l->text.len);
}

static bool make_room(struct export_lines *l)
{
	size_t room = l->room ? l->room * 2 : 256;
	struct export_line *more;

	if (l->count < l->room)
		return true;
	more = reallocarray(l->waiting, room, sizeof(*more));
	if (!more)
		return false;
	l->waiting = more;
	l->room = room;
	return true;
}

/** lines_add() - a line of this moment, without its separator; copied */
void lines_add(struct export_lines *l, uint64_t ns, const char *bytes, size_t n)
{
	struct export_line line = {.ns = ns, .number = l->added++, .n = n};
	size_t at;

	line.bytes = make_room(l) ? malloc(n + 1) : NULL;
	if (!line.bytes) {
		l->failed = true;
		return;
	}
	memcpy(line.bytes, bytes, n);
	at = l->count++;
	l->waiting[at] = line;
	for (; at && is_before(&l->waiting[at], &l->waiting[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&l->waiting[at], &l->waiting[(at - 1) / 2]);
	if (l->count > LINES_WAITING)
		write_earliest(l);
}

/** lines_flush() - write all that wait */
void lines_flush(struct export_lines *l)
{
	while (l->count)
		write_earliest(l);
}

void lines_done(struct export_lines *l)
{
	while (l->count)
		free(l->waiting[--l->count].bytes);
	free(l->waiting);
	text_free(&l->text);
	*l = (struct export_lines){0};
}
