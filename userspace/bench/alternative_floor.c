// SPDX-License-Identifier: MIT
/*
 * The work that nothing can avoid: the instance touches its pages, they are
 * overwritten, and one system call ends the request.
 *
 * Pages are overwritten one by one, because in general they are not contiguous. A
 * copy of a contiguous range saves some instructions a page.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alternative.h"
#include "measure.h"

static char *memory;
static uint64_t size, overwritten;

static bool start(const struct workload *workload, const struct setting *setting)
{
	(void)setting;
	size = workload->memory + workload->grown;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	overwritten = 0;
	return true;
}

static void cycle(const struct workload *workload)
{
	workload_touch(workload, memory);
	for (unsigned int i = 0; i < workload->nr_written; i++) {
		uint64_t offset = workload->written[i];

		if (offset < workload->image)
			memcpy(memory + offset, original + offset, PAGE);
		else
			memset(memory + offset, 0, PAGE);
	}
	overwritten += workload->nr_written * PAGE;
	syscall(SYS_getppid);
}

static void stop(void)
{
	munmap(memory, size);
}

static uint64_t floor_overwritten(void)
{
	return overwritten;
}

const struct alternative alternative_floor = {
	.name = "floor",
	.start = start,
	.cycle = cycle,
	.stop = stop,
	.overwritten = floor_overwritten,
};
