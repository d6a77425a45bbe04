/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spool: what goes in comes out, in what is promised of disk and memory, whenever it is killed.
 */
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "sessionkit.h"
#include "spool.h"
#include "test.h"

#define LAG_NS (20 * NSEC_PER_MSEC)

/* What the spool told of itself, by its writer thread. */
struct told {
	const struct kit_folder *folder;
	_Atomic uint64_t dropped_chunks, dropped_to_ns, drops, refused, failures;
	_Atomic uint64_t worst_disk; /* bytes that the files of the spool took, at the worst look */
	_Atomic uint64_t answered, last_ticket, durable;
	_Atomic bool out_of_order;
};

/* Bytes on disk, reserved or used. Only from the writer thread: nothing is renamed meanwhile. */
static void look_at_disk(struct told *t)
{
	char path[300];
	uint64_t sum = 0;
	struct dirent *d;
	struct stat st;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/" SEGMENT_DIR, t->folder->path);
	dir = opendir(path);
	if (!dir)
		kit_die(path);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.' && fstatat(dirfd(dir), d->d_name, &st, 0) == 0)
			sum += max_of((uint64_t)st.st_blocks * 512, (uint64_t)st.st_size);
	(void)closedir(dir);
	if (sum > t->worst_disk)
		t->worst_disk = sum;
}

static void on_dropped(void *arg, const char *why, uint64_t from_ns, uint64_t to_ns,
		       uint64_t chunks)
{
	struct told *t = arg;

	(void)from_ns;
	if (!str_starts(why, "disk budget")) {
		t->refused += chunks;
		return;
	}
	t->drops++;
	t->dropped_chunks += chunks;
	if (to_ns > t->dropped_to_ns)
		t->dropped_to_ns = to_ns;
	look_at_disk(t);
}

static void on_failed(void *arg, const struct err *e)
{
	struct told *t = arg;

	(void)e;
	t->failures++;
}

static void on_synced(void *arg, uint64_t ticket, bool durable)
{
	struct told *t = arg;

	t->out_of_order = t->out_of_order || ticket <= t->last_ticket;
	t->last_ticket = ticket;
	t->answered++;
	t->durable += durable;
	look_at_disk(t);
}

static struct spool_config config_for(const struct kit_folder *f, struct told *t)
{
	if (t)
		t->folder = f;
	return (struct spool_config){
		.session_fd = f->fd,
		.limit_bytes = 32 * MIB,
		.lag_ns = LAG_NS,
		.memory_bytes = MIB,
		.streams = 6,
		.dropped = t ? on_dropped : NULL,
		.failed = t ? on_failed : NULL,
		.arg = t,
	};
}

static struct spool *open_or_die(const struct spool_config *c)
{
	struct spool *s;
	struct err e = {0};

	if (spool_open(c, &s, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		exit(99);
	}
	return s;
}

static struct spool_stream *stream_or_die(struct spool *s, enum chunk_stream kind, uint32_t id)
{
	struct spool_stream *st;

