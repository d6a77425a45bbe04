/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An event's print fmt, parsed by libtraceevent, made into a program for print_run.c. Called once
 * for each event format when a bundle is opened. Here are literals, conversions and strings; the
 * numbers that they print are made by print_numbers.c.
 *
 * The library interprets its tree for every event: it looks fields up, allocates, and calls
 * vsnprintf() for every piece; that is most of what `trace-cmd report` costs. Here each conversion
 * becomes one step with its literal in front, and most numbers a load, a shift and a mask.
 *
 * What the library does is followed to the letter, also where the kernel would do otherwise:
 * numbers are not sign-extended beyond their conversion, casts only mask, names of enums that the
 * kernel did not resolve are -1 in tables. (print_fmt parsing and pretty_print() of
 * src/event-parse.c, 1.5 to 1.8.) Whatever is not known here is left to the library, and print.c
 * compares each program's text with the library's before it is used.
 *
 * The tree comes from a stranger's file: types are checked before a union is looked into, and
 * offsets and widths before they are used.
 */
#include <ctype.h>

#include "print_compiler.h"

#define STEPS_MAX 4096
#define CHOICES_MAX 16384
#define NUMBER_BYTES 24 /* a number's digits, sign and prefix */

struct print_block {
	struct print_block *next;
	char bytes[];
};

/* What stands before a conversion letter. */
struct format {
	struct print_conv conv;
	int longs; /* l or h, as the library counts them */
	const struct tep_print_arg *length;
	bool after_dot;
};

static void *keep(struct compiler *c, const void *bytes, size_t n, size_t size)
{
	struct print_block *b = c->error ? NULL : malloc(sizeof(*b) + size);

	if (!b) {
		c->error = -ENOMEM;
		return NULL;
	}
	b->next = c->program->blocks;
	c->program->blocks = b;
	memset(b->bytes, 0, size);
	if (n)
		memcpy(b->bytes, bytes, n);
	return b->bytes;
}

static const char *keep_string(struct compiler *c, const char *s)
{
	return keep(c, s, strlen(s), strlen(s) + 1);
}

static void steps_grow(struct compiler *c)
{
	size_t size = max_of(c->step_size * 2, (size_t)16);
	struct print_step *grown;

	if (c->program->step_count < c->step_size)
		return;
	if (size > STEPS_MAX) {
		print_give_up(c);
		return;
	}
	grown = realloc(c->program->steps, size * sizeof(*grown));
	if (!grown) {
		c->error = -ENOMEM;
		return;
	}
	c->program->steps = grown;
	c->step_size = size;
}

/* The next step, with the literal that was gathered; to be filled in before another one is made. */
static struct print_step *step_new(struct compiler *c, enum print_kind kind)
{
	static const char no_literal[PRINT_LITERAL_PAD];
	static struct print_step nowhere;
	struct print_step *s;

	steps_grow(c);
	if (c->literal.failed)
		c->error = -ENOMEM;
	if (c->literal.len > UINT16_MAX)
		print_give_up(c);
	if (c->error) {
		nowhere = (struct print_step){0};
		return &nowhere;
	}
	s = &c->program->steps[c->program->step_count++];
	*s = (struct print_step){.kind = (uint8_t)kind, .literal = no_literal};
	s->literal_bytes = (uint16_t)c->literal.len;
	if (c->literal.len)
		s->literal =
			keep(c, c->literal.s, c->literal.len, c->literal.len + PRINT_LITERAL_PAD);
	c->program->fixed_bytes += s->literal_bytes + PRINT_LITERAL_PAD + NUMBER_BYTES;
	text_reset(&c->literal);
	return s;
}

static void literal_flush(struct compiler *c)
{
	if (c->literal.len)
		(void)step_new(c, STEP_LITERAL);
}

