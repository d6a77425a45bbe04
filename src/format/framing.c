// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the messages are in what one end of a connection sent.
 *
 * tcpflow.c gives it the stream in order: bytes, and holes where bytes are known to have been sent
 * but are not in the capture. It gives back messages and gaps that cover the stream without
 * overlap. It owns one small buffer, and only while a message is not there as a whole; it knows
 * nothing of TCP, addresses or directions.
 *
 * In step, the next message begins where the last one ended, and a header tells how long its
 * message is, also when its data was not captured: a hole in the data of a message costs that data
 * and no more. Out of step (the capture began within a message, a header was lost, the bytes make
 * no sense) the beginning of a message has to be searched for. A header alone is poor evidence,
 * since data full of small numbers and zeros contains what reads as one; a false step would invent
 * messages. So a header found by searching must have small numbers, and be confirmed:
 *
 * - by the next header, right behind its data, which must be a valid one and follow upon it; or
 * - by the segment, of which the message fills exactly the whole: scoutfs sends each message by a
 *   call of its own with TCP_NODELAY, so that is what most segments are (on the captures of the
 * real module 99 in 100), and nothing needs to wait for the next message, which may come in a
 * minute.
 *
 * What follows upon what: seq rises, recv_seq never falls (net.c: both are set when a message is
 * queued or sent), but the module does send a message twice now and then, with the seq that it had;
 * a greeting stands outside the order.
 */
#include "framing.h"

/* No honest counter of messages gets so far: a million a second for eight years. */
#define COUNTER_MAX (UINT64_C(1) << 48)
/* Between two messages in a row nobody skips so many. */
#define SKIP_MAX (UINT64_C(1) << 20)

/**
 * framing_init() - begin with the first byte of a stream
 * @f:         message, gap and ctx are set by the caller afterwards
 * @searching: the stream was joined in the middle; otherwise a message begins here
 */
void framing_init(struct framing *f, bool searching)
{
	*f = (struct framing){.searching = searching, .reason = TCPFLOW_GAP_START};
}

void framing_done(struct framing *f)
{
	free(f->buffer);
	f->buffer = NULL;
}

static size_t buffered(const struct framing *f)
{
	return f->buffer ? f->buffer->n : 0;
}

/* Offset of the first byte in the buffer. While passing, the buffer holds no byte behind the hole.
 */
static uint64_t front(const struct framing *f)
{
	return f->pass ? f->done : f->at - buffered(f);
}

/* When the byte at an offset in the buffer was there. */
static uint64_t time_at(const struct framing *f, uint64_t offset)
{
	const struct framing_buffer *b = f->buffer;

	for (size_t i = 0; i < b->mark_count; i++)
		if (offset < b->marks[i].end)
			return b->marks[i].ns;
	return f->ns;
}

static void drop_marks(struct framing_buffer *b, uint64_t before)
{
	size_t gone = 0;

	while (gone < b->mark_count && b->marks[gone].end <= before)
		gone++;
	if (!gone)
		return;
	b->mark_count -= gone;
	memmove(b->marks, b->marks + gone, b->mark_count * sizeof(b->marks[0]));
}

/* Take @n bytes off the front of the buffer. */
static void drop(struct framing *f, size_t n)
{
	struct framing_buffer *b = f->buffer;
	uint64_t new_front = front(f) + n;

	b->n -= n;
	memmove(b->bytes, b->bytes + n, b->n);
	drop_marks(b, new_front);
}

static void drop_all(struct framing *f)
{
	if (f->buffer)
		f->buffer->n = f->buffer->mark_count = 0;
}

static void lose_step(struct framing *f, enum tcpflow_reason reason)
{
	if (f->searching)
		return;
	f->searching = true;
	f->reason = reason;
}

/* All from f->done to @until is in no message. */
static void give_gap(struct framing *f, uint64_t until, uint64_t ns, enum tcpflow_reason reason)
{
	struct tcpflow_gap g = {.offset = f->done,
				.bytes = until - f->done,
				.first_ns = f->done_ns,
				.last_ns = ns,
				.reason = reason};

	if (!g.bytes)
		return;
	f->done = until;
	f->done_ns = ns;
	f->gap(f->ctx, &g);
}

/* A message that begins at f->done, of which @n bytes are at @bytes. */
static void give_message(struct framing *f, const struct wire_message *header, const uint8_t *bytes,
			 size_t n, uint64_t header_ns, uint64_t last_ns)
{
	size_t whole = WIRE_MESSAGE_BYTES + (size_t)header->data_len;
	struct tcpflow_message m = {
		.offset = f->done,
		.header_ns = header_ns,
		.last_ns = last_ns,
		.header = *header,
		.data = bytes + WIRE_MESSAGE_BYTES,
		.data_bytes = (uint32_t)(min_of(n, whole) - WIRE_MESSAGE_BYTES),
	};

	f->done += whole;
	f->done_ns = last_ns;
	f->last = *header;
	f->has_last = true;
	f->message(f->ctx, &m);
}

