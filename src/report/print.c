/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events as text: the lines of `trace-cmd report`. Called for every event that a report
 *shows, by as many threads as there are.
 *
 * When a bundle is opened, libtraceevent parses all event formats once, and print_compile.c makes
 * programs of them. Each program is tried on made-up events beside the library itself, and used
 * only if both say the same; so a version of the library that prints something differently is
 * followed, at its own speed. What is left to the library goes through one lock, as it is not made
 * for threads. What it should not be given (print_gate.c) is shown as a list of fields.
 *
 * A line is, as in trace_show_data() of trace-cmd:
 *
 *	%16s-%-5d [%03d] %5llu.%06llu: NAME: TEXT	command, pid, CPU, seconds; NAME: is padded
 *
 * Control characters in what an event or a command is called do not reach the terminal: they become
 * "?", which is the one difference.
 *
 * A struct print owns the library's handle, the programs and the tables; the table of formats and
 * the bytes of the head stay the caller's.
 */
#include <errno.h>
#include <pthread.h>
#include <traceevent/event-parse.h>
#include <traceevent/trace-seq.h>

#include "print.h"
#include "print_program.h"

#define LIBRARY_FORMATS_MAX 16384   /* it inserts each into a sorted array */
#define LIBRARY_OPERANDS_MAX 300000 /* all events of Linux 6.18 have 70000 */
#define EVENT_BYTES_MAX 65536
/* Zeros behind an event that the library prints: beyond it lie fields and dynamic arrays. */
#define SCRATCH_BYTES (EVENT_BYTES_MAX + 3 * 65536 + 4096)
#define NAME_COLUMNS 20 /* trace-cmd evens out the names of events */
#define COMMS_MAX (1 << 20)
#define COMM_BYTES_MAX 64   /* the kernel's have 15 */
#define LINE_HEAD_BYTES 512 /* command to name */
#define TRIES 5
#define DYNAMIC_TRY_BYTES 12
#define OFFSET_LIMIT 65535

struct library {
	struct tep_handle *tep;
	struct tep_plugin_list *plugins;
	pthread_mutex_t lock;
	struct trace_seq seq;
	uint8_t *scratch; /* zeros, but while an event is printed */
};

enum kind_how { HOW_RAW, HOW_LIBRARY, HOW_PROGRAM };

/* How the events of one format are printed. */
struct kind {
	uint8_t how; /* enum kind_how */
	uint16_t head_bytes;
	uint32_t need_bytes; /* end of the last field */
	char *head;	     /* " NAME: ", padded */
	struct print_program *program;
};

/* "     kworker/0:1-12   " of a pid. */
struct comm {
	int32_t pid;
	uint32_t text, bytes; /* in .comm_text; 0 bytes: none */
};

struct print {
	struct print_options options;
	struct library *library;
	const struct event_table *table;
	struct kind *kinds; /* [table->count] */
	struct print_symbols *symbols;
	struct comm *comms; /* open addressing, a power of two */
	uint32_t comm_mask;
	struct text comm_text;
	uint32_t pid_offset;
	uint32_t library_operands; /* that the library may still be given */
	bool seconds;		   /* the clock counts nanoseconds */
	struct print_counts counts;
};

/* ---- the library ---- */

static void library_free(struct library *l)
{
	if (!l)
		return;
	if (l->plugins)
		tep_unload_plugins(l->plugins, l->tep);
	tep_free(l->tep);
	if (l->seq.buffer)
		trace_seq_destroy(&l->seq);
	(void)pthread_mutex_destroy(&l->lock);
	free(l->scratch);
	free(l);
}

static struct library *library_open(bool plugins)
{
	struct library *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	(void)pthread_mutex_init(&l->lock, NULL);
	trace_seq_init(&l->seq);
	l->tep = tep_alloc();
	l->scratch = calloc(1, SCRATCH_BYTES);
	if (!l->tep || !l->scratch || !l->seq.buffer) {
		library_free(l);
		return NULL;
	}
	/* What it has to say about a stranger's file is not for the terminal. */
	tep_set_loglevel(TEP_LOG_NONE);
	tep_set_local_bigendian(l->tep, TEP_LITTLE_ENDIAN);
	tep_set_file_bigendian(l->tep, TEP_LITTLE_ENDIAN);
	if (plugins)
		l->plugins = tep_load_plugins(l->tep);
	return l;
}

