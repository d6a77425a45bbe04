/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The source of trace events: an instance of our own, its rings, and everything a reader will need
 * to understand them.
 *
 * Owns the recording instance, the rings and the pump that drains them. At arming it saves what
 * vanishes with the module or the power: event formats, symbols, the clock (the head of trace.dat).
 * Freezing is one write to a descriptor opened beforehand. It never touches the top-level buffer;
 * of the top level it only reads files.
 *
 * A module that is unloaded takes its events along, and the kernel empties every ring they were
 * enabled in; loaded again, they are new events, off, and mostly under new numbers. So the pump
 * looks once a second whether what it enabled still is. What the module takes is a gap in the
 * ledger; when it is back its formats join those in the head of trace.dat, on the disk first, and
 * the events are enabled again. One file holds both lives, since a number tells them apart; should
 * a kernel give a number to another event, that system stays off, and it is said. The triggers'
 * watch hears of both (stats.event_moves) and so need not look: an `enable` file waits for the
 * kernel's event_mutex, which somebody who enables all events of a large host holds for seconds.
 */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/utsname.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/privilege.h"
#include "format/tracedat.h"

#include "pump.h"
#include "ring.h"
#include "session.h"

#define PASS_BUSY_NS (20 * NSEC_PER_MSEC) /* at most; see pause_ns() */
#define PASS_BUSY_MIN_NS NSEC_PER_MSEC
#define PASS_IDLE_NS (200 * NSEC_PER_MSEC) /* at most; see idle_ns() */
#define STORM_BYTES_PER_S (16 * MIB)
#define FORMAT_MAX_BYTES (1 * MIB)
#define KALLSYMS_MAX_BYTES (64 * MIB)
#define COMMS_EVERY_NS NSEC_PER_SEC
#define LOOK_EVERY_NS NSEC_PER_SEC
#define PUMP_NICE (-10) /* it works in short bursts, and its being late is what loses events */

/* What is always recorded; -e adds to it. */
static const char *const basic_events[] = {EVENT_SYSTEM, "printk:console"};

struct formats {
	struct tracedat_format *list;
	size_t count, room;
};

struct ftrace {
	struct instance instance;
	bool have_instance;
	struct event_spec *specs;
	size_t spec_count;
	char *states; /* [spec_count]: what the enable file says of it when it is on */
	const struct record_setting **from; /* [spec_count]: NULL: nobody's option */
	uint64_t *gone_ns; /* [spec_count]: since when a module has taken it away; 0: it is there */
	struct formats formats; /* of every life of a module */
	_Atomic bool enabled;	/* all specs were: from then on they are watched */
	bool given_up;		/* on events that came back: then nobody knows what they do */
	uint64_t look_next_ns;
	uint64_t looked_ns; /* when that was done last: then all that is not gone was there */
	struct rings rings;
	struct pump pump;
	int tracing_on_fd;
	uint64_t ring_kb; /* per CPU, granted */
	uint64_t ring_wanted_kb;
	uint64_t comms_next_ns;
	char *trace_clock;
	uint64_t passed_ns; /* when the last pass began */
	bool read_failed;
};

/* ---- what to record ---- */

/* Does @a name every event that @b names? */
static bool names_all_of(const struct event_spec *a, const struct event_spec *b)
{
	return !strcmp(a->system, b->system) && (!a->event[0] || !strcmp(a->event, b->event));
}

static bool is_covered(const struct ftrace *f, const struct event_spec *spec)
{
	for (size_t i = 0; i < f->spec_count; i++)
		if (!f->specs[i].filter[0] && names_all_of(&f->specs[i], spec))
			return true;
	return false;
}

/* What a trigger watches belongs into the recording: the event that ended it above all. */
static void add_trigger_events(struct source *s)
{
	const struct trigger_set *set = s->session->triggers;
	struct ftrace *f = s->priv;

	for (size_t i = 0; i < trigger_set_count(set); i++) {
		const struct trigger *t = trigger_set_at(set, i);
		struct event_spec *spec = &f->specs[f->spec_count];

		/* One that does not exist is said when the triggers are armed. */
		if (trigger_event_spec(t, spec) &&
		    instance_event_exists(spec->system, spec->event) && !is_covered(f, spec))
			f->spec_count++;
	}
}

