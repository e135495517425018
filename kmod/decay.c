// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 3
 *
 * Decay: which private pages of a slot are no longer written.
 *
 * The number of private pages only grows, and a reset pays for each of them. So
 * once in a while a reset begins to *watch* the slot, and the next one takes the
 * *sample*: it gives back the pages that were not written in between.
 *
 * Watching clears the hardware's dirty bits and flushes TLBs, which interrupts
 * the CPUs that the process runs on. So it is rare: after 64 resets at first;
 * half as often each time a sample finds nothing; after 64 resets again when a
 * sample finds something, or when the slot has grown. A budget bounds it for the
 * whole pool.
 *
 * Without the kernel's helpers for dirty bits, watching zaps the slot's page table
 * entries instead, and the faults that follow show which pages are touched.
 *
 * vmwgfx samples dirty bits of graphics memory in adaptive intervals, too:
 * drivers/gpu/drm/vmwgfx/vmwgfx_page_dirty.c.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "decay.h"
#include "mapping.h"

#define DECAY_MAX_INTERVAL 4096U

/* Resets until an attempt to watch is repeated: no budget was left, or the slot was empty */
#define DECAY_RETRY_INTERVAL 16U

/* Pages that are cleaned in one go: their bitmap fits onto the stack. */
#define DECAY_WINDOW 512UL

/**
 * decay_budget_init() - set up a budget
 * @budget: the budget
 * @max_samples: samples a second; 0 for none
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

	/* Of the tasks that see a new second begin, one refills the budget. */
	if (time_after_eq(now, start + HZ) && cmpxchg(&budget->start, start, now) == start)
		atomic_set(&budget->left, budget->max_samples);
	return atomic_dec_if_positive(&budget->left) >= 0;
}

/**
 * decay_start() - start over with an empty slot
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
 * decay_resize() - adapt the interval if a slot has more pages after a reset than before
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
 * decay_watch_new() - watch a slot that has no entries yet
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

/* Clear the dirty bits of all of the slot's pages; with @mark, mark the pages written. */
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
 * decay_sample() - find out which pages were written while the slot was watched
 * @decay: the slot's state
 * @mapping: its client's address space
 * @first: where it begins there
 * @pages: all of its private pages; sets the mark DECAY_WRITTEN on those written
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 * Return: false if the slot was not watched: then the marks mean nothing.
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
 * @pages: all of its private pages, which have been reset
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 * Return: true if the caller must zap all page table entries of the slot.
 */
bool decay_watch(struct decay *decay, struct decay_budget *budget,
		 struct address_space *mapping, pgoff_t first, struct xarray *pages)
{
	/* For the case that the slot is not watched. Otherwise decay_adapt() sets it. */
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
