// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contents of a slot: private pages, reset, limit, commitment, decommit.
 *
 * A page of a slot is absent (it reads as the image's page, or as zeros, through
 * a page that all share) or private (made by the first write, then kept). A
 * reset copies the image over the private pages where they are, so that the page
 * table entries stay and the next instance of the same client takes no fault.
 *
 * What keeps one tenant's bytes from the next:
 *
 * - A page is overwritten completely when it becomes private, before any page
 *   table entry points to it (slot_make_private(), slot_prepare_pages()).
 * - A slot that changes its client or its image loses all entries and all pages
 *   first, in one section under its mutex (slot_assign()).
 * - A free slot's contents are those of its image (slot_vacate()).
 * - A page leaves a slot only when no entry points to it any more, and is used
 *   again only when nothing else refers to it (slot_drop(), reserve_give()).
 *
 * Order of locks, outermost first:
 *
 *	mmap_lock or the lock of a VMA	held by the caller of a fault
 *	pool_client.purge_lock		while going through a client's slots
 *	slot.lock			one slot's at a time
 *	image.lock			one image's at a time
 *	i_mmap_rwsem			inside mapping_zap() and mapping_clean()
 *	slot_client.lock, shard.lock	spinlocks, for list work
 *	image_store.lock
 *	reserve.lock
 *
 * While memory is reclaimed, the mutexes of slots and images are only tried:
 * who holds one may be waiting for memory.
 *
 * Nothing is copied from or to user memory under slot.lock: the buffer could
 * lie in that very slot.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mapping.h"
#include "slot.h"

/* Pages that are copied before somebody looks whether others wait for the CPU */
#define SLOT_BATCH_PAGES 16

/* To index a page, and to take it out again, costs as much as to pass it 100 times. */
#define SLOT_MAX_SCANS 64

/* Others may wait for the CPU meanwhile. */
#define SLOT_MAX_SCANNED 1024

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
 * Context: Process context. Nobody else knows the slot any more.
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
	client->max_pages = max_pages ? min_t(unsigned long, max_pages, LONG_MAX) : LONG_MAX;
	atomic_long_set(&client->nr_pages, 0);
	atomic_set(&client->nr_owned, 0);
	spin_lock_init(&client->lock);
	INIT_LIST_HEAD(&client->slots);
	client->nr_slots = 0;
}

/**
 * slot_client_next() - one after the other, the slots of a client
 * @client: the client
 *
 * The slots are those that the client owns or, of the free ones, owned last.
 *
 * Context: Any but interrupts. Others may take free slots away: the caller
 * looks at &slot.client again under the mutex.
 * Return: The slot, or NULL if there is none.
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

/* Never goes above the bound: a page that is below it would be refused. */
static bool client_charge(struct slot_client *client, long nr_pages)
{
	long held = atomic_long_read(&client->nr_pages);

	do {
		if (nr_pages > client->max_pages - held)
			return false;
	} while (!atomic_long_try_cmpxchg(&client->nr_pages, &held, held + nr_pages));
	return true;
}

static void client_uncharge(struct slot_client *client, long nr_pages)
{
	atomic_long_sub(nr_pages, &client->nr_pages);
}

/*
 * Pages to be promised on given terms: those committed but for the ones made
 * already since the slot was new, and no more than can still become private.
 * Pages that the slot held before that count only as the latter: the instance
 * may go on to touch others.
 */
static unsigned long slot_promise_due(const struct slot *slot, unsigned long limit,
				      unsigned long commit)
{
	unsigned long claim = commit > slot->nr_made ? commit - slot->nr_made : 0;
	unsigned long absent = limit > slot->nr_pages ? limit - slot->nr_pages : 0;

	return min(claim, absent);
}

/* Has the reserve promise what is due. */
static noinline int slot_promise(struct slot *slot, unsigned long due)
{
	struct reserve *reserve = &slot->memory->reserve;

	if (due > slot->nr_promised) {
		unsigned long more = due - slot->nr_promised;

		if (!client_charge(slot->client, more))
			return -EDQUOT;
		if (!reserve_promise(reserve, more)) {
			client_uncharge(slot->client, more);
			return -ENOBUFS;
		}
	} else {
		unsigned long less = slot->nr_promised - due;

		reserve_withdraw(reserve, less);
		client_uncharge(slot->client, less);
	}
	slot->nr_promised = due;
	return 0;
}

