// SPDX-License-Identifier: MIT
/*
 * Placement and budgets: allocation, free, eviction, purge, clients.
 *
 * A slot's state in the policy and its contents change one after the other, under
 * different locks. The thread that takes a slot off the policy's lists is the
 * only one to put it back. Eviction and purge empty a free slot with both locks
 * held.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "user.h"

/* Set up a byte that reads as 1 here, and as 0 in every child of fork(). */
static int make_alive(struct user_pool *pool)
{
	char *alive = mmap(NULL, pool->shared.page_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (alive == MAP_FAILED)
		return -ENOMEM;
	pool->alive = alive;
	if (madvise(alive, pool->shared.page_size, MADV_WIPEONFORK))
		return -errno;
	*alive = 1;
	return 0;
}

static int make_policy(struct user_pool *pool)
{
	uint32_t nr_slots = pool->config.nr_slots;
	uint64_t seed = 0;

	pool->slots = calloc(nr_slots, sizeof(*pool->slots));
	pool->nodes = calloc(nr_slots, sizeof(*pool->nodes));
	pool->buckets = calloc(policy_nr_buckets(nr_slots), sizeof(*pool->buckets));
	if (!pool->slots || !pool->nodes || !pool->buckets)
		return -ENOMEM;
	/* Without randomness a client can choose keys that are slow to find. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uintptr_t)pool;
	policy_init(&pool->policy, pool->nodes, pool->buckets, nr_slots,
		    pool->config.max_unused_warm_slots, seed);
	return 0;
}

static void init_locks(struct user_pool *pool)
{
	pthread_mutex_init(&pool->lock, NULL);
	pthread_mutex_init(&pool->shared.images.lock, NULL);
	for (uint32_t i = 0; i < pool->config.nr_slots; i++)
		pthread_mutex_init(&pool->slots[i].lock, NULL);
}

int user_pool_create(const struct user_config *config, uint64_t page_size,
		     struct user_pool **poolp)
{
	struct user_pool *pool = calloc(1, sizeof(*pool));
	struct user_shared *shared;
	int ret;

	if (!pool)
		return -ENOMEM;
	shared = &pool->shared;
	pool->config = *config;
	shared->page_size = page_size;
	shared->slot_size = config->slot_size;
	shared->strict = config->strict;
	shared->images.page_size = page_size;
	shared->images.max_pages = config->max_image_bytes / page_size;
	shared->images.max_client_pages = config->max_client_image_bytes / page_size;
	shared->images.max_total_pages = config->max_pool_image_bytes / page_size;
	user_pagemap_open(&shared->pagemap, page_size);
	shared->scans = shared->pagemap.scans && config->reset != USER_RESET_MADVISE;
	ret = config->reset == USER_RESET_SCAN && !shared->scans ? -EOPNOTSUPP : 0;
	if (!ret)
		ret = make_policy(pool);
	if (!ret)
		ret = make_alive(pool);
	if (ret) {
		user_pool_destroy(pool);
		return ret;
	}
	init_locks(pool);
	*poolp = pool;
	return 0;
}

void user_pool_destroy(struct user_pool *pool)
{
	if (pool->alive)
		munmap((void *)pool->alive, pool->shared.page_size);
	user_pagemap_close(&pool->shared.pagemap);
	free(pool->shared.images.by_id);
	free(pool->buckets);
	free(pool->nodes);
	free(pool->slots);
	free(pool);
}

static struct policy_affinity key_affinity(const struct user_client *client, uint64_t key)
{
	return (struct policy_affinity){ .domain = client->domain << 1, .key = key };
}

static struct policy_affinity image_affinity(const struct user_client *client,
					     const struct user_image *image)
{
	return (struct policy_affinity){ .domain = client->domain << 1 | 1, .key = image->id };
}

static struct user_slot *lock_slot(struct user_pool *pool, uint32_t index)
{
	struct user_slot *slot = &pool->slots[index];

	pthread_mutex_lock(&slot->lock);
	return slot;
}

static void unlock_slot(struct user_slot *slot)
{
	pthread_mutex_unlock(&slot->lock);
}

/* Return the slot locked, or NULL if the client doesn't own it. */
static struct user_slot *lock_owned(struct user_client *client, uint32_t index)
{
	struct user_slot *slot = lock_slot(client->pool, index);

	if (slot->client == client && slot->owned)
		return slot;
	unlock_slot(slot);
	return NULL;
}

/*
 * Empty a slot, and put it on the cold list. The caller holds the pool's lock,
 * and has taken the slot off the policy's lists.
 */
static void make_cold(struct user_pool *pool, uint32_t index)
{
	struct user_slot *slot = lock_slot(pool, index);
	bool empty = user_slot_empty(&pool->shared, slot);

	unlock_slot(slot);
	if (empty)
		policy_put_cold(&pool->policy, index);
}

/* Do the same to a slot that was warm. */
static void evict(struct user_pool *pool, uint32_t index)
{
	pool->warm_bytes -= pool->slots[index].held;
	make_cold(pool, index);
}

static char *slot_address(const struct user_client *client, uint32_t index)
{
	if (!client->base || index < client->first || index - client->first >= client->count)
		return NULL;
	return client->base + (index - client->first) * client->pool->config.slot_stride;
}

/* Take a slot off the policy's lists. Return 0, -EBUSY or -ENOSPC. */
static int choose(struct user_client *client, struct user_request *request)
{
	struct user_pool *pool = client->pool;
	struct policy_affinity affinity = { 0 };

	if (request->image)
		affinity = image_affinity(client, request->image);
	else if (request->has_key)
		affinity = key_affinity(client, request->key);

	if (request->exact) {
		if (!policy_alloc_exact(&pool->policy, request->slot, affinity,
					&request->placement))
			return -EBUSY;
	} else {
		request->slot = policy_alloc(&pool->policy, affinity, &request->placement);
		if (request->slot == POLICY_NO_SLOT)
			return -ENOSPC;
	}
	/* This subtracts 0 for a slot that was cold. */
	pool->warm_bytes -= pool->slots[request->slot].held;
	return 0;
}

static void count_placement(struct user_counters *counters, enum policy_placement placement,
			    int by)
{
	if (placement == POLICY_AFFINE)
		counters->affine_allocs += by;
	else if (placement == POLICY_RECYCLED)
		counters->recycled_allocs += by;
	else
		counters->cold_allocs += by;
}

/* Make the client the owner of the chosen slot. */
static int assign(struct user_client *client, struct user_request *request)
{
	struct user_pool *pool = client->pool;
	struct user_slot *slot = lock_slot(pool, request->slot);
	int ret = 0;

	request->kept = slot->client == client && slot->image == request->image;
	if (!request->kept) {
		/* Never pass a page from one client or image to another. */
		if (user_slot_empty(&pool->shared, slot)) {
			slot->client = client;
			slot->image = request->image;
			user_image_get(&pool->shared.images, slot->image);
		} else {
			ret = -ENOMEM;
		}
	}
	slot->has_key = request->has_key;
	slot->key = request->key;
	slot->keep = request->keep;
	if (!ret)
		ret = user_slot_begin(&pool->shared, slot, slot_address(client, request->slot),
				      request->limit);
	unlock_slot(slot);
	return ret;
}

static int try_alloc(struct user_client *client, struct user_request *request)
{
	struct user_pool *pool = client->pool;
	int ret;

	pthread_mutex_lock(&pool->lock);
	ret = choose(client, request);
	if (!ret)
		count_placement(&pool->counters, request->placement, 1);
	pthread_mutex_unlock(&pool->lock);
	if (ret)
		return ret;

	ret = assign(client, request);
	if (ret) {
		pthread_mutex_lock(&pool->lock);
		count_placement(&pool->counters, request->placement, -1);
		make_cold(pool, request->slot);
		pthread_mutex_unlock(&pool->lock);
	}
	return ret;
}

int user_pool_alloc(struct user_client *client, struct user_request *request)
{
	int ret = try_alloc(client, request);

	/* The process probably has too many mappings; idle slots have some. */
	if (ret == -ENOMEM && user_pool_purge_all(client))
		ret = try_alloc(client, request);
	return ret;
}

int user_pool_reset(struct user_client *client, uint32_t index, __u64 *held)
{
	struct user_slot *slot = lock_owned(client, index);
	int ret;

	if (!slot)
		return -ENOENT;
	ret = user_slot_reset(&client->pool->shared, slot);
	*held = slot->held;
	unlock_slot(slot);
	return ret;
}

/* Evict warm slots until they hold no more than max_unused_warm_bytes. */
static void trim(struct user_pool *pool)
{
	while (pool->warm_bytes > pool->config.max_unused_warm_bytes) {
		uint32_t index = policy_take_victim(&pool->policy);

		if (index == POLICY_NO_SLOT)
			break;
		evict(pool, index);
		pool->counters.evictions++;
	}
}

int user_pool_free(struct user_client *client, uint32_t index, bool decommit, __u64 *held)
{
	struct user_pool *pool = client->pool;
	struct user_slot *slot = lock_owned(client, index);
	bool usable;

	if (!slot)
		return -ENOENT;
	if (!decommit)
		user_slot_end(&pool->shared, slot);
	/* A slot above the bound must not evict all other warm slots. */
	decommit = decommit || slot->held > pool->config.max_unused_warm_bytes;
	usable = !decommit || user_slot_empty(&pool->shared, slot);
	*held = slot->held;
	unlock_slot(slot);

	pthread_mutex_lock(&pool->lock);
	if (decommit && usable)
		policy_put_cold(&pool->policy, index);
	if (!decommit) {
		pool->warm_bytes += *held;
		policy_free(&pool->policy, index);
	}
	trim(pool);
	pool->counters.frees++;
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

static int try_resize(struct user_client *client, uint32_t index, bool grow_only, uint64_t limit,
		      __u64 *old_limit)
{
	struct user_slot *slot = lock_owned(client, index);
	int ret = 0;

	if (!slot)
		return -ENOENT;
	*old_limit = slot->limit;
	if (!grow_only || limit > slot->limit)
		ret = user_slot_resize(slot, limit);
	unlock_slot(slot);
	return ret;
}

int user_pool_resize(struct user_client *client, uint32_t index, bool grow_only, uint64_t limit,
		     __u64 *old_limit)
{
	int ret = try_resize(client, index, grow_only, limit, old_limit);

	if (ret == -ENOMEM && user_pool_purge_all(client))
		ret = try_resize(client, index, grow_only, limit, old_limit);
	return ret;
}

int user_pool_snapshot(struct user_client *client, uint32_t index, struct user_image **imagep)
{
	struct user_shared *shared = &client->pool->shared;
	struct user_slot *slot = lock_owned(client, index);
	int fd, ret;

	if (!slot)
		return -ENOENT;
	fd = user_image_begin(slot->limit);
	ret = fd < 0 ? fd : user_slot_save(shared, slot, fd);
	unlock_slot(slot);
	if (!ret)
		return user_image_finish(&shared->images, client->domain, fd, imagep);
	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * Return whether the client was the last owner of a warm slot. The client of a
 * warm slot doesn't change while the pool's lock is held.
 */
static bool is_idle(const struct user_client *client, uint32_t index)
{
	return client->pool->nodes[index].state == POLICY_STATE_WARM &&
	       client->pool->slots[index].client == client;
}

int user_pool_purge_slot(struct user_client *client, uint32_t index)
{
	struct user_pool *pool = client->pool;
	int ret = -ENOENT;

	pthread_mutex_lock(&pool->lock);
	if (is_idle(client, index)) {
		policy_take_exact(&pool->policy, index);
		evict(pool, index);
		ret = 0;
	}
	pthread_mutex_unlock(&pool->lock);
	return ret;
}

uint32_t user_pool_purge_all(struct user_client *client)
{
	struct user_pool *pool = client->pool;
	uint32_t purged = 0;
	uint32_t index, next;

	pthread_mutex_lock(&pool->lock);
	for (index = pool->policy.warm.head; index != POLICY_NO_SLOT; index = next) {
		next = pool->nodes[index].next;
		if (!is_idle(client, index))
			continue;
		policy_take_exact(&pool->policy, index);
		evict(pool, index);
		purged++;
	}
	pthread_mutex_unlock(&pool->lock);
	return purged;
}

static uint32_t purge_affinity(struct user_pool *pool, struct policy_affinity affinity)
{
	uint32_t purged = 0;
	uint32_t index;

	pthread_mutex_lock(&pool->lock);
	while ((index = policy_take_affine(&pool->policy, affinity)) != POLICY_NO_SLOT) {
		evict(pool, index);
		purged++;
	}
	pthread_mutex_unlock(&pool->lock);
	return purged;
}

uint32_t user_pool_purge_key(struct user_client *client, uint64_t key)
{
	return purge_affinity(client->pool, key_affinity(client, key));
}

uint32_t user_pool_purge_image(struct user_client *client, const struct user_image *image)
{
	return purge_affinity(client->pool, image_affinity(client, image));
}

bool user_pool_describe(struct user_client *client, uint32_t index,
			struct slotpool_list_entry *entry)
{
	struct user_slot *slot = lock_owned(client, index);

	if (!slot)
		return false;
	*entry = (struct slotpool_list_entry){
		.slot = index,
		.flags = (slot->has_key ? SLOTPOOL_LIST_KEY : 0) |
			 (slot->image ? SLOTPOOL_LIST_IMAGE : 0),
		.key = slot->key,
		.limit = slot->limit,
		.held = user_slot_count(&client->pool->shared, slot),
		.image = slot->image ? slot->image->id : 0,
	};
	unlock_slot(slot);
	return true;
}

/* Add up the counters of the slots. */
static void stat_slots(struct user_client *client, struct slotpool_stat_args *stat)
{
	struct user_pool *pool = client->pool;

	for (uint32_t i = 0; i < pool->config.nr_slots; i++) {
		struct user_slot *slot = lock_slot(pool, i);
		uint64_t nr_pages = user_slot_count(&pool->shared, slot) / pool->shared.page_size;

		stat->held_pages += nr_pages;
		if (slot->client == client)
			stat->client_pages += nr_pages;
		if (slot->client && !slot->owned)
			stat->warm_pages += nr_pages;
		stat->resets += slot->nr_resets;
		stat->reset_pages += slot->nr_reset_pages;
		unlock_slot(slot);
	}
}

void user_pool_stat(struct user_client *client, struct slotpool_stat_args *stat)
{
	struct user_pool *pool = client->pool;
	struct user_images *images = &pool->shared.images;

	pthread_mutex_lock(&pool->lock);
	stat->warm_slots = pool->policy.nr_warm;
	stat->cold_slots = pool->policy.nr_cold;
	stat->used_slots = pool->config.nr_slots - stat->warm_slots - stat->cold_slots;
	stat->affine_allocs = pool->counters.affine_allocs;
	stat->recycled_allocs = pool->counters.recycled_allocs;
	stat->cold_allocs = pool->counters.cold_allocs;
	stat->frees = pool->counters.frees;
	stat->evictions = pool->counters.evictions;
	pthread_mutex_unlock(&pool->lock);

	stat_slots(client, stat);

	pthread_mutex_lock(&images->lock);
	stat->images = images->nr_images;
	stat->image_pages = images->nr_pages;
	stat->image_charged_pages = images->nr_pages;
	stat->client_images = client->handles.nr_images;
	stat->client_image_pages = user_images_client_pages(images, client->domain);
	pthread_mutex_unlock(&images->lock);
}

void user_client_init(struct user_pool *pool, struct user_client *client)
{
	client->pool = pool;
	pthread_mutex_lock(&pool->lock);
	client->domain = ++pool->last_domain;
	pool->nr_clients++;
	pthread_mutex_unlock(&pool->lock);
}

void user_client_release(struct user_client *client)
{
	struct user_pool *pool = client->pool;
	uint32_t i;

	pthread_mutex_lock(&pool->lock);
	for (i = 0; i < pool->config.nr_slots; i++) {
		struct user_slot *slot = lock_slot(pool, i);
		bool is_ours = slot->client == client;
		bool was_owned = is_ours && slot->owned;

		unlock_slot(slot);
		if (!is_ours)
			continue;
		/*
		 * A slot that is neither owned nor free has just been taken by
		 * another client, which has not emptied it yet. Empty it here;
		 * the other client then finds it empty.
		 */
		if (was_owned) {
			make_cold(pool, i);
		} else if (policy_take_exact(&pool->policy, i)) {
			evict(pool, i);
		} else {
			slot = lock_slot(pool, i);
			if (slot->client == client)
				user_slot_empty(&pool->shared, slot);
			unlock_slot(slot);
		}
	}
	user_handles_destroy(&pool->shared.images, &client->handles);
	pool->nr_clients--;
	pthread_mutex_unlock(&pool->lock);
}

int user_client_map(struct user_client *client, char *base, uint32_t first, uint32_t count)
{
	struct user_pool *pool = client->pool;
	int ret = 0;

	client->base = base;
	client->first = first;
	client->count = count;
	if (madvise(base, count * pool->config.slot_stride, MADV_DONTFORK))
		ret = -errno;
	for (uint32_t i = first; !ret && i < first + count; i++) {
		struct user_slot *slot = lock_slot(pool, i);

		if (slot->client == client && slot->owned)
			ret = user_slot_map(&pool->shared, slot, slot_address(client, i));
		unlock_slot(slot);
	}
	if (ret)
		user_client_unmap(client);
	return ret;
}

/* Unmap the range, except for the parts that owned slots need. */
void user_client_unmap(struct user_client *client)
{
	struct user_pool *pool = client->pool;
	char *end = client->base + client->count * pool->config.slot_stride;
	char *done = client->base;

	pthread_mutex_lock(&pool->lock);
	for (uint32_t i = client->first; i < client->first + client->count; i++) {
		struct user_slot *slot = lock_slot(pool, i);
		char *address = slot_address(client, i);

		if (slot->client == client && slot->memory == address) {
			if (is_idle(client, i))
				pool->warm_bytes -= slot->held;
			if (user_slot_unmap(slot)) {
				if (address > done)
					munmap(done, address - done);
				done = address + pool->shared.slot_size;
			}
		}
		unlock_slot(slot);
	}
	if (end > done)
		munmap(done, end - done);
	client->base = NULL;
	pthread_mutex_unlock(&pool->lock);
}
