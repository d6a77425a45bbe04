// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events under the real module's names, without the module.
 *
 * Each event is a function of two instructions, a no-op and a return, that gets a pointer to its
 * record. A uprobe event of the group `scoutfs` (EVENT_SYSTEM) on the no-op fetches the fields from
 * the record, so that events/scoutfs/NAME exists in tracefs and fires for real. The functions are
 * written in assembly so that no compiler can inline them or put anything before the no-op; a
 * five-byte no-op is what x86 kernels from 6.18 on turn into a call, several times cheaper than a
 * trap, and every kernel emulates it.
 *
 * The definitions are global to the machine and outlive the process: the sim's main program
 * installs and removes them on request only. This module never enables an event and touches no
 * tracing instance.
 */
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define HOOK_BODY ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n\tret\n"
#define FIRST_ARGUMENT "%di"
#elif defined(__aarch64__)
#define HOOK_BODY "nop\n\tret\n"
#define FIRST_ARGUMENT "%x0"
#else
#error "The hooks are written for x86_64 and aarch64; add this machine's no-op, return and first argument."
#endif

#define X(name, record)                                                                            \
	__asm__(".pushsection .text\n\t.p2align 4\n\t.globl hook_" #name "\n\t.hidden hook_" #name \
		"\n\t.type hook_" #name ", %function\nhook_" #name ":\n\t" HOOK_BODY               \
		"\t.size hook_" #name ", . - hook_" #name "\n\t.popsection\n");
SIM_EVENTS(X)
#undef X

uint64_t hook_fired[EV_COUNT];

struct field {
	const char *name;
	size_t offset;
	const char *type; /* of Documentation/trace/uprobetracer.rst */
};

/* clang-format off */
#define FIELD(record, f, kind) {.name = #f, .offset = offsetof(struct ev_##record, f), .type = kind}
/* clang-format on */
#define U64(record, f) FIELD(record, f, "u64")
#define X64(record, f) FIELD(record, f, "x64")
#define S64(record, f) FIELD(record, f, "s64")
#define U32(record, f) FIELD(record, f, "u32")
#define S32(record, f) FIELD(record, f, "s32")
#define U16(record, f) FIELD(record, f, "u16")
#define U8(record, f) FIELD(record, f, "u8")
#define HEAD(record) X64(record, fsid), X64(record, rid)

static const struct field fields_message[] = {
	HEAD(message),
	U32(message, name_addr),
	U16(message, name_port),
	U32(message, peer_addr),
	U16(message, peer_port),
	U64(message, nh_seq),
	U64(message, nh_recv_seq),
	U64(message, nh_id),
	U16(message, nh_data_len),
	U8(message, nh_cmd),
	U8(message, nh_flags),
	U8(message, nh_error),
	{0},
};
static const struct field fields_conn[] = {
	HEAD(conn),
	X64(conn, flags),
	U64(conn, reconn_deadline),
	U64(conn, connect_timeout_ms),
	X64(conn, sock),
	U64(conn, c_rid),
	U64(conn, greeting_id),
	U32(conn, sockname_addr),
	U16(conn, sockname_port),
	U32(conn, peername_addr),
	U16(conn, peername_port),
	U8(conn, e_accepted_head),
	X64(conn, listening_conn),
	U8(conn, e_accepted_list),
	U64(conn, next_send_seq),
	U64(conn, next_send_id),
	U8(conn, e_send_queue),
	U8(conn, e_resend_queue),
	U64(conn, recv_seq),
	{0},
};
static const struct field fields_quorum[] = {
	HEAD(quorum), U64(quorum, term), U8(quorum, type), S32(quorum, nr), {0},
};
static const struct field fields_loop[] = {
	HEAD(loop),	      U64(loop, term),	     S32(loop, role),  S32(loop, vote_for),
	X64(loop, vote_bits), U64(loop, vote_count), U64(loop, nsecs), {0},
};
static const struct field fields_client[] = {
	HEAD(client),
	S64(client, c_rid),
	U64(client, nr_clients),
	{0},
};
static const struct field fields_work[] = {
	HEAD(work),
	U64(work, data),
	S32(work, ret),
	{0},
};
static const struct field fields_lock[] = {
	HEAD(lock),
	U8(lock, start_zone),
	U64(lock, start_first),
	U8(lock, start_type),
	U64(lock, start_second),
	U64(lock, start_third),
	U8(lock, start_fourth),
	U8(lock, end_zone),
	U64(lock, end_first),
	U8(lock, end_type),
	U64(lock, end_second),
	U64(lock, end_third),
	U8(lock, end_fourth),
	U64(lock, refresh_gen),
	U64(lock, write_seq),
	U64(lock, dirty_trans_seq),
	U8(lock, request_pending),
	U8(lock, invalidate_pending),
	S32(lock, mode),
	S32(lock, invalidating_mode),
	U32(lock, waiters_cw),
	U32(lock, waiters_pr),
	U32(lock, waiters_ex),
	U32(lock, users_cw),
	U32(lock, users_pr),
	U32(lock, users_ex),
	{0},
};
static const struct field fields_trans[] = {
	HEAD(trans),
	U64(trans, dirty_block_bytes),
	U64(trans, dirty_item_pages),
	{0},
};

static const struct {
	const char *name;
	uintptr_t address;
	const struct field *fields;
} events[EV_COUNT] = {
#define X(name, record) {"scoutfs_" #name, (uintptr_t)hook_##name, fields_##record},
	SIM_EVENTS(X)
#undef X
};

/* A definition is one line of uprobe_events; the kernel reads at most 4095 bytes of one. */
#define DEFINITION_BYTES 4096
#define LISTING_BYTES (1024 * 1024)

/** hook_name() - the event's name in tracefs, static */
const char *hook_name(enum hook_event e)
{
	return events[e].name;
}

struct load {
	uintptr_t address;
	uint64_t offset;
	bool found;
};

static int find_in_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct load *l = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD || l->address < start || l->address >= start + p->p_filesz)
			continue;
		l->offset = l->address - start + p->p_offset;
		l->found = true;
	}
	return 1; /* the first object is the program itself; no need to look at libraries */
}

