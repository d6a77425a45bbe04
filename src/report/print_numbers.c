/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The numbers that a print fmt prints, as programs of print_run.c.
 *
 * Called by print_compile.c for each argument that is one. Most are a load, a shift and a mask,
 * which is one step; what is more becomes code for a small stack. What the library does is followed
 * to the letter, as there.
 */
#include <ctype.h>

#include "print_compiler.h"

#define CODE_MAX 8192

static struct print_code *code_new(struct compiler *c, enum print_num_op op, int stack)
{
	static struct print_code nowhere;
	size_t size = max_of(c->code_size * 2, (size_t)16);
	struct print_code *grown;

	c->stack += stack;
	if (c->stack > PRINT_STACK || c->code_count == CODE_MAX)
		print_give_up(c);
	if (!c->error && c->code_count == c->code_size) {
		grown = realloc(c->program->code, size * sizeof(*grown));
		if (!grown)
			c->error = -ENOMEM;
		else
			c->program->code = grown;
		c->code_size = size;
	}
	if (c->error)
		return &nowhere;
	c->program->code[c->code_count] = (struct print_code){.op = (uint8_t)op};
	return &c->program->code[c->code_count++];
}

/** print_is_number_size() - is a field of so many bytes one number? */
bool print_is_number_size(int bytes)
{
	return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

/**
 * print_field_of() - the field of a leaf of the tree, its place checked
 * @f: as the library has found it; NULL: it is looked up by @name
 *
 * Return: NULL, and the program is given up, when it is none.
 */
const struct tep_format_field *print_field_of(struct compiler *c, struct tep_format_field *f,
					      const char *name)
{
	if (!f && name)
		f = tep_find_any_field(c->event, name);
	if (!f || f->offset < 0 || f->offset > PRINT_OFFSET_MAX || f->size < 0 ||
	    f->size > PRINT_OFFSET_MAX) {
		print_give_up(c);
		return NULL;
	}
	print_needs(c, (uint32_t)(f->offset + f->size));
	return f;
}

/** print_dynamic_field_of() - the same, of one whose word says where its bytes are */
const struct tep_format_field *print_dynamic_field_of(struct compiler *c,
						      struct tep_format_field *f, const char *name)
{
	const struct tep_format_field *found = print_field_of(c, f, name);

	if (found &&
	    (!(found->flags & TEP_FIELD_IS_DYNAMIC) || found->size != PRINT_DYNAMIC_WORD_BYTES))
		print_give_up(c);
	return c->error ? NULL : found;
}

/* What a cast leaves of a number: eval_type_str() of the library. */
static uint64_t type_mask(const char *type, size_t n)
{
	static const struct {
		const char *name;
		uint64_t mask;
	} types[] = {{"u8", 0xff},	  {"s8", 0xff},	       {"char", 0xff},
		     {"u16", 0xffff},	  {"s16", 0xffff},     {"short", 0xffff},
		     {"u32", 0xffffffff}, {"s32", 0xffffffff}, {"int", 0xffffffff}};
	static const char prefix[] = "unsigned ";
	size_t skip = n > sizeof(prefix) - 1 && memcmp(type, prefix, sizeof(prefix) - 1) == 0
			      ? sizeof(prefix) - 1
			      : 0;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		/* Behind "unsigned" only the words of C are looked for. */
		if (skip && (types[i].name[0] == 'u' || types[i].name[1] <= '9'))
			continue;
		if (n - skip == strlen(types[i].name) &&
		    memcmp(type + skip, types[i].name, n - skip) == 0)
			return types[i].mask;
	}
	return UINT64_MAX;
}

static uint64_t cast_mask(const char *type)
{
	return type ? type_mask(type, strlen(type)) : UINT64_MAX;
}

/* Of "(u16 *)", the type that is pointed at; the library cuts off the last two characters. */
static uint64_t cast_mask_pointed(const char *type)
{
	size_t n = type ? strlen(type) : 0;

	return n > 2 && type[n - 1] == '*' ? type_mask(type, n - 2) : UINT64_MAX;
}

/* The library looks for a function of that name when there is no number; no event has one. */
static uint64_t atom_value(const char *atom)
{
	return strtoull(atom, NULL, 0);
}

/** print_is_op() - is it this operation? */
bool print_is_op(const struct tep_print_arg *arg, const char *op)
{
	return arg->type == TEP_PRINT_OP && arg->op.op && strcmp(arg->op.op, op) == 0;
}

