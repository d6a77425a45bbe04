/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Session folders and bundles for the tests of what reads them: made by the recorder's own spool
 * and finish(), of the real pages, packets and kernel lines under tests/data, fed record by record
 * with the times they have.
 */
#ifndef TESTS_UNIT_BUNDLEKIT_H
#define TESTS_UNIT_BUNDLEKIT_H

#include "base/json.h"
#include "finish.h"
#include "format/tracedat.h"
#include "session.h"
#include "sessionkit.h"
#include "spool.h"

#define KIT_STEM "scoutfs-trace.host.2026-1120-1000.AbCdEf"
#define KIT_BUNDLE KIT_STEM ".tar.zst"
#define KIT_EVENTS 21003 /* by the kernel's stats of tests/data/real/ring */
/* The captures are of several boots: their packets and log lines are put on one invented clock. */
#define KIT_REAL_MINUS_MONO UINT64_C(1795000000000000000)
#define KIT_CLOCK_ROWS 40

static struct {
	struct realdata cpu[2], comms, printk, pcap, kmsg;
	struct text head, head_zst, clocks, log;
} kit;

static inline uint64_t kit_kmsg_ns(size_t line)
{
	return (5 + line) * NSEC_PER_SEC + line * NSEC_PER_MSEC;
}

/* Lines as kernel.log has them; the texts are the real kernel's. */
static inline void kit_make_log(void)
{
	const char *at = (const char *)kit.kmsg.bytes, *nl;
	char utc[64];

	for (size_t i = 0; (nl = strchr(at, '\n')); i++, at = nl + 1) {
		uint64_t ns = kit_kmsg_ns(i), real = ns + KIT_REAL_MINUS_MONO;
		time_t seconds = (time_t)(real / NSEC_PER_SEC);
		struct tm tm;

		(void)gmtime_r(&seconds, &tm);
		(void)strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%S", &tm);
		text_printf(&kit.log, "%s.%06uZ [%5u.%06u] kern.info %zu %.*s\n", utc,
			    (unsigned int)(real % NSEC_PER_SEC / 1000),
			    (unsigned int)(ns / NSEC_PER_SEC), 0u, i, (int)(nl - at), at);
	}
}

static inline void kit_load(void)
{
	kit.cpu[0] = realdata_load("real/ring/cpu0.raw.zst");
	kit.cpu[1] = realdata_load("real/ring/cpu1.raw.zst");
	kit.comms = realdata_load_plain("real/ring/saved_cmdlines");
	kit.printk = realdata_load_plain("real/ring/printk_formats");
	kit.pcap = realdata_load("real/pcap/fence-client-sll2.pcap.zst");
	kit.kmsg = realdata_load("real/kmsg/fence-client.kmsg.zst");
	for (unsigned int i = 1; i <= KIT_CLOCK_ROWS; i++)
		text_printf(&kit.clocks, "%u000000000,1795000%03u000000000,%u000000000,0,100\n", i,
			    i, i);
	kit_make_head((char *)kit.printk.bytes, &kit.head, &kit.head_zst);
	kit_make_log();
}

static inline void kit_unload(void)
{
	realdata_free(&kit.cpu[0]);
	realdata_free(&kit.cpu[1]);
	realdata_free(&kit.comms);
	realdata_free(&kit.printk);
	realdata_free(&kit.pcap);
	realdata_free(&kit.kmsg);
	text_free(&kit.head);
	text_free(&kit.head_zst);
	text_free(&kit.clocks);
	text_free(&kit.log);
}

static inline void kit_save(const struct kit_folder *dir, const char *name, const void *bytes,
			    size_t n)
{
	if (file_save_at(dir->fd, name, bytes, n, NULL) < 0)
		kit_die(name);
}

static inline void kit_save_small(const struct kit_folder *dir)
{
	static const char facts[] =
		"{\"format\":\"scoutfs-trace-session\",\"version\":1,\"stem\":\"" KIT_STEM "\","
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

	kit_save(dir, SESSION_FACTS, facts, sizeof(facts) - 1);
	kit_save(dir, SESSION_TRACE_HEAD, kit.head_zst.s, kit.head_zst.len);
	kit_save(dir, SESSION_PACKETS_HEAD, kit.pcap.bytes, 24);
	kit_save(dir, SESSION_CLOCKS_HEAD, "monotonic_ns,realtime_ns,boottime_ns,tai_ns,bound_ns\n",
		 53);
	if (mkdirat(dir->fd, "context", 0700) < 0 || mkdirat(dir->fd, "context/start", 0700) < 0 ||
	    mkdirat(dir->fd, "context/end", 0700) < 0)
		kit_die("context");
	kit_save(dir, "context/start/uname.txt", "Linux\n", 6);
	kit_save(dir, "context/end/empty", "", 0);
	kit_save(dir, "context/end/big", kit.kmsg.bytes, kit.kmsg.n);
}