static int parse_specs(struct source *s, struct err *e)
{
	const struct record_config *c = s->session->config;
	struct ftrace *f = s->priv;
	size_t want = ARRAY_SIZE(basic_events) + c->event_count;
	size_t room = want + trigger_set_count(s->session->triggers) + 1;

	f->specs = calloc(room, sizeof(*f->specs));
	f->gone_ns = calloc(room, sizeof(*f->gone_ns));
	f->states = calloc(room, 1);
	f->from = calloc(room, sizeof(*f->from));
	if (!f->specs || !f->gone_ns || !f->states || !f->from)
		return err_nomem(e);
	for (size_t i = 0; i < want; i++) {
		bool basic = i < ARRAY_SIZE(basic_events);
		const char *text =
			basic ? basic_events[i] : c->events[i - ARRAY_SIZE(basic_events)];
		struct event_spec *spec = &f->specs[f->spec_count];
		int r = event_spec_parse(text, spec, e);

		if (r < 0)
			return r;
		if (basic &&
		    !instance_event_exists(spec->system, spec->event[0] ? spec->event : NULL)) {
			source_degrade(s, SOURCE_DEGRADED, "this kernel has no events %s", text);
			continue;
		}
		if (!basic)
			f->from[f->spec_count] =
				record_setting_of(c, "event", i - ARRAY_SIZE(basic_events));
		f->spec_count++;
	}
	add_trigger_events(s);
	return 0;
}

static int enable_spec(const struct instance *i, const struct event_spec *spec, bool on,
		       struct err *e)
{
	char file[256];

	if (spec->event[0])
		(void)snprintf(file, sizeof(file), "events/%s/%s/enable", spec->system,
			       spec->event);
	else
		(void)snprintf(file, sizeof(file), "events/%s/enable", spec->system);
	return instance_write(i, file, on ? "1" : "0", e);
}

/*
 * What is asked for adds up: an event that is wanted without a filter as well has none, and of
 * several filters any may hold. Empty: no filter.
 */
static void joined_filter(const struct ftrace *f, const struct event_spec *spec, struct text *out)
{
	size_t count = 0;

	for (size_t i = 0; i < f->spec_count; i++) {
		const struct event_spec *s = &f->specs[i];

		if (!names_all_of(s, spec))
			continue;
		if (!s->filter[0]) {
			text_reset(out);
			return;
		}
		text_printf(out, "%s(%s)", count++ ? " || " : "", s->filter);
	}
	if (count == 1) {
		text_reset(out);
		text_str(out, spec->filter);
	}
}

static int set_filter(const struct ftrace *f, const struct event_spec *spec, struct err *e)
{
	CLEANUP(text_free) struct text filter = {0};
	int r;

	joined_filter(f, spec, &filter);
	if (!text_ok(&filter))
		return err_nomem(e);
	/* By itself first: a mistake is to be heard of, even where the filter has no effect. */
	r = instance_set_filter(&f->instance, spec->system, spec->event, spec->filter, e);
	if (r < 0)
		return r;
	if (!filter.len)
		log_warning("the filter of -e %s:%s/%s has no effect: these events are recorded in "
			    "any case",
			    spec->system, spec->event[0] ? spec->event : "*", spec->filter);
	/* A filter for all of a system may name fields that this event has not: then its own. */
	if (strcmp(text_c(&filter), spec->filter) != 0 &&
	    instance_set_filter(&f->instance, spec->system, spec->event, text_c(&filter), NULL) < 0)
		return instance_set_filter(&f->instance, spec->system, spec->event, spec->filter,
					   e);
	return 0;
}

/* Of all systems or one; whole systems first, since their filter goes to each of their events. */
static int set_filters(const struct ftrace *f, const char *system, struct err *e)
{
	for (int pass = 0; pass < 2; pass++) {
		bool whole = pass == 0;

		for (size_t i = 0; i < f->spec_count; i++) {
			const struct event_spec *spec = &f->specs[i];
			int r = 0;

			if (spec->filter[0] && (spec->event[0] == '\0') == whole &&
			    (!system || !strcmp(system, spec->system)))
				r = set_filter(f, spec, e);
			if (r < 0)
				return record_setting_blame(f->from[i], r, e);
		}
	}
	return 0;
}

