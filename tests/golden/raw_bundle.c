/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bundle of captures that other programs made: trace-cmd's trace.dat (version 6, not compressed),
 * tcpdump's pcap, records of /dev/kmsg. It goes through the recorder's own spool and finish(), so
 * what comes out is what a recorder would have left, and the reports can be tried on real fences.
 *
 *	raw_bundle --output DIR [--trace FILE --trace-minus-mono NS] [--pcap FILE]
 *		[--kmsg FILE --kmsg-minus-mono NS] --real-minus-mono NS [--server IP:PORT]
 *		[--trigger NAME=WORDS] [--trigger-at NS] [--repeat N] [--series NAME=FILE]...
 *		[--keep]
 *
 * The offsets place the captures' clocks on CLOCK_MONOTONIC. --trigger: the first kernel-log line
 * with these words ended it. --repeat: all of it N times, one after another in time. --series:
 *samples as a bundle's member has them. --keep: leave the session folder that the bundle was made
 *of. Prints the bundle's path.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/file.h"
#include "format/kmsg.h"
#include "format/pcapfile.h"
#include "format/ringpage.h"
#include "format/segment.h"
#include "format/series.h"
#include "format/tracedat.h"

#include "finish.h"
#include "folder.h"
#include "session.h"
#include "spool.h"

#define GAP_NS NSEC_PER_SEC /* between repetitions */
#define CPUS_MAX 256
#define SERIES_MOST 32
#define SUFFIX "golden"

static const struct option longopts[] = {{"output", 1, NULL, 'o'},
					 {"trace", 1, NULL, 't'},
					 {"trace-minus-mono", 1, NULL, 'T'},
					 {"pcap", 1, NULL, 'p'},
					 {"kmsg", 1, NULL, 'k'},
					 {"kmsg-minus-mono", 1, NULL, 'K'},
					 {"real-minus-mono", 1, NULL, 'R'},
					 {"server", 1, NULL, 's'},
					 {"trigger", 1, NULL, 'g'},
					 {"repeat", 1, NULL, 'n'},
					 {"series", 1, NULL, 'S'},
					 {"trigger-at", 1, NULL, 'A'},
					 {"keep", 0, NULL, 'Z'},
					 {NULL, 0, NULL, 0}};

struct file {
	const uint8_t *bytes;
	size_t n;
};

struct raw {
	const char *output, *server;
	char *trigger, *words;
	struct file trace, pcap, kmsg;
	int64_t trace_offset, kmsg_offset, real_offset;
	uint64_t repeat;

	char path[4096];
	int dir_fd;
	struct spool *spool;
	struct tracedat_read_head head;
	struct tracedat_read_tail tail;
	struct ringpage_layout layout;
	uint64_t first_ns, last_ns; /* of one repetition */
	uint64_t trigger_ns;
	char trigger_text[512];
	uint64_t records[CHUNK_CLOCKS + 1];
	struct {
		char *name;
		struct file text; /* as the member is, with its head */
		struct series_head head;
		uint64_t samples;
	} series[SERIES_MOST];
	size_t series_count;
	bool keep; /* the session folder */
};

__attribute__((noreturn)) static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "raw_bundle: %s: %s\n", what, e && e->code ? e->text : strerror(errno));
	exit(1);
}

static struct file map_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct file f = {0};
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path, NULL);
	if (st.st_size == 0)
		return f;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die(path, NULL);
	(void)close(fd);
	return (struct file){p, (size_t)st.st_size};
}

static void add_series(struct raw *r, char *spec)
{
	char *equals = strchr(spec, '=');

	if (!equals || r->series_count == SERIES_MOST)
		die(spec, NULL);
	*equals = '\0';
	r->series[r->series_count].name = spec;
	r->series[r->series_count].text = map_file(equals + 1);
	if (!series_head_parse(r->series[r->series_count].text.bytes,
			       r->series[r->series_count].text.n, &r->series[r->series_count].head))
		die(equals + 1, NULL);
	r->series_count++;
}

