// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images: immutable contents, from which slots start and to which they return.
 *
 * An image is put together by one task and never changes once others know it,
 * but for pages of a sealed file: these are read when a slot needs them, and can
 * be given back while no slot uses the image. Pages of zeros are not stored.
 *
 * Pages of images come from the page allocator and go back there. Snapshots
 * share them by reference, so that a page is stored once.
 */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/magic.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "image.h"

/* Zeros that hide what the file has there */
#define IMAGE_ZEROS xa_mk_value(0)

/* An entry that was read from the file and can be read again */
#define IMAGE_READ XA_MARK_0

/* In &image.hot: marks can be searched for, where entries would be tried one by one */
#define IMAGE_HOT XA_MARK_0

/* Who makes an image can be told that memory is short: nobody is killed for it. */
#define IMAGE_GFP (GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* How often a page has to be missed until it isn't expected to be written any more */
#define IMAGE_MAX_SCORE 2UL

/* To look which pages were written costs as much as a cold start: not each pays it. */
#define IMAGE_ALWAYS_SAMPLED 2U
#define IMAGE_SAMPLE_INTERVAL 8U

/**
 * image_store_init() - set up what images share
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
	store->max_total_pages = min_t(unsigned long, max_total_pages, LONG_MAX);
	store->stats = stats;
	ida_init(&store->ids);
	atomic_set(&store->nr_images, 0);
	atomic_long_set(&store->nr_charged, 0);
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
	WARN_ON(atomic_read(&store->nr_images) || atomic_long_read(&store->nr_charged) ||
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
	account->max_pages = min_t(unsigned long, max_pages, LONG_MAX);
	atomic_long_set(&account->nr_charged, 0);
	return account;
}

/**
 * image_account_put() - the client, or one of its images, is gone
 * @account: the account
 *
 * Context: Any.
 */
void image_account_put(struct image_account *account)
{
	if (refcount_dec_and_test(&account->references))
		kfree(account);
}

/**
 * image_create() - start to put an image together
 * @store: where it belongs
 * @account: who makes it
 * @length: pages of a slot that it describes
 *
 * Context: Process context, may sleep.
 * Return: An image of zeros with one reference, or an ERR_PTR(): -ENOMEM, or
 * -ENOSPC without an id left.
 */
struct image *image_create(struct image_store *store, struct image_account *account,
			   unsigned long length)
{
	struct image *image = kzalloc(sizeof(*image), GFP_KERNEL_ACCOUNT);
	int id;

	if (!image)
		return ERR_PTR(-ENOMEM);
	/* 0 is no image. */
	id = ida_alloc_min(&store->ids, 1, GFP_KERNEL);
	if (id < 0) {
		kfree(image);
		return ERR_PTR(id);
	}
	refcount_set(&image->references, 1);
	image->id = id;
	image->store = store;
	refcount_inc(&account->references);
	image->account = account;
	image->length = length;
	xa_init_flags(&image->pages, XA_FLAGS_ACCOUNT);
	mutex_init(&image->lock);
	INIT_LIST_HEAD(&image->idle_link);
	xa_init_flags(&image->hot, XA_FLAGS_ACCOUNT);
	atomic_inc(&store->nr_images);
	return image;
}

/* Takes the image off the list of idle ones, or puts it there. */
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

static void image_free_entry(struct image *image, void *entry)
{
	if (xa_is_value(entry))
		return;
	/* Whoever else refers to the page, a snapshot for one, goes on to do so. */
	put_page(entry);
	image->nr_stored--;
	atomic_long_dec(&image->store->nr_stored);
}

