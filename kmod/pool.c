// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool: geometry, shards, budget; allocation, free, eviction, purge.
 *
 * A slot's place in the policy and its contents change one after the other,
 * never under one lock. What keeps them together is who may touch a slot:
 *
 * - A slot on a list of the policy is free, and its owner is NULL.
 * - Who takes a slot off the lists, under the shard's lock, is the only one to
 *   put it back or to give it an owner.
 * - The release of a client empties the client's free slots under their
 *   mutexes wherever they are: a slot that somebody else has just taken is
 *   found empty by them, and that is all.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pool.h"

#define POOL_MAX_SLOTS ((unsigned int)SZ_16M)
#define POOL_MAX_SHARDS 256U
#define POOL_DEFAULT_SHARDS 16U
#define POOL_MIN_SLOTS_TO_SHARD 128U

static struct pool_shard *pool_shard(struct pool *pool, u32 index)
{
	u32 each = pool->config.nr_slots / pool->nr_shards;
	u32 larger = pool->config.nr_slots % pool->nr_shards;
	u32 boundary = larger * (each + 1);

	if (index < boundary)
		return &pool->shards[index / (each + 1)];
	return &pool->shards[larger + (index - boundary) / each];
}

static struct slot *pool_slot_create(struct pool *pool, u32 index)
{
	struct slot *slot = pool_slot(pool, index);

	if (slot)
		return slot;
	/*
	 * Only who has taken the slot from its policy comes here: nobody else
	 * creates it at the same time.
	 */
	slot = slot_create(&pool->memory, index, (pgoff_t)index * pool->stride_pages);
	if (slot) {
		/* Lets pool_slot() see it complete. */
		smp_store_release(&pool->slots[index], slot);
	}
	return slot;
}

static int pool_check_config(struct pool_config *config)
{
	u64 bytes;

	if (!config->nr_slots || config->nr_slots > POOL_MAX_SLOTS) {
		pr_err("nr_slots=%u is not between 1 and %u\n", config->nr_slots, POOL_MAX_SLOTS);
		return -EINVAL;
	}
	if (config->nr_shards > min(config->nr_slots, POOL_MAX_SHARDS)) {
		pr_err("nr_shards=%u is more than nr_slots=%u or %u\n", config->nr_shards,
		       config->nr_slots, POOL_MAX_SHARDS);
		return -EINVAL;
	}
	if (!config->slot_size || !PAGE_ALIGNED(config->slot_size)) {
		pr_err("slot_size=%llu is not a multiple of the page size, %lu\n",
		       config->slot_size, PAGE_SIZE);
		return -EINVAL;
	}
	if (!config->slot_stride && check_mul_overflow(config->slot_size, (u64)2,
						       &config->slot_stride)) {
		pr_err("slot_size=%llu is too large\n", config->slot_size);
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(config->slot_stride)) {
		pr_err("slot_stride=%llu is not a multiple of the page size, %lu\n",
		       config->slot_stride, PAGE_SIZE);
		return -EINVAL;
	}
	if (config->slot_stride < config->slot_size) {
		pr_err("slot_stride=%llu is less than slot_size=%llu\n", config->slot_stride,
		       config->slot_size);
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(config->max_image_bytes) ||
	    !PAGE_ALIGNED(config->max_client_image_bytes) ||
	    !PAGE_ALIGNED(config->max_pool_image_bytes)) {
		pr_err("max_image_bytes=%llu, max_client_image_bytes=%llu or max_pool_image_bytes=%llu is not a multiple of the page size, %lu\n",
		       config->max_image_bytes, config->max_client_image_bytes,
		       config->max_pool_image_bytes, PAGE_SIZE);
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(config->keep_bytes)) {
		pr_err("keep_bytes=%llu is not a multiple of the page size, %lu\n",
		       config->keep_bytes, PAGE_SIZE);
		return -EINVAL;
	}
	/* File offsets are signed. */
	if (check_mul_overflow(config->slot_stride, (u64)config->nr_slots, &bytes) ||
	    bytes > LLONG_MAX) {
		pr_err("nr_slots=%u times slot_stride=%llu is too large\n", config->nr_slots,
		       config->slot_stride);
		return -EINVAL;
	}
	if (!config->max_image_bytes)
		config->max_image_bytes = config->slot_size;
	/* No process, and no pool, fills the machine with images by accident. */
	bytes = (u64)(totalram_pages() >> 2) << PAGE_SHIFT;
	if (!config->max_client_image_bytes)
		config->max_client_image_bytes = bytes;
	if (!config->max_pool_image_bytes)
		config->max_pool_image_bytes = bytes;
	if (!config->overcommit && !config->reserve_pages) {
		pr_err("overcommit=0 needs reserve_pages: there is nothing to commit\n");
		return -EINVAL;
	}
	return 0;
}

