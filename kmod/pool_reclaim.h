/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_RECLAIM_H
#define SLOTPOOL_POOL_RECLAIM_H

#include "pool.h"

/**
 * struct pool_effort - what was done so far to find memory for something
 * @slot: a slot in use for which it is, or NULL
 * @lacking: pages of the reserve that the last attempt lacked, if that was its error
 * @tries: how often idle memory was given up
 * @gfp: how hard to ask the system for memory
 */
struct pool_effort {
	struct slot *slot;
	unsigned long lacking;
	u32 tries;
	gfp_t gfp;
};

int pool_make_room(struct pool *pool, struct pool_client *client, int err,
		   struct pool_effort *effort);

/**
 * pool_try() - do something that takes memory, and make room while it lacks some
 * @pool: the pool
 * @client: the client that needs the memory
 * @slot: the slot in use that needs it, which may hold pages of earlier instances, or
 *	NULL
 * @attempt: does it once, with memory from the system as @effort says; returns 0 or
 *	an error as pool_make_room() takes it, and sets &pool_effort.lacking if that is
 *	not 1
 * @context: passed to @attempt
 *
 * Context: Process context, holding no slot's mutex. May sleep.
 * Return: 0; the last error of @attempt; or -EINTR if the task is being killed.
 */
static __always_inline int pool_try(struct pool *pool, struct pool_client *client,
				    struct slot *slot,
				    int (*attempt)(void *context, struct pool_effort *effort),
				    void *context)
{
	struct pool_effort effort = { .slot = slot, .lacking = 1, .gfp = SLOT_GFP_POLITE };
	int err;

	while (unlikely((err = attempt(context, &effort)))) {
		err = pool_make_room(pool, client, err, &effort);
		if (err)
			return err;
	}
	return 0;
}

u32 pool_purge_all(struct pool *pool, struct pool_client *client);
u32 pool_purge_key(struct pool *pool, struct pool_client *client, u64 key);
u32 pool_purge_image(struct pool *pool, struct pool_client *client, struct image *image);
int pool_purge_slot(struct pool *pool, struct pool_client *client, u32 index);

void pool_trim(struct pool *pool);
unsigned long pool_nr_shrinkable(struct pool *pool);
unsigned long pool_shrink(struct pool *pool, unsigned long nr_pages);

#endif /* SLOTPOOL_POOL_RECLAIM_H */
