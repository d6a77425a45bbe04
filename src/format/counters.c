/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters in the text of statistics files.
 *
 * Called by the reports of series: the recorder keeps what the kernel said, this reads it. The
 * layout is known by what the text begins with, so that a file is understood wherever it lay, and
 * by its path where the text alone could be anything. What is of no known layout is taken line by
 * line: NAME VALUE, KEY=VALUE, and otherwise numbers by their place.
 *
 * Names are the kernel's own, joined by dots. Columns that the kernel does not name are named as
 * its documentation does: Documentation/admin-guide/iostats.rst (diskstats), proc(5) (stat,
 * net/dev, slabinfo), accounting/psi.rst (pressure), net/sunrpc/stats.c and fs/nfs/nfs3xdr.c
 * (rpc/nfs).
 *
 * What a value means over time is the kind: known where the layout is, else for the reader to find
 * out. Averages in pressure files are left out: the rate of their total says the same exactly.
 * Of /proc/interrupts and softirqs there is a sum of each line and of each CPU, not every cell: on
 * 256 CPUs that would be a hundred thousand columns.
 */
#include "format/counters.h"

#define CPUS_MAX 8192 /* columns of /proc/interrupts */
#define FIELDS_MAX 64

struct words {
	const char *at, *end;
};

struct word {
	const char *s;
	size_t n;
};

struct reader {
	struct words rest; /* of the text, by lines */
	counter_fn fn;
	void *arg;
	size_t count;
	struct word path;
	enum counter_kind kind; /* of lines that are only NAME VALUE */
	char name[COUNTER_NAME_MAX];
};

/* ---- words ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line without its newline; false at the end. */
static bool next_line(struct words *text, struct words *ret)
{
	const char *nl;

	if (text->at >= text->end)
		return false;
	nl = memchr(text->at, '\n', (size_t)(text->end - text->at));
	*ret = (struct words){text->at, nl ? nl : text->end};
	text->at = nl ? nl + 1 : text->end;
	return true;
}

static bool next_word(struct words *line, struct word *ret)
{
	while (line->at < line->end && is_blank(*line->at))
		line->at++;
	ret->s = line->at;
	while (line->at < line->end && !is_blank(*line->at))
		line->at++;
	ret->n = (size_t)(line->at - ret->s);
	return ret->n;
}

static bool word_is(const struct word *w, const char *s)
{
	return w->n == strlen(s) && !memcmp(w->s, s, w->n);
}

static bool begins(const struct words *w, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(w->end - w->at) >= n && !memcmp(w->at, s, n);
}

static bool ends(const struct word *w, const char *s)
{
	size_t n = strlen(s);

	return w->n >= n && !memcmp(w->s + w->n - n, s, n);
}

/* Without @c, if it is the last character. */
static struct word without(struct word w, char c)
{
	if (w.n && w.s[w.n - 1] == c)
		w.n--;
	return w;
}

static bool hex_number(const char *s, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if (n < 3 || n > 18 || s[0] != '0' || s[1] != 'x')
		return false;
	for (size_t i = 2; i < n; i++) {
		char c = s[i];
		unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10
							    : 16;

		if (digit > 15)
			return false;
		v = v << 4 | digit;
	}
	*ret = v;
	return true;
}

/* A whole number, one with decimals, or 0x and hexadecimal digits; nothing else in the word. */
static bool number(struct word w, struct counter *ret)
{
	uint64_t v = 0, fraction = 0, unit = 1;
	size_t i, digits = 0;

	*ret = (struct counter){0};
	if (hex_number(w.s, w.n, &ret->u)) {
		ret->d = (double)ret->u;
		return true;
	}
	ret->negative = w.n && w.s[0] == '-';
	for (i = ret->negative; i < w.n && w.s[i] >= '0' && w.s[i] <= '9'; i++, digits++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(w.s[i] - '0'), &v))
			return false;
	if (digits && i + 1 < w.n && w.s[i] == '.') {
		ret->real = true;
		for (i++; i < w.n && w.s[i] >= '0' && w.s[i] <= '9'; i++) {
			/* Beyond what a double tells apart. */
			if (unit >= UINT64_C(1000000000000000))
				continue;
			fraction = fraction * 10 + (uint64_t)(w.s[i] - '0');
			unit *= 10;
		}
	}
	if (!digits || i < w.n)
		return false;
	ret->negative &= v > 0 || fraction > 0;
	ret->u = ret->real ? 0 : v;
	ret->d = ((double)v + (double)fraction / (double)unit) * (ret->negative ? -1 : 1);
	return true;
}