/* ---- the head of trace.dat ---- */

static void formats_done(struct formats *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free((char *)f->list[i].system);
		free((char *)f->list[i].text);
	}
	free(f->list);
}

/* "ID: 1513\n" is the second line of a format. */
static uint64_t format_id(const char *text)
{
	const char *at = strstr(text, "\nID: ");

	return at ? strtoull(at + 5, NULL, 10) : 0;
}

/*
 * Behind the last of its system, so that systems stay together. One that is there already is not
 * added again; another one under the same number cannot be told from it.
 */
static int insert_format(struct formats *f, const char *system, struct text *text, struct err *e)
{
	size_t at = f->count;
	char *name;

	for (size_t i = 0; i < f->count; i++) {
		if (!strcmp(f->list[i].text, text_c(text)))
			return 0;
		if (format_id(f->list[i].text) == format_id(text_c(text)))
			return err_set(e, -EEXIST,
				       "the kernel gave number %llu, which another event had, to "
				       "an event of %s",
				       (unsigned long long)format_id(text_c(text)), system);
		if (!strcmp(f->list[i].system, system))
			at = i + 1;
	}
	if (f->count == f->room) {
		size_t room = f->room ? f->room * 2 : 256;
		struct tracedat_format *more = realloc(f->list, room * sizeof(*more));

		if (!more)
			return err_nomem(e);
		f->list = more;
		f->room = room;
	}
	name = strdup(system);
	if (!name)
		return err_nomem(e);
	memmove(&f->list[at + 1], &f->list[at], (f->count - at) * sizeof(*f->list));
	f->list[at] = (struct tracedat_format){name, take_ptr(text->s)};
	f->count++;
	return 0;
}

static int add_format(struct formats *f, int events_fd, const char *system, const char *event,
		      struct err *e)
{
	struct text text = {0};
	char file[512];
	int r;

	(void)snprintf(file, sizeof(file), "%s/%s/format", system, event);
	r = file_load_at(events_fd, file, FORMAT_MAX_BYTES, &text, e);
	if (r == 0 && text.len)
		r = insert_format(f, system, &text, e);
	text_free(&text);
	return r;
}

static bool has_format(int events_fd, const char *system, const char *event)
{
	char file[512];

	(void)snprintf(file, sizeof(file), "%s/%s/format", system, event);
	return faccessat(events_fd, file, R_OK, 0) == 0;
}

/* Every event of a system: what another event's text refers to is then there too. */
static int add_system(struct formats *f, int events_fd, const char *system, struct err *e)
{
	struct dirent *d;
	int fd, r = 0;
	DIR *dir;

	fd = file_open_dir_at(events_fd, system, e);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		(void)close(fd);
		return err_errno(e, r, "cannot list the events of %s", system);
	}
	while (r == 0 && (d = readdir(dir)))
		if (d->d_name[0] != '.' && has_format(events_fd, system, d->d_name))
			r = add_format(f, events_fd, system, d->d_name, e);
	(void)closedir(dir);
	return r;
}

static bool has_system(const struct formats *f, const char *system)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->list[i].system, system))
			return true;
	return false;
}

static int load_formats(struct ftrace *f, int events_fd, struct err *e)
{
	int r = has_system(&f->formats, "ftrace") ? 0
						  : add_system(&f->formats, events_fd, "ftrace", e);

	for (size_t i = 0; r == 0 && i < f->spec_count; i++)
		if (!has_system(&f->formats, f->specs[i].system))
			r = add_system(&f->formats, events_fd, f->specs[i].system, e);
	return r;
}

/* Symbols that all say zero (kptr_restrict) help nobody. */
static void load_kallsyms(struct text *ret)
{
	if (file_load("/proc/kallsyms", KALLSYMS_MAX_BYTES, ret, NULL) < 0 ||
	    str_starts(text_c(ret), "0000000000000000 "))
		text_reset(ret);
}

