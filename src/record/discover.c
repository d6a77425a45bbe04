/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds the address of the scoutfs server when the user gives none, and the candidates to show
 * when the one given stays silent. Called by check.c, before anything is armed.
 *
 * Four places know it, and none of them always does:
 *
 *  - debugfs, connections: the kernel's own table of live connections; surest, and on any node
 *  - the kernel log: "server ready at A", "client connected X -> A", until a later line takes it
 *    back
 *  - sysfs, is_leader: says which of this host's mounts leads, but not its address
 *  - the super block: the quorum's slots and who was elected last; asked only when the others
 *    know nothing, because it means reading the metadata device
 *
 * For each mount the surest place wins; what a mount's live connection says makes its old log
 * lines moot.
 *
 * It only opens files for reading, and of debugfs only "connections" (holds a spinlock while it
 * is shown, so: once). Opening the drop and trigger files there has side effects, so no folder is
 * walked. It sends nothing on the network and asks no name server. Owns nothing that outlives a
 * call.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/file.h"
#include "format/kmsg.h"

#include "discover.h"

/* More mounts than this on one host have not been seen; what is beyond is not looked at. */
#define MOUNTS_MAX 64
#define FOUND_MAX 128
/*
 * The kernel's limit of one /dev/kmsg record is 8 KiB since 5.x, 1 KiB before
 * (PRINTKRB_RECORD_MAX).
 */
#define KMSG_RECORD_BYTES 16384
#define KMSG_FILE_BYTES (16 * MIB)
#define SMALL_FILE_BYTES (256 * KIB)

struct found_list {
	struct discovered at[FOUND_MAX];
	size_t count;
};

/* What the log last said about one mount. */
struct mount_log {
	char mount[32];
	struct wire_addr server, client;
	bool serves, connected;
};

struct log_state {
	struct mount_log mounts[MOUNTS_MAX];
	size_t count;
	size_t oldest; /* reused next when the table is full */
};

struct mount_list {
	char name[MOUNTS_MAX][32];
	bool leader[MOUNTS_MAX];
	size_t count;
};

/* f.XXXXXX.r.XXXXXX: the only names that are looked at, so that nothing else is ever opened. */
static bool is_mount_name(const char *s, size_t n)
{
	static const char shape[] = "f.xxxxxx.r.xxxxxx";

	if (n != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

		if (shape[i] == 'x' ? !hex : s[i] != shape[i])
			return false;
	}
	return true;
}

static bool addr_is_zero(const struct wire_addr *a)
{
	static const struct in6_addr any6, any4 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	return a->port == 0 || memcmp(&a->ip, &any6, sizeof(any6)) == 0 ||
	       memcmp(&a->ip, &any4, sizeof(any4)) == 0;
}

/* "127.0.0.1:19700" or "[::1]:19700" at the start of @s, up to a blank, comma or the end. */
static bool parse_addr(const char *s, struct wire_addr *ret)
{
	char word[INET6_ADDRSTRLEN + 16];
	size_t n = strcspn(s, " ,\n");
	char *colon, *ip = word;
	uint64_t port;

	if (n == 0 || n >= sizeof(word))
		return false;
	memcpy(word, s, n);
	word[n] = '\0';

	colon = strrchr(word, ':');
	if (!colon)
		return false;
	*colon = '\0';
	if (parse_u64(colon + 1, &port) < 0 || port > UINT16_MAX)
		return false;
	if (*ip == '[' && colon > word + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		ip++;
	}
	return wire_addr_parse(ip, (uint16_t)port, ret);
}

enum log_kind {
	LOG_NOTHING,
	LOG_SERVES,
	LOG_STOPPED,
	LOG_CONNECTED,
	LOG_DISCONNECTED,
};

/*
 * The messages of server.c and client.c of scoutfs (v1.2 to main). "server shutting down" counts
 * as the end: from there on the server answers nobody.
 */
static const struct {
	const char *text;
	enum log_kind kind;
} log_lines[] = {
	{"server starting at ", LOG_SERVES},	   {"server ready at ", LOG_SERVES},
	{"server shutting down at ", LOG_STOPPED}, {"server stopped at ", LOG_STOPPED},
	{"client connected ", LOG_CONNECTED},	   {"client disconnected ", LOG_DISCONNECTED},
};

