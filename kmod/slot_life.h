/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_SLOT_LIFE_H
#define SLOTPOOL_SLOT_LIFE_H

#include "slot.h"

struct slot *slot_create(struct slot_memory *memory, u32 index, pgoff_t first);
void slot_destroy(struct slot *slot);

void slot_client_init(struct slot_client *client, struct address_space *mapping,
		      unsigned long max_pages);
struct slot *slot_client_next(struct slot_client *client);

int slot_assign(struct slot *slot, struct slot_client *client, struct image *image,
		const struct slot_terms *terms, bool *kept);
int slot_resize(struct slot *slot, unsigned long limit, unsigned long commit);
bool slot_record_writes(struct slot *slot);
void slot_reset(struct slot *slot);
void slot_free(struct slot *slot);
void slot_decommit(struct slot *slot);
int slot_snapshot(struct slot *slot, struct image *image);

/* Return the bytes of a slot's private pages. The caller holds &slot.lock. */
static inline u64 slot_held(const struct slot *slot)
{
	return (u64)slot->nr_pages << PAGE_SHIFT;
}

#endif /* SLOTPOOL_SLOT_LIFE_H */