/* "(64 - (8 * 3))": what the compiler of the kernel would have worked out. */
static bool constant(const struct tep_print_arg *arg, int depth, uint64_t *ret)
{
	uint64_t left, right;

	if (!arg || depth > PRINT_DEPTH_MAX)
		return false;
	if (arg->type == TEP_PRINT_ATOM) {
		*ret = atom_value(arg->atom.atom);
		return true;
	}
	if (arg->type != TEP_PRINT_OP || !constant(arg->op.left, depth + 1, &left) ||
	    !constant(arg->op.right, depth + 1, &right))
		return false;
	if (print_is_op(arg, "-"))
		*ret = left - right;
	else if (print_is_op(arg, "+"))
		*ret = left + right;
	else if (print_is_op(arg, "*"))
		*ret = left * right;
	else if (print_is_op(arg, "<<") && right < 64)
		*ret = left << right;
	else
		return false;
	return true;
}

/* A number that is a load, a shift and a mask, or a constant. */
static bool num_simple(struct compiler *c, const struct tep_print_arg *arg, int depth,
		       struct print_num *ret)
{
	const struct tep_format_field *f;
	uint64_t v;

	if (!arg || depth > PRINT_DEPTH_MAX)
		return false;
	switch (arg->type) {
	case TEP_PRINT_ATOM:
		*ret = (struct print_num){.mask = atom_value(arg->atom.atom)};
		return true;
	case TEP_PRINT_FIELD:
		f = print_field_of(c, arg->field.field, arg->field.name);
		if (!f || !print_is_number_size(f->size))
			return false;
		*ret = (struct print_num){.offset = (uint32_t)f->offset,
					  .bytes = (uint8_t)f->size,
					  .mask = UINT64_MAX};
		return true;
	case TEP_PRINT_TYPE:
		if (!num_simple(c, arg->typecast.item, depth + 1, ret))
			return false;
		ret->mask &= cast_mask(arg->typecast.type);
		return true;
	case TEP_PRINT_OP:
		break;
	default:
		return false;
	}
	if (!(print_is_op(arg, ">>") || print_is_op(arg, "&")) ||
	    !constant(arg->op.right, depth + 1, &v) || !num_simple(c, arg->op.left, depth + 1, ret))
		return false;
	if (print_is_op(arg, "&")) {
		ret->mask &= v;
		return true;
	}
	if (!ret->bytes || v >= 64 || ret->shift + v >= 64)
		return false;
	ret->shift = (uint8_t)(ret->shift + v);
	ret->mask >>= v;
	return true;
}

static void code_arg(struct compiler *c, const struct tep_print_arg *arg, int depth);

static void code_const(struct compiler *c, uint64_t v)
{
	code_new(c, NUM_CONST, 1)->imm = v;
}

static void code_field(struct compiler *c, const struct tep_print_arg *arg)
{
	const struct tep_format_field *f = print_field_of(c, arg->field.field, arg->field.name);
	struct print_code *code;

	if (!f)
		return;
	if (!print_is_number_size(f->size)) {
		code_const(c, 0);
		return;
	}
	code = code_new(c, NUM_LOAD, 1);
	code->offset = (uint32_t)f->offset;
	code->bytes = (uint8_t)f->size;
}

static void code_element(struct compiler *c, const struct tep_print_arg *array)
{
	const struct tep_format_field *f = NULL;
	struct print_code *code;
	unsigned int bytes = 0;

	if (array->type == TEP_PRINT_DYNAMIC_ARRAY) {
		f = print_dynamic_field_of(c, array->dynarray.field, NULL);
		bytes = f && f->elementsize ? f->elementsize
					    : (unsigned int)tep_get_long_size(c->event->tep);
	} else if (array->type == TEP_PRINT_FIELD) {
		f = print_field_of(c, array->field.field, array->field.name);
		bytes = f ? f->elementsize : 0;
	}
	if (!f || bytes > 8 || !print_is_number_size((int)bytes)) {
		print_give_up(c);
		return;
	}
	code = code_new(c, array->type == TEP_PRINT_FIELD ? NUM_INDEX : NUM_INDEX_DYNAMIC, 0);
	code->offset = (uint32_t)f->offset;
	code->bytes = (uint8_t)bytes;
	code->imm = bytes;
	code->is_relative = f->flags & TEP_FIELD_IS_RELATIVE;
}

/* array[index] */
static void code_index(struct compiler *c, const struct tep_print_arg *arg, int depth)
{
	const struct tep_print_arg *array = arg->op.left;
	const char *type = NULL;
	uint64_t mask;

	code_arg(c, arg->op.right, depth + 1);
	while (array && array->type == TEP_PRINT_TYPE) {
		type = type ? type : array->typecast.type;
		array = array->typecast.item;
	}
	if (!array) {
		print_give_up(c);
		return;
	}
	code_element(c, array);
	mask = cast_mask_pointed(type);
	if (mask != UINT64_MAX)
		code_new(c, NUM_AND_MASK, 0)->imm = mask;
}

