// SPDX-License-Identifier: MIT
/*
 * What ALLOC and FREE cost as such, by the number of slots and of affinities: all
 * slots are warm and hold nothing, and each affinity has as many as the others.
 * The affinities are asked for in a random order.
 *
 *	allocation AFFINITIES...	in the pool that is loaded, for each number
 */
#include <stdio.h>

#include "measure.h"
#include "record.h"

#define NR_BATCHES 31
#define BATCH 64

static uint64_t random_key(uint64_t nr_keys)
{
	static uint64_t state = 1;

	/* Marsaglia's xorshift: the same order in every run */
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
		/* Only the system calls are to count. */
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
	/* As a runtime has it: commands of a client that maps nothing cost more. */
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