static enum log_kind parse_log(const char *text, char mount[32], const char **ret_what,
			       struct wire_addr *ret)
{
	static const char prefix[] = "scoutfs ";
	const char *name = text + sizeof(prefix) - 1, *rest;
	size_t n;

	if (!str_starts(text, prefix))
		return LOG_NOTHING;
	n = strcspn(name, ": ");
	if (!is_mount_name(name, n) || strncmp(name + n, ": ", 2) != 0)
		return LOG_NOTHING;
	rest = name + n + 2;

	for (size_t i = 0; i < ARRAY_SIZE(log_lines); i++) {
		const char *at;

		if (!str_starts(rest, log_lines[i].text))
			continue;
		at = rest + strlen(log_lines[i].text);
		if (log_lines[i].kind == LOG_CONNECTED || log_lines[i].kind == LOG_DISCONNECTED) {
			at = strstr(at, " -> ");
			if (!at)
				return LOG_NOTHING;
			at += strlen(" -> ");
		}
		if (!parse_addr(at, ret) || addr_is_zero(ret))
			return LOG_NOTHING;
		memcpy(mount, name, n);
		mount[n] = '\0';
		*ret_what = log_lines[i].text;
		return log_lines[i].kind;
	}
	return LOG_NOTHING;
}

/**
 * discover_from_log() - the server that one kernel-log line names
 * @text: the record's text, without priority and stamp
 * @ret:  set only when the line says that a server is there
 *
 * Return: true for "server starting|ready at A" and "client connected X -> A".
 */
bool discover_from_log(const char *text, struct discovered *ret)
{
	struct discovered d = {.rank = DISCOVER_LOG};
	const char *what;
	enum log_kind kind = parse_log(text, d.mount, &what, &d.addr);

	if (kind != LOG_SERVES && kind != LOG_CONNECTED)
		return false;
	d.local = kind == LOG_SERVES;
	(void)snprintf(d.from, sizeof(d.from), "kernel log of %s: \"%.*s\"", d.mount,
		       (int)strlen(what) - 1, what);
	*ret = d;
	return true;
}

static struct mount_log *log_mount(struct log_state *s, const char *mount)
{
	struct mount_log *m;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->mounts[i].mount, mount) == 0)
			return &s->mounts[i];

	/* A host that mounted more often than the table is long: the newest mounts matter. */
	m = s->count < MOUNTS_MAX ? &s->mounts[s->count++] : &s->mounts[s->oldest++ % MOUNTS_MAX];
	memset(m, 0, sizeof(*m));
	(void)snprintf(m->mount, sizeof(m->mount), "%s", mount);
	return m;
}

static void log_note(struct log_state *s, const char *text)
{
	struct wire_addr addr;
	struct mount_log *m;
	const char *what;
	char mount[32];
	enum log_kind kind = parse_log(text, mount, &what, &addr);

	if (kind == LOG_NOTHING)
		return;
	m = log_mount(s, mount);
	switch (kind) {
	case LOG_SERVES:
		m->server = addr;
		m->serves = true;
		break;
	case LOG_STOPPED:
		m->serves = false;
		break;
	case LOG_CONNECTED:
		m->client = addr;
		m->connected = true;
		break;
	case LOG_DISCONNECTED:
		/* The line of an older connection may come after a newer one was made. */
		if (wire_addr_equal(&m->client, &addr))
			m->connected = false;
		break;
	case LOG_NOTHING:
		break;
	}
}

/* Facility 0 only: what users write into /dev/kmsg is never the kernel's (it gets facility 1). */
static void log_record(struct log_state *s, char *record, size_t n)
{
	struct kmsg_record k;

	if (kmsg_parse(record, n, &k) == 0 && k.facility == 0)
		log_note(s, k.text);
}

