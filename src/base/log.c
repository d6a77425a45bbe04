/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one sink for what the running program tells the person, and the only
 * global state of the project. Everything calls it except the layers below
 * cmd's errors: a failure travels in a struct err until cmd prints it here.
 *
 * The recorder's loop thread logs, and must not be held up by whoever reads:
 * a stopped terminal (Ctrl-S, a dead ssh connection) or a full pipe would
 * block write() for hours. So the sink has its own open file description of
 * standard error, non-blocking (the shared one stays as the shell made it).
 * What does not fit is kept, up to a limit, and goes out before the next
 * message or at exit; beyond the limit messages are counted and that is said.
 *
 * Text from the kernel log or a packet may be quoted in a message: control
 * characters and malformed UTF-8 become '?', so nothing can steer a terminal.
 *
 * It knows nothing of syslog or files: systemd keeps standard error well.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define PROGRAM "scoutfs-trace"

/* As much as a pipe holds: a burst of some hundred messages. */
#define BACKLOG_BYTES (64 * KIB)

/* How long the end of the program waits for a slow reader. */
#define EXIT_WAIT_MS 1000

#define COLUMNS_DEFAULT 80

#define ERASE_LINE "\r\033[K"
#define ERASE_REST "\033[K"
#define COLOUR_OFF "\033[0m"

static struct sink {
	pthread_mutex_t lock;
	atomic_int level;
	bool ready;
	bool terminal;
	bool colour;
	bool socket;
	bool may_block; /* no description of our own was to be had */
	bool quiet;	/* the reader has gone away */
	int fd;
	struct text live; /* what the live line should show; empty: none */
	bool live_shown;
	struct text backlog;
	uint64_t dropped; /* messages, since the reader fell behind */
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_NOTICE, .fd = STDERR_FILENO};

static const struct {
	const char *tag;
	const char *colour;
} looks[] = {
	[LOG_ERROR] = {"error: ", "\033[1;31m"},   /* bold red */
	[LOG_WARNING] = {"warning: ", "\033[33m"}, /* yellow */
	[LOG_NOTICE] = {"", ""},
	[LOG_INFO] = {"", ""},
	[LOG_DEBUG] = {"debug: ", "\033[2m"}, /* faint */
};

