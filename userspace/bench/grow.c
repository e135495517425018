// SPDX-License-Identifier: MIT
/*
 * Measure growing a memory by 16 pages, as WebAssembly's memory.grow does for a quarter
 * of its pages: with RESIZE, and with mprotect() as a runtime does without slotpool. The
 * memory shrinks again before its next instance starts, by RESET or another mprotect().
 * Costs are in instructions and in empty system calls. Also measure a command that has
 * no effect, a FREE of a slot that the caller doesn't own: no command can cost less.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure.h"
#include "record.h"

#define WORKLOAD "grow by 16 pages"
#define LIMIT (256 * PAGE)
#define GROWTH (16 * PAGE)
/* Steps of growth between two resets, and repetitions */
#define NR_STEPS 32
#define NR_BATCHES 31

static struct slotpool *pool;
static uint32_t slot;
static char *plain;

/* Costs of growing the memory, and of shrinking it again */
struct costs {
	double grow, shrink;
};

static struct costs grow_slot(void)
{
	uint64_t start = cpu_time(), grown, reset;

	for (unsigned long i = 1; i <= NR_STEPS; i++)
		check(slotpool_resize(pool, slot, SLOTPOOL_RESIZE_GROW_ONLY, LIMIT + i * GROWTH, 0,
				      NULL),
		      "RESIZE");
	grown = cpu_time();
	check(slotpool_reset(pool, slot, NULL), "RESET");
	reset = cpu_time();
	/* Subtract a reset of a memory that has not grown. */
	check(slotpool_reset(pool, slot, NULL), "RESET");
	return (struct costs){ grown - start, 2.0 * reset - grown - cpu_time() };
}

static struct costs grow_plain(void)
{
	uint64_t start = cpu_time(), grown;

	for (unsigned long i = 0; i < NR_STEPS; i++) {
		if (mprotect(plain + LIMIT + i * GROWTH, GROWTH, PROT_READ | PROT_WRITE))
			err(1, "mprotect");
	}
	grown = cpu_time();
	if (mprotect(plain + LIMIT, NR_STEPS * GROWTH, PROT_NONE))
		err(1, "mprotect");
	return (struct costs){ grown - start, cpu_time() - grown };
}

static struct costs call_nothing(void)
{
	uint64_t start = cpu_time();

	for (int i = 0; i < NR_STEPS; i++)
		syscall(SYS_getppid);
	return (struct costs){ cpu_time() - start, 0 };
}

static struct costs free_nothing(void)
{
	uint64_t start = cpu_time();

	for (int i = 0; i < NR_STEPS; i++)
		check(slotpool_free(pool, slot + 1, SLOTPOOL_FREE_IF_OWNED, NULL), "FREE");
	return (struct costs){ cpu_time() - start, 0 };
}

static struct costs measure(struct costs (*batch)(void))
{
	double grow[NR_BATCHES], shrink[NR_BATCHES];

	batch();
	for (int i = 0; i < NR_BATCHES; i++) {
		struct costs costs = batch();

		grow[i] = costs.grow / NR_STEPS;
		shrink[i] = costs.shrink;
	}
	return (struct costs){ median(grow, NR_BATCHES), median(shrink, NR_BATCHES) };
}

static void tell(const char *alternative, struct costs costs, double empty)
{
	record(alternative, WORKLOAD, "grow", "instructions", costs.grow);
	record(alternative, WORKLOAD, "grow", "empty system calls", costs.grow / empty);
	record(alternative, WORKLOAD, "shrink", "empty system calls", costs.shrink / empty);
}

int main(void)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_LIMIT, .limit = LIMIT };
	double empty = measure(call_nothing).grow;

	record("floor", "empty system call", "cost", "instructions", empty);

	pool = open_pool();
	check(slotpool_map(pool, 0, slotpool_info(pool)->nr_slots), "mmap");
	check(slotpool_alloc(pool, &alloc), "ALLOC");
	slot = alloc.slot;
	tell("slotpool", measure(grow_slot), empty);
	record("slotpool", "command without effect", "cost", "instructions",
	       measure(free_nothing).grow);
	slotpool_close(pool);

	plain = mmap(NULL, 2 * LIMIT + NR_STEPS * GROWTH, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (plain == MAP_FAILED || mprotect(plain, LIMIT, PROT_READ | PROT_WRITE))
		err(1, "mmap");
	tell("mprotect", measure(grow_plain), empty);
	return 0;
}
