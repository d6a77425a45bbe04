/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters in the text of statistics files: names, values and kinds of each layout, on lines as
 * kernels print them (4.18 and 6.1); and what is not sound.
 */
#include "format/counters.h"

#include "test.h"

#include "base/text.h"

struct seen {
	struct text lines; /* "NAME=VALUE kind" */
	size_t count;
};

static void take(void *arg, const struct counter *c)
{
	static const char *const kinds[] = {"?", "+", "~"};
	struct seen *s = arg;

	text_add(&s->lines, c->name, c->name_bytes);
	if (c->real)
		text_printf(&s->lines, "=%.3f", c->d);
	else
		text_printf(&s->lines, "=%s%llu", c->negative ? "-" : "", (unsigned long long)c->u);
	text_printf(&s->lines, "%s\n", kinds[c->kind]);
	s->count++;
}

static void seen_done(struct seen *s)
{
	text_free(&s->lines);
}

/* Everything that a text holds is exactly @want. */
#define HOLDS(path, bytes, want)                                                               \
	do {                                                                                   \
		CLEANUP(seen_done) struct seen _s = {0};                                       \
		const char *_b = (bytes), *_p = (path);                                        \
		CHECK_EQ(counters_parse(_p, strlen(_p), _b, strlen(_b), take, &_s), _s.count); \
		CHECK_STR(text_c(&_s.lines), want);                                            \
	} while (0)

static void reads_names_and_values(void)
{
	HOLDS("/proc/vmstat", "nr_free_pages 720780\nnr_dirtied 12\npgfault 99\nnumber 1x\n",
	      "nr_free_pages=720780~\nnr_dirtied=12+\npgfault=99+\n");
	HOLDS("/proc/meminfo",
	      "MemTotal:        3055108 kB\nActive(anon):      15008 kB\nHugePages_Total:       "
	      "0\n",
	      "MemTotal=3055108~\nActive(anon)=15008~\nHugePages_Total=0~\n");
	HOLDS("/sys/fs/scoutfs/f.52ff74.r.2c264c/counters/", "btree_walk 206\nlock_alloc -1\n",
	      "btree_walk=206+\nlock_alloc=-1+\n");
	HOLDS("/proc/loadavg", "0.25 0.01 0.05 1/234 5678\n",
	      "1=0.250~\n2=0.010~\n3=0.050~\n5=5678~\n");
	HOLDS("/sys/x/drops", "17\n", "value=17?\n");
	HOLDS("/some/file", "alpha 3\nbeta: 0x1f\n# no 1\ngamma 1 2 3\nname text\n",
	      "alpha=3?\nbeta=31?\ngamma.1=1?\ngamma.2=2?\ngamma.3=3?\n");
}

static void reads_proc_stat(void)
{
	HOLDS("/proc/stat",
	      "cpu  412 0 484 961 1 2 3 4 5 6\ncpu11 148 0 166 609 0 0 1 0 0 0\n"
	      "intr 10017 70 9 0 0\nctxt 6858\nbtime 1795172410\nprocesses 375\n"
	      "procs_running 1\nprocs_blocked 0\nsoftirq 8647 0 1210\n",
	      "cpu.user=412+\ncpu.nice=0+\ncpu.system=484+\ncpu.idle=961+\ncpu.iowait=1+\n"
	      "cpu.irq=2+\ncpu.softirq=3+\ncpu.steal=4+\ncpu.guest=5+\ncpu.guest_nice=6+\n"
	      "cpu11.user=148+\ncpu11.nice=0+\ncpu11.system=166+\ncpu11.idle=609+\n"
	      "cpu11.iowait=0+\ncpu11.irq=0+\ncpu11.softirq=1+\ncpu11.steal=0+\n"
	      "cpu11.guest=0+\ncpu11.guest_nice=0+\n"
	      "intr=10017+\nctxt=6858+\nbtime=1795172410~\nprocesses=375+\nprocs_running=1~\n"
	      "procs_blocked=0~\nsoftirq=8647+\n");
}

