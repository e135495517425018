// SPDX-License-Identifier: MIT
/*
 * Commands on slots.
 */
#include "internal.h"

int slotpool_alloc(struct slotpool *pool, struct slotpool_alloc_args *alloc)
{
	alloc->size = sizeof(*alloc);
	return command(pool, SLOTPOOL_ALLOC, alloc);
}

int slotpool_reset(struct slotpool *pool, uint32_t slot, uint64_t *held)
{
	struct slotpool_reset_args reset = {
		.size = sizeof(reset),
		.slot = slot,
	};
	int ret = command(pool, SLOTPOOL_RESET, &reset);

	if (!ret && held)
		*held = reset.held;
	return ret;
}

int slotpool_free(struct slotpool *pool, uint32_t slot, uint32_t flags, uint64_t *held)
{
	struct slotpool_free_args free = {
		.size = sizeof(free),
		.flags = flags,
		.slot = slot,
	};
	int ret = command(pool, SLOTPOOL_FREE, &free);

	if (!ret && held)
		*held = free.held;
	return ret;
}

int slotpool_resize(struct slotpool *pool, uint32_t slot, uint32_t flags, uint64_t limit,
		    uint64_t commit, uint64_t *old_limit)
{
	struct slotpool_resize_args resize = {
		.size = sizeof(resize),
		.flags = flags,
		.slot = slot,
		.limit = limit,
		.commit = commit,
	};
	int ret = command(pool, SLOTPOOL_RESIZE, &resize);

	if (!ret && old_limit)
		*old_limit = resize.old_limit;
	return ret;
}

static int purge(struct slotpool *pool, struct slotpool_purge_args args)
{
	int ret;

	args.size = sizeof(args);
	ret = command(pool, SLOTPOOL_PURGE, &args);
	return ret ? ret : (int)args.purged;
}

int slotpool_purge(struct slotpool *pool)
{
	struct slotpool_purge_args args = { .flags = 0 };

	return purge(pool, args);
}

int slotpool_purge_key(struct slotpool *pool, uint64_t key)
{
	struct slotpool_purge_args args = { .flags = SLOTPOOL_PURGE_KEY, .key = key };

	return purge(pool, args);
}

int slotpool_purge_slot(struct slotpool *pool, uint32_t slot)
{
	struct slotpool_purge_args args = { .flags = SLOTPOOL_PURGE_SLOT, .slot = slot };

	return purge(pool, args);
}

int slotpool_purge_image(struct slotpool *pool, uint32_t image)
{
	struct slotpool_purge_args args = { .flags = SLOTPOOL_PURGE_IMAGE, .image = image };

	return purge(pool, args);
}

int slotpool_list(struct slotpool *pool, uint32_t *first, struct slotpool_list_entry *entries,
		  uint32_t nr_entries)
{
	struct slotpool_list_args list = {
		.size = sizeof(list),
		.entries = (uintptr_t)entries,
		.nr_entries = nr_entries,
		.first = *first,
	};
	int ret = command(pool, SLOTPOOL_LIST, &list);

	if (ret)
		return ret;
	*first = list.first;
	return (int)list.nr_entries;
}

int slotpool_stat(struct slotpool *pool, struct slotpool_stat_args *stat)
{
	*stat = (struct slotpool_stat_args){ .size = sizeof(*stat) };
	return command(pool, SLOTPOOL_STAT, stat);
}
