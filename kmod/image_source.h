/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_IMAGE_SOURCE_H
#define SLOTPOOL_IMAGE_SOURCE_H

#include <linux/fs.h>

/**
 * struct image_source - a range of a file that an image is read from
 * @file: the file, or NULL
 * @position: where the range begins in the file, in bytes
 * @offset: where it begins in the image, in bytes
 * @length: its length in bytes
 */
struct image_source {
	struct file *file;
	loff_t position;
	u64 offset;
	u64 length;
};

int image_source_read(const struct image_source *source, u64 start, void *to, size_t length);
bool image_source_is_sealed(const struct image_source *source);
unsigned long image_source_nr_storable(const struct image_source *source, unsigned long nr_pages);

/* Return whether the range of the file has bytes for a page of the image. */
static inline bool image_source_has_page(const struct image_source *source, pgoff_t index)
{
	return source->file && index >= source->offset >> PAGE_SHIFT &&
	       index <= (source->offset + source->length - 1) >> PAGE_SHIFT;
}

#endif /* SLOTPOOL_IMAGE_SOURCE_H */
