/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Captured TCP segments to scoutfs messages: both directions of every connection, in bounded
 * memory; what is missing is told as gaps.
 */
#ifndef FORMAT_TCPFLOW_H
#define FORMAT_TCPFLOW_H

#include "base/err.h"
#include "base/util.h"
#include "format/wire.h"

/* How late after its own time a message can be given at most, while a packet before it is missing:
 * the receiver acknowledged the missing one, so it is waited for as long as captures get packets
 * out of order; or did not, so it is sent again. */
#define TCPFLOW_GRACE_NS (100 * NSEC_PER_MSEC)
#define TCPFLOW_PATIENCE_NS (60 * NSEC_PER_SEC)

enum tcpflow_begin {
	TCPFLOW_BEGIN_SYN,	 /* seen from its first packet on */
	TCPFLOW_BEGIN_MIDSTREAM, /* it was there when the capture, or what it lost, began */
	TCPFLOW_BEGIN_GREETING,	 /* a second greeting: the packets between were lost */
};

enum tcpflow_end {
	TCPFLOW_END_FIN,       /* both ends closed it */
	TCPFLOW_END_RST,       /* one end broke it off, or refused it */
	TCPFLOW_END_REPLACED,  /* its addresses and ports were used anew */
	TCPFLOW_END_FORGOTTEN, /* idle for longest when there were too many */
	TCPFLOW_END_CAPTURE,   /* it was there when the capture ended */
};

enum tcpflow_reason {
	TCPFLOW_GAP_START,	/* seen from the middle of a message on */
	TCPFLOW_GAP_LOST,	/* packets that the capture lacks */
	TCPFLOW_GAP_CUT,	/* the snaplen cut a header off */
	TCPFLOW_GAP_MEMORY,	/* too much to keep while a packet was missing, or no memory */
	TCPFLOW_GAP_INVALID,	/* no messages of scoutfs */
	TCPFLOW_GAP_UNFINISHED, /* the connection or the capture ended within a message */
};

/* A connection as its observer sees it; valid from begin() to the return of end(). */
struct tcpflow_connection {
	uint64_t number;	  /* counts from 1, in the order of their beginnings */
	struct wire_addr ends[2]; /* of which 0 sent the first packet that was seen */
	int server;		  /* which end is the server's; -1: nothing has told yet */
	uint64_t begin_ns;
	uint64_t messages[2], gaps[2], gap_bytes[2]; /* by the end that sent */
	void *user;				     /* the observer's own */
};

struct tcpflow_message {
	int from;	 /* which end sent it */
	uint64_t offset; /* of its first byte in what this end sent, from what was seen first */
	/* When its header, and all of it, could be read by the receiver: not before a missing
	 * packet came. Where the capture lacks the end, when it was known to have been sent. */
	uint64_t header_ns, last_ns;
	struct wire_message header;
	const uint8_t *data; /* header.data_len bytes; borrowed until the callback returns */
	uint32_t data_bytes; /* captured of them, from the first on */
};

struct tcpflow_gap {
	int from;
	uint64_t offset, bytes;	    /* of the stream of this end */
	uint64_t first_ns, last_ns; /* of what was read before it, and of what showed its end */
	enum tcpflow_reason reason;
};

/*
 * Each may be NULL; none may call back into the flow. What one end sends, from its first byte seen
 * to the last, is covered by messages and gaps, in order, without overlap. Between the two ends,
 * and between connections, times can be out of order: while one waits for a missing packet, and
 * after a gap where nothing confirms the first message before the next one comes (see framing.c).
 */
struct tcpflow_ops {
	void (*begin)(void *ctx, struct tcpflow_connection *c, enum tcpflow_begin how);
	void (*message)(void *ctx, struct tcpflow_connection *c, const struct tcpflow_message *m);
	void (*gap)(void *ctx, struct tcpflow_connection *c, const struct tcpflow_gap *g);
	void (*end)(void *ctx, struct tcpflow_connection *c, uint64_t ns, enum tcpflow_end how);
};

struct tcpflow_config {
	const struct wire_addr *servers; /* known to be servers; borrowed for tcpflow_new() */
	size_t server_count;
	/* Limits; 0: 16 MiB, 1 MiB, 1024 */
	size_t memory_bytes;	/* for segments that wait for one before them, altogether */
	size_t direction_bytes; /* and of one end of one connection */
	size_t connections;
};

struct tcpflow_stats {
	uint64_t segments, payload_bytes; /* of TCP packets with payload, and on the wire */
	uint64_t duplicate_bytes;	  /* seen before */
	uint64_t waited;		  /* segments that came before one before them */
	uint64_t late;			  /* segments behind the end of their connection */
	uint64_t connections, messages, gaps, gap_bytes;
	uint64_t kept_bytes, kept_bytes_max; /* in waiting segments, now and ever */
};

struct tcpflow;
struct tcpflow *tcpflow_new(const struct tcpflow_config *config, const struct tcpflow_ops *ops,
			    void *ctx, struct err *e);
void tcpflow_packet(struct tcpflow *f, uint64_t ns, const struct wire_packet *packet);
void tcpflow_finish(struct tcpflow *f);
const struct tcpflow_stats *tcpflow_stats(const struct tcpflow *f);
void tcpflow_free(struct tcpflow *f);
void tcpflow_freep(struct tcpflow **f);

/* True, false by *ret: did the server send it? False returned when it is not known who the server
 * is. */
static inline bool tcpflow_from_server(const struct tcpflow_connection *c,
				       const struct tcpflow_message *m, bool *ret)
{
	*ret = m->from == c->server;
	return c->server >= 0;
}

const char *tcpflow_begin_name(enum tcpflow_begin how);
const char *tcpflow_end_name(enum tcpflow_end how);
const char *tcpflow_reason_name(enum tcpflow_reason reason);

#endif