static bool pool_fits_memory(const struct pool_config *config)
{
	/* Contents are set up on first use, and stay. */
	u64 per_slot = sizeof(struct slot) + sizeof(struct slot *) +
		       sizeof(struct policy_node) + 2 * sizeof(u32);
	u64 pages = DIV_ROUND_UP_ULL(per_slot * config->nr_slots, PAGE_SIZE);

	return !check_add_overflow(pages, (u64)config->reserve_pages, &pages) &&
	       pages <= (u64)max(0L, si_mem_available());
}

static u64 pool_shard_warm_slots(struct pool *pool, u32 shard, u64 max_unused_warm_slots)
{
	u64 remainder;
	u64 each = div64_u64_rem(max_unused_warm_slots, pool->nr_shards, &remainder);

	return each + (shard < remainder);
}

static int pool_init_shards(struct pool *pool)
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
 * pool_create() - set a pool up
 * @config: what it shall be like
 *
 * Says in the log what is wrong with a configuration that can't be.
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

	err = pool_check_config(&pool->config);
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
	err = pool_init_shards(pool);
	if (err)
		goto free_parts;
	err = reserve_init(&pool->memory.reserve, config->reserve_pages);
	if (err)
		goto free_parts;
	return pool;

free_parts:
	pr_err("can't set up nr_slots=%u and reserve_pages=%lu: error %d\n", config->nr_slots,
	       config->reserve_pages, err);
	kvfree(pool->buckets);
	kvfree(pool->nodes);
	kvfree(pool->shards);
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
	kvfree(pool->buckets);
	kvfree(pool->nodes);
	kvfree(pool->shards);
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
 */
void pool_client_init(struct pool *pool, struct pool_client *client,
		      struct address_space *mapping)
{
	static atomic64_t last_domain;

	slot_client_init(&client->slot_client, mapping, pool->config.max_client_pages);
	mutex_init(&client->purge_lock);
	client->domain = atomic64_inc_return(&last_domain);
}

/* Keys and images of a client are affinities of their own, and so is no other's. */
static struct policy_affinity pool_key_affinity(const struct pool_client *client, u64 key)
{
	return (struct policy_affinity){ .domain = client->domain << 1, .key = key };
}

/* Its free slots refer to the image, so that its id isn't used again meanwhile. */
static struct policy_affinity pool_image_affinity(const struct pool_client *client,
						  const struct image *image)
{
	return (struct policy_affinity){ .domain = client->domain << 1 | 1, .key = image->id };
}

