/* SPDX-License-Identifier: MIT */
/*
 * Declarations that the files of the library share. Only the functions of the
 * public header are exported.
 *
 * The public functions build the arguments of <linux/slotpool.h> and pass them
 * to a backend: kernel.c calls the module; user.c and the user_*.c below it run
 * the commands in user space.
 */
#ifndef SLOTPOOL_INTERNAL_H
#define SLOTPOOL_INTERNAL_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#pragma GCC visibility push(default)
#include <slotpool.h>
#pragma GCC visibility pop

/**
 * struct backend - the operations behind the public functions
 * @name: Return the string of slotpool_backend().
 * @command: Run a command of <linux/slotpool.h>. Return 0 or a negative errno
 *	value. NULL for the module: command() makes its ioctl directly, to save
 *	the indirect call.
 * @map: Map slots into an inaccessible range of address space that the caller
 *	reserved for them. Return 0 or a negative errno value; unmap the range
 *	on failure.
 * @unmap: Unmap that range. Only called in the process that mapped it.
 * @close: Undo the opening, and free the client's slots. Called with nothing
 *	mapped.
 */
struct backend {
	const char *(*name)(const struct slotpool *pool);
	int (*command)(struct slotpool *pool, unsigned long request, void *args);
	int (*map)(struct slotpool *pool, char *base, uint32_t first, uint32_t count);
	void (*unmap)(struct slotpool *pool);
	void (*close)(struct slotpool *pool);
};

struct user_client;

struct slotpool {
	const struct backend *backend;
	int fd; /* of kernel.c, negative with the other backend */
	struct user_client *client; /* of user.c */
	struct slotpool_info_args info;
	char *base; /* address of slot first, NULL if nothing is mapped */
	uint32_t first, count;
	pid_t mapped_by; /* a child inherits the handle, but not the mapping */
};

/* Set the backend of @pool and its data. Return 0 or a negative errno value. */
int kernel_open(struct slotpool *pool, const char *path);
int user_open(struct slotpool *pool);

/* Commands are never interrupted, so there is no retry on EINTR. */
static inline int command(struct slotpool *pool, unsigned long request, void *args)
{
	if (pool->fd < 0)
		return pool->backend->command(pool, request, args);
	/* Not ioctl(): it is variadic, and unpacks its arguments first. */
	return syscall(SYS_ioctl, pool->fd, request, args) ? -errno : 0;
}

#endif /* SLOTPOOL_INTERNAL_H */