static void options(int argc, char *argv[], struct raw *r)
{
	for (int c; (c = getopt_long(argc, argv, "", longopts, NULL)) != -1;) {
		switch (c) {
		case 'o':
			r->output = optarg;
			break;
		case 't':
			r->trace = map_file(optarg);
			break;
		case 'T':
			r->trace_offset = strtoll(optarg, NULL, 10);
			break;
		case 'p':
			r->pcap = map_file(optarg);
			break;
		case 'k':
			r->kmsg = map_file(optarg);
			break;
		case 'K':
			r->kmsg_offset = strtoll(optarg, NULL, 10);
			break;
		case 'R':
			r->real_offset = strtoll(optarg, NULL, 10);
			break;
		case 's':
			r->server = optarg;
			break;
		case 'g':
			r->trigger = optarg;
			r->words = strchr(optarg, '=');
			if (r->words)
				*r->words++ = '\0';
			break;
		case 'S':
			add_series(r, optarg);
			break;
		case 'A':
			r->trigger_ns = strtoull(optarg, NULL, 10);
			break;
		case 'Z':
			r->keep = true;
			break;
		case 'n':
			r->repeat = strtoull(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	}
	if (!r->output || !r->repeat || (r->trigger && !r->words)) {
		fprintf(stderr, "raw_bundle: see the head of raw_bundle.c\n");
		exit(2);
	}
}

/* ---- what there is ---- */

static void spread(struct raw *r, uint64_t ns)
{
	r->first_ns = r->first_ns ? min_of(r->first_ns, ns) : ns;
	r->last_ns = max_of(r->last_ns, ns);
}

static void read_trace(struct raw *r)
{
	struct err e = {0};
	char *page;

	/* Without one: as a recorder whose rings stayed empty. */
	r->layout = (struct ringpage_layout){
		.page_bytes = 4096, .commit_offset = 8, .commit_bytes = 8, .data_offset = 16};
	if (!r->trace.n)
		return;
	if (tracedat_head_read(r->trace.bytes, r->trace.n, &r->head, &e) < 0 ||
	    tracedat_tail_read(r->trace.bytes + r->head.bytes, r->trace.n - r->head.bytes, &r->tail,
			       &e) < 0)
		die("trace", &e);
	page = strndup(r->head.header_page.s, r->head.header_page.n);
	if (ringpage_layout_parse(page, &r->layout, &e) < 0 || r->tail.cpus > CPUS_MAX)
		die("trace", &e);
	free(page);
	r->layout.page_bytes = r->head.page_bytes;
}

static const uint8_t *cpu_page(const struct raw *r, uint32_t cpu, uint64_t at)
{
	const struct tracedat_read_cpu *c = &r->tail.cpu[cpu];

	return c->bytes - at >= r->layout.page_bytes && c->offset + c->bytes <= r->trace.n
		       ? r->trace.bytes + c->offset + at
		       : NULL;
}

static void survey(struct raw *r)
{
	struct pcapfile_reader pcap = {0};
	struct pcapfile_packet packet;

	for (uint32_t cpu = 0; cpu < r->tail.cpus; cpu++) {
		for (uint64_t at = 0; at < r->tail.cpu[cpu].bytes; at += r->layout.page_bytes) {
			const uint8_t *page = cpu_page(r, cpu, at);
			struct ringpage_info info;

			if (!page || ringpage_scan(&r->layout, page, &info) < 0)
				die("a page", NULL);
			if (!info.events)
				continue;
			spread(r, info.first_ns - (uint64_t)r->trace_offset);
			spread(r, info.last_ns - (uint64_t)r->trace_offset);
		}
	}
	for (size_t i = 0; i < r->series_count; i++) {
		struct series_sample sample;
		struct series_walk w;

		series_walk_begin(&w, r->series[i].text.bytes, r->series[i].text.n);
		while (series_next_sample(&w, &sample) > 0)
			spread(r, sample.mono_ns);
	}
	pcapfile_feed(&pcap, r->pcap.bytes, r->pcap.n);
	while (r->pcap.n && pcapfile_next(&pcap, &packet, NULL) == 1)
		spread(r, packet.real_ns - (uint64_t)r->real_offset);
	pcapfile_done(&pcap);
}

/* ---- the session folder ---- */

static void save(const struct raw *r, const char *name, const void *bytes, size_t n)
{
	struct err e = {0};

	if (file_save_at(r->dir_fd, name, bytes, n, &e) < 0)
		die(name, &e);
}

static void series_facts(const struct raw *r, struct json_writer *w)
{
	char name[64], member[64];

	json_key(w, "series");
	json_object(w);
	json_key(w, "list");
	json_array(w);
	for (size_t i = 0; i < r->series_count; i++) {
		(void)snprintf(name, sizeof(name), "series/%s", r->series[i].name);
		(void)snprintf(member, sizeof(member), "series/%s.txt", r->series[i].name);
		json_object(w);
		json_kv_str(w, "name", name);
		json_kv_str(w, "member", member);
		json_kv_u64(w, "id", i + 1);
		json_kv_u64(w, "interval_ns", r->series[i].head.interval_ns);
		json_object_end(w);
	}
	json_array_end(w);
	json_object_end(w);
}

static void save_facts(const struct raw *r)
{
	CLEANUP(text_free) struct text facts = {0};
	struct json_writer w;
	char uname[256];

	(void)snprintf(uname, sizeof(uname), "%.*s", (int)r->tail.uname.n,
		       r->tail.uname.n ? r->tail.uname.s : "");
	json_begin(&w, &facts, false);
	json_object(&w);
	json_kv_str(&w, "format", "scoutfs-trace-session");
	json_kv_u64(&w, "version", 1);
	json_kv_str(&w, "stem", "scoutfs-trace.node.2026-1120-1000." SUFFIX);
	json_kv_str(&w, "suffix", SUFFIX);
	json_kv_str(&w, "tool_version", PROJECT_VERSION);
	json_kv_str(&w, "host", "node");
	json_kv_str(&w, "kernel", "6.1.0-56-cloud-amd64");
	json_kv_str(&w, "kernel_build", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)");
	json_kv_str(&w, "machine", "x86_64");
	json_kv_str(&w, "scoutfs_version", NULL);
	json_kv_str(&w, "boot_id", "00000000-0000-0000-0000-000000000000");
	json_kv_u64(&w, "created_monotonic_ns", r->first_ns);
	json_kv_u64(&w, "created_realtime_ns", r->first_ns + (uint64_t)r->real_offset);
	json_kv_str(&w, "server", r->server ? r->server : "127.0.0.1:19700");
	json_key(&w, "command_line");
	json_array(&w);
	json_str(&w, "scoutfs-trace");
	json_array_end(&w);
	json_key(&w, "budgets");
	json_object(&w);
	json_kv_u64(&w, "after_ns", NSEC_PER_SEC);
	json_kv_u64(&w, "before_ns", 120 * NSEC_PER_SEC);
	json_object_end(&w);
	json_key(&w, "triggers");
	json_array(&w);
	json_array_end(&w);
	json_key(&w, "sources");
	json_object(&w);
	json_key(&w, "ftrace");
	json_object(&w);
	json_kv_u64(&w, "cpus", max_of(r->tail.cpus, 1u));
	json_kv_u64(&w, "page_bytes", r->layout.page_bytes);
	json_kv_u64(&w, "commit_offset", r->layout.commit_offset);
	json_kv_u64(&w, "commit_bytes", r->layout.commit_bytes);
	json_kv_u64(&w, "data_offset", r->layout.data_offset);
	json_kv_str(&w, "trace_clock", "local global [mono]");
	json_kv_str(&w, "uname", uname);
	json_object_end(&w);
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {"packets", "kmsg", "clocks"};

		json_key(&w, names[i]);
		json_object(&w);
		json_object_end(&w);
	}
	if (r->series_count)
		series_facts(r, &w);
	json_object_end(&w);
	json_object_end(&w);
	text_str(&facts, "\n");
	save(r, SESSION_FACTS, facts.s, facts.len);
}

static void save_heads(const struct raw *r)
{
	static const char columns[] = "monotonic_ns,realtime_ns,boottime_ns,tai_ns,bound_ns\n";

	save(r, SESSION_CLOCKS_HEAD, columns, sizeof(columns) - 1);
	if (r->pcap.n)
		save(r, SESSION_PACKETS_HEAD, r->pcap.bytes, PCAPFILE_HEADER_BYTES);
	if (r->trace.n) {
		size_t room = ZSTD_compressBound(r->head.bytes), n;
		ZSTD_CCtx *z = ZSTD_createCCtx();
		void *frame = malloc(room);

		if (!z || !frame)
			die("memory", NULL);
		(void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
		n = ZSTD_compress2(z, frame, room, r->trace.bytes, r->head.bytes);
		save(r, SESSION_TRACE_HEAD, frame, n);
		(void)ZSTD_freeCCtx(z);
		free(frame);
	}
}

static void open_folder(struct raw *r)
{
	(void)snprintf(r->path, sizeof(r->path), "%s/session.XXXXXX", r->output);
	if (!mkdtemp(r->path))
		die(r->path, NULL);
	r->dir_fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0 || mkdirat(r->dir_fd, SEGMENT_DIR, 0700) < 0)
		die(r->path, NULL);
	save_facts(r);
	save_heads(r);
	/* As a recorder has them from its start on; a spool that is resumed expects them. */
	save(r, SPOOL_JOURNAL, "", 0);
	save(r, SPOOL_LOSSES, "", 0);
	save(r, SPOOL_COMMS, "", 0);
	save(r, SEGMENT_TAIL, "", 0);
}

/* ---- what was recorded ---- */

static void append(struct spool_stream *st, const void *bytes, size_t n, uint64_t first_ns,
		   uint64_t last_ns, uint64_t records)
{
	if (spool_append(st, bytes, n, &(struct spool_span){first_ns, last_ns, records, 0}) < 0)
		die("spool_append", NULL);
}

static void feed_pages(struct raw *r, uint32_t cpu, struct spool_stream *st, uint64_t shift)
{
	uint8_t *copy = malloc(r->layout.page_bytes);

	for (uint64_t at = 0; at < r->tail.cpu[cpu].bytes; at += r->layout.page_bytes) {
		struct ringpage_info info;

		memcpy(copy, cpu_page(r, cpu, at), r->layout.page_bytes);
		put_le64(copy, get_le64(copy) - (uint64_t)r->trace_offset + shift);
		if (ringpage_scan(&r->layout, copy, &info) < 0)
			die("a page", NULL);
		if (info.events)
			append(st, copy, r->layout.page_bytes, info.first_ns, info.last_ns,
			       info.events);
		r->records[CHUNK_RING] += info.events;
	}
	free(copy);
}

static void feed_packets(struct raw *r, struct spool_stream *st, uint64_t shift)
{
	struct pcapfile_reader pcap = {0};
	struct pcapfile_packet p;
	static uint8_t record[PCAPFILE_RECORD_BYTES + PCAPFILE_PACKET_MAX];

	pcapfile_feed(&pcap, r->pcap.bytes, r->pcap.n);
	while (r->pcap.n && pcapfile_next(&pcap, &p, NULL) == 1) {
		uint64_t mono = p.real_ns - (uint64_t)r->real_offset + shift;
		uint64_t real = p.real_ns + shift;

		/* As the file's header has it: microseconds or nanoseconds. */
		pcapfile_record(real, p.captured, p.on_wire, record);
		if (pcap.microseconds)
			put_le32(record + 4, (uint32_t)(real % NSEC_PER_SEC / NSEC_PER_USEC));
		memcpy(record + PCAPFILE_RECORD_BYTES, p.bytes, p.captured);
		append(st, record, PCAPFILE_RECORD_BYTES + p.captured, mono, mono, 1);
		r->records[CHUNK_PACKETS]++;
	}
	pcapfile_done(&pcap);
}

/* To the newline that no dictionary line follows. */
static size_t record_bytes(const uint8_t *at, size_t n)
{
	size_t i = 0;

	while (i < n && !(at[i] == '\n' && (i + 1 == n || at[i + 1] != ' ')))
		i++;
	return min_of(i + 1, n);
}

static void feed_log(struct raw *r, struct spool_stream *st, uint64_t shift)
{
	for (size_t at = 0, n; at < r->kmsg.n; at += n) {
		CLEANUP(text_free) struct text line = {0};
		struct kmsg_record k;
		uint64_t mono;
		char *copy;

		n = record_bytes(r->kmsg.bytes + at, r->kmsg.n - at);
		copy = calloc(n + 1, 1);
		memcpy(copy, r->kmsg.bytes + at, n);
		if (kmsg_parse(copy, n, &k) == 0) {
			/* The first records of a boot have no stamp. */
			mono = (int64_t)k.stamp_ns > r->kmsg_offset
				       ? k.stamp_ns - (uint64_t)r->kmsg_offset
				       : 1;
			mono += shift;
			kmsg_format(&k, mono + (uint64_t)r->real_offset, &line);
			append(st, line.s, line.len, mono, mono, 1);
			r->records[CHUNK_KMSG]++;
			if (r->words && !r->trigger_ns && strstr(k.text, r->words)) {
				r->trigger_ns = mono;
				(void)snprintf(r->trigger_text, sizeof(r->trigger_text), "%s",
					       k.text);
			}
		}
		free(copy);
	}
}

static void feed_clocks(struct raw *r, struct spool_stream *st, uint64_t shift)
{
	for (uint64_t ns = r->first_ns + shift; ns <= r->last_ns + shift; ns += NSEC_PER_SEC) {
		char row[160];
		int n = snprintf(
			row, sizeof(row), "%llu,%llu,%llu,%llu,250\n", (unsigned long long)ns,
			(unsigned long long)(ns + (uint64_t)r->real_offset), (unsigned long long)ns,
			(unsigned long long)(ns + (uint64_t)r->real_offset));

		append(st, row, (size_t)n, ns, ns, 1);
		r->records[CHUNK_CLOCKS]++;
	}
}

/* Each sample, whole, as the recorder appends them. */
static void feed_series(struct raw *r, size_t i, struct spool_stream *st, uint64_t shift)
{
	struct series_sample sample;
	struct series_section section;
	struct series_walk w;

	series_walk_begin(&w, r->series[i].text.bytes, r->series[i].text.n);
	while (series_next_sample(&w, &sample) > 0) {
		CLEANUP(text_free) struct text bytes = {0};
		const char *body = w.at;

		while (series_next_section(&w, &section) > 0)
			;
		series_sample_write(sample.mono_ns + shift, sample.took_ns, sample.sections,
				    &bytes);
		text_add(&bytes, body, (size_t)(w.at - body));
		append(st, bytes.s, bytes.len, sample.mono_ns + shift, sample.mono_ns + shift, 1);
		r->series[i].samples++;
	}
}

static void journal_end(const struct raw *r, uint64_t end_ns)
{
	CLEANUP(text_free) struct text line = {0};
	const char *reason = r->trigger_ns ? "trigger" : "signal";
	uint64_t when = r->trigger_ns ? r->trigger_ns : end_ns;
	struct json_writer w;

	json_begin(&w, &line, false);
	json_object(&w);
	json_key(&w, "stop");
	json_object(&w);
	json_kv_str(&w, "reason", reason);
	json_kv_str(&w, "trigger", r->trigger_ns ? r->trigger : NULL);
	json_kv_str(&w, "role", r->trigger_ns ? "final" : NULL);
	json_kv_str(&w, "text", r->trigger_ns ? r->trigger_text : "SIGINT");
	json_kv_u64(&w, "monotonic_ns", when);
	json_kv_u64(&w, "realtime_ns", when + (uint64_t)r->real_offset);
	json_object_end(&w);
	json_object_end(&w);
	text_printf(
		&line,
		"\n{\"totals\":{\"ftrace\":%llu,\"packets\":%llu,\"kmsg\":%llu,\"clocks\":%llu}}\n",
		(unsigned long long)r->records[CHUNK_RING],
		(unsigned long long)r->records[CHUNK_PACKETS],
		(unsigned long long)r->records[CHUNK_KMSG],
		(unsigned long long)r->records[CHUNK_CLOCKS]);
	for (int i = 0; i < 2; i++) {
		uint64_t ns = i ? end_ns : r->first_ns;

		text_printf(
			&line,
			"{\"anchor\":{\"when\":\"%s\",\"monotonic_ns\":%llu,\"realtime_ns\":%llu,"
			"\"bound_ns\":250}}\n",
			i ? "end" : "start", (unsigned long long)ns,
			(unsigned long long)(ns + (uint64_t)r->real_offset));
	}
	spool_journal(r->spool, line.s, line.len);
}

static void record(struct raw *r)
{
	struct spool_stream *cpus[CPUS_MAX] = {0}, *log = NULL, *packets = NULL, *clocks = NULL;
	struct spool_stream *series[SERIES_MOST] = {0};
	uint64_t step = r->last_ns - r->first_ns + GAP_NS;
	struct err e = {0};

	if (spool_open(&(struct spool_config){.session_fd = r->dir_fd,
					      .limit_bytes = 64 * GIB,
					      .lag_ns = NSEC_PER_SEC,
					      .memory_bytes = 64 * MIB,
					      .streams = r->tail.cpus + 3 +
							 (unsigned int)r->series_count,
					      .resume = true},
		       &r->spool, &e) < 0)
		die("spool", &e);
	for (uint32_t i = 0; i < r->tail.cpus; i++)
		if (spool_stream_add(r->spool, CHUNK_RING, i, &r->layout, &cpus[i], &e) < 0)
			die("spool", &e);
	for (size_t i = 0; i < r->series_count; i++)
		if (spool_stream_add(r->spool, CHUNK_SERIES, (uint32_t)i + 1, NULL, &series[i],
				     &e) < 0)
			die("spool", &e);
	if (spool_stream_add(r->spool, CHUNK_KMSG, 0, NULL, &log, &e) < 0 ||
	    spool_stream_add(r->spool, CHUNK_PACKETS, 0, NULL, &packets, &e) < 0 ||
	    spool_stream_add(r->spool, CHUNK_CLOCKS, 0, NULL, &clocks, &e) < 0 ||
	    spool_start(r->spool, &e) < 0)
		die("spool", &e);
	for (uint64_t i = 0; i < r->repeat; i++) {
		for (uint32_t cpu = 0; cpu < r->tail.cpus; cpu++)
			feed_pages(r, cpu, cpus[cpu], i * step);
		feed_packets(r, packets, i * step);
		feed_log(r, log, i * step);
		feed_clocks(r, clocks, i * step);
		for (size_t k = 0; k < r->series_count; k++)
			feed_series(r, k, series[k], i * step);
	}
	if (r->tail.cmdlines.n)
		spool_comms(r->spool, r->tail.cmdlines.s, r->tail.cmdlines.n);
	journal_end(r, r->last_ns + (r->repeat - 1) * step);
	if (spool_close(r->spool, &e) < 0)
		die("spool", &e);
	spool_free(r->spool);
}

int main(int argc, char *argv[])
{
	struct raw r = {.repeat = 1, .dir_fd = -1};
	struct record_result result = {0};
	struct err e = {0};

	options(argc, argv, &r);
	read_trace(&r);
	survey(&r);
	open_folder(&r);
	record(&r);
	if (finish(&(struct finish_config){.session_fd = r.dir_fd,
					   .session_path = r.path,
					   .output_dir = r.output},
		   &result, &e) < 0)
		die("finish", &e);
	if (!r.keep && file_remove_tree_at(AT_FDCWD, r.path, &e) < 0)
		die(r.path, &e);
	puts(result.bundle);
	text_free(&result.json);
	tracedat_tail_done(&r.tail);
	tracedat_head_done(&r.head);
	return 0;
}