/* A slot has left the warm list. */
static void pool_uncount_warm(struct pool *pool, struct pool_shard *shard, u32 index)
{
	struct slot *slot = pool_slot(pool, shard->first + index);

	lockdep_assert_held(&shard->lock);

	/* One that was cold may never have been set up. */
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

/* Makes a used slot warm that holds so many pages. */
static void pool_put_warm(struct pool *pool, struct slot *slot, unsigned long nr_pages,
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

static unsigned long pool_nr_warm_pages(struct pool *pool)
{
	unsigned long nr_pages = 0;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++)
		/* Others free and allocate meanwhile: the sum is out of date anyway. */
		nr_pages += data_race(READ_ONCE(pool->shards[i].nr_warm_pages));
	return nr_pages;
}

static void pool_put_cold(struct pool *pool, u32 index)
{
	struct pool_shard *shard = pool_shard(pool, index);

	spin_lock(&shard->lock);
	policy_put_cold(&shard->policy, index - shard->first);
	spin_unlock(&shard->lock);
	atomic_inc(&pool->nr_settled);
	wake_up(&pool->settled);
}

/* The caller has taken the slot from its policy. */
static void pool_decommit(struct pool *pool, u32 index)
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

/* Takes one particular slot away from the policy if it is warm. */
static bool pool_take_warm(struct pool *pool, u32 index)
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
 * pool_client_release() - free everything that a client owned
 * @pool: the pool
 * @client: a client without mappings, which makes no calls any more
 *
 * The client's free slots are emptied too: nobody else may see what they hold.
 *
 * Context: Process context, may sleep.
 */
void pool_client_release(struct pool *pool, struct pool_client *client)
{
	struct slot *slot;

	while ((slot = slot_client_next(&client->slot_client))) {
		bool owned;

		mutex_lock(&slot->lock);
		/* Another client may have taken it over just now. */
		if (slot->client == &client->slot_client) {
			owned = slot->owner;
			slot_decommit(slot);
			/*
			 * Under the mutex, so that a warm slot can't be used
			 * and freed by somebody else in between. One that
			 * somebody has taken from the policy is theirs.
			 */
			if (owned || pool_take_warm(pool, slot->index))
				pool_put_cold(pool, slot->index);
		}
		mutex_unlock(&slot->lock);
		cond_resched();
	}
	WARN_ON(atomic_long_read(&client->slot_client.nr_pages));
}

/*
 * Takes a slot from the policy. Returns 0, -EBUSY or -ENOSPC, or -EAGAIN if
 * there will be one in a moment.
 */
static int pool_choose(struct pool *pool, struct pool_client *client,
		       struct pool_request *request)
{
	struct policy_affinity affinity = { };
	struct pool_shard *shard;
	bool wait = false;
	u32 home, i, index;

	if (request->image)
		affinity = pool_image_affinity(client, request->image);
	else if (request->terms.has_key)
		affinity = pool_key_affinity(client, request->terms.key);

	if (request->exact) {
		bool found;

		shard = pool_shard(pool, request->slot);
		index = request->slot - shard->first;
		spin_lock(&shard->lock);
		found = policy_alloc_exact(&shard->policy, index, affinity, &request->placement);
		if (found)
			pool_uncount_warm(pool, shard, index);
		else
			wait = shard->policy.nodes[index].state == POLICY_STATE_TAKEN;
		spin_unlock(&shard->lock);
		return found ? 0 : wait ? -EAGAIN : -EBUSY;
	}

	home = raw_smp_processor_id() % pool->nr_shards;
	for (i = 0; i < pool->nr_shards; i++) {
		shard = &pool->shards[(home + i) % pool->nr_shards];
		spin_lock(&shard->lock);
		index = policy_alloc(&shard->policy, affinity, &request->placement);
		if (index == POLICY_NO_SLOT)
			wait |= shard->policy.nr_taken;
		else
			pool_uncount_warm(pool, shard, index);
		spin_unlock(&shard->lock);
		if (index != POLICY_NO_SLOT) {
			request->slot = shard->first + index;
			return 0;
		}
	}
	return wait ? -EAGAIN : -ENOSPC;
}

/* What can never be must not cost anybody a warm slot. */
static int pool_check_commit(struct pool *pool, struct pool_client *client, unsigned long commit)
{
	/* One that is lost meanwhile is missed when the commitment is made. */
	if (commit > data_race(READ_ONCE(pool->memory.reserve.nr_pages)))
		return -ENOMEM;
	if (commit > client->slot_client.max_pages)
		return -EDQUOT;
	return 0;
}

static bool pool_chosen(struct pool *pool, struct pool_client *client,
			struct pool_request *request, int *choice)
{
	*choice = pool_choose(pool, client, request);
	return *choice != -EAGAIN;
}

/**
 * pool_alloc() - allocate a slot
 * @pool: the pool
 * @client: for whom
 * @request: what is wanted, and what came of it
 *
 * Context: Process context, may sleep.
 * Return: 0; -ENOSPC if all slots are used, -EBUSY if the one wanted is,
 * -ENOMEM if the reserve can't promise the commitment, -EDQUOT if the client
 * may not hold as much, -EINTR if the task is being killed.
 */
int pool_alloc(struct pool *pool, struct pool_client *client, struct pool_request *request)
{
	static const enum stats_event placement_events[] = {
		[POLICY_AFFINE] = STATS_AFFINE_ALLOCS,
		[POLICY_RECYCLED] = STATS_RECYCLED_ALLOCS,
		[POLICY_COLD] = STATS_COLD_ALLOCS,
	};
	struct pool_effort effort = POOL_FIRST_EFFORT;
	struct slot *slot;
	int choice;
	int err;

	err = pool_check_commit(pool, client, request->terms.commit);
	if (err)
		return err;

	/* A slot that is being decommitted will be free in a moment. */
	if (wait_event_killable(pool->settled,
				pool_chosen(pool, client, request, &choice)))
		return -EINTR;
	if (choice)
		return choice;

	err = -ENOMEM;
	slot = pool_slot_create(pool, request->slot);
	if (!slot)
		goto put_slot;

	do {
		mutex_lock(&slot->lock);
		err = slot_assign(slot, &client->slot_client, request->image, &request->terms,
				  &request->kept);
		mutex_unlock(&slot->lock);
	} while (err && pool_make_room(pool, client, &err, &effort));
	if (err == -ENOBUFS || err == -EDQUOT) {
		/* What the slot itself holds is the last that can be given up. */
		mutex_lock(&slot->lock);
		slot_decommit(slot);
		err = slot_assign(slot, &client->slot_client, request->image, &request->terms,
				  &request->kept);
		mutex_unlock(&slot->lock);
	}
	if (err == -ENOBUFS)
		err = -ENOMEM;
	if (err)
		goto put_slot;
	stats_add(pool->memory.stats, placement_events[request->placement], 1);
	return 0;

put_slot:
	pool_decommit(pool, request->slot);
	return err;
}

/* Returns the slot with its mutex held, or NULL if it isn't the client's. */
static struct slot *pool_lock_owned(struct pool *pool, struct pool_client *client, u32 index)
{
	struct slot *slot = pool_slot(pool, index);

	/* Who doesn't own the slot must not make its owner wait. */
	if (!slot || READ_ONCE(slot->owner) != &client->slot_client)
		return NULL;
	mutex_lock(&slot->lock);
	if (slot->owner == &client->slot_client)
		return slot;
	mutex_unlock(&slot->lock);
	return NULL;
}

static u64 slot_held(const struct slot *slot)
{
	return (u64)slot->nr_pages << PAGE_SHIFT;
}

/**
 * pool_reset() - reset an allocated slot
 * @pool: the pool
 * @client: its owner
 * @index: the slot
 *
 * Context: Process context, may sleep.
 * Return: The bytes that the slot holds afterwards, or -ENOENT if @client
 * doesn't own it.
 */
s64 pool_reset(struct pool *pool, struct pool_client *client, u32 index)
{
	struct slot *slot = pool_lock_owned(pool, client, index);
	s64 held;

	if (!slot)
		return -ENOENT;
	slot_reset(slot);
	held = slot_held(slot);
	mutex_unlock(&slot->lock);
	return held;
}

/* Decommits a warm slot, the least recently used of a shard. */
static bool pool_evict(struct pool *pool)
{
	u32 home = raw_smp_processor_id() % pool->nr_shards;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[(home + i) % pool->nr_shards];
		u32 index;

		spin_lock(&shard->lock);
		index = policy_take_victim(&shard->policy);
		if (index != POLICY_NO_SLOT)
			pool_uncount_warm(pool, shard, index);
		spin_unlock(&shard->lock);
		if (index != POLICY_NO_SLOT) {
			pool_decommit(pool, shard->first + index);
			stats_add(pool->memory.stats, STATS_EVICTIONS, 1);
			return true;
		}
	}
	return false;
}

