/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the programs of print_compile.c: an event's bytes to its text. Called for every event that
 * is shown, so the common steps (a literal, a number) neither check bounds nor call anything: the
 * event is known to have .need_bytes (or is copied and padded with zeros), and the output has room
 * for all steps of a known size. Strings, tables of flags and the like ask for room as they go.
 *
 * Any bytes are safe. Numbers come out as printf() would print them; where libtraceevent has ways
 * of its own (unknown flags, pointers to strings), they are followed, since the text is compared
 * with trace-cmd's line for line.
 */
#include "print_program.h"

#define NUMBER_BYTES_MAX 24 /* 64 bits in octal with a sign and a prefix */
#define DYNAMIC_MASK 0xffff

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

/* Where the text goes. Between calls of more() there is room for .fixed_bytes at least. */
struct sink {
	char *at;
	struct text *out;
	size_t fixed_bytes;
	bool failed;
};

/* The event that is printed. */
struct event {
	const struct print_program *program;
	const struct print_symbols *symbols;
	const uint8_t *data; /* padded to need_bytes */
	uint32_t bytes;	     /* that it really has */
};

/**
 * print_room() - make room in a text for bytes that are written to out->s + out->len directly
 */
bool print_room(struct text *out, size_t n)
{
	size_t want, size;
	char *s;

	if (out->failed)
		return false;
	if (n < out->size && out->len < out->size - n)
		return true;
	if (__builtin_add_overflow(out->len, n, &want) || want > SIZE_MAX / 2 - 1) {
		out->failed = true;
		return false;
	}
	size = max_of(want + 1, out->size * 2);
	s = realloc(out->s, size);
	if (!s) {
		out->failed = true;
		return false;
	}
	out->s = s;
	out->size = size;
	return true;
}

/* Room for @n bytes beside those that the steps of known size may still need. */
static bool more(struct sink *k, size_t n)
{
	k->out->len = (size_t)(k->at - k->out->s);
	if (!print_room(k->out, n + k->fixed_bytes)) {
		k->failed = true;
		return false;
	}
	k->at = k->out->s + k->out->len;
	return true;
}

static inline unsigned int decimal_digits(uint64_t v)
{
	static const uint64_t powers[] = {0,
					  10,
					  100,
					  1000,
					  10000,
					  100000,
					  1000000,
					  10000000,
					  100000000,
					  1000000000,
					  10000000000,
					  100000000000,
					  1000000000000,
					  10000000000000,
					  100000000000000,
					  1000000000000000,
					  10000000000000000,
					  100000000000000000,
					  1000000000000000000,
					  10000000000000000000U};
	/* log10(2) is about 1233 / 4096. */
	unsigned int n = (64 - (unsigned int)__builtin_clzll(v | 1)) * 1233 >> 12;

	return n + (v >= powers[n]);
}

static inline char *put_decimal(char *at, uint64_t v)
{
	char *end = at + decimal_digits(v);

	at = end;
	while (v >= 100) {
		uint64_t rest = v / 100;

		at -= 2;
		memcpy(at, digit_pairs + 2 * (v - rest * 100), 2);
		v = rest;
	}
	if (v >= 10)
		memcpy(at - 2, digit_pairs + 2 * v, 2);
	else
		at[-1] = (char)('0' + v);
	return end;
}

static inline unsigned int hex_digits(uint64_t v)
{
	return (67 - (unsigned int)__builtin_clzll(v | 1)) / 4;
}

static inline char *put_hex(char *at, uint64_t v)
{
	unsigned int n = hex_digits(v);
	char *end = at + n;

	for (at = end; n; n--) {
		*--at = "0123456789abcdef"[v & 15];
		v >>= 4;
	}
	return end;
}

static inline uint64_t load(const uint8_t *at, unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return *at;
	case 2:
		return get_le16(at);
	case 4:
		return get_le32(at);
	case 8:
		return get_le64(at);
	default:
		return UINT64_MAX;
	}
}

/* Where a dynamic array is, by libtraceevent's rules: 0 and 0 for one that is not in the event. */
static void dynamic_array(const struct event *ev, uint32_t word_offset, bool is_relative,
			  uint32_t *ret_offset, uint32_t *ret_bytes)
{
	uint32_t word = get_le32(ev->data + word_offset);
	uint32_t offset = word & DYNAMIC_MASK, n = word >> 16;

	*ret_bytes = offset + n > ev->bytes ? 0 : n;
	*ret_offset = offset > ev->bytes ? 0 : offset;
	if (is_relative)
		*ret_offset += word_offset + 4;
}

