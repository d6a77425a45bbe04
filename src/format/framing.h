/* SPDX-License-Identifier: GPL-2.0-only */
/* What one end of a connection sent, in order and with holes, to messages and gaps; for tcpflow.c.
 */
#ifndef FORMAT_FRAMING_H
#define FORMAT_FRAMING_H

#include "format/tcpflow.h"

#define FRAMING_BUFFER_BYTES 4096 /* holds a message and what proves it to be one */
#define FRAMING_MARKS 64

/* A piece of the stream, as it came in one segment. */
struct framing_piece {
	uint64_t ns;
	const uint8_t *bytes;
	uint32_t n;	 /* captured */
	uint32_t wire_n; /* sent; a hole follows if there are more of these */
	bool trimmed; /* its beginning was seen before: it does not begin where the segment did */
};

struct framing_mark {
	uint64_t begin, end; /* offsets of the captured bytes */
	uint64_t wire_end;   /* where the segment ended */
	uint64_t ns;
	bool trimmed;
};

struct framing_buffer {
	uint8_t bytes[FRAMING_BUFFER_BYTES];
	struct framing_mark marks[FRAMING_MARKS];
	size_t n, mark_count;
};

struct framing {
	/* What is found; .from is not set. Called within the calls below. */
	void (*message)(void *ctx, struct tcpflow_message *m);
	void (*gap)(void *ctx, struct tcpflow_gap *g);
	void *ctx;

	uint64_t at;		  /* offset of the next byte to come */
	uint64_t done;		  /* offset up to which all was given as messages and gaps */
	uint64_t ns;		  /* of the last piece */
	uint64_t done_ns;	  /* of what was given last; of the first piece until then */
	struct wire_message last; /* given */
	bool has_last;
	bool searching;
	enum tcpflow_reason reason; /* why, if so */

	struct framing_buffer *buffer; /* NULL until it is needed; ends at @at unless passing */
	uint64_t pass; /* bytes still to go by of the message that the buffer holds in part */
};

void framing_init(struct framing *f, bool searching);
void framing_bytes(struct framing *f, const struct framing_piece *p);
void framing_hole(struct framing *f, uint64_t ns, uint64_t n, enum tcpflow_reason reason);
void framing_end(struct framing *f);
void framing_done(struct framing *f);

#endif