/* Sets limit and commitment, with the promises that are due then. */
static int slot_commit(struct slot *slot, unsigned long limit, unsigned long commit)
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

/*
 * A private page remembers what it is reset to: the contents of the image's
 * page, or NULL for zeros. As long as the slot is attached to the image, that
 * page stays. (From a page to its contents is half of what a reset does for a
 * page besides copying.)
 */
static void slot_set_original(struct page *page, struct page *original)
{
	void *contents = original ? page_address(original) : NULL;

	set_page_private(page, (unsigned long)contents | reserve_owns(page));
}

static const void *slot_original(const struct page *page)
{
	return (const void *)(page_private(page) & ~RESERVE_OWNED);
}

static int slot_take_page(struct slot *slot, gfp_t gfp, struct page **pagep)
{
	bool promised = slot->nr_promised;
	struct page *page;

	lockdep_assert_held(&slot->lock);

	/* What was promised has been charged already. */
	if (!promised && !client_charge(slot->client, 1))
		return -EDQUOT;

	page = reserve_take(&slot->memory->reserve, promised);
	if (promised)
		slot->nr_promised--;
	if (!page && slot->memory->overcommit)
		page = alloc_page(gfp | __GFP_ACCOUNT);
	if (!page) {
		client_uncharge(slot->client, 1);
		/* A promise may be gone that a reset has to ask for again. */
		slot->slow_reset = true;
		return slot->memory->overcommit ? -ENOMEM : -ENOBUFS;
	}
	slot->nr_borrowed += !reserve_owns(page);
	stats_add(slot->memory->stats, STATS_TAKEN_PAGES, 1);
	*pagep = page;
	return 0;
}

/* @page is not among the slot's pages any more, and nothing maps it. */
static void slot_give_page(struct slot *slot, struct page *page)
{
	bool promise = slot->nr_promised <
		       slot_promise_due(slot, slot->terms.limit, slot->terms.commit);

	lockdep_assert_held(&slot->lock);

	slot->nr_borrowed -= !reserve_owns(page);
	slot_set_original(page, NULL);
	stats_add(slot->memory->stats, STATS_GIVEN_PAGES, 1);
	if (reserve_give(&slot->memory->reserve, page, promise))
		slot->nr_promised++;
	else
		client_uncharge(slot->client, 1);
	slot->slow_reset = true;
}

/* Takes several pages that nobody has asked for yet (slot_may_prepare()). */
static void slot_take_pages(struct slot *slot, unsigned int nr_pages, struct list_head *pages)
{
	bool overcommit = slot->memory->overcommit;
	unsigned int nr;

	lockdep_assert_held(&slot->lock);

	if (!overcommit) {
		nr_pages = min_t(unsigned long, nr_pages, slot->nr_promised);
		slot->nr_promised -= nr_pages;
	} else if (!client_charge(slot->client, nr_pages)) {
		return;
	}

	nr = reserve_take_many(&slot->memory->reserve, nr_pages, !overcommit, pages);
	for (; overcommit && nr < nr_pages; nr++) {
		struct page *page = alloc_page(SLOT_GFP_POLITE | __GFP_ACCOUNT);

		if (!page)
			break;
		list_add_tail(&page->lru, pages);
		slot->nr_borrowed++;
	}
	client_uncharge(slot->client, nr_pages - nr);
	stats_add(slot->memory->stats, STATS_TAKEN_PAGES, nr);
}

/*
 * Gives pages of the slot back. The caller has taken out their page table
 * entries, and nobody can put them back: that needs the mutex.
 */
static void slot_drop(struct slot *slot, struct list_head *pages)
{
	struct page *page, *next;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		xa_erase(&slot->by_index, page->index);
		slot->nr_pages--;
		slot_give_page(slot, page);
		cond_resched();
	}
}

/* Takes out all of the slot's page table entries. */
static void slot_unmap(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (slot->mapped)
		mapping_zap(slot->client->mapping, slot->first, slot->high_water);
	slot->mapped = false;
}

/* Makes all pages absent. */
static void slot_empty(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot_unmap(slot);
	slot->high_water = 0;
	slot_drop(slot, &slot->pages);
	slot->unindexed = false;
}

/* Makes a page what it is in the image. */
static inline void slot_fill(struct page *page)
{
	const void *original = slot_original(page);

	if (original)
		copy_page(page_address(page), (void *)original);
	else
		clear_page(page_address(page));
}

