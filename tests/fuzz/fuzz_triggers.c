/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trigger options, and a kernel-log line against the triggers they make. Input: lines, each a
 * letter (f final, s suspect, n none, p preset) and the option's value; a cut; the log line.
 *
 * Promised: a refusal has a sentence; a set has no trigger that is off, and its names are plain;
 * what a line matches is in the set.
 */
#include "trigger.h"

#include "fuzz.h"
#include "regex_guard.h"

#define CHOICES_MAX 16

static bool take_choice(char letter, char *spec, struct trigger_choice *ret)
{
	static const char letters[] = "fsnp";
	const char *at = letter ? strchr(letters, letter) : NULL;

	if (!at || !regex_is_tame(spec))
		return false;
	ret->what = (int)(at - letters);
	ret->spec = spec;
	return true;
}

static void check_set(const struct trigger_set *s, const char *line)
{
	const struct trigger *hit = trigger_set_match_log(s, line, 0);
	bool found = !hit;

	for (size_t i = 0; i < trigger_set_count(s); i++) {
		const struct trigger *t = trigger_set_at(s, i);

		MUST(t->role != ROLE_OFF && t->ops && t->name[0]);
		MUST(fuzz_is_plain(t->name, strlen(t->name), false));
		found = found || t == hit;
		(void)trigger_log_matches(t, line);
	}
	MUST(found);
	hit = trigger_set_match_log(s, line, 1);
	MUST(!hit);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct trigger_choice choices[CHOICES_MAX];
	struct record_config c = {.choices = choices};
	struct trigger_set *set = NULL;
	struct piece pieces[2];
	char *text, *line, *rest;
	struct err e = {0};

	(void)fuzz_cut(bytes, n, pieces, ARRAY_SIZE(pieces));
	text = piece_string(&pieces[0]);
	line = piece_string(&pieces[1]);
	for (char *s = strtok_r(text, "\n", &rest); s && c.choice_count < CHOICES_MAX;
	     s = strtok_r(NULL, "\n", &rest))
		c.choice_count += take_choice(s[0], s + 1, &choices[c.choice_count]);

	if (trigger_set_build(&c, &set, &e) < 0)
		MUST(e.text[0] && !set);
	else
		check_set(set, line);
	trigger_set_free(set);
	free(text);
	free(line);
	return 0;
}
