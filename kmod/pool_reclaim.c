// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 9
 *
 * Idle memory that is given up: by eviction, by PURGE, to the system's shrinker.
 */
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "pool_reclaim.h"
#include "pool_shard.h"
#include "slot_life.h"
#include "slot_pages.h"

/* Decommit the least recently used warm slot of a shard. Return false if there is none. */
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

/**
 * pool_trim() - evict warm slots until they hold no more than max_unused_warm_bytes
 * @pool: the pool
 *
 * Context: Process context, may sleep.
 */
void pool_trim(struct pool *pool)
{
	u64 max_pages = READ_ONCE(pool->config.max_unused_warm_bytes) >> PAGE_SHIFT;

	while (pool_nr_warm_pages(pool) > max_pages && pool_evict(pool))
		cond_resched();
}

/**
 * pool_purge_slot() - decommit a free slot that a client used last
 * @pool: the pool
 * @client: the client
 * @index: the slot
 *
 * Context: Process context, may sleep.
 * Return: 0, or -ENOENT if the slot is not free or was last used by another client.
 */
int pool_purge_slot(struct pool *pool, struct pool_client *client, u32 index)
{
	struct slot *slot = pool_slot(pool, index);
	int err = -ENOENT;

	/* Don't wait for slots that are in use or another client's. */
	if (!slot || READ_ONCE(slot->client) != &client->slot_client || READ_ONCE(slot->owner))
		return err;
	mutex_lock(&slot->lock);
	/* Under the mutex, which keeps the slot this client's. */
	if (slot->client == &client->slot_client && pool_take_warm(pool, index)) {
		slot_decommit(slot);
		pool_put_cold(pool, index);
		err = 0;
	}
	mutex_unlock(&slot->lock);
	return err;
}

/* Decommit up to @most of the free slots that a client used last. Return their number. */
static u32 pool_purge(struct pool *pool, struct pool_client *client, u32 most)
{
	unsigned int left;
	u32 purged = 0;

	/*
	 * Two purges that take turns would see half of the slots each, and one of
	 * them could find nothing before the other gives back what both need.
	 */
	mutex_lock(&client->purge_lock);
	/* Slots that come or go meanwhile may be missed. */
	left = data_race(READ_ONCE(client->slot_client.nr_slots));
	while (left-- && purged < most) {
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
	return pool_purge(pool, client, U32_MAX);
}

/* Decommit the warm slots of an affinity, within a shard the least recently used first. */
static u32 pool_purge_affinity(struct pool *pool, struct policy_affinity affinity)
{
	u32 purged = 0;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];
		/* Other tasks may free slots as fast as they are purged: end all the same. */
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
 * @client: the client whose key it is
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

/* Return whether pool_evict() would take a slot that the client used last. */
static bool pool_victim_is_own(struct pool *pool, struct pool_client *client)
{
	u32 home = raw_smp_processor_id() % pool->nr_shards;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[(home + i) % pool->nr_shards];
		u32 index;

		spin_lock(&shard->lock);
		index = policy_victim(&shard->policy);
		spin_unlock(&shard->lock);
		if (index != POLICY_NO_SLOT) {
			struct slot *slot = pool_slot(pool, shard->first + index);

			return READ_ONCE(slot->client) == &client->slot_client;
		}
	}
	return false;
}

/*
 * Evict a warm slot for want of pages of the reserve: one of the client's own if there
 * is one, and the least recently used one if that is the client's own. If all warm slots
 * together had too few pages, evict none.
 */
static bool pool_evict_for(struct pool *pool, struct pool_client *client,
			   const struct pool_effort *effort)
{
	unsigned long nr_pages = reserve_nr_available(&pool->memory.reserve);
	u32 i;

	/* The caller waits for slots on their way to cold, which count in neither. */
	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];

		spin_lock(&shard->lock);
		nr_pages += shard->nr_warm_pages - shard->nr_borrowed_pages;
		spin_unlock(&shard->lock);
	}
	if (effort->lacking > nr_pages)
		return false;
	if (!pool_victim_is_own(pool, client) && pool_purge(pool, client, 1)) {
		stats_add(pool->memory.stats, STATS_EVICTIONS, 1);
		return true;
	}
	return pool_evict(pool);
}

/* Return whether a slot has become cold since @before was read, or none is about to. */
static bool pool_settled(struct pool *pool, int before)
{
	u32 i;

	if (atomic_read(&pool->nr_settled) != before)
		return true;
	for (i = 0; i < pool->nr_shards; i++) {
		/* A task that changes it from 1 to 0 wakes us up to look again. */
		if (data_race(READ_ONCE(pool->shards[i].policy.nr_taken)))
			return false;
	}
	return true;
}

