// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pool gives back when the system is short of memory: pages of warm slots
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

	/* Who allocates may hold a lock that unmapping takes (i_mmap_rwsem). */
	if (!(control->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	nr_given = pool_shrink(compat_shrinker_private(shrinker), control->nr_to_scan);
	/* They are pages, not objects of which it takes many to free a page. */
	mm_account_reclaimed_pages(nr_given);
	return nr_given ? nr_given : SHRINK_STOP;
}

/**
 * shrinker_create() - have the system ask for memory when it is short of it
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
 * Nobody asks any more when it returns.
 *
 * Context: Process context, may sleep.
 */
void shrinker_destroy(struct shrinker *shrinker)
{
	compat_shrinker_destroy(shrinker);
}
