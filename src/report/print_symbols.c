/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses to names: kallsyms for functions, printk_formats for constant strings that events point
 * at. Both are looked up as libtraceevent does it, down to which of several names of one address is
 * taken, because the text is compared with trace-cmd's.
 *
 * kallsyms has some 200000 lines and scoutfs's own events need none of them, so it is read when the
 * first address is asked for. Any thread may be the first.
 *
 * The tables belong to print.c; the texts they are read from stay the caller's.
 */
#include <errno.h>
#include <pthread.h>
#include <traceevent/event-parse.h>

#include "print_program.h"

#define SYMBOLS_MAX 1000000 /* a kernel with all its modules has a quarter of them */
#define STRINGS_MAX 65536
#define SYMBOL_BYTES_MAX 512 /* the kernel's KSYM_NAME_LEN is 128 or 512 */

struct symbol {
	uint64_t address;
	const char *name;
	const char *unused; /* three words, as the library's: its sort may depend on the size */
};

struct print_symbols {
	struct tracedat_span kallsyms;
	pthread_mutex_t lock;
	bool loaded; /* by __atomic */
	bool test;
	struct symbol *symbols; /* [count + 1], the last one zeros */
	uint32_t count;
	char *names;
	struct symbol *strings;
	uint32_t string_count;
	char *string_bytes;
};

static int address_compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

/* The function that an address lies in: from its own to the next one's (func_bcmp()). */
static int range_compare(const void *key, const void *at)
{
	const struct symbol *wanted = key, *s = at;

	if (wanted->address == s->address ||
	    (wanted->address > s->address && wanted->address < s[1].address))
		return 0;
	return wanted->address < s->address ? -1 : 1;
}

/* One line, "ffffffff81000000 T name\t[module]"; false when it names no function. */
static bool line_parse(const char *line, size_t n, uint64_t *ret_address,
		       struct tracedat_span *ret_name)
{
	uint64_t address = 0;
	size_t at = 0, begin;

	for (; at < n && at < 16; at++) {
		char c = line[at];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
						   : -1;

		if (digit < 0)
			break;
		address = address << 4 | (uint64_t)digit;
	}
	if (at == 0 || at + 3 >= n || line[at] != ' ' || line[at + 2] != ' ')
		return false;
	/* 'A' are offsets of per-CPU variables, '$' marks of ARM's assembler. */
	if (line[at + 1] == 'A' || line[at + 1] == 'a' || line[at + 3] == '$')
		return false;
	begin = at + 3;
	for (at = begin; at < n && line[at] > ' ' && line[at] != 0x7f; at++)
		;
	*ret_address = address;
	*ret_name = (struct tracedat_span){line + begin, at - begin};
	return ret_name->n > 0 && ret_name->n <= SYMBOL_BYTES_MAX;
}

/* Count the lines, and the bytes of their names; or, with room given, fill the tables. */
static void kallsyms_walk(const struct tracedat_span *text, struct symbol *symbols, char *names,
			  uint32_t *ret_count, size_t *ret_bytes)
{
	const char *at = text->n ? text->s : "", *end = at + text->n;
	size_t bytes = 0;
	uint32_t count = 0;

	while (at < end && count < SYMBOLS_MAX) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);
		struct tracedat_span name;
		uint64_t address;

		if (line_parse(at, n, &address, &name)) {
			if (symbols) {
				symbols[count] = (struct symbol){address, names + bytes, NULL};
				memcpy(names + bytes, name.s, name.n);
				names[bytes + name.n] = '\0';
			}
			bytes += name.n + 1;
			count++;
		}
		at += n + 1;
	}
	*ret_count = count;
	*ret_bytes = bytes;
}

/* The library's list has the last line first, which its sort then keeps or not: ours begins alike.
 */
static void reverse(struct symbol *symbols, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		struct symbol other = symbols[count - 1 - i];

		symbols[count - 1 - i] = symbols[i];
		symbols[i] = other;
	}
}

/* Without memory there are no names, and addresses are printed as such. */
static void kallsyms_load(struct print_symbols *s)
{
	uint32_t count = 0;
	size_t bytes = 0;

	kallsyms_walk(&s->kallsyms, NULL, NULL, &count, &bytes);
	s->symbols = calloc(count + 1, sizeof(*s->symbols));
	s->names = malloc(bytes + 1);
	if (!s->symbols || !s->names)
		return;
	kallsyms_walk(&s->kallsyms, s->symbols, s->names, &s->count, &bytes);
	reverse(s->symbols, s->count);
	qsort(s->symbols, s->count, sizeof(*s->symbols), address_compare);
}

