// SPDX-License-Identifier: MIT
/*
 * Measure ALLOC and FREE over the number of slots and of affinities. All slots are
 * warm and hold no pages, and are divided equally among the affinities. Requests
 * choose an affinity at random.
 *
 *	allocation AFFINITIES...	measure each number in the loaded pool
 */
#include <stdio.h>

#include "measure.h"
#include "record.h"

#define NR_BATCHES 31
#define BATCH 64

static uint64_t random_key(uint64_t nr_keys)
{
	static uint64_t state = 1;

	/* Marsaglia's xorshift gives the same order in every run. */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % nr_keys;
}

static uint32_t take(struct slotpool *pool, uint64_t key)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_KEY, .key = key };

	check(slotpool_alloc(pool, &alloc), "ALLOC");
	return alloc.slot;
}

static void give(struct slotpool *pool, uint32_t slot)
{
	check(slotpool_free(pool, slot, 0, NULL), "FREE");
}

static void measure(struct slotpool *pool, uint32_t nr_slots, uint64_t nr_keys)
{
	uint64_t keys[BATCH], start;
	double costs[NR_BATCHES];
	char workload[80];

	for (int i = 0; i < NR_BATCHES; i++) {
		/* Choose keys first: only the system calls are measured. */
		for (int k = 0; k < BATCH; k++)
			keys[k] = random_key(nr_keys);
		start = cpu_time();
		for (int k = 0; k < BATCH; k++)
			give(pool, take(pool, keys[k]));
		costs[i] = (double)(cpu_time() - start) / BATCH;
	}
	snprintf(workload, sizeof(workload), "ALLOC and FREE slots=%u affinities=%lu shards=%u",
		 nr_slots, (unsigned long)nr_keys, slotpool_info(pool)->nr_shards);
	record("slotpool", workload, "cost", "instructions/cycle", median(costs, NR_BATCHES));
}

int main(int argc, char **argv)
{
	struct slotpool *pool;
	uint32_t nr_slots, i;

	if (argc < 2)
		errx(2, "usage: allocation AFFINITIES...");
	pool = open_pool();
	nr_slots = slotpool_info(pool)->nr_slots;
	/* A runtime maps its slots. Commands cost more for a client without a mapping. */
	check(slotpool_map(pool, 0, 1), "mmap");
	for (int k = 1; k < argc; k++) {
		uint64_t nr_keys = strtoull(argv[k], NULL, 0);

		for (i = 0; i < nr_slots; i++)
			take(pool, i % nr_keys);
		for (i = 0; i < nr_slots; i++)
			give(pool, i);
		measure(pool, nr_slots, nr_keys);
	}
	slotpool_close(pool);
	return 0;
}
