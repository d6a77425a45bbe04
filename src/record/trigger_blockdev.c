/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which block devices lie under the scoutfs mounts of this host, as a filter for block events.
 *
 * A mount names its data device by number and its metadata device by path, both in sysfs. The block
 * layer reports an error where the request failed: on the whole disk, not the partition, and for
 * a device made of others (multipath, LVM, md) on those below. So partitions are replaced by their
 * disk and every device's slaves are followed.
 *
 * For trigger_event.c alone. Reads files; owns nothing.
 */
#include "trigger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"

#define DEVICES_MAX \
	64	    /* a multipath LUN has eight paths or so; the filter must stay below a page */
#define DEPTH_MAX 8 /* of devices upon devices */

struct devices {
	const char *sys;
	dev_t found[DEVICES_MAX];
	unsigned int count;
};

static bool read_line(const char *path, char *ret, size_t size)
{
	CLEANUP(text_free) struct text t = {0};

	if (file_load(path, 4096, &t, NULL) < 0)
		return false;
	snprintf(ret, size, "%s", text_c(&t));
	ret[strcspn(ret, "\n")] = '\0';
	return ret[0] != '\0';
}

static bool parse_dev(const char *s, dev_t *ret)
{
	unsigned int major, minor;

	if (sscanf(s, "%u:%u", &major, &minor) != 2)
		return false;
	*ret = makedev(major, minor);
	return true;
}

static bool read_dev(const char *path, dev_t *ret)
{
	char line[64];

	return read_line(path, line, sizeof(line)) && parse_dev(line, ret);
}

static void add_device(struct devices *d, dev_t dev, unsigned int depth)
{
	CLEANUP(freep) struct dirent **slaves = NULL;
	char block[256], path[1024];
	int n;

	snprintf(block, sizeof(block), "%s/dev/block/%u:%u", d->sys, major(dev), minor(dev));
	snprintf(path, sizeof(path), "%s/partition", block);
	if (access(path, F_OK) == 0) {
		snprintf(path, sizeof(path), "%s/../dev", block);
		if (read_dev(path, &dev))
			snprintf(block, sizeof(block), "%s/dev/block/%u:%u", d->sys, major(dev),
				 minor(dev));
	}
	for (unsigned int i = 0; i < d->count; i++)
		if (d->found[i] == dev)
			return;
	if (d->count == DEVICES_MAX || depth == DEPTH_MAX)
		return;
	d->found[d->count++] = dev;

	snprintf(path, sizeof(path), "%s/slaves", block);
	n = scandir(path, &slaves, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		dev_t slave;

		snprintf(path, sizeof(path), "%s/slaves/%s/dev", block, slaves[i]->d_name);
		if (slaves[i]->d_name[0] != '.' && read_dev(path, &slave))
			add_device(d, slave, depth + 1);
		free(slaves[i]);
	}
}

static void add_mount(struct devices *d, const char *mount)
{
	char path[1024], device[1024];
	struct stat st;
	dev_t dev;

	snprintf(path, sizeof(path), "%s/fs/scoutfs/%s/data_device_maj_min", d->sys, mount);
	if (read_dev(path, &dev))
		add_device(d, dev, 0);
	snprintf(path, sizeof(path), "%s/fs/scoutfs/%s/mount_options/metadev_path", d->sys, mount);
	if (read_line(path, device, sizeof(device)) && stat(device, &st) == 0 &&
	    S_ISBLK(st.st_mode))
		add_device(d, st.st_rdev, 0);
}

/**
 * trigger_blockdev_filter() - "dev == N || dev == M" for all devices under all scoutfs mounts
 * @sys:  where sysfs is
 * @ret:  the filter; empty when there is no mount, or when it does not fit
 * @size: of @ret
 *
 * N is the kernel's own form of a device number, major << 20 | minor (linux/kdev_t.h), which is
 * what the dev field of block events holds.
 *
 * Return: how many devices the filter names.
 */
unsigned int trigger_blockdev_filter(const char *sys, char *ret, size_t size)
{
	CLEANUP(freep) struct dirent **mounts = NULL;
	struct devices d = {.sys = sys};
	char path[256];
	size_t len = 0;
	int n;

	ret[0] = '\0';
	snprintf(path, sizeof(path), "%s/fs/scoutfs", sys);
	n = scandir(path, &mounts, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (str_starts(mounts[i]->d_name, "f."))
			add_mount(&d, mounts[i]->d_name);
		free(mounts[i]);
	}
	for (unsigned int i = 0; i < d.count; i++) {
		len += (size_t)snprintf(ret + len, size - len, "%sdev == %u", i ? " || " : "",
					major(d.found[i]) << 20 | minor(d.found[i]));
		if (len >= size) {
			ret[0] = '\0';
			return 0;
		}
	}
	return d.count;
}