/* Has warm slots hold no more than they may. */
static void pool_trim(struct pool *pool)
{
	u64 max_pages = READ_ONCE(pool->config.max_unused_warm_bytes) >> PAGE_SHIFT;

	while (pool_nr_warm_pages(pool) > max_pages && pool_evict(pool))
		cond_resched();
}

/**
 * pool_free() - free an allocated slot
 * @pool: the pool
 * @client: its owner
 * @index: the slot
 * @decommit: make it cold, not warm
 *
 * Context: Process context, may sleep.
 * Return: The bytes that the slot holds afterwards, or -ENOENT if @client
 * doesn't own it.
 */
s64 pool_free(struct pool *pool, struct pool_client *client, u32 index, bool decommit)
{
	u64 max_bytes = READ_ONCE(pool->config.max_unused_warm_bytes);
	struct slot *slot = pool_lock_owned(pool, client, index);
	unsigned long nr_pages, nr_borrowed;
	s64 held;

	if (!slot)
		return -ENOENT;
	if (decommit)
		slot_learn(slot);
	else
		slot_vacate(slot);
	/* It may be too much even alone. */
	if (decommit || slot_held(slot) > max_bytes) {
		slot_decommit(slot);
		decommit = true;
	}
	held = slot_held(slot);
	nr_pages = slot->nr_pages;
	nr_borrowed = slot->nr_borrowed;
	mutex_unlock(&slot->lock);

	if (decommit)
		pool_put_cold(pool, index);
	else
		pool_put_warm(pool, slot, nr_pages, nr_borrowed);
	if (max_bytes != U64_MAX)
		pool_trim(pool);
	stats_add(pool->memory.stats, STATS_FREES, 1);
	return held;
}

