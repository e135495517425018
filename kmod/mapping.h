/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_MAPPING_H
#define SLOTPOOL_MAPPING_H

#include <linux/mm.h>

vm_fault_t mapping_insert_shared(struct vm_fault *vmf, struct page *page);
vm_fault_t mapping_insert_private(struct vm_fault *vmf, struct page *page);
void mapping_zap(struct address_space *mapping, pgoff_t first, pgoff_t nr_pages);

#endif /* SLOTPOOL_MAPPING_H */
