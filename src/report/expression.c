/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Conditions on the fields of trace events.
 *
 * Called by filter.c: parsed when the command line is read, bound to the formats of a recording
 * once it is open, then asked for each event.
 *
 *	or      = and { "||" and }
 *	and     = not { "&&" not }
 *	not     = "!" not | "(" or ")" | compare
 *	compare = NAME [ "&" NUMBER ] [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value ]
 *	        | NAME "~" GLOB
 *	value   = NUMBER | STRING | WORD
 *
 * "&" binds tighter than a comparison, as people mean it and C does not. A name is a field of the
 * format; or, where the format has no such field, the field nh_NAME (the header of a message), or
 * one of comm, pid, cpu, event, system. A comparison with a field that an event does not have is
 * false, whatever the comparison; that of which no event of the recording has it is a mistake.
 *
 * The tree is made a row of tests, each with the next one to do when it is true and when it is
 * false, so that asking is a loop without a stack. For each format a test has the field it is
 * about, found before the first event comes. The words are the user's own and the formats a
 * stranger's: depth and length are limited, a field may have any type, and then it is no field.
 */
#include "expression.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>

#define LENGTH_MAX 4096
#define NODES_MAX 512 /* the longest way through a tree, so recursion is bounded by it */
#define DEPTH_MAX 64  /* of parentheses and negations */
#define SHOWN_MAX 60  /* bytes of the expression that a complaint shows */

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_EQ,
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_AND_BITS,
	TOKEN_GLOB,
	TOKEN_NOT,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_OPEN,
	TOKEN_CLOSE,
};

struct token {
	enum token_kind kind;
	size_t at, n; /* in the text; of a string without its quotes */
	uint64_t number;
	bool negative; /* the number is 2^64 less */
};

enum test_kind { TEST_NONZERO, TEST_NUMBER, TEST_STRING };

/* One comparison, and where it leads. */
struct test {
	enum test_kind kind;
	enum token_kind op;
	const char *name;
	size_t name_at, value_at;
	uint64_t mask, number; /* mask 0: none */
	bool negative;
	char *word; /* STRING: what to compare with; NUMBER: NULL */
	size_t word_bytes;
	bool may_be_command; /* a word without quotes: LOCK */
	int on_true, on_false;
};

#define ACCEPT (-1)
#define REJECT (-2)

enum node_kind { NODE_TEST, NODE_NOT, NODE_AND, NODE_OR };

struct node {
	enum node_kind kind;
	int left, right; /* nodes; NODE_TEST: left is the test */
};

enum source { FROM_NOTHING, FROM_FIELD, FROM_COMM, FROM_CPU, FROM_EVENT, FROM_SYSTEM };

/* What a test looks at in events of one format. */
struct binding {
	const struct event_field *field;
	uint8_t from;	 /* enum source */
	bool as_command; /* compare with .command instead of the word */
	uint8_t command;
};

struct expression {
	char *text;
	struct test *tests;
	size_t test_count;
	int first; /* test to begin with */
	struct node nodes[NODES_MAX];
	size_t node_count;

	const struct recording *rec;
	struct binding *bindings; /* [formats * test_count] */
	const struct event_field **pids;
};

struct parser {
	struct expression *x;
	size_t length, at; /* .at: behind .token */
	struct token token;
	unsigned int depth;
	struct err *e;
};

/* ---- complaints ---- */

/* A sentence, the expression, and a mark below the place. */
static int complain(const char *text, size_t at, struct err *e, const char *fmt, ...) PRINTF(4, 5);
static int complain(const char *text, size_t at, struct err *e, const char *fmt, ...)
{
	CLEANUP(text_free) struct text sentence = {0}, line = {0};
	size_t length = strlen(text), from = at > SHOWN_MAX / 2 ? at - SHOWN_MAX / 2 : 0;
	size_t n = min_of(length - from, (size_t)SHOWN_MAX);
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&sentence, fmt, ap);
	va_end(ap);
	/* One column for each byte, so that the mark is where it should be. */
	for (size_t i = from; i < from + n; i++)
		text_printf(&line, "%c", text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
	return err_set(e, -EINVAL, "--where: %s, at character %zu:\n  %s%s%s\n  %*s^",
		       text_c(&sentence), at + 1, from ? "..." : "", text_c(&line),
		       from + n < length ? "..." : "", (int)(at - from + (from ? 3 : 0)), "");
}

#define COMPLAIN(p, at, ...) complain((p)->x->text, at, (p)->e, __VA_ARGS__)