static void image_destroy(struct image *image)
{
	struct image_store *store = image->store;
	unsigned long index;
	void *entry;

	/* The shrinker finds it there, but gets no reference any more. */
	spin_lock(&store->lock);
	image_set_idle(image, false);
	spin_unlock(&store->lock);
	xa_for_each(&image->pages, index, entry) {
		image_free_entry(image, entry);
		cond_resched();
	}
	xa_destroy(&image->pages);
	xa_destroy(&image->hot);
	if (image->source.file) {
		fput(image->source.file);
		mem_cgroup_put(image->memcg);
	}
	atomic_long_sub(image->nr_charged, &store->nr_charged);
	atomic_long_sub(image->nr_charged, &image->account->nr_charged);
	image_account_put(image->account);
	ida_free(&store->ids, image->id);
	atomic_dec(&store->nr_images);
	mutex_destroy(&image->lock);
	kfree(image);
}

/**
 * image_get() - take one more reference
 * @image: the image
 *
 * Context: Any.
 */
void image_get(struct image *image)
{
	refcount_inc(&image->references);
}

/**
 * image_put() - give a reference back
 * @image: the image, or NULL
 *
 * Context: Process context, may sleep.
 */
void image_put(struct image *image)
{
	if (image && refcount_dec_and_test(&image->references))
		image_destroy(image);
}

static bool image_charge_to(atomic_long_t *counter, long max_pages, long nr_pages)
{
	long charged = atomic_long_read(counter);

	do {
		if (nr_pages > max_pages - charged)
			return false;
	} while (!atomic_long_try_cmpxchg(counter, &charged, charged + nr_pages));
	return true;
}

/* Lets the image store more pages. */
static int image_charge(struct image *image, unsigned long nr_pages)
{
	struct image_account *account = image->account;
	struct image_store *store = image->store;

	if (nr_pages > store->max_pages - image->nr_charged)
		return -EFBIG;
	if (!image_charge_to(&account->nr_charged, account->max_pages, nr_pages))
		return -EDQUOT;
	if (!image_charge_to(&store->nr_charged, store->max_total_pages, nr_pages)) {
		atomic_long_sub(nr_pages, &account->nr_charged);
		return -ENOSPC;
	}
	image->nr_charged += nr_pages;
	return 0;
}

/* Takes over the caller's reference to a page, if it succeeds. */
static int image_insert(struct image *image, pgoff_t index, struct page *page, gfp_t gfp)
{
	int err = xa_err(xa_store(&image->pages, index, page, gfp));

	if (!err) {
		image->nr_stored++;
		atomic_long_inc(&image->store->nr_stored);
	}
	return err;
}

static bool image_is_zeros(const struct page *page)
{
	return !memchr_inv(page_address(page), 0, PAGE_SIZE);
}

/* The page that is being put together from pieces, in ascending order. */
struct image_assembly {
	struct image *image;
	struct page *page;
	pgoff_t index;
};

/* Stores the page, unless it is all zeros: then it is ready for the next one. */
static int image_finish_page(struct image_assembly *assembly)
{
	int err;

	if (!assembly->page || image_is_zeros(assembly->page))
		return 0;
	err = image_charge(assembly->image, 1);
	if (!err)
		err = image_insert(assembly->image, assembly->index, assembly->page, IMAGE_GFP);
	if (!err)
		assembly->page = NULL;
	return err;
}

/* Returns where a byte of the image goes, or an ERR_PTR(). */
static void *image_assemble(struct image_assembly *assembly, u64 offset)
{
	pgoff_t index = offset >> PAGE_SHIFT;
	int err;

	if (fatal_signal_pending(current))
		return ERR_PTR(-EINTR);
	cond_resched();
	if (index != assembly->index) {
		err = image_finish_page(assembly);
		if (err)
			return ERR_PTR(err);
		assembly->index = index;
	}
	if (!assembly->page) {
		assembly->page = alloc_page(IMAGE_GFP | __GFP_ACCOUNT | __GFP_ZERO);
		if (!assembly->page)
			return ERR_PTR(-ENOMEM);
	}
	return page_address(assembly->page) + offset_in_page(offset);
}

static int image_end_assembly(struct image_assembly *assembly, int err)
{
	if (!err)
		err = image_finish_page(assembly);
	if (assembly->page)
		__free_page(assembly->page);
	return err;
}

