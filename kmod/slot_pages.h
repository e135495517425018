/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_SLOT_PAGES_H
#define SLOTPOOL_SLOT_PAGES_H

#include "slot.h"

int slot_promise(struct slot *slot, unsigned long due);

int slot_make_private(struct slot *slot, pgoff_t index, gfp_t gfp, struct page **pagep);
void slot_prepare(struct slot *slot);
struct page *slot_find(struct slot *slot, pgoff_t index);
bool slot_complete_index(struct slot *slot);

void slot_drop(struct slot *slot, struct list_head *pages);
void slot_unmap(struct slot *slot);
void slot_empty(struct slot *slot);
void slot_drop_above_limit(struct slot *slot);
unsigned long slot_drop_unchanged(struct slot *slot);

/*
 * Return the pages to promise for a limit and a commitment: those committed, less
 * those that became private since the instance started, and no more than can
 * still become private. Pages that the slot held before count only as the latter:
 * the instance may touch others.
 */
static inline unsigned long slot_promise_due(const struct slot *slot, unsigned long limit,
					     unsigned long commit)
{
	unsigned long claim = commit > slot->nr_made ? commit - slot->nr_made : 0;
	unsigned long absent = limit > slot->nr_pages ? limit - slot->nr_pages : 0;

	return min(claim, absent);
}

/**
 * slot_lacking() - return the pages that the reserve must promise to a slot
 * @slot: the slot
 * @limit: a limit in pages
 * @commit: a commitment in pages
 *
 * Context: Process context, holding &slot.lock.
 * Return: The pages that slot_commit() would need besides those promised already.
 */
static inline unsigned long slot_lacking(const struct slot *slot, unsigned long limit,
					 unsigned long commit)
{
	unsigned long due = slot_promise_due(slot, limit, commit);

	return due > slot->nr_promised ? due - slot->nr_promised : 0;
}

/**
 * slot_commit() - set a slot's limit and commitment, and adjust its promises
 * @slot: a slot with a client
 * @limit: the limit in pages
 * @commit: the commitment in pages
 *
 * Context: Process context, holding &slot.lock.
 * Return: 0; -EDQUOT above the client's quota, or -ENOBUFS if the reserve has too
 * few pages to promise. Nothing changes after an error. A commitment of 0 never
 * fails.
 */
static inline int slot_commit(struct slot *slot, unsigned long limit, unsigned long commit)
{
	unsigned long due = slot_promise_due(slot, limit, commit);
	int err;

	lockdep_assert_held(&slot->lock);

	if (due != slot->nr_promised) {
		err = slot_promise(slot, due);
		if (err)
			return err;
	}
	slot->terms.limit = limit;
	slot->terms.commit = commit;
	return 0;
}

/**
 * slot_enforce_limit() - make a limit that may be lower than before take effect
 * @slot: the slot
 *
 * Context: Process context, holding &slot.lock. May sleep.
 */
static inline void slot_enforce_limit(struct slot *slot)
{
	if (slot->mapped_end > slot->terms.limit || slot->pages_end > slot->terms.limit)
		slot_drop_above_limit(slot);
}

#endif /* SLOTPOOL_SLOT_PAGES_H */
