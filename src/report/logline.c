/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a line of the kernel log says about scoutfs.
 *
 * Called by analyses with each line. The patterns follow the format strings of the scoutfs sources
 * (main after v1.33: net.c, quorum.c, fence.c, server.c, trans.c, super.c, ext.c); all that real
 * clusters printed are in the unit test. A line that begins like a known one and goes on in another
 * way is still of its kind, without what could not be read: an older or newer module words it
 * differently. The text is a stranger's; nothing here looks beyond its end, and a line is walked a
 * bounded number of times.
 *
 * Only what the kernel itself logged counts, as for the recorder's triggers: anybody may write to
 * /dev/kmsg.
 */
#include "logline.h"

/* What a pattern takes besides letters. */
#define ADDR "\001"
#define RID "\002"
#define MOUNT "\003"
#define NUMBER "\004"
#define TERM "\005"
#define SLOT "\006"
#define TYPE "\007"
#define ANY "\016" /* anything, up to what follows */
#define END "\017"
enum takes {
	TAKES_ADDR = 1,
	TAKES_RID,
	TAKES_MOUNT,
	TAKES_NUMBER,
	TAKES_TERM,
	TAKES_SLOT,
	TAKES_TYPE,
	TAKES_ANY = 14,
	TAKES_END,
};

static const struct {
	enum logline_kind kind;
	bool any_source; /* also lines that do not begin as those of scoutfs */
	const char *pattern;
} patterns[] = {
	{LOGLINE_CLIENT_FENCED, false, "client " ADDR " reconnect timed out, fencing"},
	{LOGLINE_CLIENT_FENCED, false, "client " ANY "reconnect timed out, fencing"},
	{LOGLINE_RECOVERY_FENCED, false,
	 NUMBER " ms recovery timeout expired for client rid " RID ", fencing"},
	{LOGLINE_RECOVERY_FENCED, false, ANY "recovery timeout expired " ANY "fencing"},
	{LOGLINE_LEADER_FENCED, false,
	 "fencing previous leader " MOUNT " at term " TERM " in slot " SLOT " with address " ADDR},
	{LOGLINE_LEADER_FENCED, false, ANY "fencing previous leader"},
	{LOGLINE_FENCE_ERROR, false, "error indicated by fence action for rid " RID},
	{LOGLINE_FENCE_ERROR, false, "fence request for rid " RID " was not serviced in "},
	{LOGLINE_FENCE_ERROR, false, "saw error indicator on fence request for rid " RID},
	{LOGLINE_FENCE_ERROR, false, "failure to reclaim fenced rid " RID},
	{LOGLINE_FENCE_ERROR, false, ANY "error indicated by fence action"},
	{LOGLINE_FENCE_ERROR, false, ANY "not serviced in " ANY "raising error"},
	{LOGLINE_FENCE_ERROR, false, ANY "saw error indicator"},
	{LOGLINE_FENCE_ERROR, false, ANY "failure to reclaim"},
	{LOGLINE_USURPED, false,
	 "saw msg type " TYPE " from " SLOT " for term " TERM " while leader in term " NUMBER},
	{LOGLINE_USURPED, false, ANY "saw msg type " ANY "while leader"},
	{LOGLINE_QUORUM_DEAD, false, "quorum service saw error " NUMBER},
	{LOGLINE_QUORUM_DEAD, false, ANY "quorum service saw error"},
	{LOGLINE_COMMIT_FAILURE, false, "critical transaction commit failure: " ANY "= " NUMBER},
	{LOGLINE_COMMIT_FAILURE, false, ANY "critical transaction commit failure"},
	{LOGLINE_CORRUPTION, false, ANY "corruption (see scoutfs-corruption"},
	{LOGLINE_CORRUPTION, false, ANY "inserting extent " ANY "overlaps"},
	{LOGLINE_OOPS, true, ANY "kernel BUG at"},
	{LOGLINE_OOPS, true, ANY "Oops:"},
	{LOGLINE_OOPS, true, ANY "soft lockup"},
	{LOGLINE_OOPS, true, ANY "hard LOCKUP"},
	{LOGLINE_OOPS, true, ANY "rcu" ANY "stall"},
	{LOGLINE_SERVER_ABORT, false, ANY "shutting down server" END},
	{LOGLINE_SERVER_ABORT, false, ANY ", shutting down" END},
	{LOGLINE_SERVER_CLOSING, false, "server closing " ADDR " -> " ADDR},
	{LOGLINE_SERVER_CLOSING, false, ANY "server closing"},
	{LOGLINE_CLIENT_DISCONNECTED, false, "client disconnected " ADDR " -> " ADDR},
	{LOGLINE_CLIENT_DISCONNECTED, false, ANY "client disconnected"},
	{LOGLINE_CLIENT_CONNECTED, false, "client connected " ADDR " -> " ADDR},
	{LOGLINE_SERVER_ACCEPTED, false, "server accepted " ADDR " -> " ADDR},
	{LOGLINE_HEARTBEAT_DELAY, false, "longest quorum heartbeat " ANY "delay of " NUMBER " sec"},
	{LOGLINE_HEARTBEAT_DELAY, false, ANY "longest quorum heartbeat " ANY "delay"},
	{LOGLINE_SERVER_STOPPING, false, "server shutting down at " ADDR},
	{LOGLINE_SERVER_STOPPED, false, "server stopped at " ADDR},
	{LOGLINE_SERVER_STARTING, false, "server starting at " ADDR},
	{LOGLINE_SERVER_READY, false, "server ready at " ADDR},
	{LOGLINE_FORCED_UNMOUNT, false, "forcing unmount"},
	{LOGLINE_RECOVERING, false, "waiting for " NUMBER " clients to recover"},
	{LOGLINE_RECOVERED, false, "all clients recovered"},
	{LOGLINE_RECLAIMED, false, "successfully reclaimed resources for fenced rid " RID},
	{LOGLINE_COMMIT_BUDGET, false, ANY "holders exceeded alloc budget"},
	{LOGLINE_LOG_MERGE, false, ANY "error " NUMBER " committing log merge"},
	{LOGLINE_HUNG_TASK, true, ANY "blocked for more than " NUMBER " seconds"},
};