/* The name behind the number that was just made, if its field has names. */
static void name_step(struct compiler *c, const struct tep_print_arg *arg,
		      const struct print_num *num, const struct print_conv *conv)
{
	const struct tep_print_arg *leaf = arg;
	print_name_fn name_of;
	struct print_step *s;

	while (leaf && leaf->type == TEP_PRINT_TYPE)
		leaf = leaf->typecast.item;
	if (!c->names || !leaf || leaf->type != TEP_PRINT_FIELD ||
	    strcmp(c->event->system, "scoutfs") != 0)
		return;
	name_of = print_names_of(c->event->name, leaf->field.name);
	if (!name_of)
		return;
	s = step_new(c, STEP_NAME);
	s->num = *num;
	s->conv = *conv;
	s->name_of = name_of;
}

/* ---- strings ---- */

/* eval_flag() of the library: some names are known, others are -1. */
static int64_t flag_value(const char *value)
{
	static const struct {
		const char *name;
		int64_t value;
	} known[] = {{"HI_SOFTIRQ", 0},	     {"TIMER_SOFTIRQ", 1},     {"NET_TX_SOFTIRQ", 2},
		     {"NET_RX_SOFTIRQ", 3},  {"BLOCK_SOFTIRQ", 4},     {"IRQ_POLL_SOFTIRQ", 5},
		     {"TASKLET_SOFTIRQ", 6}, {"SCHED_SOFTIRQ", 7},     {"HRTIMER_SOFTIRQ", 8},
		     {"RCU_SOFTIRQ", 9},     {"HRTIMER_NORESTART", 0}, {"HRTIMER_RESTART", 1}};

	if (isdigit((unsigned char)value[0]))
		return (int64_t)strtoull(value, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].name, value) == 0)
			return known[i].value;
	return -1;
}

static struct print_table table_of(struct compiler *c, const struct tep_print_flag_sym *list)
{
	const struct tep_print_flag_sym *at;
	struct print_choice *choices;
	uint32_t n = 0;

	for (at = list; at && n <= CHOICES_MAX; at = at->next)
		n++;
	if (n > CHOICES_MAX)
		print_give_up(c);
	choices = keep(c, NULL, 0, max_of(n, 1U) * sizeof(*choices));
	at = list;
	for (uint32_t i = 0; i < n && !c->error; i++, at = at->next) {
		choices[i].value = flag_value(at->value);
		if (c->names && choices[i].value == -1)
			choices[i].value = print_names_value(at->value);
		choices[i].text = keep_string(c, at->str);
		choices[i].bytes = (uint32_t)strlen(at->str);
	}
	return (struct print_table){choices, n};
}

/* A step that prints a string by the conversion. */
static struct print_step *string_step(struct compiler *c, enum print_kind kind,
				      const struct format *f)
{
	struct print_num length = {0};
	struct print_step *s;

	if (f->length)
		length = print_number(c, f->length);
	s = step_new(c, kind);
	s->conv = f->conv;
	s->length = length;
	return s;
}

static void string_field(struct compiler *c, const struct tep_print_arg *arg,
			 const struct format *f)
{
	const struct tep_format_field *field = print_field_of(c, arg->field.field, arg->field.name);
	struct print_step *s;

	if (!field)
		return;
	if (!(field->flags & TEP_FIELD_IS_ARRAY) &&
	    field->size == tep_get_long_size(c->event->tep)) {
		s = step_new(c, STEP_STRING_POINTER);
		s->num = print_number(c, arg);
		return;
	}
	s = string_step(c, STEP_STRING, f);
	s->num.offset = (uint32_t)field->offset;
	s->size = (uint32_t)field->size;
}

static void string_dynamic(struct compiler *c, const struct tep_print_arg *arg,
			   const struct format *f, enum print_kind kind)
{
	const struct tep_format_field *field =
		print_dynamic_field_of(c, arg->string.field, arg->string.string);
	struct print_step *s;

	if (!field)
		return;
	s = string_step(c, kind, f);
	s->num.offset = (uint32_t)field->offset;
	s->is_relative = field->flags & TEP_FIELD_IS_RELATIVE;
}

static void string_table(struct compiler *c, const struct tep_print_arg *arg,
			 const struct format *f)
{
	bool flags = arg->type == TEP_PRINT_FLAGS;
	struct print_num num = print_number(c, flags ? arg->flags.field : arg->symbol.field);
	struct print_table table = table_of(c, flags ? arg->flags.flags : arg->symbol.symbols);
	const char *delimiter = keep_string(c, flags && arg->flags.delim ? arg->flags.delim : "");
	struct print_step *s = string_step(c, flags ? STEP_FLAGS : STEP_CHOICE, f);

	s->num = num;
	s->table = table;
	s->text = delimiter;
}