/* The only way for a page to become private where somebody may have an entry for another. */
static int slot_make_private(struct slot *slot, pgoff_t index, gfp_t gfp, struct page **pagep)
{
	struct page *original = NULL;
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	if (slot->image) {
		original = image_page(slot->image, index, gfp);
		if (IS_ERR(original))
			return PTR_ERR(original);
	}
	err = slot_take_page(slot, gfp, &page);
	if (err)
		return err;
	slot_set_original(page, original);
	/* It may hold what another tenant wrote. */
	slot_fill(page);
	/*
	 * What keeps track of pages is charged like them (slot_create()): where
	 * these are the pool's own, a cgroup's bound must not fail a fault
	 * inside a commitment.
	 */
	err = xa_err(xa_store(&slot->by_index, index, page, gfp));
	if (err) {
		slot_give_page(slot, page);
		return err;
	}
	page->index = index;
	list_add_tail(&page->lru, &slot->pages);
	slot->nr_pages++;
	slot->nr_made++;
	slot->slow_reset = true;

	/*
	 * The page that all share may be mapped at this place, here or in
	 * another mapping of the slot, and must not be seen any more.
	 */
	if (slot->mapped && index < slot->high_water)
		mapping_zap(slot->client->mapping, slot->first + index, 1);
	slot->high_water = max(slot->high_water, index + 1);
	*pagep = page;
	return 0;
}

/* Puts all private pages into the tree; false without memory for that. */
static bool slot_index(struct slot *slot)
{
	struct page *page;

	lockdep_assert_held(&slot->lock);

	if (likely(!slot->unindexed))
		return true;
	list_for_each_entry(page, &slot->pages, lru) {
		if (xa_err(xa_store(&slot->by_index, page->index, page, SLOT_GFP_POLITE)))
			return false;
		cond_resched();
	}
	slot->unindexed = false;
	return true;
}

/* Finds a private page; NULL if it is absent. */
static struct page *slot_find(struct slot *slot, pgoff_t index)
{
	struct page *page;

	lockdep_assert_held(&slot->lock);

	if (slot->unindexed && slot->nr_pages <= SLOT_MAX_SCANNED &&
	    slot->nr_scans < SLOT_MAX_SCANS)
		slot->nr_scans++;
	else if (slot_index(slot))
		return xa_load(&slot->by_index, index);
	list_for_each_entry(page, &slot->pages, lru) {
		if (page->index == index)
			return page;
	}
	return NULL;
}

/* Makes all pages above the limit absent. */
static void slot_empty_above(struct slot *slot)
{
	unsigned long limit = slot->terms.limit;
	unsigned long nr_above = 0;
	struct page *page, *next;
	LIST_HEAD(above);

	lockdep_assert_held(&slot->lock);

	if (slot->mapped)
		mapping_zap(slot->client->mapping, slot->first + limit, slot->high_water - limit);
	slot->high_water = limit;
	list_for_each_entry_safe(page, next, &slot->pages, lru) {
		if (page->index >= limit) {
			list_move(&page->lru, &above);
			nr_above++;
		}
	}
	/* Counts those as not made that may have been: then more is promised. */
	slot->nr_made -= min(slot->nr_made, nr_above);
	slot_drop(slot, &above);
}

/*
 * An entry that is present doesn't fault, so a lower limit counts only when
 * nothing is mapped above it any more.
 */
static void slot_trim(struct slot *slot)
{
	if (slot->high_water > slot->terms.limit)
		slot_empty_above(slot);
}

/* Marks what the first instance of a slot touched that was not there already. */
static void slot_mark_touched(struct slot *slot)
{
	unsigned long nr_pages = 0;
	struct page *page;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry(page, &slot->pages, lru) {
		/* They were made first. */
		if (nr_pages++ < slot->nr_prepared)
			continue;
		xa_set_mark(&slot->by_index, page->index, DECAY_WRITTEN);
		cond_resched();
	}
}

/**
 * slot_learn() - find out which pages the instance wrote that ends now
 * @slot: an allocated slot
 *
 * Tells it to the image, which has other slots set up what was written.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: Whether it is known; then the pages written have the mark
 * DECAY_WRITTEN.
 */
