/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 0
 *
 * Interfaces that not all supported kernels have. Kbuild searches the kernel's
 * headers for each of them, and defines its HAVE_ symbol if it is there.
 */
#ifndef SLOTPOOL_COMPAT_H
#define SLOTPOOL_COMPAT_H

#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>

#if !defined(CONFIG_64BIT) || !defined(CONFIG_ARCH_HAS_PTE_SPECIAL)
#error "slotpool needs a 64-bit kernel with special page table entries"
#endif

/* Pages are written through the kernel's mapping, and read through the user's. */
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
/* Without a lock for each VMA, a fault always holds the mmap_lock. */
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* struct page loses the field. Its place is still the owner's, under another name. */
#ifdef HAVE_FOLIO_INDEX
#define COMPAT_PAGE_INDEX __folio_index
#else
#define COMPAT_PAGE_INDEX index
#endif

static inline unsigned long compat_page_index(const struct page *page)
{
	return page->COMPAT_PAGE_INDEX;
}

static inline void compat_set_page_index(struct page *page, unsigned long index)
{
	page->COMPAT_PAGE_INDEX = index;
}

#ifndef HAVE_ACCOUNT_RECLAIMED_PAGES
static inline void mm_account_reclaimed_pages(unsigned long nr_pages)
{
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += nr_pages;
}
#endif

typedef unsigned long compat_shrinker_fn(struct shrinker *shrinker,
					 struct shrink_control *control);

#ifdef HAVE_SHRINKER_ALLOC
static inline struct shrinker *compat_shrinker_create(const char *name, compat_shrinker_fn *count,
						      compat_shrinker_fn *scan, void *private)
{
	struct shrinker *shrinker = shrinker_alloc(0, "%s", name);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->private_data = private;
	shrinker_register(shrinker);
	return shrinker;
}

static inline void *compat_shrinker_private(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

static inline void compat_shrinker_destroy(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#else
/* A shrinker that the kernel doesn't allocate has no room for private data. */
struct compat_shrinker {
	struct shrinker shrinker;
	void *private;
};

static inline struct shrinker *compat_shrinker_create(const char *name, compat_shrinker_fn *count,
						      compat_shrinker_fn *scan, void *private)
{
	struct compat_shrinker *compat = kzalloc(sizeof(*compat), GFP_KERNEL);

	if (!compat)
		return NULL;
	compat->shrinker.count_objects = count;
	compat->shrinker.scan_objects = scan;
	compat->shrinker.seeks = DEFAULT_SEEKS;
	compat->private = private;
	if (register_shrinker(&compat->shrinker, "%s", name)) {
		kfree(compat);
		return NULL;
	}
	return &compat->shrinker;
}

static inline void *compat_shrinker_private(struct shrinker *shrinker)
{
	return container_of(shrinker, struct compat_shrinker, shrinker)->private;
}

static inline void compat_shrinker_destroy(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(container_of(shrinker, struct compat_shrinker, shrinker));
}
#endif

#endif /* SLOTPOOL_COMPAT_H */
