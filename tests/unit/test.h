/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A unit test is a program: a list of named functions run in order, each reported in TAP.
 * CHECK() counts a failure and returns from the test function; the program's exit status is 1 if
 *any failed.
 *
 *	static void counts_events(void) { CHECK_EQ(f(), 3); }
 *	TEST_MAIN(TEST(counts_events), TEST(refuses_garbage))
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool test_failed;

#define CHECK(cond)                                                                  \
	do {                                                                         \
		if (!(cond)) {                                                       \
			printf("# %s:%d: %s is false\n", __FILE__, __LINE__, #cond); \
			test_failed = true;                                          \
			return;                                                      \
		}                                                                    \
	} while (0)

#define CHECK_EQ(got, want)                                                                       \
	do {                                                                                      \
		long long _got = (long long)(got), _want = (long long)(want);                     \
		if (_got != _want) {                                                              \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, _got, \
			       _want);                                                            \
			test_failed = true;                                                       \
			return;                                                                   \
		}                                                                                 \
	} while (0)

#define CHECK_STR(got, want)                                                                    \
	do {                                                                                    \
		const char *_got = (got), *_want = (want);                                      \
		if (!_got || strcmp(_got, _want) != 0) {                                        \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, \
			       _got ? _got : "(null)", _want);                                  \
			test_failed = true;                                                     \
			return;                                                                 \
		}                                                                               \
	} while (0)

struct test_case {
	const char *name;
	void (*run)(void);
};

static inline int test_main(const struct test_case *cases, size_t count)
{
	int failures = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		test_failed = false;
		cases[i].run();
		printf("%s %zu - %s\n", test_failed ? "not ok" : "ok", i + 1, cases[i].name);
		failures += test_failed;
	}
	return failures ? 1 : 0;
}

#define TEST(fn)        \
	{               \
#fn, fn \
	}
#define TEST_MAIN(...)                                                     \
	int main(void)                                                     \
	{                                                                  \
		static const struct test_case cases[] = {__VA_ARGS__};     \
		return test_main(cases, sizeof(cases) / sizeof(cases[0])); \
	}

#endif
