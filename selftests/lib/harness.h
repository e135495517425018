/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's test harness, extended: a test that fails leaves nothing behind for the
 * next one.
 *
 * The harness forks a process for each test, and a failed assertion ends it before
 * the fixture is torn down.
 */
#ifndef SELFTESTS_LIB_HARNESS_H
#define SELFTESTS_LIB_HARNESS_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

/*
 * Seconds: enough on the slowest of the test kernels. Its purpose is to end a test that
 * hangs.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

/* The cgroup of tests that need one */
#define TEST_CGROUP "/sys/fs/cgroup/slotpool-test"

/* The exit status by which the harness knows a skipped test */
#define HARNESS_SKIPPED 255

/* Modules that tests load, in the order in which they can be unloaded */
static const char *const harness_modules[] = { "page_pin", "slotpool" };

/* Modules that were loaded before the program began are not the tests' own. */
static bool harness_found[ARRAY_SIZE(harness_modules)];

static inline void harness_kill_cgroup(void)
{
	int fd = open(TEST_CGROUP "/cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* A cgroup that can't be killed can't be removed, which the caller sees. */
	if (write(fd, "1", 1) != 1)
		perror(TEST_CGROUP);
	close(fd);
}

/* Returns whether nothing is left to remove. */
static inline bool harness_remove_leftovers(void)
{
	bool done = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(harness_modules); i++) {
		if (!harness_found[i] &&
		    syscall(SYS_delete_module, harness_modules[i], O_NONBLOCK) && errno != ENOENT)
			done = false;
	}
	harness_kill_cgroup();
	if (rmdir(TEST_CGROUP) && errno != ENOENT)
		done = false;
	return done;
}

/*
 * Runs when a test's process ends, while the harness waits for it: nothing else runs in
 * this process, so a handler may do anything.
 */
static void harness_test_ended(int number, siginfo_t *info, void *context)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int error = errno;
	int tries;

	(void)number;
	(void)context;
	if (info->si_code != CLD_EXITED ||
	    (info->si_status && info->si_status != HARNESS_SKIPPED)) {
		/* Its children are in its process group, and keep the module busy. */
		kill(-info->si_pid, SIGKILL);
		for (tries = 0; tries < 1000 && !harness_remove_leftovers(); tries++)
			nanosleep(&pause, NULL);
	}
	errno = error;
}

/* Children of tests are the tests' own affair. */
static void harness_forget(void)
{
	signal(SIGCHLD, SIG_DFL);
}

static void __attribute__((constructor)) harness_start(void)
{
	struct sigaction action = {
		.sa_sigaction = harness_test_ended,
		.sa_flags = SA_SIGINFO | SA_RESTART,
	};
	char path[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(harness_modules); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", harness_modules[i]);
		harness_found[i] = !access(path, F_OK);
	}
	pthread_atfork(NULL, NULL, harness_forget);
	sigaction(SIGCHLD, &action, NULL);
}

#endif /* SELFTESTS_LIB_HARNESS_H */