static inline void kit_put(struct spool_stream *st, const void *bytes, size_t n, uint64_t first,
			   uint64_t last, uint64_t records)
{
	if (spool_append(st, bytes, n, &(struct spool_span){first, last, records, 0}) < 0)
		kit_die("spool_append");
}

static inline void kit_feed_pages(struct spool_stream *st, const struct realdata *pages)
{
	for (size_t at = 0; at < pages->n; at += KIT_PAGE) {
		struct ringpage_info info;

		if (ringpage_scan(&kit_layout, pages->bytes + at, &info) < 0)
			kit_die("a page");
		kit_put(st, pages->bytes + at, KIT_PAGE, info.first_ns, info.last_ns, info.events);
	}
}

/* CLOCK_MONOTONIC of the packet at @p; the capture's stamps have microseconds. */
static inline uint64_t kit_packet_ns(const uint8_t *p)
{
	if (get_le32(kit.pcap.bytes) != 0xa1b2c3d4)
		kit_die("the capture is another");
	return get_le32(p) * NSEC_PER_SEC + get_le32(p + 4) * NSEC_PER_USEC - KIT_REAL_MINUS_MONO;
}

static inline void kit_feed_packets(struct spool_stream *st)
{
	for (size_t at = 24; at < kit.pcap.n;) {
		const uint8_t *p = kit.pcap.bytes + at;
		uint64_t ns = kit_packet_ns(p);
		size_t n = 16 + (size_t)get_le32(p + 8);

		kit_put(st, p, n, ns, ns, 1);
		at += n;
	}
}

static inline void kit_feed_lines(struct spool_stream *st, const struct text *t, bool log)
{
	const char *at = t->s, *nl;

	for (size_t i = 0; (nl = strchr(at, '\n')); i++, at = nl + 1) {
		uint64_t ns = log ? kit_kmsg_ns(i) : (i + 1) * NSEC_PER_SEC;

		kit_put(st, at, (size_t)(nl + 1 - at), ns, ns, 1);
	}
}

enum kit_ending {
	KIT_ENDED,  /* sealed, as finish() wants it */
	KIT_SYNCED, /* the process is gone after a sync: the newest chunks are in the tail */
};

static inline void kit_record(const struct kit_folder *dir, enum kit_ending ending)
{
	struct spool_stream *cpu[2], *log, *packets, *clocks;
	struct text line = {0};
	struct spool *s;

	if (spool_open(&(struct spool_config){.session_fd = dir->fd,
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
	kit_feed_lines(log, &kit.log, true);
	kit_feed_pages(cpu[1], &kit.cpu[1]);
	kit_feed_packets(packets);
	kit_feed_pages(cpu[0], &kit.cpu[0]);
	kit_feed_lines(clocks, &kit.clocks, false);
	spool_comms(s, (char *)kit.comms.bytes, kit.comms.n);
	text_printf(&line,
		    "{\"anchor\":{\"when\":\"end\",\"monotonic_ns\":1000000000,"
		    "\"realtime_ns\":%llu}}\n",
		    (unsigned long long)(KIT_REAL_MINUS_MONO + NSEC_PER_SEC));
	spool_journal(s, line.s, line.len);
	text_free(&line);
	if (ending == KIT_SYNCED) {
		if (spool_sync_wait(s, NULL) < 0)
			kit_die("spool_sync_wait");
		_exit(0);
	}
	if (spool_close(s, NULL) < 0)
		kit_die("spool_close");
	spool_free(s);
}

static inline struct kit_folder kit_session(enum kit_ending ending)
{
	struct kit_folder dir = kit_folder_make();
	int status = 0;
	pid_t pid;

	kit_save_small(&dir);
	if (ending == KIT_ENDED) {
		kit_record(&dir, ending);
		return dir;
	}
	pid = fork();
	if (pid == 0)
		kit_record(&dir, ending);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		kit_die("the recorder");
	return dir;
}

/* A folder with the bundle of a whole session in it, under the name KIT_BUNDLE. */
static inline struct kit_folder kit_bundle(void)
{
	struct kit_folder dir = kit_session(KIT_ENDED), out = kit_folder_make();
	struct record_result ret = {0};
	struct err e = {0};

	if (finish(&(struct finish_config){.session_fd = dir.fd,
					   .session_path = dir.path,
					   .output_dir = out.path},
		   &ret, &e) < 0)
		kit_die(e.text);
	text_free(&ret.json);
	kit_folder_remove(&dir);
	return out;
}

#endif
