// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 2
 *
 * Building an image: from memory, from a file, from a slot.
 *
 * One task builds an image, before any other task knows it. Pages of zeros are
 * not stored. A snapshot shares pages with the slot's own image by reference: each
 * is stored once.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "image_build.h"

/* Image creation may fail with -ENOMEM; never invoke the OOM killer for it. */
#define IMAGE_GFP (GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/**
 * struct image_assembly - a page that is assembled from pieces
 * @image: the image that is built
 * @page: the current page, or NULL
 * @index: which page of the image it is; pages come in ascending order
 */
struct image_assembly {
	struct image *image;
	struct page *page;
	pgoff_t index;
};

/* Store the current page. A page of zeros stays, ready to be the next one. */
static int image_assembly_store(struct image_assembly *assembly)
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

/* Return the address for a byte of the image, in the page that it belongs to, or an ERR_PTR(). */
static void *image_assembly_at(struct image_assembly *assembly, u64 offset)
{
	pgoff_t index = offset >> PAGE_SHIFT;
	int err;

	if (fatal_signal_pending(current))
		return ERR_PTR(-EINTR);
	cond_resched();
	if (index != assembly->index) {
		err = image_assembly_store(assembly);
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

/* Store the last page, unless there was an error, which is returned then. */
static int image_assembly_end(struct image_assembly *assembly, int err)
{
	if (!err)
		err = image_assembly_store(assembly);
	if (assembly->page)
		__free_page(assembly->page);
	return err;
}

/**
 * image_copy_memory() - copy ranges of the caller's memory
 * @image: an image that no other task knows yet
 * @ranges: in ascending order, not overlapping, inside the image
 * @nr_ranges: number of ranges
 *
 * Context: Process context, holding no lock. May sleep.
 * Return: 0; -EFAULT if something can't be read, -EFBIG, -EDQUOT or -ENOSPC above
 * a bound, -ENOMEM, or -EINTR if the task is being killed. After an error the
 * caller gives the image up.
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
			void *to = image_assembly_at(&assembly, offset);

			err = PTR_ERR_OR_ZERO(to);
			if (!err && copy_from_user(to, u64_to_user_ptr(address), piece))
				err = -EFAULT;
			if (err)
				break;
			offset += piece;
			address += piece;
		}
	}
	return image_assembly_end(&assembly, err);
}

static int image_read_now(struct image *image, const struct image_source *source)
{
	struct image_assembly assembly = { .image = image };
	u64 offset = source->offset;
	u64 end = offset + source->length;
	int err = 0;

	while (offset < end) {
		size_t piece = min_t(u64, end - offset, PAGE_SIZE - offset_in_page(offset));
		void *to = image_assembly_at(&assembly, offset);

		err = PTR_ERR_OR_ZERO(to);
		if (!err)
			err = image_source_read(source, offset, to, piece);
		if (err)
			break;
		offset += piece;
	}
	return image_assembly_end(&assembly, err);
}

/* Let the image read its pages when they are needed, up to its length. */
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
	/* The file is never read for an entry that a snapshot has of its own. */
	xa_for_each_range(&image->pages, index, entry, first, end - 1) {
		nr_own += !xa_get_mark(&image->pages, index, IMAGE_READ);
		cond_resched();
	}
	err = image_charge(image, image_source_nr_storable(source, end - first - nr_own));
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
 * @image: an image that no other task knows yet
 * @source: the range, inside the image
 *
 * Context: Process context, holding no lock. May sleep.
 * Return: 0; -EINVAL if the kernel can't read such a file, -EBADF if it isn't
 * open for reading, -ENODATA if it ends too early, -EIO if reading fails, or an
 * error as image_copy_memory(). After an error the caller gives the image up.
 */
int image_read_file(struct image *image, const struct image_source *source)
{
	struct file *file = source->file;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	/* Refuse what kernel_read() would warn about in the log. */
	if (!S_ISREG(file_inode(file)->i_mode) || !(file->f_mode & FMODE_CAN_READ) ||
	    !file->f_op->read_iter || file->f_op->read)
		return -EINVAL;
	if (!source->length)
		return 0;
	if (!image_source_is_sealed(source))
		return image_read_now(image, source);
	if (source->position + source->length > i_size_read(file_inode(file)))
		return -ENODATA;
	return image_set_source(image, source);
}

/**
 * image_add_page() - copy a private page of a slot to its snapshot
 * @image: an image that no other task knows yet
 * @index: which page
 * @page: its contents
 * @below: contents of the slot's own image there, or NULL for zeros
 *
 * Call this for all private pages before image_add_base().
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
	/* The snapshot shares a page that is as in the slot's own image. */
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

/* Return whether the entry of an image was read from its file. */
static bool image_entry_is_read(struct image *image, pgoff_t index)
{
	bool read = xa_get_mark(&image->pages, index, IMAGE_READ);

	/* A reader stores the entry and sets the mark before it releases the mutex. */
	if (!read && image_source_has_page(&image->source, index)) {
		mutex_lock(&image->lock);
		read = xa_get_mark(&image->pages, index, IMAGE_READ);
		mutex_unlock(&image->lock);
	}
	return read;
}

/* Share a page of the slot's own image. */
static int image_share_page(struct image *image, pgoff_t index, struct page *page)
{
	int err;

	/* The slot is attached to its image, which keeps its pages. */
	get_page(page);
	err = image_insert(image, index, page, IMAGE_GFP);
	if (err)
		put_page(page);
	return err;
}

/* Share an entry that the slot's own image has read from its file, or has not. */
static int image_share_entry(struct image *image, pgoff_t index, void *entry, bool read)
{
	int err;

	if (xa_is_value(entry))
		return xa_err(xa_store(&image->pages, index, entry, IMAGE_GFP));
	/* image_set_source() charges all pages of the file at once. */
	err = read ? 0 : image_charge(image, 1);
	if (!err)
		err = image_share_page(image, index, entry);
	if (!err && read) {
		xa_set_mark(&image->pages, index, IMAGE_READ);
		image->nr_read++;
	}
	return err;
}

/* Share the entries of the slot's own image where the snapshot has none. */
static int image_share_entries(struct image *image, struct image *base)
{
	unsigned long index;
	void *entry;

	xa_for_each_range(&base->pages, index, entry, 0, image->length - 1) {
		bool read = image_entry_is_read(base, index);
		int err;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		/* Zeros of the file need not be shared: they can be read again. */
		if (xa_load(&image->pages, index) || (read && xa_is_value(entry)))
			continue;
		err = image_share_entry(image, index, entry, read);
		if (err)
			return err;
	}
	return 0;
}

/**
 * image_add_base() - share with a snapshot what the slot's own image has
 * @image: an image that no other task knows yet
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
	err = image_share_entries(image, base);
	if (!err && base->source.file)
		err = image_set_source(image, &base->source);
	if (err)
		return err;
	/* Until a slot uses it, pages that were read can be given back. */
	image_make_idle(image);
	return 0;
}