static void code_select(struct compiler *c, const struct tep_print_arg *arg, int depth)
{
	const struct tep_print_arg *both = arg->op.right;

	if (!both || !print_is_op(both, ":")) {
		print_give_up(c);
		return;
	}
	code_arg(c, arg->op.left, depth + 1);
	code_arg(c, both->op.left, depth + 1);
	code_arg(c, both->op.right, depth + 1);
	(void)code_new(c, NUM_SELECT, -2);
}

static void code_op(struct compiler *c, const struct tep_print_arg *arg, int depth)
{
	static const struct {
		const char *op;
		enum print_num_op code;
	} ops[] = {
		{"|", NUM_OR},		{"||", NUM_BOOL_OR},
		{"&", NUM_AND},		{"&&", NUM_BOOL_AND},
		{"<", NUM_LESS},	{"<=", NUM_LESS_EQUAL},
		{">", NUM_GREATER},	{">=", NUM_GREATER_EQUAL},
		{"==", NUM_EQUAL},	{"!=", NUM_NOT_EQUAL},
		{"<<", NUM_SHIFT_LEFT}, {">>", NUM_SHIFT_RIGHT},
		{"-", NUM_SUBTRACT},	{"+", NUM_ADD},
		{"/", NUM_DIVIDE},	{"%", NUM_MODULO},
		{"*", NUM_MULTIPLY},
	};
	size_t i = 0;

	if (print_is_op(arg, "[")) {
		code_index(c, arg, depth);
		return;
	}
	if (print_is_op(arg, "?")) {
		code_select(c, arg, depth);
		return;
	}
	if (print_is_op(arg, "!") || print_is_op(arg, "~")) {
		code_arg(c, arg->op.right, depth + 1);
		(void)code_new(c, print_is_op(arg, "!") ? NUM_NOT : NUM_INVERT, 0);
		return;
	}
	while (i < ARRAY_SIZE(ops) && !print_is_op(arg, ops[i].op))
		i++;
	if (i == ARRAY_SIZE(ops)) {
		print_give_up(c);
		return;
	}
	code_arg(c, arg->op.left, depth + 1); /* of a sign: 0 */
	code_arg(c, arg->op.right, depth + 1);
	(void)code_new(c, ops[i].code, -1);
}

static void code_length(struct compiler *c, const struct tep_print_arg *arg)
{
	const struct tep_format_field *f = print_dynamic_field_of(c, arg->dynarray.field, NULL);
	struct print_code *code;

	if (!f)
		return;
	code = code_new(c, NUM_LENGTH, 1);
	code->offset = (uint32_t)f->offset;
	code->is_relative = f->flags & TEP_FIELD_IS_RELATIVE;
}

/* Leaves one number more on the stack. */
static void code_arg(struct compiler *c, const struct tep_print_arg *arg, int depth)
{
	uint64_t mask;

	if (!arg || depth > PRINT_DEPTH_MAX)
		print_give_up(c);
	if (c->error)
		return;
	switch (arg->type) {
	case TEP_PRINT_NULL:
		code_const(c, 0);
		return;
	case TEP_PRINT_ATOM:
		code_const(c, atom_value(arg->atom.atom));
		return;
	case TEP_PRINT_FIELD:
		code_field(c, arg);
		return;
	case TEP_PRINT_TYPE:
		code_arg(c, arg->typecast.item, depth + 1);
		mask = cast_mask(arg->typecast.type);
		if (mask != UINT64_MAX)
			code_new(c, NUM_AND_MASK, 0)->imm = mask;
		return;
	case TEP_PRINT_OP:
		code_op(c, arg, depth);
		return;
	case TEP_PRINT_DYNAMIC_ARRAY_LEN:
		code_length(c, arg);
		return;
	default: /* functions of plugins, addresses in our own memory, strings */
		print_give_up(c);
		return;
	}
}

/** print_number() - the program of a number; what cannot be compiled gives the whole event up */
struct print_num print_number(struct compiler *c, const struct tep_print_arg *arg)
{
	uint32_t begin = c->code_count;
	struct print_num n = {0};

	if (num_simple(c, arg, 0, &n) || c->error)
		return n;
	c->stack = 0;
	code_arg(c, arg, 0);
	if (c->code_count - begin > UINT16_MAX)
		print_give_up(c);
	return (struct print_num){.code = begin, .code_count = (uint16_t)(c->code_count - begin)};
}