static void reads_disks(void)
{
	/* Of 4.18: eleven numbers, and four for discards. */
	HOLDS("/proc/diskstats",
	      "   8       1 sda1 946 251 31066 368 4927 8319 3414786 26342 7 5468 30115\n",
	      "sda1.reads=946+\nsda1.reads_merged=251+\nsda1.sectors_read=31066+\n"
	      "sda1.ms_reading=368+\nsda1.writes=4927+\nsda1.writes_merged=8319+\n"
	      "sda1.sectors_written=3414786+\nsda1.ms_writing=26342+\nsda1.in_progress=7~\n"
	      "sda1.ms_busy=5468+\nsda1.ms_weighted=30115+\n");
	HOLDS("/sys/block/sda/stat", "  1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
	      "reads=1+\nreads_merged=2+\nsectors_read=3+\nms_reading=4+\nwrites=5+\n"
	      "writes_merged=6+\nsectors_written=7+\nms_writing=8+\nin_progress=9~\nms_busy=10+\n"
	      "ms_weighted=11+\ndiscards=12+\ndiscards_merged=13+\nsectors_discarded=14+\n"
	      "ms_discarding=15+\nflushes=16+\nms_flushing=17+\n");
}

static void reads_slabinfo(void)
{
	HOLDS("/proc/slabinfo",
	      "slabinfo - version: 2.1\n# name            <active_objs> <num_objs>\n"
	      "scoutfs_inode_info     30     31   1064   15    4 : tunables    0    0    0 : "
	      "slabdata      2      3      0\n",
	      "scoutfs_inode_info.active_objs=30~\nscoutfs_inode_info.num_objs=31~\n"
	      "scoutfs_inode_info.active_slabs=2~\nscoutfs_inode_info.num_slabs=3~\n");
}

static void reads_network(void)
{
	HOLDS("/proc/net/dev",
	      "Inter-|   Receive                                                |  Transmit\n"
	      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
	      "eth0:123 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
	      "eth0.rx_bytes=123+\neth0.rx_packets=2+\neth0.rx_errs=3+\neth0.rx_drop=4+\n"
	      "eth0.rx_fifo=5+\neth0.rx_frame=6+\neth0.rx_compressed=7+\neth0.rx_multicast=8+\n"
	      "eth0.tx_bytes=9+\neth0.tx_packets=10+\neth0.tx_errs=11+\neth0.tx_drop=12+\n"
	      "eth0.tx_fifo=13+\neth0.tx_colls=14+\neth0.tx_carrier=15+\neth0.tx_compressed=16+\n");
	HOLDS("/proc/net/snmp",
	      "Tcp: RtoAlgorithm MaxConn CurrEstab RetransSegs\nTcp: 1 -1 4 77\n"
	      "Udp: InDatagrams\nUdp: 5\n",
	      "Tcp.RtoAlgorithm=1~\nTcp.MaxConn=-1~\nTcp.CurrEstab=4~\nTcp.RetransSegs=77+\n"
	      "Udp.InDatagrams=5+\n");
	HOLDS("tcp_info",
	      "10.0.0.1:5000 10.0.0.2:40000 state=established cwnd=10 rtt_us=250 bytes_sent=900\n",
	      "10.0.0.1:5000 10.0.0.2:40000.cwnd=10~\n10.0.0.1:5000 10.0.0.2:40000.rtt_us=250~\n"
	      "10.0.0.1:5000 10.0.0.2:40000.bytes_sent=900+\n");
}

static void reads_pressure_and_processes(void)
{
	HOLDS("/proc/pressure/io",
	      "some avg10=1.68 avg60=1.00 avg300=0.75 total=114840409\n"
	      "full avg10=1.31 avg60=0.65 avg300=0.49 total=47460156\n",
	      "some.total=114840409+\nfull.total=47460156+\n");
	HOLDS("processes",
	      "1234 fs\\x20worker state=R utime_ticks=5 stime_ticks=6 rss_kib=70 threads=1\n",
	      "1234 fs\\x20worker.utime_ticks=5+\n1234 fs\\x20worker.stime_ticks=6+\n"
	      "1234 fs\\x20worker.rss_kib=70~\n1234 fs\\x20worker.threads=1~\n");
}

