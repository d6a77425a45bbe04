/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The framing of series: texts by hand against what is written, and read back; damage, and what is
 * found behind it.
 */
#include <errno.h>

#include "base/util.h"
#include "format/series.h"
#include "test.h"

static bool section_is(const struct series_section *s, const char *path, const char *bytes)
{
	return s->path_bytes == strlen(path) && !memcmp(s->path, path, s->path_bytes) &&
	       !s->error[0] && s->byte_count == strlen(bytes) &&
	       !memcmp(s->bytes, bytes, s->byte_count);
}

static void a_sample_is_written_as_described(void)
{
	CLEANUP(text_free) struct text t = {0};

	series_head_write("vmstat", NSEC_PER_SEC, &t);
	series_sample_write(UINT64_C(123456789012345), 45678, 2, &t);
	series_section_write("/proc/vmstat", "a 1\nb 2\n", 8, &t);
	series_failure_write("/proc/nosuch", -ENOENT, &t);
	CHECK(text_ok(&t));
	CHECK_STR(t.s, "# scoutfs-trace series 1 vmstat every 1 s\n"
		       "@ 123456789012345 45678 2\n"
		       "= 8 /proc/vmstat\n"
		       "a 1\nb 2\n\n"
		       "! ENOENT 0 /proc/nosuch\n");
}

static void heads_read_back(void)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} heads[] = {
		{0, "# scoutfs-trace series 1 a once\n"},
		{10 * NSEC_PER_MSEC, "# scoutfs-trace series 1 a every 0.01 s\n"},
		{2500 * NSEC_PER_MSEC, "# scoutfs-trace series 1 a every 2.5 s\n"},
		{1, "# scoutfs-trace series 1 a every 0.000000001 s\n"},
		{86400 * NSEC_PER_SEC, "# scoutfs-trace series 1 a every 86400 s\n"},
	};
	struct series_head h;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		CLEANUP(text_free) struct text t = {0};

		series_head_write("a", heads[i].ns, &t);
		CHECK_STR(t.s, heads[i].text);
		CHECK_EQ(series_head_parse(t.s, t.len, &h), t.len);
		CHECK_STR(h.name, "a");
		CHECK_EQ(h.interval_ns, heads[i].ns);
	}
}

static void what_is_no_head_is_refused(void)
{
	static const char *const wrong[] = {
		"",
		"# scoutfs-trace series 1 a once", /* cut */
		"# scoutfs-trace series 2 a once\n",
		"# scoutfs-trace series 1 A once\n",
		"# scoutfs-trace series 1 ../a once\n",
		"# scoutfs-trace series 1  once\n",
		"# scoutfs-trace series 1 a every 0 s\n",
		"# scoutfs-trace series 1 a every -1 s\n",
		"# scoutfs-trace series 1 a every 1 m\n",
		"# scoutfs-trace series 1 a every 99999999999 s\n",
		"# scoutfs-trace series 1 a123456789a123456789a123456789a12 once\n",
	};
	struct series_head h;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK_EQ(series_head_parse(wrong[i], strlen(wrong[i]), &h), 0);
}

static void samples_read_back(void)
{
	static const char bytes[] = "# scoutfs-trace series 1 x every 1 s\n"
				    "@ 1000 5 2\n= 4 /a b\n1 2\n\n! EACCES 0 /c\n"
				    "@ 2000 6 0\n"
				    "@ 3000 7 1\n= 0 empty\n\n";
	struct series_sample sample;
	struct series_section s;
	struct series_walk w;

	series_walk_begin(&w, bytes, sizeof(bytes) - 1);
	CHECK_EQ(series_next_sample(&w, &sample), 1);
	CHECK_EQ(sample.mono_ns, 1000);
	CHECK_EQ(sample.took_ns, 5);
	CHECK_EQ(sample.sections, 2);
	CHECK_EQ(series_next_section(&w, &s), 1);
	CHECK(section_is(&s, "/a b", "1 2\n"));
	CHECK_EQ(series_next_section(&w, &s), 1);
	CHECK_STR(s.error, "EACCES");
	CHECK(s.bytes == NULL && s.path_bytes == 2);
	CHECK_EQ(series_next_section(&w, &s), 0);
	CHECK_EQ(series_next_sample(&w, &sample), 1);
	CHECK_EQ(series_next_section(&w, &s), 0);
	CHECK_EQ(series_next_sample(&w, &sample), 1);
	CHECK_EQ(sample.mono_ns, 3000);
	CHECK_EQ(series_next_section(&w, &s), 1);
	CHECK(section_is(&s, "empty", ""));
	CHECK_EQ(series_next_sample(&w, &sample), 0);
	CHECK_EQ(w.skipped, 0);
}

