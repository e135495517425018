// SPDX-License-Identifier: MIT
#include <errno.h>
#include <slotpool.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory.h"

#define MAX_IMAGES 8

static struct slotpool *pool;
static uint32_t slot;

/* Forked processes inherit the descriptors, and import the images again. */
static struct image {
	uint64_t key;
	int fd;
	uint32_t handle;
} images[MAX_IMAGES];
static int nr_images;

static int import_images(void)
{
	int ret = 0;

	for (int i = 0; !ret && i < nr_images; i++)
		ret = slotpool_import(pool, images[i].fd, &images[i].handle, NULL);
	return ret;
}

static const struct image *find_image(uint64_t key)
{
	for (int i = 0; i < nr_images; i++)
		if (images[i].key == key)
			return &images[i];
	return NULL;
}

static int pool_open(void)
{
	int ret;

	ret = slotpool_open(NULL, &pool);
	if (ret)
		return ret;
	ret = -EINVAL;
	if (slotpool_info(pool)->slot_stride < REACH)
		goto close_pool;
	ret = slotpool_map(pool, 0, slotpool_info(pool)->nr_slots);
	if (ret)
		goto close_pool;
	ret = import_images();
	if (ret)
		goto close_pool;
	return 0;

close_pool:
	slotpool_close(pool);
	return ret;
}

static void pool_close(void)
{
	slotpool_close(pool);
}

static int pool_alloc(uint64_t key, size_t limit, uint8_t **address,
		      enum slotpool_placement *placement)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_LIMIT,
		.limit = limit,
	};
	const struct image *image = find_image(key);
	int ret;

	if (image) {
		alloc.flags |= SLOTPOOL_ALLOC_IMAGE;
		alloc.image = image->handle;
	} else {
		alloc.flags |= SLOTPOOL_ALLOC_KEY;
		alloc.key = key;
	}
	ret = slotpool_alloc(pool, &alloc);
	if (ret)
		return ret;
	slot = alloc.slot;
	*address = slotpool_address(pool, slot);
	*placement = alloc.placement;
	return 0;
}

static int pool_grow(size_t limit)
{
	return slotpool_resize(pool, slot, SLOTPOOL_RESIZE_GROW_ONLY, limit, 0,
			       NULL);
}

static void pool_free(void)
{
	slotpool_free(pool, slot, 0, NULL);
}

static int pool_save(uint64_t key)
{
	uint32_t handle;
	int ret;

	if (nr_images == MAX_IMAGES)
		return -ENOSPC;
	ret = slotpool_image_slot(pool, slot, &handle, NULL);
	if (ret)
		return ret;
	ret = slotpool_export(pool, handle);
	slotpool_release(pool, handle);
	if (ret < 0)
		return ret;
	images[nr_images++] = (struct image){ .key = key, .fd = ret };
	return 0;
}

static void pool_forget(void)
{
	while (nr_images)
		close(images[--nr_images].fd);
}

static int read_totals(struct slotpool *from, struct memory_totals *totals)
{
	uint64_t page_size = slotpool_info(from)->page_size;
	struct slotpool_stat_args stat;
	int ret;

	ret = slotpool_stat(from, &stat);
	if (ret)
		return ret;
	totals->held_bytes = stat.held_pages * page_size;
	totals->image_bytes = stat.image_pages * page_size;
	totals->reset_bytes = stat.reset_pages * page_size;
	return 0;
}

static int pool_totals(struct memory_totals *totals)
{
	struct slotpool *observer;
	int ret;

	ret = slotpool_open(NULL, &observer);
	if (ret)
		return ret;
	ret = read_totals(observer, totals);
	slotpool_close(observer);
	return ret;
}

static void pool_own_totals(struct memory_totals *totals)
{
	if (read_totals(pool, totals))
		abort();
}

const struct memory_backend slotpool_memory = {
	.open = pool_open,
	.close = pool_close,
	.alloc = pool_alloc,
	.grow = pool_grow,
	.free = pool_free,
	.save = pool_save,
	.forget = pool_forget,
	.totals = pool_totals,
};

const struct memory_backend slotpool_user_memory = {
	.open = pool_open,
	.close = pool_close,
	.alloc = pool_alloc,
	.grow = pool_grow,
	.free = pool_free,
	.save = pool_save,
	.forget = pool_forget,
	.own_totals = pool_own_totals,
};
