/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a line of an event costs: the 57057 events of the capture fence-leader printed again and
 * again by one thread, in CPU time; and what opening their formats costs. TEST_DATA names
 * tests/data.
 */
#include <time.h>

#include "../unit/printkit.h"

#define ROUNDS 10

static double cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
	static const struct print_options plain;
	struct realdata dat = realdata_load("real/fence-leader-v6.dat.zst");
	double best = 1e9, opened = cpu_seconds();
	struct print_event *events;
	struct text out = {0};
	struct printkit k;
	size_t count = 0, bytes = 0;

	printkit_of(&k, dat, &plain);
	opened = cpu_seconds() - opened;
	events = calloc(100000, sizeof(*events));
	while (events && count < 100000 && printkit_next(&k, &events[count]))
		count++;
	for (int round = 0; round < ROUNDS; round++) {
		double begin = cpu_seconds();

		bytes = 0;
		for (size_t i = 0; i < count; i++) {
			print_line(k.print, &events[i], &out);
			if (out.len < MIB && i + 1 < count)
				continue;
			bytes += out.len;
			text_reset(&out);
		}
		begin = cpu_seconds() - begin;
		best = begin < best ? begin : best;
	}
	printf("print_open_ms %.1f\nprint_line_ns %.0f\nprint_lines %zu\nprint_bytes %zu\n",
	       opened * 1e3, best * 1e9 / (double)max_of(count, (size_t)1), count, bytes);
	text_free(&out);
	free(events);
	printkit_free(&k);
	return count == 57057 ? 0 : 1;
}
