// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 1
 *
 * Images: immutable contents, from which slots start and to which they return.
 *
 * An image never changes once a second task knows it, with one exception: pages
 * of a sealed file are read when a slot needs them, and can be given back while no
 * slot uses the image.
 *
 * Pages of images come from the page allocator and go back there; they never
 * become a slot's.
 */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "image.h"

/**
 * image_store_init() - set up a store without images
 * @store: the store
 * @max_pages: pages that one image may store
 * @max_total_pages: pages that all images may store
 * @stats: event counters
 *
 * Context: Any.
 */
void image_store_init(struct image_store *store, unsigned long max_pages,
		      unsigned long max_total_pages, struct stats __percpu *stats)
{
	store->max_pages = max_pages;
	charge_init(&store->charge, max_total_pages);
	store->stats = stats;
	ida_init(&store->ids);
	atomic_set(&store->nr_images, 0);
	atomic_long_set(&store->nr_stored, 0);
	spin_lock_init(&store->lock);
	INIT_LIST_HEAD(&store->idle);
	store->nr_idle_pages = 0;
}

/**
 * image_store_destroy() - undo image_store_init()
 * @store: a store without images
 *
 * Context: Any.
 */
void image_store_destroy(struct image_store *store)
{
	WARN_ON(atomic_read(&store->nr_images) || charge_read(&store->charge) ||
		atomic_long_read(&store->nr_stored) || store->nr_idle_pages);
	ida_destroy(&store->ids);
}

/**
 * image_account_create() - set up the account of a client
 * @max_pages: pages that its images may store
 *
 * Context: Process context, may sleep.
 * Return: The account, or NULL without memory for it.
 */
struct image_account *image_account_create(unsigned long max_pages)
{
	struct image_account *account = kmalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);

	if (!account)
		return NULL;
	refcount_set(&account->references, 1);
	charge_init(&account->charge, max_pages);
	return account;
}

/**
 * image_account_put() - drop the reference of the client, or of one of its images
 * @account: the account
 *
 * Context: Any.
 */
void image_account_put(struct image_account *account)
{
	if (refcount_dec_and_test(&account->references))
		kfree(account);
}

static int image_charge_both(struct image_store *store, struct image_account *account,
			     unsigned long nr_pages)
{
	if (!charge_try(&account->charge, nr_pages))
		return -EDQUOT;
	if (!charge_try(&store->charge, nr_pages)) {
		charge_cancel(&account->charge, nr_pages);
		return -ENOSPC;
	}
	return 0;
}

/**
 * image_create() - create an image of zeros, to be built
 * @store: the store that it belongs to
 * @account: the account of its maker
 * @length: pages of a slot that it describes
 *
 * The image is charged a page, so that the bounds of pages bound images too. The page
 * covers the first one that it stores.
 *
 * Context: Process context, may sleep.
 * Return: An image of zeros with one reference, or an ERR_PTR(): -ENOMEM, -EDQUOT
 * above the bound of the client's images, or -ENOSPC above that of all images or
 * without an id left.
 */
struct image *image_create(struct image_store *store, struct image_account *account,
			   unsigned long length)
{
	struct image *image;
	int err, id;

	err = image_charge_both(store, account, 1);
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	image = kzalloc(sizeof(*image), GFP_KERNEL_ACCOUNT);
	if (!image)
		goto cancel_charge;
	/* 0 means no image. */
	id = ida_alloc_min(&store->ids, 1, GFP_KERNEL);
	if (id < 0) {
		err = id;
		goto free_image;
	}
	refcount_set(&image->references, 1);
	image->id = id;
	image->store = store;
	refcount_inc(&account->references);
	image->account = account;
	image->nr_charged = 1;
	image->length = length;
	xa_init_flags(&image->pages, XA_FLAGS_ACCOUNT);
	mutex_init(&image->lock);
	INIT_LIST_HEAD(&image->idle_link);
	hot_pages_init(&image->hot);
	atomic_inc(&store->nr_images);
	return image;

free_image:
	kfree(image);
cancel_charge:
	charge_cancel(&store->charge, 1);
	charge_cancel(&account->charge, 1);
	return ERR_PTR(err);
}