static void kallsyms_want(struct print_symbols *s)
{
	if (__atomic_load_n(&s->loaded, __ATOMIC_ACQUIRE))
		return;
	(void)pthread_mutex_lock(&s->lock);
	if (!s->loaded) {
		kallsyms_load(s);
		__atomic_store_n(&s->loaded, true, __ATOMIC_RELEASE);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

/**
 * print_symbol() - the function an address lies in, or NULL
 * @ret_start: set with it: where the function begins
 */
const char *print_symbol(const struct print_symbols *s, uint64_t address, uint64_t *ret_start)
{
	struct symbol key = {.address = address};
	const struct symbol *found;

	if (s->test) {
		*ret_start = address & ~UINT64_C(0xff);
		return address % 3 ? "function_under_test" : NULL;
	}
	/* Only what is lazy changes, under its lock. */
	kallsyms_want((struct print_symbols *)(uintptr_t)s);
	if (!s->count)
		return NULL;
	found = bsearch(&key, s->symbols, s->count, sizeof(*s->symbols), range_compare);
	if (!found)
		return NULL;
	*ret_start = found->address;
	return found->name;
}

/**
 * print_symbols_test() - for comparisons of made-up events: made-up names, and kallsyms stays
 * unread
 */
void print_symbols_test(struct print_symbols *s, bool test)
{
	s->test = test;
}

/**
 * print_string() - the constant string at an address of the kernel, or NULL
 */
const char *print_string(const struct print_symbols *s, uint64_t address)
{
	struct symbol key = {.address = address};
	const struct symbol *found;

	if (!s->string_count)
		return NULL;
	found = bsearch(&key, s->strings, s->string_count, sizeof(*s->strings), address_compare);
	return found ? found->name : NULL;
}

/*
 * Such a string is also a format of trace_printk(), which the library interprets: widths that an
 * event or the format gives could ask for any amount of memory.
 */
static bool string_is_tame(const char *s, size_t n)
{
	unsigned int digits = 0;
	bool conversion = false;

	for (size_t i = 0; i < n; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9';

		if (s[i] == '%')
			conversion = true;
		else if (!digit && !strchr(".*#+- lhLzZ", s[i]))
			conversion = false;
		digits = digit ? digits + 1 : 0;
		if (conversion && (s[i] == '*' || digits > 3))
			return false;
	}
	return true;
}

/* "0xffffffff82000000 : "text\n"", as tep_parse_printk_formats() takes it apart. */
static bool string_parse(char *line, struct symbol *ret)
{
	char *colon = strchr(line, ':'), *text;
	size_t n;

	if (!colon || strlen(colon) < 5)
		return false;
	ret->address = strtoull(line, NULL, 16);
	text = colon + 2;
	text += *text == '"';
	n = strlen(text);
	if (n && text[n - 1] == '"') {
		text[--n] = '\0';
		if (n >= 2 && strcmp(text + n - 2, "\\n") == 0)
			text[n -= 2] = '\0';
	}
	ret->name = text;
	return string_is_tame(text, n);
}

static int strings_load(struct print_symbols *s, const struct tracedat_span *text)
{
	char *rest = NULL;

	s->string_bytes = malloc(text->n + 1);
	s->strings = calloc(STRINGS_MAX, sizeof(*s->strings));
	if (!s->string_bytes || !s->strings)
		return -ENOMEM;
	if (text->n)
		memcpy(s->string_bytes, text->s, text->n);
	s->string_bytes[text->n] = '\0';
	for (char *line = strtok_r(s->string_bytes, "\n", &rest);
	     line && s->string_count < STRINGS_MAX; line = strtok_r(NULL, "\n", &rest))
		s->string_count += string_parse(line, &s->strings[s->string_count]);
	qsort(s->strings, s->string_count, sizeof(*s->strings), address_compare);
	return 0;
}

/**
 * print_strings_register() - tell the library the same strings
 */
void print_strings_register(const struct print_symbols *s, struct tep_handle *tep)
{
	for (uint32_t i = 0; i < s->string_count; i++)
		/* It strips quotes again, and looks at two bytes before the last one. */
		if (strlen(s->strings[i].name) > 3)
			(void)tep_register_print_string(tep, s->strings[i].name,
							s->strings[i].address);
}

/**
 * print_symbols_free() - free the tables; NULL is fine
 */
void print_symbols_free(struct print_symbols *s)
{
	if (!s)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s->symbols);
	free(s->names);
	free(s->strings);
	free(s->string_bytes);
	free(s);
}

/**
 * print_symbols_open() - prepare the tables
 * @kallsyms: borrowed until print_symbols_free()
 * @printk:   text of printk_formats, borrowed for this call
 *
 * Return: 0; -ENOMEM.
 */
int print_symbols_open(const struct tracedat_span *kallsyms, const struct tracedat_span *printk,
		       struct print_symbols **ret)
{
	struct print_symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->kallsyms = *kallsyms;
	(void)pthread_mutex_init(&s->lock, NULL);
	if (strings_load(s, printk) < 0) {
		print_symbols_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}