	if (spool_stream_add(s, kind, id, kind == CHUNK_RING ? &kit_layout : NULL, &st, NULL) < 0)
		kit_die("spool_stream_add");
	return st;
}

static void start_or_die(struct spool *s)
{
	struct err e = {0};

	if (spool_start(s, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		exit(99);
	}
}

/* ---- everything comes back ---- */

/* One thread's work: a file cut into pieces that are whole records to the spool. */
struct feed {
	struct spool *spool;
	struct spool_stream *stream;
	const uint8_t *bytes;
	size_t n;
	bool pages;
	uint64_t seed;
	struct told *told;
	uint64_t tickets;
	int error;
};

static void *feed_thread(void *arg)
{
	struct feed *f = arg;

	for (size_t at = 0, n; at < f->n; at += n) {
		struct spool_span span = {at + 1, at + 1, 1, 0};
		struct ringpage_info info;

		n = f->pages ? KIT_PAGE : min_of((size_t)(damage(&f->seed) % 9000 + 1), f->n - at);
		if (f->pages && ringpage_scan(&kit_layout, f->bytes + at, &info) == 0)
			span = (struct spool_span){info.first_ns, info.last_ns, info.events, 0};
		if (spool_append(f->stream, f->bytes + at, n, &span) < 0)
			f->error++;
		if (damage(&f->seed) % 16 == 0) {
			(void)spool_sync(f->spool, NULL, NULL);
			spool_pin(f->spool, at);
		}
	}
	return NULL;
}

static void every_stream_comes_back_as_it_was(void)
{
	static const char *const files[] = {
		"real/ring/cpu0.raw.zst", "real/ring/marker-cpu1.raw.zst",
		"real/kmsg/workload.kmsg.zst", "real/pcap/workload-sll1.pcap.zst"};
	static const struct {
		enum chunk_stream kind;
		uint32_t id;
	} what[] = {{CHUNK_RING, 0}, {CHUNK_RING, 1}, {CHUNK_KMSG, 0}, {CHUNK_PACKETS, 0}};
	struct kit_folder dir = kit_folder_make();
	struct told told = {0};
	struct spool_config c = config_for(&dir, &told);
	struct spool *s = open_or_die(&c);
	struct segment_set set = {0};
	struct realdata data[4];
	struct feed feeds[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		data[i] = realdata_load(files[i]);
		feeds[i] = (struct feed){
			.spool = s,
			.stream = stream_or_die(s, what[i].kind, what[i].id),
			.bytes = data[i].bytes,
			.n = data[i].n,
			.pages = what[i].kind == CHUNK_RING,
			.seed = 77 + (uint64_t)i,
		};
	}
	start_or_die(s);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, feed_thread, &feeds[i]);
	for (int i = 0; i < 50; i++) {
		(void)spool_sync(s, on_synced, &told);
		spool_journal(s, "{}\n", 3);
		spool_comms(s, i % 2 ? "7 seven\n" : "8 eight\n", 8);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(spool_close(s, NULL), 0);
	spool_free(s);

	CHECK_EQ(told.answered, 50);
	CHECK_EQ(told.durable, 50);
	CHECK(!told.out_of_order);
	CHECK_EQ(told.failures + told.drops, 0);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.damage_count, 0);
	CHECK_EQ(set.tail_count, 0);
	CHECK(kit_no_holes(&set, true));
	for (int i = 0; i < 4; i++) {
		struct text got = {0};

		CHECK_EQ(feeds[i].error, 0);
		CHECK(kit_stream(&dir, &set, what[i].kind, what[i].id, &got));
		if (feeds[i].pages) {
			struct kit_events a = kit_events_of(data[i].bytes, data[i].n),
					  b = kit_events_of(got.s, got.len);

			CHECK(a.n == (i ? 559 : 11643)); /* as the stats beside them say */
			CHECK(kit_events_same(&a, &b));
			CHECK(i != 1 || got.len < data[i].n / 2); /* half empty pages are joined */
			free(a.v);
			free(b.v);
		} else {
			CHECK_EQ(got.len, data[i].n);
			CHECK(memcmp(got.s, data[i].bytes, got.len) == 0);
		}
		text_free(&got);
		realdata_free(&data[i]);
	}
	{
		struct text journal = {0}, comms = {0};

		CHECK_EQ(file_load_at(dir.fd, SPOOL_JOURNAL, MIB, &journal, NULL), 0);
		CHECK(journal.len > 150);
		CHECK(str_starts(journal.s + 150, "{\"sealed\":[{\"stream\":1,\"id\":0,\"last\":"));
		CHECK_EQ(file_load_at(dir.fd, SPOOL_COMMS, MIB, &comms, NULL), 0);
		CHECK_STR(text_c(&comms), "8 eight\n7 seven\n");
		text_free(&journal);
		text_free(&comms);
	}
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

/* Two threads, one stream: each one's records stay whole and in order. */
struct shared_feed {
	struct spool_stream *stream;
	uint32_t who, count;
};

static void *shared_thread(void *arg)
{
	struct shared_feed *f = arg;

	for (uint32_t i = 0; i < f->count; i++) {
		uint8_t record[64];
		struct spool_span span = {i, i, 1, 0};
		int r;

		memset(record, (int)(f->who * 16 + i % 16), sizeof(record));
		put_le32(record, f->who);
		put_le32(record + 4, i);
		do
			r = spool_try_append(f->stream, record, sizeof(record), &span);
		while (r == -EAGAIN);
		if (r < 0)
			return arg;
	}
	return NULL;
}

static void threads_may_share_a_stream(void)
{
	struct kit_folder dir = kit_folder_make();
	struct spool_config c = config_for(&dir, NULL);
	struct spool *s = open_or_die(&c);
	struct spool_stream *st = stream_or_die(s, CHUNK_PACKETS, 0);
	struct shared_feed feeds[3];
	struct segment_set set = {0};
	uint32_t next[3] = {0};
	struct text got = {0};
	pthread_t threads[3];

	start_or_die(s);
	for (uint32_t i = 0; i < 3; i++) {
		feeds[i] = (struct shared_feed){st, i, 20000};
		pthread_create(&threads[i], NULL, shared_thread, &feeds[i]);
	}
	for (uint32_t i = 0; i < 3; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		CHECK(!failed);
	}
	CHECK_EQ(spool_close(s, NULL), 0);
	spool_free(s);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK(kit_stream(&dir, &set, CHUNK_PACKETS, 0, &got));
	CHECK_EQ(got.len, 3 * 20000 * 64);
	for (size_t at = 0; at < got.len; at += 64) {
		uint32_t who = get_le32(got.s + at), i = get_le32(got.s + at + 4);

		CHECK(who < 3);
		CHECK_EQ(i, next[who]++);
		for (int k = 8; k < 64; k++)
			CHECK((uint8_t)got.s[at + (size_t)k] == who * 16 + i % 16);
	}
	text_free(&got);
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

/* ---- retention ---- */

/* Record @i: bytes that no compressor shortens, numbered; its time is its number. */
static size_t noise(uint64_t i, uint8_t *buf, size_t room)
{
	uint64_t state = i * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t n = 64 + damage(&state) % (room - 64);

	for (size_t k = 0; k + 4 <= n; k += 4)
		put_le32(buf + k, damage(&state));
	put_le64(buf, i);
	put_le64(buf + 8, n);
	return n;
}

struct flood {
	struct kit_folder dir;
	struct told told;
	struct spool *spool;
	struct spool_stream *stream;
	uint64_t appended, bytes;
};

static void flood_begin(struct flood *f, uint64_t limit, uint64_t pin_ns, uint64_t memory)
{
	struct spool_config c;

	*f = (struct flood){.dir = kit_folder_make()};
	c = config_for(&f->dir, &f->told);
	c.limit_bytes = limit;
	c.pin_ns = pin_ns;
	c.memory_bytes = memory;
	f->spool = open_or_die(&c);
	f->stream = stream_or_die(f->spool, CHUNK_PACKETS, 0);
	start_or_die(f->spool);
}

/* Records of up to @room bytes until @until_bytes have been appended in all. */
static int flood_on(struct flood *f, uint64_t until_bytes, size_t room)
{
	uint8_t *buf = malloc(room);
	int r = 0;

	while (r == 0 && f->bytes < until_bytes) {
		uint64_t i = ++f->appended;
		size_t n = noise(i, buf, room);

		r = spool_append(f->stream, buf, n, &(struct spool_span){i, i, 1, 0});
		f->bytes += n;
		if (i % 64 == 0)
			(void)spool_sync(f->spool, on_synced, &f->told);
	}
	free(buf);
	return r;
}

struct kept {
	uint64_t first, last, records; /* numbers of the records in the last unbroken run */
	uint64_t chunks, last_sequence, oldest, in_window;
};

/* Close and read what is left; @from..@to: a window to count records in. */
static bool flood_end(struct flood *f, uint64_t from, uint64_t to, struct kept *ret)
{
	struct segment_set set = {0};
	struct text got = {0};
	bool ok;

	*ret = (struct kept){0};
	ok = spool_close(f->spool, NULL) == 0;
	look_at_disk(&f->told);
	spool_free(f->spool);
	ok = ok && segment_set_load(f->dir.fd, true, &set, NULL) == 0;
	ok = ok && set.damage_count == 0 && kit_stream(&f->dir, &set, CHUNK_PACKETS, 0, &got);
	for (size_t at = 0; ok && at < got.len;) {
		uint64_t i = get_le64(got.s + at), n = get_le64(got.s + at + 8);

		ok = i > ret->last && at + n <= got.len;
		ret->oldest = ret->oldest ? ret->oldest : i;
		if (i != ret->last + 1 || !ret->first)
			ret->first = i;
		ret->last = i;
		ret->records++;
		ret->in_window += i >= from && i <= to;
		at += n;
	}
	ret->chunks = set.entry_count;
	ret->last_sequence = segment_last_sequence(&set, CHUNK_PACKETS, 0);
	segment_set_done(&set);
	text_free(&got);
	kit_folder_remove(&f->dir);
	return ok;
}

static void the_oldest_goes_and_the_budget_holds(void)
{
	struct flood f;
	struct kept k;

	flood_begin(&f, 8 * MIB, 0, MIB);
	CHECK_EQ(flood_on(&f, 40 * MIB, 60000), 0);
	CHECK(flood_end(&f, 0, 0, &k));
	CHECK_EQ(k.last, f.appended);
	CHECK_EQ(k.first, k.oldest); /* one run up to the newest */
	/* What is gone was told of, exactly. */
	CHECK(f.told.drops > 2);
	CHECK_EQ(f.told.dropped_to_ns, k.first - 1);
	CHECK_EQ(f.told.dropped_chunks + k.chunks, k.last_sequence);
	/* The budget is kept, and used: at least half of it holds data. */
	CHECK(f.told.worst_disk <= 8 * MIB);
	CHECK(k.records * 30000 > 4 * MIB);
}

/* As long as an append may be: what the packet source hands over at worst. */
static void the_budget_holds_for_long_records(void)
{
	struct flood f;
	struct kept k;

	flood_begin(&f, 8 * MIB, 0, MIB);
	CHECK_EQ(flood_on(&f, 60 * MIB, 512 * KIB + 16), 0);
	CHECK(flood_end(&f, 0, 0, &k));
	CHECK_EQ(k.last, f.appended);
	CHECK(f.told.worst_disk <= 8 * MIB);
}

static void what_is_too_long_is_refused(void)
{
	struct kit_folder dir = kit_folder_make();
	struct spool_config c = config_for(&dir, NULL);
	struct spool *s = open_or_die(&c);
	struct spool_stream *st = stream_or_die(s, CHUNK_PACKETS, 0);
	uint8_t *big = calloc(1, 8 * MIB);

	start_or_die(s);
	CHECK_EQ(spool_append(st, big, 8 * MIB, &(struct spool_span){1, 1, 1, 0}), -E2BIG);
	CHECK_EQ(spool_try_append(st, big, 8 * MIB, &(struct spool_span){1, 1, 1, 0}), -E2BIG);
	free(big);
	spool_free(s);
	c.limit_bytes = SPOOL_LIMIT_MIN - 1;
	CHECK_EQ(spool_open(&c, &s, NULL), -EINVAL);
	kit_folder_remove(&dir);
}

/* The tail is part of the budget, also when every stream has an open chunk that compresses badly.
 */
static void the_tail_keeps_to_its_share(void)
{
	enum { STREAMS = 200 };
	struct kit_folder dir = kit_folder_make();
	struct told told = {0};
	struct spool_config c = config_for(&dir, &told);
	struct spool_stream *st[STREAMS];
	struct segment_set set = {0};
	static uint8_t buf[40000];
	struct spool *s;
	uint64_t n = 0;

	c.limit_bytes = 8 * MIB;
	c.memory_bytes = 32 * MIB;
	c.streams = STREAMS;
	c.lag_ns = 3600 * NSEC_PER_SEC;
	s = open_or_die(&c);
	for (uint32_t i = 0; i < STREAMS; i++)
		st[i] = stream_or_die(s, CHUNK_PACKETS, i);
	start_or_die(s);
	for (uint32_t i = 0; i < STREAMS; i++) {
		(void)noise(++n, buf, sizeof(buf));
		CHECK_EQ(spool_append(st[i], buf, 20000, &(struct spool_span){n, n, 1, 0}), 0);
	}
	(void)spool_sync(s, on_synced, &told);
	/* The second wait is for the callback of the first sync. */
	CHECK_EQ(spool_sync_wait(s, NULL), 0);
	CHECK_EQ(spool_sync_wait(s, NULL), 0);
	CHECK(told.worst_disk > 0 && told.worst_disk <= 8 * MIB);
	/* And all of it is there, sealed or not. */
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.entry_count + set.tail_count, STREAMS);
	CHECK_EQ(set.damage_count, 0);
	segment_set_done(&set);
	spool_free(s);
	kit_folder_remove(&dir);
}

static void a_pin_keeps_its_window(void)
{
	struct flood f;
	struct kept k;
	uint64_t at;

	/* 60 records before the pin are about 1.8 MB of 16. */
	flood_begin(&f, 16 * MIB, 60, MIB);
	CHECK_EQ(flood_on(&f, 4 * MIB, 60000), 0);
	at = f.appended;
	spool_pin(f.spool, at);
	CHECK_EQ(flood_on(&f, 64 * MIB, 60000), 0);
	CHECK(flood_end(&f, at - 60, at, &k));
	CHECK_EQ(k.in_window, 61);
	CHECK_EQ(k.last, f.appended);
	CHECK(k.oldest <= at - 60);
	CHECK(k.first > at + 1); /* what came after the window was dropped before it */
	CHECK(f.told.worst_disk <= 16 * MIB);
	/* The newest still has the other half. */
	CHECK((k.last - k.first) * 30000 > 6 * MIB);
}

static void pins_hold_half_at_most(void)
{
	struct flood f;
	struct kept k;

	/* Everything is pinned, again and again: the newest wins all the same. */
	flood_begin(&f, 16 * MIB, UINT64_C(1) << 40, MIB);
	for (int i = 1; i <= 16; i++) {
		CHECK_EQ(flood_on(&f, (uint64_t)i * 4 * MIB, 60000), 0);
		spool_pin(f.spool, f.appended);
	}
	CHECK(flood_end(&f, 0, 0, &k));
	CHECK_EQ(k.last, f.appended);
	CHECK((k.last - k.first) * 30000 > 6 * MIB);
	CHECK(f.told.worst_disk <= 16 * MIB);
	/* One window that is longer than half the budget gives way to what is newer. */
	flood_begin(&f, 16 * MIB, 320, MIB);
	CHECK_EQ(flood_on(&f, 14 * MIB, 60000), 0);
	spool_pin(f.spool, f.appended);
	CHECK_EQ(flood_on(&f, 64 * MIB, 60000), 0);
	CHECK(flood_end(&f, 0, 0, &k));
	CHECK_EQ(k.oldest, k.first);
	CHECK(k.records * 30000 > 8 * MIB);
}

/* ---- memory ---- */

/* Holds the writer thread still for as long as the test wants. */
struct gate {
	sem_t held, go;
	uint64_t ticket;
	int calls;
};

static void hold_writer(void *arg, uint64_t ticket, bool durable)
{
	struct gate *g = arg;

	(void)durable;
	g->ticket = ticket;
	g->calls++;
	sem_post(&g->held);
	sem_wait(&g->go);
}

static void memory_has_a_bound(void)
{
	struct kit_folder dir = kit_folder_make();
	struct spool_config c = config_for(&dir, NULL);
	struct spool_stats stats;
	struct segment_set set = {0};
	struct spool_stream *st;
	static uint8_t buf[3000];
	struct text got = {0};
	struct gate gate = {0};
	struct spool *s;
	uint64_t n = 0;
	int r;

	sem_init(&gate.held, 0, 0);
	sem_init(&gate.go, 0, 0);
	c.memory_bytes = 300 * KIB;
	c.streams = 1;
	s = open_or_die(&c);
	st = stream_or_die(s, CHUNK_KMSG, 0);
	start_or_die(s);
	(void)spool_sync(s, hold_writer, &gate);
	sem_wait(&gate.held);
	/* The writer stands still: what is taken until the first refusal is what memory holds. */
	for (;;) {
		put_le64(buf, n);
		r = spool_try_append(st, buf, sizeof(buf), &(struct spool_span){n, n, 1, 0});
		if (r < 0)
			break;
		n++;
		spool_stats(s, &stats);
		CHECK(stats.memory_bytes <= c.memory_bytes);
		CHECK(n < 1000);
	}
	CHECK_EQ(r, -EAGAIN);
	CHECK(n * sizeof(buf) > 100 * KIB);
	CHECK_EQ(spool_try_append(st, buf, sizeof(buf), &(struct spool_span){n, n, 1, 0}), -EAGAIN);
	sem_post(&gate.go);
	/* Waiting for room is what the other call does. */
	for (; n < 2000; n++) {
		put_le64(buf, n);
		CHECK_EQ(spool_append(st, buf, sizeof(buf), &(struct spool_span){n, n, 1, 0}), 0);
		spool_stats(s, &stats);
		CHECK(stats.memory_bytes <= c.memory_bytes);
	}
	CHECK_EQ(spool_close(s, NULL), 0);
	spool_free(s);
	CHECK_EQ(gate.calls, 1);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK(kit_stream(&dir, &set, CHUNK_KMSG, 0, &got));
	CHECK_EQ(got.len, 2000 * sizeof(buf));
	for (uint64_t i = 0; i < 2000; i++)
		CHECK_EQ(get_le64(got.s + i * sizeof(buf)), i);
	text_free(&got);
	segment_set_done(&set);
	sem_destroy(&gate.held);
	sem_destroy(&gate.go);
	kit_folder_remove(&dir);
}

static void tickets_are_answered_once_and_in_order(void)
{
	struct kit_folder dir = kit_folder_make();
	struct told told = {0};
	struct spool_config c = config_for(&dir, &told);
	struct spool *s = open_or_die(&c);
	struct gate gate = {0};
	uint64_t first, last = 0;

	sem_init(&gate.held, 0, 0);
	sem_init(&gate.go, 0, 0);
	start_or_die(s);
	first = spool_sync(s, hold_writer, &gate);
	sem_wait(&gate.held);
	/* These all wait for the same sync. */
	for (int i = 0; i < 200; i++)
		last = spool_sync(s, on_synced, &told);
	CHECK_EQ(last, first + 200);
	CHECK_EQ(told.answered, 0);
	sem_post(&gate.go);
	CHECK_EQ(spool_sync_wait(s, NULL), 0);
	/* Asked, and closed at once: answered all the same. */
	for (int i = 0; i < 10; i++)
		(void)spool_sync(s, on_synced, &told);
	CHECK_EQ(spool_close(s, NULL), 0);
	CHECK_EQ(told.answered, 210);
	CHECK(!told.out_of_order);
	CHECK_EQ(gate.calls, 1);
	CHECK_EQ(spool_close(s, NULL), 0);
	spool_free(s);
	sem_destroy(&gate.held);
	sem_destroy(&gate.go);
	kit_folder_remove(&dir);
}

/* ---- a disk that refuses ---- */

static void limit_file_size(rlim_t bytes)
{
	struct rlimit l;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &l) < 0)
		kit_die("getrlimit");
	l.rlim_cur = bytes;
	if (setrlimit(RLIMIT_FSIZE, &l) < 0)
		kit_die("setrlimit");
}

