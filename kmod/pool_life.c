// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 10
 *
 * The life of a pool and of its clients, and the settings that change meanwhile.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "pool_life.h"
#include "pool_reclaim.h"
#include "pool_shard.h"
#include "slot_life.h"

#define POOL_DEFAULT_SHARDS 16U
#define POOL_MIN_SLOTS_TO_SHARD 128U

static bool pool_fits_memory(const struct pool_config *config)
{
	/* The contents of slots are set up on first use, and stay. */
	u64 per_slot = sizeof(struct slot) + sizeof(struct slot *) +
		       sizeof(struct policy_node) + 2 * sizeof(u32);
	u64 pages = DIV_ROUND_UP_ULL(per_slot * config->nr_slots, PAGE_SIZE);

	return !check_add_overflow(pages, (u64)config->reserve_pages, &pages) &&
	       pages <= (u64)max(0L, si_mem_available());
}

/**
 * pool_create() - set up a pool
 * @config: its configuration
 *
 * Says in the log what is wrong with an impossible configuration.
 *
 * Context: Process context, may sleep.
 * Return: The pool, or an ERR_PTR(): -EINVAL for an impossible configuration,
 * -ENOMEM without memory for it or for its reserve, -EINTR if the task is
 * being killed.
 */
struct pool *pool_create(const struct pool_config *config)
{
	struct pool *pool;
	int err;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	pool->config = *config;
	config = &pool->config;

	err = pool_config_check(&pool->config);
	if (err)
		goto free_pool;
	if (!pool_fits_memory(config)) {
		pr_err("nr_slots=%u and reserve_pages=%lu need more memory than is available\n",
		       config->nr_slots, config->reserve_pages);
		err = -ENOMEM;
		goto free_pool;
	}

	mutex_init(&pool->config_lock);
	init_waitqueue_head(&pool->settled);
	atomic_set(&pool->nr_settled, 0);
	atomic_set(&pool->nr_clients, 0);
	pool->slot_pages = config->slot_size >> PAGE_SHIFT;
	pool->stride_pages = config->slot_stride >> PAGE_SHIFT;
	pool->nr_pages = pool->stride_pages * config->nr_slots;
	pool->keep_pages = config->keep_bytes >> PAGE_SHIFT;
	pool->max_client_image_pages = config->max_client_image_bytes >> PAGE_SHIFT;
	pool->nr_shards = config->nr_shards;
	if (!pool->nr_shards)
		pool->nr_shards = config->nr_slots < POOL_MIN_SLOTS_TO_SHARD ? 1 :
				  min(num_possible_cpus(), POOL_DEFAULT_SHARDS);

	pool->memory.overcommit = config->overcommit;
	pool->memory.strict = config->strict;
	decay_budget_init(&pool->memory.decay, config->max_decay_samples);
	err = -ENOMEM;
	pool->memory.stats = alloc_percpu(struct stats);
	if (!pool->memory.stats)
		goto free_parts;
	image_store_init(&pool->memory.images, config->max_image_bytes >> PAGE_SHIFT,
			 config->max_pool_image_bytes >> PAGE_SHIFT, pool->memory.stats);
	pool->slots = kvcalloc(config->nr_slots, sizeof(*pool->slots), GFP_KERNEL);
	if (!pool->slots)
		goto free_parts;
	err = pool_shards_create(pool);
	if (err)
		goto free_parts;
	err = reserve_init(&pool->memory.reserve, config->reserve_pages);
	if (err)
		goto free_parts;
	return pool;

free_parts:
	pr_err("can't set up nr_slots=%u and reserve_pages=%lu: error %d\n", config->nr_slots,
	       config->reserve_pages, err);
	pool_shards_destroy(pool);
	kvfree(pool->slots);
	free_percpu(pool->memory.stats);
free_pool:
	kfree(pool);
	return ERR_PTR(err);
}

/**
 * pool_destroy() - undo pool_create()
 * @pool: a pool without clients
 *
 * Context: Process context, may sleep.
 */
