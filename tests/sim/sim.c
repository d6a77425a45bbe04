// SPDX-License-Identifier: GPL-2.0-only
/*
 * sim: several scoutfs nodes on the loopback, for tests and demonstrations of a tracer. Real
 * packets, real trace events through uprobes, real lines in the kernel log; no kernel module, no
 * file system. README.md beside this file is its manual. This file has the command line only.
 */
#include "sim.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIO_BYTES_MAX (1024 * 1024)

static const char usage[] =
	"usage: sim [--kmsg] SCENARIO_FILE | -c 'STATEMENT; STATEMENT...'\n"
	"       sim --install-events | --remove-events | --list-events\n"
	"\n"
	"Plays scoutfs nodes on the loopback: TCP messages, quorum heartbeats, trace events, "
	"kernel-log lines.\n"
	"\n"
	"  -c TEXT           the scenario itself; a file named - is standard input\n"
	"  --kmsg            write the kernel-log lines to /dev/kmsg too (root)\n"
	"  --install-events  define the trace events as uprobes on this program, in group scoutfs "
	"(root)\n"
	"  --remove-events   remove these definitions (root)\n"
	"  --list-events     print these definitions\n"
	"\n"
	"Exit status: 0 done, also when SIGINT or SIGTERM ended it; 1 failure; 2 wrong usage or "
	"scenario.\n"
	"tests/sim/README.md has the scenario language and the output.\n";

enum action { ACTION_PLAY, ACTION_INSTALL, ACTION_REMOVE, ACTION_LIST };

struct options {
	enum action action;
	bool kmsg;
	const char *text, *file;
};

/* 0; 1 if there is nothing more to do; -EINVAL after a word on stderr. */
static int options_parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"kmsg", no_argument, NULL, 'k'},
					      {"install-events", no_argument, NULL, 'i'},
					      {"remove-events", no_argument, NULL, 'r'},
					      {"list-events", no_argument, NULL, 'l'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->text = optarg;
			break;
		case 'k':
			o->kmsg = true;
			break;
		case 'i':
			o->action = ACTION_INSTALL;
			break;
		case 'r':
			o->action = ACTION_REMOVE;
			break;
		case 'l':
			o->action = ACTION_LIST;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return -EINVAL;
		}
	}
	if (optind < argc)
		o->file = argv[optind++];
	if (optind < argc || (o->action == ACTION_PLAY) != !!(o->file || o->text) ||
	    (o->file && o->text)) {
		fprintf(stderr,
			"sim: give one scenario file, or -c with a scenario, or one action on "
			"events\n%s",
			usage);
		return -EINVAL;
	}
	return 0;
}

static char *file_read(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = malloc(SCENARIO_BYTES_MAX + 1);
	size_t n;

	if (!f || !text) {
		fprintf(stderr, "sim: cannot read %s: %s\n", path, strerror(errno));
		goto fail;
	}
	n = fread(text, 1, SCENARIO_BYTES_MAX + 1, f);
	if (ferror(f) || n > SCENARIO_BYTES_MAX || memchr(text, 0, n)) {
		fprintf(stderr,
			"sim: %s is not a scenario: it cannot be read, is over 1 MiB or has NUL "
			"bytes\n",
			path);
		goto fail;
	}
	text[n] = '\0';
	if (f != stdin)
		fclose(f);
	return text;
fail:
	if (f && f != stdin)
		fclose(f);
	free(text);
	return NULL;
}

static struct sim *sim_new(void)
{
	struct sim *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->life.epoll_fd = s->life.timer_fd = s->life.signal_fd = -1;
	for (int i = 0; i < SCENARIO_NODES_MAX; i++)
		s->nodes[i].udp.fd = s->nodes[i].listen.fd = -1;
	settings_default(&s->set);
	return s;
}

static int sim_run(const struct options *o, const struct scenario *sc)
{
	struct sim *s = sim_new();
	int r;

	if (!s)
		return 1;
	r = say_init(s, o->kmsg);
	if (r == 0)
		r = life_init(s);
	if (r == 0) {
		r = play(s, sc);
		say_summary(s);
		net_free(s);
	}
	life_done(s);
	say_done(s);
	free(s);
	return r < 0 ? 1 : 0;
}

static int sim_play(const struct options *o)
{
	struct scenario sc;
	char *text = o->text ? strdup(o->text) : file_read(o->file);
	int r;

	if (!text)
		return 2;
	r = scenario_parse(text, &sc);
	free(text);
	if (r < 0)
		return r == -EINVAL ? 2 : 1;
	r = sim_run(o, &sc);
	scenario_free(&sc);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	int r = options_parse(argc, argv, &o);

	if (r)
		return r < 0 ? 2 : 0;
	switch (o.action) {
	case ACTION_INSTALL:
		return hook_install() < 0;
	case ACTION_REMOVE:
		return hook_remove() < 0;
	case ACTION_LIST:
		return hook_list(stdout) < 0;
	default:
		return sim_play(&o);
	}
}
