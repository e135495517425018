/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_IMAGE_H
#define SLOTPOOL_IMAGE_H

#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "charge.h"
#include "hot_pages.h"
#include "image_source.h"
#include "stats.h"

struct mem_cgroup;

/* An entry of &image.pages: zeros that hide what the file has there */
#define IMAGE_ZEROS xa_mk_value(0)

/* A mark in &image.pages: the entry was read from the file, and can be read again */
#define IMAGE_READ XA_MARK_0

/* Returned instead of a page: image_page() has to read it. */
#define IMAGE_UNREAD ((struct page *)ERR_PTR(-EAGAIN))

/**
 * struct image_store - what all images of a pool share
 * @max_pages: invariant: pages that one image may store
 * @charge: pages that the images may store
 * @stats: invariant: event counters
 * @ids: ids of images that exist
 * @nr_images: images that exist
 * @nr_stored: pages that the images store in memory
 * @lock: protects what follows; nests inside an image's mutex
 * @idle: images that no slot uses and that can be read from their files again,
 *	those that are idle for longest first
 * @nr_idle_pages: pages that these images could give back
 */
struct image_store {
	unsigned long max_pages;
	struct charge charge;
	struct stats __percpu *stats;
	struct ida ids;
	atomic_t nr_images;
	atomic_long_t nr_stored;
	spinlock_t lock;	/* protects @idle, @nr_idle_pages */
	struct list_head idle;
	unsigned long nr_idle_pages;
};

/**
 * struct image_account - what the images of one client store
 * @references: the client, and the images that it made, which may outlive it
 * @charge: pages that the images may store
 */
struct image_account {
	refcount_t references;
	struct charge charge;
};

/**
 * struct image - immutable contents, from which slots start
 * @references: handles, exported files, slots, calls that use it
 * @id: invariant: a number that no other image has while this one exists
 * @store: invariant: the store that it belongs to
 * @account: invariant: the account of the client that made it
 * @length: invariant: pages of a slot that it describes
 * @nr_storable: pages that it may store
 * @nr_charged: the same, but 1 if it may store none
 * @nr_stored: pages that it stores in memory
 * @pages: what it stores: pages, and IMAGE_ZEROS where a read from @source would
 *	see something else
 * @source: invariant: sealed file from which pages are read when they are needed
 * @memcg: invariant: the cgroup of the image's maker, which pages read from
 *	@source are charged to
 * @lock: held while a page is read from @source, and while a slot attaches;
 *	nests inside a slot's mutex
 * @users: slots that may have page table entries to its pages, or be reset from
 *	them; only counted if there is a @source; protected by the store's lock
 * @nr_read: pages read from @source, which can be read again
 * @idle_link: in the store's list of idle images
 * @nr_idle: what the image adds to the store's count of idle pages
 * @hot: pages that instances usually write
 */
struct image {
	refcount_t references;
	u32 id;
	struct image_store *store;
	struct image_account *account;
	unsigned long length;
	unsigned long nr_storable;
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
	struct hot_pages hot;
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

bool image_is_zeros(const struct page *page);
int image_charge(struct image *image, unsigned long nr_pages);
int image_insert(struct image *image, pgoff_t index, struct page *page, gfp_t gfp);
void image_make_idle(struct image *image);

struct file *image_export(struct image *image);
struct image *image_import(struct file *file);

void image_attach(struct image *image);
void image_detach(struct image *image);
struct page *image_page(struct image *image, pgoff_t index, gfp_t gfp);
void image_stored_pages(struct image *image, const unsigned long *indexes, unsigned int nr,
			struct page **pages);

#endif /* SLOTPOOL_IMAGE_H */
