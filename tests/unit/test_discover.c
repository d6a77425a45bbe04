/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding the server: on the kernel logs, sysfs and debugfs of a real cluster
 * (tests/data/README.md), whose servers are known from the notes taken while it ran; and on what
 * may stand in their place.
 */
#include "discover.h"

#include "realdata.h"
#include "fakehost.h"
#include "test.h"

#define MOUNT_A "f.3d167d.r.d8ec8b"

static const char *addr_text(const struct discovered *d)
{
	static char buf[64];

	return wire_addr_format(&d->addr, buf, sizeof(buf));
}

static size_t discover_log(const char *capture, struct discovered *ret, size_t max)
{
	struct fakehost h = fakehost_make();
	size_t n;

	fakehost_capture(&h, "dev/kmsg", capture);
	n = discover_servers_at(h.root, ret, max);
	fakehost_remove(&h);
	return n;
}

static size_t discover_log_text(const char *text, struct discovered *ret, size_t max)
{
	struct fakehost h = fakehost_make();
	size_t n;

	fakehost_text(&h, "dev/kmsg", text);
	n = discover_servers_at(h.root, ret, max);
	fakehost_remove(&h);
	return n;
}

static void lines_that_name_a_server(void)
{
	struct discovered d;

	CHECK(discover_from_log("scoutfs f.3d167d.r.d8ec8b: server starting at 127.0.0.1:19700",
				&d));
	CHECK_STR(addr_text(&d), "127.0.0.1:19700");
	CHECK_STR(d.mount, "f.3d167d.r.d8ec8b");
	CHECK(d.local);

	CHECK(discover_from_log("scoutfs f.3d167d.r.5eac1a: client connected 127.0.0.1:59832 -> "
				"10.1.2.3:19701",
				&d));
	CHECK_STR(addr_text(&d), "10.1.2.3:19701");
	CHECK(!d.local);
}

static void lines_that_do_not(void)
{
	static const char *const lines[] = {
		"scoutfs f.3d167d.r.d8ec8b: server stopped at 127.0.0.1:19700",
		"scoutfs f.3d167d.r.d8ec8b: client disconnected 127.0.0.1:1 -> 127.0.0.1:2",
		"scoutfs f.3d167d.r.d8ec8b error: server ready at 127.0.0.1:19700",
		"scoutfs f.3D167D.r.d8ec8b: server ready at 127.0.0.1:19700",
		"scoutfs f.3d167d.r.d8ec8: server ready at 127.0.0.1:19700",
		"scoutfs : server ready at 127.0.0.1:19700",
		"xscoutfs f.3d167d.r.d8ec8b: server ready at 127.0.0.1:19700",
		"scoutfs f.3d167d.r.d8ec8b: server ready at 127.0.0.1",
		"scoutfs f.3d167d.r.d8ec8b: server ready at 127.0.0.1:99999",
		"scoutfs f.3d167d.r.d8ec8b: server ready at 127.0.0.1:0",
		"scoutfs f.3d167d.r.d8ec8b: server ready at 0.0.0.0:19700",
		"scoutfs f.3d167d.r.d8ec8b: server ready at somewhere:19700",
		"scoutfs f.3d167d.r.d8ec8b: server ready at ",
		"scoutfs f.3d167d.r.d8ec8b: client connected 127.0.0.1:1",
		"scoutfs f.3d167d.r.d8ec8b: ",
		"",
	};
	struct discovered d;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (discover_from_log(lines[i], &d))
			printf("# %s\n", lines[i]);
		CHECK(!discover_from_log(lines[i], &d));
	}
}

/* The leader 19700 was unmounted by force; 19702 took over and the clients went there. */
static void log_forgets_a_server_that_stopped(void)
{
	struct discovered d[8];

	CHECK_EQ(discover_log("real/kmsg/fence-leader.kmsg.zst", d, 8), 1);
	CHECK_STR(addr_text(&d[0]), "127.0.0.1:19702");
	CHECK(d[0].local);
	CHECK(discover_choose(d, 1) == &d[0]);
}

