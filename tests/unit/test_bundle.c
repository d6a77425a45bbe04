/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a recording: the same members, byte for byte, as GNU tar and bsdtar unpack, and the same
 * records, whatever form it came in.
 */
#include "bundle.h"
#include "bundlekit.h"
#include "sandbox.h"
#include "test.h"

/* The bundle that the tests read, and what GNU tar unpacks it to. */
static struct kit_folder made;
static char made_path[256], unpacked[300];

static struct bundle *open_or_die(const char *path)
{
	struct bundle *b = NULL;
	struct err e = {0};

	if (bundle_open(path, &b, &e) < 0) {
		printf("# %s\n", e.text);
		kit_die(path);
	}
	return b;
}

static void print_notes(const struct bundle *b)
{
	const struct bundle_note *notes;
	size_t n = bundle_notes(b, &notes);

	for (size_t i = 0; i < n; i++)
		printf("# note: %s\n", notes[i].text);
}

static bool has_note(const struct bundle *b, const char *part)
{
	const struct bundle_note *notes;
	size_t n = bundle_notes(b, &notes);

	for (size_t i = 0; i < n; i++)
		if (strstr(notes[i].text, part))
			return true;
	print_notes(b);
	return false;
}

static bool same_as_file(const struct bundle *b, const char *member, const char *folder)
{
	struct text got = {0}, want = {0};
	char path[600];
	struct err e = {0};
	bool same;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, member);
	if (file_load(path, 64 * MIB, &want, NULL) < 0)
		kit_die(path);
	same = bundle_member_load(b, member, 64 * MIB, &got, &e) == 0 && got.len == want.len &&
	       memcmp(text_c(&got), text_c(&want), got.len) == 0;
	if (!same)
		printf("# %s: %zu bytes, %zu in the file; %s\n", member, got.len, want.len, e.text);
	text_free(&got);
	text_free(&want);
	return same;
}

/* Every member is as a file of @folder, and there is none more or less. */
static bool same_as_folder(const struct bundle *b, const char *folder)
{
	const struct bundle_member *members;
	size_t n = bundle_members(b, &members);
	struct text list = {0};
	bool same = true;

	(void)kit_run(&list, "find %s -type f", folder);
	if (kit_lines(text_c(&list)) != n) {
		printf("# %zu members, %zu files\n", n, kit_lines(text_c(&list)));
		same = false;
	}
	text_free(&list);
	for (size_t i = 0; i < n; i++)
		same &= same_as_file(b, members[i].path, folder);
	return same;
}

/* The payloads of a stream, joined. */
static bool stream_bytes(const struct bundle *b, enum chunk_stream kind, uint32_t id,
			 struct text *ret)
{
	const struct bundle_stream *s = bundle_stream(b, kind, id);
	struct bundle_reader *reader;
	uint8_t *buf;
	bool ok = true;

	text_reset(ret);
	if (!s || bundle_reader_new(&reader, NULL) < 0)
		return false;
	buf = malloc(s->raw_max);
	for (size_t i = 0; ok && i < s->count; i++) {
		ok = bundle_chunk_read(b, &s->chunks[i], reader, buf, s->raw_max, NULL) == 0;
		text_add(ret, buf, s->chunks[i].raw_bytes);
	}
	free(buf);
	bundle_reader_free(reader);
	return ok && text_ok(ret);
}

static bool is_bytes(const struct text *t, const void *bytes, size_t n)
{
	return t->len == n && memcmp(t->s, bytes, n) == 0;
}

/* All that was recorded is in the streams. */
static bool has_all_records(const struct bundle *b)
{
	struct text t = {0};
	struct kit_events got, want;
	bool ok = true;

	for (uint32_t cpu = 0; ok && cpu < 2; cpu++) {
		ok = stream_bytes(b, CHUNK_RING, cpu, &t);
		/* The spool joins pages: the events are the same. */
		got = kit_events_of(t.s, t.len);
		want = kit_events_of(kit.cpu[cpu].bytes, kit.cpu[cpu].n);
		ok &= got.n > 1000 && kit_events_same(&got, &want);
		free(got.v);
		free(want.v);
	}
	ok = ok && stream_bytes(b, CHUNK_KMSG, 0, &t) && is_bytes(&t, kit.log.s, kit.log.len);
	ok = ok && stream_bytes(b, CHUNK_PACKETS, 0, &t) &&
	     is_bytes(&t, kit.pcap.bytes + 24, kit.pcap.n - 24);
	ok = ok && stream_bytes(b, CHUNK_CLOCKS, 0, &t) &&
	     is_bytes(&t, kit.clocks.s, kit.clocks.len);
	text_free(&t);
	return ok;
}

