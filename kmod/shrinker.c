// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 12
 *
 * The shrinker: when the system lacks memory, a pool gives back pages of warm slots
 * that are not the reserve's, and pages of images that can be read again.
 */
#include "compat.h"
#include "pool_reclaim.h"
#include "shrinker.h"

static unsigned long shrinker_count(struct shrinker *shrinker, struct shrink_control *control)
{
	return pool_nr_shrinkable(compat_shrinker_private(shrinker));
}

static unsigned long shrinker_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long nr_given;

	/* The allocating task may hold a lock that unmapping takes (i_mmap_rwsem). */
	if (!(control->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	nr_given = pool_shrink(compat_shrinker_private(shrinker), control->nr_to_scan);
	/* Count pages: they are not slab objects, many of which make up a page. */
	mm_account_reclaimed_pages(nr_given);
	return nr_given ? nr_given : SHRINK_STOP;
}

/**
 * shrinker_create() - let the system reclaim memory of a pool
 * @pool: the pool
 *
 * Context: Process context, may sleep.
 * Return: The shrinker, or NULL without memory for it.
 */
struct shrinker *shrinker_create(struct pool *pool)
{
	return compat_shrinker_create("slotpool", shrinker_count, shrinker_scan, pool);
}

/**
 * shrinker_destroy() - undo shrinker_create()
 * @shrinker: the shrinker
 *
 * When it returns, no reclaim is running any more.
 *
 * Context: Process context, may sleep.
 */
void shrinker_destroy(struct shrinker *shrinker)
{
	compat_shrinker_destroy(shrinker);
}
