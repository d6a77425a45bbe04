/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket: how `scoutfs-trace status` and `stop` talk to the recorder that runs.
 *
 * Called by src/cmd (control_request()) and by the session (the rest, control_server.h). It owns
 * the socket, its clients and the lock file of the run folder; what a status says and what a stop
 * does belongs to the session, through two callbacks.
 *
 * Protocol: a stream socket RUN_DIR/control. The client sends one line, "status" or "stop"; the
 * recorder answers with one JSON object and a newline, and closes. `status` is answered at once,
 * `stop` when the bundle is written, hours of copying later if need be: so a client that waits
 * holds a connection, and the recorder's death closes it, which the client sees at once. An answer
 * without its newline was cut short.
 *
 * Who may talk: root and the recorder's own user. The folder is 0700, and each peer is asked for by
 * SO_PEERCRED besides, because an administrator may have made the folder with wider modes.
 *
 * The loop never waits for a client: everything is non-blocking, there are at most CLIENTS_MAX of
 * them, and when one more comes, the oldest that is not waiting for the bundle goes. So idle or
 * stuck clients cost a slot, not the service, and no timers are needed.
 *
 * The socket's name is removed only under the lock: by the recorder that made it, or by the next
 * one, which thereby knows that its maker is dead. Names are reached through /proc/self/fd, as the
 * folder's path may be longer than the 108 bytes of a socket address (unix(7)).
 */
#include "control_server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "record/control.h"

#define SOCKET_NAME "control"
#define LOCK_NAME "lock"
#define CLIENTS_MAX 16
#define REQUEST_BYTES 64 /* the longest request line */
#define REPLY_BYTES MIB	 /* more is not from us */
#define STATUS_PATIENCE_NS \
	(UINT64_C(5) * NSEC_PER_SEC) /* a loop that is alive answers in milliseconds */
#define FINISH_PATIENCE_NS NSEC_PER_SEC
/* `scoutfs-trace check` tries the lock for a moment, and is no recorder. */
#define LOCK_PATIENCE_NS (200 * NSEC_PER_MSEC)

static int socket_address(int dir_fd, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	return snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
			dir_fd);
}

/* The client. */

static int nobody_runs(struct err *e, const char *run_dir)
{
	return err_set(e, -ENOENT,
		       "no recorder runs here (nothing answers at %s/" SOCKET_NAME
		       "). Start one with: scoutfs-trace IP PORT",
		       run_dir);
}

static int client_connect(const char *run_dir, int *ret_fd, struct err *e)
{
	CLEANUP(closep) int dir_fd = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int fd = -1;
	struct sockaddr_un addr;

	if (dir_fd < 0 && errno == ENOENT)
		return nobody_runs(e, run_dir);
	if (dir_fd < 0)
		return err_errno(e, -errno, "cannot open the run folder %s", run_dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, -errno, "cannot make a socket");
	socket_address(dir_fd, &addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		*ret_fd = take_fd(&fd);
		return 0;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		return nobody_runs(e, run_dir);
	if (errno == EACCES || errno == EPERM)
		return err_set(e, -EACCES,
			       "the recorder of %s may only be asked by root; try again with sudo",
			       run_dir);
	return err_errno(e, -errno, "cannot reach the recorder at %s/" SOCKET_NAME, run_dir);
}

/* Everything until the recorder closes; @deadline_ns: CLOCK_MONOTONIC, 0 for as long as it lives.
 */
static int client_read(int fd, uint64_t deadline_ns, struct text *reply, struct err *e)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_mono_ns();
		char buf[4096];
		ssize_t n;
		int r;

		if (deadline_ns && now >= deadline_ns)
			return err_set(
				e, -ETIMEDOUT,
				"the recorder does not answer; it may be writing its bundle: try "
				"again in a moment, and see its own output");
		r = poll(&p, 1, deadline_ns ? (int)((deadline_ns - now) / NSEC_PER_MSEC) + 1 : -1);
		if (r < 0 && errno != EINTR)
			return err_errno(e, -errno, "cannot wait for the recorder");
		if (r <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* an error here is a reset connection: the recorder died; the caller
			       sees what is missing */
			return 0;
		text_add(reply, buf, (size_t)n);
		if (reply->len > REPLY_BYTES)
			return err_set(e, -EPROTO,
				       "what answers there is not a recorder of scoutfs-trace");
	}
}

static int reply_cut(const char *request, struct err *e)
{
	if (!strcmp(request, "stop"))
		return err_set(e, -ECONNRESET,
			       "the recorder ended before it had written its bundle; what it "
			       "recorded is still in its session folder: see its own output, and "
			       "make the bundle with: scoutfs-trace recover DIR");
	return err_set(e, -ECONNRESET,
		       "the recorder ended, or refused, before it answered; is it still there? Ask "
		       "again");
}