static bool is_number(struct word w)
{
	struct counter c;

	return number(w, &c);
}

/* ---- what is told ---- */

/* A counter whose name is up to three words with dots between them; n 0: a word that is not. */
static void tell3(struct reader *r, struct word a, struct word b, struct word c,
		  enum counter_kind kind, struct counter value)
{
	const struct word parts[] = {a, b, c};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!parts[i].n)
			continue;
		if (n + 1 + parts[i].n > sizeof(r->name))
			return;
		if (n)
			r->name[n++] = '.';
		memcpy(r->name + n, parts[i].s, parts[i].n);
		n += parts[i].n;
	}
	if (!n)
		return;
	value.name = r->name;
	value.name_bytes = n;
	value.kind = kind;
	r->count++;
	r->fn(r->arg, &value);
}

static void tell(struct reader *r, struct word a, struct word b, enum counter_kind kind,
		 struct counter value)
{
	tell3(r, a, b, (struct word){0}, kind, value);
}

static struct word of(const char *s)
{
	return (struct word){s, strlen(s)};
}

/* Numbers of a line by their places. A "!" in front of a name: it is a gauge; NULL: left out. */
static void tell_fields(struct reader *r, struct word prefix, struct words line,
			const char *const *names, size_t count)
{
	struct counter c;
	struct word w;

	for (size_t i = 0; i < count && next_word(&line, &w); i++) {
		bool gauge = names[i] && *names[i] == '!';

		if (names[i] && number(w, &c))
			tell(r, prefix, of(names[i] + gauge),
			     gauge ? COUNTER_GAUGE : COUNTER_RISING, c);
	}
}

/* The same, named by their places, from @first on. */
static void tell_places(struct reader *r, struct word prefix, struct words line, unsigned int first,
			enum counter_kind kind)
{
	struct counter c;
	struct word w;
	char place[16];

	while (next_word(&line, &w)) {
		int n = snprintf(place, sizeof(place), "%u", first++);

		if (number(w, &c))
			tell(r, prefix, (struct word){place, (size_t)n}, kind, c);
	}
}

/* ---- /proc/stat ---- */

static void read_stat(struct reader *r)
{
	static const char *const fields[] = {"user", "nice",	"system", "idle",  "iowait",
					     "irq",  "softirq", "steal",  "guest", "guest_nice"};
	struct words line;
	struct counter c;
	struct word w, v;

	while (next_line(&r->rest, &line)) {
		if (!next_word(&line, &w))
			continue;
		if (w.n >= 3 && !memcmp(w.s, "cpu", 3)) {
			tell_fields(r, w, line, fields, ARRAY_SIZE(fields));
			continue;
		}
		/* Of intr and softirq the sum; what it is of, interrupts and softirqs tell. */
		if (next_word(&line, &v) && number(v, &c))
			tell(r, w, (struct word){0},
			     w.n > 6 && !memcmp(w.s, "procs_", 6) ? COUNTER_GAUGE
			     : word_is(&w, "btime")		  ? COUNTER_GAUGE
								  : COUNTER_RISING,
			     c);
	}
}

/* ---- disks ---- */

static const char *const disk_fields[] = {
	"reads",	 "reads_merged",    "sectors_read",    "ms_reading",	    "writes",
	"writes_merged", "sectors_written", "ms_writing",      "!in_progress",	    "ms_busy",
	"ms_weighted",	 "discards",	    "discards_merged", "sectors_discarded", "ms_discarding",
	"flushes",	 "ms_flushing"};