static char *library_symbol(void *symbols, unsigned long long *address, char **module)
{
	uint64_t start = 0;
	const char *name = print_symbol(symbols, *address, &start);

	(void)module;
	*address = start;
	return (char *)(uintptr_t)name;
}

/*
 * The library's own text of an event into l->seq. The id of a format is its place in our table + 1,
 * so that formats of one id do not get into each other's way: see library_parse(). Under the lock.
 */
static void library_text(struct library *l, uint16_t type, uint32_t need, const uint8_t *data,
			 uint32_t bytes)
{
	uint32_t n = min_of(bytes, (uint32_t)EVENT_BYTES_MAX);
	struct tep_record record = {
		.data = l->scratch, .size = (int)max_of(n, need), .record_size = (int)n};

	if (n)
		memcpy(l->scratch, data, n);
	put_le16(l->scratch, (uint16_t)(type + 1));
	trace_seq_reset(&l->seq);
	tep_print_event(l->tep, &l->seq, &record, "%s", TEP_PRINT_INFO);
	memset(l->scratch, 0, max_of(n, (uint32_t)EVENT_TYPE_BYTES));
}

/* What trace-cmd would show of it: its printf() ends at a NUL. */
static size_t library_bytes(const struct library *l)
{
	return l->seq.state == TRACE_SEQ__GOOD ? strnlen(l->seq.buffer, l->seq.len) : 0;
}

static void library_print(struct library *l, const struct print_event *ev, uint32_t need,
			  struct text *out)
{
	(void)pthread_mutex_lock(&l->lock);
	library_text(l, ev->type, need, ev->data, ev->bytes);
	text_add(out, l->seq.buffer, library_bytes(l));
	(void)pthread_mutex_unlock(&l->lock);
}

/* The format's text with another id, parsed by the library. NULL: not understood, or no memory. */
static struct tep_event *library_parse(struct library *l, const struct event_format *f, uint32_t id)
{
	CLEANUP(text_free) struct text copy = {0};
	const char *line = memmem(f->text.s, f->text.n, "\nID:", 4), *rest;
	size_t before;

	if (!line)
		return NULL;
	before = (size_t)(line - f->text.s);
	rest = memchr(line + 1, '\n', f->text.n - before - 1);
	if (!rest)
		return NULL;
	text_add(&copy, f->text.s, before);
	text_printf(&copy, "\nID: %u", id);
	text_add(&copy, rest, (size_t)(f->text.s + f->text.n - rest));
	if (!text_ok(&copy))
		return NULL;
	(void)tep_parse_event(l->tep, copy.s, copy.len, f->system);
	return tep_find_event(l->tep, (int)id);
}

/* ---- a program beside the library ---- */

static uint32_t fields_end(const struct event_format *f)
{
	uint32_t end = EVENT_COMMON_BYTES;

	for (uint32_t i = 0; i < f->field_count; i++)
		end = max_of(end, f->fields[i].offset + f->fields[i].bytes);
	return end;
}

static void fill_random(uint8_t *data, uint32_t n, uint64_t seed)
{
	uint64_t v = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (uint32_t i = 0; i < n; i++) {
		v ^= v << 13;
		v ^= v >> 7;
		v ^= v << 17;
		data[i] = (uint8_t)(v >> 32);
	}
}

/* Every number of the event to a small one: what tables of flags and names are about. */
static void fill_small(const struct event_format *f, uint8_t *data, unsigned int seed)
{
	for (uint32_t i = 0; i < f->field_count; i++) {
		const struct event_field *field = &f->fields[i];

		memset(data + field->offset, 0, field->bytes);
		if (field->bytes)
			data[field->offset] = (uint8_t)(seed + i * 3) % 16;
	}
}