/* How much of @n bytes at @offset the event has. */
static uint32_t bytes_at(const struct event *ev, uint32_t offset, uint32_t n)
{
	return offset >= ev->bytes ? 0 : min_of(n, ev->bytes - offset);
}

static uint64_t element(const struct event *ev, const struct print_code *c, uint64_t index)
{
	/* 32 bits, as in the library. */
	uint32_t offset = c->offset + (uint32_t)(index * c->imm);

	if (c->op == NUM_INDEX_DYNAMIC) {
		uint32_t n;

		dynamic_array(ev, c->offset, c->is_relative, &offset, &n);
		offset += (uint32_t)index;
	}
	return bytes_at(ev, offset, c->bytes) == c->bytes ? load(ev->data + offset, c->bytes) : 0;
}

static uint64_t push(const struct event *ev, const struct print_code *c)
{
	uint32_t offset, n;

	if (c->op == NUM_CONST)
		return c->imm;
	if (c->op == NUM_LOAD)
		return load(ev->data + c->offset, c->bytes);
	dynamic_array(ev, c->offset, c->is_relative, &offset, &n);
	return n;
}

static uint64_t unary(const struct event *ev, const struct print_code *c, uint64_t v)
{
	switch (c->op) {
	case NUM_AND_MASK:
		return v & c->imm;
	case NUM_NOT:
		return !v;
	case NUM_INVERT:
		return ~v;
	case NUM_NEGATE:
		return -v;
	default:
		return element(ev, c, v);
	}
}

static uint64_t binary(unsigned int op, uint64_t left, uint64_t right)
{
	switch (op) {
	case NUM_OR:
		return left | right;
	case NUM_BOOL_OR:
		return left || right;
	case NUM_AND:
		return left & right;
	case NUM_BOOL_AND:
		return left && right;
	case NUM_LESS:
		return left < right;
	case NUM_LESS_EQUAL:
		return left <= right;
	case NUM_GREATER:
		return left > right;
	case NUM_GREATER_EQUAL:
		return left >= right;
	case NUM_EQUAL:
		return left == right;
	case NUM_NOT_EQUAL:
		return left != right;
	case NUM_SHIFT_LEFT: /* as x86 does it: what C leaves open */
		return left << (right & 63);
	case NUM_SHIFT_RIGHT:
		return left >> (right & 63);
	case NUM_SUBTRACT:
		return left - right;
	case NUM_ADD:
		return left + right;
	case NUM_DIVIDE:
		return right ? left / right : 0;
	case NUM_MODULO:
		return right ? left % right : 0;
	default:
		return left * right;
	}
}

/* The compiler has made sure that the stack is deep enough and never empty. */
static uint64_t evaluate_code(const struct event *ev, const struct print_num *num)
{
	const struct print_code *c = ev->program->code + num->code;
	uint64_t stack[PRINT_STACK + 1];
	unsigned int n = 0;

	for (unsigned int i = 0; i < num->code_count; i++, c++) {
		switch (c->op) {
		case NUM_CONST:
		case NUM_LOAD:
		case NUM_LENGTH:
			stack[n++] = push(ev, c);
			break;
		case NUM_INDEX:
		case NUM_INDEX_DYNAMIC:
		case NUM_AND_MASK:
		case NUM_NOT:
		case NUM_INVERT:
		case NUM_NEGATE:
			stack[n - 1] = unary(ev, c, stack[n - 1]);
			break;
		case NUM_SELECT:
			n -= 2;
			stack[n - 1] = stack[n - 1] ? stack[n] : stack[n + 1];
			break;
		default:
			n--;
			stack[n - 1] = binary(c->op, stack[n - 1], stack[n]);
			break;
		}
	}
	return stack[0];
}

static inline uint64_t evaluate(const struct event *ev, const struct print_num *num)
{
	if (num->code_count)
		return evaluate_code(ev, num);
	return load(ev->data + num->offset, num->bytes) >> num->shift & num->mask;
}

