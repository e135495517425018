/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interfaces that not all supported kernels have. Kbuild looks into the
 * kernel's headers and defines a HAVE_ symbol for each that is there.
 */
#ifndef SLOTPOOL_COMPAT_H
#define SLOTPOOL_COMPAT_H

#include <linux/mm.h>

#if !defined(CONFIG_64BIT) || !defined(CONFIG_ARCH_HAS_PTE_SPECIAL)
#error "slotpool needs 64 bits, and page table entries that can be marked special"
#endif

/* Pages are written through the kernel's mapping and read through the user's. */
#ifdef CONFIG_ARCH_HAS_CPU_CACHE_ALIASING
#error "slotpool doesn't flush caches that are indexed by virtual addresses"
#endif

#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_mod(struct vm_area_struct *vma, unsigned long set,
				unsigned long clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#ifndef HAVE_RELEASE_FAULT_LOCK
/* Without locks for each VMA a fault always holds the mmap_lock. */
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

#endif /* SLOTPOOL_COMPAT_H */