static void log_read_device(struct log_state *s, int fd)
{
	char record[KMSG_RECORD_BYTES];

	for (;;) {
		ssize_t n = read(fd, record, sizeof(record) - 1);

		/*
		 * EPIPE: records were overwritten while we read; the next read goes on behind
		 * them.
		 */
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n <= 0) /* EAGAIN: that was all of it */
			return;
		record[n] = '\0';
		log_record(s, record, (size_t)n);
	}
}

/* A saved copy of /dev/kmsg: records are lines, and " KEY=VALUE" lines belong to the one before. */
static void log_read_copy(struct log_state *s, const char *path)
{
	CLEANUP(text_free) struct text t = {0};
	char *line, *rest;

	if (file_load(path, KMSG_FILE_BYTES, &t, NULL) < 0 || !t.s)
		return;
	for (line = strtok_r(t.s, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (*line != ' ')
			log_record(s, line, strlen(line));
}

static void log_read(struct log_state *s, const char *root)
{
	CLEANUP(closep) int fd = -1;
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/dev/kmsg", root);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (S_ISREG(st.st_mode))
		log_read_copy(s, path);
	else if (S_ISCHR(st.st_mode))
		log_read_device(s, fd);
}

/* Value of "KEY VALUE" within one line of blank-separated words. */
static bool word_after(const char *line, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	for (const char *p = line; (p = strstr(p, key)); p += n) {
		size_t len;

		if ((p != line && p[-1] != ' ') || p[n] != ' ')
			continue;
		len = strcspn(p + n + 1, " \n");
		if (len == 0 || len >= size)
			return false;
		memcpy(ret, p + n + 1, len);
		ret[len] = '\0';
		return true;
	}
	return false;
}

/*
 * One line of net.c's connection table:
 *
 *   name A peer B rid R greeting_id G vg 1 est 1 sd 0 ... cto_ms rdl_j 1000 0 nss ...
 *
 * A listener has no peer; only a connection that this side makes has a connect timeout (the first
 * number after "cto_ms rdl_j"); the accepted ones of a server have none, and their name is the
 * server.
 */
static bool parse_connection(const char *line, struct discovered *d)
{
	char name[80], peer[80], flag[24], timeout[24];
	bool established, closing;

	if (!word_after(line, "name", name, sizeof(name)) ||
	    !word_after(line, "peer", peer, sizeof(peer)) ||
	    !word_after(line, "est", flag, sizeof(flag)))
		return false;
	established = strcmp(flag, "1") == 0;
	closing = word_after(line, "sd", flag, sizeof(flag)) && strcmp(flag, "1") == 0;
	if (closing)
		return false;

	if (strcmp(peer, "0.0.0.0:0") == 0) {
		if (!parse_addr(name, &d->addr) || addr_is_zero(&d->addr))
			return false;
		d->rank = DISCOVER_LISTENING;
		d->local = true;
		(void)snprintf(d->from, sizeof(d->from), "the server runs here, in mount %s",
			       d->mount);
		return true;
	}
	if (!word_after(line, "rdl_j", timeout, sizeof(timeout)) || strcmp(timeout, "0") == 0)
		return false;
	if (!parse_addr(peer, &d->addr) || addr_is_zero(&d->addr))
		return false;
	d->rank = established ? DISCOVER_LIVE : DISCOVER_TRYING;
	(void)snprintf(d->from, sizeof(d->from), "mount %s is %s it now", d->mount,
		       established ? "connected to" : "trying to connect to");
	return true;
}

/**
 * discover_from_connections() - the servers in one debugfs connections file
 * @mount: f.XXXXXX.r.XXXXXX, the file's folder
 * @text:  the file, NUL-terminated
 * @ret:   filled with at most @max, in the file's order, duplicates and all
 *
 * Return: how many were filled.
 */
size_t discover_from_connections(const char *mount, const char *text, struct discovered *ret,
				 size_t max)
{
	size_t count = 0;

	for (const char *p = text; *p && count < max;) {
		size_t n = strcspn(p, "\n");
		struct discovered d = {0};
		char line[512];

		(void)snprintf(d.mount, sizeof(d.mount), "%s", mount);
		if (n < sizeof(line)) {
			memcpy(line, p, n);
			line[n] = '\0';
			if (parse_connection(line, &d))
				ret[count++] = d;
		}
		p += n + (p[n] == '\n');
	}
	return count;
}

/*
 * The metadata device's head (format.h of scoutfs: 4 KiB blocks; super block at block 16, 15
 * quorum blocks behind it; slot addresses 32 bytes apart; events of {write_nr, rid, term, sec,
 * nsec}).
 */
#define BLOCK_BYTES 4096
#define BLOCK_MAGIC_SUPER 0x103c428bU
#define BLOCK_MAGIC_QUORUM 0xbc310868U
#define SUPER_SLOTS 120
#define SLOT_BYTES 32
#define SLOT_FAMILY_V4 1
#define QUORUM_SLOTS 15
#define QUORUM_EVENTS 40
#define EVENT_BYTES 40
#define EVENT_TERM 16
#define EVENT_ELECT 2
#define EVENT_STOP 4

static uint64_t event_term(const uint8_t *block, unsigned int event)
{
	return get_le64(block + QUORUM_EVENTS + event * EVENT_BYTES + EVENT_TERM);
}

/* sysfs and the log name a mount by the top 24 bits of fsid and of rid. */
static bool fsid_is_of_mount(const char *mount, uint64_t fsid)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "f.%06x.", (unsigned int)(fsid >> 40));
	return str_starts(mount, name);
}

