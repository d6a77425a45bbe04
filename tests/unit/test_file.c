/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, in a private folder made for each test; what was written is looked at with plain system
 * calls. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "test.h"

struct folder {
	char path[64];
	int fd;
};

static void folder_open(struct folder *f)
{
	(void)snprintf(f->path, sizeof(f->path), "/tmp/test-file.XXXXXX");
	f->fd = mkdtemp(f->path) ? open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (f->fd < 0)
		abort();
}

/* By hand, not by what is being tested. */
static void folder_remove(struct folder *f)
{
	char command[128];

	(void)close(f->fd);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->path);
	if (system(command) != 0)
		abort();
}

#define IN_FOLDER(f)                            \
	CLEANUP(folder_remove) struct folder f; \
	folder_open(&f)

static void put_file(int dir_fd, const char *name, const char *s)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, s, strlen(s)) != (ssize_t)strlen(s))
		abort();
	(void)close(fd);
}

static const char *get_file(int dir_fd, const char *name)
{
	static char buf[4096];
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, sizeof(buf) - 1) : -1;

	if (fd >= 0)
		(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n >= 0 ? buf : NULL;
}

static mode_t mode_of(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode : 0;
}

static bool there(int dir_fd, const char *name)
{
	return mode_of(dir_fd, name) != 0;
}

/* Entries other than "." and "..": nothing hidden is left behind. */
static int entries(const char *path)
{
	char command[128];
	int n = -1;
	FILE *p;

	(void)snprintf(command, sizeof(command), "ls -A %s | wc -l", path);
	p = popen(command, "re");
	if (!p || fscanf(p, "%d", &n) != 1)
		abort();
	(void)pclose(p);
	return n;
}

static void new_things_are_private(void)
{
	IN_FOLDER(f);
	mode_t before = umask(0);
	struct err e;
	int fd = file_create_at(f.fd, "a", &e);

	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(mode_of(f.fd, "a"), S_IFREG | 0600);
	CHECK_EQ(file_write_all(fd, "hello", 5), 0);
	(void)close(fd);
	CHECK_EQ(file_make_dir_at(f.fd, "d", &e), 0);
	CHECK_EQ(mode_of(f.fd, "d"), S_IFDIR | 0700);
	CHECK_EQ(file_save_at(f.fd, "d/s", "bytes", 5, &e), 0);
	CHECK_EQ(mode_of(f.fd, "d/s"), S_IFREG | 0600);
	CHECK_STR(get_file(f.fd, "d/s"), "bytes");
	CHECK_EQ(file_replace_at(f.fd, "r", "bytes", 5, &e), 0);
	CHECK_EQ(mode_of(f.fd, "r"), S_IFREG | 0600);
	(void)umask(before);
}

static void nothing_is_replaced_by_accident(void)
{
	IN_FOLDER(f);
	char want[256];
	struct err e;

	put_file(f.fd, "a", "old");
	CHECK_EQ(file_create_at(f.fd, "a", &e), -EEXIST);
	(void)snprintf(want, sizeof(want), "cannot create %s/a: File exists", f.path);
	CHECK_STR(e.text, want);
	CHECK_EQ(file_save_at(f.fd, "a", "new", 3, &e), -EEXIST);
	CHECK_STR(get_file(f.fd, "a"), "old");
	CHECK_EQ(file_make_dir_at(f.fd, "a", &e), -EEXIST);
	put_file(f.fd, "b", "other");
	CHECK_EQ(file_rename_noreplace(f.fd, "b", "a", &e), -EEXIST);
	CHECK_STR(get_file(f.fd, "a"), "old");
	CHECK_EQ(file_rename_noreplace(f.fd, "b", "c", &e), 0);
	CHECK_STR(get_file(f.fd, "c"), "other");
	CHECK(!there(f.fd, "b"));
	CHECK_EQ(file_rename_noreplace(f.fd, "b", "d", &e), -ENOENT);
	CHECK_EQ(mkdirat(f.fd, "dir", 0700), 0);
	CHECK_EQ(file_rename_noreplace(f.fd, "dir", "dir2", &e), 0);
}

/* In a child, whose renameat2() answers EINVAL as some file systems do. */
static int rename_without_renameat2(int dir_fd, const char *from, const char *to)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
			_exit(200);
		_exit(-file_rename_noreplace(dir_fd, from, to, NULL));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1000;
	return -WEXITSTATUS(status);
}

