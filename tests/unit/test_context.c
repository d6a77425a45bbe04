/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Context: that what was there is in the files, that what was not says so, that what must not be
 * opened is not, that secrets are left out. Files come from a folder that plays a host, with the
 * sysfs and debugfs of a real cluster (tests/data/README.md); commands are this host's, and any
 * of them may be missing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "context.h"

#include "realdata.h"
#include "fakehost.h"
#include "test.h"

static const uint64_t plenty_ns = 120 * NSEC_PER_SEC;

struct run {
	struct fakehost host;
	struct context_result result;
	int r;
};

static struct run collect(struct fakehost host, uint64_t time_ns)
{
	struct run run = {.host = host};
	struct err e = {0};
	char path[PATH_MAX];
	int fd;

	fakehost_folder(&host, "session");
	fakehost_path(&host, "session", path, sizeof(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	run.r = context_collect_at(host.root, fd, "start", 19700, clock_mono_ns() + time_ns,
				   &run.result, &e);
	if (run.r < 0)
		printf("# %s\n", e.text);
	(void)close(fd);
	return run;
}

/* A file of context/start; "" when it is not there. Freed at the next call. */
static const char *collected(const struct run *run, const char *name)
{
	static struct text t;
	char path[PATH_MAX], relative[256];

	(void)snprintf(relative, sizeof(relative), "session/context/start/%s", name);
	fakehost_path(&run->host, relative, path, sizeof(path));
	text_reset(&t);
	if (file_load(path, 8 * MIB, &t, NULL) < 0)
		return "";
	return text_c(&t);
}

static size_t count_lines(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void sysfs_and_counters_are_taken(void)
{
	struct fakehost h = fakehost_make();
	struct run run;
	size_t counters, sysfs, wanted = 0;
	bool leader, counter, volume, fence, status;
	struct realdata tar = realdata_load("real/host/fence-client-after.tar.zst");
	struct realdata_file f;

	/* Independently: a counter is one line. */
	for (size_t at = 0; realdata_tar_next(&tar, &at, &f); free(f.text))
		wanted += strstr(f.name, "/counters/") != NULL;
	realdata_free(&tar);

	fakehost_unpack(&h, "real/host/fence-client-after.tar.zst");
	fakehost_text(&h, "sys/fs/scoutfs/f.3d167d.r.d8ec8b/fence/3b5070d0562fa6eb/reason",
		      "client_reconnect\n");
	run = collect(h, plenty_ns);
	counters = count_lines(collected(&run, "scoutfs-counters.txt"));
	counter = strstr(collected(&run, "scoutfs-counters.txt"),
			 "/sys/fs/scoutfs/f.3d167d.r.d8ec8b/counters/net_send_messages: 2239\n");
	sysfs = count_lines(collected(&run, "scoutfs-sysfs.txt"));
	leader = strstr(collected(&run, "scoutfs-sysfs.txt"),
			"/sys/fs/scoutfs/f.3d167d.r.d8ec8b/quorum/is_leader: 1\n");
	status = strstr(collected(&run, "scoutfs-sysfs.txt"),
			"/sys/fs/scoutfs/f.3d167d.r.d8ec8b/quorum/status: role 2 (leader)\n");
	fence = strstr(collected(&run, "scoutfs-sysfs.txt"),
		       "/fence/3b5070d0562fa6eb/reason: client_reconnect\n");
	volume = strstr(collected(&run, "scoutfs-sysfs.txt"), "data_alloc_zone_blocks");
	fakehost_remove(&h);

	CHECK_EQ(run.r, 0);
	CHECK_EQ(counters, wanted);
	CHECK(wanted > 600);
	CHECK(counter && leader && status && fence);
	CHECK(sysfs > 60);
	CHECK(!volume); /* asking for it would ask the server */
}

static void debugfs_safe_files_only(void)
{
	struct fakehost h = fakehost_make();
	struct run run;
	bool listener, locks;

	fakehost_unpack(&h, "real/host/fence-client-after.tar.zst");
	run = collect(h, plenty_ns);
	listener = strstr(collected(&run, "scoutfs-debugfs.txt"),
			  "name 127.0.0.1:19700 peer 0.0.0.0:0 ");
	locks = strstr(collected(&run, "scoutfs-debugfs.txt"),
		       "==> /sys/kernel/debug/scoutfs/f.3d167d.r.d8ec8b/server_locks <==\n");
	fakehost_remove(&h);
	CHECK_EQ(run.r, 0);
	CHECK(listener && locks);
}

/* inotify, not our own word for it, says what was opened. */
static void dangerous_files_are_never_opened(void)
{
	static const char *const folders[] = {
		"sys/kernel/debug/scoutfs/f.3d167d.r.5eac1a/trigger",
		"sys/kernel/debug/scoutfs/f.3d167d.r.5eac1a",
		"sys/fs/scoutfs/f.3d167d.r.5eac1a/volume_options",
	};
	struct fakehost h = fakehost_make();
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), watches[3];
	bool dangerous = false, saw_safe = false;
	_Alignas(struct inotify_event) char buf[16384];
	struct run run;
	ssize_t n;

	fakehost_unpack(&h, "real/host/fence-client-after.tar.zst");
	for (size_t i = 0; i < 3; i++) {
		char path[PATH_MAX];

		fakehost_path(&h, folders[i], path, sizeof(path));
		watches[i] = inotify_add_watch(fd, path, IN_OPEN);
	}
	run = collect(h, plenty_ns);
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			struct inotify_event *event = (void *)p;
			bool other = event->wd != watches[1];

			dangerous |= other || strncmp(event->name, "drop_", 5) == 0 ||
				     strcmp(event->name, "trigger") == 0;
			saw_safe |= strcmp(event->name, "connections") == 0;
			p += sizeof(*event) + event->len;
		}
	}
	(void)close(fd);
	fakehost_remove(&h);
	CHECK_EQ(run.r, 0);
	CHECK(watches[0] >= 0 && watches[1] >= 0 && watches[2] >= 0);
	CHECK(saw_safe);
	CHECK(!dangerous);
}

