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

#define TEXT_BYTES_MAX 65536 /* the longest of Linux 6.18 has 5523 */
#define WORD_BYTES 256
#define NESTING_MAX 64
#define OPERATORS_MAX 256 /* between two commas */
#define WIDTH_DIGITS_MAX 3
#define INDEX_MAX 4096
#define OFFSET_MAX 65535
#define DEPTH_MAX 64

/* A walk over a print fmt by the grammar of C's expressions, as far as kernels use it. */
struct lexer {
	const char *at;
	const struct event_format *format;
	unsigned int nesting, operators;
	uint32_t operands; /* of all, each of which the library keeps some 100 bytes of */
};

static bool expression(struct lexer *l);

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static char next_char(struct lexer *l)
{
	while (*l->at == ' ' || *l->at == '\t' || *l->at == '\n')
		l->at++;
	return *l->at;
}

static bool take_char(struct lexer *l, char c)
{
	if (next_char(l) != c)
		return false;
	l->at++;
	return true;
}

/* "..." or '.'; the conversions in it must not ask for great widths. */
static bool quoted(struct lexer *l)
{
	const char *begin = l->at;
	char quote = *l->at++;
	unsigned int digits = 0;

	for (; *l->at && *l->at != quote; l->at++) {
		digits = *l->at >= '0' && *l->at <= '9' ? digits + 1 : 0;
		if (digits > WIDTH_DIGITS_MAX) {
			/* Only behind a '%' a number is a width: look back for one. */
			const char *back = l->at;

			while (back > begin && strchr("0123456789.*#+-", *back))
				back--;
			if (*back == '%')
				return false;
		}
		if (*l->at == '\\' && !*++l->at)
			return false;
	}
	return *l->at && *l->at++ == quote && (quote == '"' || l->at - begin > 2);
}

/* Several behind each other are one. */
static bool strings(struct lexer *l)
{
	while (next_char(l) == '"')
		if (!quoted(l))
			return false;
	return true;
}

/* A word into @ret; false when there is none, or a very long one. */
static bool word(struct lexer *l, char ret[WORD_BYTES])
{
	size_t n = 0;

	(void)next_char(l);
	while (is_word_char(l->at[n]))
		n++;
	if (n == 0 || n >= WORD_BYTES)
		return false;
	memcpy(ret, l->at, n);
	ret[n] = '\0';
	l->at += n;
	return true;
}

/* Behind "REC" or "(REC)": "->" and the name of a field that there is. */
static bool field_reference(struct lexer *l)
{
	char name[WORD_BYTES];

	if (!take_char(l, '-') || *l->at++ != '>' || !word(l, name))
		return false;
	return event_field_of(l->format, name);
}

/* Expressions between commas, at least one, up to @close. */
static bool list(struct lexer *l, char close)
{
	do {
		l->operators = 0;
		if (!expression(l))
			return false;
	} while (take_char(l, ','));
	return take_char(l, close);
}

/* "{ 1, "one" }, { 2, "two" })" */
static bool choices(struct lexer *l)
{
	do {
		l->operators = 0;
		if (!take_char(l, '{') || !expression(l) || !take_char(l, ','))
			return false;
		if (!expression(l) || !take_char(l, '}'))
			return false;
	} while (take_char(l, ','));
	return take_char(l, ')');
}

/* What stands in the brackets of a function. */
static bool arguments(struct lexer *l, const char *name)
{
	char inner[WORD_BYTES];

	if (strcmp(name, "__print_flags") == 0)
		return expression(l) && take_char(l, ',') && next_char(l) == '"' && strings(l) &&
		       take_char(l, ',') && choices(l);
	if (strcmp(name, "__print_symbolic") == 0)
		return expression(l) && take_char(l, ',') && choices(l);
	if (str_starts(name, "__get_"))
		return word(l, inner) && event_field_of(l->format, inner) && take_char(l, ')');
	if (strcmp(name, "sizeof") == 0) {
		if (!word(l, inner))
			return false;
		if (strcmp(inner, "REC") == 0)
			return field_reference(l) && take_char(l, ')');
		while (is_word_char(next_char(l)))
			if (!word(l, inner))
				return false;
		return take_char(l, ')');
	}
	return list(l, ')');
}

/* "unsigned long *)": true, and behind it, if that is what is there. */
static bool type(struct lexer *l)
{
	struct lexer ahead = *l;
	char name[WORD_BYTES];
	unsigned int words = 0;

	for (; is_word_char(next_char(&ahead)) && *ahead.at > '9'; words++)
		if (!word(&ahead, name) || strcmp(name, "REC") == 0)
			return false;
	while (take_char(&ahead, '*'))
		;
	if (!words || !take_char(&ahead, ')'))
		return false;
	*l = ahead;
	return true;
}