static void log_keeps_a_server_that_lost_a_client(void)
{
	struct discovered d[8];

	CHECK_EQ(discover_log("real/kmsg/fence-client.kmsg.zst", d, 8), 1);
	CHECK_STR(addr_text(&d[0]), "127.0.0.1:19700");
}

static void log_counts_only_the_kernels_records(void)
{
	struct discovered d[8];

	/* Facility 1 (user), as a write to /dev/kmsg gets; then the same text from the kernel. */
	CHECK_EQ(discover_log_text(
			 "14,1,1,-;scoutfs f.3d167d.r.d8ec8b: server ready at 10.0.0.9:5000\n", d,
			 8),
		 0);
	CHECK_EQ(
		discover_log_text(
			"6,1,1,-;scoutfs f.3d167d.r.d8ec8b: server ready at 10.0.0.9:5000\n", d, 8),
		1);
	CHECK_STR(addr_text(&d[0]), "10.0.0.9:5000");
}

static void newest_line_of_a_mount_wins(void)
{
	struct discovered d[8];

	CHECK_EQ(discover_log_text(
			 "6,1,1,-;scoutfs f.3d167d.r.d8ec8b: client connected 10.0.0.1:1 -> "
			 "10.0.0.8:5000\n"
			 "6,2,2,-;scoutfs f.3d167d.r.d8ec8b: client connected 10.0.0.1:2 -> "
			 "10.0.0.9:5000\n"
			 "6,3,3,-;scoutfs f.3d167d.r.d8ec8b: client disconnected 10.0.0.1:1 -> "
			 "10.0.0.8:5000\n",
			 d, 8),
		 1);
	CHECK_STR(addr_text(&d[0]), "10.0.0.9:5000");
}

static void connections_of_the_leader(void)
{
	struct realdata t =
		realdata_load_plain("real/host/fence-leader-after.f.b9a17e.r.2968f9.connections");
	struct discovered d[8];
	size_t n = discover_from_connections("f.b9a17e.r.2968f9", (char *)t.bytes, d, 8);

	realdata_free(&t);
	/* Its own client and its listener; the three accepted ones name no further server. */
	CHECK_EQ(n, 2);
	CHECK_EQ(d[0].rank, DISCOVER_LIVE);
	CHECK_EQ(d[1].rank, DISCOVER_LISTENING);
	CHECK(!d[0].local && d[1].local);
	CHECK_STR(addr_text(&d[0]), "127.0.0.1:19702");
	CHECK_STR(addr_text(&d[1]), "127.0.0.1:19702");
}

static void connections_of_a_client(void)
{
	struct realdata t =
		realdata_load_plain("real/host/fence-leader-after.f.b9a17e.r.ecefeb.connections");
	struct discovered d[8];
	size_t n = discover_from_connections("f.b9a17e.r.ecefeb", (char *)t.bytes, d, 8);

	realdata_free(&t);
	CHECK_EQ(n, 1);
	CHECK_EQ(d[0].rank, DISCOVER_LIVE);
	CHECK_STR(addr_text(&d[0]), "127.0.0.1:19702");
}

static void connections_that_are_not_up(void)
{
	struct discovered d[8];

	/* Connecting; shutting down; cut short; garbage. */
	CHECK_EQ(discover_from_connections("f.b9a17e.r.ecefeb",
					   "name 0.0.0.0:0 peer 10.0.0.9:5000 rid 0 greeting_id 0 "
					   "vg 0 est 0 sd 0 cto_ms "
					   "rdl_j 1000 0 nss 1\n"
					   "name 10.0.0.1:1 peer 10.0.0.8:5000 rid 0 greeting_id 0 "
					   "vg 1 est 1 sd 1 cto_ms "
					   "rdl_j 1000 0 nss 1\n"
					   "name 10.0.0.1:1 peer 10.0.0.7:5000\n"
					   "name name name\n\n\n",
					   d, 8),
		 1);
	CHECK_EQ(d[0].rank, DISCOVER_TRYING);
	CHECK_STR(addr_text(&d[0]), "10.0.0.9:5000");
}