/* Does a message that we are searching for look like those there are? */
static bool plausible(const struct wire_message *m)
{
	return m->seq < COUNTER_MAX && m->recv_seq < COUNTER_MAX && m->id < COUNTER_MAX;
}

static bool follows(const struct wire_message *m, const struct wire_message *next)
{
	if (!plausible(next))
		return false;
	if (m->command == WIRE_GREETING || next->command == WIRE_GREETING)
		return true;
	/* What went back is far ahead to an unsigned. */
	return next->seq - m->seq <= SKIP_MAX && next->recv_seq - m->recv_seq <= SKIP_MAX;
}

/* The segment whose payload begins at this offset in the buffer, if one does. */
static const struct framing_mark *segment_at(const struct framing *f, uint64_t offset)
{
	const struct framing_buffer *b = f->buffer;

	for (size_t i = 0; i < b->mark_count; i++)
		if (b->marks[i].begin == offset && !b->marks[i].trimmed)
			return &b->marks[i];
	return NULL;
}

/* Does the segment of which it is the beginning confirm a message, @bytes long? */
static bool confirmed(const struct framing *f, const struct wire_message *m, uint64_t offset,
		      uint64_t bytes)
{
	const struct framing_mark *segment = segment_at(f, offset);

	if (!segment)
		return false;
	return segment->wire_end == offset + bytes ||
	       (f->has_last && m->command != WIRE_GREETING && f->last.command != WIRE_GREETING &&
		follows(&f->last, m));
}

enum judgement { NO_MESSAGE, MESSAGE, MORE_BYTES };

/* Does a message begin at @at in the buffer? */
static enum judgement judge(const struct framing *f, size_t at)
{
	const struct framing_buffer *b = f->buffer;
	struct wire_message m, next;
	size_t end;

	if (!wire_message_parse(b->bytes + at, &m) || !plausible(&m))
		return NO_MESSAGE;
	end = at + WIRE_MESSAGE_BYTES + m.data_len;
	if (end + WIRE_MESSAGE_BYTES <= b->n)
		return wire_message_parse(b->bytes + end, &next) && follows(&m, &next) ? MESSAGE
										       : NO_MESSAGE;
	if (confirmed(f, &m, front(f) + at, end - at))
		return MESSAGE;
	return MORE_BYTES;
}

/*
 * Search the buffer; @last: nothing will come behind it. What cannot be the beginning of a message
 * is dropped. Return: whether we are in step again; the buffer then begins with the message.
 */
static bool search(struct framing *f, bool last)
{
	struct framing_buffer *b = f->buffer;
	enum judgement judgement = MORE_BYTES;
	size_t at = 0;

	while (at + WIRE_MESSAGE_BYTES <= b->n) {
		judgement = judge(f, at);
		if (judgement == MESSAGE || (judgement == MORE_BYTES && !last))
			break;
		at++;
	}
	drop(f, at);
	if (judgement != MESSAGE)
		return false;
	give_gap(f, front(f), time_at(f, front(f)), f->reason);
	f->searching = false;
	return true;
}

/* Give the message at the front of the buffer. Return: false when more bytes are needed first. */
static bool next_message(struct framing *f)
{
	struct framing_buffer *b = f->buffer;
	struct wire_message m;
	size_t whole;

	if (b->n < WIRE_MESSAGE_BYTES)
		return false;
	if (!wire_message_parse(b->bytes, &m)) {
		lose_step(f, TCPFLOW_GAP_INVALID);
		return true;
	}
	whole = WIRE_MESSAGE_BYTES + (size_t)m.data_len;
	if (b->n < whole)
		return false;
	give_message(f, &m, b->bytes, b->n, time_at(f, f->done + WIRE_MESSAGE_BYTES - 1),
		     time_at(f, f->done + whole - 1));
	drop(f, whole);
	return true;
}

/* All that the buffer has to tell. */
static void run(struct framing *f, bool last)
{
	while (buffered(f) && (f->searching ? search(f, last) : next_message(f)))
		;
}

