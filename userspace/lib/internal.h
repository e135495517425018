/* SPDX-License-Identifier: MIT */
/*
 * What the files of the library share. Everything is hidden from users but
 * what the public header declares.
 *
 * The public functions put arguments together as <linux/slotpool.h> has them,
 * and hand them to a backend: kernel.c passes them on to the module, user.c and
 * the user_*.c below it do the same in user space.
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
 * struct backend - who does what the public functions ask for
 * @name: what slotpool_backend() says
 * @command: a command of <linux/slotpool.h>; returns 0 or a negative errno
 *	value. The module's is an ioctl, and has none here: what calls it is to
 *	cost as little as can be.
 * @map: put slots into a range of address space that is reserved for them and
 *	inaccessible; returns 0 or a negative errno value, and gives the range up
 *	then
 * @unmap: give that range up, in the process that mapped it
 * @close: undo opening, with nothing mapped; slots are the backend's to free
 */
struct backend {
	const char *(*name)(const struct slotpool *pool);
	int (*command)(struct slotpool *pool, unsigned long request, void *argument);
	int (*map)(struct slotpool *pool, char *base, uint32_t first, uint32_t count);
	void (*unmap)(struct slotpool *pool);
	void (*close)(struct slotpool *pool);
};

struct user_client;

struct slotpool {
	const struct backend *backend;
	int fd; /* kernel.c's, negative with another backend */
	struct user_client *client; /* user.c's */
	struct slotpool_info_args info;
	char *base; /* of slot first, NULL when nothing is mapped */
	uint32_t first, count;
	pid_t mapped_by; /* a child inherits the handle, but not the mapping */
};

/* Both set what is theirs in @pool; they return 0 or a negative errno value. */
int kernel_open(struct slotpool *pool, const char *path);
int user_open(struct slotpool *pool);

/* No command is ever interrupted, so none is tried again. */
static inline int command(struct slotpool *pool, unsigned long request, void *argument)
{
	if (pool->fd < 0)
		return pool->backend->command(pool, request, argument);
	/* As ioctl(), which takes a list of arguments apart before. */
	return syscall(SYS_ioctl, pool->fd, request, argument) ? -errno : 0;
}

#endif /* SLOTPOOL_INTERNAL_H */