/* Dynamic arrays behind the fields, each a short string. Returns the event's length. */
static uint32_t fill_dynamic(const struct event_format *f, uint8_t *data, uint32_t end)
{
	for (uint32_t i = 0; i < f->field_count; i++) {
		const struct event_field *field = &f->fields[i];
		uint32_t at = end;

		if (!field->is_dynamic || end > OFFSET_LIMIT - DYNAMIC_TRY_BYTES)
			continue;
		if (field->is_relative)
			at -= field->offset + field->bytes;
		put_le32(data + field->offset, at | (uint32_t)DYNAMIC_TRY_BYTES << 16);
		(void)snprintf((char *)data + end, DYNAMIC_TRY_BYTES, "dyn-%u", i % 1000);
		end += DYNAMIC_TRY_BYTES;
	}
	return end;
}

/* Does it never ask the event for a length or an index? With random bytes the library would. */
static bool program_is_tame(const struct print_program *g)
{
	for (uint32_t i = 0; i < g->step_count; i++)
		if (g->steps[i].kind == STEP_HEX || g->steps[i].kind == STEP_ARRAY ||
		    g->steps[i].conv.width_is_number || g->steps[i].conv.precision_is_number)
			return false;
	for (uint32_t i = 0; i < g->code_count; i++)
		if (g->code[i].op == NUM_INDEX || g->code[i].op == NUM_INDEX_DYNAMIC)
			return false;
	return true;
}

/* One made-up event: 0 of zeros, 1 and 2 of small numbers, then of any. Returns its length. */
static uint32_t try_fill(const struct event_format *f, uint32_t need, unsigned int number,
			 uint8_t *data)
{
	memset(data, 0, need);
	if (number == 1 || number == 2)
		fill_small(f, data, number);
	if (number > 2)
		fill_random(data, need, number);
	return (fill_dynamic(f, data, need) + 3) & ~3U;
}

/* Does the program print what the library prints? False without memory, too. */
static bool program_is_true(struct print *p, uint16_t type, const struct print_program *g)
{
	CLEANUP(freep) uint8_t *data = calloc(1, SCRATCH_BYTES);
	CLEANUP(text_free) struct text ours = {0};
	unsigned int tries = program_is_tame(g) ? TRIES : 3;
	uint32_t need = p->kinds[type].need_bytes;

	for (unsigned int i = 0; data && i < tries; i++) {
		uint32_t n = try_fill(&p->table->formats[type], need, i, data);

		text_reset(&ours);
		print_run(g, p->symbols, data, n, &ours);
		library_text(p->library, type, need, data, n);
		if (ours.failed || ours.len != library_bytes(p->library) ||
		    memcmp(text_c(&ours), p->library->seq.buffer, ours.len) != 0)
			return false;
	}
	return data;
}

/* How arrays are printed has changed from one version of the library to another: the other way. */
static bool program_turn_arrays(struct print_program *g)
{
	bool any = false;

	for (uint32_t i = 0; i < g->step_count; i++)
		if (g->steps[i].kind == STEP_ARRAY) {
			g->steps[i].spaced = !g->steps[i].spaced;
			any = true;
		}
	return any;
}

static bool program_proves(struct print *p, uint16_t type, struct print_program *g)
{
	return program_is_true(p, type, g) ||
	       (program_turn_arrays(g) && program_is_true(p, type, g));
}

/* The same with the names of scoutfs's numbers, once the plain one has proved right. */
static int program_name(struct tep_event *event, struct print_program **g)
{
	struct print_program *named = NULL;
	int r = print_compile(event, true, &named);

	if (r == 1) {
		print_program_free(*g);
		*g = named;
	}
	return r < 0 ? r : 0;
}

/* ---- formats ---- */

