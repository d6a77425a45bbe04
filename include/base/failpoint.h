/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places at which a test may kill the program.
 *
 * FAILPOINT("end-frozen") in the code names a place. In the program that is installed it is
 * nothing at all. The tests build it a second time with FAILPOINTS defined (tests/failpoint), and
 * there FAILPOINT=end-frozen in the environment ends it as kill -9 would, when it
 * first comes by; end-frozen:3 when it comes for the third time. With FAILPOINT=list
 * that program prints the names of all places and ends, so that a test can forget none.
 *
 * Names begin with who passes them: arm-, record- and end- a recorder, recover- a recovery,
 * bundle- and remove- both.
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#ifdef FAILPOINTS
/* A pointer to each name lies in a section of its own, which is the list. */
#define FAILPOINT(name)                                                                        \
	do {                                                                                   \
		static const char *const place_ __attribute__((section("failpoints"), used)) = \
			(name);                                                                \
		failpoint_pass(place_);                                                        \
	} while (0)

void failpoint_pass(const char *name);
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
