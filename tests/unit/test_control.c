/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket, both ends: a recorder of ours in this process's loop, clients in children or
 * as raw sockets here. What a client sees is compared with what the recorder's callbacks gave.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/loop.h"
#include "control_server.h"
#include "record/control.h"
#include "test.h"

#define PATIENCE_NS (UINT64_C(60) * NSEC_PER_SEC) /* only a broken program waits so long */

static char dir[256];
static struct err err;

struct recorder {
	struct loop *loop;
	struct control_server *server;
	int lock_fd;
	int asked_status, asked_stop;
	int status_result;
	size_t padding; /* makes the status this much longer */
};

static int on_status(void *arg, struct text *json)
{
	struct recorder *r = arg;

	r->asked_status++;
	text_str(json, "{\"state\":\"recording\",\"pad\":\"");
	for (size_t i = 0; i < r->padding; i++)
		text_str(json, "x");
	text_str(json, "\"}");
	return r->status_result;
}

static void on_stop(void *arg)
{
	struct recorder *r = arg;

	r->asked_stop++;
	loop_quit(r->loop);
}

static bool recorder_up(struct recorder *r)
{
	*r = (struct recorder){.lock_fd = -1};
	err_clear(&err);
	(void)snprintf(dir, sizeof(dir), "%s/control-test.XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir) || loop_open(&r->loop, &err) < 0)
		return false;
	r->lock_fd = recorder_lock(dir, &err);
	return r->lock_fd >= 0 &&
	       control_open(dir, r->loop, on_status, on_stop, r, &r->server, &err) == 0;
}

static void recorder_down(struct recorder *r)
{
	control_free(r->server);
	loop_free(r->loop);
	(void)close(r->lock_fd);
	(void)file_remove_tree_at(AT_FDCWD, dir, NULL);
}

/* A client process: asks, writes what it got (or the error) to the pipe *ret_fd. */
static pid_t ask(const char *request, int *ret_fd)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		struct text reply = {0};
		struct err e = {0};
		int r = control_request(dir, request, &reply, &e);

		dprintf(fds[1], "%d %s", r, r < 0 ? e.text : text_c(&reply));
		_exit(0);
	}
	(void)close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

static void quit_loop(void *arg, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	loop_quit(arg);
}

/* Run the recorder's loop until @fd can be read. */
static void serve_until(struct recorder *r, int fd)
{
	struct loop_source *source;

	if (loop_add_fd(r->loop, fd, EPOLLIN, quit_loop, r->loop, &source, &err) < 0)
		return;
	(void)loop_run_for(r->loop, PATIENCE_NS, &err);
	loop_source_free(source);
}

/* What the client wrote, until it closes. */
static const char *heard(int fd, pid_t pid)
{
	static char buf[1 << 21];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	(void)close(fd);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return buf;
}

/* A client by hand. */
static int raw_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%.90s/control", dir);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void say(int fd, const char *s)
{
	(void)send(fd, s, strlen(s), MSG_NOSIGNAL);
}

