// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 6
 *
 * The life of a slot: allocation, reset, resize, free, decommit.
 *
 * A reset copies the image over the private pages where they are. The page table
 * entries stay, and the next instance of the same client takes no fault.
 *
 * These keep one tenant's bytes from the next:
 *
 * - A page is overwritten completely when it becomes private (slot_pages.c).
 * - A slot that changes its client or its image loses all entries and all pages
 *   first, without releasing its mutex in between (slot_assign()).
 * - A free slot's contents are those of its image (slot_free()).
 * - A page leaves a slot only when no entry points to it any more, and is used
 *   again only when nothing else refers to it (slot_drop(), reserve_give()).
 *
 * Nothing is copied from or to user memory under a slot's mutex: the buffer could
 * lie in that slot, and its fault would wait for the mutex.
 *
 * Documentation/design.rst has the order of locks.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "image_build.h"
#include "mapping.h"
#include "private_page.h"
#include "slot_life.h"
#include "slot_pages.h"

/* Pages to overwrite before rescheduling is considered */
#define SLOT_RESCHED_PAGES 16

/**
 * slot_create() - set up a slot that holds nothing
 * @memory: where its pages will come from
 * @index: which slot of the pool it is
 * @first: where it begins in the device, in pages
 *
 * Context: Process context, may sleep.
 * Return: The slot, or NULL without memory for it.
 */
struct slot *slot_create(struct slot_memory *memory, u32 index, pgoff_t first)
{
	struct slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL);

	if (!slot)
		return NULL;
	mutex_init(&slot->lock);
	slot->memory = memory;
	slot->index = index;
	slot->first = first;
	INIT_LIST_HEAD(&slot->client_link);
	INIT_LIST_HEAD(&slot->pages);
	INIT_LIST_HEAD(&slot->borrowing_link);
	xa_init_flags(&slot->by_index, memory->overcommit ? XA_FLAGS_ACCOUNT : 0);
	return slot;
}

/**
 * slot_destroy() - undo slot_create()
 * @slot: a slot that holds nothing, or NULL
 *
 * Context: Process context. The caller has the only reference.
 */
void slot_destroy(struct slot *slot)
{
	if (!slot)
		return;
	WARN_ON(slot->client);
	mutex_destroy(&slot->lock);
	kfree(slot);
}

/**
 * slot_client_init() - set up what slots know of a client
 * @client: the client
 * @mapping: its address space
 * @max_pages: bound of what its slots may hold and are promised; 0 for none
 *
 * Context: Any.
 */
void slot_client_init(struct slot_client *client, struct address_space *mapping,
		      unsigned long max_pages)
{
	client->mapping = mapping;
	charge_init(&client->charge, max_pages ? max_pages : CHARGE_UNBOUNDED);
	atomic_set(&client->nr_owned, 0);
	spin_lock_init(&client->lock);
	INIT_LIST_HEAD(&client->slots);
	client->nr_slots = 0;
}

/**
 * slot_client_next() - return the slots of a client, one after the other
 * @client: the client
 *
 * The slots of a client are those that it owns, and those free ones that it
 * owned last.
 *
 * Context: Any but interrupts. Other clients may take free slots away at any
 * time: check &slot.client again under the slot's mutex.
 * Return: The next slot, or NULL if there is none.
 */
struct slot *slot_client_next(struct slot_client *client)
{
	struct slot *slot;

	spin_lock(&client->lock);
	slot = list_first_entry_or_null(&client->slots, struct slot, client_link);
	if (slot)
		list_move_tail(&slot->client_link, &client->slots);
	spin_unlock(&client->lock);
	return slot;
}

/* Make a slot without a client the slot of one, to start as @image. */
static void slot_set_client(struct slot *slot, struct slot_client *client, struct image *image)
{
	lockdep_assert_held(&slot->lock);

	WRITE_ONCE(slot->client, client);
	if (image)
		image_attach(image);
	slot->image = image;
	slot->life = image ? SLOT_LIFE_FRESH : SLOT_LIFE_FIRST;
	slot->nr_prepared = 0;
	decay_start(&slot->decay);
	spin_lock(&client->lock);
	list_add_tail(&slot->client_link, &client->slots);
	client->nr_slots++;
	spin_unlock(&client->lock);
}

