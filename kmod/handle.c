// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 2
 *
 * Handles: which images a client may name.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "handle.h"
#include "image.h"

/* Images of others cost their importer nothing but these. */
#define HANDLE_MAX_IMAGES 65536

/**
 * struct handle - an image in a client's table
 * @image: the image, with a reference
 * @nr_uses: how often the client got it, and has to release it
 */
struct handle {
	struct image *image;
	unsigned long nr_uses;
};

/**
 * handle_table_init() - set up an empty table
 * @table: the table
 *
 * Context: Any.
 */
void handle_table_init(struct handle_table *table)
{
	mutex_init(&table->lock);
	xa_init_flags(&table->entries, XA_FLAGS_ACCOUNT);
	table->nr_images = 0;
}

static void handle_free(struct handle *handle)
{
	image_put(handle->image);
	kfree(handle);
}

/**
 * handle_table_destroy() - release all handles
 * @table: a table that has no users any more
 *
 * Context: Process context, may sleep.
 */
void handle_table_destroy(struct handle_table *table)
{
	struct handle *handle;
	unsigned long index;

	xa_for_each(&table->entries, index, handle) {
		handle_free(handle);
		cond_resched();
	}
	xa_destroy(&table->entries);
	mutex_destroy(&table->lock);
}

/**
 * handle_add() - let the client name an image, once more if it already does
 * @table: the client's table
 * @image: the image; the table takes a reference of its own
 *
 * The handle is the image's id.
 *
 * Context: Process context, may sleep.
 * Return: 0, -EMFILE above the bound of a table, or -ENOMEM.
 */
int handle_add(struct handle_table *table, struct image *image)
{
	struct handle *handle;
	int err = 0;

	mutex_lock(&table->lock);
	handle = xa_load(&table->entries, image->id);
	if (handle) {
		handle->nr_uses++;
		goto unlock;
	}
	err = -EMFILE;
	if (table->nr_images >= HANDLE_MAX_IMAGES)
		goto unlock;
	err = -ENOMEM;
	handle = kmalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		goto unlock;
	handle->image = image;
	handle->nr_uses = 1;
	err = xa_err(xa_store(&table->entries, image->id, handle, GFP_KERNEL));
	if (err) {
		kfree(handle);
		goto unlock;
	}
	image_get(image);
	table->nr_images++;

unlock:
	mutex_unlock(&table->lock);
	return err;
}

/**
 * handle_get() - return the image that a client names
 * @table: the client's table
 * @handle: its name
 *
 * Context: Process context, may sleep.
 * Return: The image, with a reference for the caller, or NULL.
 */
struct image *handle_get(struct handle_table *table, u32 handle)
{
	struct image *image = NULL;
	struct handle *entry;

	mutex_lock(&table->lock);
	entry = xa_load(&table->entries, handle);
	if (entry) {
		image = entry->image;
		image_get(image);
	}
	mutex_unlock(&table->lock);
	return image;
}

/**
 * handle_remove() - undo one handle_add()
 * @table: the client's table
 * @handle: the handle
 * @last: returns whether the client can no longer name the image
 *
 * Context: Process context, may sleep.
 * Return: The image, with a reference for the caller, or NULL if there is no
 * such handle.
 */
struct image *handle_remove(struct handle_table *table, u32 handle, bool *last)
{
	struct image *image = NULL;
	struct handle *entry;

	mutex_lock(&table->lock);
	entry = xa_load(&table->entries, handle);
	if (entry) {
		image = entry->image;
		image_get(image);
		*last = !--entry->nr_uses;
	}
	if (entry && *last) {
		xa_erase(&table->entries, handle);
		table->nr_images--;
		handle_free(entry);
	}
	mutex_unlock(&table->lock);
	return image;
}