static void live_host_is_chosen(void)
{
	struct fakehost h = fakehost_make();
	struct discovered d[8];
	const struct discovered *choice;
	size_t n;

	fakehost_unpack(&h, "real/host/fence-client-after.tar.zst");
	fakehost_capture(&h, "dev/kmsg", "real/kmsg/fence-client.kmsg.zst");
	n = discover_servers_at(h.root, d, 8);
	fakehost_remove(&h);

	CHECK_EQ(n, 1);
	choice = discover_choose(d, n);
	CHECK(choice);
	CHECK_STR(addr_text(choice), "127.0.0.1:19700");
	CHECK_STR(choice->mount, MOUNT_A);
	CHECK_EQ(choice->rank, DISCOVER_LISTENING);
	CHECK(choice->local);
}

/* Without debugfs, sysfs says that this mount leads, and the log where. */
static void leader_without_debugfs(void)
{
	struct fakehost h = fakehost_make();
	struct discovered d[8];
	size_t n;

	fakehost_text(&h, "sys/fs/scoutfs/" MOUNT_A "/quorum/is_leader", "1\n");
	fakehost_capture(&h, "dev/kmsg", "real/kmsg/fence-client.kmsg.zst");
	n = discover_servers_at(h.root, d, 8);
	fakehost_remove(&h);
	CHECK_EQ(n, 1);
	CHECK_EQ(d[0].rank, DISCOVER_LOG_LEADER);
	CHECK_STR(addr_text(&d[0]), "127.0.0.1:19700");
}

/* Two file systems, each with a live server: the user must choose. */
static void two_file_systems_are_listed(void)
{
	struct fakehost h = fakehost_make();
	struct discovered d[8];
	char list[300];
	size_t n;

	fakehost_unpack(&h, "real/host/fence-client-after.tar.zst");
	fakehost_folder(&h, "sys/fs/scoutfs/f.b9a17e.r.ecefeb");
	fakehost_capture(&h, "sys/kernel/debug/scoutfs/f.b9a17e.r.ecefeb/connections",
			 "real/host/fence-leader-after.f.b9a17e.r.ecefeb.connections");
	n = discover_servers_at(h.root, d, 8);
	fakehost_remove(&h);

	CHECK_EQ(n, 2);
	CHECK(!discover_choose(d, n));
	CHECK(strstr(discover_list(d, n, list, sizeof(list)), "127.0.0.1:19700 ("));
	CHECK(strstr(list, "127.0.0.1:19702 ("));
	/* No room for the second one: it is counted, and the text ends within the buffer. */
	CHECK(strstr(discover_list(d, n, list, 120), "; and 1 more"));
}

static void live_connection_settles_its_file_system(void)
{
	struct discovered d[2] = {
		{.mount = "f.3d167d.r.d8ec8b", .rank = DISCOVER_LIVE},
		{.mount = "f.3d167d.r.5eac1a", .rank = DISCOVER_TRYING},
	};

	CHECK(discover_choose(d, 2) == &d[0]);
	(void)snprintf(d[1].mount, sizeof(d[1].mount), "f.b9a17e.r.ecefeb");
	CHECK(!discover_choose(d, 2));
	/* Two guesses about the same one are still guesses. */
	(void)snprintf(d[1].mount, sizeof(d[1].mount), "f.3d167d.r.5eac1a");
	d[0].rank = DISCOVER_LOG;
	d[1].rank = DISCOVER_LOG;
	CHECK(!discover_choose(d, 2));
}

/*
 * A metadata device as format.h of scoutfs lays it out, offsets written out by hand: super block
 * at 64 KiB (magic at 4, fsid at 8, slots from 120), quorum blocks behind it (events from 40, 40
 * bytes each, term at 16).
 */
static void put_slot(uint8_t *super, unsigned int slot, uint32_t ip, uint16_t port)
{
	put_le16(super + 120 + 32 * slot, 1);
	put_le16(super + 120 + 32 * slot + 2, port);
	put_le32(super + 120 + 32 * slot + 4, ip);
}

