/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tables of the command line say to people and to shells: --help, and the script for
 * bash-completion.
 *
 * Called by main. Nothing is known here of an option that is not in its row.
 */
#include "option.h"

#include <errno.h>

#define HELP_COLUMNS 80 /* a serial console shows no more */
#define HELP_INDENT 30

static const char *const group_titles[GROUP_COUNT] = {
	[GROUP_CAPTURE] = "What is recorded", [GROUP_TRIGGERS] = "What ends the recording",
	[GROUP_LIMITS] = "How much is kept",  [GROUP_PLACES] = "Where things go",
	[GROUP_REPORT] = "What is shown",     [GROUP_GENERAL] = "General",
};

/* Help. */

/* Words of @s between columns @indent and HELP_COLUMNS; the cursor stands at @column. Ends the
 * line. */
static void wrap(struct text *out, const char *s, size_t indent, size_t column)
{
	while (*s) {
		size_t n = strcspn(s, " \n");

		if (column > indent && column + 1 + n > HELP_COLUMNS) {
			text_str(out, "\n");
			column = 0;
		} else if (column > indent) {
			text_str(out, " ");
			column++;
		}
		if (column < indent)
			text_printf(out, "%*s", (int)(indent - column), "");
		column = max_of(column, indent) + n;
		text_add(out, s, n);
		s += n;
		if (*s == '\n') {
			text_str(out, "\n");
			column = 0;
		}
		if (*s)
			s++;
	}
	text_str(out, "\n");
}

static void help_row(struct text *out, const struct option_row *row)
{
	CLEANUP(text_free) struct text help = {0};
	size_t start = out->len, column;

	if (row->letter)
		text_printf(out, "  -%c, --%s", row->letter, row->name);
	else
		text_printf(out, "      --%s", row->name);
	if (row->argument)
		text_printf(out, "=%s", row->argument);
	column = out->len - start;
	if (column + 2 > HELP_INDENT) {
		text_str(out, "\n");
		column = 0;
	}
	text_str(&help, row->help);
	if (row->fallback)
		text_printf(&help, " (default: %s)", row->fallback);
	text_printf(out, "%*s", (int)(HELP_INDENT - column), "");
	wrap(out, text_c(&help), HELP_INDENT, HELP_INDENT);
}

static void help_options(struct text *out, enum verb_id verb)
{
	for (unsigned int group = 0; group < GROUP_COUNT; group++) {
		bool titled = false;

		for (size_t i = 0; i < option_count; i++) {
			if (option_table[i].group != group || !option_on(&option_table[i], verb))
				continue;
			if (!titled)
				text_printf(out, "\n%s:\n", group_titles[group]);
			titled = true;
			help_row(out, &option_table[i]);
		}
	}
}

static void help_verbs(struct text *out)
{
	text_str(out, "\nVerbs:\n");
	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		text_printf(out, "  %-10s", verb_table[v].name);
		wrap(out, verb_table[v].summary, 12, 12);
	}
}

/**
 * help_print() - what --help says of a verb
 * @verb: VERB_RECORD gives the page of the whole program
 * @out:  appended to; no line is longer than HELP_COLUMNS
 */
void help_print(enum verb_id verb, struct text *out)
{
	const struct verb_row *row = &verb_table[verb];

	if (verb == VERB_RECORD) {
		text_printf(out, "Usage: scoutfs-trace %s\n       scoutfs-trace VERB ...\n\n",
			    row->operands);
		text_str(out, "The flight recorder of a scoutfs cluster node.\n");
		wrap(out, row->story, 0, 0);
		help_verbs(out);
		help_options(out, verb);
		text_str(
			out,
			"\nExamples:\n"
			"  sudo scoutfs-trace check           is this host ready? which server?\n"
			"  sudo scoutfs-trace 10.0.0.5 5000   record until a fence, or Ctrl-C\n"
			"  sudo scoutfs-trace stop            end the recorder on this host\n"
			"  scoutfs-trace report BUNDLE        what happened, from what it left\n"
			"\nExit status: 0 complete bundle, 4 bundle lacks something, 1 no bundle,\n"
			"2 wrong usage, 75 another recorder runs, 77 not root.\n"
			"\nMore: scoutfs-trace help VERB, man scoutfs-trace.\n");
		return;
	}
	text_printf(out, "Usage: scoutfs-trace %s %s\n\n", row->name, row->operands);
	wrap(out, *row->story ? row->story : row->summary, 0, 0);
	if (verb == VERB_HELP)
		help_verbs(out);
	help_options(out, verb);
}