/* ---- tokens ---- */

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* What may stand in a word that is a value: "kworker/0:1*". */
static bool is_word(char c)
{
	return is_name(c) || (c && strchr("-.:/*?+@", c));
}

static int take_number(struct parser *p, struct token *t)
{
	const char *s = p->x->text + t->at;
	unsigned int base = 10;
	uint64_t v = 0;
	size_t digits = 0;

	t->kind = TOKEN_NUMBER;
	t->negative = *s == '-';
	s += t->negative;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	for (; isxdigit((unsigned char)*s) && (base == 16 || isdigit((unsigned char)*s)); s++) {
		unsigned int digit = isdigit((unsigned char)*s)
					     ? (unsigned int)(*s - '0')
					     : (unsigned int)((*s | 32) - 'a') + 10;

		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v))
			return COMPLAIN(p, t->at, "a number beyond 64 bits");
		digits++;
	}
	if (!digits || is_name(*s))
		return COMPLAIN(p, t->at, "a number is expected here, decimal or as 0x1f");
	if (t->negative && v > (uint64_t)INT64_MAX + 1)
		return COMPLAIN(p, t->at, "a number beyond 64 bits");
	t->number = t->negative ? 0 - v : v;
	t->negative = t->negative && v;
	t->n = (size_t)(s - p->x->text) - t->at;
	return 0;
}

static int take_string(struct parser *p, struct token *t)
{
	const char *s = p->x->text, *end = strchr(s + t->at + 1, s[t->at]);

	if (!end)
		return COMPLAIN(p, t->at, "this quote is not closed");
	t->kind = TOKEN_STRING;
	t->at++;
	t->n = (size_t)(end - s) - t->at;
	p->at = (size_t)(end - s) + 1;
	return 0;
}

/* The longest first. */
static const struct {
	const char *s;
	enum token_kind kind;
} operators[] = {
	{"==", TOKEN_EQ},  {"!=", TOKEN_NE},   {"<=", TOKEN_LE}, {">=", TOKEN_GE},
	{"&&", TOKEN_AND}, {"||", TOKEN_OR},   {"<", TOKEN_LT},	 {">", TOKEN_GT},
	{"=", TOKEN_EQ},   {"~", TOKEN_GLOB},  {"!", TOKEN_NOT}, {"&", TOKEN_AND_BITS},
	{"(", TOKEN_OPEN}, {")", TOKEN_CLOSE},
};

static int take_operator(struct parser *p, struct token *t)
{
	const char *s = p->x->text + t->at;

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		if (!str_starts(s, operators[i].s))
			continue;
		t->kind = operators[i].kind;
		t->n = strlen(operators[i].s);
		return 0;
	}
	return COMPLAIN(p, t->at, "this means nothing here");
}

/* The next token; @value: a word may have more letters there than a name. */
static int advance(struct parser *p, bool value)
{
	const char *s = p->x->text;
	struct token t = {0};
	int r = 0;

	while (p->at < p->length && isspace((unsigned char)s[p->at]))
		p->at++;
	t.at = p->at;
	if (p->at == p->length) {
		t.kind = TOKEN_END;
	} else if (s[t.at] == '"' || s[t.at] == '\'') {
		r = take_string(p, &t);
		if (r == 0)
			p->token = t;
		return r;
	} else if (isdigit((unsigned char)s[t.at]) ||
		   (s[t.at] == '-' && isdigit((unsigned char)s[t.at + 1]))) {
		r = take_number(p, &t);
	} else if (is_name(s[t.at]) || (value && is_word(s[t.at]))) {
		t.kind = TOKEN_NAME;
		while (is_name(s[t.at + t.n]) || (value && is_word(s[t.at + t.n])))
			t.n++;
	} else {
		r = take_operator(p, &t);
	}
	p->at = t.at + t.n;
	p->token = t;
	return r;
}

/* ---- the tree ---- */

static int parse_or(struct parser *p, int *ret);

static int add_node(struct parser *p, enum node_kind kind, int left, int right, int *ret)
{
	struct expression *x = p->x;

	if (x->node_count == NODES_MAX)
		return COMPLAIN(p, p->token.at, "more than %d conditions", NODES_MAX);
	x->nodes[x->node_count] = (struct node){.kind = kind, .left = left, .right = right};
	*ret = (int)x->node_count++;
	return 0;
}

static char *copy_of(const struct parser *p, const struct token *t)
{
	return strndup(p->x->text + t->at, t->n);
}

