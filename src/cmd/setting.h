/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values of options, whoever gave them: the command line, the environment, a file, or nobody.
 */
#ifndef CMD_SETTING_H
#define CMD_SETTING_H

#include "option.h"

/* setting.c */
int setting_add(struct setting_list *l, const struct setting *s, struct err *e);
int setting_take(const struct setting *s, struct arguments *a, struct err *e);
int setting_blame(const struct arguments *a, const char *option, struct err *e);
int setting_apply(struct arguments *a, struct err *e);
void setting_list_done(struct setting_list *l);
bool setting_is_yes_or_no(const char *s, bool *ret);

/* setting_read.c */
int setting_gather(struct arguments *a, struct err *e);
int setting_of_verb(struct arguments *a, enum verb_id verb, struct setting_list *ret,
		    struct err *e);

/* setting_told.c */
int setting_effective(enum verb_id verb, struct setting_list *l, struct record_setting **ret,
		      size_t *ret_count, struct err *e);

/* For those two. */
char *setting_own(struct setting_list *l, const char *s, size_t n);
bool setting_is_repeatable(const struct option_row *row);
int setting_strongest(const struct setting_list *l, const struct option_row *row);
int setting_take_bare(const struct option_row *row, const char *value, void *field, struct err *e);

#endif