/**
 * image_copy_memory() - copy ranges of the caller's memory
 * @image: an image that nobody else knows yet
 * @ranges: in ascending order, not overlapping, inside the image
 * @nr_ranges: how many
 *
 * Context: Process context, holding no lock. May sleep.
 * Return: 0; -EFAULT if something can't be read, -EFBIG, -EDQUOT or -ENOSPC above
 * a bound, -ENOMEM, or -EINTR if the task is being killed. After an error the
 * image is to be given up.
 */
int image_copy_memory(struct image *image, const struct slotpool_image_range *ranges,
		      u32 nr_ranges)
{
	struct image_assembly assembly = { .image = image };
	int err = 0;
	u32 i;

	for (i = 0; i < nr_ranges && !err; i++) {
		u64 offset = ranges[i].offset;
		u64 address = ranges[i].address;
		u64 end = offset + ranges[i].length;

		while (offset < end) {
			size_t piece = min_t(u64, end - offset, PAGE_SIZE - offset_in_page(offset));
			void *to = image_assemble(&assembly, offset);

			err = PTR_ERR_OR_ZERO(to);
			if (!err && copy_from_user(to, u64_to_user_ptr(address), piece))
				err = -EFAULT;
			if (err)
				break;
			offset += piece;
			address += piece;
		}
	}
	return image_end_assembly(&assembly, err);
}

static int image_read_bytes(struct file *file, void *to, size_t length, loff_t position)
{
	while (length) {
		ssize_t count = kernel_read(file, to, length, &position);

		if (!count)
			return -ENODATA;
		if (count == -EINTR || count == -ERESTARTSYS)
			return -EINTR;
		if (count < 0)
			return count == -ENOMEM ? -ENOMEM : -EIO;
		to += count;
		length -= count;
	}
	return 0;
}

/* Nothing can change what such a file has in a range that it has once. */
static bool image_is_sealed(const struct file *file)
{
	const unsigned int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
	struct inode *inode = file_inode(file);

	if (!IS_ENABLED(CONFIG_SHMEM) || inode->i_sb->s_magic != TMPFS_MAGIC)
		return false;
	/* Seals are only ever added, and one just being added may count or not. */
	return (data_race(READ_ONCE(SHMEM_I(inode)->seals)) & needed) == needed;
}

static int image_read_now(struct image *image, const struct image_source *source)
{
	struct image_assembly assembly = { .image = image };
	u64 done = 0;
	int err = 0;

	while (done < source->length) {
		u64 offset = source->offset + done;
		size_t room = PAGE_SIZE - offset_in_page(offset);
		size_t piece = min_t(u64, source->length - done, room);
		void *to = image_assemble(&assembly, offset);

		err = PTR_ERR_OR_ZERO(to);
		if (!err)
			err = image_read_bytes(source->file, to, piece, source->position + done);
		if (err)
			break;
		done += piece;
	}
	return image_end_assembly(&assembly, err);
}

/* Makes the image read its pages when they are needed, up to its length. */
static int image_set_source(struct image *image, const struct image_source *source)
{
	u64 bytes = (u64)image->length << PAGE_SHIFT;
	u64 length = bytes > source->offset ? min(source->length, bytes - source->offset) : 0;
	u64 first = source->offset >> PAGE_SHIFT;
	u64 end = DIV_ROUND_UP_ULL(source->offset + length, PAGE_SIZE);
	unsigned long nr_own = 0;
	unsigned long index;
	void *entry;
	int err;

	if (!length)
		return 0;
	/* Where a snapshot has something else, nothing is ever read. */
	xa_for_each_range(&image->pages, index, entry, first, end - 1) {
		nr_own += !xa_get_mark(&image->pages, index, IMAGE_READ);
		cond_resched();
	}
	err = image_charge(image, end - first - nr_own);
	if (err)
		return err;
	image->source = *source;
	image->source.length = length;
	get_file(source->file);
	image->memcg = get_mem_cgroup_from_mm(current->mm);
	return 0;
}

