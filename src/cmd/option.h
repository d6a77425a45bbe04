/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: one table of verbs, one of options. Parsing, --help, defaults, bash completion
 * and the check of the man page are all driven by them.
 */
#ifndef CMD_OPTION_H
#define CMD_OPTION_H

#include <limits.h>

#include "base/log.h"
#include "base/text.h"
#include "record/record.h"
#include "report/report.h"

#include "config.h"

enum verb_id {
	VERB_RECORD, /* also when no verb is named */
	VERB_CHECK,
	VERB_RECOVER,
	VERB_STATUS,
	VERB_STOP,
	VERB_REPORT,
	VERB_EXPORT,
	VERB_HELP,
	VERB_COUNT
};

#define OPERANDS_ANY UINT_MAX

struct verb_row {
	const char *name;
	const char *operands;			 /* as --help shows them; "" for none */
	const char *summary;			 /* one line, for the list of verbs */
	const char *story;			 /* paragraphs, for the verb's own help */
	unsigned int operands_min, operands_max; /* OPERANDS_ANY: no limit */
};

enum option_type {
	OPTION_FLAG,	 /* bool */
	OPTION_COUNT,	 /* unsigned int: how often it was given */
	OPTION_TEXT,	 /* const char * */
	OPTION_SIZE,	 /* uint64_t, bytes */
	OPTION_DURATION, /* uint64_t, ns */
	OPTION_WORD,	 /* unsigned int: index into .words */
	OPTION_EVENT,	 /* repeatable: appended to config.events */
	OPTION_SAMPLE,	 /* repeatable: appended to config.samples */
	OPTION_CHOICE,	 /* repeatable: appended to config.choices as .choice */
	OPTION_NUMBER,	 /* uint64_t, a whole number */
	OPTION_FILTER,	 /* repeatable: appended to report.filters as .choice */
};

enum option_group {
	GROUP_CAPTURE,
	GROUP_TRIGGERS,
	GROUP_LIMITS,
	GROUP_PLACES,
	GROUP_REPORT,
	GROUP_GENERAL,
	GROUP_COUNT
};

struct option_row {
	unsigned int verbs; /* bit 1 << VERB_... for each verb that takes it */
	enum option_group group;
	enum option_type type;
	const char *name;	  /* long, without the dashes */
	char letter;		  /* 0: none */
	const char *argument;	  /* NULL: takes none */
	const char *fallback;	  /* the default, as the user would write it; NULL: none */
	const char *least, *most; /* limits of a size or duration, as written; NULL: none */
	const char *const *words; /* OPTION_WORD: NULL-terminated */
	int choice;		  /* OPTION_CHOICE: CHOICE_...; OPTION_FILTER: FILTER_... */
	size_t field;		  /* offset in struct arguments */
	const char *complete; /* bash words that print the candidates; "-d", "-f": folders, files */
	bool act;	      /* asks for something once: not for a file or the environment */
	const char *help;
};

extern const struct verb_row verb_table[VERB_COUNT];
extern const struct option_row option_table[];
extern const size_t option_count;

bool option_on(const struct option_row *row, enum verb_id verb);
const struct option_row *option_find(enum verb_id verb, const char *name, size_t name_len,
				     char letter);
const char *option_near(enum verb_id verb, const char *name);
bool verb_named(const char *name, enum verb_id *ret);

/* Who gave a value: a later one of these counts for more. */
enum setting_from { SETTING_FILE, SETTING_ENVIRONMENT, SETTING_FLAG };

/* An option of the verb, as somebody gave it. */
struct setting {
	const struct option_row *row;
	const char *value; /* NULL: an option that needs none */
	enum setting_from from;
	const char *where; /* the file's path, the variable's name */
	unsigned int line; /* of the file */
};

struct setting_list {
	struct setting *list;
	size_t count, size;
	char **owned; /* strings that nobody else holds */
	size_t owned_count;
};

/* Where values may come from beside the command line. */
struct argument_sources {
	const char *config_path;  /* read when it is there; NULL: none */
	char *const *environment; /* NULL: none */
};

/* What the user asked for. Strings belong to argv, the option table, the environment, or to
 * .settings and .file. */
struct arguments {
	enum verb_id verb;
	bool help, version, list_triggers, list_reports, json, no_heartbeat_wait;
	bool show_config, no_config;
	const char *config_path; /* of --config, or NULL */
	unsigned int quiet, verbose;
	const char *completion; /* name of a shell, or NULL */
	const char **operands;
	unsigned int operand_count;
	struct record_config config;
	struct report_config report;

	/* What the configuration is made from. */
	uint64_t lag_ns;
	unsigned int log_facility;
	const char **events, **samples;
	struct trigger_choice *choices;
	unsigned int format, export_format, as;
	const char *from, *to;
	struct report_filter *filters;
	struct argument_sources sources;
	struct setting_list settings;
	struct config file;
	struct record_setting *effective;
	bool file_wrong;      /* a failure is that of the file, which nobody named */
	struct text warnings; /* a line for each, for whoever prints */
};

int arguments_parse(int argc, char *const argv[], const struct argument_sources *sources,
		    struct arguments *ret, struct err *e);
void arguments_done(struct arguments *a);
enum log_level arguments_log_level(const struct arguments *a);
int verb_find(const char *name, enum verb_id *ret, struct err *e);
void help_print(enum verb_id verb, struct text *out);
int completion_print(const char *shell, struct text *out, struct err *e);

#endif
