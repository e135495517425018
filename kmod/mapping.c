// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page table entries: the only file that puts them in or takes them out.
 *
 * All are PFN entries marked special, so that get_user_pages() refuses them
 * and no reference to a page can be taken through them. (KVM takes one all the
 * same; that is why reserve.c looks at the reference count of what comes back.)
 *
 * The callers hold the slot's mutex, so that an entry is never put in behind
 * the back of somebody who takes the slot's entries out.
 */
#include "mapping.h"

/**
 * mapping_insert_shared() - map a page that others see too
 * @vma: the VMA of the fault
 * @address: where in it
 * @page: the page, which nobody may write to
 *
 * The entry is read-only whatever the VMA allows: a write faults into
 * .pfn_mkwrite. The private variant of the protection is the one without the
 * write bit. Nothing happens if an entry is there already.
 *
 * Context: Process context, in a fault, holding the slot's mutex.
 * Return: VM_FAULT_NOPAGE, or VM_FAULT_OOM without memory for a page table.
 */
vm_fault_t mapping_insert_shared(struct vm_area_struct *vma, unsigned long address,
				 struct page *page)
{
	pgprot_t prot = vm_get_page_prot(vma->vm_flags & ~VM_SHARED);

	return vmf_insert_pfn_prot(vma, address, page_to_pfn(page), prot);
}

/**
 * mapping_insert_private() - map a page that the slot owns
 * @vma: the VMA of the fault
 * @address: where in it
 * @page: the page
 *
 * The entry is as writable as the VMA allows. Nothing happens if an entry is
 * there already.
 *
 * Context: Process context, in a fault, holding the slot's mutex.
 * Return: VM_FAULT_NOPAGE, or VM_FAULT_OOM without memory for a page table.
 */
vm_fault_t mapping_insert_private(struct vm_area_struct *vma, unsigned long address,
				  struct page *page)
{
	pgprot_t prot = vm_get_page_prot(vma->vm_flags);

	return vmf_insert_pfn_prot(vma, address, page_to_pfn(page), prot);
}

/**
 * mapping_max_run() - how far a run can reach
 * @vma: a VMA
 * @address: where in it the run begins
 *
 * Context: Holding what keeps the VMA as it is; @address lies in it.
 * Return: How many pages from there on are in the VMA and have entries in the same page
 * table.
 */
unsigned long mapping_max_run(const struct vm_area_struct *vma, unsigned long address)
{
	return min((vma->vm_end - address) >> PAGE_SHIFT, PTRS_PER_PTE - pte_index(address));
}

struct mapping_run {
	struct vm_area_struct *vma;
	struct page *first;
	struct page *last;
	unsigned long nr_pages;
};

/*
 * apply_to_page_range() has the page table locked and mapped, and so all entries in it
 * are at hand.
 */
static int mapping_insert_entries(pte_t *first, unsigned long address, void *data)
{
	const struct mapping_run *run = data;
	pgprot_t prot = vm_get_page_prot(run->vma->vm_flags);
	struct page *page = run->first;
	unsigned long distance = 0;

	for (;;) {
		pte_t *pte = first + distance;

		/* Entries elsewhere would be there for ever: nothing else looks at them. */
		if (WARN_ON_ONCE(distance >= run->nr_pages))
			return -EINVAL;
		if (pte_none(ptep_get(pte))) {
			unsigned long at = address + (distance << PAGE_SHIFT);

			set_pte_at(run->vma->vm_mm, at, pte,
				   pte_mkspecial(pfn_pte(page_to_pfn(page), prot)));
			update_mmu_cache(run->vma, at, pte);
		}
		if (page == run->last)
			return 0;
		page = list_next_entry(page, lru);
		distance = page->index - run->first->index;
	}
}

/**
 * mapping_insert_run() - map pages that the slot owns, with entries in one page table
 * @vma: the VMA of the fault
 * @address: where in it the first one goes
 * @first: the first one
 * @last: the last one, less than mapping_max_run() behind it; between them are, on the
 *	list of &page.lru, some of those between them in the slot, in order of their index
 *
 * As mapping_insert_private() for each, but the page table is looked up and locked
 * once for all of them, however far apart they are.
 *
 * Context: Process context, in a fault, holding the slot's mutex.
 * Return: 0, or -ENOMEM without memory for a page table. -EINVAL if they don't fit
 * into the VMA or into a page table or are not in order, which is a bug.
 */
int mapping_insert_run(struct vm_area_struct *vma, unsigned long address, struct page *first,
		       struct page *last)
{
	struct mapping_run run = {
		.vma = vma,
		.first = first,
		.last = last,
		.nr_pages = last->index - first->index + 1,
	};

	if (WARN_ON_ONCE(address < vma->vm_start || address >= vma->vm_end ||
			 run.nr_pages > mapping_max_run(vma, address)))
		return -EINVAL;
	return apply_to_page_range(vma->vm_mm, address, PAGE_SIZE, mapping_insert_entries, &run);
}

/**
 * mapping_zap() - take out all entries for a range of the device's offsets
 * @mapping: a client's address space
 * @first: the first offset in pages
 * @nr_pages: how many pages
 *
 * Finds them in every VMA of the client, also where a slot is mapped twice,
 * and has flushed the TLBs when it returns: nobody can reach the pages through
 * the entries any more. That also holds while somebody else is just unmapping
 * the range, and has cleared entries but not flushed yet: zapping flushes then
 * too (mm_tlb_flush_nested()), and a PFN mapping is flushed before its VMA can
 * no longer be found here (tlb_end_vma()).
 *
 * Context: Process context, holding the slot's mutex. Takes i_mmap_rwsem and
 * page table locks.
 */
void mapping_zap(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages)
{
	/* unmap_mapping_pages() takes 0 for everything up to the end. */
	if (nr_pages)
		unmap_mapping_pages(mapping, first, nr_pages, true);
}

/**
 * mapping_clean() - find out which pages were written, and start over
 * @mapping: a client's address space
 * @first: the first offset in pages
 * @nr_pages: how many pages
 * @base: offset of the page that bit 0 of @written is for
 * @written: where a bit is set for each page that was written through any of
 *	the client's mappings since the entry was put in or last cleaned
 *
 * The hardware's dirty bits are cleared and the TLBs flushed, so that every
 * write from here on is seen the next time. One that comes in the middle can go
 * unnoticed: the bits may decide which pages to drop, never what to copy.
 *
 * Only to be called where MAPPING_HAS_DIRTY_BITS.
 *
 * Context: Process context, holding the slot's mutex. Takes i_mmap_rwsem and
 * page table locks.
 */
void mapping_clean(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages,
		   pgoff_t base, unsigned long *written)
{
#ifdef CONFIG_MAPPING_DIRTY_HELPERS
	pgoff_t start = 0, end = 0;

	clean_record_shared_mapping_range(mapping, first, nr_pages, base, written, &start, &end);
#endif
}
