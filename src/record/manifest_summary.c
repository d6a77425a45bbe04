/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a recording amounts to, as a page for people: summary.txt.
 *
 * Called by finish.c with what manifest.c found out.
 */
#include "manifest.h"

#include <inttypes.h>

static void summarise_end(const struct manifest *m, struct text *out)
{
	const struct json_value *stop = folder_last(m->folder, "stop");
	const char *trigger = json_get_str(stop, "trigger", NULL);
	char when[40];

	if (!stop) {
		text_printf(
			out,
			"The recorder ended without finishing (killed, or its host went down).\n"
			"This bundle was recovered from what it had made durable.\n\n");
		return;
	}
	text_printf(out, "Ended by   %s%s%s\n", json_get_str(stop, "reason", "?"),
		    trigger ? " " : "", trigger ? trigger : "");
	text_printf(out, "At         %s (UTC)\n",
		    format_utc(json_get_u64(stop, "realtime_ns", 0), when, sizeof(when)));
	text_printf(out, "Saw        %s\n\n", json_get_str(stop, "text", ""));
}

static void summarise_command(const struct manifest *m, struct text *out)
{
	const struct json_value *c = folder_last(m->folder, "command");
	char wall[40], user[40], kernel[40], memory[40];
	uint64_t number;

	if (!c)
		return;
	if (!json_get_bool(c, "ended", false)) {
		text_str(out, "Command    had not ended when the recording did\n\n");
		return;
	}
	number = json_get_u64(c, "signal", 0);
	text_printf(out,
		    "Command    %s %" PRIu64
		    " after %s; CPU time %s user, %s system; memory at most %s\n\n",
		    number ? "ended by signal" : "exit status",
		    number ? number : json_get_u64(c, "exit_status", 0),
		    format_duration(json_get_u64(c, "wall_ns", 0), wall, sizeof(wall)),
		    format_duration(json_get_u64(c, "user_ns", 0), user, sizeof(user)),
		    format_duration(json_get_u64(c, "system_ns", 0), kernel, sizeof(kernel)),
		    format_bytes(json_get_u64(c, "max_rss_bytes", 0), memory, sizeof(memory)));
}

static void summarise_suspects(const struct manifest *m, struct text *out)
{
	CLEANUP(freep) const struct json_value **list = NULL;
	size_t count;
	char when[40];

	list = manifest_suspects(m, &count);
	if (count)
		text_str(out, "Suspects on the way there (UTC):\n");
	for (size_t i = 0; i < min_of(count, (size_t)50); i++)
		text_printf(out, "  %s  %-20s %.160s\n",
			    format_utc(json_get_u64(list[i], "realtime_ns", 0), when, sizeof(when)),
			    json_get_str(list[i], "trigger", "?"),
			    json_get_str(list[i], "text", ""));
	if (count > 50)
		text_printf(out, "  and %zu more, in manifest.json\n", count - 50);
	if (count)
		text_str(out, "\n");
}

static const char *format_when(const struct manifest *m, uint64_t mono_ns, char *buf, size_t size)
{
	if (!manifest_real_ns(m, mono_ns))
		return "an unknown time";
	return format_utc(manifest_real_ns(m, mono_ns), buf, size);
}

/* All series in a line, and those that are not as they should be. */
static void summarise_series(const struct manifest *m, struct text *out)
{
	uint64_t count = 0, samples = 0, first = UINT64_MAX, last = 0;
	char from[40], to[40], length[40];

	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (h->stream != CHUNK_SERIES || !h->records)
			continue;
		count++;
		samples += h->records;
		first = min_of(first, h->first_ns);
		last = max_of(last, h->last_ns);
	}
	if (count)
		text_printf(out,
			    "  %-13s %s to %s  %s, %" PRIu64 " samples of %" PRIu64 " series\n",
			    SERIES_FOLDER, format_when(m, first, from, sizeof(from)),
			    format_when(m, last, to, sizeof(to)),
			    format_duration(last - first, length, sizeof(length)), samples, count);
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (h->stream == CHUNK_SERIES && strcmp(h->status, "ok") != 0)
			text_printf(out, "  %-13s %s: %s: %s\n", "", h->name, h->status, h->why);
	}
}

static void summarise_holdings(const struct manifest *m, struct text *out)
{
	char from[40], to[40], length[40];

	text_str(out, "What each source covers (UTC):\n");
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		if (!h->stream || h->stream == CHUNK_SERIES)
			continue;
		if (!h->records) {
			text_printf(out, "  %-13s %s\n", h->member ? h->member : h->name,
				    h->member ? "nothing recorded" : "cannot be read");
		} else {
			text_printf(
				out, "  %-13s %s to %s  %s, %" PRIu64 " records\n", h->member,
				format_when(m, h->first_ns, from, sizeof(from)),
				format_when(m, h->last_ns, to, sizeof(to)),
				format_duration(h->last_ns - h->first_ns, length, sizeof(length)),
				h->records);
		}
		if (strcmp(h->status, "ok") != 0)
			text_printf(out, "  %-13s %s: %s\n", "", h->status, h->why);
	}
	summarise_series(m, out);
	text_str(out, "\n");
}

static void summarise_gap(const struct manifest *m, const struct holding *h, const struct gap *g,
			  struct text *out)
{
	char from[40], to[40], cpu[24] = "", count[40] = "an unknown number of";

