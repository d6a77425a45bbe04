/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the numbers in scoutfs's events mean: names for those that the kernel prints as numbers, and
 * values of names that it left in its tables.
 *
 * Called by print_compile.c, once for each event format, when names are wanted. What other programs
 * print is untouched without that. Names of the protocol are those of format/wire.h.
 */
#include <errno.h>
#include <fnmatch.h>

#include "format/wire.h"
#include "print_program.h"

static const char *role_name(unsigned int role)
{
	static const char *const names[] = {"follower", "candidate", "leader"};

	return role < ARRAY_SIZE(names) ? names[role] : "?";
}

/* What the kernel's functions return (asm-generic/errno.h), of those that a file system meets. */
static const char *errno_name(unsigned int value)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{EPERM, "EPERM"},
		{ENOENT, "ENOENT"},
		{EINTR, "EINTR"},
		{EIO, "EIO"},
		{EBADF, "EBADF"},
		{EAGAIN, "EAGAIN"},
		{ENOMEM, "ENOMEM"},
		{EACCES, "EACCES"},
		{EBUSY, "EBUSY"},
		{EEXIST, "EEXIST"},
		{EXDEV, "EXDEV"},
		{ENODEV, "ENODEV"},
		{ENOTDIR, "ENOTDIR"},
		{EISDIR, "EISDIR"},
		{EINVAL, "EINVAL"},
		{EFBIG, "EFBIG"},
		{ENOSPC, "ENOSPC"},
		{EROFS, "EROFS"},
		{EMLINK, "EMLINK"},
		{EPIPE, "EPIPE"},
		{ERANGE, "ERANGE"},
		{ENAMETOOLONG, "ENAMETOOLONG"},
		{ENOTEMPTY, "ENOTEMPTY"},
		{ENODATA, "ENODATA"},
		{ENOLINK, "ENOLINK"},
		{EBADMSG, "EBADMSG"},
		{EOVERFLOW, "EOVERFLOW"},
		{EOPNOTSUPP, "EOPNOTSUPP"},
		{EADDRINUSE, "EADDRINUSE"},
		{EADDRNOTAVAIL, "EADDRNOTAVAIL"},
		{ENETDOWN, "ENETDOWN"},
		{ENETUNREACH, "ENETUNREACH"},
		{ENETRESET, "ENETRESET"},
		{ECONNABORTED, "ECONNABORTED"},
		{ECONNRESET, "ECONNRESET"},
		{ENOTCONN, "ENOTCONN"},
		{ESHUTDOWN, "ESHUTDOWN"},
		{ETIMEDOUT, "ETIMEDOUT"},
		{ECONNREFUSED, "ECONNREFUSED"},
		{EHOSTDOWN, "EHOSTDOWN"},
		{EHOSTUNREACH, "EHOSTUNREACH"},
		{EALREADY, "EALREADY"},
		{EINPROGRESS, "EINPROGRESS"},
		{ESTALE, "ESTALE"},
		{EUCLEAN, "EUCLEAN"},
		{EDQUOT, "EDQUOT"},
		{512, "ERESTARTSYS"}, /* linux/errno.h: never seen outside the kernel */
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (0U - (unsigned int)names[i].number == value)
			return names[i].name;
	return NULL;
}

struct naming {
	const char *event, *field; /* patterns of fnmatch() */
	print_name_fn name_of;
};

static const struct naming namings[] = {
	{"scoutfs_net_*_message", "nh_cmd", wire_command_name},
	{"scoutfs_net_*_message", "nh_error", wire_error_name},
	{"scoutfs_lock_*", "mode", wire_lock_mode_name},
	{"scoutfs_lock_*", "invalidating_mode", wire_lock_mode_name},
	{"scoutfs_lock_message", "old_mode", wire_lock_mode_name},
	{"scoutfs_lock_message", "new_mode", wire_lock_mode_name},
	{"scoutfs_quorum_*_message", "type", wire_quorum_type_name},
	{"scoutfs_quorum_loop", "role", role_name},
	{"scoutfs_*", "ret", errno_name},
	{"scoutfs_*", "err", errno_name},
};

/* Bits of flags of connections, in the order of the kernel's enum conn_flags (src/net.h). */
static const char *const conn_flags[] = {
	"valid_greeting", "established", "shutting_down",  "saw_greeting",
	"saw_farewell",	  "reconn_wait", "reconn_freeing", NULL};
/* Of scoutfs_lock_message, in the order of its enum (src/lock_server.c). */
static const char *const lock_words[] = {"CLIENT",  "SERVER",	"GRANT", "INVALIDATE",
					 "REQUEST", "RESPONSE", NULL};

/* Names that the kernel leaves in its tables, whose values the library cannot know. */
static const struct {
	const char *prefix;
	const char *const *names; /* in order, ended by NULL */
	bool bits;
} left_names[] = {{"CONN_FL_", conn_flags, true}, {"SLT_", lock_words, false}};

/** print_names_of() - what gives the numbers of a field of a scoutfs event their names; NULL: none
 */
print_name_fn print_names_of(const char *event, const char *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(namings); i++)
		if (fnmatch(namings[i].event, event, 0) == 0 &&
		    strcmp(namings[i].field, field) == 0)
			return namings[i].name_of;
	return NULL;
}

/** print_names_value() - of a name that the kernel left in a table; -1: it is none */
int64_t print_names_value(const char *name)
{
	for (size_t k = 0; k < ARRAY_SIZE(left_names); k++) {
		const char *prefix = left_names[k].prefix;

		if (!str_starts(name, prefix))
			continue;
		for (size_t i = 0; left_names[k].names[i]; i++)
			if (strcmp(left_names[k].names[i], name + strlen(prefix)) == 0)
				return left_names[k].bits ? INT64_C(1) << i : (int64_t)i;
	}
	return -1;
}
