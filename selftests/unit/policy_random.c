// SPDX-License-Identifier: GPL-2.0-only
/* Run random operations on the policy and on the model, one pool after the other. */
#include <errno.h>
#include <sys/random.h>

#include "lockstep.h"
#include "tap.h"

#define HUGE (~0ULL)

struct configuration {
	__u32 nr_slots;
	__u64 max_unused_warm_slots;
	__u32 nr_keys, nr_domains;
	bool one_bucket; /* all affinities share a hash bucket */
};

static const struct configuration configurations[] = {
	{ 1, 0, 1, 1, false },
	{ 1, 1, 2, 1, false },
	{ 1, HUGE, 2, 2, false },
	{ 2, 0, 3, 1, false },
	{ 2, 1, 1, 2, false },
	{ 2, 2, 3, 1, true },
	{ 3, 1ULL << 32, 2, 2, false },
	{ 4, 2, 4, 1, false },
	{ 5, 3, 1, 1, false },
	{ 8, 0, 3, 3, false },
	{ 8, 4, 5, 2, true },
	{ 8, 9, 100, 1, false },
	{ 17, 16, 4, 4, false },
	{ 32, 1, 1, 1, false },
	{ 32, 20, 64, 1, true },
	{ 64, HUGE, 8, 8, false },
	{ 64, 32, 1000, 1, true },
	{ 100, 0, 10, 1, false },
	{ 100, 60, 1, 30, false },
	{ 255, 100, 20, 20, true },
	{ 256, HUGE, 5, 1, false },
	{ 600, 200, 50, 4, false },
};

static __u64 random_state;

/* SplitMix64 (Sebastiano Vigna, public domain). */
static __u64 random_number(void)
{
	__u64 value = random_state += 0x9e3779b97f4a7c15ULL;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

static __u32 random_below(__u32 bound)
{
	return random_number() % bound;
}

static __u64 random_max_unused_warm_slots(const struct configuration *configuration)
{
	switch (random_below(8)) {
	case 0:
		return 0;
	case 1:
		return HUGE;
	case 2:
	case 3:
		return random_below(configuration->nr_slots + 2);
	default:
		return configuration->max_unused_warm_slots;
	}
}

/* @filling: percentage of allocations among the common operations */
static struct operation random_operation(const struct configuration *configuration, __u32 filling)
{
	static const enum operation_kind rare[] = {
		OPERATION_ALLOC_EXACT,
		OPERATION_TAKE_VICTIM,
		OPERATION_TAKE_AFFINE,
		OPERATION_TAKE_EXACT,
		OPERATION_PUT_TAKEN,
		OPERATION_PUT_TAKEN,
		OPERATION_PUT_TAKEN,
		OPERATION_PURGE,
		OPERATION_SET_MAX_UNUSED_WARM_SLOTS,
	};
	struct operation operation = {
		.slot = random_below(configuration->nr_slots),
		.affinity.key = random_below(configuration->nr_keys),
		.affinity.domain = random_below(8) ? 1 + random_below(configuration->nr_domains) :
						     0,
		.max_unused_warm_slots = random_max_unused_warm_slots(configuration),
	};

	if (!random_below(10))
		operation.kind = rare[random_below(ARRAY_SIZE(rare))];
	else if (random_below(100) < filling)
		operation.kind = OPERATION_ALLOC;
	else if (random_below(8))
		operation.kind = OPERATION_FREE;
	else
		operation.kind = OPERATION_DECOMMIT;
	return operation;
}

static bool run(const struct configuration *configuration, __u64 nr_operations)
{
	struct lockstep lockstep;
	__u32 filling = 50;
	bool passed = true;
	__u64 i;

	lockstep_start(&lockstep, configuration->nr_slots, configuration->max_unused_warm_slots,
		       random_number(), configuration->one_bucket);
	for (i = 0; passed && i < nr_operations; i++) {
		struct operation operation;

		/* Let the pool become nearly full, nearly empty, and anything between. */
		if (i % (4ULL * configuration->nr_slots) == 0) {
			filling = 10 + random_below(81);
			tap_progress();
		}
		operation = random_operation(configuration, filling);
		passed = lockstep_step(&lockstep, &operation);
		/* Check all slots once in as many operations as there are slots. */
		if (passed && i % configuration->nr_slots == 0)
			passed = lockstep_check(&lockstep);
		if (!passed)
			printf("# after operation %llu: kind %d slot %u key %llu domain %llu\n", i,
			       operation.kind, operation.slot, operation.affinity.key,
			       operation.affinity.domain);
	}
	if (passed)
		passed = lockstep_check(&lockstep);
	lockstep_stop(&lockstep);
	return passed;
}

static __u64 number_from_environment(const char *name, __u64 otherwise)
{
	const char *text = getenv(name);
	__u64 number;
	char *end;

	if (!text)
		return otherwise;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || end == text || *end) {
		fprintf(stderr, "%s=%s: must be a number\n", name, text);
		exit(EXIT_FAILURE);
	}
	return number;
}

int main(void)
{
	__u64 seed = 0;
	__u64 nr_operations;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
		perror("getrandom");
		return EXIT_FAILURE;
	}
	seed = number_from_environment("SEED", seed);
	nr_operations = number_from_environment("OPERATIONS", 6000000);
	nr_operations = (nr_operations + ARRAY_SIZE(configurations) - 1) /
			ARRAY_SIZE(configurations);
	random_state = seed;

	tap_plan(ARRAY_SIZE(configurations));
	printf("# SEED=%llu OPERATIONS=%llu repeats this run\n", seed,
	       nr_operations * ARRAY_SIZE(configurations));
	for (unsigned int i = 0; i < ARRAY_SIZE(configurations); i++) {
		const struct configuration *configuration = &configurations[i];

		tap_result(run(configuration, nr_operations),
			   "%llu operations: %u slots, N=%llu, %u keys, %u domains%s",
			   nr_operations, configuration->nr_slots,
			   configuration->max_unused_warm_slots, configuration->nr_keys,
			   configuration->nr_domains,
			   configuration->one_bucket ? ", one hash bucket" : "");
	}
	return tap_finish();
}