static void missing_files_say_so(void)
{
	struct fakehost h = fakehost_make();
	struct run run = collect(h, plenty_ns);
	bool first, index;

	first = str_starts(collected(&run, "meminfo.txt"), "# not collected: /proc/meminfo: ");
	first &= str_starts(collected(&run, "scoutfs-sysfs.txt"),
			    "# not collected: no scoutfs mount");
	index = strstr(collected(&run, "INDEX"), "\nmeminfo.txt            failed ");
	fakehost_remove(&h);
	CHECK_EQ(run.r, 0);
	CHECK(first && index);
	CHECK(run.result.failed >= 10);
}

static void index_lists_every_file(void)
{
	struct fakehost h = fakehost_make();
	struct run run = collect(h, plenty_ns);
	size_t lines = count_lines(collected(&run, "INDEX")), files = 0, open_to_others = 0;
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *d;

	fakehost_path(&h, "session/context/start", path, sizeof(path));
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		struct stat st;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "INDEX") == 0)
			continue;
		files++;
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (st.st_mode & 07777) != 0600)
			open_to_others++;
	}
	if (d)
		(void)closedir(d);
	fakehost_remove(&h);
	CHECK_EQ(lines, files);
	CHECK_EQ(open_to_others, 0);
	CHECK_EQ(run.result.collected + run.result.failed, files);
}

/* Each line has the moment at which its collection began, one after another, while it was called.
 */
static void index_says_when(void)
{
	struct fakehost h = fakehost_make();
	struct timespec before, after;
	double last, end, at;
	size_t timed = 0, lines;
	struct run run;
	bool in_order = true;

	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	run = collect(h, plenty_ns);
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	last = (double)before.tv_sec + (double)before.tv_nsec / 1e9 - 2e-6;
	end = (double)after.tv_sec + (double)after.tv_nsec / 1e9;
	lines = count_lines(collected(&run, "INDEX"));
	for (const char *p = collected(&run, "INDEX"); (p = strstr(p, " ms  @")); p++) {
		in_order &= sscanf(p, " ms  @%lf  ", &at) == 1 && at >= last && at <= end;
		last = at;
		timed++;
	}
	fakehost_remove(&h);
	CHECK(in_order);
	CHECK_EQ(timed, lines);
}

static void deadline_skips_and_says_so(void)
{
	struct fakehost h = fakehost_make();
	struct run run;
	bool said, commands;

	fakehost_text(&h, "proc/meminfo", "MemTotal: 1 kB\n");
	run = collect(h, 0);
	said = str_starts(collected(&run, "meminfo.txt"), "# not collected: the time for context");
	commands = strstr(collected(&run, "INDEX"), "journalctl -k -n 1000");
	fakehost_remove(&h);
	CHECK_EQ(run.r, 0);
	CHECK_EQ(run.result.collected, 0);
	CHECK(said && commands);
}

