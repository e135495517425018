// SPDX-License-Identifier: MIT
/*
 * A mapping, or a process, for each instance.
 *
 * wasm2c's runtime makes a mapping like this (wabt, wasm2c/
 * wasm-rt-mem-impl-helper.inc): reserve address space, make its beginning accessible,
 * make more accessible to grow, unmap all of it at the end. That runtime copies the
 * data segments into the new memory. Here they are an image, mapped by the call that
 * makes the beginning accessible, as in Wasmtime's on-demand allocator
 * (crates/wasmtime/src/runtime/vm/cow.rs). The zeros above the image are anonymous
 * memory, or are part of the image's file: then they need no mprotect(), and reading
 * them allocates no page.
 *
 * The parent of a process has a new memory. If the parent has touched no page of it,
 * fork() copies no page tables; if it has touched all pages, reads in the child take
 * no page fault. The process is small: fork() takes longer with more mappings.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alternative.h"
#include "measure.h"
#include "place.h"

static char *memory;
static int file;
/* Size of the file; the memory above is anonymous */
static uint64_t length;

static uint64_t room(const struct workload *workload)
{
	return 2 * workload->memory;
}

static void map(const struct workload *workload)
{
	memory = mmap(NULL, room(workload), PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED ||
	    mmap(memory, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) ==
		    MAP_FAILED)
		err(1, "mmap");
	if (length < workload->memory &&
	    mprotect(memory + length, workload->memory - length, PROT_READ | PROT_WRITE))
		err(1, "mprotect");
}

static void unmap(const struct workload *workload)
{
	munmap(memory, room(workload));
}

static void live(const struct workload *workload)
{
	if (workload->grown &&
	    mprotect(memory + workload->memory, workload->grown, PROT_READ | PROT_WRITE))
		err(1, "mprotect");
	workload_touch(workload, memory);
}

static void make_file(const struct workload *workload, bool whole)
{
	length = whole ? workload->memory : workload->image;
	file = make_image_file(original, length);
}

static bool start_mmap(const struct workload *workload, const struct setting *setting)
{
	make_file(workload, setting->other);
	place_aligned(room(workload));
	return true;
}

static void cycle_mmap(const struct workload *workload)
{
	map(workload);
	live(workload);
	unmap(workload);
}

static void stop_mmap(void)
{
	place_as_usual();
	close(file);
}

static const struct workload *forked;

static bool start_fork(const struct workload *workload, const struct setting *setting)
{
	make_file(workload, true);
	place_aligned(room(workload));
	map(workload);
	forked = workload;
	for (uint64_t offset = 0; setting->other && offset < workload->memory; offset += PAGE)
		*(volatile char *)(memory + offset) = original[offset];
	return true;
}

static void cycle_fork(const struct workload *workload)
{
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (!child) {
		live(workload);
		_exit(0);
	}
	if (waitpid(child, NULL, 0) != child)
		err(1, "waitpid");
}

static void stop_fork(void)
{
	unmap(forked);
	place_as_usual();
	close(file);
}

static uint64_t children(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
}

const struct alternative alternative_mmap = {
	.name = "mmap",
	.huge = true,
	.other = "zeros in the file",
	.start = start_mmap,
	.cycle = cycle_mmap,
	.stop = stop_mmap,
};

const struct alternative alternative_fork = {
	.name = "fork",
	.other = "parent has touched all pages",
	.start = start_fork,
	.cycle = cycle_fork,
	.stop = stop_fork,
	.elsewhere = children,
};