/**
 * image_read_file() - take a range of a file
 * @image: an image that nobody else knows yet
 * @source: the range, inside the image
 *
 * Context: Process context, holding no lock. May sleep.
 * Return: 0; -EINVAL if the kernel can't read such a file, -EBADF if it isn't
 * open for reading, -ENODATA if it ends too early, -EIO if reading fails, or an
 * error as image_copy_memory(). After an error the image is to be given up.
 */
int image_read_file(struct image *image, const struct image_source *source)
{
	struct file *file = source->file;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	/* kernel_read() would say in the log that it can't read others. */
	if (!S_ISREG(file_inode(file)->i_mode) || !(file->f_mode & FMODE_CAN_READ) ||
	    !file->f_op->read_iter || file->f_op->read)
		return -EINVAL;
	if (!source->length)
		return 0;
	if (!image_is_sealed(file))
		return image_read_now(image, source);
	if (source->position + source->length > i_size_read(file_inode(file)))
		return -ENODATA;
	return image_set_source(image, source);
}

/* Whether the image's source has something at a page. */
static bool image_has_source(const struct image *image, pgoff_t index)
{
	const struct image_source *source = &image->source;

	return source->file && index >= source->offset >> PAGE_SHIFT &&
	       index <= (source->offset + source->length - 1) >> PAGE_SHIFT;
}

/**
 * image_add_page() - copy a page of a slot of which a snapshot is taken
 * @image: an image that nobody else knows yet
 * @index: which page
 * @page: its contents
 * @below: contents of the slot's own image there, or NULL for zeros
 *
 * To be called before image_add_base(), for all private pages.
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 * Return: 0, or -EFBIG, -EDQUOT, -ENOSPC, -ENOMEM or -EINTR as
 * image_copy_memory().
 */
