/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_SLOT_H
#define SLOTPOOL_SLOT_H

#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "decay.h"
#include "image.h"
#include "reserve.h"
#include "stats.h"

/* How hard to try to find memory of the system: the second may kill somebody. */
#define SLOT_GFP_POLITE (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)
#define SLOT_GFP_FIRM GFP_KERNEL

/**
 * struct slot_memory - what all slots of a pool draw on
 * @reserve: pages set aside
 * @images: what images share
 * @decay: how often slots may be watched
 * @overcommit: take pages of the system when the reserve has none
 * @strict: unmap slots when they are freed
 * @stats: event counters
 *
 * @overcommit, @strict and @stats are invariant.
 */
struct slot_memory {
	struct reserve reserve;
	struct image_store images;
	struct decay_budget decay;
	bool overcommit;
	bool strict;
	struct stats __percpu *stats;
};

/**
 * struct slot_client - what a slot knows of the client that uses it
 * @mapping: the client's address space, where its page table entries are found
 * @max_pages: bound of @nr_pages
 * @nr_pages: private pages of the client's slots and pages promised to them
 * @nr_owned: slots allocated by the client
 * @lock: protects what follows; inside a slot's mutex
 * @slots: slots whose &slot.client is this client
 * @nr_slots: how many
 *
 * @mapping and @max_pages are invariant.
 */
struct slot_client {
	struct address_space *mapping;
	long max_pages;
	atomic_long_t nr_pages;
	atomic_t nr_owned;
	spinlock_t lock;	/* protects @slots, @nr_slots */
	struct list_head slots;
	unsigned int nr_slots;
};

/**
 * struct slot_terms - on what terms a slot is allocated, in pages
 * @limit: pages that are accessible
 * @commit: private pages that the slot is promised
 * @keep: pages that a reset overwrites at most
 * @has_key: whether @key is the slot's affinity
 * @key: the affinity, to tell it to the owner
 */
struct slot_terms {
	unsigned long limit;
	unsigned long commit;
	unsigned long keep;
	bool has_key;
	u64 key;
};

/**
 * struct slot - the contents of a slot that was allocated at least once
 * @lock: protects all that follows; taken with no other slot's mutex held
 * @memory: invariant: where pages come from
 * @index: invariant: which slot of the pool it is
 * @first: invariant: where it begins in the device, in pages
 * @owner: the client that allocated it, NULL if it is free; page faults look
 *	at it without the lock to refuse quickly
 * @client: the client whose data it may hold and whose page table entries may
 *	point to its pages; the owner, or for a warm slot the last owner; NULL
 *	if the slot holds nothing
 * @client_link: in the client's list of slots
 * @image: what the slot is reset to, and to whose pages its page table entries
 *	may point; NULL for zeros. The slot is attached to it.
 * @terms: terms of the allocation
 * @reset_limit: limit to which a reset goes back
 * @reset_commit: commitment to which a reset goes back
 * @high_water: no page table entry and no private page is at or above this
 *	page of the slot
 * @mapped: there may be page table entries
 * @remap: the next fault maps all private pages, not only its own
 * @prepare: before that it makes those pages private that instances of the
 *	image write
 * @first_life: the slot was empty when its instance started
 * @nr_prepared: pages that were made private before they were touched
 * @decay: which private pages are not written any more
 * @nr_promised: pages that the reserve keeps for this slot
 * @nr_made: pages that became private since the slot was new
 * @slow_reset: a reset may have more to do than to copy pages: the limit or the
 *	promises are not those that it goes back to, there is something to learn, or
 *	there are more pages than are kept
 * @unindexed: pages that were made private before they were touched may be missing in
 *	@by_index
 * @nr_scans: how often one was looked for on the list of pages since
 * @by_index: private pages, to look up; not all if @unindexed
 * @pages: all private pages, linked by &page.lru in the order in which they were made;
 *	&page.index says where in the slot each of them is
 * @nr_pages: how many
 * @nr_borrowed: of these, pages that are not the reserve's
 * @nr_warm: what the slot adds to its shard's count of warm pages, which that
 *	one's lock protects
 * @nr_warm_borrowed: the same for borrowed pages
 * @borrowing_link: in the shard's list of warm slots that hold such
 *
 * A slot is never freed before its pool.
 */
struct slot {
	struct mutex lock;	/* protects the contents */
	struct slot_memory *memory;
	u32 index;
	pgoff_t first;
	struct slot_client *owner;
	struct slot_client *client;
	struct list_head client_link;
	struct image *image;
	struct slot_terms terms;
	unsigned long reset_limit;
	unsigned long reset_commit;
	unsigned long high_water;
	bool mapped;
	bool remap;
	bool prepare;
	bool first_life;
	unsigned long nr_prepared;
	struct decay decay;
	unsigned long nr_promised;
	unsigned long nr_made;
	bool slow_reset;
	bool unindexed;
	unsigned int nr_scans;
	struct xarray by_index;
	struct list_head pages;
	unsigned long nr_pages;
	unsigned long nr_borrowed;
	unsigned long nr_warm;
	unsigned long nr_warm_borrowed;
	struct list_head borrowing_link;
};

struct slot *slot_create(struct slot_memory *memory, u32 index, pgoff_t first);
void slot_destroy(struct slot *slot);

void slot_client_init(struct slot_client *client, struct address_space *mapping,
		      unsigned long max_pages);
struct slot *slot_client_next(struct slot_client *client);

int slot_assign(struct slot *slot, struct slot_client *client, struct image *image,
		const struct slot_terms *terms, bool *kept);
int slot_resize(struct slot *slot, unsigned long limit, unsigned long commit);
bool slot_learn(struct slot *slot);
void slot_reset(struct slot *slot);
void slot_vacate(struct slot *slot);
void slot_decommit(struct slot *slot);
int slot_snapshot(struct slot *slot, struct image *image);

int slot_fault(struct slot *slot, struct slot_client *client, struct vm_fault *vmf,
	       pgoff_t index, gfp_t gfp, vm_fault_t *result);
int slot_access(struct slot *slot, struct slot_client *client, pgoff_t index,
		unsigned int offset, void *buffer, unsigned int length, bool write, gfp_t gfp);

#endif /* SLOTPOOL_SLOT_H */