/* Wait for another task that may be giving up just what is missing. */
static int pool_await_room(struct pool *pool, int before, struct pool_effort *effort)
{
	if (wait_event_killable(pool->settled, pool_settled(pool, before)))
		return -EINTR;
	/* None was: it may have been earlier than @before was read. Try once more. */
	if (atomic_read(&pool->nr_settled) == before)
		effort->tries = pool->config.nr_slots + 1;
	return 0;
}

/* Give up what earlier instances left in the slot that lacks memory. */
static bool pool_drop_unchanged(struct pool_client *client, struct pool_effort *effort)
{
	struct slot *slot = effort->slot;
	unsigned long nr_pages = 0;

	if (!slot)
		return false;
	mutex_lock(&slot->lock);
	if (slot->owner == &client->slot_client)
		nr_pages = slot_drop_unchanged(slot);
	mutex_unlock(&slot->lock);
	return nr_pages;
}

/*
 * The system, most often a cgroup at its limit, lacks memory. The client's own idle
 * slots are charged to that cgroup most likely, and other clients' are not. Only
 * when they are gone, and the slot has no page of an earlier instance, may the OOM
 * killer be invoked.
 */
static int pool_make_room_in_system(struct pool *pool, struct pool_client *client,
				    struct pool_effort *effort)
{
	if (effort->gfp == SLOT_GFP_FIRM)
		return -ENOMEM;
	if (!pool_purge_all(pool, client) && !pool_drop_unchanged(client, effort))
		effort->gfp = SLOT_GFP_FIRM;
	return 0;
}

/**
 * pool_make_room() - give up idle memory that something else needs
 * @pool: the pool
 * @client: the client that needs it
 * @err: what failed: -ENOBUFS for want of pages of the reserve, -EDQUOT for
 *	want of quota, -ENOMEM for want of the system's memory, or an error
 *	that no idle memory helps against
 * @effort: what the last call left there
 *
 * For want of pages of the reserve, evict one warm slot, the client's own first. For want of
 * quota or of the system's memory, purge all of the client's own. When there is none,
 * give up the pages of earlier instances in the slot itself.
 *
 * Context: Process context, holding no slot's mutex. May sleep.
 * Return: 0 if it is worth trying again; otherwise the error to report: @err, or
 * -EINTR if the task is being killed.
 */
int pool_make_room(struct pool *pool, struct pool_client *client, int err,
		   struct pool_effort *effort)
{
	int before = atomic_read(&pool->nr_settled);

	if (fatal_signal_pending(current))
		return -EINTR;
	/* Other tasks may use slots as fast as they are emptied here: end all the same. */
	if (effort->tries++ > pool->config.nr_slots)
		return err;

	switch (err) {
	case -ENOMEM:
		return pool_make_room_in_system(pool, client, effort);
	case -EDQUOT:
		if (pool_purge_all(pool, client) || pool_drop_unchanged(client, effort))
			return 0;
		return pool_await_room(pool, before, effort);
	case -ENOBUFS:
		if (pool_evict_for(pool, client, effort) || pool_drop_unchanged(client, effort))
			return 0;
		return pool_await_room(pool, before, effort);
	default:
		return err;
	}
}

/**
 * pool_nr_shrinkable() - count the pages that pool_shrink() could give back
 * @pool: the pool
 *
 * Context: Any.
 * Return: Pages of warm slots that are not the reserve's, and pages of images
 * that no slot uses and that can be read again.
 */
unsigned long pool_nr_shrinkable(struct pool *pool)
{
	/* The system wants no more than an estimate. */
	unsigned long nr_pages = data_race(READ_ONCE(pool->memory.images.nr_idle_pages));
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		/* As above */
		nr_pages += data_race(READ_ONCE(pool->shards[i].nr_borrowed_pages));
	}
	return nr_pages;
}

/* Decommit a warm slot. Return the pages that the system got, or -1 if there is none. */
static long pool_shrink_one(struct pool *pool, struct pool_shard *shard)
{
	struct slot *slot;
	long nr_borrowed;
	u32 index;

	spin_lock(&shard->lock);
	slot = list_first_entry_or_null(&shard->borrowing, struct slot, borrowing_link);
	/* The holder of the mutex may be waiting for the very memory that we reclaim. */
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
 * @nr_pages: number of pages to give back, if there are so many
 *
 * Images that no slot uses come first, then warm slots, within a shard the least
 * recently used first.
 *
 * Context: Process context, also while memory is reclaimed.
 * Return: The number of pages given back.
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
