/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a configuration file, and writes values as it takes them.
 *
 * Called by setting_read.c, which knows what sections and keys there are; here is only the form:
 *
 *	# a comment
 *	KEY = VALUE
 *	[SECTION]
 *
 * A value is one word, or stands in quotes, as on a shell's command line: '...' is taken as it is,
 * in "..." a backslash begins \\, \", \n, \t or \xNN. A comment may follow a value. Words that
 * follow it without being a comment are refused: cutting a pattern at its first blank, or taking a
 * comment into it, would arm something else than was meant.
 *
 * The file tells a program of root's where to write and what to record, so it is refused when
 * others could have written it. It is parsed in place: no value is longer than it was written.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

#define CONFIG_BYTES_MAX (64 * KIB)
#define LINES_STEP 64
#define UTF8_MARK "\xef\xbb\xbf" /* what some editors begin a file with */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static int add_line(struct config *c, const struct config_line *line, struct err *e)
{
	if (c->count % LINES_STEP == 0) {
		struct config_line *more =
			realloc(c->lines, (c->count + LINES_STEP) * sizeof(*more));

		if (!more)
			return err_nomem(e);
		c->lines = more;
	}
	c->lines[c->count++] = *line;
	return 0;
}

/* The end of a line that has said what it had to. */
static int take_rest(const char *s, struct err *e)
{
	while (is_blank(*s))
		s++;
	if (!*s || *s == '#')
		return 0;
	return err_set(e, -EINVAL,
		       "'%.40s' follows the value; one that has blanks in it stands in quotes", s);
}

/* What a backslash and the characters at @s stand for, or -1; @ret_used: how many they are. */
static int escaped(const char *s, size_t *ret_used)
{
	int high, low;

	*ret_used = 1;
	switch (*s) {
	case '\\':
	case '"':
		return *s;
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'x':
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		*ret_used = 3;
		return low < 0 || !(high | low) ? -1 : high << 4 | low;
	}
	return -1;
}

/* @s stands behind the opening quote. What is in it replaces it; *ret_end: behind the closing one.
 */
static int unquote(char *s, char quote, char **ret_end, struct err *e)
{
	char *to = s;

	while (*s && *s != quote) {
		size_t used;
		int c;

		if (quote == '\'' || *s != '\\') {
			*to++ = *s++;
			continue;
		}
		c = escaped(s + 1, &used);
		if (c < 0)
			return err_set(e, -EINVAL,
				       "'%.4s' means nothing in double quotes; write \\\\ for a "
				       "backslash, or use single quotes",
				       s);
		*to++ = (char)c;
		s += 1 + used;
	}
	if (!*s)
		return err_set(e, -EINVAL, "the closing %c is missing", quote);
	*ret_end = s + 1;
	*to = '\0';
	return 0;
}

static int take_value(char *s, const char **ret, struct err *e)
{
	char *end = s;
	int r;

	if (*s == '"' || *s == '\'') {
		*ret = s + 1;
		r = unquote(s + 1, *s, &end, e);
		if (r < 0)
			return r;
		if (*end && !is_blank(*end))
			return err_set(e, -EINVAL, "'%.40s' follows the closing quote", end);
		return take_rest(end, e);
	}
	while (*end && !is_blank(*end))
		end++;
	*ret = s;
	if (end == s || *s == '#')
		return err_set(e, -EINVAL,
			       "the value is missing; without the line the default counts");
	r = take_rest(end, e);
	*end = '\0';
	return r;
}

static int take_key(char *s, struct config_line *line, struct err *e)
{
	char *end = s, *value;

	while (is_name_char(*end))
		end++;
	value = skip_blanks(end);
	if (end == s || *value != '=')
		return err_set(e, -EINVAL,
			       "'%.40s' is not of the form KEY = VALUE; an option without a value "
			       "is written KEY = yes",
			       s);
	*end = '\0';
	line->key = s;
	return take_value(skip_blanks(value + 1), &line->value, e);
}

static int take_section(char *s, struct config_line *line, struct err *e)
{
	char *name = skip_blanks(s), *end = name, *bracket;

	while (is_name_char(*end))
		end++;
	bracket = skip_blanks(end);
	if (end == name || *bracket != ']')
		return err_set(e, -EINVAL, "a section is written [NAME]");
	if (take_rest(bracket + 1, NULL) < 0)
		return err_set(e, -EINVAL, "nothing may follow the section on its line");
	*end = '\0';
	line->section = name;
	return 0;
}

static int check_characters(const char *s, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
			return err_set(e, -EINVAL,
				       "there is a control character (%#04x); is this a text file?",
				       (unsigned int)(unsigned char)s[i]);
	return 0;
}

/* One line, without its newline; *section is the one it stands in, and may begin. */
static int parse_line(struct config *c, char *s, unsigned int number, const char **section,
		      struct err *e)
{
	struct config_line line = {.section = *section, .line = number};
	size_t n = strlen(s);
	int r;

