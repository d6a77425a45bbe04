/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --source, --event, --pid, --comm, --cpu, --where, --rid, --peer and --command.
 *
 * The words are parsed by cmd through report_filter_parse(), before a bundle is opened; what they
 * mean in this recording (which ids an event has, which pids a name) is found here, once, so that
 * the feed has but a look into a table for each event. Of one kind any may match, all kinds must;
 * --event, --pid, --comm, --cpu and --where are about trace events, --peer about packets and those
 * trace events that have addresses, and neither hides the other nor the kernel log: --source does
 * that. --rid is about both: events that have it in any field, connections whose greeting named it.
 *
 * An empty table says little about why it is empty: each word notes whether anything matched it, of
 * what the reports asked for, and filter_tell() names those that nothing did.
 */
#include "filter.h"

#include <errno.h>

#include "netevent.h"

#define CPU_WORDS (65536 / 64)
#define IDLE "<idle>" /* as trace-cmd calls pid 0, which no list of names has */

/* As reports call them, and as manifests and other programs do. */
static const struct {
	const char *word;
	enum feed_source source;
} source_words[] = {
	{"trace", FEED_TRACE},	   {"packets", FEED_PACKETS}, {"log", FEED_LOG},
	{"context", FEED_CONTEXT}, {"ftrace", FEED_TRACE},    {"events", FEED_TRACE},
	{"kmsg", FEED_LOG},	   {"kernel-log", FEED_LOG},
};

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

typedef int (*number_fn)(struct filter *f, uint64_t number, struct err *e);

/* Each number of "1,4-7"; @fn NULL: only look whether it is one. The text is the user's own. */
static int each_number(struct filter *f, const char *text, uint64_t most, number_fn fn,
		       struct err *e)
{
	const char *at = text;

