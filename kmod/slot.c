// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contents of a slot: private pages, reset, limit, commitment, decommit.
 *
 * A page of a slot is absent (it reads as zeros, through the zero page that
 * all share) or private (made by the first write, then kept). A reset
 * overwrites the private pages where they are, so that the page table entries
 * stay and the next instance of the same client takes no fault.
 *
 * What keeps one tenant's bytes from the next:
 *
 * - A page is overwritten completely when it becomes private, before any page
 *   table entry points to it (slot_make_private()).
 * - A slot that changes its client loses all entries and all pages first, in
 *   one section under its mutex (slot_assign()).
 * - A free slot's contents are zeros (slot_vacate()).
 * - A page leaves a slot only when no entry points to it any more, and is used
 *   again only when nothing else refers to it (slot_drop(), reserve_give()).
 *
 * Order of locks, outermost first:
 *
 *	mmap_lock or the lock of a VMA	held by the caller of a fault
 *	pool_client.purge_lock		while going through a client's slots
 *	slot.lock			one slot's at a time
 *	i_mmap_rwsem			inside mapping_zap()
 *	slot_client.lock, shard.lock	spinlocks, for list work
 *	reserve.lock
 *
 * Nothing is copied from or to user memory under slot.lock: the buffer could
 * lie in that very slot.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "mapping.h"
#include "slot.h"

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

/* Sets limit and commitment, and has the reserve promise what is due then. */
static int slot_commit(struct slot *slot, unsigned long limit, unsigned long commit)
{
	struct reserve *reserve = &slot->memory->reserve;
	unsigned long due = slot_promise_due(slot, limit, commit);

	lockdep_assert_held(&slot->lock);

	if (due > slot->nr_promised) {
		unsigned long more = due - slot->nr_promised;

		if (!client_charge(slot->client, more))
			return -EDQUOT;
		if (!reserve_promise(reserve, more)) {
			client_uncharge(slot->client, more);
			return -ENOBUFS;
		}
	} else if (due < slot->nr_promised) {
		unsigned long less = slot->nr_promised - due;

		reserve_withdraw(reserve, less);
		client_uncharge(slot->client, less);
	}
	slot->nr_promised = due;
	slot->terms.limit = limit;
	slot->terms.commit = commit;
	return 0;
}

static int slot_take_page(struct slot *slot, struct page **pagep)
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
		page = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!page) {
		client_uncharge(slot->client, 1);
		return slot->memory->overcommit ? -ENOMEM : -ENOBUFS;
	}
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

	stats_add(slot->memory->stats, STATS_GIVEN_PAGES, 1);
	if (reserve_give(&slot->memory->reserve, page, promise))
		slot->nr_promised++;
	else
		client_uncharge(slot->client, 1);
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

/* Makes all pages absent. */
static void slot_empty(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	mapping_zap(slot->client->mapping, slot->first, slot->high_water);
	slot->high_water = 0;
	slot_drop(slot, &slot->pages);
}

/* The only way for a page to become private. */
static int slot_make_private(struct slot *slot, pgoff_t index, struct page **pagep)
{
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	err = slot_take_page(slot, &page);
	if (err)
		return err;
	/* It may hold what another tenant wrote. */
	clear_page(page_address(page));
	/*
	 * What keeps track of pages is charged like them (slot_create()): where
	 * these are the pool's own, a cgroup's bound must not fail a fault
	 * inside a commitment.
	 */
	err = xa_err(xa_store(&slot->by_index, index, page, GFP_KERNEL));
	if (err) {
		slot_give_page(slot, page);
		return err;
	}
	page->index = index;
	list_add_tail(&page->lru, &slot->pages);
	slot->nr_pages++;
	slot->nr_made++;
	slot->high_water = max(slot->high_water, index + 1);

	/*
	 * The zero page may be mapped at this place, here or in another mapping
	 * of the slot, and must not be seen any more.
	 */
	mapping_zap(slot->client->mapping, slot->first + index, 1);
	*pagep = page;
	return 0;
}

/*
 * An entry that is present doesn't fault, so a lower limit counts only when
 * nothing is mapped above it any more.
 */