static void an_assembled_bundle_is_what_tar_unpacks(void)
{
	struct bundle *b = open_or_die(made_path);
	const struct bundle_note *notes;

	print_notes(b);
	CHECK_EQ(bundle_kind(b), BUNDLE_ASSEMBLED);
	CHECK_EQ(bundle_notes(b, &notes), 0);
	CHECK(!bundle_is_damaged(b));
	CHECK(same_as_folder(b, unpacked));
	CHECK(has_all_records(b));
	CHECK(bundle_manifest(b));
	bundle_free(b);
}

static void a_folder_is_the_same(void)
{
	struct bundle *b = open_or_die(unpacked);

	print_notes(b);
	CHECK_EQ(bundle_kind(b), BUNDLE_FOLDER);
	CHECK(!bundle_is_damaged(b));
	CHECK(same_as_folder(b, unpacked));
	CHECK(has_all_records(b));
	bundle_free(b);
}

/* Packed again by others: what there is in the streams and members is the same. */
static void packed_again_it_is_the_same(void)
{
	static const char *const ways[] = {
		"tar --zstd -C %1$s -cf %2$s " KIT_STEM,
		"tar -z -C %1$s -cf %2$s " KIT_STEM,
		"tar -J -C %1$s -cf %2$s " KIT_STEM,
		"tar -j -C %1$s -cf %2$s " KIT_STEM,
		"tar -C %1$s -cf %2$s " KIT_STEM,
		"tar --format=v7 -C %1$s -cf %2$s " KIT_STEM,
		"tar --format=pax -C %1$s -cf %2$s " KIT_STEM,
		"bsdtar --zstd -C %1$s -cf %2$s " KIT_STEM,
		/* Only the files, in another order, with "./", without the folder. */
		"cd %1$s/" KIT_STEM " && find . -type f | sort -r | tar -z -cf %2$s -T -",
		/* Two folders more around it. */
		"tar -z -C / --transform=s,^,support/case-17/, -cf %2$s .%1$s/" KIT_STEM,
		"zstd -dcq %3$s | zstd -3 -cq >%2$s",
		"zstd -dcq %3$s | gzip -1 >%2$s",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		char command[1500], path[300];
		struct bundle *b;

		(void)snprintf(path, sizeof(path), "%s/again", made.path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(command, sizeof(command), ways[i], made.path, path, made_path);
#pragma GCC diagnostic pop
		CHECK_EQ(kit_run(NULL, "rm -f %s; %s", path, command), 0);
		b = open_or_die(path);
		if (bundle_is_damaged(b))
			print_notes(b);
		printf("# %s\n", ways[i]);
		CHECK_EQ(bundle_kind(b), BUNDLE_REPACKED);
		CHECK(!bundle_is_damaged(b));
		CHECK(same_as_folder(b, unpacked));
		CHECK(has_all_records(b));
		bundle_free(b);
		CHECK_EQ(unlink(path), 0);
	}
}

static void a_trace_file_alone_is_read(void)
{
	char path[400];
	struct text t = {0};
	struct bundle *b;

	(void)snprintf(path, sizeof(path), "%s/trace.dat", unpacked);
	b = open_or_die(path);
	CHECK_EQ(bundle_kind(b), BUNDLE_TRACE);
	CHECK(!bundle_is_damaged(b));
	CHECK(stream_bytes(b, CHUNK_RING, 0, &t) && t.len > 0 && t.len % KIT_PAGE == 0);
	CHECK(same_as_file(b, "trace.dat", unpacked));
	bundle_free(b);
	(void)snprintf(path, sizeof(path), "%s/packets.pcap", unpacked);
	b = open_or_die(path);
	CHECK_EQ(bundle_kind(b), BUNDLE_PCAP);
	CHECK(!bundle_is_damaged(b));
	CHECK(bundle_stream(b, CHUNK_PACKETS, 0)->real_time);
	CHECK(stream_bytes(b, CHUNK_PACKETS, 0, &t) &&
	      is_bytes(&t, kit.pcap.bytes + 24, kit.pcap.n - 24));
	bundle_free(b);
	text_free(&t);
}

static void a_missing_manifest_is_told(void)
{
	struct bundle *b;

	CHECK_EQ(kit_run(NULL, "mv %s/manifest.json %s/kept", unpacked, made.path), 0);
	b = open_or_die(unpacked);
	CHECK(has_note(b, "manifest.json is missing"));
	CHECK(bundle_is_damaged(b));
	CHECK(has_all_records(b));
	bundle_free(b);
	CHECK_EQ(kit_run(NULL, "mv %s/kept %s/manifest.json", made.path, unpacked), 0);
}

/* ---- in two steps ---- */

static uint64_t progress_done, progress_all;

static void on_progress(void *arg, uint64_t done, uint64_t all)
{
	(void)arg;
	progress_done = done;
	progress_all = all;
}

static int index_and_read(struct sandbox *s, void *arg, struct err *e)
{
	struct bundle *b = arg;
	int r;

	(void)s;
	bundle_on_progress(b, on_progress, NULL);
	r = bundle_index(b, e);
	if (r < 0)
		return r;
	if (bundle_kind(b) == BUNDLE_REPACKED && (!progress_all || progress_done != progress_all))
		return 1;
	return bundle_is_damaged(b) || !has_all_records(b) ? 2 : 0;
}

/* Once the files are open nothing is opened any more: in a sandbox that forbids it all is there. */
static void the_second_step_needs_no_files(void)
{
	struct kit_folder dir = kit_session(KIT_SYNCED);
	char again[300], gz[300];
	const char *const paths[] = {made_path, unpacked, dir.path, again, gz};
	const struct sandbox_limits limits = {0};

	(void)snprintf(again, sizeof(again), "%s/again", made.path);
	(void)snprintf(gz, sizeof(gz), "%s/gz", made.path);
	CHECK_EQ(kit_run(NULL, "tar -J -C %s -cf %s " KIT_STEM, made.path, again), 0);
	CHECK_EQ(kit_run(NULL, "tar -z -C %s -cf %s " KIT_STEM, made.path, gz), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct sandbox_end end = {0};
		struct bundle *b = NULL;
		struct err e = {0};

		CHECK_EQ(bundle_open_files(paths[i], &b, &e), 0);
		CHECK_EQ(sandbox_run(index_and_read, b, &limits, "test", &end, &e), 0);
		if (!end.returned || end.result)
			printf("# %s: result %d, signal %d, call %ld: %s\n", paths[i], end.result,
			       end.signal, end.forbidden, e.text);
		CHECK(end.returned);
		CHECK_EQ(end.result, 0);
		bundle_free(b);
	}
	CHECK_EQ(kit_run(NULL, "rm %s %s", again, gz), 0);
	kit_folder_remove(&dir);
}

/* ---- sessions ---- */

/* What was sealed and what was only in the tail are all there; and nothing in the folder changed.
 */
static void check_session(enum kit_ending ending)
{
	struct kit_folder dir = kit_session(ending);
	struct text before = {0}, after = {0}, head = {0};
	struct bundle *b;

	(void)kit_run(&before, "cd %s && ls -lR --time-style=full-iso | sha256sum", dir.path);
	b = open_or_die(dir.path);
	print_notes(b);
	CHECK_EQ(bundle_kind(b), BUNDLE_SESSION);
	CHECK(!bundle_is_damaged(b));
	CHECK(has_all_records(b));
	CHECK(bundle_member(b, "session.json"));
	CHECK(bundle_member(b, "context/start/uname.txt"));
	CHECK_EQ(bundle_prologue(b, "packets.pcap", &head, NULL), 0);
	CHECK(is_bytes(&head, kit.pcap.bytes, 24));
	/* A trace.dat as finish() would write it: trace-cmd finds every event. */
	CHECK_EQ(bundle_member_load(b, "trace.dat", 64 * MIB, &head, NULL), 0);
	CHECK_EQ(bundle_member(b, "trace.dat")->bytes, head.len);
	kit_save(&made, "session.dat", head.s, head.len);
	text_reset(&head);
	CHECK_EQ(kit_run(&head,
			 "LC_ALL=C trace-cmd report -N -i %s/session.dat 2>&1 | "
			 "grep -c '^ '",
			 made.path),
		 0);
	CHECK_EQ(strtoul(text_c(&head), NULL, 10), KIT_EVENTS);
	bundle_free(b);
	(void)kit_run(&after, "cd %s && ls -lR --time-style=full-iso | sha256sum", dir.path);
	CHECK_STR(text_c(&after), text_c(&before));
	CHECK_EQ(kit_run(NULL, "rm %s/session.dat", made.path), 0);
	text_free(&before);
	text_free(&after);
	text_free(&head);
	kit_folder_remove(&dir);
}

/* What finish() would write of it, for whoever asks for the manifest. */
static void a_sessions_files_tell_what_a_manifest_tells(void)
{
	static const char journal[] =
		"{\"anchor\":{\"when\":\"start\",\"monotonic_ns\":1000,\"realtime_ns\":5000}}\n"
		"{\"suspect\":{\"trigger\":\"client-disconnected\",\"monotonic_ns\":7}}\n"
		"{\"stop\":{\"reason\":\"suspect\",\"monotonic_ns\":8}}\n"
		"{\"suspect\":{\"trigger\":\"server-closing\",\"monotonic_ns\":9}}\n"
		"{\"stop\":{\"reason\":\"trigger\",\"trigger\":\"oops\",\"monotonic_ns\":10}}\n"
		"{\"torn";
	struct kit_folder dir = kit_session(KIT_ENDED);
	const struct json_value *m, *list;
	struct bundle *b;

	CHECK_EQ(unlinkat(dir.fd, SPOOL_JOURNAL, 0), 0);
	kit_save(&dir, SPOOL_JOURNAL, journal, sizeof(journal) - 1);
	b = open_or_die(dir.path);
	m = bundle_manifest(b);
	CHECK_STR(json_get_str(m, "server", ""), "127.0.0.1:19700");
	CHECK_STR(json_get_str(m, "kernel", ""), "6.1.0");
	CHECK_STR(json_get_str(json_get(m, "stop"), "trigger", ""), "oops");
	list = json_get(m, "suspects");
	CHECK(list && list->child && list->child->next && !list->child->next->next);
	CHECK_STR(json_get_str(list->child->next, "trigger", ""), "server-closing");
	list = json_get(json_get(m, "clocks"), "anchors");
	CHECK(list && list->child && json_get_u64(list->child, "realtime_ns", 0) == 5000);
	list = json_get(m, "sources");
	CHECK(list && list->child);
	CHECK_STR(json_get_str(list->child, "name", ""), "ftrace");
	CHECK_EQ(json_get_u64(list->child, "records", 0), KIT_EVENTS);
	bundle_free(b);
	kit_folder_remove(&dir);
}

/* The ledger's entries lie at places of 512 bytes: what one loses is not another's. */
static void put_place(struct text *t, const char *entry)
{
	text_str(t, entry);
	for (size_t n = strlen(entry); n < 512; n++)
		text_str(t, " ");
}

static void a_sessions_ledger_is_told_by_source(void)
{
	struct kit_folder dir = kit_session(KIT_ENDED);
	CLEANUP(text_free) struct text ledger = {0};
	const struct json_value *list, *gap;
	const struct bundle_note *notes;
	struct bundle *b;

	put_place(&ledger, "{\"gap\":{\"kind\":\"fault\",\"source\":\"packets\",\"from_ns\":5,"
			   "\"to_ns\":9,\"count\":3,\"reason\":\"ring full\"}}");
	put_place(&ledger, "{\"gap\":{\"kind\":\"torn");
	put_place(&ledger, "{\"gap\":{\"kind\":\"outage\",\"source\":\"packets\",\"count\":100}}");
	put_place(&ledger, "{\"gap\":{\"kind\":\"fault\",\"source\":\"kmsg\",\"uncounted\":true}}");
	(void)unlinkat(dir.fd, SPOOL_LOSSES, 0);
	kit_save(&dir, SPOOL_LOSSES, ledger.s, ledger.len);
	b = open_or_die(dir.path);
	list = json_get(bundle_manifest(b), "sources");
	CHECK(list && list->child);
	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next) {
		const char *name = json_get_str(v, "name", "");
		bool packets = !strcmp(name, "packets"), log = !strcmp(name, "kmsg");

		CHECK_EQ(json_get_u64(v, "lost", 77), packets ? 3 : 0);
		CHECK_EQ(json_get_bool(v, "lost_is_lower_bound", !log), log);
		gap = json_get(v, "gaps");
		CHECK(gap && (gap->child != NULL) == (packets || log));
		if (packets && gap && gap->child) {
			CHECK_EQ(json_get_u64(gap->child, "to_monotonic_ns", 0), 9);
			CHECK_STR(json_get_str(gap->child, "reason", ""), "ring full");
			CHECK(gap->child->next && !gap->child->next->next);
		}
	}
	CHECK_EQ(bundle_notes(b, &notes), 1);
	CHECK(strstr(notes[0].text, "1 entries of the ledger"));
	CHECK(bundle_is_damaged(b));
	bundle_free(b);
	kit_folder_remove(&dir);
}