static int kind_head(struct kind *k, const char *name)
{
	int missing = NAME_COLUMNS - (int)strlen(name);
	int n = asprintf(&k->head, " %s: %*s", name, max_of(missing, 0), "");

	if (n < 0) {
		k->head = NULL;
		return -ENOMEM;
	}
	k->head_bytes = (uint16_t)n;
	return 0;
}

/* Decide how the events of one format are printed. */
static int kind_load(struct print *p, uint16_t type)
{
	const struct event_format *f = &p->table->formats[type];
	struct kind *k = &p->kinds[type];
	struct tep_event *event = NULL;
	int r = kind_head(k, f->name);
	uint32_t operands = 0;

	k->need_bytes = fields_end(f);
	if (r == 0 && type < LIBRARY_FORMATS_MAX)
		operands = print_gate_parse(f);
	if (operands && operands <= p->library_operands) {
		p->library_operands -= operands;
		event = library_parse(p->library, f, type + 1U);
	}
	if (r < 0 || !event)
		return r;
	r = print_compile(event, false, &k->program);
	if (r < 0)
		return r;
	if (r == 1 && !program_proves(p, type, k->program)) {
		print_program_free(k->program);
		k->program = NULL;
	}
	if (k->program) {
		k->how = HOW_PROGRAM;
		return p->options.names && strcmp(f->system, "scoutfs") == 0
			       ? program_name(event, &k->program)
			       : 0;
	}
	k->how = print_gate_print(event) ? HOW_LIBRARY : HOW_RAW;
	return 0;
}

static int kinds_load(struct print *p)
{
	p->kinds = calloc(p->table->count + 1, sizeof(*p->kinds));
	if (!p->kinds)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->table->count; i++) {
		int r = kind_load(p, (uint16_t)i);

		if (r < 0)
			return r;
		p->counts.programs += p->kinds[i].how == HOW_PROGRAM;
		p->counts.library += p->kinds[i].how == HOW_LIBRARY;
		p->counts.raw += p->kinds[i].how == HOW_RAW;
	}
	return 0;
}

/* ---- commands ---- */

static struct comm *comm_slot(const struct print *p, int32_t pid)
{
	uint32_t i = (uint32_t)pid * UINT32_C(2654435761);

	for (i = (i ^ i >> 15) & p->comm_mask; p->comms[i].bytes && p->comms[i].pid != pid;)
		i = (i + 1) & p->comm_mask;
	return &p->comms[i];
}

static void comm_add(struct print *p, int32_t pid, const char *name, size_t n)
{
	CLEANUP(text_free) struct text clean = {0};
	struct comm *slot = comm_slot(p, pid);
	size_t begin = p->comm_text.len;

	if (slot->bytes)
		return;
	text_add_clean(&clean, name, min_of(n, (size_t)COMM_BYTES_MAX), false);
	text_printf(&p->comm_text, "%16s-%-5d", text_c(&clean), pid);
	if (!text_ok(&clean) || !text_ok(&p->comm_text) || p->comm_text.len > UINT32_MAX)
		return;
	*slot = (struct comm){pid, (uint32_t)begin, (uint32_t)(p->comm_text.len - begin)};
}

/* "PID COMM", as sscanf("%d %m[^\n]") takes it apart. */
static void comm_line(struct print *p, const char *line, size_t n)
{
	char number[16] = "", *end;
	size_t digits = 0;
	long pid;

	while (digits < n && digits < sizeof(number) - 1 && line[digits] != ' ')
		digits++;
	memcpy(number, line, digits);
	pid = strtol(number, &end, 10);
	if (end == number || *end || pid < INT32_MIN || pid > INT32_MAX)
		return;
	while (digits < n && (line[digits] == ' ' || line[digits] == '\t'))
		digits++;
	if (digits < n)
		comm_add(p, (int32_t)pid, line + digits, n - digits);
}