/**
 * pool_snapshot() - make an image of an allocated slot as it stands
 * @pool: the pool
 * @client: its owner
 * @index: the slot
 * @account: who makes it
 *
 * Context: Process context, may sleep.
 * Return: The image, or an ERR_PTR(): -ENOENT if @client doesn't own the slot,
 * or an error as slot_snapshot().
 */
struct image *pool_snapshot(struct pool *pool, struct pool_client *client, u32 index,
			    struct image_account *account)
{
	struct slot *slot = pool_lock_owned(pool, client, index);
	struct image *image;
	int err;

	if (!slot)
		return ERR_PTR(-ENOENT);
	image = image_create(&pool->memory.images, account, slot->terms.limit);
	if (IS_ERR(image))
		goto unlock;
	err = slot_snapshot(slot, image);
	if (err) {
		image_put(image);
		image = ERR_PTR(err);
	}
unlock:
	mutex_unlock(&slot->lock);
	return image;
}

/**
 * pool_resize() - move the limit of an allocated slot
 * @pool: the pool
 * @client: its owner
 * @index: the slot
 * @grow_only: leave the slot alone if its limit is as high already
 * @limit: the new limit in pages
 * @commit: the new commitment in pages
 *
 * Context: Process context, may sleep.
 * Return: The bytes that were accessible before; -ENOENT if @client doesn't own
 * the slot; -ENOMEM, -EDQUOT or -EINTR as pool_alloc(), and nothing has changed.
 */
s64 pool_resize(struct pool *pool, struct pool_client *client, u32 index, bool grow_only,
		unsigned long limit, unsigned long commit)
{
	int never = pool_check_commit(pool, client, commit);
	struct pool_effort effort = POOL_FIRST_EFFORT;
	s64 old_limit;
	int err;

	do {
		struct slot *slot = pool_lock_owned(pool, client, index);

		if (!slot)
			return -ENOENT;
		old_limit = (s64)slot->terms.limit << PAGE_SHIFT;
		err = 0;
		if (!grow_only || limit > slot->terms.limit)
			err = never ? never : slot_resize(slot, limit, commit);
		mutex_unlock(&slot->lock);
	} while (err && !never && pool_make_room(pool, client, &err, &effort));
	if (err)
		return err == -ENOBUFS ? -ENOMEM : err;
	return old_limit;
}

/**
 * pool_purge_slot() - decommit a free slot that a client used last
 * @pool: the pool
 * @client: the client
 * @index: the slot
 *
 * Context: Process context, may sleep.
 * Return: 0, or -ENOENT if the slot isn't such a one.
 */
