/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 7
 *
 * A pool: equal slots, their shards, and what they share.
 *
 * A slot's place in the policy and its contents change one after the other, under
 * different locks. These rules on who may touch a slot keep the two together:
 *
 * - A slot on a list of the policy is free, and its owner is NULL.
 * - The task that takes a slot off the lists, under the shard's lock, is the only
 *   one to put it back or to give it an owner.
 * - The release of a client empties the client's free slots under their mutexes
 *   wherever they are. Another task may have just taken one of them off a list:
 *   it finds that slot empty, and nothing else changes for it.
 */
#ifndef SLOTPOOL_POOL_H
#define SLOTPOOL_POOL_H

#include <linux/cache.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "policy.h"
#include "pool_config.h"
#include "slot.h"

/**
 * struct pool_shard - a part of the pool with its own policy
 * @lock: protects the rest; a spinlock held for list work only
 * @first: invariant: the first slot of the shard
 * @policy: which slot is next; its slots count from @first
 * @nr_warm_pages: private pages of its warm slots
 * @nr_borrowed_pages: of these, pages that are not the reserve's
 * @borrowing: the warm slots with borrowed pages, least recently used first
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
 * @config: invariant except for max_unused_warm_slots and max_unused_warm_bytes,
 *	which @config_lock protects
 * @config_lock: see @config
 * @slot_pages: invariant: pages of a slot that can be made accessible
 * @stride_pages: invariant: pages from slot to slot
 * @nr_pages: invariant: pages of the device, guards included
 * @keep_pages: invariant: pages that a reset overwrites at most
 * @max_client_image_pages: invariant: pages that a client's images may store
 * @memory: what the slots share
 * @slots: the slots' contents by index; NULL until a slot is allocated for the
 *	first time, then invariant
 * @nr_shards: invariant: length of @shards
 * @shards: the shards, each with an equal run of slots; the first ones have one
 *	slot more where the division leaves a remainder
 * @settled: tasks that need a slot wait here for slots that are being decommitted
 * @nr_settled: number of slots that became cold, to tell whether one did
 * @nr_clients: clients that exist
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
	atomic_t nr_clients;
	struct policy_node *nodes;
	u32 *buckets;
};

/**
 * struct pool_client - what the pool knows of a client
 * @slot_client: what its slots know
 * @purge_lock: serialises purges of all of the client's slots; taken outside
 *	their mutexes
 * @domain: a number that no other client has or had, never 0
 */
struct pool_client {
	struct slot_client slot_client;
	struct mutex purge_lock;	/* one purge at a time */
	u64 domain;
};

/* Return the contents of a slot, or NULL if it was never allocated. */
static inline struct slot *pool_slot(struct pool *pool, u32 index)
{
	/* Pairs with the release in pool_slot_create(). */
	return smp_load_acquire(&pool->slots[index]);
}

/* Each client's keys and images are affinities that no other client has. */
static inline struct policy_affinity pool_key_affinity(const struct pool_client *client, u64 key)
{
	return (struct policy_affinity){ .domain = client->domain << 1, .key = key };
}

/* The client's free slots refer to the image: no other image gets its id meanwhile. */
static inline struct policy_affinity pool_image_affinity(const struct pool_client *client,
							 const struct image *image)
{
	return (struct policy_affinity){ .domain = client->domain << 1 | 1, .key = image->id };
}

#endif /* SLOTPOOL_POOL_H */