/* The array of __print_hex() and __print_array() into @s. */
static void array_source(struct compiler *c, const struct tep_print_arg *array,
			 struct print_step *s)
{
	const struct tep_format_field *f = NULL;

	if (array && array->type == TEP_PRINT_DYNAMIC_ARRAY)
		f = print_dynamic_field_of(c, array->dynarray.field, NULL);
	else if (array && array->type == TEP_PRINT_FIELD)
		f = print_field_of(c, array->field.field, array->field.name);
	if (!f) {
		print_give_up(c);
		return;
	}
	s->num.offset = (uint32_t)f->offset;
	s->is_dynamic = array->type == TEP_PRINT_DYNAMIC_ARRAY;
	s->is_relative = f->flags & TEP_FIELD_IS_RELATIVE;
}

static void string_hex(struct compiler *c, const struct tep_print_arg *arg)
{
	struct print_num length = print_number(c, arg->hex.size);
	struct print_step *s = step_new(c, STEP_HEX);

	s->length = length;
	s->spaced = arg->type == TEP_PRINT_HEX;
	array_source(c, arg->hex.field, s);
}

static void string_array(struct compiler *c, const struct tep_print_arg *arg)
{
	struct print_num length = print_number(c, arg->int_array.count);
	struct print_num size = print_number(c, arg->int_array.el_size);
	struct print_step *s = step_new(c, STEP_ARRAY);

	if (size.bytes || size.code_count || size.mask > 8 ||
	    !print_is_number_size((int)size.mask)) {
		print_give_up(c);
		return;
	}
	s->length = length;
	s->size = (uint32_t)size.mask;
	array_source(c, arg->int_array.field, s);
}

static void string_arg(struct compiler *c, const struct tep_print_arg *arg, const struct format *f,
		       int depth);

/* condition ? "a" : "b" */
static void string_select(struct compiler *c, const struct tep_print_arg *arg,
			  const struct format *f, int depth)
{
	const struct tep_print_arg *both = arg->op.right;
	struct print_num condition;
	uint32_t unless, jump;

	if (!print_is_op(arg, "?") || !both || !print_is_op(both, ":")) {
		print_give_up(c);
		return;
	}
	condition = print_number(c, arg->op.left);
	step_new(c, STEP_JUMP_UNLESS)->num = condition;
	unless = c->program->step_count - 1;
	string_arg(c, both->op.left, f, depth + 1);
	(void)step_new(c, STEP_JUMP);
	jump = c->program->step_count - 1;
	if (c->error)
		return;
	c->program->steps[unless].target = c->program->step_count;
	string_arg(c, both->op.right, f, depth + 1);
	if (!c->error)
		c->program->steps[jump].target = c->program->step_count;
}

static void string_arg(struct compiler *c, const struct tep_print_arg *arg, const struct format *f,
		       int depth)
{
	struct print_step *s;

	if (!arg || depth > PRINT_DEPTH_MAX)
		print_give_up(c);
	if (c->error)
		return;
	switch (arg->type) {
	case TEP_PRINT_ATOM:
		s = string_step(c, STEP_STRING_CONST, f);
		s->size = (uint32_t)strlen(arg->atom.atom);
		s->text = keep_string(c, arg->atom.atom);
		return;
	case TEP_PRINT_FIELD:
		string_field(c, arg, f);
		return;
	case TEP_PRINT_STRING:
		string_dynamic(c, arg, f, STEP_STRING_DYNAMIC);
		return;
	case TEP_PRINT_BITMASK:
		string_dynamic(c, arg, f, STEP_BITMASK);
		return;
	case TEP_PRINT_FLAGS:
	case TEP_PRINT_SYMBOL:
		string_table(c, arg, f);
		return;
	case TEP_PRINT_HEX:
	case TEP_PRINT_HEX_STR:
		string_hex(c, arg);
		return;
	case TEP_PRINT_INT_ARRAY:
		string_array(c, arg);
		return;
	case TEP_PRINT_TYPE: /* "(void *)0": the library prints nothing */
		return;
	case TEP_PRINT_OP:
		string_select(c, arg, f, depth);
		return;
	default:
		print_give_up(c);
		return;
	}
}

