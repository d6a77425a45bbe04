/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the sources of series: files of a host that is a folder, scoutfs's real counters; lines
 * of TCP_INFO against the headers' own struct; processes against what the kernel says of this one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "realdata.h"

#include "fakehost.h"
#include "series_read.h"
#include "test.h"

struct bench {
	struct fakehost host;
	struct series_reader reader;
	struct series_sink sink;
	struct series_plan plan;
	struct series_files *files;
	uint64_t now_ns;
	struct text parts; /* what was handed on when it was full */
	unsigned int part_count;
};

static void on_full(struct series_sink *k, void *arg)
{
	struct bench *b = arg;

	text_add(&b->parts, k->body.s, k->body.len);
	b->part_count++;
	text_reset(&k->body);
	k->sections = 0;
}

static void bench_begin(struct bench *b, const char *sample)
{
	struct record_config c = {.samples = &sample, .sample_count = 1};

	*b = (struct bench){.now_ns = NSEC_PER_SEC};
	b->host = fakehost_make();
	b->sink = (struct series_sink){.limit_bytes = MIB, .full = on_full, .arg = b};
	if (series_plan_make(&c, &b->plan, NULL) < 0 ||
	    series_reader_init(&b->reader, b->host.root, 1000, NULL) < 0 ||
	    series_files_new(&b->plan.specs[0], &b->files, NULL) < 0)
		abort();
}

static void bench_done(struct bench *b)
{
	series_files_free(b->files, &b->reader);
	series_reader_done(&b->reader);
	series_plan_done(&b->plan);
	text_free(&b->sink.body);
	text_free(&b->parts);
	fakehost_remove(&b->host);
}

/* What a sample so much later is. */
static const char *sample_after(struct bench *b, uint64_t ns)
{
	text_reset(&b->sink.body);
	b->sink.sections = b->sink.failures = b->sink.cuts = 0;
	b->sink.read_bytes = 0;
	b->now_ns += ns;
	series_files_sample(b->files, &b->reader, b->now_ns, &b->sink);
	return text_c(&b->sink.body);
}

static const char *next_sample(struct bench *b)
{
	return sample_after(b, 60 * NSEC_PER_SEC);
}

static void a_file_is_read_as_it_is_each_time(void)
{
	CLEANUP(bench_done) struct bench b;

	bench_begin(&b, "own=/a/b");
	CHECK_STR(next_sample(&b), "! ENOENT 0 /a/b\n");
	fakehost_text(&b.host, "a/b", "x 1\n");
	CHECK_STR(next_sample(&b), "= 4 /a/b\nx 1\n\n");
	fakehost_text(&b.host, "a/b", "x 1 y 22");
	CHECK_STR(next_sample(&b), "= 8 /a/b\nx 1 y 22\n");
	fakehost_text(&b.host, "a/b", "");
	CHECK_STR(next_sample(&b), "= 0 /a/b\n\n");
	CHECK_EQ(b.sink.failures, 0);
}

/* One that is replaced by another of the same name: an old descriptor would show the old one. */
static void a_replaced_file_is_the_new_one(void)
{
	CLEANUP(bench_done) struct bench b;
	char from[256], to[256];

	bench_begin(&b, "own=/t/f");
	fakehost_text(&b.host, "t/f", "old\n");
	CHECK_STR(next_sample(&b), "= 4 /t/f\nold\n\n");
	fakehost_text(&b.host, "t/g", "new\n");
	fakehost_path(&b.host, "t/g", from, sizeof(from));
	fakehost_path(&b.host, "t/f", to, sizeof(to));
	CHECK_EQ(rename(from, to), 0);
	CHECK_STR(next_sample(&b), "= 4 /t/f\nnew\n\n");
	CHECK_EQ(b.reader.kept, 0);
}