static void a_session_that_ended_is_read(void)
{
	check_session(KIT_ENDED);
}

static void a_session_whose_newest_chunks_are_in_the_tail_is_read(void)
{
	check_session(KIT_SYNCED);
}

/* One wrong byte in the tail costs its piece, is told, and hides nothing behind it. */
static void behind_damage_in_the_tail_it_goes_on(void)
{
	struct kit_folder dir = kit_session(KIT_SYNCED);
	CLEANUP(text_free) struct text tail = {0};
	const struct bundle_stream *streams;
	uint64_t pieces = 0, found = 0;
	struct bundle *b;
	size_t count;

	if (file_load_at(dir.fd, SEGMENT_TAIL, 64 * MIB, &tail, NULL) < 0 || tail.len < 1000)
		kit_die(SEGMENT_TAIL);
	b = open_or_die(dir.path);
	count = bundle_streams(b, &streams);
	for (size_t i = 0; i < count; i++)
		pieces += streams[i].raw_bytes;
	bundle_free(b);

	tail.s[50] ^= 0x10; /* the first piece */
	CHECK_EQ(unlinkat(dir.fd, SEGMENT_TAIL, 0), 0);
	kit_save(&dir, SEGMENT_TAIL, tail.s, tail.len);
	b = open_or_die(dir.path);
	CHECK(bundle_is_damaged(b));
	count = bundle_streams(b, &streams);
	for (size_t i = 0; i < count; i++)
		found += streams[i].raw_bytes;
	/* The piece is of one stream of five. */
	CHECK(found < pieces && found > pieces / 3);
	bundle_free(b);
	kit_folder_remove(&dir);
}