static inline uint64_t cut(uint64_t v, unsigned int bits)
{
	return bits == 64 ? v : v & ((UINT64_C(1) << bits) - 1);
}

static inline int64_t sign_extended(uint64_t v, unsigned int bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static char *put_octal(char *at, uint64_t v)
{
	unsigned int n = v ? (66 - (unsigned int)__builtin_clzll(v)) / 3 : 1;
	char *end = at + n;

	for (at = end; n; n--) {
		*--at = (char)('0' + (v & 7));
		v >>= 3;
	}
	return end;
}

/* The digits of a number, without sign and prefix. */
static unsigned int digits_of(const struct print_conv *c, uint64_t v, char *digits)
{
	char *end;

	switch (c->digits) {
	case DIGITS_HEX:
		return (unsigned int)(put_hex(digits, v) - digits);
	case DIGITS_OCTAL:
		return (unsigned int)(put_octal(digits, v) - digits);
	case DIGITS_HEX_UPPER:
		end = put_hex(digits, v);
		for (char *at = digits; at < end; at++)
			if (*at >= 'a')
				*at = (char)(*at - 'a' + 'A');
		return (unsigned int)(end - digits);
	default:
		return (unsigned int)(put_decimal(digits, v) - digits);
	}
}

static char *put_fill(char *at, char c, int n)
{
	if (n <= 0)
		return at;
	memset(at, c, (size_t)n);
	return at + n;
}

/* Sign or prefix, as printf() puts it. */
static unsigned int prefix_of(const struct print_conv *c, bool negative, uint64_t v, char *prefix)
{
	bool upper = c->digits == DIGITS_HEX_UPPER;

	if (c->digits == DIGITS_SIGNED && (negative || c->plus)) {
		prefix[0] = negative ? '-' : '+';
		return 1;
	}
	if (c->alternate && v && (c->digits == DIGITS_HEX || upper)) {
		prefix[0] = '0';
		prefix[1] = upper ? 'X' : 'x';
		return 2;
	}
	return 0;
}

static char *put_number(char *at, const struct print_conv *c, uint64_t v)
{
	char digits[NUMBER_BYTES_MAX], prefix[2];
	int width = c->width, zeros = 0, n, prefix_bytes;
	bool negative = false;

	v = cut(v, c->bits);
	if (c->digits == DIGITS_SIGNED && sign_extended(v, c->bits) < 0) {
		negative = true;
		v = (uint64_t)-sign_extended(v, c->bits);
	}
	n = (int)digits_of(c, v, digits);
	if (c->precision == 0 && v == 0)
		n = 0;
	prefix_bytes = (int)prefix_of(c, negative, v, prefix);
	zeros = max_of(c->precision - n, 0);
	/* "%#o" has a zero in front, unless one is there already. */
	if (c->alternate && c->digits == DIGITS_OCTAL && zeros == 0 && (v || n == 0))
		zeros = 1;
	if (c->zero && !c->left && c->precision < 0)
		zeros = max_of(width - prefix_bytes - n, zeros);
	width -= prefix_bytes + zeros + n;
	if (!c->left)
		at = put_fill(at, ' ', width);
	memcpy(at, prefix, (size_t)prefix_bytes);
	at = put_fill(at + prefix_bytes, '0', zeros);
	memcpy(at, digits, (size_t)n);
	at += n;
	return c->left ? put_fill(at, ' ', width) : at;
}

static inline char *put_zeros(char *at, const struct print_conv *c, uint64_t v)
{
	int n = c->digits == DIGITS_HEX ? (int)hex_digits(v) : (int)decimal_digits(v);

	for (; n < c->zeros_to; n++)
		*at++ = '0';
	return at;
}

static inline char *put_plain(char *at, const struct print_conv *c, uint64_t v)
{
	if (c->digits == DIGITS_SIGNED) {
		int64_t s = sign_extended(v, c->bits);

		if (s < 0) {
			*at++ = '-';
			s = -(uint64_t)s;
		}
		return put_decimal(at, (uint64_t)s);
	}
	v = cut(v, c->bits);
	if (c->zeros_to)
		at = put_zeros(at, c, v);
	return c->digits == DIGITS_HEX ? put_hex(at, v) : put_decimal(at, v);
}

/* The conversion with its width or precision from the event. */
static struct print_conv conv_of(const struct event *ev, const struct print_step *s)
{
	struct print_conv c = s->conv;

	if (c.width_is_number || c.precision_is_number) {
		int32_t n = (int32_t)evaluate(ev, &s->length);
		int16_t v = (int16_t)max_of(min_of(n, PRINT_WIDTH_MAX), -1);

		if (c.width_is_number)
			c.width = max_of(v, (int16_t)0);
		else
			c.precision = v;
	}
	return c;
}

/* Precisions of strings are of any length: they only ever shorten. */
static size_t string_bytes(const struct event *ev, const struct print_step *s, size_t n)
{
	int32_t most = s->conv.precision;

	if (s->conv.precision_is_number)
		most = (int32_t)evaluate(ev, &s->length);
	return most < 0 ? n : min_of(n, (size_t)most);
}

static void put_string(struct sink *k, const struct event *ev, const struct print_step *s,
		       const char *string, size_t n)
{
	struct print_conv c = conv_of(ev, s);
	int fill;

	n = string_bytes(ev, s, n);
	fill = n < (size_t)c.width ? c.width - (int)n : 0;
	if (!more(k, n + (size_t)fill))
		return;
	if (!c.left)
		k->at = put_fill(k->at, ' ', fill);
	memcpy(k->at, string, n);
	k->at += n;
	if (c.left)
		k->at = put_fill(k->at, ' ', fill);
}

static void put_bytes(struct sink *k, const char *s, size_t n)
{
	if (!more(k, n))
		return;
	memcpy(k->at, s, n);
	k->at += n;
}

static void put_0x(struct sink *k, uint64_t v)
{
	if (!more(k, NUMBER_BYTES_MAX))
		return;
	*k->at++ = '0';
	*k->at++ = 'x';
	k->at = put_hex(k->at, v);
}

static void step_symbol(struct sink *k, const struct event *ev, const struct print_step *s)
{
	uint64_t address = evaluate(ev, &s->num), start = 0;
	const char *name = print_symbol(ev->symbols, address, &start);

	if (!name) {
		put_0x(k, address);
		return;
	}
	put_bytes(k, name, strlen(name));
	if (s->kind == STEP_SYMBOL_OFFSET && more(k, 1)) {
		*k->at++ = '+';
		put_0x(k, address - start);
	}
}

static void step_string(struct sink *k, const struct event *ev, const struct print_step *s)
{
	uint32_t offset = s->num.offset, n;

	if (s->kind == STEP_STRING_DYNAMIC) {
		dynamic_array(ev, s->num.offset, s->is_relative, &offset, &n);
		if (!n)
			return;
		n = bytes_at(ev, offset, UINT32_MAX);
	} else {
		/* Of a sized array need_bytes has taken care. */
		n = s->size ? s->size : bytes_at(ev, offset, UINT32_MAX);
	}
	put_string(k, ev, s, (const char *)ev->data + offset,
		   n ? strnlen((const char *)ev->data + offset, n) : 0);
}

static void step_string_pointer(struct sink *k, const struct event *ev, const struct print_step *s)
{
	uint64_t address = evaluate(ev, &s->num);
	const char *string = print_string(ev->symbols, address);

	if (string)
		put_bytes(k, string, strlen(string));
	else if (more(k, NUMBER_BYTES_MAX))
		k->at = put_hex(k->at, address);
}

static void step_flags(struct sink *k, const struct event *ev, const struct print_step *s)
{
	int64_t left = (int64_t)evaluate(ev, &s->num);
	bool any = false;

	for (uint32_t i = 0; i < s->table.count; i++) {
		const struct print_choice *c = &s->table.choices[i];

		/* The library's way with names that it does not know (-1): the first one is 0. */
		if (!left && c->value < 0) {
			put_string(k, ev, s, c->text, c->bytes);
			return;
		}
		if (c->value <= 0 || (left & c->value) != c->value)
			continue;
		if (any)
			put_bytes(k, s->text, strlen(s->text));
		put_string(k, ev, s, c->text, c->bytes);
		any = true;
		left &= ~c->value;
	}
	if (!left)
		return;
	if (any)
		put_bytes(k, s->text, strlen(s->text));
	put_0x(k, (uint64_t)left);
}

static void step_choice(struct sink *k, const struct event *ev, const struct print_step *s)
{
	int64_t value = (int64_t)evaluate(ev, &s->num);

	for (uint32_t i = 0; i < s->table.count; i++)
		if (s->table.choices[i].value == value) {
			put_string(k, ev, s, s->table.choices[i].text, s->table.choices[i].bytes);
			return;
		}
	put_0x(k, (uint64_t)value);
}

/* The bytes of an array, at most @n of them. */
static const uint8_t *array_of(const struct event *ev, const struct print_step *s, uint64_t n,
			       uint32_t *ret_bytes)
{
	uint32_t offset = s->num.offset, length;

	if (s->is_dynamic)
		dynamic_array(ev, s->num.offset, s->is_relative, &offset, &length);
	*ret_bytes = bytes_at(ev, offset, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
	return ev->data + (*ret_bytes ? offset : 0);
}

static void step_hex(struct sink *k, const struct event *ev, const struct print_step *s)
{
	uint32_t n;
	const uint8_t *bytes = array_of(ev, s, (uint32_t)evaluate(ev, &s->length), &n);

	if (!more(k, (size_t)n * 3))
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (i && s->spaced)
			*k->at++ = ' ';
		*k->at++ = "0123456789abcdef"[bytes[i] >> 4];
		*k->at++ = "0123456789abcdef"[bytes[i] & 15];
	}
}

/* "{0x1,0x2}", or "1 2" as libtraceevent had it before 1.8. */
static void step_array(struct sink *k, const struct event *ev, const struct print_step *s)
{
	uint64_t count = (uint32_t)evaluate(ev, &s->length);
	uint32_t n;
	const uint8_t *bytes = array_of(ev, s, count * s->size, &n);

	n /= s->size;
	if (!more(k, (size_t)n * NUMBER_BYTES_MAX + 2))
		return;
	if (!s->spaced)
		*k->at++ = '{';
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = load(bytes + (size_t)i * s->size, s->size);

		if (i)
			*k->at++ = s->spaced ? ' ' : ',';
		if (s->spaced) {
			k->at = put_decimal(k->at, v);
			continue;
		}
		*k->at++ = '0';
		*k->at++ = 'x';
		k->at = put_hex(k->at, v);
	}
	if (!s->spaced)
		*k->at++ = '}';
}

