// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scenario language (README.md has its reference). A text becomes a flat list of statements in
 * which a loop's two ends know each other. Everything that can be told from the text alone is
 * checked here, so that a mistake costs no half-run test: words, numbers, units, ranges, order,
 * slots that do not exist. Errors go to stderr with the line, what is wrong and what is allowed.
 * One table describes the statements.
 */
#include "scenario.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum form {
	FORM_NONE,
	FORM_NUMBER,
	FORM_TIME,
	FORM_ADDRESS,
	FORM_CLIENT,
	FORM_CLIENT_MAYBE,
	FORM_STORM,
	FORM_TEXT,
	FORM_LOOP
};

#define MS 1000000ull
#define SECOND 1000000000ull
#define LONGEST (365ull * 86400 * SECOND)

/* min and max: of the number, or of the time in ns */
static const struct {
	const char *name;
	enum form form;
	uint64_t min, max;
	const char *usage;
	bool takes_time;
} verbs[VERB_COUNT] = {
	[VERB_NODES] = {"nodes", FORM_NUMBER, 1, SCENARIO_NODES_MAX, "nodes 1 to 15", false},
	[VERB_PORT] = {"port", FORM_NUMBER, 1, 65535,
		       "port NUMBER, the first slot's; the others follow", false},
	[VERB_ADDRESS] = {"address", FORM_ADDRESS, 0, 0, "address 127.x.y.z or ::1", false},
	[VERB_LEADER] = {"leader", FORM_NUMBER, 0, SCENARIO_NODES_MAX - 1, "leader SLOT", false},
	[VERB_HEARTBEAT] = {"heartbeat", FORM_TIME, 1 * MS, 60 * SECOND,
			    "heartbeat TIME, 1ms to 60s", false},
	[VERB_HEARTBEAT_TIMEOUT] = {"heartbeat-timeout", FORM_TIME, 10 * MS, 3600 * SECOND,
				    "heartbeat-timeout TIME, 10ms to 1h", false},
	[VERB_RECONNECT] = {"reconnect", FORM_TIME, 1 * MS, 3600 * SECOND,
			    "reconnect TIME, 1ms to 1h", false},
	[VERB_RECLAIM] = {"reclaim", FORM_TIME, 0, 3600 * SECOND, "reclaim TIME, 0s to 1h", false},
	[VERB_RATE] = {"rate", FORM_NUMBER, 0, 200000, "rate MESSAGES_PER_SECOND, 0 to 200000",
		       false},
	[VERB_RUN] = {"run", FORM_TIME, 1 * MS, LONGEST, "run TIME", true},
	[VERB_FOREVER] = {"forever", FORM_NONE, 0, 0, "forever", true},
	[VERB_AWAIT] = {"await", FORM_NONE, 0, 0, "await", true},
	[VERB_LOSE] = {"lose", FORM_CLIENT, 0, 0, "lose client SLOT", false},
	[VERB_UNMOUNT] = {"unmount", FORM_CLIENT, 0, 0, "unmount client SLOT", false},
	[VERB_MOUNT] = {"mount", FORM_CLIENT, 0, 0, "mount client SLOT", false},
	[VERB_FENCE] = {"fence", FORM_CLIENT_MAYBE, 0, 0, "fence, or fence client SLOT", true},
	[VERB_LEADER_LOSS] = {"leader-loss", FORM_NONE, 0, 0, "leader-loss", true},
	[VERB_SILENCE] = {"silence", FORM_TIME, 1 * MS, LONGEST, "silence TIME", true},
	[VERB_STORM] = {"storm", FORM_STORM, 0, 100000000,
			"storm EVENTS_PER_SECOND TIME, 0 for flat out", true},
	[VERB_LOG] = {"log", FORM_TEXT, 0, 0, "log TEXT", false},
	[VERB_LOG_WARNING] = {"log-warning", FORM_TEXT, 0, 0, "log-warning TEXT", false},
	[VERB_LOG_ERROR] = {"log-error", FORM_TEXT, 0, 0, "log-error TEXT", false},
	[VERB_LOG_RAW] = {"log-raw", FORM_TEXT, 0, 0, "log-raw TEXT", false},
	[VERB_LOOP] = {"loop", FORM_LOOP, 1, 1000000000, "loop { ... }, or loop COUNT { ... }",
		       false},
	[VERB_LOOP_END] = {"}", FORM_NONE, 0, 0, "}", false},
};

#define WORD_BYTES 512