static void a_session_in_a_tar_is_read(void)
{
	struct kit_folder dir = kit_session(KIT_SYNCED);
	char path[300];
	struct bundle *b;

	(void)snprintf(path, sizeof(path), "%s/session.tar.gz", made.path);
	CHECK_EQ(kit_run(NULL, "tar -z -C / -cf %s .%s", path, dir.path), 0);
	b = open_or_die(path);
	print_notes(b);
	CHECK_EQ(bundle_kind(b), BUNDLE_SESSION);
	CHECK(!bundle_is_damaged(b));
	CHECK(has_all_records(b));
	bundle_free(b);
	CHECK_EQ(unlink(path), 0);
	kit_folder_remove(&dir);
}

/* ---- a session that is being recorded ---- */

struct live {
	struct kit_folder dir;
	struct spool *spool;
	struct spool_stream *log;
	struct bundle_reader *reader;
	uint8_t *buf;
	uint64_t line;			 /* the last one */
	size_t read_chunks, gone_chunks; /* so far */
};

/* A spool so small that segments are dropped all the time. */
static struct live live_begin(void)
{
	struct live l = {.dir = kit_folder_make(), .buf = malloc(BUNDLE_CHUNK_MAX)};

	kit_save_small(&l.dir);
	if (!l.buf || bundle_reader_new(&l.reader, NULL) < 0 ||
	    spool_open(&(struct spool_config){.session_fd = l.dir.fd,
					      .limit_bytes = SPOOL_LIMIT_MIN,
					      .lag_ns = NSEC_PER_SEC / 100,
					      .memory_bytes = MIB,
					      .streams = 1},
		       &l.spool, NULL) < 0 ||
	    spool_stream_add(l.spool, CHUNK_KMSG, 0, NULL, &l.log, NULL) < 0 ||
	    spool_start(l.spool, NULL) < 0)
		kit_die("spool");
	return l;
}

