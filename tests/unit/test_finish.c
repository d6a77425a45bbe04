/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Session folder to bundle: folders built here as the recorder leaves them, of real pages, packets
 * and kernel lines; the bundle as tar, bsdtar, zstd, libarchive and trace-cmd see it.
 */
#include <archive.h>
#include <archive_entry.h>
#include <sys/file.h>

#include "base/json.h"
#include "finish.h"
#include "format/tracedat.h"
#include "leftover.h"
#include "loss.h"
#include "sessionkit.h"
#include "session.h"
#include "spool.h"
#include "test.h"

#define STEM "scoutfs-trace.host.2026-1120-1000.AbCdEf"
#define BUNDLE STEM ".tar.zst"
#define EVENTS 21003 /* by the kernel's stats of tests/data/real/ring */
#define REAL_MINUS_MONO UINT64_C(1795172458000000000)

static struct {
	struct realdata cpu[2], stats[2], comms, printk, pcap, kmsg;
	struct text head, head_zst;
} real;

/* ---- what a recorder leaves ---- */

static void load_all(void)
{
	real.cpu[0] = realdata_load("real/ring/cpu0.raw.zst");
	real.cpu[1] = realdata_load("real/ring/cpu1.raw.zst");
	real.stats[0] = realdata_load_plain("real/ring/cpu0.stats");
	real.stats[1] = realdata_load_plain("real/ring/cpu1.stats");
	real.comms = realdata_load_plain("real/ring/saved_cmdlines");
	real.printk = realdata_load_plain("real/ring/printk_formats");
	real.pcap = realdata_load("real/pcap/fence-client-sll2.pcap.zst");
	real.kmsg = realdata_load("real/kmsg/fence-client.kmsg.zst");
	kit_make_head((char *)real.printk.bytes, &real.head, &real.head_zst);
}

static void free_all(void)
{
	for (int i = 0; i < 2; i++) {
		realdata_free(&real.cpu[i]);
		realdata_free(&real.stats[i]);
	}
	realdata_free(&real.comms);
	realdata_free(&real.printk);
	realdata_free(&real.pcap);
	realdata_free(&real.kmsg);
	text_free(&real.head);
	text_free(&real.head_zst);
}

static void save(const struct kit_folder *dir, const char *name, const void *bytes, size_t n)
{
	if (file_save_at(dir->fd, name, bytes, n, NULL) < 0)
		kit_die(name);
}

static void save_facts(const struct kit_folder *dir)
{
	static const char facts[] =
		"{\"format\":\"scoutfs-trace-session\",\"version\":1,\"stem\":\"" STEM "\","
		"\"suffix\":\"AbCdEf\",\"tool_version\":\"0.1.0\",\"host\":\"host\","
		"\"kernel\":\"6.1.0\",\"kernel_build\":\"#1\",\"machine\":\"x86_64\","
		"\"scoutfs_version\":null,\"boot_id\":\"none\",\"pid\":1,"
		"\"created_realtime_ns\":1763632800000000000,\"created_monotonic_ns\":1,"
		"\"server\":\"127.0.0.1:19700\",\"command_line\":[\"scoutfs-trace\"],"
		"\"budgets\":{\"disk_bytes\":33554432},\"triggers\":[],"
		"\"sources\":{\"ftrace\":{\"cpus\":2,\"page_bytes\":4096,\"commit_offset\":8,"
		"\"commit_bytes\":8,\"data_offset\":16,\"trace_clock\":\"[local] global\\n\","
		"\"uname\":\"Linux host 6.1.0 x86_64\"},\"packets\":{},\"kmsg\":{},"
		"\"clocks\":{}}}\n";

	save(dir, SESSION_FACTS, facts, sizeof(facts) - 1);
}

static void journal_json(struct spool *s, const char *json)
{
	spool_journal(s, json, strlen(json));
}

static void journal_end(struct spool *s)
{
	CLEANUP(text_free) struct text line = {0};
	struct json_writer w;

	journal_json(s, "{\"stop\":{\"reason\":\"trigger\",\"trigger\":\"fencing\",\"role\":"
			"\"final\",\"text\":\"fencing client\",\"monotonic_ns\":48000000000,"
			"\"realtime_ns\":1795172506000000000}}\n");
	text_printf(&line,
		    "{\"totals\":{\"ftrace\":%d,\"packets\":1,\"kmsg\":1,\"clocks\":1}}\n"
		    "{\"anchor\":{\"monotonic_ns\":1000000000,\"realtime_ns\":%llu}}\n",
		    EVENTS, (unsigned long long)(REAL_MINUS_MONO + NSEC_PER_SEC));
	spool_journal(s, line.s, line.len);
	text_reset(&line);
	json_begin(&w, &line, false);
	json_object(&w);
	json_key(&w, "cpu_stats");
	json_array(&w);
	json_str(&w, (char *)real.stats[0].bytes);
	json_str(&w, (char *)real.stats[1].bytes);
	json_array_end(&w);
	json_object_end(&w);
	text_str(&line, "\n");
	spool_journal(s, line.s, line.len);
}

static void feed_pages(struct spool_stream *st, const struct realdata *pages)
{
	for (size_t at = 0; at < pages->n; at += KIT_PAGE) {
		struct ringpage_info info;

		if (ringpage_scan(&kit_layout, pages->bytes + at, &info) < 0 ||
		    spool_append(
			    st, pages->bytes + at, KIT_PAGE,
			    &(struct spool_span){info.first_ns, info.last_ns, info.events, 0}) < 0)
			kit_die("a page");
	}
}

static void feed(struct spool_stream *st, const void *bytes, size_t n, size_t step)
{
	for (size_t at = 0; at < n; at += step)
		if (spool_append(st, (const char *)bytes + at, min_of(step, n - at),
				 &(struct spool_span){at + 1, at + 1, 1, 0}) < 0)
			kit_die("spool_append");
}

enum ending { ENDED, DIED, KILLED };

/* As it is on the disk at this moment. */
static struct kit_folder copy_of(const struct kit_folder *dir)
{
	struct kit_folder copy = kit_folder_make();

	if (kit_run(NULL, "cp -a %s/. %s", dir->path, copy.path) != 0)
		kit_die("cp");
	return copy;
}

/* A session folder whose recorder came to its end, died there, or was killed after a sync: then its
 * open chunks are in the tail. */
static struct kit_folder make_session(enum ending ending)
{
	struct kit_folder dir = kit_folder_make();
	struct spool_stream *cpu[2], *log, *packets, *clocks;
	struct spool *s;