struct cursor {
	const char *at, *end;
};

static bool take_digits(struct cursor *c, unsigned int base, unsigned int most, uint64_t *ret)
{
	uint64_t v = 0;
	unsigned int n = 0;

	for (; c->at < c->end && n < most; c->at++, n++) {
		char ch = *c->at;
		unsigned int digit = base;

		if (ch >= '0' && ch <= '9')
			digit = (unsigned int)(ch - '0');
		else if (ch >= 'a' && ch <= 'f')
			digit = (unsigned int)(ch - 'a') + 10;
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit, &v))
			return false;
	}
	*ret = v;
	return n > 0;
}

static bool take_literal(struct cursor *c, const char *s, size_t n)
{
	if ((size_t)(c->end - c->at) < n || memcmp(c->at, s, n) != 0)
		return false;
	c->at += n;
	return true;
}

/* "f.3d167d.r.d8ec8b" */
static bool take_mount(struct cursor *c, struct logline_mount *ret)
{
	uint64_t fsid, rid;

	if (!take_literal(c, "f.", 2) || !take_digits(c, 16, 6, &fsid) ||
	    !take_literal(c, ".r.", 3) || !take_digits(c, 16, 6, &rid))
		return false;
	*ret = (struct logline_mount){.known = true, .fsid = (uint32_t)fsid, .rid = (uint32_t)rid};
	return true;
}

