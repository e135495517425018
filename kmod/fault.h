/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_FAULT_H
#define SLOTPOOL_FAULT_H

#include <linux/fs.h>
#include <linux/mm_types.h>

int fault_mmap(struct file *file, struct vm_area_struct *vma);

#endif /* SLOTPOOL_FAULT_H */