/* What could not be written is never called durable, also if a later sync had nothing to do. */
static void a_refused_chunk_is_said_at_the_next_ticket(void)
{
	struct kit_folder dir = kit_folder_make();
	struct told told = {0};
	struct spool_config c = config_for(&dir, &told);
	struct spool_stats stats;
	struct spool_stream *st;
	static uint8_t buf[65000];
	struct err e = {0};
	struct spool *s;

	c.streams = 1;
	c.memory_bytes = 256 * KIB;
	s = open_or_die(&c);
	st = stream_or_die(s, CHUNK_KMSG, 0);
	start_or_die(s);
	limit_file_size(100);
	for (uint64_t n = 1; n < 8; n++) {
		(void)noise(n, buf, sizeof(buf));
		CHECK_EQ(spool_append(st, buf, sizeof(buf), &(struct spool_span){n, n, 1, 0}), 0);
	}
	/* Let periodic syncs run into it: their failure must not be forgotten. */
	for (stats = (struct spool_stats){0}; stats.syncs < 2;)
		spool_stats(s, &stats);
	limit_file_size(RLIM_INFINITY);
	CHECK_EQ(spool_sync_wait(s, &e), -EIO);
	CHECK(e.text[0]);
	CHECK(told.failures > 0);
	CHECK(told.refused > 0);
	/* What follows is durable again. */
	CHECK_EQ(spool_append(st, buf, 100, &(struct spool_span){9, 9, 1, 0}), 0);
	CHECK_EQ(spool_sync_wait(s, NULL), 0);
	spool_stats(s, &stats);
	CHECK(stats.failed);
	CHECK_EQ(spool_close(s, NULL), -EIO); /* not all that was appended is there */
	spool_free(s);
	kit_folder_remove(&dir);
}

