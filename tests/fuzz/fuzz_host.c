/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Texts of /proc and /sys files about the host; a container may show any. Input: which file, then
 * the text.
 *
 * Promised: a walk over mounts ends, and gives strings that end.
 */
#include <sys/sysmacros.h>

#include "host.h"

#include "fuzz.h"

static void walk_mounts(const char *text)
{
	struct host_mount *m = fuzz_alloc(sizeof(*m));
	const char *at = text;
	size_t lines = 1;

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	while (host_mount_next(&at, m)) {
		MUST(lines-- > 0);
		MUST(m->point[0] && strnlen(m->point, sizeof(m->point)) < sizeof(m->point));
		MUST(m->type[0] && strnlen(m->type, sizeof(m->type)) < sizeof(m->type));
	}
	MUST(*at == '\0');
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in = {bytes, n};
	uint8_t mode = input_u8(&in);
	char *text = fuzz_string(in.at, in.left);
	uint64_t v;

	switch (mode % 5) {
	case 0:
		walk_mounts(text);
		break;
	case 1:
		(void)host_capabilities(text, &v);
		break;
	case 2:
		(void)host_is_initial_user_namespace(text);
		break;
	case 3:
		(void)host_memory_available(text, &v);
		break;
	case 4:
		MUST(host_lock_holder(text, makedev(8, 1), 1234) >= 0);
		break;
	}
	free(text);
	return 0;
}