/* Completion. */

/* The option as each of its verbs has it: another verb's of the same name has values of its own. */
static void completion_pattern(struct text *out, const struct option_row *row)
{
	const char *between = "\t";

	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		if (!option_on(row, v))
			continue;
		text_printf(out, "%s%s:--%s", between, verb_table[v].name, row->name);
		if (row->letter)
			text_printf(out, "|%s:-%c", verb_table[v].name, row->letter);
		between = "|";
	}
}

/* Bash words that print what may follow @row. */
static void completion_values(struct text *out, const struct option_row *row)
{
	completion_pattern(out, row);
	if (!row->complete && !row->words) {
		text_str(out, ") return ;;\n"); /* a value that only the user knows */
		return;
	}
	if (row->complete && row->complete[0] == '-') {
		text_printf(out, ") COMPREPLY=($(compgen %s -- \"$cur\")); return ;;\n",
			    row->complete);
		return;
	}
	text_str(out, ") COMPREPLY=($(compgen -W \"");
	if (row->complete)
		text_str(out, row->complete);
	for (size_t i = 0; row->words && row->words[i]; i++)
		text_printf(out, "%s%s", i ? " " : "", row->words[i]);
	text_str(out, "\" -- \"$cur\")); return ;;\n");
}

static void put_verbs(struct text *out, const char *between)
{
	for (unsigned int v = 0; v < VERB_COUNT; v++)
		text_printf(out, "%s%s", v ? between : "", verb_table[v].name);
}

static void completion_verbs(struct text *out)
{
	for (unsigned int v = 0; v < VERB_COUNT; v++) {
		text_printf(out, "\t%s) options=\"", verb_table[v].name);
		for (size_t i = 0; i < option_count; i++)
			if (option_on(&option_table[i], v))
				text_printf(out, " --%s", option_table[i].name);
		text_str(out, "\" ;;\n");
	}
}

/**
 * completion_print() - a completion script made from the tables
 * @shell: only "bash" is known
 * @out:   appended to
 *
 * Bash splits words at '=' and ':' before a completion sees them, so "--name=va" comes as three
 * words.
 *
 * Return: 0, or -EINVAL.
 */
int completion_print(const char *shell, struct text *out, struct err *e)
{
	if (strcmp(shell, "bash") != 0)
		return err_set(e, -EINVAL, "--completion: '%s' is not a known shell; there is bash",
			       shell);

	text_str(out, "# SPDX-License-Identifier: GPL-2.0-only\n"
		      "# Made by: scoutfs-trace --completion=bash\n"
		      "_scoutfs_trace()\n"
		      "{\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
		      "verb=record word options\n"
		      "\t[ \"$cur\" = = ] && cur=\n"
		      "\t[ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
		      "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		      "\t\tcase $word in\n"
		      "\t\t");
	put_verbs(out, "|");
	text_str(out, ") verb=$word; break ;;\n"
		      "\t\t--) compopt -o default; return ;;\n"
		      "\t\tesac\n"
		      "\tdone\n"
		      "\tcase $verb:$prev in\n");
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].argument)
			completion_values(out, &option_table[i]);
	text_str(out, "\tesac\n\tcase $verb in\n");
	completion_verbs(out);
	text_str(out, "\tesac\n"
		      "\tcase $verb:$cur in\n"
		      "\t*:-*) COMPREPLY=($(compgen -W \"$options\" -- \"$cur\")) ;;\n"
		      "\trecover:*) COMPREPLY=($(compgen -d -- \"$cur\")) ;;\n"
		      "\texport:*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
		      "\treport:*.*) COMPREPLY=($(compgen -f -W \"$(\"$1\" report --list-reports "
		      "2>/dev/null | while read -r name rest; do [ \"$name\" != tables: ] && "
		      "report=$name && continue; for name in ${rest//,/}; do echo "
		      "\"$report.$name\"; done; done)\" -- \"$cur\")) ;;\n"
		      "\treport:*) COMPREPLY=($(compgen -f -W \"$(\"$1\" report --list-reports "
		      "2>/dev/null | while read -r name rest; do [ \"$name\" = tables: ] || "
		      "echo \"$name\"; done)\" -- \"$cur\")) ;;\n"
		      "\trecord:*|help:*) COMPREPLY=($(compgen -W \"");
	put_verbs(out, " ");
	text_str(out, "\" -- \"$cur\")) ;;\n"
		      "\tesac\n"
		      "}\n"
		      "complete -F _scoutfs_trace scoutfs-trace\n");
	return 0;
}