	save_facts(&dir);
	save(&dir, SESSION_TRACE_HEAD, real.head_zst.s, real.head_zst.len);
	save(&dir, SESSION_PACKETS_HEAD, real.pcap.bytes, 24);
	save(&dir, SESSION_CLOCKS_HEAD, "a,b\n", 4);
	if (mkdirat(dir.fd, "context", 0700) < 0 || mkdirat(dir.fd, "context/start", 0700) < 0 ||
	    mkdirat(dir.fd, "context/end", 0700) < 0)
		kit_die("context");
	save(&dir, "context/start/uname", "Linux\n", 6);
	save(&dir, "context/end/empty", "", 0);
	save(&dir, "context/end/big", real.kmsg.bytes, real.kmsg.n);

	if (spool_open(&(struct spool_config){.session_fd = dir.fd,
					      .limit_bytes = 32 * MIB,
					      .lag_ns = NSEC_PER_SEC,
					      .memory_bytes = MIB,
					      .streams = 6},
		       &s, NULL) < 0 ||
	    spool_stream_add(s, CHUNK_RING, 0, &kit_layout, &cpu[0], NULL) < 0 ||
	    spool_stream_add(s, CHUNK_RING, 1, &kit_layout, &cpu[1], NULL) < 0 ||
	    spool_stream_add(s, CHUNK_KMSG, 0, NULL, &log, NULL) < 0 ||
	    spool_stream_add(s, CHUNK_PACKETS, 0, NULL, &packets, NULL) < 0 ||
	    spool_stream_add(s, CHUNK_CLOCKS, 0, NULL, &clocks, NULL) < 0 ||
	    spool_start(s, NULL) < 0)
		kit_die("spool_open");
	feed(log, real.kmsg.bytes, real.kmsg.n, 700);
	feed_pages(cpu[1], &real.cpu[1]);
	feed(packets, real.pcap.bytes + 24, real.pcap.n - 24, 5000);
	feed_pages(cpu[0], &real.cpu[0]);
	feed(clocks, "1,2\n", 4, 4);
	spool_comms(s, (char *)real.comms.bytes, real.comms.n);
	journal_json(s, "{\"suspect\":{\"trigger\":\"lost\",\"text\":\"client lost\"}}\n");
	if (ending == ENDED)
		journal_end(s);
	if (ending == KILLED) {
		struct kit_folder copy;

		if (spool_sync_wait(s, NULL) < 0)
			kit_die("spool_sync_wait");
		copy = copy_of(&dir);
		spool_free(s);
		kit_folder_remove(&dir);
		return copy;
	}
	if (spool_close(s, NULL) < 0)
		kit_die("spool_close");
	spool_free(s);
	return dir;
}

static int finish_it(const struct kit_folder *dir, const struct kit_folder *out,
		     struct record_result *ret, struct err *e)
{
	*ret = (struct record_result){0};
	return finish(&(struct finish_config){.session_fd = dir->fd,
					      .session_path = dir->path,
					      .output_dir = out->path},
		      ret, e);
}

/* ---- the bundle, read by libarchive ---- */

struct member {
	char *path;
	struct text bytes;
};
struct bundle {
	struct member v[32];
	size_t n;
};

static bool bundle_read(const char *path, struct bundle *ret)
{
	struct archive *a = archive_read_new();
	struct archive_entry *en;
	int r;

	*ret = (struct bundle){0};
	archive_read_support_filter_zstd(a);
	archive_read_support_format_tar(a);
	r = archive_read_open_filename(a, path, 65536);
	while (r == ARCHIVE_OK && (r = archive_read_next_header(a, &en)) == ARCHIVE_OK) {
		struct member *m = &ret->v[ret->n++];
		char buf[65536];
		la_ssize_t n;

		m->path = strdup(archive_entry_pathname(en));
		while ((n = archive_read_data(a, buf, sizeof(buf))) > 0)
			text_add(&m->bytes, buf, (size_t)n);
		if (n < 0 || (la_int64_t)m->bytes.len != archive_entry_size(en))
			r = ARCHIVE_FATAL;
		if (ret->n == ARRAY_SIZE(ret->v))
			break;
	}
	if (r != ARCHIVE_EOF)
		printf("# libarchive: %s\n", archive_error_string(a));
	archive_read_free(a);
	return r == ARCHIVE_EOF;
}

static void bundle_free(struct bundle *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].path);
		text_free(&b->v[i].bytes);
	}
	b->n = 0;
}

static const struct text *member(const struct bundle *b, const char *name)
{
	static const struct text none;

	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->v[i].path + min_of(strlen(b->v[i].path), strlen(STEM "/")), name))
			return &b->v[i].bytes;
	printf("# the bundle has no %s\n", name);
	return &none;
}

static bool same(const struct text *t, const void *bytes, size_t n)
{
	return t->len == n && (n == 0 || memcmp(t->s, bytes, n) == 0);
}

static struct json_doc *manifest_of(const struct bundle *b)
{
	const struct text *t = member(b, "manifest.json");
	struct json_doc *doc;

	if (json_parse(text_c(t), t->len, &doc, NULL) < 0)
		kit_die("manifest.json");
	return doc;
}

static size_t files_in(const struct kit_folder *dir)
{
	struct text out = {0};
	size_t n;

	(void)kit_run(&out, "ls -A %s", dir->path);
	n = kit_lines(text_c(&out));
	text_free(&out);
	return n;
}