/**
 * discover_from_super() - who was elected last, from the metadata device
 * @mount: f.XXXXXX.r.XXXXXX; the device must be of this file system
 * @bytes: the @n bytes at DISCOVER_SUPER_OFFSET of the device
 * @ret:   set on success only
 *
 * Block checksums are not checked: the fields that are used are, and the answer is only ever a
 * suggestion, said to be one.
 *
 * Return: false when it is no scoutfs super block, or no slot has won an election and not stopped
 * since.
 */
bool discover_from_super(const char *mount, const uint8_t *bytes, size_t n, struct discovered *ret)
{
	struct discovered d = {.rank = DISCOVER_CONFIGURED};
	uint64_t fsid, best = 0;
	unsigned int leader = 0;
	const uint8_t *slot;
	struct in_addr ip;
	char text[INET_ADDRSTRLEN];

	if (n < (1 + QUORUM_SLOTS) * BLOCK_BYTES || get_le32(bytes + 4) != BLOCK_MAGIC_SUPER)
		return false;
	fsid = get_le64(bytes + 8);
	if (!fsid_is_of_mount(mount, fsid))
		return false;

	for (unsigned int i = 0; i < QUORUM_SLOTS; i++) {
		const uint8_t *block = bytes + (1 + i) * BLOCK_BYTES;
		uint64_t term = event_term(block, EVENT_ELECT);

		if (get_le32(block + 4) != BLOCK_MAGIC_QUORUM || get_le64(block + 8) != fsid)
			continue;
		if (term > best && term > event_term(block, EVENT_STOP)) {
			best = term;
			leader = i;
		}
	}
	if (best == 0)
		return false;

	slot = bytes + SUPER_SLOTS + leader * SLOT_BYTES;
	if (get_le16(slot) != SLOT_FAMILY_V4)
		return false;
	ip.s_addr = htonl(get_le32(slot + 4));
	if (!inet_ntop(AF_INET, &ip, text, sizeof(text)) ||
	    !wire_addr_parse(text, get_le16(slot + 2), &d.addr) || addr_is_zero(&d.addr))
		return false;

	(void)snprintf(d.mount, sizeof(d.mount), "%s", mount);
	(void)snprintf(d.from, sizeof(d.from),
		       "metadata device of %s: slot %u was elected last, in term %llu", mount,
		       leader, (unsigned long long)best);
	*ret = d;
	return true;
}

/* Add, or raise what is there: one row for each address, with the surest reason. */
static void found_add(struct found_list *l, const struct discovered *d)
{
	for (size_t i = 0; i < l->count; i++) {
		bool local = l->at[i].local || d->local;

		if (!wire_addr_equal(&l->at[i].addr, &d->addr))
			continue;
		if (d->rank > l->at[i].rank)
			l->at[i] = *d;
		l->at[i].local = local;
		return;
	}
	if (l->count < FOUND_MAX)
		l->at[l->count++] = *d;
}

