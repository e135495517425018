// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 6
 *
 * Accesses to a slot: page faults, and a debugger's reads and writes.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "mapping.h"
#include "private_page.h"
#include "slot_fault.h"
#include "slot_pages.h"

static bool slot_accessible(const struct slot *slot, const struct slot_client *client,
			    pgoff_t index)
{
	lockdep_assert_held(&slot->lock);

	return slot->owner == client && index < slot->terms.limit;
}

/* A range of pages of a slot, and the address at which the VMA of a fault maps it. */
struct slot_window {
	unsigned long first;
	unsigned long end;
	unsigned long address;
};

/* Return the part of the slot, below its limit, that a VMA maps. */
static struct slot_window slot_window(const struct slot *slot, struct vm_area_struct *vma)
{
	pgoff_t vma_end = vma->vm_pgoff + vma_pages(vma);
	pgoff_t first = max(vma->vm_pgoff, slot->first);
	pgoff_t end = min(vma_end, slot->first + slot->terms.limit);

	if (first >= end)
		return (struct slot_window){ 0 };
	return (struct slot_window){
		.first = first - slot->first,
		.end = end - slot->first,
		.address = vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT),
	};
}

/*
 * Return the last page of a run that begins at @first: pages that follow each
 * other on the slot's list in ascending order, below @end.
 */
static struct page *slot_run_last(struct slot *slot, struct page *first, unsigned long end)
{
	struct page *last = first;
	struct page *next = list_next_entry(last, lru);

	lockdep_assert_held(&slot->lock);

	while (!list_entry_is_head(next, &slot->pages, lru) &&
	       private_page_index(next) >= private_page_index(last) &&
	       private_page_index(next) < end) {
		last = next;
		next = list_next_entry(last, lru);
	}
	return last;
}

/*
 * Map all private pages that lie in the VMA of a fault, a run at a time. A page
 * that can't be mapped faults for itself later.
 */
static void slot_map_all(struct slot *slot, struct vm_area_struct *vma)
{
	struct slot_window window = slot_window(slot, vma);
	struct page *page, *last;

	lockdep_assert_held(&slot->lock);

	if (window.first == window.end)
		return;
	list_for_each_entry(page, &slot->pages, lru) {
		unsigned long index = private_page_index(page);
		unsigned long address = window.address + ((index - window.first) << PAGE_SHIFT);

		cond_resched();
		if (index < window.first || index >= window.end)
			continue;
		last = slot_run_last(slot, page,
				     min(window.end, index + mapping_max_run(vma, address)));
		/* Before the entries are there: none is ever at or above the mark. */
		slot->mapped_end = max(slot->mapped_end, private_page_index(last) + 1);
		if (mapping_insert_run(vma, address, page, last))
			break;
		page = last;
	}
}

/*
 * Find what an access to an absent page sees: a write makes the page private, and
 * a read sees the image's page, or zeros if both are NULL.
 */
static int slot_resolve_absent(struct slot *slot, pgoff_t index, bool write, gfp_t gfp,
			       struct page **privatep, struct page **sharedp)
{
	struct page *shared;

	lockdep_assert_held(&slot->lock);

	if (write)
		return slot_make_private(slot, index, gfp, privatep);
	if (!slot->image)
		return 0;
	shared = image_page(slot->image, index, gfp);
	if (IS_ERR(shared))
		return PTR_ERR(shared);
	*sharedp = shared;
	return 0;
}

/* Prepare a slot before its first fault is answered. */
static void slot_begin_life(struct slot *slot)
{
	lockdep_assert_held(&slot->lock);

	slot->life = slot->life == SLOT_LIFE_FRESH ? SLOT_LIFE_FIRST : SLOT_LIFE_LATER;
	slot_prepare(slot);
	slot->remap = true;
}

/**
 * slot_fault() - answer a page fault in a slot
 * @slot: the slot
 * @client: the client whose VMA it is
 * @vmf: the fault, from .fault or .pfn_mkwrite
 * @index: the page within the slot
 * @gfp: how hard to try to allocate memory
 * @result: returns the answer, if the return value is 0
 *
 * Context: In a fault, holding &slot.lock. May sleep.
 * Return: 0; -EFAULT if the client may not access the page; -ENOBUFS or
 * -EDQUOT if the reserve or the client's quota is used up, and the fault can be
 * tried again after something was given back; -ENOMEM if the system has no
 * memory; -EIO if the image can't be read.
 */
int slot_fault(struct slot *slot, struct slot_client *client, struct vm_fault *vmf,
	       pgoff_t index, gfp_t gfp, vm_fault_t *result)
{
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct page *shared = NULL;
	struct page *private;
	int err;

	lockdep_assert_held(&slot->lock);

	if (!slot_accessible(slot, client, index))
		return -EFAULT;
	if (slot->life == SLOT_LIFE_FRESH || slot->life == SLOT_LIFE_UNTOUCHED)
		slot_begin_life(slot);

	private = slot_find(slot, index);
	if (!private) {
		err = slot_resolve_absent(slot, index, write, gfp, &private, &shared);
		if (err)
			return err;
	} else if (vmf->flags & FAULT_FLAG_MKWRITE) {
		/*
		 * A read-only entry for a private page, inserted while the VMA
		 * was read-only. A fault does not replace an entry that is
		 * present: zap it.
		 */
		mapping_zap(slot->client->mapping, slot->first + index, 1);
	}

	if (slot->remap) {
		slot->remap = false;
		slot_map_all(slot, vmf->vma);
	}

	/* Before the entry is there: none is ever at or above the mark. */
	slot->mapped_end = max(slot->mapped_end, index + 1);
	if (private && slot->decay.watching && !MAPPING_HAS_DIRTY_BITS)
		xa_set_mark(&slot->by_index, index, DECAY_WRITTEN);
	stats_add(slot->memory->stats, write ? STATS_WRITE_FAULTS : STATS_READ_FAULTS, 1);
	if (private)
		*result = mapping_insert_private(vmf->vma, vmf->address, private);
	else
		*result = mapping_insert_shared(vmf->vma, vmf->address,
						shared ? shared : ZERO_PAGE(0));
	return 0;
}

/**
 * slot_access() - read or write a slot for a debugger
 * @slot: the slot
 * @client: the client whose VMA it is
 * @index: the page within the slot
 * @offset: where in that page
 * @buffer: kernel memory
 * @length: number of bytes, not beyond the page's end
 * @write: write to the slot
 * @gfp: how hard to try to allocate memory
 *
 * This goes through the kernel's mapping and touches no page table entry.
 *
 * Context: Process context, holding &slot.lock. May sleep.
 * Return: 0, or an error as slot_fault().
 */
int slot_access(struct slot *slot, struct slot_client *client, pgoff_t index,
		unsigned int offset, void *buffer, unsigned int length, bool write, gfp_t gfp)
{
	struct page *shared = NULL;
	struct page *page;
	int err;

	lockdep_assert_held(&slot->lock);

	if (!slot_accessible(slot, client, index))
		return -EFAULT;
	page = slot_find(slot, index);
	if (!page) {
		err = slot_resolve_absent(slot, index, write, gfp, &page, &shared);
		if (err)
			return err;
		if (!page)
			page = shared;
	}
	if (write)
		memcpy(page_address(page) + offset, buffer, length);
	else if (page)
		memcpy(buffer, page_address(page) + offset, length);
	else
		memset(buffer, 0, length);
	return 0;
}
