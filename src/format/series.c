/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The framing of series: samples and their sections, written and read.
 *
 * The recorder writes them (source_series.c), finish() the head, reports walk them. It is framing
 * and no more: what a section's text means is format/counters.c's. Nothing is computed and nothing
 * left out on the way to the disk, so a series cannot be wrong, and a file that grows a column
 * while it is sampled needs nobody's attention; that most of the text is the same each time is the
 * compressor's business.
 *
 * Reading is in the caller's buffer and allocates nothing. The bytes may be a stranger's: where
 * they make no sense the walk goes on at the next line that is a whole sample line.
 */
#include "format/series.h"

#include <errno.h>

#define HEAD_START "# scoutfs-trace series "
#define LINE_MAX_BYTES (17 * KIB) /* a path of 4096 bytes, each escaped, and what is before it */

static const struct {
	int code;
	const char *name;
} errors[] = {
	{EPERM, "EPERM"},
	{ENOENT, "ENOENT"},
	{EINTR, "EINTR"},
	{EIO, "EIO"},
	{ENXIO, "ENXIO"},
	{EAGAIN, "EAGAIN"},
	{ENOMEM, "ENOMEM"},
	{EACCES, "EACCES"},
	{EBUSY, "EBUSY"},
	{ENODEV, "ENODEV"},
	{ENOTDIR, "ENOTDIR"},
	{EISDIR, "EISDIR"},
	{EINVAL, "EINVAL"},
	{ENFILE, "ENFILE"},
	{EMFILE, "EMFILE"},
	{EFBIG, "EFBIG"},
	{ELOOP, "ELOOP"},
	{ENAMETOOLONG, "ENAMETOOLONG"},
	{EOPNOTSUPP, "EOPNOTSUPP"},
	{ENODATA, "ENODATA"},
	{ETIMEDOUT, "ETIMEDOUT"},
	{ENOTCONN, "ENOTCONN"},
	{ESTALE, "ESTALE"},
	{EMSGSIZE, "EMSGSIZE"},
	{EHOSTDOWN, "EHOSTDOWN"},
	{ESHUTDOWN, "ESHUTDOWN"},
	{EPROTONOSUPPORT, "EPROTONOSUPPORT"},
};

/* ---- writing ---- */

/** series_name_ok() - a word of a-z, 0-9, _ and -, at most SERIES_NAME_MAX, that makes a file name
 */
bool series_name_ok(const char *name, size_t n)
{
	if (!n || n > SERIES_NAME_MAX || name[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '_' && name[i] != '-')
			return false;
	return true;
}

/* Seconds, exactly and as short as can be: 1, 0.01, 2.5. */
static void add_seconds(uint64_t ns, struct text *out)
{
	char fraction[16];
	size_t n;

	text_printf(out, "%llu", (unsigned long long)(ns / NSEC_PER_SEC));
	if (ns % NSEC_PER_SEC == 0)
		return;
	n = (size_t)snprintf(fraction, sizeof(fraction), ".%09llu",
			     (unsigned long long)(ns % NSEC_PER_SEC));
	while (fraction[n - 1] == '0')
		n--;
	text_add(out, fraction, n);
}

/**
 * series_head_write() - the first line of a member
 * @name:        series_name_ok()
 * @interval_ns: 0: at the start and at the end
 */
void series_head_write(const char *name, uint64_t interval_ns, struct text *out)
{
	text_printf(out, HEAD_START "%d %s ", SERIES_VERSION, name);
	if (interval_ns) {
		text_str(out, "every ");
		add_seconds(interval_ns, out);
		text_str(out, " s\n");
	} else {
		text_str(out, "once\n");
	}
}

/** series_sample_write() - the line that begins a sample; its sections follow */
void series_sample_write(uint64_t mono_ns, uint64_t took_ns, uint32_t sections, struct text *out)
{
	text_printf(out, "@ %llu %llu %u\n", (unsigned long long)mono_ns,
		    (unsigned long long)took_ns, sections);
}

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

/* A line's end would end it; so that it can be had back, what escapes is escaped too. */
static void add_path(const char *path, struct text *out)
{
	for (const char *p = path; *p;) {
		size_t n = 0;

		while (p[n] && !is_control((unsigned char)p[n]) && p[n] != '\\')
			n++;
		text_add(out, p, n);
		p += n;
		if (*p)
			text_printf(out, "\\x%02x", (unsigned char)*p++);
	}
}

/**
 * series_section_write() - one section of a sample
 * @path: where it is from, or a name; escaped here, so at most PATH_MAX bytes of it
 */
void series_section_write(const char *path, const void *bytes, size_t n, struct text *out)
{
	char head[32], *at = head + sizeof(head);
	size_t left = n;

	/* By hand: a sample may have thousands. */
	*--at = ' ';
	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	*--at = ' ';
	*--at = '=';
	text_add(out, at, (size_t)(head + sizeof(head) - at));
	add_path(path, out);
	text_add(out, "\n", 1);
	text_add(out, bytes, n);
	text_add(out, "\n", 1);
}

/**
 * series_failure_write() - a section that could not be read
 * @code: negative errno
 */
void series_failure_write(const char *path, int code, struct text *out)
{
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].code == -code)
			name = errors[i].name;
	if (name)
		text_printf(out, "! %s 0 ", name);
	else
		text_printf(out, "! E%d 0 ", -code);
	add_path(path, out);
	text_str(out, "\n");
}