/* Bytes of the message in the buffer whose rest was lost: they go by. */
static void pass(struct framing *f, uint64_t n)
{
	struct wire_message m;

	f->at += n;
	f->pass -= n;
	if (f->pass)
		return;
	/* A header was there, or nothing would be passed. */
	(void)wire_message_parse(f->buffer->bytes, &m);
	give_message(f, &m, f->buffer->bytes, f->buffer->n,
		     time_at(f, f->done + WIRE_MESSAGE_BYTES - 1), f->ns);
	drop_all(f);
}

/* In step, with nothing in the buffer: messages from where they lie. Return: bytes used. */
static size_t in_place(struct framing *f, const uint8_t *bytes, size_t n)
{
	struct wire_message m;
	size_t used = 0;

	while (n - used >= WIRE_MESSAGE_BYTES) {
		if (!wire_message_parse(bytes + used, &m)) {
			lose_step(f, TCPFLOW_GAP_INVALID);
			break;
		}
		if (n - used < WIRE_MESSAGE_BYTES + (size_t)m.data_len)
			break;
		f->at += WIRE_MESSAGE_BYTES + (size_t)m.data_len;
		give_message(f, &m, bytes + used, n - used, f->ns, f->ns);
		used += WIRE_MESSAGE_BYTES + (size_t)m.data_len;
	}
	return used;
}

/* As much as there is room for. Return: bytes used; 0 without memory. */
static size_t append(struct framing *f, const struct framing_piece *p, size_t used)
{
	struct framing_buffer *b = f->buffer;
	struct framing_mark *mark;
	size_t n;

	if (!b) {
		b = malloc(sizeof(*b));
		if (!b)
			return 0;
		b->n = b->mark_count = 0;
		f->buffer = b;
	}
	n = min_of(p->n - used, sizeof(b->bytes) - b->n);
	memcpy(b->bytes + b->n, p->bytes + used, n);
	b->n += n;

	/* With too many pieces the last two become one: times are then a little late. */
	if (b->mark_count < FRAMING_MARKS) {
		mark = &b->marks[b->mark_count++];
		mark->begin = f->at;
		mark->trimmed = p->trimmed || used;
	} else {
		mark = &b->marks[FRAMING_MARKS - 1];
	}
	mark->end = f->at + n;
	mark->wire_end = f->at + (p->wire_n - used);
	mark->ns = f->ns;
	f->at += n;
	return n;
}

/**
 * framing_bytes() - the next bytes of the stream
 * @p: at f->at; borrowed. If p->wire_n is more than p->n, the caller goes on with framing_hole().
 */
void framing_bytes(struct framing *f, const struct framing_piece *p)
{
	size_t used = 0;

	f->ns = p->ns;
	if (!f->done_ns)
		f->done_ns = p->ns;
	if (f->pass) {
		used = (size_t)min_of(f->pass, (uint64_t)p->n);
		pass(f, used);
	}
	while (used < p->n) {
		size_t n;

		if (!f->searching && !buffered(f))
			used += in_place(f, p->bytes + used, p->n - used);
		if (used == p->n)
			return;
		n = append(f, p, used);
		if (!n) {
			framing_hole(f, p->ns, p->n - used, TCPFLOW_GAP_MEMORY);
			return;
		}
		used += n;
		run(f, false);
	}
}

/**
 * framing_hole() - bytes that were sent but are not there
 * @ns:     a time at which they had been sent
 * @n:      how many
 * @reason: why
 *
 * Where they are the rest of a message whose header is there, the message is given with the data
 * that is there; otherwise the step is lost.
 */
void framing_hole(struct framing *f, uint64_t ns, uint64_t n, enum tcpflow_reason reason)
{
	struct wire_message m;

	f->ns = ns;
	if (!f->pass && f->searching)
		run(f, true);
	if (!f->pass && !f->searching && buffered(f) >= WIRE_MESSAGE_BYTES) {
		/* run() has left no whole message, and no header that is none */
		(void)wire_message_parse(f->buffer->bytes, &m);
		f->pass = WIRE_MESSAGE_BYTES + m.data_len - f->buffer->n;
	}
	if (f->pass) {
		uint64_t by = min_of(f->pass, n);

		pass(f, by);
		n -= by;
	}
	if (!n)
		return;
	lose_step(f, reason);
	drop_all(f);
	f->at += n;
}

/**
 * framing_end() - the stream has ended, or nothing more of it will be seen
 *
 * What is not a whole message becomes the last gap.
 */
void framing_end(struct framing *f)
{
	if (!f->pass && f->searching)
		run(f, true);
	give_gap(f, f->at, f->ns, f->searching ? f->reason : TCPFLOW_GAP_UNFINISHED);
	f->pass = 0;
	drop_all(f);
	lose_step(f, TCPFLOW_GAP_START);
}
