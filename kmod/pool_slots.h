/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_SLOTS_H
#define SLOTPOOL_POOL_SLOTS_H

#include <linux/slotpool.h>

#include "pool.h"

/**
 * struct pool_request - which slot to allocate
 * @terms: the terms of the allocation
 * @image: what the slot starts as, and its affinity; NULL for zeros
 * @exact: allocate the slot @slot
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

int pool_alloc(struct pool *pool, struct pool_client *client, struct pool_request *request);
s64 pool_reset(struct pool *pool, struct pool_client *client, u32 index);
s64 pool_free(struct pool *pool, struct pool_client *client, u32 index, bool decommit);
s64 pool_resize(struct pool *pool, struct pool_client *client, u32 index, bool grow_only,
		unsigned long limit, unsigned long commit);
struct image *pool_snapshot(struct pool *pool, struct pool_client *client, u32 index,
			    struct image_account *account);
bool pool_describe(struct pool *pool, struct pool_client *client, u32 index,
		   struct slotpool_list_entry *entry);

#endif /* SLOTPOOL_POOL_SLOTS_H */
