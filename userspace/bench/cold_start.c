// SPDX-License-Identifier: MIT
/*
 * Measure an instance that starts without any memory, until it has written its pages
 * ("until written") and until it has ended ("until freed", "until decommitted").
 *
 *	cold_start ALTERNATIVE	use the pool of the environment; "system" does without
 *				libslotpool
 *
 * Measured are the first and the later instances of an image, each in a slot that was
 * never used, and instances after an eviction, in a slot that was emptied. In user
 * space a slot can give its memory back and keep its mapping; this best case of
 * madvise has a row of its own ("mapping kept"). A cold start by mmap is that of
 * wasm2c's runtime (wasm-rt-impl.c) for a memory that is an image: reserve, map,
 * unmap. A cold start by fork is a child of a process that has mapped the image and
 * has written nothing: the kernel copies no page tables for it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "record.h"

#define SLOT (4UL << 20)
#define SLOT_PAGES (SLOT / PAGE)

#define NR_WRITTEN 64
#define NR_IMAGES 7
#define NR_LATER 9
#define NR_EVICTIONS 15

static char *original;
/* Distance between written pages, in pages, and its name in records */
static unsigned int step;
static const char *spread;

static void touch(char *memory)
{
	for (unsigned int i = 0; i < NR_WRITTEN; i++)
		*(volatile uint64_t *)(memory + i * step * PAGE) = i;
}

static void tell(const char *alternative, const char *instance, const char *figure, double value)
{
	char workload[80];

	snprintf(workload, sizeof(workload), "cold start written=%d %s %s", NR_WRITTEN, spread,
		 instance);
	record(alternative, workload, figure, "instructions", value);
}

/* Costs of an instance since its start */
struct costs {
	double written, freed, decommitted;
};

struct sample {
	double written[NR_IMAGES * NR_LATER], freed[NR_IMAGES * NR_LATER];
	double decommitted[NR_IMAGES * NR_LATER];
	unsigned int nr;
};

static void add(struct sample *sample, struct costs costs)
{
	sample->written[sample->nr] = costs.written;
	sample->freed[sample->nr] = costs.freed;
	sample->decommitted[sample->nr++] = costs.decommitted;
}

/* A cost of 0 means that the alternative doesn't have this step. */
static void tell_sample(const char *alternative, const char *instance, struct sample *sample)
{
	double decommitted = median(sample->decommitted, sample->nr);

	if (sample->written[0])
		tell(alternative, instance, "until written", median(sample->written, sample->nr));
	tell(alternative, instance, "until freed", median(sample->freed, sample->nr));
	if (decommitted)
		tell(alternative, instance, "until decommitted", decommitted);
}

/* ---- libslotpool, with the module or without it ---- */

static uint32_t take(struct slotpool *pool, uint32_t image)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE, .image = image };

	check(slotpool_alloc(pool, &alloc), "ALLOC");
	return alloc.slot;
}

static struct slotpool *open_with_image(uint32_t *image)
{
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)original };
	struct slotpool *pool = open_pool();

	if (slotpool_info(pool)->slot_size != SLOT ||
	    slotpool_info(pool)->nr_slots <= 2 * NR_LATER)
		errx(1, "needs a pool with slot_size=4M nr_slots=32");
	check(slotpool_map(pool, 0, slotpool_info(pool)->nr_slots), "mmap");
	check(slotpool_image_memory(pool, &range, 1, SLOT, image, NULL), "IMAGE");
	return pool;
}

/* Run an instance in the slot that ALLOC chooses. The slot is allocated afterwards. */
static struct costs live(struct slotpool *pool, uint32_t image)
{
	struct costs costs = { 0 };
	uint64_t start = cpu_time();
	uint32_t slot = take(pool, image);

	touch(slotpool_address(pool, slot));
	costs.written = cpu_time() - start;
	check(slotpool_free(pool, slot, 0, NULL), "FREE");
	costs.freed = cpu_time() - start;
	if (take(pool, image) != slot)
		errx(1, "ALLOC did not return the affine slot");
	return costs;
}

/* Run an instance, and empty its slot at once. */
static double live_once(struct slotpool *pool, uint32_t image)
{
	uint64_t start = cpu_time();
	uint32_t slot = take(pool, image);

	touch(slotpool_address(pool, slot));
	check(slotpool_free(pool, slot, SLOTPOOL_FREE_DECOMMIT, NULL), "FREE");
	return cpu_time() - start;
}

