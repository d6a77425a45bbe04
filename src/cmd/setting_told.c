/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What counts for a verb, told: each option, its value, and whose word it is.
 *
 * Called by arguments.c for the record of a recording, and by show_config.c. Reads the list of
 * settings as setting.c applies it, and changes nothing of it but the strings that it owns.
 */
#include "setting.h"

static const char *describe_from(struct setting_list *l, const struct setting *s)
{
	CLEANUP(text_free) struct text t = {0};

	if (s->from == SETTING_FLAG)
		return "flag";
	if (s->from == SETTING_FILE)
		text_printf(&t, "%s:%u", s->where, s->line);
	else
		text_printf(&t, "environment %s", s->where);
	return text_ok(&t) ? setting_own(l, text_c(&t), t.len) : NULL;
}

struct effective {
	struct record_setting *list;
	size_t count;
	struct setting_list *from;
	bool failed;
};

static void add_effective(struct effective *ef, const struct option_row *row,
			  const struct setting *s)
{
	bool bare = row->type == OPTION_FLAG || row->type == OPTION_COUNT;
	struct record_setting *to = &ef->list[ef->count++];

	*to = (struct record_setting){
		.option = row->name, .value = row->fallback, .from = "default"};
	if (bare)
		to->value = "no";
	if (!s)
		return;
	to->value = s->value ? s->value : "yes";
	to->from = describe_from(ef->from, s);
	ef->failed |= !to->from;
}

/* "-vv" is one setting: 2. */
static void add_count(struct effective *ef, const struct option_row *row, int from)
{
	const struct setting *last = NULL;
	unsigned int times = 0;
	char number[16];

	for (size_t i = 0; i < ef->from->count; i++) {
		const struct setting *s = &ef->from->list[i];

		if (s->row != row || (int)s->from != from)
			continue;
		(void)setting_take_bare(row, s->value, &times, NULL);
		last = s;
	}
	add_effective(ef, row, last);
	if (!times) {
		ef->list[ef->count - 1].value = "no";
		return;
	}
	(void)snprintf(number, sizeof(number), "%u", times);
	ef->list[ef->count - 1].value = setting_own(ef->from, number, strlen(number));
	ef->failed |= !ef->list[ef->count - 1].value;
}

/* Those of @row that count, in their order; of triggers those of all rows, whose order matters. */
static void add_counting(struct effective *ef, const struct option_row *row)
{
	int from = setting_strongest(ef->from, row);
	const struct setting *last = NULL;

	if (from >= 0 && row->type == OPTION_COUNT) {
		add_count(ef, row, from);
		return;
	}
	for (int f = SETTING_FILE; f <= SETTING_FLAG; f++) {
		for (size_t i = 0; i < ef->from->count; i++) {
			const struct setting *s = &ef->from->list[i];
			bool meant = s->row == row ||
				     (row->type == OPTION_CHOICE && s->row->type == OPTION_CHOICE);

			if (!meant || (int)s->from != f || setting_strongest(ef->from, s->row) != f)
				continue;
			if (setting_is_repeatable(row))
				add_effective(ef, s->row, s);
			last = s;
		}
	}
	if (!setting_is_repeatable(row))
		add_effective(ef, row, last);
}

/**
 * setting_effective() - every option of a verb that can be set, with what counts and whose it is
 * @l:   what was given for @verb; strings of the result belong to it
 * @ret: rows in the order of the table, for free(); options that may be repeated as often as they
 *       are, those about triggers in the order that counts; .value NULL: not set
 *
 * Return: 0 or -ENOMEM.
 */
int setting_effective(enum verb_id verb, struct setting_list *l, struct record_setting **ret,
		      size_t *ret_count, struct err *e)
{
	struct effective ef = {.from = l};
	bool choices = false;

	ef.list = calloc(option_count + l->count, sizeof(*ef.list));
	if (!ef.list)
		return err_nomem(e);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];

		if (!option_on(row, verb) || row->act)
			continue;
		if (setting_is_repeatable(row) && setting_strongest(l, row) < 0)
			add_effective(&ef, row, NULL);
		else if (row->type != OPTION_CHOICE || !choices)
			add_counting(&ef, row);
		choices |= row->type == OPTION_CHOICE && setting_strongest(l, row) >= 0;
	}
	if (ef.failed) {
		free(ef.list);
		return err_nomem(e);
	}
	*ret = ef.list;
	*ret_count = ef.count;
	return 0;
}