static int take_mask(struct parser *p, struct test *t)
{
	int r = advance(p, true);

	if (r == 0 && p->token.kind != TOKEN_NUMBER)
		return COMPLAIN(p, p->token.at, "a number is expected after '&'");
	if (r == 0 && !p->token.number)
		return COMPLAIN(p, p->token.at, "'& 0' is never true");
	t->mask = p->token.number;
	return r == 0 ? advance(p, false) : r;
}

static int take_value(struct parser *p, struct test *t)
{
	enum token_kind op = p->token.kind;
	struct token v;
	int r = advance(p, true);

	if (r < 0)
		return r;
	v = p->token;
	t->op = op;
	t->value_at = v.at;
	if (v.kind == TOKEN_NUMBER && op != TOKEN_GLOB) {
		t->kind = TEST_NUMBER;
		t->number = v.number;
		t->negative = v.negative;
		return advance(p, false);
	}
	if (v.kind != TOKEN_NAME && v.kind != TOKEN_STRING && v.kind != TOKEN_NUMBER)
		return COMPLAIN(p, v.at, "a value is expected here: a number, a word or \"text\"");
	if (op != TOKEN_EQ && op != TOKEN_NE && op != TOKEN_GLOB)
		return COMPLAIN(p, v.at, "texts can be compared by ==, != and ~ only");
	if (t->mask)
		return COMPLAIN(p, v.at, "a number is expected here, as bits are compared");
	t->kind = TEST_STRING;
	t->may_be_command = v.kind == TOKEN_NAME && op != TOKEN_GLOB;
	t->word = copy_of(p, &v);
	t->word_bytes = v.n;
	return t->word ? advance(p, false) : err_nomem(p->e);
}

static int parse_compare(struct parser *p, int *ret)
{
	struct expression *x = p->x;
	struct test *t, *more;
	int r;

	if (p->token.kind != TOKEN_NAME)
		return COMPLAIN(p, p->token.at, "the name of a field is expected here");
	more = reallocarray(x->tests, x->test_count + 1, sizeof(*x->tests));
	if (!more)
		return err_nomem(p->e);
	x->tests = more;
	t = &x->tests[x->test_count];
	*t = (struct test){.kind = TEST_NONZERO, .name_at = p->token.at};
	t->name = copy_of(p, &p->token);
	if (!t->name)
		return err_nomem(p->e);
	x->test_count++;
	r = advance(p, false);
	if (r == 0 && p->token.kind == TOKEN_AND_BITS)
		r = take_mask(p, t);
	if (r == 0 && ((p->token.kind >= TOKEN_EQ && p->token.kind <= TOKEN_GE) ||
		       p->token.kind == TOKEN_GLOB))
		r = take_value(p, t);
	return r < 0 ? r : add_node(p, NODE_TEST, (int)x->test_count - 1, 0, ret);
}

static int parse_group(struct parser *p, int *ret)
{
	size_t open = p->token.at;
	int r = advance(p, false);

	if (r == 0)
		r = parse_or(p, ret);
	if (r == 0 && p->token.kind == TOKEN_END)
		return COMPLAIN(p, open, "this '(' is not closed");
	if (r == 0 && p->token.kind != TOKEN_CLOSE)
		return COMPLAIN(p, p->token.at, "'&&', '||' or ')' is expected here");
	return r == 0 ? advance(p, false) : r;
}

static int parse_not(struct parser *p, int *ret)
{
	int inner, r;

	if (p->token.kind != TOKEN_NOT && p->token.kind != TOKEN_OPEN)
		return parse_compare(p, ret);
	if (++p->depth > DEPTH_MAX)
		return COMPLAIN(p, p->token.at, "more than %d levels", DEPTH_MAX);
	if (p->token.kind == TOKEN_OPEN) {
		r = parse_group(p, ret);
	} else {
		r = advance(p, false);
		if (r == 0)
			r = parse_not(p, &inner);
		if (r == 0)
			r = add_node(p, NODE_NOT, inner, 0, ret);
	}
	p->depth--;
	return r;
}

static int parse_and(struct parser *p, int *ret)
{
	int right, r = parse_not(p, ret);

	while (r == 0 && p->token.kind == TOKEN_AND) {
		r = advance(p, false);
		if (r == 0)
			r = parse_not(p, &right);
		if (r == 0)
			r = add_node(p, NODE_AND, *ret, right, ret);
	}
	return r;
}

