/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_MAPPING_H
#define SLOTPOOL_MAPPING_H

#include <linux/mm.h>

/* Whether mapping_clean() can tell what was written. */
#if defined(CONFIG_MAPPING_DIRTY_HELPERS) && !defined(SLOTPOOL_WITHOUT_DIRTY_BITS)
#define MAPPING_HAS_DIRTY_BITS true
#else
#define MAPPING_HAS_DIRTY_BITS false
#endif

vm_fault_t mapping_insert_shared(struct vm_area_struct *vma, unsigned long address,
				 struct page *page);
vm_fault_t mapping_insert_private(struct vm_area_struct *vma, unsigned long address,
				  struct page *page);
int mapping_insert_run(struct vm_area_struct *vma, unsigned long address, struct page *first,
		       struct page *last);

/**
 * mapping_max_run() - how far a run can reach
 * @vma: a VMA
 * @address: where in it the run begins
 *
 * Context: Any.
 * Return: How many pages from there on are in the VMA and have entries in the same page
 * table.
 */
static inline unsigned long mapping_max_run(const struct vm_area_struct *vma,
					    unsigned long address)
{
	return min((vma->vm_end - address) >> PAGE_SHIFT, PTRS_PER_PTE - pte_index(address));
}

void mapping_zap(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages);
void mapping_clean(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages,
		   pgoff_t base, unsigned long *written);

#endif /* SLOTPOOL_MAPPING_H */