/* What does not change is in the picture of the start alone: the bundle waits for the other one. */
static void the_end_leaves_out_what_cannot_change(void)
{
	struct fakehost h = fakehost_make();
	struct context_result result = {0};
	struct err e = {0};
	char path[PATH_MAX];
	bool release, meminfo;
	int fd, r;

	fakehost_text(&h, "etc/os-release", "NAME=x\n");
	fakehost_text(&h, "proc/meminfo", "MemTotal: 1 kB\n");
	fakehost_folder(&h, "session");
	fakehost_path(&h, "session", path, sizeof(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = context_collect_at(h.root, fd, "end", 0, clock_mono_ns() + plenty_ns, &result, &e);
	meminfo = faccessat(fd, "context/end/meminfo.txt", F_OK, 0) == 0;
	release = faccessat(fd, "context/end/os-release.txt", F_OK, 0) == 0;
	(void)close(fd);
	fakehost_remove(&h);
	CHECK_EQ(r, 0);
	CHECK(meminfo && !release);
}

static void long_files_are_cut_and_say_so(void)
{
	struct fakehost h = fakehost_make();
	const size_t limit = 256 * KIB;
	char *big = malloc(limit + 1);
	size_t fits, cut;
	bool said, not_said;
	struct run run;

	memset(big, 'x', limit + 1);
	fakehost_file(&h, "proc/vmstat", big, limit + 1);
	fakehost_file(&h, "proc/meminfo", big, limit);
	run = collect(h, plenty_ns);
	cut = strspn(collected(&run, "vmstat.txt"), "x");
	said = strstr(collected(&run, "vmstat.txt"), "\n# cut: the limit is 262144 bytes\n");
	fits = strspn(collected(&run, "meminfo.txt"), "x");
	not_said = !strstr(collected(&run, "meminfo.txt"), "# cut");
	free(big);
	fakehost_remove(&h);
	CHECK_EQ(run.r, 0);
	CHECK_EQ(cut, limit);
	CHECK_EQ(fits, limit);
	CHECK(said && not_said);
}

static void fifo_in_the_place_of_a_file_does_not_block(void)
{
	struct fakehost h = fakehost_make();
	char path[PATH_MAX];
	struct run run;
	bool said;

	fakehost_folder(&h, "proc");
	fakehost_path(&h, "proc/meminfo", path, sizeof(path));
	CHECK(mkfifo(path, 0600) == 0);
	run = collect(h, plenty_ns);
	said = str_starts(collected(&run, "meminfo.txt"), "# not collected: ");
	fakehost_remove(&h);
	CHECK_EQ(run.r, 0);
	CHECK(said);
}

static void commands_are_run(void)
{
	struct fakehost h = fakehost_make();
	struct run run = collect(h, plenty_ns);
	bool linux_ = str_starts(collected(&run, "uname.txt"), "Linux ");

	fakehost_remove(&h);
	CHECK(linux_);
}

static void both_moments_stand_side_by_side(void)
{
	struct fakehost h = fakehost_make();
	struct context_result result;
	struct err e = {0};
	int fd, first, second, again;

	fd = open(h.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	first = context_collect_at(h.root, fd, "start", 0, 0, &result, &e);
	second = context_collect_at(h.root, fd, "end", 0, 0, &result, &e);
	again = context_collect_at(h.root, fd, "end", 0, 0, &result, &e);
	(void)close(fd);
	fakehost_remove(&h);
	CHECK_EQ(first, 0);
	CHECK_EQ(second, 0);
	CHECK_EQ(again, -EEXIST);
}

static void secrets_are_left_out(void)
{
	static const char in[] =
		"SCOUTFS_FENCED_DELAY=1\n"
		"SCOUTFS_FENCED_RUN=/usr/libexec/scoutfs-fenced/run/ipmi-remote-host\n"
		"IPMI_USER=\"admin\"\n"
		"IPMI_PASSWORD=\"hunter2\"\n"
		"IPMI_OPTS=\"-D LAN_2_0 -U root -P hunter3\"\n"
		"ARGS='-p hunter4'\n"
		"the Secret is hunter5";
	CLEANUP(text_free) struct text out = {0};

	context_redact(in, sizeof(in) - 1, &out);
	CHECK(!strstr(text_c(&out), "hunter"));
	CHECK(!strstr(text_c(&out), "admin"));
	CHECK(strstr(text_c(&out), "SCOUTFS_FENCED_DELAY=1\n"));
	CHECK(strstr(text_c(&out), "/run/ipmi-remote-host\n"));
	CHECK(strstr(text_c(&out), "IPMI_PASSWORD=# (left out: may hold a secret)\n"));
	CHECK_EQ(count_lines(text_c(&out)), 7);
}

static void fence_agents_files_are_named_only(void)
{
	struct fakehost h = fakehost_make();
	struct run run;
	bool leaked, named, settings;

	fakehost_text(&h, "etc/scoutfs/scoutfs-ipmi.conf", "IPMI_PASSWORD=\"hunter2\"\n");
	fakehost_text(&h, "etc/scoutfs/scoutfs-fenced.conf", "SCOUTFS_FENCED_DELAY=1\n");
	run = collect(h, plenty_ns);
	leaked = strstr(collected(&run, "scoutfs-config.txt"), "hunter2");
	named = strstr(collected(&run, "scoutfs-config.txt"),
		       "/etc/scoutfs/scoutfs-ipmi.conf: mode 0");
	settings = strstr(collected(&run, "scoutfs-config.txt"), "\nSCOUTFS_FENCED_DELAY=1\n");
	fakehost_remove(&h);
	CHECK_EQ(run.r, 0);
	CHECK(!leaked);
	CHECK(named && settings);
}

TEST_MAIN(TEST(sysfs_and_counters_are_taken), TEST(debugfs_safe_files_only),
	  TEST(dangerous_files_are_never_opened), TEST(missing_files_say_so),
	  TEST(index_lists_every_file), TEST(index_says_when), TEST(deadline_skips_and_says_so),
	  TEST(the_end_leaves_out_what_cannot_change), TEST(long_files_are_cut_and_say_so),
	  TEST(fifo_in_the_place_of_a_file_does_not_block), TEST(commands_are_run),
	  TEST(both_moments_stand_side_by_side), TEST(secrets_are_left_out),
	  TEST(fence_agents_files_are_named_only))