static void a_pattern_finds_what_comes_and_forgets_what_goes(void)
{
	CLEANUP(bench_done) struct bench b;
	char path[256];

	bench_begin(&b, "own=/d/*/stats");
	CHECK_STR(next_sample(&b), "");
	fakehost_text(&b.host, "d/b/stats", "2\n");
	fakehost_text(&b.host, "d/a/stats", "1\n");
	fakehost_text(&b.host, "d/c/other", "3\n");
	CHECK_STR(next_sample(&b), "= 2 /d/a/stats\n1\n\n= 2 /d/b/stats\n2\n\n");
	fakehost_path(&b.host, "d/a/stats", path, sizeof(path));
	CHECK_EQ(unlink(path), 0);
	fakehost_text(&b.host, "d/c/stats", "3\n");
	CHECK_STR(next_sample(&b), "= 2 /d/b/stats\n2\n\n= 2 /d/c/stats\n3\n\n");
}

/* A tenth of a second later, that is; what joins others is found after ten seconds. */
static void what_is_not_there_is_looked_for_each_time(void)
{
	CLEANUP(bench_done) struct bench b;
	char path[256];

	bench_begin(&b, "own=/d/*@0.1");
	CHECK_STR(sample_after(&b, NSEC_PER_SEC / 10), "");
	fakehost_text(&b.host, "d/a", "1\n");
	CHECK_STR(sample_after(&b, NSEC_PER_SEC / 10), "= 2 /d/a\n1\n\n");
	fakehost_text(&b.host, "d/b", "2\n");
	CHECK_STR(sample_after(&b, NSEC_PER_SEC / 10), "= 2 /d/a\n1\n\n");
	fakehost_path(&b.host, "d/a", path, sizeof(path));
	CHECK_EQ(unlink(path), 0);
	CHECK_STR(sample_after(&b, NSEC_PER_SEC / 10), "! ENOENT 0 /d/a\n");
	CHECK_STR(sample_after(&b, NSEC_PER_SEC / 10), "= 2 /d/b\n2\n\n");
	fakehost_text(&b.host, "d/a", "3\n");
	CHECK_STR(sample_after(&b, 10 * NSEC_PER_SEC), "= 2 /d/a\n3\n\n= 2 /d/b\n2\n\n");
}

static void only_regular_files_are_opened(void)
{
	CLEANUP(bench_done) struct bench b;
	char path[256];

	bench_begin(&b, "own=/o/*");
	fakehost_folder(&b.host, "o/dir");
	fakehost_path(&b.host, "o/fifo", path, sizeof(path));
	CHECK_EQ(mkfifo(path, 0600), 0); /* whoever opened it for reading would wait */
	fakehost_path(&b.host, "o/null", path, sizeof(path));
	CHECK_EQ(symlink("/dev/null", path), 0);
	CHECK_STR(next_sample(&b), "! EISDIR 0 /o/dir\n! EINVAL 0 /o/fifo\n! EINVAL 0 /o/null\n");
	CHECK_EQ(b.sink.failures, 3);
}

static int there(struct bench *b, const char *sample)
{
	CLEANUP(series_plan_done) struct series_plan plan = {0};
	struct record_config c = {.samples = &sample, .sample_count = 1};

	if (series_plan_make(&c, &plan, NULL) < 0)
		abort();
	return series_files_there(&plan.specs[0], b->host.root);
}

static void tells_what_is_there(void)
{
	CLEANUP(bench_done) struct bench b;
	char path[256];

	bench_begin(&b, "own=/x");
	fakehost_folder(&b.host, "o/dir");
	fakehost_path(&b.host, "o/fifo", path, sizeof(path));
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(there(&b, "own=/o/file"), -ENOENT);
	CHECK_EQ(there(&b, "own=/o/f*e"), -ENOENT);
	CHECK_EQ(there(&b, "own=/o"), -EISDIR);
	CHECK_EQ(there(&b, "own=/"), -EISDIR);
	CHECK_EQ(there(&b, "own=/o/d*"), -EISDIR);
	CHECK_EQ(there(&b, "own=/o/fifo"), -EINVAL);
	fakehost_text(&b.host, "o/file", "1\n");
	CHECK_EQ(there(&b, "own=/o/file"), 0);
	CHECK_EQ(there(&b, "own=/o/*"), 0);
}