/* Take an image off the list of idle ones, or put it there if it has pages to give back. */
static void image_set_idle(struct image *image, bool idle)
{
	struct image_store *store = image->store;

	lockdep_assert_held(&store->lock);

	list_del_init(&image->idle_link);
	store->nr_idle_pages -= image->nr_idle;
	image->nr_idle = 0;
	if (idle && image->nr_read) {
		list_add_tail(&image->idle_link, &store->idle);
		image->nr_idle = image->nr_read;
		store->nr_idle_pages += image->nr_idle;
	}
}

/**
 * image_make_idle() - let a new image give back pages that were read
 * @image: an image that no slot uses
 *
 * Context: Any but interrupts.
 */
void image_make_idle(struct image *image)
{
	spin_lock(&image->store->lock);
	image_set_idle(image, true);
	spin_unlock(&image->store->lock);
}

static void image_free_entry(struct image *image, void *entry)
{
	if (xa_is_value(entry))
		return;
	/* A snapshot that shares the page has a reference of its own. */
	put_page(entry);
	image->nr_stored--;
	atomic_long_dec(&image->store->nr_stored);
}

static void image_destroy(struct image *image)
{
	struct image_store *store = image->store;
	unsigned long index;
	void *entry;

	/* The shrinker may find it on the list, but gets no reference any more. */
	spin_lock(&store->lock);
	image_set_idle(image, false);
	spin_unlock(&store->lock);
	xa_for_each(&image->pages, index, entry) {
		image_free_entry(image, entry);
		cond_resched();
	}
	xa_destroy(&image->pages);
	hot_pages_destroy(&image->hot);
	if (image->source.file) {
		fput(image->source.file);
		mem_cgroup_put(image->memcg);
	}
	charge_cancel(&store->charge, image->nr_charged);
	charge_cancel(&image->account->charge, image->nr_charged);
	image_account_put(image->account);
	ida_free(&store->ids, image->id);
	atomic_dec(&store->nr_images);
	mutex_destroy(&image->lock);
	kfree(image);
}

/**
 * image_get() - take a reference
 * @image: the image
 *
 * Context: Any.
 */
void image_get(struct image *image)
{
	refcount_inc(&image->references);
}

/**
 * image_put() - drop a reference
 * @image: the image, or NULL
 *
 * Context: Process context, may sleep.
 */
void image_put(struct image *image)
{
	if (image && refcount_dec_and_test(&image->references))
		image_destroy(image);
}

/**
 * image_charge() - let an image store more pages
 * @image: an image that is being built
 * @nr_pages: number of pages
 *
 * Context: Any.
 * Return: 0; -EFBIG above the bound of one image, -EDQUOT above that of the
 * client's images, or -ENOSPC above that of all images.
 */
int image_charge(struct image *image, unsigned long nr_pages)
{
	unsigned long nr_more;
	int err;

	if (nr_pages > image->store->max_pages - image->nr_storable)
		return -EFBIG;
	/* The first page was charged with the image. */
	nr_more = max(image->nr_storable + nr_pages, 1UL) - image->nr_charged;
	err = image_charge_both(image->store, image->account, nr_more);
	if (err)
		return err;
	image->nr_storable += nr_pages;
	image->nr_charged += nr_more;
	return 0;
}

/**
 * image_insert() - store a page in an image
 * @image: an image that is being built, or that the caller has locked
 * @index: which page of the image
 * @page: the page; takes over the caller's reference if it succeeds
 * @gfp: how hard to try to allocate memory
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int image_insert(struct image *image, pgoff_t index, struct page *page, gfp_t gfp)
{
	int err = xa_err(xa_store(&image->pages, index, page, gfp));

	if (!err) {
		image->nr_stored++;
		atomic_long_inc(&image->store->nr_stored);
	}
	return err;
}

/**
 * image_is_zeros() - find out whether a page holds only zeros
 * @page: the page
 *
 * Context: Any.
 * Return: true if it does.
 */
bool image_is_zeros(const struct page *page)
{
	return !memchr_inv(page_address(page), 0, PAGE_SIZE);
}

static int image_release(struct inode *inode, struct file *file)
{
	image_put(file->private_data);
	return 0;
}

static const struct file_operations image_fops = {
	.owner = THIS_MODULE,
	.release = image_release,
};

/**
 * image_export() - create a file that stands for an image
 * @image: the image
 *
 * Context: Process context, may sleep.
 * Return: The file, or an ERR_PTR(): -ENFILE, -ENOMEM.
 */
