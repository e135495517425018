// SPDX-License-Identifier: MIT
/*
 * An open pool: open, close, geometry.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

int slotpool_open(const char *path, struct slotpool **poolp)
{
	struct slotpool *pool;
	int ret;

	if (!path)
		path = secure_getenv("SLOTPOOL_DEVICE");
	if (!path)
		path = "/dev/slotpool0";

	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;

	pool->fd = open(path, O_RDWR | O_CLOEXEC);
	if (pool->fd < 0) {
		ret = -errno;
		goto out_free;
	}

	pool->info.size = sizeof(pool->info);
	if (ioctl(pool->fd, SLOTPOOL_INFO, &pool->info)) {
		ret = -errno;
		goto out_close;
	}

	*poolp = pool;
	return 0;

out_close:
	close(pool->fd);
out_free:
	free(pool);
	return ret;
}

void slotpool_close(struct slotpool *pool)
{
	if (!pool)
		return;

	slotpool_unmap(pool);
	close(pool->fd);
	free(pool);
}

int slotpool_fd(const struct slotpool *pool)
{
	return pool->fd;
}

const struct slotpool_info *slotpool_geometry(const struct slotpool *pool)
{
	return &pool->info;
}
