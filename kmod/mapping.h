/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_MAPPING_H
#define SLOTPOOL_MAPPING_H

#include <linux/mm.h>

/* True if mapping_clean() can tell which pages were written */
#if defined(CONFIG_MAPPING_DIRTY_HELPERS) && !defined(SLOTPOOL_WITHOUT_DIRTY_BITS)
#define MAPPING_HAS_DIRTY_BITS true
#else
#define MAPPING_HAS_DIRTY_BITS false
#endif

vm_fault_t mapping_insert_shared(struct vm_area_struct *vma, unsigned long address,
				 struct page *page);
vm_fault_t mapping_insert_private(struct vm_area_struct *vma, unsigned long address,
				  struct page *page);
unsigned long mapping_max_run(const struct vm_area_struct *vma, unsigned long address);
int mapping_insert_run(struct vm_area_struct *vma, unsigned long address, struct page *first,
		       struct page *last);
void mapping_zap(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages);
void mapping_clean(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages,
		   pgoff_t base, unsigned long *written);

#endif /* SLOTPOOL_MAPPING_H */
