/* SPDX-License-Identifier: MIT */
/*
 * What the files of the library share. Everything is hidden from users but
 * what the public header declares.
 */
#ifndef SLOTPOOL_INTERNAL_H
#define SLOTPOOL_INTERNAL_H

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#pragma GCC visibility push(default)
#include <slotpool.h>
#pragma GCC visibility pop

struct slotpool {
	int fd;
	struct slotpool_info info;
	char *base; /* of slot first, NULL when nothing is mapped */
	uint32_t first, count;
	pid_t mapped_by; /* a child inherits the handle, but not the mapping */
};

/* The kernel never interrupts a command, so none is tried again. */
static inline int command(const struct slotpool *pool, unsigned long request, void *argument)
{
	return ioctl(pool->fd, request, argument) ? -errno : 0;
}

#endif /* SLOTPOOL_INTERNAL_H */