/* Highest byte first, a comma between each four. */
static void step_bitmask(struct sink *k, const struct event *ev, const struct print_step *s)
{
	CLEANUP(text_free) struct text digits = {0};
	uint32_t offset, n;

	dynamic_array(ev, s->num.offset, s->is_relative, &offset, &n);
	n = bytes_at(ev, offset, n);
	for (uint32_t i = n; i; i--) {
		char pair[3] = {"0123456789abcdef"[ev->data[offset + i - 1] >> 4],
				"0123456789abcdef"[ev->data[offset + i - 1] & 15], ','};

		text_add(&digits, pair, i > 1 && (i - 1) % 4 == 0 ? 3 : 2);
	}
	put_string(k, ev, s, text_c(&digits), digits.len);
}

static void step_name(struct sink *k, const struct event *ev, const struct print_step *s)
{
	const char *name = s->name_of((unsigned int)cut(evaluate(ev, &s->num), s->conv.bits));

	if (!name || !more(k, strlen(name) + 2))
		return;
	*k->at++ = '(';
	put_bytes(k, name, strlen(name));
	*k->at++ = ')';
}

static char *put_char(char *at, const struct print_conv *c, char ch)
{
	if (!c->left)
		at = put_fill(at, ' ', c->width - 1);
	*at++ = ch;
	return c->left ? put_fill(at, ' ', c->width - 1) : at;
}

