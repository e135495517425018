// SPDX-License-Identifier: MIT
/*
 * The mapping of a range of slots.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/*
 * Threads that touch cold memory of the same VMA share its lock, so more
 * chunks are better; but a process may have only 65530 VMAs by default.
 */
#define MAX_CHUNKS 64

int slotpool_map(struct slotpool *pool, uint32_t first, uint32_t count)
{
	uint64_t stride = pool->info.slot_stride;
	uint32_t chunk, slot, nr;
	size_t length;
	char *base;
	int ret;

	if (pool->base)
		return -EBUSY;
	if (!count || first >= pool->info.nr_slots || count > pool->info.nr_slots - first)
		return -EINVAL;
	if (__builtin_mul_overflow(stride, count, &length))
		return -ENOMEM;

	/* Nobody else's mapping can come between the chunks. */
	base = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;

	chunk = (count - 1) / MAX_CHUNKS + 1;
	for (slot = 0; slot < count; slot += nr) {
		nr = count - slot < chunk ? count - slot : chunk;
		if (mmap(base + slot * stride, nr * stride, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, pool->fd,
			 (off_t)((first + (uint64_t)slot) * stride)) == MAP_FAILED) {
			ret = -errno;
			munmap(base, length);
			return ret;
		}
	}

	pool->base = base;
	pool->first = first;
	pool->count = count;
	pool->mapped_by = getpid();
	return 0;
}

void slotpool_unmap(struct slotpool *pool)
{
	if (!pool->base)
		return;

	/* In a child the addresses may be somebody else's by now. */
	if (pool->mapped_by == getpid())
		munmap(pool->base, pool->count * pool->info.slot_stride);
	pool->base = NULL;
}

void *slotpool_address(const struct slotpool *pool, uint32_t slot)
{
	if (!pool->base || slot < pool->first || slot - pool->first >= pool->count)
		return NULL;

	return pool->base + (slot - pool->first) * pool->info.slot_stride;
}