bool slot_learn(struct slot *slot)
{
	bool sampled, touched;

	lockdep_assert_held(&slot->lock);

	/* A page that can't be looked up would count as not written. */
	if (slot->decay.watching && !slot_index(slot))
		slot->decay.watching = false;
	sampled = decay_sample(&slot->decay, slot->client->mapping, slot->first, &slot->by_index);
	/*
	 * What a slot has that was empty, and wasn't prepared, its instance touched.
	 * One that never faulted may not have run at all.
	 */
	touched = slot->first_life && !slot->prepare && !sampled &&
		  (!slot->nr_prepared || slot->nr_pages > slot->nr_prepared);
	slot->first_life = false;
	if (slot->image && touched)
		slot_mark_touched(slot);
	if (slot->image && (touched || sampled))
		image_learn(slot->image, &slot->by_index, DECAY_WRITTEN,
			    sampled || !slot->nr_prepared);
	return sampled;
}

/* Copies the image over all private pages; false if some have to go instead. */
static __always_inline bool slot_refill(struct slot *slot)
{
	unsigned long nr_pages = 0;
	struct page *page;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry(page, &slot->pages, lru) {
		if (unlikely(PageHWPoison(page)))
			return false;
		slot_fill(page);
		if (++nr_pages % SLOT_BATCH_PAGES == 0)
			cond_resched();
	}
	stats_add(slot->memory->stats, STATS_RESET_PAGES, nr_pages);
	return true;
}

/*
 * The same where pages have to go: those above what is kept, those that the
 * hardware reported bad, and, after a sample, those not written any more.
 */
static noinline void slot_sift(struct slot *slot, bool sampled)
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
		bool decayed = sampled && !xa_get_mark(&slot->by_index, page->index, DECAY_WRITTEN);

		if (nr_kept < slot->terms.keep && !decayed && !PageHWPoison(page)) {
			slot_fill(page);
			nr_kept++;
		} else {
			lowest = min(lowest, page->index);
			highest = max(highest, page->index);
			list_move(&page->lru, &dropped);
			nr_decayed += decayed;
			nr_dropped++;
		}
		cond_resched();
	}
	stats_add(memory->stats, STATS_RESET_PAGES, nr_kept);
	if (nr_dropped) {
		/*
		 * One flush for all that is dropped. Kept pages in between lose
		 * their entries too: one fault brings back all of them.
		 */
		stats_add(memory->stats, STATS_DROPPED_PAGES, nr_dropped);
		if (slot->mapped)
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

static noinline void slot_watch(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (!slot_index(slot)) {
		/* When there is memory for that: what is missing would count as not written. */
		decay_adapt(&slot->decay, true);
		return;
	}
	if (decay_watch(&slot->decay, &slot->memory->decay, slot->client->mapping, slot->first,
			&slot->by_index)) {
		/* Each page has to fault for itself. */
		slot_unmap(slot);
		slot->remap = false;
	}
	slot->slow_reset |= slot->decay.watching;
}

/*
 * Makes the slot read as its image again by copying it over what is kept. With
 * @unmap nobody can write to it any more once it does. Unless it is @slow, that
 * is all.
 */
static __always_inline void slot_restore(struct slot *slot, bool slow, bool unmap)
{
	bool sampled = false;
	bool sift = false;

	lockdep_assert_held(&slot->lock);

	if (unlikely(slow)) {
		sampled = slot_learn(slot);
		sift = sampled || slot->nr_pages > slot->terms.keep;
		if (!sift)
			decay_resize(&slot->decay, slot->nr_pages);
	}
	/* After its entries have told what was written, before a page is new. */
	if (unlikely(unmap))
		slot_unmap(slot);
	if (unlikely(sift) || !slot_refill(slot))
		slot_sift(slot, sampled);
	if (unlikely(decay_due(&slot->decay)))
		slot_watch(slot);
}

/**
 * slot_assign() - allocate a free slot to a client
 * @slot: a free slot that the caller has taken from the policy
 * @client: the client
 * @image: what the slot starts as, NULL for zeros; the slot gets a reference of
 *	its own
 * @terms: the terms; limit, commitment and so on are valid
 * @kept: whether the slot keeps what it held
 *
 * A slot that another client used last, or that is another image, is emptied
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
		/* No page passes between clients, none between images. */
		slot_decommit(slot);
		WRITE_ONCE(slot->client, client);
		if (image)
			image_attach(image);
		slot->image = image;
		decay_start(&slot->decay);
		slot->first_life = true;
		slot->prepare = image;
		slot->nr_prepared = 0;
		spin_lock(&client->lock);
		list_add_tail(&slot->client_link, &client->slots);
		client->nr_slots++;
		spin_unlock(&client->lock);
	}

	slot->nr_made = 0;
	err = slot_commit(slot, terms->limit, terms->commit);
	if (err)
		return err;
	slot->terms = *terms;
	slot->reset_limit = terms->limit;
	slot->reset_commit = terms->commit;
	slot->slow_reset = slot->first_life || slot->decay.watching ||
			   slot->nr_pages > terms->keep;
	slot_trim(slot);

	atomic_inc(&client->nr_owned);
	WRITE_ONCE(slot->owner, client);
	*kept = !slot->first_life;
	return 0;
}

