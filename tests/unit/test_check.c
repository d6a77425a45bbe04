/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the preconditions read out of /proc, on texts written by hand and of a real cluster's
 * node; and those rows of the table that any user can run. The rest needs root:
 * tests/integration/test_check.sh.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "record/check.h"
#include "host.h"

#include "test.h"

static void capabilities(void)
{
	uint64_t v = 0;

	CHECK(host_capabilities("Name:\tx\nCapPrm:\t0\nCapEff:\t000001fffeffffff\nCapBnd:\t1\n",
				&v));
	CHECK(v == 0x1fffeffffff);
	CHECK(!host_capabilities("Name:\tx\nCapPrm:\t0\n", &v));
	CHECK(!host_capabilities("CapEff:\tzz\n", &v));
	CHECK(!host_capabilities("", &v));
	CHECK(v == 0x1fffeffffff);
}

static void user_namespaces(void)
{
	CHECK(host_is_initial_user_namespace("         0          0 4294967295\n"));
	CHECK(!host_is_initial_user_namespace("         0       1000          1\n"));
	CHECK(!host_is_initial_user_namespace("         0     100000      65536\n"));
	CHECK(!host_is_initial_user_namespace("         0          0       1000\n"));
	CHECK(!host_is_initial_user_namespace(""));
}

static void mounts(void)
{
	static const char text[] =
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
		"not a mount at all\n"
		"57 24 0:49 / /mnt/with\\040blank rw shared:2 propagate_from:3 - scoutfs /dev/a "
		"rw\n"
		"58 24 0:50 / /mnt/x rw -";
	const char *at = text;
	static struct host_mount m;

	CHECK(host_mount_next(&at, &m));
	CHECK_STR(m.type, "ext3");
	CHECK_STR(m.point, "/mnt2");
	CHECK_EQ(m.major, 98);
	CHECK(host_mount_next(&at, &m));
	CHECK_STR(m.type, "scoutfs");
	CHECK_STR(m.point, "/mnt/with blank");
	CHECK_EQ(m.minor, 49);
	CHECK(!host_mount_next(&at, &m));
}

/* The kernel's own word for it: the mount of / has the device that stat() gives. */
static void mounts_of_this_host(void)
{
	CLEANUP(text_free) struct text t = {0};
	static struct host_mount m;
	bool found = false;
	const char *at;
	struct stat st;

	CHECK(file_load("/proc/self/mountinfo", 8 * MIB, &t, NULL) == 0);
	CHECK(stat("/proc", &st) == 0);
	at = text_c(&t);
	while (host_mount_next(&at, &m))
		found |= strcmp(m.type, "proc") == 0 && m.major == major(st.st_dev) &&
			 m.minor == minor(st.st_dev);
	CHECK(found);
}

static void memory(void)
{
	uint64_t v = 0;

	CHECK(host_memory_available("MemTotal:  9 kB\nMemFree: 1 kB\nMemAvailable:   2048 kB\n",
				    &v));
	CHECK(v == 2 * MIB);
	CHECK(!host_memory_available("MemTotal:  9 kB\nMemFree: 1 kB\n", &v));
	CHECK(!host_memory_available("MemAvailable: 18446744073709551615 kB\n", &v));
}

static void lock_holder(void)
{
	static const char locks[] = "1: POSIX  ADVISORY  WRITE 11 fd:01:77 0 EOF\n"
				    "2: FLOCK  ADVISORY  READ  12 fd:01:77 0 EOF\n"
				    "3: FLOCK  ADVISORY  WRITE 13 fd:02:77 0 EOF\n"
				    "4: FLOCK  ADVISORY  WRITE 14 fd:01:78 0 EOF\n"
				    "5: FLOCK  ADVISORY  WRITE 15 fd:01:77 0 EOF\n"
				    "5: -> FLOCK  ADVISORY  WRITE 16 fd:01:77 0 EOF\n";

	CHECK_EQ(host_lock_holder(locks, makedev(0xfd, 1), 77), 15);
	CHECK_EQ(host_lock_holder(locks, makedev(0xfd, 3), 77), 0);
	CHECK_EQ(host_lock_holder("", makedev(0xfd, 1), 77), 0);
}

/* We hold a lock; the kernel's table must name us. */
static void lock_holder_on_this_host(void)
{
	CLEANUP(text_free) struct text t = {0};
	char path[] = "/tmp/scoutfs-trace-test.XXXXXX";
	struct stat st;
	pid_t holder;
	int fd = mkostemp(path, O_CLOEXEC);

	CHECK(fd >= 0);
	(void)unlink(path);
	CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
	CHECK(fstat(fd, &st) == 0);
	CHECK(file_load("/proc/locks", 8 * MIB, &t, NULL) == 0);
	holder = host_lock_holder(text_c(&t), st.st_dev, st.st_ino);
	(void)close(fd);
	CHECK_EQ(holder, getpid());
}

static const struct check_result *row(const struct check_report *r, const char *name)
{
	for (size_t i = 0; i < check_count(r); i++)
		if (strcmp(check_name(r, i), name) == 0)
			return check_result_at(r, i);
	printf("# no row %s\n", name);
	exit(1);
}

/* Nothing of the host is touched: the output folder cannot be made, so that row ends early. */
static struct record_config config(const char *ip, uint16_t port)
{
	return (struct record_config){
		.server_ip = ip,
		.server_port = port,
		.interface = "any",
		.output_dir = "/proc/nowhere",
		.run_dir = "/proc/nowhere",
		.disk_bytes = 64 * MIB,
		.ring_bytes = 4 * MIB,
		.packet_ring_bytes = MIB,
	};
}

