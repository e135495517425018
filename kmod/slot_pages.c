// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 5
 *
 * The private pages of a slot: promise, take, prepare, find, give back.
 *
 * A page of a slot is absent (it reads as the image's page, or as zeros, through
 * a page that all clients share) or private (the first write makes it so, and it
 * stays). Two functions make pages private:
 *
 * - slot_make_private() makes one page private, at any time.
 * - slot_prepare() makes the pages private that instances of the image usually
 *   write, before anything of the slot is mapped.
 *
 * Both overwrite a page completely before any page table entry points to it:
 * it may hold what another tenant wrote.
 *
 * A page leaves the slot when no entry points to it any more, and the reserve
 * uses it again only when nothing else refers to it (slot_drop(),
 * reserve_give()).
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "mapping.h"
#include "private_page.h"
#include "slot_pages.h"

/* Pages that are prepared in one go: their arrays fit onto the stack. */
#define SLOT_BATCH_PAGES 16

/* Adding a page to the tree and erasing it again costs as much as passing it 100 times. */
#define SLOT_MAX_SCANS 64

/* Pages to scan before adding all to the tree, or before rescheduling, is considered */
#define SLOT_MAX_SCANNED 1024

/**
 * slot_promise() - change the number of pages that the reserve keeps for a slot
 * @slot: a slot with a client
 * @due: the number of pages
 *
 * Context: Process context, holding &slot.lock.
 * Return: 0, or an error as slot_commit().
 */
int slot_promise(struct slot *slot, unsigned long due)
{
	struct reserve *reserve = &slot->memory->reserve;

	if (due > slot->nr_promised) {
		unsigned long more = due - slot->nr_promised;

		if (!charge_try(&slot->client->charge, more))
			return -EDQUOT;
		if (!reserve_promise(reserve, more)) {
			charge_cancel(&slot->client->charge, more);
			return -ENOBUFS;
		}
	} else {
		unsigned long less = slot->nr_promised - due;

		reserve_withdraw(reserve, less);
		charge_cancel(&slot->client->charge, less);
	}
	slot->nr_promised = due;
	return 0;
}

static int slot_take_page(struct slot *slot, gfp_t gfp, struct page **pagep)
{
	bool promised = slot->nr_promised;
	struct page *page;

	lockdep_assert_held(&slot->lock);

	/* A promised page was charged when it was promised. */
	if (!promised && !charge_try(&slot->client->charge, 1))
		return -EDQUOT;

	page = reserve_take(&slot->memory->reserve, promised);
	if (promised)
		slot->nr_promised--;
	if (!page && slot->memory->overcommit)
		page = alloc_page(gfp | __GFP_ACCOUNT);
	if (!page) {
		charge_cancel(&slot->client->charge, 1);
		/* The promise may be lost: the next reset asks for it again. */
		slot->reset_reasons |= SLOT_RESET_PROMISES;
		return slot->memory->overcommit ? -ENOMEM : -ENOBUFS;
	}
	slot->nr_borrowed += !reserve_owns(page);
	stats_add(slot->memory->stats, STATS_TAKEN_PAGES, 1);
	*pagep = page;
	return 0;
}

/* Give back a page that is not on the slot's list and that nothing maps. */
static void slot_give_page(struct slot *slot, struct page *page)
{
	bool promise = slot->nr_promised <
		       slot_promise_due(slot, slot->terms.limit, slot->terms.commit);

	lockdep_assert_held(&slot->lock);

	slot->nr_borrowed -= !reserve_owns(page);
	private_page_set_original(page, NULL);
	stats_add(slot->memory->stats, STATS_GIVEN_PAGES, 1);
	if (reserve_give(&slot->memory->reserve, page, promise))
		slot->nr_promised++;
	else
		charge_cancel(&slot->client->charge, 1);
	slot->reset_reasons |= SLOT_RESET_PROMISES;
}

/* Take up to @nr_pages pages to prepare, as far as that fails nobody. */
static void slot_take_pages(struct slot *slot, unsigned int nr_pages, struct list_head *pages)
{
	bool overcommit = slot->memory->overcommit;
	unsigned int nr;

	lockdep_assert_held(&slot->lock);

	if (!overcommit) {
		nr_pages = min_t(unsigned long, nr_pages, slot->nr_promised);
		slot->nr_promised -= nr_pages;
	} else if (!charge_try(&slot->client->charge, nr_pages)) {
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
	charge_cancel(&slot->client->charge, nr_pages - nr);
	stats_add(slot->memory->stats, STATS_TAKEN_PAGES, nr);
}

/**
 * slot_drop() - give pages of a slot back
 * @slot: the slot
 * @pages: a list of private pages, taken off &slot.pages
 *
 * The caller has zapped their page table entries. Nobody can put them back
 * without the mutex.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 */
void slot_drop(struct slot *slot, struct list_head *pages)
{
	struct page *page, *next;

	lockdep_assert_held(&slot->lock);

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		xa_erase(&slot->by_index, private_page_index(page));
		slot->nr_pages--;
		slot_give_page(slot, page);
		cond_resched();
	}
}

