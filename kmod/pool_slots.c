// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 10
 *
 * The operations of a client on slots: allocate, reset, free, resize, snapshot, list.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "pool_reclaim.h"
#include "pool_shard.h"
#include "pool_slots.h"
#include "slot_life.h"
#include "slot_pages.h"

static struct slot *pool_slot_create(struct pool *pool, u32 index)
{
	struct slot *slot = pool_slot(pool, index);

	if (slot)
		return slot;
	/* Only one task can have taken the slot from its policy: no other creates it. */
	slot = slot_create(&pool->memory, index, (pgoff_t)index * pool->stride_pages);
	if (slot) {
		/* Lets pool_slot() see it complete. */
		smp_store_release(&pool->slots[index], slot);
	}
	return slot;
}

/* Take one particular slot from the policy. Returns as pool_choose(). */
static int pool_choose_exact(struct pool *pool, struct policy_affinity affinity,
			     struct pool_request *request)
{
	struct pool_shard *shard = pool_shard(pool, request->slot);
	u32 index = request->slot - shard->first;
	int err = 0;

	spin_lock(&shard->lock);
	if (policy_alloc_exact(&shard->policy, index, affinity, &request->placement))
		pool_uncount_warm(pool, shard, index);
	else if (shard->policy.nodes[index].state == POLICY_STATE_TAKEN)
		err = -EAGAIN;
	else
		err = -EBUSY;
	spin_unlock(&shard->lock);
	return err;
}

/*
 * Take a slot from the policy. Returns 0; -EBUSY or -ENOSPC; or -EAGAIN if a slot
 * is being decommitted and will be free in a moment.
 */
static int pool_choose(struct pool *pool, struct pool_client *client,
		       struct pool_request *request)
{
	struct policy_affinity affinity = { };
	bool wait = false;
	u32 home, i;

	if (request->image)
		affinity = pool_image_affinity(client, request->image);
	else if (request->terms.has_key)
		affinity = pool_key_affinity(client, request->terms.key);
	if (request->exact)
		return pool_choose_exact(pool, affinity, request);

	home = raw_smp_processor_id() % pool->nr_shards;
	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[(home + i) % pool->nr_shards];
		u32 index;

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

static bool pool_chosen(struct pool *pool, struct pool_client *client,
			struct pool_request *request, int *choice)
{
	*choice = pool_choose(pool, client, request);
	return *choice != -EAGAIN;
}

/* Refuse a commitment that can never be made before it costs anybody a warm slot. */
static int pool_check_commit(struct pool *pool, struct pool_client *client, unsigned long commit)
{
	/* If pages are lost meanwhile, making the commitment fails. */
	if (commit > data_race(READ_ONCE(pool->memory.reserve.nr_pages)))
		return -ENOMEM;
	if (commit > client->slot_client.charge.max)
		return -EDQUOT;
	return 0;
}

struct pool_assignment {
	struct slot *slot;
	struct slot_client *client;
	struct pool_request *request;
	unsigned long lacking;
};

static int pool_assign(struct pool_assignment *assignment, bool empty_first)
{
	struct pool_request *request = assignment->request;
	struct slot *slot = assignment->slot;
	int err;

	mutex_lock(&slot->lock);
	if (empty_first)
		slot_decommit(slot);
	err = slot_assign(slot, assignment->client, request->image, &request->terms,
			  &request->kept);
	if (unlikely(err))
		assignment->lacking = slot_lacking(slot, request->terms.limit,
						   request->terms.commit);
	mutex_unlock(&slot->lock);
	return err;
}

static int pool_try_assign(void *context, struct pool_effort *effort)
{
	struct pool_assignment *assignment = context;
	int err = pool_assign(assignment, false);

	if (unlikely(err))
		effort->lacking = assignment->lacking;
	return err;
}

/**
 * pool_alloc() - allocate a slot
 * @pool: the pool
 * @client: the client that will own it
 * @request: which slot to allocate, and the result
 *
 * Context: Process context, may sleep.
 * Return: 0; -ENOSPC if all slots are used, -EBUSY if the requested one is,
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
	struct pool_assignment assignment = {
		.client = &client->slot_client,
		.request = request,
	};
	int choice;
	int err;

	err = pool_check_commit(pool, client, request->terms.commit);
	if (err)
		return err;

	if (wait_event_killable(pool->settled,
				pool_chosen(pool, client, request, &choice)))
		return -EINTR;
	if (choice)
		return choice;

	err = -ENOMEM;
	assignment.slot = pool_slot_create(pool, request->slot);
	if (!assignment.slot)
		goto put_slot;
	err = pool_try(pool, client, NULL, pool_try_assign, &assignment);
	/* The memory that the slot itself holds is the last to be given up. */
	if (err == -ENOBUFS || err == -EDQUOT)
		err = pool_assign(&assignment, true);
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

/* Return the slot with its mutex held, or NULL if @client doesn't own it. */
static struct slot *pool_lock_owned(struct pool *pool, struct pool_client *client, u32 index)
{
	struct slot *slot = pool_slot(pool, index);

	/* A non-owner must not make the owner wait. */
	if (!slot || READ_ONCE(slot->owner) != &client->slot_client)
		return NULL;
	mutex_lock(&slot->lock);
	if (slot->owner == &client->slot_client)
		return slot;
	mutex_unlock(&slot->lock);
	return NULL;
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
		slot_record_writes(slot);
	else
		slot_free(slot);
	/* A slot that exceeds the bound alone can't stay warm. */
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

struct pool_resizing {
	struct pool *pool;
	struct pool_client *client;
	u32 index;
	bool grow_only;
	unsigned long limit;
	unsigned long commit;
	int refusal;
	s64 result;
};

static int pool_try_resize(void *context, struct pool_effort *effort)
{
	struct pool_resizing *resizing = context;
	struct slot *slot = pool_lock_owned(resizing->pool, resizing->client, resizing->index);
	int err = 0;

	if (!slot)
		return -ENOENT;
	resizing->result = (s64)slot->terms.limit << PAGE_SHIFT;
	if (!resizing->grow_only || resizing->limit > slot->terms.limit) {
		/* No memory that is given up makes a refused commitment possible. */
		if (resizing->refusal)
			resizing->result = resizing->refusal;
		else
			err = slot_resize(slot, resizing->limit, resizing->commit);
		if (unlikely(err))
			effort->lacking = slot_lacking(slot, resizing->limit, resizing->commit);
	}
	mutex_unlock(&slot->lock);
	return err;
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
	struct pool_resizing resizing = {
		.pool = pool,
		.client = client,
		.index = index,
		.grow_only = grow_only,
		.limit = limit,
		.commit = commit,
		.refusal = pool_check_commit(pool, client, commit),
	};
	int err = pool_try(pool, client, pool_slot(pool, index), pool_try_resize, &resizing);

	if (err)
		return err == -ENOBUFS ? -ENOMEM : err;
	return resizing.result;
}

/**
 * pool_snapshot() - make an image of an allocated slot as it stands
 * @pool: the pool
 * @client: its owner
 * @index: the slot
 * @account: the account that the image is charged to
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
 * pool_describe() - describe a client's slot for LIST
 * @pool: the pool
 * @client: the client
 * @index: the slot
 * @entry: returns the description
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