/* ---- reading ---- */

static bool take_char(const char **at, const char *end, char c)
{
	if (*at == end || **at != c)
		return false;
	++*at;
	return true;
}

/* The line at @at without its end; false when it is longer than any of ours, or has no end. */
static bool line_at(const char *at, const char *end, const char **ret_end)
{
	size_t n = min_of((size_t)(end - at), (size_t)LINE_MAX_BYTES);
	const char *nl = n ? memchr(at, '\n', n) : NULL;

	*ret_end = nl;
	return nl != NULL;
}

/* "1", "0.01": ns. */
static bool take_seconds(const char **at, const char *end, uint64_t *ret_ns)
{
	uint64_t whole, unit = NSEC_PER_SEC / 10;

	if (!parse_u64_at(at, end, &whole) || __builtin_mul_overflow(whole, NSEC_PER_SEC, ret_ns))
		return false;
	if (!take_char(at, end, '.'))
		return true;
	for (; *at < end && **at >= '0' && **at <= '9'; ++*at, unit /= 10)
		if (__builtin_add_overflow(*ret_ns, unit * (uint64_t)(**at - '0'), ret_ns))
			return false;
	return true;
}

static bool take_interval(const char **at, const char *end, uint64_t *ret_ns)
{
	static const char once[] = "once", every[] = "every ", unit[] = " s";
	size_t left = (size_t)(end - *at);

	if (left == sizeof(once) - 1 && memcmp(*at, once, left) == 0) {
		*at = end;
		*ret_ns = 0;
		return true;
	}
	if (left < sizeof(every) || memcmp(*at, every, sizeof(every) - 1) != 0)
		return false;
	*at += sizeof(every) - 1;
	return take_seconds(at, end, ret_ns) && *ret_ns &&
	       (size_t)(end - *at) == sizeof(unit) - 1 && memcmp(*at, unit, sizeof(unit) - 1) == 0;
}

/**
 * series_head_parse() - the first line of a member
 * @ret: set when it is one
 *
 * Return: how many bytes the line has; 0: it is none, or of another version.
 */
size_t series_head_parse(const void *bytes, size_t n, struct series_head *ret)
{
	const char *at = bytes, *end, *space;
	const size_t start = sizeof(HEAD_START) - 1;
	struct series_head head = {0};
	uint64_t version;

	if (n < start || memcmp(at, HEAD_START, start) != 0 || !line_at(at, at + n, &end))
		return 0;
	at += start;
	if (!parse_u64_at(&at, end, &version) || version != SERIES_VERSION ||
	    !take_char(&at, end, ' '))
		return 0;
	space = memchr(at, ' ', (size_t)(end - at));
	if (!space || !series_name_ok(at, (size_t)(space - at)))
		return 0;
	memcpy(head.name, at, (size_t)(space - at));
	at = space + 1;
	if (!take_interval(&at, end, &head.interval_ns))
		return 0;
	*ret = head;
	return (size_t)(end - (const char *)bytes) + 1;
}

void series_walk_begin(struct series_walk *w, const void *bytes, size_t n)
{
	struct series_head head;
	size_t head_bytes = series_head_parse(bytes, n, &head);

	*w = (struct series_walk){.at = (const char *)bytes + head_bytes,
				  .end = (const char *)bytes + n};
}