struct file *image_export(struct image *image)
{
	struct file *file = anon_inode_getfile("[slotpool-image]", &image_fops, image, O_RDONLY);

	if (!IS_ERR(file))
		image_get(image);
	return file;
}

/**
 * image_import() - return the image that a file stands for
 * @file: the file
 *
 * Context: Any.
 * Return: The image, with a reference for the caller, or NULL.
 */
struct image *image_import(struct file *file)
{
	struct image *image;

	if (file->f_op != &image_fops)
		return NULL;
	image = file->private_data;
	image_get(image);
	return image;
}

/**
 * image_attach() - begin to use an image in a slot
 * @image: the image; takes a reference
 *
 * Until image_detach(), the image keeps all pages that it stores.
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 */
void image_attach(struct image *image)
{
	image_get(image);
	if (!image->source.file)
		return;
	/* Wait for image_drop(). */
	mutex_lock(&image->lock);
	spin_lock(&image->store->lock);
	if (!image->users++)
		image_set_idle(image, false);
	spin_unlock(&image->store->lock);
	mutex_unlock(&image->lock);
}

/**
 * image_detach() - undo image_attach()
 * @image: the image, or NULL
 *
 * The slot must not have a page table entry for any of the image's pages any more.
 *
 * This does not take the image's mutex: slots are emptied while memory is
 * reclaimed, and the reclaiming task may be reading a page of this very image.
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 */
void image_detach(struct image *image)
{
	if (!image)
		return;
	if (image->source.file) {
		spin_lock(&image->store->lock);
		if (!--image->users)
			image_set_idle(image, true);
		spin_unlock(&image->store->lock);
	}
	image_put(image);
}

/* Charge the page to the image's maker, or if that fails to the caller. */
static struct page *image_alloc(struct image *image, gfp_t gfp)
{
	struct mem_cgroup *old = set_active_memcg(image->memcg);
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NORETRY |
				       __GFP_NOWARN);

	set_active_memcg(old);
	return page ? page : alloc_page(gfp | __GFP_ACCOUNT | __GFP_ZERO);
}

static struct page *image_read_page(struct image *image, pgoff_t index, gfp_t gfp)
{
	const struct image_source *source = &image->source;
	u64 start = max_t(u64, (u64)index << PAGE_SHIFT, source->offset);
	u64 end = min_t(u64, ((u64)index + 1) << PAGE_SHIFT, source->offset + source->length);
	struct page *page;
	void *entry;
	bool zeros;
	int err;

	/* Before the mutex: a task that allocates for another may have to wait for memory. */
	page = image_alloc(image, gfp);
	if (!page)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&image->lock);
	entry = xa_load(&image->pages, index);
	if (entry) {
		/* Another task has read it meanwhile. */
		__free_page(page);
		page = xa_is_value(entry) ? NULL : entry;
		goto unlock;
	}
	err = image_source_read(source, start, page_address(page) + offset_in_page(start),
				end - start);
	if (err) {
		/* The seals don't let the file end before its range. */
		err = err == -ENOMEM ? err : -EIO;
		goto free_page;
	}
	zeros = image_is_zeros(page);
	if (zeros)
		err = xa_err(xa_store(&image->pages, index, IMAGE_ZEROS, gfp));
	else
		err = image_insert(image, index, page, gfp);
	if (err)
		goto free_page;
	xa_set_mark(&image->pages, index, IMAGE_READ);
	stats_add(image->store->stats, STATS_IMAGE_READS, 1);
	if (zeros) {
		__free_page(page);
		page = NULL;
	} else {
		image->nr_read++;
	}

unlock:
	mutex_unlock(&image->lock);
	return page;

free_page:
	mutex_unlock(&image->lock);
	__free_page(page);
	return ERR_PTR(err);
}

/* Return what an entry stands for: a page, NULL for zeros, or IMAGE_UNREAD. */
static struct page *image_stored(const struct image *image, pgoff_t index, void *entry)
{
	if (!entry && image_source_has_page(&image->source, index))
		return IMAGE_UNREAD;
	return xa_is_value(entry) ? NULL : entry;
}