static void rename_falls_back(void)
{
	IN_FOLDER(f);

	put_file(f.fd, "a", "old");
	put_file(f.fd, "b", "other");
	CHECK_EQ(rename_without_renameat2(f.fd, "b", "a"), -EEXIST);
	CHECK_STR(get_file(f.fd, "a"), "old");
	CHECK_STR(get_file(f.fd, "b"), "other");
	CHECK_EQ(rename_without_renameat2(f.fd, "b", "c"), 0);
	CHECK_STR(get_file(f.fd, "c"), "other");
	CHECK(!there(f.fd, "b"));
}

static void replace_leaves_old_or_new(void)
{
	IN_FOLDER(f);
	struct err e;

	put_file(f.fd, "a", "old");
	CHECK_EQ(file_replace_at(f.fd, "a", "new", 3, &e), 0);
	CHECK_STR(get_file(f.fd, "a"), "new");
	CHECK_EQ(mkdirat(f.fd, "d", 0700), 0);
	CHECK(file_replace_at(f.fd, "d", "new", 3, &e) < 0);
	CHECK_EQ(entries(f.path), 2);
	put_file(f.fd, "target", "untouched");
	CHECK_EQ(symlinkat("target", f.fd, "l"), 0);
	CHECK_EQ(file_replace_at(f.fd, "l", "new", 3, &e), 0);
	CHECK_STR(get_file(f.fd, "target"), "untouched");
	CHECK(S_ISREG(mode_of(f.fd, "l")));
}

static void links_are_not_followed(void)
{
	IN_FOLDER(f);
	CLEANUP(text_free) struct text t = {0};
	char path[128];
	struct err e;

	put_file(f.fd, "secret", "secret");
	CHECK_EQ(mkdirat(f.fd, "dir", 0700), 0);
	put_file(f.fd, "dir/x", "x");
	CHECK_EQ(symlinkat("secret", f.fd, "l"), 0);
	CHECK_EQ(symlinkat("dir", f.fd, "ld"), 0);
	CHECK_EQ(symlinkat("nowhere", f.fd, "dangling"), 0);
	CHECK_EQ(file_open_read_at(f.fd, "l", &e), -ELOOP);
	CHECK(strstr(e.text, "symbolic link"));
	CHECK_EQ(file_load_at(f.fd, "l", 100, &t, &e), -ELOOP);
	CHECK_EQ(file_load_at(f.fd, "ld/x", 100, &t, &e), -ENOTDIR);
	CHECK_EQ(file_load_at(f.fd, "dir/x", 100, &t, &e), 0);
	CHECK_EQ(file_create_at(f.fd, "ld/new", &e), -ENOTDIR);
	CHECK_EQ(file_create_at(f.fd, "dangling", &e), -EEXIST);
	CHECK_EQ(file_save_at(f.fd, "ld/new", "", 0, &e), -ENOTDIR);
	CHECK_EQ(file_make_dir_at(f.fd, "ld/new", &e), -ENOTDIR);
	CHECK_EQ(file_remove_tree_at(f.fd, "ld/x", &e), -ENOTDIR);
	CHECK_EQ(file_open_dir_at(f.fd, "ld", &e), -ENOTDIR);
	CHECK(strstr(e.text, "symbolic link"));
	for (int slash = 0; slash < 2; slash++) {
		(void)snprintf(path, sizeof(path), "%s/ld%s", f.path, slash ? "//" : "");
		CHECK_EQ(file_open_dir(path, &e), -ENOTDIR);
	}
	CHECK(there(f.fd, "dir/x"));
	CHECK(!there(f.fd, "dir/new"));
	CHECK(!there(f.fd, "nowhere"));
}