/* False where the text ends: a NUL is the end for trace-cmd. */
static bool step_number(struct sink *k, const struct event *ev, const struct print_step *s)
{
	uint64_t v = evaluate(ev, &s->num);

	if (s->conv.digits == DIGITS_CHAR) {
		struct print_conv c = conv_of(ev, s);

		if (!(char)v)
			return false;
		k->at = put_char(k->at, &c, (char)v);
		return true;
	}
	if (s->conv.width_is_number || s->conv.precision_is_number) {
		struct print_conv c = conv_of(ev, s);

		k->at = put_number(k->at, &c, v);
	} else {
		k->at = put_number(k->at, &s->conv, v);
	}
	return true;
}

static char *put_pointer(char *at, uint64_t v)
{
	if (!v) {
		memcpy(at, "(nil)", 5);
		return at + 5;
	}
	memcpy(at, "0x", 2);
	return put_hex(at + 2, v);
}

/* All but the two most common kinds. Returns the index of the next step. */
static uint32_t step_run(struct sink *k, const struct event *ev, uint32_t i)
{
	const struct print_step *s = &ev->program->steps[i];

	switch (s->kind) {
	case STEP_NUMBER:
		return step_number(k, ev, s) ? i + 1 : UINT32_MAX;
	case STEP_POINTER:
		k->at = put_pointer(k->at, evaluate(ev, &s->num));
		return i + 1;
	case STEP_SYMBOL:
	case STEP_SYMBOL_OFFSET:
		step_symbol(k, ev, s);
		return i + 1;
	case STEP_STRING:
	case STEP_STRING_DYNAMIC:
		step_string(k, ev, s);
		return i + 1;
	case STEP_STRING_CONST:
		put_string(k, ev, s, s->text, s->size);
		return i + 1;
	case STEP_STRING_POINTER:
		step_string_pointer(k, ev, s);
		return i + 1;
	case STEP_FLAGS:
		step_flags(k, ev, s);
		return i + 1;
	case STEP_CHOICE:
		step_choice(k, ev, s);
		return i + 1;
	case STEP_HEX:
		step_hex(k, ev, s);
		return i + 1;
	case STEP_ARRAY:
		step_array(k, ev, s);
		return i + 1;
	case STEP_BITMASK:
		step_bitmask(k, ev, s);
		return i + 1;
	case STEP_NAME:
		step_name(k, ev, s);
		return i + 1;
	case STEP_JUMP:
		return s->target;
	case STEP_JUMP_UNLESS:
		return evaluate(ev, &s->num) ? i + 1 : s->target;
	default:
		return i + 1;
	}
}

