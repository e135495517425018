// SPDX-License-Identifier: MIT
/*
 * What an instance costs that starts without any memory: from nothing until it
 * has written its pages ("until written"), and until it is gone ("until freed",
 * "until decommitted").
 *
 *	cold_start ALTERNATIVE	with what the environment says; "system" does without
 *				libslotpool
 *
 * The first and later instances of an image, each in a slot that was never used,
 * and those after an eviction, in a slot that was emptied. In user space a freed
 * slot's mapping can stay while its memory is given back, which is madvise's best
 * case and stands for itself. A cold start by mmap is as wasm2c's runtime does it
 * (wasm-rt-impl.c) for a memory that is an image: reserve, map, unmap. By fork it
 * is a child of a process that has mapped the image and written nothing: the kernel
 * then has no page tables to copy.
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
/* Pages from one that is written to the next, and how records call that */
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

/* An instance's costs, from its beginning on */
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

/* What the alternative can't do costs nothing. */
static void tell_sample(const char *alternative, const char *instance, struct sample *sample)
{
	double decommitted = median(sample->decommitted, sample->nr);

	if (sample->written[0])
		tell(alternative, instance, "until written", median(sample->written, sample->nr));
	tell(alternative, instance, "until freed", median(sample->freed, sample->nr));
	if (decommitted)
		tell(alternative, instance, "until decommitted", decommitted);
}

/* ---- libslotpool, with and without the module ---- */

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

/* An instance in the slot that ALLOC chooses; that slot is used afterwards. */
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
		errx(1, "ALLOC: another slot than the affine one");
	return costs;
}

/* The same for one whose slot is emptied right away */
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

/* A slot whose memory was given back, and whose mapping is there */
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
		/* Anew, so that there are no page tables either */
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

/* What a child used of a CPU until it was gone, of which only its parent is to hear */
static uint64_t wait_for(pid_t child)
{
	struct timespec time;
	siginfo_t info;
	clockid_t clock;

	if (waitid(P_PID, child, &info, WEXITED | WNOWAIT) || clock_getcpuclockid(child, &clock) ||
	    clock_gettime(clock, &time) || waitpid(child, NULL, 0) != child)
		err(1, "a child can't be waited for");
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
