// SPDX-License-Identifier: MIT
/*
 * libslotpool with the module, and without it.
 *
 * Without the module the library does what Wasmtime's pooling allocator does with a
 * slot that the same WebAssembly program uses again. userspace/lib/user_slot.c has
 * these sequences of system calls; Wasmtime has them in crates/wasmtime/src/runtime/vm:
 *
 * - An instance starts in an existing mapping of the image. mprotect() moves the
 *   accessible limit, and takes away what the last instance has grown: cow.rs,
 *   instantiate() and set_heap_limit().
 * - madvise: the instance ends with madvise(MADV_DONTNEED): cow.rs,
 *   clear_and_remain_ready().
 * - keep: overwrite the lowest bytes, and give the rest back
 *   (PoolingAllocationConfig's linear_memory_keep_resident): pagemap_disabled.rs,
 *   reset_with_pagemap().
 * - scan: find written pages with PAGEMAP_SCAN and overwrite them, up to the same
 *   number of bytes and up to 32 regions; give the rest back: sys/unix/pagemap.rs,
 *   reset_with_pagemap(). The library looks for more kinds of pages than Wasmtime,
 *   see alternative_raw_scan.c. Its locks and its choice of a backend add about 170
 *   instructions.
 *
 * Wasmtime can give memory back in batches (decommit_batch_size). That changes when
 * the work is done, and not what it costs on one thread.
 */
#include <stdio.h>

#include <slotpool.h>

#include "alternative.h"
#include "measure.h"
#include "place.h"

static struct slotpool *pool;
static struct slotpool_alloc_args request;
static char *memory;

static void alloc(void)
{
	uint32_t before = request.slot;

	check(slotpool_alloc(pool, &request), "ALLOC");
	if (memory && request.slot != before)
		errx(1, "ALLOC did not return the affine slot");
}

static bool fits(const struct workload *workload)
{
	const struct slotpool_info_args *info = slotpool_info(pool);

	return info->slot_size >= workload->memory + workload->grown;
}

static bool start(const struct workload *workload, const struct setting *setting)
{
	struct slotpool_image_range range = {
		.length = workload->image,
		.address = (uintptr_t)original,
	};

	if (slotpool_open(NULL, &pool))
		return false;
	if (!fits(workload)) {
		slotpool_close(pool);
		return false;
	}
	place_aligned(slotpool_info(pool)->slot_stride);
	check(slotpool_map(pool, 0, 1), "mmap");
	request = (struct slotpool_alloc_args){
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_KEEP,
		.keep = setting->keep,
	};
	check(slotpool_image_memory(pool, &range, 1, workload->memory, &request.image, NULL),
	      "IMAGE");
	memory = NULL;
	alloc();
	memory = slotpool_address(pool, request.slot);
	if (!memory)
		errx(1, "another client uses the pool");
	return true;
}

static bool start_kernel(const struct workload *workload, const struct setting *setting)
{
	setenv("SLOTPOOL_BACKEND", "kernel", 1);
	return start(workload, setting);
}

static bool start_user(const struct workload *workload, const struct setting *setting,
		       const char *reset)
{
	char parameters[120];

	snprintf(parameters, sizeof(parameters),
		 "nr_slots=1 slot_size=%lu slot_stride=%lu reset=%s",
		 workload->memory + workload->grown, 2 * workload->memory, reset);
	setenv("SLOTPOOL_BACKEND", "user", 1);
	setenv("SLOTPOOL_USER_POOL", parameters, 1);
	return start(workload, setting);
}

static bool start_scan(const struct workload *workload, const struct setting *setting)
{
	return start_user(workload, setting, "scan");
}

static bool start_keep(const struct workload *workload, const struct setting *setting)
{
	return start_user(workload, setting, "madvise");
}

static bool start_madvise(const struct workload *workload, const struct setting *setting)
{
	const struct setting nothing = { .huge = setting->huge };

	return start_user(workload, &nothing, "madvise");
}

static void live(const struct workload *workload)
{
	if (workload->grown)
		check(slotpool_resize(pool, request.slot, SLOTPOOL_RESIZE_GROW_ONLY,
				      workload->memory + workload->grown, 0, NULL),
		      "RESIZE");
	workload_touch(workload, memory);
}

static void cycle_reset(const struct workload *workload)
{
	live(workload);
	check(slotpool_reset(pool, request.slot, NULL), "RESET");
}

static void cycle_free_alloc(const struct workload *workload)
{
	live(workload);
	check(slotpool_free(pool, request.slot, 0, NULL), "FREE");
	alloc();
}

static void stop(void)
{
	slotpool_close(pool);
	place_as_usual();
}

static uint64_t overwritten(void)
{
	struct slotpool_stat_args stat;

	check(slotpool_stat(pool, &stat), "STAT");
	return stat.reset_pages * PAGE;
}

const struct alternative alternative_reset = {
	.name = "RESET",
	.decays = true,
	.start = start_kernel,
	.cycle = cycle_reset,
	.stop = stop,
	.overwritten = overwritten,
};

const struct alternative alternative_free_alloc = {
	.name = "FREE+ALLOC",
	.decays = true,
	.start = start_kernel,
	.cycle = cycle_free_alloc,
	.stop = stop,
	.overwritten = overwritten,
};

const struct alternative alternative_scan = {
	.name = "scan",
	.keeps = true,
	.huge = true,
	.start = start_scan,
	.cycle = cycle_reset,
	.stop = stop,
	.overwritten = overwritten,
};

const struct alternative alternative_keep = {
	.name = "keep",
	.keeps = true,
	.huge = true,
	.start = start_keep,
	.cycle = cycle_reset,
	.stop = stop,
	.overwritten = overwritten,
};

const struct alternative alternative_madvise = {
	.name = "madvise",
	.huge = true,
	.start = start_madvise,
	.cycle = cycle_reset,
	.stop = stop,
	.overwritten = overwritten,
};
