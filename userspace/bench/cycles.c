// SPDX-License-Identifier: MIT
/*
 * What a request cycle costs over the work that can't be avoided: an instance
 * touches pages, and the slot is its image again.
 *
 * Counted by the process's clock, which stands still while others run. In a
 * machine whose clocks count instructions (make bench) a nanosecond is one; on a
 * host it is a nanosecond.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <slotpool.h>

#define PAGE 4096UL
#define SLOT (4UL << 20)
#define SLOT_PAGES (SLOT / PAGE)

/* Batches of which the median counts, and about what one of them may take */
#define NR_BATCHES 31
#define BATCH_COST 200000
/* Long enough that a slot has been watched six times */
#define NR_AVERAGED 4096

struct bench {
	struct slotpool *pool;
	uint32_t image;
	uint32_t slot;
	char *memory;
	/* For the floor: a memory and its original */
	char *plain;
	char *original;
	unsigned int written;
	/* Pages from one that is written to the next */
	unsigned int step;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void check(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror(-ret));
}

static void touch(const struct bench *bench, char *memory)
{
	for (unsigned int i = 0; i < bench->written; i++)
		*(volatile uint64_t *)(memory + i * bench->step * PAGE) = i;
}

/* As the kernel copies where a string instruction's iterations are counted */
static void copy_page(void *to, const void *from)
{
	size_t count = PAGE / 8;

	__asm__ volatile("rep movsq"
			 : "+D"(to), "+S"(from), "+c"(count)
			 :
			 : "memory");
}

/* The floor: touch the pages, copy them back, and make one system call. */
static void cycle_floor(const struct bench *bench)
{
	touch(bench, bench->plain);
	for (unsigned int i = 0; i < bench->written; i++)
		copy_page(bench->plain + i * bench->step * PAGE,
			  bench->original + i * bench->step * PAGE);
	syscall(SYS_getppid);
}

static void cycle_reset(const struct bench *bench)
{
	touch(bench, bench->memory);
	check(slotpool_reset(bench->pool, bench->slot, NULL), "RESET");
}

static void cycle_free(const struct bench *bench)
{
	struct slotpool_alloc alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE,
		.image = bench->image,
	};

	touch(bench, bench->memory);
	check(slotpool_free(bench->pool, bench->slot, 0, NULL), "FREE");
	check(slotpool_alloc(bench->pool, &alloc), "ALLOC");
	if (alloc.slot != bench->slot)
		errx(1, "ALLOC: another slot than the affine one");
}

static uint64_t run(const struct bench *bench, void (*cycle)(const struct bench *),
		    unsigned int rounds)
{
	uint64_t start = now();

	for (unsigned int i = 0; i < rounds; i++)
		cycle(bench);
	return now() - start;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* The median over batches: those that a timer interrupt hit are outliers. */
static double median(const struct bench *bench, void (*cycle)(const struct bench *))
{
	double costs[NR_BATCHES];
	unsigned int rounds;

	run(bench, cycle, 3);
	rounds = 1 + BATCH_COST / (1 + run(bench, cycle, 1));
	for (int i = 0; i < NR_BATCHES; i++)
		costs[i] = (double)run(bench, cycle, rounds) / rounds;
	qsort(costs, NR_BATCHES, sizeof(costs[0]), compare);
	return costs[NR_BATCHES / 2];
}

static void start(struct bench *bench)
{
	struct slotpool_alloc alloc = { .flags = SLOTPOOL_ALLOC_IMAGE, .image = bench->image };

	check(slotpool_alloc(bench->pool, &alloc), "ALLOC");
	bench->slot = alloc.slot;
	bench->memory = slotpool_address(bench->pool, alloc.slot);
}

static void stop(struct bench *bench)
{
	check(slotpool_free(bench->pool, bench->slot, SLOTPOOL_FREE_DECOMMIT, NULL), "FREE");
}

static void measure(struct bench *bench, unsigned int written, bool scattered)
{
	double floor, reset, free, average;

	bench->written = written;
	bench->step = scattered && written ? SLOT_PAGES / written : 1;
	floor = median(bench, cycle_floor);
	start(bench);
	reset = median(bench, cycle_reset);
	free = median(bench, cycle_free);
	stop(bench);
	/* From a slot's first sample on */
	start(bench);
	average = (double)run(bench, cycle_reset, NR_AVERAGED) / NR_AVERAGED;
	stop(bench);
	printf("%7u  %-9s %10.0f %10.0f %6.2f %10.0f %6.2f %12.0f\n", written,
	       scattered ? "scattered" : "together", floor, reset, reset / floor, free,
	       free / floor, average);
}

static void set_up(struct bench *bench)
{
	struct slotpool_image_range range = { .length = SLOT };

	check(slotpool_open(NULL, &bench->pool), "the pool can't be opened");
	check(slotpool_map(bench->pool, 0, slotpool_geometry(bench->pool)->nr_slots), "mmap");
	if (slotpool_geometry(bench->pool)->slot_size != SLOT ||
	    slotpool_geometry(bench->pool)->keep_bytes < SLOT)
		errx(1, "needs a pool with slot_size=4M keep_bytes=4M nr_shards=1");
	bench->plain = mmap(NULL, 2 * SLOT, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (bench->plain == MAP_FAILED)
		err(1, "mmap");
	bench->original = bench->plain + SLOT;
	memset(bench->original, 'i', SLOT);
	range.address = (uintptr_t)bench->original;
	check(slotpool_image_memory(bench->pool, &range, 1, SLOT, &bench->image, NULL), "IMAGE");
}

int main(void)
{
	unsigned int written;
	struct bench bench;

	set_up(&bench);
	setlinebuf(stdout);
	printf("%7s  %-9s %10s %10s %6s %10s %6s %12s\n", "written", "pages", "floor", "RESET",
	       "ratio", "FREE+ALLOC", "ratio", "RESET, mean");
	for (written = 0; written <= SLOT_PAGES; written = written ? 4 * written : 1) {
		measure(&bench, written, false);
		if (written > 1 && written < SLOT_PAGES)
			measure(&bench, written, true);
	}
	slotpool_close(bench.pool);
	return 0;
}