static void measure_evictions(const char *alternative)
{
	struct sample sample = { .nr = 0 };
	uint32_t image, slot;
	struct slotpool *pool = open_with_image(&image);

	slot = take(pool, image);
	touch(slotpool_address(pool, slot));
	for (int i = 0; i < NR_EVICTIONS; i++) {
		struct costs costs;

		check(slotpool_free(pool, slot, 0, NULL), "FREE");
		check(slotpool_purge_slot(pool, slot), "PURGE");
		costs = live(pool, image);
		check(slotpool_free(pool, slot, SLOTPOOL_FREE_DECOMMIT, NULL), "FREE");
		costs.decommitted = live_once(pool, image);
		slot = take(pool, image);
		add(&sample, costs);
	}
	tell_sample(alternative, "after eviction", &sample);
	slotpool_close(pool);
}

/* A slot that has given its memory back and has kept its mapping */
static void measure_mapped(const char *alternative)
{
	struct sample sample = { .nr = 0 };
	uint32_t image;
	struct slotpool *pool = open_with_image(&image);

	live(pool, image);
	check(slotpool_free(pool, 0, 0, NULL), "FREE");
	for (int i = 0; i < NR_EVICTIONS; i++) {
		add(&sample, live(pool, image));
		check(slotpool_free(pool, 0, 0, NULL), "FREE");
	}
	tell_sample(alternative, "mapping kept", &sample);
	slotpool_close(pool);
}

static void measure_pool(const char *alternative)
{
	struct sample first = { .nr = 0 }, later = { .nr = 0 };
	struct slotpool *pool;
	uint32_t image;

	for (int i = 0; i < NR_IMAGES; i++) {
		/* A new client has no page tables. */
		pool = open_with_image(&image);
		add(&first, live(pool, image));
		for (int k = 0; k < NR_LATER; k++)
			add(&later, live(pool, image));
		slotpool_close(pool);
	}
	tell_sample(alternative, "instance=first", &first);
	tell_sample(alternative, "instance=later", &later);
	measure_evictions(alternative);
}

/* ---- a mapping for each instance; a process for each ---- */

static double live_in_mapping(int fd)
{
	uint64_t start = cpu_time();
	char *memory = mmap(NULL, 2 * SLOT, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED ||
	    mmap(memory, SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
		err(1, "mmap");
	touch(memory);
	munmap(memory, 2 * SLOT);
	return cpu_time() - start;
}

/* Wait for a child. Return the CPU time that it used until it exited. */
static uint64_t wait_for(pid_t child)
{
	struct timespec time;
	siginfo_t info;
	clockid_t clock;

	if (waitid(P_PID, child, &info, WEXITED | WNOWAIT) || clock_getcpuclockid(child, &clock) ||
	    clock_gettime(clock, &time) || waitpid(child, NULL, 0) != child)
		err(1, "cannot wait for a child");
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static double live_in_process(char *memory)
{
	uint64_t start = cpu_time(), used;
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (!child) {
		touch(memory);
		_exit(0);
	}
	used = wait_for(child);
	return cpu_time() - start + used;
}

static void measure_system(void)
{
	struct sample mappings = { .nr = 0 }, processes = { .nr = 0 };
	int fd = make_image_file(original, SLOT);
	char *memory;

	memory = mmap(NULL, SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	for (int i = 0; i < NR_EVICTIONS; i++) {
		add(&mappings, (struct costs){ .freed = live_in_mapping(fd) });
		add(&processes, (struct costs){ .freed = live_in_process(memory) });
	}
	tell_sample("mmap", "instance=later", &mappings);
	tell_sample("fork", "instance=later", &processes);
	munmap(memory, SLOT);
	close(fd);
}

static void measure(const char *alternative, bool scattered)
{
	step = scattered ? SLOT_PAGES / NR_WRITTEN : 1;
	spread = scattered ? "scattered" : "together";
	if (!strcmp(alternative, "system")) {
		measure_system();
		return;
	}
	measure_pool(alternative);
	if (!strcmp(alternative, "madvise"))
		measure_mapped(alternative);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: cold_start ALTERNATIVE");
	original = mmap(NULL, SLOT, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (original == MAP_FAILED)
		err(1, "mmap");
	memset(original, 'i', SLOT);
	measure(argv[1], false);
	measure(argv[1], true);
	return 0;
}