static int save_compressed(int dir_fd, const char *name, const struct text *t, struct err *e)
{
	size_t bound = ZSTD_compressBound(t->len), n = 0;
	CLEANUP(freep) void *frame = malloc(bound);
	ZSTD_CCtx *z = ZSTD_createCCtx();
	int r;

	if (frame && z) {
		/* The bundle takes it as it is: a damaged one must show. */
		(void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
		n = ZSTD_compress2(z, frame, bound, t->s, t->len);
	}
	(void)ZSTD_freeCCtx(z);
	if (!frame || !z || ZSTD_isError(n))
		return err_nomem(e);
	r = file_replace_at(dir_fd, name, frame, n, e);
	return r == 0 ? file_sync_dir(dir_fd, e) : r;
}

/* With the formats that are known and those of systems not seen yet; an earlier head is replaced.
 */
static int save_head(struct source *s, int tracing_fd, struct err *e)
{
	struct text page = {0}, event = {0}, kallsyms = {0}, printk = {0}, head = {0};
	CLEANUP(closep) int events_fd = -1;
	struct ftrace *f = s->priv;
	int r;

	events_fd = file_open_dir_at(tracing_fd, "events", e);
	if (events_fd < 0)
		return events_fd;
	r = file_load_at(events_fd, "header_page", FORMAT_MAX_BYTES, &page, e);
	if (r == 0)
		r = ringpage_layout_parse(text_c(&page), &f->rings.layout, e);
	if (r == 0)
		r = file_load_at(events_fd, "header_event", FORMAT_MAX_BYTES, &event, e);
	if (r == 0)
		r = load_formats(f, events_fd, e);
	if (r == 0) {
		load_kallsyms(&kallsyms);
		(void)file_load_at(tracing_fd, "printk_formats", FORMAT_MAX_BYTES * 16, &printk,
				   NULL);
		r = tracedat_write_head(
			&(struct tracedat_head){
				.page_bytes = f->rings.layout.page_bytes,
				.header_page = text_c(&page),
				.header_event = text_c(&event),
				.formats = f->formats.list,
				.format_count = f->formats.count,
				.kallsyms = text_c(&kallsyms),
				.printk_formats = text_c(&printk),
			},
			&head, e);
	}
	if (r == 0)
		r = save_compressed(s->session->dir_fd, SESSION_TRACE_HEAD, &head, e);
	text_free(&page);
	text_free(&event);
	text_free(&kallsyms);
	text_free(&printk);
	text_free(&head);
	return r;
}

/* ---- the instance ---- */

static int size_rings(struct source *s, struct err *e)
{
	struct ftrace *f = s->priv;
	int r;

	f->ring_wanted_kb = ring_bytes_each(s->session->config->ring_bytes) / KIB;
	r = instance_set_size(&f->instance, f->ring_wanted_kb, &f->ring_kb, e);
	if (r < 0)
		return r;
	if (f->ring_kb < f->ring_wanted_kb)
		source_degrade(s, SOURCE_DEGRADED,
			       "the kernel granted rings of %llu KiB per CPU instead of %llu KiB",
			       (unsigned long long)f->ring_kb,
			       (unsigned long long)f->ring_wanted_kb);
	return 0;
}

static int make_instance(struct source *s, struct err *e)
{
	struct ftrace *f = s->priv;
	struct text clock = {0};
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), INSTANCE_PREFIX "%s", s->session->suffix);
	r = instance_create(name, &f->instance, e);
	if (r < 0)
		return r;
	f->have_instance = true;
	s->session->recording = &f->instance;
	/* In this order: changing the clock empties the rings. */
	r = instance_set_clock(&f->instance, "mono", e);
	if (r == 0)
		r = size_rings(s, e);
	if (r == 0)
		r = instance_read(&f->instance, "trace_clock", &clock, e);
	if (r == 0)
		f->trace_clock = take_ptr(clock.s);
	text_free(&clock);
	if (r < 0)
		return r;
	f->tracing_on_fd = instance_open_file(&f->instance, "tracing_on", O_WRONLY, e);
	return f->tracing_on_fd < 0 ? f->tracing_on_fd : 0;
}

