/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_HANDLE_H
#define SLOTPOOL_HANDLE_H

#include <linux/mutex.h>
#include <linux/xarray.h>

struct image;

/**
 * struct handle_table - the images that a client may name
 * @lock: protects the rest
 * @entries: by handle, which is the image's id
 * @nr_images: images in the table
 */
struct handle_table {
	struct mutex lock;	/* protects the rest */
	struct xarray entries;
	unsigned long nr_images;
};

void handle_table_init(struct handle_table *table);
void handle_table_destroy(struct handle_table *table);
int handle_add(struct handle_table *table, struct image *image);
struct image *handle_get(struct handle_table *table, u32 handle);
struct image *handle_remove(struct handle_table *table, u32 handle, bool *last);

#endif /* SLOTPOOL_HANDLE_H */
