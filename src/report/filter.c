/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --source, --event, --pid, --comm, --cpu, --where and --peer.
 *
 * The words are parsed by cmd through report_filter_parse(), before a bundle is opened; what they
 * mean in this recording (which ids an event has, which pids a name) is found here, once, so that
 * the feed has but a look into a table for each event. Of one kind any may match, all kinds must;
 * --event, --pid, --comm, --cpu and --where are about trace events, --peer about packets, and
 * neither hides the other nor the kernel log: --source does that.
 */
#include "filter.h"

#include <errno.h>

#define CPU_WORDS (65536 / 64)

static const char *const source_words[FEED_SOURCES] = {
	[FEED_TRACE] = "trace", [FEED_PACKETS] = "packets", [FEED_LOG] = "log"};

/* Parsing. */

static int parse_peer(const char *s, struct report_filter *f, struct err *e)
{
	char ip[64];
	const char *colon = strrchr(s, ':'), *port_text = NULL;
	size_t n = strlen(s);
	uint64_t port = 0;

	/* An IPv6 address has colons of its own: its port stands behind a bracket. */
	if (wire_addr_parse(s, 0, &f->peer))
		return 0;
	if (colon) {
		n = (size_t)(colon - s);
		port_text = colon + 1;
	}
	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	if (n > 0 && n < sizeof(ip) && port_text && parse_u64(port_text, &port) == 0 && port &&
	    port <= UINT16_MAX) {
		memcpy(ip, s, n);
		ip[n] = '\0';
		if (wire_addr_parse(ip, (uint16_t)port, &f->peer))
			return 0;
	}
	return err_set(e, -EINVAL,
		       "--peer: '%s' is not an address; write IP or IP:PORT, as in 10.0.0.5:5000",
		       f->text);
}

static int parse_number(const char *option, uint64_t most, struct report_filter *f, struct err *e)
{
	if (parse_u64(f->text, &f->number) < 0 || f->number > most)
		return err_set(e, -EINVAL, "--%s: '%s' is not a number from 0 to %llu", option,
			       f->text, (unsigned long long)most);
	return 0;
}

static int parse_source(struct report_filter *f, struct err *e)
{
	for (unsigned int i = 0; i < FEED_SOURCES; i++) {
		if (!strcmp(source_words[i], f->text)) {
			f->number = i;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "--source: '%s' is none of: trace, packets, log", f->text);
}

/* Is it one? It is parsed again where it is used. */
static int check_expression(const char *s, struct err *e)
{
	CLEANUP(expression_freep) struct expression *x = NULL;
	int r = expression_parse(s, &x, e);

	return r < 0 ? err_context(e, "--where") : 0;
}

/**
 * report_filter_parse() - a filter as a person wrote it
 * @s: borrowed
 *
 * Return: 0, or -EINVAL and a sentence that names the option.
 */
int report_filter_parse(enum report_filter_kind kind, const char *s, struct report_filter *ret,
			struct err *e)
{
	struct report_filter f = {.kind = kind, .text = s};
	int r = 0;

	if (kind == FILTER_SOURCE)
		r = parse_source(&f, e);
	else if (kind == FILTER_PID)
		r = parse_number("pid", INT32_MAX, &f, e);
	else if (kind == FILTER_CPU)
		r = parse_number("cpu", UINT16_MAX, &f, e);
	else if (kind == FILTER_PEER)
		r = parse_peer(s, &f, e);
	else if (kind == FILTER_WHERE)
		r = check_expression(s, e);
	if (r == 0)
		*ret = f;
	return r;
}

/* Meaning. */

static bool is_event(const struct event_format *f, const char *words)
{
	const char *colon = strchr(words, ':');

	if (!colon)
		return !strcmp(f->system, words) || !strcmp(f->name, words);
	return strlen(f->system) == (size_t)(colon - words) &&
	       !strncmp(f->system, words, (size_t)(colon - words)) && !strcmp(f->name, colon + 1);
}

static int no_such_event(const struct recording *rec, const char *words, struct err *e)
{
	CLEANUP(freep) const char **names = calloc((size_t)rec->events.count + 1, sizeof(*names));
	const char *near = NULL, *name = strchr(words, ':');

	for (uint32_t i = 0; names && i < rec->events.count; i++)
		names[i] = rec->events.formats[i].name;
	if (names)
		near = nearest_name(name ? name + 1 : words, names, rec->events.count);
	if (near)
		return err_set(e, -EINVAL,
			       "--event: the recording has no event '%s'; did you mean '%s'?",
			       words, near);
	return err_set(e, -EINVAL,
		       "--event: the recording has no event '%s'; write SYSTEM, SYSTEM:EVENT or "
		       "EVENT",
		       words);
}

static int take_event(struct filter *f, const struct recording *rec, const char *words,
		      struct err *e)
{
	bool found = false;

	if (!f->event_types)
		f->event_types = calloc((size_t)rec->events.count + 1, 1);
	if (!f->event_types)
		return err_nomem(e);
	for (uint32_t i = 0; i < rec->events.count; i++) {
		if (!is_event(&rec->events.formats[i], words))
			continue;
		f->event_types[i] = 1;
		found = true;
	}
	return found || !rec->has_trace ? 0 : no_such_event(rec, words, e);
}

static int take_cpu(struct filter *f, uint64_t cpu, struct err *e)
{
	if (!f->cpus)
		f->cpus = calloc(CPU_WORDS, sizeof(*f->cpus));
	if (!f->cpus)
		return err_nomem(e);
	f->cpus[cpu / 64] |= UINT64_C(1) << cpu % 64;
	return 0;
}

static int add_pid(struct filter *f, uint32_t pid, struct err *e)
{
	uint32_t *more = reallocarray(f->pids, f->pid_count + 1, sizeof(*f->pids));

	if (!more)
		return err_nomem(e);
	f->pids = more;
	more[f->pid_count++] = pid;
	return 0;
}

static int take_comm(struct filter *f, const struct recording *rec, const char *name, struct err *e)
{
	bool found = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < rec->comm_count; i++) {
		const struct comm *c = &rec->comms[i];

		if (c->bytes != strlen(name) || memcmp(c->name, name, c->bytes) != 0)
			continue;
		found = true;
		r = add_pid(f, c->pid, e);
	}
	if (r == 0 && !found && rec->has_trace)
		return err_set(e, -EINVAL,
			       "--comm: the recording has no process '%s'; names are those of ps "
			       "-o comm, 15 bytes at most",
			       name);
	return r;
}