static void slot_clear_client(struct slot *slot)
{
	struct slot_client *client = slot->client;

	lockdep_assert_held(&slot->lock);

	spin_lock(&client->lock);
	list_del_init(&slot->client_link);
	client->nr_slots--;
	spin_unlock(&client->lock);
	/* pool_client_release() waits for the list to be empty: @client may be freed. */
	WRITE_ONCE(slot->client, NULL);
	/* The slot is empty: no entry points to the image's pages any more. */
	image_detach(slot->image);
	slot->image = NULL;
}

static void slot_clear_owner(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	/* From here on faults are refused. */
	WRITE_ONCE(slot->owner, NULL);
	atomic_dec(&slot->client->nr_owned);
	/* This only takes promises back, and can't fail. */
	slot_commit(slot, slot->terms.limit, 0);
}

static bool slot_is_first_life(const struct slot *slot)
{
	return slot->life == SLOT_LIFE_FRESH || slot->life == SLOT_LIFE_FIRST;
}

static void slot_end_first_life(struct slot *slot)
{
	if (slot->life == SLOT_LIFE_FRESH)
		slot->life = SLOT_LIFE_UNTOUCHED;
	else if (slot->life == SLOT_LIFE_FIRST)
		slot->life = SLOT_LIFE_LATER;
}

/**
 * slot_assign() - allocate a free slot to a client
 * @slot: a free slot that the caller has taken from the policy
 * @client: the client
 * @image: what the slot starts as, NULL for zeros; the slot takes a reference
 * @terms: the terms; limit, commitment and so on are valid
 * @kept: returns whether the slot keeps what it held
 *
 * If another client used the slot last, or if it has another image, it is emptied
 * first.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0; -ENOBUFS if the reserve can't promise the commitment, -EDQUOT if
 * the client may not hold as much. After an error the slot is free, and the
 * caller decommits it.
 */
int slot_assign(struct slot *slot, struct slot_client *client, struct image *image,
		const struct slot_terms *terms, bool *kept)
{
	int err;

	lockdep_assert_held(&slot->lock);

	if (slot->client != client || slot->image != image) {
		/* No page passes from one client, or one image, to another. */
		slot_decommit(slot);
		slot_set_client(slot, client, image);
	}

	slot->nr_made = 0;
	err = slot_commit(slot, terms->limit, terms->commit);
	if (err)
		return err;
	slot->terms = *terms;
	slot->reset_limit = terms->limit;
	slot->reset_commit = terms->commit;
	slot->reset_reasons = 0;
	if (slot_is_first_life(slot) || slot->decay.watching)
		slot->reset_reasons |= SLOT_RESET_RECORD;
	if (slot->nr_pages > terms->keep)
		slot->reset_reasons |= SLOT_RESET_PAGES;
	slot_enforce_limit(slot);

	atomic_inc(&client->nr_owned);
	WRITE_ONCE(slot->owner, client);
	*kept = !slot_is_first_life(slot);
	return 0;
}

/**
 * slot_resize() - move the limit and the commitment of an allocated slot
 * @slot: the slot
 * @limit: the new limit in pages
 * @commit: the new commitment in pages, not above the limit
 *
 * Pages above a lower limit are given back. A reset restores the lowest limit and
 * commitment since the allocation: a reset can't fail, and the reserve may not be
 * able to promise a higher commitment again.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0, or -ENOBUFS or -EDQUOT as slot_assign(), and nothing has changed.
 */
int slot_resize(struct slot *slot, unsigned long limit, unsigned long commit)
{
	int err;

	lockdep_assert_held(&slot->lock);

	err = slot_commit(slot, limit, commit);
	if (err)
		return err;
	slot->reset_limit = min(slot->reset_limit, limit);
	slot->reset_commit = min(slot->reset_commit, commit);
	slot->reset_reasons |= SLOT_RESET_TERMS;
	slot_enforce_limit(slot);
	return 0;
}

/* Mark the pages that the first instance touched itself: those not prepared. */
static void slot_mark_touched(struct slot *slot)
{
	unsigned long nr_pages = 0;
	struct page *page;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry(page, &slot->pages, lru) {
		cond_resched();
		/* Prepared pages come first on the list. */
		if (nr_pages++ < slot->nr_prepared)
			continue;
		xa_set_mark(&slot->by_index, private_page_index(page), DECAY_WRITTEN);
	}
}

/*
 * Return whether private pages show what the instance touched: it is the first one, it
 * has faulted, and not only on pages that were prepared.
 */