int image_add_page(struct image *image, pgoff_t index, const struct page *page,
		   const void *below)
{
	struct page *copy;
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	/* What the slot was reset to, or started from, needs no second copy. */
	if (below && !memcmp(below, page_address(page), PAGE_SIZE))
		return 0;
	if (image_is_zeros(page)) {
		if (!below)
			return 0;
		return xa_err(xa_store(&image->pages, index, IMAGE_ZEROS, IMAGE_GFP));
	}
	err = image_charge(image, 1);
	if (err)
		return err;
	copy = alloc_page(IMAGE_GFP | __GFP_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	copy_page(page_address(copy), page_address(page));
	err = image_insert(image, index, copy, IMAGE_GFP);
	if (err)
		__free_page(copy);
	return err;
}

/* Shares an entry of the slot's own image. */
static int image_add_entry(struct image *image, pgoff_t index, void *entry, bool read)
{
	int err;

	if (xa_is_value(entry))
		return xa_err(xa_store(&image->pages, index, entry, IMAGE_GFP));
	/* Those of the source are charged all at once, whether read or not. */
	err = read ? 0 : image_charge(image, 1);
	if (err)
		return err;
	/* Attached, the base keeps its pages. */
	get_page(entry);
	err = image_insert(image, index, entry, IMAGE_GFP);
	if (err)
		put_page(entry);
	else if (read)
		xa_set_mark(&image->pages, index, IMAGE_READ);
	return err;
}

static int image_add_entries(struct image *image, struct image *base)
{
	unsigned long index;
	void *entry;
	int err;

	xa_for_each_range(&base->pages, index, entry, 0, image->length - 1) {
		bool read = xa_get_mark(&base->pages, index, IMAGE_READ);

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		/* Who stores a page that was read marks it before the mutex is free. */
		if (!read && image_has_source(base, index)) {
			mutex_lock(&base->lock);
			read = xa_get_mark(&base->pages, index, IMAGE_READ);
			mutex_unlock(&base->lock);
		}
		/* What was written counts, and zeros of the source can be read again. */
		if (xa_load(&image->pages, index) || (read && xa_is_value(entry)))
			continue;
		err = image_add_entry(image, index, entry, read);
		if (err)
			return err;
		if (read)
			image->nr_read++;
	}
	return 0;
}

/**
 * image_add_base() - what a snapshot has in common with the slot's own image
 * @image: an image that nobody else knows yet
 * @base: the image of a slot, which is attached to it
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 * Return: 0, or an error as image_add_page().
 */
int image_add_base(struct image *image, struct image *base)
{
	int err;

	if (!image->length)
		return 0;
	err = image_add_entries(image, base);
	if (!err && base->source.file)
		err = image_set_source(image, &base->source);
	if (err)
		return err;
	/* Until a slot uses it, what was read can be given back. */
	spin_lock(&image->store->lock);
	image_set_idle(image, true);
	spin_unlock(&image->store->lock);
	return 0;
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
 * image_export() - make a file that stands for an image
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
 * image_import() - the image that a file stands for
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
 * image_attach() - a slot begins to use an image
 * @image: the image; the slot gets a reference of its own
 *
 * From here on no page that the image has stored goes away.
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 */
void image_attach(struct image *image)
{
	image_get(image);
	if (!image->source.file)
		return;
	/* Waits for image_drop(). */
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
 * The slot has no page table entry for any of the image's pages any more.
 *
 * Without the image's mutex, because slots are emptied while memory is
 * reclaimed, and who reclaims it may be reading a page of this very image.
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

/* Who made the image pays for it; where that fails, who needs it. */
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

	/* Before the mutex, since who reads for another may have to wait for memory. */
	page = image_alloc(image, gfp);
	if (!page)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&image->lock);
	entry = xa_load(&image->pages, index);
	if (entry) {
		/* Somebody else was faster. */
		__free_page(page);
		page = xa_is_value(entry) ? NULL : entry;
		goto unlock;
	}
	err = image_read_bytes(source->file, page_address(page) + offset_in_page(start),
			       end - start, source->position + (start - source->offset));
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

/* What an entry means: a page, NULL for zeros, or IMAGE_UNREAD */
static struct page *image_stored(const struct image *image, pgoff_t index, void *entry)
{
	if (!entry && image_has_source(image, index))
		return IMAGE_UNREAD;
	return xa_is_value(entry) ? NULL : entry;
}

/**
 * image_page() - a page of an image
 * @image: an image that the caller's slot is attached to
 * @index: which page of the slot, also beyond the image's length
 * @gfp: how hard to try to find memory for it
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

/* Gives back what can be read again; returns how many pages the system got. */
static unsigned long image_drop(struct image *image)
{
	unsigned long nr_freed = 0;
	unsigned long index;
	void *entry;

	lockdep_assert_held(&image->lock);

	xa_for_each_marked(&image->pages, index, entry, IMAGE_READ) {
		xa_erase(&image->pages, index);
		/* One that a snapshot has, too, stays. */
		if (!xa_is_value(entry))
			nr_freed += page_count(entry) == 1;
		image_free_entry(image, entry);
		cond_resched();
	}
	image->nr_read = 0;
	stats_add(image->store->stats, STATS_IMAGE_DROPS, nr_freed);
	return nr_freed;
}

/**
 * image_store_shrink() - give back pages of images that no slot uses
 * @store: the store
 * @nr_pages: how many pages to give back, if there are so many
 *
 * Context: Process context, also while memory is reclaimed.
 * Return: How many were given back.
 */
unsigned long image_store_shrink(struct image_store *store, unsigned long nr_pages)
{
	unsigned long nr_dropped = 0;

	while (nr_dropped < nr_pages) {
		struct image *image;

		spin_lock(&store->lock);
		image = list_first_entry_or_null(&store->idle, struct image, idle_link);
		if (!image) {
			spin_unlock(&store->lock);
			break;
		}
		image_set_idle(image, false);
		/* One that is just being destroyed gives its pages back anyway. */
		if (!refcount_inc_not_zero(&image->references))
			image = NULL;
		spin_unlock(&store->lock);
		if (!image)
			continue;

		/*
		 * Who holds the mutex may be waiting for memory. It is a slot
		 * that begins to use the image, or does by now, or somebody
		 * else who is shrinking.
		 */
		if (mutex_trylock(&image->lock)) {
			/* With the mutex held none begins to use it, and one may cease to. */
			if (!data_race(READ_ONCE(image->users)))
				nr_dropped += image_drop(image);
			mutex_unlock(&image->lock);
			/* A slot may have used it in the meantime, and not any more. */
			spin_lock(&store->lock);
			if (!image->users)
				image_set_idle(image, true);
			spin_unlock(&store->lock);
		}
		image_put(image);
	}
	return nr_dropped;
}

/**
 * image_hot_pages() - find pages that instances write
 * @image: an image that the caller's slot is attached to
 * @first: where to look from on
 * @last: where to stop
 * @hot: what is found, in order of the index
 * @max: how many to find at most, one at least
 *
 * Context: Any but interrupts.
 * Return: How many there are in @hot.
 */
unsigned int image_hot_pages(struct image *image, unsigned long first, unsigned long last,
			     struct image_hot *hot, unsigned int max)
{
	XA_STATE(hots, &image->hot, first);
	XA_STATE(pages, &image->pages, 0);
	void *entry, *stored;
	unsigned int nr = 0;

	rcu_read_lock();
	xas_for_each_marked(&hots, entry, last, IMAGE_HOT) {
		if (xas_retry(&hots, entry))
			continue;
		hot[nr].index = hots.xa_index;
		/* Most often the next one. */
		if (xas_valid(&pages) && pages.xa_index + 1 == hots.xa_index) {
			stored = xas_next(&pages);
		} else {
			xas_set(&pages, hots.xa_index);
			stored = xas_load(&pages);
		}
		while (xas_retry(&pages, stored))
			stored = xas_load(&pages);
		hot[nr].original = image_stored(image, hots.xa_index, stored);
		if (++nr == max)
			break;
	}
	rcu_read_unlock();
	return nr;
}

/**
 * image_wants_sample() - count a slot that was set up ahead of its instance
 * @image: the image
 *
 * Context: Any.
 * Return: Whether image_learn() shall be told all that its instance writes.
 */
bool image_wants_sample(struct image *image)
{
	unsigned int nr = atomic_inc_return(&image->nr_prepared);

	return nr <= IMAGE_ALWAYS_SAMPLED || nr % IMAGE_SAMPLE_INTERVAL == 0;
}

static void image_forget(struct image *image, struct xarray *pages, xa_mark_t written, gfp_t gfp)
{
	unsigned long index;
	void *entry;

	lockdep_assert_held(&image->lock);

	xa_for_each(&image->hot, index, entry) {
		unsigned long score = xa_to_value(entry);

		cond_resched();
		if (xa_get_mark(pages, index, written))
			continue;
		if (score > 1)
			xa_store(&image->hot, index, xa_mk_value(score - 1), gfp);
		else
			xa_erase(&image->hot, index);
	}
}

/**
 * image_learn() - remember which pages instances write
 * @image: the image
 * @pages: private pages of a slot whose instance has ended
 * @written: mark of those that it wrote
 * @all: of all that it wrote, so that others were missed
 *
 * What was written twice has to be missed twice to be forgotten.
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 */
void image_learn(struct image *image, struct xarray *pages, xa_mark_t written, bool all)
{
	/* It is only a hint: for want of memory it is left out. */
	const gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	unsigned long index;
	void *entry;

	/* Another slot's instance is as good. */
	if (!mutex_trylock(&image->lock))
		return;
	if (all)
		image_forget(image, pages, written, gfp);
	xa_for_each_marked(pages, index, entry, written) {
		void *old = xa_load(&image->hot, index);
		unsigned long score = old ? xa_to_value(old) : 0;

		if (score < IMAGE_MAX_SCORE)
			xa_store(&image->hot, index, xa_mk_value(score + 1), gfp);
		/* Not there, it isn't marked. */
		if (!old)
			xa_set_mark(&image->hot, index, IMAGE_HOT);
		cond_resched();
	}
	mutex_unlock(&image->lock);
}
