/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs that events are printed with: made by print_compile.c from what libtraceevent
 * parsed, run by print_run.c. A program is read-only once made; whatever it reads of an event lies
 * within .need_bytes, or is checked as it is read.
 */
#ifndef REPORT_PRINT_PROGRAM_H
#define REPORT_PRINT_PROGRAM_H

#include "base/text.h"
#include "format/event.h"

/* Expressions that need more are left to libtraceevent. */
#define PRINT_STACK 16
#define PRINT_WIDTH_MAX 512
#define PRINT_LITERAL_PAD 16 /* literals are copied in steps of this */

/* What a number means; NULL: it has no name. */
typedef const char *(*print_name_fn)(unsigned int value);

enum print_num_op {
	NUM_CONST, /* push .imm */
	NUM_LOAD,  /* push the .bytes bytes at .offset */
	NUM_INDEX, /* pop i; push the .bytes bytes at .offset + i * .imm, 0 beyond the event */
	NUM_INDEX_DYNAMIC, /* the same in a dynamic array, whose word is at .offset */
	NUM_LENGTH,	   /* push the length of the dynamic array whose word is at .offset */
	NUM_AND_MASK,	   /* top &= .imm */
	NUM_NOT,
	NUM_INVERT,
	NUM_NEGATE,
	NUM_OR, /* from here on: pop right, pop left, push */
	NUM_BOOL_OR,
	NUM_AND,
	NUM_BOOL_AND,
	NUM_LESS,
	NUM_LESS_EQUAL,
	NUM_GREATER,
	NUM_GREATER_EQUAL,
	NUM_EQUAL,
	NUM_NOT_EQUAL,
	NUM_SHIFT_LEFT,
	NUM_SHIFT_RIGHT,
	NUM_SUBTRACT,
	NUM_ADD,
	NUM_DIVIDE, /* by zero: 0 */
	NUM_MODULO,
	NUM_MULTIPLY,
	NUM_SELECT, /* pop no, pop yes, pop condition, push one of them */
};

struct print_code {
	uint8_t op; /* enum print_num_op */
	uint8_t bytes;
	bool is_relative; /* of a dynamic array */
	uint32_t offset;
	uint64_t imm;
};

/*
 * A number. Without code it is what most are: .bytes bytes at .offset, shifted right, masked; of no
 * bytes all ones, so that the mask is a constant.
 */
struct print_num {
	uint64_t mask;
	uint32_t offset;
	uint8_t bytes, shift;
	uint16_t code_count;
	uint32_t code; /* index of the first one */
};

enum print_digits {
	DIGITS_SIGNED,
	DIGITS_UNSIGNED,
	DIGITS_HEX,
	DIGITS_HEX_UPPER,
	DIGITS_OCTAL,
	DIGITS_CHAR
};

/* A conversion, as printf() has it. */
struct print_conv {
	uint8_t digits;	  /* enum print_digits */
	uint8_t bits;	  /* of the number: 8, 16, 32, 64 */
	bool is_plain;	  /* none of what follows, or the same as .zeros_to */
	int16_t zeros_to; /* if plain: zeros in front up to so many digits */
	bool left, zero, plus, alternate;
	bool width_is_number, precision_is_number; /* the step's .length has it */
	int16_t width;
	int16_t precision; /* -1: none */
};

enum print_kind {
	STEP_LITERAL, /* nothing but the literal in front that each step has */
	STEP_NUMBER,
	STEP_POINTER,	     /* 0x... or (nil) */
	STEP_SYMBOL,	     /* name of the function at an address */
	STEP_SYMBOL_OFFSET,  /* the same, +0x... */
	STEP_STRING,	     /* .num.offset, .size bytes; 0: up to the event's end */
	STEP_STRING_DYNAMIC, /* the word at .num.offset */
	STEP_STRING_CONST,   /* .text */
	STEP_STRING_POINTER, /* address of a string that printk_formats may have */
	STEP_FLAGS,	     /* .table, .text is the delimiter */
	STEP_CHOICE,	     /* .table: __print_symbolic() */
	STEP_HEX,	     /* .size bytes each behind the other, with a space if .spaced */
	STEP_ARRAY,	     /* {0x1,0x2}; "1 2" if .spaced */
	STEP_BITMASK,
	STEP_JUMP,	  /* to .target */
	STEP_JUMP_UNLESS, /* .num, to .target */
	STEP_NAME,	  /* "(NAME)" behind a number, by .name_of */
};

struct print_choice {
	int64_t value;
	const char *text;
	uint32_t bytes;
};

struct print_table {
	const struct print_choice *choices;
	uint32_t count;
};

struct print_step {
	uint8_t kind; /* enum print_kind */
	bool is_dynamic, is_relative, spaced;
	uint16_t literal_bytes;
	uint32_t size;
	const char *literal; /* padded */
	struct print_num num;
	struct print_num length; /* width or precision, count of bytes or elements */
	struct print_conv conv;
	uint32_t target;
	struct print_table table;
	const char *text;
	print_name_fn name_of;
};

struct print_block;

struct print_program {
	struct print_step *steps;
	struct print_code *code;
	struct print_block *blocks; /* strings and tables */
	uint32_t step_count, code_count;
	uint32_t need_bytes;  /* of the event; beyond them zeros are read */
	uint32_t fixed_bytes; /* of output: all but strings and the like, which ask for more */
};

/* Addresses to names of functions and to strings of the kernel: print_symbols.c. */
struct print_symbols;

int print_symbols_open(const struct tracedat_span *kallsyms, const struct tracedat_span *printk,
		       struct print_symbols **ret);
void print_symbols_free(struct print_symbols *s);
void print_symbols_test(struct print_symbols *s, bool test);
const char *print_symbol(const struct print_symbols *s, uint64_t address, uint64_t *ret_start);
const char *print_string(const struct print_symbols *s, uint64_t address);

struct tep_handle;
void print_strings_register(const struct print_symbols *s, struct tep_handle *tep);

struct tep_event;

/* Room for @n more bytes in @out; false and out->failed without memory. */
bool print_room(struct text *out, size_t n);
void print_run(const struct print_program *g, const struct print_symbols *symbols,
	       const uint8_t *data, uint32_t bytes, struct text *out);

/* 1: made; 0: this print fmt is for the library; -ENOMEM. */
int print_compile(struct tep_event *event, bool names, struct print_program **ret);
void print_program_free(struct print_program *g);

/* print_names.c */
print_name_fn print_names_of(const char *event, const char *field);
int64_t print_names_value(const char *name);

/* May the library parse this format? May it print the event? See print_gate.c. */
uint32_t print_gate_parse(const struct event_format *f);
bool print_gate_print(const struct tep_event *event);

#endif
