/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_SHARD_H
#define SLOTPOOL_POOL_SHARD_H

#include "pool.h"

int pool_shards_create(struct pool *pool);
void pool_shards_destroy(struct pool *pool);
void pool_shards_set_warm_slots(struct pool *pool, u64 max_unused_warm_slots);

bool pool_take_warm(struct pool *pool, u32 index);
void pool_put_warm(struct pool *pool, struct slot *slot, unsigned long nr_pages,
		   unsigned long nr_borrowed);
void pool_put_cold(struct pool *pool, u32 index);
void pool_decommit(struct pool *pool, u32 index);

unsigned long pool_nr_warm_pages(struct pool *pool);

/**
 * pool_shard() - return the shard of a slot
 * @pool: the pool
 * @index: the slot
 *
 * Context: Any.
 * Return: The shard.
 */
static inline struct pool_shard *pool_shard(struct pool *pool, u32 index)
{
	u32 each = pool->config.nr_slots / pool->nr_shards;
	u32 larger = pool->config.nr_slots % pool->nr_shards;
	u32 boundary = larger * (each + 1);

	if (index < boundary)
		return &pool->shards[index / (each + 1)];
	return &pool->shards[larger + (index - boundary) / each];
}

/**
 * pool_uncount_warm() - undo the accounting of pool_put_warm()
 * @pool: the pool
 * @shard: the slot's shard
 * @index: a slot that has left the warm list, counted from the shard's first
 *
 * Context: Holding &pool_shard.lock.
 */
static inline void pool_uncount_warm(struct pool *pool, struct pool_shard *shard, u32 index)
{
	struct slot *slot = pool_slot(pool, shard->first + index);

	lockdep_assert_held(&shard->lock);

	/* A cold slot may never have been set up. */
	if (!slot)
		return;
	shard->nr_warm_pages -= slot->nr_warm;
	slot->nr_warm = 0;
	if (slot->nr_warm_borrowed) {
		shard->nr_borrowed_pages -= slot->nr_warm_borrowed;
		slot->nr_warm_borrowed = 0;
		list_del_init(&slot->borrowing_link);
	}
}

#endif /* SLOTPOOL_POOL_SHARD_H */