static int comms_load(struct print *p, const struct tracedat_span *text)
{
	const char *at = text && text->n ? text->s : "", *end = at + (text ? text->n : 0);
	uint32_t lines = 0, size = 64;

	for (size_t i = 0; text && i < text->n && lines < COMMS_MAX; i++)
		lines += text->s[i] == '\n';
	while (size < 2 * lines + 8)
		size *= 2;
	p->comms = calloc(size, sizeof(*p->comms));
	if (!p->comms)
		return -ENOMEM;
	p->comm_mask = size - 1;
	comm_add(p, 0, "<idle>", 6);
	for (; at < end && lines + 1; lines--) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);

		comm_line(p, at, n);
		at += n + 1;
	}
	return text_ok(&p->comm_text) ? 0 : -ENOMEM;
}

/* Clocks whose stamps trace-cmd prints as seconds (is_timestamp_in_us()). */
static bool clock_has_seconds(const struct tracedat_span *clocks)
{
	static const char *const names[] = {"local", "global", "uptime", "perf", "tai"};
	const char *open = clocks->n ? memchr(clocks->s, '[', clocks->n) : NULL, *close;
	size_t n;

	if (!open)
		return true;
	open++;
	close = memchr(open, ']', (size_t)(clocks->s + clocks->n - open));
	n = close ? (size_t)(close - open) : 0;
	if (n >= 4 && memcmp(open, "mono", 4) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (n == strlen(names[i]) && memcmp(open, names[i], n) == 0)
			return true;
	return n == 0;
}

static void common_load(struct print *p)
{
	p->pid_offset = 4;
	for (uint32_t i = 0; i < p->table->count; i++) {
		const struct event_field *f = event_field_of(&p->table->formats[i], "common_pid");

		if (f && f->bytes == 4) {
			p->pid_offset = f->offset;
			return;
		}
	}
}

static int load(struct print *p, const struct tracedat_read_head *h,
		const struct tracedat_read_tail *tail)
{
	int r;

	r = print_symbols_open(&h->kallsyms, &h->printk_formats, &p->symbols);
	if (r < 0)
		return r;
	tep_set_long_size(p->library->tep, (int)h->long_bytes);
	if (tep_set_function_resolver(p->library->tep, library_symbol, p->symbols) < 0)
		return -ENOMEM;
	print_strings_register(p->symbols, p->library->tep);
	common_load(p);
	r = comms_load(p, tail ? &tail->cmdlines : NULL);
	if (r < 0)
		return r;
	print_symbols_test(p->symbols, true);
	r = kinds_load(p);
	print_symbols_test(p->symbols, false);
	return r;
}

/**
 * print_load() - make ready to print the events of a trace.dat
 * @p:    from print_open(); once
 * @h:    its head; the bytes that it points at must stay until print_free()
 * @t:    its formats; must stay as well
 * @tail: for the names of commands and the clock; NULL: none, and a clock of nanoseconds
 * @e:    filled on failure
 *
 * Some milliseconds for scoutfs's events, 0.2 s for all events of a kernel. From then on @p is
 * read-only but for what its locks guard.
 *
 * Return: 0, also when formats are not understood (print_count() tells); -ENOMEM.
 */
int print_load(struct print *p, const struct tracedat_read_head *h, const struct event_table *t,
	       const struct tracedat_read_tail *tail, struct err *e)
{
	p->table = t;
	p->seconds = !tail || clock_has_seconds(&tail->trace_clock);
	if (load(p, h, tail) < 0)
		return err_nomem(e);
	return 0;
}

/**
 * print_open() - begin printing
 * @o:   copied
 * @ret: set on success, to be given to print_free()
 * @e:   filled on failure
 *
 * Reads the plugins' folders when they are asked for, so this is for before the sandbox; all else
 * is done by print_load().
 *
 * Return: 0; -ENOMEM.
 */
int print_open(const struct print_options *o, struct print **ret, struct err *e)
{
	CLEANUP(print_freep) struct print *p = calloc(1, sizeof(*p));

	if (!p)
		return err_nomem(e);
	p->options = *o;
	p->library_operands = LIBRARY_OPERANDS_MAX;
	p->library = library_open(o->plugins);
	if (!p->library)
		return err_nomem(e);
	*ret = take_ptr(p);
	return 0;
}

/**
 * print_free() - free all of it; NULL is fine
 */
void print_free(struct print *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; p->kinds && i < p->table->count; i++) {
		free(p->kinds[i].head);
		print_program_free(p->kinds[i].program);
	}
	free(p->kinds);
	library_free(p->library);
	print_symbols_free(p->symbols);
	free(p->comms);
	text_free(&p->comm_text);
	free(p);
}

