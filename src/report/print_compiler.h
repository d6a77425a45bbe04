/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the compiler of print fmts share: print_compile.c, and print_numbers.c for the
 * numbers that conversions print.
 */
#ifndef REPORT_PRINT_COMPILER_H
#define REPORT_PRINT_COMPILER_H

#include <errno.h>
#include <traceevent/event-parse.h>

#include "print_program.h"

#define PRINT_DYNAMIC_WORD_BYTES 4
#define PRINT_OFFSET_MAX 65535 /* as in format/event.c */
#define PRINT_DEPTH_MAX 64     /* of the tree */

struct compiler {
	struct tep_event *event;
	bool names;
	struct print_program *program;
	size_t step_size, code_size;
	uint32_t code_count;
	struct text literal; /* in front of the next step */
	int stack;	     /* while a number is made */
	int error;	     /* 0, or why it ends: -ENOMEM, -ENOTSUP */
};

static inline void print_give_up(struct compiler *c)
{
	if (!c->error)
		c->error = -ENOTSUP;
}

/* The bytes of an event up to here are read without another look. */
static inline void print_needs(struct compiler *c, uint32_t bytes)
{
	c->program->need_bytes = max_of(c->program->need_bytes, bytes);
}

/* print_numbers.c */
bool print_is_number_size(int bytes);
bool print_is_op(const struct tep_print_arg *arg, const char *op);
const struct tep_format_field *print_field_of(struct compiler *c, struct tep_format_field *f,
					      const char *name);
const struct tep_format_field *print_dynamic_field_of(struct compiler *c,
						      struct tep_format_field *f, const char *name);
struct print_num print_number(struct compiler *c, const struct tep_print_arg *arg);

#endif