static inline char *put_literal(char *at, const struct print_step *s)
{
	/* Nearly all fit: one copy of a fixed size. */
	memcpy(at, s->literal, PRINT_LITERAL_PAD);
	if (s->literal_bytes > PRINT_LITERAL_PAD)
		memcpy(at, s->literal, s->literal_bytes);
	return at + s->literal_bytes;
}

static void run(const struct event *ev, struct text *out)
{
	const struct print_program *g = ev->program;
	struct sink k = {.out = out, .fixed_bytes = g->fixed_bytes};

	if (!print_room(out, g->fixed_bytes))
		return;
	k.at = out->s + out->len;
	for (uint32_t i = 0; i < g->step_count;) {
		const struct print_step *s = &g->steps[i];

		k.at = put_literal(k.at, s);
		if (s->kind == STEP_NUMBER && s->conv.is_plain) {
			k.at = put_plain(k.at, &s->conv, evaluate(ev, &s->num));
			i++;
			continue;
		}
		i = s->kind == STEP_LITERAL ? i + 1 : step_run(&k, ev, i);
		if (k.failed)
			return;
	}
	out->len = (size_t)(k.at - out->s);
	out->s[out->len] = '\0';
}

/* An event that is shorter than its format says: as if zeros followed. */
static __attribute__((noinline)) void run_padded(struct event *ev, struct text *out)
{
	uint8_t *padded = calloc(1, ev->program->need_bytes);

	if (!padded) {
		out->failed = true;
		return;
	}
	if (ev->bytes)
		memcpy(padded, ev->data, ev->bytes);
	ev->data = padded;
	run(ev, out);
	free(padded);
}

/**
 * print_run() - append an event's text
 * @g:       from print_compile()
 * @symbols: names of addresses and strings
 * @data:    the event's bytes, common fields first; any
 * @bytes:   how many
 * @out:     appended to; .failed without memory
 *
 * Any number of threads may run one program at a time.
 */
void print_run(const struct print_program *g, const struct print_symbols *symbols,
	       const uint8_t *data, uint32_t bytes, struct text *out)
{
	struct event ev = {.program = g, .symbols = symbols, .data = data, .bytes = bytes};

	if (bytes < g->need_bytes)
		run_padded(&ev, out);
	else
		run(&ev, out);
}