static void good_addresses(void)
{
	static const struct {
		const char *ip, *want;
	} cases[] = {
		{"10.0.0.5", "10.0.0.5:5000"},	  {"::1", "[::1]:5000"},
		{"fd00::5", "[fd00::5]:5000"},	  {"::ffff:10.0.0.5", "10.0.0.5:5000"},
		{"fe80::5%lo", "[fe80::5]:5000"}, {"fe80::5%1", "[fe80::5]:5000"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record_config c = config(cases[i].ip, 5000);
		struct check_report *r = NULL;
		enum check_status status;
		char addr[64], found[512];

		CHECK(check_run(&c, false, &r, NULL) == 0);
		status = row(r, "address")->status;
		(void)snprintf(found, sizeof(found), "%s", row(r, "address")->found);
		check_report_free(r);
		if (status != CHECK_OK)
			printf("# %s: %s\n", cases[i].ip, found);
		CHECK_EQ(status, CHECK_OK);
		CHECK_STR(wire_addr_format(&c.server, addr, sizeof(addr)), cases[i].want);
		CHECK(!strchr(c.server_ip, '%'));
	}
}

static void bad_addresses(void)
{
	static const struct {
		const char *ip;
		uint16_t port;
		const char *says;
	} cases[] = {
		{"scoutfs1.example", 5000, "is not a numeric IP address"},
		{"10.0.0", 5000, "is not a numeric IP address"},
		{"10.0.0.256", 5000, "is not a numeric IP address"},
		{"10.0.0.5%lo", 5000, "is not a numeric IP address"},
		{"", 5000, "is not a numeric IP address"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaa",
		 5000, "is not a numeric IP address"},
		{"0.0.0.0", 5000, "this host's own"},
		{"::", 5000, "this host's own"},
		{"255.255.255.255", 5000, "broadcast"},
		{"224.0.0.1", 5000, "multicast"},
		{"ff02::1", 5000, "multicast"},
		{"fe80::5%nosuch0", 5000, "no interface nosuch0"},
		{"10.0.0.5", 0, "port is missing"},
		{NULL, 5000, "address is missing"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record_config c = config(cases[i].ip, cases[i].port);
		struct check_report *r = NULL;
		struct check_result result;

		CHECK(check_run(&c, false, &r, NULL) == 0);
		result = *row(r, "address");
		check_report_free(r);
		if (!strstr(result.found, cases[i].says))
			printf("# %s: %s\n", cases[i].ip ? cases[i].ip : "(none)", result.found);
		CHECK_EQ(result.status, CHECK_ERROR);
		CHECK_EQ(result.exit_code, 2);
		CHECK(strstr(result.found, cases[i].says));
		CHECK(result.why[0] && result.remedy[0]);
	}
}

static void absurd_rings_are_cut_and_said(void)
{
	struct record_config c = config("10.0.0.5", 5000);
	struct check_report *r = NULL;
	struct check_result result;

	c.ring_bytes = UINT64_MAX / 2;
	CHECK(check_run(&c, false, &r, NULL) == 0);
	result = *row(r, "memory");
	check_report_free(r);
	CHECK_EQ(result.status, CHECK_WARNING);
	CHECK(c.ring_bytes < UINT64_MAX / 4 && c.ring_bytes >= 64 * KIB);
	CHECK(strstr(result.found, "for each of"));

	/* Half of the memory: a second look finds nothing to cut. */
	CHECK(check_run(&c, false, &r, NULL) == 0);
	result = *row(r, "memory");
	check_report_free(r);
	CHECK(result.status == CHECK_OK || c.ring_bytes > 64 * KIB);
}

/* Every row that is wrong says why and what to do; the first error is what the program ends with.
 */
static void errors_are_explained(void)
{
	struct record_config c = config("10.0.0", 5000);
	struct check_report *r = NULL;
	const struct check_result *first = NULL;
	struct err e = {0};
	int code = 0;
	bool any;

	CHECK(check_run(&c, true, &r, NULL) == 0);
	for (size_t i = 0; i < check_count(r); i++) {
		const struct check_result *row_ = check_result_at(r, i);
		size_t n = strlen(row_->found);

		CHECK(n > 0 && row_->found[n - 1] == '.');
		if (row_->status == CHECK_ERROR || row_->status == CHECK_WARNING)
			CHECK(row_->why[0] && row_->remedy[0]);
		if (row_->status == CHECK_ERROR && !first)
			first = row_;
	}
	any = check_first_error(r, &e, &code);
	CHECK(any && first);
	CHECK_EQ(code, first->exit_code);
	CHECK(strstr(e.text, first->found) && strstr(e.text, first->remedy));
	CHECK_EQ(row(r, "heartbeat")->status, CHECK_SKIPPED);
	check_report_free(r);
}

static void others_are_told_first_that_they_are_not_root(void)
{
	struct record_config c = config("10.0.0", 5000);
	struct check_report *r = NULL;
	struct err e = {0};
	int code = 0;

	if (geteuid() == 0)
		return; /* test_check.sh runs it as another user */
	CHECK(check_run(&c, false, &r, NULL) == 0);
	CHECK(check_first_error(r, &e, &code));
	CHECK_EQ(code, 77);
	CHECK(strstr(e.text, "sudo"));
	check_report_free(r);
}

TEST_MAIN(TEST(capabilities), TEST(user_namespaces), TEST(mounts), TEST(mounts_of_this_host),
	  TEST(memory), TEST(lock_holder), TEST(lock_holder_on_this_host), TEST(good_addresses),
	  TEST(bad_addresses), TEST(absurd_rings_are_cut_and_said), TEST(errors_are_explained),
	  TEST(others_are_told_first_that_they_are_not_root))