	for (;;) {
		uint64_t from, to;
		char *end;

		if (*at < '0' || *at > '9')
			return -EINVAL;
		errno = 0;
		from = to = strtoull(at, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			to = strtoull(end + 1, &end, 10);
		if (errno || to < from || to > most || to - from > UINT16_MAX)
			return -EINVAL;
		for (uint64_t i = from; fn && i <= to; i++) {
			int r = fn(f, i, e);

			if (r < 0)
				return r;
		}
		if (!*end)
			return 0;
		if (*end != ',')
			return -EINVAL;
		at = end + 1;
	}
}

static int parse_numbers(const char *option, uint64_t most, struct report_filter *f, struct err *e)
{
	if (each_number(NULL, f->text, most, NULL, NULL) < 0)
		return err_set(e, -EINVAL,
			       "--%s: '%s' is not a number from 0 to %llu, nor several as in 1,4-7",
			       option, f->text, (unsigned long long)most);
	f->number = strtoull(f->text, NULL, 10);
	return 0;
}

/* @digits of them; the text must go on as @rest says. */
static bool parse_hex(const char **at, size_t digits, uint64_t *ret)
{
	char hex[17] = {0};

	if (digits > 16 || strspn(*at, "0123456789abcdefABCDEF") < digits)
		return false;
	memcpy(hex, *at, digits);
	*ret = strtoull(hex, NULL, 16);
	*at += digits;
	return true;
}

/* A whole rid, its first six digits, or both beginnings as the kernel log has them. */
static int parse_rid(struct report_filter *f, struct err *e)
{
	const uint64_t top = UINT64_C(0xffffff) << 40;
	const char *at = f->text;
	size_t digits;

	if (str_starts(at, "f.")) {
		at += 2;
		if (parse_hex(&at, 6, &f->fsid) && str_starts(at, ".r.")) {
			at += 3;
			if (parse_hex(&at, 6, &f->number) && !*at) {
				f->fsid <<= 40;
				f->number <<= 40;
				f->fsid_mask = f->mask = top;
				return 0;
			}
		}
	} else {
		at += str_starts(at, "0x") ? 2 : 0;
		digits = strlen(at);
		if (digits == 6 && parse_hex(&at, 6, &f->number)) {
			f->number <<= 40;
			f->mask = top;
			return 0;
		}
		if ((digits == 16 || (digits > 6 && at != f->text)) &&
		    parse_hex(&at, digits, &f->number)) {
			f->mask = UINT64_MAX;
			return 0;
		}
	}
	return err_set(e, -EINVAL,
		       "--rid: '%s' is no rid; write all 16 hex digits, the first six, or "
		       "f.xxxxxx.r.xxxxxx as the kernel log does",
		       f->text);
}

/* "LOCK" or "7". */
static bool command_of(const char *word, size_t n, uint64_t *ret)
{
	char text[32];

	if (!n || n >= sizeof(text))
		return false;
	memcpy(text, word, n);
	text[n] = '\0';
	if (parse_u64(text, ret) == 0)
		return *ret < WIRE_COMMANDS;
	for (*ret = 0; *ret < WIRE_COMMANDS; ++*ret)
		if (!strcasecmp(text, wire_command_name((unsigned int)*ret)))
			return true;
	return false;
}

/* One, or several with commas between; .number: bits 1 << enum wire_command. */
static int parse_command(struct report_filter *f, struct err *e)
{
	CLEANUP(text_free) struct text names = {0};
	const char *at = f->text;
	uint64_t command;

	_Static_assert(WIRE_COMMANDS <= 64, "a bit for each");
	f->number = 0;
	for (size_t n;; at += n + 1) {
		n = strcspn(at, ",");
		if (!command_of(at, n, &command))
			break;
		f->number |= UINT64_C(1) << command;
		if (!at[n])
			return 0;
	}
	for (unsigned int i = 0; i < WIRE_COMMANDS; i++)
		text_printf(&names, "%s%s", i ? ", " : "", wire_command_name(i));
	return err_set(e, -EINVAL, "--command: '%s' is no command; there are 0 to %d: %s", f->text,
		       WIRE_COMMANDS - 1, text_c(&names));
}

/* One, or several with commas between; .number: bits 1 << enum feed_source. */
static int parse_source(struct report_filter *f, struct err *e)
{
	const char *at = f->text;

	f->number = 0;
	for (;;) {
		size_t n = strcspn(at, ","), i = 0;

		while (i < ARRAY_SIZE(source_words) && (strlen(source_words[i].word) != n ||
							strncmp(source_words[i].word, at, n) != 0))
			i++;
		if (n == strlen("series") && str_starts(at, "series"))
			return err_set(e, -EINVAL,
				       "--source: series are no source of events, but reports of "
				       "their own: 'scoutfs-trace report BUNDLE series'");
		if (i == ARRAY_SIZE(source_words))
			return err_set(e, -EINVAL,
				       "--source: '%.*s' is none of: trace, packets, log, context",
				       (int)n, at);
		f->number |= 1U << source_words[i].source;
		if (!at[n])
			return 0;
		at += n + 1;
	}
}

/* Is it one? It is parsed again where it is used. */
static int check_expression(const char *s, struct err *e)
{
	CLEANUP(expression_freep) struct expression *x = NULL;

	return expression_parse(s, &x, e);
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
		r = parse_numbers("pid", INT32_MAX, &f, e);
	else if (kind == FILTER_CPU)
		r = parse_numbers("cpu", UINT16_MAX, &f, e);
	else if (kind == FILTER_RID)
		r = parse_rid(&f, e);
	else if (kind == FILTER_PEER)
		r = parse_peer(s, &f, e);
	else if (kind == FILTER_COMMAND)
		r = parse_command(&f, e);
	else if (kind == FILTER_WHERE)
		r = check_expression(s, e);
	if (r == 0)
		*ret = f;
	return r;
}

/* Meaning. */

/* Whole names, in which * and ? may stand. */
static bool is_event(const struct event_format *f, const char *words)
{
	const char *colon = strchr(words, ':');
	size_t n = strlen(words), system = colon ? (size_t)(colon - words) : n;
	bool name;

	if (!colon)
		return glob_match(words, n, f->system, strlen(f->system)) ||
		       glob_match(words, n, f->name, strlen(f->name));
	name = glob_match(colon + 1, n - system - 1, f->name, strlen(f->name));
	return name && glob_match(words, system, f->system, strlen(f->system));
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
	if (!f->types_seen)
		f->types_seen = calloc((size_t)rec->events.count + 1, 1);
	if (!f->event_types || !f->types_seen)
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
	/* Threads leave the others out before anybody sees them; most have events all the time. */
	if (f->rec->bundle && bundle_stream(f->rec->bundle, CHUNK_RING, (uint32_t)cpu))
		f->matched[f->word] = true;
	return 0;
}

static int add_pid(struct filter *f, uint64_t pid, struct err *e)
{
	struct filter_pid *more = reallocarray(f->pids, f->pid_count + 1, sizeof(*f->pids));

	if (!more)
		return err_nomem(e);
	f->pids = more;
	more[f->pid_count++] = (struct filter_pid){.pid = (uint32_t)pid, .word = f->word};
	return 0;
}

static int take_comm(struct filter *f, const struct recording *rec, const char *name, struct err *e)
{
	bool found = glob_match(name, strlen(name), IDLE, strlen(IDLE));
	int r = found ? add_pid(f, 0, e) : 0;

	for (size_t i = 0; r == 0 && i < rec->comm_count; i++) {
		const struct comm *c = &rec->comms[i];

		if (!glob_match(name, strlen(name), c->name, c->bytes))
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
	struct filter_where *more = reallocarray(f->where, f->where_count + 1, sizeof(*f->where));
	int r;

	if (!more)
		return err_nomem(e);
	f->where = more;
	more += f->where_count;
	*more = (struct filter_where){.word = f->word};
	r = expression_parse(words, &more->expression, e);
	if (r < 0)
		return r;
	f->where_count++;
	r = expression_bind(more->expression, rec, e);
	return r;
}

/* "rid" of whoever recorded it, "c_rid" of a client, "m_rid" of a mount... */
static bool is_rid(const struct event_field *f)
{
	size_t n = strlen(f->name);

	return f->bytes == 8 && !f->is_array &&
	       (!strcmp(f->name, "rid") || (n > 4 && !strcmp(f->name + n - 4, "_rid")));
}

static int settle_rids(struct filter *f, const struct recording *rec, struct err *e)
{
	f->rids = calloc((size_t)rec->events.count + 1, sizeof(*f->rids));
	if (!f->rids)
		return err_nomem(e);
	for (uint32_t i = 0; i < rec->events.count; i++) {
		const struct event_format *format = &rec->events.formats[i];
		struct filter_rids *rids = &f->rids[i];

		rids->fsid = event_field_of(format, "fsid");
		for (uint32_t k = 0; k < format->field_count && rids->count < FILTER_RIDS; k++)
			if (is_rid(&format->fields[k]))
				rids->fields[rids->count++] = &format->fields[k];
	}
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	uint32_t x = ((const struct filter_pid *)a)->pid, y = ((const struct filter_pid *)b)->pid;

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
		qsort(f->pids, f->pid_count, sizeof(*f->pids), by_pid);
	return 0;
}

static int settle_commands(struct filter *f, const struct recording *rec, struct err *e)
{
	f->commands = calloc((size_t)rec->events.count + 1, sizeof(*f->commands));
	if (!f->commands)
		return err_nomem(e);
	for (uint32_t i = 0; i < rec->events.count; i++)
		f->commands[i] = event_field_of(&rec->events.formats[i], "nh_cmd");
	return 0;
}

/* Messages have name_... and peer_..., connections sockname_... and peername_... */
static int settle_ends(struct filter *f, const struct recording *rec, struct err *e)
{
	static const char *const names[][4] = {
		{"name_addr", "name_port", "peer_addr", "peer_port"},
		{"sockname_addr", "sockname_port", "peername_addr", "peername_port"},
	};

	f->ends = calloc((size_t)rec->events.count + 1, sizeof(*f->ends));
	if (!f->ends)
		return err_nomem(e);
	for (uint32_t i = 0; i < rec->events.count; i++) {
		const struct event_format *format = &rec->events.formats[i];

		for (size_t k = 0; k < ARRAY_SIZE(names) && !f->ends[i].ip[0]; k++)
			f->ends[i] = (struct filter_ends){
				.ip = {event_field_of(format, names[k][0]),
				       event_field_of(format, names[k][2])},
				.port = {event_field_of(format, names[k][1]),
					 event_field_of(format, names[k][3])},
			};
	}
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
	bool pids = false, rids = false;
	int r = 0;

	*ret = (struct filter){.config = c, .rec = rec};
	ret->matched = calloc(c->filter_count + 1, sizeof(*ret->matched));
	if (!ret->matched)
		return err_nomem(e);
	ret->passed = &ret->matched[c->filter_count];
	for (size_t i = 0; r == 0 && i < c->filter_count; i++) {
		const struct report_filter *f = &c->filters[i];

		ret->word = i;
		pids |= f->kind == FILTER_PID || f->kind == FILTER_COMM;
		ret->peers |= f->kind == FILTER_PEER;
		rids |= f->kind == FILTER_RID;
		if (f->kind == FILTER_COMMAND)
			ret->command_bits |= f->number;
		else if (f->kind == FILTER_SOURCE)
			sources |= (unsigned int)f->number;
		else if (f->kind == FILTER_EVENT)
			r = take_event(ret, rec, f->text, e);
		else if (f->kind == FILTER_CPU)
			r = each_number(ret, f->text, UINT16_MAX, take_cpu, e);
		else if (f->kind == FILTER_PID)
			r = each_number(ret, f->text, INT32_MAX, add_pid, e);
		else if (f->kind == FILTER_COMM)
			r = take_comm(ret, rec, f->text, e);
		else if (f->kind == FILTER_WHERE)
			r = take_where(ret, rec, f->text, e);
	}
	if (sources)
		ret->left_out = ((1U << FEED_SOURCES) - 1) & ~sources;
	if (r == 0 && rids)
		r = settle_rids(ret, rec, e);
	if (r == 0 && ret->command_bits)
		r = settle_commands(ret, rec, e);
	if (r == 0 && ret->peers)
		r = settle_ends(ret, rec, e);
	return r == 0 && pids ? settle_pids(ret, rec, e) : r;
}

void filter_done(struct filter *f)
{
	free(f->event_types);
	free(f->types_seen);
	free(f->matched);
	free(f->pid_fields);
	free(f->cpus);
	free(f->pids);
	free(f->rids);
	free(f->ends);
	free(f->commands);
	for (size_t i = 0; i < f->where_count; i++)
		expression_free(f->where[i].expression);
	free(f->where);
	*f = (struct filter){0};
}

/* Several may have asked for it. */
static void note_pid(const struct filter *f, struct filter_pid *p)
{
	const uint32_t pid = p->pid;

	while (p > f->pids && p[-1].pid == pid)
		p--;
	for (; p < f->pids + f->pid_count && p->pid == pid; p++) {
		p->seen = true;
		f->matched[p->word] = true;
	}
}

static void note_type(const struct filter *f, uint16_t type)
{
	f->types_seen[type] = 1;
	for (size_t i = 0; i < f->config->filter_count; i++)
		if (f->config->filters[i].kind == FILTER_EVENT &&
		    is_event(&f->rec->events.formats[type], f->config->filters[i].text))
			f->matched[i] = true;
}

static bool let_pid(const struct filter *f, const struct trace_event *e)
{
	struct filter_pid key = {0}, *found = NULL;
	uint64_t pid;

	if (!event_field_u64(f->pid_fields[e->type], e->data, e->bytes, &pid))
		return false;
	key.pid = (uint32_t)pid;
	if (f->pid_count)
		found = bsearch(&key, f->pids, f->pid_count, sizeof(key), by_pid);
	if (found && !found->seen)
		note_pid(f, found);
	return found != NULL;
}

static bool is_mount(const struct filter *f, uint64_t fsid, bool has_fsid, uint64_t rid)
{
	for (size_t i = 0; i < f->config->filter_count; i++) {
		const struct report_filter *w = &f->config->filters[i];

		if (w->kind != FILTER_RID || ((rid ^ w->number) & w->mask) != 0 ||
		    (w->fsid_mask && (!has_fsid || ((fsid ^ w->fsid) & w->fsid_mask) != 0)))
			continue;
		f->matched[i] = true;
		return true;
	}
	return false;
}

static bool let_rid(const struct filter *f, const struct trace_event *e)
{
	const struct filter_rids *rids = &f->rids[e->type];
	uint64_t fsid = 0, rid;
	bool has_fsid = event_field_u64(rids->fsid, e->data, e->bytes, &fsid);

	for (size_t i = 0; i < rids->count; i++)
		if (event_field_u64(rids->fields[i], e->data, e->bytes, &rid) &&
		    is_mount(f, fsid, has_fsid, rid))
			return true;
	return false;
}

static bool let_greeting(const void *arg, const struct wire_greeting *g)
{
	return is_mount(arg, g->fsid, true, g->rid);
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

		if (peer->kind != FILTER_PEER || (!is_peer(peer, a) && !is_peer(peer, b)))
			continue;
		f->matched[i] = true;
		return true;
	}
	return false;
}

/* What has no addresses is not about a connection, and --peer not about it. */
static bool let_ends(const struct filter *f, const struct trace_event *e)
{
	const struct filter_ends *ends = &f->ends[e->type];
	struct wire_addr name, peer;

	if (!ends->ip[0] || !ends->ip[1])
		return true;
	name = netevent_addr(e, ends->ip[0], ends->port[0]);
	peer = netevent_addr(e, ends->ip[1], ends->port[1]);
	if (let_connection(f, &name, &peer))
		return true;
	/* An end that has shut down has forgotten an address: whose it is others know by its mount.
	 */
	return !netevent_number(e, ends->ip[0]) || !netevent_number(e, ends->ip[1]);
}

static bool let_command(const struct filter *f, uint64_t command)
{
	uint64_t bit = command < WIRE_COMMANDS ? UINT64_C(1) << command : 0;

	if (!(f->command_bits & bit))
		return false;
	for (size_t i = 0; i < f->config->filter_count; i++)
		if (f->config->filters[i].kind == FILTER_COMMAND &&
		    f->config->filters[i].number & bit)
			f->matched[i] = true;
	return true;
}

static bool let_message(const void *arg, const struct wire_message *m)
{
	return let_command(arg, m->command);
}

/** filter_has_peer() - for reports of connections that something else tells of */
bool filter_has_peer(const struct report_filter *filters, size_t count, const struct wire_addr *a,
		     const struct wire_addr *b)
{
	bool asked = false;

	for (size_t i = 0; i < count; i++) {
		if (filters[i].kind != FILTER_PEER)
			continue;
		if (is_peer(&filters[i], a) || is_peer(&filters[i], b))
			return true;
		asked = true;
	}
	return !asked;
}

static bool let_event(const void *arg, const struct trace_event *e)
{
	const struct filter *f = arg;
	uint64_t command;

	/* Of what has no format nothing is known. */
	if (e->type >= TRACE_TYPES_MAX)
		return false;
	if (f->types_seen && !f->types_seen[e->type])
		note_type(f, e->type);
	if (f->pid_fields && !let_pid(f, e))
		return false;
	if (f->rids && !let_rid(f, e))
		return false;
	if (f->ends && !let_ends(f, e))
		return false;
	if (f->commands && (!event_field_u64(f->commands[e->type], e->data, e->bytes, &command) ||
			    !let_command(f, command)))
		return false;
	for (size_t i = 0; i < f->where_count; i++) {
		if (!expression_holds(f->where[i].expression, e))
			return false;
		f->matched[f->where[i].word] = true;
	}
	*f->passed = true;
	return true;
}

/** filter_feed() - as the feed takes it; borrows @f */
struct feed_filter filter_feed(const struct filter *f)
{
	return (struct feed_filter){
		.event = f->pid_fields || f->where_count || f->rids || f->ends || f->commands ||
					 f->event_types
				 ? let_event
				 : NULL,
		.greeting = f->rids ? let_greeting : NULL,
		.event_types = f->event_types,
		.cpus = f->cpus,
		.message = f->command_bits ? let_message : NULL,
		.connection = f->peers ? let_connection : NULL,
		.arg = f,
	};
}

#define IN_TRACE (1U << FEED_TRACE)
#define IN_PACKETS (1U << FEED_PACKETS)

static const struct {
	const char *option, *of;
	unsigned int sources;	/* bits 1 << enum feed_source: where it may match */
	const char *of_packets; /* where only they were looked at; NULL: the same */
} about[] = {
	[FILTER_EVENT] = {"event", "trace event", IN_TRACE},
	[FILTER_PID] = {"pid", "trace event", IN_TRACE},
	[FILTER_COMM] = {"comm", "trace event", IN_TRACE},
	[FILTER_CPU] = {"cpu", "trace event", IN_TRACE},
	[FILTER_RID] = {"rid", "trace event nor connection", IN_TRACE | IN_PACKETS, "connection"},
	[FILTER_PEER] = {"peer", "packet", IN_PACKETS},
	[FILTER_COMMAND] = {"command", "message", IN_TRACE | IN_PACKETS},
	[FILTER_WHERE] = {"where", "trace event", IN_TRACE},
};

/**
 * filter_tell() - a sentence for each word that nothing matched
 * @read:  bits 1 << enum feed_source: what was looked at
 * @where: "", or words for the window
 *
 * Of what no report asked for nothing was looked at: with those words it is said so.
 */
void filter_tell(const struct filter *f, unsigned int read, const char *where, struct table *notes)
{
	bool all = true, any = false;

	for (size_t i = 0; i < f->config->filter_count; i++) {
		const struct report_filter *w = &f->config->filters[i];
		const char *of = about[w->kind].of;

		/* Of counters the report of series tells: they do not come by the feed. */
		if (w->kind == FILTER_SOURCE || w->kind == FILTER_COUNTER ||
		    !(read & about[w->kind].sources))
			continue;
		any |= read & about[w->kind].sources & IN_TRACE && w->kind != FILTER_CPU;
		if (f->matched[i])
			continue;
		all = false;
		if (!(read & IN_TRACE) && about[w->kind].of_packets)
			of = about[w->kind].of_packets;
		table_note(notes, "No %s that was looked at%s matches --%s %s.", of, where,
			   about[w->kind].option, w->text);
	}
	if (any && all && !*f->passed)
		table_note(notes,
			   "No trace event that was looked at%s matches all of these filters "
			   "at once.",
			   where);
}