/**
 * control_request() - ask the running recorder
 * @run_dir:  its run folder
 * @request:  "status" or "stop"
 * @ret_json: the recorder's answer, one JSON object without the newline; the caller frees it, also
 * on failure
 * @e:        filled on failure
 *
 * Blocks: a few seconds at most for `status`, until the bundle is written for `stop`.
 *
 * Return: 0; -ENOENT: no recorder runs; -EACCES: not allowed to ask; -ETIMEDOUT: it does not
 * answer; -ECONNRESET: it ended meanwhile; another negative errno.
 */
int control_request(const char *run_dir, const char *request, struct text *ret_json, struct err *e)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(text_free) struct text line = {0};
	CLEANUP(closep) int fd = -1;
	uint64_t deadline = strcmp(request, "stop") ? clock_mono_ns() + STATUS_PATIENCE_NS : 0;
	int r;

	r = client_connect(run_dir, &fd, e);
	if (r < 0)
		return r;
	text_printf(&line, "%s\n", request);
	if (!text_ok(&line))
		return err_nomem(e);
	/* A failure shows as an answer that is missing. */
	(void)send(fd, line.s, line.len, MSG_NOSIGNAL);
	r = client_read(fd, deadline, ret_json, e);
	if (r < 0)
		return r;
	if (!text_ok(ret_json))
		return err_nomem(e);
	if (ret_json->len == 0 || ret_json->s[ret_json->len - 1] != '\n')
		return reply_cut(request, e);
	while (ret_json->len && ret_json->s[ret_json->len - 1] == '\n')
		ret_json->s[--ret_json->len] = '\0';
	if (json_parse(ret_json->s, ret_json->len, &doc, NULL) < 0 ||
	    json_root(doc)->type != JSON_OBJECT)
		return err_set(e, -EPROTO,
			       "what answers at %s/" SOCKET_NAME
			       " is not a recorder of scoutfs-trace",
			       run_dir);
	return 0;
}

/* The lock. */

static int run_dir_open(const char *run_dir, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	struct stat st;
	int r;

	r = file_make_dirs(run_dir, 0700, e);
	if (r < 0)
		return err_context(e, "cannot make the run folder");
	fd = file_open_dir(run_dir, e);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_errno(e, -errno, "cannot look at the run folder %s", run_dir);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return err_set(e, -EPERM,
			       "the run folder %s can be written by others, who could replace the "
			       "control socket; mend it with: chown root: %s; chmod 700 %s (or "
			       "choose another with --run-dir)",
			       run_dir, run_dir, run_dir);
	return take_fd(&fd);
}

static int somebody_runs(int lock_fd, const char *run_dir, struct err *e)
{
	char pid[24] = "";
	ssize_t n = pread(lock_fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return err_set(e, -EBUSY,
		       "another recorder runs%s%s%s with the run folder %s; look at it with: "
		       "scoutfs-trace status; end it with: scoutfs-trace stop",
		       *pid ? " (pid " : "", pid, *pid ? ")" : "", run_dir);
}

/**
 * recorder_lock() - be the only recorder of a run folder
 * @run_dir: made with mode 0700 where it is missing
 * @e:       names the other recorder
 *
 * The lock is an flock() of the file RUN_DIR/lock, so a dead recorder holds nothing; the process id
 * in the file is for people. The file stays: removing it would let two recorders lock two files of
 * one name.
 *
 * Return: the descriptor that holds the lock (the caller closes it, last of all); -EBUSY: another
 * recorder runs; -EPERM: a folder that others can write; another negative errno.
 */
int recorder_lock(const char *run_dir, struct err *e)
{
	CLEANUP(closep) int dir_fd = run_dir_open(run_dir, e);
	CLEANUP(closep) int fd = -1;
	char pid[24];
	int n, r;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, -errno, "cannot open the lock file %s/" LOCK_NAME, run_dir);
	r = file_lock_patiently(fd, LOCK_PATIENCE_NS);
	if (r == -EWOULDBLOCK)
		return somebody_runs(fd, run_dir, e);
	if (r < 0)
		return err_errno(e, r, "cannot lock %s/" LOCK_NAME, run_dir);
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return err_errno(e, errno ? -errno : -EIO, "cannot write %s/" LOCK_NAME, run_dir);
	return take_fd(&fd);
}

/**
 * control_clear() - remove the socket of a recorder that was killed
 *
 * Called by recovery. The lock tells that no recorder lives; a run folder that is not there, or has
 * no lock file, has had none.
 */