int pool_purge_slot(struct pool *pool, struct pool_client *client, u32 index)
{
	struct slot *slot = pool_slot(pool, index);
	int err = -ENOENT;

	/* Don't wait for slots that are in use or somebody else's. */
	if (!slot || READ_ONCE(slot->client) != &client->slot_client || READ_ONCE(slot->owner))
		return err;
	mutex_lock(&slot->lock);
	/* Under the mutex, so that the slot stays this client's. */
	if (slot->client == &client->slot_client && pool_take_warm(pool, index)) {
		slot_decommit(slot);
		pool_put_cold(pool, index);
		err = 0;
	}
	mutex_unlock(&slot->lock);
	return err;
}

/**
 * pool_purge_all() - decommit all free slots that a client used last
 * @pool: the pool
 * @client: the client
 *
 * Context: Process context, may sleep.
 * Return: The number of slots decommitted.
 */
u32 pool_purge_all(struct pool *pool, struct pool_client *client)
{
	unsigned int left;
	u32 purged = 0;

	/*
	 * Two that take turns would each see half of the slots, and one could
	 * find nothing before the other gives back what both need.
	 */
	mutex_lock(&client->purge_lock);
	/* Slots that come or go meanwhile may be missed. */
	left = data_race(READ_ONCE(client->slot_client.nr_slots));
	while (left--) {
		struct slot *slot = slot_client_next(&client->slot_client);

		if (!slot)
			break;
		if (!pool_purge_slot(pool, client, slot->index))
			purged++;
		cond_resched();
	}
	mutex_unlock(&client->purge_lock);
	return purged;
}

/* Within a shard, the least recently used slot comes first. */
static u32 pool_purge_affinity(struct pool *pool, struct policy_affinity affinity)
{
	u32 purged = 0;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];
		/* Slots that others free meanwhile don't keep us here. */
		u32 left = shard->policy.nr_slots;

		while (left--) {
			u32 index;

			spin_lock(&shard->lock);
			index = policy_take_affine(&shard->policy, affinity);
			if (index != POLICY_NO_SLOT)
				pool_uncount_warm(pool, shard, index);
			spin_unlock(&shard->lock);
			if (index == POLICY_NO_SLOT)
				break;
			pool_decommit(pool, shard->first + index);
			purged++;
			cond_resched();
		}
	}
	return purged;
}

/**
 * pool_purge_key() - decommit the free slots of a key
 * @pool: the pool
 * @client: whose key it is
 * @key: the key
 *
 * Context: Process context, may sleep.
 * Return: The number of slots decommitted.
 */
u32 pool_purge_key(struct pool *pool, struct pool_client *client, u64 key)
{
	return pool_purge_affinity(pool, pool_key_affinity(client, key));
}

/**
 * pool_purge_image() - decommit a client's free slots of an image
 * @pool: the pool
 * @client: the client
 * @image: the image
 *
 * Context: Process context, may sleep.
 * Return: The number of slots decommitted.
 */
u32 pool_purge_image(struct pool *pool, struct pool_client *client, struct image *image)
{
	return pool_purge_affinity(pool, pool_image_affinity(client, image));
}

/* Whether a slot has become cold since @before was read, or none is about to. */
static bool pool_settled(struct pool *pool, int before)
{
	u32 i;

	if (atomic_read(&pool->nr_settled) != before)
		return true;
	for (i = 0; i < pool->nr_shards; i++) {
		/* Who changes it from 1 to 0 has us look again afterwards. */
		if (data_race(READ_ONCE(pool->shards[i].policy.nr_taken)))
			return false;
	}
	return true;
}

/*
 * A cgroup at its bound has what the client's idle slots hold, most likely, and
 * not what others hold. Only when that is gone is it worth a kill.
 */
static bool pool_ask_system(struct pool *pool, struct pool_client *client,
			    struct pool_effort *effort)
{
	if (effort->gfp == SLOT_GFP_FIRM)
		return false;
	if (!pool_purge_all(pool, client))
		effort->gfp = SLOT_GFP_FIRM;
	return true;
}

/**
 * pool_make_room() - give up warm memory that something else needs
 * @pool: the pool
 * @client: who needs it
 * @err: what failed: -ENOBUFS for want of pages of the reserve, -EDQUOT for
 *	want of quota, -ENOMEM for want of the system's memory, or something
 *	that no warm memory helps against; -EINTR afterwards if the task is
 *	being killed
 * @effort: POOL_FIRST_EFFORT at first, then what the last call left there
 *
 * For want of pages any warm slot serves, one at a time. For want of quota and
 * of the system's memory only the client's own do, and all go at once.
 *
 * Context: Process context, holding no slot's mutex. May sleep.
 * Return: true if it is worth trying again.
 */