static void put_events(uint8_t *super, unsigned int slot, uint64_t fsid, uint64_t elect,
		       uint64_t stop)
{
	uint8_t *block = super + 4096 * (1 + slot);

	put_le32(block + 4, 0xbc310868);
	put_le64(block + 8, fsid);
	put_le64(block + 40 + 40 * 2 + 16, elect);
	put_le64(block + 40 + 40 * 4 + 16, stop);
}

static void fill_super(uint8_t *super)
{
	const uint64_t fsid = 0x3d167d58c1980018;

	memset(super, 0, 65536);
	put_le32(super + 4, 0x103c428b);
	put_le64(super + 8, fsid);
	put_slot(super, 0, 0x0a000001, 5000);
	put_slot(super, 1, 0x0a000002, 5001);
	put_slot(super, 14, 0x0a00000f, 5014);
	put_events(super, 0, fsid, 9, 9); /* stopped in its own term */
	put_events(super, 1, fsid, 8, 3);
	put_events(super, 14, fsid, 7, 0);
}

static void super_block_names_the_last_elected(void)
{
	static uint8_t super[65536];
	struct discovered d;

	fill_super(super);
	CHECK(discover_from_super(MOUNT_A, super, sizeof(super), &d));
	CHECK_STR(addr_text(&d), "10.0.0.2:5001");

	/* Of another file system; of another kind; cut short; nobody elected. */
	CHECK(!discover_from_super("f.b9a17e.r.ecefeb", super, sizeof(super), &d));
	CHECK(!discover_from_super(MOUNT_A, super, sizeof(super) - 1, &d));
	super[4] ^= 1;
	CHECK(!discover_from_super(MOUNT_A, super, sizeof(super), &d));
	super[4] ^= 1;
	memset(super + 4096, 0, sizeof(super) - 4096);
	CHECK(!discover_from_super(MOUNT_A, super, sizeof(super), &d));
}

static void super_block_is_the_last_resort(void)
{
	static uint8_t device[2 * 65536];
	struct fakehost h = fakehost_make();
	struct discovered d[8], live[8];
	size_t n, with_log;

	fill_super(device + 65536);
	fakehost_file(&h, "dev/mapper/meta", device, sizeof(device));
	fakehost_text(&h, "sys/fs/scoutfs/" MOUNT_A "/mount_options/metadev_path",
		      "/dev/mapper/meta\n");
	n = discover_servers_at(h.root, d, 8);
	fakehost_capture(&h, "dev/kmsg", "real/kmsg/fence-client.kmsg.zst");
	with_log = discover_servers_at(h.root, live, 8);
	fakehost_remove(&h);

	CHECK_EQ(n, 1);
	CHECK_STR(addr_text(&d[0]), "10.0.0.2:5001");
	CHECK_EQ(d[0].rank, DISCOVER_CONFIGURED);
	CHECK_EQ(with_log, 1);
	CHECK_STR(addr_text(&live[0]), "127.0.0.1:19700");
}

static void empty_host_knows_nothing(void)
{
	struct fakehost h = fakehost_make();
	struct discovered d[8];
	size_t n = discover_servers_at(h.root, d, 8);

	fakehost_remove(&h);
	CHECK_EQ(n, 0);
	CHECK(!discover_choose(d, 0));
}

TEST_MAIN(TEST(lines_that_name_a_server), TEST(lines_that_do_not),
	  TEST(log_forgets_a_server_that_stopped), TEST(log_keeps_a_server_that_lost_a_client),
	  TEST(log_counts_only_the_kernels_records), TEST(newest_line_of_a_mount_wins),
	  TEST(connections_of_the_leader), TEST(connections_of_a_client),
	  TEST(connections_that_are_not_up), TEST(live_host_is_chosen),
	  TEST(leader_without_debugfs), TEST(two_file_systems_are_listed),
	  TEST(live_connection_settles_its_file_system), TEST(super_block_names_the_last_elected),
	  TEST(super_block_is_the_last_resort), TEST(empty_host_knows_nothing))
