// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 0
 *
 * Hot pages: which pages instances of an image usually write.
 *
 * A page that an instance writes becomes hot. A page that two instances wrote has
 * to be missed by two samples to be forgotten.
 */
#include <linux/gfp.h>
#include <linux/sched.h>

#include "hot_pages.h"

/* Searching for a mark is faster than trying one entry after the other. */
#define HOT_PAGES_MARK XA_MARK_0

/* The set is a hint: forgo an update for which there is no memory without effort. */
#define HOT_PAGES_GFP (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

/* Samples that must miss a page until it is forgotten, at most */
#define HOT_PAGES_MAX_SCORE 2UL

/* A sample costs as much as a cold start: only the first ones and each 8th pay it. */
#define HOT_PAGES_ALWAYS_SAMPLED 2U
#define HOT_PAGES_SAMPLE_INTERVAL 8U

/**
 * hot_pages_init() - set up an empty set
 * @hot: the set
 *
 * Context: Any.
 */
void hot_pages_init(struct hot_pages *hot)
{
	mutex_init(&hot->lock);
	xa_init_flags(&hot->scores, XA_FLAGS_ACCOUNT);
	atomic_set(&hot->nr_prepared, 0);
}

/**
 * hot_pages_destroy() - undo hot_pages_init()
 * @hot: the set
 *
 * Context: Process context.
 */
void hot_pages_destroy(struct hot_pages *hot)
{
	xa_destroy(&hot->scores);
	mutex_destroy(&hot->lock);
}

/**
 * hot_pages_find() - find hot pages in a range
 * @hot: the set
 * @first: the first page of the range
 * @last: the last page of the range
 * @indexes: receives the pages, in ascending order
 * @max: length of @indexes, at least 1
 *
 * Context: Any but interrupts.
 * Return: The number of pages found.
 */
unsigned int hot_pages_find(struct hot_pages *hot, unsigned long first, unsigned long last,
			    unsigned long *indexes, unsigned int max)
{
	XA_STATE(scores, &hot->scores, first);
	unsigned int nr = 0;
	void *score;

	rcu_read_lock();
	xas_for_each_marked(&scores, score, last, HOT_PAGES_MARK) {
		if (xas_retry(&scores, score))
			continue;
		indexes[nr++] = scores.xa_index;
		if (nr == max)
			break;
	}
	rcu_read_unlock();
	return nr;
}

/**
 * hot_pages_want_sample() - count a slot that was prepared
 * @hot: the set
 *
 * Context: Any.
 * Return: True if hot_pages_learn() should be told all that the slot's instance
 * writes.
 */
bool hot_pages_want_sample(struct hot_pages *hot)
{
	unsigned int nr = atomic_inc_return(&hot->nr_prepared);

	return nr <= HOT_PAGES_ALWAYS_SAMPLED || nr % HOT_PAGES_SAMPLE_INTERVAL == 0;
}

/* Lower the score of the pages that an instance did not write. */
static void hot_pages_forget(struct hot_pages *hot, struct xarray *pages, xa_mark_t written)
{
	unsigned long index;
	void *entry;

	lockdep_assert_held(&hot->lock);

	xa_for_each(&hot->scores, index, entry) {
		unsigned long score = xa_to_value(entry);

		cond_resched();
		if (xa_get_mark(pages, index, written))
			continue;
		if (score > 1)
			xa_store(&hot->scores, index, xa_mk_value(score - 1), HOT_PAGES_GFP);
		else
			xa_erase(&hot->scores, index);
	}
}

/**
 * hot_pages_learn() - record which pages an instance wrote
 * @hot: the set
 * @pages: private pages of the instance's slot
 * @written: mark of the pages that it wrote
 * @all: all pages that it wrote have the mark; it missed the others
 *
 * Context: Process context, holding the slot's mutex. May sleep.
 */
void hot_pages_learn(struct hot_pages *hot, struct xarray *pages, xa_mark_t written, bool all)
{
	unsigned long index;
	void *entry;

	/* Another instance is being recorded, and serves as well. */
	if (!mutex_trylock(&hot->lock))
		return;
	if (all)
		hot_pages_forget(hot, pages, written);
	xa_for_each_marked(pages, index, entry, written) {
		void *old = xa_load(&hot->scores, index);
		unsigned long score = old ? xa_to_value(old) : 0;

		if (score < HOT_PAGES_MAX_SCORE)
			xa_store(&hot->scores, index, xa_mk_value(score + 1), HOT_PAGES_GFP);
		/* Does nothing if there was no memory to store the entry. */
		if (!old)
			xa_set_mark(&hot->scores, index, HOT_PAGES_MARK);
		cond_resched();
	}
	mutex_unlock(&hot->lock);
}
