/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording made up by a test: event formats from a few words, events from a few more, and an
 * analysis that is shown them.
 *
 *	kit_format("scoutfs", "scoutfs_lock_wait", "u64 rid, u8 start_zone, int mode");
 *	kit_formats_done();
 *	kit_open(&analysis_locks);
 *	kit_event("scoutfs_lock_wait", 5 * NSEC_PER_SEC, 0, 100, "rid=0x10 mode=2");
 *	t = kit_table("waits");                 result() is called once, before the first table
 *	CHECK_EQ(kit_u64(t, 0, "count"), 1);
 *	kit_done();
 *
 * What cannot be as the test says ends the program: a test that is wrong is not one that fails.
 */
#ifndef TESTS_UNIT_REPORTKIT_H
#define TESTS_UNIT_REPORTKIT_H

#include <errno.h>

#include "analysis.h"
#include "out.h"

#define KIT_FORMATS 64
#define KIT_EVENT_BYTES 512

static struct {
	struct text texts[KIT_FORMATS];
	struct tracedat_read_format formats[KIT_FORMATS];
	size_t format_count;
	struct tracedat_read_head head;
	struct comm comms[64];
	struct recording rec;
	struct analysis_options options;

	const struct analysis_ops *ops;
	void *self;
	struct report_document document;
	struct report_out out;
	bool result;
	uint8_t data[KIT_EVENT_BYTES];
	struct trace_event event;
	struct err err;
} kit = {.options = {.limit = 20, .to_ns = UINT64_MAX}};

static inline void kit_die(const char *what, const char *name)
{
	printf("Bail out! the test itself is wrong: %s: %s\n", name, what);
	exit(1);
}

/* ---- formats ---- */

static inline void kit_field(struct text *t, char *words, unsigned int *at)
{
	static const struct {
		const char *name, *type;
		unsigned int bytes;
		bool is_signed;
	} types[] = {{"u8", "__u8", 1, false},
		     {"u16", "__u16", 2, false},
		     {"u32", "__u32", 4, false},
		     {"u64", "__u64", 8, false},
		     {"s64", "__s64", 8, true},
		     {"int", "int", 4, true},
		     {"str", "__data_loc char[]", 4, false},
		     {"char16", "char", 16, true}};
	char *name = strchr(words, ' ');

	if (!name)
		kit_die("a field has a type and a name", words);
	*name++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		unsigned int align = min_of(types[i].bytes, 8U);

		if (strcmp(types[i].name, words) != 0)
			continue;
		if (types[i].bytes == 16)
			align = 1;
		*at = (*at + align - 1) / align * align;
		text_printf(t, "\tfield:%s %s%s;\toffset:%u;\tsize:%u;\tsigned:%d;\n",
			    types[i].type, name, types[i].bytes == 16 ? "[16]" : "", *at,
			    types[i].bytes, types[i].is_signed);
		*at += types[i].bytes;
		return;
	}
	kit_die("no such type", words);
}

/* @fields: "TYPE NAME, ..." of u8 u16 u32 u64 s64 int char16, str for a string of any length. */
static inline void kit_format(const char *system, const char *name, const char *fields)
{
	struct text *t = &kit.texts[kit.format_count];
	char *words = strdup(fields), *state = NULL;
	unsigned int at = EVENT_COMMON_BYTES;

	text_printf(t,
		    "name: %s\nID: %zu\nformat:\n"
		    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
		    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n",
		    name, 1000 + kit.format_count);
	for (char *f = strtok_r(words, ",", &state); f; f = strtok_r(NULL, ",", &state))
		kit_field(t, f + strspn(f, " "), &at);
	text_str(t, "\nprint fmt: \"\"\n");
	free(words);
	kit.formats[kit.format_count++] = (struct tracedat_read_format){
		.system = {system, strlen(system)}, .text = {t->s, t->len}};
}

static inline void kit_formats_done(void)
{
	kit.head = (struct tracedat_read_head){.formats = kit.formats,
					       .format_count = kit.format_count};
	if (event_table_read(&kit.head, &kit.rec.events, &kit.err) < 0)
		kit_die("formats", kit.err.text);
	kit.rec.has_trace = true;
	kit.rec.trigger = kit.rec.trigger_text = "";
}

static inline void kit_forget(void)
{
	event_table_done(&kit.rec.events);
	for (size_t i = 0; i < kit.format_count; i++)
		text_free(&kit.texts[i]);
	kit.format_count = 0;
	kit.rec = (struct recording){0};
	kit.options = (struct analysis_options){.limit = 20, .to_ns = UINT64_MAX};
}

