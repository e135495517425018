// SPDX-License-Identifier: GPL-2.0-only
/*
 * The placement rule, through the commands.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib/device.h"
#include "lib/harness.h"

FIXTURE(policy)
{
	int fd;
};

FIXTURE_VARIANT(policy)
{
	const char *parameters;
	/* A: alloc, F: free, D: free and decommit, P: purge; see design.rst */
	const char *steps;
};

FIXTURE_VARIANT_ADD(policy, next_available)
{
	.parameters = "nr_slots=4 nr_shards=1 max_unused_warm_slots=0",
	.steps = "A1->0 A1->1 F1 F0 A2->1 A2->0 A2->2",
};

FIXTURE_VARIANT_ADD(policy, reuse_affinity)
{
	.parameters = "nr_slots=3 nr_shards=1 max_unused_warm_slots=100",
	.steps = "A1->0 F0 A2->1 F1 A3->2 F2 A4->0",
};

FIXTURE_VARIANT_ADD(policy, one_warm_slot)
{
	.parameters = "nr_slots=3 nr_shards=1 max_unused_warm_slots=1",
	.steps = "A1->0 F0 A-->0 F0 A1->0",
};

FIXTURE_VARIANT_ADD(policy, two_warm_slots)
{
	.parameters = "nr_slots=3 nr_shards=1 max_unused_warm_slots=2",
	.steps = "A1->0 F0 A-->1",
};

FIXTURE_VARIANT_ADD(policy, affine_beyond_bound)
{
	.parameters = "nr_slots=10 nr_shards=1 max_unused_warm_slots=2",
	.steps = "A1->0 F0 A2->1 F1 A3->0 F0 A2->1 A1->2 F1 F2 A1->2 A2->1 A3->0",
};

FIXTURE_VARIANT_ADD(policy, purge)
{
	.parameters = "nr_slots=4 nr_shards=1 max_unused_warm_slots=9",
	.steps = "A1->0 A1->1 A2->2 F1 F0 F2 P1 A2->2 A3->0 A3->1 A3->3",
};

FIXTURE_VARIANT_ADD(policy, decommit)
{
	.parameters = "nr_slots=4 nr_shards=1 max_unused_warm_slots=9",
	.steps = "A1->0 A1->1 D0 D1 A1->1 A1->0 A1->2",
};

FIXTURE_SETUP(policy)
{
	ASSERT_EQ(0, load_pool(variant->parameters));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(policy)
{
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

/* Does the step that is written as "A1->0" and so on; returns false if it fails. */
static bool do_step(int fd, const char *step)
{
	int number = step[1] - '0';

	switch (step[0]) {
	case 'A':
		return (step[1] == '-' ? call_alloc_any(fd) : call_alloc_key(fd, number)) ==
		       step[4] - '0';
	case 'F':
		return call_free(fd, number) == 0;
	case 'D':
		return call_free_flags(fd, number, SLOTPOOL_FREE_DECOMMIT) == 0;
	case 'P':
		return call_purge(fd, SLOTPOOL_PURGE_KEY, number, 0) > 0;
	default:
		return false;
	}
}

TEST_F(policy, takes_slots_in_the_order_of_the_rule)
{
	const char *step = variant->steps;

	while (*step) {
		ASSERT_TRUE(do_step(self->fd, step)) {
			TH_LOG("at %s", step);
		}
		step += strcspn(step, " ");
		step += strspn(step, " ");
	}
}

static int purge_client;
static atomic_bool purge_stop;

static void *purge_all_the_time(void *result)
{
	long *purged = result;

	while (!purge_stop)
		*purged += call_purge(purge_client, 0, 0, 0);
	return NULL;
}

/* The only slot is free, or will be in a moment: it is never said to be used. */
TEST(allocations_wait_for_a_slot_that_is_being_purged)
{
	long i, pages, purged = 0;
	pthread_t thread;
	char *base;
	int slot;

	ASSERT_EQ(0, load_pool("nr_slots=1 slot_size=1M max_unused_warm_slots=1"));
	purge_client = open_pool();
	base = map_slots(purge_client, 0, 1);
	ASSERT_NE(MAP_FAILED, base);
	ASSERT_EQ(0, pthread_create(&thread, NULL, purge_all_the_time, &purged));
	for (i = 0; i < 1000; i++) {
		slot = i % 2 ? call_alloc_any(purge_client) : call_alloc_exact(purge_client, 0);
		if (slot != 0)
			break;
		for (pages = 0; pages < 64; pages++)
			base[pages * 4096] = 'x';
		if (call_free(purge_client, 0) < 0)
			break;
	}
	purge_stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(1000, i);
	ASSERT_LT(0, purged);
	ASSERT_EQ(0, munmap(base, 2UL << 20));
	ASSERT_EQ(0, close(purge_client));
	ASSERT_EQ(0, unload_pool());
}

/* Allocates on a processor, which decides where the search for a slot begins. */
static int alloc_on(int processor, int fd, uint64_t key)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	return call_alloc_key(fd, key);
}

TEST(a_key_is_purged_in_every_shard)
{
	bool seen[2] = { false };
	int fd, slot, i;

	ASSERT_EQ(0, load_pool("nr_slots=8 nr_shards=2 max_unused_warm_slots=8"));
	fd = open_pool();
	for (i = 0; i < 4; i++) {
		slot = alloc_on(i % 2, fd, i < 2 ? 1 : 2);
		ASSERT_GE(slot, 0);
		seen[slot / 4] = true;
	}
	ASSERT_TRUE(seen[0] && seen[1]);
	for (slot = 0; slot < 8; slot++)
		call_free(fd, slot);
	ASSERT_EQ(4, call_stat(fd).warm_slots);
	ASSERT_EQ(2, call_purge(fd, SLOTPOOL_PURGE_KEY, 1, 0));
	ASSERT_EQ(2, call_stat(fd).warm_slots);
	ASSERT_EQ(2, call_purge(fd, 0, 0, 0));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, unload_pool());
}

TEST_HARNESS_MAIN
