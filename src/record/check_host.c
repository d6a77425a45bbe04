/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Preconditions about the host: who we are, whether another recorder runs, tracing and its events,
 * a scoutfs mount, memory. Rows of the table in check.c, which calls them and owns what they fill.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "record/control.h"

#include "check_rows.h"
#include "host.h"
#include "instance.h"
#include "ring.h"
#include "series_read.h"
#include "trigger.h"

#define OWN_MEMORY_BYTES (64 * MIB) /* buffers of the spool and the compressor */

/* ---- privileges ---- */

static const struct {
	unsigned int bit;
	const char *name;
	bool not_as_root; /* files of tracefs and the run folder belong to root */
} capabilities[] = {
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false},
	{CAP_NET_RAW, "CAP_NET_RAW", false},
	{CAP_SYSLOG, "CAP_SYSLOG", false},
	{CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE", true},
};

void check_privileges(struct checking *x, struct check_result *r)
{
	CLEANUP(text_free) struct text status = {0};
	CLEANUP(text_free) struct text map = {0};
	char missing[128] = "";
	uint64_t have = 0;

	(void)x;
	if (!host_capabilities(check_load("/proc/self/status", &status), &have) && geteuid() == 0)
		have = UINT64_MAX; /* no /proc: the rows below find out the hard way */
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		size_t n = strlen(missing);

		if (have >> capabilities[i].bit & 1 ||
		    (capabilities[i].not_as_root && geteuid() == 0))
			continue;
		(void)snprintf(missing + n, sizeof(missing) - n, "%s%s", n ? ", " : "",
			       capabilities[i].name);
	}

	if (missing[0]) {
		check_bad(r, EXIT_NOPERM,
			  geteuid() == 0 ? "This is root, but without %s."
					 : "This is not root, and lacks %s.",
			  missing);
		check_because(r, "The kernel lets nobody else use tracing, capture packets and "
				 "read the kernel log.");
		check_remedy(r, geteuid() == 0 ? "Run it on the host itself, not in a container "
						 "that takes these capabilities away."
					       : "Run the same command with sudo.");
		return;
	}
	if (!host_is_initial_user_namespace(check_load("/proc/self/uid_map", &map)) && map.len) {
		check_bad(r, EXIT_NOPERM,
			  "This is root only of a user namespace (a rootless container).");
		check_because(r, "Capabilities count for nothing outside of it, and tracing and "
				 "scoutfs are outside.");
		check_remedy(r, "Run it as root of the host.");
		return;
	}
	check_good(r, geteuid() == 0 ? "Running as root."
				     : "All capabilities that are needed are there.");
}

/* ---- one recorder at a time ---- */

/*
 * A recorder holds the lock exclusively; asking for a shared one cannot make two checks disturb
 * each other.
 */
void check_recorder(struct checking *x, struct check_result *r)
{
	CLEANUP(text_free) struct text locks = {0};
	CLEANUP(closep) int fd = -1;
	char path[PATH_MAX], pid_text[32] = "", written[24] = "";
	struct stat st;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/lock",
		       x->config->run_dir ? x->config->run_dir : RECORD_DEFAULT_RUN_DIR);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		check_good(r, "No other recorder runs.");
		return;
	}
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		check_bad(r, EXIT_ERROR, "The lock file %s cannot be used: %s.", path,
			  fd < 0 ? strerror(errno) : "it is not a regular file");
		check_because(r, "It keeps two recorders from taking each other's data.");
		check_remedy(
			r,
			"Look what it is (ls -l %s); with no recorder running it may be removed.",
			path);
		return;
	}
	if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
		(void)flock(fd, LOCK_UN);
		check_good(r, "No other recorder runs.");
		return;
	}

	/*
	 * The kernel knows best; what the recorder wrote into the file serves where it cannot be
	 * seen.
	 */
	pid = host_lock_holder(check_load("/proc/locks", &locks), st.st_dev, st.st_ino);
	if (pid == 0 && pread(fd, written, sizeof(written) - 1, 0) > 0)
		pid = atoi(written);
	if (pid > 0)
		(void)snprintf(pid_text, sizeof(pid_text), ", with PID %d", (int)pid);
	check_bad(r, EXIT_TEMPFAIL, "Another recorder runs on this host%s (it holds %s).", pid_text,
		  path);
	check_because(r, "One recorder is enough for all triggers, and two would share the host's "
			 "memory, disk and lock.");
	check_remedy(r, "See what it does: scoutfs-trace status. To end it and get its bundle: "
			"scoutfs-trace stop.");
}