static int parse_or(struct parser *p, int *ret)
{
	int right, r = parse_and(p, ret);

	while (r == 0 && p->token.kind == TOKEN_OR) {
		r = advance(p, false);
		if (r == 0)
			r = parse_and(p, &right);
		if (r == 0)
			r = add_node(p, NODE_OR, *ret, right, ret);
	}
	return r;
}

/* Where the tests below a node lead when all of it is true, and false. Gives the first of them. */
static int lead(struct expression *x, int node, int on_true, int on_false)
{
	const struct node *n = &x->nodes[node];

	switch (n->kind) {
	case NODE_NOT:
		return lead(x, n->left, on_false, on_true);
	case NODE_AND:
		return lead(x, n->left, lead(x, n->right, on_true, on_false), on_false);
	case NODE_OR:
		return lead(x, n->left, on_true, lead(x, n->right, on_true, on_false));
	case NODE_TEST:
		break;
	}
	x->tests[n->left].on_true = on_true;
	x->tests[n->left].on_false = on_false;
	return n->left;
}

/**
 * expression_parse() - read an expression
 * @s:   of the command line
 * @ret: expression_free() it
 * @e:   filled on failure: a sentence, and two more lines that show the place
 *
 * Return: 0; -EINVAL or -ENOMEM.
 */
int expression_parse(const char *s, struct expression **ret, struct err *e)
{
	CLEANUP(expression_freep) struct expression *x = calloc(1, sizeof(*x));
	struct parser p = {.x = x, .length = strlen(s), .e = e};
	int root = 0, r;

	if (p.length > LENGTH_MAX)
		return err_set(e, -EINVAL, "--where: longer than %d bytes", LENGTH_MAX);
	if (!x)
		return err_nomem(e);
	x->text = strdup(s);
	if (!x->text)
		return err_nomem(e);
	r = advance(&p, false);
	if (r == 0)
		r = parse_or(&p, &root);
	if (r == 0 && p.token.kind != TOKEN_END)
		r = COMPLAIN(&p, p.token.at, "'&&' or '||' is expected here");
	if (r < 0)
		return r;
	x->first = lead(x, root, ACCEPT, REJECT);
	*ret = take_ptr(x);
	return 0;
}

void expression_free(struct expression *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->test_count; i++) {
		free((char *)x->tests[i].name);
		free(x->tests[i].word);
	}
	free(x->tests);
	free(x->text);
	free(x->bindings);
	free(x->pids);
	free(x);
}

void expression_freep(struct expression **x)
{
	expression_free(*x);
}

/* ---- what names mean ---- */

static bool is_number_field(const struct event_field *f)
{
	return !f->is_array && !f->is_string && !f->is_dynamic &&
	       (f->bytes == 1 || f->bytes == 2 || f->bytes == 4 || f->bytes == 8);
}

static const struct event_field *field_named(const struct event_format *f, const char *name)
{
	const struct event_field *field = event_field_of(f, name);
	char longer[128];

	if (field || strlen(name) > sizeof(longer) - 4)
		return field;
	(void)snprintf(longer, sizeof(longer), "nh_%s", name);
	return event_field_of(f, longer);
}

static bool command_named(const char *word, uint8_t *ret)
{
	for (unsigned int i = 0; i < WIRE_COMMANDS; i++) {
		if (strcasecmp(wire_command_name(i), word) != 0)
			continue;
		*ret = (uint8_t)i;
		return true;
	}
	return false;
}

static bool is_command_field(const struct event_field *f)
{
	return !strcmp(f->name, "cmd") || !strcmp(f->name, "nh_cmd");
}

static struct binding bind_field(const struct test *t, const struct event_field *f)
{
	struct binding b = {.field = f, .from = FROM_FIELD};

	if (t->kind == TEST_NONZERO)
		return is_number_field(f) || f->is_string ? b : (struct binding){0};
	if (t->kind == TEST_NUMBER)
		return is_number_field(f) ? b : (struct binding){0};
	if (f->is_string)
		return b;
	if (t->may_be_command && is_number_field(f) && is_command_field(f))
		b.as_command = command_named(t->word, &b.command);
	return b.as_command ? b : (struct binding){0};
}

/* The names that are no field: of every event. */
static struct binding bind_pseudo(const struct test *t, const struct event_format *f)
{
	static const struct {
		const char *name;
		enum source from;
		bool is_text;
	} pseudo[] = {{"comm", FROM_COMM, true},
		      {"cpu", FROM_CPU, false},
		      {"event", FROM_EVENT, true},
		      {"system", FROM_SYSTEM, true}};