static void read_diskstats(struct reader *r)
{
	struct words line;
	struct word major, minor, name;

	while (next_line(&r->rest, &line))
		if (next_word(&line, &major) && next_word(&line, &minor) && next_word(&line, &name))
			tell_fields(r, name, line, disk_fields, ARRAY_SIZE(disk_fields));
}

static void read_blockstat(struct reader *r)
{
	struct words line;

	while (next_line(&r->rest, &line))
		tell_fields(r, (struct word){0}, line, disk_fields, ARRAY_SIZE(disk_fields));
}

/* ---- memory ---- */

static void read_slabinfo(struct reader *r)
{
	static const char *const fields[] = {"!active_objs", "!num_objs"}, *const slabs[] = {
										   "!active_slabs",
										   "!num_slabs"};
	struct words line;
	struct word name, w;

	while (next_line(&r->rest, &line)) {
		if (begins(&line, "#") || begins(&line, "slabinfo - ") || !next_word(&line, &name))
			continue;
		tell_fields(r, name, line, fields, ARRAY_SIZE(fields));
		while (next_word(&line, &w) && !word_is(&w, "slabdata"))
			;
		tell_fields(r, name, line, slabs, ARRAY_SIZE(slabs));
	}
}

/* Of vmstat: what there is begins with nr_, but for these, which count what has happened. */
static enum counter_kind vmstat_kind(const struct word *name)
{
	static const char *const events[] = {"nr_dirtied",
					     "nr_written",
					     "nr_vmscan_write",
					     "nr_throttled_written",
					     "nr_foll_pin_acquired",
					     "nr_foll_pin_released",
					     "nr_vmscan_immediate_reclaim"};

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (word_is(name, events[i]))
			return COUNTER_RISING;
	if ((name->n > 3 && !memcmp(name->s, "nr_", 3)) || word_is(name, "workingset_nodes"))
		return COUNTER_GAUGE;
	return COUNTER_RISING;
}

static void read_vmstat(struct reader *r)
{
	struct words line;
	struct counter c;
	struct word name, v;

	while (next_line(&r->rest, &line))
		if (next_word(&line, &name) && next_word(&line, &v) && number(v, &c))
			tell(r, name, (struct word){0}, vmstat_kind(&name), c);
}

/* ---- network ---- */

static void read_netdev(struct reader *r)
{
	static const char *const fields[] = {
		"rx_bytes", "rx_packets", "rx_errs",	   "rx_drop",
		"rx_fifo",  "rx_frame",	  "rx_compressed", "rx_multicast",
		"tx_bytes", "tx_packets", "tx_errs",	   "tx_drop",
		"tx_fifo",  "tx_colls",	  "tx_carrier",	   "tx_compressed"};
	struct words line;

	while (next_line(&r->rest, &line)) {
		const char *colon;
		struct words front;
		struct word name;

		/* "eth0:123" is one word on old kernels; names of aliases have a colon. */
		for (colon = line.end; colon > line.at && colon[-1] != ':';)
			colon--;
		front = (struct words){line.at, colon};
		if (colon == line.at || !next_word(&front, &name))
			continue;
		line.at = colon;
		tell_fields(r, without(name, ':'), line, fields, ARRAY_SIZE(fields));
	}
}

/* What in /proc/net/snmp is no counter. */
static enum counter_kind snmp_kind(const struct word *name)
{
	static const char *const gauges[] = {"Forwarding", "DefaultTTL", "RtoAlgorithm", "RtoMin",
					     "RtoMax",	   "MaxConn",	 "CurrEstab"};

	for (size_t i = 0; i < ARRAY_SIZE(gauges); i++)
		if (word_is(name, gauges[i]))
			return COUNTER_GAUGE;
	return COUNTER_RISING;
}