void control_clear(const char *run_dir)
{
	CLEANUP(closep) int dir_fd = file_open_dir(run_dir, NULL);
	CLEANUP(closep) int fd = -1;

	if (dir_fd >= 0)
		fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(dir_fd, SOCKET_NAME, 0);
}

/* The server. */

struct control_client {
	struct control_server *server;
	struct control_client *next; /* newest first */
	struct loop_source *source;
	int fd;
	char request[REQUEST_BYTES];
	size_t request_len;
	bool waiting;	   /* asked to stop */
	struct text reply; /* what is to be sent */
	size_t reply_sent;
};

struct control_server {
	struct loop *loop;
	struct loop_source *source;
	int dir_fd, fd;
	struct control_client *clients;
	unsigned int client_count;
	bool finishing; /* who asks to stop now only waits */
	int (*status)(void *arg, struct text *json);
	void (*stop)(void *arg);
	void *arg;
};

static void client_on_event(void *arg, int fd, uint32_t events);

static void client_free(struct control_client *c)
{
	struct control_client **at = &c->server->clients;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at) {
		*at = c->next;
		c->server->client_count--;
	}
	loop_source_free(c->source);
	(void)close(c->fd);
	text_free(&c->reply);
	free(c);
}

/* Watch for @events alone (hang-up and errors always come). */
static int client_watch(struct control_client *c, uint32_t events)
{
	loop_source_free(c->source);
	c->source = NULL;
	return loop_add_fd(c->server->loop, c->fd, events, client_on_event, c, &c->source, NULL);
}

/* Send what the socket takes. True when the client is done with (answered, or gone). */
static bool client_send(struct control_client *c)
{
	while (c->reply_sent < c->reply.len) {
		ssize_t n = send(c->fd, c->reply.s + c->reply_sent, c->reply.len - c->reply_sent,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno != EAGAIN;
		c->reply_sent += (size_t)n;
	}
	return true;
}

static void client_reply_error(struct control_client *c, const char *why)
{
	struct json_writer w;

	text_reset(&c->reply);
	json_begin(&w, &c->reply, false);
	json_object(&w);
	json_kv_str(&w, "error", why);
	json_object_end(&w);
}

/* Take the request that stands in c->request. False when there is nothing to send yet. */
static bool client_obey(struct control_client *c)
{
	struct control_server *s = c->server;

	if (!strcmp(c->request, "stop")) {
		c->waiting = true;
		if (!s->finishing)
			s->stop(s->arg);
		return false;
	}
	if (strcmp(c->request, "status") != 0)
		client_reply_error(c, "unknown request; there are status and stop");
	else if (s->status(s->arg, &c->reply) < 0)
		client_reply_error(c, "the recorder has no status now");
	text_str(&c->reply, "\n");
	return true;
}

enum request_state { REQUEST_MORE, REQUEST_WHOLE, REQUEST_GONE };

static enum request_state client_receive(struct control_client *c)
{
	ssize_t n = recv(c->fd, c->request + c->request_len,
			 sizeof(c->request) - 1 - c->request_len, MSG_DONTWAIT);
	char *end;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? REQUEST_MORE : REQUEST_GONE;
	if (n == 0)
		return REQUEST_GONE; /* hung up, or a line longer than any request */
	c->request_len += (size_t)n;
	c->request[c->request_len] = '\0';
	end = strchr(c->request, '\n');
	if (!end)
		return REQUEST_MORE;
	*end = '\0';
	return REQUEST_WHOLE;
}

/* Something came from @c. True when the client is done with. */
static bool client_serve(struct control_client *c)
{
	switch (client_receive(c)) {
	case REQUEST_MORE:
		return false;
	case REQUEST_GONE:
		return true;
	case REQUEST_WHOLE:
		break;
	}
	if (!client_obey(c))
		return client_watch(c, 0) < 0;
	return client_send(c) || client_watch(c, EPOLLOUT) < 0;
}

static void client_on_event(void *arg, int fd, uint32_t events)
{
	struct control_client *c = arg;
	bool done;

	(void)fd;
	if (events & EPOLLIN)
		done = client_serve(c);
	else if (events & EPOLLOUT)
		done = client_send(c);
	else
		done = true;
	if (done)
		client_free(c);
}

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* Make room for one more: the oldest client that waits for no bundle goes. False when all do. */
static bool evict_oldest(struct control_server *s)
{
	struct control_client *oldest = NULL;

	for (struct control_client *c = s->clients; c; c = c->next)
		if (!c->waiting)
			oldest = c;
	if (oldest)
		client_free(oldest);
	return oldest;
}

/* Takes @fd over, also on failure. */
static void client_new(struct control_server *s, int fd)
{
	struct control_client *c;

	if (!peer_allowed(fd) || (s->client_count >= CLIENTS_MAX && !evict_oldest(s)) ||
	    !(c = calloc(1, sizeof(*c)))) {
		(void)close(fd);
		return;
	}
	*c = (struct control_client){.server = s, .fd = fd, .next = s->clients};
	s->clients = c;
	s->client_count++;
	if (client_watch(c, EPOLLIN) < 0)
		client_free(c);
}

static void server_on_event(void *arg, int listen_fd, uint32_t events)
{
	struct control_server *s = arg;

	(void)events;
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		client_new(s, fd);
	}
}