	if (!strcasecmp(t->name, "pid")) {
		const struct event_field *pid = event_field_of(f, "common_pid");

		return pid ? bind_field(t, pid) : (struct binding){0};
	}
	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++)
		if (!strcasecmp(t->name, pseudo[i].name) &&
		    (t->kind == TEST_NONZERO || (t->kind == TEST_STRING) == pseudo[i].is_text))
			return (struct binding){.from = (uint8_t)pseudo[i].from};
	return (struct binding){0};
}

static bool is_pseudo(const char *name)
{
	static const char *const names[] = {"comm", "cpu", "event", "system", "pid"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(names[i], name))
			return true;
	return false;
}

static int wrong_type(const struct expression *x, const struct test *t, struct err *e)
{
	if (t->kind == TEST_STRING && t->may_be_command)
		return complain(x->text, t->value_at, e,
				"'%s' is compared with a word, but is a number", t->name);
	if (t->kind == TEST_STRING)
		return complain(x->text, t->name_at, e, "'%s' is a number, not a text", t->name);
	return complain(x->text, t->name_at, e, "'%s' is not a number", t->name);
}

static int no_such_field(const struct expression *x, const struct test *t, struct err *e)
{
	const struct event_table *events = &x->rec->events;
	CLEANUP(freep) const char **names = NULL;
	const char *near = NULL;
	size_t count = 0;

	for (uint32_t i = 0; i < events->count; i++)
		count += events->formats[i].field_count;
	names = calloc(count + 1, sizeof(*names));
	count = 0;
	for (uint32_t i = 0; names && i < events->count; i++)
		for (uint32_t k = 0; k < events->formats[i].field_count; k++)
			names[count++] = events->formats[i].fields[k].name;
	if (names)
		near = nearest_name(t->name, names, count);
	if (near)
		return complain(x->text, t->name_at, e,
				"no event has a field '%s' (did you mean '%s'?)", t->name, near);
	return complain(x->text, t->name_at, e, "no event has a field '%s'", t->name);
}

/* "name" of 10.0.0.1:5000: what the text of an event shows so is two numbers. */
static int check_address(const struct expression *x, const struct test *t, struct err *e)
{
	char ip[64], field[64], *colon;
	struct wire_addr a;

	if (t->kind != TEST_STRING || t->may_be_command || t->word_bytes >= sizeof(ip))
		return 0;
	(void)snprintf(ip, sizeof(ip), "%.*s", (int)t->word_bytes, t->word);
	colon = strchr(ip, ':');
	if (colon)
		*colon = '\0';
	(void)snprintf(field, sizeof(field), "%s_addr", t->name);
	if (!wire_addr_parse(ip, 0, &a) || strchr(ip, ':'))
		return 0;
	for (uint32_t i = 0; i < x->rec->events.count; i++)
		if (event_field_of(&x->rec->events.formats[i], field))
			return complain(x->text, t->name_at, e,
					"addresses are numbers in events: use --peer %.*s, or %s "
					"== 0x%02x%02x%02x%02x",
					(int)t->word_bytes, t->word, field, a.ip.s6_addr[12],
					a.ip.s6_addr[13], a.ip.s6_addr[14], a.ip.s6_addr[15]);
	return 0;
}

static int bind_test(struct expression *x, size_t number, struct err *e)
{
	const struct event_table *events = &x->rec->events;
	const struct test *t = &x->tests[number];
	bool named = is_pseudo(t->name), bound = false;
	int r = check_address(x, t, e);

	if (r < 0)
		return r;

	for (uint32_t i = 0; i < events->count; i++) {
		const struct event_format *format = &events->formats[i];
		const struct event_field *f = field_named(format, t->name);
		struct binding *b = &x->bindings[i * x->test_count + number];

		*b = f ? bind_field(t, f) : bind_pseudo(t, format);
		named |= f != NULL;
		bound |= b->from != FROM_NOTHING;
	}
	if (bound)
		return 0;
	return named ? wrong_type(x, t, e) : no_such_field(x, t, e);
}

/**
 * expression_bind() - find what the names mean in a recording
 * @rec: borrowed until expression_free()
 * @e:   filled on failure
 *
 * Without trace events nothing has to be found.
 *
 * Return: 0; -EINVAL when no event has a field of that name and kind; -ENOMEM.
 */