static int take_where(struct filter *f, const struct recording *rec, const char *words,
		      struct err *e)
{
	struct expression **more = reallocarray(f->where, f->where_count + 1, sizeof(*f->where));
	int r;

	if (!more)
		return err_nomem(e);
	f->where = more;
	r = expression_parse(words, &more[f->where_count], e);
	if (r == 0)
		r = expression_bind(more[f->where_count++], rec, e);
	return r < 0 ? err_context(e, "--where") : 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* --pid and --comm name processes both: any of them may match. */
static int settle_pids(struct filter *f, const struct recording *rec, struct err *e)
{
	f->pid_fields = calloc((size_t)rec->events.count + 1, sizeof(*f->pid_fields));
	if (!f->pid_fields)
		return err_nomem(e);
	for (uint32_t i = 0; i < rec->events.count; i++)
		f->pid_fields[i] = event_field_of(&rec->events.formats[i], "common_pid");
	if (f->pid_count)
		qsort(f->pids, f->pid_count, sizeof(*f->pids), by_number);
	return 0;
}

/**
 * filter_open() - what the words mean in this recording
 * @c:   borrowed until filter_done()
 * @ret: filter_done() it, also after a failure
 *
 * Return: 0; -EINVAL for an event or a process that is not there; -ENOMEM.
 */
int filter_open(const struct report_config *c, const struct recording *rec, struct filter *ret,
		struct err *e)
{
	unsigned int sources = 0;
	bool pids = false;
	int r = 0;

	*ret = (struct filter){.config = c};
	for (size_t i = 0; r == 0 && i < c->filter_count; i++) {
		const struct report_filter *f = &c->filters[i];

		pids |= f->kind == FILTER_PID || f->kind == FILTER_COMM;
		ret->peers |= f->kind == FILTER_PEER;
		if (f->kind == FILTER_SOURCE)
			sources |= 1U << f->number;
		else if (f->kind == FILTER_EVENT)
			r = take_event(ret, rec, f->text, e);
		else if (f->kind == FILTER_CPU)
			r = take_cpu(ret, f->number, e);
		else if (f->kind == FILTER_PID)
			r = add_pid(ret, (uint32_t)f->number, e);
		else if (f->kind == FILTER_COMM)
			r = take_comm(ret, rec, f->text, e);
		else if (f->kind == FILTER_WHERE)
			r = take_where(ret, rec, f->text, e);
	}
	if (sources)
		ret->left_out = ((1U << FEED_SOURCES) - 1) & ~sources;
	return r == 0 && pids ? settle_pids(ret, rec, e) : r;
}

void filter_done(struct filter *f)
{
	free(f->event_types);
	free(f->pid_fields);
	free(f->cpus);
	free(f->pids);
	for (size_t i = 0; i < f->where_count; i++)
		expression_free(f->where[i]);
	free(f->where);
	*f = (struct filter){0};
}

static bool let_pid(const struct filter *f, const struct trace_event *e)
{
	uint64_t pid;
	uint32_t key;

	if (!event_field_u64(f->pid_fields[e->type], e->data, e->bytes, &pid))
		return false;
	key = (uint32_t)pid;
	return f->pid_count && bsearch(&key, f->pids, f->pid_count, sizeof(key), by_number);
}

static bool let_event(const void *arg, const struct trace_event *e)
{
	const struct filter *f = arg;

	/* Of what has no format nothing is known. */
	if (e->type >= TRACE_TYPES_MAX || (f->pid_fields && !let_pid(f, e)))
		return false;
	for (size_t i = 0; i < f->where_count; i++)
		if (!expression_holds(f->where[i], e))
			return false;
	return true;
}

static bool is_peer(const struct report_filter *f, const struct wire_addr *a)
{
	struct wire_addr same = f->peer;

	if (!same.port)
		same.port = a->port;
	return wire_addr_equal(&same, a);
}

static bool let_connection(const void *arg, const struct wire_addr *a, const struct wire_addr *b)
{
	const struct filter *f = arg;

	for (size_t i = 0; i < f->config->filter_count; i++) {
		const struct report_filter *peer = &f->config->filters[i];

		if (peer->kind == FILTER_PEER && (is_peer(peer, a) || is_peer(peer, b)))
			return true;
	}
	return false;
}

/** filter_feed() - as the feed takes it; borrows @f */
struct feed_filter filter_feed(const struct filter *f)
{
	return (struct feed_filter){
		.event = f->pid_fields || f->where_count ? let_event : NULL,
		.event_types = f->event_types,
		.cpus = f->cpus,
		.connection = f->peers ? let_connection : NULL,
		.arg = f,
	};
}
