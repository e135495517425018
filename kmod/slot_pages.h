/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_SLOT_PAGES_H
#define SLOTPOOL_SLOT_PAGES_H

#include "slot.h"

int slot_commit(struct slot *slot, unsigned long limit, unsigned long commit);

int slot_make_private(struct slot *slot, pgoff_t index, gfp_t gfp, struct page **pagep);
void slot_prepare(struct slot *slot);
struct page *slot_find(struct slot *slot, pgoff_t index);
bool slot_complete_index(struct slot *slot);

void slot_drop(struct slot *slot, struct list_head *pages);
void slot_unmap(struct slot *slot);
void slot_empty(struct slot *slot);
void slot_drop_above_limit(struct slot *slot);

#endif /* SLOTPOOL_SLOT_PAGES_H */
