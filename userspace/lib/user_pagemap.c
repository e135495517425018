// SPDX-License-Identifier: MIT
/*
 * Find the pages of a private mapping that the process has written.
 *
 * PAGEMAP_SCAN (Linux 6.7) searches a range of any size in one call. Older
 * kernels, and callers that need not be fast, read one entry for each page from
 * /proc/self/pagemap.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "user.h"

/* Bits of an entry of the file */
enum {
	ENTRY_EXCLUSIVE = 56, /* never set for the zero page */
	ENTRY_FILE = 61,
	ENTRY_SWAPPED = 62,
	ENTRY_PRESENT = 63,
};

void user_pagemap_open(struct user_pagemap *pagemap, uint64_t page_size)
{
	struct scan_region region;
	char *end;

	pagemap->page_size = page_size;
	pagemap->fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	pagemap->scans = pagemap->fd >= 0 &&
			 user_pagemap_scan(pagemap, NULL, page_size, 1, &region, 1, &end) >= 0;
}

void user_pagemap_close(struct user_pagemap *pagemap)
{
	if (pagemap->fd >= 0)
		close(pagemap->fd);
}

/*
 * Ask for the pages that Wasmtime's pooling allocator asks for: written, and
 * neither the file's page nor the zero page (Wasmtime's pagemap.rs). Also ask for
 * pages that are swapped out: a reset that skips them leaves the old contents in
 * the slot (Wasmtime issue 14357).
 */
int user_pagemap_scan(const struct user_pagemap *pagemap, char *start, uint64_t length,
		      uint64_t max_pages, struct scan_region *regions, size_t max_regions,
		      char **end)
{
	struct scan scan = {
		.size = sizeof(scan),
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + length,
		.regions = (uintptr_t)regions,
		.nr_regions = max_regions,
		.max_pages = max_pages,
		.inverted = SCAN_FILE | SCAN_ZERO,
		.all_of = SCAN_WRITTEN | SCAN_FILE | SCAN_ZERO,
		.any_of = SCAN_PRESENT | SCAN_SWAPPED,
	};
	int nr = ioctl(pagemap->fd, SCAN, &scan);

	if (nr < 0)
		return -errno;
	*end = start + (scan.walk_end - scan.start);
	return nr;
}

static bool has_bit(uint64_t entry, unsigned int bit)
{
	return entry >> bit & 1;
}

static bool is_private(uint64_t entry)
{
	if (has_bit(entry, ENTRY_FILE))
		return false;
	return has_bit(entry, ENTRY_SWAPPED) ||
	       (has_bit(entry, ENTRY_PRESENT) && has_bit(entry, ENTRY_EXCLUSIVE));
}

int user_pagemap_each(const struct user_pagemap *pagemap, char *start, uint64_t length,
		      int (*visit)(char *page, void *context), void *context)
{
	uint64_t page_size = pagemap->page_size;
	uint64_t nr_pages = length / page_size;
	uint64_t entries[512];
	uint64_t done, nr;

	for (done = 0; done < nr_pages; done += nr) {
		char *chunk = start + done * page_size;
		ssize_t size;

		nr = nr_pages - done;
		if (nr > sizeof(entries) / sizeof(*entries))
			nr = sizeof(entries) / sizeof(*entries);
		size = pread(pagemap->fd, entries, nr * sizeof(*entries),
			     (off_t)((uintptr_t)chunk / page_size * sizeof(*entries)));
		for (uint64_t i = 0; i < nr; i++) {
			/* Without an entry, assume that the page is private. */
			bool known = size >= (ssize_t)((i + 1) * sizeof(*entries));
			int ret = 0;

			if (!known || is_private(entries[i]))
				ret = visit(chunk + i * page_size, context);
			if (ret)
				return ret;
		}
	}
	return 0;
}