/**
 * image_page() - return a page of an image
 * @image: an image that the caller's slot is attached to
 * @index: which page of the slot, also beyond the image's length
 * @gfp: how hard to try to allocate memory for it
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 * Return: The page, which nobody may write to, NULL if it is all zeros, or an
 * ERR_PTR(): -ENOMEM, or -EIO if it can't be read.
 */
struct page *image_page(struct image *image, pgoff_t index, gfp_t gfp)
{
	struct page *page = image_stored(image, index, xa_load(&image->pages, index));

	return page == IMAGE_UNREAD ? image_read_page(image, index, gfp) : page;
}

/**
 * image_stored_pages() - look up several pages of an image at once
 * @image: an image that the caller's slot is attached to
 * @indexes: the pages of the slot, in ascending order
 * @nr: number of pages
 * @pages: receives for each what image_page() would return, or IMAGE_UNREAD where
 *	it would have to read the page
 *
 * Context: Any but interrupts.
 */
void image_stored_pages(struct image *image, const unsigned long *indexes, unsigned int nr,
			struct page **pages)
{
	XA_STATE(state, &image->pages, 0);
	unsigned int i;
	void *entry;

	rcu_read_lock();
	for (i = 0; i < nr; i++) {
		/* Most often it is the page after the last one. */
		if (xas_valid(&state) && state.xa_index + 1 == indexes[i]) {
			entry = xas_next(&state);
		} else {
			xas_set(&state, indexes[i]);
			entry = xas_load(&state);
		}
		while (xas_retry(&state, entry))
			entry = xas_load(&state);
		pages[i] = image_stored(image, indexes[i], entry);
	}
	rcu_read_unlock();
}

/* Drop the pages that can be read again. Return how many the system got. */
static unsigned long image_drop(struct image *image)
{
	unsigned long nr_freed = 0;
	unsigned long index;
	void *entry;

	lockdep_assert_held(&image->lock);

	xa_for_each_marked(&image->pages, index, entry, IMAGE_READ) {
		xa_erase(&image->pages, index);
		/* A page that a snapshot shares stays. */
		if (!xa_is_value(entry))
			nr_freed += page_count(entry) == 1;
		image_free_entry(image, entry);
		cond_resched();
	}
	image->nr_read = 0;
	stats_add(image->store->stats, STATS_IMAGE_DROPS, nr_freed);
	return nr_freed;
}

/*
 * Take the image that is idle for longest off the list. Return it with a reference,
 * NULL if there is none, or an ERR_PTR() if it is just being destroyed, which gives
 * its pages back anyway.
 */
static struct image *image_store_take_idle(struct image_store *store)
{
	struct image *image;

	spin_lock(&store->lock);
	image = list_first_entry_or_null(&store->idle, struct image, idle_link);
	if (image) {
		image_set_idle(image, false);
		if (!refcount_inc_not_zero(&image->references))
			image = ERR_PTR(-ENOENT);
	}
	spin_unlock(&store->lock);
	return image;
}

/* Drop the pages of an image that was idle, if no slot uses it by now. */
static unsigned long image_try_drop(struct image *image)
{
	struct image_store *store = image->store;
	unsigned long nr_dropped = 0;

	/*
	 * The holder of the mutex may be waiting for memory. It attaches a slot,
	 * or reads a page for an attached one, or it is another shrinker.
	 */
	if (!mutex_trylock(&image->lock))
		return 0;
	/* With the mutex held no slot attaches. A slot may detach. */
	if (!data_race(READ_ONCE(image->users)))
		nr_dropped = image_drop(image);
	mutex_unlock(&image->lock);

	/* A slot may have attached since, read pages, and detached again. */
	spin_lock(&store->lock);
	if (!image->users)
		image_set_idle(image, true);
	spin_unlock(&store->lock);
	return nr_dropped;
}

/**
 * image_store_shrink() - give back pages of images that no slot uses
 * @store: the store
 * @nr_pages: number of pages to give back, if there are so many
 *
 * Context: Process context, also while memory is reclaimed.
 * Return: The number of pages given back.
 */
unsigned long image_store_shrink(struct image_store *store, unsigned long nr_pages)
{
	unsigned long nr_dropped = 0;

	while (nr_dropped < nr_pages) {
		struct image *image = image_store_take_idle(store);

		if (!image)
			break;
		if (IS_ERR(image))
			continue;
		nr_dropped += image_try_drop(image);
		image_put(image);
	}
	return nr_dropped;
}
