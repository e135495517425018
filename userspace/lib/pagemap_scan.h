/* SPDX-License-Identifier: MIT */
/*
 * PAGEMAP_SCAN of Linux 6.7, for builds with older kernel headers. The names
 * differ from those of <linux/fs.h>, which a file may include as well. The
 * kernel's documentation is Documentation/admin-guide/mm/pagemap.rst.
 */
#ifndef SLOTPOOL_PAGEMAP_SCAN_H
#define SLOTPOOL_PAGEMAP_SCAN_H

#include <stdint.h>
#include <sys/ioctl.h>

/* struct page_region: adjacent pages of the same categories */
struct scan_region {
	uint64_t start, end;
	uint64_t categories;
};

/* struct pm_scan_arg */
struct scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start, end, walk_end;
	uint64_t regions, nr_regions;
	uint64_t max_pages;
	uint64_t inverted, all_of, any_of, returned;
};

/* PAGEMAP_SCAN, an ioctl of /proc/PID/pagemap; returns the number of regions */
#define SCAN _IOWR('f', 16, struct scan)

/* PAGE_IS_WRITTEN etc.: categories of pages */
enum {
	SCAN_WRITTEN = 1 << 1,
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
	SCAN_ZERO = 1 << 5,
};

#endif /* SLOTPOOL_PAGEMAP_SCAN_H */
