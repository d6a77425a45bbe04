/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event specifications, and lines of trace_pipe. Input: which (bit 0), then the text.
 *
 * Promised: a specification put together again parses to the same one, and its names cannot lead
 * out of the events folder; a line's members point into the line.
 */
#include "instance.h"
#include "trigger.h"

#include "fuzz.h"

static void try_spec(const char *s)
{
	CLEANUP(text_free) struct text again = {0};
	struct event_spec spec, back;
	struct err e = {0};

	if (event_spec_parse(s, &spec, &e) < 0) {
		MUST(e.text[0]);
		return;
	}
	MUST(spec.system[0] && !strchr(spec.system, '/') && spec.system[0] != '.');
	MUST(!strchr(spec.event, '/') && spec.event[0] != '.');
	text_str(&again, spec.system);
	if (spec.event[0] || spec.filter[0])
		text_printf(&again, ":%s", spec.event[0] ? spec.event : "*");
	if (spec.filter[0])
		text_printf(&again, "/%s", spec.filter);
	MUST(text_ok(&again) && event_spec_parse(again.s, &back, &e) == 0);
	MUST(strcmp(spec.system, back.system) == 0 && strcmp(spec.event, back.event) == 0 &&
	     strcmp(spec.filter, back.filter) == 0);
}

static void try_line(const char *line)
{
	const char *end = line + strlen(line);
	struct trigger_event_line l;

	if (!trigger_event_parse_line(line, &l))
		return;
	MUST(l.event > line && l.name_bytes > 0 && l.event + l.name_bytes <= end);
	MUST(l.text >= l.event + l.name_bytes && l.text <= end);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	uint8_t mode = input_u8(&in);
	char *s = fuzz_string(in.at, in.left);

	if (mode & 1)
		try_line(s);
	else
		try_spec(s);
	free(s);
	return 0;
}
