/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * context/start/INDEX and context/end/INDEX: which files there are, what they came from, and when.
 *
 * Called by recording.c. A line of an INDEX (record/context.c, scoutfs-trace-bundle(5)) is
 *
 *	uname.txt              ok             68 bytes     12 ms  @1234.567890  uname -a
 *
 * where the time may be missing: recorders of before wrote none. Then the files are put where the
 * collection began as far as the manifest knows, one after another by what each took. Why a file
 * holds nothing, or not all, stands in its first line. The bundle is a stranger's: lines that are
 * none are passed over, and texts are cleaned where they are shown.
 */
#include "context_index.h"

#include <errno.h>

#define INDEX_BYTES (1 * MIB)
#define FILES_MAX 4096
#define WHY_BYTES 256

static const char *const moments[2] = {"start", "end"};

bool context_file_is_missing(const struct context_file *f)
{
	return !strcmp(f->status, "failed") || !strcmp(f->status, "skipped");
}

/* The next word of *@at, cut off where it lies; NULL when there is none. */
static char *take_word(char **at)
{
	char *word = *at + strspn(*at, " "), *end = word + strcspn(word, " ");

	if (end == word)
		return NULL;
	*at = end + (*end != '\0');
	*end = '\0';
	return word;
}

/* "12 ms": a number and its unit. */
static bool take_number(char **at, const char *unit, uint64_t *ret)
{
	const char *number = take_word(at), *word = number ? take_word(at) : NULL;

	return word && !strcmp(word, unit) && parse_u64(number, ret) == 0;
}

/* "@1234.567890" to nanoseconds. */
static bool parse_stamp(const char *s, uint64_t *ret_ns)
{
	const char *dot = strchr(s, '.');
	uint64_t seconds, micro;
	char whole[24];

	if (*s != '@' || !dot || dot - s > (int)sizeof(whole) || strlen(dot + 1) != 6)
		return false;
	(void)snprintf(whole, sizeof(whole), "%.*s", (int)(dot - s - 1), s + 1);
	return parse_u64(whole, &seconds) == 0 && parse_u64(dot + 1, &micro) == 0 &&
	       !__builtin_mul_overflow(seconds, NSEC_PER_SEC, ret_ns) &&
	       !__builtin_add_overflow(*ret_ns, micro * NSEC_PER_USEC, ret_ns);
}

/**
 * context_index_line() - one line of an INDEX
 * @line:      without its newline; cut into words, which @ret borrows
 * @ret:       .ns is set only when the line has a time; .moment and .why are not
 * @ret_timed: whether it has one
 *
 * Return: false when it is no such line.
 */
bool context_index_line(char *line, struct context_file *ret, bool *ret_timed)
{
	char *at = line, *stamp;

	*ret = (struct context_file){.moment = "", .why = ""};
	*ret_timed = false;
	ret->name = take_word(&at);
	ret->status = ret->name ? take_word(&at) : NULL;
	if (!ret->status || !take_number(&at, "bytes", &ret->bytes) ||
	    !take_number(&at, "ms", &ret->took_ms))
		return false;
	at += strspn(at, " ");
	if (*at == '@') {
		stamp = take_word(&at);
		*ret_timed = stamp && parse_stamp(stamp, &ret->ns);
		if (!*ret_timed)
			return false;
		at += strspn(at, " ");
	}
	ret->how = at;
	return true;
}

/* ---- a whole INDEX ---- */

struct loader {
	const struct bundle *bundle;
	struct context_index *index;
	const char *moment;
	uint64_t guess_ns; /* of the next file without a time */
	bool failed;	   /* no memory */
};

static bool add_file(struct loader *l, const struct context_file *f)
{
	struct context_index *c = l->index;
	struct context_file *more = reallocarray(c->files, c->count + 1, sizeof(*c->files));

	if (!more)
		return false;
	c->files = more;
	more[c->count++] = *f;
	c->missing += context_file_is_missing(f);
	return true;
}

static void take_line(struct loader *l, char *line)
{
	struct context_file f;
	uint64_t took_ns;
	bool timed;

	if (!context_index_line(line, &f, &timed) || l->index->count == FILES_MAX) {
		l->index->left_out = true;
		return;
	}
	f.moment = l->moment;
	if (!timed) {
		f.ns = l->guess_ns;
		l->index->guessed = true;
	}
	took_ns = min_of(f.took_ms, UINT64_C(1000000)) * NSEC_PER_MSEC;
	if (__builtin_add_overflow(f.ns, took_ns, &l->guess_ns))
		l->guess_ns = f.ns;
	l->failed |= !add_file(l, &f);
}

