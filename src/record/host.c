/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads facts about the host out of the text of /proc files, for the preconditions in check.c.
 * Opens nothing and keeps nothing, so that a test can hand it any text. Formats: proc(5).
 */
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "base/text.h"

#include "host.h"

/* The line that begins with @key, past the key and blanks; NULL when there is none. */
static const char *line_after(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; *p;) {
		if (strncmp(p, key, n) == 0)
			return p + n + strspn(p + n, " \t");
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return NULL;
}

bool host_capabilities(const char *status, uint64_t *ret_effective)
{
	const char *value = line_after(status, "CapEff:");
	uint64_t v;
	char *end;

	if (!value)
		return false;
	v = strtoull(value, &end, 16);
	if (end == value || (*end != '\n' && *end != '\0'))
		return false;
	*ret_effective = v;
	return true;
}

/* "0 0 4294967295" is the map that the first namespace has, and that only it can have in full. */
bool host_is_initial_user_namespace(const char *uid_map)
{
	unsigned long long inside, outside, count;

	return sscanf(uid_map, "%llu %llu %llu", &inside, &outside, &count) == 3 && inside == 0 &&
	       outside == 0 && count == UINT32_MAX;
}

/* One blank-separated field, with the kernel's \NNN (octal) for blanks and backslashes undone. */
static bool take_field(const char **at, char *buf, size_t size)
{
	const char *p = *at;
	size_t n = 0;

	while (*p && *p != ' ' && *p != '\n') {
		char c = *p++;

		if (c == '\\' && p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' &&
		    p[2] >= '0' && p[2] <= '7') {
			c = (char)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
			p += 3;
		}
		/* No name holds a NUL; taken as one it would end the string early. */
		if (c == '\0' || n + 1 >= size)
			return false;
		buf[n++] = c;
	}
	buf[n] = '\0';
	*at = p + (*p == ' ');
	return n > 0;
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE SUPER-OPTIONS" */
static bool parse_mount(const char *line, struct host_mount *ret)
{
	char field[PATH_MAX], separator[4] = "";

	if (!take_field(&line, field, sizeof(field)) || !take_field(&line, field, sizeof(field)) ||
	    !take_field(&line, field, sizeof(field)) ||
	    sscanf(field, "%u:%u", &ret->major, &ret->minor) != 2 ||
	    !take_field(&line, field, sizeof(field)) ||
	    !take_field(&line, ret->point, sizeof(ret->point)) ||
	    !take_field(&line, field, sizeof(field)))
		return false;
	while (strcmp(separator, "-") != 0) {
		if (!take_field(&line, field, sizeof(field)))
			return false;
		(void)snprintf(separator, sizeof(separator), "%.3s", field);
	}
	return take_field(&line, ret->type, sizeof(ret->type));
}

/**
 * host_mount_next() - walk a mountinfo text
 * @at:  where to go on; moved behind the line that was taken
 * @ret: set when true is returned
 *
 * Lines that are not understood are passed over.
 *
 * Return: false at the end of the text.
 */
bool host_mount_next(const char **at, struct host_mount *ret)
{
	while (**at) {
		const char *line = *at;

		*at += strcspn(*at, "\n");
		*at += **at == '\n';
		if (parse_mount(line, ret))
			return true;
	}
	return false;
}

bool host_memory_available(const char *meminfo, uint64_t *ret_bytes)
{
	const char *value = line_after(meminfo, "MemAvailable:");
	unsigned long long kib;

	if (!value || sscanf(value, "%llu kB", &kib) != 1 || kib > UINT64_MAX / KIB)
		return false;
	*ret_bytes = kib * KIB;
	return true;
}

/**
 * host_lock_holder() - who holds the lock of a file
 * @locks:  /proc/locks: "N: FLOCK  ADVISORY  WRITE PID MAJOR:MINOR:INODE 0 EOF", device in hex
 * @device: of the file
 * @inode:  of the file
 *
 * Lines with "->" are of processes that wait. The device is that of the super block; where stat()
 * gives another one (btrfs, overlayfs) nothing is found.
 *
 * Return: its PID as this PID namespace sees it; 0 when nobody is found.
 */
pid_t host_lock_holder(const char *locks, dev_t device, ino_t inode)
{
	for (const char *p = locks; *p;) {
		unsigned int major_, minor_;
		unsigned long ino;
		int pid;

		if (sscanf(p, "%*d: FLOCK ADVISORY WRITE %d %x:%x:%lu", &pid, &major_, &minor_,
			   &ino) == 4 &&
		    major_ == major(device) && minor_ == minor(device) && ino == inode && pid > 0)
			return pid;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return 0;
}
