/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * context/start/scoutfs-sysfs.txt and context/end/scoutfs-sysfs.txt: lines "PATH: VALUE".
 *
 * Called by analyses when they are opened. Few lines, and read once; what is not such a line is
 * passed over.
 */
#include "sysfs.h"

#define FILE_BYTES (4 * MIB)
#define LINE_BYTES 512

/* "f.3d167d.r.d8ec8b" */
static bool parse_mount(const char *s, size_t n, struct logline_mount *ret)
{
	unsigned int fsid, rid;
	char name[20], tail;

	if (n >= sizeof(name))
		return false;
	memcpy(name, s, n);
	name[n] = '\0';
	if (sscanf(name, "f.%6x.r.%6x%c", &fsid, &rid, &tail) != 2)
		return false;
	*ret = (struct logline_mount){.known = true, .fsid = fsid, .rid = rid};
	return true;
}

static void take_line(char *line, sysfs_fn fn, void *arg)
{
	static const char root[] = "/sys/fs/scoutfs/";
	char *name = line + sizeof(root) - 1, *rest, *colon;
	struct logline_mount mount;

	if (strncmp(line, root, sizeof(root) - 1) != 0)
		return;
	rest = strchr(name, '/');
	colon = rest ? strstr(rest, ": ") : NULL;
	if (!colon || !parse_mount(name, (size_t)(rest - name), &mount))
		return;
	*colon = '\0';
	fn(arg, &mount, rest + 1, colon + 2);
}

static void read_file(const struct recording *rec, const char *path, sysfs_fn fn, void *arg)
{
	CLEANUP(text_free) struct text t = {0};

	if (!bundle_member(rec->bundle, path) ||
	    bundle_member_load(rec->bundle, path, FILE_BYTES, &t, NULL) < 0)
		return;
	for (const char *p = text_c(&t), *end = p + t.len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);
		char line[LINE_BYTES];

		if (n < sizeof(line)) {
			memcpy(line, p, n);
			line[n] = '\0';
			take_line(line, fn, arg);
		}
		p += n + 1;
	}
}

void sysfs_each(const struct recording *rec, sysfs_fn fn, void *arg)
{
	read_file(rec, "context/start/scoutfs-sysfs.txt", fn, arg);
	read_file(rec, "context/end/scoutfs-sysfs.txt", fn, arg);
}