/*
 * Where in our own file the code at @address was loaded from: what a uprobe is defined by. The
 * program headers know it, so this works on a stripped binary too.
 */
static int file_offset(uintptr_t address, uint64_t *ret)
{
	struct load l = {.address = address};

	dl_iterate_phdr(find_in_program, &l);
	if (!l.found)
		return -ENOENT;
	*ret = l.offset;
	return 0;
}

static int own_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	if (n < 0) {
		fprintf(stderr, "sim: cannot read /proc/self/exe: %s; is /proc mounted?\n",
			strerror(errno));
		return -errno;
	}
	path[n] = '\0';
	if (strpbrk(path, " \t:")) {
		fprintf(stderr,
			"sim: uprobe definitions cannot hold a path with a blank or a colon (%s); "
			"build in another "
			"folder.\n",
			path);
		return -EINVAL;
	}
	return 0;
}

static int format_definition(enum hook_event e, const char *path, char *buf, size_t size)
{
	uint64_t offset;
	size_t used;
	int r = file_offset(events[e].address, &offset);

	if (r < 0)
		return r;
	used = (size_t)snprintf(buf, size, "p:" EVENT_SYSTEM "/%s %s:0x%016llx", events[e].name,
				path, (unsigned long long)offset);
	for (const struct field *f = events[e].fields; f->name && used < size; f++)
		used += (size_t)snprintf(buf + used, size - used, " %s=+%zu(%s):%s", f->name,
					 f->offset, FIRST_ARGUMENT, f->type);
	return used < size ? 0 : -E2BIG;
}

static int open_definitions(int flags)
{
	static const char *const paths[] = {"/sys/kernel/tracing/uprobe_events",
					    "/sys/kernel/debug/tracing/uprobe_events"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], flags | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (errno == EACCES || errno == EPERM) {
			fprintf(stderr, "sim: cannot open %s: %s; run as root.\n", paths[i],
				strerror(errno));
			return -EACCES;
		}
	}
	fprintf(stderr, "sim: no uprobe_events in tracefs; mount -t tracefs tracefs "
			"/sys/kernel/tracing, on a kernel "
			"with CONFIG_UPROBE_EVENTS.\n");
	return -ENOENT;
}

/* One write is one command: appending never truncates what other tools have defined. */
static int definition_write(const char *command)
{
	int fd = open_definitions(O_WRONLY | O_APPEND);
	size_t n = strlen(command);
	ssize_t w;
	int r = 0;

	if (fd < 0)
		return fd;
	w = write(fd, command, n);
	if (w < 0)
		r = -errno;
	else if ((size_t)w != n)
		r = -EIO;
	close(fd);
	return r;
}