static void what_asks_the_server_is_not_read(void)
{
	CLEANUP(bench_done) struct bench b;

	CHECK(series_path_forbidden(
		"/sys/fs/scoutfs/f.1.r.2/volume_options/data_alloc_zone_blocks"));
	CHECK(series_path_forbidden("/sys/kernel/debug/scoutfs/f.1.r.2/trigger/x"));
	CHECK(series_path_forbidden("/sys/kernel/debug/scoutfs/f.1.r.2/drop_block"));
	CHECK(!series_path_forbidden("/sys/kernel/debug/scoutfs/f.1.r.2/connections"));
	CHECK(!series_path_forbidden("/sys/fs/scoutfs/f.1.r.2/counters/drop_inode"));
	bench_begin(&b, "own=/sys/fs/scoutfs/f.1/*/*");
	fakehost_text(&b.host, "sys/fs/scoutfs/f.1/volume_options/zone", "7\n");
	fakehost_text(&b.host, "sys/fs/scoutfs/f.1/counters/n", "8\n");
	CHECK_STR(next_sample(&b), "= 2 /sys/fs/scoutfs/f.1/counters/n\n8\n\n");
}

static void a_long_file_is_cut_at_a_line(void)
{
	CLEANUP(bench_done) struct bench b;
	struct text want = {0}, file = {0};

	bench_begin(&b, "own=/t/long"); /* of a file 1000 bytes are read at most */
	for (int i = 0; i < 100; i++)
		text_printf(&file, "line %08d\n", i); /* 14 bytes: 71 of them are 994 */
	fakehost_text(&b.host, "t/long", file.s);
	text_printf(&want, "= 994 /t/long\n%.994s\n! EFBIG 0 /t/long\n", file.s);
	CHECK_STR(next_sample(&b), want.s);
	CHECK_EQ(b.sink.failures, 0);
	CHECK_EQ(b.sink.cuts, 1);
	file.s[1000] = '\0';
	fakehost_text(&b.host, "t/long", file.s);
	(void)next_sample(&b);
	CHECK_EQ(b.sink.cuts, 0);
	text_free(&file);
	text_free(&want);
}

static void many_files_come_in_parts(void)
{
	CLEANUP(bench_done) struct bench b;
	CLEANUP(text_free) struct text want = {0};

	bench_begin(&b, "own=/m/*");
	b.sink.limit_bytes = 8 * KIB; /* a section is given room for the longest path */
	for (int i = 0; i < 30; i++) {
		char name[32], value[301];

		memset(value, 'a' + i % 26, 300);
		value[300] = '\0';
		(void)snprintf(name, sizeof(name), "m/%02d", i);
		fakehost_text(&b.host, name, value);
		text_printf(&want, "= 300 /m/%02d\n%s\n", i, value);
	}
	(void)next_sample(&b);
	CHECK(b.part_count >= 4);
	text_add(&b.parts, b.sink.body.s, b.sink.body.len);
	CHECK_STR(b.parts.s, want.s);
}

static void real_counters_of_every_mount(void)
{
	static const char *const mounts[] = {"f.3d167d.r.5eac1a", "f.3d167d.r.d8ec8b",
					     "f.3d167d.r.f7331f"};
	struct realdata tar = realdata_load("real/host/fence-client-after.tar.zst");
	CLEANUP(bench_done) struct bench b;
	struct realdata_file f;
	size_t at = 0, count = 0;

	bench_begin(&b, "scoutfs");
	b.reader.limit_bytes = MIB;
	fakehost_unpack(&b.host, "real/host/fence-client-after.tar.zst");
	(void)next_sample(&b);
	CHECK_EQ(b.sink.sections, 3);
	CHECK_EQ(b.sink.failures, 0);
	/* Every counter of the tar is a line of its mount's section, with its value. */
	while (realdata_tar_next(&tar, &at, &f)) {
		const char *name = strstr(f.name, "/counters/");
		char line[512];

		if (name && name[10]) {
			(void)snprintf(line, sizeof(line), "\n%s %s", name + 10, f.text);
			CHECK(strstr(text_c(&b.sink.body), line));
			count++;
		}
		free(f.text);
	}
	CHECK_EQ(count, 3 * 202);
	for (size_t i = 0; i < 3; i++) {
		char head[128];

		(void)snprintf(head, sizeof(head), " /sys/fs/scoutfs/%s/counters/\n", mounts[i]);
		CHECK(strstr(text_c(&b.sink.body), head));
	}
	realdata_free(&tar);
}