static void sums_interrupts(void)
{
	HOLDS("/proc/interrupts",
	      "           CPU0       CPU2       \n"
	      " 24:         70          5   PCI-MSI 49152-edge      virtio0-config\n"
	      "NMI:          1          2   Non-maskable interrupts\n"
	      "ERR:          3\n",
	      "24:virtio0-config=75+\nNMI=3+\nERR=3+\nCPU0=74+\nCPU2=7+\n");
}

static void reads_lustre_and_nfs(void)
{
	HOLDS("/proc/fs/lustre/llite/x/stats",
	      "snapshot_time             1795172415.919277498 secs.nsecs\n"
	      "read_bytes                12 samples [bytes] 4096 1048576 123456 999\n"
	      "open                      7 samples [regs]\n",
	      "snapshot_time=1795172415.919?\nread_bytes.samples=12+\nread_bytes.min=4096~\n"
	      "read_bytes.max=1048576~\nread_bytes.sum=123456+\nread_bytes.sumsq=999+\n"
	      "open.samples=7+\n");
	HOLDS("/proc/net/rpc/nfs",
	      "net 0 0 0 0\nrpc 123 4 125\nproc3 22 0 5 6 7 8 9 10\nproc4 3 0 11 12\n",
	      "net.packets=0+\nnet.udp=0+\nnet.tcp=0+\nnet.tcp_connections=0+\nrpc.calls=123+\n"
	      "rpc.retransmissions=4+\nrpc.auth_refreshes=125+\nproc3.null=0+\nproc3.getattr=5+\n"
	      "proc3.setattr=6+\nproc3.lookup=7+\nproc3.access=8+\nproc3.readlink=9+\n"
	      "proc3.read=10+\nproc4.0=0+\nproc4.1=11+\nproc4.2=12+\n");
}

static void reads_quorum_status(void)
{
	HOLDS("/sys/fs/scoutfs/f.52ff74.r.545b61/quorum/status",
	      "term 1\nrole 0 (follower)\nvote_bits 0x5 (count 2)\ntimeout_in_secs 9.932063046\n"
	      "last_recv from 1 term 1 type 2 secs_since 0.067956854\n",
	      "term=1~\nrole=0~\nvote_bits=5~\ntimeout_in_secs=9.932~\nlast_recv from 1.term=1~\n"
	      "last_recv from 1.type=2~\nlast_recv from 1.secs_since=0.068~\n");
}

static void takes_the_widest_numbers(void)
{
	HOLDS("/x/counters/",
	      "a 18446744073709551615\nb 18446744073709551616\nc -\nd 1.\ne .5\nf\n",
	      "a=18446744073709551615+\n");
}

static void leaves_out_what_has_no_room(void)
{
	CLEANUP(text_free) struct text s = {0};
	struct seen seen = {0};

	for (int i = 0; i < COUNTER_NAME_MAX; i++)
		text_str(&s, "x");
	text_str(&s, " 1\nshort 2");
	CHECK_EQ(counters_parse("/x", 2, s.s, s.len, take, &seen), 1);
	CHECK_STR(text_c(&seen.lines), "short=2?\n");
	seen_done(&seen);
	CHECK_EQ(counters_parse("", 0, "", 0, take, &seen), 0);
}

TEST_MAIN(TEST(reads_names_and_values), TEST(reads_proc_stat), TEST(reads_disks),
	  TEST(reads_slabinfo), TEST(reads_network), TEST(reads_pressure_and_processes),
	  TEST(sums_interrupts), TEST(reads_lustre_and_nfs), TEST(reads_quorum_status),
	  TEST(takes_the_widest_numbers), TEST(leaves_out_what_has_no_room))