/**
 * slot_unmap() - zap all page table entries of a slot
 * @slot: the slot
 *
 * Context: Process context, holding &slot.lock. May sleep.
 */
void slot_unmap(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	if (slot->mapped_end)
		mapping_zap(slot->client->mapping, slot->first, slot->mapped_end);
	slot->mapped_end = 0;
}

/**
 * slot_empty() - make all pages of a slot absent
 * @slot: the slot
 *
 * Context: Process context, holding &slot.lock. May sleep.
 */
void slot_empty(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot_unmap(slot);
	slot->pages_end = 0;
	slot_drop(slot, &slot->pages);
	slot->scans_left = 0;
}

/**
 * slot_drop_above_limit() - make all pages at or above a slot's limit absent
 * @slot: the slot
 *
 * An entry that is present does not fault, so a lower limit takes effect only
 * when nothing is mapped above it any more.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 */
void slot_drop_above_limit(struct slot *slot)
{
	unsigned long limit = slot->terms.limit;
	unsigned long nr_above = 0;
	struct page *page, *next;
	LIST_HEAD(above);

	lockdep_assert_held(&slot->lock);

	if (slot->mapped_end > limit) {
		mapping_zap(slot->client->mapping, slot->first + limit, slot->mapped_end - limit);
		slot->mapped_end = limit;
	}
	if (slot->pages_end <= limit)
		return;
	list_for_each_entry_safe(page, next, &slot->pages, lru) {
		if (private_page_index(page) >= limit) {
			list_move(&page->lru, &above);
			nr_above++;
		}
		cond_resched();
	}
	slot->pages_end = limit;
	/*
	 * Any of them may have been made by this instance: count all as such,
	 * which promises too many pages rather than too few.
	 */
	slot->nr_made -= min(slot->nr_made, nr_above);
	slot_drop(slot, &above);
}

/**
 * slot_drop_unchanged() - give back the private pages that read as if they were absent
 * @slot: an allocated slot
 *
 * Most of them are left from earlier instances. The instance may have made others, but
 * loses nothing with them.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: The number of pages given back.
 */
unsigned long slot_drop_unchanged(struct slot *slot)
{
	unsigned long nr_seen = 0, nr_dropped = 0, nr_unprepared = 0;
	struct page *page, *next;
	LIST_HEAD(unchanged);

	lockdep_assert_held(&slot->lock);

	/* Before a page is compared: a write would get lost with it. */
	slot_unmap(slot);
	slot->remap = true;
	/* The entries had the dirty bits of a sample. */
	slot->decay.watching = false;

	list_for_each_entry_safe(page, next, &slot->pages, lru) {
		bool prepared = nr_seen++ < slot->nr_prepared;

		cond_resched();
		/* Reading a bad page is a machine check. */
		if (PageHWPoison(page) || !private_page_is_original(page))
			continue;
		list_move(&page->lru, &unchanged);
		nr_unprepared += prepared;
		nr_dropped++;
	}
	slot->nr_prepared -= nr_unprepared;
	/* As in slot_drop_above_limit() */
	slot->nr_made -= min(slot->nr_made, nr_dropped);
	slot_drop(slot, &unchanged);
	return nr_dropped;
}

/**
 * slot_make_private() - make an absent page of a slot private
 * @slot: a slot with a client
 * @index: which page of the slot
 * @gfp: how hard to try to allocate memory
 * @pagep: returns the page
 *
 * Once something of the slot is mapped, this is the only way for a page to become
 * private.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0; -EDQUOT, -ENOBUFS, -ENOMEM or -EIO as slot_fault().
 */
int slot_make_private(struct slot *slot, pgoff_t index, gfp_t gfp, struct page **pagep)
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
	private_page_set_original(page, original);
	/* The page may hold what another tenant wrote. */
	private_page_overwrite(page);
	/*
	 * The nodes of the tree are charged to the cgroup only if the pages are
	 * (slot_create()): in a pool that commits, a cgroup's limit must not fail
	 * a fault inside a commitment.
	 */
	err = xa_err(xa_store(&slot->by_index, index, page, gfp));
	if (err) {
		slot_give_page(slot, page);
		return err;
	}
	private_page_set_index(page, index);
	list_add_tail(&page->lru, &slot->pages);
	slot->nr_pages++;
	slot->nr_made++;
	slot->pages_end = max(slot->pages_end, index + 1);
	slot->reset_reasons |= SLOT_RESET_PAGES;

	/*
	 * The shared page may be mapped at this place, here or in another mapping
	 * of the slot: a reader must not see it any more.
	 */
	if (index < slot->mapped_end)
		mapping_zap(slot->client->mapping, slot->first + index, 1);
	*pagep = page;
	return 0;
}

/**
 * slot_complete_index() - add the private pages that &slot.by_index lacks
 * @slot: the slot
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: false if there is no memory for that, and some are still missing.
 */
