/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may be given to libtraceevent. It was written for the files of one's own kernel: some texts
 * make its parser follow a NULL pointer, divide by zero or recurse without end, and some trees make
 * its printer read whatever address an event names. Bundles come from strangers, so the text of a
 * format is looked over before the library parses it, and the tree before the library prints by it
 * (what print_compile.c takes never comes so far). Everything that a kernel really writes passes.
 *
 * What does not pass is shown field by field by print.c. Behind this stands the sandbox: a crash of
 * the library ends the child and not the program.
 *
 * Looked for in src/event-parse.c of libtraceevent 1.7 and 1.8:
 *	process_entry()		a field in __print_flags() that there is not: NULL
 *	consolidate_op_arg()	constants are divided
 *	process_sizeof()	the end of the text: NULL
 *	event_read_fields()	"[" at the end of the text: NULL
 *	process_op() and others	recursion with each operator and bracket
 *	eval_num_arg()		division; an index may lead anywhere
 *	print_str_arg()		__print_hex() of something else than an array; counts from the event
 *	print_arg_number()	a width from the event
 */
#include <traceevent/event-parse.h>

#include "print_program.h"

#define TEXT_BYTES_MAX 262144
#define NESTING_MAX 48
#define OPERATORS_MAX 256 /* between two commas */
#define WIDTH_DIGITS_MAX 3
#define INDEX_MAX 4096
#define OFFSET_MAX 65535
#define DEPTH_MAX 64

struct lexer {
	const char *at;
	const struct event_format *format;
	char open[NESTING_MAX]; /* what closes each bracket */
	unsigned int nesting, operators;
};

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static void skip_spaces(struct lexer *l)
{
	while (*l->at == ' ' || *l->at == '\t' || *l->at == '\n')
		l->at++;
}

/* "..." or '.'; the conversions in it must not ask for great widths. */
static bool quoted(struct lexer *l)
{
	char quote = *l->at++;
	unsigned int digits = 0;

	for (; *l->at && *l->at != quote; l->at++) {
		digits = *l->at >= '0' && *l->at <= '9' ? digits + 1 : 0;
		if (quote == '"' && digits > WIDTH_DIGITS_MAX) {
			/* Only behind a '%' a number is a width: look back for one. */
			const char *back = l->at;

			while (strchr("0123456789.*#+-", *back))
				back--;
			if (*back == '%')
				return false;
		}
		if (*l->at == '\\' && !*++l->at)
			return false;
	}
	if (*l->at != quote)
		return false;
	l->at++;
	return true;
}

/* Behind "REC": "->" and a field's name, perhaps with brackets around REC. */
static bool field_reference(struct lexer *l)
{
	const char *begin;
	char name[256];
	size_t n;

	skip_spaces(l);
	while (*l->at == ')' && l->nesting && l->open[l->nesting - 1] == ')') {
		l->nesting--;
		l->at++;
		skip_spaces(l);
	}
	if (l->at[0] != '-' || l->at[1] != '>')
		return false;
	l->at += 2;
	skip_spaces(l);
	begin = l->at;
	while (is_word_char(*l->at))
		l->at++;
	n = (size_t)(l->at - begin);
	if (n == 0 || n >= sizeof(name))
		return false;
	memcpy(name, begin, n);
	name[n] = '\0';
	return event_field_of(l->format, name);
}

static bool word(struct lexer *l)
{
	const char *begin = l->at;
	size_t n;

	while (is_word_char(*l->at))
		l->at++;
	n = (size_t)(l->at - begin);
	if (n == 3 && memcmp(begin, "REC", 3) == 0)
		return field_reference(l);
	if (n == 6 && memcmp(begin, "sizeof", 6) == 0) {
		skip_spaces(l);
		return l->at[0] == '(' && is_word_char(l->at[1]);
	}
	return true;
}

/* Behind '/' or '%': a number that is not 0, and no operator that would bind to it first. */
static bool divisor(struct lexer *l)
{
	bool bracket;
	char *end;

	skip_spaces(l);
	bracket = *l->at == '(';
	l->at += bracket;
	skip_spaces(l);
	if (*l->at < '0' || *l->at > '9' || strtoull(l->at, &end, 0) == 0)
		return false;
	l->at = end;
	while (is_word_char(*l->at)) /* 1000UL */
		l->at++;
	skip_spaces(l);
	if (bracket && *l->at++ != ')')
		return false;
	skip_spaces(l);
	return !*l->at || !strchr("*/%~![({.", *l->at);
}

static bool bracket(struct lexer *l)
{
	static const char pairs[] = "()[]{}";
	char c = *l->at++;
	size_t i = (size_t)(strchr(pairs, c) - pairs);

	if (i % 2) {
		if (!l->nesting || l->open[l->nesting - 1] != c)
			return false;
		l->nesting--;
		return true;
	}
	if (l->nesting == NESTING_MAX)
		return false;
	l->open[l->nesting++] = pairs[i + 1];
	return true;
}

