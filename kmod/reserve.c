// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 0
 *
 * Pages set aside, and the way back for every page that leaves a slot.
 *
 * Pages are not cleared here: the taker overwrites all of a page before it maps
 * the page.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "reserve.h"

/*
 * Fail rather than disturb the rest of the system: a smaller pool will do. A page may
 * be lost while memory is reclaimed: don't replace it from the memory that the kernel
 * keeps for reclaim.
 */
#define RESERVE_GFP (GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN | __GFP_NOMEMALLOC)

static void reserve_add(struct reserve *reserve, struct page *page)
{
	lockdep_assert_held(&reserve->lock);

	list_add(&page->lru, &reserve->free[page_to_nid(page)]);
	reserve->nr_free++;
}

static struct page *reserve_alloc(int node)
{
	struct page *page = alloc_pages_node(node, RESERVE_GFP, 0);

	if (page)
		set_page_private(page, RESERVE_OWNED);
	return page;
}

/*
 * KVM can hold a reference to a page that it found through a page table entry, and
 * keep writing to it. A page that the hardware reported bad must not be used again.
 */
static bool reserve_page_usable(struct page *page)
{
	return page_count(page) == 1 && !PageHWPoison(page);
}

/* Drop a page of the reserve that can't be used. Return another one, or NULL. */
static struct page *reserve_replace(struct reserve *reserve, struct page *page)
{
	int node = page_to_nid(page);

	set_page_private(page, 0);
	put_page(page);
	page = reserve_alloc(node);

	spin_lock(&reserve->lock);
	reserve->nr_lost++;
	if (!page)
		reserve->nr_pages--;
	spin_unlock(&reserve->lock);
	return page;
}

static void reserve_free_page(struct page *page)
{
	set_page_private(page, 0);
	__free_page(page);
}

/**
 * reserve_init() - set pages aside, spread evenly over the nodes with memory
 * @reserve: the reserve
 * @nr_pages: how many
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, or -EINTR if the task is being killed. Nothing is left
 * behind after an error.
 */
int reserve_init(struct reserve *reserve, unsigned long nr_pages)
{
	int node = first_node(node_states[N_MEMORY]);
	int i;

	spin_lock_init(&reserve->lock);
	reserve->nr_pages = 0;
	reserve->nr_free = 0;
	reserve->nr_promised = 0;
	reserve->nr_lost = 0;
	reserve->free = kcalloc(nr_node_ids, sizeof(*reserve->free), GFP_KERNEL);
	if (!reserve->free)
		return -ENOMEM;
	for (i = 0; i < nr_node_ids; i++)
		INIT_LIST_HEAD(&reserve->free[i]);

	while (reserve->nr_pages < nr_pages) {
		struct page *page = reserve_alloc(node);

		if (!page || fatal_signal_pending(current)) {
			int err = page ? -EINTR : -ENOMEM;

			if (page)
				reserve_free_page(page);
			reserve_destroy(reserve);
			return err;
		}
		spin_lock(&reserve->lock);
		reserve_add(reserve, page);
		reserve->nr_pages++;
		spin_unlock(&reserve->lock);
		node = next_node_in(node, node_states[N_MEMORY]);
		cond_resched();
	}
	return 0;
}

/**
 * reserve_destroy() - give all pages back to the system
 * @reserve: a reserve that all pages have come back to
 *
 * Context: Process context, may sleep.
 */
void reserve_destroy(struct reserve *reserve)
{
	struct page *page, *next;
	int i;

	WARN_ON(reserve->nr_free != reserve->nr_pages || reserve->nr_promised);
	for (i = 0; i < nr_node_ids; i++) {
		list_for_each_entry_safe(page, next, &reserve->free[i], lru) {
			reserve_free_page(page);
			cond_resched();
		}
	}
	kfree(reserve->free);
}

/**
 * reserve_nr_available() - return how many pages could be promised
 * @reserve: the reserve
 *
 * Context: Any but interrupts.
 * Return: The number of pages that are free and not promised.
 */
unsigned long reserve_nr_available(struct reserve *reserve)
{
	unsigned long nr_pages;

	spin_lock(&reserve->lock);
	nr_pages = reserve->nr_free - reserve->nr_promised;
	spin_unlock(&reserve->lock);
	return nr_pages;
}

/**
 * reserve_promise() - keep pages for a slot that will take them later
 * @reserve: the reserve
 * @nr_pages: how many more
 *
 * Context: Any but interrupts.
 * Return: false, and nothing is promised, if fewer are free and not promised.
 */
bool reserve_promise(struct reserve *reserve, unsigned long nr_pages)
{
	bool enough;

	spin_lock(&reserve->lock);
	enough = nr_pages <= reserve->nr_free - reserve->nr_promised;
	if (enough)
		reserve->nr_promised += nr_pages;
	spin_unlock(&reserve->lock);
	return enough;
}

/**
 * reserve_withdraw() - take a promise back
 * @reserve: the reserve
 * @nr_pages: how many of the pages promised are not needed any more
 *
 * Context: Any but interrupts.
 */