static unsigned terminal_columns(void)
{
	struct winsize size;

	if (ioctl(sink.fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

/* One attempt, which does not block. Return: bytes taken; negative errno. */
static ssize_t try_write(const char *s, size_t n)
{
	struct pollfd p = {.fd = sink.fd, .events = POLLOUT};
	ssize_t r;

	if (sink.may_block && poll(&p, 1, 0) == 0)
		return -EAGAIN;
	do {
		r = sink.socket ? send(sink.fd, s, n, MSG_DONTWAIT | MSG_NOSIGNAL)
				: write(sink.fd, s, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/*
 * A reader that fell behind (EAGAIN) may come back; one that went away (EPIPE,
 * EIO), or anything else that a write can say, will not.
 */
static size_t taken(ssize_t r)
{
	if (r < 0 && r != -EAGAIN)
		sink.quiet = true;
	return r > 0 ? (size_t)r : 0;
}

static void flush_backlog(void)
{
	struct text *b = &sink.backlog;
	size_t n;

	if (b->len == 0 || sink.quiet)
		return;
	n = taken(try_write(b->s, b->len));
	memmove(b->s, b->s + n, b->len - n + 1);
	b->len -= n;
}

/* Hand on whole lines: at once, or after what waits already. */
static void put(const struct text *t)
{
	size_t n = 0;

	if (!text_ok(t) || sink.quiet)
		return;
	flush_backlog();
	if (sink.backlog.len == 0)
		n = taken(try_write(t->s, t->len));
	if (n == t->len || sink.quiet)
		return;
	if (n == 0 && sink.backlog.len + t->len > BACKLOG_BYTES) {
		sink.dropped++;
		return;
	}
	text_add(&sink.backlog, t->s + n, t->len - n);
}

/* The live line is worth nothing later: it is not kept, and not shown while messages wait. */
static void put_live(void)
{
	CLEANUP(text_free) struct text t = {0};
	size_t n;

	flush_backlog();
	if (sink.backlog.len || sink.quiet)
		return;
	text_str(&t, "\r");
	/* The last column stays free: a character in it leaves some terminals on the next line. */
	text_add(&t, text_c(&sink.live),
		 text_fitting(text_c(&sink.live), sink.live.len, terminal_columns() - 1));
	text_str(&t, ERASE_REST);
	if (!text_ok(&t))
		return;
	n = taken(try_write(t.s, t.len));
	if (n)
		sink.live_shown = sink.live.len > 0;
	/* A part of it is a part of an escape sequence, perhaps: the rest must follow. */
	if (n && n < t.len)
		text_add(&sink.backlog, t.s + n, t.len - n);
}

/* At the end the program may wait a moment for what is still to be said. */
static void log_finish(void)
{
	const uint64_t end_ns = clock_mono_ns() + EXIT_WAIT_MS * NSEC_PER_MSEC;
	struct pollfd p;

	pthread_mutex_lock(&sink.lock);
	p = (struct pollfd){.fd = sink.fd, .events = POLLOUT};
	text_reset(&sink.live);
	if (sink.live_shown)
		put_live();
	flush_backlog();
	while (sink.backlog.len && !sink.quiet && clock_mono_ns() < end_ns) {
		(void)poll(&p, 1, EXIT_WAIT_MS / 10);
		flush_backlog();
	}
	pthread_mutex_unlock(&sink.lock);
}

/* A description of our own, so that O_NONBLOCK is not seen by the shell and by others that share
 * standard error. */
static int open_nonblocking(const struct stat *st)
{
	if (!S_ISFIFO(st->st_mode) && !S_ISCHR(st->st_mode))
		return -1;
	return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void open_sink(void)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) < 0) {
		sink.quiet = true;
		return;
	}
	fd = open_nonblocking(&st);
	sink.fd = fd >= 0 ? fd : STDERR_FILENO;
	sink.socket = S_ISSOCK(st.st_mode);
	sink.may_block = fd < 0 && !sink.socket;
	sink.terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	/* https://no-color.org: present and not empty. */
	sink.colour = sink.terminal && !(no_colour && no_colour[0]);
	(void)atexit(log_finish);
}

/**
 * log_setup() - say how much is wanted; looks at standard error when called for the first time
 *
 * Messages before it are written plainly, as LOG_NOTICE asks.
 */
void log_setup(enum log_level level)
{
	pthread_mutex_lock(&sink.lock);
	if (!sink.ready)
		open_sink();
	sink.ready = true;
	pthread_mutex_unlock(&sink.lock);
	atomic_store(&sink.level, (int)level);
}

enum log_level log_level_now(void)
{
	return (enum log_level)atomic_load(&sink.level);
}

/**
 * log_is_terminal() - whether standard error is a terminal that can redraw a line
 */
bool log_is_terminal(void)
{
	return sink.terminal;
}

/* The whole of what is written for one message, the live line around it included. */
static void compose(struct text *t, enum log_level level, const char *s, size_t n)
{
	const char *colour = sink.colour ? looks[level].colour : "";

	if (sink.live_shown)
		text_str(t, ERASE_LINE);
	text_str(t, sink.terminal ? "" : PROGRAM ": ");
	text_printf(t, "%s%s%s", colour, looks[level].tag, colour[0] ? COLOUR_OFF : "");
	text_add_clean(t, s, n, true);
	text_str(t, "\n");
}

static void say(enum log_level level, const char *s, size_t n)
{
	CLEANUP(text_free) struct text t = {0};

	flush_backlog();
	if (sink.dropped && sink.backlog.len == 0) {
		text_printf(&t,
			    PROGRAM ": %llu messages were not written: the reader was too slow\n",
			    (unsigned long long)sink.dropped);
		sink.dropped = 0;
	}
	compose(&t, level, s, n);
	put(&t);
	sink.live_shown = false;
	if (sink.live.len)
		put_live();
}

/**
 * log_message() - tell the person something
 * @level: not written if less is wanted
 * @fmt:   a sentence without a newline at its end; a sentence of several lines stays together
 *
 * From any thread; never waits and never fails.
 */
void log_message(enum log_level level, const char *fmt, ...)
{
	CLEANUP(text_free) struct text t = {0};
	va_list ap;

	if (level > log_level_now())
		return;
	va_start(ap, fmt);
	text_vprintf(&t, fmt, ap);
	va_end(ap);
	while (t.len && t.s[t.len - 1] == '\n')
		t.len--;

	pthread_mutex_lock(&sink.lock);
	if (text_ok(&t))
		say(level, text_c(&t), t.len);
	else
		say(level, fmt, strlen(fmt));
	pthread_mutex_unlock(&sink.lock);
}

/**
 * log_live() - replace the line at the bottom of the terminal
 * @line: copied; NULL takes the line away
 *
 * Does nothing unless standard error is a terminal and notices are wanted. From any thread.
 */
void log_live(const char *line)
{
	if (!sink.terminal || log_level_now() < LOG_NOTICE)
		return;
	pthread_mutex_lock(&sink.lock);
	text_reset(&sink.live);
	if (line)
		text_add_clean(&sink.live, line, strlen(line), false);
	if (!text_ok(&sink.live))
		text_reset(&sink.live);
	if (sink.live.len || sink.live_shown)
		put_live();
	pthread_mutex_unlock(&sink.lock);
}