/* A request for a fence comes as a folder, and goes. */
static void fence_requests_come_and_go(void)
{
	CLEANUP(bench_done) struct bench b;
	char path[512];

	bench_begin(&b, "fence");
	fakehost_folder(&b.host, "sys/fs/scoutfs/f.1.r.2/fence");
	CHECK_STR(next_sample(&b), "");
	fakehost_text(&b.host, "sys/fs/scoutfs/f.1.r.2/fence/77/reason", "client timed out\n");
	fakehost_text(&b.host, "sys/fs/scoutfs/f.1.r.2/fence/77/fenced", "0\n");
	CHECK_STR(next_sample(&b), "= 33 /sys/fs/scoutfs/f.1.r.2/fence/77/\nfenced 0\n"
				   "reason client timed out\n\n");
	fakehost_path(&b.host, "sys/fs/scoutfs/f.1.r.2/fence/77/reason", path, sizeof(path));
	CHECK_EQ(unlink(path), 0);
	fakehost_path(&b.host, "sys/fs/scoutfs/f.1.r.2/fence/77/fenced", path, sizeof(path));
	CHECK_EQ(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	CHECK_EQ(rmdir(path), 0);
	CHECK_STR(next_sample(&b), "");
}

static void devices_of_a_mount(void)
{
	CLEANUP(bench_done) struct bench b;
	char path[256];

	bench_begin(&b, "blockdev");
	CHECK_STR(next_sample(&b), "");
	fakehost_text(&b.host, "sys/fs/scoutfs/f.1.r.2/data_device_maj_min", "259:3\n");
	fakehost_text(&b.host, "sys/class/block/nvme0n1p3/stat", " 1 2 3\n");
	fakehost_folder(&b.host, "sys/dev/block");
	fakehost_path(&b.host, "sys/dev/block/259:3", path, sizeof(path));
	CHECK_EQ(symlink("../../devices/pci/nvme/nvme0n1/nvme0n1p3", path), 0);
	CHECK_STR(next_sample(&b), "= 7 /sys/class/block/nvme0n1p3/stat\n 1 2 3\n\n");
}

/* Files of proc stay open, are read anew each time, and are as a reader that opens them finds them.
 */
static void files_of_proc_stay_open(void)
{
	CLEANUP(bench_done) struct bench b;
	struct series_section s;
	struct series_walk w;
	unsigned int fds[2];
	uint64_t ctxt[2];

	bench_begin(&b, "stat");
	b.reader.root = "";
	b.reader.kept_max = 1;
	b.reader.limit_bytes = MIB;
	for (int i = 0; i < 2; i++) {
		const char *at;

		(void)next_sample(&b);
		series_walk_begin(&w, b.sink.body.s, b.sink.body.len);
		w.left = 1;
		CHECK_EQ(series_next_section(&w, &s), 1);
		at = memmem(s.bytes, s.byte_count, "\nctxt ", 6);
		CHECK(at && sscanf(at, " ctxt %" SCNu64, &ctxt[i]) == 1);
		CHECK(s.bytes[s.byte_count - 1] == '\n');
		fds[i] = b.reader.kept;
		(void)usleep(1);
	}
	CHECK_EQ(fds[0], 1);
	CHECK_EQ(fds[1], 1);
	CHECK(ctxt[1] > ctxt[0]);
}

/* ---- TCP_INFO ---- */

struct answer {
	struct inet_diag_msg m;
	struct rtattr a;
	struct tcp_info info;
} __attribute__((packed));

static struct answer make_answer(void)
{
	struct answer x = {0};

	x.m.idiag_family = AF_INET;
	x.m.idiag_state = 1;
	x.m.id.idiag_sport = htons(5000);
	x.m.id.idiag_dport = htons(40000);
	(void)inet_pton(AF_INET, "10.0.0.5", x.m.id.idiag_src);
	(void)inet_pton(AF_INET, "10.0.0.9", x.m.id.idiag_dst);
	x.m.idiag_rqueue = 11;
	x.m.idiag_wqueue = 22;
	x.a.rta_type = INET_DIAG_INFO;
	x.a.rta_len = (unsigned short)(sizeof(x.a) + sizeof(x.info));
	return x;
}

static const struct wire_addr server = {
	.ip = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 5}}, .port = 5000};