/* In the order of pids. */
static inline void kit_comm(uint32_t pid, const char *name)
{
	kit.comms[kit.rec.comm_count++] =
		(struct comm){.pid = pid, .name = name, .bytes = (uint32_t)strlen(name)};
	kit.rec.comms = kit.comms;
}

/* ---- events ---- */

static inline void kit_set(const struct event_format *f, const char *words, uint32_t *bytes)
{
	const char *equals = strchr(words, '=');
	char name[64];
	const struct event_field *field;

	(void)snprintf(name, sizeof(name), "%.*s", (int)(equals ? equals - words : 0), words);
	field = event_field_of(f, name);
	if (!equals || !field)
		kit_die("the format has no such field", words);
	if (field->is_dynamic) {
		size_t n = strlen(equals + 1) + 1;

		put_le32(kit.data + field->offset, *bytes | (uint32_t)n << 16);
		memcpy(kit.data + *bytes, equals + 1, n);
		*bytes += (uint32_t)n;
	} else if (field->is_array) {
		memcpy(kit.data + field->offset, equals + 1,
		       min_of(strlen(equals + 1), (size_t)field->bytes));
	} else {
		uint64_t v = strtoull(equals + 1, NULL, 0);
		uint8_t le[8];

		put_le64(le, v);
		memcpy(kit.data + field->offset, le, field->bytes);
	}
}

/* An event; "NAME=VALUE ..." where a value has no blank; what is not named is 0. */
static inline const struct trace_event *kit_make(const char *name, uint64_t ns, uint16_t cpu,
						 uint32_t pid, const char *fields)
{
	const struct event_format *f = NULL;
	char *words = strdup(fields), *state = NULL;
	uint32_t bytes = EVENT_COMMON_BYTES;

	for (uint32_t i = 0; i < kit.rec.events.count && !f; i++)
		if (!strcmp(kit.rec.events.formats[i].name, name))
			f = &kit.rec.events.formats[i];
	if (!f)
		kit_die("no such event", name);
	for (uint32_t i = 0; i < f->field_count; i++)
		bytes = max_of(bytes, f->fields[i].offset + f->fields[i].bytes);
	memset(kit.data, 0, sizeof(kit.data));
	put_le16(kit.data, f->id);
	put_le32(kit.data + 4, pid);
	for (char *w = strtok_r(words, " ", &state); w; w = strtok_r(NULL, " ", &state))
		kit_set(f, w, &bytes);
	free(words);
	kit.event = (struct trace_event){.ns = ns,
					 .data = kit.data,
					 .bytes = bytes,
					 .type = (uint16_t)(f - kit.rec.events.formats),
					 .cpu = cpu};
	return &kit.event;
}

/* ---- an analysis ---- */

static inline int kit_try_open(const struct analysis_ops *ops)
{
	kit.ops = ops;
	kit.self = calloc(1, max_of(ops->self_bytes, (size_t)1));
	kit.result = false;
	kit.document = (struct report_document){.fd = STDOUT_FILENO, .e = &kit.err};
	view_begin(&kit.document.view, &(struct view_settings){0}, &kit.document.text);
	out_begin(&kit.out, &kit.document, ops, NULL, 0);
	return ops->open ? ops->open(kit.self, &kit.rec, &kit.options, &kit.out, &kit.err) : 0;
}

static inline void kit_open(const struct analysis_ops *ops)
{
	if (kit_try_open(ops) < 0)
		kit_die("open", kit.err.text);
}

/* Shown to whoever wants it, as feed.c does. */
static inline void kit_show(const struct trace_event *ev)
{
	const struct event_format *f =
		ev->type < kit.rec.events.count ? &kit.rec.events.formats[ev->type] : NULL;

	for (size_t i = 0; f && i < kit.ops->want_count; i++) {
		const struct event_want *w = &kit.ops->wants[i];
		const struct event_field *fields[EVENT_WANT_FIELDS] = {0};

		if (strcmp(w->event, f->name) != 0 || strcmp(w->system, f->system) != 0)
			continue;
		for (size_t k = 0; k < EVENT_WANT_FIELDS && w->fields[k]; k++)
			fields[k] = event_field_of(f, w->fields[k]);
		w->fn(kit.self, ev, fields);
	}
	if (kit.ops->each_event)
		kit.ops->each_event(kit.self, ev);
}

static inline void kit_event(const char *name, uint64_t ns, uint16_t cpu, uint32_t pid,
			     const char *fields)
{
	kit_show(kit_make(name, ns, cpu, pid, fields));
}

/* ---- packets and kernel-log lines ---- */