static bool has_file(const struct kit_folder *dir, const char *name)
{
	return faccessat(dir->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- the tests ---- */

static void every_tool_reads_the_bundle(void)
{
	struct kit_folder dir = make_session(ENDED), out = kit_folder_make();
	struct text list = {0}, list2 = {0}, report = {0};
	const struct json_value *v;
	struct record_result ret;
	struct json_doc *doc;
	struct err e = {0};
	struct bundle b;
	size_t events = 0, i = 1;

	CHECK_EQ(finish_it(&dir, &out, &ret, &e), 0);
	CHECK(ret.complete);
	CHECK_EQ(kit_run(NULL, "cmp %s %s/" BUNDLE, ret.bundle, out.path), 0);
	CHECK_EQ(files_in(&out), 1);
	CHECK_EQ(kit_run(NULL, "zstd -tq %s 2>&1", ret.bundle), 0);
	CHECK_EQ(kit_run(&list, "tar --zstd -tf %s 2>&1", ret.bundle), 0);
	CHECK_EQ(kit_run(&list2, "bsdtar -tf %s 2>&1", ret.bundle), 0);
	CHECK_STR(text_c(&list), text_c(&list2));
	CHECK(bundle_read(ret.bundle, &b));
	CHECK_EQ(kit_lines(text_c(&list)), b.n);

	/* The order, and the manifest's list of what follows it. */
	CHECK_STR(b.v[0].path, STEM "/manifest.json");
	CHECK_STR(b.v[1].path, STEM "/summary.txt");
	CHECK_STR(b.v[b.n - 1].path, STEM "/trace.dat");
	doc = manifest_of(&b);
	CHECK(json_get_bool(json_root(doc), "complete", false));
	for (v = json_get(json_root(doc), "members")->child; v; v = v->next, i++) {
		CHECK(i < b.n);
		CHECK_STR(b.v[i].path + strlen(STEM "/"), json_get_str(v, "path", ""));
		CHECK_EQ(b.v[i].bytes.len, json_get_u64(v, "bytes", 0));
	}
	CHECK_EQ(i, b.n);
	json_doc_free(doc);

	/* What was recorded, byte for byte. */
	CHECK(same(member(&b, "kernel.log"), real.kmsg.bytes, real.kmsg.n));
	CHECK(same(member(&b, "packets.pcap"), real.pcap.bytes, real.pcap.n));
	CHECK(same(member(&b, "clocks.csv"), "a,b\n1,2\n", 8));
	CHECK(same(member(&b, "context/start/uname"), "Linux\n", 6));
	CHECK(same(member(&b, "context/end/empty"), "", 0));
	CHECK(same(member(&b, "context/end/big"), real.kmsg.bytes, real.kmsg.n));
	CHECK(memcmp(member(&b, "trace.dat")->s, real.head.s, real.head.len) == 0);
	save(&out, "trace.dat", member(&b, "trace.dat")->s, member(&b, "trace.dat")->len);
	CHECK_EQ(kit_run(&report, "LC_ALL=C trace-cmd report -N -i %s/trace.dat 2>&1", out.path),
		 0);
	for (const char *at = report.s; at && *at; at = strchr(at, '\n') + 1)
		events += str_starts(at, " ");
	CHECK_EQ(events, EVENTS);
	CHECK(member(&b, "summary.txt")->len > 500);
	bundle_free(&b);
	text_free(&ret.json);
	text_free(&list);
	text_free(&list2);
	text_free(&report);
	kit_folder_remove(&dir);
	kit_folder_remove(&out);
}

static void finished_twice_it_is_the_same(void)
{
	struct kit_folder dir = make_session(ENDED), a = kit_folder_make(), b = kit_folder_make();
	struct record_result ret;

	CHECK_EQ(finish_it(&dir, &a, &ret, NULL), 0);
	text_free(&ret.json);
	CHECK_EQ(finish_it(&dir, &b, &ret, NULL), 0);
	text_free(&ret.json);
	CHECK_EQ(kit_run(NULL, "cmp %s/" BUNDLE " %s/" BUNDLE " 2>&1", a.path, b.path), 0);
	kit_folder_remove(&dir);
	kit_folder_remove(&a);
	kit_folder_remove(&b);
}

/*
 * A folder whose bundle is made is needed no more, also for a recovery that comes after a crash;
 * but only the very file that finish() made counts, not one that somebody put there under its name.
 */
static void only_its_own_bundle_makes_a_folder_superfluous(void)
{
	struct kit_folder dir = make_session(ENDED), out = kit_folder_make();
	struct record_result ret = {0};
	struct err e = {0};

	CHECK_EQ(finish_it(&dir, &out, &ret, NULL), 0);
	text_free(&ret.json);
	/* The same bytes, another file; and the folder is still there, to be found by its path. */
	CHECK_EQ(kit_run(NULL,
			 "cd %s && cp " BUNDLE " other && mv " BUNDLE " own && mv other " BUNDLE,
			 out.path),
		 0);
	ret = (struct record_result){0};
	CHECK_EQ(record_recover(dir.path, out.path, out.path, &ret, &e), -EEXIST);
	CHECK(has_file(&dir, SESSION_FACTS));
	err_clear(&e);
	text_free(&ret.json);

	/* That failure took the note away: nothing says any more which file it was. */
	CHECK_EQ(kit_run(NULL, "cd %s && mv own " BUNDLE, out.path), 0);
	CHECK_EQ(record_recover(dir.path, out.path, out.path, &ret, &e), -EEXIST);
	err_clear(&e);
	text_free(&ret.json);

	CHECK_EQ(kit_run(NULL, "rm %s/" BUNDLE, out.path), 0);
	CHECK_EQ(finish_it(&dir, &out, &ret, NULL), 0);
	text_free(&ret.json);
	ret = (struct record_result){0};
	CHECK_EQ(record_recover(dir.path, out.path, out.path, &ret, &e), 0);
	CHECK(strstr(ret.bundle, "/" BUNDLE) && has_file(&out, BUNDLE));
	CHECK(access(dir.path, F_OK) < 0);
	text_free(&ret.json);
	kit_folder_remove(&out);
	kit_folder_remove(&dir);
}

/* The process with the most events in the real pages. */
#define BUSY_NAME "kworker/u4:9"
#define BUSY_PID 298u

/* Lines of trace-cmd's report of a bundle that show the process @name-@pid. */
static unsigned long shown(const struct kit_folder *out, const char *name, unsigned int pid)
{
	struct text seen = {0};
	unsigned long n;

	(void)kit_run(&seen,
		      "tar --zstd -xOf %s/" BUNDLE " " STEM "/trace.dat >%s/t.dat && "
		      "trace-cmd report -i %s/t.dat 2>/dev/null | grep -c -- ' %s-%u '",
		      out->path, out->path, out->path, name, pid);
	n = strtoul(text_c(&seen), NULL, 10);
	text_free(&seen);
	return n;
}

/* A pid that was used again: trace-cmd takes any of several names, so it is given the newest only.
 */
static void of_a_pids_names_the_newest_counts(void)
{
	struct kit_folder dir = make_session(ENDED), a = kit_folder_make(), b = kit_folder_make();
	struct record_result ret;
	unsigned long before;

	CHECK_EQ(finish_it(&dir, &a, &ret, NULL), 0);
	text_free(&ret.json);
	before = shown(&a, BUSY_NAME, BUSY_PID);
	CHECK(before > 0);
	CHECK_EQ(kit_run(NULL, "printf '%u older\\n%u newest\\nno pid\\n' >>%s/comms", BUSY_PID,
			 BUSY_PID, dir.path),
		 0);
	CHECK_EQ(finish_it(&dir, &b, &ret, NULL), 0);
	text_free(&ret.json);
	CHECK_EQ(shown(&b, "newest", BUSY_PID), before);
	CHECK_EQ(shown(&b, BUSY_NAME, BUSY_PID), 0);
	kit_folder_remove(&dir);
	kit_folder_remove(&a);
	kit_folder_remove(&b);
}

static void a_bundle_that_is_there_stays(void)
{
	struct kit_folder dir = make_session(ENDED), out = kit_folder_make();
	struct text there = {0};
	struct record_result ret;
	struct err e = {0};

	save(&out, BUNDLE, "mine", 4);
	CHECK_EQ(finish_it(&dir, &out, &ret, &e), -EEXIST);
	CHECK(strstr(e.text, BUNDLE));
	CHECK_EQ(files_in(&out), 1);
	CHECK_EQ(file_load_at(out.fd, BUNDLE, MIB, &there, NULL), 0);
	CHECK_STR(text_c(&there), "mine");
	CHECK(!ret.bundle[0]);
	text_free(&there);
	kit_folder_remove(&dir);
	kit_folder_remove(&out);
}

static bool give_up_at_the_third(void *arg)
{
	int *calls = arg;

	return ++*calls == 3;
}

static void given_up_it_leaves_nothing(void)
{
	struct kit_folder dir = make_session(ENDED), out = kit_folder_make();
	struct record_result ret = {0};
	struct err e = {0};
	int calls = 0;

	CHECK_EQ(finish(&(struct finish_config){.session_fd = dir.fd,
						.session_path = dir.path,
						.output_dir = out.path,
						.cancelled = give_up_at_the_third,
						.arg = &calls},
			&ret, &e),
		 -ECANCELED);
	CHECK_EQ(calls, 3);
	CHECK_EQ(files_in(&out), 0);
	CHECK(has_file(&dir, SESSION_FACTS));
	/* And nothing is in the way of the next time; nor is what a killed one would leave. */
	save(&out, "." BUNDLE ".part", "half", 4);
	CHECK_EQ(finish_it(&dir, &out, &ret, &e), 0);
	CHECK_EQ(files_in(&out), 1);
	text_free(&ret.json);
	kit_folder_remove(&dir);
	kit_folder_remove(&out);
}

/* Change one byte of the @nth chunk of a stream on disk, in its frame or in its header. */
static void harm(const struct kit_folder *dir, enum chunk_stream stream, size_t nth, bool header)
{
	struct segment_set set;
	char name[32];
	uint8_t byte;
	off_t at = -1;
	int fd;

	if (segment_set_load(dir->fd, false, &set, NULL) < 0)
		kit_die("segment_set_load");
	for (size_t i = 0; i < set.entry_count; i++)
		if (set.entries[i].chunk.stream == stream && nth-- == 0) {
			at = (off_t)set.entries[i].at + (header ? 30 : CHUNK_HEADER_BYTES + 20);
			(void)snprintf(name, sizeof(name), SEGMENT_NAME, set.entries[i].file);
		}
	segment_set_done(&set);
	if (at < 0)
		kit_die("no such chunk");
	fd = openat(dir->fd, name, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, &byte, 1, at) != 1)
		kit_die(name);
	byte ^= 0xff;
	if (pwrite(fd, &byte, 1, at) != 1)
		kit_die(name);
	(void)close(fd);
}

static void a_damaged_chunk_is_left_out_and_named(void)
{
	for (int header = 0; header < 2; header++) {
		struct kit_folder dir = make_session(ENDED), out = kit_folder_make();
		struct record_result ret;
		const struct text *log;
		struct json_doc *doc;
		struct err e = {0};
		struct bundle b;

		harm(&dir, CHUNK_RING, 3, header);
		CHECK_EQ(finish_it(&dir, &out, &ret, &e), 0);
		CHECK(!ret.complete);
		CHECK_EQ(files_in(&out), 1);
		CHECK_EQ(kit_run(NULL, "tar --zstd -tf %s >/dev/null 2>&1", ret.bundle), 0);
		CHECK(bundle_read(ret.bundle, &b));
		doc = manifest_of(&b);
		CHECK(!json_get_bool(json_root(doc), "complete", true));
		json_doc_free(doc);
		CHECK(strstr(member(&b, "summary.txt")->s, "spool/00000001.zst"));
		log = member(&b, "kernel.log");
		CHECK(same(log, real.kmsg.bytes, real.kmsg.n));
		CHECK_STR(ret.session, dir.path);
		save(&out, "trace.dat", member(&b, "trace.dat")->s, member(&b, "trace.dat")->len);
		CHECK_EQ(
			kit_run(NULL, "trace-cmd report -i %s/trace.dat >/dev/null 2>&1", out.path),
			0);
		bundle_free(&b);
		text_free(&ret.json);
		kit_folder_remove(&dir);
		kit_folder_remove(&out);
	}
}

static const struct json_value *source_in(const struct json_doc *doc, const char *name)
{
	const struct json_value *v = json_get(json_root(doc), "sources");

	for (v = v ? v->child : NULL; v; v = v->next)
		if (!strcmp(json_get_str(v, "name", ""), name))
			return v;
	return NULL;
}

/* Has a source a gap of kind damage whose reason has @words in it? */
static bool damage_says(const struct json_doc *doc, const char *source, const char *words)
{
	const struct json_value *v = json_get(source_in(doc, source), "gaps");

	for (v = v ? v->child : NULL; v; v = v->next)
		if (!strcmp(json_get_str(v, "kind", ""), "damage") &&
		    strstr(json_get_str(v, "reason", ""), words))
			return true;
	return false;
}

static bool status_is(const struct json_doc *doc, const char *source, const char *status)
{
	return !strcmp(json_get_str(source_in(doc, source), "status", ""), status);
}

/* A folder, harmed, and what is made of it. */
struct harmed {
	struct kit_folder dir, out;
	struct record_result ret;
	struct bundle b;
	struct json_doc *doc;
};

static void harmed_finish(struct harmed *h)
{
	struct err e = {0};

	h->out = kit_folder_make();
	if (finish_it(&h->dir, &h->out, &h->ret, &e) < 0 || !bundle_read(h->ret.bundle, &h->b))
		kit_die(e.text);
	h->doc = manifest_of(&h->b);
}

static void harmed_done(struct harmed *h)
{
	json_doc_free(h->doc);
	bundle_free(&h->b);
	text_free(&h->ret.json);
	kit_folder_remove(&h->dir);
	kit_folder_remove(&h->out);
}

static void remove_file(const struct kit_folder *dir, const char *name)
{
	if (unlinkat(dir->fd, name, 0) < 0)
		kit_die(name);
}

/* Change bytes of a file: @length zeros at @at. */
static void zero(const struct kit_folder *dir, const char *name, off_t at, size_t length)
{
	static const char zeros[4096];
	int fd = openat(dir->fd, name, O_RDWR | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, zeros, length, at) != (ssize_t)length)
		kit_die(name);
	(void)close(fd);
}

