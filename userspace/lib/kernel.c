// SPDX-License-Identifier: MIT
/*
 * The kernel backend: the device of the module.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/*
 * Each chunk is a VMA. Threads that touch cold memory of the same VMA contend
 * for its lock, which asks for many chunks; a process may have only 65530 VMAs
 * by default, which asks for few.
 */
#define MAX_CHUNKS 64

static const char *kernel_name(const struct slotpool *pool)
{
	(void)pool;
	return "kernel";
}

static int kernel_map(struct slotpool *pool, char *base, uint32_t first, uint32_t count)
{
	uint64_t stride = pool->info.slot_stride;
	uint32_t chunk = (count - 1) / MAX_CHUNKS + 1;
	uint32_t slot, nr;

	for (slot = 0; slot < count; slot += nr) {
		nr = count - slot < chunk ? count - slot : chunk;
		if (mmap(base + slot * stride, nr * stride, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, pool->fd,
			 (off_t)((first + (uint64_t)slot) * stride)) == MAP_FAILED) {
			int ret = -errno;

			munmap(base, count * stride);
			return ret;
		}
	}
	return 0;
}

static void kernel_unmap(struct slotpool *pool)
{
	munmap(pool->base, pool->count * pool->info.slot_stride);
}

static void kernel_close(struct slotpool *pool)
{
	close(pool->fd);
}

static const struct backend kernel_backend = {
	.name = kernel_name,
	.map = kernel_map,
	.unmap = kernel_unmap,
	.close = kernel_close,
};

int kernel_open(struct slotpool *pool, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	pool->fd = fd;
	pool->backend = &kernel_backend;
	return 0;
}