static bool slot_shows_touched(const struct slot *slot)
{
	return slot->life == SLOT_LIFE_FIRST &&
	       (!slot->nr_prepared || slot->nr_pages > slot->nr_prepared);
}

/**
 * slot_record_writes() - find out which pages the ending instance wrote
 * @slot: an allocated slot
 *
 * The image records them: other slots of the image prepare these pages.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: Whether the instance was watched. Then the pages that it wrote have the
 * mark DECAY_WRITTEN.
 */
bool slot_record_writes(struct slot *slot)
{
	bool sampled, touched;

	lockdep_assert_held(&slot->lock);

	/* A page that is missing in the tree would count as not written. */
	if (slot->decay.watching && !slot_complete_index(slot))
		slot->decay.watching = false;
	sampled = decay_sample(&slot->decay, slot->client->mapping, slot->first, &slot->by_index);
	touched = !sampled && slot_shows_touched(slot);
	slot_end_first_life(slot);

	if (!slot->image)
		return sampled;
	if (touched)
		slot_mark_touched(slot);
	if (touched || sampled)
		hot_pages_learn(&slot->image->hot, &slot->by_index, DECAY_WRITTEN,
				sampled || !slot->nr_prepared);
	return sampled;
}

/*
 * Overwrite all private pages with the image. Return false, and leave the rest as
 * it is, if a page has gone bad and must be dropped instead.
 */
static __always_inline bool slot_overwrite_all(struct slot *slot)
{
	unsigned long nr_pages = 0;
	struct page *page;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry(page, &slot->pages, lru) {
		if (unlikely(PageHWPoison(page)))
			return false;
		private_page_overwrite(page);
		if (++nr_pages % SLOT_RESCHED_PAGES == 0)
			cond_resched();
	}
	stats_add(slot->memory->stats, STATS_RESET_PAGES, nr_pages);
	return true;
}

/*
 * Overwrite the private pages to keep, and drop the others: those beyond &slot_terms.keep,
 * those that the hardware reported bad, and, after a sample, those that are
 * no longer written.
 */
static noinline void slot_overwrite_or_drop(struct slot *slot, bool sampled)
{
	struct slot_memory *memory = slot->memory;
	unsigned long nr_kept = 0;
	unsigned long nr_decayed = 0;
	unsigned long nr_dropped = 0;
	unsigned long lowest = ULONG_MAX;
	unsigned long highest = 0;
	struct page *page, *next;
	LIST_HEAD(dropped);

	lockdep_assert_held(&slot->lock);

	list_for_each_entry_safe(page, next, &slot->pages, lru) {
		unsigned long index = private_page_index(page);
		bool decayed = sampled && !xa_get_mark(&slot->by_index, index, DECAY_WRITTEN);

		if (nr_kept < slot->terms.keep && !decayed && !PageHWPoison(page)) {
			private_page_overwrite(page);
			nr_kept++;
		} else {
			lowest = min(lowest, index);
			highest = max(highest, index);
			list_move(&page->lru, &dropped);
			nr_decayed += decayed;
			nr_dropped++;
		}
		cond_resched();
	}
	stats_add(memory->stats, STATS_RESET_PAGES, nr_kept);
	if (nr_dropped) {
		/*
		 * Flush once for all dropped pages. Kept pages between them lose
		 * their entries too: the next fault maps all of them again.
		 */
		stats_add(memory->stats, STATS_DROPPED_PAGES, nr_dropped);
		if (lowest < slot->mapped_end)
			mapping_zap(slot->client->mapping, slot->first + lowest,
				    highest - lowest + 1);
		slot_drop(slot, &dropped);
		slot->remap = true;
	}

	if (sampled) {
		stats_add(memory->stats, STATS_DECAY_SAMPLES, 1);
		stats_add(memory->stats, STATS_DECAYED_PAGES, nr_decayed);
		decay_adapt(&slot->decay, nr_decayed);
	}
	decay_resize(&slot->decay, slot->nr_pages);
}

/* Begin to watch which pages the next instance writes. */
static noinline void slot_watch(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (!slot_complete_index(slot)) {
		/* A page that is missing in the tree would count as not written. */
		decay_adapt(&slot->decay, true);
		return;
	}
	if (decay_watch(&slot->decay, &slot->memory->decay, slot->client->mapping, slot->first,
			&slot->by_index)) {
		/* Each page has to fault for itself. */
		slot_unmap(slot);
		slot->remap = false;
	}
	if (slot->decay.watching)
		slot->reset_reasons |= SLOT_RESET_RECORD;
}