static bool take_number(struct cursor *c, int64_t *ret)
{
	bool minus = take_literal(c, "-", 1);
	uint64_t v;

	if (!take_digits(c, 10, 20, &v) || v > INT64_MAX)
		return false;
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

/* "127.0.0.1:19700", "[fe80::1]:19700" */
static bool take_addr(struct cursor *c, struct wire_addr *ret)
{
	const char *stop = c->at, *colon = NULL;
	struct cursor port;
	char ip[64];
	uint64_t number;
	size_t n;

	for (; stop < c->end && *stop != ' ' && *stop != ','; stop++)
		colon = *stop == ':' ? stop : colon;
	if (!colon || colon == c->at)
		return false;
	n = (size_t)(colon - c->at);
	if (n >= sizeof(ip))
		return false;
	memcpy(ip, c->at, n);
	ip[n] = '\0';
	if (*ip == '[' && ip[n - 1] == ']') {
		memmove(ip, ip + 1, n - 2);
		ip[n - 2] = '\0';
	}
	port = (struct cursor){colon + 1, stop};
	if (!take_digits(&port, 10, 5, &number) || port.at != stop || number > UINT16_MAX ||
	    !wire_addr_parse(ip, (uint16_t)number, ret))
		return false;
	c->at = stop;
	return true;
}

static bool take_small(struct cursor *c, unsigned int *ret)
{
	uint64_t v;

	if (!take_digits(c, 10, 9, &v))
		return false;
	*ret = (unsigned int)v;
	return true;
}

static bool take_one_addr(struct cursor *c, struct logline *l)
{
	if (!l->has_a)
		return l->has_a = take_addr(c, &l->a);
	return l->has_b = take_addr(c, &l->b);
}

static bool take_special(struct cursor *c, char what, struct logline *l)
{
	switch (what) {
	case TAKES_ADDR:
		return take_one_addr(c, l);
	case TAKES_RID:
		return l->has_rid = take_digits(c, 16, 16, &l->rid);
	case TAKES_MOUNT:
		return take_mount(c, &l->other);
	case TAKES_NUMBER:
		return l->has_number = take_number(c, &l->number);
	case TAKES_TERM:
		return l->has_term = take_digits(c, 10, 20, &l->term);
	case TAKES_SLOT:
		return l->has_slot = take_small(c, &l->slot);
	case TAKES_TYPE:
		return take_small(c, &l->type);
	case TAKES_END:
		return c->at == c->end;
	default:
		return false;
	}
}

static size_t literal_bytes(const char *pattern)
{
	size_t n = 0;

	while ((unsigned char)pattern[n] > TAKES_END)
		n++;
	return n;
}

/* To behind the first place where the letters at @pattern are; of those before END the last. */
static bool skip_to(struct cursor *c, const char *pattern, size_t n)
{
	size_t left = (size_t)(c->end - c->at);
	const char *found;

	if (left < n)
		return false;
	if (pattern[n] == TAKES_END)
		c->at = c->end - n;
	found = memmem(c->at, (size_t)(c->end - c->at), pattern, n);
	if (!found)
		return false;
	c->at = found + n;
	return true;
}

static bool matches(const char *pattern, struct cursor c, struct logline *l)
{
	while (*pattern) {
		bool any = *pattern == TAKES_ANY;
		size_t n = literal_bytes(pattern + any);

		if (any ? !skip_to(&c, pattern + 1, n) : !take_literal(&c, pattern, n))
			return false;
		pattern += any + n;
		if (!*pattern || *pattern == TAKES_ANY)
			continue;
		if (!take_special(&c, *pattern++, l))
			return false;
	}
	return true;
}

/* "scoutfs f.3d167d.r.d8ec8b error: " */
static bool take_prefix(struct cursor *c, struct logline_mount *ret)
{
	struct cursor at = *c;

	if (!take_literal(&at, "scoutfs ", 8) || !take_mount(&at, ret))
		return false;
	if (!take_literal(&at, " warning", 8))
		(void)take_literal(&at, " error", 6);
	if (!take_literal(&at, ": ", 2))
		return false;
	*c = at;
	return true;
}

/**
 * logline_parse() - what a line of the kernel log says
 * @of_kernel: of facility 0; what others say is of no kind, unless any source may say it
 * @ret:       .kind LOGLINE_OTHER when it is a line of scoutfs that has no meaning here
 *
 * Return: false when it is no line of scoutfs and none of the others that matter.
 */
bool logline_parse(const char *text, size_t bytes, bool of_kernel, struct logline *ret)
{
	struct cursor c = {text, text + bytes};
	struct logline_mount mount = {0};
	bool ours = of_kernel && take_prefix(&c, &mount);

	while (c.end > c.at && (c.end[-1] == '\n' || c.end[-1] == ' '))
		c.end--;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (!ours && !patterns[i].any_source)
			continue;
		*ret = (struct logline){0};
		if (!matches(patterns[i].pattern, c, ret))
			continue;
		ret->kind = patterns[i].kind;
		break;
	}
	if (ret->kind == LOGLINE_OTHER)
		*ret = (struct logline){0};
	ret->mount = mount;
	ret->message = c.at;
	ret->message_bytes = (size_t)(c.end - c.at);
	return ours || ret->kind != LOGLINE_OTHER;
}

/** logline_is_final() - does a recorder with its usual triggers stop at such a line? */
bool logline_is_final(enum logline_kind kind)
{
	return kind >= LOGLINE_CLIENT_FENCED && kind <= LOGLINE_OOPS;
}

/** logline_is_fence() - somebody is fenced here */
bool logline_is_fence(enum logline_kind kind)
{
	return kind >= LOGLINE_CLIENT_FENCED && kind <= LOGLINE_LEADER_FENCED;
}

/** logline_same_mount() - false also when one is not known */
bool logline_same_mount(const struct logline_mount *a, const struct logline_mount *b)
{
	return a->known && b->known && a->fsid == b->fsid && a->rid == b->rid;
}