static void live_end(struct live *l)
{
	spool_free(l->spool);
	bundle_reader_free(l->reader);
	free(l->buf);
	kit_folder_remove(&l->dir);
}

static void live_feed(struct live *l)
{
	for (int i = 0; i < 20000; i++) {
		char line[64];
		int n;

		l->line++;
		n = snprintf(line, sizeof(line), "%llu %08x\n", (unsigned long long)l->line,
			     (unsigned int)(l->line * 2654435761u));
		kit_put(l->log, line, (size_t)n, l->line, l->line, 1);
	}
}

/* Read what there is now. The last line; 0 when there is none or lines are missing in between. */
static uint64_t live_look(struct live *l)
{
	struct bundle *b = open_or_die(l->dir.path);
	const struct bundle_stream *st = bundle_stream(b, CHUNK_KMSG, 0);
	uint64_t expected = 0;
	bool ok = true;

	for (size_t i = 0; ok && st && i < st->count; i++) {
		const struct bundle_chunk *c = &st->chunks[i];

		ok &= i == 0 || c->sequence == c[-1].sequence + 1;
		if (bundle_chunk_read(b, c, l->reader, l->buf, BUNDLE_CHUNK_MAX, NULL) < 0) {
			/* Dropped since it was indexed, which only the oldest may be. */
			ok &= i < st->count / 2;
			expected = 0;
			l->gone_chunks++;
			continue;
		}
		l->read_chunks++;
		l->buf[c->raw_bytes - 1] = '\0';
		for (char *at = (char *)l->buf; ok && at; at = strchr(at + 1, '\n')) {
			uint64_t number = strtoull(at, NULL, 10);

			ok &= number > 0 && (!expected || number == expected);
			expected = number + 1;
		}
	}
	bundle_free(b);
	return ok && expected ? expected - 1 : 0;
}

