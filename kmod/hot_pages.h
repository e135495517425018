/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_HOT_PAGES_H
#define SLOTPOOL_HOT_PAGES_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

/**
 * struct hot_pages - the pages that instances of an image usually write
 * @lock: held while @scores changes; nests inside a slot's mutex
 * @scores: by index in the slot, how often instances must miss a page until it
 *	is forgotten; all marked HOT_PAGES_MARK
 * @nr_prepared: slots that were prepared with them
 */
struct hot_pages {
	struct mutex lock;	/* held while @scores changes */
	struct xarray scores;
	atomic_t nr_prepared;
};

void hot_pages_init(struct hot_pages *hot);
void hot_pages_destroy(struct hot_pages *hot);

unsigned int hot_pages_find(struct hot_pages *hot, unsigned long first, unsigned long last,
			    unsigned long *indexes, unsigned int max);
bool hot_pages_want_sample(struct hot_pages *hot);
void hot_pages_learn(struct hot_pages *hot, struct xarray *pages, xa_mark_t written, bool all);

#endif /* SLOTPOOL_HOT_PAGES_H */