static void truncate_file(const struct kit_folder *dir, const char *name, off_t length)
{
	int fd = openat(dir->fd, name, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, length) < 0)
		kit_die(name);
	(void)close(fd);
}

#define SERIES_ID 7
#define SERIES_BYTES 5000

/* A series in the spool, and in the facts under the name @name. */
static void add_series(const struct kit_folder *dir, const char *name)
{
	struct spool_stream *st;
	struct spool *s;

	if (kit_run(NULL,
		    "sed -i 's|\"clocks\":{}}|\"clocks\":{},\"series\":{\"list\":[{\"id\":%d,"
		    "\"name\":\"%s\",\"member\":\"%s.txt\"}]}}|' %s/" SESSION_FACTS
		    " && grep -q '%s.txt' %s/" SESSION_FACTS,
		    SERIES_ID, name, name, dir->path, name, dir->path) != 0)
		kit_die(SESSION_FACTS);
	if (spool_open(&(struct spool_config){.session_fd = dir->fd,
					      .limit_bytes = 32 * MIB,
					      .lag_ns = NSEC_PER_SEC,
					      .memory_bytes = MIB,
					      .streams = 1,
					      .resume = true},
		       &s, NULL) < 0 ||
	    spool_stream_add(s, CHUNK_SERIES, SERIES_ID, NULL, &st, NULL) < 0 ||
	    spool_start(s, NULL) < 0)
		kit_die("spool_open");
	feed(st, real.kmsg.bytes, SERIES_BYTES, 500);
	if (spool_close(s, NULL) < 0)
		kit_die("spool_close");
	spool_free(s);
}