void print_freep(struct print **p)
{
	print_free(*p);
}

/**
 * print_count() - how many formats are printed in which way
 */
struct print_counts print_count(const struct print *p)
{
	return p->counts;
}

/* ---- fields, where there is nothing better ---- */

static void raw_number(const struct event_field *f, uint64_t v, struct text *out)
{
	bool is_long = strstr(f->type, "long");
	int64_t s = (int64_t)(v << (64 - 8 * f->bytes)) >> (64 - 8 * f->bytes);

	if (strchr(f->type, '*') || (is_long && !(f->is_signed && f->bytes == 8)))
		text_printf(out, "0x%llx", (unsigned long long)v);
	else if (f->is_signed)
		text_printf(out, "%lld", (long long)s);
	else
		text_printf(out, "%llu", (unsigned long long)v);
}

static void raw_array(const struct event_field *f, const uint8_t *data, uint32_t bytes,
		      struct text *out)
{
	struct tracedat_span s;

	if (f->is_string && event_field_string(f, data, bytes, &s)) {
		text_add(out, s.s, s.n);
		return;
	}
	if (!event_field_bytes(f, data, bytes, &s))
		return;
	text_str(out, "ARRAY[");
	for (size_t i = 0; i < s.n; i++)
		text_printf(out, i ? ", %02x" : "%02x", (unsigned int)(uint8_t)s.s[i]);
	text_str(out, "]");
}

/* As the library shows an event whose print fmt it could not parse. */
static void raw_print(const struct event_format *f, const uint8_t *data, uint32_t bytes,
		      struct text *out)
{
	text_str(out, "[FAILED TO PARSE]");
	for (uint32_t i = f->common_count; i < f->field_count; i++) {
		const struct event_field *field = &f->fields[i];
		uint64_t v;

		text_printf(out, " %s=", field->name);
		if (field->is_array)
			raw_array(field, data, bytes, out);
		else if (event_field_u64(field, data, bytes, &v))
			raw_number(field, v, out);
	}
}

/* ---- lines ---- */

static bool is_clean_byte(unsigned char c)
{
	return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\t';
}

/*
 * Only printable ASCII, newlines and tabs? Eight bytes at a time: a bit is left over from a byte
 * below ' ', one of 0x7f or one above; then the bytes are looked at one by one.
 */
static bool is_clean(const char *s, size_t n)
{
	static const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t v = get_le64(s + i), del = v ^ ones * 0x7f;

		if (!((v | (v - ones * ' ') | (del - ones)) & highs))
			continue;
		for (size_t k = i; k < i + 8; k++)
			if (!is_clean_byte((unsigned char)s[k]))
				return false;
	}
	for (; i < n; i++)
		if (!is_clean_byte((unsigned char)s[i]))
			return false;
	return true;
}

/* What was appended from @begin on must not move the terminal's cursor. */
static void clean_from(struct text *out, size_t begin)
{
	CLEANUP(text_free) struct text clean = {0};
	size_t n = out->len - begin;

	if (out->failed || is_clean(out->s + begin, n))
		return;
	text_add_clean(&clean, out->s + begin, n, true);
	out->failed |= !text_ok(&clean);
	if (out->failed)
		return;
	out->len = begin;
	text_add(out, clean.s, clean.len);
}

/**
 * print_text() - append an event's own text, without name, time and newline
 * @ev:  the event; its type must be one of the table's
 * @out: appended to; out->failed without memory
 */
