// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decay: which private pages of a slot are not written any more.
 *
 * The private pages only ever become more, and a reset pays for each. So once
 * in a while a reset begins to *watch* the slot, and the next one takes the
 * *sample*: what was not written in between is given back.
 *
 * Watching clears the hardware's dirty bits, which interrupts the CPUs that the
 * process runs on, as every flush of their TLBs does. So it is done rarely: after
 * 64 resets at first, half as often each time nothing was found, again after 64
 * when something was, or when the slot has grown; and no more often than a
 * budget for the whole pool allows.
 *
 * Where the kernel doesn't lend its helpers for dirty bits, watching takes the
 * slot's page table entries out instead, and the faults that follow tell what is
 * touched.
 *
 * (Sampling dirty bits in intervals that adapt is what vmwgfx does for graphics
 * memory: drivers/gpu/drm/vmwgfx/vmwgfx_page_dirty.c.)
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "decay.h"
#include "mapping.h"

#define DECAY_MAX_INTERVAL 4096U

/* Until the budget is asked again, or whether there are pages */
#define DECAY_RETRY_INTERVAL 16U

/* Pages that are looked at in one go: a bitmap of them fits onto the stack. */
#define DECAY_WINDOW 512UL

/**
 * decay_budget_init() - set a budget up
 * @budget: the budget
 * @max_samples: samples a second; 0 never
 *
 * Context: Any.
 */
void decay_budget_init(struct decay_budget *budget, unsigned int max_samples)
{
	budget->max_samples = min_t(unsigned int, max_samples, INT_MAX);
	budget->start = jiffies;
	atomic_set(&budget->left, budget->max_samples);
}

static bool decay_spend(struct decay_budget *budget)
{
	unsigned long start = READ_ONCE(budget->start);
	unsigned long now = jiffies;

	/* One of those who see a new second begin fills the budget up. */
	if (time_after_eq(now, start + HZ) && cmpxchg(&budget->start, start, now) == start)
		atomic_set(&budget->left, budget->max_samples);
	return atomic_dec_if_positive(&budget->left) >= 0;
}

/**
 * decay_start() - the slot is empty, and will be used for something else
 * @decay: the slot's state
 *
 * Context: Process context, holding the slot's mutex.
 */
void decay_start(struct decay *decay)
{
	decay->interval = DECAY_MIN_INTERVAL;
	decay->left = DECAY_MIN_INTERVAL;
	decay->nr_pages = 0;
	decay->watching = false;
}

/**
 * decay_resize() - a slot that has been reset may have more pages than before
 * @decay: the slot's state
 * @nr_pages: its private pages
 *
 * Context: Process context, holding the slot's mutex.
 */
void decay_resize(struct decay *decay, unsigned long nr_pages)
{
	if (nr_pages > decay->nr_pages) {
		decay->interval = DECAY_MIN_INTERVAL;
		decay->left = min(decay->left, DECAY_MIN_INTERVAL);
	}
	decay->nr_pages = nr_pages;
}

/**
 * decay_watch_new() - watch a slot whose entries are all going to be new
 * @decay: the slot's state
 * @budget: the pool's budget
 *
 * New entries are clean: there is nothing to clear and to flush.
 *
 * Context: Process context, holding the slot's mutex.
 */
void decay_watch_new(struct decay *decay, struct decay_budget *budget)
{
	decay->watching = MAPPING_HAS_DIRTY_BITS && decay_spend(budget);
}

/* Looks at all of the slot's pages, and marks those written if that is wanted. */
static void decay_clean(struct address_space *mapping, pgoff_t first, struct xarray *pages,
			bool mark)
{
	DECLARE_BITMAP(written, DECAY_WINDOW);
	unsigned long index = 0;

	while (xa_find(pages, &index, ULONG_MAX, XA_PRESENT)) {
		unsigned long base = round_down(index, DECAY_WINDOW);
		unsigned long last = base + DECAY_WINDOW - 1;
		unsigned long low = index;
		unsigned long high = index;
		void *page;

		xa_for_each_range(pages, index, page, low, last)
			high = index;
		bitmap_zero(written, DECAY_WINDOW);
		mapping_clean(mapping, first + low, high - low + 1, first + base, written);
		if (mark) {
			xa_for_each_range(pages, index, page, low, high) {
				if (test_bit(index - base, written))
					xa_set_mark(pages, index, DECAY_WRITTEN);
			}
		}
		index = last + 1;
		cond_resched();
	}
}

static void decay_clear_marks(struct xarray *pages)
{
	unsigned long index;
	void *page;

	xa_for_each_marked(pages, index, page, DECAY_WRITTEN) {
		xa_clear_mark(pages, index, DECAY_WRITTEN);
		cond_resched();
	}
}

/**
 * decay_sample() - find out what was written while the slot was watched
 * @decay: the slot's state
 * @mapping: its client's address space
 * @first: where it begins there
 * @pages: its private pages, all of them; those that were written have the mark
 *	DECAY_WRITTEN afterwards
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 * Return: false if it was not watched: then the marks mean nothing.
 */
bool decay_sample(struct decay *decay, struct address_space *mapping, pgoff_t first,
		  struct xarray *pages)
{
	if (!decay->watching)
		return false;
	decay->watching = false;
	if (MAPPING_HAS_DIRTY_BITS) {
		decay_clear_marks(pages);
		decay_clean(mapping, first, pages, true);
	}
	return true;
}

/**
 * decay_adapt() - choose when to take the next sample
 * @decay: the slot's state
 * @decayed: whether the last one found pages that were not written
 *
 * Context: Process context, holding the slot's mutex.
 */
void decay_adapt(struct decay *decay, bool decayed)
{
	decay->interval = decayed ? DECAY_MIN_INTERVAL :
			  min(decay->interval * 2, DECAY_MAX_INTERVAL);
	decay->left = decay->interval;
}

/**
 * decay_watch() - watch a slot from now on, if it has pages and the budget allows
 * @decay: the slot's state
 * @budget: the pool's budget
 * @mapping: the client's address space
 * @first: where the slot begins there
 * @pages: its private pages, all of them, which have been reset
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 * Return: true if all page table entries of the slot have to be taken out now.
 */
bool decay_watch(struct decay *decay, struct decay_budget *budget,
		 struct address_space *mapping, pgoff_t first, struct xarray *pages)
{
	/* Unless there is something to see, and the sample says how it goes on. */
	decay->left = DECAY_RETRY_INTERVAL;
	if (xa_empty(pages) || !decay_spend(budget))
		return false;
	decay->watching = true;
	if (MAPPING_HAS_DIRTY_BITS) {
		decay_clean(mapping, first, pages, false);
		return false;
	}
	decay_clear_marks(pages);
	return true;
}