static int listing_read(char **ret)
{
	int fd = open_definitions(O_RDONLY);
	size_t used = 0;
	ssize_t n;
	char *text;

	if (fd < 0)
		return fd;
	text = malloc(LISTING_BYTES);
	if (!text) {
		close(fd);
		return -ENOMEM;
	}
	while (used < LISTING_BYTES - 1 &&
	       (n = read(fd, text + used, LISTING_BYTES - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	text[used] = '\0';
	*ret = text;
	return 0;
}

/* The line of @listing that defines event @e, copied to @line; false if it is not defined. */
static bool listing_find(const char *listing, enum hook_event e, char *line, size_t size)
{
	char head[128];
	size_t n = (size_t)snprintf(head, sizeof(head), "p:" EVENT_SYSTEM "/%s ", events[e].name);

	for (const char *s = listing; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
		size_t bytes = strcspn(s, "\n");

		if (strncmp(s, head, n) || bytes >= size)
			continue;
		memcpy(line, s, bytes);
		line[bytes] = '\0';
		return true;
	}
	return false;
}

/* The program that a definition line hooks: the path between the first blank and the last colon
 * before the fields. */
static void definition_path(const char *line, char *path, size_t size)
{
	const char *from = strchr(line, ' ');
	size_t n;

	path[0] = '\0';
	if (!from)
		return;
	n = strcspn(++from, ":");
	if (n >= size)
		n = size - 1;
	memcpy(path, from, n);
	path[n] = '\0';
}

static int event_remove(enum hook_event e)
{
	char command[160];

	snprintf(command, sizeof(command), "-:" EVENT_SYSTEM "/%s", events[e].name);
	return definition_write(command);
}

/*
 * A definition holds on to the file that lay under the path when it was made. One that reads the
 * same may still hook a build that is gone, so an old one is always replaced if it can be; only one
 * that somebody has enabled stays.
 */
static int event_install(enum hook_event e, const char *listing, const char *path)
{
	char wanted[DEFINITION_BYTES], present[DEFINITION_BYTES];
	int r = format_definition(e, path, wanted, sizeof(wanted));

	if (r < 0) {
		fprintf(stderr, "sim: cannot define event %s: %s\n", events[e].name, strerror(-r));
		return r;
	}
	if (listing_find(listing, e, present, sizeof(present))) {
		r = event_remove(e);
		if (r == -EBUSY && !strcmp(present, wanted)) {
			fprintf(stderr,
				"sim: event " EVENT_SYSTEM
				"/%s is enabled somewhere and kept as it is; if "
				"this program was rebuilt "
				"since, stop what uses the event and install again.\n",
				events[e].name);
			return 0;
		}
		if (r < 0) {
			char other[PATH_MAX];

			definition_path(present, other, sizeof(other));
			fprintf(stderr,
				"sim: event " EVENT_SYSTEM
				"/%s is defined for %s and cannot be replaced: "
				"%s; stop the tracer that "
				"has it enabled.\n",
				events[e].name, other, strerror(-r));
			return r;
		}
	}
	r = definition_write(wanted);
	if (r == -EEXIST)
		fprintf(stderr,
			"sim: event " EVENT_SYSTEM
			"/%s exists and is not a uprobe event; is the scoutfs "
			"module loaded? Unload "
			"it to use the simulator.\n",
			events[e].name);
	else if (r < 0)
		fprintf(stderr,
			"sim: the kernel refused event " EVENT_SYSTEM
			"/%s: %s; its reason is in tracefs' "
			"error_log.\n",
			events[e].name, strerror(-r));
	return r;
}

/**
 * hook_install() - define every event for this very binary
 *
 * Doing it twice is the same as doing it once; a definition left by another build is replaced. Says
 * on stderr what went wrong.
 *
 * Return: 0 or a negative errno, with the events before the failing one defined.
 */
int hook_install(void)
{
	char path[PATH_MAX];
	char *listing;
	int r = own_path(path, sizeof(path));

	if (r < 0)
		return r;
	r = listing_read(&listing);
	if (r < 0)
		return r;
	for (int e = 0; e < EV_COUNT && r == 0; e++)
		r = event_install(e, listing, path);
	free(listing);
	return r;
}

/**
 * hook_remove() - remove the definitions that hook this binary
 *
 * Those of another build under the same names are left and counted on stderr.
 *
 * Return: 0, also when there was nothing to remove; a negative errno if one of ours could not be
 * removed.
 */
int hook_remove(void)
{
	char path[PATH_MAX], line[DEFINITION_BYTES], other[PATH_MAX], last[PATH_MAX] = "";
	char *listing;
	int left = 0, worst = 0;
	int r = own_path(path, sizeof(path));

	if (r < 0)
		return r;
	r = listing_read(&listing);
	if (r < 0)
		return r;
	for (int e = 0; e < EV_COUNT; e++) {
		if (!listing_find(listing, e, line, sizeof(line)))
			continue;
		definition_path(line, other, sizeof(other));
		if (strcmp(other, path)) {
			left++;
			memcpy(last, other, sizeof(last));
			continue;
		}
		r = event_remove(e);
		if (r < 0) {
			fprintf(stderr,
				"sim: event " EVENT_SYSTEM
				"/%s cannot be removed: %s; stop the tracer that "
				"has it enabled.\n",
				events[e].name, strerror(-r));
			worst = r;
		}
	}
	if (left)
		fprintf(stderr,
			"sim: left %d events that belong to %s; remove them with that program.\n",
			left, last);
	free(listing);
	return worst;
}

/**
 * hook_list() - print each definition as hook_install() would write it
 *
 * Return: 0 or a negative errno.
 */
int hook_list(FILE *out)
{
	char path[PATH_MAX], line[DEFINITION_BYTES];
	int r = own_path(path, sizeof(path));

	for (int e = 0; e < EV_COUNT && r == 0; e++) {
		r = format_definition(e, path, line, sizeof(line));
		if (r == 0)
			fprintf(out, "%s\n", line);
	}
	return r;
}