static bool closed(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static void status_is_answered_at_once(void)
{
	struct recorder r;
	pid_t pid;
	int fd;

	CHECK(recorder_up(&r));
	pid = ask("status", &fd);
	serve_until(&r, fd);
	CHECK_STR(heard(fd, pid), "0 {\"state\":\"recording\",\"pad\":\"\"}");
	CHECK_EQ(r.asked_status, 1);
	CHECK_EQ(r.asked_stop, 0);
	recorder_down(&r);
}

/* More than a socket buffer holds: the reply is sent in parts, by the loop. */
static void a_long_status_arrives_whole(void)
{
	struct recorder r;
	const char *got;
	pid_t pid;
	int fd;

	CHECK(recorder_up(&r));
	r.padding = 900000;
	pid = ask("status", &fd);
	serve_until(&r, fd);
	got = heard(fd, pid);
	CHECK_EQ(strlen(got), 900000 + strlen("0 {\"state\":\"recording\",\"pad\":\"\"}"));
	recorder_down(&r);
}

static void a_recorder_without_a_status_says_so(void)
{
	struct recorder r;
	pid_t pid;
	int fd;

	CHECK(recorder_up(&r));
	r.status_result = -EAGAIN;
	pid = ask("status", &fd);
	serve_until(&r, fd);
	CHECK(strstr(heard(fd, pid), "\"error\":\"the recorder has no status now\""));
	pid = ask("sing", &fd);
	serve_until(&r, fd);
	CHECK(strstr(heard(fd, pid), "unknown request"));
	recorder_down(&r);
}

static void stop_is_answered_at_the_end(void)
{
	struct recorder r;
	struct pollfd p = {.events = POLLIN};
	pid_t pid;

	CHECK(recorder_up(&r));
	pid = ask("stop", &p.fd);
	CHECK_EQ(loop_run_for(r.loop, PATIENCE_NS, &err), 0); /* on_stop() ends it */
	CHECK_EQ(r.asked_stop, 1);
	/* Nothing is said before the bundle is there; the client still waits. */
	CHECK_EQ(poll(&p, 1, 0), 0);
	control_finish(r.server, "{\"bundle\":\"/b\"}");
	CHECK_STR(heard(p.fd, pid), "0 {\"bundle\":\"/b\"}");
	recorder_down(&r);
}

/* Who connects while the bundle is written finds no loop that reads, and is answered all the same.
 */
static void a_late_stop_is_answered_too(void)
{
	struct recorder r;
	int early, late, late_status;

	CHECK(recorder_up(&r));
	early = raw_connect();
	say(early, "stop\n");
	CHECK_EQ(loop_run_for(r.loop, PATIENCE_NS, &err), 0);
	late = raw_connect();
	say(late, "stop\n");
	late_status = raw_connect();
	say(late_status, "status\n");
	control_finish(r.server, "{\"bundle\":\"/b\"}");
	CHECK_STR(heard(early, 0), "{\"bundle\":\"/b\"}\n");
	CHECK_STR(heard(late, 0), "{\"bundle\":\"/b\"}\n");
	CHECK_STR(heard(late_status, 0), "{\"state\":\"recording\",\"pad\":\"\"}\n");
	CHECK_EQ(r.asked_stop, 1); /* the late one had nothing left to stop */
	CHECK_EQ(raw_connect(), -1);
	recorder_down(&r);
}

static void a_recorder_that_dies_is_noticed(void)
{
	struct recorder r;
	const char *got;
	pid_t pid;
	int fd;

	CHECK(recorder_up(&r));
	pid = ask("stop", &fd);
	CHECK_EQ(loop_run_for(r.loop, PATIENCE_NS, &err), 0);
	control_free(r.server); /* closes as a death does */
	r.server = NULL;
	got = heard(fd, pid);
	CHECK_EQ(atoi(got), -ECONNRESET);
	CHECK(strstr(got, "scoutfs-trace recover"));
	recorder_down(&r);
}

static void nobody_there_is_said(void)
{
	struct text reply = {0};
	struct recorder r;

	CHECK(recorder_up(&r));
	control_free(r.server);
	r.server = NULL;
	/* A folder without a socket; a socket whose recorder is dead; no folder. */
	CHECK_EQ(control_request(dir, "status", &reply, &err), -ENOENT);
	CHECK(strstr(err.text, "no recorder runs"));
	CHECK_EQ(control_open(dir, r.loop, on_status, on_stop, &r, &r.server, &err), 0);
	recorder_down(&r);
	CHECK_EQ(control_request(dir, "status", &reply, &err), -ENOENT);
	text_free(&reply);
}

static void a_dead_recorders_socket_is_replaced(void)
{
	struct recorder r;
	struct text reply = {0};
	pid_t pid;
	int fd;

	CHECK(recorder_up(&r));
	pid = fork();
	if (pid == 0) /* its copy of the listening socket goes with it; the name stays */
		_exit(control_open(dir, r.loop, on_status, on_stop, &r, &r.server, NULL) < 0);
	(void)waitpid(pid, NULL, 0);
	CHECK_EQ(control_request(dir, "status", &reply, &err), -ENOENT);
	control_free(r.server);
	CHECK_EQ(control_open(dir, r.loop, on_status, on_stop, &r, &r.server, &err), 0);
	pid = ask("status", &fd);
	serve_until(&r, fd);
	CHECK_EQ(atoi(heard(fd, pid)), 0);
	CHECK_EQ(r.asked_status, 1);
	text_free(&reply);
	recorder_down(&r);
}

static void idle_clients_cannot_shut_others_out(void)
{
	struct recorder r;
	int idle[40], stopping, fd;
	pid_t pid;

	CHECK(recorder_up(&r));
	stopping = raw_connect();
	say(stopping, "stop\n");
	CHECK_EQ(loop_run_for(r.loop, PATIENCE_NS, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
		idle[i] = raw_connect();
		(void)loop_run_for(r.loop, 0, &err);
	}
	CHECK(closed(idle[0]));
	CHECK(!closed(stopping)); /* who waits for the bundle is never sent away */
	pid = ask("status", &fd);
	serve_until(&r, fd);
	CHECK_EQ(atoi(heard(fd, pid)), 0);
	CHECK_EQ(r.asked_status, 1);
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		(void)close(idle[i]);
	control_finish(r.server, "{}");
	CHECK_STR(heard(stopping, 0), "{}\n");
	recorder_down(&r);
}

static void garbage_is_survived(void)
{
	struct recorder r;
	char line[200];
	int longline, parts, gone, fd;
	pid_t pid;

	CHECK(recorder_up(&r));
	memset(line, 'x', sizeof(line));
	longline = raw_connect();
	(void)send(longline, line, sizeof(line), MSG_NOSIGNAL);
	gone = raw_connect();
	say(gone, "stat");
	(void)close(gone);
	parts = raw_connect();
	say(parts, "s");
	(void)loop_run_for(r.loop, 0, &err);
	(void)loop_run_for(r.loop, 0, &err);
	say(parts, "tat");
	(void)loop_run_for(r.loop, 0, &err);
	say(parts, "us\n");
	serve_until(&r, parts);
	CHECK_STR(heard(parts, 0), "{\"state\":\"recording\",\"pad\":\"\"}\n");
	serve_until(&r, longline);
	CHECK_STR(heard(longline, 0), "");
	pid = ask("status", &fd);
	serve_until(&r, fd);
	CHECK_EQ(atoi(heard(fd, pid)), 0);
	recorder_down(&r);
}

static void one_recorder_runs_for_each_folder(void)
{
	struct recorder r;
	char want[64];
	struct stat st;
	int again;

	CHECK(recorder_up(&r));
	CHECK_EQ(recorder_lock(dir, &err), -EBUSY);
	(void)snprintf(want, sizeof(want), "(pid %d)", (int)getpid());
	CHECK(strstr(err.text, want));
	CHECK(strstr(err.text, "scoutfs-trace stop"));
	(void)close(r.lock_fd);
	again = recorder_lock(dir, &err);
	CHECK(again >= 0);
	r.lock_fd = again;
	CHECK_EQ(fstat(again, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(fcntl(again, F_GETFD), FD_CLOEXEC);
	recorder_down(&r);
}

static void the_run_folder_is_private(void)
{
	struct recorder r;
	char inner[300];
	struct stat st;
	int fd;

	CHECK(recorder_up(&r));
	(void)snprintf(inner, sizeof(inner), "%s/inner", dir);
	fd = recorder_lock(inner, &err);
	CHECK(fd >= 0);
	(void)close(fd);
	CHECK_EQ(stat(inner, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0700);
	CHECK_EQ(chmod(inner, 0777), 0);
	CHECK_EQ(recorder_lock(inner, &err), -EPERM);
	CHECK(strstr(err.text, "chmod 700"));
	recorder_down(&r);
}

static void strangers_are_sent_away(void)
{
	struct recorder r;
	int fds[2];
	char got = 0;
	pid_t pid;

	if (geteuid() != 0) {
		printf("# needs root to become somebody else; not tried\n");
		return;
	}
	CHECK(recorder_up(&r));
	/* As if an administrator had opened everything. */
	(void)snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/control");
	CHECK_EQ(chmod(dir, 0777), 0);
	*strrchr(dir, '/') = '\0';
	CHECK_EQ(chmod(dir, 0755), 0);
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = setresuid(65534, 65534, 65534) < 0 ? -1 : raw_connect();

		if (fd < 0)
			_exit(1);
		say(fd, "stop\n");
		_exit(write(fds[1], read(fd, &got, 1) == 1 ? "y" : "n", 1) != 1); /* answered? */
	}
	serve_until(&r, fds[0]);
	CHECK_EQ(r.asked_stop, 0);
	CHECK_EQ(read(fds[0], &got, 1), 1);
	CHECK_EQ(got, 'n');
	(void)waitpid(pid, NULL, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	recorder_down(&r);
}

TEST_MAIN(TEST(status_is_answered_at_once), TEST(a_long_status_arrives_whole),
	  TEST(a_recorder_without_a_status_says_so), TEST(stop_is_answered_at_the_end),
	  TEST(a_late_stop_is_answered_too), TEST(a_recorder_that_dies_is_noticed),
	  TEST(nobody_there_is_said), TEST(a_dead_recorders_socket_is_replaced),
	  TEST(idle_clients_cannot_shut_others_out), TEST(garbage_is_survived),
	  TEST(one_recorder_runs_for_each_folder), TEST(the_run_folder_is_private),
	  TEST(strangers_are_sent_away))
