/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Print test results in the form of kselftest.h. These programs can't include it:
 * they are built without a kernel source.
 */
#ifndef UNIT_TAP_H
#define UNIT_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static unsigned int tap_planned, tap_passed, tap_failed;

/* A broken list may never end: kill a test that makes no progress. */
static inline void tap_progress(void)
{
	alarm(60);
}

static inline void tap_plan(unsigned int nr_tests)
{
	/* A reader at the other end of a pipe sees progress. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_planned = nr_tests;
	tap_progress();
	printf("TAP version 13\n1..%u\n", nr_tests);
}

static inline void tap_count(bool passed)
{
	tap_progress();
	if (passed)
		tap_passed++;
	else
		tap_failed++;
	printf("%sok %u ", passed ? "" : "not ", tap_passed + tap_failed);
}

#define tap_result(passed, ...)      \
	do {                         \
		tap_count(passed);   \
		printf(__VA_ARGS__); \
		printf("\n");        \
	} while (0)

static inline int tap_finish(void)
{
	bool complete = tap_passed + tap_failed == tap_planned;

	if (!complete)
		printf("# Planned tests != run tests (%u != %u)\n", tap_planned,
		       tap_passed + tap_failed);
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:0 error:0\n", tap_passed,
	       tap_failed);
	return complete && !tap_failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif /* UNIT_TAP_H */