void pool_destroy(struct pool *pool)
{
	u32 i;

	for (i = 0; i < pool->config.nr_slots; i++) {
		slot_destroy(pool->slots[i]);
		cond_resched();
	}
	reserve_destroy(&pool->memory.reserve);
	image_store_destroy(&pool->memory.images);
	pool_shards_destroy(pool);
	kvfree(pool->slots);
	free_percpu(pool->memory.stats);
	kfree(pool);
}

/**
 * pool_client_init() - set up what the pool knows of a client
 * @pool: the pool
 * @client: the client
 * @mapping: the client's address space
 *
 * Context: Any.
 * Return: 0, or -EUSERS above the bound of clients.
 */
int pool_client_init(struct pool *pool, struct pool_client *client,
		     struct address_space *mapping)
{
	static atomic64_t last_domain;

	if (!atomic_add_unless(&pool->nr_clients, 1, pool->config.max_clients))
		return -EUSERS;
	slot_client_init(&client->slot_client, mapping, pool->config.max_client_pages);
	mutex_init(&client->purge_lock);
	client->domain = atomic64_inc_return(&last_domain);
	return 0;
}

/**
 * pool_client_release() - free everything that a client owned
 * @pool: the pool
 * @client: a client without mappings and without calls
 *
 * The client's free slots are emptied too: no other client may see what they hold.
 *
 * Context: Process context, may sleep.
 */
void pool_client_release(struct pool *pool, struct pool_client *client)
{
	struct slot *slot;

	while ((slot = slot_client_next(&client->slot_client))) {
		bool owned;

		mutex_lock(&slot->lock);
		/* Another client may have taken the slot over since. */
		if (slot->client == &client->slot_client) {
			owned = slot->owner;
			slot_decommit(slot);
			/*
			 * Under the mutex: another client could otherwise use
			 * and free a warm slot in between. If a task has taken
			 * the slot from the policy, it is that task's to put back.
			 */
			if (owned || pool_take_warm(pool, slot->index))
				pool_put_cold(pool, slot->index);
		}
		mutex_unlock(&slot->lock);
		cond_resched();
	}
	WARN_ON(charge_read(&client->slot_client.charge));
	atomic_dec(&pool->nr_clients);
}

/**
 * pool_max_unused_warm_slots() - read N of the placement rule
 * @pool: the pool
 *
 * Context: Any.
 * Return: N of the whole pool.
 */
u64 pool_max_unused_warm_slots(struct pool *pool)
{
	return READ_ONCE(pool->config.max_unused_warm_slots);
}

/**
 * pool_set_max_unused_warm_slots() - change N of the placement rule
 * @pool: the pool
 * @max_unused_warm_slots: N of the whole pool; each shard gets its part
 *
 * Context: Process context, may sleep.
 */
void pool_set_max_unused_warm_slots(struct pool *pool, u64 max_unused_warm_slots)
{
	mutex_lock(&pool->config_lock);
	WRITE_ONCE(pool->config.max_unused_warm_slots, max_unused_warm_slots);
	pool_shards_set_warm_slots(pool, max_unused_warm_slots);
	mutex_unlock(&pool->config_lock);
}

/**
 * pool_max_unused_warm_bytes() - read the bound of what all warm slots hold
 * @pool: the pool
 *
 * Context: Any.
 * Return: The bound in bytes.
 */
u64 pool_max_unused_warm_bytes(struct pool *pool)
{
	return READ_ONCE(pool->config.max_unused_warm_bytes);
}

/**
 * pool_set_max_unused_warm_bytes() - change the bound of what all warm slots hold
 * @pool: the pool
 * @max_unused_warm_bytes: the bound in bytes; evicts warm slots down to it
 *
 * Context: Process context, may sleep.
 */
void pool_set_max_unused_warm_bytes(struct pool *pool, u64 max_unused_warm_bytes)
{
	mutex_lock(&pool->config_lock);
	WRITE_ONCE(pool->config.max_unused_warm_bytes, max_unused_warm_bytes);
	mutex_unlock(&pool->config_lock);
	pool_trim(pool);
}