/* Also of one that the facts do have, but under a name that no member may have. */
static void a_chunk_that_goes_nowhere_is_said(void)
{
	static const struct {
		const char *name;
		bool taken;
	} of[] = {{"series/x", true}, {"series/../x", false}};

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		struct harmed h = {.dir = make_session(ENDED)};

		add_series(&h.dir, of[i].name);
		harmed_finish(&h);
		CHECK_EQ(h.ret.complete, of[i].taken);
		CHECK_EQ(damage_says(h.doc, "spool", "cannot be read"), !of[i].taken);
		CHECK_STR(h.ret.session, of[i].taken ? "" : h.dir.path);
		if (of[i].taken)
			CHECK(memmem(text_c(member(&h.b, "series/x.txt")),
				     member(&h.b, "series/x.txt")->len, real.kmsg.bytes,
				     SERIES_BYTES));
		harmed_done(&h);
	}
}

/* Event formats that cannot be read cost trace.dat, and the pages stay where they are. */
static void formats_that_cannot_be_read_cost_the_trace_alone(void)
{
	for (int missing = 0; missing < 2; missing++) {
		struct harmed h = {.dir = make_session(ENDED)};
		struct text head = {0};

		if (file_load_at(h.dir.fd, SESSION_TRACE_HEAD, MIB, &head, NULL) < 0)
			kit_die(SESSION_TRACE_HEAD);
		head.s[head.len / 2] ^= 0x10;
		remove_file(&h.dir, SESSION_TRACE_HEAD);
		if (!missing)
			save(&h.dir, SESSION_TRACE_HEAD, head.s, head.len);
		harmed_finish(&h);
		CHECK(!h.ret.complete);
		CHECK_STR(h.ret.session, h.dir.path);
		CHECK(same(member(&h.b, "kernel.log"), real.kmsg.bytes, real.kmsg.n));
		CHECK(strstr(member(&h.b, "summary.txt")->s, "ftrace        cannot be read"));
		CHECK(status_is(h.doc, "ftrace", "failed"));
		CHECK(damage_says(h.doc, "ftrace", missing ? "are missing" : "are damaged"));
		CHECK_EQ(kit_run(NULL, "tar --zstd -tf %s | grep -q trace.dat", h.ret.bundle), 1);
		text_free(&head);
		harmed_done(&h);
	}
}

/* The recorder's facts have what the header of packets.pcap is made of. */
static void a_head_that_cannot_be_read_is_made_anew(void)
{
	static const char known[] = "\"packets\":{\"link_type\":276,\"snaplen\":65535}";

	for (int i = 0; i < 4; i++) {
		struct harmed h = {.dir = make_session(ENDED)};
		struct text facts = {0}, made = {0};
		const struct text *pcap;
		bool have = i & 1, missing = i & 2;
		char *at;

		if (file_load_at(h.dir.fd, SESSION_FACTS, MIB, &facts, NULL) < 0)
			kit_die(SESSION_FACTS);
		at = strstr(facts.s, "\"packets\":{}");
		text_add(&made, facts.s, (size_t)(at - facts.s));
		text_str(&made, have ? known : "\"packets\":{}");
		text_str(&made, at + strlen("\"packets\":{}"));
		remove_file(&h.dir, SESSION_FACTS);
		save(&h.dir, SESSION_FACTS, made.s, made.len);
		if (missing) {
			remove_file(&h.dir, SESSION_PACKETS_HEAD);
			remove_file(&h.dir, SESSION_CLOCKS_HEAD);
		} else {
			zero(&h.dir, SESSION_PACKETS_HEAD, 0, 4);
			zero(&h.dir, SESSION_CLOCKS_HEAD, 0, 1);
		}
		harmed_finish(&h);
		CHECK(same(member(&h.b, "clocks.csv"), SESSION_CLOCKS_COLUMNS "1,2\n",
			   strlen(SESSION_CLOCKS_COLUMNS) + 4));
		CHECK(status_is(h.doc, "clocks", "degraded"));
		CHECK_EQ(h.ret.complete, have);
		CHECK(status_is(h.doc, "packets", have ? "degraded" : "failed"));
		CHECK_EQ(h.ret.session[0] != 0, !have);
		if (have) {
			pcap = member(&h.b, "packets.pcap");
			save(&h.out, "p.pcap", pcap->s, pcap->len);
			CHECK_EQ(pcap->len, real.pcap.n);
			CHECK(memcmp(pcap->s + 24, real.pcap.bytes + 24, pcap->len - 24) == 0);
			CHECK_EQ(kit_run(NULL,
					 "tcpdump -r %s/p.pcap 2>&1 | grep -q 'link-type "
					 "LINUX_SLL2'",
					 h.out.path),
				 0);
		} else {
			CHECK_EQ(kit_run(NULL, "tar --zstd -tf %s | grep -q pcap", h.ret.bundle),
				 1);
		}
		text_free(&facts);
		text_free(&made);
		harmed_done(&h);
	}
}