static bool line_has(const struct answer *x, size_t n, const char *words)
{
	CLEANUP(text_free) struct text t = {0};
	bool has = series_tcp_line(x, n, &server, &t) && strstr(text_c(&t), words);

	if (!has)
		printf("# %s in: %s\n", words, text_c(&t));
	return has;
}

/* Each field set by the headers' name, found by ours. */
static void tcp_fields_are_at_their_places(void)
{
#define FIELD_IS(field, name)                                     \
	do {                                                      \
		struct answer x = make_answer();                  \
		x.info.tcpi_##field = 123;                        \
		CHECK(line_has(&x, sizeof(x), " " name "=123 ")); \
	} while (0)
	FIELD_IS(ca_state, "ca_state");
	FIELD_IS(retransmits, "retransmits");
	FIELD_IS(probes, "probes");
	FIELD_IS(backoff, "backoff");
	FIELD_IS(rto, "rto_us");
	FIELD_IS(ato, "ato_us");
	FIELD_IS(snd_mss, "snd_mss");
	FIELD_IS(rcv_mss, "rcv_mss");
	FIELD_IS(unacked, "unacked");
	FIELD_IS(sacked, "sacked");
	FIELD_IS(lost, "lost");
	FIELD_IS(retrans, "retrans");
	FIELD_IS(last_data_sent, "last_data_sent_ms");
	FIELD_IS(last_data_recv, "last_data_recv_ms");
	FIELD_IS(last_ack_recv, "last_ack_recv_ms");
	FIELD_IS(pmtu, "pmtu");
	FIELD_IS(rcv_ssthresh, "rcv_ssthresh");
	FIELD_IS(rtt, "rtt_us");
	FIELD_IS(rttvar, "rttvar_us");
	FIELD_IS(snd_ssthresh, "ssthresh");
	FIELD_IS(snd_cwnd, "cwnd");
	FIELD_IS(advmss, "advmss");
	FIELD_IS(reordering, "reordering");
	FIELD_IS(rcv_rtt, "rcv_rtt_us");
	FIELD_IS(rcv_space, "rcv_space");
	FIELD_IS(total_retrans, "total_retrans");
	FIELD_IS(pacing_rate, "pacing_rate");
	FIELD_IS(bytes_acked, "bytes_acked");
	FIELD_IS(bytes_received, "bytes_received");
	FIELD_IS(segs_out, "segs_out");
	FIELD_IS(segs_in, "segs_in");
	FIELD_IS(notsent_bytes, "notsent");
	FIELD_IS(min_rtt, "min_rtt_us");
	FIELD_IS(data_segs_in, "data_segs_in");
	FIELD_IS(data_segs_out, "data_segs_out");
	FIELD_IS(delivery_rate, "delivery_rate");
	FIELD_IS(busy_time, "busy_us");
	FIELD_IS(rwnd_limited, "rwnd_limited_us");
	FIELD_IS(sndbuf_limited, "sndbuf_limited_us");
	FIELD_IS(delivered, "delivered");
}

static void a_connection_is_told_from_both_ends(void)
{
	struct answer x = make_answer();
	uint8_t other[4] = {10, 0, 0, 6};

	CHECK(line_has(&x, sizeof(x),
		       "10.0.0.5:5000 10.0.0.9:40000 state=established ca_state=0 "));
	CHECK(line_has(&x, sizeof(x), " snd_queue=22 rcv_queue=11\n"));
	memcpy(x.m.id.idiag_dst, x.m.id.idiag_src, 4);
	x.m.id.idiag_dport = htons(5000);
	memcpy(x.m.id.idiag_src, other, 4);
	CHECK(line_has(&x, sizeof(x), "10.0.0.6:5000 10.0.0.5:5000 "));
	/* The same port of another host. */
	memcpy(x.m.id.idiag_dst, other, 4);
	CHECK(!series_tcp_line(&x, sizeof(x), &server, &(struct text){0}));
}