/* Where a collection without times began: with the recording, or when it ended. */
static uint64_t began(const struct bundle *b, size_t moment)
{
	const struct json_value *m = bundle_manifest(b);

	return moment == 0 ? json_get_u64(m, "created_monotonic_ns", 0)
			   : json_get_u64(json_get(m, "stop"), "monotonic_ns", 0);
}

static int load_moment(const struct bundle *b, size_t moment, struct context_index *c,
		       struct err *e)
{
	struct loader l = {
		.bundle = b, .index = c, .moment = moments[moment], .guess_ns = began(b, moment)};
	struct text *t = &c->texts[moment];
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "context/%s/INDEX", moments[moment]);
	if (!bundle_member(b, path))
		return 0;
	r = bundle_member_load(b, path, INDEX_BYTES, t, NULL);
	if (r == -ENOMEM)
		return err_nomem(e);
	/* What precedes the damage is good; what is too long for one is none. */
	c->left_out |= r < 0;
	for (char *line = t->s, *next; line && *line && !l.failed; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		take_line(&l, line);
	}
	return l.failed ? err_nomem(e) : 0;
}

/* ---- why not ---- */

struct first_line {
	char s[WHY_BYTES];
	size_t n;
};

/* bundle_bytes_fn: until the line is whole, or long enough. */
static int take_first(void *arg, const uint8_t *bytes, size_t n)
{
	struct first_line *f = arg;
	const uint8_t *nl = memchr(bytes, '\n', n);
	size_t take = min_of(nl ? (size_t)(nl - bytes) : n, sizeof(f->s) - 1 - f->n);

	memcpy(f->s + f->n, bytes, take);
	f->n += take;
	return nl || f->n == sizeof(f->s) - 1;
}

/* "# not collected: WHY", "# incomplete: WHY" */
static void find_why(const struct bundle *b, struct context_index *c, const struct context_file *f)
{
	struct first_line line = {0};
	char path[400];
	const char *why;

	(void)snprintf(path, sizeof(path), "context/%s/%s", f->moment, f->name);
	(void)bundle_member_each(b, path, take_first, &line, NULL);
	why = line.s[0] == '#' ? strstr(line.s, ": ") : NULL;
	text_add(&c->whys, why ? why + 2 : "", why ? strlen(why + 2) : 0);
	text_add(&c->whys, "", 1);
}

static int find_whys(const struct bundle *b, struct context_index *c, struct err *e)
{
	const char *at;

	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->files[i].status, "ok") != 0)
			find_why(b, c, &c->files[i]);
	if (!text_ok(&c->whys))
		return err_nomem(e);
	/* Only now they stay where they are. */
	at = c->whys.s;
	for (size_t i = 0; i < c->count; i++) {
		if (!strcmp(c->files[i].status, "ok"))
			continue;
		c->files[i].why = at;
		at += strlen(at) + 1;
	}
	return 0;
}

static int by_time(const void *va, const void *vb)
{
	const struct context_file *a = va, *b = vb;

	if (a->ns != b->ns)
		return a->ns < b->ns ? -1 : 1;
	/* As they stand in the INDEX: names of one text are further on in it. */
	if (a->moment != b->moment)
		return a->moment == moments[0] ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name;
}

/**
 * context_index_load() - the files of both moments, by time
 * @b:   indexed; borrowed until context_index_done()
 * @ret: context_index_done() it, also after a failure
 *
 * That there is no context is no failure.
 *
 * Return: 0 or -ENOMEM.
 */
int context_index_load(const struct bundle *b, struct context_index *ret, struct err *e)
{
	int r = 0;

	*ret = (struct context_index){0};
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(moments); i++)
		r = load_moment(b, i, ret, e);
	if (r == 0)
		r = find_whys(b, ret, e);
	if (r == 0 && ret->count)
		qsort(ret->files, ret->count, sizeof(*ret->files), by_time);
	return r;
}

void context_index_done(struct context_index *c)
{
	free(c->files);
	text_free(&c->texts[0]);
	text_free(&c->texts[1]);
	text_free(&c->whys);
	*c = (struct context_index){0};
}