/* In place of libc's: a disk that loses what the page cache had for it. */
static _Atomic bool syncs_fail;

int fdatasync(int fd)
{
	if (!syncs_fail)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

/* A spool that syncs when it is told to, and the bytes that go into its one stream. */
struct open_chunk {
	struct kit_folder dir;
	struct spool *spool;
	struct spool_stream *stream;
	struct text want;
};

static void append_noise(struct open_chunk *o, uint64_t stamp, size_t n)
{
	static uint8_t buf[9000];

	(void)noise(stamp, buf, sizeof(buf));
	CHECK_EQ(spool_append(o->stream, buf, n, &(struct spool_span){stamp, stamp, 1, 0}), 0);
	text_add(&o->want, buf, n);
}

/* With 100 bytes durable in its tail. */
static void open_chunk_make(struct open_chunk *o)
{
	struct spool_config c;

	*o = (struct open_chunk){.dir = kit_folder_make()};
	c = config_for(&o->dir, NULL);
	c.lag_ns = 3600 * NSEC_PER_SEC;
	o->spool = open_or_die(&c);
	o->stream = stream_or_die(o->spool, CHUNK_KMSG, 0);
	start_or_die(o->spool);
	append_noise(o, 1, 100);
	CHECK_EQ(spool_sync_wait(o->spool, NULL), 0);
}

static off_t tail_size(const struct open_chunk *o)
{
	struct stat st;

	if (fstatat(o->dir.fd, SEGMENT_TAIL, &st, 0) < 0)
		kit_die(SEGMENT_TAIL);
	return st.st_size;
}

/* What a power cut at this moment would leave is all that was appended. */
static void open_chunk_is_all_there(struct open_chunk *o, size_t damage_count)
{
	struct segment_set set = {0};

	CHECK_EQ(segment_set_load(o->dir.fd, true, &set, NULL), 0);
	CHECK_EQ(set.damage_count, damage_count);
	CHECK_EQ(set.entry_count, 0);
	CHECK_EQ(set.tail_count, 1);
	CHECK_EQ(set.tails[0].hole_bytes, 0);
	CHECK_EQ(set.tails[0].chunk.raw_bytes, o->want.len);
	CHECK(memcmp(set.tails[0].bytes, o->want.s, o->want.len) == 0);
	segment_set_done(&set);
}

static void open_chunk_done(struct open_chunk *o)
{
	CHECK_EQ(spool_close(o->spool, NULL), -EIO);
	spool_free(o->spool);
	text_free(&o->want);
	kit_folder_remove(&o->dir);
}

static void what_the_tail_refused_is_written_at_the_next_sync(void)
{
	struct open_chunk o;

	open_chunk_make(&o);
	limit_file_size((rlim_t)tail_size(&o));
	append_noise(&o, 2, 5000);
	CHECK_EQ(spool_sync_wait(o.spool, NULL), -EIO);
	/* Also what comes on top of it, and also with nothing new. */
	append_noise(&o, 3, 3000);
	CHECK_EQ(spool_sync_wait(o.spool, NULL), -EIO);
	CHECK_EQ(spool_sync_wait(o.spool, NULL), -EIO);
	limit_file_size(RLIM_INFINITY);
	append_noise(&o, 4, 50);
	CHECK_EQ(spool_sync_wait(o.spool, NULL), 0);
	open_chunk_is_all_there(&o, 0);
	open_chunk_done(&o);
}

static void what_a_failed_sync_took_is_written_at_the_next(void)
{
	static const uint8_t zeros[16 * KIB];
	struct open_chunk o;
	off_t size;
	int fd;

	open_chunk_make(&o);
	append_noise(&o, 2, 5000);
	syncs_fail = true;
	CHECK_EQ(spool_sync_wait(o.spool, NULL), -EIO);
	syncs_fail = false;
	/* The disk has none of it, not even what was durable: the same block. */
	size = tail_size(&o);
	CHECK((size_t)size <= sizeof(zeros));
	fd = openat(o.dir.fd, SEGMENT_TAIL, O_WRONLY | O_CLOEXEC);
	CHECK_EQ(pwrite(fd, zeros, (size_t)size, 0), size);
	(void)close(fd);
	CHECK_EQ(spool_sync_wait(o.spool, NULL), 0);
	open_chunk_is_all_there(&o, 1);
	open_chunk_done(&o);
}

/* ---- killed ---- */

/* Shared with the child, which is killed at any moment. */
struct victim {
	_Atomic uint64_t records, pages; /* about to be appended */
	_Atomic uint64_t acked_records, acked_pages;
};

static struct victim *victim;
static struct realdata marker;

struct promise {
	uint64_t records, pages;
	int fd;
};

static void on_promise(void *arg, uint64_t ticket, bool durable)
{
	struct promise *p = arg;

	(void)ticket;
	if (!durable)
		_exit(3);
	victim->acked_records = p->records;
	victim->acked_pages = p->pages;
	if (write(p->fd, "a", 1) != 1)
		_exit(4);
	free(p);
}

static size_t record_of(uint64_t i, uint8_t *buf)
{
	size_t n = 16 + (i * 7919) % 900;

	memset(buf, (int)(i % 251), n);
	put_le64(buf, i);
	put_le64(buf + 8, n);
	return n;
}

static const uint8_t *marker_page(uint64_t i)
{
	return marker.bytes + i % (marker.n / KIT_PAGE) * KIT_PAGE;
}

/* Append for ever: the child of the test below. */
static void record_until_killed(const struct kit_folder *dir, int fd, uint64_t seed)
{
	struct spool_config c = config_for(dir, NULL);
	struct spool_stream *log, *ring;
	uint8_t buf[1024];
	struct spool *s;

	c.limit_bytes = 16 * MIB;
	c.memory_bytes = 512 * KIB;
	c.lag_ns = NSEC_PER_MSEC;
	c.streams = 3;
	s = open_or_die(&c);
	log = stream_or_die(s, CHUNK_KMSG, 0);
	ring = stream_or_die(s, CHUNK_RING, 3);
	start_or_die(s);
	for (uint64_t records = 0, pages = 0; records < 40000;) {
		struct ringpage_info info;
		size_t n;

		victim->records = ++records;
		n = record_of(records, buf);
		(void)spool_append(log, buf, n, &(struct spool_span){records, records, 1, 0});
		if (damage(&seed) % 4 == 0) {
			const uint8_t *page = marker_page(pages);

			victim->pages = ++pages;
			(void)ringpage_scan(&kit_layout, page, &info);
			(void)spool_append(
				ring, page, KIT_PAGE,
				&(struct spool_span){info.first_ns, info.last_ns, info.events, 0});
		}
		if (damage(&seed) % 24 == 0) {
			struct promise *p = malloc(sizeof(*p));

			*p = (struct promise){records, pages, fd};
			(void)spool_sync(s, on_promise, p);
		}
	}
	(void)spool_close(s, NULL);
	_exit(0);
}

static void seal_what_is_left(const struct kit_folder *dir)
{
	struct spool_config c = config_for(dir, NULL);
	struct spool *s;

	c.resume = true;
	c.limit_bytes = UINT64_C(1) << 40;
	s = open_or_die(&c);
	(void)stream_or_die(s, CHUNK_KMSG, 0);
	(void)stream_or_die(s, CHUNK_RING, 3);
	start_or_die(s);
	if (spool_close(s, NULL) < 0)
		kit_die("spool_close");
	spool_free(s);
}

/* A stream's bytes: sealed chunks, then the open one. */
static bool left_over(const struct kit_folder *dir, const struct segment_set *set,
		      enum chunk_stream kind, uint32_t id, struct text *ret)
{
	if (!kit_joined(dir, set, kind, id, ret))
		return false;
	for (size_t i = 0; i < set->tail_count; i++)
		if (set->tails[i].chunk.stream == kind && set->tails[i].chunk.id == id)
			text_add(ret, set->tails[i].bytes, set->tails[i].chunk.raw_bytes);
	return text_ok(ret);
}

/* A torn last chunk stops `zstd -dc`: what a cut file holds is read without it. */
static void trim_damage(const struct kit_folder *dir, const struct segment_set *set)
{
	for (size_t i = 0; i < set->damage_count; i++) {
		char path[300];

		(void)snprintf(path, sizeof(path), "%s/%s", dir->path, set->damage[i].file);
		if (truncate(path, (off_t)set->damage[i].at) < 0)
			kit_die(path);
	}
}

static void nothing_promised_is_lost(const struct text *log, const struct text *ring)
{
	struct kit_events want = {0}, got = kit_events_of(ring->s, ring->len);
	uint64_t records = 0, pages, most;
	uint8_t buf[1024];

	for (size_t at = 0; at < log->len; records++) {
		size_t n = record_of(records + 1, buf);

		CHECK(at + n <= log->len);
		CHECK(memcmp(log->s + at, buf, n) == 0);
		at += n;
	}
	CHECK(records >= victim->acked_records);
	CHECK(records <= victim->records);

	/* The events of at least the promised pages, of at most the appended, in their order. */
	for (pages = 0; pages < victim->acked_pages; pages++)
		kit_events_add(&want, marker_page(pages));
	CHECK(got.n >= want.n);
	for (most = victim->pages; pages < most && want.n < got.n; pages++)
		kit_events_add(&want, marker_page(pages));
	CHECK(kit_events_same(&want, &got));
	free(want.v);
	free(got.v);
}

static void one_killing(uint64_t *seed)
{
	struct kit_folder dir = kit_folder_make();
	struct segment_set set = {0};
	struct text log = {0}, ring = {0};
	uint64_t child_seed = damage(seed) + 1;
	unsigned int acks = damage(seed) % 24;
	int fds[2], status;
	pid_t pid;
	char c;

	*victim = (struct victim){0};
	if (pipe2(fds, O_CLOEXEC) < 0)
		kit_die("pipe2");
	pid = fork();
	if (pid < 0)
		kit_die("fork");
	if (pid == 0)
		record_until_killed(&dir, fds[1], child_seed);
	(void)close(fds[1]);
	for (unsigned int i = 0; i <= acks && read(fds[0], &c, 1) == 1; i++)
		;
	for (volatile uint32_t spin = damage(seed) % 400000; spin; spin--)
		;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	(void)close(fds[0]);
	CHECK(WIFSIGNALED(status) || status == 0);
	CHECK(victim->acked_records > 0);

	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	trim_damage(&dir, &set);
	CHECK(kit_no_holes(&set, true));
	CHECK(left_over(&dir, &set, CHUNK_KMSG, 0, &log));
	CHECK(left_over(&dir, &set, CHUNK_RING, 3, &ring));
	nothing_promised_is_lost(&log, &ring);
	if (test_failed)
		return;
	segment_set_done(&set);

	/* Recovery, itself killed now and then, then twice to the end: the same bytes, sealed. */
	if (damage(seed) % 4 == 0) {
		pid = fork();
		if (pid == 0) {
			seal_what_is_left(&dir);
			_exit(0);
		}
		for (volatile uint32_t spin = damage(seed) % 600000; spin; spin--)
			;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
	}
	for (int round = 0; round < 2; round++) {
		struct text log2 = {0}, ring2 = {0};

		seal_what_is_left(&dir);
		CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
		trim_damage(&dir, &set);
		CHECK_EQ(set.tail_count, 0);
		CHECK(kit_no_holes(&set, true));
		CHECK(kit_joined(&dir, &set, CHUNK_KMSG, 0, &log2));
		CHECK(kit_joined(&dir, &set, CHUNK_RING, 3, &ring2));
		CHECK(log2.len == log.len && memcmp(text_c(&log2), text_c(&log), log.len) == 0);
		CHECK(ring2.len == ring.len &&
		      memcmp(text_c(&ring2), text_c(&ring), ring.len) == 0);
		text_free(&log2);
		text_free(&ring2);
		segment_set_done(&set);
	}
	text_free(&log);
	text_free(&ring);
	kit_folder_remove(&dir);
}

static void killed_at_any_moment_what_was_promised_is_there(void)
{
	const char *runs = getenv("TEST_KILLS");
	uint64_t seed = 20261120;

	victim = mmap(NULL, sizeof(*victim), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (victim == MAP_FAILED)
		kit_die("mmap");
	marker = realdata_load("real/ring/marker-cpu1.raw.zst");
	for (int i = 0, n = runs ? atoi(runs) : 200; i < n && !test_failed; i++)
		one_killing(&seed);
	realdata_free(&marker);
	(void)munmap(victim, sizeof(*victim));
}

/* Recovery on a full disk fails, and takes nothing away: the next one has it all. */
static void recovery_that_fails_loses_nothing(void)
{
	struct kit_folder dir = kit_folder_make();
	struct segment_set set = {0};
	static uint8_t buf[30000];
	struct text got = {0};
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		struct spool_config c = config_for(&dir, NULL);
		struct spool_stream *st;
		struct spool *s;

		c.lag_ns = 3600 * NSEC_PER_SEC;
		s = open_or_die(&c);
		st = stream_or_die(s, CHUNK_KMSG, 0);
		start_or_die(s);
		(void)noise(5, buf, sizeof(buf));
		(void)spool_append(st, buf, sizeof(buf), &(struct spool_span){1, 1, 1, 0});
		_exit(spool_sync_wait(s, NULL) == 0 ? 0 : 1);
	}
	(void)waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	pid = fork();
	if (pid == 0) {
		struct spool_config c = config_for(&dir, NULL);
		struct spool *s;

		c.resume = true;
		limit_file_size(1000);
		s = open_or_die(&c);
		(void)stream_or_die(s, CHUNK_KMSG, 0);
		start_or_die(s);
		_exit(spool_close(s, NULL) == -EIO ? 0 : 1);
	}
	(void)waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	seal_what_is_left(&dir);
	CHECK_EQ(segment_set_load(dir.fd, true, &set, NULL), 0);
	CHECK(kit_stream(&dir, &set, CHUNK_KMSG, 0, &got));
	CHECK_EQ(got.len, sizeof(buf));
	(void)noise(5, buf, sizeof(buf));
	CHECK(memcmp(got.s, buf, sizeof(buf)) == 0);
	text_free(&got);
	segment_set_done(&set);
	kit_folder_remove(&dir);
}

TEST_MAIN(TEST(every_stream_comes_back_as_it_was), TEST(threads_may_share_a_stream),
	  TEST(the_oldest_goes_and_the_budget_holds), TEST(the_budget_holds_for_long_records),
	  TEST(what_is_too_long_is_refused), TEST(the_tail_keeps_to_its_share),
	  TEST(a_pin_keeps_its_window), TEST(pins_hold_half_at_most), TEST(memory_has_a_bound),
	  TEST(tickets_are_answered_once_and_in_order),
	  TEST(a_refused_chunk_is_said_at_the_next_ticket),
	  TEST(what_the_tail_refused_is_written_at_the_next_sync),
	  TEST(what_a_failed_sync_took_is_written_at_the_next),
	  TEST(recovery_that_fails_loses_nothing),
	  TEST(killed_at_any_moment_what_was_promised_is_there))
