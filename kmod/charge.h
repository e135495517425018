/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 0
 *
 * A bounded count of pages that several tasks charge at once.
 */
#ifndef SLOTPOOL_CHARGE_H
#define SLOTPOOL_CHARGE_H

#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/types.h>

#define CHARGE_UNBOUNDED ((unsigned long)LONG_MAX)

/**
 * struct charge - a bounded count of pages
 * @max: invariant: bound of @nr
 * @nr: pages charged
 */
struct charge {
	long max;
	atomic_long_t nr;
};

/**
 * charge_init() - set up a count of no pages
 * @charge: the count
 * @max: its bound, or CHARGE_UNBOUNDED
 *
 * Context: Any.
 */
static inline void charge_init(struct charge *charge, unsigned long max)
{
	charge->max = min(max, CHARGE_UNBOUNDED);
	atomic_long_set(&charge->nr, 0);
}

/**
 * charge_try() - charge pages, unless that exceeds the bound
 * @charge: the count
 * @nr_pages: number of pages
 *
 * The count never exceeds the bound, not even for a moment: a concurrent charge
 * that fits would fail.
 *
 * Context: Any.
 * Return: false, and nothing is charged, if the bound does not allow it.
 */
static inline bool charge_try(struct charge *charge, long nr_pages)
{
	long nr = atomic_long_read(&charge->nr);

	do {
		if (nr_pages > charge->max - nr)
			return false;
	} while (!atomic_long_try_cmpxchg(&charge->nr, &nr, nr + nr_pages));
	return true;
}

/**
 * charge_cancel() - undo charge_try()
 * @charge: the count
 * @nr_pages: number of pages
 *
 * Context: Any.
 */
static inline void charge_cancel(struct charge *charge, long nr_pages)
{
	atomic_long_sub(nr_pages, &charge->nr);
}

/**
 * charge_read() - return how many pages are charged
 * @charge: the count
 *
 * Context: Any.
 * Return: The number of pages.
 */
static inline long charge_read(const struct charge *charge)
{
	return atomic_long_read(&charge->nr);
}

#endif /* SLOTPOOL_CHARGE_H */