bool pool_make_room(struct pool *pool, struct pool_client *client, int *err,
		    struct pool_effort *effort)
{
	/* Others may use slots as fast as they are emptied here. */
	u32 max_tries = pool->config.nr_slots;
	int before = atomic_read(&pool->nr_settled);

	if (fatal_signal_pending(current)) {
		*err = -EINTR;
		return false;
	}
	if (effort->tries++ > max_tries)
		return false;
	if (*err == -ENOMEM)
		return pool_ask_system(pool, client, effort);
	if (*err != -EDQUOT && *err != -ENOBUFS)
		return false;
	if (*err == -EDQUOT ? pool_purge_all(pool, client) : pool_evict(pool))
		return true;

	/* Somebody else may be giving back just what is needed, */
	if (wait_event_killable(pool->settled, pool_settled(pool, before))) {
		*err = -EINTR;
		return false;
	}
	/* or may have done so before we looked: then the next try is the last. */
	if (atomic_read(&pool->nr_settled) == before)
		effort->tries = max_tries + 1;
	return true;
}

/**
 * pool_nr_shrinkable() - what the system would get if it asked for it
 * @pool: the pool
 *
 * Context: Any.
 * Return: Pages of warm slots that are not the reserve's, and pages of images
 * that no slot uses and that can be read again.
 */
unsigned long pool_nr_shrinkable(struct pool *pool)
{
	/* An estimate, which is all that the system wants. */
	unsigned long nr_pages = data_race(READ_ONCE(pool->memory.images.nr_idle_pages));
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		/* As above */
		nr_pages += data_race(READ_ONCE(pool->shards[i].nr_borrowed_pages));
	}
	return nr_pages;
}

/* Decommits a warm slot; returns the pages that the system got, or -1. */
static long pool_shrink_one(struct pool *pool, struct pool_shard *shard)
{
	struct slot *slot;
	long nr_borrowed;
	u32 index;

	spin_lock(&shard->lock);
	slot = list_first_entry_or_null(&shard->borrowing, struct slot, borrowing_link);
	/* Who holds it may be waiting for the very memory that is asked for. */
	if (!slot || !mutex_trylock(&slot->lock)) {
		spin_unlock(&shard->lock);
		return -1;
	}
	index = slot->index - shard->first;
	policy_take_exact(&shard->policy, index);
	nr_borrowed = slot->nr_warm_borrowed;
	pool_uncount_warm(pool, shard, index);
	spin_unlock(&shard->lock);

	slot_decommit(slot);
	mutex_unlock(&slot->lock);
	pool_put_cold(pool, slot->index);
	stats_add(pool->memory.stats, STATS_EVICTIONS, 1);
	return nr_borrowed;
}

/**
 * pool_shrink() - give memory back to the system
 * @pool: the pool
 * @nr_pages: how many pages to give back, if there are so many
 *
 * Images that no slot uses come first, then warm slots, the least recently used
 * of each shard first.
 *
 * Context: Process context, while memory is reclaimed.
 * Return: How many pages were given back.
 */
unsigned long pool_shrink(struct pool *pool, unsigned long nr_pages)
{
	unsigned long nr_given = image_store_shrink(&pool->memory.images, nr_pages);
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		while (nr_given < nr_pages) {
			long nr = pool_shrink_one(pool, &pool->shards[i]);

			if (nr < 0)
				break;
			nr_given += nr;
			cond_resched();
		}
	}
	return nr_given;
}

/**
 * pool_describe() - tell what a client's slot is like
 * @pool: the pool
 * @client: the client
 * @index: the slot
 * @entry: what is told
 *
 * Context: Process context, may sleep.
 * Return: false if @client doesn't own the slot.
 */
bool pool_describe(struct pool *pool, struct pool_client *client, u32 index,
		   struct slotpool_list_entry *entry)
{
	struct slot *slot = pool_lock_owned(pool, client, index);