/* Kernels of other ages tell less, or more. */
static void answers_of_any_length(void)
{
	struct answer x = make_answer();

	for (size_t n = 0; n <= sizeof(x); n++) {
		uint8_t *copy = malloc(n ? n : 1);
		CLEANUP(text_free) struct text t = {0};

		memcpy(copy, &x, n);
		CHECK_EQ(series_tcp_line(copy, n, &server, &t), n >= sizeof(x.m));
		free(copy);
	}
	for (unsigned int n = 0; n <= sizeof(x.info); n++) {
		x.a.rta_len = (unsigned short)(sizeof(x.a) + n);
		CHECK(line_has(&x, sizeof(x), n >= 84 ? " cwnd=0 " : " state=established "));
	}
	x.a.rta_len = (unsigned short)(sizeof(x.a) + 83);
	CHECK(!line_has(&x, sizeof(x), "cwnd="));
}

/* ---- processes ---- */

static void a_name_may_hold_brackets(void)
{
	struct series_process p;

	CHECK(series_process_parse(
		"42 (a) (b) R) D 1 42 42 0 -1 4194304 1 2 3 4 55 66 7 8 20 0 9 0 "
		"100 1000000 250 18446744073709551615\n",
		&p));
	CHECK_EQ(p.pid, 42);
	CHECK_STR(p.comm, "a) (b) R");
	CHECK_EQ(p.state, 'D');
	CHECK_EQ(p.utime_ticks, 55);
	CHECK_EQ(p.stime_ticks, 66);
	CHECK_EQ(p.threads, 9);
	CHECK_EQ(p.rss_pages, 250);
	CHECK(!series_process_parse("", &p));
	CHECK(!series_process_parse("42 (a", &p));
	CHECK(!series_process_parse(") 42 (a", &p));
	CHECK(!series_process_parse("42 (a) R 1 2", &p));
}

static void the_busiest_since_the_last_time_are_told(void)
{
	struct series_processes *p;
	CLEANUP(bench_done) struct bench b;

	bench_begin(&b, "own=/x");
	CHECK_EQ(series_processes_new(&p, NULL), 0);
	for (int round = 1; round <= 2; round++)
		for (int pid = 1; pid <= 100; pid++) {
			char name[32], stat[256];
			bool works = round == 2 && (pid == 7 || pid == 9);

			/* In the second round 7 and 9 have worked, and 50 waits. */
			(void)snprintf(name, sizeof(name), "proc/%d/stat", pid);
			(void)snprintf(stat, sizeof(stat),
				       "%d (p %d) %c 1 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 1 0 1 1 "
				       "256 0\n",
				       pid, pid, round == 2 && pid == 50 ? 'D' : 'S',
				       1000 - pid + (works ? pid : 0));
			fakehost_text(&b.host, name, stat);
			if (pid < 100)
				continue;
			text_reset(&b.sink.body);
			series_processes_sample(p, &b.reader, &b.sink);
		}
	CHECK(str_starts(strchr(b.sink.body.s, '\n') + 1,
			 "9 p\\x209 state=S utime_ticks=1000 stime_ticks=0 rss_kib=1024 threads=1\n"
			 "7 p\\x207 state=S utime_ticks=1000 "));
	CHECK(strstr(b.sink.body.s, "\n50 p\\x2050 state=D "));
	CHECK(!strstr(b.sink.body.s, "\n60 "));
	series_processes_free(p);
}

TEST_MAIN(TEST(a_file_is_read_as_it_is_each_time), TEST(a_replaced_file_is_the_new_one),
	  TEST(a_pattern_finds_what_comes_and_forgets_what_goes),
	  TEST(what_is_not_there_is_looked_for_each_time), TEST(only_regular_files_are_opened),
	  TEST(tells_what_is_there), TEST(what_asks_the_server_is_not_read),
	  TEST(a_long_file_is_cut_at_a_line), TEST(many_files_come_in_parts),
	  TEST(real_counters_of_every_mount), TEST(fence_requests_come_and_go),
	  TEST(devices_of_a_mount), TEST(files_of_proc_stay_open),
	  TEST(tcp_fields_are_at_their_places), TEST(a_connection_is_told_from_both_ends),
	  TEST(answers_of_any_length), TEST(a_name_may_hold_brackets),
	  TEST(the_busiest_since_the_last_time_are_told))
