/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 4
 *
 * A slot: its owner, its limit, its private pages.
 */
#ifndef SLOTPOOL_SLOT_H
#define SLOTPOOL_SLOT_H

#include <linux/bits.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "charge.h"
#include "decay.h"
#include "image.h"
#include "reserve.h"
#include "stats.h"

/* The first attempt to allocate fails early; the second may invoke the OOM killer. */
#define SLOT_GFP_POLITE (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)
#define SLOT_GFP_FIRM GFP_KERNEL

/**
 * struct slot_memory - what all slots of a pool share
 * @reserve: pages set aside
 * @images: what the images share
 * @decay: how often slots may be watched
 * @overcommit: allocate pages from the system when the reserve is empty
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
 * struct slot_client - what slots know of a client
 * @mapping: invariant: the client's address space, which has its page table entries
 * @charge: private pages of the client's slots, and pages promised to them
 * @nr_owned: slots allocated by the client
 * @lock: protects what follows; nests inside a slot's mutex
 * @slots: slots whose &slot.client is this client
 * @nr_slots: number of slots on @slots
 */
struct slot_client {
	struct address_space *mapping;
	struct charge charge;
	atomic_t nr_owned;
	spinlock_t lock;	/* protects @slots, @nr_slots */
	struct list_head slots;
	unsigned int nr_slots;
};

/**
 * struct slot_terms - the terms of an allocation, in pages
 * @limit: pages that are accessible
 * @commit: private pages that the slot is promised
 * @keep: pages that a reset overwrites at most
 * @has_key: whether @key is the slot's affinity
 * @key: the affinity, reported to the owner
 */
struct slot_terms {
	unsigned long limit;
	unsigned long commit;
	unsigned long keep;
	bool has_key;
	u64 key;
};

/**
 * enum slot_life - how far the instances of a slot have come since it was empty
 * @SLOT_LIFE_FRESH: The first instance has not faulted. Its first fault prepares
 *	the pages that instances of the image write.
 * @SLOT_LIFE_FIRST: The first instance is running.
 * @SLOT_LIFE_UNTOUCHED: Instances have ended without a fault. The first fault
 *	still prepares pages.
 * @SLOT_LIFE_LATER: An earlier instance has run, and the slot keeps its pages.
 */
enum slot_life {
	SLOT_LIFE_FRESH,
	SLOT_LIFE_FIRST,
	SLOT_LIFE_UNTOUCHED,
	SLOT_LIFE_LATER,
};

/**
 * enum slot_reset_reason - why a reset has more to do than to overwrite pages
 * @SLOT_RESET_TERMS: The limit or the commitment moved.
 * @SLOT_RESET_PAGES: Pages became private: they may be more than are kept, and
 *	have used up promises.
 * @SLOT_RESET_PROMISES: Pages or promises were lost or given back.
 * @SLOT_RESET_RECORD: The instance is watched, or is the first one.
 */
enum slot_reset_reason {
	SLOT_RESET_TERMS = BIT(0),
	SLOT_RESET_PAGES = BIT(1),
	SLOT_RESET_PROMISES = BIT(2),
	SLOT_RESET_RECORD = BIT(3),
};

/**
 * struct slot - the contents of a slot that was allocated at least once
 * @lock: protects all that follows; no other slot's mutex is held with it
 * @memory: invariant: where pages come from
 * @index: invariant: which slot of the pool it is
 * @first: invariant: where it begins in the device, in pages
 * @owner: the client that allocated it, NULL if it is free; page faults read
 *	it without the lock to refuse early
 * @client: the client whose data it may hold and whose page table entries may
 *	point to its pages: the owner, or the last owner of a warm slot; NULL
 *	if the slot holds nothing
 * @client_link: in the client's list of slots
 * @image: what a reset restores, and whose pages the slot's page table entries
 *	may point to; NULL for zeros. The slot is attached to it.
 * @terms: terms of the allocation
 * @reset_limit: limit that a reset restores
 * @reset_commit: commitment that a reset restores
 * @reset_reasons: set of enum slot_reset_reason; 0 if a reset only overwrites pages
 * @life: how far its instances have come
 * @decay: which private pages are no longer written
 * @nr_promised: pages that the reserve keeps for this slot
 * @nr_made: pages that became private since the instance started
 * @nr_prepared: pages that were made private before they were touched
 * @mapped_end: no page table entry is at or above this page of the slot
 * @pages_end: no private page is at or above this page of the slot
 * @remap: the next fault maps all private pages, not only its own
 * @pages: all private pages, linked by &page.lru in the order in which they
 *	became private (private_page.h says what else they store)
 * @nr_pages: number of pages on @pages
 * @nr_borrowed: of these, pages that are not the reserve's
 * @by_index: the private pages, for lookup
 * @scans_left: 0 if @by_index has all private pages. Otherwise it may lack
 *	prepared pages, and this many lookups minus one may scan @pages before
 *	they are added.
 * @nr_warm: what the slot adds to its shard's count of warm pages, which the
 *	shard's lock protects
 * @nr_warm_borrowed: the same for borrowed pages
 * @borrowing_link: in the shard's list of warm slots with borrowed pages
 *
 * A slot is freed with its pool, never earlier.
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
	unsigned int reset_reasons;
	enum slot_life life;
	struct decay decay;
	unsigned long nr_promised;
	unsigned long nr_made;
	unsigned long nr_prepared;
	unsigned long mapped_end;
	unsigned long pages_end;
	bool remap;
	unsigned int scans_left;
	struct xarray by_index;
	struct list_head pages;
	unsigned long nr_pages;
	unsigned long nr_borrowed;
	unsigned long nr_warm;
	unsigned long nr_warm_borrowed;
	struct list_head borrowing_link;
};

#endif /* SLOTPOOL_SLOT_H */