/*
 * Make the slot read as its image again by overwriting the private pages to keep.
 * With @unmap nothing of the slot is mapped afterwards. Without @reasons there is
 * nothing else to do.
 */
static __always_inline void slot_restore_contents(struct slot *slot, unsigned int reasons,
						  bool unmap)
{
	bool sampled = false;
	bool drop = false;

	lockdep_assert_held(&slot->lock);

	if (unlikely(reasons)) {
		sampled = slot_record_writes(slot);
		drop = sampled || slot->nr_pages > slot->terms.keep;
		if (!drop)
			decay_resize(&slot->decay, slot->nr_pages);
	}
	/*
	 * After the sample, which reads the entries; before a page is overwritten,
	 * or a thread that still writes could change it afterwards.
	 */
	if (unlikely(unmap))
		slot_unmap(slot);
	if (unlikely(drop) || !slot_overwrite_all(slot))
		slot_overwrite_or_drop(slot, sampled);
	if (unlikely(decay_due(&slot->decay)))
		slot_watch(slot);
}

/*
 * Restore the limit and the commitment of a reset. Return false if that took
 * emptying the slot.
 */
static noinline bool slot_restore_terms(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot->nr_made = 0;
	if (slot_commit(slot, slot->reset_limit, slot->reset_commit)) {
		/*
		 * The next instance may touch other pages than this one did, and
		 * the reserve has none to promise for them but those that the
		 * slot holds: it promises each one that is given back.
		 */
		slot->terms.limit = slot->reset_limit;
		slot->terms.commit = slot->reset_commit;
		stats_add(slot->memory->stats, STATS_DROPPED_PAGES, slot->nr_pages);
		slot_empty(slot);
		decay_start(&slot->decay);
		return false;
	}
	slot->reset_reasons = 0;
	slot_enforce_limit(slot);
	return true;
}

/**
 * slot_reset() - restore what an allocated slot was when it was allocated
 * @slot: the slot
 *
 * Context: Process context, holding &slot.lock. May sleep, never fails.
 */
void slot_reset(struct slot *slot)
{
	unsigned int reasons = slot->reset_reasons;

	lockdep_assert_held(&slot->lock);

	stats_add(slot->memory->stats, STATS_RESETS, 1);
	if (likely(!reasons) || slot_restore_terms(slot))
		slot_restore_contents(slot, reasons, false);
}

/**
 * slot_free() - free an allocated slot, and let it keep its memory
 * @slot: the slot
 *
 * The page table entries stay for the next use by the same client, except in a
 * strict pool.
 *
 * Context: Process context, holding &slot.lock. May sleep, never fails.
 */
void slot_free(struct slot *slot)
{
	bool strict = slot->memory->strict;

	lockdep_assert_held(&slot->lock);

	slot_clear_owner(slot);
	slot_restore_contents(slot, slot->reset_reasons, strict);
	/* Without dirty bits only faults show which pages are touched: let each page fault. */
	if (strict)
		slot->remap = MAPPING_HAS_DIRTY_BITS || !slot->decay.watching;
}

/**
 * slot_decommit() - free a slot if it is allocated, and empty it
 * @slot: the slot
 *
 * Afterwards the slot holds no memory, no page table entry points to what was
 * its memory, and it has no client.
 *
 * Context: Process context, holding &slot.lock. May sleep, never fails.
 */
void slot_decommit(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (!slot->client)
		return;
	if (slot->owner)
		slot_clear_owner(slot);
	slot_empty(slot);
	slot_clear_client(slot);
}

/**
 * slot_snapshot() - copy an allocated slot as it stands
 * @slot: the slot
 * @image: an empty image, as long as the slot's limit, that nobody else knows
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0; -EFBIG, -EDQUOT or -ENOSPC above a bound of images, -ENOMEM, -EINTR
 * if the task is being killed. After an error the caller gives the image up.
 */
int slot_snapshot(struct slot *slot, struct image *image)
{
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry(page, &slot->pages, lru) {
		err = image_add_page(image, private_page_index(page), page,
				     private_page_original(page));
		if (err)
			return err;
		cond_resched();
	}
	return slot->image ? image_add_base(image, slot->image) : 0;
}