/* ---- tracing ---- */

void check_tracing(struct checking *x, struct check_result *r)
{
	CLEANUP(text_free) struct text lockdown = {0};
	struct err e = {0};
	const char *dir;

	(void)x;
	/*
	 * Mounted or not: in this mode every file of tracefs refuses to open (security/lockdown).
	 */
	if (strstr(check_load("/sys/kernel/security/lockdown", &lockdown), "[confidentiality]")) {
		check_bad(r, EXIT_ERROR, "The kernel's lockdown is in confidentiality mode.");
		check_because(
			r, "In this mode the kernel closes tracing to everybody, root included.");
		check_remedy(r, "Boot with lockdown=integrity on the kernel command line, or "
				"without lockdown.");
		return;
	}
	dir = instance_tracing_dir(&e);
	if (!dir) {
		check_bad(r, EXIT_ERROR, "Tracing cannot be used: %.400s.", e.text);
		check_because(r, "Trace events are the recording's view into scoutfs.");
		if (e.code == -EPERM || e.code == -EACCES)
			check_remedy(r, "See who forbids it: dmesg | grep -i lockdown; ausearch -m "
					"avc -ts recent. In a container: record on the host.");
		else
			check_remedy(r, "By hand: mount -t tracefs nodev /sys/kernel/tracing && ls "
					"/sys/kernel/tracing/instances");
		return;
	}
	check_good(r, "Tracing is in %s.", dir);
}

void check_events(struct checking *x, struct check_result *r)
{
	bool loaded = access("/sys/module/scoutfs", F_OK) == 0;

	(void)x;
	if (instance_event_exists(EVENT_SYSTEM, NULL)) {
		check_good(r, "scoutfs has trace events.");
		return;
	}
	check_bad(r, EXIT_ERROR, "There are no scoutfs events in %s/events%s.",
		  instance_tracing_dir(NULL),
		  loaded ? ", though the scoutfs module is loaded"
			 : ": the scoutfs module is not loaded");
	check_because(r, "Without them the recording shows nothing of what scoutfs did.");
	if (loaded)
		check_remedy(r, "The kernel refuses the events of a module that taints it as "
				"proprietary or forced; see: dmesg | grep 'module has bad taint'. "
				"Load a module that was built for this kernel.");
	else
		check_remedy(r, "Load the module and mount the file system: modprobe scoutfs && "
				"mount -a -t scoutfs");
}

struct names {
	char **at;
	size_t count;
};

static void names_done(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->at[i]);
	free(n->at);
}