static bool parse_sample(const char *at, const char *end, struct series_sample *ret,
			 const char **ret_end)
{
	uint64_t sections;

	if (!take_char(&at, end, '@') || !take_char(&at, end, ' ') ||
	    !parse_u64_at(&at, end, &ret->mono_ns) || !take_char(&at, end, ' ') ||
	    !parse_u64_at(&at, end, &ret->took_ns) || !take_char(&at, end, ' ') ||
	    !parse_u64_at(&at, end, &sections) || sections > SERIES_SECTIONS_MAX ||
	    !take_char(&at, end, '\n'))
		return false;
	ret->sections = (uint32_t)sections;
	*ret_end = at;
	return true;
}

static const char *next_line(const char *at, const char *end)
{
	const char *nl = memchr(at, '\n', (size_t)(end - at));

	return nl ? nl + 1 : end;
}

/**
 * series_next_sample() - go on to the next sample
 *
 * Sections of the one before that were not asked for are stepped over.
 *
 * Return: 1 and @ret; 0 at the end.
 */
int series_next_sample(struct series_walk *w, struct series_sample *ret)
{
	struct series_sample sample = {0};
	struct series_section section;
	const char *next;

	while (w->left && series_next_section(w, &section) > 0)
		;
	w->left = 0;
	while (w->at < w->end) {
		if (parse_sample(w->at, w->end, &sample, &next)) {
			w->at = next;
			w->left = sample.sections;
			*ret = sample;
			return 1;
		}
		next = next_line(w->at, w->end);
		w->skipped += (uint64_t)(next - w->at);
		w->at = next;
	}
	return 0;
}

/* "1234 PATH" or "ENOENT 0 PATH", up to the path. */
static bool parse_section(const char *at, const char *end, struct series_section *ret)
{
	bool failed = *at == '!';
	const char *space;
	uint64_t n;

	if ((!failed && *at != '=') || end - at < 2 || at[1] != ' ')
		return false;
	at += 2;
	if (failed) {
		space = memchr(at, ' ', (size_t)(end - at));
		if (!space || space == at || space - at >= SERIES_ERROR_MAX)
			return false;
		for (const char *p = at; p < space; p++)
			if (!(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9'))
				return false;
		memcpy(ret->error, at, (size_t)(space - at));
		at = space + 1;
	}
	if (!parse_u64_at(&at, end, &n) || !take_char(&at, end, ' ') || (failed && n) ||
	    n > SIZE_MAX / 2)
		return false;
	ret->path = at;
	ret->path_bytes = (size_t)(end - at);
	ret->byte_count = (size_t)n;
	for (const char *p = at; p < end; p++)
		if (is_control((unsigned char)*p))
			return false;
	return true;
}

/**
 * series_next_section() - the next section of the sample that series_next_sample() gave
 *
 * Return: 1 and @ret; 0 when the sample has no more; -EBADMSG when the rest of it makes no sense
 * (series_next_sample() finds the next one).
 */
int series_next_section(struct series_walk *w, struct series_section *ret)
{
	struct series_section section = {0};
	const char *line_end;

	if (!w->left)
		return 0;
	if (!line_at(w->at, w->end, &line_end) || !parse_section(w->at, line_end, &section) ||
	    (!section.error[0] && (section.byte_count >= (size_t)(w->end - (line_end + 1)) ||
				   line_end[1 + section.byte_count] != '\n'))) {
		w->left = 0;
		return -EBADMSG;
	}
	w->left--;
	w->at = line_end + 1;
	if (!section.error[0]) {
		section.bytes = w->at;
		w->at += section.byte_count + 1;
	}
	*ret = section;
	return 1;
}

/** series_path() - a section's path without the escapes; any bytes but NUL may be in it */
void series_path(const struct series_section *s, struct text *out)
{
	for (size_t i = 0; i < s->path_bytes;) {
		const char *p = s->path + i;

		if (*p == '\\' && s->path_bytes - i >= 4 && p[1] == 'x' && hex_digit(p[2]) >= 0 &&
		    hex_digit(p[3]) >= 0 && (hex_digit(p[2]) || hex_digit(p[3]))) {
			char c = (char)(hex_digit(p[2]) << 4 | hex_digit(p[3]));

			text_add(out, &c, 1);
			i += 4;
		} else {
			text_add(out, p, 1);
			i++;
		}
	}
}
