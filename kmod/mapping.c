// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 2
 *
 * Page table entries: no other file inserts or zaps them.
 *
 * All of them are PFN entries marked special: get_user_pages() refuses them, and
 * nothing can take a reference to a page through them. KVM does take one all the
 * same, so reserve.c checks the reference count of each page that comes back.
 *
 * The callers hold the slot's mutex: no entry can be inserted while another task
 * zaps the slot's entries.
 */
#include "mapping.h"
#include "private_page.h"

/**
 * mapping_insert_shared() - map a page that clients share
 * @vma: the VMA of the fault
 * @address: the address in it
 * @page: the page, which nobody may write to
 *
 * The entry is read-only whatever the VMA allows: a write faults into
 * .pfn_mkwrite. The protection of a private mapping lacks the write bit. An entry
 * that is present stays.
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
 * @address: the address in it
 * @page: the page
 *
 * The entry is as writable as the VMA allows. An entry that is present stays.
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
 * mapping_max_run() - return how long a run of entries can be
 * @vma: a VMA
 * @address: the address in it at which the run begins
 *
 * Context: Holding a lock that keeps the VMA as it is.
 * Return: The number of pages from @address that lie in the VMA and have their
 * entries in the same page table.
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
 * apply_to_page_range() holds the lock of the page table and has it mapped: all
 * entries of the table can be accessed from the first.
 */
static int mapping_insert_entries(pte_t *first, unsigned long address, void *data)
{
	const struct mapping_run *run = data;
	pgprot_t prot = vm_get_page_prot(run->vma->vm_flags);
	struct page *page = run->first;
	unsigned long distance = 0;

	for (;;) {
		pte_t *pte = first + distance;

		/* Nothing would ever zap an entry outside the run. */
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
		distance = private_page_index(page) - private_page_index(run->first);
	}
}

/**
 * mapping_insert_run() - map private pages that have their entries in one page table
 * @vma: the VMA of the fault
 * @address: the address of the first page
 * @first: the first page
 * @last: the last page, less than mapping_max_run() pages after the first. The
 *	pages from @first to @last on the list of &page.lru are in ascending order
 *	of their index in the slot, which may leave some out.
 *
 * This does what mapping_insert_private() does for each page, but looks up and
 * locks the page table only once.
 *
 * Context: Process context, in a fault, holding the slot's mutex.
 * Return: 0, or -ENOMEM without memory for a page table. -EINVAL is a bug: the
 * pages are not in order, or exceed the VMA or the page table.
 */
int mapping_insert_run(struct vm_area_struct *vma, unsigned long address, struct page *first,
		       struct page *last)
{
	struct mapping_run run = {
		.vma = vma,
		.first = first,
		.last = last,
		.nr_pages = private_page_index(last) - private_page_index(first) + 1,
	};

	if (WARN_ON_ONCE(address < vma->vm_start || address >= vma->vm_end ||
			 run.nr_pages > mapping_max_run(vma, address)))
		return -EINVAL;
	return apply_to_page_range(vma->vm_mm, address, PAGE_SIZE, mapping_insert_entries, &run);
}

/**
 * mapping_zap() - zap all entries for a range of the device's offsets
 * @mapping: a client's address space
 * @first: the first offset in pages
 * @nr_pages: number of pages
 *
 * This finds the entries in every VMA of the client, also where a slot is mapped
 * twice, and has flushed the TLBs when it returns: nobody can reach the pages
 * through the entries any more. That also holds while another task unmaps the
 * range, and has cleared entries but not flushed yet: then zapping flushes too
 * (mm_tlb_flush_nested()), and a PFN mapping is flushed before its VMA can no
 * longer be found here (tlb_end_vma()).
 *
 * Context: Process context, holding the slot's mutex. Takes i_mmap_rwsem and
 * page table locks.
 */
void mapping_zap(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages)
{
	/* unmap_mapping_pages() takes 0 pages for all pages up to the end. */
	if (nr_pages)
		unmap_mapping_pages(mapping, first, nr_pages, true);
}

/**
 * mapping_clean() - read and clear the dirty bits of a range
 * @mapping: a client's address space
 * @first: the first offset in pages
 * @nr_pages: number of pages
 * @base: offset of the page that bit 0 of @written stands for
 * @written: receives a set bit for each page that was written through any of the
 *	client's mappings since its entry was inserted or last cleaned
 *
 * This flushes the TLBs after clearing the bits: the next call sees every later
 * write. It may miss a write that runs at the same time. So the bits may decide
 * which pages to drop, but never which pages to copy.
 *
 * Call this only where MAPPING_HAS_DIRTY_BITS.
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