/* What a recorder always has, and nothing but damage takes away. */
static void a_small_file_that_is_missing_is_said(void)
{
	static const char *const names[] = {SPOOL_JOURNAL, SPOOL_LOSSES, SEGMENT_TAIL};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct harmed h = {.dir = make_session(ENDED)};
		char words[64];

		remove_file(&h.dir, names[i]);
		(void)snprintf(words, sizeof(words), "%s is missing", names[i]);
		harmed_finish(&h);
		CHECK(!h.ret.complete);
		CHECK(damage_says(h.doc, "spool", words));
		CHECK(status_is(h.doc, "spool", "degraded"));
		CHECK(strstr(member(&h.b, "summary.txt")->s, "at an unknown time"));
		harmed_done(&h);
	}
}

/* An entry of the ledger that is no JSON; a place that nobody has written to is none. */
static void a_damaged_ledger_is_said(void)
{
	static const char entry[] =
		"{\"gap\":{\"number\":1,\"kind\":\"fault\",\"source\":\"kmsg\",\"id\":0,"
		"\"from_ns\":1,\"to_ns\":2,\"count\":7,\"uncounted\":false,\"reason\":\"r\"}}";

	for (int harm_it = 0; harm_it < 2; harm_it++) {
		struct harmed h = {.dir = make_session(ENDED)};
		char places[3 * SEGMENT_LOSS_BYTES] = "";

		memset(places, ' ', SEGMENT_LOSS_BYTES);
		memcpy(places, entry, strlen(entry));
		memcpy(places + 2 * SEGMENT_LOSS_BYTES, places, SEGMENT_LOSS_BYTES);
		places[2 * SEGMENT_LOSS_BYTES + 20] = (char)(harm_it ? 0 : places[20]);
		remove_file(&h.dir, SPOOL_LOSSES);
		save(&h.dir, SPOOL_LOSSES, places, sizeof(places));
		harmed_finish(&h);
		CHECK_EQ(damage_says(h.doc, "spool", "1 entries of the ledger"), harm_it);
		CHECK_EQ(json_get_u64(source_in(h.doc, "kmsg"), "lost", 0), 7);
		CHECK(status_is(h.doc, "kmsg", "degraded"));
		CHECK(!h.ret.complete);
		harmed_done(&h);
	}
}

/* Cut off at its end, as by a power cut, a journal is sound; in the middle it is not. */
static void a_journal_may_be_torn_at_its_end_alone(void)
{
	static const struct {
		const char *add;
		bool bad;
	} cases[] = {{"{\"sus", false},
		     {"{\"sus\n{\"torn\":true}\n", false},
		     {"{\"sus\n{\"anchor\":{}}\n", true},
		     {"{\"sus\n{\"a\n{\"torn\":true}\n", true}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct harmed h = {.dir = make_session(ENDED)};

		if (kit_run(NULL, "printf '%%s' '%s' >>%s/" SPOOL_JOURNAL, cases[i].add,
			    h.dir.path) != 0)
			kit_die("printf");
		harmed_finish(&h);
		CHECK_EQ(h.ret.complete, !cases[i].bad);
		CHECK_EQ(damage_says(h.doc, "spool", "1 lines of the journal"), cases[i].bad);
		harmed_done(&h);
	}
}

/* The first chunks gone, the last, or all: who closed the spool had written down how many there
 * were. */
static void chunks_that_are_gone_are_missed(void)
{
	for (int i = 0; i < 3; i++) {
		struct harmed h = {.dir = make_session(ENDED)};
		struct stat st;

		if (fstatat(h.dir.fd, SEGMENT_DIR "/00000001.zst", &st, 0) < 0)
			kit_die("fstatat");
		if (i == 0)
			zero(&h.dir, SEGMENT_DIR "/00000001.zst", 0, 4);
		else
			truncate_file(&h.dir, SEGMENT_DIR "/00000001.zst",
				      i == 1 ? st.st_size * 9 / 10 : 0);
		harmed_finish(&h);
		CHECK(!h.ret.complete);
		CHECK(status_is(h.doc, "ftrace", "degraded") ||
		      status_is(h.doc, "packets", "degraded") ||
		      status_is(h.doc, "kmsg", "degraded"));
		if (i == 2) {
			CHECK(damage_says(h.doc, "ftrace", "chunks of the spool are missing"));
			CHECK(damage_says(h.doc, "packets", "chunks of the spool are missing"));
			CHECK(damage_says(h.doc, "kmsg", "chunks of the spool are missing"));
			CHECK(damage_says(h.doc, "clocks", "chunks of the spool are missing"));
		} else {
			CHECK(damage_says(h.doc, "spool", "cannot be read"));
			CHECK_STR(h.ret.session, h.dir.path);
		}
		harmed_done(&h);
	}
}

static uint64_t events_in(const struct harmed *h)
{
	const struct text *t = member(&h->b, "trace.dat");
	struct text report = {0};
	uint64_t events = 0;

	save(&h->out, "t.dat", t->s, t->len);
	if (kit_run(&report, "LC_ALL=C trace-cmd report -N -i %s/t.dat 2>&1", h->out.path) != 0)
		return 0;
	for (const char *at = report.s; at && *at; at = strchr(at, '\n') + 1)
		events += str_starts(at, " ");
	text_free(&report);
	return events;
}

/* A folder that cannot be written to is read all the same: its open chunks go into the bundle. */
static void open_chunks_are_taken_from_the_tail(void)
{
	for (int drain = 0; drain < 2; drain++) {
		struct harmed h = {.dir = make_session(KILLED)};
		struct stat st;

		if (fstatat(h.dir.fd, SEGMENT_TAIL, &st, 0) < 0 || st.st_size < 1000)
			kit_die(SEGMENT_TAIL);
		if (drain)
			CHECK_EQ(leftover_drain(h.dir.fd, h.dir.path, NULL), 0);
		harmed_finish(&h);
		CHECK(same(member(&h.b, "kernel.log"), real.kmsg.bytes, real.kmsg.n));
		CHECK(same(member(&h.b, "packets.pcap"), real.pcap.bytes, real.pcap.n));
		CHECK_EQ(events_in(&h), EVENTS);
		CHECK_EQ(json_get_u64(source_in(h.doc, "ftrace"), "records", 0), EVENTS);
		CHECK(status_is(h.doc, "spool", "ok"));
		CHECK(status_is(h.doc, "ftrace", "ok"));
		CHECK_STR(h.ret.session, "");
		harmed_done(&h);
	}
}

/* Where the tail's first piece of @stream begins. */
static off_t in_tail(const struct kit_folder *dir, enum chunk_stream stream)
{
	struct text tail = {0};
	struct chunk c;
	off_t found = -1;

	if (file_load_at(dir->fd, SEGMENT_TAIL, 16 * MIB, &tail, NULL) < 0)
		kit_die(SEGMENT_TAIL);
	for (size_t at = 0; found < 0 && at < tail.len; at += CHUNK_HEADER_BYTES + c.frame_bytes) {
		if (chunk_header_read((uint8_t *)tail.s + at, tail.len - at, &c) < 0)
			kit_die("the tail");
		if (c.stream == stream)
			found = (off_t)at;
	}
	text_free(&tail);
	if (found < 0)
		kit_die("nothing of it in the tail");
	return found;
}