static void slot_trim(struct slot *slot)
{
	unsigned long limit = slot->terms.limit;
	unsigned long nr_above = 0;
	struct page *page, *next;
	LIST_HEAD(above);

	lockdep_assert_held(&slot->lock);

	if (slot->high_water <= limit)
		return;
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

/* Makes the slot read as zeros by overwriting what it keeps. */
static void slot_clear(struct slot *slot)
{
	unsigned long nr_kept = 0;
	unsigned long nr_dropped = 0;
	unsigned long lowest = ULONG_MAX;
	unsigned long highest = 0;
	struct page *page, *next;
	LIST_HEAD(dropped);

	lockdep_assert_held(&slot->lock);

	list_for_each_entry_safe(page, next, &slot->pages, lru) {
		if (nr_kept < slot->terms.keep && likely(!PageHWPoison(page))) {
			clear_page(page_address(page));
			nr_kept++;
		} else {
			lowest = min(lowest, page->index);
			highest = max(highest, page->index);
			list_move(&page->lru, &dropped);
			nr_dropped++;
		}
		cond_resched();
	}
	stats_add(slot->memory->stats, STATS_RESET_PAGES, nr_kept);
	if (!nr_dropped)
		return;

	/*
	 * One flush for all that is dropped. Kept pages in between lose their
	 * entries too, and fault once more without being copied.
	 */
	stats_add(slot->memory->stats, STATS_DROPPED_PAGES, nr_dropped);
	mapping_zap(slot->client->mapping, slot->first + lowest, highest - lowest + 1);
	slot_drop(slot, &dropped);
}

/**
 * slot_assign() - allocate a free slot to a client
 * @slot: a free slot that the caller has taken from the policy
 * @client: the client
 * @terms: the terms; limit, commitment and so on are valid
 *
 * A slot that another client used last is emptied first.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0; -ENOBUFS if the reserve can't promise the commitment, -EDQUOT if
 * the client may not hold as much. After an error the slot is free, and the
 * caller decommits it.
 */
int slot_assign(struct slot *slot, struct slot_client *client, const struct slot_terms *terms)
{
	int err;

	lockdep_assert_held(&slot->lock);

	if (slot->client != client) {
		slot_decommit(slot);
		WRITE_ONCE(slot->client, client);
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
	slot_trim(slot);

	atomic_inc(&client->nr_owned);
	WRITE_ONCE(slot->owner, client);
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
	slot_trim(slot);
	return 0;
}

/**
 * slot_reset() - make an allocated slot what it was when it was allocated
 * @slot: the slot
 *
 * Context: Process context, holding &slot.lock. May sleep, never fails.
 */
void slot_reset(struct slot *slot)
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
		return;
	}
	slot_trim(slot);
	slot_clear(slot);
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
 * The page table entries stay for the next use by the same client.
 *
 * Context: Process context, holding &slot.lock. May sleep, never fails.
 */
void slot_vacate(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot_disown(slot);
	slot_clear(slot);
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
}

static bool slot_accessible(const struct slot *slot, const struct slot_client *client,
			    pgoff_t index)
{
	lockdep_assert_held(&slot->lock);

	return slot->owner == client && index < slot->terms.limit;
}

/**
 * slot_fault() - answer a page fault in a slot
 * @slot: the slot
 * @client: the client whose VMA it is
 * @vmf: the fault, from .fault or .pfn_mkwrite
 * @index: the page within the slot
 * @result: what to answer, if the return value is 0
 *
 * Context: In a fault, holding &slot.lock. May sleep.
 * Return: 0; -EFAULT if the client may not access the page; -ENOBUFS or
 * -EDQUOT if the reserve or the client's quota is used up, and the fault can be
 * tried again when something was given back; -ENOMEM if the system has no
 * memory.
 */
int slot_fault(struct slot *slot, struct slot_client *client, struct vm_fault *vmf,
	       pgoff_t index, vm_fault_t *result)
{
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	if (!slot_accessible(slot, client, index))
		return -EFAULT;

	page = xa_load(&slot->by_index, index);
	if (!page && write) {
		err = slot_make_private(slot, index, &page);
		if (err)
			return err;
	} else if (vmf->flags & FAULT_FLAG_MKWRITE) {
		/*
		 * A read-only entry for a private page, from a time when the
		 * VMA was read-only: an entry that is there is not replaced.
		 */
		mapping_zap(slot->client->mapping, slot->first + index, 1);
	}

	/* Before the entry is there, so that none is ever above the mark. */
	slot->high_water = max(slot->high_water, index + 1);
	stats_add(slot->memory->stats, write ? STATS_WRITE_FAULTS : STATS_READ_FAULTS, 1);
	*result = page ? mapping_insert_private(vmf, page) :
			 mapping_insert_shared(vmf, ZERO_PAGE(0));
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
 *
 * Page table entries play no part in this.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0, or an error as slot_fault().
 */
int slot_access(struct slot *slot, struct slot_client *client, pgoff_t index,
		unsigned int offset, void *buffer, unsigned int length, bool write)
{
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	if (!slot_accessible(slot, client, index))
		return -EFAULT;

	page = xa_load(&slot->by_index, index);
	if (!write) {
		if (page)
			memcpy(buffer, page_address(page) + offset, length);
		else
			memset(buffer, 0, length);
		return 0;
	}
	if (!page) {
		err = slot_make_private(slot, index, &page);
		if (err)
			return err;
	}
	memcpy(page_address(page) + offset, buffer, length);
	return 0;
}
