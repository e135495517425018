/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses that may raise a signal, and which one.
 */
#ifndef SELFTESTS_SEGV_H
#define SELFTESTS_SEGV_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

static __thread sigjmp_buf segv_return;

static void segv_handler(int number)
{
	siglongjmp(segv_return, number);
}

/* Touches a byte; returns 0, or the number of the signal that it raised. */
static inline int segv_touch(volatile char *address, bool write)
{
	struct sigaction action = { .sa_handler = segv_handler };
	struct sigaction old_segv, old_bus;
	int number;

	sigaction(SIGSEGV, &action, &old_segv);
	sigaction(SIGBUS, &action, &old_bus);
	number = sigsetjmp(segv_return, 1);
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

static inline int segv_read(const void *address)
{
	return segv_touch((volatile char *)address, false);
}

static inline int segv_write(void *address)
{
	return segv_touch(address, true);
}

/*
 * For threads that touch things at once: handlers that stay, which an access, with
 * sigsetjmp(segv_return, 0), need not save a mask of signals for.
 */
static inline void segv_handle(void)
{
	struct sigaction action = { .sa_handler = segv_handler, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* With these: returns a byte, or -1 where none can be read. */
static inline int segv_get(const char *address)
{
	if (sigsetjmp(segv_return, 0))
		return -1;
	return *(volatile const unsigned char *)address;
}

/* Writes a byte; returns success. */
static inline bool segv_put(char *address, char value)
{
	if (sigsetjmp(segv_return, 0))
		return false;
	*(volatile char *)address = value;
	return true;
}

#endif /* SELFTESTS_SEGV_H */