	if (!slot)
		return false;
	*entry = (struct slotpool_list_entry){
		.slot = index,
		.flags = (slot->terms.has_key ? SLOTPOOL_LIST_KEY : 0) |
			 (slot->image ? SLOTPOOL_LIST_IMAGE : 0),
		.key = slot->terms.key,
		.limit = (u64)slot->terms.limit << PAGE_SHIFT,
		.commit = (u64)slot->terms.commit << PAGE_SHIFT,
		.held = slot_held(slot),
		.image = slot->image ? slot->image->id : 0,
	};
	mutex_unlock(&slot->lock);
	return true;
}

/**
 * pool_stat() - read the gauges and counters
 * @pool: the pool
 * @client: whose own gauges to read
 * @stat: where they go
 *
 * Context: Process context.
 */
void pool_stat(struct pool *pool, struct pool_client *client, struct slotpool_stat_args *stat)
{
	struct reserve *reserve = &pool->memory.reserve;
	struct image_store *images = &pool->memory.images;
	struct stats __percpu *stats = pool->memory.stats;
	u64 given;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];

		spin_lock(&shard->lock);
		stat->warm_slots += shard->policy.nr_warm;
		stat->cold_slots += shard->policy.nr_cold;
		stat->warm_pages += shard->nr_warm_pages;
		spin_unlock(&shard->lock);
	}
	stat->used_slots = pool->config.nr_slots - stat->warm_slots - stat->cold_slots;

	spin_lock(&reserve->lock);
	stat->reserve_free_pages = reserve->nr_free;
	stat->committed_pages = reserve->nr_promised;
	stat->lost_pages = reserve->nr_lost;
	spin_unlock(&reserve->lock);

	/* In this order, so that the difference is never negative. */
	given = stats_sum(stats, STATS_GIVEN_PAGES);
	stat->held_pages = stats_sum(stats, STATS_TAKEN_PAGES) - given;
	stat->affine_allocs = stats_sum(stats, STATS_AFFINE_ALLOCS);
	stat->recycled_allocs = stats_sum(stats, STATS_RECYCLED_ALLOCS);
	stat->cold_allocs = stats_sum(stats, STATS_COLD_ALLOCS);
	stat->frees = stats_sum(stats, STATS_FREES);
	stat->resets = stats_sum(stats, STATS_RESETS);
	stat->reset_pages = stats_sum(stats, STATS_RESET_PAGES);
	stat->dropped_pages = stats_sum(stats, STATS_DROPPED_PAGES);
	stat->read_faults = stats_sum(stats, STATS_READ_FAULTS);
	stat->write_faults = stats_sum(stats, STATS_WRITE_FAULTS);
	stat->refused_faults = stats_sum(stats, STATS_REFUSED_FAULTS);
	stat->evictions = stats_sum(stats, STATS_EVICTIONS);
	stat->client_pages = atomic_long_read(&client->slot_client.nr_pages);
	stat->decay_samples = stats_sum(stats, STATS_DECAY_SAMPLES);
	stat->decayed_pages = stats_sum(stats, STATS_DECAYED_PAGES);
	stat->prepared_pages = stats_sum(stats, STATS_PREPARED_PAGES);
	stat->images = atomic_read(&images->nr_images);
	stat->image_pages = atomic_long_read(&images->nr_stored);
	stat->image_charged_pages = atomic_long_read(&images->nr_charged);
	stat->image_reads = stats_sum(stats, STATS_IMAGE_READS);
	stat->image_drops = stats_sum(stats, STATS_IMAGE_DROPS);
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
	u32 i;

	mutex_lock(&pool->config_lock);
	WRITE_ONCE(pool->config.max_unused_warm_slots, max_unused_warm_slots);
	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];

		spin_lock(&shard->lock);
		shard->policy.max_unused_warm_slots =
			pool_shard_warm_slots(pool, i, max_unused_warm_slots);
		spin_unlock(&shard->lock);
	}
	mutex_unlock(&pool->config_lock);
}

/**
 * pool_max_unused_warm_bytes() - read the bound of what warm slots hold
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
 * pool_set_max_unused_warm_bytes() - change the bound of what warm slots hold
 * @pool: the pool
 * @max_unused_warm_bytes: the bound in bytes; what is above it is given up now
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