/* ---- conversions ---- */

/* "%.06x", "%016llx": at least so many digits of a number without a sign, and nothing else. */
static void conv_zeros(struct format *f)
{
	struct print_conv *conv = &f->conv;

	if ((conv->digits != DIGITS_HEX && conv->digits != DIGITS_UNSIGNED) || conv->left ||
	    conv->plus || conv->alternate || f->length)
		return;
	if (conv->precision > 0 && !conv->width)
		conv->zeros_to = conv->precision;
	else if (conv->precision < 0 && conv->zero)
		conv->zeros_to = conv->width;
	conv->is_plain |= conv->zeros_to > 0;
}

static void convert_number(struct compiler *c, char letter, struct format *f,
			   const struct tep_print_arg *arg)
{
	static const uint8_t bits[] = {8, 16, 32, 64, 64};
	struct print_conv *conv = &f->conv;
	struct print_num num, length = {0};
	struct print_step *s;

	if (f->longs < -2 || f->longs > 2) {
		print_give_up(c);
		return;
	}
	conv->bits = bits[f->longs + 2];
	conv->digits = letter == 'x'   ? DIGITS_HEX
		       : letter == 'X' ? DIGITS_HEX_UPPER
		       : letter == 'o' ? DIGITS_OCTAL
		       : letter == 'c' ? DIGITS_CHAR
		       : letter == 'u' ? DIGITS_UNSIGNED
				       : DIGITS_SIGNED;
	conv->is_plain = letter != 'X' && letter != 'o' && letter != 'c' && !conv->left &&
			 !conv->zero && !conv->plus && !conv->alternate && !conv->width &&
			 conv->precision < 0 && !f->length;
	conv_zeros(f);
	num = print_number(c, arg);
	if (f->length)
		length = print_number(c, f->length);
	s = step_new(c, STEP_NUMBER);
	s->num = num;
	s->length = length;
	s->conv = *conv;
	c->program->fixed_bytes +=
		f->length ? PRINT_WIDTH_MAX
			  : (uint32_t)max_of(conv->width, conv->precision) + NUMBER_BYTES;
	name_step(c, arg, &num, conv);
}

static void convert_pointer(struct compiler *c, char letter, const struct tep_print_arg *arg)
{
	enum print_kind kind = STEP_POINTER;
	struct print_num num;

	switch (letter) {
	case 'F':
	case 'S':
		kind = STEP_SYMBOL_OFFSET;
		break;
	case 'f':
	case 's':
		kind = STEP_SYMBOL;
		break;
	case 'M': /* addresses and the like */
	case 'm':
	case 'I':
	case 'i':
	case 'U':
	case 'h':
		print_give_up(c);
		return;
	default:
		break;
	}
	num = print_number(c, arg);
	step_new(c, kind)->num = num;
}

/* A digit or sign of a width, a precision or a flag. */
static void format_char(struct compiler *c, struct format *f, char ch)
{
	struct print_conv *conv = &f->conv;
	int16_t *number = f->after_dot ? &conv->precision : &conv->width;

	if (ch == '.') {
		if (f->after_dot)
			print_give_up(c);
		f->after_dot = true;
		conv->precision = 0;
	} else if (ch == '#') {
		conv->alternate = true;
	} else if (ch == '+') {
		conv->plus = true;
	} else if (ch == '-') {
		conv->left = true;
	} else if (ch == '0' && !f->after_dot && !conv->width) {
		conv->zero = true;
	} else {
		*number = (int16_t)(*number * 10 + (ch - '0'));
		if (*number > PRINT_WIDTH_MAX)
			print_give_up(c);
	}
	/* printf() has an order for them; what else it makes of them is not known here. */
	if ((ch == '#' || ch == '+' || ch == '-') &&
	    (f->after_dot || conv->width || conv->width_is_number))
		print_give_up(c);
}