struct parser {
	const char *at;
	unsigned line;
	struct scenario sc;
	size_t room;
	struct settings set; /* as they stand at this place of the text */
	bool living;	     /* a statement of the cluster's life has been seen */
};

static int fail(const struct parser *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int fail(const struct parser *p, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "sim: scenario line %u: ", p->line);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

const char *verb_name(enum verb v)
{
	return verbs[v].name;
}

/* The real module's times, on ports that its tests use. */
void settings_default(struct settings *set)
{
	*set = (struct settings){
		.nodes = 3,
		.port = 19700,
		.address = "127.0.0.1",
		.rate = 100,
		.heartbeat_ns = 100 * MS,
		.heartbeat_timeout_ns = 10 * SECOND,
		.reconnect_ns = 20 * SECOND,
		.reclaim_ns = 1500 * MS,
	};
}

/* True if the statement was a setting, which is then in @set. */
bool settings_apply(struct settings *set, const struct statement *st)
{
	switch (st->verb) {
	case VERB_NODES:
		set->nodes = (unsigned)st->number;
		return true;
	case VERB_PORT:
		set->port = (unsigned)st->number;
		return true;
	case VERB_ADDRESS:
		snprintf(set->address, sizeof(set->address), "%s", st->text);
		return true;
	case VERB_LEADER:
		set->leader = (unsigned)st->number;
		return true;
	case VERB_HEARTBEAT:
		set->heartbeat_ns = st->time_ns;
		return true;
	case VERB_HEARTBEAT_TIMEOUT:
		set->heartbeat_timeout_ns = st->time_ns;
		return true;
	case VERB_RECONNECT:
		set->reconnect_ns = st->time_ns;
		return true;
	case VERB_RECLAIM:
		set->reclaim_ns = st->time_ns;
		return true;
	case VERB_RATE:
		set->rate = (unsigned)st->number;
		return true;
	default:
		return false;
	}
}

/* ---- words ---- */

static void skip_blanks(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r')
		p->at++;
	if (*p->at == '#')
		p->at += strcspn(p->at, "\n");
}

static bool at_end_of_statement(struct parser *p)
{
	skip_blanks(p);
	return !*p->at || strchr(";\n{}", *p->at);
}

static int take_word(struct parser *p, char word[WORD_BYTES], const char *usage)
{
	size_t n;

	if (at_end_of_statement(p))
		return fail(p, "something is missing; allowed: %s", usage);
	n = strcspn(p->at, " \t\r\n;{}#");
	if (n >= WORD_BYTES)
		return fail(p, "a word of %zu letters is too long; allowed: %s", n, usage);
	memcpy(word, p->at, n);
	word[n] = '\0';
	p->at += n;
	return 0;
}

static int take_number(struct parser *p, enum verb v, uint64_t min, uint64_t max, uint64_t *ret)
{
	char word[WORD_BYTES], *end;
	uint64_t n;
	int r = take_word(p, word, verbs[v].usage);

	if (r < 0)
		return r;
	errno = 0;
	n = strtoull(word, &end, 10);
	if (!isdigit((unsigned char)word[0]) || *end || errno)
		return fail(p, "\"%s\" is not a number; allowed: %s", word, verbs[v].usage);
	if (n < min || n > max)
		return fail(p, "%s %s is out of range (%" PRIu64 " to %" PRIu64 ")", verbs[v].name,
			    word, min, max);
	*ret = n;
	return 0;
}

static int take_time(struct parser *p, enum verb v, uint64_t min, uint64_t max, uint64_t *ret)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	char word[WORD_BYTES], *end;
	int r = take_word(p, word, verbs[v].usage);
	double n, ns = -1;

	if (r < 0)
		return r;
	n = strtod(word, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (isdigit((unsigned char)word[0]) && !strcmp(end, units[i].unit))
			ns = n * units[i].ns;
	if (!(ns >= 0) || !isfinite(ns))
		return fail(
			p,
			"\"%s\" is not a time; write a number and us, ms, s, m or h, as in 100ms",
			word);
	if (ns < (double)min || ns > (double)max)
		return fail(p, "%s %s is out of range; allowed: %s", verbs[v].name, word,
			    verbs[v].usage);
	*ret = (uint64_t)(ns + 0.5);
	return 0;
}

static int take_address(struct parser *p, struct statement *st)
{
	char word[WORD_BYTES];
	unsigned a, b, c;
	int n = 0, r = take_word(p, word, verbs[VERB_ADDRESS].usage);

	if (r < 0)
		return r;
	if (strcmp(word, "::1") && (sscanf(word, "127.%3u.%3u.%3u%n", &a, &b, &c, &n) != 3 ||
				    word[n] || a > 255 || b > 255 || c > 255))
		return fail(p, "address \"%s\" is not on the loopback; allowed: %s", word,
			    verbs[VERB_ADDRESS].usage);
	st->text = strdup(word);
	return st->text ? 0 : -ENOMEM;
}

static int take_client(struct parser *p, struct statement *st)
{
	char word[WORD_BYTES];
	int r = take_word(p, word, verbs[st->verb].usage);

	if (r < 0)
		return r;
	if (strcmp(word, "client"))
		return fail(p, "\"%s\" where the word client should be; allowed: %s", word,
			    verbs[st->verb].usage);
	r = take_number(p, st->verb, 0, SCENARIO_NODES_MAX - 1, &st->number);
	if (r < 0)
		return r;
	if (st->number >= p->set.nodes)
		return fail(p, "there is no client %" PRIu64 "; with nodes %u they are 0 to %u",
			    st->number, p->set.nodes, p->set.nodes - 1);
	return 0;
}

/* To the end of the line, a semicolon or a closing brace, or what is between double quotes. */
static int take_text(struct parser *p, struct statement *st)
{
	const char *from;
	size_t n;

	if (at_end_of_statement(p))
		return fail(p, "a text is missing; allowed: %s", verbs[st->verb].usage);
	from = p->at;
	if (*from == '"') {
		n = strcspn(++from, "\"\n");
		if (from[n] != '"')
			return fail(p, "the text's closing quote is missing");
		p->at = from + n + 1;
	} else {
		n = strcspn(from, ";\n}");
		p->at = from + n;
		while (n && isspace((unsigned char)from[n - 1]))
			n--;
	}
	if (!n || n > WORD_BYTES)
		return fail(p, "a text must have 1 to %d bytes", WORD_BYTES);
	st->text = strndup(from, n);
	return st->text ? 0 : -ENOMEM;
}

static int take_loop(struct parser *p, struct statement *st)
{
	int r;

	skip_blanks(p);
	st->number = SCENARIO_ENDLESS;
	if (isdigit((unsigned char)*p->at)) {
		r = take_number(p, VERB_LOOP, verbs[VERB_LOOP].min, verbs[VERB_LOOP].max,
				&st->number);
		if (r < 0)
			return r;
		skip_blanks(p);
	}
	if (*p->at != '{')
		return fail(p, "a loop needs an opening brace; allowed: %s",
			    verbs[VERB_LOOP].usage);
	p->at++;
	return 0;
}

static int take_arguments(struct parser *p, struct statement *st)
{
	uint64_t min = verbs[st->verb].min, max = verbs[st->verb].max;
	int r;

	switch (verbs[st->verb].form) {
	case FORM_NUMBER:
		return take_number(p, st->verb, min, max, &st->number);
	case FORM_TIME:
		return take_time(p, st->verb, min, max, &st->time_ns);
	case FORM_ADDRESS:
		return take_address(p, st);
	case FORM_CLIENT:
		return take_client(p, st);
	case FORM_CLIENT_MAYBE:
		st->number = SCENARIO_ANY;
		return at_end_of_statement(p) ? 0 : take_client(p, st);
	case FORM_STORM:
		r = take_number(p, st->verb, min, max, &st->number);
		return r < 0 ? r : take_time(p, st->verb, MS, LONGEST, &st->time_ns);
	case FORM_TEXT:
		return take_text(p, st);
	case FORM_LOOP:
		return take_loop(p, st);
	case FORM_NONE:
		break;
	}
	return 0;
}

/* ---- sense ---- */

static int check_cluster(struct parser *p)
{
	if (p->set.leader >= p->set.nodes)
		return fail(p, "leader %u does not exist; with nodes %u the slots are 0 to %u",
			    p->set.leader, p->set.nodes, p->set.nodes - 1);
	if (p->set.port + p->set.nodes - 1 > 65535)
		return fail(p, "port %u leaves no room for %u slots below 65536", p->set.port,
			    p->set.nodes);
	return 0;
}

static int check_order(struct parser *p, const struct statement *st)
{
	if (st->verb <= VERB_HEARTBEAT && p->living)
		return fail(p, "%s shapes the cluster and must stand before its life begins",
			    verbs[st->verb].name);
	if (st->verb >= VERB_RUN && !p->living) {
		p->living = true;
		if (check_cluster(p) < 0)
			return -EINVAL;
	}
	if (st->verb == VERB_SILENCE && st->time_ns >= p->set.heartbeat_timeout_ns)
		return fail(p, "a silence as long as heartbeat-timeout ends in an election; "
			       "shorten it, set "
			       "heartbeat-timeout higher, or use leader-loss");
	if (st->verb == VERB_LEADER_LOSS && p->set.nodes < 2)
		return fail(p, "leader-loss needs at least 2 nodes");
	return 0;
}

static int close_loop(struct parser *p, size_t end)
{
	bool takes_time = false;

	for (size_t i = end; i-- > 0;) {
		struct statement *st = &p->sc.statements[i];

		takes_time |= verbs[st->verb].takes_time;
		if (st->verb != VERB_LOOP || st->partner)
			continue;
		if (!takes_time)
			return fail(p, "a loop needs a statement that takes time, such as run 1s");
		st->partner = end;
		p->sc.statements[end].partner = i;
		return 0;
	}
	return fail(p, "a closing brace without a loop");
}

static int add_statement(struct parser *p, enum verb v, struct statement **ret)
{
	if (p->sc.count == p->room) {
		size_t room = p->room ? 2 * p->room : 32;
		struct statement *more = realloc(p->sc.statements, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->sc.statements = more;
		p->room = room;
	}
	*ret = &p->sc.statements[p->sc.count++];
	**ret = (struct statement){.verb = v, .line = p->line};
	return 0;
}

static int parse_statement(struct parser *p)
{
	char word[WORD_BYTES];
	struct statement *st;
	int r = take_word(p, word, "a statement");

	if (r < 0)
		return r;
	for (int v = 0; v < VERB_LOOP_END; v++) {
		if (strcmp(word, verbs[v].name))
			continue;
		r = add_statement(p, v, &st);
		if (r == 0)
			r = take_arguments(p, st);
		if (r == 0 && v != VERB_LOOP && !at_end_of_statement(p))
			r = fail(p, "\"%.20s\" after the end of the statement; allowed: %s", p->at,
				 verbs[v].usage);
		if (r == 0)
			r = check_order(p, st);
		if (r == 0)
			settings_apply(&p->set, st);
		return r;
	}
	fprintf(stderr, "sim: scenario line %u: unknown statement \"%s\"; there are:", p->line,
		word);
	for (int v = 0; v < VERB_LOOP_END; v++)
		fprintf(stderr, " %s", verbs[v].name);
	fputc('\n', stderr);
	return -EINVAL;
}

static int parse_all(struct parser *p)
{
	struct statement *st;
	int r;

	for (;;) {
		skip_blanks(p);
		if (*p->at == '\n')
			p->line++;
		if (*p->at == '\n' || *p->at == ';') {
			p->at++;
			continue;
		}
		if (!*p->at)
			break;
		if (*p->at == '{')
			return fail(p, "an opening brace without a loop");
		if (*p->at == '}') {
			p->at++;
			r = add_statement(p, VERB_LOOP_END, &st);
			if (r == 0)
				r = close_loop(p, p->sc.count - 1);
		} else {
			r = parse_statement(p);
		}
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < p->sc.count; i++) {
		if (p->sc.statements[i].verb == VERB_LOOP && !p->sc.statements[i].partner) {
			p->line = p->sc.statements[i].line;
			return fail(p, "this loop's closing brace is missing");
		}
	}
	if (!p->living)
		return fail(p, "nothing happens in this scenario; add for instance run 3s, fence "
			       "or forever");
	return 0;
}

/**
 * scenario_parse() - text to statements
 * @ret: to be freed with scenario_free(); set on success only
 *
 * Return: 0; -EINVAL for a mistake in the text, said on stderr; -ENOMEM.
 */
int scenario_parse(const char *text, struct scenario *ret)
{
	struct parser p = {.at = text, .line = 1};
	int r;

	settings_default(&p.set);
	r = parse_all(&p);
	if (r < 0) {
		scenario_free(&p.sc);
		return r;
	}
	*ret = p.sc;
	return 0;
}

void scenario_free(struct scenario *sc)
{
	for (size_t i = 0; i < sc->count; i++)
		free(sc->statements[i].text);
	free(sc->statements);
	*sc = (struct scenario){0};
}