	if (h->stream == CHUNK_RING && !strcmp(g->kind, "fault"))
		(void)snprintf(cpu, sizeof(cpu), " cpu %u", g->id);
	if (g->count)
		(void)snprintf(count, sizeof(count), "%s%" PRIu64, g->uncounted ? "at least " : "",
			       g->count);
	if (!strcmp(g->kind, "outage") && !g->count)
		(void)snprintf(count, sizeof(count), "no");
	text_printf(out, "  %s%s: %s %s, ", h->name, cpu, count,
		    h->stream == CHUNK_SERIES ? "samples not taken or not whole" : "records");
	if (!manifest_real_ns(m, g->to_ns))
		text_str(out, "at an unknown time");
	else if (!manifest_real_ns(m, g->from_ns))
		text_printf(out, "until %s",
			    format_utc(manifest_real_ns(m, g->to_ns), to, sizeof(to)));
	else
		text_printf(out, "%s to %s",
			    format_utc(manifest_real_ns(m, g->from_ns), from, sizeof(from)),
			    format_utc(manifest_real_ns(m, g->to_ns), to, sizeof(to)));
	text_printf(out, ": %s\n", g->reason);
}

static void summarise_losses(const struct manifest *m, struct text *out)
{
	size_t said = 0;

	text_str(out, "What was lost:\n");
	for (size_t i = 0; i < m->holding_count; i++) {
		const struct holding *h = &m->holdings[i];

		for (size_t k = 0; k < h->gap_count; k++) {
			if (!h->stream && !strcmp(h->gaps[k].kind, "retention"))
				continue; /* told by the sources it was dropped from */
			if (said++ < 50)
				summarise_gap(m, h, &h->gaps[k], out);
		}
	}
	if (m->died)
		text_str(out, "  up to a second before the end: it had not reached the disk yet\n");
	if (!said && !m->died)
		text_str(out, "  nothing\n");
	if (said > 50)
		text_printf(out, "  and %zu more, in manifest.json\n", said - 50);
	text_str(out, "\n");
}

static void summarise_members(const struct manifest *m, struct text *out)
{
	uint64_t context_bytes = 0, series_bytes = 0;
	char bytes[40];

	text_str(out, "How to open it:\n");
	text_printf(out, "  unpack         tar --zstd -xf %s\n", m->bundle_name);
	text_str(out,
		 "  trace.dat      trace-cmd report -i trace.dat | less     (or kernelshark "
		 "trace.dat)\n"
		 "  packets.pcap   tcpdump -r packets.pcap | less           (or wireshark "
		 "packets.pcap)\n"
		 "  kernel.log     less kernel.log\n"
		 "  clocks.csv     how the clocks lay to each other, each second\n"
		 "  series/        counters at intervals, as the kernel wrote them\n"
		 "  manifest.json  all of the above for programs; see scoutfs-trace-bundle(5)\n\n");
	text_str(out, "Members:\n");
	for (size_t i = 0; i < m->member_count; i++) {
		if (str_starts(m->members[i].path, "context/"))
			context_bytes += m->members[i].bytes;
		else if (str_starts(m->members[i].path, SERIES_FOLDER))
			series_bytes += m->members[i].bytes;
		else if (strcmp(m->members[i].path, "summary.txt") != 0)
			text_printf(out, "  %-14s %s\n", m->members[i].path,
				    format_bytes(m->members[i].bytes, bytes, sizeof(bytes)));
	}
	if (series_bytes)
		text_printf(out, "  %-14s %s\n", SERIES_FOLDER,
			    format_bytes(series_bytes, bytes, sizeof(bytes)));
	text_printf(out, "  %-14s %s: the host at the start and at the end; see context/*/INDEX\n",
		    "context/", format_bytes(context_bytes, bytes, sizeof(bytes)));
}

static void summarise_host(const struct manifest *m, struct text *out)
{
	const struct json_value *facts = folder_facts(m->folder);

	text_printf(out, "scoutfs-trace %s on %s\n\n", json_get_str(facts, "tool_version", "?"),
		    json_get_str(facts, "host", "?"));
	text_printf(out, "Server     %s\n", json_get_str(facts, "server", "?"));
	text_printf(out, "Kernel     %s %s\n", json_get_str(facts, "kernel", "?"),
		    json_get_str(facts, "machine", "?"));
	text_printf(out, "scoutfs    %s\n",
		    json_get_str(facts, "scoutfs_version", "version unknown"));
	text_printf(out, "Complete   %s\n", m->complete ? "yes" : "no: see what was lost, below");
}

/**
 * manifest_write_summary() - summary.txt: the same for a person
 *
 * Log lines that fired a trigger are in it, and anybody may have written those: nothing in it can
 * move a terminal's cursor.
 */
void manifest_write_summary(const struct manifest *m, struct text *out)
{
	CLEANUP(text_free) struct text page = {0};

	summarise_host(m, &page);
	summarise_end(m, &page);
	summarise_command(m, &page);
	summarise_suspects(m, &page);
	summarise_holdings(m, &page);
	summarise_losses(m, &page);
	summarise_members(m, &page);
	text_add_clean(out, text_c(&page), page.len, true);
	out->failed |= !text_ok(&page);
}
