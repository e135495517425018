// SPDX-License-Identifier: MIT
/*
 * A handle of a pool: choose the backend, open, close, query, seal.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

uint32_t slotpool_version(void)
{
	return SLOTPOOL_VERSION;
}

/* Return whether the device doesn't exist, as opposed to being unusable. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENXIO || error == -ENODEV;
}

static int open_backend(struct slotpool *pool, const char *path)
{
	const char *backend = secure_getenv("SLOTPOOL_BACKEND");
	bool any;
	int ret;

	if (path)
		return kernel_open(pool, path);

	any = !backend || !strcmp(backend, "auto");
	if (!any && !strcmp(backend, "user"))
		return user_open(pool);
	if (!any && strcmp(backend, "kernel"))
		return -EINVAL;

	path = secure_getenv("SLOTPOOL_DEVICE");
	ret = kernel_open(pool, path ? path : "/dev/slotpool0");
	return any && is_absent(ret) ? user_open(pool) : ret;
}

int slotpool_open(const char *path, struct slotpool **poolp)
{
	struct slotpool *pool;
	int ret;

	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->fd = -EOPNOTSUPP;

	ret = open_backend(pool, path);
	if (ret)
		goto out_free;

	pool->info.size = sizeof(pool->info);
	ret = command(pool, SLOTPOOL_INFO, &pool->info);
	if (ret)
		goto out_close;

	*poolp = pool;
	return 0;

out_close:
	pool->backend->close(pool);
out_free:
	free(pool);
	return ret;
}

void slotpool_close(struct slotpool *pool)
{
	if (!pool)
		return;

	slotpool_unmap(pool);
	pool->backend->close(pool);
	free(pool);
}

int slotpool_fd(const struct slotpool *pool)
{
	return pool->fd;
}

const char *slotpool_backend(const struct slotpool *pool)
{
	return pool->backend->name(pool);
}

const struct slotpool_info_args *slotpool_info(const struct slotpool *pool)
{
	return &pool->info;
}

int slotpool_seal(struct slotpool *pool, uint32_t flags, uint64_t commands, uint64_t *left)
{
	struct slotpool_seal_args seal = {
		.size = sizeof(seal),
		.flags = flags,
		.commands = commands,
	};
	int ret = command(pool, SLOTPOOL_SEAL, &seal);

	if (!ret && left)
		*left = seal.commands;
	return ret;
}
