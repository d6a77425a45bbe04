/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event formats (events/SYSTEM/NAME/format), read into tables: by id for each event of a ring page,
 * by system and name for what wants particular events; and access to the fields of an event.
 * Pure: bytes in, numbers and spans out; safe on any bytes.
 */
#ifndef FORMAT_EVENT_H
#define FORMAT_EVENT_H

#include "format/tracedat.h"

/* What stands before the fields of each event, and where (TRACE_EVENT_FORMAT, since Linux 2.6.3x).
 */
#define EVENT_TYPE_BYTES 2
#define EVENT_COMMON_BYTES 8

struct event_field {
	const char *name;
	const char *type; /* as the kernel tells it: "__u64", "__data_loc char[]" */
	uint32_t offset, bytes;
	uint32_t count; /* of an array's elements; 0 when it is none, or as many as are left */
	bool is_signed;
	bool is_array;	  /* name[N], name[], and each dynamic one */
	bool is_string;	  /* an array of char */
	bool is_dynamic;  /* __data_loc or __rel_loc: a word that says where the bytes are */
	bool is_relative; /* __rel_loc: counted from behind the word */
};

struct event_format {
	const char *system, *name;
	uint16_t id;
	uint16_t common_count; /* of the fields: those that every event has, named common_* */
	uint32_t field_count;
	const struct event_field *fields;
	uint32_t name_rank;	   /* its place in by_name */
	const char *print_fmt;	   /* the text behind "print fmt: "; "" when there is none */
	struct tracedat_span text; /* the whole, in the buffer of the head */
	bool is_whole;	   /* each line of the text was understood; else something is left out */
	uint32_t older_id; /* index + 1 of an earlier format of the same id; 0: none */
};

struct event_table {
	struct event_format *formats; /* in the order in which they were read */
	uint32_t count, size;
	uint32_t *by_name;	  /* [count] indexes, by system and name, then as read */
	uint16_t *by_id;	  /* [65536] index + 1 of the latest; 0: unknown */
	uint32_t formats_skipped; /* no format, no id, a name that is none */
	uint32_t fields_skipped;  /* of formats that were taken */
};

int event_table_read(const struct tracedat_read_head *h, struct event_table *ret, struct err *e);
void event_table_done(struct event_table *t);

const struct event_format *event_by_name(const struct event_table *t, const char *system,
					 const char *name);
const struct event_format *event_next_of_name(const struct event_table *t,
					      const struct event_format *f);
const struct event_field *event_field_of(const struct event_format *f, const char *name);
bool event_field_bytes(const struct event_field *f, const uint8_t *data, uint32_t bytes,
		       struct tracedat_span *ret);
bool event_field_string(const struct event_field *f, const uint8_t *data, uint32_t bytes,
			struct tracedat_span *ret);

/* The latest format of an id, or NULL. */
static inline const struct event_format *event_by_id(const struct event_table *t, uint16_t id)
{
	return t->by_id[id] ? &t->formats[t->by_id[id] - 1] : NULL;
}

/* The format of the event whose @bytes bytes begin at @data, or NULL. */
static inline const struct event_format *event_of(const struct event_table *t, const uint8_t *data,
						  uint32_t bytes)
{
	return bytes < EVENT_TYPE_BYTES ? NULL : event_by_id(t, get_le16(data));
}

static inline bool event_number(const uint8_t *at, uint32_t bytes, uint64_t *ret)
{
	switch (bytes) {
	case 1:
		*ret = *at;
		return true;
	case 2:
		*ret = get_le16(at);
		return true;
	case 4:
		*ret = get_le32(at);
		return true;
	case 8:
		*ret = get_le64(at);
		return true;
	default:
		return false;
	}
}

/*
 * A number field of the event whose @bytes bytes begin at @data. False when it is no number of 1,
 * 2, 4 or 8 bytes or lies beyond the event; a NULL field is fine, so that a format need not have
 * it.
 */
static inline bool event_field_u64(const struct event_field *f, const uint8_t *data, uint32_t bytes,
				   uint64_t *ret)
{
	if (!f || f->offset > bytes || f->bytes > bytes - f->offset)
		return false;
	return event_number(data + f->offset, f->bytes, ret);
}

/* The same, a signed field with its sign. */
static inline bool event_field_i64(const struct event_field *f, const uint8_t *data, uint32_t bytes,
				   int64_t *ret)
{
	uint64_t v;
	unsigned int shift;

	if (!event_field_u64(f, data, bytes, &v))
		return false;
	shift = f->is_signed ? 64 - 8 * f->bytes : 0;
	*ret = (int64_t)(v << shift) >> shift;
	return true;
}

#endif