/* Two lines: names, then values, both behind the same word. */
static void read_snmp(struct reader *r)
{
	struct words names, values;
	struct word a, b, name, value;
	struct counter c;

	while (next_line(&r->rest, &names)) {
		struct words before = r->rest;

		if (!next_line(&r->rest, &values) || !next_word(&names, &a))
			return;
		if (!next_word(&values, &b) || a.n != b.n || memcmp(a.s, b.s, a.n) != 0) {
			r->rest = before;
			continue;
		}
		while (next_word(&names, &name) && next_word(&values, &value))
			if (number(value, &c))
				tell(r, without(a, ':'), name, snmp_kind(&name), c);
	}
}

/* ---- interrupts, softirqs ---- */

struct cpu_columns {
	struct word names[CPUS_MAX];
	uint64_t sums[CPUS_MAX];
	size_t count;
};

static void read_cpu_line(struct reader *r, struct cpu_columns *cpus, struct words line)
{
	struct word id, w = {0}, last = {0};
	struct counter c, sum = {0};
	char joined[COUNTER_NAME_MAX];
	size_t columns = 0;
	int n;

	if (!next_word(&line, &id) || id.s[id.n - 1] != ':')
		return;
	id = without(id, ':');
	while (columns < cpus->count && next_word(&line, &w) && number(w, &c)) {
		sum.u += c.u;
		cpus->sums[columns++] += c.u;
	}
	if (!columns)
		return;
	while (next_word(&line, &w))
		last = w;
	sum.d = (double)sum.u;
	/* Numbers are given anew at each boot: the device's name tells more. */
	if (is_number(id) && last.n) {
		n = snprintf(joined, sizeof(joined), "%.*s:%.*s", (int)min_of(id.n, sizeof(joined)),
			     id.s, (int)min_of(last.n, sizeof(joined)), last.s);
		if ((size_t)n >= sizeof(joined))
			return;
		id = (struct word){joined, (size_t)n};
	}
	tell(r, id, (struct word){0}, COUNTER_RISING, sum);
}

static void read_cpu_columns(struct reader *r)
{
	CLEANUP(freep) struct cpu_columns *cpus = calloc(1, sizeof(*cpus));
	struct words line;

	if (!cpus || !next_line(&r->rest, &line))
		return;
	while (cpus->count < CPUS_MAX && next_word(&line, &cpus->names[cpus->count]))
		cpus->count++;
	while (next_line(&r->rest, &line))
		read_cpu_line(r, cpus, line);
	for (size_t i = 0; i < cpus->count; i++)
		tell(r, cpus->names[i], (struct word){0}, COUNTER_RISING,
		     (struct counter){.u = cpus->sums[i], .d = (double)cpus->sums[i]});
}

/* ---- clients of other file systems ---- */

/* "NAME COUNT samples [UNIT] MIN MAX SUM SUMSQUARES" */
static bool read_lustre_line(struct reader *r, struct words line)
{
	static const char *const fields[] = {"!min", "!max", "sum", "sumsq"};
	struct word name, count, samples, unit;
	struct counter c;

	if (!next_word(&line, &name) || !next_word(&line, &count) || !number(count, &c) ||
	    !next_word(&line, &samples) || !word_is(&samples, "samples"))
		return false;
	tell(r, name, of("samples"), COUNTER_RISING, c);
	if (next_word(&line, &unit))
		tell_fields(r, name, line, fields, ARRAY_SIZE(fields));
	return true;
}

static void read_nfs(struct reader *r)
{
	static const char *const net[] = {"packets", "udp", "tcp", "tcp_connections"},
				 *const rpc[] = {"calls", "retransmissions", "auth_refreshes"},
				 *const proc3[] = {NULL,     "null",	 "getattr",	"setattr",
						   "lookup", "access",	 "readlink",	"read",
						   "write",  "create",	 "mkdir",	"symlink",
						   "mknod",  "remove",	 "rmdir",	"rename",
						   "link",   "readdir",	 "readdirplus", "fsstat",
						   "fsinfo", "pathconf", "commit"};
	struct words line;
	struct word w, count;

	while (next_line(&r->rest, &line)) {
		if (!next_word(&line, &w))
			continue;
		if (word_is(&w, "net"))
			tell_fields(r, w, line, net, ARRAY_SIZE(net));
		else if (word_is(&w, "rpc") && !ends(&r->path, "/nfsd"))
			tell_fields(r, w, line, rpc, ARRAY_SIZE(rpc));
		else if (word_is(&w, "proc3"))
			tell_fields(r, w, line, proc3, ARRAY_SIZE(proc3));
		else if (w.n > 4 && !memcmp(w.s, "proc", 4) && next_word(&line, &count))
			tell_places(r, w, line, 0, COUNTER_RISING);
		else
			tell_places(r, w, line, 1, COUNTER_UNKNOWN);
	}
}

