/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_H
#define SLOTPOOL_POOL_H

#include <linux/cache.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <linux/slotpool.h>

#include "policy.h"
#include "slot.h"

/**
 * struct pool_config - what a pool shall be like
 * @nr_slots: slots
 * @nr_shards: shards, 0 to choose
 * @slot_size: bytes of a slot that can be made accessible
 * @slot_stride: bytes from slot to slot, 0 for twice @slot_size
 * @keep_bytes: bytes that a reset overwrites at most
 * @max_unused_warm_slots: N of the placement rule
 * @max_unused_warm_bytes: bytes that warm slots may hold together
 * @reserve_pages: pages to set aside
 * @max_client_pages: bound of what a client's slots hold, 0 for none
 * @max_image_bytes: bytes that one image may store, 0 for @slot_size
 * @max_client_image_bytes: bytes that a client's images may store, 0 to choose
 * @max_pool_image_bytes: bytes that all images may store, 0 to choose
 * @max_decay_samples: how often a second resets may look what was written
 * @overcommit: take pages of the system beyond the reserve
 * @strict: unmap slots when they are freed
 */
struct pool_config {
	unsigned int nr_slots;
	unsigned int nr_shards;
	u64 slot_size;
	u64 slot_stride;
	u64 keep_bytes;
	u64 max_unused_warm_slots;
	u64 max_unused_warm_bytes;
	unsigned long reserve_pages;
	unsigned long max_client_pages;
	u64 max_image_bytes;
	u64 max_client_image_bytes;
	u64 max_pool_image_bytes;
	unsigned int max_decay_samples;
	bool overcommit;
	bool strict;
};

/**
 * struct pool_shard - a part of the pool with its own policy
 * @lock: protects the rest; a spinlock held for list work only
 * @first: invariant: the first slot of the shard
 * @policy: which slot next; its slots count from @first
 * @nr_warm_pages: private pages of its warm slots
 * @nr_borrowed_pages: of these, pages that are not the reserve's
 * @borrowing: the warm slots that hold such, least recently used first
 */
struct pool_shard {
	spinlock_t lock;	/* protects the shard */
	u32 first;
	struct policy policy;
	unsigned long nr_warm_pages;
	unsigned long nr_borrowed_pages;
	struct list_head borrowing;
} ____cacheline_aligned_in_smp;

/**
 * struct pool - a set of equal slots
 * @config: invariant but for max_unused_warm_slots and max_unused_warm_bytes,
 *	which @config_lock protects
 * @config_lock: see @config
 * @slot_pages: invariant: pages of a slot that can be made accessible
 * @stride_pages: invariant: pages from slot to slot
 * @nr_pages: invariant: pages of the device, guards included
 * @keep_pages: invariant: pages that a reset overwrites at most
 * @max_client_image_pages: invariant: pages that a client's images may store
 * @memory: what the slots draw on
 * @slots: the slots' contents by index; NULL until a slot is allocated for the
 *	first time, never changed after
 * @nr_shards: invariant: length of @shards
 * @shards: the shards, each with an equal run of slots, the first ones with
 *	one more where that doesn't come out even
 * @settled: where who needs them waits for slots on their way to cold
 * @nr_settled: slots that became cold, to tell whether some did
 * @nodes: memory of the policies
 * @buckets: memory of the policies
 */
struct pool {
	struct pool_config config;
	struct mutex config_lock;	/* protects @config */
	unsigned long slot_pages;
	unsigned long stride_pages;
	unsigned long nr_pages;
	unsigned long keep_pages;
	unsigned long max_client_image_pages;
	struct slot_memory memory;
	struct slot **slots;
	u32 nr_shards;
	struct pool_shard *shards;
	wait_queue_head_t settled;
	atomic_t nr_settled;
	struct policy_node *nodes;
	u32 *buckets;
};

/**
 * struct pool_client - what the pool knows of a client
 * @slot_client: what its slots know
 * @purge_lock: held by who goes through all of the client's slots; outside
 *	their mutexes
 * @domain: a number that no other client has or had, never 0
 */
struct pool_client {
	struct slot_client slot_client;
	struct mutex purge_lock;	/* one purge at a time */
	u64 domain;
};

/**
 * struct pool_request - which slot to allocate
 * @terms: on what terms
 * @image: what the slot shall start as, and its affinity; NULL for zeros
 * @exact: take the slot @slot
 * @slot: in: see @exact; out: the slot allocated
 * @placement: out: how it was found
 * @kept: out: it kept the memory of earlier instances
 */
struct pool_request {
	struct slot_terms terms;
	struct image *image;
	bool exact;
	u32 slot;
	enum policy_placement placement;
	bool kept;
};

/**
 * struct pool_effort - what was done so far to find memory for something
 * @tries: how often idle memory was given up
 * @gfp: how hard to ask the system for memory
 */
struct pool_effort {
	u32 tries;
	gfp_t gfp;
};

#define POOL_FIRST_EFFORT ((struct pool_effort){ .gfp = SLOT_GFP_POLITE })

struct pool *pool_create(const struct pool_config *config);
void pool_destroy(struct pool *pool);

void pool_client_init(struct pool *pool, struct pool_client *client,
		      struct address_space *mapping);
void pool_client_release(struct pool *pool, struct pool_client *client);

int pool_alloc(struct pool *pool, struct pool_client *client, struct pool_request *request);
s64 pool_reset(struct pool *pool, struct pool_client *client, u32 index);
s64 pool_free(struct pool *pool, struct pool_client *client, u32 index, bool decommit);
s64 pool_resize(struct pool *pool, struct pool_client *client, u32 index, bool grow_only,
		unsigned long limit, unsigned long commit);

u32 pool_purge_all(struct pool *pool, struct pool_client *client);
u32 pool_purge_key(struct pool *pool, struct pool_client *client, u64 key);
u32 pool_purge_image(struct pool *pool, struct pool_client *client, struct image *image);
int pool_purge_slot(struct pool *pool, struct pool_client *client, u32 index);
bool pool_make_room(struct pool *pool, struct pool_client *client, int *err,
		    struct pool_effort *effort);
unsigned long pool_nr_shrinkable(struct pool *pool);
unsigned long pool_shrink(struct pool *pool, unsigned long nr_pages);

struct image *pool_snapshot(struct pool *pool, struct pool_client *client, u32 index,
			    struct image_account *account);

bool pool_describe(struct pool *pool, struct pool_client *client, u32 index,
		   struct slotpool_list_entry *entry);
void pool_stat(struct pool *pool, struct pool_client *client, struct slotpool_stat_args *stat);
u64 pool_max_unused_warm_slots(struct pool *pool);
void pool_set_max_unused_warm_slots(struct pool *pool, u64 max_unused_warm_slots);
u64 pool_max_unused_warm_bytes(struct pool *pool);
void pool_set_max_unused_warm_bytes(struct pool *pool, u64 max_unused_warm_bytes);

/* The contents of a slot, or NULL if it was never allocated. */
static inline struct slot *pool_slot(struct pool *pool, u32 index)
{
	/* Pairs with the release in pool_slot_create(). */
	return smp_load_acquire(&pool->slots[index]);
}

#endif /* SLOTPOOL_POOL_H */
