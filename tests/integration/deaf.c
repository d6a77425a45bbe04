/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For LD_PRELOAD: an epoll that is never told that the kernel log can be read, as on a kernel whose
 * line woke nobody. Everything else is as it was.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	char link[64], path[PATH_MAX] = "";
	struct epoll_event deaf;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (event && readlink(link, path, sizeof(path) - 1) > 0 && strcmp(path, "/dev/kmsg") == 0) {
		deaf = *event;
		deaf.events = 0;
		event = &deaf;
	}
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}