static void save_comms(struct source *s, int tracing_fd)
{
	struct text comms = {0};

	if (file_load_at(tracing_fd, "saved_cmdlines", 4 * MIB, &comms, NULL) == 0 && comms.len)
		spool_comms(s->session->spool, comms.s, comms.len);
	text_free(&comms);
}

static int open_tracing(struct err *e)
{
	const char *dir = instance_tracing_dir(e);

	return dir ? file_open_dir(dir, e) : (e && e->code ? e->code : -ENOENT);
}

static int ftrace_prepare(struct source *s, struct err *e)
{
	CLEANUP(closep) int tracing_fd = -1;
	struct ftrace *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_nomem(e);
	f->tracing_on_fd = -1;
	s->priv = f;
	tracing_fd = open_tracing(e);
	if (tracing_fd < 0)
		return tracing_fd;
	r = parse_specs(s, e);
	if (r == 0)
		r = make_instance(s, e);
	if (r == 0)
		r = set_filters(f, NULL, e);
	if (r == 0)
		r = save_head(s, tracing_fd, e);
	if (r == 0)
		r = rings_open(&f->rings, &f->instance, s->session->spool, s->session->loss,
			       &s->session->stats.events, e);
	return r;
}

static void watch_comms(struct source *s, bool now)
{
	struct ftrace *f = s->priv;
	uint64_t mono = clock_mono_ns();
	CLEANUP(closep) int fd = -1;

	if (!now && mono < f->comms_next_ns)
		return;
	f->comms_next_ns = mono + COMMS_EVERY_NS;
	fd = open_tracing(NULL);
	if (fd >= 0)
		save_comms(s, fd);
}

/* ---- modules that go and come ---- */

/*
 * What its file says: '1' all events on, 'X' some, '0' none. A trigger in the kernel makes its
 * event half on, which turns '0' into 'X', so only what was said at first will do. '?' when it may
 * not be read any more (a lockdown that came later): what is on stays on.
 */
static char enabled_state(const struct instance *i, const struct event_spec *spec)
{
	CLEANUP(text_free) struct text text = {0};
	char file[256];
	int r;

	(void)snprintf(file, sizeof(file), "events/%s%s%s/enable", spec->system,
		       spec->event[0] ? "/" : "", spec->event);
	r = instance_read(i, file, &text, NULL);
	if (r == 0 && text.len)
		return text.s[0];
	return r == -ENOENT || r == -ENODEV ? '0' : '?';
}

static void note_gone(struct source *s, uint64_t since_ns)
{
	loss_note(s->session->loss, LOSS_FAULT, "ftrace", 0, since_ns, clock_mono_ns(),
		  LOSS_UNKNOWN,
		  "a module was unloaded: the kernel emptied the rings, and its events were off");
}

/* The kernel's counters began again at nought, too. */
static void event_gone(struct source *s, size_t i)
{
	struct ftrace *f = s->priv;

	f->gone_ns[i] = f->looked_ns;
	rings_were_reset(&f->rings);
	note_gone(s, f->gone_ns[i]);
	atomic_fetch_add(&s->session->stats.event_moves, 1);
	log_warning(
		"the events of %s have gone: their module was unloaded; what was recorded before "
		"is kept",
		f->specs[i].system);
}

/* Nothing is enabled before its format is durable. */
static int event_back(struct source *s, size_t i, struct err *e)
{
	CLEANUP(closep) int tracing_fd = -1, events_fd = -1;
	const struct event_spec *spec;
	struct ftrace *f = s->priv;
	int r;

	spec = &f->specs[i];
	tracing_fd = open_tracing(e);
	if (tracing_fd < 0)
		return tracing_fd;
	events_fd = file_open_dir_at(tracing_fd, "events", e);
	if (events_fd < 0)
		return events_fd;
	r = add_system(&f->formats, events_fd, spec->system, e);
	if (r == 0)
		r = save_head(s, tracing_fd, e);
	if (r == 0)
		r = set_filters(f, spec->system, e);
	return r == 0 ? enable_spec(&f->instance, spec, true, e) : r;
}