/* One token of a print fmt. */
static bool token(struct lexer *l)
{
	char c = *l->at;

	if (c == '"' || c == '\'')
		return quoted(l);
	if (strchr("()[]{}", c))
		return bracket(l);
	if (is_word_char(c))
		return word(l);
	l->at++;
	if (c == ',') {
		l->operators = 0;
		return true;
	}
	if (++l->operators > OPERATORS_MAX)
		return false;
	return (c != '/' && c != '%') || divisor(l);
}

/**
 * print_gate_parse() - may libtraceevent parse this format?
 */
bool print_gate_parse(const struct event_format *f)
{
	struct lexer l = {.at = f->print_fmt, .format = f};

	if (!f->is_whole || f->text.n > TEXT_BYTES_MAX || f->print_fmt[0] != '"')
		return false;
	for (size_t i = 0; i < f->text.n; i++) {
		char c = f->text.s[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			return false;
	}
	for (skip_spaces(&l); *l.at; skip_spaces(&l))
		if (!token(&l))
			return false;
	return l.nesting == 0;
}

/* ---- the tree ---- */

static bool field_ok(const struct tep_format_field *f)
{
	return f->offset >= 0 && f->offset <= OFFSET_MAX && f->size >= 0 && f->size <= OFFSET_MAX;
}

static bool fields_ok(const struct tep_event *event)
{
	for (const struct tep_format_field *f = event->format.common_fields; f; f = f->next)
		if (!field_ok(f))
			return false;
	for (const struct tep_format_field *f = event->format.fields; f; f = f->next)
		if (!field_ok(f))
			return false;
	return true;
}

static bool has_field(const struct tep_event *event, const char *name)
{
	for (const struct tep_format_field *f = event->format.fields; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return true;
	return false;
}

static bool arg_ok(const struct tep_event *event, const struct tep_print_arg *arg, int depth);

static bool op_ok(const struct tep_event *event, const struct tep_print_arg *arg, int depth)
{
	const struct tep_print_arg *left = arg->op.left, *right = arg->op.right;

	if (!arg->op.op || !left || !right)
		return false;
	switch (arg->op.op[0]) {
	case '[':
		if (right->type != TEP_PRINT_ATOM ||
		    strtoull(right->atom.atom, NULL, 0) > INDEX_MAX)
			return false;
		break;
	case '/':
	case '%':
		if (right->type != TEP_PRINT_ATOM || strtoull(right->atom.atom, NULL, 0) == 0)
			return false;
		break;
	case '?':
		if (right->type != TEP_PRINT_OP || !right->op.op || right->op.op[0] != ':')
			return false;
		break;
	default:
		break;
	}
	return arg_ok(event, left, depth) && arg_ok(event, right, depth);
}

static bool args_ok(const struct tep_event *event, const struct tep_print_arg *args, int depth)
{
	for (; args; args = args->next)
		if (!arg_ok(event, args, depth))
			return false;
	return true;
}

static bool arg_ok(const struct tep_event *event, const struct tep_print_arg *arg, int depth)
{
	if (!arg || depth > DEPTH_MAX)
		return false;
	switch (arg->type) {
	case TEP_PRINT_NULL:
	case TEP_PRINT_ATOM:
		return true;
	case TEP_PRINT_FIELD:
		return arg->field.field;
	case TEP_PRINT_TYPE:
		return arg_ok(event, arg->typecast.item, depth + 1);
	case TEP_PRINT_FLAGS:
		return arg_ok(event, arg->flags.field, depth + 1);
	case TEP_PRINT_SYMBOL:
		return arg_ok(event, arg->symbol.field, depth + 1);
	case TEP_PRINT_STRING:
		return has_field(event, arg->string.string);
	case TEP_PRINT_DYNAMIC_ARRAY:
	case TEP_PRINT_DYNAMIC_ARRAY_LEN:
		return arg->dynarray.field;
	case TEP_PRINT_OP:
		return op_ok(event, arg, depth + 1);
	case TEP_PRINT_FUNC: /* of a plugin */
		return args_ok(event, arg->func.args, depth + 1);
	default: /* __print_hex() and __print_array(): the event says how much; bit masks */
		return false;
	}
}

/* Widths from the event: only where they can but shorten. */
static bool stars_ok(const char *s)
{
	for (s = strchr(s, '*'); s; s = strchr(s + 1, '*'))
		if (s[1] != 'p' && !(s[-1] == '.' && s[1] == 's'))
			return false;
	return true;
}

/**
 * print_gate_print() - may libtraceevent print an event of this format?
 *
 * It must be given zeros behind the event, for what lies beyond its end.
 */
bool print_gate_print(const struct tep_event *event)
{
	bool failed = event->flags & (int)TEP_EVENT_FL_FAILED;

	if (!fields_ok(event))
		return false;
	/* A plugin's function may do well without a print fmt. */
	if (failed || !event->print_fmt.format)
		return failed && event->handler;
	if (event->flags & TEP_EVENT_FL_ISBPRINT)
		return has_field(event, "ip") && has_field(event, "fmt") && has_field(event, "buf");
	return stars_ok(event->print_fmt.format) && args_ok(event, event->print_fmt.args, 0);
}
