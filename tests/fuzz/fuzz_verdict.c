/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the verdict makes of log lines, messages and quorum datagrams of any content, in any order
 * of time. Input: when the trigger fired (0: never), its text up to a newline, then rows: a kind, a
 * time, and what the kind takes, a log line again up to a newline.
 *
 * Promised: what a line is said to mean lies within it; the verdict is one table with a sentence,
 * the sequence fits its screen, and so do heartbeats their limits.
 */
#include <sys/mman.h>

#include "logline.h"
#include "out.h"

#include "fuzz.h"

#define ROWS_MAX 2000

static struct bundle *bundle;

/* A capture alone, without packets: nothing but what is fed. */
static void open_bundle(void)
{
	static const uint8_t head[24] = {
		0x4d, 0x3c, 0xb2, 0xa1, [4] = 2, [6] = 4, [16] = 0xff, [17] = 0xff, [20] = 113};
	char path[64];
	int fd = memfd_create("capture", MFD_CLOEXEC);

	MUST(fd >= 0 && write(fd, head, sizeof(head)) == sizeof(head));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(bundle_open(path, &bundle, NULL) == 0);
	(void)close(fd);
}

static char *take_line(struct input *in, size_t *ret_n)
{
	const uint8_t *nl = in->left ? memchr(in->at, '\n', in->left) : NULL;
	size_t n = nl ? (size_t)(nl - in->at) : in->left;
	char *line = fuzz_alloc(n + 1);

	input_take(in, line, n);
	line[n] = '\0';
	if (nl)
		(void)input_u8(in);
	*ret_n = strlen(line);
	return line;
}

static struct wire_addr take_addr(struct input *in)
{
	struct wire_addr a;

	(void)wire_addr_parse("10.0.0.1", (uint16_t)(19700 + input_u8(in)), &a);
	a.ip.s6_addr[15] = input_u8(in);
	return a;
}

static void check_line(const char *line, size_t n)
{
	char *cut = fuzz_alloc(n);
	struct logline l;

	memcpy(cut, line, n);
	if (logline_parse(cut, n, true, &l)) {
		MUST(l.kind < LOGLINE_KINDS);
		MUST(l.message >= cut && l.message + l.message_bytes <= cut + n);
		MUST(l.mount.fsid <= 0xffffff && l.mount.rid <= 0xffffff &&
		     l.other.rid <= 0xffffff);
	}
	free(cut);
}

static void feed_log(struct input *in, uint64_t ns, void *const selves[2])
{
	struct log_line l = {.ns = ns, .foreign = input_u8(in) & 1};
	char *line = take_line(in, &l.bytes);

	l.text = line;
	check_line(line, l.bytes);
	analysis_verdict.log(selves[0], &l);
	analysis_heartbeats.log(selves[1], &l);
	free(line);
}

static void feed_datagram(struct input *in, uint64_t ns, void *const selves[2])
{
	struct datagram d = {.ns = ns, .source = take_addr(in), .destination = take_addr(in)};

	d.quorum.type = input_u8(in);
	d.quorum.from = input_u8(in);
	d.quorum.fsid = input_u8(in);
	d.quorum.term = input_u64(in);
	analysis_verdict.datagram(selves[0], &d);
	analysis_heartbeats.datagram(selves[1], &d);
}

static void feed_message(struct input *in, uint64_t ns, void *self)
{
	struct tcpflow_connection c = {.ends = {take_addr(in), take_addr(in)}};
	uint8_t data[WIRE_GREETING_BYTES];
	struct tcpflow_message m = {.header_ns = ns, .data = data, .data_bytes = sizeof(data)};
	uint8_t kind = input_u8(in);

	m.from = kind & 1;
	m.header.response = kind & 2;
	m.header.id = kind >> 2;
	/* Only such are handed over: wire_message_parse(). */
	m.header.command = input_u8(in) % WIRE_COMMANDS;
	m.header.error = input_u8(in) % WIRE_ERRORS;
	wire_greeting_write(&(struct wire_greeting){.rid = input_u64(in)}, data);
	analysis_verdict.message(self, &c, &m);
}

static void feed_rows(struct input *in, void *const selves[2])
{
	for (unsigned int i = 0; in->left && i < ROWS_MAX; i++) {
		uint8_t kind = input_u8(in);
		uint64_t ns = input_u64(in);

		if (kind % 3 == 0)
			feed_log(in, ns, selves);
		else if (kind % 3 == 1)
			feed_datagram(in, ns, selves);
		else
			feed_message(in, ns, selves[0]);
	}
}

static const struct table *table_of(const struct report_out *out, const char *name)
{
	for (size_t i = 0; i < out->count; i++)
		if (!strcmp(out->tables[i]->name, name))
			return out->tables[i];
	return NULL;
}

static void check_verdict(const struct report_out *out)
{
	const struct table *t = table_of(out, "verdict"), *sequence = table_of(out, "sequence");

	MUST(t && t->row_count && t->rows[0]->cells[1].len);
	MUST(!sequence || sequence->row_count <= 9);
	MUST(table_of(out, "completeness") && table_of(out, "next"));
}

static void check_heartbeats(const struct report_out *out)
{
	const struct table *intervals = table_of(out, "intervals"), *terms = table_of(out, "terms");

	MUST(intervals && intervals->row_count <= 256);
	MUST(terms && terms->row_count <= 1024);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct analysis_options options = {.limit = 20, .to_ns = UINT64_MAX};
	const struct analysis_ops *const ops[] = {&analysis_verdict, &analysis_heartbeats};
	struct input in = {bytes, n};
	struct report_document document = {0};
	struct report_out outs[2];
	void *selves[2];
	struct recording rec = {.trigger_ns = input_u64(&in)};
	char *text = take_line(&in, &(size_t){0});

	if (!bundle)
		open_bundle();
	rec.bundle = bundle;
	rec.last_ns = rec.trigger_ns;
	rec.triggered = rec.trigger_ns & 1;
	rec.trigger = "conn";
	rec.trigger_text = text;
	for (int i = 0; i < 2; i++) {
		selves[i] = calloc(1, ops[i]->self_bytes);
		out_begin(&outs[i], &document, ops[i], NULL, 0);
		MUST(selves[i] && ops[i]->open(selves[i], &rec, &options, &outs[i], NULL) == 0);
	}
	feed_rows(&in, selves);
	for (int i = 0; i < 2; i++) {
		MUST(ops[i]->result(selves[i], &outs[i], NULL) == 0);
		for (size_t k = 0; k < outs[i].count; k++)
			MUST(table_ok(outs[i].tables[k]));
	}
	check_verdict(&outs[0]);
	check_heartbeats(&outs[1]);
	for (int i = 0; i < 2; i++) {
		ops[i]->done(selves[i]);
		free(selves[i]);
		out_done(&outs[i]);
	}
	free(text);
	return 0;
}