/**
 * slot_resize() - move the limit and the commitment of an allocated slot
 * @slot: the slot
 * @limit: the new limit in pages
 * @commit: the new commitment in pages, not above the limit
 *
 * What is above a lower limit is given back. A reset goes back to the lowest
 * limit and commitment since the allocation: a higher commitment might not be
 * there to go back to.
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
	slot->slow_reset = true;
	slot_trim(slot);
	return 0;
}

/* Goes back to the limit and the commitment of a reset; false if that emptied the slot. */
static noinline bool slot_settle(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot->nr_made = 0;
	if (slot_commit(slot, slot->reset_limit, slot->reset_commit)) {
		/*
		 * The next instance may touch other pages than this one did,
		 * and there are no more for it than the slot holds: each that
		 * is given back is promised again.
		 */
		slot->terms.limit = slot->reset_limit;
		slot->terms.commit = slot->reset_commit;
		stats_add(slot->memory->stats, STATS_DROPPED_PAGES, slot->nr_pages);
		slot_empty(slot);
		decay_start(&slot->decay);
		return false;
	}
	slot->slow_reset = false;
	slot_trim(slot);
	return true;
}

/**
 * slot_reset() - make an allocated slot what it was when it was allocated
 * @slot: the slot
 *
 * Context: Process context, holding &slot.lock. May sleep, never fails.
 */
void slot_reset(struct slot *slot)
{
	bool slow = slot->slow_reset;

	lockdep_assert_held(&slot->lock);

	stats_add(slot->memory->stats, STATS_RESETS, 1);
	if (likely(!slow) || slot_settle(slot))
		slot_restore(slot, slow, false);
}

static void slot_disown(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	/* From here on faults are refused. */
	WRITE_ONCE(slot->owner, NULL);
	atomic_dec(&slot->client->nr_owned);
	/* Takes promises back only, which can't fail. */
	slot_commit(slot, slot->terms.limit, 0);
}

/**
 * slot_vacate() - free an allocated slot, but let it keep its memory
 * @slot: the slot
 *
 * The page table entries stay for the next use by the same client, except in a
 * strict pool.
 *
 * Context: Process context, holding &slot.lock. May sleep, never fails.
 */
void slot_vacate(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot_disown(slot);
	slot_restore(slot, slot->slow_reset, slot->memory->strict);
	/* Where faults tell what is touched, each page has to fault. */
	if (slot->memory->strict)
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
	struct slot_client *client = slot->client;

	lockdep_assert_held(&slot->lock);

	if (!client)
		return;
	if (slot->owner)
		slot_disown(slot);
	slot_empty(slot);

	spin_lock(&client->lock);
	list_del_init(&slot->client_link);
	client->nr_slots--;
	spin_unlock(&client->lock);
	/* The client may be gone by now: it waits for its list to be empty. */
	WRITE_ONCE(slot->client, NULL);
	/* No entry points to its pages any more. */
	image_detach(slot->image);
	slot->image = NULL;
}

/**
 * slot_snapshot() - copy an allocated slot as it stands
 * @slot: the slot
 * @image: an empty image, as long as the slot's limit, that nobody else knows
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0; -EFBIG, -EDQUOT or -ENOSPC above a bound of images, -ENOMEM, -EINTR
 * if the task is being killed. After an error the image is to be given up.
 */
int slot_snapshot(struct slot *slot, struct image *image)
{
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry(page, &slot->pages, lru) {
		err = image_add_page(image, page->index, page, slot_original(page));
		if (err)
			return err;
		cond_resched();
	}
	return slot->image ? image_add_base(image, slot->image) : 0;
}