/* Taking the folder over seals what can be read of the tail; what cannot is told all the same. */
static void a_damaged_tail_is_told_after_it_was_taken_over(void)
{
	struct harmed h = {.dir = make_session(KILLED)};
	uint64_t events;

	/* Ring 0 comes first in the tail, the kernel log behind it. */
	zero(&h.dir, SEGMENT_TAIL, in_tail(&h.dir, CHUNK_RING), 50);
	for (int again = 0; again < 2; again++)
		CHECK_EQ(leftover_drain(h.dir.fd, h.dir.path, NULL), 0);
	harmed_finish(&h);
	CHECK(same(member(&h.b, "kernel.log"), real.kmsg.bytes, real.kmsg.n));
	CHECK(same(member(&h.b, "packets.pcap"), real.pcap.bytes, real.pcap.n));
	events = events_in(&h);
	CHECK(events > 0 && events < EVENTS);
	CHECK(!h.ret.complete);
	CHECK(damage_says(h.doc, "spool", SEGMENT_TAIL));
	CHECK_STR(h.ret.session, h.dir.path);
	harmed_done(&h);
}

/* Recovery makes such files anew; that they were missing is told all the same. */
static void what_was_missing_is_told_after_it_was_taken_over(void)
{
	static const char *const names[] = {SPOOL_JOURNAL, SPOOL_LOSSES, SEGMENT_TAIL, SPOOL_COMMS};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct harmed h = {.dir = make_session(KILLED)};
		char words[64];

		remove_file(&h.dir, names[i]);
		CHECK_EQ(leftover_drain(h.dir.fd, h.dir.path, NULL), 0);
		(void)snprintf(words, sizeof(words), "%s is missing", names[i]);
		harmed_finish(&h);
		CHECK(!h.ret.complete);
		CHECK(damage_says(h.doc, "spool", words));
		harmed_done(&h);
	}
	for (int whole = 0; whole < 2; whole++) {
		struct harmed h = {.dir = make_session(KILLED)};

		if (kit_run(NULL, "rm -r %s/spool", h.dir.path) != 0)
			kit_die("rm");
		if (whole)
			CHECK_EQ(leftover_drain(h.dir.fd, h.dir.path, NULL), 0);
		harmed_finish(&h);
		CHECK(damage_says(h.doc, "spool", "spool is missing"));
		harmed_done(&h);
	}
}

/* All segments emptied after a kill: the tail knows that there was something before it. */
static void emptied_segments_are_missed_by_the_tail(void)
{
	struct harmed h = {.dir = make_session(KILLED)};

	truncate_file(&h.dir, SEGMENT_DIR "/00000001.zst", 0);
	CHECK_EQ(leftover_drain(h.dir.fd, h.dir.path, NULL), 0);
	harmed_finish(&h);
	CHECK(damage_says(h.doc, "ftrace", "chunks of the spool are missing"));
	CHECK(status_is(h.doc, "ftrace", "degraded"));
	CHECK(!h.ret.complete);
	harmed_done(&h);
}

/* Folders of recorders that were killed while arming hold the disk budget, and nothing else. */
static void what_held_nothing_is_removed(void)
{
	static const struct {
		const char *name, *command;
		bool goes;
	} cases[] = {
		{"scoutfs-trace.host.2026-1121-1000.AbCdE1", "true", true},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE2", "rm comms losses spool/reserve.1",
		 true},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE3", "echo x >trace-head.zst", true},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE4", "echo x >spool/tail", false},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE5", "touch spool/00000001.zst", false},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE6", "touch manifest.json", false},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE7", "echo '{' >session.json", false},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE8", "rm -r spool", true},
		{"scoutfs-trace.host.2026-1121-1000.AbCdE9", "rm -r *", true},
		{"scoutfs-trace.host.2026-1121-1000.AbCdF1", "echo '{' >.session.json.UvWxYz",
		 true},
		{"scoutfs-trace.host", "true", false},
		{"something.else.AbCdE1", "true", false},
	};
	struct kit_folder dir = kit_folder_make(), all = kit_folder_make();
	struct record_result ret = {0};
	struct err e = {0};
	struct spool *s;
	char path[256];
	int fd;

	if (spool_open(&(struct spool_config){.session_fd = dir.fd,
					      .limit_bytes = 32 * MIB,
					      .lag_ns = NSEC_PER_SEC,
					      .memory_bytes = MIB},
		       &s, NULL) < 0)
		kit_die("spool_open");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (kit_run(NULL, "cp -a %s %s/%s && cd %s/%s && %s", dir.path, all.path,
			    cases[i].name, all.path, cases[i].name, cases[i].command) != 0)
			kit_die(cases[i].name);
	spool_free(s);

	/* Whose recorder lives stays, as what is given by name goes. */
	(void)snprintf(path, sizeof(path), "%s/%s", all.path, cases[0].name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	leftover_sweep(all.path);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_EQ(has_file(&all, cases[i].name), i == 0 || !cases[i].goes);
	CHECK_EQ(record_recover(path, all.path, all.path, &ret, &e), -EBUSY);
	(void)close(fd);
	CHECK_EQ(record_recover(path, all.path, all.path, &ret, &e), 1);
	CHECK(!has_file(&all, cases[0].name));
	leftover_sweep("/nowhere/at/all");
	kit_folder_remove(&all);
	kit_folder_remove(&dir);
}

/* A journal that something made far too long: its end is what counts, and it is said. */
static void an_endless_journal_costs_its_beginning(void)
{
	struct kit_folder dir = make_session(ENDED), out = kit_folder_make();
	struct text journal = {0}, longer = {0};
	struct record_result ret;
	struct err e = {0};

	if (file_load_at(dir.fd, SPOOL_JOURNAL, MIB, &journal, NULL) < 0 ||
	    unlinkat(dir.fd, SPOOL_JOURNAL, 0) < 0)
		kit_die(SPOOL_JOURNAL);
	longer.s = malloc(70 * MIB);
	longer.size = longer.len = 70 * MIB;
	if (!longer.s)
		kit_die("no memory");
	memset(longer.s, 'x', longer.len);
	text_str(&longer, "\n");
	text_add(&longer, journal.s, journal.len);
	save(&dir, SPOOL_JOURNAL, longer.s, longer.len);
	CHECK_EQ(finish_it(&dir, &out, &ret, &e), 0);
	CHECK(!ret.complete);
	CHECK(strstr(text_c(&ret.json), "\"reason\":\"trigger\""));
	text_free(&ret.json);
	text_free(&journal);
	text_free(&longer);
	kit_folder_remove(&dir);
	kit_folder_remove(&out);
}

