/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_IMAGE_BUILD_H
#define SLOTPOOL_IMAGE_BUILD_H

#include <linux/slotpool.h>

#include "image.h"

int image_copy_memory(struct image *image, const struct slotpool_image_range *ranges,
		      u32 nr_ranges);
int image_read_file(struct image *image, const struct image_source *source);
int image_add_page(struct image *image, pgoff_t index, const struct page *page,
		   const void *below);
int image_add_base(struct image *image, struct image *base);

#endif /* SLOTPOOL_IMAGE_BUILD_H */