static bool slot_accessible(const struct slot *slot, const struct slot_client *client,
			    pgoff_t index)
{
	lockdep_assert_held(&slot->lock);

	return slot->owner == client && index < slot->terms.limit;
}

/*
 * Whether pages may be made private that the instance perhaps never touches.
 * They must not use up a commitment or a quota that it needs for others.
 */
static bool slot_may_prepare(const struct slot *slot)
{
	if (!slot->memory->overcommit)
		return slot->terms.commit == slot->terms.limit;
	/* What its client's other slots are going to touch nobody knows. */
	return slot->client->max_pages == LONG_MAX;
}

/*
 * Makes pages private that no page table entry points to; the first that can't be
 * ends it. Returns how many are.
 */
static unsigned int slot_prepare_pages(struct slot *slot, const struct image_hot *hot,
				       unsigned int nr_hot)
{
	unsigned int nr = 0;
	struct list_head *end;
	struct page *page, *next;
	LIST_HEAD(pages);
	LIST_HEAD(made);

	lockdep_assert_held(&slot->lock);

	slot_take_pages(slot, nr_hot, &pages);
	list_for_each(end, &pages) {
		struct page *original = hot[nr].original;

		page = list_entry(end, struct page, lru);
		if (original == IMAGE_UNREAD)
			original = image_page(slot->image, hot[nr].index, SLOT_GFP_POLITE);
		if (IS_ERR(original))
			break;
		slot_set_original(page, original);
		/* It may hold what another tenant wrote. */
		slot_fill(page);
		page->index = hot[nr++].index;
	}
	if (nr)
		slot->high_water = max(slot->high_water, hot[nr - 1].index + 1);
	/* What the instance never asked for is not taken off its commitment: not &slot.nr_made. */
	slot->nr_pages += nr;
	slot->slow_reset = true;
	list_cut_before(&made, &pages, end);
	list_splice_tail(&made, &slot->pages);
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		slot_give_page(slot, page);
	}
	return nr;
}

/*
 * Sets up what instances of the image write, as far as that is to be had easily.
 * The fault that does it maps them, so they are looked up rarely: they enter the
 * tree when that happens often enough.
 */
static void slot_prepare(struct slot *slot)
{
	const struct slot_terms *terms = &slot->terms;
	struct image_hot hot[SLOT_BATCH_PAGES];
	unsigned long first = 0;
	unsigned int nr;

	lockdep_assert_held(&slot->lock);

	/* Where a debugger has written before, each page faults for itself. */
	if (slot->nr_pages || !slot_may_prepare(slot))
		return;
	while (slot->nr_pages < terms->keep && !fatal_signal_pending(current)) {
		nr = min_t(unsigned long, ARRAY_SIZE(hot), terms->keep - slot->nr_pages);
		nr = image_hot_pages(slot->image, first, terms->limit - 1, hot, nr);
		if (!nr || slot_prepare_pages(slot, hot, nr) < nr)
			break;
		first = hot[nr - 1].index + 1;
		cond_resched();
	}
	slot->nr_prepared = slot->nr_pages;
	slot->unindexed = slot->nr_pages > 0;
	slot->nr_scans = 0;
	stats_add(slot->memory->stats, STATS_PREPARED_PAGES, slot->nr_prepared);
	/* The instance's end shows which of them it wrote. */
	if (slot->nr_prepared && image_wants_sample(slot->image))
		decay_watch_new(&slot->decay, &slot->memory->decay);
}

/* The last page, from @first on, before @end that is still in order of the index. */
static struct page *slot_run_end(struct slot *slot, struct page *first, unsigned long end)
{
	struct page *page = first;
	struct page *next;

	lockdep_assert_held(&slot->lock);

	for (;; page = next) {
		next = list_next_entry(page, lru);
		if (list_entry_is_head(next, &slot->pages, lru) || next->index < page->index ||
		    next->index >= end)
			return page;
	}
}

