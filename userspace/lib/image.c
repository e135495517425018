// SPDX-License-Identifier: MIT
/*
 * Commands on images.
 */
#include "internal.h"

static int create_image(struct slotpool *pool, struct slotpool_image_args args, uint32_t *image,
			uint64_t *stored)
{
	int ret;

	args.size = sizeof(args);
	ret = command(pool, SLOTPOOL_IMAGE, &args);
	if (ret)
		return ret;
	*image = args.image;
	if (stored)
		*stored = args.stored;
	return 0;
}

int slotpool_image_memory(struct slotpool *pool, const struct slotpool_image_range *ranges,
			  uint32_t nr_ranges, uint64_t length, uint32_t *image, uint64_t *stored)
{
	struct slotpool_image_args args = {
		.flags = SLOTPOOL_IMAGE_MEMORY,
		.length = length,
		.ranges = (uintptr_t)ranges,
		.nr_ranges = nr_ranges,
	};

	return create_image(pool, args, image, stored);
}

int slotpool_image_file(struct slotpool *pool, int fd, const struct slotpool_file_range *range,
			uint64_t length, uint32_t *image, uint64_t *stored)
{
	struct slotpool_image_args args = {
		.flags = SLOTPOOL_IMAGE_FILE,
		.length = length,
		.offset = range->image_offset,
		.file_offset = range->file_offset,
		.file_length = range->length,
		.fd = fd,
	};

	return create_image(pool, args, image, stored);
}

int slotpool_image_slot(struct slotpool *pool, uint32_t slot, uint32_t *image, uint64_t *stored)
{
	struct slotpool_image_args args = {
		.flags = SLOTPOOL_IMAGE_SLOT,
		.slot = slot,
	};

	return create_image(pool, args, image, stored);
}

int slotpool_export(struct slotpool *pool, uint32_t image)
{
	struct slotpool_export_args export = {
		.size = sizeof(export),
		.image = image,
	};
	int ret = command(pool, SLOTPOOL_EXPORT, &export);

	return ret ? ret : export.fd;
}

int slotpool_import(struct slotpool *pool, int fd, uint32_t *image, uint64_t *length)
{
	struct slotpool_import_args import = {
		.size = sizeof(import),
		.fd = fd,
	};
	int ret = command(pool, SLOTPOOL_IMPORT, &import);

	if (ret)
		return ret;
	*image = import.image;
	if (length)
		*length = import.length;
	return 0;
}

int slotpool_release(struct slotpool *pool, uint32_t image)
{
	struct slotpool_release_args release = {
		.size = sizeof(release),
		.image = image,
	};
	int ret = command(pool, SLOTPOOL_RELEASE, &release);

	return ret ? ret : (int)release.purged;
}
