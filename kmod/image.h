/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_IMAGE_H
#define SLOTPOOL_IMAGE_H

#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include <linux/slotpool.h>

#include "stats.h"

struct mem_cgroup;

/**
 * struct image_store - what all images of a pool share
 * @max_pages: invariant: pages that one image may store
 * @max_total_pages: invariant: bound of @nr_charged
 * @stats: invariant: event counters
 * @ids: ids of images that exist
 * @nr_images: images that exist
 * @nr_charged: pages that they may store
 * @nr_stored: pages that they store in memory
 * @lock: protects what follows; inside an image's mutex
 * @idle: images that no slot uses and that can be read from their files
 *	again, those idle for longest first
 * @nr_idle_pages: pages that could be given back for it
 */
struct image_store {
	unsigned long max_pages;
	long max_total_pages;
	struct stats __percpu *stats;
	struct ida ids;
	atomic_t nr_images;
	atomic_long_t nr_charged;
	atomic_long_t nr_stored;
	spinlock_t lock;	/* protects @idle, @nr_idle_pages */
	struct list_head idle;
	unsigned long nr_idle_pages;
};

/**
 * struct image_account - what the images store that one client made
 * @references: the client, and its images, which may exist for longer
 * @max_pages: invariant: bound of @nr_charged
 * @nr_charged: pages that the images may store
 */
struct image_account {
	refcount_t references;
	long max_pages;
	atomic_long_t nr_charged;
};

/**
 * struct image_source - a range of a file that an image is read from
 * @file: the file, or NULL
 * @position: where the range begins in the file, in bytes
 * @offset: where it begins in the image, in bytes
 * @length: how long it is, in bytes
 */
struct image_source {
	struct file *file;
	loff_t position;
	u64 offset;
	u64 length;
};

/**
 * struct image - immutable contents, from which slots start
 * @references: handles, exported files, slots, calls under way
 * @id: invariant: a number that no other image has as long as this one exists
 * @store: invariant: where it belongs
 * @account: invariant: who made it
 * @length: invariant: pages of a slot that it describes
 * @nr_charged: pages that it may store
 * @nr_stored: pages that it stores in memory
 * @pages: what it stores: pages, and IMAGE_ZEROS where @source would be read
 *	otherwise
 * @source: invariant: sealed file that pages are read from when they are
 *	needed
 * @memcg: invariant: the cgroup of who made it, which pays for that
 * @lock: held while a page is read from @source, while a slot begins to use the
 *	image, and while @hot changes; inside a slot's mutex
 * @users: slots that may have page table entries to its pages, or be reset from
 *	them; only counted where there is a @source; the store's lock protects
 *	it
 * @nr_read: pages read from @source, which can be read again
 * @idle_link: in the store's list of idle images
 * @nr_idle: what the image adds to the store's count of idle pages
 * @hot: pages that instances write, with how sure that is, all marked IMAGE_HOT
 * @nr_prepared: slots that were set up with them
 */
struct image {
	refcount_t references;
	u32 id;
	struct image_store *store;
	struct image_account *account;
	unsigned long length;
	unsigned long nr_charged;
	unsigned long nr_stored;
	struct xarray pages;
	struct image_source source;
	struct mem_cgroup *memcg;
	struct mutex lock;	/* see above */
	unsigned int users;
	unsigned long nr_read;
	struct list_head idle_link;
	unsigned long nr_idle;
	struct xarray hot;
	atomic_t nr_prepared;
};

/* Instead of a page: only image_page() can tell. */
#define IMAGE_UNREAD ((struct page *)ERR_PTR(-EAGAIN))

/**
 * struct image_hot - a page that instances of an image write
 * @index: which page of the slot
 * @original: the image's page, NULL if it is all zeros, IMAGE_UNREAD if image_page()
 *	has to read it
 */
struct image_hot {
	unsigned long index;
	struct page *original;
};

void image_store_init(struct image_store *store, unsigned long max_pages,
		      unsigned long max_total_pages, struct stats __percpu *stats);
void image_store_destroy(struct image_store *store);
unsigned long image_store_shrink(struct image_store *store, unsigned long nr_pages);

struct image_account *image_account_create(unsigned long max_pages);
void image_account_put(struct image_account *account);

struct image *image_create(struct image_store *store, struct image_account *account,
			   unsigned long length);
void image_get(struct image *image);
void image_put(struct image *image);

int image_copy_memory(struct image *image, const struct slotpool_image_range *ranges,
		      u32 nr_ranges);
int image_read_file(struct image *image, const struct image_source *source);
int image_add_page(struct image *image, pgoff_t index, const struct page *page,
		   const void *below);
int image_add_base(struct image *image, struct image *base);

struct file *image_export(struct image *image);
struct image *image_import(struct file *file);

void image_attach(struct image *image);
void image_detach(struct image *image);
struct page *image_page(struct image *image, pgoff_t index, gfp_t gfp);

unsigned int image_hot_pages(struct image *image, unsigned long first, unsigned long last,
			     struct image_hot *hot, unsigned int max);
bool image_wants_sample(struct image *image);
void image_learn(struct image *image, struct xarray *pages, xa_mark_t written, bool all);

#endif /* SLOTPOOL_IMAGE_H */