/* Maps all private pages in the VMA of a fault. What fails faults for itself. */
static void slot_remap(struct slot *slot, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t vma_first = vma->vm_pgoff;
	pgoff_t vma_end = vma_first + vma_pages(vma);
	unsigned long first = vma_first > slot->first ? vma_first - slot->first : 0;
	unsigned long end = vma_end > slot->first ? vma_end - slot->first : 0;
	struct page *page, *last;

	lockdep_assert_held(&slot->lock);

	end = min(end, slot->terms.limit);
	if (first >= end)
		return;
	slot->mapped = true;
	list_for_each_entry(page, &slot->pages, lru) {
		unsigned long offset = slot->first + page->index - vma_first;
		unsigned long address = vma->vm_start + (offset << PAGE_SHIFT);

		if (page->index < first || page->index >= end)
			continue;
		last = slot_run_end(slot, page,
				    min(end, page->index + mapping_max_run(vma, address)));
		if (mapping_insert_run(vma, address, page, last))
			break;
		page = last;
		cond_resched();
	}
}

/**
 * slot_fault() - answer a page fault in a slot
 * @slot: the slot
 * @client: the client whose VMA it is
 * @vmf: the fault, from .fault or .pfn_mkwrite
 * @index: the page within the slot
 * @gfp: how hard to try to find memory
 * @result: what to answer, if the return value is 0
 *
 * Context: In a fault, holding &slot.lock. May sleep.
 * Return: 0; -EFAULT if the client may not access the page; -ENOBUFS or
 * -EDQUOT if the reserve or the client's quota is used up, and the fault can be
 * tried again when something was given back; -ENOMEM if the system has no
 * memory; -EIO if the image can't be read.
 */
int slot_fault(struct slot *slot, struct slot_client *client, struct vm_fault *vmf,
	       pgoff_t index, gfp_t gfp, vm_fault_t *result)
{
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct page *shared = ZERO_PAGE(0);
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	if (!slot_accessible(slot, client, index))
		return -EFAULT;

	if (slot->prepare) {
		slot->prepare = false;
		slot_prepare(slot);
		slot->remap = true;
	}

	page = slot_find(slot, index);
	if (!page && write) {
		err = slot_make_private(slot, index, gfp, &page);
		if (err)
			return err;
	} else if (!page && slot->image) {
		struct page *original = image_page(slot->image, index, gfp);

		if (IS_ERR(original))
			return PTR_ERR(original);
		if (original)
			shared = original;
	} else if (vmf->flags & FAULT_FLAG_MKWRITE) {
		/*
		 * A read-only entry for a private page, from a time when the
		 * VMA was read-only: an entry that is there is not replaced.
		 */
		mapping_zap(slot->client->mapping, slot->first + index, 1);
	}

	if (slot->remap) {
		slot->remap = false;
		slot_remap(slot, vmf);
	}
	/* Before the entry is there, so that none is ever above the mark. */
	slot->high_water = max(slot->high_water, index + 1);
	slot->mapped = true;
	if (page && slot->decay.watching && !MAPPING_HAS_DIRTY_BITS)
		xa_set_mark(&slot->by_index, index, DECAY_WRITTEN);
	stats_add(slot->memory->stats, write ? STATS_WRITE_FAULTS : STATS_READ_FAULTS, 1);
	*result = page ? mapping_insert_private(vmf->vma, vmf->address, page) :
			 mapping_insert_shared(vmf->vma, vmf->address, shared);
	return 0;
}

/**
 * slot_access() - read or write a slot for a debugger
 * @slot: the slot
 * @client: the client whose VMA it is
 * @index: the page within the slot
 * @offset: where in that page
 * @buffer: kernel memory
 * @length: how many bytes, not beyond the page's end
 * @write: write to the slot
 * @gfp: how hard to try to find memory
 *
 * Page table entries play no part in this.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0, or an error as slot_fault().
 */
int slot_access(struct slot *slot, struct slot_client *client, pgoff_t index,
		unsigned int offset, void *buffer, unsigned int length, bool write, gfp_t gfp)
{
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	if (!slot_accessible(slot, client, index))
		return -EFAULT;

	page = slot_find(slot, index);
	if (!page && write) {
		err = slot_make_private(slot, index, gfp, &page);
		if (err)
			return err;
	} else if (!page && slot->image) {
		page = image_page(slot->image, index, gfp);
		if (IS_ERR(page))
			return PTR_ERR(page);
	}
	if (write)
		memcpy(page_address(page) + offset, buffer, length);
	else if (page)
		memcpy(buffer, page_address(page) + offset, length);
	else
		memset(buffer, 0, length);
	return 0;
}
