/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_LIFE_H
#define SLOTPOOL_POOL_LIFE_H

#include "pool.h"

struct pool *pool_create(const struct pool_config *config);
void pool_destroy(struct pool *pool);

int pool_client_init(struct pool *pool, struct pool_client *client,
		     struct address_space *mapping);
void pool_client_release(struct pool *pool, struct pool_client *client);

u64 pool_max_unused_warm_slots(struct pool *pool);
void pool_set_max_unused_warm_slots(struct pool *pool, u64 max_unused_warm_slots);
u64 pool_max_unused_warm_bytes(struct pool *pool);
void pool_set_max_unused_warm_bytes(struct pool *pool, u64 max_unused_warm_bytes);

#endif /* SLOTPOOL_POOL_LIFE_H */
