// SPDX-License-Identifier: GPL-2.0-only
/* The policy spreads affinities over its hash buckets. */
#include <string.h>

#include "../../kmod/policy.h"
#include "tap.h"

#define NR_SLOTS 1024

/*
 * 1024 affinities at random in 1024 buckets make a chain this long once in some
 * ten billion runs.
 */
#define LONGEST_CHAIN 16

static struct policy_node nodes[NR_SLOTS];
static __u32 buckets[NR_SLOTS];
static struct policy policy;

/* Make every slot warm with an affinity of its own: base, base + step, ... */
static void fill(struct policy_affinity base, struct policy_affinity step, __u64 seed)
{
	struct policy_affinity affinity = base;
	enum policy_placement placement;

	policy_init(&policy, nodes, buckets, NR_SLOTS, NR_SLOTS, seed);
	for (__u32 i = 0; i < NR_SLOTS; i++) {
		policy_alloc(&policy, affinity, &placement);
		affinity.domain += step.domain;
		affinity.key += step.key;
	}
	for (__u32 i = 0; i < NR_SLOTS; i++)
		policy_free(&policy, i);
}

static bool spread(struct policy_affinity base, struct policy_affinity step, __u64 seed)
{
	fill(base, step, seed);
	for (__u32 i = 0; i < NR_SLOTS; i++) {
		__u32 length = 0;

		for (__u32 slot = buckets[i]; slot != POLICY_NO_SLOT; slot = nodes[slot].chain)
			length++;
		if (length >= LONGEST_CHAIN) {
			printf("# %u affinities share a bucket\n", length);
			return false;
		}
	}
	return true;
}

static bool seed_decides(void)
{
	const struct policy_affinity base = { .domain = 1 }, step = { .key = 1 };
	__u32 other[NR_SLOTS];

	fill(base, step, 1);
	memcpy(other, buckets, sizeof(other));
	fill(base, step, 2);
	return memcmp(other, buckets, sizeof(other)) != 0;
}

static bool same_seed_same_buckets(void)
{
	const struct policy_affinity base = { .domain = 1 }, step = { .key = 1 };
	__u32 other[NR_SLOTS];

	fill(base, step, 1);
	memcpy(other, buckets, sizeof(other));
	fill(base, step, 1);
	return memcmp(other, buckets, sizeof(other)) == 0;
}

int main(void)
{
	static const struct {
		const char *name;
		struct policy_affinity base, step;
	} sets[] = {
		{ "consecutive keys", { 1, 0 }, { 0, 1 } },
		{ "keys that are page addresses", { 1, 0x7f0000000000 }, { 0, 4096 } },
		{ "keys that differ only in their highest bits", { 1, 1 }, { 0, 1ULL << 54 } },
		{ "consecutive domains with the same key", { 1, 1 }, { 1, 0 } },
		{ "domains and keys that grow together", { 1, 1 }, { 1, 1 } },
		{ "domains that grow as keys shrink", { 1, 0 }, { 1, -1ULL } },
	};

	tap_plan(6 + ARRAY_SIZE(sets));
	tap_result(policy_nr_buckets(1) == 1, "a pool of one slot has one bucket");
	tap_result(policy_nr_buckets(64) == 64, "a power of two slots has as many buckets");
	tap_result(policy_nr_buckets(65) == 128,
		   "another number of slots has the next power of two buckets");
	tap_result(policy_nr_buckets(POLICY_NO_SLOT - 1) == 1U << 31,
		   "the largest pool has the largest power of two buckets");
	tap_result(seed_decides(), "the seed decides which affinities share a bucket");
	tap_result(same_seed_same_buckets(), "the same seed gives the same buckets");
	for (unsigned int i = 0; i < ARRAY_SIZE(sets); i++) {
		bool even = spread(sets[i].base, sets[i].step, 0) &&
			    spread(sets[i].base, sets[i].step, 0x0123456789abcdefULL);

		tap_result(even, "%s don't crowd buckets", sets[i].name);
	}
	return tap_finish();
}