static void look_after_event(struct source *s, size_t i)
{
	struct ftrace *f = s->priv;
	const struct event_spec *spec = &f->specs[i];
	struct err e = {0};
	char state;

	if (f->gone_ns[i] == UINT64_MAX)
		return;
	state = enabled_state(&f->instance, spec);
	if (state == f->states[i] || state == '?')
		return;
	if (!f->gone_ns[i])
		event_gone(s, i);
	if (!instance_event_exists(spec->system, spec->event[0] ? spec->event : NULL))
		return;
	if (event_back(s, i, &e) < 0) {
		f->gone_ns[i] = UINT64_MAX; /* once is enough */
		f->given_up = true;
		source_degrade(s, SOURCE_FAILED, "the events of %s are not recorded any more: %s",
			       spec->system, e.text);
		return;
	}
	note_gone(s, f->gone_ns[i]);
	f->gone_ns[i] = 0;
	atomic_fetch_add(&s->session->stats.event_moves, 1);
	log_notice("the events of %s are back, and recorded again", spec->system);
}

static void look_after_events(struct source *s)
{
	struct ftrace *f = s->priv;
	uint64_t now = clock_mono_ns();

	if (!atomic_load(&f->enabled) || now < f->look_next_ns)
		return;
	f->look_next_ns = now + LOOK_EVERY_NS;
	for (size_t i = 0; i < f->spec_count; i++)
		look_after_event(s, i);
	f->looked_ns = now;
	/* The watch is to look for itself from now on. */
	if (f->given_up)
		atomic_fetch_add(&s->session->stats.event_moves, 1);
}

/* ---- the life of the source ---- */

/*
 * Until the next pass of a busy time: so long that the fullest ring, filled as fast as it was since
 * the last pass, fills to an eighth. A pass may come late when every CPU is busy, and a storm
 * grows.
 */
static uint64_t pause_ns(const struct ftrace *f, uint64_t since_ns)
{
	uint64_t page_bytes = f->rings.layout.page_bytes;
	uint64_t pages = max_of(f->rings.most_bytes / page_bytes, (uint64_t)1);
	uint64_t eighth = f->ring_kb * KIB / page_bytes / 8;
	uint64_t pause = min_of(since_ns, NSEC_PER_SEC) * eighth / pages;

	return max_of(PASS_BUSY_MIN_NS, min_of(PASS_BUSY_NS, pause));
}

/*
 * Between passes over rings that are nearly empty: a storm may begin just after one, and must not
 * have filled half a ring by the next. Scoutfs flat out made 10 MB/s on each CPU.
 */
static uint64_t idle_ns(const struct ftrace *f)
{
	uint64_t half_full_ns = f->ring_kb * KIB / 2 * NSEC_PER_SEC / STORM_BYTES_PER_S;

	return max_of(PASS_BUSY_NS, min_of(PASS_IDLE_NS, half_full_ns));
}

static uint64_t ftrace_pass(void *arg, enum pump_pass why)
{
	struct source *s = arg;
	struct ftrace *f = s->priv;
	uint64_t begun_ns = clock_mono_ns(), since_ns = begun_ns - f->passed_ns;
	bool failed = false, busy;

	f->passed_ns = begun_ns;
	busy = rings_pass(&f->rings, 2 * f->rings.layout.page_bytes, &failed);
	if (failed && !f->read_failed) {
		f->read_failed = true;
		source_degrade(s, SOURCE_FAILED,
			       "a ring could not be read any more; "
			       "end the recording and start it again");
	}
	watch_comms(s, why != PUMP_REGULAR);
	look_after_events(s);
	if (why == PUMP_FLUSH)
		(void)spool_sync(s->session->spool, NULL, NULL);
	return busy ? pause_ns(f, since_ns) : idle_ns(f);
}

