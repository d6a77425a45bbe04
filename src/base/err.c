/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builds the sentence that a failing verb ends with. Everybody calls it;
 * the struct err lies on the stack of whoever will print it, so nothing here
 * allocates and a failure to allocate can be reported too.
 *
 * It does not print and keeps no state. A sentence that does not fit is cut
 * at a character boundary and ends in "...": the beginning names the thing
 * that failed, so it is the end that can be spared.
 */
#include <errno.h>
#include <stdarg.h>

#include "base/err.h"
#include "utf8.h"

#define ELLIPSIS "..."

/* @length is what the sentence would have taken; it is cut back when that was more than there was
 * room for. */
static void cut(char *text, size_t size, int length)
{
	size_t room = size - sizeof(ELLIPSIS);

	if (length < 0)
		(void)snprintf(text, size, "an error whose text cannot be formatted");
	else if ((size_t)length >= size)
		memcpy(text + utf8_floor(text, room), ELLIPSIS, sizeof(ELLIPSIS));
}

/**
 * err_set() - state a failure
 * @e:    filled; NULL is fine. What it said before is forgotten, but may be among the arguments.
 * @code: negative errno, to be handed up
 * @fmt:  what failed, on what, why, and what to do; no newline, no full stop
 *
 * Return: @code, so that a caller can write `return err_set(...)`.
 */
int err_set(struct err *e, int code, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	cut(text, sizeof(text), vsnprintf(text, sizeof(text), fmt, ap));
	va_end(ap);
	e->code = code;
	memcpy(e->text, text, strlen(text) + 1);
	return code;
}

/**
 * err_errno() - state a failure whose reason is a system error
 * @e:    filled; NULL is fine
 * @code: negative errno; its text is added after ": "
 * @fmt:  what failed, on what
 *
 * Return: @code.
 */
int err_errno(struct err *e, int code, const char *fmt, ...)
{
	char text[sizeof(e->text)], reason[128];
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	cut(text, sizeof(text), vsnprintf(text, sizeof(text), fmt, ap));
	va_end(ap);
	return err_set(e, code, "%s: %s", text, strerror_r(-code, reason, sizeof(reason)));
}

/**
 * err_context() - put "what was being done: " before a failure already stated
 * @e:   holds the failure; NULL is fine
 * @fmt: the context
 *
 * Return: the failure's code, to be handed up. Without @e it is not known: -EIO, so that
 * `return err_context(...)` is never taken for success.
 */
int err_context(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	cut(text, sizeof(text), vsnprintf(text, sizeof(text), fmt, ap));
	va_end(ap);
	return err_set(e, e->code, "%s: %s", text, e->text);
}

/**
 * err_nomem() - the failure to allocate, which needs no details
 * @e: filled; NULL is fine
 *
 * Return: -ENOMEM.
 */
int err_nomem(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/**
 * err_clear() - forget a failure that turned out not to matter
 * @e: emptied; NULL is fine
 */
void err_clear(struct err *e)
{
	if (!e)
		return;
	e->code = 0;
	e->text[0] = '\0';
}
