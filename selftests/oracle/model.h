/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contents that slots and images must have: bytes in arrays. Nothing here knows how
 * the module keeps contents, or when it gives memory back.
 */
#ifndef SELFTESTS_ORACLE_MODEL_H
#define SELFTESTS_ORACLE_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/page.h"

/* An image never changes once it is filled. */
struct image {
	unsigned int users;
	size_t length;
	char *bytes;
};

/* An allocated slot. Sizes are in pages. */
struct slot {
	uint32_t index;
	struct image *image;
	/* The handle of the image when the slot was allocated */
	uint32_t handle;
	bool has_key;
	uint64_t key;
	size_t limit, reset_limit;
	size_t commit, reset_commit;
	/* Pages written to since the slot was new, and their contents */
	size_t nr_written;
	bool *written;
	char *contents;
};

static inline struct image *model_image_create(size_t length)
{
	struct image *image = malloc(sizeof(*image));

	image->users = 1;
	image->length = length;
	image->bytes = calloc(1, length ? length : 1);
	return image;
}

static inline struct image *model_image_get(struct image *image)
{
	if (image)
		image->users++;
	return image;
}

static inline void model_image_put(struct image *image)
{
	if (!image || --image->users)
		return;
	free(image->bytes);
	free(image);
}

/* Returns the contents of a page of a new slot. */
static inline const char *model_image_page(const struct image *image, size_t page)
{
	static const char zeros[PAGE];

	return image && page * PAGE < image->length ? image->bytes + page * PAGE : zeros;
}

static inline const char *model_slot_page(const struct slot *slot, size_t page)
{
	if (slot->written[page])
		return slot->contents + page * PAGE;
	return model_image_page(slot->image, page);
}

static inline void model_slot_setup(struct slot *slot, size_t nr_pages)
{
	slot->written = calloc(nr_pages, sizeof(*slot->written));
	slot->contents = malloc(nr_pages * PAGE);
}

/* Pages from one on are new. */
static inline void model_slot_renew(struct slot *slot, size_t first)
{
	size_t page;

	for (page = first; page < slot->limit; page++) {
		slot->nr_written -= slot->written[page];
		slot->written[page] = false;
	}
}

static inline void model_slot_alloc(struct slot *slot, size_t limit, size_t commit)
{
	slot->limit = limit;
	slot->reset_limit = limit;
	slot->commit = commit;
	slot->reset_commit = commit;
}

static inline void model_slot_resize(struct slot *slot, size_t limit, size_t commit)
{
	model_slot_renew(slot, limit);
	slot->limit = limit;
	slot->commit = commit;
	if (slot->reset_limit > limit)
		slot->reset_limit = limit;
	if (slot->reset_commit > commit)
		slot->reset_commit = commit;
}

static inline void model_slot_reset(struct slot *slot)
{
	model_slot_renew(slot, 0);
	slot->limit = slot->reset_limit;
	slot->commit = slot->reset_commit;
}

static inline void model_slot_free(struct slot *slot)
{
	model_slot_renew(slot, 0);
	model_image_put(slot->image);
	slot->image = NULL;
}

static inline void model_slot_write(struct slot *slot, size_t offset, const char *bytes,
				    size_t length)
{
	size_t page;

	if (!length)
		return;
	for (page = offset / PAGE; page <= (offset + length - 1) / PAGE; page++) {
		if (slot->written[page])
			continue;
		memcpy(slot->contents + page * PAGE, model_image_page(slot->image, page), PAGE);
		slot->written[page] = true;
		slot->nr_written++;
	}
	memcpy(slot->contents + offset, bytes, length);
}

static inline struct image *model_slot_snapshot(const struct slot *slot)
{
	struct image *image = model_image_create(slot->limit * PAGE);
	size_t page;

	for (page = 0; page < slot->limit; page++) {
		const char *bytes = model_slot_page(slot, page);

		/* Untouched memory stays so. */
		if (bytes != model_image_page(NULL, page))
			memcpy(image->bytes + page * PAGE, bytes, PAGE);
	}
	return image;
}

#endif /* SELFTESTS_ORACLE_MODEL_H */