/* ---- anything ---- */

/* Of KEY=VALUE: sections that the recorder makes itself, and pressure files. */
static enum counter_kind key_kind(const struct reader *r, const struct word *key)
{
	static const char *const rising[] = {
		"total",	   "utime_ticks",	"stime_ticks",
		"total_retrans",   "bytes_sent",	"bytes_acked",
		"bytes_received",  "bytes_retrans",	"segs_out",
		"segs_in",	   "data_segs_in",	"data_segs_out",
		"delivered",	   "delivered_ce",	"busy_us",
		"rwnd_limited_us", "sndbuf_limited_us", "dsack_dups",
		"reord_seen",	   "rcv_ooopack"};

	if (!word_is(&r->path, "tcp_info") && !word_is(&r->path, "processes") &&
	    r->kind != COUNTER_RISING)
		return COUNTER_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(rising); i++)
		if (word_is(key, rising[i]))
			return COUNTER_RISING;
	return COUNTER_GAUGE;
}

/* "WORD WORD KEY=VALUE KEY=VALUE": the words in front are whose they are. */
static void read_pairs(struct reader *r, struct words line)
{
	struct word front = {line.at, 0}, w;
	bool pressure = begins(&line, "some avg10=") || begins(&line, "full avg10=");

	r->kind = pressure ? COUNTER_RISING : r->kind;
	while (next_word(&line, &w)) {
		const char *equals = memchr(w.s, '=', w.n);
		struct word key, value;
		struct counter c;

		if (!equals) {
			if (!front.n)
				front.s = w.s;
			front.n = (size_t)(w.s + w.n - front.s);
			continue;
		}
		key = (struct word){w.s, (size_t)(equals - w.s)};
		value = (struct word){equals + 1, w.n - key.n - 1};
		if (pressure && !word_is(&key, "total"))
			continue;
		if (number(value, &c))
			tell(r, front, key, key_kind(r, &key), c);
	}
}

/* "NAME VALUE", "NAME: VALUE kB", "NAME WORD VALUE WORD VALUE" or numbers by their places. */
static void read_words(struct reader *r, struct words line)
{
	struct words rest;
	struct word name, w, key;
	struct counter c;
	unsigned int place = 1;

	if (!next_word(&line, &name))
		return;
	if (number(name, &c)) {
		/* The only number of a file is its value. */
		if (!next_word(&line, &w)) {
			tell(r, of("value"), (struct word){0}, r->kind, c);
			return;
		}
		tell(r, of("1"), (struct word){0}, r->kind, c);
		line.at = w.s;
		tell_places(r, (struct word){0}, line, 2, r->kind);
		return;
	}
	name = without(name, ':');
	rest = line;
	if (!next_word(&line, &w))
		return;
	if (number(w, &c)) {
		/* More numbers behind it: each has its place. */
		if (next_word(&line, &key) && is_number(key))
			tell_places(r, name, rest, 1, r->kind);
		else
			tell(r, name, (struct word){0}, r->kind, c);
		return;
	}
	/* "last_recv from 1 term 1 secs_since 0.06" of scoutfs' quorum/status: whose it is. */
	if ((word_is(&w, "to") || word_is(&w, "from")) && next_word(&line, &key) && is_number(key))
		name.n = (size_t)(key.s + key.n - name.s);
	else
		line = rest;
	for (key = (struct word){0}; next_word(&line, &w); place++) {
		if (key.n && number(w, &c))
			tell(r, name, key, COUNTER_GAUGE, c);
		key = number(w, &c) ? (struct word){0} : w;
	}
}