/* Folders in @path: the systems, or the events of one. */
static void list_folders(const char *path, struct names *ret)
{
	struct dirent *entry;
	DIR *d = opendir(path);

	while (d && (entry = readdir(d))) {
		char **grown;

		if (entry->d_name[0] == '.' ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		grown = reallocarray(ret->at, ret->count + 1, sizeof(*grown));
		if (!grown)
			break;
		ret->at = grown;
		ret->at[ret->count] = strdup(entry->d_name);
		if (!ret->at[ret->count])
			break;
		ret->count++;
	}
	if (d)
		(void)closedir(d);
}

static void suggest_event(const struct event_spec *spec, bool system_exists, struct check_result *r)
{
	CLEANUP(names_done) struct names names = {0};
	char folder[PATH_MAX];
	const char *near;

	(void)snprintf(folder, sizeof(folder), "%s/events%s%s", instance_tracing_dir(NULL),
		       system_exists ? "/" : "", system_exists ? spec->system : "");
	list_folders(folder, &names);
	near = nearest_name(system_exists ? spec->event : spec->system,
			    (const char *const *)names.at, names.count);
	if (near && system_exists)
		check_remedy(r, "Did you mean -e %s:%s? All of them: ls %s", spec->system, near,
			     folder);
	else if (near)
		check_remedy(r, "Did you mean -e %s? All systems: ls %s", near, folder);
	else
		check_remedy(r, "Load the module that has it, or choose from: ls %s", folder);
}

void check_extra_events(struct checking *x, struct check_result *r)
{
	const struct record_config *c = x->config;

	for (size_t i = 0; i < c->event_count; i++) {
		struct event_spec spec;
		struct err e = {0};
		bool system_exists;

		if (event_spec_parse(c->events[i], &spec, &e) < 0) {
			check_bad(r, EXIT_USAGE, "-e %.100s is not understood: %.300s.",
				  c->events[i], e.text);
			check_because(r,
				      "It would record something else than was meant, or nothing.");
			check_remedy(
				r, "Write -e SYSTEM, -e SYSTEM:EVENT or -e 'SYSTEM:EVENT/FILTER', "
				   "as in -e 'sched:sched_switch/prev_comm == \"kworker\"'.");
			return;
		}
		system_exists = instance_event_exists(spec.system, NULL);
		if (system_exists &&
		    (!spec.event[0] || instance_event_exists(spec.system, spec.event)))
			continue;
		if (system_exists)
			check_bad(r, EXIT_USAGE, "-e %.100s: this kernel has no event %s in %s.",
				  c->events[i], spec.event, spec.system);
		else
			check_bad(r, EXIT_USAGE, "-e %.100s: this kernel has no event system %s.",
				  c->events[i], spec.system);
		check_blame(r, c, "event", i);
		check_because(r, "What was asked for would be missing from the recording.");
		suggest_event(&spec, system_exists, r);
		return;
	}
	if (c->event_count)
		check_good(r, "%zu event choice%s of yours %s in this kernel.", c->event_count,
			   c->event_count == 1 ? "" : "s", c->event_count == 1 ? "is" : "are");
	else
		check_good(r, "None asked for beyond scoutfs and the kernel log.");
}

/* ---- series ---- */

static void warn_of_path(const struct series_spec *s, int code, struct check_result *r)
{
	if (code == -ENOENT) {
		check_warning(r, "There is nothing at %.200s now, which --sample %s is to read.",
			      s->path, s->name);
		check_because(r, "It is looked for again and again while recording; until it is "
				 "there, that series is empty.");
		check_remedy(r, "If it is spelt wrongly: ls -d %.200s", s->path);
		return;
	}
	check_warning(r, "%.200s, which --sample %s is to read, is %s.", s->path, s->name,
		      code == -EISDIR ? "a folder" : "no regular file");
	check_because(r, "Only regular files are read: that series will be empty.");
	if (code == -EISDIR)
		check_remedy(r, "For the files in it: --sample '%s=%.200s%s*'", s->name, s->path,
			     s->path[strlen(s->path) - 1] == '/' ? "" : "/");
	else
		check_remedy(r, "Name another file: ls -ld %.200s", s->path);
}

void check_series(struct checking *x, struct check_result *r)
{
	CLEANUP(series_plan_done) struct series_plan plan = {0};
	struct err e = {0};

	if (series_plan_make(x->config, &plan, &e) < 0) {
		check_bad(r, EXIT_USAGE, "%.400s.", e.text);
		check_because(r, "Counters that were asked for would be missing.");
		check_remedy(r, "Write --sample NAME[@SECONDS] or --sample NAME=/PATH[@SECONDS]; "
				"the names are in scoutfs-trace(8).");
		return;
	}
	for (size_t i = 0; i < plan.count; i++) {
		int code = plan.specs[i].path ? series_files_there(&plan.specs[i], "") : 0;

		if (code == 0)
			continue;
		warn_of_path(&plan.specs[i], code, r);
		return;
	}
	if (!plan.count)
		check_good(r, "No counters are read (--sample none).");
	else
		check_good(r, "%zu series of counters will be read%s.", plan.count,
			   plan.by_default ? " (the default set)" : "");
}

/* ---- scoutfs ---- */

void check_mount(struct checking *x, struct check_result *r)
{
	CLEANUP(text_free) struct text mountinfo = {0};
	const char *at = check_load("/proc/self/mountinfo", &mountinfo);
	struct host_mount m;
	char first[256] = "";
	size_t count = 0;

	(void)x;
	while (host_mount_next(&at, &m)) {
		if (strcmp(m.type, "scoutfs") != 0)
			continue;
		if (count++ == 0)
			(void)snprintf(first, sizeof(first), "%.255s", m.point);
	}
	if (count == 1) {
		check_good(r, "scoutfs is mounted at %s.", first);
	} else if (count) {
		check_good(r, "scoutfs is mounted at %s and %zu more.", first, count - 1);
	} else {
		check_warning(r, "No scoutfs file system is mounted here.");
		check_because(r, "Nothing happens in scoutfs on this host until one is; the "
				 "recording would hold packets and the kernel log alone.");
		check_remedy(r, "mount -a -t scoutfs, or record on a host that has it mounted.");
	}
}

/* ---- memory ---- */

/*
 * Rings are kernel memory that cannot be swapped: asking for too much makes the host kill
 * programs. So the ring is cut to half of what is available, which a warning says; only when not
 * even the least fits is it an error.
 */
void check_triggers(struct checking *x, struct check_result *r)
{
	struct trigger_set *set = NULL;
	struct err e = {0};

	if (trigger_set_build(x->config, &set, &e) < 0) {
		check_bad(r, EXIT_USAGE, "%s.", e.text);
		check_because(r, "Nothing would end the recording at the right moment.");
		check_remedy(
			r,
			"scoutfs-trace --list-triggers, and man scoutfs-trace, section TRIGGERS.");
		return;
	}
	check_good(r, "%zu triggers are understood.", trigger_set_count(set));
	trigger_set_free(set);
}

void check_memory(struct checking *x, struct check_result *r)
{
	CLEANUP(text_free) struct text meminfo = {0};
	struct record_config *c = x->config;
	uint64_t cpus = cpus_online();
	uint64_t available, others = OWN_MEMORY_BYTES + c->packet_ring_bytes;
	uint64_t wanted = c->ring_bytes, fits;
	char available_text[32], wanted_text[32], fits_text[32], each_text[32], granted_text[32];
	uint64_t granted;

	if (!host_memory_available(check_load("/proc/meminfo", &meminfo), &available)) {
		check_warning(r, "How much memory is available is not known (no MemAvailable in "
				 "/proc/meminfo).");
		check_because(r, "Rings that are too large would harm the host.");
		check_remedy(
			r, "Look for yourself (free -m), and give --ring-memory a size that fits.");
		return;
	}
	(void)format_bytes(available, available_text, sizeof(available_text));
	(void)format_bytes(wanted, wanted_text, sizeof(wanted_text));
	fits = available / 2 > others ? available / 2 - others : 0;
	if (fits < cpus * RING_MIN_BYTES) {
		(void)format_bytes(2 * (others + cpus * RING_MIN_BYTES), fits_text,
				   sizeof(fits_text));
		check_bad(r, EXIT_ERROR,
			  "%s of memory are available; the least that recording asks for is %s.",
			  available_text, fits_text);
		check_because(r, "The recorder takes no more than half of the memory, so that the "
				 "host is not harmed.");
		check_remedy(r, "End what uses memory (ps aux --sort=-rss | head), or give "
				"--packet-memory a smaller size.");
		return;
	}
	if (wanted > fits)
		c->ring_bytes = fits;
	granted = ring_bytes_each(c->ring_bytes) * cpus;
	(void)format_bytes(granted, granted_text, sizeof(granted_text));
	(void)format_bytes(granted / cpus, each_text, sizeof(each_text));
	if (wanted > fits) {
		check_warning(r,
			      "Rings of %s do not fit in %s of available memory; they will be %s "
			      "(%s for each of %llu CPUs).",
			      wanted_text, available_text, granted_text, each_text,
			      (unsigned long long)cpus);
		check_because(r, "The recorder takes no more than half of the memory, so that the "
				 "host is not harmed, and no more than 64 MiB for a CPU.");
		check_remedy(r,
			     "Nothing must be done; --ring-memory %lluM says the same without a "
			     "warning.",
			     (unsigned long long)(granted / MIB));
		return;
	}
	check_good(r, "Rings of %s (%s for each of %llu CPUs%s) fit in %s of available memory.",
		   granted_text, each_text, (unsigned long long)cpus,
		   granted / cpus == RING_MAX_BYTES ? ", the most that is taken" : "",
		   available_text);
}