static void who_died_gets_a_bundle_too(void)
{
	struct kit_folder dir = make_session(DIED), out = kit_folder_make();
	struct record_result ret;
	struct json_doc *doc;
	struct bundle b;

	CHECK_EQ(finish_it(&dir, &out, &ret, NULL), 0);
	CHECK(!ret.complete);
	CHECK(bundle_read(ret.bundle, &b));
	doc = manifest_of(&b);
	CHECK(json_get_bool(json_root(doc), "died", false));
	json_doc_free(doc);
	CHECK(same(member(&b, "kernel.log"), real.kmsg.bytes, real.kmsg.n));
	CHECK(strstr(text_c(&ret.json), "\"died\""));
	bundle_free(&b);
	text_free(&ret.json);
	kit_folder_remove(&dir);
	kit_folder_remove(&out);
}

/* Killed before the sources came to be: what is not there is not missed. */
static void a_folder_with_only_its_facts_will_do(void)
{
	struct kit_folder dir = kit_folder_make(), out = kit_folder_make();
	struct record_result ret;
	struct bundle b;

	save_facts(&dir);
	if (mkdirat(dir.fd, SEGMENT_DIR, 0700) < 0)
		kit_die(SEGMENT_DIR);
	CHECK_EQ(finish_it(&dir, &out, &ret, NULL), 0);
	CHECK(!ret.complete);
	CHECK(bundle_read(ret.bundle, &b));
	CHECK_STR(b.v[0].path, STEM "/manifest.json");
	bundle_free(&b);
	text_free(&ret.json);
	kit_folder_remove(&dir);
	kit_folder_remove(&out);
}

static void what_is_no_session_is_refused(void)
{
	static const struct {
		const char *facts;
		int code;
		const char *says;
	} wrong[] = {
		{NULL, -ENOENT, "is not a session folder"},
		{"", 0, "damaged"},
		{"{\"format\":\"scoutfs-trace-session\",\"ver", 0, "damaged"},
		{"[1,2]", -EINVAL, "is not a session folder"},
		{"{\"format\":\"other\",\"version\":1}", -EINVAL, "is not a session folder"},
		{"{\"format\":\"scoutfs-trace-session\",\"version\":2,\"tool_version\":\"9.9\"}",
		 -EINVAL, "newer scoutfs-trace (9.9)"},
		{"{\"format\":\"scoutfs-trace-session\",\"version\":1,\"stem\":\"../evil\"}",
		 -EINVAL, "stem"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct kit_folder dir = kit_folder_make(), out = kit_folder_make();
		struct record_result ret;
		struct err e = {0};
		int r;

		if (wrong[i].facts)
			save(&dir, SESSION_FACTS, wrong[i].facts, strlen(wrong[i].facts));
		if (mkdirat(dir.fd, SEGMENT_DIR, 0700) < 0)
			kit_die(SEGMENT_DIR);
		r = finish_it(&dir, &out, &ret, &e);
		CHECK(r < 0);
		CHECK(!wrong[i].code || r == wrong[i].code);
		if (!strstr(e.text, wrong[i].says))
			printf("# %s\n", e.text);
		CHECK(strstr(e.text, wrong[i].says));
		CHECK(strstr(e.text, dir.path));
		CHECK_EQ(files_in(&out), 0);
		kit_folder_remove(&dir);
		kit_folder_remove(&out);
	}
}

/* Without its facts a folder gives no bundle; what is in it is not called nothing. */
static void lost_facts_are_said_with_what_to_do(void)
{
	for (int damaged = 0; damaged < 2; damaged++) {
		struct kit_folder dir = make_session(KILLED), out = kit_folder_make();
		struct record_result ret;
		struct err e = {0};

		if (damaged)
			zero(&dir, SESSION_FACTS, 0, 10);
		else
			remove_file(&dir, SESSION_FACTS);
		CHECK(finish_it(&dir, &out, &ret, &e) < 0);
		CHECK(strstr(e.text, damaged ? "is damaged" : "is missing"));
		CHECK(strstr(e.text, "is intact in"));
		CHECK(strstr(e.text, "tar -czf"));
		CHECK_EQ(files_in(&out), 0);
		kit_folder_remove(&dir);
		kit_folder_remove(&out);
	}
}

static void an_output_folder_that_is_not_there_is_said(void)
{
	struct kit_folder dir = make_session(ENDED);
	struct record_result ret = {0};
	struct err e = {0};

	CHECK_EQ(finish(&(struct finish_config){.session_fd = dir.fd,
						.session_path = dir.path,
						.output_dir = "/nowhere/at/all"},
			&ret, &e),
		 -ENOENT);
	CHECK(strstr(e.text, "/nowhere/at/all"));
	kit_folder_remove(&dir);
}

int main(void)
{
	static const struct test_case cases[] = {
		TEST(every_tool_reads_the_bundle),
		TEST(finished_twice_it_is_the_same),
		TEST(only_its_own_bundle_makes_a_folder_superfluous),
		TEST(of_a_pids_names_the_newest_counts),
		TEST(a_bundle_that_is_there_stays),
		TEST(given_up_it_leaves_nothing),
		TEST(a_damaged_chunk_is_left_out_and_named),
		TEST(a_chunk_that_goes_nowhere_is_said),
		TEST(formats_that_cannot_be_read_cost_the_trace_alone),
		TEST(a_head_that_cannot_be_read_is_made_anew),
		TEST(a_small_file_that_is_missing_is_said),
		TEST(a_damaged_ledger_is_said),
		TEST(a_journal_may_be_torn_at_its_end_alone),
		TEST(chunks_that_are_gone_are_missed),
		TEST(what_held_nothing_is_removed),
		TEST(open_chunks_are_taken_from_the_tail),
		TEST(a_damaged_tail_is_told_after_it_was_taken_over),
		TEST(what_was_missing_is_told_after_it_was_taken_over),
		TEST(emptied_segments_are_missed_by_the_tail),
		TEST(an_endless_journal_costs_its_beginning),
		TEST(who_died_gets_a_bundle_too),
		TEST(a_folder_with_only_its_facts_will_do),
		TEST(what_is_no_session_is_refused),
		TEST(lost_facts_are_said_with_what_to_do),
		TEST(an_output_folder_that_is_not_there_is_said),
	};
	int r;

	load_all();
	r = test_main(cases, ARRAY_SIZE(cases));
	free_all();
	return r;
}