static const struct tep_print_arg *take_arg(struct compiler *c, const struct tep_print_arg **arg)
{
	const struct tep_print_arg *taken = *arg;

	if (!taken)
		print_give_up(c);
	else
		*arg = taken->next;
	return taken;
}

static void format_star(struct compiler *c, struct format *f, const struct tep_print_arg **arg)
{
	if (f->length || (f->after_dot ? f->conv.precision : f->conv.width))
		print_give_up(c);
	f->length = take_arg(c, arg);
	if (f->after_dot)
		f->conv.precision_is_number = true;
	else
		f->conv.width_is_number = true;
}

/* One conversion, @s being behind its '%'; returns what follows it. */
static const char *conversion(struct compiler *c, const char *s, const struct tep_print_arg **arg)
{
	struct format f = {.conv.precision = -1};

	for (; *s && !c->error; s++) {
		if (*s == 'h') {
			f.longs--;
		} else if (*s == 'l') {
			f.longs++;
		} else if (*s == 'L') {
			f.longs = 2;
		} else if (*s == 'z' || *s == 'Z') {
			f.longs = 1;
		} else if (*s == '*') {
			format_star(c, &f, arg);
		} else if (strchr("#.+-", *s) || isdigit((unsigned char)*s)) {
			format_char(c, &f, *s);
		} else if (*s == 'p') {
			const struct tep_print_arg *pointer = take_arg(c, arg);
			bool symbol = s[1] && strchr("FfSs", s[1]);

			if (!c->error)
				convert_pointer(c, s[1], pointer);
			return s + (symbol ? 2 : 1);
		} else if (*s == 's') {
			string_arg(c, take_arg(c, arg), &f, 0);
			return s + 1;
		} else if (strchr("cduixXo", *s)) {
			const struct tep_print_arg *n = take_arg(c, arg);

			if (!c->error)
				convert_number(c, *s, &f, n);
			return s + 1;
		} else {
			print_give_up(c);
		}
	}
	print_give_up(c);
	return s;
}

static const char *literal_char(struct compiler *c, const char *s)
{
	static const char escapes[] = "n\nt\tr\r";
	const char *escape;
	char ch = *s;

	if (ch == '\\') {
		ch = *++s;
		if (!ch)
			return s;
		for (escape = escapes; *escape; escape += 2)
			if (ch == *escape) {
				ch = escape[1];
				break;
			}
	} else if (ch == '%') {
		s++; /* the second of two */
	}
	text_add(&c->literal, &ch, 1);
	return s + 1;
}

static void compile(struct compiler *c)
{
	const struct tep_print_arg *arg = c->event->print_fmt.args;
	const char *s = c->event->print_fmt.format;

	if (!s || c->event->handler ||
	    c->event->flags & (TEP_EVENT_FL_ISBPRINT | (int)TEP_EVENT_FL_FAILED))
		print_give_up(c);
	while (!c->error && *s) {
		if (*s == '%' && s[1] != '%')
			s = conversion(c, s + 1, &arg);
		else
			s = literal_char(c, s);
	}
	literal_flush(c);
}

/**
 * print_program_free() - free a program; NULL is fine
 */
void print_program_free(struct print_program *g)
{
	if (!g)
		return;
	while (g->blocks) {
		struct print_block *next = g->blocks->next;

		free(g->blocks);
		g->blocks = next;
	}
	free(g->steps);
	free(g->code);
	free(g);
}

/**
 * print_compile() - make an event's program
 * @event:   as libtraceevent parsed it; borrowed for this call
 * @names:   scoutfs's numbers with their names
 * @ret:     set when the return value is 1
 *
 * Return: 1; 0 when something in it is for the library to print; -ENOMEM.
 */
int print_compile(struct tep_event *event, bool names, struct print_program **ret)
{
	struct print_program *g = calloc(1, sizeof(*g));
	struct compiler c = {.event = event, .names = names, .program = g};

	if (!g)
		return -ENOMEM;
	g->fixed_bytes = PRINT_LITERAL_PAD;
	compile(&c);
	text_free(&c.literal);
	if (c.error) {
		print_program_free(g);
		return c.error == -ENOMEM ? -ENOMEM : 0;
	}
	g->code_count = c.code_count;
	*ret = g;
	return 1;
}