static bool read_small(const char *path, struct text *ret)
{
	return file_load(path, SMALL_FILE_BYTES, ret, NULL) == 0 && ret->s;
}

static bool mount_leads(const char *root, const char *mount)
{
	CLEANUP(text_free) struct text t = {0};
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/sys/fs/scoutfs/%s/quorum/is_leader", root, mount);
	return read_small(path, &t) && t.s[0] == '1';
}

static void list_mounts(const char *root, struct mount_list *l)
{
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/sys/fs/scoutfs", root);
	d = opendir(path);
	if (!d)
		return;
	while (l->count < MOUNTS_MAX && (entry = readdir(d))) {
		if (!is_mount_name(entry->d_name, strlen(entry->d_name)))
			continue;
		(void)snprintf(l->name[l->count], sizeof(l->name[0]), "%.31s", entry->d_name);
		l->leader[l->count] = mount_leads(root, l->name[l->count]);
		l->count++;
	}
	(void)closedir(d);
}

/* Return: whether the mount has a connection that is up, so that its log lines add nothing. */
static bool add_connections(const char *root, const char *mount, struct found_list *l)
{
	CLEANUP(text_free) struct text t = {0};
	struct discovered d[16];
	char path[PATH_MAX];
	bool live = false;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/sys/kernel/debug/scoutfs/%s/connections", root,
		       mount);
	if (!read_small(path, &t))
		return false;
	n = discover_from_connections(mount, t.s, d, ARRAY_SIZE(d));
	for (size_t i = 0; i < n; i++) {
		found_add(l, &d[i]);
		live = live || d[i].rank >= DISCOVER_LIVE;
	}
	return live;
}

static void add_log(const struct log_state *s, const char *mount, unsigned int rank, bool leads,
		    struct found_list *l)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct mount_log *m = &s->mounts[i];
		struct discovered d = {0};

		if (strcmp(m->mount, mount) != 0)
			continue;
		(void)snprintf(d.mount, sizeof(d.mount), "%s", mount);
		if (m->serves) {
			d.addr = m->server;
			d.local = true;
			d.rank = leads ? DISCOVER_LOG_LEADER : rank;
			(void)snprintf(d.from, sizeof(d.from),
				       "kernel log: mount %s started the server here%s", mount,
				       leads ? " and still leads" : "");
			found_add(l, &d);
		}
		if (m->connected) {
			d.addr = m->client;
			d.local = false;
			d.rank = rank;
			(void)snprintf(d.from, sizeof(d.from),
				       "kernel log: mount %s connected to it", mount);
			found_add(l, &d);
		}
	}
}

/*
 * O_DIRECT, because scoutfs writes these blocks past the page cache of the device, which may hold
 * an old copy. Not every device file takes it (a test's plain file on tmpfs): then without.
 */
static ssize_t read_device_head(const char *path, uint8_t *bytes)
{
	static const int flags[] = {O_DIRECT, 0};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		CLEANUP(closep)
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags[i]);
		struct stat st;
		ssize_t n;

		if (fd < 0 || fstat(fd, &st) < 0 || !(S_ISBLK(st.st_mode) || S_ISREG(st.st_mode)))
			continue;
		n = pread(fd, bytes, DISCOVER_SUPER_BYTES, DISCOVER_SUPER_OFFSET);
		if (n > 0)
			return n;
	}
	return -1;
}

static void add_super(const char *root, const char *mount, struct found_list *l)
{
	CLEANUP(text_free) struct text t = {0};
	char path[PATH_MAX];
	struct discovered d;
	void *bytes = NULL;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/sys/fs/scoutfs/%s/mount_options/metadev_path", root,
		       mount);
	if (!read_small(path, &t))
		return;
	t.s[strcspn(t.s, "\n")] = '\0';
	if (t.s[0] != '/' || snprintf(path, sizeof(path), "%s%s", root, t.s) >= (int)sizeof(path) ||
	    posix_memalign(&bytes, BLOCK_BYTES, DISCOVER_SUPER_BYTES) != 0)
		return;
	n = read_device_head(path, bytes);
	if (n > 0 && discover_from_super(mount, bytes, (size_t)n, &d))
		found_add(l, &d);
	free(bytes);
}

