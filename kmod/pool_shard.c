// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 8
 *
 * The shards of a pool: parts with a policy and a lock of their own.
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "pool_shard.h"
#include "slot_life.h"

static u64 pool_shard_warm_slots(struct pool *pool, u32 shard, u64 max_unused_warm_slots)
{
	u64 remainder;
	u64 each = div64_u64_rem(max_unused_warm_slots, pool->nr_shards, &remainder);

	return each + (shard < remainder);
}

/**
 * pool_shards_create() - divide the slots of a pool into shards
 * @pool: a pool with &pool.nr_shards set
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM; call pool_shards_destroy() in either case.
 */
int pool_shards_create(struct pool *pool)
{
	const struct pool_config *config = &pool->config;
	u32 each = config->nr_slots / pool->nr_shards;
	u32 larger = config->nr_slots % pool->nr_shards;
	size_t nr_buckets = 0;
	u32 *buckets;
	u32 first = 0;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++)
		nr_buckets += policy_nr_buckets(each + (i < larger));

	pool->shards = kvcalloc(pool->nr_shards, sizeof(*pool->shards), GFP_KERNEL);
	pool->nodes = kvcalloc(config->nr_slots, sizeof(*pool->nodes), GFP_KERNEL);
	pool->buckets = kvcalloc(nr_buckets, sizeof(*pool->buckets), GFP_KERNEL);
	if (!pool->shards || !pool->nodes || !pool->buckets)
		return -ENOMEM;

	buckets = pool->buckets;
	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];
		u32 nr_slots = each + (i < larger);

		spin_lock_init(&shard->lock);
		shard->first = first;
		INIT_LIST_HEAD(&shard->borrowing);
		policy_init(&shard->policy, pool->nodes + first, buckets, nr_slots,
			    pool_shard_warm_slots(pool, i, config->max_unused_warm_slots),
			    get_random_u64());
		first += nr_slots;
		buckets += policy_nr_buckets(nr_slots);
		cond_resched();
	}
	return 0;
}

/**
 * pool_shards_destroy() - undo pool_shards_create()
 * @pool: the pool
 *
 * Context: Process context, may sleep.
 */
void pool_shards_destroy(struct pool *pool)
{
	kvfree(pool->buckets);
	kvfree(pool->nodes);
	kvfree(pool->shards);
}

/**
 * pool_shards_set_warm_slots() - give each shard its part of N
 * @pool: the pool
 * @max_unused_warm_slots: N of the whole pool
 *
 * Context: Process context, holding &pool.config_lock.
 */
void pool_shards_set_warm_slots(struct pool *pool, u64 max_unused_warm_slots)
{
	u32 i;

	lockdep_assert_held(&pool->config_lock);

	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];

		spin_lock(&shard->lock);
		shard->policy.max_unused_warm_slots =
			pool_shard_warm_slots(pool, i, max_unused_warm_slots);
		spin_unlock(&shard->lock);
	}
}

/**
 * pool_take_warm() - take one particular slot off the policy's lists if it is warm
 * @pool: the pool
 * @index: the slot
 *
 * Context: Any but interrupts.
 * Return: Whether the slot was warm, and is now the caller's to put back.
 */
bool pool_take_warm(struct pool *pool, u32 index)
{
	struct pool_shard *shard = pool_shard(pool, index);
	bool taken;

	spin_lock(&shard->lock);
	taken = policy_take_exact(&shard->policy, index - shard->first);
	if (taken)
		pool_uncount_warm(pool, shard, index - shard->first);
	spin_unlock(&shard->lock);
	return taken;
}

/**
 * pool_put_warm() - put a used slot on the warm list
 * @pool: the pool
 * @slot: the slot
 * @nr_pages: private pages that it holds
 * @nr_borrowed: of these, pages that are not the reserve's
 *
 * Context: Any but interrupts.
 */
void pool_put_warm(struct pool *pool, struct slot *slot, unsigned long nr_pages,
		   unsigned long nr_borrowed)
{
	struct pool_shard *shard = pool_shard(pool, slot->index);

	spin_lock(&shard->lock);
	slot->nr_warm = nr_pages;
	slot->nr_warm_borrowed = nr_borrowed;
	shard->nr_warm_pages += nr_pages;
	shard->nr_borrowed_pages += nr_borrowed;
	if (nr_borrowed)
		list_add_tail(&slot->borrowing_link, &shard->borrowing);
	policy_free(&shard->policy, slot->index - shard->first);
	spin_unlock(&shard->lock);
}

/**
 * pool_put_cold() - put an empty slot on the cold list
 * @pool: the pool
 * @index: a slot that is used, or that the caller has taken off the lists
 *
 * Context: Any but interrupts.
 */
void pool_put_cold(struct pool *pool, u32 index)
{
	struct pool_shard *shard = pool_shard(pool, index);

	spin_lock(&shard->lock);
	policy_put_cold(&shard->policy, index - shard->first);
	spin_unlock(&shard->lock);
	atomic_inc(&pool->nr_settled);
	wake_up(&pool->settled);
}

/**
 * pool_decommit() - empty a slot and make it cold
 * @pool: the pool
 * @index: a slot that the caller has taken off the policy's lists
 *
 * Context: Process context, may sleep.
 */
void pool_decommit(struct pool *pool, u32 index)
{
	struct slot *slot = pool_slot(pool, index);

	/* NULL if there was no memory to set the slot up. */
	if (slot) {
		mutex_lock(&slot->lock);
		slot_decommit(slot);
		mutex_unlock(&slot->lock);
	}
	pool_put_cold(pool, index);
}

/**
 * pool_nr_warm_pages() - count the private pages of all warm slots
 * @pool: the pool
 *
 * Context: Any.
 * Return: The number of pages, which others change meanwhile.
 */
unsigned long pool_nr_warm_pages(struct pool *pool)
{
	unsigned long nr_pages = 0;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++)
		/* Others free and allocate meanwhile: the sum is out of date anyway. */
		nr_pages += data_race(READ_ONCE(pool->shards[i].nr_warm_pages));
	return nr_pages;
}
