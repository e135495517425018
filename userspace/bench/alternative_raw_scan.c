// SPDX-License-Identifier: MIT
/*
 * A reset with PAGEMAP_SCAN as Wasmtime does it, without the library
 * (crates/wasmtime/src/runtime/vm/sys/unix/pagemap.rs). It looks for pages that are
 * present. libslotpool also looks for pages that are swapped out; Wasmtime leaves
 * them as they were written (its issue 14357). One category less saves some
 * instructions for each page of the memory. It also takes no locks, and chooses no
 * slot.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/pagemap_scan.h"
#include "alternative.h"
#include "measure.h"
#include "place.h"

#define NR_REGIONS 32

static char *memory;
static int pagemap, file;
static uint64_t size, keep, overwritten;

/* Find the written pages. Return the number of regions. */
static int scan_written(uint64_t length, struct scan_region *regions, uint64_t *end)
{
	struct scan scan = {
		.size = sizeof(scan),
		.start = (uintptr_t)memory,
		.end = (uintptr_t)memory + length,
		.regions = (uintptr_t)regions,
		.nr_regions = NR_REGIONS,
		.max_pages = keep / PAGE,
		.inverted = SCAN_FILE | SCAN_ZERO,
		.all_of = SCAN_WRITTEN | SCAN_PRESENT | SCAN_FILE | SCAN_ZERO,
	};
	int nr = ioctl(pagemap, SCAN, &scan);

	*end = scan.walk_end - scan.start;
	return nr;
}

static void stop(void)
{
	close(pagemap);
	close(file);
	munmap(memory, size);
	place_as_usual();
}

static bool start(const struct workload *workload, const struct setting *setting)
{
	uint64_t all = workload->memory + workload->grown, end;
	struct scan_region regions[NR_REGIONS];

	size = 2 * workload->memory;
	keep = setting->keep < all ? setting->keep : all;
	overwritten = 0;
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		err(1, "/proc/self/pagemap");
	file = make_image_file(original, workload->image);
	place_aligned(size);
	memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED ||
	    mprotect(memory, workload->memory, PROT_READ | PROT_WRITE) ||
	    mmap(memory, workload->image, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file,
		 0) == MAP_FAILED)
		err(1, "mmap");
	if (scan_written(workload->memory, regions, &end) >= 0)
		return true;
	stop();
	return false;
}

static void overwrite(const struct workload *workload, uint64_t from, uint64_t to)
{
	uint64_t middle = to < workload->image ? to : workload->image;

	if (from > middle)
		middle = from;
	memcpy(memory + from, original + from, middle - from);
	memset(memory + middle, 0, to - middle);
	overwritten += to - from;
}

static void reset(const struct workload *workload, uint64_t length)
{
	struct scan_region regions[NR_REGIONS];
	uint64_t end;
	int nr = scan_written(length, regions, &end);

	for (int i = 0; i < nr; i++)
		overwrite(workload, regions[i].start - (uintptr_t)memory,
			  regions[i].end - (uintptr_t)memory);
	if (end < length)
		madvise(memory + end, length - end, MADV_DONTNEED);
}

static void cycle(const struct workload *workload)
{
	char *end = memory + workload->memory;

	if (workload->grown && mprotect(end, workload->grown, PROT_READ | PROT_WRITE))
		err(1, "mprotect");
	workload_touch(workload, memory);
	reset(workload, workload->memory + workload->grown);
	if (workload->grown && mprotect(end, workload->grown, PROT_NONE))
		err(1, "mprotect");
}

static uint64_t scan_overwritten(void)
{
	return overwritten;
}

const struct alternative alternative_raw_scan = {
	.name = "raw scan",
	.keeps = true,
	.huge = true,
	.start = start,
	.cycle = cycle,
	.stop = stop,
	.overwritten = scan_overwritten,
};