/*
 * A recorder at work, looked at again and again: what is seen has no hole, and is never less than
 * what was durable before. Its spool is small, so segments are dropped all the time.
 */
static void a_session_that_is_being_recorded_is_read(void)
{
	struct live l = live_begin();

	for (int round = 0; round < 60; round++) {
		uint64_t durable;

		live_feed(&l);
		CHECK_EQ(spool_sync_wait(l.spool, NULL), 0);
		durable = l.line;
		/* The writer is at work while this reads. */
		live_feed(&l);
		CHECK(live_look(&l) >= durable);
	}
	printf("# %zu chunks read, %zu dropped before they could be\n", l.read_chunks,
	       l.gone_chunks);
	CHECK(l.read_chunks > 400);
	CHECK_EQ(spool_close(l.spool, NULL), 0);
	live_end(&l);
}

/* What a small spool left: segments, and the bytes of two of them. */
struct left {
	struct live live;
	char oldest[32], newest[32], next[32]; /* names; of @next there is no file */
	struct text old, new;
	uint32_t first; /* sequence of the first chunk behind the oldest segment */
	int old_fd;
};

static struct left left_make(void)
{
	CLEANUP(segment_set_done) struct segment_set set = {0};
	struct left f = {.live = live_begin()};
	uint32_t from, to;

	for (int i = 0; i < 100; i++)
		live_feed(&f.live);
	if (spool_close(f.live.spool, NULL) < 0 ||
	    segment_set_load(f.live.dir.fd, false, &set, NULL) < 0 || set.damage_count ||
	    !set.entry_count)
		kit_die("spool");
	from = set.entries[0].file;
	to = set.newest_file;
	for (size_t i = 0; i < set.entry_count && set.entries[i].file == from; i++)
		f.first = (uint32_t)set.entries[i].chunk.sequence + 1;
	/* The newest may be short: without it the one before is, which is full. */
	(void)snprintf(f.next, sizeof(f.next), SEGMENT_NAME, to);
	(void)snprintf(f.newest, sizeof(f.newest), SEGMENT_NAME, to - 1);
	(void)snprintf(f.oldest, sizeof(f.oldest), SEGMENT_NAME, from);
	f.old_fd = openat(f.live.dir.fd, f.oldest, O_RDWR | O_CLOEXEC);
	if (from == 1 || to < from + 3 || unlinkat(f.live.dir.fd, f.next, 0) < 0 ||
	    file_load_at(f.live.dir.fd, f.newest, 64 * MIB, &f.new, NULL) < 0 ||
	    file_load_at(f.live.dir.fd, f.oldest, 64 * MIB, &f.old, NULL) < 0 || f.old_fd < 0)
		kit_die("segments");
	return f;
}

static void left_end(struct left *f)
{
	(void)close(f->old_fd);
	text_free(&f->old);
	text_free(&f->new);
	live_end(&f->live);
}

/* Of @bytes, chunks in a row, where the last of them begins, and that before it. */
static void last_chunks(const struct text *bytes, size_t ret[2])
{
	struct chunk c;

	ret[0] = ret[1] = 0;
	for (size_t at = 0;
	     chunk_header_read((const uint8_t *)bytes->s + at, bytes->len - at, &c) == 0;
	     at += CHUNK_HEADER_BYTES + c.frame_bytes) {
		ret[1] = ret[0];
		ret[0] = at;
	}
	CHECK(ret[1] > 0);
}

/* Open the folder, as if the oldest segment had been there for long, which it would be. */
static struct bundle *open_late(const struct left *f)
{
	static const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct bundle *b = NULL;

	if (futimens(f->old_fd, times) < 0 || bundle_open_files(f->live.dir.path, &b, NULL) < 0)
		kit_die(f->live.dir.path);
	return b;
}

