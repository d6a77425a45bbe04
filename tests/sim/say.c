// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the simulator tells: lines on standard output, each with its CLOCK_MONOTONIC nanoseconds,
 * kernel-log lines in the module's words, and at the end the counts. With --kmsg the kernel-log
 * lines go to /dev/kmsg as well. The kernel gives each open descriptor of /dev/kmsg ten lines in 5
 * s and drops the rest without a word (kernel/printk/printk.c, devkmsg_write()), so this module
 * counts for itself and says which lines it kept back.
 */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KMSG_WINDOW_NS                                                            \
	(5100 * NS_PER_MS) /* the kernel's 5 s and a little for its coarser clock \
			    */
#define LINE_BYTES 900	   /* under the kernel's 1024 for one record */

/* "on" and "ratelimit" let writes through; "off" drops them all
 * (Documentation/admin-guide/sysctl/kernel.rst). */
static int kmsg_policy(bool *limited)
{
	char word[16] = "";
	int fd = open("/proc/sys/kernel/printk_devkmsg", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!read(fd, word, sizeof(word) - 1);
		close(fd);
	}
	*limited = strncmp(word, "on", 2) != 0;
	return strncmp(word, "off", 3) ? 0 : -EPERM;
}

int say_init(struct sim *s, bool kmsg)
{
	for (int c = 0; c < LINE_CLASSES; c++)
		s->say.kmsg_fd[c] = -1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!kmsg)
		return 0;
	if (kmsg_policy(&s->say.kmsg_limited) < 0) {
		fprintf(stderr, "sim: the kernel drops what programs write to /dev/kmsg; sysctl "
				"kernel.printk_devkmsg=ratelimit allows it.\n");
		return -EPERM;
	}
	for (int c = 0; c < LINE_CLASSES; c++) {
		s->say.kmsg_fd[c] = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
		if (s->say.kmsg_fd[c] < 0) {
			fprintf(stderr,
				"sim: cannot open /dev/kmsg: %s; run as root, or leave out "
				"--kmsg.\n",
				strerror(errno));
			return -errno;
		}
	}
	return 0;
}

void say_done(struct sim *s)
{
	for (int c = 0; c < LINE_CLASSES; c++)
		if (s->say.kmsg_fd[c] >= 0)
			close(s->say.kmsg_fd[c]);
}

void say(const char *format, ...)
{
	va_list ap;

	printf("%" PRIu64 " ", now_ns());
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static bool kmsg_allowed(struct say *y, enum line_class class)
{
	uint64_t now = now_ns();
	uint64_t *oldest = &y->kmsg_sent_ns[class][y->kmsg_next[class]];

	if (y->kmsg_limited && *oldest && now - *oldest < KMSG_WINDOW_NS)
		return false;
	*oldest = now;
	y->kmsg_next[class] = (y->kmsg_next[class] + 1) % KMSG_BURST;
	return true;
}

static bool kmsg_write(struct say *y, enum line_class class, enum line_level level,
		       const char *text)
{
	static const int priority[] = {[LEVEL_INFO] = 6, [LEVEL_WARNING] = 4, [LEVEL_ERROR] = 3};
	char record[LINE_BYTES + 8];
	int n;

	if (y->kmsg_fd[class] < 0)
		return true;
	if (!kmsg_allowed(y, class))
		return false;
	n = snprintf(record, sizeof(record), "<%d>%s\n", priority[level], text);
	if (n >= (int)sizeof(record))
		n = (int)sizeof(record) - 1;
	return write(y->kmsg_fd[class], record, (size_t)n) == n;
}

/**
 * say_kernel_raw() - one kernel-log line as it is
 *
 * On standard output `kmsg` and the text; `kmsg-held` instead if the kernel's limit kept it out of
 * the log.
 */
void say_kernel_raw(struct sim *s, enum line_class class, enum line_level level, const char *text)
{
	uint64_t at = now_ns();
	bool out = kmsg_write(&s->say, class, level, text);

	if (out)
		s->say.lines++;
	else
		s->say.held++;
	printf("%" PRIu64 " %s %s\n", at, out ? "kmsg" : "kmsg-held", text);
}

/* With the module's prefix: the top 24 bits of fsid and rid, and the level's word. */
void say_kernel(struct sim *s, const struct node *n, enum line_class class, enum line_level level,
		const char *format, ...)
{
	static const char *const words[] = {
		[LEVEL_INFO] = "", [LEVEL_WARNING] = " warning", [LEVEL_ERROR] = " error"};
	char text[LINE_BYTES];
	va_list ap;
	int used = snprintf(text, sizeof(text),
			    "scoutfs f.%06" PRIx64 ".r.%06" PRIx64 "%s: ", s->fsid >> 40,
			    n->rid >> 40, words[level]);

	va_start(ap, format);
	vsnprintf(text + used, sizeof(text) - (size_t)used, format, ap);
	va_end(ap);
	say_kernel_raw(s, class, level, text);
}

void say_summary(struct sim *s)
{
	static const char *const udp[] = {"request-vote", "vote", "heartbeat", "resignation"};
	static const char *const kinds[] = {"request", "response"};
	uint64_t messages = 0, datagrams = 0;

	for (int e = 0; e < EV_COUNT; e++)
		if (hook_fired[e])
			printf("count %s %" PRIu64 "\n", hook_name(e), hook_fired[e]);
	for (unsigned cmd = 0; cmd < CMD_COUNT; cmd++) {
		for (int k = 0; k < 2; k++) {
			if (s->tcp_sent[cmd][k])
				printf("count tcp.%s.%s %" PRIu64 "\n", frame_cmd_name(cmd),
				       kinds[k], s->tcp_sent[cmd][k]);
			messages += s->tcp_sent[cmd][k];
		}
	}
	printf("count tcp.messages %" PRIu64 "\ncount tcp.payload %" PRIu64 "\n", messages,
	       s->tcp_bytes);
	for (int t = 0; t < QUORUM_TYPES; t++) {
		if (s->udp_sent[t])
			printf("count udp.%s %" PRIu64 "\n", udp[t], s->udp_sent[t]);
		datagrams += s->udp_sent[t];
	}
	printf("count udp.datagrams %" PRIu64 "\n", datagrams);
	printf("count kmsg.lines %" PRIu64 "\ncount kmsg.held %" PRIu64 "\n", s->say.lines,
	       s->say.held);
	printf("count fences %u\ncount protocol-errors %" PRIu64 "\n", s->fences,
	       s->protocol_errors);
	fflush(stdout);
}