void reserve_withdraw(struct reserve *reserve, unsigned long nr_pages)
{
	spin_lock(&reserve->lock);
	reserve->nr_promised -= nr_pages;
	spin_unlock(&reserve->lock);
}

/**
 * reserve_take() - take a page, of the near node if there is one
 * @reserve: the reserve
 * @promised: whether it is one that reserve_promise() keeps for the caller
 *
 * The promise is used up in any case.
 *
 * Context: Process context, may sleep.
 * Return: A page with unknown contents, all of which the caller overwrites
 * before it maps it, or NULL if there is none. With a promise that only
 * happens when a page went bad and the system has no other.
 */
struct page *reserve_take(struct reserve *reserve, bool promised)
{
	int node = numa_mem_id();
	struct page *page = NULL;

	spin_lock(&reserve->lock);
	if (promised)
		reserve->nr_promised--;
	if (reserve->nr_free > reserve->nr_promised) {
		while (list_empty(&reserve->free[node]))
			node = next_node_in(node, node_states[N_MEMORY]);
		page = list_first_entry(&reserve->free[node], struct page, lru);
		list_del(&page->lru);
		reserve->nr_free--;
	}
	spin_unlock(&reserve->lock);

	/* It may have gone bad while it was free. */
	if (page && unlikely(!reserve_page_usable(page)))
		page = reserve_replace(reserve, page);
	return page;
}

/* Move up to @nr_pages free pages of a node to @pages. Return how many there were. */
static unsigned int reserve_take_from(struct reserve *reserve, int node, unsigned int nr_pages,
				      struct list_head *pages)
{
	struct list_head *end;
	unsigned int nr = 0;
	LIST_HEAD(taken);

	lockdep_assert_held(&reserve->lock);

	list_for_each(end, &reserve->free[node]) {
		if (nr == nr_pages)
			break;
		nr++;
	}
	list_cut_before(&taken, &reserve->free[node], end);
	list_splice_tail(&taken, pages);
	reserve->nr_free -= nr;
	return nr;
}

/* Replace the pages that went bad while they were free. Return how many are lost. */
static unsigned int reserve_replace_bad(struct reserve *reserve, struct list_head *pages)
{
	struct page *page, *next;
	unsigned int nr_lost = 0;

	list_for_each_entry_safe(page, next, pages, lru) {
		if (likely(reserve_page_usable(page)))
			continue;
		list_del(&page->lru);
		page = reserve_replace(reserve, page);
		if (page)
			list_add_tail(&page->lru, &next->lru);
		else
			nr_lost++;
	}
	return nr_lost;
}

/**
 * reserve_take_many() - take several pages at once
 * @reserve: the reserve
 * @nr_pages: how many
 * @promised: whether they are some that reserve_promise() keeps for the caller
 * @pages: a list that they are added to
 *
 * As reserve_take() for each of them.
 *
 * Context: Process context, may sleep.
 * Return: The number of pages taken.
 */
unsigned int reserve_take_many(struct reserve *reserve, unsigned int nr_pages, bool promised,
			       struct list_head *pages)
{
	int node = numa_mem_id();
	unsigned int nr = 0;
	LIST_HEAD(taken);

	spin_lock(&reserve->lock);
	if (promised)
		reserve->nr_promised -= nr_pages;
	nr_pages = min_t(unsigned long, nr_pages, reserve->nr_free - reserve->nr_promised);
	while (nr < nr_pages) {
		nr += reserve_take_from(reserve, node, nr_pages - nr, &taken);
		node = next_node_in(node, node_states[N_MEMORY]);
	}
	spin_unlock(&reserve->lock);

	nr -= reserve_replace_bad(reserve, &taken);
	list_splice_tail(&taken, pages);
	return nr;
}

/**
 * reserve_give() - take back a page that leaves a slot
 * @reserve: the reserve
 * @page: a page that is not mapped any more, from reserve_take() or from the
 *	page allocator
 * @promise: promise its giver a page in its place
 *
 * A page of the reserve goes back to it, or another one in its place if
 * something else still refers to it or it is bad. A page of the allocator,
 * which is charged to a cgroup, goes back there.
 *
 * Context: Process context, may sleep.
 * Return: true if a page was promised.
 */
bool reserve_give(struct reserve *reserve, struct page *page, bool promise)
{
	if (!reserve_owns(page)) {
		bool lost = !reserve_page_usable(page);

		/* The last other reference frees it; the kernel sets a bad page apart. */
		put_page(page);
		if (lost) {
			spin_lock(&reserve->lock);
			reserve->nr_lost++;
			spin_unlock(&reserve->lock);
		}
		return false;
	}
	if (unlikely(!reserve_page_usable(page))) {
		page = reserve_replace(reserve, page);
		if (!page)
			return false;
	}

	spin_lock(&reserve->lock);
	reserve_add(reserve, page);
	if (promise)
		reserve->nr_promised++;
	spin_unlock(&reserve->lock);
	return promise;
}