/* Index what was opened before: a row of chunks from @first on, and not a word of damage. */
static void check_no_hole(struct bundle *b, uint32_t first)
{
	const struct bundle_stream *st;

	CHECK_EQ(bundle_index(b, NULL), 0);
	print_notes(b);
	CHECK(!bundle_is_damaged(b));
	st = bundle_stream(b, CHUNK_KMSG, 0);
	CHECK(st && st->count && st->chunks[0].sequence == first);
	for (size_t i = 1; st && i < st->count; i++)
		CHECK_EQ(st->chunks[i].sequence, st->chunks[i - 1].sequence + 1);
	bundle_free(b);
}

/* The recorder cuts the oldest segment while its headers are read. */
static void a_segment_that_is_dropped_meanwhile_makes_no_hole(void)
{
	struct left f = left_make();
	struct bundle *b;
	size_t last[2];

	last_chunks(&f.old, last);
	for (size_t i = 0; i < 2; i++) {
		b = open_late(&f);
		/* Between two chunks, and within one. */
		CHECK_EQ(ftruncate(f.old_fd, (off_t)(last[0] - i)), 0);
		check_no_hole(b, f.first);
		CHECK_EQ(ftruncate(f.old_fd, 0), 0);
		CHECK_EQ(pwrite(f.old_fd, f.old.s, f.old.len, 0), (ssize_t)f.old.len);
	}
	left_end(&f);
}

/*
 * ... and has begun the next one in its file: with a chunk that is preceded by one that the newest
 * got after it was opened.
 */
static void nor_does_its_file_when_it_is_the_next_one(void)
{
	struct left f = left_make();
	struct bundle *b;
	size_t last[2], n;
	int fd;

	last_chunks(&f.new, last);
	n = f.new.len - last[0];
	fd = openat(f.live.dir.fd, f.newest, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, (off_t)last[1]) == 0);
	/* So long that nothing is missing at its old end. */
	CHECK_EQ(ftruncate(f.old_fd, (off_t)n), 0);
	b = open_late(&f);
	CHECK_EQ(pwrite(fd, f.new.s + last[1], last[0] - last[1], (off_t)last[1]),
		 (ssize_t)(last[0] - last[1]));
	CHECK_EQ(ftruncate(f.old_fd, 0), 0);
	CHECK_EQ(renameat(f.live.dir.fd, f.oldest, f.live.dir.fd, f.next), 0);
	CHECK_EQ(pwrite(f.old_fd, f.new.s + last[0], n, 0), (ssize_t)n);
	check_no_hole(b, f.first);
	(void)close(fd);
	left_end(&f);
}

/* ---- streams ---- */

/* What the chunk headers say, against a walk over the records; and the walk's own idea of a window.
 */
static void check_times(const char *path)
{
	struct bundle *b = open_or_die(path);
	const struct bundle_stream *streams;
	size_t n = bundle_streams(b, &streams);
	struct bundle_reader *reader;
	uint8_t *buf = malloc(BUNDLE_CHUNK_MAX);
	uint64_t events = 0;

	CHECK(n == 5 && buf && bundle_reader_new(&reader, NULL) == 0);
	for (size_t i = 0; i < n; i++) {
		const struct bundle_stream *s = &streams[i];

		CHECK(s->in_order || s->kind == CHUNK_PACKETS);
		CHECK_EQ(s->missing, 0);
		CHECK(!s->real_time);
		for (size_t k = 0; k < s->count; k++) {
			const struct bundle_chunk *c = &s->chunks[k];
			size_t from, to;

			CHECK_EQ(bundle_chunk_read(b, c, reader, buf, s->raw_max, NULL), 0);
			CHECK_EQ(c->sequence, k + 1);
			bundle_stream_window(s, c->first_ns, c->last_ns, &from, &to);
			CHECK(from <= k && k < to);
			bundle_stream_window(s, 0, c->first_ns - 1, &from, &to);
			CHECK(from == 0 && (to <= k || !s->in_order || k == 0 ||
					    s->chunks[k - 1].first_ns == c->first_ns));
			for (size_t at = 0; s->kind == CHUNK_RING && at < c->raw_bytes;
			     at += KIT_PAGE) {
				struct ringpage_info info;

				CHECK_EQ(ringpage_scan(&kit_layout, buf + at, &info), 0);
				CHECK(info.first_ns >= c->first_ns && info.last_ns <= c->last_ns);
				events += info.events;
			}
			for (size_t at = 0; s->kind == CHUNK_PACKETS && at < c->raw_bytes;) {
				uint64_t ns = kit_packet_ns(buf + at);

				CHECK(ns >= c->first_ns && ns <= c->last_ns);
				at += 16 + (size_t)get_le32(buf + at + 8);
				CHECK(at <= c->raw_bytes);
			}
			if (s->kind == CHUNK_KMSG || s->kind == CHUNK_CLOCKS)
				CHECK_EQ(buf[c->raw_bytes - 1], '\n');
		}
		bundle_stream_window(s, s->last_ns + 1, UINT64_MAX, &(size_t){0}, &(size_t){0});
		CHECK_EQ(s->chunks[s->count - 1].sequence, s->count);
	}
	CHECK_EQ(events, KIT_EVENTS);
	/* Line i of the log was at kit_kmsg_ns(i): to the microsecond, which is what the text has.
	 */
	CHECK_EQ(bundle_stream(b, CHUNK_KMSG, 0)->first_ns, kit_kmsg_ns(0));
	CHECK_EQ(bundle_stream(b, CHUNK_KMSG, 0)->last_ns,
		 kit_kmsg_ns(kit_lines(text_c(&kit.log)) - 1));
	CHECK_EQ(bundle_stream(b, CHUNK_CLOCKS, 0)->first_ns, NSEC_PER_SEC);
	CHECK_EQ(bundle_stream(b, CHUNK_CLOCKS, 0)->last_ns, KIT_CLOCK_ROWS * NSEC_PER_SEC);
	bundle_reader_free(reader);
	bundle_free(b);
	free(buf);
}

