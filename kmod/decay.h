/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_DECAY_H
#define SLOTPOOL_DECAY_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/xarray.h>

#define DECAY_MIN_INTERVAL 64U

/* A mark in &slot.by_index: the watched instance wrote the page */
#define DECAY_WRITTEN XA_MARK_0

/**
 * struct decay_budget - how often the slots of a pool may be watched
 * @max_samples: invariant: samples a second; 0 for none
 * @start: when the current second began, in jiffies
 * @left: samples left in that second
 */
struct decay_budget {
	unsigned int max_samples;
	unsigned long start;
	atomic_t left;
};

/**
 * struct decay - when to find out which pages of a slot are still written
 * @interval: resets from one sample to the next
 * @left: resets until the slot is due to be watched
 * @nr_pages: private pages after the last reset
 * @watching: the hardware, or faults, record what is written until the next reset
 *
 * The slot's mutex protects it.
 */
struct decay {
	unsigned int interval;
	unsigned int left;
	unsigned long nr_pages;
	bool watching;
};

void decay_budget_init(struct decay_budget *budget, unsigned int max_samples);
void decay_start(struct decay *decay);
void decay_watch_new(struct decay *decay, struct decay_budget *budget);
bool decay_sample(struct decay *decay, struct address_space *mapping, pgoff_t first,
		  struct xarray *pages);
void decay_adapt(struct decay *decay, bool decayed);
void decay_resize(struct decay *decay, unsigned long nr_pages);
bool decay_watch(struct decay *decay, struct decay_budget *budget,
		 struct address_space *mapping, pgoff_t first, struct xarray *pages);

/**
 * decay_due() - count a reset
 * @decay: the slot's state
 *
 * Context: Process context, holding the slot's mutex.
 * Return: Whether it is time to watch the slot.
 */
static inline bool decay_due(struct decay *decay)
{
	return !--decay->left;
}

#endif /* SLOTPOOL_DECAY_H */
