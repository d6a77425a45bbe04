/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `scoutfs-trace check --show-config`: what every option is set to, and who said so.
 *
 * Called by check.c; touches nothing of the host. The text is a configuration file itself, so that
 * what somebody found to work can be kept: what is not set stands in it as a comment. The sections
 * of report and export are shown where something is set for them.
 */
#include "cmd.h"

#include "setting.h"

#define COMMENT_COLUMN ((size_t)40)

static void put_setting(struct text *out, const struct record_setting *s)
{
	size_t begin = out->len;
	const char *from;

	if (s->value) {
		text_printf(out, "%s = ", s->option);
		config_put_value(out, s->value);
	} else {
		text_printf(out, "# %s =", s->option);
	}
	text_printf(out, "%*s  # ",
		    (int)(COMMENT_COLUMN - min_of(out->len - begin, COMMENT_COLUMN)), "");
	from = s->value ? s->from : "not set";
	text_add_clean(out, from, strlen(from), false); /* it may hold a path */
	text_str(out, "\n");
}

static bool is_set(const struct record_setting *s)
{
	return strcmp(s->from, "default") != 0;
}

static void put_json(struct json_writer *w, const struct record_setting *s, const char *section)
{
	json_object(w);
	json_kv_str(w, "section", section);
	json_kv_str(w, "option", s->option);
	json_kv_str(w, "value", s->value);
	json_kv_str(w, "from", s->from);
	json_object_end(w);
}

/* What is set for another verb, under its section. */
static int put_section(struct arguments *a, enum verb_id verb, struct json_writer *w,
		       struct text *out, struct err *e)
{
	CLEANUP(setting_list_done) struct setting_list given = {0};
	CLEANUP(freep) struct record_setting *list = NULL;
	bool begun = false;
	size_t count = 0;
	int r = setting_of_verb(a, verb, &given, e);

	if (r == 0)
		r = setting_effective(verb, &given, &list, &count, e);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (!is_set(&list[i]))
			continue;
		if (a->json) {
			put_json(w, &list[i], verb_table[verb].name);
			continue;
		}
		if (!begun)
			text_printf(out, "\n[%s]\n", verb_table[verb].name);
		begun = true;
		put_setting(out, &list[i]);
	}
	return r;
}

static void put_head(const struct arguments *a, struct text *out)
{
	text_str(out, "# What counts for a recording, and whose word it is. As a file: "
		      "scoutfs-trace --config FILE\n");
	if (a->file.path) {
		text_str(out, "# The configuration file is ");
		text_add_clean(out, a->file.path, strlen(a->file.path), false);
		text_str(out, "\n\n");
	} else {
		text_str(out, "# No configuration file was read.\n\n");
	}
}

int cmd_show_config(struct arguments *a, struct err *e)
{
	static const enum verb_id others[] = {VERB_REPORT, VERB_EXPORT};
	CLEANUP(text_free) struct text out = {0};
	struct json_writer w;
	int r = 0;

	json_begin(&w, &out, true);
	if (a->json) {
		json_object(&w);
		json_kv_str(&w, "file", a->file.path);
		json_key(&w, "settings");
		json_array(&w);
	} else {
		put_head(a, &out);
	}
	for (size_t i = 0; i < a->config.setting_count; i++) {
		if (a->json)
			put_json(&w, &a->config.settings[i], NULL);
		else
			put_setting(&out, &a->config.settings[i]);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(others); i++)
		r = put_section(a, others[i], &w, &out, e);
	if (r < 0)
		return STATUS_USAGE;
	if (a->json) {
		json_array_end(&w);
		json_object_end(&w);
		text_str(&out, "\n");
	}
	return cmd_print(&out, e) < 0 ? STATUS_NO_BUNDLE : STATUS_COMPLETE;
}
