/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses to memory, and their outcome: a signal, an error, a page fault, bytes.
 */
#ifndef SELFTESTS_LIB_ACCESS_H
#define SELFTESTS_LIB_ACCESS_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

static __thread sigjmp_buf access_return;

static void access_handler(int number)
{
	siglongjmp(access_return, number);
}

/* Touches a byte; returns 0, or the number of the signal that it raised. */
static inline int access_touch(volatile char *address, bool write)
{
	struct sigaction action = { .sa_handler = access_handler };
	struct sigaction old_segv, old_bus;
	int number;

	sigaction(SIGSEGV, &action, &old_segv);
	sigaction(SIGBUS, &action, &old_bus);
	number = sigsetjmp(access_return, 1);
	if (!number) {
		if (write)
			*address = 'w';
		else
			(void)*address;
	}
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return number;
}

static inline int access_read(const void *address)
{
	return access_touch((volatile char *)address, false);
}

static inline int access_write(void *address)
{
	return access_touch(address, true);
}

/*
 * For threads that touch things at once: handlers that stay, which an access, with
 * sigsetjmp(access_return, 0), need not save a mask of signals for.
 */
static inline void access_handle(void)
{
	struct sigaction action = { .sa_handler = access_handler, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* With these: returns a byte, or -1 where none can be read. */
static inline int access_get(const char *address)
{
	if (sigsetjmp(access_return, 0))
		return -1;
	return *(volatile const unsigned char *)address;
}

/* Writes a byte; returns success. */
static inline bool access_put(char *address, char value)
{
	if (sigsetjmp(access_return, 0))
		return false;
	*(volatile char *)address = value;
	return true;
}

/*
 * Try an access by a system call that reads from or writes to the address, which survives
 * failure. Returns true if it can be done.
 */
static inline bool can_read(const void *address)
{
	int pipes[2];
	bool can;

	if (pipe(pipes))
		return false;
	can = write(pipes[1], address, 1) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return can;
}

static inline bool can_write(void *address)
{
	int pipes[2];
	bool can;

	if (pipe(pipes))
		return false;
	can = write(pipes[1], "w", 1) == 1 && read(pipes[0], address, 1) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return can;
}

/* Returns whether all of a range reads as one byte value. */
static inline bool all_bytes(const char *start, uint64_t length, char value)
{
	uint64_t i;

	for (i = 0; i < length; i++) {
		if (start[i] != value)
			return false;
	}
	return true;
}

/* Page faults of this process that needed no I/O */
static inline long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

#endif /* SELFTESTS_LIB_ACCESS_H */
