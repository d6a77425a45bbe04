/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The source of kernel-log records: /dev/kmsg, into kernel.log and into the log triggers.
 *
 * Read in the loop thread, because log triggers decide there: a record is matched first and kept
 * second. What is in the log at arming is kept for context but fires nothing. Records that the log
 * overwrote before they were read are counted by their sequence numbers.
 *
 * Not every line wakes its readers: before Linux 5.18 what is printed where the kernel may not take
 * locks (an NMI, as the hard-lockup detector's) waits until another line follows. So the log is
 * also looked at once a second.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "format/kmsg.h"

#include "session.h"

#define KMSG_RECORD_MAX                                                                    \
	8192	       /* a read() of /dev/kmsg gives one record, at most 8 KiB (printk.c) \
			*/
#define KMSG_BURST 256 /* records a callback, so that a flood leaves the loop its other work */
#define BACKLOG_MAX (32 * MIB)
#define WARN_EVERY_NS (10 * NSEC_PER_SEC)
#define LOOK_EVERY_NS NSEC_PER_SEC

struct kmsg_source {
	int fd;
	struct loop_source *watch;
	struct loop_source *look; /* for lines that woke nobody */
	struct spool_stream *stream;
	struct text backlog;
	struct spool_span backlog_span;
	uint64_t next_seq;
	bool any;
	uint64_t last_ns;
	uint64_t warned_ns;
};

static uint64_t mono_of(struct source *s, const struct kmsg_record *r)
{
	struct session_stats *stats = &s->session->stats;

	int64_t mono_ns;

	if (!atomic_load(&stats->local_bound_ns))
		return clock_mono_ns();
	/* The first records of a boot may lie before the monotonic clock's zero. */
	mono_ns = (int64_t)r->stamp_ns + atomic_load(&stats->local_offset_ns);
	return mono_ns > 0 ? (uint64_t)mono_ns : 0;
}

/* A trigger's line among them is in the trace at best (printk:console): nobody acted on it. */
static void warn_of_hole(struct kmsg_source *k, uint64_t count)
{
	uint64_t now = clock_mono_ns();

	if (k->warned_ns && now - k->warned_ns < WARN_EVERY_NS)
		return;
	k->warned_ns = now;
	log_warning("the kernel log overwrote %llu records before they were read; a trigger's line "
		    "among them has not fired",
		    (unsigned long long)count);
}

static void note_hole(struct source *s, const struct kmsg_record *r, uint64_t mono_ns)
{
	struct kmsg_source *k = s->priv;

	if (k->any && r->seq > k->next_seq) {
		loss_note(s->session->loss, LOSS_FAULT, "kmsg", 0, k->last_ns, mono_ns,
			  r->seq - k->next_seq,
			  "the kernel log overwrote records before they were read");
		warn_of_hole(k, r->seq - k->next_seq);
	}
	k->next_seq = r->seq + 1;
	k->any = true;
	k->last_ns = mono_ns;
}

/* 1 and a record; 0 when there is none now; negative errno. */
static int next_record(struct kmsg_source *k, char *buf, struct kmsg_record *ret)
{
	for (;;) {
		ssize_t n = read(k->fd, buf, KMSG_RECORD_MAX - 1);

		if (n > 0) {
			if (kmsg_parse(buf, (size_t)n, ret) == 0)
				return 1;
		} else if (n == 0 || errno == EAGAIN) {
			return 0;
		} else if (errno != EPIPE && errno != EINTR) {
			/* EPIPE: the next record was overwritten; the one after it shows how many.
			 */
			return -errno;
		}
	}
}

/* A line of kernel.log for a record, and its time. */
static uint64_t format_record(struct source *s, const struct kmsg_record *r, struct text *out)
{
	uint64_t mono_ns = mono_of(s, r);

	kmsg_format(r, session_real_of_mono(s->session, mono_ns), out);
	return mono_ns;
}

static void keep(struct source *s, const struct kmsg_record *r)
{
	struct spool_span span = {.records = 1};
	struct kmsg_source *k = s->priv;
	struct text line = {0};
	uint64_t mono_ns = format_record(s, r, &line);

	span.first_ns = span.last_ns = mono_ns;
	if (!text_ok(&line) || spool_try_append(k->stream, line.s, line.len, &span) < 0)
		loss_note(s->session->loss, LOSS_FAULT, "kmsg", 0, mono_ns, mono_ns, 1,
			  "the disk was too slow for the kernel log");
	else
		atomic_fetch_add(&s->records, 1);
	text_free(&line);
	atomic_fetch_add(&s->session->stats.log_records, 1);
}

static void unwatch(struct kmsg_source *k)
{
	loop_source_free(take_ptr(k->watch));
	loop_source_free(take_ptr(k->look));
}

static void read_burst(struct source *s)
{
	struct kmsg_source *k = s->priv;
	char buf[KMSG_RECORD_MAX];
	struct kmsg_record record;
	int r = 0;

	for (int n = 0; n < KMSG_BURST && (r = next_record(k, buf, &record)) > 0; n++) {
		uint64_t mono_ns = mono_of(s, &record);

		trigger_set_log(s->session->triggers, &record, mono_ns);
		note_hole(s, &record, mono_ns);
		keep(s, &record);
	}
	if (r < 0) {
		source_degrade(s, SOURCE_FAILED, "/dev/kmsg could not be read any more: %s",
			       strerror(-r));
		unwatch(k);
	}
}

static void on_readable(void *arg, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	read_burst(arg);
}

static void on_look(void *arg)
{
	read_burst(arg);
}

static int load_backlog(struct source *s, struct err *e)
{
	struct kmsg_source *k = s->priv;
	char buf[KMSG_RECORD_MAX];
	struct kmsg_record record;
	uint64_t until = UINT64_MAX, mono_ns = 0;
	int r = 0;

	/* A flood has no end: what is written from now on is news. Told by the stamps, if they can
	 * be placed. */
	if (atomic_load(&s->session->stats.local_bound_ns))
		until = clock_mono_ns();
	while (mono_ns <= until && (r = next_record(k, buf, &record)) > 0) {
		mono_ns = mono_of(s, &record);
		note_hole(s, &record, mono_ns);
		if (k->backlog.len > BACKLOG_MAX)
			continue;
		(void)format_record(s, &record, &k->backlog);
		if (!k->backlog_span.records++)
			k->backlog_span.first_ns = mono_ns;
		k->backlog_span.last_ns = mono_ns;
	}
	if (r < 0)
		return err_errno(e, r, "cannot read /dev/kmsg");
	return text_ok(&k->backlog) ? 0 : err_nomem(e);
}

static int kmsg_prepare(struct source *s, struct err *e)
{
	struct kmsg_source *k = calloc(1, sizeof(*k));
	struct err why = {0};
	int r;

	if (!k)
		return err_nomem(e);
	k->fd = -1;
	s->priv = k;
	r = spool_stream_add(s->session->spool, CHUNK_KMSG, 0, NULL, &k->stream, e);
	if (r < 0)
		return r;
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (k->fd < 0) {
		source_degrade(s, SOURCE_FAILED, "cannot open /dev/kmsg: %s", strerror(errno));
		return 0;
	}
	if (load_backlog(s, &why) < 0) {
		source_degrade(s, SOURCE_FAILED, "%s", why.text);
		(void)close(take_fd(&k->fd));
	}
	return 0;
}

/* In pieces: an append is at most a chunk. Lines are kept whole. */
static void spool_backlog(struct source *s)
{
	struct kmsg_source *k = s->priv;
	const char *at = k->backlog.s, *end = at + k->backlog.len;
	struct spool_span span = k->backlog_span;

	while (at < end) {
		const char *stop =
			end - at > (long)(32 * KIB)
				? memchr(at + 32 * KIB, '\n', (size_t)(end - at) - 32 * KIB)
				: NULL;

		stop = stop ? stop + 1 : end;
		if (spool_append(k->stream, at, (size_t)(stop - at), &span) < 0)
			loss_note(s->session->loss, LOSS_FAULT, "kmsg", 0, span.first_ns,
				  span.last_ns, LOSS_UNKNOWN,
				  "no memory for the kernel log's backlog");
		/* Counted once, with the first piece. */
		span.records = 0;
		at = stop;
	}
	atomic_fetch_add(&s->records, k->backlog_span.records);
	text_free(&k->backlog);
}

static int kmsg_start(struct source *s, struct err *e)
{
	struct kmsg_source *k = s->priv;
	int r;

	if (k->fd < 0)
		return 0;
	spool_backlog(s);
	r = loop_add_fd(s->session->loop, k->fd, EPOLLIN, on_readable, s, &k->watch, e);
	if (r == 0)
		r = loop_add_timer(s->session->loop, on_look, s, &k->look, e);
	if (r < 0)
		return r;
	r = loop_timer_set(k->look, LOOK_EVERY_NS, LOOK_EVERY_NS);
	return r < 0 ? err_errno(e, r, "cannot set a timer") : 0;
}

static int kmsg_drain(struct source *s, struct err *e)
{
	struct kmsg_source *k = s->priv;
	char buf[KMSG_RECORD_MAX];
	struct kmsg_record record;
	uint64_t until = clock_mono_ns();

	(void)e;
	if (k->fd < 0 || !k->watch)
		return 0;
	unwatch(k);
	while (next_record(k, buf, &record) > 0) {
		uint64_t mono_ns = mono_of(s, &record);

		note_hole(s, &record, mono_ns);
		keep(s, &record);
		/* A flood has no end: what came before the freeze is what was promised. */
		if (mono_ns > until)
			break;
	}
	return 0;
}

static void kmsg_free(struct source *s)
{
	struct kmsg_source *k = s->priv;

	if (!k)
		return;
	unwatch(k);
	closep(&k->fd);
	text_free(&k->backlog);
	free(k);
	s->priv = NULL;
}

const struct source_ops source_kmsg_ops = {
	.name = "kmsg",
	.prepare = kmsg_prepare,
	.start = kmsg_start,
	.drain = kmsg_drain,
	.free = kmsg_free,
};