static int surest_first(const void *a, const void *b)
{
	const struct discovered *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? 1 : -1;
	/* Any fixed order will do among equals, so that two runs show the same list. */
	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

/**
 * discover_servers_at() - what the host below @root knows of scoutfs servers
 * @root: "" for this host, else a folder holding dev/kmsg, sys/fs/scoutfs,
 *        sys/kernel/debug/scoutfs
 * @ret:  filled with at most @max, surest first, one for each address
 * @max:  room in @ret
 *
 * What cannot be read (no root, no debugfs, no mount) is left out without a word: the caller says
 * what to look for when nothing is found.
 *
 * Return: how many were filled.
 */
size_t discover_servers_at(const char *root, struct discovered *ret, size_t max)
{
	CLEANUP(freep) struct found_list *found = calloc(1, sizeof(*found));
	CLEANUP(freep) struct log_state *log = calloc(1, sizeof(*log));
	CLEANUP(freep) struct mount_list *mounts = calloc(1, sizeof(*mounts));
	size_t count;

	if (!found || !log || !mounts)
		return 0;
	log_read(log, root);
	list_mounts(root, mounts);

	for (size_t i = 0; i < mounts->count; i++)
		if (!add_connections(root, mounts->name[i], found))
			add_log(log, mounts->name[i], DISCOVER_LOG, mounts->leader[i], found);
	/* Mounts that are gone say something only where there is no mount to ask. */
	if (mounts->count == 0)
		for (size_t i = 0; i < log->count; i++)
			add_log(log, log->mounts[i].mount, DISCOVER_LOG_OLD, false, found);
	if (found->count == 0)
		for (size_t i = 0; i < mounts->count; i++)
			add_super(root, mounts->name[i], found);

	qsort(found->at, found->count, sizeof(found->at[0]), surest_first);
	count = min_of(found->count, max);
	memcpy(ret, found->at, count * sizeof(*ret));
	return count;
}

size_t discover_servers(struct discovered *ret, size_t max)
{
	return discover_servers_at("", ret, max);
}

/* f.XXXXXX: the same for all mounts of one file system. */
static bool same_file_system(const struct discovered *a, const struct discovered *b)
{
	return strncmp(a->mount, b->mount, strlen("f.xxxxxx.")) == 0;
}

/**
 * discover_choose() - the one server that may be taken without asking
 * @found: surest first
 * @count: how many
 *
 * A file system has one server at a time, so a connection that is up settles it for its file
 * system: other addresses of the same one are past servers. Two file systems, or two guesses, are
 * the user's to choose from.
 *
 * Return: one of @found, or NULL when there is none or more than one would do.
 */
const struct discovered *discover_choose(const struct discovered *found, size_t count)
{
	if (count == 0)
		return NULL;
	for (size_t i = 1; i < count; i++) {
		bool settled = found[0].rank >= DISCOVER_LIVE && found[i].rank < DISCOVER_LIVE;

		if (!settled || !same_file_system(&found[0], &found[i]))
			return NULL;
	}
	return &found[0];
}

/**
 * discover_list() - the candidates on one line
 * @found: surest first
 * @count: how many
 * @buf:   gets "A:P (where from); A:P (where from)", and "and N more" when the rest has no room
 * @size:  of @buf
 *
 * Return: @buf.
 */
const char *discover_list(const struct discovered *found, size_t count, char *buf, size_t size)
{
	size_t used = 0;

	if (size)
		buf[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char addr[64], entry[256];
		int n;

		n = snprintf(entry, sizeof(entry), "%s%s (%s)", i ? "; " : "",
			     wire_addr_format(&found[i].addr, addr, sizeof(addr)), found[i].from);
		/* Keep room for the words about the rest. */
		if (used + (size_t)n + sizeof("; and 999 more") > size) {
			(void)snprintf(buf + used, size - used, "%sand %zu more", i ? "; " : "",
				       count - i);
			break;
		}
		memcpy(buf + used, entry, (size_t)n + 1);
		used += (size_t)n;
	}
	return buf;
}