	while (n && (is_blank(s[n - 1]) || s[n - 1] == '\r'))
		s[--n] = '\0';
	s = skip_blanks(s);
	if (!*s || *s == '#' || *s == ';')
		return 0;
	r = check_characters(s, strlen(s), e);
	if (r == 0)
		r = *s == '[' ? take_section(s + 1, &line, e) : take_key(s, &line, e);
	if (r == 0)
		r = add_line(c, &line, e);
	*section = line.section;
	return r;
}

/**
 * config_parse() - the lines of c->bytes
 * @c: .path (for messages) and .bytes set, the rest empty; the bytes are written to
 * @e: names the file and the line
 *
 * Return: 0; -EINVAL for what is not in the form; -ENOMEM.
 */
int config_parse(struct config *c, struct err *e)
{
	const char *section = NULL;
	unsigned int number = 0;
	char *s = c->bytes.s, *end = s ? s + c->bytes.len : NULL;

	if (s && str_starts(s, UTF8_MARK))
		s += strlen(UTF8_MARK);
	while (s < end) {
		char *newline = memchr(s, '\n', (size_t)(end - s));
		char *stop = newline ? newline : end;
		int r = 0;

		number++;
		*stop = '\0'; /* a text has room for one behind its end */
		if (strlen(s) != (size_t)(stop - s))
			r = err_set(e, -EINVAL, "there is a zero byte; is this a text file?");
		if (r == 0)
			r = parse_line(c, s, number, &section, e);
		if (r == -EINVAL)
			return err_context(e, "%s:%u", c->path, number);
		if (r < 0)
			return r;
		s = stop + 1;
	}
	return 0;
}

static int check_owner(const char *path, const struct stat *st, struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, -EINVAL,
			       "%s is not a regular file; put a text file with lines KEY = VALUE "
			       "in its place",
			       path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(e, -EPERM,
			       "%s belongs to user %u, who could have a recorder write anywhere as "
			       "root; mend it with: chown root %s",
			       path, st->st_uid, path);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, -EPERM,
			       "%s can be written by others than its owner, who could have a "
			       "recorder write anywhere as root; mend it with: chmod go-w %s",
			       path, path);
	if ((uint64_t)st->st_size > CONFIG_BYTES_MAX)
		return err_set(e, -EINVAL,
			       "%s is too large for a configuration file; put one of at most 64 "
			       "KiB in its place",
			       path);
	return 0;
}

static int read_file(const char *path, struct text *ret, struct err *e)
{
	/* Not to wait for the writer of a FIFO. */
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char buf[4096];
	struct stat st;
	ssize_t n;
	int r;

	/* Somebody meant a file to be there: going on without it would not be what was meant. */
	if (fd < 0 && errno == ENOENT && lstat(path, &st) == 0)
		return err_set(e, -EINVAL,
			       "%s is a symbolic link to a file that is not there; make it, or "
			       "remove the link",
			       path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, -errno, "cannot read the configuration file %s", path);
	r = check_owner(path, &st, e);
	if (r < 0)
		return r;
	while ((n = file_pread_all(fd, buf, sizeof(buf), ret->len)) > 0 &&
	       ret->len < CONFIG_BYTES_MAX)
		text_add(ret, buf, (size_t)n);
	if (n < 0)
		return err_errno(e, (int)n, "cannot read the configuration file %s", path);
	return text_ok(ret) ? 0 : err_nomem(e);
}

/**
 * config_load() - read a file
 * @path: links are followed: what counts is the file that is read
 * @ret:  empty; set on failure too, always for config_done()
 * @e:    what is wrong, and with which line
 *
 * Return: 0; -EINVAL for what is not in the form; -EPERM when others could have written it; another
 * negative errno when it cannot be read.
 */
int config_load(const char *path, struct config *ret, struct err *e)
{
	int r;

	ret->path = strdup(path);
	if (!ret->path)
		return err_nomem(e);
	r = read_file(path, &ret->bytes, e);
	return r < 0 ? r : config_parse(ret, e);
}

void config_done(struct config *c)
{
	free(c->path);
	free(c->lines);
	text_free(&c->bytes);
	*c = (struct config){0};
}

/** config_put_value() - a value as config_parse() reads it back, quoted where it must be */
void config_put_value(struct text *out, const char *value)
{
	bool controls = check_characters(value, strlen(value), NULL) < 0 || strchr(value, '\t');

	if (!controls && *value && !strpbrk(value, " '\"") && *value != '#') {
		text_str(out, value);
		return;
	}
	if (!controls && !strchr(value, '\'')) {
		text_printf(out, "'%s'", value);
		return;
	}
	text_str(out, "\"");
	for (const char *s = value; *s; s++) {
		if (*s == '\\' || *s == '"')
			text_printf(out, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			text_printf(out, "\\x%02x", (unsigned int)(unsigned char)*s);
		else
			text_add(out, s, 1);
	}
	text_str(out, "\"");
}