static void read_lines(struct reader *r)
{
	struct words line;

	while (next_line(&r->rest, &line)) {
		if (begins(&line, "#") || read_lustre_line(r, line))
			continue;
		if (memchr(line.at, '=', (size_t)(line.end - line.at)))
			read_pairs(r, line);
		else
			read_words(r, line);
	}
}

static void read_gauges(struct reader *r)
{
	r->kind = COUNTER_GAUGE;
	read_lines(r);
}

static void read_rising(struct reader *r)
{
	r->kind = COUNTER_RISING;
	read_lines(r);
}

/* ---- which layout ---- */

static bool is_snmp(struct words text)
{
	struct words names, values;
	struct word a, b, name, value;

	return next_line(&text, &names) && next_line(&text, &values) && next_word(&names, &a) &&
	       next_word(&values, &b) && a.n == b.n && !memcmp(a.s, b.s, a.n) &&
	       a.s[a.n - 1] == ':' && next_word(&names, &name) && next_word(&values, &value) &&
	       !is_number(name) && is_number(value);
}

static bool is_cpu_columns(struct words text)
{
	struct words line;
	struct word w;

	return next_line(&text, &line) && is_blank(*line.at) && next_word(&line, &w) && w.n > 3 &&
	       !memcmp(w.s, "CPU", 3);
}

static bool is_blockstat(struct words text)
{
	struct words line;
	struct word w;
	size_t n = 0;

	if (!next_line(&text, &line) || text.at < text.end)
		return false;
	while (next_word(&line, &w))
		if (!is_number(w) || n++ > ARRAY_SIZE(disk_fields) + 8)
			return false;
	return n >= 11;
}

static void read_text(struct reader *r)
{
	const struct words *t = &r->rest;
	const struct word *p = &r->path;

	if (begins(t, "slabinfo - "))
		read_slabinfo(r);
	else if (begins(t, "Inter-|"))
		read_netdev(r);
	else if (begins(t, "cpu ") || begins(t, "cpu0 "))
		read_stat(r);
	else if (is_cpu_columns(*t))
		read_cpu_columns(r);
	else if (is_snmp(*t))
		read_snmp(r);
	else if (ends(p, "diskstats"))
		read_diskstats(r);
	else if (ends(p, "/stat") && is_blockstat(*t))
		read_blockstat(r);
	else if (ends(p, "/rpc/nfs") || ends(p, "/rpc/nfsd"))
		read_nfs(r);
	else if (ends(p, "vmstat") || begins(t, "nr_free_pages "))
		read_vmstat(r);
	else if (ends(p, "meminfo") || ends(p, "/quorum/") || ends(p, "/quorum/status") ||
		 ends(p, "/is_leader") || ends(p, "/loadavg"))
		read_gauges(r);
	else if (ends(p, "/counters/"))
		read_rising(r);
	else
		read_lines(r);
}

/**
 * counters_parse() - the counters in a text
 * @path:  where the text was read from, or what its maker calls it: tells the layout where the
 *         text does not
 * @bytes: @n of them; need not end in a newline
 * @fn:    called for each, in the order of the text; the same name may come twice
 *
 * Return: how often @fn was called.
 */
size_t counters_parse(const char *path, size_t path_bytes, const char *bytes, size_t n,
		      counter_fn fn, void *arg)
{
	struct reader r = {
		.rest = {bytes, bytes + n}, .fn = fn, .arg = arg, .path = {path, path_bytes}};

	if (n)
		read_text(&r);
	return r.count;
}

/** counter_kind_name() - for people */
const char *counter_kind_name(enum counter_kind kind)
{
	switch (kind) {
	case COUNTER_RISING:
		return "counter";
	case COUNTER_GAUGE:
		return "gauge";
	default:
		return "unknown";
	}
}