bool slot_complete_index(struct slot *slot)
{
	struct page *page;

	lockdep_assert_held(&slot->lock);

	if (likely(!slot->scans_left))
		return true;
	list_for_each_entry(page, &slot->pages, lru) {
		if (xa_err(xa_store(&slot->by_index, private_page_index(page), page,
				    SLOT_GFP_POLITE)))
			return false;
		cond_resched();
	}
	slot->scans_left = 0;
	return true;
}

static struct page *slot_scan(struct slot *slot, pgoff_t index)
{
	unsigned long nr_pages = 0;
	struct page *page;

	list_for_each_entry(page, &slot->pages, lru) {
		if (private_page_index(page) == index)
			return page;
		if (++nr_pages % SLOT_MAX_SCANNED == 0)
			cond_resched();
	}
	return NULL;
}

/**
 * slot_find() - look a private page up
 * @slot: the slot
 * @index: which page of the slot
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: The page, or NULL if it is absent.
 */
struct page *slot_find(struct slot *slot, pgoff_t index)
{
	lockdep_assert_held(&slot->lock);

	/* While few pages are looked up, a scan is cheaper than adding all to the tree. */
	if (slot->scans_left > 1 && slot->nr_pages <= SLOT_MAX_SCANNED) {
		slot->scans_left--;
		return slot_scan(slot, index);
	}
	if (!slot_complete_index(slot))
		return slot_scan(slot, index);
	return xa_load(&slot->by_index, index);
}

/*
 * Preparing makes pages private that the instance may never touch. It must not
 * use up a commitment or a quota that the client needs for other pages.
 */
static bool slot_may_prepare(const struct slot *slot)
{
	if (!slot->memory->overcommit)
		return slot->terms.commit == slot->terms.limit;
	/* A quota may be needed by the client's other slots. */
	return slot->client->charge.max == CHARGE_UNBOUNDED;
}

/* Set up a page that was taken to be prepared. */
static int slot_prepare_page(struct slot *slot, struct page *page, unsigned long index,
			     struct page *original)
{
	if (original == IMAGE_UNREAD)
		original = image_page(slot->image, index, SLOT_GFP_POLITE);
	if (IS_ERR(original))
		return PTR_ERR(original);
	private_page_set_original(page, original);
	/* The page may hold what another tenant wrote. */
	private_page_overwrite(page);
	private_page_set_index(page, index);
	return 0;
}

/* Make absent pages private, in order. Return how many there was memory for. */
static unsigned int slot_prepare_pages(struct slot *slot, const unsigned long *indexes,
				       unsigned int nr_indexes)
{
	struct page *originals[SLOT_BATCH_PAGES];
	struct page *page, *next;
	unsigned int nr = 0;
	LIST_HEAD(pages);

	lockdep_assert_held(&slot->lock);

	image_stored_pages(slot->image, indexes, nr_indexes, originals);
	slot_take_pages(slot, nr_indexes, &pages);
	list_for_each_entry_safe(page, next, &pages, lru) {
		if (slot_prepare_page(slot, page, indexes[nr], originals[nr]))
			break;
		list_move_tail(&page->lru, &slot->pages);
		nr++;
	}
	if (nr)
		slot->pages_end = max(slot->pages_end, indexes[nr - 1] + 1);
	/* The instance did not ask for these pages: don't add them to &slot.nr_made. */
	slot->nr_pages += nr;
	slot->reset_reasons |= SLOT_RESET_PAGES;

	/* The image's page could not be read for the others. */
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		slot_give_page(slot, page);
	}
	return nr;
}

/**
 * slot_prepare() - make the pages private that instances of the image usually write
 * @slot: a slot with an image and without a mapped page
 *
 * Pages for which there is no memory without effort stay absent.
 *
 * The fault that prepares pages maps all of them, so they are rarely looked up:
 * slot_find() adds them to the tree when that happens often.
 *
 * Context: In a fault, holding &slot.lock. May sleep.
 */
void slot_prepare(struct slot *slot)
{
	const struct slot_terms *terms = &slot->terms;
	unsigned long indexes[SLOT_BATCH_PAGES];
	unsigned long first = 0;
	unsigned int nr;

	lockdep_assert_held(&slot->lock);

	/* A debugger has made pages private before: let each page fault for itself. */
	if (slot->nr_pages || !slot_may_prepare(slot))
		return;
	while (slot->nr_pages < terms->keep && !fatal_signal_pending(current)) {
		nr = min_t(unsigned long, ARRAY_SIZE(indexes), terms->keep - slot->nr_pages);
		nr = hot_pages_find(&slot->image->hot, first, terms->limit - 1, indexes, nr);
		if (!nr || slot_prepare_pages(slot, indexes, nr) < nr)
			break;
		first = indexes[nr - 1] + 1;
		cond_resched();
	}
	slot->nr_prepared = slot->nr_pages;
	slot->scans_left = slot->nr_pages ? SLOT_MAX_SCANS + 1 : 0;
	stats_add(slot->memory->stats, STATS_PREPARED_PAGES, slot->nr_prepared);
	/* A sample at the instance's end shows which of them it wrote. */
	if (slot->nr_prepared && hot_pages_want_sample(&slot->image->hot))
		decay_watch_new(&slot->decay, &slot->memory->decay);
}