/* "10.0.0.1:5000" */
static inline struct wire_addr kit_addr(const char *s)
{
	const char *colon = strrchr(s, ':');
	struct wire_addr a;
	char ip[64];

	if (!colon)
		kit_die("an address is IP:PORT", s);
	(void)snprintf(ip, sizeof(ip), "%.*s", (int)(colon - s), s);
	if (!wire_addr_parse(ip, (uint16_t)atoi(colon + 1), &a))
		kit_die("an address is IP:PORT", s);
	return a;
}

/* A captured connection; end 0 is the client's. */
static inline struct tcpflow_connection kit_flow(const char *client, const char *server)
{
	static uint64_t number;

	return (struct tcpflow_connection){
		.number = ++number, .ends = {kit_addr(client), kit_addr(server)}, .server = 1};
}

static inline void kit_flow_begin(struct tcpflow_connection *c, uint64_t ns, enum tcpflow_begin how)
{
	c->begin_ns = ns;
	if (kit.ops->begin)
		kit.ops->begin(kit.self, c, how);
}

static inline void kit_flow_end(struct tcpflow_connection *c, uint64_t ns, enum tcpflow_end how)
{
	if (kit.ops->end)
		kit.ops->end(kit.self, c, ns, how);
}

/* A message that end @from sent. */
static inline void kit_message(struct tcpflow_connection *c, int from, uint64_t ns,
			       struct wire_message header, const void *data, uint32_t bytes)
{
	struct tcpflow_message m = {.from = from,
				    .header_ns = ns,
				    .last_ns = ns,
				    .header = header,
				    .data = data,
				    .data_bytes = bytes};

	m.header.data_len = (uint16_t)bytes;
	c->messages[from]++;
	if (kit.ops->message)
		kit.ops->message(kit.self, c, &m);
}

static inline void kit_greeting(struct tcpflow_connection *c, int from, uint64_t ns,
				struct wire_message header, struct wire_greeting g)
{
	uint8_t data[WIRE_GREETING_BYTES];

	wire_greeting_write(&g, data);
	header.command = WIRE_GREETING;
	kit_message(c, from, ns, header, data, sizeof(data));
}

/* A line of the kernel's. */
static inline void kit_line(uint64_t ns, const char *text)
{
	struct log_line l = {.ns = ns, .level = 6, .text = text, .bytes = strlen(text)};

	if (kit.ops->log)
		kit.ops->log(kit.self, &l);
}

/* NULL: the report has no such table. */
static inline const struct table *kit_find(const char *name)
{
	if (!kit.result && kit.ops->result && kit.ops->result(kit.self, &kit.out, &kit.err) < 0)
		kit_die("result", kit.err.text);
	kit.result = true;
	for (size_t i = 0; i < kit.out.count; i++)
		if (!strcmp(kit.out.tables[i]->name, name))
			return kit.out.tables[i];
	return NULL;
}

/* One that must be there. */
static inline const struct table *kit_table(const char *name)
{
	static const struct table none;
	const struct table *t = kit_find(name);

	if (!t)
		kit_die("no such table", name);
	return t ? t : &none;
}

static inline void kit_done(void)
{
	if (kit.ops->done)
		kit.ops->done(kit.self);
	free(kit.self);
	out_done(&kit.out);
	text_free(&kit.document.text);
	free(kit.document.view.shown);
}

static inline const struct cell *kit_cell(const struct table *t, size_t row, const char *key)
{
	static const struct cell none;
	int column = table_column(t, key);

	if (column < 0)
		kit_die("no such column", key);
	return column >= 0 && row < t->row_count ? &t->rows[row]->cells[column] : &none;
}

/* Of a cell that is empty, or of a row that is not there: UINT64_MAX - 1, and "(none)". */
static inline uint64_t kit_u64(const struct table *t, size_t row, const char *key)
{
	const struct cell *c = kit_cell(t, row, key);

	return c->known ? c->u : UINT64_MAX - 1;
}

static inline double kit_real(const struct table *t, size_t row, const char *key)
{
	const struct cell *c = kit_cell(t, row, key);

	return c->known ? c->d : -1e300;
}

static inline const char *kit_str(const struct table *t, size_t row, const char *key)
{
	const struct cell *c = kit_cell(t, row, key);

	return c->known ? c->s : "(none)";
}

/* The row whose cell says so; SIZE_MAX when none does. */
static inline size_t kit_row(const struct table *t, const char *key, const char *value)
{
	for (size_t i = 0; i < t->row_count; i++)
		if (!strcmp(kit_str(t, i, key), value))
			return i;
	return SIZE_MAX;
}

#endif
