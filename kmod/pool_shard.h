/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_SHARD_H
#define SLOTPOOL_POOL_SHARD_H

#include "pool.h"

int pool_shards_create(struct pool *pool);
void pool_shards_destroy(struct pool *pool);
void pool_shards_set_warm_slots(struct pool *pool, u64 max_unused_warm_slots);

struct pool_shard *pool_shard(struct pool *pool, u32 index);
void pool_uncount_warm(struct pool *pool, struct pool_shard *shard, u32 index);

bool pool_take_warm(struct pool *pool, u32 index);
void pool_put_warm(struct pool *pool, struct slot *slot, unsigned long nr_pages,
		   unsigned long nr_borrowed);
void pool_put_cold(struct pool *pool, u32 index);
void pool_decommit(struct pool *pool, u32 index);

unsigned long pool_nr_warm_pages(struct pool *pool);

#endif /* SLOTPOOL_POOL_SHARD_H */