static bool starts_operand(char c)
{
	return is_word_char(c) || c == '(' || c == '"' || c == '\'';
}

static bool operand(struct lexer *l);

/* Behind '(': a cast and what is cast, REC, or an expression. */
static bool bracket(struct lexer *l)
{
	struct lexer begin = *l;
	char name[WORD_BYTES];

	if (type(l))
		return !starts_operand(next_char(l)) || operand(l);
	if (word(l, name) && strcmp(name, "REC") == 0 && take_char(l, ')'))
		return field_reference(l);
	l->at = begin.at;
	return expression(l) && take_char(l, ')') && !starts_operand(next_char(l));
}

static bool named(struct lexer *l)
{
	char name[WORD_BYTES];

	if (!word(l, name))
		return false;
	if (strcmp(name, "REC") == 0)
		return field_reference(l);
	return !take_char(l, '(') || arguments(l, name);
}

/* A number, a field, a function, a string, something in brackets; with signs and indexes. */
static bool operand(struct lexer *l)
{
	bool ok;
	char c;

	l->operands++;
	if (++l->nesting > NESTING_MAX)
		return false;
	for (c = next_char(l); c && strchr("!~-+", c); c = next_char(l)) {
		if (++l->operators > OPERATORS_MAX || (l->at[1] == c && (c == '-' || c == '+')))
			return false;
		l->at++;
	}
	if (c == '"')
		ok = strings(l);
	else if (c == '\'')
		ok = quoted(l);
	else
		ok = take_char(l, '(') ? bracket(l) : named(l);
	while (ok && take_char(l, '['))
		ok = expression(l) && take_char(l, ']');
	l->nesting--;
	return ok;
}

/* Behind '/' or '%': a number that is not 0, and no operator that would bind to it first. */
static bool divisor(struct lexer *l)
{
	bool in_brackets = take_char(l, '(');
	char *end;

	if (next_char(l) < '0' || *l->at > '9' || strtoull(l->at, &end, 0) == 0)
		return false;
	l->at = end;
	while (is_word_char(*l->at)) /* 1000UL */
		l->at++;
	if (in_brackets && !take_char(l, ')'))
		return false;
	return !next_char(l) || !strchr("*/%~![({", *l->at);
}

/* An operator between two operands, taken; "" when there is none. */
static const char *operator_taken(struct lexer *l)
{
	static const char *const operators[] = {">>", "<<", "<=", ">=", "==", "!=", "&&", "||", "+",
						"-",  "*",  "/",  "%",	"<",  ">",  "&",  "|"};

	(void)next_char(l);
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (str_starts(l->at, operators[i])) {
			l->at += strlen(operators[i]);
			return operators[i];
		}
	return "";
}

static bool operands(struct lexer *l)
{
	const char *op;

	if (!operand(l))
		return false;
	for (op = operator_taken(l); *op; op = operator_taken(l)) {
		if (++l->operators > OPERATORS_MAX)
			return false;
		if (*op == '/' || *op == '%' ? !divisor(l) : !operand(l))
			return false;
	}
	return true;
}

static bool expression(struct lexer *l)
{
	bool ok;

	if (++l->nesting > NESTING_MAX || !operands(l))
		return false;
	ok = !take_char(l, '?') || (++l->operators < OPERATORS_MAX && expression(l) &&
				    take_char(l, ':') && expression(l));
	l->nesting--;
	return ok;
}

/**
 * print_gate_parse() - may libtraceevent parse this format?
 *
 * Return: 0 if not; else what it costs: a number of operands, 1 or more.
 */
uint32_t print_gate_parse(const struct event_format *f)
{
	struct lexer l = {.at = f->print_fmt, .format = f, .operands = 1};

	if (!f->is_whole || f->text.n > TEXT_BYTES_MAX)
		return 0;
	for (size_t i = 0; i < f->text.n; i++) {
		char c = f->text.s[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			return 0;
	}
	if (next_char(&l) != '"' || !strings(&l))
		return 0;
	if (next_char(&l) && !(take_char(&l, ',') && list(&l, '\0')))
		return 0;
	return l.operands;
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
static bool stars_ok(const char *format)
{
	for (const char *s = strchr(format, '*'); s; s = strchr(s + 1, '*'))
		if (s[1] != 'p' && !(s > format && s[-1] == '.' && s[1] == 's'))
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
