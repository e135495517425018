// SPDX-License-Identifier: MIT
#include <errno.h>
#include <slotpool.h>

#include "memory.h"

static struct slotpool *pool;
static uint32_t slot;

static int pool_open(void)
{
	int ret;

	ret = slotpool_open(NULL, &pool);
	if (ret)
		return ret;
	ret = -EINVAL;
	if (slotpool_geometry(pool)->slot_stride < REACH)
		goto close_pool;
	ret = slotpool_map(pool, 0, slotpool_geometry(pool)->nr_slots);
	if (ret)
		goto close_pool;
	return 0;

close_pool:
	slotpool_close(pool);
	return ret;
}

static void pool_close(void)
{
	slotpool_close(pool);
}

static int pool_alloc(uint64_t key, size_t limit, uint8_t **address,
		      enum slotpool_placement *placement)
{
	struct slotpool_alloc alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
		.key = key,
		.limit = limit,
	};
	int ret;

	ret = slotpool_alloc(pool, &alloc);
	if (ret)
		return ret;
	slot = alloc.slot;
	*address = slotpool_address(pool, slot);
	*placement = alloc.placement;
	return 0;
}

static int pool_grow(size_t limit)
{
	return slotpool_resize(pool, slot, SLOTPOOL_RESIZE_GROW_ONLY, limit, 0,
			       NULL);
}

static void pool_free(void)
{
	slotpool_free(pool, slot, 0, NULL);
}

static int pool_totals(struct memory_totals *totals)
{
	struct slotpool *observer;
	struct slotpool_stat stat;
	int ret;

	ret = slotpool_open(NULL, &observer);
	if (ret)
		return ret;
	ret = slotpool_stat(observer, &stat);
	if (!ret) {
		uint64_t page_size = slotpool_geometry(observer)->page_size;

		totals->held_bytes = stat.held_pages * page_size;
		totals->reset_bytes = stat.reset_pages * page_size;
	}
	slotpool_close(observer);
	return ret;
}

const struct memory_backend slotpool_memory = {
	.open = pool_open,
	.close = pool_close,
	.alloc = pool_alloc,
	.grow = pool_grow,
	.free = pool_free,
	.totals = pool_totals,
};