static int server_listen(struct control_server *s, const char *run_dir, struct err *e)
{
	struct sockaddr_un addr;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return err_errno(e, -errno, "cannot make the control socket");
	/* The caller holds the lock: whoever made this name is dead. */
	(void)unlinkat(s->dir_fd, SOCKET_NAME, 0);
	socket_address(s->dir_fd, &addr);
	if (bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    fchmodat(s->dir_fd, SOCKET_NAME, 0600, 0) < 0 || listen(s->fd, CLIENTS_MAX) < 0)
		return err_errno(e, -errno, "cannot make the control socket %s/" SOCKET_NAME,
				 run_dir);
	return loop_add_fd(s->loop, s->fd, EPOLLIN, server_on_event, s, &s->source, e);
}

static void server_freep(struct control_server **s)
{
	control_free(*s);
}

/**
 * control_open() - listen for `status` and `stop`
 * @run_dir: whose lock the caller holds (recorder_lock())
 * @l:       borrowed; must outlive @ret
 * @status:  appends one JSON object to @json and returns 0, or a negative errno when it has none
 * @stop:    asks the session to end; called once for each client that asks
 * @arg:     for both
 * @ret:     control_free() it
 * @e:       filled on failure
 *
 * Return: 0, or a negative errno.
 */
int control_open(const char *run_dir, struct loop *l, int (*status)(void *arg, struct text *json),
		 void (*stop)(void *arg), void *arg, struct control_server **ret, struct err *e)
{
	CLEANUP(server_freep) struct control_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(e);
	*s = (struct control_server){
		.loop = l, .fd = -1, .dir_fd = -1, .status = status, .stop = stop, .arg = arg};
	s->dir_fd = file_open_dir(run_dir, e);
	if (s->dir_fd < 0)
		return s->dir_fd;
	r = server_listen(s, run_dir, e);
	if (r < 0)
		return r;
	*ret = take_ptr(s);
	return 0;
}

/* No new clients from here on. */
static void server_close(struct control_server *s)
{
	loop_source_free(s->source);
	s->source = NULL;
	if (s->fd < 0)
		return;
	(void)unlinkat(s->dir_fd, SOCKET_NAME, 0);
	(void)close(take_fd(&s->fd));
}

/* Who wrote a request that the loop did not come to read: it is obeyed now. */
static void server_catch_up(struct control_server *s)
{
	struct control_client *next;

	server_on_event(s, s->fd, EPOLLIN);
	for (struct control_client *c = s->clients; c; c = next) {
		next = c->next;
		if (!c->waiting && c->reply.len == 0 && client_serve(c))
			client_free(c);
	}
}

/* Send the rest of the reply, waiting until @deadline_ns for a slow reader. */
static void client_send_until(struct control_client *c, uint64_t deadline_ns)
{
	while (!client_send(c)) {
		struct pollfd p = {.fd = c->fd, .events = POLLOUT};
		uint64_t now = clock_mono_ns();

		if (now >= deadline_ns)
			return;
		(void)poll(&p, 1, (int)((deadline_ns - now) / NSEC_PER_MSEC) + 1);
	}
}

/**
 * control_finish() - the end of the recording, for those who wait for it
 * @s:    NULL is fine
 * @json: the answer to `stop`: one JSON object, without a newline
 *
 * Also answers those whose request the loop had no time to read while the bundle was written.
 * Blocks at most 1 s in all, for clients that do not read. Nobody can connect afterwards.
 */
void control_finish(struct control_server *s, const char *json)
{
	uint64_t deadline = clock_mono_ns() + FINISH_PATIENCE_NS;

	if (!s || s->fd < 0)
		return;
	s->finishing = true;
	server_catch_up(s);
	server_close(s);
	while (s->clients) {
		struct control_client *c = s->clients;

		if (c->waiting) {
			text_reset(&c->reply);
			text_printf(&c->reply, "%s\n", json);
		}
		client_send_until(c, deadline);
		client_free(c);
	}
}

void control_free(struct control_server *s)
{
	if (!s)
		return;
	server_close(s);
	while (s->clients)
		client_free(s->clients);
	if (s->dir_fd >= 0)
		(void)close(s->dir_fd);
	free(s);
}