static void names_stay_inside(void)
{
	static const char *const bad[] = {"..", "../x", "d/../../x", "/etc/passwd", "", "d/"};
	IN_FOLDER(f);
	struct err e;

	CHECK_EQ(mkdirat(f.fd, "d", 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_EQ(file_open_read_at(f.fd, bad[i], &e), -EINVAL);
		CHECK_EQ(file_create_at(f.fd, bad[i], &e), -EINVAL);
		CHECK_EQ(file_remove_tree_at(f.fd, bad[i], &e), -EINVAL);
	}
}

static void folders_open(void)
{
	IN_FOLDER(f);
	char path[128];
	struct err e;
	int fd;

	CHECK_EQ(mkdirat(f.fd, "d", 0700), 0);
	put_file(f.fd, "file", "");
	(void)snprintf(path, sizeof(path), "%s/d//", f.path);
	fd = file_open_dir(path, &e);
	CHECK(fd >= 0);
	CHECK_EQ(file_sync_dir(fd, &e), 0);
	(void)close(fd);
	fd = file_open_dir_at(f.fd, "d", &e);
	CHECK(fd >= 0);
	(void)close(fd);
	fd = file_open_dir("/", &e);
	CHECK(fd >= 0);
	(void)close(fd);
	CHECK_EQ(file_open_dir_at(f.fd, "file", &e), -ENOTDIR);
	CHECK_EQ(file_open_dir_at(f.fd, "none", &e), -ENOENT);
	CHECK_EQ(file_open_dir("", &e), -ENOENT);
}

static void missing_folders_are_made(void)
{
	IN_FOLDER(f);
	char path[128];
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/a//b/c/", f.path);
	CHECK_EQ(file_make_dirs(path, 0750, &e), 0);
	CHECK_EQ(mode_of(f.fd, "a/b/c"), S_IFDIR | 0750);
	CHECK_EQ(file_make_dirs(path, 0700, &e), 0);
	CHECK_EQ(mode_of(f.fd, "a/b/c"), S_IFDIR | 0750);
	CHECK_EQ(file_make_dirs("/", 0700, &e), 0);
	put_file(f.fd, "file", "");
	(void)snprintf(path, sizeof(path), "%s/file", f.path);
	CHECK_EQ(file_make_dirs(path, 0700, &e), -EEXIST);
	(void)snprintf(path, sizeof(path), "%s/file/x", f.path);
	CHECK_EQ(file_make_dirs(path, 0700, &e), -EEXIST);
	CHECK_EQ(file_make_dirs("", 0700, &e), -ENOENT);
}

static void whole_files_are_read(void)
{
	IN_FOLDER(f);
	CLEANUP(text_free) struct text t = {0};
	CLEANUP(freep) char *big = malloc(300001);
	struct err e;

	CHECK(big);
	for (int i = 0; i < 300000; i++)
		big[i] = (char)('a' + i % 23);
	big[300000] = '\0';
	put_file(f.fd, "big", big);
	CHECK_EQ(file_load_at(f.fd, "big", 300000, &t, &e), 0);
	CHECK_EQ(t.len, 300000);
	CHECK_STR(t.s, big);
	CHECK_EQ(file_load_at(f.fd, "big", 299999, &t, &e), -EFBIG);
	CHECK_EQ(t.len, 300000); /* untouched */
	put_file(f.fd, "empty", "");
	CHECK_EQ(file_load_at(f.fd, "empty", 0, &t, &e), 0);
	CHECK_EQ(t.len, 0);
	CHECK_STR(text_c(&t), "");
	CHECK_EQ(file_load("/proc/self/status", 1 << 20, &t, &e), 0);
	CHECK(str_starts(text_c(&t), "Name:\t"));
	CHECK_EQ(file_load("/sys/kernel/mm/transparent_hugepage/nothing", 100, &t, &e), -ENOENT);
	CHECK_EQ(file_load("/proc/self/status", 10, &t, &e), -EFBIG);
}

/* A FIFO without a writer would make an open wait for ever. */
static void only_regular_files_are_read(void)
{
	IN_FOLDER(f);
	CLEANUP(text_free) struct text t = {0};
	struct err e;
	int fd;

	CHECK_EQ(mkfifoat(f.fd, "fifo", 0600), 0);
	CHECK_EQ(file_load_at(f.fd, "fifo", 100, &t, &e), -EINVAL);
	CHECK(strstr(e.text, "not a regular file"));
	CHECK_EQ(file_load("/dev/null", 100, &t, &e), -EINVAL);
	CHECK_EQ(file_load(f.path, 100, &t, &e), -EISDIR);
	put_file(f.fd, "a", "");
	fd = file_open_read_at(f.fd, "a", &e);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	(void)close(fd);
}

static void reads_stop_at_the_end(void)
{
	IN_FOLDER(f);
	char buf[8] = "";
	int fds[2], fd;

	put_file(f.fd, "a", "0123456789");
	fd = openat(f.fd, "a", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(file_pread_all(fd, buf, 4, 3), 4);
	CHECK(memcmp(buf, "3456", 4) == 0);
	CHECK_EQ(file_pread_all(fd, buf, 8, 7), 3);
	CHECK_EQ(file_pread_all(fd, buf, 8, 10), 0);
	CHECK_EQ(file_pread_all(fd, buf, 8, UINT64_MAX - 2), -EINVAL);
	CHECK_EQ(file_write_all(fd, "x", 1), -EBADF);
	(void)close(fd);
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(file_pread_all(fds[0], buf, 1, 0), -ESPIPE);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void failed_write_leaves_nothing(void)
{
	IN_FOLDER(f);
	pid_t pid = fork();
	int status;

	if (pid == 0) { /* EFBIG, without its signal: the nearest to a full disk without root */
		struct rlimit {
			unsigned long soft, hard;
		} small = {10, 10};

		if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR ||
		    syscall(SYS_prlimit64, 0, 1 /* RLIMIT_FSIZE */, &small, NULL) < 0)
			_exit(1);
		if (file_save_at(f.fd, "a", "0123456789abcdef", 16, NULL) != -EFBIG)
			_exit(2);
		if (file_replace_at(f.fd, "b", "0123456789abcdef", 16, NULL) != -EFBIG)
			_exit(3);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(entries(f.path), 0);
}

static void trees_are_removed(void)
{
	IN_FOLDER(f);
	IN_FOLDER(outside);
	char dir[64 * 2 + 1];
	struct err e;

	put_file(outside.fd, "keep", "kept");
	CHECK_EQ(mkdirat(f.fd, "t", 0700), 0);
	put_file(f.fd, "t/file", "");
	CHECK_EQ(mkdirat(f.fd, "t/sub", 0700), 0);
	CHECK_EQ(mkfifoat(f.fd, "t/sub/fifo", 0600), 0);
	CHECK_EQ(symlinkat(outside.path, f.fd, "t/sub/link"), 0);
	CHECK_EQ(file_remove_tree_at(f.fd, "t", &e), 0);
	CHECK(!there(f.fd, "t"));
	CHECK_STR(get_file(outside.fd, "keep"), "kept");
	CHECK_EQ(file_remove_tree_at(f.fd, "t", &e), 0); /* nothing there */
	CHECK_EQ(file_remove_tree_at(f.fd, "t/x", &e), 0);
	CHECK_EQ(symlinkat(outside.path, f.fd, "l"), 0);
	CHECK_EQ(file_remove_tree_at(f.fd, "l", &e), 0);
	CHECK(!there(f.fd, "l"));
	CHECK_STR(get_file(outside.fd, "keep"), "kept");
	put_file(f.fd, "file", "");
	CHECK_EQ(file_remove_tree_at(f.fd, "file", &e), 0);
	CHECK(!there(f.fd, "file"));
	for (int i = 0; i < 64; i++) {
		memcpy(dir + i * 2, "d/", 3);
		CHECK_EQ(mkdirat(f.fd, dir, 0700), 0);
	}
	CHECK_EQ(file_remove_tree_at(f.fd, "d", &e), 0);
	CHECK_EQ(entries(f.path), 0);
}

/* Chi-squared over 62 letters, 61 degrees of freedom: 145 is exceeded once in a hundred million
 * runs. */
static void suffixes_are_even(void)
{
	unsigned seen[256] = {0}, letters = 0;
	double x = 0, want = 6.0 * 4000 / 62;
	char suffix[7], last[7] = "";

	for (int i = 0; i < 4000; i++) {
		CHECK_EQ(file_random_suffix(suffix), 0);
		CHECK_EQ(strlen(suffix), 6);
		CHECK(strcmp(suffix, last) != 0);
		memcpy(last, suffix, sizeof(last));
		for (int j = 0; j < 6; j++)
			seen[(unsigned char)suffix[j]]++;
	}
	for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"; *c;
	     c++) {
		double d = seen[(unsigned char)*c] - want;

		letters += seen[(unsigned char)*c];
		x += d * d / want;
	}
	CHECK_EQ(letters, 6 * 4000);
	CHECK(x < 145);
}

TEST_MAIN(TEST(new_things_are_private), TEST(nothing_is_replaced_by_accident),
	  TEST(rename_falls_back), TEST(replace_leaves_old_or_new), TEST(links_are_not_followed),
	  TEST(names_stay_inside), TEST(folders_open), TEST(missing_folders_are_made),
	  TEST(whole_files_are_read), TEST(only_regular_files_are_read),
	  TEST(reads_stop_at_the_end), TEST(failed_write_leaves_nothing), TEST(trees_are_removed),
	  TEST(suffixes_are_even))