void print_text(const struct print *p, const struct print_event *ev, struct text *out)
{
	const struct kind *k = &p->kinds[ev->type];
	size_t begin = out->len;

	if (k->how == HOW_PROGRAM)
		print_run(k->program, p->symbols, ev->data, ev->bytes, out);
	else if (k->how == HOW_LIBRARY)
		library_print(p->library, ev, k->need_bytes, out);
	else
		raw_print(&p->table->formats[ev->type], ev->data, ev->bytes, out);
	clean_from(out, begin);
	if (!out->failed && out->len > begin && out->s[out->len - 1] == '\n')
		out->s[--out->len] = '\0';
}

static char *put_comm(const struct print *p, const struct print_event *ev, char *at)
{
	const struct comm *comm;
	int32_t pid = -1;

	if (ev->bytes >= p->pid_offset + 4)
		pid = (int32_t)get_le32(ev->data + p->pid_offset);
	comm = comm_slot(p, pid);
	if (!comm->bytes)
		return at + sprintf(at, "%16s-%-5d", "<...>", pid);
	memcpy(at, p->comm_text.s + comm->text, comm->bytes);
	return at + comm->bytes;
}

/* @n digits with zeros in front, and what is more than that. */
static char *put_padded(char *at, uint64_t v, unsigned int n)
{
	char digits[20];
	unsigned int count = 0;

	do {
		digits[count++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (; n > count; n--)
		*at++ = '0';
	while (count)
		*at++ = digits[--count];
	return at;
}

static char *put_spaced(char *at, uint64_t v, unsigned int n)
{
	char digits[24];
	unsigned int count = (unsigned int)(put_padded(digits, v, 1) - digits);

	for (; n > count; n--)
		*at++ = ' ';
	memcpy(at, digits, count);
	return at + count;
}

static char *put_time(const struct print *p, uint64_t ns, char *at)
{
	uint64_t unit = p->options.nanoseconds ? 1 : 1000;
	uint64_t second = NSEC_PER_SEC / unit;

	if (!p->seconds)
		return put_spaced(at, ns, 12);
	*at++ = ' ';
	ns = (ns + unit / 2) / unit;
	at = put_spaced(at, ns / second, 5);
	*at++ = '.';
	return put_padded(at, ns % second, p->options.nanoseconds ? 9 : 6);
}

/* Up to the event's name. The caller has made room for LINE_HEAD_BYTES. */
static char *put_head(const struct print *p, const struct print_event *ev, char *at)
{
	at = put_comm(p, ev, at);
	memcpy(at, " [", 2);
	at = put_padded(at + 2, ev->cpu, 3);
	*at++ = ']';
	at = put_time(p, ev->ns, at);
	*at++ = ':';
	return at;
}

/**
 * print_line() - append an event's line, with its newline
 * @ev:  the event; of a type of the table or PRINT_TYPE_UNKNOWN
 * @out: appended to; out->failed without memory
 *
 * Any number of threads at a time, each with an @out of its own.
 */
void print_line(const struct print *p, const struct print_event *ev, struct text *out)
{
	char *at;

	if (!print_room(out, LINE_HEAD_BYTES))
		return;
	at = put_head(p, ev, out->s + out->len);
	if (ev->type < p->table->count) {
		const struct kind *k = &p->kinds[ev->type];

		memcpy(at, k->head, k->head_bytes);
		out->len = (size_t)(at + k->head_bytes - out->s);
		print_text(p, ev, out);
	} else {
		out->len = (size_t)(at - out->s);
		text_printf(out, " [UNKNOWN EVENT %u]",
			    ev->bytes >= EVENT_TYPE_BYTES ? get_le16(ev->data) : 0);
	}
	text_add(out, "\n", 1);
}

/**
 * print_lost() - append the line for events that the kernel lost
 * @events: how many; 0 when that is not known
 */
void print_lost(uint16_t cpu, uint64_t events, struct text *out)
{
	if (events)
		text_printf(out, "CPU:%u [%llu EVENTS DROPPED]\n", cpu, (unsigned long long)events);
	else
		text_printf(out, "CPU:%u [EVENTS DROPPED]\n", cpu);
}
