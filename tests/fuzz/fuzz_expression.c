/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Conditions of --where. Input: an expression, a cut, the bytes of an event, another one.
 *
 * Promised: what is refused is told in words without control characters, with a mark below the
 * place; what is accepted is asked of any event in bounded time, reads no byte beyond it, and "!()"
 * around it turns the answer.
 */
#include "expression.h"

#include "fuzz.h"

static const char format_text[] =
	"name: some\nID: 7\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:__u64 rid;\toffset:8;\tsize:8;\tsigned:0;\n"
	"\tfield:__u8 nh_cmd;\toffset:16;\tsize:1;\tsigned:0;\n"
	"\tfield:int ret;\toffset:20;\tsize:4;\tsigned:1;\n"
	"\tfield:char comm[16];\toffset:24;\tsize:16;\tsigned:1;\n"
	"\tfield:__data_loc char[] msg;\toffset:40;\tsize:4;\tsigned:1;\n"
	"\tfield:__u16 list[4];\toffset:44;\tsize:8;\tsigned:0;\n\n"
	"print fmt: \"\"\n";

static struct recording rec;

static void setup(void)
{
	static struct tracedat_read_format format = {
		.system = {"sys", 3}, .text = {format_text, sizeof(format_text) - 1}};
	static const struct comm comms[] = {{.pid = 1, .name = "one", .bytes = 3}};

	if (rec.has_trace)
		return;
	MUST(event_table_read(&(struct tracedat_read_head){.formats = &format, .format_count = 1},
			      &rec.events, NULL) == 0 &&
	     rec.events.count == 1);
	rec.comms = (struct comm *)comms;
	rec.comm_count = 1;
	rec.has_trace = true;
}

/* 1 true, 0 false, -1 refused. */
static int ask(const char *s, const struct trace_event *ev)
{
	CLEANUP(expression_freep) struct expression *x = NULL;
	struct err e = {0};
	int r = expression_parse(s, &x, &e);

	if (r == 0)
		r = expression_bind(x, &rec, &e);
	if (r == 0)
		return expression_holds(x, ev);
	MUST(e.text[0] && fuzz_is_plain(e.text, strlen(e.text), true));
	MUST(e.text[strlen(e.text) - 1] == '^' || strstr(e.text, "longer"));
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct piece pieces[2];
	char *s, *opposite;
	uint8_t *data;
	struct trace_event ev;
	int answer, other;

	setup();
	(void)fuzz_cut(bytes, n, pieces, 2);
	s = piece_string(&pieces[0]);
	data = fuzz_copy(pieces[1].bytes, min_of(pieces[1].n, (size_t)65535));
	ev = (struct trace_event){
		.ns = 1, .data = data, .bytes = (uint32_t)min_of(pieces[1].n, (size_t)65535)};
	answer = ask(s, &ev);
	opposite = fuzz_alloc(strlen(s) + 4);
	(void)sprintf(opposite, "!(%s)", s);
	other = ask(opposite, &ev);
	/* It is a level deeper, and longer. */
	MUST(answer < 0 || other < 0 || answer == !other);
	free(opposite);
	free(data);
	free(s);
	return 0;
}
