/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_RESERVE_H
#define SLOTPOOL_RESERVE_H

#include <linux/mm_types.h>
#include <linux/spinlock.h>

/**
 * struct reserve - pages that were set aside when the pool was created
 * @lock: protects the rest; innermost of all locks
 * @free: free pages of each NUMA node, with the most recently used first
 * @nr_pages: pages that were set aside, less those that were lost and could
 *	not be replaced
 * @nr_free: pages on @free
 * @nr_promised: of these, pages that are promised to slots; never more than
 *	@nr_free
 * @nr_lost: pages that came back unusable
 */
struct reserve {
	spinlock_t lock;	/* protects all fields */
	struct list_head *free;
	unsigned long nr_pages;
	unsigned long nr_free;
	unsigned long nr_promised;
	unsigned long nr_lost;
};

/*
 * In page_private() of the reserve's own pages. The other bits are the taker's, and
 * 0 when it gives the page back.
 */
#define RESERVE_OWNED 1UL

int reserve_init(struct reserve *reserve, unsigned long nr_pages);
void reserve_destroy(struct reserve *reserve);
unsigned long reserve_nr_available(struct reserve *reserve);
bool reserve_promise(struct reserve *reserve, unsigned long nr_pages);
void reserve_withdraw(struct reserve *reserve, unsigned long nr_pages);
unsigned int reserve_take_many(struct reserve *reserve, unsigned int nr_pages, bool promised,
			       struct list_head *pages);
struct page *reserve_take(struct reserve *reserve, bool promised);
bool reserve_give(struct reserve *reserve, struct page *page, bool promise);

/* Return whether a page comes from a reserve, and not from the page allocator. */
static inline bool reserve_owns(const struct page *page)
{
	return page_private(page) & RESERVE_OWNED;
}

#endif /* SLOTPOOL_RESERVE_H */