static int ftrace_start(struct source *s, struct err *e)
{
	struct ftrace *f = s->priv;
	int r;

	f->pump = (struct pump){
		.pass = ftrace_pass,
		.arg = s,
		.wait_fd = -1,
		.nice = PUMP_NICE,
		/* Files of tracefs, should it not be root who runs this; symbols with their
		   addresses. */
		.keep = PRIVILEGE(CAP_DAC_OVERRIDE) | PRIVILEGE(CAP_DAC_READ_SEARCH) |
			PRIVILEGE(CAP_SYSLOG),
		.role = CONFINE_FILES,
	};
	r = pump_start(&f->pump, "rings", e);
	for (size_t i = 0; r == 0 && i < f->spec_count; i++)
		r = enable_spec(&f->instance, &f->specs[i], true, e);
	for (size_t i = 0; r == 0 && i < f->spec_count; i++) {
		f->states[i] = enabled_state(&f->instance, &f->specs[i]);
		/* A system of events that cannot be enabled. */
		if (f->states[i] == '0')
			f->gone_ns[i] = UINT64_MAX;
	}
	f->looked_ns = clock_mono_ns();
	atomic_store(&f->enabled, r == 0);
	return r;
}

static void ftrace_flush(struct source *s)
{
	pump_flush(&((struct ftrace *)s->priv)->pump);
}

/* The first act after a final verdict, and the only one before the clock is read. */
static void ftrace_freeze(struct source *s)
{
	struct ftrace *f = s->priv;

	if (write(f->tracing_on_fd, "0", 1) != 1)
		source_degrade(s, SOURCE_DEGRADED, "the ring could not be stopped: %s",
			       strerror(errno));
}

static int ftrace_drain(struct source *s, struct err *e)
{
	struct ftrace *f = s->priv;

	(void)e;
	pump_stop(&f->pump);
	rings_settle(&f->rings, clock_mono_ns());
	rings_journal_stats(&f->rings);
	atomic_store(&s->records, atomic_load(&s->session->stats.events));
	return 0;
}

static void ftrace_facts(struct source *s, struct json_writer *w)
{
	struct ftrace *f = s->priv;
	struct utsname u;
	char uname_text[512] = "";

	if (uname(&u) == 0)
		(void)snprintf(uname_text, sizeof(uname_text), "%s %s %s %s", u.sysname, u.nodename,
			       u.release, u.machine);
	json_kv_str(w, "instance", f->instance.name);
	json_kv_str(w, "trace_clock", f->trace_clock);
	json_kv_str(w, "uname", uname_text);
	json_kv_u64(w, "cpus", f->rings.cpu_count);
	json_kv_u64(w, "page_bytes", f->rings.layout.page_bytes);
	json_kv_u64(w, "commit_offset", f->rings.layout.commit_offset);
	json_kv_u64(w, "commit_bytes", f->rings.layout.commit_bytes);
	json_kv_u64(w, "data_offset", f->rings.layout.data_offset);
	json_kv_u64(w, "ring_kb_per_cpu", f->ring_kb);
	json_kv_u64(w, "ring_kb_wanted", f->ring_wanted_kb);
	json_kv_u64(w, "formats", f->formats.count);
	json_key(w, "events");
	json_array(w);
	for (size_t i = 0; i < f->spec_count; i++) {
		char text[1300];

		(void)snprintf(text, sizeof(text), "%s:%s%s%s", f->specs[i].system,
			       f->specs[i].event[0] ? f->specs[i].event : "*",
			       f->specs[i].filter[0] ? "/" : "", f->specs[i].filter);
		json_str(w, text);
	}
	json_array_end(w);
}

static void ftrace_free(struct source *s)
{
	struct ftrace *f = s->priv;
	struct err e = {0};

	if (!f)
		return;
	pump_stop(&f->pump);
	rings_close(&f->rings);
	closep(&f->tracing_on_fd);
	s->session->recording = NULL;
	if (f->have_instance && instance_remove(&f->instance, &e) < 0)
		log_warning("%s", e.text);
	formats_done(&f->formats);
	free(f->specs);
	free(f->gone_ns);
	free(f->from);
	free(f->states);
	free(f->trace_clock);
	free(f);
	s->priv = NULL;
}

const struct source_ops source_ftrace_ops = {
	.name = "ftrace",
	.prepare = ftrace_prepare,
	.start = ftrace_start,
	.flush = ftrace_flush,
	.freeze = ftrace_freeze,
	.drain = ftrace_drain,
	.facts = ftrace_facts,
	.free = ftrace_free,
};
