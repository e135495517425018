// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 0
 *
 * The range of a file that an image is read from.
 */
#include <linux/blk_types.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>

#include "image_source.h"

/*
 * No surviving process sees -EINTR. A signal handler interrupts the read of some file
 * systems: the call has changed nothing, and starts over after the handler. A file
 * system in user space can also answer so without a signal.
 */
static int image_source_interrupted(void)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return signal_pending(current) ? -ERESTARTNOINTR : -EIO;
}

/**
 * image_source_read() - read bytes of an image from its file
 * @source: the range of the file
 * @start: where the bytes begin in the image, inside the range
 * @to: kernel memory
 * @length: number of bytes
 *
 * Context: Process context, may sleep.
 * Return: 0; -ENODATA if the file ends too early, -EINTR if the task is being
 * killed, -ERESTARTNOINTR if it has another signal to handle, -ENOMEM, or -EIO if
 * reading fails.
 */
int image_source_read(const struct image_source *source, u64 start, void *to, size_t length)
{
	loff_t position = source->position + (start - source->offset);

	while (length) {
		ssize_t count = kernel_read(source->file, to, length, &position);

		if (!count)
			return -ENODATA;
		if (count == -EINTR || count == -ERESTARTSYS)
			return image_source_interrupted();
		if (count < 0)
			return count == -ENOMEM ? -ENOMEM : -EIO;
		to += count;
		length -= count;
	}
	return 0;
}

/**
 * image_source_is_sealed() - find out whether the range of the file can change
 * @source: the range
 *
 * Context: Any.
 * Return: true if nothing can change or remove bytes that the file has.
 */
bool image_source_is_sealed(const struct image_source *source)
{
	const unsigned int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
	struct inode *inode = file_inode(source->file);

	if (!IS_ENABLED(CONFIG_SHMEM) || inode->i_sb->s_magic != TMPFS_MAGIC)
		return false;
	/* Seals are only added. It does not matter whether a concurrent one counts. */
	return (data_race(READ_ONCE(SHMEM_I(inode)->seals)) & needed) == needed;
}

/**
 * image_source_nr_storable() - bound the pages that can be read and are not zeros
 * @source: a range of a file that is sealed
 * @nr_pages: pages of the image that the range touches
 *
 * Holes of a sealed file stay zeros: an image has nothing to store there.
 *
 * Context: Any.
 * Return: The number of pages of the image.
 */
unsigned long image_source_nr_storable(const struct image_source *source, unsigned long nr_pages)
{
	u64 nr_present = DIV_ROUND_UP_ULL(file_inode(source->file)->i_blocks,
					  PAGE_SIZE >> SECTOR_SHIFT);

	/* A page of the file can lie in two pages of the image. */
	if (offset_in_page(source->position - source->offset))
		nr_present *= 2;
	return min_t(u64, nr_pages, nr_present);
}