static void path_comes_back(const char *path)
{
	CLEANUP(text_free) struct text t = {0}, back = {0};
	struct series_sample sample;
	struct series_section s;
	struct series_walk w;

	series_sample_write(1, 0, 1, &t);
	series_section_write(path, "x", 1, &t);
	series_walk_begin(&w, t.s, t.len);
	CHECK_EQ(series_next_sample(&w, &sample), 1);
	CHECK_EQ(series_next_section(&w, &s), 1);
	series_path(&s, &back);
	CHECK_STR(text_c(&back), path);
}

/* Each byte of it takes four. */
static void the_longest_path_is_read_back_whatever_is_in_it(void)
{
	char path[4096];

	memset(path, 1, sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	path_comes_back(path);
}

/* Whoever wants only the times need not look at the sections, whatever they look like. */
static void sections_are_stepped_over(void)
{
	static const char bytes[] = "@ 1 0 1\n= 8 /p\n@ 9 9 9\n\n@ 2 0 1\n= 2 /p\nx\n\n";
	struct series_sample sample;
	struct series_walk w;

	series_walk_begin(&w, bytes, sizeof(bytes) - 1);
	CHECK_EQ(series_next_sample(&w, &sample), 1);
	CHECK_EQ(sample.mono_ns, 1);
	CHECK_EQ(series_next_sample(&w, &sample), 1);
	CHECK_EQ(sample.mono_ns, 2);
	CHECK_EQ(series_next_sample(&w, &sample), 0);
}

static void behind_damage_it_goes_on(void)
{
	static const char *const damaged[] = {
		"@ 1 0 1\n= 99 /p\nx\n\n",  /* longer than what is there, up to the next */
		"@ 1 0 1\n= 1 /p\nxyz\n\n", /* shorter than what is there */
		"@ 1 0 1\n= -1 /p\nx\n\n",  /* no number */
		"@ 1 0 1\n= 18446744073709551615 /p\n", /* a length that would wrap */
		"@ 1 0 1\n! 0 /p\n",			/* no reason */
		"@ 1 0 1\n= 1 /p\033\nx\n",		/* a path that moves the cursor */
		"@ 1 0 3\n= 1 /p\nx\n",			/* a section that is missing */
	};

	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		CLEANUP(text_free) struct text t = {0};
		struct series_sample sample;
		struct series_section s;
		struct series_walk w;
		int r;

		text_str(&t, damaged[i]);
		text_str(&t, "@ 2 0 1\n= 2 /q\nok\n");
		series_walk_begin(&w, t.s, t.len);
		CHECK_EQ(series_next_sample(&w, &sample), 1);
		while ((r = series_next_section(&w, &s)) > 0)
			;
		CHECK_EQ(r, -EBADMSG);
		CHECK_EQ(series_next_sample(&w, &sample), 1);
		CHECK_EQ(sample.mono_ns, 2);
		CHECK_EQ(series_next_section(&w, &s), 1);
		CHECK(section_is(&s, "/q", "ok"));
		CHECK_EQ(series_next_sample(&w, &sample), 0);
	}
}

static void any_path_comes_back(void)
{
	path_comes_back("/a\nb\tc\\x41 \\ \x7f \xc3\xa4/*");
}

static void errors_have_their_names(void)
{
	CLEANUP(text_free) struct text t = {0};

	series_failure_write("a", -ESTALE, &t);
	series_failure_write("a", -ENODEV, &t);
	series_failure_write("a", -4000, &t);
	CHECK_STR(t.s, "! ESTALE 0 a\n! ENODEV 0 a\n! E4000 0 a\n");
}

TEST_MAIN(TEST(the_longest_path_is_read_back_whatever_is_in_it),
	  TEST(a_sample_is_written_as_described), TEST(heads_read_back),
	  TEST(what_is_no_head_is_refused), TEST(samples_read_back),
	  TEST(sections_are_stepped_over), TEST(behind_damage_it_goes_on),
	  TEST(any_path_comes_back), TEST(errors_have_their_names))