int expression_bind(struct expression *x, const struct recording *rec, struct err *e)
{
	const struct event_table *events = &rec->events;
	int r = 0;

	x->rec = rec;
	if (!rec->has_trace || !events->count)
		return 0;
	x->bindings = calloc((size_t)events->count * x->test_count, sizeof(*x->bindings));
	x->pids = calloc(events->count, sizeof(*x->pids));
	if (!x->bindings || !x->pids)
		return err_nomem(e);
	for (uint32_t i = 0; i < events->count; i++)
		x->pids[i] = event_field_of(&events->formats[i], "common_pid");
	for (size_t i = 0; r == 0 && i < x->test_count; i++)
		r = bind_test(x, i, e);
	return r;
}

/* ---- asking ---- */

/** glob_match() - is all of @s what the pattern says? Of length times length steps at most. */
bool glob_match(const char *pattern, size_t pattern_bytes, const char *s, size_t n)
{
	size_t p = 0, i = 0, star = SIZE_MAX, star_i = 0;

	while (i < n) {
		if (p < pattern_bytes && pattern[p] == '*') {
			star = p++;
			star_i = i;
		} else if (p < pattern_bytes && (pattern[p] == '?' || pattern[p] == s[i])) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++star_i;
		} else {
			return false;
		}
	}
	while (p < pattern_bytes && pattern[p] == '*')
		p++;
	return p == pattern_bytes;
}

static bool compare_string(const struct test *t, const char *s, size_t n)
{
	if (t->kind == TEST_NONZERO)
		return n > 0;
	if (t->op == TOKEN_GLOB)
		return glob_match(t->word, t->word_bytes, s, n);
	return (n == t->word_bytes && memcmp(s, t->word, n) == 0) == (t->op == TOKEN_EQ);
}

/* -1, 0, 1: two numbers of 64 bits of which each may be negative. */
static int order(uint64_t a, bool a_negative, uint64_t b, bool b_negative)
{
	if (a_negative != b_negative)
		return a_negative ? -1 : 1;
	return a < b ? -1 : a > b;
}

static bool compare_number(const struct test *t, uint64_t v, bool negative, const struct binding *b)
{
	uint64_t with = b->as_command ? b->command : t->number;
	int way;

	if (t->mask) {
		v &= t->mask;
		negative = false;
	}
	if (t->kind == TEST_NONZERO)
		return v != 0;
	way = order(v, negative, with, !b->as_command && t->negative);
	switch (t->op) {
	case TOKEN_EQ:
		return way == 0;
	case TOKEN_NE:
		return way != 0;
	case TOKEN_LT:
		return way < 0;
	case TOKEN_LE:
		return way <= 0;
	case TOKEN_GT:
		return way > 0;
	default:
		return way >= 0;
	}
}

static bool test_field(const struct test *t, const struct binding *b, const struct trace_event *ev)
{
	struct tracedat_span s;
	int64_t i;

	if (b->field->is_string)
		return event_field_string(b->field, ev->data, ev->bytes, &s) &&
		       compare_string(t, s.s, s.n);
	if (!event_field_i64(b->field, ev->data, ev->bytes, &i))
		return false;
	return compare_number(t, (uint64_t)i, b->field->is_signed && i < 0, b);
}

static bool test_comm(const struct expression *x, const struct test *t,
		      const struct trace_event *ev)
{
	const struct comm *c;
	uint64_t pid;

	if (!event_field_u64(x->pids[ev->type], ev->data, ev->bytes, &pid))
		return false;
	c = recording_comm(x->rec, (uint32_t)pid);
	return c && compare_string(t, c->name, c->bytes);
}

static bool holds(const struct expression *x, const struct test *t, const struct binding *b,
		  const struct trace_event *ev)
{
	const struct event_format *f = &x->rec->events.formats[ev->type];

	switch ((enum source)b->from) {
	case FROM_FIELD:
		return test_field(t, b, ev);
	case FROM_COMM:
		return test_comm(x, t, ev);
	case FROM_CPU:
		return compare_number(t, ev->cpu, false, b);
	case FROM_EVENT:
		return compare_string(t, f->name, strlen(f->name));
	case FROM_SYSTEM:
		return compare_string(t, f->system, strlen(f->system));
	case FROM_NOTHING:
		break;
	}
	return false;
}

/** expression_holds() - is it true of this event? Of one without a format it is not. */
bool expression_holds(const struct expression *x, const struct trace_event *ev)
{
	const struct binding *b;
	int at = x->first;

	if (!x->bindings || ev->type >= x->rec->events.count)
		return false;
	b = &x->bindings[ev->type * x->test_count];
	while (at >= 0)
		at = holds(x, &x->tests[at], &b[at], ev) ? x->tests[at].on_true
							 : x->tests[at].on_false;
	return at == ACCEPT;
}
