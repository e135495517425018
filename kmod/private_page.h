/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 1
 *
 * What a slot stores in the struct page of a private page: the page's index in
 * the slot, and the contents that a reset copies over it.
 *
 * The fields of struct page cost nothing to allocate. A record outside of it
 * would have to be allocated by the fault that makes the page private, and that
 * fault must not fail inside a commitment.
 */
#ifndef SLOTPOOL_PRIVATE_PAGE_H
#define SLOTPOOL_PRIVATE_PAGE_H

#include <linux/mm.h>
#include <linux/string.h>

#include "compat.h"
#include "reserve.h"

/**
 * private_page_index() - return which page of its slot a page is
 * @page: a private page
 *
 * Context: Holding the slot's mutex.
 * Return: The index.
 */
static inline unsigned long private_page_index(const struct page *page)
{
	return compat_page_index(page);
}

/**
 * private_page_set_index() - record which page of its slot a page is
 * @page: a page that is becoming private
 * @index: the index
 *
 * Context: Holding the slot's mutex.
 */
static inline void private_page_set_index(struct page *page, unsigned long index)
{
	compat_set_page_index(page, index);
}

/**
 * private_page_set_original() - record what a reset copies over a page
 * @page: a page that is becoming private, or that leaves its slot
 * @original: the image's page, or NULL for zeros; it stays while the slot is
 *	attached to the image
 *
 * Looking up the contents of @original is half of what a reset does for a page
 * besides copying, so store their address rather than the page.
 *
 * Context: Holding the slot's mutex.
 */
static inline void private_page_set_original(struct page *page, struct page *original)
{
	void *contents = original ? page_address(original) : NULL;

	set_page_private(page, (unsigned long)contents | reserve_owns(page));
}

/**
 * private_page_original() - return what a reset copies over a page
 * @page: a private page
 *
 * Context: Holding the slot's mutex.
 * Return: The contents of the image's page, or NULL for zeros.
 */
static inline const void *private_page_original(const struct page *page)
{
	return (const void *)(page_private(page) & ~RESERVE_OWNED);
}

/**
 * private_page_is_original() - find out whether a reset would change a page
 * @page: a private page that nothing maps
 *
 * Context: Holding the slot's mutex.
 * Return: true if the page has the contents of its original.
 */
static inline bool private_page_is_original(const struct page *page)
{
	const void *original = private_page_original(page);

	if (original)
		return !memcmp(page_address(page), original, PAGE_SIZE);
	return !memchr_inv(page_address(page), 0, PAGE_SIZE);
}

/**
 * private_page_overwrite() - give a page the contents of its original
 * @page: a page for which private_page_set_original() was called
 *
 * Context: Holding the slot's mutex.
 */
static inline void private_page_overwrite(struct page *page)
{
	const void *original = private_page_original(page);

	if (original)
		copy_page(page_address(page), (void *)original);
	else
		clear_page(page_address(page));
}

#endif /* SLOTPOOL_PRIVATE_PAGE_H */