static void chunks_hold_whole_records_of_their_times(void)
{
	check_times(made_path);
}

static void so_do_the_chunks_made_for_a_folder(void)
{
	check_times(unpacked);
}

static void a_window_is_found_by_bisection_as_by_looking(void)
{
	struct bundle_chunk chunks[50];
	struct bundle_stream s = {.chunks = chunks, .count = 50};

	for (int order = 0; order < 2; order++) {
		uint64_t state = 7;

		for (uint64_t i = 0; i < 50; i++)
			chunks[i] =
				(struct bundle_chunk){.first_ns = 10 * i + damage(&state) % 3,
						      .last_ns = 10 * i + 5 + damage(&state) % 9};
		s.in_order = order == 0;
		for (size_t i = 1; s.in_order && i < 50; i++)
			chunks[i].last_ns = max_of(chunks[i].last_ns, chunks[i - 1].last_ns);
		for (uint64_t from = 0; from < 520; from += 3)
			for (uint64_t to = from; to < 520; to += 7) {
				size_t a, z, first = 50, last = 0;

				bundle_stream_window(&s, from, to, &a, &z);
				for (size_t i = 0; i < 50; i++)
					if (chunks[i].first_ns <= to && chunks[i].last_ns >= from) {
						first = min_of(first, i);
						last = i + 1;
					}
				CHECK(a <= z && z <= 50);
				CHECK(first == 50 || (a <= first && z >= last));
				CHECK(!s.in_order || first == 50 || (a == first && z == last));
			}
	}
}

int main(void)
{
	static const struct test_case cases[] = {
		TEST(an_assembled_bundle_is_what_tar_unpacks),
		TEST(a_folder_is_the_same),
		TEST(packed_again_it_is_the_same),
		TEST(a_trace_file_alone_is_read),
		TEST(a_missing_manifest_is_told),
		TEST(the_second_step_needs_no_files),
		TEST(a_session_that_ended_is_read),
		TEST(a_sessions_files_tell_what_a_manifest_tells),
		TEST(a_sessions_ledger_is_told_by_source),
		TEST(a_session_whose_newest_chunks_are_in_the_tail_is_read),
		TEST(a_session_in_a_tar_is_read),
		TEST(behind_damage_in_the_tail_it_goes_on),
		TEST(a_session_that_is_being_recorded_is_read),
		TEST(a_segment_that_is_dropped_meanwhile_makes_no_hole),
		TEST(nor_does_its_file_when_it_is_the_next_one),
		TEST(chunks_hold_whole_records_of_their_times),
		TEST(so_do_the_chunks_made_for_a_folder),
		TEST(a_window_is_found_by_bisection_as_by_looking),
	};
	int r;

	kit_load();
	made = kit_bundle();
	(void)snprintf(made_path, sizeof(made_path), "%s/" KIT_BUNDLE, made.path);
	(void)snprintf(unpacked, sizeof(unpacked), "%s/" KIT_STEM, made.path);
	if (kit_run(NULL, "tar --zstd -C %s -xf %s", made.path, made_path) != 0)
		kit_die("tar");
	r = test_main(cases, sizeof(cases) / sizeof(cases[0]));
	kit_folder_remove(&made);
	kit_unload();
	return r;
}
