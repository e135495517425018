// SPDX-License-Identifier: MIT
/*
 * Mapping a range of slots.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

int slotpool_map(struct slotpool *pool, uint32_t first, uint32_t count)
{
	size_t length;
	char *base;
	int ret;

	if (pool->base)
		return -EBUSY;
	if (!count || first >= pool->info.nr_slots || count > pool->info.nr_slots - first)
		return -EINVAL;
	if (__builtin_mul_overflow(pool->info.slot_stride, count, &length))
		return -ENOMEM;

	/*
	 * Reserve the range first: the backend maps it in parts, and no other
	 * mapping of the process must get in between.
	 */
	base = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	ret = pool->backend->map(pool, base, first, count);
	if (ret)
		return ret;

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

	/* In a child of fork() another mapping may occupy the addresses. */
	if (pool->mapped_by == getpid())
		pool->backend->unmap(pool);
	pool->base = NULL;
}

void *slotpool_address(const struct slotpool *pool, uint32_t slot)
{
	if (!pool->base || slot < pool->first || slot - pool->first >= pool->count)
		return NULL;

	return pool->base + (slot - pool->first) * pool->info.slot_stride;
}
